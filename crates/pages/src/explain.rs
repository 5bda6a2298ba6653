//! One message side by side: its source text with numbered items, and what became of each.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use causeway_access::{Caller, Disclosure, Grant, OpenedMessage, Told};
use causeway_adapter::{Acknowledgement, Output, Sink, render as ledger_render};
use causeway_broker::pipeline;
use causeway_broker::state::{AppState, Shared};
use causeway_broker::view::id_of;
use causeway_core::{Issue, Ledger, Outcome, Place, Span, text::Decoded};
use causeway_exchange::{EngineError, Message};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::json;

use super::messages::{IssueRow, issues};
use super::words::{self, short};
use super::{Frame, render, wants_html};
use crate::limits::{EXPLAIN_ITEMS, EXPLAIN_SOURCE_MAX, EXPLAIN_TEXT_MAX, PAGE_MESSAGE_BYTES_MAX};

/// Which page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ExplainQuery {
    page: usize,
}

/// FHIR paths shown of one item.
const PATHS_SHOWN: usize = 4;

/// A stretch of the source: between items, or an item.
struct Stretch {
    number: Option<usize>,
    outcome: &'static str,
    text: String,
}

struct ItemRow {
    number: usize,
    place: String,
    outcome: &'static str,
    meaning: &'static str,
    reason: &'static str,
    /// Each in pieces, between which a line may break.
    paths: Vec<Vec<String>>,
    paths_more: usize,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    frame: Frame,
    id: String,
    adapter: &'static str,
    format: String,
    page: usize,
    pages: usize,
    first: usize,
    last: usize,
    total: usize,
    source: Vec<Stretch>,
    items: Vec<ItemRow>,
    issues: Vec<IssueRow>,
}

/// A message translated anew with the path of every item.
struct Explained {
    adapter: &'static str,
    format: String,
    input: Vec<u8>,
    ledger: Ledger,
    issues: Vec<u8>,
}

/// Keeps the account of a translation and lets the bundles go.
#[derive(Default)]
struct Account(Ledger);

impl Sink for Account {
    fn output(&mut self, _: Output) {}
    fn issue(&mut self, _: Issue) {}
    fn ledger(&mut self, ledger: Ledger) {
        if self.0.is_empty() {
            self.0 = ledger;
        } else {
            self.0.append(ledger);
        }
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

fn explain(state: &AppState, opened: &OpenedMessage, message: &Message) -> Result<Explained, Problem> {
    let head = opened.translation()?;
    let translation = head.ok_or_else(|| Problem::not_found("translation of this message yet"))?.translation;
    if !translation.pieces.is_empty() {
        let id = &message.new.id;
        let text = format!(
            "this message is too large to be shown side by side; what became of each of its items is in pages at \
             /messages/{id}/ledger, its bundles are at /messages/{id}/bundles"
        );
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "too-large-to-explain", text));
    }
    let adapter = state
        .adapter(&translation.adapter)
        .ok_or_else(|| Problem::not_found("translation: no adapter knows this message's format"))?;
    if message.size > PAGE_MESSAGE_BYTES_MAX {
        return Err(EngineError::TooLarge(PAGE_MESSAGE_BYTES_MAX).into());
    }
    let input = pipeline::source_of(state, opened, message, adapter, PAGE_MESSAGE_BYTES_MAX)?;
    let context = state.context(&message.new.sender, message.received_at, &message.new.id, true);
    let mut account = Account::default();
    // What can't be read at all is one rejected item: the adapter's issue is with the translation already.
    let _place = state.room.enter(causeway_adapter::budget::estimate(adapter, &input));
    if adapter.translate(&input, &context, &mut account).is_err() && account.0.is_empty() {
        let id = account.0.add(Place::Whole, Span::new(0, input.len()));
        account.0.claim(id, Outcome::Rejected, "the input could not be read");
    }
    Ok(Explained {
        adapter: adapter.name(),
        format: translation.format,
        input,
        ledger: account.0,
        issues: translation.issues,
    })
}

/// The handler. Source text is a disclosure, so it is audited first.
pub async fn page(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> Answer {
    let id = id_of(&id)?;
    let wanted = id.clone();
    let message = state.blocking(move |s| s.engine.message(&wanted)).await?;
    let message = message.ok_or_else(|| Problem::not_found("message"))?;
    let grant = Grant::of_message(&state, &caller, &message).await?;
    let told = Told::part(json!({"part": "explain"}));
    let working = state.clone();
    let explained = Disclosure::of(&state, grant)
        .message(told, move |opened| explain(&working, opened, &message))
        .await?;
    if !wants_html(&headers) {
        return Ok(Json(ledger_render::ledger_json(&explained.ledger)).into_response());
    }
    let all = explained.ledger.len();
    let pages = all.div_ceil(EXPLAIN_ITEMS).max(1);
    let page = query.page.clamp(1, pages);
    let order = in_source_order(&explained.ledger);
    let from = (page - 1) * EXPLAIN_ITEMS;
    let window = order.get(from..(from + EXPLAIN_ITEMS).min(all)).unwrap_or_default();
    let start = if page == 1 { 0 } else { window.first().map_or(0, |(_, start)| *start) };
    let end = order.get(from + EXPLAIN_ITEMS).map_or(explained.input.len(), |(_, start)| *start);
    let (shown_issues, _) = issues(&explained.issues);
    render(&ExplainPage {
        frame: Frame::new(format!("Message {} side by side", short(id.as_str())), "/messages/"),
        id: id.to_string(),
        adapter: explained.adapter,
        format: explained.format,
        page,
        pages,
        first: if window.is_empty() { 0 } else { from + 1 },
        last: from + window.len(),
        total: all,
        source: stretches(&explained.input, &explained.ledger, window, from, start, end),
        items: rows(&explained.ledger, window, from),
        issues: shown_issues.into_iter().take(20).collect(),
    })
}

/// Items by where they begin: id and first byte.
fn in_source_order(ledger: &Ledger) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> =
        ledger.items().iter().enumerate().map(|(id, item)| (id, item.span.start as usize)).collect();
    order.sort_by_key(|(id, start)| (*start, *id));
    order
}

/// The source between two offsets, cut at the items of the window. What is too long is cut in its middle.
fn stretches(
    input: &[u8],
    ledger: &Ledger,
    window: &[(usize, usize)],
    from: usize,
    start: usize,
    end: usize,
) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut at = start;
    let mut shown = 0;
    let mut push = |number: Option<usize>, outcome: &'static str, bytes: &[u8]| {
        if !bytes.is_empty() && shown < EXPLAIN_SOURCE_MAX {
            let text = readable(bytes);
            shown += text.len();
            out.push(Stretch { number, outcome, text });
        }
    };
    for (offset, (id, _)) in window.iter().enumerate() {
        let Some(item) = ledger.items().get(*id) else { continue };
        let (first, last) = (item.span.start as usize, (item.span.end as usize).min(input.len()));
        // An item within the one before it is in the table only.
        if last <= first || first < at {
            continue;
        }
        push(None, "", input.get(at..first).unwrap_or_default());
        push(Some(from + offset + 1), item.outcome.word(), input.get(first..last).unwrap_or_default());
        at = last;
    }
    push(None, "", input.get(at..end.max(at)).unwrap_or_default());
    out
}

/// Bytes as text for a page: line ends of every kind, no control characters, long ones cut in the middle.
fn readable(bytes: &[u8]) -> String {
    let cut = |bytes: &[u8]| {
        let text = Decoded::utf8_or_windows_1252(bytes).text.replace("\r\n", "\n").replace('\r', "\n");
        text.chars()
            .map(|c| if c.is_control() && c != '\n' && c != '\t' { '·' } else { c })
            .collect::<String>()
    };
    if bytes.len() <= EXPLAIN_TEXT_MAX {
        return cut(bytes);
    }
    let half = EXPLAIN_TEXT_MAX / 2;
    // A cut must not fall within a character, or all of it would read as another character set.
    let is_inside = |b: Option<&u8>| b.is_some_and(|b| b & 0xC0 == 0x80);
    let mut head = half;
    while head > half - 4 && is_inside(bytes.get(head)) {
        head -= 1;
    }
    let mut tail = bytes.len() - half;
    while tail < bytes.len() - half + 4 && is_inside(bytes.get(tail)) {
        tail += 1;
    }
    let (first, last) = (bytes.get(..head).unwrap_or_default(), bytes.get(tail..).unwrap_or_default());
    format!("{} … [{} bytes not shown] … {}", cut(first), tail - head, cut(last))
}

/// A FHIR path in pieces, each ending after a dot.
fn pieces(path: &str) -> Vec<String> {
    path.split_inclusive('.').map(str::to_owned).collect()
}

fn rows(ledger: &Ledger, window: &[(usize, usize)], from: usize) -> Vec<ItemRow> {
    let mut paths: Vec<(usize, &str)> =
        ledger.paths().iter().map(|(id, path)| (*id as usize, &**path)).collect();
    paths.sort_by_key(|(id, _)| *id);
    (from + 1..)
        .zip(window)
        .filter_map(|(number, (id, _))| {
            let item = ledger.items().get(*id)?;
            let first = paths.partition_point(|(about, _)| about < id);
            let all: Vec<&str> = paths
                .get(first..)
                .unwrap_or_default()
                .iter()
                .take_while(|(a, _)| a == id)
                .map(|(_, p)| *p)
                .collect();
            Some(ItemRow {
                number,
                place: item.place.render(ledger.outline()),
                outcome: item.outcome.word(),
                meaning: words::outcome(item.outcome.word()),
                reason: ledger.reason_of(item),
                paths: all.iter().take(PATHS_SHOWN).map(|p| pieces(p)).collect(),
                paths_more: all.len().saturating_sub(PATHS_SHOWN),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "é".repeat(EXPLAIN_TEXT_MAX);
        let shown = readable(long.as_bytes());
        assert!(shown.starts_with('é') && shown.ends_with('é'), "{shown}");
        assert!(shown.contains("bytes not shown"));
        assert_eq!(readable(b"a\rb\x0bc"), "a\nb·c");
    }
}
