//! Conversions between the types of FHIRPath.

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::error::Error;
use crate::evaluate::{Evaluator, Scope};
use crate::function::Function;
use crate::item::{self, Item, Items};
use crate::moment::{CalendarUnit, Moment, MomentKind};
use crate::quantity::{Quantity, Unit};
use crate::single::{boolean, maybe, single};
use crate::syntax::Call;

/// The text of a value.
pub(crate) fn to_string<'a>(item: &Item<'a>) -> Option<Cow<'a, str>> {
    Some(match item.system()? {
        Item::String(text) => text,
        Item::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Item::Integer(value) => Cow::Owned(value.to_string()),
        Item::Decimal(value) => Cow::Owned(value.to_string()),
        Item::Moment(moment) => Cow::Owned(moment.to_string()),
        Item::Quantity(quantity) => Cow::Owned(quantity.text()),
        Item::Node(_) | Item::Type(..) => return None,
    })
}

fn to_boolean(item: &Item<'_>) -> Option<bool> {
    match item {
        Item::Boolean(value) => Some(*value),
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        other => match other.number()? {
            number if number == Decimal::ONE => Some(true),
            number if number.is_zero() => Some(false),
            _ => None,
        },
    }
}

fn to_integer(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Integer(value) => Some(*value),
        Item::Boolean(value) => Some(i64::from(*value)),
        Item::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            // Integers of FHIRPath have 32 bits.
            if plain { text.parse::<i32>().ok().map(i64::from) } else { None }
        }
        _ => None,
    }
}

fn decimal_text(text: &str) -> Option<Decimal> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(fraction) {
        item::decimal(text.strip_prefix('+').unwrap_or(text))
    } else {
        None
    }
}

fn to_decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Boolean(value) => Some(Decimal::from(u8::from(*value))),
        Item::String(text) => decimal_text(text),
        other => other.number(),
    }
}

/// `12.5`, `4 days` or `10 'mg'`.
fn quantity_text(text: &str) -> Option<Quantity<'static>> {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    let value = decimal_text(number)?;
    let rest = rest.trim_start();
    let unit = if rest.is_empty() {
        Unit::ONE
    } else if let Some(code) = rest.strip_prefix('\'').and_then(|r| r.strip_suffix('\'')) {
        Unit::quoted(Cow::Owned(code.to_owned()))
    } else {
        Unit::Calendar(CalendarUnit::named(rest)?)
    };
    Some(Quantity { value, unit })
}

fn to_quantity<'a>(item: &Item<'a>) -> Option<Quantity<'a>> {
    match item {
        Item::Quantity(quantity) => Some((**quantity).clone()),
        Item::String(text) => quantity_text(text),
        Item::Boolean(value) => Some(Quantity { value: Decimal::from(u8::from(*value)), unit: Unit::ONE }),
        other => Some(Quantity { value: other.number()?, unit: Unit::ONE }),
    }
}

fn to_moment(item: &Item<'_>, kind: MomentKind) -> Option<Moment> {
    match (item, kind) {
        (Item::Moment(moment), MomentKind::Date) => moment.to_date(),
        (Item::Moment(moment), MomentKind::DateTime) => moment.to_date_time(),
        (Item::Moment(moment), MomentKind::Time) => (moment.kind() == kind).then_some(*moment),
        (Item::String(text), MomentKind::Date) => {
            Moment::date(text).or_else(|| Moment::date_time(text)?.to_date())
        }
        (Item::String(text), MomentKind::DateTime) => Moment::date_time(text),
        (Item::String(text), MomentKind::Time) => Moment::time(text.strip_prefix('T').unwrap_or(text)),
        _ => None,
    }
}

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn convert(
        &mut self,
        call: &'a Call,
        input: &[Item<'a>],
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>, Error> {
        use Function as F;
        let Some(item) = single(input, call.function.name())? else { return Ok(Vec::new()) };
        let value = item.system();
        let value = value.as_ref();
        let moment = |kind| value.and_then(|v| to_moment(v, kind)).map(Item::Moment);
        let (found, asked) = match call.function {
            F::ToBoolean | F::ConvertsToBoolean => {
                (value.and_then(to_boolean).map(Item::Boolean), call.function == F::ConvertsToBoolean)
            }
            F::ToInteger | F::ConvertsToInteger => {
                (value.and_then(to_integer).map(Item::Integer), call.function == F::ConvertsToInteger)
            }
            F::ToDecimal | F::ConvertsToDecimal => {
                (value.and_then(to_decimal).map(Item::Decimal), call.function == F::ConvertsToDecimal)
            }
            F::ToString | F::ConvertsToString => {
                (value.and_then(to_string).map(Item::String), call.function == F::ConvertsToString)
            }
            F::ToDate | F::ConvertsToDate => (moment(MomentKind::Date), call.function == F::ConvertsToDate),
            F::ToDateTime | F::ConvertsToDateTime => {
                (moment(MomentKind::DateTime), call.function == F::ConvertsToDateTime)
            }
            F::ToTime | F::ConvertsToTime => (moment(MomentKind::Time), call.function == F::ConvertsToTime),
            _ => {
                let mut found = value.and_then(to_quantity);
                if !call.arguments.is_empty() {
                    let unit = self.argument(call, 0, scope)?;
                    let unit = single(&unit, call.function.name())?.and_then(Item::text);
                    found = match (found, unit) {
                        (Some(quantity), Some(unit)) => {
                            let unit = Unit::quoted(unit);
                            quantity.convert(&unit).map(|value| Quantity { value, unit })
                        }
                        _ => None,
                    };
                }
                (found.map(|q| Item::Quantity(Box::new(q))), call.function == F::ConvertsToQuantity)
            }
        };
        Ok(if asked { boolean(found.is_some()) } else { maybe(found) })
    }
}
