//! Sections: title, code, text, entries, and sections within.

use causeway_adapter::Composer;
use causeway_core::Leaf;
use causeway_fhir::{Ref, Writer};
use causeway_xml::Element;

use crate::limits::DEPTH_MAX;
use crate::narrative::Div;
use crate::scope::Scope;
use crate::statement::by_section;
use crate::{entry, pathways, rules, write};

/// A section with what its entries became.
#[derive(Debug)]
pub(crate) struct Section<'d> {
    element: Option<Element<'d>>,
    entries: Vec<Ref>,
    sections: Vec<Section<'d>>,
    /// Title where the section has none of its own.
    words: &'static str,
}

/// The body of a document.
#[derive(Debug)]
pub(crate) struct Written<'d> {
    sections: Vec<Section<'d>>,
}

/// Writes the resources of every entry, and of a body that is one file.
pub(crate) fn translate<'d>(c: &mut Composer<'_>, scope: &Scope<'d>) -> Written<'d> {
    let mut sections = Vec::new();
    for component in scope.root.children_named("component") {
        if let Some(body) = component.child("nonXMLBody") {
            sections.extend(file(c, scope, body));
        }
        for part in component.child("structuredBody").into_iter().flat_map(|b| b.children_named("component"))
        {
            if let Some(section) = part.child("section") {
                sections.extend(one(c, scope, section, 0));
            }
        }
    }
    Written { sections }
}

/// A body that is one file, as non-coded documents have it.
fn file<'d>(c: &mut Composer<'_>, scope: &Scope<'d>, body: Element<'d>) -> Option<Section<'d>> {
    let target = entry::attachment(c, scope, body, body.child("text")?)?;
    Some(Section { element: None, entries: vec![target], sections: Vec::new(), words: "Document" })
}

/// A section, or the sections within where it only holds them together.
fn one<'d>(c: &mut Composer<'_>, scope: &Scope<'d>, element: Element<'d>, depth: usize) -> Vec<Section<'d>> {
    if depth >= DEPTH_MAX {
        let issue = rules::TOO_DEEP.with(&DEPTH_MAX.to_string());
        match element.items().next() {
            Some(item) => c.issue_at(item, issue),
            None => c.issue(issue),
        }
        return Vec::new();
    }
    if let Some(leaf) = safeguarding(element) {
        c.issue_at(leaf.id, rules::SAFEGUARDING.issue());
    }
    let mut entries = Vec::new();
    let about = by_section(element);
    for part in element.children_named("entry") {
        entries.extend(entry::translate(c, scope, about, part, 0));
    }
    let within: Vec<Section<'d>> = element
        .children_named("component")
        .filter_map(|p| p.child("section"))
        .flat_map(|section| one(c, scope, section, depth + 1))
        .collect();
    let says = |name: &str| element.child(name).is_some_and(|e| !e.items().is_empty());
    if says("title") || says("code") || says("text") {
        return vec![Section { element: Some(element), entries, sections: within, words: "" }];
    }
    let mut found = Vec::new();
    if !entries.is_empty() {
        found.push(Section { element: None, entries, sections: Vec::new(), words: pathways::TITLE });
    }
    found.extend(within);
    found
}

/// The item by which a section says that it is about safeguarding and that there is something to say.
fn safeguarding<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    let title = element.child("title").and_then(Element::text);
    let display = element.child("code").and_then(|c| c.attribute("displayName"));
    let said = [title, display].into_iter().flatten();
    let leaf = said.into_iter().find(|l| l.text.to_ascii_lowercase().contains("safeguarding"))?;
    let text = element.child("text").map(|t| t.text_content().0.to_lowercase()).unwrap_or_default();
    let nothing = ["", "no", "none", "nil", "n/a", "no concerns", "none known", "false"];
    (!nothing.contains(&text.trim().trim_end_matches('.'))).then_some(leaf)
}

/// `section` of the composition.
pub(crate) fn write(w: &mut Writer, written: &Written<'_>, referral: Option<&Ref>) {
    w.array("section", |w| {
        for section in &written.sections {
            w.element(|w| body(w, section));
        }
        if let Some(referral) = referral {
            w.element(|w| {
                w.fixed("title", "Disposition");
                w.array("entry", |w| w.reference_element(referral, ()));
            });
        }
    });
}

fn body(w: &mut Writer, section: &Section<'_>) {
    if let Some(element) = section.element {
        match element.child("title").map(Element::text_content) {
            Some((title, items)) if !title.trim().is_empty() => {
                w.string("title", title.split_whitespace().collect::<Vec<_>>().join(" ").trim(), &items);
            }
            _ => {
                let words = element.child("code").and_then(|c| c.attribute("displayName"));
                w.leaf_opt("title", words);
            }
        }
        write::code(w, "code", element.child("code"));
    } else {
        w.fixed("title", section.words);
    }
    let before = w.mark();
    if let Some(text) = section.element.and_then(|e| e.child("text")) {
        let div = Div::new(text);
        if div.says_something() || !section.entries.is_empty() || !section.sections.is_empty() {
            div.write(w);
        }
    }
    w.array("entry", |w| {
        for target in &section.entries {
            w.reference_element(target, ());
        }
    });
    w.array("section", |w| {
        for inner in &section.sections {
            w.element(|w| body(w, inner));
        }
    });
    if !w.wrote_since(before) {
        empty(w);
    }
}

/// A section must say something (R4 cmp-1): a heading that nothing follows says so.
fn empty(w: &mut Writer) {
    w.object("text", |w| {
        w.fixed("status", "empty");
        let words =
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">Nothing follows this heading in the document.</div>";
        w.fixed("div", words);
    });
}
