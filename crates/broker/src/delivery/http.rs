//! Sending over HTTP.

use causeway_fhir::MEDIA_TYPE;
use jiff::SignedDuration;

use super::answer::{Received, Sent, Verdict, of_http};
use super::circuit::Whose;
use super::config::{Auth, Endpoint, Kind};
use super::limits::ANSWER_BYTES_MAX;
use super::oauth::Tokens;
use super::parcel::Parcel;
use crate::bars;
use crate::link::read;

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
