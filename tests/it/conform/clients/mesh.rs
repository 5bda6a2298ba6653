//! A client of a MESH mailbox: sends its queue, reads its inbox, acknowledges what it has kept.

use std::collections::BTreeSet;

use causeway_service::doors::mesh::token;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Client, PAUSE};

const MAILBOX: &str = "X26ABC1";
const KEY: &str = "TestKey";
const PASSWORD: &str = "password";

/// An answer: status, the headers that it needs, body; none where there was none.
struct Answer {
    status: u16,
    chunk_range: String,
    body: Option<Vec<u8>>,
}

struct Mesh<'c> {
    client: &'c Client,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    asked: u64,
}

impl Mesh<'_> {
    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let client = self.client;
        self.asked += 1;
        let nonce = if client.bad("client-token-again") { 1 } else { self.asked };
        let ahead = if client.bad("client-token-clock") { 3 } else { 0 };
        let key = if client.bad("client-token-hash") { "Other" } else { KEY };
        let at = Timestamp::now() + SignedDuration::from_hours(ahead);
        let url = format!("http://{}/messageexchange/{MAILBOX}{path}", client.at);
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, url).body(body.to_vec());
        if !client.bad("client-no-token") {
            request =
                request.header("authorization", token(key, MAILBOX, PASSWORD, &format!("n{nonce}"), 0, at));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(async {
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            let range = answer.headers().get("mex-chunk-range").and_then(|v| v.to_str().ok());
            let chunk_range = range.unwrap_or_default().to_owned();
            Some(Answer { status, chunk_range, body: answer.bytes().await.ok().map(|b| b.to_vec()) })
        })
    }

    /// Sends one message, once; whether that is the end of it.
    fn send(&mut self, number: usize, attempt: usize) -> bool {
        let client = self.client;
        let local = match () {
            () if client.bad("client-no-local-id") => String::new(),
            () if client.bad("client-retry-other-id") => format!("local-{number}-{attempt}"),
            () => format!("local-{number}"),
        };
        let body = match client.bad("client-retry-changes") {
            true => format!("message {number}, try {attempt}"),
            false => format!("message {number}"),
        };
        let chunked = number.is_multiple_of(2);
        let to = if client.bad("client-no-recipient") { "" } else { "X26ABC2" };
        let workflow = if client.bad("client-no-workflow") { "" } else { "TEST_WORKFLOW" };
        let range = if chunked { "1:2" } else { "" };
        let headers = [
            ("mex-to", to),
            ("mex-workflowid", workflow),
            ("mex-localid", local.as_str()),
            ("mex-chunk-range", range),
            ("content-type", "text/plain"),
        ];
        let Some(answer) = self.ask("POST", "/outbox", &headers, body.as_bytes()) else {
            return client.bad("client-no-retry");
        };
        match answer.status {
            200..300 => {}
            400..500 => return !client.bad("client-retry-refused"),
            _ => return client.bad("client-no-retry"),
        }
        let answer: Value = serde_json::from_slice(&answer.body.unwrap_or_default()).unwrap_or_default();
        let id = answer["message_id"].as_str().unwrap_or_default().to_owned();
        if chunked && !client.bad("client-chunk-lost") {
            let range = if client.bad("client-chunk-without-range") { "" } else { "2:2" };
            let path = match client.bad("client-chunk-as-message") {
                true => "/outbox".to_owned(),
                false => format!("/outbox/{id}/2"),
            };
            let headers = [("mex-chunk-range", range), ("content-type", "text/plain")];
            for _ in 0..20 {
                let done = self.ask("POST", &path, &headers, b"the second half");
                if done.is_some_and(|a| a.status < 500) || client.stopped() {
                    break;
                }
                std::thread::sleep(PAUSE);
            }
        }
        true
    }

    /// Whether a message is here whole.
    fn read(&mut self, id: &str) -> Option<bool> {
        let client = self.client;
        let first = self.ask("GET", &format!("/inbox/{id}"), &[], b"")?;
        if first.body.is_none() {
            return Some(client.bad("client-acknowledges-broken"));
        }
        match first.status {
            200 => Some(true),
            206 if client.bad("client-first-chunk") => Some(true),
            206 => {
                let total: usize = first.chunk_range.rsplit(':').next()?.parse().ok()?;
                for chunk in 2..=total {
                    let part = self.ask("GET", &format!("/inbox/{id}/{chunk}"), &[], b"")?;
                    if !matches!(part.status, 200 | 206) || part.body.is_none() {
                        return Some(false);
                    }
                }
                Some(true)
            }
            404 | 410 => None,
            _ => Some(client.bad("client-acknowledges-failure")),
        }
    }

    fn receive(&mut self, kept: &mut BTreeSet<String>, tried: &mut BTreeSet<String>) {
        let client = self.client;
        let Some(answer) = self.ask("GET", "/inbox", &[], b"") else { return };
        let list: Value = serde_json::from_slice(&answer.body.unwrap_or_default()).unwrap_or_default();
        let mut ids: Vec<String> = list["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        if client.bad("client-newest-first") {
            ids.reverse();
        }
        for id in ids {
            let acknowledge = format!("/inbox/{id}/status/acknowledged");
            if client.bad("client-acknowledges-first") {
                self.ask("PUT", &acknowledge, &[], b"");
            }
            if !kept.contains(&id) {
                match self.read(&id) {
                    Some(true) => drop(kept.insert(id.clone())),
                    Some(false) => continue,
                    None if client.bad("client-stops-at-gone") => return,
                    None => continue,
                }
            }
            let again = tried.insert(id.clone()) || !client.bad("client-acknowledges-once");
            if !client.bad("client-never-acknowledges") && again {
                self.ask("PUT", &acknowledge, &[], b"");
            }
        }
    }
}

pub fn run(client: &Client) {
    let http =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(std::time::Duration::from_secs(10));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut mesh = Mesh { client, http: http.build().expect("a client"), runtime, asked: 0 };
    let (mut number, mut attempt) = (1, 0);
    let (mut kept, mut tried) = (BTreeSet::new(), BTreeSet::new());
    let mut known = client.bad("client-no-handshake");
    while !client.stopped() {
        if !known {
            let headers = [("mex-clientversion", "control"), ("mex-osname", "any"), ("mex-osversion", "1")];
            known = mesh.ask("GET", "", &headers, b"").is_some_and(|a| a.status == 200);
        }
        if mesh.send(number, attempt) {
            (number, attempt) = (number + 1, 0);
        } else {
            attempt += 1;
        }
        mesh.receive(&mut kept, &mut tried);
        std::thread::sleep(PAUSE);
    }
}
