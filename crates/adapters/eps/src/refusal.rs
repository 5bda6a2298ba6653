//! Why a record is refused.

use causeway_core::{Issue, ItemId};
use causeway_xml::Element;

use crate::rules;

/// Why a record is refused.
pub(crate) struct Refusal {
    pub issue: Issue,
    pub at: Option<ItemId>,
}

impl Refusal {
    /// It lacks something.
    pub(crate) fn missing(what: &str, element: Element<'_>) -> Self {
        Self { issue: rules::ITEM_MISSING.with(what), at: element.items().next() }
    }
}
