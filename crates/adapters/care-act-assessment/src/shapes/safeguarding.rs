//! Safeguarding: organisations, services, professionals, episodes, life events.

use causeway_json::shape::{Object, Shape};

use super::{ADDRESS, CONTACT, ID, NAME, TEXT, WHEN, many, may, must, one};

const IDS: Shape = many(&ID, 0);
const ACTIVE: Shape = one(&Shape::Boolean);

/// An organisation.
pub static ORGANISATION: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must("name", one(&TEXT)),
        may("alias", many(&TEXT, 0)),
        must("type", many(&Shape::Token(&["localauthority", "nhstrust", "policeforce"]), 1)),
        may("active", ACTIVE),
        may("address", many(&ADDRESS, 0)),
        must("contact", many(&CONTACT, 1)),
        may("relatedProfessional", IDS),
        must("relatedService", many(&ID, 1)),
    ],
    any_of: &[],
    classes: &[],
};

/// A service.
pub static SERVICE: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must("name", one(&TEXT)),
        may("alias", many(&TEXT, 0)),
        must(
            "type",
            many(
                &Shape::Token(&[
                    "youthoffending",
                    "primaryschool",
                    "highschool",
                    "senprimaryschool",
                    "senhighschool",
                    "alternativeprovisionschool",
                    "socialcare",
                    "familycourt",
                    "camhs",
                    "reablement",
                    "shorttermnursingcare",
                    "shorttermresidentialcare",
                    "longtermnursingcare",
                    "longtermresidentialcare",
                    "homesupportdomiciliary",
                    "daysupport",
                    "meals",
                    "transport",
                    "equipment",
                    "directpayment",
                    "sharedlives",
                    "communitysupportedliving",
                    "extracarehousing",
                    "socialworkersupport",
                    "otherprofessionalsupport",
                    "learningeducationemployment",
                    "endoflifecare",
                    "emergencysupport",
                    "othershorttermsupport",
                    "otherlongtermsupport",
                    "carerrespite",
                    "carersittingservice",
                    "careruniversalservices",
                    "othercarersupport",
                ]),
                1,
            ),
        ),
        may("active", ACTIVE),
        may("address", many(&ADDRESS, 0)),
        must("contact", many(&CONTACT, 1)),
        must(
            "costFrequency",
            one(&Shape::Token(&[
                "none",
                "persession",
                "hourly",
                "daily",
                "weekly",
                "fortnightly",
                "fourweekly",
                "monthly",
                "quarterly",
                "annually",
                "oneoff",
            ])),
        ),
        may(
            "delivery",
            many(
                &Shape::Token(&[
                    "stmax",
                    "ongoinglow",
                    "othershortterm",
                    "nursing",
                    "residential",
                    "community",
                    "prison",
                    "unpaidcarerdirect",
                    "unpaidcarersupport",
                ]),
                0,
            ),
        ),
        may("relatedOrganisation", IDS),
        may("relatedProfessional", IDS),
    ],
    any_of: &[],
    classes: &[],
};

/// A professional.
pub static PROFESSIONAL: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must("name", one(&NAME)),
        must("role", many(&TEXT, 1)),
        may("workingStatus", ACTIVE),
        must("contact", one(&CONTACT)),
        may("relatedService", IDS),
        may("relatedOrganisation", IDS),
    ],
    any_of: &[],
    classes: &[],
};

static SUBJECT: Object = Object {
    fields: &[must("person", one(&ID)), must("involvement", one(&TEXT))],
    any_of: &[],
    classes: &["SubjectPerson"],
};

static INVOLVED: Object = Object {
    fields: &[must("professional", one(&ID)), must("involvement", one(&TEXT))],
    any_of: &[],
    classes: &["RelatedProfessional"],
};

static TIMES: Object = Object {
    fields: &[
        must("startDateTime", one(&WHEN)),
        may("endDateTime", one(&WHEN)),
        may("frequency", Shape::Any),
    ],
    any_of: &[],
    classes: &["TimeInformation"],
};

static OBSERVATION: Object = Object {
    fields: &[must("type", one(&TEXT)), must("startDate", one(&WHEN)), may("endDate", one(&WHEN))],
    any_of: &[],
    classes: &["Observation"],
};

static MEASUREMENT: Object = Object {
    fields: &[
        must("value", one(&Shape::Number { min: -1.0e15, max: 1.0e15 })),
        must("unit", one(&Shape::Token(&["count", "pct", "%", "percent"]))),
        must(
            "type",
            one(&Shape::Token(&[
                "attendance",
                "authorisedabsences",
                "unauthorisedabsences",
                "caringhoursperweek",
            ])),
        ),
    ],
    any_of: &[],
    classes: &["Measurement"],
};

static FINDING: Object = Object {
    fields: &[
        may("observation", many(&Shape::Object(&OBSERVATION), 0)),
        may("measurement", many(&Shape::Object(&MEASUREMENT), 0)),
        may("text", many(&TEXT, 0)),
    ],
    any_of: &[],
    classes: &["Finding"],
};

const OUTCOME: Shape = Shape::Token(&[
    "reablement",
    "assessment",
    "hospital",
    "continuation",
    "planning",
    "nfaplanned",
    "nfamoved",
    "nfanhsreferral",
    "nfadisregard",
    "nfalocalreferral",
    "nfadeclined",
    "nfainfo",
    "nfadeceased",
    "nfanoofferother",
    "nfaendedother",
    "nfaother",
]);

/// An episode of a service.
pub static EPISODE: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must(
            "type",
            many(
                &Shape::Token(&[
                    "assessment",
                    "earlyhelp",
                    "section47",
                    "adultsafeguarding",
                    "careactassessment",
                    "plan",
                    "ehcp",
                    "familycourtorder",
                    "cinplan",
                    "cpplan",
                    "camhsplan",
                    "childlookedafter",
                    "careplan",
                    "provision",
                    "facetofacecontact",
                    "remotecontact",
                    "directprovision",
                    "indirectprovision",
                    "admin",
                    "miscellaneous",
                ]),
                1,
            ),
        ),
        must("subjectPerson", many(&Shape::Object(&SUBJECT), 1)),
        may("relatedProfessional", many(&Shape::Object(&INVOLVED), 0)),
        must("relatedService", many(&ID, 1)),
        must("timeInformation", many(&Shape::Object(&TIMES), 1)),
        must("location", many(&TEXT, 1)),
        may("finding", many(&Shape::Object(&FINDING), 0)),
        may("episodeOutcome", one(&OUTCOME)),
        may("outcome", one(&OUTCOME)),
    ],
    any_of: &[],
    classes: &[],
};

/// A life event.
pub static LIFE_EVENT: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must(
            "type",
            many(
                &Shape::Token(&[
                    "birth",
                    "death",
                    "aeattendance",
                    "schoolexclusion",
                    "schoolsuspension",
                    "missingperson",
                    "safeguardingconcern",
                    "referral",
                    "homeless",
                ]),
                1,
            ),
        ),
        must("subjectPerson", many(&Shape::Object(&SUBJECT), 1)),
        may("relatedProfessional", many(&Shape::Object(&INVOLVED), 0)),
        may("relatedService", IDS),
        may("timeInformation", many(&Shape::Object(&TIMES), 0)),
        may("location", many(&TEXT, 0)),
    ],
    any_of: &[],
    classes: &[],
};
