//! Whether a person's page hides anything: its parts count what the FHIR API finds, every entry has words, and nothing on it
//! is a raw reference or the name of a type.

use causeway_record::{Record, SearchOptions, Summary};

/// Types that are no entry of a page of their own.
pub const NO_ENTRY: [&str; 5] = ["AuditEvent", "List", "MessageHeader", "Patient", "Provenance"];
/// What stands where a reader was given a type's name in place of words.
const NO_WORDS: [&str; 4] = ["Medicine without a name", "Answers", "Medicine:", "Medicine"];

/// Entries of a person's page, and what is wrong with it, in sentences. `patient`: id of one of her Patients.
pub fn look(record: &Record, patient: &str, summary: &Summary) -> (u64, Vec<String>) {
    let mut faults = Vec::new();
    let mut found = 0;
    for (kind, _) in record.types().unwrap_or_default() {
        if NO_ENTRY.contains(&kind.as_str()) {
            continue;
        }
        let params = [("patient", format!("Patient/{patient}")), ("_summary", "count".to_owned())];
        let params: Vec<(String, String)> = params.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let page = record.search(&kind, &params, &SearchOptions::default());
        found += page.ok().and_then(|page| page.total).unwrap_or(0);
    }
    let counted: u64 = summary.parts.iter().map(|p| p.total).sum();
    let told: u64 = summary.parts.iter().flat_map(|p| &p.facts).map(|f| f.tellings.len() as u64).sum();
    let read: u64 = summary.parts.iter().map(|p| p.read).sum();
    if counted != found || told != read {
        faults.push(format!("{found} in FHIR, {counted} counted, {read} read, {told} told"));
    }
    for telling in summary.parts.iter().flat_map(|p| &p.facts).flat_map(|f| &f.tellings) {
        let lines = telling.lines.iter().flat_map(|l| [&l.label, &l.text]);
        let raw =
            [&telling.title, &telling.detail, &telling.by].into_iter().chain(lines).any(|t| is_reference(t));
        if raw || telling.title.is_empty() || NO_WORDS.contains(&telling.title.as_str()) {
            faults.push(format!("{} has no words: {:?}", telling.key.reference(), telling.title));
        }
    }
    (counted, faults)
}

/// Whether a text is or holds a FHIR reference rather than words.
fn is_reference(text: &str) -> bool {
    text.contains("urn:uuid:")
        || ["Practitioner/", "Organization/", "Patient/", "Medication/", "Location/"]
            .iter()
            .any(|t| text.contains(t))
}
