//! The control of conformance runs: a small endpoint of every kind that a suite tests, good unless it is given one of
//! the named faults of `faults`. It keeps everything in memory and is nobody's product.

mod bars;
mod care;
pub mod faults;
mod fhir;
mod gpc;
mod mesh;
mod mllp;
mod nrl;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// A request, read.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, media: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", media.to_owned())], body: body.into() }
    }

    pub fn fhir(status: u16, body: &Value) -> Self {
        Self::new(status, "application/fhir+json", body.to_string())
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The server's memory and its fault.
pub struct Control {
    fault: &'static str,
    base: Mutex<String>,
    fhir: Mutex<fhir::Store>,
    mesh: Mutex<mesh::Store>,
    bars: Mutex<BTreeMap<String, (Vec<u8>, Value)>>,
    care: Mutex<care::Store>,
    nrl: Mutex<BTreeMap<String, Value>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running one.
pub struct Running {
    pub url: String,
    pub mllp: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Control {
    /// Whether it has this fault. A name that is in no table is a mistake of this module.
    pub fn bad(&self, fault: &str) -> bool {
        assert!(faults::FAULTS.iter().any(|(name, ..)| *name == fault), "{fault} is no fault");
        self.fault == fault
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["fhir", "$process-message"] => self.process_message(asked),
            ["fhir", rest @ ..] => self.fhir(asked, rest),
            ["messageexchange", rest @ ..] => self.mesh(asked, rest),
            ["messages", rest @ ..] => self.care(asked, rest),
            [side @ ("producer" | "consumer"), "FHIR", "R4", rest @ ..] => self.nrl(asked, side, rest),
            ["gpc", rest @ ..] => self.gp_connect(asked, rest),
            _ => Answer::json(404, &json!({})),
        }
    }
}

/// Starts one with a fault, or the good one where the name is empty.
pub fn start(fault: &'static str) -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let control = Arc::new(Control {
        fault,
        base: Mutex::default(),
        fhir: Mutex::new(fhir::Store::new()),
        mesh: Mutex::default(),
        bars: Mutex::default(),
        care: Mutex::default(),
        nrl: Mutex::default(),
    });
    let (url, mllp) = runtime.block_on(async {
        let http = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let lower = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", http.local_addr().expect("an address"));
        let mllp = lower.local_addr().expect("an address");
        lock(&control.base).clone_from(&format!("{url}/fhir"));
        let shared = control.clone();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let control = shared.clone();
            async move { respond(&control, request).await }
        });
        tokio::spawn(async move { drop(axum::serve(http, app).await) });
        tokio::spawn(mllp::serve(control.clone(), lower));
        (url, mllp)
    });
    Running { url, mllp, runtime: Some(runtime) }
}

async fn respond(control: &Control, request: axum::extract::Request) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap_or_default().to_vec();
    let mut query = pairs(parts.uri.query().unwrap_or_default());
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    if headers.get("content-type").is_some_and(|t| t.starts_with("application/x-www-form-urlencoded")) {
        query.extend(pairs(&String::from_utf8_lossy(&body)));
    }
    let path = plain(parts.uri.path());
    let asked = Asked { method: parts.method.to_string(), path, query, headers, body };
    let answer = control.answer(&asked);
    let mut response = axum::response::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(axum::body::Body::from(answer.body)).expect("a response")
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (plain(key), plain(&value.replace('+', " ")))
        })
        .collect()
}

/// Percent signs undone.
fn plain(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let hex = String::from_utf8_lossy(&hex).into_owned();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
