//! What is withheld of one person's record, with nothing left by which it could be inferred.
//!
//! An item is withheld where the decision forbids it. Then, until nothing changes:
//! * what is about a withheld item (its reason, basis, part, evidence, result or document) is withheld too;
//! * a container (list, plan, report, composition, provenance) loses its references to it, and its narrative, and is withheld
//!   when nothing is left in it;
//! * what named a withheld item by its own words is withheld;
//! * what could be reached only through withheld items (the visit, the clinic, the specialist) is withheld;
//! * a readable document or attachment that can't be searched is withheld where its message told a withheld item.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::decide::{Decision, Item};
use crate::policy::PolicySet;
use crate::sections::{SUMMARY_CONTACTS, in_summary};
use crate::words::Words;
use crate::{labels, sections};

/// One resource of the person's record, with what the record knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// The resource as it stands.
    pub resource: &'a Value,
    /// Adapter that translated it.
    pub adapter: &'a str,
    /// Message that told it.
    pub message: &'a str,
}

/// Why something is not shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The section is not for the role, or it is not in the section's summary.
    Role,
    /// The item itself, by these rules.
    Rules(Vec<String>),
    /// Not for the role, and withheld from others too.
    RoleSecret,
    /// It would tell of a withheld item.
    Inference,
}

/// What is withheld of one person's record for one decision.
#[derive(Clone, Debug, Default)]
pub struct Withheld {
    hidden: HashMap<String, Why>,
    words: BTreeSet<String>,
    /// Finds the wordings in texts, once they are all known.
    finder: Words,
    /// Wording of items that only their source calls confidential: looked for unless shown items are worded the same.
    soft_words: BTreeSet<String>,
    messages: HashSet<String>,
}

/// Elements by which a resource says what it is about: what refers to a withheld item by one of them is withheld too.
const ABOUT: &[&str] = &[
    "reasonReference",
    "basedOn",
    "partOf",
    "derivedFrom",
    "focus",
    "evidence",
    "indication",
    "detail",
    "replaces",
    "priorPrescription",
    "authorizingPrescription",
    "request",
    "follows",
    "encounter",
    "context",
    "specimen",
    "relatesTo",
    "supportingInformation",
    "supportingInfo",
    "investigation",
    "problem",
    "outcomeReference",
    "complication",
    "complicationDetail",
    "dueTo",
    "manifestation",
];

/// Types that only hold others: they lose the reference and stay while something is left.
const CONTAINERS: &[&str] = &[
    "List",
    "Composition",
    "Provenance",
    "DiagnosticReport",
    "CarePlan",
    "CareTeam",
    "DocumentManifest",
    "Bundle",
    "EpisodeOfCare",
    "Group",
    "Encounter",
    "Appointment",
    "ClinicalImpression",
    "QuestionnaireResponse",
];

/// Elements of a container by which it holds others.
const HOLDS: &[&str] = &[
    "entry",
    "section",
    "target",
    "result",
    "activity",
    "participant",
    "content",
    "diagnosis",
    "related",
    "member",
    "addresses",
    "goal",
    "finding",
    "problem",
    "imagingStudy",
    "media",
    "contained",
    "account",
    "referralRequest",
    "what",
    "entity",
    "focus",
    "supportingInfo",
    "item",
    "hasMember",
    "specimen",
    "condition",
    "location",
    "reasonReference",
];

/// Types that are seen only because something else refers to them.
const REACHED_ONLY: &[&str] = &[
    "Encounter",
    "Appointment",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "HealthcareService",
    "Medication",
    "Substance",
    "Specimen",
    "Binary",
    "Media",
    "Device",
    "EpisodeOfCare",
];

/// `Type/id` of a resource.
pub fn key(resource: &Value) -> String {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    format!("{}/{}", text("resourceType"), text("id"))
}

impl Withheld {
    /// Works out what is withheld. `facts` must be the whole of what is told of the person: what is not given can't be
    /// followed.
    pub fn of(facts: &[Fact<'_>], decision: &mut Decision) -> Self {
        let mut out = Self::default();
        let mut contacts: Vec<(String, &Value)> = Vec::new();
        let policies = std::sync::Arc::clone(decision.policies());
        out.words.extend(policies.restricted.terms().cloned());
        for fact in facts {
            let section = sections::section_of(fact.resource, fact.adapter);
            let labels = labels::of(fact.resource, &policies.restricted);
            match decision.item(section, &labels) {
                Item::Show => {}
                Item::ShowInSummary if section == "encounters" && in_summary(fact.resource) => {
                    contacts.push((date_of(fact.resource), fact.resource));
                }
                Item::ShowInSummary if in_summary(fact.resource) => {}
                Item::ShowInSummary | Item::NotForRole { secret: false } => {
                    out.hidden.insert(key(fact.resource), Why::Role);
                }
                Item::NotForRole { secret: true } => {
                    out.remember(fact, &[]);
                    out.hidden.insert(key(fact.resource), Why::RoleSecret);
                }
                Item::Withhold { rules } => {
                    out.remember(fact, &rules);
                    out.hidden.insert(key(fact.resource), Why::Rules(rules));
                }
            }
        }
        contacts.sort_by(|a, b| b.0.cmp(&a.0));
        for (_, resource) in contacts.iter().skip(SUMMARY_CONTACTS) {
            out.hidden.insert(key(resource), Why::Role);
        }
        if out.hidden.is_empty() {
            return Self::nothing(&policies);
        }
        out.soften(facts);
        out.finder = Words::or_always(out.words.iter());
        out.close(facts);
        out
    }

    /// Where a decision shows everything: only restricted wordings are still cut out of narratives and displays.
    pub fn nothing(policies: &PolicySet) -> Self {
        Self { finder: policies.restricted.finder().clone(), ..Self::default() }
    }

    /// A common wording ("Blood pressure") of an item that its source calls confidential must not hide every other such
    /// item: that would be a danger to the person.
    fn soften(&mut self, facts: &[Fact<'_>]) {
        if self.soft_words.is_empty() {
            return;
        }
        let mut shown = BTreeSet::new();
        for fact in facts.iter().filter(|f| !self.hidden.contains_key(&key(f.resource))) {
            own_words(fact.resource, &mut shown);
        }
        let soft = std::mem::take(&mut self.soft_words);
        self.words.extend(soft.difference(&shown).cloned());
    }

    fn remember(&mut self, fact: &Fact<'_>, rules: &[String]) {
        if !fact.message.is_empty() {
            self.messages.insert(fact.message.to_owned());
        }
        let only_confidential =
            !rules.is_empty() && rules.iter().all(|r| r == "item-confidential" || r == "item-safety-only");
        own_words(fact.resource, if only_confidential { &mut self.soft_words } else { &mut self.words });
    }

    /// Follows what would tell of withheld items until nothing changes.
    fn close(&mut self, facts: &[Fact<'_>]) {
        let keys: Vec<String> = facts.iter().map(|f| key(f.resource)).collect();
        let known: HashSet<&str> = keys.iter().map(String::as_str).collect();
        let links: Vec<Vec<Link<'_>>> = facts.iter().map(|f| links(f.resource, &known)).collect();
        loop {
            let before = self.secrets();
            for ((fact, key), links) in facts.iter().zip(&keys).zip(&links) {
                if !self.is_secret(key) && self.tells(fact, links) {
                    self.infer(key);
                }
            }
            self.unreached(facts, &keys, &links);
            if self.secrets() == before {
                return;
            }
        }
    }

    /// Withholds what would tell of a withheld item. What is not for the role anyway is a secret from now on too: neither the
    /// access log nor a search may name it.
    fn infer(&mut self, key: &str) {
        let why = if self.hidden.contains_key(key) { Why::RoleSecret } else { Why::Inference };
        self.hidden.insert(key.to_owned(), why);
    }

    fn secrets(&self) -> usize {
        self.hidden.values().filter(|why| **why != Why::Role).count()
    }

    /// Whether showing a resource would tell of a withheld item.
    fn tells(&self, fact: &Fact<'_>, links: &[Link<'_>]) -> bool {
        let kind = fact.resource["resourceType"].as_str().unwrap_or_default();
        let container = CONTAINERS.contains(&kind);
        // What is held back only for the role is no secret: that it exists may be known, so nothing follows from it.
        let hidden = |link: &&Link<'_>| self.is_secret(link.to);
        if container {
            let holds: Vec<&Link<'_>> = links.iter().filter(|l| HOLDS.contains(&l.by)).collect();
            let all_gone = !holds.is_empty() && holds.iter().all(|l| self.hidden.contains_key(l.to));
            if all_gone && own_content(kind, fact.resource) == Own::None {
                return true;
            }
        } else if links.iter().filter(hidden).any(|l| ABOUT.contains(&l.by)) {
            return true;
        }
        // A narrative is taken out; what else of a resource names a withheld item can't be cut out.
        if names(fact.resource, &self.finder) {
            return !container || self.words_outside_links(fact);
        }
        kind_is_opaque(kind, fact.resource) && self.messages.contains(fact.message)
    }

    /// Whether a container names a withheld item in more than displays of references and list items.
    fn words_outside_links(&self, fact: &Fact<'_>) -> bool {
        let mut copy = fact.resource.clone();
        self.strip(&mut copy);
        names(&copy, &self.finder)
    }

    /// Whether a resource is withheld for what it is or what it would tell, not only for the role.
    pub fn is_secret(&self, key: &str) -> bool {
        matches!(self.hidden.get(key), Some(Why::Rules(_) | Why::RoleSecret | Why::Inference))
    }

    /// What was reached through withheld items only.
    fn unreached(&mut self, facts: &[Fact<'_>], keys: &[String], links: &[Vec<Link<'_>>]) {
        let mut by_visible: HashSet<&str> = HashSet::new();
        let mut by_hidden: HashSet<&str> = HashSet::new();
        // What is not for the role is reached by what is not for the role either: a secret only where nothing else does.
        let mut by_known: HashSet<&str> = HashSet::new();
        let mut by_secret: HashSet<&str> = HashSet::new();
        let mut to_secret: HashSet<&str> = HashSet::new();
        for ((key, links), fact) in keys.iter().zip(links).zip(facts) {
            // A provenance names everything of its message: it reaches nothing on its own.
            if fact.resource["resourceType"] == "Provenance" || fact.resource["resourceType"] == "List" {
                continue;
            }
            let hidden = self.hidden.contains_key(key);
            if links.iter().any(|l| self.is_secret(l.to)) {
                to_secret.insert(key);
            }
            let secret = self.is_secret(key);
            for link in links {
                if secret {
                    by_secret.insert(link.to);
                } else {
                    by_known.insert(link.to);
                }
                if !hidden {
                    by_visible.insert(link.to);
                } else {
                    by_hidden.insert(link.to);
                }
            }
        }
        let gone: Vec<String> = facts
            .iter()
            .zip(keys)
            .filter(|(fact, key)| {
                let kind = fact.resource["resourceType"].as_str().unwrap_or_default();
                // A visit whose reason is withheld is reached by nothing else either, though it refers itself.
                let visit = matches!(kind, "Encounter" | "Appointment") && to_secret.contains(key.as_str());
                let (reached, else_) = match self.hidden.get(*key) {
                    None => (&by_hidden, &by_visible),
                    Some(Why::Role) => (&by_secret, &by_known),
                    Some(_) => return false,
                };
                REACHED_ONLY.contains(&kind)
                    && (visit || reached.contains(key.as_str()))
                    && !else_.contains(key.as_str())
            })
            .map(|(_, key)| key.clone())
            .collect();
        for key in gone {
            self.infer(&key);
        }
    }

    /// Whether a resource, by `Type/id`, is withheld.
    pub fn hides(&self, key: &str) -> bool {
        self.hidden.contains_key(key)
    }

    /// Whether nothing is withheld.
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// Every withheld `Type/id`.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.hidden.keys().map(String::as_str)
    }

    /// Whether anything is withheld for what it is, not only for the role: then it is announced.
    pub fn confidential(&self) -> bool {
        self.hidden.values().any(|why| matches!(why, Why::Rules(_) | Why::Inference))
    }

    /// Whether a message told something that is withheld: then its original, its bundle and its account are withheld
    /// whole, as they can't be cut.
    pub fn message(&self, message: &str) -> bool {
        self.messages.contains(message)
    }

    /// How many items are held back by which rule: for the trace and the privacy officer, never for the reader.
    pub fn by_rule(&self) -> HashMap<String, usize> {
        let mut out = HashMap::new();
        for why in self.hidden.values() {
            match why {
                Why::Rules(rules) => {
                    for rule in rules {
                        *out.entry(rule.clone()).or_default() += 1;
                    }
                }
                Why::Inference => *out.entry("inference".to_owned()).or_default() += 1,
                Why::Role | Why::RoleSecret => *out.entry("role".to_owned()).or_default() += 1,
            }
        }
        out
    }

    /// Takes out of a shown resource every reference to a withheld one, and the narrative where it lost anything or names
    /// a withheld item. Gives whether it changed.
    pub fn strip(&self, resource: &mut Value) -> bool {
        let cut = self.cut(resource);
        let dropped = (cut || narratives_name(resource, &self.finder)) && drop_narratives(resource);
        cut || dropped
    }

    /// Removes references to withheld resources below, with the list item that holds them; gives whether it changed.
    fn cut(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(list) => {
                let before = list.len();
                let mut changed = false;
                for item in list.iter_mut() {
                    changed |= self.cut(item);
                }
                list.retain(|item| !self.leads_to_hidden(item) && !is_hollow(item));
                changed || list.len() != before
            }
            Value::Object(map) => self.cut_map(map),
            _ => false,
        }
    }

    fn cut_map(&self, map: &mut Map<String, Value>) -> bool {
        let mut changed = false;
        let mut gone = Vec::new();
        let display = labels::member(map, "display").and_then(Value::as_str);
        if display.is_some_and(|text| self.finder.are_in(text)) && labels::member(map, "reference").is_some()
        {
            map.remove("display");
            changed = true;
        }
        for (name, value) in map.iter_mut() {
            let was = is_hollow(value);
            changed |= self.cut(value);
            if self.leads_to_hidden(value) || (!was && is_hollow(value)) {
                gone.push(name.clone());
            }
        }
        for name in gone {
            map.remove(&name);
            changed = true;
        }
        changed
    }

    /// Whether a value is a reference to a withheld resource, or a list item that holds nothing else (`List.entry.item`).
    fn leads_to_hidden(&self, value: &Value) -> bool {
        let Value::Object(map) = value else { return false };
        if self.hidden.is_empty() {
            return false;
        }
        if let Some(reference) = labels::member(map, "reference").and_then(Value::as_str) {
            return self.hides(local(reference));
        }
        labels::member(map, "item").is_some_and(|item| self.leads_to_hidden(item))
    }
}

/// The wording by which a resource says what it is: by it others may name it.
fn own_words(resource: &Value, into: &mut BTreeSet<String>) {
    for name in ["code", "medicationCodeableConcept", "vaccineCode", "type", "valueCodeableConcept"] {
        labels::walk(&resource[name], &mut |name, value| {
            if matches!(name, "display" | "text")
                && let Some(text) = value.as_str()
            {
                let text = text.trim().to_lowercase();
                if text.chars().count() >= WORDS_MIN && text.contains(' ') {
                    into.insert(text);
                }
            }
        });
    }
}

/// Whether a value is a narrative.
fn is_narrative(value: &Value) -> bool {
    value.as_object().is_some_and(|map| labels::member(map, "div").is_some())
}

/// Removes every narrative below.
fn drop_narratives(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |changed, v| drop_narratives(v) | changed),
        Value::Object(map) => {
            let before = map.len();
            map.retain(|_, v| !is_narrative(v));
            let mut changed = map.len() != before;
            for value in map.values_mut() {
                changed |= drop_narratives(value);
            }
            changed
        }
        _ => false,
    }
}

/// Shortest wording of a withheld item that is looked for in others.
const WORDS_MIN: usize = 8;

/// A reference from one resource to another of the person's record.
struct Link<'a> {
    /// Top-level element that holds it.
    by: &'a str,
    /// `Type/id`.
    to: &'a str,
}

/// `Type/id` of a relative or absolute reference, without a version.
fn local(reference: &str) -> &str {
    let reference = reference.split("/_history/").next().unwrap_or_default();
    let mut cuts = reference.rmatch_indices('/').map(|(at, _)| at);
    cuts.next();
    match cuts.next() {
        Some(at) => reference.get(at + 1..).unwrap_or(reference),
        None => reference,
    }
}

fn links<'a>(resource: &'a Value, known: &HashSet<&str>) -> Vec<Link<'a>> {
    let mut out = Vec::new();
    for (name, value) in resource.as_object().into_iter().flatten() {
        if matches!(name.as_str(), "subject" | "patient" | "beneficiary") {
            continue;
        }
        let mut add = |reference: &'a Value| {
            if let Some(to) = reference.as_str().map(local).filter(|to| known.contains(to)) {
                out.push(Link { by: name, to });
            }
        };
        if let Some(reference) = value.get("reference") {
            add(reference);
        }
        labels::walk(value, &mut |inner, value| {
            if inner == "reference" {
                add(value);
            }
        });
    }
    // An encounter of an encounter's own reason is walked above; the direct reference was added twice at most.
    out
}

#[derive(PartialEq, Eq)]
enum Own {
    /// It says nothing beyond what it holds.
    None,
    /// It says something itself.
    Some,
}

/// Whether a container says something of its own, beside what it holds.
fn own_content(kind: &str, resource: &Value) -> Own {
    let has = |names: &[&str]| names.iter().any(|n| resource.get(*n).is_some());
    let own = match kind {
        "Encounter" => has(&["reasonCode", "hospitalization", "serviceType", "class", "type"]),
        "Appointment" => has(&["reasonCode", "serviceType", "start"]),
        "EpisodeOfCare" => true,
        "CarePlan" => has(&["description", "note"]),
        "ClinicalImpression" => has(&["summary", "description", "note"]),
        "QuestionnaireResponse" => has(&["item"]),
        "DiagnosticReport" => has(&["conclusion", "conclusionCode", "presentedForm"]),
        _ => false,
    };
    if own { Own::Some } else { Own::None }
}

/// Whether a text in it names one of these, its narratives aside. Attachments that are text are read.
fn names(value: &Value, words: &Words) -> bool {
    if words.is_empty() {
        return false;
    }
    match value {
        Value::String(text) => words.are_in(text),
        Value::Array(list) => list.iter().any(|v| names(v, words)),
        Value::Object(map) => {
            if let (Some(data), Some(kind)) =
                (map.get("data").and_then(Value::as_str), map.get("contentType").and_then(Value::as_str))
                && kind.starts_with("text/")
                && let Ok(bytes) = STANDARD.decode(data)
                && words.are_in(&String::from_utf8_lossy(&bytes))
            {
                return true;
            }
            map.values().any(|value| !is_narrative(value) && names(value, words))
        }
        _ => false,
    }
}

/// Whether a narrative in it names one of these.
fn narratives_name(value: &Value, words: &Words) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|v| narratives_name(v, words)),
        Value::Object(map) => map.values().any(|v| match v.get("div").and_then(Value::as_str) {
            Some(div) => words.are_in(div),
            None => narratives_name(v, words),
        }),
        _ => false,
    }
}

/// A document or attachment whose content can't be searched.
fn kind_is_opaque(kind: &str, resource: &Value) -> bool {
    let opaque = |attachment: &Value| {
        let kind = attachment["contentType"].as_str().unwrap_or_default();
        !(kind.starts_with("text/") && attachment.get("data").is_some())
    };
    match kind {
        "Binary" => opaque(resource),
        "DocumentReference" => {
            let contents = resource["content"].as_array().into_iter().flatten();
            contents
                .map(|c| &c["attachment"])
                .any(|a| (a.get("data").is_some() || a.get("url").is_some()) && opaque(a))
        }
        "DiagnosticReport" => resource["presentedForm"].as_array().into_iter().flatten().any(opaque),
        "Media" => opaque(&resource["content"]),
        _ => false,
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn date_of(resource: &Value) -> String {
    let period = resource["period"]["start"].as_str();
    period.or(resource["start"].as_str()).unwrap_or_default().to_owned()
}

/// The sentence by which withheld items are announced, without their kind or number (GP Connect's wording).
pub const ANNOUNCEMENT: &str = "Items excluded due to confidentiality and/or patient preferences.";

/// The announcement's code.
pub const ANNOUNCEMENT_CODE: &str = "confidential-items";

/// How many items each section lost for the role alone, for the line on the page.
pub fn held_for_role(facts: &[Fact<'_>], withheld: &Withheld) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for fact in facts {
        if withheld.hidden.get(&key(fact.resource)) == Some(&Why::Role) {
            let section = sections::section_of(fact.resource, fact.adapter);
            *out.entry(section.to_owned()).or_default() += 1;
        }
    }
    out
}
