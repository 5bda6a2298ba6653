//! Search on either side, by address and by body: a producer's among its own pointers, a consumer's among all that it may see.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query as Parameters, State};
use axum::http::StatusCode;
use causeway_access::Reader;
use causeway_access::audit_event::Act;
use causeway_broker::state::Shared;
use causeway_locator::Pointer;
use causeway_locator::query::{self, Form, Query, Side};

use super::Nrl;
use super::answer::{Answer, body, searchset};
use super::caller::Client;
use super::person;
use super::producer::{base, reference};

pub(super) type Params = Vec<(String, String)>;

impl Nrl {
    async fn search(
        self: &Arc<Self>,
        state: &Shared,
        client: &Client,
        (side, query, form): (Side, Query, Form),
        reader: &Reader,
    ) -> Answer {
        let any_type = query.kind.is_none();
        let search = query.search(side, form, &client.who.types).map_err(|r| self.refuse(r))?;
        let cut = |found: Vec<Pointer>| {
            let total = found.len();
            let (page, next) = query::page(found, search.after.as_deref());
            (total, page, next)
        };
        let data = |page: &[Pointer]| page.iter().map(|p| reference(&p.id)).collect();
        let (path, (total, page, next)) = match side {
            Side::Producer => {
                let found = cut(self.found_own(client, &search).await?);
                person::write(state, reader, Act::Query, &search.nhs_number, data(&found.1)).await?;
                ("producer", found)
            }
            Side::Consumer => {
                let (found, mut person) = self.found(state, client, &search, any_type, "pointers").await?;
                let found = found.map(cut);
                ("consumer", person.disclose(state, reader, Act::Query, found, |f| data(&f.1)).await?)
            }
        };
        let link = format!("{}/{path}/FHIR/R4/DocumentReference?{}", base(state, reader), search.link);
        let entries = page.into_iter().map(|p| p.resource).collect();
        Ok(body(StatusCode::OK, &searchset(entries, total, &link, next)))
    }
}

/// `GET [side]/DocumentReference?…`
pub(super) async fn by_query(
    side: Side,
    state: State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    Parameters(params): Parameters<Params>,
) -> Answer {
    let query = Query::of_address(&params, side).map_err(|r| nrl.refuse(r))?;
    nrl.search(&state, &client, (side, query, Form::Address), &client.reader).await
}

/// `POST [side]/DocumentReference/_search`
pub(super) async fn by_body(
    side: Side,
    state: State<Shared>,
    Extension(nrl): Extension<Arc<Nrl>>,
    client: Client,
    bytes: Bytes,
) -> Answer {
    let query = Query::of_body(&bytes, side).map_err(|r| nrl.refuse(r))?;
    let reader = with_body(&client.reader, &bytes);
    nrl.search(&state, &client, (side, query, Form::Body), &reader).await
}

/// The reader with the body in its line: the log of queries keeps the whole request.
fn with_body(reader: &Reader, bytes: &[u8]) -> Reader {
    let line = format!("{} {}", reader.line, String::from_utf8_lossy(bytes));
    Reader { line, ..reader.clone() }
}
