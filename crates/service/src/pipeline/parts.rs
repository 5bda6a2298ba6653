//! Messages of several parts (GP2GP with attachments). Every part is a durable message of its own; which
//! belong together stands in a configuration document of the engine, changed by compare-and-set, so that any
//! worker may see the last part come.

use std::collections::BTreeMap;

use causeway_adapter::{Adapter, Detection, Part};
use causeway_exchange::route::Routes;
use causeway_exchange::{
    Effects, EngineError, Failure, Lease, Message, MessageId, NewEvent, NextStep, State,
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::content;
use super::translate::{self, Done};
use super::worker::End;
use crate::limits::PARTS_MAX;
use crate::state::AppState;

/// Kind of the documents.
const KIND: &str = "parts";
/// Attempts to change a document that others change too.
const ATTEMPTS: u32 = 100;

/// One message of several parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Group {
    adapter: String,
    /// Part id to message.
    parts: BTreeMap<String, MessageId>,
    /// Parts announced by others.
    awaits: Vec<String>,
    /// The message whose part announced the others: it carries the translation.
    root: Option<MessageId>,
    /// Translated.
    done: bool,
}

impl Group {
    fn complete(&self) -> bool {
        self.awaits.iter().all(|id| self.parts.contains_key(id))
    }

    fn root(&self) -> Option<&MessageId> {
        self.root.as_ref().or_else(|| self.parts.values().next())
    }
}

fn key(state: &AppState, message: &Message, adapter: &dyn Adapter, group: &str) -> String {
    state.digest(&format!("{}|{}|{group}", message.new.sender, adapter.name()))
}

fn load(state: &AppState, key: &str) -> Result<(u64, Group), EngineError> {
    match state.engine.config(KIND, key)? {
        Some((version, json)) => {
            let group = serde_json::from_str(&json).map_err(|_| EngineError::Corrupt("parts document"))?;
            Ok((version, group))
        }
        None => Ok((0, Group::default())),
    }
}

/// Changes a group; again where someone else changed it in between.
fn update(state: &AppState, key: &str, change: impl Fn(&mut Group) -> bool) -> Result<Group, EngineError> {
    for _ in 0..ATTEMPTS {
        let (version, mut group) = load(state, key)?;
        if !change(&mut group) {
            return Ok(group);
        }
        let json = serde_json::to_string(&group).map_err(|_| EngineError::Invalid("parts document"))?;
        let now = state.clock.now();
        match state.engine.put_config(KIND, key, Some(&json), Some(version), "causeway", now) {
            Ok(_) => return Ok(group),
            Err(EngineError::VersionConflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(EngineError::Storage("parts document is contended".to_owned()))
}

/// Takes one part: waits for the others, or translates the whole where it was the last.
pub(super) fn take(
    state: &AppState,
    routes: &Routes,
    lease: &Lease,
    message: &Message,
    adapter: &'static dyn Adapter,
    detection: &Detection,
    part: Part,
) -> Done {
    let key = key(state, message, adapter, &part.group);
    let id = message.new.id.clone();
    let registered = update(state, &key, |group| {
        let known =
            group.parts.get(&part.id) == Some(&id) && part.awaits.iter().all(|a| group.awaits.contains(a));
        if known || group.parts.len() >= PARTS_MAX {
            return false;
        }
        group.adapter = adapter.name().to_owned();
        group.parts.insert(part.id.clone(), id.clone());
        for awaited in &part.awaits {
            if !group.awaits.contains(awaited) && group.awaits.len() < PARTS_MAX {
                group.awaits.push(awaited.clone());
            }
        }
        if group.root.is_none() && !part.awaits.is_empty() {
            group.root = Some(id.clone());
        }
        true
    });
    let group = match registered {
        Ok(group) => group,
        Err(error) => return End::of(state, lease, &error).into(),
    };
    if group.done {
        return joined_end(group.root(), &id).into();
    }
    let whole = if group.complete() { gather(state, adapter, &group) } else { Ok(None) };
    match whole {
        Ok(Some(whole)) => finish(state, routes, lease, message, adapter, detection, (&key, group, &whole)),
        Ok(None) => wait(state, message, group.parts.len(), group.awaits.len()).into(),
        Err(error) => End::of(state, lease, &error).into(),
    }
}

/// The whole put together from its parts; `None` where the adapter still misses some.
fn gather(state: &AppState, adapter: &dyn Adapter, group: &Group) -> Result<Option<Vec<u8>>, EngineError> {
    let limit = state.config.limits.message_bytes;
    let mut parts = Vec::with_capacity(group.parts.len());
    let mut total = 0;
    for (name, id) in &group.parts {
        let message = state.engine.message(id)?.ok_or(EngineError::NotFound("message"))?;
        let bytes = content::read(state, &message)?.bytes;
        total += bytes.len() as u64;
        if total > limit {
            return Err(EngineError::TooLarge(limit));
        }
        parts.push((name.clone(), bytes));
    }
    Ok(adapter.join(&parts).ok())
}

fn finish(
    state: &AppState,
    routes: &Routes,
    lease: &Lease,
    message: &Message,
    adapter: &'static dyn Adapter,
    detection: &Detection,
    (key, group, whole): (&str, Group, &[u8]),
) -> Done {
    let now = state.clock.now();
    let id = &message.new.id;
    let outcome = (|| -> Result<Done, EngineError> {
        let Some(root) = group.root() else {
            return Ok(End::park("parts", "no part leads the others").into());
        };
        let done = if root == id {
            let (effects, persons) = translate::effects(state, routes, message, adapter, detection, whole)
                .ok_or_else(unanswered)?;
            Done { end: End::Done(Box::new(effects)), persons }
        } else {
            let leader = state.engine.message(root)?.ok_or(EngineError::NotFound("message"))?;
            // Done before where a worker was killed after it: then nothing is delivered twice.
            if leader.state == State::Accepted {
                let (effects, _) = translate::effects(state, routes, &leader, adapter, detection, whole)
                    .ok_or_else(unanswered)?;
                let kinds: Vec<_> = effects.work.iter().map(|w| w.kind).collect();
                state.engine.apply(root, effects, now)?;
                kinds.into_iter().for_each(|kind| state.signals.work(kind));
            }
            joined_end(Some(root), id).into()
        };
        for other in group.parts.values().filter(|other| *other != root && *other != id) {
            if state.engine.message(other)?.is_some_and(|m| m.state == State::Accepted) {
                state.engine.apply(other, joined(Some(root)), now)?;
            }
        }
        if root != id {
            update(state, key, |group| !std::mem::replace(&mut group.done, true))?;
        }
        Ok(done)
    })();
    outcome.unwrap_or_else(|error| End::of(state, lease, &error).into())
}

fn joined(root: Option<&MessageId>) -> Effects {
    let text = root.map_or_else(String::new, |root| format!("translated as a part of message {root}"));
    Effects {
        state: Some(State::Translated),
        events: vec![NewEvent::new("part-joined", "causeway", &text)],
        ..Effects::default()
    }
}

/// The end of a part's own work: it needs no translation of its own. The leading message may have been
/// translated by another worker meanwhile; its state stays as it is.
fn joined_end(root: Option<&MessageId>, id: &MessageId) -> End {
    let effects = if root == Some(id) { Effects::default() } else { joined(root) };
    End::Done(Box::new(effects))
}

/// Waits for the others: the next part wakes nothing, for it translates the whole itself. When the time is
/// over, a person is asked.
fn wait(state: &AppState, message: &Message, have: usize, awaited: usize) -> End {
    let wait = SignedDuration::from_hours(state.config.limits.parts_wait_hours);
    let deadline = message.received_at.checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
    if state.clock.now() >= deadline {
        return End::park("parts-missing", "parts of this message did not come in time");
    }
    End::Failed(Box::new(Failure {
        code: "waiting-for-parts".to_owned(),
        detail: format!("{have} parts are here, {awaited} more were announced in all"),
        next: NextStep::Retry(deadline),
        effects: Effects::default(),
    }))
}

/// The whole content that a message's translation was made from: joined from its parts where it has some.
///
/// # Errors
/// What the engine says.
pub fn joined_content(
    state: &AppState,
    message: &Message,
    adapter: &dyn Adapter,
    own: Vec<u8>,
) -> Result<Vec<u8>, EngineError> {
    let Some(part) = adapter.part(&own) else { return Ok(own) };
    let (_, group) = load(state, &key(state, message, adapter, &part.group))?;
    if !group.complete() || group.root() != Some(&message.new.id) {
        return Ok(own);
    }
    Ok(gather(state, adapter, &group)?.unwrap_or(own))
}

/// An adapter in another process could not be reached: transient, so the work is tried again.
fn unanswered() -> EngineError {
    EngineError::Storage("the translator did not answer".to_owned())
}
