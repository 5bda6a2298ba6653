//! Disclosures and audit entries are the same, person by person and request by request, over a load of mixed requests with a
//! kill without warning in the middle. `CAUSEWAY_LOAD_REQUESTS` sets how many: 20,000 in `tests/long/disclosed_under_load.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use causeway_exchange::{Audit, Configuration};
use causeway_record::Record;
use causeway_service::access::audit_event::Event;
use causeway_service::access::session::SignedIn;
use causeway_service::pages::portal::cast::CAST;
use causeway_store::{Options, Store};
use serde_json::{Value, json};

use crate::running::Process;
use crate::runtime;

/// The practice of all of them; another organisation has nothing to do with them.
const PRACTICE: &str = "ZZ901";
const ELSEWHERE: &str = "ZZ902";
const PEOPLE: usize = 12;
const CLIENTS: usize = 8;
/// Nobody in particular, practice, elsewhere, the first person.
const READERS: usize = 4;
/// Kinds of requests.
const KINDS: usize = 13;

fn requests() -> usize {
    // Each reader asks each kind about each person once.
    let each = PEOPLE * READERS * KINDS;
    std::env::var("CAUSEWAY_LOAD_REQUESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(each)
}

/// NHS numbers of the test range.
const NUMBERS: [&str; PEOPLE] = [
    "9990000018",
    "9990000026",
    "9990000034",
    "9990000042",
    "9990000050",
    "9990000069",
    "9990000077",
    "9990000085",
    "9990000093",
    "9990000107",
    "9990000115",
    "9990000123",
];

/// A word that only an answer about this person holds.
fn mark(at: usize) -> String {
    format!("Withybrook{at}x")
}

fn bundle(at: usize) -> Value {
    let entry = |resource: Value| {
        let at = format!(
            "https://sender.example/{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        json!({"fullUrl": at, "resource": resource})
    };
    let subject = json!({"reference": format!("Patient/p{at}")});
    json!({"resourceType": "Bundle", "type": "collection", "entry": [
        entry(json!({"resourceType": "Patient", "id": format!("p{at}"), "birthDate": "1950-01-02",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBERS[at]}],
            "name": [{"family": mark(at), "given": ["Orla"]}],
            "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": PRACTICE}}]})),
        entry(json!({"resourceType": "Observation", "id": format!("o{at}"), "status": "final", "subject": subject,
            "code": {"text": "Gait speed"}, "effectiveDateTime": "2026-10-03T09:30:00Z", "valueString": mark(at)})),
    ]})
}

/// A client that follows nothing: what leads on says who signed in.
fn client() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.tls_certs_only([]).timeout(Duration::from_secs(60)).build().expect("a client")
}

fn someone(subject: &str, role: &str, organisation: &str, number: &str) -> SignedIn {
    SignedIn {
        issuer: "demonstration".to_owned(),
        subject: subject.to_owned(),
        name: format!("The {subject}"),
        role: role.to_owned(),
        organisation: organisation.to_owned(),
        nhs_number: number.to_owned(),
        ..SignedIn::default()
    }
}

/// What one request came to.
enum End {
    /// An answer, and whom it names.
    Answered(BTreeSet<usize>),
    /// The connection broke: what was written down is not known to have been given out.
    Broken,
}

#[derive(Default)]
struct Place {
    base: RwLock<String>,
    done: AtomicUsize,
}

async fn ask(client: &reqwest::Client, base: &str, path: &str, accept: &str, cookie: &str, id: &str) -> End {
    let request = client.get(format!("{base}{path}")).header("Accept", accept).header("X-Request-Id", id);
    let request = if cookie.is_empty() { request } else { request.header("Cookie", cookie) };
    let Ok(answer) = request.send().await else { return End::Broken };
    let Ok(text) = answer.text().await else { return End::Broken };
    End::Answered((0..PEOPLE).filter(|at| text.contains(&mark(*at))).collect())
}

/// Who is known by which ids, and cookies of who asks: nobody in particular, practice, elsewhere, the first person.
struct Known {
    patients: Vec<String>,
    persons: Vec<String>,
    messages: Vec<String>,
    cookies: Vec<String>,
}

async fn known(client: &reqwest::Client, base: &str) -> Known {
    let mut messages = Vec::new();
    for at in 0..PEOPLE {
        let sent = client.post(format!("{base}/messages")).header("Causeway-Sender", PRACTICE);
        let sent = sent
            .header("Content-Type", "application/fhir+json; fhirVersion=4.0")
            .body(bundle(at).to_string());
        let answer: Value = sent.send().await.expect("an answer").json().await.expect("JSON");
        messages.push(answer["id"].as_str().expect("an id").to_owned());
    }
    let mut found = BTreeMap::new();
    for _ in 0..900 {
        let list = client.get(format!("{base}/people/")).header("Accept", "application/json").send().await;
        let list: Value = list.expect("an answer").json().await.expect("JSON");
        for row in list["people"].as_array().into_iter().flatten() {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let family = row["display"]["family"].as_str().unwrap_or_default();
            if let Some(at) = (0..PEOPLE).find(|at| family == mark(*at)) {
                found.insert(at, (text("display_patient"), text("id")));
            }
        }
        if found.len() == PEOPLE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(found.len(), PEOPLE, "everybody is in the record");
    let (patients, persons) = found.into_values().unzip();
    let mut cookies = vec![String::new()];
    for subject in ["practice", "elsewhere", "herself"] {
        let asked = client
            .post(format!("{base}/look-as"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        let answer = asked.body(format!("subject={subject}")).send().await.expect("an answer");
        let set = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
        cookies.push(set.split(';').next().expect("a cookie").to_owned());
    }
    Known { patients, persons, messages, cookies }
}

/// The request of a number: who asks for what.
fn request(known: &Known, number: usize) -> (String, &'static str, usize) {
    let at = number % PEOPLE;
    let who = (number / PEOPLE) % known.cookies.len();
    let (patient, person, message) = (&known.patients[at], &known.persons[at], &known.messages[at]);
    let (fhir, page) = ("application/fhir+json", "text/html");
    let (path, accept) = match (number / (PEOPLE * READERS)) % KINDS {
        0 => (format!("/fhir/Patient/{patient}"), fhir),
        1 => (format!("/fhir/Patient?identifier={}", NUMBERS[at]), fhir),
        2 => (format!("/fhir/Patient/{patient}/$everything"), fhir),
        3 => (format!("/fhir/Observation?patient={patient}"), fhir),
        4 => (format!("/fhir/Patient/{patient}/_history"), fhir),
        5 => (format!("/people/{person}"), page),
        6 => (format!("/people/{person}"), "application/json"),
        7 => (format!("/me/{person}"), page),
        8 => ("/people/".to_owned(), page),
        9 => (format!("/fhir/Patient/{patient}/$summary"), fhir),
        10 => ("/fhir/Patient?birthdate=1950-01-02&_count=5".to_owned(), fhir),
        11 => (format!("/fhir/Patient?birthdate=1950-01-02&_count=3&_page={}", at % 14), fhir),
        // Told under the message too, without the number of a request: counted apart.
        _ => (format!("/messages/{message}/original"), "application/json"),
    };
    (path, accept, who)
}

#[test]
#[allow(clippy::print_stdout)]
fn ig_17_disclosures_are_audit_entries_over_a_load_with_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = || {
        Store::open(Options { reserve: 0, ..Options::new(folder.path().join("exchange")) }).expect("a store")
    };
    {
        let engine = store();
        for one in [
            someone("practice", "R8000", PRACTICE, ""),
            someone("elsewhere", "R8000", ELSEWHERE, ""),
            someone("herself", "person", "", NUMBERS[0]),
        ] {
            let json = serde_json::to_string(&one).expect("JSON");
            engine
                .put_config(CAST, &one.subject, Some(&json), None, "test", jiff::Timestamp::now())
                .expect("kept");
        }
    }
    let mut process = Process::serve(folder.path(), &[]);
    let (runtime, client) = (runtime(), client());
    let known = Arc::new(runtime.block_on(known(&client, &process.base)));
    let place = Arc::new(Place { base: RwLock::new(process.base.clone()), ..Place::default() });
    let total = requests();
    let ends = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for own in 0..CLIENTS {
            let (client, place, known) = (client.clone(), place.clone(), known.clone());
            tasks.spawn(async move {
                let mut ends = Vec::new();
                for number in (own..total).step_by(CLIENTS) {
                    let base = place.base.read().expect("the address").clone();
                    let (path, accept, who) = request(&known, number);
                    let id = format!("load-{number}");
                    let end = ask(&client, &base, &path, accept, &known.cookies[who], &id).await;
                    let broken = matches!(end, End::Broken);
                    ends.push((number, path, end));
                    place.done.fetch_add(1, Ordering::SeqCst);
                    // Until it is there again.
                    for _ in 0..1200 {
                        if !broken || *place.base.read().expect("the address") != base {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                ends
            });
        }
        while place.done.load(Ordering::SeqCst) < total / 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill();
        process = Process::serve(folder.path(), &[]);
        *place.base.write().expect("the address") = process.base.clone();
        let mut ends = Vec::new();
        while let Some(some) = tasks.join_next().await {
            ends.extend(some.expect("a client"));
        }
        ends
    });
    process.kill();

    // What the trail says was given out: request and person, and reads of messages by person.
    let engine = store();
    let record = Record::open(folder.path().join("record.sqlite")).expect("the record");
    let person = |patient: &str| {
        record
            .person_of(patient)
            .expect("the record")
            .and_then(|id| known.persons.iter().position(|p| *p == id))
    };
    let mut entries: BTreeMap<(String, usize), usize> = BTreeMap::new();
    let mut read: BTreeMap<usize, usize> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = engine.audit_entries(None, after, 5_000).expect("the trail");
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        for entry in page.iter().filter(|e| e.audit.action == "access") {
            let event: Event = serde_json::from_str(&entry.audit.detail).expect("an event");
            if !event.refused.is_empty() {
                continue;
            }
            let Some(at) = person(&event.patient) else { continue };
            if event.request.starts_with("load-") {
                *entries.entry((event.request.clone(), at)).or_insert(0) += 1;
            } else if event.data.iter().any(|d| d.starts_with("message/")) {
                *read.entry(at).or_insert(0) += 1;
            }
        }
    }
    let (mut disclosed, mut told, mut broken, mut wrong) = (0, 0, 0, Vec::new());
    let mut of_messages: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (number, path, end) in &ends {
        let id = format!("load-{number}");
        let own: Vec<(usize, usize)> =
            (0..PEOPLE).filter_map(|at| Some((at, *entries.get(&(id.clone(), at))?))).collect();
        let original = path.ends_with("/original");
        match end {
            End::Broken => {
                broken += 1;
                // Written down and not given out is allowed; twice is not.
                if own.iter().any(|(_, count)| *count > 1) {
                    wrong.push(format!("{id} {path}: broken, and told {own:?}"));
                }
                if original {
                    of_messages.entry(number % PEOPLE).or_default().1 += 1;
                }
            }
            End::Answered(named) if original => {
                of_messages.entry(number % PEOPLE).or_default().0 += named.len();
                disclosed += named.len();
            }
            End::Answered(named) => {
                disclosed += named.len();
                told += own.iter().map(|(_, count)| count).sum::<usize>();
                let exact: Vec<(usize, usize)> = named.iter().map(|at| (*at, 1)).collect();
                // A page about somebody that does not name them (her own, of choices) is told all the same.
                if own != exact {
                    wrong.push(format!("{id} {path}: given out {named:?}, told {own:?}"));
                }
            }
        }
    }
    for (at, (given, broken)) in &of_messages {
        let written = read.get(at).copied().unwrap_or(0);
        told += written.min(*given);
        if written < *given || written > given + broken {
            wrong.push(format!("originals of {at}: {given} given out, {broken} broken, {written} told"));
        }
    }
    println!(
        "{} requests, {broken} broken by the kill: {disclosed} disclosures, {told} audit entries of them, {} differ",
        ends.len(),
        wrong.len()
    );
    assert_eq!(ends.len(), total);
    assert!(disclosed > total / 3, "{disclosed} disclosures: the load asked for something");
    assert!(wrong.is_empty(), "{} of {total}: {:#?}", wrong.len(), wrong.iter().take(10).collect::<Vec<_>>());
    assert_eq!(disclosed, told);
}
