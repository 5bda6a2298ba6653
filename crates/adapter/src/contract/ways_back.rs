//! Ways back: what a written message tells when it is read again, and that all it does not tell is named. Made apart from
//! [`crate::read_back`], which encoders use, to check their lists.

use std::path::{Path, PathBuf};

use causeway_core::Issue;
use serde_json::Value;

use super::test_context;
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
