//! The MLLP door: messages in frames over TCP (HL7's transport), each answered in order after it is durable.
//!
//! A sender may pipeline: frames are accepted in the order in which they come, up to [`crate::limits::MLLP_IN_FLIGHT`] at
//! a time, and answered in that order; then reading stops until answers have gone out, which is the
//! back-pressure. The same bytes sent again are the same message and get the same answer. The answer itself is
//! the format's own: the adapter that is set for the listener writes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_access::caller;
use causeway_broker::accept::FORMAT_HEADER;
use causeway_broker::answered::Promise;
use causeway_broker::state::{Shared, new_message_id};
use causeway_broker::traces::Step;
use causeway_exchange::{
    Accept, AcceptOutcome, Answer, Effects, EngineError, IdempotencyKey, MessageId, NewMessage, NewWork,
    Payload, WorkKind,
};
use causeway_hl7v2::mllp::{Decoder, encode};
use causeway_host::hex;
use causeway_host::listener::{Admit, Listener, Peer, Stream, Wrap};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// One MLLP listener: the address says who sends, for the protocol itself doesn't.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address to listen on.
    pub listen: String,
    /// Code of the organisation whose system sends here.
    pub sender: String,
    /// Adapter that reads the frames.
    #[serde(default = "hl7v2")]
    pub format: String,
}

fn hl7v2() -> String {
    "hl7v2".to_owned()
}

/// A frame that was handed to the engine: its answer follows when the commit is done.
struct Pending {
    outcome: oneshot::Receiver<Result<AcceptOutcome, EngineError>>,
    id: MessageId,
    frame: Vec<u8>,
    received: jiff::Timestamp,
    /// Of the translation that the answer takes, to the pipeline.
    promise: Option<Promise>,
}

/// Serves a listener until `stop`; then no new connection is taken, what was read is answered.
pub async fn serve(
    state: Shared,
    stop: CancellationToken,
    socket: TcpListener,
    settings: Settings,
    wrap: Option<Wrap>,
) {
    let wrap = match (wrap, state.config.tls.as_ref().filter(|tls| tls.mllp)) {
        (None, Some(tls)) => match causeway_host::tls::wrap(tls) {
            Ok(wrap) => Some(wrap),
            Err(error) => {
                // Never in clear what was to be within TLS.
                tracing::error!(error = %error, "the MLLP listener is not served");
                return;
            }
        },
        (wrap, _) => wrap,
    };
    let (gate, sender) = (state.clone(), settings.sender.clone());
    let admit: Admit = Arc::new(move |certificate| caller::may_send(&gate.gate, &sender, certificate));
    let bounds = state.config.limits.bounds();
    let listener =
        Listener { wrap, admit: Some(admit), ..Listener::new("MLLP", bounds, state.counters.clone()) };
    let settings = Arc::new(settings);
    let serve = move |stream, peer, stop| connection(state.clone(), stream, peer, settings.clone(), stop);
    listener.run(socket, stop, serve).await;
}

async fn connection(
    state: Shared,
    stream: Box<dyn Stream>,
    peer: Peer,
    settings: Arc<Settings>,
    stop: CancellationToken,
) {
    let (reader, writer) = tokio::io::split(stream);
    let (send, receive) = mpsc::channel(crate::limits::MLLP_IN_FLIGHT);
    let reading = read(&state, reader, &settings, send, stop);
    let writing = answer(&state, writer, &settings, receive);
    let (read, ()) = tokio::join!(reading, writing);
    tracing::debug!(peer = %peer.address, end = read, "MLLP connection ended");
}

const NOT_TAKEN: &str = "not taken";
const NOT_ANSWERED: &str = "not answered";

/// Reads frames and hands them to the engine, in order. Says why it ended.
async fn read(
    state: &Shared,
    reader: impl AsyncReadExt + Unpin,
    settings: &Settings,
    send: mpsc::Sender<Pending>,
    stop: CancellationToken,
) -> &'static str {
    let mut decoder = decoder(state);
    let end = frames(state, reader, settings, &send, stop, &mut decoder).await;
    // What was not taken before comes again, and this with it.
    if !matches!(end, NOT_TAKEN | NOT_ANSWERED)
        && let Some(rest) = decoder.rest()
        && let Some(pending) = hand_over(state, settings, rest).await
    {
        drop(send.send(pending).await);
    }
    end
}

/// What stands behind the end of a frame is kept as a message of its own: it was cut off from the one before it, and
/// whoever looks for the failure must find it.
fn decoder(state: &Shared) -> Decoder {
    let max = usize::try_from(state.config.limits.message_bytes.min(state.config.limits.whole_bytes))
        .unwrap_or(usize::MAX);
    Decoder::new(max.min(causeway_hl7v2::limits::FRAME_BYTES_MAX)).keeping_strays()
}

async fn frames(
    state: &Shared,
    mut reader: impl AsyncReadExt + Unpin,
    settings: &Settings,
    send: &mpsc::Sender<Pending>,
    stop: CancellationToken,
    decoder: &mut Decoder,
) -> &'static str {
    let mut spoken = false;
    // Whether this sender ends its frames without a carriage return.
    let mut bare = false;
    let mut buffer = vec![0; crate::limits::MLLP_READ_BYTES];
    loop {
        loop {
            if !bare && decoder.is_undecided() {
                bare = !more(&mut reader, &mut buffer, decoder).await;
            }
            // Its header can't be trusted to name a message, so there is nothing to answer to.
            let Ok(frame) = decoder.frame() else { return "frame too long" };
            let last = frame.is_none();
            for piece in decoder.strays().into_iter().chain(frame) {
                spoken = true;
                let Some(pending) = hand_over(state, settings, piece).await else { return NOT_TAKEN };
                if send.send(pending).await.is_err() {
                    return NOT_ANSWERED;
                }
            }
            if last {
                break;
            }
        }
        let idle = match decoder.is_midway() {
            true => Duration::from_secs(state.config.limits.body_idle_seconds),
            // Who connects and says nothing has no business here; who has spoken may rest.
            false if !spoken => Duration::from_secs(causeway_host::limits::FIRST_FRAME_SECONDS),
            false => Duration::from_secs(crate::limits::MLLP_IDLE_SECONDS),
        };
        let read = tokio::select! {
            () = stop.cancelled() => return "stopping",
            read = tokio::time::timeout(idle, reader.read(&mut buffer)) => read,
        };
        match read {
            Err(_) => return "idle",
            Ok(Err(_)) => return "broken",
            Ok(Ok(0)) if decoder.is_midway() => return "ended within a frame",
            Ok(Ok(0)) => return "closed",
            Ok(Ok(length)) => decoder.extend(buffer.get(..length).unwrap_or_default()),
        }
    }
}

/// Waits a moment for what follows an end byte; whether more came. A connection that ended is seen at the next read.
async fn more(reader: &mut (impl AsyncReadExt + Unpin), buffer: &mut [u8], decoder: &mut Decoder) -> bool {
    let until = tokio::time::Instant::now() + Duration::from_millis(crate::limits::MLLP_END_MS);
    let mut came = false;
    while decoder.is_undecided() {
        match tokio::time::timeout_at(until, reader.read(buffer)).await {
            Ok(Ok(length)) if length > 0 => decoder.extend(buffer.get(..length).unwrap_or_default()),
            _ => return came,
        }
        came = true;
    }
    true
}

async fn hand_over(state: &Shared, settings: &Settings, frame: Vec<u8>) -> Option<Pending> {
    let mut message = NewMessage::new(new_message_id().ok()?, &settings.sender, "mllp");
    message.media_type =
        state.adapter(&settings.format).and_then(|a| a.format().media_types.first()).map(|m| (*m).to_owned());
    message.headers.insert(FORMAT_HEADER.to_owned(), settings.format.clone());
    let key = IdempotencyKey {
        sender: settings.sender.clone(),
        request_id: format!("mllp-{}", hex(&Sha256::digest(&frame))),
    };
    let effects = Effects {
        work: vec![NewWork::new(WorkKind::Translate, "")],
        // Kept so that the same bytes sent again count as done; the answer is written anew, the same.
        answer: Some(Answer { status: 200, media_type: String::new(), body: Vec::new() }),
        ..Effects::default()
    };
    let accept = Accept { message, payload: Payload::Bytes(frame.clone()), key: Some(key), effects };
    let id = accept.message.id.clone();
    let received = state.clock.now();
    let promise = state.answers.promise(&id);
    let (send, outcome) = oneshot::channel();
    let engine = state.engine.clone();
    // Handing over may block where the engine's queue is full. Waiting for it keeps the order of frames.
    let handed = tokio::task::spawn_blocking(move || {
        engine.accept_then(
            accept,
            received,
            Box::new(move |outcome| {
                drop(send.send(outcome));
            }),
        );
    });
    handed.await.ok()?;
    Some(Pending { outcome, id, frame, received, promise })
}

/// Answers frames in order, each after its commit. A frame that could not be made durable is not answered, and
/// the connection ends: the sender sends it again.
async fn answer(
    state: &Shared,
    mut writer: impl AsyncWriteExt + Unpin,
    settings: &Settings,
    mut receive: mpsc::Receiver<Pending>,
) {
    let mut out = Vec::new();
    while let Some(pending) = receive.recv().await {
        let Pending { mut outcome, id, frame, received, promise } = pending;
        let outcome = match outcome.try_recv() {
            Ok(outcome) => Ok(outcome),
            Err(_) => {
                // What is ready doesn't wait for the commit of what came after it.
                if !out.is_empty() && writer.write_all(&out).await.is_err() {
                    break;
                }
                out.clear();
                outcome.await
            }
        };
        let own = id.clone();
        let Some((id, received)) = durable(state, outcome, id, received).await else { break };
        // A frame that came before has been translated.
        let promise = promise.filter(|_| id == own);
        if let Some(reply) = reply(state, settings, &id, received, frame, promise).await {
            encode(&reply, &mut out);
        }
        // Answers that are ready together go out together.
        if receive.is_empty() || out.len() > crate::limits::MLLP_READ_BYTES {
            if writer.write_all(&out).await.is_err() {
                break;
            }
            out.clear();
        }
    }
    drop(writer.write_all(&out).await);
    drop(writer.shutdown().await);
}

/// The message's id and time once it is durable.
async fn durable(
    state: &Shared,
    outcome: Result<Result<AcceptOutcome, EngineError>, oneshot::error::RecvError>,
    id: MessageId,
    received: jiff::Timestamp,
) -> Option<(MessageId, jiff::Timestamp)> {
    match outcome {
        Ok(Ok(AcceptOutcome::Accepted { .. })) => {
            state.signals.work(WorkKind::Translate);
            state.trace(&id, Step::Door, received, false, &[]);
            Some((id, received))
        }
        Ok(Ok(AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id })) => {
            let wanted = id.clone();
            let message = state.blocking(move |s| s.engine.message(&wanted)).await.ok()??;
            Some((id, message.received_at))
        }
        Ok(Ok(AcceptOutcome::Conflict { .. })) => None,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "MLLP frame not taken");
            None
        }
        Err(_) => None,
    }
}

/// The format's own answer; `None` where the message asks for none. The translation that it is part of goes on to the
/// pipeline as promised; the worker that does not get it makes the same, for translation follows from the bytes alone.
async fn reply(
    state: &Shared,
    settings: &Settings,
    id: &MessageId,
    received: jiff::Timestamp,
    frame: Vec<u8>,
    promise: Option<Promise>,
) -> Option<Vec<u8>> {
    let adapter = state.adapter(&settings.format)?;
    let context = state.context(&settings.sender, received, id, false);
    let large = frame.len() > crate::limits::MLLP_ANSWER_AT_ONCE_BYTES;
    let own = state.clone();
    let make = move || {
        let started = Instant::now();
        let made = catch_unwind(AssertUnwindSafe(|| own.translate(adapter, &frame, &context))).ok()?;
        let answer = made.acknowledgement.as_ref().map(|a| a.bytes.clone());
        if let Some(promise) = promise {
            promise.keep(made, started.elapsed());
        }
        answer
    };
    match large {
        true => tokio::task::spawn_blocking(make).await.ok()?,
        false => make(),
    }
}
