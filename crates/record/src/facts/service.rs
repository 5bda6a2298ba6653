//! Services, contacts with them, plans and documents: the same title and the same day, told by two sources. They are
//! joined rarely: a council and a provider tell of one package of care, two systems list one letter.

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Standing, Telling, days_differ, same_source, told, unequal};
use crate::paths::first_text;

pub(super) static SERVICE: Rule = Rule {
    kind: "service",
    keys: service_keys,
    same: same_service,
    compare: &[("status", states_differ), ("date", days_differ), ("ended", days_differ)],
    standing: in_force,
};

pub(super) static PLAN: Rule =
    Rule { kind: "plan", keys: titled, same: of_one_day, compare: &[("status", unequal)], standing: told };

pub(super) static DOCUMENT: Rule = Rule {
    kind: "document",
    keys: titled,
    same: of_one_day,
    compare: &[("status", unequal)],
    standing: told,
};

/// Days by which a council and a provider date the beginning of one package of care differently.
const PACKAGE_DAYS: i64 = 14;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

fn titled(telling: &Telling) -> Vec<String> {
    let title = words(&telling.title);
    match &telling.day {
        Some(day) if !title.is_empty() => vec![format!("{} {day} {title}", telling.key.kind)],
        _ => Vec::new(),
    }
}

fn of_one_day(a: &Telling, b: &Telling) -> bool {
    !same_source(a, b) && a.minute.zip(b.minute).is_none_or(|(x, y)| x == y)
}

fn service_keys(telling: &Telling) -> Vec<String> {
    if telling.key.kind != "EpisodeOfCare" {
        return titled(telling);
    }
    words(&telling.title)
        .split(' ')
        .next()
        .filter(|w| !w.is_empty())
        .map(|w| format!("care {w}"))
        .into_iter()
        .collect()
}

fn same_service(a: &Telling, b: &Telling) -> bool {
    if a.key.kind != "EpisodeOfCare" {
        return of_one_day(a, b);
    }
    let (x, y) = (words(&a.title), words(&b.title));
    let within = |a: &str, b: &str| a.split(' ').all(|word| b.split(' ').any(|w| w == word));
    let near = a.low.zip(b.low).is_some_and(|(p, q)| (p - q).abs() <= PACKAGE_DAYS * DAY);
    !same_source(a, b) && near && (within(&x, &y) || within(&y, &x))
}

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    telling.aspects.insert("status", telling.status.clone());
    let ended = first_text(map, &["period.end", "executionPeriod.end"]);
    telling.aspects.insert("ended", ended.to_owned());
    telling.aspects.insert("date", telling.date.clone());
}

/// Whether one says that it goes on and the other that it is over.
fn states_differ(a: &str, b: &str) -> bool {
    over(a).zip(over(b)).is_some_and(|(x, y)| x != y)
}

fn over(status: &str) -> Option<bool> {
    match status {
        "finished" | "completed" | "cancelled" | "fulfilled" | "revoked" => Some(true),
        "active" | "in-progress" | "arrived" | "onhold" | "onleave" => Some(false),
        _ => None,
    }
}

fn in_force(tellings: &[Telling], today: &str) -> (Standing, String) {
    let of = |t: &Telling| {
        let ended = t.aspects.get("ended").map_or("", String::as_str);
        if !ended.is_empty() && ended.get(..10).unwrap_or(ended) < today {
            Some(true)
        } else {
            over(&t.status)
        }
    };
    let said: Vec<bool> = tellings.iter().filter_map(of).collect();
    match (said.contains(&true), said.contains(&false)) {
        (true, true) => (Standing::Unclear, "the sources disagree whether it goes on".to_owned()),
        (true, false) => (Standing::Past, String::new()),
        (false, true) => (Standing::Current, String::new()),
        _ => (Standing::Told, String::new()),
    }
}
