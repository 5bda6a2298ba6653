//! What a resource is found by: a row for each value of a search parameter.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::dates;
use crate::params::{self, Kind, Param};
use crate::paths::{cut, each, fold};

/// Calls `f` with system and code of every token in an element.
pub(crate) fn tokens(value: &Value, f: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(code) => f("", code),
        Value::Bool(flag) => f("", if *flag { "true" } else { "false" }),
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or("");
            match map.get("coding") {
                Some(Value::Array(codings)) => codings.iter().for_each(|coding| tokens(coding, f)),
                _ if map.contains_key("value") => f(text("system"), text("value")),
                _ if map.contains_key("code") => f(text("system"), text("code")),
                _ => {}
            }
        }
        _ => {}
    }
}

/// The parameters that look into one element of a type, each with the rest of its path.
type Lookups = Vec<(&'static Param, &'static str)>;
/// By the first step of their paths.
type Plan = HashMap<&'static str, Lookups>;

/// What is looked for in each element of a type: one step over a resource's elements instead of one over the parameters,
/// most of which it has not. Types are R4's and those that are asked about, so few.
fn plan(kind: &str) -> &'static Plan {
    static PLANS: Mutex<Option<HashMap<String, &'static Plan>>> = Mutex::new(None);
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let plans = plans.get_or_insert_default();
    // Types that R4 has not share the parameters of the other types, and may be any.
    let kind = if crate::parameters::is_r4_type(kind) { kind } else { "" };
    if let Some(known) = plans.get(kind) {
        return known;
    }
    let mut made = Plan::new();
    for param in params::of_type(kind).filter(|p| !params::is_label(p.name)) {
        // `patient` and `subject` are the same elements and are answered from the resource's own column.
        if params::is_patient(param.name) {
            continue;
        }
        for path in param.paths {
            let (step, rest) = path.split_once('.').map_or((*path, ""), |(step, rest)| (step, rest));
            made.entry(step).or_default().push((param, rest));
        }
    }
    let made: &'static Plan = Box::leak(Box::new(made));
    plans.insert(kind.to_owned(), made);
    made
}

/// Where a text is within those of [`Rows`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part(usize, usize);

/// A row of a search parameter.
#[derive(Debug)]
pub(crate) enum Row {
    Token { code: Part, system: Part },
    Date { low: i64, high: i64 },
    Text { folded: Part, text: Part },
    Link(Part),
}

/// The index rows of one resource, with their texts in one.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// By the name of their parameter.
    pub rows: Vec<(&'static str, Row)>,
    texts: String,
}

impl Rows {
    fn keep(&mut self, text: &str) -> Part {
        let from = self.texts.len();
        self.texts.push_str(text);
        Part(from, self.texts.len())
    }

    pub(crate) fn text(&self, Part(from, to): Part) -> &str {
        self.texts.get(from..to).unwrap_or_default()
    }

    fn add(&mut self, param: &Param, value: &Value) {
        match param.kind {
            Kind::Token => tokens(value, &mut |system, code| {
                let (code, system) = (self.keep(cut(code)), self.keep(system));
                self.rows.push((param.name, Row::Token { code, system }));
            }),
            Kind::Date => {
                if let Some((low, high)) = dates::range_of(value) {
                    self.rows.push((param.name, Row::Date { low, high }));
                }
            }
            Kind::Text => {
                if let Some(text) = value.as_str().filter(|t| !t.is_empty()) {
                    let (folded, text) = (self.keep(&fold(text)), self.keep(cut(text)));
                    self.rows.push((param.name, Row::Text { folded, text }));
                }
            }
            Kind::Reference => {
                if let Some(reference) = value.get("reference").and_then(Value::as_str) {
                    let link = Row::Link(self.keep(reference));
                    self.rows.push((param.name, link));
                }
            }
        }
    }
}

/// The rows of a resource.
pub(crate) fn rows(kind: &str, map: &Map<String, Value>) -> Rows {
    chosen(kind, map, |_| true)
}

/// Only its references: for a migration.
pub(crate) fn links(kind: &str, map: &Map<String, Value>) -> Rows {
    chosen(kind, map, |param| param.kind == Kind::Reference)
}

fn chosen(kind: &str, map: &Map<String, Value>, wanted: impl Fn(&Param) -> bool) -> Rows {
    let plan = plan(kind);
    let mut rows = Rows::default();
    for (name, element) in map {
        for (param, rest) in plan.get(name.as_str()).into_iter().flatten().filter(|(param, _)| wanted(param))
        {
            each(element, rest, &mut |value| rows.add(param, value));
        }
    }
    rows
}
