//! What a general practice knows of a person: conditions, medicines, allergies, immunisations, consultations.
//!
//! Codes are public ones (SNOMED CT, Read version 2, dm+d) where they are known for sure; everything else is text.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use crate::journey::{Event, Journey, Kind};
use crate::people::Person;
use crate::random::Random;

/// Something that has a name and, where one is known for sure, codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Read version 2, five bytes, empty where none is known.
    pub read: &'static str,
    /// SNOMED CT (or dm+d, which is part of it), empty where none is known.
    pub snomed: &'static str,
    /// Name.
    pub text: &'static str,
}

const fn coded(read: &'static str, snomed: &'static str, text: &'static str) -> Coded {
    Coded { read, snomed, text }
}

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What.
    pub what: Coded,
    /// First day.
    pub onset: Date,
    /// What the general practitioner wrote beside it.
    pub note: &'static str,
}

/// A medicine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Medicine {
    /// What.
    pub what: Coded,
    /// Dosage instruction.
    pub dose: &'static str,
    /// How many units an issue has.
    pub quantity: u32,
    /// Unit: `tablet`, `capsule`.
    pub unit: &'static str,
    /// How many days an issue lasts.
    pub days: u32,
    /// Day of the first prescription.
    pub first: Date,
    /// Day it was stopped, and why.
    pub stopped: Option<(Date, &'static str)>,
    /// Whether it is on repeat.
    pub repeat: bool,
}

/// An allergy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allergy {
    /// To what.
    pub what: Coded,
    /// Day it was recorded.
    pub recorded: Date,
    /// What happened.
    pub reaction: &'static str,
}

/// A vaccine that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Immunisation {
    /// What.
    pub what: Coded,
    /// When.
    pub on: Date,
    /// Batch.
    pub batch: String,
}

/// A consultation with measurements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consultation {
    /// When it began.
    pub at: DateTime,
    /// Why.
    pub reason: Coded,
    /// What was written down.
    pub text: &'static str,
    /// Blood pressure, mmHg.
    pub pressure: (i64, i64),
    /// Weight in tenths of a kilogram.
    pub weight: i64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Medicines.
    pub medicines: Vec<Medicine>,
    /// Allergies; none means that the practice recorded that none is known.
    pub allergies: Vec<Allergy>,
    /// Immunisations.
    pub immunisations: Vec<Immunisation>,
    /// Consultations.
    pub consultations: Vec<Consultation>,
}

const HYPERTENSION: Coded = coded("G20..", "59621000", "Essential hypertension");
const OSTEOARTHRITIS: Coded = coded("N05..", "396275006", "Osteoarthritis");
const FRAILTY: Coded = coded("", "925831000000107", "Moderate frailty");
const OSTEOPOROSIS: Coded = coded("", "64859006", "Osteoporosis");
const DIABETES: Coded = coded("C10F.", "44054006", "Type 2 diabetes mellitus");
const ATRIAL_FIBRILLATION: Coded = coded("G5730", "49436004", "Atrial fibrillation");
const DEMENTIA: Coded = coded("", "52448006", "Dementia");
const LEARNING_DISABILITY: Coded = coded("", "110359009", "Intellectual disability");
const EPILEPSY: Coded = coded("F25..", "84757009", "Epilepsy");
const FRACTURE: Coded = coded("S30..", "5913000", "Fracture of neck of femur");

const PENICILLIN: Coded = coded("", "91936005", "Allergy to penicillin");
const LATEX: Coded = coded("", "300916003", "Latex allergy");

const INFLUENZA: Coded = coded("65ED.", "", "Seasonal influenza vaccination");
const PNEUMOCOCCAL: Coded = coded("6572.", "12866006", "Pneumococcal vaccination");

const AMLODIPINE: Coded = coded("", "319283006", "Amlodipine 5mg tablets");
const PARACETAMOL: Coded = coded("", "322236009", "Paracetamol 500mg tablets");
const ALENDRONIC: Coded = coded("", "", "Alendronic acid 70mg tablets");
const METFORMIN: Coded = coded("", "", "Metformin 500mg tablets");
const APIXABAN: Coded = coded("", "", "Apixaban 2.5mg tablets");
const LAMOTRIGINE: Coded = coded("", "", "Lamotrigine 100mg tablets");
const MEMANTINE: Coded = coded("", "", "Memantine 10mg tablets");

/// What consultations were about: read again and again where an extract of a given size is wanted.
const TALKS: [(Coded, &str); 6] = [
    (HYPERTENSION, "Feels well, takes the tablets. No dizziness on standing. Review in six months"),
    (OSTEOARTHRITIS, "Right hip aches on the stairs, worse in the evening. Walks to the shop with a stick"),
    (coded("1B1G.", "25064002", "Headache"), "Two days, no visual change, settled with rest & fluids"),
    (coded("", "386661006", "Fever"), "Temperature 38.1 yesterday, chest clear, drinking well"),
    (coded("", "49727002", "Cough"), "Dry cough for a week; not short of breath; no weight loss"),
    (coded("", "", "Telephone call with the pharmacy"), "Blister packs from Monday, daughter collects"),
];

/// What the practice knows of a person by the end of their journey.
pub fn facts(person: &Person, journey: &Journey) -> Facts {
    let mut r = Random::new(0xC11C, person.number as u64);
    let mut f = Facts::default();
    let past = |r: &mut Random, from: i64, to: i64| {
        date(r.between(from, to) as i16, r.between(1, 12) as i8, r.between(1, 28) as i8)
    };
    let age = person.age_on(date(2026, 1, 1));
    let condition = |f: &mut Facts, what: Coded, onset: Date, note: &'static str| {
        f.conditions.push(Condition { what, onset, note });
    };
    match journey.kind {
        Kind::SupportedLiving => {
            condition(&mut f, LEARNING_DISABILITY, past(&mut r, 2006, 2010), "Annual health check offered");
            if r.percent(40) {
                let since = past(&mut r, 2011, 2018);
                condition(&mut f, EPILEPSY, since, "Two seizures in the first year, none since");
                f.medicines.push(repeat(LAMOTRIGINE, "Take one twice a day", 56, since));
            }
        }
        Kind::CareHome => {
            condition(&mut f, DEMENTIA, past(&mut r, 2019, 2023), "Memory clinic letter of this month");
            f.medicines.push(repeat(MEMANTINE, "Take one at night", 28, past(&mut r, 2024, 2025)));
        }
        Kind::FallToReablement => {
            condition(
                &mut f,
                FRAILTY,
                past(&mut r, 2023, 2025),
                "Electronic frailty index and clinical judgement",
            );
            condition(&mut f, OSTEOPOROSIS, past(&mut r, 2018, 2022), "On DEXA scan");
            f.medicines.push(repeat(
                ALENDRONIC,
                "Take one on the same day each week",
                4,
                past(&mut r, 2022, 2025),
            ));
        }
        _ => {}
    }
    if age >= 60 {
        let since = past(&mut r, 2008, 2017);
        condition(&mut f, HYPERTENSION, since, "Home readings above 150 systolic");
        f.medicines.push(repeat(AMLODIPINE, "Take one each day", 28, since));
        condition(&mut f, OSTEOARTHRITIS, past(&mut r, 2012, 2019), "Both knees and right hip");
    }
    if age >= 50 && r.percent(25) {
        let since = past(&mut r, 2010, 2020);
        condition(&mut f, DIABETES, since, "HbA1c above 48 on two occasions");
        f.medicines.push(repeat(METFORMIN, "Take one twice a day with food", 56, since));
    }
    if age >= 70 && r.percent(30) {
        let since = past(&mut r, 2018, 2024);
        condition(&mut f, ATRIAL_FIBRILLATION, since, "Irregular pulse, confirmed on ECG");
        f.medicines.push(repeat(APIXABAN, "Take one twice a day", 56, since));
    }
    if !person.number.is_multiple_of(3) {
        let recorded = past(&mut r, 1998, 2015);
        f.allergies.push(Allergy { what: PENICILLIN, recorded, reaction: "Rash on trunk and arms" });
    }
    if person.number.is_multiple_of(11) {
        let recorded = past(&mut r, 2010, 2020);
        f.allergies.push(Allergy { what: LATEX, recorded, reaction: "Itching of the hands" });
    }
    let batch = |r: &mut Random| format!("IB{}", r.between(1000, 9999));
    if age >= 50 {
        let on = date(2025, 10, r.between(1, 28) as i8);
        f.immunisations.push(Immunisation { what: INFLUENZA, on, batch: batch(&mut r) });
    }
    if age >= 67 {
        let on = past(&mut r, 2016, 2023);
        f.immunisations.push(Immunisation { what: PNEUMOCOCCAL, on, batch: batch(&mut r) });
    }
    from_journey(&mut f, journey);
    f.consultations = consultations(&mut r, 3, date(2026, 3, 20));
    f.conditions.sort_by_key(|c| c.onset);
    f
}

fn repeat(what: Coded, dose: &'static str, quantity: u32, first: Date) -> Medicine {
    Medicine { what, dose, quantity, unit: "tablet", days: 28, first, stopped: None, repeat: true }
}

/// What a stay in hospital leaves behind: a diagnosis, a painkiller, a tablet that was stopped.
fn from_journey(f: &mut Facts, journey: &Journey) {
    for event in &journey.events {
        match event {
            Event::Admission { at, .. } => {
                f.conditions.push(Condition {
                    what: FRACTURE,
                    onset: at.date(),
                    note: "After a fall at home, operated on in hospital",
                });
            }
            Event::Discharge { at, .. } => {
                let day = at.date();
                for medicine in &mut f.medicines {
                    if medicine.what == AMLODIPINE {
                        medicine.stopped = Some((day, "Low blood pressure on standing, stopped in hospital"));
                    }
                }
                f.medicines.push(Medicine {
                    what: PARACETAMOL,
                    dose: "Take two up to four times a day",
                    quantity: 112,
                    unit: "tablet",
                    days: 14,
                    first: day + 1.day(),
                    stopped: None,
                    repeat: false,
                });
            }
            _ => {}
        }
    }
}

/// So many consultations, going back from a day, some three weeks apart.
pub fn consultations(r: &mut Random, count: usize, last: Date) -> Vec<Consultation> {
    let mut day = last;
    let mut out = Vec::with_capacity(count);
    // A body weighs nearly what it weighed three weeks ago, in tenths of a kilogram.
    let mut weight = None;
    for _ in 0..count {
        let (reason, text) = *r.of(&TALKS);
        let at = day.at(r.between(9, 16) as i8, r.between(0, 59) as i8, 0, 0);
        let pressure = (r.between(108, 168), r.between(58, 96));
        let drawn = r.between(480, 890);
        let now = weight.map_or(drawn, |before: i64| (before + drawn % 15 - 7).clamp(450, 920));
        weight = Some(now);
        out.push(Consultation { at, reason, text, pressure, weight: now });
        day -= r.between(1, 21).days();
        // Dates before a computer stood in the practice are not plausible: begin again later in the years.
        if day.year() < 1990 {
            day = last;
        }
    }
    out.reverse();
    out
}

impl Facts {
    /// What was known on a day.
    pub fn as_of(&self, day: Date) -> Self {
        let mut f = self.clone();
        f.conditions.retain(|c| c.onset <= day);
        f.medicines.retain(|m| m.first <= day);
        for medicine in &mut f.medicines {
            medicine.stopped = medicine.stopped.filter(|(on, _)| *on <= day);
        }
        f.immunisations.retain(|i| i.on <= day);
        f.consultations.retain(|c| c.at.date() <= day);
        f
    }
}
