//! The contract's tests over the fixtures, and over the corpora where they are there.

use std::path::{Path, PathBuf};

use causeway_adapter::contract::{Suite, corpora, test_context};
use causeway_adapter::{Adapter, Translation, translate};
use causeway_adapter_gp2gp::Gp2gp;
use causeway_core::Severity;
use serde_json::Value;

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "xml") {
            into.push(path);
        }
    }
}

fn run(input: &[u8]) -> Translation {
    translate(&Gp2gp, input, &test_context())
}

fn fixture(case: &str) -> Translation {
    let root = causeway_adapter::contract::project_root().join("fixtures/gp2gp").join(case);
    let path = ["input.xml", "input.mime"].map(|f| root.join(f)).into_iter().find(|p| p.exists());
    run(&std::fs::read(path.expect("a fixture")).expect("readable"))
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON"));
    bundles
        .flat_map(|b: Value| b["entry"].as_array().cloned().unwrap_or_default())
        .map(|e| e["resource"].clone())
        .filter(|r| r["resourceType"] == kind)
        .collect()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&Gp2gp).folder("fixtures/gp2gp").check();
}

#[test]
fn accounts_for_the_corpus() {
    let Some(folder) = corpora("gp2gp") else { return };
    let mut suite = Suite::new(&Gp2gp);
    let mut paths = Vec::new();
    files(&folder.join("in"), &mut paths);
    let wanted = |p: &PathBuf| !p.components().any(|c| c.as_os_str() == "large-message");
    for path in paths.into_iter().filter(wanted) {
        let input = std::fs::read(&path).expect("readable");
        suite = suite.case(path.display().to_string(), input);
    }
    suite.accounts();
    suite.resolves_references();
    suite.is_deterministic();
}

#[test]
fn tells_the_truth_of_the_corpus() {
    let Some(folder) = corpora("gp2gp") else { return };
    let mut suite = Suite::new(&Gp2gp);
    for name in ["PWTP11.xml", "uat_TC4_Birdi.xml", "uat_TC4_Gainsford.xml"] {
        let input = std::fs::read(folder.join("in").join(name)).expect("readable");
        suite = suite.case(name, input);
    }
    suite.tells_the_truth();
}

#[test]
fn refuses_bad_messages_with_their_position() {
    let Some(folder) = corpora("gp2gp/invalid") else { return };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    assert!(!paths.is_empty());
    for path in paths {
        let translation = run(&std::fs::read(&path).expect("readable"));
        assert!(translation.rejected(), "{}", path.display());
        let found = translation.issues.iter().find(|i| i.severity >= Severity::Error).expect("an error");
        assert!(found.position.is_some(), "{}: {}", path.display(), found.rule);
        let two = path.ends_with("two_records.xml");
        assert_eq!(translation.outputs.len(), usize::from(two), "{}", path.display());
    }
}

#[test]
fn large_messages_are_put_together_in_any_order() {
    let Some(folder) = corpora("gp2gp/in/large-message/scenario_3") else { return };
    let main = std::fs::read(folder.join("uk06.json")).expect("readable");
    let rest = std::fs::read(folder.join("copc.json")).expect("readable");
    let (main_part, rest_part) = (Gp2gp.part(&main).expect("a part"), Gp2gp.part(&rest).expect("a part"));
    assert_eq!(main_part.group, rest_part.group);
    assert_eq!(main_part.awaits, std::slice::from_ref(&rest_part.id));
    let missing = Gp2gp.join(&[(main_part.id.clone(), main.clone())]).expect_err("incomplete");
    assert_eq!(missing, std::slice::from_ref(&rest_part.id));
    let one = [(main_part.id.clone(), main.clone()), (rest_part.id.clone(), rest.clone())];
    let other = [(rest_part.id, rest), (main_part.id, main)];
    let joined = Gp2gp.join(&one).expect("complete");
    assert_eq!(joined, Gp2gp.join(&other).expect("complete"));
    let translation = run(&joined);
    assert!(!translation.rejected());
    let document = resources(&translation, "DocumentReference");
    assert_eq!(document[0]["content"][0]["attachment"]["size"], 245_779);
}

#[test]
fn a_stop_ends_the_plan_and_says_why() {
    let translation = fixture("medication-chain");
    let requests = resources(&translation, "MedicationRequest");
    let plan = requests.iter().find(|r| r["intent"] == "plan" && r["status"] == "stopped").expect("a plan");
    assert_eq!(plan["statusReason"]["text"], "Ankle swelling");
    assert_eq!(requests.iter().filter(|r| r["basedOn"].is_array()).count(), 2);
    let statements = resources(&translation, "MedicationStatement");
    assert!(statements.iter().any(|s| s["status"] == "stopped"));
}

#[test]
fn markings_are_never_lost() {
    let translation = fixture("nopat-redaction");
    let marked =
        |r: &Value| r["meta"]["security"].as_array().is_some_and(|s| s.iter().any(|c| c["code"] == "NOPAT"));
    for (kind, all, hidden) in
        [("Encounter", 2, 1), ("Condition", 1, 1), ("Observation", 3, 2), ("List", 2, 1)]
    {
        let found = resources(&translation, kind);
        assert_eq!(found.len(), all, "{kind}");
        assert_eq!(found.iter().filter(|r| marked(r)).count(), hidden, "{kind}");
    }
}

#[test]
fn dates_keep_their_precision() {
    let found = resources(&fixture("partial-dates"), "Observation");
    let times: Vec<&str> = found.iter().filter_map(|o| o["effectiveDateTime"].as_str()).collect();
    assert_eq!(times, ["1970", "1971-06", "2024-10-27T01:30:00+01:00"]);
    let period = found.iter().find_map(|o| o["effectivePeriod"].as_object()).expect("a period");
    assert_eq!(period["end"], "2023-03-31");
}

#[test]
fn no_known_allergy_is_not_an_allergy_to_something() {
    let found = resources(&fixture("allergies"), "AllergyIntolerance");
    assert_eq!(found.len(), 3);
    assert!(found.iter().any(|a| a["code"]["coding"][0]["code"] == "716186003"));
    assert!(found.iter().any(|a| a["criticality"] == "high"));
    let latex = found.iter().find(|a| a["category"][0] == "environment").expect("one");
    assert!(latex["code"]["coding"][0]["code"].is_null(), "a description id is not a concept");
}

fn changed(case: &str, from: &str, to: &str) -> Translation {
    let root = causeway_adapter::contract::project_root().join("fixtures/gp2gp").join(case);
    let text = std::fs::read_to_string(root.join("input.xml")).expect("a fixture");
    assert!(text.contains(from), "{from}");
    run(text.replacen(from, to, 1).as_bytes())
}

/// A code of a vaccination beside words that none was given is no vaccination that was given.
#[test]
fn words_that_a_vaccination_was_not_given_stand_against_its_code() {
    let before = resources(&fixture("immunisation"), "Immunization").len();
    let name = "displayName=\"Seasonal influenza vaccination\"";
    for (from, to, given) in [
        (name, "displayName=\"Seasonal influenza vaccination not given\"", false),
        (name, "displayName=\"Seasonal influenza vaccination refused\"", false),
        (name, "displayName=\"Seasonal influenza vaccination contraindicated\"", false),
        (
            "[Manufacturer: Imagined Biologicals], [Expiry Date: 21-Jun-2024], [Batch Number: IB-0042], Left arm",
            "Declined by patient",
            false,
        ),
        ("Left arm", "Mother refused the one before", true),
        (name, "displayName=\"Influenza vaccination of the season\"", true),
    ] {
        let found = changed("immunisation", from, to);
        let count = resources(&found, "Immunization").len();
        assert_eq!(count, if given { before } else { before - 1 }, "{to}");
        let told = found.issues.iter().filter(|i| i.rule == "immunisation-undecided").count();
        assert_eq!(told, if given { 1 } else { 2 }, "{to}: {:?}", found.issues);
    }
}

#[test]
fn amounts_that_are_no_numbers_are_told() {
    let invalid = |found: &Translation| found.issues.iter().any(|i| i.rule == "amount-invalid");
    for (from, to, told) in [
        ("<repeatNumber value=\"6\"/>", "<repeatNumber value=\"-1\"/>", true),
        ("<repeatNumber value=\"6\"/>", "<repeatNumber value=\"six\"/>", true),
        ("<repeatNumber value=\"6\"/>", "<repeatNumber value=\"6.0\"/>", false),
        (
            "<quantity value=\"28\" unit=\"1\"><translation value=\"28\">",
            "<quantity value=\"2,8\" unit=\"1\"><translation value=\"2,8\">",
            true,
        ),
        ("<translation value=\"28\">", "<translation value=\"28\">", false),
    ] {
        assert_eq!(invalid(&changed("medication-chain", from, to)), told, "{to}");
    }
}
