//! Leak search over generated people: no role is told of a withheld item, by no route, nor by what log and metrics hold; with
//! the gate off the same search finds every one of them. `CAUSEWAY_LEAK_PEOPLE` says how many people: few in `./test`, 200 in
//! `tests/long/leak_search.sh`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_service::Service;
use causeway_service::access::session::SignedIn;
use causeway_service::config::{Config, Organisation};
use causeway_service::pages::portal::cast::CAST;
use causeway_service::testing::TestServer;
use serde_json::{Value, json};

use crate::support::*;

/// Who gives the care, and so may open the records.
const CARE: &str = "ZZ901";
/// People of a search in `./test`.
const FEW: usize = 3;
/// Roles that staff sign in with.
const ROLES: [&str; 12] = [
    "R8000",
    "R8001",
    "R8003",
    "R8004",
    "R8014",
    "R8010",
    "R0001",
    "R5105",
    "R1860",
    "care-home-manager",
    "care-worker",
    "council-technician",
];
/// System of the stand-ins for restricted codes, and members that hold in direct care: code and term.
const STAND_IN: &str = "https://fhir.causeway.example/CodeSystem/stand-in";
const RESTRICTED: [(&str, &str); 8] = [
    ("GRI-1", "Stand-in gender service contact"),
    ("GRI-2", "Stand-in gender recognition event"),
    ("AF-1", "Stand-in assisted fertilisation cycle"),
    ("AF-2", "Stand-in embryo transfer"),
    ("TOP-1", "Stand-in termination procedure"),
    ("TOP-2", "Stand-in termination referral"),
    ("STD-1", "Stand-in sexual health infection"),
    ("STD-2", "Stand-in sexual health test"),
];

/// A generated person: what is told of them in two messages, and what nobody may be told.
struct Person {
    family: String,
    number: String,
    plain: Value,
    veiled: Value,
    /// Values, names and reasons of withheld items, and the code and term of each.
    secrets: Vec<String>,
}

/// An NHS number of the test range.
fn number(at: usize) -> String {
    let mut serial = at * 7 + 1;
    loop {
        let nine = format!("999{:06}", serial % 1_000_000);
        let sum: usize = nine.bytes().zip((2..=10).rev()).map(|(b, w)| usize::from(b - b'0') * w).sum();
        match 11 - sum % 11 {
            10 => serial += 1,
            11 => return format!("{nine}0"),
            check => return format!("{nine}{check}"),
        }
    }
}

fn coded(code: &str, term: &str) -> Value {
    json!({"coding": [{"system": STAND_IN, "code": code, "display": term}], "text": term})
}

fn person(at: usize) -> Person {
    let (family, number) = (format!("Withybrook{at}"), number(at));
    let (code, term) = RESTRICTED[at % RESTRICTED.len()];
    let word = |what: &str| format!("veiled{what}{at}q");
    let full = |kind: &str, id: &str, more: Value| {
        let mut resource = json!({"resourceType": kind, "id": format!("{id}-{at}")});
        resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"fullUrl": format!("https://sender.example/fhir/{kind}/{id}-{at}"), "resource": resource})
    };
    let subject = json!({"reference": format!("Patient/p-{at}")});
    let to = |kind: &str, id: &str| json!({"reference": format!("{kind}/{id}-{at}")});
    let patient = full(
        "Patient",
        "p",
        json!({
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
            "name": [{"family": family, "given": ["Orla"]}], "birthDate": "1984-05-06", "gender": "female",
            "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": CARE}}],
        }),
    );
    let bundle =
        |entries: Vec<Value>| json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    let text = |words: &str| json!({"text": words});
    let plain = bundle(vec![
        patient.clone(),
        full(
            "Observation",
            "walk",
            json!({"status": "final", "subject": subject, "code": text("Gait speed"),
            "effectiveDateTime": "2026-10-03T09:30:00Z", "valueString": "slow"}),
        ),
        full(
            "Condition",
            "asthma",
            json!({"subject": subject, "code": text("Asthma"),
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}}),
        ),
        full(
            "MedicationStatement",
            "inhaler",
            json!({"status": "active", "subject": subject,
            "medicationCodeableConcept": text("Salbutamol inhaler")}),
        ),
    ]);
    // The item itself, as another type for each person.
    let item = match at % 4 {
        0 => full(
            "Observation",
            "item",
            json!({"status": "final", "subject": subject, "code": coded(code, term),
            "effectiveDateTime": "2026-10-04T10:00:00Z", "valueString": word("value"), "encounter": to("Encounter", "visit")}),
        ),
        1 => full(
            "Condition",
            "item",
            json!({"subject": subject, "code": coded(code, term), "note": [text(&word("value"))],
            "encounter": to("Encounter", "visit"), "recordedDate": "2026-10-04"}),
        ),
        2 => full(
            "Procedure",
            "item",
            json!({"status": "completed", "subject": subject, "code": coded(code, term),
            "performedDateTime": "2026-10-04", "note": [text(&word("value"))], "encounter": to("Encounter", "visit")}),
        ),
        _ => full(
            "MedicationRequest",
            "item",
            json!({"status": "active", "intent": "order", "subject": subject,
            "medicationCodeableConcept": text(&word("value")), "reasonCode": [coded(code, term)], "encounter": to("Encounter", "visit")}),
        ),
    };
    let kind = ["Observation", "Condition", "Procedure", "MedicationRequest"][at % 4];
    let here = to(kind, "item");
    let narrative = |words: &str| json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Asthma. {words}</p></div>")});
    let veiled = bundle(vec![
        patient,
        item,
        // What was only there for it: the visit, who saw her, where.
        full(
            "Encounter",
            "visit",
            json!({"status": "finished", "subject": subject,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": "2026-10-04T10:00:00Z", "end": "2026-10-04T10:20:00Z"},
            "participant": [{"individual": to("Practitioner", "doctor")}], "location": [{"location": to("Location", "clinic")}]}),
        ),
        full("Practitioner", "doctor", json!({"name": [{"family": word("doctor")}]})),
        full("Location", "clinic", json!({"name": word("clinic")})),
        // What holds it beside others, with words of its own.
        full(
            "List",
            "problems",
            json!({"status": "current", "mode": "snapshot", "subject": subject, "title": "Summary",
            "text": narrative(term), "entry": [{"item": to("Condition", "asthma")}, {"item": here}]}),
        ),
        full(
            "CarePlan",
            "plan",
            json!({"status": "active", "intent": "plan", "subject": subject, "title": "Plan of the year",
            "text": narrative(&word("value")), "supportingInfo": [here], "note": [text("breathing exercises")]}),
        ),
        // What follows from it.
        full(
            "ServiceRequest",
            "referral",
            json!({"status": "active", "intent": "order", "subject": subject,
            "code": text(&word("referral")), "reasonReference": [here]}),
        ),
        full(
            "DocumentReference",
            "letter",
            json!({"status": "current", "subject": subject, "description": word("letter"),
            "context": {"related": [here]}, "content": [{"attachment": {"contentType": "text/plain",
                "data": STANDARD.encode(format!("About {term}: {}", word("value")))}}]}),
        ),
    ]);
    let mut secrets: Vec<String> =
        ["value", "doctor", "clinic", "referral", "letter"].map(word).into_iter().collect();
    secrets.extend([
        code.to_owned(),
        term.to_owned(),
        STANDARD.encode(format!("About {term}: "))[..12].to_owned(),
    ]);
    Person { family, number, plain, veiled, secrets }
}

async fn tell(server: &TestServer, bundle: &Value) -> String {
    let headers = [("Content-Type", "application/fhir+json; fhirVersion=4.0"), ("Causeway-Sender", CARE)];
    let reply = call(server, "POST", "/messages", &headers, bundle.to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Addresses that lead to something of a person, with what they are asked as.
fn routes(
    patient: &str,
    person: &str,
    messages: &[String],
    number: &str,
    hidden: &[String],
) -> Vec<(String, &'static str)> {
    let (fhir, page) = ("application/fhir+json", "text/html");
    let mut out: Vec<(String, &'static str)> = [
        format!("/fhir/Patient/{patient}"),
        format!("/fhir/Patient/{patient}/_history"),
        format!("/fhir/Patient/{patient}/_history/1"),
        format!("/fhir/Patient/{patient}/$everything"),
        format!("/fhir/Patient/{patient}/$summary"),
        format!("/fhir/Patient/{patient}/Observation"),
        format!("/fhir/Patient?identifier={number}&_revinclude=Observation:patient&_revinclude=List:patient"),
        format!(
            "/fhir/Encounter?patient={patient}&_include=Encounter:participant&_include=Encounter:location"
        ),
        format!("/fhir/List?patient={patient}&_include=List:item"),
        format!("/fhir/CarePlan?patient={patient}&_include=CarePlan:subject&_revinclude=Provenance:target"),
        format!("/fhir/Observation?patient={patient}&_summary=count"),
        format!("/fhir/AuditEvent?patient={patient}"),
        format!("/fhir/AuditEvent?patient={patient}&_profile={}", causeway_service::access::audit_event::PARS),
        format!("/fhir/Patient?identifier={number}&_count=1&_page=0&_elements=name"),
        format!("/fhir/Patient/{patient}/Encounter?_total=accurate"),
        format!("/fhir/Patient/{patient}/$everything?_count=5&_page=5"),
        format!("/fhir/$export?_type=Observation,Condition&patient={patient}"),
        format!("/consumer/FHIR/R4/DocumentReference?subject:identifier=https://fhir.nhs.uk/Id/nhs-number|{number}"),
        "/fhir/_history?_count=20".to_owned(),
        "/fhir/Condition/_history?_count=20".to_owned(),
    ]
    .into_iter()
    .map(|path| (path, fhir))
    .collect();
    for kind in [
        "Observation",
        "Condition",
        "Procedure",
        "MedicationRequest",
        "ServiceRequest",
        "DocumentReference",
        "CarePlan",
        "Provenance",
    ] {
        out.push((format!("/fhir/{kind}?patient={patient}"), fhir));
    }
    for key in hidden {
        out.push((format!("/fhir/{key}"), fhir));
        out.push((format!("/fhir/{key}/_history"), fhir));
        out.push((format!("/fhir/{key}/_history/1"), "application/fhir+xml"));
    }
    for message in messages {
        for part in ["", "/original", "/bundles/1", "/explain", "/ledger", "/issues", "/acknowledgement"] {
            out.push((format!("/messages/{message}{part}"), "application/json"));
        }
        out.push((format!("/messages/{message}/explain"), page));
        out.push((format!("/care-note/{message}"), page));
        // A mailbox is its owner's, whoever signed in.
        out.push((format!("/messageexchange/B1/inbox/{message}"), "application/json"));
    }
    for path in [
        "/",
        "/messageexchange/B1/inbox",
        "/metrics",
        "/messages/",
        "/people/",
        "/privacy",
        "/failed",
        "/parked",
        "/overdue",
        "/identity",
        "/coverage",
        "/commitment",
        "/onboarding",
        "/safety",
        "/research",
        "/access",
        "/access/try",
        "/access/ask",
        "/access/choices",
        // /access/sensitive is left out: it lists the codes of the policy itself, which are about nobody.
        "/health",
    ] {
        out.push((path.to_owned(), page));
    }
    out.push((format!("/access/side-by-side?person={person}"), page));
    for path in ["", "?section=results", "?section=problems", "?section=documents"] {
        out.push((format!("/people/{person}{path}"), page));
    }
    for path in ["", "/looked", "/choices", "/people", "/readings", "/wrong"] {
        out.push((format!("/me/{person}{path}"), page));
    }
    out.push((format!("/people/{person}"), "application/json"));
    out
}

fn config() -> Config {
    let organisation =
        Organisation { name: "Example Practice".to_owned(), ..Organisation::of_code(CARE).unwrap() };
    Config { organisations: vec![organisation], ..open_config() }
}

async fn look_as(server: &TestServer, subject: &str) -> String {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = call(server, "POST", "/look-as", &headers, format!("subject={subject}").as_bytes()).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// What of the secrets is in a text. The address that was asked for may come back.
fn told<'s>(text: &str, secrets: &'s [String]) -> Vec<&'s str> {
    secrets.iter().map(String::as_str).filter(|secret| text.contains(secret)).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout)]
async fn ig_11_no_role_is_told_of_anything_withheld_of_generated_people() {
    let people = std::env::var("CAUSEWAY_LEAK_PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(FEW);
    let world = World::new();
    let state = world.state(config());
    for role in ROLES {
        let one = SignedIn {
            issuer: "demonstration".to_owned(),
            subject: role.to_owned(),
            name: format!("One of {role}"),
            role: role.to_owned(),
            organisation: CARE.to_owned(),
            ..SignedIn::default()
        };
        let json = serde_json::to_string(&one).unwrap();
        state.engine.put_config(CAST, role, Some(&json), None, "test", state.clock.now()).unwrap();
    }
    let mut exchange = causeway_service::mesh::MeshConfig {
        auth: causeway_service::mesh::AuthMode::Full,
        ..crate::disclosures::exchange()
    };
    exchange.mailboxes.iter_mut().for_each(|mailbox| mailbox.password = "password".into());
    let mesh = causeway_service::mesh::router(causeway_service::mesh::open(exchange, &state).unwrap());
    let service = Service::new(state.clone()).door(mesh);
    let server = std::sync::Arc::new(TestServer::start_service(state, service).await.unwrap());
    let (mut asked, mut shown, mut found, mut expected, mut leaks) = (0, 0, 0, 0, Vec::new());
    for at in 0..people {
        let one = person(at);
        let messages = vec![tell(&server, &one.plain).await, tell(&server, &one.veiled).await];
        for message in &messages {
            until(&server, message, "recorded").await;
        }
        let told_of = get(&server, &format!("/fhir/Patient?identifier={}", one.number)).await.json();
        let patient = told_of["entry"][0]["resource"]["id"].as_str().expect("the person").to_owned();
        let id = server.state.gate.shelf.person_of(&patient).unwrap().unwrap();
        // The control: the keeper of the demonstration, whom no decision limits, is told of every one.
        let everything = get(&server, &format!("/fhir/Patient/{patient}/$everything")).await;
        let words = everything.text();
        expected += one.secrets.len();
        found += told(&words, &one.secrets).len();
        let missing: Vec<&String> = one.secrets.iter().filter(|s| !words.contains(*s)).collect();
        assert!(missing.is_empty(), "{}: the control finds all, but for {missing:?}", one.family);
        let veiled = |r: &Value| {
            let text = r.to_string();
            r["resourceType"] != "Patient"
                && r["resourceType"] != "Provenance"
                && r["resourceType"] != "List"
                && r["resourceType"] != "CarePlan"
                && one.secrets.iter().any(|s| text.contains(s.as_str()))
        };
        let all = everything.json();
        let entries = all["entry"].as_array().unwrap().iter().map(|e| &e["resource"]);
        let hidden: Vec<String> = entries
            .filter(|r| veiled(r))
            .map(|r| format!("{}/{}", r["resourceType"].as_str().unwrap(), r["id"].as_str().unwrap()))
            .collect();
        assert!(hidden.len() >= 5, "{hidden:?}");
        let paths = std::sync::Arc::new(routes(&patient, &id, &messages, &one.number, &hidden));
        let secrets = std::sync::Arc::new([one.secrets.clone(), hidden].concat());
        let mut looks = tokio::task::JoinSet::new();
        for role in ROLES {
            let (server, paths, secrets) = (server.clone(), paths.clone(), secrets.clone());
            looks.spawn(async move {
                let cookie = look_as(&server, role).await;
                let (mut shown, mut leaks) = (0, Vec::new());
                for (path, accept) in paths.iter() {
                    let headers = [("Accept", *accept), ("Cookie", cookie.as_str())];
                    let reply = call(&server, "GET", path, &headers, b"").await;
                    shown += usize::from(reply.status == 200);
                    let text = reply.text();
                    for secret in told(&text, &secrets).into_iter().filter(|s| !path.contains(s)) {
                        leaks.push(format!("{role} is told {secret} at {path}: {} {text}", reply.status));
                    }
                }
                (paths.len(), shown, leaks)
            });
        }
        while let Some(done) = looks.join_next().await {
            let (paths, some, told) = done.unwrap();
            asked += paths;
            shown += some;
            leaks.extend(told);
        }
        assert!(leaks.is_empty(), "{} leaks, the first: {}", leaks.len(), leaks[0]);
        // The log of many people is read and put away as it grows; that of few is the log of all tests.
        let log = if people > FEW { take_log() } else { logged() };
        for secret in one.secrets.iter().filter(|s| s.starts_with("veiled")) {
            assert!(!log.contains(secret.as_str()), "the log names {secret}");
        }
    }
    assert!(shown > people * 60, "{shown} of {asked} answers were shown: the search looked at something");
    println!(
        "{people} people, {} roles: {asked} answers, {shown} of them shown, 0 leaks; the control found {found} of {expected}",
        ROLES.len()
    );
    let Ok(server) = std::sync::Arc::try_unwrap(server) else { panic!("somebody still asks") };
    server.stop().await.unwrap();
}
