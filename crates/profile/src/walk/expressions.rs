//! Invariants given as FHIRPath: those of loaded profiles, and those of R4 that are no function of this crate.

use super::Walker;
use crate::codes::Belongs;
use crate::expression::Expression;
use crate::report::{About, Severity, Unchecked};
use causeway_fhirpath::model::{Model, TypeId};
use causeway_fhirpath::{Coded, Environment, Host, Item, Node};
use serde_json::Value;
use std::cell::Cell;

/// What expressions may ask of the document and the definitions.
struct Around<'w, 'a> {
    walker: &'w Walker<'a>,
    /// Whether a reference was followed to an entry that is not at hand, of a Bundle that is read in parts.
    apart: Cell<bool>,
}

impl<'a> Host<'a> for Around<'_, 'a> {
    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        let found = self.walker.resolve_literal(reference);
        if found.is_none() && self.walker.resolve_apart(reference).is_some() {
            self.apart.set(true);
        }
        found
    }

    fn member_of(&self, codes: &[Coded<'_>], value_set: &str) -> Option<bool> {
        let set = self.walker.defs.value_set(value_set)?;
        let mut unknown = false;
        for coded in codes {
            match set.has(coded.system, &coded.code) {
                Belongs::Yes => return Some(true),
                Belongs::Unknown => unknown = true,
                Belongs::No => {}
            }
        }
        (!unknown).then_some(false)
    }

    fn conforms_to(&self, value: &Value, profile: &str) -> Option<bool> {
        let known = self.walker.defs.profile(profile)?;
        let mut walker = Walker::new(self.walker.defs, self.walker.options);
        Some(walker.conforms(value, &known.root))
    }

    fn html_checks(&self, text: &str) -> Option<bool> {
        Some(crate::invariants::is_narrative(text))
    }
}

/// The engine's name for a type.
pub(crate) fn type_of(name: &str) -> TypeId {
    Model::r4().named(name).unwrap_or(TypeId::UNKNOWN)
}

impl<'a> Walker<'a> {
    /// Holds an element to an invariant; says so where it can't be evaluated.
    pub(crate) fn expression(
        &mut self,
        expression: &'a Expression,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
        ty: TypeId,
    ) {
        let host = Around { walker: self, apart: Cell::new(false) };
        let holds = expression.compiled().and_then(|compiled| {
            let environment = Environment {
                resource: self.values.last().copied(),
                root: self.root_value(),
                host: Some(&host),
                ..Environment::default()
            };
            let items =
                compiled.evaluate_items(&environment, &[Item::Node(Node { value, extra, ty })]).ok()?;
            Some(match items.as_slice() {
                [] => false,
                [item] => match item.system() {
                    Some(Item::Boolean(truth)) => truth,
                    _ => true,
                },
                _ => true,
            })
        });
        if host.apart.get() {
            return self.skip(Unchecked::Bundle, "rules that follow a reference");
        }
        match holds {
            Some(true) => {}
            Some(false) => {
                let rule = format!("inv/{}", expression.key);
                self.tell(expression.severity, &rule, expression.human.clone(), About::Nothing);
            }
            None => {
                self.skip(Unchecked::Invariant, &expression.key);
                let text =
                    format!("the rule {} could not be evaluated here and was not checked", expression.key);
                self.find(Severity::Information, "profile/invariant-not-checked", text);
            }
        }
    }

    /// `%rootResource`: the resource around a contained one, else the resource itself.
    fn root_value(&self) -> Option<&'a Value> {
        self.containers
            .last()
            .map(super::references::Container::whole)
            .or_else(|| self.values.last().copied())
    }
}
