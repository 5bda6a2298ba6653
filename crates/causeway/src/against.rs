//! `causeway bench --against URL`: the same invented people to any FHIR R4 server, so that servers can be measured side by
//! side with nothing of ours in between. Bundles are translated before the clock starts; a server is done when it answers
//! for every person.

use std::time::{Duration, Instant};

use causeway_fhir::MEDIA_TYPE;
use causeway_synth::formats::messages;
use causeway_synth::journey::journey;
use causeway_synth::population;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::load::Rate;
use crate::process::print;
use crate::{ADAPTERS, process};

/// What is sent where.
#[derive(Clone, Debug)]
pub struct Target {
    /// Base of the FHIR API, such as `http://127.0.0.1:8080/fhir`.
    pub base: String,
    /// Further headers, `Name: value`.
    pub headers: Vec<String>,
    /// Invented people.
    pub people: usize,
    /// Requests side by side.
    pub connections: usize,
}

/// Identifier system of NHS numbers.
const NHS_NUMBER: &str = causeway_fhir::systems::NHS_NUMBER;
/// Seconds after which a server that does not know the last person is given up.
const FOUND_SECONDS: u64 = 600;
/// Milliseconds between two looks for a person.
const LOOK_MS: u64 = 50;
/// People whose whole record is read.
const READ_PEOPLE: usize = 50;

/// Sends and reads, and prints the rates.
///
/// # Errors
/// A sentence: a header that is none, a server that can't be reached or refuses what is sent, a person who never appears.
pub async fn run(target: Target) -> Result<(), String> {
    let base = target.base.trim_end_matches('/').to_owned();
    let client = process::client()?;
    let headers = headers(&target.headers)?;
    let (bundles, resources, numbers) = bundles(target.people);
    let bytes: usize = bundles.iter().map(Vec::len).sum();
    print(&format!(
        "{} people, {} transactions, {resources} resources, {:.1} MB, {} connections\n",
        numbers.len(),
        bundles.len(),
        bytes as f64 / 1e6,
        target.connections,
    ));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for part in bundles.chunks(bundles.len().div_ceil(target.connections.max(1)).max(1)) {
        let (client, headers, base, part) = (client.clone(), headers.clone(), base.clone(), part.to_vec());
        tasks.spawn(async move { send(&client, &headers, &base, part).await });
    }
    let mut times = Vec::new();
    while let Some(part) = tasks.join_next().await {
        times.extend(part.map_err(|e| e.to_string())??);
    }
    let taken = started.elapsed().as_secs_f64();
    let mut patients = Vec::new();
    for number in &numbers {
        patients.push(found(&client, &headers, &base, number, started).await?);
    }
    let through = started.elapsed().as_secs_f64();
    let sent = Rate::of(times, taken);
    print(&format!(
        "taken in:  {:.0} transactions/s (p50 {:.1} ms, p99 {:.1} ms)\nfound:     {:.0} transactions/s, {:.0} resources/s, \
         counted until every person is found\n",
        sent.per_second,
        sent.within(0.5),
        sent.within(0.99),
        bundles.len() as f64 / through,
        resources as f64 / through,
    ));
    let (mut times, mut read) = (Vec::new(), 0usize);
    let started = Instant::now();
    for patient in patients.iter().take(READ_PEOPLE) {
        let begun = Instant::now();
        let mut next = Some(format!("{base}/Patient/{patient}/$everything"));
        while let Some(url) = next {
            let bundle = get(&client, &headers, &url).await?;
            read += bundle["entry"].as_array().map_or(0, Vec::len);
            let links = bundle["link"].as_array().into_iter().flatten();
            let link = links.filter(|l| l["relation"] == "next").find_map(|l| l["url"].as_str());
            next = link.map(str::to_owned);
        }
        times.push(begun.elapsed().as_secs_f64());
    }
    let seconds = started.elapsed().as_secs_f64();
    let whole = Rate::of(times, seconds);
    print(&format!(
        "$everything: {:.0} resources/s, {:.0} people/s (p50 {:.1} ms, p99 {:.1} ms), {read} resources of {} people\n",
        read as f64 / seconds,
        whole.per_second,
        whole.within(0.5),
        whole.within(0.99),
        patients.len().min(READ_PEOPLE),
    ));
    Ok(())
}

fn headers(given: &[String]) -> Result<HeaderMap, String> {
    let mut all = HeaderMap::new();
    all.insert(ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
    for text in given {
        let wrong = || format!("--header {text:?} is not like 'Name: value'");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        all.insert(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok(all)
}

/// Transactions of the people's messages with the number of their resources, and the people's NHS numbers. Only people who
/// are in a transaction are looked for.
fn bundles(people: usize) -> (Vec<Vec<u8>>, usize, Vec<String>) {
    let (mut all, mut resources, mut numbers) = (Vec::new(), 0, Vec::new());
    for person in population(11, people) {
        let mut told = false;
        for message in messages(&person, &journey(11, &person)) {
            let Some(adapter) = ADAPTERS.iter().find(|a| a.name() == message.format) else { continue };
            let context = causeway_adapter::Context::new(
                crate::input::sender(Some(message.sender.code)),
                jiff::Timestamp::now(),
                "urn:uuid:00000000-0000-5000-8000-000000000000",
            );
            for output in causeway_adapter::translate(*adapter, &message.bytes, &context).outputs {
                let Ok(bundle) = serde_json::from_slice::<Value>(&output.json) else { continue };
                let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
                resources += entries.len();
                told |= entries.iter().any(|entry| {
                    let named = entry["resource"]["identifier"].as_array().into_iter().flatten();
                    entry["resource"]["resourceType"] == "Patient"
                        && named.into_iter().any(|i| i["value"] == person.nhs_number.as_str())
                });
                all.push(output.json);
            }
        }
        if told {
            numbers.push(person.nhs_number);
        }
    }
    (all, resources, numbers)
}

async fn send(
    client: &reqwest::Client,
    headers: &HeaderMap,
    base: &str,
    part: Vec<Vec<u8>>,
) -> Result<Vec<f64>, String> {
    let mut times = Vec::with_capacity(part.len());
    for bundle in part {
        let started = Instant::now();
        let request =
            client.post(base).headers(headers.clone()).header(CONTENT_TYPE, MEDIA_TYPE).body(bundle);
        let answer = request.send().await.map_err(|e| format!("{base}: {e}"))?;
        let status = answer.status();
        // The answer is read to its end: a server that writes it later would look faster.
        let text = answer.text().await.map_err(|e| format!("{base}: {e}"))?;
        if !status.is_success() {
            let shown: String = text.chars().take(400).collect();
            return Err(format!("{base} answers {status} to a transaction: {shown}"));
        }
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}

async fn get(client: &reqwest::Client, headers: &HeaderMap, url: &str) -> Result<Value, String> {
    let answer = client.get(url).headers(headers.clone()).send().await.map_err(|e| format!("{url}: {e}"))?;
    if !answer.status().is_success() {
        return Err(format!("{url} answers {}", answer.status()));
    }
    let bytes = answer.bytes().await.map_err(|e| format!("{url}: {e}"))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("{url} answers no JSON: {e}"))
}

/// The Patient with this number, waited for.
async fn found(
    client: &reqwest::Client,
    headers: &HeaderMap,
    base: &str,
    number: &str,
    started: Instant,
) -> Result<String, String> {
    let url = format!("{base}/Patient?identifier={NHS_NUMBER}%7C{number}");
    loop {
        let bundle = get(client, headers, &url).await?;
        let ids = bundle["entry"].as_array().into_iter().flatten();
        if let Some(id) = ids.filter_map(|entry| entry["resource"]["id"].as_str()).next() {
            return Ok(id.to_owned());
        }
        if started.elapsed() > Duration::from_secs(FOUND_SECONDS) {
            return Err(format!("a person who was sent is not found after {FOUND_SECONDS} seconds"));
        }
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
}
