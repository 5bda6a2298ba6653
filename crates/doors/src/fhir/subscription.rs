//! Subscription: made, read, changed and ended by the organisation that hears; `$status`, `$events`.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use causeway_access::audit_event::Act;
use causeway_access::{Reader, opened};
use causeway_broker::delivery;
use causeway_broker::state::Shared;
use causeway_broker::subscription::{
    self, Content, SUBSCRIPTION_BYTES_MAX, SUBSCRIPTIONS_MAX, Status, Subscription,
};
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::query::{self, Params};
use super::{answer, base, everything, format, negotiate, param};

/// Subscriptions of a page.
const COUNT: usize = 100;

/// Who may have subscriptions: the system of an organisation with its own credentials, and the operator.
fn owner(reader: &Reader) -> Answer<String> {
    let code = reader.asker.organisation.code.clone();
    if reader.session.is_some() || reader.scopes.is_some() || code.is_empty() {
        let text = "subscriptions are for organisations' systems, with their own token or certificate";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "subscriber", text));
    }
    Ok(code)
}

/// One that the reader may see: its own.
async fn own(state: &Shared, reader: &Reader, id: &str) -> Answer<Subscription> {
    let (code, id, operator) = (owner(reader)?, id.to_owned(), reader.operator);
    let found = state.blocking(move |s| subscription::get(s, &id)).await?;
    let found = found.map(|(_, one)| one).filter(|one| operator || one.owner == code);
    found.ok_or_else(|| Problem::not_found("resource"))
}

/// Writes down what is done; it is about nobody.
async fn write(state: &Shared, reader: &Reader, act: Act, id: &str) -> Answer<()> {
    let mut event = reader.event(&state.gate, act);
    event.data = vec![format!("Subscription/{id}")];
    opened::write(&state.gate, &[event]).await
}

/// What was asked for, where it can be done.
async fn asked(state: &Shared, body: &[u8]) -> Answer<Value> {
    if body.len() > SUBSCRIPTION_BYTES_MAX {
        let text = format!("a Subscription has at most {SUBSCRIPTION_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", "subscription-too-large", text));
    }
    let mut resource = format::resource_of(body)?;
    let refused = |at: &str, text: String| {
        let text = format!("{at}: {text}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-supported", "subscription", text)
    };
    let wanted = resource["status"].as_str().unwrap_or_default();
    if !matches!(wanted, "requested" | "active" | "off") {
        return Err(refused("Subscription.status", "requested is asked for, or off".to_owned()));
    }
    if wanted != "off" {
        resource["status"] = "requested".into();
    }
    let one = Subscription {
        id: String::new(),
        resource: resource.clone(),
        owner: String::new(),
        operator: false,
        status: Status::Requested,
        error: String::new(),
        delivered: 0,
        last: None,
        since: state.clock.now(),
    };
    state
        .blocking(move |s| match one.asked() {
            Err(fault) => Err(refused(fault.at, fault.text)),
            Ok(asked) => delivery::reachable(s, &one, &asked)
                .map_err(|text| refused("Subscription.channel.endpoint", text)),
        })
        .await?;
    Ok(resource)
}

fn with_place(mut response: axum::response::Response, place: &str) -> axum::response::Response {
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

pub(super) async fn create(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    negotiate(&headers, None)?;
    let code = owner(&reader)?;
    let resource = asked(&state, &body).await?;
    let one = Subscription {
        id: uuid::Uuid::now_v7().to_string(),
        resource,
        owner: code,
        operator: reader.operator,
        status: Status::Requested,
        error: String::new(),
        delivered: 0,
        last: None,
        since: state.clock.now(),
    };
    write(&state, &reader, Act::Create, &one.id).await?;
    let (kept, shown) = (one.clone(), one.shown());
    state
        .blocking(move |s| {
            if subscription::all(s)?.len() >= SUBSCRIPTIONS_MAX {
                let text = "there are as many subscriptions as this server keeps";
                return Err(Problem::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "too-costly",
                    "subscriptions",
                    text,
                ));
            }
            subscription::keep(s, &kept, 0).map_err(Problem::from)
        })
        .await?;
    let place = format!("{}/Subscription/{}", base(&state, &headers), one.id);
    Ok(with_place(answer(StatusCode::CREATED, &shown), &place))
}

pub(super) async fn read(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path(id): Path<String>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    let one = own(&state, &reader, &id).await?;
    Ok(format::in_form(answer(StatusCode::OK, &one.shown()), form))
}

pub(super) async fn update(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    negotiate(&headers, None)?;
    let before = own(&state, &reader, &id).await?;
    let mut resource = asked(&state, &body).await?;
    if resource["id"] != id.as_str() {
        return Err(Problem::invalid("id", "the id in the address and the one in the resource differ"));
    }
    // Headers are not shown, so what comes back without them keeps them.
    if resource["channel"].get("header").is_none() && before.resource["channel"].get("header").is_some() {
        resource["channel"]["header"] = before.resource["channel"]["header"].clone();
    }
    write(&state, &reader, Act::Update, &id).await?;
    let (operator, now, changed) = (reader.operator, state.clock.now(), id.clone());
    state
        .blocking(move |s| {
            subscription::change(s, &changed, |one| {
                one.status = if resource["status"] == "off" { Status::Off } else { Status::Requested };
                one.resource.clone_from(&resource);
                one.error.clear();
                one.operator = operator;
                one.since = now;
            })
        })
        .await?;
    let one = own(&state, &reader, &id).await?;
    Ok(answer(StatusCode::OK, &one.shown()))
}

pub(super) async fn delete(State(state): State<Shared>, reader: Reader, Path(id): Path<String>) -> Answer {
    let one = own(&state, &reader, &id).await?;
    write(&state, &reader, Act::Delete, &id).await?;
    state.blocking(move |s| subscription::remove(s, &one)).await?;
    Ok(axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT))
}

/// The reader's subscriptions, by `_id` and `status`.
async fn found(state: &Shared, reader: &Reader, params: &Params) -> Answer<Vec<Subscription>> {
    let (code, operator) = (owner(reader)?, reader.operator);
    let known = ["_id", "id", "status", "_count", "_page", "_format", "_pretty"];
    if let Some((name, _)) = params.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Problem::invalid(
            "search",
            format!("Subscription is searched by _id and status, not by {name}"),
        ));
    }
    let all = state.blocking(subscription::all).await?;
    let is = |names: &[&str], value: &str| {
        let mut of = params.iter().filter(|(name, _)| names.contains(&name.as_str())).peekable();
        of.peek().is_none() || of.flat_map(|(_, v)| v.split(',')).any(|v| v == value)
    };
    let mine = all.into_iter().map(|(_, one)| one).filter(|one| operator || one.owner == code);
    Ok(mine.filter(|one| is(&["_id", "id"], &one.id) && is(&["status"], one.status.code())).collect())
}

pub(super) async fn search(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    let base = base(&state, &headers);
    let found = found(&state, &reader, &params).await?;
    let number = |name: &str, default: usize| param(&params, name).map_or(Ok(default), str::parse::<usize>);
    let wrong = |_| Problem::invalid("search", "_count and _page are numbers that were given out");
    let count = number("_count", COUNT).map_err(wrong)?.min(COUNT);
    let from = number("_page", 0).map_err(wrong)?;
    let entries: Vec<Value> = found
        .iter()
        .skip(from)
        .take(count)
        .map(|one| {
            let url = format!("{base}/Subscription/{}", one.id);
            json!({"fullUrl": url, "resource": one.shown(), "search": {"mode": "match"}})
        })
        .collect();
    let reached = from + entries.len();
    let mut bundle = searchset(&base, "", entries);
    bundle["total"] = found.len().into();
    if reached < found.len() && count > 0 {
        let mut next: Params = params.iter().filter(|(name, _)| name != "_page").cloned().collect();
        next.push(("_page".to_owned(), reached.to_string()));
        let url = query::url(&format!("{base}/Subscription"), &next);
        bundle["link"]
            .as_array_mut()
            .into_iter()
            .for_each(|l| l.push(json!({"relation": "next", "url": url})));
    }
    Ok(format::in_form(answer(StatusCode::OK, &bundle), form))
}

fn searchset(base: &str, of: &str, entries: Vec<Value>) -> Value {
    let mut bundle = json!({
        "resourceType": "Bundle", "type": "searchset", "total": entries.len(),
        "link": [{"relation": "self", "url": format!("{base}/Subscription{of}")}],
    });
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

async fn statuses(state: &Shared, base: &str, of: &str, found: Vec<Subscription>) -> Answer<Value> {
    let told = state.blocking(move |s| {
        found.iter().map(|one| subscription::status(s, one)).collect::<Result<Vec<_>, _>>()
    });
    let entries = told.await?.into_iter().map(|status| {
        let id = status["id"].as_str().unwrap_or_default();
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": status, "search": {"mode": "match"}})
    });
    Ok(searchset(base, of, entries.collect()))
}

/// `Subscription/[id]/$status`.
pub(super) async fn status(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path(id): Path<String>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    let one = own(&state, &reader, &id).await?;
    let bundle = statuses(&state, &base(&state, &headers), &format!("/{id}/$status"), vec![one]).await?;
    Ok(format::in_form(answer(StatusCode::OK, &bundle), form))
}

/// `Subscription/$status`, of all that are asked for.
pub(super) async fn status_of_all(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    let found = found(&state, &reader, &params).await?;
    let bundle = statuses(&state, &base(&state, &headers), "/$status", found).await?;
    Ok(format::in_form(answer(StatusCode::OK, &bundle), form))
}

/// `Subscription/[id]/$events`: what it was told, by number.
async fn told(state: Shared, reader: Reader, headers: HeaderMap, params: Params, id: String) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    let one = own(&state, &reader, &id).await?;
    let wrong = |name: &str, what: &str| Problem::invalid("parameter", format!("{name} is {what}"));
    let number = |name: &str, default: u64| match param(&params, name) {
        Some(text) => text.parse::<u64>().map_err(|_| wrong(name, "the number of an event, a whole number")),
        None => Ok(default),
    };
    let numbers = number("eventsSinceNumber", 0)?..=number("eventsUntilNumber", u64::MAX)?;
    let asked = one.asked().map_err(|_| Problem::internal())?;
    let content = match param(&params, "content") {
        Some(code) => {
            let content =
                Content::of(code).ok_or_else(|| wrong("content", "empty, id-only or full-resource"))?;
            // Never more than was agreed.
            content.min(asked.content)
        }
        None => asked.content,
    };
    let known = ["eventsSinceNumber", "eventsUntilNumber", "content", "_format", "_pretty"];
    if let Some((name, _)) = params.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Problem::invalid("parameter", format!("$events has no parameter {name}")));
    }
    // Each event that is told is in the access log under the person whom it is about.
    let bundle = state.blocking(move |s| delivery::events(s, &one, numbers, content)).await?;
    Ok(format::in_form(answer(StatusCode::OK, &bundle), form))
}

pub(super) async fn events_by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path(id): Path<String>,
) -> Answer {
    told(state, reader, headers, params, id).await
}

pub(super) async fn events_by_parameters(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(mut params): Query<Params>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    params.extend(everything::posted(&body)?);
    told(state, reader, headers, params, id).await
}
