//! Care needs assessments and care plans (draft, Care Act 2014).

use causeway_json::shape::{Object, Shape};

use super::{ID, TEXT, WHEN, many, may, must, one};

/// Statuses of a document, from FHIR's CarePlan with `ended` added.
pub const STATUS: Shape = Shape::Code(&[
    "draft",
    "active",
    "on-hold",
    "entered-in-error",
    "ended",
    "completed",
    "revoked",
    "unknown",
]);

const BOOLEAN: Shape = one(&Shape::Boolean);

static REVIEW: Object = Object {
    fields: &[must("isReview", BOOLEAN), may("previousId", many(&ID, 0))],
    any_of: &[],
    classes: &["Review"],
};
static REVIEW_SHAPE: Shape = Shape::Object(&REVIEW);
const REVIEWS: Shape = many(&REVIEW_SHAPE, 1);

static QUESTION: Object = Object {
    fields: &[
        may("questionId", one(&TEXT)),
        must(
            "category",
            one(&Shape::Token(&[
                "personalcontext",
                "health",
                "housing",
                "finance",
                "communicationneeds",
                "canutrition",
                "cahygiene",
                "catoilet",
                "caclothing",
                "cahomesafety",
                "cahabitablehome",
                "camaintainingrelationships",
                "cawtev",
                "cacommunityservices",
                "caresponsibilityforothers",
                "eligibility",
                "emergencies",
                "other",
            ])),
        ),
        must("questionText", one(&TEXT)),
        must("answer", many(&TEXT, 1)),
        must("answerType", one(&Shape::Token(&["string", "boolean", "date", "number", "enum"]))),
        must("required", BOOLEAN),
    ],
    any_of: &[],
    classes: &["AssessmentQuestion", "CareAssessmentQuestion"],
};

/// A care needs assessment.
pub static ASSESSMENT: Object = Object {
    fields: &[
        must("identifier", one(&ID)),
        must("personId", one(&ID)),
        must("professionalId", one(&ID)),
        must("dateCompleted", one(&WHEN)),
        must("capacityToCompleteAssessment", BOOLEAN),
        must("advocateRequired", BOOLEAN),
        must("consentToInformationSharing", BOOLEAN),
        must("review", REVIEWS),
        may("serviceEpisodeId", many(&ID, 0)),
        may("planId", one(&ID)),
        must("status", one(&STATUS)),
        must("assessmentQuestion", many(&Shape::Object(&QUESTION), 1)),
    ],
    any_of: &[],
    classes: &[],
};

static ACTOR: Object = Object {
    fields: &[
        must(
            "actorType",
            one(&Shape::Token(&[
                "self",
                "family",
                "friend",
                "community",
                "otherunpaidcarer",
                "professionalservices",
            ])),
        ),
        must("actorId", one(&ID)),
    ],
    any_of: &[],
    classes: &["CareActor"],
};

static TIME: Object = Object {
    fields: &[
        must("frequency", Shape::Any),
        must("startDateTime", one(&WHEN)),
        may("endDateTime", one(&WHEN)),
    ],
    any_of: &[],
    classes: &["CareTiming", "CareTime"],
};

static ACTIVITY: Object = Object {
    fields: &[
        must("activityDescription", one(&TEXT)),
        may(
            "outcome",
            one(&Shape::Token(&[
                "canutrition",
                "cahygiene",
                "catoilet",
                "caclothing",
                "cahomesafety",
                "cahabitablehome",
                "carelationships",
                "camaintainingrelationships",
                "cawtev",
                "cacommunity",
                "cacommunityservices",
                "cacaringothers",
                "caresponsibilityforothers",
            ])),
        ),
        may("directPayment", BOOLEAN),
    ],
    any_of: &[],
    classes: &["CareActivity"],
};

static COMPONENT: Object = Object {
    fields: &[
        must("actor", many(&Shape::Object(&ACTOR), 1)),
        must("time", one(&Shape::Object(&TIME))),
        must("activity", one(&Shape::Object(&ACTIVITY))),
    ],
    any_of: &[],
    classes: &["CareComponent"],
};

/// A care plan.
pub static PLAN: Object = Object {
    fields: &[
        must("identifier", one(&ID)),
        must("personId", one(&ID)),
        must("professionalId", one(&ID)),
        must("dateCompleted", one(&WHEN)),
        must("capacityToCompleteAssessment", BOOLEAN),
        must("advocateRequired", BOOLEAN),
        must("consentToInformationSharing", BOOLEAN),
        must("review", REVIEWS),
        may("serviceEpisodeId", many(&ID, 0)),
        must("assessmentId", one(&ID)),
        must("status", one(&STATUS)),
        must("careComponent", many(&Shape::Object(&COMPONENT), 1)),
    ],
    any_of: &[],
    classes: &[],
};
