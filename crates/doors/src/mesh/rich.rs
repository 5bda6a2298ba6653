//! The rich boxes: everything received or sent, newest first, also what was acknowledged.

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use causeway_exchange::{Message, MessageKind, MessageQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Mesh;
use super::auth::Signed;
use super::headers;
use super::inbox::{PageQuery, continuation, link};
use super::limits::{RICH_DAYS, RICH_PAGE_DEFAULT, RICH_PAGE_MAX};
use super::refusal::{Refusal, Version, json_answer};
use super::tracking::{expiry, iso, party};

/// `GET /messageexchange/{mailbox}/inbox/rich`.
pub(super) async fn inbox(signed: Signed, Query(query): Query<PageQuery>) -> Result<Response, Refusal> {
    let limit = query.limit(RICH_PAGE_DEFAULT)?.min(RICH_PAGE_MAX);
    page(signed, query, Side::Inbox, limit).await
}

/// `GET /messageexchange/{mailbox}/outbox/rich`.
pub(super) async fn outbox(signed: Signed, Query(query): Query<PageQuery>) -> Result<Response, Refusal> {
    let limit = query.limit(RICH_PAGE_DEFAULT)?.min(RICH_PAGE_DEFAULT);
    page(signed, query, Side::Outbox, limit).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inbox,
    Outbox,
}

async fn page(signed: Signed, query: PageQuery, which: Side, limit: usize) -> Result<Response, Refusal> {
    let after = query.after()?;
    let given = match &query.start_time {
        None => None,
        Some(text) => {
            Some(start_time(text).ok_or_else(|| Refusal::field("start_time", "is not an ISO 8601 time"))?)
        }
    };
    let (call, (mut found, since)) = signed
        .run(move |state, call| {
            let month = SignedDuration::from_hours(24 * RICH_DAYS);
            let since =
                given.unwrap_or_else(|| state.clock.now().saturating_sub(month).unwrap_or(Timestamp::MIN));
            let own = Some(call.mailbox.id.clone());
            let mut search = MessageQuery {
                since: Some(since),
                after: after.seq(call)?,
                // The engine gives no more than its own limit; the one above tells that there is a next page.
                limit: limit + 1,
                ..MessageQuery::default()
            };
            match which {
                Side::Inbox => (search.mailbox_to, search.inbox) = (own, Some(true)),
                Side::Outbox => search.mailbox_from = own,
            }
            Ok((state.engine.search(&search)?, since))
        })
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|m| m.seq);
    let name = if which == Side::Inbox { "inbox/rich" } else { "outbox/rich" };
    let link = |from: Option<u64>| {
        let parameters = [
            ("start_time", Some(iso(since))),
            ("max_results", Some(limit.to_string())),
            ("continue_from", from.map(continuation)),
        ];
        link(&call.mailbox.id, name, &parameters)
    };
    let messages: Vec<Value> = found
        .iter()
        .filter(|m| which == Side::Outbox || m.state != causeway_exchange::State::Uploading)
        .map(|m| entry(&call.mesh, m, which))
        .collect();
    let mut body = json!({
        "valid_at": iso(call.state.clock.now()),
        "messages": messages,
        "links": {"self": link(None)},
    });
    if let Some(next) = next {
        body["links"]["next"] = json!(link(Some(next)));
    }
    Ok(json_answer(StatusCode::OK, Version::V2, &body))
}

/// A time with or without a zone; without one it is UTC.
fn start_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok()).or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
    })
}

fn entry(mesh: &Mesh, message: &Message, which: Side) -> Value {
    let new = &message.new;
    let code = headers::failure(message).map(|f| f.code);
    let mut body = json!({
        "message_id": new.id.as_str(),
        "local_id": new.local_id.as_deref().unwrap_or_default(),
        "message_type": if new.kind == MessageKind::Data { "DATA" } else { "REPORT" },
        "recipient": new.mailbox_to.as_deref().unwrap_or_default(),
        "recipient_name": party(mesh, new.mailbox_to.as_deref()).map_or("", |m| m.name.as_str()),
        "sender": new.mailbox_from.as_deref().unwrap_or_default(),
        "sender_name": party(mesh, new.mailbox_from.as_deref()).map_or("", |m| m.name.as_str()),
        "sent_date": iso(message.received_at),
        "status": headers::status(mesh, message),
        "workflow_id": new.workflow.as_deref().unwrap_or_default(),
        "total_chunks": message.chunks,
    });
    if let Some(at) = expiry(message) {
        body["expiry_timestamp"] = json!(iso(at));
    }
    match code {
        Some(code) => body["status_code"] = json!(code),
        None if which == Side::Outbox => body["status_code"] = json!(""),
        None => {}
    }
    body
}

#[cfg(test)]
mod tests {
    use super::start_time;

    #[test]
    fn start_times() {
        for text in ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00", "2026-03-02T10:00:00+01:00"] {
            assert_eq!(start_time(text).map(|t| t.as_second()), Some(1_772_442_000), "{text}");
        }
        assert!(start_time("2026-03-02").is_some());
        assert!(start_time("yesterday").is_none());
    }
}
