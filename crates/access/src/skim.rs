//! What a decision needs of the resources of a person, of each no more made values than it takes.

use causeway_record::{RecordError, TextEntry, Texts};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::decide::{Decision, Item};
use crate::labels::{self, Labels};
use crate::marks::Marks;
use crate::{meta, sections};

/// Types that can decide whether a reader may see anything of a person: relationships, flags of the person, concerns.
pub(crate) const DECIDING: &[&str] =
    &["Patient", "Encounter", "ServiceRequest", "EpisodeOfCare", "Flag", "DetectedIssue", "RiskAssessment"];

/// Types by whose codes those name organisations and workers.
pub(crate) const NAMED: &[&str] = &["Organization", "Practitioner", "HealthcareService"];

/// One resource of a person.
#[derive(Debug)]
pub(crate) struct Skimmed {
    /// As it is given out where nothing of it is withheld.
    pub entry: TextEntry,
    /// Adapter that translated it.
    pub adapter: String,
    /// Code of the organisation that told it.
    pub by: String,
    /// The resource, or of a plain one only what decisions look at.
    pub value: Value,
    whole: bool,
    plain: bool,
}

/// Elements that are read of a resource in whose text nothing is marked.
enum Read {
    All,
    Only(&'static [&'static str]),
}

fn read(kind: &str, adapter: &str) -> Read {
    match kind {
        kind if NAMED.contains(&kind) => Read::All,
        "Encounter" => Read::Only(&["status", "period", "serviceProvider"]),
        "Observation" if adapter == sections::CARE_PROVIDER => Read::Only(&["valueString", "note"]),
        kind if DECIDING.contains(&kind) => Read::All,
        _ => Read::Only(&[]),
    }
}

/// The part of `meta` that decisions look at.
#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, default)]
    tag: Vec<Tag<'a>>,
    security: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    system: Option<&'a str>,
    code: Option<&'a str>,
}

impl Meta<'_> {
    fn tag(&self, ending: &str) -> String {
        let mut found = self.tag.iter().filter(|t| t.system.is_some_and(|s| s.ends_with(ending)));
        found.find_map(|t| t.code).unwrap_or_default().to_owned()
    }
}

/// Skims everything that is told of a person.
///
/// # Errors
/// What is kept can't be read.
pub(crate) fn all(texts: Texts, marks: &Marks) -> Result<Vec<Skimmed>, RecordError> {
    texts.entries.into_iter().map(|entry| Skimmed::of(entry, marks)).collect()
}

impl Skimmed {
    fn of(entry: TextEntry, marks: &Marks) -> Result<Self, RecordError> {
        let own = entry.meta().and_then(|meta| serde_json::from_str::<Meta<'_>>(meta).ok());
        let own = own.filter(|meta| meta.security.is_none() && !marks.may_be_in(&entry.text));
        let Some(own) = own else {
            let value = entry.value()?;
            let (adapter, by) =
                (meta::adapter_of(&value).to_owned(), meta::organisation_of(&value).to_owned());
            return Ok(Self { entry, adapter, by, value, whole: true, plain: false });
        };
        let (adapter, by) = (own.tag(meta::SOURCE_SYSTEM), own.tag(meta::ORGANISATION));
        let (value, whole) = match read(&entry.key.kind, &adapter) {
            Read::All => (entry.value()?, true),
            Read::Only(names) => (only(&entry, names)?, false),
        };
        Ok(Self { entry, adapter, by, value, whole, plain: true })
    }

    /// Whether nothing in it can be withheld for what it says: only its type, its adapter and what refers to what.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Reads the rest of it, and gives its text back.
    ///
    /// # Errors
    /// What is kept can't be read.
    pub fn read_whole(&mut self) -> Result<(), RecordError> {
        if !self.whole {
            self.value = self.entry.value()?;
            self.whole = true;
        }
        self.entry.text = String::new();
        Ok(())
    }

    /// The whole of it.
    ///
    /// # Errors
    /// As [`Skimmed::read_whole`].
    pub fn whole(&self) -> Result<Value, RecordError> {
        if self.whole { Ok(self.value.clone()) } else { self.entry.value() }
    }
}

/// Whether a decision shows each of these whole: then nothing is withheld, and nothing could tell of it.
pub(crate) fn shows_all(all: &[Skimmed], decision: &mut Decision) -> bool {
    let policies = std::sync::Arc::clone(decision.policies());
    let mut shown: Vec<&'static str> = Vec::new();
    all.iter().all(|one| {
        let section = sections::section_of(&one.value, &one.adapter);
        if one.plain {
            if shown.contains(&section) {
                return true;
            }
            shown.push(section);
        }
        let labels = if one.plain { Labels::new() } else { labels::of(&one.value, &policies.restricted) };
        decision.item(section, &labels) == Item::Show
    })
}

/// Whether a source flags a safeguarding concern and the person is under 18.
pub(crate) fn is_safeguarded_child(all: &[Skimmed], now: jiff::Timestamp) -> bool {
    let today = now.to_string();
    let limit = today.get(..4).and_then(|y| y.parse::<i32>().ok()).map(|y| y - 18);
    let mut patients = all.iter().map(|one| &one.value).filter(|r| r["resourceType"] == "Patient");
    let is_child = patients.any(|r| {
        let born = r["birthDate"].as_str().unwrap_or_default();
        match (limit, born.get(..4).and_then(|y| y.parse::<i32>().ok())) {
            (Some(limit), Some(year)) if year == limit => {
                born.get(4..10).unwrap_or("-12-31") > today.get(4..10).unwrap_or_default()
            }
            (Some(limit), Some(year)) => year > limit,
            _ => false,
        }
    });
    is_child && all.iter().any(|one| sections::section_of(&one.value, &one.adapter) == "safeguarding")
}

/// A resource with some of its elements.
fn only(entry: &TextEntry, names: &'static [&'static str]) -> Result<Value, RecordError> {
    let mut map = match names {
        [] => Map::with_capacity(2),
        _ => Only(names).deserialize(&mut serde_json::Deserializer::from_str(&entry.text))?,
    };
    map.insert("resourceType".to_owned(), Value::String(entry.key.kind.clone()));
    map.insert("id".to_owned(), Value::String(entry.key.id.clone()));
    Ok(Value::Object(map))
}

/// Reads these members of an object and passes over the others.
struct Only(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Only {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Only {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = from.next_key::<std::borrow::Cow<'de, str>>()? {
            if self.0.contains(&name.as_ref()) {
                map.insert(name.into_owned(), from.next_value()?);
            } else {
                from.next_value::<IgnoredAny>()?;
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;
    use crate::choices::TYPE_ONE_CODE;
    use crate::decide::{Asker, Interface, OrganisationFacts, Reach, Request, decide};
    use crate::policy::PolicySet;
    use crate::relationship::{self, Kind, Relationship, Told};
    use crate::withhold::{Fact, Withheld};

    /// Every resource of the expected outputs in `fixtures/`, by folder of the case.
    fn cases() -> Vec<Vec<Value>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
        let below = |folder: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let mut out = Vec::new();
        for case in below(&root).iter().filter(|path| path.is_dir()).flat_map(|adapter| below(adapter)) {
            let Ok(text) = std::fs::read_to_string(case.join("expected.r4.json")) else { continue };
            let bundle: Value = serde_json::from_str(&text).unwrap();
            let entries = bundle["entry"].as_array().into_iter().flatten();
            out.push(entries.map(|entry| entry["resource"].clone()).collect());
        }
        assert!(out.len() > 20, "{} cases", out.len());
        out
    }

    fn skimmed(resources: &[Value], marks: &Marks) -> Vec<Skimmed> {
        let entries = resources.iter().map(TextEntry::of).collect();
        all(Texts { entries, incomplete: false }, marks).unwrap()
    }

    /// That what was read of a resource decides as the whole of it would.
    fn same(one: &Skimmed, resource: &Value, policies: &PolicySet) {
        let (adapter, by) = (meta::adapter_of(resource), meta::organisation_of(resource));
        assert_eq!((one.adapter.as_str(), one.by.as_str()), (adapter, by), "{resource}");
        let section = sections::section_of(resource, adapter);
        assert_eq!(sections::section_of(&one.value, &one.adapter), section, "{resource}");
        let labels = labels::of(resource, &policies.restricted);
        if one.is_plain() {
            assert_eq!(labels, Labels::new(), "{resource}");
            assert!(!crate::flags::tells_type_one(resource), "{resource}");
            let mut copy = resource.clone();
            assert!(!Withheld::nothing(policies).strip(&mut copy) || copy == *resource, "{resource}");
        } else {
            assert!(one.value == *resource);
        }
    }

    #[test]
    fn what_is_read_decides_as_the_whole_would() {
        let policies = PolicySet::shared().unwrap();
        let (mut plain, mut others) = (0, 0);
        for resources in cases() {
            let skimmed = skimmed(&resources, &policies.marks);
            for (one, resource) in skimmed.iter().zip(&resources) {
                same(one, resource, &policies);
                if one.is_plain() { plain += 1 } else { others += 1 }
            }
            let read: Vec<Told<'_>> = skimmed
                .iter()
                .map(|one| Told { resource: &one.value, by: &one.by, adapter: &one.adapter })
                .collect();
            let whole: Vec<Told<'_>> = resources
                .iter()
                .map(|r| Told { resource: r, by: meta::organisation_of(r), adapter: meta::adapter_of(r) })
                .collect();
            assert_eq!(relationship::derive(&read), relationship::derive(&whole));
        }
        assert!(plain > 2 * others, "{plain} plain, {others} others: skimming saves nothing");
    }

    /// Whatever text of a resource is replaced by what decides, it is seen. Control: most of these do change the decision.
    #[test]
    fn what_decides_is_seen_wherever_it_stands() {
        let policies = PolicySet::shared().unwrap();
        let term = policies.restricted.terms().next().unwrap().to_uppercase();
        let code = policies.restricted.members().iter().find(|m| policies.restricted.has(None, &m.code));
        let planted = [
            format!("told of {term} then"),
            code.unwrap().code.clone(),
            TYPE_ONE_CODE.to_owned(),
            "514331000000104".to_owned(),
            "1515851000000101".to_owned(),
            "https://x.example/Questionnaire/about-me".to_owned(),
            "Safeguarding concern \"é\"".to_owned(),
            "Type of HOUSING".to_owned(),
        ];
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in cases().into_iter().flatten().step_by(3) {
            let mut places = Vec::new();
            texts(&resource, &mut String::new(), &mut places);
            for (n, place) in places.iter().enumerate() {
                // Each place with one of them, each of them in many places.
                let text = &planted[n % planted.len()];
                let mut changed = resource.clone();
                *changed.pointer_mut(place).unwrap() = json!(text);
                if ["/resourceType", "/id"].contains(&place.as_str()) {
                    continue;
                }
                let one = skimmed(std::slice::from_ref(&changed), &policies.marks).remove(0);
                same(&one, &changed, &policies);
                let labelled = !labels::of(&changed, &policies.restricted).is_empty();
                *found.entry(if labelled { "labelled" } else { "not" }).or_default() += 1;
            }
        }
        assert!(found.get("labelled").is_some_and(|n| *n > 100), "{found:?}");
    }

    fn texts(value: &Value, at: &mut String, out: &mut Vec<String>) {
        let mut below = |name: &str, value: &Value| {
            let length = at.len();
            at.push('/');
            at.push_str(&name.replace('~', "~0").replace('/', "~1"));
            texts(value, at, out);
            at.truncate(length);
        };
        match value {
            Value::String(_) => out.push(at.clone()),
            Value::Array(list) => list.iter().enumerate().for_each(|(n, v)| below(&n.to_string(), v)),
            Value::Object(map) => map.iter().for_each(|(name, v)| below(name, v)),
            _ => {}
        }
    }

    /// For each role and reason: where all is shown without a look at the whole, the whole has nothing to withhold.
    #[test]
    fn what_is_shown_unread_has_nothing_to_withhold() {
        let policies = PolicySet::shared().unwrap();
        let (mut shown, mut withheld) = (0, 0);
        for resources in cases().into_iter().step_by(3) {
            let skimmed = skimmed(&resources, &policies.marks);
            let adapters: Vec<&str> = resources.iter().map(meta::adapter_of).collect();
            let facts: Vec<Fact<'_>> = resources
                .iter()
                .zip(&adapters)
                .map(|(resource, adapter)| Fact { resource, adapter, message: meta::message_of(resource) })
                .collect();
            for role in &policies.roles {
                for kind in [Kind::Registered, Kind::SocialCare, Kind::Resident, Kind::Own, Kind::BreakGlass]
                {
                    let asker = Asker {
                        role: role.code.clone(),
                        organisation: OrganisationFacts {
                            registered: true,
                            live: true,
                            gates_in_date: true,
                            ..OrganisationFacts::default()
                        },
                        ..Asker::default()
                    };
                    let relationship = Relationship {
                        kind,
                        holder: String::new(),
                        start: None,
                        end: None,
                        source: String::new(),
                        reason: "asked".to_owned(),
                        scope: Vec::new(),
                    };
                    let request = Request {
                        asker: &asker,
                        purpose: if kind == Kind::BreakGlass { "ETREAT" } else { "TREAT" },
                        interface: Interface::Care,
                        reach: Reach::Open,
                        choices: &crate::choices::Choices::default(),
                        safeguarded_child: false,
                        relationship: Some(&relationship),
                        now: jiff::Timestamp::UNIX_EPOCH,
                    };
                    let mut decision = decide(&policies, &request);
                    if !decision.permit {
                        continue;
                    }
                    let all = shows_all(&skimmed, &mut decision);
                    let whole = Withheld::of(&facts, &mut decision);
                    assert!(!all || whole.is_empty(), "{} {kind:?}", role.code);
                    if all { shown += 1 } else { withheld += 1 }
                }
            }
        }
        assert!(shown > 50 && withheld > 50, "{shown} shown whole, {withheld} not");
    }
}
