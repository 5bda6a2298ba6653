//! Times, sizes and names in words that people read.

use causeway_fhir::systems;

pub use causeway_record::in_words as date;
use jiff::Timestamp;

use crate::settings::Settings;

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

/// What a person can do about a failure, by its code.
pub fn advice(code: &str) -> &'static str {
    match code {
        "unrecognised" => {
            "See that it is whole and of a format that is read (page Formats). Where its format is known, send it again naming it (Causeway-Format)."
        }
        "unreadable" => {
            "Its problems say what breaks the format and where. Ask the sender to mend that and send it again."
        }
        "all-refused" => {
            "Nothing came out of it: its problems say what each record breaks. Ask the sender to mend that and send it again."
        }
        "unpacks-too-much" => "It is packed far beyond what messages are. Ask the sender for it unpacked.",
        "too-costly" | "too-large" => {
            "It needs more memory than one message may. Ask for it in parts, or raise the limit that the reason names, then have it translated again."
        }
        "process-died" | "panic" => {
            "The program failed on it; everything else went on. Keep it, report it, and have it translated again with a newer version."
        }
        "14" | "expired" => {
            "Nobody collected it in time; its sender was told. Ask the recipient, then send it again."
        }
        "discarded" => "A person gave it up; the reason is theirs. It can still be translated again.",
        "route-unresolved" | "receiver-unknown" => {
            "No route or organisation says where it goes. Mend the configuration, then try again."
        }
        "not-expressible" => {
            "The form that the receiver takes can't say it. Send it in another form, or tell the receiver another way."
        }
        "corrupt" => "What is stored does not match its digest. Stop, check the disk, restore from a backup.",
        "storage" => "The disk or database did not answer. See that there is room, then try again.",
        "connect" | "timeout" | "http-401" | "http-403" => {
            "The receiver can't be reached or does not know us. Mend that, and it goes on, or try again."
        }
        code if code.starts_with("http-") || code.starts_with("mllp") => {
            "The receiver refused it; the reason has its code. Ask the receiver, then try again or give it up."
        }
        _ => {
            "Open the message: its journey and problems say what happened. Put that right, then have it translated again."
        }
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

/// A count with its word: `1 bundle`, `2 bundles`.
pub fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
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

/// The name of an organisation, or its code.
pub fn organisation(settings: &Settings, code: &str) -> String {
    match settings.organisation(code) {
        Some(known) if !known.name.is_empty() => format!("{} ({})", known.name, known.code),
        _ if code.is_empty() => "Causeway".to_owned(),
        _ => code.to_owned(),
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
