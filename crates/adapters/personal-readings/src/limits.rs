//! Named limits of this format.

/// Bytes at the head of an input in which the heading is looked for.
pub const HEAD_BYTES: usize = 16 * 1024;

/// Rows above the heading that may say whose readings and from which device.
pub const PREAMBLE_ROWS: usize = 20;

/// Rows of a file; a meter that measures every five minutes fills as many in more than a year.
pub const ROWS_MAX: usize = 200_000;

/// Bytes at the head of an input in which the line with the person's number stands, before an Apple Health export.
pub const PREAMBLE_BYTES: usize = 512;

/// Bytes of one element of an export, its document type included (that of Apple takes about 11,000).
pub const ELEMENT_BYTES: usize = 256 * 1024;

/// Bytes of an export's XML: places in it are numbers of four bytes.
pub const EXPORT_BYTES: u64 = 4 << 30;

/// Bytes that an entry of an archive may inflate to, whatever its size; beyond that [`INFLATE_RATIO`] decides.
pub const INFLATE_FREE_BYTES: u64 = 16 << 20;

/// Bytes that each compressed byte may become; exports are compressed 10 to 60 times.
pub const INFLATE_RATIO: u64 = 250;

/// Records within one correlation.
pub const NESTED_MAX: usize = 1_000;

/// Parts of blood pressures that wait for their correlation, at the end of the export: about 60 MB.
pub const WAITING_MAX: usize = 60_000;

/// Rows of one person in a table that go into one bundle.
pub const ROWS_PER_BUNDLE: usize = 250;

/// Readings of one bundle of an export.
pub const RECORDS_PER_BUNDLE: usize = 250;

/// Elements of an export after which the account is handed over.
pub const RECORDS_PER_FLUSH: usize = 2_000;
