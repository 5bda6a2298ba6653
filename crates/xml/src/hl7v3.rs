//! HL7 v3 data types (ISO 21090's forerunner, NPfIT MIM) as elements of XML hold them: TS, IVL_TS, II, CD.

use causeway_core::{Leaf, When};
use jiff::tz::TimeZone;

use crate::Element;

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

/// The first `id` that is a GUID: `root` without `extension`.
pub fn guid<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element
        .children_named("id")
        .filter(|id| id.attribute("extension").is_none())
        .find_map(|id| id.attribute("root"))
        .filter(|root| !root.is_blank())
}

/// Ids are compared in upper case.
pub fn key(id: &str) -> String {
    id.trim().to_ascii_uppercase()
}

/// `originalText` of a CD.
pub fn original_text<'d>(code: Element<'d>) -> Option<Leaf<'d>> {
    code.child("originalText").and_then(|t| t.text())
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
