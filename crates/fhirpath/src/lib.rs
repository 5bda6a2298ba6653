//! FHIRPath (2.0, with what R4's invariants and SQL on FHIR use of later versions) over FHIR R4 as JSON.
//!
//! An expression is parsed once and evaluated over any number of resources. Decimals are exact, dates keep their
//! precision, the types of elements come from R4's definitions, and units are compared by UCUM. Nothing here reads a
//! clock or a file: the time, other resources, terminology and profiles come in through [`Environment`] and [`Host`].
//! Work and memory are bounded by [`limits`].
//!
//! ```
//! use causeway_fhirpath::{Environment, Expression};
//!
//! let patient = serde_json::json!({
//!     "resourceType": "Patient",
//!     "name": [{"use": "official", "given": ["Ada", "Mary"]}],
//!     "deceasedBoolean": false
//! });
//! let given = Expression::parse("name.where(use = 'official').given.first()")?;
//! let found = given.evaluate(&Environment::of(&patient), &patient)?;
//! assert_eq!(found.first().and_then(|item| item.text()).as_deref(), Some("Ada"));
//!
//! let alive = Expression::parse("deceased.ofType(boolean).not()")?;
//! assert_eq!(alive.truth(&Environment::of(&patient), &patient)?, Some(true));
//! # Ok::<(), causeway_fhirpath::Error>(())
//! ```
//!
//! What is not here: `defineVariable`, `%terminologies`, `elementDefinition`, `slice`, `checkModifiers`.

mod check;
mod error;
mod evaluate;
mod function;
mod functions;
mod item;
mod lexer;
pub mod limits;
pub mod model;
pub mod moment;
mod operators;
mod parser;
pub mod quantity;
mod single;
mod syntax;

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

pub use error::Error;
pub use item::{Item, Items, Node};
pub use model::Model;
pub use moment::Moment;

use evaluate::{Evaluator, Scope};

/// A code as an element holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded<'a> {
    /// Its code system, where one is given.
    pub system: Option<&'a str>,
    /// The code.
    pub code: Cow<'a, str>,
}

/// What an expression may ask of the world around its data. Each answer may be "I don't know" (`None`), which is an
/// error of evaluation where the expression needs it, and an empty result for `resolve`.
pub trait Host<'a> {
    /// The resource that a reference leads to; contained resources and entries of the root Bundle are found without.
    fn resolve(&self, _reference: &str) -> Option<&'a Value> {
        None
    }

    /// Whether any of the codes is in a value set.
    fn member_of(&self, _codes: &[Coded<'_>], _value_set: &str) -> Option<bool> {
        None
    }

    /// Whether a code of the first is the same as or above one of the second.
    fn subsumes(&self, _above: &[Coded<'_>], _below: &[Coded<'_>]) -> Option<bool> {
        None
    }

    /// Whether an element or resource keeps a profile.
    fn conforms_to(&self, _value: &Value, _profile: &str) -> Option<bool> {
        None
    }

    /// Whether a narrative keeps the rules of XHTML in FHIR.
    fn html_checks(&self, _text: &str) -> Option<bool> {
        None
    }
}

/// What an evaluation stands in.
#[derive(Clone, Default)]
pub struct Environment<'a> {
    /// `%resource`: the resource that holds the input.
    pub resource: Option<&'a Value>,
    /// `%rootResource`: the resource around a contained one, or the Bundle in which `resolve()` looks first; where
    /// there is none it is `%resource`.
    pub root: Option<&'a Value>,
    /// What `now()` answers.
    pub now: Option<Moment>,
    /// Constants of the caller, by name without `%`.
    pub constants: HashMap<String, Items<'a>>,
    /// Terminology, profiles and other resources.
    pub host: Option<&'a dyn Host<'a>>,
}

impl<'a> Environment<'a> {
    /// An environment for a resource, without time, constants or host.
    pub fn of(resource: &'a Value) -> Self {
        Self { resource: Some(resource), ..Self::default() }
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    root: syntax::Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`Error::Syntax`], or [`Error::Semantic`] for a function that there is not or another number of arguments.
    pub fn parse(source: &str) -> Result<Self, Error> {
        Ok(Self { source: source.to_owned(), root: parser::parse(source)? })
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Holds the expression against the types of R4, without data: elements that a type does not have, functions on
    /// types that they do not take, an order where there is none.
    ///
    /// # Errors
    /// [`Error::Semantic`] with what is wrong.
    pub fn check(&self, type_name: &str) -> Result<(), Error> {
        check::check(&self.root, type_name)
    }

    /// Holds the expression against the types of R4 as [`Expression::check`] does, and its result against Boolean.
    ///
    /// # Errors
    /// [`Error::Semantic`] where the result can't be a Boolean.
    pub fn check_truth(&self, type_name: &str) -> Result<(), Error> {
        check::check_truth(&self.root, type_name)
    }

    /// The constants that it names, without `%`, each once.
    pub fn constants(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.constants(&mut names);
        names
    }

    /// Evaluates over a resource, or over a value whose type is unknown.
    ///
    /// # Errors
    /// [`Error::Evaluation`], [`Error::Semantic`] for an unknown type or constant, [`Error::Limit`].
    pub fn evaluate<'a>(
        &'a self,
        environment: &Environment<'a>,
        input: &'a Value,
    ) -> Result<Items<'a>, Error> {
        self.evaluate_items(environment, &[Item::Node(Node::resource(input))])
    }

    /// Evaluates over items, such as elements whose type is known.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_items<'a>(
        &'a self,
        environment: &Environment<'a>,
        input: &[Item<'a>],
    ) -> Result<Items<'a>, Error> {
        let mut evaluator = Evaluator { environment, context: input, left: limits::STEPS_MAX };
        evaluator.evaluate(&self.root, &Scope { this: input, index: None, total: None })
    }

    /// The truth of the result: an invariant holds where it is `Some(true)`. One item that is no Boolean is true.
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and where there are several items.
    pub fn truth<'a>(
        &'a self,
        environment: &Environment<'a>,
        input: &'a Value,
    ) -> Result<Option<bool>, Error> {
        single::truth(&self.evaluate(environment, input)?, "the expression")
    }
}
