//! The inbox: pages, counts, download.

use std::io::Read;
use std::sync::PoisonError;

use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_access::{Disclosure, Grant, OpenedMessage, Told};
use causeway_broker::pipeline;
use causeway_broker::state::AppState;
use causeway_core::address;
use causeway_exchange::{
    EngineError, InboxEntry, InboxQuery, Message, MessageId, MessageKind, PayloadReader, WorkflowFilter,
};
use flate2::Compression;
use flate2::read::GzEncoder;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::auth::{Call, Signed};
use super::body::Outgoing;
use super::headers;
use super::limits::{
    CONTINUE_CHARS_MAX, CONTINUE_CHARS_MIN, FILTER_CHARS_MAX, FILTER_CHARS_MIN, INLINE_BYTES_MAX,
    PACK_BYTES_MIN, PAGE_DEFAULT, PAGE_MAX, PAGE_MIN,
};
use super::refusal::{Refusal, Version, json_answer};

/// What a page is asked for with. Numbers are read by hand, so that a wrong one is answered in our own shape.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    pub(super) max_results: Option<String>,
    pub(super) continue_from: Option<String>,
    pub(super) workflow_filter: Option<String>,
    pub(super) start_time: Option<String>,
}

impl PageQuery {
    /// Entries of the page.
    ///
    /// # Errors
    /// 400 outside the API's range.
    pub(super) fn limit(&self, default: usize) -> Result<usize, Refusal> {
        let Some(text) = &self.max_results else { return Ok(default) };
        let limit = text.parse().ok().filter(|n| (PAGE_MIN..=PAGE_MAX).contains(n));
        limit.ok_or_else(|| Refusal::field("max_results", "must be a number from 10 to 5000"))
    }

    /// Where the page begins.
    ///
    /// # Errors
    /// 400 where it is no continuation of ours and no message id.
    pub(super) fn after(&self) -> Result<After, Refusal> {
        let Some(text) = &self.continue_from else { return Ok(After::Start) };
        let bad = || Refusal::field("continue_from", "is not a continuation of a list");
        if !(CONTINUE_CHARS_MIN..=CONTINUE_CHARS_MAX).contains(&text.chars().count()) {
            return Err(bad());
        }
        if let Some(seq) = position(text) {
            return Ok(After::Seq(seq));
        }
        MessageId::new(text).map(After::Message).map_err(|_| bad())
    }

    fn filter(&self, call: &Call) -> Result<Option<WorkflowFilter>, Refusal> {
        let Some(text) = &self.workflow_filter else { return Ok(None) };
        if !(FILTER_CHARS_MIN..=FILTER_CHARS_MAX).contains(&text.chars().count()) {
            return Err(Refusal::field("workflow_filter", "must have from 2 to 255 characters"));
        }
        let text = text.trim();
        let mut filter = WorkflowFilter::parse(text);
        if filter.open_start && !filter.open_end && !call.is_strict() {
            // The sandbox reads `*_ACK` as "contains `_AC`".
            filter.text.pop();
            filter.open_end = true;
        }
        Ok(Some(filter).filter(|_| !text.is_empty()))
    }
}

/// Where a page begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    Start,
    Seq(u64),
    /// Version 1 gives the id of the last message that the client has seen.
    Message(MessageId),
}

impl After {
    /// As a sequence.
    ///
    /// # Errors
    /// 400 in strict mode where the message isn't one of this mailbox; the sandbox begins anew.
    pub(super) fn seq(&self, call: &Call) -> Result<Option<u64>, Refusal> {
        match self {
            Self::Start => Ok(None),
            Self::Seq(seq) => Ok(Some(*seq)),
            Self::Message(id) => {
                let own = Some(call.mailbox.id.as_str());
                let message = call.engine().message(id)?;
                let message = message
                    .filter(|m| m.new.mailbox_to.as_deref() == own || m.new.mailbox_from.as_deref() == own);
                match message {
                    None if call.is_strict() => {
                        Err(Refusal::field("continue_from", "is not a continuation of a list"))
                    }
                    message => Ok(message.map(|m| m.seq)),
                }
            }
        }
    }
}

/// A continuation, long enough for the API's rule.
pub(super) fn continuation(seq: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{seq:020}"))
}

fn position(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("after:")?.parse().ok()
}

/// A link of a list, with the parameters that are set.
pub(super) fn link(mailbox: &str, list: &str, parameters: &[(&str, Option<String>)]) -> String {
    let set = parameters.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    address::with_query(&format!("/messageexchange/{mailbox}/{list}"), set)
}

/// `GET /messageexchange/{mailbox}/inbox`.
pub(super) async fn list(signed: Signed, Query(query): Query<PageQuery>) -> Result<Response, Refusal> {
    let limit = query.limit(PAGE_DEFAULT)?;
    let after = query.after()?;
    let short = limit <= PAGE_DEFAULT && query.workflow_filter.is_none();
    let read = move |state: &AppState, call: &Call| {
        let inbox = InboxQuery {
            mailbox: call.mailbox.id.clone(),
            after: after.seq(call)?,
            limit,
            filter: query.filter(call)?,
        };
        let mut page = state.engine.inbox(&inbox)?;
        if inbox.after.is_none() {
            page.entries.splice(0..0, revived(call, inbox.filter.as_ref()));
        }
        Ok((page, query))
    };
    let (call, (page, query)) = if short { signed.look(read).await? } else { signed.run(read).await? };
    let ids: Vec<&str> = page.entries.iter().map(|e| e.id.as_str()).collect();
    if call.version == Version::V1 {
        return Ok(json_answer(StatusCode::OK, call.version, &json!({ "messages": ids })));
    }
    let link = |from: Option<u64>| {
        let parameters = [
            ("max_results", query.max_results.clone()),
            ("workflow_filter", query.workflow_filter.clone()),
            ("continue_from", from.map(continuation)),
        ];
        link(&call.mailbox.id, "inbox", &parameters)
    };
    let mut body = json!({
        "messages": ids,
        "links": {"self": link(None)},
        "approx_inbox_count": page.waiting,
    });
    if let Some(next) = page.next {
        body["links"]["next"] = json!(link(Some(next)));
    }
    Ok(json_answer(StatusCode::OK, call.version, &body))
}

/// Messages that the sandbox's administrator has put back into the mailbox.
fn revived(call: &Call, filter: Option<&WorkflowFilter>) -> Vec<InboxEntry> {
    let revived = call.mesh.revived.lock().unwrap_or_else(PoisonError::into_inner);
    let own = Some(call.mailbox.id.as_str());
    let waiting =
        revived.values().filter(|(word, m)| *word == "accepted" && m.new.mailbox_to.as_deref() == own);
    waiting
        .map(|(_, m)| InboxEntry { seq: m.seq, id: m.new.id.clone(), workflow: m.new.workflow.clone() })
        .filter(|e| filter.is_none_or(|f| f.matches(e.workflow.as_deref().unwrap_or_default())))
        .collect()
}

/// `GET /messageexchange/{mailbox}/count`.
pub(super) async fn count(signed: Signed) -> Result<Response, Refusal> {
    let (call, count) = signed
        .look(|state, call| {
            let mailbox = call.mailbox.id.clone();
            Ok(state.engine.inbox(&InboxQuery { mailbox, after: None, limit: 1, filter: None })?.waiting)
        })
        .await?;
    let body = match call.version {
        Version::V1 => {
            let internal = Uuid::now_v7().simple().to_string();
            json!({"count": count, "internalID": internal, "allResultsIncluded": true})
        }
        Version::V2 => json!({ "count": count }),
    };
    Ok(json_answer(StatusCode::OK, call.version, &body))
}

/// The message with this id.
///
/// # Errors
/// 404.
pub(super) fn find(call: &Call, id: &str) -> Result<Message, Refusal> {
    let id = MessageId::new(id).map_err(|_| Refusal::no_message())?;
    call.engine().message(&id)?.ok_or_else(Refusal::no_message)
}

/// `HEAD /messageexchange/{mailbox}/inbox/{id}`, for recipient and sender.
pub(super) async fn head(signed: Signed, Path((_, id)): Path<(String, String)>) -> Result<Response, Refusal> {
    let (_, message) = signed
        .look(move |_, call| {
            let message = find(call, &id)?;
            let own = Some(call.mailbox.id.as_str());
            let recipient = message.new.mailbox_to.as_deref() == own;
            if !recipient && message.new.mailbox_from.as_deref() != own {
                return Err(Refusal::no_message());
            }
            let there = matches!(headers::status(&call.mesh, &message), "accepted" | "acknowledged");
            if recipient && !there { Err(Refusal::gone()) } else { Ok(message) }
        })
        .await?;
    Ok((headers::of_message(&message, 1), Body::empty()).into_response())
}

/// `GET /messageexchange/{mailbox}/inbox/{id}`.
pub(super) async fn message(
    signed: Signed,
    Path((_, id)): Path<(String, String)>,
    given: HeaderMap,
) -> Result<Response, Refusal> {
    download(signed, id, 1, given).await
}

/// `GET /messageexchange/{mailbox}/inbox/{id}/{chunk}`.
pub(super) async fn chunk(
    signed: Signed,
    Path((_, id, chunk)): Path<(String, String, String)>,
    given: HeaderMap,
) -> Result<Response, Refusal> {
    let number = chunk.parse().ok().filter(|n| *n > 0);
    let number = number.ok_or_else(|| Refusal::field("chunk_number", "must be a number from 1"))?;
    download(signed, id, number, given).await
}

async fn download(signed: Signed, id: String, number: u32, given: HeaderMap) -> Result<Response, Refusal> {
    let accepts = given.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let accepts_gzip = accepts.to_ascii_lowercase().contains("gzip");
    let (call, message) = signed.look(move |_, call| find(call, &id)).await?;
    let state = call.state.clone();
    let grant = Grant::of_mailbox(&call.state, &call.caller(), &call.mailbox.id, &message).await?;
    let grant = grant.ok_or_else(|| Refusal::forbidden("Message belongs to another mailbox"))?;
    readable(&call, &message, number)?;
    let content = match message.new.kind {
        MessageKind::Data => {
            let told = Told::part(json!({"part": "chunk", "number": number, "door": "mesh"}));
            let (call, message) = (call.clone(), message.clone());
            let read =
                move |opened: &OpenedMessage| Coded::read(&call, opened, &message, number, accepts_gzip);
            Some(Disclosure::of(&state, grant).message(told, read).await?)
        }
        _ => None,
    };
    let mut headers = headers::of_message(&message, number);
    let Some(content) = content else {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        return Ok((headers, Body::empty()).into_response());
    };
    headers.remove(header::CONTENT_ENCODING);
    if content.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        if !call.is_strict() {
            headers.insert("mex-content-compressed", HeaderValue::from_static("Y"));
        }
    }
    let own = message.new.media_type.as_deref().filter(|_| call.version == Version::V2 && message.chunks < 2);
    let own = own.and_then(|t| HeaderValue::from_str(t).ok());
    // The recipient's program gets the type that the sender named; a browser saves whatever it is, unless the type is
    // one that runs: then it has none (`browser::seal`).
    let media_type = own.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    let status = if number < message.chunks { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    Ok((status, headers, content.outgoing.body()).into_response())
}

/// Whether the recipient may still read this chunk of a message.
fn readable(call: &Call, message: &Message, number: u32) -> Result<(), Refusal> {
    match headers::status(&call.mesh, message) {
        "accepted" => {}
        // The sandbox lets a message be read again after its acknowledgement.
        "acknowledged" if !call.is_strict() => {}
        _ => return Err(Refusal::gone()),
    }
    if message.new.kind == MessageKind::Data && number > message.chunks {
        return Err(Refusal::no_message());
    }
    Ok(())
}

/// A chunk in the coding that the client takes.
struct Coded {
    outgoing: Outgoing,
    gzip: bool,
}

impl Coded {
    fn read(
        call: &Call,
        opened: &OpenedMessage,
        message: &Message,
        number: u32,
        accepts_gzip: bool,
    ) -> Result<Self, Refusal> {
        let chunk = opened.chunk_of(message, number)?;
        let (size, is_gzip) = (chunk.size, message.new.content_encoding.as_deref() == Some("gzip"));
        let worth = size >= PACK_BYTES_MIN || !call.is_strict();
        let pack = call.version == Version::V2 && accepts_gzip && !is_gzip && worth;
        let bytes_max = call.state.config.limits.message_bytes;
        // What does not unpack is handed out as it came, with the coding that its sender named: an error in the middle of
        // an answer would leave the message in the inbox for ever.
        let unpack = is_gzip && !accepts_gzip && unpacks(opened.chunk_of(message, number)?, bytes_max);
        // What unpacks may be of any size and is always streamed.
        if size <= INLINE_BYTES_MAX as u64 && !unpack {
            let (bytes, packed) = whole(chunk, pack, call.is_strict())?;
            return Ok(Self { outgoing: Outgoing::Whole(bytes), gzip: packed || is_gzip });
        }
        let reader: Box<dyn Read + Send> = if pack {
            // The wire's compression costs a core more than it saves above the fastest level.
            Box::new(GzEncoder::new(chunk.reader, Compression::fast()))
        } else if unpack {
            // Not for ever: what grows beyond bounds breaks off.
            Box::new(pipeline::unpack(chunk.reader, size, bytes_max))
        } else {
            chunk.reader
        };
        let length = (!pack && !unpack).then_some(size);
        Ok(Self { outgoing: Outgoing::Stream(reader, length), gzip: pack || (is_gzip && !unpack) })
    }
}

/// Whether a chunk is the gzip that it is called, whole and within bounds.
fn unpacks(chunk: PayloadReader, bytes_max: u64) -> bool {
    let mut within = pipeline::unpack(chunk.reader, chunk.size, bytes_max);
    std::io::copy(&mut within, &mut std::io::sink()).is_ok()
}

/// A small chunk in memory, compressed where that was asked for (and, if `sensible`, makes it smaller).
fn whole(mut chunk: PayloadReader, pack: bool, sensible: bool) -> Result<(Vec<u8>, bool), Refusal> {
    let mut bytes = Vec::with_capacity(usize::try_from(chunk.size).unwrap_or(0));
    chunk.reader.read_to_end(&mut bytes).map_err(|_| EngineError::Corrupt("payload"))?;
    if !pack {
        return Ok((bytes, false));
    }
    let mut packed = Vec::with_capacity(bytes.len());
    let read = GzEncoder::new(bytes.as_slice(), Compression::fast()).read_to_end(&mut packed);
    read.map_err(|_| Refusal::internal())?;
    if sensible && packed.len() >= bytes.len() { Ok((bytes, false)) } else { Ok((packed, true)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations() {
        let text = continuation(u64::MAX);
        assert!(text.len() >= CONTINUE_CHARS_MIN);
        let after = |t: &str| PageQuery { continue_from: Some(t.to_owned()), ..PageQuery::default() }.after();
        assert_eq!(after(&text).ok(), Some(After::Seq(u64::MAX)));
        let id = "20260302090000000000_00C0DE";
        assert_eq!(after(id).ok(), MessageId::new(id).ok().map(After::Message));
        assert!(after("short").is_err());
        assert!(after("no continuation at all, nor an id").is_err());
    }

    #[test]
    fn links_carry_every_parameter() {
        let parameters = [
            ("max_results", None),
            ("workflow_filter", Some("!*A&B*".to_owned())),
            ("c", Some("x".to_owned())),
        ];
        let made = link("A1", "inbox", &parameters);
        assert_eq!(made, "/messageexchange/A1/inbox?workflow_filter=%21%2AA%26B%2A&c=x");
    }
}
