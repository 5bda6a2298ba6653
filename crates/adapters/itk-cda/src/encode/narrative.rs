//! The text of a section: XHTML as CDA's own markup, and lines where a section is made here.

use causeway_core::Ledger;
use causeway_hl7v3::build::{Tag, text};
use causeway_xml::{Content, Document, Element, decode};
use serde_json::Value;

use super::Bundle;

/// Levels of markup that are written; deeper ones as their text.
const DEPTH_MAX: usize = 40;

/// XHTML's element and CDA's, with the style that says what is left of it.
const ELEMENTS: [(&str, &str, &str); 20] = [
    ("p", "paragraph", ""),
    ("ul", "list", ""),
    ("ol", "list", ""),
    ("li", "item", ""),
    ("span", "content", ""),
    ("b", "content", "Bold"),
    ("strong", "content", "Bold"),
    ("i", "content", "Italics"),
    ("em", "content", "Italics"),
    ("a", "linkHtml", ""),
    ("br", "br", ""),
    ("sub", "sub", ""),
    ("sup", "sup", ""),
    ("table", "table", ""),
    ("thead", "thead", ""),
    ("tbody", "tbody", ""),
    ("tr", "tr", ""),
    ("th", "th", ""),
    ("td", "td", ""),
    ("caption", "caption", ""),
];

const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];
/// Attributes of XHTML and CDA's, with the elements that have them.
const ATTRIBUTES: [(&str, &str, &[&str]); 5] = [
    (
        "id",
        "ID",
        &["content", "paragraph", "list", "item", "table", "thead", "tbody", "tr", "th", "td", "linkHtml"],
    ),
    ("class", "styleCode", &["content", "paragraph", "list", "item", "table", "tr", "th", "td"]),
    ("href", "href", &["linkHtml"]),
    ("colspan", "colspan", &["th", "td"]),
    ("rowspan", "rowspan", &["th", "td"]),
];

/// The markup of a `div`; its text alone where it can't be read as XML.
pub(super) fn of_html(div: &str) -> String {
    if div.is_empty() {
        return String::new();
    }
    let mut ledger = Ledger::new();
    let Ok(decoded) = decode(div.as_bytes()) else { return String::new() };
    match Document::parse(&decoded, &mut ledger) {
        Ok(document) => within(document.root(), 0),
        Err(_) => {
            let mut open = false;
            let kept = div.chars().filter(|c| {
                let tag = open || *c == '<';
                open = tag && *c != '>';
                !tag
            });
            Tag::new("paragraph").text(&kept.collect::<String>()).xml()
        }
    }
}

fn within(element: Element<'_>, depth: usize) -> String {
    let mut out = String::new();
    for content in element.contents() {
        match content {
            Content::Text(leaf) => out.push_str(&causeway_xml::escape_text(leaf.text)),
            Content::Element(child) if depth < DEPTH_MAX => out.push_str(&one(child, depth + 1)),
            Content::Element(child) => out.push_str(&causeway_xml::escape_text(&child.text_content().0)),
        }
    }
    out
}

fn one(element: Element<'_>, depth: usize) -> String {
    let name = element.name();
    let inner = within(element, depth);
    if HEADINGS.contains(&name) {
        let bold = Tag::new("content").with("styleCode", "Bold").raw(&inner);
        return Tag::new("paragraph").child(bold).xml();
    }
    let Some((_, cda, style)) = ELEMENTS.iter().find(|(html, ..)| *html == name) else { return inner };
    let mut tag = Tag::new(cda).with("styleCode", style);
    if name == "ol" {
        tag = tag.with("listType", "ordered");
    }
    for (html, v3, of) in ATTRIBUTES {
        if of.contains(cda) && (html != "class" || style.is_empty()) {
            tag = tag.with(v3, element.attribute(html).map_or("", |leaf| leaf.text));
        }
    }
    // A table of CDA has its rows in a body.
    let loose = name == "table" && element.children().all(|row| row.name() == "tr");
    let inner = if loose { Tag::new("tbody").raw(&inner).xml() } else { inner };
    tag.raw(&inner).xml()
}

/// Lines as a list.
pub(super) fn list(lines: &[String]) -> String {
    match lines.is_empty() {
        true => "See entries.".to_owned(),
        false => Tag::new("list").children(lines.iter().map(|line| Tag::new("item").text(line))).xml(),
    }
}

/// What a resource says, in one line.
pub(super) fn line(index: &Bundle<'_>, resource: &Value) -> String {
    let medicine = index.find(&resource["medicationReference"]).map(|(_, medicine)| medicine);
    let mut line = causeway_ips::line(resource, medicine);
    for dosage in
        resource["dosageInstruction"].as_array().or(resource["dosage"].as_array()).into_iter().flatten()
    {
        if !text(dosage, "text").is_empty() {
            line.push_str(&format!(": {}", text(dosage, "text")));
        }
    }
    line
}
