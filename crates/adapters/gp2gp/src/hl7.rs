//! Reading HL7 v3 data types: see [`causeway_hl7v3`].

use causeway_core::Leaf;
pub(crate) use causeway_hl7v3::{
    Effective, Sctid, Time, child_code, child_time, codes, dedent, effective, first_time, guid, interval,
    key, original_text, says, sctid, states, time, when, words,
};
use causeway_xml::Element;

/// What a statement's status says, where it says that the statement was made in error (ActStatus `nullified`).
pub(crate) fn nullified<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    child_code(element, "statusCode").filter(|code| code.text.trim().eq_ignore_ascii_case("nullified"))
}
