//! How a connection has behaved: who keeps us waiting gives way, and is ended in the end.
//!
//! A connection owes time while its peer keeps us waiting, and pays it back with every byte that moves. One that owes
//! [`OWED_MAX`] on what we write is ended; where all places are taken, a new connection takes the place of the one
//! that owes most, and those that proved who they are keep theirs longer.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

/// Bytes a second that a body or an answer moves at least, above what is forgiven.
pub const RATE_MIN: u64 = 1024;
/// Time that a peer may owe while we write to it or read a body of it; beyond it, the connection is ended.
pub const OWED_MAX: Duration = Duration::from_secs(30);
/// Time that a whole body may take at most.
pub const BODY_SECONDS_MAX: u64 = 3600;
/// Time owed at which an unproven connection gives its place to a new one.
pub const GIVES_WAY: Duration = Duration::from_millis(1000);
/// The same for one that has proved who it is.
pub const PROVEN_GIVES_WAY: Duration = Duration::from_secs(5);

/// One connection's standing.
#[derive(Debug)]
pub struct Standing {
    began: Instant,
    address: IpAddr,
    owed_ms: AtomicU64,
    /// Milliseconds since `began` at which the wait that goes on began, and one; 0 where none does.
    waiting: AtomicU64,
    /// A request of it is being worked on: it waits for us.
    served: AtomicBool,
    proven: AtomicBool,
    end: CancellationToken,
}

impl Standing {
    fn new(address: IpAddr) -> Self {
        Self {
            began: Instant::now(),
            address,
            owed_ms: AtomicU64::new(0),
            // A connection that says nothing owes from the start.
            waiting: AtomicU64::new(1),
            served: AtomicBool::new(false),
            proven: AtomicBool::new(false),
            end: CancellationToken::new(),
        }
    }

    /// It has proved who it is.
    pub fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Whether a request of it is being worked on.
    pub(crate) fn serve(&self, served: bool) {
        self.served.store(served, Ordering::Relaxed);
        let waiting = if served { 0 } else { self.now() + 1 };
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Cancelled when its place is taken.
    pub(crate) fn end(&self) -> &CancellationToken {
        &self.end
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn waits(&self) {
        let _ = self.waiting.compare_exchange(0, self.now() + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn moved(&self, bytes: usize) {
        // Nothing moved: the wait goes on. A flush of nothing must not look like progress.
        if bytes == 0 {
            return;
        }
        // From here on we wait for the peer again, unless it waits for us.
        let next = if self.served.load(Ordering::Relaxed) { 0 } else { self.now() + 1 };
        let since = self.waiting.swap(next, Ordering::Relaxed);
        let waited = if since == 0 { 0 } else { (self.now() + 1).saturating_sub(since) };
        let paid = bytes as u64 * 1000 / RATE_MIN;
        let owed = self.owed_ms.load(Ordering::Relaxed);
        self.owed_ms.store((owed + waited).saturating_sub(paid), Ordering::Relaxed);
    }

    /// Time that it owes.
    fn owed(&self) -> Duration {
        if self.served.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let since = self.waiting.load(Ordering::Relaxed);
        let waited = if since == 0 { 0 } else { (self.now() + 1).saturating_sub(since) };
        Duration::from_millis(self.owed_ms.load(Ordering::Relaxed) + waited)
    }
}

/// The open connections of one listener.
#[derive(Debug, Default)]
pub struct Places(Mutex<Vec<Arc<Standing>>>);

/// Whether there was a place.
#[derive(Debug)]
pub enum Seat {
    /// Taken, perhaps from one that gave way.
    Taken(Arc<Standing>),
    /// Too many of this address.
    Refused,
    /// Nobody gives way yet.
    Full,
}

impl Places {
    /// A place for a connection: at most `most` in all, and `most_of_one` from one address (but this machine's, where
    /// a proxy speaks for many).
    pub fn seat(&self, address: IpAddr, most: usize, most_of_one: usize) -> Seat {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.to_canonical();
        let same = all.iter().filter(|s| s.address == address).count();
        let of_one = !address.is_loopback() && same >= most_of_one;
        if of_one || all.len() >= most {
            let rank = |s: &Standing| match s.proven.load(Ordering::Relaxed) {
                false if s.owed() >= GIVES_WAY => Some((true, s.owed())),
                true if s.owed() >= PROVEN_GIVES_WAY => Some((false, s.owed())),
                _ => None,
            };
            let candidates = all.iter().enumerate().filter(|(_, s)| !of_one || s.address == address);
            let worst = candidates.filter_map(|(at, s)| rank(s).map(|rank| (rank, at))).max();
            let Some((_, at)) = worst else { return if of_one { Seat::Refused } else { Seat::Full } };
            all.swap_remove(at).end.cancel();
        }
        let standing = Arc::new(Standing::new(address));
        all.push(standing.clone());
        Seat::Taken(standing)
    }

    /// The connection has ended.
    pub fn leave(&self, standing: &Arc<Standing>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|s| !Arc::ptr_eq(s, standing));
    }
}

/// A connection's bytes, paced: writing to a peer that doesn't read ends.
pub struct Paced<S> {
    inner: S,
    standing: Arc<Standing>,
    owed: Duration,
    pending: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Paced<S> {
    /// Paces a connection.
    pub fn new(inner: S, standing: Arc<Standing>) -> Self {
        Self { inner, standing, owed: Duration::ZERO, pending: None }
    }

    fn waited<T>(
        &mut self,
        cx: &mut Context<'_>,
        bytes: impl Fn(&T) -> usize,
        poll: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match poll {
            Poll::Ready(Ok(done)) => {
                let moved = bytes(&done);
                self.standing.moved(moved);
                if let Some((since, _)) = self.pending.take() {
                    self.owed += since.elapsed();
                }
                self.owed = self.owed.saturating_sub(Duration::from_millis(moved as u64 * 1000 / RATE_MIN));
                if self.owed > OWED_MAX {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Ready(Ok(done))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.standing.waits();
                let left = OWED_MAX.saturating_sub(self.owed);
                let (_, timer) =
                    self.pending.get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buffer);
        match &poll {
            Poll::Ready(_) => self.standing.moved(buffer.filled().len() - before),
            Poll::Pending => self.standing.waits(),
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.waited(cx, |written| *written, poll)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.waited(cx, |()| 0, poll)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.waited(cx, |()| 0, poll)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.waited(cx, |written| *written, poll)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// A request's body, paced: one that comes too slowly, or takes too long in all, fails.
pub struct PacedBody {
    inner: Body,
    standing: Arc<Standing>,
    owed: Duration,
    pending: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    ends: tokio::time::Instant,
}

impl PacedBody {
    /// Paces a body.
    pub fn new(inner: Body, standing: Arc<Standing>) -> Self {
        let ends = tokio::time::Instant::now() + Duration::from_secs(BODY_SECONDS_MAX);
        Self {
            inner,
            standing,
            owed: Duration::ZERO,
            pending: None,
            timer: Box::pin(tokio::time::sleep_until(ends)),
            ends,
        }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let late = || Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(since) = self.pending.take() {
                    self.owed += since.elapsed();
                    self.standing.serve(true);
                }
                if let Some(Ok(data)) =
                    frame.as_ref().map(|f| f.as_ref().map(|f| f.data_ref().map_or(0, Bytes::len)))
                {
                    self.owed =
                        self.owed.saturating_sub(Duration::from_millis(data as u64 * 1000 / RATE_MIN));
                }
                if self.owed > OWED_MAX || tokio::time::Instant::now() > self.ends {
                    return late();
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                if self.pending.is_none() {
                    self.pending = Some(Instant::now());
                    self.standing.serve(false);
                    let until = tokio::time::Instant::now() + OWED_MAX.saturating_sub(self.owed);
                    let until = until.min(self.ends);
                    self.timer.as_mut().reset(until);
                }
                ready!(self.timer.as_mut().poll(cx));
                late()
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn wait(standing: &Standing, ms: u64) {
        standing.owed_ms.fetch_add(ms, Ordering::Relaxed);
    }

    #[test]
    fn who_keeps_us_waiting_gives_way_and_who_is_served_does_not() {
        let places = Places::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let take = || match places.seat(address, 3, 9) {
            Seat::Taken(standing) => Some(standing),
            _ => None,
        };
        let (slow, served, proven) = (take().unwrap(), take().unwrap(), take().unwrap());
        assert!(take().is_none(), "nobody owes yet");
        wait(&slow, 1500);
        wait(&served, 60_000);
        served.serve(true);
        wait(&proven, 4000);
        proven.prove();
        let fourth = take().unwrap();
        assert!(slow.end().is_cancelled() && !served.end().is_cancelled() && !proven.end().is_cancelled());
        assert!(take().is_none());
        wait(&proven, 2000);
        assert!(take().is_some() && proven.end().is_cancelled());
        places.leave(&fourth);
        assert!(take().is_some());
        // What moves pays back.
        wait(&fourth, 3000);
        fourth.moved(4096);
        assert!(fourth.owed() < GIVES_WAY);
    }

    #[test]
    fn one_address_has_its_share() {
        let places = Places::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert!(matches!(places.seat(one, 9, 1), Seat::Taken(_)));
        assert!(matches!(places.seat(one, 9, 1), Seat::Refused));
        assert!(matches!(places.seat(other, 9, 1), Seat::Taken(_)));
        let own: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(matches!(places.seat(own, 9, 1), Seat::Taken(_)));
        assert!(matches!(places.seat(own, 9, 1), Seat::Taken(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn writing_to_who_does_not_read_ends() {
        let (mut peer, ours) = tokio::io::duplex(64);
        let standing = Arc::new(Standing::new("192.0.2.1".parse().unwrap()));
        let mut paced = Paced::new(ours, standing);
        let began = tokio::time::Instant::now();
        let error = paced.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), OWED_MAX.as_secs());
        // The control: who reads gets all.
        let (reader, ours) = tokio::io::duplex(64);
        let mut paced = Paced::new(ours, Arc::new(Standing::new("192.0.2.1".parse().unwrap())));
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            let mut reader = reader;
            reader.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        paced.write_all(&[0; 4096]).await.unwrap();
        drop(paced);
        assert_eq!(reading.await.unwrap(), 4096);
        drop(peer.read(&mut [0]).await);
    }
}
