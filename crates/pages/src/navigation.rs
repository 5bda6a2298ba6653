//! The navigation: what of the exchange is somebody's own. Who signed in sees the pages of their role and no others; the
//! operator, and whoever has not signed in, those of the exchange.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use causeway_access::cookie::session_of;
use causeway_broker::state::Shared;

use super::wants_html;

/// Address and words of one entry.
pub type Entry = (&'static str, &'static str);

/// Of the operator.
const OF_OPERATORS: &[Entry] = &[
    ("/", "Start"),
    ("/messages/", "Messages"),
    ("/people/", "People"),
    ("/access", "Access"),
    ("/failed", "What failed"),
    ("/overdue", "Answers not come"),
    ("/parked", "Needs a decision"),
    ("/adapters", "Formats"),
];

/// Of the person and of those whom she let in.
const OF_PEOPLE: &[Entry] =
    &[("/me", "My record"), ("/access", "How access is decided"), ("/research", "Research and planning")];

/// Of the care team.
const OF_STAFF: &[Entry] =
    &[("/people/", "People"), ("/care-note", "Write a care note"), ("/access", "How access is decided")];

/// Of privacy officers and guardians.
const OF_OFFICERS: &[Entry] = &[
    ("/privacy", "Privacy"),
    ("/people/", "People"),
    ("/access/sensitive", "Sensitive information"),
    ("/access", "How access is decided"),
];

/// Of who looks people up and sees nothing else of them.
const OF_CLERKS: &[Entry] = &[("/people/", "People"), ("/access", "How access is decided")];

/// Of researchers.
const OF_RESEARCHERS: &[Entry] =
    &[("/research", "Research and planning"), ("/access", "How access is decided")];

/// The entries of a role of the policy set, or of the operator for `None`.
pub fn of_role(role: Option<&str>) -> &'static [Entry] {
    match role {
        None => OF_OPERATORS,
        Some("person" | "carer") => OF_PEOPLE,
        Some("R0001" | "R5105") => OF_OFFICERS,
        Some("R1860") => OF_RESEARCHERS,
        Some("R8010" | "council-technician") => OF_CLERKS,
        Some(_) => OF_STAFF,
    }
}

tokio::task_local! {
    /// The entries of whom the page under way is for: set by one layer, so that no page forgets them.
    static ENTRIES: &'static [Entry];
}

/// The entries of the page under way.
pub(crate) fn entries() -> &'static [Entry] {
    ENTRIES.try_get().unwrap_or(OF_OPERATORS)
}

/// Finds out for whom a page is, before it is made. A session that can't be read has no page: its handler says so.
pub async fn of_reader(State(state): State<Shared>, request: Request, next: Next) -> Response {
    if !wants_html(request.headers()) {
        return next.run(request).await;
    }
    let session = session_of(&state.gate, request.headers()).ok().flatten();
    let entries = of_role(session.as_ref().map(|s| s.who.role.as_str()));
    ENTRIES.scope(entries, next.run(request)).await
}
