//! The compiled form of an expression.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::Regex;
use rust_decimal::Decimal;

use crate::error::Error;
use crate::function::Function;
use crate::model::{Model, System, TypeId};
use crate::moment::{CalendarUnit, Moment};

#[derive(Debug)]
pub(crate) enum Expr {
    Literal(Literal),
    This,
    Index,
    Total,
    /// `%name`
    Constant(String),
    /// `target.name`, or a name at the start of a path
    Member(Option<Box<Expr>>, String),
    /// `target.function(…)`, or a function at the start of a path
    Call(Option<Box<Expr>>, Box<Call>),
    /// `target[index]`
    At(Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Is(Box<Expr>, TypeName),
    As(Box<Expr>, TypeName),
}

impl Expr {
    /// Adds the constants that it names.
    pub fn constants<'e>(&'e self, names: &mut Vec<&'e str>) {
        match self {
            Self::Constant(name) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            Self::Literal(_) | Self::This | Self::Index | Self::Total | Self::Member(None, _) => {}
            Self::Member(Some(inner), _)
            | Self::Negative(inner)
            | Self::Positive(inner)
            | Self::Is(inner, _)
            | Self::As(inner, _) => inner.constants(names),
            Self::At(left, right) | Self::Binary(_, left, right) => {
                left.constants(names);
                right.constants(names);
            }
            Self::Call(target, call) => {
                if let Some(target) = target {
                    target.constants(names);
                }
                call.arguments.iter().for_each(|argument| argument.constants(names));
            }
        }
    }
}

#[derive(Debug)]
pub(crate) enum Literal {
    Empty,
    Boolean(bool),
    String(String),
    Integer(i64),
    Decimal(Decimal),
    Moment(Moment),
    Quantity(Decimal, LiteralUnit),
}

#[derive(Debug)]
pub(crate) enum LiteralUnit {
    Calendar(CalendarUnit),
    Quoted(String),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub function: Function,
    pub arguments: Vec<Expr>,
    /// The type that `ofType(…)` and its like name.
    pub ty: Option<TypeName>,
    /// The regular expression of a literal argument, compiled when it is first needed.
    pub regex: OnceLock<Result<Regex, Error>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    Equivalent,
    NotEqual,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    WholeDivide,
    Modulo,
}

impl Op {
    pub fn sign(self) -> &'static str {
        match self {
            Self::Implies => "implies",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::And => "and",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Equal => "=",
            Self::Equivalent => "~",
            Self::NotEqual => "!=",
            Self::NotEquivalent => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Union => "|",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concatenate => "&",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::WholeDivide => "div",
            Self::Modulo => "mod",
        }
    }
}

/// A type that an expression names: of FHIR, of FHIRPath, or both where they share the name (`Quantity`).
#[derive(Clone, Debug)]
pub(crate) struct TypeName {
    pub name: String,
    pub fhir: Option<TypeId>,
    pub system: Option<System>,
}

impl TypeName {
    /// `FHIR.Patient`, `System.String`, or a name alone.
    pub fn resolve(path: &[Cow<'_, str>]) -> Self {
        let (space, name) = match path {
            [name] => (None, name),
            [space, name] => (Some(space.as_ref()), name),
            _ => return Self { name: path.join("."), fhir: None, system: None },
        };
        let fhir = Model::r4().named(name).filter(|_| space.is_none_or(|s| s == "FHIR"));
        let system = System::named(name).filter(|_| space.is_none_or(|s| s == "System"));
        Self { name: path.join("."), fhir, system }
    }

    pub fn known(&self) -> bool {
        self.fhir.is_some() || self.system.is_some()
    }
}
