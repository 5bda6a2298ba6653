//! The record in SQLite: one file, one writer, readers apart. What is decided is decided by the rules beside this
//! room; here is what they ask and change.

mod apply;
mod checkpoint;
mod ending;
mod everything;
mod index;
mod labels;
mod links;
mod logical;
mod people;
mod person;
mod read;
mod schema;
mod sealing;
mod search;
mod snapshot;
mod summary;
mod text;
mod view;

pub use ending::{DueRecords, Outlived, Waited};
pub use everything::{TextEntry, Texts, Written};
pub use sealing::{MessageTold, copy, decisions_of_people, digest_of, due, examine, told};
pub use snapshot::{Place, Snapshot, Told};
pub use view::View;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_core::Sector;
use causeway_seal::Finding;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use serde_json::Value;

#[cfg(doc)]
use crate::error::RecordError;
use crate::error::Result;
use crate::identity::Act;
use crate::model::{
    Answer, Applied, Decision, Delivery, Figures, HistoryPage, HistoryQuery, Origin, PersonQuery, PersonRow,
    PersonView, Review, SearchOptions, SearchPage, SourceMessage, Sources, Version,
};
use crate::summary::{Show, Summary, SummaryQuery};
use crate::tables::Who;
use crate::{bundle, limits};

use checkpoint::Checkpointer;

/// The integrated record in one SQLite file. Thread-safe: calls that change it take turns, readers see the
/// last committed state and wait for nobody. Every change is one transaction that is flushed before the call
/// returns; a process that is killed leaves the record as before or as after the call.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    // Closed in this order: the writer as the last takes the log away.
    checkpointer: Checkpointer,
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
    /// Seals of the pages, where the data have a key. After the connections: closing any handle of a file gives up all
    /// locks that the process has on it (POSIX), and this holds one.
    seals: Option<sealing::Seals>,
}

/// The bundles of one message, read: what applying them needs no database for.
#[derive(Debug)]
pub struct Prepared(Result<bundle::Parsed>);

impl Prepared {
    /// Reads bundles; those that can't be read are refused when they are applied.
    pub fn of(bundles: &[&[u8]]) -> Self {
        Self(bundle::parse_all(bundles))
    }

    /// The same of bundles that were read before, with their bytes.
    pub fn of_read(read: Vec<Value>, bundles: &[&[u8]]) -> Self {
        Self(bundle::read_all(read, bundle::digest(bundles)))
    }

    /// Makes what the record asks of each resource of a source of this sector: else the one who applies it does.
    #[must_use]
    pub fn outlined(mut self, sector: Sector) -> Self {
        if let Ok(parsed) = &mut self.0 {
            parsed.outline(sector);
        }
        self
    }

    /// Ids of the resources of this type that they tell.
    #[must_use]
    pub fn ids(&self, kind: &str) -> Vec<String> {
        let entries = self.0.as_ref().map(|parsed| parsed.entries.as_slice()).unwrap_or_default();
        entries.iter().filter(|e| e.key.kind == kind && !e.delete).map(|e| e.key.id.clone()).collect()
    }
}

fn configure(db: &Connection) -> Result<()> {
    db.busy_timeout(Duration::from_millis(limits::BUSY_MILLIS))?;
    db.set_prepared_statement_cache_capacity(limits::STATEMENTS_KEPT);
    // Else SQLite may compile a kept statement anew for each value that is bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;")?;
    Ok(())
}

/// A lock, also after a panic elsewhere: an open transaction was rolled back when it was dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The function by which a search evaluates a parameter over a resource.
fn search_functions(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("fhir_match", 5, flags, |call| {
        let text = |at: usize| call.get_raw(at).as_str_or_null().map(Option::unwrap_or_default);
        let Some(resource) = call.get::<Option<text::Text>>(0)? else { return Ok(false) };
        Ok(search::matches(&resource.0, text(1)?, text(2)?, text(3)?, text(4)?))
    })
}

impl Record {
    /// Opens the record, makes the file where there is none and brings its schema up to date.
    ///
    /// # Errors
    /// The file can't be opened or was written by a newer version of the program.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let key = sealing::key(&path)?;
        let found = sealing::before_open(&path, key.as_ref())?;
        let mut db = Connection::open(&path)?;
        configure(&db)?;
        db.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
        // What is deleted is overwritten: retention and erasure leave no text in free pages.
        db.execute_batch("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;")?;
        // Of sealed data the log is copied back after its pages are sealed only.
        let pages = if key.is_some() { 0 } else { limits::CHECKPOINT_PAGES * limits::CHECKPOINT_LOG_TIMES };
        db.query_row(&format!("PRAGMA wal_autocheckpoint={pages}"), [], |_| Ok(()))?;
        db.query_row(&format!("PRAGMA journal_size_limit={}", limits::JOURNAL_BYTES), [], |_| Ok(()))?;
        schema::migrate(&mut db)?;
        let seals = sealing::Seals::open(&path, key, found, &db)?;
        let checkpointer = Checkpointer::start(&path, seals.as_ref().map(sealing::Seals::sealer))?;
        Ok(Self { path, checkpointer, writer: Mutex::new(db), readers: Mutex::new(Vec::new()), seals })
    }

    /// One transaction that writes.
    fn write<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut db = lock(&self.writer);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let out = f(&tx)?;
        tx.commit()?;
        self.checkpointer.after_commit(&db);
        Ok(out)
    }

    /// A connection of its own without a transaction (a copy can't be made within one).
    fn read_plain<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let db = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        configure(&db)?;
        f(&db)
    }

    /// One consistent view for reading.
    fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let kept = lock(&self.readers).pop();
        let mut db = match kept {
            Some(db) => db,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let db = Connection::open_with_flags(&self.path, flags)?;
                configure(&db)?;
                search_functions(&db)?;
                db
            }
        };
        let tx = db.transaction()?;
        let out = f(&tx);
        tx.finish()?;
        let mut readers = lock(&self.readers);
        if readers.len() < limits::READERS_KEPT {
            readers.push(db);
        }
        out
    }

    /// What was found to be damaged when the record was opened.
    #[must_use]
    pub fn found_at_open(&self) -> &[Finding] {
        self.seals.as_ref().map_or(&[], sealing::Seals::found)
    }

    /// Reads the whole record and says what is not as it was written.
    ///
    /// # Errors
    /// The record can't be read at all.
    pub fn examine(&self) -> Result<Vec<Finding>> {
        let pages = self.seals.as_ref().map_or(Ok(Vec::new()), sealing::Seals::examine)?;
        self.read(|db| sealing::contents(db, pages))
    }

    /// Every message that the record holds something of, in the order of their ids.
    ///
    /// # Errors
    /// The database failed.
    pub fn messages(&self) -> Result<Vec<MessageTold>> {
        self.read(sealing::messages)
    }

    /// A consistent copy of the record into a file that does not exist yet, while others read and write.
    ///
    /// # Errors
    /// The database failed.
    pub fn copy_to(&self, file: &Path) -> Result<()> {
        self.read_plain(|db| sealing::copy_to(db, file))
    }

    /// Copies the write-ahead log back and empties it, so that no earlier text of a page is left in it.
    ///
    /// # Errors
    /// The database failed, or a reader held the log for longer than it is waited for.
    pub fn empty_log(&self) -> Result<()> {
        let db = lock(&self.writer);
        sealing::empty_log(self.seals.as_ref(), &db)
    }

    /// Persons of whom no message told anything since a time, and facts that wait for a person since then: what retention would
    /// do. What a message in `held` told stays.
    ///
    /// # Errors
    /// The database failed.
    pub fn due(&self, before: Timestamp, held: &std::collections::BTreeSet<String>) -> Result<DueRecords> {
        self.read(|db| ending::due(db, before, held))
    }

    /// Ends a person's record: every text told of the person is deleted, from every version and index. `false` where there is
    /// no such person any more, or a message told of it since `before`. Earlier pages stay in the write-ahead log until
    /// [`Record::empty_log`].
    ///
    /// # Errors
    /// The database failed; nothing was changed then.
    pub fn end_person(&self, person: &str, before: Timestamp, now: Timestamp) -> Result<bool> {
        self.write(|db| ending::end(db, person, before, now))
    }

    /// As [`Record::end_person`], for a fact that waits for a person. `false` where it waits no more, or a message told it since.
    ///
    /// # Errors
    /// The database failed; nothing was changed then.
    pub fn end_waited(&self, fact: &Waited, before: Timestamp, now: Timestamp) -> Result<bool> {
        self.write(|db| ending::end_waited(db, fact, before, now))
    }

    /// A digest over what the record says and who is who in it, by what its sources called things: two records made of the
    /// same messages have the same, whichever order they were made in.
    ///
    /// # Errors
    /// The database failed.
    pub fn digest(&self) -> Result<[u8; 32]> {
        self.read(sealing::digest)
    }

    /// Applies one bundle of a message. The same bundle of the same message again changes nothing. See
    /// [`Record::apply_all`].
    ///
    /// # Errors
    /// The bytes are no bundle, or the database failed; nothing was changed then.
    pub fn apply(&self, bundle: &[u8], source: &SourceMessage, now: Timestamp) -> Result<Applied> {
        self.apply_all(&[bundle], source, now)
    }

    /// Whether exactly these bundles, applied together, of this message are in the record: without reading them. A
    /// message that is applied in several calls goes on after an interruption where this says no.
    ///
    /// # Errors
    /// The database failed.
    pub fn is_applied(&self, bundles: &[&[u8]], source: &SourceMessage) -> Result<bool> {
        self.read(|db| apply::is_applied(db, bundles, source))
    }

    /// Applies the bundles of one message in one transaction: use this where a message makes several bundles
    /// that together are one whole record (a GP extract), as superseding looks at all of them.
    ///
    /// `urn:uuid:` references become `Type/id`. A resource whose content is the same makes no new version.
    /// A resource that cannot be taken in is refused with an issue and the others go on.
    ///
    /// # Errors
    /// One of them is no bundle, or the database failed; nothing was changed then.
    pub fn apply_all(&self, bundles: &[&[u8]], source: &SourceMessage, now: Timestamp) -> Result<Applied> {
        let parsed = bundle::parse_all(bundles)?;
        self.write(|db| apply::apply(db, parsed, source, now))
    }

    /// Applies several messages in one flushed transaction, each as [`Record::apply_all`] would: what one of
    /// them can't be does not touch the others. For throughput, as the flush is shared.
    ///
    /// # Errors
    /// The database failed; nothing was changed then.
    pub fn apply_many(&self, deliveries: &[Delivery<'_>], now: Timestamp) -> Result<Vec<Result<Applied>>> {
        self.apply_prepared(deliveries.iter().map(|d| (Prepared::of(d.bundles), d.source)).collect(), now)
    }

    /// [`Record::apply_many`] of bundles that were read before: while one window is written, the next is read beside it.
    ///
    /// # Errors
    /// The database failed; nothing was changed then.
    pub fn apply_prepared(
        &self,
        deliveries: Vec<(Prepared, &SourceMessage)>,
        now: Timestamp,
    ) -> Result<Vec<Result<Applied>>> {
        self.write(|db| {
            let one = |(prepared, source): (Prepared, &SourceMessage)| match prepared.0 {
                Ok(parsed) => apply::apply(db, parsed, source, now).map(Ok),
                Err(error) => Ok(Err(error)),
            };
            deliveries.into_iter().map(one).collect()
        })
    }

    /// A resource as it stands; its state says where it was superseded or deleted. `None` where there never
    /// was one.
    ///
    /// # Errors
    /// The database failed.
    pub fn read_resource(&self, kind: &str, id: &str) -> Result<Option<Version>> {
        self.read(|db| read::referred(db, read::current(db, kind, id)?))
    }

    /// The Patients of a person, by the person's id or that of one of them, the displayed one first. `None` where there is
    /// no such person. [`crate::golden`] makes one Patient of them.
    ///
    /// # Errors
    /// The database failed.
    pub fn sources(&self, person_or_patient: &str) -> Result<Option<Sources>> {
        self.read(|db| match people::whose(db, person_or_patient)? {
            Some(pid) => person::sources(db, pid).map(Some),
            None => Ok(None),
        })
    }

    /// Versions of a type, or of everything, newest first, in the order in which they were taken in.
    ///
    /// # Errors
    /// The database failed.
    pub fn history_of_all(&self, query: &HistoryQuery, base: &str) -> Result<HistoryPage> {
        self.read(|db| read::history_of_all(db, query, base))
    }

    /// One version of a resource.
    ///
    /// # Errors
    /// The database failed.
    pub fn vread(&self, kind: &str, id: &str, version: u32) -> Result<Option<Version>> {
        self.read(|db| read::referred(db, read::version(db, kind, id, version)?))
    }

    /// Every version of a resource, newest first; empty where there never was one.
    ///
    /// # Errors
    /// The database failed.
    pub fn history(&self, kind: &str, id: &str) -> Result<Vec<Version>> {
        self.read(|db| read::history(db, kind, id))
    }

    /// The history as a FHIR Bundle of type `history`; `None` where there never was such a resource.
    ///
    /// # Errors
    /// The database failed.
    pub fn history_bundle(&self, kind: &str, id: &str, base: &str) -> Result<Option<Value>> {
        self.read(|db| read::history_bundle(db, kind, id, base))
    }

    /// Every message that told or confirmed a resource, first the one that made its standing version.
    ///
    /// # Errors
    /// The database failed.
    pub fn origin(&self, kind: &str, id: &str) -> Result<Vec<Origin>> {
        self.read(|db| read::origin(db, kind, id))
    }

    /// A FHIR search. `params` as in the query, decoded, in order. `patient=` and `subject=` find what is
    /// told of the whole person whom that Patient belongs to, whichever source told it.
    ///
    /// # Errors
    /// A value can't be understood, or with [`SearchOptions::strict`] a parameter is not known.
    pub fn search(
        &self,
        kind: &str,
        params: &[(String, String)],
        options: &SearchOptions,
    ) -> Result<SearchPage> {
        self.read(|db| search::search(db, kind, params, options))
    }

    /// `Patient/[id]/$everything`: all that is told of the person whom the Patient belongs to, what that
    /// refers to, and the provenance. `None` where there is no such Patient.
    ///
    /// # Errors
    /// The database failed.
    pub fn everything(&self, patient: &str, base: &str) -> Result<Option<Value>> {
        self.everything_asked(patient, base, &[])
    }

    /// The part of it that parameters ask for: `_type`, `_since`, `start`, `end`, `_count`, `_page`; with links.
    ///
    /// # Errors
    /// [`RecordError::Search`] for a parameter that the operation doesn't have or a value that it can't have, or the
    /// database failed.
    pub fn everything_asked(
        &self,
        patient: &str,
        base: &str,
        asked: &[(String, String)],
    ) -> Result<Option<Value>> {
        self.read(|db| everything::everything_of_patient(db, patient, base, asked))
    }

    /// The same, to be written with [`Record::write_piece`]: for an answer of which nothing is withheld. `first`, an entry, is
    /// put before the others as one more match.
    ///
    /// # Errors
    /// As [`Record::everything_asked`].
    pub fn everything_written(
        &self,
        patient: &str,
        base: &str,
        asked: &[(String, String)],
        first: Option<&Value>,
    ) -> Result<Option<Written>> {
        self.read(|db| everything::written(db, patient, base, asked, first))
    }

    /// The next piece of a searchset: of `bytes`, the entry with which they are reached, and not more. Empty at its end. What
    /// is written are the versions that were found, whatever was taken in since; no transaction stays open between.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] where a version was erased since it was found, or the database failed.
    pub fn write_piece(&self, written: &mut Written, bytes: usize) -> Result<Vec<u8>> {
        self.read(|db| everything::write_piece(db, written, bytes))
    }

    /// The same, by person, in the texts in which it is given out: for a reader who must be decided about first.
    ///
    /// # Errors
    /// The database failed.
    pub fn texts_of_person(&self, person: &str) -> Result<Option<Texts>> {
        self.read(|db| everything::texts_of_person(db, person))
    }

    /// Of a person the resources of these `types`, with those of the types `referred` that they refer to, and nothing else is
    /// read.
    ///
    /// # Errors
    /// The database failed.
    pub fn texts_of_types(&self, person: &str, types: &[&str], referred: &[&str]) -> Result<Option<Texts>> {
        self.read(|db| everything::texts_of_types(db, person, types, referred))
    }

    /// A person. `display` is one source's demographics whole: of the Patients that no merge replaced and no
    /// source calls inactive, those whose NHS number is verified come first, then those that have a valid
    /// number, and among these the most recently received.
    ///
    /// # Errors
    /// The database failed.
    pub fn person(&self, person: &str) -> Result<Option<PersonView>> {
        self.read(|db| person::view(db, person))
    }

    /// The person whom a Patient belongs to, or whose own Patient it is.
    ///
    /// # Errors
    /// The database failed.
    pub fn person_of(&self, patient: &str) -> Result<Option<String>> {
        self.read(|db| match people::whose(db, patient)? {
            Some(pid) => people::person_id(db, pid).map(Some),
            None => Ok(None),
        })
    }

    /// The Patients whom a message told of, up to `limit`: those that the record has taken in.
    ///
    /// # Errors
    /// The database failed.
    pub fn patients_of_message(&self, message: &str, limit: usize) -> Result<Vec<String>> {
        self.read(|db| people::of_message(db, message, limit))
    }

    /// A list of persons.
    ///
    /// # Errors
    /// The database failed.
    pub fn persons(&self, query: &PersonQuery) -> Result<Vec<PersonRow>> {
        self.read(|db| person::list(db, query))
    }

    /// What a page of the person shows: parts with their facts, the safety line, results by test, timeline, changes. What
    /// is read is bounded, whatever is stored; [`Part::older`](crate::Part::older) leads on.
    ///
    /// With `show`, each resource is as the reader may see it before anything is joined, counted or compared, so that
    /// nothing tells of what is withheld; the notices about messages ([`Summary::gaps`], [`Summary::sources`]) are the
    /// caller's to cut.
    ///
    /// # Errors
    /// The database failed.
    pub fn summary(&self, person: &str, query: &SummaryQuery, show: Show<'_>) -> Result<Option<Summary>> {
        self.read(|db| summary::summary(db, person, query, show))
    }

    /// Takes a Patient out of its person (a merge or a match was wrong). It becomes a person of its own and
    /// is never joined again with those it was taken from, unless [`Record::merge`] says so.
    ///
    /// # Errors
    /// There is no such Patient, or it is alone already.
    pub fn unmerge(&self, patient: &str, reason: &str, actor: &str, now: Timestamp) -> Result<String> {
        self.decide(actor, now, |act| act.unmerge(patient, reason))
    }

    /// Joins the persons of two Patients because a user says that they are one. Gives the person.
    ///
    /// # Errors
    /// There is no such Patient, or they are one already.
    pub fn merge(
        &self,
        patient: &str,
        other: &str,
        reason: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<String> {
        self.decide(actor, now, |act| act.merge_by_user(patient, other, reason))
    }

    /// Identity decisions about a person, or about all where `person` is empty; newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn decisions(&self, person: &str, limit: usize) -> Result<Vec<Decision>> {
        self.read(|db| person::decisions(db, person, limit))
    }

    /// Reviews that are open, or all; oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn reviews(&self, open_only: bool, limit: usize) -> Result<Vec<Review>> {
        self.read(|db| person::reviews(db, open_only, limit))
    }

    /// What a user decides about who is who, in one transaction.
    fn decide<T>(
        &self,
        actor: &str,
        now: Timestamp,
        f: impl FnOnce(&mut Act<'_, Connection>) -> Result<T>,
    ) -> Result<T> {
        let who = Who { at: now.as_microsecond(), actor, message: "" };
        self.write(|db| f(&mut Act::new(db, who)))
    }

    /// One review.
    ///
    /// # Errors
    /// The database failed.
    pub fn review(&self, number: i64) -> Result<Option<Review>> {
        self.read(|db| person::review(db, number))
    }

    /// Answers an open review: joins the two, keeps them apart for good, or closes it.
    ///
    /// # Errors
    /// There is no such review that is open, or it names no two Patients where the answer needs them.
    pub fn answer_review(
        &self,
        number: i64,
        answer: Answer,
        reason: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.decide(actor, now, |act| act.answer(number, answer, reason))
    }

    /// Brings what a person decided about two Patients into a record that may lack it (made anew, or another broker's); `None`:
    /// the decision was taken back. Gives whether it lacked it.
    ///
    /// # Errors
    /// There is no such Patient, or the decision can't be carried out any more.
    pub fn settle(
        &self,
        patient: &str,
        other: &str,
        answer: Option<Answer>,
        reason: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<bool> {
        self.decide(actor, at, |act| act.settle(patient, other, answer, reason))
    }

    /// Takes the answer of a review back: what it joined is parted, what it kept apart may be joined again, and it is
    /// open again.
    ///
    /// # Errors
    /// There is no such review that was answered.
    pub fn undo_review(&self, number: i64, reason: &str, actor: &str, now: Timestamp) -> Result<()> {
        self.decide(actor, now, |act| act.undo(number, reason))
    }

    /// The FHIR types of which there is anything, with how many stand.
    ///
    /// # Errors
    /// The database failed.
    pub fn types(&self) -> Result<Vec<(String, u64)>> {
        self.read(read::types)
    }

    /// Figures of the whole record.
    ///
    /// # Errors
    /// The database failed.
    pub fn figures(&self) -> Result<Figures> {
        self.read(read::figures)
    }

    /// Lets a call read everybody as the record stood at one moment. Long calls keep the write-ahead log from being
    /// reused, not writers from writing.
    ///
    /// # Errors
    /// The database failed, or what the call returns.
    pub fn snapshot<T, E: From<crate::RecordError>>(
        &self,
        call: impl FnOnce(&Snapshot<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.read(|db| Ok(call(&Snapshot::new(db)))).map_err(E::from)?
    }
}

impl Drop for Record {
    /// What is committed is sealed and copied back.
    fn drop(&mut self) {
        lock(&self.readers).clear();
        self.checkpointer.end();
        if let Some(seals) = &self.seals {
            let db = lock(&self.writer);
            let _ = sealing::empty_log(Some(seals), &db);
        }
    }
}
