//! A labelled truth set: people of whom several sources tell the same things in their own words and formats, with
//! duplicates, near misses and planted disagreements. What is one thing is decided here, before anything is printed;
//! nothing here knows how the record joins.
//!
//! Seven formats tell of what is joined: `gp2gp`, `summary-care-record`, `careconnect` (another practice), `hl7v2`
//! (ADT, ORU, VXU), `edifact-pathology`, `care-provider-record`, `fhir-r4` (community nurses).

mod print;
mod words;

use jiff::civil::{Date, DateTime, date};

use self::words::{ALLERGIES, DRUGS, Drug, EVENTS, LASTING, TESTS, VACCINES, Words};
use crate::clinical::{Allergy, Coded, Condition, Facts, Immunisation, Medicine};
use crate::formats::{careconnect, gp2gp, summary_care_record};
use crate::journey::{Journey, Kind, ResultLine};
use crate::people::population;
use crate::random::Random;
use crate::{Event, Message, Person};

/// One thing that is true of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// `allergy`, `condition`, `medicine`, `result`, `immunisation`, `contact`.
    pub kind: &'static str,
    /// Aspect in which a disagreement was planted; empty where none was.
    pub differs: &'static str,
    /// Of a medicine: `current`, `past`, or `unclear` where sources disagree; else empty.
    pub standing: &'static str,
}

/// How to know which truth a source's entry tells: its format, its words, and how its date begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Format of the message.
    pub format: &'static str,
    /// Number within the person's truths.
    pub truth: usize,
    /// Words that its title has, whatever the case; empty where any will do.
    pub words: String,
    /// Beginning of its date in ISO 8601; empty where words are enough.
    pub date: String,
}

/// A person, what is true, and what sources tell.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The person.
    pub person: Person,
    /// What is true.
    pub truths: Vec<Truth>,
    /// Which entry tells what.
    pub labels: Vec<Label>,
    /// Messages in the order of sending.
    pub messages: Vec<Message>,
}

/// Somebody around the person, as one source tells it.
#[derive(Clone, Debug)]
struct Kin {
    given: String,
    family: String,
    /// HL7 v2 table 0063, HL7 v3 RoleCode, words.
    relation: (&'static str, &'static str, &'static str),
    phone: String,
}

/// An entry of a source that prints words alone.
#[derive(Clone, Debug, Default)]
struct Entry {
    code: &'static str,
    text: String,
    date: String,
    status: &'static str,
    severity: &'static str,
    detail: String,
}

/// What hospital, home and community nurses tell.
#[derive(Debug, Default)]
struct Told {
    allergies: Vec<Entry>,
    conditions: Vec<Entry>,
    medicines: Vec<Entry>,
    given: Vec<Entry>,
    immunisations: Vec<Entry>,
    kin: Vec<Kin>,
}

/// A report of the laboratory: when collected, its number, its lines.
type Report = (DateTime, String, Vec<ResultLine>);

struct Maker {
    r: Random,
    truths: Vec<Truth>,
    labels: Vec<Label>,
    /// gp2gp, SCR, careconnect.
    practice: Facts,
    summary: Facts,
    other: Facts,
    hospital: Told,
    home: Told,
    nurses: Told,
    laboratory: Vec<Report>,
    filed: Vec<Report>,
}

/// The first so many people of a seed.
pub fn people(seed: u64, count: usize) -> impl Iterator<Item = Labelled> {
    population(seed, count).into_iter().map(move |person| labelled(seed, person))
}

fn labelled(seed: u64, person: Person) -> Labelled {
    let mut m = Maker {
        r: Random::new(seed ^ 0x7E11, person.number as u64),
        truths: Vec::new(),
        labels: Vec::new(),
        practice: Facts::default(),
        summary: Facts::default(),
        other: Facts::default(),
        hospital: Told::default(),
        home: Told::default(),
        nurses: Told::default(),
        laboratory: Vec::new(),
        filed: Vec::new(),
    };
    m.allergies();
    m.conditions();
    m.medicines();
    m.immunisations();
    m.kin(&person);
    m.results(&person);
    let messages = m.messages(&person);
    Labelled { person, truths: m.truths, labels: m.labels, messages }
}

/// A concept: with its code, or in words alone.
fn concept(w: &Words, coded: bool, text: &'static str) -> Coded {
    Coded { read: "", snomed: if coded { w.snomed } else { "" }, text }
}

impl Maker {
    fn truth(&mut self, kind: &'static str, differs: &'static str, standing: &'static str) -> usize {
        self.truths.push(Truth { kind, differs, standing });
        self.truths.len() - 1
    }

    fn label(&mut self, format: &'static str, truth: usize, words: &str, date: &str) {
        self.labels.push(Label { format, truth, words: words.to_lowercase(), date: date.to_owned() });
    }

    /// A day between two years, both included.
    fn day(&mut self, from: i64, to: i64) -> Date {
        let r = &mut self.r;
        date(r.between(from, to) as i16, r.between(1, 12) as i8, r.between(1, 28) as i8)
    }

    fn allergies(&mut self) {
        let first = self.r.between(0, 11) as usize;
        for step in 0..self.r.between(2, 3) as usize {
            let w = ALLERGIES[(first + step) % ALLERGIES.len()];
            let differs = match self.r.between(0, 5) {
                0 => "severity",
                1 => "status",
                _ => "",
            };
            let truth = self.truth("allergy", differs, "");
            let recorded = self.day(1998, 2015);
            let planted = !differs.is_empty();
            let ended = differs == "status";
            // The home contradicts, the others agree; of two at least something is told.
            let (practice, summary, other, hospital, nurses) = (
                planted || self.r.percent(80),
                self.r.percent(60),
                self.r.percent(50),
                planted || self.r.percent(60),
                self.r.percent(40),
            );
            let allergy = |what| Allergy { what, recorded, reaction: "Rash on trunk and arms" };
            if practice {
                let coded = self.r.percent(70);
                let text = if coded { w.coded } else { w.practice };
                self.practice.allergies.push(allergy(concept(&w, coded, text)));
                self.label("gp2gp", truth, text, "");
            }
            if summary {
                self.summary.allergies.push(allergy(concept(&w, true, w.coded)));
                self.label("summary-care-record", truth, w.coded, "");
            }
            if other {
                self.other.allergies.push(allergy(concept(&w, true, w.coded)));
                self.label("careconnect", truth, w.coded, "");
            }
            let told = |text: &str, status, severity| Entry {
                code: w.snomed,
                text: text.to_owned(),
                date: iso(recorded),
                status,
                severity,
                detail: String::new(),
            };
            if hospital {
                self.hospital.allergies.push(told(w.hospital, "active", "severe"));
                self.label("hl7v2", truth, w.hospital, "");
            }
            if nurses {
                self.nurses.allergies.push(told(w.coded, "active", "severe"));
                self.label("fhir-r4", truth, w.coded, "");
            }
            let status = if ended { "resolved" } else { "active" };
            let severity = if differs == "severity" { "mild" } else { "severe" };
            self.home.allergies.push(told(w.plain, status, severity));
            self.label("care-provider-record", truth, w.plain, "");
        }
        // A practice that has recorded none says that none is known: another thing, beside what others tell.
        if self.practice.allergies.is_empty() {
            let none = self.truth("allergy", "", "");
            self.label("gp2gp", none, "no known allergy", "");
        }
    }

    fn conditions(&mut self) {
        let first = self.r.between(0, 7) as usize;
        for step in 0..2 {
            let w = LASTING[(first + step) % LASTING.len()];
            let differs = match self.r.between(0, 5) {
                0 => "date",
                1 => "status",
                _ => "",
            };
            let onset = self.day(2008, 2017);
            self.condition(&w, onset, differs, false);
        }
        // What happens twice, years apart, is two truths.
        let w = *self.r.of(&EVENTS);
        for (from, to) in [(2006, 2009), (2018, 2021)] {
            let onset = self.day(from, to);
            let differs = if self.r.percent(15) { "status" } else { "" };
            self.condition(&w, onset, differs, true);
        }
    }

    /// One problem, told by the practice and by others; an event's tellings lie within a month of each other.
    fn condition(&mut self, w: &Words, onset: Date, differs: &'static str, event: bool) {
        let truth = self.truth("condition", differs, "");
        let near = |r: &mut Random| onset + jiff::ToSpan::days(r.between(0, 25));
        let by_date = |day: Date| if event { day.strftime("%Y").to_string() } else { String::new() };
        let condition = |text: &'static str, snomed, onset| Condition {
            what: Coded { read: "", snomed, text },
            onset,
            note: "As the letter says",
        };
        self.practice.conditions.push(condition(w.coded, w.snomed, onset));
        self.label("gp2gp", truth, w.coded, &by_date(onset));
        if self.r.percent(50) {
            self.summary.conditions.push(condition(w.coded, w.snomed, onset));
            self.label("summary-care-record", truth, w.coded, &by_date(onset));
        }
        // GP Connect's ids here are made of words, so of two episodes it tells one.
        if self.r.percent(40) && (!event || onset.year() >= 2018) {
            self.other.conditions.push(condition(w.coded, w.snomed, onset));
            self.label("careconnect", truth, w.coded, &by_date(onset));
        }
        let entry = |text: &str, day: Date, status| Entry {
            code: w.snomed,
            text: text.to_owned(),
            date: iso(day),
            status,
            ..Entry::default()
        };
        if event && self.r.percent(70) {
            let day = near(&mut self.r);
            self.hospital.conditions.push(entry(w.hospital, day, "active"));
            self.label("hl7v2", truth, w.hospital, &by_date(day));
        }
        let coarse = differs.is_empty() && !event && self.r.percent(30);
        let day = match differs {
            "date" => date(onset.year() - 3, 2, 11),
            _ => onset,
        };
        let mut home = entry(w.plain, day, if differs == "status" { "resolved" } else { "active" });
        if coarse {
            home.date.truncate(4);
        }
        self.home.conditions.push(home);
        self.label("care-provider-record", truth, w.plain, &by_date(day));
        if self.r.percent(30) {
            self.nurses.conditions.push(entry(w.coded, onset, "active"));
            self.label("fhir-r4", truth, w.coded, &by_date(onset));
        }
    }

    fn medicines(&mut self) {
        let first = self.r.between(0, 15) as usize;
        for step in 0..4 {
            let d = DRUGS[(first + step) % DRUGS.len()];
            let (differs, standing) = match self.r.between(0, 6) {
                0 if !d.other.is_empty() => ("dose", "current"),
                1 => ("state", "unclear"),
                2 | 3 => ("", "past"),
                _ => ("", "current"),
            };
            self.medicine(&d, differs, standing);
        }
    }

    fn medicine(&mut self, d: &Drug, differs: &'static str, standing: &'static str) {
        let truth = self.truth("medicine", differs, standing);
        let first = self.day(2016, 2024);
        let stopped = (standing == "past").then_some((date(2026, 3, 2), "No longer needed"));
        let medicine = |stopped| Medicine {
            what: Coded { read: "", snomed: d.code, text: d.name },
            dose: "Take one each day",
            quantity: 28,
            unit: "tablet",
            days: 28,
            first,
            stopped,
            repeat: true,
        };
        self.practice.medicines.push(medicine(stopped));
        self.label("gp2gp", truth, d.name, "");
        if self.r.percent(60) {
            // The summary was uploaded before the medicine was stopped: the practice says now what it said last.
            let early = self.r.percent(50);
            self.summary.medicines.push(medicine(stopped.filter(|_| !early)));
            self.label("summary-care-record", truth, d.name, "");
        }
        if self.r.percent(40) {
            self.other.medicines.push(medicine(stopped));
            self.label("careconnect", truth, d.name, "");
        }
        let now = if standing == "past" || differs == "state" { "stopped" } else { "active" };
        let text = if differs == "dose" { d.other } else { d.chart };
        let entry = |text: &str, status, detail: &str| Entry {
            text: text.to_owned(),
            status,
            detail: detail.to_owned(),
            date: iso(first),
            ..Entry::default()
        };
        self.home.medicines.push(entry(text, now, "ONE daily"));
        self.label("care-provider-record", truth, text, "");
        if now == "active" && self.r.percent(50) {
            self.home.given.push(Entry {
                date: "2026-04-20T08:00:00+01:00".to_owned(),
                ..entry(text, "completed", "1 tablet")
            });
        }
        if self.r.percent(30) {
            let says = if standing == "past" { "stopped" } else { "active" };
            self.nurses.medicines.push(entry(d.name, says, "1 tablet once daily"));
            self.label("fhir-r4", truth, d.name, "");
        }
    }

    fn immunisations(&mut self) {
        for (which, year) in [(0, 2023), (0, 2024), (3, 2024), (1, 2019), (2, 2021)] {
            let w = VACCINES[which];
            // Influenza and COVID-19 on one day of one autumn.
            let on =
                if year == 2024 { date(2024, 10, 12) } else { date(year, 10, self.r.between(1, 28) as i8) };
            let differs = match self.r.between(0, 5) {
                0 => "batch",
                1 => "status",
                _ => "",
            };
            let truth = self.truth("immunisation", differs, "");
            let day = iso(on);
            let batch = format!("IB{}", self.r.between(1000, 9999));
            let given = |batch: &str| Immunisation {
                what: Coded { read: "", snomed: w.snomed, text: w.coded },
                on,
                batch: batch.to_owned(),
            };
            let year_of = day.get(..4).unwrap_or_default().to_owned();
            if year != 2023 && differs != "batch" && self.r.percent(50) {
                self.other.immunisations.push(given(&batch));
                self.label("careconnect", truth, w.coded, &year_of);
            }
            let entry = |text: &str, status, batch: &str| Entry {
                code: w.snomed,
                text: text.to_owned(),
                date: day.clone(),
                status,
                detail: batch.to_owned(),
                ..Entry::default()
            };
            self.hospital.immunisations.push(entry(w.hospital, "CP", &batch));
            self.label("hl7v2", truth, w.hospital, &year_of);
            if !differs.is_empty() || self.r.percent(50) {
                let theirs = if differs == "batch" { "ZZ9" } else { batch.as_str() };
                let status = if differs == "status" { "not-done" } else { "completed" };
                self.nurses.immunisations.push(entry(w.plain, status, theirs));
                self.label("fhir-r4", truth, w.plain, &year_of);
            }
        }
    }

    fn kin(&mut self, person: &Person) {
        let family = person.next_of_kin.family.clone();
        let house = format!("01632 96{:04}", person.number % 10_000);
        const CHILD: (&str, &str, &str) = ("CHD", "DAUC", "Daughter");
        const SPOUSE: (&str, &str, &str) = ("SPO", "HUSB", "Husband");
        const SON: (&str, &str, &str) = ("CHD", "SONC", "Son");
        const NEIGHBOUR: (&str, &str, &str) = ("NBR", "NBOR", "Neighbour");
        // Two daughters of one house; a husband and a son of one name; a neighbour.
        let all = [
            ("Hazel", "Hazel", CHILD, &family, true),
            ("Heather", "Heather", CHILD, &family, true),
            ("Thomas", "Tom", SPOUSE, &family, true),
            ("Thomas", "Thomas", SON, &family, false),
            ("Walter", "Walter", NEIGHBOUR, &"Osier".to_owned(), false),
        ];
        for (n, (given, short, relation, family, same_house)) in all.into_iter().enumerate() {
            let differs = if self.r.percent(15) && n != 2 && n != 3 { "telephone" } else { "" };
            let truth = self.truth("contact", differs, "");
            let own = format!("07700 90{n}{:03}", person.number % 1000);
            let phone = if same_house { house.clone() } else { own.clone() };
            let kin = |given: &str, family: &str, phone: &str| Kin {
                given: given.to_owned(),
                family: family.to_owned(),
                relation,
                phone: phone.to_owned(),
            };
            let mut tell = |who: &mut Told, format: &'static str, kin: Kin| {
                // Of two of one name the number tells which.
                let words = format!("{} {}", kin.given, kin.family);
                let date = if n == 2 || n == 3 { kin.phone.clone() } else { String::new() };
                self.labels.push(Label { format, truth, words: words.to_lowercase(), date });
                who.kin.push(kin);
            };
            tell(&mut self.hospital, "hl7v2", kin(&given.to_uppercase(), &family.to_uppercase(), &phone));
            let theirs = if differs == "telephone" { own.replace("07700", "07701") } else { phone.clone() };
            let called = if differs.is_empty() { short } else { given };
            tell(&mut self.home, "care-provider-record", kin(called, family, &theirs));
            tell(&mut self.nurses, "fhir-r4", kin(given, family, &phone));
        }
    }

    fn results(&mut self, person: &Person) {
        // Two samples of one day are two truths of each test, also where they give one value.
        for (n, hour) in [9, 16].into_iter().enumerate() {
            let at = date(2026, 4, 12).at(hour, 5, 0, 0);
            let report = format!("T{:07}{n}", person.number);
            let (mut sent, mut filed) = (Vec::new(), Vec::new());
            for (read, name, as_filed, unit, range, values) in TESTS {
                let differs = if self.r.percent(12) { "value" } else { "" };
                let truth = self.truth("result", differs, "");
                let value = (*self.r.of(&values)).to_owned();
                let line = ResultLine { read, name, value, unit, range, flag: "" };
                let mut theirs = ResultLine { name: as_filed, ..line.clone() };
                if differs == "value" {
                    theirs.value = "777".to_owned();
                }
                let minute = format!("2026-04-12T{hour:02}:05");
                for format in ["hl7v2", "edifact-pathology"] {
                    self.label(format, truth, name, &minute);
                }
                self.label("gp2gp", truth, as_filed, &minute);
                sent.push(line);
                filed.push(theirs);
            }
            self.laboratory.push((at, report.clone(), sent));
            self.filed.push((at, report, filed));
        }
    }

    fn messages(&self, person: &Person) -> Vec<Message> {
        let at = |day| date(2026, 5, day).at(9, 30, 0, 0);
        let event = |(collected, report, lines): &Report| Event::Results {
            at: date(2026, 4, 13).at(8, 0, 0, 0),
            collected: *collected,
            report: report.clone(),
            lines: lines.clone(),
            corrects: false,
        };
        let mut out = Vec::new();
        for result in self.laboratory.iter().map(event) {
            out.extend(crate::formats::hl7v2::of_event(person, &result));
            out.extend(crate::formats::edifact_pathology::of_event(person, &result));
        }
        let filed = Journey {
            kind: Kind::AdviceOnly,
            events: self.filed.iter().map(event).collect(),
            support_reason: "",
            cares_for: None,
        };
        out.push(careconnect::of_facts(&elsewhere(person), &self.other, at(1)));
        out.push(summary_care_record::of_facts(person, &self.summary, at(2)));
        out.push(print::admission(person, &self.hospital, at(3)));
        out.push(print::vaccinations(person, &self.hospital.immunisations, at(4)));
        out.push(print::home(person, &self.home, at(5)));
        out.push(print::nurses(person, &self.nurses, at(6)));
        out.push(gp2gp::of_facts(person, &self.practice, &filed, at(8)));
        out
    }
}

/// The person as another practice has registered her before.
fn elsewhere(person: &Person) -> Person {
    let practices = crate::people::PRACTICES;
    let practice = practices.into_iter().find(|p| *p != person.practice).unwrap_or(person.practice);
    Person { practice, ..person.clone() }
}

fn iso(day: Date) -> String {
    day.to_string()
}
