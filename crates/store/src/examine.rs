//! Reading everything, and saying where it is not as it was written.

use crate::blobs::{Blobs, hex};
use crate::chain::{AuditFault, audit_faults};
use crate::check::hash_file;
use crate::checkpoint;
use crate::fault::{Result, sealed as failed};
use crate::limits::FINDINGS_NAMED;
use crate::prepare::verified;
use crate::rows;
use crate::sealing::{self, RESTORE, SEALS, said};
use crate::shared::{Options, Shared, open_reader};
use causeway_exchange::message::Checksum;
use causeway_seal::{Chain, Checked, Finding, Key, check_settling};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The database, as findings name it.
const DATABASE: &str = "exchange/causeway.db";

/// Examines a data directory from its files, also while another process has it open. Nothing is changed.
///
/// # Errors
/// The data can't be read at all.
pub fn examine(directory: &Path) -> Result<Vec<Finding>> {
    let options = Options::new(directory);
    let key = sealing::key(&options)?;
    let checked = match &key {
        None => None,
        Some(key) => check_settling(&options.database(), key).map_err(|e| failed(&e))?,
    };
    let conn = open_reader(&options.database())?;
    let mut found = Vec::new();
    if let Some(checked) = &checked {
        found.extend(sealing::page_findings(Some(&conn), DATABASE, checked));
    } else if key.is_some() {
        found.push(Finding::new(
            format!("{DATABASE}-seal"),
            "the seals of the database are missing",
            RESTORE,
        ));
    }
    let chain = match &key {
        None => None,
        Some(key) => Chain::read(&sealing::chain_path(&options), key.clone()).map_err(|e| failed(&e))?,
    };
    if chain.is_none() && checked.is_some() {
        found.push(Finding::new("exchange/audit-seal", "the seals of the audit trail are missing", RESTORE));
    }
    found.extend(contents(&conn, &Blobs::read_only(directory), chain.as_ref(), key.as_ref())?);
    Ok(found)
}

/// Examines open data.
pub(crate) fn running(shared: &Shared) -> Result<Vec<Finding>> {
    shared.read(|conn| {
        let mut found = Vec::new();
        if let Some(why) = shared.seal_failure() {
            found.push(Finding::new(
                format!("{DATABASE}-seal"),
                format!("seals could not be written: {why}"),
                SEALS,
            ));
        }
        let key = sealing::key(&shared.options)?;
        let chain = match &key {
            Some(key) if shared.pages.is_some() => {
                Chain::read(&sealing::chain_path(&shared.options), key.clone()).map_err(|e| failed(&e))?
            }
            _ => None,
        };
        if let Some(pages) = &shared.pages {
            let wrong = pages.check(&shared.database, || checkpoint::frames(conn)).map_err(|e| failed(&e))?;
            let checked = Checked { wrong, ..Checked::default() };
            found.extend(sealing::page_findings(Some(conn), DATABASE, &checked));
            if chain.is_none() {
                found.push(Finding::new(
                    "exchange/audit-seal",
                    "the seals of the audit trail are missing",
                    RESTORE,
                ));
            }
        }
        found.extend(contents(conn, &shared.blobs, chain.as_ref(), key.as_ref())?);
        Ok(found)
    })
}

/// Everything but the pages' seals, through one connection.
fn contents(
    conn: &Connection,
    blobs: &Blobs,
    chain: Option<&Chain>,
    key: Option<&Key>,
) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let said_by_sqlite: Vec<String> = rows::all(conn, "PRAGMA integrity_check(20)", [], |r| r.get(0))
        .unwrap_or_else(|_| vec!["the check could not be run".to_owned()]);
    // Its words name pages and indexes, never a value.
    for what in said_by_sqlite.into_iter().filter(|what| what != "ok") {
        found.push(Finding::new(DATABASE, what, RESTORE));
    }
    match audit_faults(conn, chain, key) {
        Ok(None) => {}
        Ok(Some(AuditFault { seq, why })) => {
            found.push(Finding::new(format!("{DATABASE} audit entry {seq}"), why, RESTORE));
        }
        Err(error) => found.push(Finding::new(format!("{DATABASE} audit"), error.to_string(), RESTORE)),
    }
    if let Err(error) = payloads(conn, blobs, &mut found) {
        found.push(Finding::new(format!("{DATABASE} contents"), error.to_string(), RESTORE));
    }
    if let Err(error) = bodies(conn, &mut found) {
        found.push(Finding::new(format!("{DATABASE} messages"), error.to_string(), RESTORE));
    }
    Ok(found)
}

/// Every content against its digest.
fn payloads(conn: &Connection, blobs: &Blobs, found: &mut Vec<Finding>) -> Result<()> {
    let sql = "SELECT p.role, p.number, p.sha256, m.id, p.bytes, p.size FROM part p LEFT JOIN message m ON m.seq=p.owner ORDER BY p.id";
    let mut statement = said(conn.prepare(sql))?;
    let mut list = said(statement.query([]))?;
    let mut bad = 0;
    while let Some(row) = said(list.next())? {
        let (role, number): (String, i64) = said(row.get(0).and_then(|role| Ok((role, row.get(1)?))))?;
        let digest: Checksum = said(row.get(2))?;
        let (id, bytes): (Option<String>, Option<Vec<u8>>) =
            said(row.get(3).and_then(|id| Ok((id, row.get(4)?))))?;
        let size = said(rows::count(row, 5))?;
        let (good, where_) = match bytes {
            Some(bytes) => (verified(bytes, size, &digest).is_some(), String::new()),
            None => {
                let name = hex(&digest);
                (hash_file(&blobs.path(&digest)).is_ok_and(|h| h == digest), format!(", file {name}"))
            }
        };
        if !good || id.is_none() {
            bad += 1;
            if bad <= FINDINGS_NAMED {
                let what =
                    if good { "belongs to no message" } else { "does not have its digest, or is missing" };
                let id = id.as_deref().unwrap_or("unknown");
                found.push(Finding::new(
                    format!("exchange message {id}, {role} {number}{where_}"),
                    what,
                    RESTORE,
                ));
            }
        }
    }
    if bad > FINDINGS_NAMED {
        let what = format!("{} more contents do not have their digests", bad - FINDINGS_NAMED);
        found.push(Finding::new("exchange contents", what, RESTORE));
    }
    Ok(())
}

/// Every message's own digest against its chunks, and that none is missing. The ids of those whose content was taken away.
fn bodies(conn: &Connection, found: &mut Vec<Finding>) -> Result<()> {
    // One chunk: the two digests are the same.
    let sql = "SELECT m.id FROM message m LEFT JOIN part p ON p.id = (m.seq << 20) + 1
               WHERE m.chunks=1 AND m.present=1 AND m.state<>'uploading' AND m.content_deleted_at IS NULL
                 AND (p.sha256 IS NULL OR p.sha256 <> m.sha256 OR p.size <> m.size) ORDER BY m.seq LIMIT 20";
    let wrong: Vec<String> = rows::all(conn, sql, [], |r| r.get(0))?;
    for id in wrong {
        let what = "its content is missing or is not the one that was received";
        found.push(Finding::new(format!("exchange message {id}"), what, RESTORE));
    }
    Ok(())
}

/// A digest over what the exchange says of itself and holds, in one order: two copies of the same data have the same.
pub(crate) fn digest(conn: &Connection) -> Result<Checksum> {
    let mut hash = Sha256::new();
    for (table, order) in [
        ("message", "seq"),
        ("part", "id"),
        ("translation", "owner"),
        ("event", "owner, seq"),
        ("work", "id"),
        ("expectation", "id"),
        ("idempotency", "sender, request_id"),
        ("config", "kind, key"),
        ("audit", "seq"),
    ] {
        hash.update(table.as_bytes());
        let mut statement = said(conn.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")))?;
        let columns = statement.column_count();
        let mut list = said(statement.query([]))?;
        while let Some(row) = said(list.next())? {
            for column in 0..columns {
                use rusqlite::types::ValueRef;
                let (kind, bytes) = match said(row.get_ref(column))? {
                    ValueRef::Null => (0u8, Vec::new()),
                    ValueRef::Integer(n) => (1, n.to_be_bytes().to_vec()),
                    ValueRef::Real(n) => (2, n.to_be_bytes().to_vec()),
                    ValueRef::Text(text) => (3, text.to_vec()),
                    ValueRef::Blob(bytes) => (4, bytes.to_vec()),
                };
                hash.update([kind]);
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    Ok(hash.finalize().into())
}
