//! Where extracts are made from the exchange's own record: audited before anything is read, entered in the register
//! that everybody may see, held against the choices as they are at the end.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use causeway_access::choices::Choices;
use causeway_access::standing::{Standing, Standings};
use causeway_access::{PolicySet, session};
use causeway_exchange::{Configuration, Desk, EngineError, NewAudit};
use causeway_record::{PersonQuery, Record};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::deidentify::Key;
use crate::error::Error;
use crate::extract::{Job, REPORT, Report};
use crate::limits::CONSENTS_MAX;
use crate::noise;
use crate::omop::Vocabulary;
use crate::person::{Consent, RecordPopulation};
use crate::project::Project;
use crate::selection::Selection;
use crate::table::Format;

/// Kind of the documents of the register.
const ENTRY: &str = "research-extract";

/// One extract in the register: what went where and why. It names nobody of whom data went.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// When it was made: choices are honoured as they were then.
    pub at: Timestamp,
    /// The project as it was then.
    pub project: Project,
    /// What it came to.
    pub report: Report,
}

/// How one extract is to be made.
#[derive(Debug)]
pub struct Order<'o> {
    /// The project.
    pub project: &'o Project,
    /// Its key.
    pub key: &'o Key,
    /// Consents to this project, by person.
    pub consents: &'o HashMap<String, Consent>,
    /// Formats of tables.
    pub formats: &'o [Format],
    /// The user's vocabularies, for OMOP tables.
    pub vocabulary: Option<&'o Vocabulary>,
    /// Folder in which the counts of this project's last extract are kept, so that two that differ by one person say
    /// nothing of the person. Apart from what leaves.
    pub state: Option<&'o Path>,
    /// What of the resources is asked for this time; all where nothing is said.
    pub selection: Option<&'o Selection>,
    /// People of one file.
    pub block_people: usize,
    /// Folder that takes the files.
    pub folder: &'o Path,
    /// Who makes it.
    pub actor: &'o str,
    /// When.
    pub now: Timestamp,
}

/// Makes extracts and keeps their register.
pub struct Office<'o> {
    /// Keeps choices, register and audit trail.
    pub engine: Arc<dyn Desk>,
    /// The record.
    pub record: &'o Record,
    /// The policies in force.
    pub policies: &'o PolicySet,
}

impl std::fmt::Debug for Office<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::File(format!("store: {error}"))
    }
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::File(e.to_string()))
}

/// The choices of everybody who made one.
fn choices(standings: &HashMap<String, Standing>) -> HashMap<&str, &Choices> {
    let chosen = standings.iter().filter(|(_, s)| !s.choices.history.is_empty());
    chosen.map(|(person, standing)| (person.as_str(), &standing.choices)).collect()
}

impl Office<'_> {
    /// Makes an extract. Nothing is read before the audit entry is durable, and nothing is finished whose entry in the
    /// register is not.
    ///
    /// # Errors
    /// [`Error::NotApproved`]; [`Error::Changed`] where somebody chose anew while it was made; what else stops a [`Job`].
    pub fn extract(&self, order: &Order<'_>) -> Result<Report, Error> {
        let today = causeway_core::london().to_datetime(order.now).date();
        order.project.may_run(today)?;
        self.affordable(order.project)?;
        self.audit(order, "research-extract-begun", &json(order.project)?)?;
        let standings = Standings::new(self.engine.clone());
        let before = standings.all()?;
        let report = self.record.snapshot(|snapshot| {
            let population = RecordPopulation { snapshot, standings: &before, consents: order.consents };
            let job = Job {
                project: order.project,
                policies: self.policies,
                key: order.key,
                today,
                formats: order.formats,
                folder: order.folder,
                vocabulary: order.vocabulary,
                state: order.state,
                selection: order.selection,
                block_people: order.block_people,
            };
            job.run(&population)
        })?;
        self.hand_over(order, &report, &before, &standings).map(|()| report)
    }

    /// Enters an extract in the register, or takes its files away: what the register does not name is not handed over.
    fn hand_over(
        &self,
        order: &Order<'_>,
        report: &Report,
        before: &HashMap<String, Standing>,
        standings: &Standings,
    ) -> Result<(), Error> {
        let registered = self.register_it(order, report, before, standings);
        if registered.is_err() {
            for name in report.files.iter().map(|f| f.name.as_str()).chain([REPORT]) {
                std::fs::remove_file(order.folder.join(name))?;
            }
        }
        registered
    }

    /// Refuses what would spend more than the project's privacy budget.
    fn affordable(&self, project: &Project) -> Result<(), Error> {
        let Some(noise) = &project.noise else { return Ok(()) };
        let spent = spent(&register(&*self.engine)?, &project.id);
        let room = noise::amount(&noise.budget).zip(noise::amount(&noise.epsilon));
        if room.is_some_and(|(budget, epsilon)| spent + epsilon <= budget) {
            return Ok(());
        }
        let (epsilon, budget) = (&noise.epsilon, &noise.budget);
        let text = format!(
            "of its privacy budget of {budget} the project has spent {spent}, and asks for {epsilon}"
        );
        Err(Error::NotApproved(text))
    }

    fn register_it(
        &self,
        order: &Order<'_>,
        report: &Report,
        before: &HashMap<String, Standing>,
        standings: &Standings,
    ) -> Result<(), Error> {
        if choices(&standings.all()?) != choices(before) {
            return Err(Error::Changed);
        }
        let entry = Entry { at: order.now, project: order.project.clone(), report: report.clone() };
        let number = self.engine.configs(ENTRY)?.len() + 1;
        let key = format!("{number:06}-{}", order.project.id);
        self.engine.put_config(ENTRY, &key, Some(&json(&entry)?), Some(0), order.actor, order.now)?;
        self.audit(order, "research-extract", &json(report)?)
    }

    fn audit(&self, order: &Order<'_>, action: &str, detail: &str) -> Result<(), Error> {
        let entry = NewAudit {
            actor: order.actor.to_owned(),
            action: action.to_owned(),
            entity: format!("research-project/{}", order.project.id),
            detail: detail.to_owned(),
        };
        Ok(self.engine.audit(vec![entry], order.now)?)
    }

    /// Reads consents, a row each: `nhs_number,covers_gp` (`yes` or `no`), and finds the people.
    ///
    /// # Errors
    /// [`Error::Definition`] with the row: a number that is nobody's or several people's, another word.
    pub fn consents(&self, text: &str) -> Result<HashMap<String, Consent>, Error> {
        let mut found = HashMap::new();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for (n, row) in reader.records().enumerate() {
            let row = row?;
            if n >= CONSENTS_MAX {
                return Err(Error::Limit("CONSENTS_MAX"));
            }
            let wrong = |what: &str| Error::Definition(format!("consents, row {}: {what}", n + 2));
            let covers_gp = match row.get(1).map(str::trim) {
                Some("yes") => true,
                Some("no") => false,
                _ => return Err(wrong("covers_gp is yes or no")),
            };
            let text = row.get(0).unwrap_or_default().trim();
            let number = causeway_core::NhsNumber::parse(text).map_err(|_| wrong("no NHS number"))?;
            let query = PersonQuery { text: number.as_str().to_owned(), limit: 2, ..PersonQuery::default() };
            let people = self.record.persons(&query)?;
            let [one] = people.as_slice() else { return Err(wrong("not one person has this number")) };
            found.insert(one.id.clone(), Consent { covers_gp });
        }
        Ok(found)
    }
}

/// What a project's extracts of a register spent of its privacy budget.
pub fn spent(entries: &[Entry], project: &str) -> Decimal {
    let of = entries.iter().filter(|entry| entry.project.id == project);
    of.filter_map(|entry| noise::amount(entry.report.epsilon.as_deref()?)).sum()
}

/// The register, newest first.
///
/// # Errors
/// Where the store can't be read, or an entry not be understood.
pub fn register(store: &dyn Configuration) -> Result<Vec<Entry>, EngineError> {
    let mut entries = Vec::new();
    for (_, _, text) in store.configs(ENTRY)? {
        entries.push(serde_json::from_str::<Entry>(&text).map_err(|_| EngineError::Corrupt(ENTRY))?);
    }
    entries.reverse();
    Ok(entries)
}

/// Reads the key of a project, or makes one where there is no such file. The file is for its owner alone.
///
/// # Errors
/// [`Error::File`], [`Error::Definition`] for a key that is too short.
pub fn key_file(path: &Path) -> Result<Key, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Key::new(bytes.trim_ascii()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = session::random()?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            std::io::Write::write_all(&mut file, secret.as_bytes())?;
            file.sync_all()?;
            Key::new(secret.as_bytes())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use causeway_access::choices::Choice;
    use causeway_store::{Options, Store};

    use super::*;
    use crate::EXAMPLE;
    use crate::job::FileLine;

    /// Who chooses while an extract is made is not in what is handed over: nothing is.
    #[test]
    fn a_choice_made_meanwhile_takes_the_extract_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Options::new(folder.path().join("exchange"))).expect("a store");
        let engine: Arc<dyn Desk> = Arc::new(store);
        let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
        let policies = PolicySet::shared().expect("the built-in set");
        let office = Office { engine: engine.clone(), record: &record, policies: &policies };
        let project = Project::read(EXAMPLE).expect("the example");
        let key = Key::new(&[1; 32]).expect("a key");
        let now: Timestamp = "2026-11-29T09:00:00Z".parse().expect("a time");
        let order = Order {
            project: &project,
            key: &key,
            consents: &HashMap::new(),
            formats: &[],
            vocabulary: None,
            state: None,
            selection: None,
            block_people: crate::limits::BLOCK_PEOPLE,
            folder: folder.path(),
            actor: "test",
            now,
        };
        let file = FileLine { name: "Patient-0001.ndjson".to_owned(), rows: 1, sha256: String::new() };
        let report = Report { files: vec![file], ..Report::default() };
        let files = [folder.path().join("Patient-0001.ndjson"), folder.path().join(REPORT)];
        let standings = Standings::new(engine.clone());
        for chooses in [false, true] {
            files.iter().for_each(|file| std::fs::write(file, "{}").expect("written"));
            let before = standings.all().expect("read");
            if chooses {
                standings.choose("person-1", Choice::NationalOptOut, true, "herself", now).expect("chosen");
            }
            let handed = office.hand_over(&order, &report, &before, &standings);
            assert_eq!(matches!(handed, Err(Error::Changed)), chooses, "{handed:?}");
            assert!(files.iter().all(|file| file.exists() != chooses));
            assert_eq!(register(&*engine).expect("the register").len(), 1);
        }
    }
}
