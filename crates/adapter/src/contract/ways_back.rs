//! Ways back: what a written message tells when it is read again, and that all it does not tell is named. Made apart from
//! [`crate::read_back`], which encoders use, to check their lists.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use causeway_core::Issue;
use serde_json::Value;

use super::{Random, test_context};
use crate::{Adapter, Encoded, translate};

/// What came of writing all messages of a folder again.
#[derive(Debug, Default)]
pub struct Round {
    /// Facts that were read.
    pub all: usize,
    /// Facts that the written messages do not tell.
    pub lost: usize,
    /// Those of them that no list names.
    pub silent: Vec<String>,
}

/// Files of a folder and those below it whose paths are wanted, in order.
fn messages(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(messages(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Leaves of a bundle's resources as text: type, path without numbers, value. What every reader writes anew, references
/// and the translation's own account are left out.
fn facts(bundle: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (name, member) in map {
                    if !matches!(name.as_str(), "id" | "meta" | "resourceType" | "reference") {
                        walk(member, &format!("{path}.{name}"), out);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|member| walk(member, path, out)),
            Value::String(text) if text.starts_with("urn:uuid:") => {}
            leaf => out.push(format!("{path}={leaf}")),
        }
    }
    let mut out = Vec::new();
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let resource = &entry["resource"];
        if !resource["entity"].is_array() {
            walk(resource, resource["resourceType"].as_str().unwrap_or_default(), &mut out);
        }
    }
    out
}

fn bundles(adapter: &dyn Adapter, bytes: &[u8]) -> Vec<Value> {
    let translation = translate(adapter, bytes, &test_context());
    translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

/// Facts of the bundle that the written message doesn't tell, by a count of equal leaves.
fn missing(adapter: &dyn Adapter, bundle: &Value, encoded: &Encoded) -> Vec<String> {
    let mut told: Vec<String> = bundles(adapter, &encoded.bytes).iter().flat_map(facts).collect();
    told.sort();
    let mut lost = Vec::new();
    for fact in facts(bundle) {
        match told.binary_search(&fact) {
            Ok(at) => drop(told.remove(at)),
            Err(_) => lost.push(fact),
        }
    }
    lost
}

/// Paths, without numbers, that the list of what was left behind names.
pub fn named(encoded: &Encoded) -> Vec<String> {
    let place = |i: &Issue| i.position.as_ref().map(|p| p.path.clone()).unwrap_or_default();
    let plain = |p: String| p.split('[').map(|s| s.split_once(']').map_or(s, |x| x.1)).collect::<String>();
    encoded.left_behind.iter().map(place).map(plain).collect()
}

/// Those of the missing facts whose path is not named as often as it is missing.
fn unnamed(missing: Vec<String>, encoded: &Encoded) -> Vec<String> {
    let mut named = named(encoded);
    let mut is_named = |fact: &String| {
        let path = fact.split_once('=').map_or(fact.as_str(), |x| x.0);
        let at = named.iter().position(|n| n == path);
        at.map(|at| named.swap_remove(at)).is_some()
    };
    missing.into_iter().filter(|fact| !is_named(fact)).collect()
}

/// Reads every wanted message of a folder, writes its bundles in the same format and reads what was written.
///
/// # Panics
/// A bundle with a Patient can't be written.
pub fn round(adapter: &dyn Adapter, folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Round {
    let mut round = Round::default();
    for path in messages(folder, wanted) {
        let bytes = std::fs::read(&path).expect("a file");
        for bundle in bundles(adapter, &bytes) {
            let told = facts(&bundle);
            if !told.iter().any(|f| f.starts_with("Patient.")) {
                continue;
            }
            let encoded = adapter.encode(&bundle, &test_context()).expect("a message");
            let missing = missing(adapter, &bundle, &encoded);
            round.all += told.len();
            round.lost += missing.len();
            let silent = unnamed(missing, &encoded);
            round.silent.extend(silent.into_iter().map(|f| format!("{}: {f}", path.display())));
        }
    }
    round
}

/// [`round`], held to its invariant: of at least so many facts no more than so many in a hundred are lost, and none unnamed.
///
/// # Panics
/// Where it does not hold, or a bundle can't be written.
#[allow(clippy::print_stderr, reason = "figures for docs/ways-back.md")]
pub fn holds(
    adapter: &dyn Adapter,
    folder: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    (at_least, percent): (usize, usize),
) {
    let Round { all, lost, silent } = round(adapter, folder, wanted);
    eprintln!("{}: {all} facts, {lost} lost", folder.display());
    assert!(silent.is_empty(), "{:#?}", silent.iter().take(20).collect::<Vec<_>>());
    assert!(all > at_least && lost * 100 <= all * percent, "{lost} of {all}");
}

/// Members and elements of a tree, each by the way to it.
fn places(value: &Value, way: &mut Vec<String>, out: &mut Vec<String>) {
    let mut step = |name: String, child: &Value| {
        way.push(name.replace('~', "~0").replace('/', "~1"));
        out.push(format!("/{}", way.join("/")));
        places(child, way, out);
        way.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| step(name.clone(), child)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, child)| step(n.to_string(), child)),
        _ => {}
    }
}

/// One to four changes of a bundle: a value changed, emptied, given another type or that of another place; a member taken
/// away or renamed; an element said twice.
fn changed(bundle: &Value, random: &mut Random) -> Value {
    let mut out = bundle.clone();
    for _ in 0..=random.below(4) {
        let mut all = Vec::new();
        places(&out, &mut Vec::new(), &mut all);
        if all.is_empty() {
            return out;
        }
        let at = &all[random.below(all.len())];
        let other = out.pointer(&all[random.below(all.len())]).cloned().unwrap_or(Value::Null);
        let (parent, name) = at.rsplit_once('/').unwrap_or(("", at));
        let own = out.pointer(at).cloned().unwrap_or(Value::Null);
        let instead = match random.below(8) {
            0 => other,
            1 => Value::Null,
            2 => Value::from(random.number() as i64),
            3 => Value::from(""),
            4 => match &own {
                Value::String(text) => {
                    let bytes = random.mutate(text.as_bytes());
                    Value::from(String::from_utf8_lossy(&bytes).into_owned())
                }
                _ => Value::from(vec![own.clone()]),
            },
            5 => Value::from(own.to_string()),
            6 => own.clone(),
            _ => Value::Bool(random.below(2) == 0),
        };
        let kind = random.below(4);
        match out.pointer_mut(parent) {
            Some(Value::Object(map)) if kind == 0 => drop(map.remove(name)),
            Some(Value::Array(list)) if kind == 0 => {
                if let Ok(n) = name.parse::<usize>().map(|n| n.min(list.len())) {
                    list.insert(n, own);
                }
            }
            _ => {
                if let Some(slot) = out.pointer_mut(at) {
                    *slot = instead;
                }
            }
        }
    }
    out
}

/// Runs of three or more digits in what resources say, but for what every reader writes anew.
fn numbers(bundle: &Value) -> HashSet<String> {
    let all = facts(bundle);
    let values = all.iter().filter_map(|fact| fact.split_once('=')).map(|(_, value)| value);
    let runs = values.flat_map(|value| value.split(|c: char| !c.is_ascii_digit()).filter(|r| r.len() > 2));
    runs.map(str::to_owned).collect()
}

/// Changed bundles are written or refused: without panic, with all that is lost named, and with no number, date or identifier
/// that the bundle does not hold. Gives how many were written.
///
/// # Panics
/// Where it does not hold, with the seed and the round.
pub fn survives_mutation(adapter: &dyn Adapter, bundles: &[Value], rounds: u64, seed: u64) -> u64 {
    let name = adapter.name();
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    // What the format itself says of everything: codes, versions, its own roots.
    let mut own = HashSet::new();
    for bundle in bundles {
        if let Ok(encoded) = adapter.encode(bundle, &test_context()) {
            own.extend(self::bundles(adapter, &encoded.bytes).iter().flat_map(numbers));
        }
    }
    let mut written = 0;
    for round in 0..rounds {
        let at = random.below(bundles.len());
        let Some(bundle) = bundles.get(at).map(|b| changed(b, &mut random)) else { return written };
        let made = catch_unwind(AssertUnwindSafe(|| adapter.encode(&bundle, &test_context())));
        let Ok(made) = made else {
            panic!("{name}: panic on a changed bundle (seed {seed}, round {round}): {bundle}")
        };
        let Ok(encoded) = made else { continue };
        written += 1;
        let silent = unnamed(missing(adapter, &bundle, &encoded), &encoded);
        assert!(
            silent.is_empty(),
            "{name}: lost and not named (seed {seed}, round {round}): {silent:?} of {bundle}"
        );
        let said = bundle.to_string();
        let told = self::bundles(adapter, &encoded.bytes);
        let invented: Vec<String> = told
            .iter()
            .flat_map(numbers)
            .filter(|n| !own.contains(n) && !said.contains(n.as_str()))
            .collect();
        assert!(
            invented.is_empty(),
            "{name}: invented (seed {seed}, round {round}): {invented:?} of {bundle}"
        );
    }
    written
}
