//! HL7's FHIRPath tests for R4, case by case. The suite is not part of the project: it is looked for in
//! `CAUSEWAY_ACCEPTANCE`, else beside the project, and where it is absent the one case says so.

mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_core::Ledger;
use causeway_fhirpath::model::System;
use causeway_fhirpath::{Environment, Error, Expression, Item, Model, Moment};
use causeway_xml::{Document, Element, decode};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

/// Cases that are not passed, with the reason.
const NOT_SUPPORTED: &[(&str, &str)] = &[];

struct Case {
    name: String,
    input: Option<Arc<Value>>,
    expression: String,
    invalid: Option<String>,
    strict: bool,
    predicate: bool,
    ordered: bool,
    outputs: Vec<(Option<String>, String)>,
}

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CAUSEWAY_ACCEPTANCE")
        .map_or_else(|| root.join("../shared/acceptance"), PathBuf::from)
        .join("fhirpath-r4")
}

fn main() {
    let arguments = Arguments::from_args();
    let file = folder().join("tests-fhir-r4.xml");
    let trials = if file.is_file() {
        let cases = cases(&file);
        assert!(cases.len() > 700, "the suite is read");
        cases.into_iter().map(trial).collect()
    } else {
        vec![Trial::test("HL7's FHIRPath suite is not here", || Ok(())).with_ignored_flag(true)]
    };
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(case: Case) -> Trial {
    let reason = NOT_SUPPORTED.iter().find(|(name, _)| *name == case.name);
    let name = match reason {
        Some((name, reason)) => format!("{name} (not supported: {reason})"),
        None => case.name.clone(),
    };
    Trial::test(name, move || run(&case)).with_ignored_flag(reason.is_some())
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("an input file");
    if path.extension().is_some_and(|e| e == "json") {
        return serde_json::from_slice(&bytes).expect("JSON");
    }
    xml::resource(&bytes)
}

fn cases(file: &Path) -> Vec<Case> {
    let bytes = std::fs::read(file).expect("the suite");
    let text = decode(&bytes).expect("text");
    let document = Document::parse(&text, &mut Ledger::new()).expect("XML");
    let mut inputs: BTreeMap<String, Arc<Value>> = BTreeMap::new();
    let attribute = |e: Element<'_>, name: &str| e.attribute(name).map(|leaf| leaf.text.to_owned());
    let mut cases = Vec::new();
    for group in document.root().children_named("group") {
        let group_name = attribute(group, "name").unwrap_or_default();
        for test in group.children_named("test") {
            let name = format!("{group_name}/{}", attribute(test, "name").unwrap_or_default());
            let twins = cases.iter().filter(|c: &&Case| c.name == name).count();
            let name = if twins > 0 { format!("{name} ({})", twins + 1) } else { name };
            let input = attribute(test, "inputfile").map(|file| {
                let path = folder().join("input").join(&file);
                Arc::clone(inputs.entry(file).or_insert_with(|| Arc::new(read(&path))))
            });
            let expression = test.child("expression").expect("an expression");
            let output = |o: Element<'_>| (attribute(o, "type"), o.text_content().0);
            cases.push(Case {
                name,
                input,
                expression: expression.text_content().0,
                invalid: attribute(expression, "invalid"),
                strict: attribute(test, "mode").is_some_and(|m| m == "strict"),
                predicate: attribute(test, "predicate").is_some_and(|p| p == "true"),
                ordered: attribute(test, "ordered").is_none_or(|o| o != "false"),
                outputs: test.children_named("output").map(output).collect(),
            });
        }
    }
    cases
}

/// The type of an item as the suite writes it, and its text.
fn written(item: &Item<'_>) -> (String, String) {
    let system = item.system();
    let text = match &system {
        Some(Item::Moment(moment)) => {
            let time = moment.kind() == causeway_fhirpath::moment::MomentKind::Time;
            format!("@{}{moment}", if time { "T" } else { "" })
        }
        Some(Item::Quantity(quantity)) => quantity.text(),
        Some(Item::String(text)) => text.to_string(),
        Some(other) => match other.json() {
            Value::String(text) => text,
            other => other.to_string(),
        },
        None => item.json().to_string(),
    };
    let kind = match item {
        Item::Node(node) => Model::r4().name(node.ty).to_owned(),
        other => match other.system_type() {
            Some(System::Quantity) => "Quantity".to_owned(),
            Some(System::DateTime) => "dateTime".to_owned(),
            Some(system) => system.name().to_lowercase(),
            None => "type".to_owned(),
        },
    };
    (kind, text)
}

fn run(case: &Case) -> Result<(), Failed> {
    let nothing = Value::Null;
    let input = case.input.as_deref().unwrap_or(&nothing);
    let resource_type = input.get("resourceType").and_then(Value::as_str);
    let checked = case.strict || case.invalid.as_deref() == Some("semantic");
    let now = Moment::date_time("2026-11-29T12:00:00.000Z");
    let environment = Environment { now, ..Environment::of(input) };
    let parsed = Expression::parse(&case.expression);
    let outcome = match &parsed {
        Err(error) => Err(error.clone()),
        Ok(expression) => {
            let check = match resource_type.filter(|_| checked) {
                Some(name) => expression.check(name),
                None => Ok(()),
            };
            check.and_then(|()| {
                if case.input.is_some() {
                    expression.evaluate(&environment, input)
                } else {
                    expression.evaluate_items(&environment, &[])
                }
            })
        }
    };
    match (&case.invalid, outcome) {
        (Some(_), Err(Error::Limit(name))) => Err(format!("limit {name}").into()),
        (Some(kind), Err(error)) => {
            if kind == "syntax" && !matches!(error, Error::Syntax { .. }) {
                return Err(format!("an error, but none of syntax: {error}").into());
            }
            Ok(())
        }
        (Some(kind), Ok(items)) => Err(format!("no {kind} error but {items:?}").into()),
        (None, Err(error)) => Err(format!("{}: {error}", case.expression).into()),
        (None, Ok(items)) => compare(case, &items),
    }
}

fn compare(case: &Case, items: &[Item<'_>]) -> Result<(), Failed> {
    if case.predicate {
        let truth = match items {
            [Item::Boolean(value)] => *value,
            other => !other.is_empty(),
        };
        let wanted = case.outputs.first().is_some_and(|(_, text)| text == "true");
        return if truth == wanted { Ok(()) } else { Err(format!("{truth}").into()) };
    }
    let mut found: Vec<(String, String)> = items.iter().map(written).collect();
    let mut wanted: Vec<(Option<String>, String)> = case.outputs.clone();
    if !case.ordered {
        found.sort_by(|a, b| a.1.cmp(&b.1));
        wanted.sort_by(|a, b| a.1.cmp(&b.1));
    }
    let same = found.len() == wanted.len()
        && found.iter().zip(&wanted).all(|((kind, text), (wanted_kind, wanted))| {
            wanted_kind.as_ref().is_none_or(|w| w == kind)
                && (text == wanted || same_decimal(kind, text, wanted))
        });
    if same { Ok(()) } else { Err(format!("{}: found {found:?}, wanted {wanted:?}", case.expression).into()) }
}

/// The suite writes the decimal 1 for what has more digits; boundaries are compared to the digit.
fn same_decimal(kind: &str, text: &str, wanted: &str) -> bool {
    let places = |t: &str| t.split_once('.').map_or(0, |(_, digits)| digits.len());
    let value = |t: &str| t.parse::<f64>().ok();
    kind == "decimal"
        && value(text).is_some()
        && value(text) == value(wanted)
        && (places(wanted) == 0 || places(wanted) == places(text))
}
