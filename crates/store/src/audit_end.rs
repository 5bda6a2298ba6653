//! The end of the audit trail's oldest entries: what is left goes on from the hash of the last one that went.

use crate::Store;
use crate::chain::end_seal;
use crate::fault::Result;
use crate::rows;
use crate::sealing;
use crate::writer::Tx;
use causeway_exchange::HOLD;
use causeway_exchange::effects::{AUDIT_ENDED, AuditEnd};
use causeway_exchange::limits::MAX_AUDIT_SWEEP;
use causeway_exchange::message::{Checksum, hex};
use causeway_seal::Key;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Of entries written before a time the one up to which they may go: number, hash and time. Never the last of the trail:
/// what follows is sealed from there.
fn last_due(conn: &Connection, before: i64) -> Result<Option<(u64, Checksum, Timestamp)>> {
    let sql = "SELECT seq, hash, at FROM audit
               WHERE at<?1 AND seq<(SELECT audit_seq FROM meta)
                 AND seq<(SELECT min(seq) FROM audit)+?2 ORDER BY seq DESC LIMIT 1";
    let read = |r: &rusqlite::Row<'_>| Ok((rows::count(r, 0)?, r.get(1)?, rows::time(r, 2)?));
    let sweep = MAX_AUDIT_SWEEP.cast_signed();
    Ok(rows::all(conn, sql, params![before, sweep], read)?.pop())
}

/// Whether a hold is on anything.
fn is_held(conn: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM config WHERE kind=?1 AND json IS NOT NULL LIMIT 1";
    Ok(!rows::all(conn, sql, [HOLD], |_| Ok(()))?.is_empty())
}

impl Tx<'_> {
    fn end_audit(&mut self, before: i64, key: Option<&Key>) -> Result<usize> {
        if is_held(self.conn)? {
            return Ok(0);
        }
        let Some((through, hash, until)) = last_due(self.conn, before)? else { return Ok(0) };
        let gone = self.run("DELETE FROM audit WHERE seq<=?1", [through.cast_signed()])?;
        let seal = key.map(|key| end_seal(through, &hash, key));
        let end = AuditEnd { through, hash: hex(&hash), until, seal };
        let detail = serde_json::to_string(&end).unwrap_or_default();
        self.note("causeway", AUDIT_ENDED, "exchange", &detail)?;
        Ok(gone)
    }
}

impl Store {
    pub(crate) fn end_audit_before(&self, before: Timestamp, now: Timestamp) -> Result<usize> {
        let (before, key) = (before.as_microsecond(), sealing::key(&self.shared.options)?);
        let gone = self.writer.call(now, move |tx| tx.end_audit(before, key.as_ref()))?;
        if gone > 0 {
            // Deleted entries are overwritten in the database; its earlier pages must not stay in the log.
            self.empty_log(now)?;
        }
        Ok(gone)
    }
}

impl crate::Reader {
    /// How many entries of the audit trail were written before a time, and whether a hold keeps them.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) fn audit_entries_due(&self, before: Timestamp) -> Result<(u64, bool)> {
        let conn = self.connection();
        let sql = "SELECT count(*) FROM audit WHERE at<?1 AND seq<(SELECT audit_seq FROM meta)";
        let due = rows::all(conn, sql, [before.as_microsecond()], |r| rows::count(r, 0))?.pop();
        Ok((due.unwrap_or_default(), is_held(conn)?))
    }
}
