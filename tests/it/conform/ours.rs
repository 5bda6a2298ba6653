//! The suites against this exchange, served as a user would. What differs is named with its reason, and with what
//! `docs/conform.md` says of it; a difference that is gone must go from the list.

use causeway::{ADAPTERS, demo, process, serve};
use causeway_conformance::suite::{End, Run};
use causeway_service::config::Config;

/// Suite, beginning of a case's id, why it is so.
const KNOWN: &[(&str, &str, &str)] = &[];

/// A server of this exchange on a free port, with a data directory of its own.
pub(crate) struct Ours {
    pub(crate) url: String,
    mllp: String,
    runtime: tokio::runtime::Runtime,
    _data: tempfile::TempDir,
}

fn free() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address").to_string()
}

impl Ours {
    pub(crate) fn start() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let data = tempfile::tempdir().expect("a folder");
        let mllp = free();
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata_directory = {:?}\nopen = true\n\
             [[mllp]]\nlisten = \"{mllp}\"\nsender = \"ZZ999\"\n\
             [messaging]\nservices = [\"2000099999\"]\n\
             [mesh]\nmode = \"strict\"\nshared_key = \"TestKey\"\n\
             [[mesh.mailbox]]\nid = \"X26ABC1\"\npassword = \"password\"\nods_code = \"X26\"\n\
             [[mesh.mailbox]]\nid = \"X26ABC2\"\npassword = \"password\"\nods_code = \"X26\"\n",
            data.path().join("data")
        );
        let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let url = runtime.block_on(async {
            let ready = serve::prepare(config, ADAPTERS).await.unwrap_or_else(|e| panic!("{e}"));
            let url = format!("http://{}", ready.address);
            tokio::spawn(ready.run(std::future::pending()));
            url
        });
        Self { url, mllp, runtime, _data: data }
    }

    /// Does something beside the server.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Tells the demonstration's story, so that there is somebody to ask for.
    fn tell(&self) {
        self.runtime.block_on(async {
            let client = process::client().unwrap();
            for message in demo::story() {
                let answer = client
                    .post(format!("{}/messages", self.url))
                    .header("causeway-sender", message.sender.code)
                    .header("content-type", message.media_type)
                    .header("prefer", "respond-sync")
                    .body(message.bytes)
                    .send()
                    .await
                    .unwrap();
                assert!(answer.status().is_success(), "{}", message.name);
            }
        });
    }
}

/// What a run found, each thing known or not.
fn differences(run: &Run) -> Vec<String> {
    let bad = run.cases.iter().filter(|c| matches!(c.end, End::Failed | End::Warned | End::Noted));
    let unknown = bad.filter(|c| !KNOWN.iter().any(|(s, id, _)| *s == run.suite && c.id.starts_with(id)));
    unknown.map(|c| format!("{} {} {}: {:#?}", run.suite, c.end.word(), c.id, c.found)).collect()
}

#[test]
fn this_exchange_keeps_the_suites() {
    let ours = Ours::start();
    ours.tell();
    let fhir = format!("{}/fhir", ours.url);
    let number = causeway_synth::edith().0.nhs_number;
    let [producer, consumer] = ["producer", "consumer"].map(|side| format!("{}/{side}/FHIR/R4", ours.url));
    let runs = [
        super::run("social-care-http", &ours.url, &[]),
        super::run("fhir-r4", &fhir, &[]),
        super::run("uk-core-read", &fhir, &[("nhs-number", &number)]),
        super::run("process-message", &fhir, &[("sender-header", "ZZ999")]),
        super::run("nrl-producer", &producer, &[("sender-header", "ZZ999")]),
        super::run("nrl-consumer", &consumer, &[("sender-header", "ZZ999"), ("producer-base", &producer)]),
        super::run("mesh-server", &ours.url, &[]),
        super::run("mllp-receiver", &format!("mllp://{}", ours.mllp), &[]),
        super::run(
            "record-transfer",
            &ours.url,
            &[("send-path", "/messages"), ("sender-header", "ZZ999"), ("read-base", &fhir)],
        ),
    ];
    let found: Vec<String> = runs.iter().flat_map(differences).collect();
    for run in &runs {
        assert!(run.count(End::Passed) > 3, "{}: {:#?}", run.suite, run.cases);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (suite, id, why) in KNOWN {
        let run = runs.iter().find(|r| r.suite == *suite).unwrap();
        let still =
            run.cases.iter().any(|c| c.id.starts_with(id) && !matches!(c.end, End::Passed | End::NotRun));
        assert!(still, "{suite} {id} is as it should be now: take it from the list ({why})");
    }
}
