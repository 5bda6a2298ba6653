//! Sending over HTTP: one client for each endpoint, which trusts only the endpoint's own authorities, uses no proxy
//! and follows no redirect.

use std::time::Duration;

use causeway_fhir::MEDIA_TYPE;
use jiff::SignedDuration;

use super::answer::{Received, Sent, Verdict, of_http};
use super::circuit::Whose;
use super::config::{Auth, Endpoint, Kind};
use super::limits::{ANSWER_BYTES_MAX, CONNECT_SECONDS};
use super::oauth::Tokens;
use super::parcel::Parcel;
use crate::bars;

/// A client for an endpoint.
pub(super) async fn client(endpoint: &Endpoint) -> Result<reqwest::Client, String> {
    let mut authorities = Vec::new();
    if let Some(path) = &endpoint.ca {
        let pem = tokio::fs::read(path).await.map_err(|_| "the file of authorities can't be read")?;
        authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| "the file of authorities holds no certificates")?;
    }
    let mut builder = reqwest::Client::builder()
        .tls_certs_only(authorities)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS.min(endpoint.timeout_seconds)))
        .timeout(Duration::from_secs(endpoint.timeout_seconds))
        .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION")));
    if let (Some(certificate), Some(key)) = (&endpoint.certificate, &endpoint.key) {
        let mut pem =
            tokio::fs::read(certificate).await.map_err(|_| "the client certificate can't be read")?;
        pem.push(b'\n');
        pem.extend(tokio::fs::read(key).await.map_err(|_| "the client certificate's key can't be read")?);
        let identity =
            reqwest::Identity::from_pem(&pem).map_err(|_| "the client certificate can't be used")?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|_| "the client could not be built".to_owned())
}

/// Reads a body up to a limit; what is beyond is left.
pub(super) async fn read(mut response: reqwest::Response, limit: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or_default());
        if body.len() >= limit {
            break;
        }
    }
    Ok(body)
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: jiff::Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(at.duration_since(now).max(SignedDuration::ZERO))
}

fn failure(error: &reqwest::Error) -> Verdict {
    if error.is_builder() {
        return Verdict::refused("request-refused", "the request can't be written with these settings");
    }
    if error.is_connect() {
        return Verdict::later("connect", "the receiver can't be reached", Whose::Endpoint);
    }
    if error.is_timeout() {
        return Verdict::later("timeout", "the receiver did not answer in time", Whose::Unknown);
    }
    Verdict::later("answer-lost", "the connection broke before the receiver had answered", Whose::Unknown)
}

/// Sends once and reads the answer.
pub(super) async fn send(
    client: &reqwest::Client,
    tokens: &Tokens,
    endpoint: &Endpoint,
    parcel: &Parcel,
    body: &[u8],
    now: jiff::Timestamp,
) -> Sent {
    let first = once(client, tokens, endpoint, parcel, body, now).await;
    let refused = first.received.as_ref().is_some_and(|r| matches!(r.status, 401 | 403))
        && matches!(endpoint.auth, Auth::Oauth2 { .. });
    if !refused {
        return first;
    }
    // A token may be withdrawn, or be given other rights, before its time: one try with a new one.
    tokens.forget(&endpoint.name).await;
    once(client, tokens, endpoint, parcel, body, now).await
}

async fn once(
    client: &reqwest::Client,
    tokens: &Tokens,
    endpoint: &Endpoint,
    parcel: &Parcel,
    body: &[u8],
    now: jiff::Timestamp,
) -> Sent {
    let authorization = match tokens.authorization(client, endpoint, now).await {
        Ok(authorization) => authorization,
        Err(verdict) => return verdict.into(),
    };
    let fhir = endpoint.kind == Kind::Fhir;
    let mut request = client
        .post(&endpoint.address)
        .header("content-type", &parcel.media_type)
        .header("x-request-id", &parcel.request_id)
        .header("x-correlation-id", &parcel.correlation_id);
    if fhir {
        let accept = parcel.forwarded("accept");
        request = request.header("accept", accept.unwrap_or("application/fhir+json; version=1.0.0"));
        for name in bars::FORWARDED {
            if let Some(value) = parcel.forwarded(name) {
                request = request.header(*name, value);
            }
        }
    } else {
        request = request.header("idempotency-key", &parcel.request_id);
    }
    for (name, value) in &endpoint.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = match request.body(body.to_vec()).send().await {
        Ok(response) => response,
        Err(error) => return failure(&error).into(),
    };
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let retry_after = header("retry-after").and_then(|value| retry_after(value, now));
    let media_type = header("content-type").unwrap_or(if fhir { MEDIA_TYPE } else { "" }).to_owned();
    match read(response, ANSWER_BYTES_MAX).await {
        Ok(body) => {
            let received = Received { status, media_type, retry_after, body };
            let passed_on = parcel.delivery.route == bars::ROUTE;
            Sent { verdict: of_http(&received, fhir, passed_on), received: Some(received) }
        }
        Err(error) => failure(&error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "2026-11-02T09:30:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            ("Mon, 02 Nov 2026 09:31:00 GMT", Some(60)),
            ("Mon, 02 Nov 2026 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(value, now).map(|d| d.as_secs()), seconds, "{value}");
        }
    }
}
