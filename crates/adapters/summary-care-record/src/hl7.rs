//! Reading HL7 v3 data types (NPfIT MIM): II, CD, TS, IVL_TS.

use causeway_core::Leaf;
use causeway_xml::Element;
pub(crate) use causeway_xml::hl7v3::{Effective, Time, guid, key, original_text, time, when};
use jiff::tz::TimeZone;

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

/// Whether an element says that it is negated.
pub(crate) fn negated<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element.attribute("negationInd").filter(|l| l.text.trim() == "true")
}
