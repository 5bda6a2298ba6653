//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    STATUS Warning CodeInvalid "status-unknown" "the status is not in the list of statuses; it was carried as not known";
    ADDRESS Warning Value "attachment-address" "the place of an attachment is no address that a program can open; its text was kept"
        "read the place in the original; have the sending system write it without blanks";
    STATEMENT_UNKNOWN Warning NotSupported "statement-unknown" "the element stands in the place of a statement and is of no kind that is known; it is kept only in the original"
        "read it in the original, and ask for the kind to be added";
    STATEMENT_NEGATED Error NotSupported "statement-negated" "the statement is negated: what it says is not so or did not happen; it was left out, for without its negation it would say the opposite"
        "read it in the original, and enter what it says by hand where it matters";
    STATEMENT_NOT_HAPPENED Error NotSupported "statement-not-happened" "the mood of the statement is that of a plan, an order or an aim, where the record states what happened; it was left out, for it would read as a fact"
        "read it in the original, and enter what it says by hand where it matters";
    SUPPLY_MISSING Warning Incomplete "medication-without-supply" "the medication has neither an authorisation nor an issue; drug and dose were carried as a statement whose status is not known"
        "find out in the sending system whether the medicine is current";
    MEDICINE_UNNAMED Warning Incomplete "medicine-unnamed" "the medication names no medicine; it was carried as unknown"
        "look the medicine up in the sending system";
    AUTHORISATION_ABSENT Information NotFound "authorisation-absent" "the issue names an authorisation that is not in the extract; it was carried without it";
    REGISTRATION Information NotSupported "registration-statement" "the record holds a statement of the person's registration; it is kept only in the original";
    TEXT_LEFT Warning NotSupported "text-not-carried" "the text stands where none is expected; it is kept only in the original"
        "read it in the original";
    VALUE_LEFT Warning NotSupported "value-not-carried" "the value is of a form that is not read here; it is kept only in the original"
        "read it in the original";
    VALUE_TEXT Warning Value "value-not-a-number" "the value is no decimal number, though its type says so; it was kept as text";
    PATIENTS_SEVERAL Error Conflict "patients-several" "the extract names two patients; it can't be told whose record it is, and it was refused"
        "find out in the sending system whose record it is, and send it again";
    SUPPLY_UNKNOWN Warning NotSupported "supply-unknown" "the medication holds a part that is neither an authorisation, an issue nor a stop; it is kept only in the original"
        "read it in the original";
    ACTIVE_ENDED Warning Conflict "active-problem-ended" "the problem is active and has an end date; the status was carried as it stands, and the date as a stated end, for FHIR forbids both"
        "ask the sender whether the problem is over";
    DATE_INVALID Warning Value "date-invalid" "the value is not a date or time that exists, so it was not carried"
        "correct the date at its source and send again; the original keeps what was sent";
    NHS_NUMBER_ABSENT Warning Required "nhs-number-absent" "the patient's identifier is not an NHS number; it was kept under the root that the message gives"
        "trace the person's NHS number and send again";
    SOURCE_ID_REPEATED Warning Duplicate "source-id-repeated" "two entries of the record that become the same kind of resource have one id; both were kept";
    PART_NOT_ASSEMBLED Fatal NotSupported "part-not-assembled" "the message is a part in a wrapper: it is translated once its parts are put together"
        "send all parts through the exchange, which joins them";
    MIME_STRUCTURE Fatal Structure "mime-structure" "the MIME message has no HL7 part";
    ATTACHMENT_TOO_LONG Warning TooLong "attachment-too-long" "the attachment is larger than {} bytes"
        "ask the operator whether the limit can be raised, or for the attachment by another way";
    PROBLEM_NAME_NOT_FOUND Warning NotFound "problem-name-not-found" "the link set names a statement that is not in the extract, so the problem has no code"
        "look at the problem in the sending system; its statement was not sent";
    PRIORITY_UNKNOWN Warning CodeInvalid "priority-unknown" "the priority is not in the table of priorities; its words are kept as a note";
    IMMUNISATION_UNDECIDED Information CodeInvalid "immunisation-undecided" "the words of this entry speak of a vaccination, and neither its codes nor its text say that one was given; it stays an observation";
    NOT_AN_EXTRACT Fatal NotSupported "not-an-extract" "the message holds no EHR extract";
    EXTRACT_EMPTY Error Required "extract-empty" "the extract has neither a patient nor a record";
    ATTACHMENT_ABSENT Information NotFound "attachment-absent" "the attachment did not come with the message"
        "ask the sending practice for the attachment";
    ATTACHMENT_ABSENT_2 Information NotFound "attachment-absent" "the sender says that this attachment is absent"
        "ask the sending practice for the attachment";
}
