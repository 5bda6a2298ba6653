//! Checking everything, backing it up, and the gauges.

use crate::blobs::{Blobs, hex, sync_dir};
use crate::fault::{Result, db, io};
use crate::prepare::verified;
use crate::rows;
use crate::shared::{Options, Shared, open_reader};
use causeway_exchange::engine::{MailboxGauge, Metrics, QueueGauge};
use causeway_exchange::message::Checksum;
use causeway_exchange::{BackupReport, EngineError, VerifyReport, WorkKind};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::Ordering;

/// A piece, the id of its message, and its bytes where they are in the row.
type Stored = (rows::Piece, String, Option<Vec<u8>>);

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok((rows::piece(row)?, row.get(5)?, row.get(6)?))
}

/// Reads everything through one connection.
pub(crate) fn verify(conn: &Connection, blobs: &Blobs) -> Result<VerifyReport> {
    let mut report =
        VerifyReport { messages: 0, payloads: 0, corrupt: Vec::new(), audit: crate::chain::audit(conn)? };
    let whole: String = conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)).map_err(|e| db(&e))?;
    if whole != "ok" {
        report.corrupt.push("database".to_owned());
    }
    report.messages =
        conn.query_row("SELECT count(*) FROM message", [], |r| rows::count(r, 0)).map_err(|e| db(&e))?;
    let mut statement = conn
        .prepare(
            "SELECT p.id, p.number, p.sha256, p.size, p.bytes IS NULL, m.id, p.bytes
             FROM part p JOIN message m ON m.seq=p.owner ORDER BY p.id",
        )
        .map_err(|e| db(&e))?;
    let mut found = statement.query([]).map_err(|e| db(&e))?;
    while let Some(row) = found.next().map_err(|e| db(&e))? {
        let (piece, id, bytes) = stored(row).map_err(|e| db(&e))?;
        report.payloads += 1;
        let good = match bytes {
            Some(bytes) => verified(bytes, piece.size, &piece.sha256).is_some(),
            None => hash_file(&blobs.path(&piece.sha256)).is_ok_and(|h| h == piece.sha256),
        };
        if !good && report.corrupt.last() != Some(&id) {
            report.corrupt.push(id);
        }
    }
    Ok(report)
}

/// Digest of a file.
pub(crate) fn hash_file(path: &Path) -> Result<Checksum> {
    let mut file = File::open(path).map_err(|e| io(&e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; crate::limits::COPY_BYTES];
    loop {
        let count = crate::blobs::read_some(&mut file, &mut buffer).map_err(|e| io(&e))?;
        let Some(bytes) = buffer.get(..count).filter(|b| !b.is_empty()) else { break };
        hash.update(bytes);
    }
    Ok(hash.finalize().into())
}

/// Copies a consistent state of everything into an empty directory, flushes and checks it.
pub(crate) fn backup(shared: &Shared, directory: &Path) -> Result<BackupReport> {
    fs::create_dir_all(directory).map_err(|e| io(&e))?;
    if fs::read_dir(directory).map_err(|e| io(&e))?.next().is_some() {
        return Err(EngineError::Invalid("backup directory is not empty"));
    }
    // No content file is removed while the copy is made.
    let _held = shared.blobs.hold();
    let target = Options::new(directory).database();
    let text = target.to_str().ok_or(EngineError::Invalid("backup path is not UTF-8"))?;
    let source = Connection::open(shared.options.database()).map_err(|e| db(&e))?;
    source.busy_timeout(std::time::Duration::from_secs(10)).map_err(|e| db(&e))?;
    source.execute("VACUUM INTO ?1", [text]).map_err(|e| db(&e))?;
    File::open(&target).and_then(|f| f.sync_all()).map_err(|e| io(&e))?;
    let blobs = Blobs::open(directory, 0)?;
    let copy = open_reader(&target)?;
    let (mut files, mut bytes) = (0u64, fs::metadata(&target).map_err(|e| io(&e))?.len());
    for digest in named_files(&copy)? {
        let path = blobs.path(&digest);
        bytes += fs::copy(shared.blobs.path(&digest), &path).map_err(|e| io(&e))?;
        File::open(&path).and_then(|f| f.sync_all()).map_err(|e| io(&e))?;
        path.parent().map_or(Ok(()), sync_dir)?;
        files += 1;
    }
    sync_dir(directory)?;
    let verified = verify(&copy, &blobs)?;
    Ok(BackupReport { messages: verified.messages, files, bytes, verified })
}

fn named_files(conn: &Connection) -> Result<Vec<Checksum>> {
    rows::all(conn, "SELECT DISTINCT sha256 FROM part WHERE bytes IS NULL", [], |r| r.get(0))
}

/// Whether a row names the file.
pub(crate) fn is_named(conn: &Connection, digest: &Checksum) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM part WHERE sha256=?1 AND bytes IS NULL LIMIT 1")
        .and_then(|mut s| s.exists([digest]))
        .map_err(|e| db(&e))
}

/// Removes content files that no row names (left by a crash between file and commit). How many.
pub(crate) fn sweep_orphans(conn: &Connection, blobs: &Blobs) -> Result<usize> {
    let mut orphans = Vec::new();
    for digest in blobs.list()? {
        if !is_named(conn, &digest)? {
            orphans.push(digest);
        }
    }
    blobs.remove(&orphans, &|_| Ok(false))?;
    Ok(orphans.len())
}

/// Counters and gauges.
pub(crate) fn metrics(shared: &Shared) -> Result<Metrics> {
    let stats = &shared.stats;
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let mut metrics = Metrics {
        accepted: load(&stats.accepted),
        duplicates: load(&stats.duplicates),
        acknowledged: load(&stats.acknowledged),
        expired: load(&stats.expired),
        refused_space: load(&stats.refused_space),
        commits: load(&stats.commits),
        committed_requests: load(&stats.requests),
        corrupt_reads: load(&stats.corrupt),
        free_bytes: shared.blobs.free(),
        reserve_bytes: shared.options.reserve,
        stopped: shared.stopped().is_some(),
        ..Metrics::default()
    };
    shared.read(|conn| {
        metrics.queues = WorkKind::ALL.into_iter().map(|k| queue(conn, k)).collect::<Result<_>>()?;
        for (mailbox, waiting, oldest) in shared.inboxes.counts() {
            let sql = "SELECT received_at FROM message WHERE seq=?1";
            let oldest = rows::all(conn, sql, [oldest.cast_signed()], |r| rows::time(r, 0))?;
            metrics.mailboxes.push(MailboxGauge { mailbox, waiting, oldest: oldest.first().copied() });
        }
        let one = |sql: &str| conn.query_row(sql, [], |r| rows::count(r, 0)).map_err(|e| db(&e));
        let latest = rows::all(conn, "SELECT high_water FROM meta", [], |r| rows::time(r, 0))?;
        metrics.latest_time = latest.first().copied();
        metrics.kept = one("SELECT message_seq FROM meta")?;
        metrics.failed = one(&format!(
            "SELECT count(*) FROM message WHERE state='error' AND NOT {}",
            crate::read::CORRECTED
        ))?;
        metrics.undeliverable = one("SELECT count(*) FROM message WHERE state='undeliverable'")?;
        metrics.expectations_open =
            one("SELECT count(*) FROM expectation WHERE outcome IS NULL AND overdue_since IS NULL")?;
        metrics.expectations_overdue = one(&format!("SELECT count(*) FROM expectation WHERE {ATTENTION}"))?;
        Ok(())
    })?;
    Ok(metrics)
}

/// Which expectations need a person (the condition of index `expectation_attention`).
pub(crate) const ATTENTION: &str =
    "handled_at IS NULL AND (outcome = 'negative' OR (outcome IS NULL AND overdue_since IS NOT NULL))";

fn queue(conn: &Connection, kind: WorkKind) -> Result<QueueGauge> {
    let mut gauge = QueueGauge { kind, ready: 0, waiting: 0, leased: 0, parked: 0, oldest: None };
    let sql = "SELECT state, count(*), min(queued_at) FROM work WHERE kind=?1 GROUP BY state";
    let found = rows::all(conn, sql, [kind.as_str()], |r| {
        Ok((r.get::<_, String>(0)?, rows::count(r, 1)?, rows::time(r, 2)?))
    })?;
    for (state, count, oldest) in found {
        match state.as_str() {
            "ready" => gauge.ready = count,
            "waiting" => gauge.waiting = count,
            "leased" => gauge.leased = count,
            _ => gauge.parked = count,
        }
        if state != "parked" {
            gauge.oldest = Some(gauge.oldest.map_or(oldest, |o| o.min(oldest)));
        }
    }
    Ok(gauge)
}

/// The name of a content file, for tests and tools.
#[must_use]
pub fn content_file_name(digest: &Checksum) -> String {
    hex(digest)
}

/// Ends every lease: the directory's lock says that whoever held one is gone, so its work need not wait for the
/// lease to run out. Each counts as lost, so that work which kills its process is parked in the end.
pub(crate) fn end_leases(conn: &Connection) -> Result<()> {
    conn.execute("UPDATE work SET lease_until = 0 WHERE state = 'leased'", []).map(drop).map_err(|e| db(&e))
}
