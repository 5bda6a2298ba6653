//! The chain of the audit trail: where it does not hold, and the breaks that a person has accepted.
//!
//! What was changed or taken out of the trail stays broken. A person who has looked at it may accept it as it is
//! (`causeway verify --reseal`): an entry then says which breaks were accepted, and what the entries were at that moment, under
//! the key of the seals. Whoever can write the database but not read the key can't accept anything.

use crate::fault::{Result, db, sealed as failed};
use crate::rows;
use crate::writer::Head;
use causeway_exchange::effects::{AuditBreak, AuditCheck};
use causeway_exchange::message::Checksum;
use causeway_exchange::{AUDIT_ENDED, AuditEnd, AuditEntry, EngineError};
use causeway_seal::{Chain, Key};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Action of the entry that accepts breaks.
pub const RESEALED: &str = "evidence-resealed";

/// What the seal of an entry that is not there says.
pub(crate) const ABSENT: Checksum = [0; 32];

/// Entries that do not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Broken {
    from: u64,
    to: u64,
    /// The hash that the entry has by what it says now; absent where there is no entry.
    is: Option<String>,
    #[serde(skip)]
    why: &'static str,
}

impl Broken {
    fn missing(from: u64, to: u64, why: &'static str) -> Self {
        Self { from, to, is: None, why }
    }

    /// Whether a person can accept it: what can't be read can't be described either.
    fn can_stay(&self) -> bool {
        self.why != UNREADABLE
    }
}

const UNREADABLE: &str = "entry cannot be read";
const RETURNED: &str = "entry was deleted when its time was over, and is there again";

/// Breaks that a person accepted, as the entry keeps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Accepted {
    broken: Vec<Broken>,
    /// Keyed digest of them.
    seal: String,
}

impl Accepted {
    fn of(broken: Vec<Broken>, key: &Key) -> Self {
        let seal = seal(&broken, key);
        Self { broken, seal }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keyed digest of breaks.
fn seal(broken: &[Broken], key: &Key) -> String {
    let mut text = Vec::new();
    for one in broken {
        text.extend(one.from.to_be_bytes());
        text.extend(one.to.to_be_bytes());
        text.extend(one.is.as_deref().unwrap_or_default().as_bytes());
        text.push(0);
    }
    hex(&key.sum(*b"dcid", 0, &text))
}

/// What the accepting entry says: the reason alone where nothing was broken.
pub(crate) fn told(reason: &str, accepted: Option<&Accepted>) -> String {
    match accepted {
        None => reason.to_owned(),
        Some(one) => {
            serde_json::json!({"reason": reason, "broken": one.broken, "seal": one.seal}).to_string()
        }
    }
}

/// The accepted breaks that the trail tells of; with a key, those that were accepted under it.
fn accepted(conn: &Connection, key: Option<&Key>) -> Result<Vec<Broken>> {
    let sql = "SELECT detail FROM audit WHERE entity='exchange' AND action=?1 ORDER BY seq";
    let details: Vec<String> = rows::all(conn, sql, [RESEALED], |r| r.get(0))?;
    let read = details.iter().filter_map(|detail| serde_json::from_str::<Accepted>(detail).ok());
    let ours = read.filter(|one| key.is_none_or(|key| seal(&one.broken, key) == one.seal));
    Ok(ours.flat_map(|one| one.broken).collect())
}

/// Keyed digest of the last entry that was deleted because its time was over.
pub(crate) fn end_seal(through: u64, hash: &Checksum, key: &Key) -> String {
    hex(&key.sum(*b"dend", through, hash))
}

/// What the chain goes on from: the last entry that retention deleted, and its hash. Zeros where none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) through: u64,
    pub(crate) hash: Checksum,
}

/// The root that the trail tells of; with a key, the last that was sealed under it.
pub(crate) fn root(conn: &Connection, key: Option<&Key>) -> Result<Root> {
    let sql = "SELECT detail FROM audit WHERE entity='exchange' AND action=?1 ORDER BY seq DESC";
    let details: Vec<String> = rows::all(conn, sql, [AUDIT_ENDED], |r| r.get(0))?;
    let ends = details.iter().filter_map(|detail| AuditEnd::read(detail));
    let mut roots = ends.filter_map(|end| {
        let root = Root { through: end.through, hash: end.root()? };
        let ours = key.is_none_or(|key| end.seal == Some(end_seal(root.through, &root.hash, key)));
        ours.then_some(root)
    });
    Ok(roots.next().unwrap_or_default())
}

/// Goes through the chain and tells each break, until one is answered with `false`. Gives the number of the last entry that
/// was looked at, and its hash.
fn walk(
    conn: &Connection,
    key: Option<&Key>,
    tell: &mut dyn FnMut(Broken) -> bool,
) -> Result<(u64, Checksum)> {
    let tx = conn.unchecked_transaction().map_err(|e| db(&e))?;
    let head = Head::load(&tx)?;
    let root = root(&tx, key)?;
    let (mut last, mut hash, mut known) = (root.through, root.hash, true);
    let mut statement =
        tx.prepare(&format!("SELECT {} FROM audit ORDER BY seq", rows::AUDIT)).map_err(|e| db(&e))?;
    let mut found = statement.query([]).map_err(|e| db(&e))?;
    while let Some(row) = found.next().map_err(|e| db(&e))? {
        let due = last + 1;
        let Ok(entry) = rows::audit(row) else {
            tell(Broken::missing(due, due, UNREADABLE));
            return Ok((last, hash));
        };
        if entry.seq < due {
            let is = AuditEntry::hash_of(entry.seq, entry.at, &entry.audit, &entry.previous);
            let broken = Broken { from: entry.seq, to: entry.seq, is: Some(hex(&is)), why: RETURNED };
            if !tell(broken) {
                return Ok((entry.seq, entry.hash));
            }
            continue;
        }
        if entry.seq > due {
            if !tell(Broken::missing(due, entry.seq - 1, "entry is missing")) {
                return Ok((last, hash));
            }
            // What the first one behind a gap follows from is not there to be compared.
            known = false;
        }
        let own = AuditEntry::hash_of(entry.seq, entry.at, &entry.audit, &entry.previous);
        let why = if known && entry.previous != hash {
            "entry does not follow the one before"
        } else if own != entry.hash {
            "entry was changed"
        } else {
            ""
        };
        let broken = Broken { from: entry.seq, to: entry.seq, is: Some(hex(&own)), why };
        if !why.is_empty() && !tell(broken) {
            return Ok((last, hash));
        }
        (last, hash, known) = (entry.seq, entry.hash, true);
    }
    let end = head.audit_seq.cast_unsigned();
    if last != end || hash != head.audit_hash {
        tell(Broken::missing(last + 1, end.max(last + 1), "the end of the chain is missing"));
    }
    Ok((last, hash))
}

fn check(conn: &Connection, key: Option<&Key>) -> Result<AuditCheck> {
    let accepted = accepted(conn, key)?;
    let mut broken_at = None;
    let is_accepted = |b: &Broken| accepted.iter().any(|a| (a.from, a.to, &a.is) == (b.from, b.to, &b.is));
    let (entries, head) = walk(conn, key, &mut |broken| {
        let go_on = is_accepted(&broken);
        if !go_on {
            broken_at = Some(AuditBreak { seq: broken.from, why: broken.why });
        }
        go_on
    })?;
    Ok(AuditCheck { entries, head, broken_at })
}

/// Reads the audit chain to its end or its first break that nobody has accepted.
pub(crate) fn audit(conn: &Connection) -> Result<AuditCheck> {
    check(conn, None)
}

/// Where the audit trail does not hold.
pub(crate) struct AuditFault {
    pub(crate) seq: u64,
    pub(crate) why: &'static str,
}

/// The first entry that the chain or its seals do not hold.
pub(crate) fn audit_faults(
    conn: &Connection,
    chain: Option<&Chain>,
    key: Option<&Key>,
) -> Result<Option<AuditFault>> {
    if let Some(chain) = chain
        && let Some(fault) = unsealed(conn, chain, root(conn, key)?.through)?
    {
        return Ok(Some(fault));
    }
    let check = check(conn, key)?;
    Ok(check.broken_at.map(|AuditBreak { seq, why }| AuditFault { seq, why }))
}

/// The first entry that is not as it was sealed, of those behind the last one that retention deleted.
fn unsealed(conn: &Connection, chain: &Chain, ended: u64) -> Result<Option<AuditFault>> {
    let sealed = chain.sealed();
    // Sealed as not there: a gap that a person accepted.
    let absent = |from: u64, to: u64| -> Result<Option<u64>> {
        for seq in from..to {
            if !chain.holds(seq, &ABSENT).map_err(|e| failed(&e))? {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    };
    let sql = "SELECT seq, hash FROM audit WHERE seq<=?1 ORDER BY seq";
    let mut statement = conn.prepare(sql).map_err(|e| db(&e))?;
    let mut found = statement.query([sealed.cast_signed()]).map_err(|e| db(&e))?;
    let mut due = ended + 1;
    while let Some(row) = found.next().map_err(|e| db(&e))? {
        let seq = rows::count(row, 0).map_err(|e| db(&e))?;
        if seq < due {
            return Ok(Some(AuditFault { seq, why: RETURNED }));
        }
        if let Some(seq) = absent(due, seq)? {
            return Ok(Some(AuditFault { seq, why: "this entry was sealed and is missing" }));
        }
        let held = match row.get::<_, Checksum>(1) {
            Ok(hash) => chain.holds(seq, &hash).map_err(|e| failed(&e))?,
            Err(_) => false,
        };
        if !held {
            // Its own hash may still say which: an entry that was edited alone is found by the chain as well.
            return Ok(Some(AuditFault { seq, why: "this entry is not the one that was sealed" }));
        }
        due = seq + 1;
    }
    let why = "this entry was sealed and is missing: the end of the trail was cut off";
    Ok(absent(due, sealed + 1)?.map(|seq| AuditFault { seq, why }))
}

/// Seals the whole trail as it is, for a person who accepts it: gives what of it does not hold.
///
/// # Errors
/// An entry can't be read: then there is nothing that could be accepted.
pub(crate) fn seal_as_it_is(conn: &Connection, chain: &mut Chain, key: &Key) -> Result<Option<Accepted>> {
    let mut broken = Vec::new();
    walk(conn, Some(key), &mut |one| {
        broken.push(one);
        true
    })?;
    if !broken.iter().all(Broken::can_stay) {
        return Err(EngineError::Corrupt("audit entry"));
    }
    let end = Head::load(conn)?.audit_seq.cast_unsigned();
    loop {
        let sealed = chain.sealed();
        let sql = "SELECT seq, hash FROM audit WHERE seq>?1 ORDER BY seq LIMIT 1000";
        let some: Vec<(u64, Checksum)> =
            rows::all(conn, sql, [sealed.cast_signed()], |r| Ok((rows::count(r, 0)?, r.get(1)?)))?;
        let mut hashes = Vec::with_capacity(some.len());
        let mut next = sealed + 1;
        let last = some.is_empty();
        for (seq, hash) in some {
            hashes.extend((next..seq).map(|_| ABSENT));
            hashes.push(hash);
            next = seq + 1;
        }
        if last {
            hashes.extend((next..=end).map(|_| ABSENT));
        }
        chain.seal(&hashes).map_err(|e| failed(&e))?;
        if last {
            return Ok((!broken.is_empty()).then(|| Accepted::of(broken, key)));
        }
    }
}
