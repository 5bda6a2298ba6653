//! What leaves to a browser: a list of media types that can't run, and the headers that every answer has.
//!
//! An exchange gives back files that others sent, from the address at which its operators are signed in. So what a
//! sender says of its file is never believed: what is on [`inert`]'s list is shown, everything else is downloaded.
//! [`seal`] holds every answer of every handler to that, whether or not the handler thought of it.

use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

/// What is downloaded rather than shown.
pub const DOWNLOAD: &str = "application/octet-stream";
/// Seconds for which a browser speaks only TLS with this host: a year.
pub const HSTS: &str = "max-age=31536000";

/// Content Security Policy of our own pages: no script at all, styles, images and forms of our own.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                           frame-ancestors 'none'";
/// Of everything else: nothing is loaded, nothing runs, and what is shown has an origin of its own.
const DATA_POLICY: &str =
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Marks an answer that was made here, from templates of ours or by an encoder of ours: its markup may be shown as
/// such, and its media type is ours. An extension of the response.
#[derive(Clone, Copy, Debug)]
pub struct Rendered;

/// Character sets that a text of others may be shown in. None of them hides markup in other bytes.
const CHARSETS: &[&str] = &["utf-8", "us-ascii", "iso-8859-1", "windows-1252"];

/// Type and subtype in small letters, without parameters; `None` where they are not two tokens (RFC 9110 8.3.1).
fn essence(declared: &str) -> Option<String> {
    let essence =
        declared.split(';').next().unwrap_or(declared).trim_matches([' ', '\t']).to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    let (kind, sub) = essence.split_once('/')?;
    (token(kind) && token(sub)).then_some(essence)
}

fn charset(declared: &str) -> Option<&'static str> {
    let named = declared.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })?;
    CHARSETS.iter().copied().find(|known| known.eq_ignore_ascii_case(named))
}

/// The media type under which something that others sent is shown, where it is one of the few that no browser runs:
/// plain text, and JSON. Written by us, whatever case and parameters came.
pub fn inert(declared: &str) -> Option<String> {
    match essence(declared)?.as_str() {
        "application/json" => Some("application/json".to_owned()),
        "application/fhir+json" => Some("application/fhir+json".to_owned()),
        "text/plain" => Some(format!("text/plain; charset={}", charset(declared).unwrap_or("utf-8"))),
        _ => None,
    }
}

/// Sets media type and disposition of a file that others sent, whose name (ASCII letters, digits, `.`, `-`, `_`;
/// others are left out) a download has.
pub fn as_sent_by_others(headers: &mut HeaderMap, declared: Option<&str>, name: &str) {
    if let Some(value) = declared.and_then(inert).and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        headers.insert(CONTENT_TYPE, value);
        return;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(DOWNLOAD));
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    let value = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(CONTENT_DISPOSITION, value.unwrap_or(HeaderValue::from_static("attachment")));
}

/// What may be done with an answer's body in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Page,
    Shown,
    /// Kept under its type for the programs that ask for it, downloaded by a browser.
    Saved,
    /// Downloaded under no type.
    Blunted,
}

fn fate(declared: &str, rendered: bool) -> Fate {
    let Some(essence) = essence(declared) else { return Fate::Blunted };
    match essence.as_str() {
        "text/html" | "text/css" if rendered => Fate::Page,
        "text/plain" => Fate::Shown,
        "application/octet-stream"
        | "application/gzip"
        | "text/csv"
        | "application/xml"
        | "text/xml"
        | "application/fhir+ndjson"
        | "application/openmetrics-text" => Fate::Saved,
        "application/xhtml+xml" | "image/svg+xml" | "application/mathml+xml" => Fate::Blunted,
        json if json == "application/json"
            || (json.starts_with("application/") && json.ends_with("+json")) =>
        {
            Fate::Shown
        }
        // FHIR as XML, SCAIP: made by a door of ours for a program.
        xml if xml.starts_with("application/") && xml.ends_with("+xml") => Fate::Saved,
        xml if xml.starts_with("application/") && xml.ends_with("-xml") => Fate::Saved,
        _ if rendered => Fate::Saved,
        _ => Fate::Blunted,
    }
}

/// Sets on an answer what every answer has, by what it is: `X-Content-Type-Options`, `Content-Security-Policy`,
/// `Cross-Origin-Resource-Policy`, `Cross-Origin-Opener-Policy`, `Referrer-Policy`, `X-Frame-Options`,
/// `Cache-Control`, and under TLS `Strict-Transport-Security`. Markup that was not rendered here leaves as a download.
pub fn seal(response: &mut Response, tls: bool) {
    let rendered = response.extensions().get::<Rendered>().is_some();
    let headers = response.headers_mut();
    let several = headers.get_all(CONTENT_TYPE).iter().count() > 1;
    let fate = match headers.get(CONTENT_TYPE) {
        None => Fate::Shown,
        Some(_) if several => Fate::Blunted,
        Some(kind) => kind.to_str().map_or(Fate::Blunted, |kind| fate(kind, rendered)),
    };
    if fate == Fate::Blunted {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(DOWNLOAD));
    }
    if matches!(fate, Fate::Blunted | Fate::Saved) {
        headers.entry(CONTENT_DISPOSITION).or_insert(HeaderValue::from_static("attachment"));
    }
    let page = fate == Fate::Page;
    let set: [(&str, &str); 6] = [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", if page { PAGE_POLICY } else { DATA_POLICY }),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        // A page's forms say where they were sent from: with `no-referrer` a browser would say `null`.
        ("referrer-policy", if page { "same-origin" } else { "no-referrer" }),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in set {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if tls {
        headers.insert("strict-transport-security", HeaderValue::from_static(HSTS));
    }
    // Care records have no business in a cache; the style sheet says otherwise itself.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types that a browser runs or guesses about, in every disguise.
    const ACTIVE: &[&str] = &[
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/mathml+xml",
        "text/xsl",
        "application/xslt+xml",
        "text/javascript",
        "application/ecmascript",
        "application/pdf",
        "application/x-shockwave-flash",
        "multipart/x-mixed-replace",
        "message/rfc822",
        "multipart/related",
        "text/vtt",
        "text/cache-manifest",
        "text/css",
        "application/wasm",
        "application/x-unknown",
        "image/png",
        "unknown/unknown",
        "*/*",
        "text",
        "",
        "/",
        ";",
        "text /html",
        "text/html/",
        "text/plain, text/html",
        "text/html\ttext/plain",
        "text/plain\u{a0}",
    ];

    fn disguises(kind: &str) -> Vec<String> {
        let title: String = kind
            .chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect();
        let mut all = Vec::new();
        for base in [kind.to_owned(), kind.to_uppercase(), title] {
            for end in [
                "",
                ";",
                "; charset=utf-8",
                ";charset=\"utf-7\"",
                " ;x=text/plain",
                "; a=b; a=\"text/plain\"",
            ] {
                all.push(format!("{base}{end}"));
                all.push(format!(" {base}{end}"));
            }
        }
        all
    }

    #[test]
    fn only_what_is_listed_is_shown_whatever_the_case_and_the_parameters() {
        for kind in ACTIVE {
            for declared in disguises(kind) {
                assert_eq!(inert(&declared), None, "{declared:?}");
                let mut headers = HeaderMap::new();
                as_sent_by_others(&mut headers, Some(&declared), "m\"\r\n-1.xml");
                assert_eq!(headers[CONTENT_TYPE], DOWNLOAD, "{declared:?}");
                assert_eq!(headers[CONTENT_DISPOSITION], "attachment; filename=\"m-1.xml\"");
            }
        }
        // The control: what is listed is shown, under a type of our writing.
        for (declared, shown) in [
            ("Text/PLAIN", "text/plain; charset=utf-8"),
            ("text/plain;charset=ISO-8859-1", "text/plain; charset=iso-8859-1"),
            ("text/plain; charset=utf-7", "text/plain; charset=utf-8"),
            ("application/JSON; x=<script>", "application/json"),
            ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ] {
            assert_eq!(inert(declared).as_deref(), Some(shown), "{declared}");
        }
    }

    #[test]
    fn markup_that_was_not_rendered_here_leaves_as_a_download() {
        for kind in ACTIVE {
            for declared in disguises(kind) {
                let Ok(value) = HeaderValue::from_str(&declared) else { continue };
                let mut response = Response::new(axum::body::Body::empty());
                response.headers_mut().insert(CONTENT_TYPE, value);
                seal(&mut response, false);
                let headers = response.headers();
                assert_eq!(headers[CONTENT_DISPOSITION], "attachment", "{declared:?}");
                assert!(headers["content-security-policy"].to_str().unwrap().starts_with("sandbox;"));
                assert!(!headers.contains_key("strict-transport-security"));
            }
        }
        // The control: the same type, rendered here, is a page; and data stays what it is.
        let mut response = Response::new(axum::body::Body::empty());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response.extensions_mut().insert(Rendered);
        seal(&mut response, true);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(!response.headers().contains_key(CONTENT_DISPOSITION));
        assert_eq!(response.headers()["strict-transport-security"], HSTS);
        for kind in ["application/fhir+json", "application/vnd.mesh.v2+json", "text/plain; version=0.0.4"] {
            let mut response = Response::new(axum::body::Body::empty());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            seal(&mut response, false);
            assert_eq!(response.headers()[CONTENT_TYPE], kind);
            assert!(!response.headers().contains_key(CONTENT_DISPOSITION));
        }
    }
}
