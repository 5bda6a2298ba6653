//! Reads that may take much memory, a few at a time: whole records, whole accounts, two texts side by side.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::problem::Problem;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Seconds that a read waits for its turn; then it is refused with `Retry-After`.
pub const WAIT_SECONDS: u64 = 20;

/// Beginnings and endings of the routes (as patterns) whose answers are made in memory from as much as there is of a
/// person or of a message.
const HEAVY: &[(&str, &str)] = &[
    ("/people/{", ""),
    ("/me/{", ""),
    ("/access/side-by-side", ""),
    ("/fhir/{kind}/{id}/", "everything"),
    ("/fhir/{kind}/{id}/", "summary"),
    ("/messages/{", "explain"),
    ("/messages/{", "ledger"),
    ("/messages/{", "issues"),
];

/// Bytes of an answer that are handed to the connection at a time: what is behind them is still ours.
const PIECE_BYTES: usize = 64 * 1024;

/// Turns of heavy reads: so many at a time, and one fewer of one organisation, so that its slow readers are in each other's
/// way and not in that of the others.
#[derive(Clone, Debug)]
pub struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    organisations: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

/// Whose request it is, where it has proved that; the layer that counts the shares of organisations says it.
#[derive(Clone, Debug, Default)]
pub struct Asks(pub String);

/// A turn: the organisation's and one of all.
type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Turns {
    /// So many at a time.
    pub fn new(count: usize) -> Self {
        let each = count.saturating_sub(1).max(1);
        Self { all: Arc::new(Semaphore::new(count)), each, organisations: Arc::default() }
    }

    /// Waits for a turn of an organisation. `None` where none came in time.
    async fn take(&self, organisation: &str) -> Option<Turn> {
        let own = {
            let mut all = self.organisations.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.each));
            Arc::clone(all.entry(organisation.to_owned()).or_insert_with(new))
        };
        let both =
            async { Some((own.acquire_owned().await.ok()?, self.all.clone().acquire_owned().await.ok()?)) };
        tokio::time::timeout(Duration::from_secs(WAIT_SECONDS), both).await.ok().flatten()
    }
}

/// An answer that has its turn until it is sent: its bytes are in memory until then.
struct Held {
    body: Body,
    rest: Bytes,
    _turn: Turn,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let behind = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = behind.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(behind.lower().saturating_add(rest));
        hint
    }
}

/// Whether a route is one of the heavy ones.
fn is_heavy(route: &str) -> bool {
    HEAVY.iter().any(|(begins, ends)| route.starts_with(begins) && route.ends_with(ends))
}

/// Lets a heavy read wait for its turn. It has it until its answer is sent.
pub async fn turn(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    let heavy = request.extensions().get::<MatchedPath>().is_some_and(|path| is_heavy(path.as_str()));
    if !heavy {
        return next.run(request).await;
    }
    let asks = request.extensions().get::<Asks>().cloned().unwrap_or_default();
    match turns.take(&asks.0).await {
        Some(turn) => {
            next.run(request).await.map(|body| Body::new(Held { body, rest: Bytes::new(), _turn: turn }))
        }
        None => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "throttled",
            "heavy-reads",
            "too many whole records and accounts are being read at the moment",
        )
        .after(RETRY_AFTER_SECONDS)
        .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of a megabyte, of which nobody reads.
    fn unread(turn: Turn) -> Body {
        Body::new(Held { body: Body::from(vec![b'x'; 1 << 20]), rest: Bytes::new(), _turn: turn })
    }

    #[tokio::test]
    async fn an_answer_has_its_turn_until_it_is_sent_and_no_organisation_has_all() {
        let turns = Turns::new(3);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(unread(turns.take("ZZ901").await.expect("a turn")));
        }
        // The organisation has its two; another one's passes, and then all are given out.
        assert!(futures_now(turns.take("ZZ901")).is_none());
        held.push(unread(turns.take("ZZ902").await.expect("a turn")));
        assert!(futures_now(turns.take("ZZ903")).is_none());
        // Read to its end, in pieces and whole, it gives its turn to who waits.
        let first = held.remove(0);
        assert_eq!(first.size_hint().exact(), Some(1 << 20));
        let bytes = axum::body::to_bytes(first, usize::MAX).await.expect("all of it");
        assert_eq!(bytes.len(), 1 << 20);
        assert!(futures_now(turns.take("ZZ901")).is_some());
        // So does one that is given up.
        drop(held);
        for of in ["ZZ901", "ZZ902", "ZZ903"] {
            assert!(futures_now(turns.take(of)).is_some(), "{of}");
        }
    }

    /// What a future gives without waiting.
    fn futures_now<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            Poll::Ready(value) => value,
            Poll::Pending => None,
        }
    }

    #[test]
    fn whole_records_wait_for_their_turn_and_small_reads_do_not() {
        for (route, heavy) in [
            ("/people/{id}", true),
            ("/fhir/{kind}/{id}/$everything", true),
            ("/fhir/{kind}/{id}/%24everything", true),
            ("/messages/{id}/ledger", true),
            ("/messages/{id}", false),
            ("/people", false),
            ("/health", false),
            ("/fhir/{kind}/{id}", false),
        ] {
            assert_eq!(is_heavy(route), heavy, "{route}");
        }
    }
}
