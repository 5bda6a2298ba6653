use causeway_record::{PersonQuery, Record};
use serde_json::{Value, json};

use crate::support::*;

/// Applies Patients, each from a sender of its own, and gives how many persons they make.
fn persons(patients: &[Value]) -> (Scratch, usize) {
    let s = scratch();
    for (n, p) in patients.iter().enumerate() {
        apply(
            &s.record,
            &message(&format!("m{n}"), &format!("ZZ{n}"), "careconnect", n as i64),
            std::slice::from_ref(p),
        );
    }
    let count = s.record.figures().unwrap().persons as usize;
    (s, count)
}

fn reasons(record: &Record) -> Vec<String> {
    record.reviews(true, 100).unwrap().into_iter().map(|r| r.reason).collect()
}

fn number_as(id: &str, system_value: (&str, &str), r#use: &str, family: &str, born: &str) -> Value {
    let mut p = patient(id, "", family, born);
    p["identifier"] = json!([{"use": r#use, "system": system_value.0, "value": system_value.1}]);
    p
}

#[test]
fn who_is_joined_and_who_is_not() {
    let (n1, n2) = (number(1), number(2));
    let bad = "9990000019";
    let a = |id: &str, n: &str| patient(id, n, "Ashdown", "1941-02-03");
    let no_number = |id: &str, family: &str, born: &str| patient(id, "", family, born);
    let mut old = a("p2", &n2);
    old["identifier"].as_array_mut().unwrap().push(json!({"system": NHS, "value": n1, "use": "old"}));
    let mut old_other = old.clone();
    old_other["birthDate"] = json!("1950-01-01");
    let cases: Vec<(&str, Vec<Value>, usize, Vec<&str>)> = vec![
        ("same number", vec![a("p1", &n1), a("p2", &n1)], 1, vec![]),
        (
            "same number with blanks",
            vec![a("p1", &n1), a("p2", &format!("{} {} {}", &n1[..3], &n1[3..6], &n1[6..]))],
            1,
            vec![],
        ),
        ("other number", vec![a("p1", &n1), a("p2", &n2)], 2, vec![]),
        ("married", vec![a("p1", &n1), patient("p2", &n1, "Beech", "1941-02-03")], 1, vec![]),
        ("misread birth", vec![a("p1", &n1), patient("p2", &n1, "ASHDOWN", "1941-03-02")], 1, vec![]),
        ("partial birth", vec![a("p1", &n1), patient("p2", &n1, "Beech", "1941")], 1, vec![]),
        (
            "contradicting",
            vec![a("p1", &n1), patient("p2", &n1, "Beech", "1950-01-01")],
            2,
            vec!["demographics-contradict"],
        ),
        ("invalid number", vec![a("p1", bad), a("p2", bad)], 2, vec![]),
        ("filler", vec![a("p1", "0000000000"), a("p2", "0000000000")], 2, vec![]),
        (
            "nothing in common",
            vec![no_number("p1", "Ashdown", "1941-02-03"), no_number("p2", "Ashdown", "1941-02-03")],
            2,
            vec![],
        ),
        ("local", vec![with_local(a("p1", ""), "77"), with_local(a("p2", ""), "77")], 2, vec![]),
        ("local id", vec![with_local(a("p1", ""), "H771"), with_local(a("p2", &n1), "H771")], 1, vec![]),
        (
            "local, numbers differ",
            vec![with_local(a("p1", &n2), "H771"), with_local(a("p2", &n1), "H771")],
            2,
            vec!["nhs-numbers-differ"],
        ),
        (
            "local, contradicting",
            vec![
                with_local(a("p1", ""), "H771"),
                with_local(patient("p2", "", "Beech", "1950-01-01"), "H771"),
            ],
            2,
            vec!["demographics-contradict"],
        ),
        ("superseded", vec![a("p1", &n1), old.clone()], 1, vec![]),
        (
            "superseded, not confirmed",
            vec![a("p1", &n1), old_other],
            2,
            vec!["superseded-number-not-confirmed"],
        ),
        (
            "old number only",
            vec![a("p1", &n1), number_as("p2", (NHS, &n1), "old", "Ashdown", "1941-02-03")],
            1,
            vec![],
        ),
        (
            "through a third",
            vec![with_local(a("p1", &n1), "H771"), a("p2", &n1), with_local(a("p3", ""), "H771")],
            1,
            vec![],
        ),
        (
            "a bridge between two numbers",
            vec![a("p1", &n1), with_local(a("p2", &n2), "H771"), with_local(a("p3", &n1), "H771")],
            2,
            vec!["nhs-numbers-differ"],
        ),
        (
            "no system",
            vec![
                number_as("p1", ("", "H771"), "usual", "A", ""),
                number_as("p2", ("", "H771"), "usual", "A", ""),
            ],
            2,
            vec![],
        ),
    ];
    for (name, patients, expected, reviews) in cases {
        let (s, count) = persons(&patients);
        assert_eq!(count, expected, "{name}");
        assert_eq!(reasons(&s.record), reviews, "{name}");
        // Whatever the order.
        let backwards: Vec<Value> = patients.into_iter().rev().collect();
        let (s, count) = persons(&backwards);
        assert_eq!((count, reasons(&s.record).len()), (expected, reviews.len()), "{name} backwards");
    }
}

#[test]
fn patients_stay_as_told_and_the_rule_of_display_chooses() {
    let n = number(1);
    let mut verified = patient("p1", &n, "Ashdown", "1941-02-03");
    verified["identifier"][0]["extension"] = json!([{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"code": "number-present-and-verified"}]}}]);
    let (s, _) = persons(&[
        verified,
        patient("p2", &n, "Ashdown-Beech", "1941-02-03"),
        patient("p3", &n, "Ashdown", "1941-02-04"),
    ]);
    let id = s.record.person_of("p2").unwrap().unwrap();
    let person = s.record.person(&id).unwrap().unwrap();
    assert_eq!(person.display_patient, "p1", "verified before newer");
    assert_eq!(person.members.len(), 3);
    let differing: Vec<_> = person.differences.iter().map(|d| d.element).collect();
    assert_eq!(differing, ["birthDate", "family"]);
    assert_eq!(person.decisions.first().map(|d| d.reason.as_str()), Some("same-nhs-number"));
    assert_eq!(
        s.record.read_resource("Patient", "p2").unwrap().unwrap().resource["name"][0]["family"],
        "Ashdown-Beech"
    );
    for (text, born, found) in [
        ("", "", 1),
        (n.as_str(), "", 1),
        ("ashd", "", 1),
        ("Testa", "", 1),
        ("ashd", "1941-02-04", 1),
        ("ashd", "1930-01-01", 0),
        ("", "1941-02-03", 1),
        ("zzz", "", 0),
        ("a", "nonsense", 0),
    ] {
        let query = PersonQuery { text: text.into(), birth_date: born.into(), ..PersonQuery::default() };
        assert_eq!(s.record.persons(&query).unwrap().len(), found, "{text} {born}");
    }
}

fn merged(gone: &str, survivor: &str) -> Vec<Value> {
    vec![
        json!({"resourceType": "Patient", "id": gone, "active": false,
            "link": [{"other": {"reference": format!("urn:uuid:{survivor}")}, "type": "replaced-by"}]}),
        json!({"resourceType": "Patient", "id": survivor,
            "link": [{"other": {"reference": format!("Patient/{gone}")}, "type": "replaces"}]}),
    ]
}

#[test]
fn a40_merges_and_unmerge_parts_for_good() {
    let s = scratch();
    let (n1, n2) = (number(1), number(2));
    let send = |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
    send(
        1,
        &[
            patient("p1", &n1, "Ashdown", "1941-02-03"),
            observation("o1", "p1", "Sodium", "2025-06-01", "140"),
        ],
    );
    send(
        2,
        &[patient("p2", &n2, "Beech", "1950-01-01"), observation("o2", "p2", "Sodium", "2025-06-02", "141")],
    );
    let (one, two) = (s.record.person_of("p1").unwrap().unwrap(), s.record.person_of("p2").unwrap().unwrap());
    assert_ne!(one, two);
    send(3, &merged("p1", "p2"));
    assert_eq!(s.record.person_of("p1").unwrap(), Some(two.clone()), "the survivor's person stays");
    let person = s.record.person(&one).unwrap().unwrap();
    assert_eq!(
        (person.id.as_str(), person.display_patient.as_str(), person.merged.as_slice()),
        (two.as_str(), "p2", &[one.clone()][..])
    );
    assert!(
        person
            .members
            .iter()
            .any(|m| m.patient == "p1" && m.replaced_by == "p2" && m.demographics.family == "Ashdown")
    );
    assert_eq!(find(&s.record, "Observation", "patient=p2").matches.len(), 2);

    let back = s.record.unmerge("p1", "two women of one household", "privacy-officer", at(9)).unwrap();
    assert_eq!(back, one, "the person that was merged away stands again");
    assert_eq!(ids(&find(&s.record, "Observation", "patient=p2")), ["o2"]);
    // The source says it again: the user's word holds.
    send(4, &merged("p1", "p2"));
    let mut again = patient("p1", &n2, "Beech", "1950-01-01");
    again["active"] = json!(true);
    send(5, &[again]);
    assert_eq!(s.record.person_of("p1").unwrap(), Some(one.clone()));
    assert!(s.record.unmerge("p1", "", "x", at(9)).is_err());
    // Until a user says otherwise.
    s.record.merge("p1", "p2", "the same after all", "privacy-officer", at(10)).unwrap();
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    assert!(s.record.merge("p1", "p2", "", "x", at(10)).is_err());
    let kinds: Vec<String> = s.record.decisions("", 100).unwrap().into_iter().map(|d| d.kind).collect();
    assert_eq!(kinds, ["merged", "unmerged", "merged", "created", "created"]);
}

#[test]
fn a_merge_may_come_before_its_patients_and_only_from_their_sender() {
    let s = scratch();
    let links = merged("p1", "p2");
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), &links[1..]);
    apply(
        &s.record,
        &message("m2", "ZZ1", "hl7v2", 1),
        &[patient("p1", &number(1), "Ashdown", "1941-02-03")],
    );
    let person = s.record.person(&s.record.person_of("p1").unwrap().unwrap()).unwrap().unwrap();
    assert_eq!((person.members.len(), person.display_patient.as_str()), (2, "p2"));
    // A stranger's merge of somebody else's Patient.
    let mut evil = patient("x1", "", "Moor", "1960-01-01");
    evil["link"] = json!([{"other": {"reference": "Patient/p1"}, "type": "replaces"}, {"other": {"reference": "Patient/later"}, "type": "replaces"}]);
    let out = apply(&s.record, &message("m3", "ZZ2", "hl7v2", 2), &[evil]);
    assert!(out.issues.iter().any(|i| i.rule == "merge-across-sources"));
    apply(&s.record, &message("m4", "ZZ1", "hl7v2", 3), &[patient("later", "", "Beech", "1950-01-01")]);
    let all: std::collections::HashSet<_> =
        ["x1", "p1", "later"].map(|p| s.record.person_of(p).unwrap()).into_iter().collect();
    assert_eq!(all.len(), 3);
}

#[test]
fn a_corrected_number_takes_the_patient_out_and_asks() {
    let s = scratch();
    let (n1, n2) = (number(1), number(2));
    let p = |n: &str| patient("p1", n, "Ashdown", "1941-02-03");
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &[p(&n1)]);
    apply(&s.record, &message("m2", "ZZ2", "careconnect", 1), &[patient("p2", &n1, "Ashdown", "1941-02-03")]);
    apply(&s.record, &message("m3", "ZZ3", "careconnect", 2), &[patient("p3", &n2, "Ashdown", "1941-02-03")]);
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    let out = apply(&s.record, &message("m4", "ZZ1", "careconnect", 3), &[p(&n2)]);
    assert!(out.issues.iter().any(|i| i.rule == "identifier-changed"));
    assert_ne!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p3").unwrap());
    let review = s.record.reviews(true, 10).unwrap().remove(0);
    s.record.close_review(review.number, "looked at", "privacy-officer", at(9)).unwrap();
    assert!(s.record.close_review(review.number, "again", "privacy-officer", at(9)).is_err());
    assert!(s.record.reviews(true, 10).unwrap().is_empty());
    assert_eq!(s.record.reviews(false, 10).unwrap().len(), 1);
}
