//! FHIR R4 back to a prescription order: what comes back, and that what doesn't is named.
#![allow(missing_docs, clippy::print_stderr)]

use std::path::Path;

use causeway_adapter::contract::ways_back::named;
use causeway_adapter::contract::{corpora, project_root, test_context, ways_back};
use causeway_adapter::{Adapter, translate};
use causeway_adapter_eps::Eps;
use serde_json::{Value, json};

fn bundles(path: &Path) -> Vec<Value> {
    let outputs = translate(&Eps, &std::fs::read(path).unwrap_or_default(), &test_context()).outputs;
    outputs.iter().map(|o| serde_json::from_slice(&o.json).expect("JSON")).collect()
}

/// Messages of one prescription.
fn is_order(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    path.extension().is_some_and(|e| e == "xml")
        && text.matches("<ParentPrescription").count() == 1
        && !bundles(path).is_empty()
        && bundles(path).iter().all(|b| {
            let made = Eps.encode(b, &test_context());
            if let Err(issue) = &made {
                eprintln!("{}: {} {}", path.display(), issue.rule, issue.text);
            }
            made.is_ok()
        })
}

#[test]
fn what_does_not_come_back_is_named() {
    ways_back::holds(&Eps, &project_root().join("fixtures/eps"), &is_order, (200, 5));
    let Some(folder) = corpora("eps-hl7v3") else { return };
    ways_back::holds(&Eps, &folder.join("in"), &is_order, (0, 5));
}

fn json_files(folder: &Path) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|e| e == "json") {
            let text = std::fs::read(&path).expect("a file");
            found.push((path.display().to_string(), serde_json::from_slice(&text).expect("JSON")));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The corpus's originals are R4 requests, and its messages were made of them by NHS Digital's own service.
#[test]
fn an_original_request_becomes_the_message_that_was_made_of_it() {
    let Some(folder) = corpora("eps-hl7v3") else { return };
    let items = |bundle: &Value| {
        let all = bundle["entry"].as_array().cloned().unwrap_or_default();
        let all = all.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == "MedicationRequest");
        all.map(|r| {
            [
                "groupIdentifier",
                "intent",
                "medicationCodeableConcept",
                "authoredOn",
                "courseOfTherapyType",
                "dosageInstruction",
                "dispenseRequest",
                "note",
            ]
            .map(|name| r[name].clone())
        })
        .collect::<Vec<_>>()
    };
    let (mut same, mut other) = (0, Vec::new());
    for (name, original) in json_files(&folder.join("expected")) {
        let xml = name.replace("/expected/", "/in/").replace(".r4.json", ".xml");
        if !name.ends_with("-Send.r4.json") || !is_order(Path::new(&xml)) {
            continue;
        }
        let made = match Eps.encode(&original, &test_context()) {
            Ok(made) => made,
            Err(issue) => {
                other.push(format!("{name}: {} {}", issue.rule, issue.text));
                continue;
            }
        };
        let again: Value =
            serde_json::from_slice(&translate(&Eps, &made.bytes, &test_context()).outputs[0].json)
                .expect("JSON");
        let (ours, theirs) = (items(&again), items(&bundles(Path::new(&xml))[0]));
        let differ = ours.iter().flatten().zip(theirs.iter().flatten()).filter(|(a, b)| a != b);
        let differ: Vec<_> = differ.map(|(a, b)| format!("ours {a} theirs {b}")).collect();
        match ours == theirs {
            true => same += 1,
            false => other.push(format!("{name}: {differ:#?}")),
        }
    }
    eprintln!("{same} originals the same as NHS Digital's message, {} otherwise", other.len());
    assert!(same > 20 && other.is_empty(), "{other:#?}");
}

#[test]
fn what_nhs_digital_refuses_is_refused() {
    let Some(folder) = corpora("eps-hl7v3") else { return };
    let mut refused = 0;
    for (name, request) in json_files(&folder.join("invalid")) {
        if request["resourceType"] == "Bundle" {
            let rule = Eps.encode(&request, &test_context()).expect_err(&name).rule;
            let expected = match () {
                () if name.contains("CHECKSUM") => "prescription-id",
                () if name.contains("mixed") => "order-several",
                () if name.contains("intent") => "order-sense",
                () => "order-items",
            };
            assert_eq!(rule, expected, "{name}");
            refused += 1;
        }
    }
    assert_eq!(refused, 6);
}

/// The order of a fixture, with its first item changed.
fn changed(change: impl Fn(&mut Value)) -> Result<causeway_adapter::Encoded, String> {
    let mut bundle = bundles(&project_root().join("fixtures/eps/repeat-dispensing/input.xml")).remove(0);
    let entries = bundle["entry"].as_array_mut().expect("entries");
    change(
        &mut entries
            .iter_mut()
            .find(|e| e["resource"]["resourceType"] == "MedicationRequest")
            .expect("an item")["resource"],
    );
    Eps.encode(&bundle, &test_context()).map_err(|issue| issue.rule.to_owned())
}

#[test]
fn nothing_of_a_prescription_is_made_up() {
    for (name, value, rule) in [
        ("groupIdentifier", json!(null), "order-incomplete"),
        (
            "groupIdentifier",
            json!({"system": "https://fhir.nhs.uk/Id/prescription-order-number", "value": "Z9A1B3-ZP401A-7C3D11"}),
            "prescription-id",
        ),
        ("courseOfTherapyType", json!(null), "order-incomplete"),
        ("requester", json!(null), "order-incomplete"),
        ("authoredOn", json!(null), "order-incomplete"),
        ("extension", json!([]), "order-incomplete"),
        ("medicationCodeableConcept", json!({"text": "some tablets"}), "order-incomplete"),
        ("status", json!("cancelled"), "order-sense"),
        ("intent", json!("plan"), "order-sense"),
        ("intent", json!("order"), "order-sense"),
        ("doNotPerform", json!(true), "order-sense"),
    ] {
        let refused = changed(|item| item[name] = value.clone()).expect_err(name);
        assert_eq!(refused, rule, "{name}");
    }
    assert!(changed(|_| ()).is_ok());
}

/// The Spine knows one kind of treatment of a prescription: one with acute and repeat items is acute (EPS FHIR API).
#[test]
fn acute_and_repeat_items_are_an_acute_prescription() {
    let folder = project_root().join("fixtures/eps/acute/input.xml");
    let mut bundle = bundles(&folder).remove(0);
    let entries = bundle["entry"].as_array_mut().expect("entries");
    let at =
        entries.iter().position(|e| e["resource"]["resourceType"] == "MedicationRequest").expect("an item");
    let id = "7D50E3C0-7565-41E8-AEC7-950876D8FD27";
    let mut second = entries[at].clone();
    second["fullUrl"] = json!("urn:uuid:7d50e3c0-7565-41e8-aec7-950876d8fd27");
    let item = &mut second["resource"];
    item["id"] = json!("7d50e3c0-7565-41e8-aec7-950876d8fd27");
    item["identifier"][0]["value"] = json!(id);
    item["intent"] = json!("original-order");
    item["medicationCodeableConcept"]["coding"][0]["code"] = json!("319773006");
    item["courseOfTherapyType"]["coding"] = json!([{"code": "continuous",
        "system": "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy"}]);
    entries.push(second);
    let made = Eps.encode(&bundle, &test_context()).expect("an order");
    let again: Value =
        serde_json::from_slice(&translate(&Eps, &made.bytes, &test_context()).outputs[0].json).expect("JSON");
    let items = again["entry"].as_array().expect("entries").iter().map(|e| &e["resource"]);
    let items: Vec<_> = items.filter(|r| r["resourceType"] == "MedicationRequest").collect();
    assert!(items.iter().all(|r| r["courseOfTherapyType"]["coding"][0]["code"] == "acute"));
    assert!(
        items
            .iter()
            .any(|r| r["identifier"][0]["value"].as_str().is_some_and(|v| v.eq_ignore_ascii_case(id)))
    );
    let named = named(&made);
    for path in ["MedicationRequest.intent", "MedicationRequest.courseOfTherapyType.coding.code"] {
        assert!(named.iter().any(|n| n == path), "{path}: {named:?}");
    }
    // With repeat dispensing it is none.
    let entries = bundle["entry"].as_array_mut().expect("entries");
    let last = entries.last_mut().expect("the second");
    last["resource"]["courseOfTherapyType"]["coding"][0]["code"] = json!("continuous-repeat-dispensing");
    assert_eq!(Eps.encode(&bundle, &test_context()).expect_err("none").rule, "order-several");
}

#[test]
fn an_order_states_utc_and_names_what_it_leaves() {
    let made = changed(|item| {
        item["authoredOn"] = json!("2026-07-14T10:15:00+01:00");
        item["priority"] = json!("urgent");
        item["dosageInstruction"] =
            json!([{"text": "1 capsule <with water> & food", "timing": {"repeat": {"frequency": 1}}}]);
    })
    .expect("an order");
    let xml = String::from_utf8(made.bytes.clone()).expect("text");
    assert!(xml.contains("<time value=\"20260714091500\"/>"), "{xml}");
    assert!(xml.contains("1 capsule &lt;with water&gt; &amp; food"));
    let named = named(&made);
    for path in ["MedicationRequest.priority", "MedicationRequest.dosageInstruction.timing.repeat.frequency"]
    {
        assert!(named.iter().any(|n| n == path), "{path}: {named:?}");
    }
    let again = translate(&Eps, &made.bytes, &test_context());
    assert!(!again.rejected(), "{:?}", again.issues);
    assert_eq!(again.outputs[0].recipient.as_deref(), Some("ZX901"));
}
