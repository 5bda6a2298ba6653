//! The text of a section as XHTML. CDA's markup (StrucDoc) has elements of its own; each has its like in XHTML.

use causeway_core::{Outcome, Sources};
use causeway_fhir::Writer;
use causeway_xml::{Content, Element, escape_attribute, escape_text};

use crate::limits::NARRATIVE_DEPTH_MAX;
use crate::rules;

/// CDA's element and XHTML's.
const ELEMENTS: [(&str, &str); 27] = [
    ("content", "span"),
    ("paragraph", "p"),
    ("list", "ul"),
    ("item", "li"),
    ("caption", "caption"),
    ("linkHtml", "a"),
    ("footnote", "span"),
    ("footnoteRef", "span"),
    ("br", "br"),
    ("sub", "sub"),
    ("sup", "sup"),
    ("table", "table"),
    ("thead", "thead"),
    ("tbody", "tbody"),
    ("tfoot", "tfoot"),
    ("tr", "tr"),
    ("th", "th"),
    ("td", "td"),
    ("col", "col"),
    ("colgroup", "colgroup"),
    // Senders write XHTML too, although CDA does not allow it.
    ("p", "p"),
    ("b", "b"),
    ("i", "i"),
    ("ul", "ul"),
    ("ol", "ol"),
    ("li", "li"),
    ("div", "div"),
];

/// CDA's attribute and XHTML's.
const ATTRIBUTES: [(&str, &str); 16] = [
    ("ID", "id"),
    ("id", "id"),
    ("styleCode", "class"),
    ("href", "href"),
    ("title", "title"),
    ("colspan", "colspan"),
    ("rowspan", "rowspan"),
    ("scope", "scope"),
    ("headers", "headers"),
    ("abbr", "abbr"),
    ("align", "align"),
    ("valign", "valign"),
    ("summary", "summary"),
    ("border", "border"),
    ("width", "width"),
    ("span", "span"),
];

/// XHTML of a text, and the items that it came from.
pub(crate) struct Div {
    html: String,
    items: Vec<u32>,
    lost: Vec<u32>,
    says_something: bool,
    /// Whether an element has a name that is none of CDA's or XHTML's: a word in it, perhaps, behind a `<` that was not escaped.
    unknown: bool,
}

impl Sources for Div {
    fn each(&self, f: &mut dyn FnMut(u32)) {
        self.items.iter().for_each(|item| f(*item));
    }
}

impl Div {
    /// Serialises a `text` element.
    pub fn new(text: Element<'_>) -> Self {
        let mut div = Self {
            html: String::new(),
            items: Vec::new(),
            lost: Vec::new(),
            says_something: false,
            unknown: false,
        };
        for part in text.contents() {
            div.content(part, 0);
        }
        div
    }

    fn content(&mut self, content: Content<'_>, depth: usize) {
        match content {
            Content::Text(leaf) => {
                self.says_something |= !leaf.is_blank();
                self.html.push_str(&escape_text(leaf.text));
                self.items.push(leaf.id);
            }
            Content::Element(element) => self.element(element, depth),
        }
    }

    fn element(&mut self, element: Element<'_>, depth: usize) {
        let name = element.name();
        if name == "renderMultiMedia" {
            return self.media(element, depth);
        }
        let found = ELEMENTS.iter().find(|(cda, _)| cda.eq_ignore_ascii_case(name)).map(|(_, html)| *html);
        self.unknown |= found.is_none();
        let Some(html) = found.filter(|_| depth < NARRATIVE_DEPTH_MAX) else {
            self.lost.extend(element.attributes().map(|(_, leaf)| leaf.id));
            return self.within(element, depth);
        };
        // A list of numbers is one; a caption is a caption only in a table.
        let ordered = element.attribute("listType").filter(|l| html == "ul" && l.text.trim() == "ordered");
        let in_table = element.parent().is_some_and(|p| p.name() == "table");
        let tag = match html {
            "ul" if ordered.is_some() => "ol",
            "caption" if !in_table => "b",
            other => other,
        };
        self.html.push('<');
        self.html.push_str(tag);
        for (key, leaf) in element.attributes() {
            if key == "listType" && html == "ul" {
                match ordered {
                    Some(_) => self.items.push(leaf.id),
                    None => self.lost.push(leaf.id),
                }
                continue;
            }
            let known = ATTRIBUTES.iter().find(|(cda, _)| *cda == key).map(|(_, html)| *html);
            match known.filter(|name| *name != "href" || harmless(leaf.text)) {
                Some(attribute) => {
                    self.html.push_str(&format!(" {attribute}=\"{}\"", escape_attribute(leaf.text)));
                    self.items.push(leaf.id);
                }
                None => self.lost.push(leaf.id),
            }
        }
        let open = self.html.len();
        self.html.push('>');
        element.contents().for_each(|part| self.content(part, depth + 1));
        if self.html.len() == open + 1 && tag == "br" || self.html.len() == open + 1 && tag == "col" {
            self.html.truncate(open);
            self.html.push_str("/>");
        } else {
            self.html.push_str(&format!("</{tag}>"));
        }
    }

    /// An image or file is an attachment of its own; the text says where it stood, and its caption.
    fn media(&mut self, element: Element<'_>, depth: usize) {
        if let Some(leaf) = element.attribute("referencedObject") {
            self.says_something = true;
            self.html.push_str(&format!("<span>[attachment {}]</span>", escape_text(leaf.text.trim())));
            self.items.push(leaf.id);
        }
        let other = element.attributes().filter(|(name, _)| *name != "referencedObject");
        self.lost.extend(other.map(|(_, leaf)| leaf.id));
        self.within(element, depth);
    }

    fn within(&mut self, element: Element<'_>, depth: usize) {
        if depth < NARRATIVE_DEPTH_MAX {
            element.contents().for_each(|part| self.content(part, depth + 1));
            return;
        }
        let (text, items) = element.text_content();
        self.says_something |= !text.trim().is_empty();
        self.html.push_str(&escape_text(&text));
        self.items.extend(items);
    }

    /// Whether a person finds anything in it.
    pub fn says_something(&self) -> bool {
        self.says_something
    }

    /// Writes `text`; one without words is left out. What is not written is claimed.
    pub fn write(self, w: &mut Writer) {
        if self.unknown {
            w.issue(self.items.first().copied(), rules::NARRATIVE_ELEMENT.issue());
        }
        if self.says_something {
            let html = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", self.html);
            w.object("text", |w| {
                w.fixed("status", "additional");
                w.string("div", &html, &self);
            });
        }
        w.claim(
            self.lost,
            Outcome::Unsupported,
            "FHIR allows no such markup in a narrative; kept only in the original",
        );
    }
}

/// Whether a link leads to a page, an address or a place within the text, and can't run anything.
fn harmless(href: &str) -> bool {
    let href = href.trim();
    ["http://", "https://", "mailto:", "tel:", "#"].iter().any(|start| href.starts_with(start))
}
