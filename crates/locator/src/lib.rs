//! Pointers of the National Record Locator (NRL, API version 3): what they must be, and where they are kept.
//!
//! A pointer is a FHIR R4 DocumentReference without references: subject, custodian and author carry identifiers only. It
//! says that a record or document of a person is held, by whom, and where it is had; it holds nothing of it.
//!
//! The rules ([`shape`], [`rules`], [`query`]) are pure: JSON in, a list of issues or the facts of a pointer out. [`Store`]
//! keeps pointers in one SQLite file. Who may ask, and what of it is shown, is the business of the door.
//!
//! Two states of the national service are known, as [`Edition`]: that of October 2024 and that of 2025/26. Sources: its
//! OpenAPI files, and the code lists of both states.

pub mod codes;
pub mod outcome;
pub mod query;
pub mod rules;
pub mod shape;
pub mod store;

pub use codes::Edition;
pub use outcome::{Issue, Refusal, Success};
pub use rules::Pointer;
pub use store::{Store, StoreError, examine};

/// Identifier system of NHS numbers.
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// Identifier system of ODS codes.
pub const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Identifier system of accredited systems on Spine.
pub const ASID: &str = "https://fhir.nhs.uk/Id/nhsSpineASID";

/// Pointers of a page of a search (OpenAPI, `next-page-token`: the next set of 20).
pub const PAGE: usize = 20;
/// Bytes of a pointer that is taken.
pub const POINTER_BYTES_MAX: usize = 256 * 1024;
