//! Bodies on their way in and out: small ones in memory, large ones streamed, all bounded.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use causeway_broker::state::Shared;
use causeway_exchange::{EngineError, Payload};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::limits::{CHUNK_BYTES_MAX, DRAIN_BYTES_MAX, INLINE_BYTES_MAX, PIECE_BYTES, PIECES_WAITING};
use super::refusal::Refusal;
use crate::pieces::{Piece, Pieces};

fn idle(state: &Shared) -> Duration {
    Duration::from_secs(state.config.limits.body_idle_seconds)
}

fn too_large() -> Refusal {
    EngineError::TooLarge(CHUNK_BYTES_MAX).into()
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = tokio::time::timeout(idle, body.frame())
            .await
            .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "", "", "The body came too slowly"))?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "", "", "The body broke off")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The start of a body, and the rest where there is more than fits into memory.
pub(super) struct Start {
    start: Vec<u8>,
    rest: Option<Body>,
}

impl Start {
    /// Reads the start of a body.
    pub(super) async fn of(state: &Shared, mut body: Body) -> Result<Self, Refusal> {
        let mut start = Vec::new();
        while let Some(data) = piece(&mut body, idle(state)).await? {
            start.extend_from_slice(&data);
            if start.len() > INLINE_BYTES_MAX {
                return Ok(Self { start, rest: Some(body) });
            }
        }
        Ok(Self { start, rest: None })
    }

    /// Whether the body is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    /// Bytes of the start.
    pub(super) fn len(&self) -> usize {
        self.start.len()
    }

    /// Whether there is more than the start.
    pub(super) fn is_large(&self) -> bool {
        self.rest.is_some()
    }

    /// The payload; a large one is streamed to the engine. One that no message names in the end is swept.
    pub(super) async fn payload(self, state: &Shared) -> Result<Payload, Refusal> {
        let Some(mut body) = self.rest else { return Ok(Payload::Bytes(self.start)) };
        let idle = idle(state);
        let (send, receive) = mpsc::channel(PIECES_WAITING);
        let mut pieces = Pieces::new(self.start, receive);
        let engine = state.engine.clone();
        let staging = tokio::task::spawn_blocking(move || engine.stage(&mut pieces, CHUNK_BYTES_MAX));
        let fed: Result<(), Refusal> = async {
            while let Some(data) = piece(&mut body, idle).await? {
                if send.send(Piece::Data(data)).await.is_err() {
                    // The engine has given up; its own error says why.
                    return Ok(());
                }
            }
            drop(send.send(Piece::End).await);
            Ok(())
        }
        .await;
        // Without its end mark the stream fails, so a body that broke off is never taken for a whole one.
        drop(send);
        let staged = staging.await.map_err(|_| Refusal::internal())?;
        fed?;
        match staged {
            Ok(staged) => Ok(Payload::Staged(staged)),
            Err(EngineError::TooLarge(_)) => Err(too_large()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads and forgets what is left of a refused request, so that a client that sends before it reads sees the
/// answer. Bounded: whoever sends more finds the connection closed.
pub(super) async fn drain(state: &Shared, mut body: Body) {
    let mut left = DRAIN_BYTES_MAX;
    while let Ok(Some(data)) = piece(&mut body, idle(state)).await {
        left = left.saturating_sub(data.len() as u64);
        if left == 0 {
            return;
        }
    }
}

/// Content of an answer.
pub(crate) enum Outgoing {
    /// All of it.
    Whole(Vec<u8>),
    /// Read while it is sent; with its length where that is known.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

impl Outgoing {
    /// As a body. A stream is read on a blocking thread, no faster than the client takes it.
    pub(crate) fn body(self) -> Body {
        let (mut reader, length) = match self {
            Self::Whole(bytes) => return Body::from(bytes),
            Self::Stream(reader, length) => (reader, length),
        };
        let (send, receive) = mpsc::channel(PIECES_WAITING);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut room = Vec::with_capacity(PIECE_BYTES);
                let read = reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut room);
                let end = read.as_ref().is_ok_and(|count| *count == 0);
                let failed = read.is_err();
                if end || send.blocking_send(read.map(|_| Bytes::from(room))).is_err() || failed {
                    return;
                }
            }
        });
        Body::new(Streamed { receive, left: length })
    }
}

struct Streamed {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    left: Option<u64>,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = self.receive.poll_recv(context);
        if let (Poll::Ready(Some(Ok(data))), Some(left)) = (&next, &mut self.left) {
            *left = left.saturating_sub(data.len() as u64);
        }
        next.map(|piece| piece.map(|result| result.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}
