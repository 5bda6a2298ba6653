//! Operators.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope, mismatch, order};
use crate::functions::{holds, union};
use crate::item::{Item, Items};
use crate::limits::TEXT_MAX;
use crate::moment::{CalendarUnit, Moment};
use crate::quantity::{Quantity, Unit};
use crate::single::{boolean, maybe, single, truth};
use crate::syntax::{Expr, Op};

/// `=` of two collections; `None` where either is empty or it can't be said.
fn equal(a: &[Item<'_>], b: &[Item<'_>]) -> Option<bool> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    if a.len() != b.len() {
        return Some(false);
    }
    let mut unknown = false;
    for (a, b) in a.iter().zip(b) {
        match a.equal(b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => unknown = true,
        }
    }
    (!unknown).then_some(true)
}

impl<'a> Evaluator<'_, 'a> {
    pub(crate) fn binary(
        &mut self,
        op: Op,
        left: &'a Expr,
        right: &'a Expr,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        let a = self.evaluate(left, scope)?;
        if matches!(op, Op::And | Op::Or | Op::Xor | Op::Implies) {
            return self.logic(op, truth(&a, op.sign())?, right, scope);
        }
        let b = self.evaluate(right, scope)?;
        match op {
            Op::Equal | Op::NotEqual => {
                self.work(a.len().min(b.len()))?;
                let found = equal(&a, &b).map(|same| same == (op == Op::Equal));
                Ok(maybe(found.map(Item::Boolean)))
            }
            Op::Equivalent | Op::NotEquivalent => {
                let same = self.equivalent(&a, &b)?;
                Ok(boolean(same == (op == Op::Equivalent)))
            }
            Op::Union => union(self, a, b),
            Op::In => self.contained(&a, &b, op),
            Op::Contains => self.contained(&b, &a, op),
            _ => {
                let sign = op.sign();
                let (Some(x), Some(y)) = (single(&a, sign)?, single(&b, sign)?) else {
                    // An empty text counts as one for &.
                    let rest = if op == Op::Concatenate { a.first().or(b.first()).cloned() } else { None };
                    return Ok(if op == Op::Concatenate {
                        vec![rest.unwrap_or(Item::String(Cow::Borrowed("")))]
                    } else {
                        Vec::new()
                    });
                };
                let (Some(x), Some(y)) = (x.system(), y.system()) else {
                    // A primitive with extensions alone has no value.
                    let valueless =
                        |i: &Item<'_>| i.node().is_some_and(|n| n.value.is_none() || n.is_without_value());
                    return if valueless(x) || valueless(y) { Ok(Vec::new()) } else { mismatch(x, y, sign) };
                };
                match op {
                    Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
                        Ok(maybe(order(&x, &y, sign)?.map(|found| {
                            Item::Boolean(match op {
                                Op::Less => found == Ordering::Less,
                                Op::LessOrEqual => found != Ordering::Greater,
                                Op::Greater => found == Ordering::Greater,
                                _ => found != Ordering::Less,
                            })
                        })))
                    }
                    _ => self.arithmetic(op, &x, &y),
                }
            }
        }
    }

    /// Logic of three values; the right side is not evaluated where the left one decides.
    fn logic(
        &mut self,
        op: Op,
        a: Option<bool>,
        right: &'a Expr,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        match (op, a) {
            (Op::And, Some(false)) => return Ok(boolean(false)),
            (Op::Or, Some(true)) | (Op::Implies, Some(false)) => return Ok(boolean(true)),
            _ => {}
        }
        let b = self.evaluate(right, scope)?;
        let b = truth(&b, op.sign())?;
        let found = match op {
            Op::And => match (a, b) {
                (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Op::Or => match (a, b) {
                (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Op::Xor => a.zip(b).map(|(a, b)| a != b),
            _ => match (a, b) {
                (_, Some(true)) => Some(true),
                (Some(true), b) => b,
                _ => None,
            },
        };
        Ok(maybe(found.map(Item::Boolean)))
    }

    /// `~` of two collections: the same items in any order.
    fn equivalent(&mut self, a: &[Item<'a>], b: &[Item<'a>]) -> Result<bool, Error> {
        if a.len() != b.len() {
            return Ok(false);
        }
        let mut left: Vec<&Item<'a>> = b.iter().collect();
        for item in a {
            self.work(left.len())?;
            match left.iter().position(|other| item.equivalent(other)) {
                Some(at) => left.swap_remove(at),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    fn contained(&mut self, item: &[Item<'a>], items: &[Item<'a>], op: Op) -> Result<Items<'a>, Error> {
        match single(item, op.sign())? {
            None => Ok(Vec::new()),
            Some(item) => Ok(boolean(holds(self, items, item)?)),
        }
    }

    fn arithmetic(&mut self, op: Op, a: &Item<'a>, b: &Item<'a>) -> Result<Items<'a>, Error> {
        match (op, a, b) {
            (Op::Add | Op::Concatenate, Item::String(a), Item::String(b)) => {
                if a.len().saturating_add(b.len()) > TEXT_MAX {
                    return Err(Error::Limit("TEXT_MAX"));
                }
                self.work((a.len() + b.len()) / 64)?;
                return Ok(vec![Item::String(Cow::Owned(format!("{a}{b}")))]);
            }
            (Op::Add | Op::Subtract, Item::Moment(moment), Item::Quantity(quantity)) => {
                return move_by(moment, quantity, op == Op::Subtract);
            }
            (Op::Add | Op::Subtract, Item::Quantity(a), Item::Quantity(b)) => {
                let Some(value) = b.convert(&a.unit) else { return Ok(Vec::new()) };
                let value =
                    if op == Op::Add { a.value.checked_add(value) } else { a.value.checked_sub(value) };
                return Ok(maybe(value.map(|value| quantity(value, a.unit.clone()))));
            }
            (Op::Multiply | Op::Divide, Item::Quantity(_), _)
            | (Op::Multiply | Op::Divide, _, Item::Quantity(_)) => {
                let plain = |item: &Item<'a>| match item {
                    Item::Quantity(quantity) => Some((**quantity).clone()),
                    other => other.number().map(|value| Quantity { value, unit: Unit::ONE }),
                };
                let (Some(x), Some(y)) = (plain(a), plain(b)) else { return mismatch(a, b, op.sign()) };
                let product = match (&x.unit, &y.unit) {
                    // A number times a unit keeps that unit, be it a calendar one.
                    (_, unit) if *unit == Unit::ONE => {
                        scalar(op, x.value, y.value).map(|value| Quantity { value, unit: x.unit.clone() })
                    }
                    (one, unit) if *one == Unit::ONE && op == Op::Multiply => {
                        scalar(op, x.value, y.value).map(|value| Quantity { value, unit: unit.clone() })
                    }
                    _ => x.scale_by(&y, op == Op::Divide),
                };
                return Ok(maybe(product.map(|q| Item::Quantity(Box::new(q)))));
            }
            _ => {}
        }
        if let (Item::Integer(x), Item::Integer(y)) = (a, b) {
            let whole = match op {
                Op::Add => x.checked_add(*y),
                Op::Subtract => x.checked_sub(*y),
                Op::Multiply => x.checked_mul(*y),
                Op::WholeDivide => x.checked_div(*y),
                Op::Modulo => x.checked_rem(*y),
                Op::Divide => {
                    return Ok(maybe(scalar(op, (*x).into(), (*y).into()).map(Item::Decimal)));
                }
                _ => return mismatch(a, b, op.sign()),
            };
            return Ok(maybe(whole.map(Item::Integer)));
        }
        let (Some(x), Some(y)) = (a.number(), b.number()) else { return mismatch(a, b, op.sign()) };
        if op == Op::Concatenate {
            return mismatch(a, b, op.sign());
        }
        let found = scalar(op, x, y);
        Ok(maybe(if op == Op::WholeDivide {
            found.and_then(|value| i64::try_from(value).ok()).map(Item::Integer)
        } else {
            found.map(Item::Decimal)
        }))
    }
}

fn quantity<'a>(value: Decimal, unit: Unit<'a>) -> Item<'a> {
    Item::Quantity(Box::new(Quantity { value, unit }))
}

fn scalar(op: Op, x: Decimal, y: Decimal) -> Option<Decimal> {
    match op {
        Op::Add => x.checked_add(y),
        Op::Subtract => x.checked_sub(y),
        Op::Multiply => x.checked_mul(y),
        Op::Divide => x.checked_div(y),
        Op::WholeDivide => x.checked_div(y).map(|value| value.trunc()),
        Op::Modulo => x.checked_rem(y),
        _ => None,
    }
}

/// A date or time plus a duration. UCUM's months and years have no fixed calendar length, so they are refused; parts
/// of a unit are dropped, but those of a calendar second.
fn move_by<'a>(moment: &Moment, by: &Quantity<'_>, back: bool) -> Result<Items<'a>, Error> {
    let (unit, exact) = match &by.unit {
        Unit::Calendar(unit) => (*unit, true),
        Unit::Ucum(code) => match code.as_ref() {
            "wk" => (CalendarUnit::Week, false),
            "d" => (CalendarUnit::Day, false),
            "h" => (CalendarUnit::Hour, false),
            "min" => (CalendarUnit::Minute, false),
            "s" => (CalendarUnit::Second, false),
            "ms" => (CalendarUnit::Millisecond, false),
            _ => return evaluation("only a duration of a fixed or calendar unit can be added to a date"),
        },
        Unit::Other(_) => return evaluation("only a duration can be added to a date"),
    };
    let value = if back { -by.value } else { by.value };
    let (value, unit) = if exact && unit == CalendarUnit::Second && !value.fract().is_zero() {
        match value.checked_mul(Decimal::ONE_THOUSAND) {
            Some(value) => (value, CalendarUnit::Millisecond),
            None => return Ok(Vec::new()),
        }
    } else {
        (value, unit)
    };
    let moved = i64::try_from(value.trunc()).ok().and_then(|count| moment.add(count, unit));
    Ok(maybe(moved.map(Item::Moment)))
}
