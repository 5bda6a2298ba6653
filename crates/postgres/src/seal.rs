//! Seals of the audit trail: a keyed digest in each entry's row, and one of the trail's head in `meta`.
//!
//! An entry's hash covers the one before it, so a changed entry breaks the chain; but whoever can write the database can write a
//! whole new chain. Without the key they can't seal it. The head has a seal of its own, so that a trail that was cut off, with its
//! head set back, does not fit either. Not found: the whole database put back to an earlier state; for that, note the head of the
//! trail elsewhere (`causeway verify` prints it).

use crate::conn::{Conn, digest, get, p};
use crate::fault::Result;
use crate::head::{HEAD, Head, head};
use crate::limits;
use causeway_exchange::EngineError;
use causeway_exchange::message::Checksum;
use causeway_seal::{Key, Sum};

/// What a digest says that it is of.
const ENTRY: [u8; 4] = *b"audt";
const TRAIL: [u8; 4] = *b"head";

const NO_KEY: EngineError = EngineError::Invalid(
    "the audit trail is sealed, and the configuration names no key for it (postgres, audit_key_file)",
);
const NO_SEALS: EngineError = EngineError::Invalid(
    "the audit trail has entries and no seals: causeway verify says whether they hold, and with --reseal REASON seals them as they are",
);
const NOT_OURS: EngineError = EngineError::Invalid(
    "the head of the audit trail is not what was sealed, or another key sealed it: the brokers of one database need one key; \
     causeway verify says what is wrong, and with --reseal REASON goes on with the trail as it is",
);

/// The seal of an entry.
pub(crate) fn of_entry(key: &Key, seq: i64, hash: &Checksum) -> Sum {
    key.sum(ENTRY, seq.cast_unsigned(), hash)
}

/// The seal of the trail's head.
pub(crate) fn of_head(key: &Key, seq: i64, hash: &Checksum) -> Sum {
    key.sum(TRAIL, seq.cast_unsigned(), hash)
}

/// Refuses a trail whose head is not sealed under the key that there is; an exchange in which nothing happened yet has no seal.
pub(crate) fn judge(key: Option<&Key>, head: &Head) -> Result<()> {
    match (key, &head.audit_seal) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(NO_KEY),
        (Some(_), None) if head.audit_seq == 0 && head.message == 0 => Ok(()),
        (Some(_), None) => Err(NO_SEALS),
        (Some(key), Some(seal)) if *seal == of_head(key, head.audit_seq, &head.audit_hash) => Ok(()),
        (Some(_), Some(_)) => Err(NOT_OURS),
    }
}

/// The same of the trail in a database.
pub(crate) fn judged(conn: &mut Conn, key: Option<&Key>) -> Result<()> {
    judge(key, &conn.first(HEAD, p![], head)?.ok_or(EngineError::Corrupt("meta"))?)
}

/// Refuses a sealed trail where there is no key to read its seals with.
pub(crate) fn legible(conn: &mut Conn, key: Option<&Key>) -> Result<()> {
    let sealed = conn.first("SELECT audit_seal IS NOT NULL FROM meta", p![], |r| get::<bool>(r, 0))?;
    if key.is_none() && sealed == Some(true) {
        return Err(NO_KEY);
    }
    Ok(())
}

/// Seals all entries and the head as they are, or takes the seals away where there is no key. Within a transaction of the caller.
pub(crate) fn all(conn: &mut Conn, key: Option<&Key>) -> Result<()> {
    let head = conn.first("SELECT audit_seq, audit_hash FROM meta FOR UPDATE", p![], |r| {
        Ok((get::<i64>(r, 0)?, digest(r, 1)?))
    })?;
    let (last, hash) = head.ok_or(EngineError::Corrupt("meta"))?;
    let seal = key.map(|key| of_head(key, last, &hash).to_vec());
    conn.run("UPDATE meta SET audit_seal=$1", p![seal])?;
    let Some(key) = key else {
        return conn.run("UPDATE audit SET seal=NULL WHERE seal IS NOT NULL", p![]).map(drop);
    };
    let mut after = -1i64;
    loop {
        let sql = "SELECT seq, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
        let page =
            conn.all(sql, p![after, limits::CHECK_ROWS], |r| Ok((get::<i64>(r, 0)?, get::<Vec<u8>>(r, 1)?)))?;
        let Some((next, _)) = page.last() else { return Ok(()) };
        after = *next;
        // An entry whose hash is none is sealed as none: the chain is broken there, and stays so.
        let sealed = page.into_iter().map(|(seq, hash)| {
            let hash = Checksum::try_from(hash).unwrap_or_default();
            (seq, of_entry(key, seq, &hash).to_vec())
        });
        let (numbers, seals): (Vec<i64>, Vec<Vec<u8>>) = sealed.unzip();
        let sql = "UPDATE audit SET seal=s.seal FROM unnest($1::bigint[], $2::bytea[]) AS s(seq, seal) WHERE audit.seq=s.seq";
        conn.run(sql, p![numbers, seals])?;
    }
}
