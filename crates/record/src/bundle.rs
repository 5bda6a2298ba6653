//! Reading bundles: entries, references made relative, what can't be taken in refused with an issue.

use std::collections::HashMap;

use causeway_core::{Issue, IssueCode, Sector, Severity};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{RecordError, Result};
use crate::facts::keys::Times;
use crate::model::Key;
use crate::outline::Outline;
use crate::paths::{first_text, patient_of, walk};
use crate::reference::{is_id, is_type, key_of};
use crate::{dates, limits, policy};

/// Beginning of a reference within a bundle.
pub(crate) const URN: &str = "urn:uuid:";

/// One resource to be taken in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub key: Key,
    /// Empty once its outline is made, but of those of which more is asked: see [`Parsed::outline`].
    pub resource: Map<String, Value>,
    /// What its elements say, where it was made before; gone where the resource was changed since.
    pub outline: Option<Outline>,
    /// Whether the entry asks for its deletion.
    pub delete: bool,
    /// Number of its bundle within the message.
    pub bundle: usize,
    /// Its text and digest, where they were made before; gone where the resource was changed since.
    pub kept: Option<Kept>,
    /// When what it tells happened or was written down at its source, in microseconds since 1970, where the message
    /// says so: the time of a Provenance of the source's own.
    pub event: Option<i64>,
}

impl Incoming {
    /// Id of the Patient that it is about: see [`patient_of`].
    pub(crate) fn patient(&self) -> String {
        match &self.outline {
            Some(outline) => outline.patient.clone(),
            None => patient_of(&self.key.kind, &self.resource),
        }
    }

    /// The resource, to be changed; read again from its text where it was let go.
    pub(crate) fn restored(&mut self) -> Result<&mut Map<String, Value>> {
        if let Some(kept) = self.kept.as_ref().filter(|_| self.resource.is_empty()) {
            let text = unpacked(&kept.text).map_err(|_| RecordError::Damaged)?;
            self.resource = serde_json::from_slice(&text)?;
        }
        Ok(&mut self.resource)
    }

    /// It was changed: what was made of it before no longer holds.
    pub(crate) fn is_changed(&mut self) {
        (self.kept, self.outline) = (None, None);
    }
}

/// A resource as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its text, packed where that is smaller.
    pub text: Vec<u8>,
    /// See [`content_of`].
    pub digest: [u8; 32],
}

/// The bytes that a text is kept as.
pub(crate) fn packed(text: String) -> Vec<u8> {
    causeway_pack::pack(text.as_bytes()).unwrap_or_else(|| text.into_bytes())
}

/// The bytes of a text as it is kept.
///
/// # Errors
/// They are damaged.
pub(crate) fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    match causeway_pack::is_packed(bytes) {
        true => causeway_pack::unpack(bytes, limits::BUNDLE_BYTES_MAX),
        false => Ok(bytes.to_vec()),
    }
}

impl Kept {
    pub(crate) fn of(kind: &str, resource: &Map<String, Value>) -> Result<Self> {
        let (text, digest) = content_of(kind, resource)?;
        Ok(Self { text: packed(text), digest })
    }
}

/// The bundles of one message, read.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub entries: Vec<Incoming>,
    pub issues: Vec<Issue>,
    pub refused: u64,
    /// References by `urn:uuid:` that lead to nothing in their bundle.
    pub unresolved: u64,
    /// SHA-256 of the bundles as they came.
    pub digest: [u8; 32],
    /// Times of results that have none of their own, where they were gathered before.
    pub times: Option<Times>,
}

impl Parsed {
    /// Makes what the record asks of each resource, and lets go those of which no more is asked: in memory they are many
    /// times their text, and they are let go cheapest by the thread that made them.
    pub(crate) fn outline(&mut self, sector: Sector) {
        if self.unresolved > 0 || self.times.is_some() {
            return;
        }
        let times = Times::of(self.entries.iter().map(|e| (&e.key, &e.resource)));
        for entry in self.entries.iter_mut().filter(|e| !e.delete && e.kept.is_some()) {
            entry.outline = Some(Outline::of(&entry.key, &entry.resource, sector, &times));
            if !policy::is_asked_again(&entry.key.kind) {
                entry.resource = Map::new();
            }
        }
        self.times = Some(times);
    }
}

/// Reads all bundles of a message.
pub(crate) fn parse_all(bundles: &[&[u8]]) -> Result<Parsed> {
    let read = |bytes: &&[u8]| {
        if bytes.len() > limits::BUNDLE_BYTES_MAX {
            return Err(RecordError::Bundle("it is larger than the limit".to_owned()));
        }
        serde_json::from_slice(bytes)
            .map_err(|e| RecordError::Bundle(format!("not JSON at line {}, column {}", e.line(), e.column())))
    };
    read_all(bundles.iter().map(read).collect::<Result<_>>()?, digest(bundles))
}

/// The bundles of a message as values, with their digest.
pub(crate) fn read_all(bundles: Vec<Value>, digest: [u8; 32]) -> Result<Parsed> {
    let mut parsed =
        Parsed { entries: Vec::new(), issues: Vec::new(), refused: 0, unresolved: 0, digest, times: None };
    for (number, bundle) in bundles.into_iter().enumerate() {
        let Value::Object(bundle) = bundle else {
            return Err(RecordError::Bundle("not a JSON object".to_owned()));
        };
        read_bundle(bundle, number, &mut parsed)?;
    }
    if parsed.unresolved == 0 {
        for entry in parsed.entries.iter_mut().filter(|e| !e.delete) {
            entry.kept = Some(Kept::of(&entry.key.kind, &entry.resource)?);
        }
    }
    Ok(parsed)
}

/// SHA-256 of bundles that are applied together: each with its length in front.
pub(crate) fn digest(bundles: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for bytes in bundles {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    digest.finalize().into()
}

fn read_bundle(mut bundle: Map<String, Value>, number: usize, parsed: &mut Parsed) -> Result<()> {
    if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return Err(RecordError::Bundle("resourceType is not Bundle".to_owned()));
    }
    let entries = match bundle.remove("entry") {
        Some(Value::Array(entries)) => entries,
        None => Vec::new(),
        Some(_) => return Err(RecordError::Bundle("entry is not a list".to_owned())),
    };
    if parsed.entries.len() + entries.len() > limits::ENTRIES_MAX {
        return Err(RecordError::Bundle("more entries than the limit".to_owned()));
    }
    let mut urls = HashMap::new();
    let start = parsed.entries.len();
    for entry in entries {
        let Value::Object(entry) = entry else {
            refuse(parsed, "entry-not-an-object", "an entry of the bundle is not an object");
            continue;
        };
        read_entry(entry, number, &mut urls, parsed);
    }
    for incoming in parsed.entries.iter_mut().skip(start) {
        for value in incoming.resource.values_mut() {
            parsed.unresolved += each_reference(value, &mut |text| match urls.get(text.as_str()) {
                Some(target) => {
                    text.clone_from(target);
                    true
                }
                None => !text.starts_with(URN),
            });
        }
    }
    date_events(parsed.entries.get_mut(start..).unwrap_or_default());
    Ok(())
}

/// Gives each entry of a bundle its event's time. A Provenance that names an original as its entity is the exchange's
/// own and tells when the message was received, not when anything happened. Where the source's names no entry, its time
/// holds for the bundle if it is the only one.
fn date_events(entries: &mut [Incoming]) {
    let mut by_target: HashMap<String, i64> = HashMap::new();
    let mut all = Vec::new();
    for entry in entries.iter().filter(|e| e.key.kind == "Provenance" && !e.resource.contains_key("entity")) {
        let told = first_text(&entry.resource, &["recorded"]);
        let Some((at, _)) = dates::range(told) else { continue };
        all.push(at);
        walk(&entry.resource, "target.reference", &mut |value| {
            by_target.extend(value.as_str().map(|target| (target.to_owned(), at)));
        });
    }
    let only = match all.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    for entry in entries {
        entry.event = by_target.get(&entry.key.reference()).copied().or(only);
    }
}

fn read_entry(
    mut entry: Map<String, Value>,
    bundle: usize,
    urls: &mut HashMap<String, String>,
    parsed: &mut Parsed,
) {
    let request = entry.get("request").and_then(Value::as_object);
    let method = request.and_then(|r| r.get("method")).and_then(Value::as_str).unwrap_or("PUT");
    if method == "DELETE" {
        let target = request.and_then(|r| r.get("url")).and_then(Value::as_str).and_then(key_of);
        match target {
            Some(key) => parsed.entries.push(Incoming {
                key,
                resource: Map::new(),
                outline: None,
                delete: true,
                bundle,
                kept: None,
                event: None,
            }),
            None => {
                refuse(parsed, "delete-without-target", "an entry asks for a deletion but names no resource")
            }
        }
        return;
    }
    let full_url = match entry.remove("fullUrl") {
        Some(Value::String(url)) => url,
        _ => String::new(),
    };
    let Some(Value::Object(mut resource)) = entry.remove("resource") else {
        refuse(parsed, "entry-without-resource", "an entry of the bundle has no resource");
        return;
    };
    let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
    let id = match resource.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => full_url.strip_prefix(URN).unwrap_or("").to_owned(),
    };
    if !is_type(&kind) || !is_id(&id) {
        refuse(parsed, "resource-without-identity", "a resource has no valid type or id");
        return;
    }
    if !resource.contains_key("id") {
        resource.insert("id".to_owned(), Value::String(id.clone()));
    }
    let key = Key { kind, id };
    if !full_url.is_empty() {
        urls.insert(full_url, key.reference());
    }
    parsed.entries.push(Incoming {
        key,
        resource,
        outline: None,
        delete: false,
        bundle,
        kept: None,
        event: None,
    });
}

fn refuse(parsed: &mut Parsed, rule: &'static str, text: &'static str) {
    parsed.refused += 1;
    parsed.issues.push(Issue::new(Severity::Error, IssueCode::Structure, rule, text));
}

/// Calls `f` with every reference in a value, to change it or not; gives for how many it said `false`. The
/// depth is bounded by the JSON reader's own limit of 128.
pub(crate) fn each_reference(value: &mut Value, f: &mut dyn FnMut(&mut String) -> bool) -> u64 {
    match value {
        Value::Array(list) => list.iter_mut().map(|v| each_reference(v, f)).sum(),
        Value::Object(map) => map
            .iter_mut()
            .map(|(name, v)| match v {
                Value::String(text) if name == "reference" => u64::from(!f(text)),
                other => each_reference(other, f),
            })
            .sum(),
        _ => 0,
    }
}

/// The text of a resource as it is kept, and the digest of its content: all but what changes from message to message
/// though the content is the same: `meta.source`, `meta.lastUpdated`, `meta.versionId`; of a Provenance also `recorded`
/// and `entity`, which name the message (the messages are kept beside it). Both of one serialisation.
pub(crate) fn content_of(kind: &str, resource: &Map<String, Value>) -> Result<(String, [u8; 32])> {
    let mut out = Vec::with_capacity(CONTENT_BYTES);
    // Each name with its value, by where they are in the text: name, colon, value.
    let mut members: Vec<(&str, Member)> = Vec::with_capacity(resource.len());
    out.push(b'{');
    for (name, value) in resource {
        if out.len() > 1 {
            out.push(b',');
        }
        let from = out.len();
        serde_json::to_writer(&mut out, name)?;
        let colon = out.len();
        out.push(b':');
        match (name.as_str(), value) {
            ("meta", Value::Object(meta)) => {
                let inner = write_meta(&mut out, meta)?;
                members.push((name, Member { from, colon, to: colon, inner }));
            }
            _ => {
                serde_json::to_writer(&mut out, value)?;
                members.push((name, Member { from, colon, to: out.len(), inner: Vec::new() }));
            }
        }
    }
    out.push(b'}');
    members.sort_unstable_by_key(|(name, _)| *name);
    let mut digest = Sha256::new();
    for (name, member) in members {
        if kind == "Provenance" && matches!(name, "recorded" | "entity") {
            continue;
        }
        member.hash(&out, &mut digest);
        member.inner.iter().for_each(|inner| inner.hash(&out, &mut digest));
    }
    let text = String::from_utf8(out).map_err(|_| RecordError::Damaged)?;
    Ok((text, digest.finalize().into()))
}

/// Room for the text of a usual resource, in bytes.
const CONTENT_BYTES: usize = 2_048;

/// Where a member is in the text of its resource.
struct Member {
    from: usize,
    colon: usize,
    to: usize,
    inner: Vec<Member>,
}

impl Member {
    /// The name, then the value: the colon between them was never part of a digest.
    fn hash(&self, text: &[u8], digest: &mut Sha256) {
        digest.update(text.get(self.from..self.colon).unwrap_or_default());
        digest.update(text.get(self.colon + 1..self.to).unwrap_or_default());
    }
}

/// Writes `meta`; gives where those of its members are that belong to the content.
fn write_meta(out: &mut Vec<u8>, meta: &Map<String, Value>) -> Result<Vec<Member>> {
    let mut content = Vec::new();
    out.push(b'{');
    for (number, (name, value)) in meta.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let from = out.len();
        serde_json::to_writer(&mut *out, name)?;
        let colon = out.len();
        out.push(b':');
        serde_json::to_writer(&mut *out, value)?;
        if !matches!(name.as_str(), "source" | "lastUpdated" | "versionId") {
            content.push(Member { from, colon, to: out.len(), inner: Vec::new() });
        }
    }
    out.push(b'}');
    Ok(content)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The digest as versions up to 6 of the record kept it: each member written for itself.
    fn written_twice(kind: &str, resource: &Map<String, Value>) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut write = |value: &Value| digest.update(serde_json::to_vec(value).unwrap());
        let mut names: Vec<&String> = resource.keys().collect();
        names.sort_unstable();
        for name in names {
            if kind == "Provenance" && matches!(name.as_str(), "recorded" | "entity") {
                continue;
            }
            write(&json!(name));
            match (name.as_str(), &resource[name]) {
                ("meta", Value::Object(meta)) => {
                    for (name, value) in meta {
                        if !matches!(name.as_str(), "source" | "lastUpdated" | "versionId") {
                            write(&json!(name));
                            write(value);
                        }
                    }
                }
                (_, value) => write(value),
            }
        }
        digest.finalize().into()
    }

    #[test]
    fn text_and_digest_of_one_writing_are_those_of_two() {
        let cases = [
            json!({}),
            json!({"resourceType": "Observation", "status": "final", "meta": {}, "id": "a"}),
            json!({"resourceType": "Observation", "valueQuantity": {"value": 1.50, "unit": "µg"}, "id": "o\"1",
                "meta": {"source": "urn:x", "tag": [{"code": "a:b"}], "versionId": "3", "profile": ["p"]}}),
            json!({"resourceType": "Provenance", "recorded": "2026", "entity": [1], "target": [{"reference": "A/b"}],
                "meta": {"lastUpdated": "2026", "source": "s"}}),
            json!({"meta": "not an object", "a": null}),
        ];
        for case in cases {
            let Value::Object(map) = case else { continue };
            let kind = map.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
            let (text, digest) = content_of(&kind, &map).unwrap();
            assert_eq!(text, serde_json::to_string(&map).unwrap());
            assert_eq!(digest, written_twice(&kind, &map), "{text}");
        }
    }
}
