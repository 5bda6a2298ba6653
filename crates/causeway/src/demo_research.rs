//! The last chapter of the demonstration: what a research project gets before and after she opts out.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use causeway_record::{PersonQuery, Record};
use causeway_research::extract::Report;
use causeway_research::office::{Office, Order, key_file};
use causeway_research::{EXAMPLE, Format, Project};
use causeway_service::state::Shared;
use causeway_synth::formats::client_level_data;
use causeway_synth::plan::people_and_journeys;
use causeway_synth::{Journey, Message, Person, edith};
use serde_json::{Value, json};

/// People beside her, for nobody is hidden among few.
const NEIGHBOURS: usize = 60;
/// Seed of these people.
const SEED: u64 = 2026;

/// Folder of the data directory where the command `extract` too keeps what a project's last extract told.
pub const STATE_FOLDER: &str = "research-state";

/// What the two extracts came to.
#[derive(Debug)]
pub struct Outcome {
    before: u64,
    after: u64,
    /// Whether she was in the first, and of all who were, she alone is not in the second.
    her_alone: bool,
    alike: u64,
}

/// The council's file about her neighbours.
pub fn neighbours() -> Message {
    let (her, _) = edith();
    let people: Vec<(Person, Journey)> = people_and_journeys(SEED, NEIGHBOURS)
        .into_iter()
        .filter(|(person, _)| person.nhs_number != her.nhs_number)
        .collect();
    let all: Vec<(&Person, &Journey)> = people.iter().map(|(person, journey)| (person, journey)).collect();
    let mut file = client_level_data::file(&all, jiff::civil::date(2026, 12, 31));
    file.name = "cld-neighbours-2026-12-31.csv".to_owned();
    file.title = "The council's Client Level Data of her neighbours".to_owned();
    file
}

/// Waits until the record has taken in what was sent.
pub async fn settled(state: &Shared) -> Result<(), String> {
    let mut last = 0;
    for _ in 0..100 {
        let persons = state.record_figures().map_err(|problem| problem.text)?.persons;
        if persons == last && persons > 10 {
            return Ok(());
        }
        last = persons;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Err("the record did not take in the neighbours".to_owned())
}

/// An extract of the project.
#[derive(Debug)]
pub struct Extract {
    report: Report,
    /// Pseudonyms of its people.
    people: BTreeSet<String>,
    /// Hers.
    her: String,
}

/// Makes the extract with this name.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn extract(state: &Shared, name: &str) -> Result<Extract, String> {
    let said = |e: &dyn std::fmt::Display| e.to_string();
    let mut project = Project::read(EXAMPLE).map_err(|e| said(&e))?;
    project.cohort = String::new();
    let folder = state.config.data_directory.join("research");
    std::fs::create_dir_all(&folder).map_err(|e| said(&e))?;
    let key = key_file(&folder.join("falls-2026.key")).map_err(|e| said(&e))?;
    let (her, _) = edith();
    let query = PersonQuery { text: her.nhs_number.clone(), ..PersonQuery::default() };
    // As the command `research extract` does: the office reads the record beside the service, not through its doors.
    let record = Record::open(state.config.data_directory.join("record.sqlite")).map_err(|e| said(&e))?;
    let people = record.persons(&query).map_err(|e| said(&e))?;
    let [her] = people.as_slice() else {
        return Err("the record does not know her as one person".to_owned());
    };
    let policies = state.gate.access.policies.clone();
    let office = Office { engine: state.engine.clone(), record: &record, policies: &policies };
    let out = folder.join(name);
    let order = Order {
        project: &project,
        key: &key,
        consents: &HashMap::new(),
        formats: &[Format::Parquet],
        vocabulary: None,
        selection: None,
        block_people: causeway_research::limits::BLOCK_PEOPLE,
        state: Some(&state.config.data_directory.join(STATE_FOLDER)),
        folder: &out,
        actor: "demonstration",
        now: state.clock.now(),
    };
    let report = office.extract(&order).map_err(|e| said(&e))?;
    let her = key.pseudonym(&project.id, "Patient", &her.id);
    Ok(Extract { report, people: people_of(&out)?, her })
}

/// What an extract before and one after she opted out came to.
pub fn compare(first: &Extract, second: &Extract) -> Outcome {
    let gone: Vec<&String> = first.people.difference(&second.people).collect();
    Outcome {
        before: first.report.people,
        after: second.report.people,
        her_alone: gone == [&first.her] && second.people.is_subset(&first.people),
        alike: second.report.measured.k,
    }
}

/// Pseudonyms of the people of an extract.
fn people_of(folder: &Path) -> Result<BTreeSet<String>, String> {
    let text = std::fs::read_to_string(folder.join("Patient-0001.ndjson")).map_err(|e| e.to_string())?;
    let lines = text.lines().map(serde_json::from_str::<Value>);
    let ids =
        lines.map(|line| Ok(line.map_err(|e| e.to_string())?["id"].as_str().unwrap_or_default().to_owned()));
    ids.collect()
}

impl Outcome {
    /// Whether it is as it must be.
    pub fn holds(&self) -> bool {
        self.her_alone && self.after + 1 == self.before
    }

    /// In words.
    pub fn text(&self) -> String {
        let only = if self.holds() { "she is gone, and only she" } else { "NOT what it must be" };
        format!(
            "\nResearch: an approved project got {} people without their names. She opted out; \
the next extract has {}: {only}.\n    Each looks like at least {} others. What left, why and to whom: /research\n",
            self.before,
            self.after,
            self.alike.saturating_sub(1)
        )
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({"before": self.before, "after": self.after, "sheAlone": self.her_alone, "k": self.alike})
    }
}
