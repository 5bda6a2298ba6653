//! FHIR XML into the tree that FHIR JSON gives. What repeats is an array by the version's own table, numbers and booleans keep
//! their kind, a narrative is one text as it stands, and what FHIR does not have (other namespaces, attributes, loose
//! text) is kept under a name that no element has.

use std::collections::HashMap;
use std::sync::LazyLock;

use causeway_core::{Issue, Leaf, Ledger, Span};
use causeway_json::{Builder, Kind, Tree};
use causeway_xml::{Content, Document, Element, decode, escape_attribute, escape_text};

use crate::rules;

/// Namespace of FHIR.
pub(crate) const FHIR: &str = "http://hl7.org/fhir";
/// Namespace of narratives.
const XHTML: &str = "http://www.w3.org/1999/xhtml";
/// Levels of elements within each other.
pub const DEPTH_MAX: usize = 90;

/// Type and repetition of the elements of STU3, by path.
static ELEMENTS: LazyLock<HashMap<&'static str, (&'static str, bool)>> = LazyLock::new(|| {
    definitions()
        .map(|line| {
            let mut fields = line.split('\t');
            let (path, ty) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            (path, (ty, fields.next() == Some("*")))
        })
        .collect()
});

/// Lines of the tables of elements: path, type, `*` where it repeats; in the order of the definitions.
pub(crate) fn definitions() -> impl Iterator<Item = &'static str> {
    let lines = crate::ELEMENTS.lines().chain(include_str!("../maps/stu3-others.tsv").lines());
    lines.filter(|l| !l.starts_with('#') && !l.is_empty())
}

/// Data types that a choice may end in.
const CHOICES: [&str; 24] = [
    "CodeableConcept",
    "Reference",
    "Quantity",
    "Period",
    "Coding",
    "Identifier",
    "HumanName",
    "Address",
    "ContactPoint",
    "Attachment",
    "Annotation",
    "Range",
    "Ratio",
    "SampledData",
    "Timing",
    "Signature",
    "Duration",
    "Age",
    "Money",
    "Meta",
    "Boolean",
    "Integer",
    "Decimal",
    "PositiveInt",
];

/// Whether text is FHIR XML by its first element, and that element's name.
pub fn root_name(head: &str) -> Option<&str> {
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else {
            break;
        };
        let at = rest.find(end)?;
        rest = rest.get(at + end.len()..)?.trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let end = name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?;
    name.get(..end).map(|n| n.rsplit(':').next().unwrap_or(n))
}

/// The rules of this reader, for [`causeway_adapter::Adapter::rules`].
pub const RULES: &[causeway_adapter::Rule] = &[rules::XML_NAMESPACE, rules::XML_DEEP];

/// The type of a member and whether it repeats, by its owner (a path of a resource, or the name of a data type) and its name.
pub type Table = fn(&str, &str) -> (String, bool);

/// Reads FHIR XML of STU3. Its values are entered into the ledger by the pointers that they have in JSON.
///
/// # Errors
/// A fatal issue with its place: it is no XML, not of FHIR's namespace, or nested too deeply.
pub fn read(input: &[u8], ledger: &mut Ledger) -> Result<Tree<'static>, Issue> {
    read_by(typed, input, ledger)
}

/// The same by the types of another version.
///
/// # Errors
/// As [`read`].
pub fn read_by(typed: Table, input: &[u8], ledger: &mut Ledger) -> Result<Tree<'static>, Issue> {
    let text = decode(input).map_err(|e| e.issue())?;
    let mut scratch = Ledger::new();
    let document = Document::parse(&text, &mut scratch).map_err(|e| e.issue())?;
    let root = document.root();
    if root.namespace() != FHIR {
        let place = causeway_core::Position::new("the root element", root.span());
        return Err(rules::XML_NAMESPACE.issue().at(place));
    }
    let mut reader = Reader { tree: Builder::default(), scratch: &scratch, input, typed, deep: None };
    reader.resource("", root, 0);
    if let Some(span) = reader.deep {
        let place = causeway_core::Position::new("an element", span);
        return Err(rules::XML_DEEP.with(&DEPTH_MAX.to_string()).at(place));
    }
    Ok(reader.tree.finish(ledger))
}

/// The type of a member, and whether it repeats. `owner` is a path of a resource or the name of a data type.
pub(crate) fn typed(owner: &str, name: &str) -> (String, bool) {
    match name {
        "extension" | "modifierExtension" => return ("Extension".to_owned(), true),
        "contained" => return ("Resource".to_owned(), true),
        "meta" => return ("Meta".to_owned(), false),
        "text" if !owner.contains('.') && is_resource(owner) => return ("Narrative".to_owned(), false),
        _ => {}
    }
    let path = format!("{owner}.{name}");
    if let Some((ty, repeats)) = ELEMENTS.get(path.as_str()) {
        // Questions within questions are as those above them, and sections within sections.
        let ty = match *ty {
            "part" => nested(&path),
            ty => ty.to_owned(),
        };
        return (ty, *repeats);
    }
    data_type(owner, name)
}

/// The path by which the parts of a part are found.
fn nested(path: &str) -> String {
    let again = |part: &str| path.ends_with(&format!("{part}.{part}"));
    if again("item") || path.ends_with("answer.item") {
        format!("{}.item", path.split('.').next().unwrap_or(path))
    } else if again("section") {
        "Composition.section".to_owned()
    } else {
        path.to_owned()
    }
}

fn is_resource(owner: &str) -> bool {
    owner.starts_with(|c: char| c.is_ascii_uppercase())
        && !matches!(
            owner,
            "CodeableConcept" | "Extension" | "Dosage" | "Annotation" | "Narrative" | "HumanName"
        )
        && !matches!(owner, "Address" | "Timing" | "Identifier" | "Reference" | "Coding" | "Meta")
}

fn data_type(owner: &str, name: &str) -> (String, bool) {
    let (ty, repeats) = match (owner, name) {
        ("CodeableConcept", "coding") | ("Meta", "tag" | "security") | ("Signature", "type") => {
            ("Coding", true)
        }
        ("HumanName", "given" | "prefix" | "suffix") | ("Address", "line") | ("Meta", "profile") => {
            ("string", true)
        }
        ("Timing", "event") | ("Timing.repeat", "dayOfWeek" | "timeOfDay" | "when") => ("string", true),
        ("Dosage", "additionalInstruction") => ("CodeableConcept", true),
        ("ContactDetail", "telecom") => ("ContactPoint", true),
        ("Timing", "repeat") => ("Timing.repeat", false),
        ("Timing" | "Identifier", "code" | "type") => ("CodeableConcept", false),
        ("Timing.repeat", "count" | "countMax" | "frequency" | "frequencyMax" | "offset")
        | ("Dosage", "sequence")
        | ("Attachment", "size")
        | ("ContactPoint", "rank")
        | ("SampledData", "dimensions") => ("integer", false),
        ("Timing.repeat", "duration" | "durationMax" | "period" | "periodMax")
        | ("SampledData", "period" | "factor" | "lowerLimit" | "upperLimit")
        | ("Quantity" | "Age" | "Duration" | "Money" | "Distance" | "Count", "value") => ("decimal", false),
        ("Coding", "userSelected") => ("boolean", false),
        ("Range", "low" | "high") | ("Ratio", "numerator" | "denominator") => ("Quantity", false),
        ("SampledData", "origin") | ("Dosage", "doseQuantity") => ("Quantity", false),
        ("Dosage", "timing") => ("Timing", false),
        ("Dosage", "site" | "route" | "method") => ("CodeableConcept", false),
        ("Dosage", "maxDosePerPeriod") => ("Ratio", false),
        ("Reference", "identifier") => ("Identifier", false),
        ("Identifier", "assigner") => ("Reference", false),
        (_, "period") => ("Period", false),
        _ => {
            let choice = CHOICES.iter().find(|ty| name.len() > ty.len() && name.ends_with(*ty));
            (choice.copied().unwrap_or("string"), false)
        }
    };
    (ty.to_owned(), repeats)
}

struct Reader<'d> {
    tree: Builder,
    scratch: &'d Ledger,
    input: &'d [u8],
    typed: Table,
    /// Where the first element lies that is too deep.
    deep: Option<Span>,
}

impl<'d> Reader<'d> {
    fn span(&self, leaf: Leaf<'_>) -> Span {
        self.scratch.items().get(leaf.id as usize).map_or(Span::new(0, 0), |item| item.span)
    }

    fn plain(&mut self, name: &str, leaf: Leaf<'_>) {
        let span = self.span(leaf);
        self.tree.value(name, Kind::Text, leaf.text, span);
    }

    fn resource(&mut self, name: &str, element: Element<'d>, depth: usize) {
        self.tree.begin(name, Kind::Object, element.span());
        let start = element.span().start as usize;
        // The element's name is no value of the source: it makes no item.
        self.tree.value("resourceType", Kind::Text, element.name(), Span::new(start, start));
        self.members(element, element.name(), depth);
        self.tree.end();
    }

    /// Attributes, loose texts and children of an element, into an open object.
    fn members(&mut self, element: Element<'d>, owner: &str, depth: usize) {
        if depth > DEPTH_MAX {
            self.deep = self.deep.or(Some(element.span()));
            return;
        }
        for (name, leaf) in element.attributes() {
            match name {
                "id" | "url" => self.plain(name, leaf),
                "value" => {}
                other => self.plain(&format!("@{other}"), leaf),
            }
        }
        for content in element.contents() {
            if let Content::Text(leaf) = content {
                self.plain("#text", leaf);
            }
        }
        let mut groups: Vec<(&str, Vec<Element<'d>>)> = Vec::new();
        for child in element.children() {
            match groups.iter_mut().find(|(name, all)| {
                *name == child.name() && all.first().is_none_or(|f| f.namespace() == child.namespace())
            }) {
                Some((_, all)) => all.push(child),
                None => groups.push((child.name(), vec![child])),
            }
        }
        for (name, all) in groups {
            self.group(owner, name, &all, depth);
        }
    }

    /// The elements of one name.
    fn group(&mut self, owner: &str, name: &str, all: &[Element<'d>], depth: usize) {
        let Some(first) = all.first() else { return };
        if first.namespace() != FHIR {
            if name == "div" && first.namespace() == XHTML {
                let text = self.narrative(*first);
                self.tree.value("div", Kind::Text, &text, first.span());
                return self.foreign(name, all.get(1..).unwrap_or_default());
            }
            return self.foreign(name, all);
        }
        let (ty, repeats) = (self.typed)(owner, name);
        let many = repeats || all.len() > 1;
        if ty == "Resource" {
            let inner: Vec<Element<'d>> = all.iter().flat_map(|e| e.children()).collect();
            if repeats || inner.len() > 1 {
                self.tree.begin(name, Kind::Array, first.span());
                inner.iter().for_each(|e| self.resource("", *e, depth + 1));
                self.tree.end();
            } else {
                inner.iter().for_each(|e| self.resource(name, *e, depth + 1));
            }
            return;
        }
        // A value that is not there, with what is said of it: `<birthDate><extension …/></birthDate>`.
        let of_value = ty.starts_with(|c: char| c.is_ascii_lowercase());
        let bare = |e: &Element<'d>| {
            of_value && e.children().next().is_some() && e.children().all(|c| c.name() == "extension")
        };
        let primitive = |e: &Element<'d>| e.attribute("value").is_some();
        if all.iter().any(|e| primitive(e) || bare(e)) {
            self.primitives(name, &ty, all, many, depth);
            return;
        }
        if many {
            self.tree.begin(name, Kind::Array, first.span());
        }
        for element in all {
            self.tree.begin(if many { "" } else { name }, Kind::Object, element.span());
            self.members(*element, &ty, depth + 1);
            self.tree.end();
        }
        if many {
            self.tree.end();
        }
    }

    /// Values, and what is said beside them.
    fn primitives(&mut self, name: &str, ty: &str, all: &[Element<'d>], many: bool, depth: usize) {
        let Some(first) = all.first() else { return };
        let valued = all.iter().any(|e| e.attribute("value").is_some());
        if many && valued {
            self.tree.begin(name, Kind::Array, first.span());
        }
        for element in all.iter().filter(|_| valued) {
            let own = if many { "" } else { name };
            match element.attribute("value") {
                Some(leaf) => {
                    let span = self.span(leaf);
                    self.tree.value(own, kind_of(ty, leaf.text), leaf.text, span);
                }
                None if many => self.tree.value("", Kind::Null, "", Span::new(0, 0)),
                None => {}
            }
        }
        if many && valued {
            self.tree.end();
        }
        let beside = |e: &Element<'d>| {
            e.attributes().any(|(name, _)| name != "value") || e.contents().next().is_some()
        };
        if !all.iter().any(beside) {
            return;
        }
        let under = format!("_{name}");
        if many {
            self.tree.begin(&under, Kind::Array, first.span());
        }
        for element in all {
            if beside(element) {
                self.tree.begin(if many { "" } else { &under }, Kind::Object, element.span());
                self.members(*element, "Element", depth + 1);
                self.tree.end();
            } else if many {
                self.tree.value("", Kind::Null, "", Span::new(0, 0));
            }
        }
        if many {
            self.tree.end();
        }
    }

    /// Elements of another namespace: every value of theirs, under a name that no element has.
    fn foreign(&mut self, name: &str, all: &[Element<'d>]) {
        for element in all {
            for one in std::iter::once(*element).chain(element.descendants()) {
                for (_, leaf) in one.attributes() {
                    self.plain(&format!("other:{name}"), leaf);
                }
            }
            for leaf in element.texts() {
                self.plain(&format!("other:{name}"), leaf);
            }
        }
    }

    /// A narrative as it stands, with its namespace.
    fn narrative(&self, div: Element<'d>) -> String {
        let raw = std::str::from_utf8(div.span().of(self.input)).unwrap_or("");
        let start = raw.split('>').next().unwrap_or("");
        if start.starts_with("<div") && start.contains(XHTML) {
            return raw.to_owned();
        }
        if start.starts_with("<div") && !raw.contains("</div:") && !start.contains("xmlns") {
            return raw.replacen("<div", &format!("<div xmlns=\"{XHTML}\""), 1);
        }
        let mut out = String::new();
        written(div, true, &mut out);
        out
    }
}

/// An element of a narrative, without prefixes.
fn written(element: Element<'_>, root: bool, out: &mut String) {
    out.push('<');
    out.push_str(element.name());
    if root {
        out.push_str(&format!(" xmlns=\"{XHTML}\""));
    }
    for (name, leaf) in element.attributes() {
        out.push_str(&format!(" {name}=\"{}\"", escape_attribute(leaf.text)));
    }
    out.push('>');
    for content in element.contents() {
        match content {
            Content::Element(inner) => written(inner, false, out),
            Content::Text(leaf) => out.push_str(&escape_text(leaf.text)),
        }
    }
    out.push_str(&format!("</{}>", element.name()));
}

/// The kind of a value by its type: a number that is none stays text, and is told where it is written.
fn kind_of(ty: &str, text: &str) -> Kind {
    match ty {
        "boolean" | "Boolean" if text == "true" => Kind::True,
        "boolean" | "Boolean" if text == "false" => Kind::False,
        "decimal" | "integer" | "unsignedInt" | "positiveInt" | "Decimal" | "Integer" | "PositiveInt"
            if is_number(text) =>
        {
            Kind::Number
        }
        _ => Kind::Text,
    }
}

/// Whether a text is a number of JSON.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
    let well = !whole.is_empty() && (whole == "0" || !whole.starts_with('0'));
    let fraction = rest.strip_prefix('.');
    well && (rest.is_empty()
        || fraction.is_some_and(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(input: &str) -> String {
        fn write(node: causeway_json::Node<'_>, out: &mut String) {
            match node.kind() {
                Kind::Object => {
                    out.push('{');
                    for (n, (name, child)) in node.members().enumerate() {
                        if n > 0 {
                            out.push(',');
                        }
                        out.push_str(&format!("\"{name}\":"));
                        write(child, out);
                    }
                    out.push('}');
                }
                Kind::Array => {
                    out.push('[');
                    for (n, child) in node.elements().enumerate() {
                        if n > 0 {
                            out.push(',');
                        }
                        write(child, out);
                    }
                    out.push(']');
                }
                Kind::Text => out.push_str(&format!("{:?}", node.text())),
                Kind::Null => out.push_str("null"),
                _ => out.push_str(node.text()),
            }
        }
        let mut out = String::new();
        let tree = read(input.as_bytes(), &mut Ledger::new()).expect("FHIR XML");
        write(tree.root(), &mut out);
        out
    }

    #[test]
    fn repetitions_numbers_and_what_is_beside_a_value() {
        let patient = "<Patient xmlns='http://hl7.org/fhir'><active value='true'/><name><given value='Ada'/></name>\
            <birthDate value='1970-01'><extension url='u'><valueDecimal value='1.50'/></extension></birthDate>\
            <multipleBirthInteger value='2'/></Patient>";
        assert_eq!(
            json(patient),
            r#"{"resourceType":"Patient","active":true,"name":[{"given":["Ada"]}],"birthDate":"1970-01","_birthDate":{"extension":[{"url":"u","valueDecimal":1.50}]},"multipleBirthInteger":2}"#
        );
    }

    #[test]
    fn a_narrative_is_one_text_and_a_section_within_a_section_a_list() {
        let composition = "<Composition xmlns='http://hl7.org/fhir'><text><status value='generated'/>\
            <div xmlns='http://www.w3.org/1999/xhtml'>a <b>b</b> <i>c</i></div></text><section><section>\
            <entry><reference value='r'/></entry></section></section></Composition>";
        assert_eq!(
            json(composition),
            r#"{"resourceType":"Composition","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>a <b>b</b> <i>c</i></div>"},"section":[{"section":[{"entry":[{"reference":"r"}]}]}]}"#
        );
    }

    #[test]
    fn what_is_not_of_fhir_has_names_that_no_element_has() {
        let list =
            "<List xmlns='http://hl7.org/fhir' xmlns:x='urn:x' x:s='1'>loose<x:status value='final'/></List>";
        assert_eq!(
            json(list),
            r##"{"resourceType":"List","@s":"1","#text":"loose","other:status":"final"}"##
        );
        assert_eq!(root_name("\u{feff}<?xml version='1.0'?><!-- a --> <f:Bundle x='1'>"), Some("Bundle"));
        assert!(read(b"<Patient/>", &mut Ledger::new()).is_err());
    }
}
