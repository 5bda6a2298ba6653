//! What is kept of people: what messages hold, and the integrated record. Nothing leaves it that is not closed: a message's
//! content by a [`crate::Disclosure`], a record by a [`Sealed`].
//!
//! ```compile_fail,E0616
//! fn forgetful(shelf: &causeway_access::Shelf) {
//!     let person = shelf.record.person("someone");
//! }
//! ```
//!
//! and what the shelf gives is closed:
//!
//! ```compile_fail,E0308
//! fn forgetful(shelf: &causeway_access::Shelf) -> Option<causeway_access::record::Version> {
//!     shelf.resource("Observation", "1").unwrap()
//! }
//! ```

use std::sync::Arc;

use axum::http::StatusCode;
use causeway_exchange::{Contents, MessageId};
use causeway_fhir::systems::NHS_NUMBER;
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::{Answer, Problem};
use causeway_record::{
    HistoryPage, HistoryQuery, PersonQuery, PersonRow, PersonView, Record, RecordError, Review,
    SearchOptions, SearchPage, Sources, Summary, SummaryQuery, Version, Written,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::meta::nhs_number_of;
use crate::sealed::{Case, Sealed, patient_of};

/// What is kept. Its calls block.
#[derive(Clone)]
pub struct Shelf {
    pub(crate) contents: Arc<dyn Contents>,
    pub(crate) record: Arc<Record>,
}

/// A step of a summary: a resource as the reader may see it.
pub type Shown<'s> = Option<&'s dyn Fn(Value) -> Option<Value>>;

impl Shelf {
    /// What an engine and a record hold.
    pub fn new(contents: Arc<dyn Contents>, record: Arc<Record>) -> Self {
        Self { contents, record }
    }

    /// The record for extracts (`research`), which puts each person's choices before what it reads and writes its entries
    /// first. The layers test refuses every other caller.
    pub fn record_for_research(&self) -> Arc<Record> {
        self.record.clone()
    }

    /// A resource as it stands.
    ///
    /// # Errors
    /// 503 where the record can't be read; so for every call here.
    pub fn resource(&self, kind: &str, id: &str) -> Answer<Sealed<Option<Version>>> {
        self.record.read_resource(kind, id).map(Sealed::new).map_err(record_problem)
    }

    /// One version of a resource.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn version(&self, kind: &str, id: &str, number: u32) -> Answer<Sealed<Option<Version>>> {
        self.record.vread(kind, id, number).map(Sealed::new).map_err(record_problem)
    }

    /// All versions of a resource, as a Bundle.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn history(&self, kind: &str, id: &str, base: &str) -> Answer<Sealed<Option<Value>>> {
        self.record.history_bundle(kind, id, base).map(Sealed::new).map_err(record_problem)
    }

    /// The history of a type or of everything, one page.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn history_of_all(&self, query: &HistoryQuery, base: &str) -> Answer<Sealed<HistoryPage>> {
        self.record.history_of_all(query, base).map(Sealed::new).map_err(record_problem)
    }

    /// Everything of the person whom a Patient belongs to, or whose id this is, as a Bundle; `asked`: parameters of `$everything`.
    ///
    /// # Errors
    /// As [`Shelf::resource`]; 400 where the record can't honour a parameter.
    pub fn everything(
        &self,
        patient: &str,
        base: &str,
        asked: &[(String, String)],
    ) -> Answer<Sealed<Option<Value>>> {
        self.record.everything_asked(patient, base, asked).map(Sealed::new).map_err(record_problem)
    }

    /// The same, to be written piece by piece with [`Shelf::write_piece`] after it is opened; `first`: an entry before the others.
    ///
    /// # Errors
    /// As [`Shelf::everything`].
    pub fn everything_written(
        &self,
        patient: &str,
        base: &str,
        asked: &[(String, String)],
        first: Option<&Value>,
    ) -> Answer<Sealed<Option<Written>>> {
        self.record.everything_written(patient, base, asked, first).map(Sealed::new).map_err(record_problem)
    }

    /// The next piece of what was opened, of about so many bytes. Only what was opened is written: there is no other way to a
    /// [`Written`].
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn write_piece(&self, written: &mut Written, bytes: usize) -> Answer<Vec<u8>> {
        self.record.write_piece(written, bytes).map_err(record_problem)
    }

    /// A person's Patients, by the person's id or one of theirs.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn sources(&self, id: &str) -> Answer<Sealed<Option<Sources>>> {
        self.record.sources(id).map(Sealed::new).map_err(record_problem)
    }

    /// A search.
    ///
    /// # Errors
    /// As [`Shelf::resource`]; 400 where the record can't honour a parameter.
    pub fn search(
        &self,
        kind: &str,
        params: &[(String, String)],
        options: &SearchOptions,
    ) -> Answer<Sealed<SearchPage>> {
        self.record.search(kind, params, options).map(Sealed::new).map_err(record_problem)
    }

    /// A list of persons.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn persons(&self, query: &PersonQuery) -> Answer<Sealed<Vec<PersonRow>>> {
        self.record.persons(query).map(Sealed::new).map_err(record_problem)
    }

    /// A person.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn person(&self, person: &str) -> Answer<Sealed<Option<PersonView>>> {
        self.record.person(person).map(Sealed::new).map_err(record_problem)
    }

    /// A person with what a page of the record says.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn summary(
        &self,
        person: &str,
        query: &SummaryQuery,
        show: Shown<'_>,
    ) -> Answer<Sealed<Option<(PersonView, Summary)>>> {
        let view = self.record.person(person).map_err(record_problem)?;
        let summary = self.record.summary(person, query, show).map_err(record_problem)?;
        Ok(Sealed::new(view.zip(summary)))
    }

    /// Cases of identity.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn reviews(&self, open_only: bool, limit: usize) -> Answer<Sealed<Vec<Review>>> {
        self.record.reviews(open_only, limit).map(Sealed::new).map_err(record_problem)
    }

    /// One case of identity, with up to `limit` decisions about each side.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn case(&self, number: i64, limit: usize) -> Answer<Sealed<Option<Case>>> {
        let Some(review) = self.record.review(number).map_err(record_problem)? else {
            return Ok(Sealed::new(None));
        };
        let person = |id: &str| self.record.person(id).map_err(record_problem);
        let (one, other) = (person(&review.person)?, person(&review.other_person)?);
        let mut decisions = self.record.decisions(&review.person, limit).map_err(record_problem)?;
        decisions.extend(self.record.decisions(&review.other_person, limit).map_err(record_problem)?);
        decisions.sort_by_key(|d| std::cmp::Reverse(d.number));
        decisions.dedup_by_key(|d| d.number);
        Ok(Sealed::new(Some(Case { review, one, other, decisions })))
    }

    /// Answers a case of identity, or with `None` takes the answer back.
    ///
    /// # Errors
    /// As [`Shelf::resource`]; 400 where the record refuses.
    pub fn decide(
        &self,
        number: i64,
        answer: Option<causeway_record::Answer>,
        reason: &str,
        actor: &str,
        now: Timestamp,
    ) -> Answer<()> {
        match answer {
            Some(answer) => self.record.answer_review(number, answer, reason, actor, now),
            None => self.record.undo_review(number, reason, actor, now),
        }
        .map_err(record_problem)
    }

    /// The person whom a Patient belongs to: an id, no fact.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn person_of(&self, patient: &str) -> Answer<Option<String>> {
        self.record.person_of(patient).map_err(record_problem)
    }

    /// The person whom a message told of: an id, no fact; `None` until the record has taken it in, or where it is of several.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn person_of_message(&self, message: &MessageId) -> Answer<Option<String>> {
        let mut found: Vec<String> = Vec::new();
        for patient in self.people_of(message, None, 2)? {
            let person = self.person_of(&patient)?.unwrap_or_default();
            if !found.contains(&person) {
                found.push(person);
            }
        }
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    /// Ids of the one person whom a query finds, and of the Patient that is displayed; `None` where it finds nobody or several.
    /// No fact, but that there is somebody: who asks writes it down.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn only_person(&self, query: &PersonQuery) -> Answer<Option<(String, String)>> {
        let query = PersonQuery { limit: 2, ..query.clone() };
        let rows = self.record.persons(&query).map_err(record_problem)?;
        let [row] = rows.as_slice() else { return Ok(None) };
        Ok(Some((row.id.clone(), row.display_patient.clone())))
    }

    /// Ids of the persons who are told with this NHS number; no fact, as who asks has the number.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn people_numbered(&self, nhs_number: &str) -> Answer<Vec<String>> {
        let params = [("identifier".to_owned(), format!("{NHS_NUMBER}|{nhs_number}"))];
        let found = self.record.search("Patient", &params, &SearchOptions::default());
        let found = found.map_err(record_problem)?.bundle;
        let entries = found["entry"].as_array().into_iter().flatten();
        Ok(entries.filter_map(|e| e["resource"]["id"].as_str()).map(str::to_owned).collect())
    }

    /// Id of the Patient under whom the access log of somebody with this NHS number is kept; empty where the record holds nobody
    /// with it.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn patient_numbered(&self, nhs_number: &str) -> Answer<String> {
        let Some(person) = self.people_numbered(nhs_number)?.into_iter().next() else {
            return Ok(String::new());
        };
        let sources = self.record.sources(&person).map_err(record_problem)?;
        let first = sources.and_then(|sources| sources.patients.into_iter().next());
        Ok(first.map(|patient| patient.key.id).unwrap_or_default())
    }

    /// The NHS number of the person whom a Patient or a document is about: to open her record by, not to be told.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn number_about(&self, id: &str) -> Answer<Option<String>> {
        for kind in ["Patient", "DocumentReference"] {
            let version = self.record.read_resource(kind, id).map_err(record_problem)?;
            let Some(patient) = version.as_ref().and_then(|v| patient_of(&v.resource)) else { continue };
            let sources = self.record.sources(patient).map_err(record_problem)?;
            let patients = sources.map(|sources| sources.patients).unwrap_or_default();
            let mut numbers = patients.iter().map(|p| nhs_number_of(&p.resource));
            return Ok(numbers.find(|number| !number.is_empty()).map(str::to_owned));
        }
        Ok(None)
    }

    /// Ids of persons, no fact, for counts over them.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub fn ids(&self, query: &PersonQuery) -> Answer<Vec<String>> {
        let rows = self.record.persons(query).map_err(record_problem)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// The Patients whom a message told of, or the one that it was made from: those that the record has taken in, up to
    /// `limit`.
    ///
    /// # Errors
    /// As [`Shelf::resource`].
    pub(crate) fn people_of(
        &self,
        message: &MessageId,
        linked: Option<&MessageId>,
        limit: usize,
    ) -> Answer<Vec<String>> {
        let of = |id: &MessageId| self.record.patients_of_message(id.as_str(), limit).map_err(record_problem);
        let own = of(message)?;
        match linked {
            Some(linked) if own.is_empty() => of(linked),
            _ => Ok(own),
        }
    }
}

/// What an error of the record means for a reader.
pub fn record_problem(error: RecordError) -> Problem {
    let text = error.to_string();
    match error {
        RecordError::Search(_) => Problem::invalid("search", text),
        RecordError::Identity(_) | RecordError::Bundle(_) => Problem::invalid("refused", text),
        RecordError::NotFound => Problem::not_found("resource"),
        RecordError::Database(code) => {
            tracing::error!(code, "the record's database failed");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "transient",
                "record-unavailable",
                "the record can't be read at the moment",
            )
            .after(RETRY_AFTER_SECONDS)
        }
        RecordError::Schema { .. } | RecordError::Damaged | RecordError::Seal(_) => {
            tracing::error!(error = %error, "the record can't be read");
            Problem::internal()
        }
    }
}
