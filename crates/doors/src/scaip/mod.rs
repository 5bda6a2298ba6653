//! The SCAIP door: telecare alarms (SS 91100, CLC/TS 50134-9) as XML over TCP, one message or several after one
//! another on a connection, and over HTTP (`POST /scaip`). Each is durable before it is answered with the numeric
//! reply that its adapter wrote. Heartbeats are answered and not kept.
//!
//! An alarm whose controller belongs to nobody in the record is kept, and answered with 5 (not treated): the unit
//! then tries its next number. Where nothing can be kept, the answer is 4 (hold) or 6 (busy).

mod split;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use causeway_access::caller::{self, Caller, Shown};
use causeway_adapter::Translation;
use causeway_broker::accept::FORMAT_HEADER;
use causeway_broker::state::{AppState, Shared, new_message_id};
use causeway_broker::traces::Step;
use causeway_exchange::{
    Accept, AcceptOutcome, Answer as Kept, Effects, EngineError, IdempotencyKey, MessageId, NewMessage,
    NewWork, Payload, WorkKind,
};
use causeway_host::hex;
use causeway_host::listener::{Admit, Listener, Peer, Stream, Wrap};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use split::Splitter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// One SCAIP listener: the address says who sends, for the protocol itself doesn't.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address to listen on.
    pub listen: String,
    /// Code of the organisation whose units send here.
    pub sender: String,
    /// Adapter that reads the messages.
    #[serde(default = "telecare_alarm")]
    pub format: String,
    /// Certificates; without them it is plain TCP.
    #[serde(default)]
    pub tls: Option<causeway_host::tls::Settings>,
}

/// The adapter of messages that come over HTTP.
const FORMAT: &str = "telecare-alarm";
/// Media type of messages and replies.
const MEDIA_TYPE: &str = "application/scaip+xml";

fn telecare_alarm() -> String {
    FORMAT.to_owned()
}

/// Replies that the exchange gives itself (`snu` and `ste` of CLC/TS 50134-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    TooLong,
    Hold,
    NotTreated,
    Busy,
}

impl Own {
    /// The reply, with the reference that the adapter's own reply names.
    fn reply(self, adapters: &[u8]) -> Vec<u8> {
        let (number, words) = match self {
            Self::TooLong => (1, "Too long"),
            Self::Hold => (4, "Hold"),
            Self::NotTreated => (5, "Not treated"),
            Self::Busy => (6, "Busy"),
        };
        let text = String::from_utf8_lossy(adapters);
        let reference = text.split_once("<ref>").and_then(|(_, rest)| rest.split_once("</ref>"));
        let reference = reference.map(|(inner, _)| format!("<ref>{inner}</ref>")).unwrap_or_default();
        format!("<mrs>{reference}<snu>{number}</snu><ste>{words}</ste></mrs>").into_bytes()
    }
}

/// A message answered: the reply, and whether the exchange itself failed.
struct Answered {
    reply: Vec<u8>,
    failed: bool,
}

/// The HTTP door.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/scaip", post(over_http).layer(DefaultBodyLimit::max(crate::limits::SCAIP_BYTES_MAX)))
}

async fn over_http(
    State(state): State<Shared>,
    shown: Shown,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let caller = Caller::of(&state, &shown, &headers)?;
    if !caller.named {
        return Err(Problem::invalid("sender-missing", "Causeway-Sender must name the sending organisation"));
    }
    caller.take_rate(&state)?;
    if body.is_empty() {
        return Err(Problem::invalid("empty", "the message has no content"));
    }
    if state.adapter(FORMAT).is_none() {
        return Err(Problem::not_found("door: no adapter reads telecare alarms"));
    }
    let made = take(&state, &caller.organisation.code, FORMAT, "scaip-http", body.to_vec()).await;
    let status = if made.failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut response = (status, made.reply).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if made.failed {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(causeway_host::limits::RETRY_AFTER_SECONDS));
    }
    Ok(response)
}

/// Serves a listener until `stop`; then no new connection is taken, what was read is answered.
pub async fn serve(
    state: Shared,
    stop: CancellationToken,
    socket: TcpListener,
    settings: Settings,
    wrap: Option<Wrap>,
) {
    let (gate, sender) = (state.clone(), settings.sender.clone());
    let admit: Admit = Arc::new(move |certificate| caller::may_send(&gate.gate, &sender, certificate));
    let bounds = state.config.limits.bounds();
    let listener =
        Listener { wrap, admit: Some(admit), ..Listener::new("SCAIP", bounds, state.counters.clone()) };
    let settings = Arc::new(settings);
    let serve = move |stream, peer, stop| connection(state.clone(), stream, peer, settings.clone(), stop);
    listener.run(socket, stop, serve).await;
}

async fn connection(
    state: Shared,
    mut stream: Box<dyn Stream>,
    peer: Peer,
    settings: Arc<Settings>,
    stop: CancellationToken,
) {
    let end = talk(&state, &mut stream, &settings, &stop).await;
    drop(stream.shutdown().await);
    tracing::debug!(peer = %peer.address, end, "SCAIP connection ended");
}

/// Reads messages and answers each before the next is looked at. Says why it ended.
async fn talk(
    state: &Shared,
    stream: &mut Box<dyn Stream>,
    settings: &Settings,
    stop: &CancellationToken,
) -> &'static str {
    let mut spoken = false;
    let mut splitter = Splitter::new(crate::limits::SCAIP_BYTES_MAX);
    let mut buffer = vec![0; crate::limits::SCAIP_READ_BYTES];
    loop {
        loop {
            let message = match splitter.message() {
                Ok(None) => break,
                Ok(Some(message)) => message,
                Err(split::TooLong) => {
                    drop(stream.write_all(&Own::TooLong.reply(b"")).await);
                    return "message too long";
                }
            };
            spoken = true;
            if !answer(state, stream, settings, message).await {
                return "not answered";
            }
        }
        let idle = match splitter.is_midway() {
            true => Duration::from_secs(state.config.limits.body_idle_seconds),
            // Who connects and says nothing has no business here; who has spoken may rest.
            false if !spoken => Duration::from_secs(causeway_host::limits::FIRST_FRAME_SECONDS),
            false => Duration::from_secs(crate::limits::SCAIP_IDLE_SECONDS),
        };
        let read = tokio::select! {
            () = stop.cancelled() => return "stopping",
            read = tokio::time::timeout(idle, stream.read(&mut buffer)) => read,
        };
        let end = match read {
            Ok(Ok(length)) if length > 0 => {
                splitter.extend(buffer.get(..length).unwrap_or_default());
                continue;
            }
            Ok(Ok(_)) => "closed",
            Ok(Err(_)) => return "broken",
            Err(_) => "idle",
        };
        // What has no closing root tag is no message, but its sender waits for an answer.
        if let Some(rest) = splitter.rest() {
            answer(state, stream, settings, rest).await;
        }
        return end;
    }
}

async fn answer(state: &Shared, stream: &mut Box<dyn Stream>, settings: &Settings, message: Vec<u8>) -> bool {
    let made = if state.gate.rate.take(&settings.sender).is_err() {
        Answered { reply: Own::Busy.reply(b""), failed: true }
    } else {
        take(state, &settings.sender, &settings.format, "scaip", message).await
    };
    stream.write_all(&made.reply).await.is_ok() && stream.flush().await.is_ok()
}

/// What reading a message said, before it is kept.
struct Read {
    reply: Vec<u8>,
    heartbeat: bool,
    known: bool,
}

/// Takes one message: reads it, keeps it, answers it.
async fn take(state: &Shared, sender: &str, format: &str, door: &str, message: Vec<u8>) -> Answered {
    let busy = |reply: &[u8]| Answered { reply: Own::Busy.reply(reply), failed: true };
    let Ok(id) = new_message_id() else { return busy(b"") };
    let received = state.clock.now();
    let look = {
        let (state, id) = (state.clone(), id.clone());
        let (sender, format, bytes) = (sender.to_owned(), format.to_owned(), message.clone());
        tokio::task::spawn_blocking(move || read(&state, &sender, &format, &id, received, &bytes)).await
    };
    // Where reading fails the message is kept all the same: the worker parks it, and a person sees it.
    let look = look.ok().flatten();
    if let Some(Read { reply, heartbeat: true, .. }) = look {
        return Answered { reply, failed: false };
    }
    let reply = look.as_ref().map(|l| l.reply.clone()).unwrap_or_default();
    match keep(state, sender, format, door, id, received, message, has_reference(&reply)).await {
        Ok(()) => match look {
            Some(Read { known: false, .. }) => {
                Answered { reply: Own::NotTreated.reply(&reply), failed: false }
            }
            Some(_) => Answered { reply, failed: false },
            None => busy(&reply),
        },
        Err(error) => {
            tracing::warn!(error = %error, "SCAIP message not taken");
            let own = match error {
                EngineError::SpaceLow { .. } | EngineError::Stopped(_) => Own::Hold,
                _ => Own::Busy,
            };
            Answered { reply: own.reply(&reply), failed: true }
        }
    }
}

fn has_reference(reply: &[u8]) -> bool {
    reply.windows(5).any(|w| w == b"<ref>")
}

/// Reads a message with its adapter. `None` where that failed or the format has no reply.
fn read(
    state: &AppState,
    sender: &str,
    format: &str,
    id: &MessageId,
    received: jiff::Timestamp,
    bytes: &[u8],
) -> Option<Read> {
    let adapter = state.adapter(format)?;
    let context = state.context(sender, received, id, false);
    let started = std::time::Instant::now();
    let made = catch_unwind(AssertUnwindSafe(|| state.translate(adapter, bytes, &context))).ok()?;
    let reply = made.acknowledgement.as_ref()?;
    let heartbeat = reply.positive && made.outputs.is_empty() && !made.rejected();
    if heartbeat {
        state.counters.translation(adapter.name(), "heartbeat", started.elapsed());
    }
    Some(Read { reply: reply.bytes.clone(), heartbeat, known: !reply.positive || known(state, &made) })
}

/// Whether the record knows somebody by each of the identifiers by which a translation speaks of its subject.
fn known(state: &AppState, made: &Translation) -> bool {
    made.outputs.iter().all(|output| {
        let Ok(bundle) = serde_json::from_slice::<Value>(&output.json) else { return true };
        let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(|e| &e["resource"]["subject"]).all(|subject| {
            let identifier = &subject["identifier"];
            let (Some(system), Some(value)) = (identifier["system"].as_str(), identifier["value"].as_str())
            else {
                return true;
            };
            // A record that can't be read says nothing of the controller: the alarm was kept, and is not turned away.
            state.is_known(system, value)
        })
    })
}

/// Makes a message durable. The same bytes again within the time of a retransmission are the same message; a
/// message without a reference is taken for a retransmission only for a short time, for a pendant that is pressed
/// again the next day sends the same bytes.
#[allow(clippy::too_many_arguments)]
async fn keep(
    state: &Shared,
    sender: &str,
    format: &str,
    door: &str,
    id: MessageId,
    received: jiff::Timestamp,
    bytes: Vec<u8>,
    referenced: bool,
) -> Result<(), EngineError> {
    let window = if referenced {
        crate::limits::SCAIP_REPEAT_SECONDS
    } else {
        crate::limits::SCAIP_REPEAT_BLIND_SECONDS
    };
    let digest = hex(&Sha256::digest(&bytes));
    let stretch = received.as_second().div_euclid(window);
    let key = |stretch: i64| IdempotencyKey {
        sender: sender.to_owned(),
        request_id: format!("scaip-{window}-{stretch}-{digest}"),
    };
    let known = id.clone();
    let mut message = NewMessage::new(id, sender, door);
    message.media_type = Some(MEDIA_TYPE.to_owned());
    message.headers.insert(FORMAT_HEADER.to_owned(), format.to_owned());
    let effects = Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        // Kept so that the same bytes sent again count as done; the answer is written anew, the same.
        answer: Some(Kept { status: 200, media_type: String::new(), body: Vec::new() }),
        ..Effects::default()
    };
    let accept = Accept { message, payload: Payload::Bytes(bytes), key: Some(key(stretch)), effects };
    let before = key(stretch - 1);
    let engine = state.engine.clone();
    let (send, outcome) = oneshot::channel();
    let handed = tokio::task::spawn_blocking(move || -> Result<bool, EngineError> {
        // A repeat may come just after one stretch of time has ended and the next begun.
        if engine.lookup(&before)?.is_some() {
            return Ok(true);
        }
        engine.accept_then(accept, received, Box::new(move |outcome| drop(send.send(outcome))));
        Ok(false)
    });
    let lost = || EngineError::Storage("the engine gave no answer".to_owned());
    if handed.await.map_err(|_| lost())?? {
        return Ok(());
    }
    if matches!(outcome.await.map_err(|_| lost())??, AcceptOutcome::Accepted { .. }) {
        state.signals.work(WorkKind::Translate);
        state.trace(&known, Step::Door, received, false, &[]);
    }
    Ok(())
}
