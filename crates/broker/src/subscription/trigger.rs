//! Which events a message brings about. Asked after the message is in the record, so that it is the same however often: a
//! killed process asks again and finds the same.

use causeway_exchange::{EngineError, NewWork, WorkKind};
use causeway_record::{RecordError, VersionState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::Topic;
use super::{Asked, Status, Subscription};
use crate::state::AppState;

/// Instructions of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// `Encounter/id`.
    pub(crate) focus: String,
    /// Id of the Patient.
    pub(crate) patient: String,
    /// When the record took it in.
    pub(crate) at: jiff::Timestamp,
    /// Version of the Encounter.
    pub(crate) version: u32,
}

/// Notifications that a message brings about which told these Encounters (their ids).
pub(crate) fn work(
    state: &AppState,
    message: &str,
    encounters: &[String],
) -> Result<Vec<NewWork>, RecordError> {
    if encounters.is_empty() {
        return Ok(Vec::new());
    }
    let subscriptions = super::all(state).map_err(|error| unread(&error))?;
    let now = state.clock.now();
    let wanted: Vec<(Subscription, Asked)> = subscriptions
        .into_iter()
        // In error they go on counting.
        .filter(|(_, s)| matches!(s.status, Status::Active | Status::Error))
        .filter_map(|(_, s)| s.asked().ok().map(|asked| (s, asked)))
        .filter(|(_, asked)| asked.end.is_none_or(|end| now < end))
        .collect();
    let mut out = Vec::new();
    if wanted.is_empty() {
        return Ok(out);
    }
    for id in encounters {
        for (topic, event) in events(state, message, id)? {
            for (subscription, asked) in wanted.iter().filter(|(_, a)| a.topic == topic) {
                if concerns(state, asked, &event.patient)? {
                    out.push(item(subscription, &event));
                }
            }
        }
    }
    Ok(out)
}

/// What it means that the subscriptions could not be read: an engine that is away is there again later, and parks nobody's work.
fn unread(error: &EngineError) -> RecordError {
    if error.is_transient() { RecordError::Database(0) } else { RecordError::Damaged }
}

/// Events of one Encounter that this message told.
fn events(state: &AppState, message: &str, id: &str) -> Result<Vec<(Topic, Event)>, RecordError> {
    let history = state.record.history("Encounter", id)?;
    let told = |resource: &Value| {
        let source = resource["meta"]["source"].as_str().unwrap_or_default();
        crate::state::message_of_uri(source).is_some_and(|m| m.to_string() == message)
    };
    let Some(at) = history.iter().position(|v| v.state == VersionState::Told && told(&v.resource)) else {
        return Ok(Vec::new());
    };
    let Some(version) = history.get(at) else { return Ok(Vec::new()) };
    let before = history.get(at + 1..).into_iter().flatten().find(|v| v.state == VersionState::Told);
    let patient = version.resource["subject"]["reference"].as_str().unwrap_or_default();
    let event = Event {
        focus: format!("Encounter/{id}"),
        patient: patient.strip_prefix("Patient/").unwrap_or_default().to_owned(),
        at: version.at,
        version: version.version,
    };
    let is = |topic: &Topic| topic.is_event(before.map(|v| &v.resource), &version.resource);
    let topics = Topic::ALL.iter().map(|(topic, _)| *topic).filter(is);
    Ok(topics.map(|topic| (topic, event.clone())).collect())
}

/// Whether a subscription hears of this Patient.
fn concerns(state: &AppState, asked: &Asked, patient: &str) -> Result<bool, RecordError> {
    let Some(wanted) = &asked.patient else { return Ok(true) };
    let person = state.record.person_of(wanted)?;
    Ok(person.is_some() && person == state.record.person_of(patient)?)
}

fn item(subscription: &Subscription, event: &Event) -> NewWork {
    let destination = super::destination(&subscription.id);
    let mut work = NewWork::new(WorkKind::Deliver, &destination);
    // One after the other.
    work.order_key = Some(destination);
    work.detail = json!(event).to_string();
    work
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_away_is_asked_again() {
        let cases = [
            (EngineError::Storage("connection to PostgreSQL was lost".to_owned()), true),
            (EngineError::Stopped("writer has ended".to_owned()), true),
            (EngineError::SpaceLow { free: 0, reserve: 1 }, true),
            (EngineError::Corrupt("row"), false),
            (EngineError::Invalid("document"), false),
        ];
        for (error, again) in cases {
            assert_eq!(matches!(unread(&error), RecordError::Database(_)), again, "{error}");
        }
    }
}
