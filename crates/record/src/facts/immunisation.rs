//! Vaccinations: the same vaccine on the same day, told by two sources. Two doses of one day told by one source are two.

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Standing, Telling, same_source, unequal};
use crate::paths::first_text;

pub(super) static RULE: Rule = Rule {
    kind: "immunisation",
    keys,
    same,
    compare: &[("status", unequal), ("batch", unequal), ("dose", unequal)],
    standing,
};

/// What is said around the vaccine. Ordinals go too: which dose it was is compared apart.
const AROUND: &[&str] = &[
    "vaccine",
    "vaccination",
    "immunisation",
    "immunization",
    "administration",
    "of",
    "first",
    "second",
    "third",
    "fourth",
    "booster",
    "dose",
    "seasonal",
    "1st",
    "2nd",
    "3rd",
    "4th",
    "given",
    "injection",
];

fn keys(telling: &Telling) -> Vec<String> {
    let month = telling.date.get(..7).unwrap_or("");
    if month.is_empty() {
        return Vec::new();
    }
    let mut out: Vec<String> = telling
        .names
        .iter()
        .map(|name| match name.strip_prefix("text ") {
            Some(text) => vaccine(text),
            None => name.clone(),
        })
        .collect();
    out.push(vaccine(&words(&telling.title)));
    out.retain(|key| !key.is_empty() && key != "unknown");
    out.iter_mut().for_each(|key| *key = format!("{month} {key}"));
    out
}

fn vaccine(text: &str) -> String {
    text.split(' ').filter(|word| !AROUND.contains(word)).collect::<Vec<_>>().join(" ")
}

fn same(a: &Telling, b: &Telling) -> bool {
    let day = |t: &Telling| t.day.clone().unwrap_or_else(|| t.date.clone());
    let (x, y) = (day(a), day(b));
    !same_source(a, b) && (x.starts_with(&y) || y.starts_with(&x))
}

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    telling.aspects.insert("status", first_text(map, &["status"]).to_owned());
    telling.aspects.insert("batch", first_text(map, &["lotNumber"]).to_uppercase());
    let protocol = map.get("protocolApplied").and_then(Value::as_array).and_then(|p| p.first());
    let dose = protocol.and_then(Value::as_object).map_or_else(String::new, |p| {
        match p.get("doseNumberPositiveInt") {
            Some(number) => number.to_string(),
            None => first_text(p, &["doseNumberString"]).to_owned(),
        }
    });
    telling.aspects.insert("dose", dose);
}

fn standing(tellings: &[Telling], _: &str) -> (Standing, String) {
    let not_done = |t: &Telling| t.aspects.get("status").map(String::as_str) == Some("not-done");
    match (tellings.iter().any(not_done), tellings.iter().all(not_done)) {
        (true, false) => (Standing::Unclear, "the sources disagree whether it was given".to_owned()),
        (true, true) => (Standing::Refuted, String::new()),
        _ => (Standing::Told, String::new()),
    }
}
