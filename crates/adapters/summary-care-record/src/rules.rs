//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    TEXT_LEFT Warning NotSupported "text-not-carried" "the text stands where none is expected; it is kept only in the original"
        "read it in the original";
    END_OF_ACTIVE Warning Conflict "end-of-active" "an end is stated of what is stated to be active; the end was not carried";
    SOURCE_ID_REPEATED Warning Duplicate "source-id-repeated" "two entries of a kind have the same id; both were kept, and references lead to the first";
    ACT_UNKNOWN Warning NotSupported "act-unknown" "the act is not one that GP summaries are known to hold; its class decided what it became";
    ACT_NOT_TRANSLATED Warning NotSupported "act-not-translated" "the act has no place in FHIR here; it was kept only in the original";
    ENTRY_NOT_HAPPENED Error NotSupported "entry-not-happened" "the mood of the entry is that of a plan, an order or an aim, where a summary states what happened; it was refused, for it would read as a fact"
        "read it in the original";
    ALLERGY_STATUS Warning CodeInvalid "allergy-status" "the status says neither that the allergy holds nor that it is over; it was carried as active, not confirmed, for FHIR demands one of them"
        "find out in the sending system whether the allergy holds";
    ENTRY_NEGATED Error BusinessRule "entry-negated" "the entry is negated, which FHIR can't say of this kind of entry; it was refused";
    TIME_INVALID Warning Value "time-invalid" "the time is no date; the entry was carried without it";
    ENTRY_NOT_FOUND Warning NotFound "entry-not-found" "the entry that is referred to is not in the summary";
    DISCONTINUED_STATUS Warning Conflict "discontinued-status" "the medicine is listed as discontinued, so it was carried as stopped";
    SPINE_ACCESS_REFUSED Error Suppressed "spine-access-refused" "Spine does not permit access to the record; no record was given"
        "ask the person, or use the access that your role allows";
    SPINE_RECORD_NOT_FOUND Error NotFound "spine-record-not-found" "Spine has no such record; no record was given";
    SPINE_ERROR Error BusinessRule "spine-error" "Spine answered with an error; no record was given";
    SUMMARY_ABSENT Error NotSupported "summary-absent" "the message holds no GP summary";
    PATIENT_ABSENT Warning Required "patient-absent" "the summary names no patient; its entries were carried without one"
        "say in the message whom it is about, and send it again";
    ENTRIES_WITHHELD Warning Suppressed "entries-withheld" "the summary says that entries were deliberately withheld from it"
        "ask the practice: entries were deliberately withheld";
    NHS_NUMBER_ABSENT Error Required "nhs-number-absent" "the patient of the summary has no NHS number; the summary was refused"
        "trace the person's NHS number and send again";
    PATIENT_CONFLICT Warning Conflict "patient-conflict" "the answer names another patient than the summary within it; the summary's was taken";
    STATUS_UNKNOWN Warning CodeInvalid "status-unknown" "the status is not in the table of this message; it was carried as not known";
    NHS_NUMBER_CHECK_DIGIT Error Value "nhs-number-check-digit" "the check digit of the NHS number is wrong; the summary was refused";
    NHS_SHAPE Error Value "nhs-number-shape" "an NHS number has ten digits; the summary was refused";
    NHS_FILLER Error Value "nhs-number-filler" "the NHS number is a filler of ten equal digits; the summary was refused";
    WRITE_PATIENT Fatal Required "summary-patient" "a summary is of exactly one patient with an NHS number, and the bundle holds none or several";
    WRITE_KIND Fatal BusinessRule "summary-kind" "the bundle is another document; a summary would take the place of the practice's own"
        "send the practice's GP Summary, or a bundle of its record without a document";
    WRITE_MISSING Fatal Required "summary-incomplete" "a summary can't be written without {}"
        "say in the bundle which practice the patient is registered with, and when its entries were recorded";
    WRITE_SENSE Fatal BusinessRule "summary-sense" "a summary can't say that it is withdrawn or not final, that its patient's record is not in use, or that it is several; it was not written";
    WRITE_RESTRICTED Fatal Suppressed "summary-restricted" "an entry is restricted, and the text of the summary may tell of it; a summary has no label, so it was not written"
        "take the restricted entry out of the summary, in its text too";
    WRITE_UNREADABLE Fatal NotSupported "summary-not-writable" "what was written could not be read again; nothing is sent";
}
