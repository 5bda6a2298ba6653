//! JSON and XML: what a request asks for by `_format` or `Accept`, and the answer in it. Handlers write JSON; what is asked
//! for as XML is written anew on the way out.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use causeway_fhir::MEDIA_TYPE;
use causeway_host::problem::{Answer, Problem};
use causeway_profile::Definitions;
use serde_json::Value;

/// Media type of FHIR's XML form.
const XML: &str = "application/fhir+xml";
/// Bytes of an answer that is written as XML; more is given as JSON only.
const XML_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    fn of(media_type: &str) -> Option<Self> {
        let media_type = media_type.split(';').next().unwrap_or_default().trim().replace(' ', "+");
        Some(match media_type.to_ascii_lowercase().as_str() {
            "json" | "text/json" | "application/json" | MEDIA_TYPE | "application/json+fhir" => Self::Json,
            "xml" | "text/xml" | "application/xml" | XML | "application/xml+fhir" => Self::Xml,
            // A browser's page request still gets JSON: there is no page at these addresses.
            "*/*" | "application/*" | "text/html" | "html" => Self::Json,
            _ => return None,
        })
    }

    /// What of the header `Accept` is liked best; the first of several that are liked the same.
    fn accepted(accept: &str) -> Option<Self> {
        let quality = |part: &str| {
            let q = part.split(';').skip(1).find_map(|p| p.trim().strip_prefix("q="));
            q.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0))
        };
        let mut best: Option<(f32, Self)> = None;
        for part in accept.split(',') {
            let Some(format) = Self::of(part) else { continue };
            let quality = quality(part);
            if quality > 0.0 && best.is_none_or(|(before, _)| quality > before) {
                best = Some((quality, format));
            }
        }
        best.map(|(_, format)| format)
    }
}

/// The form that is asked for: `_format` counts before `Accept`.
///
/// # Errors
/// 406 where it is neither JSON nor XML.
pub(super) fn negotiate(headers: &HeaderMap, format: Option<&str>) -> Answer<Format> {
    let asked = match format {
        Some(format) => Some(Format::of(format)),
        None => headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).map(Format::accepted),
    };
    asked.unwrap_or(Some(Format::Json)).ok_or_else(|| {
        let text = "application/fhir+json and application/fhir+xml are written";
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-supported", "format", text)
    })
}

/// The value of `_format` in a query.
fn format_of(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|part| part.strip_prefix("_format="))?;
    Some(value.replace("%2B", "+").replace("%2b", "+").replace("%2F", "/").replace("%2f", "/"))
}

/// Writes the answers of the API as XML where that is asked for.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let asked = request.uri().query().and_then(format_of);
    let wanted = negotiate(request.headers(), asked.as_deref());
    let response = next.run(request).await;
    match response.extensions().get::<Format>().copied().or(wanted.ok()) {
        Some(Format::Xml) => as_xml(response).await,
        _ => response,
    }
}

async fn as_xml(response: Response) -> Response {
    let is_fhir = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == MEDIA_TYPE);
    if !is_fhir {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let written = match to_bytes(body, XML_BYTES_MAX).await {
        Ok(bytes) if bytes.is_empty() => return Response::from_parts(parts, Body::empty()),
        Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
            .map_err(|_| "it is no resource".to_owned())
            .and_then(|resource| Definitions::r4().to_xml(&resource).map_err(|e| e.to_string())),
        Err(_) => Err("it is too large".to_owned()),
    };
    match written {
        Ok(xml) => {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(xml))
        }
        Err(why) => {
            let text = format!("the answer can't be written as XML: {why}; ask for application/fhir+json");
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not-supported", "format", text).into_response()
        }
    }
}

/// Reads a resource that a request brings, in either form.
///
/// # Errors
/// 400 where it can't be read.
pub(super) fn resource_of(body: &[u8]) -> Answer<Value> {
    let wrong = |_| Problem::invalid("body", "the body is not readable as FHIR JSON or XML");
    if causeway_profile::is_xml(body) {
        return Definitions::r4().from_xml(body).map_err(|_| ()).map_err(wrong);
    }
    serde_json::from_slice(body).map_err(|_| ()).map_err(wrong)
}

/// Says to the layer that writes XML what was asked for, as a form's parameters are not in the address.
pub(super) fn in_form(mut response: Response, form: Format) -> Response {
    response.extensions_mut().insert(form);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_liked_best_is_written() {
        for (accept, format) in [
            ("application/fhir+xml", Some(Format::Xml)),
            ("application/fhir+xml;q=1.0, application/fhir+json;q=0.9", Some(Format::Xml)),
            ("application/fhir+xml;q=0.8, application/fhir+json;q=0.9", Some(Format::Json)),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Format::Json)),
            ("*/*", Some(Format::Json)),
            ("image/png", None),
            ("application/fhir+xml;q=0", None),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
        assert_eq!(
            format_of("a=b&_format=application%2Ffhir%2Bxml").as_deref(),
            Some("application/fhir+xml")
        );
        assert_eq!(negotiate(&HeaderMap::new(), Some("xml")).ok(), Some(Format::Xml));
        assert!(negotiate(&HeaderMap::new(), Some("turtle")).is_err());
    }
}
