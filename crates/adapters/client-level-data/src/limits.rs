//! Limits of this format.

/// Bytes of one record (one row), line end included. A longer one is refused and the next line goes on.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Bytes read from the stream at a time.
pub const BUFFER_BYTES: usize = 4 * RECORD_BYTES_MAX;

/// Columns of one record that are looked at.
pub const COLUMNS_MAX: usize = 256;

/// Commas without quotation marks in one row that are looked for among its values; see `shift`.
pub const SHIFT_MAX: usize = 4;

/// Rows of one file; row numbers are 32-bit.
pub const ROWS_MAX: u32 = 50_000_000;

/// Consecutive rows of one person that go into one bundle.
pub const ROWS_PER_BUNDLE_MAX: u32 = 200;

/// Rows after which finished bundles are handed over, at the next change of person.
pub const ROWS_PER_FLUSH: u32 = 256;

/// People of one file for whom checks across rows are made: about 100 bytes each.
pub const PEOPLE_MAX: usize = 4_000_000;

/// Events of one file that are remembered to tell repetitions apart: about 20 bytes each.
pub const EVENTS_MAX: usize = 16_000_000;

/// Linked people of one file whose presence is checked at its end: about 60 bytes each.
pub const LINKS_MAX: usize = 1_000_000;

/// Years of age beyond which a date of birth is taken for a filler (DHSC's cleaning uses the same).
pub const AGE_YEARS_MAX: i32 = 115;

/// Years of age from which a person is an adult.
pub const ADULT_YEARS: i32 = 18;

/// Digits before the decimal point of a unit cost or of planned units; more are taken for a mistake.
pub const COST_DIGITS_MAX: usize = 6;

/// Adults that one carer may be said to care for; more are taken for a mistake.
pub const CARED_FOR_MAX: u32 = 99;

/// Smallest number that is read as a day number of a spreadsheet (1927-05-18 in the 1900 date system): four
/// digits might be a year.
pub const SERIAL_MIN: u32 = 10_000;

/// Largest number that is read as a day number of a spreadsheet (2099-12-31 in the 1900 date system).
pub const SERIAL_MAX: u32 = 73_050;
