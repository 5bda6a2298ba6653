//! Points in time and intervals: TS and IVL_TS.

use causeway_core::{Leaf, When};
use jiff::tz::TimeZone;

use causeway_xml::Element;

/// A point in time with the item that states it.
#[derive(Clone, Copy, Debug)]
pub struct Time<'d> {
    /// The time.
    pub when: When,
    /// The item.
    pub leaf: Leaf<'d>,
}

/// When something was true or done.
#[derive(Clone, Copy, Debug)]
pub enum Effective<'d> {
    /// Not stated.
    None,
    /// At one point.
    At(Time<'d>),
    /// From and until, where stated.
    Between(Option<Time<'d>>, Option<Time<'d>>),
}

impl<'d> Effective<'d> {
    /// The earlier end, or the point.
    pub fn start(self) -> Option<Time<'d>> {
        match self {
            Self::None => None,
            Self::At(time) => Some(time),
            Self::Between(start, _) => start,
        }
    }

    /// The later end, where there is one.
    pub fn end(self) -> Option<Time<'d>> {
        match self {
            Self::Between(_, end) => end,
            _ => None,
        }
    }
}

/// TS. Senders whose records hold a day only fill the time with `000000`: that is a day.
pub fn when(text: &str, zone: &TimeZone) -> Option<When> {
    let when = When::hl7(text, zone).ok()?;
    let filled = text.len() == 14 && text.ends_with("000000");
    Some(if filled { when.to_day() } else { when })
}

/// The `value` of an element as a point in time.
pub fn time<'d>(element: Option<Element<'d>>, zone: &TimeZone) -> Option<Time<'d>> {
    let leaf = element?.attribute("value")?;
    when(leaf.text.trim(), zone).map(|when| Time { when, leaf })
}

/// A child's `value` as a point in time.
pub fn child_time<'d>(parent: Element<'d>, name: &str, zone: &TimeZone) -> Option<Time<'d>> {
    time(parent.child(name), zone)
}

/// The `effectiveTime` of a statement: its centre, or its ends; nothing else.
pub fn interval<'d>(element: Option<Element<'d>>, zone: &TimeZone) -> Effective<'d> {
    let Some(element) = element else { return Effective::None };
    if let Some(time) = child_time(element, "center", zone).or_else(|| time(Some(element), zone)) {
        return Effective::At(time);
    }
    match (child_time(element, "low", zone), child_time(element, "high", zone)) {
        (None, None) => Effective::None,
        (low, high) => Effective::Between(low, high),
    }
}

/// Whether an element, or a part of it, states a time at all, readable or not.
pub fn states(element: Option<Element<'_>>) -> bool {
    let stated = |e: Element<'_>| e.attribute("value").is_some_and(|v| !v.is_blank());
    element.is_some_and(|e| stated(e) || e.children().any(stated))
}

/// The time of the first of several elements that states one. One that states a time that can't be read is not
/// replaced by another's.
pub fn first_time<'d>(elements: &[Option<Element<'d>>], zone: &TimeZone) -> Option<Time<'d>> {
    time(elements.iter().copied().find(|e| states(*e)).flatten(), zone)
}

/// When a statement was true: `effectiveTime`, and where that states nothing, `availabilityTime`.
pub fn effective<'d>(statement: Element<'d>, zone: &TimeZone) -> Effective<'d> {
    let times = statement.child("effectiveTime");
    if states(times) {
        return interval(times, zone);
    }
    match child_time(statement, "availabilityTime", zone) {
        Some(time) => Effective::At(time),
        None => Effective::None,
    }
}

/// The first time of an element that can't be read as one, for an issue.
pub fn unreadable<'d>(element: Element<'d>, zone: &TimeZone) -> Option<Leaf<'d>> {
    let bad = |e: Element<'d>| {
        e.attribute("value").filter(|l| !l.is_blank() && when(l.text.trim(), zone).is_none())
    };
    element
        .children()
        .filter(|c| matches!(c.name(), "low" | "high" | "center"))
        .chain([element])
        .find_map(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_midnight_is_a_day() {
        let zone = causeway_core::london();
        assert_eq!(when("20120517000000", &zone).map(|w| w.fhir()).as_deref(), Some("2012-05-17"));
        assert_eq!(
            when("201205170000", &zone).map(|w| w.fhir()).as_deref(),
            Some("2012-05-17T00:00:00+01:00")
        );
        assert_eq!(when("1970", &zone).map(|w| w.fhir()).as_deref(), Some("1970"));
        assert!(when("2012-5", &zone).is_none());
    }
}
