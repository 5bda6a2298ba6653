//! Why a document is refused.

use causeway_core::{Issue, ItemId};

/// Why a document, or the message, is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub issue: Issue,
    pub about: Option<ItemId>,
}
