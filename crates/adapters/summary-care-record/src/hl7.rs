//! Reading HL7 v3 data types (NPfIT MIM): II, CD, TS, IVL_TS.

use causeway_core::{Leaf, When};
use causeway_xml::Element;
use jiff::tz::TimeZone;

/// A point in time with the item that states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time<'d> {
    pub when: When,
    pub leaf: Leaf<'d>,
}

/// When something was true or done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effective<'d> {
    None,
    At(Time<'d>),
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
pub(crate) fn when(text: &str, zone: &TimeZone) -> Option<When> {
    let when = When::hl7(text, zone).ok()?;
    let filled = text.len() == 14 && text.ends_with("000000");
    Some(if filled { when.to_day() } else { when })
}

/// The `value` of an element as a point in time.
pub(crate) fn time<'d>(element: Option<Element<'d>>, zone: &TimeZone) -> Option<Time<'d>> {
    let leaf = element?.attribute("value")?;
    when(leaf.text.trim(), zone).map(|when| Time { when, leaf })
}

/// The `effectiveTime` of a statement: its centre or value, or its ends.
pub(crate) fn effective<'d>(statement: Element<'d>, zone: &TimeZone) -> Effective<'d> {
    let Some(element) = statement.child("effectiveTime") else { return Effective::None };
    if let Some(time) = time(element.child("center"), zone).or_else(|| time(Some(element), zone)) {
        return Effective::At(time);
    }
    match (time(element.child("low"), zone), time(element.child("high"), zone)) {
        (None, None) => Effective::None,
        (low, high) => Effective::Between(low, high),
    }
}

/// Every time of an element that can't be read as one, for an issue.
pub(crate) fn unreadable<'d>(element: Element<'d>, zone: &TimeZone) -> Option<Leaf<'d>> {
    let bad = |e: Element<'d>| {
        e.attribute("value").filter(|l| !l.is_blank() && when(l.text.trim(), zone).is_none())
    };
    element
        .children()
        .filter(|c| matches!(c.name(), "low" | "high" | "center"))
        .chain([element])
        .find_map(bad)
}

/// The first `id` that is a GUID: `root` without `extension`.
pub(crate) fn guid<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element
        .children_named("id")
        .filter(|id| id.attribute("extension").is_none())
        .find_map(|id| id.attribute("root"))
        .filter(|root| !root.is_blank())
}

/// Ids are compared in upper case.
pub(crate) fn key(id: &str) -> String {
    id.trim().to_ascii_uppercase()
}

/// `originalText` of a CD.
pub(crate) fn original_text<'d>(code: Element<'d>) -> Option<Leaf<'d>> {
    code.child("originalText").and_then(|t| t.text())
}

/// Whether an element says that it is negated.
pub(crate) fn negated<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element.attribute("negationInd").filter(|l| l.text.trim() == "true")
}
