//! What is told of a message, each with its rule. Older rules stand where they are raised.

causeway_adapter::rules! {
    LINE_CONTINUED Warning Structure "line-continued" "a line of the message begins with no segment name; it was read as the rest of the field before it";
    LINE_ALONE Warning Structure "line-without-segment" "a line of the message has no segment name and follows no field; it was not translated";
    SEPARATOR_KEPT Information Value "separator-in-text" "a separator that is not escaped stands in an item whose type has none there; it was kept as a character, here and further on";
    TEXT_REPEATS Information Value "text-repeats" "a text is divided by the repetition separator; each part was read as a line of it";
    GOES_ON Warning Incomplete "message-goes-on" "the message says that it goes on in another one, or that it began in one; the parts are not put together here";
    FRAME_BROKEN Error Structure "frame-broken" "a start-of-frame byte stands within the message or after it, so bytes of it were lost; it was not translated";
    UNSUPPORTED_SHARE Warning Incomplete "unsupported-share" "a good part of what this message says of care is not translated; it is kept only in the original, and the ledger lists it";
    BIRTH_FUTURE Warning Value "birth-date-future" "the date of birth is after the day of receipt; its text was kept as it was sent and not taken as a date";
    IDENTIFIER_ROUNDED Warning Value "identifier-rounded" "an identifier is written as a rounded number, as spreadsheet programs do; it names nobody and was kept as the source's text";
    NHS_BY_SHAPE Information Informational "nhs-number-by-shape" "a number that nobody calls an NHS number stands where a version 2.3 system sends it and passes its check; it was read as one";
    MERGE_NOBODY Warning BusinessRule "merge-without-predecessor" "the record that is merged away is not named, or is the surviving one; nothing was merged";
    LINKED Information Informational "patients-linked" "the source says that the two patients may be or are one person; each names the other in a link";
    UNLINKED Warning Informational "patients-unlinked" "the source takes back that the two patients are one person; each names its link as deleted";
    VALUE_PARTS Warning Value "value-type" "the parts of the number fit no form that HL7 has for it; they were kept as text";
    DOCUMENT_ELSEWHERE Information Value "document-component" "the data of the document stand in another component, or under another type, than HL7 says; they were recognised and taken";
    DOCUMENT_MISSING Error Value "document-unreadable" "the document holds no data that can be decoded; what it holds is kept only in the original";
    PARENT_ABSENT Information NotFound "parent-result-absent" "the result that this order follows is not in the message; it is named by its code";
    DOSE_UNKNOWN Information Value "dose-not-known" "the amount given is 999, HL7's sign for an amount that is not known; none was written";
}
