//! Who is who: Patients of different senders joined into persons, with refusals instead of false joins.
//!
//! The Patient resources stay as their senders told them; a person is the list of Patients that belong to it.
//! Rules, in order of strength:
//!
//! 1. What a user said: joined, or kept apart for ever.
//! 2. What a source said of its own Patients: merged (`Patient.link` replaced-by or replaces, HL7 v2 A40).
//! 3. A valid NHS number in common, unless both date of birth and family name contradict each other.
//! 4. A superseded NHS number (`use` old, or ended) in common, only where date of birth and family name agree.
//! 5. A local identifier (system and value) in common, unless the NHS numbers differ, or both date of birth
//!    and family name contradict each other.
//!
//! Two persons are joined only if no pair of their Patients speaks against it. Every refusal becomes a review
//! for a person; every decision is recorded with its reason.

use causeway_core::{Issue, IssueCode, NhsNumber, Severity};
use causeway_fhir::systems;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{RecordError, Result};
use crate::index::fold;
use crate::limits;
use crate::logical;
use crate::matching::{Basis, Verdict, judge, shared_basis};

const ACROSS: &str = "a source asks to merge its Patient with another source's; nothing was merged";

/// Who acts, when, because of what.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    pub db: &'a Connection,
    pub at: i64,
    pub actor: &'a str,
    pub message: &'a str,
    pub issues: Vec<Issue>,
}

/// An identifier by which Patients are joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identifier {
    /// `nhs`, `old-nhs` or `local`.
    pub kind: String,
    pub system: String,
    pub value: String,
}

/// The identifiers of a Patient that can join it. NHS numbers that fail their check, fillers and values
/// without a system join nothing.
pub(crate) fn identifiers_of(map: &Map<String, Value>) -> Vec<Identifier> {
    let mut out = Vec::new();
    for identifier in map.get("identifier").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or("").trim();
        let (system, value) = (text("system"), text("value"));
        let ended = identifier.get("period").and_then(|p| p.get("end")).is_some();
        let old = text("use") == "old" || ended;
        let found = if system == systems::NHS_NUMBER {
            let Ok(number) = NhsNumber::parse(value) else { continue };
            let kind = if old { "old-nhs" } else { "nhs" };
            Identifier { kind: kind.into(), system: system.into(), value: number.as_str().into() }
        } else {
            // A number that a source states as an NHS number and that fails its check joins nobody.
            let stated = system == causeway_fhir::systems::STATED_NHS_NUMBER;
            if system.is_empty() || stated || text("use") == "temp" || is_filler(value) {
                continue;
            }
            Identifier { kind: "local".into(), system: system.into(), value: value.into() }
        };
        if !out.contains(&found) {
            out.push(found);
        }
    }
    out.sort();
    out
}

/// Values that stand for "none": too short, or one character over and over.
fn is_filler(value: &str) -> bool {
    let mut chars = value.chars().filter(|c| c.is_alphanumeric());
    match chars.next() {
        None => true,
        Some(first) => chars.all(|c| c == first) || value.eq_ignore_ascii_case("unknown"),
    }
}

/// Family names of a Patient, folded; of a double-barrelled name also its parts.
fn families_of(map: &Map<String, Value>) -> String {
    let mut out: Vec<String> = Vec::new();
    for name in map.get("name").and_then(Value::as_array).into_iter().flatten() {
        let family = fold(name.get("family").and_then(Value::as_str).unwrap_or(""));
        for part in std::iter::once(family.as_str()).chain(family.split('-')) {
            let part: String = part.chars().filter(|c| c.is_alphanumeric()).collect();
            if !part.is_empty() && !out.contains(&part) {
                out.push(part);
            }
        }
    }
    out.join("\n")
}

/// Patients that the resource says it was replaced by (first) or replaces (second).
fn links_of(map: &Map<String, Value>) -> (Vec<String>, Vec<String>) {
    let mut out = (Vec::new(), Vec::new());
    for link in map.get("link").and_then(Value::as_array).into_iter().flatten() {
        let reference = link.get("other").and_then(|o| o.get("reference")).and_then(Value::as_str);
        let Some(key) = reference.and_then(crate::bundle::key_of).filter(|k| k.kind == "Patient") else {
            continue;
        };
        match link.get("type").and_then(Value::as_str) {
            Some("replaced-by") => out.0.push(key.id),
            Some("replaces") => out.1.push(key.id),
            _ => {}
        }
    }
    out
}

/// The person of a Patient: its number.
pub(crate) fn pid_of(db: &Connection, patient: &str) -> Result<Option<i64>> {
    let mut find = db.prepare_cached("SELECT pid FROM member WHERE patient=?1")?;
    Ok(find.query_row([patient], |row| row.get(0)).optional()?)
}

/// The person of a Patient: its id.
pub(crate) fn person_of(db: &Connection, patient: &str) -> Result<Option<String>> {
    match pid_of(db, patient)? {
        Some(pid) => Ok(Some(person_id(db, pid)?)),
        None => Ok(None),
    }
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

fn is_apart(db: &Connection, patient: &str, other: &str) -> Result<bool> {
    let mut find = db.prepare_cached("SELECT 1 FROM apart WHERE patient=?1 AND other=?2")?;
    Ok(find.exists([patient, other])?)
}

/// Takes in what a new version of a Patient says about who it is.
pub(crate) fn refresh(act: &mut Act<'_>, patient: &str, rid: i64, map: &Map<String, Value>) -> Result<()> {
    let identifiers = identifiers_of(map);
    let changed = store_identifiers(act.db, patient, &identifiers)?;
    let birth_date = map.get("birthDate").and_then(Value::as_str).unwrap_or("");
    let families = families_of(map);
    let known = pid_of(act.db, patient)?;
    match known {
        None => {
            let pid = new_person(act, patient)?;
            act.db
                // The survivor of a merge may have come before this Patient and named it.
                .prepare_cached(
                    "INSERT INTO member VALUES(?1,?2,?3, coalesce((SELECT other FROM together
                     WHERE patient=?1 AND reason='replaced-by' ORDER BY other LIMIT 1),''),?4,?5)",
                )?
                .execute(params![patient, pid, rid, birth_date, families])?;
            let person = person_id(act.db, pid)?;
            decide(act, "created", &person, "", patient, "new-patient", "a source told of a new Patient")?;
        }
        Some(pid) => {
            act.db
                .prepare_cached("UPDATE member SET rid=?2, birth_date=?3, families=?4 WHERE patient=?1")?
                .execute(params![patient, rid, birth_date, families])?;
            if changed {
                leave_if_unsupported(act, patient, pid)?;
            }
        }
    }
    take_links(act, patient, map)?;
    join_candidates(act, patient)?;
    logical::attach(act.db, &identifiers)
}

/// Stores the identifiers; gives whether any that was known is gone.
fn store_identifiers(db: &Connection, patient: &str, now: &[Identifier]) -> Result<bool> {
    let mut list =
        db.prepare_cached("SELECT kind, system, value FROM identity WHERE patient=?1 ORDER BY 1, 2, 3")?;
    let known = list
        .query_map([patient], |row| {
            Ok(Identifier { kind: row.get(0)?, system: row.get(1)?, value: row.get(2)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let gone: Vec<_> = known.iter().filter(|k| !now.contains(k)).collect();
    for old in &gone {
        db.prepare_cached("DELETE FROM identity WHERE patient=?1 AND kind=?2 AND system=?3 AND value=?4")?
            .execute(params![patient, old.kind, old.system, old.value])?;
    }
    let mut add = db.prepare_cached("INSERT INTO identity VALUES(?1,?2,?3,?4)")?;
    for new in now.iter().filter(|n| !known.contains(n)) {
        add.execute(params![patient, new.kind, new.system, new.value])?;
    }
    let new_number = now.iter().any(|n| n.kind == "nhs" && !known.contains(n));
    Ok(!gone.is_empty() || (new_number && !known.is_empty()))
}

/// Makes the person of a Patient that stands alone. Its id follows from the Patient's; where that person had
/// been merged away and nothing belongs to it, it stands again.
fn new_person(act: &Act<'_>, patient: &str) -> Result<i64> {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, systems::CAUSEWAY.as_bytes());
    for number in 0u32.. {
        let name =
            if number == 0 { format!("person|{patient}") } else { format!("person|{patient}|{number}") };
        let id = Uuid::new_v5(&namespace, name.as_bytes()).to_string();
        let mut find =
            act.db.prepare_cached("SELECT pid, merged_into IS NOT NULL FROM person WHERE id=?1")?;
        let found: Option<(i64, bool)> = find.query_row([&id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        match found {
            None => {
                act.db
                    .prepare_cached("INSERT INTO person(id, created, merged_into) VALUES(?1,?2,NULL)")?
                    .execute(params![id, act.at])?;
                return Ok(act.db.last_insert_rowid());
            }
            Some((pid, true)) => {
                act.db.prepare_cached("UPDATE person SET merged_into=NULL WHERE pid=?1")?.execute([pid])?;
                return Ok(pid);
            }
            Some((_, false)) => {}
        }
    }
    Err(RecordError::Damaged)
}

/// Whether a source's or a user's word, or an identifier, holds the Patient in its person; if nothing does any
/// more, or its NHS number now contradicts the others, it leaves and someone is told.
fn leave_if_unsupported(act: &mut Act<'_>, patient: &str, pid: i64) -> Result<()> {
    let others: Vec<String> = members(act.db, pid)?.into_iter().filter(|m| m != patient).collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut supported = false;
    let mut against = false;
    for other in &others {
        match shared_basis(act.db, patient, other)? {
            Some(basis) => match judge(act.db, patient, other, basis)? {
                Verdict::Join => supported = true,
                Verdict::Refuse(..) => against = true,
            },
            None => against |= matches!(judge(act.db, patient, other, Basis::Local)?, Verdict::Refuse(..)),
        }
    }
    if supported && !against {
        return Ok(());
    }
    let before = person_id(act.db, pid)?;
    let after = separate(act, patient)?;
    let text = "the identifiers of the Patient changed, so that they no longer hold it in this person";
    decide(act, "left", &before, &after, patient, "identifier-changed", text)?;
    review(act, "identifier-changed", text, patient, others.first().map_or("", String::as_str))
}

/// Moves a Patient into a person of its own; gives that person's id.
fn separate(act: &Act<'_>, patient: &str) -> Result<String> {
    let pid = new_person(act, patient)?;
    act.db.prepare_cached("UPDATE member SET pid=?2 WHERE patient=?1")?.execute(params![patient, pid])?;
    person_id(act.db, pid)
}

/// Takes in a source's merges of its own Patients.
fn take_links(act: &mut Act<'_>, patient: &str, map: &Map<String, Value>) -> Result<()> {
    let (replaced_by, replaces) = links_of(map);
    let gone_for = replaced_by.iter().map(|survivor| (patient.to_owned(), survivor.clone()));
    let pairs: Vec<_> =
        gone_for.chain(replaces.iter().map(|gone| (gone.clone(), patient.to_owned()))).collect();
    for (gone, survivor) in pairs {
        if gone == survivor || is_apart(act.db, &gone, &survivor)? {
            continue;
        }
        let other = if gone == patient { &survivor } else { &gone };
        if !same_sender(act.db, patient, other)? {
            review(act, "merge-across-sources", ACROSS, patient, other)?;
            continue;
        }
        for (a, b, reason) in [(&gone, &survivor, "replaced-by"), (&survivor, &gone, "replaces")] {
            act.db
                .prepare_cached("INSERT OR IGNORE INTO together VALUES(?1,?2,?3)")?
                .execute(params![a, b, reason])?;
        }
        act.db
            .prepare_cached("UPDATE member SET replaced_by=?2 WHERE patient=?1")?
            .execute(params![gone, survivor])?;
    }
    Ok(())
}

/// Whether two Patients come from one sender, or the other is not known yet.
fn same_sender(db: &Connection, patient: &str, other: &str) -> Result<bool> {
    let mut find = db.prepare_cached(
        "SELECT s.system, s.code FROM resource r JOIN source s ON s.source=r.source
         WHERE r.type='Patient' AND r.id=?1",
    )?;
    let mut sender =
        |id: &str| find.query_row([id], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).optional();
    let (a, b) = (sender(patient)?, sender(other)?);
    Ok(b.is_none() || a == b)
}

/// Whether a user joined the two, or their own common sender did. The other Patient may have come after the
/// merge that named it.
fn may_be_together(db: &Connection, patient: &str, other: &str) -> Result<bool> {
    let mut find = db.prepare_cached("SELECT reason FROM together WHERE patient=?1 AND other=?2")?;
    let reason: String = find.query_row([patient, other], |r| r.get(0))?;
    Ok(reason == "user-merge" || same_sender(db, patient, other)?)
}

/// Joins a Patient with everyone whom something says it is.
fn join_candidates(act: &mut Act<'_>, patient: &str) -> Result<()> {
    for (other, basis) in candidates(act.db, patient)? {
        let (Some(mine), Some(theirs)) = (pid_of(act.db, patient)?, pid_of(act.db, &other)?) else {
            continue;
        };
        if mine == theirs {
            continue;
        }
        if basis == Basis::Together && !may_be_together(act.db, patient, &other)? {
            review(act, "merge-across-sources", ACROSS, patient, &other)?;
            continue;
        }
        match judge_persons(act.db, (mine, patient), (theirs, &other), basis)? {
            Some((reason, text)) => refuse(act, (mine, patient), (theirs, &other), reason, text)?,
            None => {
                let (keep, give) = keeper(act.db, mine, theirs, patient, &other)?;
                join(act, keep, give, patient, basis.reason(), basis.text())?;
            }
        }
    }
    Ok(())
}

/// Patients with something in common, the strongest reason first.
fn candidates(db: &Connection, patient: &str) -> Result<Vec<(String, Basis)>> {
    let mut list = db.prepare_cached(
        "SELECT other, 1 FROM together WHERE patient=?1
         UNION ALL
         SELECT b.patient, CASE WHEN a.kind='local' THEN 4 WHEN a.kind='nhs' AND b.kind='nhs' THEN 2 ELSE 3 END
         FROM identity a JOIN identity b ON b.value=a.value AND b.system=a.system
         WHERE a.patient=?1 AND b.patient<>?1
         ORDER BY 2, 1 LIMIT ?2",
    )?;
    let rows = list.query_map(params![patient, limits::MEMBERS_MAX as i64], |row| {
        Ok((row.get::<_, String>(0)?, Basis::of_rank(row.get(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What speaks against joining two persons, if anything: any pair of their Patients may object.
fn judge_persons(
    db: &Connection,
    mine: (i64, &str),
    theirs: (i64, &str),
    basis: Basis,
) -> Result<Option<(&'static str, &'static str)>> {
    let (ours, others) = (members(db, mine.0)?, members(db, theirs.0)?);
    if ours.len() + others.len() > limits::MEMBERS_MAX {
        return Ok(Some(("too-many-patients", "more Patients would be one person than is believable")));
    }
    for a in &ours {
        for b in &others {
            if is_apart(db, a, b)? {
                return Ok(Some((
                    "kept-apart",
                    "a user declared two of the Patients to be different people",
                )));
            }
            if basis == Basis::Together {
                continue;
            }
            let named = a == mine.1 && b == theirs.1;
            let basis = if named { basis } else { shared_basis(db, a, b)?.unwrap_or(basis.weaker()) };
            if let Verdict::Refuse(reason, text) = judge(db, a, b, basis)? {
                return Ok(Some((reason, text)));
            }
        }
    }
    Ok(None)
}

/// Which of two persons stays: the one whose Patient survives a merge, else the older.
fn keeper(db: &Connection, mine: i64, theirs: i64, patient: &str, other: &str) -> Result<(i64, i64)> {
    let mut find = db.prepare_cached("SELECT replaced_by FROM member WHERE patient=?1")?;
    let replaced_by: String = find.query_row([patient], |r| r.get(0))?;
    if replaced_by == other {
        return Ok((theirs, mine));
    }
    let replaced_by: String = find.query_row([other], |r| r.get(0))?;
    Ok(if replaced_by == patient || mine < theirs { (mine, theirs) } else { (theirs, mine) })
}

/// Joins two persons.
fn join(act: &mut Act<'_>, keep: i64, give: i64, patient: &str, reason: &str, text: &str) -> Result<()> {
    let (kept, given) = (person_id(act.db, keep)?, person_id(act.db, give)?);
    act.db.prepare_cached("UPDATE member SET pid=?1 WHERE pid=?2")?.execute([keep, give])?;
    act.db
        .prepare_cached("UPDATE person SET merged_into=?1 WHERE pid=?2 OR merged_into=?2")?
        .execute([keep, give])?;
    act.db
        .prepare_cached(
            "UPDATE review SET closed=?2, outcome='joined' WHERE closed IS NULL
             AND patient IN (SELECT patient FROM member WHERE pid=?1)
             AND other_patient IN (SELECT patient FROM member WHERE pid=?1)",
        )?
        .execute([keep, act.at])?;
    let kind = if reason == "source-merge" || reason == "user-merge" { "merged" } else { "joined" };
    decide(act, kind, &kept, &given, patient, reason, text)
}

fn refuse(
    act: &mut Act<'_>,
    mine: (i64, &str),
    theirs: (i64, &str),
    reason: &'static str,
    text: &'static str,
) -> Result<()> {
    // What a user decided needs no second look.
    if reason == "kept-apart" {
        return Ok(());
    }
    if !raise(act, reason, text, mine.1, theirs.1)? {
        return Ok(());
    }
    let (a, b) = (person_id(act.db, mine.0)?, person_id(act.db, theirs.0)?);
    decide(act, "refused", &a, &b, mine.1, reason, text)?;
    act.issues.push(Issue::new(Severity::Warning, IssueCode::Conflict, reason, text));
    Ok(())
}

/// Raises a review and an issue.
fn review(
    act: &mut Act<'_>,
    reason: &'static str,
    text: &'static str,
    patient: &str,
    other: &str,
) -> Result<()> {
    if raise(act, reason, text, patient, other)? {
        act.issues.push(Issue::new(Severity::Warning, IssueCode::Conflict, reason, text));
    }
    Ok(())
}

/// Enters a review unless the same pair has one for the same reason, in either order; gives whether it is new.
fn raise(act: &Act<'_>, reason: &str, text: &str, patient: &str, other: &str) -> Result<bool> {
    let (first, second) =
        if patient <= other || other.is_empty() { (patient, other) } else { (other, patient) };
    let added = act
        .db
        .prepare_cached(
            "INSERT OR IGNORE INTO review(at, reason, text, patient, other_patient, message, closed, outcome)
             VALUES(?1,?2,?3,?4,?5,?6,NULL,'')",
        )?
        .execute(params![act.at, reason, text, first, second, act.message])?;
    Ok(added == 1)
}

/// Records a decision.
fn decide(
    act: &Act<'_>,
    kind: &str,
    person: &str,
    other: &str,
    patient: &str,
    reason: &str,
    text: &str,
) -> Result<()> {
    act.db
        .prepare_cached(
            "INSERT INTO decision(at, kind, person, other, patient, reason, text, actor, message)
             VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
        )?
        .execute(params![act.at, kind, person, other, patient, reason, text, act.actor, act.message])?;
    Ok(())
}

fn user_act<'a>(db: &'a Connection, actor: &'a str, now: Timestamp) -> Act<'a> {
    Act { db, at: now.as_microsecond(), actor, message: "", issues: Vec::new() }
}

/// Takes a Patient out of its person for good.
pub(crate) fn unmerge(
    db: &Connection,
    patient: &str,
    reason: &str,
    actor: &str,
    now: Timestamp,
) -> Result<String> {
    let act = user_act(db, actor, now);
    let pid = pid_of(db, patient)?.ok_or(RecordError::NotFound)?;
    let others: Vec<String> = members(db, pid)?.into_iter().filter(|m| m != patient).collect();
    if others.is_empty() {
        return Err(RecordError::Identity("the Patient is alone in its person".to_owned()));
    }
    let before = person_id(db, pid)?;
    for other in &others {
        for (a, b) in [(patient, other.as_str()), (other.as_str(), patient)] {
            db.prepare_cached("INSERT OR IGNORE INTO apart VALUES(?1,?2)")?.execute([a, b])?;
            db.prepare_cached("DELETE FROM together WHERE patient=?1 AND other=?2")?.execute([a, b])?;
            db.prepare_cached("UPDATE member SET replaced_by='' WHERE patient=?1 AND replaced_by=?2")?
                .execute([a, b])?;
        }
    }
    let after = separate(&act, patient)?;
    decide(&act, "unmerged", &before, &after, patient, "user-unmerge", reason)?;
    Ok(after)
}

/// Joins two persons because a user says so.
pub(crate) fn merge_by_user(
    db: &Connection,
    patient: &str,
    other: &str,
    reason: &str,
    actor: &str,
    now: Timestamp,
) -> Result<String> {
    let mut act = user_act(db, actor, now);
    let mine = pid_of(db, patient)?.ok_or(RecordError::NotFound)?;
    let theirs = pid_of(db, other)?.ok_or(RecordError::NotFound)?;
    if mine == theirs {
        return Err(RecordError::Identity("the Patients are one person already".to_owned()));
    }
    for (a, b) in [(mine, theirs), (theirs, mine)] {
        db.prepare_cached(
            "DELETE FROM apart WHERE patient IN (SELECT patient FROM member WHERE pid=?1)
             AND other IN (SELECT patient FROM member WHERE pid=?2)",
        )?
        .execute([a, b])?;
    }
    for (a, b) in [(patient, other), (other, patient)] {
        db.prepare_cached("INSERT OR REPLACE INTO together VALUES(?1,?2,'user-merge')")?.execute([a, b])?;
    }
    let (keep, give) = (mine.min(theirs), mine.max(theirs));
    join(&mut act, keep, give, patient, "user-merge", reason)?;
    person_id(db, keep)
}

/// Closes a review.
pub(crate) fn close_review(
    db: &Connection,
    number: i64,
    outcome: &str,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let closed = db
        .prepare_cached("UPDATE review SET closed=?2, outcome=?3 WHERE number=?1 AND closed IS NULL")?
        .execute(params![number, now.as_microsecond(), format!("{outcome} ({actor})")])?;
    if closed == 1 { Ok(()) } else { Err(RecordError::NotFound) }
}
