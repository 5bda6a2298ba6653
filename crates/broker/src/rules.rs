//! What the broker tells of FHIR that comes in as it is, and of documents that it writes.

causeway_core::rules! {
    JSON_MEMBER_TWICE Fatal Structure "json-member-twice" "a member of an object occurs twice";
    JSON_SYNTAX Fatal Structure "json-syntax" "the document can't be read";
    NOT_A_RECORD Fatal Structure "not-a-record"
        "this is no FHIR R4 message with its MessageHeader first, document with its Composition first, or collection"
        "send a message, a document or a collection; requests and search results are no records";
    ENTRIES Fatal TooLong "entries" "the Bundle has too many entries";
    ENTRY_REQUEST Warning NotSupported "entry-request"
        "requests within a Bundle are not carried out; they stay in the original";
    ENTRY_WITHOUT_RESOURCE Error Structure "entry-without-resource" "an entry of the Bundle has no resource";
    LEFT_BEHIND Information NotSupported "left-behind" "{}"
        "the receiver's format has no place for it: send the bundle itself where it matters";
}
