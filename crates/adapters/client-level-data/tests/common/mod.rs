//! Rows for tests: a sound one of each kind, to be changed cell by cell.

/// Headings of the specification, read from a fixture so that tests do not share them with the code.
pub fn headings() -> Vec<String> {
    let path = causeway_adapter::contract::project_root()
        .join("fixtures/client-level-data/hospital-discharge/input.csv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().next().unwrap().split(',').map(str::to_owned).collect()
}

const SOUND: [(&str, &str); 20] = [
    ("LA Code", "998"),
    ("Reporting Period Start Date", "01/01/2026"),
    ("Reporting Period End Date", "31/12/2026"),
    ("NHS Number", "9990000018"),
    ("LA Person Unique Identifier", "4471002"),
    ("First Name", "Edith Mary"),
    ("Last Name", "Larkspur"),
    ("GP Practice Name", "Wrenfield Surgery"),
    ("GP Practice Code", "Z99801"),
    ("Gender", "Female"),
    ("Ethnicity", "White: Irish"),
    ("Date of Birth", "09/03/1942"),
    ("Client Type", "Service user"),
    ("Primary Support Reason", "Mental health support"),
    ("Postcode", "ZZ99 3VZ"),
    ("Accommodation Status", "Refuge"),
    ("Has Unpaid Carer", "No"),
    ("Event Start Date", "22/09/2026"),
    ("Event End Date", "23/09/2026"),
    ("Event Outcome", "NFA: Other"),
];

/// Cells of an event of a kind.
pub fn kind(kind: &str) -> Vec<(&'static str, &'static str)> {
    let mut cells = match kind {
        "Request" => vec![("Event Type", "Request"), ("Request: Route of Access", "Prison")],
        "Assessment" => vec![
            ("Event Type", "Assessment"),
            ("Assessment Type", "Long term assessment"),
            ("Method of Assessment", "Service user only"),
        ],
        "Service" => vec![
            ("Event Type", "Service"),
            ("Service Type", "Long term support: Community"),
            ("Service Component", "Home support or domiciliary care"),
            ("Delivery Mechanism", "CASSR commissioned support"),
            ("Client Funding Status", "Fully social care funded"),
        ],
        "Review" => vec![
            ("Event Type", "Review"),
            ("Review Reason", "Planned"),
            ("Review Outcomes Achieved", "Fully achieved"),
            ("Method of Review", "Service user only"),
            ("Client Funding Status", "Fully social care funded"),
        ],
        _ => Vec::new(),
    };
    cells.splice(0..0, SOUND);
    cells
}

/// A row with some cells set otherwise.
pub fn row(base: &str, changes: &[(&str, &str)]) -> String {
    let mut cells = kind(base);
    let headings = headings();
    let mut out = Vec::new();
    for (name, _) in changes {
        assert!(headings.iter().any(|h| h == name), "no column {name}");
    }
    for heading in &headings {
        let value = changes
            .iter()
            .rev()
            .find(|(name, _)| name == heading)
            .map(|(_, value)| *value)
            .or_else(|| cells.iter_mut().find(|(name, _)| name == heading).map(|(_, value)| *value))
            .unwrap_or("");
        out.push(if value.contains([',', '"', '\n']) {
            format!("\"{}\"", value.replace('"', "\"\""))
        } else {
            value.to_owned()
        });
    }
    out.join(",")
}

/// A file of rows.
pub fn file(rows: &[String]) -> Vec<u8> {
    let mut text = headings().join(",");
    for row in rows {
        text.push_str("\r\n");
        text.push_str(row);
    }
    text.push_str("\r\n");
    text.into_bytes()
}
