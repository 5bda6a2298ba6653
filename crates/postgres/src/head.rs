//! The exchange's counters and the audit trail's end: the one row of table `meta`.

use crate::conn::{digest, get};
use crate::fault::Result;
use causeway_exchange::message::Checksum;

/// What is carried from request to request; kept in table `meta`.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) high_water: i64,
    pub(crate) token: i64,
    pub(crate) audit_seq: i64,
    pub(crate) audit_hash: Checksum,
    pub(crate) message: i64,
    pub(crate) event: i64,
    pub(crate) work: i64,
    pub(crate) expectation: i64,
    /// Names of the standbys that a commit waits for, as the server has them.
    pub(crate) standbys: String,
    /// Whose reign it is.
    pub(crate) reign: i64,
    /// Keyed digest of the audit chain's length and head, where there is a key.
    pub(crate) audit_seal: Option<Vec<u8>>,
}

/// The columns that [`head`] reads.
pub(crate) const HEAD: &str =
    "SELECT high_water, token, audit_seq, audit_hash, message_seq, event_seq, work_seq,
  expectation_seq, current_setting('synchronous_standby_names'), reign, audit_seal FROM meta";

/// Table `meta`.
pub(crate) fn head(row: &postgres::Row) -> Result<Head> {
    Ok(Head {
        high_water: get(row, 0)?,
        token: get(row, 1)?,
        audit_seq: get(row, 2)?,
        audit_hash: digest(row, 3)?,
        message: get(row, 4)?,
        event: get(row, 5)?,
        work: get(row, 6)?,
        expectation: get(row, 7)?,
        standbys: get(row, 8)?,
        reign: get(row, 9)?,
        audit_seal: get(row, 10)?,
    })
}
