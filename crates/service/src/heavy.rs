//! Reads that may take much memory, a few at a time: whole records, whole accounts, two texts side by side.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::problem::Problem;
use tokio::sync::Semaphore;

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

/// Turns of heavy reads.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// So many at a time.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }
}

/// Whether a route is one of the heavy ones.
fn is_heavy(route: &str) -> bool {
    HEAVY.iter().any(|(begins, ends)| route.starts_with(begins) && route.ends_with(ends))
}

/// Lets a heavy read wait for its turn. It has it until its answer is made.
pub async fn turn(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    let heavy = request.extensions().get::<MatchedPath>().is_some_and(|path| is_heavy(path.as_str()));
    if !heavy {
        return next.run(request).await;
    }
    match tokio::time::timeout(Duration::from_secs(WAIT_SECONDS), turns.0.acquire_owned()).await {
        Ok(Ok(_turn)) => next.run(request).await,
        _ => Problem::new(
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
