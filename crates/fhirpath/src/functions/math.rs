//! Functions on numbers, and the boundaries of what is stated to some precision.

use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use crate::error::{Error, evaluation};
use crate::evaluate::{Evaluator, Scope};
use crate::function::Function;
use crate::item::{Item, Items};
use crate::moment::Moment;
use crate::quantity::Quantity;
use crate::single::{boolean, maybe, single};
use crate::syntax::Call;

/// Digits after the point of a boundary where none are asked for.
const BOUNDARY_PLACES: i64 = 8;
/// Most digits after the point that a decimal can have.
const PLACES_MAX: i64 = 28;
/// Digits after the point to which logarithms are exact.
const LOG_PLACES: u32 = 15;

fn integer(value: Decimal) -> Option<Item<'static>> {
    i64::try_from(value).ok().map(Item::Integer)
}

/// The edge of what a decimal of these digits can mean, to so many places. Away from zero it is rounded, towards zero
/// cut, as HL7's tests do.
fn decimal_boundary(value: Decimal, low: bool, places: i64) -> Option<Decimal> {
    if !(0..=PLACES_MAX).contains(&places) {
        return None;
    }
    let places = u32::try_from(places).ok()?;
    let half = Decimal::try_from_i128_with_scale(5, value.scale().checked_add(1)?).ok()?;
    let edge = if low { value.checked_sub(half)? } else { value.checked_add(half)? };
    let outward = low == value.is_sign_negative();
    let strategy = if outward && !value.is_zero() {
        RoundingStrategy::MidpointAwayFromZero
    } else {
        RoundingStrategy::ToZero
    };
    let mut edge = edge.round_dp_with_strategy(places, strategy);
    edge.rescale(places);
    (edge.scale() == places).then_some(edge)
}

fn boundary<'a>(value: &Item<'a>, low: bool, digits: Option<i64>) -> Option<Item<'a>> {
    match value {
        Item::Integer(_) | Item::Decimal(_) => {
            decimal_boundary(value.number()?, low, digits.unwrap_or(BOUNDARY_PLACES)).map(Item::Decimal)
        }
        Item::Moment(moment) => moment.boundary(low, digits).map(Item::Moment),
        Item::Quantity(quantity) => {
            let value = decimal_boundary(quantity.value, low, digits.unwrap_or(BOUNDARY_PLACES))?;
            Some(Item::Quantity(Box::new(Quantity { value, unit: quantity.unit.clone() })))
        }
        _ => None,
    }
}

fn precision(value: &Item<'_>) -> Option<i64> {
    match value {
        Item::Integer(_) => Some(0),
        Item::Decimal(value) => Some(i64::from(value.scale())),
        Item::Quantity(quantity) => Some(i64::from(quantity.value.scale())),
        Item::Moment(moment) => Some(Moment::digits(moment)),
        _ => None,
    }
}

fn power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    if let Ok(whole) = i64::try_from(exponent.normalize())
        && exponent.fract().is_zero()
    {
        return base.checked_powi(whole);
    }
    if base.is_sign_negative() { None } else { base.checked_powd(exponent) }
}

fn log(value: Decimal, base: Decimal) -> Option<Decimal> {
    let positive = |d: Decimal| d > Decimal::ZERO;
    if !positive(value) || !positive(base) || base == Decimal::ONE {
        return None;
    }
    Some(value.checked_ln()?.checked_div(base.checked_ln()?)?.round_dp(LOG_PLACES))
}

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn math(
        &mut self,
        call: &'a Call,
        input: &[Item<'a>],
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        use Function as F;
        let name = call.function.name();
        let Some(item) = single(input, name)? else { return Ok(Vec::new()) };
        let value = item.system();
        match call.function {
            F::LowBoundary | F::HighBoundary => {
                let digits = self.whole(call, 0, scope)?;
                let low = call.function == F::LowBoundary;
                return Ok(maybe(value.and_then(|v| boundary(&v, low, digits))));
            }
            F::Precision => return Ok(maybe(value.and_then(|v| precision(&v)).map(Item::Integer))),
            F::Comparable => {
                let other = self.argument(call, 0, scope)?;
                let other = single(&other, name)?.and_then(Item::system);
                return match (value, other) {
                    (Some(Item::Quantity(a)), Some(Item::Quantity(b))) => {
                        Ok(boolean(a.unit.comparable(&b.unit)))
                    }
                    (_, None) => Ok(Vec::new()),
                    _ => evaluation("'comparable' needs Quantities"),
                };
            }
            _ => {}
        }
        let (number, unit) = match &value {
            Some(Item::Quantity(q))
                if matches!(call.function, F::Abs | F::Round | F::Floor | F::Ceiling | F::Truncate) =>
            {
                (q.value, Some(q.unit.clone()))
            }
            Some(other) => match other.number() {
                Some(number) => (number, None),
                None => return evaluation(format!("'{name}' needs a number and has {}", item.kind_name())),
            },
            None => return evaluation(format!("'{name}' needs a number and has {}", item.kind_name())),
        };
        let whole = matches!(value, Some(Item::Integer(_)));
        let result = match call.function {
            F::Abs => Some(number.abs()),
            F::Ceiling => Some(number.ceil()),
            F::Floor => Some(number.floor()),
            F::Truncate => Some(number.trunc()),
            F::Round => {
                let places = self.whole(call, 0, scope)?.unwrap_or(0);
                let Ok(places) = u32::try_from(places) else {
                    return evaluation("'round' needs a precision of 0 or more");
                };
                Some(number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero))
            }
            F::Exp => number.checked_exp(),
            F::Ln => {
                if number > Decimal::ZERO {
                    number.checked_ln()
                } else {
                    None
                }
            }
            F::Sqrt => {
                if number.is_sign_negative() && !number.is_zero() {
                    None
                } else {
                    number.sqrt()
                }
            }
            _ => {
                let other = self.argument(call, 0, scope)?;
                let other = single(&other, name)?.and_then(Item::system);
                let Some(other) = other else { return Ok(Vec::new()) };
                let Some(other_number) = other.number() else {
                    return evaluation(format!("'{name}' needs a number"));
                };
                let result = if call.function == F::Log {
                    log(number, other_number)
                } else {
                    power(number, other_number)
                };
                if call.function == F::Power && whole && matches!(other, Item::Integer(0..)) {
                    return Ok(maybe(result.and_then(integer)));
                }
                result
            }
        };
        let Some(result) = result else { return Ok(Vec::new()) };
        if let Some(unit) = unit {
            return Ok(vec![Item::Quantity(Box::new(Quantity { value: result, unit }))]);
        }
        let to_whole = matches!(call.function, F::Ceiling | F::Floor | F::Truncate)
            || (whole && call.function == F::Abs);
        Ok(maybe(if to_whole { integer(result) } else { Some(Item::Decimal(result)) }))
    }
}
