//! What is told of a message, each with its rule.

causeway_adapter::rules! {
    // Form.
    MSH_MISSING Fatal Structure "msh-missing" "the input holds no HL7 v2 message: no line begins with MSH and its delimiters"
        "send HL7 version 2 in pipe-and-hat form";
    HEADER_MISSING Error Structure "msh-not-first" "the message does not begin with an MSH segment";
    UNREADABLE Error Structure "message-unreadable" "the message can't be read: {}";
    BATCH_COUNT Warning Incomplete "batch-count" "the batch does not hold as many messages as its trailer counts";
    OUTSIDE Error Structure "segment-outside-message" "a line stands outside any message; it belongs to nobody and was not translated";
    LINE_CONTINUED Warning Structure "line-continued" "a line of the message begins with no segment name; it was read as the rest of the field before it"
        "have the sending system write line breaks as `\\.br\\`";
    LINE_ALONE Warning Structure "line-without-segment" "a line of the message has no segment name and follows no field; it was not translated";
    SEPARATOR_KEPT Information Value "separator-in-text" "a separator that is not escaped stands in an item whose type has none there; it was kept as a character, here and further on"
        "have the sending system escape separators";
    TEXT_REPEATS Information Value "text-repeats" "a text is divided by the repetition separator; each part was read as a line of it";
    PARTS_TOO_MANY Warning TooLong "parts-too-many" "a segment has more parts than are told apart";
    CHARSET_GUESSED Warning Value "charset-guessed" "the text is not valid in its character set; it was read as Windows-1252"
        "have the sending system name its character set in MSH-18";
    CHARSET_DOUBTFUL Warning Conflict "charset-doubtful" "MSH-18 declares a single-byte character set and the text looks like UTF-8; the declaration was followed";
    ESCAPE_UNKNOWN Warning Value "escape-unknown" "an escape sequence is not known; it was kept as it was sent";
    GOES_ON Warning Incomplete "message-goes-on" "the message says that it goes on in another one, or that it began in one; the parts are not put together here"
        "send the message in one piece";
    FRAME_BROKEN Error Structure "frame-broken" "a start-of-frame byte stands within the message or after it, so bytes of it were lost; it was not translated";
    // The message as a whole.
    VERSION Error NotSupported "version-unsupported" "the version in MSH-12 is none of HL7 version 2";
    TYPE_MISSING Error Required "message-type-missing" "MSH-9 does not say which type of message this is";
    CONTROL_MISSING Error Required "control-id-missing" "the message has no control id in MSH-10, so it can't be told apart or acknowledged";
    PID_MISSING Error Required "pid-missing" "the message has no PID segment, so it says nothing about anybody";
    PATIENTS_TOO_MANY Error TooLong "patients-too-many" "the message has more than five thousand PID segments; it was refused as a whole"
        "send fewer patients in one message";
    TYPE_UNSUPPORTED Error NotSupported "message-type-unsupported" "this type of message is not translated";
    TYPE_PARTIAL Warning NotSupported "message-type-partial" "this type of message is not translated as a whole; patient, visit, results and contacts were read";
    STRUCTURE_UNKNOWN Information CodeInvalid "message-structure-unknown" "MSH-9.3 names no message structure of HL7; it was not read"
        "have the sending system name the structure, as ADT_A01, or leave it out";
    NOT_PRODUCTION Warning Informational "not-production" "MSH-11 says that this is not a production message";
    SEGMENT_UNSUPPORTED Information NotSupported "segment-unsupported" "a segment is not translated; it is kept only in the original";
    SEGMENT_DELETED Warning NotSupported "segment-deleted" "the segment holds the explicit null alone: the source takes back what segments of its kind said; nothing was taken back here"
        "look at what the record holds of the person, and take back by hand what the source means";
    UNSUPPORTED_SHARE Warning Incomplete "unsupported-share" "a good part of what this message says of care is not translated; it is kept only in the original, and the ledger lists it"
        "read the account of the message; ask for what you need translated";
    EVENT_DIFFERS Warning Conflict "event-differs" "EVN-1 names another event than MSH-9; the message was read as what MSH-9 says"
        "ask the sender which event was meant: have MSH-9 and EVN-1 say the same";
    REPORT_CONTRADICTED Warning Conflict "report-status-contradicted" "OBR-25 says that nothing was done or given out, and results beside it are final or corrected; both were carried as they stand"
        "ask the laboratory whether the results stand";
    EVENT_CANCELLED Information Informational "event-cancelled" "the event takes an earlier one back; the encounter says so in its status";
    DELETED Information Informational "deleted-by-source" "the source deletes this with the explicit null; the resource names the element in an extension";
    // Values.
    CODE_CASE Information CodeInvalid "code-case" "the code is in another letter case than in the table of this item; it was read as that code";
    DOCUMENT_KIND Warning Conflict "document-kind" "the data of a document do not begin as a file of its type does: they may be a part of one, or of another type; they were carried as they stand"
        "look at the document before relying on it; have the sending system put a file into one OBX";
    FIELDS_SHIFTED Warning Structure "fields-shifted" "the status of a text stands one field on: the text holds a field separator that is not escaped, and what follows it was read as other fields"
        "read the result in the original; have the sending system escape separators";
    RESULTS_LOOSE Warning Incomplete "results-loose" "several results of one code stand beside several of another, and no sub-id in OBX-4 says which belong together"
        "look at the order of the results in the original; have the sending system number the groups in OBX-4";
    POINTER Warning Value "pointer-no-address" "the place of a document is no address that a program can open; its text was kept";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "the code is not in the table of this item; it was kept as the source's own";
    DATE_INVALID Warning Value "date-invalid" "the date or time can't be read; its text was kept as it was sent";
    TIME_DOUBTFUL Warning Value "local-time-doubtful" "{}";
    PERIOD_REVERSED Warning Value "period-reversed" "the end is before its start; its text was kept as it was sent";
    DURATION Warning Value "duration-unclear" "the duration is no number of minutes, or its unit is not known; it was kept as it was sent";
    VALUE_TYPE Warning Value "value-type" "the value does not fit the type in OBX-2, or that type is not known; it was kept as text";
    UNIT_CONTRADICTED Warning Conflict "unit-contradicted" "the code of the unit and its name are two units; the code was taken, the name kept as the source's text";
    DETAILS_DIFFER Warning Conflict "details-differ" "the same id stands beside different details in one message; both were kept apart";
    IDENTIFIER_ROUNDED Warning Value "identifier-rounded" "an identifier is written as a rounded number, as spreadsheet programs do; it names nobody and was kept as the source's text"
        "send the identifier with all its digits";
    // The patient.
    NO_IDENTIFIER Warning Required "patient-identifier-missing" "the patient has no identifier; what later messages say can't be joined to this";
    NHS_SECOND Warning Conflict "nhs-number-second" "the source gives two different NHS numbers; the second was kept without the NHS number's system";
    NHS_BY_SHAPE Information Informational "nhs-number-by-shape" "a number that nobody calls an NHS number stands where a version 2.3 system sends it and passes its check; it was read as one"
        "have the sending system name the assigning authority";
    BIRTH_FUTURE Warning Value "birth-date-in-future" "the date of birth is after the day of receipt; its text was kept as it was sent and not taken as a date";
    DEATH_CONTRADICTED Warning Conflict "death-contradicted" "a date of death stands beside an indicator that says the patient is alive; neither was believed";
    PERSON_DELETED Warning Informational "person-deleted" "the source deleted this person's record; the patient was written as inactive, nothing else was removed";
    MERGE_NOBODY Warning BusinessRule "merge-without-predecessor" "the record that is merged away is not named, or is the surviving one; nothing was merged";
    MERGE_CONTRADICTED Warning Conflict "merge-contradicted" "another merge of this message says the opposite of this one, or merges the same record into another; the last one stands";
    LINKED Information Informational "patients-linked" "the source says that the two patients may be or are one person; each names the other in a link";
    LINKED_NOBODY Warning BusinessRule "patients-linked-nobody" "the event links two patients or parts them, and the message names one; nothing was linked or parted";
    LINKED_MANY Warning BusinessRule "patients-linked-many" "the event speaks of two patients and the message has more; each further one names the first two";
    UNLINKED Warning Informational "patients-unlinked" "the source takes back that the two patients are one person; each names its link as deleted";
    // What was found and done.
    ALLERGY_DENIED Warning Conflict "allergy-denied" "the words of the entry may say that there is no such allergy, or that it is not known; they were carried as they stand"
        "look at the words; if there is no allergy, have the sender say so with a code";
    NO_ALLERGY Information Informational "no-known-allergy" "the entry says that no allergy is known; it names no substance, and its code says so";
    DOCUMENT_ELSEWHERE Information Value "document-component" "the data of the document stand in another component, or under another type, than HL7 says; they were recognised and taken";
    DOCUMENT_MISSING Error Value "document-unreadable" "the document holds no data that can be decoded; what it holds is kept only in the original";
    PARENT_ABSENT Information NotFound "parent-result-absent" "the result that this order follows is not in the message; it is named by its code";
    DOSE_UNKNOWN Information Value "dose-not-known" "the amount given is 999, HL7's sign for an amount that is not known; none was written";
    // Writing.
    NOBODY Error Required "nobody-to-tell-of" "the bundle has no Patient, and a message of HL7 version 2 tells of one" "send a bundle that holds the Patient";
    NOT_WRITABLE Error NotSupported "not-writable" "the bundle could not be written as a message that is read again" "send the bundle itself";
}
