//! Limits of one EDIFACT input.

/// Components that carry a value, in one input. At some 40 bytes each they and their ledger stay below
/// 400 MiB. An input with more is refused before anything of it is translated.
pub const COMPONENTS_MAX: usize = 4_000_000;

/// Segments in one input.
pub const SEGMENTS_MAX: usize = 2_000_000;

/// Data elements of one segment, and components of one data element: what a position can name. No NHS message
/// has more than 20 of either. A segment with more is faulty, and so is its message.
pub const POSITION_MAX: u8 = u8::MAX;
