//! Conformance suites against the control's server and clients: each named fault is found, and none on the good ones;
//! and against this exchange itself.

mod clients;
pub(crate) mod ours;
mod page;
mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway::conform::{self, Credentials};
use causeway_conformance::suite::{self, End, Plan, Run, Suite};
use server::faults::FAULTS;

/// Servers that are tried at a time.
const AT_A_TIME: usize = 12;
/// Seconds that an answer is waited for.
const TIMEOUT: Duration = Duration::from_millis(1_500);

fn plan(name: &str, url: &str, settings: &[(&str, &str)]) -> (Suite, Plan) {
    let suite = suite::builtin(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let plan = Plan {
        endpoint: url.to_owned(),
        settings,
        seed: "1".to_owned(),
        tool: "test".to_owned(),
        ..Plan::default()
    };
    (suite, plan)
}

fn run(name: &str, url: &str, settings: &[(&str, &str)]) -> Run {
    let (suite, plan) = plan(name, url, settings);
    conform::against(&suite, &plan, &Credentials::default(), TIMEOUT)
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Runs a suite that waits for a client, with the control's client of this fault, or the good one.
fn client(name: &str, fault: &'static str) -> Run {
    let (url, own): (_, &[(&str, &str)]) = match name {
        "mllp-sender" => ("mllp://127.0.0.1:0", &[("enhanced", "yes")]),
        "mesh-client" => ("http://127.0.0.1:0", &[("chunks", "yes")]),
        _ => ("http://127.0.0.1:0", &[]),
    };
    // The good client is given all the time of a slow machine; what a bad one does not do is not waited for long.
    let patience = if fault.is_empty() { "90" } else { "5" };
    let waits: &[(&str, &str)] = &[("first", "60"), ("patience", patience)];
    let (suite, plan) = plan(name, url, &[waits, own].concat());
    let story = suite::fill_file(&suite, &plan, "story.json", 0).unwrap_or_default();
    conform::listening(&suite, &plan, &Credentials::default(), TIMEOUT, Arc::new(|_: &str| ()), |at| {
        clients::start(name, &at.to_string(), fault, &story)
    })
    .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Runs a suite against the control with this fault, or the good one.
fn control(name: &str, fault: &'static str) -> Run {
    if suite::builtin(name).is_ok_and(|s| s.listens.is_some()) {
        return client(name, fault);
    }
    let running = server::start(fault);
    let fhir = format!("{}/fhir", running.url);
    match name {
        "fhir-r4" => run(name, &fhir, &[("write", "yes")]),
        "uk-core-read" => run(name, &fhir, &[("nhs-number", "9990000018")]),
        "record-transfer" | "process-message" => run(name, &fhir, &[]),
        "gp-connect-structured" => run(name, &format!("{}/gpc", running.url), &[]),
        "nrl-producer" => run(name, &format!("{}/producer/FHIR/R4", running.url), &[]),
        "nrl-consumer" => {
            let producer = format!("{}/producer/FHIR/R4", running.url);
            run(name, &format!("{}/consumer/FHIR/R4", running.url), &[("producer-base", &producer)])
        }
        "mllp-receiver" => run(name, &format!("mllp://{}", running.mllp), &[]),
        _ => run(name, &running.url, &[]),
    }
}

fn broken(run: &Run) -> Vec<String> {
    let bad = run.cases.iter().filter(|c| matches!(c.end, End::Failed | End::Warned | End::Noted));
    bad.map(|c| format!("{} {}: {:?}", c.end.word(), c.id, c.found)).collect()
}

#[test]
fn nothing_is_found_on_the_good_server() {
    for name in suite::names() {
        let run = control(name, "");
        assert_eq!(broken(&run), Vec::<String>::new(), "{name}");
        assert!(run.count(End::Passed) > 5, "{name}: {:?}", run.cases);
        let left: Vec<_> =
            run.cases.iter().filter(|c| c.end == End::NotRun).map(|c| (&c.id, &c.found)).collect();
        // Only what an option of the tester leaves out, and types of which the server has none to read.
        let meant = left.iter().all(|(id, _)| match name {
            "record-transfer" => id.starts_with("facts-of-") || id.starts_with("reply"),
            "fhir-r4" => id.starts_with("read["),
            _ => false,
        });
        assert!(meant, "{name}: {left:?}");
    }
}

#[test]
fn every_fault_is_found() {
    let faults: Vec<_> = FAULTS.iter().chain(clients::faults::FAULTS).collect();
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let fault = || faults.get(next.fetch_add(1, Ordering::Relaxed));
                while let Some((fault, suite, what)) = fault() {
                    if broken(&control(suite, fault)).is_empty() {
                        missed.lock().unwrap().push(format!("{suite}: {fault}: {what}"));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(FAULTS.len() >= 156 && clients::faults::FAULTS.len() >= 60);
    assert!(missed.is_empty(), "not found, {} of {}: {missed:#?}", missed.len(), faults.len());
}

/// The record that a receiver passes on to a mailbox is compared like one that is read back.
#[test]
fn a_record_is_read_back_from_a_mailbox() {
    let replied = |fault: &'static str| {
        let running = server::start(fault);
        let (fhir, mesh) = (format!("{}/fhir", running.url), running.url.clone());
        run("record-transfer", &fhir, &[("reply", &mesh)])
    };
    let good = replied("");
    assert_eq!(broken(&good), Vec::<String>::new());
    let compared = good.cases.iter().filter(|c| c.id.starts_with("facts-of-reply") && c.end == End::Passed);
    assert_eq!(compared.count(), 10, "{:?}", good.cases);
    let (fault, _, _) = FAULTS.iter().find(|(name, ..)| *name == "transfer-changes-dose").unwrap();
    let found = broken(&replied(fault));
    assert!(found.iter().any(|f| f.contains("facts-of-reply[MedicationStatement]")), "{found:?}");
}

#[test]
fn a_fuzz_is_the_same_for_a_seed_and_finds_a_server_that_breaks() {
    let fuzzed = |fault: &'static str, seed: u64| {
        let running = server::start(fault);
        let (suite, mut plan) = plan("fhir-r4", &format!("{}/fhir", running.url), &[]);
        plan.fuzz = Some((60, seed));
        plan.only = vec!["capability".to_owned(), "unknown-id".to_owned(), "bad-json".to_owned()];
        let run = conform::against(&suite, &plan, &Credentials::default(), TIMEOUT).unwrap();
        let case = run.cases.last().unwrap().clone();
        (case.end, case.found.len())
    };
    assert_eq!(fuzzed("", 7), (End::Passed, 0));
    assert_eq!(fuzzed("", 7), fuzzed("", 7));
}

#[test]
fn a_later_run_is_compared_with_an_earlier_one() {
    let good = control("mesh-server", "");
    let bad = control("mesh-server", "mesh-chunk-lost");
    let changes = suite::compare(&good, &bad);
    assert!(
        changes.iter().any(|(id, c)| id == "chunks" && suite::words(c).starts_with("worse")),
        "{changes:?}"
    );
    assert_eq!(suite::compare(&good, &good), []);
}

#[test]
fn reports_are_well_formed_and_hold_no_secret() {
    let run = control("mesh-server", "mesh-body-changed");
    for name in suite::RunFormat::NAMES {
        let text = suite::render(&run, Some(&[]), suite::RunFormat::of(name).unwrap());
        assert!(text.contains(if name == "badge" { "1 rule broken" } else { "download" }), "{name}");
        assert!(!text.contains("TestKey") && !text.contains("\"password\""), "{name} shows a secret");
    }
    let report = suite::render(&run, None, suite::RunFormat::TestReport);
    let checked = causeway_profile::check(report.as_bytes());
    assert!(checked.is_valid(), "{:?}", checked.findings);
}

#[test]
fn the_board_says_how_each_provider_stands_and_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    for (fault, at) in [("", "2026-01-01T00:00:00Z"), ("mesh-chunk-lost", "2026-01-02T00:00:00Z")] {
        let mut run = control("mesh-server", fault);
        run.provider = Some("Ash & Elm <care>".to_owned());
        run.at = at.to_owned();
        conform::keep(folder.path(), &run).unwrap();
    }
    let page = std::fs::read_to_string(folder.path().join("index.html")).unwrap();
    assert!(page.contains("Ash &amp; Elm &lt;care&gt;") && !page.contains("<care>"), "{page}");
    assert!(page.contains("<code>chunks</code> worse: passed before, failed now"), "{page}");
    assert!(page.contains("Earlier runs") && page.contains("What to do"), "{page}");
    for link in page.split("href=\"").skip(1).filter_map(|l| l.split('"').next()) {
        let elsewhere = link.starts_with("https://");
        assert!(elsewhere || folder.path().join(link).is_file(), "{link}");
    }
}
