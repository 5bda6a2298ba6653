//! Consents, choices, and what a person says about herself: the same words. A source that keeps two records of a person (one
//! for each service) tells her own words in both, and she may say them again on another day: they are read once, with the days
//! and sources of each telling. A consent is of its day, as one of another day may have ended between, and so are other answers:
//! an assessment made again is another one. Where a word differs they are two: nothing here decides which of two statements of a
//! person counts.

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Telling, told};
use crate::sections::is_about_me;

pub(super) static RULE: Rule = Rule { kind: "statement", keys, same, compare: &[], standing: told };

/// How what a person says about herself is compared: whatever its day.
const OWN_WORDS: &str = "own words";

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    if is_about_me(&telling.key.kind, map) {
        OWN_WORDS.clone_into(&mut telling.compared);
    }
}

fn keys(telling: &Telling) -> Vec<String> {
    let title = words(&telling.title);
    match &telling.day {
        _ if telling.compared == OWN_WORDS => vec![format!("{} {title}", telling.key.kind)],
        Some(day) => vec![format!("{} {day} {title}", telling.key.kind)],
        // What has no date may be of any day.
        None => Vec::new(),
    }
}

fn same(a: &Telling, b: &Telling) -> bool {
    a.title == b.title
        && a.detail == b.detail
        && a.status == b.status
        && a.lines == b.lines
        && a.compared == b.compared
}
