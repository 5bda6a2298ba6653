//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    ACKNOWLEDGED Information Informational "itk3-response" "the message answers another: it was taken";
    ACKNOWLEDGED_FAILURE Warning BusinessRule "itk3-response-failure" "the message answers another: it was refused, or the person is not known there"
        "look at the response code in the original, and send a corrected message";
    PERSON_KNOWN Information Informational "itk3-person-known" "the message answers another: the person is known there (30001)";
    PERSON_UNKNOWN Warning BusinessRule "itk3-person-unknown" "the message answers another: the person is not known there (30002), so nobody there acts on the document"
        "find the practice that the person is registered with, and send the document to it";
    PERSON_GONE Warning BusinessRule "itk3-person-gone" "the message answers another: the person is no longer registered there (30003), so nobody there acts on the document"
        "find the practice that the person is registered with, and send the document to it";
    PERSON_DEAD Warning BusinessRule "itk3-person-deceased" "the message answers another: the person is known there and recently deceased (30004)"
        "look whether the record here says so";
    DUPLICATE Information Informational "itk3-duplicate" "the message answers another: what it says was there already (20007, 20008)";
    PATIENT_COUNT Fatal Required "transfer-patient-count" "a transfer of care is of exactly one patient, and the bundle holds none or several";
    KIND_UNKNOWN Fatal Required "transfer-kind-unknown" "the bundle does not say of which care it tells: it has no visit with a class that is known"
        "send an Encounter with its class: inpatient, emergency or outpatient";
    NOT_WRITABLE Fatal NotSupported "transfer-not-writable" "what was written could not be read again; nothing is sent";
    BUSINESS_ASKED Information Informational "itk3-business-response" "the sender asks for a business response; the practice that takes the message in gives it"
        "answer with ITK008M, code 30001 to 30004";
    RESPONSE_CODE Fatal Value "itk3-response-code" "the code is none of a business response"
        "say 30001 (known), 30002 (not known), 30003 (gone) or 30004 (known, recently deceased)";
    NOTHING_ASKED Fatal NotSupported "itk3-nothing-asked" "the message asks for no business response; none is written";
}
