//! Whole extracts: what leaves, what does not, and that a killed one ends with the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use causeway_access::PolicySet;
use causeway_access::choices::Choice;
use causeway_research::deidentify::Key;
use causeway_research::extract::{Job, REPORT, Report};
use causeway_research::leak::Secrets;
use causeway_research::{Dates, Error, Format, LegalBasis, PersonRecord, Population, Project, Tier};
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

/// Fails after some people, as often as it is read.
struct Broken<'p>(&'p Vec<PersonRecord>, usize, std::cell::Cell<u32>);

impl Population for Broken<'_> {
    fn people(&self) -> Result<Box<dyn Iterator<Item = Result<PersonRecord, Error>> + '_>, Error> {
        self.2.set(self.2.get() + 1);
        // The first reading counts; the second, which writes, ends early.
        let stop = if self.2.get() == 2 { self.1 } else { usize::MAX };
        Ok(Box::new(self.0.iter().enumerate().map(move |(n, person)| match n < stop {
            true => Ok(person.clone()),
            false => Err(Error::File("gone".to_owned())),
        })))
    }
}

#[test]
fn what_was_cut_off_goes_on_and_ends_with_the_same_bytes() {
    let people = population(600);
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    let project = asking(Tier::Pseudonymised);
    run(&project, &people, &whole, 100).expect("an extract");
    for stop in [0, 99, 100, 101, 350, 599] {
        let cut = folder.path().join(format!("cut-{stop}"));
        run(&project, &Broken(&people, stop, std::cell::Cell::new(0)), &cut, 100).expect_err("it is cut off");
        assert!(!cut.join(REPORT).exists());
        run(&project, &people, &cut, 100).expect("it goes on");
        assert_eq!(files(&cut), files(&whole), "cut off after {stop}");
        // A finished one is not written over.
        assert!(run(&project, &people, &cut, 100).is_err());
    }
    // What another day or population left is not used.
    let cut = folder.path().join("other");
    run(&project, &Broken(&people, 350, std::cell::Cell::new(0)), &cut, 100).expect_err("it is cut off");
    let fewer: Vec<PersonRecord> = people.iter().skip(1).cloned().collect();
    let fresh = folder.path().join("fresh");
    run(&project, &fewer, &fresh, 100).expect("an extract");
    run(&project, &fewer, &cut, 100).expect("an extract");
    assert_eq!(files(&cut), files(&fresh));
}

/// Somebody becomes sensitive while the extract is made.
struct Changing<'p>(&'p Vec<PersonRecord>, std::cell::Cell<u32>);

impl Population for Changing<'_> {
    fn people(&self) -> Result<Box<dyn Iterator<Item = Result<PersonRecord, Error>> + '_>, Error> {
        self.1.set(self.1.get() + 1);
        let second = self.1.get() == 2;
        Ok(Box::new(self.0.iter().enumerate().map(move |(n, person)| {
            let mut person = person.clone();
            if second && n == 3 {
                person.choices = super::people::choices(&[Choice::Sensitive]);
            }
            Ok(person)
        })))
    }
}

#[test]
fn a_choice_made_while_it_runs_stops_it() {
    let people: Vec<PersonRecord> = (0..50).map(|n| person(n, &[])).collect();
    for tier in [Tier::Pseudonymised, Tier::Aggregate] {
        let folder = tempfile::tempdir().expect("a folder");
        let outcome = run(&asking(tier), &Changing(&people, std::cell::Cell::new(0)), folder.path(), 100);
        assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
        assert!(!folder.path().join(REPORT).exists());
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
