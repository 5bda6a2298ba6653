//! Alerts, risks, services, daily notes, incidents, preferences, individual requirements.

use causeway_fhir::Coding;
use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Codes, Kind, SECTION, Section, bind, detail, note, section};
use crate::forms::*;

/// Statuses of a Flag.
pub const FLAG_STATUS: Shape = Shape::Code(&["active", "inactive", "entered-in-error"]);

/// Marks alerts.
pub static ALERT_CODE: Coding<'static> = section("alert", "Alert");

/// Shape of an item.
pub static ALERT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("status", "whether it holds (MODS: mandatory)", FLAG_STATUS),
        Field::required("alert", "what to watch for", CODED),
        Field::optional("category", "category", SHORT),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        Field::optional("location", "where", SHORT),
        Field::optional("involved", "who is involved", TEXTS),
        Field::optional("informed", "who was informed", TEXTS),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Alerts.
pub static ALERTS: Section =
    Section::new("alerts", &ALERT, "Flag", "subject", ALERT_BINDS).marked(&ALERT_CODE).open_to_others();

const ALERT_BINDS: &[Bind] = &[
    detail("category"),
    detail("location"),
    detail("involved"),
    detail("informed"),
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::Text),
    bind("", "category[]", Kind::FixedCode(&ALERT_CODE)),
    bind("alert", "code", Kind::Concept),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];

/// Kinds of risk, as PRSB's care home information divides them.
pub static RISK_CATEGORIES: Codes = Codes {
    system: "https://fhir.causeway.example/CodeSystem/dscr-risk-category",
    list: &[
        ("to-self", "Risk to self"),
        ("to-others", "Risk to others"),
        ("from-others", "Risk from others"),
        ("accidents", "Risk of accidents"),
        ("other", "Other risk"),
    ],
};

/// Shape of an item.
pub static RISK: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required(
            "category",
            "kind of risk (mandatory)",
            Shape::Code(&["to-self", "to-others", "from-others", "accidents", "other"]),
        ),
        Field::required("risk", "the risk", CODED),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        Field::optional("triggers", "what brings it on", TEXTS),
        Field::optional("relapseIndicators", "early signs", TEXTS),
        Field::optional("mitigation", "what is done about it", LONG),
        Field::optional("involved", "who is involved", TEXTS),
        Field::optional("informed", "who was informed", TEXTS),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Risks.
pub static RISKS: Section = Section::new("risks", &RISK, "RiskAssessment", "subject", RISK_BINDS);

const RISK_BINDS: &[Bind] = &[
    detail("involved"),
    detail("informed"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("triggers"),
    note("relapseIndicators"),
    note("comment"),
    bind("", "status", Kind::Fixed("final")),
    bind("category", "code", Kind::Listed(&RISK_CATEGORIES)),
    bind("risk", "prediction[].outcome", Kind::Concept),
    bind("startDate", "occurrencePeriod.start", Kind::DateTime),
    bind("endDate", "occurrencePeriod.end", Kind::DateTime),
    bind("mitigation", "mitigation", Kind::Text),
    bind("recordedBy.name", "performer", Kind::Display),
];

/// Service types of the Client Level Data adapter.
pub const SERVICE_TYPE: &str = "https://fhir.causeway.example/CodeSystem/social-care-service-type";

/// Service types that mean living in a care home.
pub const RESIDENTIAL: [&str; 4] = ["STNC", "STRC", "LTNC", "LTRC"];

/// Shape of an item.
pub static SERVICE: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("description", "what the service is (MODS: mandatory)", SHORT),
        Field::optional("serviceType", "service type code, as in Client Level Data", Shape::Form(&CODE)),
        Field::optional(
            "status",
            "status; taken from the dates where absent",
            Shape::Code(&[
                "planned",
                "waitlist",
                "active",
                "onhold",
                "finished",
                "cancelled",
                "entered-in-error",
            ]),
        ),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        Field::optional("packageName", "name of the care package", SHORT),
        Field::optional("packageType", "type of the care package", SHORT),
        Field::optional("fundingSource", "who pays", SHORT),
        Field::optional("schedule", "when it is given", SHORT),
        Field::optional("location", "where", SHORT),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Services.
pub static SERVICES: Section =
    Section::new("services", &SERVICE, "EpisodeOfCare", "patient", SERVICE_BINDS).open_to_others();

const SERVICE_BINDS: &[Bind] = &[
    detail("packageName"),
    detail("packageType"),
    detail("fundingSource"),
    detail("schedule"),
    detail("location"),
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.name"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::Text),
    bind("serviceType", "type[].coding[].system", Kind::FixedIf(SERVICE_TYPE)),
    bind("serviceType", "type[].coding[].code", Kind::Text),
    bind("description", "type[].text", Kind::Text),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
];

/// Shape of an item.
pub static MEASUREMENT: Object = Object {
    fields: &[
        Field::required("value", "the number", Shape::Number { min: -1.0e9, max: 1.0e9 }),
        Field::optional("unit", "unit in words", Shape::Text { min: 1, max: 64 }),
        Field::optional("unitCode", "UCUM code of the unit", Shape::Form(&CODE)),
    ],
    any_of: &[],
    classes: &[],
};
/// A number with its unit.
pub const QUANTITY: Shape = Shape::Object(&MEASUREMENT);

/// Statuses of a note: one that was corrected has the id of the note that it corrects, and a higher version.
pub const NOTE_STATUS: Field = Field::optional(
    "status",
    "corrected where it takes the place of an earlier wording; final where absent",
    Shape::Code(&["final", "corrected"]),
);

/// Marks daily notes.
pub static DAILY_CODE: Coding<'static> = section("daily-note", "Daily note");
static MEASURE_CODE: Coding<'static> = section("measurement", "Measurement");

/// Shape of an item.
pub static DAILY_NOTE: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        NOTE_STATUS,
        Field::required("dateTime", "when it was so (mandatory)", WHEN),
        Field::optional("topic", "what it is about", CODED),
        Field::optional("text", "what was noted", LONG),
        Field::optional("measurement", "a measured value", QUANTITY),
        Field::optional("location", "where", SHORT),
    ],
    any_of: &["text", "measurement", "topic"],
    classes: &[],
};

/// Daily notes.
pub static DAILY_NOTES: Section =
    Section::new("dailyNotes", &DAILY_NOTE, "Observation", "subject", DAILY_BINDS).marked(&DAILY_CODE);

const DAILY_BINDS: &[Bind] = &[
    detail("location"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::CodeOr("final")),
    bind("", "category[]", Kind::FixedCode(&DAILY_CODE)),
    bind("topic", "code", Kind::ConceptOr(&DAILY_CODE)),
    bind("dateTime", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[]", Kind::Display),
    bind("text", "valueString", Kind::Text),
    bind("measurement", "component[].code", Kind::FixedCode(&MEASURE_CODE)),
    bind("measurement.value", "component[].valueQuantity.value", Kind::Number),
    bind("measurement.unit", "component[].valueQuantity.unit", Kind::Text),
    bind("measurement.unitCode", "component[].valueQuantity.code", Kind::UnitCode),
];

/// Marks incidents.
pub static INCIDENT_CODE: Coding<'static> = section("incident", "Incident");

/// An incident.
pub static INCIDENT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        NOTE_STATUS,
        Field::required("date", "when it happened (MODS: mandatory)", WHEN),
        Field::optional("type", "what kind of incident", CODED),
        Field::optional("harm", "whether the person came to harm", Shape::Boolean),
        Field::optional("description", "what happened (sensitive)", LONG),
        Field::optional("outcome", "what came of it (sensitive)", LONG),
        Field::optional("instruction", "what is to be done (sensitive)", LONG),
        Field::optional("location", "where", SHORT),
        Field::optional("involved", "who was involved (sensitive)", TEXTS),
        Field::optional("informed", "who was informed", TEXTS),
        Field::optional("documentLocation", "where the document is", SHORT),
    ],
    any_of: &[],
    classes: &[],
};

/// Members of an incident that are free text about people.
pub const INCIDENT_TEXTS: [&str; 4] = ["description", "outcome", "instruction", "involved"];

/// Incidents without stated harm.
pub static INCIDENTS: Section =
    Section::new("incidents", &INCIDENT, "Observation", "subject", INCIDENT_BINDS)
        .marked(&INCIDENT_CODE)
        .labelled();

const INCIDENT_BINDS: &[Bind] = &[
    detail("harm"),
    detail("outcome"),
    detail("instruction"),
    detail("location"),
    detail("involved"),
    detail("informed"),
    detail("documentLocation"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::CodeOr("final")),
    bind("", "category[]", Kind::FixedCode(&INCIDENT_CODE)),
    bind("type", "code", Kind::ConceptOr(&INCIDENT_CODE)),
    bind("date", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[]", Kind::Display),
    bind("description", "valueString", Kind::Text),
];

/// Incidents in which the person came to harm.
pub static HARM_INCIDENTS: Section =
    Section::new("incidents", &INCIDENT, "AdverseEvent", "subject", HARM_BINDS).open_to_others().labelled();

const HARM_BINDS: &[Bind] = &[
    detail("status"),
    detail("harm"),
    detail("description"),
    detail("outcome"),
    detail("instruction"),
    detail("involved"),
    detail("informed"),
    detail("documentLocation"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "actuality", Kind::Fixed("actual")),
    bind("type", "event", Kind::ConceptOr(&INCIDENT_CODE)),
    bind("date", "date", Kind::DateTime),
    bind("recordedAt", "recordedDate", Kind::DateTime),
    bind("location", "location", Kind::Display),
    bind("recordedBy.name", "recorder", Kind::Display),
];

/// Marks preferences.
pub static PREFERENCE_CODE: Coding<'static> = section("preference", "Preference");

/// Shape of an item.
pub static PREFERENCE: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("date", "when it was said (MODS: mandatory)", WHEN),
        Field::required("preference", "the wish, in the person's words", LONG),
        Field::optional("location", "where", SHORT),
    ],
    any_of: &[],
    classes: &[],
};

/// Preferences.
pub static PREFERENCES: Section =
    Section::new("preferences", &PREFERENCE, "Observation", "subject", PREFERENCE_BINDS)
        .marked(&PREFERENCE_CODE);

const PREFERENCE_BINDS: &[Bind] = &[
    detail("location"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "status", Kind::Fixed("final")),
    bind("", "code", Kind::FixedCode(&PREFERENCE_CODE)),
    bind("date", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[]", Kind::Display),
    bind("preference", "valueString", Kind::Text),
];

/// Kinds of individual requirement (PRSB).
pub static REQUIREMENT_KINDS: Codes = Codes {
    system: SECTION,
    list: &[
        ("impairment", "Impairment"),
        ("mobility", "Mobility need"),
        ("nursing", "Nursing care need"),
        ("other-requirement", "Other individual requirement"),
    ],
};
/// Stands for every kind of [`REQUIREMENT_KINDS`].
pub static REQUIREMENT_CODE: Coding<'static> = section("*requirement", "Individual requirement");
/// Marks reasonable adjustments.
pub static ADJUSTMENT_CODE: Coding<'static> = section("reasonable-adjustment", "Reasonable adjustment");

/// An individual requirement.
pub static REQUIREMENT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required(
            "kind",
            "kind of requirement",
            Shape::Code(&["reasonable-adjustment", "impairment", "mobility", "nursing", "other-requirement"]),
        ),
        Field::required("requirement", "what is needed", CODED),
        Field::optional("status", "whether a reasonable adjustment holds; active where absent", FLAG_STATUS),
        Field::optional("date", "when it was found", WHEN),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// Individual requirements but for reasonable adjustments.
pub static REQUIREMENTS: Section =
    Section::new("individualRequirements", &REQUIREMENT, "Observation", "subject", REQUIREMENT_BINDS)
        .marked(&REQUIREMENT_CODE);

const REQUIREMENT_BINDS: &[Bind] = &[
    detail("status"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    note("comment"),
    bind("", "status", Kind::Fixed("final")),
    bind("kind", "code", Kind::Listed(&REQUIREMENT_KINDS)),
    bind("date", "effectiveDateTime", Kind::DateTime),
    bind("recordedBy.name", "performer[]", Kind::Display),
    bind("requirement", "valueCodeableConcept", Kind::Concept),
];

/// Reasonable adjustments.
pub static ADJUSTMENTS: Section =
    Section::new("individualRequirements", &REQUIREMENT, "Flag", "subject", ADJUSTMENT_BINDS)
        .marked(&ADJUSTMENT_CODE);

const ADJUSTMENT_BINDS: &[Bind] = &[
    detail("comment"),
    detail("kind"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("status", "status", Kind::Text),
    bind("", "category[]", Kind::FixedCode(&ADJUSTMENT_CODE)),
    bind("requirement", "code", Kind::Concept),
    bind("date", "period.start", Kind::DateTime),
    bind("recordedBy.name", "author", Kind::Display),
];
