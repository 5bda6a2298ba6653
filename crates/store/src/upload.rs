//! Chunked uploads and recipients' acknowledgements, inside the writer's transaction.

use crate::accept::{Start, lifetime};
use crate::fault::Result;
use crate::prepare::{Part, ReadyEffects, sha256};
use crate::rows;
use crate::writer::Tx;
use causeway_exchange::effects::EventKind;
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    AckKind, AckOutcome, ChunkOutcome, EngineError, MessageId, NewMessage, Settle, State,
};
use rusqlite::params;

impl Tx<'_> {
    pub(crate) fn begin_upload(
        &mut self,
        message: &NewMessage,
        total: u32,
        first: &Part,
        effects: ReadyEffects,
    ) -> Result<()> {
        let start = Start { state: State::Uploading, chunks: total, size: first.size, sha256: sha256(&[]) };
        let seq = self.insert_message(message, &start)?;
        self.insert_part(seq, first)?;
        self.event(seq, EventKind::UPLOADING, &message.sender, &format!("chunk 1 of {total}"))?;
        self.effects(seq, &message.id, effects)
    }

    pub(crate) fn put_chunk(&mut self, id: &MessageId, part: &Part) -> Result<ChunkOutcome> {
        let held = self.held(id)?;
        let (total, present) = self
            .first("SELECT chunks, present FROM message WHERE seq=?1", [held.seq], |r| {
                Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?))
            })?
            .ok_or(EngineError::NotFound("message"))?;
        if held.state != State::Uploading {
            return Err(EngineError::UploadFinalised);
        }
        if part.number < 1 || part.number > total {
            return Err(EngineError::ChunkOutOfRange);
        }
        let earlier = self.first(
            "SELECT sha256 FROM part WHERE id=?1",
            [rows::part_key(held.seq, part.role, part.number)],
            |r| r.get::<_, Checksum>(0),
        )?;
        match earlier {
            Some(digest) if digest == part.sha256 => {
                return Ok(ChunkOutcome { repeated: true, complete: present == total });
            }
            Some(_) => return Err(EngineError::ChunkDiffers),
            None => {}
        }
        self.insert_part(held.seq, part)?;
        self.run(
            "UPDATE message SET present=present+1, size=size+?4, changed_at=?2, expires_at=?3 WHERE seq=?1",
            params![held.seq, self.now, self.now.saturating_add(lifetime()), part.size.cast_signed()],
        )?;
        Ok(ChunkOutcome { repeated: false, complete: present + 1 == total })
    }

    /// Accepts an upload whose chunks the caller has verified: `chunks` of them, `size` bytes, this digest.
    pub(crate) fn finish_upload(
        &mut self,
        id: &MessageId,
        whole: (u64, Checksum),
        chunks: i64,
        effects: ReadyEffects,
    ) -> Result<u64> {
        let held = self.held(id)?;
        match held.state {
            State::Uploading => {}
            State::Undeliverable | State::Error => return Err(EngineError::WrongState(held.state)),
            _ => return Ok(held.seq.cast_unsigned()),
        }
        let present =
            self.first("SELECT present FROM message WHERE seq=?1", [held.seq], |r| r.get::<_, i64>(0))?;
        if present != Some(chunks) {
            return Err(EngineError::Storage("upload changed while it was finished".to_owned()));
        }
        let select = format!("SELECT {} FROM message WHERE seq=?1", rows::MESSAGE);
        let message =
            self.first(&select, [held.seq], rows::message)?.ok_or(EngineError::NotFound("message"))?;
        // Its place in the order is that of its completion: a page that was read before must not miss it.
        let seq = self.renumber(held.seq)?;
        let waiting = i64::from(message.new.inbox);
        self.head.event += 1;
        self.run(
            "UPDATE message SET state='accepted', waiting=?2, size=?3, sha256=?4, received_at=?5, changed_at=?5,
               expires_at=?6, accepted_event=?7 WHERE seq=?1",
            params![
                seq,
                waiting,
                whole.0.cast_signed(),
                whole.1,
                self.now,
                (waiting > 0).then(|| self.now.saturating_add(lifetime())),
                self.head.event
            ],
        )?;
        self.arrived(seq, &message.new, &whole.1)?;
        self.effects(seq, id, effects)?;
        Ok(seq.cast_unsigned())
    }

    /// Gives a message a new sequence at the end; everything that belongs to it follows.
    fn renumber(&mut self, old: i64) -> Result<i64> {
        self.head.message += 1;
        let next = self.head.message;
        self.run("UPDATE message SET seq=?2 WHERE seq=?1", params![old, next])?;
        let [body, _] = rows::body_keys(old);
        let [_, made] = rows::made_keys(old);
        let [moved, _] = rows::body_keys(next);
        self.run(
            "UPDATE part SET id=id+?3, owner=?4 WHERE id BETWEEN ?1 AND ?2",
            params![body, made, moved - body, next],
        )?;
        for table in ["event", "work", "expectation", "idempotency", "translation"] {
            self.run(&format!("UPDATE {table} SET owner=?2 WHERE owner=?1"), params![old, next])?;
        }
        Ok(next)
    }

    /// The recipient's acknowledgement; `false` where it came before.
    pub(crate) fn acknowledge(&mut self, mailbox: &str, id: &MessageId, actor: &str) -> Result<bool> {
        let held = self.held(id)?;
        if held.mailbox_to.as_deref() != Some(mailbox) {
            return Err(EngineError::NotFound("message"));
        }
        if held.state == State::Acknowledged {
            return Ok(false);
        }
        self.change_state(id, Some(State::Acknowledged), None)?;
        self.event(held.seq, EventKind::ACKNOWLEDGED, actor, mailbox)?;
        self.note(actor, "message-acknowledged", id.as_str(), mailbox)?;
        self.after.acknowledged += 1;
        let open = self.first(
            "SELECT 1 FROM expectation WHERE owner=?1 AND kind='transport' AND outcome IS NULL LIMIT 1",
            [held.seq],
            |_| Ok(()),
        )?;
        if open.is_some() {
            self.settle(&Settle {
                message: id.clone(),
                kind: AckKind::Transport,
                // A message lies in one mailbox.
                from: None,
                outcome: AckOutcome::Positive,
                code: "collected".to_owned(),
            })?;
        }
        Ok(true)
    }
}
