//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    SILENT_DEFAULT Warning BusinessRule "silent-default" "a box that is not ticked may be a default of the software; it is no recorded decision and was not translated"
        "look whether anybody really answered; software fills this in by itself";
    SILENT_DEFAULT_2 Warning BusinessRule "silent-default" "a plan that is not agreed, by nobody, may be a default of the software; it was not translated"
        "look whether anybody really answered; software fills this in by itself";
    SILENT_DEFAULT_3 Warning BusinessRule "silent-default" "an allergen that says none may be a default of the software; it is no recorded finding"
        "look whether anybody really answered; software fills this in by itself";
    ALLERGY_DENIED Warning Conflict "allergy-denied" "the words of the entry may say that there is no such allergy, or that it is not known; they were carried as they stand"
        "look at the words; if there is no allergy, have the sender say so with a code";
    END_BEFORE_START Error BusinessRule "end-before-start" "the end lies before the start, so the end was refused";
    NHS_NUMBER_SHARED Error Conflict "nhs-number-shared" "the contact has the NHS number of the subject, which one of the two can't have"
        "two people have one number here: a person must say whose it is before either is sent";
    ABOUT_ME_OLD Warning BusinessRule "about-me-old" "the About Me is older than 12 months: the person may say something else today"
        "talk with the person and bring it up to date";
    RESPECT_IS_NOT_CPR Error BusinessRule "respect-is-not-cpr" "a ReSPECT form is a plan and no decision on resuscitation, so it was refused here"
        "record a ReSPECT plan as such; a recommendation on resuscitation is a decision of its own";
    CPR_DECISIONS_DIFFER Warning Conflict "cpr-decisions-differ" "the record holds different decisions on resuscitation; a person must say which one holds"
        "treat neither as valid until the person or the responsible clinician has said which one holds";
    TWO_HOMES_OPEN Warning Conflict "two-homes-open" "two care home services are open at the same time: the person may have moved"
        "end the address that no longer holds";
    RESULT_VALUES Error BusinessRule "result-values" "a result has one value, and this one has several";
    ATTORNEY_ONLY_PICTURE Warning Incomplete "attorney-only-picture" "the power of attorney is only a picture: who the attorney is stands in no field";
    DOLS_STATUS Warning CodeInvalid "dols-status" "the status is neither requested nor authorised; it was kept as text";
    STATUS_FROM_DATES Information Informational "status-from-dates" "the service states no status; it was taken from its dates";
    STATUS_ASSUMED Information Informational "status-assumed" "the reasonable adjustment states no status; it was taken to hold";
    WITHHELD_BY_OPTION Information Suppressed "withheld-by-option" "free text of incidents is passed on only with option incident-text"
        "switch the option on for this sender only where sharing it is lawful and agreed";
    WITHHELD_BY_OPTION_2 Information Suppressed "withheld-by-option" "legal information is passed on only with option legal-items"
        "switch the option on for this sender only where sharing it is lawful and agreed";
    WITHHELD_BY_OPTION_3 Information Suppressed "withheld-by-option" "safeguarding concerns are passed on only with option safeguarding-items"
        "switch the option on for this sender only where sharing it is lawful and agreed";
    DECISION_WITHOUT_DETAIL Warning Incomplete "decision-without-detail" "the box is ticked without a date or an author: ask the provider for the decision itself";
    PATIENT_MISSING Fatal Required "patient-missing" "the bundle has no Patient, and a record is always one person's"
        "say in the message whom it is about, and send it again";
    CODE_RESPELT Information Value "code-respelt" "the code is written with other capitals or signs than the schema has it; it was read as that code"
        "nothing, or write the code as the schema has it";
    MEMBER_TWICE Error Duplicate "member-twice" "the object has this member twice, so which one is meant is not known";
    MEMBER_UNKNOWN Warning NotSupported "member-unknown" "the schema has no such member here; it was kept only in the original";
    SECTION_UNKNOWN Warning NotSupported "section-unknown" "the schema has no section of this name; it was kept only in the original";
    SCHEMA_REQUIRED Error Required "schema-required" "one of these must be given: {}";
    SCHEMA_REQUIRED_2 Error Required "schema-required" "{} is missing";
    SCHEMA_TYPE Error Structure "schema-type" "the value is of another type than the schema says";
    SCHEMA_VALUE Error CodeInvalid "schema-value" "the value is not one of those that the schema allows";
    SCHEMA_FORMAT Error Value "schema-format" "the value is not {}";
    SCHEMA_LENGTH Error Value "schema-length" "the text is empty or too short";
    SCHEMA_LENGTH_2 Error TooLong "schema-length" "the text is longer than the schema allows";
    SCHEMA_COUNT Error Required "schema-count" "there are fewer items than the schema asks for";
    SCHEMA_COUNT_2 Error TooLong "schema-count" "there are more items than the schema allows";
    SCHEMA_RANGE Error Value "schema-range" "the number is outside the range that the schema allows";
    SNOMED_SYSTEM_URL Information Value "snomed-system-url" "the system of SNOMED CT is http://snomed.info/sct; the address with https was put right";
    DATE_IMPOSSIBLE Error Value "date-impossible" "there is no such date or time";
    OFFSET_ASSUMED Information Value "offset-assumed" "the time has no offset; that of the United Kingdom was taken";
    SUBJECT_MISSING Error Required "subject-missing" "the document has no subject: it says of nobody what it says";
    SUBJECT_UNIDENTIFIED Error Required "subject-unidentified" "the subject has neither a sound NHS number nor a family name with a date of birth";
    DOES_NOT_FIT Error Required "does-not-fit" "{}" "complete the record in the sending system; the receiver's format demands it";
    LEFT_BEHIND Warning NotSupported "left-behind" "{}" "send the bundle itself where it matters";
}
