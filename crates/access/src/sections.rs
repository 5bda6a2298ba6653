//! To which section of the matrix a resource belongs. Finer than the record's own sections where access differs: care
//! notes apart from assessments, safeguarding apart from alerts, her own readings apart from results.

use serde_json::Value;

/// Adapter of the readings that people take themselves.
pub const OWN_READINGS: &str = "personal-readings";

/// Adapters through which social care speaks.
const SOCIAL_CARE: &[&str] = &[
    "care-act-assessment",
    "care-provider-record",
    "client-level-data",
    "council-case-extract",
    "telecare-alarm",
];

/// The section for access of a resource. `adapter` is the one that translated it. What the matrix has no row for is refused.
pub fn section_of(resource: &Value, adapter: &str) -> &'static str {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let social = SOCIAL_CARE.contains(&adapter);
    if adapter == OWN_READINGS && !matches!(kind, "Patient" | "Provenance" | "RelatedPerson") {
        return "own-readings";
    }
    if is_safeguarding(resource) {
        return "safeguarding";
    }
    if is_care_note(resource, adapter) {
        return "care-notes";
    }
    match kind {
        "Patient" => "demographics",
        // A list orders facts that are entries themselves.
        "Provenance" | "List" | "MessageHeader" => "provenance",
        "AuditEvent" => "access-log",
        "Practitioner" | "PractitionerRole" | "Organization" | "Location" | "HealthcareService"
        | "Medication" | "Substance" | "Questionnaire" | "Endpoint" | "Schedule" | "Slot" => "directory",
        "QuestionnaireResponse" | "Composition" | "CarePlan" | "DocumentReference" | "Observation"
            if says_about_me(resource) =>
        {
            "about-me"
        }
        "EpisodeOfCare" => "services-and-care",
        "ServiceRequest" if social => "services-and-care",
        "Task" if social => "assessments",
        "QuestionnaireResponse" | "RiskAssessment" | "ClinicalImpression" => "assessments",
        "Condition" if social => "support-reasons",
        "RelatedPerson" => "carers-and-contacts",
        "Device" | "DeviceRequest" | "DeviceUseStatement" | "SupplyRequest" | "SupplyDelivery" => "equipment",
        "Flag" | "DetectedIssue" => "alerts",
        "Consent" => "choices",
        "AllergyIntolerance" => "allergies",
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            "medicines"
        }
        "Condition" => "problems",
        "Observation" if is_accommodation(resource) => "accommodation",
        "Observation" if social => "assessments",
        "Observation" | "DiagnosticReport" | "Specimen" | "ImagingStudy" => "results",
        "Immunization" | "ImmunizationRecommendation" => "vaccinations",
        "Procedure" => "procedures",
        "Encounter" | "Appointment" | "AppointmentResponse" | "Communication" | "CommunicationRequest" => {
            "encounters"
        }
        "ServiceRequest" => "referrals",
        "DocumentReference" | "DocumentManifest" | "Composition" | "Media" | "Binary" => "documents",
        "CarePlan" | "CareTeam" | "Goal" | "Task" | "NutritionOrder" => "plans",
        _ => "other",
    }
}

fn says_about_me(resource: &Value) -> bool {
    let mut found = false;
    crate::labels::walk(resource, &mut |name, value| {
        found |= matches!(name, "code" | "questionnaire")
            && value.as_str().is_some_and(|t| t == "1515851000000101" || t.ends_with("about-me"));
    });
    found
}

fn is_accommodation(resource: &Value) -> bool {
    let mut found = false;
    crate::labels::walk(&resource["code"], &mut |name, value| {
        found |= matches!(name, "text" | "display")
            && value.as_str().is_some_and(|t| {
                let lower = t.to_lowercase();
                ["accommodation", "housing", "place of residence"].iter().any(|word| lower.contains(word))
            });
    });
    found
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
