//! The person whom pointers are about: the access decision where she is in the record, and the entry of the access log.

use axum::http::StatusCode;
use causeway_access::audit_event::{Act, Event};
use causeway_access::opened::{self, Opened};
use causeway_access::record::PersonQuery;
use causeway_access::{Reach, Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_locator::Pointer;
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
            let people = s.gate.shelf.people_numbered(&number)?;
            people.iter().map(|id| opened::open(&s.gate, &asks, id, Reach::Find)).collect()
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
    pub(super) fn held(&self, state: &Shared) -> Answer<Sealed<Vec<Value>>> {
        let held: Answer<Vec<Sealed<Vec<Value>>>> =
            self.opened.iter().map(|opened| opened.resources(&state.gate)).collect();
        Ok(Sealed::all(held?).map(|all| all.into_iter().flatten().collect()))
    }

    /// A pointer as the reader may see it, by what it tells of itself.
    pub(super) fn shows(&mut self, pointer: &Pointer) -> bool {
        self.opened.iter_mut().all(|opened| {
            let bundle = json!({"entry": [{"resource": pointer.resource}]});
            opened.show_version(bundle)["entry"].as_array().is_some_and(|shown| !shown.is_empty())
        })
    }

    /// Gives out what was found of her, after it is written down. `data` says what it is.
    ///
    /// # Errors
    /// 503: nothing is given out.
    pub(super) async fn disclose<T>(
        &mut self,
        state: &Shared,
        reader: &Reader,
        act: Act,
        found: Sealed<T>,
        data: impl FnOnce(&T) -> Vec<String>,
    ) -> Answer<T> {
        if self.opened.is_empty() {
            let events = events(state, reader, act, &self.nhs_number).await?;
            return found
                .open(&state.gate, |found| {
                    let data = data(found);
                    events.into_iter().map(|event| Event { data: data.clone(), ..event }).collect()
                })
                .await;
        }
        opened::disclose_all(&mut self.opened, &state.gate, reader, act, found, data).await
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
    let mut events = events(state, reader, act, nhs_number).await?;
    events.iter_mut().for_each(|event| event.data.clone_from(&data));
    opened::write(&state.gate, &events).await
}

/// The events of what is done about somebody with this NHS number, whom no decision opened.
async fn events(state: &Shared, reader: &Reader, act: Act, nhs_number: &str) -> Answer<Vec<Event>> {
    let mut event = reader.event(&state.gate, act);
    event.nhs_number = nhs_number.to_owned();
    let query = PersonQuery { text: nhs_number.to_owned(), ..PersonQuery::default() };
    let number = nhs_number.to_owned();
    let patients = state.blocking(move |s| -> Answer<Vec<String>> {
        let shown = match number.as_str() {
            "" => Vec::new(),
            _ => s.gate.shelf.persons(&query)?.patients(),
        };
        Ok(if shown.is_empty() { vec![s.gate.shelf.patient_numbered(&number)?] } else { shown })
    });
    let of = |patient: String| Event { patient, ..event.clone() };
    Ok(patients.await?.into_iter().map(of).collect())
}
