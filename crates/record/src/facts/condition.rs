//! Problems and diagnoses: the same code or wording, and dates that can be of one episode. Somebody can break a hip
//! twice, so two dates far apart are two episodes, unless both sources say that it goes on and it is not the kind of
//! thing that happens.

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Standing, Telling, days_differ, unequal};
use crate::paths::first_text;

pub(super) static RULE: Rule = Rule {
    kind: "condition",
    keys,
    same,
    compare: &[("status", unequal), ("severity", unequal), ("date", days_differ), ("ended", days_differ)],
    standing,
};

/// Days within which two sources write down the beginning of one episode.
const EPISODE_DAYS: i64 = 92;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Words of what happens and can happen again.
const EVENTS: &[&str] = &[
    "fracture",
    "injury",
    "fall",
    "falls",
    "infection",
    "pneumonia",
    "stroke",
    "infarction",
    "haemorrhage",
    "sepsis",
    "cellulitis",
    "bronchitis",
    "burn",
    "wound",
    "sprain",
    "dislocation",
    "concussion",
    "embolism",
    "thrombosis",
    "attack",
    "acute",
    "episode",
    "delirium",
    "gastroenteritis",
    "influenza",
    "covid",
    "poisoning",
    "overdose",
    "ulcer",
    "seizure",
    "collapse",
    "syncope",
    "operation",
    "replacement",
];

fn keys(telling: &Telling) -> Vec<String> {
    let mut out = telling.names.clone();
    if out.is_empty() {
        let text = words(&telling.title);
        if !text.is_empty() {
            out.push(format!("text {text}"));
        }
    }
    out
}

fn same(a: &Telling, b: &Telling) -> bool {
    let (Some(x), Some(y)) = (a.low, b.low) else { return true };
    if (x - y).abs() <= EPISODE_DAYS * DAY {
        return true;
    }
    // A year or a month alone is not a day far away.
    let coarse = a.date.len().min(b.date.len());
    if coarse < 10 && a.date.get(..coarse) == b.date.get(..coarse) {
        return true;
    }
    let active = |t: &Telling| t.aspects.get("status").map(String::as_str) == Some("active");
    let lasting = |t: &Telling| !words(&t.title).split(' ').any(|word| EVENTS.contains(&word));
    active(a) && active(b) && lasting(a) && lasting(b)
}

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    let status = match first_text(map, &["verificationStatus.coding.code"]) {
        "refuted" => "refuted",
        _ => match first_text(map, &["clinicalStatus.coding.code"]) {
            "recurrence" | "relapse" => "active",
            "remission" | "inactive" => "inactive",
            other => other,
        },
    };
    telling.aspects.insert("status", status.to_owned());
    let severity = first_text(map, &["severity.text", "severity.coding.display"]).to_lowercase();
    telling.aspects.insert("severity", severity);
    // Only an onset is compared: when a source wrote it down is another matter.
    let onset = first_text(map, &["onsetDateTime", "onsetPeriod.start"]);
    telling.aspects.insert("date", onset.to_owned());
    let ended = first_text(map, &["abatementDateTime", "abatementPeriod.end", "abatementPeriod.start"]);
    telling.aspects.insert("ended", ended.to_owned());
}

fn standing(tellings: &[Telling], _: &str) -> (Standing, String) {
    let of = |t: &Telling| match t.aspects.get("status").map_or("", String::as_str) {
        "refuted" => Standing::Refuted,
        "inactive" | "resolved" => Standing::Past,
        "active" if t.aspects.get("ended").is_some_and(|e| !e.is_empty()) => Standing::Unclear,
        "active" => Standing::Current,
        _ => Standing::Told,
    };
    let said: Vec<Standing> = tellings.iter().map(of).filter(|s| *s != Standing::Told).collect();
    match said.first() {
        None => (Standing::Told, String::new()),
        Some(Standing::Unclear) if said.len() == 1 => {
            (Standing::Unclear, "its source calls it active and gives an end".to_owned())
        }
        Some(first) if said.iter().all(|s| s == first) => (*first, String::new()),
        Some(_) => (Standing::Unclear, "the sources disagree whether it goes on".to_owned()),
    }
}
