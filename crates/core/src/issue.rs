//! What a person should know about a message: severity, code, position, a plain sentence.

use std::borrow::Cow;

use crate::place::Position;

/// How serious an issue is (FHIR `issue-severity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information.
    Information,
    /// Something was not carried as the source had it, or is doubtful.
    Warning,
    /// A record, or a part of one, was refused.
    Error,
    /// Nothing could be read.
    Fatal,
}

impl Severity {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

/// The kind of an issue (the part of FHIR `issue-type` that a translation needs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueCode {
    /// Content breaks the format's grammar.
    Structure,
    /// A required item is missing.
    Required,
    /// A value is not valid.
    Value,
    /// A rule of the format or of the business was broken.
    BusinessRule,
    /// A code is not known.
    CodeInvalid,
    /// The content is of a kind that is not translated.
    NotSupported,
    /// Something is too long or too many.
    TooLong,
    /// The same thing twice.
    Duplicate,
    /// Two statements contradict each other.
    Conflict,
    /// Content was held back by a rule.
    Suppressed,
    /// Something referred to is not there.
    NotFound,
    /// A part is not complete, more is awaited.
    Incomplete,
    /// Plain information.
    Informational,
    /// Something went wrong in the program.
    Exception,
}

impl IssueCode {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            IssueCode::Structure => "structure",
            IssueCode::Required => "required",
            IssueCode::Value => "value",
            IssueCode::BusinessRule => "business-rule",
            IssueCode::CodeInvalid => "code-invalid",
            IssueCode::NotSupported => "not-supported",
            IssueCode::TooLong => "too-long",
            IssueCode::Duplicate => "duplicate",
            IssueCode::Conflict => "conflict",
            IssueCode::Suppressed => "suppressed",
            IssueCode::NotFound => "not-found",
            IssueCode::Incomplete => "incomplete",
            IssueCode::Informational => "informational",
            IssueCode::Exception => "exception",
        }
    }
}

/// One issue. Its text never holds a value of a person: it may say which item and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How serious.
    pub severity: Severity,
    /// Which kind, in FHIR's words.
    pub code: IssueCode,
    /// Which rule, in our words: a stable kebab-case id such as `nhs-number-check-digit`.
    pub rule: &'static str,
    /// Where in the source.
    pub position: Option<Position>,
    /// One plain sentence.
    pub text: Cow<'static, str>,
}

/// What is told beyond [`ISSUES_MAX`](crate::limits::ISSUES_MAX): one of each sentence, wherever that was, and how often it was told again.
#[derive(Debug, Default)]
pub struct Beyond(Vec<(Issue, u64)>);

impl Beyond {
    /// Counts what was told and is told again; `false` where it was not.
    pub fn count(&mut self, issue: &Issue, times: u64) -> bool {
        let is_same = |known: &Issue| {
            known.rule == issue.rule && known.severity == issue.severity && known.text == issue.text
        };
        let known = self.0.iter_mut().find(|(known, _)| is_same(known));
        known.map(|(_, count)| *count += times).is_some()
    }

    /// Whether an issue was told before, and is counted. One that was not is remembered, up to
    /// [`BEYOND_MAX`](crate::limits::BEYOND_MAX) of them.
    pub fn is_again(&mut self, issue: &Issue) -> bool {
        if self.count(issue, 1) {
            return true;
        }
        if self.0.len() < crate::limits::BEYOND_MAX {
            self.0.push((Issue { position: None, ..issue.clone() }, 0));
        }
        false
    }

    /// Takes out what was told, each with how often it was told again.
    pub fn take(&mut self) -> impl Iterator<Item = (Issue, u64)> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}

impl Issue {
    /// An issue without a position.
    pub fn new(
        severity: Severity,
        code: IssueCode,
        rule: &'static str,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { severity, code, rule, position: None, text: text.into() }
    }

    /// The same issue, at a position.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}
