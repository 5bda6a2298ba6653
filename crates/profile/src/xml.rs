//! FHIR's XML form, read into the JSON form with what only XML can get wrong (order, attributes, stray text).

use crate::base::{Element as Rule, Kind, Type, TypeId};
use crate::definitions::Definitions;
use crate::places::{Part, parts, settle};
use crate::primitive::JsonKind;
use crate::report::{About, Finding, Report, Severity};
use causeway_core::Ledger;
use causeway_xml::{Content, Document, Element, decode};
use serde_json::{Map, Number, Value};

/// The namespace of FHIR's XML.
const FHIR: &str = "http://hl7.org/fhir";
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// True where a document looks like XML.
pub fn is_xml(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<')
}

impl Definitions {
    /// Reads a resource in FHIR's XML form into its JSON form: numbers keep their digits, narratives their text.
    ///
    /// # Errors
    /// A report with one error where the document is not well-formed XML or its root is no FHIR resource.
    pub fn from_xml(&self, xml: &[u8]) -> Result<Value, Report> {
        let mut ledger = Ledger::default();
        if let Some(report) = not_xml(xml) {
            return Err(report);
        }
        let decoded = decode(xml).map_err(|e| refusal(xml, &e))?;
        let document = Document::parse(&decoded, &mut ledger).map_err(|e| refusal(xml, &e))?;
        Ok(Reader { defs: self, xml, found: Vec::new() }.root(document.root()))
    }

    /// Checks a resource in FHIR's XML form; findings have their line and column.
    pub fn check_xml(&self, xml: &[u8], options: &crate::Options) -> Report {
        if xml.len() > crate::limits::MAX_BYTES {
            let text = format!("the document is larger than {} bytes", crate::limits::MAX_BYTES);
            return Report::refusal("r4/size", text);
        }
        if let Some(report) = not_xml(xml) {
            return report;
        }
        let mut ledger = Ledger::default();
        let decoded = match decode(xml) {
            Ok(decoded) => decoded,
            Err(e) => return refusal(xml, &e),
        };
        let document = match Document::parse(&decoded, &mut ledger) {
            Ok(document) => document,
            Err(e) => return refusal(xml, &e),
        };
        let mut reader = Reader { defs: self, xml, found: Vec::new() };
        let value = reader.root(document.root());
        let found = reader.found;
        let mut report = self.check_value(&value, options);
        found.into_iter().for_each(|f| report.push(f));
        report.settle();
        let offsets: Vec<usize> = report.findings.iter().map(|f| locate(document.root(), &f.path)).collect();
        settle(xml, &offsets, &mut report.findings);
        report
    }
}

/// What XML 1.0 has nowhere (2.2: control characters) or not there (2.8: anything before the declaration), which our reader of
/// other formats lets pass.
fn not_xml(xml: &[u8]) -> Option<Report> {
    let body = xml.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(xml);
    let head = body.trim_ascii_start();
    let (offset, why) = if head.len() < body.len() && head.starts_with(b"<?xml") {
        (0, "declaration-late")
    } else {
        let wrong = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
        (xml.iter().position(wrong)?, "control-character")
    };
    let mut report = Report::refusal("r4/xml", format!("not readable as XML ({why})"));
    settle(xml, &[offset], &mut report.findings);
    Some(report)
}

fn refusal(xml: &[u8], error: &causeway_xml::XmlError) -> Report {
    let text = format!("not readable as XML ({})", error.fault.rule().trim_start_matches("xml-"));
    let mut report = Report::refusal("r4/xml", text);
    settle(xml, &[error.offset], &mut report.findings);
    report
}

/// Where the element of a path begins, or the nearest one around it that is there.
fn locate(root: Element<'_>, path: &str) -> usize {
    let mut at = root;
    let steps = parts(path);
    let mut steps = steps.iter().peekable();
    while let Some(Part::Name(name)) = steps.next() {
        let number = match steps.peek() {
            Some(Part::Index(number)) => *number,
            _ => 0,
        };
        if matches!(steps.peek(), Some(Part::Index(_))) {
            steps.next();
        }
        let name = name.strip_prefix('_').unwrap_or(name);
        let Some(mut found) = at.children_named(name).nth(number) else { break };
        // A resource within another stands in an element of its own name.
        if let Some(resource) = found.children().next()
            && resource.name().starts_with(|c: char| c.is_ascii_uppercase())
        {
            found = resource;
        }
        at = found;
    }
    at.span().start as usize
}

struct Reader<'r> {
    defs: &'r Definitions,
    xml: &'r [u8],
    found: Vec<Finding>,
}

/// What one element gives: the value, and the twin of a primitive (`_name`).
struct Read {
    value: Value,
    extra: Value,
}

impl Reader<'_> {
    fn error(&mut self, path: &str, rule: &str, text: impl Into<String>) {
        self.found.push(Finding {
            severity: Severity::Error,
            path: path.to_owned(),
            rule: rule.to_owned(),
            text: text.into(),
            about: About::Nothing,
            place: None,
        });
    }

    fn root(&mut self, root: Element<'_>) -> Value {
        if root.namespace() != FHIR {
            self.error(
                root.name(),
                "r4/xml-namespace",
                "a resource must be in the namespace http://hl7.org/fhir",
            );
        }
        self.resource(root, root.name())
    }

    fn resource(&mut self, element: Element<'_>, path: &str) -> Value {
        let name = element.name();
        let mut object = Map::new();
        object.insert("resourceType".to_owned(), Value::String(name.to_owned()));
        if element.children().next().is_none() {
            self.error(path, "r4/empty", "a resource must not be empty");
        }
        if let Some(ty) = self.defs.base.resource(name) {
            self.members(element, ty, path, &mut object);
        }
        Value::Object(object)
    }

    fn members(&mut self, element: Element<'_>, ty: TypeId, path: &str, object: &mut Map<String, Value>) {
        let base = self.defs.base;
        let Some(known) = base.ty(ty) else { return };
        for (name, leaf) in element.attributes() {
            let attribute = name == "id" || (name == "url" && known.name == "Extension");
            if attribute && known.kind != Kind::Resource {
                object.insert(name.to_owned(), Value::String(leaf.text.to_owned()));
            } else if !matches!(name, "schemaLocation" | "noNamespaceSchemaLocation") {
                let text = format!("the attribute {name} is not part of this type");
                self.error(path, "r4/xml-attribute", text);
            }
        }
        if element.contents().any(|c| matches!(c, Content::Text(_))) {
            self.error(
                path,
                "r4/xml-text",
                "an element holds no text of its own: values stand in the attribute value",
            );
        }
        let mut last = 0;
        let mut children = element.children().peekable();
        while let Some(first) = children.next() {
            let name = first.name();
            let mut group = vec![first];
            while let Some(next) = children.next_if(|c| c.name() == name) {
                group.push(next);
            }
            let place = format!("{path}.{name}");
            let attribute = name == "id" || (name == "url" && known.name == "Extension");
            if attribute && known.kind != Kind::Resource {
                self.error(&place, "r4/xml-attribute", format!("{name} is an attribute here, no element"));
            }
            let Some(key) = known.keys.get(name) else {
                object.insert(name.to_owned(), Value::Object(Map::new()));
                continue;
            };
            if group.iter().any(|c| c.namespace() != FHIR && !(name == "div" && c.namespace() == XHTML)) {
                self.error(
                    &place,
                    "r4/xml-namespace",
                    "the element must be in the namespace http://hl7.org/fhir",
                );
            }
            if key.element < last {
                let text =
                    "the element stands after one that must follow it, or apart from others of its name";
                self.error(&place, "r4/xml-order", text);
            }
            last = last.max(key.element);
            let (Some(rule), Some(kind)) = (
                known.elements.get(key.element),
                known.elements.get(key.element).and_then(|e| e.types.get(key.kind)),
            ) else {
                continue;
            };
            let repeats = rule.max > 1;
            let mut read = Vec::with_capacity(group.len());
            for (number, child) in group.iter().enumerate() {
                let place = if repeats { format!("{place}[{number}]") } else { place.clone() };
                read.push(self.element(*child, kind.id, rule, &place));
            }
            self.put(object, known, name, repeats, read, &place);
        }
    }

    fn put(
        &mut self,
        object: &mut Map<String, Value>,
        known: &Type,
        name: &str,
        repeats: bool,
        read: Vec<Read>,
        place: &str,
    ) {
        let twin = read.iter().any(|r| !r.extra.is_null());
        let valued = read.iter().any(|r| !r.value.is_null());
        let (values, extras): (Vec<Value>, Vec<Value>) = read.into_iter().map(|r| (r.value, r.extra)).unzip();
        let mut insert = |name: String, list: Vec<Value>| {
            if repeats {
                match object.get_mut(&name).and_then(Value::as_array_mut) {
                    Some(have) => have.extend(list),
                    None => drop(object.insert(name, Value::Array(list))),
                }
                return 0;
            }
            let count = list.len();
            object.insert(name, list.into_iter().next().unwrap_or_default());
            count
        };
        let mut count = 0;
        if valued || !twin {
            count = insert(name.to_owned(), values);
        }
        if twin {
            count = count.max(insert(format!("_{name}"), extras));
        }
        if count > 1 {
            let text = format!("at most 1 allowed in {}", known.name);
            self.error(place, "r4/cardinality-max", text);
        }
    }

    fn element(&mut self, element: Element<'_>, ty: TypeId, rule: &Rule, path: &str) -> Read {
        let base = self.defs.base;
        let Some(known) = base.ty(ty) else { return Read { value: Value::Null, extra: Value::Null } };
        if ty == base.resource {
            let mut inner = element.children();
            let value = match (inner.next(), inner.next()) {
                (Some(resource), None) => self.resource(resource, path),
                _ => {
                    let text = format!("{} must hold one resource", rule.stem);
                    self.error(path, "r4/xml-resource", text);
                    Value::Null
                }
            };
            return Read { value, extra: Value::Null };
        }
        let Kind::Primitive(primitive) = known.kind else {
            let mut object = Map::new();
            self.members(element, ty, path, &mut object);
            return Read { value: Value::Object(object), extra: Value::Null };
        };
        if known.name == "xhtml" {
            return Read { value: Value::String(self.narrative(element)), extra: Value::Null };
        }
        let mut extra = Map::new();
        let mut value = Value::Null;
        for (name, leaf) in element.attributes() {
            match name {
                "value" => value = scalar(primitive.json(), leaf.text),
                "id" => drop(extra.insert("id".to_owned(), Value::String(leaf.text.to_owned()))),
                _ => {
                    let text = format!("the attribute {name} is not part of this type");
                    self.error(path, "r4/xml-attribute", text);
                }
            }
        }
        if element.contents().any(|c| matches!(c, Content::Text(_))) {
            self.error(path, "r4/xml-text", "the value must stand in the attribute value, not as text");
        }
        let mut list = Vec::new();
        for (number, child) in element.children().enumerate() {
            if child.name() == "extension" {
                let mut object = Map::new();
                let place = format!("{path}.extension[{number}]");
                self.members(child, base.extension, &place, &mut object);
                list.push(Value::Object(object));
            } else {
                extra.insert(child.name().to_owned(), Value::Object(Map::new()));
            }
        }
        if !list.is_empty() {
            extra.insert("extension".to_owned(), Value::Array(list));
        }
        let bare = value.is_null() && extra.is_empty();
        let extra = if extra.is_empty() && !bare { Value::Null } else { Value::Object(extra) };
        Read { value, extra }
    }

    /// The narrative as it stands in the source.
    fn narrative(&self, element: Element<'_>) -> String {
        let span = element.span();
        let raw = self.xml.get(span.start as usize..span.end as usize).unwrap_or_default();
        let text = match std::str::from_utf8(raw) {
            Ok(text) => text.to_owned(),
            Err(_) => decode(raw).map(|d| d.text.into_owned()).unwrap_or_default(),
        };
        // The namespace may be declared further out.
        let head = text.split('>').next().unwrap_or_default();
        if element.namespace() == XHTML && !head.contains("xmlns") && text.starts_with("<div") {
            return text.replacen("<div", &format!("<div xmlns=\"{XHTML}\""), 1);
        }
        text
    }
}

fn scalar(kind: JsonKind, text: &str) -> Value {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() && kind != JsonKind::Text);
    match (kind, text) {
        (JsonKind::Boolean, "true") => Value::Bool(true),
        (JsonKind::Boolean, "false") => Value::Bool(false),
        (JsonKind::Number, number) if crate::primitive::Primitive::Decimal.accepts(number) => {
            serde_json::from_str::<Number>(number)
                .map_or_else(|_| Value::String(number.to_owned()), Value::Number)
        }
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <id value="p1"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">A &lt; B &amp; <b>C</b></div></text>
  <contained><Organization><id value="o1"/><name value="O"/></Organization></contained>
  <extension url="http://example.org/x"><valueDecimal value="1.50"/></extension>
  <name id="n1"><given value="A"/><given><extension url="http://example.org/y"><valueString value="z"/></extension></given></name>
  <birthDate value="2001-02-03"><extension url="http://example.org/t"><valueBoolean value="true"/></extension></birthDate>
  <managingOrganization><reference value="#o1"/></managingOrganization>
</Patient>"##;

    #[test]
    fn xml_becomes_the_json_form() {
        let read = Definitions::r4().from_xml(PATIENT.as_bytes()).expect("readable");
        let want: Value = serde_json::from_str(
            r##"{
            "resourceType": "Patient", "id": "p1",
            "text": {"status": "generated",
                     "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">A &lt; B &amp; <b>C</b></div>"},
            "contained": [{"resourceType": "Organization", "id": "o1", "name": "O"}],
            "extension": [{"url": "http://example.org/x", "valueDecimal": 1.50}],
            "name": [{"id": "n1", "given": ["A", null],
                      "_given": [null, {"extension": [{"url": "http://example.org/y", "valueString": "z"}]}]}],
            "birthDate": "2001-02-03",
            "_birthDate": {"extension": [{"url": "http://example.org/t", "valueBoolean": true}]},
            "managingOrganization": {"reference": "#o1"}}"##,
        )
        .expect("json");
        assert_eq!(read, want);
        assert_eq!(read["extension"][0]["valueDecimal"].to_string(), "1.50");
        let report = Definitions::r4().check_xml(PATIENT.as_bytes(), &crate::Options::default());
        assert!(report.is_valid(), "{:#?}", report.findings);
    }

    #[test]
    fn what_only_xml_can_get_wrong_is_told() {
        let rules = |body: &str| {
            let xml = format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{body}\n</Patient>");
            let report = Definitions::r4().check_xml(xml.as_bytes(), &crate::Options::default());
            let found = report.findings.iter().map(|f| (f.rule.clone(), f.place.map_or(0, |p| p.line)));
            found.collect::<Vec<_>>()
        };
        let has = |body: &str, rule: &str, line: usize| {
            let found = rules(body);
            assert!(found.contains(&(rule.to_owned(), line)), "{body}: {found:?}");
        };
        has("<birthDate value=\"2001\"/>\n<gender value=\"male\"/>", "r4/xml-order", 3);
        has("<gender value=\"male\"/><gender value=\"male\"/>", "r4/cardinality-max", 2);
        has("<gender value=\"male\">x</gender>", "r4/xml-text", 2);
        has("<gender code=\"male\"/>", "r4/xml-attribute", 2);
        has("<gender/>", "inv/ele-1", 2);
        has("\n<sex value=\"male\"/>", "r4/unknown-element", 3);
        has("<multipleBirthInteger value=\"two\"/>", "r4/type", 2);
        has("<contained/>", "r4/xml-resource", 2);
        has("<a:gender xmlns:a=\"urn:other\" value=\"male\"/>", "r4/xml-namespace", 2);
        has("<name><id value=\"n\"/><text value=\"x\"/></name>", "r4/xml-attribute", 2);
        has(
            "<extension><url value=\"http://example.org/x\"/><valueCode value=\"x\"/></extension>",
            "r4/xml-attribute",
            2,
        );
        has("<contained><Organization/></contained>", "r4/empty", 2);
        has("\n<name><text value=\"\u{1}\"/></name>", "r4/xml", 3);
        let late = b" <?xml version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"><active value=\"true\"/></Patient>";
        for (body, rule) in [(&late[..], Some("r4/xml")), (&late[1..], None)] {
            let report = Definitions::r4().check_xml(body, &crate::Options::default());
            assert_eq!(report.findings.first().map(|f| f.rule.as_str()), rule);
            assert_eq!(Definitions::r4().from_xml(body).is_err(), rule.is_some());
        }
        assert_eq!(rules("<birthDate value=\"2001\"/>"), []);
        let broken = Definitions::r4().check_xml(
            b"<Patient xmlns=\"http://hl7.org/fhir\"><name></Patient>",
            &crate::Options::default(),
        );
        assert_eq!(broken.findings[0].rule, "r4/xml");
        assert!(!is_xml(b" {\"a\": \"<\"}") && is_xml(b"\xEF\xBB\xBF <a/>"));
    }
}
