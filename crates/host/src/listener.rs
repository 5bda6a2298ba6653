//! The one accept loop, for every protocol: a cap of open connections at which the slowest
//! gives way ([`crate::standing`]), TLS with a time for the handshake, a rule that
//! looks at the client's certificate, and a drain with a deadline.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::Counters;
use crate::limits;
use crate::standing::{Paced, Places, Seat, Standing};

/// Pause between two looks for a place.
const SEAT_POLL: Duration = Duration::from_millis(20);

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
    /// How its connection behaves.
    pub standing: Arc<Standing>,
}

/// What a [`Wrap`] makes of a connection.
pub type Wrapped = Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, Option<Arc<[u8]>>)>> + Send>>;

/// Wraps accepted connections, for TLS: gives the stream and the peer's certificate.
pub type Wrap = Arc<dyn Fn(TcpStream) -> Wrapped + Send + Sync>;

/// Whether a connection with this client certificate, or none, is taken.
pub type Admit = Arc<dyn Fn(Option<&[u8]>) -> bool + Send + Sync>;

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

/// How one listener treats its connections.
#[derive(Clone)]
pub struct Listener {
    /// The protocol, for the log.
    pub protocol: &'static str,
    /// Its bounds.
    pub bounds: Bounds,
    /// Where connections are counted.
    pub counters: Arc<Counters>,
    /// TLS.
    pub wrap: Option<Wrap>,
    /// The rule for client certificates, asked within TLS only.
    pub admit: Option<Admit>,
}

impl Listener {
    /// A listener without TLS.
    pub fn new(protocol: &'static str, bounds: Bounds, counters: Arc<Counters>) -> Self {
        Self { protocol, bounds, counters, wrap: None, admit: None }
    }

    /// Accepts until `stop`, then closes the socket and lets connections end until the drain's deadline. `serve` is
    /// given each connection and must end it soon after the token is cancelled.
    pub async fn run<F>(
        self,
        socket: TcpListener,
        stop: CancellationToken,
        serve: impl Fn(Box<dyn Stream>, Peer, CancellationToken) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let places = Arc::new(Places::default());
        let tracker = TaskTracker::new();
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = socket.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, or the peer went away: neither is a reason to stop.
                        tracing::warn!(protocol = self.protocol, kind = ?error.kind(), "connection not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let Some(standing) = self.seat(&places, address, &stop).await else { continue };
            let (this, serve, stop, places) = (self.clone(), serve.clone(), stop.clone(), places.clone());
            tracker.spawn(async move {
                let open = Open { counters: this.counters.clone(), places, standing: standing.clone() };
                this.counters.connections.fetch_add(1, Ordering::Relaxed);
                let (opening, own) = (this.clone(), standing.clone());
                let serving = async move {
                    if let Some((stream, peer)) = opening.open(stream, address, own).await {
                        serve(stream, peer, stop).await;
                    }
                };
                tokio::select! {
                    () = serving => {}
                    () = standing.end().cancelled() => {
                        tracing::debug!(protocol = this.protocol, "a slow connection gave way to a new one");
                    }
                }
                drop(open);
            });
        }
        drop(socket);
        tracker.close();
        if tokio::time::timeout(self.bounds.drain, tracker.wait()).await.is_err() {
            tracing::warn!(protocol = self.protocol, open = tracker.len(), "drain deadline passed");
        }
    }

    /// A place for a new connection: waits until one that keeps us waiting gives way. `None` where its address has
    /// its share, or the service stops.
    async fn seat(
        &self,
        places: &Places,
        address: SocketAddr,
        stop: &CancellationToken,
    ) -> Option<Arc<Standing>> {
        let mut waited = false;
        loop {
            match places.seat(address.ip(), self.bounds.connections, limits::CONNECTIONS_OF_ONE_ADDRESS) {
                Seat::Taken(standing) => return Some(standing),
                Seat::Refused => return None,
                Seat::Full => {}
            }
            if !waited {
                Counters::add(&self.counters.connections_waited);
                waited = true;
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(SEAT_POLL) => {}
            }
        }
    }

    async fn open(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        standing: Arc<Standing>,
    ) -> Option<(Box<dyn Stream>, Peer)> {
        drop(stream.set_nodelay(true));
        let Some(wrap) = &self.wrap else {
            let stream = Paced::new(stream, standing.clone());
            return Some((Box::new(stream), Peer { address, certificate: None, standing }));
        };
        let Ok(Ok((stream, certificate))) = tokio::time::timeout(self.bounds.header_read, wrap(stream)).await
        else {
            tracing::debug!(protocol = self.protocol, "handshake failed");
            return None;
        };
        if self.admit.as_ref().is_some_and(|admit| !admit(certificate.as_deref())) {
            let protocol = self.protocol;
            tracing::warn!(protocol, %address, "a connection with another organisation's certificate was not taken");
            return None;
        }
        Some((Box::new(Paced::new(stream, standing.clone())), Peer { address, certificate, standing }))
    }
}

/// An open connection: counted, and in its place, until it is dropped, by a panic too.
struct Open {
    counters: Arc<Counters>,
    places: Arc<Places>,
    standing: Arc<Standing>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.places.leave(&self.standing);
        self.counters.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
