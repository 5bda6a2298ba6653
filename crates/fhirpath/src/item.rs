//! What a collection holds: elements of the data, and values that an expression made.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::limits::VALUE_DEPTH_MAX;
use crate::model::{Kind, Model, System, TypeId};
use crate::moment::{Moment, MomentKind};
use crate::quantity::{self, Quantity, Unit};

/// An element of the data: its JSON value, and for a primitive the member that holds its id and extensions.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The value; none where a primitive has extensions only.
    pub value: Option<&'a Value>,
    /// The member with an underscore.
    pub extra: Option<&'a Value>,
    /// Its type, as far as it is known.
    pub ty: TypeId,
}

/// One item of a collection.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An element of the data.
    Node(Node<'a>),
    /// true or false
    Boolean(bool),
    /// A whole number
    Integer(i64),
    /// A decimal with its digits
    Decimal(Decimal),
    /// Text
    String(Cow<'a, str>),
    /// A date, dateTime or time
    Moment(Moment),
    /// A decimal with a unit
    Quantity(Box<Quantity<'a>>),
    /// What `type()` answers: namespace and name
    Type(&'static str, Cow<'a, str>),
}

/// A collection.
pub type Items<'a> = Vec<Item<'a>>;

impl<'a> Node<'a> {
    /// A JSON value whose type is its `resourceType`, or unknown.
    pub fn resource(value: &'a Value) -> Self {
        let name = value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        Self { value: Some(value), extra: None, ty: Model::r4().resource(name) }
    }

    /// The FHIRPath value of a primitive or a Quantity; `None` for other elements, and where the value is absent or
    /// not of its type.
    pub fn system(&self) -> Option<Item<'a>> {
        let value = self.value?;
        match Model::r4().system(self.ty) {
            Some(System::Quantity) => read_quantity(value).map(|q| Item::Quantity(Box::new(q))),
            Some(system) => read(value, system),
            None if self.ty == TypeId::UNKNOWN => match value {
                Value::Bool(_) => read(value, System::Boolean),
                Value::String(_) => read(value, System::String),
                Value::Number(n) if n.is_i64() => read(value, System::Integer),
                Value::Number(_) => read(value, System::Decimal),
                _ => None,
            },
            None => None,
        }
    }

    /// Whether it is of a type that has a value, but has none that can be read: extensions alone, or a quantity
    /// without a value.
    pub(crate) fn is_without_value(&self) -> bool {
        Model::r4().system(self.ty).is_some()
    }

    fn is_primitive(&self) -> bool {
        match Model::r4().kind(self.ty) {
            Some(kind) => kind == Kind::Primitive,
            None => !self.value.is_some_and(|v| v.is_object()),
        }
    }
}

/// The digits of a JSON number as a decimal; `None` beyond 28 digits.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()
    } else {
        Decimal::from_str_exact(text).ok()
    }
}

fn read(value: &Value, system: System) -> Option<Item<'_>> {
    Some(match (system, value) {
        (System::Boolean, Value::Bool(value)) => Item::Boolean(*value),
        (System::Integer, Value::Number(number)) => Item::Integer(number.as_i64()?),
        (System::Decimal, Value::Number(number)) => Item::Decimal(decimal(number.as_str())?),
        (System::String, Value::String(text)) => Item::String(Cow::Borrowed(text)),
        (System::Date, Value::String(text)) => Item::Moment(Moment::date(text)?),
        (System::DateTime, Value::String(text)) => Item::Moment(Moment::date_time(text)?),
        (System::Time, Value::String(text)) => Item::Moment(Moment::time(text)?),
        _ => return None,
    })
}

/// A FHIR Quantity. One with a comparator says no value.
fn read_quantity(value: &Value) -> Option<Quantity<'_>> {
    if value.get("comparator").is_some() {
        return None;
    }
    let Value::Number(number) = value.get("value")? else { return None };
    let text = |name| value.get(name).and_then(Value::as_str);
    let unit = match (text("system"), text("code"), text("unit")) {
        (Some("http://unitsofmeasure.org"), Some(code), _) => Unit::Ucum(Cow::Borrowed(code)),
        (_, Some(code), _) => Unit::Other(Cow::Borrowed(code)),
        (_, None, Some(unit)) => Unit::Other(Cow::Borrowed(unit)),
        (_, None, None) => Unit::ONE,
    };
    Some(Quantity { value: decimal(number.as_str())?, unit })
}

impl<'a> Item<'a> {
    /// The item as a value of FHIRPath: an element is read by its type.
    pub fn system(&self) -> Option<Item<'a>> {
        match self {
            Self::Node(node) => node.system(),
            Self::Type(..) => None,
            other => Some(other.clone()),
        }
    }

    /// The type of the value, for an item that has one.
    pub fn system_type(&self) -> Option<System> {
        Some(match self {
            Self::Node(_) | Self::Type(..) => return None,
            Self::Boolean(_) => System::Boolean,
            Self::Integer(_) => System::Integer,
            Self::Decimal(_) => System::Decimal,
            Self::String(_) => System::String,
            Self::Quantity(_) => System::Quantity,
            Self::Moment(moment) => match moment.kind() {
                MomentKind::Date => System::Date,
                MomentKind::DateTime => System::DateTime,
                MomentKind::Time => System::Time,
            },
        })
    }

    /// The text of a string, or of a primitive that is one.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Node(_) => match self.system()? {
                Self::String(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The element behind it.
    pub fn node(&self) -> Option<&Node<'a>> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// What it is called in an error, without its value.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Node(node) => match Model::r4().name(node.ty) {
                "" => "an element",
                name => name,
            },
            Self::Type(..) => "a type",
            other => other.system_type().map_or("a value", System::name),
        }
    }

    /// The value as JSON: an element as it stands, a quantity as FHIR writes it, dates as text.
    pub fn json(&self) -> Value {
        let number = |digits: String| serde_json::from_str(&digits).unwrap_or(Value::Null);
        match self {
            Self::Node(node) => node.value.cloned().unwrap_or(Value::Null),
            Self::Boolean(value) => Value::Bool(*value),
            Self::Integer(value) => Value::from(*value),
            Self::Decimal(value) => number(value.to_string()),
            Self::String(text) => Value::String(text.to_string()),
            Self::Moment(moment) => Value::String(moment.to_string()),
            Self::Quantity(quantity) => {
                let mut object = serde_json::Map::new();
                object.insert("value".to_owned(), number(quantity.value.to_string()));
                match &quantity.unit {
                    Unit::Calendar(unit) => {
                        object.insert("unit".to_owned(), Value::from(unit.word()));
                    }
                    Unit::Ucum(code) => {
                        object.insert("system".to_owned(), Value::from("http://unitsofmeasure.org"));
                        object.insert("code".to_owned(), Value::from(code.as_ref()));
                    }
                    Unit::Other(unit) => {
                        object.insert("unit".to_owned(), Value::from(unit.as_ref()));
                    }
                }
                Value::Object(object)
            }
            Self::Type(_, name) => Value::from(name.as_ref()),
        }
    }

    /// `=` of two items; `None` where it can't be said.
    pub fn equal(&self, other: &Item<'_>) -> Option<bool> {
        if let (Self::Node(a), Item::Node(b)) = (self, other) {
            // Neither is a value of FHIRPath: compared as structures.
            if !a.is_primitive() || !b.is_primitive() {
                if let (Some(Item::Quantity(a)), Some(Item::Quantity(b))) = (a.system(), b.system()) {
                    return a.compare(&b).map(|o| o == Ordering::Equal).or(Some(false));
                }
                return Some(a.is_primitive() == b.is_primitive() && same(a.value, b.value, false, 0));
            }
            if a.value.is_none() && b.value.is_none() {
                return Some(same(a.extra, b.extra, false, 0));
            }
        }
        if let (Self::Type(space, name), Item::Type(other_space, other_name)) = (self, other) {
            return Some(space == other_space && name == other_name);
        }
        match (self.system(), other.system()) {
            (Some(a), Some(b)) => a.equal_values(&b),
            _ => Some(false),
        }
    }

    fn equal_values(&self, other: &Item<'_>) -> Option<bool> {
        match (self, other) {
            (Self::Boolean(a), Item::Boolean(b)) => Some(a == b),
            (Self::String(a), Item::String(b)) => Some(a == b),
            (Self::Moment(a), Item::Moment(b)) => {
                if (a.kind() == MomentKind::Time) != (b.kind() == MomentKind::Time) {
                    return Some(false);
                }
                a.compare(b).map(|order| order == Ordering::Equal)
            }
            // A date in a string (a FHIR date without its type) is read as one.
            (Self::Quantity(a), Item::Quantity(b)) => a.compare(b).map(|order| order == Ordering::Equal),
            (Self::Quantity(a), b) => Some(a.unit == Unit::ONE && b.number().is_some_and(|n| n == a.value)),
            (a, Item::Quantity(b)) => Some(b.unit == Unit::ONE && a.number().is_some_and(|n| n == b.value)),
            (a, b) => match (a.number(), b.number()) {
                (Some(a), Some(b)) => Some(a == b),
                _ => Some(false),
            },
        }
    }

    /// `~` of two items.
    pub fn equivalent(&self, other: &Item<'_>) -> bool {
        if let (Self::Node(a), Item::Node(b)) = (self, other)
            && (!a.is_primitive() || !b.is_primitive())
        {
            if let (Some(Item::Quantity(a)), Some(Item::Quantity(b))) = (a.system(), b.system()) {
                return a.equivalent(&b);
            }
            return a.is_primitive() == b.is_primitive() && same(a.value, b.value, true, 0);
        }
        match (self.system(), other.system()) {
            (Some(Item::String(a)), Some(Item::String(b))) => same_text(&a, &b),
            (Some(Item::Quantity(a)), Some(Item::Quantity(b))) => a.equivalent(&b),
            (Some(Item::Moment(a)), Some(Item::Moment(b))) => {
                a.precision() == b.precision() && a.compare(&b) == Some(Ordering::Equal)
            }
            (Some(a), Some(b)) => match (a.number(), b.number()) {
                (Some(a), Some(b)) => quantity::equivalent(a, b),
                _ => a.equal_values(&b) == Some(true),
            },
            _ => self.equal(other) == Some(true),
        }
    }

    /// A number as a decimal.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Integer(value) => Some(Decimal::from(*value)),
            Self::Decimal(value) => Some(*value),
            Self::Node(_) => self.system().and_then(|value| value.number()),
            _ => None,
        }
    }
}

fn same_text(a: &str, b: &str) -> bool {
    let fold = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    a == b || fold(a) == fold(b)
}

/// Whether two JSON values are the same: members in any order, numbers by value; when `loose` also arrays in any
/// order and text whatever its case.
fn same(a: Option<&Value>, b: Option<&Value>, loose: bool, depth: usize) -> bool {
    if depth > VALUE_DEPTH_MAX {
        return false;
    }
    match (a, b) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| same(Some(value), b.get(name), loose, depth + 1))
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if loose => {
            let mut left: Vec<&Value> = b.iter().collect();
            a.len() == b.len()
                && a.iter().all(|value| {
                    let found =
                        left.iter().position(|other| same(Some(value), Some(other), loose, depth + 1));
                    found.map(|at| left.swap_remove(at)).is_some()
                })
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b), loose, depth + 1))
        }
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            match (decimal(a.as_str()), decimal(b.as_str())) {
                (Some(a), Some(b)) => a == b,
                _ => a.as_str() == b.as_str(),
            }
        }
        (Some(Value::String(a)), Some(Value::String(b))) if loose => same_text(a, b),
        (a, b) => a == b,
    }
}
