//! One Patient for a person whom several sources tell of: what `Patient?identifier=` finds, under the id that her page has.

use causeway_access::audit_event::Act;
use causeway_access::opened::Opened;
use causeway_access::record::Sources;
use causeway_access::{Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::Answer;
use serde_json::{Value, json};

use super::guard;

/// The person's Patients, where an id is a person's or one of her Patients'.
pub(super) async fn sources(state: &Shared, id: &str) -> Answer<Option<Sealed<Sources>>> {
    let id = id.to_owned();
    Ok(state.blocking(move |s| s.gate.shelf.sources(&id)).await?.present())
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
    let (person, mut patients) = sources.ids();
    if patients.iter().any(|patient| patient == id) {
        return Ok(None);
    }
    let entity = format!("Patient/{id}");
    let opened = guard::open(state, reader, id, &entity).await?;
    let patient = sources.map(|sources| shown(&sources, opened.as_ref())).present();
    let Some(patient) = patient else { return Ok(None) };
    let patient = match opened {
        None => {
            patients.truncate(1);
            guard::tell(state, reader, act, &entity, "", (patient, patients)).await?
        }
        Some(mut opened) => {
            opened.disclose(&state.gate, reader, act, patient, |_| (vec![entity], Vec::new())).await?
        }
    };
    if person != id {
        // The person was found to be another and is part of that one now.
        return Ok(Some(json!({"resourceType": "Patient", "id": id, "active": false,
            "link": [{"other": {"reference": format!("Patient/{person}")}, "type": "replaced-by"}]})));
    }
    Ok(Some(patient))
}
