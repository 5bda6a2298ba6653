//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    TEST Warning Informational "test-interchange" "UNB says that this is a test interchange; it was translated like any other"
        "take what it says out of the record again if it came from a test";
    NO_MESSAGE Fatal Structure "no-message" "the input holds no EDIFACT interchange and no message";
    UNREADABLE Fatal Structure "unreadable" "the interchange can't be read: {}";
    LINE_END Information Structure "line-end-in-element" "line ends stand within data elements, where something wrapped the text; they were taken out, and kept in free text"
        "have whatever carries the interchange leave its line ends alone";
    OUTSIDE Error Structure "segment-outside-message" "a segment stands outside every message; it was not translated";
    INTERCHANGE_REFERENCE Error Conflict "interchange-reference-differs" "UNB and UNZ do not have the same interchange reference";
    INTERCHANGE_EMPTY Error Required "interchange-empty" "the interchange holds no message";
    INTERCHANGE_END Warning Incomplete "interchange-end-missing" "the interchange has no end (UNZ); messages after its last one may be missing";
    INTERCHANGE_HEADER Warning Structure "interchange-header-missing" "the interchange has no beginning (UNB), so its sender and recipient are not known";
    MESSAGE_COUNT Warning Conflict "message-count-differs" "UNZ counts another number of messages than the interchange holds";
    MESSAGE_TYPE Error NotSupported "message-type" "the message is neither FHSREG nor RECEP";
    MESSAGE_END Error Incomplete "message-end-missing" "the message has no end (UNT)";
    MESSAGE_REFERENCE Error Conflict "message-reference-differs" "UNH and UNT do not have the same message reference";
    SEGMENT_COUNT Error Conflict "segment-count-differs" "UNT counts another number of segments than the message holds, so some may be missing";
    SEGMENT_SYNTAX Error Structure "segment-syntax" "a segment of the message breaks the syntax";
    KIND_MISSING Error Required "transaction-type-missing" "the message does not say which kind of transaction it holds (RFF+950)";
    KIND_UNKNOWN Error CodeInvalid "transaction-type-unknown" "the kind of transaction (RFF+950) is none that is known; what it asks for can't be told";
    NO_TRANSACTION Error Required "transaction-missing" "the message holds no transaction (S01)";
    ITEM_MISSING Error Required "item-missing" "the transaction lacks what its kind requires: {}";
    DATE_INVALID Error Value "date-invalid" "a date does not exist or is not in the format that it names";
    BIRTH_INVALID Warning Value "birth-date-invalid" "a date of birth does not exist or is not in the format that it names; its text was kept";
    DATE_LEFT_OUT Warning Value "date-left-out" "a date does not exist or is not in the format that it names; it was not carried";
    LOCAL_TIME Warning Value "local-time-doubtful" "the local time came twice or never, when the clocks changed";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "a code is in no table of this format; it was kept as it stands";
    NUMBER_AMENDED Warning Conflict "nhs-number-amended" "the transaction states a second identity number with the previous identity; it was kept with the transaction and not as the person's number"
        "look at the registration and settle which number is the person's";
    VALUE_REMOVED Information Informational "value-removed" "the source removes a value (`%`); the record says so";
    KEPT_IN_ORIGINAL Information NotSupported "kept-in-original" "some details of the message have no place in FHIR; the ledger lists them, the first of them is here";
    NUMBER_NOT_VALID Warning Value "registration-number" "the patient's number is no NHS number of ten digits with a valid check digit, perhaps one of an older kind; it was kept as stated, and not as an NHS number";
    // Writing.
    NOT_REGISTRATION Fatal Required "registration-missing" "the input holds no registration transaction: neither a Task of one with its Parameters, nor Parameters alone";
    WRITE_MISSING Fatal Required "registration-item-missing" "a registration of this kind can't be written without {}";
    WRITE_KIND Fatal Required "registration-kind" "the parameters do not say which kind of registration transaction they are for";
    WRITE_DATE Fatal Value "registration-date" "a date of the transaction is no full date (YYYY-MM-DD)";
    WRITE_CHARACTER Warning Value "character-replaced" "a character that the character set of the interchange (UNOA) does not have was replaced by a blank or its plain letter";
    LEFT_BEHIND Information NotSupported "left-behind" "the message has no place for this element";
}
