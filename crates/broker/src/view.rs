//! A message as doors and pages show it, and lists of messages.

use std::collections::BTreeMap;

use causeway_access::{Caller, caller};
use causeway_core::{NhsNumber, address};
pub use causeway_exchange::limits::COUNT_MAX;
use causeway_exchange::{
    Event, Expectation, Message, MessageId, MessageQuery, OutputFacts, State as Stand, Translation,
    TranslationHead, WorkItem, WorkQuery, WorkState,
};
use causeway_host::{Answer, Problem};
use jiff::Timestamp;
use serde::Deserialize;

use crate::limits;
use crate::pipeline::pieces;
use crate::state::Shared;

/// A message with all that belongs to it.
#[derive(Clone, Debug)]
pub struct View {
    /// The message.
    pub message: Message,
    /// Its translation, without the bundles.
    pub translation: Option<TranslationHead>,
    /// The first of its bundles: names and sizes, up to [`limits::BUNDLES_LISTED`].
    pub bundles: Vec<OutputFacts>,
    /// What happened to it and to those derived from it: of each the first [`limits::EVENTS_TOLD`].
    pub timeline: Vec<Event>,
    /// Acknowledgements that are waited for.
    pub expectations: Vec<Expectation>,
    /// Messages derived from it or linked to it.
    pub linked: Vec<Message>,
}

/// Loads a message that the caller may see.
///
/// # Errors
/// 404 where there is none, or none that the caller may know of.
pub async fn view(state: &Shared, caller: &Caller, id: &MessageId) -> Answer<View> {
    let wanted = id.clone();
    let loaded = state
        .blocking(move |s| -> Result<Option<View>, Problem> {
            let query = MessageQuery {
                linked: Some(wanted.clone()),
                oldest_first: true,
                limit: limits::PAGE_ROWS,
                ..MessageQuery::default()
            };
            // The timeline first and the message last: each is then at least as new as what tells of it.
            let timeline = s.engine.timeline_start(&wanted, limits::EVENTS_TOLD)?;
            let expectations = s.engine.expectations(&wanted)?;
            let linked = s.engine.search(&query)?;
            let translation = s.contents.translation_head(&wanted)?.map(without_contents);
            let listed = limits::BUNDLES_LISTED;
            let bundles =
                translation.as_ref().map(|t| pieces::facts(s, &wanted, t, 0, listed)).transpose()?;
            let bundles = bundles.unwrap_or_default();
            let message = s.engine.message(&wanted)?;
            Ok(message.map(|message| View { message, translation, bundles, timeline, expectations, linked }))
        })
        .await?;
    loaded.filter(|view| caller.may_see(&view.message)).ok_or_else(|| Problem::not_found("message"))
}

/// A translation as it may be told without a disclosure: counts, outcomes, issues and places, and that there is an
/// acknowledgement, not what it says.
fn without_contents(mut head: TranslationHead) -> TranslationHead {
    if let Some(acknowledgement) = &mut head.translation.acknowledgement {
        acknowledgement.bytes.clear();
    }
    head
}

/// A message and its translation (without its bundles), if the caller may see the message.
///
/// # Errors
/// 404 where there is no such message, or none that the caller may know of.
pub async fn head(
    state: &Shared,
    caller: &Caller,
    id: &MessageId,
) -> Answer<(Message, Option<TranslationHead>)> {
    let wanted = id.clone();
    let (message, translation) = state
        .blocking(move |s| -> Result<_, Problem> {
            Ok((s.engine.message(&wanted)?, s.contents.translation_head(&wanted)?.map(without_contents)))
        })
        .await?;
    let message = message.filter(|m| caller.may_see(m)).ok_or_else(|| Problem::not_found("message"))?;
    Ok((message, translation))
}

/// Names and sizes of bundles from number `from` (from 0) on, up to [`limits::BUNDLES_LISTED`].
///
/// # Errors
/// What the engine says.
pub async fn bundles(
    state: &Shared,
    id: MessageId,
    head: TranslationHead,
    from: u64,
) -> Answer<Vec<OutputFacts>> {
    state.blocking(move |s| pieces::facts(s, &id, &head, from, limits::BUNDLES_LISTED)).await
}

/// One page (from 0) of a ledger that is in pieces: its items as JSON with commas between. Places and outcomes, no values.
///
/// # Errors
/// What the engine says.
pub async fn ledger_items(state: &Shared, id: MessageId, page: u32) -> Answer<Option<Vec<u8>>> {
    state.blocking(move |s| pieces::items(s, &id, page)).await
}

/// The id in a path.
///
/// # Errors
/// 404: what is no id names no message.
pub fn id_of(text: &str) -> Answer<MessageId> {
    MessageId::new(text).map_err(|_| Problem::not_found("message"))
}

/// Which messages to list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this sender.
    pub sender: Option<String>,
    /// Only with this number: control id, interchange number, the message's own id in its format, or the sender's local id.
    pub number: Option<String>,
    /// Received on this day or later, `2026-11-28`, in London.
    pub since: Option<String>,
    /// Received on this day or earlier.
    pub until: Option<String>,
    /// Continue below this sequence.
    pub after: Option<u64>,
    /// At most so many, up to [`limits::LIST_ROWS_MAX`].
    pub limit: Option<usize>,
}

impl ListQuery {
    /// The address of the page after this one.
    pub fn address(&self, path: &str, after: u64) -> String {
        let mut out = format!("{path}?after={after}");
        let texts = [
            ("state", &self.state),
            ("sender", &self.sender),
            ("number", &self.number),
            ("since", &self.since),
            ("until", &self.until),
        ];
        for (name, text) in texts {
            if let Some(text) = given(text.as_ref()) {
                out.push_str(&format!("&{name}={}", address::in_query(&text)));
            }
        }
        if let Some(limit) = self.limit {
            out.push_str(&format!("&limit={limit}"));
        }
        out
    }
}

/// A page of the list of messages.
#[derive(Clone, Debug)]
pub struct List {
    /// The messages, newest first.
    pub messages: Vec<(Message, Option<Translation>)>,
    /// What was asked for; the sender is the caller where it may see no others.
    pub query: ListQuery,
    /// State asked for.
    pub state: Option<Stand>,
    /// How many there are on all pages; above [`COUNT_MAX`] it says no more than that.
    pub total: u64,
    /// Where the next page begins.
    pub next: Option<u64>,
}

/// The start of a day in London, or of the day after it.
fn day(text: Option<&str>, after: bool) -> Answer<Option<Timestamp>> {
    let Some(text) = text.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    let wrong = || Problem::invalid("date", "a date is written 2026-11-28");
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let date = if after { date.tomorrow().map_err(|_| wrong())? } else { date };
    let start = causeway_core::london()
        .to_ambiguous_zoned_datetime(date.at(0, 0, 0, 0))
        .compatible()
        .map_err(|_| wrong())?;
    Ok(Some(start.timestamp()))
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

/// Lists messages: all of them for an operator, for others those that they sent. `told`: with what became of each,
/// for which its translation has to be read.
///
/// # Errors
/// 400 where the state asked for is none, or a date.
pub async fn list(state: &Shared, caller: &Caller, mut query: ListQuery, told: bool) -> Answer<List> {
    let stand = match query.state.as_deref().filter(|s| !s.is_empty()) {
        None => None,
        Some(word) => Some(Stand::parse(word).ok_or_else(|| Problem::invalid("state", "no such state"))?),
    };
    let own = (!caller.is_operator()).then(|| caller.organisation.code.clone());
    query.sender = own.or_else(|| given(query.sender.as_ref()));
    let search = MessageQuery {
        state: stand,
        sender: query.sender.clone(),
        reference: given(query.number.as_ref()),
        since: day(query.since.as_deref(), false)?,
        until: day(query.until.as_deref(), true)?,
        after: query.after,
        ..MessageQuery::default()
    };
    found(state, search, query, told).await
}

/// Messages about one person, by NHS number: of all senders for an operator, for others those that they sent. That they
/// were looked for is written first.
///
/// # Errors
/// 400 where it is no NHS number; as [`list`].
pub async fn of_person(state: &Shared, caller: &Caller, number: &str, told: bool) -> Answer<List> {
    let number = NhsNumber::parse(number).map_err(|_| {
        Problem::invalid("nhs-number", "an NHS number has ten digits, the last of them checks the others")
    })?;
    let key = state.person_digest(number);
    caller::audit(&**state, caller, "messages-of-person", key.clone(), serde_json::json!({})).await?;
    let own = (!caller.is_operator()).then(|| caller.organisation.code.clone());
    let query = ListQuery { sender: own.clone(), limit: Some(limits::LIST_ROWS_MAX), ..ListQuery::default() };
    let search = MessageQuery { sender: own, person_key: Some(key), ..MessageQuery::default() };
    found(state, search, query, told).await
}

async fn found(state: &Shared, search: MessageQuery, query: ListQuery, told: bool) -> Answer<List> {
    let rows = query.limit.unwrap_or(limits::PAGE_ROWS).clamp(1, limits::LIST_ROWS_MAX);
    let search = MessageQuery { limit: rows + 1, ..search };
    let stand = search.state;
    let (total, mut messages) = state
        .blocking(move |s| -> Result<_, Problem> {
            let total = s.engine.count(&search)?;
            let found = s.engine.search(&search)?;
            let rows = found.into_iter().map(|m| {
                let small = told && m.size <= limits::LIST_MESSAGE_BYTES_MAX;
                let head = if small { s.contents.translation_head(&m.new.id)? } else { None };
                Ok((m, head.map(|head| light(head.translation))))
            });
            Ok((total, rows.collect::<Result<Vec<_>, Problem>>()?))
        })
        .await?;
    let more = messages.len() > rows;
    messages.truncate(rows);
    let next = more.then(|| messages.last().map(|(m, _)| m.seq)).flatten();
    Ok(List { messages, query, state: stand, total, next })
}

/// What failed and waits for somebody: messages that were refused or given up, that nobody collected, and steps that
/// need a decision.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// Refused or given up, newest first.
    pub refused: Vec<Message>,
    /// How many there are in all.
    pub refused_total: u64,
    /// Not collected by their recipient in time, newest first.
    pub not_collected: Vec<Message>,
    /// How many there are in all.
    pub not_collected_total: u64,
    /// Steps that wait for a decision, oldest first; for an operator only.
    pub waiting: Vec<WorkItem>,
}

/// What failed: everything for an operator, for others of what they sent.
///
/// # Errors
/// What the engine says.
pub async fn failed(state: &Shared, caller: &Caller, limit: Option<usize>) -> Answer<Failed> {
    let operator = caller.is_operator();
    let sender = (!operator).then(|| caller.organisation.code.clone());
    let limit = limit.unwrap_or(limits::LIST_ROWS_MAX).clamp(1, limits::LIST_ROWS_MAX);
    state
        .blocking(move |s| -> Result<_, Problem> {
            let of = |state| MessageQuery {
                state: Some(state),
                sender: sender.clone(),
                limit,
                ..MessageQuery::default()
            };
            // Who put it right has nothing more to do with it.
            let refused = MessageQuery { uncorrected: true, ..of(Stand::Error) };
            let late = of(Stand::Undeliverable);
            let waiting = WorkQuery { state: Some(WorkState::Parked), limit, ..WorkQuery::default() };
            Ok(Failed {
                refused: s.engine.search(&refused)?,
                refused_total: s.engine.count(&refused)?,
                not_collected: s.engine.search(&late)?,
                not_collected_total: s.engine.count(&late)?,
                waiting: if operator { s.engine.work(&waiting)? } else { Vec::new() },
            })
        })
        .await
}

/// What came in one format.
#[derive(Clone, Debug, Default)]
pub struct Came {
    /// Messages translated.
    pub messages: u64,
    /// Their source items.
    pub items: u64,
    /// When the newest was received.
    pub last: Option<jiff::Timestamp>,
}

/// What came by adapter, among the newest messages, and how many of these were read.
///
/// # Errors
/// 403 for others than an operator.
pub async fn came(state: &Shared, caller: &Caller, limit: usize) -> Answer<(BTreeMap<String, Came>, usize)> {
    caller.require_operator()?;
    state
        .blocking(move |s| -> Result<_, Problem> {
            let messages = s.engine.search(&MessageQuery { limit, ..MessageQuery::default() })?;
            let mut counts: BTreeMap<String, Came> = BTreeMap::new();
            for message in &messages {
                let Some(head) = s.contents.translation_head(&message.new.id)? else { continue };
                let came = counts.entry(head.translation.adapter).or_default();
                came.messages += 1;
                came.items += head.translation.summary.items;
                came.last.get_or_insert(message.received_at);
            }
            Ok((counts, messages.len()))
        })
        .await
}

/// A translation without its contents, for lists.
fn light(translation: Translation) -> Translation {
    Translation { ledger: Vec::new(), issues: Vec::new(), acknowledgement: None, ..translation }
}
