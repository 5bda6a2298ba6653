//! The wire of a conformance run: HTTP by `reqwest`, MLLP over TCP or TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_conformance::limits::ANSWER_MAX;
use causeway_conformance::suite::{Came, Heard, Listens, Reply, Request, Response, Said, Wire};
use causeway_service::pages::onboarding::Tell;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listener::Listener;

/// Bytes read from an MLLP connection at a time.
const READ_BYTES: usize = 16 * 1024;
/// Milliseconds between two pieces of a frame.
const PIECE_PAUSE_MS: u64 = 30;
/// Milliseconds for which more is listened for when all answers that were awaited have come.
const AFTERWARDS_MS: u64 = 60;

/// How the endpoint is reached.
pub struct Outside {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    authorization: Option<String>,
    /// Host and port of an MLLP endpoint, and what a client within TLS trusts and presents.
    lower: Option<(String, Option<Arc<rustls::ClientConfig>>)>,
    /// Where a client under test is waited for.
    listener: Option<Listener>,
    tell: Option<Tell>,
    timeout: Duration,
    begun: Instant,
}

impl Outside {
    /// The wire to an endpoint. `mllp://host:port` and `mllps://host:port` are MLLP, all else is HTTP.
    ///
    /// # Errors
    /// Where the address is none, or MLLP within TLS has no authority to trust.
    pub fn new(
        endpoint: &str,
        client: reqwest::Client,
        authorization: Option<String>,
        tls: Option<rustls::ClientConfig>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let lower = match (endpoint.strip_prefix("mllp://"), endpoint.strip_prefix("mllps://")) {
            (Some(at), _) => Some((at.trim_end_matches('/').to_owned(), None)),
            (None, Some(at)) => {
                let tls = tls.ok_or("mllps:// needs --ca, the authority of the receiver")?;
                Some((at.trim_end_matches('/').to_owned(), Some(Arc::new(tls))))
            }
            (None, None) if endpoint.starts_with("http://") || endpoint.starts_with("https://") => None,
            _ => return Err("the address must begin with http://, https://, mllp:// or mllps://".to_owned()),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self {
            runtime,
            client,
            authorization,
            lower,
            listener: None,
            tell: None,
            timeout,
            begun: Instant::now(),
        })
    }

    /// Listens where a client under test will come to, and says where that is.
    ///
    /// # Errors
    /// Where the address is not of this kind, or nothing can listen there.
    pub fn listen(
        &mut self,
        endpoint: &str,
        kind: Listens,
        tls: Option<rustls::ServerConfig>,
        tell: Tell,
    ) -> Result<std::net::SocketAddr, String> {
        let (plain, within) = match kind {
            Listens::Http => ("http://", "https://"),
            Listens::Mllp => ("mllp://", "mllps://"),
        };
        let (at, tls) = match (endpoint.strip_prefix(plain), endpoint.strip_prefix(within), tls) {
            (Some(at), _, None) => (at, None),
            (None, Some(at), Some(tls)) => (at, Some(Arc::new(tls))),
            (None, Some(_), None) => {
                return Err(format!("to wait for a client at {within} give --listen-certificate"));
            }
            (Some(_), _, Some(_)) => {
                return Err(format!("a certificate is given: wait for the client at {within}host:port"));
            }
            (None, None, _) => {
                return Err(format!("the suite waits for a client: give {plain}host:port to listen at"));
            }
        };
        let at = at.trim_end_matches('/');
        let listener = self.runtime.block_on(Listener::bind(at, kind, tls, tell.clone()))?;
        self.tell = Some(tell);
        let address = listener.address();
        self.listener = Some(listener);
        Ok(address)
    }

    async fn send(&self, request: &Request) -> Result<Response, String> {
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("{} is no method", request.method))?;
        let mut builder = self.client.request(method, &request.url).timeout(self.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(authorization) = self.authorization.as_ref().filter(|_| request.credentials) {
            builder = builder.header("authorization", authorization);
        }
        if !request.body.is_empty() || !matches!(request.method.as_str(), "GET" | "HEAD") {
            builder = builder.body(request.body.clone());
        }
        let mut answer = builder.send().await.map_err(|e| words(&e))?;
        let mut headers = std::collections::BTreeMap::new();
        for (name, value) in answer.headers() {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|kept: &mut String| {
                    kept.push_str(", ");
                    kept.push_str(&text);
                })
                .or_insert(text);
        }
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| words(&e))? {
            if body.len() + piece.len() > ANSWER_MAX {
                return Err(format!("the answer is larger than {ANSWER_MAX} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response { status, headers, body })
    }

    async fn speak(&self, said: &Said) -> Result<Heard, String> {
        let Some((at, tls)) = &self.lower else {
            return Err("the address is none of MLLP: mllp://host:port".to_owned());
        };
        let connected = tokio::time::timeout(self.timeout, TcpStream::connect(at)).await;
        let stream = connected.map_err(|_| "no connection in time")?.map_err(|_| "no connection")?;
        drop(stream.set_nodelay(true));
        let Some(tls) = tls else { return converse(stream, said, self.timeout).await };
        let host = at.rsplit_once(':').map_or(at.as_str(), |(host, _)| host).to_owned();
        let name = rustls::pki_types::ServerName::try_from(host).map_err(|_| "the host is no name")?;
        let handshake = tokio_rustls::TlsConnector::from(tls.clone()).connect(name, stream);
        let stream = tokio::time::timeout(self.timeout, handshake).await;
        converse(stream.map_err(|_| "no TLS in time")?.map_err(|_| "no TLS")?, said, self.timeout).await
    }
}

/// Writes the pieces, then listens until the answers have come, the other side closes or the time is over.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    said: &Said,
    patience: Duration,
) -> Result<Heard, String> {
    for (number, piece) in said.pieces.iter().enumerate() {
        if number > 0 {
            tokio::time::sleep(Duration::from_millis(PIECE_PAUSE_MS)).await;
        }
        let written = async {
            stream.write_all(piece).await?;
            stream.flush().await
        };
        written.await.map_err(|_| "the connection broke while writing")?;
    }
    let mut heard = Heard::default();
    if said.close {
        drop(stream.shutdown().await);
        return Ok(heard);
    }
    let end = tokio::time::Instant::now() + Duration::from_millis(said.wait_ms).min(patience);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let ends = heard.bytes.windows(2).filter(|w| *w == [0x1c, 0x0d]).count();
        let until = match ends >= said.answers {
            true => end.min(tokio::time::Instant::now() + Duration::from_millis(AFTERWARDS_MS)),
            false => end,
        };
        match tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
            Err(_) => return Ok(heard),
            Ok(Ok(0) | Err(_)) => {
                heard.closed = true;
                return Ok(heard);
            }
            Ok(Ok(count)) => heard.bytes.extend_from_slice(&buffer[..count]),
        }
        if heard.bytes.len() > ANSWER_MAX {
            return Err(format!("the answer is larger than {ANSWER_MAX} bytes"));
        }
    }
}

/// Why no answer came, without what the request said.
fn words(error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else if error.is_builder() {
        "the request can't be written as HTTP"
    } else {
        "the connection broke"
    };
    why.to_owned()
}

impl Wire for Outside {
    fn http(&mut self, request: &Request) -> Result<Response, String> {
        if self.lower.is_some() {
            return Err("the suite speaks HTTP; the address is of MLLP".to_owned());
        }
        self.runtime.block_on(self.send(request))
    }

    fn mllp(&mut self, said: &Said) -> Result<Heard, String> {
        self.runtime.block_on(self.speak(said))
    }

    fn await_client(&mut self, wait_ms: u64) -> Result<Option<Came>, String> {
        let Some(listener) = &mut self.listener else { return Err("nothing listens".to_owned()) };
        Ok(self.runtime.block_on(listener.next(wait_ms)))
    }

    fn reply(&mut self, id: u64, reply: Reply) {
        if let Some(listener) = &mut self.listener {
            listener.reply(id, reply);
        }
    }

    fn tell(&mut self, what: &str) {
        if let Some(tell) = &self.tell {
            tell(what);
        }
    }

    fn now(&mut self) -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn ticks(&mut self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn pause(&mut self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
}
