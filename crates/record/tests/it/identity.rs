use causeway_record::{Answer, PersonQuery, Record};
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

fn named(id: &str, number: &str, family: &str, given: &str, sex: &str, born: &str) -> Value {
    let mut p = patient(id, number, family, born);
    p["name"][0]["given"] = json!([given]);
    p["gender"] = json!(sex);
    p
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
        (
            "birth date alone",
            vec![a("p1", &n1), patient("p2", &n1, "ASHDOWN", "1941-03-02")],
            2,
            vec!["birth-date-contradicts"],
        ),
        (
            "brother and sister",
            vec![a("p1", &n1), named("p2", &n1, "Ashdown", "Walter", "male", "1941-02-03")],
            2,
            vec!["given-name-and-sex-contradict"],
        ),
        (
            "sex alone",
            vec![a("p1", &n1), named("p2", &n1, "Ashdown", "Testa", "male", "1941-02-03")],
            1,
            vec![],
        ),
        (
            "known as",
            vec![a("p1", &n1), named("p2", &n1, "Ashdown", "Queenie", "female", "1941-02-03")],
            1,
            vec![],
        ),
        (
            "another woman of that day",
            vec![a("p1", &n1), named("p2", &n1, "Larch", "Susan", "female", "1941-02-03")],
            2,
            vec!["names-contradict"],
        ),
        ("partial birth", vec![a("p1", &n1), patient("p2", &n1, "Beech", "1941")], 1, vec![]),
        (
            "contradicting",
            vec![a("p1", &n1), patient("p2", &n1, "Beech", "1950-01-01")],
            2,
            vec!["demographics-contradict"],
        ),
        ("invalid number", vec![a("p1", bad), a("p2", bad)], 2, vec!["look-alike"]),
        ("filler", vec![a("p1", "0000000000"), a("p2", "0000000000")], 2, vec!["look-alike"]),
        (
            "nothing in common",
            vec![no_number("p1", "Ashdown", "1941-02-03"), no_number("p2", "Ashdown", "1941-02-03")],
            2,
            vec!["look-alike"],
        ),
        (
            "twins without a number",
            vec![
                named("p1", "", "Ashdown", "Ida", "female", "1941-02-03"),
                named("p2", "", "Ashdown", "Olive", "female", "1941-02-03"),
            ],
            2,
            vec![],
        ),
        ("local", vec![with_local(a("p1", ""), "77"), with_local(a("p2", ""), "77")], 2, vec!["look-alike"]),
        (
            "local id rounded by a spreadsheet",
            vec![
                with_local(a("p1", ""), "4.47E+06"),
                with_local(named("p2", "", "Larch", "Susan", "female", "1950-01-01"), "4.47E+06"),
            ],
            2,
            vec![],
        ),
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
        patient("p3", &n, "Ashdown", "1941-02"),
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
        ("ashd", "1941-02-03", 1),
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
    let n2 = number(2);
    let send = |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
    send(
        1,
        &[patient("p1", "", "Ashdown", "1941-02-03"), observation("o1", "p1", "Sodium", "2025-06-01", "140")],
    );
    send(
        2,
        &[patient("p2", &n2, "Beech", "1941-02-03"), observation("o2", "p2", "Sodium", "2025-06-02", "141")],
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
    // Told again, nothing happens; told the other way round, the other survives.
    send(4, &merged("p1", "p2"));
    send(5, &merged("p2", "p1"));
    let person = s.record.person(&one).unwrap().unwrap();
    let survivors: Vec<(&str, &str)> =
        person.members.iter().map(|m| (m.patient.as_str(), m.replaced_by.as_str())).collect();
    assert_eq!(survivors, [("p1", ""), ("p2", "p1")]);

    let back = s.record.unmerge("p1", "two women of one household", "privacy-officer", at(9)).unwrap();
    assert_eq!(back, one, "the person that was merged away stands again");
    assert_eq!(ids(&find(&s.record, "Observation", "patient=p2")), ["o2"]);
    // The source says it again: the user's word holds.
    send(6, &merged("p1", "p2"));
    let mut again = patient("p1", &n2, "Beech", "1941-02-03");
    again["active"] = json!(true);
    send(7, &[again]);
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
fn merges_chain_and_one_of_two_who_differ_is_asked_about() {
    let s = scratch();
    let send = |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
    let p = |id: &str, born: &str| patient(id, "", "Ashdown", born);
    send(1, &[p("p1", "1941-02-03")]);
    send(2, &[p("p2", "1941-02-03")]);
    send(3, &[p("p3", "")]);
    send(4, &merged("p1", "p2"));
    send(5, &merged("p2", "p3"));
    let of = |id: &str| s.record.person_of(id).unwrap();
    assert!(of("p1") == of("p2") && of("p2") == of("p3"));
    // A circle: the last one says who survives, and one of them does.
    send(50, &merged("p3", "p1"));
    let person = s.record.person(&of("p1").unwrap()).unwrap().unwrap();
    let survivors: Vec<(&str, &str)> =
        person.members.iter().map(|m| (m.patient.as_str(), m.replaced_by.as_str())).collect();
    assert_eq!(survivors, [("p1", ""), ("p3", "p1"), ("p2", "p3")]);

    // Two who differ in number, name, birth date and sex.
    send(6, &[named("x1", &number(1), "Moor", "Walter", "male", "1960-01-01")]);
    send(7, &[named("x2", &number(2), "Beech", "Ida", "female", "1950-01-01")]);
    let out = send(8, &merged("x1", "x2"));
    assert!(out.issues.iter().any(|i| i.rule == "merge-contradicts"));
    assert_ne!(of("x1"), of("x2"));
    assert_eq!(of("x1"), of("x1"));
    // A user confirms it, takes it back, and keeps them apart for good.
    let review =
        s.record.reviews(true, 10).unwrap().into_iter().find(|r| r.reason == "merge-contradicts").unwrap();
    let answer =
        |answer| s.record.answer_review(review.number, answer, "seen in person", "privacy-officer", at(20));
    answer(Answer::SamePerson).unwrap();
    assert_eq!(of("x1"), of("x2"));
    assert!(answer(Answer::SamePerson).is_err(), "it is closed");
    s.record.undo_review(review.number, "wrong folder", "privacy-officer", at(21)).unwrap();
    assert_ne!(of("x1"), of("x2"));
    assert!(s.record.review(review.number).unwrap().unwrap().closed.is_none());
    answer(Answer::DifferentPeople).unwrap();
    send(9, &merged("x1", "x2"));
    assert_ne!(of("x1"), of("x2"));
    let outcome = s.record.review(review.number).unwrap().unwrap().outcome;
    assert_eq!(outcome, "different people: seen in person (privacy-officer)");
    let kinds: Vec<String> =
        s.record.decisions(&of("x1").unwrap(), 10).unwrap().into_iter().map(|d| d.kind).collect();
    assert_eq!(kinds, ["kept-apart", "undone", "merged", "refused", "created"]);
}

#[test]
fn a_source_that_tells_somebody_else_under_its_identifier_moves_nobody_s_facts() {
    let (n1, n2) = (number(1), number(2));
    let walter = || with_local(named("p1", &n1, "Moor", "Walter", "male", "1960-01-01"), "H771");
    let ida = || with_local(named("p1", &n2, "Beech", "Ida", "female", "1950-01-01"), "H771");
    for arrives_late in [false, true] {
        let s = scratch();
        let send =
            |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
        let first = [walter(), observation("o1", "p1", "Haemoglobin", "2025-06-01", "61")];
        let second = [ida(), observation("o2", "p1", "Haemoglobin", "2025-07-01", "131")];
        if arrives_late {
            send(1, &second);
            send(2, &first);
        } else {
            send(1, &first);
            let out = send(2, &second);
            assert!(out.issues.iter().any(|i| i.rule == "identity-changed-at-source"));
        }
        let by = |number: &str| {
            let query = PersonQuery { text: number.to_owned(), ..PersonQuery::default() };
            let row = s.record.persons(&query).unwrap().remove(0);
            let person = s.record.person(&row.id).unwrap().unwrap();
            let results = find(&s.record, "Observation", &format!("patient={}", person.display_patient));
            (person.display.given.clone(), ids(&results).iter().map(|i| (*i).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(by(&n1), ("Walter".to_owned(), vec!["o1".to_owned()]));
        assert_eq!(by(&n2), ("Ida".to_owned(), vec!["o2".to_owned()]));
        assert_eq!(reasons(&s.record), ["identity-changed-at-source"]);
        // The next of each finds its own; one that tells nothing of who it is is of whom was told last.
        send(3, &[walter(), observation("o3", "p1", "Haemoglobin", "2025-08-01", "99")]);
        send(4, &[observation("o4", "p1", "Haemoglobin", "2025-08-02", "98")]);
        assert_eq!(by(&n1).1.len(), 3, "{arrives_late}");
        assert_eq!(reasons(&s.record).len(), 1);
        // It was a correction after all: all is one person's.
        s.record.answer_review(1, Answer::SamePerson, "misfiled", "privacy-officer", at(9)).unwrap();
        assert_eq!(by(&n1).1.len(), 4);
        assert_eq!(s.record.figures().unwrap().persons, 1);
    }
}

#[test]
fn the_event_s_time_decides_and_not_arrival() {
    let s = scratch();
    let told = |family: &str, recorded: &str| {
        vec![
            patient("p1", &number(1), family, "1941-02-03"),
            json!({"resourceType": "Provenance", "id": format!("v-{family}"), "recorded": recorded,
                "target": [{"reference": "urn:uuid:p1"}]}),
        ]
    };
    let send = |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
    send(1, &told("Ashdown", "2025-06-01T09:00:00Z"));
    let out = send(2, &told("Beech", "2025-05-01T09:00:00Z"));
    assert!(out.late.iter().any(|k| k.id == "p1"));
    let family =
        || s.record.read_resource("Patient", "p1").unwrap().unwrap().resource["name"][0]["family"].clone();
    assert_eq!(family(), "Ashdown");
    assert_eq!(s.record.history("Patient", "p1").unwrap().len(), 2, "kept in the history");
    // A clock that runs ahead keeps nothing out.
    send(3, &told("Larch", "2099-01-01T09:00:00Z"));
    send(4, &told("Ashdown-Larch", "2099-01-01T09:00:00Z"));
    assert_eq!(family(), "Ashdown-Larch");
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
fn a_changed_number_is_told_apart_and_asked_about() {
    let s = scratch();
    let (n1, n2) = (number(1), number(2));
    let p = |n: &str| patient("p1", n, "Ashdown", "1941-02-03");
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &[p(&n1)]);
    apply(&s.record, &message("m2", "ZZ2", "careconnect", 1), &[patient("p2", &n1, "Ashdown", "1941-02-03")]);
    apply(&s.record, &message("m3", "ZZ3", "careconnect", 2), &[patient("p3", &n2, "Ashdown", "1941-02-03")]);
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    let out = apply(&s.record, &message("m4", "ZZ1", "careconnect", 3), &[p(&n2)]);
    assert!(out.issues.iter().any(|i| i.rule == "identity-changed-at-source"));
    // What was told before stays; what is told now is of whoever has that number.
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    let second = s.record.person(&s.record.person_of("p3").unwrap().unwrap()).unwrap().unwrap();
    assert_eq!(second.members.len(), 2);
    let review = s.record.reviews(true, 10).unwrap().remove(0);
    s.record.answer_review(review.number, Answer::Close, "looked at", "privacy-officer", at(9)).unwrap();
    assert!(s.record.answer_review(review.number, Answer::Close, "again", "privacy-officer", at(9)).is_err());
    assert!(s.record.reviews(true, 10).unwrap().is_empty());
    assert_eq!(s.record.reviews(false, 10).unwrap().len(), 1);
    // A number that the source itself calls superseded changes nobody.
    let mut renumbered = patient("p3", &number(3), "Ashdown", "1941-02-03");
    renumbered["identifier"].as_array_mut().unwrap().push(json!({"system": NHS, "value": n2, "use": "old"}));
    let out = apply(&s.record, &message("m5", "ZZ3", "careconnect", 4), &[renumbered]);
    assert!(!out.issues.iter().any(|i| i.rule == "identity-changed-at-source"), "{:?}", out.issues);
}

#[test]
fn a_patient_whose_details_come_to_contradict_its_person_leaves_it() {
    let s = scratch();
    let n1 = number(1);
    let bare = |born: &str| patient("p1", &n1, "Ashdown", born);
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &[bare("")]);
    apply(&s.record, &message("m2", "ZZ2", "careconnect", 1), &[patient("p2", &n1, "Ashdown", "1941-02-03")]);
    assert_eq!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    apply(&s.record, &message("m3", "ZZ1", "careconnect", 2), &[bare("1978-11-30")]);
    assert_ne!(s.record.person_of("p1").unwrap(), s.record.person_of("p2").unwrap());
    assert!(reasons(&s.record).contains(&"identifier-changed".to_owned()));
}

/// What was decided in one record is brought into another of the same messages: the two say the same, however often it is
/// brought.
#[test]
fn a_decision_made_elsewhere_is_carried_out_once() {
    let told = || {
        let s = scratch();
        let send =
            |n: i64, all: &[Value]| apply(&s.record, &message(&format!("m{n}"), "ZZ1", "hl7v2", n), all);
        send(1, &[named("x1", &number(1), "Moor", "Walter", "male", "1960-01-01")]);
        send(2, &[named("x2", &number(2), "Beech", "Ida", "female", "1950-01-01")]);
        send(3, &merged("x1", "x2"));
        // One person by an identifier, until somebody says otherwise.
        send(4, &[with_local(named("y1", "", "Ashdown", "Wren", "female", "1962-04-11"), "H1")]);
        send(5, &[with_local(named("y2", "", "Ashdown", "Wren", "female", "1962-04-11"), "H1")]);
        s
    };
    let open = |s: &Scratch| s.record.reviews(true, 10).unwrap().len();
    for (answers, apart) in [
        (&[Some(Answer::SamePerson)][..], false),
        (&[Some(Answer::DifferentPeople)], true),
        (&[Some(Answer::Close)], true),
        (&[Some(Answer::SamePerson), None], true),
        (&[Some(Answer::DifferentPeople), None], true),
    ] {
        let (one, other, late) = (told(), told(), told());
        let review = one.record.reviews(true, 10).unwrap().remove(0);
        for (n, answer) in answers.iter().enumerate() {
            let at = at(20 + n as i64);
            match answer {
                Some(answer) => one.record.answer_review(review.number, *answer, "why", "officer", at),
                None => one.record.undo_review(review.number, "why", "officer", at),
            }
            .unwrap();
            // The other record hears of each, a third one of the last alone.
            assert!(other.record.settle("x2", "x1", *answer, "why", "officer", at).unwrap(), "{answers:?}");
            assert!(!other.record.settle("x1", "x2", *answer, "why", "officer", at).unwrap(), "{answers:?}");
        }
        late.record.settle("x1", "x2", answers[answers.len() - 1], "why", "officer", at(30)).unwrap();
        for s in [&one, &other, &late] {
            let of = |id: &str| s.record.person_of(id).unwrap();
            assert_eq!(of("x1") != of("x2"), apart, "{answers:?}");
            assert_eq!(open(s), open(&one), "{answers:?}");
            assert_eq!(s.record.digest().unwrap(), one.record.digest().unwrap(), "{answers:?}");
        }
    }
    // Where nobody was asked: kept apart, then held together although an identifier does.
    let s = told();
    let of = |id: &str| s.record.person_of(id).unwrap();
    let settle = |answer| s.record.settle("y1", "y2", answer, "why", "officer", at(40)).unwrap();
    assert_eq!(of("y1"), of("y2"));
    assert!(settle(Some(Answer::DifferentPeople)) && of("y1") != of("y2"));
    assert!(!settle(Some(Answer::DifferentPeople)));
    assert!(settle(Some(Answer::SamePerson)) && of("y1") == of("y2"));
    assert!(!settle(Some(Answer::SamePerson)));
    assert!(s.record.settle("y1", "nobody", None, "why", "officer", at(41)).is_err());
}
