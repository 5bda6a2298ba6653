//! Fetching what a source holds, at the moment when it is asked for. Only what lies under the address of an endpoint that an
//! operator set up is fetched, signed and secured as its settings say; no redirect is followed.

use reqwest::Url;

use super::answer::Verdict;
use super::config::{self, Endpoint, Kind};
use super::connection;
use super::oauth::Tokens;
use crate::state::Shared;

/// Bytes of a document that is fetched.
pub const FETCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// Name of the endpoint.
    pub endpoint: String,
    /// Media type.
    pub media_type: String,
    /// The document.
    pub body: Vec<u8>,
}

/// Why nothing was fetched. The texts name no value of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No endpoint has this address.
    #[error("no endpoint that is set up has this address")]
    NoEndpoint,
    /// The source does not answer, or its token service does not.
    #[error("the source is away: {0}")]
    Away(String),
    /// The source says no.
    #[error("the source refused: {0}")]
    Refused(String),
    /// It is larger than [`FETCH_BYTES_MAX`].
    #[error("the document is too large")]
    TooLarge,
}

/// Fetches a document.
///
/// # Errors
/// [`FetchError`].
pub async fn fetch(state: &Shared, address: &str) -> Result<Fetched, FetchError> {
    let url = Url::parse(address).map_err(|_| FetchError::NoEndpoint)?;
    let endpoints = state.blocking(config::all).await.map_err(|_| FetchError::Away("settings".to_owned()))?;
    let endpoint = endpoints
        .iter()
        .filter(|e| matches!(e.kind, Kind::Fhir | Kind::Http) && vouches(e, &url))
        .max_by_key(|e| e.address.len())
        .ok_or(FetchError::NoEndpoint)?;
    let away = |text: &str| FetchError::Away(format!("{} ({text})", endpoint.name));
    let client = connection::client(endpoint).await.map_err(|text| away(&text))?;
    let authorization = Tokens::default().authorization(&client, endpoint, state.clock.now()).await;
    let authorization = authorization.map_err(|verdict| match verdict {
        Verdict::Later { detail, .. } | Verdict::Refused { detail, .. } | Verdict::Taken { detail, .. } => {
            away(&detail)
        }
    })?;
    let mut request = client.get(url).header("x-request-id", uuid::Uuid::now_v7().to_string());
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.send().await.map_err(|error| {
        away(if error.is_timeout() { "it did not answer in time" } else { "it can't be reached" })
    })?;
    let status = response.status();
    if status.is_server_error() {
        return Err(away(&format!("it answered {}", status.as_u16())));
    }
    if !status.is_success() {
        return Err(FetchError::Refused(format!("{} (it answered {})", endpoint.name, status.as_u16())));
    }
    let media_type = response.headers().get("content-type").and_then(|v| v.to_str().ok());
    let media_type = media_type.unwrap_or("application/octet-stream").to_owned();
    let body =
        crate::link::read(response, FETCH_BYTES_MAX + 1).await.map_err(|_| away("its answer broke off"))?;
    if body.len() > FETCH_BYTES_MAX {
        return Err(FetchError::TooLarge);
    }
    Ok(Fetched { endpoint: endpoint.name.clone(), media_type, body })
}

/// Sends what nobody waits for: a handshake, a heartbeat. Taken where the answer is 2xx.
///
/// # Errors
/// A sentence that names no value.
pub(crate) async fn post(state: &Shared, endpoint: &Endpoint, body: Vec<u8>) -> Result<(), String> {
    let client = connection::client(endpoint).await?;
    let authorization = Tokens::default().authorization(&client, endpoint, state.clock.now()).await;
    let authorization = authorization.map_err(|_| "no token could be had".to_owned())?;
    let mut request = client
        .post(&endpoint.address)
        .header("content-type", causeway_fhir::MEDIA_TYPE)
        .header("x-request-id", uuid::Uuid::now_v7().to_string());
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.body(body).send().await.map_err(|error| match error.is_timeout() {
        true => "the receiver did not answer in time".to_owned(),
        false => "the receiver can't be reached".to_owned(),
    })?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the receiver answered {}", status.as_u16())),
    }
}

/// Whether an address lies under that of an endpoint: same scheme, host and port, and below its path.
pub(crate) fn vouches(endpoint: &Endpoint, url: &Url) -> bool {
    let Ok(own) = Url::parse(&endpoint.address) else { return false };
    let below = url.path().strip_prefix(own.path().trim_end_matches('/'));
    own.scheme() == url.scheme()
        && own.host_str().is_some()
        && own.host_str() == url.host_str()
        && own.port_or_known_default() == url.port_or_known_default()
        && url.username().is_empty()
        && url.password().is_none()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_under_an_endpoint_is_fetched() {
        let endpoint = Endpoint { address: "https://ward.example/records".to_owned(), ..Endpoint::default() };
        for (url, yes) in [
            ("https://ward.example/records/1", true),
            ("https://ward.example:443/records", true),
            ("https://ward.example/recordsX/1", false),
            ("https://ward.example/records/../admin", false),
            ("https://ward.example/records/%2e%2e/admin", false),
            ("http://ward.example/records/1", false),
            ("https://ward.example:8443/records/1", false),
            ("https://ward.example.attacker.example/records/1", false),
            ("https://me@ward.example/records/1", false),
            ("https://ward.example@attacker.example/records/1", false),
        ] {
            assert_eq!(vouches(&endpoint, &Url::parse(url).unwrap()), yes, "{url}");
        }
    }
}
