//! Facts whose Patient is told by an identifier alone.

use causeway_record::Applied;
use serde_json::{Value, json};

use crate::support::*;

const CONTROLLER: &str = "https://fhir.causeway.example/Id/telecare-controller";

fn alarm(id: &str, system: &str, value: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"coding": [{"system": "urn:alarms", "code": "fall"}], "text": "Fall detector"},
        "subject": {"type": "Patient", "identifier": {"system": system, "value": value}},
        "effectiveDateTime": "2026-09-14T03:40:12+01:00"})
}

fn with_controller(id: &str, nhs: &str, controller: &str) -> Value {
    let mut p = patient(id, nhs, "Ashdown", "1941-02-03");
    p["identifier"].as_array_mut().unwrap().push(json!({"system": CONTROLLER, "value": controller}));
    p
}

fn tell(s: &Scratch, name: &str, adapter: &str, resource: &Value) -> Applied {
    let minute = i64::from(name.as_bytes()[0]);
    apply(&s.record, &message(name, &format!("ZZ-{name}"), adapter, minute), std::slice::from_ref(resource))
}

fn alarms_of(s: &Scratch, patient: &str) -> usize {
    let all = find(&s.record, "Observation", &format!("patient={patient}")).matches;
    let coded = find(&s.record, "Observation", &format!("patient={patient}&code=urn:alarms|fall")).matches;
    assert_eq!(all, coded);
    all.len()
}

#[test]
fn the_fact_reaches_the_person_who_has_the_identifier_whichever_comes_first() {
    for (system, value) in [(CONTROLLER, "770000000001".to_owned()), (NHS, number(1))] {
        let s = scratch();
        let person = with_controller("p1", &number(1), "770000000001");
        let before = tell(&s, "a", "telecare-alarm", &alarm("o1", system, &value));
        assert!(before.persons.is_empty());
        tell(&s, "b", "care-provider-record", &person);
        assert_eq!(alarms_of(&s, "p1"), 1);
        let after = tell(&s, "c", "telecare-alarm", &alarm("o2", system, &value));
        assert_eq!(after.persons.len(), 1);
        assert_eq!(alarms_of(&s, "p1"), 2);
        let again = tell(&s, "c", "telecare-alarm", &alarm("o2", system, &value));
        assert!(!again.changed());
    }
}

/// Whom a message told of: what told of her before she was known too, and one that only has her number.
#[test]
fn a_message_leads_to_everybody_whom_it_told_of() {
    let s = scratch();
    tell(&s, "a", "telecare-alarm", &alarm("o1", CONTROLLER, "770000000001"));
    let of = |message: &str, limit: usize| s.record.patients_of_message(message, limit).unwrap();
    assert!(of("a", 9).is_empty(), "nobody is known by it yet");
    tell(&s, "b", "care-provider-record", &with_controller("p1", &number(1), "770000000001"));
    tell(&s, "c", "hl7v2", &observation("o3", "p1", "Gait speed", "2026-09-14T03:40:12Z", "0.4"));
    let two = [
        patient("p2", &number(2), "Ferrier", "1951-02-03"),
        patient("p3", &number(3), "Gosling", "1961-02-03"),
    ];
    apply(&s.record, &message("d", "ZZ-d", "hl7v2", 100), &two);
    assert_eq!((of("a", 9), of("b", 9)), (vec!["p1".to_owned()], vec!["p1".to_owned()]));
    assert_eq!((of("d", 9).len(), of("d", 1).len(), of("e", 9).len()), (2, 1, 0));
    assert_eq!(of("c", 9), ["p1"]);
}

#[test]
fn an_identifier_that_two_persons_have_decides_nothing() {
    let s = scratch();
    tell(&s, "a", "telecare-alarm", &alarm("o1", CONTROLLER, "770000000001"));
    tell(&s, "b", "care-provider-record", &with_controller("p1", &number(1), "770000000001"));
    tell(&s, "c", "care-provider-record", &with_controller("p2", &number(2), "770000000001"));
    assert_eq!(s.record.figures().unwrap().persons, 2);
    let later = tell(&s, "d", "telecare-alarm", &alarm("o2", CONTROLLER, "770000000001"));
    assert!(later.persons.is_empty());
    assert_eq!((alarms_of(&s, "p1"), alarms_of(&s, "p2")), (1, 0));
}

#[test]
fn a_wrong_number_and_a_reference_to_somebody_else_attach_nothing() {
    let s = scratch();
    tell(&s, "b", "hl7v2", &patient("p1", &number(1), "Ashdown", "1941-02-03"));
    tell(&s, "c", "telecare-alarm", &alarm("o1", NHS, "9990000019"));
    let mut worker = alarm("o2", NHS, &number(1));
    worker["subject"]["type"] = json!("Practitioner");
    tell(&s, "d", "telecare-alarm", &worker);
    assert_eq!(alarms_of(&s, "p1"), 0);
}
