//! The text for people, in the few elements of HTML that this message has.

use causeway_core::Ledger;
use causeway_hl7v3::build::{Tag, list, text};
use causeway_hl7v3::bundle::Bundle;
use causeway_xml::{Content, Document, Element, decode, escape_text};
use serde_json::Value;

/// Levels of markup that are written; deeper ones as their text.
const DEPTH_MAX: usize = 40;
/// Elements of the presentation text. Source: `xhtmlNPfITPresentationText` of the manual's schemas.
const ELEMENTS: [&str; 20] = [
    "a", "br", "caption", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "ul", "h2",
];
/// Attributes of them that are kept.
const ATTRIBUTES: [&str; 5] = ["id", "class", "summary", "colspan", "rowspan"];

/// Headings of a text that is made here: id, words, what stands under it.
const HEADINGS: [(&str, &str, &[&str]); 7] = [
    ("AllergiesHeader", "Allergies and Adverse Reactions", &["AllergyIntolerance"]),
    (
        "MedicationHeader",
        "Medication",
        &["MedicationRequest", "MedicationStatement", "MedicationAdministration"],
    ),
    ("DiagnosesHeader", "Diagnoses", &["Condition"]),
    ("TreatmentsHeader", "Treatments", &["Procedure", "Immunization"]),
    ("ObservationsHeader", "Clinical Observations and Findings", &["Observation"]),
    ("RisksToPatientHeader", "Risks to Patient", &["Flag"]),
    ("FamilyHistoryHeader", "Family History", &["FamilyMemberHistory"]),
];

/// The sections of a summary, each under its heading. One that holds entries alone is none of the text.
pub(super) fn of_sections(composition: &Value) -> String {
    let mut out = String::new();
    for section in list(composition, "section") {
        let div = text(&section["text"], "div");
        let id = text(&section["code"]["coding"][0], "code");
        if div.is_empty() && id.is_empty() {
            continue;
        }
        let title = text(section, "title");
        if !title.is_empty() || !id.is_empty() {
            out.push_str(&Tag::new("h2").with("id", id).text(title).xml());
        }
        if section["text"]["status"] != "empty" {
            out.push_str(&of_html(div));
        }
    }
    out
}

/// Lines under headings. What nobody told has no heading: it is never said to be none.
pub(super) fn of_resources(index: &Bundle<'_>) -> String {
    let mut out = Tag::new("h2").with("id", "Title").text("General Practice Summary").xml();
    for (id, title, kinds) in HEADINGS {
        let told = |r: &Value| {
            let error = r["status"] == "entered-in-error"
                || r["verificationStatus"]["coding"][0]["code"] == "entered-in-error";
            kinds.contains(&text(r, "resourceType")) && !error && !super::restricted(r)
        };
        let held = index.all.iter().filter(|(_, _, r)| told(r));
        let lines: Vec<Tag> = held.map(|(_, _, r)| Tag::new("li").text(&line(index, r))).collect();
        if !lines.is_empty() {
            out.push_str(&Tag::new("h2").with("id", id).text(title).xml());
            out.push_str(&Tag::new("ul").children(lines).xml());
        }
    }
    out
}

/// What a resource says, in one line.
fn line(index: &Bundle<'_>, resource: &Value) -> String {
    let medicine = index.find(&resource["medicationReference"]).map(|(_, medicine)| medicine);
    let doses = list(resource, "dosageInstruction").iter().chain(list(resource, "dosage"));
    let doses: Vec<&str> = doses.map(|d| text(d, "text")).filter(|t| !t.is_empty()).collect();
    let mut parts = vec![causeway_ips::line(resource, medicine)];
    parts.extend((!doses.is_empty()).then(|| doses.join("; ")));
    parts.extend(super::entries::remarks(resource));
    parts.join(": ")
}

/// The markup of a `div` in the elements of this message; nothing where it can't be read.
fn of_html(div: &str) -> String {
    let mut ledger = Ledger::new();
    let Ok(decoded) = decode(div.as_bytes()) else { return String::new() };
    match Document::parse(&decoded, &mut ledger) {
        Ok(document) => within(document.root(), 0),
        Err(_) => String::new(),
    }
}

fn within(element: Element<'_>, depth: usize) -> String {
    let mut out = String::new();
    for content in element.contents() {
        match content {
            Content::Text(leaf) => out.push_str(&escape_text(leaf.text)),
            Content::Element(child) if depth < DEPTH_MAX => out.push_str(&one(child, depth + 1)),
            Content::Element(child) => out.push_str(&escape_text(&child.text_content().0)),
        }
    }
    out
}

fn one(element: Element<'_>, depth: usize) -> String {
    let inner = within(element, depth);
    // The second level is what cuts the text into sections.
    let name = match element.name() {
        "h1" | "h2" => "h3",
        name => name,
    };
    if !ELEMENTS.contains(&name) {
        return inner;
    }
    let kept = element.attributes().filter(|(name, _)| ATTRIBUTES.contains(name));
    let tag = kept.fold(Tag::new(name), |tag, (name, leaf)| tag.with(name, leaf.text));
    tag.raw(&inner).xml()
}
