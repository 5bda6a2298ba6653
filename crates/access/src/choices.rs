//! The four choices of a person about sharing. Each has its own meaning, source and history; none stands for another.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// National data opt-out: not beyond one's own care, from any source. Never concerns direct care.
    NationalOptOut,
    /// Type 1: what the GP holds does not leave the practice for anything but one's own care.
    TypeOne,
    /// Objection to the shared record: only an emergency opens it.
    Objection,
    /// Sensitive (the national demographics service says so): where the person is, is shown to nobody.
    Sensitive,
}

/// SNOMED CT concept of a type 1 opt-out in a GP record.
pub const TYPE_ONE_CODE: &str = "827241000000103";

impl Choice {
    /// All four, in the order of pages.
    pub const ALL: [Choice; 4] =
        [Choice::NationalOptOut, Choice::TypeOne, Choice::Objection, Choice::Sensitive];

    /// The word in forms, stores and events.
    pub fn word(self) -> &'static str {
        match self {
            Choice::NationalOptOut => "national-opt-out",
            Choice::TypeOne => "type-one",
            Choice::Objection => "objection",
            Choice::Sensitive => "sensitive",
        }
    }

    /// A choice by its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.word() == word)
    }

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Choice::NationalOptOut => "National data opt-out",
            Choice::TypeOne => "Type 1 opt-out",
            Choice::Objection => "Objection to the shared record",
            Choice::Sensitive => "Keep where I live secret",
        }
    }

    /// What it does, to the person.
    pub fn plain(self) -> &'static str {
        match self {
            Choice::NationalOptOut => {
                "Your information is not used for research and planning. It does not change your own care."
            }
            Choice::TypeOne => {
                "What your GP practice holds is not used for research and planning. It does not change your own care."
            }
            Choice::Objection => {
                "Nobody opens your shared record, except in an emergency. Each service still has its own notes."
            }
            Choice::Sensitive => {
                "Your address, telephone and GP practice are shown to nobody, and nobody finds you by searching."
            }
        }
    }

    /// Whether the person may set it here herself; the others are set where they are kept.
    pub fn by_person(self) -> bool {
        !matches!(self, Choice::Sensitive)
    }
}

/// One entry of the history of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which choice.
    pub choice: Choice,
    /// Whether it is on from then.
    pub on: bool,
    /// When.
    pub at: Timestamp,
    /// Who said so: the person, staff with their organisation, or a source's message.
    pub source: String,
}

/// The choices of one person with their history, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Every change.
    pub history: Vec<Change>,
}

impl Choices {
    /// Whether a choice is on. Of two changes of one instant the later written stands.
    pub fn is_on(&self, choice: Choice) -> bool {
        self.latest(choice).is_some_and(|c| c.on)
    }

    /// The change that stands.
    pub fn latest(&self, choice: Choice) -> Option<&Change> {
        self.history.iter().filter(|c| c.choice == choice).max_by_key(|c| c.at)
    }
}
