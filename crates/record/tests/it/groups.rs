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
