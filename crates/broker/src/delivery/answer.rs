//! What a receiver's answer means.

use causeway_exchange::AckOutcome;
use jiff::SignedDuration;
use serde_json::Value;

use super::circuit::Whose;
use super::limits::{ANSWER_CODE_CHARS_MAX, ANSWER_CODES_MAX, KEPT_ANSWER_BYTES_MAX};

/// A receiver's HTTP answer.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) media_type: String,
    pub(super) retry_after: Option<SignedDuration>,
    pub(super) body: Vec<u8>,
}

/// What becomes of a delivery.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The receiver has it.
    Taken {
        /// Short code (`200`, `409-duplicate`, `AA`).
        code: String,
        /// One sentence.
        detail: String,
        /// What it said of the content, where it said something.
        infrastructure: Option<AckOutcome>,
    },
    /// Later.
    Later { code: String, detail: String, whose: Whose, after: Option<SignedDuration> },
    /// Never: a person must look.
    Refused { code: String, detail: String },
}

/// A verdict with the answer itself, for the sender that waits for it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) verdict: Verdict,
    pub(super) received: Option<Received>,
}

impl From<Verdict> for Sent {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, received: None }
    }
}

impl Verdict {
    pub(super) fn later(code: &str, detail: &str, whose: Whose) -> Self {
        Self::Later { code: code.to_owned(), detail: detail.to_owned(), whose, after: None }
    }

    pub(super) fn refused(code: &str, detail: &str) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.to_owned() }
    }
}

impl Received {
    /// The answer as it may be kept for the sender; `None` where it is too large.
    pub(super) fn keep(&self) -> Option<causeway_exchange::Answer> {
        (self.body.len() <= KEPT_ANSWER_BYTES_MAX).then(|| causeway_exchange::Answer {
            status: self.status,
            media_type: self.media_type.clone(),
            body: self.body.clone(),
        })
    }
}

/// What an answer's body says, by codes only: its texts may hold anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    codes: Vec<String>,
    severe: bool,
    response: Option<String>,
    outcome: bool,
}

impl Said {
    pub(super) fn read(body: &[u8]) -> Self {
        let mut said = Self::default();
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return said };
        match value["resourceType"].as_str() {
            Some("OperationOutcome") => said.outcome(&value),
            Some("Bundle") => {
                for resource in value["entry"].as_array().into_iter().flatten().map(|e| &e["resource"]) {
                    match resource["resourceType"].as_str() {
                        Some("OperationOutcome") => said.outcome(resource),
                        Some("MessageHeader") => {
                            said.response = resource["response"]["code"].as_str().map(str::to_owned);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        said
    }

    fn outcome(&mut self, resource: &Value) {
        self.outcome = true;
        for issue in resource["issue"].as_array().into_iter().flatten() {
            self.severe |= matches!(issue["severity"].as_str(), Some("error" | "fatal"));
            self.code(&issue["code"]);
            for coding in issue["details"]["coding"].as_array().into_iter().flatten() {
                self.code(&coding["code"]);
            }
        }
    }

    /// Only what has the shape of a code.
    fn code(&mut self, code: &Value) {
        let Some(code) = code.as_str() else { return };
        let shaped = !code.is_empty()
            && code.len() <= ANSWER_CODE_CHARS_MAX
            && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-' || b == b'/');
        // Digits only where they can be no identifier of a person: response codes have three to five.
        let number = (3..=5).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        if (shaped || number) && self.codes.len() < ANSWER_CODES_MAX && !self.codes.iter().any(|c| c == code)
        {
            self.codes.push(code.to_owned());
        }
    }

    fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|c| c == code)
    }

    fn words(&self) -> String {
        let mut words = String::new();
        if let Some(response) = &self.response
            && matches!(response.as_str(), "ok" | "transient-error" | "fatal-error")
        {
            words.push_str(&format!(", response {response}"));
        }
        if !self.codes.is_empty() {
            words.push_str(&format!(", issues {}", self.codes.join(" ")));
        }
        words
    }
}

/// Reads an HTTP answer. With `fhir`, its body counts as well as its status. `passed_on` is a request whose sender
/// waits for the answer: a 403 may then be about whom its own headers name, and is the sender's to hear.
pub(super) fn of_http(received: &Received, fhir: bool, passed_on: bool) -> Verdict {
    let status = received.status;
    let said = if fhir { Said::read(&received.body) } else { Said::default() };
    let detail = format!("the receiver answered {status}{}", said.words());
    let code = format!("http-{status}");
    let later = |whose| Verdict::Later {
        code: code.clone(),
        detail: detail.clone(),
        whose,
        after: received.retry_after,
    };
    match status {
        200..=299 if said.response.as_deref() == Some("fatal-error") => {
            Verdict::Refused { code: "response-fatal-error".to_owned(), detail }
        }
        200..=299 if said.response.as_deref() == Some("transient-error") => Verdict::Later {
            code: "response-transient-error".to_owned(),
            detail,
            whose: Whose::Message,
            after: received.retry_after,
        },
        200..=299 if said.outcome && said.severe && said.response.is_none() => {
            Verdict::Refused { code: "outcome-error".to_owned(), detail }
        }
        200..=299 => {
            let infrastructure =
                said.response.as_deref().filter(|r| *r == "ok").map(|_| AckOutcome::Positive);
            Verdict::Taken { code: status.to_string(), detail, infrastructure }
        }
        // Processed before: for a sender as good as done (BaRS Core, transactional integrity).
        409 if said.has("duplicate") => Verdict::Taken {
            code: "409-duplicate".to_owned(),
            detail: "the receiver has had it before".to_owned(),
            infrastructure: None,
        },
        // It is us whom the receiver doesn't know or let in: the next message would fare no better.
        401 | 403 if status == 401 || !passed_on => Verdict::Later {
            code: code.clone(),
            detail: format!(
                "the receiver refuses our credentials ({status}{}): look at the endpoint's token, key or certificate",
                said.words()
            ),
            whose: Whose::Endpoint,
            after: received.retry_after,
        },
        425 => later(Whose::Message),
        429 | 502 | 503 => later(Whose::Endpoint),
        408 | 504 => later(Whose::Unknown),
        500..=599 => later(Whose::Message),
        _ => Verdict::Refused { code, detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str, fhir: bool) -> String {
        told(status, body, fhir, false)
    }

    fn told(status: u16, body: &str, fhir: bool, passed_on: bool) -> String {
        let received =
            Received { status, media_type: String::new(), retry_after: None, body: body.as_bytes().to_vec() };
        match of_http(&received, fhir, passed_on) {
            Verdict::Taken { code, .. } => format!("taken {code}"),
            Verdict::Later { whose, .. } => format!("later {whose:?}"),
            Verdict::Refused { code, .. } => format!("refused {code}"),
        }
    }

    #[test]
    fn answers() {
        let outcome = |severity: &str, code: &str| {
            format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}","code":"{code}"}}]}}"#
            )
        };
        let bundle = |code: &str| {
            format!(
                r#"{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"MessageHeader","response":{{"code":"{code}"}}}}}}]}}"#
            )
        };
        for (status, body, fhir, expected) in [
            (200, String::new(), true, "taken 200"),
            (201, outcome("information", "informational"), true, "taken 201"),
            (200, bundle("ok"), true, "taken 200"),
            (200, bundle("fatal-error"), true, "refused response-fatal-error"),
            (200, bundle("fatal-error"), false, "taken 200"),
            (200, bundle("transient-error"), true, "later Message"),
            (200, outcome("error", "processing"), true, "refused outcome-error"),
            (409, outcome("error", "duplicate"), true, "taken 409-duplicate"),
            (409, outcome("error", "conflict"), true, "refused http-409"),
            (409, outcome("error", "duplicate"), false, "refused http-409"),
            (400, String::new(), true, "refused http-400"),
            (401, outcome("error", "login"), true, "later Endpoint"),
            (403, String::new(), false, "later Endpoint"),
            (404, String::new(), false, "refused http-404"),
            (422, outcome("error", "invalid"), true, "refused http-422"),
            (302, String::new(), false, "refused http-302"),
            (408, String::new(), true, "later Unknown"),
            (425, String::new(), true, "later Message"),
            (429, String::new(), false, "later Endpoint"),
            (500, String::new(), true, "later Message"),
            (502, String::new(), true, "later Endpoint"),
            (503, String::new(), true, "later Endpoint"),
            (504, String::new(), true, "later Unknown"),
        ] {
            assert_eq!(verdict(status, &body, fhir), expected, "{status} {body}");
        }
        assert_eq!(told(401, "", true, true), "later Endpoint", "our credentials, whoever asks");
        assert_eq!(told(403, "", true, true), "refused http-403", "the sender's to hear");
    }

    #[test]
    fn only_codes_of_an_answer_are_told() {
        let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"Mrs Example",
            "diagnostics":"9990000018","details":{"text":"Agnes","coding":[{"code":"REC_BAD_REQUEST"},{"code":"9990000018"},{"code":"20013"}]}}]}"#;
        assert_eq!(Said::read(body.as_bytes()).words(), ", issues REC_BAD_REQUEST 20013");
    }
}
