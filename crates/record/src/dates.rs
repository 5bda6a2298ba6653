//! FHIR dates as ranges of time, and as days.

use causeway_core::london;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// First and last microsecond that a FHIR `date`, `dateTime` or `instant` may mean. A date, and a time without
/// an offset, are of Europe/London.
pub(crate) fn range(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    if text.contains('T') {
        let low = instant(text)?;
        return Some((low, low.saturating_add(width(text)).saturating_sub(1)));
    }
    let (from, to) = days(text)?;
    let zone = london();
    let low = start_of(from, &zone)?;
    let high = start_of(to, &zone)?;
    Some((low, high.saturating_sub(1)))
}

/// First day and the day after the last of a date of any precision.
fn days(text: &str) -> Option<(Date, Date)> {
    let mut parts = text.split('-');
    let year: i16 = parts.next().filter(|y| y.len() == 4)?.parse().ok()?;
    let month = parts.next();
    let day = parts.next();
    if parts.next().is_some() {
        return None;
    }
    let two = |t: &str| (t.len() == 2).then(|| t.parse::<i8>().ok()).flatten();
    match (month, day) {
        (None, _) => {
            let from = Date::new(year, 1, 1).ok()?;
            Some((from, from.checked_add(1.year()).ok()?))
        }
        (Some(month), None) => {
            let from = Date::new(year, two(month)?, 1).ok()?;
            Some((from, from.checked_add(1.month()).ok()?))
        }
        (Some(month), Some(day)) => {
            let from = Date::new(year, two(month)?, two(day)?).ok()?;
            Some((from, from.checked_add(1.day()).ok()?))
        }
    }
}

fn start_of(day: Date, zone: &TimeZone) -> Option<i64> {
    zone.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Timestamp::as_microsecond)
}

fn instant(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_microsecond());
    }
    let local: DateTime = text.parse().ok()?;
    london().to_timestamp(local).ok().map(Timestamp::as_microsecond)
}

/// Width in microseconds of what a time names: a minute, a second or a fraction of one.
fn width(text: &str) -> i64 {
    let clock = text.split_once('T').map_or("", |(_, clock)| clock);
    let body = clock.split(['Z', '+', '-']).next().unwrap_or("");
    match body.split_once('.') {
        Some((_, fraction)) => 10i64.pow(6u32.saturating_sub(fraction.len() as u32)),
        None if body.matches(':').count() >= 2 => 1_000_000,
        None => 60_000_000,
    }
}

/// The range of an element: a date, a Period (open at an end that is missing), or a Timing.
pub(crate) fn range_of(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::String(text) => range(text),
        Value::Object(map) if map.contains_key("start") || map.contains_key("end") => {
            let end = |name: &str| map.get(name).and_then(Value::as_str);
            let low = match end("start") {
                Some(text) => range(text)?.0,
                None => i64::MIN,
            };
            let high = match end("end") {
                Some(text) => range(text)?.1,
                None => i64::MAX,
            };
            Some((low, high))
        }
        Value::Object(map) => {
            let events = map.get("event").and_then(Value::as_array);
            let mut ranges = events.into_iter().flatten().filter_map(Value::as_str).filter_map(range);
            let first = ranges.next();
            match first {
                Some(first) => Some(ranges.fold(first, |a, b| (a.0.min(b.0), a.1.max(b.1)))),
                None => range_of(map.get("repeat")?.get("boundsPeriod")?),
            }
        }
        _ => None,
    }
}

/// The London day that a date or time lies on, where it is told to the day or closer.
pub(crate) fn day(text: &str) -> Option<String> {
    if !text.contains('T') {
        return (text.len() == 10 && days(text).is_some()).then(|| text.to_owned());
    }
    let at = Timestamp::from_microsecond(instant(text)?).ok()?;
    Some(london().to_datetime(at).date().to_string())
}

/// The minute since 1970 of a time, where it is told to the minute or closer. Midnight in London is none:
/// sources write it where they know the day only.
pub(crate) fn minute(text: &str) -> Option<i64> {
    let at = text.contains('T').then(|| instant(text)).flatten()?;
    let time = london().to_datetime(Timestamp::from_microsecond(at).ok()?).time();
    (time != Time::midnight()).then(|| at.div_euclid(60_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_a_range() {
        let width = |t: &str| range(t).map(|(low, high)| high - low + 1);
        assert_eq!(width("2025-03-01"), Some(86_400_000_000));
        assert_eq!(width("2025-03-30"), Some(82_800_000_000), "the day on which clocks go forward");
        assert_eq!(width("2024"), Some(366 * 86_400_000_000));
        assert_eq!(width("2025-03-01T10:00Z"), Some(60_000_000));
        assert_eq!(width("2025-03-01T10:00:00+01:00"), Some(1_000_000));
        assert_eq!(width("2025-03-01T10:00:00.123Z"), Some(1_000));
        assert_eq!(range("2025-13-01"), None);
        assert_eq!(range("2025-02-30"), None);
        assert_eq!(range("nonsense"), None);
    }

    #[test]
    fn a_day_is_london_s() {
        assert_eq!(day("2025-06-30T23:30:00Z").as_deref(), Some("2025-07-01"));
        assert_eq!(day("2025-06").as_deref(), None);
        assert_eq!(minute("2025-06-30T23:00:00Z"), None, "midnight");
        assert_eq!(minute("2025-06-30T23:30:00Z"), minute("2025-07-01T00:30:00+01:00"));
    }
}
