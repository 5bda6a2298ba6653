//! Rules of this format that tell what could not be carried as it stood, and what can be done about it.

causeway_adapter::rules! {
    NO_PLACE Warning NotSupported "element-without-place" "R4 has no place for the element; it is kept only in the original"
        "read it in the original";
    SECOND_LOST Warning NotSupported "element-once" "R4 has the element once; the first was carried, and the others are kept only in the original"
        "read them in the original";
    VALUE_REPAIRED Warning Value "value-repaired" "the value was not in the form that FHIR demands, and what it means is certain; it was put into that form"
        "have the sending system write it as FHIR demands";
    VALUE_WORDS Warning Value "value-words" "the value can't be one of this element; its words were kept beside it, and not taken as one"
        "look at the value in the original, and correct it at its source";
    CHOICE_TWICE Warning Conflict "choice-several" "R4 has one value here and the source has several; this one is kept only in the original"
        "look at both in the original, and correct them at their source";
    ABSENT_BESIDE Warning Conflict "value-beside-absence" "the result has a value and a reason why it has none; the value was carried, the reason is kept only in the original"
        "ask the sender whether the value holds";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "R4's list has no such code for the element; it says `unknown`, with the source's own code beside it"
        "correct the code at its source";
    NARRATIVE_PLAIN Warning Value "narrative-plain" "the narrative holds what FHIR forbids in one: programs, forms, or markup of another kind; its words were carried without markup"
        "have the sending system write narratives in the markup that FHIR allows";
    OUTCOME_IN_RECORD Warning Incomplete "outcome-in-record" "an OperationOutcome stands in the record: its server says something of it, such as that a part is withheld; it is kept only in the original"
        "read the OperationOutcome in the original";
    VALUE_INVALID Warning Value "value-invalid" "the value can't be one of this element; it was left out, and is kept only in the original"
        "look at the value in the original, and correct it at its source";
    FLAG_UNREADABLE Error Value "flag-unreadable" "what says whether it was done is neither true nor false; the status says that it is not known"
        "ask the sender whether it was done, and send it again";
    TAKEN_UNREADABLE Error CodeInvalid "taken-unreadable" "what says whether the medicine is taken is none of y, n, unk and na; the status says that it is not known"
        "ask the sender whether it is taken, and send it again";
    DATE_INVALID Error Value "date-invalid" "the date or time can't be read; its text was kept, and not taken as a date"
        "correct the date at its source and send again";
    REQUIRED_UNKNOWN Information Required "required-unknown" "R4 demands elements that the source does not state; they say that the value is not known";
    TYPE_NOT_CARRIED Warning NotSupported "resource-type-not-carried"
        "the resource is of a type that is not translated; it is kept only in the original"
        "read it in the original";
    NO_RECORD Error NotSupported "no-record" "the document holds an answer of a server, or other resources that are no record of care; there is nothing to translate"
        "look at the answer: where it reports an error, ask for the record again";
    ABATED_ACTIVE Warning Conflict "active-problem-ended" "the condition is active and has an end; the status was carried as it stands, and the end as a note, for FHIR forbids both"
        "ask the sender whether the condition is over";
    STATUS_OF_ERROR Information Informational "status-of-error" "what was entered in error has no clinical status in R4; that it is an error was carried, and the status left out";
    NOT_DONE_HISTORY Warning Informational "history-not-taken" "the family history was not taken; it was carried with the status that says so";
    CONSENT_EXCEPTION Information Informational "consent-exception" "the consent has exceptions; they were carried as provisions within it";
    CODE_OF_SYSTEM Warning CodeInvalid "code-not-in-system" "the code system that R4 has for this does not have the code; it was kept with the system that the source names";
    XML_NAMESPACE Fatal Structure "xml-namespace" "the document is not in FHIR's namespace"
        "write xmlns=\"http://hl7.org/fhir\" at the root element";
    XML_DEEP Fatal TooLong "xml-nesting" "elements are nested more than {} levels deep";
    BUNDLE_TYPE Error Structure "bundle-type" "the Bundle is neither a message nor a document; it was refused"
        "send a Bundle of type message with its MessageHeader first, or of type document with its Composition first";
    HEADER_ABSENT Error Structure "message-header-absent" "the first entry of the message is no MessageHeader; it was refused"
        "put the MessageHeader first";
    FOCUS_ABSENT Error NotFound "focus-absent" "the MessageHeader names no entry of the message as what it is about; it was refused"
        "let focus refer to the document within the message by its fullUrl";
    COMPOSITION_ABSENT Error Structure "composition-absent" "the first entry of the document is no Composition; it was refused"
        "put the Composition first";
    ANSWER_UNKNOWN Warning NotSupported "condition-of-item-lost" "R4 has no such condition of a questionnaire's item; it is kept only in the original";
}
