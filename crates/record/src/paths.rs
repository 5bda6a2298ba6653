//! Values at a path of a resource, and text as it is compared.

use serde_json::{Map, Value};

use crate::{limits, params};

/// Calls `f` with every value at a path; lists are walked.
pub(crate) fn walk<'v>(map: &'v Map<String, Value>, path: &str, f: &mut dyn FnMut(&'v Value)) {
    let (step, rest) = path.split_once('.').map_or((path, ""), |(step, rest)| (step, rest));
    let Some(value) = map.get(step) else { return };
    each(value, rest, f);
}

/// The same, of a value that stands at the first step of a path.
pub(crate) fn each<'v>(value: &'v Value, rest: &str, f: &mut dyn FnMut(&'v Value)) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| each(v, rest, f)),
        Value::Object(map) if !rest.is_empty() => walk(map, rest, f),
        value if rest.is_empty() => f(value),
        _ => {}
    }
}

/// The first text at any of the paths.
pub(crate) fn first_text<'v>(map: &'v Map<String, Value>, paths: &[&str]) -> &'v str {
    let mut found = "";
    for path in paths {
        walk(map, path, &mut |v| {
            if found.is_empty() {
                found = v.as_str().unwrap_or("");
            }
        });
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// Text folded for searching: lower case, accents of Latin letters dropped, blanks single.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars().take(limits::INDEX_CHARS_MAX) {
        let plain = match c {
            'à'..='å' | 'À'..='Å' => 'a',
            'ç' | 'Ç' => 'c',
            'è'..='ë' | 'È'..='Ë' => 'e',
            'ì'..='ï' | 'Ì'..='Ï' => 'i',
            'ñ' | 'Ñ' => 'n',
            'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' => 'o',
            'ù'..='ü' | 'Ù'..='Ü' => 'u',
            'ý' | 'ÿ' | 'Ý' => 'y',
            '’' | '‘' => '\'',
            c if c.is_whitespace() => ' ',
            c => c,
        };
        if plain != ' ' || !out.ends_with(' ') {
            out.extend(plain.to_lowercase());
        }
    }
    out
}

/// The id of the Patient that a resource is about; empty where it is about none, or about several.
pub(crate) fn patient_of(kind: &str, map: &Map<String, Value>) -> String {
    if kind == "Patient" {
        return map.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
    }
    let paths: &[&str] = if kind == "Provenance" { &["target"] } else { params::PATIENT };
    for path in paths {
        let mut found: Vec<String> = Vec::new();
        walk(map, path, &mut |value| {
            let key = value.get("reference").and_then(Value::as_str).and_then(crate::reference::key_of);
            if let Some(key) = key.filter(|key| key.kind == "Patient" && !found.contains(&key.id)) {
                found.push(key.id);
            }
        });
        if let [one] = found.as_slice() {
            return one.clone();
        }
        if !found.is_empty() {
            return String::new();
        }
    }
    String::new()
}

/// Text cut to what an index keeps.
pub(crate) fn cut(text: &str) -> &str {
    match text.char_indices().nth(limits::INDEX_CHARS_MAX) {
        Some((at, _)) => text.get(..at).unwrap_or(text),
        None => text,
    }
}
