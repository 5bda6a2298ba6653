//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    STATUS_UNKNOWN Warning CodeInvalid "status-unknown" "R4 has no such status; the element was left out";
    STATUS_UNKNOWN_2 Warning CodeInvalid "status-unknown" "the status is not in STU3's list; it was carried as not known";
    RELATION_NOT_CARRIED Warning NotSupported "relation-not-carried" "R4 has no such relation between observations; it was kept only in the original";
    REFERENCE_NOT_CARRIED Warning NotSupported "reference-not-carried" "the resource that is referred to is of a type that is not carried";
    REFERENCE_DANGLING Error NotFound "reference-dangling" "the resource that is referred to is of a type that is not carried";
    REFERENCE_DANGLING_2 Error NotFound "reference-dangling" "the medicine that is referred to is not in the record, so what it is can't be told; the rest of the entry was carried";
    REFERENCE_DANGLING_3 Warning NotFound "reference-dangling" "the reference leads to nothing in the record; what refers was carried, with the identifier of what is missing";
    JSON_WRITE Fatal Exception "json-write" "the record could not be written";
    PRESCRIPTION_TYPE_UNKNOWN Warning CodeInvalid "prescription-type-unknown" "the kind of prescription is not in the conversion table; its own code was kept";
    JSON_MEMBER_REPEATED Error Structure "json-member-repeated" "a member of a JSON object occurs twice; what it means can't be told";
    BUNDLE_EMPTY Information Informational "bundle-empty" "the bundle holds no resource";
    SOURCE_ID_REPEATED Warning Duplicate "source-id-repeated" "two resources of a type have the same id; both were kept, and references lead to the first";
    RESOURCE_TYPE_ABSENT Error Structure "resource-type-absent" "the document is no FHIR resource: it has no resourceType";
    RESOURCE_TYPE_UNKNOWN Error NotSupported "resource-type-unknown" "FHIR STU3 has no such resource type, or it holds no record; the input was refused";
    ENTRIES_TOO_MANY Error TooLong "entries-too-many" "the bundle has more resources than are read";
    PATIENT_REPEATED Error BusinessRule "patient-repeated" "the record holds two patients; which of them its facts concern can't be relied on";
    PATIENT_ABSENT Error Required "patient-absent" "the record holds no patient"
        "say in the message whom it is about, and send it again";
    PATIENT_REFERENCE_DANGLING Error NotFound "patient-reference-dangling" "the reference names a person who is not in the record; whom the facts concern can't be relied on, and the record was refused";
    NHS_NUMBER_CHECK_DIGIT Error Value "nhs-number-check-digit" "the check digit of the NHS number is wrong; the record was refused";
    NHS_SHAPE Error Value "nhs-number-shape" "an NHS number has ten digits; the record was refused";
    NHS_FILLER Error Value "nhs-number-filler" "the NHS number is a filler of ten equal digits; the record was refused";
    NO_PLACE Information NotSupported "stu3-no-place" "{}" "send the R4 bundle where it matters";
    BUNDLE_EXPECTED Fatal Structure "bundle-expected" "only a Bundle can be written as a structured record";
    PATIENT_COUNT Fatal BusinessRule "patient-count" "a structured record is that of exactly one patient, and the bundle holds none or several" "send a bundle for each patient";
}
