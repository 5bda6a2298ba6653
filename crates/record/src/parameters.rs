//! R4's search parameters as published: what is not kept in an index is evaluated over the resource itself.
//!
//! `data/r4-search-parameters.tsv` and `data/r4-summary.tsv` are made from HL7's definitions (FHIR R4 4.0.1) by
//! `cargo run -p xtask -- search-parameters DIR`.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use causeway_fhirpath::{Environment, Expression, Item};
use serde_json::Value;

use crate::params::Comparison;
use crate::{compare, params};

impl Comparison {
    /// Whether a modifier is supported: what is not must be refused (R4, search, modifiers).
    pub(crate) fn takes(self, modifier: &str) -> bool {
        match (self, modifier) {
            (_, "" | "missing") => true,
            (Self::Token, modifier) => matches!(modifier, "not" | "text" | "of-type"),
            (Self::Text, modifier) => matches!(modifier, "exact" | "contains"),
            (Self::Reference, "identifier") => true,
            (Self::Reference, modifier) => is_r4_type(modifier),
            (Self::Uri, modifier) => matches!(modifier, "below" | "above"),
            _ => false,
        }
    }
}

/// One parameter of one type.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) kind: Comparison,
    source: &'static str,
    /// Only references to this type count.
    only: Option<&'static str>,
    /// Types that a reference may lead to; empty where any may.
    targets: Vec<&'static str>,
    components: Vec<(Comparison, &'static str)>,
}

/// Type, name of the parameter.
type Definitions = HashMap<&'static str, HashMap<&'static str, Definition>>;

fn all() -> &'static Definitions {
    static ALL: OnceLock<Definitions> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = Definitions::new();
        for ((base, code), one) in
            include_str!("../data/r4-search-parameters.tsv").lines().filter_map(definition)
        {
            all.entry(base).or_default().insert(code, one);
        }
        all
    })
}

fn definition(line: &'static str) -> Option<((&'static str, &'static str), Definition)> {
    let mut cells = line.split('\t');
    let (base, code) = (cells.next()?, cells.next()?);
    let kind = Comparison::of(cells.next()?)?;
    let source = cells.next()?;
    let only = cells.next().filter(|t| !t.is_empty());
    let targets = cells.next().unwrap_or("");
    let targets = targets.split(',').filter(|t| !t.is_empty() && *t != "*").collect();
    let components = cells.next().unwrap_or("").split(" && ").filter_map(|component| {
        let (kind, source) = component.split_once('=')?;
        Some((Comparison::of(kind)?, source))
    });
    Some(((base, code), Definition { kind, source, only, targets, components: components.collect() }))
}

/// The parameter of a type, its own or one of all types.
pub(crate) fn find(kind: &str, name: &str) -> Option<&'static Definition> {
    let bases = [kind, "DomainResource", "Resource"];
    bases.into_iter().find_map(|base| all().get(base)?.get(name))
}

/// Names and kinds (of `search-param-type`) of all search parameters of a type, in order.
pub fn search_parameters(kind: &str) -> Vec<(&'static str, &'static str)> {
    let bases = [kind, "DomainResource", "Resource"];
    let own = bases.into_iter().filter_map(|base| all().get(base)).flatten();
    let mut found: Vec<_> = own.map(|(name, d)| (*name, d.kind.word())).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What `_include` can name of a type: `Type:parameter`.
pub fn search_includes(kind: &str) -> Vec<String> {
    let references = params::of_type(kind).filter(|p| p.kind == params::Kind::Reference);
    let defined = |name: &&str| find(kind, name).is_some_and(|d| d.kind == Comparison::Reference);
    references.map(|p| p.name).filter(defined).map(|name| format!("{kind}:{name}")).collect()
}

/// Whether an include (`Type:parameter`) can lead to a type, and so be a reverse include of it.
pub fn leads_to(include: &str, kind: &str) -> bool {
    let Some((from, name)) = include.split_once(':') else { return false };
    targets_of(from, name).contains(&kind)
}

fn summaries() -> &'static HashMap<&'static str, (&'static str, &'static str)> {
    static ALL: OnceLock<HashMap<&'static str, (&'static str, &'static str)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = include_str!("../data/r4-summary.tsv").lines();
        lines
            .filter_map(|line| {
                let mut cells = line.split('\t');
                Some((cells.next()?, (cells.next()?, cells.next()?)))
            })
            .collect()
    })
}

/// Whether this is a resource type of R4.
pub fn is_r4_type(name: &str) -> bool {
    summaries().contains_key(name)
}

/// Whether a resource by itself meets a search parameter, its name with a modifier where there is one. `None` where R4 has no
/// such parameter of the type, or its modifier can't be looked at here: chains and `_has` look at other resources.
pub fn meets(resource: &Value, name: &str, value: &str) -> Option<bool> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let (base, modifier) = name.split_once(':').unwrap_or((name, ""));
    let definition = find(kind, base).filter(|definition| definition.kind.takes(modifier))?;
    Some(definition.holds(resource, modifier, &split(value)))
}

/// Alternatives between commas; `\,` is a comma of the value (FHIR search, escaping).
pub(crate) fn split(value: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let last = out.last_mut();
        match (c, last) {
            (',', _) => out.push(String::new()),
            ('\\', Some(last)) => last.extend(chars.next()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    out
}

/// Elements of a type's summary.
pub(crate) fn summary_of(kind: &str) -> impl Iterator<Item = &'static str> + use<> {
    summaries().get(kind).map_or("", |s| s.0).split(',')
}

/// Elements that a type must have.
pub(crate) fn required_of(kind: &str) -> impl Iterator<Item = &'static str> + use<> {
    summaries().get(kind).map_or("", |s| s.1).split(',')
}

/// Types that a reference parameter may lead to; empty where any may.
pub(crate) fn targets_of(kind: &str, name: &str) -> &'static [&'static str] {
    find(kind, name).map_or(&[], |d| d.targets.as_slice())
}

/// An expression, compiled once for the life of the process: there are as many as R4 has.
fn compiled(source: &'static str) -> Option<&'static Expression> {
    static COMPILED: Mutex<Option<HashMap<&'static str, Option<&'static Expression>>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    *compiled.get_or_insert_default().entry(source).or_insert_with(|| {
        let expression = Expression::parse(source).ok()?;
        Some(Box::leak(Box::new(expression)))
    })
}

fn values<'a>(source: &'static str, resource: &'a Value, input: &[Item<'a>]) -> Vec<Item<'a>> {
    let environment = Environment::of(resource);
    let found = compiled(source).map(|e| e.evaluate_items(&environment, input));
    found.and_then(Result::ok).map(|items| items.into_iter().collect()).unwrap_or_default()
}

impl Definition {
    /// Whether a resource meets the parameter with this modifier and these alternatives.
    pub(crate) fn holds(&self, resource: &Value, modifier: &str, alternatives: &[String]) -> bool {
        let input = [Item::Node(causeway_fhirpath::Node::resource(resource))];
        let found = values(self.source, resource, &input);
        if self.kind == Comparison::Composite {
            return found.iter().any(|item| alternatives.iter().any(|a| self.composite(resource, item, a)));
        }
        let found: Vec<Value> = found.iter().map(Item::json).filter(|v| self.counts(v)).collect();
        match modifier {
            "missing" => found.is_empty() == alternatives.iter().any(|a| a == "true"),
            "not" => !found.iter().any(|v| alternatives.iter().any(|a| compare::one(self.kind, v, "", a))),
            _ => found.iter().any(|v| alternatives.iter().any(|a| compare::one(self.kind, v, modifier, a))),
        }
    }

    fn counts(&self, value: &Value) -> bool {
        let Some(only) = self.only else { return true };
        let reference = value["reference"].as_str().unwrap_or_default();
        crate::reference::key_of(reference).is_none_or(|key| key.kind == only)
    }

    fn composite(&self, resource: &Value, item: &Item<'_>, alternative: &str) -> bool {
        let parts: Vec<&str> = alternative.split('$').collect();
        parts.len() == self.components.len()
            && parts.iter().zip(&self.components).all(|(part, (kind, source))| {
                let found = values(source, resource, std::slice::from_ref(item));
                found.iter().any(|v| compare::one(*kind, &v.json(), "", part))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{all, compiled};

    #[test]
    fn every_expression_of_r4_compiles() {
        let every = all().iter().flat_map(|(base, own)| own.iter().map(move |(code, one)| (base, code, one)));
        for (base, code, definition) in every {
            let sources = definition.components.iter().map(|c| c.1).chain([definition.source]);
            for source in sources {
                assert!(compiled(source).is_some(), "{base}.{code}: {source}");
            }
        }
        assert!(all()["Observation"].len() > 30);
    }
}
