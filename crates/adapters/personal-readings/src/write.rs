//! Readings as `Observation`: taken by the person herself, and said to be.

use causeway_adapter::Composer;
use causeway_core::{Leaf, Sources, When};
use causeway_fhir::types::{Verification, concept_element, nhs_number};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::rules;
use crate::table::{Column, Unit};

/// One row, read.
pub(crate) struct Row<'a> {
    pub cells: Vec<(Column, Leaf<'a>)>,
    /// Cells of columns that are not known.
    pub extra: Vec<Leaf<'a>>,
    pub when: When,
    /// Items that say when.
    pub moment: Vec<u32>,
}

impl<'a> Row<'a> {
    fn cell(&self, wanted: Column) -> Option<Leaf<'a>> {
        self.cells.iter().find(|(column, _)| *column == wanted).map(|(_, leaf)| *leaf)
    }
}

/// Writes `Patient`, known by her NHS number alone.
pub(crate) fn patient(c: &mut Composer<'_>, number: causeway_core::NhsNumber, leaf: Leaf<'_>) -> Ref {
    c.resource("Patient", number.as_str(), |w| {
        w.array("identifier", |w| nhs_number(w, number, leaf, (), Verification::PresentNotTraced, ()));
    })
}

/// Writes the readings of one row.
pub(crate) fn row(c: &mut Composer<'_>, person: &str, patient: &Ref, row: &Row<'_>) {
    let device = device(c, person, row);
    let about = About { patient, device: device.as_ref(), row };
    let key = |what: &str| format!("{person}|{what}|{}", row.when.fhir());
    let (systolic, diastolic) = (row.cell(Column::Systolic), row.cell(Column::Diastolic));
    if systolic.is_some() || diastolic.is_some() {
        let number = |leaf: Option<Leaf<'_>>| leaf.and_then(|l| l.text.trim().parse::<f64>().ok());
        if let (Some(high), Some(low)) = (number(systolic), number(diastolic))
            && high <= low
            && let Some(leaf) = systolic
        {
            c.issue_at(leaf.id, rules::REVERSED.issue());
        }
        c.resource("Observation", &key("blood pressure"), |w| {
            about.head(w, &[SNOMED_BP, LOINC_BP], true);
            about.tail(w);
            w.array("component", |w| {
                for (leaf, codes) in [
                    (
                        systolic,
                        [
                            ("http://loinc.org", "8480-6", "Systolic blood pressure"),
                            (systems::SNOMED, "271649006", "Systolic blood pressure"),
                        ],
                    ),
                    (
                        diastolic,
                        [
                            ("http://loinc.org", "8462-4", "Diastolic blood pressure"),
                            (systems::SNOMED, "271650006", "Diastolic blood pressure"),
                        ],
                    ),
                ] {
                    let Some(leaf) = leaf else { continue };
                    w.element(|w| {
                        code(w, &codes);
                        value(w, leaf, ("mm[Hg]", "mmHg"));
                    });
                }
            });
        });
    }
    for (column, leaf) in &row.cells {
        let (name, codes, unit, vital): (_, &[Code], _, _) = match column {
            Column::Pulse => (
                "pulse",
                &[(systems::LOINC, "8867-4", "Heart rate"), (systems::SNOMED, "364075005", "Heart rate")],
                ("/min", "beats/min"),
                true,
            ),
            Column::Weight(unit) => (
                "weight",
                &[(systems::LOINC, "29463-7", "Body weight"), (systems::SNOMED, "27113001", "Body weight")],
                *unit,
                true,
            ),
            Column::Glucose(("mg/dL", words)) => (
                "glucose",
                &[(systems::LOINC, "2339-0", "Glucose [Mass/volume] in Blood")],
                ("mg/dL", *words),
                false,
            ),
            Column::Glucose(unit @ ("mmol/L", _)) => {
                ("glucose", &[(systems::LOINC, "15074-8", "Glucose [Moles/volume] in Blood")], *unit, false)
            }
            Column::Glucose(unit) => ("glucose", &[("", "", "Glucose")], *unit, false),
            Column::Temperature => {
                ("temperature", &[(systems::LOINC, "8310-5", "Body temperature")], ("Cel", "°C"), true)
            }
            Column::Oxygen => (
                "oxygen",
                &[(systems::LOINC, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry")],
                ("%", "%"),
                true,
            ),
            Column::Mood => {
                ("mood", &[("", "", "Mood, in the person's own words or on her own scale")], ("", ""), false)
            }
            _ => continue,
        };
        c.resource("Observation", &key(name), |w| {
            about.head(w, codes, vital);
            match column {
                Column::Mood => w.leaf("valueString", *leaf),
                _ => value(w, *leaf, unit),
            }
            about.tail(w);
        });
    }
}

pub(crate) type Code = (&'static str, &'static str, &'static str);
pub(crate) const LOINC_BP: Code =
    (systems::LOINC, "85354-9", "Blood pressure panel with all children optional");
pub(crate) const SNOMED_BP: Code = (systems::SNOMED, "75367002", "Blood pressure");

struct About<'r, 'a> {
    patient: &'r Ref,
    device: Option<&'r Ref>,
    row: &'r Row<'a>,
}

impl About<'_, '_> {
    fn head(&self, w: &mut Writer, codes: &[Code], vital: bool) {
        w.fixed("status", "final");
        if vital {
            w.array("category", |w| {
                concept_element(
                    w,
                    Coding::new(systems::OBSERVATION_CATEGORY, "vital-signs", "Vital Signs"),
                    (),
                );
            });
        }
        code(w, codes);
        w.reference("subject", self.patient, ());
        w.date_time("effectiveDateTime", &self.row.when, &self.row.moment);
        w.array("performer", |w| w.reference_element(self.patient, ()));
    }

    fn tail(&self, w: &mut Writer) {
        if let Some(note) = self.row.cell(Column::Note) {
            w.array("note", |w| {
                w.element(|w| w.leaf("text", note));
            });
        }
        // No code system says it: these words are what tells a reading at home from one in a clinic.
        w.object("method", |w| w.fixed("text", "Self-measured by the person"));
        if let Some(device) = self.device {
            w.reference("device", device, ());
        }
    }
}

fn code(w: &mut Writer, codes: &[Code]) {
    w.object("code", |w| {
        w.array("coding", |w| {
            for (system, code, display) in codes.iter().filter(|(system, ..)| !system.is_empty()) {
                w.element(|w| Coding::new(system, code, display).body(w, ()));
            }
        });
        if let Some((_, _, words)) = codes.iter().find(|(system, ..)| system.is_empty()) {
            w.fixed("text", words);
        }
    });
}

/// A number with its unit; words where it is no number (`HI`, `LO`, an error of the meter).
fn value(w: &mut Writer, leaf: Leaf<'_>, (ucum, words): Unit) {
    let Some(digits) = decimal(leaf.text) else {
        w.issue(Some(leaf.id), rules::NOT_A_NUMBER.issue());
        w.leaf("valueString", leaf);
        return;
    };
    if ucum.is_empty() {
        w.issue(Some(leaf.id), rules::UNIT_ABSENT.issue());
    }
    w.object("valueQuantity", |w| {
        w.number("value", &digits, leaf);
        if !ucum.is_empty() {
            w.fixed("unit", words);
            w.fixed("system", systems::UCUM);
            w.fixed("code", ucum);
        }
    });
}

/// The meter, where the row names it.
fn device(c: &mut Composer<'_>, person: &str, row: &Row<'_>) -> Option<Ref> {
    let (name, serial) = (row.cell(Column::Device), row.cell(Column::Serial));
    if name.is_none() && serial.is_none() {
        return None;
    }
    let text = |leaf: Option<Leaf<'_>>| leaf.map_or(String::new(), |l| l.text.trim().to_owned());
    let key = format!("{person}|{}|{}", text(name), text(serial));
    if c.has("Device", &key) {
        c.writer().mapped((name, serial));
        return Some(c.reference("Device", &key));
    }
    Some(c.resource("Device", &key, |w| {
        w.leaf_opt("serialNumber", serial);
        if let Some(name) = name {
            w.array("deviceName", |w| {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "user-friendly-name");
                });
            });
        }
    }))
}

/// Claims items as what decided something.
pub(crate) fn decided(c: &mut Composer<'_>, from: impl Sources) {
    c.writer().mapped(from);
}
