//! A receiver that answers as it is told and remembers what came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use causeway_exchange::{WorkItem, WorkKind, WorkQuery};
use causeway_service::config::Config;
use causeway_service::delivery::Endpoint;
use causeway_service::testing::TestServer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What came.
#[derive(Clone, Debug)]
pub struct Got {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
    /// NHS number of the person that a bundle is about.
    pub fn person(&self) -> String {
        let bundle = self.json();
        let patient = bundle["entry"].as_array().into_iter().flatten().map(|e| e["resource"].clone());
        let patient = patient.into_iter().find(|r| r["resourceType"] == "Patient").unwrap_or_default();
        patient["identifier"][0]["value"].as_str().unwrap_or_default().to_owned()
    }
}

/// An answer: status, headers, body; status 0 breaks off.
pub type Told = (u16, Vec<(&'static str, String)>, String);
type Script = Arc<dyn Fn(&Got, usize) -> Told + Send + Sync>;

struct Inner {
    got: Mutex<Vec<Got>>,
    script: Script,
    delay: Duration,
    busy: Mutex<HashMap<String, usize>>,
    most_per_person: Mutex<usize>,
}

/// The receiver. Stops when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let got = Got { headers, body: body.to_vec() };
    let person = got.person();
    {
        let mut busy = inner.busy.lock().unwrap();
        let now = busy.entry(person.clone()).or_default();
        *now += 1;
        let mut most = inner.most_per_person.lock().unwrap();
        *most = (*most).max(*now);
    }
    tokio::time::sleep(inner.delay).await;
    let number = {
        let mut all = inner.got.lock().unwrap();
        all.push(got.clone());
        all.len() - 1
    };
    let (status, headers, body) = (inner.script)(&got, number);
    *inner.busy.lock().unwrap().entry(person).or_default() -= 1;
    if status == 0 {
        // Nothing but a broken connection.
        let failing = Box::pin(async { Err::<Bytes, _>(std::io::Error::other("broken")) });
        let stream = http_body_util::BodyExt::boxed_unsync(Once(Some(failing)));
        return Response::builder().header("content-length", "10").body(Body::new(stream)).unwrap();
    }
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap()
}

type Failing = std::pin::Pin<Box<dyn Future<Output = Result<Bytes, std::io::Error>> + Send>>;
struct Once(Option<Failing>);
impl hyper::body::Body for Once {
    type Data = Bytes;
    type Error = std::io::Error;
    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        drop(self.0.take());
        std::task::Poll::Ready(Some(Err(std::io::Error::other("broken"))))
    }
}

impl Receiver {
    pub async fn start(script: impl Fn(&Got, usize) -> Told + Send + Sync + 'static) -> Self {
        Self::slow(Duration::ZERO, script).await
    }

    pub async fn slow(delay: Duration, script: impl Fn(&Got, usize) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener, delay, script)
    }

    pub fn on(
        listener: TcpListener,
        delay: Duration,
        script: impl Fn(&Got, usize) -> Told + Send + Sync + 'static,
    ) -> Self {
        let inner = Arc::new(Inner {
            got: Mutex::default(),
            script: Arc::new(script),
            delay,
            busy: Mutex::default(),
            most_per_person: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }

    pub fn most_per_person(&self) -> usize {
        *self.inner.most_per_person.lock().unwrap()
    }

    /// Waits until so many have come.
    pub async fn until(&self, count: usize) -> Vec<Got> {
        for _ in 0..1500 {
            if self.got().len() >= count {
                return self.got();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} came", self.got().len());
    }
}

/// Takes everything.
pub fn ok() -> Told {
    (200, Vec::new(), String::new())
}

pub fn status(status: u16) -> Told {
    (status, Vec::new(), String::new())
}

pub fn outcome(status: u16, code: &str) -> Told {
    let body = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]});
    (status, vec![("content-type", "application/fhir+json".to_owned())], body.to_string())
}

/// An endpoint, from JSON.
pub fn endpoint(json: Value) -> Endpoint {
    let endpoint: Endpoint = serde_json::from_value(json).unwrap();
    endpoint.validate().unwrap();
    endpoint
}

/// Sends everything to the first endpoint.
pub fn with_endpoints(mut config: Config, endpoints: Vec<Endpoint>) -> Config {
    let to = json!([{"kind": "endpoint", "endpoint": endpoints[0].name}]);
    config.routes = serde_json::from_value(json!([{"id": "all", "to": to}])).unwrap();
    config.endpoints = endpoints;
    config
}

/// Deliveries in the queue.
pub fn queued(server: &TestServer) -> Vec<WorkItem> {
    let query = WorkQuery { kind: Some(WorkKind::Deliver), limit: 1000, ..WorkQuery::default() };
    server.state.engine.work(&query).unwrap()
}

/// Waits until something holds.
pub async fn when<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1500 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}");
}

/// An NHS number of the test range with a valid check digit.
pub fn nhs_number(serial: u32) -> String {
    (0u32..)
        .filter_map(|skip| {
            let digits = format!("999{:06}", serial * 11 + skip);
            let sum: u32 = digits.bytes().zip((2..=10).rev()).map(|(d, w)| u32::from(d - b'0') * w).sum();
            let check = (11 - sum % 11) % 11;
            (check < 10).then(|| format!("{digits}{check}"))
        })
        .next()
        .unwrap()
}

/// A message about a person; `what` tells one from another.
pub fn about(serial: u32, what: &str) -> String {
    format!(
        "LINE|1\nPAT|{}|Testling{serial}|Ada|1942-03-07|female\nOBS|2026-10-03T09:30:00Z|Gait speed|{what}",
        nhs_number(serial)
    )
}
