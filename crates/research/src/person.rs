//! What an extract reads: people one after another, each with choices, consent and resources.

use std::collections::{HashMap, VecDeque};

use causeway_access::choices::Choices;
use causeway_access::opened::{adapter_of, organisation_of, sourced_choices};
use causeway_access::standing::Standing;
use causeway_record::{Place, Snapshot};
use serde_json::Value;

use crate::error::Error;
use crate::limits::{PEOPLE_READ, RESOURCES_MAX};

/// A resource of a person.
#[derive(Clone, Debug)]
pub struct Held {
    /// The resource, R4 as JSON.
    pub resource: Value,
    /// Whether a GP practice holds it: a type 1 opt-out concerns these.
    pub gp_held: bool,
}

/// An explicit consent of a person to one project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Consent {
    /// Whether it covers what the GP practice holds.
    pub covers_gp: bool,
}

/// One person.
#[derive(Clone, Debug, Default)]
pub struct PersonRecord {
    /// What the exchange calls the person; the same in every extract. Never leaves.
    pub key: String,
    /// The person's choices as they are now.
    pub choices: Choices,
    /// Consent to the project that asks.
    pub consent: Option<Consent>,
    /// Everything that is held, the Patient resource among it.
    pub resources: Vec<Held>,
}

/// People to extract from. They come in the same order each time: the extract reads them twice, first to count, then to
/// write.
pub trait Population {
    /// Starts from the first person.
    ///
    /// # Errors
    /// Where the record can't be read.
    fn people(&self) -> Result<Box<dyn Iterator<Item = Result<PersonRecord, Error>> + '_>, Error>;
}

impl Population for Vec<PersonRecord> {
    fn people(&self) -> Result<Box<dyn Iterator<Item = Result<PersonRecord, Error>> + '_>, Error> {
        Ok(Box::new(self.iter().cloned().map(Ok)))
    }
}

/// Formats that only general practice speaks: what came in one of them is what a practice holds.
const GP_FORMATS: &[&str] = &["careconnect", "gp2gp", "summary-care-record"];

/// Whether a general practice holds a resource: by its format, by the code of the organisation that told it (a practice's
/// ODS code is a letter and five digits), or because nothing says who told it.
pub fn gp_held(resource: &Value) -> bool {
    let organisation = organisation_of(resource);
    let practice = match organisation.as_bytes() {
        [letter, digits @ ..] => {
            letter.is_ascii_alphabetic() && digits.len() == 5 && digits.iter().all(u8::is_ascii_digit)
        }
        [] => true,
    };
    practice || GP_FORMATS.contains(&adapter_of(resource))
}

/// Everybody in the record, as it stood at one moment, with the choices and consents of that moment.
#[derive(Debug)]
pub struct RecordPopulation<'r> {
    /// The record.
    pub snapshot: &'r Snapshot<'r>,
    /// What stands about people by person.
    pub standings: &'r HashMap<String, Standing>,
    /// Consents to the project that asks, by person.
    pub consents: &'r HashMap<String, Consent>,
}

impl Population for RecordPopulation<'_> {
    fn people(&self) -> Result<Box<dyn Iterator<Item = Result<PersonRecord, Error>> + '_>, Error> {
        Ok(Box::new(Walk { population: self, after: 0, read: VecDeque::new(), ended: false }))
    }
}

struct Walk<'w> {
    population: &'w RecordPopulation<'w>,
    after: i64,
    read: VecDeque<Place>,
    ended: bool,
}

impl Walk<'_> {
    fn person(&mut self, place: &Place) -> Result<PersonRecord, Error> {
        let told = self.population.snapshot.told_of(place, RESOURCES_MAX)?;
        let mut standing = self.population.standings.get(&place.person).cloned().unwrap_or_default();
        let resources: Vec<&Value> = told.iter().map(|t| &t.resource).collect();
        sourced_choices(&resources, &mut standing);
        Ok(PersonRecord {
            key: place.person.clone(),
            choices: standing.choices,
            consent: self.population.consents.get(&place.person).copied(),
            resources: told
                .into_iter()
                .map(|t| Held { gp_held: gp_held(&t.resource), resource: t.resource })
                .collect(),
        })
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<PersonRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read.is_empty() && !self.ended {
            match self.population.snapshot.people(self.after, PEOPLE_READ) {
                Ok(places) => {
                    self.ended = places.len() < PEOPLE_READ;
                    self.after = places.last().map_or(self.after, |place| place.number);
                    self.read = places.into();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        let place = self.read.pop_front()?;
        Some(self.person(&place))
    }
}
