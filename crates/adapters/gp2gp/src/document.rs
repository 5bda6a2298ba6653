//! Documents and attachments.

use std::sync::Arc;

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::Writer;
use causeway_fhir::types::source_text;
use causeway_xml::Element;

use crate::annotation;
use crate::attachment::Attachment;
use crate::extract::{Extract, Statement};
use crate::hl7;
use crate::{confidentiality, rules, write};

/// Labels of a document's text (national adaptor).
const LABELS: [&str; 7] = [
    "Type: ",
    "Author Org: ",
    "Author: ",
    "Custodian Org: ",
    "Description: ",
    "Absent Attachment: ",
    "Setting: ",
];

/// Writes one `DocumentReference`.
pub(crate) fn document(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let Some(document) = statement.element.path(&["reference", "referredToExternalDocument"]) else { return };
    let text = statement.element.child("text").and_then(|t| t.text());
    let sections = text.map(|t| annotation::sections(t.text, &LABELS)).unwrap_or_default();
    let labelled = sections.iter().any(|(label, _)| *label == "Type: ");
    c.resource_with("DocumentReference", &statement.key, &markings.meta(Profile::Default), |w| {
        w.array("identifier", |w| {
            write::identifier_elements(w, &x.ids, statement.element);
            write::identifier_elements(w, &x.ids, document);
        });
        match x.nullified(statement) {
            Some(leaf) => w.string("status", "entered-in-error", leaf),
            None => w.fixed("status", "current"),
        }
        kind(w, document, text.filter(|_| labelled), &sections);
        w.reference("subject", &x.patient, ());
        write::instant(w, "date", x.entered(statement), &x.zone);
        w.array("author", |w| authors(w, x, statement, text, &sections));
        let (mut why_absent, mut custodian) = (None, false);
        if let Some(leaf) = text {
            let name = annotation::labelled(&sections, "Custodian Org: ");
            organisation(w, "custodian", x, name, leaf);
            custodian = !name.is_empty();
            let words = if labelled { annotation::labelled(&sections, "Description: ") } else { leaf.text };
            let absent = annotation::labelled(&sections, "Absent Attachment: ");
            w.string("description", hl7::dedent(words).trim(), leaf);
            why_absent = Some((absent, leaf)).filter(|(why, _)| !why.is_empty());
        }
        if let Some((author, from)) = x.author.as_ref().filter(|_| !custodian) {
            w.reference("custodian", author, from);
        }
        w.array("content", |w| {
            w.element(|w| {
                w.object("attachment", |w| attachment(w, x, statement, document, why_absent));
            });
        });
        if let Some(encounter) = x.encounter(statement) {
            w.object("context", |w| {
                w.array("encounter", |w| w.reference_element(encounter, ()));
            });
        }
    });
}

fn kind(w: &mut Writer, document: Element<'_>, text: Option<Leaf<'_>>, sections: &[(&'static str, &str)]) {
    let code = document.child("code");
    let words = annotation::labelled(sections, "Type: ");
    w.object("type", |w| match (text, code) {
        (Some(leaf), Some(code)) => {
            write::codings(w, code);
            w.string("text", words, leaf);
        }
        (Some(leaf), None) => w.string("text", words, leaf),
        (None, Some(code)) => write::concept_body(w, code, ""),
        (None, None) => {}
    });
}

fn authors(
    w: &mut Writer,
    x: &Extract<'_>,
    statement: &Statement<'_>,
    text: Option<Leaf<'_>>,
    sections: &[(&'static str, &str)],
) {
    let mut named = false;
    if let Some(leaf) = text {
        for label in ["Author Org: ", "Author: "] {
            let name = annotation::labelled(sections, label);
            if name.is_empty() {
                continue;
            }
            named = true;
            match x.organisations.get(name) {
                Some(target) => w.reference_element(target, leaf),
                None => {
                    w.element(|w| w.string("display", name, leaf));
                }
            }
        }
    }
    if named {
        return;
    }
    for (agent, id) in x.performers(statement) {
        if let Some(who) = agent.anyone() {
            w.reference_element(who, id);
        }
    }
}

fn organisation(w: &mut Writer, key: &str, x: &Extract<'_>, name: &str, leaf: Leaf<'_>) {
    if name.is_empty() {
        return;
    }
    match x.organisations.get(name) {
        Some(target) => w.reference(key, target, leaf),
        None => {
            w.object(key, |w| w.string("display", name, leaf));
        }
    }
}

/// Where an attachment is; what is no address that a program can open is kept as its text.
fn address(w: &mut Writer, url: Leaf<'_>) {
    let text = url.text.trim();
    if !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return w.string("url", text, url);
    }
    w.issue(Some(url.id), rules::ADDRESS.issue());
    source_text(w, "url", url);
}

fn attachment(
    w: &mut Writer,
    x: &Extract<'_>,
    statement: &Statement<'_>,
    document: Element<'_>,
    why_absent: Option<(&str, Leaf<'_>)>,
) {
    let text = document.child("text");
    let url = text.and_then(|t| t.child("reference")).and_then(|r| r.attribute("value"));
    let stated = text.and_then(|t| t.attribute("mediaType"));
    let found = found(x, document, url);
    match (stated, found) {
        (Some(stated), _) => w.leaf("contentType", stated),
        (None, Some(found)) => w.string("contentType", found.content_type, found.items),
        (None, None) => {}
    }
    if let Some(found) = found {
        if let Some(data) = &found.data {
            w.string("data", data, found.items);
        }
        w.number("size", &found.size.to_string(), found.items);
    }
    if let Some(url) = url {
        let name = url.text.rsplit('/').next().unwrap_or("").trim();
        if found.is_none() {
            address(w, url);
            let absent = name.starts_with("AbsentAttachment");
            let sentence = if absent {
                "the sender says that this attachment is absent"
            } else {
                "the attachment did not come with the message"
            };
            let issue = Issue::new(Severity::Information, IssueCode::NotFound, "attachment-absent", sentence);
            w.issue(Some(url.id), issue);
        }
        match why_absent {
            Some((why, leaf)) => w.string("title", &format!("{name}: {why}"), (url, leaf)),
            None => w.string("title", name, url),
        }
    }
    if let Some(time) = hl7::child_time(statement.element, "availabilityTime", &x.zone) {
        write::moment(w, "creation", time);
    }
}

/// The attachment of a document: by its id, or by the file name that it refers to.
fn found<'x, 'd>(
    x: &'x Extract<'d>,
    document: Element<'d>,
    url: Option<Leaf<'d>>,
) -> Option<&'x Arc<Attachment<'d>>> {
    let name = url.and_then(|u| u.text.rsplit('/').next()).map(str::trim).unwrap_or("");
    let by_id =
        hl7::guid(document).and_then(|id| x.attachments.get(hl7::key(id.text).trim_start_matches('_')));
    by_id.or_else(|| x.attachments.get(name))
}
