//! To which section of the matrix a resource belongs. Finer than the record's own sections where access differs: care
//! notes apart from assessments, safeguarding apart from alerts, her own readings apart from results.

use serde_json::Value;

/// Adapter of the readings that people take themselves.
pub const OWN_READINGS: &str = "personal-readings";

/// The section for access of a resource. `record_section` is the record's own (empty where it has none for it), `adapter`
/// the one that translated it. An unknown section is refused by the matrix.
pub fn section_of<'a>(resource: &Value, record_section: &'a str, adapter: &str) -> &'a str {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    match kind {
        "Patient" => return "demographics",
        "Provenance" => return "provenance",
        "AuditEvent" => return "access-log",
        "Practitioner" | "PractitionerRole" | "Organization" | "Location" | "HealthcareService"
        | "Medication" | "Substance" | "Questionnaire" | "Endpoint" | "Group" | "Schedule" | "Slot" => {
            return "directory";
        }
        _ => {}
    }
    if adapter == OWN_READINGS {
        return "own-readings";
    }
    if is_safeguarding(resource) {
        return "safeguarding";
    }
    if is_care_note(resource, adapter) {
        return "care-notes";
    }
    match record_section {
        // What the record gives no section of its own: lists and containers, decided by what is in them.
        "" => match kind {
            "List" => "provenance",
            "Binary" | "Composition" | "DocumentReference" => "documents",
            _ => "other",
        },
        known => known,
    }
}

fn is_safeguarding(resource: &Value) -> bool {
    if !matches!(resource["resourceType"].as_str(), Some("Flag" | "DetectedIssue" | "RiskAssessment")) {
        return false;
    }
    let mut found = false;
    crate::labels::walk(&resource["code"], &mut |name, value| {
        let Some(text) = value.as_str() else { return };
        found |= (name == "code" && text == "514331000000104")
            || (matches!(name, "text" | "display")
                && ["safeguarding", "child protection", "marac", "mappa", "alleged perpetrator"]
                    .iter()
                    .any(|word| text.to_lowercase().contains(word)));
    });
    found
}

/// A note of a day in a care home or at home, as care providers' systems write them.
fn is_care_note(resource: &Value, adapter: &str) -> bool {
    if adapter != "care-provider-record" {
        return false;
    }
    match resource["resourceType"].as_str() {
        Some("Observation") => resource.get("valueString").is_some() || resource.get("note").is_some(),
        Some("Communication") => true,
        _ => false,
    }
}

/// Whether an entry is part of the summary of its section: what is active or current. For contacts the caller also keeps
/// to the newest three.
pub fn in_summary(resource: &Value) -> bool {
    let text = |path: &str| resource[path].as_str().unwrap_or_default();
    match text("resourceType") {
        "Condition" => {
            let codes = resource["clinicalStatus"]["coding"].as_array().into_iter().flatten();
            let mut codes = codes.filter_map(|c| c["code"].as_str()).peekable();
            codes.peek().is_none() || codes.any(|c| matches!(c, "active" | "recurrence" | "relapse"))
        }
        "MedicationRequest" | "MedicationStatement" => {
            matches!(text("status"), "active" | "on-hold" | "intended" | "unknown")
        }
        "MedicationDispense" | "MedicationAdministration" => false,
        "AllergyIntolerance" => true,
        "Encounter" | "Appointment" => true,
        _ => false,
    }
}

/// How many contacts a summary shows.
pub const SUMMARY_CONTACTS: usize = 3;
