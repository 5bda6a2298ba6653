//! To which section of the matrix a resource belongs. Finer than the record's own sections where access differs: care
//! notes apart from assessments, safeguarding apart from alerts, her own readings apart from results.

use serde_json::Value;

/// Adapter of the readings that people take themselves.
pub const OWN_READINGS: &str = "personal-readings";

/// Adapter of the records of care providers.
pub(crate) const CARE_PROVIDER: &str = "care-provider-record";

/// Code of "About me".
const ABOUT_ME: &str = "1515851000000101";

/// End of the address of a questionnaire about "About me".
const ABOUT_ME_END: &str = "about-me";

/// Words of observations about where a person lives, in lower case.
const ACCOMMODATION: &[&str] = &["accommodation", "housing", "place of residence"];

/// Code of an adult safeguarding referral.
const SAFEGUARDING_CODE: &str = "514331000000104";

/// Words of safeguarding concerns, in lower case.
const SAFEGUARDING: &[&str] = &["safeguarding", "child protection", "marac", "mappa", "alleged perpetrator"];

/// All that [`section_of`] looks for in the values of a resource: without any of it a section is of type and adapter, but for
/// care providers' observations, which are notes where they have a text.
pub(crate) fn marks() -> impl Iterator<Item = &'static str> {
    let fixed = [ABOUT_ME, ABOUT_ME_END, SAFEGUARDING_CODE].into_iter();
    fixed.chain(ACCOMMODATION.iter().copied()).chain(SAFEGUARDING.iter().copied())
}

/// Adapters through which social care speaks.
const SOCIAL_CARE: &[&str] =
    &["care-act-assessment", CARE_PROVIDER, "client-level-data", "council-case-extract", "telecare-alarm"];

/// What the values of a resource may say that decides its section beside its type and adapter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// A safeguarding concern.
    Safeguarding,
    /// A text of its own, as a note.
    Note,
    /// Something of "About me".
    AboutMe,
    /// Where the person lives.
    Accommodation,
}

/// The section for access of a resource. `adapter` is the one that translated it. What the matrix has no row for is refused.
pub fn section_of(resource: &Value, adapter: &str) -> &'static str {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    section(kind, adapter, &|says| match says {
        Says::Safeguarding => is_safeguarding(resource),
        Says::Note => resource.get("valueString").is_some() || resource.get("note").is_some(),
        Says::AboutMe => says_about_me(resource),
        Says::Accommodation => is_accommodation(resource),
    })
}

/// The section of a resource of which no more is known than its type and adapter: for one in which nothing of [`marks`] is,
/// and that [`needs_note`] does not ask about.
pub(crate) fn section_of_type(kind: &str, adapter: &str) -> &'static str {
    section(kind, adapter, &|_| false)
}

/// Whether the section of such a resource depends on whether it has a text of its own.
pub(crate) fn needs_note(kind: &str, adapter: &str) -> bool {
    adapter == CARE_PROVIDER && kind == "Observation"
}

fn section(kind: &str, adapter: &str, says: &dyn Fn(Says) -> bool) -> &'static str {
    let social = SOCIAL_CARE.contains(&adapter);
    if adapter == OWN_READINGS && !matches!(kind, "Patient" | "Provenance" | "RelatedPerson") {
        return "own-readings";
    }
    if says(Says::Safeguarding) {
        return "safeguarding";
    }
    // A note of a day in a care home or at home, as care providers' systems write them.
    if adapter == CARE_PROVIDER && (kind == "Communication" || needs_note(kind, adapter) && says(Says::Note))
    {
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
            if says(Says::AboutMe) =>
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
        "Observation" if says(Says::Accommodation) => "accommodation",
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
            && value.as_str().is_some_and(|t| t == ABOUT_ME || t.ends_with(ABOUT_ME_END));
    });
    found
}

fn is_accommodation(resource: &Value) -> bool {
    let mut found = false;
    crate::labels::walk(&resource["code"], &mut |name, value| {
        found |= matches!(name, "text" | "display")
            && value.as_str().is_some_and(|t| {
                let lower = t.to_lowercase();
                ACCOMMODATION.iter().any(|word| lower.contains(word))
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
        found |= (name == "code" && text == SAFEGUARDING_CODE)
            || (matches!(name, "text" | "display")
                && SAFEGUARDING.iter().any(|word| text.to_lowercase().contains(word)));
    });
    found
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
