//! NHSACK (NHS001): what became of an interchange and of each message in it.

use causeway_adapter::Context;
use causeway_edifact::{View, escape_into};

use crate::limits::{CONTROL_REFERENCE_CHARS_MAX, ERROR_TEXT_CHARS_MAX};

/// Verdict on a message: its reference (UNH 0062) and, where it was refused, why.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub reference: String,
    pub refused: Option<&'static str>,
}

/// Verdict on an interchange.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The envelope is broken: nothing of it was taken (IRI).
    Interchange,
    /// No message is framed as it must be: nothing was taken (IRM).
    Messages,
    /// Each message has its verdict (IAF, IAP or IRA).
    Verdicts(Vec<Verdict>),
}

/// Whether the sender asked for an acknowledgement (UNB 0031).
pub(crate) fn wanted(unb: &View<'_>) -> bool {
    unb.text(9, 1).trim() == "1"
}

/// Writes the acknowledgement of an interchange, segments on lines of their own. `name` gives a number to an
/// interchange whose reference is no number; it is the same for the same interchange.
pub(crate) fn write(
    out: &mut String,
    unb: &View<'_>,
    outcome: &Outcome,
    context: &Context,
    number: u32,
) -> bool {
    let received = context.zone.to_datetime(context.received);
    let (sender, recipient) = (party(unb, 2), party(unb, 3));
    let theirs = unb.text(5, 1).trim();
    let numeric = !theirs.is_empty()
        && theirs.len() <= CONTROL_REFERENCE_CHARS_MAX
        && theirs.bytes().all(|b| b.is_ascii_digit());
    let ours = if numeric { theirs.to_owned() } else { number.to_string() };
    let code = match outcome {
        Outcome::Interchange => "IRI",
        Outcome::Messages => "IRM",
        Outcome::Verdicts(all) if all.iter().all(|v| v.refused.is_none()) => "IAF",
        Outcome::Verdicts(all) if all.iter().all(|v| v.refused.is_some()) => "IRA",
        Outcome::Verdicts(_) => "IAP",
    };
    let mut body = vec![
        "UNH+1+NHSACK:D:1:NH:NHS001".to_owned(),
        "BGM+AKR".to_owned(),
        format!("DTM+137:{}:102", received.strftime("%Y%m%d")),
        format!("NIR+SIR:{}+{sender}+{recipient}+{code}", escaped(theirs)),
    ];
    match outcome {
        Outcome::Interchange => body.push("FTX+ERD+++Error while parsing interchange".to_owned()),
        Outcome::Messages => body.push("FTX+ERD+++Error parsing messages".to_owned()),
        Outcome::Verdicts(all) => {
            for verdict in all {
                let word = if verdict.refused.is_none() { "MA" } else { "MR" };
                body.push(format!("NMR+AGO:{}+{word}", escaped(&verdict.reference)));
                if let Some(why) = verdict.refused {
                    body.push(format!("FTX+ERD+++{}", text(why)));
                }
            }
        }
    }
    body.push(format!("UNT+{}+1", body.len() + 1));
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str("UNA:+.? '\n");
    let stamp = received.strftime("%y%m%d:%H%M");
    out.push_str(&format!("UNB+UNOC:3+{recipient}+{sender}+{stamp}+{ours}++NHSACK'\n"));
    for segment in body {
        out.push_str(&segment);
        out.push_str("'\n");
    }
    out.push_str(&format!("UNZ+1+{ours}'"));
    code == "IAF"
}

/// A party of UNB as it stood, with its qualifier.
fn party(unb: &View<'_>, element: u8) -> String {
    let mut out = String::new();
    let mut at = 1;
    for (component, leaf) in unb.element(element) {
        while at < component {
            out.push(':');
            at += 1;
        }
        escape_into(&mut out, leaf.text);
    }
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape_into(&mut out, text);
    out
}

/// A sentence in components of the length that free text allows.
fn text(why: &str) -> String {
    let characters: Vec<char> = why.chars().collect();
    let parts = characters.chunks(ERROR_TEXT_CHARS_MAX).map(|part| escaped(&part.iter().collect::<String>()));
    parts.collect::<Vec<_>>().join(":")
}
