//! Limits of CareConnect records.

/// Bytes at the front of an input in which it must show that it is FHIR.
pub const DETECT_BYTES: usize = 16 * 1024;

/// Resources within one bundle.
pub const ENTRIES_MAX: usize = 200_000;
