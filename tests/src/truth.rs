//! The generated truth set through the real adapters into the record: what was joined that is two things, what was left
//! apart that is one, which planted disagreements are shown, and whether medicines stand right.

use std::collections::{BTreeMap, BTreeSet};

use causeway_record::{Delivery, Fact, PersonQuery, Record, SummaryQuery, Telling};
use causeway_synth::truth::{Label, Labelled, people};
use jiff::Timestamp;

use crate::population::{adapter, context, source};

/// The day on which the record is read.
const TODAY: &str = "2026-05-20";
/// People that share a flush of the record.
const BATCH: usize = 40;
/// Findings that are kept word by word.
const KEPT: usize = 30;

/// Figures of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Pairs of tellings of one truth.
    pub pairs: usize,
    /// Of these, in one fact.
    pub joined: usize,
    /// Planted disagreements.
    pub planted: usize,
    /// Of these, shown on the fact.
    pub shown: usize,
    /// Medicines whose standing is known.
    pub standings: usize,
    /// Of these, told right.
    pub right: usize,
}

impl Figures {
    /// Joined pairs of all.
    pub fn recall(&self) -> f64 {
        self.joined as f64 / self.pairs.max(1) as f64
    }
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Judged {
    /// People.
    pub people: usize,
    /// Messages by format.
    pub formats: BTreeMap<&'static str, usize>,
    /// Tellings with a label.
    pub tellings: usize,
    /// By kind.
    pub kinds: BTreeMap<&'static str, Figures>,
    /// Facts that hold two truths.
    pub false_joins: usize,
    /// Tellings of the kinds judged that no label names: they would escape the count.
    pub unlabelled: usize,
    /// Labels of which nothing is in the record.
    pub lost: usize,
    /// The first findings, in words.
    pub findings: Vec<String>,
}

/// The kind of truth that a resource of this type tells.
fn kind_of(resource: &str) -> Option<&'static str> {
    Some(match resource {
        "AllergyIntolerance" => "allergy",
        "Condition" => "condition",
        "MedicationRequest" | "MedicationStatement" | "MedicationAdministration" => "medicine",
        "Immunization" => "immunisation",
        "RelatedPerson" => "contact",
        "Observation" => "result",
        _ => return None,
    })
}

/// Whether a telling is one of what the truth set labels: headings and the observation beside a problem are not.
fn is_judged(telling: &Telling) -> bool {
    kind_of(&telling.key.kind).is_some_and(|kind| kind != "result" || telling.measured.is_some())
}

/// The truth that a telling tells, by format, kind, words and date.
fn truth_of(telling: &Telling, labelled: &Labelled) -> Option<usize> {
    let kind = kind_of(&telling.key.kind)?;
    let title = telling.title.to_lowercase();
    let phone = telling.aspects.get("telephone").map_or("", String::as_str);
    let fits = |label: &&Label| {
        let of_kind = labelled.truths.get(label.truth).is_some_and(|t| t.kind == kind);
        let when = if kind == "contact" { phone } else { telling.date.as_str() };
        of_kind
            && label.format == telling.source.system
            && title.contains(&label.words)
            && when.starts_with(&label.date)
    };
    // The longest words: `Penicillamine` and not `Penicillin`, where one holds the other.
    labelled.labels.iter().filter(fits).max_by_key(|l| l.words.len()).map(|l| l.truth)
}

impl Judged {
    fn find(&mut self, text: impl FnOnce() -> String) {
        if self.findings.len() < KEPT {
            self.findings.push(text());
        }
    }

    /// The first so many people of a seed, through everything.
    ///
    /// # Panics
    /// Where a message can't be translated or the record can't be written: then nothing is judged.
    pub fn of(seed: u64, count: usize, record: &Record) -> Self {
        let mut judged = Self { people: count, ..Self::default() };
        let mut batch: Vec<Labelled> = Vec::new();
        for labelled in people(seed, count) {
            batch.push(labelled);
            if batch.len() == BATCH {
                judged.take(record, &mut batch);
            }
        }
        judged.take(record, &mut batch);
        judged
    }

    fn take(&mut self, record: &Record, batch: &mut Vec<Labelled>) {
        let mut held = Vec::new();
        for message in batch.iter().flat_map(|l| &l.messages) {
            let adapter = adapter(message.format).unwrap_or_else(|| panic!("{}", message.format));
            let translation = causeway_adapter::translate(adapter, &message.bytes, &context(message));
            assert!(!translation.rejected(), "{}: {:?}", message.name, translation.issues);
            let source =
                source(message, adapter, &translation, &format!("{}/{}", message.format, message.name));
            let bundles: Vec<Vec<u8>> = translation.outputs.into_iter().map(|o| o.json).collect();
            *self.formats.entry(message.format).or_default() += 1;
            held.push((bundles, source));
        }
        let slices: Vec<Vec<&[u8]>> =
            held.iter().map(|(b, _)| b.iter().map(Vec::as_slice).collect()).collect();
        let deliveries: Vec<Delivery<'_>> =
            held.iter().zip(&slices).map(|((_, source), bundles)| Delivery { bundles, source }).collect();
        let applied = record.apply_many(&deliveries, Timestamp::UNIX_EPOCH).unwrap_or_else(|e| panic!("{e}"));
        for (result, (_, source)) in applied.iter().zip(&held) {
            assert!(result.is_ok(), "{}: {result:?}", source.message);
        }
        for labelled in batch.drain(..) {
            self.judge(record, &labelled);
        }
    }

    fn judge(&mut self, record: &Record, labelled: &Labelled) {
        let query = PersonQuery { text: labelled.person.nhs_number.clone(), ..PersonQuery::default() };
        let rows = record.persons(&query).unwrap_or_default();
        let [row] = rows.as_slice() else {
            panic!("person {}: {} persons of the record", labelled.person.number, rows.len());
        };
        let query = SummaryQuery { today: TODAY.to_owned(), ..SummaryQuery::default() };
        let summary =
            record.summary(&row.id, &query, None).ok().flatten().unwrap_or_else(|| panic!("no summary"));
        let facts: Vec<(&Fact, Vec<usize>)> = summary
            .parts
            .iter()
            .flat_map(|p| &p.facts)
            .filter(|f| f.tellings.iter().any(is_judged))
            .map(|f| (f, f.tellings.iter().filter_map(|t| truth_of(t, labelled)).collect()))
            .collect();
        for (fact, truths) in &facts {
            self.tellings += truths.len();
            let missing = fact.tellings.len() - truths.len();
            if missing > 0 {
                self.unlabelled += missing;
                self.find(|| format!("unlabelled: {}", words(fact)));
            }
            if truths.iter().collect::<BTreeSet<_>>().len() > 1 {
                self.false_joins += 1;
                self.find(|| format!("joined falsely: {}", words(fact)));
            }
        }
        for label in &labelled.labels {
            if !facts.iter().any(|(f, t)| t.contains(&label.truth) && told_by(f, label.format)) {
                self.lost += 1;
                self.find(|| format!("lost: {label:?}"));
            }
        }
        for (at, truth) in labelled.truths.iter().enumerate() {
            let mine: Vec<&(&Fact, Vec<usize>)> = facts.iter().filter(|(_, t)| t.contains(&at)).collect();
            let sizes: Vec<usize> =
                mine.iter().map(|(_, t)| t.iter().filter(|t| **t == at).count()).collect();
            let pairs = |n: usize| n * n.saturating_sub(1) / 2;
            let shown = mine.iter().any(|(f, _)| f.differences.iter().any(|d| d.aspect == truth.differs));
            let right = mine.iter().all(|(f, _)| f.standing.word() == truth.standing);
            let kind = self.kinds.entry(truth.kind).or_default();
            kind.pairs += pairs(sizes.iter().sum());
            kind.joined += sizes.iter().map(|n| pairs(*n)).sum::<usize>();
            kind.planted += usize::from(!truth.differs.is_empty());
            kind.shown += usize::from(!truth.differs.is_empty() && shown);
            kind.standings += usize::from(!truth.standing.is_empty());
            kind.right += usize::from(!truth.standing.is_empty() && right);
            let all = || mine.iter().map(|(f, _)| words(f)).collect::<Vec<_>>().join(" // ");
            if sizes.len() > 1 {
                self.find(|| format!("apart: {}", all()));
            }
            if !truth.differs.is_empty() && !shown {
                self.find(|| format!("{} not shown: {}", truth.differs, all()));
            }
            if !truth.standing.is_empty() && !right {
                let said: Vec<&str> = mine.iter().map(|(f, _)| f.standing.word()).collect();
                self.find(|| format!("{said:?} for {}: {}", truth.standing, all()));
            }
        }
    }

    /// What it found, in lines.
    pub fn summary(&self) -> String {
        let mut out = format!("{} people, {} tellings from {:?}\n", self.people, self.tellings, self.formats);
        for (kind, f) in &self.kinds {
            out.push_str(&format!(
                "  {kind:13} recall {:.4} ({} of {} pairs), disagreements shown {} of {}",
                f.recall(),
                f.joined,
                f.pairs,
                f.shown,
                f.planted
            ));
            if f.standings > 0 {
                out.push_str(&format!(", standing right {} of {}", f.right, f.standings));
            }
            out.push('\n');
        }
        out.push_str(&format!(
            "  false joins {}, unlabelled {}, lost {}\n",
            self.false_joins, self.unlabelled, self.lost
        ));
        for finding in &self.findings {
            out.push_str(&format!("    {finding}\n"));
        }
        out
    }

    /// Whether what the issue asks for holds: no false join, recall, every disagreement, medicines.
    pub fn holds(&self) -> bool {
        let kinds = self.kinds.iter().all(|(kind, f)| {
            let least = if *kind == "result" { 0.98 } else { 0.95 };
            f.recall() >= least && f.shown == f.planted && f.right * 100 >= f.standings * 99
        });
        kinds && self.false_joins + self.unlabelled + self.lost == 0 && self.kinds.len() == 6
    }
}

fn told_by(fact: &Fact, format: &str) -> bool {
    fact.tellings.iter().any(|t| t.source.system == format)
}

fn words(fact: &Fact) -> String {
    let one = |t: &Telling| {
        format!(
            "{} {} {:?} {} {:?}",
            t.source.system,
            t.key.kind,
            t.title,
            t.date,
            t.aspects.values().collect::<Vec<_>>()
        )
    };
    fact.tellings.iter().map(one).collect::<Vec<_>>().join(" + ")
}
