//! What the program itself tells of an input, and the catalogue of all that Causeway can tell.

use causeway_core::Rule;

causeway_core::rules! {
    FORMAT_NOT_RECOGNISED Fatal NotSupported "format-not-recognised" "{}"
        "name the format (`--format`, or the media type), or look in `causeway adapters` whether it is read";
    TRANSLATOR_UNAVAILABLE Fatal Exception "translator-unavailable"
        "the translator could not be reached; the message waits and is tried again" "start the translator process";
}

/// A part of the catalogue: whose rules, and its tables.
pub type Chapter = (&'static str, Vec<&'static [Rule]>);

/// Everything that Causeway can tell, by who tells it: what formats share, each format, then broker, record and program.
pub fn catalogue() -> Vec<Chapter> {
    let mut all: Vec<Chapter> = vec![("common", vec![causeway_core::common::ALL])];
    all.extend(crate::ADAPTERS.iter().map(|a| (a.name(), a.rules().to_vec())));
    all.push(("broker", vec![causeway_broker::rules::ALL]));
    all.push(("record", vec![causeway_record::rules::ALL]));
    all.push(("causeway", vec![ALL]));
    all
}
