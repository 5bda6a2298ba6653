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
    let person = s.record.person_of("l1").unwrap().unwrap();
    let groups = s.record.groups(&person).unwrap();
    let members: Vec<Vec<&str>> =
        groups.iter().map(|g| g.members.iter().map(|m| m.key.id.as_str()).collect()).collect();
    assert_eq!(members, [["lab-na", "gp-na"]]);
    assert_eq!(groups[0].members[1].source.organisation, "Organisation ZZ1");
    // Nothing is deleted.
    assert_eq!(find(&s.record, "Observation", "patient=l1").matches.len(), 5);
    // Parted persons share no facts; the group comes back with the person.
    s.record.unmerge("g1", "a test", "tester", at(5)).unwrap();
    assert!(s.record.groups(&person).unwrap().is_empty());
    s.record.merge("g1", "l1", "a test", "tester", at(6)).unwrap();
    assert_eq!(s.record.groups(&person).unwrap().len(), 1);
}

#[test]
fn one_source_s_repetitions_are_no_group_and_a_withdrawn_one_leaves_it() {
    let s = scratch();
    let n = number(1);
    let p = patient("l1", &n, "Ashdown", "1941-02-03");
    let one = |id: &str| observation(id, "l1", "Serum sodium", "2025-06-01", "140");
    apply(&s.record, &message("m1", "ZZ9", "edifact-pathology", 0), &[p.clone(), one("a"), one("b")]);
    let person = s.record.person_of("l1").unwrap().unwrap();
    assert!(s.record.groups(&person).unwrap().is_empty());
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        observation("c", "g1", "Serum sodium", "2025-06-01", "140"),
    ];
    apply(&s.record, &message("m2", "ZZ1", "gp2gp", 1), &gp);
    assert_eq!(s.record.groups(&person).unwrap()[0].members.len(), 3);
    let mut gone = one("b");
    gone["status"] = json!("entered-in-error");
    apply(&s.record, &message("m3", "ZZ9", "edifact-pathology", 2), &[p, one("a"), gone]);
    assert_eq!(s.record.groups(&person).unwrap()[0].members.len(), 2);
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
    let person = s.record.person_of("l1").unwrap().unwrap();
    let groups = s.record.groups(&person).unwrap();
    let members: Vec<Vec<&str>> =
        groups.iter().map(|g| g.members.iter().map(|m| m.key.id.as_str()).collect()).collect();
    // All have the same Read code, so that each meets the others of its day; the one without a time meets none.
    assert!(members.iter().flatten().all(|id| *id != "c"));
    assert!(members.iter().any(|m| m.contains(&"a") && m.contains(&"ga")), "{members:?}");
    assert!(members.iter().any(|m| m.contains(&"b") && m.contains(&"gb")), "{members:?}");
    let sections = s.record.sections(&person, &[]).unwrap().unwrap();
    let a = sections.sections.iter().flat_map(|s| &s.entries).find(|e| e.key.id == "a").unwrap();
    assert_eq!((a.date.as_str(), a.same_as[0].key.id.as_str()), ("2025-06-01T09:00:00+01:00", "ga"));
}
