//! The navigation: what of the exchange is somebody's own. Who signed in sees the pages of their role and no others; the
//! operator, and whoever has not signed in, those of the exchange.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use causeway_access::cookie::session_of;
use causeway_access::policy::Audience;
use causeway_access::session::Session;
use causeway_broker::state::{AppState, Shared};

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

/// Roles that may ask for access to somebody who is not in their list: those who give care.
const CARE: &[&str] = &["R8000", "R8001", "R8003", "R8014", "care-home-manager", "care-worker"];

/// Who is signed in, for the line at the top of a page.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Name.
    pub name: String,
    /// Role in words; empty for the public.
    pub role: String,
    /// Organisation.
    pub organisation: String,
    /// What a form must send along.
    pub csrf: String,
    /// Whether the role may ask for access to others.
    pub may_ask: bool,
}

impl Who {
    fn of(state: &AppState, session: &Session) -> Self {
        let who = &session.who;
        let role = state.gate.access.policies.role(&who.role);
        let organisation = state.gate.organisations.find(&who.organisation);
        Self {
            name: who.name.clone(),
            // Of the public the name says it all.
            role: role.filter(|r| r.audience == Audience::Staff).map(|r| r.name.clone()).unwrap_or_default(),
            organisation: organisation.map_or_else(|| who.organisation.clone(), |o| o.label().to_owned()),
            csrf: session.csrf.clone(),
            may_ask: may_ask(&who.role),
        }
    }
}

/// Whether a role may ask for access to somebody who is not in its list.
pub(crate) fn may_ask(role: &str) -> bool {
    CARE.contains(&role)
}

/// For whom a page is.
#[derive(Clone)]
struct For {
    entries: &'static [Entry],
    who: Option<Who>,
}

tokio::task_local! {
    /// Set by one layer, so that no page forgets it.
    static PAGE: For;
}

/// The entries of the page under way.
pub(crate) fn entries() -> &'static [Entry] {
    PAGE.try_with(|page| page.entries).unwrap_or(OF_OPERATORS)
}

/// Who signed in for the page under way.
pub(crate) fn who() -> Option<Who> {
    PAGE.try_with(|page| page.who.clone()).ok().flatten()
}

/// Finds out for whom a page is, before it is made. A session that can't be read has no page: its handler says so.
pub async fn of_reader(State(state): State<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/fhir") {
        return next.run(request).await;
    }
    let session = session_of(&state.gate, request.headers()).ok().flatten();
    let page = For {
        entries: of_role(session.as_ref().map(|s| s.who.role.as_str())),
        who: session.map(|session| Who::of(&state, &session)),
    };
    PAGE.scope(page, next.run(request)).await
}
