//! Consultations: `Encounter`, `Location`, and the `List`s of topics and headings.

use causeway_adapter::{Composer, Profile};
use causeway_core::Leaf;
use causeway_fhir::types::{Coding, concept_fixed};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::codes::{CATEGORY, CONSULTATION, ENCOUNTER_CLASS, TOPIC};
use crate::composition::{is_holder, is_registration};
use crate::confidentiality;
use crate::extract::{Composition, Extract, Statement};
use crate::role::Role;
use crate::{hl7, write};

/// Writes the encounter of a composition, its place, and its list.
pub(crate) fn write(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let composition = &x.compositions[number];
    let (Some(encounter), Some(list)) = (&composition.encounter, &composition.list) else {
        let status = hl7::child_code(composition.element, "statusCode");
        c.writer().decides(status, "whether what the composition holds was made in error");
        let decides = is_holder(composition.element) && !is_registration(composition.element);
        if let Some(code) = composition.element.child("code").filter(|_| decides) {
            c.writer().mapped((code.attribute("code"), code.attribute("codeSystem")));
        }
        return;
    };
    let place = location(c, x, composition.element);
    let markings = confidentiality::of_composition(x, number);
    let meta = markings.meta(Profile::Default);
    // The key leads to the id that was referred to before.
    let key = key_of(c, encounter, composition.element);
    c.resource_with("Encounter", &key, &meta, |w| encounter_body(w, x, composition, place.as_ref()));
    let key = format!("{key}-CONS");
    c.resource_with("List", &key, &meta, |w| {
        w.array("identifier", |w| {
            if let Some(id) = hl7::guid(composition.element) {
                w.element(|w| {
                    w.fixed("system", &x.ids);
                    w.string("value", &format!("{}-CONS", id.text.trim()), id);
                });
            }
        });
        let title = composition.element.child("code").and_then(hl7::words);
        let error = hl7::nullified(composition.element);
        head(w, x, (title, error), CONSULTATION, encounter);
        list_date(w, x, composition);
        ordered(w);
        entries(w, x, &composition.children);
    });
    debug_assert_eq!(c.reference("List", &key).id, list.id);
}

fn key_of(c: &Composer<'_>, encounter: &Ref, element: Element<'_>) -> String {
    let key = hl7::guid(element).map_or_else(|| format!("node {}", element.index()), |id| hl7::key(id.text));
    if c.reference("Encounter", &key) == *encounter { key } else { format!("{key}#{}", element.index()) }
}

fn encounter_body(w: &mut Writer, x: &Extract<'_>, composition: &Composition<'_>, place: Option<&Place<'_>>) {
    let element = composition.element;
    write::identifiers(w, &x.ids, element);
    let status = hl7::child_code(element, "statusCode");
    let word = match status.map_or("COMPLETE", |s| s.text.trim()) {
        "COMPLETE" => "finished",
        "ACTIVE" => "in-progress",
        status if status.eq_ignore_ascii_case("nullified") => "entered-in-error",
        _ => "unknown",
    };
    w.string("status", word, status);
    let code = element.child("code");
    w.object("class", |w| class(w, code));
    if let Some(code) = code {
        w.array("type", |w| {
            write::concept_element(w, code, "");
        });
    }
    w.reference("subject", &x.patient, ());
    w.array("participant", |w| {
        for (agent, id) in x.participants(element, "Participant2", |_| true) {
            let Some(who) = agent.individual() else { continue };
            participant(
                w,
                "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                "PPRF",
                "primary performer",
                who,
                id,
            );
        }
        if let Some((agent, id)) = element.child("author").and_then(|a| x.agent(a))
            && let Some(who) = agent.individual()
        {
            participant(
                w,
                "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-ParticipantType-1",
                "REC",
                "recorder",
                who,
                id,
            );
        }
    });
    match hl7::effective(element, &x.zone) {
        hl7::Effective::None => {}
        hl7::Effective::At(time) => write::period(w, "period", Some(time), None),
        hl7::Effective::Between(start, end) => write::period(w, "period", start, end),
    }
    if let Some(place) = place {
        w.array("location", |w| {
            w.element(|w| w.reference("location", &place.target, place.from.clone()));
        });
    }
}

fn class(w: &mut Writer, code: Option<Element<'_>>) {
    let known = code
        .and_then(|c| c.attribute("code"))
        .and_then(|leaf| ENCOUNTER_CLASS.lookup(leaf.text.trim()).map(|target| (target, leaf)));
    match known {
        Some((target, leaf)) => {
            w.fixed("system", target.system);
            w.string("code", target.code, leaf);
            w.fixed("display", target.display);
        }
        None => {
            w.fixed("system", systems::NULL_FLAVOR);
            w.fixed("code", "UNK");
            w.fixed("display", "unknown");
        }
    }
}

fn participant(w: &mut Writer, system: &str, code: &str, words: &str, who: &Ref, id: Leaf<'_>) {
    w.element(|w| {
        w.array("type", |w| {
            w.element(|w| {
                w.array("coding", |w| {
                    w.element(|w| {
                        w.fixed("system", system);
                        w.fixed("code", code);
                        w.fixed("display", words);
                    });
                });
            });
        });
        w.reference("individual", who, id);
    });
}

struct Place<'d> {
    target: Ref,
    from: Vec<Leaf<'d>>,
}

/// Writes the place of a consultation, once for all consultations there.
fn location<'d>(c: &mut Composer<'_>, x: &Extract<'d>, composition: Element<'d>) -> Option<Place<'d>> {
    let entity = composition.path(&["location", "locatedEntity"])?;
    let place = entity.child("locatedPlace")?;
    let name = place.child("name").and_then(|n| n.text()).filter(|n| !n.is_blank())?;
    let mut key = format!("place {}", name.text.trim());
    let mut from: Vec<Leaf<'d>> = vec![name];
    for part in place.descendants() {
        let text = part.text().filter(|_| part.name() != "name");
        for leaf in text.into_iter().chain(part.attribute("value")) {
            key.push('|');
            key.push_str(leaf.text.trim());
            from.push(leaf);
        }
    }
    let target = c.once("Location", &key, |w| {
        w.fixed("status", "active");
        w.leaf("name", name);
        if let Some(code) = entity.child("code") {
            w.array("type", |w| {
                write::concept_element(w, code, "");
            });
        }
        directory_contact(w, x, place);
    });
    Some(Place { target, from })
}

/// `Location.address` is a single one, unlike an organisation's.
fn directory_contact(w: &mut Writer, x: &Extract<'_>, place: Element<'_>) {
    crate::directory::telecoms(w, place, &x.zone);
    if let Some(address) = place.child("addr") {
        w.object("address", |w| crate::directory::address_body(w, address, &x.zone));
    }
}

/// Writes a topic or a heading as a `List`.
pub(crate) fn list(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let composition = &x.compositions[statement.composition];
    let markings = confidentiality::of_statement(x, number);
    let kind = if statement.role == Role::Topic { TOPIC } else { CATEGORY };
    c.writer().mapped(statement.element.attribute("classCode"));
    c.resource_with("List", &statement.key, &markings.meta(Profile::Default), |w| {
        problem_header(w, x, statement);
        write::identifiers(w, &x.ids, statement.element);
        let title = statement.element.child("code").and_then(hl7::words);
        let error = x.nullified(statement);
        match &composition.encounter {
            Some(encounter) => head(w, x, (title, error), kind, encounter),
            None => head_without(w, x, (title, error), kind),
        }
        match statement.element.child("availabilityTime") {
            Some(time) if hl7::states(Some(time)) => {
                if let Some(date) = hl7::time(Some(time), &x.zone) {
                    write::moment(w, "date", date);
                }
            }
            _ => list_date(w, x, composition),
        }
        ordered(w);
        entries(w, x, &statement.children);
    });
}

/// The problem that a topic is about.
fn problem_header(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    let problem = if statement.role == Role::Topic { x.problem_of_topic(statement) } else { None };
    let from = statement.element.child("code").and_then(|c| c.attribute("code"));
    let Some(problem) = problem else { return };
    w.array("extension", |w| {
        w.element(|w| {
            w.array("extension", |w| {
                causeway_fhir::types::extension(w, "target", |w| {
                    w.reference("valueReference", problem, from)
                });
            });
            w.fixed("url", &causeway_fhir::types::ukcore_extension("RelatedProblemHeader"));
        });
    });
}

/// What a list is called, and what says that it was made in error.
type Said<'d> = (Option<Leaf<'d>>, Option<Leaf<'d>>);

fn head(w: &mut Writer, x: &Extract<'_>, said: Said<'_>, kind: Coding<'static>, encounter: &Ref) {
    head_without(w, x, said, kind);
    w.reference("encounter", encounter, ());
}

fn head_without(w: &mut Writer, x: &Extract<'_>, (title, error): Said<'_>, kind: Coding<'static>) {
    match error {
        Some(error) => w.string("status", "entered-in-error", error),
        None => w.fixed("status", "current"),
    }
    w.fixed("mode", "snapshot");
    w.leaf_opt("title", title);
    concept_fixed(w, "code", kind);
    w.reference("subject", &x.patient, ());
}

fn list_date(w: &mut Writer, x: &Extract<'_>, composition: &Composition<'_>) {
    let element = composition.element;
    let times = [element.path(&["author", "time"]), element.child("availabilityTime")];
    if let Some(date) = hl7::first_time(&times, &x.zone) {
        write::moment(w, "date", date);
    }
}

fn ordered(w: &mut Writer) {
    let order = Coding::new("http://terminology.hl7.org/CodeSystem/list-order", "system", "Sorted by System");
    concept_fixed(w, "orderedBy", order);
}

/// The entries of a list: the resources of its statements, wrappers opened.
fn entries(w: &mut Writer, x: &Extract<'_>, children: &[usize]) {
    let mut found = Vec::new();
    collect(x, children, &mut found, 0);
    w.array("entry", |w| {
        for target in found {
            w.element(|w| w.reference("item", target, ()));
        }
    });
}

fn collect<'x>(x: &'x Extract<'_>, children: &[usize], found: &mut Vec<&'x Ref>, depth: usize) {
    for child in children {
        let statement = &x.statements[*child];
        match &statement.target {
            Some(target) => {
                found.push(target);
                if statement.role == Role::Group && depth < crate::limits::NESTING_MAX {
                    collect(x, &statement.children, found, depth + 1);
                }
            }
            None if statement.role == Role::Medication => {
                found.extend(x.supplies_of(*child).filter_map(|s| s.request.as_ref()));
            }
            None if depth < crate::limits::NESTING_MAX => collect(x, &statement.children, found, depth + 1),
            None => {}
        }
    }
}
