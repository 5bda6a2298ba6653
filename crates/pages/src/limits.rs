//! Limits of the pages, each with its unit and the reason for it.

/// Source items on one side-by-side page (keeps it under [`PAGE_BYTES_MAX`]).
pub const EXPLAIN_ITEMS: usize = 100;
/// Bytes of one source item or stretch between items shown on a page.
pub const EXPLAIN_TEXT_MAX: usize = 600;
/// Bytes of source shown on one side-by-side page.
pub const EXPLAIN_SOURCE_MAX: usize = 24 * 1024;
/// Bytes of one HTML page that we hold ourselves to.
pub const PAGE_BYTES_MAX: usize = 100 * 1000;
/// Bytes of a message that a page reads to show it.
pub const PAGE_MESSAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of a document that the checking page takes (the operation `$validate` takes more).
pub const CHECK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a pasted document that the page gives back for mending.
pub const CHECK_ECHO_MAX: usize = 30 * 1024;
/// Conformance runs that the onboarding board has under way.
pub const ONBOARDING_RUNS_AT_A_TIME: usize = 2;
/// Lines of one kind (broken cases, changes, earlier runs) that the onboarding board shows for a suite.
pub const ONBOARDING_SHOWN_MAX: usize = 20;
/// Bytes of one file with results of tests that the assessor's pages read.
pub const RESULTS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Messages that the page of faults reads to offer them.
pub const FAULT_MESSAGES_LISTED: usize = 60;
/// Findings on one page.
pub const CHECK_FINDINGS_MAX: usize = 60;
