//! Consents, choices, and what a person says about herself: the same words of the same day. A source that keeps two records
//! of a person (one for each service) tells her own words in both, and they are read once. Where a word differs they are
//! two: nothing here decides which of two statements of a person counts.

use super::keys::words;
use super::{Rule, Telling, told};

pub(super) static RULE: Rule = Rule { kind: "statement", keys, same, compare: &[], standing: told };

fn keys(telling: &Telling) -> Vec<String> {
    // What has no date may be of any day.
    match &telling.day {
        Some(day) => vec![format!("{} {day} {}", telling.key.kind, words(&telling.title))],
        None => Vec::new(),
    }
}

fn same(a: &Telling, b: &Telling) -> bool {
    a.title == b.title && a.detail == b.detail && a.status == b.status && a.lines == b.lines
}
