//! A bundle as a receiver takes it: as it is, as a readable text, or in a format of its own; with the list of what
//! that could not carry.

use std::collections::BTreeMap;

use causeway_adapter::render;
use causeway_core::Issue;
use causeway_exchange::route::{SEND_BUNDLE, SEND_DOCUMENT};
use causeway_exchange::{Message, NewEvent, StoredOutput, Translation};
use serde_json::Value;

use crate::state::AppState;
use crate::words::organisation;
use crate::words::{Moment, count};
use crate::{document, limits::LEFT_BEHIND_EVENTS};

/// Event of a bundle that could not be written.
pub(super) const NOT_WRITTEN: &str = "not-written";

/// What goes to a mailbox.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
    pub(super) file_name: String,
    /// What it was written as, for the timeline; empty for the bundle itself.
    pub(super) words: String,
    pub(super) events: Vec<NewEvent>,
    /// Kept with the message made: its issues are what was left behind.
    pub(super) left_behind: Option<Translation>,
}

/// Writes one output.
///
/// # Errors
/// Why it can't be written, in words without patient data.
pub(super) fn write(
    state: &AppState,
    message: &Message,
    output: &StoredOutput,
    number: usize,
    send: &str,
) -> Result<Written, String> {
    let number = number + 1;
    if send == SEND_BUNDLE {
        return Ok(Written {
            bytes: output.bytes.clone(),
            media_type: output.media_type.clone(),
            file_name: format!("bundle-{number}.json"),
            words: String::new(),
            events: Vec::new(),
            left_behind: None,
        });
    }
    let bundle: Value =
        serde_json::from_slice(&output.bytes).map_err(|_| "the bundle can't be read".to_owned())?;
    if send == SEND_DOCUMENT {
        let from = organisation(&state.config, &message.new.sender);
        let made = document::render(&bundle, &from, &Moment::from(message.received_at).words);
        let file_name = format!("document-{number}.txt");
        let bytes = made.text.into_bytes();
        return Ok(finish(
            bytes,
            document::MEDIA_TYPE,
            file_name,
            "readable text",
            SEND_DOCUMENT,
            &made.left_behind,
        ));
    }
    let adapter = state.writer(send).ok_or_else(|| format!("no adapter writes the format {send}"))?;
    let context = state.context(&message.new.sender, message.received_at, &message.new.id, false);
    let made =
        adapter.encode(&bundle, &context).map_err(|issue| format!("{} ({})", issue.text, issue.rule))?;
    let extension = adapter.format().extensions.first().copied().unwrap_or("bin");
    let file_name = format!("{send}-{number}.{extension}");
    Ok(finish(made.bytes, made.media_type, file_name, adapter.written().1, send, &made.left_behind))
}

fn finish(
    bytes: Vec<u8>,
    media_type: &str,
    file_name: String,
    title: &str,
    actor: &str,
    left: &[Issue],
) -> Written {
    let mut events = vec![NewEvent::new(
        "encoded",
        actor,
        &format!("as {title}; {} of the bundle left behind", count(left.len() as u64, "element")),
    )];
    if !left.is_empty() {
        events.push(NewEvent::new("left-behind", actor, &summary(left)));
    }
    Written {
        bytes,
        media_type: media_type.to_owned(),
        file_name,
        words: format!(" as {title}"),
        events,
        left_behind: Some(Translation {
            format: title.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger: b"{}".to_vec(),
            issues: render::operation_outcome(left, 0).to_string().into_bytes(),
            ..Translation::default()
        }),
    }
}

/// The elements left behind, each path once: `Encounter.hospitalization, Patient.contact (2)`.
fn summary(left: &[Issue]) -> String {
    let mut paths: BTreeMap<String, u64> = BTreeMap::new();
    for issue in left {
        let path = issue.position.as_ref().map_or_else(|| "the bundle".to_owned(), |p| short(&p.path));
        *paths.entry(path).or_default() += 1;
    }
    let mut words: Vec<String> = paths
        .iter()
        .take(LEFT_BEHIND_EVENTS)
        .map(|(path, n)| if *n == 1 { path.clone() } else { format!("{path} ({n})") })
        .collect();
    if paths.len() > LEFT_BEHIND_EVENTS {
        words.push(format!("{} others, listed with the message made", paths.len() - LEFT_BEHIND_EVENTS));
    }
    words.join(", ")
}

/// `Observation.referenceRange.low` of `Bundle.entry[5].resource.ofType(Observation).referenceRange[0].low`.
fn short(path: &str) -> String {
    let path = path.split_once(".resource.ofType(").map_or(path, |(_, rest)| rest).replace(')', "");
    let mut out = String::with_capacity(path.len());
    let mut within = false;
    for c in path.chars() {
        match c {
            '[' => within = true,
            ']' => within = false,
            c if !within => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use causeway_core::{IssueCode, Position, Severity, Span};

    use super::*;

    #[test]
    fn paths_are_named_once_without_their_numbers() {
        let at = |path: &str| {
            let issue = Issue::new(Severity::Information, IssueCode::NotSupported, "left-behind", "");
            issue.at(Position::new(path, Span::default()))
        };
        let mut left = vec![
            at("Bundle.entry[5].resource.ofType(Observation).referenceRange[0].low"),
            at("Bundle.entry[6].resource.ofType(Observation).referenceRange[1].low"),
            at("Patient.contact"),
        ];
        assert_eq!(summary(&left), "Observation.referenceRange.low (2), Patient.contact");
        left.extend((0..20).map(|n| at(&format!("X.a{n}"))));
        assert!(summary(&left).ends_with("12 others, listed with the message made"));
    }
}
