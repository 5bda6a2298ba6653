//! The contract between formats and the exchange: what an adapter is, what it is given, what it gives back,
//! and (feature `contract`) the tests that hold every adapter to it.
//!
//! An adapter is pure and deterministic. It reads what is broken as far as it can, accounts for every source
//! item, and never guesses.

pub mod birth;
pub mod budget;
pub mod composer;
#[cfg(feature = "contract")]
pub mod contract;
pub mod control_id;
pub mod head;
pub mod isolation;
pub mod local;
pub mod read_back;
pub mod render;
pub mod table;
pub mod wrapped;

use std::io::Read;

use causeway_core::{Issue, Ledger, Outcome, Place, Severity, Span, limits};
use causeway_terminology::Map;
use serde_json::Value;

pub use causeway_core::{Rule, Sector, Telling, common, rule, rules};
pub use composer::{Composer, Meta, Profile};

/// A format as it is listed: what is true of every message of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Kebab-case name, the folder's name: `client-level-data`.
    pub name: &'static str,
    /// The format's own name: `Adult Social Care Client Level Data`.
    pub title: &'static str,
    /// One line: who sends it and what for.
    pub summary: &'static str,
    /// Which side of care speaks it.
    pub sector: Sector,
    /// How a later message of a source relates to its earlier ones.
    pub telling: Telling,
    /// Versions or releases that are read.
    pub versions: &'static [&'static str],
    /// Media types on the wire, most specific first.
    pub media_types: &'static [&'static str],
    /// File endings that are usual, without dot.
    pub extensions: &'static [&'static str],
}

/// Who sent a message, as the exchange knows it (not as the message claims).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Identifier system of the code, such as [`causeway_fhir::systems::ODS_ORGANISATION`].
    pub system: String,
    /// Code of the organisation: ODS, CQC location or CASSR.
    pub code: String,
    /// Its name, empty where not known.
    pub name: String,
}

/// Everything that is not in the bytes: time, zone, sender, namespace. Adapters have no other source of them.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the message was received.
    pub received: jiff::Timestamp,
    /// Zone of local times: Europe/London unless a feed says otherwise.
    pub zone: jiff::tz::TimeZone,
    /// Who sent it.
    pub sender: Sender,
    /// Namespace of the UUIDv5 ids of resources.
    pub namespace: uuid::Uuid,
    /// Identifier of the original that is kept: every resource leads back to it.
    pub original: String,
    /// Whether to record the FHIR path of every item.
    pub explain: bool,
    /// Options by name, off unless listed; each adapter's README says which it knows.
    pub options: Vec<String>,
    /// The site's own tables, where it has some.
    pub local: Option<local::Local>,
}

impl Context {
    /// A context for a sender, with the project's namespace, Europe/London and nothing else switched on.
    pub fn new(sender: Sender, received: jiff::Timestamp, original: impl Into<String>) -> Self {
        Self {
            received,
            zone: causeway_core::london(),
            sender,
            namespace: uuid::Uuid::new_v5(
                &uuid::Uuid::NAMESPACE_URL,
                causeway_fhir::systems::CAUSEWAY.as_bytes(),
            ),
            original: original.into(),
            explain: false,
            options: Vec::new(),
            local: None,
        }
    }

    /// Whether an option was switched on.
    pub fn enabled(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// How sure an adapter is that input is of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It is not.
    No,
    /// It may be, nothing speaks against it.
    Possible,
    /// It looks like it.
    Likely,
    /// It names the format.
    Certain,
}

/// What an adapter says of input before reading it whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// How sure.
    pub confidence: Confidence,
    /// Version or message type, where it shows (`2.4 ADT^A01`, `Release 2`).
    pub version: String,
}

impl Detection {
    /// Not this format.
    pub fn no() -> Self {
        Self { confidence: Confidence::No, version: String::new() }
    }

    /// This format, with a version.
    pub fn is(confidence: Confidence, version: impl Into<String>) -> Self {
        Self { confidence, version: version.into() }
    }
}

/// One bundle that a translation gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The bundle, FHIR R4 JSON.
    pub json: Vec<u8>,
    /// Id of the bundle.
    pub id: String,
    /// Which record of the source: `message 1`, `rows 12–15`.
    pub label: String,
    /// What happened, in the format's words: `ADT^A01`, `NHS003`, `Service`.
    pub event: String,
    /// Code of the organisation that the source addresses, where it does.
    pub recipient: Option<String>,
    /// Resources within, Provenance included.
    pub resources: u32,
}

/// The answer to the sender that a format itself defines (HL7 ACK, NHSACK, SCAIP status).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// File ending without dot, for `translate`.
    pub extension: &'static str,
    /// Whether it says that everything was taken.
    pub positive: bool,
}

/// Takes what a translation gives, piece by piece, so that a file of a million rows needs no million in
/// memory.
pub trait Sink {
    /// A finished bundle.
    fn output(&mut self, output: Output);
    /// An issue.
    fn issue(&mut self, issue: Issue);
    /// The account of a finished stretch of the source.
    fn ledger(&mut self, ledger: Ledger);
    /// The format's own acknowledgement, at the end.
    fn acknowledgement(&mut self, acknowledgement: Acknowledgement);
}

/// A translation, whole.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// Bundles, in source order.
    pub outputs: Vec<Output>,
    /// The account of every source item.
    pub ledger: Ledger,
    /// What a person should know, in source order.
    pub issues: Vec<Issue>,
    /// The format's own answer.
    pub acknowledgement: Option<Acknowledgement>,
    /// Whether nothing could be read at all.
    pub unreadable: bool,
    /// Issues beyond [`limits::ISSUES_MAX`], counted and not kept.
    pub issues_dropped: usize,
}

impl Translation {
    /// Whether any record, or the whole input, was refused.
    pub fn rejected(&self) -> bool {
        self.unreadable
            || self.issues.iter().any(|i| i.severity >= Severity::Error)
            || self.ledger.items().iter().any(|i| i.outcome == Outcome::Rejected)
    }
}

impl Sink for Translation {
    fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }
    fn issue(&mut self, issue: Issue) {
        if self.issues.len() < limits::ISSUES_MAX {
            self.issues.push(issue);
        } else {
            self.issues_dropped += 1;
        }
    }
    fn ledger(&mut self, ledger: Ledger) {
        if self.ledger.is_empty() {
            self.ledger = ledger;
        } else {
            self.ledger.append(ledger);
        }
    }
    fn acknowledgement(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgement = Some(acknowledgement);
    }
}

/// Says that an input is a part of a larger message, which must be put together before translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What all parts of one message share (GP2GP: the conversation id).
    pub group: String,
    /// This part's id within the group.
    pub id: String,
    /// Ids of parts that this one announces.
    pub awaits: Vec<String>,
}

/// What an encoder made of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The message.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// Each FHIR element that the format could not carry, as an issue whose position is the FHIR path.
    pub left_behind: Vec<Issue>,
}

/// Translates one record format to FHIR R4 (UK Core), and back where that makes sense.
pub trait Adapter: Sync {
    /// The facts of the format: each adapter has one `FORMAT`.
    fn format(&self) -> &'static Format;

    /// Its name.
    fn name(&self) -> &'static str {
        self.format().name
    }

    /// Whether input is of this format. Looks at no more than it must.
    fn detect(&self, input: &[u8]) -> Detection;

    /// Translates an input held in memory, giving pieces to the sink as they are done.
    ///
    /// # Errors
    /// An issue of severity fatal, only where nothing at all could be read. A record that is refused is an
    /// issue in the sink, and its neighbours go on.
    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue>;

    /// Whether [`Adapter::stream`] runs in bounded memory, handing each stretch of the source over when it is done,
    /// and each bundle stands for itself: then an input of any size can be translated, and its bundles be kept,
    /// routed and recorded a few at a time.
    fn streams(&self) -> bool {
        false
    }

    /// Translates a stream. Formats of many records override this (and [`Adapter::streams`]) to run in bounded
    /// memory; the others read it whole, up to [`limits::INPUT_BYTES_MAX`].
    ///
    /// # Errors
    /// As [`Adapter::translate`]; also where the stream fails or is too long.
    fn stream(&self, input: &mut dyn Read, context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut bytes = Vec::new();
        let limit = limits::INPUT_BYTES_MAX as u64;
        input.take(limit + 1).read_to_end(&mut bytes).map_err(|_| common::INPUT_READ.issue())?;
        if bytes.len() as u64 > limit {
            return Err(too_long());
        }
        self.translate(&bytes, context, sink)
    }

    /// The rules whose breach it tells, one table or several; those that formats share are in [`common`].
    fn rules(&self) -> &'static [&'static [Rule]] {
        &[]
    }

    /// The options that it knows (see [`Context::options`]); its README says what each switches on.
    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    /// The number by which the sender knows this message (control id, interchange number, the message's own id), as it
    /// is written, also where the rest can't be read. Of several messages in one input, that of the whole or the first.
    fn control_id(&self, _input: &[u8]) -> Option<String> {
        None
    }

    /// The mapping tables that it uses.
    fn maps(&self) -> &'static [&'static Map] {
        &[]
    }

    /// Whether the input is a part of a larger message.
    fn part(&self, _input: &[u8]) -> Option<Part> {
        None
    }

    /// Puts parts (id and bytes, in any order) together into one input.
    ///
    /// # Errors
    /// The ids that are still missing.
    fn join(&self, _parts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
        Err(Vec::new())
    }

    /// Whether [`Adapter::encode`] is built for this format.
    fn encodes(&self) -> bool {
        false
    }

    /// Name and title of what [`Adapter::encode`] writes: the format's own, where it isn't a form with a name of its own.
    fn written(&self) -> (&'static str, &'static str) {
        (self.name(), self.format().title)
    }

    /// Writes a FHIR bundle in this format.
    ///
    /// # Errors
    /// An issue where the bundle can't be expressed at all, or the format has no encoder.
    fn encode(&self, _bundle: &Value, _context: &Context) -> Result<Encoded, Issue> {
        Err(common::NO_ENCODER.issue())
    }
}

/// Which ways an adapter goes, in words: `reads`, `reads, writes`, `reads, writes ips`.
pub fn ways(adapter: &dyn Adapter) -> String {
    match adapter.written().0 {
        _ if !adapter.encodes() => "reads".to_owned(),
        name if name == adapter.name() => "reads, writes".to_owned(),
        name => format!("reads, writes {name}"),
    }
}

/// The issue of an input beyond [`limits::INPUT_BYTES_MAX`].
pub fn too_long() -> Issue {
    common::INPUT_TOO_LONG.with(&(limits::INPUT_BYTES_MAX / 1024 / 1024).to_string())
}

/// Translates an input and collects everything. Where nothing could be read, the whole input is one rejected
/// item: even then the account adds up.
pub fn translate(adapter: &dyn Adapter, input: &[u8], context: &Context) -> Translation {
    translate_within(adapter, input, context, budget::MEMORY_BYTES)
}

/// The same within a budget of the caller's, in bytes of memory.
pub fn translate_within(adapter: &dyn Adapter, input: &[u8], context: &Context, bytes: u64) -> Translation {
    let mut translation = Translation::default();
    let result = if input.len() > limits::INPUT_BYTES_MAX {
        Err(too_long())
    } else {
        budget::within(adapter, input, bytes)
            .and_then(|()| adapter.translate(input, context, &mut translation))
    };
    if let Err(issue) = result {
        translation.unreadable = true;
        if translation.ledger.is_empty() {
            let id = translation.ledger.add(Place::Whole, Span::new(0, input.len()));
            translation.ledger.claim(id, Outcome::Rejected, "the input could not be read");
        }
        translation.issues.push(issue);
    }
    translation
}
