//! A message that kills the process in which it is translated: it is parked, its neighbours are delivered, in one
//! process and with a translator.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use causeway_synth::formats::hl7v2;
use causeway_synth::journey::journey;
use causeway_synth::people::population;
use serde_json::Value;

/// Good messages beside the poison.
const GOOD: usize = 100;
/// Starts of a process that may die of the poison before the test gives up.
const STARTS_MAX: usize = 20;

struct Process {
    child: Child,
    base: String,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_poisoned"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("standard output")).read_line(&mut line).expect("a line");
        let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, base }
    }

    fn serve(data: &Path, more: &[&str]) -> Self {
        let data = data.to_string_lossy().into_owned();
        let mut arguments = vec!["serve", "--open", "--data", &data, "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::start(&arguments)
    }

    fn died(&mut self) -> bool {
        self.child.try_wait().expect("asks").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn good() -> Vec<Vec<u8>> {
    let people = population(11, 4000);
    let messages = people.iter().flat_map(|person| {
        let events = journey(11, person).events;
        events.iter().flat_map(|event| hl7v2::of_event(person, event)).map(|m| m.bytes).collect::<Vec<_>>()
    });
    messages.take(GOOD).collect()
}

struct Client {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(60));
        Self {
            http: http.build().expect("a client"),
            runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"),
        }
    }

    /// Sends one; its id, `None` where the process died meanwhile.
    fn send(&self, base: &str, key: &str, body: &[u8]) -> Option<String> {
        let sent = self
            .http
            .post(format!("{base}/messages"))
            .header("Content-Type", "text/plain")
            .header("Causeway-Sender", "ZV801")
            .header("Idempotency-Key", key)
            .body(body.to_vec());
        let answer: Value = self.runtime.block_on(async { sent.send().await?.json().await }).ok()?;
        answer["id"].as_str().map(str::to_owned)
    }

    fn message(&self, base: &str, id: &str) -> Option<Value> {
        let asked = self.http.get(format!("{base}/messages/{id}")).header("Accept", "application/json");
        self.runtime.block_on(async { asked.send().await?.json().await }).ok()
    }
}

/// The poison's end, as its timeline tells it.
fn parked(message: &Value) -> bool {
    message["timeline"].as_array().is_some_and(|events| {
        events.iter().any(|e| {
            e["event"] == "work-parked" && e["detail"].as_str().is_some_and(|d| d.contains("process-died"))
        })
    })
}

fn translated(message: &Value) -> bool {
    message["state"] == "translated" && message["translation"].is_object()
}

/// Sends the poison amid the good ones, again and again over deaths, until all is settled. How often a process died.
fn run(client: &Client, mut process: impl FnMut() -> Process, mut alive: impl FnMut()) -> usize {
    let good = good();
    assert_eq!(good.len(), GOOD);
    let mut bodies: Vec<(String, Vec<u8>)> =
        good.into_iter().enumerate().map(|(n, body)| (format!("good-{n}"), body)).collect();
    bodies.insert(GOOD / 2, ("poison".to_owned(), b"POISON".to_vec()));
    let mut ids: Vec<Option<String>> = vec![None; bodies.len()];
    for starts in 0..STARTS_MAX {
        let mut running = process();
        for ((key, body), id) in bodies.iter().zip(&mut ids) {
            if id.is_none() {
                *id = client.send(&running.base, key, body);
            }
        }
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until && !running.died() {
            alive();
            let settled = bodies.iter().zip(&ids).all(|((key, _), id)| {
                let message = id.as_ref().and_then(|id| client.message(&running.base, id));
                message.is_some_and(|m| if key == "poison" { parked(&m) } else { translated(&m) })
            });
            if settled {
                return starts;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    panic!("the poison was never parked, or its neighbours never translated");
}

#[test]
fn poison_is_parked_and_its_neighbours_are_translated_in_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::new();
    let deaths = run(&client, || Process::serve(folder.path(), &[]), || ());
    // The first death is a surprise; the second time the message has a process of its own.
    assert_eq!(deaths, 1, "deaths of the exchange");
}

#[test]
fn poison_is_parked_and_its_neighbours_are_translated_with_a_translator() {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::new();
    let first = Process::start(&["translator", "--listen", "127.0.0.1:0"]);
    let address = first.base.trim_start_matches("http://").to_owned();
    let translator = std::cell::RefCell::new(first);
    let translator_deaths = std::cell::Cell::new(0);
    let mut alive = || {
        let mut running = translator.borrow_mut();
        if running.died() {
            translator_deaths.set(translator_deaths.get() + 1);
            *running = Process::start(&["translator", "--listen", &address]);
        }
    };
    let broker_deaths = run(
        &client,
        || Process::serve(folder.path(), &["--translator", &format!("http://{address}")]),
        &mut alive,
    );
    // It may have died, and the poison been parked for it, since it was last looked at.
    alive();
    assert_eq!(broker_deaths, 0, "deaths of the exchange");
    assert_eq!(translator_deaths.get(), 2, "once among others, once alone");
}
