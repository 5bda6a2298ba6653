//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    PROPERTY_UNKNOWN Warning NotSupported "property-unknown" "the standard has no such property, or it has no place here; it is kept only in the original"
        "read it in the original, and tell whom it concerns";
    ANSWER_TYPE Warning Value "answer-type" "the answer is not of the type that its question says; the words were kept";
    OFFSET_ASSUMED Information Value "offset-assumed" "the time has no offset; that of the United Kingdom was taken";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "the code is in no table; it was kept as text";
    CODE_UNKNOWN_2 Warning CodeInvalid "code-unknown" "the code has no equal in FHIR";
    CODE_UNKNOWN_3 Warning CodeInvalid "code-unknown" "the ethnic group has no equal in UK Core; it was kept as text";
    DEATH_CONTRADICTED Warning Conflict "death-contradicted" "the person is called alive and has a date of death; a person must say which is right"
        "a person who knows must say whether the person died; correct it at its source";
    STATUS_ENDED Information CodeInvalid "status-ended" "FHIR has no status ended; completed was written, and a note keeps the source's word";
    WRONG_OBJECT_TYPE Error Structure "wrong-object-type" "the record's @type is no class of the standard";
    WRONG_OBJECT_TYPE_2 Error Structure "wrong-object-type" "an object of another class is expected here";
    CONSENT_REFUSED Information Suppressed "consent-refused" "the person does not consent to information sharing, so nothing of the record is passed on"
        "nothing is to be done by software: speak with the person, and send again if they agree";
    TOO_MANY_VALUES Error Duplicate "too-many-values" "the property occurs twice in its object: which one is meant is not known";
    TOO_MANY_VALUES_2 Error TooLong "too-many-values" "there are more values than allowed";
    DUPLICATE_CHILD_ID Error Duplicate "duplicate-child-id" "another record of the document is of the same child";
    RULE_VIOLATION Error BusinessRule "rule-violation" "the code for other is chosen and its free text is missing";
    BAD_FORMAT Error Value "bad-format" "the value is not {}";
    OUT_OF_RANGE Error Value "out-of-range" "the number is outside the permitted bounds";
    REQUIRED_FIELD_MISSING Error Required "required-field-missing" "the standard requires {}";
    TOO_FEW_VALUES Error Required "too-few-values" "more values are needed";
    VALUE_NOT_ALLOWED Error CodeInvalid "value-not-allowed" "the value is not in the controlled vocabulary";
    WITHHELD_BY_OPTION Information Suppressed "withheld-by-option" "findings are passed on only with option safeguarding-items"
        "switch the option on for this sender only where sharing it is lawful and agreed";
    WITHHELD_BY_OPTION_2 Information Suppressed "withheld-by-option" "life events are passed on only with option safeguarding-items"
        "switch the option on for this sender only where sharing it is lawful and agreed";
    WRONG_TYPE Error Structure "wrong-type" "the value is of another type";
    PARSE_ERROR Fatal Structure "parse-error" "{}" "correct the document: the sentence and the position say where it breaks";
}
