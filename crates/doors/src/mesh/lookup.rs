//! What needs no mailbox's content: ping, handshake, look-ups.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Mesh;
use super::auth::Signed;
use super::config::Mailbox;
use super::refusal::{Refusal, Version, json_answer};

/// `GET /messageexchange/_ping` and its other names.
pub(super) async fn ping(Extension(mesh): Extension<Arc<Mesh>>) -> Response {
    let body = json!({
        "env": mesh.config.environment,
        "build_label": mesh.config.build_label,
        "status": "running",
        "outcome": "Yes",
    });
    json_answer(StatusCode::OK, Version::V1, &body)
}

/// `GET` and `POST /messageexchange/{mailbox}`: whether the mailbox can be used.
pub(super) async fn handshake(signed: Signed, headers: HeaderMap) -> Result<Response, Refusal> {
    for name in ["mex-clientversion", "mex-osname", "mex-osversion"] {
        if !headers.contains_key(name) {
            return Err(Refusal::field(name, "Field required"));
        }
    }
    let call = signed.spend().await?;
    if call.version == Version::V2 {
        return Ok(StatusCode::OK.into_response());
    }
    Ok(json_answer(StatusCode::OK, call.version, &json!({"mailboxId": call.mailbox.id})))
}

/// `POST /messageexchange/{mailbox}/update`: a client reports its version; nothing is done with it.
pub(super) async fn update(signed: Signed) -> Result<Response, Refusal> {
    signed.spend().await?;
    Ok(StatusCode::OK.into_response())
}

/// `GET /messageexchange/endpointlookup/{ods}/{workflow}`.
pub(super) async fn endpoint(
    Extension(mesh): Extension<Arc<Mesh>>,
    Path((ods, workflow)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let version = Version::of(&headers)?;
    let (ods, workflow) = (ods.trim(), workflow.trim());
    if ods.is_empty() || workflow.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "", "", "ods code or workflow id missing"));
    }
    let of_ods = |m: &&Mailbox| m.ods_code.eq_ignore_ascii_case(ods) && m.is_endpoint_of(workflow);
    let found = mesh.config.mailboxes.iter().filter(of_ods);
    let body = match version {
        Version::V1 => {
            let results: Vec<Value> = found
                .map(|m| json!({"address": m.id, "description": m.name, "endpoint_type": "MESH"}))
                .collect();
            json!({"query_id": Uuid::now_v7().simple().to_string(), "results": results})
        }
        Version::V2 => json!({"results": found.map(item).collect::<Vec<_>>()}),
    };
    Ok(json_answer(StatusCode::OK, version, &body))
}

/// `GET /messageexchange/workflowsearch/{workflow}`: version 2's shape always.
pub(super) async fn workflow(
    Extension(mesh): Extension<Arc<Mesh>>,
    Path(workflow): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let version = Version::of(&headers)?;
    let workflow = workflow.trim();
    if workflow.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "", "", "workflow id missing"));
    }
    let found = mesh.config.mailboxes.iter().filter(|m| m.is_endpoint_of(workflow));
    Ok(json_answer(StatusCode::OK, version, &json!({"results": found.map(item).collect::<Vec<_>>()})))
}

fn item(mailbox: &Mailbox) -> Value {
    json!({"mailbox_id": mailbox.id, "mailbox_name": mailbox.name})
}
