//! Types of an expression, found without data: what can't be anything is an error before the first resource is read.

use crate::error::Error;
use crate::function::Function;
use crate::model::{Kind, Model, System, TypeId};
use crate::syntax::{Call, Expr, Literal, Op, TypeName};

/// Loops until the types of `repeat` are all known.
const REPEAT_ROUNDS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Fhir(TypeId),
    System(System),
}

/// What the items of a collection may be.
#[derive(Clone)]
struct Found {
    /// None where it may be anything.
    types: Option<Vec<Type>>,
    /// False after `children()` and `descendants()`.
    ordered: bool,
}

impl Found {
    const ANY: Self = Self { types: None, ordered: true };

    fn of(system: System) -> Self {
        Self { types: Some(vec![Type::System(system)]), ordered: true }
    }

    fn with(self, other: Self) -> Self {
        let types = match (self.types, other.types) {
            (Some(mut a), Some(b)) => {
                for ty in b {
                    if !a.contains(&ty) {
                        a.push(ty);
                    }
                }
                Some(a)
            }
            _ => None,
        };
        Self { types, ordered: self.ordered && other.ordered }
    }

    /// Whether an item could be of such a FHIRPath type; a complex type never.
    fn may_be(&self, accept: impl Fn(System) -> bool) -> bool {
        let Some(types) = &self.types else { return true };
        types.is_empty()
            || types.iter().any(|ty| match ty {
                Type::System(system) => accept(*system),
                Type::Fhir(ty) => is_open(*ty) || Model::r4().system(*ty).is_some_and(&accept),
            })
    }
}

/// An abstract type, of which anything may come.
fn is_open(ty: TypeId) -> bool {
    matches!(Model::r4().name(ty), "" | "Resource" | "DomainResource" | "Element" | "BackboneElement")
}

fn semantic<T>(text: String) -> Result<T, Error> {
    Err(Error::Semantic(text))
}

pub(crate) fn check(expression: &Expr, type_name: &str) -> Result<(), Error> {
    let Some(ty) = Model::r4().named(type_name) else {
        return semantic(format!("there is no type '{type_name}'"));
    };
    let context = Found { types: Some(vec![Type::Fhir(ty)]), ordered: true };
    find(expression, &context).map(|_| ())
}

pub(crate) fn check_truth(expression: &Expr, type_name: &str) -> Result<(), Error> {
    let Some(ty) = Model::r4().named(type_name) else {
        return semantic(format!("there is no type '{type_name}'"));
    };
    let context = Found { types: Some(vec![Type::Fhir(ty)]), ordered: true };
    if find(expression, &context)?.may_be(|system| system == System::Boolean) {
        return Ok(());
    }
    semantic("the result can't be a Boolean".to_owned())
}

fn member(target: &Found, name: &str) -> Result<Found, Error> {
    let Some(types) = &target.types else { return Ok(Found { types: None, ordered: target.ordered }) };
    let model = Model::r4();
    let mut found: Option<Vec<Type>> = Some(Vec::new());
    let mut known = types.is_empty();
    for ty in types {
        let Type::Fhir(ty) = ty else {
            known = true;
            found = None;
            continue;
        };
        if let Some(element) = model.element(*ty, name) {
            known = true;
            for form in &element.forms {
                match (&mut found, is_open(form.ty)) {
                    (Some(list), false) => list.push(Type::Fhir(form.ty)),
                    _ => found = None,
                }
            }
        } else if is_open(*ty) {
            known = true;
            found = None;
        } else if name == "value" && model.kind(*ty) == Some(Kind::Primitive) {
            known = true;
            found = found.map(|mut list| {
                list.extend(model.system(*ty).map(Type::System));
                list
            });
        }
    }
    if !known {
        return semantic(format!("no type that stands here has an element '{name}'"));
    }
    Ok(Found { types: found, ordered: target.ordered })
}

fn start(this: &Found, name: &str) -> Result<Found, Error> {
    let model = Model::r4();
    if let (Some(ty), Some(types)) = (model.named(name), &this.types)
        && name.starts_with(|c: char| c.is_ascii_uppercase())
    {
        let fits = |have: &Type| match have {
            Type::Fhir(have) => model.is_a(*have, ty) || is_open(*have),
            Type::System(_) => false,
        };
        if types.iter().any(fits) {
            let open = is_open(ty);
            let types = if open { this.types.clone() } else { Some(vec![Type::Fhir(ty)]) };
            return Ok(Found { types, ordered: this.ordered });
        }
        return semantic(format!("the context is no '{name}'"));
    }
    member(this, name)
}

fn named(ty: &TypeName) -> Result<Found, Error> {
    if !ty.known() {
        return semantic(format!("there is no type '{}'", ty.name));
    }
    let types = ty.fhir.filter(|ty| !is_open(*ty)).map(|fhir| {
        let mut types = vec![Type::Fhir(fhir)];
        types.extend(ty.system.map(Type::System));
        types
    });
    Ok(Found { types: types.or_else(|| ty.system.map(|s| vec![Type::System(s)])), ordered: true })
}

fn find(expression: &Expr, this: &Found) -> Result<Found, Error> {
    match expression {
        Expr::Literal(literal) => Ok(match literal {
            Literal::Empty => Found { types: Some(Vec::new()), ordered: true },
            Literal::Boolean(_) => Found::of(System::Boolean),
            Literal::String(_) => Found::of(System::String),
            Literal::Integer(_) => Found::of(System::Integer),
            Literal::Decimal(_) => Found::of(System::Decimal),
            Literal::Quantity(..) => Found::of(System::Quantity),
            Literal::Moment(_) => Found::ANY,
        }),
        Expr::This => Ok(this.clone()),
        Expr::Index => Ok(Found::of(System::Integer)),
        Expr::Total | Expr::Constant(_) => Ok(Found::ANY),
        Expr::Member(None, name) => start(this, name),
        Expr::Member(Some(target), name) => member(&find(target, this)?, name),
        Expr::Call(target, call) => {
            let input = match target {
                Some(target) => find(target, this)?,
                None => this.clone(),
            };
            function(call, input, this)
        }
        Expr::At(target, index) => {
            find(index, this)?;
            let target = find(target, this)?;
            in_order(&target, "[]")?;
            Ok(target)
        }
        Expr::Negative(inner) | Expr::Positive(inner) => find(inner, this),
        Expr::Is(target, ty) => {
            find(target, this)?;
            named(ty)?;
            Ok(Found::of(System::Boolean))
        }
        Expr::As(target, ty) => {
            let target = find(target, this)?;
            Ok(Found { ordered: target.ordered, ..named(ty)? })
        }
        Expr::Binary(op, left, right) => {
            let (left, right) = (find(left, this)?, find(right, this)?);
            Ok(match op {
                Op::Union => left.with(right),
                Op::Add | Op::Subtract | Op::Multiply | Op::Divide => Found::ANY,
                Op::WholeDivide => Found::of(System::Integer),
                Op::Modulo => Found::ANY,
                Op::Concatenate => Found::of(System::String),
                _ => Found::of(System::Boolean),
            })
        }
    }
}

fn in_order(input: &Found, what: &str) -> Result<(), Error> {
    if input.ordered { Ok(()) } else { semantic(format!("'{what}' needs an order, which there is not")) }
}

fn function(call: &Call, input: Found, this: &Found) -> Result<Found, Error> {
    use Function as F;
    let name = call.function.name();
    if call.function.needs_order() {
        in_order(&input, name)?;
    }
    let argument = |number: usize, this: &Found| match call.arguments.get(number) {
        Some(argument) => find(argument, this),
        None => Ok(Found { types: Some(Vec::new()), ordered: true }),
    };
    let text = |system| matches!(system, System::String | System::Date | System::DateTime | System::Time);
    Ok(match call.function {
        F::Where => {
            argument(0, &input)?;
            input
        }
        F::Exists | F::All => {
            argument(0, &input)?;
            Found::of(System::Boolean)
        }
        F::Select => Found { ordered: input.ordered, ..argument(0, &input)? },
        F::Repeat => {
            let mut all = argument(0, &input)?;
            for _ in 0..REPEAT_ROUNDS {
                let before = all.types.as_ref().map(Vec::len);
                let more = argument(0, &all)?;
                all = all.with(more);
                if all.types.as_ref().map(Vec::len) == before {
                    break;
                }
            }
            all
        }
        F::Sort => {
            for number in 0..call.arguments.len() {
                argument(number, &input)?;
            }
            Found { ordered: true, ..input }
        }
        F::Aggregate => {
            argument(0, &input)?;
            argument(1, this)?;
            Found::ANY
        }
        F::Iif => {
            if !argument(0, &input)?.may_be(|system| system == System::Boolean) {
                return semantic("'iif' needs a Boolean first".to_owned());
            }
            argument(1, &input)?.with(argument(2, &input)?)
        }
        F::OfType | F::As | F::Is => {
            let ty = match &call.ty {
                Some(ty) => named(ty)?,
                None => Found::ANY,
            };
            if call.function == F::Is {
                Found::of(System::Boolean)
            } else {
                Found { ordered: input.ordered, ..ty }
            }
        }
        F::Children | F::Descendants => Found { types: None, ordered: false },
        F::Trace => {
            argument(1, &input)?;
            input
        }
        F::Extension => {
            argument(0, this)?;
            named(&TypeName::resolve(&["Extension".into()]))?
        }
        F::Union | F::Combine => input.with(argument(0, this)?),
        F::IndexOf
        | F::LastIndexOf
        | F::Substring
        | F::StartsWith
        | F::EndsWith
        | F::Contains
        | F::Upper
        | F::Lower
        | F::Length
        | F::ToChars
        | F::Trim
        | F::Split
        | F::Replace
        | F::Matches
        | F::MatchesFull
        | F::ReplaceMatches => {
            if !input.may_be(text) {
                return semantic(format!("'{name}' needs a String"));
            }
            for number in 0..call.arguments.len() {
                argument(number, this)?;
            }
            match call.function {
                F::StartsWith | F::EndsWith | F::Contains | F::Matches | F::MatchesFull => {
                    Found::of(System::Boolean)
                }
                F::IndexOf | F::LastIndexOf | F::Length => Found::of(System::Integer),
                _ => Found::of(System::String),
            }
        }
        other => {
            for number in 0..call.arguments.len() {
                argument(number, this)?;
            }
            match other {
                F::First | F::Last | F::Tail | F::Skip | F::Take | F::Single | F::Distinct => input,
                F::Intersect | F::Exclude => input,
                F::Empty | F::Not | F::HasValue | F::IsDistinct | F::SubsetOf | F::SupersetOf => {
                    Found::of(System::Boolean)
                }
                F::AllTrue | F::AnyTrue | F::AllFalse | F::AnyFalse => Found::of(System::Boolean),
                F::MemberOf | F::ConformsTo | F::HtmlChecks | F::Subsumes | F::SubsumedBy => {
                    Found::of(System::Boolean)
                }
                F::Count => Found::of(System::Integer),
                F::ToString | F::Join => Found::of(System::String),
                _ => Found::ANY,
            }
        }
    })
}
