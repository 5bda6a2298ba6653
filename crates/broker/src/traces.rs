//! The way of each message as a trace, for a collector of OpenTelemetry (OTLP over HTTP, protobuf).
//!
//! A trace is of one message: its id is the message's, so that brokers, restarts and days later add to the same one, and nothing is
//! kept for it. Each step is a span below the door's. What a span may say is a closed set ([`Step`], [`Fact`]): words of the
//! program, numbers and the message's id. Text of a message has no way in.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use causeway_exchange::{MessageId, WorkKind};
use causeway_host::counters::Counters;
use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents,
    SpanExporter as _, SpanLinks, SpanProcessor as _,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use crate::link;

/// Seconds that a collector may take for an answer.
const TIMEOUT_SECONDS: u64 = 10;
/// Spans that wait for being sent; what comes while all wait is not told.
const WAITING_SPANS: usize = 16_384;
/// Spans of one request.
const TOGETHER: usize = 512;
/// How long spans wait for others.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a collector's answer that are read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the collector, whole (`…/v1/traces`): `https`, or this machine.
    pub url: String,
    /// PEM file with the authority that signed the collector's certificate.
    pub ca: Option<PathBuf>,
    /// File with a bearer token.
    pub token_file: Option<PathBuf>,
    /// One message of so many is told of: with all its steps, the others with none.
    #[serde(default = "all")]
    pub one_in: u32,
}

fn all() -> u32 {
    1
}

impl Settings {
    /// What is wrong with them, in words.
    pub fn wrong(&self) -> Option<String> {
        let Ok(url) = reqwest::Url::parse(&self.url) else {
            return Some("traces.url is no address".to_owned());
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" if self.ca.is_none() => {
                return Some(
                    "traces.ca is missing: the authority that signed the collector's certificate".to_owned(),
                );
            }
            "https" => {}
            "http" if here => {}
            _ => return Some("traces.url must be https, or http on this machine".to_owned()),
        }
        (self.one_in == 0).then(|| "traces.one_in must be at least 1".to_owned())
    }
}

/// A step of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// From where the door hands it over until it is durable.
    Door,
    /// From where the work is queued until a worker has it.
    Wait,
    /// Detection and the adapter.
    Translate,
    /// The check of its bundles, from the first to the last.
    Check,
    /// Where the bundles go.
    Route,
    /// The record takes them in, with the others of its window.
    Record,
    /// The end of a work is made durable, with others.
    Commit,
    /// One attempt at an endpoint.
    Deliver,
}

impl Step {
    const fn word(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Wait => "wait",
            Self::Translate => "translate",
            Self::Check => "check",
            Self::Route => "route",
            Self::Record => "record",
            Self::Commit => "commit",
            Self::Deliver => "deliver",
        }
    }

    const fn kind(self) -> SpanKind {
        match self {
            Self::Door => SpanKind::Server,
            Self::Deliver => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }
}

/// What a span says beside its step and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Kind of the work.
    Work(WorkKind),
    /// How often the work was given out.
    Attempt(u32),
    /// The adapter's name.
    Adapter(&'static str),
    /// How it ended, in a word of the program.
    End(&'static str),
    /// How many bundles.
    Bundles(u64),
    /// How many bytes.
    Bytes(u64),
    /// How many messages share the step.
    Together(usize),
}

impl Fact {
    fn attribute(self) -> KeyValue {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match self {
            Self::Work(kind) => KeyValue::new("causeway.work", kind.as_str()),
            Self::Attempt(count) => KeyValue::new("causeway.attempt", i64::from(count)),
            Self::Adapter(name) => KeyValue::new("causeway.adapter", name),
            Self::End(word) => KeyValue::new("causeway.end", word),
            Self::Bundles(count) => KeyValue::new("causeway.bundles", number(count)),
            Self::Bytes(count) => KeyValue::new("causeway.bytes", number(count)),
            Self::Together(count) => KeyValue::new("causeway.together", number(count as u64)),
        }
    }
}

/// Sends traces from a thread of its own. Nothing waits for it: what can't be sent is lost.
#[derive(Debug)]
pub struct Traces {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    one_in: u64,
}

impl Traces {
    /// Starts sending, from within a runtime.
    ///
    /// # Errors
    /// A sentence that says what of the settings can't be used.
    pub async fn start(settings: &Settings, counters: Arc<Counters>) -> Result<Self, String> {
        let whole = Duration::from_secs(TIMEOUT_SECONDS);
        let client = link::client(settings.ca.as_deref(), whole, whole).await;
        let client = client
            .and_then(|builder| builder.build().map_err(|_| "the client could not be built".to_owned()));
        let client = client.map_err(|text| format!("traces: {text}"))?;
        let mut headers = HashMap::new();
        if let Some(file) = &settings.token_file {
            let token = tokio::fs::read_to_string(file).await;
            let token = token.map_err(|e| format!("traces, token_file {}: {e}", file.display()))?;
            headers.insert("authorization".to_owned(), format!("Bearer {}", token.trim()));
        }
        let client = Collector { client, runtime: Handle::current(), counters, away: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(&settings.url)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(whole)
            .with_headers(headers)
            .with_http_client(client);
        let mut exporter = exporter.build().map_err(|e| format!("traces: {e}"))?;
        // What this process is, and nothing of the machine or its environment.
        let resource = Resource::builder_empty()
            .with_service_name("causeway")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        exporter.set_resource(&resource.build());
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_SPANS)
            .with_max_export_batch_size(TOGETHER)
            .with_scheduled_delay(PAUSE)
            .build();
        Ok(Self {
            processor: BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
            scope: InstrumentationScope::builder("causeway").with_version(env!("CARGO_PKG_VERSION")).build(),
            one_in: u64::from(settings.one_in.max(1)),
        })
    }

    /// Tells of one step of a message.
    pub fn tell(
        &self,
        message: &MessageId,
        step: Step,
        (began, ended): (Timestamp, Timestamp),
        failed: bool,
        facts: &[Fact],
    ) {
        let Ids { trace, door, lot } = Ids::of(message);
        if !lot.is_multiple_of(self.one_in) {
            return;
        }
        let (span, parent) = match step {
            Step::Door => (door, SpanId::INVALID),
            _ => (RandomIdGenerator::default().new_span_id(), door),
        };
        let mut attributes = vec![KeyValue::new("causeway.message", message.to_string())];
        attributes.extend(facts.iter().map(|fact| fact.attribute()));
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: step.kind(),
            name: step.word().into(),
            start_time: time(began),
            end_time: time(ended.max(began)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Sends what waits yet, and ends. Blocks for some seconds where the collector is away.
    pub fn end(&self) {
        drop(self.processor.shutdown());
    }
}

fn time(at: Timestamp) -> SystemTime {
    // As exact as the engines keep times, or work would be queued before its message came. None is before 1970.
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_microsecond()).unwrap_or_default())
}

/// What follows from a message's id.
struct Ids {
    trace: TraceId,
    door: SpanId,
    /// A number by which messages are chosen.
    lot: u64,
}

impl Ids {
    fn of(message: &MessageId) -> Self {
        let digest: [u8; 32] = Sha256::digest(message.as_str()).into();
        let mut eights = digest
            .chunks_exact(8)
            .map(|eight| eight.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)));
        let mut next = || eights.next().unwrap_or_default();
        let (door, lot, high, low) = (next(), next(), next(), next());
        // Most ids are 32 hexadecimal digits: then the trace has the message's own.
        let own = Some(message.as_str()).filter(|text| text.len() == 32);
        let trace = own
            .and_then(|text| u128::from_str_radix(text, 16).ok())
            .filter(|number| *number != 0)
            .unwrap_or(u128::from(high) << 64 | u128::from(low));
        Self { trace: TraceId::from(trace), door: SpanId::from(door.max(1)), lot }
    }
}

/// The way to the collector.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    counters: Arc<Counters>,
    /// Whether the last batch was not taken.
    away: AtomicBool,
}

impl Collector {
    fn count(&self, trouble: Option<String>) {
        let was = self.away.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(trouble) => {
                Counters::add(&self.counters.traces_failed);
                if !was {
                    tracing::warn!(trouble, "the collector takes no traces; what can't be sent is lost");
                }
            }
            None if was => tracing::info!("the collector takes traces again"),
            None => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        // Asked by a thread that is not the runtime's.
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(reqwest::Request::try_from(request)?).await?;
            let status = answer.status();
            Ok::<_, HttpError>((status, link::read(answer, ANSWER_BYTES).await?))
        });
        match sent.await.map_err(HttpError::from).and_then(|sent| sent) {
            Ok((status, body)) => {
                self.count((!status.is_success()).then(|| format!("it answers {}", status.as_u16())));
                let mut response = Response::new(Bytes::from(body));
                *response.status_mut() = status;
                Ok(response)
            }
            Err(error) => {
                self.count(Some("it can't be reached".to_owned()));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_the_id_of_its_message() {
        let of = |text: &str| Ids::of(&MessageId::new(text).unwrap());
        let one = of("0197f3c2a1b27c3d8e4f5a6b7c8d9e0f");
        assert_eq!(one.trace.to_string(), "0197f3c2a1b27c3d8e4f5a6b7c8d9e0f");
        let (mesh, other) = (of("20260302090000000000_00C0DE"), of("20260302090000000000_00C0DF"));
        assert_ne!(mesh.trace, other.trace);
        assert_eq!(
            (mesh.trace, mesh.door),
            (of("20260302090000000000_00C0DE").trace, of("20260302090000000000_00C0DE").door)
        );
        assert!(mesh.trace != TraceId::INVALID && mesh.door != SpanId::INVALID);
    }

    #[test]
    fn traces_go_to_this_machine_or_by_tls() {
        let wrong = |text: &str| toml::from_str::<Settings>(text).unwrap().wrong();
        for good in [
            "url = 'http://127.0.0.1:4318/v1/traces'",
            "url = 'http://[::1]:4318/v1/traces'",
            "url = 'https://collector.example/v1/traces'\nca = 'ca.pem'\none_in = 100",
        ] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in [
            "url = 'http://collector.example/v1/traces'",
            "url = 'https://collector.example/v1/traces'",
            "url = 'collector'",
            "url = 'http://localhost/v1/traces'\none_in = 0",
        ] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}
