//! What every handler and worker is given.

use std::sync::{Arc, Mutex, OnceLock};

use causeway_access::attempts::Attempts;
use causeway_access::{Access, Gate, HasGate, Organisation, Organisations, Shelf, record_problem};
use causeway_adapter::{Adapter, Context, Sender, budget};
use causeway_core::NhsNumber;
use causeway_exchange::{Audit, Contents, Desk, Engine, EngineError, MessageId, NewAudit};
use causeway_host::clock::Clock;
use causeway_host::counters::Counters;
use causeway_host::hex;
use causeway_host::problem::{Answer, Problem};
use causeway_host::rate::RateLimiter;
use causeway_host::signals::Signals;
use causeway_host::weighed::Weighed;
use causeway_record::{Figures, Record, SearchOptions};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use crate::answered::Answers;
use crate::evidence::Evidence;
use crate::handed::Handed;
use crate::person;
use crate::settings::Settings;
use crate::traces::{Fact, Step, Traces};
use crate::unwritten::Unwritten;

/// The adapters, as the binary lists them.
pub type Adapters = &'static [&'static dyn Adapter];

/// The state that handlers get.
pub type Shared = Arc<AppState>;

/// Everything a handler or worker needs.
pub struct AppState {
    /// Keeps messages, queues, audit and configuration documents. What messages hold is not read here: that takes a
    /// [`causeway_access::Disclosure`].
    pub engine: Arc<dyn Desk>,
    /// What messages hold, for the pipeline.
    pub(crate) contents: Arc<dyn Contents>,
    /// The integrated record, for the pipeline. Doors and pages read it through [`causeway_access::Shelf`], closed.
    pub(crate) record: Arc<Record>,
    /// The adapters, social care first.
    pub adapters: Adapters,
    /// The time.
    pub clock: Arc<Clock>,
    /// What the operator set.
    pub config: Settings,
    /// Wake-up calls.
    pub signals: Signals,
    /// Who may come in, how often, and the audit trail.
    pub gate: Gate,
    /// Counts for `/metrics`.
    pub counters: Arc<Counters>,
    /// Room for translations.
    pub room: Weighed,
    /// What was translated and is on its way to the record.
    pub(crate) handed: Handed,
    /// Work whose end could not be written down.
    pub(crate) unwritten: Unwritten,
    /// What doors translate for their answers.
    pub answers: Answers,
    /// What is known of damage to the data.
    pub evidence: Evidence,
    /// Held while records and trail end: two at once would each write the same ending down.
    pub(crate) ending: Mutex<()>,
    person_key: [u8; 32],
    isolated: OnceLock<Adapters>,
    traces: OnceLock<Traces>,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("config", &self.config).finish_non_exhaustive()
    }
}

impl HasGate for AppState {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl AppState {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`EngineError`] where the key for person digests can't be read or kept.
    pub fn new(
        config: impl Into<Settings>,
        engine: Arc<dyn Engine>,
        record: Arc<Record>,
        adapters: Adapters,
    ) -> Result<Shared, EngineError> {
        let trail = engine.clone();
        Self::with_trail(config, engine, trail, record, adapters)
    }

    /// The same with an audit trail of disclosures that is kept elsewhere.
    ///
    /// # Errors
    /// As [`AppState::new`].
    pub fn with_trail(
        config: impl Into<Settings>,
        engine: Arc<dyn Engine>,
        trail: Arc<dyn Audit>,
        record: Arc<Record>,
        adapters: Adapters,
    ) -> Result<Shared, EngineError> {
        let config = config.into();
        let clock = match (config.test_mode, config.begins) {
            (true, Some(begins)) => Clock::beginning(begins),
            (true, None) => Clock::travelling(),
            (false, _) => Clock::system(),
        };
        let clock = Arc::new(clock);
        let room = Weighed::new(config.limits.translation_bytes);
        let evidence = Evidence::read(&config.data_directory);
        let person_key = person::key(&*engine, &config.data_directory, clock.now())?;
        let rate = RateLimiter::new(config.limits.rate_per_second, config.limits.rate_burst);
        let counters = Arc::new(Counters::default());
        let desk: Arc<dyn Desk> = engine.clone();
        let gate = Gate {
            organisations: Organisations(config.organisations.clone()),
            open: config.open,
            rate,
            counters: counters.clone(),
            trail,
            clock: clock.clone(),
            access: Access::new(&desk, config.sign_in.clone()).map_err(|error| {
                tracing::error!(%error, "the policy set can't be read");
                EngineError::Invalid("policy set")
            })?,
            attempts: Attempts::default(),
            shelf: Shelf::new(engine.clone(), record.clone()),
        };
        Ok(Arc::new(Self {
            contents: engine.clone(),
            engine,
            record,
            adapters,
            clock,
            config,
            signals: Signals::default(),
            gate,
            counters,
            room,
            handed: Handed::default(),
            unwritten: Unwritten::default(),
            answers: Answers::default(),
            evidence,
            ending: Mutex::default(),
            person_key,
            isolated: OnceLock::new(),
            traces: OnceLock::new(),
        }))
    }

    /// The digest under which a person's work keeps its order: a keyed one, for the space of NHS numbers is
    /// small enough to try them all.
    pub fn person_digest(&self, number: NhsNumber) -> String {
        self.digest(number.as_str())
    }

    /// Keyed digest of an identifier that must not stand in a queue or log.
    pub fn digest(&self, text: &str) -> String {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.person_key)
            .map(|mac| mac.chain_update(text.as_bytes()).finalize().into_bytes());
        mac.map(|bytes| hex(bytes.get(..16).unwrap_or(&bytes))).unwrap_or_default()
    }

    /// What an adapter is told of a message.
    pub fn context(
        &self,
        sender: &str,
        received: jiff::Timestamp,
        message: &MessageId,
        explain: bool,
    ) -> Context {
        let organisation =
            self.config.organisation(sender).cloned().or_else(|| Organisation::of_code(sender));
        let who = organisation.as_ref().map_or_else(
            || Sender {
                system: causeway_fhir::systems::ODS_ORGANISATION.to_owned(),
                code: sender.to_owned(),
                name: String::new(),
            },
            Organisation::sender,
        );
        let mut context = Context::new(who, received, original_uri(message));
        context.explain = explain;
        context.local.clone_from(&self.config.local);
        if let Some(organisation) = organisation {
            context.options = organisation.options;
            if let Some(zone) = organisation.zone.and_then(|z| jiff::tz::TimeZone::get(&z).ok()) {
                context.zone = zone;
            }
        }
        context
    }

    /// Translates within the budget, for those who answer at once: waits until there is room. Blocks.
    pub fn translate(
        &self,
        adapter: &dyn Adapter,
        input: &[u8],
        context: &Context,
    ) -> causeway_adapter::Translation {
        let _place =
            self.room.enter(budget::estimate(adapter, input).min(self.config.limits.translation_bytes));
        causeway_adapter::translate_within(adapter, input, context, self.config.limits.translation_bytes)
    }

    /// The adapter with this name.
    pub fn adapter(&self, name: &str) -> Option<&'static dyn Adapter> {
        self.adapters.iter().copied().find(|a| a.name() == name)
    }

    /// The adapter that writes a format, by the name of what is written.
    pub fn writer(&self, name: &str) -> Option<&'static dyn Adapter> {
        self.adapters.iter().copied().find(|a| a.encodes() && a.written().0 == name)
    }

    /// Has the ways of messages told from now on. Once.
    pub fn trace_with(&self, traces: Traces) {
        drop(self.traces.set(traces));
    }

    /// Where the ways of messages are told, where anybody wants to know.
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.get()
    }

    /// Tells of a step that ends now, and went well or not.
    pub fn trace(&self, message: &MessageId, step: Step, began: Timestamp, failed: bool, facts: &[Fact]) {
        if let Some(traces) = self.traces() {
            traces.tell(message, step, (began, self.clock.now()), failed, facts);
        }
    }

    /// Gives the adapters that translate one input in a process of its own, for what may have killed this one. Once.
    pub fn isolate_with(&self, adapters: Adapters) {
        let _ = self.isolated.set(adapters);
    }

    /// The same adapter in a process of its own, where the binary has given such.
    pub(crate) fn isolated(&self, adapter: &'static dyn Adapter) -> &'static dyn Adapter {
        let given = self.isolated.get().copied().unwrap_or_default();
        given.iter().copied().find(|a| a.name() == adapter.name()).unwrap_or(adapter)
    }

    /// Which types the record holds, and how many resources of each.
    ///
    /// # Errors
    /// What the record says.
    pub fn record_types(&self) -> Answer<Vec<(String, u64)>> {
        self.record.types().map_err(record_problem)
    }

    /// How much the record holds.
    ///
    /// # Errors
    /// What the record says.
    pub fn record_figures(&self) -> Answer<Figures> {
        self.record.figures().map_err(record_problem)
    }

    /// Whether somebody in the record has this identifier. A record that can't be read says nothing: `true`.
    pub fn is_known(&self, system: &str, value: &str) -> bool {
        let params = [("identifier".to_owned(), format!("{system}|{value}"))];
        let found = self.record.search("Patient", &params, &SearchOptions::default());
        found.map_or(true, |page| page.bundle["entry"].as_array().is_some_and(|e| !e.is_empty()))
    }

    /// Whether a chunk of a message is kept with this SHA-256.
    pub fn has_chunk(&self, id: &MessageId, number: u32, sha256: &[u8; 32]) -> bool {
        self.contents.chunk(id, number).is_ok_and(|chunk| chunk.sha256 == *sha256)
    }

    /// Copies one chunk of a message (from 1) to where the operator wants to look at it; audited first.
    ///
    /// # Errors
    /// What the engine says; [`EngineError::Storage`] where it can't be written.
    pub fn mirror_chunk(
        &self,
        id: &MessageId,
        number: u32,
        out: &mut dyn std::io::Write,
    ) -> Result<(), EngineError> {
        let mut chunk = self.contents.chunk(id, number)?;
        let entry = NewAudit {
            actor: "causeway".to_owned(),
            action: "message-mirrored".to_owned(),
            entity: id.to_string(),
            detail: serde_json::json!({"chunk": number}).to_string(),
        };
        self.engine.audit(vec![entry], self.clock.now())?;
        std::io::copy(&mut chunk.reader, out)
            .map(drop)
            .map_err(|error| EngineError::Storage(format!("mirror: {:?}", error.kind())))
    }

    /// What is behind the doors, for tests.
    #[cfg(feature = "testing")]
    pub fn behind(&self) -> (&Record, &dyn Contents) {
        (&self.record, &*self.contents)
    }

    /// Runs a call that blocks on a thread made for it.
    ///
    /// # Errors
    /// What the call returns; [`Problem::internal`] where it panicked.
    pub async fn blocking<T, E>(
        self: &Arc<Self>,
        call: impl FnOnce(&AppState) -> Result<T, E> + Send + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let state = self.clone();
        match tokio::task::spawn_blocking(move || call(&state)).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => {
                tracing::error!("a request's work panicked");
                Err(Problem::internal())
            }
        }
    }
}

/// The identifier of a message's original, as `meta.source` of every resource made from it says.
pub fn original_uri(message: &MessageId) -> String {
    format!("{}{}", ORIGINAL_PREFIX, message)
}

/// The message that a `meta.source` leads to.
pub fn message_of_uri(uri: &str) -> Option<MessageId> {
    let rest = uri.strip_prefix(ORIGINAL_PREFIX)?;
    MessageId::new(rest.split('#').next().unwrap_or(rest)).ok()
}

const ORIGINAL_PREFIX: &str = "urn:causeway:message:";

/// A new message id, rising with time.
pub fn new_message_id() -> Result<MessageId, EngineError> {
    MessageId::new(&Uuid::now_v7().simple().to_string())
}
