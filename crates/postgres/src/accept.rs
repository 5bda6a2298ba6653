//! Accepting messages and applying effects, inside the writer's transaction.

use crate::conn::{digest, get, p, small, word};
use crate::content::{self, NewPart, ReadyAccept, ReadyEffects, ReadyTranslation, hex, sha256};
use crate::fault::Result;
use crate::later::{Cell, Table};
use crate::rows::{self, Rest};
use crate::writer::Tx;
use causeway_exchange::effects::{EventKind, cut};
use causeway_exchange::engine::inbox_lifetime;
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    AcceptOutcome, Answer, EngineError, IdempotencyKey, MessageId, NewExpectation, NewMessage, NewWork,
    Settle, State,
};
use causeway_exchange::{AckOutcome, MessageKind};

/// What the writer needs to know of a stored message.
pub(crate) struct Held {
    pub(crate) seq: i64,
    pub(crate) state: State,
    pub(crate) waiting: i64,
    pub(crate) mailbox_to: Option<String>,
}

/// What is first written of a message.
pub(crate) struct Start {
    pub(crate) state: State,
    pub(crate) chunks: u32,
    pub(crate) size: u64,
    pub(crate) sha256: Checksum,
}

impl Tx<'_> {
    /// Accepts a message or says what its retry gets.
    pub(crate) fn accept(&mut self, ready: ReadyAccept) -> Result<AcceptOutcome> {
        let digest = ready.body.as_ref().map_or_else(|| sha256(&[]), |b| b.sha256);
        if let Some(key) = &ready.key
            && let Some(outcome) = self.earlier(key, Some(&digest))?
        {
            self.after.duplicates += 1;
            return Ok(outcome);
        }
        let message = ready.message;
        let start = Start {
            state: State::Accepted,
            chunks: u32::from(ready.body.is_some()),
            size: ready.body.as_ref().map_or(0, |b| b.size),
            sha256: digest,
        };
        let seq = self.insert_message(&message, &start)?;
        if let Some(body) = &ready.body {
            self.insert_part(seq, body)?;
        }
        let mut effects = ready.effects;
        // No key, no answer to keep; with one, both are one row.
        let answer = effects.plain.answer.take();
        if let Some(key) = &ready.key {
            let answer = answer.as_ref();
            let row = vec![
                Cell::text(&key.sender),
                Cell::text(&key.request_id),
                Cell::number(seq),
                Cell::text(message.id.as_str()),
                Cell::bytes(&digest),
                Cell::number(self.now),
                Cell::Number(answer.map(|a| i64::from(a.status))),
                Cell::maybe(answer.map(|a| a.media_type.as_str())),
                Cell::Bytes(answer.map(|a| a.body.clone())),
            ];
            self.conn.later(Table::Idempotency, row)?;
        }
        self.arrived(&message, &digest)?;
        self.effects(seq, &message.id, effects)?;
        Ok(AcceptOutcome::Accepted { seq: seq.cast_unsigned() })
    }

    /// Audit entry and count of a message that has arrived whole. Its row tells the `accepted` event.
    pub(crate) fn arrived(&mut self, message: &NewMessage, digest: &Checksum) -> Result<()> {
        let detail = format!("sha256={}", hex(digest));
        self.note(&message.sender, "message-accepted", message.id.as_str(), &detail)?;
        self.after.accepted += 1;
        if message.inbox
            && let Some(mailbox) = &message.mailbox_to
        {
            self.wait_in(mailbox, 1)?;
        }
        Ok(())
    }

    /// Counts messages into a mailbox's inbox, or out of it.
    pub(crate) fn wait_in(&mut self, mailbox: &str, by: i64) -> Result<()> {
        self.conn
            .run(
                "INSERT INTO mailbox(name, waiting) VALUES ($1,$2)
                 ON CONFLICT (name) DO UPDATE SET waiting = mailbox.waiting + $2",
                p![mailbox, by],
            )
            .map(drop)
    }

    /// What was answered to this request before.
    pub(crate) fn earlier(
        &mut self,
        key: &IdempotencyKey,
        digest: Option<&Checksum>,
    ) -> Result<Option<AcceptOutcome>> {
        if self.fresh.request(&key.sender, &key.request_id) {
            return Ok(None);
        }
        self.conn.first(
            "SELECT message, sha256, status, media_type, body FROM idempotency WHERE sender=$1 AND request_id=$2",
            p![key.sender, key.request_id],
            |r| earlier_outcome(r, digest),
        )
    }

    pub(crate) fn insert_message(&mut self, message: &NewMessage, start: &Start) -> Result<i64> {
        if message.inbox && message.mailbox_to.is_none() {
            return Err(EngineError::Invalid("an inbox message needs a mailbox"));
        }
        let uploading = start.state == State::Uploading;
        let waiting = if uploading { 2 } else { i64::from(message.inbox) };
        let expires = (waiting > 0).then(|| self.now.saturating_add(lifetime()));
        let seq = self.head.message + 1;
        let event = (!uploading).then_some(self.head.event + 1);
        let kind = if message.kind == MessageKind::Data { "data" } else { "report" };
        let present = if uploading { 1i64 } else { i64::from(start.chunks) };
        let rest =
            serde_json::to_string(&Rest::of(message)).map_err(|_| EngineError::Invalid("message headers"))?;
        if self.fresh.message(message.id.as_str()) {
            let row = vec![
                Cell::number(seq),
                Cell::text(message.id.as_str()),
                Cell::text(kind),
                Cell::text(start.state.as_str()),
                Cell::number(waiting),
                Cell::Flag(message.inbox),
                Cell::text(&message.sender),
                Cell::text(&message.door),
                Cell::maybe(message.mailbox_from.as_deref()),
                Cell::maybe(message.mailbox_to.as_deref()),
                Cell::maybe(message.workflow.as_deref()),
                Cell::maybe(message.local_id.as_deref()),
                Cell::maybe(message.correlation_id.as_deref()),
                Cell::maybe(message.person_key.as_deref()),
                Cell::maybe(message.linked.as_ref().map(MessageId::as_str)),
                Cell::number(self.now),
                Cell::number(self.now),
                Cell::Number(expires),
                Cell::number(start.size.cast_signed()),
                Cell::bytes(&start.sha256),
                Cell::number(i64::from(start.chunks)),
                Cell::number(present),
                Cell::text(&rest),
                Cell::Number(event),
            ];
            self.conn.later(Table::Message, row)?;
            self.number_message(seq, event);
            return Ok(seq);
        }
        let written = self.conn.run(
            "INSERT INTO message(seq, id, kind, state, waiting, inbox, sender, door, mailbox_from, mailbox_to, workflow,
               local_id, correlation_id, person_key, linked, received_at, changed_at, expires_at, size, sha256,
               chunks, present, rest, accepted_event)
             VALUES ($22,$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$15,$16,$17,$18,$19,$20,$21,$23)
             ON CONFLICT (id) DO NOTHING",
            p![
                message.id.as_str(),
                kind,
                start.state.as_str(),
                waiting,
                message.inbox,
                message.sender,
                message.door,
                message.mailbox_from,
                message.mailbox_to,
                message.workflow,
                message.local_id,
                message.correlation_id,
                message.person_key,
                message.linked.as_ref().map(MessageId::as_str),
                self.now,
                expires,
                start.size.cast_signed(),
                &start.sha256[..],
                i64::from(start.chunks),
                present,
                rest,
                seq,
                event,
            ],
        )?;
        if written == 0 {
            return Err(EngineError::IdInUse);
        }
        self.number_message(seq, event);
        Ok(seq)
    }

    fn number_message(&mut self, seq: i64, event: Option<i64>) {
        self.head.message = seq;
        self.head.event += i64::from(event.is_some());
    }

    pub(crate) fn insert_part(&mut self, owner: i64, part: &NewPart) -> Result<()> {
        if part.bytes.is_none() {
            content::hold(self.conn, &part.sha256, part.size)?;
        }
        let row = vec![
            Cell::number(owner),
            Cell::number(rows::place(part.role)),
            Cell::number(part.number),
            Cell::text(part.role),
            Cell::text(&part.name),
            Cell::text(&part.media_type),
            Cell::bytes(&part.sha256),
            Cell::number(part.size.cast_signed()),
            Cell::Bytes(part.bytes.clone()),
        ];
        self.conn.later(Table::Part, row)
    }

    /// The message, or `NotFound`.
    pub(crate) fn held(&mut self, id: &MessageId) -> Result<Held> {
        self.conn
            .first("SELECT seq, state, waiting, mailbox_to FROM message WHERE id=$1", p![id.as_str()], |r| {
                Ok(Held {
                    seq: get(r, 0)?,
                    state: word(r, 1, State::parse)?,
                    waiting: get(r, 2)?,
                    mailbox_to: get(r, 3)?,
                })
            })?
            .ok_or(EngineError::NotFound("message"))
    }

    /// Applies effects to a message.
    pub(crate) fn effects(&mut self, owner: i64, id: &MessageId, ready: ReadyEffects) -> Result<()> {
        let ReadyEffects { plain, translation, messages } = ready;
        if let Some(translation) = translation {
            self.keep_translation(owner, id, &translation)?;
        }
        if plain.state.is_some() || plain.failure.is_some() {
            self.change_state(id, plain.state, plain.failure.as_ref())?;
        }
        if plain.control_id.is_some() || plain.person_key.is_some() {
            self.conn.run(
                "UPDATE message SET control_id=coalesce($2, control_id), person_key=coalesce($3, person_key) WHERE seq=$1",
                p![owner, plain.control_id, plain.person_key],
            )?;
        }
        for work in &plain.work {
            self.queue(owner, work)?;
        }
        for expected in &plain.expectations {
            self.expect(owner, expected)?;
        }
        for settle in &plain.settled {
            self.settle(settle)?;
        }
        if let Some(answer) = &plain.answer {
            self.keep_answer(owner, answer)?;
        }
        for event in &plain.events {
            self.event(owner, &event.kind.0, &event.actor, &event.detail)?;
        }
        for audit in &plain.audit {
            self.audit(audit)?;
        }
        for message in messages {
            self.accept(message)?;
        }
        Ok(())
    }

    /// Moves a message along, out of the inbox where the new state ends its waiting.
    pub(crate) fn change_state(
        &mut self,
        id: &MessageId,
        next: Option<State>,
        failure: Option<&(String, String)>,
    ) -> Result<()> {
        let held = self.held(id)?;
        let to = next.unwrap_or(held.state);
        if !held.state.may_become(to) {
            return Err(EngineError::Transition { from: held.state, to });
        }
        let ends = to.is_final() || to == State::Error;
        if ends
            && held.waiting == 1
            && let Some(mailbox) = &held.mailbox_to
        {
            self.wait_in(mailbox, -1)?;
        }
        let waiting = if ends { 0 } else { held.waiting };
        self.conn.run(
            "UPDATE message SET state=$2::text, waiting=$3, changed_at=$4, failure_code=coalesce($5::text, failure_code),
               failure_text=coalesce($6::text, failure_text),
               acknowledged_at=CASE WHEN $2::text='acknowledged' THEN coalesce(acknowledged_at, $4) END
             WHERE seq=$1",
            p![
                held.seq,
                to.as_str(),
                waiting,
                self.now,
                failure.map(|f| f.0.as_str()),
                failure.map(|f| cut(&f.1))
            ],
        )
        .map(drop)
    }

    fn keep_translation(&mut self, owner: i64, id: &MessageId, translation: &ReadyTranslation) -> Result<()> {
        let files = self.conn.all(
            "SELECT sha256 FROM part WHERE owner=$1 AND place>$2 AND bytes IS NULL",
            p![owner, rows::BODY],
            |r| digest(r, 0),
        )?;
        let replaced =
            self.conn.run("DELETE FROM part WHERE owner=$1 AND place>$2", p![owner, rows::BODY])?;
        if replaced > 0 {
            self.note("causeway", "translation-replaced", id.as_str(), &translation.adapter)?;
        }
        let summary = serde_json::to_string(&translation.summary)
            .map_err(|_| EngineError::Invalid("translation summary"))?;
        self.conn.run(
            "INSERT INTO translation(owner, adapter, format, version, summary) VALUES ($1,$2,$3,$4,$5)
             ON CONFLICT (owner) DO UPDATE SET adapter=excluded.adapter, format=excluded.format, version=excluded.version,
               summary=excluded.summary",
            p![owner, translation.adapter, translation.format, translation.version, summary],
        )?;
        for part in &translation.parts {
            self.insert_part(owner, part)?;
        }
        content::forget(self.conn, &files)
    }

    /// Queues work; behind earlier work of its key where it has one.
    pub(crate) fn queue(&mut self, owner: i64, work: &NewWork) -> Result<()> {
        let behind = match &work.order_key {
            None => false,
            Some(key) => self
                .conn
                .first(
                    "SELECT 1 FROM work WHERE kind=$1 AND destination=$2 AND order_key=$3 LIMIT 1",
                    p![work.kind.as_str(), work.destination, key],
                    |_| Ok(()),
                )?
                .is_some(),
        };
        let due = work.not_before.map_or(self.now, jiff::Timestamp::as_microsecond);
        self.head.work += 1;
        let row = vec![
            Cell::number(self.head.work),
            Cell::number(owner),
            Cell::text(work.kind.as_str()),
            Cell::text(&work.destination),
            Cell::maybe(work.order_key.as_deref()),
            Cell::text(if behind { "waiting" } else { "ready" }),
            Cell::number(due),
            Cell::number(0),
            Cell::number(0),
            Cell::Flag(work.replay),
            Cell::number(self.now),
            Cell::text(&work.detail),
        ];
        self.conn.later(Table::Work, row)
    }

    fn expect(&mut self, owner: i64, expected: &NewExpectation) -> Result<()> {
        self.head.expectation += 1;
        self.conn.run(
            "INSERT INTO expectation(id, owner, kind, expected_from, reference, deadline) VALUES ($1,$2,$3,$4,$5,$6)",
            p![
                self.head.expectation,
                owner,
                expected.kind.as_str(),
                expected.from,
                expected.reference,
                expected.deadline.as_microsecond()
            ],
        )
        .map(drop)
    }

    /// An acknowledgement came: the first one stands, each is on the timeline.
    pub(crate) fn settle(&mut self, settle: &Settle) -> Result<()> {
        let held = self.held(&settle.message)?;
        let outcome = if settle.outcome == AckOutcome::Positive { "positive" } else { "negative" };
        self.conn.run(
            "UPDATE expectation SET outcome=$3, settled_at=$4, code=$5
             WHERE owner=$1 AND kind=$2 AND outcome IS NULL AND ($6::text IS NULL OR expected_from=$6)",
            p![held.seq, settle.kind.as_str(), outcome, self.now, settle.code, settle.from],
        )?;
        let from = settle.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let detail = format!("{} {outcome} {}{from}", settle.kind.as_str(), settle.code);
        self.event(held.seq, EventKind::SETTLED, "causeway", &detail)
    }

    fn keep_answer(&mut self, owner: i64, answer: &Answer) -> Result<()> {
        self.conn
            .run(
                "UPDATE idempotency SET status=$2, media_type=$3, body=$4 WHERE owner=$1 AND status IS NULL",
                p![owner, i64::from(answer.status), answer.media_type, answer.body],
            )
            .map(drop)
    }
}

/// Reads what was answered before; with a digest, other content is a conflict.
pub(crate) fn earlier_outcome(row: &postgres::Row, sent: Option<&Checksum>) -> Result<AcceptOutcome> {
    let id = rows::id(row, 0)?;
    let first = digest(row, 1)?;
    if sent.is_some_and(|d| *d != first) {
        return Ok(AcceptOutcome::Conflict { id });
    }
    Ok(match get::<Option<i64>>(row, 2)? {
        None => AcceptOutcome::InProgress { id },
        Some(_) => {
            let answer = Answer { status: small(row, 2)?, media_type: get(row, 3)?, body: get(row, 4)? };
            AcceptOutcome::Replayed { id, answer }
        }
    })
}

/// How long a message waits, in microseconds.
pub(crate) fn lifetime() -> i64 {
    i64::try_from(inbox_lifetime().as_micros()).unwrap_or(i64::MAX)
}
