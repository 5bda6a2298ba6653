//! What a check found.

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
    /// The code of FHIR's `issue-severity`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
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
}

/// All findings of one check, in document order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// True where more was found than [`crate::limits::MAX_FINDINGS`] and left out.
    pub truncated: bool,
}

impl Report {
    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Error).count()
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Warning).count()
    }

    /// True where no error was found.
    pub fn is_valid(&self) -> bool {
        self.errors() == 0
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
