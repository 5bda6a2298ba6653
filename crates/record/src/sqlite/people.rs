//! What the rules of identity ask and change, in SQL.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::limits;
use crate::matching::{Basis, Known};
use crate::tables::{Decided, Identifier, Raised, Reviewed, Tables, Who, Word};

/// The person of a Patient: its number.
pub(crate) fn pid_of(db: &Connection, patient: &str) -> Result<Option<i64>> {
    let mut find = db.prepare_cached("SELECT pid FROM member WHERE patient=?1")?;
    Ok(find.query_row([patient], |row| row.get(0)).optional()?)
}

/// The person of a Patient, or the one whose own Patient this is: its number.
pub(crate) fn whose(db: &Connection, patient: &str) -> Result<Option<i64>> {
    match pid_of(db, patient)? {
        Some(pid) => Ok(Some(pid)),
        None => pid_of_id(db, patient),
    }
}

/// The person of a Patient: its id.
pub(crate) fn person_of(db: &Connection, patient: &str) -> Result<Option<String>> {
    match pid_of(db, patient)? {
        Some(pid) => Ok(Some(person_id(db, pid)?)),
        None => Ok(None),
    }
}

/// The Patients whom a message told of, up to `limit`.
pub(crate) fn of_message(db: &Connection, message: &str, limit: usize) -> Result<Vec<String>> {
    let mut list = db.prepare_cached(
        "SELECT DISTINCT c.patient FROM message m JOIN concerned c ON c.mid = m.mid WHERE m.id = ?1
         ORDER BY c.patient LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = list.query_map(params![message, limit], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Id of a person.
pub(crate) fn person_id(db: &Connection, pid: i64) -> Result<String> {
    Ok(db.prepare_cached("SELECT id FROM person WHERE pid=?1")?.query_row([pid], |row| row.get(0))?)
}

/// Number of the person with an id; where it was merged, of the one that it is part of now.
pub(crate) fn pid_of_id(db: &Connection, person: &str) -> Result<Option<i64>> {
    let mut find = db.prepare_cached("SELECT coalesce(merged_into, pid) FROM person WHERE id=?1")?;
    Ok(find.query_row([person], |row| row.get(0)).optional()?)
}

/// Patients of a person.
pub(crate) fn members(db: &Connection, pid: i64) -> Result<Vec<String>> {
    let mut list = db.prepare_cached("SELECT patient FROM member WHERE pid=?1 ORDER BY patient")?;
    let rows = list.query_map([pid], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The Patients that the record keeps where a source told somebody else under this Patient's id; the one first that
/// the source told of last.
pub(crate) fn aliases(db: &Connection, patient: &str) -> Result<Vec<String>> {
    let mut list = db.prepare_cached("SELECT alias FROM alias WHERE patient=?1 ORDER BY used DESC, alias")?;
    let rows = list.query_map([patient], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a source told this one of the Patients under one id last.
pub(crate) fn use_alias(db: &Connection, patient: &str, alias: &str, at: i64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO alias VALUES(?1,?2,?3) ON CONFLICT(patient, alias) DO UPDATE SET used=max(used, excluded.used)",
    )?
    .execute(params![patient, alias, at])?;
    Ok(())
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// First family and given name: what Patients are looked up by.
fn look(known: &Known) -> String {
    match (known.families.first(), known.givens.first()) {
        (Some(family), Some(given)) => format!("{family} {given}"),
        _ => String::new(),
    }
}

fn word_of(reason: &str) -> Word {
    match reason {
        "user-merge" => Word::User,
        "replaces" => Word::Replaces,
        _ => Word::ReplacedBy,
    }
}

const fn reason_of(word: Word) -> &'static str {
    match word {
        Word::User => "user-merge",
        Word::Replaces => "replaces",
        Word::ReplacedBy => "replaced-by",
    }
}

fn basis_of(rank: i64) -> Basis {
    match rank {
        0 => Basis::User,
        1 => Basis::Merge,
        2 => Basis::Number,
        3 => Basis::OldNumber,
        _ => Basis::Local,
    }
}

impl Tables for Connection {
    fn person_of(&self, patient: &str) -> Result<Option<i64>> {
        pid_of(self, patient)
    }

    fn person_id(&self, person: i64) -> Result<String> {
        person_id(self, person)
    }

    fn person_with_id(&self, id: &str) -> Result<Option<(i64, bool)>> {
        let mut find = self.prepare_cached("SELECT pid, merged_into IS NOT NULL FROM person WHERE id=?1")?;
        Ok(find.query_row([id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
    }

    fn add_person(&self, id: &str, at: i64) -> Result<i64> {
        self.prepare_cached("INSERT INTO person(id, created, merged_into) VALUES(?1,?2,NULL)")?
            .execute(params![id, at])?;
        Ok(self.last_insert_rowid())
    }

    fn revive(&self, person: i64) -> Result<()> {
        self.prepare_cached("UPDATE person SET merged_into=NULL WHERE pid=?1")?.execute([person])?;
        Ok(())
    }

    fn merge(&self, keep: i64, give: i64) -> Result<()> {
        self.prepare_cached("UPDATE member SET pid=?1 WHERE pid=?2")?.execute([keep, give])?;
        self.prepare_cached("UPDATE person SET merged_into=?1 WHERE pid=?2 OR merged_into=?2")?
            .execute([keep, give])?;
        Ok(())
    }

    fn patients(&self, person: i64) -> Result<Vec<String>> {
        members(self, person)
    }

    fn place(&self, patient: &str, person: i64) -> Result<()> {
        self.prepare_cached("UPDATE member SET pid=?2 WHERE patient=?1")?
            .execute(params![patient, person])?;
        Ok(())
    }

    fn known(&self, patient: &str) -> Result<Option<Known>> {
        let mut find = self.prepare_cached(
            "SELECT birth_date, families, givens, sex, postcode FROM member WHERE patient=?1",
        )?;
        let found = find
            .query_row([patient], |r| {
                Ok(Known {
                    birth_date: r.get(0)?,
                    families: lines(&r.get::<_, String>(1)?),
                    givens: lines(&r.get::<_, String>(2)?),
                    sex: r.get(3)?,
                    postcode: r.get(4)?,
                    ..Known::default()
                })
            })
            .optional()?;
        let Some(mut known) = found else { return Ok(None) };
        let mut list = self.prepare_cached(
            "SELECT kind, value FROM identity WHERE patient=?1 AND kind IN ('nhs','old-nhs') ORDER BY 1, 2",
        )?;
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            if kind == "nhs" { &mut known.numbers } else { &mut known.old_numbers }.push(row.get(1)?);
        }
        Ok(Some(known))
    }

    fn keep_known(&self, patient: &str, rid: i64, known: &Known, new_in: Option<i64>) -> Result<()> {
        let (families, givens) = (known.families.join("\n"), known.givens.join("\n"));
        let told =
            params![patient, rid, known.birth_date, families, givens, known.sex, known.postcode, look(known)];
        match new_in {
            None => self
                .prepare_cached(
                    "UPDATE member SET rid=?2, birth_date=?3, families=?4, givens=?5, sex=?6, postcode=?7, look=?8
                     WHERE patient=?1",
                )?
                .execute(told)?,
            Some(pid) => {
                // The survivor of a merge may have come before this Patient and named it.
                self.prepare_cached(
                    "INSERT INTO member(patient, pid, rid, replaced_by, birth_date, families, givens, sex, postcode, look)
                     VALUES(?1, ?9, ?2, coalesce((SELECT other FROM together
                       WHERE patient=?1 AND reason='replaced-by' ORDER BY other LIMIT 1),''), ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    patient, rid, known.birth_date, families, givens, known.sex, known.postcode, look(known), pid
                ])?
            }
        };
        Ok(())
    }

    fn keep_identifiers(&self, patient: &str, now: &[Identifier]) -> Result<()> {
        let mut list = self
            .prepare_cached("SELECT kind, system, value FROM identity WHERE patient=?1 ORDER BY 1, 2, 3")?;
        let known = list
            .query_map([patient], |row| {
                Ok(Identifier { kind: row.get(0)?, system: row.get(1)?, value: row.get(2)? })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for old in known.iter().filter(|k| !now.contains(k)) {
            self.prepare_cached(
                "DELETE FROM identity WHERE patient=?1 AND kind=?2 AND system=?3 AND value=?4",
            )?
            .execute(params![patient, old.kind, old.system, old.value])?;
        }
        let mut add = self.prepare_cached("INSERT INTO identity VALUES(?1,?2,?3,?4)")?;
        for new in now.iter().filter(|n| !known.contains(n)) {
            add.execute(params![patient, new.kind, new.system, new.value])?;
        }
        Ok(())
    }

    fn replaced_by(&self, patient: &str) -> Result<String> {
        let mut find = self.prepare_cached("SELECT replaced_by FROM member WHERE patient=?1")?;
        Ok(find.query_row([patient], |r| r.get(0)).optional()?.unwrap_or_default())
    }

    fn set_replaced_by(&self, patient: &str, survivor: &str) -> Result<()> {
        self.prepare_cached("UPDATE member SET replaced_by=?2 WHERE patient=?1")?
            .execute([patient, survivor])?;
        Ok(())
    }

    fn same_sender(&self, patient: &str, other: &str) -> Result<bool> {
        let mut find = self.prepare_cached(
            "SELECT s.system, s.code FROM resource r JOIN source s ON s.source=r.source
             WHERE r.type='Patient' AND r.id=?1",
        )?;
        let mut sender = |id: &str| {
            find.query_row([id], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).optional()
        };
        let (a, b) = (sender(patient)?, sender(other)?);
        Ok(a.is_none() || b.is_none() || a == b)
    }

    fn candidates(&self, patient: &str) -> Result<Vec<(String, Basis)>> {
        let mut list = self.prepare_cached(
            "SELECT other, CASE WHEN reason='user-merge' THEN 0 ELSE 1 END FROM together WHERE patient=?1
             UNION ALL
             SELECT b.patient, CASE WHEN a.kind='local' THEN 4 WHEN a.kind='nhs' AND b.kind='nhs' THEN 2 ELSE 3 END
             FROM identity a JOIN identity b ON b.value=a.value AND b.system=a.system
             WHERE a.patient=?1 AND b.patient<>?1
             ORDER BY 2, 1 LIMIT ?2",
        )?;
        let rows = list.query_map(params![patient, limits::MEMBERS_MAX as i64], |row| {
            Ok((row.get::<_, String>(0)?, basis_of(row.get(1)?)))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn basis(&self, patient: &str, other: &str) -> Result<Option<Basis>> {
        let mut find = self.prepare_cached(
            "SELECT min(rank) FROM (
               SELECT CASE WHEN reason='user-merge' THEN 0 ELSE 1 END AS rank
               FROM together WHERE patient=?1 AND other=?2
               UNION ALL
               SELECT CASE WHEN x.kind='local' THEN 4 WHEN x.kind='nhs' AND y.kind='nhs' THEN 2 ELSE 3 END
               FROM identity x JOIN identity y ON y.patient=?2 AND y.value=x.value AND y.system=x.system
               WHERE x.patient=?1)",
        )?;
        let rank: Option<i64> = find.query_row([patient, other], |row| row.get(0))?;
        Ok(rank.map(basis_of))
    }

    fn alike(&self, patient: &str, known: &Known) -> Result<Vec<String>> {
        let mut list = self.prepare_cached(
            "SELECT patient FROM (SELECT patient FROM member WHERE ?2<>'' AND birth_date=?2 LIMIT ?4)
             UNION SELECT patient FROM (SELECT patient FROM member WHERE ?3<>'' AND look=?3 LIMIT ?4)
             EXCEPT SELECT ?1 ORDER BY 1",
        )?;
        let born = if known.birth_date.len() == 10 { known.birth_date.as_str() } else { "" };
        let rows =
            list.query_map(params![patient, born, look(known), limits::ALIKE_MAX as i64], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn is_apart(&self, patient: &str, other: &str) -> Result<bool> {
        let mut find = self.prepare_cached("SELECT 1 FROM apart WHERE patient=?1 AND other=?2")?;
        Ok(find.exists([patient, other])?)
    }

    fn set_apart(&self, patient: &str, other: &str, apart: bool) -> Result<()> {
        let sql = if apart {
            "INSERT OR IGNORE INTO apart VALUES(?1,?2)"
        } else {
            "DELETE FROM apart WHERE patient=?1 AND other=?2"
        };
        for pair in [[patient, other], [other, patient]] {
            self.prepare_cached(sql)?.execute(pair)?;
        }
        Ok(())
    }

    fn word(&self, patient: &str, other: &str) -> Result<Option<Word>> {
        let mut find = self.prepare_cached("SELECT reason FROM together WHERE patient=?1 AND other=?2")?;
        let reason: Option<String> = find.query_row([patient, other], |r| r.get(0)).optional()?;
        Ok(reason.as_deref().map(word_of))
    }

    fn set_word(&self, patient: &str, other: &str, word: Option<Word>) -> Result<()> {
        let back = word.map(|word| match word {
            Word::User => Word::User,
            Word::Replaces => Word::ReplacedBy,
            Word::ReplacedBy => Word::Replaces,
        });
        for (a, b, word) in [(patient, other, word), (other, patient, back)] {
            match word {
                Some(word) => self
                    .prepare_cached("INSERT OR REPLACE INTO together VALUES(?1,?2,?3)")?
                    .execute([a, b, reason_of(word)])?,
                None => self
                    .prepare_cached("DELETE FROM together WHERE patient=?1 AND other=?2")?
                    .execute([a, b])?,
            };
        }
        Ok(())
    }

    fn is_alias(&self, patient: &str, other: &str) -> Result<bool> {
        let mut find = self.prepare_cached(
            "SELECT 1 FROM alias WHERE (patient=?1 AND alias=?2) OR (patient=?2 AND alias=?1)
             UNION ALL SELECT 1 FROM alias a JOIN alias b ON b.patient=a.patient WHERE a.alias=?1 AND b.alias=?2",
        )?;
        Ok(patient != other && find.exists([patient, other])?)
    }

    fn raise(&self, who: &Who<'_>, raised: &Raised<'_>) -> Result<bool> {
        let Raised { reason, text, patient, other, score } = *raised;
        let (first, second) =
            if patient <= other || other.is_empty() { (patient, other) } else { (other, patient) };
        let added = self
            .prepare_cached(
                "INSERT OR IGNORE INTO review(at, reason, text, patient, other_patient, message, closed, outcome, score)
                 VALUES(?1,?2,?3,?4,?5,?6,NULL,'',?7)",
            )?
            .execute(params![who.at, reason, text, first, second, who.message, score])?;
        Ok(added == 1)
    }

    fn review(&self, number: i64) -> Result<Option<Reviewed>> {
        let mut find =
            self.prepare_cached("SELECT patient, other_patient, closed IS NULL FROM review WHERE number=?1")?;
        let row = find
            .query_row([number], |r| Ok(Reviewed { patient: r.get(0)?, other: r.get(1)?, open: r.get(2)? }));
        Ok(row.optional()?)
    }

    fn reviews_of(&self, patient: &str, other: &str) -> Result<Vec<(i64, bool)>> {
        let mut find = self.prepare_cached(
            "SELECT number, closed IS NULL FROM review WHERE patient=?1 AND other_patient=?2
             UNION SELECT number, closed IS NULL FROM review WHERE patient=?2 AND other_patient=?1 ORDER BY 1 DESC",
        )?;
        let rows = find.query_map([patient, other], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn set_closed(&self, number: i64, at: i64, outcome: Option<&str>) -> Result<bool> {
        let changed = match outcome {
            Some(outcome) => self
                .prepare_cached(
                    "UPDATE review SET closed=?2, outcome=?3 WHERE number=?1 AND (closed IS NULL OR outcome='joined')",
                )?
                .execute(params![number, at, outcome])?,
            None => self
                .prepare_cached("UPDATE review SET closed=NULL, outcome='' WHERE number=?1 AND closed IS NOT NULL")?
                .execute([number])?,
        };
        Ok(changed == 1)
    }

    fn close_within(&self, person: i64, at: i64) -> Result<()> {
        self.prepare_cached(
            "UPDATE review SET closed=?2, outcome='joined' WHERE closed IS NULL
             AND patient IN (SELECT patient FROM member WHERE pid=?1)
             AND other_patient IN (SELECT patient FROM member WHERE pid=?1)",
        )?
        .execute([person, at])?;
        Ok(())
    }

    fn decide(&self, who: &Who<'_>, decided: &Decided<'_>) -> Result<()> {
        let Decided { kind, person, other, patient, reason, text } = *decided;
        self.prepare_cached(
            "INSERT INTO decision(at, kind, person, other, patient, reason, text, actor, message)
             VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
        )?
        .execute(params![
            who.at,
            kind,
            person,
            other,
            patient,
            reason,
            text,
            who.actor,
            who.message
        ])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_suite() {
        crate::tables::contract::suite(|| {
            let mut db = Connection::open_in_memory().unwrap();
            crate::sqlite::schema::migrate(&mut db).unwrap();
            db
        });
    }
}
