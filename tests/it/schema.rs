//! The R4 JSON Schema as a second opinion on every resource that the fixtures give.

use std::collections::HashMap;
use std::fmt::Write as _;

use causeway_tests::cases;
use serde_json::{Value, json};

#[allow(clippy::print_stderr)]
fn schema() -> Option<Value> {
    let base = std::env::var_os("CAUSEWAY_FHIR").map_or_else(
        || causeway_adapter::contract::project_root().join("../shared/fhir"),
        std::path::PathBuf::from,
    );
    let path = base.join("r4/fhir.schema.r4.json");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(_) => {
            eprintln!(
                "SKIPPED: {} is absent (set CAUSEWAY_FHIR to the folder of FHIR definitions)",
                path.display()
            );
            None
        }
    }
}

#[test]
fn every_resource_passes_the_json_schema_of_its_type() {
    let Some(schema) = schema() else { return };
    let mut validators: HashMap<String, jsonschema::Validator> = HashMap::new();
    let mut faults = String::new();
    for case in cases() {
        for output in case.translate().outputs {
            let bundle: Value = serde_json::from_slice(&output.json).unwrap_or_default();
            for entry in bundle["entry"].as_array().into_iter().flatten() {
                let resource = &entry["resource"];
                let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
                let validator = validators.entry(kind.clone()).or_insert_with(|| {
                    // The whole schema says only "not valid under any"; the type's own part says what is wrong.
                    let mut own = schema.clone();
                    if let Some(object) = own.as_object_mut() {
                        object.remove("oneOf");
                        object.remove("discriminator");
                        object.insert("$ref".to_owned(), json!(format!("#/definitions/{kind}")));
                    }
                    jsonschema::validator_for(&own).expect("the R4 schema compiles")
                });
                for error in validator.iter_errors(resource).take(3) {
                    let path = error.instance_path();
                    let _ = writeln!(faults, "{}/{}: {kind}{path}: {error}", case.adapter, case.name);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
