//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    REQUIRED_FIELD_MISSING Error Required "required-field-missing" "the bundle has no MessageHeader";
    REQUIRED_FIELD_MISSING_2 Error Required "required-field-missing" "the bundle has no Patient";
    REQUIRED_FIELD_MISSING_3 Error Required "required-field-missing" "the MessageHeader has no event";
    REQUIRED_FIELD_MISSING_4 Error Required "required-field-missing" "the bundle has no Patient, so there is nobody to tell of";
    REQUIRED_FIELD_MISSING_5 Error Required "required-field-missing" "the bundle has no Encounter, so there is no stay to tell of";
    REQUIRED_FIELD_MISSING_6 Error Required "required-field-missing" "noticeType is missing";
    REQUIRED_FIELD_MISSING_7 Error Required "required-field-missing" "person is missing";
    REQUIRED_FIELD_MISSING_8 Error Required "required-field-missing" "the person has neither a name nor an identifier";
    VALUE_NOT_ALLOWED Error CodeInvalid "value-not-allowed" "the event is none of assessment, discharge, withdrawal, acceptance, rejection";
    VALUE_NOT_ALLOWED_2 Error CodeInvalid "value-not-allowed" "noticeType is none of assessment, discharge, withdrawal, accept, reject";
    VALUE_NOT_ALLOWED_3 Warning CodeInvalid "value-not-allowed" "the type of admission is not known; it was kept as text";
    LEFT_BEHIND Information NotSupported "left-behind" "a discharge notice has no place for this element";
    WRONG_OBJECT_TYPE Fatal Structure "wrong-object-type" "a notice is a JSON object";
    WRONG_TYPE Warning Value "wrong-type" "true or false was expected; the item was not understood";
    MEMBER_UNKNOWN Warning NotSupported "member-unknown" "the notice has no such member; it is kept only in the original"
        "read it in the original, and tell whom it concerns";
    MEMBER_TWICE Warning Duplicate "member-twice" "the name occurs twice in its object; the first was taken";
    NHS_NUMBER_STATUS Warning CodeInvalid "nhs-number-status" "the status of the NHS number is none of 01 to 08";
    DISCHARGE_BEFORE_ADMISSION Warning BusinessRule "discharge-before-admission" "the proposed discharge is before the admission";
    CONSENT_REFUSED Warning BusinessRule "consent-refused" "the person does not consent to the sharing of this notice's content"
        "nothing is to be done by software: speak with the person, and send again if they agree";
    CONSENT_REFUSED_WITH_DETAILS Warning Conflict "consent-refused-with-details" "consent is refused and details of others are given all the same";
    SAFEGUARDING_WITHHELD Information Suppressed "safeguarding-withheld" "whether there is a safeguarding concern was withheld";
    BAD_FORMAT Warning Value "bad-format" "the date or time is not in the expected form";
    BAD_FORMAT_2 Warning Value "bad-format" "there is no such date or time";
    GENDER_UNKNOWN Warning CodeInvalid "gender-unknown" "the gender is not one of male, female, other, unknown";
    LANGUAGE_UNKNOWN Warning CodeInvalid "language-unknown" "the language is neither a BCP 47 tag nor among the names that are known";
}
