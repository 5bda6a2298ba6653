//! The triage of NHS Pathways within a report: questions and answers, as `QuestionnaireResponse`.
//!
//! It travels as base64 in the document: one source item, carried whole as an attachment; the questions are made from
//! it beside that.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_adapter::Composer;
use causeway_core::text::without_blanks;
use causeway_core::{Leaf, Ledger};
use causeway_fhir::{Ref, Writer};
use causeway_mime::itk::is_true;
use causeway_xml::{Document, Element, decode};

use crate::limits::{PATHWAYS_BYTES_MAX, QUESTIONS_MAX};
use crate::rules;
use crate::scope::Scope;

/// Title of the section that holds a document's own files.
pub(crate) const TITLE: &str = "Attachments and triage";

/// Writes the triages of a case. Nothing where the file is no case of NHS Pathways.
pub(crate) fn translate<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    element: Element<'d>,
    leaf: Leaf<'d>,
) -> Vec<Ref> {
    let Ok(bytes) = STANDARD.decode(without_blanks(leaf.text).as_bytes()) else { return Vec::new() };
    let starts = bytes.windows(13).take(400).any(|w| w == b"PathwaysCase " || w == b"PathwaysCase>");
    if !starts {
        return Vec::new();
    }
    if bytes.len() > PATHWAYS_BYTES_MAX {
        c.issue_at(leaf.id, rules::PATHWAYS_LONG.with(&QUESTIONS_MAX.to_string()));
        return Vec::new();
    }
    let Ok(text) = decode(&bytes) else {
        c.issue_at(leaf.id, rules::PATHWAYS_UNREAD.issue());
        return Vec::new();
    };
    // Places within the file are no places of the message: the file's own item stands for all of them.
    let mut inner = Ledger::new();
    let Ok(document) = Document::parse(&text, &mut inner) else {
        c.issue_at(leaf.id, rules::PATHWAYS_UNREAD.issue());
        return Vec::new();
    };
    let case = document.root();
    let mut found = Vec::new();
    let triages = case.descendants().filter(|e| e.name() == "pathwayTriage");
    for (number, triage) in triages.enumerate() {
        let lines: Vec<Element<'_>> =
            triage.descendants().filter(|e| e.name() == "triageLine" && shows(*e)).collect();
        if lines.is_empty() {
            continue;
        }
        if lines.len() > QUESTIONS_MAX {
            c.issue_at(leaf.id, rules::PATHWAYS_LONG.with(&QUESTIONS_MAX.to_string()));
        }
        let key = format!("{}|triage {number}", scope.part(element));
        found.push(c.resource_with("QuestionnaireResponse", &key, &scope.meta(None), |w| {
            response(w, scope, case, triage, &lines, leaf);
        }));
    }
    found
}

fn words<'p>(element: Element<'p>, path: &[&str]) -> Option<&'p str> {
    let text = element.path(path)?.text()?.text.trim();
    (!text.is_empty()).then_some(text)
}

/// Whether a line of a triage asks or says something: steps of the program between questions do not.
fn shows(line: Element<'_>) -> bool {
    words(line, &["question", "questionText"]).is_some() || words(line, &["reportText", "text"]).is_some()
}

fn instant(text: &str) -> Option<&str> {
    causeway_core::When::iso(text, &causeway_core::london()).ok().map(|_| text)
}

fn response(
    w: &mut Writer,
    scope: &Scope<'_>,
    case: Element<'_>,
    triage: Element<'_>,
    lines: &[Element<'_>],
    from: Leaf<'_>,
) {
    if let Some(id) = words(case, &["caseDetails", "caseId"]) {
        w.object("identifier", |w| {
            let site = words(triage, &["origSite", "siteId"]).unwrap_or("pathways");
            w.fixed("system", &causeway_fhir::systems::local(site, "pathways-case"));
            w.string("value", id, from);
        });
    }
    w.fixed("status", "completed");
    w.reference("subject", &scope.patient, ());
    if let Some(encounter) = &scope.encounter {
        w.reference("encounter", encounter, ());
    }
    let finish = words(triage, &["finish"]).and_then(instant);
    if let Some(finish) = finish {
        w.string("authored", finish, from);
    }
    if let Some(author) = scope.authors.iter().find(|a| a.target.kind != "RelatedPerson") {
        w.reference("author", &author.target, ());
    }
    w.array("item", |w| {
        let mut seen = HashSet::new();
        for (number, line) in lines.iter().take(QUESTIONS_MAX).enumerate() {
            let first = words(*line, &["question", "questionId"]).is_none_or(|id| seen.insert(id));
            w.element(|w| item(w, *line, (number, first), from));
            report(w, *line, number, from);
        }
        for (at, (name, code, text)) in [
            (
                "Initial disposition",
                ["triageDisposition", "initialDispCode"],
                ["triageDisposition", "initialDispText"],
            ),
            (
                "Final disposition",
                ["finalDisposition", "finalDispCode"],
                ["finalDisposition", "finalDisptext"],
            ),
        ]
        .into_iter()
        .enumerate()
        {
            disposition(w, (at, name), words(triage, &code), words(triage, &text), from);
        }
    });
}

fn disposition(
    w: &mut Writer,
    (at, name): (usize, &str),
    code: Option<&str>,
    text: Option<&str>,
    from: Leaf<'_>,
) {
    if code.is_none() && text.is_none() {
        return;
    }
    w.element(|w| {
        w.fixed("linkId", &format!("disposition-{}", at + 1));
        w.fixed("text", name);
        w.array("answer", |w| {
            w.element(|w| {
                w.object("valueCoding", |w| {
                    if let Some(code) = code {
                        w.fixed("system", "urn:oid:2.16.840.1.113883.2.1.3.2.4.17.325");
                        w.string("code", code, from);
                    }
                    if let Some(text) = text {
                        w.string("display", text, from);
                    }
                });
            });
        });
    });
}

/// One question. Its id may come twice in a triage; the number of the line then keeps the two apart.
fn item(w: &mut Writer, line: Element<'_>, (number, first): (usize, bool), from: Leaf<'_>) {
    let id = words(line, &["question", "questionId"]);
    let link = match id {
        Some(id) if first => id.to_owned(),
        Some(id) => format!("{id}-{}", number + 1),
        None => format!("line-{}", number + 1),
    };
    w.string("linkId", &link, from);
    if let Some(text) = words(line, &["question", "questionText"]) {
        w.string("text", text, from);
    }
    let report = words(line, &["reportText", "text"]);
    w.array("answer", |w| {
        let answers = line.path(&["question", "answers"]);
        for answer in answers.into_iter().flat_map(|a| a.children_named("answer")) {
            let selected = answer.attribute("selected").is_some_and(|s| is_true(s.text));
            if let Some(text) = words(answer, &["text"]).filter(|_| selected) {
                w.element(|w| w.string("valueString", text, from));
            }
        }
        if answers.is_none()
            && let Some(report) = report
        {
            w.element(|w| w.string("valueString", report, from));
        }
    });
}

/// What the report says of a question, as an item of its own: R4 lets no item have answers and items.
fn report(w: &mut Writer, line: Element<'_>, number: usize, from: Leaf<'_>) {
    let Some(text) = words(line, &["reportText", "text"]).filter(|_| answers_exist(line)) else { return };
    w.element(|w| {
        w.string("linkId", &format!("{}-report", number + 1), from);
        w.fixed("text", "In the report");
        w.array("answer", |w| {
            w.element(|w| w.string("valueString", text, from));
        });
    });
}

fn answers_exist(line: Element<'_>) -> bool {
    line.path(&["question", "answers"]).is_some()
}
