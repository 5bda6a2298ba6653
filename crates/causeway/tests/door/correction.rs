//! A care note is corrected: a new version of the same item, the earlier wording kept and shown, every look written down,
//! and nobody but the home that wrote it gets at it.

use causeway_exchange::MessageId;
use causeway_service::access::session::SignedIn;
use causeway_service::config::{Config, Organisation};
use causeway_service::pages::portal::cast::CAST;
use serde_json::Value;

use crate::onramp::encoded;
use crate::world::{World, open};

const HOME: &str = "1-9990000201";
const OTHER: &str = "1-9990000202";
const FIRST: &str = "Needs one persons help to stand";
const SECOND: &str = "Needs two people to stand";

/// Somebody with a browser of their own.
struct Visitor<'w> {
    world: &'w World,
    cookie: String,
}

struct Answer {
    status: u16,
    place: String,
    text: String,
}

impl<'w> Visitor<'w> {
    /// Nobody in particular: the visitor of an open demonstration.
    fn anybody(world: &'w World) -> Self {
        Self { world, cookie: String::new() }
    }

    async fn sign_in(world: &'w World, subject: &str) -> Self {
        let mut visitor = Self::anybody(world);
        let request = world.client.post(world.server.url("/look-as"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(format!("subject={subject}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 303);
        let set = answer.headers()["set-cookie"].to_str().expect("text");
        visitor.cookie = set.split(';').next().expect("a cookie").to_owned();
        visitor
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        let mut request = request.header("Accept", "text/html");
        if !self.cookie.is_empty() {
            request = request.header("Cookie", &self.cookie);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let place = answer.headers().get("location").map(|v| v.to_str().expect("text").to_owned());
        let text = answer.text().await.expect("text");
        Answer { status, place: place.unwrap_or_default(), text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(self.world.client.get(self.world.server.url(path))).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let request = self.world.client.post(self.world.server.url(path));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.ask(request.body(encoded(&fields))).await
    }
}

fn token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a token");
    rest.split('"').next().expect("its end").to_owned()
}

fn config() -> Config {
    let home = |code: &str, name: &str| Organisation {
        name: name.to_owned(),
        ..Organisation::of_code(code).expect("a code")
    };
    Config { organisations: vec![home(HOME, "Steady Steps"), home(OTHER, "Larchwood")], ..open() }
}

async fn world() -> World {
    let world = World::new(config()).await;
    for (subject, role, organisation) in [
        ("worker", "care-worker", HOME),
        ("technician", "council-technician", HOME),
        ("elsewhere", "care-worker", OTHER),
    ] {
        let one = SignedIn {
            issuer: "demonstration".to_owned(),
            subject: subject.to_owned(),
            name: format!("The {subject}"),
            role: role.to_owned(),
            organisation: organisation.to_owned(),
            ..SignedIn::default()
        };
        let json = serde_json::to_string(&one).expect("JSON");
        let now = world.state.clock.now();
        world.state.engine.put_config(CAST, subject, Some(&json), None, "test", now).expect("kept");
    }
    world
}

/// Writes a note as the care worker; the id of its message.
async fn write(worker: &Visitor<'_>, changes: &[(&str, &str)]) -> String {
    let token = token(&worker.get("/care-note").await.text);
    let mut fields = vec![
        ("token", token.as_str()),
        ("nhs_number", "9990000018"),
        ("first_name", "Edith"),
        ("family_name", "Larkspur"),
        ("date_of_birth", "9/3/1942"),
        ("home_cqc_id", HOME),
        ("date", "1/10/2026"),
        ("time", "9:30"),
        ("kind", "mobility"),
        ("note", FIRST),
        ("written_by", "Jo Fenwick"),
    ];
    for change in changes {
        fields.retain(|(name, _)| name != &change.0);
        fields.push(*change);
    }
    let sent = worker.post("/care-note", &fields).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let id = sent.place.strip_prefix("/care-note?taken=").expect("a person is led to the form again");
    let page = worker.get(&sent.place).await;
    assert!(page.text.contains("The note was taken and is kept"), "{}", page.text);
    id.to_owned()
}

/// Waits until the record has a message.
async fn recorded(world: &World, id: &str) -> String {
    let wanted = MessageId::new(id).expect("an id");
    let person = || world.state.gate.shelf.person_of_message(&wanted).ok().flatten();
    for _ in 0..1800 {
        if let Some(person) = person() {
            return person;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the note did not come into the record");
}

fn entries(world: &World, entity: &str) -> Vec<(String, String, String)> {
    let all = world.state.engine.audit_entries(Some(entity), None, 10_000).expect("the trail");
    all.into_iter().map(|e| (e.audit.actor, e.audit.action, e.audit.detail)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_corrected_and_its_earlier_words_stay() {
    let world = world().await;
    let worker = Visitor::sign_in(&world, "worker").await;
    // The form has the name of who signed in, and nobody's for who did not.
    let by = |text: &str| {
        let (_, rest) = text.split_once("name=\"written_by\" value=\"").expect("the box");
        rest.split('"').next().expect("its end").to_owned()
    };
    assert_eq!(by(&worker.get("/care-note").await.text), "The worker");
    assert_eq!(by(&Visitor::anybody(&world).get("/care-note").await.text), "");
    let id = write(&worker, &[]).await;
    let person = recorded(&world, &id).await;
    let record = format!("/people/{person}");
    let before = worker.get(&record).await.text;
    let link = format!("/care-note/{id}");
    assert!(before.contains(FIRST) && before.contains(&link), "{before}");
    assert!(
        !before.contains(&format!("/messages/{id}")),
        "a person is not led to messages, which she can't open"
    );

    let form = worker.get(&link).await;
    assert_eq!(form.status, 200, "{}", form.text);
    for part in
        ["Correct a care note", FIRST, "value=\"01/10/2026\"", "Edith Larkspur", "value=\"The worker\""]
    {
        assert!(form.text.contains(part), "{part}: {}", form.text);
    }
    let given = token(&form.text);
    let fields = |note| {
        [
            ("token", given.as_str()),
            ("date", "1/10/2026"),
            ("time", "9:30"),
            ("kind", "mobility"),
            ("note", note),
            ("written_by", "Jo Fenwick"),
        ]
    };
    let unchanged = worker.post(&link, &fields(FIRST)).await;
    assert_eq!(unchanged.status, 422);
    assert!(unchanged.text.contains("Nothing is changed"), "{}", unchanged.text);
    let sent = worker.post(&link, &fields(SECOND)).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let new = sent.place.strip_prefix("/care-note?taken=").expect("where it leads").to_owned();
    assert_ne!(new, id);
    // The same again is the same, and who corrects the old wording after it is told.
    assert_eq!(worker.post(&link, &fields(SECOND)).await.place, sent.place);
    let late = worker.post(&link, &fields("Walks alone")).await;
    assert_eq!(late.status, 422);
    assert!(late.text.contains("corrected by somebody before you"), "{}", late.text);

    assert_eq!(recorded(&world, &new).await, person);
    let after = worker.get(&record).await.text;
    for part in [SECOND, "<strong>corrected</strong>", &format!("Before the change: {FIRST}")] {
        assert!(after.contains(part), "{part}: {after}");
    }
    assert!(after.contains(&format!("/care-note/{new}")), "the newest wording is what can be corrected next");
    // One item in two versions; the message with the first wording is kept as it came.
    let found = world
        .json(&format!("/fhir/Observation?patient={}&category=daily-note", patient(&world, &person)))
        .await;
    assert_eq!(found["total"], 1, "{found:#}");
    let note = &found["entry"][0]["resource"];
    assert_eq!((note["status"].as_str(), note["valueString"].as_str()), (Some("corrected"), Some(SECOND)));
    let history =
        world.json(&format!("/fhir/Observation/{}/_history", note["id"].as_str().expect("an id"))).await;
    let words: Vec<&str> = history["entry"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|e| e["resource"]["valueString"].as_str())
        .collect();
    assert_eq!(words, [SECOND, FIRST]);
    let kept = world.content(&MessageId::new(&id).expect("an id"));
    assert!(String::from_utf8_lossy(&kept).contains(FIRST));

    // Typed anew as it was first written, it is the note that is there: its first wording does not come back.
    assert_eq!(write(&worker, &[]).await, id);
    let still = worker.get(&record).await.text;
    assert!(still.contains(SECOND) && still.contains(&format!("Before the change: {FIRST}")), "{still}");

    // Who wrote, read and corrected stands in the trail.
    let of_new = entries(&world, &new);
    let corrected = of_new.iter().find(|e| e.1 == "care-note-corrected").expect("an entry");
    assert_eq!(
        (corrected.0.as_str(), corrected.2.as_str()),
        (HOME, format!("{{\"corrects\":\"{id}\"}}").as_str())
    );
    assert!(
        entries(&world, &id).iter().any(|e| e.1 == "message-read" && e.2.contains("\"ground\":\"writer\""))
    );
    let under = entries(&world, &format!("Patient/{}", patient(&world, &person)));
    let of = |act: &str| {
        let said: Vec<Value> = under.iter().filter_map(|e| serde_json::from_str(&e.2).ok()).collect();
        said.into_iter().filter(|e| e["act"] == act && e["data"].to_string().contains("/care-note")).count()
    };
    assert!(of("update") >= 1 && of("read") >= 4, "{under:#?}");
    world.server.stop().await.expect("stops");
}

/// Her Patient, as the operator is told.
fn patient(world: &World, person: &str) -> String {
    let view = world.state.behind().0.person(person).expect("the record").expect("her");
    view.display_patient
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_home_that_wrote_a_note_gets_at_it() {
    let world = world().await;
    let worker = Visitor::sign_in(&world, "worker").await;
    let id = write(&worker, &[("kind", "fall"), ("note", "Slipped beside Rosa in the bath")]).await;
    recorded(&world, &id).await;
    let link = format!("/care-note/{id}");
    for (subject, status) in [("elsewhere", 403), ("technician", 403)] {
        let visitor = Visitor::sign_in(&world, subject).await;
        let answer = visitor.get(&link).await;
        assert!(answer.status == status || answer.status == 404, "{subject}: {}", answer.status);
        assert!(
            !answer.text.contains("Slipped") && !answer.text.contains("Larkspur"),
            "{subject}: {}",
            answer.text
        );
        let answer = visitor.post(&link, &[("note", "x")]).await;
        assert!(answer.status == status || answer.status == 404, "{subject}: {}", answer.status);
    }
    // Another organisation's system, by its own word.
    let request = world.client.get(world.server.url(&link)).header("Causeway-Sender", OTHER);
    let answer = Visitor::anybody(&world).ask(request).await;
    assert_eq!(answer.status, 404);
    assert!(!answer.text.contains("Slipped"));
    // The control: the home's own system reads it.
    let request = world.client.get(world.server.url(&link)).header("Causeway-Sender", HOME);
    let answer = Visitor::anybody(&world).ask(request).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Slipped"));
    // A fall stays a fall.
    let given = token(&answer.text);
    let fields: Vec<(String, String)> = [
        ("token", given.as_str()),
        ("date", "1/10/2026"),
        ("kind", "mood"),
        ("note", "Sang"),
        ("written_by", "Jo"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .into();
    let request = world.client.post(world.server.url(&link)).header("Causeway-Sender", HOME);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(&fields));
    let answer = Visitor::anybody(&world).ask(request).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("stays one"), "{}", answer.text);
    // What was not typed here is corrected where it was made.
    let sent = world.send(HOME, "application/json", b"{}".to_vec()).await;
    let path = format!("/care-note/{}", sent["id"].as_str().unwrap_or("none"));
    assert_eq!(Visitor::anybody(&world).get(&path).await.status, 404);
    world.server.stop().await.expect("stops");
}
