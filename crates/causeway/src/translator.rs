//! `causeway translator`: adapters as a service of their own, without state.

use std::future::Future;
use std::io;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use causeway_core::limits::INPUT_BYTES_MAX;

use causeway_service::state::Adapters;
use sha2::{Digest as _, Sha256};

use crate::wire::{self, Reply, Request as Wanted};

/// Serves `POST /translate` and `GET /health` until `shutdown` is ready. With a secret, who translates must show it.
///
/// # Errors
/// Where the address can't be bound or the listener fails.
pub async fn run(
    adapters: Adapters,
    listen: &str,
    secret: Option<String>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    crate::process::print(&format!("listening on http://{}\n", listener.local_addr()?));
    // Base64 makes four bytes of three.
    let limit = INPUT_BYTES_MAX / 3 * 4 + 64 * 1024;
    let router = Router::new()
        .route("/translate", post(move |request| translate(adapters, request)))
        .layer(middleware::from_fn_with_state(Arc::new(secret), asks))
        .route("/health", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(limit));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// Lets in who shows the secret, where there is one.
async fn asks(State(secret): State<Arc<Option<String>>>, request: Request, next: Next) -> Response {
    if let Some(secret) = secret.as_ref() {
        let shown =
            request.headers().get(header::AUTHORIZATION).and_then(|v| v.as_bytes().strip_prefix(b"Bearer "));
        // Digests are compared, so the time says nothing of the secret.
        let same = |shown: &[u8]| Sha256::digest(shown) == Sha256::digest(secret.as_bytes());
        if !shown.is_some_and(same) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
    }
    next.run(request).await
}

async fn translate(adapters: Adapters, Json(request): Json<Wanted>) -> Result<Json<Reply>, StatusCode> {
    // A panic of an adapter ends this task and nothing else: the caller sees 500 and parks the message.
    let answered = tokio::task::spawn_blocking(move || wire::answer(adapters, request)).await;
    match answered {
        Ok(Some(reply)) => Ok(Json(reply)),
        Ok(None) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
