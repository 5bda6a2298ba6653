//! A vocabulary folder of the user's own: `CONCEPT.csv`, `CONCEPT_RELATIONSHIP.csv` and `VOCABULARY.csv` as OHDSI's Athena
//! hands them out (tab-separated, with a heading, nothing quoted). None is shipped: they have licences of their own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::limits::CONCEPTS_MAX;

/// FHIR code systems and what the vocabularies call them. Of several the first that has the code is taken.
const SYSTEMS: &[(&str, &[&str])] = &[
    ("http://snomed.info/sct", &["SNOMED", "dm+d"]),
    ("https://dmd.nhs.uk", &["dm+d"]),
    ("http://loinc.org", &["LOINC"]),
    ("http://hl7.org/fhir/sid/icd-10", &["ICD10"]),
    ("http://read.info/readv2", &["Read"]),
    ("http://unitsofmeasure.org", &["UCUM"]),
];

/// Where events of a concept belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `condition_occurrence`
    Condition,
    /// `drug_exposure`
    Drug,
    /// `procedure_occurrence`
    Procedure,
    /// `measurement`
    Measurement,
    /// `observation`, and what else has no table of its own here
    Observation,
}

impl Domain {
    fn of(name: &str) -> Self {
        match name {
            "Condition" => Self::Condition,
            "Drug" => Self::Drug,
            "Procedure" => Self::Procedure,
            "Measurement" => Self::Measurement,
            _ => Self::Observation,
        }
    }
}

/// A concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concept {
    /// `concept_id`
    pub id: i64,
    /// Where its events belong.
    pub domain: Domain,
    standard: bool,
}

/// What a code comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The concept of the code itself; 0 where it is not known.
    pub source: i64,
    /// Standard concepts that it maps to; none where nothing is known.
    pub standard: Vec<Concept>,
}

/// Concepts by code.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Vocabulary and code → concept.
    by_code: HashMap<(&'static str, String), Concept>,
    /// Concept that is not standard → standard ones.
    maps_to: HashMap<i64, Vec<Concept>>,
    /// Release of the vocabularies.
    pub version: String,
    digest: [u8; 32],
}

/// A file of the folder, line by line, with the columns that are wanted by name.
fn lines<const N: usize>(
    path: &Path,
    columns: [&str; N],
    digest: &mut Sha256,
    mut act: impl FnMut([&str; N]) -> Result<(), String>,
) -> Result<(), Error> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |row: usize, what: &str| Error::Definition(format!("vocabulary, {name}, row {row}: {what}"));
    let file = File::open(path).map_err(|e| Error::File(format!("vocabulary, {name}: {e}")))?;
    let mut places = [0; N];
    for (n, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| wrong(n + 1, &e.to_string()))?;
        digest.update(line.as_bytes());
        digest.update(b"\n");
        let cells: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
        if n == 0 {
            for (place, column) in places.iter_mut().zip(columns) {
                let at =
                    cells.iter().position(|c| c.trim_start_matches('\u{feff}').eq_ignore_ascii_case(column));
                *place = at.ok_or_else(|| wrong(1, &format!("no column {column}")))?;
            }
            continue;
        }
        let mut wanted = [""; N];
        for (cell, place) in wanted.iter_mut().zip(places) {
            *cell = cells.get(place).ok_or_else(|| wrong(n + 1, "a cell is missing"))?;
        }
        act(wanted).map_err(|what| wrong(n + 1, &what))?;
    }
    Ok(())
}

impl Vocabulary {
    /// Reads a folder. Only concepts of vocabularies that this record has codes of are kept.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Definition`] with file and row; [`Error::Limit`].
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut digest = Sha256::new();
        let mut vocabulary = Self::default();
        let known: HashMap<&str, &'static str> =
            SYSTEMS.iter().flat_map(|(_, names)| names.iter()).map(|name| (*name, *name)).collect();
        let mut kept: HashMap<i64, Concept> = HashMap::new();
        let columns = [
            "concept_id",
            "domain_id",
            "vocabulary_id",
            "standard_concept",
            "concept_code",
            "invalid_reason",
        ];
        let mut too_many = false;
        lines(
            &folder.join("CONCEPT.csv"),
            columns,
            &mut digest,
            |[id, domain, of, standard, code, invalid]| {
                let Ok(id) = id.parse::<i64>() else { return Err("concept_id is no number".to_owned()) };
                let concept = Concept {
                    id,
                    domain: Domain::of(domain),
                    standard: standard == "S" && invalid.is_empty(),
                };
                let ours = known.get(of);
                if ours.is_none() && !concept.standard {
                    return Ok(());
                }
                if let Some(of) = ours {
                    vocabulary.by_code.insert((of, code.to_owned()), concept);
                }
                kept.insert(id, concept);
                too_many |= kept.len() > CONCEPTS_MAX;
                Ok(())
            },
        )?;
        if too_many {
            return Err(Error::Limit("CONCEPTS_MAX"));
        }
        let columns = ["concept_id_1", "concept_id_2", "relationship_id", "invalid_reason"];
        lines(
            &folder.join("CONCEPT_RELATIONSHIP.csv"),
            columns,
            &mut digest,
            |[from, to, kind, invalid]| {
                let (Ok(from), Ok(to)) = (from.parse::<i64>(), to.parse::<i64>()) else {
                    return Err("a concept id is no number".to_owned());
                };
                let target = kept.get(&to).filter(|c| c.standard);
                if kind == "Maps to"
                    && invalid.is_empty()
                    && from != to
                    && let (Some(_), Some(target)) = (kept.get(&from), target)
                {
                    vocabulary.maps_to.entry(from).or_default().push(*target);
                }
                Ok(())
            },
        )?;
        let columns = ["vocabulary_id", "vocabulary_version"];
        lines(&folder.join("VOCABULARY.csv"), columns, &mut digest, |[id, version]| {
            // The row "None" holds the release of the whole.
            if id == "None" {
                version.clone_into(&mut vocabulary.version);
            }
            Ok(())
        })?;
        // Rows of one event come in one order whatever the file's is.
        vocabulary.maps_to.values_mut().for_each(|targets| {
            targets.sort_by_key(|c| c.id);
            targets.dedup();
        });
        vocabulary.digest = digest.finalize().into();
        Ok(vocabulary)
    }

    /// Tells one vocabulary from another.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What a code comes to. A code that is standard stands for itself.
    pub fn map(&self, system: &str, code: &str) -> Mapped {
        let names = SYSTEMS.iter().find(|(uri, _)| *uri == system).map_or(&[][..], |(_, names)| names);
        let found = names.iter().find_map(|name| self.by_code.get(&(*name, code.to_owned())));
        let Some(concept) = found else { return Mapped::default() };
        let standard = if concept.standard {
            vec![*concept]
        } else {
            self.maps_to.get(&concept.id).cloned().unwrap_or_default()
        };
        Mapped { source: concept.id, standard }
    }
}
