//! The text of a resource as its column holds it: packed where that is smaller (`causeway_pack`), or as it is.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use crate::bundle::{packed, unpacked};

/// A text that was read.
pub(crate) struct Text(pub String);

impl FromSql for Text {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => unpacked(bytes).map_err(FromSqlError::other)?,
            _ => return Err(FromSqlError::InvalidType),
        };
        String::from_utf8(bytes).map(Self).map_err(FromSqlError::other)
    }
}

/// `packed(text)` for statements of a migration.
pub(crate) fn function(db: &Connection) -> rusqlite::Result<()> {
    db.create_scalar_function("packed", 1, FunctionFlags::SQLITE_UTF8, |call| {
        Ok(call.get::<Option<String>>(0)?.map(packed))
    })
}
