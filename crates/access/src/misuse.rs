//! Patterns of misuse in the access log: what a privacy officer is asked to look at. A pattern is a reason to look, not a
//! finding.

use causeway_host::Answer;

use crate::audit_event::{Act, Event};
use crate::gate::Gate;
use crate::sealed::Sealed;
use crate::shelf::record_problem;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// One access of the log, with what the exchange knows of both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Number in the log.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Id of the user.
    pub user: String,
    /// Name of the user.
    pub user_name: String,
    /// The user's own NHS number where known.
    pub user_number: String,
    /// The user's own address where known.
    pub user_address: String,
    /// Code of the user's organisation.
    pub organisation: String,
    /// Id of the person.
    pub person: String,
    /// The person's NHS number.
    pub person_number: String,
    /// The person's family name.
    pub person_family: String,
    /// The person's address.
    pub person_address: String,
    /// Whether the person works for the same organisation.
    pub is_colleague: bool,
    /// Whether it was an emergency access.
    pub break_glass: bool,
    /// Whether the access rests on a relationship that a source told.
    pub told_relationship: bool,
    /// Whether a care event of that organisation followed within a week.
    pub care_followed: bool,
}

/// A pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Looked at one's own record with a staff role.
    Own,
    /// The person has the user's family name.
    SameName,
    /// The person lives at the user's address.
    SameAddress,
    /// The person works at the same place.
    Colleague,
    /// No relationship was told, and no care followed within a week.
    NoCareAfter,
    /// Far more people in a day than others of the organisation.
    Volume,
    /// More than two emergency accesses in a week.
    RepeatedBreakGlass,
}

impl Pattern {
    /// In plain words.
    pub fn plain(self) -> &'static str {
        match self {
            Pattern::Own => "looked at their own record with a staff role",
            Pattern::SameName => "the person has the same family name",
            Pattern::SameAddress => "the person lives at the same address",
            Pattern::Colleague => "the person works at the same place",
            Pattern::NoCareAfter => "no source told of a relationship, and no care followed within a week",
            Pattern::Volume => "opened far more people in a day than others there",
            Pattern::RepeatedBreakGlass => "used emergency access more than twice in a week",
        }
    }
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suspicion {
    /// Number of the access in the log.
    pub number: u64,
    /// The patterns that it shows.
    pub patterns: BTreeSet<Pattern>,
}

/// Fewest people in a day that count as many.
const VOLUME_MIN: usize = 20;
/// How many times the median of the others counts as many.
const VOLUME_TIMES: usize = 4;
/// Emergency accesses in a week above which each is looked at.
const BREAK_GLASS_WEEK: usize = 2;

/// Goes through the log.
pub fn suspicions(log: &[Access]) -> Vec<Suspicion> {
    let many = busy(log);
    log.iter()
        .filter_map(|a| {
            let mut patterns = BTreeSet::new();
            let told = |x: &str, y: &str| !x.is_empty() && fold(x) == fold(y);
            if told(&a.user_number, &a.person_number) {
                patterns.insert(Pattern::Own);
            }
            let family = a.user_name.split_whitespace().next_back().unwrap_or_default();
            // A common name alone says little where a source told of a relationship.
            if !a.told_relationship && told(family, &a.person_family) {
                patterns.insert(Pattern::SameName);
            }
            if told(&a.user_address, &a.person_address) {
                patterns.insert(Pattern::SameAddress);
            }
            if a.is_colleague && !a.told_relationship {
                patterns.insert(Pattern::Colleague);
            }
            if !a.told_relationship && !a.care_followed {
                patterns.insert(Pattern::NoCareAfter);
            }
            if many.contains(&(a.user.as_str(), day(a.at))) && !a.told_relationship {
                patterns.insert(Pattern::Volume);
            }
            if a.break_glass && week_of_break_glass(log, a) > BREAK_GLASS_WEEK {
                patterns.insert(Pattern::RepeatedBreakGlass);
            }
            (!patterns.is_empty()).then_some(Suspicion { number: a.number, patterns })
        })
        .collect()
}

fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// Users and days with far more people than others of the same organisation open.
fn busy(log: &[Access]) -> BTreeSet<(&str, i64)> {
    let mut people: BTreeMap<(&str, i64, &str), BTreeSet<&str>> = BTreeMap::new();
    for a in log {
        people.entry((a.organisation.as_str(), day(a.at), a.user.as_str())).or_default().insert(&a.person);
    }
    let mut out = BTreeSet::new();
    for ((organisation, day, user), seen) in &people {
        let mut others: Vec<usize> = people
            .iter()
            .filter(|((o, _, u), _)| o == organisation && u != user)
            .map(|(_, seen)| seen.len())
            .collect();
        others.sort_unstable();
        let median = others.get(others.len() / 2).copied().unwrap_or(1);
        if seen.len() >= VOLUME_MIN && seen.len() > median.saturating_mul(VOLUME_TIMES) {
            out.insert((*user, *day));
        }
    }
    out
}

fn week_of_break_glass(log: &[Access], of: &Access) -> usize {
    let week = SignedDuration::from_hours(24 * 7);
    let near = |a: &&Access| {
        a.user == of.user && a.break_glass && a.at <= of.at && of.at.duration_since(a.at) <= week
    };
    log.iter().filter(near).count()
}

/// The newest `rows` entries of the log as the patterns take them, with the log itself: what the exchange knows of both
/// sides. The numbers are the events' places.
///
/// # Errors
/// 503 where the record can't be read.
pub fn log(
    gate: &Gate,
    events: Sealed<Vec<Event>>,
    rows: usize,
) -> Answer<Sealed<(Vec<Access>, Vec<Event>)>> {
    events.map(|events| Ok((accesses(gate, &events, rows)?, events))).transpose()
}

fn accesses(gate: &Gate, events: &[Event], rows: usize) -> Answer<Vec<Access>> {
    let mut people: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    let mut out = Vec::new();
    let from = events.len().saturating_sub(rows);
    for (number, event) in (0u64..).zip(events).skip(from) {
        let Some(user) = event.user.as_ref().filter(|u| u.audience == "staff") else { continue };
        if event.patient.is_empty()
            || !event.refused.is_empty()
            || !matches!(event.act, Act::Read | Act::Query)
        {
            continue;
        }
        if !people.contains_key(&event.patient) {
            let person = gate.shelf.record.person_of(&event.patient).map_err(record_problem)?;
            let view = match &person {
                Some(person) => gate.shelf.record.person(person).map_err(record_problem)?,
                None => None,
            };
            let told = view.map(|v| v.display).unwrap_or_default();
            people.insert(event.patient.clone(), (told.nhs_number, told.family, told.address));
        }
        let (nhs_number, family, address) = people.get(&event.patient).cloned().unwrap_or_default();
        out.push(Access {
            number,
            at: event.recorded,
            user: format!("{}#{}", user.who.system, user.who.value),
            user_name: user.who.name.clone(),
            organisation: event.client.value.clone(),
            person: event.patient.clone(),
            person_number: nhs_number,
            person_family: family,
            person_address: address,
            break_glass: event.is_break_glass(),
            told_relationship: !matches!(
                event.relationship.as_str(),
                "self-claimed" | "break-glass" | "none" | ""
            ),
            // Whether care followed is known a week later; until then it is not held against anybody.
            care_followed: gate.clock.now().duration_since(event.recorded)
                < jiff::SignedDuration::from_hours(168),
            ..Access::default()
        });
    }
    Ok(out)
}
