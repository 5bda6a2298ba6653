//! What spreadsheets and data frames do to a file on its way.

mod common;

use causeway_adapter::contract::test_context;
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_client_level_data::ClientLevelData;
use common::{file, headings, row};
use serde_json::Value;

fn run(input: &[u8]) -> (Translation, Vec<&'static str>) {
    let found = translate(&ClientLevelData, input, &test_context());
    let rules = found.issues.iter().map(|i| i.rule).collect();
    (found, rules)
}

fn bundles(found: &Translation) -> Vec<String> {
    found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect()
}

#[test]
fn whole_numbers_written_as_decimals() {
    let carer = |id: &str, linked: &str, count: &str| {
        row(
            "Request",
            &[
                ("Client Type", "Unpaid carer"),
                ("LA Person Unique Identifier", id),
                ("Adult 1 Linked Person_ID", linked),
                ("No. of adults being cared for", count),
                ("NHS Number", "9990000042"),
                ("First Name", "Nora"),
            ],
        )
    };
    let cared_for = |id: &str| row("Service", &[("LA Person Unique Identifier", id)]);
    let plain = run(&file(&[carer("71", "72", "2"), cared_for("72")]));
    let decimal = run(&file(&[carer("71.0", "72.0", "2.0"), cared_for("72.0")]));
    assert_eq!(bundles(&plain.0), bundles(&decimal.0));
    let added: Vec<_> = decimal.1.iter().filter(|rule| !plain.1.contains(rule)).collect();
    assert_eq!(added, [&"number-point-zero"]);
}

#[test]
fn two_people_on_one_id_stay_two() {
    let first = row("Request", &[("NHS Number", "")]);
    let another = [
        ("NHS Number", ""),
        ("First Name", "Oscar"),
        ("Last Name", "Barley"),
        ("Gender", "Male"),
        ("Date of Birth", "17/08/1960"),
    ];
    let patients = |found: &Translation| -> Vec<Value> {
        let parsed = found.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).unwrap());
        parsed
            .flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default())
            .map(|e| e["resource"].clone())
            .filter(|r| r["resourceType"] == "Patient")
            .collect()
    };
    let (found, rules) =
        run(&file(&[first.clone(), row("Request", &another), first.clone(), row("Service", &another)]));
    assert!(rules.contains(&"person-id-of-two-people"), "{rules:?}");
    let found = patients(&found);
    assert_eq!(found.len(), 4);
    assert_ne!(found[0]["id"], found[1]["id"]);
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&found[2]["id"], &found[3]["id"]));
    assert!(found[1]["identifier"].is_null(), "the id is the first person's");
    // One contradiction is a correction or a marriage, and told.
    let married = row("Request", &[("NHS Number", ""), ("Last Name", "Barley")]);
    let found = patients(&run(&file(&[first, married])).0);
    assert_eq!(found[0]["id"], found[1]["id"]);
}

#[test]
fn a_rounded_id_names_the_spreadsheet_and_links_nobody() {
    let carer = row(
        "Request",
        &[
            ("Client Type", "Unpaid carer"),
            ("Adult 1 Linked Person_ID", "4.47E+06"),
            ("LA Person Unique Identifier", "71"),
        ],
    );
    let (found, rules) = run(&file(&[carer]));
    assert!(rules.contains(&"linked-person-id-rounded"), "{rules:?}");
    assert!(!bundles(&found)[0].contains("RelatedPerson"));
    let (found, _) =
        run(&file(&[row("Request", &[("LA Person Unique Identifier", "4.47E+06"), ("NHS Number", "")])]));
    assert!(found.outputs.is_empty());
    assert!(found.issues.iter().any(|i| i.rule == "person-id-rounded" && i.text.contains("spreadsheet")));
}

#[test]
fn why_no_heading_is_found() {
    let text = String::from_utf8(file(&[row("Request", &[])])).unwrap();
    let (heading, rest) = text.split_once("\r\n").unwrap();
    for (input, rule, words) in [
        (text.replace(',', ";"), "heading-separator", "semicolons"),
        (text.replace(',', "\t"), "heading-separator", "tabs"),
        (format!("Return of 2026,,\r\n,,\r\n{text}"), "heading-not-first", "row 3"),
        (format!("sep=,\r\n{text}"), "heading-separator-line", "sep="),
    ] {
        let (found, rules) = run(input.as_bytes());
        assert!(found.unreadable, "{rule}");
        assert_eq!(rules, [rule]);
        assert!(found.issues[0].text.contains(words), "{}", found.issues[0].text);
        assert_eq!(ClientLevelData.detect(input.as_bytes()).confidence, Confidence::Possible, "{rule}");
    }
    let plain = run(text.as_bytes());
    for heading in [
        format!("\u{ef}\u{bb}\u{bf}{heading}"),
        format!("\u{feff}\u{feff}\"{}\"", headings().join("\",\"")),
        headings().iter().map(|h| format!("\u{a0}{h} ")).collect::<Vec<_>>().join(","),
    ] {
        assert_eq!(bundles(&run(format!("{heading}\r\n{rest}").as_bytes()).0), bundles(&plain.0));
    }
}

#[test]
fn a_heading_that_comes_again_is_no_record() {
    let rows = [row("Request", &[]), headings().join(","), row("Service", &[])];
    let (found, rules) = run(&file(&rows));
    assert_eq!(found.outputs.len(), 1);
    assert!(!found.rejected());
    assert_eq!(rules.iter().filter(|r| **r == "heading-repeated").count(), 1);
    let told = found.issues.iter().find(|i| i.rule == "heading-repeated").unwrap();
    assert_eq!(told.position.as_ref().unwrap().path, "row 3");
}

/// An export of fixed width fills its cells up with NULs: what a cell says is read all the same.
#[test]
fn cells_filled_up_with_nuls_are_read() {
    let plain = run(&file(&[row("Request", &[])]));
    let text = String::from_utf8(file(&[row("Request", &[("Accommodation Status", "")])])).unwrap();
    let (heading, rest) = text.split_once('\n').unwrap();
    let padded = ["Gender", "Date of Birth", "LA Person Unique Identifier"];
    let names: Vec<&str> = heading.trim_end().split(',').collect();
    let cells: Vec<String> = rest
        .trim_end()
        .split(',')
        .zip(&names)
        .map(|(cell, name)| match *name {
            "Accommodation Status" => "\0\0\0".to_owned(),
            name if padded.contains(&name) => format!("{cell}\0\0"),
            _ => cell.to_owned(),
        })
        .collect();
    let found = run(format!("{heading}\n{}\r\n", cells.join(",")).as_bytes());
    let without = run(text.as_bytes());
    assert_eq!(bundles(&found.0), bundles(&without.0));
    assert_eq!(found.1.iter().filter(|rule| **rule == "control-character").count(), 4);
    assert!(!plain.1.contains(&"control-character"), "the control");
}

/// What is wrong with a file is said without its format being named: UTF-16, a column that is missing or misspelt.
#[test]
fn a_heading_that_is_nearly_right_is_recognised() {
    let text = String::from_utf8(file(&[row("Request", &[])])).unwrap();
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let missing: String = text.lines().map(|l| l.split_once(',').unwrap().1.to_owned() + "\r\n").collect();
    let misspelt = text.replacen("First Name", "Forename", 1);
    for (input, rule) in [
        (utf16.as_slice(), "encoding-utf-16"),
        (missing.as_bytes(), "heading-column-missing"),
        (misspelt.as_bytes(), "heading-column-unclear"),
    ] {
        assert_eq!(ClientLevelData.detect(input).confidence, Confidence::Possible, "{rule}");
        assert_eq!(run(input).1, [rule]);
    }
}
