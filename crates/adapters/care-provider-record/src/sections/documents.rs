//! Documents and multimedia.

use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Kind, Section, bind, detail};
use crate::forms::*;

/// A file: PRSB's text or multimedia file.
pub static ATTACHMENT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_BY,
        Field::optional("type", "what kind of document", CODED),
        Field::optional("title", "title", SHORT),
        Field::optional("description", "what it shows", SHORT),
        Field::optional("date", "when it was made", WHEN),
        Field::required("contentType", "media type", Shape::Form(&MEDIA_TYPE)),
        Field::optional("data", "the file, base64", Shape::Form(&BASE64)),
        Field::optional("url", "where the file is", Shape::Form(&URI)),
    ],
    any_of: &["data", "url"],
    classes: &[],
};

/// Documents and multimedia.
pub static DOCUMENTS: Section =
    Section::new("documents", &ATTACHMENT, "DocumentReference", "subject", DOCUMENT_BINDS).open_to_others();

/// Members of a document, also of those that belong to an About Me or a legal item.
pub const DOCUMENT_BINDS: &[Bind] = &[
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("", "status", Kind::Fixed("current")),
    bind("type", "type", Kind::Concept),
    bind("recordedBy.name", "author[]", Kind::Display),
    bind("description", "description", Kind::Text),
    bind("contentType", "content[].attachment.contentType", Kind::Text),
    bind("data", "content[].attachment.data", Kind::Text),
    bind("url", "content[].attachment.url", Kind::Text),
    bind("title", "content[].attachment.title", Kind::Text),
    bind("date", "content[].attachment.creation", Kind::DateTime),
];
