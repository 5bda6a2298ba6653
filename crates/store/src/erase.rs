//! Taking away what was sent by mistake: content, translation and all that was derived of it; a tombstone stays.

use crate::Store;
use crate::fault::Result;
use crate::inbox::Change;
use crate::limits::MAX_DERIVED_DEPTH;
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::message::Checksum;
use causeway_exchange::{EngineError, MessageId};
use jiff::Timestamp;
use rusqlite::params;

/// Code of the failure that an erased message's tombstone has, and kind of its event.
pub const ERASED: &str = "erased";
/// Whether a hold is on the message of this row.
pub(crate) const HELD: &str = "EXISTS (SELECT 1 FROM config c WHERE c.kind='hold' AND c.json IS NOT NULL AND c.key IN (message.id, '*'))";

impl Store {
    /// Erases a message and what was derived of it (copies in mailboxes, replies): their content, translations, work,
    /// numbers and names. Facts that say nothing of a person stay, with the reason on the timeline and in the audit trail.
    /// No earlier text of it is left in the database's files when this returns, where no reader holds the log. Returns the
    /// ids of all that was erased.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Invalid`] where a hold is on one of them.
    pub fn erase(&self, id: &MessageId, actor: &str, reason: &str, now: Timestamp) -> Result<Vec<String>> {
        let (id, actor, reason) = (id.clone(), actor.to_owned(), reason.to_owned());
        let (erased, files) = self.writer.call(now, move |tx| tx.erase(&id, &actor, &reason))?;
        self.drop_files(&files)?;
        self.empty_log(now)?;
        Ok(erased)
    }

    /// Copies the write-ahead log back and empties it, so that no earlier text of a page is left in it.
    pub(crate) fn empty_log(&self, now: Timestamp) -> Result<()> {
        self.shared.shrink.store(true, std::sync::atomic::Ordering::Relaxed);
        // The log is cut after the commit of this request; the next one is answered after that.
        self.writer.wait(now, false, |_| Ok(()))?;
        self.writer.wait(now, false, |_| Ok(()))
    }
}

impl Tx<'_> {
    fn erase(&mut self, id: &MessageId, actor: &str, reason: &str) -> Result<(Vec<String>, Vec<Checksum>)> {
        let sql = format!(
            "SELECT seq, id, waiting, mailbox_to, {HELD} FROM message WHERE id=?1 OR linked=?1 ORDER BY seq"
        );
        let mut all: Vec<(i64, String, i64, Option<String>, bool)> = Vec::new();
        let mut next = vec![id.to_string()];
        for _ in 0..=MAX_DERIVED_DEPTH {
            let mut fresh = Vec::new();
            for one in next {
                let found: Vec<(i64, String, i64, Option<String>, bool)> =
                    rows::all(self.conn, &sql, [one], |r| {
                        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
                    })?;
                for row in found {
                    if !all.iter().any(|known| known.0 == row.0) {
                        fresh.push(row.1.clone());
                        all.push(row);
                    }
                }
            }
            next = fresh;
        }
        if all.is_empty() {
            return Err(EngineError::NotFound("message"));
        }
        if all.iter().any(|(.., held)| *held) {
            return Err(EngineError::Invalid("a hold is on this message; release it first"));
        }
        let mut files = Vec::new();
        for (seq, id, waiting, mailbox, _) in &all {
            let seq = *seq;
            if *waiting == 1 {
                self.after.inboxes.extend(mailbox.clone().map(|mailbox| Change::Remove { mailbox, seq }));
            }
            files.extend(self.drop_content(seq)?);
            self.run("DELETE FROM work WHERE owner=?1", [seq])?;
            self.run(
                "UPDATE expectation SET handled_by=?2, handled_at=?3, note='erased', reference='' WHERE owner=?1",
                params![seq, actor, self.now],
            )?;
            self.run(
                "UPDATE idempotency SET media_type='', body=x'' WHERE owner=?1 AND status IS NOT NULL",
                [seq],
            )?;
            self.run(
                "UPDATE message SET waiting=0, content_deleted_at=?2, changed_at=?2, person_key=NULL, local_id=NULL,
                   control_id=NULL, correlation_id=NULL, rest='{}', failure_code=?3, failure_text='erased by the operator',
                   state=CASE WHEN state IN ('acknowledged', 'undeliverable') THEN state ELSE 'error' END WHERE seq=?1",
                params![seq, self.now, ERASED],
            )?;
            self.event(seq, ERASED, actor, reason)?;
            self.note(actor, "message-erased", id, reason)?;
        }
        Ok((all.into_iter().map(|(_, id, ..)| id).collect(), files))
    }
}
