//! Record work: the bundles of one message become part of the integrated record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

use causeway_access::Organisation;
use causeway_adapter::{Adapter, Sector, Telling};
use causeway_exchange::{Effects, EngineError, Lease, Message, NewEvent, Translation};
use causeway_record::{Applied, Notice, Prepared, RecordError, SourceMessage};
use serde_json::Value;

use super::worker::{self, End};
use crate::accept::PERSON;
use crate::handed::Handing;
use crate::limits::{PAGE_ISSUES_MAX, RECORD_WINDOW_MESSAGES, WINDOW_BYTES};
use crate::state::{AppState, Shared};
use crate::subscription;
use crate::traces::{Fact, Step};
use crate::words::count;

/// A leased message, read.
struct Loaded {
    lease: Lease,
    source: SourceMessage,
    /// Bytes of its bundles.
    bytes: u64,
    /// Ids of the Encounters that it tells.
    encounters: Vec<String>,
    /// Its bundles, read; taken by the first that applies them.
    prepared: Option<Prepared>,
}

impl Loaded {
    fn of(state: &AppState, lease: &Lease) -> Result<Self, End> {
        let message = &lease.item.message;
        let lease = lease.clone();
        if let Some(handing) = state.handed.take(message) {
            // Another translation of the message may have been kept than the one that was handed over.
            let kept = state.contents.translation_digests(message);
            if kept.is_ok_and(|kept| kept.is_some_and(|kept| kept == handing.digests)) {
                let Handing { prepared, source, bytes, .. } = handing;
                let encounters = prepared.ids(ENCOUNTER);
                return Ok(Self { lease, source, bytes: bytes as u64, encounters, prepared: Some(prepared) });
            }
        }
        let (translation, source) = load(state, &lease)?;
        let bytes = translation.outputs.iter().map(|o| o.bytes.len() as u64).sum();
        // A panic is for the one who applies it alone.
        let prepared = catch_unwind(AssertUnwindSafe(|| read_bundles(&translation, source.sector))).ok();
        let encounters = prepared.as_ref().map_or_else(Vec::new, |p| p.ids(ENCOUNTER));
        Ok(Self { lease, source, bytes, encounters, prepared })
    }

    /// Its bundles; read again where somebody has taken them.
    fn prepared(&mut self, state: &AppState) -> Result<Prepared, End> {
        if let Some(prepared) = self.prepared.take() {
            return Ok(prepared);
        }
        let (translation, _) = load(state, &self.lease)?;
        let prepared = read_bundles(&translation, self.source.sector);
        self.encounters = prepared.ids(ENCOUNTER);
        Ok(prepared)
    }
}

pub(super) fn read_bundles(translation: &Translation, sector: Sector) -> Prepared {
    let bundles: Vec<&[u8]> = translation.outputs.iter().map(|o| o.bytes.as_slice()).collect();
    Prepared::of(&bundles).outlined(sector)
}

/// What notifications are about.
const ENCOUNTER: &str = "Encounter";

/// Applies the leased messages, in windows that share one flush each: while one is written, the next is read beside
/// it. Two of one person are never leased together: the queue keeps the later one back.
pub(super) fn batch(state: &Shared, leases: Vec<Lease>) {
    std::thread::scope(|scope| {
        // Handed over hand to hand, so that two windows at most are in memory.
        let (sender, receiver) = sync_channel(0);
        scope.spawn(move || read(state, leases, &sender));
        for window in receiver {
            run(state, window);
        }
    });
}

/// Reads the leased messages into windows.
fn read(state: &Shared, leases: Vec<Lease>, windows: &SyncSender<Vec<Loaded>>) {
    let mut window = Vec::new();
    let mut bytes = 0;
    for lease in leases {
        let loaded = match Loaded::of(state, &lease) {
            Ok(loaded) => loaded,
            Err(end) => {
                worker::finish(state, &lease, end);
                continue;
            }
        };
        let full = window.len() == RECORD_WINDOW_MESSAGES || bytes + loaded.bytes > WINDOW_BYTES;
        if full && !window.is_empty() {
            // Nobody takes it only where the writer panicked; the leases run out then.
            let _ = windows.send(std::mem::take(&mut window));
            bytes = 0;
        }
        bytes += loaded.bytes;
        window.push(loaded);
    }
    let _ = windows.send(window);
}

fn load(state: &AppState, lease: &Lease) -> Result<(Translation, SourceMessage), End> {
    let id = &lease.item.message;
    let found = state.engine.message(id).and_then(|m| Ok((m, state.contents.translation(id)?)));
    match found {
        Ok((Some(message), Some(translation))) => {
            let source = source(state, &message, &translation).map_err(|error| End::of(state, &error))?;
            Ok((translation, source))
        }
        Ok(_) => Err(End::park("not-found", "the message has no translation")),
        Err(error) => Err(End::of(state, &error)),
    }
}

/// Applies a window, then writes down all ends together, as these share flushes too. Where the window as a whole
/// fails, or one of it makes the program panic, it is halved, so that what fails fails alone and its neighbours still
/// share.
fn run(state: &Shared, mut window: Vec<Loaded>) {
    let (began, together_with) = (state.clock.now(), window.len());
    let told = |lease: &Lease, end: End| {
        let failed = !matches!(end, End::Done(_));
        state.trace(&lease.item.message, Step::Record, began, failed, &[Fact::Together(together_with)]);
        end
    };
    if window.len() < 2 {
        if let Some(one) = window.pop() {
            let lease = one.lease.clone();
            worker::one(state, &lease, || told(&lease, alone(state, one)));
        }
        return;
    }
    match catch_unwind(AssertUnwindSafe(|| together(state, &mut window))) {
        Ok(Some(results)) => {
            let ends = window.into_iter().zip(results).map(|(one, result)| {
                let end = told(&one.lease, end(state, &one, result));
                (one.lease, end)
            });
            worker::finish_all(state, ends.collect());
        }
        _ => {
            let second = window.split_off(window.len() / 2);
            run(state, window);
            run(state, second);
        }
    }
}

/// What became of each; `None` where the window as a whole failed.
fn together(state: &AppState, window: &mut [Loaded]) -> Option<Vec<Result<Applied, RecordError>>> {
    let one = |one: &'_ mut Loaded| one.prepared(state).ok();
    let prepared: Vec<Prepared> = window.iter_mut().map(one).collect::<Option<_>>()?;
    let deliveries = prepared.into_iter().zip(window.iter().map(|one| &one.source)).collect();
    state.record.apply_prepared(deliveries, state.clock.now()).ok()
}

fn alone(state: &AppState, mut one: Loaded) -> End {
    let prepared = match one.prepared(state) {
        Ok(prepared) => prepared,
        Err(end) => return end,
    };
    let applied = state.record.apply_prepared(vec![(prepared, &one.source)], state.clock.now());
    let result = applied.and_then(|mut results| results.pop().unwrap_or(Err(RecordError::Damaged)));
    end(state, &one, result)
}

/// The record knows what it has applied before: again changes nothing.
fn end(state: &AppState, one: &Loaded, result: Result<Applied, RecordError>) -> End {
    let lease = &one.lease;
    // Asked anew after a kill, what it brings about is found again, as the record says what this message changed.
    let result = result.and_then(|applied| {
        let work = subscription::trigger::work(state, &one.source.message, &one.encounters)?;
        Ok((applied, work))
    });
    match result {
        Ok((applied, work)) => {
            End::Done(Box::new(Effects { events: events(&applied), work, ..Effects::default() }))
        }
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
///
/// # Errors
/// [`EngineError::Corrupt`] where its issues can't be read: one of them may say that the message is incomplete, and then it
/// ends nothing that was told before.
pub(super) fn source(
    state: &AppState,
    message: &Message,
    translation: &Translation,
) -> Result<SourceMessage, EngineError> {
    let outcome = match translation.issues.as_slice() {
        b"" => Value::Null,
        issues => serde_json::from_slice(issues).map_err(|_| EngineError::Corrupt("issues"))?,
    };
    Ok(source_told(state, message, translation, &outcome))
}

/// The same with the translation's issues, read.
pub(super) fn source_told(
    state: &AppState,
    message: &Message,
    translation: &Translation,
    outcome: &Value,
) -> SourceMessage {
    let code = &message.new.sender;
    let known = state.config.organisation(code).cloned().or_else(|| Organisation::of_code(code));
    let organisation = known.unwrap_or_default();
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let incomplete = issues.iter().any(|i| i["code"] == "incomplete");
    let notices = notices(issues);
    let format = state.adapter(&translation.adapter).map(Adapter::format);
    SourceMessage {
        message: message.new.id.to_string(),
        sender_code: code.clone(),
        sender_system: organisation.system.url().to_owned(),
        sender_name: if code == PERSON { "the person".to_owned() } else { organisation.name },
        adapter: translation.adapter.clone(),
        sector: format.map_or(Sector::Health, |f| f.sector),
        telling: format.map_or(Telling::Event, |f| f.telling),
        received: message.received_at,
        // Only what is known to be missing stops a later extract from superseding what it no longer tells; a
        // withheld item or a reference that leads nowhere does not.
        partial: incomplete || translation.summary.rejected > 0,
        notices,
    }
}

/// What a reader of the person's record must be told: that something was held back or is missing.
fn notices(issues: &[Value]) -> Vec<Notice> {
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
