//! One Patient for a person whom several sources tell of: what `Patient?identifier=` finds, under the id that her page has.

use causeway_access::audit_event::Act;
use causeway_access::opened::Opened;
use causeway_access::record::Sources;
use causeway_access::{Reader, Sealed, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use serde_json::{Value, json};

use super::guard;

/// The person's Patients, where an id is a person's or one of her Patients'.
pub(super) async fn sources(state: &Shared, id: &str) -> Answer<Option<Sources>> {
    let id = id.to_owned();
    state.blocking(move |s| s.gate.shelf.record_for_fhir().sources(&id).map_err(record_problem)).await
}

/// The Patient made of what the reader may see of a person's Patients; `None` where that is nothing.
pub(super) fn shown(sources: &Sources, opened: Option<&Opened>) -> Option<Value> {
    let all = sources.patients.iter().map(|v| v.resource.clone());
    let patients: Vec<Value> = match opened {
        None => all.collect(),
        Some(opened) => all.filter_map(|patient| opened.show(patient)).collect(),
    };
    causeway_access::record::golden(&sources.person, &patients)
}

/// Reads a person's own Patient, after it is written down; `None` where the id is no person's.
///
/// # Errors
/// As [`guard::open`].
pub(super) async fn read(state: &Shared, reader: &Reader, act: Act, id: &str) -> Answer<Option<Value>> {
    let Some(sources) = sources(state, id).await? else { return Ok(None) };
    if sources.patients.iter().any(|v| v.key.id == id) {
        return Ok(None);
    }
    let entity = format!("Patient/{id}");
    let opened = guard::open(state, reader, id, &entity).await?;
    let patient = shown(&sources, opened.as_ref());
    let Some(patient) = patient else { return Ok(None) };
    match opened {
        None => {
            let patients: Vec<String> = sources.patients.iter().map(|v| v.key.id.clone()).take(1).collect();
            guard::write(state, reader, act, &entity, "", &patients).await?;
        }
        Some(mut opened) => {
            let tell = |(): &()| (vec![entity], Vec::new());
            opened.disclose(&state.gate, reader, act, Sealed::new(()), tell).await?;
        }
    }
    if sources.person != id {
        // The person was found to be another and is part of that one now.
        return Ok(Some(json!({"resourceType": "Patient", "id": id, "active": false,
            "link": [{"other": {"reference": format!("Patient/{}", sources.person)}, "type": "replaced-by"}]})));
    }
    Ok(Some(patient))
}
