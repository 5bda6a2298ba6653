//! Whole extracts: what leaves, what does not, and that a killed one ends with the same bytes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use causeway_access::PolicySet;
use causeway_access::choices::Choice;
use causeway_research::deidentify::Key;
use causeway_research::extract::{Job, REPORT, Report};
use causeway_research::leak::Secrets;
use causeway_research::{Dates, Error, Format, LegalBasis, People, PersonRecord, Population, Project, Tier};
use serde_json::{Value, json};

use super::people::{TODAY, person, project};

const ALL: &[Format] = &[Format::Csv, Format::Ndjson, Format::Parquet];

fn key() -> Key {
    Key::new(&[7; 32]).expect("a key")
}

fn asking(tier: Tier) -> Project {
    let mut project = project(tier);
    let patients = json!({"resource": "Patient", "name": "patients", "select": [{"column": [
        {"name": "id", "path": "getResourceKey()"}, {"name": "gender", "path": "gender"},
        {"name": "born", "path": "birthDate"}, {"name": "district", "path": "address.postalCode.first()"}]}]});
    let weights = json!({"resource": "Observation", "name": "weights", "select": [{"column": [
        {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
        {"name": "day", "path": "effective.ofType(dateTime)"},
        {"name": "kg", "path": "value.ofType(Quantity).value", "type": "decimal"}]}]});
    let counts = json!({"resource": "Patient", "name": "counts", "select": [{"column": [
        {"name": "gender", "path": "gender"}, {"name": "district", "path": "address.postalCode.first()"}]}]});
    if tier == Tier::Aggregate {
        project.views = vec![counts];
    } else {
        project.views = vec![patients, weights];
        project.elements = vec!["Patient".to_owned(), "Condition".to_owned(), "Procedure".to_owned()];
    }
    if tier == Tier::Identifiable {
        project.legal_basis = LegalBasis::Other { reference: "26/CAG/0001 (invented)".to_owned() };
    }
    project
}

fn run(project: &Project, people: &dyn Population, folder: &Path, block: usize) -> Result<Report, Error> {
    let policies = PolicySet::shared().expect("the built-in set");
    let job = Job {
        project,
        policies: &policies,
        key: &key(),
        today: TODAY,
        formats: ALL,
        folder,
        vocabulary: None,
        selection: None,
        state: None,
        block_people: block,
    };
    job.run(people)
}

/// Every choice by a plan: of each hundred people three opted out, two by type 1, one objects, one is sensitive.
fn population(size: u64) -> Vec<PersonRecord> {
    (0..size)
        .map(|n| {
            person(
                n,
                match n % 100 {
                    11..=13 => &[Choice::NationalOptOut],
                    21 | 22 => &[Choice::TypeOne],
                    31 => &[Choice::Objection],
                    41 => &[Choice::Sensitive],
                    51 => &[Choice::NationalOptOut, Choice::TypeOne],
                    _ => &[],
                },
            )
        })
        .collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file"))
        })
        .collect()
}

fn lines(folder: &Path, start: &str) -> Vec<Value> {
    let of_start = |(name, _): &(String, Vec<u8>)| name.starts_with(start) && name.ends_with(".ndjson");
    let texts = files(folder).into_iter().filter(of_start).map(|(_, b)| String::from_utf8(b).expect("UTF-8"));
    texts
        .flat_map(|t| t.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect::<Vec<_>>())
        .collect()
}

#[test]
fn nothing_of_anybody_is_in_any_byte_and_the_choices_are_honoured() {
    let people = population(10_000);
    let mut secrets = Secrets::default();
    people.iter().for_each(|person| secrets.learn(person));
    assert!(secrets.len() > 50_000, "{} things are looked for", secrets.len());
    let folder = tempfile::tempdir().expect("a folder");
    let pseudonymised = folder.path().join("pseudonymised");
    let report = run(&asking(Tier::Pseudonymised), &people, &pseudonymised, 4_000).expect("an extract");
    assert_eq!(report.looked_at, 10_000);
    // 4 of each hundred by opt-out, one by objection, one sensitive.
    let expected = [("extract-objection", 100), ("extract-opt-out", 400), ("extract-sensitive", 100)];
    let expected: BTreeMap<String, u64> = expected.iter().map(|(r, n)| ((*r).to_owned(), *n)).collect();
    assert_eq!(report.removed.people, expected);
    assert_eq!(report.removed.resources["extract-type-one"], 200);
    assert_eq!(report.removed.resources["extract-restricted"], 1_000);
    assert_eq!(report.removed.resources["would-tell-of-restricted"], 1_000);
    let patients = lines(&pseudonymised, "Patient");
    assert_eq!(patients.len() as u64, report.people);
    assert_eq!(lines(&pseudonymised, "patients").len(), patients.len());
    // No group of people who look alike is smaller than was promised.
    let mut alike: BTreeMap<String, u64> = BTreeMap::new();
    for patient in &patients {
        let seen = [&patient["birthDate"], &patient["gender"], &patient["address"]];
        *alike.entry(format!("{seen:?}")).or_default() += 1;
    }
    assert!(alike.values().all(|n| *n >= 5), "{alike:?}");
    assert_eq!(report.measured.k, alike.values().copied().min().unwrap_or(0));
    assert!(report.measured.l >= 1);
    let found = secrets.search(&pseudonymised).expect("a search");
    assert!(found.is_empty(), "pseudonymised: {found:?}");
    let aggregate = folder.path().join("aggregate");
    run(&asking(Tier::Aggregate), &people, &aggregate, 4_000).expect("counts");
    let found = secrets.search(&aggregate).expect("a search");
    assert!(found.is_empty(), "aggregate: {found:?}");
    // The control: with de-identification off the same search finds.
    let identifiable = folder.path().join("identifiable");
    run(&asking(Tier::Identifiable), &people, &identifiable, 4_000).expect("an extract");
    let found = secrets.search(&identifiable).expect("a search");
    for kind in ["identifier", "name", "address", "full date", "free text", "id", "source message"] {
        assert!(found.contains(kind), "the control does not find {kind}: {found:?}");
    }
}

#[test]
fn an_opt_out_between_two_extracts_takes_her_and_only_her() {
    let mut people: Vec<PersonRecord> = (1..200).map(|n| person(n, &[])).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = (folder.path().join("1"), folder.path().join("2"));
    let project = asking(Tier::Pseudonymised);
    run(&project, &people, &before, 50).expect("an extract");
    let her = &mut people[77];
    her.choices = super::people::choices(&[Choice::NationalOptOut]);
    let pseudonym = key().pseudonym(&project.id, "Patient", &her.key);
    let report = run(&project, &people, &after, 50).expect("an extract");
    let ids = |folder: &Path| -> BTreeSet<String> {
        lines(folder, "Patient").iter().map(|p| p["id"].as_str().expect("an id").to_owned()).collect()
    };
    let gone: Vec<String> = ids(&before).difference(&ids(&after)).cloned().collect();
    assert_eq!(gone, std::slice::from_ref(&pseudonym));
    assert_eq!(report.removed.people["extract-opt-out"], 1);
    for (name, bytes) in files(&after) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&pseudonym), "{name} still holds her");
    }
}

/// What could be read of so many people and no more.
struct Broken<'p>(&'p Vec<PersonRecord>, usize);

impl Population for Broken<'_> {
    fn people(&self) -> Result<People<'_>, Error> {
        Ok(Box::new(self.0.iter().enumerate().map(|(n, person)| match n < self.1 {
            true => Ok(person.clone().into()),
            false => Err(Error::File("gone".to_owned())),
        })))
    }
}

/// The same extract stopped while it writes: the files of all blocks from one on can't be made.
fn stopped(project: &Project, people: &dyn Population, folder: &Path, block: usize, written: usize) {
    let inn = folder.join(format!("Patient-{:04}.ndjson.part", written + 1));
    std::fs::create_dir_all(&inn).expect("a folder in the way of the file");
    run(project, people, folder, block).expect_err("it is cut off");
    std::fs::remove_dir(&inn).expect("out of the way");
}

#[test]
fn what_was_cut_off_goes_on_and_ends_with_the_same_bytes() {
    let people = population(600);
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    let project = asking(Tier::Pseudonymised);
    run(&project, &people, &whole, 100).expect("an extract");
    for written in 0..6 {
        let cut = folder.path().join(format!("cut-{written}"));
        stopped(&project, &people, &cut, 100, written);
        assert!(!cut.join(REPORT).exists());
        assert_eq!(cut.join("progress.json").exists(), written > 0);
        run(&project, &people, &cut, 100).expect("it goes on");
        assert_eq!(files(&cut), files(&whole), "cut off after {written} blocks");
        // A finished one is not written over.
        assert!(run(&project, &people, &cut, 100).is_err());
    }
    // What can't be read whole is not written at all.
    let cut = folder.path().join("unread");
    run(&project, &Broken(&people, 350), &cut, 100).expect_err("it can't be read");
    assert!(files(&cut).is_empty(), "nothing of it leaves");
    // What another day or population left is not used.
    let cut = folder.path().join("other");
    stopped(&project, &people, &cut, 100, 3);
    let fewer: Vec<PersonRecord> = people.iter().skip(1).cloned().collect();
    let fresh = folder.path().join("fresh");
    run(&project, &fewer, &fresh, 100).expect("an extract");
    run(&project, &fewer, &cut, 100).expect("an extract");
    assert_eq!(files(&cut), files(&fresh));
}

/// Counts how often it is read: a choice made between two readings would be in one of them alone.
struct Once<'p>(&'p Vec<PersonRecord>, Cell<u32>);

impl Population for Once<'_> {
    fn people(&self) -> Result<People<'_>, Error> {
        self.1.set(self.1.get() + 1);
        self.0.people()
    }
}

#[test]
fn everybody_is_read_once() {
    let people: Vec<PersonRecord> = (0..50).map(|n| person(n, &[])).collect();
    for tier in [Tier::Identifiable, Tier::Pseudonymised, Tier::Aggregate] {
        let folder = tempfile::tempdir().expect("a folder");
        let once = Once(&people, Cell::new(0));
        run(&asking(tier), &once, folder.path(), 100).expect("an extract");
        assert_eq!(once.1.get(), 1);
        let stays = files(folder.path()).into_keys().find(|name| name.contains("reading"));
        assert_eq!(stays, None, "what is put aside has no name");
    }
}

#[test]
fn elements_cohort_and_shifted_dates_are_as_asked() {
    let people = population(300);
    let folder = tempfile::tempdir().expect("a folder");
    let mut project = asking(Tier::Pseudonymised);
    project.views.clear();
    project.elements = vec!["Observation.effective".to_owned(), "Observation.subject".to_owned()];
    project.cohort = "gender = 'female'".to_owned();
    project.dates = Dates::Shift;
    let report = run(&project, &people, folder.path(), 1_000).expect("an extract");
    assert_eq!(report.looked_at, 150);
    let found = lines(folder.path(), "Observation");
    assert!(!found.is_empty());
    for observation in &found {
        let names: Vec<&str> =
            observation.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, ["resourceType", "id", "subject", "effectiveDateTime"]);
        assert_eq!(observation["effectiveDateTime"].as_str().map(str::len), Some(10));
    }
    assert!(!report.files.iter().any(|f| f.name.starts_with("Patient")));
}
