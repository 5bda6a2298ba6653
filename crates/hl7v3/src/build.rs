//! FHIR as HL7 v3 data types: the way back of [`crate::write`] and [`crate::party`]. What a type has no room for is left
//! out; encoders find out what that was by reading their own message again.

use causeway_fhir::systems;
use causeway_xml::{escape_attribute, escape_text};
use serde_json::Value;

/// An element of XML that is put together.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    name: String,
    attributes: String,
    content: String,
}

impl Tag {
    /// An empty element. The name may have a prefix.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An attribute; one without text is not written.
    pub fn with(mut self, name: &str, text: &str) -> Self {
        if !text.is_empty() {
            self.attributes.push_str(&format!(" {name}=\"{}\"", escape_attribute(text)));
        }
        self
    }

    /// Text.
    pub fn text(mut self, text: &str) -> Self {
        self.content.push_str(&escape_text(text));
        self
    }

    /// An element within.
    pub fn child(mut self, child: Self) -> Self {
        child.write(&mut self.content);
        self
    }

    /// Elements within: what there is of an option or a list.
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().for_each(|child| child.write(&mut self.content));
        self
    }

    /// XML that is well formed already.
    pub fn raw(mut self, xml: &str) -> Self {
        self.content.push_str(xml);
        self
    }

    /// An element that holds a text; `None` where there is none.
    pub fn of_text(name: &str, text: Option<&str>) -> Option<Self> {
        text.filter(|t| !t.trim().is_empty()).map(|text| Self::new(name).text(text))
    }

    /// Whether it holds elements or text.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    fn write(&self, out: &mut String) {
        out.push_str(&format!("<{}{}", self.name, self.attributes));
        match self.content.is_empty() {
            true => out.push_str("/>"),
            false => out.push_str(&format!(">{}</{}>", self.content, self.name)),
        }
    }

    /// The XML.
    pub fn xml(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// The text of a member.
pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// The elements of a member; none where it is no array.
pub fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The OID of a FHIR URI, the way back of [`systems::of_oid`]; `None` where none is known.
pub fn oid_of(uri: &str) -> Option<&str> {
    Some(match uri {
        systems::NHS_NUMBER => "2.16.840.1.113883.2.1.4.1",
        systems::SNOMED => "2.16.840.1.113883.2.1.3.2.4.15",
        systems::READ_V2 => "2.16.840.1.113883.2.1.6.2",
        systems::CTV3 => "2.16.840.1.113883.2.1.3.2.4.14",
        systems::EGTON => "2.16.840.1.113883.2.1.6.3",
        systems::EMIS_DRUG => "2.16.840.1.113883.2.1.6.9",
        systems::LOINC => "2.16.840.1.113883.6.1",
        systems::ICD10 => "2.16.840.1.113883.6.3",
        systems::ODS_ORGANISATION => "2.16.840.1.113883.2.1.3.2.4.19.1",
        systems::SDS_USER => "1.2.826.0.1285.0.2.0.65",
        _ => return uri.strip_prefix("urn:oid:").filter(|oid| systems::is_oid(oid)),
    })
}

/// The OID of a URI by a format's own table.
pub type OidOf = fn(&str) -> Option<&str>;

/// TS of a FHIR date, dateTime or instant: the digits, and the offset where there is one. `None` where it is none.
pub fn time(fhir: &str) -> Option<String> {
    let (date, clock) = fhir.split_once('T').unwrap_or((fhir, ""));
    let mut out: String = date.chars().filter(char::is_ascii_digit).collect();
    if out.len() < 4 || date.len() > 10 {
        return None;
    }
    if clock.is_empty() {
        return Some(out);
    }
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(at);
    out.extend(clock.chars().filter(|c| c.is_ascii_digit() || *c == '.'));
    match zone {
        "Z" => out.push_str("+0000"),
        zone => out.extend(zone.chars().filter(|c| *c != ':')),
    }
    Some(out)
}

/// An element with a time, where there is one.
pub fn time_tag(name: &str, fhir: &str) -> Option<Tag> {
    time(fhir).map(|digits| Tag::new(name).with("value", &digits))
}

/// IVL_TS of a FHIR Period.
pub fn interval(name: &str, period: &Value) -> Option<Tag> {
    let ends = [("low", "start"), ("high", "end")];
    let tag = Tag::new(name).children(ends.iter().filter_map(|(v3, fhir)| time_tag(v3, text(period, fhir))));
    (!tag.is_empty()).then_some(tag)
}

/// When something was, of `STEMDateTime` or `STEMPeriod`.
pub fn effective(name: &str, resource: &Value, stem: &str) -> Option<Tag> {
    time_tag(name, text(resource, &format!("{stem}DateTime")))
        .or_else(|| interval(name, &resource[format!("{stem}Period")]))
}

/// CD of a CodeableConcept: its first code, the others as translations, its words where they are not the code's own.
/// A code whose system has no OID is left out.
pub fn concept(name: &str, concept: &Value, oid: OidOf) -> Option<Tag> {
    let coding = |name: &str, coding: &Value| {
        let code = text(coding, "code");
        let system = text(coding, "system");
        if code.is_empty() || !system.is_empty() && oid(system).is_none() {
            return None;
        }
        let tag = Tag::new(name).with("code", code).with("codeSystem", oid(system).unwrap_or_default());
        Some(tag.with("displayName", text(coding, "display")))
    };
    let mut codes = list(concept, "coding").iter();
    let first = codes.by_ref().find_map(|c| coding(name, c));
    let words = Tag::of_text("originalText", concept["text"].as_str());
    if first.is_none() && words.is_none() {
        return None;
    }
    let tag = first.unwrap_or_else(|| Tag::new(name).with("nullFlavor", "NI"));
    Some(tag.children(words).children(codes.filter_map(|c| coding("translation", c))))
}

/// II of an Identifier. `guid`: the identifier system of the GUIDs by which messages call their acts. `None` where its system
/// has no OID.
pub fn id(name: &str, identifier: &Value, guid: &str, oid: OidOf) -> Option<Tag> {
    let (system, value) = (text(identifier, "system"), text(identifier, "value"));
    if value.trim().is_empty() {
        return None;
    }
    match system == guid {
        true => Some(Tag::new(name).with("root", value)),
        false => Some(Tag::new(name).with("root", oid(system)?).with("extension", value)),
    }
}

/// PQ of a Quantity, its comparator aside.
pub fn quantity(name: &str, quantity: &Value) -> Option<Tag> {
    let value = quantity.get("value").filter(|v| v.is_number())?.to_string();
    let unit = [text(quantity, "unit"), text(quantity, "code")].into_iter().find(|u| !u.is_empty());
    Some(Tag::new(name).with("value", &value).with("unit", unit.unwrap_or("1")))
}

/// PN of a HumanName.
pub fn human_name(name: &Value) -> Tag {
    let usage = if name["use"] == "official" { "L" } else { "" };
    let mut tag = Tag::new("name").with("use", usage);
    for part in ["prefix", "given"] {
        tag = tag.children(list(name, part).iter().filter_map(|t| Tag::of_text(part, t.as_str())));
    }
    tag = tag.children(Tag::of_text("family", name["family"].as_str()));
    tag = tag.children(list(name, "suffix").iter().filter_map(|t| Tag::of_text("suffix", t.as_str())));
    match name["text"].as_str().filter(|_| tag.is_empty()) {
        Some(text) => tag.text(text),
        None => tag,
    }
}

/// AD of an Address.
pub fn address(address: &Value) -> Tag {
    let usage = match (text(address, "use"), text(address, "type")) {
        ("work", _) => "WP",
        ("temp", _) => "TMP",
        ("home", _) => "H",
        (_, "physical") => "PHYS",
        (_, "postal") => "PST",
        _ => "",
    };
    let mut tag = Tag::new("addr").with("use", usage);
    let lines = list(address, "line").iter();
    tag = tag.children(lines.filter_map(|l| Tag::of_text("streetAddressLine", l.as_str())));
    for (v3, fhir) in
        [("city", "city"), ("county", "district"), ("postalCode", "postalCode"), ("country", "country")]
    {
        tag = tag.children(Tag::of_text(v3, address[fhir].as_str()));
    }
    match address["text"].as_str().filter(|_| tag.is_empty()) {
        Some(text) => tag.text(text),
        None => tag,
    }
}

/// TEL of a ContactPoint; `None` where it has no value.
pub fn telecom(contact: &Value) -> Option<Tag> {
    let value = text(contact, "value");
    if value.trim().is_empty() {
        return None;
    }
    let address = match text(contact, "system") {
        "phone" => format!("tel:{value}"),
        "email" => format!("mailto:{value}"),
        "fax" => format!("fax:{value}"),
        _ => value.to_owned(),
    };
    let usage = match (text(contact, "use"), text(contact, "system")) {
        (_, "pager") => "PG",
        ("work", _) => "WP",
        ("home", _) => "HP",
        ("mobile", _) => "MC",
        _ => "",
    };
    Some(Tag::new("telecom").with("use", usage).with("value", &address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_keep_their_precision_and_offset() {
        for (fhir, v3) in [
            ("1949", Some("1949")),
            ("1949-03", Some("194903")),
            ("1949-03-17", Some("19490317")),
            ("2026-10-28T14:22:00+01:00", Some("20261028142200+0100")),
            ("2026-10-28T14:22:00.250Z", Some("20261028142200.250+0000")),
            ("", None),
            ("no", None),
        ] {
            assert_eq!(time(fhir).as_deref(), v3, "{fhir}");
        }
    }

    #[test]
    fn a_code_without_an_oid_is_left_out_and_its_words_stay() {
        let one = json!({"text": "a < b", "coding": [{"system": "http://x.example", "code": "1"},
            {"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}]});
        let tag = concept("code", &one, oid_of).expect("a code");
        assert_eq!(
            tag.xml(),
            "<code code=\"195967001\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.15\" displayName=\"Asthma\">\
             <originalText>a &lt; b</originalText></code>"
        );
        assert!(
            concept("code", &json!({"coding": [{"system": "http://x.example", "code": "1"}]}), oid_of)
                .is_none()
        );
    }
}
