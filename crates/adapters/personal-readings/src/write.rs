//! Readings as `Observation`: taken by the person herself, and said to be.

use std::borrow::Cow;

use causeway_adapter::Composer;
use causeway_core::{Leaf, When};
use causeway_fhir::types::{Verification, concept_element, nhs_number};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::columns::{self, Column, Unit};
use crate::kinds::Kind;
use crate::rules;

/// One row, read.
pub(crate) struct Row<'a> {
    pub cells: Vec<(Column, Leaf<'a>)>,
    pub when: When,
    /// Items that say when.
    pub moment: Vec<u32>,
    /// Items that say which zone the time is of, or what kind of row it is.
    pub decided_by: Vec<Leaf<'a>>,
}

impl<'a> Row<'a> {
    fn cell(&self, wanted: Column) -> Option<Leaf<'a>> {
        self.all(|column| column == wanted).next().map(|(_, leaf)| leaf)
    }

    fn all(&self, wanted: impl Fn(Column) -> bool) -> impl Iterator<Item = (Column, Leaf<'a>)> {
        self.cells.iter().copied().filter(move |(column, _)| wanted(*column))
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = Leaf<'a>> {
        self.all(move |column| matches!(column, Column::Reading(of, _) if of == kind)).map(|(_, leaf)| leaf)
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
    // A row of a diary may have several: the first upper number belongs to the first lower one.
    let (mut systolic, mut diastolic) = (row.of(Kind::Systolic), row.of(Kind::Diastolic));
    let mut pressures = 0;
    loop {
        let (high, low) = (systolic.next(), diastolic.next());
        if high.is_none() && low.is_none() {
            break;
        }
        pressures += 1;
        let name =
            if pressures == 1 { "blood pressure".to_owned() } else { format!("blood pressure {pressures}") };
        about.pressure(c, &key(&name), [high.map(|l| (l, l.text)), low.map(|l| (l, l.text))]);
    }
    for (_, leaf) in row.all(|column| column == Column::Pressure) {
        let spelt = leaf.text.trim();
        let numbers = spelt.strip_suffix("mmHg").unwrap_or(spelt).split_once('/');
        match numbers.filter(|(high, low)| decimal(high).is_some() && decimal(low).is_some()) {
            Some((high, low)) => {
                about.pressure(c, &key("blood pressure"), [Some((leaf, high)), Some((leaf, low))]);
            }
            None => {
                c.resource("Observation", &key("blood pressure"), |w| {
                    about.head(w, true, |w| code(w, &[LOINC_BP, SNOMED_BP]));
                    w.issue(Some(leaf.id), rules::NOT_A_NUMBER.issue());
                    w.leaf("valueString", leaf);
                    about.tail(w);
                });
            }
        }
    }
    // Where a column says the unit, it is that of the reading whose heading says none.
    let said = row.cell(Column::Unit);
    for (column, leaf) in &row.cells {
        let (kind, unit) = match column {
            Column::Reading(Kind::Systolic | Kind::Diastolic, _) => continue,
            Column::Reading(kind, unit) => (*kind, *unit),
            // Of results without another name these units make a glucose.
            Column::Result => match said.and_then(|s| columns::unit(Kind::Glucose, s.text)) {
                Some(_) => (Kind::Glucose, columns::NONE),
                None => {
                    c.issue_at(leaf.id, rules::KIND_UNKNOWN.issue());
                    continue;
                }
            },
            Column::Mood => {
                c.resource("Observation", &key("mood"), |w| {
                    about.head(w, false, |w| {
                        w.object("code", |w| {
                            w.fixed("text", "Mood, in the person's own words or on her own scale");
                        });
                    });
                    w.leaf("valueString", *leaf);
                    about.tail(w);
                });
                continue;
            }
            _ => continue,
        };
        let measure = Measure::read(kind, leaf.text, unit, said);
        c.resource("Observation", &key(kind.name()), |w| {
            about.head(w, kind.vital(), |w| match kind.code(measure.unit.0) {
                Some(loinc) => match snomed(kind) {
                    Some(snomed) => code(w, &[loinc, snomed]),
                    None => code(w, &[loinc]),
                },
                None => {
                    let words = if kind == Kind::SensorGlucose { "Glucose by sensor" } else { "Glucose" };
                    w.object("code", |w| w.fixed("text", words));
                }
            });
            measure.write(w, *leaf);
            about.tail(w);
        });
    }
}

pub(crate) type Code = (&'static str, &'static str, &'static str);
pub(crate) const LOINC_BP: Code =
    (systems::LOINC, "85354-9", "Blood pressure panel with all children optional");
pub(crate) const SNOMED_BP: Code = (systems::SNOMED, "75367002", "Blood pressure");

/// SNOMED CT's code beside LOINC's, as UK Core has it.
fn snomed(kind: Kind) -> Option<Code> {
    let (code, words) = match kind {
        Kind::Systolic => ("271649006", "Systolic blood pressure"),
        Kind::Diastolic => ("271650006", "Diastolic blood pressure"),
        Kind::HeartRate => ("364075005", "Heart rate"),
        Kind::Weight => ("27113001", "Body weight"),
        _ => return None,
    };
    Some((systems::SNOMED, code, words))
}

struct About<'r, 'a> {
    patient: &'r Ref,
    device: Option<&'r Ref>,
    row: &'r Row<'a>,
}

impl About<'_, '_> {
    fn head(&self, w: &mut Writer, vital: bool, code: impl FnOnce(&mut Writer)) {
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
        code(w);
        w.reference("subject", self.patient, ());
        w.date_time("effectiveDateTime", &self.row.when, &self.row.moment);
        w.array("performer", |w| w.reference_element(self.patient, ()));
    }

    /// A blood pressure: the upper and the lower number, each where it is stated.
    fn pressure(&self, c: &mut Composer<'_>, key: &str, parts: [Option<(Leaf<'_>, &str)>; 2]) {
        let number =
            |part: Option<(Leaf<'_>, &str)>| part.and_then(|(_, text)| text.trim().parse::<f64>().ok());
        if let [Some((leaf, _)), _] = parts
            && let (Some(high), Some(low)) = (number(parts[0]), number(parts[1]))
            && high <= low
        {
            c.issue_at(leaf.id, rules::REVERSED.issue());
        }
        c.resource("Observation", key, |w| {
            self.head(w, true, |w| code(w, &[SNOMED_BP, LOINC_BP]));
            self.tail(w);
            w.array("component", |w| {
                for (part, kind) in parts.into_iter().zip([Kind::Systolic, Kind::Diastolic]) {
                    let Some((leaf, text)) = part else { continue };
                    w.element(|w| {
                        let codes: Vec<Code> = kind.code("").into_iter().chain(snomed(kind)).collect();
                        code(w, &codes);
                        Measure::read(kind, text, ("mm[Hg]", "mmHg"), None).write(w, leaf);
                    });
                }
            });
        });
    }

    fn tail(&self, w: &mut Writer) {
        let notes = |column| matches!(column, Column::Note | Column::Mark(_));
        w.array("note", |w| {
            for (column, leaf) in self.row.all(notes) {
                w.element(|w| match column {
                    Column::Mark(words) => w.string("text", &format!("{words}: {}", leaf.text.trim()), leaf),
                    _ => w.leaf("text", leaf),
                });
            }
        });
        // No code system says it: these words are what tells a reading at home from one in a clinic.
        w.object("method", |w| w.fixed("text", "Self-measured by the person"));
        if let Some(device) = self.device {
            w.reference("device", device, ());
        }
        for leaf in &self.row.decided_by {
            w.decides(*leaf, "the zone of the time, or the kind of the reading");
        }
    }
}

fn code(w: &mut Writer, codes: &[Code]) {
    w.object("code", |w| {
        w.array("coding", |w| {
            for (system, code, display) in codes {
                w.element(|w| Coding::new(system, code, display).body(w, ()));
            }
        });
    });
}

/// A cell that says a number.
struct Measure<'a> {
    /// Digits with their comparator; `None` where it is no number (`HI`, an error of the meter).
    digits: Option<(Option<&'static str>, Cow<'a, str>)>,
    unit: Unit,
    /// The cell that says the unit.
    said: Option<Leaf<'a>>,
    conflict: bool,
}

impl<'a> Measure<'a> {
    /// `unit` is what the heading says, `said` the cell beside it.
    fn read(kind: Kind, text: &'a str, unit: Unit, said: Option<Leaf<'a>>) -> Self {
        let text = text.trim();
        let signs = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];
        let sign = signs.iter().find_map(|(sign, fhir)| Some((*fhir, text.strip_prefix(sign)?.trim_start())));
        let (sign, number) = sign.map_or((None, text), |(sign, rest)| (Some(sign), rest));
        let end =
            number.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(number.len());
        // The number alone, or with its unit behind it.
        let (digits, own) = match decimal(number) {
            Some(digits) => (Some(digits), None),
            None => {
                let (digits, rest) = number.split_at(end);
                let own = columns::unit(kind, rest);
                (digits_of(digits).filter(|_| rest.trim().is_empty() || own.is_some()), own)
            }
        };
        let stated = said.and_then(|s| columns::unit(kind, s.text));
        let units: Vec<Unit> =
            [own, stated, Some(unit)].into_iter().flatten().filter(|u| !u.0.is_empty()).collect();
        let conflict = units.iter().any(|u| *u != units[0]);
        Self {
            digits: digits.map(|digits| (sign, digits)),
            unit: if conflict { columns::NONE } else { units.first().copied().unwrap_or(columns::NONE) },
            said: said.filter(|_| stated.is_some()),
            conflict,
        }
    }

    /// A number with its unit, or the words as they stand.
    fn write(&self, w: &mut Writer, leaf: Leaf<'_>) {
        if self.conflict {
            w.issue(Some(leaf.id), rules::UNIT_CONFLICT.issue());
        }
        let Some((sign, digits)) = self.digits.as_ref().filter(|_| !self.conflict) else {
            if !self.conflict {
                w.issue(Some(leaf.id), rules::NOT_A_NUMBER.issue());
            }
            w.leaf("valueString", leaf);
            w.decides(self.said, "whether the units agree");
            return;
        };
        if self.unit.0.is_empty() {
            w.issue(Some(leaf.id), rules::UNIT_ABSENT.issue());
        }
        w.object("valueQuantity", |w| {
            w.number("value", digits, leaf);
            if let Some(sign) = sign {
                w.fixed("comparator", sign);
            }
            if !self.unit.0.is_empty() {
                match self.said {
                    Some(said) => w.string("unit", self.unit.1, said),
                    None => w.fixed("unit", self.unit.1),
                }
                w.fixed("system", systems::UCUM);
                w.fixed("code", self.unit.0);
            }
        });
    }
}

/// Digits, of which a comma may part one or two from the rest: no group of thousands is as short.
fn digits_of(text: &str) -> Option<Cow<'_, str>> {
    match text.split_once(',') {
        Some((whole, fraction)) if (1..=2).contains(&fraction.len()) && !whole.is_empty() => {
            decimal(&format!("{whole}.{fraction}")).map(|d| Cow::Owned(d.into_owned()))
        }
        Some(_) => None,
        None => decimal(text),
    }
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
