//! What the schema finds wrong, as issues; and which part of the record is refused for it: the smallest item that can
//! stand alone, so that its neighbours go on.

use causeway_core::{Issue, IssueCode, Position, Severity};
use causeway_json::Node;
use causeway_json::shape::{Fault, Finding};

/// Ids of the rules that the schema makes; what else is checked has other ids.
pub const SCHEMA_RULES: [&str; 7] = [
    "schema-required",
    "schema-type",
    "schema-value",
    "schema-format",
    "schema-length",
    "schema-count",
    "schema-range",
];

/// The issue of a finding, at its JSON pointer.
pub fn issue(finding: &Finding<'_>) -> Issue {
    let (code, rule, text) = words(finding.fault);
    let node = finding.node;
    let position = match finding.fault {
        Fault::Missing(name) => Position::new(format!("{}/{name}", node.pointer()), node.span()),
        _ => node.position(),
    };
    Issue::new(Severity::Error, code, rule, text).at(position)
}

fn words(fault: Fault) -> (IssueCode, &'static str, String) {
    match fault {
        Fault::Missing(name) => {
            (IssueCode::Required, "schema-required", format!("{name} must be given and is not"))
        }
        Fault::MissingAny(names) => (
            IssueCode::Required,
            "schema-required",
            format!("one of these must be given: {}", names.join(", ")),
        ),
        Fault::WrongType | Fault::WrongClass => (
            IssueCode::Structure,
            "schema-type",
            "the value is of another type than the schema says".to_owned(),
        ),
        Fault::NotAllowed => (
            IssueCode::CodeInvalid,
            "schema-value",
            "the value is not one of those that the schema allows".to_owned(),
        ),
        Fault::BadForm(name) => (IssueCode::Value, "schema-format", format!("the value is not {name}")),
        Fault::TooShort => (IssueCode::Value, "schema-length", "the text is empty or too short".to_owned()),
        Fault::TooLong => {
            (IssueCode::TooLong, "schema-length", "the text is longer than the schema allows".to_owned())
        }
        Fault::TooFew => {
            (IssueCode::Required, "schema-count", "there are fewer items than the schema asks for".to_owned())
        }
        Fault::TooMany => {
            (IssueCode::TooLong, "schema-count", "there are more items than the schema allows".to_owned())
        }
        Fault::OutOfRange => (
            IssueCode::Value,
            "schema-range",
            "the number is outside the range that the schema allows".to_owned(),
        ),
    }
}

/// The part of the record that is refused for a fault at a node; `None` where only something is missing that the
/// record can do without.
pub fn unit<'t>(node: Node<'t>, missing: bool) -> Option<Node<'t>> {
    let mut chain: Vec<Node<'t>> = std::iter::successors(Some(node), |n| n.parent()).collect();
    chain.reverse();
    let at = |depth: usize| chain.get(depth).copied();
    let top = at(1)?;
    let deepest = |depth: usize| at(depth).or(at(chain.len() - 1));
    match top.name() {
        "subject" | "carePlan" | "aboutMe" => {
            // A member alone; within a list of the member, the element alone.
            let member = at(2)?;
            if member.is_array() {
                return deepest(3);
            }
            (!(missing && chain.len() == 3 && top.name() == "subject")).then_some(at(chain.len() - 1)?)
        }
        "legal" => deepest(3),
        "needs" => {
            // Goals and actions stand alone too.
            match (at(3).map(Node::name), at(5).map(Node::name)) {
                (Some("goals"), Some("actions")) => deepest(6),
                (Some("goals"), _) => deepest(4),
                _ => deepest(2),
            }
        }
        _ if top.is_array() => deepest(2),
        _ => Some(top),
    }
}
