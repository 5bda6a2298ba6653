//! A map as it is written: a small TOML file with name, version and senders, and the CSV tables that it names.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use causeway_adapter::Sender;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::limits;
use crate::place::Place;
use crate::row::Row;

/// A map's text. The caller has read the files; a table that is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// How the map's file is called in faults.
    pub file: String,
    /// Its text.
    pub text: String,
    /// The tables that it names, by name as written there.
    pub tables: Vec<(String, String)>,
}

/// What a map's file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// Kebab-case.
    name: String,
    /// From 1, raised with each change.
    version: u32,
    /// Codes of the organisations for whose messages it is.
    senders: Vec<String>,
    /// Names of adapters; none means all.
    #[serde(default)]
    formats: Vec<String>,
    /// File with the table of codes.
    codes: Option<String>,
    /// File with the table of places.
    places: Option<String>,
}

/// Something that is wrong with a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where it is the file as a whole.
    pub line: usize,
    /// The column of a table, or the character of a line of TOML, from 1; 0 where it is the line as a whole.
    pub column: usize,
    /// What is wrong, one sentence without an end.
    pub text: String,
}

impl Fault {
    /// A fault.
    pub fn of(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column: 0, text: text.into() }
    }

    fn at(self, column: usize) -> Self {
        Self { column, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}: {}", self.file, self.text),
            (line, 0) => write!(f, "{}:{line}: {}", self.file, self.text),
            (line, column) => write!(f, "{}:{line}:{column}: {}", self.file, self.text),
        }
    }
}

/// One local map, ready to be used.
#[derive(Debug)]
pub struct Map {
    name: String,
    version: u32,
    label: &'static str,
    senders: Vec<String>,
    formats: Vec<String>,
    source: Source,
    /// By source system and code.
    codes: BTreeMap<String, HashMap<String, Code>>,
    places: Vec<Place>,
}

impl Source {
    /// The names of the tables that a map's text names, for the caller to read them.
    ///
    /// # Errors
    /// A fault where the text is no map.
    pub fn tables_of(file: &str, text: &str) -> Result<Vec<String>, Fault> {
        let head = Head::read(file, text)?;
        Ok(head.codes.into_iter().chain(head.places).collect())
    }

    fn table(&self, name: &str) -> Option<&str> {
        self.tables.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
    }
}

impl Head {
    fn read(file: &str, text: &str) -> Result<Self, Fault> {
        toml::from_str(text).map_err(|e| {
            let before = e.span().and_then(|s| text.get(..s.start));
            let line = before.map_or(0, |t| t.matches('\n').count() + 1);
            let column = before.map_or(0, |t| t.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
            Fault::of(file, line, e.message().trim().to_owned()).at(column)
        })
    }

    fn faults(&self) -> Vec<&'static str> {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let mut faults = Vec::new();
        if self.name.is_empty() || self.name.len() > limits::NAME_CHARS_MAX || !self.name.chars().all(kebab) {
            faults.push("name must be small letters, digits and hyphens, 64 at most");
        }
        if self.version == 0 {
            faults.push("version must be 1 or more");
        }
        let blank = |text: &String| text.trim().is_empty();
        if self.senders.is_empty() || self.senders.iter().any(blank) {
            faults.push("senders must list the codes of the organisations for whose messages the map is");
        }
        if self.codes.is_none() && self.places.is_none() {
            faults.push("codes or places must name a table");
        }
        faults
    }
}

impl Map {
    /// Reads a map and judges every row.
    ///
    /// # Errors
    /// Everything that is wrong, with file and line, at most [`limits::FAULTS_MAX`] of a file.
    pub fn read(source: Source) -> Result<Self, Vec<Fault>> {
        let head = Head::read(&source.file, &source.text).map_err(|fault| vec![fault])?;
        let mut faults: Vec<Fault> =
            head.faults().into_iter().map(|text| Fault::of(&source.file, 0, text)).collect();
        let mut codes: BTreeMap<String, HashMap<String, Code>> = BTreeMap::new();
        if let Some(name) = &head.codes {
            rows(&source, name, &Code::COLUMNS, &Code::NEEDED, &mut faults, |row| {
                let code = Code::read(row)?;
                let system = codes.entry(row.cell("source_system").to_owned()).or_default();
                match system.insert(row.cell("source_code").to_owned(), code) {
                    None => Ok(()),
                    Some(_) => {
                        Err("source_code: the code of this source system stands in the table twice"
                            .to_owned())
                    }
                }
            });
        }
        let mut places: Vec<Place> = Vec::new();
        if let Some(name) = &head.places {
            rows(&source, name, &Place::COLUMNS, &Place::NEEDED, &mut faults, |row| {
                let place = Place::read(row)?;
                if places.iter().any(|other| other.is_same(&place)) {
                    return Err(
                        "source_place: the place goes to this element twice under one condition".to_owned()
                    );
                }
                places.push(place);
                Ok(())
            });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let label = crate::label(format!("local map {} version {}", head.name, head.version));
        let Head { name, version, senders, formats, .. } = head;
        Ok(Self { name, version, label, senders, formats, source, codes, places })
    }

    /// `local map NAME version N`.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Codes of the senders for whose messages it is.
    pub fn senders(&self) -> &[String] {
        &self.senders
    }

    /// Names of the formats for which it is; none means all.
    pub fn formats(&self) -> &[String] {
        &self.formats
    }

    /// Its text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Rows of codes and of places.
    pub fn rows(&self) -> (usize, usize) {
        (self.codes.values().map(HashMap::len).sum(), self.places.len())
    }

    pub(crate) fn concerns(&self, sender: &Sender, adapter: &str) -> bool {
        self.senders.iter().any(|code| code.eq_ignore_ascii_case(&sender.code))
            && (self.formats.is_empty() || self.formats.iter().any(|format| format == adapter))
    }

    pub(crate) fn names(&self, place: &str) -> bool {
        self.places.iter().any(|row| row.names(place))
    }

    pub(crate) fn code(&self, system: &str, code: &str) -> Option<&Code> {
        self.codes.get(system)?.get(code)
    }

    /// The source systems of its codes.
    pub(crate) fn systems(&self) -> impl Iterator<Item = &str> {
        self.codes.keys().map(String::as_str)
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Where this map and another one speak of the same thing.
    pub(crate) fn clashes(&self, other: &Self) -> Vec<Fault> {
        let file = &self.source.file;
        let mut faults = Vec::new();
        let same = |text: String| Fault::of(file, 0, text);
        if self.name == other.name {
            faults.push(same(format!("a map of the name {} is there twice", self.name)));
            return faults;
        }
        let sender = self.senders.iter().any(|s| other.senders.iter().any(|o| o.eq_ignore_ascii_case(s)));
        let format = self.formats.is_empty()
            || other.formats.is_empty()
            || self.formats.iter().any(|f| other.formats.contains(f));
        if !sender || !format {
            return faults;
        }
        let twice = |system: &String, codes: &HashMap<String, Code>| {
            other.codes.get(system).is_some_and(|theirs| codes.keys().any(|code| theirs.contains_key(code)))
        };
        if self.codes.iter().any(|(system, codes)| twice(system, codes)) {
            faults.push(same(format!("it maps a code that the map {} maps for the same sender", other.name)));
        }
        if self.places.iter().any(|place| other.places.iter().any(|theirs| place.is_same(theirs))) {
            faults
                .push(same(format!("it maps a place that the map {} maps for the same sender", other.name)));
        }
        faults
    }
}

/// Reads a table row by row; `take` says what is wrong with a row.
fn rows(
    source: &Source,
    name: &str,
    known: &[&str],
    needed: &[&str],
    faults: &mut Vec<Fault>,
    mut take: impl FnMut(&Row<'_>) -> Result<(), String>,
) {
    let mut found = Vec::new();
    let Some(text) = source.table(name) else {
        faults.push(Fault::of(&source.file, 0, format!("the table {name} is not there")));
        return;
    };
    let mut say = |(line, column): (usize, usize), text: String| {
        if found.len() < limits::FAULTS_MAX {
            found.push(Fault::of(name, line, text).at(column));
        }
        found.len() < limits::FAULTS_MAX
    };
    if text.len() > limits::FILE_BYTES_MAX {
        say((0, 0), format!("the table has more than {} bytes", limits::FILE_BYTES_MAX));
        faults.extend(found);
        return;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut columns: Option<HashMap<String, usize>> = None;
    for (number, record) in reader.records().enumerate() {
        let Ok(record) = record else {
            say((number + 1, 0), "the row can't be read as comma-separated text".to_owned());
            break;
        };
        let line = record.position().map_or(number + 1, |p| p.line() as usize);
        let Some(columns) = &columns else {
            let heads: Vec<String> =
                record.iter().map(|h| causeway_adapter::table::bare(h).to_ascii_lowercase()).collect();
            for need in needed.iter().filter(|need| !heads.iter().any(|h| h == *need)) {
                say((line, 0), format!("the heading has no column {need}"));
            }
            for (at, head) in heads.iter().enumerate() {
                if !known.contains(&head.as_str()) {
                    let allowed = known.join(", ");
                    say((line, at + 1), format!("column {} of the heading is none of: {allowed}", at + 1));
                } else if heads.iter().take(at).any(|other| other == head) {
                    say((line, at + 1), format!("the column {head} is there twice"));
                }
            }
            columns = Some(heads.into_iter().enumerate().map(|(at, head)| (head, at)).collect());
            continue;
        };
        if record.len() != columns.len() {
            if !say(
                (line, 0),
                format!("the row has {} cells and the heading {}", record.len(), columns.len()),
            ) {
                break;
            }
            continue;
        }
        if number > limits::ROWS_MAX {
            say((line, 0), format!("the table has more than {} rows", limits::ROWS_MAX));
            break;
        }
        if let Some(column) = record.iter().position(|cell| {
            cell.chars().count() > limits::CELL_CHARS_MAX || cell.chars().any(char::is_control)
        }) {
            if !say(
                (line, column + 1),
                format!("cell {} is too long or holds control characters", column + 1),
            ) {
                break;
            }
            continue;
        }
        if let Err(text) = take(&Row::new(&record, columns)) {
            // A fault begins with the name of the column that it is in.
            let named = text.split([' ', ':']).next().and_then(|word| columns.get(word));
            if !say((line, named.map_or(0, |at| at + 1)), text) {
                break;
            }
        }
    }
    if columns.is_none() {
        say((0, 0), "the table is empty".to_owned());
    }
    faults.extend(found);
}
