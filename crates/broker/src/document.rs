//! A bundle as a text that a person can read: for those who have a mailbox and no system that reads FHIR. Pure.
//! What the text does not say is listed.

use std::fmt::Write as _;

use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_fhir::systems;
use serde_json::{Map, Value};

use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX};
use crate::words;

/// Media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; charset=utf-8";

/// A text, and what it leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text.
    pub text: String,
    /// Elements that it does not carry, each with its FHIR path.
    pub left_behind: Vec<Issue>,
}

/// Resources that say who and where; they are named where others refer to them.
const BEHIND: [&str; 7] =
    ["Patient", "Organization", "Practitioner", "PractitionerRole", "Location", "Provenance", "Basic"];
/// Elements that join resources and say nothing of the person.
const PLUMBING: [&str; 11] = [
    "resourceType",
    "id",
    "meta",
    "text",
    "subject",
    "patient",
    "for",
    "language",
    "implicitRules",
    "contained",
    "status",
];
/// Elements that come first, in this order.
const FIRST: [&str; 16] = [
    "code",
    "type",
    "category",
    "title",
    "description",
    "event",
    "effectiveDateTime",
    "effectivePeriod",
    "date",
    "period",
    "onsetDateTime",
    "authoredOn",
    "valueString",
    "valueQuantity",
    "valueCodeableConcept",
    "reasonCode",
];

/// Writes a bundle as text. `from` is who sent the message, `received` when it came, both for the first lines.
pub fn render(bundle: &Value, from: &str, received: &str) -> Document {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let resources: Vec<(&str, &Value)> =
        entries.iter().map(|e| (e["fullUrl"].as_str().unwrap_or_default(), &e["resource"])).collect();
    let mut page = Page { out: String::new(), resources, left: Vec::new(), full: false };
    page.line("CARE INFORMATION");
    page.line("Prototype: synthetic data. Not for clinical use.");
    page.line("");
    page.line(&format!("From:     {}", clean(from)));
    page.line(&format!("Received: {}", clean(received)));
    page.people();
    for at in 0..page.resources.len() {
        page.resource(at);
    }
    page.line("");
    page.line(
        "This text was made from a structured message. What it does not carry is listed with the message.",
    );
    Document { text: page.out, left_behind: page.left }
}

struct Page<'b> {
    out: String,
    resources: Vec<(&'b str, &'b Value)>,
    left: Vec<Issue>,
    full: bool,
}

/// Text without control characters; lines within it are indented as the text around it.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\n', "\n    ");
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// `valueCodeableConcept` as `Value`, `effectiveDateTime` as `When`, other names in small words.
fn label(name: &str) -> String {
    match name {
        "code" => return "What".to_owned(),
        "effectiveDateTime" | "effectivePeriod" | "date" | "period" | "occurrencePeriod" => {
            return "When".to_owned();
        }
        "valueString" | "valueQuantity" | "valueCodeableConcept" | "valueBoolean" | "valueDateTime" => {
            return "Finding".to_owned();
        }
        "performer" | "author" | "recorder" => return "Written by".to_owned(),
        _ => {}
    }
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(if words.is_empty() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    }
    words
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        if self.out.len() + text.len() > DOCUMENT_BYTES_MAX {
            if !self.full {
                self.full = true;
                self.out.push_str("The text is too long and ends here.\n");
                self.leave("Bundle.entry", "the text is full; the rest is in the bundle only");
            }
            return;
        }
        // Writing to a String can't fail.
        let _ = writeln!(self.out, "{}", text.trim_end());
    }

    fn leave(&mut self, path: &str, text: &'static str) {
        let issue = Issue::new(Severity::Information, IssueCode::NotSupported, "left-behind", text);
        self.left.push(issue.at(Position::new(path, Span::default())));
    }

    fn people(&mut self) {
        for at in 0..self.resources.len() {
            let Some((_, patient)) = self.resources.get(at).copied() else { continue };
            if patient["resourceType"] != "Patient" {
                continue;
            }
            self.line("");
            self.line("PERSON");
            let mut carried =
                vec!["name", "birthDate", "address", "telecom", "gender", "generalPractitioner"];
            for (name, label) in [
                ("name", "Name"),
                ("birthDate", "Born"),
                ("gender", "Gender"),
                ("address", "Address"),
                ("telecom", "Contact"),
                ("generalPractitioner", "GP practice"),
            ] {
                if let Some(words) = self.words(name, &patient[name], 0) {
                    self.line(&format!("  {label}: {}", clean(&words)));
                }
            }
            let identifiers = patient["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
            for identifier in identifiers {
                let value = identifier["value"].as_str().unwrap_or_default();
                if identifier["system"] == systems::NHS_NUMBER {
                    self.line(&format!("  NHS number: {}", words::nhs_number(value)));
                } else {
                    self.leave("Patient.identifier", "identifiers of systems are not in the text");
                }
            }
            carried.push("identifier");
            self.rest(patient, "Patient", &carried);
        }
    }

    /// What of a resource was not carried.
    fn rest(&mut self, resource: &Value, kind: &str, carried: &[&str]) {
        for name in resource.as_object().into_iter().flat_map(Map::keys) {
            if !carried.contains(&name.as_str()) && !PLUMBING.contains(&name.as_str()) {
                self.leave(&format!("{kind}.{name}"), "the text has no place for this element");
            }
        }
    }

    fn resource(&mut self, at: usize) {
        let Some((_, resource)) = self.resources.get(at).copied() else { return };
        let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
        if kind.is_empty() || BEHIND.contains(&kind.as_str()) {
            return;
        }
        self.line("");
        self.line(&label(&kind).to_uppercase());
        if resource["meta"]["security"].as_array().into_iter().flatten().any(|s| s["code"] == "R") {
            self.line("  Restricted: share with those only who need it");
        }
        let mut names: Vec<&str> =
            resource.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        names.sort_by_key(|name| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
        if let Some(status) = resource["status"].as_str().filter(|s| *s != "final") {
            self.line(&format!("  Status: {}", clean(status)));
        }
        for name in names {
            if PLUMBING.contains(&name) {
                continue;
            }
            let value = &resource[name];
            if name == "identifier" {
                self.leave(&format!("{kind}.identifier"), "identifiers of systems are not in the text");
                continue;
            }
            match self.words(name, value, 0) {
                Some(words) if name == "extension" => self.line(&format!("  {}", clean(&words))),
                Some(words) => self.line(&format!("  {}: {}", label(name), clean(&words))),
                None => self.leave(&format!("{kind}.{name}"), "the text has no place for this element"),
            }
            if has_code(value, 0) {
                self.leave(
                    &format!("{kind}.{name}.coding"),
                    "the text has the words of the code and not the code",
                );
            }
        }
    }

    /// A value in words; `None` where there are none.
    fn words(&self, name: &str, value: &Value, depth: usize) -> Option<String> {
        if depth > DOCUMENT_DEPTH_MAX {
            return None;
        }
        match value {
            Value::Null => None,
            Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if looks_like_date(text) => Some(words::date(text)),
            Value::String(text) => Some(text.clone()).filter(|t| !t.trim().is_empty()),
            Value::Array(list) => {
                let words: Vec<String> = list.iter().filter_map(|v| self.words(name, v, depth + 1)).collect();
                (!words.is_empty()).then(|| words.join("; "))
            }
            Value::Object(object) => self.object(name, object, depth),
        }
    }

    fn object(&self, name: &str, object: &Map<String, Value>, depth: usize) -> Option<String> {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        if name == "extension" {
            if let Some(named) = self.named_value(object, depth) {
                return Some(named);
            }
            let end = text("url").and_then(|url| url.rsplit(['/', '#']).next()).unwrap_or_default();
            let members = object.iter().filter(|(key, _)| *key != "url");
            let said: Vec<String> = members.filter_map(|(key, v)| self.words(key, v, depth + 1)).collect();
            return (!said.is_empty()).then(|| format!("{}: {}", end.replace('-', " "), said.join(", ")));
        }
        if let Some(words) = text("text") {
            return Some(words.to_owned());
        }
        if object.contains_key("coding") {
            let codings =
                object.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let word = |c: &Value| c["display"].as_str().or(c["code"].as_str()).map(str::to_owned);
            return codings.iter().find_map(word);
        }
        if let Some(display) = text("display").or_else(|| text("reference").and_then(|r| self.named(r))) {
            return Some(display.to_owned());
        }
        if object.contains_key("reference") {
            return None;
        }
        if let Some(value) = object.get("value").filter(|v| v.is_number()) {
            let unit = text("unit").or(text("code")).unwrap_or_default();
            let comparator = text("comparator").unwrap_or_default();
            return Some(format!("{comparator}{value} {unit}").trim().to_owned());
        }
        if object.contains_key("start") || object.contains_key("end") {
            let day = |key: &str| text(key).map(words::date);
            return Some(match (day("start"), day("end")) {
                (Some(start), Some(end)) => format!("from {start} to {end}"),
                (Some(start), None) => format!("from {start}"),
                (None, end) => format!("until {}", end.unwrap_or_default()),
            });
        }
        if object.contains_key("family") || object.contains_key("given") {
            let given = object.get("given").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut parts: Vec<&str> = given.iter().filter_map(Value::as_str).collect();
            parts.extend(text("family"));
            return Some(parts.join(" "));
        }
        let skipped = ["id", "system", "use", "contentType", "data", "hash", "rank", "url"];
        let members = object.iter().filter(|(key, _)| !skipped.contains(&key.as_str()));
        let said: Vec<String> = members.filter_map(|(key, v)| self.words(key, v, depth + 1)).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// An extension of a `name` and a `value` (a detail that FHIR has no element for).
    fn named_value(&self, object: &Map<String, Value>, depth: usize) -> Option<String> {
        let parts = object.get("extension")?.as_array().filter(|parts| parts.len() == 2)?;
        let part = |url: &str| {
            let found = parts.iter().find(|p| p["url"] == url)?.as_object()?;
            found.iter().filter(|(key, _)| *key != "url").find_map(|(key, v)| self.words(key, v, depth + 1))
        };
        let name = part("name")?;
        let name = match name.as_str() {
            "recordedBy.role" => "Role of the writer".to_owned(),
            other => label(other.rsplit('.').next().unwrap_or(other)),
        };
        Some(format!("{name}: {}", part("value")?))
    }

    /// The name of what a reference leads to, within the bundle.
    fn named(&self, reference: &str) -> Option<&str> {
        let (_, found) = self.resources.iter().find(|(url, r)| {
            *url == reference || r["id"].as_str().is_some_and(|id| reference.rsplit('/').next() == Some(id))
        })?;
        found["name"].as_str().or(found["name"][0]["text"].as_str()).or(found["code"]["text"].as_str())
    }
}

fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, to: usize| bytes.get(from..to).is_some_and(|b| b.iter().all(u8::is_ascii_digit));
    digits(0, 4)
        && bytes.get(4) == Some(&b'-')
        && digits(5, 7)
        && bytes.get(7) == Some(&b'-')
        && digits(8, 10)
        && matches!(bytes.get(10), None | Some(b'T'))
}

fn has_code(value: &Value, depth: usize) -> bool {
    if depth > DOCUMENT_DEPTH_MAX {
        return false;
    }
    match value {
        Value::Array(list) => list.iter().any(|v| has_code(v, depth + 1)),
        Value::Object(object) => {
            let coded = object.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            coded.iter().any(|c| c["code"].is_string()) || object.values().any(|v| has_code(v, depth + 1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bundle() -> Value {
        json!({"resourceType": "Bundle", "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p", "birthDate": "1942-03-09",
                "name": [{"family": "Larkspur", "given": ["Edith", "Mary"]}],
                "identifier": [{"system": systems::NHS_NUMBER, "value": "9990000018"}, {"system": "x", "value": "1"}]}},
            {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Organization", "id": "o", "name": "Larchwood House"}},
            {"fullUrl": "urn:uuid:3", "resource": {"resourceType": "Observation", "id": "b", "status": "final",
                "meta": {"security": [{"code": "R"}]}, "subject": {"reference": "urn:uuid:1"},
                "code": {"coding": [{"system": "s", "code": "c", "display": "Mobility"}]},
                "effectiveDateTime": "2026-11-24T09:30:00+00:00", "valueString": "Needs help\nto stand",
                "component": [{"code": {"text": "Weight"}, "valueQuantity": {"value": 61.4, "unit": "kg"}}],
                "performer": [{"display": "Jo Fenwick"}, {"reference": "urn:uuid:2"}],
                "identifier": [{"value": "1"}]}},
        ]})
    }

    #[test]
    fn a_note_reads_as_a_note_and_says_what_it_leaves_out() {
        let made = render(&bundle(), "Larchwood House", "24 November 2026");
        for words in [
            "Name: Edith Mary Larkspur",
            "Born: 9 March 1942",
            "NHS number: 999 000 0018",
            "OBSERVATION",
            "Restricted",
            "What: Mobility",
            "When: 24 November 2026, 09:30",
            "Finding: Needs help\n    to stand",
            "Weight, 61.4 kg",
            "Written by: Jo Fenwick; Larchwood House",
        ] {
            assert!(made.text.contains(words), "{words}: {}", made.text);
        }
        let left: Vec<_> =
            made.left_behind.iter().filter_map(|i| i.position.as_ref()).map(|p| &*p.path).collect();
        assert_eq!(left, ["Patient.identifier", "Observation.code.coding", "Observation.identifier"]);
    }

    #[test]
    fn hostile_depth_and_text_do_no_harm() {
        let mut deep = json!("x");
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let bundle = json!({"entry": [{"resource": {"resourceType": "Flag", "code": deep, "x": "a\u{7}b"}}, {"resource": 3}]});
        let made = render(&bundle, "a\nb", "");
        assert!(!made.text.contains('\u{7}'));
        assert!(made.left_behind.iter().any(|i| i.position.as_ref().is_some_and(|p| p.path == "Flag.code")));
    }
}
