//! The rules whose breach is told.

causeway_adapter::rules! {
    JSON_MEMBER_TWICE Fatal Structure "json-member-twice" "a member of an object occurs twice";
    JSON_SYNTAX Fatal Structure "json-syntax" "the document can't be read";
    NOT_A_RECORD Fatal Structure "not-a-record" "this is no FHIR R4 resource, message with its MessageHeader first, document with its Composition first, collection, transaction, batch or search result";
    BUNDLE_EMPTY Fatal NotSupported "bundle-without-resource" "the Bundle holds an answer of a server and no resource: there is nothing to translate"
        "look at the answer: where it reports an error, ask for the record again";
    XML_FOREIGN Warning NotSupported "xml-foreign" "FHIR has no place for it (loose text, an attribute or element of another namespace); it is kept only in the original";
    ENTRIES Fatal TooLong "entries" "the Bundle has too many entries";
    ENTRY_REQUEST Warning NotSupported "entry-request" "requests within a Bundle are not carried out; they stay in the original";
    ENTRY_DELETION Warning NotSupported "entry-deletion" "deletions and queries of a transaction are not carried out; they stay in the original";
    ENTRY_WITHOUT_RESOURCE Error Structure "entry-without-resource" "an entry of the Bundle has no resource";
    VALUE_REPAIRED Warning Value "value-repaired" "the value was not in the form that FHIR demands, and what it means is certain; it was put into that form"
        "have the sending system write it as FHIR demands";
    SUMMARY_PATIENT Fatal Required "summary-patient-count" "a patient summary is of exactly one patient, and the bundle holds none or several";
    SUMMARY_UNREADABLE Fatal NotSupported "summary-not-writable" "what was written could not be read again; nothing is sent";
    NO_PLACE Warning NotSupported "element-without-place" "R4 has no such element; its values were kept beside, in an extension"
        "have the sending system write R4";
    NOT_DONE Warning Informational "not-done-of-stu3" "an element of an earlier version says that it was not done; R4's status says so now, whatever stood there"
        "have the sending system write R4's status";
    FLAG_UNREADABLE Error Value "flag-unreadable" "what an earlier version says by it, whether it was done, can't be read; the status says that it is not known"
        "ask the sender whether it was done, and send it again with R4's status";
    CHOICE_TWICE Warning Conflict "choice-twice" "R4 has one value here and the source has several; this one was kept beside it, in an extension"
        "look at both in the original, and correct them at their source";
    ONCE Warning NotSupported "element-once" "R4 has the element once; the first was carried, and the others kept beside, in an extension"
        "read them there, and correct them at their source";
    MANY_BESIDE Warning TooLong "element-values-beside" "of very many values that R4 has no place for the first thousand were kept beside, in extensions; this one and those after it are kept only in the original"
        "read them in the original, and have the sending system write R4";
    STATUS_OF_ERROR Information Informational "status-of-error" "what was entered in error has no clinical status in R4; that it is an error was carried, and the status left out";
    ABATED_ACTIVE Warning Conflict "active-problem-ended" "the condition is active and has an end; the status was carried as it stands, and the end in an extension, for FHIR forbids both"
        "ask the sender whether the condition is over";
    ABSENT_BESIDE Warning Conflict "value-beside-absence" "the result has a value and a reason why it has none; the value was carried, the reason kept in an extension"
        "ask the sender whether the value holds";
    INCOMPARABLE Warning Value "comparator-unknown" "the comparator can't be read, and the number alone would say something else; both were kept as words"
        "correct the comparator at its source";
    VALUE_WORDS Warning Value "value-words" "the value can't be one of this element; its words were kept beside it, and not taken as one"
        "look at the value in the original, and correct it at its source";
    TYPE_UNKNOWN Error NotSupported "resource-type-unknown" "R4 has no resource of this type; it was refused"
        "have the sending system write it as FHIR R4";
    NO_END Warning Value "end-left-out" "the end is before the start, or a day that systems write for no end; its text was kept, and not taken as an end"
        "look at the dates in the original; if one is wrong, correct it at its source and send again";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "R4's list has no such code for the element; it says `unknown`, with the source's own code beside it"
        "correct the code at its source";
    DATE_INVALID Warning Value "date-invalid" "the date or time can't be read; its text was kept, and not taken as a date"
        "correct the date at its source and send again";
    ORDER_ID Fatal Value "prescription-order-id" "the id of the prescription fails its check; the order was refused, for it can't be told which prescription is meant"
        "correct the id at its source and send again";
    ORDER_INTENT Fatal Value "order-intent" "an item of a prescription order is an order, an original order or an instance of one; this is none, and the order was refused"
        "send the item with the intent that it has";
    ORDER_ITEMS Fatal TooLong "prescription-items" "a prescription has at most four items; the order was refused"
        "send a prescription for every four items";
    ORDER_COURSES Fatal Conflict "order-courses" "the items of a prescription are of one kind of treatment, or acute and repeat; the order was refused"
        "send a prescription for each kind of treatment";
}
