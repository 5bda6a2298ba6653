//! What a written message says when it is read again, against the bundle that it was made of: an encoder's list of
//! what it left behind is made so, and is then true whatever the encoder forgot.
//!
//! Resources of one type are paired by what they have in common, elements of arrays likewise. Left aside is what a
//! reader writes anew for every message: ids, `meta` but for security labels, and the Provenance of the translation.

use std::collections::HashMap;

use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use serde_json::Value;

use crate::Sender;

/// Elements that are compared at all levels of nesting; deeper ones count as one.
const DEPTH_MAX: usize = 32;
/// A leaf that more resources than this share says nothing about which belongs to which.
const HOLDERS_MAX: usize = 64;
/// Arrays longer than this are compared element by element in their order.
const PAIRED_MAX: usize = 200;

/// Elements that turn the sense of a resource.
const DECIDING: [&str; 8] = [
    "status",
    "clinicalStatus",
    "verificationStatus",
    "intent",
    "doNotPerform",
    "active",
    "modifierExtension",
    "deceasedBoolean",
];

/// What came of reading a message again.
#[derive(Clone, Debug, Default)]
pub struct ReadBack {
    /// Each leaf of the bundle that the message does not tell, by its FHIR path.
    pub left_behind: Vec<String>,
    /// Each leaf that the message tells and the bundle does not.
    pub anew: Vec<String>,
    /// Leaves of the bundle that were compared.
    pub facts: usize,
    /// Numbers of the entries whose sense the message would turn: a status that reads otherwise.
    pub turned: Vec<usize>,
}

impl ReadBack {
    /// What was left behind, as issues that name the format.
    pub fn issues(&self, format: &str) -> Vec<Issue> {
        let text = format!("{format} has no place for this element, or not in this form");
        let issue = |path: &String| {
            Issue::new(Severity::Information, IssueCode::NotSupported, "left-behind", text.clone())
                .at(Position::new(path.clone(), Span::default()))
        };
        self.left_behind.iter().map(issue).collect()
    }
}

/// Who issued the local identifiers and codes of a bundle: their names are written without it, and read again with it.
/// The sender that is given, where the bundle has none.
pub fn issuer(bundle: &Value, sender: &Sender) -> Sender {
    const LOCAL: &str = "/Id/local/";
    fn find(value: &Value, depth: usize) -> Option<&str> {
        match value {
            Value::String(text) => text.split_once(LOCAL)?.1.split_once('/').map(|(code, _)| code),
            Value::Array(list) if depth < DEPTH_MAX => list.iter().find_map(|v| find(v, depth + 1)),
            Value::Object(map) if depth < DEPTH_MAX => map.values().find_map(|v| find(v, depth + 1)),
            _ => None,
        }
    }
    match find(bundle, 0) {
        Some(code) => Sender { code: code.to_owned(), ..sender.clone() },
        None => sender.clone(),
    }
}

struct Entry<'v> {
    number: usize,
    url: String,
    kind: &'v str,
    resource: &'v Value,
}

fn entries(bundle: &Value) -> Vec<Entry<'_>> {
    let all = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let entry = |(number, entry): (usize, &'_ Value)| -> Option<(usize, String)> {
        let resource = &entry["resource"];
        let kind = resource["resourceType"].as_str()?;
        // The translation's own account of itself.
        if kind == "Provenance" && resource["entity"].is_array() {
            return None;
        }
        let id = resource["id"].as_str().unwrap_or_default();
        let url = entry["fullUrl"].as_str().map_or_else(|| format!("{kind}/{id}"), str::to_owned);
        Some((number, url))
    };
    all.iter()
        .enumerate()
        .filter_map(|pair| {
            let (number, url) = entry(pair)?;
            let resource = &pair.1["resource"];
            Some(Entry { number, url, kind: resource["resourceType"].as_str().unwrap_or_default(), resource })
        })
        .collect()
}

/// Compares a bundle with what was read again from the message that was made of it.
pub fn compare(bundle: &Value, again: &[Value]) -> ReadBack {
    let before = entries(bundle);
    let after: Vec<Entry<'_>> = again.iter().flat_map(entries).collect();
    let pairs = pair(&before, &after);
    // A reference is the same where it leads to the resource that the other's target is paired with.
    let mut names: HashMap<String, String> = HashMap::new();
    for (at, entry) in before.iter().enumerate() {
        let id = entry.resource["id"].as_str().unwrap_or_default();
        names.insert(entry.url.clone(), format!("#{at}"));
        names.insert(format!("{}/{id}", entry.kind), format!("#{at}"));
    }
    let mut other_names: HashMap<String, String> = HashMap::new();
    for (at, mine) in pairs.iter().enumerate() {
        if let Some(theirs) = mine.and_then(|n| after.get(n)) {
            other_names.insert(theirs.url.clone(), format!("#{at}"));
        }
    }
    let mut found = ReadBack::default();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for entry in &before {
        *counts.entry(entry.kind).or_default() += 1;
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (entry, mine) in before.iter().zip(&pairs) {
        let number = seen.entry(entry.kind).or_default();
        let several = counts.get(entry.kind).is_some_and(|n| *n > 1);
        let path = if several { format!("{}[{number}]", entry.kind) } else { entry.kind.to_owned() };
        *number += 1;
        let one = tidy(entry.resource, &names);
        found.facts += leaves(&one, 0);
        match mine.and_then(|n| after.get(n)) {
            Some(theirs) => {
                let two = tidy(theirs.resource, &other_names);
                if DECIDING.iter().any(|name| turns(&one[*name], &two[*name])) {
                    found.turned.push(entry.number);
                }
                diff(&one, Some(&two), &path, 0, &mut found.left_behind);
                diff(&two, Some(&one), &path, 0, &mut found.anew);
            }
            None => diff(&one, None, &path, 0, &mut found.left_behind),
        }
    }
    for (n, entry) in after.iter().enumerate() {
        if !pairs.contains(&Some(n)) {
            diff(&tidy(entry.resource, &other_names), None, entry.kind, 0, &mut found.anew);
        }
    }
    found
}

/// Whether a deciding element reads otherwise. Lost altogether it turns the sense too, unless it only affirms; `unknown`
/// read for something is no other sense.
fn turns(one: &Value, two: &Value) -> bool {
    const AFFIRMS: [&str; 12] = [
        "active",
        "confirmed",
        "final",
        "current",
        "completed",
        "finished",
        "in-progress",
        "planned",
        "order",
        "true",
        "arrived",
        "unknown",
    ];
    if one.is_null() || one == two {
        return false;
    }
    let code = |v: &Value| -> Option<String> {
        match v {
            Value::String(text) => Some(text.clone()),
            Value::Bool(b) => Some(b.to_string()),
            _ => v["coding"][0]["code"].as_str().map(str::to_owned),
        }
    };
    match (code(one), code(two)) {
        (Some(a), Some(b)) => a != b && b != "unknown",
        (Some(a), None) => !AFFIRMS.contains(&a.as_str()),
        _ => true,
    }
}

/// A resource without what every reader writes anew, its references by name.
fn tidy(resource: &Value, names: &HashMap<String, String>) -> Value {
    let mut out = resource.clone();
    if let Value::Object(map) = &mut out {
        map.remove("id");
        map.remove("resourceType");
        let security = map.get("meta").map(|meta| meta["security"].clone()).filter(Value::is_array);
        map.remove("meta");
        if let Some(security) = security {
            map.insert("security".to_owned(), security);
        }
    }
    rename(&mut out, names, 0);
    out
}

fn rename(value: &mut Value, names: &HashMap<String, String>, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::String(text) => {
            if let Some(name) = names.get(text.as_str()) {
                *text = name.clone();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|v| rename(v, names, depth + 1)),
        Value::Object(map) => map.values_mut().for_each(|v| rename(v, names, depth + 1)),
        _ => {}
    }
}

fn leaves(value: &Value, depth: usize) -> usize {
    match value {
        Value::Array(list) if depth < DEPTH_MAX => list.iter().map(|v| leaves(v, depth + 1)).sum(),
        Value::Object(map) if depth < DEPTH_MAX => map.values().map(|v| leaves(v, depth + 1)).sum(),
        _ => 1,
    }
}

/// The leaves of `one` that `two` does not have at the same place.
fn diff(one: &Value, two: Option<&Value>, path: &str, depth: usize, out: &mut Vec<String>) {
    if two == Some(one) {
        return;
    }
    match one {
        Value::Object(map) if depth < DEPTH_MAX => {
            for (name, member) in map {
                let theirs = two.and_then(|v| v.get(name));
                diff(member, theirs, &format!("{path}.{name}"), depth + 1, out);
            }
        }
        Value::Array(list) if depth < DEPTH_MAX => {
            let theirs = two.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut used = vec![false; theirs.len()];
            let mut mine: Vec<Option<usize>> = vec![None; list.len()];
            // Equal ones first, then what has most in common.
            for (at, member) in list.iter().enumerate() {
                let equal =
                    |n: &usize| theirs.get(*n) == Some(member) && !used.get(*n).copied().unwrap_or(true);
                let found = if list.len() > PAIRED_MAX { Some(at) } else { (0..theirs.len()).find(equal) };
                if let (Some(n), Some(slot)) = (found, mine.get_mut(at)) {
                    *slot = Some(n);
                    if let Some(flag) = used.get_mut(n) {
                        *flag = true;
                    }
                }
            }
            for (at, member) in list.iter().enumerate() {
                if mine.get(at).copied().flatten().is_none() && !member.is_string() {
                    let free = (0..theirs.len()).filter(|n| !used.get(*n).copied().unwrap_or(true));
                    let best = free
                        .filter_map(|n| theirs.get(n).map(|other| (common(member, other, depth), n)))
                        .filter(|(score, _)| *score > 0)
                        .max_by_key(|(score, n)| (*score, usize::MAX - n));
                    if let (Some((_, n)), Some(slot)) = (best, mine.get_mut(at)) {
                        *slot = Some(n);
                        if let Some(flag) = used.get_mut(n) {
                            *flag = true;
                        }
                    }
                }
                let other = mine.get(at).copied().flatten().and_then(|n| theirs.get(n));
                diff(member, other, &format!("{path}[{at}]"), depth + 1, out);
            }
        }
        _ => out.push(path.to_owned()),
    }
}

/// How many leaves two values have in common at the same places; elements of arrays by their order.
fn common(one: &Value, two: &Value, depth: usize) -> usize {
    match (one, two) {
        (Value::Object(a), Value::Object(b)) if depth < DEPTH_MAX => {
            a.iter().filter_map(|(name, v)| b.get(name).map(|w| common(v, w, depth + 1))).sum()
        }
        (Value::Array(a), Value::Array(b)) if depth < DEPTH_MAX => {
            a.iter().zip(b).map(|(v, w)| common(v, w, depth + 1)).sum()
        }
        _ => usize::from(one == two),
    }
}

/// For each resource of the bundle the one that was read again with which it has most in common.
fn pair(before: &[Entry<'_>], after: &[Entry<'_>]) -> Vec<Option<usize>> {
    let mut holders: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (n, entry) in after.iter().enumerate() {
        for leaf in facts(entry) {
            let list = holders.entry(leaf).or_default();
            if list.len() <= HOLDERS_MAX {
                list.push(n);
            }
        }
    }
    let mut wishes: Vec<(usize, usize, usize)> = Vec::new();
    for (at, entry) in before.iter().enumerate() {
        let mut score: HashMap<usize, usize> = HashMap::new();
        for leaf in facts(entry) {
            let list = holders.get(&leaf).map(Vec::as_slice).unwrap_or_default();
            if list.len() <= HOLDERS_MAX {
                list.iter().for_each(|n| *score.entry(*n).or_default() += 1);
            }
        }
        wishes.extend(score.into_iter().map(|(n, score)| (score, at, n)));
    }
    wishes.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut mine: Vec<Option<usize>> = vec![None; before.len()];
    let mut used = vec![false; after.len()];
    for (_, at, n) in wishes {
        if let (Some(slot @ None), Some(flag @ false)) = (mine.get_mut(at), used.get_mut(n)) {
            *slot = Some(n);
            *flag = true;
        }
    }
    // What shares nothing that tells it from others: in their order.
    for (at, entry) in before.iter().enumerate() {
        if let Some(slot @ None) = mine.get_mut(at) {
            let free = after
                .iter()
                .enumerate()
                .find(|(n, other)| other.kind == entry.kind && !used.get(*n).copied().unwrap_or(true));
            if let Some((n, _)) = free {
                *slot = Some(n);
                if let Some(flag) = used.get_mut(n) {
                    *flag = true;
                }
            }
        }
    }
    mine
}

/// The leaves of a resource as type with path, and text; references and ids are left out.
fn facts(entry: &Entry<'_>) -> Vec<(String, String)> {
    fn walk(value: &Value, path: &str, depth: usize, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) if depth < DEPTH_MAX => {
                for (name, member) in map {
                    if !(name == "reference"
                        || depth == 0 && matches!(name.as_str(), "id" | "meta" | "resourceType"))
                    {
                        walk(member, &format!("{path}.{name}"), depth + 1, out);
                    }
                }
            }
            Value::Array(list) if depth < DEPTH_MAX => {
                list.iter().for_each(|v| walk(v, path, depth + 1, out));
            }
            Value::String(text) => out.push((path.to_owned(), text.clone())),
            other => out.push((path.to_owned(), other.to_string())),
        }
    }
    let mut out = Vec::new();
    walk(entry.resource, entry.kind, 0, &mut out);
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bundle(resources: &[(&str, Value)]) -> Value {
        let entry = |(url, resource): &(&str, Value)| json!({"fullUrl": url, "resource": resource});
        json!({"entry": resources.iter().map(entry).collect::<Vec<_>>()})
    }

    #[test]
    fn what_is_lost_is_named_and_what_is_told_is_not() {
        let one = bundle(&[
            (
                "urn:uuid:1",
                json!({"resourceType": "Patient", "id": "1", "name": [{"family": "A"}, {"family": "B", "given": ["C"]}]}),
            ),
            (
                "urn:uuid:2",
                json!({"resourceType": "Observation", "id": "2", "status": "final", "subject": {"reference": "urn:uuid:1"}, "valueString": "x"}),
            ),
        ]);
        let two = bundle(&[
            (
                "urn:uuid:8",
                json!({"resourceType": "Observation", "id": "8", "status": "final", "subject": {"reference": "urn:uuid:9"}, "valueString": "y"}),
            ),
            (
                "urn:uuid:9",
                json!({"resourceType": "Patient", "id": "9", "name": [{"family": "B"}, {"family": "A"}]}),
            ),
        ]);
        let found = compare(&one, &[two]);
        assert_eq!(found.left_behind, ["Patient.name[1].given[0]", "Observation.valueString"]);
        assert_eq!(found.anew, ["Observation.valueString"]);
        assert!(found.turned.is_empty());
        assert!(compare(&one, std::slice::from_ref(&one)).left_behind.is_empty());
    }

    #[test]
    fn a_status_that_reads_otherwise_is_told() {
        let with = |status: Value| {
            bundle(&[(
                "a",
                json!({"resourceType": "Condition", "verificationStatus": status, "code": {"text": "x"}}),
            )])
        };
        let refuted = with(json!({"coding": [{"code": "refuted"}]}));
        let confirmed = with(json!({"coding": [{"code": "confirmed"}]}));
        assert_eq!(compare(&refuted, std::slice::from_ref(&confirmed)).turned, [0]);
        assert_eq!(compare(&refuted, &[with(Value::Null)]).turned, [0], "lost");
        assert!(compare(&confirmed, &[with(Value::Null)]).turned.is_empty(), "only affirms");
    }

    #[test]
    fn a_reference_that_leads_elsewhere_is_a_loss() {
        let of = |to: &str| {
            bundle(&[
                ("p1", json!({"resourceType": "Practitioner", "name": [{"family": "A"}]})),
                ("p2", json!({"resourceType": "Practitioner", "name": [{"family": "B"}]})),
                (
                    "e",
                    json!({"resourceType": "Encounter", "serviceType": {"text": "t"}, "participant": [{"individual": {"reference": to}}]}),
                ),
            ])
        };
        assert_eq!(
            compare(&of("p1"), &[of("p2")]).left_behind,
            ["Encounter.participant[0].individual.reference"]
        );
        assert!(compare(&of("p1"), &[of("p1")]).left_behind.is_empty());
    }
}
