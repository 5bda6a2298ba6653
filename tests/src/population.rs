//! A generated population through every adapter, the profile checker and the record, in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use causeway_adapter::{Adapter, Context, Sender, Translation};
use causeway_core::{Outcome as Became, Severity};
use causeway_fhir::systems;
use causeway_record::{
    Delivery, PersonQuery, PersonView, Record, SearchOptions, SourceMessage, Summary, SummaryQuery,
};
use causeway_synth::defects::Outcome;
use causeway_synth::formats::messages;
use causeway_synth::people::COUNCIL;
use causeway_synth::plan::{Expected, Planned, people_and_journeys, write_plan};
use causeway_synth::{Event, Journey, Kind, Message, Organisation, Person};
use jiff::Timestamp;

use crate::sections;

/// Messages that share a flush of the record.
const BATCH: usize = 250;
/// Formats that name a person by an identifier and send no Patient.
const WITHOUT_PATIENT: [&str; 2] = ["telecare-alarm", "care-act-assessment"];
/// People whose page is looked at.
const SUMMARIES_LOOKED_AT: usize = 100;
/// Code of a fall detector's alarm.
const ALARM: &str = "0005";
/// Faults that are kept word by word; the others are counted.
const FAULTS_KEPT: usize = 40;

/// Figures of one format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Format {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Source items.
    pub items: u64,
    /// Bundles.
    pub bundles: u64,
    /// Resources within them.
    pub resources: u64,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Run {
    /// People.
    pub people: usize,
    /// By format.
    pub formats: BTreeMap<&'static str, Format>,
    /// Formats that are generated and have no adapter in the list.
    pub without_adapter: BTreeMap<&'static str, u64>,
    /// Warnings of right messages by format and rule: how many, and where the first was.
    pub warnings: BTreeMap<(String, String), (u64, String)>,
    /// Warnings of the profile checker on what came of right messages, in the same way.
    pub profile_warnings: BTreeMap<(String, String), (u64, String)>,
    /// Faults, the first of them.
    pub faults: Vec<String>,
    /// How many faults there were.
    pub fault_count: u64,
    /// Labelled defects that were found as expected.
    pub defects: u64,
    /// Persons of the record.
    pub persons: u64,
    /// Patients of all persons.
    pub patients: u64,
    /// Persons with a fact that several sources tell.
    pub grouped: u64,
    /// Resources of the record.
    pub resources: u64,
    /// Time to translate, to check and to apply.
    pub took: [Duration; 3],
}

struct Held {
    bundles: Vec<Vec<u8>>,
    source: SourceMessage,
    /// Whether it is a right message.
    right: bool,
}

fn system(organisation: Organisation) -> &'static str {
    match organisation.scheme {
        "cqc" => systems::CQC_LOCATION,
        "cassr" => systems::CASSR,
        _ => systems::ODS_ORGANISATION,
    }
}

/// When a message is received: when it is sent.
fn received(message: &Message) -> Timestamp {
    let zoned = causeway_core::london().to_zoned_datetime(message.at);
    zoned.map(|z| z.timestamp()).unwrap_or_default()
}

/// The context in which the exchange would translate a message.
pub fn context(message: &Message) -> Context {
    let sender = Sender {
        system: system(message.sender).to_owned(),
        code: message.sender.code.to_owned(),
        name: message.sender.name.to_owned(),
    };
    Context::new(sender, received(message), format!("urn:causeway:generated:{}", message.name))
}

/// The adapter of a format.
pub fn adapter(format: &str) -> Option<&'static dyn Adapter> {
    causeway::ADAPTERS.iter().find(|a| a.name() == format).copied()
}

/// Where a message's facts come from, as the broker would tell the record.
pub fn source(
    message: &Message,
    adapter: &dyn Adapter,
    translation: &Translation,
    id: &str,
) -> SourceMessage {
    SourceMessage {
        message: id.to_owned(),
        sender_code: message.sender.code.to_owned(),
        sender_system: system(message.sender).to_owned(),
        sender_name: message.sender.name.to_owned(),
        adapter: adapter.name().to_owned(),
        sector: adapter.format().sector,
        telling: adapter.format().telling,
        received: received(message),
        partial: translation.rejected(),
        notices: Vec::new(),
    }
}

impl Run {
    fn fault(&mut self, text: impl FnOnce() -> String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(text());
        }
    }

    /// Sends a population through everything and looks at the record afterwards.
    ///
    /// # Panics
    /// Where the record's file can't be written.
    pub fn of(seed: u64, people: usize, record: &Record) -> Self {
        let mut run = Self { people, ..Self::default() };
        let mut held: Vec<Held> = Vec::new();
        let mut counted = false;
        for planned in write_plan(seed, people) {
            if !counted && planned.expected != Expected::Taken {
                run.apply(record, &mut held);
                run.count(record);
                counted = true;
            }
            let Some(adapter) = adapter(planned.message.format) else {
                *run.without_adapter.entry(planned.message.format).or_default() += 1;
                continue;
            };
            held.extend(run.one(adapter, &planned));
            if held.len() >= BATCH {
                run.apply(record, &mut held);
            }
        }
        run.apply(record, &mut held);
        run.look(seed, record);
        run
    }

    fn one(&mut self, adapter: &dyn Adapter, planned: &Planned) -> Option<Held> {
        let message = &planned.message;
        let context = context(message);
        let started = Instant::now();
        let translation = causeway_adapter::translate(adapter, &message.bytes, &context);
        self.took[0] += started.elapsed();
        let started = Instant::now();
        self.profile(planned, &translation);
        self.took[1] += started.elapsed();
        let unexplained = translation.ledger.totals().of(Became::Unexplained);
        if unexplained > 0 {
            self.fault(|| format!("{}: {unexplained} items unexplained", planned.path));
        }
        match planned.expected {
            Expected::Taken => self.taken(planned, &translation),
            Expected::Defect { rule, outcome, .. } => self.defect(planned, &translation, rule, outcome),
        }
        let source = source(message, adapter, &translation, &planned.path);
        let bundles = translation.outputs.into_iter().map(|o| o.json).collect();
        Some(Held { bundles, source, right: planned.expected == Expected::Taken })
    }

    fn profile(&mut self, planned: &Planned, translation: &Translation) {
        for output in &translation.outputs {
            for finding in causeway_profile::check(&output.json).findings {
                if finding.severity == causeway_profile::Severity::Warning
                    && planned.expected == Expected::Taken
                {
                    let key = (planned.message.format.to_owned(), finding.rule.clone());
                    let first = || (0, format!("{} {}", planned.path, finding.path));
                    self.profile_warnings.entry(key).or_insert_with(first).0 += 1;
                }
                if finding.severity == causeway_profile::Severity::Error {
                    self.fault(|| {
                        format!("{}: {} [{}] {}", planned.path, finding.path, finding.rule, finding.text)
                    });
                }
            }
        }
    }

    fn taken(&mut self, planned: &Planned, translation: &Translation) {
        let format = self.formats.entry(planned.message.format).or_default();
        format.messages += 1;
        format.bytes += planned.message.bytes.len() as u64;
        format.items += translation.ledger.len() as u64;
        format.bundles += translation.outputs.len() as u64;
        format.resources += translation.outputs.iter().map(|o| u64::from(o.resources)).sum::<u64>();
        for issue in &translation.issues {
            match issue.severity {
                Severity::Fatal | Severity::Error => {
                    let place = issue.position.as_ref().map_or("", |p| p.path.as_str()).to_owned();
                    self.fault(|| format!("{}: {place} [{}] {}", planned.path, issue.rule, issue.text));
                }
                Severity::Warning => {
                    let key = (planned.message.format.to_owned(), issue.rule.to_string());
                    let place = issue.position.as_ref().map_or("", |p| p.path.as_str());
                    let first = || (0, format!("{} {place}", planned.path));
                    self.warnings.entry(key).or_insert_with(first).0 += 1;
                }
                Severity::Information => {}
            }
        }
        if translation.outputs.is_empty() {
            self.fault(|| format!("{}: nothing came of it", planned.path));
        }
    }

    fn defect(&mut self, planned: &Planned, translation: &Translation, rule: &str, outcome: Outcome) {
        let before = self.fault_count;
        if !translation.issues.iter().any(|issue| issue.rule == rule) {
            let raised: BTreeSet<String> = translation.issues.iter().map(|i| i.rule.to_string()).collect();
            self.fault(|| format!("{}: {rule} was not raised, but {raised:?}", planned.path));
        }
        let rejected = translation.ledger.totals().of(Became::Rejected);
        let withheld = translation.ledger.totals().of(Became::Withheld);
        let holds = |nhs: &String| {
            translation.outputs.iter().any(|o| String::from_utf8_lossy(&o.json).contains(nhs.as_str()))
        };
        let right = match outcome {
            Outcome::Refused => translation.outputs.is_empty() && rejected > 0,
            Outcome::NeighboursUnharmed => rejected > 0 && planned.nhs_numbers.last().is_some_and(holds),
            Outcome::Withheld => withheld > 0 && planned.nhs_numbers.last().is_some_and(holds),
            Outcome::ItemLeftOut | Outcome::Carried => !translation.outputs.is_empty(),
        };
        if !right {
            let bundles = translation.outputs.len();
            self.fault(|| {
                format!(
                    "{}: expected {outcome:?}, but {bundles} bundles and {rejected} items rejected",
                    planned.path
                )
            });
        }
        self.defects += u64::from(self.fault_count == before);
    }

    fn apply(&mut self, record: &Record, held: &mut Vec<Held>) {
        let started = Instant::now();
        let slices: Vec<Vec<&[u8]>> =
            held.iter().map(|h| h.bundles.iter().map(Vec::as_slice).collect()).collect();
        let deliveries: Vec<Delivery<'_>> =
            held.iter().zip(&slices).map(|(h, bundles)| Delivery { bundles, source: &h.source }).collect();
        let now = held.last().map(|h| h.source.received).unwrap_or_default();
        let applied = record.apply_many(&deliveries, now).unwrap_or_else(|e| panic!("the record: {e}"));
        for (result, held) in applied.iter().zip(held.iter()) {
            match result {
                Ok(applied) if applied.refused > 0 => {
                    let refused = applied.refused;
                    self.fault(|| {
                        format!(
                            "{}: the record refused {refused} resources: {:?}",
                            held.source.message, applied.issues
                        )
                    });
                }
                // A fact of one person must never become another's.
                Ok(applied)
                    if held.right && applied.issues.iter().any(|issue| issue.rule == "subject-changed") =>
                {
                    self.fault(|| format!("{}: facts changed their person", held.source.message));
                }
                Ok(_) => {}
                Err(error) => self.fault(|| format!("{}: {error}", held.source.message)),
            }
        }
        held.clear();
        self.took[2] += started.elapsed();
    }

    /// Every person is one, and nobody is two.
    fn look(&mut self, seed: u64, record: &Record) {
        for (person, journey) in people_and_journeys(seed, self.people) {
            let nhs = &person.nhs_number;
            let query = PersonQuery { text: nhs.clone(), ..PersonQuery::default() };
            let rows = record.persons(&query).unwrap_or_default();
            let [row] = rows.as_slice() else {
                let patients: Vec<String> = rows
                    .iter()
                    .filter_map(|row| record.person(&row.id).ok().flatten())
                    .map(|view| {
                        view.members.iter().map(|m| m.source.message.clone()).collect::<Vec<_>>().join(", ")
                    })
                    .collect();
                self.fault(|| {
                    format!("person {}: {} persons of the record: {patients:?}", person.number, rows.len())
                });
                continue;
            };
            let Ok(Some(view)) = record.person(&row.id) else {
                self.fault(|| format!("person {}: not to be read", person.number));
                continue;
            };
            self.patients += view.members.len() as u64;
            let stranger = view
                .members
                .iter()
                .find(|m| !m.demographics.nhs_number.is_empty() && m.demographics.nhs_number != *nhs);
            if stranger.is_some() {
                self.fault(|| format!("person {}: joined with another", person.number));
            }
            self.sources(&person, &journey, &view);
            self.reached(record, &row.id, &view.display_patient, &journey);
            let summary = record.summary(&row.id, &SummaryQuery::default(), None).ok().flatten();
            let facts = || summary.iter().flat_map(|s| &s.parts).flat_map(|p| &p.facts);
            let grouped = facts().any(|fact| fact.sources() > 1);
            self.grouped += u64::from(grouped);
            if let Some(summary) = summary.as_ref().filter(|_| person.number <= SUMMARIES_LOOKED_AT) {
                self.shown(record, person.number, &view.display_patient, summary);
            }
            if journey.kind == Kind::FallToReablement && !grouped {
                self.fault(|| format!("person {}: no fact of two sources was recognised", person.number));
            }
        }
    }

    /// The page's parts count what the FHIR API finds, and nothing on it is a raw reference or a type's name.
    fn shown(&mut self, record: &Record, person: usize, patient: &str, summary: &Summary) {
        for fault in sections::look(record, patient, summary).1 {
            self.fault(|| format!("person {person}: {fault}"));
        }
    }

    /// Every organisation that sent a message with a Patient has one among the person's.
    fn sources(&mut self, person: &Person, journey: &Journey, view: &PersonView) {
        let mut senders: BTreeSet<&str> = messages(person, journey)
            .iter()
            .filter(|m| !WITHOUT_PATIENT.contains(&m.format) && adapter(m.format).is_some())
            .map(|m| m.sender.code)
            .collect();
        senders.insert(COUNCIL.code);
        for member in &view.members {
            senders.remove(member.source.organisation_code.as_str());
        }
        if !senders.is_empty() {
            self.fault(|| format!("person {}: {senders:?} did not join", person.number));
        }
    }

    /// Sources that name the person by an identifier alone, and send no Patient, have reached the person too.
    fn reached(&mut self, record: &Record, person: &str, patient: &str, journey: &Journey) {
        let count = |kind: &str, rest: &[(&str, &str)]| {
            let own = [("patient", patient)];
            let all = own.iter().chain(rest);
            let params: Vec<(String, String)> =
                all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            record.search(kind, &params, &SearchOptions::default()).map_or(0, |page| page.matches.len())
        };
        let alarms = journey.events.iter().filter(|e| matches!(e, Event::Alarm { .. })).count();
        let plans = journey
            .events
            .iter()
            .filter(|e| matches!(e, Event::Assessment { description: "Care Act assessment", .. }));
        let (alarms, plans) = (alarms, plans.count());
        let found = (count("Observation", &[("code", ALARM)]), count("CarePlan", &[]));
        if found.0 < alarms || found.1 < plans {
            self.fault(|| {
                format!(
                    "{person}: {} of {alarms} alarms and {} of {plans} plans reached the person",
                    found.0, found.1
                )
            });
        }
    }

    /// Before the spoiled messages come, there are as many persons as people.
    fn count(&mut self, record: &Record) {
        let figures = record.figures().unwrap_or_else(|e| panic!("the record: {e}"));
        self.persons = figures.persons;
        self.resources = figures.resources;
        let (persons, people) = (figures.persons, self.people);
        if persons != people as u64 {
            self.fault(|| format!("{people} people became {persons} persons of the record"));
        }
    }

    /// What it found, in lines.
    pub fn summary(&self) -> String {
        let mut out = format!("{} people\n", self.people);
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        for (name, f) in &self.formats {
            line(format!(
                "  {name:22} {:>8} messages {:>7.1} MB {:>10} items {:>8} bundles {:>9} resources",
                f.messages,
                f.bytes as f64 / 1e6,
                f.items,
                f.bundles,
                f.resources
            ));
        }
        for (name, count) in &self.without_adapter {
            line(format!("  {name:22} {count:>8} messages, and no adapter in the list"));
        }
        for ((format, rule), (count, first)) in &self.warnings {
            line(format!("  warning {format} {rule}: {count}, first {first}"));
        }
        for ((format, rule), (count, first)) in &self.profile_warnings {
            line(format!("  profile warning {format} {rule}: {count}, first {first}"));
        }
        line(format!("  labelled defects found as expected: {}", self.defects));
        line(format!(
            "  record: {} persons from {} patients, {} with a fact of several sources, {} resources",
            self.persons, self.patients, self.grouped, self.resources
        ));
        let [translate, check, apply] = self.took.map(|t| t.as_secs_f64());
        line(format!("  translate {translate:.1} s, check {check:.1} s, apply {apply:.1} s"));
        line(format!("  faults: {}", self.fault_count));
        for fault in &self.faults {
            line(format!("    {fault}"));
        }
        out
    }
}
