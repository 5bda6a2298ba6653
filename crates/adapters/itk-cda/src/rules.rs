//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    NO_DOCUMENT Error NotSupported "document-absent" "the message holds no clinical document (CDA)"
        "send the envelope with its payload";
    TOO_MANY Error TooLong "documents-too-many" "the envelope holds more than {} documents; the rest was refused"
        "send them in several envelopes";
    COUNT Warning Structure "payload-count" "the envelope states another number of payloads than it holds"
        "look in the sending system whether a payload was lost";
    ENCRYPTED Error NotSupported "payload-encrypted" "the payload is encrypted or compressed, which is not read"
        "send it in the clear over a protected connection";
    PAYLOAD_UNREAD Error Structure "payload-unreadable" "the payload is neither XML nor base64 of a clinical document";
    PATIENT_ABSENT Error Required "patient-absent" "the document names no patient (recordTarget); it was refused"
        "name the patient in the sending system and send the document again";
    PATIENT_REPEATED Error BusinessRule "patient-repeated" "the document names several patients; whom its facts concern can't be relied on, and it was refused"
        "send a document for each patient";
    ID_ABSENT Error Required "document-id-absent" "the document has no id; it was refused, for it could not be told from another"
        "give every document an id of its own";
    BIRTH_INVALID Error Value "birth-date-invalid" "the birth date is no date; the document was refused, for it could reach a wrong record"
        "correct the birth date in the sending system and send the document again";
    DATE_INVALID Error Value "document-time-invalid" "the time of the document is no time; it was refused"
        "correct it in the sending system and send the document again";
    STATUS Warning CodeInvalid "status-unknown" "the status is not in the list of statuses; it was carried as completed"
        "look in the original whether it was done";
    TIME_INVALID Warning Value "time-invalid" "the time is no date; the entry was carried without it";
    GENDER Warning CodeInvalid "gender-unknown" "the gender is not in the list of genders; it was carried as not known, with the code beside it";
    NULLIFIED Information Informational "document-nullified" "the document takes back an earlier one; it was carried as entered in error"
        "look at the document that it names";
    SUBJECT Warning NotSupported "entry-of-another" "the entry is about somebody else than the patient; it was kept only in the original and in the text of its section"
        "read it in the text of the section";
    NEGATED Error BusinessRule "entry-negated" "the entry is negated, which FHIR can't say of this kind of entry; it was refused"
        "read it in the text of the section";
    ENTRY_UNKNOWN Warning NotSupported "entry-unknown" "the entry is of a kind that is not known; it is kept only in the original"
        "read it in the text of the section, and ask for the kind to be added";
    TOO_DEEP Warning TooLong "entry-too-deep" "more than {} levels lie within one another; what lies deeper is kept only in the original";
    VALUE_KIND Warning NotSupported "value-kind-unknown" "the value is of a kind that is not known; its words were kept";
    DOSE_TIMING Warning NotSupported "dose-timing-unstructured" "when the medicine is to be taken is stated in a form that is not translated; it is kept only in the original and in the text"
        "read the dose in the text of the section";
    PATHWAYS_UNREAD Warning Structure "triage-unreadable" "the triage record is no XML that can be read; it was carried as an attachment only"
        "open the attachment";
    PATHWAYS_LONG Warning TooLong "triage-too-long" "the triage has more than {} questions, or its record is too large; the rest is in the attachment only"
        "open the attachment";
    ATTACHMENT_EMPTY Warning Required "attachment-empty" "the attachment holds nothing"
        "ask the sender for the file";
    ATTACHMENT_BASE64 Warning Value "attachment-encoding" "the attachment says that it is base64 and is not; its words were kept as text"
        "ask the sender for the file";
    SAFEGUARDING Information Informational "safeguarding-stated" "the document states a safeguarding concern"
        "see who must be told under local safeguarding procedures";
    PERMISSION_REFUSED Warning Suppressed "permission-to-view-refused" "the document says that the patient does not permit her record to be viewed"
        "do not open other records of hers on the strength of this document";
    ACKNOWLEDGED Information Informational "acknowledgement-received" "the message acknowledges another one; it holds no record"
        "nothing";
    ACKNOWLEDGED_FAILURE Warning BusinessRule "acknowledgement-failure" "the message says that another one was refused or failed; it holds no record"
        "find the message by its tracking id and see why it was refused";
    WRITE_PATIENT Fatal Required "document-patient-count" "a document is of exactly one patient, and the bundle holds none or several";
    WRITE_KIND Fatal Required "document-kind-unknown" "the bundle holds no document and does not say of which care it tells: it has no visit with a class that is known"
        "send an Encounter with its class: inpatient, emergency or outpatient";
    WRITE_SENSE Fatal BusinessRule "document-sense" "a document (CDA) can't say that it is withdrawn, that its patient's record is not in use, or that it is several; it was not written";
    WRITE_UNREADABLE Fatal NotSupported "document-not-writable" "what was written could not be read again; nothing is sent";
    NARRATIVE_ELEMENT Information Structure "narrative-element-unknown" "the text of a section has an element that is none of a clinical document's; what stands in it was kept, and its name is only in the original"
        "look at the text in the original: a `<` in a word must be written as `&lt;`";
}
