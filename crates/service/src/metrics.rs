//! `/metrics` in Prometheus' text format. Labels never name a message or a person.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use causeway_access::Caller;
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::Metrics;
use causeway_host::counters::{BUCKETS_SECONDS, Histogram};
use causeway_host::problem::Answer;
use jiff::Timestamp;

/// The handler: for an operator, for the names of mailboxes and endpoints are in it.
pub async fn metrics(State(state): State<Shared>, caller: Caller) -> Answer<Response> {
    caller.require_operator()?;
    let engine = state.blocking(|s| s.engine.metrics()).await?;
    let text = render(&state, &engine, state.clock.now());
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.0.push_str(&format!("# HELP causeway_{name} {help}\n# TYPE causeway_{name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str("causeway_");
        self.0.push_str(name);
        for (at, (key, text)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            self.0.push_str(key);
            self.0.push_str("=\"");
            for c in text.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.0.push_str(&format!(" {value}\n"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS_SECONDS.iter().zip(histogram.buckets) {
            let bound = bound.to_string();
            let mut all = labels.to_vec();
            all.push(("le", &bound));
            self.line(&bucket, &all, count);
        }
        let mut all = labels.to_vec();
        all.push(("le", "+Inf"));
        self.line(&bucket, &all, histogram.count);
        self.line(&format!("{name}_sum"), labels, histogram.sum);
        self.line(&format!("{name}_count"), labels, histogram.count);
    }
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0))
}

fn render(state: &AppState, engine: &Metrics, now: Timestamp) -> String {
    let mut page = Page(String::with_capacity(8 * 1024));
    engine_counts(&mut page, engine);
    queues(&mut page, engine, now);
    let durability = state.engine.durability();
    page.head("durability_info", "gauge", "How the engine keeps data.");
    let durable = if durability.durable { "true" } else { "false" };
    let labels = [("engine", &*durability.engine), ("mode", &*durability.mode), ("durable", durable)];
    page.line("durability_info", &labels, 1);
    page.one("flush_p50_microseconds", "gauge", "Median flush at start.", durability.flush_p50_us);
    service(&mut page, state);
    page.0
}

fn engine_counts(page: &mut Page, m: &Metrics) {
    page.one("messages_accepted_total", "counter", "Messages accepted since start.", m.accepted);
    page.one("messages", "gauge", "Messages of all times, copies for mailboxes included.", m.kept);
    page.one("messages_failed", "gauge", "Messages refused or given up, in the store now.", m.failed);
    page.one("messages_not_collected", "gauge", "Messages whose recipient never came.", m.undeliverable);
    page.one("messages_duplicate_total", "counter", "Retries recognised.", m.duplicates);
    page.one("messages_acknowledged_total", "counter", "Acknowledged by recipients.", m.acknowledged);
    page.one("messages_expired_total", "counter", "Not collected in time.", m.expired);
    page.one("refused_space_total", "counter", "Calls refused for want of space.", m.refused_space);
    page.one("commits_total", "counter", "Commits.", m.commits);
    page.one("committed_requests_total", "counter", "Requests in those commits.", m.committed_requests);
    page.one("corrupt_reads_total", "counter", "Reads that found corrupt bytes.", m.corrupt_reads);
    page.one("acknowledgements_open", "gauge", "Acknowledgements waited for.", m.expectations_open);
    page.one(
        "acknowledgements_overdue",
        "gauge",
        "Overdue or negative, not handled.",
        m.expectations_overdue,
    );
    page.one("free_bytes", "gauge", "Bytes free in the data directory.", m.free_bytes);
    page.one("reserve_bytes", "gauge", "Bytes that must stay free.", m.reserve_bytes);
    page.one("accepting", "gauge", "Whether messages are accepted.", u8::from(!m.stopped));
}

fn queues(page: &mut Page, m: &Metrics, now: Timestamp) {
    page.head("queue_items", "gauge", "Work items by kind and state.");
    for queue in &m.queues {
        let kind = queue.kind.as_str();
        for (state, count) in [
            ("ready", queue.ready),
            ("waiting", queue.waiting),
            ("leased", queue.leased),
            ("parked", queue.parked),
        ] {
            page.line("queue_items", &[("kind", kind), ("state", state)], count);
        }
    }
    page.head("queue_oldest_seconds", "gauge", "Age of the oldest item that is not parked.");
    for queue in &m.queues {
        page.line("queue_oldest_seconds", &[("kind", queue.kind.as_str())], age(queue.oldest, now));
    }
    page.head("mailbox_waiting", "gauge", "Messages waiting in a mailbox.");
    for mailbox in &m.mailboxes {
        page.line("mailbox_waiting", &[("mailbox", &mailbox.mailbox)], mailbox.waiting);
    }
    page.head("mailbox_oldest_seconds", "gauge", "Age of the oldest unacknowledged message.");
    for mailbox in &m.mailboxes {
        page.line("mailbox_oldest_seconds", &[("mailbox", &mailbox.mailbox)], age(mailbox.oldest, now));
    }
}

fn service(page: &mut Page, state: &AppState) {
    let counters = &state.counters;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    page.one("connections", "gauge", "Open connections.", read(&counters.connections));
    page.one(
        "connections_waited_total",
        "counter",
        "Times all were in use.",
        read(&counters.connections_waited),
    );
    page.one(
        "throttled_total",
        "counter",
        "Requests over their organisation's rate.",
        read(&counters.throttled),
    );
    page.one("sign_ins_failed_total", "counter", "Sign-ins that failed.", read(&counters.sign_ins_failed));
    page.one(
        "sign_ins_slowed_total",
        "counter",
        "Sign-ins refused unseen, for failures before them.",
        read(&counters.sign_ins_slowed),
    );
    page.one("audit_failures_total", "counter", "Disclosures refused.", read(&counters.audit_failures));
    page.head("request_seconds", "histogram", "Requests by route and status.");
    for (route, by_status) in counters.requests() {
        for (status, histogram) in by_status {
            let status = status.to_string();
            page.histogram("request_seconds", &[("route", &route), ("status", &status)], &histogram);
        }
    }
    page.head("endpoint_away", "gauge", "Endpoints whose deliveries wait for the endpoint's sake, by cause.");
    for (endpoint, away) in counters.endpoints_away() {
        page.line("endpoint_away", &[("endpoint", &endpoint), ("cause", &away.code)], 1);
    }
    page.head("translation_seconds", "histogram", "Translations by adapter and end.");
    for ((adapter, end), histogram) in counters.translations() {
        page.histogram("translation_seconds", &[("adapter", adapter), ("end", end)], &histogram);
    }
    page.head("source_items_total", "counter", "Source items by adapter and outcome.");
    for ((adapter, outcome), count) in counters.source_items() {
        page.line("source_items_total", &[("adapter", adapter), ("outcome", outcome)], count);
    }
}
