//! Requests: referrals (`RequestStatement`) and the diary (`PlanStatement`).

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::Writer;
use causeway_xml::Element;

use crate::codes::PRIORITY;
use crate::extract::{Extract, Statement};
use crate::hl7::{self, Effective};
use crate::write::Note;
use crate::{confidentiality, qualifier, write};

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
        request_status(w, x, statement, "active");
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
        let mut notes: Vec<Note<'_>> = texts.map(Note::of).into_iter().collect();
        notes.extend(statement.element.child("code").into_iter().flat_map(qualifier::valued));
        write::notes(w, &notes);
    });
}

/// Writes one `ServiceRequest` of a referral.
pub(crate) fn referral(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    c.resource_with("ServiceRequest", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        request_status(w, x, statement, "unknown");
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

fn request_status(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, plain: &str) {
    match x.nullified(statement) {
        Some(leaf) => w.string("status", "entered-in-error", leaf),
        None => w.fixed("status", plain),
    }
}

fn common(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    w.reference("subject", &x.patient, ());
    if let Some(encounter) = x.encounter(statement) {
        w.reference("encounter", encounter, ());
    }
    let own = statement.element.child("availabilityTime");
    let time = if hl7::states(own) { hl7::time(own, &x.zone) } else { x.entered(statement) };
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
        let Some(leaf) = statement.element.child("text").and_then(|t| t.text()) else { return };
        let sections = crate::annotation::sections(leaf.text, &LABELS);
        if !sections.iter().any(|(label, _)| *label == "Annotation: ") {
            return;
        }
        for name in named_recipients(&sections) {
            match x.organisations.get(name) {
                Some(target) => w.reference_element(target, leaf),
                None => {
                    w.element(|w| w.string("display", name, leaf));
                }
            }
        }
    });
}

/// The text, with the words of a priority that has no code of ours.
fn notes(w: &mut Writer, statement: &Statement<'_>) {
    let mut notes = Vec::new();
    if let Some(leaf) = statement.element.child("text").and_then(|t| t.text()) {
        let sections = crate::annotation::sections(leaf.text, &LABELS);
        match sections.iter().any(|(label, _)| *label == "Annotation: ") {
            true => notes.extend(annotations(leaf, &sections)),
            false => notes.push(Note::of(leaf)),
        }
    }
    if let Some(words) = statement.element.child("priorityCode").and_then(hl7::words) {
        let known =
            hl7::child_code(statement.element, "priorityCode").and_then(|c| PRIORITY.lookup(c.text.trim()));
        let same = |p: &&causeway_terminology::Target| {
            [p.display, p.source_display].iter().any(|d| d.eq_ignore_ascii_case(words.text.trim()))
        };
        match known.filter(same) {
            Some(_) => w.mapped(words),
            // Words that say more than the code, such as "two week wait".
            None => notes.insert(0, Note::part(words, &format!("Priority: {}", words.text.trim()))),
        }
    }
    notes.extend(statement.element.child("code").into_iter().flat_map(qualifier::valued));
    write::notes(w, &notes);
}

/// Recipients that a text names: label and name.
fn named_recipients<'t>(sections: &[(&'static str, &'t str)]) -> Vec<&'t str> {
    let labels = ["Recipient Healthcare Service: ", "Recipient Org: "];
    let named = sections.iter().filter(|(label, name)| labels.contains(label) && !name.is_empty());
    // A list of recipients of other kinds runs on within the text.
    named.map(|(_, name)| *name).filter(|name| !name.contains(": ")).collect()
}

/// `Annotation: a, Annotation: b, …`: remarks one after another. What other labels say stays with its label,
/// unless it is a recipient, who is a performer.
fn annotations<'d>(leaf: Leaf<'d>, sections: &[(&'static str, &str)]) -> Vec<Note<'d>> {
    let recipients = named_recipients(sections);
    let mut notes = Vec::new();
    for (label, text) in sections {
        match *label {
            "Annotation: " => {
                let parts = text.split("Annotation: ");
                notes.extend(parts.map(|part| Note::part(leaf, part.trim().trim_end_matches(','))));
            }
            _ if text.is_empty() || recipients.contains(text) => {}
            label => notes.push(Note::part(leaf, &format!("{label}{text}"))),
        }
    }
    notes
}
