//! Segments as they are written.

use causeway_edifact::escape_into;

use crate::limits::{NAME_PART_CHARS, TEXT_LINE_CHARS, TEXT_LINES};

/// The segments of one message. Elements are joined by `+`, components by `:`; both are given already escaped.
#[derive(Default)]
pub(crate) struct Segments(pub Vec<String>);

impl Segments {
    /// Elements of components; empty ends are left out.
    pub fn add(&mut self, tag: &str, elements: &[&[&str]]) {
        let mut written: Vec<String> = elements
            .iter()
            .map(|components| {
                let parts: Vec<String> = components.iter().map(|c| escaped(c)).collect();
                parts.join(":").trim_end_matches(':').to_owned()
            })
            .collect();
        // A released separator at the end is a character.
        for (text, components) in written.iter_mut().zip(elements) {
            if components.last().is_some_and(|c| c.ends_with(':')) {
                text.push(':');
            }
        }
        while written.last().is_some_and(String::is_empty) {
            written.pop();
        }
        self.0.push(format!("{tag}+{}", written.join("+")));
    }

    /// A free text: lines of at most 70 characters, five to a segment.
    pub fn text(&mut self, kind: &str, words: &str) {
        let lines: Vec<String> = words.split('\n').flat_map(wrapped).collect();
        for five in lines.chunks(TEXT_LINES) {
            let lines: Vec<&str> = five.iter().map(String::as_str).collect();
            self.add("FTX", &[&[kind], &[], &[], &lines]);
        }
    }
}

/// A value with the service characters in it released.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape_into(&mut out, text);
    out
}

/// A line cut at blanks so that no part is too long; a longer word is cut where it must be.
fn wrapped(line: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut at = String::new();
    for word in line.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !at.is_empty() && at.chars().count() + 1 + word.len() > TEXT_LINE_CHARS {
            out.push(std::mem::take(&mut at));
        }
        while word.len() > TEXT_LINE_CHARS {
            out.push(word.drain(..TEXT_LINE_CHARS).collect());
        }
        if !at.is_empty() {
            at.push(' ');
        }
        at.extend(word);
    }
    out.push(at);
    out
}

/// A name in parts of 35 characters, as the format cuts it.
pub(crate) fn parts(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    chars.chunks(NAME_PART_CHARS).map(|part| part.iter().collect()).collect()
}

/// Parts as components.
pub(crate) fn refs(parts: &[String]) -> Vec<&str> {
    parts.iter().map(String::as_str).collect()
}
