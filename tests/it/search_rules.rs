//! R4's rules of search, one request each, against this exchange: the table that `tests/clients/search/run` puts to HAPI
//! FHIR as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use causeway_adapter::contract;
use serde_json::Value;

use crate::conform::ours::Ours;

/// How long what was accepted may take until it is found.
const PATIENCE: Duration = Duration::from_secs(90);

fn folder() -> PathBuf {
    contract::project_root().join("tests/clients/search")
}

fn label(resource: &Value) -> Option<&str> {
    let all = resource["identifier"].as_array()?;
    all.iter().find(|i| i["system"] == "urn:t").and_then(|i| i["value"].as_str())
}

async fn get(client: &reqwest::Client, url: &str, path: &str) -> (u16, Value) {
    let (kind, query) = path.split_once('?').unwrap_or((path, ""));
    let query: String = query
        .bytes()
        .map(|b| match b {
            b' ' | b'|' | b'\\' | b'%' | b'<' | b'>' | b'"' => format!("%{b:02X}"),
            b => char::from(b).to_string(),
        })
        .collect();
    let address =
        if query.is_empty() { format!("{url}/fhir/{kind}") } else { format!("{url}/fhir/{kind}?{query}") };
    let answer = client.get(address).header("prefer", "handling=strict").send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// The answer in the words of the table.
fn said(bundle: &Value, expected: &str) -> String {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let of = |modes: &[&str]| -> Vec<String> {
        let wanted = entries.iter().filter(|e| modes.iter().any(|mode| e["search"]["mode"] == *mode));
        wanted.filter_map(|e| label(&e["resource"])).map(str::to_owned).collect()
    };
    let sorted =
        |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    match expected.as_bytes().first() {
        Some(b'#') => format!("#{}", bundle["total"]),
        Some(b'=') => format!("= {}", of(&["match"]).join(" ")),
        Some(b'+') => format!("+ {}", sorted(of(&["match", "include"])).join(" ")),
        _ => sorted(of(&["match"])).join(" "),
    }
}

fn ordered(expected: &str) -> String {
    let sort = |text: &str| {
        text.split_whitespace().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    match expected.strip_prefix('+') {
        Some(rest) => format!("+ {}", sort(rest)),
        None if expected.starts_with(['=', '#']) => expected.to_owned(),
        None => sort(expected),
    }
}

async fn ids(client: &reqwest::Client, url: &str, wanted: usize) -> BTreeMap<String, String> {
    let kinds = [
        "Organization",
        "Practitioner",
        "Patient",
        "Encounter",
        "Observation",
        "Condition",
        "RiskAssessment",
        "MedicationStatement",
    ];
    let started = Instant::now();
    let mut ids = BTreeMap::new();
    while ids.len() < wanted {
        assert!(started.elapsed() < PATIENCE, "only {:?} arrived", ids.keys());
        for kind in kinds {
            let (_, bundle) = get(client, url, &format!("{kind}?_count=100")).await;
            for entry in bundle["entry"].as_array().into_iter().flatten() {
                let resource = &entry["resource"];
                if let (Some(label), Some(id)) = (label(resource), resource["id"].as_str()) {
                    ids.insert(label.to_owned(), id.to_owned());
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ids
}

#[test]
fn each_rule_of_r4_search_is_kept() {
    let ours = Ours::start();
    let bundle = std::fs::read_to_string(folder().join("resources.json")).unwrap();
    let table = std::fs::read_to_string(folder().join("rules.tsv")).unwrap();
    let wanted = serde_json::from_str::<Value>(&bundle).unwrap()["entry"].as_array().unwrap().len();
    ours.run(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client
            .post(format!("{}/fhir", ours.url))
            .header("content-type", "application/fhir+json")
            .header("causeway-sender", "ZZ901")
            .body(bundle)
            .send()
            .await
            .unwrap();
        assert!(sent.status().is_success(), "{}", sent.text().await.unwrap_or_default());
        let ids = ids(&client, &ours.url, wanted).await;
        let mut wrong = Vec::new();
        let rows: Vec<&str> =
            table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        for row in &rows {
            let [rule, request, expected] = row.split('\t').collect::<Vec<_>>()[..] else {
                panic!("a row has three columns: {row}");
            };
            let path = ids
                .iter()
                .fold(request.to_owned(), |path, (label, id)| path.replace(&format!("{{{label}}}"), id));
            let (status, bundle) = get(&client, &ours.url, &path).await;
            let said = if status == 200 { said(&bundle, expected) } else { status.to_string() };
            if said != ordered(expected) {
                wrong.push(format!("{rule}: {request} answers {said:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    });
}
