//! Small inputs that were once read wrongly, kept beside the project: each is read now as its source says it should be. They
//! are found through `CAUSEWAY_CASES` (default `../shared/cases`) and skipped, visibly, where they are absent. What keeps
//! their kinds closed stands in `kinds.rs` and in the adapters' own tests.

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::translate;

/// File, what the output holds, what it must not hold, issues that tell.
type Expected = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const BUGS: [Expected; 26] = [
    ("careconnect-operation-outcome/input.json", &[], &["resourceType"], &["no-record"]),
    (
        "careconnect-primitive-types/input.json",
        &[r#""active":true"#, r#""gender":"female""#, r#""birthDate":"1950-04-12""#, r#""value":70"#],
        &[r#""F""#, "5.5", r#""Final""#],
        &["value-repaired", "value-invalid"],
    ),
    ("cld-heading-not-found/heading-twice.csv", &["9990000034"], &[], &["heading-repeated"]),
    ("cld-heading-not-found/semicolons.csv", &[], &[], &["heading-separator"]),
    ("cld-heading-not-found/sep-line.csv", &[], &[], &["heading-separator-line"]),
    ("cld-heading-not-found/tabs.csv", &[], &[], &["heading-separator"]),
    ("cld-heading-not-found/title-row.csv", &[], &[], &["heading-not-first"]),
    ("cld-nbsp-in-nhs-number/input.csv", &["9990000034"], &["number-not-valid"], &["nhs-number-spaced"]),
    ("cld-nul/input.csv", &[r#""Thistlewood""#], &["u0000"], &["control-character"]),
    ("cld-person-id-rounded/input.csv", &[], &["4.47E+06"], &["person-id-rounded"]),
    (
        "edifact-wrapped-lines/input.edi",
        &[r#""44I5.""#, r#""26/H0044117/1""#, r#""9990000018""#, r#""value":128"#],
        &[r"12\r\n8", r"44I\r\n5."],
        &["line-end-in-element"],
    ),
    (
        "gp2gp-medication-without-supply/input.xml",
        &["Warfarin 3mg tablets", "Warfarin 1mg tablets"],
        &[],
        &["medication-without-supply"],
    ),
    ("gp2gp-sentinel-end-date/input.xml", &["2000-10-04"], &["1900-01-01"], &["end-sentinel"]),
    ("gp2gp-unknown-statement/input.xml", &["entered-in-error"], &[], &["statement-unknown"]),
    ("hl7-a40-several-mrg/input.hl7", &["OLD1", "OLD2"], &[], &[]),
    ("hl7-a40-without-mrg/input.hl7", &["KEEP1"], &[], &["merge-without-predecessor"]),
    (
        "hl7-add-continuation/input.hl7",
        &["No evidence of malignancy in the margins; tumour present in block 3"],
        &[r#""status":"unknown""#],
        &[],
    ),
    ("hl7-birth-date-future/input.hl7", &[], &["2030-04-12"], &["birth-date-in-future"]),
    ("hl7-dg1-coding-method/input.hl7", &["icd-10-uk", "opcs-4"], &["/DG1-3", "/PR1-3"], &[]),
    ("hl7-ed-in-first-component/input.hl7", &["JVBERi0xLjQgaW52ZW50ZWQ"], &[], &["document-component"]),
    (
        "hl7-line-break-in-field/input.hl7",
        &["YSBtZXNzYWdlLg==", "mm in the colon", r#""code":"A""#],
        &[],
        &["line-continued"],
    ),
    ("hl7-line-of-three-capitals/input.hl7", &[r"Chest\nNAD"], &[], &["line-continued"]),
    ("hl7-null-in-component/input.hl7", &["source-deleted"], &[], &["deleted-by-source"]),
    ("hl7-sn-number-glued/input.hl7", &["2 100", "<5-10 mg/L", "ug/L"], &["2100"], &["value-type"]),
    (
        "hl7-text-separators/input.hl7",
        &["10^9/L", "Wellness & Co", "&lt;5", "MRSA^ESBL", "A & B ^ C", "3.5~5.0"],
        &["10 9/L", "Wellness Co"],
        &["separator-in-text"],
    ),
    (
        "hl7-unit-caret/input.hl7",
        &[r#""unit":"10^9/L""#, r#""unit":"mL/min/1.73m^2""#, r#""unit":"kg/m^2""#],
        &[r#""unit":"9/L""#, r#""unit":"2""#],
        &["separator-in-text"],
    ),
];

const DISCOVERY: [Expected; 24] = [
    (
        "D01-line-feed-in-field/hapi-hl7v2.hl7",
        &[r"The heart is normal.\nA 2 cm nodule lies in the left upper zone.\nUrgent CT advised."],
        &[],
        &[],
    ),
    ("D01-line-feed-in-field/node-hl7-client.hl7", &[r"Sample haemolysed.\nPlease repeat."], &[], &[]),
    ("D02-stu3-renamed-elements-dropped/condition-abated.stu3.json", &["resolved"], &[], &[]),
    ("D02-stu3-renamed-elements-dropped/consent.stu3.json", &["2026-04-06", "deny", "TREAT"], &[], &[]),
    ("D02-stu3-renamed-elements-dropped/goal.stu3.json", &["lifecycleStatus", "achieved"], &[], &[]),
    (
        "D02-stu3-renamed-elements-dropped/imaging-study.stu3.json",
        &[r#""subject""#, "A-77", "urn:dicom:uid", r#""modality""#, "reasonCode"],
        &[r#""patient""#],
        &[],
    ),
    ("D02-stu3-renamed-elements-dropped/media.stu3.json", &["createdDateTime"], &["occurrence"], &[]),
    ("D02-stu3-renamed-elements-dropped/task.stu3.json", &["reasonCode"], &[], &[]),
    (
        "D03-stu3-nested-elements-copied/care-plan.stu3.json",
        &[r#""doNotPerform":true"#],
        &["prohibited"],
        &[],
    ),
    ("D03-stu3-nested-elements-copied/care-team.stu3.json", &[r#""role":[{"#], &[], &[]),
    ("D03-stu3-nested-elements-copied/medication.stu3.json", &["strength"], &[r#""amount""#], &[]),
    ("D03-stu3-nested-elements-copied/imaging-series.stu3.json", &["sopClass"], &["availability"], &[]),
    (
        "D03-stu3-nested-elements-copied/questionnaire.stu3.json",
        &["answerOption", "operator"],
        &["hasAnswer"],
        &[],
    ),
    ("D03-stu3-nested-elements-copied/immunization-protocol.stu3.json", &["doseNumberString"], &[], &[]),
    ("D04-stu3-optional-r4-mandatory/consent-minimal.stu3.json", &[r#""scope""#], &[], &["required-unknown"]),
    ("D05-stu3-not-given-dropped/medication-administration.stu3.json", &["not-done", "182862001"], &[], &[]),
    ("D05-stu3-not-given-dropped/medication-dispense.stu3.json", &["declined", "Out of stock"], &[], &[]),
    ("D05-stu3-not-given-dropped/care-plan-prohibited.stu3.json", &[r#""doNotPerform":true"#], &[], &[]),
    ("D05-stu3-not-given-dropped/consent-deny.stu3.json", &["deny"], &[], &["consent-exception"]),
    (
        "D05-stu3-not-given-dropped/family-history-not-done.stu3.json",
        &["health-unknown"],
        &[],
        &["history-not-taken"],
    ),
    ("D08-pandas-point-zero/carer-linked.csv", &["4471002"], &["4471002.0"], &["number-point-zero"]),
    ("D14-active-problem-with-end-date/input.xml", &["active"], &["abatement"], &["active-problem-ended"]),
    ("E01-heading-padded-by-spreadsheet/input.csv", &["9990000018", "9990000042"], &[], &[]),
    ("E03-telecare-short-codes/2-fewer-zeros.xml", &["Local unit and controller", "Manual alarm"], &[], &[]),
];

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn read_right(folder: &str, expected: &[Expected]) {
    let base = std::env::var_os("CAUSEWAY_CASES")
        .map_or_else(|| project_root().join("../shared/cases"), std::path::PathBuf::from)
        .join(folder);
    if !base.is_dir() {
        eprintln!("SKIPPED: {} is absent (set CAUSEWAY_CASES to the folder of cases)", base.display());
        return;
    }
    let mut wrong = Vec::new();
    for (file, holds, lacks, told) in expected {
        let Ok(input) = std::fs::read(base.join(file)) else {
            eprintln!("SKIPPED: {folder}/{file} is absent");
            continue;
        };
        let (adapter, _) = match causeway::detect::choose(causeway::ADAPTERS, None, &input) {
            Ok(chosen) => chosen,
            Err(why) => {
                wrong.push(format!("{file}: {why}"));
                continue;
            }
        };
        let found = translate(adapter, &input, &test_context());
        let output: String = found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json)).collect();
        wrong.extend(holds.iter().filter(|t| !output.contains(**t)).map(|t| format!("{file}: lacks {t}")));
        wrong.extend(lacks.iter().filter(|t| output.contains(**t)).map(|t| format!("{file}: holds {t}")));
        let tells = |rule: &str| found.issues.iter().any(|i| i.rule == rule);
        wrong.extend(told.iter().filter(|r| !tells(r)).map(|r| format!("{file}: does not tell {r}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn conditions_of_public_fault_reports_are_read_right() {
    read_right("bugs", &BUGS);
}

#[test]
fn what_published_libraries_write_is_read_right() {
    read_right("discovery", &DISCOVERY);
}

/// docs/cases.md names the tests that keep each kind of fault closed: each is there under that name.
#[test]
fn the_tests_that_the_table_of_cases_names_exist() {
    let root = project_root();
    let table = std::fs::read_to_string(root.join("docs/cases.md")).unwrap();
    let named: Vec<(&str, &str)> = table
        .split('`')
        .filter_map(|text| text.split_once(".rs::"))
        .filter(|(f, _)| f.contains('/'))
        .collect();
    assert!(named.len() > 40, "{}", named.len());
    let missing = named.iter().filter(|(file, test)| {
        let text =
            std::fs::read_to_string(root.join("crates").join(format!("{file}.rs"))).unwrap_or_default();
        !text.contains(&format!("fn {test}("))
    });
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "{missing:?}");
}
