//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    STATUS Warning CodeInvalid "status-unknown" "the status is not in the list of statuses; it was carried as not known";
    STATEMENT_UNKNOWN Warning NotSupported "statement-unknown" "the element stands in the place of a statement and is of no kind that is known; it is kept only in the original"
        "read it in the original, and ask for the kind to be added";
    SUPPLY_MISSING Warning Incomplete "medication-without-supply" "the medication has neither an authorisation nor an issue; drug and dose were carried as a statement whose status is not known"
        "find out in the sending system whether the medicine is current";
    SUPPLY_UNKNOWN Warning NotSupported "supply-unknown" "the medication holds a part that is neither an authorisation, an issue nor a stop; it is kept only in the original"
        "read it in the original";
    ACTIVE_ENDED Warning Conflict "active-problem-ended" "the problem is active and has an end date; the status was carried as it stands, and the date as a stated end, for FHIR forbids both"
        "ask the sender whether the problem is over";
}
