//! What time does: expiry with its report, deletion of old content, overdue acknowledgements; and resets and
//! configuration, inside the writer's transaction.

use crate::accept::Start;
use crate::conn::{at_us, count, digest, get, p};
use crate::content::{self, hex, sha256};
use crate::fault::Result;
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::effects::EventKind;
use causeway_exchange::limits::{MAX_AUDIT_SWEEP, MAX_CONFIG_BYTES, MAX_SWEEP};
use causeway_exchange::{
    AUDIT_ENDED, AuditEnd, EngineError, Expectation, Message, MessageId, MessageKind, NewMessage, State,
};

/// MESH event and code of a message that was not collected.
const NOT_COLLECTED: (&str, &str) = ("14", "Message not collected by recipient after 5 days");

/// The id of a message's non-delivery report: always the same, so there can be only one.
fn report_id(original: &MessageId) -> Result<MessageId> {
    let digest = hex(&sha256(format!("non-delivery report of {original}").as_bytes()));
    MessageId::new(digest.get(..32).unwrap_or_default())
}

impl Tx<'_> {
    /// Ends what waited too long, and uploads that stood still.
    pub(crate) fn expire(&mut self) -> Result<Vec<MessageId>> {
        let sql = format!(
            "SELECT {} FROM message WHERE waiting > 0 AND expires_at <= $1 ORDER BY expires_at, seq LIMIT $2",
            rows::MESSAGE
        );
        let due = self.conn.all(&sql, p![self.now, MAX_SWEEP as i64], rows::message)?;
        for message in &due {
            self.expire_one(message)?;
        }
        Ok(due.into_iter().map(|m| m.new.id).collect())
    }

    fn expire_one(&mut self, message: &Message) -> Result<()> {
        let failure = (NOT_COLLECTED.0.to_owned(), NOT_COLLECTED.1.to_owned());
        let uploading = message.state == State::Uploading;
        let failure =
            if uploading { ("upload".to_owned(), "upload was not finished".to_owned()) } else { failure };
        self.change_state(&message.new.id, Some(State::Undeliverable), Some(&failure))?;
        self.event(message.seq.cast_signed(), EventKind::EXPIRED, "causeway", &failure.1)?;
        self.note("causeway", "message-expired", message.new.id.as_str(), &failure.0)?;
        self.after.expired += 1;
        if uploading {
            let seq = message.seq.cast_signed();
            self.conn.run("UPDATE message SET content_deleted_at=$2 WHERE seq=$1", p![seq, self.now])?;
            return self.drop_content(seq);
        }
        match &message.new.mailbox_from {
            Some(back) if message.new.kind == MessageKind::Data => self.report(message, back, &failure),
            _ => Ok(()),
        }
    }

    fn report(&mut self, about: &Message, mailbox: &str, failure: &(String, String)) -> Result<()> {
        let original = &about.new;
        let mut report = NewMessage::new(report_id(&original.id)?, "", "broker");
        report.kind = MessageKind::Report;
        report.mailbox_to = Some(mailbox.to_owned());
        report.inbox = true;
        report.workflow.clone_from(&original.workflow);
        report.local_id.clone_from(&original.local_id);
        report.partner_id.clone_from(&original.partner_id);
        report.correlation_id.clone_from(&original.correlation_id);
        report.subject = Some(format!("NDR: {}", original.subject.as_deref().unwrap_or_default()));
        report.linked = Some(original.id.clone());
        let start = Start { state: State::Accepted, chunks: 0, size: 0, sha256: sha256(&[]) };
        self.insert_message(&report, &start)?;
        self.change_state(&report.id, None, Some(failure))?;
        self.arrived(&report, &start.sha256)
    }

    /// Deletes old content. Returns how many messages.
    pub(crate) fn purge(&mut self, before: i64) -> Result<usize> {
        let due = self.conn.all(
            "SELECT m.seq, m.id FROM message m WHERE m.content_deleted_at IS NULL AND m.waiting = 0 AND m.received_at < $1
               AND NOT EXISTS (SELECT 1 FROM work w WHERE w.owner = m.seq)
               AND EXISTS (SELECT 1 FROM part p WHERE p.owner = m.seq)
               AND NOT EXISTS (SELECT 1 FROM config c WHERE c.kind='hold' AND c.json IS NOT NULL AND c.key IN (m.id, '*'))
             ORDER BY m.received_at LIMIT $2",
            p![before, MAX_SWEEP as i64],
            |r| Ok((get::<i64>(r, 0)?, get::<String>(r, 1)?)),
        )?;
        for (seq, id) in &due {
            self.drop_content(*seq)?;
            self.conn.run("UPDATE message SET content_deleted_at=$2 WHERE seq=$1", p![seq, self.now])?;
            self.event(*seq, EventKind::PURGED, "causeway", "retention period is over")?;
            self.note("causeway", "content-deleted", id, "retention")?;
        }
        self.conn.run("DELETE FROM idempotency WHERE at < $1", p![before])?;
        self.conn.run("DELETE FROM once WHERE until < $1", p![self.now])?;
        Ok(due.len())
    }

    /// Deletes the oldest entries of the audit trail. Returns how many.
    pub(crate) fn end_audit(&mut self, before: i64) -> Result<usize> {
        let held = "SELECT 1 FROM config WHERE kind='hold' AND json IS NOT NULL LIMIT 1";
        if self.conn.first(held, p![], |r| get::<i32>(r, 0))?.is_some() {
            return Ok(0);
        }
        let due = self.conn.first(
            "SELECT seq, hash, at FROM audit WHERE at < $1 AND seq < $2 AND seq < (SELECT min(seq) FROM audit) + $3
             ORDER BY seq DESC LIMIT 1",
            p![before, self.head.audit_seq, MAX_AUDIT_SWEEP.cast_signed()],
            |r| Ok((get::<i64>(r, 0)?, digest(r, 1)?, get::<i64>(r, 2)?)),
        )?;
        let Some((through, hash, until)) = due else { return Ok(0) };
        let gone = self.conn.run("DELETE FROM audit WHERE seq <= $1", p![through])?;
        let until = at_us(until)?;
        let end = AuditEnd { through: through.cast_unsigned(), hash: hex(&hash), until, seal: None };
        let detail = serde_json::to_string(&end).unwrap_or_default();
        self.note("causeway", AUDIT_ENDED, "exchange", &detail)?;
        usize::try_from(gone).map_err(|_| EngineError::Corrupt("count"))
    }

    /// Deletes a message's content and translation.
    pub(crate) fn drop_content(&mut self, owner: i64) -> Result<()> {
        let apart =
            self.conn.all("SELECT sha256 FROM part WHERE owner=$1 AND bytes IS NULL", p![owner], |r| {
                digest(r, 0)
            })?;
        self.conn.run("DELETE FROM part WHERE owner=$1", p![owner])?;
        self.conn.run("DELETE FROM translation WHERE owner=$1", p![owner])?;
        content::forget(self.conn, &apart)
    }

    pub(crate) fn sweep_overdue(&mut self) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner
             WHERE e.outcome IS NULL AND e.overdue_since IS NULL AND e.deadline <= $1 ORDER BY e.deadline LIMIT $2",
            rows::EXPECTATION
        );
        let mut due = self.conn.all(&sql, p![self.now, MAX_SWEEP as i64], rows::expectation)?;
        for one in &mut due {
            self.conn.run(
                "UPDATE expectation SET overdue_since=$2 WHERE id=$1",
                p![one.id.cast_signed(), self.now],
            )?;
            let owner = self.held(&one.message)?.seq;
            self.event(owner, EventKind::OVERDUE, &one.expected.from, one.expected.kind.as_str())?;
            one.overdue_since = Some(at_us(self.now)?);
        }
        Ok(due)
    }

    pub(crate) fn handle_overdue(&mut self, id: u64, actor: &str, note: &str) -> Result<()> {
        let message = self
            .conn
            .first(
                "SELECT m.id FROM expectation e JOIN message m ON m.seq=e.owner WHERE e.id=$1 AND e.handled_at IS NULL",
                p![id.cast_signed()],
                |r| get::<String>(r, 0),
            )?
            .ok_or(EngineError::NotFound("overdue acknowledgement"))?;
        self.conn.run(
            "UPDATE expectation SET handled_by=$2, handled_at=$3, note=$4 WHERE id=$1",
            p![id.cast_signed(), actor, self.now, note],
        )?;
        self.note(actor, "overdue-handled", &message, note)
    }

    pub(crate) fn use_once(&mut self, scope: &str, value: &str, until: i64) -> Result<bool> {
        self.conn
            .run(
                "INSERT INTO once(scope, value, until) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING",
                p![scope, value, until],
            )
            .map(|n| n == 1)
    }

    pub(crate) fn put_config(
        &mut self,
        kind: &str,
        key: &str,
        json: Option<&str>,
        expect: Option<u64>,
        actor: &str,
    ) -> Result<u64> {
        if json.is_some_and(|j| j.len() > MAX_CONFIG_BYTES) {
            return Err(EngineError::TooLarge(MAX_CONFIG_BYTES as u64));
        }
        let (version, present) = self
            .conn
            .first(
                "SELECT version, json IS NOT NULL FROM config WHERE kind=$1 AND key=$2",
                p![kind, key],
                |r| Ok((count(r, 0)?, get::<bool>(r, 1)?)),
            )?
            .unwrap_or((0, false));
        let visible = if present { version } else { 0 };
        if expect.is_some_and(|e| e != visible) {
            return Err(EngineError::VersionConflict(visible));
        }
        self.conn.run(
            "INSERT INTO config(kind, key, version, json) VALUES ($1,$2,$3,$4)
             ON CONFLICT (kind, key) DO UPDATE SET version=excluded.version, json=excluded.json",
            p![kind, key, (version + 1).cast_signed(), json],
        )?;
        let detail =
            json.map_or_else(|| "removed".to_owned(), |j| format!("sha256={}", hex(&sha256(j.as_bytes()))));
        self.note(actor, "configuration-changed", &format!("{kind}/{key}"), &detail)?;
        Ok(version + 1)
    }

    /// Removes messages (sandbox).
    pub(crate) fn reset(&mut self, mailbox: Option<&str>, actor: &str) -> Result<()> {
        let gone = self.conn.all(
            "SELECT seq, CASE WHEN waiting = 1 THEN mailbox_to END FROM message
             WHERE $1::text IS NULL OR mailbox_to=$1",
            p![mailbox],
            |r| Ok((get::<i64>(r, 0)?, get::<Option<String>>(r, 1)?)),
        )?;
        for (seq, waiting) in &gone {
            if let Some(mailbox) = waiting {
                self.wait_in(mailbox, -1)?;
            }
            self.drop_content(*seq)?;
            for table in ["event", "work", "expectation", "idempotency"] {
                self.conn.run(&format!("DELETE FROM {table} WHERE owner=$1"), p![seq])?;
            }
            self.conn.run("DELETE FROM message WHERE seq=$1", p![seq])?;
        }
        self.note(actor, "reset", mailbox.unwrap_or("*"), &format!("{} messages", gone.len()))
    }
}
