//! The person whom pointers are about: the access decision where she is in the record, and the entry of the access log.

use axum::http::StatusCode;
use causeway_access::audit_event::{Act, Event};
use causeway_access::opened::{self, Opened};
use causeway_access::record::{PersonQuery, SearchOptions};
use causeway_access::{Reach, Reader, Sealed, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_locator::{NHS_NUMBER, Pointer};
use serde_json::{Value, json};

/// A person, opened for one reader. Nobody where the record does not hold her; several where the record holds several with
/// one number, and then what each decides counts.
pub(super) struct Person {
    nhs_number: String,
    opened: Vec<Opened>,
}

impl Person {
    /// Opens whoever has this NHS number.
    pub(super) async fn open(state: &Shared, reader: &Reader, nhs_number: &str) -> Answer<Self> {
        let (asks, number) = (reader.clone(), nhs_number.to_owned());
        let opened = state.blocking(move |s| -> Result<Vec<Opened>, Problem> {
            let params = [("identifier".to_owned(), format!("{NHS_NUMBER}|{number}"))];
            let record = s.gate.shelf.record_for_fhir();
            let found =
                record.search("Patient", &params, &SearchOptions::default()).map_err(record_problem)?;
            let people = found.bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
            let people = people.iter().filter_map(|e| e["resource"]["id"].as_str());
            people.map(|id| opened::open(&s.gate, &asks, id, Reach::Find)).collect()
        });
        Ok(Self { nhs_number: nhs_number.to_owned(), opened: opened.await? })
    }

    /// Whether the reader may hear of her. A refusal is written down.
    ///
    /// # Errors
    /// 503 where it can't be.
    pub(super) async fn may_be_told(&self, state: &Shared, reader: &Reader, what: &str) -> Answer<bool> {
        for opened in &self.opened {
            match opened.require(&state.gate, reader, what).await {
                Ok(()) => {}
                Err(problem) if problem.status == StatusCode::FORBIDDEN => return Ok(false),
                Err(problem) => return Err(problem),
            }
        }
        Ok(true)
    }

    /// What the record holds of her, as the reader may see it.
    ///
    /// # Errors
    /// 503 where the record can't be read.
    pub(super) fn held(&self, state: &Shared) -> Answer<Vec<Value>> {
        let held: Answer<Vec<Vec<Value>>> =
            self.opened.iter().map(|opened| opened.resources_for_fhir(&state.gate)).collect();
        held.map(|all| all.into_iter().flatten().collect())
    }

    /// A pointer as the reader may see it, by what it tells of itself.
    pub(super) fn shows(&mut self, pointer: &Pointer) -> bool {
        self.opened.iter_mut().all(|opened| {
            let bundle = json!({"entry": [{"resource": pointer.resource}]});
            opened.show_version(bundle)["entry"].as_array().is_some_and(|shown| !shown.is_empty())
        })
    }

    /// Writes that something is about to be told of her. Where that can't be written, nothing is told.
    ///
    /// # Errors
    /// 503.
    pub(super) async fn disclose(
        &mut self,
        state: &Shared,
        reader: &Reader,
        act: Act,
        data: Vec<String>,
    ) -> Answer<()> {
        if self.opened.is_empty() {
            return write(state, reader, act, &self.nhs_number, data).await;
        }
        for opened in &mut self.opened {
            let tell = |(): &()| (data.clone(), Vec::new());
            opened.disclose(&state.gate, reader, act, Sealed::new(()), tell).await?;
        }
        Ok(())
    }
}

/// Writes what an organisation does with its own pointers: under each Patient who is displayed with this NHS number, or, where
/// the record knows nobody with it, under the number alone.
///
/// # Errors
/// 503.
pub(super) async fn write(
    state: &Shared,
    reader: &Reader,
    act: Act,
    nhs_number: &str,
    data: Vec<String>,
) -> Answer<()> {
    let mut event = reader.event(&state.gate, act);
    event.patient = patient_of(state, nhs_number).await?;
    event.nhs_number = nhs_number.to_owned();
    event.data = data;
    let query = PersonQuery { text: nhs_number.to_owned(), ..PersonQuery::default() };
    let patients = match nhs_number {
        "" => Vec::new(),
        _ => state.blocking(move |s| s.gate.shelf.persons(&query)).await?.patients(),
    };
    let mut events: Vec<Event> =
        patients.into_iter().map(|patient| Event { patient, ..event.clone() }).collect();
    if events.is_empty() {
        events.push(event);
    }
    opened::write(&state.gate, &events).await
}

/// The Patient under whom the access log of somebody with this NHS number is kept; empty where the record does not hold her.
async fn patient_of(state: &Shared, nhs_number: &str) -> Answer<String> {
    let params = [("identifier".to_owned(), format!("{NHS_NUMBER}|{nhs_number}"))];
    let found = state.blocking(move |s| {
        let record = s.gate.shelf.record_for_fhir();
        let found = record.search("Patient", &params, &SearchOptions::default()).map_err(record_problem)?;
        let person = found.bundle["entry"][0]["resource"]["id"].as_str().unwrap_or_default().to_owned();
        let sources = record.sources(&person).map_err(record_problem)?;
        let first = sources.and_then(|s| s.patients.into_iter().next());
        Ok::<_, Problem>(first.map(|patient| patient.key.id).unwrap_or_default())
    });
    found.await
}
