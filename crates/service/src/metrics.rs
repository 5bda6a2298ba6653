//! `/metrics` in the OpenMetrics text format, which Prometheus reads. Labels never name a message or a person.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use causeway_access::Caller;
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::Metrics;
use causeway_host::counters::{BUCKETS_SECONDS, Histogram};
use causeway_host::problem::{Answer, Problem};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Of OpenMetrics 1.0.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The handler: for an operator, for the names of mailboxes and endpoints are in it.
pub async fn metrics(State(state): State<Shared>, caller: Caller) -> Answer<Response> {
    caller.require_operator()?;
    let engine = state.blocking(|s| s.engine.metrics()).await?;
    let now = state.clock.now();
    let text = render(Snapshot { state, engine, now }).map_err(|_| Problem::internal())?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

/// What is told, as it was when it was asked for.
struct Snapshot {
    state: Shared,
    engine: Metrics,
    now: Timestamp,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// Text, labels of one line.
type Labels<'l> = &'l [(&'l str, &'l str)];

/// Names, kinds and values in the order in which they are told.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    /// A gauge with a value for each set of labels.
    fn gauges<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Vec<(&'l str, &'l str)>, V)>,
    ) -> std::fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    /// A gauge of one value.
    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> std::fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// A counter of one value; `_total` is put behind its name.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> std::fmt::Result {
        let mut one = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        one.encode_counter::<NoLabelSet, u64, f64>(&value, None)
    }
}

/// Puts a histogram with its labels behind a name that was told.
fn observed(family: &mut MetricEncoder<'_>, labels: Labels<'_>, seen: &Histogram) -> std::fmt::Result {
    let buckets: Vec<(f64, u64)> = BUCKETS_SECONDS.into_iter().zip(seen.buckets).collect();
    family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(seen.sum, seen.count, &buckets, None)
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0))
}

fn render(snapshot: Snapshot) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("causeway");
    registry.register_collector(Box::new(snapshot));
    let mut text = String::with_capacity(16 * 1024);
    encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut page = Page(encoder);
        engine_counts(&mut page, &self.engine)?;
        queues(&mut page, &self.engine, self.now)?;
        let durability = self.state.engine.durability();
        let durable = if durability.durable { "true" } else { "false" };
        let labels = vec![("engine", &*durability.engine), ("mode", &*durability.mode), ("durable", durable)];
        page.gauges("durability_info", "How the engine keeps data", [(labels, 1_u32)])?;
        page.gauge("flush_p50_microseconds", "Median flush at start", durability.flush_p50_us)?;
        service(&mut page, &self.state)
    }
}

fn engine_counts(page: &mut Page<'_>, m: &Metrics) -> std::fmt::Result {
    page.counter("messages_accepted", "Messages accepted since start", m.accepted)?;
    page.gauge("messages", "Messages of all times, copies for mailboxes included", m.kept)?;
    page.gauge("messages_failed", "Messages refused or given up, in the store now", m.failed)?;
    page.gauge("messages_not_collected", "Messages whose recipient never came", m.undeliverable)?;
    page.counter("messages_duplicate", "Retries recognised", m.duplicates)?;
    page.counter("messages_acknowledged", "Acknowledged by recipients", m.acknowledged)?;
    page.counter("messages_expired", "Not collected in time", m.expired)?;
    page.counter("refused_space", "Calls refused for want of space", m.refused_space)?;
    page.counter("commits", "Commits", m.commits)?;
    page.counter("committed_requests", "Requests in those commits", m.committed_requests)?;
    page.counter("corrupt_reads", "Reads that found corrupt bytes", m.corrupt_reads)?;
    page.gauge("acknowledgements_open", "Acknowledgements waited for", m.expectations_open)?;
    page.gauge("acknowledgements_overdue", "Overdue or negative, not handled", m.expectations_overdue)?;
    page.gauge("free_bytes", "Bytes free in the data directory", m.free_bytes)?;
    page.gauge("reserve_bytes", "Bytes that must stay free", m.reserve_bytes)?;
    page.gauge("accepting", "Whether messages are accepted", u32::from(!m.stopped))
}

fn queues(page: &mut Page<'_>, m: &Metrics, now: Timestamp) -> std::fmt::Result {
    let items = m.queues.iter().flat_map(|queue| {
        let states = [
            ("ready", queue.ready),
            ("waiting", queue.waiting),
            ("leased", queue.leased),
            ("parked", queue.parked),
        ];
        states.map(|(state, count)| (vec![("kind", queue.kind.as_str()), ("state", state)], count))
    });
    page.gauges("queue_items", "Work items by kind and state", items)?;
    let oldest = m.queues.iter().map(|q| (vec![("kind", q.kind.as_str())], age(q.oldest, now)));
    page.gauges("queue_oldest_seconds", "Age of the oldest item that is not parked", oldest)?;
    let waiting = m.mailboxes.iter().map(|m| (vec![("mailbox", &*m.mailbox)], m.waiting));
    page.gauges("mailbox_waiting", "Messages waiting in a mailbox", waiting)?;
    let oldest = m.mailboxes.iter().map(|m| (vec![("mailbox", &*m.mailbox)], age(m.oldest, now)));
    page.gauges("mailbox_oldest_seconds", "Age of the oldest unacknowledged message", oldest)
}

fn service(page: &mut Page<'_>, state: &AppState) -> std::fmt::Result {
    let counters = &state.counters;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    page.gauge("connections", "Open connections", read(&counters.connections))?;
    page.counter("connections_waited", "Times all were in use", read(&counters.connections_waited))?;
    page.counter("throttled", "Requests over their organisation's rate", read(&counters.throttled))?;
    page.counter("sign_ins_failed", "Sign-ins that failed", read(&counters.sign_ins_failed))?;
    let help = "Sign-ins refused unseen, for failures before them";
    page.counter("sign_ins_slowed", help, read(&counters.sign_ins_slowed))?;
    page.counter(
        "traces_failed",
        "Batches of traces that the collector did not take",
        read(&counters.traces_failed),
    )?;
    page.counter("audit_failures", "Disclosures refused", read(&counters.audit_failures))?;
    let help = "Requests by route and status";
    let mut family = page.0.encode_descriptor("request_seconds", help, None, MetricType::Histogram)?;
    for (route, by_status) in counters.requests() {
        for (status, seen) in by_status {
            observed(&mut family, &[("route", &route), ("status", &status.to_string())], &seen)?;
        }
    }
    let away = counters.endpoints_away();
    let away = away.iter().map(|(e, away)| (vec![("endpoint", &**e), ("cause", &*away.code)], 1_u32));
    page.gauges("endpoint_away", "Endpoints whose deliveries wait for the endpoint's sake, by cause", away)?;
    let help = "Translations by adapter and end";
    let mut family = page.0.encode_descriptor("translation_seconds", help, None, MetricType::Histogram)?;
    for ((adapter, end), seen) in counters.translations() {
        observed(&mut family, &[("adapter", adapter), ("end", end)], &seen)?;
    }
    let help = "Source items by adapter and outcome";
    let mut family = page.0.encode_descriptor("source_items", help, None, MetricType::Counter)?;
    for ((adapter, outcome), count) in counters.source_items() {
        let labels = [("adapter", adapter), ("outcome", outcome)];
        family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}
