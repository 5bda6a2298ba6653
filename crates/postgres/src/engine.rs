//! The parts of an engine for [`Postgres`]: prepares on the caller's thread, writes through the writer, reads apart.

use crate::accept::earlier_outcome;
use crate::conn::{count, get, p};
use crate::fault::Result;
use crate::limits::DERIVED_DEPTH_MAX;
use crate::queue::Claim;
use crate::{Postgres, check, content, read, rows, writer};
use causeway_exchange::engine::{
    Accepting, Acknowledged, Audit, Configuration, Contents, Done, Facts, Inbox, Metrics, Operation, Queue,
    Watch,
};
use causeway_exchange::limits::{MAX_CHUNKS, MAX_CLAIM, MAX_SEARCH_PAGE};
use causeway_exchange::{
    Accept, AcceptOutcome, AckKind, AuditCheck, AuditEntry, BackupReport, ChunkOutcome, Durability, Effects,
    EngineError, Event, Expectation, Failure, IdempotencyKey, InboxPage, InboxQuery, Lease, Message,
    MessageId, MessageQuery, NewAudit, NewWork, Payload, PayloadReader, PieceKind, Recorded, Staged, State,
    StoredOutput, Translation, TranslationDigests, TranslationHead, Unfinished, Upload, VerifyReport, WorkId,
    WorkItem, WorkKind, WorkQuery,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

/// Depth of a request's own effects; derived messages are deeper.
const TOP: usize = 0;
const _: () = assert!(TOP < DERIVED_DEPTH_MAX);

impl Postgres {
    /// Queues the failure of an item; the answer comes with its commit.
    fn begin_fail(&self, lease: &Lease, failure: Failure, now: Timestamp) -> Result<Receiver<Result<()>>> {
        let effects = self.shared.ready_effects(failure.effects, TOP)?;
        let (code, detail, next) = (failure.code, failure.detail, failure.next);
        let (id, token) = (lease.item.id, lease.token);
        Ok(self.writer.begin(now, move |tx| tx.fail(id, token, &code, &detail, next, effects)))
    }
}

impl Accepting for Postgres {
    fn accept(&self, accept: Accept, now: Timestamp) -> Result<AcceptOutcome> {
        self.shared.admit()?;
        let ready = self.shared.ready_accept(accept, TOP)?;
        let (send, outcome) = sync_channel(1);
        let answer = move |result| {
            // Whoever asked may have gone.
            let _ = send.send(result);
        };
        self.writer.submit_named(Some(ready.names()), now, move |tx| tx.accept(ready), answer);
        writer::answer(outcome)
    }

    fn accept_then(&self, accept: Accept, now: Timestamp, done: Done) {
        match self.shared.admit().and_then(|()| self.shared.ready_accept(accept, TOP)) {
            Ok(ready) => {
                self.writer.submit_named(Some(ready.names()), now, move |tx| tx.accept(ready), done);
            }
            Err(error) => done(Err(error)),
        }
    }

    fn lookup(&self, key: &IdempotencyKey) -> Result<Option<AcceptOutcome>> {
        self.shared.read(|conn| {
            conn.first(
                "SELECT message, sha256, status, media_type, body FROM idempotency WHERE sender=$1 AND request_id=$2",
                p![key.sender, key.request_id],
                |r| earlier_outcome(r, None),
            )
        })
    }

    fn stage(&self, content: &mut dyn Read, limit: u64) -> Result<Staged> {
        self.shared.admit()?;
        self.shared.stage(content, limit)
    }

    fn unstage(&self, content: &[Staged]) -> Result<()> {
        let digests: Vec<_> = content.iter().map(|one| one.sha256).collect();
        self.shared.read(|conn| conn.transaction(|conn| content::forget(conn, &digests)))
    }

    fn begin_upload(&self, upload: Upload, now: Timestamp) -> Result<()> {
        self.shared.admit()?;
        if upload.total == 0 || upload.total > MAX_CHUNKS {
            return Err(EngineError::ChunkOutOfRange);
        }
        let first = self
            .shared
            .ready_payload(1, upload.first)?
            .ok_or(EngineError::Invalid("chunk without content"))?;
        let effects = self.shared.ready_effects(upload.effects, TOP)?;
        let (message, total) = (upload.message, upload.total);
        self.writer.call(now, move |tx| tx.begin_upload(&message, total, &first, effects))
    }

    fn put_chunk(
        &self,
        id: &MessageId,
        number: u32,
        content: Payload,
        now: Timestamp,
    ) -> Result<ChunkOutcome> {
        self.shared.admit()?;
        let part = self
            .shared
            .ready_payload(i64::from(number), content)?
            .ok_or(EngineError::Invalid("chunk without content"))?;
        let id = id.clone();
        self.writer.call(now, move |tx| tx.put_chunk(&id, &part))
    }

    fn finish_upload(
        &self,
        id: &MessageId,
        lenient: bool,
        expect: Option<[u8; 32]>,
        effects: Effects,
        now: Timestamp,
    ) -> Result<u64> {
        self.shared.admit()?;
        let found = self.message(id)?.ok_or(EngineError::NotFound("message"))?;
        let mut whole = Sha256::new();
        let (mut size, mut chunks) = (0u64, 0i64);
        if found.state == State::Uploading {
            let pieces = self.shared.read(|conn| read::body(conn, found.seq))?;
            if let Some(first) = read::first_missing(&pieces, found.chunks).filter(|_| !lenient) {
                return Err(EngineError::ChunksMissing { first, total: found.chunks });
            }
            for piece in &pieces {
                self.shared.check_part(piece, &mut whole)?;
                size += piece.size;
                chunks += 1;
            }
        }
        let digest = whole.finalize().into();
        if found.state == State::Uploading && expect.is_some_and(|e| e != digest) {
            return Err(EngineError::ChecksumMismatch);
        }
        let effects = self.shared.ready_effects(effects, TOP)?;
        let id = id.clone();
        self.writer.call(now, move |tx| tx.finish_upload(&id, (size, digest), chunks, effects))
    }

    fn use_once(&self, scope: &str, value: &str, until: Timestamp, now: Timestamp) -> Result<bool> {
        let (scope, value) = (scope.to_owned(), value.to_owned());
        self.writer.call(now, move |tx| tx.use_once(&scope, &value, until.as_microsecond()))
    }
}

impl Facts for Postgres {
    fn message(&self, id: &MessageId) -> Result<Option<Message>> {
        self.shared.read(|conn| read::message(conn, id))
    }

    fn timeline(&self, id: &MessageId) -> Result<Vec<Event>> {
        self.shared.read(|conn| read::timeline(conn, id))
    }

    fn unfinished(&self, sender: &str) -> Result<Unfinished> {
        let sql =
            "SELECT count(*), coalesce(sum(size), 0)::BIGINT FROM message WHERE waiting=2 AND sender=$1";
        let read = |r: &postgres::Row| Ok(Unfinished { uploads: count(r, 0)?, bytes: count(r, 1)? });
        Ok(self.shared.read(|conn| conn.first(sql, p![sender], read))?.unwrap_or_default())
    }

    fn timeline_start(&self, id: &MessageId, limit: usize) -> Result<Vec<Event>> {
        self.shared.read(|conn| read::timeline_start(conn, id, limit))
    }

    fn search(&self, query: &MessageQuery) -> Result<Vec<Message>> {
        self.shared.read(|conn| read::search(conn, query))
    }

    fn count(&self, query: &MessageQuery) -> Result<u64> {
        self.shared.read(|conn| read::number(conn, query))
    }
}

impl Contents for Postgres {
    fn payload(&self, id: &MessageId) -> Result<PayloadReader> {
        self.shared.payload(id)
    }

    fn chunk(&self, id: &MessageId, number: u32) -> Result<PayloadReader> {
        self.shared.chunk(id, number)
    }

    fn translation(&self, id: &MessageId) -> Result<Option<Translation>> {
        self.shared.translation(id)
    }

    fn translation_head(&self, id: &MessageId) -> Result<Option<TranslationHead>> {
        self.shared.translation_head(id)
    }

    fn translation_digests(&self, id: &MessageId) -> Result<Option<TranslationDigests>> {
        self.shared.translation_digests(id)
    }

    fn output(&self, id: &MessageId, number: u64) -> Result<Option<StoredOutput>> {
        self.shared.output(id, number)
    }

    fn piece(&self, id: &MessageId, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>> {
        self.shared.piece(id, kind, number)
    }
}

impl Inbox for Postgres {
    fn inbox(&self, query: &InboxQuery) -> Result<InboxPage> {
        self.shared.read(|conn| read::inbox(conn, query))
    }

    fn acknowledge(&self, mailbox: &str, id: &MessageId, actor: &str, now: Timestamp) -> Result<bool> {
        let (mailbox, id, actor) = (mailbox.to_owned(), id.clone(), actor.to_owned());
        self.writer.call(now, move |tx| tx.acknowledge(&mailbox, &id, &actor))
    }

    fn acknowledge_then(
        &self,
        mailbox: &str,
        id: &MessageId,
        actor: &str,
        now: Timestamp,
        done: Acknowledged,
    ) {
        let (mailbox, id, actor) = (mailbox.to_owned(), id.clone(), actor.to_owned());
        self.writer.submit(now, move |tx| tx.acknowledge(&mailbox, &id, &actor), done);
    }
}

impl Queue for Postgres {
    fn apply(&self, id: &MessageId, effects: Effects, now: Timestamp) -> Result<()> {
        let effects = self.shared.ready_effects(effects, TOP)?;
        let id = id.clone();
        self.writer.call(now, move |tx| {
            let owner = tx.held(&id)?.seq;
            tx.effects(owner, &id, effects)
        })
    }

    fn claim(
        &self,
        kind: WorkKind,
        destination: Option<&str>,
        worker: &str,
        lease: SignedDuration,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Lease>> {
        let claim = Claim {
            kind,
            destination: destination.map(str::to_owned),
            worker: worker.to_owned(),
            lease_us: i64::try_from(lease.as_micros()).unwrap_or(i64::MAX),
            limit: limit.clamp(1, MAX_CLAIM),
        };
        self.writer.call(now, move |tx| tx.claim(&claim))
    }

    fn extend(&self, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<()> {
        let (id, token, until) = (lease.item.id, lease.token, until.as_microsecond());
        self.writer.call(now, move |tx| tx.extend(id, token, until))
    }

    fn complete(&self, lease: &Lease, effects: Effects, now: Timestamp) -> Result<()> {
        let effects = self.shared.ready_effects(effects, TOP)?;
        let (id, token) = (lease.item.id, lease.token);
        self.writer.call(now, move |tx| tx.complete(id, token, effects))
    }

    fn complete_all(&self, ends: Vec<(Lease, Effects)>, now: Timestamp) -> Vec<Result<()>> {
        // All are queued before the first is waited for, so that they share commits.
        let waits: Vec<_> = ends
            .into_iter()
            .map(|(lease, effects)| {
                let effects = self.shared.ready_effects(effects, TOP)?;
                let (id, token) = (lease.item.id, lease.token);
                Ok(self.writer.begin(now, move |tx| tx.complete(id, token, effects)))
            })
            .collect();
        waits.into_iter().map(|wait: Result<_>| wait.and_then(writer::answer)).collect()
    }

    fn fail(&self, lease: &Lease, failure: Failure, now: Timestamp) -> Result<()> {
        writer::answer(self.begin_fail(lease, failure, now)?)
    }

    fn fail_all(&self, ends: Vec<(Lease, Failure)>, now: Timestamp) -> Vec<Result<()>> {
        let waits: Vec<_> =
            ends.into_iter().map(|(lease, failure)| self.begin_fail(&lease, failure, now)).collect();
        waits.into_iter().map(|wait| wait.and_then(writer::answer)).collect()
    }

    fn work(&self, query: &WorkQuery) -> Result<Vec<WorkItem>> {
        self.shared.read(|conn| read::work(conn, query))
    }

    fn unpark(&self, item: WorkId, actor: &str, at: Timestamp, now: Timestamp) -> Result<()> {
        let actor = actor.to_owned();
        self.writer.call(now, move |tx| tx.unpark(item, &actor, at.as_microsecond()))
    }

    fn discard(&self, item: WorkId, actor: &str, reason: &str, now: Timestamp) -> Result<()> {
        let (actor, reason) = (actor.to_owned(), reason.to_owned());
        self.writer.call(now, move |tx| tx.discard(item, &actor, &reason))
    }

    fn replay(
        &self,
        id: &MessageId,
        work: Vec<NewWork>,
        actor: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<()> {
        let (id, actor, reason) = (id.clone(), actor.to_owned(), reason.to_owned());
        self.writer.call(now, move |tx| tx.replay(&id, work, &actor, &reason))
    }
}

impl Watch for Postgres {
    fn expectations_for(&self, kind: AckKind, reference: &str) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner WHERE e.kind=$1 AND e.reference=$2 ORDER BY e.id",
            rows::EXPECTATION
        );
        self.shared.read(|conn| conn.all(&sql, p![kind.as_str(), reference], rows::expectation))
    }

    fn expectations(&self, id: &MessageId) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM message m JOIN expectation e ON e.owner=m.seq WHERE m.id=$1 ORDER BY e.id",
            rows::EXPECTATION
        );
        self.shared.read(|conn| conn.all(&sql, p![id.as_str()], rows::expectation))
    }

    fn sweep_overdue(&self, now: Timestamp) -> Result<Vec<Expectation>> {
        self.writer.call(now, |tx| tx.sweep_overdue())
    }

    fn overdue(&self, after: Option<u64>, limit: usize) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner WHERE {} AND e.id > $1 ORDER BY e.id LIMIT $2",
            rows::EXPECTATION,
            check::ATTENTION
        );
        let after = after.unwrap_or(0).cast_signed();
        let limit = limit.clamp(1, MAX_SEARCH_PAGE) as i64;
        self.shared.read(|conn| conn.all(&sql, p![after, limit], rows::expectation))
    }

    fn handle_overdue(&self, expectation: u64, actor: &str, note: &str, now: Timestamp) -> Result<()> {
        let (actor, note) = (actor.to_owned(), note.to_owned());
        self.writer.call(now, move |tx| tx.handle_overdue(expectation, &actor, &note))
    }
}

impl Configuration for Postgres {
    fn config(&self, kind: &str, key: &str) -> Result<Option<(u64, String)>> {
        self.shared.read(|conn| {
            conn.first(
                "SELECT version, json FROM config WHERE kind=$1 AND key=$2 AND json IS NOT NULL",
                p![kind, key],
                |r| Ok((count(r, 0)?, get(r, 1)?)),
            )
        })
    }

    fn configs(&self, kind: &str) -> Result<Vec<(String, u64, String)>> {
        self.shared.read(|conn| {
            conn.all(
                "SELECT key, version, json FROM config WHERE kind=$1 AND json IS NOT NULL ORDER BY key COLLATE \"C\"",
                p![kind],
                |r| Ok((get(r, 0)?, count(r, 1)?, get(r, 2)?)),
            )
        })
    }

    fn put_config(
        &self,
        kind: &str,
        key: &str,
        json: Option<&str>,
        expect: Option<u64>,
        actor: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let (kind, key, json, actor) =
            (kind.to_owned(), key.to_owned(), json.map(str::to_owned), actor.to_owned());
        self.writer.call(now, move |tx| tx.put_config(&kind, &key, json.as_deref(), expect, &actor))
    }
}

impl Audit for Postgres {
    fn audit(&self, entries: Vec<NewAudit>, now: Timestamp) -> Result<()> {
        self.writer.call(now, move |tx| entries.iter().try_for_each(|e| tx.audit(e)))
    }

    fn audit_entries(
        &self,
        entity: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>> {
        let after = after.unwrap_or(0).cast_signed();
        let limit = limit.clamp(1, MAX_SEARCH_PAGE) as i64;
        let select = format!("SELECT {} FROM audit WHERE seq > $1", rows::AUDIT);
        self.shared.read(|conn| match entity {
            None => {
                let sql = format!("{select} ORDER BY seq LIMIT $2");
                conn.all(&sql, p![after, limit], rows::audit)
            }
            Some(entity) => {
                let sql = format!("{select} AND entity=$3 ORDER BY seq LIMIT $2");
                conn.all(&sql, p![after, limit, entity], rows::audit)
            }
        })
    }

    fn verify_audit(&self) -> Result<AuditCheck> {
        let key = self.shared.options.key.as_ref();
        self.shared.read(|conn| conn.snapshot(|conn| check::audit(conn, key)))
    }
}

impl Operation for Postgres {
    fn expire(&self, now: Timestamp) -> Result<Vec<MessageId>> {
        self.writer.call(now, |tx| tx.expire())
    }

    fn purge(&self, retention: SignedDuration, now: Timestamp) -> Result<usize> {
        let before =
            now.as_microsecond().saturating_sub(i64::try_from(retention.as_micros()).unwrap_or(i64::MAX));
        self.writer.call(now, move |tx| tx.purge(before))
    }

    fn end_audit(&self, before: Timestamp, now: Timestamp) -> Result<usize> {
        self.writer.call(now, move |tx| tx.end_audit(before.as_microsecond()))
    }

    fn recorded(&self) -> Result<Vec<Recorded>> {
        self.shared.read(read::recorded)
    }

    fn metrics(&self) -> Result<Metrics> {
        check::metrics(&self.shared)
    }

    fn durability(&self) -> Durability {
        self.durability.clone()
    }

    fn backup(&self, directory: &Path) -> Result<BackupReport> {
        let key = self.shared.options.key.as_ref();
        self.shared.read(|conn| check::backup(conn, directory, key, |_| Ok(())).map(|(report, ())| report))
    }

    fn verify(&self) -> Result<VerifyReport> {
        let key = self.shared.options.key.as_ref();
        self.shared.read(|conn| conn.snapshot(|conn| check::verify(conn, key)))
    }

    fn reset(&self, mailbox: Option<&str>, actor: &str, now: Timestamp) -> Result<()> {
        let (mailbox, actor) = (mailbox.map(str::to_owned), actor.to_owned());
        self.writer.call(now, move |tx| tx.reset(mailbox.as_deref(), &actor))
    }
}
