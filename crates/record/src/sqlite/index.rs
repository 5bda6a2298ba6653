//! Index rows of a resource, kept in the transaction of its version.

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::model::Key;
use crate::params::{self, Kind, Param};
use crate::paths::{fold, walk};
use crate::{dates, limits};

/// Text cut to what an index keeps.
fn cut(text: &str) -> &str {
    match text.char_indices().nth(limits::INDEX_CHARS_MAX) {
        Some((at, _)) => text.get(..at).unwrap_or(text),
        None => text,
    }
}

/// Calls `f` with system and code of every token in an element.
fn tokens(value: &Value, f: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(code) => f("", code),
        Value::Bool(flag) => f("", if *flag { "true" } else { "false" }),
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or("");
            match map.get("coding") {
                Some(Value::Array(codings)) => codings.iter().for_each(|coding| tokens(coding, f)),
                _ if map.contains_key("value") => f(text("system"), text("value")),
                _ if map.contains_key("code") => f(text("system"), text("code")),
                _ => {}
            }
        }
        _ => {}
    }
}

/// Removes the rows of a resource.
pub(crate) fn clear(db: &Connection, rid: i64) -> Result<()> {
    for table in ["ix_token", "ix_date", "ix_string", "ix_ref"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE rid=?1"))?.execute([rid])?;
    }
    Ok(())
}

/// Writes the rows of a resource; the caller cleared those of the version before.
pub(crate) fn write(db: &Connection, rid: i64, key: &Key, map: &Map<String, Value>) -> Result<()> {
    let kind = key.kind.as_str();
    for param in params::of_type(kind) {
        write_param(db, rid, param, map)?;
    }
    Ok(())
}

fn write_param(db: &Connection, rid: i64, param: &Param, map: &Map<String, Value>) -> Result<()> {
    let mut values = Vec::new();
    for path in param.paths {
        walk(map, path, &mut |value| values.push(value));
    }
    for value in values {
        match param.kind {
            Kind::Token => {
                let mut rows = Vec::new();
                tokens(value, &mut |system, code| rows.push((system.to_owned(), cut(code).to_owned())));
                let mut add = db.prepare_cached("INSERT OR IGNORE INTO ix_token VALUES(?1,?2,?3,?4)")?;
                for (system, code) in rows {
                    add.execute(params![rid, param.name, code, system])?;
                }
            }
            Kind::Date => {
                if let Some((low, high)) = dates::range_of(value) {
                    db.prepare_cached("INSERT OR IGNORE INTO ix_date VALUES(?1,?2,?3,?4)")?
                        .execute(params![rid, param.name, low, high])?;
                }
            }
            Kind::Text => {
                if let Some(text) = value.as_str().filter(|t| !t.is_empty()) {
                    db.prepare_cached("INSERT OR IGNORE INTO ix_string VALUES(?1,?2,?3,?4)")?
                        .execute(params![rid, param.name, fold(text), cut(text)])?;
                }
            }
            Kind::Reference => write_reference(db, rid, param, value)?,
        }
    }
    Ok(())
}

fn write_reference(db: &Connection, rid: i64, param: &Param, value: &Value) -> Result<()> {
    // `patient` and `subject` are the same elements and are answered from the resource's own column.
    if params::is_patient(param.name) {
        return Ok(());
    }
    let Some(reference) = value.get("reference").and_then(Value::as_str) else { return Ok(()) };
    let target =
        crate::bundle::key_of(reference).map_or_else(|| cut(reference).to_owned(), |key| key.reference());
    db.prepare_cached("INSERT OR IGNORE INTO ix_ref VALUES(?1,?2,?3)")?
        .execute(params![rid, param.name, target])?;
    Ok(())
}
