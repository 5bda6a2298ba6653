//! What a check found, what it was held against, and what could not be checked.

use crate::limits::MAX_KEPT;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is broken.
    Information,
    /// Allowed, but likely not meant, or not checkable with what is known here.
    Warning,
    /// The resource breaks a rule.
    Error,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Information];

    /// The code of FHIR's `issue-severity`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity of a code of `issue-severity`; `fatal` is an error.
    pub fn of(code: &str) -> Option<Self> {
        Some(match code {
            "information" => Self::Information,
            "warning" => Self::Warning,
            "error" | "fatal" => Self::Error,
            _ => return None,
        })
    }
}

/// What would have been allowed, as far as a definition says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Nothing more than the finding's text.
    #[default]
    Nothing,
    /// A code of this value set (canonical URL).
    ValueSet(String),
    /// The format of this primitive type.
    Format(String),
    /// An element of this type (name, or path of a backbone element).
    Type(String),
    /// What this definition (canonical URL) says.
    Definition(String),
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Where, as a FHIRPath such as `Bundle.entry[2].resource.name[0].family`.
    pub path: String,
    /// The rule's stable id, such as `r4/cardinality-min`, `inv/obs-6` or `ukcore/UKCore-Patient/identifier:nhsNumber`.
    pub rule: String,
    /// What is wrong, in plain words, without any value of the resource.
    pub text: String,
    /// What [`crate::Definitions::advice`] takes the allowed values and the link from.
    pub about: About,
    /// Line and column in the text, where they were asked for.
    pub place: Option<Place>,
}

/// A kind of thing that a check could not judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unchecked {
    /// A profile that is claimed and not known: nothing of it was held.
    Profile,
    /// A value set that is bound and not known: any code passed.
    ValueSet,
    /// A code system whose content is not known: codes were judged by form at most.
    CodeSystem,
    /// An invariant that could not be evaluated.
    Invariant,
    /// An extension without a known definition.
    Extension,
    /// A slice that could not be told from others.
    Slice,
    /// A rule on the whole of a Bundle that is read entry by entry.
    Bundle,
    /// A questionnaire that is answered and not known.
    Questionnaire,
}

impl Unchecked {
    /// The kind in plain words, plural.
    pub fn words(self) -> &'static str {
        match self {
            Self::Profile => "profiles not known",
            Self::ValueSet => "value sets not known",
            Self::CodeSystem => "code systems whose content is not known",
            Self::Invariant => "rules (invariants) not evaluated",
            Self::Extension => "extensions without a known definition",
            Self::Slice => "slices that could not be told apart",
            Self::Bundle => "rules on a whole bundle",
            Self::Questionnaire => "questionnaires not known, so answers were not held to them",
        }
    }
}

/// What a check was held against, and what it could not judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Canonical URLs of the profiles held, with the number of resources held to each.
    pub held: BTreeMap<String, usize>,
    /// What could not be judged, with how often it was met.
    pub not_checked: BTreeMap<(Unchecked, String), usize>,
}

impl Coverage {
    /// Adds what another check covered.
    pub fn add(&mut self, other: &Self) {
        for (url, count) in &other.held {
            *self.held.entry(url.clone()).or_default() += count;
        }
        for (what, count) in &other.not_checked {
            *self.not_checked.entry(what.clone()).or_default() += count;
        }
    }
}

/// All findings of one check: errors first, then warnings, then information, each in document order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings kept: at most [`MAX_KEPT`] of each severity.
    pub findings: Vec<Finding>,
    /// How many were found: information, warnings, errors.
    counts: [usize; 3],
    /// What was held and what could not be.
    pub coverage: Coverage,
    /// Positions of the entries of the outermost Bundle that break a rule, in order.
    pub broken_entries: Vec<usize>,
}

impl Report {
    /// A report of one error on a document that can't be read.
    pub fn refusal(rule: &str, text: impl Into<String>) -> Self {
        let mut report = Self::default();
        report.push(Finding {
            severity: Severity::Error,
            path: String::new(),
            rule: rule.to_owned(),
            text: text.into(),
            about: About::Nothing,
            place: None,
        });
        report
    }

    /// Number of findings of a severity, also of those that were not kept.
    pub fn count(&self, severity: Severity) -> usize {
        self.counts.get(severity as usize).copied().unwrap_or(0)
    }

    /// Number of errors found, also of those that were not kept.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// Number of warnings found, also of those that were not kept.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// True where no error was found.
    pub fn is_valid(&self) -> bool {
        self.errors() == 0
    }

    /// Number of findings that were counted and not kept.
    pub fn left_out(&self) -> usize {
        self.counts.iter().sum::<usize>().saturating_sub(self.findings.len())
    }

    /// Counts a finding; true where it is to be kept too.
    pub(crate) fn take(&mut self, severity: Severity) -> bool {
        let count = &mut self.counts[severity as usize];
        *count += 1;
        *count <= MAX_KEPT
    }

    /// Counts a finding and keeps it while there is room for its severity.
    pub fn push(&mut self, finding: Finding) {
        if self.take(finding.severity) {
            self.findings.push(finding);
        }
    }

    /// Takes findings back that are kept.
    pub(crate) fn withdraw(&mut self, which: impl Fn(&Finding) -> bool) {
        let counts = &mut self.counts;
        self.findings.retain(|finding| {
            let goes = which(finding);
            counts[finding.severity as usize] -= usize::from(goes);
            !goes
        });
        if self.errors() == 0 {
            self.broken_entries.clear();
        }
    }

    /// Puts errors first; findings of one severity keep their order.
    pub(crate) fn settle(&mut self) {
        self.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    }

    /// Adds the findings of a part of the same document, such as an entry of a Bundle that is read by itself.
    pub fn add(&mut self, part: Self) {
        for severity in Severity::ALL {
            let kept = part.findings.iter().filter(|f| f.severity == severity).count();
            self.counts[severity as usize] += part.count(severity).saturating_sub(kept);
        }
        part.findings.into_iter().for_each(|f| self.push(f));
        self.coverage.add(&part.coverage);
        self.settle();
    }
}

/// One step of the path to the element being checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// The resource type at the root.
    Root(&'a str),
    /// An element by its JSON name.
    Name(&'a str),
    /// A choice element: its stem and the type chosen.
    Choice(&'a str, &'a str),
    /// The position in a repeating element.
    Index(usize),
}

/// The path as text.
pub(crate) fn render(steps: &[Step<'_>]) -> String {
    let mut out = String::with_capacity(steps.len() * 10);
    for step in steps {
        match step {
            Step::Root(name) => out.push_str(name),
            Step::Name(name) => drop(write!(out, ".{name}")),
            Step::Choice(stem, kind) => drop(write!(out, ".{stem}.ofType({kind})")),
            Step::Index(index) => drop(write!(out, "[{index}]")),
        }
    }
    out
}

/// A place in a text, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}
