//! One organisation can't take all that is served: its requests under way are counted, and its rate is taken for those that no
//! door counts itself. A layer over every request that says who it is of; a wrong sign-in is left to the door to refuse. MESH
//! has its own.

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use causeway_access::Caller;
use causeway_broker::state::Shared;
use causeway_host::counters::Counters;
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::problem::Problem;
use causeway_host::share::Shares;

use crate::heavy::Asks;

/// Beginnings of routes whose doors take the rate themselves: by any method, and by what is sent.
const COUNTED: [&[&str]; 2] = [
    &["/producer/", "/consumer/"],
    &[
        "/messages",
        "/scaip",
        "/$process",
        "/%24process",
        "/fhir/$",
        "/fhir/%24",
        "/fhir/{kind}/$",
        "/fhir/{kind}/%24",
        "/fault/",
        "/care-note",
        "/check",
    ],
];

/// Whether the door of a route takes the rate itself.
fn is_counted(route: &str, method: &Method) -> bool {
    let begins = |list: &[&str]| list.iter().any(|begin| route.starts_with(begin));
    // Of a message there are other things to send than itself; the doors of those do not count.
    let of_a_message = route.starts_with("/messages/");
    let [always, sent] = COUNTED;
    begins(always) || (*method == Method::POST && begins(sent) && !of_a_message)
}

fn too_many() -> Response {
    let text = "too many requests of this organisation at a time";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "organisation-requests", text)
        .after(RETRY_AFTER_SECONDS)
        .into_response()
}

/// The layer.
pub(crate) async fn turn(
    State((state, shares)): State<(Shared, Shares)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let authorization =
        request.headers().get(header::AUTHORIZATION).map(|v| v.as_bytes().to_ascii_lowercase());
    let of_mesh =
        route.starts_with("/messageexchange") || authorization.is_some_and(|v| v.starts_with(b"nhsmesh"));
    if route == "/health" || of_mesh {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &state).await;
    let mut request = Request::from_parts(parts, body);
    let Ok(caller) = caller else { return next.run(request).await };
    if !caller.proven || !caller.named {
        return next.run(request).await;
    }
    let Some(_share) = shares.take(&caller.organisation.code) else {
        Counters::add(&state.counters.throttled);
        return too_many();
    };
    request.extensions_mut().insert(Asks(caller.organisation.code.clone()));
    if !is_counted(route, request.method())
        && let Err(problem) = caller.take_rate(&state)
    {
        return problem.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once() {
        for (method, route, counted) in [
            (Method::POST, "/messages", true),
            (Method::GET, "/messages", false),
            (Method::GET, "/messages/{id}/original", false),
            (Method::POST, "/messages/{id}/replay", false),
            (Method::POST, "/fhir/{kind}/_search", false),
            (Method::POST, "/fhir/{kind}/$validate", true),
            (Method::GET, "/fhir/{kind}/{id}", false),
            (Method::GET, "/producer/FHIR/R4/DocumentReference", true),
            (Method::POST, "/scaip", true),
            (Method::POST, "/people", false),
        ] {
            assert_eq!(is_counted(route, &method), counted, "{method} {route}");
        }
    }
}
