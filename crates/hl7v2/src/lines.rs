//! Where a segment ends: line ends, and what goes on over them.

use crate::types::{self, Division};

/// Bytes that may stand between two segments: line ends, blanks, framing and fill.
pub(crate) fn is_between(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0x0B | 0x1C | 0)
}

/// Whether a separator is a character here, for the type of the field has none at its level.
pub(crate) fn is_character(division: Division, class: Class, component: u8, bytes: &[u8], at: usize) -> bool {
    // A program that divides writes no blanks around: `FLAT 2 & 3`, `BRAMBLE & SON` are words.
    let blank = |at: Option<usize>| at.and_then(|at| bytes.get(at)) == Some(&b' ');
    if class == Class::Sub && blank(at.checked_sub(1)) && blank(at.checked_add(1)) {
        return true;
    }
    match (division, class) {
        (Division::Any | Division::Value, _) => false,
        (Division::Line, _) | (Division::Text, Class::Sub | Class::Component) => true,
        (Division::Flat | Division::Unit, Class::Sub) => true,
        // A unit does not repeat: a part of one would be another unit.
        (Division::Unit, Class::Repetition) => true,
        (Division::Unit, Class::Component) => types::in_power(bytes, at),
        (Division::Composite(mask), Class::Sub) => component > 31 || mask & (1 << component) == 0,
        (Division::Document, Class::Sub) => component > 1,
        (Division::Document, _) => component >= 5,
        _ => false,
    }
}

/// A value of several lines: line ends become line feeds (in a header nothing), what leads in an ADD segment goes.
pub(crate) fn join(raw: &str, field: u8, header: bool) -> String {
    let lead = [b'A', b'D', b'D', field];
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['\r', '\n']) {
        out.push_str(rest.get(..at).unwrap_or(""));
        let tail = rest.get(at..).unwrap_or("");
        let run = tail.bytes().take_while(|b| is_between(*b)).count();
        let next = tail.get(run..).unwrap_or("");
        if next.as_bytes().starts_with(&lead) {
            rest = next.get(lead.len()..).unwrap_or("");
        } else if header {
            rest = next;
        } else {
            out.push('\n');
            rest = tail.strip_prefix("\r\n").or(tail.get(1..)).unwrap_or("");
        }
    }
    out.push_str(rest);
    out
}

/// The name of the segment that a line begins with: followed by a separator, or alone.
pub(crate) fn segment_name(line: &[u8], field: u8) -> Option<[u8; 3]> {
    let name: [u8; 3] = line.get(..3)?.try_into().ok()?;
    let shaped = name.first().is_some_and(u8::is_ascii_uppercase)
        && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !shaped {
        return None;
    }
    match line.get(3) {
        Some(b) if *b == field => types::is_name(name).then_some(name),
        None | Some(b'\r' | b'\n') => types::may_be_empty(name).then_some(name),
        _ => None,
    }
}

/// What a byte means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Field,
    Repetition,
    Component,
    Sub,
    End,
    /// An escape character or a control character: the value needs a second look.
    Special,
}
