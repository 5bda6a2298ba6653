//! Times as meters write them. What can't be told for certain is refused: which of two numbers is the month, which century.

use causeway_core::{When, month_in_words};
use jiff::tz::TimeZone;

use crate::columns::Order;

/// A day of numbers alone, as it is written: the two of which one is the month, and the year.
fn numbers(day: &str) -> Option<(u32, u32, &str)> {
    let mut parts = day.split(['/', '-', '.']);
    let mut short = || parts.next().filter(|p| (1..=2).contains(&p.len())).and_then(digits);
    let (first, second) = (short()?, short()?);
    let year = parts.next().filter(|y| y.len() == 4 && digits(y).is_some())?;
    parts.next().is_none().then_some((first, second, year))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether a text can only be read with its month first: `10/28/2026`.
pub(crate) fn is_month_first(text: &str) -> bool {
    numbers(parts(text).0).is_some_and(|(first, second, _)| first <= 12 && (13..=31).contains(&second))
}

/// Whether day and month of a text could be exchanged.
fn is_either(text: &str) -> bool {
    numbers(text).is_some_and(|(first, second, _)| first <= 12 && second <= 12 && first != second)
}

/// Day and clock of a text. A day may hold blanks (`28 Oct 2026`); a clock begins with the first part that has a colon.
fn parts(text: &str) -> (&str, &str) {
    let text = text.trim();
    let colon = text.find(':').unwrap_or(text.len());
    let head = text.get(..colon).unwrap_or_default();
    let cut = match colon == text.len() {
        true => return (text.trim_end_matches(','), ""),
        false => head.rfind([' ', 'T', '\u{a0}', '\u{202f}']),
    };
    let Some(cut) = cut else { return ("", text) };
    let day = text.get(..cut).unwrap_or_default().trim();
    let clock =
        text.get(cut..).unwrap_or_default().trim_start_matches(|c: char| c == 'T' || c.is_whitespace());
    (day.trim_end_matches(','), clock)
}

/// `YYYY-MM-DD` of a day.
fn day(text: &str, order: Order) -> Option<String> {
    let iso = text.replace(['/', '.'], "-");
    if iso.bytes().position(|b| b == b'-') == Some(4) {
        let mut parts = iso.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        return written(year, digits(month)?, digits(day)?);
    }
    if let Some((first, second, year)) = numbers(text) {
        let (day, month) = if order == Order::MonthFirst { (second, first) } else { (first, second) };
        return written(year, month, day);
    }
    // A month in words, and perhaps a day of the week before it.
    let words: Vec<&str> = text.split([' ', '-', ',', '/']).filter(|w| !w.is_empty()).collect();
    let weekday = |word: &str| {
        let word = word.to_ascii_lowercase();
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        word.len() >= 3 && days.iter().any(|d| d.starts_with(&word))
    };
    let words = match words.as_slice() {
        [first, rest @ ..] if weekday(first) => rest,
        all => all,
    };
    let [first, second, year] = words else { return None };
    let ordinal = |word: &str| digits(word.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']));
    match (month_in_words(first), month_in_words(second)) {
        (None, Some(month)) => written(year, month, ordinal(first)?),
        (Some(month), None) => written(year, month, ordinal(second)?),
        _ => None,
    }
}

fn written(year: &str, month: u32, day: u32) -> Option<String> {
    (year.len() == 4 && digits(year).is_some() && month <= 12 && day <= 31)
        .then(|| format!("{year}-{month:02}-{day:02}"))
}

/// `hh:mm[:ss[.s]][offset]` of a clock, also of twelve hours.
fn clock(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (time, rest) = text.split_at(end);
    let (hour, rest_of_time) = time.split_once(':')?;
    if !(1..=2).contains(&hour.len()) {
        return None;
    }
    let mut hour = digits(hour)?;
    let rest = rest.trim().to_ascii_lowercase().replace(['.', ' ', '\u{a0}', '\u{202f}'], "");
    let half = ["am", "pm"].into_iter().find(|half| rest.starts_with(half));
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half == "pm" { 12 } else { 0 };
    }
    let offset = match rest.strip_prefix(half.unwrap_or_default()).unwrap_or(&rest) {
        "utc" | "gmt" | "z" => "Z",
        "bst" => "+01:00",
        other if other.is_empty() || other.starts_with(['+', '-']) => other,
        _ => return None,
    };
    Some(format!("{hour:02}:{rest_of_time}{offset}"))
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is none, or its century is not said.
    NoTime,
    /// Day and month could be exchanged, and other rows of the file have the month first.
    EitherOrder,
}

/// The moment that a cell of days and, where there is one, a cell of clocks say. `exchanged`: other rows of the file have the
/// month first, though no heading says so.
///
/// # Errors
/// Where it is none, or which of two numbers is the month can't be told.
pub(crate) fn read(
    days: &str,
    time: Option<&str>,
    order: Order,
    exchanged: bool,
    zone: &TimeZone,
) -> Result<When, Unread> {
    let (date, own) = parts(days);
    if exchanged && order == Order::Unsaid && is_either(date) {
        return Err(Unread::EitherOrder);
    }
    // A spreadsheet writes a midnight behind each day.
    let is_midnight = own.bytes().all(|b| matches!(b, b'0' | b':' | b'.'));
    let own = match time {
        Some(time) if is_midnight => time.trim(),
        Some(_) => return Err(Unread::NoTime),
        None => own,
    };
    let date = day(date, order).or_else(|| {
        // A year or a month alone is as exact as it is.
        (time.is_none() && own.is_empty()).then(|| date.to_owned())
    });
    let text = match (date, own) {
        (Some(date), "") => date,
        (Some(date), own) => format!("{date}T{}", clock(own).ok_or(Unread::NoTime)?),
        (None, _) => return Err(Unread::NoTime),
    };
    let zone = if order == Order::Utc { &TimeZone::UTC } else { zone };
    When::iso(&text, zone).map_err(|_| Unread::NoTime)
}

/// A zone by its name or its distance from UTC.
pub(crate) fn zone(text: &str) -> Option<TimeZone> {
    let text = text.trim();
    if matches!(text, "UTC" | "GMT" | "Z") {
        return Some(TimeZone::UTC);
    }
    let offset = text.trim_start_matches("UTC").trim_start_matches("GMT").trim();
    if offset.starts_with(['+', '-']) {
        let (sign, rest) = offset.split_at(1);
        let (hours, minutes) = match rest.split_once(':') {
            Some((hours, minutes)) => (digits(hours)?, digits(minutes)?),
            None if rest.len() == 4 => (digits(rest.get(..2)?)?, digits(rest.get(2..)?)?),
            None => (digits(rest)?, 0),
        };
        let seconds =
            i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| hours <= 14 && minutes < 60)?;
        return jiff::tz::Offset::from_seconds(if sign == "-" { -seconds } else { seconds })
            .ok()
            .map(TimeZone::fixed);
    }
    text.contains('/').then(|| TimeZone::get(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(days: &str, time: Option<&str>, order: Order, exchanged: bool) -> String {
        let london = causeway_core::london();
        read(days, time, order, exchanged, &london).map_or_else(|why| format!("{why:?}"), |when| when.fhir())
    }

    #[test]
    fn times_of_meters() {
        let summer = "2026-10-20T07:31:00+01:00";
        for text in [
            "2026-10-20 07:31",
            "2026-10-20T07:31",
            "2026/10/20 07:31",
            "20/10/2026 07:31",
            "20-10-2026 07:31",
            "20.10.2026 7:31",
            "20 Oct 2026 7:31 AM",
            "Oct 20, 2026, 7:31 am",
            "October 20, 2026 07:31",
            "20-Oct-2026 07:31",
            "Tue 20 Oct 2026 07:31",
            "Tuesday, 20th October 2026 7:31 a.m.",
            "2026-10-20 06:31 UTC",
            "2026-10-20 07:31 +0100",
        ] {
            let shown = said(text, None, Order::Unsaid, false);
            let same = shown == summer || shown == "2026-10-20T06:31:00+00:00";
            assert!(same, "{text}: {shown}");
        }
        for (days, time, order, exchanged, shown) in [
            ("20/10/2026", Some("12:05 AM"), Order::Unsaid, false, "2026-10-20T00:05:00+01:00"),
            ("20/10/2026", Some("12:05 PM"), Order::Unsaid, false, "2026-10-20T12:05:00+01:00"),
            ("20/10/2026 00:00:00", Some("07:31"), Order::Unsaid, false, summer),
            ("20/10/2026 08:00:00", Some("07:31"), Order::Unsaid, false, "NoTime"),
            ("10/20/2026 07:31", None, Order::MonthFirst, false, summer),
            ("10/20/2026 07:31", None, Order::Unsaid, false, "NoTime"),
            ("05/10/2026 07:31", None, Order::Unsaid, false, "2026-10-05T07:31:00+01:00"),
            ("05/10/2026 07:31", None, Order::Unsaid, true, "EitherOrder"),
            ("05/10/2026 07:31", None, Order::DayFirst, true, "2026-10-05T07:31:00+01:00"),
            ("05/05/2026", None, Order::Unsaid, true, "2026-05-05"),
            ("2026-10-20 06:31", None, Order::Utc, false, "2026-10-20T06:31:00+00:00"),
            ("20/10/26 07:31", None, Order::Unsaid, false, "NoTime"),
            ("20/10/2026 13:31 PM", None, Order::Unsaid, false, "NoTime"),
            ("2026-10", None, Order::Unsaid, false, "2026-10"),
            ("31/02/2026", None, Order::Unsaid, false, "NoTime"),
            ("07:31", None, Order::Unsaid, false, "NoTime"),
            ("", None, Order::Unsaid, false, "NoTime"),
        ] {
            assert_eq!(said(days, time, order, exchanged), shown, "{days} {time:?}");
        }
        assert!(is_month_first("10/28/2026 07:31") && !is_month_first("28/10/2026"));
    }

    #[test]
    fn zones_by_name_and_distance() {
        let at = |name: &str| {
            let zone = zone(name)?;
            Some(read("2026-07-01 08:00", None, Order::Unsaid, false, &zone).ok()?.fhir())
        };
        assert_eq!(at("Europe/London").as_deref(), Some("2026-07-01T08:00:00+01:00"));
        assert_eq!(at("America/New_York").as_deref(), Some("2026-07-01T08:00:00-04:00"));
        assert_eq!(at("GMT+01:00").as_deref(), Some("2026-07-01T08:00:00+01:00"));
        assert_eq!(at("UTC-5").as_deref(), Some("2026-07-01T08:00:00-05:00"));
        assert_eq!(at("Summer time"), None);
    }
}
