//! What a run of the generator writes: every message of a population with its place in the manifest, so that a
//! file on disk leads back to its person, journey and what is expected of it. Nothing is written here.

use std::collections::VecDeque;

use jiff::civil::date;

use crate::defects::{self, Defect};
use crate::formats::care_provider_record::telecare_registration;
use crate::formats::{client_level_data, council_case_extract, messages};
use crate::{Journey, Kind, Message, Person, journey, population};

/// People in one file of many.
pub const PEOPLE_PER_FILE: usize = 250;

/// What is expected of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Taken whole: no error, nothing unexplained, the persons joined by these NHS numbers.
    Taken,
    /// The rule with this id is raised, and what becomes of the record.
    Defect {
        /// Name of the defect.
        name: &'static str,
        /// Id of the rule that must be raised.
        rule: &'static str,
        /// What becomes of the record that is spoiled.
        outcome: defects::Outcome,
    },
}

/// One line of the manifest: a message and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Path of the file: `person/00012/hl7v2/00012-adt-a01.hl7`.
    pub path: String,
    /// Numbers of the people whom it is about.
    pub people: Vec<usize>,
    /// Their NHS numbers.
    pub nhs_numbers: Vec<String>,
    /// Shape of the journey, where it is about one person.
    pub journey: Option<Kind>,
    /// What is expected.
    pub expected: Expected,
    /// The message.
    pub message: Message,
}

/// A population with its journeys.
pub fn people_and_journeys(seed: u64, people: usize) -> Vec<(Person, Journey)> {
    population(seed, people)
        .into_iter()
        .map(|person| {
            let journey = journey::journey(seed, &person);
            (person, journey)
        })
        .collect()
}

/// Everything that a run writes: person by person, after each [`PEOPLE_PER_FILE`] the files of many, at the end
/// one spoiled message for each labelled defect. Made as it is asked for: a large population needs no more
/// memory than its people.
pub fn write_plan(seed: u64, people: usize) -> impl Iterator<Item = Planned> {
    Plan { seed, people: people_and_journeys(seed, people), at: 0, ready: VecDeque::new(), ended: false }
}

struct Plan {
    seed: u64,
    people: Vec<(Person, Journey)>,
    at: usize,
    ready: VecDeque<Planned>,
    ended: bool,
}

impl Iterator for Plan {
    type Item = Planned;

    fn next(&mut self) -> Option<Planned> {
        while self.ready.is_empty() && !self.ended {
            self.step();
        }
        self.ready.pop_front()
    }
}

impl Plan {
    /// Prints the next person, or the defects at the end.
    fn step(&mut self) {
        let Some((person, journey)) = self.people.get(self.at) else {
            self.ended = true;
            self.ready.extend(defects::all().iter().filter_map(|defect| spoiled(self.seed, defect)));
            return;
        };
        // Whoever has a telecare unit is known by its controller before it raises an alarm.
        let registered = telecare_registration(person, journey);
        self.ready.extend(registered.into_iter().chain(messages(person, journey)).map(|message| Planned {
            path: format!("person/{:05}/{}/{}", person.number, message.format, message.name),
            people: vec![person.number],
            nhs_numbers: vec![person.nhs_number.clone()],
            journey: Some(journey.kind),
            expected: Expected::Taken,
            message,
        }));
        self.at += 1;
        if self.at.is_multiple_of(PEOPLE_PER_FILE) || self.at == self.people.len() {
            self.files();
        }
    }

    /// The files about the people since the last ones.
    fn files(&mut self) {
        let first = (self.at - 1) / PEOPLE_PER_FILE * PEOPLE_PER_FILE;
        let some: Vec<(&Person, &Journey)> =
            self.people.iter().take(self.at).skip(first).map(|(p, j)| (p, j)).collect();
        let files = [
            client_level_data::file(&some, date(2026, 12, 31)),
            council_case_extract::file(&some, date(2026, 12, 31).at(6, 0, 0, 0)),
        ];
        for message in files {
            self.ready.push_back(Planned {
                path: format!("council/{first:05}-{}", message.name),
                people: some.iter().map(|(p, _)| p.number).collect(),
                nhs_numbers: some.iter().map(|(p, _)| p.nhs_number.clone()).collect(),
                journey: None,
                expected: Expected::Taken,
                message,
            });
        }
    }
}

/// A message with one defect; `None` where the sample has no message of the defect's format.
fn spoiled(seed: u64, defect: &'static Defect) -> Option<Planned> {
    let (people, message) = defects::spoiled(seed, defect)?;
    Some(Planned {
        path: format!("defect/{}/{}-{}", defect.format, defect.name, message.name),
        people: people.iter().map(|p| p.number).collect(),
        nhs_numbers: people.iter().map(|p| p.nhs_number.clone()).collect(),
        journey: None,
        expected: Expected::Defect { name: defect.name, rule: defect.rule, outcome: defect.outcome },
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_known_before_it_raises_an_alarm() {
        let text = |planned: &Planned| String::from_utf8_lossy(&planned.message.bytes).into_owned();
        let plan: Vec<Planned> = write_plan(7, 40).filter(|p| p.expected == Expected::Taken).collect();
        let alarms: Vec<usize> =
            (0..plan.len()).filter(|at| plan[*at].message.format == "telecare-alarm").collect();
        assert!(!alarms.is_empty());
        for at in alarms {
            let alarm = text(&plan[at]);
            let controller = alarm.split("<cid>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
            let known = plan[..at].iter().any(|earlier| {
                earlier.nhs_numbers == plan[at].nhs_numbers
                    && earlier.message.at < plan[at].message.at
                    && text(earlier).contains(&format!("\"value\": \"{controller}\""))
            });
            assert!(known, "{}", plan[at].path);
        }
    }
}
