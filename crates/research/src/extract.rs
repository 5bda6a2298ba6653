//! An extract: people in, files and a report out.
//!
//! The population is read twice: once to count groups and rare codes, once to write. Files are written a block of people
//! at a time, flushed and renamed before the next begins, and nothing in them depends on when or how often it was
//! started: an extract that was killed goes on and ends with the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use causeway_access::PolicySet;
use causeway_exchange::hex;
use causeway_fhirpath::{Environment, Expression};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::deidentify::{Deidentifier, Key, LeftOut};
use crate::disclosure::{Cells, Counts, Decided, Measured, Plan, Published, publish, told};
use crate::error::Error;
use crate::gate::{Gate, Removed};
use crate::limits::CELLS_MAX;
use crate::omop::{CDM_VERSION, Mapper, TABLES, Tally, Vocabulary};
use crate::person::{PersonRecord, Population};
use crate::project::{Project, Tier};
use crate::rows::{Cell, Runner};
use crate::selection::Selection;
use crate::table::{self, Field, Format, Lines, Table};
use crate::view::View;

/// How an extract is made.
#[derive(Debug)]
pub struct Job<'j> {
    /// The project.
    pub project: &'j Project,
    /// The policies in force.
    pub policies: &'j PolicySet,
    /// The project's secret.
    pub key: &'j Key,
    /// The day.
    pub today: Date,
    /// Formats of tables. Resources are NDJSON, counts are CSV.
    pub formats: &'j [Format],
    /// Where files go. What an earlier start of the same extract left there is used.
    pub folder: &'j Path,
    /// The user's vocabularies, for OMOP tables; without them every code has concept 0.
    pub vocabulary: Option<&'j Vocabulary>,
    /// Where it is kept what the project's last extract told and left out, apart from what leaves: two extracts that
    /// differ by one person must not tell of anybody.
    pub state: Option<&'j Path>,
    /// What of the resources is asked for this time; all where nothing is said.
    pub selection: Option<&'j Selection>,
    /// People of one block of files.
    pub block_people: usize,
}

/// One file of an extract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// Its name.
    pub name: String,
    /// Rows or resources in it.
    pub rows: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// What an extract came to: for the register and for the requester. It names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Id of the project.
    pub project: String,
    /// Its title.
    pub title: String,
    /// The day.
    pub made: String,
    /// In which form.
    pub tier: String,
    /// Version of the policies that decided.
    pub policies: String,
    /// People who were looked at.
    pub looked_at: u64,
    /// People of whom something leaves.
    pub people: u64,
    /// What was left out by which rule.
    pub removed: Removed,
    /// What de-identification left out, by kind of thing.
    pub left_out: LeftOut,
    /// Whether cells of a table of counts were suppressed.
    pub suppressed: bool,
    /// How alike people are.
    pub measured: Measured,
    /// What of the project's privacy budget it spent, where there is noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
    /// What the OMOP tables came to, where they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omop: Option<Tally>,
    /// Files.
    pub files: Vec<FileLine>,
}

impl Report {
    /// As it leaves with the files: what was looked at and left out is rounded, for two exact totals would tell how few
    /// chose to be left out. How many people are in the files can be counted there.
    #[must_use]
    pub fn for_others(&self) -> Self {
        let round =
            |counts: &BTreeMap<String, u64>| counts.iter().map(|(k, n)| (k.clone(), told(*n))).collect();
        Self {
            looked_at: told(self.looked_at),
            removed: Removed {
                people: round(&self.removed.people),
                resources: round(&self.removed.resources),
            },
            left_out: round(&self.left_out),
            measured: Measured {
                kept: round(&self.measured.kept),
                rare_codes: told(self.measured.rare_codes),
                ..self.measured.clone()
            },
            ..self.clone()
        }
    }
}

/// What is remembered between blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Of project, policies, day and population: another one starts anew.
    digest: String,
    blocks: u64,
    people: u64,
    suppressed: bool,
    left_out: LeftOut,
    #[serde(default)]
    omop: Tally,
    files: Vec<FileLine>,
}

const PROGRESS: &str = "progress.json";
/// Name of the report in the folder of an extract.
pub const REPORT: &str = "report.json";

/// Takes a file away; it is no matter if it is not there.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// SHA-256 of a file, hexadecimal.
fn digest_of(path: &Path) -> Result<String, Error> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut block)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(block.get(..read).unwrap_or_default()),
        }
    }
}

fn file_error(error: impl std::fmt::Display) -> Error {
    Error::File(error.to_string())
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    {
        let mut file = std::fs::File::create(&part)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
    }
    Ok(std::fs::rename(&part, path)?)
}

struct Admitted {
    removed: Removed,
    looked_at: u64,
    digest: String,
}

impl Job<'_> {
    fn deidentifier(&self) -> Deidentifier<'_> {
        Deidentifier {
            key: self.key,
            project: &self.project.id,
            dates: self.project.dates,
            today: self.today,
        }
    }

    /// Makes the extract, or goes on with one that was stopped.
    ///
    /// # Errors
    /// [`Error::NotApproved`] before anything is read; [`Error::View`], [`Error::File`].
    pub fn run(&self, population: &dyn Population) -> Result<Report, Error> {
        self.project.may_run(self.today)?;
        let views = self.project.compiled()?;
        let cohort = match self.project.cohort.trim() {
            "" => None,
            text => Some(Expression::parse(text).map_err(|e| Error::Definition(format!("cohort: {e}")))?),
        };
        std::fs::create_dir_all(self.folder)?;
        if self.folder.join(REPORT).exists() {
            return Err(Error::File("the folder holds an extract that is finished".to_owned()));
        }
        let (counted, plan) = self.count(population, cohort.as_ref())?;
        let mut progress = if self.project.tier == Tier::Aggregate {
            self.tables_of_counts(population, cohort.as_ref(), &views, &counted.digest)?
        } else {
            self.write(population, cohort.as_ref(), &views, plan.as_ref(), &counted.digest)?
        };
        if !self.project.omop.is_empty() {
            progress.files.push(self.cdm_source()?);
        }
        let decided = plan.as_ref().map(|plan| plan.decided.clone());
        let report = Report {
            project: self.project.id.clone(),
            title: self.project.title.clone(),
            made: self.today.to_string(),
            tier: self.project.tier.words().to_owned(),
            policies: self.policies.head.version.clone(),
            looked_at: counted.looked_at,
            people: progress.people,
            removed: counted.removed,
            left_out: progress.left_out,
            suppressed: progress.suppressed,
            measured: plan.map(|p| p.measured).unwrap_or_default(),
            epsilon: self.project.noise.as_ref().map(|noise| noise.epsilon.clone()),
            omop: (!self.project.omop.is_empty()).then_some(progress.omop),
            files: progress.files,
        };
        if let (Some(folder), Some(decided)) = (self.state, decided) {
            std::fs::create_dir_all(folder)?;
            write_whole(&self.decided_file(folder), &serde_json::to_vec(&decided).map_err(file_error)?)?;
        }
        let text = serde_json::to_vec_pretty(&report.for_others()).map_err(file_error)?;
        write_whole(&self.folder.join(REPORT), &text)?;
        remove(&self.folder.join(PROGRESS))?;
        Ok(report)
    }

    fn decided_file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-groups.json", self.project.id))
    }

    /// What the project's last extract decided; nothing where there was none.
    fn decided(&self) -> Result<Decided, Error> {
        let Some(folder) = self.state else { return Ok(Decided::default()) };
        match std::fs::read(self.decided_file(folder)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(file_error),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Decided::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a person is of the cohort.
    fn wanted(&self, person: &PersonRecord, cohort: Option<&Expression>) -> Result<bool, Error> {
        let Some(cohort) = cohort else { return Ok(true) };
        let patient = person
            .resources
            .iter()
            .map(|held| &held.resource)
            .find(|r| r.get("resourceType").and_then(Value::as_str) == Some("Patient"));
        let Some(patient) = patient else { return Ok(false) };
        let now = causeway_fhirpath::Moment::date_time(&format!("{}T00:00:00Z", self.today));
        let environment = Environment { now, ..Environment::of(patient) };
        let found = cohort.truth(&environment, patient).map_err(|e| Error::View(format!("cohort: {e}")))?;
        Ok(found == Some(true))
    }

    /// The people of the cohort of whom something may leave, in order; what was removed, and a digest of all that the
    /// files depend on.
    fn admitted(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        mut act: impl FnMut(PersonRecord) -> Result<(), Error>,
    ) -> Result<Admitted, Error> {
        let mut digest = Sha256::new();
        let project = serde_json::to_vec(self.project).map_err(file_error)?;
        let formats = serde_json::to_vec(&(self.formats, self.block_people)).map_err(file_error)?;
        let day = self.today.to_string();
        let version = self.policies.head.version.as_bytes();
        let vocabulary = self.vocabulary.map(Vocabulary::digest).unwrap_or_default();
        let key = self.key.check(&self.project.id);
        let selection = serde_json::to_vec(&self.selection).map_err(file_error)?;
        for part in [&project[..], &formats, &selection, version, day.as_bytes(), &key, &vocabulary] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut gate = Gate::new(self.policies, self.project);
        let mut removed = Removed::default();
        let mut looked_at = 0;
        for person in population.people()? {
            let mut person = person?;
            if !self.wanted(&person, cohort)? {
                continue;
            }
            looked_at += 1;
            if !gate.admit(&mut person, &mut removed) {
                continue;
            }
            digest.update(self.key.mark(&self.project.id, &person.key).to_be_bytes());
            for held in &person.resources {
                let text = |at: &str| held.resource.pointer(at).and_then(Value::as_str).unwrap_or_default();
                for part in [text("/id"), text("/meta/versionId"), text("/meta/lastUpdated")] {
                    digest.update((part.len() as u64).to_be_bytes());
                    digest.update(part.as_bytes());
                }
            }
            act(person)?;
        }
        Ok(Admitted { removed, looked_at, digest: hex(&digest.finalize()) })
    }

    fn clean(&self, person: &PersonRecord, left_out: &mut LeftOut) -> Vec<Value> {
        let resources: Vec<&Value> = person.resources.iter().map(|held| &held.resource).collect();
        self.deidentifier().person(&person.key, &resources, left_out)
    }

    fn count(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
    ) -> Result<(Admitted, Option<Plan>), Error> {
        let pseudonymised = self.project.tier == Tier::Pseudonymised;
        let mut counts = Counts::default();
        let admitted = self.admitted(population, cohort, |person| {
            if pseudonymised {
                counts.add(&self.clean(&person, &mut LeftOut::new()));
            }
            Ok(())
        })?;
        let before = self.decided()?;
        Ok((admitted, pseudonymised.then(|| counts.plan(self.project.smallest, &before))))
    }

    /// Whether the second reading found what the first did.
    fn same(first: &str, second: &Admitted) -> Result<(), Error> {
        if first == second.digest { Ok(()) } else { Err(Error::Changed) }
    }

    /// What an earlier start of the same extract left; what another left in the folder is taken away.
    fn progress(&self, digest: &str) -> Result<Progress, Error> {
        let path = self.folder.join(PROGRESS);
        let held = std::fs::read(&path).ok();
        let held = held.and_then(|bytes| serde_json::from_slice::<Progress>(&bytes).ok());
        match held {
            Some(held) if held.digest == digest => return Ok(held),
            Some(other) => {
                for file in &other.files {
                    remove(&self.folder.join(&file.name))?;
                }
                remove(&path)?;
            }
            None => {}
        }
        Ok(Progress { digest: digest.to_owned(), ..Progress::default() })
    }

    fn write(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        views: &[View],
        plan: Option<&Plan>,
        digest: &str,
    ) -> Result<Progress, Error> {
        // The files depend on what the plan is too, which an earlier extract has a part in.
        let planned = match plan {
            Some(plan) => serde_json::to_vec(&plan.decided).map_err(file_error)?,
            None => Vec::new(),
        };
        let whole = hex(&Sha256::new().chain_update(digest).chain_update(planned).finalize());
        let mut progress = self.progress(&whole)?;
        let size = self.block_people.max(1) as u64;
        let mut skip = progress.blocks * size;
        let mut block: Option<Block<'_>> = None;
        let mut in_block = 0;
        let second = self.admitted(population, cohort, |person| {
            // People of blocks that are there already.
            if skip > 0 {
                skip -= 1;
                return Ok(());
            }
            let number = progress.blocks + 1;
            let open = match &mut block {
                Some(open) => open,
                none => none.insert(Block::open(self, views, number)?),
            };
            in_block += 1;
            let raw: Vec<&Value> = person.resources.iter().map(|held| &held.resource).collect();
            let changed: Vec<bool> =
                raw.iter().map(|one| self.selection.is_none_or(|s| s.is_of_time(one))).collect();
            let (numbers, mut resources): (Vec<usize>, Vec<Value>) = match plan {
                Some(_) => self
                    .deidentifier()
                    .numbered(&person.key, &raw, &mut progress.left_out)
                    .into_iter()
                    .unzip(),
                None => person.resources.into_iter().map(|held| held.resource).enumerate().unzip(),
            };
            if plan.is_none_or(|plan| plan.apply(&mut resources)) {
                if let Some(selection) = self.selection {
                    // What is asked is looked for in what leaves, not in what it was made of: a question tells nothing.
                    let mut numbers = numbers.iter().map(|n| changed.get(*n) == Some(&true));
                    resources.retain(|one| numbers.next() == Some(true) && selection.takes(one));
                }
                progress.people += u64::from(!resources.is_empty());
                open.person(&resources, &mut progress.omop)?;
            }
            if in_block == size {
                in_block = 0;
                if let Some(full) = block.take() {
                    self.settle(full, &mut progress)?;
                }
            }
            Ok(())
        })?;
        Self::same(digest, &second)?;
        if let Some(last) = block.take() {
            self.settle(last, &mut progress)?;
        }
        Ok(progress)
    }

    fn settle(&self, block: Block<'_>, progress: &mut Progress) -> Result<(), Error> {
        progress.files.extend(block.close()?);
        progress.blocks += 1;
        let text = serde_json::to_vec(progress).map_err(file_error)?;
        write_whole(&self.folder.join(PROGRESS), &text)
    }

    /// The table that says where the OMOP tables come from.
    fn cdm_source(&self) -> Result<FileLine, Error> {
        let version = self.vocabulary.map_or("none was given", |v| v.version.as_str());
        let day = self.today.to_string();
        let concept = CDM_VERSION.to_string();
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = [
            ("cdm_source_name", "Causeway integrated record"),
            ("cdm_source_abbreviation", "Causeway"),
            ("cdm_holder", self.project.requester.organisation.as_str()),
            ("source_description", self.project.title.as_str()),
            ("source_documentation_reference", ""),
            ("cdm_etl_reference", ""),
            ("source_release_date", day.as_str()),
            ("cdm_release_date", day.as_str()),
            ("cdm_version", "5.4"),
            ("cdm_version_concept_id", concept.as_str()),
            ("vocabulary_version", version),
        ];
        writer.write_record(rows.map(|(name, _)| name))?;
        writer.write_record(rows.map(|(_, value)| value))?;
        let bytes = writer.into_inner().map_err(file_error)?;
        let name = "omop_cdm_source.csv".to_owned();
        write_whole(&self.folder.join(&name), &bytes)?;
        Ok(FileLine { name, rows: 1, sha256: hex(&Sha256::digest(&bytes)) })
    }

    /// Writes a table of counts with noise: every cell that was stated.
    fn noisy(&self, view: &View, name: &str, counts: Vec<(Vec<String>, u64)>) -> Result<FileLine, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(view.columns().iter().map(|c| c.name.as_str()).chain(["people"]))?;
        let rows = counts.len() as u64;
        for (label, count) in counts {
            writer.write_record(label.into_iter().chain([count.to_string()]))?;
        }
        let bytes = writer.into_inner().map_err(file_error)?;
        write_whole(&self.folder.join(name), &bytes)?;
        Ok(FileLine { name: name.to_owned(), rows, sha256: hex(&Sha256::digest(&bytes)) })
    }

    /// Each view becomes a table of counts of people by all its columns.
    fn tables_of_counts(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        views: &[View],
        digest: &str,
    ) -> Result<Progress, Error> {
        let mut progress = Progress { digest: digest.to_owned(), ..Progress::default() };
        let mut tables: Vec<Cells> = vec![Cells::new(); views.len()];
        let second = self.admitted(population, cohort, |person| {
            let resources = self.clean(&person, &mut progress.left_out);
            let mark = self.key.mark(&self.project.id, &person.key);
            let mut any = false;
            for (view, cells) in views.iter().zip(&mut tables) {
                let runner = Runner::new(view);
                for resource in &resources {
                    for row in runner.rows(resource)? {
                        let key = row.iter().map(|cell| match cell {
                            Cell::Text(text) => text.clone(),
                            other => other.json().to_string(),
                        });
                        cells.entry(key.collect()).or_default().insert(mark);
                        if cells.len() > CELLS_MAX {
                            return Err(Error::Limit("CELLS_MAX"));
                        }
                        any = true;
                    }
                }
            }
            progress.people += u64::from(any);
            Ok(())
        })?;
        Self::same(digest, &second)?;
        // How many people are in it is a count too.
        progress.people = told(progress.people);
        for (view, cells) in views.iter().zip(&tables) {
            // Rounded and held against the last one, or with noise.
            let kept =
                self.state.map(|folder| folder.join(format!("{}-{}.json", self.project.id, view.name)));
            let before: Option<Published> = match &kept {
                Some(path) => std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()),
                None => None,
            };
            let published = publish(cells, self.project.smallest, before.as_ref());
            let name = format!("{}.csv", view.name);
            if let Some(noise) = &self.project.noise {
                let seed = self.key.seed(&self.project.id, &view.name, digest);
                let counts = noise.counts(view, views.len(), cells, seed)?;
                progress.files.push(self.noisy(view, &name, counts)?);
                continue;
            }
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(view.columns().iter().map(|c| c.name.as_str()).chain(["people"]))?;
            let mut rows = 0;
            // A suppressed cell is not named either: its categories alone may single somebody out.
            for (label, count) in published.counts.iter().filter_map(|(l, c)| Some((l, (*c)?))) {
                let mut row: Vec<String> = serde_json::from_str(label).map_err(file_error)?;
                row.push(count.to_string());
                writer.write_record(&row)?;
                rows += 1;
            }
            progress.suppressed |= rows < published.counts.len() as u64;
            let bytes = writer.into_inner().map_err(file_error)?;
            write_whole(&self.folder.join(&name), &bytes)?;
            progress.files.push(FileLine { name, rows, sha256: hex(&Sha256::digest(&bytes)) });
            if let Some(path) = kept {
                path.parent().map(std::fs::create_dir_all).transpose()?;
                write_whole(&path, &serde_json::to_vec(&published).map_err(file_error)?)?;
            }
        }
        Ok(progress)
    }
}

/// One file that is being written.
struct Open<W> {
    name: String,
    path: PathBuf,
    writer: W,
    rows: u64,
}

/// One table in each format.
type Tables = Vec<Open<Box<dyn Table>>>;

/// The files of one block of people.
struct Block<'j> {
    job: &'j Job<'j>,
    number: u64,
    views: Vec<(&'j View, Tables)>,
    /// Tables of the OMOP model by their number; none where one is not asked.
    omop: Vec<Option<Tables>>,
    resources: BTreeMap<String, Open<Lines>>,
}

impl<'j> Block<'j> {
    fn open(job: &'j Job<'j>, views: &'j [View], number: u64) -> Result<Self, Error> {
        let tables = |name: &str, fields: &[Field]| {
            let open = |format: &Format| {
                let name = format!("{name}-{number:04}.{}", format.extension());
                let path = job.folder.join(format!("{name}.part"));
                let writer = table::create(*format, &path, fields)?;
                Ok(Open { name, path, writer, rows: 0 })
            };
            job.formats.iter().map(open).collect::<Result<Vec<_>, Error>>()
        };
        let mut open_views = Vec::new();
        for view in views {
            let fields: Vec<Field> = view.columns().iter().map(Field::of).collect();
            open_views.push((view, tables(&view.name, &fields)?));
        }
        let mut omop = Vec::new();
        for table in TABLES {
            let asked = job.project.omop.iter().any(|name| name == table.name);
            let open = || tables(&format!("omop_{}", table.name), &table.columns());
            omop.push(asked.then(open).transpose()?);
        }
        Ok(Self { job, number, views: open_views, omop, resources: BTreeMap::new() })
    }

    fn omop_rows(&mut self, resources: &[Value], tally: &mut Tally) -> Result<(), Error> {
        let none = Vocabulary::default();
        let mapper = Mapper {
            vocabulary: self.job.vocabulary.unwrap_or(&none),
            key: self.job.key,
            project: &self.job.project.id,
        };
        for (table, row) in mapper.rows(resources, tally) {
            for file in self.omop.get_mut(table).into_iter().flatten().flatten() {
                file.writer.row(&row)?;
                file.rows += 1;
            }
        }
        Ok(())
    }

    fn person(&mut self, resources: &[Value], tally: &mut Tally) -> Result<(), Error> {
        if !self.job.project.omop.is_empty() {
            self.omop_rows(resources, tally)?;
        }
        for (view, files) in &mut self.views {
            let runner = Runner::new(view);
            for resource in resources {
                for row in runner.rows(resource)? {
                    for file in files.iter_mut() {
                        file.writer.row(&row)?;
                        file.rows += 1;
                    }
                }
            }
        }
        for resource in resources {
            let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
            if let Some(asked) = self.job.project.asked(resource) {
                if !self.resources.contains_key(kind) {
                    let name = format!("{kind}-{:04}.ndjson", self.number);
                    let path = self.job.folder.join(format!("{name}.part"));
                    let writer = Lines::create(&path)?;
                    self.resources.insert(kind.to_owned(), Open { name, path, writer, rows: 0 });
                }
                if let Some(file) = self.resources.get_mut(kind) {
                    file.writer.value(&asked)?;
                    file.rows += 1;
                }
            }
        }
        Ok(())
    }

    fn close(self) -> Result<Vec<FileLine>, Error> {
        let mut lines = Vec::new();
        let folder = self.job.folder;
        let mut settle = |name: String, path: PathBuf, rows: u64| -> Result<(), Error> {
            let digest = digest_of(&path)?;
            std::fs::rename(&path, folder.join(&name))?;
            lines.push(FileLine { name, rows, sha256: digest });
            Ok(())
        };
        let views = self.views.into_iter().flat_map(|(_, files)| files);
        for file in views.chain(self.omop.into_iter().flatten().flatten()) {
            file.writer.finish()?;
            settle(file.name, file.path, file.rows)?;
        }
        for (_, file) in self.resources {
            file.writer.end()?;
            settle(file.name, file.path, file.rows)?;
        }
        Ok(lines)
    }
}
