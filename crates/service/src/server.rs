//! The accept loop: header-read timeout, connection cap, drain with a deadline. `axum::serve` has none of
//! them in 0.8.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::counters::Counters;
use crate::limits;
use crate::state::Shared;

/// A connection's bytes, plain or within TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What is known of the other end; in every request's extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address (that of a proxy, where there is one).
    pub address: SocketAddr,
    /// Its certificate in DER, where TLS asked for one and verified it.
    pub certificate: Option<Arc<[u8]>>,
}

/// What a [`Wrap`] makes of a connection.
pub type Wrapped = Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, Option<Arc<[u8]>>)>> + Send>>;

/// Wraps accepted connections, for TLS: gives the stream and the peer's certificate.
pub type Wrap = Arc<dyn Fn(TcpStream) -> Wrapped + Send + Sync>;

/// Serves a router on a listener until `stop`, then lets requests finish until the drain's deadline.
///
/// # Errors
/// Never for a single connection; only where the listener itself is unusable.
pub async fn run(
    state: Shared,
    listener: TcpListener,
    router: Router,
    wrap: Option<Wrap>,
    stop: CancellationToken,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(state.config.limits.connections));
    let tracker = TaskTracker::new();
    loop {
        if room.available_permits() == 0 {
            Counters::add(&state.counters.connections_waited);
        }
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = room.clone().acquire_owned() => match permit {
                Ok(permit) => permit,
                Err(_) => break,
            },
        };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or the peer went away: neither is a reason to stop.
                    tracing::warn!(kind = ?error.kind(), "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (state, router, wrap, stop) = (state.clone(), router.clone(), wrap.clone(), stop.clone());
        tracker.spawn(async move {
            state.counters.connections.fetch_add(1, Ordering::Relaxed);
            connection(&state, stream, address, router, wrap, stop).await;
            state.counters.connections.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }
    drop(listener);
    tracker.close();
    let deadline = Duration::from_secs(state.config.limits.drain_seconds);
    if tokio::time::timeout(deadline, tracker.wait()).await.is_err() {
        tracing::warn!(open = tracker.len(), "drain deadline passed with requests open");
    }
    Ok(())
}

async fn connection(
    state: &Shared,
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    wrap: Option<Wrap>,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let header_read = Duration::from_secs(state.config.limits.header_read_seconds);
    let (stream, certificate) = match wrap {
        None => (Box::new(stream) as Box<dyn Stream>, None),
        Some(wrap) => match tokio::time::timeout(header_read, wrap(stream)).await {
            Ok(Ok(wrapped)) => wrapped,
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("handshake failed");
                return;
            }
        },
    };
    let peer = Peer { address, certificate };
    let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.clone().call(request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read)
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
