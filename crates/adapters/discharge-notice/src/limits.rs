//! Limits of discharge notices.

/// Bytes at the front of an input in which its kind must show.
pub const DETECT_BYTES: usize = 64 * 1024;

/// Answers of one questionnaire that are read.
pub const ANSWERS_MAX: usize = 500;

/// Levels of an element of a bundle that are looked at one by one when it is written as a notice.
pub const ELEMENT_DEPTH_MAX: usize = 32;
