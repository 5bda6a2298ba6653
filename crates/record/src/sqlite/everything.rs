//! `Patient/[id]/$everything`: all that is told of a person, what that refers to, and the provenance.
//!
//! What is found is found once, by the texts as they are kept; the answer is made of them as values, for a reader from whom
//! something may be withheld, or written straight from them.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use crate::error::{RecordError, Result};
use crate::model::Key;
use crate::reference::key_of;
use crate::{dates, golden, limits, parameters};

use super::text::Text;
use super::{people, read};

/// Everything of the person of a Patient, or the part of it that is asked for.
pub(crate) fn everything_of_patient(
    db: &Connection,
    patient: &str,
    base: &str,
    asked: &[(String, String)],
) -> Result<Option<Value>> {
    let part = Part::of(asked)?;
    match people::whose(db, patient)? {
        Some(pid) => {
            everything(db, pid, base, &part).map(|bundle| Some(part.linked(bundle, patient, base, asked)))
        }
        None => Ok(None),
    }
}

/// Everything of a person, in the texts in which it is given out.
pub(crate) fn texts_of_person(db: &Connection, person: &str) -> Result<Option<Texts>> {
    let Some(pid) = people::pid_of_id(db, person)? else { return Ok(None) };
    let mut entries = Vec::new();
    let all = find(db, pid, &Part::default(), |one| {
        entries.push(one.into_text(db)?);
        Ok(())
    })?;
    Ok(Some(Texts { entries, incomplete: all.more }))
}

/// What is told of a person by resources of some types, with the resources of other types that these refer to.
pub(crate) fn texts_of_types(
    db: &Connection,
    person: &str,
    types: &[&str],
    referred: &[&str],
) -> Result<Option<Texts>> {
    let Some(pid) = people::pid_of_id(db, person)? else { return Ok(None) };
    let patients = people::members(db, pid)?;
    let mut of_type = db.prepare_cached(
        "SELECT rid FROM resource INDEXED BY resource_patient
         WHERE patient=?1 AND type=?2 AND state='told' AND withdrawn=0 ORDER BY rid LIMIT ?3",
    )?;
    let mut queue: VecDeque<(i64, &'static str)> = VecDeque::new();
    for patient in &patients {
        for kind in types {
            let room = (limits::EVERYTHING_MAX + 1).saturating_sub(queue.len());
            let rows = of_type.query_map(params![patient, kind, room as i64], |row| row.get::<_, i64>(0))?;
            for rid in rows {
                queue.push_back((rid?, "match"));
            }
        }
    }
    let incomplete = queue.len() > limits::EVERYTHING_MAX;
    queue.truncate(limits::EVERYTHING_MAX);
    let mut of_row = db.prepare_cached(OF_ROW)?;
    let mut taken: HashSet<i64> = queue.iter().map(|(rid, _)| *rid).collect();
    let mut entries = Vec::new();
    while let Some((rid, mode)) = queue.pop_front() {
        let one = of_row.query_row([rid], |row| found(row, rid, mode))?;
        if mode == "match" {
            for key in references_in(&one.content).filter_map(key_of) {
                if referred.contains(&key.kind.as_str())
                    && let Some(next) = follow(db, &key, &patients)?.filter(|next| taken.insert(*next))
                {
                    queue.push_back((next, "include"));
                }
            }
        }
        entries.push(one.into_text(db)?);
    }
    Ok(Some(Texts { entries, incomplete }))
}

/// What of `$everything` is asked for (FHIR R4, Patient/$everything).
#[derive(Debug, Default)]
struct Part {
    /// Types; empty: all.
    types: Vec<String>,
    /// Taken in at this time or later.
    since: Option<i64>,
    /// Care within this range; what has no date is given whatever the range.
    care: Option<(i64, i64)>,
    /// Matches of a page; what they refer to comes besides.
    count: Option<usize>,
    /// The page's first row is after this one.
    after: i64,
}

impl Part {
    fn of(asked: &[(String, String)]) -> Result<Self> {
        let bad = |text: &str| RecordError::Search(text.to_owned());
        let mut part = Self::default();
        let range = |text: &str| dates::range(text).ok_or_else(|| bad("not a date"));
        let (mut start, mut end) = (None, None);
        for (name, value) in asked {
            match name.as_str() {
                "_type" => {
                    for kind in value.split(',') {
                        if !parameters::is_r4_type(kind) {
                            return Err(bad("_type names no resource type"));
                        }
                        part.types.push(kind.to_owned());
                    }
                }
                "_since" => part.since = Some(range(value)?.0),
                "start" => start = Some(range(value)?.0),
                "end" => end = Some(range(value)?.1),
                "_count" => {
                    let count = value.parse::<usize>().ok().filter(|count| *count > 0);
                    part.count = Some(count.ok_or_else(|| bad("_count is no number above 0"))?);
                }
                "_page" => {
                    part.after = value.parse().map_err(|_| bad("_page is not one that was given out"))?
                }
                "_format" | "_pretty" => {}
                other => return Err(RecordError::Search(format!("$everything has no parameter {other}"))),
            }
        }
        if start.is_some() || end.is_some() {
            part.care = Some((start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX)));
        }
        Ok(part)
    }

    /// The rows that are asked for, of these in their order, and whether there are more.
    fn take(&self, db: &Connection, rows: Vec<i64>) -> Result<(Vec<i64>, u64, bool)> {
        let mut wanted = if self.types.is_empty() && self.care.is_none() && self.since.is_none() {
            rows
        } else {
            self.filter(db, rows)?
        };
        let total = wanted.len() as u64;
        let Some(count) = self.count else {
            wanted.retain(|rid| *rid > self.after);
            return Ok((wanted, total, false));
        };
        wanted.sort_unstable();
        wanted.retain(|rid| *rid > self.after);
        let more = wanted.len() > count;
        wanted.truncate(count);
        Ok((wanted, total, more))
    }

    /// The rows of these types, of this range of care, taken in since then.
    fn filter(&self, db: &Connection, rows: Vec<i64>) -> Result<Vec<i64>> {
        let mut find = db.prepare_cached(
            "SELECT r.type, r.updated, EXISTS(SELECT 1 FROM ix_date d WHERE d.rid=r.rid AND d.param<>'birthdate'),
               EXISTS(SELECT 1 FROM ix_date d WHERE d.rid=r.rid AND d.param<>'birthdate' AND d.low<=?3 AND d.high>=?2)
             FROM resource r WHERE r.rid=?1",
        )?;
        let (from, to) = self.care.unwrap_or((i64::MIN, i64::MAX));
        let mut wanted = Vec::new();
        for rid in rows {
            let (kind, updated, dated, within): (String, i64, bool, bool) =
                find.query_row(params![rid, from, to], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
            let typed = self.types.is_empty() || self.types.contains(&kind);
            let cared = self.care.is_none() || !dated || within || kind == "Patient";
            if typed && cared && self.since.is_none_or(|since| updated >= since) {
                wanted.push(rid);
            }
        }
        Ok(wanted)
    }

    /// With the links of the page, where parameters made it one.
    fn linked(
        &self,
        (mut bundle, next): (Value, Option<i64>),
        patient: &str,
        base: &str,
        asked: &[(String, String)],
    ) -> Value {
        let links = self.links(next, patient, base, asked);
        if !links.is_empty() {
            bundle["link"] = Value::Array(links);
        }
        bundle
    }

    /// None where nothing was asked.
    fn links(&self, next: Option<i64>, patient: &str, base: &str, asked: &[(String, String)]) -> Vec<Value> {
        if asked.is_empty() {
            return Vec::new();
        }
        let path = format!("Patient/{patient}/$everything");
        let mut links =
            vec![json!({"relation": "self", "url": read::url_of(base, &path, asked.iter(), None)})];
        if let Some(rid) = next {
            let kept = asked.iter().filter(|(name, _)| name != "_page");
            let url = read::url_of(base, &path, kept, Some(&rid.to_string()));
            links.push(json!({"relation": "next", "url": url}));
        }
        links
    }
}

/// One resource of the answer.
#[derive(Debug)]
struct Found {
    rid: i64,
    key: Key,
    /// Patient whom it is about; empty where none.
    patient: String,
    version: i64,
    at: Timestamp,
    content: String,
    /// `match`, or `include` where others refer to it.
    mode: &'static str,
}

/// What is told of a person, as texts.
#[derive(Debug, Default)]
pub struct Texts {
    /// The resources, in the order of `$everything`.
    pub entries: Vec<TextEntry>,
    /// Whether there is more than is read at once.
    pub incomplete: bool,
}

/// A resource in the text in which it is given out: as serde_json writes it, without blanks between, no member of an object
/// twice, and of characters only those escaped that JSON says must be.
#[derive(Clone, Debug)]
pub struct TextEntry {
    /// Type and id.
    pub key: Key,
    /// `match`, or `include` where others refer to it.
    pub mode: &'static str,
    /// The resource with version and time, and a Patient with the link to its person.
    pub text: String,
    /// Where in the text its `meta` is, if that has no version of its own.
    meta: Option<Range<usize>>,
}

impl TextEntry {
    /// A match, as it would be given out.
    pub fn of(resource: &Value) -> Self {
        let text = |name: &str| resource[name].as_str().unwrap_or_default();
        let (key, content) = (Key::new(text("resourceType"), text("id")), resource.to_string());
        let meta = meta_of(&content).map(|(start, end)| start..end + 1);
        Self { key, mode: "match", text: content, meta }
    }

    /// `meta`, an object, where it is known; `None` says nothing of it.
    pub fn meta(&self) -> Option<&str> {
        self.text.get(self.meta.clone()?)
    }

    /// The text before `meta`, `meta`, and the text behind it, where [`TextEntry::meta`] is known.
    pub fn around_meta(&self) -> Option<[&str; 3]> {
        let Range { start, end } = self.meta.clone()?;
        Some([self.text.get(..start)?, self.text.get(start..end)?, self.text.get(end..)?])
    }

    /// The same with another text, as of the resource when something was cut out.
    #[must_use]
    pub fn with(self, resource: &Value) -> Self {
        Self { text: resource.to_string(), meta: None, ..self }
    }

    /// The resource.
    ///
    /// # Errors
    /// It can't be read.
    pub fn value(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.text)?)
    }
}

/// A searchset that is written piece by piece: see [`crate::Record::write_piece`]. Of a large one only the rows are in memory.
#[derive(Debug)]
pub struct Written {
    /// Ids of the Patients whom its entries are about, each once.
    pub patients: Vec<String>,
    /// Base of its addresses.
    base: String,
    /// What stands before the entries that are left; taken with the first piece.
    head: Vec<u8>,
    left: VecDeque<Left>,
    /// What stands after them; taken with the last piece.
    tail: Vec<u8>,
    /// Whether an entry was written before those that are left.
    begun: bool,
}

/// An entry that is still to be written.
#[derive(Debug)]
enum Left {
    /// As it was found, where there was room for it.
    Kept(Found),
    /// To be read again: row, version, mode.
    Row(i64, i64, &'static str),
}

impl Written {
    /// Whether all of it was given out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.head.is_empty() && self.left.is_empty() && self.tail.is_empty()
    }
}

/// What is found, beside the resources themselves.
struct All {
    /// How many matches there are, on this page and others.
    total: u64,
    /// What must be said besides.
    said: Vec<(&'static str, &'static str, String)>,
    /// The last row of the page, where there is another.
    next: Option<i64>,
    /// Whether there is more than is read at once.
    more: bool,
}

/// A resource by its row: type, id, Patient, version, time, text.
const OF_ROW: &str = "SELECT r.type, r.id, r.patient, v.version, v.at, v.content FROM resource r
     JOIN version v ON v.rid=r.rid AND v.version=r.version WHERE r.rid=?1";

/// Finds what belongs to an answer and hands it over in the order of the answer.
fn find(db: &Connection, pid: i64, part: &Part, mut hand: impl FnMut(Found) -> Result<()>) -> Result<All> {
    let patients = people::members(db, pid)?;
    let (rows, more) = read::rows_of(db, &patients, limits::EVERYTHING_MAX)?;
    let (rows, total, another) = part.take(db, rows)?;
    let next = rows.last().copied().filter(|_| another);
    let mut taken: HashSet<i64> = rows.iter().copied().collect();
    let mut queue: VecDeque<(i64, usize)> = rows.into_iter().map(|rid| (rid, 0)).collect();
    let mut looked = HashSet::new();
    let mut of_row = db.prepare_cached(OF_ROW)?;
    while let Some((rid, steps)) = queue.pop_front() {
        let mode = if steps == 0 { "match" } else { "include" };
        let one = of_row.query_row([rid], |row| found(row, rid, mode))?;
        // A Provenance leads to everything of its bundle; what matters of that is here already.
        if steps < limits::EVERYTHING_STEPS && one.key.kind != "Provenance" {
            for reference in references_in(&one.content) {
                // Most lead to what was looked at before, above all to the person.
                if looked.contains(reference) {
                    continue;
                }
                looked.insert(reference.to_owned());
                let Some(key) = key_of(reference) else { continue };
                if let Some(next) = follow(db, &key, &patients)?.filter(|next| taken.insert(*next)) {
                    queue.push_back((next, steps + 1));
                }
            }
        }
        if steps == 0 && one.key.kind != "Provenance" {
            for provenance in provenance_of(db, rid)? {
                if taken.insert(provenance) {
                    queue.push_back((provenance, 1));
                }
            }
        }
        hand(one)?;
    }
    let mut said = Vec::new();
    let hidden = read::withdrawn(db, &patients)?;
    if hidden > 0 {
        said.push(("information", "suppressed", format!("{hidden} entries were withdrawn by their source; they are kept in the history and not shown here")));
    }
    if more {
        said.push((
            "warning",
            "incomplete",
            "there is more than can be given at once; search by type for the rest".to_owned(),
        ));
    }
    Ok(All { total, said, next, more })
}

fn found(row: &rusqlite::Row<'_>, rid: i64, mode: &'static str) -> rusqlite::Result<Found> {
    let key = Key { kind: row.get(0)?, id: row.get(1)? };
    let (patient, version, at) = (row.get(2)?, row.get(3)?, read::time(row, 4)?);
    Ok(Found { rid, key, patient, version, at, content: row.get::<_, Text>(5)?.0, mode })
}

/// The texts of all references in a resource's text as it is kept, without blanks between: in no other text can a quote
/// stand before a name without a backslash.
fn references_in(content: &str) -> impl Iterator<Item = &str> {
    content.split("\"reference\":\"").skip(1).filter_map(|rest| rest.split('"').next())
}

/// As values.
fn everything(db: &Connection, pid: i64, base: &str, part: &Part) -> Result<(Value, Option<i64>)> {
    let mut entries = Vec::new();
    let all = find(db, pid, part, |one| {
        let mut entry = json!({"fullUrl": one.url(base), "resource": null, "search": {"mode": one.mode}});
        entry["resource"] = Value::Object(one.value(db)?);
        entries.push(entry);
        Ok(())
    })?;
    if !all.said.is_empty() {
        entries.push(read::outcome(&all.said));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": all.total});
    bundle["entry"] = Value::Array(entries);
    Ok((bundle, all.next))
}

/// The same as [`everything_of_patient`], to be written. `first` is an entry that is put before the others as one more match.
pub(crate) fn written(
    db: &Connection,
    patient: &str,
    base: &str,
    asked: &[(String, String)],
    first: Option<&Value>,
) -> Result<Option<Written>> {
    let part = Part::of(asked)?;
    let Some(pid) = people::whose(db, patient)? else { return Ok(None) };
    let mut patients: Vec<String> = Vec::new();
    let mut left = VecDeque::new();
    let mut room = limits::EVERYTHING_KEPT_BYTES;
    let all = find(db, pid, &part, |one| {
        if one.key.kind != "Provenance" && !one.patient.is_empty() && !patients.contains(&one.patient) {
            patients.push(one.patient.clone());
        }
        // What is kept is kept from the first on, so that what is written first gives its room back first.
        let kept = one.content.len() <= room;
        room = if kept { room - one.content.len() } else { 0 };
        left.push_back(if kept { Left::Kept(one) } else { Left::Row(one.rid, one.version, one.mode) });
        Ok(())
    })?;
    let total = all.total + u64::from(first.is_some());
    let mut head =
        format!(r#"{{"resourceType":"Bundle","type":"searchset","total":{total},"entry":["#).into_bytes();
    if let Some(first) = first {
        serde_json::to_writer(&mut head, first)?;
    }
    let mut tail = Vec::new();
    if !all.said.is_empty() {
        if first.is_some() || !left.is_empty() {
            tail.push(b',');
        }
        serde_json::to_writer(&mut tail, &read::outcome(&all.said))?;
    }
    tail.push(b']');
    let links = part.links(all.next, patient, base, asked);
    if !links.is_empty() {
        tail.extend_from_slice(br#","link":"#);
        serde_json::to_writer(&mut tail, &links)?;
    }
    tail.push(b'}');
    Ok(Some(Written { patients, base: base.to_owned(), head, left, tail, begun: first.is_some() }))
}

/// Bytes of an entry beside its resource, about.
const ENTRY_BYTES: usize = 256;

/// The next piece: see [`crate::Record::write_piece`].
pub(crate) fn write_piece(db: &Connection, written: &mut Written, bytes: usize) -> Result<Vec<u8>> {
    let mut out = std::mem::take(&mut written.head);
    let mut of_version = db.prepare_cached(
        "SELECT r.type, r.id, r.patient, v.version, v.at, v.content FROM resource r
         JOIN version v ON v.rid=r.rid AND v.version=?2 WHERE r.rid=?1",
    )?;
    while out.len() < bytes {
        let one = match written.left.pop_front() {
            Some(Left::Kept(one)) => one,
            // What was erased since is shown to nobody, and an answer without it would pass for the whole.
            Some(Left::Row(rid, version, mode)) => of_version
                .query_row([rid, version], |row| found(row, rid, mode))
                .optional()?
                .ok_or(RecordError::NotFound)?,
            None => {
                out.append(&mut written.tail);
                break;
            }
        };
        out.reserve(one.content.len() + written.base.len() + ENTRY_BYTES);
        if std::mem::replace(&mut written.begun, true) {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"fullUrl":"#);
        serde_json::to_writer(&mut out, &one.url(&written.base))?;
        out.extend_from_slice(br#","resource":"#);
        one.write(db, &mut out)?;
        out.extend_from_slice(format!(r#","search":{{"mode":"{}"}}}}"#, one.mode).as_bytes());
    }
    Ok(out)
}

impl Found {
    fn url(&self, base: &str) -> String {
        format!("{base}/{}", self.key.reference())
    }

    /// With the version and time that the record gives it, and the link from a Patient to its person.
    fn value(&self, db: &Connection) -> Result<Map<String, Value>> {
        let mut map: Map<String, Value> = serde_json::from_str(&self.content)?;
        if let Value::Object(meta) = map.entry("meta").or_insert_with(|| Value::Object(Map::new())) {
            meta.insert("versionId".to_owned(), Value::String(self.version.to_string()));
            meta.insert("lastUpdated".to_owned(), Value::String(self.at.to_string()));
        }
        if self.key.kind == "Patient"
            && let Some(person) = people::person_of(db, &self.key.id)?
        {
            let mut value = Value::Object(map);
            golden::refer(&mut value, &person);
            return match value {
                Value::Object(map) => Ok(map),
                _ => Err(RecordError::Damaged),
            };
        }
        Ok(map)
    }

    /// The same, in its text.
    fn into_text(self, db: &Connection) -> Result<TextEntry> {
        let mut out = Vec::with_capacity(self.content.len() + ENTRY_BYTES);
        let meta = self.write(db, &mut out)?;
        let text = String::from_utf8(out).map_err(|_| RecordError::Damaged)?;
        Ok(TextEntry { key: self.key, mode: self.mode, text, meta })
    }

    /// The same, written from the text as it is kept. Gives where its `meta` is in what was written, if that is known.
    fn write(&self, db: &Connection, out: &mut Vec<u8>) -> Result<Option<Range<usize>>> {
        let begun = out.len();
        let meta = if self.key.kind == "Patient" { None } else { meta_of(&self.content) };
        let (Some((start, end)), content) = (meta, self.content.as_bytes()) else {
            serde_json::to_writer(out, &self.value(db)?)?;
            return Ok(None);
        };
        let (before, after) = content.split_at_checked(end).ok_or(RecordError::Damaged)?;
        out.extend_from_slice(before);
        if before.last() != Some(&b'{') {
            out.push(b',');
        }
        let (version, at) = (self.version, self.at);
        out.extend_from_slice(format!(r#""versionId":"{version}","lastUpdated":"{at}""#).as_bytes());
        let closed = out.len() + 1;
        out.extend_from_slice(after);
        Ok(Some(begun + start..closed))
    }
}

/// Where `meta` begins and its members end in the text of a resource, wherever it stands among the resource's own elements, if it
/// has no version of its own.
fn meta_of(content: &str) -> Option<(usize, usize)> {
    let bytes = content.as_bytes();
    let (mut depth, mut at, mut begun) = (0_usize, 0_usize, None);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = end_of_text(bytes, at + 1)?;
                let named = depth == 1 && begun.is_none() && content.get(at..=end) == Some("\"meta\"");
                if named && content.get(end + 1..)?.starts_with(":{") {
                    begun = Some(end + 2);
                }
                at = end;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if let Some(start) = begun.filter(|_| depth == 1) {
                    let own = content.get(start..at)?;
                    let versioned = own.contains("\"versionId\":") || own.contains("\"lastUpdated\":");
                    return (!versioned).then_some((start, at));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a string of JSON ends whose text begins here.
fn end_of_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        match bytes.get(at)? {
            b'"' => return Some(at),
            _ => at += 2,
        }
    }
}

/// The row of a reference's target, unless it is of another person.
fn follow(db: &Connection, key: &Key, patients: &[String]) -> Result<Option<i64>> {
    let mut find =
        db.prepare_cached("SELECT rid, patient FROM resource WHERE type=?1 AND id=?2 AND state='told'")?;
    let row: Option<(i64, String)> =
        find.query_row([&key.kind, &key.id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(row.filter(|(_, patient)| patient.is_empty() || patients.contains(patient)).map(|(rid, _)| rid))
}

/// Rows of the Provenance resources that name a resource.
fn provenance_of(db: &Connection, rid: i64) -> Result<Vec<i64>> {
    let mut list = db.prepare_cached(
        "SELECT i.rid FROM ix_ref i WHERE i.target=?1 AND i.param='target'
         UNION SELECT y.rid FROM ix_target y WHERE y.block=?1>>6 AND ((y.mask >> (?1&63)) & 1)=1 ORDER BY 1",
    )?;
    let rows = list.query_map([rid], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
