//! `causeway messages`, `causeway message`, `causeway send`: a running exchange, seen from a terminal.

use std::path::Path;

use causeway_broker::words::{advice, count};
use serde_json::Value;

/// Where the exchange is, and who asks.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its address.
    pub server: String,
    /// Code of the organisation that asks.
    pub sender: Option<String>,
    /// Its bearer token.
    pub token: Option<String>,
}

impl Exchange {
    fn request(&self, method: reqwest::Method, path: &str) -> Result<reqwest::RequestBuilder, String> {
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let mut request = crate::process::client()?.request(method, url).header("Accept", "application/json");
        if let Some(sender) = &self.sender {
            request = request.header("Causeway-Sender", sender);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Ok(request)
    }

    async fn json(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answer = request.send().await.map_err(|_| format!("{} does not answer", self.server))?;
        self.read(answer).await
    }

    async fn read(&self, answer: reqwest::Response) -> Result<Value, String> {
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let text = body["issue"][0]["details"]["text"].as_str().unwrap_or("no reason given");
        if status == reqwest::StatusCode::UNAUTHORIZED {
            return Err(format!("401: {text}; --token-file FILE (or CAUSEWAY_TOKEN) gives it"));
        }
        Err(format!("{}: {text}", status.as_u16()))
    }

    /// The newest messages that are wanted, a line each, and how many there are.
    ///
    /// # Errors
    /// What the exchange answers where it refuses.
    pub async fn messages(&self, wanted: &Wanted, as_json: bool) -> Result<String, String> {
        let body = match &wanted.person {
            Some(number) => {
                let form =
                    format!("nhs_number={}", number.chars().filter(char::is_ascii_digit).collect::<String>());
                let request = self.request(reqwest::Method::POST, "/messages/find")?;
                let typed = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
                self.json(typed).await?
            }
            None => {
                let request = self.request(reqwest::Method::GET, "/messages")?.query(&wanted.query());
                self.json(request).await?
            }
        };
        if as_json {
            return Ok(format!("{}\n", serde_json::to_string_pretty(&body).unwrap_or_default()));
        }
        let mut out = String::new();
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        for message in messages {
            out.push_str(&line(message));
        }
        let total = body["total"].as_u64().unwrap_or(messages.len() as u64);
        let more = if body["totalIsMore"] == true { "more than " } else { "" };
        out.push_str(&match (messages.len() as u64, total) {
            (0, _) => "no messages\n".to_owned(),
            (shown, total) if shown == total => format!("{total} in all\n"),
            (shown, total) => format!("{shown} of {more}{total} shown; --limit shows more\n"),
        });
        Ok(out)
    }

    /// What failed, why, and what to do; and whether anything did.
    ///
    /// # Errors
    /// What the exchange answers where it refuses.
    pub async fn failed(&self, limit: Option<usize>, as_json: bool) -> Result<String, String> {
        let limit: Vec<(&str, String)> = limit.map(|n| ("limit", n.to_string())).into_iter().collect();
        let body = self.json(self.request(reqwest::Method::GET, "/failed")?.query(&limit)).await?;
        if as_json {
            return Ok(format!("{}\n", serde_json::to_string_pretty(&body).unwrap_or_default()));
        }
        let mut out = String::new();
        for (key, total, words) in [
            ("refused", "refusedTotal", "refused or given up"),
            ("notCollected", "notCollectedTotal", "not collected in time"),
        ] {
            if body[total].as_u64().unwrap_or(0) > 0 {
                out.push_str(&format!("{} {words}\n", body[total]));
            }
            for message in body[key].as_array().into_iter().flatten() {
                out.push_str(&line(message));
                let why = message["failure"]["text"].as_str().unwrap_or("nobody came for it");
                out.push_str(&format!(
                    "  why   {why}\n  do    {}\n",
                    message["advice"].as_str().unwrap_or("")
                ));
            }
        }
        let waiting = body["needDecision"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !waiting.is_empty() {
            out.push_str(&format!("{} need a decision\n", waiting.len()));
        }
        for item in waiting {
            let word = |key: &str| item[key].as_str().unwrap_or("");
            out.push_str(&format!("{:32}  {} {}\n", word("message"), word("step"), word("destination")));
            out.push_str(&format!(
                "  why   {}\n  do    {} ({}{})\n",
                word("text"),
                word("advice"),
                self.server,
                word("href")
            ));
        }
        Ok(if out.is_empty() { "nothing failed\n".to_owned() } else { out })
    }

    /// One message with its timeline.
    ///
    /// # Errors
    /// What the exchange answers where it refuses.
    pub async fn message(&self, id: &str, as_json: bool) -> Result<String, String> {
        let body = self.json(self.request(reqwest::Method::GET, &format!("/messages/{id}"))?).await?;
        if as_json {
            return Ok(format!("{}\n", serde_json::to_string_pretty(&body).unwrap_or_default()));
        }
        Ok(message_text(&body))
    }

    /// Sends a file and waits for its translation.
    ///
    /// # Errors
    /// Where the file can't be read, or what the exchange answers where it refuses.
    pub async fn send(
        &self,
        path: &Path,
        media_type: &str,
        key: Option<&str>,
    ) -> Result<(String, bool), String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (body, _) = self.post(bytes, media_type, key, true).await?;
        let good = body["translation"]["errors"].as_u64() == Some(0);
        Ok((message_text(&body), good))
    }

    /// Sends a message; with `wait` the answer tells of its translation. Also whether it was sent before.
    ///
    /// # Errors
    /// What the exchange answers where it refuses.
    pub async fn post(
        &self,
        bytes: Vec<u8>,
        media_type: &str,
        key: Option<&str>,
        wait: bool,
    ) -> Result<(Value, bool), String> {
        let mut request =
            self.request(reqwest::Method::POST, "/messages")?.header("Content-Type", media_type).body(bytes);
        if wait {
            request = request.header("Prefer", "respond-sync");
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.map_err(|_| format!("{} does not answer", self.server))?;
        let replayed = answer.headers().contains_key("causeway-replayed");
        let body = self.read(answer).await?;
        // A replayed answer is the first one: ask how the message stands now.
        match body["id"].as_str().filter(|_| replayed && wait) {
            Some(id) => {
                let now = self.json(self.request(reqwest::Method::GET, &format!("/messages/{id}"))?).await?;
                Ok((now, replayed))
            }
            None => Ok((body, replayed)),
        }
    }
}

/// Whether an exchange or translator is well, and what it says.
///
/// # Errors
/// Where it does not answer.
pub async fn health(server: &str) -> Result<(bool, String), String> {
    let url = format!("{}/health", server.trim_end_matches('/'));
    let answer =
        crate::process::client()?.get(url).send().await.map_err(|_| format!("{server} does not answer"))?;
    let good = answer.status().is_success();
    let text = answer.text().await.map_err(|_| format!("{server} does not answer"))?;
    Ok((good, format!("{}\n", text.trim_end())))
}

/// Which messages to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In this state.
    pub state: Option<String>,
    /// Of this sender.
    pub sender: Option<String>,
    /// With this number.
    pub number: Option<String>,
    /// About the person with this NHS number.
    pub person: Option<String>,
    /// From this day on.
    pub since: Option<String>,
    /// Up to this day.
    pub until: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl Wanted {
    fn query(&self) -> Vec<(&'static str, String)> {
        let texts = [
            ("state", &self.state),
            ("sender", &self.sender),
            ("number", &self.number),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let mut query: Vec<_> =
            texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect();
        query.extend(self.limit.map(|n| ("limit", n.to_string())));
        query
    }
}

/// A message in a list.
fn line(message: &Value) -> String {
    let word = |key: &str| message[key].as_str().unwrap_or("");
    let when = word("received").get(..19).unwrap_or("");
    let number = message["controlId"].as_str().or(message["localId"].as_str()).unwrap_or("");
    let line = format!(
        "{:32}  {when}  {:12} {:14} {:6} {number:20} {}",
        word("id"),
        word("state"),
        word("sender"),
        word("door"),
        word("workflow")
    );
    format!("{}\n", line.trim_end())
}

/// A message for people.
pub fn message_text(body: &Value) -> String {
    let word = |key: &str| body[key].as_str().unwrap_or("");
    let mut out = format!("{}  {}\n", word("id"), word("state"));
    out.push_str(&format!(
        "  from {} by {}, {} bytes, {}\n",
        word("sender"),
        word("door"),
        body["bytes"],
        word("received")
    ));
    if let Some(text) = body["failure"]["text"].as_str() {
        let code = body["failure"]["code"].as_str().unwrap_or("");
        out.push_str(&format!("  why   {text}\n  do    {}\n", advice(code)));
    }
    let translation = &body["translation"];
    if translation.is_object() {
        out.push_str(&format!(
            "  {}: {}, {}, {}\n",
            translation["format"].as_str().filter(|f| !f.is_empty()).unwrap_or("not recognised"),
            count(translation["bundles"].as_array().map_or(0, Vec::len) as u64, "bundle"),
            count(translation["errors"].as_u64().unwrap_or(0), "error"),
            count(translation["warnings"].as_u64().unwrap_or(0), "warning")
        ));
        let counts: Vec<String> = translation["ledger"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, n)| n.as_u64() != Some(0))
            .map(|(word, n)| format!("{n} {word}"))
            .collect();
        out.push_str(&format!("  {}\n", counts.join(", ")));
    }
    for event in body["timeline"].as_array().into_iter().flatten() {
        let word = |key: &str| event[key].as_str().unwrap_or("");
        out.push_str(&format!("  {}  {} {} {}\n", word("at"), word("event"), word("actor"), word("detail")));
    }
    out
}
