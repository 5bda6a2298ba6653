//! HTTP on a listener: header-read timeout, bounded headers, graceful end. `axum::serve` has none of them in 0.8.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::counters::Counters;
use crate::limits;
pub use crate::listener::{Bounds, Stream, Wrap, Wrapped};
use crate::listener::{Listener, Peer};
use crate::problem::Problem;
use crate::standing::PacedBody;

/// Serves a router on a listener until `stop`, then lets requests finish until the drain's deadline.
pub async fn run(
    bounds: Bounds,
    counters: Arc<Counters>,
    socket: TcpListener,
    router: Router,
    wrap: Option<Wrap>,
    stop: CancellationToken,
) {
    let listener = Listener { wrap, ..Listener::new("HTTP", bounds, counters) };
    listener
        .run(socket, stop, move |stream, peer, stop| connection(bounds, stream, peer, router.clone(), stop))
        .await;
}

/// Bytes of a request's target and header fields. What hyper reads at a time is more than it was told to hold.
fn header_bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + fields.sum::<usize>()
}

fn too_large() -> Response {
    let text = format!("a request's header may have {} bytes", limits::HEADER_BYTES_MAX);
    Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too-long", "header-too-large", text)
        .into_response()
}

async fn connection(
    bounds: Bounds,
    stream: Box<dyn Stream>,
    peer: Peer,
    router: Router,
    stop: CancellationToken,
) {
    let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        let standing = peer.standing.clone();
        request.extensions_mut().insert(peer.clone());
        let fits = header_bytes(&request) <= limits::HEADER_BYTES_MAX;
        let body = |body| Body::new(PacedBody::new(Body::new(body), standing.clone()));
        let answer = fits.then(|| router.clone().call(request.map(body)));
        let standing = standing.clone();
        async move {
            standing.serve(true);
            let answer = match answer {
                Some(answer) => answer.await,
                None => Ok(too_large()),
            };
            standing.serve(false);
            answer
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_read)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        // The error's text holds no content of the request.
        tracing::debug!(error = %error, "connection ended early");
    }
}
