//! Record work: the bundles of one message become part of the integrated record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use causeway_access::Organisation;
use causeway_adapter::{Adapter, Sector, Telling};
use causeway_exchange::{Effects, Lease, Message, NewEvent, Translation};
use causeway_record::{Applied, Delivery, Notice, RecordError, SourceMessage};
use serde_json::Value;

use super::worker::{self, End};
use crate::limits::{PAGE_ISSUES_MAX, WINDOW_BYTES};
use crate::state::{AppState, Shared};
use crate::words::count;

/// A leased message, read.
struct Loaded {
    lease: Lease,
    translation: Translation,
    source: SourceMessage,
}

/// Applies the leased messages, in windows that share one flush each. Two of one person are never leased
/// together: the queue keeps the later one back.
pub(super) fn batch(state: &Shared, leases: Vec<Lease>) {
    let mut window = Vec::new();
    let mut bytes = 0;
    for lease in leases {
        let loaded = match load(state, &lease) {
            Ok((translation, source)) => Loaded { lease, translation, source },
            Err(end) => {
                worker::finish(state, &lease, end);
                continue;
            }
        };
        let size: u64 = loaded.translation.outputs.iter().map(|o| o.bytes.len() as u64).sum();
        if !window.is_empty() && bytes + size > WINDOW_BYTES {
            run(state, std::mem::take(&mut window));
            bytes = 0;
        }
        bytes += size;
        window.push(loaded);
    }
    run(state, window);
}

fn load(state: &AppState, lease: &Lease) -> Result<(Translation, SourceMessage), End> {
    let id = &lease.item.message;
    let found = state.engine.message(id).and_then(|m| Ok((m, state.contents.translation(id)?)));
    match found {
        Ok((Some(message), Some(translation))) => {
            let source = source(state, &message, &translation);
            Ok((translation, source))
        }
        Ok(_) => Err(End::park("not-found", "the message has no translation")),
        Err(error) => Err(End::of(state, lease, &error)),
    }
}

/// Applies a window, then writes down all ends together, as these share flushes too. Where the window as a
/// whole fails, or one of it makes the program panic, each is applied alone, so that it fails alone.
fn run(state: &Shared, window: Vec<Loaded>) {
    let together = (window.len() > 1).then(|| catch_unwind(AssertUnwindSafe(|| many(state, &window))));
    let Some(Ok(Ok(results))) = together else {
        for one in &window {
            worker::one(state, &one.lease, || alone(state, one));
        }
        return;
    };
    let ends = window.into_iter().zip(results).map(|(one, result)| {
        let end = end(state, &one.lease, result);
        (one.lease, end)
    });
    worker::finish_all(state, ends.collect());
}

fn bundles(loaded: &Loaded) -> Vec<&[u8]> {
    loaded.translation.outputs.iter().map(|o| o.bytes.as_slice()).collect()
}

fn many(state: &AppState, window: &[Loaded]) -> Result<Vec<Result<Applied, RecordError>>, RecordError> {
    let bundles: Vec<Vec<&[u8]>> = window.iter().map(bundles).collect();
    let deliveries: Vec<Delivery<'_>> =
        window.iter().zip(&bundles).map(|(one, bundles)| Delivery { bundles, source: &one.source }).collect();
    state.record.apply_many(&deliveries, state.clock.now())
}

fn alone(state: &AppState, one: &Loaded) -> End {
    let result = state.record.apply_all(&bundles(one), &one.source, state.clock.now());
    end(state, &one.lease, result)
}

/// The record knows what it has applied before: again changes nothing.
fn end(state: &AppState, lease: &Lease, result: Result<Applied, RecordError>) -> End {
    match result {
        Ok(applied) => End::Done(Box::new(Effects { events: events(&applied), ..Effects::default() })),
        Err(error @ RecordError::Database(_)) => {
            End::retry(state, lease, "record-database", &error.to_string())
        }
        Err(error) => End::park("record-refused", &error.to_string()),
    }
}

/// What is told of bundles that were applied.
pub(super) fn events(applied: &Applied) -> Vec<NewEvent> {
    if applied.repeated {
        return vec![NewEvent::new("recorded", "record", "this was in the record already; nothing changed")];
    }
    let mut parts =
        vec![format!("{} new", applied.created.len()), format!("{} changed", applied.updated.len())];
    for (count, word) in [
        (applied.unchanged, "unchanged"),
        (applied.superseded.len() as u64, "no longer told by their source"),
        (applied.late.len() as u64, "older than what is known, kept in the history"),
        (applied.refused, "refused"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let text =
        format!("resources: {}; about {}", parts.join(", "), count(applied.persons.len() as u64, "person"));
    let mut events = vec![NewEvent::new("recorded", "record", &text)];
    events.extend(issue_events(applied, PAGE_ISSUES_MAX));
    events
}

/// The first issues of bundles that were applied, as events.
pub(super) fn issue_events(applied: &Applied, most: usize) -> Vec<NewEvent> {
    let event = |issue: &causeway_core::Issue| {
        let text = format!("{}: {} ({})", issue.severity.code(), issue.text, issue.rule);
        NewEvent::new("record-issue", "record", &text)
    };
    applied.issues.iter().take(most).map(event).collect()
}

/// The message as the record knows it.
pub(super) fn source(state: &AppState, message: &Message, translation: &Translation) -> SourceMessage {
    let code = &message.new.sender;
    let known = state.config.organisation(code).cloned().or_else(|| Organisation::of_code(code));
    let organisation = known.unwrap_or_default();
    let notices = notices(&translation.issues);
    let format = state.adapter(&translation.adapter).map(Adapter::format);
    SourceMessage {
        message: message.new.id.to_string(),
        sender_code: code.clone(),
        sender_system: organisation.system.url().to_owned(),
        sender_name: organisation.name,
        adapter: translation.adapter.clone(),
        sector: format.map_or(Sector::Health, |f| f.sector),
        telling: format.map_or(Telling::Event, |f| f.telling),
        received: message.received_at,
        // Only what is known to be missing stops a later extract from superseding what it no longer tells; a
        // withheld item or a reference that leads nowhere does not.
        partial: incomplete(&translation.issues) || translation.summary.rejected > 0,
        notices,
    }
}

fn incomplete(issues: &[u8]) -> bool {
    let outcome: Value = serde_json::from_slice(issues).unwrap_or_default();
    outcome["issue"].as_array().is_some_and(|list| list.iter().any(|i| i["code"] == "incomplete"))
}

/// What a reader of the person's record must be told: that something was held back or is missing.
fn notices(issues: &[u8]) -> Vec<Notice> {
    let outcome: Value = serde_json::from_slice(issues).unwrap_or_default();
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut notices: Vec<Notice> = issues
        .iter()
        .filter(|i| matches!(i["code"].as_str(), Some("suppressed" | "incomplete" | "not-found")))
        .map(|i| Notice {
            code: i["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned(),
            text: i["details"]["text"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    // Each is told of everybody in the message, so each once.
    notices.sort_unstable_by(|a, b| (&a.code, &a.text).cmp(&(&b.code, &b.text)));
    notices.dedup();
    notices.truncate(PAGE_ISSUES_MAX);
    notices
}
