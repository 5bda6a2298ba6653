//! Tracking of sent messages.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use causeway_exchange::{Message, MessageKind, MessageQuery};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Mesh;
use super::auth::Signed;
use super::config::Mailbox;
use super::headers::{self, compact};
use super::inbox;
use super::refusal::{Refusal, Version, json_answer};

/// What tracking by message id is asked for with.
#[derive(Debug, Deserialize)]
pub(super) struct Tracked {
    #[serde(rename = "messageID")]
    message: Option<String>,
}

/// `GET /messageexchange/{mailbox}/outbox/tracking?messageID=`. Not a 403 for another's message, as in Spine.
pub(super) async fn by_message(signed: Signed, Query(query): Query<Tracked>) -> Result<Response, Refusal> {
    let id = query.message.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Refusal::field("messageID", "Field required"))?;
    let (call, message) = signed
        .look(move |_, call| {
            let message = inbox::find(call, &id)?;
            let own = message.new.mailbox_from.as_deref() == Some(call.mailbox.id.as_str());
            if own { Ok(message) } else { Err(Refusal::no_message()) }
        })
        .await?;
    let body = match call.version {
        Version::V1 => v1(&call.mesh, &message),
        Version::V2 => v2(&call.mesh, &message),
    };
    Ok(json_answer(StatusCode::OK, call.version, &body))
}

/// `GET /messageexchange/{mailbox}/outbox/tracking/{local_id}` (deprecated, version 1 only).
pub(super) async fn by_local_id(
    signed: Signed,
    Path((_, local)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (call, mut found) = signed
        .run(move |state, call| {
            Ok(state.engine.search(&MessageQuery {
                mailbox_from: Some(call.mailbox.id.clone()),
                local_id: Some(local),
                limit: 2,
                ..MessageQuery::default()
            })?)
        })
        .await?;
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(Refusal::no_message()),
        (Some(message), true) => Ok(json_answer(StatusCode::OK, Version::V1, &v1(&call.mesh, &message))),
        (Some(_), false) => {
            Err(Refusal::new(StatusCode::MULTIPLE_CHOICES, "", "", "More than one message has this local id"))
        }
    }
}

/// ISO 8601 in UTC.
pub(super) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A party of a message: its mailbox, if it is one of ours.
pub(super) fn party<'m>(mesh: &'m Mesh, id: Option<&str>) -> Option<&'m Mailbox> {
    mesh.mailboxes.get(id?).map(|m| &**m)
}

/// What is known of a message's parties, under the names that both forms of tracking have for it.
pub(super) fn parties(mesh: &Mesh, message: &Message, camel: bool) -> Map<String, Value> {
    let mut body = Map::new();
    let sides = [
        ("sender", message.new.mailbox_from.as_deref(), "senderOdsCode"),
        ("recipient", message.new.mailbox_to.as_deref(), "meshRecipientOdsCode"),
    ];
    for (side, id, ods) in sides {
        let mailbox = party(mesh, id);
        let name = |camel_name: &str, snake: &str| {
            if camel { format!("{side}{camel_name}") } else { format!("{side}_{snake}") }
        };
        body.insert(side.to_owned(), json!(id.unwrap_or_default()));
        let ods = if camel { ods.to_owned() } else { format!("{side}_ods_code") };
        body.insert(name("Name", "name"), json!(mailbox.map_or("", |m| m.name.as_str())));
        body.insert(ods, json!(mailbox.map_or("", |m| m.ods_code.as_str())));
        body.insert(name("OrgCode", "org_code"), json!(mailbox.map_or("", Mailbox::org)));
        body.insert(name("OrgName", "org_name"), json!(mailbox.map_or("", |m| m.org_name.as_str())));
    }
    body
}

/// Whether all is well with it so far.
pub(super) fn is_success(message: &Message) -> bool {
    message.new.kind == MessageKind::Data && message.failure.is_none()
}

/// A word with a capital first letter.
pub(super) fn title(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// When it leaves or would have left the inbox.
pub(super) fn expiry(message: &Message) -> Option<Timestamp> {
    let lifetime = causeway_exchange::engine::inbox_lifetime();
    message.expires_at.or_else(|| message.received_at.saturating_add(lifetime).ok())
}

fn v1(mesh: &Mesh, message: &Message) -> Value {
    let new = &message.new;
    let flag = |set: bool| if set { "Y" } else { "" };
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let kind = if new.kind == MessageKind::Data { "Data" } else { "Report" };
    let mut body = json!({
        "addressType": "ALL",
        "checksum": text(&new.sender_checksum),
        "chunkCount": message.chunks,
        "compressFlag": flag(headers::is_compressed(message)),
        "contentEncoding": text(&new.content_encoding),
        "downloadTimestamp": message.acknowledged_at.map(compact).unwrap_or_default(),
        "dtsId": new.id.as_str(),
        "encryptedFlag": flag(headers::is_encrypted(message)),
        "expiryTime": expiry(message).map(compact).unwrap_or_default(),
        "fileName": headers::file_name(message),
        "fileSize": message.size,
        "isCompressed": flag(headers::is_compressed(message)),
        "localId": text(&new.local_id),
        "messageId": new.id.as_str(),
        "messageType": kind,
        "partnerId": text(&new.partner_id),
        "recipientSmtp": "",
        "senderSmtp": "",
        "status": title(headers::status(mesh, message)),
        "statusSuccess": if is_success(message) { "SUCCESS" } else { "ERROR" },
        "subject": text(&new.subject),
        "uploadTimestamp": compact(message.received_at),
        "version": "1.0",
        "workflowId": text(&new.workflow),
    });
    if let Some(failure) = headers::failure(message) {
        let at = compact(message.changed_at);
        if new.kind == MessageKind::Data {
            body["failureDate"] = json!(at);
            body["failureDiagnostic"] = json!(failure.text);
        }
        body["statusCode"] = json!(failure.code);
        body["statusDescription"] = json!(failure.text);
        body["statusEvent"] = json!(failure.event);
        body["statusTimestamp"] = json!(at);
        if let Some(linked) = failure.linked {
            body["linkedMsgId"] = json!(linked);
        }
    }
    with(body, parties(mesh, message, true))
}

fn v2(mesh: &Mesh, message: &Message) -> Value {
    let new = &message.new;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let mut body = json!({
        "message_id": new.id.as_str(),
        "local_id": text(&new.local_id),
        "workflow_id": text(&new.workflow),
        "filename": headers::file_name(message),
        "upload_timestamp": iso(message.received_at),
        "status": headers::status(mesh, message),
        "status_success": is_success(message),
    });
    if let Some(at) = expiry(message) {
        body["expiry_time"] = json!(iso(at));
    }
    if let Some(failure) = headers::failure(message) {
        body["status_code"] = json!(failure.code);
        body["status_description"] = json!(failure.text);
        body["status_event"] = json!(failure.event);
        body["status_timestamp"] = json!(iso(message.changed_at));
    }
    let mut parties = parties(mesh, message, false);
    parties.retain(|name, _| name.starts_with("recipient"));
    with(body, parties)
}

/// Adds members to an object.
pub(super) fn with(mut body: Value, more: Map<String, Value>) -> Value {
    if let Some(object) = body.as_object_mut() {
        object.extend(more);
    }
    body
}
