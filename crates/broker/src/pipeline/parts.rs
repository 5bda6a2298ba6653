//! Messages of several parts (GP2GP with attachments). Every part is a durable message of its own; which
//! belong together stands in a document of the engine, changed by compare-and-set, so that any worker may see the last
//! part come, with either engine. It ends with the contents of its messages ([`forget`]): until then a part that is sent
//! again is known as such, and a translation can be made anew.

use std::collections::BTreeMap;

use causeway_adapter::{Adapter, Detection, Part};
use causeway_exchange::route::Routes;
use causeway_exchange::{
    Effects, EngineError, Failure, Lease, Message, MessageId, NewEvent, NewWork, NextStep, State, WorkItem,
    WorkKind, WorkQuery, WorkState,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::collect::{Broken, Gate, Job};
use super::content;
use super::made::{self, Input, Unmade};
use super::worker::End;
use crate::limits::{
    LOOK_AGAIN_DOUBLINGS_MAX, LOOK_AGAIN_MS, PART_ID_CHARS_SHOWN, PARTS_MAX, PARTS_MAX_WORK, PARTS_NAMED,
};
use crate::state::AppState;

/// Kind of the documents.
const KIND: &str = "parts";
/// Attempts to change a document that others change too.
const ATTEMPTS: u32 = 100;
/// Code of the failure while parts are awaited.
const WAITING: &str = "waiting-for-parts";
/// Code of the failure after which a person is asked.
const MISSING: &str = "parts-missing";
/// Event of a part that became part of a translated message.
const JOINED: &str = "part-joined";

/// One message of several parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Group {
    adapter: String,
    /// Part id to message: the first that brought it.
    parts: BTreeMap<String, MessageId>,
    /// Messages that brought a part again.
    #[serde(default)]
    repeats: Vec<MessageId>,
    /// Parts announced by others.
    awaits: Vec<String>,
    /// Parts that announce others.
    #[serde(default)]
    announcers: Vec<String>,
    /// The message that carries the translation, once the whole could be put together.
    root: Option<MessageId>,
    /// The part whose work sees to it that the root is translated, where the root itself did not come last.
    #[serde(default)]
    waker: Option<MessageId>,
}

impl Group {
    fn complete(&self) -> bool {
        self.awaits.iter().all(|id| self.parts.contains_key(id))
    }

    fn missing(&self) -> Vec<&str> {
        self.awaits.iter().filter(|id| !self.parts.contains_key(*id)).map(String::as_str).collect()
    }

    /// The message of the part that announces others and that nobody announces, whichever came first.
    fn lead(&self) -> Option<&MessageId> {
        let announced = |id: &String| self.awaits.contains(id);
        let own = self.announcers.iter().filter(|id| !announced(id)).min();
        let id = own.or_else(|| self.parts.keys().find(|id| !announced(id)))?;
        self.parts.get(id)
    }

    fn members(&self) -> impl Iterator<Item = &MessageId> {
        self.parts.values().chain(&self.repeats)
    }

    /// Enters a part that a message brought. Whether that changed anything.
    fn enter(&mut self, adapter: &str, part: &Part, message: &MessageId) -> bool {
        if self.parts.len() + self.repeats.len() >= PARTS_MAX {
            return false;
        }
        match self.parts.get(&part.id) {
            Some(first) if first == message => {}
            Some(_) if self.repeats.contains(message) => return false,
            Some(_) => {
                self.repeats.push(message.clone());
                return true;
            }
            None => drop(self.parts.insert(part.id.clone(), message.clone())),
        }
        adapter.clone_into(&mut self.adapter);
        for awaited in &part.awaits {
            if !self.awaits.contains(awaited) && self.awaits.len() < PARTS_MAX {
                self.awaits.push(awaited.clone());
            }
        }
        if !part.awaits.is_empty() && !self.announcers.contains(&part.id) {
            self.announcers.push(part.id.clone());
        }
        true
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

/// Forgets the groups of which no message has its content any more. How many.
///
/// # Errors
/// What the engine says.
pub fn forget(state: &AppState) -> Result<usize, EngineError> {
    let mut forgotten = 0;
    for (key, version, json) in state.engine.configs(KIND)? {
        // One that is damaged is told where its messages are worked on, and stays.
        let Ok(group) = serde_json::from_str::<Group>(&json) else { continue };
        let mut kept = false;
        for id in group.members() {
            kept |= state.engine.message(id)?.is_some_and(|m| m.content_deleted_at.is_none());
        }
        if kept {
            continue;
        }
        match state.engine.put_config(KIND, &key, None, Some(version), "causeway", state.clock.now()) {
            Ok(_) => forgotten += 1,
            // A part came meanwhile.
            Err(EngineError::VersionConflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(forgotten)
}

/// The work on one part.
pub(super) struct Work<'a> {
    pub(super) state: &'a AppState,
    pub(super) routes: &'a Routes,
    pub(super) lease: &'a Lease,
    pub(super) message: &'a Message,
    pub(super) adapter: &'static dyn Adapter,
    pub(super) detection: &'a Detection,
}

impl Work<'_> {
    /// Takes one part: waits for the others, or sees to it that the whole is translated. Only the work of the
    /// leading message translates, so that this happens once, however many parts find the group complete.
    pub(super) fn take(&self, part: &Part) -> End {
        self.place(part).unwrap_or_else(|error| End::of(self.state, &error))
    }

    fn place(&self, part: &Part) -> Result<End, EngineError> {
        let (state, id) = (self.state, &self.message.new.id);
        let key = key(state, self.message, self.adapter, &part.group);
        let known = |group: &Group| {
            group.parts.get(&part.id) == Some(id) && part.awaits.iter().all(|a| group.awaits.contains(a))
        };
        let group = update(state, &key, |group| !known(group) && group.enter(self.adapter.name(), part, id))?;
        if let Some(root) = &group.root
            && root != id
            && group.waker.as_ref().is_some_and(|waker| waker != id)
        {
            return self.joined(&group, root);
        }
        let whole = if group.complete() { gather(state, self.adapter, &group)? } else { None };
        let Some(whole) = whole else { return Ok(wait(state, self.message, &group)) };
        let group = update(state, &key, |group| {
            let root = group.root.is_none().then(|| group.lead().cloned()).flatten();
            let settles = root.is_some();
            group.root = root.or_else(|| group.root.take());
            let wakes = group.waker.is_none() && group.root.as_ref() != Some(id);
            if wakes {
                group.waker = Some(id.clone());
            }
            settles || wakes
        })?;
        match &group.root {
            None => Ok(End::park("parts", "no part leads the others")),
            Some(root) if root == id => self.translate(&group, &whole),
            Some(root) if group.waker.as_ref() == Some(id) => self.wake(&group, root),
            // The waker sees to it: its work ends only after the root's, also where the process is killed.
            Some(root) => self.joined(&group, root),
        }
    }

    /// Translates the whole under the leading message; the others are told that they are part of it.
    fn translate(&self, group: &Group, whole: &[u8]) -> Result<End, EngineError> {
        let (state, root) = (self.state, &self.message.new.id);
        // A wait that ends after the group was translated; a replay is asked for by a person.
        if !self.lease.item.work.replay && state.contents.translation(root)?.is_some() {
            return Ok(End::Done(Box::default()));
        }
        let gate = Gate::default();
        let job = Job {
            state,
            routes: self.routes,
            message: self.message,
            adapter: self.adapter,
            lease: Some(self.lease),
            gate: &gate,
        };
        let made = made::effects(&job, self.detection, Input::Whole(whole));
        let effects = made.map_err(unmade)?.effects;
        for other in group.members().filter(|other| *other != root) {
            let Some(message) = state.engine.message(other)? else { continue };
            if !is_joined(state, other)? {
                state.engine.apply(other, joined(group, root, &message), state.clock.now())?;
            }
            self.release(other)?;
        }
        Ok(End::Done(Box::new(effects)))
    }

    /// Has the leading message's work done now. It waits for parts, or a person was asked about it.
    fn wake(&self, group: &Group, root: &MessageId) -> Result<End, EngineError> {
        let state = self.state;
        let now = state.clock.now();
        if state.contents.translation(root)?.is_none() && !self.release(root)? {
            let query = WorkQuery {
                kind: Some(WorkKind::Translate),
                message: Some(root.clone()),
                limit: PARTS_MAX_WORK,
                ..WorkQuery::default()
            };
            let mut items = state.engine.work(&query)?;
            let any = !items.is_empty();
            items.retain(|i| i.state != WorkState::Parked);
            let due = |at: Option<Timestamp>| at.is_none_or(|at| at <= now);
            if items.iter().any(|i| i.state == WorkState::Leased || due(i.work.not_before)) {
                // It may have looked before this part was entered: look again when it has ended.
                return Ok(self.again());
            }
            let waits = |i: &WorkItem| i.last_error.as_ref().is_some_and(|(code, _)| code == WAITING);
            if any && (items.is_empty() || !items.iter().all(waits)) {
                // It stands for another reason, and finds the parts complete when it goes on.
                return self.joined(group, root);
            }
            let effects = Effects { work: vec![NewWork::new(WorkKind::Translate, "")], ..Effects::default() };
            state.engine.apply(root, effects, now)?;
        }
        state.signals.work(WorkKind::Translate);
        self.joined(group, root)
    }

    /// Takes the translation work of a message back from the person who was asked. Whether there was any.
    fn release(&self, of: &MessageId) -> Result<bool, EngineError> {
        let query = WorkQuery {
            kind: Some(WorkKind::Translate),
            state: Some(WorkState::Parked),
            message: Some(of.clone()),
            limit: PARTS_MAX_WORK,
            ..WorkQuery::default()
        };
        let now = self.state.clock.now();
        let mut released = false;
        for item in self.state.engine.work(&query)? {
            let waited = item.last_error.as_ref().is_some_and(|(code, _)| code == MISSING);
            if waited {
                match self.state.engine.unpark(item.id, "causeway", now, now) {
                    Ok(()) => released = true,
                    // Someone else was faster.
                    Err(EngineError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if released {
            self.state.signals.work(WorkKind::Translate);
        }
        Ok(released)
    }

    /// The end of a part's own work: it needs no translation of its own. It says that it is part of the whole only
    /// once that is translated, so that it says it once: until then the leading message's work does.
    fn joined(&self, group: &Group, root: &MessageId) -> Result<End, EngineError> {
        let id = &self.message.new.id;
        if self.state.contents.translation(root)?.is_none() {
            return Ok(self.again());
        }
        if is_joined(self.state, id)? {
            return Ok(End::Done(Box::default()));
        }
        Ok(End::Done(Box::new(joined(group, root, self.message))))
    }

    /// Looks again: soon, then after growing pauses, for the leading message may wait for a person.
    fn again(&self) -> End {
        let doublings = self.lease.item.attempts.min(LOOK_AGAIN_DOUBLINGS_MAX);
        let pause = SignedDuration::from_millis(LOOK_AGAIN_MS << doublings);
        End::Failed(Box::new(Failure {
            code: WAITING.to_owned(),
            detail: "all parts are here; the leading message is being worked on".to_owned(),
            next: NextStep::Retry(self.state.clock.now() + pause),
            effects: Effects::default(),
        }))
    }
}

/// The whole put together from its parts; `None` where the adapter still misses some.
fn gather(state: &AppState, adapter: &dyn Adapter, group: &Group) -> Result<Option<Vec<u8>>, EngineError> {
    let limit = state.config.limits.whole_bytes;
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

/// What a part's own message says once it is part of a translated one. Where a message in an inbox stands is its
/// recipient's to say.
fn joined(group: &Group, root: &MessageId, part: &Message) -> Effects {
    let repeats = if group.repeats.contains(&part.new.id) { "; the same part had come before" } else { "" };
    let text = format!("translated as a part of message {root}{repeats}");
    Effects {
        state: (!part.new.inbox).then_some(State::Translated),
        events: vec![NewEvent::new(JOINED, "causeway", &text)],
        ..Effects::default()
    }
}

fn is_joined(state: &AppState, id: &MessageId) -> Result<bool, EngineError> {
    Ok(state.engine.timeline(id)?.iter().any(|e| e.event.kind.0 == JOINED))
}

/// Waits for the others. When the time is over, a person is asked; a part that comes later still completes it.
fn wait(state: &AppState, message: &Message, group: &Group) -> End {
    let missing = named(&group.missing());
    let wait = SignedDuration::from_hours(state.config.limits.parts_wait_hours);
    let deadline = message.received_at.checked_add(wait).unwrap_or(Timestamp::MAX);
    if state.clock.now() >= deadline {
        return End::park(MISSING, &format!("did not come in time: {missing}"));
    }
    End::Failed(Box::new(Failure {
        code: WAITING.to_owned(),
        detail: format!("parts here: {}; not here yet: {missing}", group.parts.len()),
        next: NextStep::Retry(deadline),
        effects: Effects::default(),
    }))
}

/// Part ids as words for a person: only what an id is made of, and not thousands of them.
fn named(ids: &[&str]) -> String {
    if ids.is_empty() {
        return "the part that announces the others".to_owned();
    }
    let clean = |id: &str| {
        let kept = id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        kept.take(PART_ID_CHARS_SHOWN).collect::<String>()
    };
    let shown: Vec<String> = ids.iter().take(PARTS_NAMED).map(|id| clean(id)).collect();
    let more = ids.len().saturating_sub(PARTS_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
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
    if !group.complete() || group.root.as_ref() != Some(&message.new.id) {
        return Ok(own);
    }
    Ok(gather(state, adapter, &group)?.unwrap_or(own))
}

/// Why there is no translation, as an error of the work. An adapter in another process that could not be reached is
/// transient, so the work is tried again.
pub(super) fn unmade(why: Unmade) -> EngineError {
    match why {
        Unmade::Unanswered => EngineError::Storage("the translator did not answer".to_owned()),
        Unmade::Interrupted(text) | Unmade::Died(text) => EngineError::Storage(text.to_owned()),
        Unmade::Broken(Broken::Failed(error)) => error,
        Unmade::Broken(Broken::Stopped) => EngineError::StaleLease,
    }
}
