//! OMOP tables: every field of the model's own list, keys that are found, codes that map or are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use causeway_access::PolicySet;
use causeway_research::deidentify::Key;
use causeway_research::extract::{Job, Report};
use causeway_research::omop::{TABLES, Vocabulary};
use causeway_research::{Dates, Error, FieldKind, Format, PersonRecord, Tier};
use serde_json::json;

use super::people::{SCT, TODAY, held, person, project};

/// An invented vocabulary: concept ids from 2,000,000,000 on are for one's own.
fn vocabulary(folder: &Path) -> PathBuf {
    let folder = folder.join("vocabulary");
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, lines: &[&[&str]]| {
        let text: String = lines.iter().map(|cells| cells.join("\t") + "\n").collect();
        std::fs::write(folder.join(name), text).expect("a file");
    };
    let head = [
        "concept_id",
        "concept_name",
        "domain_id",
        "vocabulary_id",
        "concept_class_id",
        "standard_concept",
        "concept_code",
        "valid_start_date",
        "valid_end_date",
        "invalid_reason",
    ];
    let concept = |id, name, domain, of, standard, code| {
        [id, name, domain, of, "Any", standard, code, "19700101", "20991231", ""]
    };
    write(
        "CONCEPT.csv",
        &[
            &head,
            &concept("2000000001", "Diabetes", "Condition", "SNOMED", "S", "73211009"),
            &concept("2000000002", "Raised pressure, old", "Condition", "SNOMED", "", "38341003"),
            &concept("2000000003", "Raised pressure", "Condition", "SNOMED", "S", "38341009"),
            &concept("2000000004", "Raised pressure, told", "Observation", "SNOMED", "S", "38341010"),
            &concept("2000000005", "Weight", "Measurement", "SNOMED", "S", "27113001"),
            &concept("2000000006", "kilogram", "Unit", "UCUM", "S", "kg"),
            &concept("2000000007", "Of another list", "Condition", "Nobody", "", "195967001"),
        ],
    );
    write(
        "CONCEPT_RELATIONSHIP.csv",
        &[
            &[
                "concept_id_1",
                "concept_id_2",
                "relationship_id",
                "valid_start_date",
                "valid_end_date",
                "invalid_reason",
            ],
            &["2000000002", "2000000004", "Maps to", "19700101", "20991231", ""],
            &["2000000002", "2000000003", "Maps to", "19700101", "20991231", ""],
            &["2000000002", "2000000001", "Maps to", "19700101", "20001231", "D"],
            &["2000000002", "2000000001", "Is a", "19700101", "20991231", ""],
        ],
    );
    write(
        "VOCABULARY.csv",
        &[
            &[
                "vocabulary_id",
                "vocabulary_name",
                "vocabulary_reference",
                "vocabulary_version",
                "vocabulary_concept_id",
            ],
            &["None", "OMOP standardized vocabularies", "invented", "v0 invented", "0"],
        ],
    );
    folder
}

fn extract(
    people: &Vec<PersonRecord>,
    folder: &Path,
    words: Option<&Vocabulary>,
    dates: Dates,
) -> Result<Report, Error> {
    let mut asking = project(Tier::Pseudonymised);
    asking.omop = TABLES.iter().map(|t| t.name.to_owned()).collect();
    asking.dates = dates;
    let policies = PolicySet::shared().expect("the built-in set");
    let job = Job {
        project: &asking,
        policies: &policies,
        key: &Key::new(&[7; 32]).expect("a key"),
        today: TODAY,
        formats: &[Format::Csv, Format::Parquet],
        folder,
        vocabulary: words,
        selection: None,
        state: None,
        block_people: 100,
    };
    job.run(people)
}

type Rows = Vec<BTreeMap<String, String>>;

/// The rows of all blocks of a table.
fn rows(folder: &Path, report: &Report, table: &str) -> Rows {
    let start = format!("omop_{table}-");
    let files = report.files.iter().filter(|f| f.name.starts_with(&start) && f.name.ends_with(".csv"));
    files
        .flat_map(|file| {
            let mut reader = csv::Reader::from_path(folder.join(&file.name)).expect("a table");
            reader.deserialize().map(|row| row.expect("a row")).collect::<Rows>()
        })
        .collect()
}

fn people() -> Vec<PersonRecord> {
    (0..300)
        .map(|n| {
            let mut person = person(n, &[]);
            if n == 7 {
                for (id, extra) in [
                    ("refuted", json!({"verificationStatus": {"coding": [{"code": "refuted",
                        "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status"}]}})),
                    ("unclear", json!({"verificationStatus": {"coding": [{"code": "refuted"}]}})),
                    ("turned", json!({"modifierExtension": [{"url": "https://example.org/not", "valueBoolean": true}]})),
                    ("undated", json!({})),
                ] {
                    let mut condition = json!({"resourceType": "Condition", "id": id,
                        "subject": {"reference": "Patient/src-p-7-0af3"},
                        "code": {"coding": [{"system": SCT, "code": "73211009"}]}});
                    condition
                        .as_object_mut()
                        .expect("an object")
                        .extend(extra.as_object().expect("one").clone());
                    if id != "undated" {
                        condition["onsetDateTime"] = json!("2026-02-03");
                    }
                    person.resources.push(held(false, condition));
                }
            }
            person
        })
        .collect()
}

#[test]
fn rows_have_what_the_model_asks_and_their_keys_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = Vocabulary::read(&vocabulary(folder.path())).expect("a vocabulary");
    let out = folder.path().join("out");
    let report = extract(&people(), &out, Some(&words), Dates::Shift).expect("an extract");
    let tally = report.omop.clone().expect("a tally");
    let mut keys: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let all: Vec<(&str, Rows)> = TABLES.iter().map(|t| (t.name, rows(&out, &report, t.name))).collect();
    for (table, rows) in TABLES.iter().zip(all.iter().map(|(_, rows)| rows)) {
        assert_eq!(rows.len() as u64, tally.rows.get(table.name).copied().unwrap_or(0), "{}", table.name);
        let key = format!("{}_id", table.name);
        let held = keys.entry(table.name).or_default();
        for row in rows {
            for field in table.fields {
                let cell = &row[field.name];
                assert!(!field.required || !cell.is_empty(), "{}.{} is empty", table.name, field.name);
                let fits = match field.kind {
                    _ if cell.is_empty() => true,
                    FieldKind::Long => cell.parse::<i64>().is_ok_and(|n| (0..1 << 53).contains(&n)),
                    FieldKind::Double => cell.parse::<f64>().is_ok(),
                    FieldKind::Date => cell.parse::<jiff::civil::Date>().is_ok(),
                    FieldKind::DateTime => false,
                    _ => cell.len() <= 50,
                };
                assert!(fits, "{}.{} is {cell}", table.name, field.name);
            }
            if let Some(id) = row.get(&key) {
                assert!(held.insert(id.clone()), "{key} {id} twice");
            }
        }
    }
    for (table, rows) in &all {
        for row in rows {
            assert!(keys["person"].contains(&row["person_id"]), "{table}");
            let visit = row.get("visit_occurrence_id").filter(|v| !v.is_empty());
            assert!(visit.is_none_or(|v| keys["visit_occurrence"].contains(v)), "{table}");
        }
    }
    // What the vocabulary knows: one concept for itself, one that maps to two of two domains, one of no known list.
    let conditions = rows(&out, &report, "condition_occurrence");
    let of = |code: &str| {
        let found = conditions.iter().filter(|r| r["condition_source_value"] == code);
        found.map(|r| r["condition_concept_id"].as_str()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("73211009"), ["2000000001"].into());
    assert_eq!(of("38341003"), ["2000000003"].into());
    assert_eq!(of("195967001"), ["0"].into());
    let told = rows(&out, &report, "observation");
    assert!(told.iter().any(|r| r["observation_concept_id"] == "2000000004"));
    let unknown = conditions.iter().filter(|r| r["condition_concept_id"] == "0").count() as u64;
    assert_eq!(tally.unmapped["condition_occurrence"], unknown);
    let weights = rows(&out, &report, "measurement");
    assert!(weights.iter().all(|r| r["unit_concept_id"] == "2000000006" && r["unit_source_value"] == "kg"));
    assert!(weights.iter().any(|r| !r["visit_occurrence_id"].is_empty()));
    assert_eq!((tally.left_out["refuted"], tally.left_out["no date"]), (1, 1), "{tally:?}");
    assert_eq!(report.left_out["resource whose meaning would change"], 2);
    assert_eq!(tally.first_day_of_period, 0);
    let source = std::fs::read_to_string(out.join("omop_cdm_source.csv")).expect("the table of the source");
    assert!(source.contains("v0 invented") && source.contains("756265"));
}

#[test]
fn keys_stay_and_without_a_vocabulary_all_is_counted_as_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let words = Vocabulary::read(&vocabulary(folder.path())).expect("a vocabulary");
    let with = extract(&people(), &first, Some(&words), Dates::Month).expect("an extract");
    let fewer: Vec<PersonRecord> = people().into_iter().skip(40).collect();
    let without = extract(&fewer, &second, None, Dates::Month).expect("an extract");
    let ids = |folder: &Path, report: &Report| {
        rows(folder, report, "person").into_iter().map(|r| r["person_id"].clone()).collect::<BTreeSet<_>>()
    };
    let (before, after) = (ids(&first, &with), ids(&second, &without));
    assert!(after.is_subset(&before) && after.len() + 40 >= before.len() && !after.is_empty());
    let tally = without.omop.expect("a tally");
    assert_eq!(tally.unmapped["condition_occurrence"], tally.rows["condition_occurrence"]);
    assert_eq!(tally.unmapped["measurement"], tally.rows["measurement"]);
    // Months stand as their first day, and that is told.
    assert!(tally.first_day_of_period > 0);
    assert!(
        rows(&second, &with, "condition_occurrence")
            .iter()
            .all(|r| r["condition_start_date"].ends_with("-01"))
    );
}

#[test]
fn a_vocabulary_that_is_none_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let words = vocabulary(folder.path());
    assert!(Vocabulary::read(folder.path()).is_err_and(|e| e.to_string().contains("CONCEPT.csv")));
    let path = words.join("CONCEPT.csv");
    let whole = std::fs::read_to_string(&path).expect("the file");
    for (wrong, said) in [
        (whole.replace("2000000005", "many"), "row 6: concept_id is no number"),
        (whole.replace("concept_code", "code"), "row 1: no column concept_code"),
        (whole.replace("\tkg\t19700101\t20991231\t", ""), "row 7: a cell is missing"),
    ] {
        std::fs::write(&path, wrong).expect("written");
        let error = Vocabulary::read(&words).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// The tables against OHDSI's own list of fields, where it is at hand.
#[test]
#[allow(clippy::print_stderr)]
fn every_field_is_the_models() {
    let folder =
        std::env::var("CAUSEWAY_ACCEPTANCE").unwrap_or_else(|_| "../../../shared/acceptance".to_owned());
    let path = Path::new(&folder).join("omop-cdm-5.4/OMOP_CDMv5.4_Field_Level.csv");
    let Ok(mut reader) = csv::Reader::from_path(&path) else {
        eprintln!("SKIPPED: the model's list of fields is not here");
        return;
    };
    let mut model: BTreeMap<String, Vec<(String, bool, String)>> = BTreeMap::new();
    for row in reader.deserialize() {
        let row: BTreeMap<String, String> = row.expect("a row");
        let field =
            (row["cdmFieldName"].clone(), row["isRequired"] == "Yes", row["cdmDatatype"].to_lowercase());
        model.entry(row["cdmTableName"].clone()).or_default().push(field);
    }
    for table in TABLES {
        let fields = table.fields.iter().map(|f| {
            let kind = match f.kind {
                FieldKind::Long => "integer",
                FieldKind::Double => "float",
                FieldKind::Date => "date",
                FieldKind::DateTime => "datetime",
                _ => "varchar",
            };
            (f.name, f.required, kind)
        });
        let theirs =
            model[table.name].iter().map(|(n, r, k)| (n.as_str(), *r, k.split('(').next().unwrap_or(k)));
        assert!(fields.eq(theirs), "{}", table.name);
    }
}
