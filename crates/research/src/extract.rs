//! An extract: people in, files and a report out.
//!
//! The population is read once (`reading`): groups and rare codes are counted, and what is left of each person after
//! de-identification is put aside in a file without a name. From that the files are written (`block`), a block of people
//! at a time, flushed and renamed before the next begins. Nothing in them depends on when or how often it was started: an
//! extract that was killed goes on and ends with the same bytes.

use std::path::{Path, PathBuf};

use causeway_exchange::hex;
use causeway_fhirpath::Expression;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::block::{Block, Maker};
use crate::disclosure::{Cells, Counts, Decided, Plan, Published, publish, told};
use crate::error::Error;
use crate::in_order::in_order;
pub use crate::job::{FileLine, Job, REPORT, Report};
use crate::job::{file_error, write_whole};
use crate::omop::{CDM_VERSION, Tally};
use crate::person::Population;
use crate::project::Tier;
use crate::reading::Spill;
use crate::view::View;

/// What is remembered between blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Of project, policies, day and population: another one starts anew.
    digest: String,
    blocks: u64,
    people: u64,
    suppressed: bool,
    #[serde(default)]
    omop: Tally,
    files: Vec<FileLine>,
}

const PROGRESS: &str = "progress.json";
/// Takes a file away; it is no matter if it is not there.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

impl Job<'_> {
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
        let (read, plan, mut progress) = if self.project.tier == Tier::Aggregate {
            let mut tables: Vec<Cells> = vec![Cells::new(); views.len()];
            let (read, people) = self.cells(population, cohort.as_ref(), &views, &mut tables)?;
            let progress = self.tables_of_counts(&views, &tables, people, &read.digest)?;
            (read, None, progress)
        } else {
            let mut spill = Spill::new(self.state.unwrap_or(self.folder))?;
            let mut counts = Counts::default();
            let read = self.spilled(population, cohort.as_ref(), &mut spill, &mut counts)?;
            let pseudonymised = self.project.tier == Tier::Pseudonymised;
            let before = self.decided()?;
            let plan = pseudonymised.then(|| counts.plan(self.project.smallest, &before));
            let progress = self.write(spill, &views, plan.as_ref(), &read.digest)?;
            (read, plan, progress)
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
            looked_at: read.looked_at,
            people: progress.people,
            removed: read.removed,
            left_out: read.left_out,
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
        spill: Spill,
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
        let mut block: Option<Block<'_>> = None;
        let mut in_block = 0;
        let mut people = spill.read()?;
        // People of blocks that are there already.
        people.skip(progress.blocks * size)?;
        let maker = Maker { job: self, views, plan };
        in_order(
            people.batches(),
            || (),
            |(), batch: Vec<Vec<u8>>| maker.batch(&batch),
            |batch| {
                for leaving in batch {
                    let number = progress.blocks + 1;
                    let open = match &mut block {
                        Some(open) => open,
                        none => none.insert(Block::open(self, views, number)?),
                    };
                    in_block += 1;
                    progress.people += u64::from(leaving.is_there);
                    progress.omop.add(&leaving.tally);
                    open.person(leaving)?;
                    if in_block == size {
                        in_block = 0;
                        if let Some(full) = block.take() {
                            self.settle(full, &mut progress)?;
                        }
                    }
                }
                Ok(())
            },
        )?;
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
        views: &[View],
        tables: &[Cells],
        people: u64,
        digest: &str,
    ) -> Result<Progress, Error> {
        let mut progress = Progress { digest: digest.to_owned(), ..Progress::default() };
        // How many people are in it is a count too.
        progress.people = told(people);
        for (view, cells) in views.iter().zip(tables) {
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
