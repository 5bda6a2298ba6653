//! Facts: what several sources tell of the same thing, joined, with every telling kept and where they differ.
//!
//! Joining two tellings of different things hides one of them; leaving two tellings of one thing apart shows it twice.
//! So each kind has a narrow rule of its own, in a file of its own with its reasons, and a telling joins a fact only if
//! it is the same as *every* telling that the fact has already. A difference is shown and never resolved: which source is
//! right is for a person to say.

mod allergy;
mod condition;
mod contact;
mod immunisation;
pub(crate) mod keys;
pub(crate) mod lines;
mod medicine;
pub(crate) mod related;
mod result;
mod service;
mod statement;
pub(crate) mod telling;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};

pub use self::related::Line;
pub use self::telling::{Measured, Telling, joins};
use crate::limits;
use crate::model::Source;

/// What the sources together say of a fact now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing of the kind is said, or it is an event.
    #[default]
    Told,
    /// It holds now.
    Current,
    /// It is over: stopped, resolved.
    Past,
    /// The sources disagree, or none says it clearly.
    Unclear,
    /// It was looked into and is not so.
    Refuted,
    /// A source says that there is none.
    NoneKnown,
}

impl Standing {
    /// The word shown.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Told => "",
            Standing::Current => "current",
            Standing::Past => "past",
            Standing::Unclear => "unclear",
            Standing::Refuted => "refuted",
            Standing::NoneKnown => "none known",
        }
    }
}

/// One aspect in which the tellings of a fact differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactDifference {
    /// Which, such as `dose`, `status`, `date`, `severity`, `value`.
    pub aspect: &'static str,
    /// Value and the name of the organisation that tells it.
    pub values: Vec<(String, String)>,
}

/// What the sources tell of one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// Kind, such as `allergy`; `other` where nothing is joined.
    pub kind: &'static str,
    /// What it is about, in the words of the telling that leads.
    pub title: String,
    /// What the sources together say.
    pub standing: Standing,
    /// Why it is unclear, in a sentence; empty where it is not.
    pub why: String,
    /// The tellings, the newest first. Never empty.
    pub tellings: Vec<Telling>,
    /// Where they differ.
    pub differences: Vec<FactDifference>,
}

impl Fact {
    /// The telling that leads: the newest.
    pub fn lead(&self) -> Option<&Telling> {
        self.tellings.first()
    }

    /// How many sources tell it.
    pub fn sources(&self) -> usize {
        let mut all: Vec<_> = self.tellings.iter().map(|t| source_key(&t.source)).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}

/// An aspect, and whether two values of it contradict.
type Compared = (&'static str, fn(&str, &str) -> bool);

/// How tellings of a kind are joined and compared.
struct Rule {
    kind: &'static str,
    /// Keys of which two tellings of one thing share at least one.
    keys: fn(&Telling) -> Vec<String>,
    /// Whether two that share a key tell of one thing.
    same: fn(&Telling, &Telling) -> bool,
    /// Aspects that are compared, with whether two values contradict.
    compare: &'static [Compared],
    /// What the sources together say, and why it is unclear.
    standing: fn(&[Telling], today: &str) -> (Standing, String),
}

fn rule_of(kind: &str) -> Option<&'static Rule> {
    Some(match kind {
        "AllergyIntolerance" => &allergy::RULE,
        "Condition" => &condition::RULE,
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            &medicine::RULE
        }
        "Observation" | "DiagnosticReport" => &result::RULE,
        "Immunization" => &immunisation::RULE,
        "RelatedPerson" => &contact::RULE,
        "EpisodeOfCare" | "Encounter" | "Appointment" => &service::SERVICE,
        "CarePlan" | "Goal" | "ServiceRequest" | "Procedure" | "RiskAssessment" => &service::PLAN,
        "DocumentReference" | "Composition" => &service::DOCUMENT,
        "Consent" | "QuestionnaireResponse" => &statement::RULE,
        _ => return None,
    })
}

/// Keys of which two tellings of one thing share at least one.
fn keys_of(telling: &Telling) -> Vec<String> {
    rule_of(&telling.key.kind).map(|rule| (rule.keys)(telling)).unwrap_or_default()
}

/// Notes what of a resource is compared.
pub(crate) fn aspects(kind: &str, map: &Map<String, Value>, telling: &mut Telling) {
    match kind {
        "AllergyIntolerance" => allergy::aspects(map, telling),
        "Condition" => condition::aspects(map, telling),
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            medicine::aspects(kind, map, telling);
        }
        "Observation" | "DiagnosticReport" => result::aspects(telling),
        "Immunization" => immunisation::aspects(map, telling),
        "RelatedPerson" => contact::aspects(map, telling),
        "QuestionnaireResponse" => {
            service::aspects(map, telling);
            statement::aspects(map, telling);
        }
        _ => service::aspects(map, telling),
    }
}

/// A source by what tells it from others: organisation and format.
fn source_key(source: &Source) -> (&str, &str) {
    (&source.organisation_code, &source.system)
}

fn same_source(a: &Telling, b: &Telling) -> bool {
    source_key(&a.source) == source_key(&b.source)
}

/// Whether two differ at all: for aspects of which any two values contradict.
fn unequal(a: &str, b: &str) -> bool {
    a != b
}

/// Whether two FHIR dates can't be the same: neither is the other at a coarser precision.
fn days_differ(a: &str, b: &str) -> bool {
    let day = |t: &str| t.get(..10).unwrap_or(t).to_owned();
    let (a, b) = (day(a), day(b));
    !a.starts_with(&b) && !b.starts_with(&a)
}

/// Joins tellings of one part of the record into facts, the newest first. `today` is `YYYY-MM-DD`.
pub(crate) fn join(mut tellings: Vec<Telling>, today: &str) -> Vec<Fact> {
    tellings.sort_by_cached_key(|t| (std::cmp::Reverse(t.low.unwrap_or(i64::MIN)), t.key.clone()));
    let mut facts: Vec<(Option<&'static Rule>, Vec<Telling>)> = Vec::new();
    let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
    for telling in tellings {
        let rule = rule_of(&telling.key.kind);
        let keys = keys_of(&telling);
        let fits = |at: &usize| {
            facts.get(*at).is_some_and(|(of, members)| {
                let same_kind = matches!((of, rule), (Some(a), Some(b)) if a.kind == b.kind);
                let room = members.len() < limits::TELLINGS_MAX;
                same_kind && room && rule.is_some_and(|r| members.iter().all(|m| (r.same)(m, &telling)))
            })
        };
        let found = keys.iter().filter_map(|key| by_key.get(key)).flatten().find(|at| fits(at)).copied();
        let at = found.unwrap_or(facts.len());
        for key in keys {
            let places = by_key.entry(key).or_default();
            if !places.contains(&at) {
                places.push(at);
            }
        }
        match facts.get_mut(at) {
            Some((_, members)) => members.push(telling),
            None => facts.push((rule, vec![telling])),
        }
    }
    facts.into_iter().map(|(rule, members)| fact(rule, members, today)).collect()
}

fn fact(rule: Option<&'static Rule>, tellings: Vec<Telling>, today: &str) -> Fact {
    let (standing, why) = rule.map_or_else(Default::default, |rule| (rule.standing)(&tellings, today));
    let differences = rule.map(|rule| differences(rule, &tellings)).unwrap_or_default();
    let title = tellings.first().map(|t| t.title.clone()).unwrap_or_default();
    Fact { kind: rule.map_or("other", |r| r.kind), title, standing, why, tellings, differences }
}

/// Where sources differ: of each source what it told last of the aspect.
fn differences(rule: &Rule, tellings: &[Telling]) -> Vec<FactDifference> {
    let mut out = Vec::new();
    for (aspect, differs) in rule.compare {
        let mut last: BTreeMap<(&str, &str), &Telling> = BTreeMap::new();
        for telling in tellings.iter().filter(|t| t.aspects.get(aspect).is_some_and(|v| !v.is_empty())) {
            last.entry(source_key(&telling.source)).or_insert(telling);
        }
        let values: Vec<(&str, &Telling)> =
            last.values().filter_map(|t| Some((t.aspects.get(aspect)?.as_str(), *t))).collect();
        let contradicts = values
            .iter()
            .enumerate()
            .any(|(n, (a, _))| values.iter().skip(n + 1).any(|(b, _)| differs(a, b)));
        if contradicts {
            let named = |t: &Telling| {
                let several =
                    values.iter().filter(|(_, o)| o.source.organisation == t.source.organisation).count() > 1;
                let name = &t.source.organisation;
                if several { format!("{name}, {}", t.source.system) } else { name.clone() }
            };
            let values = values.iter().map(|(value, t)| ((*value).to_owned(), named(t))).collect();
            out.push(FactDifference { aspect, values });
        }
    }
    out
}

/// Nothing is said of now.
fn told(_: &[Telling], _: &str) -> (Standing, String) {
    (Standing::Told, String::new())
}
