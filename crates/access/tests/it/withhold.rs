//! What is withheld, and that nothing tells of it: rules IG-10, IG-11, IG-12.

use std::sync::Arc;

use causeway_access::policy::{PolicySet, built_in_files};
use causeway_access::withhold::{Fact, Withheld, key};
use serde_json::{Value, json};

use super::Ask;

const STAND_IN: &str = "https://fhir.causeway.example/CodeSystem/stand-in";

/// A person with one restricted problem and everything that could tell of it.
fn record() -> Vec<Value> {
    let restricted = json!({"coding": [{"system": STAND_IN, "code": "STD-1", "display": "Stand-in sexual health infection"}]});
    vec![
        json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Larkspur"}]}),
        json!({"resourceType": "Condition", "id": "secret", "subject": {"reference": "Patient/p"}, "code": restricted,
            "encounter": {"reference": "Encounter/visit"}, "recorder": {"reference": "Practitioner/specialist"}}),
        json!({"resourceType": "Encounter", "id": "visit", "class": {"code": "AMB"}, "status": "finished",
            "serviceProvider": {"reference": "Organization/clinic"}}),
        json!({"resourceType": "Organization", "id": "clinic", "name": "Riverside clinic"}),
        json!({"resourceType": "Practitioner", "id": "specialist", "name": [{"family": "Quill"}]}),
        json!({"resourceType": "MedicationRequest", "id": "cure", "reasonReference": [{"reference": "Condition/secret"}],
            "medicationCodeableConcept": {"text": "Doxycycline 100mg capsules"}}),
        json!({"resourceType": "List", "id": "problems", "text": {"div": "<div>Asthma, Stand-in sexual health infection</div>"},
            "entry": [{"item": {"reference": "Condition/secret"}}, {"item": {"reference": "Condition/asthma"}}]}),
        json!({"resourceType": "List", "id": "only", "entry": [{"item": {"reference": "Condition/secret"}}]}),
        json!({"resourceType": "Condition", "id": "asthma", "code": {"text": "Asthma"},
            "encounter": {"reference": "Encounter/ordinary"}}),
        json!({"resourceType": "Encounter", "id": "ordinary", "class": {"code": "AMB"}}),
        json!({"resourceType": "DocumentReference", "id": "letter", "content": [{"attachment": {"contentType": "text/plain",
            "data": "VHJlYXRlZCBmb3Igc3RhbmQtaW4gc2V4dWFsIGhlYWx0aCBpbmZlY3Rpb24u"}}]}),
        json!({"resourceType": "DocumentReference", "id": "scan", "content": [{"attachment": {"contentType": "application/pdf",
            "data": "JVBERi0="}}]}),
        json!({"resourceType": "Observation", "id": "note", "valueString": "Asked about the stand-in sexual health infection"}),
        json!({"resourceType": "Observation", "id": "pressure", "code": {"text": "Blood pressure"}, "valueString": "120/80"}),
        json!({"resourceType": "DiagnosticReport", "id": "report", "code": {"text": "Blood tests"},
            "text": {"div": "<div>two results</div>"},
            "result": [{"reference": "Observation/hidden-result"}, {"reference": "Observation/pressure"}]}),
        json!({"resourceType": "Observation", "id": "hidden-result",
            "code": {"coding": [{"system": STAND_IN, "code": "STD-2", "display": "Stand-in sexual health test"}]}}),
        json!({"resourceType": "Provenance", "id": "from", "target": [{"reference": "Condition/secret"},
            {"reference": "Condition/asthma"}]}),
        json!({"resourceType": "Appointment", "id": "recall", "reasonReference": [{"reference": "Condition/secret"}]}),
        json!({"resourceType": "CarePlan", "id": "plan", "addresses": [{"reference": "Condition/asthma"},
            {"reference": "Condition/secret"}], "description": "Keep well"}),
    ]
}

fn facts(record: &[Value]) -> Vec<Fact<'_>> {
    record.iter().map(|resource| Fact::of(resource, "careconnect", "m1")).collect()
}

/// What a reader gets.
fn shown(record: &[Value], withheld: &Withheld) -> Vec<Value> {
    record
        .iter()
        .filter(|r| !withheld.hides(&key(r)))
        .map(|r| {
            let mut copy = r.clone();
            withheld.strip(&mut copy);
            copy
        })
        .collect()
}

const TELLING: &[&str] = &[
    "STD-",
    "sexual",
    "Condition/secret",
    "hidden-result",
    "Riverside",
    "Quill",
    "Encounter/visit",
    "Doxycycline",
    "recall",
    "Organization/clinic",
    "VHJlYXRlZCBmb3",
    "JVBERi0",
];

#[test]
fn ig_10_and_ig_11_nothing_tells_of_a_restricted_item() {
    let record = record();
    for role in
        ["R8000", "R8001", "R8003", "R8004", "R8014", "care-home-manager", "care-worker", "carer", "system"]
    {
        let mut decision = Ask::of(role).decide();
        let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
        let text = serde_json::to_string(&shown(&record, &withheld)).unwrap();
        for word in TELLING {
            assert!(!text.contains(word), "{role} is told by {word}: {text}");
        }
        assert!(withheld.confidential() && withheld.message("m1"));
    }
    // The control: with the gate off each of them is found.
    let text = serde_json::to_string(&record).unwrap();
    for word in TELLING {
        assert!(text.contains(word), "the record has {word}");
    }
}

#[test]
fn ig_11_what_has_nothing_to_do_with_it_stays() {
    let record = record();
    let mut decision = Ask::of("R8000").decide();
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    let left: Vec<String> = shown(&record, &withheld).iter().map(key).collect();
    for stays in [
        "Patient/p",
        "Condition/asthma",
        "Encounter/ordinary",
        "List/problems",
        "Observation/pressure",
        "DiagnosticReport/report",
        "Provenance/from",
        "CarePlan/plan",
    ] {
        assert!(left.contains(&stays.to_owned()), "{stays} in {left:?}");
    }
    let list = shown(&record, &withheld).into_iter().find(|r| r["id"] == "problems").unwrap();
    assert_eq!(list["entry"].as_array().unwrap().len(), 1);
    assert!(list.get("text").is_none(), "its narrative named it");
    let report = shown(&record, &withheld).into_iter().find(|r| r["id"] == "report").unwrap();
    assert_eq!(report["result"].as_array().unwrap().len(), 1);
    assert!(report.get("text").is_none(), "its narrative counted two");
}

#[test]
fn ig_10_another_version_of_the_policy_gives_back_what_this_one_hid() {
    let record = vec![
        json!({"resourceType": "Condition", "id": "a",
            "code": {"coding": [{"system": STAND_IN, "code": "GRI-1", "display": "Stand-in gender service contact"}]}}),
        json!({"resourceType": "Condition", "id": "b",
            "code": {"coding": [{"system": STAND_IN, "code": "STD-1", "display": "Stand-in sexual health infection"}]}}),
    ];
    let mut decision = Ask::of("R8000").decide();
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    assert!(withheld.hides("Condition/a") && withheld.hides("Condition/b"));
    let mut files = built_in_files();
    let head = files["policy.toml"].replace("restricted-2026-11", "restricted-2026-06");
    files.insert("policy.toml".to_owned(), head);
    let older = Arc::new(PolicySet::load(&files).unwrap());
    let mut decision = Ask::of("R8000").decide_by(&older);
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    assert!(!withheld.hides("Condition/a") && withheld.hides("Condition/b"));
}

#[test]
fn ig_12_a_common_item_called_confidential_hides_only_itself() {
    let confidential =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
    let record = vec![
        json!({"resourceType": "Observation", "id": "a", "meta": {"security": confidential}, "code": {"text": "Blood pressure"}}),
        json!({"resourceType": "Observation", "id": "b", "code": {"text": "Blood pressure"}}),
    ];
    let mut decision = Ask::of("R8000").decide();
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    assert!(withheld.hides("Observation/a"));
    assert!(!withheld.hides("Observation/b"), "the other must be seen: it may matter for safety");
}

#[test]
fn ig_03_a_summary_has_the_active_and_the_last_three_contacts() {
    let status = |code: &str| json!({"coding": [{"code": code}]});
    let mut record = vec![
        json!({"resourceType": "Condition", "id": "now", "clinicalStatus": status("active")}),
        json!({"resourceType": "Condition", "id": "past", "clinicalStatus": status("resolved")}),
    ];
    for day in 1..=5 {
        record.push(json!({"resourceType": "Encounter", "id": format!("e{day}"), "period": {"start": format!("2026-11-0{day}")}}));
    }
    let mut decision = Ask::of("care-home-manager").decide();
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    let left: Vec<String> = shown(&record, &withheld).iter().map(key).collect();
    assert_eq!(left, ["Condition/now", "Encounter/e3", "Encounter/e4", "Encounter/e5"]);
    assert!(!withheld.confidential(), "held back for the role is not announced as confidential");
}

/// A medicine that one source still calls current and another stopped would be shown as taken, were the stop left out.
#[test]
fn ig_03_a_summary_tells_what_ended_of_what_it_shows() {
    let medicine = |id: &str, status: &str, name: &str| json!({"resourceType": "MedicationStatement", "id": id, "status": status, "medicationCodeableConcept": {"text": name}});
    let record = vec![
        medicine("old", "active", "Amlodipine 5mg tablets"),
        medicine("stop", "stopped", "Amlodipine 5 mg tablets"),
        json!({"resourceType": "Medication", "id": "m", "code": {"text": "Amlodipine 5mg tablets"}}),
        json!({"resourceType": "MedicationRequest", "id": "stop-2", "status": "stopped",
            "medicationReference": {"reference": "Medication/m"}}),
        // Of what nobody calls current the end is not told either.
        medicine("past", "stopped", "Doxycycline 100mg capsules"),
        json!({"resourceType": "MedicationDispense", "id": "issue", "status": "completed",
            "medicationCodeableConcept": {"text": "Amlodipine 5mg tablets"}}),
    ];
    let mut decision = Ask::of("care-worker").decide();
    let withheld = Withheld::of(&facts(&record), &mut decision).unwrap();
    let left: Vec<String> = shown(&record, &withheld).iter().map(key).collect();
    assert_eq!(
        left,
        ["MedicationStatement/old", "MedicationStatement/stop", "Medication/m", "MedicationRequest/stop-2"]
    );
}

#[test]
fn ig_23_flags_about_others_are_not_in_the_view_of_person_or_carer() {
    let record = [
        json!({"resourceType": "Flag", "id": "f1", "code": {"text": "Adult safeguarding referral"}}),
        json!({"resourceType": "Flag", "id": "f2", "code": {"text": "Household includes alleged perpetrator"}}),
        json!({"resourceType": "Flag", "id": "f3", "code": {"text": "Needs an interpreter"}}),
    ];
    let facts: Vec<Fact<'_>> = record.iter().map(|resource| Fact::of(resource, "hl7v2", "")).collect();
    for role in ["person", "carer"] {
        let mut decision = Ask::of(role).decide();
        let withheld = Withheld::of(&facts, &mut decision).unwrap();
        let left: Vec<bool> = record.iter().map(|r| !withheld.hides(&key(r))).collect();
        assert_eq!(left, [false, false, true], "{role}");
    }
    let mut decision = Ask::of("R8001").decide();
    assert!(Withheld::of(&facts, &mut decision).unwrap().is_empty(), "the nurse sees them");
}
