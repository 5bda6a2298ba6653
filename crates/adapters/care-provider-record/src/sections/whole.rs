//! The record as a whole, and the About Me.

use causeway_fhir::Coding;
use causeway_json::shape::{Field, Object, Shape};

use crate::bind::section;
use crate::forms::*;
use crate::limits;
use crate::sections::documents::ATTACHMENT;
use crate::sections::{clinical, legal, notes, people, plans};

/// Canonical of the schema, and the value of `$schema`.
pub const SCHEMA_ID: &str = "https://fhir.causeway.example/schema/dscr-record-0.1.json";

/// Marks the record itself.
pub static RECORD_CODE: Coding<'static> = section("record", "Care provider's record");
/// Marks an About Me in pictures or sound.
pub static ABOUT_ME_CODE: Coding<'static> = section("about-me", "About Me");

const fn list(of: &'static Shape) -> Shape {
    Shape::List { of, min: 0, max: limits::SECTION_ITEMS_MAX }
}

/// About Me: the person's own words.
pub static ABOUT_ME: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        Field::optional("mostImportant", "what is most important to me", LONG),
        Field::optional("importantPeople", "people who are important to me", LONG),
        Field::optional("howICommunicate", "how I communicate and how to communicate with me", LONG),
        Field::optional("wellness", "my wellness", LONG),
        Field::optional("doAndDoNot", "please do and please don't", LONG),
        Field::optional("howToSupport", "how and when to support me", LONG),
        Field::optional("alsoWorthKnowing", "also worth knowing about me", LONG),
        Field::optional("supportedToWriteBy", "supported to write this by", SHORT),
        Field::optional("lastUpdated", "when it was last updated", WHEN),
        Field::optional("multimedia", "pictures, sound, film", list(&Shape::Object(&ATTACHMENT))),
    ],
    any_of: &[],
    classes: &[],
};

/// Legal information.
pub static LEGAL: Object = Object {
    fields: &[
        Field::optional(
            "capacityAssessments",
            "mental capacity assessments",
            list(&Shape::Object(&legal::CAPACITY_ITEM)),
        ),
        Field::optional(
            "lastingPowersOfAttorney",
            "lasting powers of attorney and deputies",
            list(&Shape::Object(&legal::ATTORNEY)),
        ),
        Field::optional(
            "deprivationOfLiberty",
            "deprivation of liberty safeguards",
            list(&Shape::Object(&legal::DOLS_ITEM)),
        ),
        Field::optional("mentalHealthAct", "Mental Health Act", list(&Shape::Object(&legal::MHA_ITEM))),
        Field::optional(
            "advanceDecisions",
            "advance decisions to refuse treatment",
            list(&Shape::Object(&legal::DECISION_ITEM)),
        ),
        Field::optional(
            "cprDecisions",
            "decisions on resuscitation",
            list(&Shape::Object(&legal::DECISION_ITEM)),
        ),
        Field::optional(
            "advanceStatements",
            "advance statements",
            list(&Shape::Object(&legal::DECISION_ITEM)),
        ),
        Field::optional("dnacprInPlace", "tick box of some software; only a yes says anything", Shape::Any),
        Field::optional("lacksCapacity", "tick box of some software; only a yes says anything", Shape::Any),
        Field::optional("lpaInPlace", "tick box of some software; only a yes says anything", Shape::Any),
        Field::optional("dolsInPlace", "tick box of some software; only a yes says anything", Shape::Any),
    ],
    any_of: &[],
    classes: &[],
};

/// The record.
pub static RECORD: Object = Object {
    fields: &[
        Field::optional("$schema", "this schema", Shape::Text { min: 1, max: 200 }),
        Field::required(
            "recordUid",
            "id of the record (MODS)",
            Shape::Text { min: 1, max: limits::UID_CHARS_MAX },
        ),
        Field::required(
            "version",
            "version of the record (MODS)",
            Shape::Integer { min: 1, max: i32::MAX as i64 },
        ),
        RECORDED_AT,
        Field::required("provider", "whose record it is", Shape::Object(&people::PROVIDER)),
        Field::required("subject", "the person", Shape::Object(&people::SUBJECT)),
        Field::optional("aboutMe", "About Me (PRSB)", Shape::Object(&ABOUT_ME)),
        Field::optional(
            "personalContacts",
            "personal contacts",
            list(&Shape::Object(&people::PERSONAL_CONTACT)),
        ),
        Field::optional(
            "professionalContacts",
            "professional contacts",
            list(&Shape::Object(&people::PROFESSIONAL_CONTACT)),
        ),
        Field::optional("legal", "legal information", Shape::Object(&LEGAL)),
        Field::optional("safeguarding", "safeguarding concerns", list(&Shape::Object(&legal::CONCERN))),
        Field::optional("alerts", "alerts", list(&Shape::Object(&notes::ALERT))),
        Field::optional("risks", "risks", list(&Shape::Object(&notes::RISK))),
        Field::optional(
            "individualRequirements",
            "individual requirements",
            list(&Shape::Object(&notes::REQUIREMENT)),
        ),
        Field::optional("needs", "needs, concerns and problems", list(&Shape::Object(&plans::NEED))),
        Field::optional("carePlan", "personalised care and support plan", Shape::Object(&plans::PLAN)),
        Field::optional(
            "contingencyPlans",
            "contingency and safety plans",
            list(&Shape::Object(&plans::CONTINGENCY)),
        ),
        Field::optional(
            "additionalPlans",
            "additional support plans",
            list(&Shape::Object(&plans::ADDITIONAL)),
        ),
        Field::optional("services", "services and care", list(&Shape::Object(&notes::SERVICE))),
        Field::optional("dailyNotes", "daily notes", list(&Shape::Object(&notes::DAILY_NOTE))),
        Field::optional("incidents", "incidents", list(&Shape::Object(&notes::INCIDENT))),
        Field::optional("preferences", "preferences", list(&Shape::Object(&notes::PREFERENCE))),
        Field::optional("conditions", "problems and diagnoses", list(&Shape::Object(&clinical::CONDITION))),
        Field::optional(
            "allergies",
            "allergies and adverse reactions",
            list(&Shape::Object(&clinical::ALLERGY)),
        ),
        Field::optional("medications", "medicines", list(&Shape::Object(&clinical::MEDICATION))),
        Field::optional(
            "medicationAdministrations",
            "medicines given",
            list(&Shape::Object(&clinical::ADMINISTRATION)),
        ),
        Field::optional(
            "admissions",
            "admissions and discharges",
            list(&Shape::Object(&clinical::ADMISSION)),
        ),
        Field::optional("investigationResults", "results", list(&Shape::Object(&clinical::RESULT))),
        Field::optional("documents", "documents and multimedia", list(&Shape::Object(&ATTACHMENT))),
    ],
    any_of: &[],
    classes: &[],
};
