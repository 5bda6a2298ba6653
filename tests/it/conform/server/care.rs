//! Care notes over HTTP: `POST /messages`, answered when they are kept, followed at the address given.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Asked, Control, lock};

#[derive(Default)]
pub struct Store {
    messages: Vec<Value>,
    keys: BTreeMap<String, (Vec<u8>, usize)>,
}

fn refusal(status: u16, code: &str, text: &str) -> Answer {
    let issue = json!({"severity": "error", "code": code, "details": {"text": text}});
    Answer::fhir(status, &json!({"resourceType": "OperationOutcome", "issue": [issue]}))
}

/// What became of a care record: each alert by itself, one without a status is refused.
fn translated(control: &Control, body: &[u8]) -> Value {
    let record: Value = serde_json::from_slice(body).unwrap_or_default();
    let bad = record["alerts"].as_array().into_iter().flatten().filter(|a| a["status"].is_null()).count();
    let known = record["subject"].is_object();
    let mut errors = if known { bad } else { 1 };
    let mut bundles = usize::from(known);
    if errors > 0 && control.bad("care-neighbour-sunk") {
        bundles = 0;
    }
    if control.bad("care-nonsense-silent") && !known {
        (errors, bundles) = (0, 1);
    }
    let mapped = bundles * 8;
    let items = if control.bad("care-not-accounted") { mapped + errors + 3 } else { mapped + errors };
    json!({"bundleCount": bundles, "errors": errors, "ledger": {"items": items, "mapped": mapped, "rejected": errors}})
}

impl Control {
    pub(super) fn care(&self, asked: &Asked, parts: &[&str]) -> Answer {
        match (asked.method.as_str(), parts) {
            ("POST", []) => self.take(asked),
            ("GET", [id]) => {
                let store = lock(&self.care);
                let at = id.strip_prefix("m-").and_then(|n| n.parse::<usize>().ok());
                match at.and_then(|at| store.messages.get(at)) {
                    Some(message) if !self.bad("care-lost") => Answer::json(200, message),
                    _ => refusal(404, "not-found", "there is no such message"),
                }
            }
            _ => refusal(405, "not-supported", "this method is not for this address"),
        }
    }

    fn take(&self, asked: &Asked) -> Answer {
        if asked.header("causeway-sender").is_empty()
            && asked.header("authorization").is_empty()
            && !self.bad("care-sender-free")
        {
            return refusal(400, "required", "the sender is missing");
        }
        if asked.body.is_empty() && !self.bad("care-empty-taken") {
            return refusal(400, "invalid", "the message has no content");
        }
        let mut store = lock(&self.care);
        let key = asked.header("idempotency-key").to_owned();
        let mut at = None;
        if let Some((body, kept)) = store.keys.get(&key).filter(|_| !key.is_empty()) {
            if *body != asked.body && !self.bad("care-key-reused") {
                return refusal(409, "duplicate", "the key was used with other content");
            }
            if *body == asked.body && !self.bad("care-retry-doubles") {
                at = Some(*kept);
            }
        }
        let at = at.unwrap_or_else(|| {
            let at = store.messages.len();
            let translation = translated(self, &asked.body);
            let state = if translation["bundleCount"] == 0 { "parked" } else { "completed" };
            store.messages.push(json!({"id": format!("m-{at}"), "state": state, "translation": translation}));
            at
        });
        if !key.is_empty() {
            store.keys.insert(key, (asked.body.clone(), at));
        }
        let waits = asked.header("prefer").contains("respond-sync");
        let answer = match waits {
            true => Answer::json(200, &store.messages[at]),
            false => Answer::json(202, &json!({"id": format!("m-{at}"), "state": "accepted"})),
        };
        if self.bad("care-no-location") {
            answer
        } else {
            answer.with("location", format!("/messages/m-{at}"))
        }
    }
}
