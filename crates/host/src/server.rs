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

/// Bounds of a listener's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Open connections; more wait in the listener's backlog.
    pub connections: usize,
    /// Time in which a handshake, and a request's header, must have come.
    pub header_read: Duration,
    /// Time that requests have to finish after `stop`.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS_MAX,
            header_read: Duration::from_secs(limits::HEADER_READ_SECONDS),
            drain: Duration::from_secs(limits::DRAIN_SECONDS),
        }
    }
}

/// Serves a router on a listener until `stop`, then lets requests finish until the drain's deadline.
///
/// # Errors
/// Never for a single connection; only where the listener itself is unusable.
pub async fn run(
    bounds: Bounds,
    counters: Arc<Counters>,
    listener: TcpListener,
    router: Router,
    wrap: Option<Wrap>,
    stop: CancellationToken,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let tracker = TaskTracker::new();
    loop {
        if room.available_permits() == 0 {
            Counters::add(&counters.connections_waited);
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
        let (counters, router, wrap, stop) = (counters.clone(), router.clone(), wrap.clone(), stop.clone());
        tracker.spawn(async move {
            counters.connections.fetch_add(1, Ordering::Relaxed);
            connection(bounds, stream, address, router, wrap, stop).await;
            counters.connections.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }
    drop(listener);
    tracker.close();
    let deadline = bounds.drain;
    if tokio::time::timeout(deadline, tracker.wait()).await.is_err() {
        tracing::warn!(open = tracker.len(), "drain deadline passed with requests open");
    }
    Ok(())
}

async fn connection(
    bounds: Bounds,
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    wrap: Option<Wrap>,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let header_read = bounds.header_read;
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
