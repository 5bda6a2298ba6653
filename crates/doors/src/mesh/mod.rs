//! The MESH API (NHS Message Exchange for Social Care and Health), versions 1 and 2, so that clients written for
//! it work unmodified: handshake, inbox, chunked upload and download, tracking, look-ups, acknowledgement, reports.
//!
//! `service.door(mesh::router(mesh::open(config, &state)?))` plugs it in.
//!
//! * [`config`]: mailboxes, mode, keys. Strict mode is the specification, sandbox mode the published sandbox.
//! * `auth`: the token, its window and its one use (`journal` remembers used ones without a flush for each).
//! * `send`, `inbox`, `acknowledge`, `rich`, `tracking`, `lookup`, `admin`: the addresses; `refusal`: what errors
//!   look like.
//!
//! A message is one message of the exchange: its id, timeline and audit are the same whichever door shows it. One
//! with a workflow that a route names is translated too; the recipient's inbox does not depend on how that ends.
//!
//! Not here: routing by `NHSNUMBER_DOB_SURNAME` (no national look-up is connected; such a recipient is refused as
//! unregistered, and is neither kept nor logged), and with it the EPL-152 report; the ONS and CP-IS errors (15, 18);
//! the sandbox's plug-ins. A chunk that is sent again with other content is refused in sandbox mode too.

mod acknowledge;
mod admin;
mod auth;
pub(crate) mod body;
mod canned;
pub mod config;
mod headers;
mod inbox;
mod journal;
mod limits;
mod lookup;
mod refusal;
mod rich;
mod send;
mod tracking;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post, put};
use causeway_exchange::{EngineError, Message, MessageId, WorkflowFilter};
use causeway_host::share::Shares;
use jiff::Timestamp;

pub use auth::token;
pub use config::{AuthMode, Mailbox, MeshConfig, Mode, Secret, TokenMemory};

use causeway_broker::state::{AppState, Shared};

/// The door's own state.
pub struct Mesh {
    pub(in crate::mesh) config: MeshConfig,
    pub(in crate::mesh) mailboxes: HashMap<String, Arc<Mailbox>>,
    journal: Option<Arc<journal::Journal>>,
    /// Whether the engine reads in this process, not over a network.
    pub(in crate::mesh) embedded: bool,
    /// Messages that the sandbox's administrator gave a state that the exchange's rules don't allow (an
    /// acknowledged one made available again), with that state. In memory: it is for tests of clients.
    pub(in crate::mesh) revived: Mutex<BTreeMap<MessageId, (&'static str, Arc<Message>)>>,
    /// Workflows that routes name, with the version of the table they were read from.
    pub(in crate::mesh) routed: Mutex<Option<(u64, Arc<Vec<WorkflowFilter>>)>>,
    /// What is under way by mailbox.
    pub(in crate::mesh) shares: Shares,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why the door can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Config(#[from] causeway_broker::settings::ConfigError),
    /// The token journal can't be opened.
    #[error("token journal: {0}")]
    Journal(#[from] io::Error),
    /// The fixed messages can't be stored.
    #[error("fixed messages: {0}")]
    Engine(#[from] EngineError),
}

impl Mesh {
    fn new(config: MeshConfig, journal: Option<Arc<journal::Journal>>, embedded: bool) -> Self {
        let mailboxes = config.by_id();
        let shares = Shares::new(0);
        let (revived, routed) = (Mutex::default(), Mutex::default());
        Self { config, mailboxes, journal, embedded, revived, routed, shares }
    }
}

/// Checks the configuration, opens the token journal where it says so, stores the fixed messages of canned mode.
///
/// # Errors
/// [`OpenError`].
pub fn open(config: MeshConfig, state: &AppState) -> Result<Mesh, OpenError> {
    config.validate()?;
    let embedded = state.engine.durability().engine.starts_with("SQLite");
    let journal = match (config.mode, config.token_memory) {
        (Mode::Strict, TokenMemory::Journal) => true,
        (Mode::Strict, TokenMemory::Auto) => embedded,
        _ => false,
    };
    let path = state.config.data_directory.join("mesh-tokens.log");
    let journal = match journal {
        false => None,
        true => {
            let known = state.engine.config(JOURNAL.0, JOURNAL.1)?.is_some();
            let lost = known && !path.exists();
            if lost {
                tracing::warn!(
                    "mesh-tokens.log is missing: which tokens were used is not known, so that all of the time up to now are refused"
                );
            }
            let journal = journal::Journal::open(&path, Timestamp::now(), lost)?;
            if !known {
                state.engine.put_config(
                    JOURNAL.0,
                    JOURNAL.1,
                    Some("{}"),
                    None,
                    "causeway",
                    state.clock.now(),
                )?;
            }
            Some(journal)
        }
    };
    if config.canned {
        canned::store(state)?;
    }
    let shares = Shares::new(state.config.limits.organisation_requests);
    Ok(Mesh { shares, ..Mesh::new(config, journal, embedded) })
}

/// The document that says that there is a journal of used tokens.
const JOURNAL: (&str, &str) = ("mesh", "token-journal");

/// The door's routes. Bodies are not limited by the service's form limit but by [`limits::CHUNK_BYTES_MAX`].
pub fn router(mesh: Mesh) -> Router<Shared> {
    let mesh = Arc::new(mesh);
    let mut router = Router::new()
        .route("/_ping", get(lookup::ping))
        .route("/_status", get(lookup::ping))
        .route("/healthcheck", get(lookup::ping))
        .route("/messageexchange/_ping", get(lookup::ping))
        .route("/messageexchange/deepping", get(lookup::ping))
        .route("/messageexchange/endpointlookup/{ods}/{workflow}", get(lookup::endpoint))
        .route("/messageexchange/workflowsearch/{workflow}", get(lookup::workflow))
        .route("/messageexchange/{mailbox}", get(lookup::handshake).post(lookup::handshake))
        .route("/messageexchange/{mailbox}/update", post(lookup::update))
        .route("/messageexchange/{mailbox}/count", get(inbox::count))
        .route("/messageexchange/{mailbox}/inbox", get(inbox::list))
        .route("/messageexchange/{mailbox}/inbox/rich", get(rich::inbox))
        .route("/messageexchange/{mailbox}/inbox/{id}", get(inbox::message).head(inbox::head))
        .route("/messageexchange/{mailbox}/inbox/{id}/{chunk}", get(inbox::chunk))
        .route("/messageexchange/{mailbox}/inbox/{id}/status/acknowledged", put(acknowledge::message))
        .route("/messageexchange/{mailbox}/outbox", post(send::message))
        .route("/messageexchange/{mailbox}/outbox/rich", get(rich::outbox))
        .route("/messageexchange/{mailbox}/outbox/tracking", get(tracking::by_message))
        .route("/messageexchange/{mailbox}/outbox/tracking/{local}", get(tracking::by_local_id))
        .route("/messageexchange/{mailbox}/outbox/{id}/{chunk}", post(send::chunk));
    if mesh.config.admin {
        router = router.merge(admin::router());
    }
    router
        .layer(DefaultBodyLimit::max(limits::ADMIN_BYTES_MAX))
        .layer(middleware::from_fn_with_state(mesh.clone(), refusal::render))
        .layer(middleware::from_fn(move |mut request: axum::extract::Request, next: middleware::Next| {
            request.extensions_mut().insert(mesh.clone());
            next.run(request)
        }))
}
