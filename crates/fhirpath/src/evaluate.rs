//! Evaluation: paths, constants and the order of things.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use crate::Environment;
use crate::error::{Error, evaluation};
use crate::item::{Item, Items, Node};
use crate::limits::ITEMS_MAX;
use crate::model::{Form, Kind, Model, TypeId};
use crate::quantity::{Quantity, Unit};
use crate::single::single;
use crate::syntax::{Expr, Literal, LiteralUnit};

/// One evaluation.
pub(crate) struct Evaluator<'e, 'a> {
    pub environment: &'e Environment<'a>,
    /// What `%context` is.
    pub context: &'e [Item<'a>],
    /// Work that is left.
    pub left: u64,
}

/// What `$this`, `$index` and `$total` are.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s, 'a> {
    pub this: &'s [Item<'a>],
    pub index: Option<usize>,
    pub total: Option<&'s Items<'a>>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The scope of one item of a loop.
    pub fn on(&self, item: &'s Item<'a>, index: usize) -> Self
    where
        Self: 's,
    {
        Scope { this: std::slice::from_ref(item), index: Some(index), total: self.total }
    }
}

/// `<`, `>` and their like: the order of two values; `None` where it can't be said.
pub(crate) fn order(a: &Item<'_>, b: &Item<'_>, sign: &str) -> Result<Option<Ordering>, Error> {
    Ok(match (a, b) {
        (Item::String(a), Item::String(b)) => Some(a.as_ref().cmp(b.as_ref())),
        (Item::Moment(x), Item::Moment(y)) if a.system_type() == b.system_type() => x.compare(y),
        (Item::Moment(x), Item::Moment(y)) => match (x.to_date_time(), y.to_date_time()) {
            (Some(x), Some(y)) => x.compare(&y),
            _ => return mismatch(a, b, sign),
        },
        (Item::Quantity(a), Item::Quantity(b)) => a.compare(b),
        (Item::Quantity(x), y) => match y.number() {
            Some(value) => x.compare(&Quantity { value, unit: Unit::ONE }),
            None => return mismatch(a, b, sign),
        },
        (x, Item::Quantity(y)) => match x.number() {
            Some(value) => Quantity { value, unit: Unit::ONE }.compare(y),
            None => return mismatch(a, b, sign),
        },
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => return mismatch(a, b, sign),
        },
    })
}

pub(crate) fn mismatch<T>(a: &Item<'_>, b: &Item<'_>, sign: &str) -> Result<T, Error> {
    evaluation(format!("'{sign}' can't be used on {} and {}", a.kind_name(), b.kind_name()))
}

/// Adds the elements of a JSON value, paired with those of the member that holds ids and extensions.
fn push<'a>(value: Option<&'a Value>, extra: Option<&'a Value>, ty: TypeId, out: &mut Items<'a>) {
    let single = |value: Option<&'a Value>, extra: Option<&'a Value>, out: &mut Items<'a>| {
        let (value, extra) = (value.filter(|v| !v.is_null()), extra.filter(|v| !v.is_null()));
        if value.is_none() && extra.is_none() {
            return;
        }
        let abstract_or_unknown = ty == TypeId::UNKNOWN || Model::r4().kind(ty) == Some(Kind::Resource);
        let ty = match value.and_then(|v| v.get("resourceType")).and_then(Value::as_str) {
            Some(name) if abstract_or_unknown => Model::r4().resource(name),
            _ => ty,
        };
        out.push(Item::Node(Node { value, extra, ty }));
    };
    match (value, extra) {
        (Some(Value::Array(values)), extra) => {
            let extras = extra.and_then(Value::as_array);
            for (number, value) in values.iter().enumerate() {
                single(Some(value), extras.and_then(|e| e.get(number)), out);
            }
            // Extensions may go on where values end.
            for extra in extras.into_iter().flatten().skip(values.len()) {
                single(None, Some(extra), out);
            }
        }
        (None, Some(Value::Array(extras))) => extras.iter().for_each(|extra| single(None, Some(extra), out)),
        (value, extra) => single(value, extra, out),
    }
}

fn push_form<'a>(object: &'a Value, form: &Form, out: &mut Items<'a>) {
    let value = object.get(&form.key);
    let extra = match Model::r4().kind(form.ty) {
        Some(Kind::Primitive) => object.get(&form.extra),
        _ => None,
    };
    if value.is_some() || extra.is_some() {
        push(value, extra, form.ty, out);
    }
}

/// The elements of an item that have this name.
pub(crate) fn members<'a>(item: &Item<'a>, name: &str, out: &mut Items<'a>) {
    match item {
        Item::Node(node) => {
            let model = Model::r4();
            let primitive = model.kind(node.ty) == Some(Kind::Primitive);
            let holder = if primitive { node.extra } else { node.value };
            if primitive && name == "value" {
                out.extend(node.system());
                return;
            }
            let Some(object) = holder else { return };
            match model.element(node.ty, name) {
                Some(element) => element.forms.iter().for_each(|form| push_form(object, form, out)),
                None if node.ty == TypeId::UNKNOWN => {
                    let extra = object.get(format!("_{name}"));
                    push(object.get(name), extra, TypeId::UNKNOWN, out);
                }
                None => {}
            }
        }
        Item::Quantity(quantity) => match name {
            "value" => out.push(Item::Decimal(quantity.value)),
            "unit" | "code" => out.push(Item::String(match &quantity.unit {
                Unit::Calendar(unit) => Cow::Borrowed(unit.word()),
                Unit::Ucum(unit) | Unit::Other(unit) => unit.clone(),
            })),
            _ => {}
        },
        Item::Type(space, own) => match name {
            "namespace" => out.push(Item::String(Cow::Borrowed(space))),
            "name" => out.push(Item::String(own.clone())),
            _ => {}
        },
        _ => {}
    }
}

/// The elements directly below an item, in the order of the document.
pub(crate) fn children<'a>(item: &Item<'a>, out: &mut Items<'a>) {
    let Item::Node(node) = item else { return };
    let model = Model::r4();
    let primitive = model.kind(node.ty) == Some(Kind::Primitive);
    let holder = if primitive { node.extra } else { node.value };
    let Some(Value::Object(object)) = holder else { return };
    for (key, value) in object {
        if key == "resourceType" {
            continue;
        }
        // A primitive's second member is read with the first, or alone where there is no first.
        let (stem, alone) = match key.strip_prefix('_') {
            Some(stem) if object.contains_key(stem) => continue,
            Some(stem) => (stem, true),
            None => (key.as_str(), false),
        };
        let ty = match model.member(node.ty, stem) {
            Some((_, form)) => form.ty,
            None if node.ty == TypeId::UNKNOWN => TypeId::UNKNOWN,
            None => continue,
        };
        if alone {
            push(None, Some(value), ty, out);
        } else {
            let extra = match model.kind(ty) {
                Some(Kind::Primitive) | None => object.get(&format!("_{stem}")),
                _ => None,
            };
            push(Some(value), extra, ty, out);
        }
    }
}

impl<'a> Evaluator<'_, 'a> {
    /// Counts work against the limit.
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), Error> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::Limit("STEPS_MAX")),
        }
    }

    /// Holds the size of a collection against the limit.
    pub(crate) fn size(&self, items: usize) -> Result<(), Error> {
        if items > ITEMS_MAX { Err(Error::Limit("ITEMS_MAX")) } else { Ok(()) }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(
        &mut self,
        expression: &'a Expr,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        self.work(1)?;
        match expression {
            Expr::Literal(literal) => Ok(self.literal(literal)),
            Expr::This => Ok(scope.this.to_vec()),
            Expr::Index => Ok(scope
                .index
                .and_then(|index| i64::try_from(index).ok())
                .map(Item::Integer)
                .into_iter()
                .collect()),
            Expr::Total => Ok(scope.total.cloned().unwrap_or_default()),
            Expr::Constant(name) => self.constant(name),
            Expr::Member(None, name) => self.start(name, scope),
            Expr::Member(Some(target), name) => {
                let target = self.evaluate(target, scope)?;
                let mut found = Vec::new();
                for item in &target {
                    members(item, name, &mut found);
                }
                self.work(found.len())?;
                self.size(found.len())?;
                Ok(found)
            }
            Expr::Call(target, call) => {
                let input = match target {
                    Some(target) => self.evaluate(target, scope)?,
                    None => scope.this.to_vec(),
                };
                self.call(call, input, scope)
            }
            Expr::At(target, index) => {
                let mut target = self.evaluate(target, scope)?;
                let index = self.evaluate(index, scope)?;
                match single(&index, "[]")?.and_then(Item::system) {
                    None => Ok(Vec::new()),
                    Some(Item::Integer(at)) => match usize::try_from(at) {
                        Ok(at) if at < target.len() => Ok(vec![target.swap_remove(at)]),
                        _ => Ok(Vec::new()),
                    },
                    Some(_) => evaluation("an index must be a whole number"),
                }
            }
            Expr::Negative(inner) => self.negative(inner, scope),
            Expr::Positive(inner) => {
                let items = self.evaluate(inner, scope)?;
                match single(&items, "+")?.and_then(Item::system) {
                    None | Some(Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_)) => Ok(items),
                    Some(_) => evaluation("'+' needs a number"),
                }
            }
            Expr::Binary(op, left, right) => self.binary(*op, left, right, scope),
            Expr::Is(target, ty) => {
                let target = self.evaluate(target, scope)?;
                self.is(target, ty)
            }
            Expr::As(target, ty) => {
                let target = self.evaluate(target, scope)?;
                self.of_type(target, ty)
            }
        }
    }

    fn negative(&mut self, inner: &'a Expr, scope: &Scope<'_, 'a>) -> Result<Items<'a>, Error> {
        let items = self.evaluate(inner, scope)?;
        Ok(match single(&items, "-")?.map(|item| item.system()) {
            None => Vec::new(),
            Some(Some(Item::Integer(value))) => value.checked_neg().map(Item::Integer).into_iter().collect(),
            Some(Some(Item::Decimal(value))) => vec![Item::Decimal(-value)],
            Some(Some(Item::Quantity(quantity))) => {
                vec![Item::Quantity(Box::new(Quantity { value: -quantity.value, unit: quantity.unit }))]
            }
            Some(_) => return evaluation("'-' needs a number"),
        })
    }

    fn literal(&self, literal: &'a Literal) -> Items<'a> {
        let item = match literal {
            Literal::Empty => return Vec::new(),
            Literal::Boolean(value) => Item::Boolean(*value),
            Literal::String(text) => Item::String(Cow::Borrowed(text)),
            Literal::Integer(value) => Item::Integer(*value),
            Literal::Decimal(value) => Item::Decimal(*value),
            Literal::Moment(moment) => Item::Moment(*moment),
            Literal::Quantity(value, unit) => {
                let unit = match unit {
                    LiteralUnit::Calendar(unit) => Unit::Calendar(*unit),
                    LiteralUnit::Quoted(code) => Unit::quoted(Cow::Borrowed(code)),
                };
                Item::Quantity(Box::new(Quantity { value: *value, unit }))
            }
        };
        vec![item]
    }

    fn constant(&self, name: &str) -> Result<Items<'a>, Error> {
        if let Some(items) = self.environment.constants.get(name) {
            return Ok(items.clone());
        }
        let text = |text: &str| Ok(vec![Item::String(Cow::Owned(text.to_owned()))]);
        let node = |value: Option<&'a Value>| {
            Ok(value.map(|value| Item::Node(Node::resource(value))).into_iter().collect())
        };
        match name {
            "context" => Ok(self.context.to_vec()),
            "resource" => node(self.environment.resource),
            "rootResource" => node(self.environment.root.or(self.environment.resource)),
            "ucum" => text("http://unitsofmeasure.org"),
            "sct" => text("http://snomed.info/sct"),
            "loinc" => text("http://loinc.org"),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(set), _) => text(&format!("http://hl7.org/fhir/ValueSet/{set}")),
                (_, Some(extension)) => text(&format!("http://hl7.org/fhir/StructureDefinition/{extension}")),
                _ => Err(Error::Semantic(format!("there is no constant '%{name}'"))),
            },
        }
    }

    /// A name at the start of a path: the type of the item itself, or one of its elements.
    fn start(&mut self, name: &str, scope: &Scope<'_, 'a>) -> Result<Items<'a>, Error> {
        let mut found = Vec::new();
        let model = Model::r4();
        let ty = if name.starts_with(|c: char| c.is_ascii_uppercase()) { model.named(name) } else { None };
        for item in scope.this {
            if let (Some(ty), Item::Node(node)) = (ty, item)
                && model.is_a(node.ty, ty)
            {
                found.push(item.clone());
                continue;
            }
            members(item, name, &mut found);
        }
        self.work(found.len())?;
        Ok(found)
    }
}
