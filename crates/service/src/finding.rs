//! What is wrong with a configuration, and where.

use std::fmt::Write as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

/// Names that one finding lists as allowed.
const ALLOWED_SHOWN: usize = 12;

/// A step on the way to a value: a key, or a place in a list (from 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Key of a table.
    Key(&'static str),
    /// Place in a list.
    At(usize),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, for finding its line.
    pub path: Vec<Step>,
    /// Where, in words.
    pub place: String,
    /// What is wrong, one sentence without an end.
    pub text: String,
    /// What would be allowed.
    pub allowed: Vec<String>,
}

impl Finding {
    /// For a person: place, what is wrong, what would be allowed. `text` is that of the file, where there is one.
    pub fn words(&self, file: Option<(&Path, &str)>) -> String {
        let mut out = String::new();
        if let Some((path, text)) = file {
            let line = line_of(text, &self.path).map(|n| format!(":{n}")).unwrap_or_default();
            let _ = write!(out, "{}{line}: ", path.display());
        }
        let _ = write!(out, "{}: {}", self.place, self.text);
        let shown: Vec<&str> = self.allowed.iter().take(ALLOWED_SHOWN).map(String::as_str).collect();
        match (shown.is_empty(), self.allowed.len() > shown.len()) {
            (true, _) => {}
            (false, false) => {
                let _ = write!(out, "; allowed: {}", shown.join(", "));
            }
            (false, true) => {
                let _ = write!(
                    out,
                    "; allowed: {} and {} more",
                    shown.join(", "),
                    self.allowed.len() - shown.len()
                );
            }
        }
        out
    }
}

/// The line (from 1) of a value in a file's text: of the nearest part of the path that the file has.
pub fn line_of(text: &str, path: &[Step]) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut span = None;
    let mut value: Option<&DeValue<'_>> = None;
    for step in path {
        let next = match (step, value) {
            (Step::Key(key), None) => root.get_ref().iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v),
            (Step::Key(key), Some(DeValue::Table(table))) => {
                table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v)
            }
            (Step::At(at), Some(DeValue::Array(list))) => list.get(*at),
            _ => None,
        };
        let Some(next) = next else { break };
        span = Some(next.span());
        value = Some(next.get_ref());
    }
    let start = span?.start;
    Some(text.get(..start)?.matches('\n').count() + 1)
}

/// The path of a key in the n-th table of a list.
pub(crate) fn of(list: &'static str, number: usize, key: &'static str) -> Vec<Step> {
    vec![Step::Key(list), Step::At(number), Step::Key(key)]
}
