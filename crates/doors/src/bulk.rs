//! FHIR Bulk Data Access (STU2 and STU3: by GET, or by POST with Parameters): `$export` of a research project to its
//! requester's own system. What is made, and under which choices, is `causeway_research::bulk`'s; here is the protocol.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use causeway_access::Reader;
use causeway_access::caller::same_origin;
use causeway_broker::state::{AppState, Shared};
use causeway_exchange::NewAudit;
use causeway_host::problem::{Answer, Problem};
use causeway_research::bulk::{Asked, Exports, KEPT_HOURS, Phase, Places, Refused};
use causeway_research::{Error, Project, Selection, deidentify};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fhir::base;
use crate::mesh::body::Outgoing;
use crate::operation;

/// Media type of the files.
const NDJSON: &str = "application/fhir+ndjson";
/// Seconds after which a client may ask again.
const POLL_SECONDS: u64 = 2;

/// Where research projects and their keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of projects (`*.toml`) whose requesters' systems may ask for their data; none: nobody may.
    pub projects: Option<std::path::PathBuf>,
    /// Folder of the projects' keys, apart from the data.
    pub keys: Option<std::path::PathBuf>,
}

type Params = Vec<(String, String)>;

/// The exports of this exchange. What a process before did not finish goes on.
///
/// # Errors
/// Projects without a folder of keys, or one that is not there.
pub fn open(settings: Settings, state: &Shared) -> Result<Arc<Exports>, String> {
    let data = &state.config.data_directory;
    let places = match (settings.projects, settings.keys) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("research.projects needs research.keys, a folder apart from the data".to_owned());
        }
        (Some(projects), Some(keys)) => {
            Some(Places { projects, keys, work: data.join("exports"), state: data.join("research-state") })
        }
    };
    let policies = state.gate.access.policies.clone();
    let exports =
        Exports::new(state.engine.clone(), state.gate.shelf.record_for_research(), policies, places);
    let exports = Arc::new(exports);
    exports.projects_of("").map_err(|error| format!("research.projects: {error}"))?;
    for id in exports.unfinished().map_err(|error| error.to_string())? {
        start(exports.clone(), id, "causeway".to_owned());
    }
    Ok(exports)
}

/// The door's routes.
pub fn router(exports: Arc<Exports>) -> Router<Shared> {
    let all = get(of_all).post(of_all_by_post);
    let group = get(of_group).post(of_group_by_post);
    Router::new()
        .route("/fhir/$export", all.clone())
        .route("/fhir/%24export", all.clone())
        .route("/fhir/Patient/$export", all.clone())
        .route("/fhir/Patient/%24export", all)
        .route("/fhir/Group/{id}/$export", group.clone())
        .route("/fhir/Group/{id}/%24export", group)
        .route("/exports/{id}", get(status).delete(delete))
        .route("/exports/{id}/{file}", get(file))
        .layer(Extension(exports))
}

/// Makes it on a thread of its own.
fn start(exports: Arc<Exports>, id: String, actor: String) {
    drop(tokio::task::spawn_blocking(move || {
        if let Err(error) = exports.make(&id, &actor) {
            tracing::error!(%error, "an export could not be kept");
        }
    }));
}

/// The organisation whose system asks: by a token of SMART Backend Services. In a demonstration its own word is enough.
fn client(state: &AppState, reader: &Reader) -> Answer<String> {
    let code = &reader.asker.organisation.code;
    if reader.session.is_none() && !code.is_empty() && (reader.scopes.is_some() || state.config.open) {
        return Ok(code.clone());
    }
    let text = "exports are for systems with a token of SMART Backend Services";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "export-client", text))
}

fn problem(error: &Error) -> Problem {
    tracing::error!(%error, "an export could not be looked at");
    Problem::internal()
}

fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::NoProject => Problem::not_found("Group to export"),
        Refused::Project(text) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "business-rule", "export-project", text)
        }
        Refused::Busy => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "throttled",
            "exports-waiting",
            "too many exports wait to be made",
        )
        .after(POLL_SECONDS * 30),
        Refused::Failed(error) => problem(&error),
    }
}

async fn of_all(
    state: State<Shared>,
    exports: Extension<Arc<Exports>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Answer {
    kick_off(&state, &exports, &reader, &uri, &headers, None, params).await
}

async fn of_all_by_post(
    state: State<Shared>,
    exports: Extension<Arc<Exports>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let params = parameters(&headers, &body)?;
    kick_off(&state, &exports, &reader, &uri, &headers, None, params).await
}

async fn of_group(
    state: State<Shared>,
    exports: Extension<Arc<Exports>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
    Path(group): Path<String>,
    Query(params): Query<Params>,
) -> Answer {
    kick_off(&state, &exports, &reader, &uri, &headers, Some(group), params).await
}

async fn of_group_by_post(
    state: State<Shared>,
    exports: Extension<Arc<Exports>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
    Path(group): Path<String>,
    body: Bytes,
) -> Answer {
    let params = parameters(&headers, &body)?;
    kick_off(&state, &exports, &reader, &uri, &headers, Some(group), params).await
}

/// Names and values of a Parameters resource.
fn parameters(headers: &HeaderMap, body: &[u8]) -> Answer<Params> {
    same_origin(headers)?;
    let wrong = |text: &str| Problem::invalid("parameters", text);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Params::new());
    }
    let resource: Value =
        serde_json::from_slice(body).map_err(|_| wrong("the body is no Parameters resource in JSON"))?;
    let text = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| wrong("a parameter of $export has one text value"))
    };
    let named = operation::parameters(&resource)?;
    named.into_iter().map(|(name, value)| Ok((name.to_owned(), text(value)?))).collect()
}

/// The searches of a `_typeFilter`: a list whose commas may stand in values too; a new one begins with a type.
fn searches(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split(',') {
        let begins = part.split_once('?').is_some_and(|(kind, _)| {
            kind.starts_with(|c: char| c.is_ascii_uppercase())
                && kind.bytes().all(|b| b.is_ascii_alphabetic())
        });
        match found.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(part);
            }
            _ => found.push(part.to_owned()),
        }
    }
    found
}

fn add_filter(selection: &mut Selection, text: &str) -> Answer<()> {
    let wrong = |text: String| Problem::invalid("type-filter", text);
    let shape = || wrong("_typeFilter: a type, a question mark and a search".to_owned());
    let (kind, query) = text.split_once('?').ok_or_else(shape)?;
    let uri: Uri = format!("/?{query}").parse().map_err(|_| shape())?;
    let Query(search) = Query::<Params>::try_from_uri(&uri).map_err(|_| shape())?;
    selection.filter(kind, search).map_err(|error| wrong(error.to_string()))
}

/// Types that a project asks for.
fn types_of(project: &Project) -> Vec<&str> {
    let of = project.elements.iter().map(|e| e.split('.').next().unwrap_or_default());
    of.filter(|kind| deidentify::TYPES.contains(kind)).collect()
}

/// What of a project's resources is asked for. Without leniency what is not known or not there is refused.
fn selection(
    project: &Project,
    reader: &Reader,
    params: &Params,
    lenient: bool,
    now: Timestamp,
) -> Answer<Selection> {
    let mut selection = Selection { until: Some(now), ..Selection::default() };
    let there = types_of(project);
    for (name, value) in params {
        match name.as_str() {
            "_outputFormat" => {
                let known = [NDJSON, "application/fhir ndjson", "application/ndjson", "ndjson"];
                if !known.contains(&value.as_str()) {
                    return Err(Problem::invalid("output-format", "files are application/fhir+ndjson"));
                }
            }
            "_since" => {
                let since = value.replace(' ', "+").parse::<Timestamp>();
                selection.since = Some(
                    since.map_err(|_| Problem::invalid("since", "_since is an instant with its offset"))?,
                );
            }
            "_type" => {
                for kind in value.split(',').map(str::trim).filter(|kind| !kind.is_empty()) {
                    if there.contains(&kind) {
                        reader.require_scope(kind, true)?;
                        selection.types.insert(kind.to_owned());
                    } else if !lenient {
                        let text = format!("the project has no such resources; it has {}", there.join(", "));
                        return Err(Problem::invalid("export-type", text));
                    }
                }
                if selection.types.is_empty() {
                    return Err(Problem::invalid(
                        "export-type",
                        "none of the types asked for is in the project",
                    ));
                }
            }
            "_typeFilter" => {
                for search in searches(value) {
                    add_filter(&mut selection, &search)?;
                }
            }
            _ if lenient => {}
            _ => {
                let name: String = name.chars().filter(char::is_ascii_graphic).take(64).collect();
                let text =
                    format!("{name} is not supported; _type, _since, _typeFilter and _outputFormat are");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "not-supported", "parameter", text));
            }
        }
    }
    if selection.types.is_empty() {
        let covered = there.iter().filter(|kind| reader.require_scope(kind, true).is_ok());
        selection.types = covered.map(|kind| (*kind).to_owned()).collect();
    }
    if selection.types.is_empty() {
        let text = "the token's scopes cover nothing of the project";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "scope", text));
    }
    Ok(selection)
}

/// The words of `Prefer`.
fn prefers(headers: &HeaderMap, word: &str) -> bool {
    let all = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split([',', ';'])).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// The exchange's own root, without `/fhir`.
fn root(state: &AppState, headers: &HeaderMap) -> String {
    let base = base(state, headers);
    base.strip_suffix("/fhir").unwrap_or(&base).to_owned()
}

async fn kick_off(
    state: &Shared,
    exports: &Arc<Exports>,
    reader: &Reader,
    uri: &Uri,
    headers: &HeaderMap,
    group: Option<String>,
    params: Params,
) -> Answer {
    let client = client(state, reader)?;
    let (of, who) = (exports.clone(), client.clone());
    let mut projects = state.blocking(move |_| of.projects_of(&who).map_err(|error| problem(&error))).await?;
    if let Some(group) = group {
        projects.retain(|project| project.id == group);
    }
    let project = match projects.as_slice() {
        [one] => one,
        [] => return Err(Problem::not_found("Group to export")),
        several => {
            let ids: Vec<&str> = several.iter().map(|project| project.id.as_str()).collect();
            let text = format!("there are several projects; export one: Group/{}", ids.join(", Group/"));
            return Err(Problem::new(StatusCode::BAD_REQUEST, "multiple-matches", "export-group", text));
        }
    };
    if !prefers(headers, "respond-async") {
        let text = "an export is made in the background: Prefer must say respond-async";
        return Err(Problem::invalid("prefer", text));
    }
    let now = state.clock.now();
    exports.may(project, now).map_err(refusal)?;
    let selection = selection(project, reader, &params, prefers(headers, "handling=lenient"), now)?;
    let root = root(state, headers);
    let asked = Asked {
        project: project.id.clone(),
        client: client.clone(),
        selection,
        url: format!("{root}{uri}"),
        at: now,
    };
    let detail = serde_json::to_string(&asked).map_err(|_| Problem::internal())?;
    audit(state, &client, "research-export-asked", &asked.project, detail).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let (of, name) = (exports.clone(), id.clone());
    state.blocking(move |_| of.begin(&asked, &name).map_err(refusal)).await?;
    start(exports.clone(), id.clone(), client);
    Ok((StatusCode::ACCEPTED, [(header::CONTENT_LOCATION, format!("{root}/exports/{id}"))]).into_response())
}

async fn audit(state: &Shared, client: &str, action: &str, project: &str, detail: String) -> Answer<()> {
    let entry = NewAudit {
        actor: client.to_owned(),
        action: action.to_owned(),
        entity: format!("research-project/{project}"),
        detail,
    };
    state.gate.audit(entry).await
}

async fn status(
    State(state): State<Shared>,
    Extension(exports): Extension<Arc<Exports>>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let client = client(&state, &reader)?;
    let (of, name) = (exports.clone(), id.clone());
    let phase = state.blocking(move |_| of.look(&name, &client).map_err(|error| problem(&error))).await?;
    let (asked, files) = match phase.ok_or_else(|| Problem::not_found("export"))? {
        Phase::Going => {
            let headers = [
                (HeaderName::from_static("x-progress"), "waiting or being made".to_owned()),
                (header::RETRY_AFTER, POLL_SECONDS.to_string()),
            ];
            return Ok((StatusCode::ACCEPTED, headers).into_response());
        }
        Phase::Failed(text) => {
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", "export-failed", text));
        }
        Phase::Done(asked, files) => (asked, files),
    };
    let root = root(&state, &headers);
    let output = files.iter().map(|file| {
        let kind = file.name.split('-').next().unwrap_or_default();
        json!({"type": kind, "url": format!("{root}/exports/{id}/{}", file.name), "count": file.rows})
    });
    let manifest = json!({
        "transactionTime": asked.at.to_string(),
        "request": asked.url,
        "requiresAccessToken": !state.config.open,
        "output": output.collect::<Vec<_>>(),
        "deleted": [],
        "error": [],
    });
    let expires = asked.at + SignedDuration::from_hours(KEPT_HOURS);
    let expires = expires.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Ok(([(header::EXPIRES, expires)], Json(manifest)).into_response())
}

async fn file(
    State(state): State<Shared>,
    Extension(exports): Extension<Arc<Exports>>,
    reader: Reader,
    Path((id, name)): Path<(String, String)>,
) -> Answer {
    let client = client(&state, &reader)?;
    let kind = name.split('-').next().unwrap_or_default();
    reader.require_scope(kind, true)?;
    let (of, who, file, number) = (exports.clone(), client.clone(), name.clone(), id.clone());
    let found = state
        .blocking(move |_| {
            let found = of.file(&number, &who, &file).map_err(|error| problem(&error))?;
            let handed = found.ok_or_else(|| Problem::not_found("file"))?;
            let file = std::fs::File::open(&handed.path).map_err(|error| problem(&error.into()))?;
            let length = file.metadata().map_err(|error| problem(&error.into()))?.len();
            Ok::<_, Problem>((file, length, handed))
        })
        .await?;
    let (file, length, handed) = found;
    let line = handed.line;
    let detail = json!({"export": id, "file": line.name, "sha256": line.sha256, "resources": line.rows});
    audit(&state, &client, "research-export-file", &handed.project, detail.to_string()).await?;
    let body = Outgoing::Stream(Box::new(file), Some(length)).body();
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(NDJSON));
    Ok(response)
}

async fn delete(
    State(state): State<Shared>,
    Extension(exports): Extension<Arc<Exports>>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    same_origin(&headers)?;
    let client = client(&state, &reader)?;
    let (of, who, number) = (exports.clone(), client.clone(), id.clone());
    let gone = state.blocking(move |_| of.delete(&number, &who).map_err(|error| problem(&error))).await?;
    let project = gone.ok_or_else(|| Problem::not_found("export"))?;
    let detail = json!({"export": id}).to_string();
    audit(&state, &client, "research-export-deleted", &project, detail).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_search_is_not_the_end_of_it() {
        let found = searches("Observation?code=a,b&status=final,Condition?clinical-status=active");
        assert_eq!(found, ["Observation?code=a,b&status=final", "Condition?clinical-status=active"]);
    }
}
