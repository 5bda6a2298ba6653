//! fhir-sdk's own client, unmodified, against a FHIR server with the resources of `tests/clients/search` in it:
//! `cargo run --features client --bin client -- URL`. Exit 0: each kind of request was answered as expected.

use std::error::Error;

use fhir_sdk::TryStreamExt as _;
use fhir_sdk::client::{Client, SearchParameters};
use fhir_sdk::r4b::resources::{Condition, Observation, Patient, Resource, ResourceType};
use fhir_sdk::version::FhirR4B;

/// Kinds of request asked.
const ASKED: usize = 12;

fn check(holds: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn labels<'o>(found: impl Iterator<Item = &'o Observation>) -> Vec<String> {
    let own = |one: &Observation| {
        let mut all = one.identifier.iter().flatten();
        all.find(|i| i.system.as_deref() == Some("urn:t")).and_then(|i| i.value.clone())
    };
    let mut found: Vec<String> = found.filter_map(own).collect();
    found.sort();
    found
}

async fn ask(base: &str) -> Result<(), Box<dyn Error>> {
    let plain = fhir_sdk::HttpClient::builder().no_proxy().build()?;
    let client: Client<FhirR4B> = Client::builder().base_url(base.parse()?).client(plain).build()?;
    let with = |name: &str, value: &str| SearchParameters::empty().and_raw(name, value);

    let statement = client.capabilities().await?;
    check(statement.rest.iter().flatten().next().is_some(), "metadata")?;

    let page = client.search::<Patient>(with("identifier", "urn:t|A")).await?;
    let patient = page.matches().next().and_then(|p| p.id.clone()).ok_or("search by identifier")?;
    let read: Option<Patient> = client.read(&patient).await?;
    check(read.is_some_and(|p| p.id.as_deref() == Some(&patient)), "read")?;
    check(client.read::<Patient>("none").await?.is_none(), "read of nobody")?;

    let page = client.search::<Observation>(with("code", "urn:s|bp")).await?;
    let one = page.matches().next().ok_or("search by code")?.clone();
    let id = one.id.clone().ok_or("an id")?;
    let number = one.meta.as_ref().and_then(|m| m.version_id.clone()).ok_or("a version")?;
    check(client.read_version::<Observation>(&id, &number).await?.is_some(), "vread")?;
    check(client.history::<Observation>(Some(&id)).await?.entries().next().is_some(), "history")?;
    let subject = client.read_referenced(one.subject.as_ref().ok_or("a subject")?).await?;
    check(matches!(subject, Resource::Patient(_)), "reference")?;

    let page = client.search::<Observation>(with("patient.identifier", "urn:t|B")).await?;
    check(labels(page.matches()) == ["O4", "O6", "O7"], "chain")?;
    let page = client.search::<Condition>(with("patient", &patient)).await?;
    check(page.matches().count() == 1, "search by patient")?;

    let first = client.search::<Observation>(with("_count", "2").and_raw("_sort", "_id")).await?;
    let all: Vec<Observation> = first.all_matches().try_collect().await?;
    let mut ids: Vec<&str> = all.iter().filter_map(|o| o.id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    check(all.len() == 7 && ids.len() == 7, "paging")?;

    let everything = client.operation_patient_everything(&patient).await?;
    check(everything.entry.len() > 5, "$everything")?;
    let mut batch = client.batch();
    batch.read(ResourceType::Patient, &patient);
    let answered = batch.send().await?;
    let status =
        answered.entry.iter().flatten().next().and_then(|e| e.response.as_ref()).map(|r| r.status.clone());
    check(status.is_some_and(|s| s.starts_with("200")), "batch")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::args().nth(1).ok_or("the server's address is missing")?;
    ask(&base).await?;
    println!("fhir-sdk: {ASKED} kinds of request, each as expected");
    Ok(())
}
