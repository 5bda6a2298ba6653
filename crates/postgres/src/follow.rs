//! Reading beside the broker that works, for one that waits its turn and takes into its own record what the other has in its own.

use crate::conn::{Conn, HELD, WRITER_LOCK, count, get, p, word};
use crate::content::sha256;
use crate::fault::Result;
use crate::limits::TOLD_BYTES;
use crate::reader::readable;
use crate::rows::{self, Part};
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{Options, Postgres, check, conn, read, take_over};
use causeway_exchange::{EngineError, Message, MessageId, Recorded, StoredOutput, Translation};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a record takes in of a message: its facts, and its translation with issues and outputs (no ledger, no acknowledgement).
/// `None` where they are gone, an error where they are not as they were written.
pub type Told = Result<Option<(Message, Translation)>>;

/// Roles of the parts of a translation that a record reads.
const READ: &str = "role IN ('issues', 'output')";

/// How far the exchange is, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the last event.
    pub event: u64,
    /// The server's timeline: another one after a standby was promoted. Numbers of events are compared within one only, for
    /// what the old leader had alone is not with the new.
    pub timeline: String,
    /// When the server was started, in microseconds since 1970: sessions of before are gone, with the locks that they held.
    pub started: i64,
    /// Whether nobody holds the lock of the one writer.
    pub vacant: bool,
    /// Events after the number asked about that say that a message was taken into the record, or erased.
    pub behind: u64,
}

impl Postgres {
    /// Opens the engine for reading only, beside the broker that works: what writes is refused, here and by the server.
    ///
    /// # Errors
    /// It can't be reached; it holds no exchange, or one of another version, or one that is being moved there.
    pub fn follow(options: Options) -> Result<Self> {
        let reach = conn::Reach { reads_only: true, ..options.reach()? };
        conn::apart(|| {
            let shared = Arc::new(Shared::new(options, reach, None)?);
            readable(&shared)?;
            shared.read(take_over::settled)?;
            let durability = shared.read(|conn| check::durability(conn, 0))?;
            Ok(Self { writer: Writer::none(), shared, durability })
        })
    }

    /// How far the exchange is; `behind` counts from after an event's number.
    ///
    /// # Errors
    /// The server failed.
    pub fn place(&self, after: u64) -> Result<Place> {
        let sql = format!(
            "SELECT event_seq, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
               (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, NOT {HELD},
               (SELECT count(*) FROM event WHERE kind IN ('recorded', 'erased') AND seq > $2) FROM meta"
        );
        let found = self.shared.read(|conn| {
            conn.first(&sql, p![WRITER_LOCK, after.cast_signed()], |r| {
                Ok(Place {
                    event: count(r, 0)?,
                    timeline: get(r, 1)?,
                    started: get(r, 2)?,
                    vacant: get(r, 3)?,
                    behind: count(r, 4)?,
                })
            })
        })?;
        found.ok_or(EngineError::Corrupt("meta"))
    }

    /// The messages that were taken into the record, or erased, after an event: in order, at most so many, each with the number
    /// of the event that says so.
    ///
    /// # Errors
    /// The server failed.
    pub fn recorded_since(&self, after: u64, most: usize) -> Result<Vec<(u64, Recorded)>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.shared.read(|conn| read::recorded_since(conn, after.cast_signed(), most))
    }

    /// What a record takes in of the first of some messages, in their order: of as many as are within [`TOLD_BYTES`] together, and
    /// of one at least. Those whose translation is in pieces are not for this.
    ///
    /// # Errors
    /// The server failed.
    pub fn told(&self, ids: &[MessageId]) -> Result<Vec<Told>> {
        let (heads, mut parts, covered) = self.shared.read(|conn| conn.snapshot(|conn| told(conn, ids)))?;
        let mut heads: HashMap<String, Head> =
            heads.into_iter().map(|head| (head.message.new.id.to_string(), head)).collect();
        let one = |id: &MessageId| -> Told {
            let Some(Head { message, translation: Some(mut translation) }) = heads.remove(id.as_str()) else {
                return Ok(None);
            };
            for (part, bytes) in parts.remove(&message.seq.cast_signed()).unwrap_or_default() {
                let bytes = match bytes {
                    Some(bytes) if sha256(&bytes) == part.sha256 => bytes,
                    Some(_) => return Err(self.shared.corrupt("translation")),
                    None => self.shared.whole(&part)?,
                };
                if part.role == "issues" {
                    translation.issues = bytes;
                } else {
                    let Part { name, media_type, .. } = part;
                    translation.outputs.push(StoredOutput { name, media_type, bytes });
                }
            }
            Ok(Some((message, translation)))
        };
        Ok(ids.iter().take(covered).map(one).collect())
    }
}

struct Head {
    message: Message,
    translation: Option<Translation>,
}

/// Parts with their bytes, where those are in their rows, by their message.
type Parts = HashMap<i64, Vec<(Part, Option<Vec<u8>>)>>;

/// Reads the first of some messages, and how many those are.
fn told(conn: &mut Conn, ids: &[MessageId]) -> Result<(Vec<Head>, Parts, usize)> {
    let names: Vec<&str> = ids.iter().map(MessageId::as_str).collect();
    let sql = format!("SELECT {} FROM message WHERE id = ANY($1)", rows::MESSAGE);
    let mut messages = conn.all(&sql, p![names], rows::message)?;
    let owners: Vec<i64> = messages.iter().map(|message| message.seq.cast_signed()).collect();
    let sql =
        format!("SELECT owner, sum(size)::bigint FROM part WHERE owner = ANY($1) AND {READ} GROUP BY owner");
    let sizes = conn.all(&sql, p![owners], |r| Ok((count(r, 0)?, count(r, 1)?)))?;
    let sizes: HashMap<u64, u64> = sizes.into_iter().collect();
    let size: HashMap<&str, u64> = messages
        .iter()
        .map(|message| (message.new.id.as_str(), sizes.get(&message.seq).copied().unwrap_or(0)))
        .collect();
    let mut sum = 0;
    let fits = |name: &&&str| {
        sum += size.get(**name).copied().unwrap_or(0);
        sum <= TOLD_BYTES
    };
    let covered = names.iter().take_while(fits).count().max(1).min(names.len());
    let first: HashSet<&str> = names.iter().take(covered).copied().collect();
    messages.retain(|message| first.contains(message.new.id.as_str()));
    let owners: Vec<i64> = messages.iter().map(|message| message.seq.cast_signed()).collect();
    let sql = "SELECT owner, adapter, format, version, summary FROM translation WHERE owner = ANY($1)";
    let translations = conn.all(sql, p![owners], |r| {
        let summary = word(r, 4, |t| serde_json::from_str(t).ok())?;
        let (adapter, format, version) = (get(r, 1)?, get(r, 2)?, get(r, 3)?);
        Ok((count(r, 0)?, Translation { adapter, format, version, summary, ..Translation::default() }))
    })?;
    let mut translations: HashMap<u64, Translation> = translations.into_iter().collect();
    let sql = format!(
        "SELECT {}, bytes FROM part WHERE owner = ANY($1) AND {READ} ORDER BY owner, place, number",
        rows::PART
    );
    let mut parts = Parts::new();
    for (part, bytes) in
        conn.all(&sql, p![owners], |r| Ok((rows::part(r)?, get::<Option<Vec<u8>>>(r, 9)?)))?
    {
        parts.entry(part.owner).or_default().push((part, bytes));
    }
    let heads = messages.into_iter().map(|message| {
        let translation = translations.remove(&message.seq);
        Head { message, translation }
    });
    Ok((heads.collect(), parts, covered))
}

/// Whether an engine that was to be alone could not be opened because another one is.
#[must_use]
pub fn is_taken(error: &EngineError) -> bool {
    *error == conn::taken()
}
