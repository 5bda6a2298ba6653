//! Translation itself: people side by side, the same bytes from every run, and back into the structured record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use causeway_adapter::{Adapter, Context, Translation, translate};
use causeway_synth::{edith, formats, population};
use serde_json::Value;

use crate::message::{corpora, extract, filled, gp2gp_adapter, own, short};

/// Times that two people's records alternate.
const TIMES: usize = 1_000;
const THREADS: usize = 4;

fn adapter(name: &str) -> &'static dyn Adapter {
    causeway::ADAPTERS.iter().copied().find(|a| a.name() == name).expect("the adapter")
}

fn context() -> Context {
    Context::new(causeway::input::sender(Some("ZP401")), jiff::Timestamp::UNIX_EPOCH, "urn:x")
}

fn run(input: &[u8]) -> Translation {
    translate(gp2gp_adapter(), input, &context())
}

/// What one translation gives, as bytes.
fn all(made: &Translation) -> Vec<u8> {
    let mut out: Vec<u8> = made.outputs.iter().flat_map(|output| output.json.iter().copied()).collect();
    out.extend_from_slice(format!("{:?}{:?}", made.ledger.totals(), made.issues).as_bytes());
    out
}

/// A short record of each of two people: what is done a thousand times need not be long.
fn two_people() -> [(String, Vec<u8>); 2] {
    let people = population(5, 2);
    [0, 1].map(|n| {
        let person = &people[n];
        let whole = extract(person, &causeway_synth::journey::journey(5, person), 0);
        (person.nhs_number.clone(), short(&whole, &["LinkSet", "Laboratory reporting"]).into_bytes())
    })
}

#[test]
fn two_people_interleaved_a_thousand_times_stay_apart() {
    let people = two_people();
    let known = [0, 1].map(|n| all(&run(&people[n].1)));
    for (mine, other) in [(0, 1), (1, 0)] {
        let text = String::from_utf8_lossy(&known[mine]);
        assert!(text.contains(&people[mine].0) && !text.contains(&people[other].0));
    }
    for _ in 0..TIMES {
        for (person, known) in people.iter().zip(&known) {
            assert!(all(&run(&person.1)) == *known, "in one thread");
        }
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (people, known) = (&people, &known);
            scope.spawn(move || {
                for time in 0..TIMES / THREADS {
                    let who = (time + thread) % 2;
                    assert!(all(&run(&people[who].1)) == known[who], "in several threads");
                }
            });
        }
    });
}

/// Writes a folder with messages of many formats and of many parts.
fn folder(into: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut put = |name: String, bytes: &[u8]| {
        let path = into.join(name);
        std::fs::write(&path, bytes).expect("writes");
        paths.push(path);
    };
    for person in population(9, 3) {
        let journey = causeway_synth::journey::journey(9, &person);
        for message in formats::messages(&person, &journey) {
            put(message.name, &message.bytes);
        }
        put(format!("{}-whole.xml", person.number), extract(&person, &journey, 0).as_bytes());
    }
    for (number, part) in own().iter().enumerate() {
        put(format!("part-{number}.json"), &filled(part, "conversation"));
    }
    paths
}

fn cli(out: &Path, inputs: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    let ran = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["translate", "--sender", "ZP401", "--out"])
        .arg(out)
        .args(inputs)
        .output()
        .expect("runs");
    assert!(ran.status.code().is_some_and(|c| c < 2), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut files = BTreeMap::new();
    let mut todo = vec![out.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(out).expect("below").to_path_buf();
                files.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

fn same(one: &BTreeMap<PathBuf, Vec<u8>>, other: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in one {
        assert!(*bytes == other[name], "{} differs", name.display());
    }
}

#[test]
fn two_runs_and_another_order_of_the_files_give_the_same_bytes() {
    let work = tempfile::tempdir().expect("a folder");
    let input = work.path().join("in");
    std::fs::create_dir(&input).expect("a folder");
    let mut paths = folder(&input);
    let first = cli(&work.path().join("1"), std::slice::from_ref(&input));
    let bundles = first.keys().filter(|p| p.to_string_lossy().ends_with(".r4.json")).count();
    assert!(bundles >= 15, "{bundles} bundles");
    assert!(first.contains_key(Path::new("part-0.r4.json")), "the parts were put together");
    same(&first, &cli(&work.path().join("2"), &[input]));
    paths.sort();
    for turn in [1, 7, 20] {
        // An order in which neighbours are torn apart: every n-th, from the end.
        paths.reverse();
        let mut shuffled: Vec<PathBuf> = Vec::new();
        for start in 0..turn {
            shuffled.extend(paths.iter().skip(start).step_by(turn).cloned());
        }
        same(&first, &cli(&work.path().join(format!("shuffled-{turn}")), &shuffled));
    }
    let Some(corpora) = corpora() else { return };
    let parts = [corpora.join("gp2gp/in/fragments"), corpora.join("gp2gp/in/large-message")];
    let one = cli(&work.path().join("corpus-1"), &parts);
    let swapped = [parts[1].clone(), parts[0].clone()];
    same(&one, &cli(&work.path().join("corpus-2"), &swapped));
}

/// One value of a resource, by a path of names and list places.
fn text(resource: &Value, path: &str) -> String {
    let found = resource.pointer(path).cloned().unwrap_or_default();
    found.as_str().map_or_else(|| found.to_string(), str::to_owned)
}

/// What is told by the resources of a type: their codings and a few elements, sorted.
fn facts(bundle: &Value, kind: &str, paths: &[&str]) -> Vec<String> {
    let resources = bundle["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]);
    let mut out: Vec<String> = resources
        .filter(|r| r["resourceType"] == kind)
        .map(|r| paths.iter().map(|p| text(r, p)).collect::<Vec<_>>().join(" | "))
        .collect();
    out.sort();
    out
}

const KEPT: &[(&str, &[&str])] = &[
    ("AllergyIntolerance", &["/code/coding/0/code", "/clinicalStatus/coding/0/code"]),
    ("Condition", &["/code/coding/0/code", "/onsetDateTime", "/clinicalStatus/coding/0/code"]),
    ("Encounter", &["/period/start", "/status"]),
    ("Immunization", &["/occurrenceDateTime", "/status", "/lotNumber"]),
    ("MedicationRequest", &["/status", "/intent", "/authoredOn", "/dosageInstruction/0/text"]),
    ("MedicationStatement", &["/status", "/effectivePeriod/start"]),
    (
        "Observation",
        &[
            "/code/coding/0/code",
            "/effectiveDateTime",
            "/valueQuantity/value",
            "/valueQuantity/unit",
            "/status",
        ],
    ),
];

#[test]
#[allow(clippy::print_stderr, reason = "what is skipped must be seen")]
fn the_record_goes_to_a_reader_of_the_structured_record_and_back() {
    let careconnect = adapter("careconnect");
    if !careconnect.encodes() {
        eprintln!("SKIPPED: the careconnect adapter does not write yet");
        return;
    }
    let (person, journey) = edith();
    let record = run(extract(&person, &journey, 0).as_bytes());
    let bundle: Value = serde_json::from_slice(&record.outputs[0].json).expect("JSON");
    let written = careconnect.encode(&bundle, &context()).expect("it can be written");
    assert!(!written.left_behind.is_empty(), "nothing is left behind without being named");
    assert!(written.left_behind.iter().all(|i| i.position.is_some()), "each with its place");
    let stu3: Value = serde_json::from_slice(&written.bytes).expect("JSON");
    assert_eq!(stu3["resourceType"], "Bundle");
    let back = translate(careconnect, &written.bytes, &context());
    assert!(!back.rejected(), "{:?}", back.issues);
    let back: Value = serde_json::from_slice(&back.outputs[0].json).expect("JSON");
    for (kind, paths) in KEPT {
        let told = facts(&bundle, kind, paths);
        assert!(!told.is_empty(), "{kind}");
        assert_eq!(facts(&back, kind, paths), told, "{kind}");
    }
}
