//! The layers of the workspace, held by what cargo says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let root = causeway_adapter::contract::project_root();
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo metadata");
    serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON")
}

/// Package → names of its normal dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut packages = BTreeMap::new();
    for package in metadata()["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let needs = package["dependencies"].as_array().into_iter().flatten();
        let normal =
            needs.filter(|d| d["kind"].is_null()).filter_map(|d| d["name"].as_str()).map(str::to_owned);
        packages.insert(name, normal.collect());
    }
    packages
}

/// Layer of one of our packages; a package may need lower layers and, but for adapters, its own.
fn layer(name: &str) -> Option<u8> {
    Some(match name {
        "causeway-core" => 0,
        "causeway-hl7v2" | "causeway-edifact" | "causeway-xml" | "causeway-json" | "causeway-fhir" => 1,
        "causeway-terminology" | "causeway-fhirpath" | "causeway-mime" => 2,
        "causeway-profile" | "causeway-hl7v3" | "causeway-adapter" => 3,
        "causeway-stu3" | "causeway-conformance" | "causeway-ips" | "causeway-local" => 4,
        "causeway-exchange" | "causeway-locator" | "causeway-pack" | "causeway-seal" | "causeway-synth" => 6,
        "causeway-store" | "causeway-postgres" | "causeway-record" | "causeway-host" => 7,
        "causeway-access" => 8,
        "causeway-broker" | "causeway-research" => 9,
        "causeway-doors" | "causeway-pages" => 10,
        "causeway-onramp" => 11,
        "causeway-service" => 12,
        "causeway" => 13,
        "causeway-tests" | "causeway-oracle" => 14,
        "xtask" => 15,
        _ if name.starts_with("causeway-adapter-") => 5,
        _ => return None,
    })
}

#[test]
fn dependencies_point_downwards() {
    for (package, needs) in dependencies() {
        let mine =
            layer(&package).unwrap_or_else(|| panic!("{package} is in no layer: say where it belongs"));
        for need in &needs {
            let Some(theirs) = layer(need) else { continue };
            assert!(
                theirs < mine || (theirs == mine && mine == 1),
                "{package} needs {need}, which is not below it"
            );
        }
    }
}

/// A package's name in ARCHITECTURE.md.
fn short(package: &str) -> &str {
    match package {
        _ if package.starts_with("causeway-adapter-") => "adapters/*",
        _ => package.strip_prefix("causeway-").unwrap_or(package),
    }
}

#[test]
fn the_table_and_the_picture_of_crates_are_the_workspace() {
    let text = std::fs::read_to_string(causeway_adapter::contract::project_root().join("ARCHITECTURE.md"));
    let text = text.expect("ARCHITECTURE.md");
    let chapter =
        text.split("\n## Crates\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("its crates");
    let mut table: BTreeMap<&str, u8> = BTreeMap::new();
    for line in chapter.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(Ok(layer)), Some(names)) = (cells.next().map(str::parse), cells.next()) else { continue };
        table.extend(names.split('`').skip(1).step_by(2).map(|name| (name, layer)));
    }
    let here: BTreeMap<String, u8> = dependencies()
        .keys()
        .map(|package| (short(package).to_owned(), layer(package).unwrap_or_else(|| panic!("{package}"))))
        .collect();
    let told: BTreeMap<String, u8> =
        table.into_iter().map(|(name, layer)| (name.to_owned(), layer)).collect();
    assert_eq!(told, here, "the table of ARCHITECTURE.md (left) and cargo metadata (right)");
    let picture = chapter.split("```").nth(1).expect("a picture");
    let mut last = u8::MAX;
    let mut drawn = BTreeSet::new();
    for line in picture.lines().filter(|line| !line.trim().is_empty()) {
        let names: Vec<&str> = line.split_whitespace().collect();
        let layers =
            names.iter().map(|name| *here.get(*name).unwrap_or_else(|| panic!("{name} is no crate")));
        let layers: Vec<u8> = layers.collect();
        assert!(layers.iter().all(|layer| *layer < last), "{line}: not below the line before");
        last = layers.into_iter().min().unwrap_or(last);
        drawn.extend(names);
    }
    let missing: Vec<_> =
        here.iter().filter(|(name, at)| **at < 14 && !drawn.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in the picture: {missing:?}");
}

/// What people's facts are read with is out of reach of what shows them: a door or page reads by way of a disclosure.
#[test]
fn doors_and_pages_have_no_record_and_no_store() {
    let packages = dependencies();
    for package in ["causeway-doors", "causeway-pages", "causeway-onramp"] {
        let needs = packages.get(package).unwrap_or_else(|| panic!("{package} is gone"));
        for banned in ["causeway-record", "causeway-store"] {
            assert!(!needs.contains(banned), "{package} needs {banned}: read by a Disclosure or a Sealed");
        }
    }
    let crates = causeway_adapter::contract::project_root().join("crates");
    for file in sources(&crates) {
        let name = file.to_string_lossy();
        let text = std::fs::read_to_string(&file).expect("a source");
        let extracts = name.contains("access/src/") || name.ends_with("doors/src/bulk.rs");
        assert!(extracts || !text.contains("_for_research"), "{name} reads the record open");
    }
}

#[test]
fn nothing_at_or_below_an_adapter_reaches_the_outside() {
    let outside = ["tokio", "axum", "reqwest", "rusqlite", "hyper", "rand", "getrandom", "clap", "tracing"];
    for (package, needs) in dependencies() {
        if layer(&package).is_some_and(|layer| layer <= 5) {
            for crate_name in outside {
                assert!(!needs.contains(crate_name), "{package} needs {crate_name}");
            }
        }
    }
}

#[test]
fn pure_crates_read_no_clock_file_or_socket() {
    let root = causeway_adapter::contract::project_root();
    let forbidden = [
        "std::fs",
        "std::net",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "std::thread",
        "env::var",
    ];
    for package in metadata()["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if layer(name).is_none_or(|layer| layer > 5) {
            continue;
        }
        let folder = std::path::Path::new(package["manifest_path"].as_str().unwrap_or_default())
            .parent()
            .map(|p| p.join("src"))
            .unwrap_or(root.clone());
        for file in sources(&folder) {
            // The contract's tests read fixtures; they are a feature that only tests switch on.
            if file.components().any(|part| part.as_os_str() == "contract") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in forbidden {
                assert!(!code.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

pub fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_dependency_tree_stays_lean_and_clean() {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--offline",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-e",
            "normal,build,dev",
        ])
        .current_dir(causeway_adapter::contract::project_root())
        .output()
        .expect("cargo tree");
    let text = String::from_utf8_lossy(&out.stdout);
    let packages: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        // Our own crates are rooms, not dependencies.
        .filter(|(name, _)| !name.starts_with("causeway"))
        .collect();
    assert!(packages.len() > 50, "cargo tree printed nothing: {}", String::from_utf8_lossy(&out.stderr));
    for banned in ["ring", "openssl-sys", "native-tls", "sqlx", "fhir-sdk"] {
        assert!(!packages.iter().any(|(name, _)| *name == banned), "{banned} is compiled in");
    }
    for single in ["rustls", "hyper", "libsqlite3-sys", "serde_json"] {
        assert!(packages.iter().filter(|(name, _)| *name == single).count() <= 1, "{single} is there twice");
    }
    // Some sixty of these come with the policy language (`cedar-policy`): an engine of our own would be worse; some twenty
    // with the client of PostgreSQL; four with exact noise for counts (`prio`), which is not to be written anew; three are
    // Zstandard, by which the record takes half of the disk; five read names in certificates (`x509-cert`);
    // three write metrics (`prometheus-client`); nine send traces (OpenTelemetry).
    assert!(packages.len() <= 390, "{} packages: look for what is not needed", packages.len());
}
