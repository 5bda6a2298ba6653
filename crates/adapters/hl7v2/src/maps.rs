//! The mapping tables.

use causeway_terminology::Map;

macro_rules! maps {
    ($($(#[$meta:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$meta])* pub static $name: Map =
            Map::new(concat!("hl7v2-", $file), include_str!(concat!("../maps/", $file, ".csv")));)*
        /// Every table.
        pub static ALL: &[&Map] = &[$(&$name),*];
    };
}

maps! {
    /// PID-8 to `Patient.gender`.
    GENDER = "gender";
    /// PID-16 to `Patient.maritalStatus`.
    MARITAL_STATUS = "marital-status";
    /// PID-22 to the ethnic category extension.
    ETHNIC_CATEGORY = "ethnic-category";
    /// PID-15 to `Patient.communication`.
    LANGUAGE = "language";
    /// PV1-2 to `Encounter.class`.
    PATIENT_CLASS = "patient-class";
    /// PV1-4 to the admission method extension.
    ADMISSION_METHOD = "admission-method";
    /// PV1-14 to `Encounter.hospitalization.admitSource`.
    ADMISSION_SOURCE = "admission-source";
    /// PV1-36 to the discharge method extension.
    DISCHARGE_METHOD = "discharge-method";
    /// PV1-37 to `Encounter.hospitalization.dischargeDisposition`.
    DISCHARGE_DESTINATION = "discharge-destination";
    /// PV1-10 to `Encounter.serviceType`.
    TREATMENT_FUNCTION = "treatment-function";
    /// NK1-3 to `RelatedPerson.relationship`.
    RELATIONSHIP = "relationship";
    /// AL1-3 that says that no allergy is known, by its words in capitals.
    NO_KNOWN_ALLERGY = "no-known-allergy";
    /// OBX-8 to `Observation.interpretation`.
    ABNORMAL_FLAG = "abnormal-flag";
    /// OBX-11 to `Observation.status`.
    OBSERVATION_STATUS = "observation-status";
    /// OBR-25 to `DiagnosticReport.status`.
    REPORT_STATUS = "report-status";
    /// ORC-5 to `ServiceRequest.status`.
    ORDER_STATUS = "order-status";
    /// SCH-25 to `Appointment.status`.
    APPOINTMENT_STATUS = "appointment-status";
    /// TXA-17 to `DocumentReference.docStatus`.
    DOCUMENT_STATUS = "document-status";
    /// Names of coding systems to their URIs (the target system is the answer).
    CODING_SYSTEMS = "coding-systems";
}
