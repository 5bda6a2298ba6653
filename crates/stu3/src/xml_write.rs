//! FHIR XML of STU3, written from the JSON form: elements in the order of their definitions, numbers with their digits,
//! narratives as they stand.

use std::collections::HashMap;
use std::sync::LazyLock;

use causeway_xml::escape_attribute;
use serde_json::{Map, Value};

use crate::xml::{self, FHIR};

/// Place of each element in its definition, by path.
static PLACES: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let paths = xml::definitions().filter_map(|line| line.split('\t').next());
    paths.enumerate().map(|(place, path)| (path, place)).collect()
});

/// What every resource and data type begins with.
const FIRST: [&str; 8] =
    ["id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];

/// The elements of data types in their order; what a choice ends in is left out of its name.
const DATA_TYPES: [(&str, &[&str]); 20] = [
    ("Identifier", &["use", "type", "system", "value", "period", "assigner"]),
    ("HumanName", &["use", "text", "family", "given", "prefix", "suffix", "period"]),
    (
        "Address",
        &["use", "type", "text", "line", "city", "district", "state", "postalCode", "country", "period"],
    ),
    ("ContactPoint", &["system", "value", "use", "rank", "period"]),
    ("CodeableConcept", &["coding", "text"]),
    ("Coding", &["system", "version", "code", "display", "userSelected"]),
    ("Quantity", &["value", "comparator", "unit", "system", "code"]),
    ("Period", &["start", "end"]),
    ("Reference", &["reference", "identifier", "display"]),
    ("Attachment", &["contentType", "language", "data", "url", "size", "hash", "title", "creation"]),
    ("Annotation", &["author", "time", "text"]),
    ("Range", &["low", "high"]),
    ("Ratio", &["numerator", "denominator"]),
    ("SampledData", &["origin", "period", "factor", "lowerLimit", "upperLimit", "dimensions", "data"]),
    ("Timing", &["event", "repeat", "code"]),
    ("Signature", &["type", "when", "who", "onBehalfOf", "contentType", "blob"]),
    ("Meta", &["versionId", "lastUpdated", "profile", "security", "tag"]),
    ("Narrative", &["status", "div"]),
    (
        "Dosage",
        &[
            "sequence",
            "text",
            "additionalInstruction",
            "patientInstruction",
            "timing",
            "asNeeded",
            "site",
            "route",
            "method",
            "dose",
            "maxDosePerPeriod",
            "maxDosePerAdministration",
            "maxDosePerLifetime",
            "rate",
        ],
    ),
    ("ContactDetail", &["name", "telecom"]),
];

/// The order of elements of `Timing.repeat` whose names begin alike.
const REPEAT: [&str; 15] = [
    "bounds",
    "count",
    "countMax",
    "duration",
    "durationMax",
    "durationUnit",
    "frequency",
    "frequencyMax",
    "period",
    "periodMax",
    "periodUnit",
    "dayOfWeek",
    "timeOfDay",
    "when",
    "offset",
];

/// Parts that have a text of their own, and the element that it stands after; the first of its owner where none is named.
const TEXTS: [(&str, &str); 4] = [
    ("Composition.section", "code"),
    ("QuestionnaireResponse.item", "definition"),
    ("Questionnaire.item", "prefix"),
    ("MedicationAdministration.dosage", ""),
];

/// Writes a resource of STU3 in its JSON form as FHIR XML. What a resource's type has no element for stands last.
pub fn write(resource: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write_resource(&mut out, resource, true);
    out
}

/// Where an element stands among those of its owner: what all have first, then by its definition.
fn place(owner: &str, name: &str) -> (usize, usize, bool) {
    if let Some(at) = FIRST.iter().position(|n| *n == name)
        && (is_whole(owner) || matches!(name, "id" | "extension" | "modifierExtension"))
    {
        return (0, at, false);
    }
    if owner == "Timing.repeat" {
        let at = REPEAT.iter().position(|n| *n == name);
        return (1, at.unwrap_or(if name.starts_with("bounds") { 0 } else { REPEAT.len() }), false);
    }
    if let Some((_, names)) = DATA_TYPES.iter().find(|(ty, _)| *ty == owner || is_quantity(ty, owner)) {
        let exact = names.iter().position(|n| *n == name);
        let choice = || names.iter().position(|n| name.starts_with(n));
        return (1, exact.or_else(choice).unwrap_or(names.len()), false);
    }
    let defined = |name: &str| PLACES.get(format!("{owner}.{name}").as_str()).copied();
    match TEXTS.iter().find(|(part, _)| name == "text" && *part == owner) {
        Some((_, after)) => (1, defined(after).unwrap_or(0), true),
        None => (1, defined(name).unwrap_or(usize::MAX), false),
    }
}

/// Kinds of quantity have its elements.
fn is_quantity(ty: &str, owner: &str) -> bool {
    ty == "Quantity" && matches!(owner, "Age" | "Duration" | "Money" | "Distance" | "Count")
}

/// Whether a path is that of a whole resource, whose `text` is its narrative.
fn is_whole(owner: &str) -> bool {
    !owner.contains('.')
        && !DATA_TYPES.iter().any(|(ty, _)| *ty == owner || is_quantity(ty, owner))
        && owner != "Extension"
}

fn write_resource(out: &mut String, resource: &Value, outermost: bool) {
    let (Some(name), Some(map)) = (resource["resourceType"].as_str(), resource.as_object()) else { return };
    out.push('<');
    out.push_str(name);
    if outermost {
        out.push_str(&format!(" xmlns=\"{FHIR}\""));
    }
    out.push('>');
    members(out, map, name, true);
    out.push_str(&format!("</{name}>"));
}

/// The elements of an object, those that are attributes aside.
fn members(out: &mut String, map: &Map<String, Value>, owner: &str, resource: bool) {
    let mut names: Vec<&str> = map.keys().map(|k| k.strip_prefix('_').unwrap_or(k)).collect();
    names.retain(|name| {
        *name != "resourceType" && (resource || *name != "id") && !(owner == "Extension" && *name == "url")
    });
    names.sort_by_key(|name| place(owner, name));
    names.dedup();
    for name in names {
        let (ty, _) = xml::typed(owner, name);
        let (value, more) =
            (map.get(name).unwrap_or(&Value::Null), map.get(&format!("_{name}")).unwrap_or(&Value::Null));
        match (value, more) {
            (Value::Array(list), _) => {
                for (at, one) in list.iter().enumerate() {
                    element(out, name, one, &more[at], &ty);
                }
            }
            (Value::Null, Value::Array(list)) => {
                list.iter().for_each(|one| element(out, name, &Value::Null, one, &ty))
            }
            _ => element(out, name, value, more, &ty),
        }
    }
}

/// One element: a resource within, a narrative, an object, or a value with what is said of it.
fn element(out: &mut String, name: &str, value: &Value, more: &Value, ty: &str) {
    if let (Value::Null, Value::Null) = (value, more) {
        return;
    }
    if name == "div" && ty == "string" && value.is_string() {
        return out.push_str(value.as_str().unwrap_or_default());
    }
    if value["resourceType"].is_string() {
        out.push_str(&format!("<{name}>"));
        write_resource(out, value, false);
        return out.push_str(&format!("</{name}>"));
    }
    out.push('<');
    out.push_str(name);
    let map = value.as_object().or(more.as_object());
    let mut attribute =
        |name: &str, text: &str| out.push_str(&format!(" {name}=\"{}\"", escape_attribute(text)));
    for own in ["id", "url"] {
        if let Some(text) =
            map.and_then(|m| m.get(own)?.as_str()).filter(|_| own == "id" || ty == "Extension")
        {
            attribute(own, text);
        }
    }
    match value {
        Value::String(text) => attribute("value", text),
        Value::Number(number) => attribute("value", &number.to_string()),
        Value::Bool(flag) => attribute("value", if *flag { "true" } else { "false" }),
        _ => {}
    }
    out.push('>');
    if let Some(map) = map {
        members(out, map, ty, false);
    }
    out.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_stand_in_the_order_of_their_definitions() {
        let resource = json!({
            "resourceType": "Observation", "valueQuantity": {"unit": "kg", "value": 61.5},
            "status": "final", "_status": {"id": "s"}, "code": {"text": "Weight <kg>"},
            "text": {"div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">61.5</div>", "status": "generated"},
            "id": "o-1", "extension": [{"valueString": "a\nb", "url": "http://x.example"}],
            "category": [{"coding": [{"display": "d", "code": "c", "system": "s"}]}],
            "referenceRange": [{"text": "50 to 70", "low": {"value": 50}}],
            "contained": [{"resourceType": "DocumentReference", "content": [{"attachment": {"language": "cy", "contentType": "text/plain"}}]}],
        });
        assert_eq!(
            write(&resource),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Observation xmlns=\"http://hl7.org/fhir\"><id value=\"o-1\"></id>\
             <text><status value=\"generated\"></status><div xmlns=\"http://www.w3.org/1999/xhtml\">61.5</div></text>\
             <contained><DocumentReference><content><attachment><contentType value=\"text/plain\"></contentType><language value=\"cy\"></language></attachment></content></DocumentReference></contained>\
             <extension url=\"http://x.example\"><valueString value=\"a&#10;b\"></valueString></extension>\
             <status id=\"s\" value=\"final\"></status>\
             <category><coding><system value=\"s\"></system><code value=\"c\"></code><display value=\"d\"></display></coding></category>\
             <code><text value=\"Weight &lt;kg&gt;\"></text></code>\
             <valueQuantity><value value=\"61.5\"></value><unit value=\"kg\"></unit></valueQuantity>\
             <referenceRange><low><value value=\"50\"></value></low><text value=\"50 to 70\"></text></referenceRange></Observation>"
        );
    }

    #[test]
    fn every_element_of_the_tables_has_one_place() {
        assert_eq!(PLACES.len(), xml::definitions().count());
        assert!(place("Patient", "name") < place("Patient", "birthDate"));
        assert!(place("Timing.repeat", "period") < place("Timing.repeat", "periodMax"));
        assert!(place("Composition.section", "code") < place("Composition.section", "text"));
        assert!(place("Composition.section", "text") < place("Composition.section", "entry"));
        assert!(place("Composition.section", "title") < place("Composition.section", "entry"));
    }
}
