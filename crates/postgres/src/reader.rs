//! Reading a database that a broker may write: for examining it, for a copy to take away, and for comparing it with a record.

use crate::conn::{count, digest, get, p};
use crate::content::{hex, sha256};
use crate::erase::HELD;
use crate::fault::Result;
use crate::shared::Shared;
use crate::{Options, check, conn, read, schema, seal, take_over};
use causeway_exchange::kept::TABLES;
use causeway_exchange::{Due, EngineError, MessageId, Reading, Recorded, VerifyReport};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A database, opened for reading only.
pub struct Reader(Arc<Shared>);

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Messages.
    pub messages: u64,
    /// Entries of the audit trail.
    pub audit_entries: u64,
    /// Hash of the last of them, hexadecimal.
    pub audit_head: String,
    /// Digest over all that the exchange holds, hexadecimal.
    pub digest: String,
}

/// Whether the tables are there, of the version that this program reads, and sealed under a key that is known.
pub(crate) fn readable(shared: &Shared) -> Result<()> {
    match shared.read(schema::version)? {
        0 => Err(EngineError::NotFound("exchange in the database")),
        found if found > schema::VERSION => Err(EngineError::NewerSchema { found, known: schema::VERSION }),
        found if found < schema::VERSION => Err(EngineError::Invalid(
            "data of an earlier version: an exchange that starts brings them up to date",
        )),
        _ => shared.read(|conn| seal::legible(conn, shared.options.key.as_ref())),
    }
}

impl Reader {
    /// Opens the database.
    ///
    /// # Errors
    /// It can't be reached; it holds no exchange, or one of another version, or one that is sealed and no key is given.
    pub fn open(options: Options) -> Result<Self> {
        let reach = options.reach()?;
        conn::apart(|| {
            let shared = Arc::new(Shared::new(options, reach, None)?);
            readable(&shared)?;
            Ok(Self(shared))
        })
    }

    /// Reads everything of one state: each content against its digest, the audit trail to its end.
    ///
    /// # Errors
    /// The server failed.
    pub fn verify(&self) -> Result<VerifyReport> {
        let key = self.0.options.key.as_ref();
        self.0.read(|conn| conn.snapshot(|conn| check::verify(conn, key)))
    }

    /// Copies one moment of everything into an empty directory, for [`crate::Postgres::restore`].
    ///
    /// # Errors
    /// The server failed, or the copy can't be written; [`EngineError::Corrupt`] where something in it is not as it was
    /// written.
    pub fn copy(&self, directory: &Path) -> Result<Copied> {
        let key = self.0.options.key.as_ref();
        let (report, (head, digest)) = self
            .0
            .read(|conn| check::backup(conn, directory, key, |conn| Ok((audit_head(conn)?, sum(conn)?))))?;
        if !report.verified.is_clean() {
            return Err(EngineError::Corrupt("data that were copied: causeway verify says where"));
        }
        Ok(Copied { messages: report.messages, audit_entries: head.0, audit_head: head.1, digest })
    }
}

fn audit_head(conn: &mut conn::Conn) -> Result<(u64, String)> {
    let head = conn
        .first("SELECT audit_seq, audit_hash FROM meta", p![], |r| Ok((count(r, 0)?, hex(&digest(r, 1)?))))?;
    head.ok_or(EngineError::Corrupt("meta"))
}

/// A digest over the rows of all tables, whatever their order.
fn sum(conn: &mut conn::Conn) -> Result<String> {
    let mut all = String::new();
    for table in &TABLES {
        let sum = take_over::sum(conn, table)?;
        all.push_str(&format!("{} {} {}\n", table.name, sum.rows, hex(&sum.digest)));
    }
    Ok(hex(&sha256(all.as_bytes())))
}

impl Reading for Reader {
    fn recorded(&self) -> Result<Vec<Recorded>> {
        self.0.read(read::recorded)
    }

    fn ids(&self) -> Result<BTreeSet<String>> {
        let all = self.0.read(|conn| conn.all("SELECT id FROM message", p![], |r| get::<String>(r, 0)))?;
        Ok(all.into_iter().collect())
    }

    fn outputs(&self, id: &str) -> Result<Vec<Vec<u8>>> {
        let translation = self.0.translation(&MessageId::new(id)?)?;
        Ok(translation.map(|t| t.outputs.into_iter().map(|o| o.bytes).collect()).unwrap_or_default())
    }

    fn audit_head(&self) -> Result<(u64, String)> {
        self.0.read(audit_head)
    }

    fn digest(&self) -> Result<String> {
        self.0.read(|conn| conn.snapshot(sum))
    }

    fn due(&self, before: Timestamp) -> Result<Due> {
        let sql = format!(
            "SELECT id, received_at, {HELD}, waiting<>0 OR EXISTS (SELECT 1 FROM work w WHERE w.owner=message.seq)
             FROM message WHERE received_at<$1 AND content_deleted_at IS NULL
               AND EXISTS (SELECT 1 FROM part p WHERE p.owner=message.seq) ORDER BY seq"
        );
        let found = self.0.read(|conn| {
            conn.all(&sql, p![before.as_microsecond()], |r| {
                Ok((get::<String>(r, 0)?, get::<i64>(r, 1)?, get::<bool>(r, 2)?, get::<bool>(r, 3)?))
            })
        })?;
        let mut due = Due::default();
        for (id, at, held, waits) in found {
            match (held, waits) {
                (true, _) => due.held += 1,
                (_, true) => due.waiting += 1,
                _ => due.messages.push((id, at)),
            }
        }
        Ok(due)
    }

    fn audit_due(&self, before: Timestamp) -> Result<(u64, bool)> {
        let sql = "SELECT (SELECT count(*) FROM audit WHERE at < $1 AND seq < (SELECT audit_seq FROM meta)),
                          EXISTS (SELECT 1 FROM config WHERE kind='hold' AND json IS NOT NULL)";
        let found = self
            .0
            .read(|conn| conn.first(sql, p![before.as_microsecond()], |r| Ok((count(r, 0)?, get(r, 1)?))))?;
        Ok(found.unwrap_or_default())
    }

    fn holds(&self) -> Result<Vec<(String, String)>> {
        let sql =
            "SELECT key, json FROM config WHERE kind='hold' AND json IS NOT NULL ORDER BY key COLLATE \"C\"";
        self.0.read(|conn| conn.all(sql, p![], |r| Ok((get(r, 0)?, get(r, 1)?))))
    }
}
