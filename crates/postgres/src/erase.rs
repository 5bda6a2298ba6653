//! Taking away what was sent by mistake: content, translation and all that was derived of it; a tombstone stays.

use crate::Postgres;
use crate::conn::{get, p};
use crate::fault::Result;
use crate::limits::DERIVED_DEPTH_MAX;
use crate::writer::Tx;
use causeway_exchange::{EngineError, MessageId};
use jiff::Timestamp;

/// Code of the failure that an erased message's tombstone has, and kind of its event.
const ERASED: &str = "erased";
/// Whether a hold is on the message of this row.
pub(crate) const HELD: &str = "EXISTS (SELECT 1 FROM config c WHERE c.kind='hold' AND c.json IS NOT NULL AND c.key IN (message.id, '*'))";

/// A message that is to be erased.
struct Doomed {
    seq: i64,
    id: String,
    waiting: i64,
    mailbox: Option<String>,
    held: bool,
}

impl Postgres {
    /// Erases a message and what was derived of it (copies in mailboxes, replies): their content, translations, work,
    /// numbers and names. Facts that say nothing of a person stay, with the reason on the timeline and in the audit trail.
    /// Returns the ids of all that was erased. In the server's files the old rows stay until it has vacuumed the tables and
    /// recycled its log.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]; [`EngineError::Invalid`] where a hold is on one of them.
    pub fn erase(&self, id: &MessageId, actor: &str, reason: &str, now: Timestamp) -> Result<Vec<String>> {
        let (id, actor, reason) = (id.clone(), actor.to_owned(), reason.to_owned());
        self.writer.call(now, move |tx| tx.erase(&id, &actor, &reason))
    }
}

impl Tx<'_> {
    fn erase(&mut self, id: &MessageId, actor: &str, reason: &str) -> Result<Vec<String>> {
        let all = self.derived(id)?;
        if all.is_empty() {
            return Err(EngineError::NotFound("message"));
        }
        if all.iter().any(|one| one.held) {
            return Err(EngineError::Invalid("a hold is on this message; release it first"));
        }
        for one in &all {
            if one.waiting == 1
                && let Some(mailbox) = &one.mailbox
            {
                self.wait_in(mailbox, -1)?;
            }
            self.drop_content(one.seq)?;
            self.conn.run("DELETE FROM work WHERE owner=$1", p![one.seq])?;
            self.conn.run(
                "UPDATE expectation SET handled_by=$2, handled_at=$3, note='erased', reference='' WHERE owner=$1",
                p![one.seq, actor, self.now],
            )?;
            self.conn.run(
                "UPDATE idempotency SET media_type='', body='' WHERE owner=$1 AND status IS NOT NULL",
                p![one.seq],
            )?;
            self.conn.run(
                "UPDATE message SET waiting=0, content_deleted_at=$2, changed_at=$2, person_key=NULL, local_id=NULL,
                   control_id=NULL, correlation_id=NULL, rest='{}', failure_code=$3, failure_text='erased by the operator',
                   state=CASE WHEN state IN ('acknowledged', 'undeliverable') THEN state ELSE 'error' END WHERE seq=$1",
                p![one.seq, self.now, ERASED],
            )?;
            self.event(one.seq, ERASED, actor, reason)?;
            self.note(actor, "message-erased", &one.id, reason)?;
        }
        Ok(all.into_iter().map(|one| one.id).collect())
    }

    /// A message and what was derived of it, in turn.
    fn derived(&mut self, id: &MessageId) -> Result<Vec<Doomed>> {
        let sql = format!(
            "SELECT seq, id, waiting, mailbox_to, {HELD} FROM message WHERE id=$1 OR linked=$1 ORDER BY seq"
        );
        let mut all: Vec<Doomed> = Vec::new();
        let mut next = vec![id.to_string()];
        for _ in 0..=DERIVED_DEPTH_MAX {
            let mut fresh = Vec::new();
            for one in next {
                let found = self.conn.all(&sql, p![one], |r| {
                    Ok(Doomed {
                        seq: get(r, 0)?,
                        id: get(r, 1)?,
                        waiting: get(r, 2)?,
                        mailbox: get(r, 3)?,
                        held: get(r, 4)?,
                    })
                })?;
                for row in found {
                    if !all.iter().any(|known| known.seq == row.seq) {
                        fresh.push(row.id.clone());
                        all.push(row);
                    }
                }
            }
            next = fresh;
        }
        Ok(all)
    }
}
