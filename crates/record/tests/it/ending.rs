//! Records end when nothing was told of a person for long enough.

use std::collections::BTreeSet;

use causeway_record::{HistoryQuery, SummaryQuery, VersionState};
use serde_json::json;

use crate::support::*;

/// Whether a file of the record, or its log, holds a word, packed or not.
fn says(scratch: &Scratch, word: &str) -> bool {
    ["", "-wal"].iter().any(|ending| {
        let mut name = scratch.path.clone().into_os_string();
        name.push(ending);
        let bytes = std::fs::read(name).unwrap_or_default();
        let has = |bytes: &[u8]| bytes.windows(word.len()).any(|w| w == word.as_bytes());
        has(&bytes) || causeway_pack::texts_in(&bytes).any(|text| has(&text))
    })
}

/// An alarm of a unit whose controller nobody is known by, with what it was sent by.
fn alarm(id: &str, controller: &str, device: &str) -> [serde_json::Value; 2] {
    [
        json!({"resourceType": "Device", "id": device, "deviceName": [{"name": format!("{device} pendant"), "type": "user-friendly-name"}]}),
        json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": format!("{id} fall")},
            "subject": {"type": "Patient", "identifier": {"system": "https://fhir.causeway.example/Id/telecare-controller", "value": controller}},
            "device": {"reference": format!("urn:uuid:{device}")}, "effectiveDateTime": "2026-09-14"}),
    ]
}

#[test]
fn what_waits_for_a_person_who_does_not_become_known_ends() {
    let scratch = scratch();
    let record = &scratch.record;
    apply(record, &message("m1", "ZZ11", "telecare-alarm", 0), &alarm("o1", "77011", "old-device"));
    apply(record, &message("m2", "ZZ12", "telecare-alarm", 0), &alarm("o2", "77022", "shared-device"));
    apply(record, &message("m3", "ZZ12", "care-provider-record", 5), &alarm("o3", "77022", "shared-device"));
    apply(record, &message("m4", "ZZ14", "telecare-alarm", 0), &alarm("o4", "77044", "d4"));
    let mut known = patient("p4", &number(4), "KNOWNZEBRA", "1950-01-01");
    let controller =
        json!({"system": "https://fhir.causeway.example/Id/telecare-controller", "value": "77044"});
    known["identifier"].as_array_mut().unwrap().push(controller);
    let none = BTreeSet::new();
    let waited = |minute: i64, held: &BTreeSet<String>| {
        let due = record.due(at(minute), held).unwrap();
        (due.waited.iter().map(|f| f.id.clone()).collect::<Vec<_>>(), due.held)
    };
    assert_eq!(waited(1, &none).0, ["o1", "o2", "o4"]);
    let gone = record.due(at(1), &none).unwrap().waited.pop().unwrap();
    apply(record, &message("m5", "ZZ2", "hl7v2", 6), &[known]);
    assert_eq!(waited(0, &none).0, Vec::<String>::new());
    assert_eq!(waited(1, &none).0, ["o1", "o2"], "one became known");
    assert_eq!(waited(1, &BTreeSet::from(["m1".to_owned()])), (vec!["o2".to_owned()], 1));
    assert!(!record.end_waited(&gone, at(1), at(9)).unwrap(), "it waits no more");
    record.empty_log().unwrap();
    assert!(says(&scratch, "o1 fall"), "the control");
    for fact in record.due(at(1), &none).unwrap().waited {
        assert!(!record.end_waited(&fact, at(0), at(9)).unwrap(), "told since");
        assert!(record.end_waited(&fact, at(1), at(9)).unwrap());
        assert!(!record.end_waited(&fact, at(1), at(9)).unwrap(), "once");
    }
    record.empty_log().unwrap();
    assert!(!says(&scratch, "old-device pendant"));
    assert!(!says(&scratch, "o1 fall"));
    let state = |kind: &str, id: &str| record.read_resource(kind, id).unwrap().unwrap().state;
    for (kind, id) in [("Observation", "o1"), ("Device", "old-device"), ("Observation", "o2")] {
        assert_eq!(state(kind, id), VersionState::Deleted, "{id}");
    }
    for (kind, id) in
        [("Observation", "o3"), ("Device", "shared-device"), ("Observation", "o4"), ("Device", "d4")]
    {
        assert_ne!(state(kind, id), VersionState::Deleted, "{id}");
    }
    assert_eq!(waited(9, &none).0, ["o3"]);
    assert_eq!(record.examine().unwrap(), []);
}

#[test]
fn what_outlived_its_time_is_gone_and_its_neighbours_stand() {
    let scratch = scratch();
    let record = &scratch.record;
    // Two people, one of whom was told of again later; a ward that both were on, and one that only the first was on.
    let place = |id: &str, name: &str| json!({"resourceType": "Location", "id": id, "name": name});
    let visit = |id: &str, patient: &str, place: &str| {
        json!({"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "IMP"},
            "subject": {"reference": format!("urn:uuid:{patient}")},
            "location": [{"location": {"reference": format!("urn:uuid:{place}")}}]})
    };
    let old = message("m1", "ZZ1", "hl7v2", 0);
    let told = [
        with_local(patient("p1", &number(1), "OLDZEBRA", "1950-01-01"), "77-OLDZEBRA"),
        observation("o1", "p1", "OLDZEBRA sodium", "2025-06-01", "140"),
        place("l1", "OLDZEBRA cottage"),
        place("l2", "SHAREDZEBRA ward"),
        visit("e1", "p1", "l1"),
        visit("e2", "p1", "l2"),
    ];
    apply(record, &old, &told);
    let other = message("m2", "ZZ2", "hl7v2", 1);
    apply(
        record,
        &other,
        &[
            patient("p2", &number(2), "KEPTZEBRA", "1960-01-01"),
            place("l2x", "other"),
            visit("e3", "p2", "l2x"),
        ],
    );
    let shared = message("m3", "ZZ1", "hl7v2", 2);
    apply(
        record,
        &shared,
        &[
            patient("p3", &number(3), "THIRDZEBRA", "1970-01-01"),
            place("l2", "SHAREDZEBRA ward"),
            visit("e4", "p3", "l2"),
        ],
    );
    record.empty_log().unwrap();
    assert!(says(&scratch, "OLDZEBRA"), "the control");
    let person = record.person_of("p1").unwrap().unwrap();
    let none = BTreeSet::new();
    assert_eq!(record.due(at(0), &none).unwrap().persons, []);
    let due = record.due(at(1), &none).unwrap();
    assert_eq!(
        due.persons.iter().map(|p| (p.person.as_str(), p.last)).collect::<Vec<_>>(),
        [(person.as_str(), at(0))]
    );
    assert_eq!(due.persons[0].patients, ["p1"]);
    // A hold on the message that told of them.
    let held = record.due(at(1), &BTreeSet::from(["m1".to_owned()])).unwrap();
    assert_eq!((held.persons.len(), held.held), (0, 1));
    // Told of since: not ended, whatever was said before.
    assert!(!record.end_person(&person, at(0), at(9)).unwrap());
    assert!(record.end_person(&person, at(1), at(9)).unwrap());
    assert!(!record.end_person(&person, at(1), at(9)).unwrap(), "once");
    record.empty_log().unwrap();
    assert!(!says(&scratch, "OLDZEBRA"));
    assert!(says(&scratch, "SHAREDZEBRA") && says(&scratch, "KEPTZEBRA") && says(&scratch, "THIRDZEBRA"));
    assert_eq!(record.person_of("p1").unwrap(), None);
    assert_eq!(record.summary(&person, &SummaryQuery::default(), None).unwrap().map(|_| ()), None);
    for (kind, id) in [("Patient", "p1"), ("Observation", "o1"), ("Location", "l1"), ("Encounter", "e2")] {
        let version = record.read_resource(kind, id).unwrap().unwrap();
        assert_eq!(version.state, VersionState::Deleted, "{kind}/{id}");
        for version in record.history(kind, id).unwrap() {
            let keys: Vec<&String> = version.resource.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["resourceType", "id", "meta"], "{kind}/{id}");
        }
        assert_eq!(ids(&find(record, kind, "")).iter().filter(|found| **found == id).count(), 0);
    }
    assert_eq!(ids(&find(record, "Location", "")), ["l2", "l2x"]);
    assert_eq!(ids(&find(record, "Patient", &format!("identifier={}", number(1)))), Vec::<&str>::new());
    let all = record.history_of_all(&HistoryQuery::default(), "").unwrap().bundle;
    assert!(!all.to_string().contains("OLDZEBRA") && all.to_string().contains("KEPTZEBRA"));
    assert_eq!(record.examine().unwrap(), []);
    // The message that was taken in stays taken in; a later one makes the person anew.
    assert!(apply(record, &old, &told).repeated);
    assert_eq!(record.person_of("p1").unwrap(), None);
    let later = message("m4", "ZZ1", "careconnect", 20);
    let applied = apply(record, &later, &[patient("p1", &number(1), "NEWZEBRA", "1950-01-01")]);
    assert_eq!(applied.persons.len(), 1);
    assert_eq!(ids(&find(record, "Patient", "family=NEWZEBRA")), ["p1"]);
}
