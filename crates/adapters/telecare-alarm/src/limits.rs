//! Limits of SCAIP messages, in characters, as the code lists and patterns of CLC/TS 50134-9 have them.

/// Bytes of a message. All fields together have some hundred characters; what is larger is no alarm, and is not read into a tree.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Bytes at the front of an input in which the root element must show.
pub const DETECT_BYTES: usize = 400;

/// `ref`, a message's reference.
pub const REFERENCE_CHARS_MAX: usize = 16;

/// `cid`, the controller's id. One implementation allows a leading plus.
pub const CONTROLLER_CHARS_MAX: usize = 17;

/// `did`, a device's id: eight in one implementation, twelve in the other.
pub const DEVICE_CHARS_MAX: usize = 12;

/// `dte`, `stt`, `lte`: short texts.
pub const SHORT_TEXT_CHARS_MAX: usize = 32;

/// `ite`: the longer text.
pub const LONG_TEXT_CHARS_MAX: usize = 128;
