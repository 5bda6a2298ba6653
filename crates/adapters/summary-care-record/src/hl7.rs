//! Reading HL7 v3 data types: see [`causeway_hl7v3`].

use causeway_hl7v3::interval;
pub(crate) use causeway_hl7v3::{
    Effective, Time, guid, key, negated, not_happened, original_text, time, unreadable,
};
use causeway_xml::Element;
use jiff::tz::TimeZone;

/// The `effectiveTime` of a statement: its centre or value, or its ends. No other time stands in for it.
pub(crate) fn effective<'d>(statement: Element<'d>, zone: &TimeZone) -> Effective<'d> {
    interval(statement.child("effectiveTime"), zone)
}
