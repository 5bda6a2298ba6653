//! Attachments of a message, by their name.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_core::ItemId;

/// An attachment that came with the message.
#[derive(Debug)]
pub(crate) struct Attachment<'d> {
    /// Its bytes in base64, unless they could not be read.
    pub data: Option<String>,
    pub size: usize,
    /// Its headers and its body.
    pub items: [ItemId; 2],
    pub content_type: &'d str,
}

/// Attachments by document id (upper case) and by file name.
pub(crate) type Attachments<'d> = HashMap<String, Arc<Attachment<'d>>>;
