//! Limits of an expression and of its evaluation.

/// Bytes of an expression.
pub const EXPRESSION_MAX: usize = 32_768;

/// Levels of nesting in an expression, steps of a path included.
pub const DEPTH_MAX: usize = 100;

/// Work of one evaluation: items made or compared.
pub const STEPS_MAX: u64 = 5_000_000;

/// Items that one collection may hold.
pub const ITEMS_MAX: usize = 1_000_000;

/// Bytes that one string made by an expression may have.
pub const TEXT_MAX: usize = 4_194_304;

/// Bytes of the program that a regular expression compiles to.
pub const REGEX_MAX: usize = 262_144;

/// Levels of nesting of a JSON value that is compared or walked.
pub const VALUE_DEPTH_MAX: usize = 100;
