//! Applying the bundles of one message, in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use causeway_core::{Issue, IssueCode, Severity, Telling};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use crate::bundle::{Incoming, Kept, Parsed, URN, each_reference};
use crate::error::Result;
use crate::facts::keys::Times;
use crate::identity::{self, Act};
use crate::matching::Known;
use crate::model::{Applied, Key, SourceMessage};
use crate::outline::Outline;
use crate::outline::rows::Rows;
use crate::tables::{Tables, Who};
use crate::{bundle, limits, policy};

use super::labels::Labels;
use super::text::Text;
use super::{index, links, logical, people};

struct Work<'a> {
    db: &'a Connection,
    message: &'a SourceMessage,
    /// Row of the source and of the message.
    source: i64,
    mid: i64,
    at: i64,
    received: i64,
    out: Applied,
    /// Times of results that have none of their own.
    times: Times,
    /// Patients of which there is a new version.
    patients: Vec<(String, i64, Map<String, Value>)>,
    /// What is to be indexed when every resource of the message has its number, by that number.
    pending: BTreeMap<i64, Pending>,
    /// Numbers of the message's resources by type and id.
    numbers: HashMap<String, i64>,
    labels: Labels,
    /// Whether references wait for resources.
    unmet: bool,
    /// Patients whom anything in the message is about.
    concerned: BTreeSet<String>,
    /// Patients of whom the source now tells somebody else, with the id that this one has in the record.
    held: Vec<(String, String)>,
}

/// A version that stands now and is not indexed yet.
struct Pending {
    patient: String,
    rows: Rows,
}

/// What is known of a resource.
struct Standing {
    rid: i64,
    source: i64,
    patient: String,
    version: i64,
    last: i64,
    state: String,
    /// When the message of the standing version was received.
    received: i64,
    /// When it happened, where the message said so.
    event: Option<i64>,
    digest: Option<Vec<u8>>,
}

/// Takes a message's bundles in.
pub(crate) fn apply(
    db: &Connection,
    mut parsed: Parsed,
    message: &SourceMessage,
    now: Timestamp,
) -> Result<Applied> {
    let at = now.as_microsecond();
    let received = message.received.as_microsecond();
    let source = source_row(db, message)?;
    let mid = message_row(db, message, source, received)?;
    let first = db.prepare_cached("INSERT OR IGNORE INTO applied VALUES(?1,?2,?3)")?.execute(params![
        mid,
        parsed.digest,
        at
    ])?;
    let out =
        Applied { refused: parsed.refused, issues: std::mem::take(&mut parsed.issues), ..Applied::default() };
    let mut work = Work {
        db,
        message,
        source,
        mid,
        at,
        received,
        out,
        times: Times::default(),
        patients: Vec::new(),
        pending: BTreeMap::new(),
        numbers: HashMap::new(),
        labels: Labels::default(),
        unmet: false,
        concerned: BTreeSet::new(),
        held: Vec::new(),
    };
    if first == 0 {
        work.out.repeated = true;
        work.out.unchanged = parsed.entries.len() as u64;
        work.concerned.extend(parsed.entries.iter().map(Incoming::patient));
    } else {
        if parsed.unresolved > 0 {
            work.resolve(&mut parsed.entries)?;
        }
        work.tell_apart(&mut parsed.entries)?;
        work.unmet =
            db.prepare_cached("SELECT EXISTS(SELECT 1 FROM unmet)")?.query_row([], |row| row.get(0))?;
        work.times = parsed
            .times
            .take()
            .unwrap_or_else(|| Times::of(parsed.entries.iter().map(|e| (&e.key, &e.resource))));
        // Patients first: whom the rest is about must be known.
        let (people, rest): (Vec<_>, Vec<_>) =
            parsed.entries.into_iter().partition(|e| e.key.kind == "Patient");
        for incoming in people.into_iter().chain(rest) {
            work.take(incoming)?;
        }
        work.index()?;
        work.identify()?;
        work.supersede()?;
        work.notices()?;
    }
    work.finish()
}

/// Whether exactly these bundles of a message were applied before.
pub(crate) fn is_applied(db: &Connection, bundles: &[&[u8]], message: &SourceMessage) -> Result<bool> {
    let mut find = db.prepare_cached(
        "SELECT 1 FROM source s JOIN message m ON m.source=s.source JOIN applied a ON a.mid=m.mid
         WHERE s.system=?1 AND s.code=?2 AND s.adapter=?3 AND m.id=?4 AND a.digest=?5",
    )?;
    Ok(find.exists(params![
        message.sender_system,
        message.sender_code,
        message.adapter,
        message.message,
        bundle::digest(bundles)
    ])?)
}

fn source_row(db: &Connection, message: &SourceMessage) -> Result<i64> {
    let (sector, telling) = (message.sector.code(), message.telling.code());
    db.prepare_cached(
        "INSERT INTO source(system, code, adapter, sector, telling) VALUES(?1,?2,?3,?4,?5)
         ON CONFLICT DO UPDATE SET sector=?4, telling=?5 WHERE sector<>?4 OR telling<>?5",
    )?
    .execute(params![message.sender_system, message.sender_code, message.adapter, sector, telling])?;
    let key = params![message.sender_system, message.sender_code, message.adapter];
    let mut find =
        db.prepare_cached("SELECT source FROM source WHERE system=?1 AND code=?2 AND adapter=?3")?;
    Ok(find.query_row(key, |row| row.get(0))?)
}

fn message_row(db: &Connection, message: &SourceMessage, source: i64, received: i64) -> Result<i64> {
    db.prepare_cached("INSERT OR IGNORE INTO message(id, source, name, received) VALUES(?1,?2,?3,?4)")?
        .execute(params![message.message, source, message.sender_name, received])?;
    let mut find = db.prepare_cached("SELECT mid FROM message WHERE id=?1 AND source=?2")?;
    Ok(find.query_row(params![message.message, source], |row| row.get(0))?)
}

/// What was made of a resource before, or is made of it now.
fn kept_or_made(kept: Option<Kept>, key: &Key, resource: &Map<String, Value>) -> Result<Kept> {
    kept.map_or_else(|| Kept::of(&key.kind, resource), Ok)
}

impl Work<'_> {
    fn issue(&mut self, severity: Severity, code: IssueCode, rule: &'static str, text: &'static str) {
        if self.out.issues.len() < limits::ISSUES_MAX {
            self.out.issues.push(Issue::new(severity, code, rule, text));
        } else {
            self.out.issues_left_out += 1;
        }
    }

    /// Resolves references to what another bundle told: a `urn:uuid:` is the id of its resource.
    fn resolve(&mut self, entries: &mut [Incoming]) -> Result<()> {
        let mut find = self.db.prepare_cached("SELECT type FROM resource WHERE id=?1 LIMIT 2")?;
        let mut failure = None;
        let mut unresolved = 0;
        let mut resolve = |text: &mut String| {
            let Some(id) = text.strip_prefix(URN) else { return true };
            let rows = find.query_map([id], |row| row.get::<_, String>(0));
            match rows.and_then(|rows| rows.collect::<rusqlite::Result<Vec<_>>>()) {
                Ok(kinds) => match kinds.as_slice() {
                    [kind] => {
                        *text = format!("{kind}/{id}");
                        true
                    }
                    _ => false,
                },
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        };
        for value in entries.iter_mut().flat_map(|e| e.resource.values_mut()) {
            unresolved += each_reference(value, &mut resolve);
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
        if unresolved > 0 {
            self.issue(
                Severity::Warning,
                IssueCode::NotFound,
                "reference-unresolved",
                "references of the bundle lead to nothing that is known; they were kept as they are",
            );
        }
        Ok(())
    }

    /// Whom the message is about where its source told somebody else under the same id before: see
    /// [`crate::identity`]. That one's Patient, and what the bundle tells of them, gets the id that the record keeps
    /// for them.
    fn tell_apart(&mut self, entries: &mut [Incoming]) -> Result<()> {
        let mut told: HashMap<String, Known> = HashMap::new();
        let mut others: HashMap<(usize, String), String> = HashMap::new();
        let people = entries.iter().filter(|e| e.key.kind == "Patient" && !e.delete);
        for entry in people {
            let identifiers = identity::identifiers_of(&entry.resource);
            let now = identity::known_of(&entry.resource, &identifiers);
            let at = entry.event.unwrap_or(self.received).min(self.received);
            if let Some(id) = self.id_of(&entry.key.id, &now, at, &told)? {
                others.insert((entry.bundle, entry.key.id.clone()), id.clone());
                told.insert(id, now);
            } else {
                told.insert(entry.key.id.clone(), now);
            }
        }
        let any_known: bool =
            self.db.prepare_cached("SELECT EXISTS(SELECT 1 FROM alias)")?.query_row([], |r| r.get(0))?;
        if others.is_empty() && !any_known {
            return Ok(());
        }
        for entry in entries {
            let mut patient = entry.patient();
            if entry.key.kind == "Provenance" {
                patient.clear();
            }
            let bundle = entry.bundle;
            if !patient.is_empty()
                && !told.contains_key(&patient)
                && !others.contains_key(&(bundle, patient.clone()))
                && let Some(latest) = people::aliases(self.db, &patient)?.into_iter().next()
                && latest != patient
            {
                others.insert((bundle, patient), latest);
            }
            if entry.key.kind == "Patient"
                && let Some(id) = others.get(&(bundle, entry.key.id.clone()))
            {
                entry.resource.insert("id".to_owned(), Value::String(id.clone()));
                entry.key.id.clone_from(id);
                entry.is_changed();
            }
            if others.is_empty() {
                continue;
            }
            let mut changed = 0;
            for value in entry.restored()?.values_mut() {
                changed += each_reference(value, &mut |text| match text
                    .strip_prefix("Patient/")
                    .and_then(|id| others.get(&(bundle, id.to_owned())))
                {
                    Some(other) => {
                        *text = format!("Patient/{other}");
                        false
                    }
                    None => true,
                });
            }
            if changed > 0 {
                entry.is_changed();
            }
        }
        Ok(())
    }

    /// The id under which the record keeps whom a message tells under a Patient's id, where it is not that one.
    fn id_of(
        &mut self,
        patient: &str,
        now: &Known,
        at: i64,
        told: &HashMap<String, Known>,
    ) -> Result<Option<String>> {
        let known = |id: &str| -> Result<Option<Known>> {
            Ok(match told.get(id) {
                Some(known) => Some(known.clone()),
                None => self.db.known(id)?,
            })
        };
        let Some(first) = known(patient)? else { return Ok(None) };
        let aliases = people::aliases(self.db, patient)?;
        if aliases.is_empty() && !first.is_someone_else(now) {
            return Ok(None);
        }
        let standing = self.standing(&Key::new("Patient", patient))?;
        if let Some(standing) = &standing
            && standing.source != self.source
            && !self.is_same_sender(standing.source)?
        {
            return Ok(None);
        }
        // Who was told of last comes first: a message that tells nothing to compare is about them.
        let mut chosen = None;
        for id in &aliases {
            if known(id)?.is_none_or(|known| !known.is_someone_else(now)) {
                chosen = Some(id.clone());
                break;
            }
        }
        let new = chosen.is_none();
        let number = aliases.iter().filter(|id| *id != patient).count() + 1;
        let id = chosen.unwrap_or_else(|| identity::alias_id(patient, number));
        if new {
            let first_at = standing.map_or(at, |s| s.event.unwrap_or(s.received));
            people::use_alias(self.db, patient, patient, first_at)?;
            self.held.push((patient.to_owned(), id.clone()));
        }
        people::use_alias(self.db, patient, &id, at)?;
        Ok((id != patient).then_some(id))
    }

    fn standing(&self, key: &Key) -> Result<Option<Standing>> {
        let mut find = self.db.prepare_cached(
            "SELECT r.rid, r.source, r.patient, r.version, r.last, r.state, m.received, v.event, v.digest
             FROM resource r JOIN version v ON v.rid=r.rid AND v.version=r.version JOIN message m ON m.mid=v.mid
             WHERE r.type=?1 AND r.id=?2",
        )?;
        let row = find.query_row([&key.kind, &key.id], |row| {
            Ok(Standing {
                rid: row.get(0)?,
                source: row.get(1)?,
                patient: row.get(2)?,
                version: row.get(3)?,
                last: row.get(4)?,
                state: row.get(5)?,
                received: row.get(6)?,
                event: row.get(7)?,
                digest: row.get(8)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Takes one resource in, or refuses it.
    fn take(&mut self, incoming: Incoming) -> Result<()> {
        let Incoming { key, resource, outline, delete, event, kept, .. } = incoming;
        // A clock that runs ahead must not keep later news out.
        let event = event.map(|at| at.min(self.received));
        let standing = self.standing(&key)?;
        if let Some(known) = &standing
            && known.source != self.source
            && !self.is_same_sender(known.source)?
        {
            self.out.refused += 1;
            self.issue(
                Severity::Error,
                IssueCode::Conflict,
                "owned-by-another-source",
                "a resource with this id was told by another organisation, so it was not changed",
            );
            return Ok(());
        }
        if delete {
            return self.delete(key, standing, event);
        }
        let mut outline = outline.unwrap_or_else(|| self.outline(&key, &resource));
        let (mut patient, named) = (std::mem::take(&mut outline.patient), outline.named.take());
        if let Some(named) = &named {
            let own = standing.as_ref().map_or("", |known| known.patient.as_str());
            patient = logical::patient(self.db, named, own)?.unwrap_or_default();
        }
        if !patient.is_empty() {
            self.concerned.insert(patient.clone());
        }
        let waits = named.filter(|_| patient.is_empty()).map(|named| (key.clone(), named));
        match standing {
            None => self.create(key, patient, (resource, outline), kept, event)?,
            Some(known) => self.update(key, patient, (resource, outline), kept, known, event)?,
        }
        if let Some((key, named)) = waits
            && let Some(standing) = self.standing(&key)?
        {
            logical::wait(self.db, standing.rid, &named)?;
        }
        Ok(())
    }

    fn is_same_sender(&self, source: i64) -> Result<bool> {
        let mut find = self.db.prepare_cached(
            "SELECT 1 FROM source a JOIN source b ON a.system=b.system AND a.code=b.code
             WHERE a.source=?1 AND b.source=?2",
        )?;
        Ok(find.exists([source, self.source])?)
    }

    fn outline(&self, key: &Key, resource: &Map<String, Value>) -> Outline {
        Outline::of(key, resource, self.message.sector, &self.times)
    }

    fn create(
        &mut self,
        key: Key,
        patient: String,
        (resource, outline): (Map<String, Value>, Outline),
        kept: Option<Kept>,
        event: Option<i64>,
    ) -> Result<()> {
        let late = self.is_behind_snapshot(&key.kind, &patient)?;
        let state = if late { "late" } else { "told" };
        let Outline { withdrawn, place, tags, rows, .. } = outline;
        let labels = self.labels.number(self.db, tags)?;
        self.db
            .prepare_cached(
                "INSERT INTO resource(type, id, source, patient, version, last, state, withdrawn, updated, part, low,
                   elsewhere, labels)
                 VALUES(?1,?2,?3,?4,1,1,?5,?6,?7,?8,?9,?10,?11)",
            )?
            .execute(params![
                key.kind, key.id, self.source, patient, state, withdrawn, self.at, place.part, place.low,
                place.elsewhere, labels
            ])?;
        let rid = self.db.last_insert_rowid();
        let reference = key.reference();
        if self.unmet {
            links::met(self.db, &reference, rid)?;
        }
        self.numbers.insert(reference, rid);
        let kept = kept_or_made(kept, &key, &resource)?;
        self.add_version(rid, 1, state, event, &kept)?;
        if late {
            self.out.late.push(key);
            return Ok(());
        }
        self.is_told(rid, &key, resource, Pending { patient, rows });
        self.out.created.push(key);
        Ok(())
    }

    /// Notes a version that stands now: it is indexed when all of the message are numbered.
    fn is_told(&mut self, rid: i64, key: &Key, resource: Map<String, Value>, pending: Pending) {
        if key.kind == "Patient" {
            self.patients.push((key.id.clone(), rid, resource));
        }
        self.pending.insert(rid, pending);
    }

    /// Writes the index rows of what the message told.
    fn index(&mut self) -> Result<()> {
        let mut writer = index::Writer::new(self.db, std::mem::take(&mut self.numbers))?;
        for (rid, Pending { patient, rows }) in std::mem::take(&mut self.pending) {
            writer.write(rid, &patient, &rows)?;
        }
        Ok(())
    }

    fn update(
        &mut self,
        key: Key,
        patient: String,
        (mut resource, mut outline): (Map<String, Value>, Outline),
        mut kept: Option<Kept>,
        known: Standing,
        event: Option<i64>,
    ) -> Result<()> {
        let rid = known.rid;
        self.numbers.insert(key.reference(), rid);
        if self.is_late(&known, event) {
            return self.take_late(key, &resource, kept, &known, event);
        }
        if policy::is_partial_update(&key.kind, self.message.telling)
            && let Some(content) = self.content(rid, known.version)?
        {
            kept = None;
            resource = policy::overlay(content, resource);
            outline = self.outline(&key, &resource);
        }
        let kept = kept_or_made(kept, &key, &resource)?;
        if known.state == "told" && known.digest.as_deref() == Some(kept.digest.as_slice()) {
            self.mention(rid)?;
            self.out.unchanged += 1;
            return Ok(());
        }
        if known.patient != patient && !known.patient.is_empty() {
            self.issue(
                Severity::Warning,
                IssueCode::Conflict,
                "subject-changed",
                "the source now says that a fact is about another Patient than before",
            );
            self.concerned.insert(known.patient);
        }
        let Outline { withdrawn, place, tags, rows, .. } = outline;
        let labels = self.labels.number(self.db, tags)?;
        let version = known.last + 1;
        self.add_version(rid, version, "told", event, &kept)?;
        index::clear(self.db, rid)?;
        self.db
            .prepare_cached(
                "UPDATE resource SET source=?2, patient=?3, version=?4, last=?4, state='told', withdrawn=?5,
                 updated=?6, part=?7, low=?8, elsewhere=?9, labels=?10 WHERE rid=?1",
            )?
            .execute(params![
                rid,
                self.source,
                patient,
                version,
                withdrawn,
                self.at,
                place.part,
                place.low,
                place.elsewhere,
                labels
            ])?;
        self.is_told(rid, &key, resource, Pending { patient, rows });
        self.out.updated.push(key);
        Ok(())
    }

    /// Keeps what an older message told after a newer one: in the history, unless it is known already.
    fn take_late(
        &mut self,
        key: Key,
        resource: &Map<String, Value>,
        kept: Option<Kept>,
        known: &Standing,
        event: Option<i64>,
    ) -> Result<()> {
        let kept = kept_or_made(kept, &key, resource)?;
        let mut find = self.db.prepare_cached("SELECT 1 FROM version WHERE rid=?1 AND digest=?2")?;
        if find.exists(params![known.rid, kept.digest])? {
            self.mention(known.rid)?;
            self.out.unchanged += 1;
            return Ok(());
        }
        let version = known.last + 1;
        self.add_version(known.rid, version, "late", event, &kept)?;
        self.db
            .prepare_cached("UPDATE resource SET last=?2 WHERE rid=?1")?
            .execute(params![known.rid, version])?;
        self.out.late.push(key);
        Ok(())
    }

    /// Whether a later state is known: by the time of the event where both tell it, else by when the exchange received
    /// them.
    fn is_late(&self, known: &Standing, event: Option<i64>) -> bool {
        match (known.event, event) {
            (Some(then), Some(now)) if then != now => then > now,
            _ => known.received > self.received,
        }
    }

    fn delete(&mut self, key: Key, standing: Option<Standing>, event: Option<i64>) -> Result<()> {
        match standing {
            Some(known) if known.state == "told" && !self.is_late(&known, event) => {
                self.pending.remove(&known.rid);
                self.end(known.rid, known.last, "deleted")?;
                self.concerned.insert(known.patient);
                self.out.updated.push(key);
            }
            _ => self.out.unchanged += 1,
        }
        Ok(())
    }

    /// Ends a resource: a version without content, out of every index.
    fn end(&self, rid: i64, last: i64, state: &str) -> Result<()> {
        self.db
            .prepare_cached("INSERT INTO version(rid, version, state, at, mid) VALUES(?1,?2,?3,?4,?5)")?
            .execute(params![rid, last + 1, state, self.at, self.mid])?;
        self.db
            .prepare_cached("UPDATE resource SET version=?2, last=?2, state=?3, updated=?4 WHERE rid=?1")?
            .execute(params![rid, last + 1, state, self.at])?;
        self.mention(rid)?;
        index::clear(self.db, rid)
    }

    fn add_version(
        &self,
        rid: i64,
        version: i64,
        state: &str,
        event: Option<i64>,
        kept: &Kept,
    ) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT INTO version(rid, version, state, at, mid, digest, content, event) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
            )?
            .execute(params![rid, version, state, self.at, self.mid, kept.digest, kept.text, event])?;
        self.mention(rid)
    }

    fn mention(&self, rid: i64) -> Result<()> {
        self.db.prepare_cached("INSERT OR IGNORE INTO mention VALUES(?1,?2)")?.execute([rid, self.mid])?;
        Ok(())
    }

    fn content(&self, rid: i64, version: i64) -> Result<Option<Map<String, Value>>> {
        let mut find = self.db.prepare_cached("SELECT content FROM version WHERE rid=?1 AND version=?2")?;
        let text: Option<Text> = find.query_row([rid, version], |row| row.get(0))?;
        Ok(match text {
            Some(text) => Some(serde_json::from_str(&text.0)?),
            None => None,
        })
    }

    /// Persons of the Patients that changed.
    fn identify(&mut self) -> Result<()> {
        let who = Who { at: self.at, actor: "record", message: &self.message.message };
        let mut act = Act::new(self.db, who);
        for (patient, rid, map) in std::mem::take(&mut self.patients) {
            let identifiers = act.refresh(&patient, rid, &map)?;
            logical::attach(self.db, &identifiers)?;
        }
        for (patient, alias) in std::mem::take(&mut self.held) {
            act.hold_apart(&patient, &alias)?;
        }
        let room = limits::ISSUES_MAX.saturating_sub(self.out.issues.len());
        self.out.issues_left_out += act.issues.len().saturating_sub(room) as u64;
        self.out.issues.extend(act.issues.into_iter().take(room));
        Ok(())
    }

    /// Whether a later whole record of this source and Patient is known: what only the older one holds has
    /// been taken out.
    fn is_behind_snapshot(&self, kind: &str, patient: &str) -> Result<bool> {
        if patient.is_empty() || self.message.telling != Telling::Whole || !policy::can_be_superseded(kind) {
            return Ok(false);
        }
        let mut find = self
            .db
            .prepare_cached("SELECT 1 FROM snapshot WHERE source=?1 AND patient=?2 AND received>?3")?;
        Ok(find.exists(params![self.source, patient, self.received])?)
    }

    /// Ends what an older whole record of the same source and person held and this one does not.
    fn supersede(&mut self) -> Result<()> {
        if self.message.telling != Telling::Whole {
            return Ok(());
        }
        for patient in self.concerned.clone() {
            if self.is_behind_snapshot("", &patient)? {
                continue;
            }
            self.db
                .prepare_cached("INSERT OR REPLACE INTO snapshot VALUES(?1,?2,?3,?4)")?
                .execute(params![self.source, patient, self.mid, self.received])?;
            if self.message.partial {
                continue;
            }
            for (rid, last, key) in self.absent(&patient)? {
                self.end(rid, last, "superseded")?;
                self.out.superseded.push(key);
            }
        }
        Ok(())
    }

    fn absent(&self, patient: &str) -> Result<Vec<(i64, i64, Key)>> {
        let mut list = self.db.prepare_cached(
            "SELECT r.rid, r.last, r.type, r.id FROM resource r INDEXED BY resource_patient
             WHERE r.patient IN (
               SELECT ?1 UNION
               SELECT b.patient FROM member a JOIN member b ON b.pid=a.pid WHERE a.patient=?1)
             AND r.source=?2 AND r.state='told'
             AND NOT EXISTS (SELECT 1 FROM mention n WHERE n.rid=r.rid AND n.mid=?3)
             ORDER BY r.rid",
        )?;
        let rows = list.query_map(params![patient, self.source, self.mid], |row| {
            Ok((row.get(0)?, row.get(1)?, Key { kind: row.get(2)?, id: row.get(3)? }))
        })?;
        let all: Vec<(i64, i64, Key)> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(all.into_iter().filter(|(_, _, key)| policy::can_be_superseded(&key.kind)).collect())
    }

    /// Keeps whom the message told of, and what it says of them.
    fn notices(&self) -> Result<()> {
        for patient in self.concerned.iter().filter(|p| !p.is_empty()) {
            self.db
                .prepare_cached("INSERT OR IGNORE INTO concerned(mid, patient) VALUES(?1,?2)")?
                .execute(params![self.mid, patient])?;
            for notice in &self.message.notices {
                self.db
                    .prepare_cached(
                        "INSERT OR IGNORE INTO notice(mid, patient, code, text) VALUES(?1,?2,?3,?4)",
                    )?
                    .execute(params![self.mid, patient, notice.code, notice.text])?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Applied> {
        let mut unknown = false;
        let mut persons = BTreeSet::new();
        for patient in self.concerned.iter().filter(|p| !p.is_empty()) {
            match people::person_of(self.db, patient)? {
                Some(person) => drop(persons.insert(person)),
                None => unknown = true,
            }
        }
        if unknown {
            self.issue(
                Severity::Warning,
                IssueCode::NotFound,
                "subject-unknown",
                "something is told of a Patient that no message has described yet; it is kept and will be shown then",
            );
        }
        self.out.persons = persons.into_iter().collect();
        Ok(self.out)
    }
}
