//! `causeway demo` and `causeway extract` as processes: she opts out and only she is gone; the command makes an extract of
//! the same data, in which no byte tells who anybody is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use causeway_record::Record;
use causeway_research::leak::Secrets;
use causeway_research::{EXAMPLE, Population, RecordPopulation};
use serde_json::Value;

fn causeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).output().expect("the binary starts")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

/// What would tell who anybody in the record is.
fn secrets(data: &Path) -> Secrets {
    let record = Record::open(data.join("record.sqlite")).expect("the record");
    let mut secrets = Secrets::default();
    record
        .snapshot(|snapshot| -> Result<(), causeway_research::Error> {
            let (standings, consents) = (HashMap::new(), HashMap::new());
            let people = RecordPopulation { snapshot, standings: &standings, consents: &consents };
            for person in people.people()? {
                secrets.learn(&person?.parse()?);
            }
            Ok(())
        })
        .expect("people");
    secrets
}

/// Every file of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    entries.map(|path| (name(&path), std::fs::read(&path).expect("a file"))).collect()
}

/// SIGKILL while the command writes its files, and the same command again: the bytes of one that nothing stopped.
fn killed_and_resumed(data: &Path, key: &Path, project: &Path, folder: &Path) {
    let command = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
        command.args([
            "extract",
            text(project),
            "--data",
            text(data),
            "--key",
            text(key),
            "--out",
            text(out),
        ]);
        command.args(["--format", "parquet,csv,ndjson", "--people-per-file", "2"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let whole = folder.join("whole");
    assert!(command(&whole).status().expect("the binary starts").success());
    let parts = files(&whole).keys().filter(|name| name.starts_with("Patient-")).count();
    assert!(parts > 10, "{parts} files of two people each");
    let mut interrupted = 0;
    for after in [1, 5, 9] {
        let cut = folder.join(format!("cut-{after}"));
        let mut running = command(&cut).spawn().expect("the binary starts");
        let mark = cut.join(format!("Patient-{after:04}.ndjson"));
        while !mark.exists() && running.try_wait().expect("a process").is_none() {
            std::thread::yield_now();
        }
        running.kill().expect("SIGKILL");
        running.wait().expect("a process");
        interrupted += usize::from(!cut.join("report.json").exists());
        if !cut.join("report.json").exists() {
            assert!(command(&cut).status().expect("the binary starts").success());
        }
        assert!(files(&cut) == files(&whole), "killed after file {after}: other bytes");
    }
    assert!(interrupted > 0, "none was killed before its end");
}

#[test]
fn an_extract_of_the_demonstration_exposes_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (data, key) = (at("data"), at("key"));
    let told = causeway(&["demo", "--json", "--data", text(&data), "--listen", "127.0.0.1:0"]);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    // She and her doctor read, who has no business is refused, an emergency is reviewed.
    assert_eq!(told["access"]["holds"], true, "{}", told["access"]);
    let research = &told["research"];
    assert_eq!(research["sheAlone"], true, "{research}");
    assert_eq!(research["before"].as_u64(), research["after"].as_u64().map(|n| n + 1), "{research}");
    assert!(research["k"].as_u64() >= Some(5), "{research}");

    let view = r#"{"resource": "Patient", "name": "patients", "select": [{"column": [
        {"name": "id", "path": "getResourceKey()"}, {"name": "gender", "path": "gender"},
        {"name": "born", "path": "birthDate"}, {"name": "district", "path": "address.postalCode.first()"}]}]}"#;
    std::fs::write(at("patients.view.json"), view).expect("written");
    let example = EXAMPLE.replace("# views =", "views =").replace("cohort = \"birth", "#cohort = \"birth");
    // Everything that may leave is asked for.
    let all = causeway_research::deidentify::TYPES.join("\", \"");
    let example = example.replace("elements = [\"Patient\"", &format!("elements = [\"{all}\""));
    let project = at("project.toml");
    std::fs::write(&project, &example).expect("written");
    let extract = |out: &str, project: &Path| {
        causeway(&[
            "extract",
            text(project),
            "--data",
            text(&data),
            "--key",
            text(&key),
            "--out",
            text(&at(out)),
            "--format",
            "parquet,csv,ndjson",
        ])
    };
    let made = extract("out", &project);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let report: Value = serde_json::from_slice(&made.stdout).expect("a report");
    assert_eq!(report["removed"]["people"]["extract-opt-out"], 1);
    let mut secrets = secrets(&data);
    assert!(secrets.len() > 1_000);
    // The report says on which day it was made: a day on which the record took messages in.
    std::fs::remove_file(at("out").join("report.json")).expect("a report");
    let found = secrets.search(&at("out")).expect("a search");
    assert!(found.is_empty(), "{found:?}");
    killed_and_resumed(&data, &key, &project, folder.path());
    // The control: with names, the same search finds.
    let named = example
        .replace("\"pseudonymised\"", "\"identifiable\"")
        .replace("kind = \"none\"", "kind = \"other\"\nreference = \"26/CAG/0001 (invented)\"");
    std::fs::write(at("named.toml"), named).expect("written");
    assert_eq!(extract("named", &at("named.toml")).status.code(), Some(0));
    let found = secrets.search(&at("named")).expect("a search");
    assert!(
        found.contains("identifier") && found.contains("name") && found.contains("full date"),
        "{found:?}"
    );
    // Without its second approval nothing is made.
    let alone = example.split("[[approvals]]").take(2).collect::<Vec<_>>().join("[[approvals]]");
    std::fs::write(at("alone.toml"), alone).expect("written");
    let refused = extract("none", &at("alone.toml"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(!at("none").exists());
}
