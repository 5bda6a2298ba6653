//! The work on a translation in pieces, a few pieces at a time: into the record, and where routes say.
//!
//! Each slice ends in one transaction with the order for the next, which says from which piece it goes on. Killed in
//! between, the last slice is done again: the record knows what it has applied, and deliveries are made with the slice
//! or not at all.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use causeway_exchange::{
    Effects, EngineError, Lease, Message, MessageId, NewEvent, NewWork, PieceKind, TranslationHead, WorkKind,
};
use causeway_record::{Applied, RecordError, SourceMessage};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::fault::FollowError;
use super::pieces::{self, Entry};
use super::route::{self, Outgoing, Tell};
use super::worker::End;
use super::{RECORD_PIECES, SPREAD, record};
use crate::limits::{PAGE_ISSUES_MAX, RECORD_BATCH_BYTES, REFUSED_BUNDLES_MAX, SLICE_SECONDS};
use crate::state::AppState;
use crate::words::count;

/// How far the work on one message is, and what it did: the instructions of the next slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// The next piece.
    piece: u32,
    /// Only this bundle of the piece: the record refused it, and a person looks after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<usize>,
    created: u64,
    updated: u64,
    unchanged: u64,
    superseded: u64,
    late: u64,
    refused: u64,
    /// Bundles that were in the record already.
    known: u64,
    /// Bundles that the record refused.
    refused_bundles: u64,
    /// Issues that are on the timeline.
    issues: usize,
}

impl Progress {
    fn read(lease: &Lease) -> Result<Self, End> {
        let text = &lease.item.work.detail;
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text)
            .map_err(|_| End::park("instructions", "the instructions of this work can't be read"))
    }

    /// The order for what is left.
    fn order(&self, kind: WorkKind, destination: &str, replay: bool) -> NewWork {
        let mut work = NewWork::new(kind, destination);
        work.detail = json!(self).to_string();
        work.replay = replay;
        work
    }

    fn add(&mut self, applied: &Applied) {
        self.created += applied.created.len() as u64;
        self.updated += applied.updated.len() as u64;
        self.unchanged += applied.unchanged;
        self.superseded += applied.superseded.len() as u64;
        self.late += applied.late.len() as u64;
        self.refused += applied.refused;
    }

    fn words(&self, pieces: u32) -> String {
        let mut parts = vec![format!("{} new", self.created), format!("{} changed", self.updated)];
        for (number, word) in [
            (self.unchanged, "unchanged"),
            (self.superseded, "no longer told by their source"),
            (self.late, "older than what is known, kept in the history"),
            (self.refused, "refused"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        let mut text = format!("resources: {}; in {}", parts.join(", "), count(pieces.into(), "piece"));
        if self.known > 0 {
            text.push_str(&format!("; {} in the record already", count(self.known, "bundle")));
        }
        if self.refused_bundles > 0 {
            let refused = count(self.refused_bundles, "bundle");
            text.push_str(&format!("; {refused} refused whole, the first of them for a person to look at"));
        }
        text
    }
}

/// The message of a lease and its translation.
fn load(state: &AppState, lease: &Lease) -> Result<(Message, TranslationHead), End> {
    let id = &lease.item.message;
    match state.engine.message(id).and_then(|m| Ok((m, state.contents.translation_head(id)?))) {
        Ok((Some(message), Some(head))) => Ok((message, head)),
        Ok(_) => Err(End::park("not-found", "the message has no translation")),
        Err(error) => Err(End::of(state, &error)),
    }
}

fn pieces_of(head: &TranslationHead) -> u32 {
    u32::try_from(head.translation.pieces_of(PieceKind::Outputs).count()).unwrap_or(u32::MAX)
}

/// The bundles of one piece.
fn bundles(state: &AppState, lease: &Lease, piece: u32) -> Result<Vec<Entry>, End> {
    match pieces::bundles(state, &lease.item.message, piece) {
        Ok(Some(entries)) => Ok(entries),
        Ok(None) => Err(End::park("not-found", "the translation no longer has this piece")),
        Err(error) => Err(End::of(state, &error)),
    }
}

/// Takes the next pieces into the record, until all are in, the slice's time is over or the service stops.
pub(super) fn record(state: &AppState, lease: &Lease, stop: &CancellationToken) -> End {
    record_slice(state, lease, stop).unwrap_or_else(|end| end)
}

fn record_slice(state: &AppState, lease: &Lease, stop: &CancellationToken) -> Result<End, End> {
    let mut progress = Progress::read(lease)?;
    let (message, head) = load(state, lease)?;
    let source =
        record::source(state, &message, &head.translation).map_err(|error| End::of(state, &error))?;
    if let Some(only) = progress.only {
        return one_bundle(state, lease, &source, progress.piece, only);
    }
    let (pieces, replay) = (pieces_of(&head), lease.item.work.replay);
    let started = Instant::now();
    let mut effects = Effects::default();
    while progress.piece < pieces {
        let entries = bundles(state, lease, progress.piece)?;
        let mut piece = Into { state, source: &source, progress: &mut progress, effects: &mut effects };
        piece.take(&entries).map_err(|error| failed(state, lease, &error))?;
        progress.piece += 1;
        let over = started.elapsed() >= Duration::from_secs(SLICE_SECONDS) || stop.is_cancelled();
        if over && progress.piece < pieces {
            effects.work.push(progress.order(WorkKind::Record, RECORD_PIECES, replay));
            return Ok(End::Done(Box::new(effects)));
        }
    }
    effects.events.push(NewEvent::new("recorded", "record", &progress.words(pieces)));
    Ok(End::Done(Box::new(effects)))
}

/// Takes all pieces of a message into the record that another broker has taken in: `false` where they are gone.
///
/// # Errors
/// The exchange or the record failed.
pub(super) fn take_all_in(state: &AppState, id: &MessageId) -> Result<bool, FollowError> {
    let Some(message) = state.engine.message(id)? else { return Ok(false) };
    let Some(head) = state.contents.translation_head(id)? else { return Ok(false) };
    let source = record::source(state, &message, &head.translation)?;
    // What is told of it was told by the other.
    let (mut progress, mut effects) = (Progress::default(), Effects::default());
    for piece in 0..pieces_of(&head) {
        let Some(entries) = pieces::bundles(state, id, piece)? else { return Ok(false) };
        let mut into = Into { state, source: &source, progress: &mut progress, effects: &mut effects };
        into.take(&entries)?;
    }
    Ok(true)
}

fn failed(state: &AppState, lease: &Lease, error: &RecordError) -> End {
    match error {
        RecordError::Database(_) => End::retry(state, lease, "record-database", &error.to_string()),
        _ => End::park("record-refused", &error.to_string()),
    }
}

/// Takes one bundle in that was refused before.
fn one_bundle(
    state: &AppState,
    lease: &Lease,
    source: &SourceMessage,
    piece: u32,
    at: usize,
) -> Result<End, End> {
    let entries = bundles(state, lease, piece)?;
    let Some(entry) = entries.get(at) else {
        return Err(End::park("not-found", "the translation no longer has this bundle"));
    };
    let applied = state.record.apply(&entry.output.bytes, source, state.clock.now());
    let applied = applied.map_err(|error| failed(state, lease, &error))?;
    let events = record::events(&applied);
    Ok(End::Done(Box::new(Effects { events, ..Effects::default() })))
}

/// The way of one piece into the record.
struct Into<'a> {
    state: &'a AppState,
    source: &'a SourceMessage,
    progress: &'a mut Progress,
    effects: &'a mut Effects,
}

impl Into<'_> {
    /// A batch at a time, each one transaction.
    fn take(&mut self, entries: &[Entry]) -> Result<(), RecordError> {
        let mut from = 0;
        while from < entries.len() {
            let rest = entries.get(from..).unwrap_or_default();
            let mut bytes = 0;
            let fits = |entry: &&Entry| {
                let first = bytes == 0;
                bytes += entry.output.bytes.len().max(1);
                first || bytes <= RECORD_BATCH_BYTES
            };
            let batch: Vec<&[u8]> =
                rest.iter().take_while(fits).map(|entry| entry.output.bytes.as_slice()).collect();
            self.batch(from, &batch)?;
            from += batch.len();
        }
        Ok(())
    }

    /// One batch; where it is refused or makes the program fail, each bundle alone, so that it fails alone.
    fn batch(&mut self, first: usize, bundles: &[&[u8]]) -> Result<(), RecordError> {
        match self.apply(bundles) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error @ RecordError::Database(_))) => return Err(error),
            _ => {}
        }
        for (at, bundle) in (first..).zip(bundles) {
            match self.apply(&[bundle]) {
                Some(Ok(())) => {}
                Some(Err(error @ RecordError::Database(_))) => return Err(error),
                _ => self.refused(at),
            }
        }
        Ok(())
    }

    /// `None` where the program failed.
    fn apply(&mut self, bundles: &[&[u8]]) -> Option<Result<(), RecordError>> {
        let (state, source) = (self.state, self.source);
        let applied = catch_unwind(AssertUnwindSafe(|| {
            if state.record.is_applied(bundles, source)? {
                return Ok(None);
            }
            state.record.apply_all(bundles, source, state.clock.now()).map(Some)
        }));
        match applied.ok()? {
            Ok(Some(applied)) => self.note(&applied),
            Ok(None) => self.progress.known += bundles.len() as u64,
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(()))
    }

    fn note(&mut self, applied: &Applied) {
        self.progress.add(applied);
        let room = PAGE_ISSUES_MAX.saturating_sub(self.progress.issues);
        let events = record::issue_events(applied, room);
        self.progress.issues += events.len();
        self.effects.events.extend(events);
    }

    /// A bundle that the record refuses is tried once more by itself, and is then parked for a person.
    fn refused(&mut self, at: usize) {
        self.progress.refused_bundles += 1;
        if self.progress.refused_bundles <= REFUSED_BUNDLES_MAX {
            let only = Progress { piece: self.progress.piece, only: Some(at), ..Progress::default() };
            self.effects.work.push(only.order(WorkKind::Record, RECORD_PIECES, false));
        }
    }
}

/// Sends the bundles of the next piece where routes say.
pub(super) fn spread(state: &AppState, lease: &Lease) -> End {
    spread_slice(state, lease).unwrap_or_else(|end| end)
}

fn spread_slice(state: &AppState, lease: &Lease) -> Result<End, End> {
    let mut progress = Progress::read(lease)?;
    let (message, head) = load(state, lease)?;
    let mut outputs = head.translation.pieces_of(PieceKind::Outputs).skip(progress.piece as usize);
    let Some(piece) = outputs.next() else { return Ok(End::Done(Box::default())) };
    let entries = bundles(state, lease, progress.piece)?;
    let failed = |error: EngineError| End::of(state, &error);
    let routes = route::table(state).map_err(failed)?;
    let mut effects = Effects::default();
    let mut out = Outgoing {
        state,
        message: &message,
        key: None,
        effects: &mut effects,
        tell: Tell::Together(BTreeMap::new()),
    };
    out.all(&routes, &head.translation.adapter, piece.first, &entries).map_err(failed)?;
    if let Tell::Together(counts) = out.tell {
        let range = format!("of bundles {} to {}", piece.first + 1, piece.first + piece.count);
        for ((kind, text), number) in counts {
            let text = format!("{} {range}: {}", count(number, "bundle"), text.trim_start());
            effects.events.push(NewEvent::new(kind, "causeway", &text));
        }
    }
    progress.piece += 1;
    if outputs.next().is_some() {
        effects.work.push(progress.order(WorkKind::Translate, SPREAD, lease.item.work.replay));
    }
    Ok(End::Done(Box::new(effects)))
}
