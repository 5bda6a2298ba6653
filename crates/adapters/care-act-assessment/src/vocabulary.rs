//! The standard's error vocabulary: the codes of its validator, with which records are refused here too.

use causeway_core::{Issue, IssueCode, Position, Severity};
use causeway_json::Node;
use causeway_json::shape::{Fault, Finding};

/// Every code that a refusal may have.
pub const CODES: [&str; 11] = [
    "required-field-missing",
    "too-few-values",
    "too-many-values",
    "value-not-allowed",
    "bad-format",
    "wrong-type",
    "wrong-object-type",
    "out-of-range",
    "rule-violation",
    "duplicate-child-id",
    "parse-error",
];

/// The issue of a finding, at its JSON pointer.
pub fn issue(finding: &Finding<'_>) -> Issue {
    let (rule, code, text): (&'static str, IssueCode, String) = match finding.fault {
        Fault::Missing(name) => {
            ("required-field-missing", IssueCode::Required, format!("the standard requires {name}"))
        }
        Fault::MissingAny(names) => (
            "required-field-missing",
            IssueCode::Required,
            format!("one of these is required: {}", names.join(", ")),
        ),
        Fault::WrongType => ("wrong-type", IssueCode::Structure, "the value is of another type".to_owned()),
        Fault::WrongClass => (
            "wrong-object-type",
            IssueCode::Structure,
            "an object of another class is expected here".to_owned(),
        ),
        Fault::NotAllowed => (
            "value-not-allowed",
            IssueCode::CodeInvalid,
            "the value is not in the controlled vocabulary".to_owned(),
        ),
        Fault::BadForm(name) => ("bad-format", IssueCode::Value, format!("the value is not {name}")),
        Fault::TooShort => ("bad-format", IssueCode::Value, "the text is empty".to_owned()),
        Fault::TooLong => ("bad-format", IssueCode::TooLong, "the text is too long".to_owned()),
        Fault::TooFew => ("too-few-values", IssueCode::Required, "more values are needed".to_owned()),
        Fault::TooMany => {
            ("too-many-values", IssueCode::TooLong, "there are more values than allowed".to_owned())
        }
        Fault::OutOfRange => {
            ("out-of-range", IssueCode::Value, "the number is outside the permitted bounds".to_owned())
        }
    };
    let position = match finding.fault {
        Fault::Missing(name) => below(finding.node, name),
        _ => finding.node.position(),
    };
    Issue::new(Severity::Error, code, rule, text).at(position)
}

/// The position of a member that is not there.
pub fn below(node: Node<'_>, name: &str) -> Position {
    Position::new(format!("{}/{name}", node.pointer()), node.span())
}

/// A JSON pointer as the standard's validator writes paths, seen from the record: `/@graph/3/address/0/postcode` is
/// `address[0].postcode`. A value in a list of plain values is named by its list.
pub fn json_path(pointer: &str, document: &serde_json::Value) -> String {
    let mut steps: Vec<&str> = pointer.split('/').skip(1).collect();
    if steps.first() == Some(&"@graph") {
        steps.drain(..steps.len().min(2));
    }
    let scalar = document.pointer(pointer).is_some_and(|value| !value.is_object() && !value.is_array());
    if scalar && steps.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        steps.pop();
    }
    let mut path = String::new();
    for step in steps {
        let step = step.replace("~1", "/").replace("~0", "~");
        if !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&step);
        }
    }
    path
}
