//! What an organisation hears of what others hold.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use causeway_access::Sealed;
use causeway_access::audit_event::Act;
use causeway_broker::delivery::fetch::{self, FetchError};
use causeway_broker::state::Shared;
use causeway_host::problem::Problem;
use causeway_locator::outcome::Code;
use causeway_locator::query::{Form, Query, Search, Side};
use causeway_locator::rules::ALL_TYPES;
use causeway_locator::{Pointer, Refusal};
use serde_json::json;

use super::Nrl;
use super::answer::{Answer, body};
use super::caller::Client;
use super::local;
use super::person::Person;
use super::producer::{base, reference};
use super::search::Params;

/// A caller who may see every type also sees local documents whose type is none of the national list.
fn sees(client: &Client, pointer: &Pointer) -> bool {
    client.who.types.contains(&pointer.kind) || client.who.may(ALL_TYPES)
}

impl Nrl {
    /// Everything that a search finds and the reader may see, with the person it is about.
    pub(super) async fn found(
        self: &Arc<Self>,
        state: &Shared,
        client: &Client,
        search: &Search,
        any_type: bool,
        what: &str,
    ) -> Answer<(Sealed<Vec<Pointer>>, Person)> {
        let mut person = Person::open(state, &client.reader, &search.nhs_number).await?;
        if !person.may_be_told(state, &client.reader, what).await? {
            return Ok((Sealed::new(Vec::new()), person));
        }
        let asked = search.clone();
        let mut found = self.stored(move |s| s.find(&asked)).await?;
        found.retain(|pointer| person.shows(pointer));
        let found = person.held(state)?.map(|held| {
            let local = local::pointers(state, &base(state, &client.reader), &search.nhs_number, &held);
            found.extend(local.into_iter().filter(|p| {
                let by = search.custodian.as_ref().is_none_or(|c| *c == p.custodian);
                by && (search.types.contains(&p.kind) || (any_type && sees(client, p)))
            }));
            found
        });
        Ok((found, person))
    }

    /// One pointer that the reader may see.
    async fn one(
        self: &Arc<Self>,
        state: &Shared,
        client: &Client,
        id: &str,
    ) -> Answer<(Sealed<Pointer>, Person)> {
        let wanted = id.to_owned();
        let stored = self.stored(move |s| s.get(&wanted)).await?;
        let number = match &stored {
            Some(pointer) => Some(pointer.nhs_number.clone()),
            None => local::subject_of(state, id).await?,
        };
        let missing = || self.refuse(Refusal::not_found());
        let denied =
            "The requested DocumentReference is not of a type that this organisation is allowed to access";
        if stored.as_ref().is_some_and(|pointer| !sees(client, pointer)) {
            return Err(self.refuse(Refusal::denied(denied)));
        }
        let number = number.ok_or_else(missing)?;
        let mut person = Person::open(state, &client.reader, &number).await?;
        if !person.may_be_told(state, &client.reader, &reference(id)).await? {
            return Err(self.refuse(Refusal::denied("Access to what is held of this person is refused")));
        }
        let pointer = match stored {
            Some(pointer) => Sealed::new(Some(pointer).filter(|pointer| person.shows(pointer))),
            None => person.held(state)?.map(|held| {
                let held = local::pointers(state, &base(state, &client.reader), &number, &held);
                held.into_iter().find(|p| p.id == id)
            }),
        };
        let pointer = pointer.present().ok_or_else(missing)?;
        match pointer.map(|pointer| sees(client, &pointer).then_some(pointer)).present() {
            Some(pointer) => Ok((pointer, person)),
            None => Err(self.refuse(Refusal::denied(denied))),
        }
    }
}

/// How many there are; that there are any tells of her, so it is decided and written down like a search.
pub(super) async fn count(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Parameters(params): Parameters<Params>,
) -> Answer {
    if let Some((name, _)) = params.iter().find(|(name, _)| name != "subject:identifier") {
        return Err(nrl.refuse(Refusal::parameter("Extra inputs are not permitted", name)));
    }
    let query = Query::of_address(&params, Side::Consumer).map_err(|r| nrl.refuse(r))?;
    if query.nhs_number().is_none() {
        let text = "Invalid NHS number provided in the query parameters";
        let code = Code::InvalidIdentifierValue;
        return Err(nrl.refuse(Refusal::new(400, "invalid", code, text, "subject:identifier")));
    }
    let search = query.search(Side::Consumer, Form::Address, &client.who.types).map_err(|r| nrl.refuse(r))?;
    let (found, mut person) = nrl.found(&state, &client, &search, true, "pointers").await?;
    let found = person.disclose(&state, &client.reader, Act::Query, found, |_| Vec::new()).await?;
    let bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": found.len()});
    Ok(body(StatusCode::OK, &bundle))
}

pub(super) async fn read(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Path(id): Path<String>,
) -> Answer {
    let (pointer, mut person) = nrl.one(&state, &client, &id).await?;
    let data = |_: &Pointer| vec![reference(&id)];
    let pointer = person.disclose(&state, &client.reader, Act::Read, pointer, data).await?;
    Ok(body(StatusCode::OK, &pointer.resource))
}

/// Follows a pointer to what it points at. What lies here is had from the FHIR API, which asks and writes down by itself;
/// what lies with a source is fetched there, by a request that is signed as its endpoint's settings say.
pub(super) async fn retrieve(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Path(id): Path<String>,
) -> Answer<Response> {
    let (pointer, mut person) = nrl.one(&state, &client, &id).await?;
    let own = format!("{}/fhir/", base(&state, &client.reader));
    let mut is_here = false;
    let place = pointer.map(|pointer| {
        let url = pointer.resource["content"][0]["attachment"]["url"].as_str().unwrap_or_default().to_owned();
        is_here = url.starts_with(&own);
        (url, pointer.custodian)
    });
    let act = if is_here { Act::Read } else { Act::Export };
    let data = |_: &(String, String)| vec![reference(&id)];
    let (url, custodian) = person.disclose(&state, &client.reader, act, place, data).await?;
    if is_here {
        let place = HeaderValue::from_str(&url).map_err(|_| Problem::internal())?;
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response());
    }
    let fetched = fetch::fetch(&state, &url).await.map_err(|error| failed(&error, &custodian))?;
    let media_type = HeaderValue::from_str(&fetched.media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, media_type)], fetched.body).into_response())
}

/// A failure that names the source.
fn failed(error: &FetchError, custodian: &str) -> Problem {
    let (status, code, rule) = match error {
        FetchError::NoEndpoint => (StatusCode::NOT_FOUND, "not-supported", "source-unknown"),
        FetchError::Away(_) => (StatusCode::GATEWAY_TIMEOUT, "transient", "source-away"),
        FetchError::Refused(_) => (StatusCode::BAD_GATEWAY, "processing", "source-refused"),
        FetchError::TooLarge => (StatusCode::BAD_GATEWAY, "too-long", "source-too-large"),
    };
    Problem::new(status, code, rule, format!("what {custodian} holds could not be fetched: {error}"))
}
