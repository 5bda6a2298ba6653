//! What an extract is made by, and what it came to.

use std::collections::BTreeMap;
use std::path::Path;

use causeway_access::PolicySet;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::deidentify::{Key, LeftOut};
use crate::disclosure::{Measured, told};
use crate::error::Error;
use crate::gate::Removed;
use crate::omop::{Tally, Vocabulary};
use crate::project::Project;
use crate::selection::Selection;
use crate::table::Format;

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

/// Name of the report in the folder of an extract.
pub const REPORT: &str = "report.json";

pub(crate) fn file_error(error: impl std::fmt::Display) -> Error {
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
