//! What a run found.

use serde::{Deserialize, Serialize};

use super::must_support::Element;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// A rule that SHALL be kept is broken.
    Failed,
    /// A rule that SHOULD be kept is broken.
    Warned,
    /// A rule that MAY be kept is not.
    Noted,
    /// It could not be run; the reason says why.
    NotRun,
    /// Everything is as expected.
    Passed,
}

impl End {
    /// All, worst first.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Warned, Self::Noted, Self::NotRun, Self::Passed];

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Warned => "warning",
            Self::Noted => "note",
            Self::NotRun => "not run",
            Self::Passed => "passed",
        }
    }
}

/// One request and its answer, as evidence: no content, but its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Method and address, or what was written over MLLP.
    pub asked: String,
    /// What came back, in a few words.
    pub answered: String,
    /// SHA-256 of the answer's body.
    pub sha256: String,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseResult {
    /// The case, with the values it was run for.
    pub id: String,
    /// What should be so.
    pub title: String,
    /// The rule.
    pub rule: String,
    /// Where it stands.
    pub source: String,
    /// Address of that place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// SHALL, SHOULD or MAY.
    pub level: String,
    /// How it ended.
    pub end: End,
    /// What was found wrong, or why it was not run.
    pub found: Vec<String>,
    /// What to do.
    pub mend: String,
    /// Requests and answers.
    pub exchanges: Vec<Exchange>,
    /// Milliseconds.
    pub milliseconds: u64,
}

/// A run of a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Name of the suite.
    pub suite: String,
    /// Its title.
    pub title: String,
    /// What it tests and what not.
    pub about: String,
    /// Its version.
    pub version: String,
    /// Whose endpoint it is, where the tester says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The endpoint.
    pub endpoint: String,
    /// When it began, in UTC.
    pub at: String,
    /// The settings, secrets apart.
    pub settings: std::collections::BTreeMap<String, String>,
    /// The program that ran it.
    pub tool: String,
    /// Requests of a fuzz, and its seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuzz: Option<(u64, u64)>,
    /// The cases, in order.
    pub cases: Vec<CaseResult>,
    /// What the answers showed of must-support elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_support: Vec<Element>,
}

impl Run {
    /// How many ended so.
    pub fn count(&self, end: End) -> usize {
        self.cases.iter().filter(|c| c.end == end).count()
    }

    /// Whether no rule that SHALL be kept was found broken and at least one was tried.
    pub fn passed(&self) -> bool {
        self.count(End::Failed) == 0 && self.count(End::Passed) > 0
    }
}

/// How a case differs from the same of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Worse than before.
    Worse(End, End),
    /// Better.
    Better(End, End),
    /// Not in the earlier run.
    New(End),
    /// Not in this run.
    Gone(End),
}

/// What differs between two runs, worst first.
pub fn compare(old: &Run, new: &Run) -> Vec<(String, Change)> {
    let of = |run: &Run, id: &str| run.cases.iter().find(|c| c.id == id).map(|c| c.end);
    let mut changes = Vec::new();
    for case in &new.cases {
        match of(old, &case.id) {
            None => changes.push((case.id.clone(), Change::New(case.end))),
            Some(before) if before < case.end => {
                changes.push((case.id.clone(), Change::Better(before, case.end)));
            }
            Some(before) if before > case.end => {
                changes.push((case.id.clone(), Change::Worse(before, case.end)));
            }
            Some(_) => {}
        }
    }
    for case in &old.cases {
        if of(new, &case.id).is_none() {
            changes.push((case.id.clone(), Change::Gone(case.end)));
        }
    }
    changes.sort_by_key(|(_, change)| match change {
        Change::Worse(..) => 0,
        Change::Gone(_) => 1,
        Change::New(_) => 2,
        Change::Better(..) => 3,
    });
    changes
}

/// A change in words.
pub fn words(change: &Change) -> String {
    match change {
        Change::Worse(old, new) => format!("worse: {} before, {} now", old.word(), new.word()),
        Change::Better(old, new) => format!("better: {} before, {} now", old.word(), new.word()),
        Change::New(end) => format!("new: {}", end.word()),
        Change::Gone(end) => format!("no longer run: {} before", end.word()),
    }
}
