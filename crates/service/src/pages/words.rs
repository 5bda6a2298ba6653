//! Times, sizes and states in the words of the pages.

use causeway_exchange::State;
use causeway_fhir::systems;
pub use causeway_record::in_words as date;
use jiff::Timestamp;

/// A time for people (London's, to the second) and for machines.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// `24 November 2026, 22:14:05`.
    pub words: String,
    /// RFC 3339.
    pub exact: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        let local = at.to_zoned_datetime(causeway_core::london());
        Self { words: local.strftime("%-d %B %Y, %H:%M:%S").to_string(), exact: at.to_string() }
    }
}

/// Bytes in words.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=999_999 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// What a state means, in a sentence.
pub fn state(state: State) -> &'static str {
    match state {
        State::Uploading => "Parts of it are still to come.",
        State::Accepted => "It is safely stored and waits for its next step.",
        State::Translated => "It was translated to FHIR.",
        State::Delivered => "Its receivers took it.",
        State::Acknowledged => "Its recipient confirmed it.",
        State::Undeliverable => "It was not collected in time; its sender was told.",
        State::Error => "It could not be processed; it is kept and can be replayed.",
    }
}

/// An event in plain words.
pub fn event(kind: &str) -> String {
    let words = match kind {
        "accepted" => "Accepted and stored",
        "uploading" => "Upload begun",
        "translated" => "Translated to FHIR",
        "unreadable" => "Could not be read",
        "unrecognised" => "Format not recognised",
        "check-failed" => "Check found broken rules",
        "routed" => "Sent on",
        "route-unresolved" => "Receiver not known",
        "recorded" => "Put into the record",
        "record-issue" => "Noted by the record",
        "derived" => "Made from another message",
        "encoded" => "Written in another form",
        "left-behind" => "What that form could not carry",
        "not-written" => "Could not be written in the form that the receiver takes",
        "part-joined" => "Joined with its other parts",
        "acknowledgement-sent" => "Acknowledgement sent back",
        "acknowledgement-came" => "Acknowledgement came",
        "acknowledgement-overdue" => "Acknowledgement overdue",
        "acknowledged" => "Confirmed by the recipient",
        "expired" => "Not collected in time",
        "purged" => "Content deleted after its time",
        "work-done" => "Step finished",
        "work-retry" => "Will be tried again",
        "work-parked" => "Parked for a person",
        "work-unparked" => "Released by a person",
        "work-discarded" => "Given up by a person",
        "replayed" => "Replayed",
        other => return other.replace('-', " "),
    };
    words.to_owned()
}

/// A count with its word: `1 bundle`, `2 bundles`.
pub fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// What an outcome of the ledger means, in a sentence.
pub fn outcome(word: &str) -> &'static str {
    match word {
        "mapped" => "Its value is in the FHIR output.",
        "mapped-with-loss" => "Its value is in the output, and something of it was lost.",
        "withheld" => "Held back by a rule.",
        "rejected" => "Refused.",
        "unsupported" => "Kept only in the original message.",
        "structural" => "Delimiters, counts and envelope: says nothing of a person.",
        _ => "Nothing has been said of it. This must be 0.",
    }
}

/// An NHS number in the usual groups.
pub fn nhs_number(number: &str) -> String {
    match (number.get(..3), number.get(3..6), number.get(6..)) {
        (Some(a), Some(b), Some(c)) if number.len() == 10 => format!("{a} {b} {c}"),
        _ => number.to_owned(),
    }
}

/// What a code system's identifier stands for, where a reader would not know.
pub fn identifier_system(system: &str) -> String {
    match system {
        systems::NHS_NUMBER => "NHS number".to_owned(),
        systems::CASSR => "Council code".to_owned(),
        other => other.rsplit('/').next().unwrap_or(other).replace('-', " "),
    }
}

/// What a resource type is called where its source worded nothing.
pub fn kind(resource_type: &str) -> &str {
    match resource_type {
        "ServiceRequest" => "Request for a service",
        "EpisodeOfCare" => "Service",
        "Encounter" => "Contact with a service",
        "Task" => "Task",
        "DeviceRequest" => "Equipment",
        "DocumentReference" => "Document",
        "QuestionnaireResponse" => "Answers",
        "MedicationRequest" | "MedicationStatement" => "Medicine",
        "CarePlan" => "Care plan",
        "RelatedPerson" => "Related person",
        "DiagnosticReport" => "Report",
        "AllergyIntolerance" => "Allergy",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_keep_their_precision() {
        assert_eq!(date("1942"), "1942");
        assert_eq!(date("1942-03"), "March 1942");
        assert_eq!(date("1942-03-07"), "7 March 1942");
        assert_eq!(date("2026-10-03T14:05:00+01:00"), "3 October 2026, 14:05");
        assert_eq!(date("soon"), "soon");
    }

    #[test]
    fn numbers_and_sizes() {
        assert_eq!(nhs_number("9990000018"), "999 000 0018");
        assert_eq!(nhs_number("x"), "x");
        assert_eq!(size(512), "512 bytes");
        assert_eq!((count(1, "error"), count(0, "error")), ("1 error".to_owned(), "0 errors".to_owned()));
        assert_eq!(size(1_500_000), "1.5 MB");
    }
}
