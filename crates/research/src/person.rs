//! What an extract reads: people one after another, each with choices, consent and resources.

use std::collections::{HashMap, VecDeque};

use causeway_access::choices::Choices;
use causeway_access::flags::sourced_choices;
use causeway_access::meta::{adapter_of, organisation_of};
use causeway_access::standing::Standing;
use causeway_record::{Place, Snapshot, Told};
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

/// A person whose texts were read and not yet parsed: another thread can do that.
pub struct Unread<'p> {
    bytes: usize,
    parse: Box<dyn FnOnce() -> Result<PersonRecord, Error> + Send + 'p>,
}

impl Unread<'_> {
    /// Bytes that were read.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The person.
    ///
    /// # Errors
    /// What was read is damaged.
    pub fn parse(self) -> Result<PersonRecord, Error> {
        (self.parse)()
    }
}

impl std::fmt::Debug for Unread<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unread({} bytes)", self.bytes)
    }
}

impl From<PersonRecord> for Unread<'_> {
    fn from(person: PersonRecord) -> Self {
        Self { bytes: 0, parse: Box::new(move || Ok(person)) }
    }
}

/// People one after another.
pub type People<'p> = Box<dyn Iterator<Item = Result<Unread<'p>, Error>> + 'p>;

/// People to extract from. They come in the same order each time.
pub trait Population {
    /// Starts from the first person.
    ///
    /// # Errors
    /// Where the record can't be read.
    fn people(&self) -> Result<People<'_>, Error>;
}

impl Population for Vec<PersonRecord> {
    fn people(&self) -> Result<People<'_>, Error> {
        Ok(Box::new(self.iter().cloned().map(|person| Ok(person.into()))))
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
    fn people(&self) -> Result<People<'_>, Error> {
        Ok(Box::new(Walk { population: self, after: 0, read: VecDeque::new(), ended: false }))
    }
}

struct Walk<'w> {
    population: &'w RecordPopulation<'w>,
    after: i64,
    read: VecDeque<Place>,
    ended: bool,
}

impl<'w> Walk<'w> {
    fn person(&mut self, place: &Place) -> Result<Unread<'w>, Error> {
        let population = self.population;
        let told = population.snapshot.told_of(place, RESOURCES_MAX)?;
        let standing = population.standings.get(&place.person);
        let consent = population.consents.get(&place.person).copied();
        let key = place.person.clone();
        let bytes = told.iter().map(Told::bytes).sum();
        let parse = move || {
            let resources = told.iter().map(Told::resource).collect::<Result<Vec<Value>, _>>()?;
            let mut standing = standing.cloned().unwrap_or_default();
            sourced_choices(&resources.iter().collect::<Vec<_>>(), &mut standing);
            let held = |resource| Held { gp_held: gp_held(&resource), resource };
            Ok(PersonRecord {
                key,
                choices: standing.choices,
                consent,
                resources: resources.into_iter().map(held).collect(),
            })
        };
        Ok(Unread { bytes, parse: Box::new(parse) })
    }
}

impl<'w> Iterator for Walk<'w> {
    type Item = Result<Unread<'w>, Error>;

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
