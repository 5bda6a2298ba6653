//! A notification as the delivery engine sends it.

use causeway_access::audit_event::Act;
use causeway_access::{Asker, OrganisationFacts, Reach, Reader, opened, trail};
use causeway_exchange::watch::Requested;
use causeway_exchange::{Effects, EngineError, Lease, NewAudit, NewEvent};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::Problem;
use serde_json::{Value, json};
use uuid::Uuid;

use super::config::{self, Endpoint, Kind};
use super::fetch;
use super::parcel::Parcel;
use crate::endpoint;
use crate::pipeline::Delivery;
use crate::pipeline::worker::End;
use crate::state::AppState;
use crate::subscription::notification::{self, Told};
use crate::subscription::trigger::Event;
use crate::subscription::{self, Asked, Content, Sent, Status, Subscription};

/// Route of notifications.
pub(crate) const ROUTE: &str = "subscription";

/// The endpoint of a subscription: the address that it names, with the security of the operator's endpoint under whose
/// address it lies.
///
/// # Errors
/// A sentence, where there is none.
pub(crate) fn endpoint_of(all: &[Endpoint], one: &Subscription, asked: &Asked) -> Result<Endpoint, String> {
    let url = reqwest::Url::parse(&asked.endpoint).map_err(|_| "the address can't be read".to_owned())?;
    let vouching = all
        .iter()
        .filter(|e| matches!(e.kind, Kind::Fhir | Kind::Http) && fetch::vouches(e, &url))
        .max_by_key(|e| e.address.len());
    let vouching = vouching.ok_or_else(|| {
        "the operator has set up no endpoint with this address; notifications go nowhere else".to_owned()
    })?;
    let mut endpoint = vouching.clone();
    endpoint.name = subscription::destination(&one.id);
    endpoint.kind = Kind::Http;
    endpoint.address.clone_from(&asked.endpoint);
    endpoint.headers.extend(asked.headers.clone());
    endpoint.concurrency = 1;
    endpoint.targets.clear();
    endpoint.acknowledgements.clear();
    if let Some(seconds) = asked.timeout {
        endpoint.timeout_seconds = seconds.min(endpoint::TIMEOUT_SECONDS_MAX);
    }
    Ok(endpoint)
}

/// Whether notifications of what is asked for could be sent.
///
/// # Errors
/// A sentence, where they could not.
pub fn reachable(state: &AppState, one: &Subscription, asked: &Asked) -> Result<(), String> {
    let known = config::all(state).map_err(|_| "the endpoints can't be read".to_owned())?;
    endpoint_of(&known, one, asked).map(drop)
}

/// Endpoints of the subscriptions that are active, and the names of all.
pub(crate) fn endpoints(state: &AppState) -> Result<(Vec<Endpoint>, Vec<String>), EngineError> {
    let all = subscription::all(state)?;
    if all.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let known = config::all(state)?;
    let names = all
        .iter()
        .filter(|(_, one)| one.status != Status::Off)
        .map(|(_, one)| subscription::destination(&one.id))
        .collect();
    let active = all.iter().filter(|(_, one)| one.status == Status::Active);
    let endpoints = active.filter_map(|(_, one)| endpoint_of(&known, one, &one.asked().ok()?).ok()).collect();
    Ok((endpoints, names))
}

/// Who hears, as the access decision and the access log know it.
fn reader(state: &AppState, one: &Subscription, act: &str) -> Reader {
    let mut reader = Reader::unknown(String::new());
    let known = state.config.organisation(&one.owner);
    let name = known.map_or(&*one.owner, |o| o.label()).to_owned();
    reader.operator = one.operator;
    reader.organisation_system = known.map(|o| o.system.url().to_owned()).unwrap_or_default();
    reader.line = format!("{act} Subscription/{}", one.id);
    reader.server = subscription::base(state);
    reader.asker = Asker {
        name: name.clone(),
        role: "system".to_owned(),
        organisation: OrganisationFacts {
            code: one.owner.clone(),
            name,
            registered: known.is_some(),
            live: known.is_some(),
            gates_in_date: true,
            demonstration: state.config.open,
        },
        ..Asker::default()
    };
    reader
}

/// Why a resource could not be read: a code and a sentence.
type Unread = (&'static str, &'static str);

/// The resource as the subscriber may see it; `None` where it may not hear of it.
fn seen(
    state: &AppState,
    reader: &Reader,
    event: &Event,
    audit: &mut Vec<NewAudit>,
) -> Result<Option<Value>, Unread> {
    let failed = |_| ("record", "the record could not be read");
    let id = event.focus.strip_prefix("Encounter/").unwrap_or_default();
    let version = state.record.vread("Encounter", id, event.version).map_err(|_| failed(()))?;
    let Some(version) = version else { return Ok(None) };
    let person = state.record.person_of(&event.patient).map_err(|_| failed(()))?;
    let mut told = reader.event(&state.gate, Act::Export);
    told.patient.clone_from(&event.patient);
    told.data = vec![event.focus.clone()];
    let mut resource = Some(version.resource);
    if !reader.operator {
        let opened = person.map(|p| opened::open(&state.gate, reader, &p, Reach::Open)).transpose();
        let mut opened = opened.map_err(|_| failed(()))?;
        resource = match &mut opened {
            Some(opened) if opened.permit() => {
                let bundle = json!({"entry": [{"resource": resource}]});
                let shown = opened.show_version(bundle)["entry"][0]["resource"].take();
                Some(shown).filter(|r| !r.is_null())
            }
            _ => None,
        };
        if let Some(decision) = opened.as_ref().and_then(|o| o.decision.as_ref()) {
            told.purpose.clone_from(&decision.purpose);
            told.relationship = decision.relationship.word().to_owned();
            if !decision.permit {
                told.refused = decision.reason.to_owned();
            }
        }
    }
    // What can't be written down is not told.
    audit.push(trail::entry(&told).map_err(|_| ("audit", "the disclosure could not be written down"))?);
    Ok(resource)
}

/// Makes a notification ready. What the subscriber may not hear of ends here, and so does what it has had.
pub(crate) fn load(state: &AppState, id: &str, lease: &Lease) -> Result<Parcel, End> {
    let of = |error: EngineError| End::of(state, &error);
    let done = |kind: &str, text: &str| {
        let events = vec![NewEvent::new(kind, "subscription", text)];
        End::Done(Box::new(Effects { events, ..Effects::default() }))
    };
    let one = subscription::get(state, id).map_err(of)?;
    let Some((_, one)) = one else { return Err(done("notification", "the subscription is gone")) };
    let item = lease.item.id.0;
    if one.last == Some(item) {
        return Err(done("notification", "the subscriber has had it"));
    }
    let Ok(event) = serde_json::from_str::<Event>(&lease.item.work.detail) else {
        return Err(End::park("instructions", "the instructions of this notification can't be read"));
    };
    let asked = one.asked().map_err(|_| End::park("subscription", "the subscription can't be read"))?;
    let message = state.engine.message(&lease.item.message).map_err(of)?;
    let Some(message) = message else { return Err(End::park("not-found", "the message is not there")) };
    let mut audit = Vec::new();
    let resource = seen(state, &reader(state, &one, "NOTIFY"), &event, &mut audit);
    let resource = resource.map_err(|(code, text)| End::park(code, text))?;
    // What is told is in the access log before it is sent, and so is what is refused.
    state.gate.trail.audit(audit, state.clock.now()).map_err(of)?;
    let Some(resource) = resource else {
        return Err(done("notification", "the subscriber may not hear of this"));
    };
    let number = one.delivered + 1;
    let event = notification::Event {
        number,
        at: event.at,
        focus: event.focus,
        resource: Some(resource).filter(|_| asked.content == Content::FullResource),
    };
    let events = number + subscription::waiting(state, &one).map_err(of)?.saturating_sub(1);
    let told = Told {
        kind: "event-notification",
        events: events.max(number),
        told: std::slice::from_ref(&event),
        content: asked.content,
    };
    let bundle = notification::bundle(&one, &subscription::base(state), &told, state.clock.now());
    let own = |name: String| Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).hyphenated().to_string();
    Ok(Parcel {
        request_id: own(format!("{id}|{number}")),
        correlation_id: own(id.to_owned()),
        reference: String::new(),
        requested: Requested::default(),
        delivery: Delivery { output: 0, route: ROUTE.to_owned(), event: String::new(), recipient: None },
        bytes: bundle.to_string().into_bytes(),
        media_type: MEDIA_TYPE.to_owned(),
        events: Vec::new(),
        message,
    })
}

/// What waits for a subscription that is over.
pub(crate) fn over() -> End {
    let events = vec![NewEvent::new("notification", "subscription", "the subscription is over")];
    End::Done(Box::new(Effects { events, ..Effects::default() }))
}

/// A notification was taken: kept by its number and counted before it leaves the queue, so that its number is nobody else's.
pub(crate) fn taken(state: &AppState, destination: &str, lease: &Lease) {
    let Some(id) = subscription::of_destination(destination) else { return };
    let item = lease.item.id.0;
    let keep = || {
        let Some((_, one)) = subscription::get(state, id)? else { return Ok(()) };
        match serde_json::from_str::<Event>(&lease.item.work.detail) {
            Ok(event) if one.last != Some(item) => {
                subscription::keep_sent(state, &one, Sent { number: one.delivered + 1, event })
            }
            _ => Ok(()),
        }
    };
    if let Err(error) = keep() {
        tracing::error!(%error, "an event could not be kept; $events will lack it");
    }
    let counted = subscription::change(state, id, |one| {
        if one.last != Some(item) {
            one.last = Some(item);
            one.delivered += 1;
        }
    });
    if let Err(error) = counted {
        tracing::error!(%error, "a notification could not be counted; it is sent again");
    }
}

/// The events that a subscription was told, from and to these numbers, as `$events` answers: what the subscriber may not hear
/// of any more is left out, and each that is told is in the access log.
///
/// # Errors
/// A problem where record, log or settings can't be read.
pub fn events(
    state: &AppState,
    one: &Subscription,
    numbers: std::ops::RangeInclusive<u64>,
    content: Content,
) -> Result<Value, Problem> {
    let reader = reader(state, one, "EVENTS");
    let (mut audit, mut told) = (Vec::new(), Vec::new());
    for Sent { number, event } in subscription::sent(state, &one.id)? {
        if !numbers.contains(&number) {
            continue;
        }
        let resource = seen(state, &reader, &event, &mut audit).map_err(|(_, text)| {
            tracing::error!(text, "an event of before can't be told");
            Problem::internal()
        })?;
        let Some(resource) = resource else { continue };
        let resource = Some(resource).filter(|_| content == Content::FullResource);
        told.push(notification::Event { number, at: event.at, focus: event.focus, resource });
    }
    state.gate.trail.audit(audit, state.clock.now())?;
    let events = one.delivered + subscription::waiting(state, one)?;
    let told = Told { kind: notification::QUERY_EVENT, events, told: &told, content };
    Ok(notification::bundle(one, &subscription::base(state), &told, state.clock.now()))
}

/// The receiver was given up: its subscriber must say that it is there again.
pub(crate) fn given_up(state: &AppState, destination: &str, code: &str) {
    let Some(id) = subscription::of_destination(destination) else { return };
    let now = state.clock.now();
    let changed = subscription::change(state, id, |one| {
        if one.status == Status::Active {
            one.status = Status::Error;
            one.error = format!("a notification was not taken ({code})");
            one.since = now;
        }
    });
    if let Err(error) = changed {
        tracing::error!(%error, "a subscription's error could not be kept");
    }
}
