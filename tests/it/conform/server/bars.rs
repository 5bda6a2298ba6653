//! `$process-message` with the rules of Booking and Referral.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Answer, Asked, Control, lock};

/// The service that takes messages.
pub const SERVICE: &str = "2000099999";

fn guid(text: &str) -> bool {
    text.len() == 36
        && text
            .chars()
            .enumerate()
            .all(|(i, c)| if [8, 13, 18, 23].contains(&i) { c == '-' } else { c.is_ascii_hexdigit() })
}

impl Control {
    fn refuse(&self, status: u16, issue: &str, code: &str, text: &str) -> Answer {
        let details = match self.bad("bars-no-code") {
            true => json!({"text": text}),
            false => {
                json!({"coding": [{"system": "https://fhir.nhs.uk/Codesystem/http-error-codes", "code": code}], "text": text})
            }
        };
        let issue = json!({"severity": "error", "code": issue, "details": details});
        Answer::fhir(status, &json!({"resourceType": "OperationOutcome", "issue": [issue]}))
    }

    pub(super) fn process_message(&self, asked: &Asked) -> Answer {
        let answer = self.taken(asked).unwrap_or_else(|refused| refused);
        if self.bad("bars-ids-lost") {
            return answer;
        }
        answer
            .with("x-request-id", asked.header("x-request-id"))
            .with("x-correlation-id", asked.header("x-correlation-id"))
    }

    fn taken(&self, asked: &Asked) -> Result<Answer, Answer> {
        let bad_request = |text: &str| self.refuse(400, "invalid", "SEND_BAD_REQUEST", text);
        if asked.method != "POST" {
            return if asked.method == "GET" && self.bad("bars-get") {
                Ok(Answer::fhir(200, &json!({"resourceType": "Bundle", "type": "message"})))
            } else {
                Err(self.refuse(
                    405,
                    "not-supported",
                    "SEND_METHOD_NOT_ALLOWED",
                    "only POST is for this address",
                ))
            };
        }
        for (name, fault) in
            [("x-request-id", "bars-request-id-free"), ("x-correlation-id", "bars-correlation-free")]
        {
            if !guid(asked.header(name)) && !self.bad(fault) {
                return Err(bad_request("an id of the request is missing"));
            }
        }
        let media = asked.header("content-type");
        if !media.contains("json") && !self.bad("bars-html-taken") {
            return Err(bad_request("the content is no FHIR JSON"));
        }
        let target = asked.header("nhsd-target-identifier");
        if target.is_empty() && !self.bad("bars-target-free") {
            return Err(bad_request("the target is missing"));
        }
        let read = STANDARD.decode(target).ok().and_then(|b| serde_json::from_slice::<Value>(&b).ok());
        if !target.is_empty() {
            match &read {
                None if !self.bad("bars-target-nonsense") => {
                    return Err(bad_request("the target is not readable"));
                }
                Some(read) if read["value"] != SERVICE && !self.bad("bars-target-unknown") => {
                    return Err(self.refuse(404, "not-found", "PROXY_NOT_FOUND", "nobody has this target"));
                }
                _ => {}
            }
        }
        let Some(message) = asked.json() else { return Err(bad_request("the content is no JSON")) };
        let header = &message["entry"][0]["resource"];
        let is_message = message["type"] == "message" && header["resourceType"] == "MessageHeader";
        if !is_message && !self.bad("bars-no-header-first") {
            return Err(self.refuse(
                422,
                "invalid",
                "SEND_UNPROCESSABLE_ENTITY",
                "no message with its header first",
            ));
        }
        let mut kept = lock(&self.bars);
        let id = asked.header("x-request-id").to_owned();
        if let Some((body, _)) = kept.get(&id).filter(|_| !id.is_empty()) {
            let same = *body == asked.body;
            if same && !self.bad("bars-retry-done-again") {
                return Err(self.refuse(409, "duplicate", "REC_CONFLICT", "this was done before"));
            }
            if !same && !self.bad("bars-id-reused") {
                return Err(self.refuse(409, "conflict", "REC_CONFLICT", "the id is another request's"));
            }
        }
        let answered =
            if self.bad("bars-response-of-nothing") { json!("another") } else { header["id"].clone() };
        let number = kept.len();
        let place = format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
        let mut answer = json!({"resourceType": "MessageHeader", "source": {"endpoint": "urn:control"},
            "response": {"identifier": answered, "code": "ok"}});
        for event in ["eventCoding", "eventUri"] {
            if !header[event].is_null() {
                answer[event] = header[event].clone();
            }
        }
        let bundle = json!({"resourceType": "Bundle", "type": "message", "timestamp": "2026-01-02T03:04:05Z",
            "entry": [{"fullUrl": place, "resource": answer}]});
        kept.insert(id, (asked.body.clone(), bundle.clone()));
        Ok(Answer::fhir(200, &bundle))
    }
}
