//! `causeway demo`: one invented woman's autumn, told through the real doors.

use std::path::PathBuf;
use std::time::Duration;

use causeway_exchange::route::{Route, Routes, SEND_BUNDLE, SEND_DOCUMENT};
use causeway_exchange::{EngineError, MessageId};
use causeway_service::config::{CodeSystem, Config, Organisation, Retention};
use causeway_service::onramp::note::{self, Raw};
use causeway_service::pages::onboarding::{Held, Provider};
use causeway_service::pages::portal::cast::CAST;
use causeway_service::state::{AppState, Shared};
use causeway_synth::formats::{client_level_data, messages};
use causeway_synth::people::{
    ALARM_CENTRE, AMBULANCE, CARE_HOMES, COUNCIL, HOME_CARE, HOSPITALS, LABORATORY, PRACTICES,
};
use causeway_synth::{Message, edith};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::process::{client, print};
use crate::{ADAPTERS, demo_access, demo_local, demo_research, serve};

/// How often, and after which time each, it is asked whether a message is taken in: a minute in all.
const TAKEN_IN_TRIES: usize = 3000;
const TAKEN_IN_EVERY: Duration = Duration::from_millis(20);

/// How the demonstration is to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// End when the story is told.
    pub no_pages: bool,
    /// Print a summary for scripts and nothing else.
    pub json: bool,
    /// Where to keep the data; a folder that goes away with the process unless given.
    pub data: Option<PathBuf>,
    /// Address of the pages.
    pub listen: Option<String>,
    /// What makes the evidence pack that its page gives away.
    pub pack: Option<serve::Pack>,
}

/// One message that crossed.
#[derive(Debug)]
struct Crossing {
    message: Message,
    id: String,
    state: String,
    body: Value,
}

/// Days that the demonstration keeps contents: longer than its story may lie back.
const DAYS_KEPT: u32 = 3_650;
const LEDGER_WORDS: [&str; 7] =
    ["mapped", "mapped-with-loss", "decides", "withheld", "rejected", "unsupported", "structural"];

fn organisations() -> Vec<Organisation> {
    let all = [
        &HOSPITALS[..],
        &PRACTICES[..],
        &CARE_HOMES[..],
        &[LABORATORY, COUNCIL, HOME_CARE, ALARM_CENTRE, AMBULANCE],
    ]
    .concat();
    all.iter()
        .map(|o| Organisation {
            code: o.code.to_owned(),
            system: match o.scheme {
                "cqc" => CodeSystem::Cqc,
                "cassr" => CodeSystem::Cassr,
                _ => CodeSystem::Ods,
            },
            name: o.name.to_owned(),
            mailbox: Some(mailbox(*o)),
            ..Organisation::default()
        })
        .collect()
}

fn mailbox(organisation: causeway_synth::Organisation) -> String {
    format!("MB{}", organisation.code.replace('-', ""))
}

/// Who gets what: social care is told in its own forms, and tells others.
fn routes() -> Result<Vec<Route>, String> {
    let to =
        |organisation, send: &str| json!({"kind": "mailbox", "mailbox": mailbox(organisation), "send": send});
    let table = json!([
        {"id": "discharge-to-social-care", "when": {"format": ["hl7v2"], "event": ["ADT^A03"]},
         "to": [to(COUNCIL, "discharge-notice"), to(HOME_CARE, "care-provider-record")]},
        {"id": "results-to-practice", "when": {"format": ["edifact-pathology"]},
         "to": [to(PRACTICES[0], SEND_BUNDLE), to(PRACTICES[0], SEND_DOCUMENT)]},
        {"id": "summary-to-practice-and-council", "when": {"format": ["transfer-of-care"], "event": ["ITK003D"]},
         "to": [to(PRACTICES[0], "transfer-of-care"), to(COUNCIL, SEND_BUNDLE)]},
        {"id": "handover-to-hospital", "when": {"format": ["itk-cda"]}, "to": [to(HOSPITALS[0], SEND_BUNDLE)]},
        {"id": "care-notes-to-practice-and-hospital", "when": {"format": ["care-provider-record"], "sender": [HOME_CARE.code]},
         "to": [to(PRACTICES[0], SEND_BUNDLE), to(PRACTICES[0], SEND_DOCUMENT), to(HOSPITALS[0], SEND_BUNDLE)]},
    ]);
    Ok(Routes::parse(&table.to_string()).map_err(|e| e.to_string())?.as_slice().to_vec())
}

/// What the home care worker sees a week after she came home, as typed into the form.
fn care_note(person: &causeway_synth::Person) -> Option<Message> {
    let mut raw = Raw::default();
    let born = person.born.to_string();
    for (name, value) in [
        ("nhs_number", person.nhs_number.as_str()),
        ("first_name", &person.given),
        ("family_name", &person.family),
        ("date_of_birth", &born),
        ("address_line_1", &person.street),
        ("postcode", &person.postcode),
        ("home_cqc_id", HOME_CARE.code),
        ("home_name", HOME_CARE.name),
        ("date", "2026-10-05"),
        ("time", "09:30"),
        ("kind", "mobility"),
        (
            "note",
            "Gets up with one person's help and walks to the kitchen with her frame. Yesterday she needed two.",
        ),
        ("written_by", "Jo Fenwick"),
        ("role", "Reablement worker"),
    ] {
        raw.set(name, value);
    }
    let note = note::check(&raw, jiff::civil::datetime(2026, 12, 31, 0, 0, 0, 0)).ok()?;
    Some(Message {
        format: "care-provider-record",
        name: "care-note-mobility.dscr.json".to_owned(),
        title: "A change in mobility, typed into the care-note form".to_owned(),
        sender: HOME_CARE,
        media_type: note::MEDIA_TYPE,
        at: jiff::civil::datetime(2026, 10, 5, 9, 40, 0, 0),
        bytes: note.json,
    })
}

/// Every message of the story, in the order of sending.
pub fn story() -> Vec<Message> {
    let (person, journey) = edith();
    let mut all = messages(&person, &journey);
    all.extend(care_note(&person));
    let file = client_level_data::file(&[(&person, &journey)], jiff::civil::date(2026, 12, 31));
    all.push(demo_local::with_own_columns(file));
    all.sort_by_key(|m| m.at);
    all
}

/// Runs the demonstration. Whether every message crossed.
///
/// # Errors
/// A sentence that says what could not be done.
pub async fn run(options: Options) -> Result<bool, String> {
    let temporary = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let ready = prepare(&options, data).await?;
    cast_in(&ready.state)?;
    let base = format!("http://{}", ready.address);
    let state = ready.state.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(ready.run(async move {
        drop(stopped.await);
    }));
    let told = tell(&base, &options, &state).await;
    if told.is_ok() && !options.no_pages && !options.json {
        print(&format!(
            "\nPages: {base}/messages  {base}/people  {base}/look-as   for assessors: {base}/tour   (ctrl-c ends)\n"
        ));
        serve::asked_to_end().await;
    }
    // Fails only where the server has ended by itself.
    let _ = stop.send(());
    server.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    told
}

/// Puts the people in as whom a visitor can look.
fn cast_in(state: &causeway_service::Shared) -> Result<(), String> {
    let (person, _) = edith();
    let name = format!("{} {}", person.given, person.family);
    let mut all = crate::cast::cast(&person.nhs_number, &name);
    all.push(crate::cast::neighbour());
    for (number, one) in (1..).zip(all) {
        let json = serde_json::to_string(&one).map_err(|e| e.to_string())?;
        let key = format!("{number:02}-{}", one.subject);
        state
            .engine
            .put_config(CAST, &key, Some(&json), None, "demonstration", state.clock.now())
            .map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// The address with a free port in place of 0: the onboarding board names it before it is listened on.
async fn with_port(listen: &str) -> String {
    if !listen.ends_with(":0") {
        return listen.to_owned();
    }
    let free = tokio::net::TcpListener::bind(listen).await.and_then(|free| free.local_addr());
    free.map_or_else(|_| listen.to_owned(), |address| address.to_string())
}

/// The exchange itself, for whoever wants to see on the onboarding board how a provider is tested.
fn providers(listen: &str) -> Vec<Provider> {
    let held = Held {
        name: "fhir-r4".to_owned(),
        url: format!("http://{listen}/fhir"),
        settings: std::collections::BTreeMap::new(),
        token_file: None,
        seed: None,
        ca: None,
        client_certificate: None,
        listen_certificate: None,
        listen_ca: None,
    };
    let name = "This exchange, as its own provider".to_owned();
    vec![Provider { name, gates: Vec::new(), suites: vec![held], exceptions: Vec::new() }]
}

async fn prepare(options: &Options, data: PathBuf) -> Result<serve::Ready, String> {
    let routes = routes()?;
    let map = demo_local::map(&data)?;
    let local = demo_local::read(&map)?;
    let config = |listen: &str| Config {
        local_maps: vec![map.clone()],
        local: local.clone(),
        listen: listen.to_owned(),
        data_directory: data.clone(),
        open: true,
        test_mode: true,
        begins: story().first().map(|first| moment(first.at)),
        organisations: organisations(),
        routes: routes.clone(),
        // Its clock goes on to today: what the story began with is shown all the same.
        retention: Retention { messages_days: DAYS_KEPT, ..Retention::default() },
        providers: providers(listen),
        ..Config::default()
    };
    let ready = match &options.listen {
        Some(listen) => serve::prepare(config(&with_port(listen).await), ADAPTERS).await,
        None => match tokio::net::TcpListener::bind("127.0.0.1:8780").await {
            Ok(free) => {
                drop(free);
                serve::prepare(config("127.0.0.1:8780"), ADAPTERS).await
            }
            Err(_) => serve::prepare(config(&with_port("127.0.0.1:0").await), ADAPTERS).await,
        },
    }?;
    Ok(match options.pack {
        Some(pack) => ready.packing(pack),
        None => ready,
    })
}

async fn tell(base: &str, options: &Options, state: &Shared) -> Result<bool, String> {
    let client = client()?;
    let (person, _) = edith();
    if !options.json {
        print(&opening(&person));
    }
    let mut crossings = Vec::new();
    let mut mapped = 0;
    for message in story() {
        settled(state, crossings.last()).await?;
        wait_until(state, moment(message.at));
        let crossing = send(&client, base, message).await?;
        if !options.json {
            print(&crossing_text(&crossing));
        }
        if crossing.message.format == demo_local::FORMAT {
            mapped = demo_local::items(&client, base, &crossing.id).await?;
            if !options.json {
                print(&demo_local::text(mapped));
            }
        }
        crossings.push(crossing);
    }
    // What the story tells lies in the past of whoever looks at it.
    settled(state, crossings.last()).await?;
    wait_until(state, Timestamp::now());
    let arrived = arrived(&client, base, &crossings).await?;
    let record = record(&client, base, &person.nhs_number).await?;
    send(&client, base, demo_research::neighbours()).await?;
    demo_research::settled(state).await?;
    let first = extract(state, "extract-1").await?;
    let access = demo_access::visits(&client, base, &person).await?;
    let research = demo_research::compare(&first, &extract(state, "extract-2").await?);
    let complete = access.holds()
        && mapped > 0
        && research.holds()
        && crossings.iter().all(|c| unexplained(c) == 0 && c.body["translation"]["errors"] == 0);
    if options.json {
        print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&summary(
                base,
                (&crossings, mapped),
                &arrived,
                &record,
                (&access, &research)
            ))
            .unwrap_or_default()
        ));
    } else {
        print(&arrived_text(&arrived));
        print(&record_text(&record));
        print(&access.text());
        print(&research.text());
    }
    Ok(complete)
}

async fn extract(state: &Shared, name: &'static str) -> Result<demo_research::Extract, String> {
    let state = state.clone();
    tokio::task::spawn_blocking(move || demo_research::extract(&state, name))
        .await
        .map_err(|e| e.to_string())?
}

/// A local time of the story.
fn moment(at: DateTime) -> Timestamp {
    causeway_core::london().to_timestamp(at).unwrap_or_default()
}

/// Waits until nothing of what was sent is under way. The record keeps when it was told of a thing: were the clock put on
/// before, what came in weeks ago would be news of today.
async fn taken_in(state: &Shared) -> Result<(), String> {
    for _ in 0..TAKEN_IN_TRIES {
        let metrics = state.blocking(|s| s.engine.metrics()).await.map_err(|e| e.text)?;
        if metrics.queues.iter().all(|queue| queue.ready + queue.leased == 0) {
            return Ok(());
        }
        tokio::time::sleep(TAKEN_IN_EVERY).await;
    }
    Err("what was sent is not taken in".to_owned())
}

/// Waits until what was sent is taken in and its recipients have it, before the clock goes on.
async fn settled(state: &Shared, last: Option<&Crossing>) -> Result<(), String> {
    taken_in(state).await?;
    let Some(last) = last else { return Ok(()) };
    let ids: Vec<MessageId> = derived(last).filter_map(|id| MessageId::new(id).ok()).collect();
    // The systems of the story look into their mailboxes every day; what nobody collects in five days is undeliverable.
    let collect = move |s: &AppState| -> Result<(), EngineError> {
        for id in &ids {
            let waits = s.engine.message(id)?.filter(|message| message.new.inbox);
            let mailbox = waits.and_then(|message| message.new.mailbox_to);
            if let Some(mailbox) = mailbox {
                s.engine.acknowledge(&mailbox, id, &mailbox, s.clock.now())?;
            }
        }
        Ok(())
    };
    state.blocking(collect).await.map_err(|e| e.text)
}

/// Ids of the messages that the routes made of a crossing.
fn derived(crossing: &Crossing) -> impl Iterator<Item = &str> {
    crossing.body["derived"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Lets time pass until then, if that is not in the future of this machine.
fn wait_until(state: &Shared, at: Timestamp) {
    let ahead = at.min(Timestamp::now()).duration_since(state.clock.now());
    if ahead.as_secs() > 0 {
        // Refused only outside of test mode, which this is.
        let _ = state.clock.advance(ahead);
    }
}

fn opening(person: &causeway_synth::Person) -> String {
    format!(
        "Causeway. Prototype: synthetic data.\n\n{} {} {} is 84 and lives alone in {}; she has never lived outside this \
story.\nEach message below goes through the exchange's own door as her care organisations would send it.\n\n",
        person.title, person.given, person.family, person.town
    )
}

async fn send(client: &reqwest::Client, base: &str, message: Message) -> Result<Crossing, String> {
    let fail = |what: &str| format!("{}: {what}", message.name);
    let answer = client
        .post(format!("{base}/messages"))
        .header("Content-Type", message.media_type)
        .header("Causeway-Sender", message.sender.code)
        .header("Idempotency-Key", &message.name)
        .header("Prefer", "respond-sync")
        .body(message.bytes.clone())
        .send()
        .await
        .map_err(|e| fail(&e.to_string()))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|e| fail(&e.to_string()))?;
    if !status.is_success() {
        return Err(fail(&format!(
            "{status} {}",
            body["issue"][0]["details"]["text"].as_str().unwrap_or_default()
        )));
    }
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    let state = body["state"].as_str().unwrap_or_default().to_owned();
    Ok(Crossing { message, id, state, body })
}

fn unexplained(crossing: &Crossing) -> u64 {
    crossing.body["translation"]["ledger"]["unexplained"].as_u64().unwrap_or(u64::MAX)
}

fn crossing_text(crossing: &Crossing) -> String {
    let translation = &crossing.body["translation"];
    let ledger = &translation["ledger"];
    let counts: Vec<String> = LEDGER_WORDS
        .iter()
        .filter_map(|word| ledger[*word].as_u64().filter(|n| *n > 0).map(|n| format!("{n} {word}")))
        .collect();
    let bundles = translation["bundles"].as_array().map_or(0, Vec::len);
    let answer = if translation["acknowledgement"].is_null() { "" } else { ", answered in its own format" };
    format!(
        "{}  {}\n    {} → {} ({bundles} bundle{}{answer})\n    {} source items: {}\n    {} errors, {} warnings · {}\n\n",
        crossing.message.at.strftime("%d %b %H:%M"),
        crossing.message.title,
        crossing.message.sender.name,
        translation["format"].as_str().or(translation["adapter"].as_str()).unwrap_or("not recognised"),
        if bundles == 1 { "" } else { "s" },
        ledger["items"],
        counts.join(", "),
        translation["errors"],
        translation["warnings"],
        crossing.state,
    )
}

/// One message that came into a mailbox.
#[derive(Debug)]
struct Arrival {
    mailbox: String,
    organisation: String,
    id: String,
    title: String,
    form: String,
    /// Elements of the bundle that the form could not carry; `None` where the bundle itself arrived.
    left_behind: Option<u64>,
}

/// What the routes made of each crossing.
async fn arrived(
    client: &reqwest::Client,
    base: &str,
    crossings: &[Crossing],
) -> Result<Vec<Arrival>, String> {
    let names: Vec<(String, String)> =
        organisations().into_iter().filter_map(|o| Some((o.mailbox?, o.name))).collect();
    let mut arrivals = Vec::new();
    for crossing in crossings {
        for id in derived(crossing) {
            let request = client.get(format!("{base}/messages/{id}")).header("Accept", "application/json");
            let answer = request.send().await.map_err(|e| e.to_string())?;
            let body: Value = answer.json().await.map_err(|e| e.to_string())?;
            let Some(mailbox) = body["mailboxTo"].as_str() else { continue };
            arrivals.push(Arrival {
                organisation: names
                    .iter()
                    .find(|(known, _)| known == mailbox)
                    .map_or_else(String::new, |(_, name)| name.clone()),
                mailbox: mailbox.to_owned(),
                id: id.to_owned(),
                title: crossing.message.title.clone(),
                form: body["written"]["as"].as_str().unwrap_or("FHIR bundle").to_owned(),
                left_behind: body["written"]["leftBehind"].as_u64(),
            });
        }
    }
    arrivals.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
    Ok(arrivals)
}

fn arrived_text(arrivals: &[Arrival]) -> String {
    let mut out = "What came into whose mailbox, and was collected:\n".to_owned();
    let mut last = "";
    for arrival in arrivals {
        if arrival.mailbox != last {
            out.push_str(&format!("  {} ({})\n", arrival.organisation, arrival.mailbox));
            last = &arrival.mailbox;
        }
        let loss = match arrival.left_behind {
            None => "nothing left behind".to_owned(),
            Some(count) => format!("{count} elements left behind, listed at /messages/{}", arrival.id),
        };
        out.push_str(&format!("    {} as {}: {loss}\n", arrival.title, arrival.form));
    }
    out.push('\n');
    out
}

/// The person's record, once every message has reached it.
async fn record(client: &reqwest::Client, base: &str, nhs_number: &str) -> Result<Value, String> {
    let get = |path: String| {
        let request = client.get(format!("{base}{path}")).header("Accept", "application/fhir+json");
        async move {
            let answer = request.send().await.map_err(|e| e.to_string())?;
            answer.json::<Value>().await.map_err(|e| e.to_string())
        }
    };
    let system = causeway_fhir::systems::NHS_NUMBER;
    let mut last = Value::Null;
    let mut before = 0;
    // The record follows a moment behind the translation.
    for _ in 0..100 {
        let patients = get(format!("/fhir/Patient?identifier={system}%7C{nhs_number}")).await?;
        let found = patients["entry"].as_array().cloned().unwrap_or_default();
        let links = found.first().and_then(|e| e["resource"]["link"].as_array()).map_or(0, Vec::len);
        if let Some(id) = found.first().and_then(|e| e["resource"]["id"].as_str()) {
            let everything = get(format!("/fhir/Patient/{id}/$everything")).await?;
            let entries = everything["entry"].as_array().map_or(0, Vec::len);
            if entries > 0 && entries == before {
                return Ok(json!({"patients": found.len(), "sources": links, "everything": everything}));
            }
            before = entries;
            last = everything;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(json!({"patients": 0, "sources": 0, "everything": last}))
}

/// Resources by type, social care first.
fn kinds(record: &Value) -> Vec<(String, usize)> {
    const SOCIAL: [&str; 4] = ["EpisodeOfCare", "Task", "ServiceRequest", "RelatedPerson"];
    let mut counts = std::collections::BTreeMap::new();
    for entry in record["everything"]["entry"].as_array().into_iter().flatten() {
        let kind = entry["resource"]["resourceType"].as_str().unwrap_or_default();
        *counts.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(kind, _)| {
        (SOCIAL.iter().position(|k| k == kind).unwrap_or(SOCIAL.len()), kind.clone())
    });
    counts
}

fn record_text(record: &Value) -> String {
    let list: Vec<String> = kinds(record).iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    format!(
        "One record: she is {} Patient, which links what {} sources told of her, joined by NHS number.\n    {}\n",
        record["patients"],
        record["sources"],
        list.join(", ")
    )
}

fn summary(
    base: &str,
    (crossings, mapped): (&[Crossing], usize),
    arrived: &[Arrival],
    record: &Value,
    (access, research): (&demo_access::Outcome, &demo_research::Outcome),
) -> Value {
    let list: Vec<Value> = crossings
        .iter()
        .map(|c| {
            json!({
                "at": c.message.at.to_string(), "title": c.message.title, "sender": c.message.sender.code,
                "format": c.body["translation"]["adapter"], "id": c.id, "state": c.state,
                "ledger": c.body["translation"]["ledger"], "errors": c.body["translation"]["errors"],
                "warnings": c.body["translation"]["warnings"],
            })
        })
        .collect();
    let kinds: serde_json::Map<String, Value> =
        kinds(record).into_iter().map(|(k, n)| (k, json!(n))).collect();
    json!({
        "messages": list.len(),
        "unexplained": crossings.iter().map(unexplained).sum::<u64>(),
        "crossings": list,
        "localMap": mapped,
        "arrived": arrived
            .iter()
            .map(|a| json!({"mailbox": a.mailbox, "id": a.id, "of": a.title, "as": a.form, "leftBehind": a.left_behind}))
            .collect::<Vec<_>>(),
        "record": {"patients": record["patients"], "sources": record["sources"], "resources": kinds},
        "access": access.json(),
        "research": research.json(),
        "base": base,
    })
}
