use serde_json::json;

use crate::support::*;

#[test]
fn the_same_result_from_laboratory_and_practice_is_one_group_with_both_sources() {
    let s = scratch();
    let n = number(1);
    let lab = [
        patient("l1", &n, "Ashdown", "1941-02-03"),
        observation("lab-na", "l1", "Serum sodium", "2025-06-01T09:00:00+01:00", "140.0"),
        observation("lab-na2", "l1", "Serum sodium", "2025-06-01T17:00:00+01:00", "140.0"),
        observation("lab-k", "l1", "Serum potassium", "2025-06-01T09:00:00+01:00", "4.1"),
    ];
    // The practice has other codings, the same wording, and UTC.
    let mut na = observation("gp-na", "g1", "Serum sodium", "2025-06-01T08:00:00Z", "140");
    na["code"] = json!({"coding": [{"system": "http://snomed.info/sct", "code": "1000661000000107"}], "text": "Serum Sodium"});
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        na,
        observation("gp-k", "g1", "Serum potassium", "2025-06-01", "4.2"),
    ];
    apply(&s.record, &message("m1", "ZZ9", "edifact-pathology", 0), &lab);
    apply(&s.record, &message("m2", "ZZ1", "gp2gp", 1), &gp);
    let all = || {
        let mut all = told(&summary(&s.record, "l1"), "results");
        all.sort();
        all
    };
    assert_eq!(all(), [vec!["gp-k"], vec!["gp-na", "lab-na"], vec!["lab-k"], vec!["lab-na2"]]);
    // Nothing is deleted.
    assert_eq!(find(&s.record, "Observation", "patient=l1").matches.len(), 5);
    // Parted persons share no facts; the group comes back with the person.
    s.record.unmerge("g1", "a test", "tester", at(5)).unwrap();
    assert_eq!(all(), [["lab-k"], ["lab-na"], ["lab-na2"]]);
    s.record.merge("g1", "l1", "a test", "tester", at(6)).unwrap();
    assert_eq!(all().len(), 4);
}

#[test]
fn what_one_source_measured_twice_stays_two_and_what_it_withdraws_leaves() {
    let s = scratch();
    let n = number(1);
    let p = patient("l1", &n, "Ashdown", "1941-02-03");
    let one = |id: &str| observation(id, "l1", "Serum sodium", "2025-06-01", "140");
    apply(&s.record, &message("m1", "ZZ9", "edifact-pathology", 0), &[p.clone(), one("a"), one("b")]);
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        observation("c", "g1", "Serum sodium", "2025-06-01", "140"),
    ];
    apply(&s.record, &message("m2", "ZZ1", "gp2gp", 1), &gp);
    assert_eq!(told(&summary(&s.record, "l1"), "results"), [vec!["a", "c"], vec!["b"]]);
    let mut gone = one("a");
    gone["status"] = json!("entered-in-error");
    apply(&s.record, &message("m3", "ZZ9", "edifact-pathology", 2), &[p, gone, one("b")]);
    assert_eq!(told(&summary(&s.record, "l1"), "results"), [["b", "c"]]);
}

#[test]
fn a_laboratory_s_result_has_its_time_from_the_specimen_or_the_report() {
    let s = scratch();
    let n = number(1);
    let untimed = |id: &str, text: &str| {
        let mut o = observation(id, "l1", text, "", "140");
        o.as_object_mut().unwrap().shift_remove("effectiveDateTime");
        o
    };
    let mut by_specimen = untimed("a", "Serum sodium");
    by_specimen["specimen"] = json!({"reference": "urn:uuid:sp"});
    let lab = [
        patient("l1", &n, "Ashdown", "1941-02-03"),
        by_specimen,
        untimed("b", "Serum urea"),
        untimed("c", "Serum folate"),
        json!({"resourceType": "Specimen", "id": "sp", "subject": {"reference": "urn:uuid:l1"}, "collection": {"collectedDateTime": "2025-06-01T09:00:00+01:00"}}),
        json!({"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "Biochemistry"}, "subject": {"reference": "urn:uuid:l1"},
            "issued": "2025-06-02T12:00:00+01:00", "result": [{"reference": "urn:uuid:a"}, {"reference": "urn:uuid:b"}]}),
    ];
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        observation("ga", "g1", "Serum sodium", "2025-06-01T08:00:00Z", "140"),
        observation("gb", "g1", "Serum urea", "2025-06-02T00:00:00+01:00", "140"),
        observation("gc", "g1", "Serum folate", "2025-06-02", "140"),
    ];
    apply(&s.record, &message("m1", "ZZ9", "edifact-pathology", 0), &lab);
    apply(&s.record, &message("m2", "ZZ1", "gp2gp", 1), &gp);
    let all = summary(&s.record, "l1");
    let members = told(&all, "results");
    // Each meets its own of the practice; the one without a time meets none.
    for pair in [["a", "ga"], ["b", "gb"]] {
        assert!(members.iter().any(|m| *m == pair), "{members:?}");
    }
    assert!(members.iter().any(|m| *m == ["c"]));
    let a = all
        .part("results")
        .unwrap()
        .facts
        .iter()
        .flat_map(|f| &f.tellings)
        .find(|t| t.key.id == "a")
        .unwrap();
    assert_eq!(a.date, "2025-06-01T09:00:00+01:00");
}

#[test]
fn her_own_words_are_read_once_and_other_words_stay_apart() {
    let s = scratch();
    let p = patient("h1", &number(1), "Ashdown", "1941-02-03");
    let answers = |id: &str, day: &str, said: &str, of: &str| {
        json!({"resourceType": "QuestionnaireResponse", "id": id, "status": "completed",
            "questionnaire": format!("https://fhir.causeway.example/Questionnaire/{of}"),
            "subject": {"reference": "urn:uuid:h1"}, "authored": format!("{day}T11:00:00+01:00"),
            "item": [{"linkId": "1", "text": "What matters", "answer": [{"valueString": said}]}]})
    };
    let about = |id: &str, day: &str, said: &str| answers(id, day, said, "about-me");
    let consent = |id: &str, status: &str| {
        json!({"resourceType": "Consent", "id": id, "status": status, "patient": {"reference": "urn:uuid:h1"},
            "scope": {"text": "Sharing"}, "category": [{"text": "Sharing with care teams"}], "dateTime": "2026-06-01"})
    };
    let told_here = [
        p,
        about("a1", "2026-06-01", "My garden"),
        about("a2", "2026-06-01", "My garden"),
        about("a3", "2026-06-01", "My dog"),
        about("a4", "2026-07-01", "My garden"),
        // An assessment made again is another one.
        answers("b1", "2026-06-01", "My garden", "falls"),
        answers("b2", "2026-07-01", "My garden", "falls"),
        consent("c1", "active"),
        consent("c2", "active"),
        consent("c3", "inactive"),
    ];
    apply(&s.record, &message("m1", "ZC1", "care-provider-record", 0), &told_here);
    let shown = summary(&s.record, "h1");
    let mut all: Vec<Vec<String>> = shown
        .parts
        .iter()
        .flat_map(|part| &part.facts)
        .map(|fact| {
            let mut ids: Vec<String> = fact.tellings.iter().map(|t| t.key.id.clone()).collect();
            ids.sort();
            ids
        })
        .collect();
    all.sort();
    assert_eq!(
        all,
        [vec!["a1", "a2", "a4"], vec!["a3"], vec!["b1"], vec!["b2"], vec!["c1", "c2"], vec!["c3"]]
    );
}
