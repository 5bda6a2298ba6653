//! Files of an extract, a block of people at a time: what leaves of each person, and the files that it goes into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use causeway_exchange::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::disclosure::Plan;
use crate::error::Error;
use crate::job::{FileLine, Job, file_error};
use crate::omop::{Mapper, Placed, TABLES, Tally, Vocabulary};
use crate::rows::{Row, Runner};
use crate::table::{self, Field, Format, Lines, Table};
use crate::view::View;

/// What leaves of one person.
#[derive(Default)]
pub(crate) struct Leaving {
    /// Whether anything does.
    pub is_there: bool,
    pub tally: Tally,
    omop: Vec<Placed>,
    /// Rows with the number of their view.
    rows: Vec<(usize, Row)>,
    /// By resource type: lines of JSON, and how many.
    lines: BTreeMap<String, (Vec<u8>, u64)>,
}

/// Makes of what was put aside of people what leaves of them.
pub(crate) struct Maker<'m> {
    pub job: &'m Job<'m>,
    pub views: &'m [View],
    /// What the counts decided, where there were any.
    pub plan: Option<&'m Plan>,
}

impl Maker<'_> {
    /// Of some people, in order: of each the lines of a [`crate::reading::Spill`].
    pub fn batch(&self, people: &[Vec<u8>]) -> Result<Vec<Leaving>, Error> {
        people.iter().map(|lines| self.person(lines)).collect()
    }

    fn person(&self, lines: &[u8]) -> Result<Leaving, Error> {
        let mut flags = Vec::new();
        let mut resources = Vec::new();
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some((flag, json)) = line.split_first() {
                flags.push(*flag == 1);
                resources.push(serde_json::from_slice::<Value>(json).map_err(file_error)?);
            }
        }
        let mut leaving = Leaving::default();
        if !self.plan.is_none_or(|plan| plan.apply(&mut resources)) {
            return Ok(leaving);
        }
        if let Some(selection) = self.job.selection {
            // What is asked is looked for in what leaves, not in what it was made of: a question tells nothing.
            let mut flags = flags.into_iter();
            resources.retain(|one| flags.next() == Some(true) && selection.takes(one));
        }
        leaving.is_there = !resources.is_empty();
        if !self.job.project.omop.is_empty() {
            let none = Vocabulary::default();
            let mapper = Mapper {
                vocabulary: self.job.vocabulary.unwrap_or(&none),
                key: self.job.key,
                project: &self.job.project.id,
            };
            leaving.omop = mapper.rows(&resources, &mut leaving.tally);
        }
        for (number, view) in self.views.iter().enumerate() {
            let runner = Runner::new(view);
            for resource in &resources {
                leaving.rows.extend(runner.rows(resource)?.into_iter().map(|row| (number, row)));
            }
        }
        for resource in &resources {
            let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
            if let Some(asked) = self.job.project.asked(resource) {
                if !leaving.lines.contains_key(kind) {
                    leaving.lines.insert(kind.to_owned(), (Vec::new(), 0));
                }
                if let Some((lines, count)) = leaving.lines.get_mut(kind) {
                    serde_json::to_writer(&mut *lines, &*asked).map_err(file_error)?;
                    lines.push(b'\n');
                    *count += 1;
                }
            }
        }
        Ok(leaving)
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

/// One file that is being written.
struct Open<W> {
    name: String,
    path: PathBuf,
    writer: W,
    rows: u64,
}

/// One table in each format.
type Tables = Vec<Open<Box<dyn Table>>>;

/// Writes a row in each format.
fn put(tables: Option<&mut Tables>, row: Row) -> Result<(), Error> {
    let Some((last, others)) = tables.and_then(|tables| tables.split_last_mut()) else { return Ok(()) };
    for file in others {
        file.writer.row(row.clone())?;
        file.rows += 1;
    }
    last.rows += 1;
    last.writer.row(row)
}

/// The files of one block of people.
pub(crate) struct Block<'j> {
    job: &'j Job<'j>,
    number: u64,
    /// Tables of the views in their order.
    views: Vec<Tables>,
    /// Tables of the OMOP model by their number; none where one is not asked.
    omop: Vec<Option<Tables>>,
    resources: BTreeMap<String, Open<Lines>>,
}

impl<'j> Block<'j> {
    pub fn open(job: &'j Job<'j>, views: &'j [View], number: u64) -> Result<Self, Error> {
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
            open_views.push(tables(&view.name, &fields)?);
        }
        let mut omop = Vec::new();
        for table in TABLES {
            let asked = job.project.omop.iter().any(|name| name == table.name);
            let open = || tables(&format!("omop_{}", table.name), &table.columns());
            omop.push(asked.then(open).transpose()?);
        }
        Ok(Self { job, number, views: open_views, omop, resources: BTreeMap::new() })
    }

    pub fn person(&mut self, leaving: Leaving) -> Result<(), Error> {
        for (table, row) in leaving.omop {
            put(self.omop.get_mut(table).and_then(Option::as_mut), row)?;
        }
        for (view, row) in leaving.rows {
            put(self.views.get_mut(view), row)?;
        }
        for (kind, (lines, count)) in leaving.lines {
            let file = match self.resources.get_mut(&kind) {
                Some(file) => file,
                None => {
                    let name = format!("{kind}-{:04}.ndjson", self.number);
                    let path = self.job.folder.join(format!("{name}.part"));
                    let writer = Lines::create(&path)?;
                    self.resources.entry(kind).or_insert(Open { name, path, writer, rows: 0 })
                }
            };
            file.writer.lines(&lines)?;
            file.rows += count;
        }
        Ok(())
    }

    pub fn close(self) -> Result<Vec<FileLine>, Error> {
        let mut lines = Vec::new();
        let folder = self.job.folder;
        let mut settle = |name: String, path: PathBuf, rows: u64| -> Result<(), Error> {
            let digest = digest_of(&path)?;
            std::fs::rename(&path, folder.join(&name))?;
            lines.push(FileLine { name, rows, sha256: digest });
            Ok(())
        };
        let views = self.views.into_iter().flatten();
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
