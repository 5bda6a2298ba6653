//! Facts whose Patient is told by an identifier alone: a telecare unit knows the number of its controller, a
//! council's assessment the NHS number, and neither sends a Patient.
//!
//! Such a fact belongs to the person who has the identifier, if that is one person. Until there is one it waits;
//! where two persons have it (a unit that a couple shares) it waits too and is shown to nobody: nothing is
//! guessed. What waits longer than a record is kept ends (`ending`).

use rusqlite::{Connection, params};

use crate::error::Result;
use crate::tables::Identifier;

use super::index;

/// The Patients that have an identifier, if they are all one person; `own` first where it is one of them.
pub(crate) fn patient(db: &Connection, identifier: &Identifier, own: &str) -> Result<Option<String>> {
    let mut find = db.prepare_cached(
        "SELECT i.patient, m.pid FROM identity i JOIN member m ON m.patient=i.patient
         WHERE i.value=?1 AND i.system=?2 AND i.kind=?3 ORDER BY i.patient",
    )?;
    let rows = find
        .query_map(params![identifier.value, identifier.system, identifier.kind], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let Some((first, pid)) = rows.first() else { return Ok(None) };
    if rows.iter().any(|(_, other)| other != pid) {
        return Ok(None);
    }
    let own = rows.iter().map(|(patient, _)| patient).find(|patient| patient.as_str() == own);
    Ok(Some(own.unwrap_or(first).clone()))
}

/// Lets a resource wait for whoever has the identifier.
pub(crate) fn wait(db: &Connection, rid: i64, identifier: &Identifier) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO awaiting VALUES(?1,?2,?3,?4)")?.execute(params![
        rid,
        identifier.kind,
        identifier.system,
        identifier.value
    ])?;
    Ok(())
}

/// Gives what waits for one of these identifiers to the person who has it now.
pub(crate) fn attach(db: &Connection, identifiers: &[Identifier]) -> Result<()> {
    for identifier in identifiers {
        let key = params![identifier.value, identifier.system, identifier.kind];
        let mut find = db.prepare_cached(
            "SELECT rid FROM awaiting WHERE value=?1 AND system=?2 AND kind=?3 ORDER BY rid",
        )?;
        let waiting: Vec<i64> = find.query_map(key, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if waiting.is_empty() {
            continue;
        }
        let Some(patient) = patient(db, identifier, "")? else { continue };
        for rid in waiting {
            db.prepare_cached("UPDATE resource SET patient=?2 WHERE rid=?1")?
                .execute(params![rid, patient])?;
            db.prepare_cached(
                "INSERT OR IGNORE INTO concerned(mid, patient) SELECT mid, ?2 FROM mention WHERE rid=?1",
            )?
            .execute(params![rid, patient])?;
            index::attach(db, rid, &patient)?;
            db.prepare_cached("DELETE FROM awaiting WHERE rid=?1")?.execute([rid])?;
        }
    }
    Ok(())
}
