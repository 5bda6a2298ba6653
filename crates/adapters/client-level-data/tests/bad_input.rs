//! Every case of bad input that is known of client level data: refused or told, with rule and position, its
//! neighbours unharmed.

mod common;

use causeway_adapter::contract::test_context;
use causeway_adapter::{Translation, translate};
use causeway_adapter_client_level_data::ClientLevelData;
use causeway_core::{Outcome, Severity};
use common::{file, row};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// The row gives no event.
    Refused,
    /// The cell is not translated, the row is.
    CellRefused,
    /// All is translated.
    Told,
}
use Then::{CellRefused, Refused, Told};

type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)], Then);

/// Rule, kind of event, column of the position, changes, what becomes of it.
const CASES: &[Case] = &[
    // Absence and fillers.
    ("null-literal", "Request", "GP Practice Name", &[("GP Practice Name", "NULL")], Told),
    ("null-literal", "Request", "Event End Date", &[("Event End Date", "N/A")], Told),
    ("date-filler", "Request", "Date of Birth", &[("Date of Birth", "1900-01-01")], Told),
    ("mandatory-missing", "Request", "Gender", &[("Gender", "")], Told),
    ("mandatory-missing", "Request", "Request: Route of Access", &[("Request: Route of Access", "")], Told),
    ("mandatory-missing", "Review", "Review Outcomes Achieved", &[("Review Outcomes Achieved", "")], Told),
    ("mandatory-missing", "Service", "Client Funding Status", &[("Client Funding Status", "")], Told),
    // Values.
    ("value-case-only", "Request", "Gender", &[("Gender", "FEMALE")], Told),
    ("value-unknown", "Request", "Accommodation Status", &[("Accommodation Status", "Houseboat")], Told),
    ("value-unknown", "Request", "Ethnicity", &[("Ethnicity", "White")], Told),
    // Dates.
    ("date-serial", "Request", "Event Start Date", &[("Event Start Date", "46286")], Told),
    ("date-form-mixed", "Request", "Event End Date", &[("Event End Date", "2026-09-24")], Told),
    ("date-with-time", "Request", "Event End Date", &[("Event End Date", "23/09/2026 14:05")], Told),
    ("date-invalid", "Request", "Event End Date", &[("Event End Date", "31/02/2026")], CellRefused),
    ("date-invalid", "Request", "Event End Date", &[("Event End Date", "23/09/26")], CellRefused),
    ("date-invalid", "Request", "Date of Birth", &[("Date of Birth", "09/03/0x42")], CellRefused),
    (
        "reporting-period-reversed",
        "Request",
        "Reporting Period End Date",
        &[("Reporting Period End Date", "31/12/2025")],
        CellRefused,
    ),
    ("birth-date-future", "Request", "Date of Birth", &[("Date of Birth", "01/02/2041")], CellRefused),
    ("birth-date-implausible", "Request", "Date of Birth", &[("Date of Birth", "01/02/1890")], CellRefused),
    ("birth-date-implausible", "Request", "Date of Birth", &[("Date of Birth", "01/02/0025")], CellRefused),
    ("death-before-birth", "Request", "Date of Death", &[("Date of Death", "01/02/1930")], CellRefused),
    ("death-date-future", "Request", "Date of Death", &[("Date of Death", "01/02/2030")], CellRefused),
    ("event-end-before-start", "Request", "Event End Date", &[("Event End Date", "21/09/2026")], CellRefused),
    ("event-end-missing", "Request", "Event End Date", &[("Event End Date", "")], Told),
    ("event-end-missing", "Assessment", "Event End Date", &[("Event End Date", "")], Told),
    ("event-end-missing", "Review", "Event End Date", &[("Event End Date", "")], Told),
    (
        "service-open-after-death",
        "Service",
        "Event End Date",
        &[("Event End Date", ""), ("Date of Death", "01/10/2026")],
        Told,
    ),
    ("service-start-reset", "Service", "Event Start Date", &[("Event Start Date", "01/04/2026")], Told),
    // Identity.
    ("nhs-number-spaced", "Request", "NHS Number", &[("NHS Number", "999 000 0018")], Told),
    ("nhs-number-spaced", "Request", "NHS Number", &[("NHS Number", "\u{200e}999\u{a0}000\u{a0}0018")], Told),
    ("nhs-number-spreadsheet", "Request", "NHS Number", &[("NHS Number", "9.990000018E9")], Told),
    ("nhs-number-point-zero", "Request", "NHS Number", &[("NHS Number", "9990000018.0")], Told),
    (
        "person-id-rounded",
        "Request",
        "LA Person Unique Identifier",
        &[("LA Person Unique Identifier", "4.47E+06"), ("NHS Number", "")],
        Refused,
    ),
    (
        "person-id-rounded-not-used",
        "Request",
        "LA Person Unique Identifier",
        &[("LA Person Unique Identifier", "4.47E+06")],
        CellRefused,
    ),
    ("control-character", "Request", "Last Name", &[("Last Name", "Larkspur\0\0")], Told),
    ("nhs-number-shape", "Request", "NHS Number", &[("NHS Number", "9.99E+09")], Told),
    ("nhs-number-shape", "Request", "NHS Number", &[("NHS Number", "999000001")], Told),
    ("nhs-number-check-digit", "Request", "NHS Number", &[("NHS Number", "9990000019")], Told),
    ("nhs-number-filler", "Request", "NHS Number", &[("NHS Number", "0000000000")], Told),
    ("nhs-number-missing", "Request", "NHS Number", &[("NHS Number", "")], Told),
    (
        "la-person-id-missing",
        "Request",
        "LA Person Unique Identifier",
        &[("LA Person Unique Identifier", "")],
        Told,
    ),
    (
        "person-identifier-missing",
        "Request",
        "LA Person Unique Identifier",
        &[("LA Person Unique Identifier", ""), ("NHS Number", "")],
        Refused,
    ),
    (
        "person-identifier-missing",
        "Request",
        "LA Person Unique Identifier",
        &[("LA Person Unique Identifier", ""), ("NHS Number", "9990000019")],
        Refused,
    ),
    ("la-code-invalid", "Request", "LA Code", &[("LA Code", "E5034")], Refused),
    ("la-code-invalid", "Request", "LA Code", &[("LA Code", "")], Refused),
    ("gp-practice-code-invalid", "Request", "GP Practice Code", &[("GP Practice Code", "Z-1")], CellRefused),
    ("postcode-form", "Request", "Postcode", &[("Postcode", "not known")], Told),
    ("child", "Request", "Date of Birth", &[("Date of Birth", "14/02/2012")], Refused),
    ("child-at-event", "Request", "Event Start Date", &[("Date of Birth", "01/10/2008")], Told),
    // Events.
    ("event-type-missing", "Request", "Event Type", &[("Event Type", "")], Refused),
    ("event-type-unknown", "Request", "Event Type", &[("Event Type", "Visit")], Refused),
    ("column-not-applicable", "Request", "Service Component", &[("Service Component", "Meals")], Told),
    ("support-reason-missing", "Service", "Primary Support Reason", &[("Primary Support Reason", "")], Told),
    (
        "employment-status-missing",
        "Service",
        "Employment Status",
        &[("Primary Support Reason", "Learning disability support"), ("Date of Birth", "11/04/1991")],
        Told,
    ),
    (
        "direct-payment-in-prison",
        "Service",
        "Delivery Mechanism",
        &[("Service Type", "Long term support: Prison"), ("Delivery Mechanism", "Direct payment")],
        Told,
    ),
    (
        "direct-payment-in-prison",
        "Service",
        "Service Component",
        &[("Service Type", "Long term support: Prison"), ("Service Component", "Direct payment")],
        Told,
    ),
    (
        "self-funder-metering",
        "Service",
        "Delivery Mechanism",
        &[("Delivery Mechanism", "Self-Funder Metering Only")],
        Told,
    ),
    ("unit-cost-negative", "Service", "Unit Cost", &[("Unit Cost", "-145.00")], Told),
    ("unit-cost-implausible", "Service", "Unit Cost", &[("Unit Cost", "1234567890")], CellRefused),
    ("number-invalid", "Service", "Unit Cost", &[("Unit Cost", "per visit")], CellRefused),
    ("unit-cost-missing", "Service", "Unit Cost", &[("Delivery Mechanism", "Direct payment")], Told),
    (
        "provider-id-invalid",
        "Service",
        "Provider CQC Location ID",
        &[("Provider CQC Location ID", "RX1RA")],
        CellRefused,
    ),
    (
        "provider-id-of-another-service",
        "Service",
        "Provider CQC Location ID",
        &[("Provider CQC Location ID", "1-9980000011"), ("Service Component", "Meals")],
        Told,
    ),
    // Carers.
    (
        "association-with-event",
        "Service",
        "Event Type",
        &[("Client Type", "Unpaid carer known by association"), ("Adult 1 Linked Person_ID", "1000")],
        Refused,
    ),
    (
        "linked-person-missing",
        "",
        "Adult 1 Linked Person_ID",
        &[
            ("Client Type", "Unpaid carer known by association"),
            ("Event Start Date", ""),
            ("Event End Date", ""),
            ("Event Outcome", ""),
        ],
        Told,
    ),
    (
        "linked-person-self",
        "Request",
        "Adult 1 Linked Person_ID",
        &[("Client Type", "Unpaid carer"), ("Adult 1 Linked Person_ID", "4471002")],
        CellRefused,
    ),
    (
        "linked-person-absent",
        "Request",
        "Adult 2 Linked Person_ID",
        &[("Client Type", "Unpaid carer"), ("Adult 2 Linked Person_ID", "777")],
        Told,
    ),
    (
        "number-invalid",
        "Request",
        "No. of adults being cared for",
        &[("Client Type", "Unpaid carer"), ("No. of adults being cared for", "several")],
        CellRefused,
    ),
    (
        "column-not-applicable",
        "Request",
        "Total Hrs Caring per week",
        &[("Total Hrs Caring per week", "20 to 34 hours")],
        Told,
    ),
    // What must not be there.
    (
        "alert-safeguarding",
        "Assessment",
        "Event Description",
        &[("Event Description", "Safeguarding enquiry")],
        Refused,
    ),
    (
        "alert-deprivation-of-liberty",
        "Assessment",
        "Assessment Type",
        &[("Assessment Type", "DoLS assessment")],
        Refused,
    ),
    (
        "alert-mental-capacity",
        "Assessment",
        "Event Description",
        &[("Event Description", "MCA: finances")],
        Refused,
    ),
    (
        "alert-mental-health-act",
        "Assessment",
        "Event Description",
        &[("Event Description", "AMHP visit")],
        Refused,
    ),
];

fn run(input: &[u8]) -> Translation {
    translate(&ClientLevelData, input, &test_context())
}

fn neighbours() -> (String, String) {
    let before =
        [("NHS Number", "9990000026"), ("LA Person Unique Identifier", "1000"), ("Last Name", "Amberley")];
    let after =
        [("NHS Number", "9990000034"), ("LA Person Unique Identifier", "1001"), ("Last Name", "Osgood")];
    (row("Request", &before), row("Request", &after))
}

#[test]
fn every_case_is_told_at_its_place_and_harms_no_neighbour() {
    let (before, after) = neighbours();
    let alone = run(&file(&[before.clone(), after.clone()]));
    assert!(alone.issues.is_empty(), "{:?}", alone.issues);
    for (rule, kind, column, changes, then) in CASES {
        let bad = row(kind, changes);
        let found = run(&file(&[before.clone(), bad, after.clone()]));
        let place = format!("row 3, {column}");
        let issue = found
            .issues
            .iter()
            .find(|issue| issue.rule == *rule && issue.position.as_ref().is_some_and(|p| p.path == place))
            .unwrap_or_else(|| panic!("{rule} at {place} was not told: {:?}", found.issues));
        assert_eq!(issue.severity == Severity::Error, *then != Told, "{rule}");
        assert_eq!(found.outputs.first(), alone.outputs.first(), "{rule}: the row before");
        let label = |t: &Translation| t.outputs.last().map(|o| (o.json.clone(), o.id.clone()));
        assert_eq!(label(&found), label(&alone), "{rule}: the row after");
        let events = found.outputs.iter().filter(|o| o.event != "Carer known by association").count();
        let expected = if *then == Refused || kind.is_empty() { 2 } else { 3 };
        assert_eq!(events, expected, "{rule}: bundles of events");
        let rejected = found.ledger.totals().of(Outcome::Rejected);
        assert_eq!(rejected > 0, *then != Told, "{rule}: rejected items");
        assert_eq!(found.ledger.totals().of(Outcome::Unexplained), 0, "{rule}");
        for issue in &found.issues {
            for value in ["Larkspur", "Edith", "4471002", "9990000018"] {
                assert!(!issue.text.contains(value), "{rule}: a value in the text");
            }
        }
    }
}

#[test]
fn contradictions_across_rows() {
    let base = row("Request", &[]);
    type Conflict = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    let cases: &[Conflict] = &[
        ("la-person-id-two-nhs-numbers", "NHS Number", &[("NHS Number", "9990000026")]),
        (
            "nhs-number-two-la-person-ids",
            "LA Person Unique Identifier",
            &[("LA Person Unique Identifier", "9")],
        ),
        ("gender-conflict", "Gender", &[("Gender", "Male")]),
        ("birth-date-conflict", "Date of Birth", &[("Date of Birth", "10/03/1942")]),
        ("accommodation-status-conflict", "Accommodation Status", &[("Accommodation Status", "Unknown")]),
        ("has-unpaid-carer-conflict", "Has Unpaid Carer", &[("Has Unpaid Carer", "Yes")]),
        ("event-repeated", "Event Type", &[]),
    ];
    let (other, _) = neighbours();
    for (rule, column, changes) in cases {
        // Beside each other, and apart.
        for rows in [
            vec![base.clone(), row("Request", changes)],
            vec![base.clone(), other.clone(), row("Request", changes)],
        ] {
            let found = run(&file(&rows));
            let place = format!("row {}, {column}", rows.len() + 1);
            let told = found
                .issues
                .iter()
                .any(|i| i.rule == *rule && i.position.as_ref().is_some_and(|p| p.path == place));
            assert!(told, "{rule} at {place}: {:?}", found.issues);
            let text: String =
                found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json).into_owned()).collect();
            assert_eq!(
                text.matches("\"resourceType\":\"ServiceRequest\"").count(),
                rows.len(),
                "{rule}: both are kept"
            );
        }
    }
}

#[test]
fn two_equal_rows_stay_two_also_apart() {
    let (other, _) = neighbours();
    let double = row("Service", &[]);
    let found = run(&file(&[double.clone(), other, double]));
    let ids: Vec<String> = found
        .outputs
        .iter()
        .flat_map(|o| {
            let bundle: serde_json::Value = serde_json::from_slice(&o.json).unwrap();
            let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
            entries
                .into_iter()
                .filter(|e| e["resource"]["resourceType"] == "EpisodeOfCare")
                .map(|e| e["resource"]["id"].to_string())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn releases_declared_and_mixed() {
    let one = row("Request", &[("Client Type", "Service User")]);
    let two = row("Request", &[]);
    let declared = |option: &str, rows: &[String]| {
        let mut context = test_context();
        context.options = vec![option.to_owned()];
        translate(&ClientLevelData, &file(rows), &context)
    };
    let told = |t: &Translation, rule: &str, path: &str| {
        t.issues.iter().any(|i| i.rule == rule && i.position.as_ref().is_some_and(|p| p.path == path))
    };
    assert!(told(
        &declared("cld-release-2", std::slice::from_ref(&one)),
        "release-1-value",
        "row 2, Client Type"
    ));
    assert!(told(
        &declared("cld-release-1", std::slice::from_ref(&two)),
        "release-2-value",
        "row 2, Client Type"
    ));
    // Row 2 is of release 2 by its ethnicity, so its client type is the odd one out.
    let mixed = run(&file(&[two, one]));
    assert!(told(&mixed, "release-mixed", "row 3, Client Type"));
}

#[test]
fn the_same_event_has_the_same_id_in_both_releases() {
    let ids = |client: &str, component: &str, kind: &str| {
        let cells = [("Client Type", client), ("Service Component", component), ("Service Type", kind)];
        let found = run(&file(&[row("Service", &cells)]));
        found.outputs[0].id.clone()
    };
    assert_eq!(
        ids("Service User", "Home Support", "Long Term Support: Community"),
        ids("Service user", "Home support or domiciliary care", "Long term support: Community")
    );
}

#[test]
fn rows_and_files_that_cannot_be_read() {
    let (before, after) = neighbours();
    let mut short = row("Request", &[]);
    short.truncate(short.rfind(',').unwrap());
    let found = run(&file(&[before.clone(), short, after.clone()]));
    assert_eq!(found.outputs.len(), 2);
    assert_eq!(found.issues[0].rule, "row-cell-count");
    assert_eq!(found.issues[0].position.as_ref().unwrap().path, "row 3");

    let open = row("Request", &[]).replacen("Larkspur", "\"Larkspur", 1);
    let found = run(&file(&[before.clone(), open, after.clone()]));
    assert_eq!(found.outputs.len(), 2);
    assert_eq!(found.issues[0].rule, "row-broken");

    let long = row("Request", &[("Event Description", &"x".repeat(70_000))]);
    let found = run(&file(&[before, long, after]));
    assert_eq!(found.outputs.len(), 2);
    assert_eq!(found.issues[0].rule, "row-broken");

    for (input, rule) in [
        (b"".to_vec(), "input-empty"),
        (b"998,Larkspur,Edith\n".to_vec(), "heading-missing"),
        (b"\xFF\xFEL\0A\0".to_vec(), "encoding-utf-16"),
        (
            String::from_utf8(file(&[])).unwrap().replace("Date of Birth", "D.O.B.").into_bytes(),
            "heading-column-missing",
        ),
        (
            String::from_utf8(file(&[])).unwrap().replace("GP Practice Name", "Surgery").into_bytes(),
            "heading-column-unclear",
        ),
    ] {
        let found = run(&input);
        assert!(found.unreadable);
        assert_eq!(found.issues[0].rule, rule);
        assert!(!found.issues[0].text.contains("Larkspur"));
    }
}

#[test]
fn a_file_of_49_columns_without_an_optional_one_is_read() {
    let whole = file(&[row("Request", &[])]);
    let mut reader = csv::Reader::from_reader(whole.as_slice()).into_records();
    let record = reader.next().unwrap().unwrap();
    let headings = common::headings();
    let without = |cells: Vec<&str>| {
        let mut cells = cells;
        cells.remove(headings.iter().position(|h| h == "GP Practice Name").unwrap());
        cells.join(",")
    };
    let text = format!(
        "{}\n{}\n",
        without(headings.iter().map(String::as_str).collect()),
        without(record.iter().collect())
    );
    let found = run(text.as_bytes());
    assert_eq!(found.outputs.len(), 1);
    assert_eq!(found.issues[0].rule, "heading-column-missing");
}
