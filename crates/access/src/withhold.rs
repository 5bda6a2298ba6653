//! What is withheld of one person's record, with nothing left by which it could be inferred.
//!
//! An item is withheld where the decision forbids it. Then, until nothing changes:
//! * what is about a withheld item (its reason, basis, part, evidence, result or document) is withheld too;
//! * a container (list, plan, report, composition, provenance) loses its references to it, and its narrative, and is withheld
//!   when nothing is left in it;
//! * what named a withheld item by its own words is withheld;
//! * what could be reached only through withheld items (the visit, the clinic, the specialist) is withheld;
//! * a readable document or attachment that can't be searched is withheld where its message told a withheld item.

use std::collections::{BTreeSet, HashMap, HashSet};

use causeway_record::{RecordError, joins};
use serde_json::{Map, Value};

use crate::content::{
    date_of, drop_narratives, is_hollow, is_opaque, names, narratives_name, own_words, says_nothing_itself,
};
use crate::decide::{Decision, Item};
use crate::fact::{Link, local};
use crate::policy::PolicySet;
use crate::sections::{SUMMARY_CONTACTS, in_summary};
use crate::words::Words;
use crate::{labels, references};

pub use crate::fact::{Fact, key};

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
    /// Whether it finds more than restricted terms, which are in no text that is plain.
    beyond_terms: bool,
    /// Wording of items that only their source calls confidential: looked for unless shown items are worded the same.
    soft_words: BTreeSet<String>,
    messages: HashSet<String>,
}

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

/// Types of which a source may call over what another still calls current.
const ENDS: &[&str] = &["Condition", "MedicationRequest", "MedicationStatement"];

/// Of what is over, what tells so of a thing that is shown as current: left out of a summary, the reader would take for current
/// what another source stopped.
fn ended<'f, 'a>(
    facts: &[Fact<'_>],
    current: &[&Fact<'_>],
    over: Vec<&'f Fact<'a>>,
) -> Result<Vec<&'f Fact<'a>>, RecordError> {
    let ends = |fact: &Fact<'_>| ENDS.contains(&fact.kind());
    let over: Vec<&Fact<'_>> = over.into_iter().filter(|fact| ends(fact)).collect();
    if over.is_empty() || !current.iter().any(|fact| ends(fact)) {
        return Ok(Vec::new());
    }
    let mut medications = HashMap::new();
    for fact in facts.iter().filter(|fact| fact.kind() == "Medication") {
        if let Some(medication) = fact.value()?.as_object() {
            medications.insert(fact.key.clone(), medication.clone());
        }
    }
    let mut shown: HashSet<(&str, String)> = HashSet::new();
    for fact in current.iter().filter(|fact| ends(fact)) {
        let keys = joins(fact.value()?, &medications);
        shown.extend(keys.into_iter().map(|key| (fact.section, key)));
    }
    let mut out = Vec::new();
    // What has no name is the end of nothing that could be told.
    let named = |resource: &Value| {
        ["code", "medicationCodeableConcept", "medicationReference"]
            .iter()
            .any(|name| !resource[*name].is_null())
    };
    for fact in over {
        if named(fact.value()?)
            && joins(fact.value()?, &medications).into_iter().any(|key| shown.contains(&(fact.section, key)))
        {
            out.push(fact);
        }
    }
    Ok(out)
}

impl Withheld {
    /// Works out what is withheld. `facts` must be the whole of what is told of the person: what is not given can't be
    /// followed.
    ///
    /// # Errors
    /// What is kept can't be read.
    pub fn of(facts: &[Fact<'_>], decision: &mut Decision) -> Result<Self, RecordError> {
        let mut out = Self::default();
        let mut contacts: Vec<(String, &Fact<'_>)> = Vec::new();
        let (mut current, mut over): (Vec<&Fact<'_>>, Vec<&Fact<'_>>) = (Vec::new(), Vec::new());
        let policies = std::sync::Arc::clone(decision.policies());
        out.words.extend(policies.restricted.terms().cloned());
        let terms = out.words.len();
        for fact in facts {
            let key = || fact.key.clone();
            match decision.item(fact.section, &fact.labels(&policies.restricted)) {
                Item::Show => {}
                Item::ShowInSummary if !in_summary(fact.value()?) => {
                    over.push(fact);
                    out.hidden.insert(key(), Why::Role);
                }
                Item::ShowInSummary if fact.section == "encounters" => {
                    contacts.push((date_of(fact.value()?), fact));
                }
                Item::ShowInSummary => current.push(fact),
                Item::NotForRole { secret: false } => {
                    out.hidden.insert(key(), Why::Role);
                }
                Item::NotForRole { secret: true } => {
                    out.remember(fact, &[])?;
                    out.hidden.insert(key(), Why::RoleSecret);
                }
                Item::Withhold { rules } => {
                    out.remember(fact, &rules)?;
                    out.hidden.insert(key(), Why::Rules(rules));
                }
            }
        }
        contacts.sort_by(|a, b| b.0.cmp(&a.0));
        for (_, fact) in contacts.iter().skip(SUMMARY_CONTACTS) {
            out.hidden.insert(fact.key.clone(), Why::Role);
        }
        for fact in ended(facts, &current, over)? {
            out.hidden.remove(&fact.key);
        }
        if out.hidden.is_empty() {
            return Ok(Self::nothing(&policies));
        }
        out.soften(facts)?;
        out.beyond_terms = out.words.len() > terms;
        out.finder = Words::or_always(out.words.iter());
        out.close(facts)?;
        Ok(out)
    }

    /// Where a decision shows everything: only restricted wordings are still cut out of narratives and displays.
    pub fn nothing(policies: &PolicySet) -> Self {
        Self { finder: policies.restricted.finder().clone(), ..Self::default() }
    }

    /// A common wording ("Blood pressure") of an item that its source calls confidential must not hide every other such
    /// item: that would be a danger to the person.
    fn soften(&mut self, facts: &[Fact<'_>]) -> Result<(), RecordError> {
        if self.soft_words.is_empty() {
            return Ok(());
        }
        let mut shown = BTreeSet::new();
        for fact in facts.iter().filter(|f| !self.hidden.contains_key(&f.key)) {
            own_words(fact.value()?, &mut shown);
        }
        let soft = std::mem::take(&mut self.soft_words);
        self.words.extend(soft.difference(&shown).cloned());
        Ok(())
    }

    fn remember(&mut self, fact: &Fact<'_>, rules: &[String]) -> Result<(), RecordError> {
        if !fact.message.is_empty() {
            self.messages.insert(fact.message.clone());
        }
        let only_confidential =
            !rules.is_empty() && rules.iter().all(|r| r == "item-confidential" || r == "item-safety-only");
        own_words(fact.value()?, if only_confidential { &mut self.soft_words } else { &mut self.words });
        Ok(())
    }

    /// Follows what would tell of withheld items until nothing changes.
    fn close(&mut self, facts: &[Fact<'_>]) -> Result<(), RecordError> {
        let known: HashSet<&str> = facts.iter().map(|f| f.key.as_str()).collect();
        let links: Vec<Vec<Link<'_>>> = facts.iter().map(|f| f.links(&known)).collect::<Result<_, _>>()?;
        let named: Vec<bool> = facts
            .iter()
            .map(|fact| Ok(!self.is_secret(&fact.key) && fact.names(&self.finder, self.beyond_terms)?))
            .collect::<Result<_, RecordError>>()?;
        loop {
            let before = self.secrets();
            for ((fact, links), named) in facts.iter().zip(&links).zip(&named) {
                if !self.is_secret(&fact.key) && self.tells(fact, links, *named)? {
                    self.infer(&fact.key);
                }
            }
            self.unreached(facts, &links);
            if self.secrets() == before {
                return Ok(());
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

    /// Whether showing a resource would tell of a withheld item; `named`: whether a text in it names one.
    fn tells(&self, fact: &Fact<'_>, links: &[Link<'_>], named: bool) -> Result<bool, RecordError> {
        let kind = fact.kind();
        let container = CONTAINERS.contains(&kind);
        // What is held back only for the role is no secret: that it exists may be known, so nothing follows from it.
        if container {
            let mut holds = links.iter().filter(|l| l.holds).peekable();
            let all_gone = holds.peek().is_some() && holds.all(|l| self.hidden.contains_key(l.to));
            if all_gone && says_nothing_itself(kind, fact.value()?) {
                return Ok(true);
            }
        } else if links.iter().any(|l| l.about && self.is_secret(l.to)) {
            return Ok(true);
        }
        // A narrative is taken out; what else of a resource names a withheld item can't be cut out.
        if named {
            return Ok(!container || self.words_outside_links(fact.value()?));
        }
        Ok(self.messages.contains(&fact.message) && is_opaque(kind, fact.value()?))
    }

    /// Whether a container names a withheld item in more than displays of references and list items.
    fn words_outside_links(&self, resource: &Value) -> bool {
        let mut copy = resource.clone();
        self.strip(&mut copy);
        names(&copy, &self.finder)
    }

    /// Whether a resource is withheld for what it is or what it would tell, not only for the role.
    pub fn is_secret(&self, key: &str) -> bool {
        matches!(self.hidden.get(key), Some(Why::Rules(_) | Why::RoleSecret | Why::Inference))
    }

    /// What was reached through withheld items only.
    fn unreached(&mut self, facts: &[Fact<'_>], links: &[Vec<Link<'_>>]) {
        let mut by_visible: HashSet<&str> = HashSet::new();
        let mut by_hidden: HashSet<&str> = HashSet::new();
        // What is not for the role is reached by what is not for the role either: a secret only where nothing else does.
        let mut by_known: HashSet<&str> = HashSet::new();
        let mut by_secret: HashSet<&str> = HashSet::new();
        let mut to_secret: HashSet<&str> = HashSet::new();
        for (links, fact) in links.iter().zip(facts) {
            let key = fact.key.as_str();
            // A provenance names everything of its message: it reaches nothing on its own.
            if matches!(fact.kind(), "Provenance" | "List") {
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
        let gone: Vec<&Fact<'_>> = facts
            .iter()
            .filter(|fact| {
                let (kind, key) = (fact.kind(), fact.key.as_str());
                // A visit whose reason is withheld is reached by nothing else either, though it refers itself.
                let visit = matches!(kind, "Encounter" | "Appointment") && to_secret.contains(key);
                let (reached, else_) = match self.hidden.get(key) {
                    None => (&by_hidden, &by_visible),
                    Some(Why::Role) => (&by_secret, &by_known),
                    Some(_) => return false,
                };
                REACHED_ONLY.contains(&kind) && (visit || reached.contains(key)) && !else_.contains(key)
            })
            .collect();
        for fact in gone {
            self.infer(&fact.key);
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

    /// Whether a resource in whose text nothing of the policy set is marked stays as it is: [`Withheld::strip`] would change
    /// nothing. No where that is not to be seen in the text.
    pub(crate) fn leaves(&self, text: &str) -> bool {
        if self.hidden.is_empty() {
            return true;
        }
        // What is empty is cut too.
        let unclear = text.contains('\\') || text.contains("[]") || text.contains("{}");
        let named = self.beyond_terms && self.finder.are_in(text);
        !unclear && !named && references::plainly_in(text).all(|reference| !self.hides(local(reference)))
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

/// The sentence by which withheld items are announced, without their kind or number (GP Connect's wording).
pub const ANNOUNCEMENT: &str = "Items excluded due to confidentiality and/or patient preferences.";

/// The announcement's code.
pub const ANNOUNCEMENT_CODE: &str = "confidential-items";
