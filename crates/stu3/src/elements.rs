//! What becomes of each element of STU3 that is not the same in R4. Source: the version maps of HL7 (R3 to R4),
//! the CareConnect and GP Connect profiles, and NHS England's conversion table of medicines.

/// What becomes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The same, or the same element that repeats now.
    Same,
    /// Another name, the same shape.
    Name(&'static str),
    /// A reference that was wrapped: other name, name of the wrapped part.
    Unwrap(&'static str, &'static str),
    /// A note: a text of its own.
    Note,
    /// Several become one: the first is taken, the others are lost.
    First(&'static str),
    /// Written by code of its own.
    Own,
    /// No place in R4.
    Lost(&'static str),
}

use Rule::{First, Lost, Name, Note, Own, Same, Unwrap};

const DEFINITION: &str =
    "R4 refers to definitions by canonical URL; the reference is kept only in the original";

fn other(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("ImagingStudy", "patient") => Name("subject"),
        ("ImagingStudy", "modalityList") => Name("modality"),
        ("ImagingStudy", "reason") => Name("reasonCode"),
        // Written as identifiers.
        ("ImagingStudy", "accession" | "uid") => Own,
        ("ImagingStudy", "availability") => {
            Lost("R4 has no such element of a study; kept only in the original")
        }
        ("Media", "occurrenceDateTime") => Name("createdDateTime"),
        ("Media", "occurrencePeriod") => Name("createdPeriod"),
        ("Media", "subtype") => Name("modality"),
        ("Goal", "status") | ("Coverage", "grouping") => Own,
        ("Coverage", "sequence") => Lost("R4 has no number of a cover's sequence; kept only in the original"),
        _ => Same,
    }
}

/// The rule of a top-level element of an STU3 resource.
pub(crate) fn rule(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        (_, "resourceType" | "id" | "meta" | "extension" | "identifier" | "contained") => Own,
        (_, "implicitRules") => Lost("rules of the sender's own; kept only in the original"),
        ("MedicationStatement" | "MedicationAdministration" | "MedicationDispense", "context") => Same,
        ("DocumentReference", "context") => Own,
        (_, "context") => Name("encounter"),
        _ => match stu3 {
            "AllergyIntolerance" | "Condition" | "Immunization" | "FamilyMemberHistory" => {
                record(stu3, element)
            }
            "MedicationRequest"
            | "MedicationStatement"
            | "MedicationDispense"
            | "MedicationAdministration"
            | "Medication" => medicine(stu3, element),
            "Observation" | "DiagnosticReport" | "Specimen" => finding(stu3, element),
            "ProcedureRequest" | "ReferralRequest" | "Procedure" | "Communication" | "CarePlan" | "Task" => {
                request(stu3, element)
            }
            "MessageHeader" => header(element),
            "ClinicalImpression" if element == "action" => {
                Lost("R4 has no action of an impression; kept only in the original")
            }
            "ImagingStudy" | "Media" | "Goal" | "Coverage" => other(stu3, element),
            "Consent" if crate::consent::holds(element) || element == "sourceIdentifier" => Own,
            _ => place(stu3, element),
        },
    }
}

/// R4 has the receiver within the destination, and the time of a message at its Bundle.
fn header(element: &str) -> Rule {
    match element {
        "event" => Name("eventCoding"),
        "destination" | "receiver" | "timestamp" => Own,
        _ => Same,
    }
}

fn record(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("AllergyIntolerance" | "Condition", "clinicalStatus" | "verificationStatus") => Own,
        ("AllergyIntolerance" | "Condition", "assertedDate") => Name("recordedDate"),
        ("Immunization", "date") => Name("occurrenceDateTime"),
        (
            "Immunization",
            "status" | "notGiven" | "practitioner" | "explanation" | "vaccinationProtocol" | "vaccineCode",
        ) => Own,
        ("FamilyMemberHistory", "gender" | "status" | "notDone") => Own,
        ("Condition", "abatementBoolean") => Own,
        ("FamilyMemberHistory", "notDoneReason") => Name("dataAbsentReason"),
        ("FamilyMemberHistory", "definition") => Own,
        _ => Same,
    }
}

fn medicine(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("MedicationRequest", "requester") => Own,
        ("MedicationRequest", "dispenseRequest" | "substitution") => Own,
        ("MedicationRequest", "dosageInstruction") | ("MedicationStatement", "dosage") => Own,
        ("MedicationDispense", "dosageInstruction") => Own,
        ("MedicationRequest", "definition") => Lost(DEFINITION),
        ("MedicationStatement", "status" | "taken") => Own,
        ("MedicationStatement", "reasonNotTaken") => Name("statusReason"),
        ("MedicationDispense", "notDone" | "status") => Own,
        ("MedicationAdministration", "notGiven" | "status") => Own,
        ("MedicationAdministration", "reasonNotGiven") => Name("statusReason"),
        ("MedicationAdministration", "prescription") => Name("request"),
        ("MedicationAdministration", "definition") => Lost(DEFINITION),
        ("Medication", "package") => Own,
        ("MedicationDispense", "notDoneReasonCodeableConcept") => Name("statusReasonCodeableConcept"),
        ("MedicationDispense", "notDoneReasonReference") => Name("statusReasonReference"),
        ("Medication", "isBrand" | "isOverTheCounter" | "image") => {
            Lost("R4 has no such element of a medication; kept only in the original")
        }
        _ => Same,
    }
}

fn finding(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("Observation", "comment") => Note,
        ("Observation", "related" | "component") => Own,
        ("DiagnosticReport", "performer") => Own,
        ("DiagnosticReport", "codedDiagnosis") => Name("conclusionCode"),
        ("DiagnosticReport", "image") => Name("media"),
        _ => Same,
    }
}

fn request(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("ProcedureRequest" | "ReferralRequest" | "Procedure" | "Communication", "status") => Own,
        ("ProcedureRequest" | "ReferralRequest", "requester") => Own,
        (_, "definition") => Own,
        ("Communication", "topic") => Name("about"),
        ("CarePlan", "author") => Own,
        ("Task", "reason") => Name("reasonCode"),
        ("Task", "definitionUri") => Name("instantiatesUri"),
        ("Task", "definitionReference") => Name("instantiatesCanonical"),
        ("ReferralRequest", "type") => Name("category"),
        ("ReferralRequest", "serviceRequested") => First("code"),
        ("ReferralRequest", "recipient") => Name("performer"),
        ("ReferralRequest", "specialty") => Name("performerType"),
        ("ReferralRequest", "description") => Note,
        ("ReferralRequest", "groupIdentifier") => Name("requisition"),
        ("ReferralRequest", "relevantHistory") => Same,
        ("Procedure" | "Communication", "notDone") => Own,
        ("Procedure" | "Communication", "notDoneReason") => Name("statusReason"),
        ("Procedure", "performer") => Own,
        ("Task", "requester") => Unwrap("requester", "agent"),
        _ => Same,
    }
}

fn place(stu3: &str, element: &str) -> Rule {
    match (stu3, element) {
        ("DocumentReference", "class") => Name("category"),
        ("DocumentReference", "indexed") => Name("date"),
        ("DocumentReference", "created" | "content" | "status") => Own,
        ("Encounter", "reason") => Name("reasonCode"),
        ("Encounter", "incomingReferral") => Name("basedOn"),
        ("Encounter", "class" | "diagnosis" | "hospitalization") => Own,
        ("Appointment", "reason") => Name("reasonCode"),
        ("Appointment", "indication") => Name("reasonReference"),
        ("Appointment", "incomingReferral") => Name("basedOn"),
        ("QuestionnaireResponse", "parent") => Name("partOf"),
        ("QuestionnaireResponse", "questionnaire" | "item") => Own,
        ("Binary", "content") => Name("data"),
        ("Device", "model") => Name("modelNumber"),
        ("Device", "udi" | "version") => Own,
        ("Composition", "class") => Name("category"),
        ("Consent", "consentingParty") => Name("performer"),
        ("Patient", "animal") => Lost("R4 has an extension for animals; kept only in the original"),
        ("HealthcareService", "programName") => Own,
        ("HealthcareService", "eligibility" | "eligibilityNote") => Own,
        ("EpisodeOfCare", "diagnosis") => Same,
        _ => Same,
    }
}
