//! The International Patient Summary (IPS 2.0): a FHIR document made of the resources of one person, with a text for people in
//! each section. What nobody told is said to be unavailable, never to be none.

use serde_json::{Map, Value, json};

/// A section: LOINC code and display, title, and whether a summary always has it.
struct Section {
    code: &'static str,
    display: &'static str,
    title: &'static str,
    always: bool,
}

const fn section(code: &'static str, display: &'static str, title: &'static str, always: bool) -> Section {
    Section { code, display, title, always }
}

/// Sections in their order (IPS 2.0, Composition-uv-ips).
const SECTIONS: &[Section] = &[
    section("104605-1", "Alert", "Alerts", false),
    section("48765-2", "Allergies and adverse reactions Document", "Allergies and intolerances", true),
    section("10160-0", "History of Medication use Narrative", "Medication summary", true),
    section("11450-4", "Problem list - Reported", "Problems", true),
    section("11369-6", "History of Immunization Narrative", "Immunisations", false),
    section("47519-4", "History of Procedures Document", "History of procedures", false),
    section("30954-2", "Relevant diagnostic tests/laboratory data Narrative", "Results", false),
    section("8716-3", "Vital signs", "Vital signs", false),
    section("29762-2", "Social history Narrative", "Social history", false),
    section("47420-5", "Functional status assessment note", "Functional status", false),
    section("18776-5", "Plan of care note", "Plan of care", false),
    section("42348-3", "Advance directives", "Advance directives", false),
    section("46264-8", "History of medical device use", "Medical devices", false),
];
/// Steps that references are followed from what stands in a section to what it needs.
const STEPS: usize = 4;

/// Code of the section that a resource belongs to; `None` where a summary has no place for it.
fn place(resource: &Value) -> Option<&'static str> {
    let is = |category: &str| {
        let all = resource["category"].as_array().into_iter().flatten();
        all.flat_map(|c| c["coding"].as_array().into_iter().flatten()).any(|c| c["code"] == category)
    };
    let withdrawn = |name: &str| {
        matches!(resource[name].as_str(), Some("entered-in-error" | "cancelled"))
            || resource[name]["coding"][0]["code"] == "entered-in-error"
    };
    if withdrawn("status") || withdrawn("verificationStatus") {
        return None;
    }
    Some(match resource["resourceType"].as_str()? {
        "Flag" => "104605-1",
        "AllergyIntolerance" => "48765-2",
        "MedicationStatement" | "MedicationRequest" | "MedicationAdministration" | "MedicationDispense" => {
            "10160-0"
        }
        "Condition" => "11450-4",
        "Immunization" => "11369-6",
        "Procedure" => "47519-4",
        "DiagnosticReport" => "30954-2",
        "Observation" if is("vital-signs") => "8716-3",
        "Observation" if is("social-history") => "29762-2",
        "Observation" if is("survey") => "47420-5",
        "Observation" => "30954-2",
        "CarePlan" | "Goal" => "18776-5",
        "Consent" => "42348-3",
        "DeviceUseStatement" => "46264-8",
        _ => return None,
    })
}

/// A resource, and how others in the document refer to it.
#[derive(Clone, Debug)]
pub struct Held {
    /// `Type/id` where the document has a base, the address (`urn:uuid:`) where it has none.
    pub reference: String,
    /// The resource itself.
    pub resource: Value,
}

impl Held {
    /// A resource by its type and id.
    pub fn by_id(resource: Value) -> Self {
        let word = |name: &str| resource[name].as_str().unwrap_or_default();
        Self { reference: format!("{}/{}", word("resourceType"), word("id")), resource }
    }
}

/// What a document says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Address of the server that relative references belong to; empty where all are whole.
    pub base: &'a str,
    /// UUID of the document.
    pub id: &'a str,
    /// Id of the device that wrote it; a UUID where there is no base.
    pub device: &'a str,
    /// When it was written: FHIR instant.
    pub now: &'a str,
    /// Version of the program that wrote it.
    pub version: &'a str,
    /// Whether something is held back that readers must be told of.
    pub announced: bool,
}

impl About<'_> {
    fn name(&self, kind: &str, id: &str) -> String {
        if self.base.is_empty() { format!("urn:uuid:{id}") } else { format!("{kind}/{id}") }
    }

    fn url(&self, reference: &str) -> String {
        if self.base.is_empty() { reference.to_owned() } else { format!("{}/{reference}", self.base) }
    }
}

/// The document. `held`: what the reader may see of the person's record; other Patients in it are the same person's.
pub fn document(about: &About<'_>, mut patient: Held, mut held: Vec<Held>) -> Value {
    let person = patient.reference.clone();
    demanded(&mut patient.resource);
    let is = |r: &Held, kind: &str| r.resource["resourceType"] == *kind;
    let own: Vec<String> = held.iter().filter(|r| is(r, "Patient")).map(|r| r.reference.clone()).collect();
    let apart = ["Patient", "Provenance", "OperationOutcome"];
    held.retain(|r| r.resource["resourceType"].is_string() && !apart.iter().any(|kind| is(r, kind)));
    for one in &mut held {
        refer(&mut one.resource, &own, &person);
    }
    let mut sections = Vec::new();
    let mut chosen: Vec<&Held> = Vec::new();
    for section in SECTIONS {
        let of: Vec<&Held> = held.iter().filter(|r| place(&r.resource) == Some(section.code)).collect();
        if of.is_empty() && !section.always {
            continue;
        }
        sections.push(written(section, &of, &held, about));
        chosen.extend(of);
    }
    // What these and the person need to be understood: medicines, people, places.
    for step in 0..STEPS {
        let mut wanted = Vec::new();
        chosen.iter().for_each(|one| references(&one.resource, &mut wanted));
        if step == 0 {
            references(&patient.resource, &mut wanted);
        }
        let more: Vec<&Held> = held
            .iter()
            .filter(|r| wanted.contains(&r.reference) && !chosen.iter().any(|c| std::ptr::eq(*c, *r)))
            .collect();
        chosen.extend(more);
    }
    let device_name = about.name("Device", about.device);
    let device = json!({
        "resourceType": "Device", "id": about.device,
        "deviceName": [{"name": "Causeway", "type": "user-friendly-name"}],
        "version": [{"value": about.version}],
    });
    let composition_name = about.name("Composition", about.id);
    let composition = json!({
        "resourceType": "Composition",
        "id": about.id,
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": person},
        "date": about.now,
        "author": [{"reference": device_name, "display": "Causeway"}],
        "title": "Patient summary",
        "section": sections,
    });
    let entry =
        |reference: &str, resource: &Value| json!({"fullUrl": about.url(reference), "resource": resource});
    let mut entries = vec![
        entry(&composition_name, &composition),
        entry(&person, &patient.resource),
        entry(&device_name, &device),
    ];
    entries.extend(chosen.into_iter().map(|r| entry(&r.reference, &r.resource)));
    json!({
        "resourceType": "Bundle",
        "id": about.id,
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", about.id)},
        "timestamp": about.now,
        "entry": entries,
    })
}

/// A summary's person has a name and a birth date (Patient-uv-ips); what nobody told is said to be unknown.
fn demanded(patient: &mut Value) {
    let absent = json!({"extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
    if patient["name"].as_array().is_none_or(Vec::is_empty) {
        patient["name"] = json!([{"_text": absent.clone()}]);
    }
    if patient["birthDate"].is_null() && patient["_birthDate"].is_null() {
        patient["_birthDate"] = absent;
    }
}

/// One section with its text. What nobody told is said to be unavailable, never to be none.
fn written(section: &Section, of: &[&Held], held: &[Held], about: &About<'_>) -> Value {
    let coding = json!({"system": "http://loinc.org", "code": section.code, "display": section.display});
    let mut out = json!({"title": section.title, "code": {"coding": [coding]}});
    let medicine = |r: &Held| {
        let reference = r.resource["medicationReference"]["reference"].as_str()?;
        held.iter().find(|other| other.reference == reference).map(|other| &other.resource)
    };
    let mut lines: Vec<String> = of.iter().map(|r| line(&r.resource, medicine(r))).collect();
    if of.is_empty() {
        lines.push("No source has told anything of this.".to_owned());
        out["emptyReason"] = json!({"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
            "code": "unavailable", "display": "Unavailable",
        }]});
    } else {
        out["entry"] = of.iter().map(|r| json!({"reference": r.reference})).collect();
    }
    if about.announced {
        lines.push("More may be held that is not shown here.".to_owned());
    }
    let list: String = lines.iter().map(|text| format!("<li>{}</li>", escape(text))).collect();
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><ul>{list}</ul></div>");
    out["text"] = json!({"status": "generated", "div": div});
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The words of a concept.
fn words(concept: &Value) -> Option<&str> {
    let displays = concept["coding"].as_array().into_iter().flatten().filter_map(|c| c["display"].as_str());
    let codes = concept["coding"].as_array().into_iter().flatten().filter_map(|c| c["code"].as_str());
    concept["text"].as_str().or(displays.chain(codes).next())
}

/// What a `value[x]` says.
fn value(of: &Value) -> Option<String> {
    let quantity = &of["valueQuantity"];
    if !quantity["value"].is_null() {
        let sign = quantity["comparator"].as_str().unwrap_or_default();
        let unit = quantity["unit"].as_str().or(quantity["code"].as_str()).unwrap_or_default();
        return Some(
            format!("{sign}{} {unit}", quantity["value"].to_string().trim_matches('"')).trim().to_owned(),
        );
    }
    let plain = ["valueString", "valueDateTime"].iter().find_map(|name| of[*name].as_str());
    let other = ["valueInteger", "valueBoolean"].iter().map(|name| &of[*name]).find(|v| !v.is_null());
    let said = words(&of["valueCodeableConcept"]).or(plain).map(str::to_owned);
    said.or_else(|| other.map(Value::to_string))
}

/// What a resource says, in one line. `medicine`: the resource that a medicine's reference leads to.
pub fn line(resource: &Value, medicine: Option<&Value>) -> String {
    let concept = ["code", "medicationCodeableConcept", "vaccineCode", "description", "scope"];
    let name = concept.iter().find_map(|name| words(&resource[*name]));
    let name = name.or_else(|| words(&medicine?["code"]));
    let name = name.or(resource["title"].as_str()).or(resource["medicationReference"]["display"].as_str());
    let mut out = name.unwrap_or("without a name").to_owned();
    if let Some(value) = value(resource) {
        out.push_str(&format!(": {value}"));
    }
    for component in resource["component"].as_array().into_iter().flatten() {
        if let (Some(name), Some(value)) = (words(&component["code"]), value(component)) {
            out.push_str(&format!(", {name} {value}"));
        }
    }
    let dates = [
        "effectiveDateTime",
        "occurrenceDateTime",
        "performedDateTime",
        "onsetDateTime",
        "recordedDate",
        "authoredOn",
    ];
    let status = words(&resource["clinicalStatus"]).or(resource["status"].as_str());
    let date = dates.iter().find_map(|name| resource[*name].as_str());
    // What is denied or only supposed must not read as if it were so.
    let verified = ["refuted", "unconfirmed", "provisional", "differential"];
    let coded = resource["verificationStatus"]["coding"][0]["code"].as_str();
    let doubt = coded.filter(|code| verified.contains(code));
    let not = resource["doNotPerform"].as_bool().filter(|not| *not).map(|_| "not to be done");
    for part in doubt.into_iter().chain(not).chain(status).chain(date) {
        out.push_str(&format!(", {part}"));
    }
    out
}

/// Puts the person in place of her sources' Patients.
fn refer(value: &mut Value, own: &[String], person: &str) {
    match value {
        Value::Object(map) => {
            let is_own = |r: &Value| r.as_str().is_some_and(|r| own.iter().any(|o| o == r));
            if map.get("reference").is_some_and(is_own) {
                map.insert("reference".to_owned(), person.into());
            }
            map.values_mut().for_each(|v| refer(v, own, person));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| refer(v, own, person)),
        _ => {}
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    let of = |map: &Map<String, Value>| map.get("reference").and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::Object(map) => {
            found.extend(of(map));
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_told_is_unavailable_and_what_is_withdrawn_is_left_out() {
        let patient = Held::by_id(json!({"resourceType": "Patient", "id": "p"}));
        let held = [
            json!({"resourceType": "Patient", "id": "a"}),
            json!({"resourceType": "AllergyIntolerance", "id": "1", "code": {"text": "nuts & <seeds>"},
                "clinicalStatus": {"coding": [{"code": "active",
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]},
                "patient": {"reference": "Patient/a"}}),
            json!({"resourceType": "AllergyIntolerance", "id": "2", "code": {"text": "milk"},
                "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}),
            json!({"resourceType": "MedicationRequest", "id": "3", "status": "active", "intent": "order",
                "subject": {"reference": "Patient/a"}, "substitution": {"allowedBoolean": true},
                "medicationReference": {"reference": "Medication/4"}}),
            json!({"resourceType": "Medication", "id": "4", "code": {"text": "Amlodipine 5 mg"}}),
            json!({"resourceType": "Medication", "id": "5", "code": {"text": "of nobody"}}),
        ];
        let about = About {
            base: "http://x/fhir",
            id: "00000000-0000-4000-8000-000000000001",
            device: "causeway",
            now: "2026-11-29T10:00:00Z",
            version: "1",
            announced: false,
        };
        let document = document(&about, patient, held.map(Held::by_id).to_vec());
        let text = document.to_string();
        assert!(
            text.contains("nuts &amp; &lt;seeds&gt;")
                && !text.contains("milk")
                && !text.contains("of nobody")
        );
        let sections = document["entry"][0]["resource"]["section"].as_array().unwrap();
        let titles: Vec<&str> = sections.iter().map(|s| s["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Allergies and intolerances", "Medication summary", "Problems"]);
        assert!(document["entry"][1]["resource"]["_birthDate"]["extension"].is_array());
        assert!(sections[1]["text"]["div"].as_str().unwrap().contains("Amlodipine 5 mg"));
        assert_eq!(sections[2]["emptyReason"]["coding"][0]["code"], "unavailable");
        assert_eq!(document["entry"][3]["resource"]["patient"]["reference"], "Patient/p");
        let report = causeway_profile::check(text.as_bytes());
        let errors: Vec<_> =
            report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
