//! The ways of messages as a collector of OpenTelemetry is told of them: whole, and without anything that they say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::running::Process;
use super::{client, runtime, send};

const ADMISSION: &str = "MSH|^~\\&|PAS|ZV801|EPR|ZV801|20260301101500||ADT^A01^ADT_A01|QTRACE77|P|2.4\rEVN|A01|20260301101500\r\
PID|1||9990048640^^^NHS^NH~440017^^^ZV801^MR||ASHDOWN^Wrenfield||19620411|2|||14 Larch Terrace^^Millbridge^^ZZ99 3VZ\r\
PV1|1|I|WARD7^^^ZV801\r";

/// What came to the collector.
#[derive(Clone, Default)]
struct Came(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Came {
    fn bodies(&self) -> Vec<Bytes> {
        self.0.lock().expect("no panic").iter().map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let decoded = |body: Bytes| ExportTraceServiceRequest::decode(body).expect("an OTLP request");
        let scopes = self.bodies().into_iter().flat_map(|body| decoded(body).resource_spans);
        scopes.flat_map(|one| one.scope_spans).flat_map(|one| one.spans).collect()
    }
}

async fn collector(came: Came) -> (String, tokio::task::JoinHandle<()>) {
    let take = |State(came): State<Came>, headers: HeaderMap, body: Bytes| async move {
        came.0.lock().expect("no panic").push((headers, body));
        StatusCode::OK
    };
    let router =
        Router::new().route("/v1/traces", post(take)).route("/in", post(|| async {})).with_state(came);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    (base, tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") }))
}

/// Whether any value of a message (four characters or more) is in what was sent.
fn leaks(message: &str, bodies: &[Bytes]) -> BTreeSet<String> {
    let values = message.split(['|', '^', '~', '\r', ' ']).filter(|value| value.len() >= 4);
    let in_any = |value: &&str| {
        bodies.iter().any(|body| body.windows(value.len()).any(|part| part == value.as_bytes()))
    };
    values.filter(in_any).map(str::to_owned).collect()
}

#[test]
fn the_way_of_each_message_is_told_to_a_collector_and_nothing_of_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runtime, client, came) = (runtime(), client(), Came::default());
    let (base, serving) = runtime.block_on(collector(came.clone()));
    let token = folder.path().join("token");
    std::fs::write(&token, "of-a-collector\n").expect("written");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("closed");
    let config = folder.path().join("causeway.toml");
    let text = format!(
        "[traces]\nurl = \"{base}/v1/traces\"\ntoken_file = {token:?}\n\
         [[route]]\nid = \"all\"\nto = [{{ kind = \"endpoint\", endpoint = \"ward\" }}, {{ kind = \"record\" }}]\n\
         [[endpoint]]\nname = \"ward\"\nkind = \"http\"\naddress = \"{base}/in\"\nsend = \"original\"\nauth = {{ method = \"none\" }}\n"
    );
    std::fs::write(&config, text).expect("written");
    let exchange = Process::serve(&folder.path().join("data"), &["--config", &config.to_string_lossy()]);
    let sent = async |key: &str| {
        let body = ADMISSION.replace("QTRACE77", &format!("QTRACE77{key}")).into_bytes();
        send(&client, &exchange.base, key, body).await.expect("accepted")
    };
    let ids: BTreeSet<String> = runtime.block_on(async { [sent("one").await, sent("two").await].into() });

    let whole: BTreeSet<&str> =
        ["door", "wait", "translate", "check", "route", "record", "commit", "deliver"].into();
    let deadline = Instant::now() + Duration::from_secs(60);
    let traces = loop {
        let mut traces: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for span in came.spans() {
            let trace = span.trace_id.iter().map(|byte| format!("{byte:02X}")).collect();
            traces.entry(trace).or_default().push(span);
        }
        let steps = |spans: &[Span]| spans.iter().map(|s| s.name.clone()).collect::<BTreeSet<_>>();
        let all = traces.values().all(|spans| whole.iter().all(|step| steps(spans).contains(*step)));
        if traces.len() == ids.len() && all {
            break traces;
        }
        assert!(Instant::now() < deadline, "{:?}", traces.values().map(|s| steps(s)).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(100));
    };

    // One trace a message, with its id; each step is below the door's.
    assert_eq!(traces.keys().cloned().collect::<BTreeSet<_>>(), ids);
    for (id, spans) in &traces {
        let first = |name: &str| {
            let named = spans.iter().filter(|span| span.name == name);
            named.min_by_key(|span| span.start_time_unix_nano).expect("a step of this name")
        };
        let door = first("door");
        assert_eq!(spans.iter().filter(|span| span.name == "door").count(), 1);
        assert!(door.parent_span_id.is_empty());
        for span in spans {
            assert!(whole.contains(span.name.as_str()), "{}", span.name);
            assert!(span.name == "door" || span.parent_span_id == door.span_id);
            assert!(door.start_time_unix_nano <= span.start_time_unix_nano, "{}", span.name);
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{}", span.name);
            let told = span.attributes.iter().find(|a| a.key == "causeway.message").expect("an id");
            let own = Any::StringValue(id.clone());
            assert_eq!(told.value.as_ref().and_then(|v| v.value.as_ref()), Some(&own));
        }
        let begun = ["door", "translate", "check", "route", "record"].map(|s| first(s).start_time_unix_nano);
        assert!(begun.is_sorted(), "{begun:?}");
        let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
        assert_eq!(ids.len(), spans.len(), "each span has an id of its own");
    }
    for (headers, _) in came.0.lock().expect("no panic").iter() {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!(headers["authorization"], "Bearer of-a-collector");
    }

    // The control first: the search finds what was sent, and a value where a span has one.
    let id = ids.first().expect("an id").as_str();
    assert_eq!(leaks(id, &came.bodies()), [id.to_owned()].into());
    let mut planted = ExportTraceServiceRequest::decode(came.bodies().remove(0)).expect("an OTLP request");
    let value = AnyValue { value: Some(Any::StringValue("of ASHDOWN".to_owned())) };
    planted.resource_spans[0].scope_spans[0].spans[0].attributes.push(KeyValue {
        key: "planted".to_owned(),
        value: Some(value),
        ..KeyValue::default()
    });
    assert_eq!(leaks(ADMISSION, &[planted.encode_to_vec().into()]), ["ASHDOWN".to_owned()].into());
    assert_eq!(leaks(ADMISSION, &came.bodies()), BTreeSet::new());

    // A collector that is gone holds nothing up, and that is counted.
    serving.abort();
    runtime.block_on(async {
        drop(serving.await);
        let id = sent("three").await;
        let get = async |path: String| {
            let answer = client.get(format!("{}{path}", exchange.base)).send().await.expect("answers");
            answer.text().await.expect("text")
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let recorded = get(format!("/messages/{id}")).await.contains("\"recorded\"");
            let failed = get("/metrics".to_owned())
                .await
                .lines()
                .any(|line| line.strip_prefix("causeway_traces_failed_total ").is_some_and(|n| n != "0"));
            if recorded && failed {
                break;
            }
            assert!(Instant::now() < deadline, "recorded: {recorded}, counted: {failed}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}
