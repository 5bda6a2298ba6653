//! Why a message or a transaction is refused.

use causeway_core::{Issue, ItemId, Rule};

/// Why a message or a transaction is refused, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub rule: &'static Rule,
    pub words: &'static str,
    pub at: Option<ItemId>,
}

impl Refusal {
    pub(crate) fn new(rule: &'static Rule, at: Option<ItemId>) -> Self {
        Self { rule, words: "", at }
    }

    pub(crate) fn issue(&self) -> Issue {
        if self.words.is_empty() { self.rule.issue() } else { self.rule.with(self.words) }
    }
}
