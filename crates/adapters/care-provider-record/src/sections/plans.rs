//! Needs with goals and actions, the care and support plan, contingency and other plans.

use causeway_fhir::Coding;
use causeway_fhir::systems::CONDITION_CLINICAL;
use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Kind, Section, bind, detail, note, section};
use crate::forms::*;
use crate::limits;
use crate::sections::people::PROFESSIONAL_CONTACT;

const PLAN_STATUS: Shape =
    Shape::Code(&["draft", "active", "on-hold", "revoked", "completed", "entered-in-error"]);
/// Scores are from 1 to 10 (PRSB).
const SCORE: Shape = Shape::Number { min: 1.0, max: 10.0 };

/// Marks needs.
pub static NEED_CODE: Coding<'static> = section("need", "Need, concern or problem");
/// Marks strengths.
pub static STRENGTH_CODE: Coding<'static> = section("strength", "Strength");
/// Marks the care and support plan.
pub static PLAN_CODE: Coding<'static> = section("care-and-support", "Care and support plan");
/// Marks contingency plans.
pub static CONTINGENCY_CODE: Coding<'static> = section("contingency", "Contingency or safety plan");
/// Marks other plans.
pub static ADDITIONAL_CODE: Coding<'static> = section("additional", "Additional support plan");
/// Marks reviews.
pub static REVIEW_CODE: Coding<'static> = section("plan-review", "Planned review of a plan");

/// Shape of an item.
pub static ACTION: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        Field::required("what", "what is to be done", CODED),
        Field::optional("who", "who does it", PERSON),
        Field::optional("when", "when", WHEN),
        Field::optional("strategies", "suggested strategies", LONG),
        Field::optional("status", "status", PLAN_STATUS),
        Field::optional("confidence", "the person's confidence, 1 to 10", SCORE),
        Field::optional("lastUpdated", "when it was last updated", WHEN),
        Field::optional("reviewDate", "when it is to be reviewed", WHEN),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static GOAL: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_BY,
        Field::required("goal", "the goal or hope", CODED),
        Field::required(
            "status",
            "where it stands in its life",
            Shape::Code(&[
                "proposed",
                "planned",
                "accepted",
                "active",
                "on-hold",
                "completed",
                "cancelled",
                "entered-in-error",
                "rejected",
            ]),
        ),
        Field::optional("goalStatus", "status in words (SNOMED CT refset 999000091000000107)", CODED),
        Field::optional("importance", "how important to the person, 1 to 10", SCORE),
        Field::optional("startDate", "from when", DAY),
        Field::optional("targetDate", "by when", DAY),
        Field::optional("outcomes", "what came of it", CODED_LIST),
        Field::optional(
            "actions",
            "actions and activities",
            Shape::List { of: &Shape::Object(&ACTION), min: 1, max: limits::LIST_ITEMS_MAX },
        ),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static NEED: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("need", "need, concern or problem", CODED),
        Field::optional("status", "whether it holds", Shape::Code(&["active", "inactive", "resolved"])),
        Field::optional("startDate", "since when", WHEN),
        Field::optional(
            "goals",
            "goals and hopes",
            Shape::List { of: &Shape::Object(&GOAL), min: 1, max: limits::LIST_ITEMS_MAX },
        ),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Needs.
pub static NEEDS: Section =
    Section::new("needs", &NEED, "Condition", "subject", NEED_BINDS).marked(&NEED_CODE);

const NEED_BINDS: &[Bind] = &[
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("status", "clinicalStatus", Kind::System(CONDITION_CLINICAL)),
    bind("", "category[]", Kind::FixedCode(&NEED_CODE)),
    bind("need", "code", Kind::Concept),
    bind("startDate", "onsetDateTime", Kind::DateTime),
    bind("recordedAt", "recordedDate", Kind::DateTime),
    bind("recordedBy.name", "recorder", Kind::Display),
];

/// Goals of a need.
pub static GOALS: Section = Section::new("goals", &GOAL, "Goal", "subject", GOAL_BINDS);

const GOAL_BINDS: &[Bind] = &[
    detail("importance"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("status", "lifecycleStatus", Kind::Text),
    bind("goalStatus", "achievementStatus", Kind::Concept),
    bind("goal", "description", Kind::Concept),
    bind("startDate", "startDate", Kind::Date),
    bind("targetDate", "target[].dueDate", Kind::Date),
    bind("recordedBy.name", "expressedBy", Kind::Display),
    bind("outcomes", "outcomeCode", Kind::Concepts),
];

/// Actions of a goal.
pub static ACTIONS: Section = Section::new("actions", &ACTION, "ServiceRequest", "subject", ACTION_BINDS);

const ACTION_BINDS: &[Bind] = &[
    detail("who.role"),
    detail("who.contact"),
    detail("confidence"),
    Bind { from: "reviewDate", to: "", kind: Kind::DetailDate },
    note("strategies"),
    note("comment"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("", "intent", Kind::Fixed("plan")),
    bind("what", "code", Kind::Concept),
    bind("when", "occurrenceDateTime", Kind::DateTime),
    bind("lastUpdated", "authoredOn", Kind::DateTime),
    bind("who.name", "performer[]", Kind::Display),
];

/// Shape of an item.
pub static AGREEMENT: Object = Object {
    fields: &[
        Field::required("agreed", "whether the plan is agreed", Shape::Boolean),
        Field::optional("name", "full name of who agreed", NAME),
        Field::optional("role", "role of who agreed: the person or a representative", SHORT),
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static REVIEW: Object = Object {
    fields: &[
        Field::optional("date", "planned date", WHEN),
        Field::optional("interval", "planned interval, in words", SHORT),
        Field::optional("responsible", "who sees to it", PERSON),
    ],
    any_of: &["date", "interval"],
    classes: &[],
};

const AGREEMENT_FIELD: Field =
    Field::optional("agreement", "agreed with the person or a representative", Shape::Object(&AGREEMENT));
const REVIEW_FIELD: Field = Field::optional("review", "planned review", Shape::Object(&REVIEW));
const STATUS_FIELD: Field = Field::optional("status", "status", PLAN_STATUS);
const UPDATED_FIELD: Field = Field::optional("lastUpdated", "when it was last updated", WHEN);

/// Shape of an item.
pub static PLAN: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        STATUS_FIELD,
        Field::optional("title", "title", SHORT),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        Field::optional("strengths", "what the person is good at", CODED_LIST),
        AGREEMENT_FIELD,
        Field::optional("careFundingSource", "who pays", LONG),
        UPDATED_FIELD,
        Field::optional("otherDocuments", "other care planning documents", TEXTS),
        REVIEW_FIELD,
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// The care and support plan.
pub static CARE_PLAN: Section =
    Section::new("carePlan", &PLAN, "CarePlan", "subject", PLAN_BINDS).marked(&PLAN_CODE);

const PLAN_BINDS: &[Bind] = &[
    detail("agreement.agreed"),
    detail("agreement.name"),
    detail("agreement.role"),
    detail("careFundingSource"),
    Bind { from: "lastUpdated", to: "", kind: Kind::DetailDate },
    detail("otherDocuments"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("", "intent", Kind::Fixed("plan")),
    bind("", "category[]", Kind::FixedCode(&PLAN_CODE)),
    bind("title", "title", Kind::Text),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("recordedAt", "created", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Shape of an item.
pub static CONTINGENCY: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        STATUS_FIELD,
        Field::required("triggerFactors", "what sets the plan off (PRSB: mandatory)", CODED_LIST),
        Field::optional("name", "name of the plan", SHORT),
        Field::optional("planType", "type (SNOMED CT refset 999001471000000108)", CODED),
        Field::optional("whatShouldHappen", "what is to be done", CODED_LIST),
        Field::optional(
            "whoToContact",
            "who is to be told",
            Shape::List { of: &Shape::Object(&PROFESSIONAL_CONTACT), min: 1, max: limits::LIST_ITEMS_MAX },
        ),
        Field::optional("copingStrategies", "what helps", TEXTS),
        Field::optional("relapseIndicators", "early warning signs", TEXTS),
        Field::optional("anticipatoryMedicines", "medicines or equipment kept ready", TEXTS),
        AGREEMENT_FIELD,
        UPDATED_FIELD,
        REVIEW_FIELD,
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Contingency plans.
pub static CONTINGENCIES: Section =
    Section::new("contingencyPlans", &CONTINGENCY, "CarePlan", "subject", CONTINGENCY_BINDS)
        .marked(&CONTINGENCY_CODE);

const CONTINGENCY_BINDS: &[Bind] = &[
    detail("triggerFactors"),
    detail("planType"),
    detail("agreement.agreed"),
    detail("agreement.name"),
    detail("agreement.role"),
    Bind { from: "lastUpdated", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("copingStrategies"),
    note("relapseIndicators"),
    note("anticipatoryMedicines"),
    note("comment"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("", "intent", Kind::Fixed("plan")),
    bind("", "category[]", Kind::FixedCode(&CONTINGENCY_CODE)),
    bind("name", "title", Kind::Text),
    bind("recordedAt", "created", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Shape of an item.
pub static ADDITIONAL: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        STATUS_FIELD,
        Field::optional("name", "name of the plan", SHORT),
        Field::optional("planType", "type (SNOMED CT refset 999001471000000108)", CODED),
        Field::optional("content", "what the plan says", LONG),
        UPDATED_FIELD,
        REVIEW_FIELD,
    ],
    any_of: &["name", "planType", "content"],
    classes: &[],
};

/// Additional plans, and the plans of other senders.
pub static ADDITIONALS: Section =
    Section::new("additionalPlans", &ADDITIONAL, "CarePlan", "subject", ADDITIONAL_BINDS)
        .marked(&ADDITIONAL_CODE)
        .open_to_others();

const ADDITIONAL_BINDS: &[Bind] = &[
    detail("planType"),
    Bind { from: "lastUpdated", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::CodeOr("unknown")),
    bind("", "intent", Kind::Fixed("plan")),
    bind("", "category[]", Kind::FixedCode(&ADDITIONAL_CODE)),
    bind("name", "title", Kind::Text),
    bind("content", "description", Kind::Text),
    bind("recordedAt", "created", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// The review of a plan, a Task.
pub static REVIEWS: Section = Section::new("review", &REVIEW, "Task", "for", REVIEW_BINDS);

const REVIEW_BINDS: &[Bind] = &[
    detail("review.interval"),
    detail("review.responsible.role"),
    detail("review.responsible.contact"),
    bind("", "status", Kind::Fixed("requested")),
    bind("", "intent", Kind::Fixed("plan")),
    bind("", "code", Kind::FixedCode(&REVIEW_CODE)),
    bind("review.responsible.name", "owner", Kind::Display),
    bind("review.date", "restriction.period.end", Kind::DateTime),
];
