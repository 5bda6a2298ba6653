//! A search of every byte of an extract for what must not be in it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::person::PersonRecord;

/// Things that would give somebody away, and what kind of thing each is.
#[derive(Debug, Default)]
pub struct Secrets {
    words: BTreeSet<(String, &'static str)>,
    /// By the slot of their first bytes.
    by_start: Vec<Vec<(Vec<u8>, &'static str)>>,
}

/// Shortest text that is looked for: shorter ones stand in ordinary words.
const SHORTEST: usize = 5;
/// Bytes of a file that are looked at at once.
const BLOCK: usize = 1 << 20;

impl Secrets {
    /// Learns what would give a person away: identifiers, names, addresses, full dates, free text, ids of resources and
    /// of sources.
    pub fn learn(&mut self, person: &PersonRecord) {
        for held in &person.resources {
            self.walk("", &held.resource);
            if let Some(id) = held.resource.get("id").and_then(Value::as_str) {
                self.add(id, "id");
            }
        }
    }

    fn add(&mut self, text: &str, kind: &'static str) {
        let text = text.trim();
        let telling =
            text.bytes().any(|b| b.is_ascii_digit()) || text.contains(' ') || text.len() >= SHORTEST + 2;
        if text.len() >= SHORTEST && telling {
            self.words.insert((text.to_owned(), kind));
        }
    }

    fn walk(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match (name, key.as_str(), value) {
                        ("identifier", "value", Value::String(text)) => self.add(text, "identifier"),
                        ("name", "family" | "text", Value::String(text)) => self.add(text, "name"),
                        ("telecom", "value", Value::String(text)) => self.add(text, "telephone or e-mail"),
                        ("address", "text" | "city" | "postalCode", Value::String(text)) => {
                            self.add(text, "address");
                        }
                        ("meta", "source", Value::String(text)) => self.add(text, "source message"),
                        (
                            _,
                            "div" | "text" | "valueString" | "comment" | "title" | "data" | "url",
                            Value::String(t),
                        ) => {
                            self.add(t, "free text");
                        }
                        (_, _, Value::String(text)) if is_day(text) => {
                            self.add(text.get(..10).unwrap_or(text), "full date");
                        }
                        ("address", "line", Value::Array(lines)) => {
                            lines.iter().filter_map(Value::as_str).for_each(|line| self.add(line, "address"));
                        }
                        ("name", "given", Value::Array(_)) => {}
                        _ => self.walk(key, value),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.walk(name, value)),
            _ => {}
        }
    }

    /// How many different things are looked for.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn prepare(&mut self) {
        self.by_start = vec![Vec::new(); SLOTS];
        for (word, kind) in &self.words {
            if let Some(list) = slot(word.as_bytes()).and_then(|slot| self.by_start.get_mut(slot)) {
                list.push((word.as_bytes().to_vec(), kind));
            }
        }
    }

    fn look(&self, bytes: &[u8], found: &mut BTreeSet<&'static str>) {
        for at in 0..bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(list) = slot(rest).and_then(|slot| self.by_start.get(slot)) else { return };
            for (word, kind) in list {
                if rest.starts_with(word) {
                    found.insert(kind);
                }
            }
        }
    }

    /// Looks through every byte of every file of a folder, file names too. The kinds of things that were found.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub fn search(&mut self, folder: &Path) -> Result<BTreeSet<&'static str>, Error> {
        self.prepare();
        let longest = self.words.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
        let mut found = BTreeSet::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(path) = open.pop() {
            self.look(path.file_name().map(|n| n.as_encoded_bytes()).unwrap_or_default(), &mut found);
            if path.is_dir() {
                for entry in std::fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
                continue;
            }
            let mut file = std::fs::File::open(&path)?;
            let mut held: Vec<u8> = Vec::new();
            let mut block = vec![0; BLOCK];
            loop {
                let read = file.read(&mut block)?;
                held.extend_from_slice(block.get(..read).unwrap_or_default());
                self.look(&held, &mut found);
                if read == 0 {
                    break;
                }
                // What begins at the end of a block goes on in the next.
                let keep = held.len().saturating_sub(longest);
                held.drain(..keep);
            }
        }
        Ok(found)
    }
}

/// Slots by the first [`SHORTEST`] bytes: a search for a million texts is then about one look at each place.
const SLOTS: usize = 1 << 20;

fn slot(bytes: &[u8]) -> Option<usize> {
    let start = bytes.get(..SHORTEST)?;
    let number = start.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    usize::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44).ok()
}

fn is_day(text: &str) -> bool {
    let shape = |(n, b): (usize, u8)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() };
    text.len() >= 10 && text.bytes().take(10).enumerate().all(shape)
}
