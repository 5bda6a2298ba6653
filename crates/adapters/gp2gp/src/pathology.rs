//! Laboratory reports: `DiagnosticReport` and `Specimen`. Results are observations.

use causeway_adapter::{Composer, Profile};
use causeway_fhir::types::{Coding, concept_fixed};
use causeway_fhir::{Ref, Writer};

use crate::codes::REPORT;
use crate::comment::{comments, stated_status, status};
use crate::extract::{Extract, Statement};
use crate::hl7;
use crate::observation;
use crate::role::Role;
use crate::write::Note;
use crate::{confidentiality, write};

/// Type of a comment on the whole report.
const RESULT_COMMENT: &str = "LABORATORY RESULT COMMENT(E141)";

/// Writes one `DiagnosticReport`.
pub(crate) fn report(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let within: Vec<&Statement<'_>> =
        x.descendants(statement).into_iter().map(|n| &x.statements[n]).collect();
    let comments = comments(x, statement);
    let status = stated_status(x, statement);
    let error = x.nullified(statement);
    c.resource_with("DiagnosticReport", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        match status {
            _ if error.is_some() => w.string("status", "entered-in-error", error),
            Some((status, leaf)) => w.string("status", status, leaf),
            None => w.fixed("status", "unknown"),
        }
        w.array("category", |w| {
            w.element(|w| {
                w.array("coding", |w| {
                    w.element(|w| {
                        w.fixed("system", "http://terminology.hl7.org/CodeSystem/v2-0074");
                        w.fixed("code", "PAT");
                        w.fixed("display", "Pathology (gross & histopath, not surgical)");
                    });
                });
            });
        });
        match statement.element.child("code") {
            Some(code) => {
                write::concept(w, "code", code, "");
            }
            None => concept_fixed(w, "code", REPORT),
        }
        w.reference("subject", &x.patient, ());
        if let Some(encounter) = x.encounter(statement) {
            w.reference("encounter", encounter, ());
        }
        let available = hl7::child_time(statement.element, "availabilityTime", &x.zone);
        let exact = |t: &hl7::Time<'_>| {
            causeway_core::When::hl7(t.leaf.text, &x.zone).is_ok_and(|w| w.fhir_instant().is_some())
        };
        match available.filter(exact) {
            Some(time) => write::instant(w, "issued", Some(time), &x.zone),
            None => {
                if let Some(day) = available {
                    // `issued` needs a time of day: the day is the effective time that the report states.
                    write::moment(w, "effectiveDateTime", day);
                }
            }
        }
        performers(w, x, statement, &comments);
        references(w, "specimen", within.iter().filter(|s| s.role == Role::Specimen));
        results(w, x, statement);
        conclusion(w, &comments);
    });
}

fn performers(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, comments: &[(String, Note<'_>)]) {
    w.array("performer", |w| {
        for (_, note) in comments {
            let (named, _) = laboratories(&note.text);
            for name in named {
                match x.organisations.get(name) {
                    Some(target) => w.reference_element(target, note.leaf),
                    None => {
                        w.element(|w| w.string("display", name, note.leaf));
                    }
                }
            }
        }
        for (agent, id) in x.participants(statement.element, "Participant", |t| t != "AUT") {
            if let Some(who) = agent.anyone() {
                w.reference_element(who, id);
            }
        }
    });
}

fn references<'x, 'd: 'x>(w: &mut Writer, key: &str, of: impl Iterator<Item = &'x &'x Statement<'d>>) {
    w.array(key, |w| {
        for target in of.filter_map(|s| s.target.as_ref()) {
            w.reference_element(target, ());
        }
    });
}

/// The results at the top of a report: groups and single results, not their members.
fn results(w: &mut Writer, x: &Extract<'_>, report: &Statement<'_>) {
    let mut found: Vec<&Ref> = Vec::new();
    let mut todo: Vec<usize> = report.children.iter().rev().copied().collect();
    while let Some(number) = todo.pop() {
        let statement = &x.statements[number];
        match (&statement.target, statement.role) {
            (_, Role::Specimen | Role::Cluster) => todo.extend(statement.children.iter().rev()),
            (Some(target), _) if target.kind == "Observation" => found.push(target),
            _ => {}
        }
    }
    w.array("result", |w| found.iter().for_each(|target| w.reference_element(target, ())));
}

/// The laboratories that a comment names as taking part (`Participants: LaboratoryServiceProvider-NAME, …`), and the
/// comment without them.
fn laboratories(text: &str) -> (Vec<&str>, String) {
    const LABEL: &str = "Participants:";
    const LABORATORY: &str = "LaboratoryServiceProvider-";
    let mut named = Vec::new();
    let mut rest: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some(list) = line.trim().strip_prefix(LABEL).filter(|l| l.contains(LABORATORY)) else {
            rest.push(line.to_owned());
            continue;
        };
        // A name may hold commas: a participant begins with one word and a hyphen.
        let begins = |part: &str| {
            part.split_once('-').is_some_and(|(role, _)| {
                role.len() > 4 && role.bytes().all(|b| b.is_ascii_alphabetic()) && role != part
            })
        };
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        for part in list.split(", ") {
            match parts.last_mut() {
                Some(last) if !begins(part.trim()) => last.1 = at + part.len(),
                _ => parts.push((at, at + part.len())),
            }
            at += part.len() + 2;
        }
        let mut others = Vec::new();
        for part in parts.iter().filter_map(|(from, to)| list.get(*from..*to)) {
            match part.trim().strip_prefix(LABORATORY) {
                Some(name) => named.push(name.trim()),
                None => others.push(part.trim()),
            }
        }
        if !others.is_empty() {
            rest.push(format!("{LABEL} {}", others.join(", ")));
        }
    }
    (named, rest.join("\n"))
}

/// The laboratory's comment on the whole, and after it what the practice filed, each with its kind.
fn conclusion(w: &mut Writer, comments: &[(String, Note<'_>)]) {
    let mut text = String::new();
    let mut from = Vec::new();
    for (kind, note) in comments {
        // The date of a comment has no place in a conclusion.
        let body = match status(&note.text) {
            Some(_) => note.text.trim().split_once('\n').map_or("", |(_, rest)| rest.trim()),
            None => note.text.trim(),
        };
        let (_, body) = laboratories(body);
        // The element is the interpretation of the report.
        let body = body.trim().strip_prefix("Interpretation:").unwrap_or(body.trim()).trim();
        if body.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        if !kind.is_empty() && kind != RESULT_COMMENT {
            text.push_str(kind);
            text.push_str(": ");
        }
        text.push_str(body);
        from.push(note.leaf);
    }
    w.string("conclusion", &text, &from);
}

/// Writes one `Specimen`.
pub(crate) fn specimen(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let Some(role) = statement.element.path(&["specimen", "specimenRole"]) else { return };
    if let Some(code) = statement.element.child("code") {
        c.writer().mapped((code.attribute("code"), code.attribute("codeSystem")));
    }
    let markings = confidentiality::of_statement(x, number);
    let mut notes = observation::folded_notes(x, statement);
    let labelled = labelled(x, &mut notes);
    c.resource_with("Specimen", &statement.key, &markings.meta(Profile::Default), |w| {
        w.array("identifier", |w| {
            write::identifier_elements(w, &x.ids, statement.element);
            if let Some(id) = hl7::guid(role) {
                w.element(|w| {
                    w.fixed("system", &x.ids);
                    w.leaf("value", id);
                });
            }
        });
        accession(w, role);
        if let Some(error) = x.nullified(statement) {
            w.string("status", "entered-in-error", error);
        }
        match role.path(&["specimenSpecimenMaterial", "desc"]).and_then(|d| d.text()) {
            Some(words) => {
                w.object("type", |w| w.leaf("text", words));
            }
            None => {
                let unknown = Coding::new(causeway_fhir::systems::NULL_FLAVOR, "UNK", "unknown");
                concept_fixed(w, "type", unknown);
            }
        }
        w.reference("subject", &x.patient, ());
        if let Some(time) = labelled.received {
            write::moment(w, "receivedTime", time);
        }
        w.object("collection", |w| {
            write::effective(w, "collected", hl7::interval(role.child("effectiveTime"), &x.zone));
            if let Some((digits, unit, leaf)) = &labelled.quantity {
                w.object("quantity", |w| {
                    w.number("value", digits, *leaf);
                    w.string("unit", unit, *leaf);
                    if let Some(code) = causeway_terminology::ucum::ucum(unit) {
                        w.fixed("system", causeway_fhir::systems::UCUM);
                        w.fixed("code", code);
                    }
                });
            }
            if let Some((code, words, leaf)) = labelled.fasting {
                w.object("fastingStatusCodeableConcept", |w| {
                    let system = "http://terminology.hl7.org/CodeSystem/v2-0916";
                    causeway_fhir::types::concept_body(w, Coding::new(system, code, words), leaf);
                });
            }
        });
        write::notes(w, &notes);
    });
}

fn accession(w: &mut Writer, role: causeway_xml::Element<'_>) {
    let id = role.children_named("id").find(|id| id.attribute("extension").is_some());
    let Some(id) = id else { return };
    let (root, value) = (id.attribute("root"), id.attribute("extension"));
    w.object("accessionIdentifier", |w| {
        if let Some(root) = root {
            w.string("system", &causeway_fhir::systems::of_oid(root.text.trim()), root);
        }
        w.leaf_opt("value", value);
    });
}

/// What the comments of a specimen say under labels.
#[derive(Default)]
struct Labelled<'d> {
    received: Option<hl7::Time<'d>>,
    /// Digits and unit.
    quantity: Option<(String, String, causeway_core::Leaf<'d>)>,
    /// Code and words of HL7 table 0916.
    fasting: Option<(&'static str, &'static str, causeway_core::Leaf<'d>)>,
}

/// Takes the lines with labels that are understood out of the comments; whatever else stands there stays.
fn labelled<'d>(x: &Extract<'d>, notes: &mut [Note<'d>]) -> Labelled<'d> {
    let mut found = Labelled::default();
    for note in notes {
        let mut rest: Vec<&str> = Vec::new();
        for line in note.text.lines() {
            let taken = match line.trim().split_once(':') {
                Some(("Received Date", text)) if found.received.is_none() => {
                    let when = causeway_core::When::iso(text.trim(), &x.zone).ok();
                    found.received = when.map(|when| hl7::Time { when, leaf: note.leaf });
                    found.received.is_some()
                }
                Some(("Quantity", text)) if found.quantity.is_none() => {
                    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
                    let digits = causeway_fhir::writer::decimal(number);
                    found.quantity = digits.map(|d| (d.into_owned(), unit.trim().to_owned(), note.leaf));
                    found.quantity.is_some()
                }
                Some(("Fasting Status", text)) if found.fasting.is_none() => {
                    found.fasting = match text.trim() {
                        "F" => Some(("F", "Patient was fasting prior to the procedure.", note.leaf)),
                        "NF" => Some((
                            "NF",
                            "The patient indicated they did not fast prior to the procedure.",
                            note.leaf,
                        )),
                        _ => None,
                    };
                    found.fasting.is_some()
                }
                _ => false,
            };
            if !taken {
                rest.push(line);
            }
        }
        let rest = rest.join("\n").trim().to_owned();
        note.text = rest;
    }
    found
}
