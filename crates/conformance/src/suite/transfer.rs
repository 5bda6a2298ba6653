//! A record that was sent, fact by fact against what arrived.
//!
//! A fact is one value at one place of a resource: `AllergyIntolerance.criticality = high`. Not facts are what a server
//! owns (`id`, `meta`, the narrative). References are followed: an observation is of the person whose identifier its
//! subject has, whatever ids the two servers gave. Resources are paired by what they have in common, best first.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::expect::shown;
use super::model::Compare;
use super::values::{Values, text};
use crate::limits::BROKEN_MAX;

/// Facts of one resource.
struct Facts<'r> {
    resource: &'r Value,
    /// Path and value; a path may come several times.
    all: Vec<(String, String)>,
}

/// Resources of a Bundle or of a list, with where references lead.
struct Held<'r> {
    resources: Vec<&'r Value>,
    places: HashMap<String, &'r Value>,
}

fn place(resource: &Value) -> Option<String> {
    Some(format!("{}/{}", resource["resourceType"].as_str()?, resource["id"].as_str()?))
}

impl<'r> Held<'r> {
    fn new(value: &'r Value) -> Self {
        let mut held = Self { resources: Vec::new(), places: HashMap::new() };
        let list = value.as_array().or_else(|| value["entry"].as_array());
        for one in list.into_iter().flatten() {
            let (resource, full) = match one["resource"].is_object() {
                true => (&one["resource"], one["fullUrl"].as_str()),
                false => (one, None),
            };
            let at = place(resource);
            // One that two searches brought is there once.
            if at.as_ref().is_some_and(|at| held.places.contains_key(at)) {
                continue;
            }
            if let Some(at) = at {
                held.places.insert(at, resource);
            }
            if let Some(full) = full {
                held.places.insert(full.to_owned(), resource);
            }
            if resource["resourceType"].is_string() {
                held.resources.push(resource);
            }
        }
        // A person whom a server makes of several Patients is the same by each of them.
        for resource in held.resources.clone() {
            let links = resource["link"].as_array().into_iter().flatten();
            for reference in links.filter_map(|l| l["other"]["reference"].as_str()) {
                held.places.entry(reference.to_owned()).or_insert(resource);
            }
        }
        held
    }

    fn find(&self, reference: &str) -> Option<&'r Value> {
        let tail = || {
            let mut parts = reference.split("/_history/").next()?.rsplit('/');
            let (id, kind) = (parts.next()?, parts.next()?);
            Some(format!("{kind}/{id}"))
        };
        self.places.get(reference).copied().or_else(|| self.places.get(&tail()?).copied())
    }

    /// What a reference says: the type and what its target is known by, `?` where the target is not here.
    fn said(&self, reference: &str) -> String {
        match self.find(reference) {
            Some(target) => {
                format!("{} {}", target["resourceType"].as_str().unwrap_or_default(), known_by(target))
            }
            None => {
                let kind = reference.split("/_history/").next().unwrap_or_default().rsplit('/').nth(1);
                format!("{} ?", kind.unwrap_or("unknown"))
            }
        }
    }

    fn facts(&self, resource: &'r Value) -> Facts<'r> {
        let mut all = Vec::new();
        for (key, value) in resource.as_object().into_iter().flatten() {
            if !["resourceType", "id", "meta", "text"].contains(&key.as_str()) {
                self.leaves(key, value, &mut all);
            }
        }
        all.sort();
        Facts { resource, all }
    }

    fn leaves(&self, path: &str, value: &Value, out: &mut Vec<(String, String)>) {
        match value {
            Value::Object(object) => {
                let url = object.get("url").and_then(Value::as_str).filter(|_| path.ends_with("xtension"));
                let path = url.map_or(path.to_owned(), |url| format!("{path}({url})"));
                for (key, value) in object {
                    match (key.as_str(), value.as_str()) {
                        ("url" | "id", _) if url.is_some() || key == "id" => {}
                        ("reference", Some(reference)) => out.push((path.clone(), self.said(reference))),
                        _ => self.leaves(&format!("{path}.{key}"), value, out),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.leaves(path, value, out)),
            Value::Null => {}
            leaf => out.push((path.to_owned(), plain(&text(leaf)))),
        }
    }
}

/// The same moment in the same letters: `+00:00` and `Z`, with and without noughts behind the second.
fn plain(value: &str) -> String {
    if value.len() < 20 || value.as_bytes().get(10) != Some(&b'T') {
        return value.to_owned();
    }
    let value = value.strip_suffix("+00:00").map_or(value.to_owned(), |start| format!("{start}Z"));
    value.replacen(".000Z", "Z", 1)
}

/// What a resource is known by: NHS number, another identifier, code, name.
fn known_by(resource: &Value) -> String {
    let identifiers = || resource["identifier"].as_array().into_iter().flatten();
    let nhs = identifiers().find(|i| i["system"].as_str().is_some_and(|s| s.ends_with("/nhs-number")));
    let first = nhs.or_else(|| identifiers().next()).and_then(|i| i["value"].as_str());
    let code =
        ["code", "vaccineCode", "medicationCodeableConcept", "type", "category"].iter().find_map(|key| {
            let concept = match &resource[*key] {
                Value::Array(list) => list.first()?,
                one => one,
            };
            concept["text"].as_str().or_else(|| {
                let coding = &concept["coding"][0];
                coding["display"].as_str().or_else(|| coding["code"].as_str())
            })
        });
    let name = resource["name"].as_str().or_else(|| resource["name"][0]["family"].as_str());
    let title = resource["title"].as_str().or_else(|| resource["description"].as_str());
    match (resource["resourceType"].as_str(), first) {
        (Some("Patient"), Some(number)) => number.to_owned(),
        _ => code.or(name).or(title).or(first).unwrap_or("?").to_owned(),
    }
}

fn name(resource: &Value) -> String {
    format!("{} ({})", resource["resourceType"].as_str().unwrap_or_default(), shown(&known_by(resource)))
}

/// Whether what arrived says the same: a reference whose target was not read back counts by its type, but for a person.
fn same(sent: &str, arrived: &str) -> bool {
    sent == arrived
        || arrived.strip_suffix(" ?").is_some_and(|kind| kind != "Patient" && sent.starts_with(kind))
}

/// Pairs facts: those not found, each with what stands at its place instead.
fn lost<'f>(sent: &'f Facts<'_>, arrived: &'f Facts<'_>) -> Vec<(&'f str, &'f str, Option<&'f str>)> {
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, value) in &arrived.all {
        left.entry(path).or_default().push(value);
    }
    let mut open = Vec::new();
    for (path, value) in &sent.all {
        let there = left.get_mut(path.as_str());
        match there.and_then(|list| list.iter().position(|v| same(value, v)).map(|at| list.swap_remove(at))) {
            Some(_) => {}
            None => open.push((path.as_str(), value.as_str())),
        }
    }
    open.into_iter().map(|(path, value)| (path, value, left.get_mut(path).and_then(Vec::pop))).collect()
}

/// What did not arrive as it was sent, in sentences.
pub(super) fn compare(compare: &Compare, values: &mut Values) -> Vec<String> {
    let read = |name: &str, values: &Values| match values.get(name) {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        other => other.cloned(),
    };
    let kind = match compare.kind.as_ref().map(|k| values.fill(k)).transpose() {
        Ok(kind) => kind,
        Err(e) => return vec![e],
    };
    let Some(sent): Option<Value> = read(&compare.sent, values) else {
        return vec![format!("nothing is known as {}", compare.sent)];
    };
    let received: Value = read(&compare.received, values).unwrap_or(Value::Array(Vec::new()));
    against(&sent, &received, kind.as_deref(), compare.alone)
}

fn against(sent: &Value, received: &Value, kind: Option<&str>, alone: bool) -> Vec<String> {
    let (sent, received) = (Held::new(sent), Held::new(received));
    let of_kind = |r: &&&Value| kind.is_none_or(|kind| r["resourceType"] == kind);
    let sent_facts: Vec<Facts<'_>> = sent.resources.iter().filter(of_kind).map(|r| sent.facts(r)).collect();
    let got_facts: Vec<Facts<'_>> =
        received.resources.iter().filter(of_kind).map(|r| received.facts(r)).collect();
    let mut pairs = Vec::new();
    for (s, one) in sent_facts.iter().enumerate() {
        for (g, other) in got_facts.iter().enumerate() {
            if one.resource["resourceType"] == other.resource["resourceType"] {
                let common = one.all.len() - lost(one, other).len();
                // Half of what was sent must be there, or it is another resource.
                if common * 2 >= one.all.len() {
                    pairs.push((common, s, g));
                }
            }
        }
    }
    pairs.sort_by_key(|(common, s, g)| (std::cmp::Reverse(*common), *s, *g));
    let (mut of_sent, mut of_got) = (vec![None; sent_facts.len()], vec![None; got_facts.len()]);
    for (_, s, g) in pairs {
        if of_sent[s].is_none() && of_got[g].is_none() {
            (of_sent[s], of_got[g]) = (Some(g), Some(s));
        }
    }
    let mut wrong = Vec::new();
    for (facts, got) in sent_facts.iter().zip(&of_sent) {
        let what = name(facts.resource);
        let Some(got) = got else {
            wrong.push(format!("{what} did not arrive ({} facts)", facts.all.len()));
            continue;
        };
        for (path, value, instead) in lost(facts, &got_facts[*got]) {
            wrong.push(match instead {
                Some(instead) => {
                    format!("{what}: {path} is \"{}\" instead of \"{}\"", shown(instead), shown(value))
                }
                None => format!("{what}: {path} \"{}\" did not arrive", shown(value)),
            });
        }
    }
    if alone {
        for (facts, _) in got_facts.iter().zip(&of_got).filter(|(_, s)| s.is_none()) {
            let what = name(facts.resource);
            let twice = sent_facts.iter().any(|s| lost(s, facts).is_empty());
            wrong.push(if twice { format!("{what} is there twice") } else { format!("{what} was not sent") });
        }
    }
    let left = wrong.len().saturating_sub(BROKEN_MAX);
    wrong.truncate(BROKEN_MAX);
    if left > 0 {
        wrong.push(format!("and {left} facts more"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent() -> Value {
        json!({"entry": [
            {"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]}},
            {"fullUrl": "urn:uuid:a", "resource": {"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"},
                "criticality": "high", "recordedDate": "2026-01-01T10:00:00+00:00", "patient": {"reference": "urn:uuid:p"}}}
        ]})
    }

    fn arrived() -> Value {
        json!([
            {"resourceType": "Patient", "id": "7", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]},
            {"resourceType": "AllergyIntolerance", "id": "8", "meta": {"versionId": "1"}, "code": {"text": "Penicillin"},
                "criticality": "high", "recordedDate": "2026-01-01T10:00:00Z", "patient": {"reference": "Patient/7"}}
        ])
    }

    #[test]
    fn the_same_facts_under_other_ids() {
        assert_eq!(against(&sent(), &arrived(), None, true), Vec::<String>::new());
    }

    #[test]
    fn what_is_lost_changed_doubled_and_invented() {
        let kind = Some("AllergyIntolerance");
        let told = |change: &dyn Fn(&mut Value)| {
            let mut arrived = arrived();
            change(&mut arrived);
            against(&sent(), &arrived, kind, true)
        };
        let what = "AllergyIntolerance (Penicillin)";
        assert_eq!(
            told(&|a| a[1]["criticality"] = json!("low")),
            [format!("{what}: criticality is \"low\" instead of \"high\"")]
        );
        assert_eq!(
            told(&|a| a[1]["criticality"] = Value::Null),
            [format!("{what}: criticality \"high\" did not arrive")]
        );
        assert_eq!(
            told(&|a| drop(a.as_array_mut().unwrap().pop())),
            [format!("{what} did not arrive (4 facts)")]
        );
        let other = |a: &mut Value| {
            let mut second = a[1].clone();
            second["id"] = json!("9");
            a.as_array_mut().unwrap().push(second);
        };
        assert_eq!(told(&other), [format!("{what} is there twice")]);
        let person = |a: &mut Value| a[0]["identifier"][0]["value"] = json!("9990000026");
        assert_eq!(
            told(&person),
            [format!("{what}: patient is \"Patient 9990000026\" instead of \"Patient 9990000018\"")]
        );
        let cut = |a: &mut Value| a[1]["recordedDate"] = json!("2026-01-01");
        assert_eq!(told(&cut).len(), 1);
        let alone = json!([{"resourceType": "AllergyIntolerance", "id": "1", "code": {"text": "Nuts"}}]);
        assert_eq!(against(&json!({}), &alone, kind, true), ["AllergyIntolerance (Nuts) was not sent"]);
    }
}
