//! FHIR Bulk Data Access, without HTTP: exports that the system of a project's requester asks for, made one after another
//! under the same office as every extract, kept for a day, and gone on with after a restart.
//!
//! A project is the Group that is exported. What leaves is de-identified; a project with names is not given this way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use causeway_access::PolicySet;
use causeway_exchange::Desk;
use causeway_record::Record;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::extract::{FileLine, REPORT, Report};
use crate::limits::{BULK_PEOPLE, EXPORTS_MAX};
use crate::office::{Office, Order, key_file};
use crate::project::{Project, Tier};
use crate::selection::Selection;

/// Hours for which a finished export is kept.
pub const KEPT_HOURS: i64 = 24;

const REQUEST: &str = "request.json";
const FAILED: &str = "failed.txt";
/// Written last: the files are whole and the register has them.
const DONE: &str = "done";
const FILES: &str = "files";

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder of projects (`*.toml`).
    pub projects: PathBuf,
    /// Folder of their keys, apart from the data.
    pub keys: PathBuf,
    /// Folder in which exports are made.
    pub work: PathBuf,
    /// Folder of what the projects' last extracts told.
    pub state: PathBuf,
}

/// What a system asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    /// Id of the project.
    pub project: String,
    /// Code of the organisation that asks.
    pub client: String,
    /// What of its resources.
    pub selection: Selection,
    /// The request's own address.
    pub url: String,
    /// When: nothing later is in it.
    pub at: Timestamp,
}

/// Why an export is not begun.
#[derive(Debug)]
pub enum Refused {
    /// There is no such project for this organisation.
    NoProject,
    /// There is, and it may not run, or not this way: why.
    Project(String),
    /// Too many are waiting.
    Busy,
    /// The disk or a project's file.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// How an export stands.
#[derive(Clone, Debug)]
pub enum Phase {
    /// It waits for others, or is made.
    Going,
    /// It is there: what was asked, and the files.
    Done(Asked, Vec<FileLine>),
    /// It was not made: why.
    Failed(String),
}

/// A file that is handed over.
#[derive(Clone, Debug)]
pub struct Handed {
    /// Where it is.
    pub path: PathBuf,
    /// How it is listed.
    pub line: FileLine,
    /// Of which project.
    pub project: String,
}

/// The exports of one exchange.
pub struct Exports {
    desk: Arc<dyn Desk>,
    record: Arc<Record>,
    policies: Arc<PolicySet>,
    places: Option<Places>,
    /// One is made at a time.
    turn: Mutex<()>,
    /// Ids of those that are waited for or made.
    going: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exports").field("places", &self.places).finish_non_exhaustive()
    }
}

fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

impl Exports {
    /// Over a record; without places there are no projects.
    pub fn new(
        desk: Arc<dyn Desk>,
        record: Arc<Record>,
        policies: Arc<PolicySet>,
        places: Option<Places>,
    ) -> Self {
        Self { desk, record, policies, places, turn: Mutex::default(), going: Mutex::default() }
    }

    /// The projects of a folder, by file name.
    fn projects(&self) -> Result<Vec<Project>, Error> {
        let Some(places) = &self.places else { return Ok(Vec::new()) };
        let mut files: Vec<PathBuf> = std::fs::read_dir(&places.projects)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "toml"))
            .collect();
        files.sort();
        let read = |path: &PathBuf| Project::read(&std::fs::read_to_string(path)?);
        files.iter().map(read).collect()
    }

    /// The projects that an organisation's systems may ask for.
    ///
    /// # Errors
    /// A project's file can't be read or is none.
    pub fn projects_of(&self, client: &str) -> Result<Vec<Project>, Error> {
        let mut all = self.projects()?;
        all.retain(|p| !client.is_empty() && p.requester.code.eq_ignore_ascii_case(client));
        Ok(all)
    }

    /// Checks what is asked, keeps it, and gives the id under which [`Exports::make`] makes it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn begin(&self, asked: &Asked, id: &str) -> Result<(), Refused> {
        let Some(places) = &self.places else { return Err(Refused::NoProject) };
        self.project(asked)?;
        self.sweep(asked.at)?;
        {
            let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
            if going.len() >= EXPORTS_MAX {
                return Err(Refused::Busy);
            }
            going.insert(id.to_owned());
        }
        let folder = places.work.join(id);
        let kept = (|| -> Result<(), Error> {
            std::fs::create_dir_all(&folder)?;
            let text = serde_json::to_vec(asked).map_err(|e| Error::File(e.to_string()))?;
            crate::job::write_whole(&folder.join(REQUEST), &text)
        })();
        if kept.is_err() {
            self.forget(id);
        }
        Ok(kept?)
    }

    /// Whether a project may be exported, at a time.
    ///
    /// # Errors
    /// [`Refused::Project`] with why not.
    pub fn may(&self, project: &Project, at: Timestamp) -> Result<(), Refused> {
        let today = causeway_core::london().to_datetime(at).date();
        project.may_run(today).map_err(|error| Refused::Project(error.to_string()))?;
        if project.tier != Tier::Pseudonymised {
            let text =
                "only de-identified resources are exported here: the project asks for names or for counts";
            return Err(Refused::Project(text.to_owned()));
        }
        if project.elements.is_empty() {
            return Err(Refused::Project("the project asks for tables, not for resources".to_owned()));
        }
        Ok(())
    }

    /// The project that is asked for, cut to resources: tables are not given this way.
    fn project(&self, asked: &Asked) -> Result<Project, Refused> {
        let of_client = self.projects_of(&asked.client)?;
        let mut project = of_client.into_iter().find(|p| p.id == asked.project).ok_or(Refused::NoProject)?;
        self.may(&project, asked.at)?;
        project.views.clear();
        project.omop.clear();
        Ok(project)
    }

    fn forget(&self, id: &str) {
        self.going.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Those that a process before this one did not finish.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn unfinished(&self) -> Result<Vec<String>, Error> {
        let Some(places) = &self.places else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (id, folder) in folders(&places.work)? {
            let over = folder.join(DONE).exists() || folder.join(FAILED).exists();
            if !over && folder.join(REQUEST).exists() {
                self.going.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Makes one, when it is its turn. What goes wrong is kept for who asks.
    ///
    /// # Errors
    /// It can't even be kept that it failed.
    pub fn make(&self, id: &str, actor: &str) -> Result<(), Error> {
        let Some(places) = &self.places else { return Ok(()) };
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = places.work.join(id);
        let outcome = self.made(places, &folder, actor);
        // Who took it away meanwhile wants nothing of it.
        let kept = if folder.join(REQUEST).exists() {
            match outcome {
                Ok(_) => crate::job::write_whole(&folder.join(DONE), b""),
                Err(error) => Ok(std::fs::write(folder.join(FAILED), error)?),
            }
        } else {
            std::fs::remove_dir_all(&folder).map_err(Error::from)
        };
        drop(turn);
        self.forget(id);
        kept
    }

    fn made(&self, places: &Places, folder: &Path, actor: &str) -> Result<Report, String> {
        // The first line is told to who asked; what of the machine is wrong is for the operator.
        let said = |error: &dyn std::fmt::Display| format!("the exchange could not make it\n{error}");
        let asked = request(folder).map_err(|e| said(&e))?;
        // Files without their entry in the register, where a process was killed between: made again.
        if folder.join(FILES).join(REPORT).exists() {
            std::fs::remove_dir_all(folder.join(FILES)).map_err(|e| said(&e))?;
        }
        let project = self.project(&asked).map_err(|refused| match refused {
            Refused::Project(text) => text,
            Refused::Failed(error) => said(&error),
            _ => "the project is no longer there".to_owned(),
        })?;
        std::fs::create_dir_all(&places.keys).map_err(|e| said(&e))?;
        let key = key_file(&places.keys.join(format!("{}.key", project.id))).map_err(|e| said(&e))?;
        let office = Office { engine: self.desk.clone(), record: &self.record, policies: &self.policies };
        let order = Order {
            project: &project,
            key: &key,
            consents: &HashMap::new(),
            formats: &[],
            vocabulary: None,
            state: Some(&places.state),
            selection: Some(&asked.selection),
            block_people: BULK_PEOPLE,
            folder: &folder.join(FILES),
            actor,
            now: asked.at,
        };
        office.extract(&order).map_err(|error| match error {
            Error::File(_) => said(&error),
            other => other.to_string(),
        })
    }

    /// How one stands; none where there is none of this organisation.
    ///
    /// # Errors
    /// What is kept of it can't be read.
    pub fn look(&self, id: &str, client: &str) -> Result<Option<Phase>, Error> {
        let Some(folder) = self.folder_of(id, client)? else { return Ok(None) };
        if let Ok(text) = std::fs::read_to_string(folder.join(FAILED)) {
            return Ok(Some(Phase::Failed(text.lines().next().unwrap_or_default().to_owned())));
        }
        if !folder.join(DONE).exists() {
            return Ok(Some(Phase::Going));
        }
        let text = std::fs::read(folder.join(FILES).join(REPORT))?;
        let report: Report = serde_json::from_slice(&text).map_err(|e| Error::File(e.to_string()))?;
        let files = report.files.into_iter().filter(|f| f.rows > 0).collect();
        Ok(Some(Phase::Done(request(&folder)?, files)))
    }

    /// A finished file of this organisation's, with how it is listed.
    ///
    /// # Errors
    /// As [`Exports::look`].
    pub fn file(&self, id: &str, client: &str, name: &str) -> Result<Option<Handed>, Error> {
        let Some(Phase::Done(asked, files)) = self.look(id, client)? else { return Ok(None) };
        let Some(places) = &self.places else { return Ok(None) };
        let line = files.into_iter().find(|line| line.name == name);
        let path = places.work.join(id).join(FILES).join(name);
        Ok(line.map(|line| Handed { path, line, project: asked.project }))
    }

    /// Takes one away, made or not. Of which project it was; none where there was none.
    ///
    /// # Errors
    /// The disk.
    pub fn delete(&self, id: &str, client: &str) -> Result<Option<String>, Error> {
        let Some(folder) = self.folder_of(id, client)? else { return Ok(None) };
        let project = request(&folder)?.project;
        std::fs::remove_file(folder.join(REQUEST))?;
        if !self.going.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(Some(project))
    }

    fn folder_of(&self, id: &str, client: &str) -> Result<Option<PathBuf>, Error> {
        let Some(places) = self.places.as_ref().filter(|_| is_id(id)) else { return Ok(None) };
        let folder = places.work.join(id);
        if !folder.join(REQUEST).exists() {
            return Ok(None);
        }
        let own = request(&folder)?.client.eq_ignore_ascii_case(client);
        Ok(own.then_some(folder))
    }

    /// Takes away what is older than a day.
    fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        let Some(places) = &self.places else { return Ok(()) };
        for (id, folder) in folders(&places.work)? {
            let going = self.going.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
            let old = match request(&folder) {
                Ok(asked) => now.duration_since(asked.at) > SignedDuration::from_hours(KEPT_HOURS),
                // What was given up while it was made.
                Err(_) => true,
            };
            if old && !going {
                std::fs::remove_dir_all(&folder)?;
            }
        }
        Ok(())
    }
}

/// The exports of a folder by id.
fn folders(work: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let entries = match std::fs::read_dir(work) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let id = entry.file_name().into_string().ok().filter(|id| is_id(id))?;
        Some((id, entry.path()))
    });
    Ok(named.collect())
}

fn request(folder: &Path) -> Result<Asked, Error> {
    serde_json::from_slice(&std::fs::read(folder.join(REQUEST))?).map_err(|e| Error::File(e.to_string()))
}
