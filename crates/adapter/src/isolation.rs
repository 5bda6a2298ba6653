//! What an adapter says whose translation happens in another process, when that process gives no answer. Issues of
//! these rules have the code `exception`: a failure of the program, not of the input.

use causeway_core::{Issue, IssueCode, Severity};

/// The process could not be reached: the message waits.
pub const AWAY: &str = "translator-unavailable";
/// The process was reached and broke off. It may have worked on several inputs, any of which may have ended it.
pub const INTERRUPTED: &str = "translation-interrupted";
/// What is said of it.
pub const INTERRUPTED_TEXT: &str =
    "the translator ended while it worked on this message; it is tried again alone";
/// The process worked on this input alone, and died of it.
pub const DIED: &str = "translation-died";
/// What is said of it.
pub const DIED_TEXT: &str = "the program died while it translated this message alone (memory, time, or a fault of the program); its content is kept";

/// The issue of a process that could not be reached.
#[must_use]
pub fn away() -> Issue {
    issue(AWAY, "the translator could not be reached; the message waits and is tried again")
}

/// The issue of a process that broke off.
#[must_use]
pub fn interrupted() -> Issue {
    issue(INTERRUPTED, INTERRUPTED_TEXT)
}

/// The issue of a process that died of this input.
#[must_use]
pub fn died() -> Issue {
    issue(DIED, DIED_TEXT)
}

fn issue(rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Fatal, IssueCode::Exception, rule, text)
}
