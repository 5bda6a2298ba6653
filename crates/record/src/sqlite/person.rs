//! Persons: what each source says of them, which is displayed, and the decisions about who they are.

use std::collections::BTreeSet;

use crate::demographics::{chosen, differences, member, rank};
use crate::error::Result;
use crate::limits;
use crate::model::{Decision, Member, PersonQuery, PersonRow, PersonView, Review, Sources};
use crate::paths::fold;
use causeway_core::NhsNumber;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{people, read};

/// A person with everything that is told of them.
pub(crate) fn view(db: &Connection, person: &str) -> Result<Option<PersonView>> {
    let Some(pid) = people::pid_of_id(db, person)? else { return Ok(None) };
    let members = members(db, pid)?;
    let shown = chosen(&members);
    let id = people::person_id(db, pid)?;
    let mut merged = db.prepare_cached("SELECT id FROM person WHERE merged_into=?1 ORDER BY pid")?;
    Ok(Some(PersonView {
        display: shown.map(|m| m.demographics.clone()).unwrap_or_default(),
        display_patient: shown.map(|m| m.patient.clone()).unwrap_or_default(),
        differences: differences(&members),
        merged: merged.query_map([pid], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
        decisions: decisions(db, &id, limits::LIST_MAX)?,
        reviews: reviews_of(db, pid)?,
        members,
        id,
    }))
}

/// The Patients of a person, the displayed one first.
pub(crate) fn members(db: &Connection, pid: i64) -> Result<Vec<Member>> {
    let mut list =
        db.prepare_cached("SELECT patient, rid, replaced_by FROM member WHERE pid=?1 ORDER BY patient")?;
    let rows = list
        .query_map([pid], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut out = Vec::new();
    for (patient, rid, replaced_by) in rows {
        let mut told = member(patient, replaced_by, read::by_rid(db, rid)?);
        told.demographics.general_practice =
            named(db, std::mem::take(&mut told.demographics.general_practice))?;
        out.push(told);
    }
    out.sort_by_key(|m| std::cmp::Reverse(rank(m)));
    Ok(out)
}

/// The Patients of a person as told, the displayed one first.
pub(crate) fn sources(db: &Connection, pid: i64) -> Result<Sources> {
    let mut patients = Vec::new();
    for member in members(db, pid)? {
        patients.extend(read::current(db, "Patient", &member.patient)?);
    }
    Ok(Sources { person: people::person_id(db, pid)?, patients })
}

/// The name of what a reference points to, where the record knows one: a practice is known by its name. A raw reference
/// tells a reader nothing.
fn named(db: &Connection, reference: String) -> Result<String> {
    let Some(key) = crate::reference::key_of(&reference) else { return Ok(reference) };
    let found = read::current(db, &key.kind, &key.id)?;
    let map = found.as_ref().and_then(|v| v.resource.as_object());
    Ok(map.map(crate::facts::related::name_of).unwrap_or_default())
}

/// A list of persons.
pub(crate) fn list(db: &Connection, query: &PersonQuery) -> Result<Vec<PersonRow>> {
    let limit = if query.limit == 0 { limits::PAGE_DEFAULT } else { query.limit.min(limits::LIST_MAX) };
    let after = match query.after.as_str() {
        "" => 0,
        id => people::pid_of_id(db, id)?.unwrap_or(0),
    };
    let pids = found(db, query, after, limit)?;
    let mut out = Vec::new();
    for pid in pids {
        let members = members(db, pid)?;
        let organisations: BTreeSet<String> = members.iter().map(|m| m.source.organisation.clone()).collect();
        let mut open = db.prepare_cached(
            "SELECT count(DISTINCT number) FROM review WHERE closed IS NULL
             AND (patient IN (SELECT patient FROM member WHERE pid=?1)
               OR other_patient IN (SELECT patient FROM member WHERE pid=?1))",
        )?;
        out.push(PersonRow {
            id: people::person_id(db, pid)?,
            display: chosen(&members).map(|m| m.demographics.clone()).unwrap_or_default(),
            display_patient: chosen(&members).map(|m| m.patient.clone()).unwrap_or_default(),
            members: members.len(),
            organisations: organisations.into_iter().collect(),
            reviews: open.query_row([pid], |row| read::count_at(row, 0))?,
            security: members.into_iter().flat_map(|m| m.security).collect(),
        });
    }
    Ok(out)
}

/// Numbers of the persons that a query finds, in order, after a number.
fn found(db: &Connection, query: &PersonQuery, after: i64, limit: usize) -> Result<Vec<i64>> {
    let text = query.text.trim();
    let birth_date = query.birth_date.trim();
    let number = NhsNumber::parse(text).map(|n| n.as_str().to_owned()).ok();
    let (sql, values): (&str, Vec<String>) = if text.is_empty() && birth_date.is_empty() {
        ("SELECT pid FROM person WHERE merged_into IS NULL", vec![])
    } else if text.is_empty() {
        (
            "SELECT m.pid FROM ix_date d JOIN member m ON m.rid=d.rid
             WHERE d.param='birthdate' AND d.low=?3 AND d.high=?4",
            vec![],
        )
    } else {
        let folded = fold(text);
        let high = format!("{folded}\u{10FFFF}");
        let identifier = number.unwrap_or_else(|| text.to_owned());
        (
            "SELECT m.pid FROM member m WHERE m.patient IN (SELECT patient FROM identity WHERE value=?5)
             UNION SELECT m.pid FROM member m WHERE m.rid IN (
               SELECT rid FROM ix_string WHERE param='family' AND folded>=?6 AND folded<?7
               UNION SELECT rid FROM ix_string WHERE param='given' AND folded>=?6 AND folded<?7)",
            vec![identifier, folded, high],
        )
    };
    let born = crate::dates::range(birth_date);
    if born.is_none() && !birth_date.is_empty() {
        return Ok(Vec::new());
    }
    let filter = if born.is_some() && !text.is_empty() {
        "AND EXISTS(SELECT 1 FROM member b JOIN ix_date d ON d.rid=b.rid AND d.param='birthdate'
           WHERE b.pid=x.pid AND d.low=?3 AND d.high=?4)"
    } else {
        ""
    };
    let sql = format!("SELECT DISTINCT x.pid FROM ({sql}) x WHERE x.pid>?1 {filter} ORDER BY x.pid LIMIT ?2");
    let (low, high) = born.unwrap_or_default();
    let mut list = db.prepare_cached(&sql)?;
    let mut all: Vec<rusqlite::types::Value> =
        vec![after.into(), (limit as i64).into(), low.into(), high.into()];
    all.extend(values.into_iter().map(Into::into));
    all.truncate(list.parameter_count());
    let rows = list.query_map(rusqlite::params_from_iter(all), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Decisions, newest first.
pub(crate) fn decisions(db: &Connection, person: &str, limit: usize) -> Result<Vec<Decision>> {
    let mut list = db.prepare_cached(
        "SELECT number, at, kind, person, other, patient, reason, text, actor, message FROM decision
         WHERE ?1='' OR person=?1 OR other=?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let rows = list.query_map(params![person, limit.min(limits::LIST_MAX) as i64], |row| {
        Ok(Decision {
            number: row.get(0)?,
            at: read::time(row, 1)?,
            kind: row.get(2)?,
            person: row.get(3)?,
            other: row.get(4)?,
            patient: row.get(5)?,
            reason: row.get(6)?,
            text: row.get(7)?,
            actor: row.get(8)?,
            message: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const REVIEW_COLUMNS: &str = "SELECT v.number, v.at, v.reason, v.text, v.patient, v.other_patient,
    coalesce((SELECT p.id FROM member m JOIN person p ON p.pid=m.pid WHERE m.patient=v.patient),''),
    coalesce((SELECT p.id FROM member m JOIN person p ON p.pid=m.pid WHERE m.patient=v.other_patient),''),
    v.message, v.closed, v.outcome, v.score FROM review v";

fn review_of(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        number: row.get(0)?,
        at: read::time(row, 1)?,
        reason: row.get(2)?,
        text: row.get(3)?,
        patient: row.get(4)?,
        other_patient: row.get(5)?,
        person: row.get(6)?,
        other_person: row.get(7)?,
        message: row.get(8)?,
        closed: row.get::<_, Option<i64>>(9)?.map(|_| read::time(row, 9)).transpose()?,
        outcome: row.get(10)?,
        score: row.get(11)?,
    })
}

/// Reviews, oldest first.
pub(crate) fn reviews(db: &Connection, open_only: bool, limit: usize) -> Result<Vec<Review>> {
    let filter = if open_only { "WHERE v.closed IS NULL" } else { "" };
    let mut list = db.prepare_cached(&format!("{REVIEW_COLUMNS} {filter} ORDER BY v.number LIMIT ?1"))?;
    let rows = list.query_map([limit.min(limits::LIST_MAX) as i64], review_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One review.
pub(crate) fn review(db: &Connection, number: i64) -> Result<Option<Review>> {
    let mut find = db.prepare_cached(&format!("{REVIEW_COLUMNS} WHERE v.number=?1"))?;
    Ok(find.query_row([number], review_of).optional()?)
}

fn reviews_of(db: &Connection, pid: i64) -> Result<Vec<Review>> {
    let mut list = db.prepare_cached(&format!(
        "{REVIEW_COLUMNS} WHERE v.closed IS NULL AND (v.patient IN (SELECT patient FROM member WHERE pid=?1)
         OR v.other_patient IN (SELECT patient FROM member WHERE pid=?1)) ORDER BY v.number"
    ))?;
    let rows = list.query_map([pid], review_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether an organisation, through an adapter or any, told something of these Patients.
pub(crate) fn has_told(db: &Connection, patients: &[String], code: &str, adapter: &str) -> Result<bool> {
    let mut find = db.prepare_cached(
        "SELECT 1 FROM resource r INDEXED BY resource_patient JOIN source s ON s.source=r.source
         WHERE r.patient=?1 AND s.code=?2 AND (?3='' OR s.adapter=?3) LIMIT 1",
    )?;
    for patient in patients {
        if find.query_row(params![patient, code, adapter], |_| Ok(())).optional()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
