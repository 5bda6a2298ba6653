//! Dates, dateTimes and times of any precision: how they compare, what can be added to them, and their boundaries.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil;

/// How far a moment is stated. A fraction belongs to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2015`
    Year,
    /// `2015-02`
    Month,
    /// `2015-02-04`
    Day,
    /// `2015-02-04T14`
    Hour,
    /// `2015-02-04T14:34`
    Minute,
    /// `2015-02-04T14:34:28`, with or without a fraction
    Second,
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentKind {
    /// A date.
    Date,
    /// A date that may have a time of day.
    DateTime,
    /// A time of day.
    Time,
}

/// A calendar unit, with its number of smaller ones where that is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// 12 months
    Year,
    /// 28 to 31 days
    Month,
    /// 7 days
    Week,
    /// 24 hours
    Day,
    /// 60 minutes
    Hour,
    /// 60 seconds
    Minute,
    /// 1,000 milliseconds
    Second,
    /// the smallest
    Millisecond,
}

impl CalendarUnit {
    /// `day`, `days` and so on.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "year" | "years" => Self::Year,
            "month" | "months" => Self::Month,
            "week" | "weeks" => Self::Week,
            "day" | "days" => Self::Day,
            "hour" | "hours" => Self::Hour,
            "minute" | "minutes" => Self::Minute,
            "second" | "seconds" => Self::Second,
            "millisecond" | "milliseconds" => Self::Millisecond,
            _ => return None,
        })
    }

    /// Its English word in the singular.
    pub fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Millisecond => "millisecond",
        }
    }

    /// The UCUM unit of the same length; none for months and years, whose length is not fixed.
    pub fn ucum(self) -> Option<&'static str> {
        Some(match self {
            Self::Year | Self::Month => return None,
            Self::Week => "wk",
            Self::Day => "d",
            Self::Hour => "h",
            Self::Minute => "min",
            Self::Second => "s",
            Self::Millisecond => "ms",
        })
    }

    fn precision(self) -> Precision {
        match self {
            Self::Year => Precision::Year,
            Self::Month => Precision::Month,
            Self::Week | Self::Day => Precision::Day,
            Self::Hour => Precision::Hour,
            Self::Minute => Precision::Minute,
            Self::Second | Self::Millisecond => Precision::Second,
        }
    }
}

/// A date, dateTime or time as far as it is stated.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    kind: MomentKind,
    precision: Precision,
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    /// Digits of the fraction of a second that were stated.
    digits: u8,
    /// Minutes east of UTC.
    offset: Option<i16>,
}

/// Minutes that an offset can be: UTC+14:00 is the earliest place of the Earth, UTC-12:00 the latest.
const EARLIEST_OFFSET: i16 = 14 * 60;
const LATEST_OFFSET: i16 = -12 * 60;
/// Seconds by which moments must differ so that their order is certain where one has no offset.
const CERTAIN: i64 = 14 * 3600;

/// Reads a number of exactly this many digits from the front.
fn number(text: &mut &str, digits: usize) -> Option<i16> {
    let (front, rest) = text.split_at_checked(digits)?;
    if !front.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *text = rest;
    front.parse().ok()
}

fn skip(text: &mut &str, sign: char) -> bool {
    match text.strip_prefix(sign) {
        Some(rest) => {
            *text = rest;
            true
        }
        None => false,
    }
}

impl Moment {
    const BLANK: Self = Self {
        kind: MomentKind::Time,
        precision: Precision::Year,
        year: 1,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        digits: 0,
        offset: None,
    };

    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub fn date(text: &str) -> Option<Self> {
        let mut rest = text;
        let read = Self::date_part(&mut rest)?;
        rest.is_empty().then_some(Self { kind: MomentKind::Date, ..read })
    }

    fn date_part(rest: &mut &str) -> Option<Self> {
        let mut read = Self::BLANK;
        read.year = number(rest, 4)?;
        if skip(rest, '-') {
            read.month = i8::try_from(number(rest, 2)?).ok()?;
            read.precision = Precision::Month;
            if skip(rest, '-') {
                read.day = i8::try_from(number(rest, 2)?).ok()?;
                read.precision = Precision::Day;
            }
        }
        civil::Date::new(read.year, read.month, read.day).ok()?;
        Some(read)
    }

    /// Reads a date, or a date with a time as `hh`, `hh:mm` or `hh:mm:ss.fff` and an offset or `Z`. A `T` may end
    /// a date, as in literals.
    pub fn date_time(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut read = Self::date_part(&mut rest)?;
        read.kind = MomentKind::DateTime;
        if skip(&mut rest, 'T') && !rest.is_empty() {
            if read.precision != Precision::Day {
                return None;
            }
            read.time_part(&mut rest)?;
            read.offset_part(&mut rest)?;
        }
        rest.is_empty().then_some(read)
    }

    /// Reads `hh`, `hh:mm` or `hh:mm:ss.fff`.
    pub fn time(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut read = Self::BLANK;
        read.time_part(&mut rest)?;
        rest.is_empty().then_some(read)
    }

    fn time_part(&mut self, rest: &mut &str) -> Option<()> {
        self.hour = i8::try_from(number(rest, 2)?).ok()?;
        self.precision = Precision::Hour;
        if skip(rest, ':') {
            self.minute = i8::try_from(number(rest, 2)?).ok()?;
            self.precision = Precision::Minute;
            if skip(rest, ':') {
                self.second = i8::try_from(number(rest, 2)?).ok()?;
                self.precision = Precision::Second;
                if skip(rest, '.') {
                    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                    let (fraction, after) = rest.split_at_checked(digits)?;
                    *rest = after;
                    // What is finer than a nanosecond is not kept.
                    let kept = fraction.get(..digits.min(9))?;
                    let scale = 10_i32.checked_pow(9_u32.checked_sub(u32::try_from(kept.len()).ok()?)?)?;
                    self.nanos = kept.parse::<i32>().ok()?.checked_mul(scale)?;
                    self.digits = u8::try_from(kept.len()).ok()?;
                }
            }
        }
        // A leap second is the last one of its minute.
        let second = self.second.min(59 + i8::from(self.second > 60));
        civil::Time::new(self.hour, self.minute, second, self.nanos).ok()?;
        self.second = second;
        Some(())
    }

    fn offset_part(&mut self, rest: &mut &str) -> Option<()> {
        if skip(rest, 'Z') {
            self.offset = Some(0);
            return Some(());
        }
        let sign = match rest.bytes().next() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(()),
        };
        *rest = rest.get(1..)?;
        let hours = number(rest, 2)?;
        if !skip(rest, ':') {
            return None;
        }
        let minutes = number(rest, 2)?;
        if hours > 14 || minutes > 59 {
            return None;
        }
        self.offset = Some(sign * (hours * 60 + minutes));
        Some(())
    }

    /// What it is.
    pub fn kind(&self) -> MomentKind {
        self.kind
    }

    /// How far it is stated.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same day without time of day; a time stays what it is.
    pub fn to_date(self) -> Option<Self> {
        match self.kind {
            MomentKind::Time => None,
            _ => Some(Self {
                kind: MomentKind::Date,
                precision: self.precision.min(Precision::Day),
                offset: None,
                ..self
            }),
        }
    }

    /// A date as a dateTime of the same precision.
    pub fn to_date_time(self) -> Option<Self> {
        (self.kind != MomentKind::Time).then_some(Self { kind: MomentKind::DateTime, ..self })
    }

    fn civil(&self) -> Option<civil::DateTime> {
        civil::DateTime::new(self.year, self.month, self.day, self.hour, self.minute, self.second, self.nanos)
            .ok()
    }

    fn with(self, civil: civil::DateTime) -> Self {
        Self {
            year: civil.year(),
            month: civil.month(),
            day: civil.day(),
            hour: civil.hour(),
            minute: civil.minute(),
            second: civil.second(),
            nanos: civil.subsec_nanosecond(),
            ..self
        }
    }

    fn utc(&self) -> Option<Self> {
        let offset = self.offset?;
        let civil = self.civil()?.checked_sub(jiff::Span::new().minutes(i64::from(offset))).ok()?;
        Some(Self { offset: Some(0), ..self.with(civil) })
    }

    /// Their order; `None` where it can't be said, for want of precision or of an offset. A time and a date have
    /// no order.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if (self.kind == MomentKind::Time) != (other.kind == MomentKind::Time) {
            return None;
        }
        let timed = |m: &Self| m.precision >= Precision::Hour && m.kind != MomentKind::Time;
        if timed(self) && timed(other) {
            match (self.utc(), other.utc()) {
                (Some(mine), Some(theirs)) => return mine.by_fields(&theirs),
                (None, None) => {}
                (mine, theirs) => {
                    let mine = mine.unwrap_or(*self).civil()?;
                    let theirs = theirs.unwrap_or(*other).civil()?;
                    let apart =
                        mine.since((jiff::Unit::Second, theirs)).ok()?.total(jiff::Unit::Second).ok()?;
                    return (apart.abs() > CERTAIN as f64).then(|| mine.cmp(&theirs));
                }
            }
        }
        self.by_fields(other)
    }

    fn by_fields(&self, other: &Self) -> Option<Ordering> {
        let fields = |m: &Self| {
            [
                (Precision::Year, i32::from(m.year), 0),
                (Precision::Month, i32::from(m.month), 0),
                (Precision::Day, i32::from(m.day), 0),
                (Precision::Hour, i32::from(m.hour), 0),
                (Precision::Minute, i32::from(m.minute), 0),
                (Precision::Second, i32::from(m.second), m.nanos),
            ]
        };
        for ((precision, mine, mine_nanos), (_, theirs, their_nanos)) in
            fields(self).into_iter().zip(fields(other))
        {
            match (precision <= self.precision, precision <= other.precision) {
                (true, true) => match (mine, mine_nanos).cmp(&(theirs, their_nanos)) {
                    Ordering::Equal => {}
                    unequal => return Some(unequal),
                },
                (false, false) => return Some(Ordering::Equal),
                _ => return None,
            }
        }
        Some(Ordering::Equal)
    }

    /// Adds whole units; a finer unit than the moment's precision is first turned into units of that precision,
    /// what is less than one is dropped. `None` where the result is no date.
    pub fn add(&self, nanos_or_units: i64, unit: CalendarUnit) -> Option<Self> {
        let (mut count, mut unit) = (nanos_or_units, unit);
        if self.kind == MomentKind::Time {
            let per = match unit {
                CalendarUnit::Hour => 3_600_000,
                CalendarUnit::Minute => 60_000,
                CalendarUnit::Second => 1_000,
                CalendarUnit::Millisecond => 1,
                _ => return None,
            };
            let day = 86_400_000;
            let millis = count.checked_mul(per)?.checked_rem(day)?;
            let span = jiff::Span::new().try_milliseconds(millis).ok()?;
            let time = civil::Time::new(self.hour, self.minute, self.second, self.nanos).ok()?;
            let moved = time.wrapping_add(span);
            let moved = civil::Date::constant(1, 1, 1).to_datetime(moved);
            let mut result = self.with(moved);
            if unit == CalendarUnit::Millisecond && self.precision == Precision::Second {
                result.digits = result.digits.max(3);
            }
            return Some(result);
        }
        if unit == CalendarUnit::Week {
            (count, unit) = (count.checked_mul(7)?, CalendarUnit::Day);
        }
        while unit.precision() > self.precision {
            (count, unit) = match unit {
                CalendarUnit::Millisecond => (count / 1000, CalendarUnit::Second),
                CalendarUnit::Second => (count / 60, CalendarUnit::Minute),
                CalendarUnit::Minute => (count / 60, CalendarUnit::Hour),
                CalendarUnit::Hour => (count / 24, CalendarUnit::Day),
                CalendarUnit::Day | CalendarUnit::Week if self.precision == Precision::Year => {
                    (count / 365, CalendarUnit::Year)
                }
                CalendarUnit::Day | CalendarUnit::Week => (count / 30, CalendarUnit::Month),
                CalendarUnit::Month | CalendarUnit::Year => (count / 12, CalendarUnit::Year),
            };
        }
        let span = jiff::Span::new();
        let span = match unit {
            CalendarUnit::Year => span.try_years(count),
            CalendarUnit::Month => span.try_months(count),
            CalendarUnit::Week => span.try_weeks(count),
            CalendarUnit::Day => span.try_days(count),
            CalendarUnit::Hour => span.try_hours(count),
            CalendarUnit::Minute => span.try_minutes(count),
            CalendarUnit::Second => span.try_seconds(count),
            CalendarUnit::Millisecond => span.try_milliseconds(count),
        };
        let moved = self.civil()?.checked_add(span.ok()?).ok()?;
        if moved.year() < 1 {
            return None;
        }
        let mut result = self.with(moved);
        if unit == CalendarUnit::Millisecond {
            result.digits = result.digits.max(3);
        }
        Some(result)
    }

    /// Digits of its precision: 4 for a year to 17 for milliseconds, for a time 2 to 9.
    pub fn digits(&self) -> i64 {
        let fraction = if self.digits > 0 { 3 } else { 0 };
        let whole = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second => 14 + fraction,
        };
        if self.kind == MomentKind::Time { whole - 8 } else { whole }
    }

    /// The earliest (or latest) moment that it can mean, stated to this many digits; `None` where there is no such
    /// precision.
    pub fn boundary(&self, low: bool, digits: Option<i64>) -> Option<Self> {
        let (shift, most) = match self.kind {
            MomentKind::Date => (0, 8),
            MomentKind::DateTime => (0, 17),
            MomentKind::Time => (8, 17),
        };
        let digits = digits.map_or(most, |d| d + shift);
        let precision = match digits {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            10 => Precision::Hour,
            12 => Precision::Minute,
            14 | 17 => Precision::Second,
            _ => return None,
        };
        if digits > most || digits < if self.kind == MomentKind::Time { 10 } else { 4 } {
            return None;
        }
        let mut edge = *self;
        if self.precision < Precision::Month {
            edge.month = if low { 1 } else { 12 };
        }
        if self.precision < Precision::Day {
            edge.day = if low { 1 } else { civil::Date::new(edge.year, edge.month, 1).ok()?.days_in_month() };
        }
        if self.precision < Precision::Hour {
            (edge.hour, edge.minute) = if low { (0, 0) } else { (23, 59) };
        }
        // An hour without minutes is the full hour: FHIR has no such dateTime, HL7's tests say so.
        if self.precision < Precision::Second {
            edge.second = if low { 0 } else { 59 };
        }
        if self.digits == 0 {
            edge.nanos = if low { 0 } else { 999_000_000 };
        }
        edge.precision = precision;
        edge.digits = if digits == 17 { self.digits.max(3) } else { 0 };
        if digits != 17 {
            edge.nanos = 0;
        }
        if self.kind == MomentKind::DateTime && precision >= Precision::Hour && edge.offset.is_none() {
            edge.offset = Some(if low { EARLIEST_OFFSET } else { LATEST_OFFSET });
        }
        if precision < Precision::Hour {
            edge.offset = None;
        }
        Some(edge)
    }

    /// Seconds from UTC in hours, where an offset is stated.
    pub fn offset_minutes(&self) -> Option<i16> {
        self.offset
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != MomentKind::Time {
            write!(f, "{:04}", self.year)?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", self.month)?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", self.day)?;
            }
            if self.precision >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", self.second)?;
            if self.digits > 0 {
                let nanos = format!("{:09}", self.nanos);
                write!(f, ".{}", nanos.get(..usize::from(self.digits)).unwrap_or_default())?;
            }
        }
        match self.offset {
            Some(0) => f.write_str("Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::date_time(text).expect(text)
    }

    #[test]
    fn order_is_said_only_where_it_is_certain() {
        let order = |a: &str, b: &str| moment(a).compare(&moment(b));
        assert_eq!(order("2018-03", "2018-03-01"), None);
        assert_eq!(order("2018-02", "2018-03-01"), Some(Ordering::Less));
        assert_eq!(order("2012-04-15T15:00:00+02:00", "2012-04-15T16:00:00+03:00"), Some(Ordering::Equal));
        assert_eq!(order("2012-04-15T15:00:00Z", "2012-04-15T10:00:00"), None);
        assert_eq!(order("2012-04-17T15:00:00Z", "2012-04-15T10:00:00"), Some(Ordering::Greater));
        assert_eq!(order("2012-04-15T15:30:31", "2012-04-15T15:30:31.0"), Some(Ordering::Equal));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in
            ["2015-13", "2015-02-30", "15", "2015-02T10", "2015-02-04T25", "2015-02-04T10:00+99:00", "é"]
        {
            assert!(Moment::date_time(bad).is_none(), "{bad}");
        }
        for text in ["2015", "2015-02-04T14:34:28.120+10:00", "2015-02-04T14:34:28Z"] {
            assert_eq!(moment(text).to_string(), text);
        }
    }

    #[test]
    fn addition_keeps_the_precision() {
        let add = |text: &str, n, unit| moment(text).add(n, unit).map(|m| m.to_string());
        assert_eq!(add("2016-01-31", 1, CalendarUnit::Month).as_deref(), Some("2016-02-29"));
        assert_eq!(add("2014", 24, CalendarUnit::Month).as_deref(), Some("2016"));
        assert_eq!(add("2014-05", 61, CalendarUnit::Day).as_deref(), Some("2014-07"));
        assert_eq!(add("9999-12-31", 1, CalendarUnit::Day), None);
        assert_eq!(add("2014-05-01", i64::MAX, CalendarUnit::Week), None);
        let late = Moment::time("23:30").expect("a time");
        assert_eq!(late.add(1, CalendarUnit::Hour).map(|m| m.to_string()).as_deref(), Some("00:30"));
    }
}
