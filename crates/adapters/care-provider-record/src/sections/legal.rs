//! Legal information and safeguarding: held back unless an option opens them, restricted always.

use causeway_fhir::Coding;
use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Gate, Kind, SUPPORT_ROLE, Section, bind, detail, note, section};
use crate::forms::*;
use crate::sections::documents::ATTACHMENT;
use crate::sections::people::ROLES_SYSTEM;

/// Marks capacity assessments.
pub static CAPACITY_CODE: Coding<'static> = section("capacity-assessment", "Mental capacity assessment");
/// Marks attorneys.
pub static LPA_CODE: Coding<'static> = section("lasting-power-of-attorney", "Lasting power of attorney");
static LPA_ROLE: Coding<'static> = Coding::new(ROLES_SYSTEM, "LPA", "Lasting Power of Attorney");
/// Marks deprivations of liberty.
pub static DOLS_CODE: Coding<'static> =
    section("deprivation-of-liberty", "Deprivation of liberty safeguards");
/// Marks statuses under the Mental Health Act.
pub static MHA_CODE: Coding<'static> = section("mental-health-act", "Mental Health Act status");
/// Marks advance decisions.
pub static ADRT_CODE: Coding<'static> = section("advance-decision", "Advance decision to refuse treatment");
/// Marks decisions on resuscitation.
pub static CPR_CODE: Coding<'static> = section("cpr-decision", "Cardiopulmonary resuscitation decision");
/// Marks advance statements.
pub static STATEMENT_CODE: Coding<'static> = section("advance-statement", "Advance statement");
/// Marks safeguarding concerns.
pub static SAFEGUARDING_CODE: Coding<'static> = section("safeguarding", "Safeguarding concern");

const DOCUMENT: Field = Field::optional("document", "the document itself", Shape::Object(&ATTACHMENT));
const DOCUMENT_LOCATION: Field = Field::optional("documentLocation", "where the document is", SHORT);

/// Shape of an item.
pub static CAPACITY_ITEM: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("date", "when capacity was assessed", WHEN),
        Field::required(
            "decision",
            "the decision that it was assessed for: capacity is decision-specific",
            SHORT,
        ),
        Field::required("assessment", "what was found", SHORT),
        DOCUMENT_LOCATION,
        DOCUMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Mental capacity assessments.
pub static CAPACITY: Section =
    Section::new("legal.capacityAssessments", &CAPACITY_ITEM, "Observation", "subject", CAPACITY_BINDS)
        .marked(&CAPACITY_CODE)
        .gated(Gate::Legal);

const CAPACITY_BINDS: &[Bind] = &[
    detail("documentLocation"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("decision"),
    bind("", "status", Kind::Fixed("final")),
    bind("", "code", Kind::FixedCode(&CAPACITY_CODE)),
    bind("date", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[]", Kind::Display),
    bind("assessment", "valueString", Kind::Text),
];

/// Shape of an item.
pub static ATTORNEY: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::optional("date", "when it was made or registered", WHEN),
        Field::optional("type", "which power (SNOMED CT refset 999001951000000107)", CODED),
        Field::optional("nameOfAttorney", "name of the attorney or deputy", SHORT),
        Field::optional("contactDetails", "telephone number", Shape::Text { min: 1, max: 35 }),
        DOCUMENT_LOCATION,
        DOCUMENT,
    ],
    any_of: &["nameOfAttorney", "document", "documentLocation"],
    classes: &[],
};

/// Lasting powers of attorney for welfare, and deputies.
pub static POWERS_OF_ATTORNEY: Section =
    Section::new("legal.lastingPowersOfAttorney", &ATTORNEY, "RelatedPerson", "patient", ATTORNEY_BINDS)
        .marked(&LPA_CODE)
        .gated(Gate::Legal);

const ATTORNEY_BINDS: &[Bind] = &[
    bind("", "", Kind::FixedExtension(SUPPORT_ROLE, &LPA_ROLE)),
    detail("type"),
    Bind { from: "date", to: "", kind: Kind::DetailDate },
    detail("documentLocation"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.name"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "relationship[]", Kind::FixedCode(&LPA_CODE)),
    bind("nameOfAttorney", "name[].text", Kind::Text),
    bind("contactDetails", "telecom[system=phone].value", Kind::Text),
];

/// Shape of an item.
pub static DOLS_ITEM: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::optional("applicationDate", "when it was applied for", WHEN),
        Field::required("applicationStatus", "requested or authorised; PRSB has free text here", SHORT),
        Field::optional("text", "details", SHORT),
        Field::optional("startDate", "start of the authorisation", WHEN),
        Field::optional("endDate", "end of the authorisation", WHEN),
    ],
    any_of: &[],
    classes: &[],
};

/// Deprivations of liberty.
pub static DEPRIVATION_OF_LIBERTY: Section =
    Section::new("legal.deprivationOfLiberty", &DOLS_ITEM, "Flag", "subject", DOLS_BINDS)
        .marked(&DOLS_CODE)
        .gated(Gate::Legal);

const DOLS_BINDS: &[Bind] = &[
    Bind { from: "applicationDate", to: "", kind: Kind::DetailDate },
    detail("applicationStatus"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "code.coding[].system", Kind::Fixed(DOLS_CODE.system)),
    bind("", "code.coding[].code", Kind::Fixed(DOLS_CODE.code)),
    bind("", "code.coding[].display", Kind::Fixed(DOLS_CODE.display)),
    bind("text", "code.text", Kind::Text),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Shape of an item.
pub static MHA_ITEM: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("status", "legal status classification", CODED),
        Field::optional("startDate", "start of the section", WHEN),
        Field::optional("endDate", "end of the section", WHEN),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Statuses under the Mental Health Act.
pub static MENTAL_HEALTH_ACT: Section =
    Section::new("legal.mentalHealthAct", &MHA_ITEM, "Flag", "subject", STATUS_BINDS_MHA)
        .marked(&MHA_CODE)
        .gated(Gate::Legal);

const STATUS_BINDS_MHA: &[Bind] = &[
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "category[]", Kind::FixedCode(&MHA_CODE)),
    bind("status", "code", Kind::Concept),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Shape of an item.
pub static DECISION_ITEM: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("date", "when it was decided", WHEN),
        Field::required("decision", "what was decided or stated", CODED),
        DOCUMENT_LOCATION,
        DOCUMENT,
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

macro_rules! decision_binds {
    ($marker:expr) => {
        &[
            detail("documentLocation"),
            detail("comment"),
            Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
            detail("recordedBy.role"),
            detail("recordedBy.contact"),
            bind("", "category[]", Kind::FixedCode($marker)),
            bind("decision", "code", Kind::Concept),
            bind("date", "period.start", Kind::DateTime),
            bind("recordedBy.name", "author", Kind::Display),
        ]
    };
}

/// Advance decisions to refuse treatment.
pub static ADVANCE_DECISIONS: Section =
    Section::new("legal.advanceDecisions", &DECISION_ITEM, "Flag", "subject", decision_binds!(&ADRT_CODE))
        .marked(&ADRT_CODE)
        .gated(Gate::Legal);

/// Decisions on resuscitation: all of them, dated, with their author; which holds is for people to say.
pub static CPR_DECISIONS: Section =
    Section::new("legal.cprDecisions", &DECISION_ITEM, "Flag", "subject", decision_binds!(&CPR_CODE))
        .marked(&CPR_CODE)
        .gated(Gate::Legal);

/// Advance statements.
pub static ADVANCE_STATEMENTS: Section = Section::new(
    "legal.advanceStatements",
    &DECISION_ITEM,
    "Flag",
    "subject",
    decision_binds!(&STATEMENT_CODE),
)
.marked(&STATEMENT_CODE)
.gated(Gate::Legal);

/// Shape of an item.
pub static CONCERN: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("identifiedDateTime", "when it was identified (mandatory)", WHEN),
        Field::optional("endedDateTime", "when it ended", WHEN),
        Field::required("concern", "the concern (SNOMED CT refset 999002381000000108)", CODED),
        Field::optional("gpInformed", "whether the GP was informed", Shape::Boolean),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Safeguarding concerns.
pub static SAFEGUARDING: Section = Section::new("safeguarding", &CONCERN, "Flag", "subject", CONCERN_BINDS)
    .marked(&SAFEGUARDING_CODE)
    .gated(Gate::Safeguarding);

const CONCERN_BINDS: &[Bind] = &[
    detail("gpInformed"),
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "category[]", Kind::FixedCode(&SAFEGUARDING_CODE)),
    bind("concern", "code", Kind::Concept),
    bind("identifiedDateTime", "period.start", Kind::DateTime),
    bind("endedDateTime", "period.end", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Members of `legal` that software fills with "No" by itself.
pub const SILENT_DEFAULTS: [&str; 4] = ["dnacprInPlace", "lacksCapacity", "lpaInPlace", "dolsInPlace"];
