//! What is true of every message of a format, whatever a message says: the facts that the exchange and the record
//! need of a format without knowing it.

/// Which side of care speaks a format. Social care comes first wherever formats are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sector {
    /// Councils, care homes, home care, telecare.
    SocialCare,
    /// NHS providers, general practice, laboratories.
    Health,
}

impl Sector {
    /// Both, social care first.
    pub const ALL: [Sector; 2] = [Sector::SocialCare, Sector::Health];

    /// Words for lists and pages.
    pub fn words(self) -> &'static str {
        match self {
            Sector::SocialCare => "social care",
            Sector::Health => "health",
        }
    }

    /// Stable code for storage.
    pub fn code(self) -> &'static str {
        match self {
            Sector::SocialCare => "social-care",
            Sector::Health => "health",
        }
    }

    /// The sector of a [`Sector::code`].
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// How a later message of a source relates to its earlier ones: what it means that something is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Telling {
    /// A message is the whole record that its source holds of a person: what an older one held and this one does
    /// not was taken out by the source (GP2GP).
    Whole,
    /// A message leaves out what did not change: a field that is absent keeps its value (HL7 v2.4, chapter 2.10).
    Delta,
    /// A message tells of what happened, each resource in full; nothing follows from what it does not mention.
    Event,
}

impl Telling {
    /// All of them.
    pub const ALL: [Telling; 3] = [Telling::Whole, Telling::Delta, Telling::Event];

    /// Stable code for storage.
    pub fn code(self) -> &'static str {
        match self {
            Telling::Whole => "whole",
            Telling::Delta => "delta",
            Telling::Event => "event",
        }
    }

    /// The meaning of a [`Telling::code`].
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.code() == code)
    }

    /// Words for lists and pages.
    pub fn words(self) -> &'static str {
        match self {
            Telling::Whole => "a message is the whole record of a person",
            Telling::Delta => "a message tells what changed",
            Telling::Event => "a message tells of an event",
        }
    }
}
