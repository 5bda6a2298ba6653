//! A MESH server that keeps nothing: the ceiling of what a client of it can reach. It reads each request to its end
//! and answers it with a fixed, correct answer: the same message id to every send, an inbox with that one message,
//! the same content at every download. It checks nobody and stores nothing. Same hyper, same rustls as the service.
//!
//! `meshnull listen=127.0.0.1:8700 [bytes=5000] [headers=mesh|bare] [flush=FILE] [tls_cert=FILE tls_key=FILE]`
//!
//! `flush=FILE` answers sends and acknowledgements only after 8 kB have been written to FILE and flushed, those that
//! wait together by one flush: the ceiling of any server that answers when a message is safe.
//!
//! `headers=mesh` (the default) answers a download with the headers that the MESH API prescribes, `headers=bare`
//! with none but its length: fewer lines for the client to read than any MESH server may send.

use std::convert::Infallible;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use causeway_service::server::{Stream, Wrap};
use causeway_service::tls;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The one message's id.
const ID: &str = "20260302090000000000_00C0DE";
/// Media type of JSON answers.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.mesh.v2+json");
/// What a MESH server says of a message that is downloaded (MESH API, headers of `GET …/inbox/{id}`).
const MESH_HEADERS: [(&str, &str); 15] = [
    ("mex-from", "X26ABC1"),
    ("mex-to", "X26ABC2"),
    ("mex-workflowid", "TEST_WORKFLOW"),
    ("mex-chunk-range", "1:1"),
    ("mex-total-chunks", "1"),
    ("mex-addresstype", "ALL"),
    ("mex-filename", "20260302090000000000_00C0DE.dat"),
    ("mex-version", "1.0"),
    ("mex-messagetype", "DATA"),
    ("mex-messageid", ID),
    ("mex-statustimestamp", "20260302090000"),
    ("mex-statuscode", "00"),
    ("mex-statusevent", "TRANSFER"),
    ("mex-statusdescription", "Transferred to recipient mailbox"),
    ("mex-statussuccess", "SUCCESS"),
];

/// Bytes written before a flush: about what a message of 5 kB makes a database write.
const FLUSHED_BYTES: usize = 8192;
/// Bytes of the file that is written over and over, so that no flush has to note a new length.
const FLUSH_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Who waits for the disk.
type Flush = mpsc::Sender<oneshot::Sender<()>>;

fn flush_to(path: &Path) -> Result<Flush, Failure> {
    let mut file = File::create(path)?;
    file.write_all(&vec![0; FLUSH_FILE_BYTES])?;
    file.sync_all()?;
    let (send, waiting) = mpsc::channel::<oneshot::Sender<()>>();
    std::thread::spawn(move || {
        let piece = [0x5a; FLUSHED_BYTES];
        let mut at = 0;
        while let Ok(first) = waiting.recv() {
            let together: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            for _ in &together {
                at = (at + FLUSHED_BYTES) % FLUSH_FILE_BYTES;
                let written = file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.write_all(&piece));
                if written.is_err() {
                    return;
                }
            }
            if file.sync_data().is_err() {
                return;
            }
            together.into_iter().for_each(|done| done.send(()).unwrap_or_default());
        }
    });
    Ok(send)
}

/// The answers, made once.
struct Canned {
    sent: Bytes,
    inbox: Bytes,
    content: Bytes,
    headers: HeaderMap,
    flush: Option<Flush>,
}

impl Canned {
    fn new(bytes: usize, mesh_headers: bool, flush: Option<Flush>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        for (name, value) in MESH_HEADERS.into_iter().filter(|_| mesh_headers) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let list = format!(
            r#"{{"messages":["{ID}"],"links":{{"self":"/messageexchange/X26ABC2/inbox"}},"approx_inbox_count":1}}"#
        );
        Self {
            sent: format!(r#"{{"message_id":"{ID}"}}"#).into(),
            inbox: list.into(),
            content: vec![b'x'; bytes].into(),
            headers,
            flush,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        while body.frame().await.is_some() {}
        let json = |status, body: &Bytes| {
            let mut response = Response::new(Full::new(body.clone()));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
            response
        };
        let path = head.uri.path();
        if let Some(flush) = &self.flush
            && (head.method == Method::POST || head.method == Method::PUT)
        {
            let (done, flushed) = oneshot::channel();
            if flush.send(done).is_err() || flushed.await.is_err() {
                return json(StatusCode::SERVICE_UNAVAILABLE, &Bytes::from_static(b"{}"));
            }
        }
        if head.method == Method::POST {
            json(StatusCode::ACCEPTED, &self.sent)
        } else if head.method == Method::PUT {
            Response::new(Full::default())
        } else if path.ends_with("/inbox") {
            json(StatusCode::OK, &self.inbox)
        } else if path.contains("/inbox/") {
            let mut response = Response::new(Full::new(self.content.clone()));
            *response.headers_mut() = self.headers.clone();
            response
        } else {
            json(StatusCode::OK, &Bytes::from_static(b"{}"))
        }
    }
}

async fn connection(stream: TcpStream, wrap: Option<Wrap>, canned: Arc<Canned>) {
    drop(stream.set_nodelay(true));
    let stream = match wrap {
        None => Box::new(stream) as Box<dyn Stream>,
        Some(wrap) => match wrap(stream).await {
            Ok((stream, _)) => stream,
            Err(_) => return,
        },
    };
    let service = hyper::service::service_fn(move |request| {
        let canned = canned.clone();
        async move { Ok::<_, Infallible>(canned.answer(request).await) }
    });
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn serve() -> Result<(), Failure> {
    let (mut listen, mut bytes, mut mesh_headers) = ("127.0.0.1:8700".to_owned(), 5_000, true);
    let (mut certificate, mut key) = (None::<PathBuf>, None::<PathBuf>);
    let mut flush = None;
    for argument in std::env::args().skip(1) {
        let (name, value) = argument.split_once('=').ok_or("arguments are NAME=VALUE")?;
        match (name, value) {
            ("listen", _) => listen = value.to_owned(),
            ("bytes", _) => bytes = value.parse()?,
            ("headers", "mesh") => mesh_headers = true,
            ("headers", "bare") => mesh_headers = false,
            ("flush", _) => flush = Some(flush_to(Path::new(value))?),
            ("tls_cert", _) => certificate = Some(value.into()),
            ("tls_key", _) => key = Some(value.into()),
            _ => return Err(format!("{name}={value} is not known").into()),
        }
    }
    let wrap = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let settings =
                tls::Settings { certificate, key, client_ca: None, client_required: true, mllp: false };
            Some(tls::wrap(&settings)?)
        }
        _ => None,
    };
    let canned = Arc::new(Canned::new(bytes, mesh_headers, flush));
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, wrap.clone(), canned.clone()));
    }
}

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve())
}
