//! No disclosure without its audit entry: every address of the router's own list is asked for, and where a person is in
//! the answer, exactly one entry of the audit trail under that person says so. Where the trail can't be written, nothing is
//! in any answer; and nothing of one organisation's is in any answer to another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use causeway_exchange::{Audit, Engine};
use causeway_service::access::session::SignedIn;
use causeway_service::mesh::{self, AuthMode, Mailbox, MeshConfig, Mode};
use causeway_service::pages::portal::cast::CAST;
use causeway_service::testing::TestServer;
use causeway_service::{Service, Shared};
use causeway_service::{bulk, nrl};

use crate::faulty::Faulty;
use crate::support::*;

/// What only an answer about the person holds.
pub const MARKS: [&str; 2] = ["Quillfeather", "marmalade"];
/// One case: the address as the router has it, the same filled in (`{id}` message, `{patient}`, `{person}`), and whether
/// a person is in the answer. `-`: not asked for here, it takes no GET.
pub type Case = (&'static str, &'static str, bool);

pub const CASES: &[Case] = &[
    ("/", "/", false),
    ("/accessibility", "/accessibility", false),
    ("/adapters", "/adapters", false),
    ("/assets/causeway.css", "/assets/causeway.css", false),
    ("/health", "/health", false),
    ("/metrics", "/metrics", false),
    ("/care-note", "/care-note", false),
    // Of a note that was typed here; this message was not (`door/onramp.rs` of the binary counts one that was).
    ("/care-note/{id}", "/care-note/{id}", false),
    ("/care-notes", "/care-notes", false),
    ("/care-notes.csv", "/care-notes.csv", false),
    ("/scaip", "-", false),
    ("/fault/{mode}", "-", false),
    ("/$process-message", "-", false),
    ("/%24process-message", "-", false),
    ("/fhir/$process-message", "-", false),
    ("/fhir/%24process-message", "-", false),
    ("/fhir/metadata", "/fhir/metadata", false),
    ("/check", "/check", false),
    ("/commitment", "/commitment", false),
    ("/coverage", "/coverage", false),
    ("/tour", "/tour", false),
    ("/safety", "/safety", false),
    ("/onboarding", "/onboarding", false),
    ("/onboarding/{run}", "/onboarding/none", false),
    ("/research", "/research", false),
    ("/fhir", "-", false),
    ("/fhir/", "-", false),
    ("/fhir/$validate", "-", false),
    ("/fhir/%24validate", "-", false),
    ("/fhir/{kind}/$validate", "-", false),
    ("/fhir/{kind}/%24validate", "-", false),
    // What leaves by these names nobody; that nobody else gets it is in `bulk`.
    ("/fhir/$export", "/fhir/$export", false),
    ("/fhir/%24export", "/fhir/%24export", false),
    ("/fhir/Patient/$export", "/fhir/Patient/$export", false),
    ("/fhir/Patient/%24export", "/fhir/Patient/%24export", false),
    ("/fhir/Group/{id}/$export", "/fhir/Group/none/$export", false),
    ("/fhir/Group/{id}/%24export", "/fhir/Group/none/%24export", false),
    ("/exports/{id}", "/exports/none", false),
    ("/exports/{id}/{file}", "/exports/none/Patient-0001.ndjson", false),
    ("/fhir/_history", "/fhir/_history", true),
    ("/fhir/{kind}/_history", "/fhir/Patient/_history", true),
    ("/fhir/{kind}/{id}/{other}", "/fhir/Patient/{patient}/Observation", false),
    ("/fhir/{kind}", "/fhir/Patient?family=Quillfeather", true),
    ("/fhir/{kind}/_search", "-", false),
    ("/fhir/{kind}/{id}", "/fhir/Patient/{patient}", true),
    ("/fhir/{kind}/{id}/_history", "/fhir/Patient/{patient}/_history", true),
    ("/fhir/{kind}/{id}/_history/{version}", "/fhir/Patient/{patient}/_history/1", true),
    ("/fhir/{kind}/{id}/$everything", "/fhir/Patient/{patient}/$everything", true),
    ("/fhir/{kind}/{id}/%24everything", "/fhir/Patient/{patient}/%24everything", true),
    ("/fhir/{kind}/{id}/$summary", "/fhir/Patient/{patient}/$summary", true),
    ("/fhir/{kind}/{id}/%24summary", "/fhir/Patient/{patient}/%24summary", true),
    ("/fhir/Subscription", "/fhir/Subscription", false),
    ("/fhir/Subscription/$status", "/fhir/Subscription/$status", false),
    ("/fhir/Subscription/%24status", "/fhir/Subscription/%24status", false),
    ("/fhir/Subscription/{id}", "/fhir/Subscription/none", false),
    ("/fhir/Subscription/{id}/$status", "/fhir/Subscription/none/$status", false),
    ("/fhir/Subscription/{id}/%24status", "/fhir/Subscription/none/%24status", false),
    // Each event that is told is in the access log: `delivery::subscriptions`.
    ("/fhir/Subscription/{id}/$events", "/fhir/Subscription/none/$events", false),
    ("/fhir/Subscription/{id}/%24events", "/fhir/Subscription/none/%24events", false),
    ("/messages", "/messages", false),
    ("/messages/", "/messages/", false),
    ("/messages/{id}", "/messages/{id}", false),
    ("/messages/{id}/ledger", "/messages/{id}/ledger", false),
    ("/messages/{id}/issues", "/messages/{id}/issues", false),
    ("/messages/{id}/bundles", "/messages/{id}/bundles", false),
    ("/messages/{id}/bundles/{number}", "/messages/{id}/bundles/1", true),
    ("/messages/{id}/acknowledgement", "/messages/{id}/acknowledgement", false),
    ("/messages/{id}/original", "/messages/{id}/original", true),
    ("/messages/{id}/explain", "/messages/{id}/explain", true),
    ("/messages/{id}/replay", "/messages/{id}/replay", false),
    ("/messages/{id}/replace", "-", false),
    ("/messages/{id}/deliver", "-", false),
    ("/people", "/people", true),
    ("/people/", "/people/", true),
    ("/people/{id}", "/people/{person}", true),
    ("/overdue", "/overdue", false),
    ("/overdue/{number}", "/overdue/1", false),
    ("/parked", "/parked", false),
    ("/parked/{number}", "/parked/1", false),
    ("/identity", "/identity", false),
    ("/identity/{number}", "/identity/1", false),
    ("/privacy", "/privacy", false),
    ("/privacy/{alert}", "/privacy/none", false),
    ("/access", "/access", false),
    ("/access/ask", "/access/ask?patient={patient}", false),
    ("/access/choices", "/access/choices", false),
    ("/access/sensitive", "/access/sensitive", false),
    ("/access/side-by-side", "/access/side-by-side", true),
    ("/access/try", "/access/try", false),
    ("/look-as", "/look-as", false),
    ("/sign-in", "/sign-in", false),
    ("/sign-in/choose", "/sign-in/choose?to=/people/", false),
    ("/sign-in-organisation", "/sign-in-organisation", false),
    ("/failed", "/failed", false),
    ("/faults", "/faults", false),
    ("/commitment/evidence", "-", false),
    ("/messages/find", "-", false),
    ("/openapi.json", "/openapi.json", false),
    ("/sign-in/return", "/sign-in/return", false),
    ("/sign-out", "-", false),
    ("/oauth/token", "-", false),
    ("/fhir/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration", false),
    // Asked for by an organisation that names itself.
    ("/producer/FHIR/R4/_status", "/producer/FHIR/R4/_status", false),
    ("/producer/FHIR/R4/DocumentReference", "/producer/FHIR/R4/DocumentReference?{subject}", true),
    ("/producer/FHIR/R4/DocumentReference/_search", "-", false),
    ("/producer/FHIR/R4/DocumentReference/{id}", "/producer/FHIR/R4/DocumentReference/{pointer}", true),
    ("/consumer/FHIR/R4/_status", "/consumer/FHIR/R4/_status", false),
    ("/consumer/FHIR/R4/DocumentReference", "/consumer/FHIR/R4/DocumentReference?{subject}", true),
    ("/consumer/FHIR/R4/DocumentReference/_search", "-", false),
    (
        "/consumer/FHIR/R4/DocumentReference/_count",
        "/consumer/FHIR/R4/DocumentReference/_count?{subject}",
        false,
    ),
    ("/consumer/FHIR/R4/DocumentReference/{id}", "/consumer/FHIR/R4/DocumentReference/{pointer}", true),
    (
        "/consumer/FHIR/R4/DocumentReference/{id}/$retrieve",
        "/consumer/FHIR/R4/DocumentReference/{pointer}/$retrieve",
        false,
    ),
    (
        "/consumer/FHIR/R4/DocumentReference/{id}/%24retrieve",
        "/consumer/FHIR/R4/DocumentReference/{pointer}/%24retrieve",
        false,
    ),
    // Asked for by the person herself.
    ("/me", "/me", false),
    ("/me/code", "/me/code", false),
    ("/me/{person}", "/me/{person}", true),
    ("/me/{person}/choices", "/me/{person}/choices", false),
    ("/me/{person}/looked", "/me/{person}/looked", false),
    ("/me/{person}/people", "/me/{person}/people", false),
    ("/me/{person}/readings", "/me/{person}/readings", false),
    ("/me/{person}/wrong", "/me/{person}/wrong", false),
    ("/_ping", "/_ping", false),
    ("/_status", "/_status", false),
    ("/healthcheck", "/healthcheck", false),
    ("/messageexchange/_ping", "/messageexchange/_ping", false),
    ("/messageexchange/deepping", "/messageexchange/deepping", false),
    ("/messageexchange/endpointlookup/{ods}/{workflow}", "/messageexchange/endpointlookup/ZZ902/W", false),
    ("/messageexchange/workflowsearch/{workflow}", "/messageexchange/workflowsearch/W", false),
    ("/messageexchange/{mailbox}", "/messageexchange/B1", false),
    ("/messageexchange/{mailbox}/update", "-", false),
    ("/messageexchange/{mailbox}/count", "/messageexchange/B1/count", false),
    ("/messageexchange/{mailbox}/inbox", "/messageexchange/B1/inbox", false),
    ("/messageexchange/{mailbox}/inbox/rich", "/messageexchange/B1/inbox/rich", false),
    ("/messageexchange/{mailbox}/inbox/{id}", "/messageexchange/B1/inbox/{mesh}", true),
    ("/messageexchange/{mailbox}/inbox/{id}/{chunk}", "/messageexchange/B1/inbox/{mesh}/1", true),
    ("/messageexchange/{mailbox}/inbox/{id}/status/acknowledged", "-", false),
    ("/messageexchange/{mailbox}/outbox", "-", false),
    ("/messageexchange/{mailbox}/outbox/rich", "/messageexchange/A1/outbox/rich", false),
    (
        "/messageexchange/{mailbox}/outbox/tracking",
        "/messageexchange/A1/outbox/tracking?messageID={mesh}",
        false,
    ),
    ("/messageexchange/{mailbox}/outbox/tracking/{local}", "/messageexchange/A1/outbox/tracking/L1", false),
    ("/messageexchange/{mailbox}/outbox/{id}/{chunk}", "-", false),
];

/// A pointer to a plan of hers, held elsewhere.
const POINTER: &str = r#"{"resourceType":"DocumentReference","id":"ZZ902-0001","status":"current",
    "type":{"coding":[{"system":"http://snomed.info/sct","code":"736253002"}]},
    "category":[{"coding":[{"system":"http://snomed.info/sct","code":"734163000","display":"Care plan"}]}],
    "subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"{number}"}},
    "custodian":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ902"}},
    "description":"plan with marmalade","content":[{"attachment":{"url":"https://ward.example/plan.pdf"}}]}"#;

/// The addresses of a router, from its own list.
pub fn addresses(router: &Router) -> Vec<String> {
    let text = format!("{router:?}");
    let mut found: Vec<String> = text
        .split('"')
        .filter(|part| part.starts_with('/') && !part.contains("__private__"))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn mailbox(id: &str, ods_code: &str) -> Mailbox {
    Mailbox { id: id.to_owned(), ods_code: ods_code.to_owned(), active: true, ..Mailbox::default() }
}

pub fn exchange() -> MeshConfig {
    MeshConfig {
        mode: Mode::Sandbox,
        auth: AuthMode::None,
        shared_key: "TestKey".into(),
        mailboxes: vec![mailbox("A1", "ZZ901"), mailbox("B1", "ZZ902")],
        ..MeshConfig::default()
    }
}

/// The same with its places filled in.
pub fn fill_in(text: &str, fill: &[(&str, String)]) -> String {
    fill.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Ids of the first person in a closed exchange's record and of her Patient, as the operator is told, once she is there.
pub async fn known(server: &TestServer) -> (String, String) {
    let operator = [("Authorization", "Bearer token-900"), ("Accept", "application/json")];
    for _ in 0..3_000 {
        let found = call(server, "GET", "/people/", &operator, b"").await.json();
        let told = |name: &str| found["people"][0][name].as_str().map(str::to_owned);
        if let Some(both) = told("id").zip(told("display_patient")) {
            return both;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody came into the record");
}

/// A door whose author forgot to ask: the control.
async fn forgetful(State(state): State<Shared>) -> String {
    format!("{:?}", state.behind().0.persons(&Default::default()).unwrap())
}

pub struct Seeded {
    pub server: TestServer,
    _world: World,
    cookie: String,
    fill: Vec<(&'static str, String)>,
    after: u64,
}

impl Seeded {
    pub async fn new(control: bool) -> (Self, Vec<String>) {
        let world = World::new();
        let engine = world.engine();
        Self::with_trail(world, control, engine.clone(), engine).await
    }

    pub async fn with_trail(
        world: World,
        control: bool,
        engine: Arc<dyn Engine>,
        trail: Arc<dyn Audit>,
    ) -> (Self, Vec<String>) {
        let state = world.state_with_trail(open_config(), engine, trail);
        let mut service =
            Service::new(state.clone()).door(mesh::router(mesh::open(exchange(), &state).unwrap()));
        service = service.door(nrl::router(nrl::open(nrl::Settings::default(), &state).unwrap()));
        service = service.door(bulk::router(bulk::open(bulk::Settings::default(), &state).unwrap()));
        if control {
            service = service.door(Router::new().route("/forgetful", axum::routing::get(forgetful)));
        }
        let herself = SignedIn {
            issuer: "demonstration".to_owned(),
            subject: "herself".to_owned(),
            role: "person".to_owned(),
            nhs_number: "9990000018".to_owned(),
            ..SignedIn::default()
        };
        let json = serde_json::to_string(&herself).unwrap();
        state.engine.put_config(CAST, "herself", Some(&json), None, "test", state.clock.now()).unwrap();
        let listed = addresses(&service.router());
        let server = TestServer::start_service(state, service).await.unwrap();
        let id = send(&server, AGNES).await;
        until(&server, &id, "recorded").await;
        let found = get(&server, "/people/").await.json();
        let patient = found["people"][0]["display_patient"].as_str().unwrap().to_owned();
        let person = found["people"][0]["id"].as_str().unwrap().to_owned();
        let headers = [("Mex-To", "B1"), ("Mex-WorkflowID", "W"), ("Mex-LocalID", "L1")];
        let sent = call(&server, "POST", "/messageexchange/A1/outbox", &headers, AGNES.as_bytes()).await;
        assert_eq!(sent.status, 202, "{}", sent.text());
        let sent = sent.json();
        let sent = sent["messageID"].as_str().or(sent["message_id"].as_str()).unwrap().to_owned();
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let signed = call(&server, "POST", "/look-as", &headers, b"subject=herself").await;
        let cookie = signed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let pointer = POINTER.replace("{number}", "9990000018");
        let headers = [("Causeway-Sender", "ZZ902"), ("Content-Type", "application/fhir+json")];
        let path = "/producer/FHIR/R4/DocumentReference";
        let made = call(&server, "PUT", path, &headers, pointer.as_bytes()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let subject = "subject:identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018".to_owned();
        let own =
            call(&server, "GET", &format!("/me/{person}/wrong"), &[("Cookie", &cookie)], b"").await.text();
        let csrf = own.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let fill = vec![
            ("{csrf}", csrf.unwrap().to_owned()),
            ("{pointer}", "ZZ902-0001".to_owned()),
            ("{subject}", subject),
            ("{id}", id),
            ("{patient}", patient),
            ("{person}", person),
            ("{mesh}", sent),
        ];
        let mut seeded = Self { server, _world: world, cookie, fill, after: 0 };
        seeded.entries(false);
        (seeded, listed)
    }

    /// Entries since the last look that tell of a disclosure: under the person, or under a message of whom the record does
    /// not know whom it is about.
    fn entries(&mut self, message: bool) -> usize {
        let of = |name: &str| self.fill.iter().find(|f| f.0 == name).unwrap().1.clone();
        let (action, entity) = match message {
            true => ("message-read", of("{mesh}")),
            false => ("access", format!("Patient/{}", of("{patient}"))),
        };
        let mut count = 0;
        loop {
            let entries = self.server.state.engine.audit_entries(None, Some(self.after), 500).unwrap();
            let Some(last) = entries.last() else { return count };
            self.after = last.seq;
            count += entries
                .iter()
                .filter(|e| e.audit.action == action && e.audit.entity == entity)
                .filter(|e| !e.audit.detail.contains("\"refused\":\"n"))
                .count();
        }
    }

    /// What something sent is answered with: status, whether a person was in it, and how many entries tell of it.
    pub async fn order(&mut self, method: &str, path: &str, kind: &str, body: &str) -> (u16, bool, usize) {
        let (path, body) = (fill_in(path, &self.fill), fill_in(body, &self.fill));
        let mut headers = vec![("Content-Type", kind), ("Accept", "*/*"), ("Causeway-Reason", "tried")];
        let own = ["/me", "/access/", "/privacy", "/sign-out"].iter().any(|of| path.starts_with(of));
        headers.extend(own.then_some(("Cookie", self.cookie.as_str())));
        let located = path.starts_with("/consumer/") || path.starts_with("/producer/");
        headers.extend(located.then_some(("Causeway-Sender", "ZZ902")));
        let reply = call(&self.server, method, &path, &headers, body.as_bytes()).await;
        let text = reply.text();
        (reply.status, MARKS.iter().any(|mark| text.contains(mark)), self.entries(false))
    }

    /// Whether a person was in the answer, and how many entries tell of it; for a program and for a browser.
    pub async fn ask(&mut self, path: &str) -> [(bool, usize); 2] {
        let message = path.contains("{mesh}");
        let path = fill_in(path, &self.fill);
        let mut seen = [(false, 0); 2];
        for (at, accept) in ["application/json", "text/html"].into_iter().enumerate() {
            let mut headers = vec![("Accept", accept)];
            headers.extend(
                (path == "/me" || path.starts_with("/me/")).then_some(("Cookie", self.cookie.as_str())),
            );
            let located = path.starts_with("/consumer/") || path.starts_with("/producer/");
            headers.extend(located.then_some(("Causeway-Sender", "ZZ902")));
            let reply = call(&self.server, "GET", &path, &headers, b"").await;
            let text = reply.text();
            let named = MARKS.iter().any(|mark| text.contains(mark));
            seen[at] = (named, self.entries(message));
        }
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_discloses_as_often_as_the_audit_trail_says() {
    let (mut seeded, listed) = Seeded::new(false).await;
    let cases: Vec<&str> = CASES.iter().map(|(address, ..)| *address).collect();
    for address in &listed {
        assert!(cases.contains(&address.as_str()), "{address} has no case here: does it disclose anything?");
    }
    assert!(listed.len() > 50, "the router's list could not be read: {listed:?}");
    let (mut disclosures, mut entries, mut wrong) = (0, 0, Vec::new());
    for (address, path, about) in CASES {
        assert!(listed.iter().any(|a| a == address), "{address} is gone: drop its case");
        if *path == "-" {
            continue;
        }
        let [program, browser] = seeded.ask(path).await;
        for (named, told) in [program, browser] {
            wrong.extend(
                (named && told != 1).then(|| format!("{address}: shown, and {told} entries tell of it")),
            );
            disclosures += usize::from(named);
            entries += if named { told } else { 0 };
        }
        let shown = program.0 || browser.0;
        wrong.extend((shown != *about).then(|| format!("{address}: a person in the answer: {shown}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(disclosures, entries, "disclosures less audit entries is 0");
    assert!(disclosures >= 20, "{disclosures} disclosures seen: the marks are not found any more");
    seeded.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_forgets_to_ask_is_found_by_the_count() {
    let (mut seeded, listed) = Seeded::new(true).await;
    assert!(listed.iter().any(|a| a == "/forgetful"), "a new address is in the list");
    assert!(!CASES.iter().any(|(address, ..)| *address == "/forgetful"));
    let [(named, told), _] = seeded.ask("/forgetful").await;
    assert_eq!((named, told), (true, 0), "shown and not told");
    seeded.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_others_is_refused_and_the_refusal_is_told() {
    let world = World::new();
    let server = TestServer::start(world.state(closed_config())).await.unwrap();
    let own = [("Authorization", "Bearer token-901"), ("Content-Type", "text/x-lines")];
    let sent = call(&server, "POST", "/messages", &own, AGNES.as_bytes()).await.json();
    let id = sent["id"].as_str().unwrap().to_owned();
    let last = || {
        let all = server.state.engine.audit_entries(None, None, 10_000).unwrap();
        all.into_iter().map(|e| e.audit).rfind(|e| e.entity == id && e.actor != "causeway").unwrap()
    };
    for (part, status) in [("original", 200), ("explain", 404), ("acknowledgement", 404)] {
        let path = format!("/messages/{id}/{part}");
        let other = [("Authorization", "Bearer token-902"), ("Accept", "application/json")];
        let reply = call(&server, "GET", &path, &other, b"").await;
        assert_eq!(reply.status, 404, "{part}: {}", reply.text());
        let entry = last();
        assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("ZZ902", "access-refused"), "{part}");
        if status == 200 {
            assert_eq!(call(&server, "GET", &path, &own, b"").await.status, status, "{part}");
            let entry = last();
            assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("ZZ901", "message-read"), "{part}");
            assert!(entry.detail.contains("\"ground\":\"sender\""), "{}", entry.detail);
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_trail_cant_be_written_no_address_discloses() {
    let world = World::new();
    let engine = world.engine();
    let trail = Faulty::new(engine.clone());
    let (mut seeded, _) = Seeded::with_trail(world, false, engine, trail.clone()).await;
    let mut before = 0;
    for full in [false, true] {
        trail.audit_fails.store(full, Ordering::SeqCst);
        for (address, path, _) in CASES.iter().filter(|(_, path, _)| *path != "-") {
            let [program, browser] = seeded.ask(path).await;
            before += usize::from(!full && (program.0 || browser.0));
            assert!(!full || !(program.0 || browser.0), "{address}: shown without an entry");
        }
    }
    assert!(before >= 10, "with the trail, {before} addresses disclose");
    seeded.server.stop().await.unwrap();
}

/// An exchange with all doors that asks for tokens, to which one organisation has told of a person.
pub struct First {
    pub server: TestServer,
    /// The message.
    pub id: String,
    pub person: String,
    pub patient: String,
}

impl First {
    pub async fn tells(world: &World) -> Self {
        let state = world.state(closed_config());
        let mesh = mesh::router(mesh::open(exchange(), &state).unwrap());
        let nrl = nrl::router(nrl::open(nrl::Settings::default(), &state).unwrap());
        let service = Service::new(state.clone())
            .door(mesh)
            .door(nrl)
            .door(bulk::router(bulk::open(bulk::Settings::default(), &state).unwrap()));
        let server = TestServer::start_service(state, service).await.unwrap();
        let own = [("Authorization", "Bearer token-901"), ("Content-Type", "text/x-lines")];
        let sent = call(&server, "POST", "/messages", &own, AGNES.as_bytes()).await.json();
        let id = sent["id"].as_str().unwrap().to_owned();
        let (person, patient) = known(&server).await;
        Self { server, id, person, patient }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_organisations_is_in_an_answer_to_another() {
    let world = World::new();
    let First { server, id, person, patient } = First::tells(&world).await;
    let headers = [("Mex-To", "A1"), ("Mex-WorkflowID", "W"), ("Mex-LocalID", "L1")];
    let reply = call(&server, "POST", "/messageexchange/A1/outbox", &headers, AGNES.as_bytes()).await.json();
    let mesh = reply["messageID"].as_str().or(reply["message_id"].as_str()).unwrap().to_owned();
    // What is the other's: words of the content, and that there is such a message or person.
    let theirs = [MARKS[0], MARKS[1], id.as_str(), person.as_str(), patient.as_str(), mesh.as_str()];
    let fill = [("{id}", &id), ("{patient}", &patient), ("{person}", &person), ("{mesh}", &mesh)];
    let subject = "subject:identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018";
    let (mut asked, mut shown, mut own) = (0, 0, 0);
    for (address, path, _) in CASES.iter().filter(|(_, path, _)| *path != "-") {
        let named = path.split('?').next().is_some_and(|address| address.contains('{'));
        // Of its own mailbox: MESH knows mailboxes, not tokens.
        let mut path = path.replace("/A1/", "/B1/");
        for (name, value) in &fill {
            path = path.replace(name, value);
        }
        path = path.replace("{subject}", subject).replace("{pointer}", "ZZ901-1");
        for accept in ["application/json", "text/html"] {
            let tokens = ["Bearer token-902", "Bearer token-901", "Bearer token-900"];
            for token in tokens {
                let other = token == tokens[0];
                let headers = [("Authorization", token), ("Accept", accept)];
                let reply = call(&server, "GET", &path, &headers, b"").await;
                let text = reply.text();
                let of: Vec<&str> = theirs.iter().copied().filter(|t| text.contains(t)).collect();
                shown += usize::from(token == tokens[2] && !of.is_empty());
                own += usize::from(token == tokens[1] && of.iter().any(|word| !path.contains(word)));
                // A refusal may say again what was asked for, nothing else.
                let leak = of.iter().any(|word| !path.contains(word));
                asked += usize::from(other);
                assert!(!other || !leak, "{address} ({accept}): {of:?} in {}: {text}", reply.status);
                assert!(!other || !named || reply.status >= 400, "{address}: {}", reply.status);
            }
        }
    }
    assert!(asked > 120 && shown > 20, "{asked} asked, {shown} shown to the operator, the control");
    assert!(own >= 5, "{own} answers to its own token hold something of its own: the other control");
    server.stop().await.unwrap();
}
