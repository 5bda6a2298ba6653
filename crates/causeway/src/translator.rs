//! `causeway translator`: adapters as a service of their own, without state.

use std::future::Future;
use std::io;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use causeway_core::limits::INPUT_BYTES_MAX;

use causeway_service::state::Adapters;

use crate::remote::{self, Reply, Request};

/// Serves `POST /translate` and `GET /health` until `shutdown` is ready.
///
/// # Errors
/// Where the address can't be bound or the listener fails.
pub async fn run(
    adapters: Adapters,
    listen: &str,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    crate::cli::print(&format!("listening on http://{}\n", listener.local_addr()?));
    // Base64 makes four bytes of three.
    let limit = INPUT_BYTES_MAX / 3 * 4 + 64 * 1024;
    let router = Router::new()
        .route("/translate", post(move |request| translate(adapters, request)))
        .route("/health", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(limit));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn translate(adapters: Adapters, Json(request): Json<Request>) -> Result<Json<Reply>, StatusCode> {
    // A panic of an adapter ends this task and nothing else: the caller sees 500 and parks the message.
    let answered = tokio::task::spawn_blocking(move || remote::answer(adapters, request)).await;
    match answered {
        Ok(Some(reply)) => Ok(Json(reply)),
        Ok(None) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
