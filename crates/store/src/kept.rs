//! The rows of a data directory, for the engine that takes them over.

use crate::blobs::Blobs;
use crate::copy::Reader;
use crate::fault::{Result, db, io};
use crate::prepare::verified;
use crate::rows;
use causeway_exchange::EngineError;
use causeway_exchange::kept::{Head, Kept, Table, Take, Value};
use causeway_exchange::message::Checksum;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql, params_from_iter};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A data directory that nobody else writes while this lives.
pub struct Outgoing {
    reader: Reader,
    blobs: Blobs,
    _lock: File,
}

impl Outgoing {
    /// Takes the lock of a data directory, whose schema is the newest one.
    ///
    /// # Errors
    /// There are no data, another process has them, or they can't be read.
    pub fn open(directory: &Path) -> Result<Self> {
        let reader = Reader::open(directory)?;
        let lock = crate::lock_directory(directory)?;
        if crate::schema::version(reader.connection())? != crate::schema::VERSION {
            return Err(EngineError::Invalid("data of another version"));
        }
        Ok(Self { reader, blobs: Blobs::read_only(directory), _lock: lock })
    }
}

impl Kept for Outgoing {
    fn head(&self) -> Result<Head> {
        let sql =
            "SELECT high_water, token, audit_seq, audit_hash, message_seq, event_seq, work_seq FROM meta";
        let read = |r: &Row<'_>| {
            Ok(Head {
                high_water: r.get(0)?,
                token: r.get(1)?,
                audit_seq: r.get(2)?,
                audit_hash: r.get(3)?,
                numbers: [r.get(4)?, r.get(5)?, r.get(6)?],
            })
        };
        self.reader.connection().query_row(sql, [], read).map_err(|e| db(&e))
    }

    fn rows(&self, table: &Table, after: Option<&[Value]>, take: Take<'_>) -> Result<()> {
        let conn = self.reader.connection();
        let (sql, after) = select(table, after)?;
        let mut statement = conn.prepare(&sql).map_err(|e| db(&e))?;
        let mut found = statement.query(params_from_iter(after.iter().map(Given))).map_err(|e| db(&e))?;
        while let Some(row) = found.next().map_err(|e| db(&e))? {
            let mut values = (0..table.columns.len()).map(|at| value(row, at)).collect::<Result<Vec<_>>>()?;
            if table.name == "part" {
                unpack(&mut values)?;
            }
            take(values)?;
        }
        Ok(())
    }

    fn apart(&self) -> Result<Vec<(Checksum, u64)>> {
        let sql = "SELECT DISTINCT sha256, size FROM part WHERE bytes IS NULL ORDER BY sha256";
        rows::all(self.reader.connection(), sql, [], |r| Ok((r.get(0)?, rows::count(r, 1)?)))
    }

    fn content(&self, sha256: &Checksum) -> Result<Box<dyn Read + Send>> {
        match File::open(self.blobs.path(sha256)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(EngineError::Corrupt("payload file"))
            }
            Err(error) => Err(io(&error)),
        }
    }
}

/// The statement that reads a table, and its parameters. Parts lie by a number that is made of their key.
fn select(table: &Table, after: Option<&[Value]>) -> Result<(String, Vec<Value>)> {
    let name = |&(name, _): &(&'static str, _)| match (table.name, name) {
        ("part", "place") => "(id >> 17) & 7",
        (_, name) => name,
    };
    let columns: Vec<&str> = table.columns.iter().map(name).collect();
    let columns = columns.join(", ");
    if table.name == "part" {
        let key = after.map(part_id).transpose()?;
        let from = if key.is_some() { "WHERE id > ?1 " } else { "" };
        return Ok((format!("SELECT {columns} FROM part {from}ORDER BY id"), key.into_iter().collect()));
    }
    let key: Vec<&str> = table.columns.iter().take(table.key).map(|(name, _)| *name).collect();
    let key = key.join(", ");
    let places: Vec<String> = (1..=table.key).map(|n| format!("?{n}")).collect();
    let from =
        if after.is_some() { format!("WHERE ({key}) > ({}) ", places.join(", ")) } else { String::new() };
    let sql = format!("SELECT {columns} FROM {} {from}ORDER BY {key}", table.name);
    Ok((sql, after.unwrap_or_default().to_vec()))
}

/// The number of the part with this key.
fn part_id(key: &[Value]) -> Result<Value> {
    match key {
        [Value::Number(owner), Value::Number(place), Value::Number(number)] => {
            Ok(Value::Number((owner << 20) | (place << 17) | number))
        }
        _ => Err(EngineError::Invalid("key of a part")),
    }
}

fn value(row: &Row<'_>, at: usize) -> Result<Value> {
    match row.get_ref(at).map_err(|e| db(&e))? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Number(number)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(EngineError::Corrupt("text")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(EngineError::Corrupt("number")),
    }
}

/// The content of a part's row as it was given, compared with its digest.
fn unpack(part: &mut [Value]) -> Result<()> {
    let [.., Value::Bytes(sha256), Value::Number(size), bytes] = part else {
        return Err(EngineError::Corrupt("row of a part"));
    };
    if let Value::Bytes(packed) = bytes {
        let digest: Checksum = sha256.as_slice().try_into().map_err(|_| EngineError::Corrupt("digest"))?;
        let whole = verified(std::mem::take(packed), size.cast_unsigned(), &digest);
        *bytes = Value::Bytes(whole.ok_or(EngineError::Corrupt("payload"))?);
    }
    Ok(())
}

struct Given<'a>(&'a Value);

impl ToSql for Given<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0 {
            Value::Null => Ok(ToSqlOutput::from(rusqlite::types::Null)),
            Value::Number(number) => number.to_sql(),
            Value::Text(text) => text.to_sql(),
            Value::Bytes(bytes) => bytes.to_sql(),
        }
    }
}
