//! Every limit of the record, with its unit.

/// Largest bundle, in bytes.
pub const BUNDLE_BYTES_MAX: usize = causeway_core::limits::INPUT_BYTES_MAX;
/// Most entries of one bundle.
pub const ENTRIES_MAX: usize = 1_000_000;
/// Most issues that one call of apply reports; more are only counted.
pub const ISSUES_MAX: usize = 1_000;
/// Longest FHIR id, in characters (FHIR R4, datatype id).
pub const ID_CHARS_MAX: usize = 64;
/// Reader connections kept open.
pub const READERS_KEPT: usize = 8;
/// How long a connection waits for a lock, in milliseconds.
pub const BUSY_MILLIS: u64 = 10_000;
/// Pages in the write-ahead log before it is copied back (128 MB): pages that many bundles change are written back once.
pub const CHECKPOINT_PAGES: u32 = 32_768;
/// So many of them the writer may copy itself between two commits (48 MB: more than one window of messages changes).
pub const CHECKPOINT_REST_PAGES: u32 = 12_288;
/// So many times those pages in the log, and SQLite copies in the commit rather than let the log grow (512 MB).
pub const CHECKPOINT_LOG_TIMES: u32 = 4;
/// Bytes to which the write-ahead log file is cut after a checkpoint.
pub const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Prepared statements kept per connection.
pub const STATEMENTS_KEPT: usize = 128;
/// Page size of a search where the caller names none, in resources.
pub const PAGE_DEFAULT: usize = 50;
/// Largest page of a search, in resources.
pub const PAGE_MAX: usize = 500;
/// Most search parameters of one search.
pub const PARAMS_MAX: usize = 50;
/// Most alternatives (comma-separated) of one search parameter.
pub const ALTERNATIVES_MAX: usize = 100;
/// Most values, Patients times codes, by which a search within persons begins with the codes.
pub const CODED_VALUES_MAX: usize = 4_096;
/// Most steps of a chain or `_has`, each a search within the search.
pub const CHAIN_STEPS_MAX: usize = 3;
/// Most keys of one `_sort`.
pub const SORT_KEYS_MAX: usize = 5;
/// Most resources that `_include` and `_revinclude` add to one page.
pub const INCLUDES_MAX: usize = 1_000;
/// Most resources of one `$everything`; what is beyond is announced.
pub const EVERYTHING_MAX: usize = 50_000;
/// Bytes of texts that a written `$everything` keeps from finding to writing; what is beyond is read again.
pub const EVERYTHING_KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Steps along which `$everything` follows references out of the person's own resources.
pub const EVERYTHING_STEPS: usize = 3;
/// Most Patient resources that one person may join; more is a sign of a filler identifier.
pub const MEMBERS_MAX: usize = 200;
/// Most Patients of one day of birth, or of one name, that are compared as look-alikes.
pub const ALIKE_MAX: usize = 60;
/// Newest resources of a part that a page of the whole person reads.
pub const PART_READ: usize = 300;
/// The same for the parts of which nothing may be missed: what is old there can still hold.
pub const PART_READ_LASTING: usize = 3_000;
/// Newest resources of a part that is read alone.
pub const PART_READ_ALONE: usize = 1_000;
/// Most resources to which others refer for a name, read for one page.
pub const RELATED_MAX: usize = 5_000;
/// Most tellings of a part whose earlier versions are looked at.
pub const EARLIER_MAX: usize = 100;
/// Most earlier versions that are looked at of one.
pub const EARLIER_SHOWN: usize = 5;
/// Most changes of one page.
pub const CHANGES_MAX: usize = 200;
/// Most lists of a Patient that are looked at for a reason why they are empty.
pub const LISTS_READ: usize = 500;
/// Most moments of the timeline.
pub const TIMELINE_MAX: usize = 120;
/// Most notes of one line on top of the record.
pub const SAFETY_LINES: usize = 3;
/// Most lines of one telling.
pub const LINES_MAX: usize = 400;
/// Most tellings of one fact; what is beyond becomes another.
pub const TELLINGS_MAX: usize = 200;
/// Longest text kept in an index, in characters.
pub const INDEX_CHARS_MAX: usize = 200;
/// Most rows of a list of persons, decisions or reviews.
pub const LIST_MAX: usize = 500;
/// Longest text of an entry's title or detail, in characters.
pub const TEXT_CHARS_MAX: usize = 400;

/// How many of a part's resources a page of the whole person reads, the newest first.
pub(crate) fn part_read(part: &str) -> usize {
    match part {
        "alerts" | "allergies" | "choices" | "about-me" | "medicines" | "problems" => PART_READ_LASTING,
        _ => PART_READ,
    }
}
/// Bytes of a record up to which its pages are compared with their seals before it is opened; a larger one is compared
/// once it is open.
pub const SEAL_CHECK_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// Milliseconds that seals of the record's pages lag behind commits at most, while nothing is copied.
pub const SEAL_MILLIS: u64 = 400;
