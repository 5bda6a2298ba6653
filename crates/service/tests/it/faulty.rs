//! An audit trail that is the real one, until it is told to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_exchange::engine::Result;
use causeway_exchange::{Audit, AuditCheck, AuditEntry, EngineError, NewAudit};
use jiff::Timestamp;

pub struct Faulty {
    pub inner: Arc<dyn Audit>,
    pub audit_fails: AtomicBool,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Audit>) -> Arc<Self> {
        Arc::new(Self { inner, audit_fails: AtomicBool::new(false) })
    }
}

impl Audit for Faulty {
    fn audit(&self, entries: Vec<NewAudit>, now: Timestamp) -> Result<()> {
        if self.audit_fails.load(Ordering::SeqCst) {
            return Err(EngineError::Storage("the disk is gone".to_owned()));
        }
        self.inner.audit(entries, now)
    }

    fn audit_entries(
        &self,
        entity: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>> {
        self.inner.audit_entries(entity, after, limit)
    }

    fn verify_audit(&self) -> Result<AuditCheck> {
        self.inner.verify_audit()
    }
}
