//! Audit events against the rules of BALP and PARS: IG-15, IG-16.

use causeway_access::audit_event::{Act, Event, Party, Product, User, balp, pars};
use serde_json::{Value, json};

use super::fsh::Patterns;
use super::now;

fn event(act: Act) -> Event {
    Event {
        id: "0190f5fe-0000-7000-8000-000000000001".to_owned(),
        recorded: now(),
        act,
        refused: String::new(),
        text: String::new(),
        client: Party {
            system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
            value: "ZZ900".to_owned(),
            name: "A Practice".to_owned(),
        },
        address: "192.0.2.1".to_owned(),
        server: "https://exchange.example/fhir".to_owned(),
        user: Some(User {
            who: Party {
                system: "https://issuer.example".to_owned(),
                value: "u1".to_owned(),
                name: "A User".to_owned(),
            },
            role: "R8000".to_owned(),
            role_system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName".to_owned(),
            role_name: "Clinical Practitioner Access Role".to_owned(),
            audience: "staff".to_owned(),
        }),
        purpose: "TREAT".to_owned(),
        token: "session-1".to_owned(),
        patient: "p1".to_owned(),
        nhs_number: "9990000018".to_owned(),
        data: vec!["Observation/o1".to_owned(), "Observation/o2".to_owned()],
        query: "R0VUIC9maGlyL09ic2VydmF0aW9uP3BhdGllbnQ9cDE=".to_owned(),
        request: "r-1".to_owned(),
        relationship: "registered".to_owned(),
        sections: vec!["results".to_owned()],
        policy: "2026.11.1".to_owned(),
    }
}

/// Which profile each act claims, with a person and without.
const PROFILES: &[(Act, &str, &str)] = &[
    (Act::Read, "PatientRead", "Read"),
    (Act::VersionRead, "PatientRead", "Read"),
    (Act::Query, "PatientQuery", "Query"),
    (Act::Create, "PatientCreate", "Create"),
    (Act::Update, "PatientUpdate", "Update"),
    (Act::Delete, "PatientDelete", "Delete"),
    (Act::Export, "AuditPrivacyDisclosureSource", ""),
];

#[test]
fn ig_15_every_interaction_meets_its_pattern() {
    let Some(patterns) = Patterns::read() else {
        eprintln!("SKIPPED: the acceptance material (balp) is not here");
        return;
    };
    for (act, with, without) in PROFILES {
        for (profile, patient) in [(with, "p1"), (without, "")] {
            if profile.is_empty() {
                continue;
            }
            let mut event = event(*act);
            if patient.is_empty() {
                event.patient.clear();
                event.nhs_number.clear();
            }
            for user in [event.user.clone(), None] {
                event.user = user;
                let made = balp(&event);
                assert_eq!(
                    patterns.check(profile, &made),
                    Vec::<String>::new(),
                    "{act:?} as {profile}: {made}"
                );
                let claimed = made["meta"]["profile"][0].as_str().unwrap_or_default();
                assert!(
                    claimed
                        .starts_with("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
                );
            }
        }
        // The control: another act's event does not pass.
        for (other, profile, _) in PROFILES.iter().filter(|(o, p, _)| o != act && p != with) {
            assert!(!patterns.check(profile, &balp(&event(*act))).is_empty(), "{act:?} is no {other:?}");
        }
    }
}

#[test]
fn ig_15_each_mutation_of_an_event_is_found() {
    let Some(patterns) = Patterns::read() else { return };
    let good = balp(&event(Act::Read));
    let mutations: &[fn(&mut Value)] = &[
        |e| e["type"]["code"] = json!("object"),
        |e| e["subtype"] = json!([]),
        |e| e["action"] = json!("E"),
        |e| e["outcome"] = json!("4"),
        |e| e["agent"][0]["network"] = Value::Null,
        |e| e["agent"][0]["media"] = json!({"code": "x"}),
        |e| e["agent"][1]["who"] = Value::Null,
        |e| e["agent"][2]["requestor"] = json!(false),
        |e| e["agent"][2]["network"] = json!({"address": "x"}),
        |e| drop(e["agent"].as_array_mut().unwrap().remove(0)),
        |e| drop(e["entity"].as_array_mut().unwrap().remove(0)),
        |e| e["entity"][1]["role"]["code"] = json!("7"),
        |e| e["entity"][2]["what"] = json!({}),
    ];
    for (n, mutate) in mutations.iter().enumerate() {
        let mut bad = good.clone();
        mutate(&mut bad);
        assert!(!patterns.check("PatientRead", &bad).is_empty(), "mutation {n} is not found");
    }
}

#[test]
fn the_examples_of_the_patterns_pass_the_same_rules() {
    let Some(patterns) = Patterns::read() else { return };
    let examples = patterns.examples();
    let known: Vec<_> = examples
        .iter()
        .filter(|(_, profile, _)| {
            PROFILES.iter().any(|(_, with, without)| profile == with || profile == without)
        })
        .collect();
    assert!(known.len() >= 12, "{} examples", known.len());
    let mut failed = Vec::new();
    for (name, profile, example) in known {
        let wrong = patterns.check(profile, example);
        if !wrong.is_empty() {
            failed.push(format!("{name} as {profile}: {wrong:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_refusal_claims_no_pattern_and_says_why() {
    for act in [Act::Read, Act::Query, Act::Export, Act::SignIn, Act::BreakGlass] {
        let mut event = event(act);
        event.refused = "no-relationship".to_owned();
        event.text = "no source tells that this caller has to do with the person".to_owned();
        let made = balp(&event);
        assert!(made.get("meta").is_none(), "{act:?}");
        assert_eq!(made["outcome"], "4");
        assert_eq!(made["contained"][0]["issue"][0]["details"]["coding"][0]["code"], "no-relationship");
        // A refusal that nobody put in words has no empty text.
        event.text.clear();
        assert!(balp(&event)["contained"][0]["issue"][0]["details"].get("text").is_none(), "{act:?}");
    }
}

#[test]
fn other_events_are_named_by_their_codes() {
    for (act, kind, subtype) in [
        (Act::SignIn, "110114", "110122"),
        (Act::SignOut, "110114", "110123"),
        (Act::BreakGlass, "110113", "110127"),
        (Act::PolicyChange, "110113", "110129"),
        (Act::ConsentChange, "110113", "110135"),
    ] {
        let made = balp(&event(act));
        assert_eq!(
            (made["type"]["code"].as_str(), made["subtype"][0]["code"].as_str()),
            (Some(kind), Some(subtype))
        );
        assert!(made.get("meta").is_none());
    }
}

#[test]
fn every_identifier_of_an_agent_has_an_absolute_uri_for_its_system() {
    for (issuer, expected) in [
        ("https://issuer.example", "https://issuer.example"),
        ("urn:oid:2.16.840.1.113883.2.1.4.1", "urn:oid:2.16.840.1.113883.2.1.4.1"),
        ("demonstration", "https://fhir.causeway.example/Id/issuer/demonstration"),
        ("our sign-in/2", "https://fhir.causeway.example/Id/issuer/our%20sign-in%2F2"),
        ("a b:c", "https://fhir.causeway.example/Id/issuer/a%20b%3Ac"),
        ("1st:c", "https://fhir.causeway.example/Id/issuer/1st%3Ac"),
        ("x:", "https://fhir.causeway.example/Id/issuer/x%3A"),
        ("Schlüssel:1", "https://fhir.causeway.example/Id/issuer/Schl%C3%BCssel%3A1"),
    ] {
        let mut event = event(Act::Read);
        issuer.clone_into(&mut event.user.as_mut().unwrap().who.system);
        issuer.clone_into(&mut event.client.system);
        let written = [balp(&event), pars(&event, &Product::default()).expect("has a place")];
        let mut seen = 0;
        for agent in written.iter().flat_map(|e| e["agent"].as_array().unwrap()) {
            if ["u1", "ZZ900"].iter().any(|v| agent["who"]["identifier"]["value"] == *v) {
                assert_eq!(agent["who"]["identifier"]["system"], expected, "{issuer}");
                seen += 1;
            }
        }
        assert_eq!(seen, 4, "{issuer}");
    }
    // An issuer that isn't told is left out, and so is an address that nobody came in at.
    let mut unknown = event(Act::SignIn);
    unknown.server.clear();
    unknown.user.as_mut().unwrap().who.system.clear();
    unknown.user.as_mut().unwrap().role_system.clear();
    let text = balp(&unknown).to_string();
    assert!(!text.contains(r#":"""#), "FHIR has no empty strings: {text}");
}

/// The rules of England-AuditEvent-PARS 0.0.2 and its base, as a table: closed slices of agents and entities.
fn pars_faults(event: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for agent in event["agent"].as_array().into_iter().flatten() {
        let kind = agent["who"]["type"].as_str().unwrap_or_default();
        if !["Organization", "Patient", "Practitioner", "PractitionerRole", "Endpoint"].contains(&kind) {
            wrong.push(format!("an agent of type {kind:?} fits no slice"));
        }
        *counts.entry(kind).or_default() += 1;
        for part in ["system", "value"] {
            if !agent["who"]["identifier"][part].is_string() {
                wrong.push(format!("agent {kind} has no identifier.{part}"));
            }
        }
        if !agent["requestor"].is_boolean() {
            wrong.push("an agent has no requestor".to_owned());
        }
    }
    for (kind, most) in
        [("Organization", 2), ("Patient", 1), ("Practitioner", 1), ("PractitionerRole", 1), ("Endpoint", 1)]
    {
        if counts.get(kind).copied().unwrap_or(0) > most {
            wrong.push(format!("more than {most} agents of {kind}"));
        }
    }
    if !counts.contains_key("Organization") {
        wrong.push("no organisation".to_owned());
    }
    let slices = [
        ("http://terminology.hl7.org/CodeSystem/audit-entity-type", "1", 1),
        ("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId", 1),
        ("http://terminology.hl7.org/CodeSystem/audit-entity-type", "3", 0),
        ("http://hl7.org/fhir/resource-types", "Endpoint", 0),
    ];
    let entities: Vec<&Value> = event["entity"].as_array().into_iter().flatten().collect();
    for entity in &entities {
        let fits =
            slices.iter().any(|(s, c, _)| entity["type"]["system"] == *s && entity["type"]["code"] == *c);
        if !fits {
            wrong.push(format!("an entity of type {} fits no slice", entity["type"]));
        }
        for part in ["system", "value"] {
            if !entity["what"]["identifier"][part].is_string() {
                wrong.push(format!("an entity has no identifier.{part}"));
            }
        }
        if entity["type"]["code"] == "Endpoint" {
            let details: Vec<_> = entity["detail"].as_array().into_iter().flatten().collect();
            let has = |t: &str| details.iter().any(|d| d["type"] == t && d["valueString"].is_string());
            if details.len() != 2
                || !has("productIdentifier")
                || !has("interactionIdentifier")
                || !entity["name"].is_string()
            {
                wrong.push("the endpoint's details are wrong".to_owned());
            }
        }
    }
    for (system, code, least) in slices {
        let count =
            entities.iter().filter(|e| e["type"]["system"] == system && e["type"]["code"] == code).count();
        if count < least || (least == 1 && count > 1) {
            wrong.push(format!("{count} entities of {code}"));
        }
    }
    let observer = &event["source"]["observer"];
    for (name, value) in [
        ("type.system", &event["type"]["system"]),
        ("subtype.system", &event["subtype"][0]["system"]),
        ("subtype.code", &event["subtype"][0]["code"]),
        ("action", &event["action"]),
        ("recorded", &event["recorded"]),
        ("source.observer.identifier.value", &observer["identifier"]["value"]),
        ("source.observer.display", &observer["display"]),
        ("source.type.code", &event["source"]["type"][0]["code"]),
    ] {
        if !value.is_string() {
            wrong.push(format!("no {name}"));
        }
    }
    if event["entity"][0]["role"]["system"] != "http://terminology.hl7.org/CodeSystem/object-role" {
        wrong.push("the patient has no role".to_owned());
    }
    wrong
}

/// Each kind of event for PARS (`good-*`) and what is wrong with one (`bad-*`), for `tests/long/pars.sh`.
fn write_for_the_validator(folder: &std::path::Path, good: &Value, mutations: &[fn(&mut Value)]) {
    let write = |name: String, of: &Value| {
        std::fs::write(folder.join(name), serde_json::to_string_pretty(of).unwrap()).unwrap();
    };
    for act in [Act::Read, Act::VersionRead, Act::Query, Act::Create, Act::Update, Act::Delete, Act::Export] {
        for audience in ["staff", "person", "system"] {
            let mut event = event(act);
            event.user.as_mut().unwrap().audience = audience.to_owned();
            let made = pars(&event, &Product::default()).unwrap();
            write(format!("good-{act:?}-{audience}.json").to_lowercase(), &made);
        }
    }
    for (n, mutate) in mutations.iter().enumerate() {
        let mut bad = good.clone();
        mutate(&mut bad);
        // What is taken out is not there, rather than null.
        without_nulls(&mut bad);
        write(format!("bad-{n}.json"), &bad);
    }
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[test]
fn ig_16_the_export_meets_the_national_profile() {
    for act in [Act::Read, Act::Query, Act::Create, Act::Update, Act::Delete, Act::Export] {
        for audience in ["staff", "person", "system"] {
            let mut event = event(act);
            event.user.as_mut().unwrap().audience = audience.to_owned();
            let made = pars(&event, &Product::default()).expect("has a place");
            assert_eq!(pars_faults(&made), Vec::<String>::new(), "{act:?} {audience}: {made}");
        }
    }
    // A BALP event does not satisfy it, nor the other way round: that is why both are written.
    assert!(!pars_faults(&balp(&event(Act::Read))).is_empty());
    let good = pars(&event(Act::Read), &Product::default()).unwrap();
    let mutations: &[fn(&mut Value)] = &[
        |e| e["agent"][0]["who"]["type"] = json!("Group"),
        |e| e["agent"][0]["who"]["identifier"]["system"] = Value::Null,
        |e| e["agent"].as_array_mut().unwrap().push(json!({"who": {"display": "x"}, "requestor": false})),
        |e| e["entity"].as_array_mut().unwrap().truncate(1),
        |e| e["entity"][2]["detail"].as_array_mut().unwrap().truncate(1),
        |e| e["entity"][2]["name"] = Value::Null,
        |e| e["subtype"][0]["code"] = Value::Null,
        |e| e["source"]["type"] = json!([]),
        |e| {
            e["entity"]
                .as_array_mut()
                .unwrap()
                .push(json!({"what": {"identifier": {"system": "s", "value": "v"}}, "type": {"code": "9"}}))
        },
    ];
    for (n, mutate) in mutations.iter().enumerate() {
        let mut bad = good.clone();
        mutate(&mut bad);
        assert!(!pars_faults(&bad).is_empty(), "mutation {n} is not found");
    }
    if let Ok(folder) = std::env::var("CAUSEWAY_PARS_OUT") {
        write_for_the_validator(std::path::Path::new(&folder), &good, mutations);
    }
    // The person herself has no organisation: the one that runs the exchange stands for her.
    let mut own = event(Act::Read);
    own.client = Party::default();
    own.user.as_mut().unwrap().audience = "person".to_owned();
    assert!(pars(&own, &Product::default()).is_none());
    let organisation = event(Act::Read).client;
    let made = pars(&own, &Product { organisation, ..Product::default() }).expect("has a place");
    assert_eq!(pars_faults(&made), Vec::<String>::new(), "{made}");
    // Where the client did not name its request, the event's id does.
    let mut unnamed = event(Act::Read);
    unnamed.request.clear();
    let made = pars(&unnamed, &Product::default()).expect("has a place");
    assert_eq!(made["entity"][1]["what"]["identifier"]["value"], unnamed.id);
    // Where the profile has no place for an event there is none.
    let mut nobody = event(Act::Read);
    nobody.nhs_number.clear();
    assert!(pars(&nobody, &Product::default()).is_none());
    assert!(pars(&event(Act::SignIn), &Product::default()).is_none());
}
