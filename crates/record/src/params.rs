//! The search parameters: names, kinds and paths, after FHIR R4's search parameter registry.

/// How a parameter is compared (R4, search parameter types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Token,
    Date,
    Text,
    Reference,
    Uri,
    Quantity,
    Number,
    Composite,
}

impl Comparison {
    /// From the word of R4's `search-param-type`.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "token" => Self::Token,
            "date" => Self::Date,
            "string" => Self::Text,
            "reference" => Self::Reference,
            "uri" => Self::Uri,
            "quantity" => Self::Quantity,
            "number" => Self::Number,
            "composite" => Self::Composite,
            _ => return None,
        })
    }

    /// The word of R4's `search-param-type`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Date => "date",
            Self::Text => "string",
            Self::Reference => "reference",
            Self::Uri => "uri",
            Self::Quantity => "quantity",
            Self::Number => "number",
            Self::Composite => "composite",
        }
    }
}

/// How a parameter is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Token,
    Date,
    Text,
    Reference,
}

impl Kind {
    /// The kind as R4 names it.
    pub(crate) fn comparison(self) -> Comparison {
        match self {
            Self::Token => Comparison::Token,
            Self::Date => Comparison::Date,
            Self::Text => Comparison::Text,
            Self::Reference => Comparison::Reference,
        }
    }
}

/// One parameter.
#[derive(Debug)]
pub(crate) struct Param {
    pub name: &'static str,
    pub kind: Kind,
    /// Elements, with `.` between steps; lists are walked.
    pub paths: &'static [&'static str],
}

const fn token(name: &'static str, paths: &'static [&'static str]) -> Param {
    Param { name, kind: Kind::Token, paths }
}
const fn date(name: &'static str, paths: &'static [&'static str]) -> Param {
    Param { name, kind: Kind::Date, paths }
}
const fn text(name: &'static str, paths: &'static [&'static str]) -> Param {
    Param { name, kind: Kind::Text, paths }
}
const fn link(name: &'static str, paths: &'static [&'static str]) -> Param {
    Param { name, kind: Kind::Reference, paths }
}

/// Of every type.
const COMMON: &[Param] = &[
    token("identifier", &["identifier", "masterIdentifier"]),
    token("_tag", &["meta.tag"]),
    token("_security", &["meta.security"]),
];

/// Of every type that is about a person.
const CLINICAL: &[Param] = &[
    link("patient", PATIENT),
    link("subject", PATIENT),
    link("encounter", &["encounter", "context", "context.encounter"]),
    token("status", &["status"]),
    token("category", &["category"]),
    link(
        "performer",
        &["performer", "performer.actor", "asserter", "recorder", "requester", "author", "owner"],
    ),
];

/// Elements that say whom a resource is about.
pub(crate) const PATIENT: &[&str] =
    &["subject", "patient", "for", "beneficiary", "individual", "participant.actor"];

const CODE: Param = token("code", &["code", "code.concept", "vaccineCode", "medicationCodeableConcept"]);

const PATIENT_OWN: &[Param] = &[
    text("family", &["name.family"]),
    text("given", &["name.given"]),
    text("name", &["name.family", "name.given", "name.text", "name.prefix", "name.suffix"]),
    text(
        "address",
        &["address.line", "address.city", "address.district", "address.postalCode", "address.text"],
    ),
    text("address-postalcode", &["address.postalCode"]),
    text("address-city", &["address.city"]),
    token("gender", &["gender"]),
    token("active", &["active"]),
    token("telecom", &["telecom"]),
    date("birthdate", &["birthDate"]),
    date("death-date", &["deceasedDateTime"]),
    link("general-practitioner", &["generalPractitioner"]),
    link("organization", &["managingOrganization"]),
    link("link", &["link.other"]),
];

const DIRECTORY: &[Param] = &[
    text("name", &["name", "name.family", "name.given", "name.text", "alias"]),
    text("family", &["name.family"]),
    text("given", &["name.given"]),
    token("active", &["active"]),
    token("type", &["type"]),
    token("role", &["code"]),
    token("specialty", &["specialty"]),
    token("status", &["status"]),
    text("address-postalcode", &["address.postalCode"]),
    link("organization", &["organization", "managingOrganization"]),
    link("partof", &["partOf"]),
    link("practitioner", &["practitioner"]),
    link("location", &["location"]),
];

const OBSERVATION: &[Param] = &[
    CODE,
    date("date", &["effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming"]),
    date("issued", &["issued"]),
    token("value-concept", &["valueCodeableConcept"]),
    text("value-string", &["valueString", "valueCodeableConcept.text"]),
    token("component-code", &["component.code"]),
    token("interpretation", &["interpretation"]),
    link("has-member", &["hasMember"]),
    link("derived-from", &["derivedFrom"]),
    link("specimen", &["specimen"]),
    link("result", &["result"]),
    link("based-on", &["basedOn"]),
    token("conclusion", &["conclusionCode"]),
];

const CONDITION: &[Param] = &[
    CODE,
    token("clinical-status", &["clinicalStatus"]),
    token("verification-status", &["verificationStatus"]),
    date("onset-date", &["onsetDateTime", "onsetPeriod"]),
    date("abatement-date", &["abatementDateTime", "abatementPeriod"]),
    date("recorded-date", &["recordedDate"]),
    token("severity", &["severity"]),
];

const ALLERGY: &[Param] = &[
    CODE,
    token("clinical-status", &["clinicalStatus"]),
    token("verification-status", &["verificationStatus"]),
    token("criticality", &["criticality"]),
    token("type", &["type"]),
    token("manifestation", &["reaction.manifestation"]),
    date("date", &["recordedDate"]),
    date("onset", &["onsetDateTime", "reaction.onset"]),
];

const ENCOUNTER: &[Param] = &[
    token("class", &["class"]),
    token("type", &["type"]),
    token("reason-code", &["reasonCode"]),
    date("date", &["period"]),
    link("location", &["location.location"]),
    link("participant", &["participant.individual"]),
    link("service-provider", &["serviceProvider"]),
    link("episode-of-care", &["episodeOfCare"]),
    link("part-of", &["partOf"]),
];

const MEDICATION: &[Param] = &[
    CODE,
    token("intent", &["intent"]),
    date("authoredon", &["authoredOn"]),
    date("effective", &["effectiveDateTime", "effectivePeriod"]),
    date("whenhandedover", &["whenHandedOver"]),
    date("effective-time", &["effectiveDateTime", "effectivePeriod"]),
    link("medication", &["medicationReference"]),
    link("based-on", &["basedOn"]),
];

const IMMUNIZATION: &[Param] = &[
    token("vaccine-code", &["vaccineCode"]),
    date("date", &["occurrenceDateTime"]),
    text("lot-number", &["lotNumber"]),
    token("target-disease", &["protocolApplied.targetDisease"]),
];

const REQUEST: &[Param] = &[
    CODE,
    token("intent", &["intent"]),
    token("priority", &["priority"]),
    token("business-status", &["businessStatus"]),
    date("authored", &["authoredOn"]),
    date("authored-on", &["authoredOn"]),
    date("occurrence", &["occurrenceDateTime", "occurrencePeriod"]),
    date("modified", &["lastModified"]),
    date("period", &["executionPeriod"]),
    link("based-on", &["basedOn"]),
    link("focus", &["focus"]),
    link("part-of", &["partOf"]),
];

const APPOINTMENT: &[Param] = &[
    date("date", &["start"]),
    token("service-type", &["serviceType"]),
    token("appointment-type", &["appointmentType"]),
    token("reason-code", &["reasonCode"]),
    token("part-status", &["participant.status"]),
    link("actor", &["participant.actor"]),
    link("slot", &["slot"]),
];

const DOCUMENT: &[Param] = &[
    date("date", &["date"]),
    date("period", &["context.period"]),
    token("type", &["type"]),
    token("contenttype", &["content.attachment.contentType"]),
    token("title", &["title"]),
    text("description", &["description"]),
    link("custodian", &["custodian"]),
    link("entry", &["section.entry", "entry.item"]),
    link("item", &["entry.item"]),
    token("code", &["code"]),
];

const PROVENANCE: &[Param] = &[
    link("target", &["target"]),
    link("patient", &["target"]),
    link("agent", &["agent.who"]),
    link("entity", &["entity.what"]),
    token("entity-identifier", &["entity.what.identifier"]),
    date("recorded", &["recorded"]),
];

/// Every other clinical type: the usual elements.
const OTHER: &[Param] = &[
    CODE,
    token("type", &["type"]),
    token("intent", &["intent"]),
    token("relationship", &["relationship"]),
    token("clinical-status", &["clinicalStatus"]),
    token("lifecycle-status", &["lifecycleStatus"]),
    text("name", &["name.family", "name.given", "name.text"]),
    date(
        "date",
        &[
            "date",
            "period",
            "performedDateTime",
            "performedPeriod",
            "created",
            "createdDateTime",
            "recordedDate",
            "occurrenceDateTime",
            "occurrencePeriod",
            "dateTime",
            "startDate",
        ],
    ),
    date("authored", &["authored"]),
    date("period", &["period"]),
    date("collected", &["collection.collectedDateTime", "collection.collectedPeriod"]),
    date("sent", &["sent"]),
    date("received", &["received"]),
    date("start-date", &["startDate"]),
    date("birthdate", &["birthDate"]),
    link("based-on", &["basedOn"]),
    link("part-of", &["partOf"]),
    link("organization", &["managingOrganization", "organization"]),
    link("care-manager", &["careManager"]),
    link("condition", &["addresses", "diagnosis.condition"]),
    link("goal", &["goal"]),
    link("activity-reference", &["activity.reference"]),
    link("location", &["location"]),
    link("device", &["device"]),
];

/// The tables that hold for a type, the most specific first.
fn tables(kind: &str) -> [&'static [Param]; 3] {
    match kind {
        "Patient" => [PATIENT_OWN, COMMON, &[]],
        "Organization" | "Practitioner" | "PractitionerRole" | "Location" | "HealthcareService" => {
            [DIRECTORY, COMMON, &[]]
        }
        "Observation" | "DiagnosticReport" => [OBSERVATION, CLINICAL, COMMON],
        "Condition" => [CONDITION, CLINICAL, COMMON],
        "AllergyIntolerance" => [ALLERGY, CLINICAL, COMMON],
        "Encounter" => [ENCOUNTER, CLINICAL, COMMON],
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            [MEDICATION, CLINICAL, COMMON]
        }
        "Immunization" => [IMMUNIZATION, CLINICAL, COMMON],
        "ServiceRequest" | "Task" => [REQUEST, CLINICAL, COMMON],
        "Appointment" => [APPOINTMENT, CLINICAL, COMMON],
        "DocumentReference" | "Composition" | "List" => [DOCUMENT, CLINICAL, COMMON],
        "Provenance" => [PROVENANCE, COMMON, &[]],
        _ => [OTHER, CLINICAL, COMMON],
    }
}

/// The parameters of a type.
pub(crate) fn of_type(kind: &str) -> impl Iterator<Item = &'static Param> {
    tables(kind).into_iter().flatten()
}

/// One parameter of a type.
pub(crate) fn find(kind: &str, name: &str) -> Option<&'static Param> {
    of_type(kind).find(|p| p.name == name)
}

/// Whether a parameter is of the labels that thousands of resources have alike.
pub(crate) fn is_label(name: &str) -> bool {
    name == "_tag"
}

/// Whether a parameter names the person.
pub(crate) fn is_patient(name: &str) -> bool {
    matches!(name, "patient" | "subject")
}
