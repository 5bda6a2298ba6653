//! Dates as councils write them: `dd/mm/yyyy`, `dd-Mmm-yyyy`, ISO 8601, day numbers of a spreadsheet.

use causeway_core::{When, WhenError};

use crate::limits::{SERIAL_MAX, SERIAL_MIN};

/// In which form a date was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `2024-04-01`, with or without a time of day.
    Iso,
    /// `01/04/2024`, with or without a time of day.
    British,
    /// `45383`: days since 30 December 1899, the 1900 date system of spreadsheets.
    Serial,
}

/// A date and the form it was in. CLD states days only; a time of day beside one is an export's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// The day.
    pub day: When,
    /// How it was written.
    pub form: Form,
    /// Whether a time of day other than midnight stood beside it.
    pub timed: bool,
}

/// Reads a date.
///
/// # Errors
/// [`WhenError`] where the text is no date in a form that is known, or names no real day.
pub fn read(text: &str) -> Result<Dated, WhenError> {
    let bytes = text.as_bytes();
    if let Some(day) = plain(bytes) {
        let form = if bytes.get(4) == Some(&b'-') { Form::Iso } else { Form::British };
        return Ok(Dated { day: When::day(day.0, day.1, day.2)?, form, timed: false });
    }
    if bytes.len() == 5 && bytes.iter().all(u8::is_ascii_digit) {
        return serial(text);
    }
    let zone = jiff_utc();
    let (when, form) = match When::british(text, &zone) {
        Ok(when) => (when, Form::British),
        Err(WhenError::Range) => return Err(WhenError::Range),
        Err(WhenError::Shape) => (When::iso(text, &zone)?, Form::Iso),
    };
    if when.precision() < causeway_core::Precision::Day {
        return Err(WhenError::Shape);
    }
    Ok(Dated { day: when.to_day(), form, timed: !when.is_midnight() })
}

/// The zone does not matter, for only the day is kept.
fn jiff_utc() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::UTC
}

/// The two usual forms without allocation: `dddd-dd-dd` and `dd/dd/dddd`.
fn plain(bytes: &[u8]) -> Option<(i16, u8, u8)> {
    let [a, b, c, d, e, f, g, h, i, j] = *<&[u8; 10]>::try_from(bytes).ok()?;
    let two = |x: u8, y: u8| (x.is_ascii_digit() && y.is_ascii_digit()).then(|| (x - b'0') * 10 + (y - b'0'));
    let four = |x, y, z, w| Some(i16::from(two(x, y)?) * 100 + i16::from(two(z, w)?));
    match (c, e, f, h) {
        (_, b'-', _, b'-') => Some((four(a, b, c, d)?, two(f, g)?, two(i, j)?)),
        (b'/', _, b'/', _) => Some((four(g, h, i, j)?, two(d, e)?, two(a, b)?)),
        _ => None,
    }
}

fn serial(text: &str) -> Result<Dated, WhenError> {
    let number: u32 = text.parse().map_err(|_| WhenError::Shape)?;
    if !(SERIAL_MIN..=SERIAL_MAX).contains(&number) {
        return Err(WhenError::Shape);
    }
    let day = jiff::civil::date(1899, 12, 30)
        .checked_add(jiff::Span::new().days(i64::from(number)))
        .map_err(|_| WhenError::Range)?;
    let day = When::day(day.year(), day.month() as u8, day.day() as u8)?;
    Ok(Dated { day, form: Form::Serial, timed: false })
}

/// Whole years from one day to another; negative where the second is earlier.
pub fn years_between(from: When, to: When) -> i32 {
    let (a, b) = (from.ymd(), to.ymd());
    i32::from(b.0) - i32::from(a.0) - i32::from((b.1, b.2) < (a.1, a.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_arrive() {
        for (text, day, form) in [
            ("2024-04-01", "2024-04-01", Form::Iso),
            ("01/04/2024", "2024-04-01", Form::British),
            ("1/4/2024", "2024-04-01", Form::British),
            ("2024-04-01 00:00:00", "2024-04-01", Form::Iso),
            ("01/04/2024 00:00", "2024-04-01", Form::British),
            ("01-Apr-2024", "2024-04-01", Form::British),
            ("1 April 2024", "2024-04-01", Form::British),
            ("45383", "2024-04-01", Form::Serial),
            ("15409", "1942-03-09", Form::Serial),
        ] {
            let read = read(text).unwrap();
            assert_eq!((read.day.fhir().as_str(), read.form), (day, form), "{text}");
        }
        for text in
            ["01/04/24", "2024-02-30", "31/02/2024", "2024", "2024-04", "tomorrow", "0025-01-0x", "12"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("2024-04-01 13:30").unwrap().timed);
    }

    #[test]
    fn ages() {
        let day = |t| read(t).unwrap().day;
        assert_eq!(years_between(day("2006-04-02"), day("2024-04-01")), 17);
        assert_eq!(years_between(day("2006-04-01"), day("2024-04-01")), 18);
    }
}
