//! The sections of a record as tables.

pub mod clinical;
pub mod documents;
pub mod legal;
pub mod notes;
pub mod people;
pub mod plans;
pub mod whole;

use crate::bind::Section;

/// Every list section that becomes one resource per item, in the order of the record.
pub static LISTS: [&Section; 20] = [
    &people::PERSONAL_CONTACTS,
    &legal::CAPACITY,
    &legal::POWERS_OF_ATTORNEY,
    &legal::DEPRIVATION_OF_LIBERTY,
    &legal::MENTAL_HEALTH_ACT,
    &legal::ADVANCE_DECISIONS,
    &legal::CPR_DECISIONS,
    &legal::ADVANCE_STATEMENTS,
    &legal::SAFEGUARDING,
    &notes::ALERTS,
    &notes::RISKS,
    &notes::SERVICES,
    &notes::DAILY_NOTES,
    &notes::PREFERENCES,
    &clinical::CONDITIONS,
    &clinical::ALLERGIES,
    &clinical::MEDICATIONS,
    &clinical::ADMINISTRATIONS,
    &clinical::ADMISSIONS,
    &clinical::RESULTS,
];
