//! Which UK Core profile a resource claims by default.

/// Root of UK Core's profiles and extensions.
pub const UKCORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/";

/// The canonical of UK Core's general profile for a resource type; `None` where UK Core has none.
///
/// Source: the published UK Core profiles (FHIR R4, STU3 sequence).
pub fn default_profile(kind: &str) -> Option<&'static str> {
    macro_rules! ukcore {
        ($($name:literal),* $(,)?) => {
            match kind { $($name => Some(concat!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-", $name)),)* _ => None }
        };
    }
    ukcore!(
        "AllergyIntolerance",
        "Appointment",
        "CarePlan",
        "CareTeam",
        "Composition",
        "Condition",
        "Consent",
        "Device",
        "DiagnosticReport",
        "DocumentReference",
        "Encounter",
        "EpisodeOfCare",
        "FamilyMemberHistory",
        "Flag",
        "HealthcareService",
        "ImagingStudy",
        "Immunization",
        "List",
        "Location",
        "Medication",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "OperationOutcome",
        "Organization",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Procedure",
        "Questionnaire",
        "QuestionnaireResponse",
        "RelatedPerson",
        "Schedule",
        "ServiceRequest",
        "Slot",
        "Specimen",
        "Task",
    )
}
