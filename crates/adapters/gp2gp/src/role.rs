//! What a statement of an extract can become.

/// What a statement becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing of its own.
    Nothing,
    /// `Observation`.
    Observation,
    /// `Observation` with members: a test group, a template.
    Group,
    /// `Observation` with a systolic and a diastolic component.
    BloodPressure,
    /// One of these components.
    Component,
    /// `Observation` that holds a comment of its own.
    Comment,
    /// A comment that belongs to the statement around it.
    Note,
    /// A compound around one result and its comments: the result stands for it.
    Cluster,
    /// `AllergyIntolerance`.
    Allergy,
    /// The heading around an allergy; true for allergies to medicines.
    AllergyHeading(bool),
    /// `Immunization`.
    Immunisation,
    /// `List`: a topic of a consultation.
    Topic,
    /// `List`: a heading within a topic.
    Category,
    /// `DiagnosticReport`.
    Report,
    /// `Specimen`.
    Specimen,
    /// `Condition`.
    Problem,
    /// A link between a request and its documents.
    Link,
    /// The name of a problem only: the entry itself is another statement.
    ProblemName,
    /// `ServiceRequest`, a plan: the diary.
    Diary,
    /// `ServiceRequest`, an order: a referral.
    Referral,
    /// `Observation`: the patient came without being referred.
    SelfReferral,
    /// `DocumentReference`.
    Document,
    /// `MedicationStatement` and `MedicationRequest`s.
    Medication,
}

impl Role {
    /// The type of the statement's own resource.
    pub fn resource(self) -> Option<&'static str> {
        Some(match self {
            Role::Observation | Role::Group | Role::BloodPressure | Role::Comment | Role::SelfReferral => {
                "Observation"
            }
            Role::Allergy => "AllergyIntolerance",
            Role::Immunisation => "Immunization",
            Role::Topic | Role::Category => "List",
            Role::Report => "DiagnosticReport",
            Role::Specimen => "Specimen",
            Role::Problem => "Condition",
            Role::Diary | Role::Referral => "ServiceRequest",
            Role::Document => "DocumentReference",
            _ => return None,
        })
    }
}
