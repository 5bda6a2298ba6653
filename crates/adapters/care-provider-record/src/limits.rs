//! Limits of a care provider's record, in characters and counts. The lengths are those of the PRSB standards (Person
//! first name 35, free text 150 …); where PRSB sets none, generous ones keep a hostile document small.

/// Bytes at the front of an input in which the format must show.
pub const DETECT_BYTES: usize = 4096;

/// Characters of identifiers of records.
pub const UID_CHARS_MAX: usize = 64;

/// Characters of names of persons (PRSB: first name, family name, title, suffix).
pub const NAME_CHARS_MAX: usize = 35;

/// Characters of full names and contact details (PRSB).
pub const FULL_NAME_CHARS_MAX: usize = 70;

/// Characters of short free text (PRSB: text(150)).
pub const SHORT_TEXT_CHARS_MAX: usize = 150;

/// Characters of free text where PRSB sets no limit.
pub const LONG_TEXT_CHARS_MAX: usize = 20_000;

/// Characters of an address line (PRSB).
pub const ADDRESS_LINE_CHARS_MAX: usize = 35;

/// Characters of a postcode (PRSB).
pub const POSTCODE_CHARS_MAX: usize = 8;

/// Characters of a URL.
pub const URL_CHARS_MAX: usize = 2_000;

/// Bytes of one multimedia file.
pub const MULTIMEDIA_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Characters of base64 that hold [`MULTIMEDIA_BYTES_MAX`].
pub const MULTIMEDIA_BASE64_CHARS_MAX: usize = MULTIMEDIA_BYTES_MAX.div_ceil(3) * 4;

/// Items of one section.
pub const SECTION_ITEMS_MAX: usize = 50_000;

/// Items of a list within an item.
pub const LIST_ITEMS_MAX: usize = 200;

/// Months after which an About Me is called old.
pub const ABOUT_ME_MONTHS_MAX: i64 = 12;
