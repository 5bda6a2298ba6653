//! What goes in and what comes out, as plain values that a page or an API can serialise.

use causeway_core::{Issue, Sector, Telling};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that the reader of a person's record must be told about a message: items withheld, a part or
/// an attachment missing. Shown with the person's sections, never silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable kebab-case code, such as `confidential-items` or `attachment-missing`.
    pub code: String,
    /// One plain sentence without any value of a person.
    pub text: String,
}

/// The message that a bundle was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMessage {
    /// Id of the message in the exchange: leads to the original.
    pub message: String,
    /// Code of the sending organisation.
    pub sender_code: String,
    /// Identifier system of that code.
    pub sender_system: String,
    /// Name of the sending organisation; empty where not known.
    pub sender_name: String,
    /// Adapter that translated it.
    pub adapter: String,
    /// Which side of care speaks its format.
    pub sector: Sector,
    /// What its format leaves out of a message.
    pub telling: Telling,
    /// When the exchange received it: decides which of two messages is the later.
    pub received: Timestamp,
    /// Whether it announces that parts of it are missing: then nothing is superseded for being absent.
    pub partial: bool,
    /// What readers must be told about it.
    pub notices: Vec<Notice>,
}

/// The bundles of one message with their source.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The bundles that the message was translated into.
    pub bundles: &'a [&'a [u8]],
    /// The message.
    pub source: &'a SourceMessage,
}

/// A resource, by type and logical id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    /// FHIR type.
    pub kind: String,
    /// Logical id.
    pub id: String,
}

impl Key {
    /// A key.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// What applying a bundle did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Resources that are new.
    pub created: Vec<Key>,
    /// Resources that got a new version.
    pub updated: Vec<Key>,
    /// Resources that were the same, by count.
    pub unchanged: u64,
    /// Resources of an older extract that the newer one no longer holds.
    pub superseded: Vec<Key>,
    /// Resources of which a later message had already told a newer version: kept in the history only.
    pub late: Vec<Key>,
    /// Persons whom the bundle concerns, by id.
    pub persons: Vec<String>,
    /// Whether exactly this had been applied before: then nothing was done at all.
    pub repeated: bool,
    /// Resources that were refused, by count; each has an issue.
    pub refused: u64,
    /// What a person should know.
    pub issues: Vec<Issue>,
    /// Issues beyond the limit, by count.
    pub issues_left_out: u64,
}

impl Applied {
    /// Whether anything in the record changed.
    pub fn changed(&self) -> bool {
        !(self.created.is_empty()
            && self.updated.is_empty()
            && self.superseded.is_empty()
            && self.late.is_empty())
    }
}

/// What a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Told by a message.
    Told,
    /// The source's newer extract no longer holds it.
    Superseded,
    /// The source deleted it.
    Deleted,
    /// Told by a message that was older than what was known already.
    Late,
}

impl VersionState {
    /// The word stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            VersionState::Told => "told",
            VersionState::Superseded => "superseded",
            VersionState::Deleted => "deleted",
            VersionState::Late => "late",
        }
    }

    pub(crate) fn of(word: &str) -> Self {
        match word {
            "superseded" => VersionState::Superseded,
            "deleted" => VersionState::Deleted,
            "late" => VersionState::Late,
            _ => VersionState::Told,
        }
    }
}

/// One version of a resource.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// Which resource.
    pub key: Key,
    /// Version number, from 1.
    pub version: u32,
    /// What it is.
    pub state: VersionState,
    /// When the record took it in.
    pub at: Timestamp,
    /// The resource with `meta.versionId` and `meta.lastUpdated`. For a superseded or deleted version: as it
    /// last was.
    pub resource: Value,
    /// Where it comes from.
    pub source: Source,
}

impl Version {
    /// Whether the resource is part of the record as it stands: told and neither superseded nor deleted.
    pub fn is_current(&self) -> bool {
        self.state == VersionState::Told
    }
}

/// Source of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Code of the organisation.
    pub organisation_code: String,
    /// Identifier system of the code.
    pub organisation_system: String,
    /// Name of the organisation, its code where no name is known.
    pub organisation: String,
    /// The system or format that it came through: the adapter.
    pub system: String,
    /// Which side of care speaks that format.
    #[serde(skip)]
    pub sector: Sector,
    /// What that format leaves out of a message.
    #[serde(skip)]
    pub telling: Telling,
    /// When the exchange received it.
    pub received: Timestamp,
    /// Message id that leads to the original.
    pub message: String,
}

/// One message that told or confirmed a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Source and message.
    pub source: Source,
    /// Version that the message made; `None` where it only confirmed what was known.
    pub version: Option<u32>,
}

/// A page of a search.
#[derive(Clone, Debug, Serialize)]
pub struct SearchPage {
    /// The `searchset` Bundle.
    pub bundle: Value,
    /// Value of `_page` that leads on; `None` on the last page.
    pub next: Option<String>,
    /// How many match, where counted.
    pub total: Option<u64>,
    /// Resources that match and are on this page.
    pub matches: Vec<Key>,
}

/// How a search is to be answered.
#[derive(Clone, Debug, Default)]
pub struct SearchOptions {
    /// Base URL without a slash at its end, for links and `fullUrl`.
    pub base: String,
    /// Whether an unknown parameter is an error (`Prefer: handling=strict`) or a warning in the Bundle.
    pub strict: bool,
    /// Whether a search for Patients gives each as its source told it; else one for each person, made of them.
    pub each_source: bool,
}

/// Which versions a history of a type, or of everything, is to give.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// FHIR type; empty for all.
    pub kind: String,
    /// Taken in at this time or later.
    pub since: Option<Timestamp>,
    /// Versions of a page; 0 for the usual number.
    pub count: usize,
    /// The page's first version is older than this one: [`HistoryPage::next`] of the page before.
    pub before: Option<i64>,
}

/// A page of such a history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// The Bundle without links.
    pub bundle: Value,
    /// Where the next page begins, where there is one.
    pub next: Option<i64>,
}

/// A person's Patients, the displayed one first.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Id of the person: the id of the Patient made of them.
    pub person: String,
    /// As each source told them.
    pub patients: Vec<Version>,
}

/// Demographics as one source tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Demographics {
    /// Name in one line.
    pub name: String,
    /// Family name.
    pub family: String,
    /// Given names.
    pub given: String,
    /// Date of birth as told.
    pub birth_date: String,
    /// Administrative gender.
    pub gender: String,
    /// Address in one line.
    pub address: String,
    /// Telephone and mail.
    pub telecom: Vec<String>,
    /// General practice or practitioner, as displayed or referenced.
    pub general_practice: String,
    /// `true`, a date-time of death, or empty.
    pub deceased: String,
    /// NHS number, empty where none or not valid.
    pub nhs_number: String,
    /// Whether the source calls the number verified.
    pub nhs_number_verified: bool,
    /// Other identifiers: system and value.
    pub identifiers: Vec<(String, String)>,
}

/// One Patient resource that belongs to a person.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// Logical id of the Patient.
    pub patient: String,
    /// What it says.
    pub demographics: Demographics,
    /// Patient that it was merged into at its source (A40); empty otherwise.
    pub replaced_by: String,
    /// Whether its own source calls it inactive.
    pub inactive: bool,
    /// Security labels on it: system and code.
    pub security: Vec<(String, String)>,
    /// Where it comes from.
    pub source: Source,
}

/// Two sources that tell different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which element: `birthDate`, `gender`, `family`, `nhsNumber`, `deceased`.
    pub element: &'static str,
    /// The values with the organisations that tell them.
    pub values: Vec<(String, String)>,
}

/// A decision about identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Number in order.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// `created`, `joined`, `refused`, `merged`, `unmerged`, `left`, `kept-apart`.
    pub kind: String,
    /// Person concerned.
    pub person: String,
    /// Other person concerned; empty where none.
    pub other: String,
    /// Patient resource concerned.
    pub patient: String,
    /// Stable kebab-case reason, such as `same-nhs-number`.
    pub reason: String,
    /// The reason in a sentence, with what the person who decided said.
    pub text: String,
    /// Who decided: `record` or a user.
    pub actor: String,
    /// Message that led to it; empty where a user decided.
    pub message: String,
}

/// Something about identity that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Number.
    pub number: i64,
    /// When it was raised.
    pub at: Timestamp,
    /// Stable kebab-case reason.
    pub reason: String,
    /// In a sentence.
    pub text: String,
    /// Likeness in points where that is the reason, else 0.
    pub score: i64,
    /// Patient resource that was not joined.
    pub patient: String,
    /// Patient resource that it was compared with; empty where none.
    pub other_patient: String,
    /// Person of the first.
    pub person: String,
    /// Person of the second; empty where none.
    pub other_person: String,
    /// Message that led to it.
    pub message: String,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// By whom and how it was closed.
    pub outcome: String,
}

/// How a user answers a review of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Both Patients are one person: they are joined.
    SamePerson,
    /// They are two people: they are kept apart for good.
    DifferentPeople,
    /// Looked at; nothing changes.
    Close,
}

impl Answer {
    /// The word stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Answer::SamePerson => "same person",
            Answer::DifferentPeople => "different people",
            Answer::Close => "closed",
        }
    }
}

/// A person with everything that the sources tell of them.
#[derive(Clone, Debug, Serialize)]
pub struct PersonView {
    /// Id of the person.
    pub id: String,
    /// What is displayed: one source's demographics whole, never a blend. See [`crate::Record::person`].
    pub display: Demographics,
    /// Which Patient that is.
    pub display_patient: String,
    /// Every Patient resource.
    pub members: Vec<Member>,
    /// Where the sources differ.
    pub differences: Vec<Difference>,
    /// Persons that were merged into this one.
    pub merged: Vec<String>,
    /// Decisions, newest first.
    pub decisions: Vec<Decision>,
    /// Open reviews.
    pub reviews: Vec<Review>,
}

/// A person in a list.
#[derive(Clone, Debug, Serialize)]
pub struct PersonRow {
    /// Id of the person.
    pub id: String,
    /// What is displayed.
    pub display: Demographics,
    /// Of which Patient that is.
    pub display_patient: String,
    /// How many Patient resources belong to them.
    pub members: usize,
    /// Organisations that told something, by name.
    pub organisations: Vec<String>,
    /// How many reviews are open.
    pub reviews: u64,
    /// Security labels on any of the Patient resources: system and code.
    pub security: Vec<(String, String)>,
}

/// Which persons are wanted.
#[derive(Clone, Debug, Default)]
pub struct PersonQuery {
    /// NHS number, another identifier's value, or the beginning of a family or given name; empty for all.
    pub text: String,
    /// Date of birth as `YYYY-MM-DD`; empty for any.
    pub birth_date: String,
    /// Most rows; 0 for the default.
    pub limit: usize,
    /// Id of the last person of the page before; empty for the first page.
    pub after: String,
}

/// A source of a person's record.
#[derive(Clone, Debug, Serialize)]
pub struct SourceSummary {
    /// The latest message.
    pub latest: Source,
    /// Resources that stand.
    pub resources: u64,
    /// What readers must be told about its messages; of a source that sends whole records, the latest.
    pub notices: Vec<Notice>,
}

/// A source that is expected to have told something of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedSource {
    /// Code of the organisation.
    pub organisation_code: String,
    /// Its name.
    pub organisation: String,
    /// Adapter; empty for any.
    pub system: String,
}

/// Figures of the whole record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Persons.
    pub persons: u64,
    /// Resources, the superseded included.
    pub resources: u64,
    /// Versions.
    pub versions: u64,
    /// Messages.
    pub messages: u64,
    /// Open reviews.
    pub reviews: u64,
}
