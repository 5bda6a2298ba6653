//! Sections as data: which member of an item goes to which FHIR element. One table serves both directions, so that what
//! is written can be read back.

use causeway_fhir::Coding;
use causeway_json::shape::Object;

/// Code system of this format's sections and kinds.
pub const SECTION: &str = "https://fhir.causeway.example/CodeSystem/dscr-record-section";
/// Extension: what R4 has no element for, by name.
pub const DETAIL: &str = "https://fhir.causeway.example/StructureDefinition/dscr-record-detail";
/// Extension: version of the item (MODS versioned record).
pub const RECORD_VERSION: &str = "https://fhir.causeway.example/StructureDefinition/dscr-record-version";
/// Extension: which member a note was.
pub const NOTE_KIND: &str = "https://fhir.causeway.example/StructureDefinition/dscr-note-kind";
/// Extension of RelatedPerson: role in a person's support.
pub const SUPPORT_ROLE: &str = "https://fhir.causeway.example/StructureDefinition/social-care-support-role";
/// Identifier name of records and items, below the provider's own id.
pub const IDENTIFIER: &str = "dscr-record";

/// A coding of [`SECTION`].
pub const fn section(code: &'static str, display: &'static str) -> Coding<'static> {
    Coding::new(SECTION, code, display)
}

/// A closed list of codes with their words.
#[derive(Debug)]
pub struct Codes {
    /// URI of the system.
    pub system: &'static str,
    /// Codes and words.
    pub list: &'static [(&'static str, &'static str)],
}

impl Codes {
    /// The words of a code.
    pub fn display(&self, code: &str) -> Option<&'static str> {
        self.list.iter().find(|(own, _)| *own == code).map(|(_, words)| *words)
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text as text.
    Text,
    /// A number, its digits kept.
    Number,
    /// A day.
    Date,
    /// A point in time.
    DateTime,
    /// A code, or this one where there is none.
    CodeOr(&'static str),
    /// A coded value as CodeableConcept.
    Concept,
    /// A coded value as CodeableConcept, or this coding where there is none.
    ConceptOr(&'static Coding<'static>),
    /// A list of coded values.
    Concepts,
    /// Text as `CodeableConcept.text`.
    ConceptText,
    /// A code of a list as CodeableConcept.
    Listed(&'static Codes),
    /// A code of this system as CodeableConcept.
    System(&'static str),
    /// Text as `Reference.display`.
    Display,
    /// Texts as references with a display.
    Displays,
    /// Text or texts as notes, marked with the member's name.
    Note,
    /// Whatever it is, in the detail extension, marked with the member's name.
    Detail,
    /// The same, a point in time.
    DetailDate,
    /// A list of codes in an extension.
    Extension(&'static str, &'static Codes),
    /// A fixed coding in an extension.
    FixedExtension(&'static str, &'static Coding<'static>),
    /// The code of a unit, with its system and in UCUM's usual spelling; what UCUM has not is words. The member of the unit's
    /// words has the same name without `Code`.
    UnitCode,
    /// A fixed text.
    Fixed(&'static str),
    /// A fixed text where the member is there.
    FixedIf(&'static str),
    /// A fixed coding as CodeableConcept.
    FixedCode(&'static Coding<'static>),
}

/// One member and its element. `from` is a path within the item (`recordedBy.name`), `to` a path within the resource:
/// `[]` is the one element of an array, `[system=phone]` the element with that member.
#[derive(Clone, Copy, Debug)]
pub struct Bind {
    /// Member of the item.
    pub from: &'static str,
    /// Element of the resource.
    pub to: &'static str,
    /// How.
    pub kind: Kind,
}

/// Shorthand for the tables.
pub const fn bind(from: &'static str, to: &'static str, kind: Kind) -> Bind {
    Bind { from, to, kind }
}

/// Shorthand for a detail.
pub const fn detail(from: &'static str) -> Bind {
    Bind { from, to: "", kind: Kind::Detail }
}

/// Shorthand for a note.
pub const fn note(from: &'static str) -> Bind {
    Bind { from, to: "", kind: Kind::Note }
}

/// Which option opens a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Always passed on.
    Open,
    /// Passed on with option `legal-items`.
    Legal,
    /// Passed on with option `safeguarding-items`.
    Safeguarding,
}

/// A kind of item that becomes one resource.
#[derive(Debug)]
pub struct Section {
    /// Path of its list (or of its one object) in the record: `alerts`, `legal.cprDecisions`.
    pub path: &'static str,
    /// What an item looks like.
    pub shape: &'static Object,
    /// Resource type.
    pub resource: &'static str,
    /// Element that refers to the person.
    pub subject: &'static str,
    /// The code by which its resources are known again.
    pub marker: Option<&'static Coding<'static>>,
    /// Whether resources of this type without one of our codes belong here too.
    pub foreign: bool,
    /// Which option opens it.
    pub gate: Gate,
    /// Whether its resources are labelled restricted.
    pub restricted: bool,
    /// The members.
    pub binds: &'static [Bind],
}

impl Section {
    /// An ordinary section; the fields that differ are set by the tables.
    pub const fn new(
        path: &'static str,
        shape: &'static Object,
        resource: &'static str,
        subject: &'static str,
        binds: &'static [Bind],
    ) -> Self {
        Self {
            path,
            shape,
            resource,
            subject,
            marker: None,
            foreign: false,
            gate: Gate::Open,
            restricted: false,
            binds,
        }
    }

    /// Known again by this code.
    #[must_use]
    pub const fn marked(mut self, marker: &'static Coding<'static>) -> Self {
        self.marker = Some(marker);
        self
    }

    /// Takes resources of other senders too.
    #[must_use]
    pub const fn open_to_others(mut self) -> Self {
        self.foreign = true;
        self
    }

    /// Held back unless an option opens it; restricted.
    #[must_use]
    pub const fn gated(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self.restricted = true;
        self
    }

    /// Restricted.
    #[must_use]
    pub const fn labelled(mut self) -> Self {
        self.restricted = true;
        self
    }
}
