//! Limits of this format; those of reading EDIFACT are in `causeway-edifact`.

/// Bytes looked at to recognise the format: UNA, UNB and the first UNH fit well within.
pub const DETECT_BYTES: usize = 1024;

/// Digits of an interchange, message or transaction number that is written (GP Links: eight, cyclic).
pub const NUMBER_DIGITS: usize = 8;

/// Lines of an address (house name, number and road, locality, post town, county).
pub const ADDRESS_LINES: usize = 5;
