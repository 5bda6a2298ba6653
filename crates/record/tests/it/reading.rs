use serde_json::{Value, json};

use crate::support::*;

#[test]
fn everything_is_the_whole_person_what_it_refers_to_and_its_provenance_but_nobody_else() {
    let s = scratch();
    let n = number(1);
    let mut e = json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "IMP"},
        "subject": {"reference": "urn:uuid:p1"}, "serviceProvider": {"reference": "urn:uuid:org"}});
    e["participant"] = json!([{"individual": {"reference": "urn:uuid:doc"}}]);
    let hospital = [
        patient("p1", &n, "Ashdown", "1941-02-03"),
        e,
        json!({"resourceType": "Organization", "id": "org", "name": "Testham", "partOf": {"reference": "urn:uuid:trust"}}),
        json!({"resourceType": "Organization", "id": "trust", "name": "Trust"}),
        json!({"resourceType": "Practitioner", "id": "doc"}),
        json!({"resourceType": "Organization", "id": "unrelated"}),
    ];
    let council = [
        patient("p2", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": {"reference": "urn:uuid:p2"}}),
    ];
    let mut stranger = observation("o9", "p9", "Sodium", "2025-06-01", "1");
    stranger["basedOn"] = json!([{"reference": "EpisodeOfCare/ep"}]);
    let mut wrong = observation("o1", "p1", "Sodium", "2025-06-01", "1");
    wrong["status"] = json!("entered-in-error");
    wrong["hasMember"] = json!([{"reference": "Observation/o9"}]);
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &hospital);
    apply(&s.record, &message("m2", "ZZ2", "client-level-data", 1), &council);
    apply(
        &s.record,
        &message("m3", "ZZ3", "careconnect", 2),
        &[patient("p9", &number(9), "Beech", "1950-01-01"), stranger],
    );
    apply(
        &s.record,
        &message("m4", "ZZ1", "edifact-pathology", 3),
        &[patient("p1b", &n, "Ashdown", "1941-02-03"), wrong],
    );
    let bundle = s.record.everything("p2", "https://x").unwrap().unwrap();
    let written = s.record.everything_written("p2", "https://x", &[], None).unwrap().unwrap();
    let mut patients = written.patients.clone();
    assert_eq!(in_pieces(&s.record, written, 1 << 20), bundle.to_string());
    patients.sort_unstable();
    assert_eq!(patients, ["p1", "p1b", "p2"]);
    let mut ids: Vec<&str> =
        bundle["entry"].as_array().unwrap().iter().filter_map(|e| e["resource"]["id"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "doc",
            "e1",
            "ep",
            "org",
            "p1",
            "p1b",
            "p2",
            "prov-ZZ1-careconnect",
            "prov-ZZ1-edifact-pathology",
            "prov-ZZ2-client-level-data",
            "trust"
        ]
    );
    let outcome = bundle["entry"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(outcome["resource"]["issue"][0]["code"], "suppressed", "a withdrawn entry is announced");
    let person = s.record.person_of("p1").unwrap().unwrap();
    // The texts are what the Bundle says, and of some types no more is read than these.
    let texts = s.record.texts_of_person(&person).unwrap().unwrap();
    assert!(!texts.incomplete);
    let told = |entries: &[causeway_record::TextEntry]| -> Vec<Value> {
        entries.iter().map(|entry| entry.value().unwrap()).collect()
    };
    let entries = bundle["entry"].as_array().unwrap();
    let resources: Vec<Value> = entries
        .iter()
        .map(|e| e["resource"].clone())
        .filter(|r| r["resourceType"] != "OperationOutcome")
        .collect();
    assert_eq!(told(&texts.entries), resources);
    for entry in texts.entries.iter().filter_map(|e| Some((e.meta()?, e.value().unwrap()))) {
        assert_eq!(serde_json::from_str::<Value>(entry.0).unwrap(), entry.1["meta"]);
    }
    assert!(texts.entries.iter().filter(|e| e.meta().is_some()).count() > 3);
    let some =
        s.record.texts_of_types(&person, &["Patient", "Encounter"], &["Organization"]).unwrap().unwrap();
    let keys: Vec<String> = some.entries.iter().map(|e| e.key.reference()).collect();
    assert!(
        keys.contains(&"Encounter/e1".to_owned()) && keys.contains(&"Organization/org".to_owned()),
        "{keys:?}"
    );
    assert!(keys.iter().all(|key| !key.starts_with("Provenance/") && !key.starts_with("EpisodeOfCare/")));
    assert!(told(&some.entries).iter().all(|one| resources.contains(one)));
    assert!(s.record.everything("nobody", "").unwrap().is_none());
    // Every resource leads to its original.
    for id in [
        ("Encounter", "e1"),
        ("Patient", "p1"),
        ("Organization", "org"),
        ("Provenance", "prov-ZZ1-careconnect"),
    ] {
        assert_eq!(s.record.origin(id.0, id.1).unwrap()[0].source.message, "m1");
    }
}

#[test]
fn what_was_never_told_is_not_found() {
    let s = scratch();
    assert!(s.record.read_resource("Patient", "x").unwrap().is_none());
    assert!(s.record.vread("Patient", "x", 1).unwrap().is_none());
    assert!(s.record.history("Patient", "x").unwrap().is_empty());
    assert!(s.record.history_bundle("Patient", "x", "").unwrap().is_none());
    assert!(s.record.origin("Patient", "x").unwrap().is_empty());
    assert!(s.record.person("x").unwrap().is_none());
    assert!(s.record.summary("x", &causeway_record::SummaryQuery::default(), None).unwrap().is_none());
    assert!(s.record.types().unwrap().is_empty());
}

#[test]
fn a_fact_may_come_before_its_patient() {
    let s = scratch();
    let m = message("m1", "ZZ1", "careconnect", 0);
    let mut o = observation("o1", "p1", "Sodium", "2025-06-01", "1");
    o["subject"]["reference"] = json!("Patient/p1");
    let out = apply(&s.record, &m, &[o]);
    assert!(out.issues.iter().any(|i| i.rule == "subject-unknown"));
    apply(
        &s.record,
        &message("m2", "ZZ1", "careconnect", 1),
        &[patient("p1", &number(1), "Ashdown", "1941-02-03")],
    );
    assert_eq!(
        ids(&find(&s.record, "Observation", &format!("patient:identifier={NHS}|{}", number(1)))),
        ["o1"]
    );
}

#[test]
fn readers_go_on_while_a_writer_writes() {
    let s = scratch();
    std::thread::scope(|scope| {
        let record = &s.record;
        scope.spawn(move || {
            for n in 0..50 {
                let m = message(&format!("m{n}"), "ZZ1", "careconnect", n);
                let id = format!("p{n}");
                apply(
                    record,
                    &m,
                    &[
                        patient(&id, &number(n as u32), "Ashdown", "1941-02-03"),
                        observation(&format!("o{n}"), &id, "Sodium", "2025-06-01", "1"),
                    ],
                );
            }
        });
        for _ in 0..2 {
            scope.spawn(move || {
                for n in 0..200 {
                    let patients = find(record, "Patient", "_summary=count").total;
                    let page = find(record, "Observation", &format!("patient=p{}", n % 50));
                    assert!(page.matches.len() <= 1 && patients.is_some());
                }
            });
        }
    });
    assert_eq!(s.record.figures().unwrap().persons, 50);
}

/// The answer that is written from the texts as they are kept is the one that is made of values, whatever stands in them.
#[test]
fn everything_is_written_as_it_is_made() {
    let s = scratch();
    let odd = [
        json!({"source": "urn:a", "tag": [{"code": "}\"]{[\\"}]}),
        json!({}),
        json!({"versionId": "of the source", "source": "urn:b"}),
        json!({"tag": [{"system": "\"reference\":\"Observation/o9\"", "code": "ä\u{1F600}"}]}),
    ];
    let mut all = vec![patient("p1", &number(1), "Ashdown", "1941-02-03")];
    for (at, meta) in odd.into_iter().enumerate() {
        let mut one = observation(&format!("o{at}"), "p1", "\"reference\":\"", "2025-06-01", "1.50");
        one["note"] = json!([{"text": "a \\\"reference\":\"Observation/o9\" b"}]);
        let map = one.as_object_mut().unwrap();
        map.remove("meta");
        // In the order of most, and in another.
        if at % 2 == 0 {
            map.shift_insert(2, "meta".to_owned(), meta);
        } else {
            map.insert("meta".to_owned(), meta);
        }
        all.push(one);
    }
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &all);
    let first =
        json!({"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}, "search": {"mode": "match"}});
    let mut made = s.record.everything("p1", "https://x").unwrap().unwrap();
    made["entry"].as_array_mut().unwrap().insert(0, first.clone());
    made["total"] = json!(made["total"].as_u64().unwrap() + 1);
    let written = s.record.everything_written("p1", "https://x", &[], Some(&first)).unwrap().unwrap();
    assert_eq!(in_pieces(&s.record, written, 1 << 20), made.to_string());
    assert_eq!(made["total"], 7);
    // Where it stands makes no difference; one that has a version of its own is read.
    let person = s.record.person_of("p1").unwrap().unwrap();
    let texts = s.record.texts_of_person(&person).unwrap().unwrap();
    let unread = texts.entries.iter().filter(|e| e.key.kind == "Observation" && e.meta().is_some());
    assert_eq!(unread.map(|e| e.key.id.as_str()).collect::<Vec<_>>(), ["o0", "o1", "o3"]);
}

/// A large answer is written from its rows, piece by piece, and stays what was found: what is taken in meanwhile changes nothing
/// of it.
#[test]
fn a_large_answer_stays_what_was_found() {
    let s = scratch();
    let mut all = vec![patient("p1", &number(1), "Ashdown", "1941-02-03")];
    for at in 0..40 {
        let mut one = observation(&format!("o{at}"), "p1", "Weight", "2025-06-01", "60.5");
        one["note"] = json!([{"text": "long ".repeat(50_000)}]);
        all.push(one);
    }
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &all);
    let made = s.record.everything("p1", "https://x").unwrap().unwrap().to_string();
    let mut written = s.record.everything_written("p1", "https://x", &[], None).unwrap().unwrap();
    let mut out = s.record.write_piece(&mut written, 1).unwrap();
    assert!(out.len() < 1000 && !written.is_done());
    for one in all.iter_mut().skip(1) {
        one["note"] = json!([{"text": "short"}]);
    }
    apply(&s.record, &message("m2", "ZZ1", "careconnect", 1), &all);
    assert!(s.record.everything("p1", "https://x").unwrap().unwrap().to_string().len() < made.len() / 2);
    while !written.is_done() {
        let piece = s.record.write_piece(&mut written, 300_000).unwrap();
        assert!(!piece.is_empty() && piece.len() < 600_000, "{}", piece.len());
        out.extend(piece);
    }
    assert!(s.record.write_piece(&mut written, 300_000).unwrap().is_empty());
    assert_eq!(String::from_utf8(out).unwrap(), made);
}

/// A damaged time is not taken for 1970: the read fails instead.
#[test]
fn a_time_that_can_be_none_is_damage() {
    let s = scratch();
    apply(
        &s.record,
        &message("m1", "ZZ1", "careconnect", 0),
        &[patient("p1", &number(1), "Ashdown", "1941-02-03")],
    );
    let conn = rusqlite::Connection::open(&s.path).unwrap();
    let asked = || s.record.read_resource("Patient", "p1");
    assert!(asked().is_ok());
    conn.execute("UPDATE version SET at=?1", [i64::MAX]).unwrap();
    assert!(matches!(asked(), Err(causeway_record::RecordError::Damaged)));
    let found = s.record.search("Patient", &[], &causeway_record::SearchOptions::default());
    assert!(matches!(found, Err(causeway_record::RecordError::Damaged)));
}
