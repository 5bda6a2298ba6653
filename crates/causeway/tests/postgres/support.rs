//! What these tests share.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

/// One person's admission.
pub const ADMISSION: &str = "MSH|^~\\&|PAS|ZV801|EPR|ZV801|20260301101500||ADT^A01^ADT_A01|MOVED1|P|2.4\rEVN|A01|20260301101500\r\
PID|1||900100^^^ZV801^MR~9990048640^^^NHS^NH||ASHDOWN^Wren||19620411|2\rPV1|1|I|WARD1^^^ZV801||||C1234567^Oak^Ida\r";

/// What one of several senders tells of its own person.
pub fn update(sender: usize, number: usize) -> String {
    format!(
        "MSH|^~\\&|PAS|ZV801|EPR|ZV801|202603011{:02}{:02}00||ADT^A08^ADT_A01|{sender}-{number}|P|2.4\rEVN|A08|20260301101500\r\
         PID|1||{}^^^ZV801^MR||ASHDOWN^Wren{sender}||19620411|2\rPV1|1|I|WARD1^^^ZV801\r",
        number / 60 % 10,
        number % 60,
        900_000 + sender
    )
}

/// A configuration in a folder, for the database of a connection string.
pub fn settings(folder: &Path, connection: &str) -> PathBuf {
    let file = folder.join("connection");
    let key = folder.join("audit.key");
    for (file, text) in [(&file, connection), (&key, &"07".repeat(32))] {
        std::fs::write(file, text).expect("written");
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("closed");
    }
    let settings = folder.join("causeway.toml");
    let text = format!("[postgres]\nconnection_file = {file:?}\naudit_key_file = {key:?}\n");
    std::fs::write(&settings, text).expect("written");
    settings
}

/// What a command said.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Somebody who sends and asks.
pub struct Caller(reqwest::Client);

impl Caller {
    pub fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Self(reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client"))
    }

    /// Sends HL7 v2 under an idempotency key.
    pub async fn send(&self, base: &str, key: &str, message: &str) -> reqwest::Result<reqwest::Response> {
        let request = self
            .0
            .post(format!("{base}/messages"))
            .header("Content-Type", "x-application/hl7-v2+er7")
            .header("Causeway-Sender", "ZV801")
            .header("Idempotency-Key", key)
            .body(message.to_owned());
        request.send().await
    }

    /// Status and text of an answer.
    pub async fn asked(&self, url: String) -> (u16, String) {
        let asked = self.0.get(url).header("Causeway-Sender", "ZV801").send().await.expect("answers");
        (asked.status().as_u16(), asked.text().await.expect("text"))
    }

    async fn get(&self, url: String) -> Value {
        let asked = self.0.get(url).header("Causeway-Sender", "ZV801");
        asked.send().await.expect("answers").json().await.expect("JSON")
    }

    /// A message, once it is in the record.
    pub async fn recorded(&self, base: &str, id: &str) -> Value {
        let begun = Instant::now();
        loop {
            let body = self.get(format!("{base}/messages/{id}")).await;
            if body["timeline"].as_array().is_some_and(|t| t.iter().any(|e| e["event"] == "recorded")) {
                return body;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{body:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The record holds so many people of the name in [`ADMISSION`].
    pub async fn ashdowns(&self, base: &str, count: usize) {
        let found = self.get(format!("{base}/fhir/Patient?family=ASHDOWN")).await;
        assert_eq!(found["entry"].as_array().map_or(0, Vec::len), count, "{found:#}");
    }
}
