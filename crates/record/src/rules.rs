//! What the record tells of a bundle that it takes in.

causeway_core::rules! {
    ENTRY_NOT_AN_OBJECT Error Structure "entry-not-an-object" "an entry of the bundle is not an object";
    DELETE_WITHOUT_TARGET Error Structure "delete-without-target" "an entry asks for a deletion but names no resource";
    ENTRY_WITHOUT_RESOURCE Error Structure "entry-without-resource" "an entry of the bundle has no resource";
    RESOURCE_WITHOUT_IDENTITY Error Structure "resource-without-identity" "a resource has no valid type or id";
    REFERENCE_UNRESOLVED Warning NotFound "reference-unresolved"
        "references of the bundle lead to nothing that is known; they were kept as they are"
        "nothing, if what they lead to comes later; else ask the sender";
    OWNED_BY_ANOTHER_SOURCE Error Conflict "owned-by-another-source"
        "a resource with this id was told by another organisation, so it was not changed"
        "each organisation may change only what it told itself: correct it there";
    SUBJECT_CHANGED Warning Conflict "subject-changed"
        "the source now says that a fact is about another Patient than before"
        "find out at the source whom the fact concerns";
    SUBJECT_UNKNOWN Warning NotFound "subject-unknown"
        "something is told of a Patient that no message has described yet; it is kept and will be shown then"
        "send the message that describes the Patient";
}
