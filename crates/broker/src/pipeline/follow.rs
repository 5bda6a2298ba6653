//! What was taken into one record is taken into another, from what the exchange keeps of it: nothing is written there, no work is
//! ordered and nobody is notified, for all that was done when it was taken in first. The other is that of a broker that
//! follows the one that works, or one that is made anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

use causeway_exchange::{EngineError, Message, MessageId, Recorded, Translation};
use causeway_record::{Applied, Prepared, RecordError, SourceMessage};

pub use super::fault::FollowError;
use super::record::{read_bundles, source};
use super::slices;
use crate::limits::{READ_MESSAGES, RECORD_WINDOW_MESSAGES, WINDOW_BYTES};
use crate::state::AppState;

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// They are in the record now, or were.
    pub applied: usize,
    /// Their content is gone.
    pub gone: usize,
    /// The record refused them, or they can't be read: they are named in the log.
    pub refused: usize,
}

impl TakenIn {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> usize {
        self.applied + self.gone + self.refused
    }
}

/// A message as the record takes it.
struct Told {
    source: SourceMessage,
    prepared: Prepared,
    /// Bytes of its bundles.
    bytes: u64,
}

/// A message, read.
enum Read {
    Whole(Box<Told>),
    /// Its translation is in pieces, which are read one by one.
    Pieces,
    Gone,
    Refused,
}

/// Some messages that go into the record together.
struct Window<'a> {
    whole: Vec<(&'a MessageId, SourceMessage, Prepared)>,
    /// One that goes after them, alone.
    pieces: Option<&'a MessageId>,
    gone: usize,
    refused: usize,
}

impl Window<'_> {
    fn new() -> Self {
        Self { whole: Vec::new(), pieces: None, gone: 0, refused: 0 }
    }
}

/// What the exchange keeps of a message and a record takes in; `None` where it is gone, an error where it is not as it was written.
pub type Kept = Result<Option<(Message, Translation)>, EngineError>;

/// Reads the first of some messages, in their order: one at least.
pub type Reader<'a> = &'a (dyn Fn(&[MessageId]) -> Result<Vec<Kept>, EngineError> + Sync);

/// Reads messages one after the other, as far as the engine has no faster way: of as many as are within [`WINDOW_BYTES`] together.
///
/// # Errors
/// The exchange failed.
pub fn kept(state: &AppState, ids: &[MessageId]) -> Result<Vec<Kept>, EngineError> {
    let (mut read, mut held) = (Vec::new(), 0);
    for id in ids {
        let one = match state.engine.message(id).and_then(|m| Ok(m.zip(state.contents.translation(id)?))) {
            Err(error) if error.is_transient() => return Err(error),
            one => one,
        };
        if let Ok(Some((_, translation))) = &one {
            held += translation.outputs.iter().map(|o| o.bytes.len() as u64).sum::<u64>();
        }
        read.push(one);
        if held > WINDOW_BYTES {
            break;
        }
    }
    Ok(read)
}

/// Takes messages in, in the order given: that in which they were taken in first, so the order of each person is kept. Those
/// that are in the record change nothing. Windows of them share one flush each; while one is written, the next is read beside
/// it. `step` is told after each window how many are done.
///
/// # Errors
/// The exchange or the record failed; what was taken in until then stays.
pub fn take_in(
    state: &AppState,
    messages: &[Recorded],
    read: Reader<'_>,
    step: &dyn Fn(usize),
) -> Result<TakenIn, FollowError> {
    let ids = messages.iter().map(|one| MessageId::new(&one.id)).collect::<Result<Vec<_>, _>>()?;
    let mut taken = TakenIn::default();
    std::thread::scope(|scope| {
        // Handed over hand to hand, so that two windows at most are in memory.
        let (sender, receiver) = sync_channel(0);
        let ids = ids.as_slice();
        let reader = scope.spawn(move || windows(state, ids, messages, read, &sender));
        for window in receiver {
            taken.gone += window.gone;
            taken.refused += window.refused;
            together(state, window.whole, read, &mut taken)?;
            if let Some(id) = window.pieces {
                in_pieces(state, id, &mut taken)?;
            }
            step(taken.all());
        }
        // Its end is the windows' end; where it panicked, what is left was not read.
        reader.join().unwrap_or(Err(EngineError::Corrupt("translation")))?;
        Ok::<_, FollowError>(())
    })?;
    Ok(taken)
}

/// Reads messages into windows, until nobody takes them any more.
fn windows<'a>(
    state: &AppState,
    ids: &'a [MessageId],
    messages: &[Recorded],
    read: Reader<'_>,
    sender: &SyncSender<Window<'a>>,
) -> Result<(), EngineError> {
    let mut window = Window::new();
    let (mut held, mut at) = (0, 0);
    while let (Some(rest), Some(told)) = (ids.get(at..), messages.get(at..))
        && let Some(id) = rest.first()
    {
        let whole = told.iter().take(READ_MESSAGES).take_while(|one| one.present && !one.in_pieces).count();
        let found = match rest.get(..whole) {
            Some(run) if whole > 0 => {
                let kept = read(run)?;
                if kept.is_empty() {
                    return Err(EngineError::Storage("no message could be read".to_owned()));
                }
                run.iter().zip(kept).map(|(id, kept)| Ok((id, told_by(state, id, kept)?))).collect()
            }
            _ if told.first().is_some_and(|one| one.present) => Ok(vec![(id, Read::Pieces)]),
            _ => Ok(vec![(id, Read::Gone)]),
        };
        for (id, one) in found? {
            at += 1;
            match one {
                Read::Whole(told) => {
                    let Told { source, prepared, bytes } = *told;
                    if !window.whole.is_empty() && held + bytes > WINDOW_BYTES {
                        if sender.send(std::mem::replace(&mut window, Window::new())).is_err() {
                            return Ok(());
                        }
                        held = 0;
                    }
                    held += bytes;
                    window.whole.push((id, source, prepared));
                }
                Read::Pieces => window.pieces = Some(id),
                Read::Gone => window.gone += 1,
                Read::Refused => window.refused += 1,
            }
            if window.whole.len() == RECORD_WINDOW_MESSAGES || window.pieces.is_some() {
                if sender.send(std::mem::replace(&mut window, Window::new())).is_err() {
                    return Ok(());
                }
                held = 0;
            }
        }
    }
    // Nobody takes it only where the record failed, which is told.
    let _ = sender.send(window);
    Ok(())
}

fn told_by(state: &AppState, id: &MessageId, kept: Kept) -> Result<Read, EngineError> {
    let told = kept.and_then(|kept| kept.map(|(m, t)| Ok((source(state, &m, &t)?, t))).transpose());
    let (source, translation) = match told {
        Ok(Some(told)) => told,
        Ok(None) => return Ok(Read::Gone),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => return Ok(refused(id, &error)),
    };
    let bytes = translation.outputs.iter().map(|o| o.bytes.len() as u64).sum();
    match catch_unwind(AssertUnwindSafe(|| read_bundles(&translation, source.sector))) {
        Ok(prepared) => Ok(Read::Whole(Box::new(Told { source, prepared, bytes }))),
        Err(_) => Ok(refused(id, &"the program failed on it")),
    }
}

/// Says of a message that it can't be taken in. Its text never holds a value.
fn refused(id: &MessageId, why: &dyn std::fmt::Display) -> Read {
    tracing::error!(message = %id, why = %why, "a message that was taken into a record before can't be taken into this one");
    Read::Refused
}

/// Takes whole messages in with one flush; where that fails, each alone, so that what fails fails alone.
fn together(
    state: &AppState,
    window: Vec<(&MessageId, SourceMessage, Prepared)>,
    read: Reader<'_>,
    taken: &mut TakenIn,
) -> Result<(), FollowError> {
    if window.is_empty() {
        return Ok(());
    }
    let ids: Vec<&MessageId> = window.iter().map(|(id, ..)| *id).collect();
    let (sources, prepared): (Vec<_>, Vec<_>) = window.into_iter().map(|(_, s, p)| (s, p)).unzip();
    let deliveries = prepared.into_iter().zip(&sources).collect();
    match apply(state, deliveries) {
        Some(Ok(results)) => {
            ids.iter().zip(results).try_for_each(|(id, result)| count(id, Some(result), taken))
        }
        _ => ids.into_iter().zip(&sources).try_for_each(|(id, source)| alone(state, id, source, read, taken)),
    }
}

/// `None` where the program failed.
fn apply(
    state: &AppState,
    deliveries: Vec<(Prepared, &SourceMessage)>,
) -> Option<Result<Vec<Result<Applied, RecordError>>, RecordError>> {
    let now = state.clock.now();
    catch_unwind(AssertUnwindSafe(|| state.record.apply_prepared(deliveries, now))).ok()
}

fn alone(
    state: &AppState,
    id: &MessageId,
    source: &SourceMessage,
    read: Reader<'_>,
    taken: &mut TakenIn,
) -> Result<(), FollowError> {
    let kept = read(std::slice::from_ref(id))?.pop().unwrap_or(Ok(None))?;
    let Some((_, translation)) = kept else {
        taken.gone += 1;
        return Ok(());
    };
    let result = apply(state, vec![(read_bundles(&translation, source.sector), source)]);
    let result = result
        .map(|applied| applied.and_then(|mut results| results.pop().unwrap_or(Err(RecordError::Damaged))));
    count(id, result, taken)
}

/// Counts what became of one; `None`: the program failed on it.
fn count(
    id: &MessageId,
    result: Option<Result<Applied, RecordError>>,
    taken: &mut TakenIn,
) -> Result<(), FollowError> {
    match result {
        Some(Ok(_)) => taken.applied += 1,
        Some(Err(error @ RecordError::Database(_))) => return Err(error.into()),
        Some(Err(error)) => {
            refused(id, &error);
            taken.refused += 1;
        }
        None => {
            refused(id, &"the program failed on it");
            taken.refused += 1;
        }
    }
    Ok(())
}

/// Takes a translation in pieces in, a piece in memory at a time.
fn in_pieces(state: &AppState, id: &MessageId, taken: &mut TakenIn) -> Result<(), FollowError> {
    match slices::take_all_in(state, id) {
        Ok(true) => taken.applied += 1,
        Ok(false) => taken.gone += 1,
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            refused(id, &error);
            taken.refused += 1;
        }
    }
    Ok(())
}
