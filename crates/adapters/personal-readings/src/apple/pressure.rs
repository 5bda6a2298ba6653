//! Blood pressures: two records that belong together, each of which stands in an export twice.

use std::collections::HashMap;

use causeway_adapter::{Composer, Rule};
use causeway_core::Leaf;
use causeway_fhir::Coding;

use super::Record;
use super::reading::{Reading, code, device, head, tail, value};
use crate::kinds::Kind;
use crate::limits::WAITING_MAX;
use crate::rules;

/// A blood pressure: its two records, or the one that there is, with every record that says the same.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    correlation: Option<Record>,
    systolic: Option<Record>,
    diastolic: Option<Record>,
    twins: Vec<Record>,
}

/// What makes two records one reading: kind, source, time and value.
type Identity = [String; 5];

const IDENTITY: [&str; 5] = ["type", "sourceName", "startDate", "endDate", "value"];

fn identity(record: &Record) -> Identity {
    IDENTITY.map(|name| record.get(name).to_owned())
}

/// Records at the top level that wait for their correlation.
#[derive(Debug, Default)]
pub(super) struct Pressures {
    waiting: HashMap<Identity, Vec<Record>>,
    count: usize,
}

impl Pressures {
    /// Lets a record wait. Where too many do, they are given out as they are.
    pub(super) fn wait(&mut self, record: Record) -> Option<Vec<Pressure>> {
        self.waiting.entry(identity(&record)).or_default().push(record);
        self.count += 1;
        (self.count >= WAITING_MAX).then(|| self.rest())
    }

    /// A correlation with its two parts, and their twins at the top level.
    pub(super) fn take(&mut self, correlation: &Record, records: Vec<Record>) -> Pressure {
        let mut found = Pressure { correlation: Some(correlation.clone()), ..Pressure::default() };
        for record in records {
            if let Some(twins) = self.waiting.get_mut(&identity(&record))
                && let Some(twin) = twins.pop()
            {
                self.count -= 1;
                found.twins.push(twin);
            }
            let systolic = record.get("type").ends_with("Systolic");
            *(if systolic { &mut found.systolic } else { &mut found.diastolic }) = Some(record);
        }
        found
    }

    /// What waits in vain: paired where source and time are the same, else alone; in the order of the export.
    pub(super) fn rest(&mut self) -> Vec<Pressure> {
        let mut records: Vec<Record> = std::mem::take(&mut self.waiting).into_values().flatten().collect();
        self.count = 0;
        records.sort_by_key(|r| r.row);
        let mut open: HashMap<[String; 3], Vec<usize>> = HashMap::new();
        let mut found: Vec<Pressure> = Vec::new();
        let mut known: HashMap<Identity, usize> = HashMap::new();
        for record in records {
            // The same once more: in a group that is no pair, or twice in the export.
            if let Some(pressure) = known.get(&identity(&record)).and_then(|n| found.get_mut(*n)) {
                pressure.twins.push(record);
                continue;
            }
            let systolic = record.get("type").ends_with("Systolic");
            let at = ["sourceName", "startDate", "endDate"].map(|name| record.get(name).to_owned());
            let places = open.entry(at).or_default();
            let free = places.iter().position(|n| {
                found
                    .get(*n)
                    .is_some_and(|p| if systolic { p.systolic.is_none() } else { p.diastolic.is_none() })
            });
            let place = match free {
                Some(at) => places.swap_remove(at),
                None => {
                    places.push(found.len());
                    found.push(Pressure::default());
                    found.len() - 1
                }
            };
            known.insert(identity(&record), place);
            if let Some(pressure) = found.get_mut(place) {
                *(if systolic { &mut pressure.systolic } else { &mut pressure.diastolic }) = Some(record);
            }
        }
        found
    }
}

impl Pressure {
    /// Writes it into the open bundle.
    ///
    /// # Errors
    /// The rule that it breaks, with its records.
    pub(super) fn write(self, c: &mut Composer<'_>, person: &str) -> Result<(), (Rule, Vec<Record>)> {
        let zone = c.context.zone.clone();
        let mut bad = None;
        for (record, kind) in [(&self.systolic, Kind::Systolic), (&self.diastolic, Kind::Diastolic)] {
            if let Some(Err(rule)) = record.as_ref().map(|r| Reading::read(r, kind, &zone)) {
                bad = Some(rule);
            }
        }
        let Some(main) = self.systolic.as_ref().or(self.diastolic.as_ref()) else { return Ok(()) };
        if let Some(rule) = bad {
            let all =
                [self.correlation, self.systolic, self.diastolic].into_iter().flatten().chain(self.twins);
            return Err((rule, all.collect()));
        }
        let Ok(reading) = Reading::read(main, Kind::Systolic, &zone) else { return Ok(()) };
        let values: Vec<&str> =
            [&self.systolic, &self.diastolic].into_iter().flatten().map(|r| r.get("value")).collect();
        let key = [
            person,
            "blood pressure",
            main.get("startDate"),
            main.get("endDate"),
            main.get("sourceName"),
            &values.join("/"),
        ]
        .join("|");
        let parts: Vec<(Kind, &Record, Vec<Leaf<'_>>)> =
            [(Kind::Systolic, &self.systolic), (Kind::Diastolic, &self.diastolic)]
                .into_iter()
                .filter_map(|(kind, record)| record.as_ref().map(|r| (kind, r)))
                .map(|(kind, record)| (kind, record, record.enter(c)))
                .collect();
        let group = self.correlation.as_ref().map(|r| (r, r.enter(c)));
        let mut twins: Vec<Leaf<'_>> = Vec::new();
        for twin in &self.twins {
            let leaves = twin.enter(c);
            twins.extend(IDENTITY.iter().filter_map(|name| twin.leaf(&leaves, name)));
        }
        // Each says what another record says; one that differs is a reading of its own.
        let said = |w: &mut causeway_fhir::Writer| {
            w.mapped(twins.as_slice());
            for (record, leaves) in parts.iter().skip(1).map(|(_, r, l)| (*r, l)) {
                ["type", "startDate", "endDate"].iter().for_each(|name| w.mapped(record.leaf(leaves, name)));
            }
        };
        let mut from: Option<causeway_fhir::Ref> = None;
        for (_, record, leaves) in &parts {
            from = device(c, person, record, leaves);
        }
        if let Some((record, leaves)) = &group {
            from = device(c, person, record, leaves).or(from);
        }
        if c.has("Observation", &key) {
            let w = c.writer();
            said(w);
            for (_, record, leaves) in &parts {
                IDENTITY.iter().for_each(|name| w.mapped(record.leaf(leaves, name)));
            }
            return Ok(());
        }
        let number =
            |record: &Option<Record>| record.as_ref().and_then(|r| r.get("value").parse::<f64>().ok());
        if let (Some(high), Some(low)) = (number(&self.systolic), number(&self.diastolic))
            && high <= low
            && let Some((_, record, leaves)) = parts.first()
            && let Some(leaf) = record.leaf(leaves, "value")
        {
            c.issue_at(leaf.id, rules::REVERSED.issue());
        }
        let subject = c.reference("Patient", person);
        c.resource("Observation", &key, |w| {
            head(w, true);
            w.object("code", |w| {
                w.array("coding", |w| {
                    for (system, code, words) in [crate::write::SNOMED_BP, crate::write::LOINC_BP] {
                        w.element(|w| Coding::new(system, code, words).body(w, ()));
                    }
                });
            });
            w.reference("subject", &subject, ());
            if let Some((_, _, leaves)) = parts.first() {
                reading.times(w, leaves);
            }
            w.array("performer", |w| w.reference_element(&subject, ()));
            tail(w, from.as_ref());
            w.array("component", |w| {
                for (kind, record, leaves) in &parts {
                    let leaf = |name: &str| record.leaf(leaves, name);
                    w.element(|w| {
                        code(w, *kind, Some("mmHg"), leaf("type"));
                        value(w, *kind, leaf("value"), leaf("unit"), record);
                    });
                }
            });
            said(w);
        });
        Ok(())
    }
}
