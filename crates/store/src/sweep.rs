//! What time does: expiry with its report, deletion of old content, overdue acknowledgements; and resets and
//! configuration, inside the writer's transaction.

use crate::accept::Start;
use crate::blobs::hex;
use crate::documents::DocumentChange;
use crate::erase::HELD;
use crate::fault::Result;
use crate::inbox::{Change, Inboxes};
use crate::prepare::sha256;
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::effects::EventKind;
use causeway_exchange::limits::{MAX_CONFIG_BYTES, MAX_SWEEP};
use causeway_exchange::message::Checksum;
use causeway_exchange::{EngineError, Expectation, Message, MessageId, MessageKind, NewMessage, State};
use rusqlite::params;

/// MESH event and code of a message that was not collected.
const NOT_COLLECTED: (&str, &str) = ("14", "Message not collected by recipient after 5 days");

/// The id of a message's non-delivery report: always the same, so there can be only one.
fn report_id(original: &MessageId) -> Result<MessageId> {
    let digest = hex(&sha256(format!("non-delivery report of {original}").as_bytes()));
    MessageId::new(digest.get(..32).unwrap_or_default())
}

impl Tx<'_> {
    /// Ends what waited too long, and uploads that stood still.
    pub(crate) fn expire(&mut self, inboxes: &Inboxes) -> Result<(Vec<MessageId>, Vec<Checksum>)> {
        let sql = format!(
            "SELECT {} FROM message WHERE waiting = 2 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
            rows::MESSAGE
        );
        let mut due = rows::all(self.conn, &sql, params![self.now, MAX_SWEEP], rows::message)?;
        for mailbox in inboxes.mailboxes() {
            let left = MAX_SWEEP.saturating_sub(due.len());
            if left == 0 {
                break;
            }
            self.overstayed(&inboxes.sequences(&mailbox, None, false, left), &mut due)?;
        }
        let mut files = Vec::new();
        for message in &due {
            files.extend(self.expire_one(message)?);
        }
        Ok((due.into_iter().map(|m| m.new.id).collect(), files))
    }

    /// Of a mailbox's oldest messages those whose time is over: what came later expires later.
    fn overstayed(&self, oldest: &[u64], due: &mut Vec<Message>) -> Result<()> {
        let sql = format!("SELECT {} FROM message WHERE seq=?1 AND waiting=1", rows::MESSAGE);
        let now = crate::queue::at_us(self.now)?;
        for seq in oldest {
            match self.first(&sql, [seq.cast_signed()], rows::message)? {
                Some(one) if one.expires_at.is_some_and(|e| e <= now) => due.push(one),
                Some(_) => break,
                // Collected by an earlier request of this commit.
                None => {}
            }
        }
        Ok(())
    }

    /// The files that its chunks were in, where it was an upload.
    fn expire_one(&mut self, message: &Message) -> Result<Vec<Checksum>> {
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
            self.run("UPDATE message SET content_deleted_at=?2 WHERE seq=?1", params![seq, self.now])?;
            return self.drop_content(seq);
        }
        match &message.new.mailbox_from {
            Some(back) if message.new.kind == MessageKind::Data => self.report(message, back, &failure)?,
            _ => {}
        }
        Ok(Vec::new())
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
        let seq = self.insert_message(&report, &start)?;
        self.change_state(&report.id, None, Some(failure))?;
        self.arrived(seq, &report, &start.sha256)
    }

    /// Deletes old content. Returns how many messages, and the files that may now be unnamed.
    pub(crate) fn purge(&mut self, before: i64) -> Result<(usize, Vec<Checksum>)> {
        let due = self.outlived(before)?;
        let mut files = Vec::new();
        for (seq, id) in &due {
            files.extend(self.drop_content(*seq)?);
            self.run("UPDATE message SET content_deleted_at=?2 WHERE seq=?1", params![seq, self.now])?;
            self.event(*seq, EventKind::PURGED, "causeway", "retention period is over")?;
            self.note("causeway", "content-deleted", id, "retention")?;
        }
        self.run("DELETE FROM idempotency WHERE at < ?1", [before])?;
        self.run("DELETE FROM once WHERE until < ?1", [self.now])?;
        Ok((due.len(), files))
    }

    /// Messages received before this that have content and that nothing waits for, oldest first.
    fn outlived(&self, before: i64) -> Result<Vec<(i64, String)>> {
        let mut due = Vec::new();
        let mut from = 0i64;
        while due.len() < MAX_SWEEP {
            let owner =
                self.first("SELECT owner FROM part WHERE id >= ?1 ORDER BY id LIMIT 1", [from], |r| {
                    r.get(0)
                })?;
            let Some(owner) = owner else { break };
            let [_, last] = rows::made_keys(owner);
            from = last + 1;
            let found = self.first(
                &format!(
                    "SELECT id, received_at < ?2, waiting = 0 AND NOT EXISTS (SELECT 1 FROM work w WHERE w.owner = seq)
                       AND NOT {HELD} FROM message WHERE seq=?1"
                ),
                params![owner, before],
                |r| Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, bool>(2)?)),
            )?;
            match found {
                Some((id, true, true)) => due.push((owner, id)),
                // Times rise with the sequence.
                Some((_, false, _)) => break,
                Some((_, true, false)) | None => {}
            }
        }
        Ok(due)
    }

    /// Deletes a message's content and translation; the files it named.
    pub(crate) fn drop_content(&self, owner: i64) -> Result<Vec<Checksum>> {
        let ([first, _], [_, last]) = (rows::body_keys(owner), rows::made_keys(owner));
        let keys = [first, last];
        let files = rows::all(
            self.conn,
            "SELECT sha256 FROM part WHERE id BETWEEN ?1 AND ?2 AND +bytes IS NULL",
            keys,
            |r| r.get(0),
        )?;
        self.run("DELETE FROM part WHERE id BETWEEN ?1 AND ?2", keys)?;
        self.run("DELETE FROM translation WHERE owner=?1", [owner])?;
        Ok(files)
    }

    pub(crate) fn sweep_overdue(&mut self) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner
             WHERE e.outcome IS NULL AND e.overdue_since IS NULL AND e.deadline <= ?1 ORDER BY e.deadline LIMIT ?2",
            rows::EXPECTATION
        );
        let mut due = rows::all(self.conn, &sql, params![self.now, MAX_SWEEP], rows::expectation)?;
        for one in &mut due {
            self.run(
                "UPDATE expectation SET overdue_since=?2 WHERE id=?1",
                params![one.id.cast_signed(), self.now],
            )?;
            let owner = self.held(&one.message)?.seq;
            self.event(owner, EventKind::OVERDUE, &one.expected.from, one.expected.kind.as_str())?;
            one.overdue_since = Some(crate::queue::at_us(self.now)?);
        }
        Ok(due)
    }

    pub(crate) fn handle_overdue(&mut self, id: u64, actor: &str, note: &str) -> Result<()> {
        let message = self
            .first(
                "SELECT m.id FROM expectation e JOIN message m ON m.seq=e.owner WHERE e.id=?1 AND e.handled_at IS NULL",
                [id.cast_signed()],
                |r| r.get::<_, String>(0),
            )?
            .ok_or(EngineError::NotFound("overdue acknowledgement"))?;
        self.run(
            "UPDATE expectation SET handled_by=?2, handled_at=?3, note=?4 WHERE id=?1",
            params![id.cast_signed(), actor, self.now, note],
        )?;
        self.note(actor, "overdue-handled", &message, note)
    }

    pub(crate) fn use_once(&self, scope: &str, value: &str, until: i64) -> Result<bool> {
        self.run(
            "INSERT OR IGNORE INTO once(scope, value, until) VALUES (?1,?2,?3)",
            params![scope, value, until],
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
            .first(
                "SELECT version, json IS NOT NULL FROM config WHERE kind=?1 AND key=?2",
                [kind, key],
                |r| Ok((rows::count(r, 0)?, r.get::<_, bool>(1)?)),
            )?
            .unwrap_or((0, false));
        let visible = if present { version } else { 0 };
        if expect.is_some_and(|e| e != visible) {
            return Err(EngineError::VersionConflict(visible));
        }
        self.run(
            "INSERT OR REPLACE INTO config(kind, key, version, json) VALUES (?1,?2,?3,?4)",
            params![kind, key, (version + 1).cast_signed(), json],
        )?;
        let detail =
            json.map_or_else(|| "removed".to_owned(), |j| format!("sha256={}", hex(&sha256(j.as_bytes()))));
        self.note(actor, "configuration-changed", &format!("{kind}/{key}"), &detail)?;
        let document = json.map(|json| (version + 1, json.to_owned()));
        self.after.documents.push(DocumentChange { kind: kind.to_owned(), key: key.to_owned(), document });
        Ok(version + 1)
    }

    /// Removes messages (sandbox); the files they named.
    pub(crate) fn reset(&mut self, mailbox: Option<&str>, actor: &str) -> Result<Vec<Checksum>> {
        let gone: Vec<i64> = rows::all(
            self.conn,
            "SELECT seq FROM message WHERE ?1 IS NULL OR mailbox_to=?1",
            [mailbox],
            |r| r.get(0),
        )?;
        let mut files = Vec::new();
        for seq in &gone {
            let waiting =
                self.first("SELECT mailbox_to FROM message WHERE seq=?1 AND waiting=1", [seq], |r| {
                    r.get::<_, Option<String>>(0)
                })?;
            let seq = *seq;
            self.after.inboxes.extend(waiting.flatten().map(|mailbox| Change::Remove { mailbox, seq }));
            files.extend(self.drop_content(seq)?);
            for table in ["event", "work", "expectation", "idempotency"] {
                self.run(&format!("DELETE FROM {table} WHERE owner=?1"), [seq])?;
            }
            self.run("DELETE FROM message WHERE seq=?1", [seq])?;
        }
        self.note(actor, "reset", mailbox.unwrap_or("*"), &format!("{} messages", gone.len()))?;
        Ok(files)
    }
}
