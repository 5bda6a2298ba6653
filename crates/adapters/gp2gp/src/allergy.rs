//! Allergies and adverse reactions.

use causeway_adapter::{Composer, Profile};
use causeway_fhir::types::{Coding, concept};
use causeway_fhir::{Writer, systems};
use causeway_xml::Element;

use crate::extract::{Extract, Statement};
use crate::role::Role;
use crate::write::Note;
use crate::{annotation, confidentiality, hl7, write};

/// Writes one `AllergyIntolerance`. A statement that there is none is one too, with the code that says so: it
/// is not turned into an allergy to something.
pub(crate) fn allergy(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let heading = statement.parent.map(|p| &x.statements[p]);
    let medicine = matches!(heading.map(|h| h.role), Some(Role::AllergyHeading(true)));
    c.resource_with("AllergyIntolerance", &statement.key, &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        body(w, x, statement, medicine);
    });
    if let Some(heading) = heading.and_then(|h| h.element.child("code")) {
        c.writer().mapped(heading.attribute("code"));
        c.writer().mapped(heading.attribute("codeSystem"));
    }
}

fn body(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, medicine: bool) {
    let texts: Vec<_> = annotation::texts(statement.element).collect();
    let info = texts.first().map(|leaf| annotation::allergy(leaf.text)).unwrap_or_default();
    let first = texts.first().copied();
    let status = if info.status.is_empty() { "active" } else { info.status };
    let from = first.filter(|_| !info.status.is_empty());
    match x.nullified(statement) {
        // R4 forbids a clinical status beside it (ait-2).
        Some(leaf) => {
            let error = Coding::new(systems::ALLERGY_VERIFICATION, "entered-in-error", "Entered in Error");
            concept(w, "verificationStatus", error, leaf);
        }
        None => {
            concept(w, "clinicalStatus", Coding::new(systems::ALLERGY_CLINICAL, status, ""), from);
            let unconfirmed = Coding::new(systems::ALLERGY_VERIFICATION, "unconfirmed", "Unconfirmed");
            concept(w, "verificationStatus", unconfirmed, ());
        }
    }
    if let Some(first) = first {
        w.string("type", info.kind, first);
    }
    w.array("category", |w| w.value(if medicine { "medication" } else { "environment" }, ()));
    if let Some(first) = first {
        w.string("criticality", info.criticality, first);
    }
    let substance = statement.element.child("value").filter(|v| v.attribute("code").is_some());
    if let Some(code) = statement.element.child("code") {
        let entry = if medicine { "drug-allergy" } else { "other-allergy" };
        match substance {
            // Readers look for the agent in the code: that there is an allergy is what the resource says.
            Some(substance) => {
                w.object("code", |w| agent(w, substance, code, entry));
            }
            None => {
                write::concept(w, "code", code, entry);
            }
        }
    }
    w.reference("patient", &x.patient, ());
    if let Some(encounter) = x.encounter(statement) {
        w.reference("encounter", encounter, ());
    }
    write::effective(w, "onset", hl7::effective(statement.element, &x.zone));
    if let Some(entered) = x.entered(statement) {
        write::moment(w, "recordedDate", entered);
    }
    if let Some((agent, id)) = x.recorder(statement)
        && let Some(who) = agent.individual()
    {
        w.reference("recorder", who, id);
    }
    if let Some((agent, id)) = x.performers(statement).into_iter().next()
        && let Some(who) = agent.individual()
    {
        w.reference("asserter", who, id);
    }
    let mut notes: Vec<Note<'_>> = crate::observation::qualifier_notes(x, statement);
    for (position, leaf) in texts.iter().enumerate() {
        let text = if position == 0 { info.rest } else { leaf.text };
        let text = if statement.names.is_empty() { text } else { annotation::split_problem(text).0 };
        notes.push(Note::part(*leaf, annotation::said_once(text)));
    }
    write::notes(w, &notes);
}

/// The agent of an allergy, its codes first, and the codes of the entry that says what kind of allergy it is.
fn agent(w: &mut Writer, substance: Element<'_>, entry: Element<'_>, degraded: &str) {
    w.array("coding", |w| {
        for part in hl7::codes(substance) {
            write::coding(w, causeway_hl7v3::write::any_system, part);
        }
        for part in hl7::codes(entry) {
            write::coding(w, causeway_hl7v3::write::any_system, part);
        }
        if !hl7::codes(substance).any(write::is_snomed) {
            write::degraded(w, degraded);
        }
    });
    let said = hl7::words(entry).map(|l| (l, l.text.trim()));
    match (hl7::words(substance), said) {
        (Some(agent), Some((entry, words))) => {
            w.string("text", &format!("{} ({words})", agent.text.trim()), (agent, entry));
        }
        (agent, said) => w.leaf_opt("text", agent.or(said.map(|(leaf, _)| leaf))),
    }
}
