//! The adapter contract, refusals, and what the corpora must give.

use causeway_adapter::contract::{Suite, corpora, project_root, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_summary_care_record::SummaryCareRecord;
use serde_json::Value;

fn fixture(case: &str) -> Translation {
    let path = project_root().join("fixtures/summary-care-record").join(case).join("input.xml");
    translate(&SummaryCareRecord, &std::fs::read(path).expect("fixture"), &test_context())
}

fn resources(translation: &Translation, kind: &str) -> Vec<Value> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == kind).collect()
}

#[test]
fn keeps_the_contract() {
    Suite::new(&SummaryCareRecord).folder("fixtures/summary-care-record").check();
}

#[test]
fn medicines_by_their_section() {
    let translation = fixture("medicines-and-allergies");
    let requests = resources(&translation, "MedicationRequest");
    let of = |name: &str| {
        let said = |r: &&Value| {
            r["medicationCodeableConcept"]["coding"][0]["display"]
                .as_str()
                .is_some_and(|d| d.starts_with(name))
        };
        requests.iter().find(said).cloned().expect("a medicine")
    };
    let acute = of("Amoxicillin");
    assert_eq!(acute["status"], "completed");
    assert_eq!(acute["courseOfTherapyType"]["coding"][0]["code"], "acute");
    assert_eq!(acute["authoredOn"], "2026-10-12");
    let repeat = of("Aspirin");
    assert_eq!(repeat["status"], "active");
    assert_eq!(repeat["dispenseRequest"]["quantity"]["value"].to_string(), "28.00");
    assert_eq!(repeat["dosageInstruction"][0]["text"], "one to be taken each day");
    let stopped = of("Atenolol");
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["dispenseRequest"]["validityPeriod"]["end"], "2026-07-14");
    assert!(stopped["reasonReference"][0]["reference"].is_string());
    let composition = &resources(&translation, "Composition")[0];
    for (title, entries) in [
        ("Allergies and Adverse Reactions", 1),
        ("Current Repeat Medications", 1),
        ("Discontinued Repeat Medications", 1),
        ("Diagnoses", 1),
    ] {
        let sections = composition["section"].as_array().expect("sections");
        let section = sections.iter().find(|s| s["title"] == title).expect(title);
        assert_eq!(section["entry"].as_array().map_or(0, Vec::len), entries, "{title}");
        assert!(section["text"]["div"].as_str().is_some_and(|d| d.contains("<table")), "{title}");
    }
    assert_eq!(composition["relatesTo"][0]["code"], "replaces");
}

#[test]
fn allergies_are_kept_and_refusals_are_none() {
    let allergy = &resources(&fixture("medicines-and-allergies"), "AllergyIntolerance")[0];
    assert_eq!(allergy["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!(allergy["code"]["text"], "Amoxicillin allergy");
    assert_eq!(allergy["note"][0]["text"], "Rash within an hour");
    let none = fixture("no-known-allergies");
    let allergies = resources(&none, "AllergyIntolerance");
    assert_eq!(allergies.len(), 1);
    assert_eq!(allergies[0]["code"]["coding"][0]["code"], "716186003");
    assert_eq!(resources(&none, "Observation").len(), 1);
}

#[test]
fn dates_are_as_exact_as_they_were() {
    let family = resources(&fixture("partial-dates"), "Observation");
    let starts: Vec<_> = family.iter().map(|o| o["effectivePeriod"]["start"].as_str()).collect();
    assert_eq!(starts, [Some("1990"), Some("1990-06"), None]);
    assert_eq!(family[0]["note"][0]["text"], "subject relationship context: Mother");
    // A summer's time of day is London's.
    let conditions = resources(&fixture("who-said-it"), "Condition");
    assert_eq!(conditions[0]["onsetDateTime"], "2020-05-06T12:48:19+01:00");
}

#[test]
fn labels_and_notices_stay() {
    let condition = &resources(&fixture("restricted-entry"), "Condition")[0];
    assert_eq!(condition["meta"]["security"][0]["code"], "R");
    let withheld = fixture("withheld-entries");
    assert!(withheld.issues.iter().any(|i| i.rule == "entries-withheld"));
    let text = resources(&withheld, "Composition")[0]["section"][1]["text"]["div"].to_string();
    assert!(text.contains("deliberately withheld"));
}

#[test]
fn a_negated_entry_is_never_shown_as_true() {
    let negated = fixture("negated-entries");
    let condition = &resources(&negated, "Condition")[0];
    assert_eq!(condition["verificationStatus"]["coding"][0]["code"], "refuted");
    assert!(condition["clinicalStatus"].is_null());
    assert!(resources(&negated, "Observation").is_empty());
    assert!(negated.rejected());
}

#[test]
fn refusals_have_a_rule_and_a_place() {
    for (case, rule) in [
        ("access-refused", "spine-access-refused"),
        ("record-not-found", "spine-record-not-found"),
        ("wrong-nhs-number", "nhs-number-check-digit"),
    ] {
        let translation = fixture(case);
        assert!(translation.outputs.is_empty(), "{case}");
        let issue = translation.issues.iter().find(|i| i.rule == rule).expect(case);
        assert!(issue.position.is_some(), "{case}");
    }
}

#[test]
fn every_bundle_is_valid() {
    let folder = project_root().join("fixtures/summary-care-record");
    let mut faults = Vec::new();
    for case in std::fs::read_dir(folder).expect("fixtures").flatten() {
        let case = case.file_name().to_string_lossy().into_owned();
        for output in fixture(&case).outputs {
            let report = causeway_profile::check(&output.json);
            let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
            faults.extend(report.findings.iter().filter(bad).map(|f| format!("{case}: {f:?}")));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "xml") {
            found.push(path);
        }
    }
}

#[test]
fn accounts_for_the_corpora() {
    let Some(corpora) = corpora("summary-care-record") else { return };
    let mut suite = Suite::new(&SummaryCareRecord);
    let mut inputs = Vec::new();
    files(&corpora.join("in"), &mut inputs);
    assert!(inputs.len() >= 30);
    for path in &inputs {
        suite = suite.case(path.display().to_string(), std::fs::read(path).expect("readable"));
    }
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    let mut refused = Vec::new();
    files(&corpora.join("invalid"), &mut refused);
    for path in refused {
        let translation =
            translate(&SummaryCareRecord, &std::fs::read(&path).expect("readable"), &test_context());
        let name = path.display();
        assert!(translation.outputs.is_empty(), "{name}: a record was given");
        let issue = translation.issues.iter().find(|i| i.severity >= causeway_core::Severity::Error);
        assert!(issue.is_some_and(|i| i.position.is_some()), "{name}: no refusal with a place");
    }
}

#[test]
fn tells_the_truth_of_the_corpora() {
    let Some(corpora) = corpora("summary-care-record") else { return };
    let mut suite = Suite::new(&SummaryCareRecord);
    for name in [
        "success.xml",
        "init_upload_success.xml",
        "sections/lifestyle/example.xml",
        "sections/html_parser/emoji.xml",
    ] {
        suite = suite.case(name, std::fs::read(corpora.join("in").join(name)).expect("readable"));
    }
    suite.tells_the_truth();
}

#[test]
fn two_patients_interleaved_stay_apart() {
    let alone: Vec<_> =
        ["medicines-and-allergies", "who-said-it"].map(|case| fixture(case).outputs).into_iter().collect();
    for _ in 0..100 {
        assert!(fixture("medicines-and-allergies").outputs == alone[0]);
        assert!(fixture("who-said-it").outputs == alone[1]);
    }
}

/// A day that systems write for no end must not make an allergy inactive; a true end stands beside its status.
#[test]
fn an_end_that_is_none_ends_no_allergy() {
    let path = project_root().join("fixtures/summary-care-record/medicines-and-allergies/input.xml");
    let text = std::fs::read_to_string(path).expect("fixture");
    let from = "<low value=\"20190312000000\"/>";
    assert!(text.contains(from));
    for (end, status, rule) in [
        ("19000101", "active", "end-sentinel"),
        ("20180101", "active", "period-reversed"),
        ("20200101", "inactive", ""),
    ] {
        let input = text.replace(from, &format!("{from}<high value=\"{end}\"/>"));
        let found = translate(&SummaryCareRecord, input.as_bytes(), &test_context());
        let allergy = &resources(&found, "AllergyIntolerance")[0];
        assert_eq!(allergy["clinicalStatus"]["coding"][0]["code"], status, "{end}: {allergy}");
        assert_eq!(allergy["clinicalStatus"]["extension"].is_array(), rule.is_empty(), "{end}: {allergy}");
        assert!(rule.is_empty() || found.issues.iter().any(|i| i.rule == rule), "{end}: {:?}", found.issues);
        assert_eq!(causeway_profile::check(&found.outputs[0].json).errors(), 0, "{end}");
    }
}

/// Each status of HL7's ActStatus: R4 demands a clinical status of what is no error, and forbids it beside one that is (ait-1, ait-2).
#[test]
fn an_allergy_of_any_status_is_valid_and_holds_unless_it_is_said_to_be_over() {
    let path = project_root().join("fixtures/summary-care-record/medicines-and-allergies/input.xml");
    let input = std::fs::read_to_string(path).expect("fixture");
    let at = input.find("<UKCT_MT144053UK02.Allergy ").expect("an allergy");
    let stated = "<statusCode code=\"completed\"/>";
    let with = |status: &str| format!("{}{}", &input[..at], input[at..].replacen(stated, status, 1));
    for (status, clinical, verification, told) in [
        ("active", Some("active"), None, false),
        ("completed", Some("active"), None, false),
        ("nullified", None, Some("entered-in-error"), false),
        ("cancelled", Some("active"), Some("unconfirmed"), true),
        ("aborted", Some("active"), Some("unconfirmed"), true),
        ("obsolete", Some("active"), Some("unconfirmed"), true),
        ("final", Some("active"), Some("unconfirmed"), true),
        ("", Some("active"), Some("unconfirmed"), false),
    ] {
        let stated =
            if status.is_empty() { String::new() } else { format!("<statusCode code=\"{status}\"/>") };
        let found = translate(&SummaryCareRecord, with(&stated).as_bytes(), &test_context());
        let allergy = &resources(&found, "AllergyIntolerance")[0];
        let code = |name: &str| allergy[name]["coding"][0]["code"].as_str().map(str::to_owned);
        assert_eq!(code("clinicalStatus").as_deref(), clinical, "{status}");
        assert_eq!(code("verificationStatus").as_deref(), verification, "{status}");
        assert_eq!(found.issues.iter().any(|i| i.rule == "allergy-status"), told, "{status}");
        for output in &found.outputs {
            let report = causeway_profile::check(&output.json);
            let bad = |f: &&causeway_profile::Finding| f.severity == causeway_profile::Severity::Error;
            assert_eq!(report.findings.iter().filter(bad).count(), 0, "{status}: {:?}", report.findings);
        }
    }
}

#[test]
fn what_has_not_happened_is_no_entry() {
    let path = project_root().join("fixtures/summary-care-record/other-sections/input.xml");
    let input = std::fs::read_to_string(path).expect("fixture");
    let count = |text: &str| {
        let found = translate(&SummaryCareRecord, text.as_bytes(), &test_context());
        let told = found.issues.iter().filter(|i| i.rule == "entry-not-happened").count();
        (found.outputs.iter().map(|o| o.resources).sum::<u32>(), told)
    };
    let (before, _) = count(&input);
    let mut tried = 0;
    for (at, tag) in input.match_indices("<UKCT_MT1440") {
        let end = at + input[at..].find('>').expect("its end");
        let planned = input[at..end].replace("moodCode=\"EVN\"", "moodCode=\"GOL\"");
        // A link between entries is no entry.
        if planned == input[at..end] || planned.contains("LinkAssertion") {
            continue;
        }
        let (after, told) = count(&format!("{}{planned}{}", &input[..at], &input[end..]));
        assert!(told == 1 && after < before, "{tag} at {at}: {after} of {before}, told {told}");
        tried += 1;
    }
    assert!(tried > 3, "{tried}");
}

#[test]
fn words_that_have_no_place_are_told() {
    let path = project_root().join("fixtures/summary-care-record/negated-entries/input.xml");
    let text = std::fs::read_to_string(path).expect("fixture");
    let more = text.replacen(
        "</UKCT_MT144042UK01.Diagnosis>",
        "<oddity><text>Told by her mother</text></oddity></UKCT_MT144042UK01.Diagnosis>",
        1,
    );
    for (text, told) in [(text, false), (more, true)] {
        let found = translate(&SummaryCareRecord, text.as_bytes(), &test_context());
        assert_eq!(found.issues.iter().any(|i| i.rule == "text-not-carried"), told);
    }
}

#[test]
fn an_entry_that_stands_twice_in_its_place_is_told() {
    let path = project_root().join("fixtures/summary-care-record/measurements/input.xml");
    let text = std::fs::read_to_string(path).expect("fixture");
    let (from, to) = ("<UKCT_MT144043UK02.Weight", "</UKCT_MT144043UK02.Weight>");
    let start = text.find(from).expect("a weight");
    let end = text.find(to).expect("its end") + to.len();
    let twice = [&text[..end], &text[start..end].replace("61.50", "71.50"), &text[end..]].concat();
    for (text, told) in [(text.clone(), 0), (twice, 1)] {
        let found = translate(&SummaryCareRecord, text.as_bytes(), &test_context());
        assert_eq!(found.issues.iter().filter(|i| i.rule == "element-repeated").count(), told);
    }
}
