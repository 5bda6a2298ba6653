//! The same fact told by several sources. The keys are kept with the resources (table `fact`); which of them
//! meet follows from who the person is now, so that joining and parting persons needs no repair here.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::error::Result;
use crate::model::{Group, Key, OtherSource, Source};

use super::{people, read};

/// One resource's row under one key.
struct Row {
    rid: i64,
    source: i64,
    minute: Option<i64>,
}

/// Groups of a person's resources, by row: each with two or more sources.
pub(crate) fn rows(db: &Connection, patients: &[String]) -> Result<Vec<Vec<i64>>> {
    let mut by_key: BTreeMap<Vec<u8>, Vec<Row>> = BTreeMap::new();
    let mut list = db.prepare_cached(
        "SELECT f.key, f.rid, f.minute, r.source FROM fact f JOIN resource r ON r.rid=f.rid WHERE f.patient=?1",
    )?;
    for patient in patients {
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            let found = Row { rid: row.get(1)?, minute: row.get(2)?, source: row.get(3)? };
            by_key.entry(row.get(0)?).or_default().push(found);
        }
    }
    let mut sets = Sets::default();
    for rows in by_key.into_values() {
        for part in parts(rows) {
            sets.join(&part);
        }
    }
    Ok(sets.into_groups())
}

/// Rows of one key, parted by the minute where more than one is told; what is told to the day only goes with
/// the single minute there is, or stays apart where it could be either. Only parts with two sources count.
fn parts(rows: Vec<Row>) -> Vec<Vec<i64>> {
    let mut minutes: BTreeMap<Option<i64>, Vec<Row>> = BTreeMap::new();
    for row in rows {
        minutes.entry(row.minute).or_default().push(row);
    }
    let timeless = minutes.remove(&None).unwrap_or_default();
    match minutes.len() {
        0 => drop(minutes.insert(None, timeless)),
        1 => minutes.values_mut().for_each(|rows| rows.extend(timeless.iter().map(|r| Row { ..*r }))),
        _ => {}
    }
    minutes
        .into_values()
        .filter(|rows| rows.iter().any(|r| rows.first().is_some_and(|first| first.source != r.source)))
        .map(|rows| rows.iter().map(|r| r.rid).collect())
        .collect()
}

/// Sets that are joined where they share a member.
#[derive(Default)]
struct Sets {
    parent: HashMap<i64, i64>,
}

impl Sets {
    fn root(&mut self, of: i64) -> i64 {
        let mut at = of;
        while let Some(next) = self.parent.get(&at).copied().filter(|next| *next != at) {
            at = next;
        }
        self.parent.insert(of, at);
        at
    }

    fn join(&mut self, members: &[i64]) {
        let Some(first) = members.iter().min() else { return };
        for member in members {
            let (a, b) = (self.root(*first), self.root(*member));
            self.parent.insert(a.max(b), a.min(b));
            self.parent.entry(a.min(b)).or_insert(a.min(b));
        }
    }

    fn into_groups(mut self) -> Vec<Vec<i64>> {
        let mut all: Vec<i64> = self.parent.keys().copied().collect();
        all.sort_unstable();
        let mut out: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for member in all {
            let root = self.root(member);
            out.entry(root).or_default().push(member);
        }
        out.into_values().filter(|members| members.len() > 1).collect()
    }
}

/// Key and source of a resource.
pub(crate) fn label(db: &Connection, rid: i64) -> Result<(Key, Source)> {
    let mut find = db.prepare_cached(
        "SELECT r.type, r.id, s.code, s.system, m.name, s.adapter, m.received, m.id, s.sector, s.telling
         FROM resource r JOIN version v ON v.rid=r.rid AND v.version=r.version
         JOIN message m ON m.mid=v.mid JOIN source s ON s.source=m.source WHERE r.rid=?1",
    )?;
    Ok(find
        .query_row([rid], |row| Ok((Key { kind: row.get(0)?, id: row.get(1)? }, read::source_of(row, 2)?)))?)
}

/// Groups of a person.
pub(crate) fn of_person(db: &Connection, person: &str) -> Result<Vec<Group>> {
    let Some(pid) = people::pid_of_id(db, person)? else { return Ok(Vec::new()) };
    let patients = people::members(db, pid)?;
    let mut out = Vec::new();
    for rids in rows(db, &patients)? {
        let mut members = Vec::new();
        for rid in rids {
            let (key, source) = label(db, rid)?;
            members.push(OtherSource { key, source, reason: "same-fact" });
        }
        let id = members.first().map(|m| m.key.reference()).unwrap_or_default();
        out.push(Group { id, members });
    }
    Ok(out)
}
