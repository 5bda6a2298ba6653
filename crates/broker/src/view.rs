//! A message as doors and pages show it, and lists of messages.

use std::collections::BTreeMap;

use causeway_access::Caller;
use causeway_exchange::{
    Event, Expectation, Message, MessageId, MessageQuery, OutputFacts, State as Stand, Translation,
    TranslationHead,
};
use causeway_host::{Answer, Problem};
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
    /// Continue below this sequence.
    pub after: Option<u64>,
}

/// A page of the list of messages.
#[derive(Clone, Debug)]
pub struct List {
    /// The messages, newest first.
    pub messages: Vec<(Message, Option<Translation>)>,
    /// State asked for.
    pub state: Option<Stand>,
    /// Sender asked for.
    pub sender: Option<String>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

/// Lists messages: all of them for an operator, for others those that they sent. `told`: with what became of each,
/// for which its translation has to be read.
///
/// # Errors
/// 400 where the state asked for is none.
pub async fn list(state: &Shared, caller: &Caller, query: ListQuery, told: bool) -> Answer<List> {
    let stand = match query.state.as_deref().filter(|s| !s.is_empty()) {
        None => None,
        Some(word) => Some(Stand::parse(word).ok_or_else(|| Problem::invalid("state", "no such state"))?),
    };
    let own = (!caller.is_operator()).then(|| caller.organisation.code.clone());
    let sender = own.or_else(|| query.sender.clone().filter(|s| !s.trim().is_empty()));
    let search = MessageQuery {
        state: stand,
        sender: sender.clone(),
        after: query.after,
        limit: limits::PAGE_ROWS + 1,
        ..MessageQuery::default()
    };
    let mut messages = state
        .blocking(move |s| -> Result<_, Problem> {
            let found = s.engine.search(&search)?;
            found
                .into_iter()
                .map(|m| {
                    let small = told && m.size <= limits::LIST_MESSAGE_BYTES_MAX;
                    let head = if small { s.contents.translation_head(&m.new.id)? } else { None };
                    Ok((m, head.map(|head| light(head.translation))))
                })
                .collect::<Result<Vec<_>, Problem>>()
        })
        .await?;
    let more = messages.len() > limits::PAGE_ROWS;
    messages.truncate(limits::PAGE_ROWS);
    let next = more.then(|| messages.last().map(|(m, _)| m.seq)).flatten();
    Ok(List { messages, state: stand, sender, next })
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
