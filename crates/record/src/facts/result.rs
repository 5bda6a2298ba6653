//! Results: the same test of the same day with the same value, told by two sources (a laboratory and the practice that
//! filed it); where both tell the minute, the same minute. The same test of the same minute with another value is one
//! measurement told differently, and that is shown. What one source tells twice it measured twice.

use super::keys::decimal_words;
use super::{Rule, Telling, same_source, told, unequal};

pub(super) static RULE: Rule = Rule {
    kind: "result",
    keys,
    same,
    compare: &[("value", unequal), ("status", statuses_differ)],
    standing: told,
};

fn keys(telling: &Telling) -> Vec<String> {
    let Some(day) = &telling.day else { return Vec::new() };
    if telling.key.kind == "Observation" && telling.compared.is_empty() {
        return Vec::new();
    }
    telling.names.iter().map(|name| format!("{} {day} {name}", telling.key.kind)).collect()
}

fn same(a: &Telling, b: &Telling) -> bool {
    if same_source(a, b) {
        return false;
    }
    match (a.minute, b.minute) {
        (Some(x), Some(y)) => x == y,
        _ => a.compared == b.compared,
    }
}

pub(super) fn aspects(telling: &mut Telling) {
    let shown = match &telling.measured {
        Some(measured) => format!("{} {}", measured.value, measured.unit).trim().to_owned(),
        None => telling.compared.replace('\n', "; "),
    };
    let value = if telling.compared.is_empty() { shown } else { decimal_words(&telling.compared) };
    telling.aspects.insert("value", value);
    telling.aspects.insert("status", telling.status.clone());
}

/// Only a correction contradicts: `final` and `unknown` are two ways of saying nothing.
fn statuses_differ(a: &str, b: &str) -> bool {
    let corrected = |s: &str| matches!(s, "corrected" | "amended");
    corrected(a) != corrected(b)
}
