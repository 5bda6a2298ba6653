//! States, events and outcomes in the words of the pages.

pub use causeway_broker::words::{Moment, count, date, identifier_system, nhs_number, organisation, size};
use causeway_exchange::State;

/// The end of an id, enough to tell messages of one page apart.
pub fn short(id: &str) -> String {
    let tail: Vec<char> = id.chars().rev().take(8).collect();
    tail.into_iter().rev().collect()
}

/// A text with a capital at its head.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A state in one or two words.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Uploading => "arriving",
        State::Accepted => "waiting",
        State::Translated => "translated",
        State::Delivered => "delivered",
        State::Acknowledged => "confirmed",
        State::Undeliverable => "not collected",
        State::Error => "refused",
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
        State::Error => "It could not be used; it is kept, and can be tried again.",
    }
}

/// An event in plain words.
pub fn event(kind: &str) -> String {
    let words = match kind {
        "accepted" => "Accepted and stored",
        "uploading" => "Upload begun",
        "translated" => "Translated to FHIR",
        "unreadable" => "Could not be read",
        "refused" => "Every record of it was refused",
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
        "work-parked" => "Needs a decision",
        "work-unparked" => "Released by a person",
        "work-discarded" => "Given up by a person",
        "replayed" => "Replayed",
        other => return other.replace('-', " "),
    };
    words.to_owned()
}

/// What an outcome of the ledger means, in a sentence.
pub fn outcome(word: &str) -> &'static str {
    match word {
        "mapped" => "Its value is in the FHIR output.",
        "mapped-with-loss" => "Its value is in the output, and something of it was lost.",
        "decides" => "Not in the output itself; it decides what the output says of something else.",
        "withheld" => "Held back by a rule.",
        "rejected" => "Refused.",
        "unsupported" => "Kept only in the original message.",
        "structural" => "Delimiters, counts and envelope: says nothing of a person.",
        _ => "Nothing has been said of it. This must be 0.",
    }
}

/// A FHIR status in the words of a reader.
pub fn status(code: &str) -> String {
    let words = match code {
        "unknown" => "",
        "in-progress" => "going on",
        "onhold" | "on-hold" => "paused",
        "not-done" => "not given",
        "revoked" => "withdrawn",
        other => return other.replace('-', " "),
    };
    words.to_owned()
}
