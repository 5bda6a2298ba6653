//! An attacker who knows everybody's day of birth, sex, postcode and death, and how extracts are made, looks for people in
//! them: in one extract, and in two that differ by one person.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use causeway_access::PolicySet;
use causeway_research::deidentify::{Deidentifier, Key, LeftOut};
use causeway_research::extract::Job;
use causeway_research::{Dates, PersonRecord, Project, Tier};
use serde_json::{Value, json};

use super::people::{SCT, TODAY, person, project};

const K: usize = 5;

fn key() -> Key {
    Key::new(&[7; 32]).expect("a key")
}

fn patient_of(person: &mut PersonRecord) -> &mut Value {
    &mut person.resources[0].resource
}

/// Somebody with this year of birth, sex and district.
fn somebody(n: u64, year: u64, sex: &str, district: &str) -> PersonRecord {
    let mut one = person(n, &[]);
    let patient = patient_of(&mut one);
    patient["birthDate"] = json!(format!("{year:04}-{:02}-{:02}", 1 + n % 12, 1 + n % 28));
    patient["gender"] = json!(sex);
    patient["address"][0]["postalCode"] = json!(format!("{district} {}AA", n % 10));
    one
}

/// Few live where many do: three large districts, seven of some size, sixty small ones; some have died.
fn crowd(size: u64) -> Vec<PersonRecord> {
    let one = |n: u64| {
        let district = match n % 100 {
            0..=69 => format!("ZZ{}", n % 3 + 1),
            70..=94 => format!("ZZ{}", 10 + n % 7),
            _ => format!("ZZ{}", 30 + n / 100 % 60),
        };
        let sex = match n % 397 {
            0 => "other",
            _ if n.is_multiple_of(2) => "female",
            _ => "male",
        };
        let mut one = somebody(n, 1926 + n * 7919 % 95, sex, &district);
        if n.is_multiple_of(50) {
            patient_of(&mut one)["deceasedDateTime"] = json!("2026-03-14");
        }
        one
    };
    (0..size).map(one).collect()
}

/// What an attacker knows of somebody, worked out by the test itself.
struct Known {
    year: i64,
    sex: String,
    district: String,
    dead: bool,
}

fn known(people: &[PersonRecord]) -> Vec<Known> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |person: &PersonRecord| {
        let patient = &person.resources[0].resource;
        Known {
            year: text(&patient["birthDate"])[..4].parse().expect("a year"),
            sex: text(&patient["gender"]),
            district: text(&patient["address"][0]["postalCode"]).split(' ').next().unwrap_or("").to_owned(),
            dead: !patient["deceasedDateTime"].is_null(),
        }
    };
    people.iter().map(one).collect()
}

/// How many people a Patient of an extract may be.
fn candidates(patient: &Value, everybody: &[Known]) -> usize {
    let oldest = i64::from(TODAY.year()) - 90;
    let band: Option<i64> = patient["birthDate"].as_str().map(|b| b.parse().expect("a year"));
    let fits = |one: &&Known| {
        band.is_none_or(|b| one.year < b + 5 && (one.year >= b || b <= oldest))
            && patient["gender"].as_str().is_none_or(|sex| sex == one.sex)
            && patient["address"][0]["postalCode"].as_str().is_none_or(|d| d == one.district)
            && (patient["deceasedBoolean"] != true || one.dead)
    };
    everybody.iter().filter(fits).count()
}

/// What of a Patient could be known to others, as it left.
fn shape(patient: &Value) -> String {
    let parts = ["birthDate", "gender", "address", "deceasedBoolean"].map(|name| patient[name].to_string());
    parts.join(" ")
}

fn asking() -> Project {
    let mut project = project(Tier::Pseudonymised);
    project.elements = ["Patient", "Condition.code", "Condition.subject"].map(str::to_owned).to_vec();
    project
}

fn extract(people: &[PersonRecord], folder: &Path, state: Option<&Path>) -> BTreeMap<String, Vec<Value>> {
    let (project, policies, key) = (asking(), PolicySet::shared().expect("the built-in set"), key());
    let job = Job {
        project: &project,
        policies: &policies,
        key: &key,
        today: TODAY,
        formats: &[],
        folder,
        vocabulary: None,
        selection: None,
        state,
        block_people: 100_000,
    };
    let report = job.run(&people.to_vec()).expect("an extract");
    assert!(report.measured.k >= K as u64, "{:?}", report.measured);
    let mut out: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for file in report.files {
        let text = std::fs::read_to_string(folder.join(&file.name)).expect("a file");
        for line in text.lines() {
            let resource: Value = serde_json::from_str(line).expect("JSON");
            let of = match resource["resourceType"].as_str() {
                Some("Patient") => resource["id"].as_str().unwrap_or_default().to_owned(),
                _ => resource["subject"]["reference"].as_str().unwrap_or_default().replace("Patient/", ""),
            };
            out.entry(of).or_default().push(resource);
        }
    }
    // The Patient first.
    for rows in out.values_mut() {
        rows.sort_by_key(|row| row["resourceType"] != "Patient");
    }
    out
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are what is asked for")]
fn nobody_is_found_among_fewer_than_was_promised() {
    let people = crowd(10_000);
    let everybody = known(&people);
    let folder = tempfile::tempdir().expect("a folder");
    let found = extract(&people, &folder.path().join("out"), None);
    // By shape, for all of one shape have the same candidates.
    let mut shapes: BTreeMap<String, (usize, &Value)> = BTreeMap::new();
    for rows in found.values() {
        shapes.entry(shape(&rows[0])).or_insert((0, &rows[0])).0 += 1;
    }
    let fewest = shapes.values().map(|(_, patient)| candidates(patient, &everybody)).min().unwrap_or(0);
    assert!(found.len() > 9_900, "{} are in it", found.len());
    assert!(fewest >= K, "somebody is one of {fewest}");
    // Who knows how it is made knows which shape everybody has.
    assert!(shapes.values().all(|(people, _)| *people >= K), "{shapes:?}");
    // The control: de-identified one by one, without a look at the others, people are found.
    let key = key();
    let one_by_one = Deidentifier { key: &key, project: "falls-2026", dates: Dates::Month, today: TODAY };
    let mut bare: BTreeMap<String, Value> = BTreeMap::new();
    for person in &people {
        let clean = one_by_one.person(&person.key, &[&person.resources[0].resource], &mut LeftOut::new());
        bare.entry(shape(&clean[0])).or_insert_with(|| clean[0].clone());
    }
    let unique = bare.values().filter(|patient| candidates(patient, &everybody) == 1).count();
    assert!(unique > 20, "the control finds {unique}");
    println!(
        "{} of {} people; fewest candidates {fewest}; without protection {unique} are found",
        found.len(),
        people.len()
    );
}

/// The fewest people whom the two extracts together leave someone among, by shape and by each code.
fn fewest_alike(first: &BTreeMap<String, Vec<Value>>, second: &BTreeMap<String, Vec<Value>>) -> usize {
    let mut shapes: BTreeMap<(String, String), usize> = BTreeMap::new();
    // By code: who shows it in the first, in the second, in both.
    let mut codes: BTreeMap<String, [BTreeSet<&str>; 3]> = BTreeMap::new();
    let coded = |rows: &[Value]| -> BTreeSet<String> {
        let codings = rows.iter().flat_map(|row| row["code"]["coding"].as_array().into_iter().flatten());
        codings.map(|coding| coding["code"].to_string()).collect()
    };
    for (who, rows) in first {
        // Who is in one alone is known to be the one who came or went.
        let Some(later) = second.get(who) else { continue };
        *shapes.entry((shape(&rows[0]), shape(&later[0]))).or_default() += 1;
        let (before, after) = (coded(rows), coded(later));
        for code in before.union(&after) {
            let place = match (before.contains(code), after.contains(code)) {
                (true, false) => 0,
                (false, true) => 1,
                _ => 2,
            };
            codes.entry(code.clone()).or_default()[place].insert(who);
        }
    }
    let coded = codes.values().flatten().map(BTreeSet::len).filter(|people| *people > 0);
    shapes.into_values().chain(coded).min().unwrap_or(usize::MAX)
}

/// People among whom one more or one fewer could tell.
fn planted() -> Vec<PersonRecord> {
    let mut people = crowd(300);
    let mut n = 1_000;
    let mut add = |year: u64, sex: &str, district: &str, code: Option<&str>, times: u64| {
        for _ in 0..times {
            let mut one = somebody(n, year, sex, district);
            if let Some(code) = code {
                one.resources[1].resource["code"] = json!({"coding": [{"system": SCT, "code": code}]});
            }
            people.push(one);
            n += 1;
        }
    };
    // One more in ZZ7 makes the other alone of her band and sex that has no district.
    add(2023, "female", "ZZ7", None, 5);
    add(2023, "female", "ZZ8", None, 1);
    // One fewer, and these have no district any more.
    add(2023, "male", "ZZ7", None, 6);
    add(2023, "male", "ZZ8", None, 7);
    // Codes that four, five and six people have.
    add(1961, "male", "ZZ1", Some("22298006"), 4);
    add(1962, "male", "ZZ1", Some("44054006"), 5);
    add(1963, "male", "ZZ1", Some("49436004"), 6);
    people
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are what is asked for")]
fn two_extracts_that_differ_by_one_person_find_nobody() {
    let all = planted();
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: String| folder.path().join(name);
    // A change of each kind: her of ZZ7, him of ZZ7, one of each rare code, one of a small district, one of a large.
    let ones = [300_usize, 306, 319, 323, 328, 95, 3];
    let (mut fewest, mut control) = (usize::MAX, usize::MAX);
    for one in ones {
        let without: Vec<PersonRecord> =
            all.iter().enumerate().filter(|(n, _)| *n != one).map(|(_, person)| person.clone()).collect();
        for (name, first, second) in [("goes", &all, &without), ("comes", &without, &all)] {
            let state = place(format!("state-{name}-{one}"));
            let pair = [("1", first), ("2", second)].map(|(number, people)| {
                extract(people, &place(format!("{name}-{one}-{number}")), Some(&state))
            });
            fewest = fewest.min(fewest_alike(&pair[0], &pair[1]));
            // Of everybody else the second tells what the first did, but for a code that became frequent enough.
            let her = key().pseudonym("falls-2026", "Patient", &all[one].key);
            assert_eq!(pair.iter().filter(|extract| extract.contains_key(&her)).count(), 1, "{name} {one}");
            for (who, rows) in &pair[0] {
                let later = pair[1].get(who).map(|rows| shape(&rows[0]));
                assert!(*who == her || later == Some(shape(&rows[0])), "{name} {one}: another one changed");
            }
            // The control: the second extract knows nothing of the first.
            let alone = extract(second, &place(format!("{name}-{one}-alone")), None);
            control = control.min(fewest_alike(&pair[0], &alone));
        }
    }
    println!("two extracts leave everybody among {fewest} or more; without what is kept, among {control}");
    assert!(fewest >= K, "somebody is one of {fewest}");
    assert!(control < K, "the control finds nobody: {control}");
}
