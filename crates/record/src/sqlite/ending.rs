//! The end of what is kept of a person of whom nothing has been told for long enough.
//!
//! What was told of the person loses its text, in every version, and is found by nothing any more; so does what only that
//! person's messages told (the ward, the device, the Provenance). Each resource stays as one that was deleted, with its id and
//! the times of its versions: a message that was taken in stays taken in, and one that comes later makes the person anew.
//! A fact that waits for a person who did not become known ends the same way.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::limits;

use super::{index, people, read};

/// A person whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlived {
    /// Id of the person.
    pub person: String,
    /// Its Patients.
    pub patients: Vec<String>,
    /// When the last message came that told anything of it.
    pub last: Timestamp,
}

/// A fact whose person, told by an identifier alone, nobody knew for long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Type of the resource.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// When the last message came that told it.
    pub last: Timestamp,
}

/// What retention of the record would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueRecords {
    /// Whose records would end.
    pub persons: Vec<Outlived>,
    /// Which facts without a person would end.
    pub waited: Vec<Waited>,
    /// How many a hold keeps, of either.
    pub held: u64,
}

/// Messages that told of a person, by Patient.
const TOLD: &str = "FROM member b JOIN resource r INDEXED BY resource_patient ON r.patient=b.patient
  JOIN mention n ON n.rid=r.rid JOIN message m ON m.mid=n.mid WHERE b.pid=?1";

/// Persons of whom nothing was told since a time. `held`: messages that a hold is on; whom they told of stays.
pub(crate) fn due(db: &Connection, before: Timestamp, held: &BTreeSet<String>) -> Result<DueRecords> {
    let mut kept = HashSet::new();
    for message in held {
        for patient in people::of_message(db, message, limits::MEMBERS_MAX)? {
            kept.extend(people::pid_of(db, &patient)?);
        }
    }
    let mut persons = db.prepare("SELECT pid, id FROM person WHERE merged_into IS NULL ORDER BY pid")?;
    let mut newer = db.prepare(&format!("SELECT 1 {TOLD} AND m.received>=?2 LIMIT 1"))?;
    let mut last = db.prepare(&format!("SELECT max(m.received) {TOLD}"))?;
    let mut rows = persons.query([])?;
    let mut out = DueRecords::default();
    while let Some(row) = rows.next()? {
        let pid: i64 = row.get(0)?;
        if newer.exists(params![pid, before.as_microsecond()])? {
            continue;
        }
        let told: Option<Timestamp> = last.query_row([pid], |r| {
            Ok(if r.get_ref(0)?.data_type() == rusqlite::types::Type::Null {
                None
            } else {
                Some(read::time(r, 0)?)
            })
        })?;
        let Some(told) = told else { continue };
        if kept.contains(&pid) {
            out.held += 1;
            continue;
        }
        let patients = people::members(db, pid)?;
        out.persons.push(Outlived { person: row.get(1)?, patients, last: told });
    }
    waited(db, before, held, &mut out)?;
    Ok(out)
}

/// Facts that wait for a person and were told by no message since a time.
fn waited(db: &Connection, before: Timestamp, held: &BTreeSet<String>, out: &mut DueRecords) -> Result<()> {
    let mut list = db.prepare(
        "SELECT r.rid, r.type, r.id, max(m.received) FROM awaiting a JOIN resource r ON r.rid=a.rid
         JOIN mention n ON n.rid=a.rid JOIN message m ON m.mid=n.mid
         GROUP BY a.rid HAVING max(m.received)<?1 ORDER BY a.rid",
    )?;
    let mut told = db.prepare("SELECT m.id FROM mention n JOIN message m ON m.mid=n.mid WHERE n.rid=?1")?;
    let mut rows = list.query([before.as_microsecond()])?;
    while let Some(row) = rows.next()? {
        let messages = told.query_map([row.get::<_, i64>(0)?], |r| r.get::<_, String>(0))?;
        if messages.collect::<rusqlite::Result<Vec<_>>>()?.iter().any(|message| held.contains(message)) {
            out.held += 1;
            continue;
        }
        out.waited.push(Waited { kind: row.get(1)?, id: row.get(2)?, last: read::time(row, 3)? });
    }
    Ok(())
}

/// Ends a fact that waits; `false` where it waits no more, or a message told it since `before`.
pub(crate) fn end_waited(db: &Connection, fact: &Waited, before: Timestamp, now: Timestamp) -> Result<bool> {
    let rid: Option<i64> = db
        .query_row(
            "SELECT a.rid FROM awaiting a JOIN resource r ON r.rid=a.rid WHERE r.id=?1 AND r.type=?2
             AND NOT EXISTS (SELECT 1 FROM mention n JOIN message m ON m.mid=n.mid WHERE n.rid=a.rid AND m.received>=?3)",
            params![fact.id, fact.kind, before.as_microsecond()],
            |r| r.get(0),
        )
        .optional()?;
    let Some(rid) = rid else { return Ok(false) };
    let nobody = BTreeSet::new();
    let ending = Ending { found: BTreeSet::from([rid]), ..Ending::of(db, &nobody, before)? };
    for rid in ending.all()? {
        forget(db, rid, now.as_microsecond())?;
    }
    Ok(true)
}

/// Ends a person's record; `false` where there is no such person, or something was told of it since `before`.
pub(crate) fn end(db: &Connection, person: &str, before: Timestamp, now: Timestamp) -> Result<bool> {
    let Some(pid) = people::pid_of_id(db, person)? else { return Ok(false) };
    let newer = format!("SELECT 1 {TOLD} AND m.received>=?2 LIMIT 1");
    if db.prepare(&newer)?.exists(params![pid, before.as_microsecond()])? {
        return Ok(false);
    }
    let patients: BTreeSet<String> = people::members(db, pid)?.into_iter().collect();
    let resources = Ending::of(db, &patients, before)?.all()?;
    for rid in &resources {
        forget(db, *rid, now.as_microsecond())?;
    }
    for patient in &patients {
        for sql in [
            "DELETE FROM coded WHERE patient=?1",
            "DELETE FROM concerned WHERE patient=?1",
            "DELETE FROM notice WHERE patient=?1",
            "DELETE FROM snapshot WHERE patient=?1",
            "DELETE FROM identity WHERE patient=?1",
            "DELETE FROM apart WHERE ?1 IN (patient, other)",
            "DELETE FROM together WHERE ?1 IN (patient, other)",
            "DELETE FROM alias WHERE ?1 IN (patient, alias)",
            "DELETE FROM review WHERE ?1 IN (patient, other_patient)",
            "UPDATE decision SET text='', reason='' WHERE patient=?1",
            "DELETE FROM member WHERE patient=?1",
        ] {
            db.prepare_cached(sql)?.execute([patient])?;
        }
    }
    db.execute("UPDATE decision SET text='', reason='' WHERE person=?1", [person])?;
    db.execute("DELETE FROM person WHERE pid=?1 OR merged_into=?1", [pid])?;
    db.execute(
        "INSERT INTO decision(at, kind, person, other, patient, reason, text, actor, message)
         VALUES(?1, 'ended', ?2, '', '', 'retention', '', 'record', '')",
        params![now.as_microsecond(), person],
    )?;
    Ok(true)
}

/// Takes every text of a resource away; a version without content stands.
fn forget(db: &Connection, rid: i64, at: i64) -> Result<()> {
    let mut list = db.prepare_cached("SELECT -target FROM ix_ref WHERE rid=?1 AND target<0")?;
    let unmet: Vec<i64> = list.query_map([rid], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    index::clear(db, rid)?;
    for number in unmet {
        db.prepare_cached(
            "DELETE FROM unmet WHERE number=?1 AND NOT EXISTS (SELECT 1 FROM ix_ref WHERE target=-?1)",
        )?
        .execute([number])?;
    }
    db.prepare_cached("DELETE FROM awaiting WHERE rid=?1")?.execute([rid])?;
    db.prepare_cached(
        "INSERT INTO version(rid, version, state, at, mid)
         SELECT r.rid, r.last+1, 'deleted', ?2, v.mid FROM resource r
         JOIN version v ON v.rid=r.rid AND v.version=r.version WHERE r.rid=?1",
    )?
    .execute([rid, at])?;
    db.prepare_cached(
        "UPDATE version SET state='deleted', content=NULL, digest=NULL, event=NULL WHERE rid=?1",
    )?
    .execute([rid])?;
    db.prepare_cached(
        "UPDATE resource SET patient='', version=last+1, last=last+1, state='deleted', updated=?2, part='', elsewhere='',
         labels=0 WHERE rid=?1",
    )?
    .execute([rid, at])?;
    Ok(())
}

/// Finds what ends with some Patients.
struct Ending<'d> {
    db: &'d Connection,
    patients: &'d BTreeSet<String>,
    before: i64,
    found: BTreeSet<i64>,
    /// Whether a message came before and told of nobody else, by its number.
    theirs: HashMap<i64, bool>,
}

impl<'d> Ending<'d> {
    fn of(db: &'d Connection, patients: &'d BTreeSet<String>, before: Timestamp) -> Result<Self> {
        let mut list = db.prepare_cached(
            "SELECT rid FROM resource INDEXED BY resource_patient WHERE patient=?1
             UNION SELECT rid FROM member WHERE patient=?1",
        )?;
        let mut found = BTreeSet::new();
        for patient in patients {
            let rows = list.query_map([patient], |r| r.get(0))?;
            found.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
        }
        Ok(Self { db, patients, before: before.as_microsecond(), found, theirs: HashMap::new() })
    }

    /// With what is about nobody and was told by their messages alone, as far as references lead.
    fn all(mut self) -> Result<BTreeSet<i64>> {
        let mut next: Vec<i64> = self.found.iter().copied().collect();
        let mut seen = self.found.clone();
        while let Some(rid) = next.pop() {
            for other in self.near(rid)? {
                if seen.insert(other) && self.is_theirs(other)? {
                    self.found.insert(other);
                    next.push(other);
                }
            }
        }
        Ok(self.found)
    }

    /// What a resource refers to, and what refers to it.
    fn near(&self, rid: i64) -> Result<Vec<i64>> {
        let mut list = self.db.prepare_cached(
            "SELECT target FROM link WHERE rid=?1 AND target>0
             UNION SELECT rid FROM ix_ref WHERE target=?1
             UNION SELECT y.rid FROM ix_target y WHERE y.block=(?1)>>6 AND ((y.mask >> ((?1) & 63)) & 1)=1",
        )?;
        let rows = list.query_map([rid], |r| r.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn is_theirs(&mut self, rid: i64) -> Result<bool> {
        // What waits for a person is somebody else's, and ends by itself.
        let mut find = self.db.prepare_cached(
            "SELECT patient FROM resource WHERE rid=?1 AND NOT EXISTS (SELECT 1 FROM awaiting WHERE rid=?1)",
        )?;
        let about: Option<String> = find.query_row([rid], |r| r.get(0)).optional()?;
        if about.is_none_or(|patient| !patient.is_empty()) {
            return Ok(false);
        }
        let mut list = self.db.prepare_cached("SELECT mid FROM mention WHERE rid=?1")?;
        let mids: Vec<i64> = list.query_map([rid], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        for mid in mids {
            if !self.told_of_nobody_else(mid)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn told_of_nobody_else(&mut self, mid: i64) -> Result<bool> {
        if let Some(known) = self.theirs.get(&mid) {
            return Ok(*known);
        }
        let mut list = self.db.prepare_cached("SELECT patient FROM concerned WHERE mid=?1")?;
        let concerned: Vec<String> = list.query_map([mid], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut newer = self.db.prepare_cached("SELECT 1 FROM message WHERE mid=?1 AND received>=?2")?;
        let theirs = concerned.iter().all(|patient| self.patients.contains(patient))
            && !newer.exists(params![mid, self.before])?;
        self.theirs.insert(mid, theirs);
        Ok(theirs)
    }
}
