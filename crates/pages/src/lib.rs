//! The pages: rendered here, readable without scripts, printable, each under 100 kB.

pub mod assessor;
mod check;
pub(crate) mod clinician;
pub mod explain;
mod faults;
pub mod limits;
pub mod messages;
pub mod navigation;
pub mod onboarding;
pub mod pack;
mod people;
pub mod portal;
mod queues;
mod research;
pub mod results;
mod start;
mod tour;
pub mod words;

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use causeway_broker::state::Shared;
use causeway_host::browser::Rendered;
use causeway_host::problem::{Answer, Problem};

/// The one style sheet.
const STYLE: &str = include_str!("../templates/causeway.css");

/// Routes of the pages that have no other form. Those of messages that programs read too are put
/// together by the service: [`messages::list`], [`messages::one`].
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(start::page))
        .route("/adapters", get(start::adapters))
        .route("/messages/{id}/explain", get(explain::page))
        .route("/messages/{id}/replay", get(messages::replay))
        .route("/accessibility", get(start::accessibility))
        .merge(check::router())
        .merge(faults::router())
        .merge(assessor::router())
        .merge(onboarding::router())
        .merge(pack::router())
        .merge(tour::router())
        .route("/people", get(people::list).post(people::search))
        .route("/people/", get(people::list).post(people::search))
        .route("/people/{id}", get(clinician::record::page))
        .route("/identity", get(clinician::identity::list))
        .route("/identity/{number}", get(clinician::identity::one).post(clinician::identity::decide))
        .route("/overdue", get(queues::overdue))
        .route("/overdue/{number}", get(queues::overdue_one).post(queues::handle))
        .route("/parked", get(queues::parked))
        .route("/parked/{number}", get(queues::parked_one).post(queues::act))
        .route("/research", get(research::page))
        .route("/assets/causeway.css", get(style))
        .merge(portal::router())
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=300")),
    ];
    (Extension(Rendered), headers, STYLE).into_response()
}

/// What every page has around its content.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Title of the page.
    pub title: String,
    /// Which entry of the navigation it belongs to.
    pub here: &'static str,
}

impl Frame {
    /// A frame.
    pub fn new(title: impl Into<String>, here: &'static str) -> Self {
        Self { title: title.into(), here }
    }

    /// Address and words of each entry of the navigation of whom the page is for.
    pub fn navigation(&self) -> Vec<navigation::Entry> {
        navigation::entries().to_vec()
    }

    /// Who signed in, if somebody did.
    pub fn who(&self) -> Option<navigation::Who> {
        navigation::who()
    }

    /// What a form of who signed in must send along; empty for nobody.
    pub fn csrf(&self) -> String {
        self.who().map(|who| who.csrf).unwrap_or_default()
    }

    /// Whether who signed in may ask for access to somebody who is not in their list.
    pub fn may_ask(&self) -> bool {
        self.who().is_some_and(|who| who.may_ask)
    }
}

/// Rules of refusals after which access may be asked for, with a reason.
const ASKABLE: &[&str] = &["no-relationship", "person-flags"];

/// Renders a page.
///
/// # Errors
/// 500 where the template fails, which means that formatting itself failed.
pub fn render(template: &impl Template) -> Answer {
    let html = template.render().map_err(|_| Problem::internal())?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::VARY, "accept")];
    Ok((Extension(Rendered), headers, html).into_response())
}

/// Whether the caller is a browser asking for a page, rather than a program asking for JSON.
pub fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
    for kind in accept.split(',') {
        let kind = kind.split(';').next().unwrap_or(kind).trim();
        if kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml") {
            return true;
        }
        if kind.ends_with("json") {
            return false;
        }
    }
    false
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    problem: Problem,
    /// What is wrong, as a sentence.
    text: String,
    /// Whether access may be asked for.
    ask: bool,
}

/// Puts what axum itself refuses (a number in a path that is none, a form that can't be read) into the words
/// and form of our own refusals. Not for other doors: their protocols say how they refuse.
pub async fn rejections_as_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let ours = response.extensions().get::<Problem>().is_some();
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if ours || !plain || !status.is_client_error() {
        return response;
    }
    // What axum says may quote the value that it could not read, so it is not passed on.
    Problem::new(status, "invalid", "request", "the request could not be understood").into_response()
}

/// Shows refusals to browsers as pages. The FHIR API answers with an OperationOutcome always.
pub async fn problems_as_pages(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let html = wants_html(request.headers()) && !path.starts_with("/fhir");
    // Who has shown nothing is led to where one signs in, and comes back.
    let leads = html
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.headers().contains_key(header::AUTHORIZATION)
        && !path.starts_with("/sign-in");
    let back = leads.then(|| request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned());
    let response = next.run(request).await;
    if let Some(back) = back.filter(|_| response.status() == StatusCode::UNAUTHORIZED) {
        let page = portal::sign_in::page_of_ours(&back).unwrap_or("/");
        let location = format!("/sign-in/choose?to={}", causeway_core::address::in_query(page));
        if let Ok(location) = HeaderValue::from_str(&location) {
            let headers = [(header::LOCATION, location), (header::VARY, HeaderValue::from_static("accept"))];
            return (StatusCode::SEE_OTHER, headers).into_response();
        }
    }
    let Some(problem) = response.extensions().get::<Problem>().filter(|_| html).cloned() else {
        return response;
    };
    let status = response.status();
    let title = match status.as_u16() {
        401 => "Sign in needed",
        403 => "Not allowed",
        404 | 410 => "Not found",
        429 | 503 => "Try again later",
        400..=499 => "This could not be done",
        _ => "Something went wrong",
    };
    let frame = Frame::new(title, "");
    let ask = frame.may_ask() && ASKABLE.contains(&problem.rule);
    let text = words::sentence(&problem.text);
    let page = ProblemPage { frame, status: status.as_u16(), problem, text, ask };
    let Ok(mut shown) = render(&page) else { return response };
    *shown.status_mut() = status;
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kind_that_we_know_decides() {
        let ask = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            wants_html(&headers)
        };
        assert!(ask("text/html,application/xhtml+xml,application/json;q=0.9"));
        assert!(!ask("application/json, text/html"));
        assert!(!ask("application/fhir+json"));
        assert!(!ask("*/*"));
        assert!(!wants_html(&HeaderMap::new()));
    }
}
