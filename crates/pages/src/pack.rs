//! `/commitment/evidence`: the evidence pack of the demonstration as it stands, to take away as one file.

use std::sync::{Arc, Mutex, TryLockError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};
use causeway_access::caller::{Caller, same_origin};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};

use super::faults::demonstration;

/// Makes the archive (tar, gzip) of a pack. The error is a sentence.
pub type Make = dyn Fn() -> Result<Vec<u8>, String> + Send + Sync;

/// What makes packs, one at a time: a pack is made in memory.
pub struct Packs {
    make: Box<Make>,
    one: Mutex<()>,
}

impl std::fmt::Debug for Packs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packs").finish_non_exhaustive()
    }
}

impl Packs {
    /// Made of what makes one.
    pub fn new(make: Box<Make>) -> Self {
        Self { make, one: Mutex::new(()) }
    }

    fn one(&self) -> Result<Vec<u8>, Problem> {
        let _alone = match self.one.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let text = "a pack is being made; try again in a minute";
                return Err(Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "throttled",
                    "one-pack-at-a-time",
                    text,
                ));
            }
        };
        (self.make)().map_err(|why| {
            tracing::error!(why, "the evidence pack could not be made");
            Problem::internal()
        })
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/commitment/evidence", post(take))
}

async fn take(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    packs: Option<Extension<Arc<Packs>>>,
) -> Answer {
    demonstration(&state)?;
    caller.require_operator()?;
    same_origin(&headers)?;
    let Extension(packs) =
        packs.ok_or_else(|| Problem::not_found("maker of evidence packs in this program"))?;
    let made = tokio::task::spawn_blocking(move || packs.one());
    let bytes = made.await.map_err(|_| Problem::internal())??;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"causeway-evidence.tar.gz\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, bytes).into_response())
}
