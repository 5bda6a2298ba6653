//! Limits of the NHSACK that is written; those of reading are in `causeway-edifact`.

/// Characters of one text component of an NHSACK (C108 4440: an..70).
pub const ERROR_TEXT_CHARS_MAX: usize = 70;

/// Digits of an interchange control reference (0020: an..14).
pub const CONTROL_REFERENCE_CHARS_MAX: usize = 14;

/// Characters of one part of a name, after which a sender goes on in the next (3036, 3124: an..35). A part of
/// this length continues in the next one without a blank.
pub const NAME_PART_CHARS: usize = 35;

/// Characters of one line of a free text that is written (C108 4440: an..70).
pub const TEXT_LINE_CHARS: usize = 70;

/// Lines of one segment of free text that is written (C108).
pub const TEXT_LINES: usize = 5;

/// Parties, specimens, investigations and ranges of one report; a large one has some hundreds.
pub const GROUPS_MAX: usize = 10_000;
