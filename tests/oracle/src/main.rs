//! Reads bundles with fhir-sdk, writes them again, and compares: whatever is lost or changed is printed.
//!
//! `cargo run --manifest-path tests/oracle/Cargo.toml -- FILE-OR-FOLDER...` Exit 0: nothing lost but what the
//! library's own model can't hold (listed by kind); 1: something else was lost; 3: nothing to read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fhir_sdk::r4b::resources::Resource;
use serde_json::Value;

fn main() -> ExitCode {
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        collect(Path::new(&argument), &mut files);
    }
    files.sort();
    let mut known: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut lost = 0;
    let mut read = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let Ok(bundle) = serde_json::from_str::<Value>(&text) else {
            println!("{}: not JSON", file.display());
            lost += 1;
            continue;
        };
        let resources = bundle["entry"].as_array().cloned().unwrap_or_default();
        for entry in resources {
            let resource = &entry["resource"];
            read += 1;
            let kind = resource["resourceType"].as_str().unwrap_or_default();
            match serde_json::from_value::<Resource>(resource.clone()) {
                Err(error) if error.to_string().contains("found in flattened data") && text.contains("data-absent-reason") => {
                    *known.entry("a required choice element that is given only as a data-absent-reason").or_default() += 1;
                }
                Err(error) if is_said_absent(resource, &error.to_string()) => {
                    *known.entry("a required element that is given only as a data-absent-reason").or_default() += 1;
                }
                Err(error) => {
                    println!("{}: {kind}: refused: {error}", file.display());
                    lost += 1;
                }
                Ok(parsed) => {
                    let again = serde_json::to_value(&parsed).unwrap_or_default();
                    let mut faults = Vec::new();
                    compare(kind, resource, &again, &mut faults, &mut known);
                    for fault in faults {
                        println!("{}: {fault}", file.display());
                        lost += 1;
                    }
                }
            }
        }
    }
    println!("{} files, {read} resources read, {lost} losses", files.len());
    for (what, count) in known {
        println!("  by the library's own model: {what}: {count}");
    }
    match (read, lost) {
        (0, _) => ExitCode::from(3),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Whether what the library misses has a reason in the place of its value: `_name` beside the name.
fn is_said_absent(resource: &Value, error: &str) -> bool {
    let name = error.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let beside = name.map(|name| format!("\"_{name}\":{{\"extension\":[{{\"url\":\"http://hl7.org/fhir/StructureDefinition/data-absent-reason\""));
    beside.is_some_and(|beside| resource.to_string().contains(&beside))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), files);
        }
    } else if path.file_name().is_some_and(|n| n.to_string_lossy().ends_with("r4.json")) {
        files.push(path.to_path_buf());
    }
}

/// Compares what we wrote with what came back.
fn compare(path: &str, ours: &Value, theirs: &Value, faults: &mut Vec<String>, known: &mut BTreeMap<&'static str, usize>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => compare(&format!("{path}.{key}"), value, other, faults, known),
                    None => faults.push(format!("{path}.{key} was lost")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (number, (one, other)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{number}]"), one, other, faults, known);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            if a.to_string() != b.to_string() {
                if a.as_f64() == b.as_f64() {
                    *known.entry("decimals held as f64, so trailing zeros go").or_default() += 1;
                } else {
                    faults.push(format!("{path} changed its number"));
                }
            }
        }
        (Value::String(a), Value::String(b)) if a != b => {
            if same_instant(a, b) {
                *known.entry("offsets +00:00 written as Z, fractions of seconds trimmed").or_default() += 1;
            } else if a.trim() == b.trim() {
                *known.entry("blanks around strings trimmed").or_default() += 1;
            } else {
                faults.push(format!("{path} changed its text"));
            }
        }
        _ if ours == theirs => {}
        _ => faults.push(format!("{path} changed its shape")),
    }
}

fn same_instant(a: &str, b: &str) -> bool {
    let plain = |t: &str| {
        let t = t.replace("+00:00", "Z");
        match t.split_once('.') {
            Some((head, tail)) => {
                let zone: String = tail.chars().skip_while(char::is_ascii_digit).collect();
                let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
                let digits = digits.trim_end_matches('0').to_owned();
                if digits.is_empty() { format!("{head}{zone}") } else { format!("{head}.{digits}{zone}") }
            }
            None => t,
        }
    };
    a.contains('T') && plain(a) == plain(b)
}
