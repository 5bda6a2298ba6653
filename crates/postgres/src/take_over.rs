//! Taking over what another engine keeps, into an empty database. It may be killed at any time and goes on where it
//! was; no engine opens the database before everything there has been compared with where it came from.

use crate::conn::{Conn, get, p};
use crate::fault::{Result, db};
use crate::{Options, check, content, limits, schema, seal};
use causeway_exchange::EngineError;
use causeway_exchange::kept::{Head, Kept, Kind, Sum, TABLES, Table, Value};
use causeway_seal::Key;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};

/// How far each table has come: its name, and the key of the last row that is there. The row without a name says of which
/// data. The table is there from the first step to the last.
const PROGRESS: &str = "CREATE TABLE taking_over(name TEXT PRIMARY KEY, at TEXT NOT NULL)";

/// What was taken over of one table, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The table.
    pub table: &'static str,
    /// Its rows and their digest, there as here.
    pub sum: Sum,
    /// Rows that an earlier run had taken over.
    pub before: u64,
}

/// Refuses a database into which data are being moved.
pub(crate) fn settled(conn: &mut Conn) -> Result<()> {
    if under_way(conn)? {
        return Err(EngineError::Invalid(
            "data are being moved into this database: causeway migrate goes on with it",
        ));
    }
    Ok(())
}

fn under_way(conn: &mut Conn) -> Result<bool> {
    let there = conn.first("SELECT to_regclass('taking_over') IS NOT NULL", p![], |r| get::<bool>(r, 0))?;
    Ok(there == Some(true))
}

/// Takes everything over. `step` is called after each commit with the table and the number of rows so far.
///
/// # Errors
/// The database is not empty, or holds the beginning of other data; a content or row is not as it was kept; the server
/// or the source failed. What is there stays, and another call goes on.
pub fn take_over(options: &Options, from: &dyn Kept, step: &mut dyn FnMut(&str, u64)) -> Result<Vec<Taken>> {
    let mut conn = Conn::open_to_write(&options.reach()?, true)?;
    let conn = &mut conn;
    schema::migrate(conn)?;
    let head = from.head()?;
    begin(conn, &head)?;
    contents(conn, from, step)?;
    let mut before = Vec::new();
    for table in &TABLES {
        before.push(rows(conn, table, from, step)?);
    }
    let mut all = Vec::new();
    for (table, before) in TABLES.iter().zip(before) {
        all.push(Taken { table: table.name, sum: compare(conn, table, from)?, before });
    }
    conn.transaction(|conn| end(conn, &head, options.key.as_ref()))?;
    Ok(all)
}

/// Marks an empty database as one that these data go into, or finds that mark.
fn begin(conn: &mut Conn, head: &Head) -> Result<()> {
    let mark = serde_json::to_string(head).map_err(|_| EngineError::Invalid("head"))?;
    conn.transaction(|conn| {
        if under_way(conn)? {
            let known =
                conn.first("SELECT at FROM taking_over WHERE name=''", p![], |r| get::<String>(r, 0))?;
            if known.as_ref() == Some(&mark) {
                return Ok(());
            }
            return Err(EngineError::Invalid(
                "other data are in this database, or the exchange was used since the move began: begin with an empty one",
            ));
        }
        let used = "SELECT count(*) FROM (SELECT 1 FROM audit UNION ALL SELECT 1 FROM message UNION ALL SELECT 1 FROM config) x";
        if conn.first(used, p![], |r| get::<i64>(r, 0))? != Some(0) {
            return Err(EngineError::Invalid("the database to move into is not empty"));
        }
        conn.batch(PROGRESS)?;
        conn.run("INSERT INTO taking_over VALUES ('', $1)", p![mark]).map(drop)
    })
}

/// Large content: each in a transaction of its own, those that are there left alone.
fn contents(conn: &mut Conn, from: &dyn Kept, step: &mut dyn FnMut(&str, u64)) -> Result<()> {
    for (number, (sha256, size)) in (1..).zip(from.apart()?) {
        let there = conn.first(
            "SELECT 1 FROM content_head WHERE sha256=$1 AND size=$2",
            p![&sha256[..], size.cast_signed()],
            |r| get::<i32>(r, 0),
        )?;
        if there.is_none() {
            let mut content = from.content(&sha256)?;
            let staged = conn.transaction(|conn| content::stage(conn, &mut *content, size))?;
            if (staged.sha256, staged.size) != (sha256, size) {
                return Err(EngineError::Corrupt("payload file"));
            }
            step("content", number);
        }
    }
    Ok(())
}

fn named(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    columns.join(", ")
}

/// The rows of a table that are not there yet. How many were.
fn rows(conn: &mut Conn, table: &Table, from: &dyn Kept, step: &mut dyn FnMut(&str, u64)) -> Result<u64> {
    let name = table.name;
    let at = conn.first("SELECT at FROM taking_over WHERE name=$1", p![name], |r| get::<String>(r, 0))?;
    let after: Option<Vec<Value>> =
        at.map(|at| serde_json::from_str(&at)).transpose().map_err(|_| EngineError::Corrupt("progress"))?;
    let before = match after {
        None => 0,
        Some(_) => conn
            .first(&format!("SELECT count(*) FROM {name}"), p![], |r| get::<i64>(r, 0))?
            .unwrap_or(0)
            .cast_unsigned(),
    };
    let (mut batch, mut bytes, mut count) = (Vec::new(), 0, before);
    from.rows(table, after.as_deref(), &mut |row| {
        bytes += row.iter().map(size).sum::<usize>();
        batch.push(row);
        if batch.len() >= limits::TAKEN_ROWS || bytes >= limits::TAKEN_BYTES {
            put(conn, table, &batch)?;
            count += batch.len() as u64;
            step(name, count);
            batch.clear();
            bytes = 0;
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        put(conn, table, &batch)?;
        step(name, count + batch.len() as u64);
    }
    Ok(before)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Number(_) => 8,
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
    }
}

/// Writes rows and how far the table has come, in one transaction.
fn put(conn: &mut Conn, table: &Table, batch: &[Vec<Value>]) -> Result<()> {
    let key = batch.last().and_then(|row| row.get(..table.key)).ok_or(EngineError::Corrupt("row"))?;
    let key = serde_json::to_string(key).map_err(|_| EngineError::Corrupt("row"))?;
    let types: Vec<Type> = table.columns.iter().map(|(_, kind)| sql_type(*kind)).collect();
    let copy = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, named(table));
    conn.transaction(|conn| {
        let into = conn.client()?.copy_in(&copy).map_err(|e| db(&e))?;
        let mut into = BinaryCopyInWriter::new(into, &types);
        for row in batch {
            let values = row
                .iter()
                .zip(table.columns)
                .map(|(value, (_, kind))| given(value, *kind))
                .collect::<Result<Vec<_>>>()?;
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value).collect();
            into.write(&values).map_err(|e| db(&e))?;
        }
        into.finish().map_err(|e| db(&e))?;
        conn.run(
            "INSERT INTO taking_over VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at=excluded.at",
            p![table.name, key],
        )
        .map(drop)
    })
}

fn sql_type(kind: Kind) -> Type {
    match kind {
        Kind::Number => Type::INT8,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

fn given(value: &Value, kind: Kind) -> Result<Box<dyn ToSql + Sync + '_>> {
    Ok(match (value, kind) {
        (Value::Null, Kind::Number) => Box::new(None::<i64>),
        (Value::Null, Kind::Flag) => Box::new(None::<bool>),
        (Value::Null, Kind::Text) => Box::new(None::<&str>),
        (Value::Null, Kind::Bytes) => Box::new(None::<&[u8]>),
        (Value::Number(number), Kind::Number) => Box::new(*number),
        (Value::Number(number), Kind::Flag) => Box::new(*number != 0),
        (Value::Text(text), Kind::Text) => Box::new(text.as_str()),
        (Value::Bytes(bytes), Kind::Bytes) => Box::new(bytes.as_slice()),
        _ => return Err(EngineError::Corrupt("row")),
    })
}

/// Reads a table there and here; the same rows, or an error.
fn compare(conn: &mut Conn, table: &Table, from: &dyn Kept) -> Result<Sum> {
    let mut there = Sum::default();
    from.rows(table, None, &mut |row| {
        there.add(&row);
        Ok(())
    })?;
    let here = sum(conn, table)?;
    if here != there {
        return Err(EngineError::Corrupt(table.name));
    }
    Ok(here)
}

/// The rows of a table here.
pub(crate) fn sum(conn: &mut Conn, table: &Table) -> Result<Sum> {
    let mut here = Sum::default();
    let sql = format!("SELECT {} FROM {}", named(table), table.name);
    let nothing: [&str; 0] = [];
    let mut found = conn.client()?.query_raw(&sql, nothing).map_err(|e| db(&e))?;
    while let Some(row) = found.next().map_err(|e| db(&e))? {
        let values = table.columns.iter().enumerate().map(|(at, (_, kind))| value(&row, at, *kind));
        here.add(&values.collect::<Result<Vec<_>>>()?);
    }
    Ok(here)
}

fn value(row: &postgres::Row, at: usize, kind: Kind) -> Result<Value> {
    let value = match kind {
        Kind::Number => get::<Option<i64>>(row, at)?.map(Value::Number),
        Kind::Flag => get::<Option<bool>>(row, at)?.map(|flag| Value::Number(i64::from(flag))),
        Kind::Text => get::<Option<String>>(row, at)?.map(Value::Text),
        Kind::Bytes => get::<Option<Vec<u8>>>(row, at)?.map(Value::Bytes),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// What follows from the rows, the counters, and everything read once more.
fn end(conn: &mut Conn, head: &Head, key: Option<&Key>) -> Result<()> {
    let [message, event, work] = head.numbers;
    conn.run(
        "UPDATE meta SET high_water=$1, token=$2, audit_seq=$3, audit_hash=$4, message_seq=$5, event_seq=$6, work_seq=$7,
           expectation_seq=coalesce((SELECT max(id) FROM expectation), 0)",
        p![head.high_water, head.token, head.audit_seq, &head.audit_hash[..], message, event, work],
    )?;
    conn.batch(
        "INSERT INTO mailbox SELECT mailbox_to, count(*) FROM message WHERE waiting=1 AND mailbox_to IS NOT NULL GROUP BY 1;
         DROP TABLE taking_over",
    )?;
    seal::all(conn, key)?;
    let report = check::verify(conn, key)?;
    if !report.is_clean() {
        return Err(EngineError::Corrupt("content or audit trail"));
    }
    Ok(())
}
