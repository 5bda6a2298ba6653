//! The structure of a DocumentReference, before any rule: members, their types, what must be there. What is wrong is told at
//! the member of the resource that it is in, as the national service does.

use causeway_core::Ledger;
use serde_json::{Map, Value};

use crate::codes::Edition;
use crate::outcome::{Code, Issue, Refusal};

/// What a member holds.
#[derive(Clone, Copy)]
enum Holds {
    /// Text with at least one character that is no blank.
    Text,
    /// Any text.
    Uri,
    Boolean,
    Integer,
    /// A point in time with an offset.
    Instant,
    /// A date or time of any precision.
    DateTime,
    Base64,
    Object(&'static [Member]),
    /// Not looked into.
    Any,
}

struct Member {
    name: &'static str,
    holds: Holds,
    many: bool,
    needed: bool,
}

const fn one(name: &'static str, holds: Holds) -> Member {
    Member { name, holds, many: false, needed: false }
}
const fn many(name: &'static str, holds: Holds) -> Member {
    Member { name, holds, many: true, needed: false }
}
const fn must(member: Member) -> Member {
    Member { needed: true, ..member }
}

const PERIOD: &[Member] = &[one("start", Holds::DateTime), one("end", Holds::DateTime)];
const CODING: &[Member] = &[
    one("system", Holds::Uri),
    one("version", Holds::Text),
    one("code", Holds::Text),
    one("display", Holds::Text),
    one("userSelected", Holds::Boolean),
];
const CONCEPT: &[Member] = &[many("coding", Holds::Object(CODING)), one("text", Holds::Text)];
const IDENTIFIER: &[Member] = &[
    one("use", Holds::Text),
    one("type", Holds::Object(CONCEPT)),
    one("system", Holds::Uri),
    one("value", Holds::Text),
    one("period", Holds::Object(PERIOD)),
    one("assigner", Holds::Any),
];
const REFERENCE: &[Member] = &[
    one("reference", Holds::Text),
    one("type", Holds::Uri),
    one("identifier", Holds::Object(IDENTIFIER)),
    one("display", Holds::Text),
];
const META: &[Member] = &[
    one("versionId", Holds::Text),
    one("lastUpdated", Holds::Instant),
    one("source", Holds::Uri),
    many("profile", Holds::Uri),
    many("security", Holds::Object(CODING)),
    many("tag", Holds::Object(CODING)),
];
const NARRATIVE: &[Member] = &[must(one("status", Holds::Text)), must(one("div", Holds::Text))];
const ATTACHMENT: &[Member] = &[
    one("contentType", Holds::Text),
    one("language", Holds::Text),
    one("data", Holds::Base64),
    one("url", Holds::Uri),
    one("size", Holds::Integer),
    one("hash", Holds::Base64),
    one("title", Holds::Text),
    one("creation", Holds::DateTime),
];
const CONTENT: &[Member] =
    &[must(one("attachment", Holds::Object(ATTACHMENT))), one("format", Holds::Object(CODING))];
const RELATES_TO: &[Member] =
    &[must(one("code", Holds::Text)), must(one("target", Holds::Object(REFERENCE)))];
const CONTEXT: &[Member] = &[
    many("encounter", Holds::Object(REFERENCE)),
    many("event", Holds::Object(CONCEPT)),
    one("period", Holds::Object(PERIOD)),
    one("facilityType", Holds::Object(CONCEPT)),
    one("practiceSetting", Holds::Object(CONCEPT)),
    one("sourcePatientInfo", Holds::Object(REFERENCE)),
    many("related", Holds::Object(REFERENCE)),
];
const DOCUMENT: &[Member] = &[
    must(one("resourceType", Holds::Text)),
    one("id", Holds::Text),
    one("meta", Holds::Object(META)),
    one("implicitRules", Holds::Uri),
    one("language", Holds::Text),
    one("text", Holds::Object(NARRATIVE)),
    one("masterIdentifier", Holds::Object(IDENTIFIER)),
    many("identifier", Holds::Object(IDENTIFIER)),
    must(one("status", Holds::Text)),
    one("docStatus", Holds::Text),
    one("type", Holds::Object(CONCEPT)),
    many("category", Holds::Object(CONCEPT)),
    one("subject", Holds::Object(REFERENCE)),
    one("date", Holds::Instant),
    many("author", Holds::Object(REFERENCE)),
    one("authenticator", Holds::Object(REFERENCE)),
    one("custodian", Holds::Object(REFERENCE)),
    many("relatesTo", Holds::Object(RELATES_TO)),
    one("description", Holds::Text),
    many("securityLabel", Holds::Object(CONCEPT)),
    must(many("content", Holds::Object(CONTENT))),
    one("context", Holds::Object(CONTEXT)),
];
/// Members that any object of R4 may have and that pointers do not use: kept as they came.
const ANYWHERE: &[&str] = &["id", "extension", "modifierExtension", "fhir_comments"];
/// The same of the resource.
const OF_RESOURCE: &[&str] = &["contained"];

/// Reads the body of a request as a DocumentReference.
///
/// # Errors
/// 400: no body, no JSON, a member twice, of the wrong type, missing, or (later edition) empty.
pub fn read(body: &[u8], edition: Edition) -> Result<Value, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::new(400, "invalid", Code::BadRequest, "Request body is required", ""));
    }
    let resource = json(body)?;
    let Value::Object(map) = &resource else {
        return Err(Refusal::body("Input should be an object", "body"));
    };
    let mut faults = Vec::new();
    object(map, DOCUMENT, "", edition, &mut faults);
    if let Some(kind) = map.get("resourceType")
        && kind != "DocumentReference"
    {
        faults.insert(0, ("resourceType".to_owned(), "Input should be 'DocumentReference'".to_owned()));
    }
    let status = map.get("status").and_then(Value::as_str).unwrap_or("current");
    if edition == Edition::Of2025 && status != "current" {
        faults.push(("status".to_owned(), "Input should be 'current'".to_owned()));
    }
    if faults.is_empty() {
        return Ok(resource);
    }
    let issues = faults
        .into_iter()
        .map(|(at, problem)| {
            // Where it is told is the member of the resource.
            let top = at.split(['.', '[']).next().unwrap_or_default().to_owned();
            let text = format!("Request body could not be parsed ({top}: {problem})");
            Issue::new("invalid", Code::MessageNotWellFormed, text, top)
        })
        .collect();
    Err(Refusal { status: 400, issues })
}

/// JSON in which no member occurs twice, as one of the two would be lost.
///
/// # Errors
/// 400.
pub fn json(body: &[u8]) -> Result<Value, Refusal> {
    let unread = || Refusal::body("Invalid JSON", "body");
    let mut ledger = Ledger::new();
    let tree = causeway_json::Tree::parse(body, &mut ledger).map_err(|_| unread())?;
    if let Some(twice) = tree.duplicates().next() {
        return Err(Refusal::body("Duplicate member", twice.name()));
    }
    serde_json::from_slice(body).map_err(|_| unread())
}

type Faults = Vec<(String, String)>;

fn object(map: &Map<String, Value>, members: &[Member], at: &str, edition: Edition, faults: &mut Faults) {
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    for member in members {
        match map.get(member.name) {
            None | Some(Value::Null) => {
                if member.needed {
                    faults.push((path(member.name), "Field required".to_owned()));
                }
            }
            Some(found) if member.many => match found {
                Value::Array(items) if items.is_empty() => {
                    if member.needed || edition == Edition::Of2025 {
                        let text = "List should have at least 1 item after validation, not 0";
                        faults.push((path(member.name), text.to_owned()));
                    }
                }
                Value::Array(items) => {
                    for (number, item) in items.iter().enumerate() {
                        value(
                            item,
                            member.holds,
                            &format!("{}[{number}]", path(member.name)),
                            edition,
                            faults,
                        );
                    }
                }
                _ => faults.push((path(member.name), "Input should be a valid list".to_owned())),
            },
            Some(found) => value(found, member.holds, &path(member.name), edition, faults),
        }
    }
    for (name, found) in map {
        let known = members.iter().any(|m| m.name == name)
            || ANYWHERE.contains(&name.as_str())
            || (at.is_empty() && OF_RESOURCE.contains(&name.as_str()))
            || name.strip_prefix('_').is_some_and(|of| members.iter().any(|m| m.name == of));
        if !known {
            faults.push((path(name), "Extra inputs are not permitted".to_owned()));
        } else if edition == Edition::Of2025 && ANYWHERE.contains(&name.as_str()) && is_empty(found) {
            faults.push((path(name), "Input should not be empty".to_owned()));
        }
    }
}

/// Whether something is empty somewhere.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().any(is_empty),
        Value::Object(map) => map.is_empty() || map.values().any(is_empty),
        _ => false,
    }
}

fn value(found: &Value, holds: Holds, at: &str, edition: Edition, faults: &mut Faults) {
    let problem = match (holds, found) {
        (Holds::Any, _) => return,
        (Holds::Object(members), Value::Object(map)) => {
            if map.is_empty() && edition == Edition::Of2025 {
                faults.push((at.to_owned(), "Input should not be empty".to_owned()));
            }
            return object(map, members, at, edition, faults);
        }
        (Holds::Object(_), _) => "Input should be an object",
        (Holds::Boolean, Value::Bool(_)) => return,
        (Holds::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => return,
        (Holds::Boolean, _) => "Input should be a valid boolean",
        (Holds::Integer, _) => "Input should be a valid integer",
        (_, Value::String(text)) => match fits(text, holds, edition) {
            None => return,
            Some(problem) => problem,
        },
        _ => "Input should be a valid string",
    };
    faults.push((at.to_owned(), problem.to_owned()));
}

fn fits(text: &str, holds: Holds, edition: Edition) -> Option<&'static str> {
    let blank = text.trim().is_empty();
    match holds {
        Holds::Text if blank => Some("String should match pattern '[^\\s]+(\\s[^\\s]+)*'"),
        Holds::Uri if blank && edition == Edition::Of2025 => Some("String should match pattern '\\S+'"),
        Holds::Uri if text.contains(char::is_whitespace) => Some("String should match pattern '\\S*'"),
        Holds::Instant if !is_instant(text) => {
            Some("String should be an instant (YYYY-MM-DDThh:mm:ss with offset)")
        }
        Holds::DateTime if !(is_instant(text) || is_date(text)) => {
            Some("String should be a FHIR date or time")
        }
        Holds::Base64 if blank || !text.bytes().all(is_base64) => Some("String should be base64"),
        _ => None,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(&byte)
}

fn is_instant(text: &str) -> bool {
    text.contains('T') && text.parse::<jiff::Timestamp>().is_ok() && !text.contains(' ')
}

fn is_date(text: &str) -> bool {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        10 => text.to_owned(),
        _ => return false,
    };
    whole.parse::<jiff::civil::Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str, edition: Edition) -> Vec<String> {
        match read(body.as_bytes(), edition) {
            Ok(_) => Vec::new(),
            Err(refusal) => refusal.issues.into_iter().map(|i| i.text).collect(),
        }
    }

    #[test]
    fn structure_is_told_member_by_member() {
        let least =
            r#"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{}}]}"#;
        assert!(said(least, Edition::Of2024).is_empty(), "rules come later");
        for (body, text) in [
            ("", "Request body is required"),
            ("{", "Request body could not be parsed (body: Invalid JSON)"),
            ("[]", "Request body could not be parsed (body: Input should be an object)"),
            (
                r#"{"resourceType":"DocumentReference","status":"current","content":[]}"#,
                "Request body could not be parsed (content: List should have at least 1 item after validation, not 0)",
            ),
            (
                r#"{"resourceType":"DocumentReference","content":[{"attachment":{}}]}"#,
                "Request body could not be parsed (status: Field required)",
            ),
            (
                r#"{"resourceType":"Patient","status":"current","content":[{"attachment":{}}]}"#,
                "Request body could not be parsed (resourceType: Input should be 'DocumentReference')",
            ),
            (
                r#"{"resourceType":"DocumentReference","status":"current","status":"x","content":[{"attachment":{}}]}"#,
                "Request body could not be parsed (status: Duplicate member)",
            ),
            (
                r#"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"size":"3"}}]}"#,
                "Request body could not be parsed (content: Input should be a valid integer)",
            ),
            (
                r#"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{}}],"colour":"red"}"#,
                "Request body could not be parsed (colour: Extra inputs are not permitted)",
            ),
            (
                r#"{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{}}],"masterIdentifier":[]}"#,
                "Request body could not be parsed (masterIdentifier: Input should be an object)",
            ),
        ] {
            assert_eq!(said(body, Edition::Of2024), [text], "{body}");
        }
        let empty = r#"{"resourceType":"DocumentReference","status":"superseded","author":[],"content":[{"attachment":{"url":""}}]}"#;
        assert!(said(empty, Edition::Of2024).is_empty());
        assert_eq!(said(empty, Edition::Of2025).len(), 3);
    }
}
