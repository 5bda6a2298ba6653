//! `causeway messages`, `causeway message`, `causeway send`: a running exchange, seen from a terminal.

use std::path::Path;

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
        let mut request = crate::demo::client()?.request(method, url).header("Accept", "application/json");
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
        Err(format!("{}: {text}", status.as_u16()))
    }

    /// The newest messages, a line each.
    ///
    /// # Errors
    /// What the exchange answers where it refuses.
    pub async fn messages(&self, state: Option<&str>, as_json: bool) -> Result<String, String> {
        let query = state.map(|s| format!("?state={s}")).unwrap_or_default();
        let body = self.json(self.request(reqwest::Method::GET, &format!("/messages{query}"))?).await?;
        if as_json {
            return Ok(format!("{}\n", serde_json::to_string_pretty(&body).unwrap_or_default()));
        }
        let mut out = String::new();
        for message in body["messages"].as_array().into_iter().flatten() {
            let word = |key: &str| message[key].as_str().unwrap_or("");
            let when = word("received").get(..19).unwrap_or("");
            out.push_str(&format!(
                "{:32}  {when}  {:12} {:14} {:6} {}\n",
                word("id"),
                word("state"),
                word("sender"),
                word("door"),
                word("workflow")
            ));
        }
        if out.is_empty() {
            out.push_str("no messages\n");
        }
        Ok(out)
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
        crate::demo::client()?.get(url).send().await.map_err(|_| format!("{server} does not answer"))?;
    let good = answer.status().is_success();
    let text = answer.text().await.map_err(|_| format!("{server} does not answer"))?;
    Ok((good, format!("{}\n", text.trim_end())))
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
    let translation = &body["translation"];
    if translation.is_object() {
        out.push_str(&format!(
            "  {}: {} bundles, {} errors, {} warnings\n",
            translation["format"].as_str().unwrap_or("not recognised"),
            translation["bundles"].as_array().map_or(0, Vec::len),
            translation["errors"],
            translation["warnings"]
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
