//! Rows whose cells have moved because a comma stands in a value without quotation marks, and rows to which a
//! spreadsheet has appended blank cells: the first are refused with their place, the second are read.

mod common;

use causeway_adapter::contract::{Random, test_context};
use causeway_adapter::{Translation, translate};
use causeway_adapter_client_level_data::ClientLevelData;
use causeway_core::{Outcome, Severity};
use common::{file, headings, row};

fn run(rows: &[String]) -> Translation {
    translate(&ClientLevelData, &file(rows), &test_context())
}

/// The row with a value that holds a comma and no quotation marks.
fn torn(base: &str, column: &str, value: &str, changes: &[(&str, &str)]) -> String {
    let mut changes = changes.to_vec();
    changes.push((column, value));
    row(base, &changes).replacen(&format!("\"{value}\""), value, 1)
}

fn refused_at(found: &Translation, place: &str) -> bool {
    found.issues.iter().any(|issue| {
        issue.rule == "row-shifted"
            && issue.severity == Severity::Error
            && issue.position.as_ref().is_some_and(|p| p.path == place)
    })
}

#[test]
fn a_comma_without_quotation_marks_refuses_its_row_and_no_other() {
    let other = row("Request", &[("NHS Number", "9990000026"), ("LA Person Unique Identifier", "1000")]);
    let alone = run(std::slice::from_ref(&other));
    let progress = "Progress to assessment, review or reassessment";
    for (base, column, value, changes, place) in [
        ("Request", "First Name", "Edith, Mary", &[][..], "GP Practice Code"),
        ("Request", "Last Name", "Larkspur, Mrs", &[], "GP Practice Code"),
        (
            "Request",
            "GP Practice Name",
            "Wrenfield, The Surgery",
            &[("GP Practice Code", "")],
            "GP Practice Code",
        ),
        ("Request", "Event Reference", "17,3", &[], "Event Start Date"),
        ("Request", "Event Description", "Fall, at night", &[], "Event Outcome"),
        ("Request", "Event Outcome", progress, &[], "Request: Route of Access"),
        ("Service", "Event Description", "Mornings, evenings", &[("Event Outcome", "")], "Event Outcome"),
        ("Service", "Provider CQC Location Name", "Saltmarsh House, Wing B", &[], "Provider CQC Location ID"),
    ] {
        let found = run(&[torn(base, column, value, changes), other.clone()]);
        assert!(refused_at(&found, &format!("row 2, {place}")), "{base} {column}: {:?}", found.issues);
        assert_eq!(found.outputs.len(), 1, "{base} {column}");
        assert_eq!(
            found.outputs.first().map(|o| &o.json),
            alone.outputs.first().map(|o| &o.json),
            "{column}"
        );
        assert_eq!(found.ledger.totals().of(Outcome::Rejected), 1, "{base} {column}");
    }
}

#[test]
fn a_torn_row_that_lost_its_last_cell_is_as_long_as_the_heading_and_refused() {
    let whole = torn("Request", "Event Description", "Fall, at night", &[]);
    let short = whole.strip_suffix(',').unwrap();
    assert!(refused_at(&run(&[short.to_owned()]), "row 2, Event Outcome"));
}

#[test]
fn blank_cells_that_a_spreadsheet_appends_change_nothing() {
    for base in ["Request", "Assessment", "Service", "Review"] {
        let plain = row(base, &[("Event Description", "Fall, at night")]);
        let alone = run(std::slice::from_ref(&plain));
        for appended in [",", ",,", ",,,,,,,,,,,,", ", ,"] {
            let found = run(&[format!("{plain}{appended}")]);
            assert_eq!(found.issues.len(), alone.issues.len(), "{base} {appended}: {:?}", found.issues);
            assert_eq!(found.outputs.first().map(|o| &o.json), alone.outputs.first().map(|o| &o.json));
        }
    }
}

#[test]
fn blank_headings_at_the_end_are_no_columns() {
    let headed = |rows: &[String]| {
        let text = String::from_utf8(file(rows)).unwrap();
        let (heading, rest) = text.split_once("\r\n").unwrap();
        translate(&ClientLevelData, format!("{heading},,\r\n{rest}").as_bytes(), &test_context())
    };
    // The rows need not have the blank cells; a torn one is refused although it is no longer than the heading.
    let sound = row("Request", &[]);
    assert!(headed(std::slice::from_ref(&sound)).issues.is_empty());
    assert!(headed(&[format!("{sound},,")]).issues.is_empty());
    let torn = torn("Request", "Event Description", "Fall, at night", &[]);
    assert!(refused_at(&headed(&[torn]), "row 2, Event Outcome"));
}

/// One value that is merely unknown does not condemn a row, whatever a spreadsheet appended.
#[test]
fn an_unknown_value_is_told_and_its_row_is_read() {
    for (base, column) in [
        ("Request", "Accommodation Status"),
        ("Request", "Request: Route of Access"),
        ("Request", "Event Outcome"),
        ("Service", "Service Component"),
        ("Review", "Review Reason"),
        ("Request", "Gender"),
    ] {
        let found = run(&[format!("{},,", row(base, &[(column, "Houseboat")]))]);
        assert!(found.issues.iter().all(|i| i.rule == "value-unknown"), "{column}: {:?}", found.issues);
        assert_eq!(found.outputs.len(), 1, "{column}");
    }
}

/// A comma at the edge of any cell, or within any that holds no code, either refuses the row or leaves it as it was:
/// nothing is moved. (A code torn apart is an unknown value, and told as such.)
#[test]
fn no_place_of_a_comma_moves_facts_in_silence() {
    let mut random = Random(11);
    let names = headings();
    for base in ["Request", "Assessment", "Service", "Review"] {
        let sound = row(base, &[("Event Reference", "E1"), ("Event Description", "Visit")]);
        let alone = run(std::slice::from_ref(&sound));
        for place in 0..names.len() {
            let mut cells: Vec<String> = sound.split(',').map(str::to_owned).collect();
            let cell = &mut cells[place];
            let within = matches!(names[place].as_str(), "First Name" | "Last Name" | "Event Description");
            let at = if within { random.below(cell.len() + 1) } else { cell.len() * random.below(2) };
            cell.insert(at, ',');
            let found = run(&[cells.join(",")]);
            let refused = found.issues.iter().any(|i| i.severity == Severity::Error);
            let same = found.outputs.first().map(|o| &o.json) == alone.outputs.first().map(|o| &o.json);
            assert!(refused || same, "{base}, a comma in {}: {:?}", names[place], found.issues);
        }
    }
}
