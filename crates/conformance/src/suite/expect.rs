//! Whether an answer is as expected, and in plain words what is not.

use causeway_profile::{Definitions, Options, Severity};
use regex::Regex;
use serde_json::{Value, json};

use super::model::{Expect, OneOrMany};
use super::values::{Values, text};
use super::wire::{Heard, Response};
use crate::limits::{BROKEN_MAX, SHOWN_CHARS_MAX};

/// An answer as expectations see it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Status; 0 where there is none.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Bytes.
    pub bytes: Vec<u8>,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

impl Seen {
    /// An answer over HTTP.
    pub fn of(response: Response) -> Self {
        let json = serde_json::from_slice(&response.body).unwrap_or_default();
        Self { status: response.status, headers: response.headers, bytes: response.body, json }
    }

    /// What was heard over MLLP, as JSON: `frames` with their segments by name and number, `stray` bytes outside of
    /// frames, whether the other side `closed`.
    pub fn heard(heard: Heard) -> Self {
        let (mut frames, mut stray) = (Vec::new(), 0_usize);
        let mut rest = heard.bytes.as_slice();
        while let Some(start) = rest.iter().position(|b| *b == 0x0b) {
            stray += start;
            let block = &rest[start + 1..];
            let Some(end) = block.windows(2).position(|w| w == [0x1c, 0x0d]) else {
                rest = &rest[start..];
                break;
            };
            frames.push(frame(&block[..end]));
            rest = &block[end + 2..];
        }
        let json = json!({"frames": frames, "stray": stray + rest.len(), "closed": heard.closed});
        Self { json, bytes: heard.bytes, ..Self::default() }
    }
}

/// A message of HL7 v2 as JSON: `{"MSH": {"9": …}, "MSA": {"1": …}, "text": …}`, the first segment of each name.
pub(super) fn frame(bytes: &[u8]) -> Value {
    let message = String::from_utf8_lossy(bytes).into_owned();
    let mut out = json!({ "text": message });
    for segment in message.split(['\r', '\n']).filter(|s| s.len() > 3) {
        let separator = segment.chars().nth(3).unwrap_or('|');
        let name = segment.get(..3).unwrap_or_default().to_owned();
        // MSH-1 is the separator itself.
        let offset = usize::from(name == "MSH");
        let mut fields = serde_json::Map::new();
        for (number, field) in segment.split(separator).enumerate().skip(1) {
            fields.insert((number + offset).to_string(), json!(field));
        }
        if out.get(&name).is_none() {
            out[&name] = Value::Object(fields);
        }
    }
    out
}

/// A value short enough for a report, with what may be an NHS number masked.
pub fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if text.chars().count() > SHOWN_CHARS_MAX {
        out.push('…');
    }
    mask(&out)
}

/// Puts dots over runs of ten digits, as NHS numbers are; test numbers (999…) stay.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = String::new();
    let flush = |digits: &mut String, out: &mut String| {
        if digits.len() == 10 && !digits.starts_with("999") {
            out.push_str("··········");
        } else {
            out.push_str(digits);
        }
        digits.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            flush(&mut digits, &mut out);
            out.push(c);
        }
    }
    flush(&mut digits, &mut out);
    out
}

/// What an expectation finds wrong: nothing, or sentences.
pub fn judge(expect: &Expect, seen: &Seen, values: &mut Values) -> Vec<String> {
    let wrong = if let Some(wanted) = &expect.status {
        status(wanted, seen)
    } else if let Some(name) = &expect.header {
        let found = seen.headers.get(&name.to_ascii_lowercase()).cloned();
        value(&format!("the header {name}"), found, expect, values)
    } else if let Some(pointer) = &expect.pointer {
        match values.fill(pointer) {
            Ok(pointer) => {
                let found =
                    seen.json.pointer(&pointer).filter(|v| !v.is_null()).map(|v| text(v).into_owned());
                value(&format!("the value at {pointer}"), found, expect, values)
            }
            Err(e) => vec![e],
        }
    } else if let Some(path) = &expect.fhirpath {
        match values.truth(path, &seen.json) {
            Ok(true) => Vec::new(),
            Ok(false) => vec![format!("this is not true of the answer: {path}")],
            Err(e) => vec![format!("{path} can't be evaluated: {e}")],
        }
    } else if let Some(how) = &expect.valid {
        valid(how, seen)
    } else if let Some(name) = &expect.holds {
        match values.get(name).cloned() {
            Some(Value::String(sent)) => holds(&serde_json::from_str(&sent).unwrap_or_default(), &seen.json),
            Some(sent) => holds(&sent, &seen.json),
            None => vec![format!("nothing is known as {name}")],
        }
    } else if let Some(wanted) = &expect.body {
        match values.fill(wanted) {
            Ok(wanted) if wanted.as_bytes() == seen.bytes => Vec::new(),
            Ok(wanted) => {
                vec![format!("the body is not what was sent: {}", difference(wanted.as_bytes(), &seen.bytes))]
            }
            Err(e) => vec![e],
        }
    } else {
        vec!["the expectation has no subject".to_owned()]
    };
    match (&expect.say, wrong.is_empty()) {
        (Some(say), false) => {
            let said = values.fill(say).unwrap_or_else(|_| say.clone());
            std::iter::once(said).chain(wrong).collect()
        }
        _ => wrong,
    }
}

fn difference(wanted: &[u8], seen: &[u8]) -> String {
    let at = wanted.iter().zip(seen).position(|(a, b)| a != b).unwrap_or(wanted.len().min(seen.len()));
    format!("{} bytes instead of {}, the first difference at byte {}", seen.len(), wanted.len(), at + 1)
}

fn status(wanted: &OneOrMany, seen: &Seen) -> Vec<String> {
    let wanted = wanted.texts();
    let is = seen.status.to_string();
    let fits = |want: &String| match want.strip_suffix("xx") {
        Some(class) => is.len() == 3 && is.starts_with(class),
        None => *want == is,
    };
    if wanted.iter().any(fits) {
        return Vec::new();
    }
    vec![format!("the status is {is} instead of {}", wanted.join(" or "))]
}

fn value(what: &str, found: Option<String>, expect: &Expect, values: &mut Values) -> Vec<String> {
    match (expect.exists, &found) {
        (Some(false), None) => return Vec::new(),
        (Some(false), Some(_)) => return vec![format!("{what} is there and should not be")],
        (_, None) => return vec![format!("{what} is missing")],
        (_, Some(_)) => {}
    }
    let found = found.unwrap_or_default();
    if let Some(wanted) = &expect.equals {
        let mut filled = Vec::new();
        for text in wanted.texts() {
            match values.fill(&text) {
                Ok(text) => filled.push(text),
                Err(e) => return vec![e],
            }
        }
        if !filled.contains(&found) {
            let wanted: Vec<String> = filled.iter().map(|w| shown(w)).collect();
            return vec![format!(
                "{what} is \"{}\" instead of \"{}\"",
                shown(&found),
                wanted.join("\" or \"")
            )];
        }
    }
    if let Some(pattern) = &expect.matches {
        let filled = match values.fill(pattern) {
            Ok(filled) => filled,
            Err(e) => return vec![e],
        };
        match Regex::new(&filled) {
            Ok(regex) if regex.is_match(&found) => {}
            Ok(_) => return vec![format!("{what} is \"{}\" and not of the form {filled}", shown(&found))],
            Err(_) => return vec![format!("{filled} is no regular expression")],
        }
    }
    Vec::new()
}

fn valid(how: &str, seen: &Seen) -> Vec<String> {
    let definitions = if how == "r4" { Definitions::r4() } else { Definitions::uk_core() };
    // A server may hold to profiles that are not ours to judge.
    let options = Options { refuse_unknown_profiles: false, ..Options::default() };
    let report = definitions.check(&seen.bytes, &options);
    let errors = report.findings.iter().filter(|f| f.severity == Severity::Error);
    let place = |path: &str| if path.is_empty() { "the answer".to_owned() } else { path.to_owned() };
    let mut wrong: Vec<String> =
        errors.take(BROKEN_MAX).map(|f| format!("{}: {} [{}]", place(&f.path), f.text, f.rule)).collect();
    if report.errors() > wrong.len() {
        wrong.push(format!("and {} errors more", report.errors() - wrong.len()));
    }
    wrong
}

/// Keys of a resource that a server may set or drop by itself.
const SERVERS: [&str; 3] = ["id", "meta", "text"];

/// What of `sent` is not in `kept`. Numbers are compared by their digits.
fn holds(sent: &Value, kept: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, value) in sent.as_object().into_iter().flatten().filter(|(k, _)| !SERVERS.contains(&k.as_str()))
    {
        within(key, value, kept.get(key), &mut wrong);
    }
    wrong.truncate(BROKEN_MAX);
    wrong
}

fn within(path: &str, sent: &Value, kept: Option<&Value>, wrong: &mut Vec<String>) {
    match (sent, kept) {
        (_, None) => wrong.push(format!("{path} was sent and is not there")),
        (Value::Object(sent), Some(kept)) => {
            for (key, value) in sent {
                within(&format!("{path}.{key}"), value, kept.get(key), wrong);
            }
        }
        (Value::Array(sent), Some(Value::Array(kept))) => {
            for (number, value) in sent.iter().enumerate() {
                let there = kept.iter().any(|k| {
                    let mut none = Vec::new();
                    within(path, value, Some(k), &mut none);
                    none.is_empty()
                });
                if !there {
                    wrong.push(format!("{path}[{number}] was sent and is not there as it was"));
                }
            }
        }
        // With serde_json's arbitrary precision numbers are the same where their digits are.
        (sent, Some(kept)) if sent == kept => {}
        (sent, Some(kept)) => wrong.push(format!(
            "{path} was sent as \"{}\" and is \"{}\"",
            shown(&text(sent)),
            shown(&text(kept))
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count() {
        let sent = serde_json::from_str(r#"{"valueQuantity": {"value": 1.10}}"#).unwrap();
        let kept = serde_json::from_str(r#"{"valueQuantity": {"value": 1.1, "unit": "m"}}"#).unwrap();
        assert_eq!(holds(&sent, &kept), ["valueQuantity.value was sent as \"1.10\" and is \"1.1\""]);
        assert_eq!(holds(&sent, &sent), Vec::<String>::new());
    }

    #[test]
    fn frames_and_what_is_outside_of_them() {
        let bytes = b"x\x0bMSH|^~\\&|A\rMSA|AA|1\r\x1c\r\x0bMSH|".to_vec();
        let seen = Seen::heard(Heard { bytes, closed: true });
        assert_eq!(seen.json["frames"][0]["MSA"]["1"], "AA");
        assert_eq!(seen.json["frames"][0]["MSH"]["3"], "A");
        assert_eq!(seen.json["stray"], 1 + 5);
    }

    #[test]
    fn nhs_numbers_are_masked_and_invented_ones_not() {
        assert_eq!(
            mask("a 1234567890 b 9990000018 c 12345678901"),
            "a ·········· b 9990000018 c 12345678901"
        );
    }
}
