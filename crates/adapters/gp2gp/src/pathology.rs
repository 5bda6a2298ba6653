//! Laboratory reports: `DiagnosticReport` and `Specimen`. Results are observations.

use causeway_adapter::{Composer, Profile};
use causeway_fhir::types::{Coding, concept_fixed};
use causeway_fhir::{Ref, Writer};

use crate::codes::REPORT;
use crate::extract::{Extract, Statement};
use crate::hl7;
use crate::observation;
use crate::role::Role;
use crate::write::Note;
use crate::{annotation, confidentiality, write};

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
    c.resource_with("DiagnosticReport", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        match status {
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
        performers(w, x, statement);
        references(w, "specimen", within.iter().filter(|s| s.role == Role::Specimen));
        results(w, x, statement);
        conclusion(w, &comments);
    });
}

fn performers(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    w.array("performer", |w| {
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

/// The comments directly within a report, with their kinds.
fn comments<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Vec<(String, Note<'d>)> {
    let children = statement.children.iter().map(|n| &x.statements[*n]).filter(|s| s.role == Role::Note);
    let mut out = Vec::new();
    for child in children {
        let text = child.element.child("text").and_then(|t| t.text());
        let kind = text.and_then(|t| annotation::pmip(t.text)).map_or("", |p| p.kind).to_owned();
        if let Some(note) = observation::comment_note(x, child) {
            out.push((kind, note));
        }
    }
    out
}

/// A report's status where a comment on it states it, and the item that does.
pub(crate) fn stated_status<'d>(
    x: &Extract<'d>,
    report: &Statement<'d>,
) -> Option<(&'static str, causeway_core::Leaf<'d>)> {
    comments(x, report).iter().find_map(|(_, note)| status(&note.text).map(|s| (s, note.leaf)))
}

/// A report's status where a comment states it in so many words.
fn status(text: &str) -> Option<&'static str> {
    let word = text.trim().strip_prefix("Status:")?.split_whitespace().next()?;
    Some(match word {
        "registered" => "registered",
        "partial" => "partial",
        "preliminary" => "preliminary",
        "final" => "final",
        "amended" => "amended",
        "corrected" => "corrected",
        "cancelled" => "cancelled",
        "unknown" => "unknown",
        _ => return None,
    })
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
    let received = notes.first().and_then(|note| received(x, note));
    if let (Some((_, rest)), Some(first)) = (&received, notes.first_mut()) {
        first.text = rest.clone();
    }
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
        if let Some((time, _)) = &received {
            write::moment(w, "receivedTime", *time);
        }
        w.object("collection", |w| {
            write::effective(w, "collected", hl7::interval(role.child("effectiveTime"), &x.zone));
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

/// A specimen comment that begins with when it was received.
fn received<'d>(x: &Extract<'d>, note: &Note<'d>) -> Option<(hl7::Time<'d>, String)> {
    let rest = note.text.trim().strip_prefix("Received Date:")?;
    let (first, rest) = rest.trim().split_once('\n').unwrap_or((rest.trim(), ""));
    let when = causeway_core::When::iso(first.trim(), &x.zone).ok()?;
    Some((hl7::Time { when, leaf: note.leaf }, rest.trim().to_owned()))
}
