//! Value sets and code systems that are known whole.

use crate::rows::long;
use std::collections::{HashMap, HashSet};

/// The codes of one system in a value set.
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// Every code of the system: judged by the system's syntax where it has one.
    All,
    These(HashSet<String>),
}

/// A value set whose content is known: codes by system.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueSet {
    pub(crate) systems: Vec<(String, Codes)>,
}

impl ValueSet {
    /// True where the code belongs to the set. `system` is `None` for an element of type `code`, which carries none.
    pub(crate) fn has(&self, system: Option<&str>, code: &str) -> bool {
        self.systems.iter().any(|(name, codes)| {
            system.is_none_or(|s| s == name)
                && match codes {
                    Codes::All => well_formed(name, code),
                    Codes::These(codes) => codes.contains(code),
                }
        })
    }
}

/// True where the code has the shape that its open system demands.
fn well_formed(system: &str, code: &str) -> bool {
    match system {
        "urn:ietf:bcp:47" => language(code),
        "urn:ietf:bcp:13" => media_type(code),
        "urn:iso:std:iso:4217" => code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()),
        _ => !code.is_empty(),
    }
}

/// BCP 47: a primary tag of two to eight letters (or `x`, `i`), then tags of one to eight letters and digits.
fn language(code: &str) -> bool {
    let mut tags = code.split('-');
    let first = tags.next().unwrap_or_default();
    let primary = matches!(first, "x" | "i") || matches!(first.len(), 2 | 3);
    primary
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && tags.all(|t| (1..=8).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// BCP 13: `type/subtype`, with parameters after a semicolon.
fn media_type(code: &str) -> bool {
    let name = code.split(';').next().unwrap_or_default().trim();
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b));
    name.split_once('/').is_some_and(|(a, b)| token(a) && token(b))
}

fn codes(field: &str) -> Codes {
    if field == "*" { Codes::All } else { Codes::These(field.split('|').map(str::to_owned).collect()) }
}

/// Reads the `V` and `s` rows of a table.
pub(crate) fn parse_value_sets(table: &str) -> HashMap<String, ValueSet> {
    let mut sets: HashMap<String, ValueSet> = HashMap::new();
    let mut current: Option<(String, ValueSet)> = None;
    for line in table.lines() {
        let mut fields = line.split('\t');
        match fields.next() {
            Some("V") => {
                sets.extend(current.take());
                current = Some((long(fields.next().unwrap_or_default()), ValueSet::default()));
            }
            Some("s") => {
                if let (Some((_, set)), Some(system), Some(list)) =
                    (&mut current, fields.next(), fields.next())
                {
                    set.systems.push((long(system), codes(list)));
                }
            }
            _ => {}
        }
    }
    sets.extend(current);
    sets
}

/// Reads the `C` rows of a table: complete code systems.
pub(crate) fn parse_code_systems(table: &str) -> HashMap<String, HashSet<String>> {
    let rows = table.lines().filter_map(|l| l.strip_prefix("C\t")?.split_once('\t'));
    rows.map(|(url, list)| (long(url), list.split('|').map(str::to_owned).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_systems_are_judged_by_syntax() {
        assert!(language("en") && language("en-GB") && language("zh-Hant-TW"));
        assert!(!language("english") && !language("") && !language("en_GB"));
        assert!(media_type("text/plain") && media_type("application/fhir+json; charset=utf-8"));
        assert!(!media_type("pdf") && !media_type("/x"));
    }
}
