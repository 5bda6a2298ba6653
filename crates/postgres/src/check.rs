//! Checking everything, copying it, and the gauges.

use crate::conn::{Conn, count, get, p, time};
use crate::content::hex;
use crate::fault::{Result, db, io};
use crate::head::{HEAD, head};
use crate::limits;
use crate::shared::Shared;
use crate::{rows, schema, seal};
use causeway_exchange::engine::{MailboxGauge, Metrics, QueueGauge};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    AUDIT_ENDED, AuditBreak, AuditCheck, AuditEnd, AuditEntry, BackupReport, Durability, EngineError,
    VerifyReport, WorkKind,
};
use causeway_seal::Key;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Reads the audit chain to its end or its first break.
pub(crate) fn audit(conn: &mut Conn, key: Option<&Key>) -> Result<AuditCheck> {
    let head = conn.first(HEAD, p![], head)?.ok_or(EngineError::Corrupt("meta"))?;
    let ended = "SELECT detail FROM audit WHERE entity='exchange' AND action=$1 ORDER BY seq DESC LIMIT 1";
    let ended = conn.first(ended, p![AUDIT_ENDED], |r| get::<String>(r, 0))?;
    let ended =
        ended.and_then(|detail| AuditEnd::read(&detail)).and_then(|end| Some((end.through, end.root()?)));
    let (entries, root) = ended.unwrap_or_default();
    let mut check = AuditCheck { entries, head: root, broken_at: None };
    let sql = format!("SELECT {}, seal FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", rows::AUDIT);
    loop {
        let page = conn.all(&sql, p![check.entries.cast_signed(), limits::CHECK_ROWS], |row| {
            Ok(rows::audit(row).ok().zip(get::<Option<Vec<u8>>>(row, 8).ok()))
        })?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let due = check.entries + 1;
            let why = match entry {
                None => Some("entry cannot be read"),
                Some((entry, seal)) => audit_fault(&entry, due, &check.head)
                    .or_else(|| unsealed(&entry, seal.as_deref(), key))
                    .or_else(|| {
                        check.head = entry.hash;
                        None
                    }),
            };
            if let Some(why) = why {
                check.broken_at = Some(AuditBreak { seq: due, why });
                return Ok(check);
            }
            check.entries = due;
        }
    }
    if check.entries != head.audit_seq.cast_unsigned() || check.head != head.audit_hash {
        check.broken_at = Some(AuditBreak { seq: check.entries + 1, why: "the end of the chain is missing" });
    } else if seal::judge(key, &head).is_err() {
        let why =
            "the end of the chain is not the one that was sealed: it was cut off, or sealed with another key";
        check.broken_at = Some(AuditBreak { seq: check.entries + 1, why });
    }
    Ok(check)
}

/// Whether an entry is not the one that was sealed, where there is a key to tell.
fn unsealed(entry: &AuditEntry, seal: Option<&[u8]>, key: Option<&Key>) -> Option<&'static str> {
    let due = seal::of_entry(key?, entry.seq.cast_signed(), &entry.hash);
    match seal {
        Some(seal) if seal == due => None,
        Some(_) => Some("this entry is not the one that was sealed"),
        None => Some("this entry has no seal"),
    }
}

fn audit_fault(entry: &AuditEntry, due: u64, previous: &Checksum) -> Option<&'static str> {
    if entry.seq != due {
        Some("entry is missing")
    } else if entry.previous != *previous {
        Some("entry does not follow the one before")
    } else if AuditEntry::hash_of(entry.seq, entry.at, &entry.audit, previous) != entry.hash {
        Some("entry was changed")
    } else {
        None
    }
}

/// Reads everything of one state.
pub(crate) fn verify(conn: &mut Conn, key: Option<&Key>) -> Result<VerifyReport> {
    let mut report = VerifyReport { messages: 0, payloads: 0, corrupt: Vec::new(), audit: audit(conn, key)? };
    report.messages = one(conn, "SELECT count(*) FROM message")?;
    let mut after = (-1i64, 0i64, 0i64);
    loop {
        let sql = format!(
            "SELECT {}, (SELECT id FROM message m WHERE m.seq=part.owner), sha256(bytes) = sha256 FROM part
             WHERE (owner, place, number) > ($1,$2,$3) ORDER BY owner, place, number LIMIT $4",
            rows::PART
        );
        let page = conn.all(&sql, p![after.0, after.1, after.2, limits::CHECK_ROWS], |r| {
            let id = get::<Option<String>>(r, 9)?.unwrap_or_else(|| "part without its message".to_owned());
            Ok((rows::part(r)?, id, get::<Option<bool>>(r, 10)?))
        })?;
        let Some((last, ..)) = page.last() else { break };
        after = (last.owner, last.place, last.number);
        for (part, id, inline) in page {
            report.payloads += 1;
            let good = match inline {
                Some(good) => good,
                None => whole(conn, &part)? == part.sha256,
            };
            if !good && report.corrupt.last() != Some(&id) {
                report.corrupt.push(id);
            }
        }
    }
    Ok(report)
}

/// Digest of large content, a piece in memory at a time.
fn whole(conn: &mut Conn, part: &rows::Part) -> Result<Checksum> {
    let mut hash = Sha256::new();
    let sql =
        "SELECT c.bytes FROM content_head h JOIN content c ON c.id=h.id WHERE h.sha256=$1 AND c.number=$2";
    for number in 0i64.. {
        let Some(bytes) = conn.first(sql, p![&part.sha256[..], number], |r| get::<Vec<u8>>(r, 0))? else {
            break;
        };
        hash.update(bytes);
    }
    Ok(hash.finalize().into())
}

fn one(conn: &mut Conn, sql: &str) -> Result<u64> {
    Ok(conn.first(sql, p![], |r| count(r, 0))?.unwrap_or(0))
}

/// What lies in a backup: the schema, and each table's file with its digest.
#[derive(Serialize, Deserialize)]
struct Manifest {
    schema: u32,
    tables: BTreeMap<String, String>,
}

const MANIFEST: &str = "manifest.json";

/// Copies a consistent state of everything into an empty directory, flushes and checks it. `also` reads more of that state.
pub(crate) fn backup<T>(
    conn: &mut Conn,
    directory: &Path,
    key: Option<&Key>,
    also: impl FnOnce(&mut Conn) -> Result<T>,
) -> Result<(BackupReport, T)> {
    fs::create_dir_all(directory).map_err(|e| io(&e))?;
    if fs::read_dir(directory).map_err(|e| io(&e))?.next().is_some() {
        return Err(EngineError::Invalid("backup directory is not empty"));
    }
    conn.snapshot(|conn| {
        let mut manifest = Manifest { schema: schema::VERSION, tables: BTreeMap::new() };
        let mut bytes = 0u64;
        for table in schema::TABLES {
            let mut file = File::create(directory.join(format!("{table}.copy"))).map_err(|e| io(&e))?;
            let mut hash = Sha256::new();
            let sql = format!("COPY {table} TO STDOUT (FORMAT binary)");
            let mut rows = conn.client()?.copy_out(&sql).map_err(|e| db(&e))?;
            let mut buffer = vec![0u8; 64 * 1024];
            loop {
                let read = rows.read(&mut buffer).map_err(|e| io(&e))?;
                let Some(piece) = buffer.get(..read).filter(|b| !b.is_empty()) else { break };
                hash.update(piece);
                file.write_all(piece).map_err(|e| io(&e))?;
                bytes += piece.len() as u64;
            }
            file.sync_all().map_err(|e| io(&e))?;
            manifest.tables.insert(table.to_owned(), hex(&hash.finalize()));
        }
        let text = serde_json::to_vec_pretty(&manifest).map_err(|_| EngineError::Invalid("manifest"))?;
        let mut file = File::create(directory.join(MANIFEST)).map_err(|e| io(&e))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(|e| io(&e))?;
        File::open(directory).and_then(|d| d.sync_all()).map_err(|e| io(&e))?;
        let verified = verify(conn, key)?;
        let files = one(conn, "SELECT count(*) FROM content_head")?;
        let more = also(conn)?;
        Ok((BackupReport { messages: verified.messages, files, bytes, verified }, more))
    })
}

/// Puts a backup into an empty database.
pub(crate) fn restore(conn: &mut Conn, directory: &Path) -> Result<()> {
    let text = fs::read(directory.join(MANIFEST)).map_err(|e| io(&e))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| EngineError::Corrupt("manifest"))?;
    // A backup of an earlier version goes into tables of that version, which are then brought up to date.
    schema::migrate_to(conn, manifest.schema)?;
    if one(conn, "SELECT audit_seq + message_seq FROM meta")? != 0 {
        return Err(EngineError::Invalid("the database to restore into is not empty"));
    }
    conn.transaction(|conn| {
        conn.batch("DELETE FROM meta")?;
        for table in schema::TABLES {
            let file = File::open(directory.join(format!("{table}.copy"))).map_err(|e| io(&e))?;
            let mut file = BufReader::new(file);
            let mut hash = Sha256::new();
            let sql = format!("COPY {table} FROM STDIN (FORMAT binary)");
            let mut rows = conn.client()?.copy_in(&sql).map_err(|e| db(&e))?;
            let mut buffer = vec![0u8; 64 * 1024];
            loop {
                let read = file.read(&mut buffer).map_err(|e| io(&e))?;
                let Some(piece) = buffer.get(..read).filter(|b| !b.is_empty()) else { break };
                hash.update(piece);
                rows.write_all(piece).map_err(|e| io(&e))?;
            }
            rows.finish().map_err(|e| db(&e))?;
            if manifest.tables.get(table) != Some(&hex(&hash.finalize())) {
                return Err(EngineError::Corrupt("backup"));
            }
        }
        conn.batch("SELECT setval('content_id', coalesce((SELECT max(id) FROM content_head), 0) + 1)")
    })?;
    schema::migrate(conn)
}

/// Counters and gauges.
pub(crate) fn metrics(shared: &Shared) -> Result<Metrics> {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let stats = &shared.stats;
    let mut metrics = Metrics {
        accepted: load(&stats.accepted),
        duplicates: load(&stats.duplicates),
        acknowledged: load(&stats.acknowledged),
        expired: load(&stats.expired),
        refused_space: load(&stats.refused_space),
        commits: load(&stats.commits),
        committed_requests: load(&stats.requests),
        corrupt_reads: load(&stats.corrupt),
        free_bytes: shared.free()?,
        reserve_bytes: shared.options.reserve,
        ..Metrics::default()
    };
    shared.read(|conn| {
        conn.snapshot(|conn| {
            metrics.queues =
                WorkKind::ALL.into_iter().map(|kind| queue(conn, kind)).collect::<Result<_>>()?;
            metrics.mailboxes = conn.all(
                "SELECT b.name, b.waiting, (SELECT m.received_at FROM message m
                   WHERE m.waiting=1 AND m.mailbox_to=b.name ORDER BY m.seq LIMIT 1)
                 FROM mailbox b WHERE b.waiting > 0 ORDER BY b.name",
                p![],
                |r| {
                    Ok(MailboxGauge {
                        mailbox: get(r, 0)?,
                        waiting: count(r, 1)?,
                        oldest: crate::conn::maybe_time(r, 2)?,
                    })
                },
            )?;
            metrics.latest_time = conn.first("SELECT high_water FROM meta", p![], |r| time(r, 0))?;
            metrics.kept = one(conn, "SELECT message_seq FROM meta")?;
            metrics.failed = one(
                conn,
                &format!(
                    "SELECT count(*) FROM message WHERE state='error' AND NOT {}",
                    crate::read::CORRECTED
                ),
            )?;
            metrics.undeliverable = one(conn, "SELECT count(*) FROM message WHERE state='undeliverable'")?;
            metrics.expectations_open = one(
                conn,
                "SELECT count(*) FROM expectation WHERE outcome IS NULL AND overdue_since IS NULL",
            )?;
            metrics.expectations_overdue =
                one(conn, &format!("SELECT count(*) FROM expectation WHERE {ATTENTION}"))?;
            Ok(())
        })
    })?;
    Ok(metrics)
}

/// Which expectations need a person (the condition of index `expectation_attention`).
pub(crate) const ATTENTION: &str =
    "handled_at IS NULL AND (outcome = 'negative' OR (outcome IS NULL AND overdue_since IS NOT NULL))";

fn queue(conn: &mut Conn, kind: WorkKind) -> Result<QueueGauge> {
    let mut gauge = QueueGauge { kind, ready: 0, waiting: 0, leased: 0, parked: 0, oldest: None };
    let sql = "SELECT state, count(*), min(queued_at) FROM work WHERE kind=$1 GROUP BY state";
    let found =
        conn.all(sql, p![kind.as_str()], |r| Ok((get::<String>(r, 0)?, count(r, 1)?, time(r, 2)?)))?;
    for (state, number, oldest) in found {
        match state.as_str() {
            "ready" => gauge.ready = number,
            "waiting" => gauge.waiting = number,
            "leased" => gauge.leased = number,
            _ => gauge.parked = number,
        }
        if state != "parked" {
            gauge.oldest = Some(gauge.oldest.map_or(oldest, |o| o.min(oldest)));
        }
    }
    Ok(gauge)
}

/// What the server does to keep data, asked and measured at open.
pub(crate) fn durability(conn: &mut Conn, probes: usize) -> Result<Durability> {
    const SQL: &str = "SELECT current_setting('server_version'), current_setting('fsync'),
      current_setting('full_page_writes'), current_setting('synchronous_commit'),
      current_setting('synchronous_standby_names')";
    let settings =
        conn.first(SQL, p![], |r| (0..5).map(|column| get::<String>(r, column)).collect::<Result<Vec<_>>>())?;
    let Some([version, fsync, pages, commit, standbys]) =
        settings.and_then(|s| <[String; 5]>::try_from(s).ok())
    else {
        return Err(EngineError::Corrupt("settings"));
    };
    let mut times = Vec::with_capacity(probes);
    for _ in 0..probes {
        let begun = Instant::now();
        conn.transaction(|conn| conn.run("UPDATE meta SET high_water=high_water", p![]).map(drop))?;
        times.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    let waits = if standbys.is_empty() { "none".to_owned() } else { standbys };
    Ok(Durability {
        engine: format!("PostgreSQL {version}"),
        durable: fsync == "on"
            && pages == "on"
            && matches!(commit.as_str(), "on" | "remote_apply" | "remote_write" | "local"),
        mode: format!(
            "synchronous_commit={commit}, fsync={fsync}, full_page_writes={pages}, standbys waited for: {waits}"
        ),
        flush_p50_us: times.get(times.len() / 2).copied().unwrap_or(0).max(1),
        schema: schema::VERSION,
    })
}
