//! Everything that this adapter uses of our own is defined beside it.

use std::collections::{HashMap, HashSet};

use causeway_adapter::Adapter;
use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter_client_level_data::{ClientLevelData, terms};
use serde_json::Value;

fn definitions() -> HashMap<String, Value> {
    let folder = project_root().join("crates/adapters/client-level-data/definitions");
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read(entry.path()).unwrap();
        let json: Value = serde_json::from_slice(&text).unwrap();
        found.insert(json["url"].as_str().unwrap().to_owned(), json);
    }
    found
}

fn codes(system: &Value) -> HashSet<(String, String)> {
    system["concept"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| (c["code"].as_str().unwrap().to_owned(), c["display"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn urls_and_mapped_codes_are_defined() {
    let known = definitions();
    for url in terms::ALL {
        assert!(known.contains_key(*url), "{url}");
    }
    for map in ClientLevelData.maps() {
        for (value, target) in map.codes() {
            if target.system.starts_with("https://fhir.causeway.example/") {
                let system = known.get(target.system).unwrap_or_else(|| panic!("{}", target.system));
                let pair = (target.code.to_owned(), target.display.to_owned());
                assert!(codes(system).contains(&pair), "{}: {value}", map.name);
            }
        }
    }
}

/// Walks every output of every fixture: codings and extensions of ours must be defined.
#[test]
fn what_is_written_is_defined() {
    let known = definitions();
    let mut folders = 0;
    for entry in std::fs::read_dir(project_root().join("fixtures/client-level-data")).unwrap().flatten() {
        let input = std::fs::read(entry.path().join("input.csv")).unwrap();
        let mut context = test_context();
        context.options = vec!["cld-costs".to_owned()];
        for output in causeway_adapter::translate(&ClientLevelData, &input, &context).outputs {
            let bundle: Value = serde_json::from_slice(&output.json).unwrap();
            walk(&bundle, &known);
        }
        folders += 1;
    }
    assert!(folders >= 12);
}

fn walk(value: &Value, known: &HashMap<String, Value>) {
    match value {
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            if let (Some(system), Some(code), Some(display)) = (text("system"), text("code"), text("display"))
                && system.starts_with("https://fhir.causeway.example/CodeSystem/")
                && !system.ends_with("/source-system")
                && !system.ends_with("/provenance-organisation")
            {
                let pair = (code.to_owned(), display.to_owned());
                assert!(known.get(system).is_some_and(|s| codes(s).contains(&pair)), "{system}|{code}");
            }
            if let Some(url) = text("url")
                && url.starts_with("https://fhir.causeway.example/StructureDefinition/")
            {
                assert!(known.contains_key(url), "{url}");
            }
            object.values().for_each(|v| walk(v, known));
        }
        Value::Array(list) => list.iter().for_each(|v| walk(v, known)),
        _ => {}
    }
}
