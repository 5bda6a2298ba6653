use causeway_record::{Delivery, VersionState};
use serde_json::json;

use crate::support::*;

#[test]
fn a_bundle_twice_changes_nothing_and_a_message_twice_neither() {
    let s = scratch();
    let all = [
        patient("p1", &number(1), "Ashdown", "1941-02-03"),
        observation("o1", "p1", "Sodium", "2025-06-01", "140.0"),
    ];
    let one = message("m1", "ZZ1", "hl7v2", 0);
    let first = apply(&s.record, &one, &all);
    assert_eq!((first.created.len(), first.persons.len(), first.refused), (3, 1, 0), "{:?}", first.issues);
    let again = apply(&s.record, &one, &all);
    assert!(again.repeated && !again.changed());
    assert_eq!(again.persons.len(), 1);
    let other = apply(&s.record, &message("m2", "ZZ1", "hl7v2", 5), &all);
    assert!(!other.repeated && !other.changed(), "{other:?}");
    assert_eq!(other.unchanged, 3);
    let figures = s.record.figures().unwrap();
    assert_eq!((figures.versions, figures.resources, figures.messages), (3, 3, 2));
    let origin = s.record.origin("Observation", "o1").unwrap();
    assert_eq!(
        origin.iter().map(|o| (o.source.message.as_str(), o.version)).collect::<Vec<_>>(),
        [("m1", Some(1)), ("m2", None)]
    );
}

#[test]
fn references_are_relative_digits_and_unknown_elements_stay() {
    let s = scratch();
    let mut o = observation("o1", "p1", "Sodium", "2025-06-01", "140.00");
    o["madeUp"] = json!({"deep": [1.10, {"reference": "urn:uuid:p1"}]});
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), &[patient("p1", "", "Ashdown", "1941-02-03"), o]);
    let read = s.record.read_resource("Observation", "o1").unwrap().unwrap();
    assert_eq!(read.resource["subject"]["reference"], "Patient/p1");
    assert_eq!(read.resource["madeUp"]["deep"][1]["reference"], "Patient/p1");
    assert_eq!(read.resource["valueQuantity"]["value"].to_string(), "140.00");
    assert_eq!(read.resource["meta"]["versionId"], "1");
    assert!(read.is_current());
}

#[test]
fn a_correction_replaces_and_keeps_history_a_withdrawal_hides() {
    let s = scratch();
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    let mut o = observation("o1", "p1", "Sodium", "2025-06-01", "140");
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), &[p.clone(), o.clone()]);
    o["status"] = json!("corrected");
    o["valueQuantity"]["value"] = json!(104);
    let second = apply(&s.record, &message("m2", "ZZ1", "hl7v2", 1), &[p.clone(), o.clone()]);
    assert_eq!(second.updated.len(), 1);
    let history = s.record.history("Observation", "o1").unwrap();
    assert_eq!(
        history.iter().map(|v| (v.version, v.source.message.as_str())).collect::<Vec<_>>(),
        [(2, "m2"), (1, "m1")]
    );
    assert_eq!(
        s.record.vread("Observation", "o1", 1).unwrap().unwrap().resource["valueQuantity"]["value"],
        140
    );
    assert_eq!(ids(&find(&s.record, "Observation", "patient=p1")), ["o1"]);
    for (n, status) in ["cancelled", "entered-in-error"].into_iter().enumerate() {
        o["status"] = json!(status);
        apply(
            &s.record,
            &message(&format!("m{}", n + 3), "ZZ1", "hl7v2", n as i64 + 2),
            &[p.clone(), o.clone()],
        );
        assert!(ids(&find(&s.record, "Observation", "patient=p1")).is_empty());
        assert_eq!(ids(&find(&s.record, "Observation", &format!("patient=p1&status={status}"))), ["o1"]);
    }
    assert_eq!(s.record.history("Observation", "o1").unwrap().len(), 4);
    let bundle = s.record.history_bundle("Observation", "o1", "http://x").unwrap().unwrap();
    assert_eq!(bundle["total"], 4);
}

#[test]
fn what_an_older_message_tells_late_goes_to_history_only() {
    let s = scratch();
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    let new = observation("o1", "p1", "Sodium", "2025-06-01", "141");
    let old = observation("o1", "p1", "Sodium", "2025-06-01", "140");
    apply(&s.record, &message("m2", "ZZ1", "edifact-pathology", 9), &[p.clone(), new]);
    let late = apply(&s.record, &message("m1", "ZZ1", "edifact-pathology", 1), &[p, old]);
    assert_eq!(late.late.len(), 1);
    let read = s.record.read_resource("Observation", "o1").unwrap().unwrap();
    assert_eq!((read.version, &read.resource["valueQuantity"]["value"]), (1, &json!(141)));
    let history = s.record.history("Observation", "o1").unwrap();
    assert_eq!(history[0].state, VersionState::Late);
}

#[test]
fn an_adt_update_keeps_what_it_does_not_tell() {
    let s = scratch();
    let mut p = with_local(patient("p1", &number(1), "Ashdown", "1941-02-03"), "123456");
    p["telecom"] = json!([{"system": "phone", "value": "0000 000000"}]);
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), &[p]);
    let absent = json!([{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "not-applicable"}]}]);
    let update = json!({"resourceType": "Patient", "id": "p1", "gender": "male", "telecom": absent});
    apply(&s.record, &message("m2", "ZZ1", "hl7v2", 1), std::slice::from_ref(&update));
    let read = s.record.read_resource("Patient", "p1").unwrap().unwrap().resource;
    assert_eq!(
        (&read["birthDate"], &read["gender"], &read["telecom"]),
        (&json!("1941-02-03"), &json!("male"), &absent)
    );
    assert_eq!(read["identifier"].as_array().unwrap().len(), 2);
    // Another adapter's update is whole.
    apply(&s.record, &message("m3", "ZZ2", "careconnect", 1), &[patient("q1", "", "Ashdown", "1941-02-03")]);
    apply(
        &s.record,
        &message("m4", "ZZ2", "careconnect", 2),
        &[json!({"resourceType": "Patient", "id": "q1"})],
    );
    assert!(s.record.read_resource("Patient", "q1").unwrap().unwrap().resource.get("birthDate").is_none());
}

#[test]
fn a_newer_whole_gp_record_supersedes_an_older_one() {
    let s = scratch();
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    let (a, b) = (
        observation("a", "p1", "Sodium", "2025-06-01", "140"),
        observation("b", "p1", "Potassium", "2025-06-01", "4.1"),
    );
    let lab = [
        patient("l1", &number(1), "Ashdown", "1941-02-03"),
        observation("c", "l1", "Urea", "2025-06-01", "5"),
    ];
    apply(&s.record, &message("lab", "ZZ9", "edifact-pathology", 0), &lab);
    apply(&s.record, &message("m1", "ZZ1", "gp2gp", 1), &[p.clone(), a.clone(), b.clone()]);
    let same = apply(&s.record, &message("m2", "ZZ1", "gp2gp", 2), &[p.clone(), a.clone(), b.clone()]);
    // The Provenance names the same targets, so that not even that is new.
    assert!(!same.changed(), "{same:?}");
    let newer = apply(&s.record, &message("m3", "ZZ1", "gp2gp", 3), &[p.clone(), a.clone()]);
    assert_eq!(newer.superseded.iter().map(|k| k.id.as_str()).collect::<Vec<_>>(), ["b"]);
    let read = s.record.read_resource("Observation", "b").unwrap().unwrap();
    assert_eq!(
        (read.state, read.source.message.as_str(), read.is_current()),
        (VersionState::Superseded, "m3", false)
    );
    assert_eq!(read.resource["code"]["text"], "Potassium");
    assert_eq!(ids(&find(&s.record, "Observation", "patient=p1&_sort=date")), ["c", "a"]);
    // An older extract that arrives late brings nothing back, a newer one does.
    let c = observation("d", "p1", "Chloride", "2025-06-01", "100");
    let late = apply(&s.record, &message("m0", "ZZ1", "gp2gp", 0), &[p.clone(), b.clone(), c]);
    assert_eq!(late.late.len() + late.unchanged as usize, 4, "{late:?}");
    assert_eq!(find(&s.record, "Observation", "patient=p1").matches.len(), 2);
    let back = apply(&s.record, &message("m4", "ZZ1", "gp2gp", 4), &[p.clone(), a.clone(), b]);
    assert!(back.updated.iter().any(|k| k.id == "b"));
    assert_eq!(s.record.history("Observation", "b").unwrap().len(), 3);
    // What announces missing parts supersedes nothing.
    let mut part = message("m5", "ZZ1", "gp2gp", 5);
    part.partial = true;
    assert!(apply(&s.record, &part, &[p, a]).superseded.is_empty());
}

#[test]
fn refusals_leave_the_rest_and_name_no_value() {
    let s = scratch();
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), std::slice::from_ref(&p));
    let mut stolen = p.clone();
    stolen["birthDate"] = json!("1900-01-01");
    let m = message("m2", "ZZ2", "hl7v2", 1);
    let out = apply(&s.record, &m, &[stolen, patient("p2", "", "Beech", "1950-01-01")]);
    assert_eq!((out.refused, out.created.len()), (1, 2));
    assert!(out.issues.iter().any(|i| i.rule == "owned-by-another-source"));
    assert!(out.issues.iter().all(|i| !i.text.contains("1900") && !i.text.contains("Ashdown")));
    let odd = br#"{"resourceType":"Bundle","entry":[1,{"resource":{"resourceType":"Patient","id":"a b"}},{"request":{"method":"DELETE"}},{}]}"#;
    let out = s.record.apply(odd, &m, at(2)).unwrap();
    assert_eq!(out.refused, 4);
    for bad in [
        &b"nonsense"[..],
        b"[]",
        b"{}",
        b"{\"resourceType\":\"Bundle\",\"entry\":{}}",
        b"",
        b"{\"resourceType\":\"Patient\"}",
    ] {
        assert!(s.record.apply(bad, &m, at(2)).is_err());
    }
    let deep =
        format!("{{\"resourceType\":\"Bundle\",\"entry\":[{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(s.record.apply(deep.as_bytes(), &m, at(2)).is_err());
}

#[test]
fn a_deletion_ends_a_resource_and_keeps_it() {
    let s = scratch();
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    apply(
        &s.record,
        &message("m1", "ZZ1", "hl7v2", 0),
        &[p, observation("o1", "p1", "Sodium", "2025-06-01", "140")],
    );
    let gone = br#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/o1"}}]}"#;
    s.record.apply(gone, &message("m2", "ZZ1", "hl7v2", 1), at(1)).unwrap();
    let read = s.record.read_resource("Observation", "o1").unwrap().unwrap();
    assert_eq!((read.state, read.version), (VersionState::Deleted, 2));
    assert!(find(&s.record, "Observation", "patient=p1").matches.is_empty());
}

#[test]
fn several_messages_share_a_flush_and_nothing_else() {
    let s = scratch();
    let (a, b, c) =
        (message("a", "ZZ1", "hl7v2", 0), message("b", "ZZ1", "hl7v2", 1), message("c", "ZZ1", "hl7v2", 2));
    let p = patient("p1", &number(1), "Ashdown", "1941-02-03");
    let first = bundle(&a, &[p.clone(), observation("o1", "p1", "Sodium", "2025-06-01", "140")]);
    let third = bundle(&c, &[p, observation("o1", "p1", "Sodium", "2025-06-01", "141")]);
    let (first, bad, third) = ([&first[..]], [&b"nonsense"[..]], [&third[..]]);
    let all = [
        Delivery { bundles: &first, source: &a },
        Delivery { bundles: &bad, source: &b },
        Delivery { bundles: &third, source: &c },
    ];
    let out = s.record.apply_many(&all, at(3)).unwrap();
    assert_eq!(out[0].as_ref().unwrap().created.len(), 3);
    assert!(out[1].is_err());
    assert_eq!(out[2].as_ref().unwrap().updated.len(), 1);
    assert!(s.record.apply_many(&all, at(4)).unwrap()[2].as_ref().unwrap().repeated);
}
