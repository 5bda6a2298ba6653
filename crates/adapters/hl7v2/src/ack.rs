//! The answer that HL7 itself defines: ACK with MSA and ERR, in original and in enhanced mode.
//!
//! Source: HL7 v2.5.1 chapter 2.9 (acknowledgement), 2.15.5 (ERR), tables 0008, 0155 and 0357.

use causeway_adapter::Context;
use causeway_core::Leaf;
use causeway_hl7v2::{Delimiters, Message, Segment, escape};

use crate::header::Refusal;
use crate::limits::ERRORS_ACKNOWLEDGED_MAX;

/// What became of a message.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Nothing, or why it was refused.
    pub refusal: Option<Refusal>,
    /// Errors that were found in a message that was taken in part.
    pub errors: Vec<Fault>,
    /// What else the sender should know of a message that was taken: how much of it was not translated.
    pub told: Option<String>,
}

/// An error as ERR states it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Segment, occurrence, field.
    pub location: (String, u16, u16),
    /// Code and words of table 0357.
    pub condition: (&'static str, &'static str),
    /// The sentence.
    pub text: &'static str,
}

impl Verdict {
    /// Whether everything was taken.
    pub fn positive(&self) -> bool {
        self.refusal.is_none() && self.errors.is_empty()
    }
}

/// The acknowledgement of a message, or `None` where the message asks for none. `message` may be absent where
/// not even its header could be read.
pub fn acknowledge(
    message: Option<&Message<'_>>,
    verdict: &Verdict,
    context: &Context,
    key: &str,
) -> Option<Vec<u8>> {
    let msh = message.and_then(|m| m.segment_at(0)).filter(|s| &s.name() == b"MSH");
    let text = |leaf: Option<Leaf<'_>>| leaf.map_or(String::new(), |l| l.text.to_owned());
    let (accept, application) = (text(msh.and_then(|m| m.leaf(15))), text(msh.and_then(|m| m.leaf(16))));
    let wants = |condition: &str| match condition {
        "AL" => true,
        "ER" => !verdict.positive(),
        "SU" => verdict.positive(),
        _ => false,
    };
    let enhanced = !accept.is_empty() || !application.is_empty();
    let letter = match (enhanced, wants(&accept), wants(&application)) {
        (false, _, _) | (true, false, true) => 'A',
        (true, true, _) => 'C',
        (true, false, false) => return None,
    };
    let outcome = match (&verdict.refusal, verdict.errors.is_empty()) {
        (Some(refusal), _) => refusal.code.chars().nth(1).unwrap_or('E'),
        (None, true) => 'A',
        (None, false) => 'E',
    };
    let delimiters = message.map_or_else(Delimiters::default, |m| usable(m.delimiters()));
    let mut out = Line { out: String::new(), d: delimiters };
    header(&mut out, msh, context, key);
    let control = text(msh.and_then(|m| m.leaf(10)));
    out.segment("MSA", &[&[&[&format!("{letter}{outcome}")]], &[&[&control]]]);
    let modern = msh.and_then(|m| m.comp(12, 1)).is_some_and(|v| is_modern(v.text));
    for fault in faults(verdict).take(ERRORS_ACKNOWLEDGED_MAX) {
        error(&mut out, &fault, modern);
    }
    if let Some(told) = &verdict.told {
        tell(&mut out, told, modern);
    }
    Some(out.out.into_bytes())
}

/// An acknowledgement needs all five delimiters; a message that declares fewer gets the usual ones.
fn usable(declared: &Delimiters) -> Delimiters {
    if declared.escape == 0 || declared.subcomponent == 0 { Delimiters::default() } else { *declared }
}

/// Version 2.5 gave ERR its present form.
fn is_modern(version: &str) -> bool {
    version.strip_prefix("2.").and_then(|minor| minor.bytes().next()).is_some_and(|b| b >= b'5')
}

/// Version 2.3.1 gave MSH-9 its third component, the structure of the message.
fn has_structure(version: &str) -> bool {
    version == "2.3.1"
        || version.strip_prefix("2.").and_then(|minor| minor.bytes().next()).is_some_and(|b| b >= b'4')
}

/// A warning to a sender whose message was taken: ERR has a severity from version 2.5 on, before that a note says it.
fn tell(out: &mut Line, text: &str, modern: bool) {
    const ACCEPTED: &[&str] = &["0", "Message accepted", "HL70357"];
    let empty: &[&[&str]] = &[&[""]];
    if modern {
        out.segment("ERR", &[empty, empty, &[ACCEPTED], &[&["W"]], empty, empty, empty, &[&[text]]]);
    } else {
        out.segment("NTE", &[&[&["1"]], empty, &[&[text]]]);
    }
}

fn faults(verdict: &Verdict) -> impl Iterator<Item = Fault> + '_ {
    let refused = verdict.refusal.iter().map(|r| Fault {
        location: (r.location.0.to_owned(), 1, r.location.1),
        condition: r.condition,
        text: r.text,
    });
    refused.chain(verdict.errors.iter().cloned())
}

fn header(out: &mut Line, msh: Option<Segment<'_>>, context: &Context, key: &str) {
    let whole = |field: u16| -> Vec<String> {
        let Some(msh) = msh else { return vec![String::new()] };
        (1..=3).map(|n| msh.comp(field, n).map_or(String::new(), |l| l.text.to_owned())).collect()
    };
    let offset = context.zone.to_offset(context.received);
    let local = offset.to_datetime(context.received).strftime("%Y%m%d%H%M%S").to_string();
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let time = format!("{local}{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60);
    let trigger = msh.and_then(|m| m.comp(9, 2)).map_or(String::new(), |l| l.text.to_owned());
    let plain = |field: u16, default: &str| {
        msh.and_then(|m| m.comp(field, 1)).map_or(default.to_owned(), |l| l.text.to_owned())
    };
    let (processing, version) = (plain(11, "P"), plain(12, "2.4"));
    let id: String = key.chars().filter(|c| *c != '-').take(20).collect();
    let d = out.d;
    out.out.push_str("MSH");
    for byte in [d.field, d.component, d.repetition, d.escape, d.subcomponent] {
        out.out.push(char::from(byte));
    }
    // Receiver and sender change places.
    for field in [5, 6, 3, 4] {
        let parts = whole(field);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        out.field(&[&parts]);
    }
    out.field(&[&[&time]]);
    out.field(&[&[""]]);
    let kind: &[&str] = if has_structure(&version) { &["ACK", &trigger, "ACK"] } else { &["ACK", &trigger] };
    out.field(&[kind]);
    for value in [&id, &processing, &version] {
        out.field(&[&[value]]);
    }
    out.out.push('\r');
}

fn error(out: &mut Line, fault: &Fault, modern: bool) {
    let (segment, occurrence, field) = &fault.location;
    let (occurrence, field) =
        (occurrence.to_string(), if *field == 0 { String::new() } else { field.to_string() });
    let (code, words) = fault.condition;
    if modern {
        let location: &[&str] = &[segment, &occurrence, &field];
        out.segment(
            "ERR",
            &[
                &[&[""]],
                &[location],
                &[&[code, words, "HL70357"]],
                &[&["E"]],
                &[&[""]],
                &[&[""]],
                &[&[""]],
                &[&[fault.text]],
            ],
        );
    } else {
        // Before 2.5: one field, the code as subcomponents of its fourth component.
        out.out.push_str("ERR");
        let d = out.d;
        out.out.push(char::from(d.field));
        for part in [segment, &occurrence, &field] {
            out.text(part);
            out.out.push(char::from(d.component));
        }
        for (at, part) in [code, words, "HL70357"].into_iter().enumerate() {
            if at > 0 {
                out.out.push(char::from(d.subcomponent));
            }
            out.text(part);
        }
        out.out.push('\r');
    }
}

struct Line {
    out: String,
    d: Delimiters,
}

impl Line {
    fn text(&mut self, text: &str) {
        escape::escape(text, &self.d, &mut self.out);
    }

    /// One field: repetitions of components.
    fn field(&mut self, repetitions: &[&[&str]]) {
        self.out.push(char::from(self.d.field));
        for (at, components) in repetitions.iter().enumerate() {
            if at > 0 {
                self.out.push(char::from(self.d.repetition));
            }
            let used = components.iter().rposition(|c| !c.is_empty()).map_or(0, |last| last + 1);
            for (at, component) in components.iter().take(used).enumerate() {
                if at > 0 {
                    self.out.push(char::from(self.d.component));
                }
                self.text(component);
            }
        }
    }

    fn segment(&mut self, name: &str, fields: &[&[&[&str]]]) {
        self.out.push_str(name);
        fields.iter().for_each(|field| self.field(field));
        self.out.push('\r');
    }
}
