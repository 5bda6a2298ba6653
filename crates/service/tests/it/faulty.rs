//! An engine that is the real one, until its audit is told to fail.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_exchange::engine::{Done, Result};
use causeway_exchange::*;
use jiff::{SignedDuration, Timestamp};
use std::io::Read;

pub struct Faulty {
    pub inner: Arc<dyn Engine>,
    pub audit_fails: AtomicBool,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Engine>) -> Arc<Self> {
        Arc::new(Self { inner, audit_fails: AtomicBool::new(false) })
    }
}

macro_rules! pass {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)*) => {
        $(fn $name(&self $(, $arg: $type)*) -> $out { self.inner.$name($($arg),*) })*
    };
}

impl Engine for Faulty {
    pass! {
        fn accept(&self, accept: Accept, now: Timestamp) -> Result<AcceptOutcome>;
        fn accept_then(&self, accept: Accept, now: Timestamp, done: Done) -> ();
        fn lookup(&self, key: &IdempotencyKey) -> Result<Option<AcceptOutcome>>;
        fn stage(&self, content: &mut dyn Read, limit: u64) -> Result<Staged>;
        fn unstage(&self, content: &[Staged]) -> Result<()>;
        fn begin_upload(&self, upload: Upload, now: Timestamp) -> Result<()>;
        fn put_chunk(&self, id: &MessageId, number: u32, content: Payload, now: Timestamp) -> Result<ChunkOutcome>;
        fn finish_upload(&self, id: &MessageId, lenient: bool, expect: Option<[u8; 32]>, effects: Effects, now: Timestamp) -> Result<u64>;
        fn message(&self, id: &MessageId) -> Result<Option<Message>>;
        fn payload(&self, id: &MessageId) -> Result<PayloadReader>;
        fn chunk(&self, id: &MessageId, number: u32) -> Result<PayloadReader>;
        fn translation(&self, id: &MessageId) -> Result<Option<Translation>>;
        fn translation_head(&self, id: &MessageId) -> Result<Option<TranslationHead>>;
        fn output(&self, id: &MessageId, number: u64) -> Result<Option<StoredOutput>>;
        fn piece(&self, id: &MessageId, kind: PieceKind, number: u32) -> Result<Option<Vec<u8>>>;
        fn timeline(&self, id: &MessageId) -> Result<Vec<Event>>;
        fn timeline_start(&self, id: &MessageId, limit: usize) -> Result<Vec<Event>>;
        fn search(&self, query: &MessageQuery) -> Result<Vec<Message>>;
        fn inbox(&self, query: &InboxQuery) -> Result<InboxPage>;
        fn acknowledge(&self, mailbox: &str, id: &MessageId, actor: &str, now: Timestamp) -> Result<bool>;
        fn apply(&self, id: &MessageId, effects: Effects, now: Timestamp) -> Result<()>;
        fn claim(&self, kind: WorkKind, destination: Option<&str>, worker: &str, lease: SignedDuration, limit: usize, now: Timestamp) -> Result<Vec<Lease>>;
        fn extend(&self, lease: &Lease, until: Timestamp, now: Timestamp) -> Result<()>;
        fn complete(&self, lease: &Lease, effects: Effects, now: Timestamp) -> Result<()>;
        fn fail(&self, lease: &Lease, failure: Failure, now: Timestamp) -> Result<()>;
        fn work(&self, query: &WorkQuery) -> Result<Vec<WorkItem>>;
        fn unpark(&self, item: WorkId, actor: &str, at: Timestamp, now: Timestamp) -> Result<()>;
        fn discard(&self, item: WorkId, actor: &str, reason: &str, now: Timestamp) -> Result<()>;
        fn replay(&self, id: &MessageId, work: Vec<NewWork>, actor: &str, reason: &str, now: Timestamp) -> Result<()>;
        fn expectations_for(&self, kind: AckKind, reference: &str) -> Result<Vec<Expectation>>;
        fn expectations(&self, id: &MessageId) -> Result<Vec<Expectation>>;
        fn sweep_overdue(&self, now: Timestamp) -> Result<Vec<Expectation>>;
        fn overdue(&self, after: Option<u64>, limit: usize) -> Result<Vec<Expectation>>;
        fn handle_overdue(&self, expectation: u64, actor: &str, note: &str, now: Timestamp) -> Result<()>;
        fn expire(&self, now: Timestamp) -> Result<Vec<MessageId>>;
        fn purge(&self, retention: SignedDuration, now: Timestamp) -> Result<usize>;
        fn use_once(&self, scope: &str, value: &str, until: Timestamp, now: Timestamp) -> Result<bool>;
        fn config(&self, kind: &str, key: &str) -> Result<Option<(u64, String)>>;
        fn configs(&self, kind: &str) -> Result<Vec<(String, u64, String)>>;
        fn put_config(&self, kind: &str, key: &str, json: Option<&str>, expect: Option<u64>, actor: &str, now: Timestamp) -> Result<u64>;
        fn audit_entries(&self, entity: Option<&str>, after: Option<u64>, limit: usize) -> Result<Vec<AuditEntry>>;
        fn verify_audit(&self) -> Result<AuditCheck>;
        fn metrics(&self) -> Result<Metrics>;
        fn durability(&self) -> Durability;
        fn backup(&self, directory: &Path) -> Result<BackupReport>;
        fn verify(&self) -> Result<VerifyReport>;
        fn reset(&self, mailbox: Option<&str>, actor: &str, now: Timestamp) -> Result<()>;
    }

    fn audit(&self, entries: Vec<NewAudit>, now: Timestamp) -> Result<()> {
        if self.audit_fails.load(Ordering::SeqCst) {
            return Err(EngineError::Storage("the disk is gone".to_owned()));
        }
        self.inner.audit(entries, now)
    }
}
