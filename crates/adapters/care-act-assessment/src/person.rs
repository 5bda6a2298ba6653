//! People: a subject of care as Patient, a connected person as Person.

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf, Outcome, Precision, When};
use causeway_fhir::types::{self, ukcore_extension};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_json::Node;
use causeway_json::shape::token;
use causeway_terminology::Map;
use jiff::tz::TimeZone;

use crate::parts::{self, leaf, leaves, value, values};
use crate::shapes::person::DEMANDED;

/// Stated gender and FHIR's administrative gender.
pub static GENDER: Map = Map::new("mais-gender", include_str!("../maps/gender.csv"));
/// Ethnic groups of the census of 2021 and UK Core's.
pub static ETHNICITY: Map = Map::new("mais-ethnicity", include_str!("../maps/ethnicity.csv"));
/// Languages whose code here is not the tag.
pub static LANGUAGE: Map = Map::new("mais-language", include_str!("../maps/language.csv"));

const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// Properties demanded of a subject of care from which on a person is held to be one.
const DEMANDED_MIN: usize = 4;

/// Whether a person is a subject of care. The record does not say which of the two profiles it follows, so it is held
/// to be a subject of care where it has most of what is demanded of one.
pub fn is_subject(record: Node<'_>) -> bool {
    DEMANDED.iter().filter(|name| record.get(name).is_some()).count() >= DEMANDED_MIN
}

/// The key of a person: the first identifier, or the node id.
pub fn key(record: Node<'_>) -> String {
    match value(record, "identifier") {
        Some(id) => parts::key(Some(id)),
        None => record.string_of("@id").unwrap_or("").to_owned(),
    }
}

/// Writes a subject of care.
pub fn subject(record: Node<'_>, c: &mut Composer<'_>) {
    let key = key(record);
    let (zone, received) = (c.context.zone.clone(), c.context.received);
    let patient = c.resource("Patient", &key, |w| {
        w.array("extension", |w| {
            if let Some(code) = leaf(record, "ethnicityCode") {
                ethnicity(w, code);
            }
            common_details(w, record);
            for communication in values(record, "communication") {
                parts::detail(w, "specialCommunicationNeeds", communication);
                parts::detail(w, "communicationNeeds", communication);
                for language in values(communication, "language").into_iter().filter(|l| tag(*l).is_none()) {
                    parts::details_below(w, "language", language);
                }
            }
        });
        parts::identifiers(w, record, true);
        common(w, record, &zone, received);
        death(w, record, &zone, received);
        w.array("communication", |w| {
            for communication in values(record, "communication") {
                for spoken in values(communication, "language") {
                    language(w, spoken);
                }
            }
        });
        w.array("link", |w| {
            for id in values(record, "matchedPersonRef") {
                w.element(|w| {
                    parts::reference(w, "other", "Patient", Some(id));
                    w.fixed("type", "seealso");
                });
            }
        });
    });
    for (number, relation) in values(record, "relatedPerson").into_iter().enumerate() {
        related(relation, c, &format!("{key}|{number}"), &patient);
    }
}

/// Writes a connected person: of whom they are the relation, the record does not say in a way that FHIR could carry.
pub fn connected(record: Node<'_>, c: &mut Composer<'_>) {
    let key = key(record);
    let (zone, received) = (c.context.zone.clone(), c.context.received);
    c.resource("Person", &key, |w| {
        w.array("extension", |w| {
            parts::detail(w, "ethnicityCode", record);
            common_details(w, record);
            parts::detail(w, "isDeceased", record);
            parts::detail_identifiers(w, "matchedPersonRef", record);
            for name in ["deceasedDate", "communication"] {
                for part in values(record, name) {
                    parts::details_below(w, name, part);
                }
            }
            for relation in values(record, "relatedPerson") {
                parts::detail_identifiers(w, "identifier", relation);
                parts::detail(w, "relationship", relation);
            }
        });
        parts::identifiers(w, record, false);
        common(w, record, &zone, received);
    });
}

fn common_details(w: &mut Writer, record: Node<'_>) {
    parts::detail(w, "sexCode", record);
    if let Some(born) = value(record, "dateOfBirth") {
        parts::detail(w, "accuracyIndicator", born);
    }
    parts::detail_identifiers(w, "primaryContactProfessional", record);
    parts::detail_identifiers(w, "aboutMe", record);
}

fn common(w: &mut Writer, record: Node<'_>, zone: &TimeZone, received: jiff::Timestamp) {
    w.array("name", |w| values(record, "name").into_iter().for_each(|name| parts::human_name(w, name)));
    parts::telecom(w, record);
    if let Some(code) = leaf(record, "genderCode")
        && let Some(gender) = parts::code_of(w, &GENDER, code)
    {
        w.string("gender", gender, code);
    }
    if let Some(born) = value(record, "dateOfBirth")
        && let Some((date, when, at)) = partial(w, born, zone)
        && !causeway_adapter::birth::is_in_future(w, received, &when, at)
    {
        w.string("birthDate", &date, at);
    }
    parts::addresses(w, record);
}

/// A date as far as it is called known: what is unknown of it is not written. An estimate is written as stated, and
/// the indicator goes along as a detail.
fn partial<'t>(w: &mut Writer, date: Node<'t>, zone: &TimeZone) -> Option<(String, When, Leaf<'t>)> {
    let at = leaf(date, "date")?;
    let when = When::iso(at.text, zone).ok()?;
    let known = leaf(date, "accuracyIndicator").map_or("AAA", |l| l.text.trim());
    let mut parts_of = known.chars();
    let (day, month, year) = (parts_of.next(), parts_of.next(), parts_of.next());
    let text = when.fhir_date();
    let kept = match (day, month, year) {
        (_, _, Some('U')) => "",
        (_, Some('U'), _) => text.get(..4).unwrap_or(""),
        (Some('U'), _, _) => text.get(..7).unwrap_or(""),
        _ => &text,
    };
    if kept.len() < text.len() || when.precision() > Precision::Day {
        let why = "the parts of the date that are called unknown were not carried";
        w.claim(at, if kept.is_empty() { Outcome::Unsupported } else { Outcome::MappedWithLoss }, why);
    }
    (!kept.is_empty()).then(|| (kept.to_owned(), when, at))
}

fn death(w: &mut Writer, record: Node<'_>, zone: &TimeZone, received: jiff::Timestamp) {
    let dead = leaf(record, "isDeceased");
    let Some(date) = value(record, "deceasedDate") else {
        if let Some(dead) = dead {
            w.boolean("deceasedBoolean", dead.text == "true", dead);
        }
        return;
    };
    if let Some(dead) = dead.filter(|d| d.text == "false") {
        let text = "the person is called alive and has a date of death; a person must say which is right";
        parts::warn(w, dead, IssueCode::Conflict, "death-contradicted", text);
        w.claim(dead, Outcome::Unsupported, text);
        w.claim(date.leaves(), Outcome::Unsupported, text);
        return;
    }
    match partial(w, date, zone) {
        Some((_, when, at)) if dead.is_none() && causeway_adapter::birth::is_no_death(w, &when, at) => {}
        Some((text, when, at)) => {
            causeway_adapter::birth::tell_death(w, received, &when, None, at);
            w.mapped(dead);
            w.string("deceasedDateTime", &text, (at, leaf(date, "accuracyIndicator")));
        }
        None => {
            if let Some(dead) = dead {
                w.boolean("deceasedBoolean", true, dead);
            }
        }
    }
}

fn ethnicity(w: &mut Writer, code: Leaf<'_>) {
    types::extension(w, &ukcore_extension("EthnicCategory"), |w| {
        w.object("valueCodeableConcept", |w| match ETHNICITY.lookup(code.text.trim()) {
            Some(target) => {
                types::concept_body(w, Coding::new(target.system, target.code, target.display), code);
                w.fixed("text", target.source_display);
            }
            None => {
                let text = "the ethnic group has no equal in UK Core; it was kept as text";
                parts::warn(w, code, IssueCode::CodeInvalid, "code-unknown", text);
                w.leaf("text", code);
            }
        });
    });
}

/// The language tag of a language.
fn tag(language: Node<'_>) -> Option<&str> {
    let code = leaf(language, "languageCode")?.text.trim();
    if let Some(target) = LANGUAGE.lookup(&token(code)) {
        return Some(target.code);
    }
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase())).then_some(code)
}

fn language(w: &mut Writer, language: Node<'_>) {
    let (Some(tag), Some(code)) = (tag(language), leaf(language, "languageCode")) else { return };
    w.element(|w| {
        w.array("extension", |w| parts::detail(w, "proficiencyLevel", language));
        types::concept(w, "language", Coding::new(systems::BCP_47, tag, ""), code);
    });
}

fn related(relation: Node<'_>, c: &mut Composer<'_>, key: &str, patient: &Ref) {
    c.resource("RelatedPerson", key, |w| {
        parts::identifiers(w, relation, false);
        w.reference("patient", patient, ());
        w.array("relationship", |w| {
            for code in leaves(relation, "relationship") {
                types::concept_element(w, Coding::new(ROLE_CODE, code.text.trim(), ""), code);
            }
        });
    });
}
