//! Where a client under test is waited for: HTTP by `hyper`, MLLP over TCP. Every act of the client waits for the reply
//! that the run decides.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use causeway_conformance::limits::ANSWER_MAX;
use causeway_conformance::suite::{Act, Came, Listens, Reply, Request};
use causeway_service::pages::onboarding::Tell;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// Acts of clients that wait for their turn.
const QUEUE: usize = 256;
/// How long a block that has begun may rest before it counts as one without an end.
const HALF_AFTER: Duration = Duration::from_secs(2);
/// How long a client may take to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Milliseconds between two pieces of an answer.
const PIECE_PAUSE_MS: u64 = 30;
/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;

/// An act and where its reply goes.
type Handed = (Came, oneshot::Sender<Reply>);

/// A listener and what came to it.
pub struct Listener {
    address: SocketAddr,
    came: mpsc::Receiver<Handed>,
    open: HashMap<u64, oneshot::Sender<Reply>>,
}

/// How connections hand acts over.
#[derive(Clone)]
struct Acts {
    to: mpsc::Sender<Handed>,
    next: Arc<AtomicU64>,
}

impl Acts {
    /// Hands an act over; the reply comes on what is returned. None where the run is over.
    async fn hand(&self, connection: u64, what: Act) -> Option<oneshot::Receiver<Reply>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        self.to.send((Came { id, connection, what }, reply)).await.ok()?;
        Some(replied)
    }
}

impl Listener {
    /// Listens at `host:port`, within TLS where that is given; `tell` hears of clients with whom none was agreed.
    ///
    /// # Errors
    /// Where nothing can listen there.
    pub async fn bind(
        at: &str,
        kind: Listens,
        tls: Option<Arc<rustls::ServerConfig>>,
        tell: Tell,
    ) -> Result<Self, String> {
        let socket = TcpListener::bind(at).await.map_err(|e| format!("{at}: {e}"))?;
        let address = socket.local_addr().map_err(|e| e.to_string())?;
        let (to, came) = mpsc::channel(QUEUE);
        let acts = Acts { to, next: Arc::default() };
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = socket.accept().await {
                connection += 1;
                drop(stream.set_nodelay(true));
                let (acts, tls, tell) = (acts.clone(), tls.clone(), tell.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else { return over(kind, stream, connection, acts).await };
                    let handshake = TlsAcceptor::from(tls).accept(stream);
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                        Ok(Ok(stream)) => over(kind, stream, connection, acts).await,
                        Ok(Err(e)) => tell(&format!("a client came, and no TLS was agreed with it: {e}")),
                        Err(_) => tell("a client came and did not speak TLS"),
                    }
                });
            }
        });
        Ok(Self { address, came, open: HashMap::new() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next act, in this time.
    pub async fn next(&mut self, wait_ms: u64) -> Option<Came> {
        let next = tokio::time::timeout(Duration::from_millis(wait_ms), self.came.recv()).await;
        let (came, reply) = next.ok()??;
        self.open.insert(came.id, reply);
        Some(came)
    }

    /// Answers an act.
    pub fn reply(&mut self, id: u64, reply: Reply) {
        if let Some(open) = self.open.remove(&id) {
            drop(open.send(reply));
        }
    }
}

/// The body of an answer, and whether it breaks off behind what is said of it.
struct Said {
    bytes: Option<Bytes>,
    /// Time for what was said to go out before the connection breaks.
    breaks: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl hyper::body::Body for Said {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Some(pause) = &mut self.breaks else { return Poll::Ready(None) };
        pause.as_mut().poll(context).map(|()| Some(Err(closed())))
    }
}

async fn over(
    kind: Listens,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: u64,
    acts: Acts,
) {
    match kind {
        Listens::Http => over_http(stream, connection, acts).await,
        Listens::Mllp => over_mllp(stream, connection, acts).await,
    }
}

async fn over_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: u64,
    acts: Acts,
) {
    let service = service_fn(move |request| answer(request, connection, acts.clone()));
    // A connection that ends in an error is the client's to notice.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn closed() -> std::io::Error {
    std::io::Error::other("the suite closes the connection")
}

async fn answer(
    request: hyper::Request<Incoming>,
    connection: u64,
    acts: Acts,
) -> Result<hyper::Response<Said>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|_| closed())?.to_bytes();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|kept| *kept = format!("{kept}, {text}"))
            .or_insert(text);
    }
    let url = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let act =
        Request { method: parts.method.to_string(), url, headers, body: body.to_vec(), credentials: false };
    let replied = acts.hand(connection, Act::Request(act)).await.ok_or_else(closed)?;
    let reply = replied.await.map_err(|_| closed())?;
    tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
    let Some(response) = reply.response else { return Err(closed()) };
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    // The length of the whole is told; of a reply that closes half of it comes.
    let whole = Bytes::from(response.body);
    builder = builder.header("content-length", whole.len());
    let told = if reply.close { whole.slice(..whole.len() / 2) } else { whole };
    let pause = Duration::from_millis(PIECE_PAUSE_MS);
    let breaks = reply.close.then(|| Box::pin(tokio::time::sleep(pause)));
    let body = Said { bytes: Some(told).filter(|b| !b.is_empty()), breaks };
    builder.body(body).map_err(std::io::Error::other)
}

async fn over_mllp(mut stream: impl AsyncRead + AsyncWrite + Unpin, connection: u64, acts: Acts) {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut early = false;
    loop {
        if let Some(end) = kept.windows(2).position(|w| w == [0x1c, 0x0d]) {
            let block: Vec<u8> = kept.drain(..end + 2).collect();
            let start = block[..end].iter().position(|b| *b == 0x0b);
            let bytes = block[start.map_or(0, |at| at + 1)..end].to_vec();
            let act = Act::Block { bytes, start: start.is_some(), stray: start.unwrap_or(0), early };
            let Some(mut replied) = acts.hand(connection, act).await else { return };
            // What comes before the answer did not wait for it.
            early = !kept.is_empty();
            let mut gone = false;
            let reply = loop {
                tokio::select! {
                    reply = &mut replied => break reply,
                    read = stream.read(&mut buffer), if !gone => match read {
                        Ok(0) | Err(_) => gone = true,
                        Ok(count) => {
                            early = true;
                            kept.extend_from_slice(&buffer[..count]);
                        }
                    },
                }
            };
            let Ok(reply) = reply else { return };
            let until = tokio::time::Instant::now() + Duration::from_millis(reply.delay_ms);
            while !gone {
                match tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
                    Err(_) => break,
                    Ok(Ok(0) | Err(_)) => gone = true,
                    Ok(Ok(count)) => {
                        early = true;
                        kept.extend_from_slice(&buffer[..count]);
                    }
                }
            }
            for (number, piece) in reply.pieces.iter().enumerate() {
                if number > 0 {
                    tokio::time::sleep(Duration::from_millis(PIECE_PAUSE_MS)).await;
                }
                if gone || stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            if reply.close || gone {
                drop(stream.shutdown().await);
                return;
            }
            continue;
        }
        let half = kept.contains(&0x0b);
        let read = match half {
            true => tokio::time::timeout(HALF_AFTER, stream.read(&mut buffer)).await.unwrap_or(Ok(0)),
            false => stream.read(&mut buffer).await,
        };
        match read {
            Ok(count) if count > 0 && kept.len() + count <= ANSWER_MAX => {
                kept.extend_from_slice(&buffer[..count])
            }
            _ => {
                if !kept.is_empty() {
                    drop(acts.hand(connection, Act::Half(kept.len())).await);
                }
                return;
            }
        }
    }
}
