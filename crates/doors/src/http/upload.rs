//! A request's body on its way to the engine: small ones in memory, large ones streamed, both bounded.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use causeway_broker::limits::HASH_AT_ONCE_BYTES;
use causeway_broker::state::Shared;
use causeway_exchange::Payload;
use causeway_host::problem::{Answer, Problem};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use crate::limits::INLINE_BYTES_MAX;
use crate::pieces::{Piece, Pieces};

/// Pieces of a body that wait between the connection and the engine.
const PIECES_WAITING: usize = 4;

fn too_large(limit: u64) -> Problem {
    let text = format!("the message is larger than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "message-too-large", text)
}

fn broken() -> Problem {
    Problem::invalid("body-broken", "the body ended early or came too slowly")
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Body, idle: Duration) -> Answer<Option<Bytes>> {
    loop {
        let frame = tokio::time::timeout(idle, body.frame()).await.map_err(|_| {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "body-idle", "the body came too slowly")
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(broken()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Takes a body in. Nothing is accepted yet: a staged payload that is never used is swept by the engine.
///
/// # Errors
/// 413 above the limit, 408 where it stands still, 400 where it breaks off, 503 where there is no space.
pub(super) async fn take(state: &Shared, mut body: Body) -> Answer<Payload> {
    let limit = state.config.limits.message_bytes;
    let idle = Duration::from_secs(state.config.limits.body_idle_seconds);
    let announced = usize::try_from(HttpBody::size_hint(&body).lower()).unwrap_or(usize::MAX);
    let mut start = Vec::with_capacity(announced.min(HASH_AT_ONCE_BYTES));
    while let Some(data) = piece(&mut body, idle).await? {
        if (start.len() + data.len()) as u64 > limit {
            return Err(too_large(limit));
        }
        start.extend_from_slice(&data);
        if start.len() > INLINE_BYTES_MAX {
            return stream(state, start, body, limit, idle).await;
        }
    }
    Ok(Payload::Bytes(start))
}

async fn stream(
    state: &Shared,
    start: Vec<u8>,
    mut body: Body,
    limit: u64,
    idle: Duration,
) -> Answer<Payload> {
    let (send, receive) = mpsc::channel(PIECES_WAITING);
    let mut pieces = Pieces::new(start, receive);
    let staging = {
        let state = state.clone();
        tokio::task::spawn_blocking(move || state.engine.stage(&mut pieces, limit))
    };
    let fed: Answer<()> = async {
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
    let staged = staging.await.map_err(|_| Problem::internal())?;
    fed?;
    match staged {
        Ok(staged) => Ok(Payload::Staged(staged)),
        Err(causeway_exchange::EngineError::TooLarge(limit)) => Err(too_large(limit)),
        Err(error) => Err(error.into()),
    }
}
