//! The one gate before the FHIR API: whose record it is, whether this reader may see it, and the entries of the access log.

use causeway_access::audit_event::{Act, Event};
use causeway_access::opened::{self, Opened};
use causeway_access::{Reach, Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};

/// Opens the record of the person whom a Patient belongs to; `None` for the operator, whom nothing limits.
///
/// # Errors
/// 403 where the decision says so (it is written down first), 404 where there is no such Patient.
pub(super) async fn open(
    state: &Shared,
    reader: &Reader,
    patient: &str,
    what: &str,
) -> Answer<Option<Opened>> {
    if reader.operator {
        return Ok(None);
    }
    let opened = person_of(state, reader, patient, Reach::Open).await?;
    let opened = opened.ok_or_else(|| Problem::not_found("resource"))?;
    opened.require(&state.gate, reader, what).await?;
    Ok(Some(opened))
}

/// The same without a refusal: a list leaves out whom the reader may not see.
pub(super) async fn person_of(
    state: &Shared,
    reader: &Reader,
    patient: &str,
    reach: Reach,
) -> Answer<Option<Opened>> {
    let (reader, patient) = (reader.clone(), patient.to_owned());
    state
        .blocking(move |s| -> Result<_, Problem> {
            let Some(person) = s.gate.shelf.person_of(&patient)? else { return Ok(None) };
            opened::open(&s.gate, &reader, &person, reach).map(Some)
        })
        .await
}

/// The events of what the operator is shown: one for each Patient whom it is about, or one about nobody.
pub(super) fn events(
    state: &Shared,
    reader: &Reader,
    act: Act,
    what: &str,
    query: &str,
    patients: &[String],
) -> Vec<Event> {
    let mut reader = reader.clone();
    query.clone_into(&mut reader.line);
    let one = |patient: &str| {
        let mut event: Event = reader.event(&state.gate, act);
        patient.clone_into(&mut event.patient);
        if act != Act::Query {
            event.data = vec![what.to_owned()];
        }
        event
    };
    if patients.is_empty() { vec![one("")] } else { patients.iter().map(|p| one(p)).collect() }
}

/// Gives the operator what was read, after one entry for each Patient whom it is about, or one about nobody.
///
/// # Errors
/// 503.
pub(super) async fn tell<T>(
    state: &Shared,
    reader: &Reader,
    act: Act,
    what: &str,
    query: &str,
    (sealed, patients): (Sealed<T>, Vec<String>),
) -> Answer<T> {
    sealed.open(&state.gate, |_| events(state, reader, act, what, query, &patients)).await
}

/// The answer that there is nothing, or nothing for this reader, after it is written down.
///
/// # Errors
/// 503 where it can't be written down.
pub(super) async fn absent(state: &Shared, reader: &Reader, act: Act, what: &str) -> Answer<Problem> {
    let mut event: Event = reader.event(&state.gate, act);
    event.data = vec![what.to_owned()];
    event.refused = "not-found".to_owned();
    opened::write(&state.gate, &[event]).await?;
    Ok(Problem::not_found("resource"))
}
