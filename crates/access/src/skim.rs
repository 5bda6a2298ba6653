//! What a decision needs of the resources of a person, of each no more made values than it takes.

use std::sync::Arc;

use causeway_record::{RecordError, TextEntry, Texts};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::decide::{Decision, Item};
use crate::fact::Fact;
use crate::labels::{self, Labels};
use crate::marks::Marks;
use crate::references::Name;
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
    pub adapter: Arc<str>,
    /// Code of the organisation that told it.
    pub by: Arc<str>,
    /// Its section.
    pub section: &'static str,
    /// The resource, or of a plain one what decisions look at: null where that is no more than its type and adapter.
    pub value: Value,
    whole: bool,
    plain: bool,
}

/// What is read of a resource in whose text nothing is marked.
enum Read {
    All,
    Only(&'static [&'static str]),
    Nothing,
}

fn read(kind: &str, adapter: &str) -> Read {
    match kind {
        kind if NAMED.contains(&kind) => Read::All,
        "Encounter" => Read::Only(&["status", "period", "serviceProvider"]),
        kind if sections::needs_note(kind, adapter) => Read::Only(&["valueString", "note"]),
        kind if DECIDING.contains(&kind) => Read::All,
        _ => Read::Nothing,
    }
}

/// The part of `meta` that decisions look at.
#[derive(Deserialize)]
struct Meta<'a> {
    source: Option<&'a str>,
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
    security: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    system: Option<&'a str>,
    code: Option<&'a str>,
}

/// Tags of a resource. Most of a person's resources have those of the one before.
#[derive(Clone, Default)]
struct Tags {
    /// As they stand in the text; empty where there are none.
    text: String,
    adapter: Arc<str>,
    by: Arc<str>,
    /// All of `meta` behind its source, where nothing is marked in it and nothing in it is a label: in what one message told
    /// it is the same again and again. Empty where it is not known.
    rest: String,
}

impl Tags {
    /// `None` where they can't be read.
    fn of(text: &str) -> Option<Self> {
        let tags: Vec<Tag<'_>> =
            if text.is_empty() { Vec::new() } else { serde_json::from_str(text).ok()? };
        let tag = |ending: &str| -> Arc<str> {
            let mut found = tags.iter().filter(|t| t.system.is_some_and(|s| s.ends_with(ending)));
            found.find_map(|t| t.code).unwrap_or_default().into()
        };
        let (adapter, by) = (tag(meta::SOURCE_SYSTEM), tag(meta::ORGANISATION));
        Some(Self { adapter, by, text: text.to_owned(), rest: String::new() })
    }

    /// Makes them those of a resource in whose text nothing is marked; not where its `meta` is not known or has labels.
    fn are_of_plain(&mut self, entry: &TextEntry, marks: &Marks) -> bool {
        let Some([before, own, after]) = entry.around_meta() else { return false };
        let rest = behind_source(own).unwrap_or_default();
        if !rest.is_empty() && rest == self.rest {
            let source = own.strip_suffix(rest).unwrap_or(own);
            return ![before, source, after].iter().any(|part| marks.may_be_in(part));
        }
        if marks.may_be_in(&entry.text) {
            return false;
        }
        let own = serde_json::from_str::<Meta<'_>>(own).ok().filter(|own| own.security.is_none());
        let Some(own) = own else { return false };
        let text = own.tag.map(RawValue::get).unwrap_or_default();
        if text != self.text {
            let Some(own) = Self::of(text) else { return false };
            *self = own;
        }
        rest.clone_into(&mut self.rest);
        true
    }
}

/// What stands in the text of a `meta` behind its source, where that stands first and is written as it is.
fn behind_source(meta: &str) -> Option<&str> {
    let source = meta.strip_prefix(r#"{"source":""#)?;
    let end = source.find(['"', '\\']).filter(|end| source.as_bytes().get(*end) == Some(&b'"'))?;
    source.get(end + 1..)
}

/// Skims everything that is told of a person.
///
/// # Errors
/// What is kept can't be read.
pub(crate) fn all(texts: Texts, marks: &Marks) -> Result<Vec<Skimmed>, RecordError> {
    let mut tags = Tags::default();
    texts.entries.into_iter().map(|entry| Skimmed::of(entry, marks, &mut tags)).collect()
}

impl Skimmed {
    /// `tags` are those of the one before, and then its own.
    fn of(entry: TextEntry, marks: &Marks, tags: &mut Tags) -> Result<Self, RecordError> {
        if !tags.are_of_plain(&entry, marks) {
            let value = entry.value()?;
            let (adapter, by): (Arc<str>, Arc<str>) =
                (meta::adapter_of(&value).into(), meta::organisation_of(&value).into());
            let section = sections::section_of(&value, &adapter);
            return Ok(Self { entry, adapter, by, section, value, whole: true, plain: false });
        }
        let kind = entry.key.kind.as_str();
        let (value, whole) = match read(kind, &tags.adapter) {
            Read::All => (entry.value()?, true),
            Read::Only(names) => (only(&entry, names)?, false),
            Read::Nothing => (Value::Null, false),
        };
        let section = match &value {
            Value::Null => sections::section_of_type(kind, &tags.adapter),
            value => sections::section_of(value, &tags.adapter),
        };
        let (adapter, by) = (tags.adapter.clone(), tags.by.clone());
        Ok(Self { entry, adapter, by, section, value, whole, plain: true })
    }

    /// Whether nothing in it can be withheld for what it says: only its type, its adapter and what refers to what.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// What is told by it, for what is withheld.
    ///
    /// # Errors
    /// What is kept can't be read.
    pub fn fact(&self) -> Result<Fact<'_>, RecordError> {
        let own = self.entry.meta().filter(|_| self.plain);
        match own.and_then(|meta| serde_json::from_str::<Meta<'_>>(meta).ok()) {
            Some(own) => {
                let message = meta::message_named(own.source.unwrap_or_default());
                Ok(Fact::plain(&self.entry, self.section, message.to_owned()))
            }
            None if self.whole => Ok(Fact::of(&self.value, &self.adapter, meta::message_of(&self.value))),
            None => Err(RecordError::Damaged),
        }
    }

    /// The whole of it.
    ///
    /// # Errors
    /// What is kept can't be read.
    pub fn whole(&self) -> Result<Value, RecordError> {
        if self.whole { Ok(self.value.clone()) } else { self.entry.value() }
    }
}

/// Whether a decision shows each of these whole: then nothing is withheld, and nothing could tell of it.
pub(crate) fn shows_all(all: &[Skimmed], decision: &mut Decision) -> bool {
    let policies = std::sync::Arc::clone(decision.policies());
    let mut shown: Vec<&'static str> = Vec::new();
    all.iter().all(|one| {
        if one.plain {
            if shown.contains(&one.section) {
                return true;
            }
            shown.push(one.section);
        }
        let labels = if one.plain { Labels::new() } else { labels::of(&one.value, &policies.restricted) };
        decision.item(one.section, &labels) == Item::Show
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
    is_child && all.iter().any(|one| one.section == "safeguarding")
}

/// A resource with some of its elements.
fn only(entry: &TextEntry, names: &'static [&'static str]) -> Result<Value, RecordError> {
    let mut map = Only(names).deserialize(&mut serde_json::Deserializer::from_str(&entry.text))?;
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
        while let Some(Name(name)) = from.next_key()? {
            if self.0.contains(&&*name) {
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
    use crate::withhold::{Withheld, key};

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
        assert_eq!((&*one.adapter, &*one.by), (adapter, by), "{resource}");
        let section = sections::section_of(resource, adapter);
        assert_eq!(one.section, section, "{resource}");
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
                // After another of the same `meta`, of which no more is read than is new.
                let both = skimmed(&[resource.clone(), changed.clone()], &policies.marks);
                for (one, resource) in both.iter().zip([&resource, &changed]) {
                    same(one, resource, &policies);
                }
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

    /// Decisions that permit, of each role for each reason.
    fn decisions(policies: &Arc<PolicySet>) -> Vec<Decision> {
        let mut out = Vec::new();
        for role in &policies.roles {
            for kind in [Kind::Registered, Kind::SocialCare, Kind::Resident, Kind::Own, Kind::BreakGlass] {
                let organisation = OrganisationFacts {
                    registered: true,
                    live: true,
                    gates_in_date: true,
                    ..OrganisationFacts::default()
                };
                let asker = Asker { role: role.code.clone(), organisation, ..Asker::default() };
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
                out.push(decide(policies, &request));
            }
        }
        out.retain(|decision| decision.permit);
        out
    }

    /// The same with a restricted code in what others refer to, a label of its source on something else, and a list of all.
    fn planted(resources: &[Value], policies: &PolicySet) -> Vec<Value> {
        let code =
            policies.restricted.members().iter().find(|m| policies.restricted.has(None, &m.code)).unwrap();
        let mut out = resources.to_vec();
        let entries: Vec<Value> = out.iter().map(|r| json!({"item": {"reference": key(r)}})).collect();
        out.push(
            json!({"resourceType": "List", "id": "planted", "meta": {"source": "urn:x"}, "entry": entries}),
        );
        let mut coded = out.iter_mut().filter(|r| {
            matches!(r["resourceType"].as_str(), Some("Condition" | "Observation" | "MedicationRequest"))
        });
        if let Some(one) = coded.next() {
            one["code"] =
                json!({"coding": [{"system": code.system, "code": code.code}], "text": "Seen to the knee"});
        }
        if let Some(other) = coded.next() {
            other["meta"]["security"] =
                json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
        }
        if let Some(third) = coded.next() {
            third["note"] = json!([{"text": "after they had Seen To The Knee"}]);
        }
        out
    }

    /// For each role and reason: where all is shown without a look at the whole, the whole has nothing to withhold; what is
    /// withheld by the texts is what is withheld by the whole; and what stays as it is would lose nothing.
    #[test]
    fn what_is_withheld_by_the_texts_is_what_is_withheld_by_the_whole() {
        let policies = PolicySet::shared().unwrap();
        let (mut shown, mut withheld, mut secret, mut left, mut cut) = (0, 0, 0, 0, 0);
        let cases = cases().into_iter().step_by(6);
        for resources in cases.flat_map(|case| [planted(&case, &policies), case]) {
            let skimmed = skimmed(&resources, &policies.marks);
            let message = |resource| meta::message_of(resource).to_owned();
            let of_all: Vec<Fact<'_>> =
                resources.iter().map(|r| Fact::of(r, meta::adapter_of(r), &message(r))).collect();
            let of_texts: Vec<Fact<'_>> = skimmed.iter().map(|one| one.fact().unwrap()).collect();
            for mut decision in decisions(&policies) {
                let all = shows_all(&skimmed, &mut decision);
                let whole = Withheld::of(&of_all, &mut decision).unwrap();
                let read = Withheld::of(&of_texts, &mut decision).unwrap();
                assert!(!all || whole.is_empty(), "{decision:?}");
                if all {
                    shown += 1
                } else {
                    withheld += 1
                }
                assert_eq!(whole.by_rule(), read.by_rule());
                for (one, resource) in skimmed.iter().zip(&resources) {
                    let key = key(resource);
                    let of = |one: &Withheld| {
                        (one.hides(&key), one.is_secret(&key), one.message(meta::message_of(resource)))
                    };
                    assert_eq!(of(&whole), of(&read), "{key}");
                    secret += usize::from(whole.is_secret(&key));
                    let (mut by_whole, mut by_texts) = (resource.clone(), resource.clone());
                    whole.strip(&mut by_whole);
                    read.strip(&mut by_texts);
                    assert_eq!(by_whole, by_texts);
                    if whole.hides(&key) || !one.is_plain() {
                        continue;
                    }
                    if read.leaves(&one.entry.text) {
                        left += usize::from(!read.is_empty());
                        assert!(by_whole == *resource || read.is_empty(), "{resource} loses {by_whole}");
                    } else if by_whole != *resource {
                        cut += 1;
                    }
                }
            }
        }
        assert!(shown > 50 && withheld > 50, "{shown} shown whole, {withheld} not");
        // The control: something was withheld for what it is, and what refers to it is cut.
        assert!(secret > 100 && cut > 10 && left > 500, "{secret} secret, {cut} cut, {left} left");
    }
}
