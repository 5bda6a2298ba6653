//! A resource in the words of its source: title, detail and date of an entry. Nothing is made up: what the
//! source did not word stays empty.

use serde_json::{Map, Value};

use crate::limits;
use crate::paths::{first_text, walk};

/// Where the wording of what it is about is found, the best first.
const TITLES: &[&str] = &[
    "code.text",
    "code.coding.display",
    "vaccineCode.text",
    "vaccineCode.coding.display",
    "medicationCodeableConcept.text",
    "medicationCodeableConcept.coding.display",
    "medicationReference.display",
    "codeCodeableConcept.text",
    "codeCodeableConcept.coding.display",
    "type.text",
    "type.coding.display",
    "serviceType.text",
    "serviceType.coding.display",
    "class.display",
    "deviceName.name",
    "title",
    "description",
    "content.attachment.title",
    "scope.text",
    "scope.coding.display",
    "category.text",
    "category.coding.display",
    "description.text",
    "description.coding.display",
    "relationship.text",
    "relationship.coding.display",
    "code.coding.code",
    "type.coding.code",
    "class.code",
    "medicationCodeableConcept.coding.code",
    "vaccineCode.coding.code",
];

/// Where the date that matters is found, the best first.
const DATES: &[&str] = &[
    "effectiveDateTime",
    "effectivePeriod.start",
    "effectiveInstant",
    "occurrenceDateTime",
    "occurrencePeriod.start",
    "performedDateTime",
    "performedPeriod.start",
    "onsetDateTime",
    "onsetPeriod.start",
    "onsetString",
    "period.start",
    "executionPeriod.start",
    "start",
    "authoredOn",
    "authored",
    "recordedDate",
    "date",
    "created",
    "dateTime",
    "startDate",
    "whenHandedOver",
    "sent",
    "collection.collectedDateTime",
    "collection.collectedPeriod.start",
    "receivedTime",
    "issued",
];

/// What else a reader needs at a glance.
const DETAILS: &[&str] = &[
    "valueString",
    "valueCodeableConcept.text",
    "valueCodeableConcept.coding.display",
    "valueDateTime",
    "dosageInstruction.text",
    "dosage.text",
    "reaction.manifestation.text",
    "reaction.manifestation.coding.display",
    "conclusion",
    "reasonCode.text",
    "reasonCode.coding.display",
    "managingOrganization.display",
    "serviceProvider.display",
    "owner.display",
    "dataAbsentReason.text",
    "dataAbsentReason.coding.display",
];

fn cut(text: String) -> String {
    match text.char_indices().nth(limits::TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// What it is about.
pub(crate) fn title(kind: &str, map: &Map<String, Value>) -> String {
    if kind == "RelatedPerson" {
        let named = name(map);
        let role = first_text(
            map,
            &["relationship.text", "relationship.coding.display", "relationship.coding.code"],
        );
        return cut(match (named.is_empty(), role.is_empty()) {
            (false, false) => format!("{named} ({role})"),
            (true, _) => role.to_owned(),
            (false, true) => named,
        });
    }
    if kind == "DocumentReference" {
        let text =
            first_text(map, &["description", "content.attachment.title", "type.text", "type.coding.display"]);
        return cut(text.to_owned());
    }
    if kind == "Observation"
        && let Some(alarm) = alarm(map)
    {
        return cut(alarm);
    }
    if kind == "Immunization" {
        return cut(vaccine(map).to_owned());
    }
    if kind == "Observation" && is_self_measured(map) {
        return cut(format!("{}, self-measured", first_text(map, TITLES)));
    }
    // The scope's own display ("Privacy Consent") says nothing to who reads it.
    if kind == "Consent" {
        match first_text(map, &["scope.coding.code"]) {
            "patient-privacy" => return "Consent to share information".to_owned(),
            "treatment" => return "Consent to treatment".to_owned(),
            "research" => return "Consent to research".to_owned(),
            "adr" => return "Advance decision".to_owned(),
            _ => {}
        }
    }
    cut(first_text(map, TITLES).to_owned())
}

/// Whether the person took a reading herself: the words by which the adapter `personal-readings` says so.
pub(crate) fn is_self_measured(map: &Map<String, Value>) -> bool {
    first_text(map, &["method.text"]) == "Self-measured by the person"
}

/// An alarm from somebody's home (SCAIP): what raised it, and that a fall detector raised it because of a fall.
fn alarm(map: &Map<String, Value>) -> Option<String> {
    let coding = |element: &str, system: &str| {
        let all = map.get(element)?.get("coding")?.as_array()?;
        let found =
            all.iter().find(|c| c.get("system").and_then(Value::as_str).is_some_and(|s| s.ends_with(system)));
        found?.get("code")?.as_str()
    };
    let device = coding("code", "/scaip-device-type")?;
    let words = first_text(map, &["code.text", "code.coding.display"]);
    let status = coding("valueCodeableConcept", "/scaip-status");
    Some(match (device, status) {
        (FALL_DETECTOR, Some(AUTOMATIC)) => {
            format!("Fall detected, alarm raised by {}", words.to_lowercase())
        }
        (_, Some(AUTOMATIC | MANUAL)) => format!("Alarm raised by {}", words.to_lowercase()),
        _ => words.to_owned(),
    })
}

/// Device types and states of CLC/TS 50134-9 (SCAIP).
const FALL_DETECTOR: &str = "0005";
const AUTOMATIC: &str = "0009";
const MANUAL: &str = "0010";

/// A CodeableConcept in words.
pub(crate) fn concept(map: &Map<String, Value>) -> String {
    cut(first_text(map, &["text", "coding.display", "coding.code"]).to_owned())
}

/// What something is called that its source did not word: by its questionnaire, its category, else its type.
pub(crate) fn fallback(kind: &str, map: &Map<String, Value>) -> String {
    let questionnaire = first_text(map, &["questionnaire"]);
    if !questionnaire.is_empty() {
        let name = questionnaire.split('|').next().unwrap_or("").rsplit('/').next().unwrap_or("");
        let words = name.replace(['-', '_'], " ");
        let mut chars = words.chars();
        if let Some(first) = chars.next().filter(|c| c.is_alphabetic()) {
            return cut(first.to_uppercase().chain(chars).collect());
        }
    }
    match kind {
        "Appointment" => "Appointment",
        "CarePlan" => "Care plan",
        "CareTeam" => "Care team",
        "Consent" => "Consent",
        "Device" => "Device",
        "DeviceRequest" => "Equipment asked for",
        "DiagnosticReport" => "Report",
        "DocumentReference" => "Document",
        "Encounter" => "Contact with a service",
        "EpisodeOfCare" => "Service",
        "Goal" => "Goal",
        "MedicationAdministration" | "MedicationDispense" | "MedicationRequest" | "MedicationStatement" => {
            "Medicine without a name"
        }
        "Observation" => "Observation",
        "QuestionnaireResponse" => "Questionnaire",
        "RelatedPerson" => "Person whose name is not told",
        "RiskAssessment" => "Risk",
        "ServiceRequest" => "Request for a service",
        "Specimen" => "Specimen",
        "Task" => "Task",
        other => other,
    }
    .to_owned()
}

/// A vaccine in words. Where the source did not say which one it was (FHIR wants a code all the same), the words of
/// the procedure: UK Core keeps them in an extension.
fn vaccine(map: &Map<String, Value>) -> &str {
    let text = first_text(map, &["vaccineCode.text"]);
    if !text.is_empty() {
        return text;
    }
    let extensions = map.get("extension").and_then(Value::as_array).into_iter().flatten();
    let procedure = extensions.filter_map(Value::as_object).find(|e| {
        e.get("url").and_then(Value::as_str).is_some_and(|url| url.contains("VaccinationProcedure"))
    });
    let words = procedure
        .map_or("", |e| first_text(e, &["valueCodeableConcept.text", "valueCodeableConcept.coding.display"]));
    if words.is_empty() { first_text(map, TITLES) } else { words }
}

/// The name of a person in one line.
pub(crate) fn name(map: &Map<String, Value>) -> String {
    let text = first_text(map, &["name.text"]);
    if !text.is_empty() {
        return text.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for path in ["name.prefix", "name.given", "name.family"] {
        walk(map, path, &mut |value| parts.extend(value.as_str()));
    }
    parts.join(" ")
}

/// Value, dose, outcome and the like.
pub(crate) fn detail(map: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    if map.get("doNotPerform").and_then(Value::as_bool) == Some(true) {
        parts.push("not to be done".to_owned());
    }
    parts.extend(quantity(map));
    match first_text(map, &["provision.type"]) {
        "permit" => parts.push("agreed".to_owned()),
        "deny" => parts.push("refused".to_owned()),
        _ => {}
    }
    let components = map.get("component").and_then(Value::as_array).into_iter().flatten();
    let components = components.filter_map(Value::as_object).filter_map(|component| {
        let value = quantity(component).unwrap_or_else(|| first_text(component, DETAILS).to_owned());
        (!value.is_empty()).then(|| format!("{}: {value}", first_text(component, TITLES)))
    });
    let components: Vec<String> = components.collect();
    if !components.is_empty() {
        parts.push(components.join(", "));
    }
    let text = first_text(map, DETAILS);
    if !text.is_empty() {
        parts.push(text.to_owned());
    }
    let flag = first_text(
        map,
        &["interpretation.text", "interpretation.coding.display", "interpretation.coding.code"],
    );
    if !flag.is_empty() {
        parts.push(format!("[{flag}]"));
    }
    let range = first_text(map, &["referenceRange.text"]);
    if !range.is_empty() {
        parts.push(format!("(range {range})"));
    }
    let mut telecom: Vec<&str> = Vec::new();
    walk(map, "telecom.value", &mut |value| telecom.extend(value.as_str()));
    if !telecom.is_empty() {
        parts.push(telecom.join(", "));
    }
    let end =
        first_text(map, &["period.end", "executionPeriod.end", "effectivePeriod.end", "abatementDateTime"]);
    if !end.is_empty() {
        parts.push(format!("until {}", in_words(end)));
    }
    cut(parts.join(" "))
}

/// A FHIR date or time as people write it, at its own precision.
pub fn in_words(text: &str) -> String {
    // A time with an offset is shown as the clock on the wall in London showed it.
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return causeway_core::london().to_datetime(at).strftime("%-d %B %Y, %H:%M").to_string();
    }
    let day = text.get(..10).unwrap_or(text);
    if let Ok(date) = day.parse::<jiff::civil::Date>() {
        let clock = text.get(11..16).map(|clock| format!(", {clock}")).unwrap_or_default();
        return format!("{}{clock}", date.strftime("%-d %B %Y"));
    }
    if let Ok(date) = format!("{text}-01").parse::<jiff::civil::Date>()
        && text.len() == 7
    {
        return date.strftime("%B %Y").to_string();
    }
    text.to_owned()
}

/// A quantity with comparator and unit, its digits as told.
fn quantity(map: &Map<String, Value>) -> Option<String> {
    let quantity = map.get("valueQuantity")?.as_object()?;
    let comparator = first_text(quantity, &["comparator"]);
    let value = quantity.get("value").map(ToString::to_string).unwrap_or_default();
    let unit = first_text(quantity, &["unit", "code"]);
    Some(format!("{comparator}{value} {unit}").trim().to_owned())
}

/// The date that matters, as told.
pub(crate) fn date(map: &Map<String, Value>) -> String {
    match first_text(map, DATES) {
        "" => asserted(map).to_owned(),
        told => told.to_owned(),
    }
}

/// When a diagnosis was made, where its source tells that alone (R4 extension `condition-assertedDate`; HL7 v2 DG1-5).
fn asserted(map: &Map<String, Value>) -> &str {
    let all = map.get("extension").and_then(Value::as_array).into_iter().flatten();
    let found = all.filter_map(Value::as_object).find(|extension| {
        first_text(extension, &["url"]) == "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
    });
    found.map_or("", |extension| first_text(extension, &["valueDateTime"]))
}

/// Status as told: the plain one, or the clinical one. That something was refuted outweighs either; a diagnosis that
/// is not certain says so too.
pub(crate) fn status(map: &Map<String, Value>) -> String {
    let status = first_text(map, &["clinicalStatus.coding.code", "status", "lifecycleStatus"]);
    let verified = first_text(map, &["verificationStatus.coding.code"]);
    let is_condition = map.get("resourceType").and_then(Value::as_str) == Some("Condition");
    match verified {
        "refuted" | "entered-in-error" => verified.to_owned(),
        "unconfirmed" | "provisional" | "differential" if is_condition && !status.is_empty() => {
            format!("{status}, {verified}")
        }
        "unconfirmed" | "provisional" | "differential" if is_condition => verified.to_owned(),
        _ => status.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{detail, status, title};
    use serde_json::{Map, Value, json};

    fn of(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_refuted_problem_does_not_look_active() {
        let problem = |verified: &str| {
            of(json!({
                "resourceType": "Condition",
                "clinicalStatus": {"coding": [{"code": "active"}]},
                "verificationStatus": {"coding": [{"code": verified}]},
            }))
        };
        assert_eq!(status(&problem("confirmed")), "active");
        assert_eq!(status(&problem("refuted")), "refuted");
        assert_eq!(status(&problem("provisional")), "active, provisional");
        let mut allergy = problem("unconfirmed");
        allergy.insert("resourceType".to_owned(), json!("AllergyIntolerance"));
        assert_eq!(status(&allergy), "active", "which GP systems say of all");
    }

    #[test]
    fn a_vaccination_is_called_by_what_the_source_worded() {
        let mut given = of(json!({
            "vaccineCode": {"coding": [{"code": "UNK", "display": "unknown"}]},
            "extension": [{
                "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-VaccinationProcedure",
                "valueCodeableConcept": {"coding": [{"display": "First shingles vaccination"}]},
            }],
        }));
        assert_eq!(title("Immunization", &given), "First shingles vaccination");
        given.remove("extension");
        assert_eq!(title("Immunization", &given), "unknown");
        given.insert("vaccineCode".to_owned(), json!({"text": "Shingles vaccine"}));
        assert_eq!(title("Immunization", &given), "Shingles vaccine");
    }

    #[test]
    fn what_is_not_to_be_done_says_so_first() {
        let request = of(json!({"doNotPerform": true, "reasonCode": [{"text": "patient's wish"}]}));
        assert_eq!(detail(&request), "not to be done patient's wish");
    }
}
