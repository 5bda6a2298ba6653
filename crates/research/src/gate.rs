//! Whose rows may leave: the choices of each person by the access policies, restricted codes, and what would tell of
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use causeway_access::PolicySet;
use causeway_access::choices::{Choice, Choices};
use causeway_access::decide::{ExtractRequest, Form, decide_extract};
use serde_json::Value;

use crate::person::PersonRecord;
use crate::project::{LegalBasis, Project, Tier};

/// How many were left out by which rule: never who.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Removed {
    /// People of whom nothing is left, by rule.
    pub people: BTreeMap<String, u64>,
    /// Resources of people of whom something is left, by rule.
    pub resources: BTreeMap<String, u64>,
}

impl Removed {
    pub(crate) fn add(counts: &mut BTreeMap<String, u64>, rule: &str, count: u64) {
        if count > 0 {
            *counts.entry(rule.to_owned()).or_default() += count;
        }
    }

    /// Adds what others lost.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (counts, more) in [(&mut self.people, &other.people), (&mut self.resources, &other.resources)] {
            for (rule, count) in more {
                Self::add(counts, rule, *count);
            }
        }
    }
}

/// All that the decision depends on: asked once for each combination.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Class {
    choices: [bool; 4],
    consent: Option<bool>,
    gp_held: bool,
    restricted: bool,
}

/// Decides about rows.
pub struct Gate<'p> {
    policies: &'p PolicySet,
    project: &'p Project,
    answers: HashMap<Class, Result<(), String>>,
}

/// The rule under which something is left out that would tell of a restricted item.
const INFERENCE: &str = "would-tell-of-restricted";
/// The rule for what no policy permits.
const NOTHING_PERMITS: &str = "nothing-permits";

/// Resources that are about no person: nothing about them is inferred from being referred to.
const DIRECTORY: &[&str] = &["Patient", "Practitioner", "PractitionerRole", "Organization", "Location"];

impl<'p> Gate<'p> {
    /// For a project under a policy set.
    pub fn new(policies: &'p PolicySet, project: &'p Project) -> Self {
        Self { policies, project, answers: HashMap::new() }
    }

    fn permits(&mut self, choices: &Choices, class: Class) -> Result<(), String> {
        let (policies, project) = (self.policies, self.project);
        let decide = || {
            let request = ExtractRequest {
                role: &project.requester.role,
                purpose: &project.purpose,
                form: match project.tier {
                    Tier::Identifiable => Form::Identifiable,
                    Tier::Pseudonymised => Form::Pseudonymised,
                    Tier::Aggregate => Form::Aggregate,
                },
                legal_basis: matches!(project.legal_basis, LegalBasis::Other { .. }),
                consent: class.consent.is_some(),
                consent_covers_gp: class.consent == Some(true),
                choices,
                gp_held: class.gp_held,
                restricted: class.restricted,
            };
            let answer = decide_extract(policies, &request);
            if answer.permit {
                return Ok(());
            }
            Err(answer.rules.into_iter().next().unwrap_or_else(|| NOTHING_PERMITS.to_owned()))
        };
        self.answers.entry(class).or_insert_with(decide).clone()
    }

    /// Takes out of a person's resources what may not leave; counts it by rule. Whether anything may.
    pub fn admit(&mut self, person: &mut PersonRecord, removed: &mut Removed) -> bool {
        let choices = std::mem::take(&mut person.choices);
        let flags = Choice::ALL.map(|choice| choices.is_on(choice));
        let consent = person.consent.map(|c| c.covers_gp);
        let mut rules: Vec<Option<String>> = Vec::with_capacity(person.resources.len());
        let mut restricted = BTreeSet::new();
        for held in &person.resources {
            let is_restricted = self.restricted(&held.resource);
            let class = Class { choices: flags, consent, gp_held: held.gp_held, restricted: is_restricted };
            let answer = self.permits(&choices, class).err();
            if is_restricted && answer.is_some() {
                restricted.insert(causeway_access::withhold::key(&held.resource));
            }
            rules.push(answer);
        }
        person.choices = choices;
        if !restricted.is_empty() {
            infer(person, &mut rules, restricted);
        }
        // A person without the Patient resource has no place in an extract; who lost it lost everything.
        let whole = rules.iter().all(Option::is_some)
            || !person.resources.iter().zip(&rules).any(|(held, rule)| {
                rule.is_none() && held.resource.get("resourceType").and_then(Value::as_str) == Some("Patient")
            });
        if whole {
            let rule = rules.into_iter().flatten().next().unwrap_or_else(|| "no-patient".to_owned());
            Removed::add(&mut removed.people, &rule, 1);
            person.resources.clear();
            return false;
        }
        let mut verdicts = rules.into_iter();
        person.resources.retain(|_| match verdicts.next().flatten() {
            Some(rule) => {
                Removed::add(&mut removed.resources, &rule, 1);
                false
            }
            None => true,
        });
        true
    }

    fn restricted(&self, resource: &Value) -> bool {
        let restricted = &self.policies.restricted;
        let mut open = vec![resource];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(code) = object.get("code").and_then(Value::as_str) {
                        let system = object.get("system").and_then(Value::as_str);
                        if restricted.has_beyond_care(system, code) {
                            return true;
                        }
                    }
                    open.extend(object.values());
                }
                Value::Array(list) => open.extend(list),
                Value::String(text) if text.len() >= 5 && restricted.names(text) => {
                    return true;
                }
                _ => {}
            }
        }
        false
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(reference) = object.get("reference").and_then(Value::as_str) {
                let mut parts = reference.rsplit('/');
                if let (Some(id), Some(kind)) = (parts.next(), parts.next()) {
                    found.push(format!("{kind}/{id}"));
                }
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Marks what refers to a restricted item, and what only restricted or so marked items refer to, until nothing changes.
fn infer(person: &PersonRecord, rules: &mut [Option<String>], mut gone: BTreeSet<String>) {
    let keys: Vec<String> =
        person.resources.iter().map(|h| causeway_access::withhold::key(&h.resource)).collect();
    let targets: Vec<Vec<String>> = person
        .resources
        .iter()
        .map(|held| {
            let mut found = Vec::new();
            references(&held.resource, &mut found);
            found
        })
        .collect();
    let directory = |key: &str| DIRECTORY.iter().any(|kind| key.split('/').next() == Some(kind));
    let mut referrers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, targets) in targets.iter().enumerate() {
        for target in targets {
            referrers.entry(target).or_default().push(number);
        }
    }
    loop {
        let mut more = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            if gone.contains(key) || directory(key) {
                continue;
            }
            let refers = targets.get(number).into_iter().flatten().any(|target| gone.contains(target));
            let by = referrers.get(key.as_str()).map_or(&[][..], Vec::as_slice);
            let only = !by.is_empty() && by.iter().all(|n| keys.get(*n).is_some_and(|k| gone.contains(k)));
            if refers || only {
                more.push((number, key.clone()));
            }
        }
        if more.is_empty() {
            return;
        }
        for (number, key) in more {
            gone.insert(key);
            if let Some(rule @ None) = rules.get_mut(number) {
                *rule = Some(INFERENCE.to_owned());
            }
        }
    }
}
