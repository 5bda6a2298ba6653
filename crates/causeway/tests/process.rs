//! The binary as real processes: killed without warning under load, and split into broker and translator.

#[allow(dead_code)] // Only part of what the engine's own tests do to servers is done here.
#[path = "../../postgres/tests/it/server.rs"]
mod server;

#[path = "process/disclosed.rs"]
mod disclosed;
#[path = "process/full.rs"]
mod full;
mod running;
#[path = "process/traces.rs"]
mod traces;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_synth::formats::{client_level_data, hl7v2};
use causeway_synth::journey::journey;
use causeway_synth::people::population;
use running::Process;
use serde_json::Value;

/// Rounds of killing; `CAUSEWAY_KILL_ROUNDS` sets another number for a long run.
fn rounds() -> usize {
    std::env::var("CAUSEWAY_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

/// Messages sent per round.
fn messages_per_round() -> usize {
    std::env::var("CAUSEWAY_KILL_MESSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

fn client() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let built =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(60)).build();
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

/// A certificate for localhost and its key, signed by an authority, as `NAME.pem` and `NAME-key.pem`.
fn issue(issuer: &rcgen::Issuer<'_, rcgen::KeyPair>, folder: &Path, name: &str) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("written");
    std::fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem()).expect("written");
}

/// An authority, with its certificate as `NAME.pem`.
fn authority(folder: &Path, name: &str) -> rcgen::Issuer<'static, rcgen::KeyPair> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).expect("signed").pem())
        .expect("written");
    rcgen::Issuer::new(params, key)
}

#[test]
fn broker_and_translator_know_each_other_by_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let ca = authority(folder.path(), "ca");
    let other = authority(folder.path(), "other");
    issue(&ca, folder.path(), "translator");
    issue(&ca, folder.path(), "broker");
    issue(&other, folder.path(), "stranger");
    let (own, key, trusted) = (file("translator.pem"), file("translator-key.pem"), file("ca.pem"));
    let asked = ["--certificate", &own, "--key", &key, "--client-ca", &trusted];
    let translator = Process::start(&[&["translator", "--listen", "127.0.0.1:0"], &asked[..]].concat());
    let url = translator.base.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://"), "{url}");
    let serve = |name: &str, shown: &str, ca: &str| {
        let (certificate, key, ca) =
            (file(&format!("{shown}.pem")), file(&format!("{shown}-key.pem")), file(&format!("{ca}.pem")));
        let more = [
            "--translator",
            &url,
            "--translator-ca",
            &ca,
            "--translator-certificate",
            &certificate,
            "--translator-key",
            &key,
        ];
        Process::serve(&folder.path().join(name), &more)
    };
    let (runtime, client) = (runtime(), client());
    let body = load(0)[0].1.clone();
    runtime.block_on(async {
        let broker = serve("good", "broker", "ca");
        let id = send(&client, &broker.base, "first", body.clone()).await.expect("taken");
        assert!(translated(&client, &broker.base, &id).await["translation"].is_object());
        // Who shows another authority's certificate, or believes another's, has nothing translated: it waits.
        for (name, shown, ca) in [("stranger", "stranger", "ca"), ("elsewhere", "broker", "other")] {
            let broker = serve(name, shown, ca);
            let id = send(&client, &broker.base, "first", body.clone()).await.expect("taken");
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            let kept = state(&client, &broker.base, &id).await;
            assert!(kept["translation"].is_null(), "{name}: {kept}");
        }
        // Without any certificate only its health is told.
        let pem = std::fs::read(file("ca.pem")).expect("read");
        let bare = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")])
            .build()
            .expect("a client");
        let health = bare.get(format!("{url}/health")).send().await.expect("answers");
        assert_eq!(health.status(), 200);
        let refused = bare.post(format!("{url}/translate")).json(&serde_json::json!({})).send().await;
        assert_eq!(refused.expect("answers").status(), 403);
    });
}

/// People in the file that is streamed.
const PEOPLE_IN_FILE: usize = 300;

/// A council's file with limits so small that it is streamed, kept in pieces and recorded in many slices.
fn streamed_file(folder: &Path) -> (Vec<u8>, String) {
    let people = population(3, PEOPLE_IN_FILE);
    let journeys: Vec<_> = people.iter().map(|person| journey(3, person)).collect();
    let pairs: Vec<_> = people.iter().zip(&journeys).collect();
    let file = client_level_data::file(&pairs, jiff::civil::date(2026, 12, 31)).bytes;
    let config = folder.join("causeway.toml");
    std::fs::write(&config, "[limits]\nhead_bytes = 20000\nspill_bytes = 60000\n").expect("written");
    (file, config.to_string_lossy().into_owned())
}

async fn send_file(client: &reqwest::Client, base: &str, file: Vec<u8>) -> String {
    let request = client.post(format!("{base}/messages")).header("Content-Type", "text/csv");
    let answer = request.header("Causeway-Sender", "ZZ901").body(file).send().await.expect("an answer");
    let body: Value = answer.json().await.expect("JSON");
    body["id"].as_str().expect("an id").to_owned()
}

/// How often an event is on a message's timeline.
fn times(message: &Value, event: &str) -> usize {
    message["timeline"].as_array().into_iter().flatten().filter(|e| e["event"] == event).count()
}

/// Waits for an event; for so long at most.
async fn seen(client: &reqwest::Client, base: &str, id: &str, event: &str, most: Duration) -> Value {
    let deadline = Instant::now() + most;
    loop {
        let body = state(client, base, id).await;
        if times(&body, event) > 0 || Instant::now() > deadline {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_streamed_file_survives_kills() {
    let (runtime, client) = (runtime(), client());
    let folder = tempfile::tempdir().expect("a folder");
    let (file, config) = streamed_file(folder.path());
    let data = |name: &str| folder.path().join(name);
    let mut interrupted = 0;
    let mut run = |name: &str, kills: usize| -> (Value, String) {
        let mut process = Process::serve(&data(name), &["--config", &config]);
        let id = runtime.block_on(send_file(&client, &process.base, file.clone()));
        // First while it is translated, then while it goes into the record.
        for kill in 0..kills {
            let event = if kill == 0 { "none" } else { "translated" };
            let most = Duration::from_millis(if kill == 0 { 60 } else { 60_000 });
            runtime.block_on(seen(&client, &process.base, &id, event, most));
            std::thread::sleep(Duration::from_millis(kill as u64 * 83 % 400));
            let before = runtime.block_on(state(&client, &process.base, &id));
            process.kill();
            interrupted += usize::from(times(&before, "translated") == 1 && times(&before, "recorded") == 0);
            process = Process::serve(&data(name), &["--config", &config]);
        }
        let most = Duration::from_secs(120);
        let message = runtime.block_on(seen(&client, &process.base, &id, "recorded", most));
        drop(process);
        let record = causeway_record::Record::open(data(name).join("record.sqlite")).expect("opens");
        (message, format!("{:?} {:?}", record.figures().expect("figures"), record.types().expect("types")))
    };
    let (message, figures) = run("undisturbed", 0);
    let (disturbed, after_kills) = run("disturbed", rounds() + 2);
    for message in [&message, &disturbed] {
        assert_eq!(times(message, "recorded"), 1, "{message:#}");
        assert_eq!(times(message, "translated"), 1, "{message:#}");
        assert_eq!(message["translation"]["ledger"]["unexplained"], 0);
    }
    assert_eq!(message["translation"]["ledger"], disturbed["translation"]["ledger"]);
    assert_eq!(message["translation"]["bundleCount"], disturbed["translation"]["bundleCount"]);
    assert!(interrupted > 0, "no kill came while it went into the record");
    assert_eq!(figures, after_kills, "the record holds the same, each once");
}

/// The whole exchange on PostgreSQL with a standby: broker and leader die together, what was acknowledged is on the
/// standby and goes on there.
#[test]
fn on_postgresql_a_lost_machine_loses_nothing() {
    let Some(leader) = server::started() else { return };
    let standby = leader.standby("second");
    leader.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (second)'; SELECT pg_reload_conf()");
    let folder = tempfile::tempdir().expect("a folder");
    let connection = folder.path().join("connection");
    let hosts = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=causeway dbname=postgres",
        leader.port, standby.port
    );
    std::fs::write(&connection, hosts).expect("written");
    // What may hold a password is for its owner alone, or it is refused.
    std::fs::set_permissions(&connection, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("closed");
    let settings = folder.path().join("causeway.toml");
    std::fs::write(
        &settings,
        format!("[postgres]\nconnection_file = {connection:?}\nrequire_standby = true\n"),
    )
    .expect("written");
    let settings = settings.to_string_lossy().into_owned();
    let data = folder.path().join("data");
    let runtime = runtime();
    runtime.block_on(async {
        let client = client();
        let mut broker = Process::serve(&data, &["--config", &settings]);
        let mut kept = Vec::new();
        for (key, body) in load(0).into_iter().take(60) {
            kept.extend(send(&client, &broker.base, &key, body).await);
        }
        assert_eq!(kept.len(), 60, "all are acknowledged");
        leader.kill();
        broker.kill();
        standby.promote();
        // A third machine would be its standby; here none is asked for any more.
        let alone = "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()";
        // The client that the servers are told with can't be used within a runtime.
        std::thread::scope(|scope| scope.spawn(|| standby.sql(alone)).join().expect("no panic"));
        std::fs::write(&settings, format!("[postgres]\nconnection_file = {connection:?}\n"))
            .expect("written");
        let broker = Process::serve(&data, &["--config", &settings]);
        for id in &kept {
            let body = translated(&client, &broker.base, id).await;
            assert!(body["translation"].is_object(), "{id} is translated after all");
        }
    });
}

/// `bench --against` sends the people to any FHIR server, finds each and reads their records; a server that is none is told.
#[test]
fn people_are_sent_to_any_fhir_server_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::serve(folder.path(), &[]);
    let bench = |base: &str| {
        let arguments = ["bench", "--against", base, "--people", "3", "--header", "Causeway-Sender: ZV801"];
        std::process::Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).output().expect("it runs")
    };
    let out = bench(&format!("{}/fhir", server.base));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(["taken in:", "found:", "$everything:"].iter().all(|word| said.contains(word)), "{said}");
    assert!(!said.contains(" 0 resources of"), "{said}");
    let out = bench(&format!("{}/nothing-here", server.base));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("answers 404"), "{said}");
}
