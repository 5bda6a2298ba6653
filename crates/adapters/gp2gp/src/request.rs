//! Requests: referrals (`RequestStatement`) and the diary (`PlanStatement`).

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Severity};
use causeway_fhir::Writer;
use causeway_xml::Element;

use crate::codes::PRIORITY;
use crate::extract::{Extract, Statement};
use crate::hl7::{self, Effective};
use crate::write::Note;
use crate::{confidentiality, write};

/// Labels of a referral's text (national adaptor).
const LABELS: [&str; 6] = [
    "Supporting Information: ",
    "Recipient Healthcare Service: ",
    "Recipient Org: ",
    "Recipient: ",
    "Urgency: ",
    "Annotation: ",
];

/// Writes one `ServiceRequest` of the diary.
pub(crate) fn diary(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    c.resource_with("ServiceRequest", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        w.fixed("status", "active");
        w.fixed("intent", "plan");
        priority(w, statement.element);
        if let Some(code) = statement.element.child("code") {
            write::concept(w, "code", code, "plan");
        }
        common(w, x, statement);
        match hl7::interval(statement.element.child("effectiveTime"), &x.zone) {
            Effective::None => {}
            time => write::effective(w, "occurrence", time),
        }
        let texts = statement.element.child("text").and_then(|t| t.text());
        write::notes(w, texts.map(Note::of).as_slice());
    });
}

/// Writes one `ServiceRequest` of a referral.
pub(crate) fn referral(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    c.resource_with("ServiceRequest", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        w.fixed("status", "unknown");
        w.fixed("intent", "order");
        priority(w, statement.element);
        common(w, x, statement);
        recipients(w, x, statement);
        w.array("reasonCode", |w| {
            if let Some(code) = statement.element.child("code") {
                write::concept_element(w, code, "referral");
            }
        });
        w.array("supportingInfo", |w| {
            for (target, from) in x.linked(number) {
                w.reference_element(target, from);
            }
        });
        notes(w, statement);
    });
}

fn common(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    w.reference("subject", &x.patient, ());
    if let Some(encounter) = x.encounter(statement) {
        w.reference("encounter", encounter, ());
    }
    let time =
        hl7::child_time(statement.element, "availabilityTime", &x.zone).or_else(|| x.entered(statement));
    if let Some(time) = time {
        write::moment(w, "authoredOn", time);
    }
    if let Some((agent, id)) = x.performers(statement).into_iter().next()
        && let Some(who) = agent.anyone()
    {
        w.reference("requester", who, id);
    }
}

fn priority(w: &mut Writer, element: Element<'_>) {
    let Some(code) = hl7::child_code(element, "priorityCode") else { return };
    match PRIORITY.lookup(code.text.trim()) {
        Some(target) => w.string("priority", target.code, code),
        None => {
            let issue = Issue::new(
                Severity::Warning,
                IssueCode::CodeInvalid,
                "priority-unknown",
                "the priority is not in the table of priorities; its words are kept as a note",
            );
            w.issue(Some(code.id), issue);
        }
    }
}

fn recipients(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    let parties = statement.element.children_named("responsibleParty").filter_map(|r| x.agent(r));
    w.array("performer", |w| {
        for (agent, id) in parties {
            if let Some(who) = agent.anyone() {
                w.reference_element(who, id);
            }
        }
    });
}

/// The text, with the words of a priority that has no code of ours.
fn notes(w: &mut Writer, statement: &Statement<'_>) {
    let mut notes = Vec::new();
    if let Some(leaf) = statement.element.child("text").and_then(|t| t.text()) {
        let sections = crate::annotation::sections(leaf.text, &LABELS);
        if sections.iter().any(|(label, _)| *label == "Annotation: ") {
            notes.extend(annotations(leaf));
        } else {
            notes.push(Note::of(leaf));
        }
    }
    if let Some(code) = statement.element.child("priorityCode")
        && code.attribute("code").is_none_or(|c| PRIORITY.lookup(c.text.trim()).is_none())
        && let Some(words) = hl7::words(code)
    {
        notes.push(Note::part(words, &format!("Priority: {}", words.text.trim())));
    }
    write::notes(w, &notes);
}

/// `Annotation: a, Annotation: b, … rest`: remarks one after another; what precedes them stays whole.
fn annotations(leaf: causeway_core::Leaf<'_>) -> Vec<Note<'_>> {
    let mut parts = leaf.text.split("Annotation: ");
    let mut notes = Vec::new();
    if let Some(before) = parts.next().map(str::trim).filter(|b| !b.is_empty()) {
        notes.push(Note::part(leaf, before));
    }
    notes.extend(parts.map(|part| Note::part(leaf, part.trim().trim_end_matches(','))));
    notes
}
