//! Reads one message, decides what becomes of it, and answers.

use causeway_adapter::{Composer, Sink};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_xml::Document;

use crate::fields::Fields;
use crate::limits;
use crate::reply::{Status, reply};
use crate::write;

fn issue(severity: Severity, code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(severity, code, rule, text)
}

/// Translates the message of a document and hands everything to the sink.
pub fn translate(document: &Document<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = document.root();
    let fields = Fields { root };
    let status = record(&fields, c);
    let all = 0..c.ledger.next_id();
    match status {
        Some(Status::MissingTag | Status::InvalidFormat | Status::TooLong) => {
            c.abandon();
            c.ledger.overrule(
                all.clone(),
                Outcome::Rejected,
                "the message breaks the protocol and was refused",
            );
            c.ledger.claim_rest(all, Outcome::Rejected, "the message breaks the protocol and was refused");
        }
        None => c.ledger.claim_rest(all, Outcome::Structural, ""),
        Some(_) => {
            c.end("message", "alarm", None);
            for tag in ["ver", "ame", "sco", "cha", "hbo", "pri"] {
                let reason = "configuration of the unit, kept only in the original";
                c.claim(fields.get(tag), Outcome::Unsupported, reason);
            }
            c.ledger.claim_rest(all, Outcome::Unsupported, "no place in FHIR, kept only in the original");
        }
    }
    sink.acknowledgement(reply(fields.get("ref"), status.unwrap_or(Status::Ok)));
    c.flush(sink);
}

/// Writes the message's resources. `None` is a heartbeat.
fn record(fields: &Fields<'_>, c: &mut Composer<'_>) -> Option<Status> {
    if !matches!(fields.root.name(), "mrq" | "scaip") {
        let text = "the root element is neither mrq nor scaip";
        c.issue(issue(Severity::Error, IssueCode::Structure, "scaip-root", text));
        return Some(Status::InvalidFormat);
    }
    if fields.get("mty").is_some_and(|t| t.text == "PI") {
        return None;
    }
    for (tag, text) in [
        ("cid", "the mandatory tag cid (controller) is missing"),
        ("dty", "the mandatory tag dty (device type) is missing"),
    ] {
        if fields.get(tag).is_none() {
            c.issue(issue(Severity::Error, IssueCode::Required, "scaip-mandatory-tag", text));
            return Some(Status::MissingTag);
        }
    }
    if let Some(long) = too_long(fields) {
        let text = "the field is longer than the protocol allows";
        c.issue_at(long.id, issue(Severity::Error, IssueCode::TooLong, "scaip-too-long", text));
        return Some(Status::TooLong);
    }
    if let Some(bad) = malformed(fields) {
        let text = "the field holds characters that the protocol does not allow";
        c.issue_at(bad.id, issue(Severity::Error, IssueCode::Value, "scaip-pattern", text));
        return Some(Status::InvalidFormat);
    }
    let known = write::alarm(fields, c);
    Some(if known { Status::Ok } else { Status::WrongContent })
}

fn too_long<'d>(fields: &Fields<'d>) -> Option<Leaf<'d>> {
    let limits = [
        ("ref", limits::REFERENCE_CHARS_MAX),
        ("cid", limits::CONTROLLER_CHARS_MAX),
        ("did", limits::DEVICE_CHARS_MAX),
        ("dte", limits::SHORT_TEXT_CHARS_MAX),
        ("stt", limits::SHORT_TEXT_CHARS_MAX),
        ("lte", limits::SHORT_TEXT_CHARS_MAX),
        ("ite", limits::LONG_TEXT_CHARS_MAX),
    ];
    limits.iter().find_map(|(tag, max)| fields.get(tag).filter(|leaf| leaf.text.chars().count() > *max))
}

/// `ref` and `did` are letters and digits, `cid` digits with an optional plus.
fn malformed<'d>(fields: &Fields<'d>) -> Option<Leaf<'d>> {
    let alphanumeric = |t: &str| t.bytes().all(|b| b.is_ascii_alphanumeric());
    let controller = |t: &str| t.strip_prefix('+').unwrap_or(t).bytes().all(|b| b.is_ascii_digit());
    fields
        .get("cid")
        .filter(|l| !controller(l.text))
        .or_else(|| ["ref", "did"].iter().find_map(|t| fields.get(t).filter(|l| !alphanumeric(l.text))))
}
