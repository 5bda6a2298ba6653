//! Points in time as sources state them: at their own precision, with their zone stated, assumed or absent.
//!
//! A digit that the source did not give is never invented and a digit that it gave is never changed.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// How exactly a point in time was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2024`
    Year,
    /// `2024-03`
    Month,
    /// `2024-03-01`
    Day,
    /// `2024-03-01 10`: FHIR has no such precision, so the hour is lost on the way out.
    Hour,
    /// `2024-03-01 10:30`: FHIR demands seconds and allows zeros for them.
    Minute,
    /// `2024-03-01 10:30:15`
    Second,
    /// `2024-03-01 10:30:15.25`
    Fraction,
}

/// Where the offset from UTC came from, in seconds east.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offset {
    /// The source states it.
    Stated(i32),
    /// The source states none; it follows from the zone of the feed (Europe/London).
    Assumed(i32),
    /// As assumed, but the local time occurs twice (the clocks went back); the first of the two was taken.
    AssumedFirstOfTwo(i32),
    /// As assumed, but the local time does not exist (the clocks went forward); the offset before the
    /// change was taken.
    AssumedInGap(i32),
    /// No time of day, so no offset.
    None,
}

impl Offset {
    /// Seconds east of UTC.
    pub fn seconds(self) -> Option<i32> {
        match self {
            Offset::Stated(s)
            | Offset::Assumed(s)
            | Offset::AssumedFirstOfTwo(s)
            | Offset::AssumedInGap(s) => Some(s),
            Offset::None => None,
        }
    }
}

/// Why a text is not a point in time. The message holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// Not in the expected shape.
    #[error("the date or time is not in the expected form")]
    Shape,
    /// The right shape, but no such day or time of day.
    #[error("there is no such date or time")]
    Range,
}

/// A point in time as a source states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct When {
    date: (i16, u8, u8),
    time: (u8, u8, u8),
    /// Digits of the second's fraction, as stated, and how many.
    fraction: (u32, u8),
    precision: Precision,
    offset: Offset,
}

/// Digits of a second's fraction that are kept; FHIR has no limit, nanoseconds are plenty.
const FRACTION_DIGITS_MAX: usize = 9;

impl When {
    /// HL7 v2 TS/DTM and HL7 v3 TS: `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]`. A local time takes its offset from
    /// `zone`. Also accepts the forms with separators that UK senders write in these places
    /// (`2025-05-05 23:23:32`).
    ///
    /// # Errors
    /// [`WhenError`] where the text has another shape or names no real date.
    pub fn hl7(text: &str, zone: &TimeZone) -> Result<Self, WhenError> {
        let text = text.trim();
        // `2024-0100` is a year with an offset; every other hyphen there is ISO 8601.
        if text.as_bytes().get(4) == Some(&b'-') && text.len() != 9 {
            return Self::iso(text, zone);
        }
        let (body, offset) = split_offset(text)?;
        let (digits, fraction) = split_fraction(body);
        if !digits.bytes().all(|b| b.is_ascii_digit()) || (fraction.is_some() && digits.len() != 14) {
            return Err(WhenError::Shape);
        }
        let precision = match digits.len() {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            10 => Precision::Hour,
            12 => Precision::Minute,
            14 => Precision::Second,
            _ => return Err(WhenError::Shape),
        };
        let part = |from: usize, len: usize| number(digits.get(from..from + len));
        let year = part(0, 4).ok_or(WhenError::Shape)?;
        if precision < Precision::Day && !Self::is_of_our_time(year as i16) {
            // Six digits are a day without its century as often as a month: `261012` is not October of 2610.
            return Err(WhenError::Range);
        }
        let date = (year as i16, part(4, 2).unwrap_or(1) as u8, part(6, 2).unwrap_or(1) as u8);
        let time =
            (part(8, 2).unwrap_or(0) as u8, part(10, 2).unwrap_or(0) as u8, part(12, 2).unwrap_or(0) as u8);
        Self::build(date, time, fraction, precision, offset, zone)
    }

    /// ISO 8601 and FHIR: `YYYY[-MM[-DD[(T| )hh:mm[:ss[.s…]][Z|±hh[:]mm]]]]`.
    ///
    /// # Errors
    /// [`WhenError`] where the text has another shape or names no real date.
    pub fn iso(text: &str, zone: &TimeZone) -> Result<Self, WhenError> {
        let text = text.trim();
        let (day, clock) = match text.bytes().position(|b| matches!(b, b'T' | b't' | b' ')) {
            Some(at) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
            None => (text, None),
        };
        let mut parts = day.as_bytes().split(|b| *b == b'-');
        let year = parts.next().filter(|y| y.len() == 4).and_then(digits).ok_or(WhenError::Shape)?;
        let two = |part: Option<&[u8]>| match part {
            None => Ok(None),
            Some(p) if p.len() == 2 => digits(p).map(Some).ok_or(WhenError::Shape),
            Some(_) => Err(WhenError::Shape),
        };
        let month = two(parts.next())?;
        let mday = two(parts.next())?;
        if parts.next().is_some() {
            return Err(WhenError::Shape);
        }
        let date = (year as i16, month.unwrap_or(1) as u8, mday.unwrap_or(1) as u8);
        let Some(clock) = clock else {
            let precision = match (month, mday) {
                (None, _) => Precision::Year,
                (_, None) => Precision::Month,
                _ => Precision::Day,
            };
            return Self::build(date, (0, 0, 0), None, precision, None, zone);
        };
        if mday.is_none() {
            return Err(WhenError::Shape);
        }
        let (body, offset) = split_offset(clock)?;
        let (hms, fraction) = split_fraction(body);
        let mut parts = hms.as_bytes().split(|b| *b == b':');
        let hour = two(parts.next())?.ok_or(WhenError::Shape)?;
        let minute = two(parts.next())?.ok_or(WhenError::Shape)?;
        let second = two(parts.next())?;
        if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
            return Err(WhenError::Shape);
        }
        let precision = if second.is_some() { Precision::Second } else { Precision::Minute };
        let time = (hour as u8, minute as u8, second.unwrap_or(0) as u8);
        Self::build(date, time, fraction, precision, offset, zone)
    }

    /// A date as the British write it: `dd/mm/yyyy`, `d/m/yyyy`, also with `-` or `.` between or the month in words
    /// (`1 April 2024`, `01-Apr-2024`), and with a following time of day `hh:mm[:ss]`. Two-digit years are refused: which century is a guess.
    ///
    /// # Errors
    /// [`WhenError`] where the text has another shape or names no real date.
    pub fn british(text: &str, zone: &TimeZone) -> Result<Self, WhenError> {
        let text = text.trim();
        // The time of day stands behind the last blank, if anything of it has a colon.
        let (day, clock) = match text.rsplit_once(' ') {
            Some((day, clock)) if clock.contains(':') => (day, Some(clock)),
            Some(_) if !text.contains(char::is_alphabetic) => return Err(WhenError::Shape),
            _ => (text, None),
        };
        let mut parts = day.split(['/', '-', '.', ' ']).filter(|part| !part.is_empty());
        let digits =
            |part: Option<&str>| part.filter(|p| (1..=2).contains(&p.len())).and_then(|p| number(Some(p)));
        let mday = digits(parts.next());
        let month = parts.next();
        let month = digits(month).or_else(|| month.and_then(month_in_words));
        let year = parts.next().filter(|y| y.len() == 4).and_then(|y| number(Some(y)));
        let (Some(mday), Some(month), Some(year), None) = (mday, month, year, parts.next()) else {
            return Err(WhenError::Shape);
        };
        let date = (year as i16, month as u8, mday as u8);
        let Some(clock) = clock else {
            return Self::build(date, (0, 0, 0), None, Precision::Day, None, zone);
        };
        let mut parts = clock.split(':').map(|p| number(Some(p).filter(|p| p.len() == 2)));
        let (hour, minute, second) = (parts.next().flatten(), parts.next().flatten(), parts.next());
        let (Some(hour), Some(minute), None) = (hour, minute, parts.next()) else {
            return Err(WhenError::Shape);
        };
        let (second, precision) = match second {
            None => (0, Precision::Minute),
            Some(Some(second)) => (second, Precision::Second),
            Some(None) => return Err(WhenError::Shape),
        };
        Self::build(date, (hour as u8, minute as u8, second as u8), None, precision, None, zone)
    }

    /// A calendar day.
    ///
    /// # Errors
    /// [`WhenError::Range`] where there is no such day.
    pub fn day(year: i16, month: u8, day: u8) -> Result<Self, WhenError> {
        Self::build((year, month, day), (0, 0, 0), None, Precision::Day, None, &TimeZone::UTC)
    }

    fn build(
        date: (i16, u8, u8),
        time: (u8, u8, u8),
        fraction: Option<&str>,
        precision: Precision,
        offset: Option<i32>,
        zone: &TimeZone,
    ) -> Result<Self, WhenError> {
        let year_ok = (1..=9999).contains(&date.0);
        let day = civil::Date::new(date.0, date.1 as i8, date.2 as i8).map_err(|_| WhenError::Range)?;
        if !year_ok || time.0 > 23 || time.1 > 59 || time.2 > 59 {
            return Err(WhenError::Range);
        }
        let (fraction, precision) = match fraction {
            None => ((0, 0), precision),
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                let kept = digits.get(..digits.len().min(FRACTION_DIGITS_MAX)).unwrap_or("");
                ((number(Some(kept)).unwrap_or(0), kept.len() as u8), Precision::Fraction)
            }
            Some(_) => return Err(WhenError::Shape),
        };
        let offset = match (precision >= Precision::Hour, offset) {
            (false, _) => Offset::None,
            (true, Some(seconds)) => Offset::Stated(seconds),
            (true, None) => assume(day.at(time.0 as i8, time.1 as i8, time.2 as i8, 0), zone),
        };
        Ok(Self { date, time, fraction, precision, offset })
    }

    /// How exactly it was stated.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where its offset comes from.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Year, month and day as stated; month and day are 1 where they were not.
    pub fn ymd(&self) -> (i16, u8, u8) {
        self.date
    }

    /// The same with the time of day taken away: some sources write a midnight that they don't mean.
    #[must_use]
    pub fn to_day(self) -> Self {
        let precision = self.precision.min(Precision::Day);
        Self { time: (0, 0, 0), fraction: (0, 0), precision, offset: Offset::None, ..self }
    }

    /// Whether the time of day is exactly midnight, or absent.
    pub fn is_midnight(&self) -> bool {
        self.time == (0, 0, 0) && self.fraction.0 == 0
    }

    /// As FHIR `dateTime`: at its own precision, with offset where there is a time. A time stated to the hour
    /// becomes a day (see [`When::lossy`]).
    pub fn fhir(&self) -> String {
        let mut out = self.fhir_date();
        if self.precision < Precision::Minute {
            return out;
        }
        let (h, m, s) = self.time;
        for (mark, part) in [('T', h), (':', m), (':', s)] {
            out.push(mark);
            push_two(&mut out, part);
        }
        let (value, digits) = self.fraction;
        if digits > 0 {
            out.push_str(&format!(".{value:0width$}", width = usize::from(digits)));
        }
        let seconds = self.offset.seconds().unwrap_or(0);
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.unsigned_abs() / 60;
        out.push(sign);
        push_two(&mut out, (minutes / 60) as u8);
        out.push(':');
        push_two(&mut out, (minutes % 60) as u8);
        out
    }

    /// The day part, as FHIR `date`.
    pub fn fhir_date(&self) -> String {
        let (y, m, d) = self.date;
        let mut out = String::with_capacity(32);
        let year = y.unsigned_abs();
        push_two(&mut out, (year / 100) as u8);
        push_two(&mut out, (year % 100) as u8);
        if self.precision >= Precision::Month {
            out.push('-');
            push_two(&mut out, m);
        }
        if self.precision >= Precision::Day {
            out.push('-');
            push_two(&mut out, d);
        }
        out
    }

    /// As FHIR `instant`, which demands at least seconds; `None` where the source is less exact than minutes.
    pub fn fhir_instant(&self) -> Option<String> {
        (self.precision >= Precision::Minute).then(|| self.fhir())
    }

    /// What FHIR `dateTime` can't carry of it, if anything.
    pub fn lossy(&self) -> Option<&'static str> {
        (self.precision == Precision::Hour)
            .then_some("FHIR has no time of day without minutes, so only the day was carried")
    }

    /// A doubt about its offset that a person should know of.
    pub fn doubt(&self) -> Option<&'static str> {
        match self.offset {
            Offset::AssumedFirstOfTwo(_) => Some(
                "this local time occurred twice, as the clocks went back; the first of the two was taken",
            ),
            Offset::AssumedInGap(_) => {
                Some("this local time did not occur, as the clocks went forward; its digits were kept")
            }
            _ => None,
        }
    }

    /// Whether it is certainly before another: at the precision that both have.
    pub fn is_before(&self, other: &Self) -> bool {
        if self.precision >= Precision::Minute && other.precision >= Precision::Minute {
            return self.earliest() < other.earliest();
        }
        let common = self.precision.min(other.precision);
        let key = |w: &Self| {
            let (year, month, day) = w.date;
            let month = if common >= Precision::Month { month } else { 0 };
            let day = if common >= Precision::Day { day } else { 0 };
            (year, month, day)
        };
        key(self) < key(other)
    }

    /// Whether it is a day that systems write for "no end" or "no date": the first of their calendar, or a last one.
    pub fn is_sentinel(&self) -> bool {
        self.precision >= Precision::Day
            && matches!(
                self.date,
                (1, 1, 1) | (1753, 1, 1) | (1899, 12, 30 | 31) | (1900, 1, 1) | (2999 | 9999, 12, 31)
            )
    }

    /// The earliest instant that it may mean, in seconds since 1970 UTC: for ordering only.
    pub fn earliest(&self) -> i64 {
        let (y, m, d) = self.date;
        let (h, min, s) = self.time;
        let Ok(date) = civil::Date::new(y, m as i8, d as i8) else { return i64::MIN };
        let local = date.at(h as i8, min as i8, s as i8, 0);
        // The last days of the year 9999 are beyond what a timestamp holds.
        let beyond = if y > 1970 { i64::MAX } else { i64::MIN };
        let utc = TimeZone::UTC.to_timestamp(local).map_or(beyond, |t| t.as_second());
        utc.saturating_sub(i64::from(self.offset.seconds().unwrap_or(0)))
    }
}

/// Two digits of a number below 100; formatting machinery costs ten times as much, and dates are everywhere.
fn push_two(out: &mut String, number: u8) {
    out.push(char::from(b'0' + number / 10 % 10));
    out.push(char::from(b'0' + number % 10));
}

/// The number of a month by its name in English or the first three letters or more of it (`Sep`, `Sept.`), in any case.
pub fn month_in_words(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let is = |name: &&str| word.len() >= 3 && name.starts_with(&word);
    MONTHS.iter().zip(1u32..).find(|(name, _)| is(name)).map(|(_, number)| number)
}

fn number(text: Option<&str>) -> Option<u32> {
    digits(text?.as_bytes())
}

/// A number of digits alone; `None` where it is none, or beyond 32 bits.
fn digits(text: &[u8]) -> Option<u32> {
    let add = |sum: u32, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    (!text.is_empty()).then(|| text.iter().try_fold(0, add))?
}

/// What stands before and after the first point.
fn split_fraction(text: &str) -> (&str, Option<&str>) {
    match text.bytes().position(|b| b == b'.') {
        Some(at) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
        None => (text, None),
    }
}

/// Cuts `Z`, `±hh`, `±hhmm` or `±hh:mm` off the end.
fn split_offset(text: &str) -> Result<(&str, Option<i32>), WhenError> {
    if let Some(b'Z' | b'z') = text.as_bytes().last() {
        return Ok((text.get(..text.len() - 1).unwrap_or(""), Some(0)));
    }
    let sign = text.bytes().rposition(|b| matches!(b, b'+' | b'-'));
    let Some(at) = sign else { return Ok((text, None)) };
    let (body, tail) = (text.get(..at).unwrap_or(""), text.get(at..).unwrap_or(""));
    let negative = tail.starts_with('-');
    let digits: &str = tail.get(1..).unwrap_or("");
    let (hours, minutes) = match (digits.len(), digits.as_bytes().get(2)) {
        (2, _) => (number(Some(digits)), Some(0)),
        (4, _) => (number(digits.get(..2)), number(digits.get(2..))),
        (5, Some(b':')) => (number(digits.get(..2)), number(digits.get(3..))),
        _ => return Err(WhenError::Shape),
    };
    let (Some(hours), Some(minutes)) = (hours, minutes) else { return Err(WhenError::Shape) };
    if hours > 14 || minutes > 59 {
        return Err(WhenError::Range);
    }
    let seconds = (hours * 3600 + minutes * 60) as i32;
    Ok((body, Some(if negative { -seconds } else { seconds })))
}

fn assume(local: civil::DateTime, zone: &TimeZone) -> Offset {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => Offset::Assumed(offset.seconds()),
        AmbiguousOffset::Fold { before, .. } => Offset::AssumedFirstOfTwo(before.seconds()),
        AmbiguousOffset::Gap { before, .. } => Offset::AssumedInGap(before.seconds()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hl7(text: &str) -> Result<String, WhenError> {
        When::hl7(text, &crate::london()).map(|w| w.fhir())
    }

    #[test]
    fn precision_is_kept() {
        for (text, fhir) in [
            ("1970", "1970"),
            ("197001", "1970-01"),
            ("19700131", "1970-01-31"),
            ("2024030110", "2024-03-01"),
            ("202403011030", "2024-03-01T10:30:00+00:00"),
            ("20240701103015", "2024-07-01T10:30:15+01:00"),
            ("20240701103015.250", "2024-07-01T10:30:15.250+01:00"),
            ("20240701103015+0000", "2024-07-01T10:30:15+00:00"),
            ("2025-05-05 23:23:32", "2025-05-05T23:23:32+01:00"),
            ("20240701103015-0530", "2024-07-01T10:30:15-05:30"),
        ] {
            assert_eq!(hl7(text).as_deref(), Ok(fhir), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["2024023", "20240230", "0000", "20241301", "202403012500", "tomorrow", "", "2024.5"] {
            assert!(hl7(text).is_err(), "{text}");
        }
        assert_eq!(hl7("20240230"), Err(WhenError::Range));
    }

    #[test]
    fn the_repeated_and_the_missing_hour_are_told() {
        let twice = When::hl7("20241027013000", &crate::london()).unwrap();
        assert_eq!(twice.fhir(), "2024-10-27T01:30:00+01:00");
        assert!(twice.doubt().unwrap().contains("twice"));
        let never = When::hl7("20240331013000", &crate::london()).unwrap();
        assert_eq!(never.fhir(), "2024-03-31T01:30:00+00:00");
        assert!(never.doubt().unwrap().contains("did not occur"));
        assert_eq!(When::hl7("20240331003000", &crate::london()).unwrap().doubt(), None);
    }

    #[test]
    fn the_years_when_london_kept_summer_time_all_year() {
        assert_eq!(hl7("197001151200").as_deref(), Ok("1970-01-15T12:00:00+01:00"));
        assert_eq!(hl7("1970").as_deref(), Ok("1970"));
    }

    #[test]
    fn british_dates() {
        let british = |t| When::british(t, &crate::london()).map(|w| w.fhir());
        assert_eq!(british("1/4/2024").as_deref(), Ok("2024-04-01"));
        assert_eq!(british("31/10/2024 14:05").as_deref(), Ok("2024-10-31T14:05:00+00:00"));
        for words in ["1 April 2024", "01-Apr-2024", "01 APR 2024", "1/apr/2024"] {
            assert_eq!(british(words).as_deref(), Ok("2024-04-01"), "{words}");
        }
        assert_eq!(british("31-Oct-2024 14:05").as_deref(), Ok("2024-10-31T14:05:00+00:00"));
        for none in ["01-Apr-24", "1 4 2024", "Apr 2024", "1 Aprl 2024", "31 June", "1 April 2024 noon"] {
            assert!(british(none).is_err(), "{none}");
        }
        assert_eq!(british("31-Jun-2024"), Err(WhenError::Range));
        assert!(british("01/04/24").is_err());
        assert!(british("2024/04/01").is_err());
        assert_eq!(british("31/02/2024"), Err(WhenError::Range));
    }

    #[test]
    fn iso_dates() {
        let iso = |t| When::iso(t, &crate::london()).map(|w| w.fhir());
        assert_eq!(iso("2024-07-01T10:30:00Z").as_deref(), Ok("2024-07-01T10:30:00+00:00"));
        assert_eq!(iso("2024-07-01T10:30").as_deref(), Ok("2024-07-01T10:30:00+01:00"));
        assert_eq!(iso("2024-07").as_deref(), Ok("2024-07"));
        assert!(iso("2024-7-1").is_err());
        assert!(iso("2024-07T10:00").is_err());
    }

    #[test]
    fn order_at_the_precision_that_both_have() {
        let at = |t| When::iso(t, &crate::london()).unwrap();
        for (one, other, before) in [
            ("2024-07-01", "2024-07-02", true),
            ("2024-07-01T10:30", "2024-07-01", false),
            ("2024-07-01", "2024-07-01T10:30", false),
            ("2024-07", "2024-07-31", false),
            ("2023", "2024-01-01T00:00", true),
            ("2024-07-01T10:30:00Z", "2024-07-01T10:30:00+01:00", false),
            ("2024-07-01T10:30:00+01:00", "2024-07-01T10:30:00Z", true),
            ("1900-01-01", "2000-10-04", true),
        ] {
            assert_eq!(at(one).is_before(&at(other)), before, "{one} {other}");
        }
        assert!(at("1900-01-01").is_sentinel() && at("9999-12-31T23:59").is_sentinel());
        assert!(!at("1900").is_sentinel() && !at("2024-12-31").is_sentinel());
    }

    #[test]
    fn order() {
        let at = |t| When::iso(t, &crate::london()).unwrap().earliest();
        assert!(at("2024-07-01T10:30:00+01:00") < at("2024-07-01T10:30:00Z"));
    }
}
