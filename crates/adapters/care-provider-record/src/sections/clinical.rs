//! What a care home is told by health services, and the medicines that it gives.

use causeway_fhir::Coding;
use causeway_fhir::systems::{
    ACT_CODE, ALLERGY_CLINICAL, ALLERGY_VERIFICATION, CONDITION_CATEGORY, CONDITION_CLINICAL,
    CONDITION_VERIFICATION, OBSERVATION_CATEGORY, ODS_ORGANISATION,
};
use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Kind, Section, bind, detail, note};
use crate::forms::*;
use crate::sections::notes::QUANTITY;

/// Shape of an item.
pub static CONDITION: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("condition", "problem or diagnosis", CODED),
        Field::optional(
            "clinicalStatus",
            "whether it holds",
            Shape::Code(&["active", "recurrence", "relapse", "inactive", "remission", "resolved"]),
        ),
        Field::optional(
            "verificationStatus",
            "how sure it is",
            Shape::Code(&[
                "unconfirmed",
                "provisional",
                "differential",
                "confirmed",
                "refuted",
                "entered-in-error",
            ]),
        ),
        Field::optional("onset", "since when", WHEN),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

static PROBLEM: Coding<'static> = Coding::new(CONDITION_CATEGORY, "problem-list-item", "Problem List Item");

/// Problems and diagnoses.
pub static CONDITIONS: Section =
    Section::new("conditions", &CONDITION, "Condition", "subject", CONDITION_BINDS).open_to_others();

const CONDITION_BINDS: &[Bind] = &[
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("clinicalStatus", "clinicalStatus", Kind::System(CONDITION_CLINICAL)),
    bind("verificationStatus", "verificationStatus", Kind::System(CONDITION_VERIFICATION)),
    bind("", "category[]", Kind::FixedCode(&PROBLEM)),
    bind("condition", "code", Kind::Concept),
    bind("onset", "onsetDateTime", Kind::DateTime),
    bind("recordedAt", "recordedDate", Kind::DateTime),
    bind("recordedBy.name", "recorder", Kind::Display),
];

/// Shape of an item.
pub static REACTION: Object = Object {
    fields: &[
        Field::required("manifestation", "what happened", CODED),
        Field::optional("severity", "how bad", Shape::Code(&["mild", "moderate", "severe"])),
        Field::optional("onset", "when", WHEN),
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static ALLERGY: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("agent", "causative agent (PRSB: mandatory)", CODED),
        Field::required(
            "clinicalStatus",
            "whether it holds",
            Shape::Code(&["active", "inactive", "resolved"]),
        ),
        Field::optional(
            "verificationStatus",
            "how sure it is",
            Shape::Code(&["unconfirmed", "confirmed", "refuted", "entered-in-error"]),
        ),
        Field::optional("type", "allergy or intolerance", Shape::Code(&["allergy", "intolerance"])),
        Field::optional("criticality", "how dangerous", Shape::Code(&["low", "high", "unable-to-assess"])),
        Field::optional("onset", "first known", WHEN),
        Field::optional("reaction", "the reaction", Shape::Object(&REACTION)),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Allergies.
pub static ALLERGIES: Section =
    Section::new("allergies", &ALLERGY, "AllergyIntolerance", "patient", ALLERGY_BINDS).open_to_others();

const ALLERGY_BINDS: &[Bind] = &[
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("clinicalStatus", "clinicalStatus", Kind::System(ALLERGY_CLINICAL)),
    bind("verificationStatus", "verificationStatus", Kind::System(ALLERGY_VERIFICATION)),
    bind("type", "type", Kind::Text),
    bind("criticality", "criticality", Kind::Text),
    bind("agent", "code", Kind::Concept),
    bind("onset", "onsetDateTime", Kind::DateTime),
    bind("recordedAt", "recordedDate", Kind::DateTime),
    bind("recordedBy.name", "recorder", Kind::Display),
    bind("reaction.manifestation", "reaction[].manifestation[]", Kind::Concept),
    bind("reaction.severity", "reaction[].severity", Kind::Text),
    bind("reaction.onset", "reaction[].onset", Kind::DateTime),
];

/// Shape of an item.
pub static MEDICATION: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("medication", "medicine (dm+d through SNOMED CT)", CODED),
        Field::optional(
            "status",
            "status",
            Shape::Code(&[
                "active",
                "completed",
                "entered-in-error",
                "intended",
                "stopped",
                "on-hold",
                "not-taken",
            ]),
        ),
        Field::optional("dosage", "dose directions", LONG),
        Field::optional("route", "route", CODED),
        Field::optional("form", "form", CODED),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        Field::optional("indication", "what for", SHORT),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Medicines that the person takes.
pub static MEDICATIONS: Section =
    Section::new("medications", &MEDICATION, "MedicationStatement", "subject", MEDICATION_BINDS)
        .open_to_others();

const MEDICATION_BINDS: &[Bind] = &[
    detail("form"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("medication", "medicationCodeableConcept", Kind::Concept),
    bind("startDate", "effectivePeriod.start", Kind::DateTime),
    bind("endDate", "effectivePeriod.end", Kind::DateTime),
    bind("recordedAt", "dateAsserted", Kind::DateTime),
    bind("recordedBy.name", "informationSource", Kind::Display),
    bind("indication", "reasonCode[]", Kind::ConceptText),
    bind("dosage", "dosage[].text", Kind::Text),
    bind("route", "dosage[].route", Kind::Concept),
];

/// Shape of an item.
pub static ADMINISTRATION: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required(
            "status",
            "whether it was given",
            Shape::Code(&[
                "in-progress",
                "not-done",
                "on-hold",
                "completed",
                "entered-in-error",
                "stopped",
                "unknown",
            ]),
        ),
        Field::required("medication", "medicine", CODED),
        Field::required("dateTime", "when", WHEN),
        Field::optional("dose", "quantity and units", LONG),
        Field::optional("route", "route", CODED),
        Field::optional("reason", "why it was not given", SHORT),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Medicines given.
pub static ADMINISTRATIONS: Section = Section::new(
    "medicationAdministrations",
    &ADMINISTRATION,
    "MedicationAdministration",
    "subject",
    ADMINISTRATION_BINDS,
)
.open_to_others();

/// R4 has a dosage here only with a dose that is a quantity (mad-1), and PRSB's dose is text.
const ADMINISTRATION_BINDS: &[Bind] = &[
    detail("route"),
    note("dose"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("status", "status", Kind::Text),
    bind("reason", "statusReason[]", Kind::ConceptText),
    bind("medication", "medicationCodeableConcept", Kind::Concept),
    bind("dateTime", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[].actor", Kind::Display),
];

/// Shape of an item.
pub static HOSPITAL: Object = Object {
    fields: &[
        Field::optional("odsCode", "ODS code", Shape::Form(&ODS)),
        Field::optional("name", "name", SHORT),
    ],
    any_of: &["odsCode", "name"],
    classes: &[],
};

/// Shape of an item.
pub static ADMISSION: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required(
            "status",
            "status",
            Shape::Code(&[
                "planned",
                "arrived",
                "triaged",
                "in-progress",
                "onleave",
                "finished",
                "cancelled",
                "entered-in-error",
                "unknown",
            ]),
        ),
        Field::required("class", "inpatient (IMP), emergency (EMER) …: HL7 v3 ActCode", Shape::Form(&CODE)),
        Field::optional("startDate", "admitted", WHEN),
        Field::optional("endDate", "discharged", WHEN),
        Field::optional("reason", "why", CODED),
        Field::optional("source", "from where", CODED),
        Field::optional("dischargeDestination", "where to", CODED),
        Field::optional("hospital", "hospital", Shape::Object(&HOSPITAL)),
        Field::optional("responsible", "responsible professional", SHORT),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Hospital admissions and discharges.
pub static ADMISSIONS: Section =
    Section::new("admissions", &ADMISSION, "Encounter", "subject", ADMISSION_BINDS).open_to_others();

const ADMISSION_BINDS: &[Bind] = &[
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.name"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::Text),
    bind("class", "class.system", Kind::FixedIf(ACT_CODE)),
    bind("class", "class.code", Kind::Text),
    bind("responsible", "participant[].individual", Kind::Display),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("reason", "reasonCode[]", Kind::Concept),
    bind("source", "hospitalization.admitSource", Kind::Concept),
    bind("dischargeDestination", "hospitalization.dischargeDisposition", Kind::Concept),
    bind("hospital.odsCode", "serviceProvider.identifier.system", Kind::FixedIf(ODS_ORGANISATION)),
    bind("hospital.odsCode", "serviceProvider.identifier.value", Kind::Text),
    bind("hospital.name", "serviceProvider.display", Kind::Text),
];

/// Shape of an item.
pub static RESULT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        Field::required("test", "what was measured", CODED),
        Field::optional(
            "status",
            "status",
            Shape::Code(&[
                "registered",
                "preliminary",
                "final",
                "amended",
                "corrected",
                "cancelled",
                "entered-in-error",
            ]),
        ),
        Field::optional(
            "category",
            "kind of result",
            Shape::Code(&[
                "social-history",
                "vital-signs",
                "imaging",
                "laboratory",
                "procedure",
                "survey",
                "exam",
                "therapy",
                "activity",
            ]),
        ),
        Field::optional("dateTime", "when", WHEN),
        Field::optional("value", "measured value", QUANTITY),
        Field::optional("valueText", "result in words, where there is no measured value", LONG),
        Field::optional("valueCoded", "result as a code, where there is no other value", CODED),
        Field::optional("interpretation", "interpretation", CODED),
        Field::optional("referenceRange", "reference range", SHORT),
        Field::optional("performer", "who measured", SHORT),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Results of investigations and examinations.
pub static RESULTS: Section =
    Section::new("investigationResults", &RESULT, "Observation", "subject", RESULT_BINDS).open_to_others();

const RESULT_BINDS: &[Bind] = &[
    note("comment"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("category", "category[]", Kind::System(OBSERVATION_CATEGORY)),
    bind("test", "code", Kind::Concept),
    bind("dateTime", "effectiveDateTime", Kind::DateTime),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    bind("performer", "performer[]", Kind::Display),
    bind("value.value", "valueQuantity.value", Kind::Number),
    bind("value.unit", "valueQuantity.unit", Kind::Text),
    bind("value.unitCode", "valueQuantity.code", Kind::UnitCode),
    bind("valueText", "valueString", Kind::Text),
    bind("valueCoded", "valueCodeableConcept", Kind::Concept),
    bind("interpretation", "interpretation[]", Kind::Concept),
    bind("referenceRange", "referenceRange[].text", Kind::Text),
];
