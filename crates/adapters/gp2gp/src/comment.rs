//! Comments: the text of a statement that says something of the one around it.

use crate::extract::{Extract, Statement};
use crate::role::Role;
use crate::write::Note;
use crate::{annotation, hl7};

/// A comment as a note, its envelope of pathology messages taken off.
pub(crate) fn comment_note<'d>(x: &Extract<'d>, comment: &Statement<'d>) -> Option<Note<'d>> {
    let leaf = comment.element.child("text")?.text()?;
    let mut note = match annotation::pmip(leaf.text) {
        Some(pmip) => {
            let mut note = Note::part(leaf, pmip.text);
            note.time = hl7::when(pmip.date, &x.zone).map(|when| hl7::Time { when, leaf });
            note
        }
        None => Note::of(leaf),
    };
    if note.time.is_none() {
        note.time = hl7::child_time(comment.element, "availabilityTime", &x.zone);
    }
    Some(note)
}

/// A report's status where a comment on it states it, and the item that does.
pub(crate) fn stated_status<'d>(
    x: &Extract<'d>,
    report: &Statement<'d>,
) -> Option<(&'static str, causeway_core::Leaf<'d>)> {
    comments(x, report).iter().find_map(|(_, note)| status(&note.text).map(|s| (s, note.leaf)))
}

/// A report's status where a comment states it in so many words.
pub(crate) fn status(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let rest = text.strip_prefix("Status:").or_else(|| text.strip_prefix("ReportStatus:"))?;
    let word = rest.split_whitespace().next()?.to_ascii_lowercase();
    Some(match word.as_str() {
        "registered" => "registered",
        "partial" => "partial",
        "preliminary" => "preliminary",
        "final" => "final",
        "amended" => "amended",
        "corrected" => "corrected",
        "cancelled" => "cancelled",
        "unknown" => "unknown",
        _ => return None,
    })
}

/// The comments directly within a report, with their kinds.
pub(crate) fn comments<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Vec<(String, Note<'d>)> {
    let children = statement.children.iter().map(|n| &x.statements[*n]).filter(|s| s.role == Role::Note);
    let mut out = Vec::new();
    for child in children {
        let text = child.element.child("text").and_then(|t| t.text());
        let kind = text.and_then(|t| annotation::pmip(t.text)).map_or("", |p| p.kind).to_owned();
        if let Some(note) = comment_note(x, child) {
            out.push((kind, note));
        }
    }
    out
}
