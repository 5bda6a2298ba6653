//! What the schema finds wrong, as issues; and which part of the record is refused for it: the smallest item that can
//! stand alone, so that its neighbours go on.

use causeway_core::{Issue, IssueCode, NhsNumber, Position, Severity};
use causeway_json::Node;
use causeway_json::shape::{Fault, Field, Finding, Object, Shape, token};

use crate::forms::NHS_NUMBER;
use crate::sections::whole::RECORD;

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

/// Whether an NHS number is sound but for what spaces it out: it is read, and told by whoever writes it.
pub fn is_spaced_number(finding: &Finding<'_>) -> bool {
    matches!(finding.fault, Fault::BadForm(name) if name == NHS_NUMBER.name)
        && finding.node.string().is_some_and(|text| NhsNumber::parse(text).is_ok())
}

/// Both parts of the name of the person whom a record is about.
const NAME_PARTS: [&str; 2] = ["familyName", "givenName"];

/// The findings as issues, one for each thing that somebody has to put right.
pub fn issues(findings: &[Finding<'_>]) -> Vec<Issue> {
    let lacks = |finding: &Finding<'_>, name: &str| {
        findings.iter().any(|other| {
            other.node.index() == finding.node.index()
                && matches!(other.fault, Fault::Missing(missing) if missing == name)
        })
    };
    let mut issues = Vec::with_capacity(findings.len());
    for finding in findings {
        let Fault::Missing(name) = finding.fault else {
            issues.push(issue(finding, None));
            continue;
        };
        // Nobody says that a family name and a first name are missing: the name is.
        if NAME_PARTS.contains(&name) && NAME_PARTS.iter().all(|part| lacks(finding, part)) {
            if name == NAME_PARTS[0] {
                issues.push(issue(finding, Some("name")));
            }
            continue;
        }
        issues.push(issue(finding, None));
    }
    issues
}

/// The issue of a finding, at its JSON pointer. `called` is what is missing, where that is not its member alone.
fn issue(finding: &Finding<'_>, called: Option<&'static str>) -> Issue {
    let node = finding.node;
    let (code, rule, mut text) = words(finding.fault, node);
    if let Some(called) = called {
        text = missing(called);
    }
    let position = match finding.fault {
        Fault::Missing(name) => Position::new(format!("{}/{name}", node.pointer()), node.span()),
        _ => node.position(),
    };
    Issue::new(Severity::Error, code, rule, text).at(position)
}

fn missing(what: &str) -> String {
    format!("{what} is missing")
}

/// What a member is in words, without what the schema adds for those who write software; its name where the schema
/// does not know it.
fn about(node: Node<'_>, name: &'static str) -> &'static str {
    let object = object_at(node).into_iter().flat_map(|object| object.fields);
    let about = object.clone().find(|field| field.name == name).map_or(name, |field| field.about);
    about.split([',', ';', ':', '(']).next().map_or(name, str::trim)
}

/// The object of the schema that a node must look like.
fn object_at(node: Node<'_>) -> Option<&'static Object> {
    let mut chain: Vec<Node<'_>> = std::iter::successors(Some(node), |n| n.parent()).collect();
    chain.reverse();
    let mut shape = Shape::Object(&RECORD);
    for step in chain.iter().skip(1) {
        shape = match shape {
            Shape::List { of, .. } | Shape::Values { of, .. } => *of,
            Shape::Object(object) => object.fields.iter().find(|f| f.name == step.name())?.shape,
            _ => return None,
        };
    }
    match shape {
        Shape::Object(object) => Some(object),
        _ => None,
    }
}

/// The field of the schema that a member is.
fn field_of(node: Node<'_>) -> Option<&'static Field> {
    object_at(node.parent()?)?.fields.iter().find(|field| field.name == node.name())
}

/// The code that is meant by one with other capitals, blanks or hyphens (`Not-Done`, `not done`).
pub fn respelt(finding: &Finding<'_>) -> Option<&'static str> {
    let Shape::Code(codes) = field_of(finding.node)?.shape else { return None };
    let said = token(finding.node.string().filter(|_| finding.fault == Fault::NotAllowed)?);
    codes.iter().copied().find(|code| token(code) == said)
}

/// Whether a fault leaves the rest of its item as true as it was: a text, a number, a date or another form that the item can do
/// without. A code or a yes or no may turn what the item says, and takes it along.
pub fn suffers_alone(finding: &Finding<'_>) -> bool {
    let decides = |shape: Shape| {
        !matches!(shape, Shape::Text { .. } | Shape::Form(_) | Shape::Integer { .. } | Shape::Number { .. })
    };
    let is_item = |node: Node<'_>| node.parent().is_some_and(|list| list.is_array());
    let held_open = |node: Node<'_>| {
        let top = std::iter::successors(Some(node), |n| n.parent()).filter(|n| n.parent().is_some()).last();
        top.is_some_and(|top| !matches!(top.name(), "legal" | "safeguarding"))
    };
    finding.node.parent().is_some_and(is_item)
        && held_open(finding.node)
        && field_of(finding.node).is_some_and(|field| !field.required && !decides(field.shape))
}

fn words(fault: Fault, node: Node<'_>) -> (IssueCode, &'static str, String) {
    match fault {
        Fault::Missing(name) => (IssueCode::Required, "schema-required", missing(about(node, name))),
        Fault::MissingAny(names) => {
            let called: Vec<&str> = names.iter().map(|name| about(node, name)).collect();
            (
                IssueCode::Required,
                "schema-required",
                format!("one of these must be given: {}", called.join(", ")),
            )
        }
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
