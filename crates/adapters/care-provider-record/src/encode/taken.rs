//! A resource, and which of its leaves were read.

use std::collections::HashSet;

use serde_json::Value;

use crate::write::split;

/// Levels of nesting that are looked at.
const DEPTH_MAX: usize = 64;

/// Members that belong to the envelope: the sender's own ids and stamps.
const ENVELOPE: [&str; 2] = ["resourceType", "id"];
const ENVELOPE_META: [&str; 5] = ["profile", "source", "tag", "lastUpdated", "versionId"];

/// A resource with what was read of it.
#[derive(Debug)]
pub struct Taken<'v> {
    /// Resource type.
    pub kind: &'v str,
    /// FHIR path of the resource within its bundle: by place and not by id, for ids may be anything.
    pub path: String,
    /// The resource.
    pub value: &'v Value,
    used: HashSet<String>,
    /// Whether it was read into a section, so that only its rest is left behind.
    pub placed: bool,
}

impl<'v> Taken<'v> {
    /// Nothing read yet.
    pub fn new(kind: &'v str, path: String, value: &'v Value) -> Self {
        Self { kind, path, value, used: HashSet::new(), placed: false }
    }

    /// The value at a path as the tables write it, with its plain path (`dosage[0].text`).
    pub fn at(&self, path: &str) -> Option<(&'v Value, String)> {
        let mut value = self.value;
        let mut plain = String::new();
        for segment in split(path).filter(|s| !s.is_empty()) {
            let (name, selector) = match segment.split_once('[') {
                Some((name, rest)) => (name, Some(rest.trim_end_matches(']'))),
                None => (segment, None),
            };
            value = value.get(name)?;
            if !plain.is_empty() {
                plain.push('.');
            }
            plain.push_str(name);
            if let Some(selector) = selector {
                let list = value.as_array()?;
                let index = match selector.split_once('=') {
                    Some((key, wanted)) => list.iter().position(|e| e[key].as_str() == Some(wanted))?,
                    None => selector.parse().unwrap_or(0),
                };
                value = list.get(index)?;
                plain.push_str(&format!("[{index}]"));
            }
        }
        Some((value, plain))
    }

    /// Marks a path, and all below it, as read.
    pub fn take(&mut self, plain: impl Into<String>) {
        self.used.insert(plain.into());
    }

    /// The text at a path, read.
    pub fn text(&mut self, path: &str) -> Option<String> {
        let (value, plain) = self.at(path)?;
        let text = value.as_str()?.to_owned();
        self.take(plain);
        Some(text)
    }

    /// Marks a path as read where its text is this.
    pub fn expect(&mut self, path: &str, text: &str) -> bool {
        match self.at(path) {
            Some((value, plain)) if value.as_str() == Some(text) => {
                self.take(plain);
                true
            }
            _ => false,
        }
    }

    /// FHIR paths of leaves that were not read; the path of the resource where nothing of it was.
    pub fn untouched(&self, into: &mut Vec<String>) {
        if !self.placed && self.used.is_empty() {
            into.push(self.path.clone());
            return;
        }
        self.walk(self.value, &mut String::new(), &self.path, into, 0);
    }

    fn walk(&self, value: &Value, path: &mut String, root: &str, into: &mut Vec<String>, depth: usize) {
        if depth > DEPTH_MAX || self.used.contains(path.as_str()) {
            return;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let envelope = depth == 0 && ENVELOPE.contains(&name.as_str())
                        || path == "meta" && ENVELOPE_META.contains(&name.as_str());
                    // A narrative that was made from the elements says nothing more than they do.
                    let narrative =
                        depth == 0 && name == "text" && member["status"].as_str() == Some("generated");
                    if envelope || narrative {
                        continue;
                    }
                    let length = path.len();
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                    self.walk(member, path, root, into, depth + 1);
                    path.truncate(length);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let length = path.len();
                    path.push_str(&format!("[{index}]"));
                    self.walk(element, path, root, into, depth + 1);
                    path.truncate(length);
                }
            }
            Value::Null => {}
            _ => into.push(format!("{root}.{path}")),
        }
    }
}
