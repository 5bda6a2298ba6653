//! Local maps on real adapters: what they add, where that is told, and what a wrong or hostile one can't do.

use causeway_adapter::contract::{Random, Suite, project_root, test_context};
use causeway_adapter::{Adapter, Context, Translation, translate};
use causeway_adapter_client_level_data::ClientLevelData;
use causeway_adapter_council_case_extract::CouncilCaseExtract;
use causeway_adapter_hl7v2::Hl7v2;
use causeway_adapter_personal_readings::PersonalReadings;
use causeway_core::Outcome;
use causeway_local::{Maps, Source};
use causeway_profile::Severity;
use serde_json::Value;

const CODES: &str = "source_system,source_code,source_display,target_system,target_code,target_display,relationship,authority,note\n";
const PLACES: &str = "source_place,element,type,system,condition,authority,note\n";

const MESSAGE: &str = "MSH|^~\\&|PAS|ZZ901|TIE|ZZ901|20261012194500||ADT^A01^ADT_A01|C1|P|2.4\rEVN|A01|202610121945\r\
    PID|1||AV104772^^^AVH^PI~9990000018^^^NHS^NH||LARKSPUR^EDITH^MARY^^MRS^^L||19420309|F\r\
    PV1|1|I|FRAIL^BAY2^BED6^ZZ901||||||||||||||||AVH0093377^^^AVH^VN\rDG1|1||FRAIL^Frailty at home^99AVH\r\
    AL1|1|DA|QX7^Amoxicillin^99AVH\rZHO|1|HOME-20931|Y|20261009|7.10|02071838750|TEA|2^3\r";

fn source(codes: &str, places: &str) -> Source {
    let mut text = "name = \"avh\"\nversion = 3\nsenders = [\"ZZ901\"]\n".to_owned();
    let mut tables = Vec::new();
    if !codes.is_empty() {
        text.push_str("codes = \"codes.csv\"\n");
        tables.push(("codes.csv".to_owned(), format!("{CODES}{codes}")));
    }
    if !places.is_empty() {
        text.push_str("places = \"places.csv\"\n");
        tables.push(("places.csv".to_owned(), format!("{PLACES}{places}")));
    }
    Source { file: "avh.toml".to_owned(), text, tables }
}

fn context(codes: &str, places: &str) -> Context {
    let maps = Maps::read(vec![source(codes, places)]).unwrap_or_else(|faults| panic!("{faults:?}"));
    Context { local: maps.shared(), explain: true, ..test_context() }
}

fn run(adapter: &dyn Adapter, input: &str, codes: &str, places: &str) -> (Translation, Vec<Value>) {
    let translation = translate(adapter, input.as_bytes(), &context(codes, places));
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice(&o.json).unwrap()).collect();
    (translation, bundles)
}

fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|e| &e["resource"]).filter(|r| r["resourceType"] == kind).collect()
}

fn told(translation: &Translation) -> Vec<&'static str> {
    translation.issues.iter().map(|i| i.rule).collect()
}

/// Place, outcome, reason and paths of an item.
fn account(translation: &Translation, place: &str) -> (Outcome, &'static str, Vec<String>) {
    let ledger = &translation.ledger;
    let mut items = ledger.items().iter().zip(0u32..);
    let (item, id) = items.find(|(i, _)| i.place.render(ledger.outline()) == place).expect("an item");
    let paths = ledger.paths().iter().filter(|(i, _)| *i == id).map(|(_, p)| p.to_string()).collect();
    (item.outcome, ledger.reason_of(item), paths)
}

const FRAIL: &str =
    "99AVH,FRAIL,Frailty at home,http://snomed.info/sct,248279007,Frailty,equivalent,Coding group,\n";

#[test]
fn a_code_of_the_senders_gets_its_meaning_beside_it() {
    let (translation, bundles) = run(&Hl7v2, MESSAGE, FRAIL, "");
    let condition = resources(&bundles[0], "Condition")[0];
    let codings = condition["code"]["coding"].as_array().unwrap();
    assert_eq!(codings.len(), 2, "{condition}");
    assert_eq!((&codings[0]["code"], &codings[1]["code"]), (&"FRAIL".into(), &"248279007".into()));
    let (outcome, reason, paths) = account(&translation, "DG1-3.1");
    assert_eq!((outcome, reason), (Outcome::Mapped, "local map avh version 3"));
    assert!(paths.contains(&"Condition.code.coding[1].code".to_owned()), "{paths:?}");
    let all = resources(&bundles[0], "Provenance");
    let provenance = all.last().expect("the bundle's own");
    assert_eq!(provenance["entity"][1]["what"]["display"], "local map avh version 3");
    assert_eq!(provenance["entity"][1]["what"]["identifier"]["value"], "avh|3");
    // The control: without the row there is one coding, and no map is named.
    let (_, bundles) = run(&Hl7v2, MESSAGE, &FRAIL.replace("FRAIL,", "OTHER,"), "");
    let text = bundles[0].to_string();
    assert!(!text.contains("248279007") && !text.contains("local map"));
}

#[test]
fn a_segment_of_the_senders_own_goes_where_the_map_says() {
    let places = "ZHO-2,Patient.identifier,Identifier,https://avh.example/Id/home,,Team,\n\
        ZHO-3,Patient.extension(https://avh.example/key-safe),boolean,,ZHO-2,Team,\n\
        ZHO-4,Patient.extension(https://avh.example/visit),date,,ZHO-3 = Y,Team,\n\
        ZHO-5,Patient.extension(https://avh.example/score),decimal,,ZHO-3 != Y,Team,\n\
        ZHO-6,Patient.telecom,ContactPoint,phone,,Team,\nZHO-7,Encounter.reasonCode,CodeableConcept,99DRINK,,Team,\n\
        ZHO-8.2,Patient.extension(https://avh.example/steps),integer,,ZHO-8.1 = 2,Team,\n";
    let codes = "99DRINK,TEA,Tea at admission,http://snomed.info/sct,248279007,Frailty,wider,Team,\n";
    let (translation, bundles) = run(&Hl7v2, MESSAGE, codes, places);
    let patient = resources(&bundles[0], "Patient")[0];
    let text = patient.to_string();
    for part in [
        "{\"use\":\"secondary\",\"system\":\"https://avh.example/Id/home\",\"value\":\"HOME-20931\"}",
        "{\"url\":\"https://avh.example/key-safe\",\"valueBoolean\":true}",
        "{\"url\":\"https://avh.example/visit\",\"valueDate\":\"2026-10-09\"}",
        "{\"url\":\"https://avh.example/steps\",\"valueInteger\":3}",
        "{\"system\":\"phone\",\"value\":\"02071838750\"}",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("avh.example/score"), "its condition does not hold");
    let reason = resources(&bundles[0], "Encounter")[0]["reasonCode"].to_string();
    assert!(reason.contains("248279007") && reason.contains("\"TEA\""), "{reason}");
    for (place, outcome) in [
        ("ZHO-2", Outcome::Mapped),
        ("ZHO-4", Outcome::Mapped),
        ("ZHO-5", Outcome::Unsupported),
        ("ZHO-8.1", Outcome::Decides),
        ("ZHO-8.2", Outcome::Mapped),
    ] {
        assert_eq!(account(&translation, place).0, outcome, "{place}");
    }
    assert_eq!(account(&translation, "ZHO-2").1, "local map avh version 3");
    assert_eq!(told(&translation).iter().filter(|rule| rule.starts_with("local-map")).count(), 0);
    // The control: without the map all of it stays in the original.
    let plain = translate(&Hl7v2, MESSAGE.as_bytes(), &test_context());
    assert_eq!(account(&plain, "ZHO-2").0, Outcome::Unsupported);
    assert!(!String::from_utf8_lossy(&plain.outputs[0].json).contains("HOME-20931"));
}

#[test]
fn the_account_stays_true_with_maps() {
    let places = "ZHO-2,Patient.identifier,Identifier,https://avh.example/Id/home,,Team,\n\
        ZHO-4,Patient.extension(https://avh.example/visit),date,,ZHO-3 = Y,Team,\n";
    let suite = Suite::new(&Hl7v2).context(Context { explain: false, ..context(FRAIL, places) });
    let suite = suite.case("admission", MESSAGE.as_bytes());
    suite.accounts();
    suite.is_deterministic();
    suite.resolves_references();
    suite.tells_the_truth();
    suite.survives_mutation(2_000, 7);
}

fn with_column(case: &str, name: &str, values: &[&str]) -> String {
    let path = project_root().join("fixtures/client-level-data").join(case).join("input.csv");
    let text = std::fs::read_to_string(path).expect("a case");
    let ends = std::iter::once(name).chain(values.iter().copied().cycle());
    text.lines().zip(ends).map(|(line, end)| format!("{line},{end}\n")).collect()
}

#[test]
fn a_column_of_the_councils_own_goes_where_the_map_says() {
    let input = with_column("carer-by-association", "Locality Team", &["North"]);
    let places = "Locality Team,Patient.extension(https://council.example/team),string,,,Council,\n";
    let (translation, bundles) = run(&ClientLevelData, &input, "", places);
    let all = bundles.iter().map(Value::to_string).collect::<String>();
    assert!(all.contains("{\"url\":\"https://council.example/team\",\"valueString\":\"North\"}"));
    let first = account(&translation, "row 2, Locality Team");
    assert_eq!((first.0, first.1), (Outcome::Mapped, "local map avh version 3"));
    // Rows of one person that say different things of one: both are there, nothing is chosen.
    let input = with_column("release-2", "Locality Team", &["North", "South"]);
    let (translation, bundles) = run(&ClientLevelData, &input, "", places);
    let teams = |bundle: &Value| bundle.to_string().matches("https://council.example/team").count();
    let mapped = translation
        .ledger
        .items()
        .iter()
        .filter(|i| translation.ledger.reason_of(i) == "local map avh version 3")
        .count();
    assert!(mapped >= bundles.iter().map(teams).sum::<usize>() && mapped > 0);
}

#[test]
fn a_column_of_an_extract_goes_where_the_map_of_its_table_says() {
    let input = "person_id,full_name,first_name,last_name,date_of_birth,context_flag,gender,restricted,key_safe,blue_badge\n\
        4471002,Edith Larkspur,Edith,Larkspur,09/03/1942,A,F,N,Y,BB-77\n\
        4471051,Ada Quill,Ada,Quill,01/02/1950,A,F,Y,Y,BB-78\n\
        visit_id,person_id,visit_type,planned_datetime,key_safe\n\
        61004,4471002,WELF,01/10/2026,used\n";
    let places = "dm_persons.key_safe,Patient.extension(https://council.example/key-safe),boolean,,,Council,\n\
        dm_persons.blue_badge,Patient.identifier,Identifier,https://council.example/Id/blue-badge,,Council,\n\
        dm_visits.key_safe,Encounter.extension(https://council.example/key-safe-used),string,,,Council,\n";
    let codes = "dm_visits.visit_type,WELF,,http://snomed.info/sct,439708006,Home visit,inexact,Council,\n";
    let (translation, bundles) = run(&CouncilCaseExtract, input, codes, places);
    assert_eq!(bundles.len(), 1, "{:?}", told(&translation));
    let all = bundles[0].to_string();
    assert!(all.contains("{\"url\":\"https://council.example/key-safe\",\"valueBoolean\":true}"), "{all}");
    assert!(
        all.contains("{\"url\":\"https://council.example/key-safe-used\",\"valueString\":\"used\"}"),
        "{all}"
    );
    assert!(all.contains("BB-77") && all.contains("439708006"), "{all}");
    // Of somebody whose record is restricted nothing is told, in no column.
    assert!(!all.contains("BB-78"));
    assert_eq!(account(&translation, "dm_persons row 3, blue_badge").0, Outcome::Rejected);
    assert_eq!(account(&translation, "dm_persons row 2, key_safe").1, "local map avh version 3");
    assert_eq!(account(&translation, "dm_visits row 5, visit_type").1, "local map avh version 3");
    // Without a map the heading is in doubt, and so is the extract.
    let plain = translate(&CouncilCaseExtract, input.as_bytes(), &test_context());
    assert_eq!((plain.unreadable, told(&plain)), (true, vec!["heading-unclear"]));
}

#[test]
fn words_without_a_code_are_found_by_their_heading() {
    let path = project_root().join("fixtures/client-level-data/unknown-values/input.csv");
    let input = std::fs::read_to_string(path).expect("a case");
    let plain = translate(&ClientLevelData, input.as_bytes(), &Context { explain: true, ..test_context() });
    // Any cell that became a concept of words alone.
    let ledger = &plain.ledger;
    let (item, path) = ledger
        .paths()
        .iter()
        .find(|(item, path)| {
            path.ends_with(".text")
                && plain
                    .issues
                    .iter()
                    .any(|i| i.rule == "value-unknown" && i.position == ledger.position(*item))
        })
        .expect("a value that is in no table");
    let place = ledger.items()[*item as usize];
    let heading = causeway_adapter::local::generic(&place.place.render(ledger.outline()));
    let words = String::from_utf8_lossy(place.span.of(input.as_bytes())).trim().trim_matches('"').to_owned();
    let row =
        format!("\"{heading}\",\"{words}\",,http://snomed.info/sct,248279007,Frailty,inexact,Council,\n");
    let (translation, bundles) = run(&ClientLevelData, &input, &row, "");
    assert!(bundles.iter().any(|b| b.to_string().contains("248279007")), "{row} {path}");
    // What was told to be in no table is in one now.
    assert!(translation.issues.len() < plain.issues.len());
}

#[test]
fn a_column_of_a_meters_own_is_a_heading_where_a_map_names_it() {
    let input = "NHS number,Date,Systolic,Diastolic,Cuff\n9990000018,2026-10-01,121,79,Large\n9990000026,2026-10-02,131,82,Small\n";
    let places = "Cuff,Observation.note,Annotation,,,Clinic,\n";
    let (translation, bundles) = run(&PersonalReadings, input, "", places);
    assert_eq!(bundles.len(), 2);
    assert!(resources(&bundles[0], "Observation")[0]["note"].to_string().contains("Large"));
    assert!(resources(&bundles[1], "Observation")[0]["note"].to_string().contains("Small"));
    assert_eq!(account(&translation, "row 2, Cuff").0, Outcome::Mapped);
    // A heading that no map names may hold anything, and is not shown.
    let (translation, _) = run(&PersonalReadings, input, FRAIL, "");
    assert_eq!(account(&translation, "row 2, another column").0, Outcome::Unsupported);
}

#[test]
fn what_is_wrong_with_a_map_is_told_with_its_line() {
    let good_places = "ZHO-2,Patient.extension(https://a.example/a),string,,,Team,\n";
    for (codes, places, line, words) in [
        ("99A,A,,http://snomed.info/sct,217082003,Fall,,Team,\n", "", 2, "target is not valid"),
        ("99A,A,,snomed,217082002,Fall,,Team,\n", "", 2, "no absolute URI"),
        ("99A,A,,http://snomed.info/sct,217082002,,,Team,\n", "", 2, "target_display is empty"),
        ("99A,A,,http://snomed.info/sct,217082002,Fall,,,\n", "", 2, "authority is empty"),
        ("99A,A,,http://snomed.info/sct,217082002,Fall,same,Team,\n", "", 2, "relationship is none of"),
        (
            "99A,A,,http://hl7.org/fhir/administrative-gender,woman,Woman,,Team,\n",
            "",
            2,
            "not in its code system",
        ),
        ("99A,A,,https://fhir.nhs.uk/Id/nhs-number,9990000018,A,,Team,\n", "", 2, "no system of clinical"),
        (
            "99A,A,,http://terminology.hl7.org/CodeSystem/v3-Confidentiality,N,normal,,Team,\n",
            "",
            2,
            "no system of clinical",
        ),
        ("99A,A,,,,,,Team,\n", "", 2, "no absolute URI"),
        ("99A,A,,http://a.example/a,A,A,unmatched,Team,\n", "", 2, "has no target"),
        ("99A,A,,http://a.example/a, ,A,,Team,\n", "", 2, "target_code is empty"),
        ("99A,A,,http://a.example/a,A,A,,Team,\n99A,A,,http://a.example/a,B,B,,Team,\n", "", 3, "twice"),
        ("99A,A,,http://a.example/a,A,A\n", "", 2, "the row has 6 cells"),
        ("99A,A\u{7},,http://a.example/a,A,A,,Team,\n", "", 2, "control characters"),
        ("", "ZHO-2,Patient.birthDate,date,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Patient.name,string,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Patient.active,boolean,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Patient.deceasedBoolean,boolean,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Observation.status,string,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Observation.valueString,string,,,Team,\n", 2, "decides what the resource means"),
        ("", "ZHO-2,Patient.nickname,string,,,Team,\n", 2, "has no element nickname"),
        ("", "ZHO-2,Person.x.y,string,,,Team,\n", 2, "element is not RESOURCE.ELEMENT"),
        ("", "ZHO-2,Nobody.x,string,,,Team,\n", 2, "no resource of R4"),
        ("", "ZHO-2,Provenance.recorded,dateTime,,,Team,\n", 2, "not a site's to write"),
        ("", "ZHO-2,Consent.identifier,Identifier,https://a.example/a,,Team,\n", 2, "not a site's to write"),
        ("", "ZHO-2,Patient.maritalStatus,string,,,Team,\n", 2, "is of type CodeableConcept"),
        ("", "ZHO-2,Patient.generalPractitioner,Reference,,,Team,\n", 2, "type is none of"),
        (
            "",
            "ZHO-2,Patient.identifier,Identifier,https://fhir.nhs.uk/Id/nhs-number,,Team,\n",
            2,
            "not a site's",
        ),
        ("", "ZHO-2,Patient.identifier,Identifier,,,Team,\n", 2, "needs its system"),
        ("", "ZHO-2,Patient.extension,string,,,Team,\n", 2, "needs its URL"),
        (
            "",
            "ZHO-2,Patient.extension(http://hl7.org/fhir/StructureDefinition/data-absent-reason),string,,,Team,\n",
            2,
            "not a site's to use",
        ),
        (
            "",
            "ZHO-2,Patient.modifierExtension(https://a.example/a),string,,,Team,\n",
            2,
            "belongs to an extension",
        ),
        ("", "ZHO-2,Observation.extension(https://a.example/a),Quantity,furlongs,,Team,\n", 2, "UCUM"),
        ("", "ZHO-2,Patient.extension(https://a.example/a),string,,= Y,Team,\n", 2, "condition is not"),
        ("", "ZHO-2,Patient.extension(https://a.example/a),string,,,,\n", 2, "authority is empty"),
    ] {
        let faults = Maps::read(vec![source(codes, places)]).expect_err(words);
        let by_cell = |f: &causeway_local::Fault| f.column > 0 || f.text.starts_with("the row has");
        let found = faults.iter().any(|f| f.line == line && by_cell(f) && f.text.contains(words));
        assert!(found, "{codes}{places}: {faults:?}, wanted {words}");
    }
    for (text, words) in [
        ("name = \"A B\"\nversion = 1\nsenders = [\"Z\"]\nplaces = \"places.csv\"\n", "name must be"),
        ("name = \"a\"\nversion = 0\nsenders = [\"Z\"]\nplaces = \"places.csv\"\n", "version must be"),
        ("name = \"a\"\nversion = 1\nsenders = []\nplaces = \"places.csv\"\n", "senders must list"),
        ("name = \"a\"\nversion = 1\nsenders = [\"Z\"]\n", "codes or places"),
        ("name = \"a\"\nversion = 1\nsenders = [\"Z\"]\nplaces = \"gone.csv\"\n", "gone.csv is not there"),
        ("name = \"a\"\nversion = 1\nsenders = [\"Z\"]\nplaced = \"places.csv\"\n", "placed"),
        ("name = \"a\"\nversion = x\n", ""),
    ] {
        let map = Source { text: text.to_owned(), ..source("", good_places) };
        let faults = Maps::read(vec![map]).expect_err(text);
        assert!(faults.iter().any(|f| f.to_string().contains(words)), "{text}: {faults:?}");
    }
    // Two maps that speak of the same code of one sender.
    let mut other = source(FRAIL, "");
    other.text = other.text.replace("avh", "other");
    let faults = Maps::read(vec![source(FRAIL, ""), other]).expect_err("a clash");
    assert!(faults[0].text.contains("maps a code that the map avh maps"));
    // The control: a good one is taken.
    assert!(Maps::read(vec![source(FRAIL, good_places)]).is_ok());
}

#[test]
fn a_value_that_does_not_fit_is_told_and_stays_in_the_original() {
    for (row, rule) in [
        ("ZHO-2,Patient.extension(https://a.example/a),integer,,,Team,\n", "local-map-value"),
        ("ZHO-2,Patient.extension(https://a.example/a),date,,,Team,\n", "local-map-value"),
        ("ZHO-2,Specimen.note,Annotation,,,Team,\n", "local-map-nowhere"),
        // The adapter wrote when the visit began.
        ("ZHO-4,Condition.recordedDate,dateTime,,,Team,\nZHO-5,Condition.recorder,string,,,Team,\n", ""),
    ] {
        let Ok(maps) = Maps::read(vec![source("", row)]) else {
            assert!(rule.is_empty(), "{row}");
            continue;
        };
        let context = Context { local: maps.shared(), ..test_context() };
        let translation = translate(&Hl7v2, MESSAGE.as_bytes(), &context);
        assert!(told(&translation).contains(&rule), "{row}: {:?}", told(&translation));
        let plain = translate(&Hl7v2, MESSAGE.as_bytes(), &test_context());
        assert_eq!(translation.outputs, plain.outputs, "{row}");
        assert_eq!(account(&translation, "ZHO-2").0, Outcome::Unsupported, "{row}");
    }
}

/// Whether everything of one document is in another: members, and elements in their order.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(b), Value::Object(a)) => b.iter().all(|(k, v)| a.get(k).is_some_and(|w| keeps(v, w))),
        (Value::Array(b), Value::Array(a)) => b.len() <= a.len() && b.iter().zip(a).all(|(v, w)| keeps(v, w)),
        _ => before == after,
    }
}

/// Texts of a document.
fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|v| texts(v, out)),
        Value::Array(list) => list.iter().for_each(|v| texts(v, out)),
        Value::String(text) => out.push(text.clone()),
        other => out.push(other.to_string()),
    }
}

/// Any map that is accepted, however senseless: nothing that the adapter wrote is changed or lost, nothing becomes invalid, the
/// account adds up, and what is new is a text of the map or of the message.
#[test]
fn no_map_that_is_accepted_breaks_an_invariant() {
    let plain = translate(&Hl7v2, MESSAGE.as_bytes(), &test_context());
    let before: Value = serde_json::from_slice(&plain.outputs[0].json).unwrap();
    let errors = |bundle: &Value| {
        let report = causeway_profile::check_value(bundle);
        report.findings.iter().filter(|f| f.severity == Severity::Error).count()
    };
    let errors_before = errors(&before);
    let mut random = Random(20261129);
    let kinds = [
        ("string", ""),
        ("boolean", ""),
        ("integer", ""),
        ("decimal", ""),
        ("date", ""),
        ("dateTime", ""),
        ("CodeableConcept", "99AVH"),
        ("CodeableConcept", ""),
        ("Identifier", "https://a.example/Id"),
        ("ContactPoint", "phone"),
        ("Annotation", ""),
        ("Quantity", "kg"),
    ];
    let resources = [
        "Patient",
        "Encounter",
        "Condition",
        "AllergyIntolerance",
        "Location",
        "Organization",
        "Observation",
    ];
    // Every element that R4 has in a resource of a hospital, and one that it has not.
    let elements = [
        "identifier",
        "extension(https://a.example/x)",
        "telecom",
        "maritalStatus",
        "photo",
        "type",
        "serviceType",
        "priority",
        "reasonCode",
        "length",
        "note",
        "severity",
        "bodySite",
        "category",
        "onsetString",
        "onsetDateTime",
        "abatementDateTime",
        "abatementString",
        "recordedDate",
        "lastOccurrence",
        "alias",
        "description",
        "physicalType",
        "issued",
        "method",
        "interpretation",
        "effectiveDateTime",
        "valueString",
        "status",
        "nothing",
        "mode",
        "onsetAge",
        "criticality",
        "deathDate",
    ];
    let places = ["ZHO-1", "ZHO-2", "ZHO-3", "ZHO-4", "ZHO-5", "ZHO-6", "ZHO-7", "ZHO-8.1", "ZHO-8.2"];
    let targets = [
        "http://snomed.info/sct,248279007,Frailty",
        "http://terminology.hl7.org/CodeSystem/condition-clinical,resolved,Resolved",
        "http://terminology.hl7.org/CodeSystem/condition-ver-status,entered-in-error,Entered in Error",
        "https://a.example/codes,X,Anything at all",
        "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus,M,Married",
    ];
    let systems: Vec<String> = {
        let mut all = Vec::new();
        systems_of(&before, &mut all);
        all
    };
    let (mut accepted, mut added, mut told_of) = (0, 0, 0);
    for _ in 0..1_000 {
        let mut pick = |n: usize| random.below(n);
        let mut row = String::new();
        for _ in 0..1 + pick(2) {
            let (kind, system) = kinds[pick(kinds.len())];
            let element = elements[pick(elements.len())];
            let resource = resources[pick(resources.len())];
            row.push_str(&format!(
                "{},{resource}.{element},{kind},{system},,Team,\n",
                places[pick(places.len())]
            ));
        }
        let mut codes = String::new();
        for _ in 0..2 {
            let system = &systems[pick(systems.len())];
            let (system, code) = system.split_once('|').unwrap_or_default();
            codes.push_str(&format!("\"{system}\",\"{code}\",,{},,Team,\n", targets[pick(targets.len())]));
        }
        // What is refused is refused whole; each table alone has a chance too.
        for (codes, places) in [("", row.as_str()), (codes.as_str(), ""), (codes.as_str(), row.as_str())] {
            let Ok(maps) = Maps::read(vec![source(codes, places)]) else { continue };
            accepted += 1;
            let context = Context { local: maps.shared(), ..test_context() };
            let translation = translate(&Hl7v2, MESSAGE.as_bytes(), &context);
            let after: Value = serde_json::from_slice(&translation.outputs[0].json).unwrap();
            let case = format!("{codes}{places}");
            assert!(keeps(&before, &after), "{case}\n{before}\n{after}");
            assert!(errors(&after) <= errors_before, "{case}\n{after}");
            let totals = translation.ledger.totals();
            assert_eq!(totals.total(), plain.ledger.totals().total(), "{case}");
            assert_eq!(totals.of(Outcome::Unexplained), 0, "{case}");
            for (mine, theirs) in translation.ledger.items().iter().zip(plain.ledger.items()) {
                let lost = mine.outcome < theirs.outcome
                    && !(theirs.outcome == Outcome::Unsupported || mine.outcome == theirs.outcome);
                assert!(!lost, "{case}: {mine:?} {theirs:?}");
            }
            let (mut old, mut new) = (Vec::new(), Vec::new());
            texts(&before, &mut old);
            texts(&after, &mut new);
            for text in new.iter().filter(|text| !old.contains(text)) {
                let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
                let known = case.contains(text.as_str())
                    || MESSAGE.contains(text.as_str())
                    || text.starts_with("local map avh version 3")
                    || matches!(
                        text.as_str(),
                        "avh|3" | "source" | "secondary" | "phone" | "true" | "http://unitsofmeasure.org"
                    )
                    || text.starts_with("https://fhir.causeway.example/Id/local")
                    || MESSAGE.contains(&digits(text));
                assert!(known, "{case}: {text} is of nobody");
            }
            added += usize::from(after != before);
            told_of += usize::from(told(&translation).iter().any(|rule| rule.starts_with("local-map")));
        }
    }
    // The control: maps were accepted, many added something, and some were held back.
    assert!(accepted > 300 && added > 200 && told_of > 20, "{accepted} {added} {told_of}");
}

/// Systems and codes of a bundle, as a map would name them.
fn systems_of(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let (Some(system), Some(code)) = (members.get("system"), members.get("code")) {
                out.push(format!(
                    "{}|{}",
                    system.as_str().unwrap_or_default(),
                    code.as_str().unwrap_or_default()
                ));
            }
            members.values().for_each(|v| systems_of(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| systems_of(v, out)),
        _ => {}
    }
}

#[test]
fn a_map_is_for_its_senders_and_formats_alone() {
    let mut other = source(FRAIL, "");
    other.text = other.text.replace("ZZ901", "ZZ902");
    let mut format = source(FRAIL, "");
    format.text = format.text.replace("version = 3", "version = 3\nformats = [\"gp2gp\"]");
    for map in [other, format] {
        let maps = Maps::read(vec![map]).expect("a good map");
        let context = Context { local: maps.shared(), ..test_context() };
        let translation = translate(&Hl7v2, MESSAGE.as_bytes(), &context);
        assert_eq!(translation.outputs, translate(&Hl7v2, MESSAGE.as_bytes(), &test_context()).outputs);
    }
}

#[test]
fn maps_that_are_carried_to_another_process_are_the_same() {
    use causeway_adapter::local::LocalMaps;
    let maps =
        Maps::read(vec![source(FRAIL, "ZHO-2,Patient.extension(https://a.example/a),string,,,Team,\n")]);
    let carried = maps.expect("good maps").carried();
    let again = Maps::of_carried(&carried).expect("the same maps");
    assert_eq!(again.carried(), carried);
    assert!(Maps::of_carried("{}").is_err());
}

/// The guide's own map, on the guide's own message.
#[test]
fn the_map_of_the_guide_is_good() {
    let guide = std::fs::read_to_string(project_root().join("docs/guides/local-maps.md")).expect("the guide");
    let file = |name: &str| -> String {
        let start = guide.split(&format!("cat > {name} <<'END'\n")).nth(1).expect("a file of the guide");
        start.split("END\n").next().unwrap_or_default().to_owned()
    };
    let tables = ["avh-codes.csv", "avh-places.csv"].map(|n| (n.to_owned(), file(&format!("maps/{n}"))));
    let map = Source { file: "avh.toml".to_owned(), text: file("maps/avh.toml"), tables: tables.into() };
    let maps = Maps::read(vec![map]).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(maps.maps()[0].rows(), (2, 3));
    let context = Context { local: maps.shared(), ..test_context() };
    let translation = translate(&Hl7v2, file("admission.hl7").as_bytes(), &context);
    let json = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
    for part in ["248279007", "HOME-20931", "\"valueDate\":\"2026-10-09\"", "local map avh version 1"] {
        assert!(json.contains(part), "{part}");
    }
    assert_eq!(causeway_profile::check(json.as_bytes()).errors(), 0);
}
