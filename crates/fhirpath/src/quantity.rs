//! Quantities: a decimal with a calendar unit or a unit of UCUM.

use std::borrow::Cow;
use std::cmp::Ordering;

use octofhir_ucum::Number;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::moment::CalendarUnit;

/// The unit of a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A calendar duration, as `4 days` in an expression.
    Calendar(CalendarUnit),
    /// A code of UCUM; `1` for none.
    Ucum(Cow<'a, str>),
    /// A unit in words or of another system: it equals only itself.
    Other(Cow<'a, str>),
}

/// A decimal with its unit.
#[derive(Clone, Debug)]
pub struct Quantity<'a> {
    /// How many.
    pub value: Decimal,
    /// Of what.
    pub unit: Unit<'a>,
}

/// A linear scale: base units are `factor × value + offset`.
struct Scale {
    factor: Number,
    offset: Number,
}

fn number(value: Decimal) -> Option<Number> {
    Number::parse(&value.normalize().to_string())
}

/// The scales of two comparable units.
fn scales(a: &str, b: &str) -> Option<(Scale, Scale)> {
    let (a, b) = (octofhir_ucum::analyse(a).ok()?, octofhir_ucum::analyse(b).ok()?);
    if a.dimension != b.dimension || a.arbitrary != b.arbitrary {
        return None;
    }
    let scale = |u: octofhir_ucum::UnitAnalysis| {
        // A logarithmic unit has no linear scale.
        if u.special.is_some() && u.offset.is_zero() {
            return None;
        }
        Some(Scale { factor: u.factor.checked_mul(u.scale)?, offset: u.offset })
    };
    Some((scale(a)?, scale(b)?))
}

impl<'a> Unit<'a> {
    /// No unit.
    pub const ONE: Unit<'static> = Unit::Ucum(Cow::Borrowed("1"));

    /// The unit of a literal between quotation marks: a calendar word counts as one.
    pub fn quoted(code: Cow<'a, str>) -> Self {
        CalendarUnit::named(&code).map_or(Self::Ucum(code), Self::Calendar)
    }

    /// The code of UCUM that it stands for; calendar months and years have none.
    fn ucum(&self) -> Option<&str> {
        match self {
            Self::Calendar(unit) => unit.ucum(),
            Self::Ucum(code) => Some(code),
            Self::Other(_) => None,
        }
    }

    /// Calendar months in one of it.
    fn months(&self) -> Option<i64> {
        match self {
            Self::Calendar(CalendarUnit::Year) => Some(12),
            Self::Calendar(CalendarUnit::Month) => Some(1),
            _ => None,
        }
    }

    /// Whether values of the two can be compared.
    pub fn comparable(&self, other: &Unit<'_>) -> bool {
        if self == other || (self.months().is_some() && other.months().is_some()) {
            return true;
        }
        match (self.ucum(), other.ucum()) {
            (Some(a), Some(b)) => a == b || scales(a, b).is_some(),
            _ => false,
        }
    }
}

impl<'a> Quantity<'a> {
    /// Their order; `None` where the units can't be compared.
    pub fn compare(&self, other: &Quantity<'_>) -> Option<Ordering> {
        if self.unit == other.unit {
            return Some(self.value.cmp(&other.value));
        }
        if let (Some(a), Some(b)) = (self.unit.months(), other.unit.months()) {
            let (a, b) = (self.value.checked_mul(a.into())?, other.value.checked_mul(b.into())?);
            return Some(a.cmp(&b));
        }
        let (mine, theirs) = scales(self.unit.ucum()?, other.unit.ucum()?)?;
        let base = |value: Decimal, scale: &Scale| {
            number(value)?.checked_mul(scale.factor)?.checked_add(scale.offset)
        };
        let (a, b) = (base(self.value, &mine)?, base(other.value, &theirs)?);
        let apart = a.checked_sub(b)?;
        Some(if apart.is_zero() {
            Ordering::Equal
        } else if apart.is_negative() {
            Ordering::Less
        } else {
            Ordering::Greater
        })
    }

    /// The value in another unit, rounded to 28 digits.
    pub fn convert(&self, unit: &Unit<'_>) -> Option<Decimal> {
        if self.unit == *unit {
            return Some(self.value);
        }
        if let (Some(a), Some(b)) = (self.unit.months(), unit.months()) {
            return self.value.checked_mul(a.into())?.checked_div(b.into());
        }
        let (mine, theirs) = scales(self.unit.ucum()?, unit.ucum()?)?;
        let base = number(self.value)?.checked_mul(mine.factor)?.checked_add(mine.offset)?;
        decimal(base.checked_sub(theirs.offset)?.checked_div(theirs.factor)?)
    }

    /// Whether they are the same within the digits of the less precise one.
    pub fn equivalent(&self, other: &Quantity<'_>) -> bool {
        // A calendar month is about a month of UCUM, a calendar year about a year.
        let rough = |unit: &Unit<'_>| match unit {
            Unit::Calendar(CalendarUnit::Year) => Some("a".to_owned()),
            Unit::Calendar(CalendarUnit::Month) => Some("mo".to_owned()),
            other => other.ucum().map(str::to_owned),
        };
        let converted = other.convert(&self.unit).or_else(|| {
            let (mine, theirs) = (rough(&self.unit)?, rough(&other.unit)?);
            let same = Quantity { value: other.value, unit: Unit::Ucum(theirs.into()) };
            same.convert(&Unit::Ucum(mine.into()))
        });
        converted.is_some_and(|converted| equivalent(self.value, converted.normalize()))
    }

    /// Product or quotient with its unit; `None` where it can't be had.
    pub fn scale_by(&self, other: &Quantity<'_>, divide: bool) -> Option<Quantity<'static>> {
        let value = if divide {
            self.value.checked_div(other.value)?
        } else {
            self.value.checked_mul(other.value)?
        };
        let (mine, theirs) = (self.unit.ucum()?, other.unit.ucum()?);
        let unit = if theirs == "1" {
            mine.to_owned()
        } else if divide {
            octofhir_ucum::unit_divide(mine, theirs).ok()?.expression
        } else {
            octofhir_ucum::unit_multiply(mine, theirs).ok()?.expression
        };
        Some(Quantity { value, unit: Unit::Ucum(Cow::Owned(unit)) })
    }

    /// As text: `1 week`, `10 'mg'`.
    pub fn text(&self) -> String {
        match &self.unit {
            Unit::Calendar(unit) => {
                let plural = if self.value.abs() == Decimal::ONE { "" } else { "s" };
                format!("{} {}{plural}", self.value, unit.word())
            }
            Unit::Ucum(unit) | Unit::Other(unit) => format!("{} '{unit}'", self.value),
        }
    }
}

fn decimal(number: Number) -> Option<Decimal> {
    let (digits, exponent) = number.to_integer_and_exponent();
    let value = Decimal::try_from_i128_with_scale(digits, 0).ok()?;
    if exponent >= 0 {
        let factor = Decimal::TEN.checked_mul(Decimal::ONE)?;
        let mut value = value;
        for _ in 0..exponent.min(40) {
            value = value.checked_mul(factor)?;
        }
        return (exponent <= 40).then_some(value);
    }
    let scale = exponent.unsigned_abs();
    if scale <= Decimal::MAX_SCALE {
        return Decimal::try_from_i128_with_scale(digits, scale).ok();
    }
    // Digits beyond the 28th place are dropped.
    let drop = scale - Decimal::MAX_SCALE;
    let divisor = 10_i128.checked_pow(drop.min(38))?;
    Decimal::try_from_i128_with_scale(digits / divisor, Decimal::MAX_SCALE).ok()
}

/// Whether two decimals are the same within the digits of the less precise one.
pub(crate) fn equivalent(a: Decimal, b: Decimal) -> bool {
    let places = a.scale().min(b.scale());
    let round = |d: Decimal| d.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    round(a) == round(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(value: &str, unit: &str) -> Quantity<'static> {
        Quantity { value: value.parse().expect("a decimal"), unit: Unit::quoted(Cow::Owned(unit.to_owned())) }
    }

    #[test]
    fn units_compare_exactly() {
        let order = |a: (&str, &str), b: (&str, &str)| quantity(a.0, a.1).compare(&quantity(b.0, b.1));
        assert_eq!(order(("4.0000", "g"), ("4000.0", "mg")), Some(Ordering::Equal));
        assert_eq!(order(("1", "[in_i]"), ("2.54", "cm")), Some(Ordering::Equal));
        assert_eq!(order(("1", "[in_i]"), ("2.5400000000001", "cm")), Some(Ordering::Less));
        assert_eq!(order(("37", "Cel"), ("98.6", "[degF]")), Some(Ordering::Equal));
        assert_eq!(order(("0", "Cel"), ("273.15", "K")), Some(Ordering::Equal));
        assert_eq!(order(("1", "g"), ("1", "m")), None);
        assert_eq!(order(("1", "[IU]"), ("1", "[arb'U]")), None);
        assert_eq!(order(("7", "days"), ("1", "wk")), Some(Ordering::Equal));
        assert_eq!(order(("1", "year"), ("12", "months")), Some(Ordering::Equal));
        assert_eq!(order(("1", "year"), ("1", "a")), None);
        assert!(quantity("1", "year").equivalent(&quantity("1", "a")));
        assert_eq!(order(("1", "no unit"), ("1", "also none")), None);
    }

    #[test]
    fn conversion_keeps_digits() {
        let converted = |q: Quantity<'_>, unit: &str| {
            q.convert(&Unit::quoted(Cow::Owned(unit.to_owned()))).map(|d| d.normalize().to_string())
        };
        assert_eq!(converted(quantity("4040", "mg"), "g").as_deref(), Some("4.04"));
        assert_eq!(converted(quantity("1", "km"), "mm").as_deref(), Some("1000000"));
        assert_eq!(converted(quantity("1", "nm"), "km").as_deref(), Some("0.000000000001"));
    }
}
