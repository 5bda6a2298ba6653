//! What an organisation does with its own pointers.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::Response;
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_broker::state::Shared;
use causeway_host::problem::Problem;
use causeway_locator::outcome::{Code, Issue};
use causeway_locator::query::{self, Form, Query, Side};
use causeway_locator::rules::{self, IGNORE_DELETE_FAIL, Pointer};
use causeway_locator::store::Kept;
use causeway_locator::{Refusal, StoreError, Success, shape};
use serde_json::Value;

use super::Nrl;
use super::answer::{Answer, Fault, body, searchset};
use super::caller::Client;
use super::person;

type Params = Vec<(String, String)>;

impl Nrl {
    /// Calls the store on a thread that may block.
    pub(super) async fn stored<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&causeway_locator::Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<T> {
        let nrl = self.clone();
        match tokio::task::spawn_blocking(move || call(&nrl.store)).await {
            Ok(result) => result.map_err(Fault::from),
            Err(_) => Err(Problem::internal().into()),
        }
    }

    fn read_body(&self, bytes: &[u8]) -> Answer<Value> {
        shape::read(bytes, self.edition()).map_err(|r| self.refuse(r))
    }

    fn checked(&self, resource: Value) -> Answer<Pointer> {
        rules::check(resource, self.edition()).map_err(|r| self.refuse(r))
    }

    /// 400, in the later edition 422.
    fn bad(&self, text: &str) -> Fault {
        let issue = Issue::new("invalid", Code::BadRequest, text, "");
        self.refuse(Refusal::rules(vec![issue], self.edition()))
    }

    /// Keeps a new pointer in place of those that it replaces.
    async fn keep(self: &Arc<Self>, state: &Shared, client: &Client, mut pointer: Pointer) -> Answer {
        let (who, edition) = (&client.who, self.edition());
        rules::permit(&pointer, who, edition).map_err(|r| self.refuse(r))?;
        rules::stamp(&mut pointer, who, &instant(state));
        let lenient = who.may(IGNORE_DELETE_FAIL);
        let related = rules::related(&pointer, who, edition).map_err(|r| self.refuse(r))?;
        if !lenient {
            for (number, id, _) in &related {
                let id = id.clone();
                let old = self.stored(move |s| s.get(&id)).await?;
                rules::replaceable(&pointer, old.as_ref(), *number, edition).map_err(|r| self.refuse(r))?;
            }
        }
        let replaced: Vec<String> =
            related.into_iter().filter(|(.., replaces)| *replaces).map(|(_, id, _)| id).collect();
        let mut data = vec![reference(&pointer.id)];
        data.extend(replaced.iter().map(|id| reference(id)));
        person::write(state, &client.reader, Act::Create, &pointer.nhs_number, data).await?;
        let id = pointer.id.clone();
        let success = if replaced.is_empty() { Success::Created } else { Success::Superseded };
        match self.stored(move |s| s.create(&pointer, &replaced, lenient)).await? {
            Kept::New => Ok(self.done(success, Some(&id))),
            Kept::Duplicate => Err(self.refuse(Refusal::duplicate())),
            Kept::TargetGone => Err(self.bad("The relatesTo target document does not exist")),
        }
    }

    /// An organisation's own pointer.
    async fn own(self: &Arc<Self>, client: &Client, id: &str, what: &str) -> Answer<Pointer> {
        if !client.who.owns(id) {
            let text = format!(
                "The requested DocumentReference cannot be {what} because it belongs to another organisation"
            );
            return Err(self.refuse(Refusal::not_yours(text, "")));
        }
        let id = id.to_owned();
        let found = self.stored(move |s| s.get(&id)).await?;
        found.ok_or_else(|| self.refuse(Refusal::not_found()))
    }

    async fn search_own(
        self: &Arc<Self>,
        state: &Shared,
        client: &Client,
        query: Query,
        form: Form,
        reader: &Reader,
    ) -> Answer {
        let mut search = query.search(Side::Producer, form, &client.who.types).map_err(|r| self.refuse(r))?;
        let whole = client.who.whole();
        let other = search.custodian.replace(whole.clone()).is_some_and(|asked| asked != whole);
        let (after, link) = (search.after.clone(), search.link.clone());
        let nhs_number = search.nhs_number.clone();
        // An organisation finds its own; what is asked of another's is not there.
        let found = if other { Vec::new() } else { self.stored(move |s| s.find(&search)).await? };
        let total = found.len();
        let (page, next) = query::page(found, after.as_deref());
        let data = page.iter().map(|p| reference(&p.id)).collect();
        person::write(state, reader, Act::Query, &nhs_number, data).await?;
        let link = format!("{}/producer/FHIR/R4/DocumentReference?{link}", base(state, reader));
        let entries = page.into_iter().map(|p| p.resource).collect();
        Ok(body(StatusCode::OK, &searchset(entries, total, &link, next)))
    }
}

/// Now, as an instant with milliseconds.
fn instant(state: &Shared) -> String {
    state.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(super) fn reference(id: &str) -> String {
    format!("DocumentReference/{id}")
}

/// The address under which the caller came.
pub(super) fn base(state: &Shared, reader: &Reader) -> String {
    match &state.config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => reader.server.clone(),
    }
}

pub(super) async fn create(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    bytes: Bytes,
) -> Answer {
    let mut resource = nrl.read_body(&bytes)?;
    resource["id"] = format!("{}-{}", client.who.whole(), uuid::Uuid::now_v7()).into();
    let pointer = nrl.checked(resource)?;
    nrl.keep(&state, &client, pointer).await
}

pub(super) async fn upsert(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    bytes: Bytes,
) -> Answer {
    let pointer = nrl.checked(nrl.read_body(&bytes)?)?;
    if !client.who.owns(&pointer.id) {
        let text = "The id of the provided DocumentReference does not include the expected ODS code for this organisation";
        return Err(nrl.bad(text));
    }
    nrl.keep(&state, &client, pointer).await
}

pub(super) async fn update(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let resource = nrl.read_body(&bytes)?;
    if resource["id"] != id.as_str() {
        return Err(nrl.bad("The document id in the path does not match the document id in the body"));
    }
    let changed = nrl.checked(resource)?;
    if !client.who.owns(&id) {
        let text = "The id of the provided DocumentReference does not include the expected ODS code for this organisation";
        return Err(nrl.refuse(Refusal::not_yours(text, "")));
    }
    let old = nrl.own(&client, &id, "updated").await?;
    let new = rules::update(changed, &old, &instant(&state), nrl.edition()).map_err(|r| nrl.refuse(r))?;
    person::write(&state, &client.reader, Act::Update, &new.nhs_number, vec![reference(&id)]).await?;
    if !nrl.stored(move |s| s.update(&new, &old)).await? {
        let text = "the pointer was changed meanwhile; read it and try again";
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", "version-conflict", text).into());
    }
    Ok(nrl.done(Success::Updated, None))
}

pub(super) async fn delete(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Path(id): Path<String>,
) -> Answer {
    let old = nrl.own(&client, &id, "deleted").await?;
    person::write(&state, &client.reader, Act::Delete, &old.nhs_number, vec![reference(&id)]).await?;
    if !nrl.stored(move |s| s.delete(&id)).await? {
        return Err(nrl.refuse(Refusal::not_found()));
    }
    Ok(nrl.done(Success::Deleted, None))
}

pub(super) async fn read(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Path(id): Path<String>,
) -> Answer<Response> {
    let pointer = nrl.own(&client, &id, "read").await?;
    person::write(&state, &client.reader, Act::Read, &pointer.nhs_number, vec![reference(&id)]).await?;
    Ok(body(StatusCode::OK, &pointer.resource))
}

pub(super) async fn search_by_query(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Parameters(params): Parameters<Params>,
) -> Answer {
    let query = Query::of_address(&params, Side::Producer).map_err(|r| nrl.refuse(r))?;
    nrl.search_own(&state, &client, query, Form::Address, &client.reader).await
}

pub(super) async fn search_by_body(
    State(state): State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    bytes: Bytes,
) -> Answer {
    let query = Query::of_body(&bytes, Side::Producer).map_err(|r| nrl.refuse(r))?;
    let reader = with_body(&client.reader, &bytes);
    nrl.search_own(&state, &client, query, Form::Body, &reader).await
}

/// The reader with the body in its line: the log of queries keeps the whole request.
pub(super) fn with_body(reader: &Reader, bytes: &[u8]) -> Reader {
    let line = format!("{} {}", reader.line, String::from_utf8_lossy(bytes));
    Reader { line, ..reader.clone() }
}
