//! FHIR's XML form, written from the JSON form: elements in the order of their definitions.

use crate::base::{Base, Kind, TypeId};
use crate::definitions::Definitions;
use causeway_core::Ledger;
use causeway_xml::{Document, decode};
use serde_json::{Map, Value};
use thiserror::Error;

/// Why a resource can't be written as XML. Says the element, never its value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ToXmlError {
    /// The type is no resource of R4.
    #[error("{0} is not a resource type")]
    Type(String),
    /// R4 has no such element, so there is no place for it.
    #[error("{0} is not an element of R4")]
    Element(String),
    /// The JSON is not of the shape that the element has.
    #[error("{0} is not of the shape of its type")]
    Shape(String),
}

impl Definitions {
    /// Writes a resource in its JSON form as FHIR XML, with the digits of its numbers and its narratives as they are.
    ///
    /// # Errors
    /// Where it holds what R4 has no element for: nothing is left out.
    pub fn to_xml(&self, resource: &Value) -> Result<String, ToXmlError> {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        Writer { base: self.base, out: &mut out }.resource(resource, true)?;
        Ok(out)
    }
}

struct Writer<'w> {
    base: &'w Base,
    out: &'w mut String,
}

type Written = Result<(), ToXmlError>;

impl Writer<'_> {
    fn resource(&mut self, resource: &Value, outermost: bool) -> Written {
        let name = resource["resourceType"].as_str().unwrap_or_default();
        let map = resource.as_object();
        let (Some(ty), Some(map)) = (self.base.resource(name), map) else {
            return Err(ToXmlError::Type(name.chars().take(64).collect()));
        };
        self.out.push('<');
        self.out.push_str(name);
        if outermost {
            self.out.push_str(" xmlns=\"http://hl7.org/fhir\"");
        }
        self.out.push('>');
        self.members(map, ty, name)?;
        self.close(name);
        Ok(())
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// The members that are elements, in the order of the definition.
    fn members(&mut self, map: &Map<String, Value>, ty: TypeId, path: &str) -> Written {
        let base = self.base;
        let Some(known) = base.ty(ty) else { return Ok(()) };
        let mut found: Vec<(usize, &str, TypeId)> = Vec::new();
        for name in map.keys() {
            let stem = name.strip_prefix('_').unwrap_or(name);
            if name == "resourceType" && known.kind == Kind::Resource || is_attribute(known, stem) {
                continue;
            }
            let at = || ToXmlError::Element(format!("{path}.{stem}"));
            let key = known.keys.get(stem).ok_or_else(at)?;
            let kind = known.elements.get(key.element).and_then(|e| e.types.get(key.kind)).ok_or_else(at)?;
            if !found.iter().any(|(_, have, _)| *have == stem) {
                found.push((key.element, stem, kind.id));
            }
        }
        found.sort_by_key(|(order, ..)| *order);
        for (_, name, kind) in found {
            let twin = map.get(&format!("_{name}")).unwrap_or(&Value::Null);
            let value = map.get(name).unwrap_or(&Value::Null);
            let path = format!("{path}.{name}");
            let length = |v: &Value| v.as_array().map(Vec::len);
            match length(value).max(length(twin)) {
                None => self.element(name, value, twin, kind, &path)?,
                Some(count) => {
                    for number in 0..count {
                        let (value, twin) = (&value[number], &twin[number]);
                        self.element(name, value, twin, kind, &path)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, name: &str, value: &Value, twin: &Value, ty: TypeId, path: &str) -> Written {
        let base = self.base;
        let Some(known) = base.ty(ty) else { return Ok(()) };
        let shape = || ToXmlError::Shape(path.to_owned());
        if ty == base.resource {
            self.open(name);
            self.out.push('>');
            self.resource(value, false)?;
            self.close(name);
            return Ok(());
        }
        if known.name == "xhtml" {
            self.narrative(value.as_str().ok_or_else(shape)?);
            return Ok(());
        }
        if let Kind::Primitive(_) = known.kind {
            self.open(name);
            if let Some(id) = twin["id"].as_str() {
                self.attribute("id", id);
            }
            match value {
                Value::Null => {}
                Value::String(text) => self.attribute("value", text),
                Value::Bool(_) | Value::Number(_) => self.attribute("value", &value.to_string()),
                _ => return Err(shape()),
            }
            let extensions = twin["extension"].as_array().map(Vec::as_slice).unwrap_or_default();
            if extensions.is_empty() {
                self.out.push_str("/>");
                return Ok(());
            }
            self.out.push('>');
            for extension in extensions {
                self.element("extension", extension, &Value::Null, base.extension, path)?;
            }
            self.close(name);
            return Ok(());
        }
        let map = value.as_object().ok_or_else(shape)?;
        self.open(name);
        for attribute in ["id", "url"] {
            if is_attribute(known, attribute)
                && let Some(text) = map.get(attribute).and_then(Value::as_str)
            {
                self.attribute(attribute, text);
            }
        }
        self.out.push('>');
        self.members(map, ty, path)?;
        self.close(name);
        Ok(())
    }

    fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
    }

    fn attribute(&mut self, name: &str, text: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape(self.out, text);
        self.out.push('"');
    }

    /// A narrative as it is; what is no XML is written as text, so that the document stays readable.
    fn narrative(&mut self, text: &str) {
        let is_xml = |text: &str| {
            let decoded = decode(text.as_bytes()).ok()?;
            Document::parse(&decoded, &mut Ledger::default()).ok().map(|_| ())
        };
        if text.starts_with("<div") && is_xml(text).is_some() {
            self.out.push_str(text);
            return;
        }
        self.out.push_str("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
        escape(self.out, text);
        self.out.push_str("</div>");
    }
}

/// Members that stand in attributes: the id of an element, the URL of an extension.
fn is_attribute(ty: &crate::base::Type, name: &str) -> bool {
    ty.kind != Kind::Resource && (name == "id" || (name == "url" && ty.name == "Extension"))
}

/// Escapes for an attribute in double quotes. White space is kept by number; what XML 1.0 can't hold becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push_str(&format!("&#{};", u32::from(c))),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_again() {
        let resource: Value = serde_json::from_str(
            r##"{"managingOrganization": {"reference": "#o1"}, "resourceType": "Patient", "id": "p1",
            "text": {"div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">A &lt; B <b>C</b></div>", "status": "generated"},
            "contained": [{"resourceType": "Organization", "id": "o1", "name": "O & \"P\"\n<x>"}],
            "extension": [{"url": "http://example.org/x", "valueDecimal": 1.50}],
            "birthDate": "2001-02-03", "_birthDate": {"id": "b", "extension": [{"url": "http://example.org/t", "valueBoolean": true}]},
            "deceasedBoolean": false,
            "name": [{"id": "n1", "given": ["A", null],
                      "_given": [null, {"extension": [{"url": "http://example.org/y", "valueString": "z"}]}]}]}"##,
        )
        .expect("json");
        let xml = Definitions::r4().to_xml(&resource).expect("xml");
        assert_eq!(Definitions::r4().from_xml(xml.as_bytes()).expect("readable"), resource, "{xml}");
        let report = Definitions::r4().check_xml(xml.as_bytes(), &crate::Options::default());
        assert!(report.is_valid(), "{:#?}", report.findings);
    }

    #[test]
    fn nothing_is_left_out_in_silence() {
        let to_xml = |value: Value| Definitions::r4().to_xml(&value);
        let unknown = to_xml(json!({"resourceType": "Patient", "shoe": 42}));
        assert_eq!(unknown, Err(ToXmlError::Element("Patient.shoe".to_owned())));
        assert!(matches!(to_xml(json!({"resourceType": "Foo"})), Err(ToXmlError::Type(_))));
        assert!(matches!(to_xml(json!({"resourceType": "Patient", "name": "x"})), Err(ToXmlError::Shape(_))));
        let broken = to_xml(json!({"resourceType": "Patient", "text": {"div": "<div>a & b</p>"}})).unwrap();
        assert!(Definitions::r4().from_xml(broken.as_bytes()).is_ok(), "{broken}");
    }
}
