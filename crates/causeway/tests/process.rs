//! The binary as real processes: killed without warning under load, and split into broker and translator.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use causeway_synth::formats::hl7v2;
use causeway_synth::journey::journey;
use causeway_synth::people::population;
use serde_json::Value;

/// Rounds of killing; `CAUSEWAY_KILL_ROUNDS` sets another number for a long run.
fn rounds() -> usize {
    std::env::var("CAUSEWAY_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

/// Messages sent per round.
fn messages_per_round() -> usize {
    std::env::var("CAUSEWAY_KILL_MESSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

struct Process {
    child: Child,
    base: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, base }
    }

    fn serve(data: &Path, more: &[&str]) -> Self {
        let data = data.to_string_lossy().into_owned();
        let mut arguments = vec!["serve", "--open", "--data", &data, "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::start(&arguments)
    }

    /// As a power switch would: no signal that can be handled.
    fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn client() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let built =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(20)).build();
    built.expect("a client")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// Sends a message; its id where the exchange answered that it has it.
async fn send(client: &reqwest::Client, base: &str, key: &str, body: Vec<u8>) -> Option<String> {
    let answer = client
        .post(format!("{base}/messages"))
        .header("Content-Type", "x-application/hl7-v2+er7")
        .header("Causeway-Sender", "ZV801")
        .header("Idempotency-Key", key)
        .body(body)
        .send()
        .await
        .ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body: Value = answer.json().await.ok()?;
    body["id"].as_str().map(str::to_owned)
}

async fn state(client: &reqwest::Client, base: &str, id: &str) -> Value {
    let answer =
        client.get(format!("{base}/messages/{id}")).header("Accept", "application/json").send().await;
    match answer {
        Ok(answer) => answer.json().await.unwrap_or_default(),
        Err(_) => Value::Null,
    }
}

/// Waits until a message has been translated.
async fn translated(client: &reqwest::Client, base: &str, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let body = state(client, base, id).await;
        if body["translation"].is_object() || Instant::now() > deadline {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn load(round: usize) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for person in population(round as u64 + 1, 4000) {
        for event in &journey(round as u64 + 1, &person).events {
            for message in hl7v2::of_event(&person, event) {
                found.push((format!("{round}-{}-{}", person.number, message.name), message.bytes));
            }
        }
        if found.len() >= messages_per_round() {
            break;
        }
    }
    found.truncate(messages_per_round());
    found
}

#[test]
fn what_was_answered_is_there_once_and_translated_after_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime();
    let client = client();
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut sent: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for round in 0..rounds() {
        let mut process = Process::serve(folder.path(), &[]);
        let load = load(round);
        sent.extend(load.iter().cloned());
        let (client, base) = (client.clone(), process.base.clone());
        let answered = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for chunk in load.chunks(load.len().div_ceil(16).max(1)) {
                let (client, base, chunk) = (client.clone(), base.clone(), chunk.to_vec());
                tasks.spawn(async move {
                    let mut answered = Vec::new();
                    for (key, body) in chunk {
                        match send(&client, &base, &key, body).await {
                            Some(id) => answered.push((key, id)),
                            None => break,
                        }
                    }
                    answered
                });
            }
            // Somewhere within the load, at another place in each round.
            tokio::time::sleep(Duration::from_millis(40 + (round as u64 * 37) % 160)).await;
            process.kill();
            let mut all = Vec::new();
            while let Some(part) = tasks.join_next().await {
                all.extend(part.unwrap_or_default());
            }
            all
        });
        acknowledged.extend(answered);
    }
    assert!(!acknowledged.is_empty(), "the process was killed before anything was answered");
    let process = Process::serve(folder.path(), &[]);
    runtime.block_on(async {
        for (key, id) in &acknowledged {
            let body = translated(&client, &process.base, id).await;
            assert_eq!(body["id"].as_str(), Some(id.as_str()), "{key} was answered and is gone");
            assert!(body["translation"].is_object(), "{key} was never translated");
            assert_eq!(body["translation"]["ledger"]["unexplained"], 0, "{key}");
            // Sent again with its key it is the same message, not a second one.
            let again = send(&client, &process.base, key, sent[key].clone()).await;
            assert_eq!(again.as_ref(), Some(id), "{key} was taken twice");
        }
    });
}

#[test]
fn broker_and_translator_work_as_separate_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut translator = Process::start(&["translator", "--listen", "127.0.0.1:0"]);
    let base = translator.base.clone();
    let address = base.trim_start_matches("http://").to_owned();
    let broker = Process::serve(folder.path(), &["--translator", &base]);
    let (runtime, client) = (runtime(), client());
    let load = load(0);
    let own = causeway_adapter::translate(
        causeway::ADAPTERS.iter().copied().find(|a| a.name() == "hl7v2").expect("hl7v2"),
        &load[0].1,
        &causeway_adapter::Context::new(
            causeway::input::sender(Some("ZV801")),
            jiff::Timestamp::UNIX_EPOCH,
            "urn:x",
        ),
    );
    runtime.block_on(async {
        let id = send(&client, &broker.base, "first", load[0].1.clone()).await.expect("taken");
        let body = translated(&client, &broker.base, &id).await;
        let items = body["translation"]["ledger"]["items"].as_u64();
        assert_eq!(items, Some(own.ledger.len() as u64), "the account is the same through another process");
        // Without its translator the broker still takes messages, and they wait.
        translator.kill();
        let id = send(&client, &broker.base, "second", load[1].1.clone()).await.expect("taken");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(
            state(&client, &broker.base, &id).await["translation"].is_null(),
            "it can't have been translated"
        );
        let _again = Process::start(&["translator", "--listen", &address]);
        let body = translated(&client, &broker.base, &id).await;
        assert!(body["translation"].is_object(), "it was not translated when the translator came back");
    });
}
