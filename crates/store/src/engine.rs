//! The parts of an [`Engine`](causeway_exchange::Engine) for [`Store`]: prepares on the caller's thread, writes through the writer, reads apart.

use crate::Store;
use crate::accept::earlier_outcome;
use crate::fault::{Result, db};
use crate::limits::MAX_DERIVED_DEPTH;
use crate::queue::Claim;
use crate::{check, made, read, rows, writer};
use causeway_exchange::engine::{Acknowledged, Done, Metrics};
use causeway_exchange::limits::{MAX_CHUNKS, MAX_CLAIM, MAX_SEARCH_PAGE};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    Accept, AcceptOutcome, Accepting, AckKind, Audit, AuditCheck, AuditEntry, BackupReport, ChunkOutcome,
    Configuration, Contents, Durability, Effects, EngineError, Event, Expectation, Facts, Failure,
    IdempotencyKey, Inbox, InboxPage, InboxQuery, Lease, Message, MessageId, MessageQuery, NewAudit, NewWork,
    Operation, Payload, PayloadReader, PieceKind, Queue, Recorded, Staged, State, StoredOutput, Translation,
    TranslationDigests, TranslationHead, Unfinished, Upload, VerifyReport, Watch, WorkId, WorkItem, WorkKind,
    WorkQuery,
};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Depth of a request's own effects; derived messages are deeper.
const TOP: usize = 0;
const _: () = assert!(TOP < MAX_DERIVED_DEPTH);

impl Accepting for Store {
    fn accept(&self, accept: Accept, now: Timestamp) -> Result<AcceptOutcome> {
        self.admit()?;
        let ready = self.shared.ready_accept(accept, TOP)?;
        self.writer.wait(now, ready.may_be_refused(), move |tx| tx.accept(ready))
    }

    fn accept_then(&self, accept: Accept, now: Timestamp, done: Done) {
        match self.admit().and_then(|()| self.shared.ready_accept(accept, TOP)) {
            Ok(ready) => self.writer.submit(now, ready.may_be_refused(), move |tx| tx.accept(ready), done),
            Err(error) => done(Err(error)),
        }
    }

    fn lookup(&self, key: &IdempotencyKey) -> Result<Option<AcceptOutcome>> {
        self.shared.read(|conn| {
            conn.prepare_cached(
                "SELECT message, sha256, status, media_type, body FROM idempotency WHERE sender=?1 AND request_id=?2",
            )
            .and_then(|mut s| {
                s.query_row([&key.sender, &key.request_id], |r| earlier_outcome(r, None)).optional()
            })
            .map_err(|e| db(&e))
        })
    }

    fn stage(&self, content: &mut dyn Read, limit: u64) -> Result<Staged> {
        self.admit()?;
        let (staged, pin) =
            self.shared.blobs.put_stream(content, limit).inspect_err(|e| self.shared.stop_if_failed(e))?;
        self.shared.blobs.keep_staged(pin);
        Ok(staged)
    }

    fn unstage(&self, content: &[Staged]) -> Result<()> {
        for one in content {
            self.shared.blobs.release_staged(&one.sha256);
        }
        let files: Vec<_> = content.iter().map(|one| one.sha256).collect();
        self.drop_files(&files)
    }

    fn begin_upload(&self, upload: Upload, now: Timestamp) -> Result<()> {
        self.admit()?;
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
        self.admit()?;
        let part = self
            .shared
            .ready_payload(i64::from(number), content)?
            .ok_or(EngineError::Invalid("chunk without content"))?;
        let id = id.clone();
        self.writer.wait(now, false, move |tx| tx.put_chunk(&id, &part))
    }

    fn finish_upload(
        &self,
        id: &MessageId,
        lenient: bool,
        expect: Option<[u8; 32]>,
        effects: Effects,
        now: Timestamp,
    ) -> Result<u64> {
        self.admit()?;
        let found = self.message(id)?.ok_or(EngineError::NotFound("message"))?;
        let mut whole = Sha256::new();
        let (mut size, mut chunks) = (0u64, 0i64);
        if found.state == State::Uploading {
            let pieces = self.shared.read(|conn| read::pieces(conn, found.seq))?;
            if let Some(first) = read::first_missing(&pieces, found.chunks).filter(|_| !lenient) {
                return Err(EngineError::ChunksMissing { first, total: found.chunks });
            }
            for piece in &pieces {
                self.shared.check_piece(piece, &mut whole)?;
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

impl Facts for Store {
    fn message(&self, id: &MessageId) -> Result<Option<Message>> {
        self.shared.read(|conn| read::message(conn, id))
    }

    fn timeline(&self, id: &MessageId) -> Result<Vec<Event>> {
        self.shared.read(|conn| {
            rows::all(
                conn,
                "WITH told AS MATERIALIZED (SELECT * FROM message WHERE id=?1 UNION ALL
                   SELECT * FROM message WHERE linked=?1 AND id<>?1)
                 SELECT e.seq, e.at, m.id, e.kind, e.actor, e.detail FROM told m JOIN event e ON e.owner=m.seq
                 UNION ALL SELECT accepted_event, received_at, id, 'accepted', sender, door FROM told
                 WHERE accepted_event IS NOT NULL ORDER BY 1",
                [id.as_str()],
                made::event,
            )
        })
    }

    fn unfinished(&self, sender: &str) -> Result<Unfinished> {
        let sql = "SELECT count(*), coalesce(sum(size), 0) FROM message WHERE waiting=2 AND sender=?1";
        let read =
            |r: &rusqlite::Row<'_>| Ok(Unfinished { uploads: rows::count(r, 0)?, bytes: rows::count(r, 1)? });
        Ok(self.shared.read(|conn| rows::all(conn, sql, [sender], read))?.pop().unwrap_or_default())
    }

    fn timeline_start(&self, id: &MessageId, limit: usize) -> Result<Vec<Event>> {
        self.shared.timeline_start(id, limit)
    }

    fn search(&self, query: &MessageQuery) -> Result<Vec<Message>> {
        self.shared.search(query)
    }

    fn count(&self, query: &MessageQuery) -> Result<u64> {
        self.shared.read(|conn| read::count(conn, query))
    }
}

impl Contents for Store {
    fn payload(&self, id: &MessageId) -> Result<PayloadReader> {
        self.shared.payload(id)
    }

    fn chunk(&self, id: &MessageId, number: u32) -> Result<PayloadReader> {
        self.shared.chunk(id, number)
    }

    fn chunk_of(&self, message: &Message, number: u32) -> Result<PayloadReader> {
        self.shared.chunk_of(message, number)
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

impl Inbox for Store {
    fn inbox(&self, query: &InboxQuery) -> Result<InboxPage> {
        Ok(self.shared.inboxes.page(query))
    }

    fn acknowledge(&self, mailbox: &str, id: &MessageId, actor: &str, now: Timestamp) -> Result<bool> {
        let (mailbox, id, actor) = (mailbox.to_owned(), id.clone(), actor.to_owned());
        self.writer.wait(now, false, move |tx| tx.acknowledge(&mailbox, &id, &actor))
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
        self.writer.submit(now, false, move |tx| tx.acknowledge(&mailbox, &id, &actor), done);
    }
}

impl Queue for Store {
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
        self.writer.wait(now, false, move |tx| tx.claim(&claim))
    }

    fn extend(&self, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<()> {
        let (id, token, until) = (lease.item.id, lease.token, until.as_microsecond());
        self.writer.call(now, move |tx| tx.extend(id, token, until))
    }

    fn complete(&self, lease: &Lease, effects: Effects, now: Timestamp) -> Result<()> {
        let replaced = self.shared.replaced_files(lease, &effects)?;
        let effects = self.shared.ready_effects(effects, TOP)?;
        let (id, token) = (lease.item.id, lease.token);
        self.writer.wait(now, effects.may_be_refused(), move |tx| tx.complete(id, token, effects))?;
        self.forget(&replaced);
        Ok(())
    }

    fn complete_all(&self, ends: Vec<(Lease, Effects)>, now: Timestamp) -> Vec<Result<()>> {
        // All are queued before the first is waited for, so that they share commits.
        let waits: Vec<_> = ends
            .into_iter()
            .map(|(lease, effects)| {
                let replaced = self.shared.replaced_files(&lease, &effects)?;
                let effects = self.shared.ready_effects(effects, TOP)?;
                let (id, token, guarded) = (lease.item.id, lease.token, effects.may_be_refused());
                Ok((self.writer.begin(now, guarded, move |tx| tx.complete(id, token, effects)), replaced))
            })
            .collect();
        let end = |(wait, replaced): (_, Vec<_>)| {
            writer::answer(wait)?;
            self.forget(&replaced);
            Ok(())
        };
        waits.into_iter().map(|wait: Result<_>| wait.and_then(end)).collect()
    }

    fn fail(&self, lease: &Lease, failure: Failure, now: Timestamp) -> Result<()> {
        let effects = self.shared.ready_effects(failure.effects, TOP)?;
        let (code, detail, next) = (failure.code, failure.detail, failure.next);
        let (id, token) = (lease.item.id, lease.token);
        self.writer.call(now, move |tx| tx.fail(id, token, &code, &detail, next, effects))
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

impl Watch for Store {
    fn expectations_for(&self, kind: AckKind, reference: &str) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner WHERE e.kind=?1 AND e.reference=?2 ORDER BY e.id",
            rows::EXPECTATION
        );
        self.shared.read(|conn| rows::all(conn, &sql, [kind.as_str(), reference], rows::expectation))
    }

    fn expectations(&self, id: &MessageId) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM message m JOIN expectation e ON e.owner=m.seq WHERE m.id=?1 ORDER BY e.id",
            rows::EXPECTATION
        );
        self.shared.read(|conn| rows::all(conn, &sql, [id.as_str()], rows::expectation))
    }

    fn sweep_overdue(&self, now: Timestamp) -> Result<Vec<Expectation>> {
        self.writer.call(now, |tx| tx.sweep_overdue())
    }

    fn overdue(&self, after: Option<u64>, limit: usize) -> Result<Vec<Expectation>> {
        let sql = format!(
            "SELECT {} FROM expectation e JOIN message m ON m.seq=e.owner WHERE {} AND e.id > ?1 ORDER BY e.id LIMIT ?2",
            rows::EXPECTATION,
            check::ATTENTION
        );
        let params = params![after.unwrap_or(0).cast_signed(), limit.clamp(1, MAX_SEARCH_PAGE)];
        self.shared.read(|conn| rows::all(conn, &sql, params, rows::expectation))
    }

    fn handle_overdue(&self, expectation: u64, actor: &str, note: &str, now: Timestamp) -> Result<()> {
        let (actor, note) = (actor.to_owned(), note.to_owned());
        self.writer.call(now, move |tx| tx.handle_overdue(expectation, &actor, &note))
    }
}

impl Configuration for Store {
    fn config(&self, kind: &str, key: &str) -> Result<Option<(u64, String)>> {
        Ok(self.shared.documents.one(kind, key))
    }

    fn configs(&self, kind: &str) -> Result<Vec<(String, u64, String)>> {
        Ok(self.shared.documents.of_kind(kind))
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

impl Audit for Store {
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
        let limit = limit.clamp(1, MAX_SEARCH_PAGE);
        let select = format!("SELECT {} FROM audit WHERE seq > ?1", rows::AUDIT);
        self.shared.read(|conn| match entity {
            None => {
                let sql = format!("{select} ORDER BY seq LIMIT ?2");
                rows::all(conn, &sql, params![after, limit], rows::audit)
            }
            Some(entity) => {
                let sql = format!("{select} AND entity=?3 ORDER BY seq LIMIT ?2");
                rows::all(conn, &sql, params![after, limit, entity], rows::audit)
            }
        })
    }

    fn verify_audit(&self) -> Result<AuditCheck> {
        self.shared.read(crate::chain::audit)
    }
}

impl Operation for Store {
    fn expire(&self, now: Timestamp) -> Result<Vec<MessageId>> {
        let shared = Arc::clone(&self.shared);
        let (ended, files) = self.writer.call(now, move |tx| tx.expire(&shared.inboxes))?;
        self.drop_files(&files)?;
        Ok(ended)
    }

    fn purge(&self, retention: SignedDuration, now: Timestamp) -> Result<usize> {
        let before =
            now.as_microsecond().saturating_sub(i64::try_from(retention.as_micros()).unwrap_or(i64::MAX));
        let (count, files) = self.writer.call(now, move |tx| tx.purge(before))?;
        self.drop_files(&files)?;
        if count > 0 {
            // Deleted text is overwritten in the database; its earlier pages must not stay in the log.
            self.empty_log(now)?;
        }
        Ok(count)
    }

    fn end_audit(&self, before: Timestamp, now: Timestamp) -> Result<usize> {
        self.end_audit_before(before, now)
    }

    fn recorded(&self) -> Result<Vec<Recorded>> {
        self.shared.read(crate::copy::recorded)
    }

    fn metrics(&self) -> Result<Metrics> {
        check::metrics(&self.shared)
    }

    fn durability(&self) -> Durability {
        self.durability.clone()
    }

    fn backup(&self, directory: &Path) -> Result<BackupReport> {
        check::backup(&self.shared, directory)
    }

    fn verify(&self) -> Result<VerifyReport> {
        self.shared.read(|conn| check::verify(conn, &self.shared.blobs))
    }

    fn reset(&self, mailbox: Option<&str>, actor: &str, now: Timestamp) -> Result<()> {
        let (mailbox, actor) = (mailbox.map(str::to_owned), actor.to_owned());
        let files = self.writer.call(now, move |tx| tx.reset(mailbox.as_deref(), &actor))?;
        self.drop_files(&files)
    }
}

impl Store {
    /// Removes content files that a committed change no longer names. One that can't be removed now is swept at the
    /// next open: the change itself stands.
    fn forget(&self, files: &[Checksum]) {
        let _ = self.drop_files(files);
    }
}

/// The store is shared between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Store>>();
};
