//! The draft UK Core Access: each search parameter and each combination of its two CapabilityStatements is one request. They
//! are found through `CAUSEWAY_ACCEPTANCE`, else beside the project, and where they are absent the case says so.
#![allow(clippy::print_stderr)]

use std::path::PathBuf;

use crate::support::*;

/// What a statement demands of a type: parameters, and which of them together.
type Demands = Vec<(String, Vec<Vec<String>>)>;

fn demands(text: &str) -> Demands {
    let mut out = Demands::new();
    let arguments = |line: &str| -> Vec<String> {
        let inner =
            line.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map_or("", |(inner, _)| inner);
        inner.split(',').map(|a| a.trim().trim_start_matches('#').to_owned()).collect()
    };
    for line in text.lines() {
        let Some(rule) = line.trim().strip_prefix("* insert ") else { continue };
        let given = arguments(rule);
        let first = given.first().cloned().unwrap_or_default();
        if rule.starts_with("ResourceWithExpectation") {
            out.push((first, Vec::new()));
        } else if let Some((_, asked)) = out.last_mut() {
            if rule.starts_with("SearchParamWithExpectation") {
                asked.push(vec![first]);
            } else if rule.starts_with("SearchParamCombinationWithExpectation") {
                asked.push(Vec::new());
            } else if rule.starts_with("RequiringSearchParam")
                && let Some(last) = asked.last_mut()
            {
                last.push(first);
            }
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn each_parameter_of_uk_core_access_is_answered() {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/acceptance"),
        PathBuf::from,
    );
    let folder = root.join("uk-core-access/fsh");
    if !folder.is_dir() {
        eprintln!("skipped: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    }
    let world = World::new();
    let server = world.serve(open_config()).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let found = get(&server, "/fhir/Patient?identifier=9990000018").await.json();
    let person = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let statement = get(&server, "/fhir/metadata").await.json();
    let declared = |kind: &str, name: &str| {
        let all = statement["rest"][0]["resource"].as_array().unwrap();
        let of = all.iter().find(|r| r["type"] == kind);
        of.is_some_and(|r| r["searchParam"].as_array().unwrap().iter().any(|p| p["name"] == name))
    };
    // Values that find her, and values that find nobody.
    let value = |kind: &str, name: &str, right: bool| {
        let (hers, others) = match name {
            "_id" if kind == "Patient" => (&*person, "none"),
            "identifier" => (
                "https://fhir.nhs.uk/Id/nhs-number|9990000018",
                "https://fhir.nhs.uk/Id/nhs-number|9990000026",
            ),
            "family" => ("Quillfeather", "Nobody"),
            "given" => ("Agnes", "Nobody"),
            "name" => ("Quill", "Nobody"),
            "gender" => ("female", "male"),
            "birthdate" => ("1942-03-07", "1950-01-01"),
            "patient" => (&*person, "none"),
            "clinical-status" | "status" => ("active", "none"),
            "_id" => ("none", "none"),
            _ => ("ge2020-01-01", "lt1900-01-01"),
        };
        if right { hers.to_owned() } else { others.to_owned() }
    };
    let strict = [("Prefer", "handling=strict")];
    let (mut asked, mut wrong) = (0, Vec::new());
    for file in
        ["CapabilityStatement_PatientIndexProvider.fsh", "CapabilityStatement_ClinicalDataProvider.fsh"]
    {
        for (kind, combinations) in demands(&std::fs::read_to_string(folder.join(file)).unwrap()) {
            for names in combinations {
                for right in [true, false] {
                    let query: Vec<String> = names
                        .iter()
                        .map(|n| format!("{n}={}", value(&kind, n, right).replace('|', "%7C")))
                        .collect();
                    let path = format!("/fhir/{kind}?{}", query.join("&"));
                    let reply = call(&server, "GET", &path, &strict, b"").await;
                    asked += 1;
                    if reply.status != 200 {
                        wrong.push(format!("{path}: {}", reply.status));
                    } else if kind == "Patient" {
                        let bundle = reply.json();
                        let entries = bundle["entry"].as_array().into_iter().flatten();
                        let matches = entries.filter(|e| e["search"]["mode"] == "match").count();
                        wrong.extend(
                            (matches != usize::from(right)).then(|| format!("{path}: {matches} found")),
                        );
                    }
                }
                wrong.extend(
                    names
                        .iter()
                        .filter(|n| !declared(&kind, n))
                        .map(|n| format!("{kind}.{n} is not declared")),
                );
            }
        }
    }
    eprintln!("UK Core Access: {asked} requests, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked >= 80, "{asked}");
    server.stop().await.unwrap();
}
