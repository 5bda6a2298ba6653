//! The rules of a pointer: what it must hold, whose it is, what it may replace, and what may change of it.

use causeway_core::{NhsNumber, NhsNumberError};
use serde_json::Value;

use crate::codes::{self, Edition, SNOMED};
use crate::outcome::{Code, Issue, Refusal};
use crate::{ASID, NHS_NUMBER, ODS};

/// What is known of a pointer beside its resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    /// Its id: the custodian's code, a hyphen, and what makes it one.
    pub id: String,
    /// Of whom.
    pub nhs_number: String,
    /// Who holds the document: an ODS code, perhaps with a suffix behind a dot.
    pub custodian: String,
    /// Type: `system|code`.
    pub kind: String,
    /// Category: `system|code`.
    pub category: String,
    /// When it was made, an instant.
    pub created: String,
    /// The DocumentReference.
    pub resource: Value,
}

/// Permissions beside types.
pub const AUDIT_DATES: &str = "audit-dates-from-payload";
/// A pointer that replaces may name one that can't be deleted.
pub const IGNORE_DELETE_FAIL: &str = "supersede-ignore-delete-fail";
/// Every type.
pub const ALL_TYPES: &str = "allow-all-pointer-types";

/// An organisation that makes or asks for pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organisation {
    /// ODS code.
    pub code: String,
    /// Suffix of a part of it.
    pub extension: Option<String>,
    /// Types (`system|code`) that it may make and see.
    pub types: Vec<String>,
    /// Further permissions: [`AUDIT_DATES`], [`IGNORE_DELETE_FAIL`], [`ALL_TYPES`].
    pub permissions: Vec<String>,
}

impl Organisation {
    /// Its code with its suffix.
    pub fn whole(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{}.{extension}", self.code),
            None => self.code.clone(),
        }
    }

    /// Whether it has a permission.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|p| p == permission)
    }

    /// Whether a pointer with this id is its own. The suffix stands behind a dot; older ids have a line there.
    pub fn owns(&self, id: &str) -> bool {
        let whole = self.whole();
        let bars = whole.replace('.', "|");
        [whole, bars]
            .iter()
            .any(|own| id.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('-')))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether an id has the form `custodian-rest`, with at most 64 characters.
pub fn is_id(id: &str) -> bool {
    let Some((custodian, rest)) = id.split_once('-') else { return false };
    id.len() <= 64
        && !custodian.is_empty()
        && custodian.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'|')
        && rest.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Holds a resource, whose structure was read, to the rules; gives what is known of it.
///
/// # Errors
/// Every rule that is broken, at its place.
pub fn check(resource: Value, edition: Edition) -> Result<Pointer, Refusal> {
    let mut issues = Vec::new();
    needed(&resource, edition, &mut issues);
    if issues.is_empty() {
        identifiers(&resource, &mut issues);
    }
    if issues.is_empty() {
        single(&resource, edition, &mut issues);
        relates_to(&resource, &mut issues);
        asid(&resource, &mut issues);
        category(&resource, edition, &mut issues);
        contents(&resource, edition, &mut issues);
        if edition == Edition::Of2025 {
            later(&resource, &mut issues);
        }
    }
    if !issues.is_empty() {
        return Err(Refusal::rules(issues, edition));
    }
    let key = |coding: &Value| format!("{}|{}", text(&coding["system"]), text(&coding["code"]));
    Ok(Pointer {
        id: text(&resource["id"]).to_owned(),
        nhs_number: text(&resource["subject"]["identifier"]["value"]).to_owned(),
        custodian: text(&resource["custodian"]["identifier"]["value"]).to_owned(),
        kind: key(&resource["type"]["coding"][0]),
        category: key(&resource["category"][0]["coding"][0]),
        created: String::new(),
        resource,
    })
}

fn needed(resource: &Value, edition: Edition, issues: &mut Vec<Issue>) {
    let of_2024: &[&str] = &["custodian", "id", "type", "status", "subject", "category"];
    let of_2025: &[&str] =
        &["custodian", "id", "type", "status", "subject", "category", "content", "author", "context"];
    let empty = |v: &Value| match v {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
        _ => false,
    };
    for name in if edition == Edition::Of2025 { of_2025 } else { of_2024 } {
        if empty(&resource[*name]) {
            let said = format!("The required field '{name}' is missing");
            issues.push(Issue::new("required", Code::InvalidResource, said, *name));
        }
    }
}

fn identifiers(resource: &Value, issues: &mut Vec<Issue>) {
    for (name, said) in [("custodian", "Custodian"), ("subject", "Subject")] {
        if !resource[name]["identifier"].is_object() {
            let text = format!("{said} must have an identifier");
            issues.push(Issue::new("required", Code::InvalidResource, text, format!("{name}.identifier")));
            return;
        }
    }
    let (custodian, subject) = (&resource["custodian"]["identifier"], &resource["subject"]["identifier"]);
    if custodian["system"] != ODS {
        let said = format!("Provided custodian identifier system is not the ODS system (expected: '{ODS}')");
        let at = "custodian.identifier.system";
        issues.push(Issue::new("invalid", Code::InvalidIdentifierSystem, said, at));
    }
    if subject["system"] != NHS_NUMBER {
        let said = format!(
            "Provided subject identifier system is not the NHS number system (expected '{NHS_NUMBER}')"
        );
        let at = "subject.identifier.system";
        issues.push(Issue::new("invalid", Code::InvalidIdentifierSystem, said, at));
    } else if !is_nhs_number(text(&subject["value"])) {
        let said = "The subject's NHS number is not valid";
        issues.push(Issue::new("invalid", Code::InvalidNhsNumber, said, "subject.identifier.value"));
    }
    if text(&custodian["value"]).is_empty() {
        let said = "Custodian must have an identifier with a value";
        let at = "custodian.identifier.value";
        issues.push(Issue::new("required", Code::InvalidIdentifierValue, said, at));
    }
    if !is_id(text(&resource["id"])) {
        let said = "The id must be in the format <custodian>-<document id>";
        issues.push(Issue::new("invalid", Code::InvalidIdentifierValue, said, "id"));
    }
}

/// One type with one coding, one author.
fn single(resource: &Value, edition: Edition, issues: &mut Vec<Issue>) {
    let codings = list(&resource["type"]["coding"]);
    if codings.len() != 1 {
        let said = format!(
            "Invalid type coding length: {} Type Coding must only contain a single value",
            codings.len()
        );
        issues.push(Issue::new("invalid", Code::InvalidResource, said, "type.coding"));
    }
    let authors = list(&resource["author"]);
    if authors.len() > 1 {
        let said =
            format!("Invalid author length: {} Author must only contain a single value", authors.len());
        issues.push(Issue::new("invalid", Code::InvalidResource, said, "author"));
    }
    for (number, author) in authors.iter().enumerate() {
        let at = format!("author[{number}].identifier");
        if text(&author["identifier"]["value"]).is_empty() {
            let said = "Author must have an identifier with a value";
            issues.push(Issue::new("required", Code::InvalidResource, said, at));
            continue;
        }
        if edition == Edition::Of2024 {
            continue;
        }
        if author["identifier"]["system"] != ODS {
            let said = format!("Invalid author system: author system must be '{ODS}'");
            issues.push(Issue::new("value", Code::InvalidIdentifierSystem, said, format!("{at}.system")));
        }
        let code = text(&author["identifier"]["value"]);
        if code.len() > 12 || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let said = "Invalid author value: an ODS code has up to 12 letters or digits";
            issues.push(Issue::new("value", Code::InvalidIdentifierValue, said, format!("{at}.value")));
        }
    }
}

const RELATIONS: [&str; 6] = ["replaces", "transforms", "signs", "appends", "incorporates", "summarizes"];

fn relates_to(resource: &Value, issues: &mut Vec<Issue>) {
    for (number, relation) in list(&resource["relatesTo"]).iter().enumerate() {
        let code = text(&relation["code"]);
        if !RELATIONS.contains(&code) {
            let said = format!("Invalid relatesTo code: {code}");
            let at = format!("relatesTo[{number}].code");
            issues.push(Issue::new("value", Code::InvalidCodeValue, said, at));
        } else if code == "replaces" && text(&relation["target"]["identifier"]["value"]).is_empty() {
            let said = "relatesTo code 'replaces' must have a target identifier";
            let at = format!("relatesTo[{number}].target.identifier.value");
            issues.push(Issue::new("required", Code::InvalidIdentifierValue, said, at));
        }
    }
}

/// A document that is had by way of Spine's proxy names the one system that holds it.
fn asid(resource: &Value, issues: &mut Vec<Issue>) {
    let by_proxy =
        list(&resource["content"]).iter().any(|c| text(&c["attachment"]["url"]).starts_with("ssp://"));
    let related = list(&resource["context"]["related"]);
    let systems: Vec<(usize, &Value)> = related
        .iter()
        .map(|r| &r["identifier"])
        .enumerate()
        .filter(|(_, identifier)| identifier["system"] == ASID)
        .collect();
    let at = "context.related";
    match systems.as_slice() {
        [] if by_proxy && related.is_empty() => {
            let said = "Missing context.related. It must be provided and contain a single valid ASID identifier when content contains an SSP URL";
            issues.push(Issue::new("required", Code::InvalidResource, said, at));
        }
        [] if by_proxy => {
            let said = "Missing ASID identifier. context.related must contain a single valid ASID identifier when content contains an SSP URL";
            issues.push(Issue::new("required", Code::InvalidResource, said, at));
        }
        [] => {}
        [(number, one)] => {
            let value = text(&one["value"]);
            if value.len() != 12 || !value.bytes().all(|b| b.is_ascii_digit()) {
                let said = format!(
                    "Invalid ASID value '{value}'. A single ASID consisting of 12 digits can be provided in the context.related field."
                );
                let at = format!("context.related[{number}].identifier.value");
                issues.push(Issue::new("value", Code::InvalidIdentifierValue, said, at));
            }
        }
        _ => {
            let said = "Multiple ASID identifiers provided. Only a single valid ASID identifier can be provided in the context.related.";
            issues.push(Issue::new("invalid", Code::InvalidResource, said, at));
        }
    }
}

fn category(resource: &Value, edition: Edition, issues: &mut Vec<Issue>) {
    let mut bad = |kind, said: String, at: &str| {
        issues.push(Issue::new(kind, Code::InvalidResource, said, at));
    };
    let categories = list(&resource["category"]);
    if categories.len() > 1 {
        let count = categories.len();
        let said = format!("Invalid category length: {count} Category must only contain a single value");
        return bad("invalid", said, "category");
    }
    let codings = list(&resource["category"][0]["coding"]);
    let [coding] = codings else {
        let count = codings.len();
        let said = format!(
            "Invalid category coding length: {count} Category Coding must only contain a single value"
        );
        return bad("invalid", said, "category[0].coding");
    };
    let (system, code) = (text(&coding["system"]), text(&coding["code"]));
    if system != SNOMED {
        let said = format!("Invalid category system: {system} Category system must be '{SNOMED}'");
        return bad("value", said, "category[0].coding[0].system");
    }
    let Some(display) = codes::category_display(code, edition) else {
        let said = format!(
            "Invalid category code: {code} Category must be a member of the England-NRLRecordCategory value set (https://fhir.nhs.uk/England/CodeSystem/England-NRLRecordCategory)"
        );
        return bad("value", said, "category[0].coding[0].code");
    };
    if coding["display"] != display {
        let said = format!("category code '{code}' must have a display value of '{display}'");
        bad("value", said, "category[0].coding[0].display");
    }
}

/// Each content: where it is had, and its extensions.
fn contents(resource: &Value, edition: Edition, issues: &mut Vec<Issue>) {
    for (number, content) in list(&resource["content"]).iter().enumerate() {
        if text(&content["attachment"]["url"]).is_empty() {
            let said =
                format!("Missing content[{number}].attachment.url: a pointer says where its document is had");
            let at = format!("content[{number}].attachment.url");
            issues.push(Issue::new("required", Code::InvalidResource, said, at));
        }
        let extensions = list(&content["extension"]);
        if edition == Edition::Of2024 {
            if extensions.len() > 1 {
                let count = extensions.len();
                let said = format!(
                    "Invalid content extension length: {count} Extension must only contain a single value"
                );
                let at = format!("content[{number}].extension");
                issues.push(Issue::new("invalid", Code::InvalidResource, said, at));
            } else if let Some(one) = extensions.first() {
                stability(one, number, 0, issues);
            }
            continue;
        }
        let of = |url: &str| -> Vec<(usize, &Value)> {
            extensions.iter().enumerate().filter(|(_, e)| e["url"] == url).collect()
        };
        let at = format!("content[{number}].extension");
        match of(codes::STABILITY).as_slice() {
            [(index, one)] => stability(one, number, *index, issues),
            found => {
                let said = format!(
                    "Invalid content extension: {} content stability extensions, exactly one is needed",
                    found.len()
                );
                issues.push(Issue::new("value", Code::InvalidResource, said, at.clone()));
            }
        }
        match of(codes::RETRIEVAL).as_slice() {
            [] => {}
            [(index, one)] => retrieval(one, number, *index, issues),
            _ => {
                let said = "Invalid content extension: at most one retrieval mechanism";
                issues.push(Issue::new("value", Code::InvalidResource, said, at));
            }
        }
        format(content, number, issues);
    }
}

fn stability(extension: &Value, content: usize, index: usize, issues: &mut Vec<Issue>) {
    let place = format!("content[{content}].extension[{index}]");
    let mut bad = |kind, said: String, at: String| {
        issues.push(Issue::new(kind, Code::InvalidResource, said, at));
    };
    let Some(coding) = list(&extension["valueCodeableConcept"]["coding"]).first() else {
        let said =
            format!("Missing {place}.valueCodeableConcept.coding, extension must have at least one coding.");
        return bad("required", said, format!("content[{content}].extension.valueCodeableConcept.coding"));
    };
    let at = format!("{place}.valueCodeableConcept.coding[0]");
    let (system, code, display) = (text(&coding["system"]), text(&coding["code"]), text(&coding["display"]));
    if system != codes::STABILITY_SYSTEM {
        let said = format!(
            "Invalid content extension system: {system} Extension system must be '{}'",
            codes::STABILITY_SYSTEM
        );
        return bad("value", said, format!("{at}.system"));
    }
    if !["static", "dynamic"].contains(&code) {
        let said =
            format!("Invalid content extension code: {code} Extension code must be 'static' or 'dynamic'");
        return bad("value", said, format!("{at}.code"));
    }
    if display.to_lowercase() != code {
        let said = format!(
            "Invalid content extension display: {display} Extension display must be the same as code either 'static' or 'dynamic'"
        );
        return bad("value", said, format!("{at}.display"));
    }
    let url = text(&extension["url"]);
    if url != codes::STABILITY {
        let said =
            format!("Invalid content extension url: {url} Extension url must be '{}'", codes::STABILITY);
        bad("value", said, format!("{place}.url"));
    }
}

fn retrieval(extension: &Value, content: usize, index: usize, issues: &mut Vec<Issue>) {
    let coding = &extension["valueCodeableConcept"]["coding"][0];
    let known = codes::RETRIEVALS.iter().any(|(code, display)| {
        coding["code"] == *code
            && coding["display"] == *display
            && coding["system"] == codes::RETRIEVAL_SYSTEM
    });
    if !known {
        let said = "Invalid content extension: no known retrieval mechanism";
        let at = format!("content[{content}].extension[{index}].valueCodeableConcept.coding[0]");
        issues.push(Issue::new("value", Code::InvalidResource, said, at));
    }
}

/// Format and media type fit each other (later edition).
fn format(content: &Value, number: usize, issues: &mut Vec<Issue>) {
    let format = &content["format"];
    let at = format!("content[{number}].format");
    let mut bad = |said: String, at: String| {
        issues.push(Issue::new("value", Code::InvalidResource, said, at));
    };
    if format["system"] != codes::FORMAT_SYSTEM {
        let said = format!("Invalid content format system: format system must be '{}'", codes::FORMAT_SYSTEM);
        return bad(said, format!("{at}.system"));
    }
    let code = text(&format["code"]);
    let Some((_, display, media)) = codes::FORMATS.iter().find(|(c, ..)| *c == code) else {
        return bad("Invalid content format code: no known format".to_owned(), format!("{at}.code"));
    };
    if format["display"] != *display {
        let said = format!("Invalid display for format code '{code}'. Expected '{display}'");
        return bad(said, format!("{at}.display"));
    }
    let media_type = text(&content["attachment"]["contentType"]);
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    if !media.contains(&bare) {
        let said = format!("Invalid content type for format code '{code}': {}", media.join(" or "));
        bad(said, format!("content[{number}].attachment.contentType"));
    }
}

/// What the later edition demands besides: the type's display, and a practice setting.
fn later(resource: &Value, issues: &mut Vec<Issue>) {
    let coding = &resource["type"]["coding"][0];
    let key = format!("{}|{}", text(&coding["system"]), text(&coding["code"]));
    match codes::type_of(&key, Edition::Of2025) {
        None => {
            let said = "Invalid type code: no known type of pointers";
            issues.push(Issue::new("value", Code::InvalidResource, said, "type.coding[0].code"));
        }
        Some(found) if coding["display"] != found.display => {
            let said = format!("type code '{}' must have a display value of '{}'", found.code, found.display);
            issues.push(Issue::new("value", Code::InvalidResource, said, "type.coding[0].display"));
        }
        Some(_) => {}
    }
    let settings = list(&resource["context"]["practiceSetting"]["coding"]);
    let at = "context.practiceSetting.coding";
    match settings {
        [one] => {
            let whole = one["system"] == SNOMED
                && !text(&one["code"]).is_empty()
                && !text(&one["display"]).is_empty();
            if !whole {
                let said = "Invalid practice setting: one SNOMED CT code with its display";
                issues.push(Issue::new("value", Code::InvalidResource, said, format!("{at}[0]")));
            }
        }
        found => {
            let said = format!(
                "Invalid practice setting coding length: {} Practice Setting Coding must only contain a single value",
                found.len()
            );
            issues.push(Issue::new("invalid", Code::InvalidResource, said, at));
        }
    }
}

/// Whether the organisation may make this pointer: it is its own, of a type that it may make, in the type's category.
///
/// # Errors
/// 400, 403 or (later edition) 422.
pub fn permit(pointer: &Pointer, who: &Organisation, edition: Edition) -> Result<(), Refusal> {
    let bad = |said: String, at: &str| {
        Err(Refusal::rules(vec![Issue::new("invalid", Code::BadRequest, said, at)], edition))
    };
    if pointer.custodian != who.whole() {
        let said = "The custodian of the provided DocumentReference does not match the expected ODS code for this organisation";
        return bad(said.to_owned(), "custodian.identifier.value");
    }
    if !who.types.contains(&pointer.kind) {
        let said = "The type of the provided DocumentReference is not in the list of allowed types for this organisation";
        return Err(Refusal::not_yours(said, "type.coding[0].code"));
    }
    let expected = codes::type_of(&pointer.kind, edition)
        .map_or_else(|| "None".to_owned(), |t| format!("{SNOMED}|{}", t.category));
    if pointer.category != expected {
        let said = format!(
            "The Category code of the provided document '{}' must match the allowed category for pointer type '{}' with a category value of '{expected}'",
            pointer.category, pointer.kind
        );
        return bad(said, "category.coding[0].code");
    }
    Ok(())
}

/// The pointers that this one relates to, each with its number, and whether it replaces it.
///
/// # Errors
/// 400 or 422 where one has no identifier or is another organisation's.
pub fn related(
    pointer: &Pointer,
    who: &Organisation,
    edition: Edition,
) -> Result<Vec<(usize, String, bool)>, Refusal> {
    let mut found = Vec::new();
    for (number, relation) in list(&pointer.resource["relatesTo"]).iter().enumerate() {
        let id = text(&relation["target"]["identifier"]["value"]);
        if id.is_empty() {
            return Err(target("No identifier value provided for relatesTo target", number, edition));
        }
        if !who.owns(id) {
            let said = "The relatesTo target identifier value does not include the expected ODS code for this organisation";
            return Err(target(said, number, edition));
        }
        found.push((number, id.to_owned(), relation["code"] == "replaces"));
    }
    Ok(found)
}

/// Whether what is replaced is there and of the same person and type.
///
/// # Errors
/// 400 or 422.
pub fn replaceable(
    pointer: &Pointer,
    old: Option<&Pointer>,
    number: usize,
    edition: Edition,
) -> Result<(), Refusal> {
    let said = match old {
        None => "The relatesTo target document does not exist",
        Some(old) if old.nhs_number != pointer.nhs_number => {
            "The relatesTo target document NHS number does not match the NHS number in the request"
        }
        Some(old) if old.kind != pointer.kind => {
            "The relatesTo target document type does not match the type in the request"
        }
        Some(_) => return Ok(()),
    };
    Err(target(said, number, edition))
}

fn target(said: &str, number: usize, edition: Edition) -> Refusal {
    let at = format!("relatesTo[{number}].target.identifier.value");
    Refusal::rules(vec![Issue::new("invalid", Code::BadRequest, said, at)], edition)
}

/// Sets the times of a pointer that is made: the service's, but for a date that the caller may set itself.
pub fn stamp(pointer: &mut Pointer, who: &Organisation, now: &str) {
    pointer.created = now.to_owned();
    let resource = &mut pointer.resource;
    if !(resource["date"].is_string() && who.may(AUDIT_DATES)) {
        resource["date"] = now.into();
    }
    resource["meta"]["lastUpdated"] = now.into();
}

/// What may not change.
const IMMUTABLE: [&str; 9] =
    ["masterIdentifier", "id", "identifier", "status", "type", "subject", "custodian", "relatesTo", "author"];

/// A changed pointer in place of the old one: its date stays, what may not change has not.
///
/// # Errors
/// 400 or 422 with the member.
pub fn update(mut changed: Pointer, old: &Pointer, now: &str, edition: Edition) -> Result<Pointer, Refusal> {
    for name in IMMUTABLE {
        if changed.resource[name] != old.resource[name] {
            let said = format!("The field '{name}' is immutable and cannot be updated");
            return Err(Refusal::rules(vec![Issue::new("invalid", Code::BadRequest, said, name)], edition));
        }
    }
    match old.resource["date"].as_str() {
        Some(date) => changed.resource["date"] = date.into(),
        None => drop(changed.resource.as_object_mut().and_then(|o| o.remove("date"))),
    }
    changed.resource["meta"]["lastUpdated"] = now.into();
    changed.created.clone_from(&old.created);
    Ok(changed)
}

/// Ten digits with the right check digit. The locator's own rule: 9999999999 passes, which is a filler elsewhere.
pub fn is_nhs_number(text: &str) -> bool {
    matches!(NhsNumber::parse(text), Ok(_) | Err(NhsNumberError::Filler))
        && is_digits(text)
        && <[u8; 9]>::try_from(text.as_bytes().get(..9).unwrap_or_default())
            .ok()
            .and_then(NhsNumber::check_digit)
            == text.as_bytes().get(9).copied()
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sound() -> Value {
        json!({
            "resourceType": "DocumentReference", "id": "ZZ901-0001", "status": "current",
            "type": {"coding": [{"system": SNOMED, "code": "736253002", "display": "Mental health crisis plan"}]},
            "category": [{"coding": [{"system": SNOMED, "code": "734163000", "display": "Care plan"}]}],
            "subject": {"identifier": {"system": NHS_NUMBER, "value": "9990000018"}},
            "custodian": {"identifier": {"system": ODS, "value": "ZZ901"}},
            "author": [{"identifier": {"system": ODS, "value": "ZZ901"}}],
            "content": [{
                "attachment": {"contentType": "application/pdf", "url": "https://example.org/plan.pdf"},
                "format": {"system": codes::FORMAT_SYSTEM, "code": "urn:nhs-ic:unstructured", "display": "Unstructured Document"},
                "extension": [{"url": codes::STABILITY, "valueCodeableConcept": {"coding": [
                    {"system": codes::STABILITY_SYSTEM, "code": "static", "display": "Static"}]}}],
            }],
            "context": {"practiceSetting": {"coding": [{"system": SNOMED, "code": "788002001", "display": "Adult mental health service"}]}},
        })
    }

    /// Pointer in the resource, what stands there instead (`null`: nothing), what is said in 2024, whether in 2025 too.
    #[test]
    fn each_rule_is_told_at_its_place() {
        for edition in [Edition::Of2024, Edition::Of2025] {
            check(sound(), edition).unwrap();
        }
        let ssp = json!("ssp://spine/doc.pdf");
        let cases: Vec<(&str, Value, &str, &str)> = vec![
            ("/custodian", Value::Null, "required", "custodian"),
            ("/category", json!([]), "required", "category"),
            ("/custodian/identifier", Value::Null, "required", "custodian.identifier"),
            ("/subject/identifier", Value::Null, "required", "subject.identifier"),
            (
                "/custodian/identifier/system",
                json!("https://x.example"),
                "invalid",
                "custodian.identifier.system",
            ),
            (
                "/subject/identifier/system",
                json!("https://x.example"),
                "invalid",
                "subject.identifier.system",
            ),
            ("/subject/identifier/value", json!("9990000019"), "invalid", "subject.identifier.value"),
            ("/id", json!("ZZ901"), "invalid", "id"),
            ("/type/coding", json!([{}, {}]), "invalid", "type.coding"),
            (
                "/author",
                json!([{"identifier": {"system": ODS, "value": "A"}}, {"identifier": {"system": ODS, "value": "B"}}]),
                "invalid",
                "author",
            ),
            ("/relatesTo", json!([{"code": "eats", "target": {}}]), "value", "relatesTo[0].code"),
            (
                "/relatesTo",
                json!([{"code": "replaces", "target": {}}]),
                "required",
                "relatesTo[0].target.identifier.value",
            ),
            ("/content/0/attachment/url", ssp.clone(), "required", "context.related"),
            (
                "/context/related",
                json!([{"identifier": {"system": ASID, "value": "12"}}]),
                "value",
                "context.related[0].identifier.value",
            ),
            ("/category/0/coding/0/display", json!("Plans"), "value", "category[0].coding[0].display"),
            ("/category/0/coding/0/code", json!("1"), "value", "category[0].coding[0].code"),
            ("/category/0/coding/0/system", json!("x"), "value", "category[0].coding[0].system"),
            ("/content/0/attachment/url", Value::Null, "required", "content[0].attachment.url"),
            (
                "/content/0/extension/0/valueCodeableConcept/coding/0/code",
                json!("x"),
                "value",
                "content[0].extension[0].valueCodeableConcept.coding[0].code",
            ),
        ];
        for (at, instead, kind, expression) in cases {
            for (edition, status) in [(Edition::Of2024, 400), (Edition::Of2025, 422)] {
                let mut resource = sound();
                let (parent, name) = at.rsplit_once('/').unwrap();
                let place = resource.pointer_mut(parent).unwrap();
                match place {
                    Value::Array(items) => items[name.parse::<usize>().unwrap()] = instead.clone(),
                    _ => place[name] = instead.clone(),
                }
                let refusal = check(resource, edition).expect_err(at);
                let told: Vec<_> = refusal.issues.iter().map(|i| (i.kind, i.at.as_str())).collect();
                assert!(told.contains(&(kind, expression)), "{at} {edition:?}: {told:?}");
                assert_eq!(refusal.status, status, "{at}");
            }
        }
        // Only the later edition asks for these.
        for (at, instead, expression) in [
            ("/author", Value::Null, "author"),
            ("/type/coding/0/display", json!("Crisis plan"), "type.coding[0].display"),
            ("/context/practiceSetting", Value::Null, "context.practiceSetting.coding"),
            ("/content/0/format/code", json!("urn:nhs-ic:structured"), "content[0].format.display"),
            ("/content/0/attachment/contentType", json!("text/html"), "content[0].attachment.contentType"),
        ] {
            let mut resource = sound();
            *resource.pointer_mut(at).unwrap() = instead;
            check(resource.clone(), Edition::Of2024).unwrap();
            assert_eq!(check(resource, Edition::Of2025).unwrap_err().issues[0].at, expression);
        }
    }

    #[test]
    fn who_owns_an_id() {
        let of = |code: &str, extension: Option<&str>| Organisation {
            code: code.to_owned(),
            extension: extension.map(str::to_owned),
            ..Organisation::default()
        };
        for (who, id, owns) in [
            (of("ZZ901", None), "ZZ901-1", true),
            (of("ZZ90", None), "ZZ901-1", false),
            (of("ZZ901", None), "ZZ901.002-1", false),
            (of("ZZ901", Some("002")), "ZZ901.002-1", true),
            (of("ZZ901", Some("002")), "ZZ901|002-1", true),
            (of("ZZ901", Some("002")), "ZZ901-1", false),
        ] {
            assert_eq!(who.owns(id), owns, "{who:?} {id}");
        }
    }

    #[test]
    fn what_may_change_and_what_may_not() {
        let old = check(sound(), Edition::Of2024).unwrap();
        let mut changed = old.clone();
        changed.resource["description"] = "new".into();
        changed.resource["date"] = "2020-01-01T00:00:00Z".into();
        let new = update(changed.clone(), &old, "2026-11-29T10:00:00Z", Edition::Of2024).unwrap();
        assert!(new.resource.get("date").is_none(), "the old one had none");
        changed.resource["status"] = "superseded".into();
        let refusal = update(changed, &old, "2026-11-29T10:00:00Z", Edition::Of2024).unwrap_err();
        assert_eq!(refusal.issues[0].at, "status");
    }
}
