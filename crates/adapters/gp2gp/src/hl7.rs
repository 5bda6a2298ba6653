//! Reading HL7 v3 data types: see [`causeway_hl7v3`].

pub(crate) use causeway_hl7v3::{
    Effective, Time, child_code, child_time, codes, dedent, effective, first_time, guid, interval, key,
    original_text, says, states, time, when, words,
};
