//! Which part of a person's record a resource belongs to, after the headings of the PRSB Core Information Standard, in
//! the order in which a clinician reads them.

use causeway_core::Sector;
use serde_json::{Map, Value};

use crate::describe;
use crate::paths::walk;

/// A part of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// Stable code such as `services-and-care`.
    pub code: &'static str,
    /// Heading on the page.
    pub title: &'static str,
    /// Whether it is told mainly by social care.
    pub social_care: bool,
}

const fn heading(code: &'static str, title: &'static str, social_care: bool) -> Heading {
    Heading { code, title, social_care }
}

/// Every part, in the order of display.
pub(crate) const HEADINGS: &[Heading] = &[
    heading("alerts", "Alerts and reasonable adjustments", false),
    heading("allergies", "Allergies and adverse reactions", false),
    heading("choices", "Consent and advance decisions", false),
    heading("about-me", "About me", true),
    heading("medicines", "Medicines", false),
    heading("problems", "Problems and diagnoses", false),
    heading("plans", "Care and support plans, goals and risks", true),
    heading("support-reasons", "Needs and reasons for support", true),
    heading("services-and-care", "Services and care", true),
    heading("assessments", "Assessments", true),
    heading("care-notes", "Daily notes, alarms and incidents", true),
    heading("results", "Results and observations", false),
    heading("encounters", "Contacts with services", false),
    heading("referrals", "Referrals and requests", false),
    heading("vaccinations", "Vaccinations", false),
    heading("procedures", "Procedures", false),
    heading("documents", "Documents", false),
    heading("carers-and-contacts", "People around the person", true),
    heading("accommodation", "Accommodation", true),
    heading("equipment", "Equipment and adaptations", true),
    heading("other", "Other", false),
];

/// SNOMED CT concept of an About Me record (PRSB).
const ABOUT_ME: &str = "1515851000000101";

/// Codes of a care-provider record's own sections (`dscr-record-section`) with where they belong.
const CARE_RECORD: &[(&str, &str)] = &[
    ("about-me", "about-me"),
    ("alert", "alerts"),
    ("capacity-assessment", "choices"),
    ("cpr-decision", "choices"),
    ("daily-note", "care-notes"),
    ("deprivation-of-liberty", "choices"),
    ("incident", "care-notes"),
    ("lasting-power-of-attorney", "choices"),
    ("mental-health-act", "choices"),
    ("mobility", "support-reasons"),
    ("need", "support-reasons"),
    ("preference", "about-me"),
    ("pregnancy-status", "results"),
    ("reasonable-adjustment", "alerts"),
    ("safeguarding", "alerts"),
    ("strength", "about-me"),
];

/// End of the code system of those.
const CARE_RECORD_SYSTEM: &str = "/CodeSystem/dscr-record-section";

/// The part of a resource; `None` for what is no entry of its own.
pub(crate) fn section_of(kind: &str, map: &Map<String, Value>, sector: Sector) -> Option<&'static str> {
    let social = sector == Sector::SocialCare;
    let has_code = |code: &str| {
        let mut found = false;
        for path in ["code.coding.code", "type.coding.code", "category.coding.code"] {
            walk(map, path, &mut |v| found |= v.as_str() == Some(code));
        }
        found
    };
    if is_about_me(kind, map) || has_code(ABOUT_ME) && kind != "Provenance" {
        return Some("about-me");
    }
    // A care home's weight is a measurement, whichever list it stood in.
    let measured = kind == "Observation" && is_measured(map);
    if !measured && let Some(section) = care_record(map) {
        return Some(section);
    }
    Some(match kind {
        // A list orders facts that are entries themselves; one that is empty for a reason is announced.
        "Patient" | "Provenance" | "AuditEvent" | "MessageHeader" | "List" => return None,
        "EpisodeOfCare" => "services-and-care",
        "ServiceRequest" | "ReferralRequest" if social => "services-and-care",
        "Task" if social && has_code("plan-review") => "plans",
        "Task" if is_notice(map) => "services-and-care",
        "Task" if social => "assessments",
        "QuestionnaireResponse" | "ClinicalImpression" => "assessments",
        "Condition" if social && is_support_reason(map) => "support-reasons",
        "RelatedPerson" | "CareTeam" | "Person" => "carers-and-contacts",
        "Device" | "DeviceRequest" | "DeviceUseStatement" | "SupplyRequest" | "SupplyDelivery" => "equipment",
        "Flag" | "DetectedIssue" => "alerts",
        "Consent" => "choices",
        "AllergyIntolerance" => "allergies",
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            "medicines"
        }
        "Condition" => "problems",
        "AdverseEvent" => "care-notes",
        "Observation" if is_accommodation(map) => "accommodation",
        "Observation" if is_alarm(map) => "care-notes",
        "Observation" if social && !measured && !has_code("vital-signs") && !has_code("laboratory") => {
            "assessments"
        }
        "Observation" | "DiagnosticReport" => "results",
        "Immunization" | "ImmunizationRecommendation" => "vaccinations",
        "Procedure" => "procedures",
        "Encounter" | "Appointment" | "AppointmentResponse" | "Communication" | "CommunicationRequest" => {
            "encounters"
        }
        "ServiceRequest" | "ReferralRequest" => "referrals",
        "DocumentReference" | "DocumentManifest" | "Composition" | "Media" => "documents",
        "CarePlan" | "Goal" | "Task" | "NutritionOrder" | "RiskAssessment" => "plans",
        _ => "other",
    })
}

/// Whether it is what a person says about herself.
pub(crate) fn is_about_me(kind: &str, map: &Map<String, Value>) -> bool {
    let mut found = false;
    if kind == "QuestionnaireResponse" {
        walk(map, "questionnaire", &mut |v| {
            found |= v.as_str().is_some_and(|t| t.ends_with("/about-me") || t.ends_with(ABOUT_ME));
        });
    }
    found
}

fn care_record(map: &Map<String, Value>) -> Option<&'static str> {
    let mut found = None;
    for path in ["category.coding", "code.coding", "type.coding"] {
        each_coding(map, path, &mut |system, code| {
            if found.is_none() && system.ends_with(CARE_RECORD_SYSTEM) {
                found = CARE_RECORD.iter().find(|(c, _)| *c == code).map(|(_, section)| *section);
            }
        });
    }
    found
}

/// Calls `f` with system and code of each coding at a path that ends in `coding`.
fn each_coding(map: &Map<String, Value>, path: &str, f: &mut dyn FnMut(&str, &str)) {
    let Some((element, _)) = path.split_once('.') else { return };
    let concepts = match map.get(element) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => return,
    };
    for coding in concepts.iter().filter_map(|c| c.get("coding")).filter_map(Value::as_array).flatten() {
        let text = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or("");
        f(text("system"), text("code"));
    }
}

fn is_measured(map: &Map<String, Value>) -> bool {
    map.contains_key("valueQuantity")
        || map
            .get("component")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|component| component.get("valueQuantity").is_some()))
}

/// A council's reason for support is its own code, or its own words for it (Client Level Data, primary support reasons:
/// physical, sensory, memory and cognition, learning disability, mental health, social); the rest are diagnoses.
fn is_support_reason(map: &Map<String, Value>) -> bool {
    let mut own = false;
    each_coding(map, "code.coding", &mut |system, _| own |= system.ends_with("support-reason"));
    own || describe::title("Condition", map).to_lowercase().split(' ').any(|word| word.starts_with("support"))
}

/// Whether a task is a step of a discharge notice.
fn is_notice(map: &Map<String, Value>) -> bool {
    let mut found = false;
    each_coding(map, "code.coding", &mut |system, _| found |= system.ends_with("/discharge-notice-type"));
    found
}

/// Whether it is an alarm from somebody's home (SCAIP).
fn is_alarm(map: &Map<String, Value>) -> bool {
    let mut found = false;
    each_coding(map, "valueCodeableConcept.coding", &mut |system, _| found |= system.contains("/scaip-"));
    each_coding(map, "code.coding", &mut |system, _| found |= system.contains("/scaip-"));
    found
}

/// Whether an observation tells where somebody lives.
fn is_accommodation(map: &Map<String, Value>) -> bool {
    let text = describe::title("Observation", map).to_lowercase();
    ["accommodation", "housing", "place of residence"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_goes_where_a_reader_looks_for_it() {
        let section = |value: Value, sector: Sector| {
            let map = value.as_object().cloned().unwrap_or_default();
            section_of(map.get("resourceType").and_then(Value::as_str).unwrap_or(""), &map, sector)
        };
        let social = |value| section(value, Sector::SocialCare);
        let care = |code: &str| json!([{"coding": [{"system": "https://fhir.causeway.example/CodeSystem/dscr-record-section", "code": code}]}]);
        let about = "https://fhir.causeway.example/Questionnaire/about-me";
        assert_eq!(
            social(json!({"resourceType": "QuestionnaireResponse", "questionnaire": about})),
            Some("about-me")
        );
        assert_eq!(social(json!({"resourceType": "QuestionnaireResponse"})), Some("assessments"));
        assert_eq!(
            social(
                json!({"resourceType": "Observation", "category": care("daily-note"), "valueString": "Ate well"})
            ),
            Some("care-notes")
        );
        assert_eq!(
            social(
                json!({"resourceType": "Observation", "category": care("daily-note"), "component": [{"valueQuantity": {"value": 57}}]})
            ),
            Some("results")
        );
        assert_eq!(
            social(json!({"resourceType": "Flag", "category": care("reasonable-adjustment")})),
            Some("alerts")
        );
        assert_eq!(
            social(
                json!({"resourceType": "Observation", "code": {"coding": care("preference")[0]["coding"]}})
            ),
            Some("about-me")
        );
        assert_eq!(section(json!({"resourceType": "Provenance"}), Sector::Health), None);
        let codes: std::collections::HashSet<_> = HEADINGS.iter().map(|h| h.code).collect();
        assert_eq!(codes.len(), HEADINGS.len());
        assert!(CARE_RECORD.iter().all(|(_, section)| codes.contains(section)));
    }
}
