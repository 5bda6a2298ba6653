//! FHIR Bulk Data from kick-off to files, with the token of a system: what leaves is de-identified and under everybody's
//! choices, and nobody but the requester's own system gets it.

use std::time::{Duration, Instant};

use causeway_core::{Sector, Telling};
use causeway_record::{PersonQuery, SourceMessage};
use causeway_service::access::choices::Choice;
use causeway_service::bulk;
use causeway_service::config::{Config, Organisation};
use causeway_service::testing::TestServer;
use causeway_service::{Service, Shared};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::sign_in::{Key, ask};
use crate::support::*;

const PROJECT: &str = r#"
id = "falls"
title = "Falls after discharge"
why = "To learn who falls, so that help comes earlier."
purpose = "HRESCH"
tier = "pseudonymised"
elements = ["Patient", "Condition", "Observation"]
expires = "2099-12-31"
[legal-basis]
kind = "none"
[requester]
name = "Imogen Farrowgate"
organisation = "University of Nettlebridge"
role = "R1860"
code = "ZZ905"
[[approvals]]
by = "Odette Marlow"
role = "Caldicott Guardian"
on = "2020-11-01"
[[approvals]]
by = "Rufus Penhale"
role = "Data access committee"
on = "2020-11-03"
"#;

/// People alike in age and sex.
const PEOPLE: usize = 12;

fn number(n: usize) -> String {
    let head = format!("999{n:06}");
    let sum: usize = head.bytes().zip((2..=10).rev()).map(|(b, w)| usize::from(b - b'0') * w).sum();
    match 11 - sum % 11 {
        10 => number(n + 1_000),
        11 => format!("{head}0"),
        check => format!("{head}{check}"),
    }
}

fn observation(n: usize, id: &str, code: &str) -> Value {
    json!({"resourceType": "Observation", "id": format!("{id}-{n}"), "status": "final",
        "subject": {"reference": format!("Patient/p-{n}"), "display": "Agnes Quillfeather"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        "effectiveDateTime": "2026-10-03T09:30:00Z", "valueString": "likes marmalade",
        "valueQuantity": {"value": 50 + n, "system": "http://unitsofmeasure.org", "code": "kg"}})
}

fn tell(state: &Shared, message: &str, resources: &[Value]) {
    let entry = |resource: &Value| {
        let url =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({"fullUrl": format!("http://example.org/fhir/{url}"), "resource": resource,
               "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<Value> = resources.iter().map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string();
    let now = state.clock.now();
    let source = SourceMessage {
        message: message.to_owned(),
        sender_code: "RXX01".to_owned(),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        sender_name: "Nettlebridge Hospital".to_owned(),
        adapter: "hl7v2".to_owned(),
        sector: Sector::Health,
        telling: Telling::Event,
        received: now,
        partial: false,
        notices: Vec::new(),
    };
    state.behind().0.apply(bundle.as_bytes(), &source, now).unwrap();
}

fn people(state: &Shared) {
    for n in 1..=PEOPLE {
        let patient = json!({"resourceType": "Patient", "id": format!("p-{n}"),
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number(n)}],
            "name": [{"family": "Quillfeather", "given": ["Agnes"]}], "gender": "female",
            "birthDate": format!("1942-03-{n:02}"), "address": [{"postalCode": "ZZ1 1AA"}]});
        let condition = json!({"resourceType": "Condition", "id": format!("c-{n}"),
            "subject": {"reference": format!("Patient/p-{n}")},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "73211009"}], "text": "marmalade"}});
        let weight = observation(n, "w", "27113001");
        let height = observation(n, "h", "50373000");
        tell(state, &format!("m-{n}"), &[patient, condition, weight, height]);
    }
}

fn folders(world: &World) -> bulk::Settings {
    let (projects, keys) = (world.directory.join("projects"), world.directory.join("keys"));
    std::fs::create_dir_all(&projects).unwrap();
    std::fs::write(projects.join("falls.toml"), PROJECT).unwrap();
    bulk::Settings { projects: Some(projects), keys: Some(keys) }
}

fn config(key: &Key) -> Config {
    let mut config = closed_config();
    let jwks = Some(json!({"keys": [key.jwk()]}).to_string());
    config.organisations.push(Organisation::of_code("ZZ905").unwrap());
    for organisation in &mut config.organisations {
        organisation.jwks.clone_from(&jwks);
    }
    config
}

async fn serve(state: &Shared, settings: bulk::Settings) -> TestServer {
    let door = bulk::router(bulk::open(settings, state).unwrap());
    TestServer::start_service(state.clone(), Service::new(state.clone()).door(door)).await.unwrap()
}

/// A system with its token.
struct System<'s> {
    server: &'s TestServer,
    bearer: String,
}

impl<'s> System<'s> {
    async fn of(server: &'s TestServer, key: &Key, code: &str, scope: &str) -> Self {
        let now = server.state.clock.now().as_second();
        let jti = uuid::Uuid::now_v7().to_string();
        let claims = json!({"iss": code, "sub": code, "aud": server.url("/oauth/token"), "exp": now + 200, "jti": jti});
        let granted = ask(server, &key.sign(&claims), scope).await;
        assert_eq!(granted.status, 200, "{}", granted.text());
        let token = granted.json()["access_token"].as_str().unwrap().to_owned();
        Self { server, bearer: format!("Bearer {token}") }
    }

    async fn call(&self, method: &str, path: &str, prefer: &str) -> Reply {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("Accept", "application/fhir+json"),
            ("Prefer", prefer),
        ];
        call(self.server, method, path, &headers, b"").await
    }

    /// The path of the status of an export that is begun.
    async fn begin(&self, path: &str) -> String {
        let reply = self.call("GET", path, "respond-async").await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let place = reply.header("content-location").unwrap().to_owned();
        place.strip_prefix(&self.server.url("")).expect("an address of this server").to_owned()
    }

    async fn manifest(&self, place: &str) -> Value {
        let start = Instant::now();
        loop {
            let reply = self.call("GET", place, "").await;
            match reply.status {
                200 => return reply.json(),
                202 => assert!(reply.header("x-progress").is_some() && reply.header("retry-after").is_some()),
                _ => panic!("{}: {}", reply.status, reply.text()),
            }
            assert!(start.elapsed() < Duration::from_secs(90), "it is not made");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// All resources of an export, and what they are as text.
    async fn export(&self, path: &str) -> (Value, Vec<Value>, String) {
        let place = self.begin(path).await;
        let manifest = self.manifest(&place).await;
        let (mut all, mut text) = (Vec::new(), String::new());
        for file in manifest["output"].as_array().unwrap() {
            let url = file["url"].as_str().unwrap().strip_prefix(&self.server.url("")).unwrap();
            let reply = self.call("GET", url, "").await;
            assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/fhir+ndjson")));
            let lines: Vec<Value> =
                reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(file["count"], lines.len());
            assert!(lines.iter().all(|one| one["resourceType"] == file["type"]));
            text += &reply.text();
            all.extend(lines);
        }
        (manifest, all, text)
    }
}

fn count(resources: &[Value], kind: &str) -> usize {
    resources.iter().filter(|one| one["resourceType"] == kind).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requesters_system_gets_its_project_and_nobody_else_does() {
    let (world, key) = (World::new(), Key::new(Algorithm::ES384, "k1"));
    let state = world.state(config(&key));
    people(&state);
    let server = serve(&state, folders(&world)).await;
    assert_eq!(get(&server, "/fhir/$export").await.status, 401, "without a token");
    let plain = [("Authorization", "Bearer token-901"), ("Prefer", "respond-async")];
    assert_eq!(
        call(&server, "GET", "/fhir/$export", &plain, b"").await.status,
        403,
        "not by its plain token"
    );
    let other = System::of(&server, &key, "ZZ901", "system/*.rs").await;
    assert_eq!(other.call("GET", "/fhir/Group/falls/$export", "respond-async").await.status, 404);
    let own = System::of(&server, &key, "ZZ905", "system/*.rs").await;
    assert_eq!(own.call("GET", "/fhir/Group/falls/$export", "").await.rule(), "prefer");
    assert_eq!(own.call("GET", "/fhir/Group/else/$export", "respond-async").await.status, 404);

    let (manifest, first, text) = own.export("/fhir/Group/falls/$export").await;
    assert_eq!(manifest["requiresAccessToken"], true);
    assert!(manifest["request"].as_str().unwrap().ends_with("/fhir/Group/falls/$export"));
    let counts = ["Patient", "Condition", "Observation"].map(|kind| count(&first, kind));
    assert_eq!(counts, [PEOPLE, PEOPLE, 2 * PEOPLE]);
    for told in ["Quillfeather", "marmalade", "1942-03", "ZZ1 1AA", "p-1", &number(3)] {
        assert!(!text.contains(told), "{told} is in it");
    }
    // Another organisation's system sees neither how it stands nor a file, nor can it take it away.
    let place = own.begin("/fhir/Patient/$export").await;
    let files = own.manifest(&place).await["output"].clone();
    let file = files[0]["url"].as_str().unwrap().strip_prefix(&server.url("")).unwrap().to_owned();
    for (method, path) in [("GET", &place), ("GET", &file), ("DELETE", &place)] {
        assert_eq!(other.call(method, path, "").await.status, 404, "{method} {path}");
    }
    // All of it is in the trail and the register.
    let trail = state.engine.audit_entries(Some("research-project/falls"), None, 100).unwrap();
    let actions: Vec<&str> = trail.iter().map(|e| e.audit.action.as_str()).collect();
    let one = ["research-export-asked", "research-extract-begun", "research-extract"];
    assert_eq!(actions, [&one[..], &["research-export-file"; 3], &one].concat());
    assert!(trail.iter().all(|entry| entry.audit.actor == "ZZ905"));
    let register = get(&server, "/research").await.json();
    assert_eq!(register["extracts"].as_array().map(Vec::len), Some(2));

    // She opts out, and the next export lost her and only her.
    let query = PersonQuery { text: number(3), ..PersonQuery::default() };
    let her = state.behind().0.persons(&query).unwrap().remove(0).id;
    let standings = &state.gate.access.standings;
    standings.choose(&her, Choice::NationalOptOut, true, "herself", state.clock.now()).unwrap();
    let (_, second, _) = own.export("/fhir/$export").await;
    assert_eq!(count(&second, "Patient"), PEOPLE - 1);
    let gone: Vec<&Value> = first.iter().filter(|one| !second.contains(one)).collect();
    let hers: Vec<&Value> = gone.iter().copied().filter(|one| one["resourceType"] == "Patient").collect();
    assert_eq!((hers.len(), gone.len()), (1, 4), "{gone:?}");

    // Taken away: 404 for ever.
    assert_eq!(own.call("DELETE", &place, "").await.status, 202);
    for (method, path) in [("GET", &place), ("GET", &file), ("DELETE", &place)] {
        let reply = own.call(method, path, "").await;
        assert_eq!(
            (reply.status, &reply.json()["resourceType"]),
            (404, &json!("OperationOutcome")),
            "{path}"
        );
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn types_times_searches_and_scopes_cut_what_is_given() {
    let (world, key) = (World::new(), Key::new(Algorithm::ES384, "k1"));
    let state = world.state(config(&key));
    people(&state);
    let server = serve(&state, folders(&world)).await;
    let own = System::of(&server, &key, "ZZ905", "system/*.read").await;
    let (manifest, ..) = own.export("/fhir/$export?_type=Condition&_outputFormat=ndjson").await;
    assert_eq!(manifest["output"].as_array().map(Vec::len), Some(1));
    let search = "Observation%3Fcode%3Dhttp%3A%2F%2Fsnomed.info%2Fsct%7C27113001%26date%3Dge2026";
    let (_, found, _) =
        own.export(&format!("/fhir/$export?_typeFilter={search}&_type=Observation,Patient")).await;
    assert_eq!((count(&found, "Observation"), count(&found, "Patient")), (PEOPLE, PEOPLE));
    // A search is of what leaves: nobody is found by what does not.
    for probe in ["Patient%3Fname%3DQuillfeather", "Patient%3Fbirthdate%3D1942-03-05", "Patient%3F_id%3Dp-3"]
    {
        let (_, found, _) = own.export(&format!("/fhir/$export?_type=Patient&_typeFilter={probe}")).await;
        assert_eq!(found.len(), 0, "{probe}");
    }
    // What came since: one observation of one person, and not what comes after the request.
    let since = state.clock.now().to_string();
    state.clock.advance(SignedDuration::from_secs(1)).unwrap();
    tell(&state, "later", &[observation(5, "later", "27113001")]);
    let own = System::of(&server, &key, "ZZ905", "system/*.rs").await;
    let (manifest, found, _) = own.export(&format!("/fhir/$export?_since={since}")).await;
    assert_eq!((found.len(), count(&found, "Observation")), (1, 1));
    let told: Timestamp = manifest["transactionTime"].as_str().unwrap().parse().unwrap();
    assert!(told > since.parse().unwrap());
    // What is not known is refused, or with leniency left.
    for wrong in [
        "_elements=id",
        "_type=Appointment",
        "_since=yesterday",
        "_typeFilter=Observation%3Fcolour%3Dred",
        "_typeFilter=Observation",
        "_outputFormat=csv",
        "patient=Patient/p-3",
    ] {
        let reply = own.call("GET", &format!("/fhir/$export?{wrong}"), "respond-async").await;
        assert_eq!(
            (reply.status, &reply.json()["resourceType"]),
            (400, &json!("OperationOutcome")),
            "{wrong}"
        );
    }
    let lenient = "respond-async, handling=lenient";
    assert_eq!(own.call("GET", "/fhir/$export?_elements=id", lenient).await.status, 202);
    // By POST with Parameters.
    let body =
        json!({"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Condition"}]});
    let headers = [
        ("Authorization", own.bearer.as_str()),
        ("Content-Type", "application/fhir+json"),
        ("Prefer", "respond-async"),
    ];
    let reply =
        call(&server, "POST", "/fhir/Group/falls/$export", &headers, body.to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    // Narrower scopes.
    let narrow = System::of(&server, &key, "ZZ905", "system/Observation.rs").await;
    let (_, found, _) = narrow.export("/fhir/$export").await;
    assert_eq!((found.len(), count(&found, "Observation")), (2 * PEOPLE + 1, 2 * PEOPLE + 1));
    assert_eq!(narrow.call("GET", "/fhir/$export?_type=Patient", "respond-async").await.status, 403);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_may_not_run_gives_nothing() {
    let (world, key) = (World::new(), Key::new(Algorithm::ES384, "k1"));
    let state = world.state(config(&key));
    people(&state);
    let settings = folders(&world);
    let server = serve(&state, settings.clone()).await;
    let own = System::of(&server, &key, "ZZ905", "system/*.rs").await;
    let file = settings.projects.unwrap().join("falls.toml");
    let alone = PROJECT.split("[[approvals]]").take(2).collect::<Vec<_>>().join("[[approvals]]");
    let named = PROJECT.replace("pseudonymised", "identifiable").replace("\"none\"", "\"consent\"");
    for (what, project) in [
        ("approval by two people", alone),
        ("expiry", PROJECT.replace("2099", "2021")),
        ("names", named),
        (
            "tables",
            PROJECT
                .replace("elements = [\"Patient\", \"Condition\", \"Observation\"]", "omop = [\"person\"]"),
        ),
    ] {
        std::fs::write(&file, project).unwrap();
        let reply = own.call("GET", "/fhir/$export", "respond-async").await;
        assert_eq!((reply.status, reply.rule().as_str()), (422, "export-project"), "{what}");
        assert!(reply.text().contains(what), "{what}: {}", reply.text());
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_left_unfinished_the_next_finishes_with_the_same_bytes() {
    let (world, key) = (World::new(), Key::new(Algorithm::ES384, "k1"));
    let state = world.state(config(&key));
    people(&state);
    let settings = folders(&world);
    let server = serve(&state, settings.clone()).await;
    let own = System::of(&server, &key, "ZZ905", "system/*.rs").await;
    let place = own.begin("/fhir/$export").await;
    own.manifest(&place).await;
    let id = place.rsplit('/').next().unwrap().to_owned();
    let work = state.config.data_directory.join("exports").join(&id);
    let files = || -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = std::fs::read_dir(work.join("files"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap())
            })
            .collect();
        all.sort();
        all
    };
    let whole = files();
    server.stop().await.unwrap();
    // As if the process had died before the entry in the register, and before anything was there.
    for left in [true, false] {
        std::fs::remove_file(work.join("done")).unwrap();
        if !left {
            std::fs::remove_dir_all(work.join("files")).unwrap();
        }
        let server = serve(&state, settings.clone()).await;
        let own = System::of(&server, &key, "ZZ905", "system/*.rs").await;
        own.manifest(&place).await;
        assert_eq!(files(), whole);
        server.stop().await.unwrap();
    }
}

#[allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "what is skipped and what was fetched must be seen"
)]
/// The published client of SMART Health IT, unmodified: `tests/clients/bulk` installs it, makes its keys and names both here.
#[tokio::test(flavor = "multi_thread")]
async fn a_published_client_downloads_an_export() {
    let (Some(program), Some(keys)) =
        (std::env::var_os("CAUSEWAY_SMART_FETCH"), std::env::var_os("CAUSEWAY_SMART_KEYS"))
    else {
        eprintln!("SKIPPED: smart-fetch is not here (tests/clients/bulk brings it)");
        return;
    };
    let keys = std::path::PathBuf::from(keys);
    let world = World::new();
    let mut config = closed_config();
    let mut university = Organisation::of_code("ZZ905").unwrap();
    university.jwks = Some(std::fs::read_to_string(keys.join("public.json")).unwrap());
    config.organisations.push(university);
    let state = world.state(config);
    people(&state);
    let server = serve(&state, folders(&world)).await;
    let fetch = async |name: &str, more: &[&str]| -> Vec<Value> {
        let out = world.directory.join(name);
        let mut command = std::process::Command::new(&program);
        command.args(["bulk", "--group", "falls", "--no-default-filters", "--no-compression"]);
        command.args(["--smart-client-id", "ZZ905", "--smart-key"]).arg(keys.join("private.jwks"));
        command.args(["--fhir-url", &server.url("/fhir")]).args(more).arg(&out);
        let made = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let told =
            String::from_utf8_lossy(&made.stdout).into_owned() + &String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{told}");
        let mut open = vec![out];
        let mut found = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|end| end == "ndjson") && !path.ends_with("log.ndjson") {
                let text = std::fs::read_to_string(path).unwrap();
                found.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
            }
        }
        found
    };
    let all = fetch("all", &["--type", "Patient,Condition,Observation"]).await;
    let counts = ["Patient", "Condition", "Observation"].map(|kind| count(&all, kind));
    assert_eq!(counts, [PEOPLE, PEOPLE, 2 * PEOPLE]);
    let filter = "Observation?code=http://snomed.info/sct|27113001,http://snomed.info/sct|1";
    let some = fetch("some", &["--type", "Observation", "--type-filter", filter]).await;
    assert_eq!((some.len(), count(&some, "Observation")), (PEOPLE, PEOPLE));
    println!("smart-fetch: {} resources, {} by a search", all.len(), some.len());
    server.stop().await.unwrap();
}
