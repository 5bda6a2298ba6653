//! What the entries of a Bundle have to do with each other: documents and messages hold what they are about, and search
//! results hold what was asked for.

use super::Walker;
use super::bundle::BundleIndex;
use crate::invariants::Object;
use crate::limits::MAX_DEPTH;
use crate::report::{Severity, Step};
use serde_json::Value;

/// Elements of a Composition whose targets must be in the document (R4, Documents).
const OF_COMPOSITION: &[&str] = &["subject", "encounter", "author", "attester", "custodian", "event"];

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

impl<'a> Walker<'a> {
    /// Checks that a document or message holds what its first resource refers to, and nothing that is joined to nothing.
    pub(super) fn joined(&mut self, kind: &str, entries: &'a [Value]) {
        let Some(first) = entries.first().and_then(|e| e.get("resource")) else { return };
        let Some(index) = self.bundles.last() else { return };
        let from = |entry: &'a Value| text(entry, "fullUrl");
        let base = entries.first().and_then(from);
        let document = kind == "document";
        let mut needed = Vec::new();
        if document {
            for name in OF_COMPOSITION {
                first.get(*name).into_iter().for_each(|value| references(value, 0, &mut needed));
            }
            sections(first, 0, &mut needed);
        } else {
            first.get("focus").into_iter().for_each(|value| references(value, 0, &mut needed));
        }
        let missing =
            needed.iter().filter(|literal| !literal.starts_with('#') && !leads(index, literal, base)).count();
        let apart = apart(index, entries);
        self.steps.extend([Step::Name("entry"), Step::Index(0), Step::Name("resource")]);
        if missing > 0 {
            let text = if document {
                "the document doesn't hold each resource that its Composition refers to"
            } else {
                "the message doesn't hold each resource that its header names as its focus"
            };
            self.error("bundle/not-in-document", format!("{text} ({missing} missing)"));
        }
        self.steps.truncate(self.steps.len() - 3);
        for number in apart {
            self.steps.extend([Step::Name("entry"), Step::Index(number)]);
            let text =
                "no reference leads from the first resource to this entry, or from it to one that is reached";
            let severity = if document { Severity::Error } else { Severity::Information };
            self.find(severity, "bundle/entry-apart", text);
            self.steps.truncate(self.steps.len() - 2);
        }
    }

    /// Checks that a search result is of the type asked for, and that an outcome is marked as one.
    pub(super) fn search_entry(&mut self, bundle: &'a Object, entry: &'a Value) {
        let Some(mode) = entry.get("search").and_then(|s| text(s, "mode")) else { return };
        let Some(ty) = entry.get("resource").and_then(|r| text(r, "resourceType")) else { return };
        let wrong = match mode {
            "outcome" if ty != "OperationOutcome" => {
                "what is marked as an outcome must be an OperationOutcome"
            }
            "match" => match self.asked(bundle) {
                Some(asked) if asked != ty => "the result is of another type than the search asked for",
                _ => return,
            },
            _ => return,
        };
        self.error("bundle/search-type", wrong);
    }

    /// The resource type that the Bundle's own link asked for.
    fn asked(&self, bundle: &'a Object) -> Option<&'a str> {
        let mut links = bundle.get("link").and_then(Value::as_array).into_iter().flatten();
        let url = text(links.find(|l| text(l, "relation") == Some("self"))?, "url")?;
        let path = url.split(['?', '#']).next()?;
        let path = path.strip_suffix("/_search").unwrap_or(path);
        let name = path.rsplit('/').next()?;
        self.defs.base.resource(name).map(|_| name)
    }
}

fn leads(index: &BundleIndex<'_>, literal: &str, from: Option<&str>) -> bool {
    !matches!(index.resolve(literal, from), super::bundle::Resolved::No)
}

/// The entries that are reached from the first by no chain of references, in either direction.
fn apart(index: &BundleIndex<'_>, entries: &[Value]) -> Vec<usize> {
    let place = |entry: &Value| entry.get("resource").map(|r| std::ptr::from_ref(r) as usize);
    let numbers: std::collections::HashMap<usize, usize> =
        entries.iter().enumerate().filter_map(|(n, e)| Some((place(e)?, n))).collect();
    // Who stands for whom: entries that a reference joins, either way, stand for the same. Lists of who refers to whom would
    // be the square of the entries where many have one name.
    let mut stands: Vec<usize> = (0..entries.len()).collect();
    for (number, entry) in entries.iter().enumerate() {
        let mut literals = Vec::new();
        entry.get("resource").into_iter().for_each(|r| references(r, 0, &mut literals));
        for literal in literals {
            // Several entries of that name: each of them may be meant, so none is called apart for it.
            let targets = index.candidates(literal, text(entry, "fullUrl"));
            for other in targets.into_iter().filter_map(|r| numbers.get(&(std::ptr::from_ref(r) as usize))) {
                let (one, other) = (stands_for(&mut stands, number), stands_for(&mut stands, *other));
                // The first stays who stands for what is joined to it.
                stands.get_mut(one.max(other)).into_iter().for_each(|who| *who = one.min(other));
            }
        }
    }
    let held = |number: &usize| entries.get(*number).is_some_and(|e| e.get("resource").is_some());
    (0..entries.len()).filter(|n| stands_for(&mut stands, *n) != 0 && held(n)).collect()
}

/// Who stands for an entry; the way there is made shorter.
fn stands_for(stands: &mut [usize], mut number: usize) -> usize {
    while let Some(next) = stands.get(number).copied().filter(|next| *next != number) {
        let after = stands.get(next).copied().unwrap_or(next);
        stands.get_mut(number).into_iter().for_each(|who| *who = after);
        number = next;
    }
    number
}

fn sections<'v>(holder: &'v Value, depth: usize, out: &mut Vec<&'v str>) {
    if depth > MAX_DEPTH {
        return;
    }
    for section in holder.get("section").and_then(Value::as_array).into_iter().flatten() {
        for name in ["entry", "author", "focus"] {
            section.get(name).into_iter().for_each(|value| references(value, 0, out));
        }
        sections(section, depth + 1, out);
    }
}

/// The literal references in a value.
fn references<'v>(value: &'v Value, depth: usize, out: &mut Vec<&'v str>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(literal) if key == "reference" => out.push(literal),
                    _ => references(value, depth + 1, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, depth + 1, out)),
        _ => {}
    }
}
