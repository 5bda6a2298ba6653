//! Deliveries that a person orders: the same translation to chosen endpoints once more.

use causeway_core::NhsNumber;
use causeway_exchange::{EngineError, MessageId, NewWork, WorkKind};
use causeway_fhir::systems::NHS_NUMBER;
use causeway_host::Problem;
use serde_json::{Value, json};

use super::config;
use super::limits::BUNDLES_AT_ONCE;
use crate::pipeline::{Delivery, pieces};
use crate::state::AppState;

/// Route of deliveries that a person ordered.
pub const ROUTE: &str = "by hand";

/// The key under which deliveries about the one person of a bundle keep their order.
fn person(state: &AppState, bundle: &[u8]) -> Option<String> {
    let bundle: Value = serde_json::from_slice(bundle).ok()?;
    let mut patients =
        bundle["entry"].as_array()?.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == "Patient");
    let (patient, None) = (patients.next()?, patients.next()) else { return None };
    let identifiers = patient["identifier"].as_array()?;
    let number = identifiers.iter().filter(|i| i["system"] == NHS_NUMBER);
    let number = number.filter_map(|i| NhsNumber::parse(i["value"].as_str()?).ok()).next()?;
    Some(state.person_digest(number))
}

/// Queues deliveries of one bundle (by its number, from 1) or of all, to each of the endpoints. Gives how many.
///
/// # Errors
/// Where an endpoint or the bundle is not known, there is nothing to deliver, or too much at once; what the engine says.
pub fn place(
    state: &AppState,
    id: &MessageId,
    endpoints: &[String],
    bundle: Option<usize>,
    actor: &str,
    note: &str,
) -> Result<usize, Problem> {
    let known = config::all(state)?;
    if endpoints.is_empty() || endpoints.iter().any(|n| !known.iter().any(|e| e.name == *n)) {
        return Err(Problem::invalid(
            "endpoint-unknown",
            "name endpoints that are set up; nothing was changed",
        ));
    }
    let head = state.contents.translation_head(id)?.unwrap_or_default();
    let count = usize::try_from(head.output_count()).unwrap_or(usize::MAX);
    let chosen = match bundle {
        None => 0..count,
        Some(number) if (1..=count).contains(&number) => number - 1..number,
        Some(_) => return Err(Problem::not_found("bundle of this message")),
    };
    if chosen.len() > BUNDLES_AT_ONCE {
        let text = format!(
            "the message has {count} bundles, and at most {BUNDLES_AT_ONCE} are ordered at once; name a bundle, or \
             translate the message again: that delivers all of them where routes say"
        );
        return Err(Problem::invalid("too-many-bundles", text));
    }
    let keys = chosen.clone().map(|output| {
        let bundle = pieces::bundle(state, id, &head.translation, output as u64)?;
        Ok(bundle.and_then(|o| person(state, &o.bytes)))
    });
    let keys = keys.collect::<Result<Vec<_>, EngineError>>()?;
    let mut work = Vec::new();
    for endpoint in endpoints {
        for (output, key) in chosen.clone().zip(&keys) {
            let delivery =
                Delivery { output, route: ROUTE.to_owned(), event: String::new(), recipient: None };
            let mut item = NewWork::new(WorkKind::Deliver, endpoint);
            item.order_key.clone_from(key);
            item.detail = json!(delivery).to_string();
            item.replay = true;
            work.push(item);
        }
    }
    if work.is_empty() {
        return Err(Problem::invalid("nothing-translated", "the message has no bundle to deliver"));
    }
    let count = work.len();
    state.engine.replay(id, work, actor, note, state.clock.now())?;
    Ok(count)
}
