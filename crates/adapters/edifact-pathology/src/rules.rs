//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    TEST Warning Informational "test-interchange" "UNB says that this is a test interchange; it was translated like any other"
        "take what it says out of the record again if it came from a test";
    LINE_END Information Structure "line-end-in-element" "line ends stand within data elements, where something wrapped the text; they were taken out, and kept in free text"
        "have whatever carries the interchange leave its line ends alone";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "a code is in no table of this format; it was kept as it stands";
    CODE_LIST_UNKNOWN Error CodeInvalid "code-list-unknown" "a code is of a list that this format does not know, so the code was refused; its words were kept";
    CODE_LIST_MISSING Warning CodeInvalid "code-list-missing" "a code does not say of which list it is; it was kept without a system";
    NO_MESSAGE Fatal Structure "no-message" "the input holds no EDIFACT interchange and no message";
    CHARACTER_SET Fatal NotSupported "character-set" "the interchange is in a character set that is not read";
    CHARACTER_SET_DIFFERS Warning Conflict "character-set-differs" "the text is UTF-8, which is not what the interchange declares; it was read as UTF-8";
    SEGMENT_OUTSIDE_MESSAGE Error Structure "segment-outside-message" "a segment stands outside every message; it was not translated";
    INTERCHANGE_REFERENCE_DIFFERS Error Conflict "interchange-reference-differs" "UNB and UNZ do not have the same interchange reference";
    INTERCHANGE_EMPTY Error Required "interchange-empty" "the interchange holds no message";
    INTERCHANGE_END_MISSING Warning Incomplete "interchange-end-missing" "the interchange has no end (UNZ); messages after its last one may be missing";
    INTERCHANGE_HEADER_MISSING Warning Structure "interchange-header-missing" "the interchange has an end (UNZ) and no beginning (UNB)";
    MESSAGE_COUNT_DIFFERS Warning Conflict "message-count-differs" "UNZ counts another number of messages than the interchange holds";
    MESSAGE_END_MISSING Error Incomplete "message-end-missing" "the message has no end (UNT)";
    MESSAGE_REFERENCE_DIFFERS Error Conflict "message-reference-differs" "UNH and UNT do not have the same message reference";
    SEGMENT_SYNTAX Error Structure "segment-syntax" "a segment of the message breaks the syntax";
    SEGMENT_COUNT_DIFFERS Warning Conflict "segment-count-differs" "UNT counts another number of segments than the message holds";
    KEPT_IN_ORIGINAL Information NotSupported "kept-in-original" "some details of the message have no place in FHIR; the ledger lists them, the first of them is here";
    INVESTIGATION_SEQUENCE_REPEATED Warning Duplicate "investigation-sequence-repeated" "two investigations have the same sequence number; results belong to the first";
    SEQUENCE_NOT_FOUND Warning NotFound "sequence-not-found" "a result refers to a specimen or battery that the message does not hold";
    VALUE_TYPE Warning Value "value-type" "a numeric result is no number; it was kept as text, with its unit";
    DATE_INVALID Warning Value "date-invalid" "a date or time does not exist or is not in the format that it names; its text was kept"
        "correct the date at its source and send again; the original keeps what was sent";
    PARTY_UNKNOWN Warning CodeInvalid "party-unknown" "a party has a role or kind that this format does not know; it was not carried";
    PARTY_CODE_LIST_UNKNOWN Warning CodeInvalid "party-code-list-unknown" "the code of a party is of no list that this format knows; it was kept as a local identifier";
    NAME_PART_UNKNOWN Warning NotSupported "name-part-unknown" "a part of the patient's name is of a kind that this format does not know; it was not carried";
    SEGMENT_UNPLACED Warning NotSupported "segment-unplaced" "a segment has no place in this message or stands in it twice; it was kept in the original only";
    PROCESSING_INDICATOR Warning NotSupported "processing-indicator" "a processing indicator (GIS) is not the usual one; what it asks for was not done";
    SPECIMEN_SEQUENCE_REPEATED Warning Duplicate "specimen-sequence-repeated" "two specimens have the same sequence number; results refer to the first";
    SPECIMEN_DATE_UNKNOWN Warning NotSupported "specimen-date-unknown" "a date of a specimen is of an unknown kind or given twice; it was not carried";
    QUANTITY_INVALID Warning Value "quantity-invalid" "a quantity is no number; it was not carried";
    SPECIMEN_DETAIL_UNKNOWN Warning NotSupported "specimen-detail-unknown" "a characteristic or quantity of a specimen has no place in FHIR; it was not carried";
    MESSAGE_TYPE Error NotSupported "message-type" "the message is no report (MEDRPT) but of another type; other types are not read";
    MESSAGE_TYPE_2 Error NotSupported "message-type" "the message is not a MEDRPT of NHS002, NHS003 or NHS004";
    PATIENT_MISSING Error Required "patient-missing" "the message has no patient name segment (PNA)"
        "say in the message whom it is about, and send it again";
    UNREADABLE Fatal Structure "unreadable" "{}" "correct the interchange: the sentence and the position say where it breaks";
    REPORT_SECTION_MISSING Error Required "report-section-missing" "the message has no report details (S02)";
    REPORT_REFERENCE_MISSING Error Required "report-reference-missing" "the report has no reference (RFF+SRI)";
    PARTY_DETAILS_MISSING Error Required "party-details-missing" "a party (NAD) has neither identifier nor name";
    PATIENT_DETAILS_MISSING Error Required "patient-details-missing" "the patient has neither identifier nor name";
    INVESTIGATION_MISSING Error Required "investigation-missing" "the message reports no investigation";
    INVESTIGATION_EMPTY Error Required "investigation-empty" "an investigation (INV) has neither code nor description";
    INVESTIGATION_TEXT_MISSING Error Required "investigation-text-missing" "an investigation (INV) has no description";
    RESULT_EMPTY Error Required "result-empty" "a coded result (RSL) has neither code nor description";
    RESULT_TEXT_MISSING Error Required "result-text-missing" "a coded result (RSL) has no description";
    REPORT_TOO_LARGE Error TooLong "report-too-large" "the report has more than ten thousand parties, specimens, investigations and ranges"
        "send the report in several messages";
    // Writing.
    NO_REPORT Error Required "no-report-to-write" "the bundle has no DiagnosticReport about a Patient that is in it" "send a bundle that holds report, results and patient";
    NOT_WRITABLE Error NotSupported "not-writable" "the bundle could not be written as a message that is read again" "send the bundle itself";
    STATUS_NOT_WRITABLE Error NotSupported "status-not-writable" "the status of the report or of a result has no code in this format and would read as another" "send the bundle itself, or the report when it is final";
}
