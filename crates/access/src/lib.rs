//! Who may see what: callers and their organisations, the one access decision, its policies, relationships, the
//! person's choices, restricted codes, what is withheld, and the audit entries that tell of it.
//!
//! Everything that decides is pure: facts come in, a decision with the seven steps that led to it goes out.

pub mod attempts;
pub mod audit_event;
pub mod caller;
pub mod choices;
mod content;
pub mod cookie;
pub mod decide;
mod differences;
pub mod disclosure;
pub mod document;
mod fact;
pub mod flags;
pub mod gate;
pub mod labels;
mod marks;
pub mod meta;
pub mod misuse;
pub mod oidc;
pub mod opened;
pub mod organisation;
pub mod policy;
pub mod reader;
mod references;
pub mod relationship;
pub mod restricted;
pub mod sealed;
pub mod sections;
pub mod session;
pub mod shelf;
mod skim;
pub mod smart;
pub mod standing;
pub mod trail;
pub mod withhold;
mod words;

pub use caller::{Caller, Shown};
pub use decide::{Asker, Decision, Item, Obligation, OrganisationFacts, Reach, Request, decide};
pub use disclosure::{Disclosure, Grant, OpenedMessage, Told};
pub use gate::{Access, Gate, HasGate};
pub use opened::Opened;
pub use organisation::{CodeSystem, Organisation, Organisations};
pub use policy::{PolicyError, PolicySet};
pub use reader::Reader;
pub use sealed::{About, Sealed, patient_of};
pub use shelf::{Shelf, record_problem};

/// What reads of the record give and are asked with. The record itself is not here: [`Shelf`] reads it, closed.
pub mod record {
    pub use causeway_record::{
        Answer, Change, Decision, Demographics, Fact, FactDifference, Figures, HistoryPage, HistoryQuery,
        Key, LOOK_ALIKE_POINTS, Line, Measured, Member, Moment, Notice, Part, PersonQuery, PersonRow,
        PersonView, Point, Review, SafetyLine, SearchOptions, SearchPage, SourceSummary, Sources, Standing,
        Summary, SummaryQuery, Telling, Test, TextEntry, Version, VersionState, View, Written, date_range,
        golden, in_words, is_r4_type, leads_to, search_includes, search_parameters,
    };
}
