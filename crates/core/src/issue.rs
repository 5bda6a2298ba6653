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

    /// Whether it says what another says, wherever that is.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        self.rule == other.rule && self.severity == other.severity && self.text == other.text
    }

    /// The same issue, at a position.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}
