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
use causeway_host::counters::Counters;
use causeway_host::listener::Peer;
use causeway_host::server::{self, Bounds};
use causeway_host::tls;

use causeway_service::state::Adapters;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::wire::{self, Reply, Request as Wanted};

/// What who translates must show.
#[derive(Debug, Default)]
pub struct Asked {
    /// A secret, as a bearer token.
    pub secret: Option<String>,
    /// The translator's own certificates; with `client_ca`, the authority of whose certificates one must be shown.
    pub tls: Option<tls::Settings>,
}

/// Serves `POST /translate` and `GET /health` until `shutdown` is ready, with the limits of any other listener: header,
/// pauses, least rate, open connections.
///
/// # Errors
/// Where the address can't be bound or the certificates can't be used.
pub async fn run(
    adapters: Adapters,
    listen: &str,
    asked: Asked,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let wrap = asked.tls.as_ref().map(tls::wrap).transpose()?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let scheme = if wrap.is_some() { "https" } else { "http" };
    crate::process::print(&format!("listening on {scheme}://{}\n", listener.local_addr()?));
    // Base64 makes four bytes of three.
    let limit = INPUT_BYTES_MAX / 3 * 4 + 64 * 1024;
    let router = Router::new()
        .route("/translate", post(move |request| translate(adapters, request)))
        .layer(middleware::from_fn_with_state(Arc::new(asked), asks))
        .route("/health", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(limit));
    let stop = CancellationToken::new();
    let end = stop.clone();
    tokio::spawn(async move {
        shutdown.await;
        end.cancel();
    });
    server::run(Bounds::default(), Arc::new(Counters::default()), listener, router, wrap, stop).await;
    Ok(())
}

/// Lets in who shows what is asked for.
async fn asks(State(asked): State<Arc<Asked>>, request: Request, next: Next) -> Response {
    if let Some(secret) = asked.secret.as_ref() {
        let shown =
            request.headers().get(header::AUTHORIZATION).and_then(|v| v.as_bytes().strip_prefix(b"Bearer "));
        // Digests are compared, so the time says nothing of the secret.
        let same = |shown: &[u8]| Sha256::digest(shown) == Sha256::digest(secret.as_bytes());
        if !shown.is_some_and(same) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
    }
    let certified = request.extensions().get::<Peer>().is_some_and(|peer| peer.certificate.is_some());
    if asked.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) && !certified {
        return StatusCode::FORBIDDEN.into_response();
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
