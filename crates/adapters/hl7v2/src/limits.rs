//! Limits of the translation.

/// ERR segments of one acknowledgement; later errors are not listed.
pub const ERRORS_ACKNOWLEDGED_MAX: usize = 20;

/// Acknowledgements that one input may give; a longer batch answers for its first ones.
pub const ACKNOWLEDGEMENTS_MAX: usize = 10_000;

/// PID segments of one identifier that a further one is compared with; beyond them it is a patient of its own.
pub const ALIKE_MAX: usize = 32;

/// Patients that others are linked with by A24 and A37, which speak of two: further ones of a message name the first ones only.
pub const LINKED_MAX: usize = 2;

/// Results of one code among which the parent of an order is looked for, the last ones first.
pub const PARENTS_MAX: usize = 256;

/// Characters of a code; what is longer is no code and stays text.
pub const CODE_CHARS_MAX: usize = 64;

/// Share, in percent, of a message's items about care from which on the acknowledgement says that they were not
/// translated.
pub const UNSUPPORTED_TOLD_PERCENT: usize = 10;

/// Patients of one message; the answer to a query about a ward has some tens.
pub const PATIENTS_MAX: usize = 5_000;
