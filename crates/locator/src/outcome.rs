//! What the API says: OperationOutcomes with the codes of Spine and of NRL.

use serde_json::{Value, json};

use crate::codes::Edition;

/// Code system of successes.
const RESPONSES: &str = "https://fhir.nhs.uk/ValueSet/NRL-ResponseCode";

/// A code of `Spine-ErrorOrWarningCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the codes' own names")]
pub enum Code {
    AccessDenied,
    AuthorCredentialsError,
    BadRequest,
    DuplicateRejected,
    InvalidResource,
    InvalidNhsNumber,
    InvalidCodeSystem,
    InvalidCodeValue,
    InvalidIdentifierSystem,
    InvalidIdentifierValue,
    InvalidParameter,
    MessageNotWellFormed,
    MissingOrInvalidHeader,
    NoRecordFound,
    InternalServerError,
    UnprocessableEntity,
}

impl Code {
    /// The code and its display. That of a refusal has a blank where others have a line.
    pub fn coding(self) -> (&'static str, &'static str) {
        match self {
            Self::AccessDenied => ("ACCESS DENIED", "Access has been denied to process this request"),
            Self::AuthorCredentialsError => ("AUTHOR_CREDENTIALS_ERROR", "Author credentials error"),
            Self::BadRequest => ("BAD_REQUEST", "Bad request"),
            Self::DuplicateRejected => {
                ("DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource")
            }
            Self::InvalidResource => ("INVALID_RESOURCE", "Invalid validation of resource"),
            Self::InvalidNhsNumber => ("INVALID_NHS_NUMBER", "Invalid NHS number"),
            Self::InvalidCodeSystem => ("INVALID_CODE_SYSTEM", "Invalid code system"),
            Self::InvalidCodeValue => ("INVALID_CODE_VALUE", "Invalid code value"),
            Self::InvalidIdentifierSystem => ("INVALID_IDENTIFIER_SYSTEM", "Invalid identifier system"),
            Self::InvalidIdentifierValue => ("INVALID_IDENTIFIER_VALUE", "Invalid identifier value"),
            Self::InvalidParameter => ("INVALID_PARAMETER", "Invalid parameter"),
            Self::MessageNotWellFormed => ("MESSAGE_NOT_WELL_FORMED", "Message not well formed"),
            Self::MissingOrInvalidHeader => {
                ("MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid")
            }
            Self::NoRecordFound => ("NO_RECORD_FOUND", "No record found"),
            Self::InternalServerError => ("INTERNAL_SERVER_ERROR", "Unexpected internal server error"),
            Self::UnprocessableEntity => ("UNPROCESSABLE_ENTITY", "Unprocessable Entity"),
        }
    }

    /// The later edition says of every rule of a resource that it can't be processed.
    fn is_rule(self) -> bool {
        matches!(
            self,
            Self::BadRequest
                | Self::InvalidResource
                | Self::InvalidCodeValue
                | Self::InvalidIdentifierSystem
                | Self::InvalidIdentifierValue
        )
    }
}

/// One issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// FHIR issue type.
    pub kind: &'static str,
    /// Spine code.
    pub code: Code,
    /// A sentence; empty where there is none to say.
    pub text: String,
    /// Where, as FHIRPath; empty where it is nowhere.
    pub at: String,
}

impl Issue {
    /// An issue.
    pub fn new(kind: &'static str, code: Code, text: impl Into<String>, at: impl Into<String>) -> Self {
        Self { kind, code, text: text.into(), at: at.into() }
    }

    fn value(&self, edition: Edition) -> Value {
        let (code, display) = self.code.coding();
        let mut issue = json!({
            "severity": "error",
            "code": self.kind,
            "details": {"coding": [{"system": system(edition), "code": code, "display": display}]},
        });
        if !self.text.is_empty() {
            issue["diagnostics"] = self.text.clone().into();
        }
        if !self.at.is_empty() {
            issue["expression"] = json!([self.at]);
        }
        issue
    }
}

/// The code system moved from one edition to the next; read both.
pub fn system(edition: Edition) -> &'static str {
    match edition {
        Edition::Of2024 => "https://fhir.nhs.uk/ValueSet/Spine-ErrorOrWarningCode-1",
        Edition::Of2025 => "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode",
    }
}

/// A refusal: an HTTP status and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// At least one issue.
    pub issues: Vec<Issue>,
}

impl Refusal {
    /// With one issue.
    pub fn new(
        status: u16,
        kind: &'static str,
        code: Code,
        text: impl Into<String>,
        at: impl Into<String>,
    ) -> Self {
        Self { status, issues: vec![Issue::new(kind, code, text, at)] }
    }

    /// Rules of a resource that are broken: 400, in the later edition 422.
    pub fn rules(issues: Vec<Issue>, edition: Edition) -> Self {
        match edition {
            Edition::Of2024 => Self { status: 400, issues },
            Edition::Of2025 => {
                let moved = |mut issue: Issue| {
                    if issue.code == Code::BadRequest {
                        issue.kind = "business-rule";
                    }
                    if issue.code.is_rule() {
                        issue.code = Code::UnprocessableEntity;
                    }
                    issue
                };
                Self { status: 422, issues: issues.into_iter().map(moved).collect() }
            }
        }
    }

    /// A request's body that can't be read.
    pub fn body(problem: &str, at: &str) -> Self {
        let text = format!("Request body could not be parsed ({at}: {problem})");
        Self::new(400, "invalid", Code::MessageNotWellFormed, text, at)
    }

    /// A parameter of the address.
    pub fn parameter(problem: &str, at: &str) -> Self {
        let text = format!("Invalid query parameter ({at}: {problem})");
        Self::new(400, "invalid", Code::InvalidParameter, text, at)
    }

    /// Nothing may be seen by this organisation.
    pub fn no_permission(ods_code: &str) -> Self {
        let text = format!(
            "Your organisation '{ods_code}' does not have permission to access this resource. Contact the onboarding team."
        );
        Self::new(403, "forbidden", Code::AccessDenied, text, "")
    }

    /// 403, `ACCESS DENIED`.
    pub fn denied(text: impl Into<String>) -> Self {
        Self::new(403, "forbidden", Code::AccessDenied, text, "")
    }

    /// 403, not the caller's own.
    pub fn not_yours(text: impl Into<String>, at: impl Into<String>) -> Self {
        Self::new(403, "forbidden", Code::AuthorCredentialsError, text, at)
    }

    /// 404.
    pub fn not_found() -> Self {
        let text = "The requested DocumentReference could not be found";
        Self::new(404, "not-found", Code::NoRecordFound, text, "")
    }

    /// 409.
    pub fn duplicate() -> Self {
        Self::new(409, "conflict", Code::DuplicateRejected, "", "")
    }

    /// As an OperationOutcome.
    pub fn outcome(&self, edition: Edition) -> Value {
        let issues: Vec<Value> = self.issues.iter().map(|i| i.value(edition)).collect();
        json!({"resourceType": "OperationOutcome", "issue": issues})
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the codes' own names")]
pub enum Success {
    Created,
    Superseded,
    Updated,
    Deleted,
}

impl Success {
    /// HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Created | Self::Superseded => 201,
            Self::Updated | Self::Deleted => 200,
        }
    }

    /// As an OperationOutcome: the resource itself is not given back.
    pub fn outcome(self) -> Value {
        let (code, display, text) = match self {
            Self::Created => ("RESOURCE_CREATED", "Resource created", "The document has been created"),
            Self::Superseded => (
                "RESOURCE_SUPERSEDED",
                "Resource created and resource(s) deleted",
                "The document has been superseded by a new version",
            ),
            Self::Updated => {
                ("RESOURCE_UPDATED", "Resource updated", "The DocumentReference has been updated")
            }
            Self::Deleted => {
                ("RESOURCE_DELETED", "Resource deleted", "The requested DocumentReference has been deleted")
            }
        };
        json!({"resourceType": "OperationOutcome", "issue": [{
            "severity": "information",
            "code": "informational",
            "details": {"coding": [{"system": RESPONSES, "code": code, "display": display}]},
            "diagnostics": text,
        }]})
    }
}
