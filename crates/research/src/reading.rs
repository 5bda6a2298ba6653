//! The population, read once: who may be in it, what of them, and what is left of that after de-identification.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use causeway_exchange::hex;
use causeway_fhirpath::{Environment, Expression, Moment};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::deidentify::{Deidentifier, LeftOut};
use crate::disclosure::{Cells, Counts, Seen};
use crate::error::Error;
use crate::gate::{Gate, Removed};
use crate::in_order::in_order;
use crate::job::{Job, file_error};
use crate::limits::CELLS_MAX;
use crate::omop::Vocabulary;
use crate::person::{PersonRecord, Population, Unread};
use crate::project::Tier;
use crate::rows::{Cell, Runner};
use crate::view::View;

/// People that a thread is handed at once: enough that handing over costs little.
const BATCH_PEOPLE: usize = 32;
/// Bytes of their texts after which no more people are handed over with them.
const BATCH_BYTES: usize = 1 << 20;

/// Parts an iterator into lists that end with [`BATCH_PEOPLE`] or [`BATCH_BYTES`]. An error comes after what was read
/// before it.
struct Batches<I: Iterator> {
    items: std::iter::Peekable<I>,
    bytes: fn(&I::Item) -> usize,
}

impl<T, I: Iterator<Item = Result<T, Error>>> Iterator for Batches<I> {
    type Item = Result<Vec<T>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_PEOPLE && bytes < BATCH_BYTES {
            let Some(item) = self.items.next_if(|item| item.is_ok() || batch.is_empty()) else { break };
            bytes += (self.bytes)(&item);
            match item {
                Ok(item) => batch.push(item),
                Err(error) => return Some(Err(error)),
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

fn batches<T, I: Iterator<Item = Result<T, Error>>>(items: I, bytes: fn(&I::Item) -> usize) -> Batches<I> {
    Batches { items: items.peekable(), bytes }
}

/// What the reading came to.
#[derive(Default)]
pub(crate) struct Admitted {
    pub removed: Removed,
    pub looked_at: u64,
    /// What de-identification left out.
    pub left_out: LeftOut,
    /// Of all that the files depend on.
    pub digest: String,
}

/// A batch of people of whom something may leave, and what was made of each.
struct Batch<T> {
    read: Admitted,
    made: Vec<([u8; 32], T)>,
}

impl Job<'_> {
    /// Reads everybody, and hands over in order what is made of those of the cohort of whom something may leave.
    fn admitted<T: Send>(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        make: impl Fn(PersonRecord, &mut LeftOut) -> Result<T, Error> + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
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
            add_part(&mut digest, part);
        }
        let mut all = Admitted::default();
        let batch = |gate: &mut Gate<'_>, people: Vec<Unread<'_>>| {
            let mut batch = Batch { read: Admitted::default(), made: Vec::with_capacity(people.len()) };
            for person in people {
                let mut person = person.parse()?;
                if !self.wanted(&person, cohort)? {
                    continue;
                }
                batch.read.looked_at += 1;
                if gate.admit(&mut person, &mut batch.read.removed) {
                    let mark = self.digest_of(&person);
                    batch.made.push((mark, make(person, &mut batch.read.left_out)?));
                }
            }
            Ok(batch)
        };
        let people = batches(population.people()?, |person| person.as_ref().map_or(0, Unread::bytes));
        in_order(
            people,
            || Gate::new(self.policies, self.project),
            batch,
            |batch| {
                all.looked_at += batch.read.looked_at;
                all.removed.merge(&batch.read.removed);
                for (what, count) in batch.read.left_out {
                    *all.left_out.entry(what).or_default() += count;
                }
                batch.made.into_iter().try_for_each(|(mark, one)| {
                    digest.update(mark);
                    take(one)
                })
            },
        )?;
        all.digest = hex(&digest.finalize());
        Ok(all)
    }

    /// Of all that the files depend on of one person.
    fn digest_of(&self, person: &PersonRecord) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.key.mark(&self.project.id, &person.key).to_be_bytes());
        for held in &person.resources {
            let resource = &held.resource;
            let meta = |name: &str| resource.get("meta").and_then(|meta| meta.get(name));
            for part in [resource.get("id"), meta("versionId"), meta("lastUpdated")] {
                add_part(&mut digest, part.and_then(Value::as_str).unwrap_or_default().as_bytes());
            }
        }
        digest.finalize().into()
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
        let now = Moment::date_time(&format!("{}T00:00:00Z", self.today));
        let environment = Environment { now, ..Environment::of(patient) };
        let found = cohort.truth(&environment, patient).map_err(|e| Error::View(format!("cohort: {e}")))?;
        Ok(found == Some(true))
    }

    fn deidentifier(&self) -> Deidentifier<'_> {
        Deidentifier {
            key: self.key,
            project: &self.project.id,
            dates: self.project.dates,
            today: self.today,
        }
    }

    /// Counts people, and puts aside what is left of each: the resources as they may leave, but for rare ones.
    pub(crate) fn spilled(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        spill: &mut Spill,
        counts: &mut Counts,
    ) -> Result<Admitted, Error> {
        let pseudonymised = self.project.tier == Tier::Pseudonymised;
        let make = |person: PersonRecord, left_out: &mut LeftOut| {
            let raw: Vec<&Value> = person.resources.iter().map(|held| &held.resource).collect();
            let mut lines = Vec::new();
            let mut line = |number: usize, resource: &Value| {
                // Whether it is of the time that is asked is told by what it was made of.
                let is_asked =
                    self.selection.is_none_or(|s| raw.get(number).is_some_and(|r| s.is_of_time(r)));
                lines.push(u8::from(is_asked));
                serde_json::to_writer(&mut lines, resource).map_err(file_error)?;
                lines.push(b'\n');
                Ok::<(), Error>(())
            };
            let mut seen = None;
            if pseudonymised {
                let (numbers, clean): (Vec<usize>, Vec<Value>) =
                    self.deidentifier().numbered(&person.key, &raw, left_out).into_iter().unzip();
                numbers.iter().zip(&clean).try_for_each(|(number, one)| line(*number, one))?;
                seen = Seen::of(&clean);
            } else {
                raw.iter().enumerate().try_for_each(|(number, one)| line(number, one))?;
            }
            Ok((lines, seen))
        };
        self.admitted(population, cohort, make, |(lines, seen)| {
            if let Some(seen) = seen {
                counts.add(seen);
            }
            spill.person(&lines)
        })
    }

    /// Counts the people of each cell of each view; and those who are in any.
    pub(crate) fn cells(
        &self,
        population: &dyn Population,
        cohort: Option<&Expression>,
        views: &[View],
        tables: &mut [Cells],
    ) -> Result<(Admitted, u64), Error> {
        let make = |person: PersonRecord, left_out: &mut LeftOut| {
            let raw: Vec<&Value> = person.resources.iter().map(|held| &held.resource).collect();
            let resources = self.deidentifier().person(&person.key, &raw, left_out);
            let mut keys: Vec<Vec<Vec<String>>> = Vec::with_capacity(views.len());
            for view in views {
                let runner = Runner::new(view);
                let mut own = Vec::new();
                for resource in &resources {
                    for row in runner.rows(resource)? {
                        let key = row.iter().map(|cell| match cell {
                            Cell::Text(text) => text.clone(),
                            other => other.json().to_string(),
                        });
                        own.push(key.collect());
                    }
                }
                keys.push(own);
            }
            Ok((self.key.mark(&self.project.id, &person.key), keys))
        };
        let mut people = 0;
        let read = self.admitted(population, cohort, make, |(mark, keys)| {
            people += u64::from(keys.iter().any(|own| !own.is_empty()));
            for (own, cells) in keys.into_iter().zip(tables.iter_mut()) {
                for key in own {
                    cells.entry(key).or_default().insert(mark);
                    if cells.len() > CELLS_MAX {
                        return Err(Error::Limit("CELLS_MAX"));
                    }
                }
            }
            Ok(())
        })?;
        Ok((read, people))
    }
}

fn add_part(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_be_bytes());
    digest.update(part);
}

/// What is left of people, put aside between counting and writing: for each a length of eight bytes, and a line for each
/// resource: a byte that says whether it is of the time that is asked, and its JSON. The file has no name from the
/// beginning, so that nothing of it stays when the process ends, however it ends.
pub(crate) struct Spill {
    file: BufWriter<File>,
}

impl Spill {
    /// In a folder.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!(".reading-{}.part", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file) })
    }

    fn person(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.file.write_all(&(lines.len() as u64).to_be_bytes())?;
        Ok(self.file.write_all(lines)?)
    }

    /// What was put aside, person by person.
    pub fn read(self) -> Result<Spilled, Error> {
        let mut file = self.file.into_inner().map_err(file_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spilled(BufReader::with_capacity(1 << 18, file)))
    }
}

/// What was put aside.
pub(crate) struct Spilled(BufReader<File>);

impl Spilled {
    fn length(&mut self) -> Result<Option<u64>, Error> {
        let mut length = [0; 8];
        match self.0.read_exact(&mut length) {
            Ok(()) => Ok(Some(u64::from_be_bytes(length))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Passes over some people.
    pub fn skip(&mut self, people: u64) -> Result<(), Error> {
        for _ in 0..people {
            let Some(length) = self.length()? else { break };
            self.0.seek_relative(i64::try_from(length).map_err(file_error)?)?;
        }
        Ok(())
    }

    fn person(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(length) = self.length()? else { return Ok(None) };
        let mut lines = Vec::new();
        self.0.by_ref().take(length).read_to_end(&mut lines)?;
        if lines.len() as u64 != length {
            return Err(Error::File("what was put aside is cut short".to_owned()));
        }
        Ok(Some(lines))
    }

    /// The people, some at a time.
    pub fn batches(mut self) -> impl Iterator<Item = Result<Vec<Vec<u8>>, Error>> {
        let people = std::iter::from_fn(move || self.person().transpose());
        batches(people, |lines| lines.as_ref().map_or(0, Vec::len))
    }
}
