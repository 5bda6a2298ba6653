//! Envelopes.
use crate::document::Attachments;
use causeway_adapter::{Composer, Part};
use causeway_core::{Issue, Ledger};
/// A message.
pub(crate) struct Message<'a> {
    pub payload: &'a [u8],
    pub offset: usize,
}
pub(crate) fn open<'a>(input: &'a [u8], _ledger: &mut Ledger) -> Result<Message<'a>, Issue> {
    Ok(Message { payload: input, offset: 0 })
}
pub(crate) fn name_places(_m: &Message<'_>, _l: &mut Ledger) {}
pub(crate) fn attachments<'d>(_m: &Message<'d>, _c: &mut Composer<'_>) -> Attachments<'d> {
    Attachments::new()
}
pub(crate) fn part(_i: &[u8]) -> Option<Part> {
    None
}
pub(crate) fn join(_p: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
    Err(Vec::new())
}
