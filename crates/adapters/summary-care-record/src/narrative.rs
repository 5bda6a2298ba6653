//! The text that people read: one section for each heading of the second level, its markup kept as XHTML.

use causeway_core::{Leaf, Outcome, Sources};
use causeway_fhir::Writer;
use causeway_xml::{Content, Element, escape_attribute, escape_text};

use crate::limits::NARRATIVE_DEPTH_MAX;

/// One section of the text.
#[derive(Clone, Debug)]
pub(crate) struct Section<'d> {
    /// The heading, where the section has one.
    pub heading: Option<Element<'d>>,
    /// What follows it.
    pub content: Vec<Content<'d>>,
}

impl<'d> Section<'d> {
    /// Words of the heading with the items that they came from.
    pub fn title(&self) -> (String, Vec<u32>) {
        let (text, items) = self.heading.map(Element::text_content).unwrap_or_default();
        (text.split_whitespace().collect::<Vec<_>>().join(" "), items)
    }

    /// The heading's own id, such as `DiagnosesHeader`.
    pub fn id(&self) -> Option<Leaf<'d>> {
        self.heading.and_then(|h| h.attribute("id")).filter(|i| !i.is_blank())
    }
}

/// Cuts a presentation text into sections. What comes before the first heading is a section without one.
pub(crate) fn sections<'d>(value: Element<'d>) -> Vec<Section<'d>> {
    let mut found: Vec<Section<'d>> = Vec::new();
    for content in body(value).contents() {
        match content {
            Content::Element(e) if e.name() == "head" => {}
            Content::Element(e) if e.name().eq_ignore_ascii_case("h2") => {
                found.push(Section { heading: Some(e), content: Vec::new() });
            }
            other => match found.last_mut() {
                Some(section) => section.content.push(other),
                None => found.push(Section { heading: None, content: vec![other] }),
            },
        }
    }
    found
}

/// The element that holds the text: `body` within `html`, or the value itself.
fn body(value: Element<'_>) -> Element<'_> {
    let html = match value.name() {
        "html" => value,
        _ => value.child("html").unwrap_or(value),
    };
    html.child("body").unwrap_or(html)
}

/// Elements that FHIR allows in a narrative.
const ELEMENTS: [&str; 54] = [
    "p",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "span",
    "b",
    "em",
    "i",
    "strong",
    "small",
    "big",
    "tt",
    "dfn",
    "code",
    "q",
    "samp",
    "kbd",
    "var",
    "cite",
    "abbr",
    "acronym",
    "sub",
    "sup",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "pre",
    "table",
    "caption",
    "colgroup",
    "col",
    "thead",
    "tfoot",
    "tbody",
    "tr",
    "th",
    "td",
    "hr",
    "blockquote",
    "address",
    "bdo",
    "ins",
    "del",
    "a",
    "img",
    "label",
];

/// Attributes that FHIR allows in a narrative and that can do no harm.
const ATTRIBUTES: [&str; 24] = [
    "id",
    "class",
    "title",
    "lang",
    "dir",
    "summary",
    "colspan",
    "rowspan",
    "span",
    "headers",
    "scope",
    "abbr",
    "axis",
    "align",
    "valign",
    "width",
    "border",
    "frame",
    "rules",
    "cellspacing",
    "cellpadding",
    "char",
    "charoff",
    "alt",
];

/// XHTML of a section, and the items that it came from.
pub(crate) struct Div {
    html: String,
    items: Vec<u32>,
    lost: Vec<u32>,
    says_something: bool,
}

impl Sources for Div {
    fn each(&self, f: &mut dyn FnMut(u32)) {
        self.items.iter().for_each(|item| f(*item));
    }
}

impl Div {
    /// Serialises the content of a section.
    pub fn new(content: &[Content<'_>]) -> Self {
        let mut div =
            Self { html: String::new(), items: Vec::new(), lost: Vec::new(), says_something: false };
        for part in content {
            div.content(*part, 0);
        }
        div
    }

    fn content(&mut self, content: Content<'_>, depth: usize) {
        match content {
            Content::Text(leaf) => {
                self.says_something = true;
                self.html.push_str(&escape_text(leaf.text));
                self.items.push(leaf.id);
            }
            Content::Element(element) => self.element(element, depth),
        }
    }

    fn element(&mut self, element: Element<'_>, depth: usize) {
        let name = element.name().to_ascii_lowercase();
        let kept = depth < NARRATIVE_DEPTH_MAX && ELEMENTS.contains(&name.as_str());
        if !kept {
            self.lost.extend(element.attributes().map(|(_, leaf)| leaf.id));
            if depth < NARRATIVE_DEPTH_MAX {
                element.contents().for_each(|part| self.content(part, depth + 1));
            } else {
                let (text, items) = element.text_content();
                self.says_something |= !text.trim().is_empty();
                self.html.push_str(&escape_text(&text));
                self.items.extend(items);
            }
            return;
        }
        self.html.push('<');
        self.html.push_str(&name);
        for (key, leaf) in element.attributes() {
            if ATTRIBUTES.contains(&key) {
                self.html.push_str(&format!(" {key}=\"{}\"", escape_attribute(leaf.text)));
                self.items.push(leaf.id);
            } else {
                self.lost.push(leaf.id);
            }
        }
        let open = self.html.len();
        self.html.push('>');
        element.contents().for_each(|part| self.content(part, depth + 1));
        if self.html.len() == open + 1 {
            self.html.truncate(open);
            self.html.push_str("/>");
        } else {
            self.html.push_str(&format!("</{name}>"));
        }
    }

    /// Writes `text`. An empty one is left out.
    pub fn write(self, w: &mut Writer) {
        if !self.says_something {
            return;
        }
        let html = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", self.html);
        w.object("text", |w| {
            w.fixed("status", "generated");
            w.string("div", &html, &self);
        });
        w.claim(
            self.lost,
            Outcome::Unsupported,
            "FHIR allows no such markup in a narrative; kept only in the original",
        );
    }
}

/// The notice that entries were held back from the summary, if the text has one.
pub(crate) fn withheld<'d>(value: Element<'d>) -> Option<Leaf<'d>> {
    let said =
        |e: &Element<'d>| e.attribute("id").is_some_and(|id| id.text.trim_start().starts_with("Withheld"));
    value.descendants().find(said).and_then(Element::text)
}
