//! A mailbox server as the MESH API describes one: token, send, list, read, chunks, acknowledge, track.

use std::collections::{BTreeMap, BTreeSet};

use causeway_service::doors::mesh::token;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Asked, Control, lock};

/// The shared key of the tokens.
pub const KEY: &str = "TestKey";
/// Mailboxes; all have the same password.
pub const MAILBOXES: [&str; 2] = ["X26ABC1", "X26ABC2"];
/// The password.
pub const PASSWORD: &str = "password";

#[derive(Clone)]
struct Message {
    id: String,
    from: String,
    to: String,
    headers: BTreeMap<String, String>,
    chunks: Vec<Vec<u8>>,
    total: usize,
    acknowledged: bool,
    read: bool,
}

#[derive(Default)]
pub struct Store {
    messages: Vec<Message>,
    tokens: BTreeSet<String>,
}

const V2: &str = "application/vnd.mesh.v2+json";

fn refusal(status: u16, event: &str, code: &str, text: &str) -> Answer {
    Answer::new(status, V2, json!({"detail": [{"event": event, "code": code, "msg": text}]}).to_string())
}

fn shown(status: u16, body: &Value) -> Answer {
    Answer::new(status, V2, body.to_string())
}

impl Control {
    /// 403 where the caller does not prove to be this mailbox.
    fn proven(&self, asked: &Asked, mailbox: &str) -> Result<(), Answer> {
        let no = |text| Err(refusal(403, "", "", text));
        let said = asked.header("authorization");
        if said.is_empty() && self.bad("mesh-lets-all-in") {
            return Ok(());
        }
        let Some(said) = said.strip_prefix("NHSMESH ") else {
            return no("Error reading from Authorization header");
        };
        let parts: Vec<&str> = said.split(':').collect();
        let [owner, nonce, count, time, _] = parts.as_slice() else {
            return no("Error reading from Authorization header");
        };
        if *owner != mailbox && !self.bad("mesh-other-mailbox") {
            return no("Mailbox id does not match token");
        }
        if !MAILBOXES.contains(owner) {
            return no("Invalid Authentication Token");
        }
        let Some(at) = read_time(time) else { return no("Invalid Authentication Token") };
        let age = Timestamp::now().duration_since(at).abs();
        if age > SignedDuration::from_hours(2) && !self.bad("mesh-token-old") {
            return no("Invalid Authentication Token");
        }
        let right = token(KEY, owner, PASSWORD, nonce, count.parse().unwrap_or_default(), at);
        if right != format!("NHSMESH {said}") && !self.bad("mesh-wrong-key") {
            return no("Invalid Authentication Token");
        }
        let fresh = lock(&self.mesh).tokens.insert(format!("{owner}:{nonce}:{count}"));
        if fresh || self.bad("mesh-token-again") {
            Ok(())
        } else {
            no("Error Duplicated Authentication Token")
        }
    }

    pub(super) fn mesh(&self, asked: &Asked, parts: &[&str]) -> Answer {
        if matches!(parts, ["_ping"]) {
            return Answer::json(200, &json!({"status": "pass"}));
        }
        let Some(mailbox) = parts.first() else { return refusal(404, "", "", "Not Found") };
        if let Err(refused) = self.proven(asked, mailbox) {
            return refused;
        }
        match (asked.method.as_str(), &parts[1..]) {
            ("GET" | "POST", []) => shown(200, &json!({"mailbox_id": mailbox})),
            ("POST", ["outbox"]) => self.send(asked, mailbox),
            ("POST", ["outbox", id, chunk]) => self.send_chunk(asked, id, chunk),
            ("GET", ["outbox", "tracking"]) => self.tracking(asked, mailbox),
            ("GET", ["inbox"]) => self.inbox(mailbox),
            ("GET", ["count"]) => shown(200, &json!({"count": self.waiting(mailbox).len()})),
            ("GET", ["inbox", id]) => self.download(mailbox, id, 1),
            ("GET", ["inbox", id, chunk]) => self.download(mailbox, id, chunk.parse().unwrap_or_default()),
            ("PUT", ["inbox", id, "status", "acknowledged"]) => self.acknowledge(mailbox, id),
            _ => refusal(404, "", "", "Not Found"),
        }
    }

    fn send(&self, asked: &Asked, mailbox: &str) -> Answer {
        let to = asked.header("mex-to").to_owned();
        let wanted = [("mex-to", self.bad("mesh-without-recipient")), ("mex-workflowid", false)];
        for (name, free) in wanted {
            if asked.header(name).is_empty() && !free {
                return shown(
                    400,
                    &json!({"detail": [{"type": "missing", "loc": [name], "msg": "Field required"}]}),
                );
            }
        }
        if !to.is_empty() && !MAILBOXES.contains(&to.as_str()) && !self.bad("mesh-unknown-recipient") {
            return refusal(417, "SEND", "12", "Unregistered to address");
        }
        if asked.body.is_empty() {
            return refusal(417, "COLLECT", "02", "Data file is missing or inaccessible.");
        }
        let total = match asked.header("mex-chunk-range") {
            "" => 1,
            range => match range.split_once(':').map(|(a, b)| (a.parse::<usize>(), b.parse::<usize>())) {
                Some((Ok(1), Ok(total))) if total >= 1 => total,
                _ => return refusal(417, "SEND", "InvalidHeaderChunks", "Invalid chunk values"),
            },
        };
        let mut store = lock(&self.mesh);
        let id = format!("20260102030405{:06}_{:06}", store.messages.len(), store.messages.len());
        let headers = asked
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("mex-") || *name == "content-type")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let message = Message {
            id: id.clone(),
            from: mailbox.to_owned(),
            to,
            headers,
            chunks: vec![asked.body.clone()],
            total,
            acknowledged: false,
            read: false,
        };
        store.messages.push(message);
        shown(202, &json!({"message_id": id}))
    }

    /// Puts a Bundle into the first mailbox.
    pub(super) fn post_reply(&self, bundle: &Value) {
        let mut store = lock(&self.mesh);
        let id = format!("20260102030405{:06}_{:06}", store.messages.len(), store.messages.len());
        let headers = [("content-type", "application/fhir+json"), ("mex-workflowid", "RECORD_REPLY")];
        store.messages.push(Message {
            id,
            from: MAILBOXES[1].to_owned(),
            to: MAILBOXES[0].to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            chunks: vec![bundle.to_string().into_bytes()],
            total: 1,
            acknowledged: false,
            read: false,
        });
    }

    fn send_chunk(&self, asked: &Asked, id: &str, chunk: &str) -> Answer {
        let mut store = lock(&self.mesh);
        let Some(message) = store.messages.iter_mut().find(|m| m.id == id) else {
            return refusal(404, "RECEIVE", "20", "Message does not exist");
        };
        let number: usize = chunk.parse().unwrap_or_default();
        if number > message.total {
            return refusal(
                406,
                "SEND",
                "InvalidHeaderChunks",
                "Chunk number is greater than the number of chunks",
            );
        }
        if asked.header("mex-chunk-range") != format!("{number}:{}", message.total) {
            return refusal(417, "SEND", "InvalidHeaderChunks", "Invalid chunk values");
        }
        message.chunks.push(asked.body.clone());
        Answer::new(202, V2, "")
    }

    fn waiting(&self, mailbox: &str) -> Vec<String> {
        let store = lock(&self.mesh);
        let ready = |m: &&Message| {
            let whole = m.chunks.len() >= m.total || self.bad("mesh-chunk-early");
            let there = (!m.acknowledged || self.bad("mesh-ack-ignored"))
                && !(m.read && self.bad("mesh-read-consumes"));
            m.to == mailbox && whole && there
        };
        let mut ids: Vec<String> = store.messages.iter().filter(ready).map(|m| m.id.clone()).collect();
        if self.bad("mesh-out-of-order") {
            ids.reverse();
        }
        ids
    }

    fn inbox(&self, mailbox: &str) -> Answer {
        let ids = self.waiting(mailbox);
        let count = ids.len();
        shown(
            200,
            &json!({"messages": ids, "links": {"self": format!("/messageexchange/{mailbox}/inbox")}, "approx_inbox_count": count}),
        )
    }

    fn download(&self, mailbox: &str, id: &str, chunk: usize) -> Answer {
        let mut store = lock(&self.mesh);
        let found =
            store.messages.iter_mut().find(|m| m.id == id && m.to == mailbox && m.chunks.len() >= m.total);
        let Some(message) = found else {
            let status = if self.bad("mesh-unknown-is-200") { 200 } else { 404 };
            return refusal(status, "RECEIVE", "20", "Message does not exist");
        };
        if message.acknowledged && !self.bad("mesh-gone-is-200") {
            return refusal(
                410,
                "SEND",
                "Message already accepted",
                "Message no longer available for download",
            );
        }
        if message.read && self.bad("mesh-read-consumes") {
            return refusal(404, "RECEIVE", "20", "Message does not exist");
        }
        message.read = true;
        let number = if self.bad("mesh-chunk-lost") { 1 } else { chunk };
        let Some(bytes) = message.chunks.get(number.wrapping_sub(1)) else {
            return refusal(404, "RECEIVE", "20", "Message does not exist");
        };
        let mut bytes = bytes.clone();
        if self.bad("mesh-body-changed") {
            bytes = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").into_bytes();
        }
        let partial = message.total > 1 && chunk < message.total && !self.bad("mesh-chunk-is-200");
        let kept = message.headers.get("content-type").cloned().unwrap_or_default();
        let mut answer = Answer::new(if partial { 206 } else { 200 }, &kept, bytes)
            .with("mex-from", message.from.clone())
            .with("mex-to", message.to.clone())
            .with("mex-messageid", message.id.clone())
            .with("mex-messagetype", "DATA")
            .with("mex-chunk-range", format!("{chunk}:{}", message.total));
        let lost = self.bad("mesh-headers-lost");
        for name in ["mex-workflowid", "mex-localid", "mex-subject", "mex-filename"] {
            if let Some(value) = message.headers.get(name).filter(|_| name == "mex-workflowid" || !lost) {
                answer = answer.with(name, value.clone());
            }
        }
        answer
    }

    fn acknowledge(&self, mailbox: &str, id: &str) -> Answer {
        let mut store = lock(&self.mesh);
        let Some(message) = store.messages.iter_mut().find(|m| m.id == id && m.to == mailbox) else {
            return refusal(404, "RECEIVE", "20", "Message does not exist");
        };
        message.acknowledged = true;
        Answer::new(200, V2, "")
    }

    fn tracking(&self, asked: &Asked, mailbox: &str) -> Answer {
        let id = asked.parameter("messageID").unwrap_or_default();
        let store = lock(&self.mesh);
        match store.messages.iter().find(|m| m.id == id && m.from == mailbox) {
            Some(message) if !self.bad("mesh-tracking-away") => {
                let status = if message.acknowledged { "acknowledged" } else { "accepted" };
                shown(
                    200,
                    &json!({"message_id": id, "status": status, "recipient": message.to, "sender": message.from}),
                )
            }
            _ => refusal(404, "", "", "Message does not exist"),
        }
    }
}

fn read_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}
