//! What an organisation does with its own pointers.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_broker::state::Shared;
use causeway_host::problem::Problem;
use causeway_locator::outcome::{Code, Issue};
use causeway_locator::query::Search;
use causeway_locator::rules::{self, IGNORE_DELETE_FAIL, Pointer};
use causeway_locator::store::Kept;
use causeway_locator::{Refusal, StoreError, Success, shape};
use serde_json::Value;

use super::Nrl;
use super::answer::{Answer, Fault, body};
use super::caller::Client;
use super::person;

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

    /// Keeps a new pointer in place of those that it replaces. `again`: its id follows from the request, so that one that
    /// is there already is the answer to the same request, and gets the first answer again.
    async fn keep(
        self: &Arc<Self>,
        state: &Shared,
        client: &Client,
        mut pointer: Pointer,
        again: bool,
    ) -> Answer {
        let (who, edition) = (&client.who, self.edition());
        rules::permit(&pointer, who, edition).map_err(|r| self.refuse(r))?;
        rules::stamp(&mut pointer, who, &instant(state));
        let lenient = who.may(IGNORE_DELETE_FAIL);
        let related = rules::related(&pointer, who, edition).map_err(|r| self.refuse(r))?;
        let id = pointer.id.clone();
        let repeated = again && self.stored(move |s| s.get(&id)).await?.is_some();
        if !lenient && !repeated {
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
        if repeated {
            return Ok(self.done(success, Some(&id)));
        }
        match self.stored(move |s| s.create(&pointer, &replaced, lenient)).await? {
            Kept::New => Ok(self.done(success, Some(&id))),
            Kept::Duplicate if again => Ok(self.done(success, Some(&id))),
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

    /// What a search finds of the organisation's own; what is asked of another's is not there.
    pub(super) async fn found_own(
        self: &Arc<Self>,
        client: &Client,
        search: &Search,
    ) -> Answer<Vec<Pointer>> {
        let whole = client.who.whole();
        let mut search = search.clone();
        let other = search.custodian.replace(whole.clone()).is_some_and(|asked| asked != whole);
        if other { Ok(Vec::new()) } else { self.stored(move |s| s.find(&search)).await }
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
    let whole = client.who.whole();
    // A create that is sent again, with its request id and its body, makes no second pointer.
    let number = match &client.request {
        Some(request) => {
            let same = [whole.as_bytes(), request.as_bytes(), &bytes].join(&b'\n');
            uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &same)
        }
        None => uuid::Uuid::now_v7(),
    };
    resource["id"] = format!("{whole}-{number}").into();
    let pointer = nrl.checked(resource)?;
    nrl.keep(&state, &client, pointer, client.request.is_some()).await
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
    nrl.keep(&state, &client, pointer, false).await
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
