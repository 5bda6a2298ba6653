//! One input: its messages, each on its own; the account of what is left; the answer.

use causeway_adapter::{Acknowledgement, Composer, Context, Sink};
use causeway_core::{Issue, IssueCode, ItemId, Outcome, Place, Severity, Span};
use causeway_hl7v2::{Delimiters, FaultKind, Message, ParseError, Piece, Segment, pieces};

use crate::account;
use crate::ack::{Fault, Verdict, acknowledge};
use crate::body::{body, few_patients, without_patient};
use crate::env::Env;
use crate::event;
use crate::header::{Header, Refusal};
use crate::limits::ACKNOWLEDGEMENTS_MAX;
use crate::people::Ctx;
use crate::rules;

/// Translates an input. See [`causeway_adapter::Adapter::translate`].
///
/// # Errors
/// An issue where the input holds no message at all.
pub fn input(name: &'static str, bytes: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
    let found: Vec<Piece> = pieces(bytes).collect();
    let messages = found.iter().filter(|p| matches!(p, Piece::Message(_))).count();
    if messages == 0 {
        let issue = rules::MSH_MISSING.issue();
        let at = causeway_core::Position::new("MSH", Span::new(0, bytes.len().min(3)));
        return Err(issue.at(at));
    }
    let batch = found.len() > 1;
    let mut run = Run {
        c: Composer::new(name, context),
        context,
        answers: Vec::new(),
        positive: true,
        delimiters: Delimiters::default(),
        cut: is_cut(bytes),
    };
    let mut number = 0;
    let mut counted = 0;
    for piece in found {
        match piece {
            Piece::Message(range) => {
                number += 1;
                counted += 1;
                let start = range.start;
                let last = counted as usize == messages;
                let broken =
                    bytes.get(range.clone()).is_some_and(|b| b.contains(&FRAME_START)) || (run.cut && last);
                let number = if batch { number } else { 0 };
                run.message(bytes.get(range).unwrap_or_default(), start, number, broken);
            }
            Piece::Envelope(range) => {
                let start = range.start;
                run.envelope(bytes.get(range).unwrap_or_default(), start, &mut counted);
            }
            Piece::Stray(range) => run.stray(range.start, range.end),
        }
        run.c.flush(sink);
    }
    if !run.answers.is_empty() {
        sink.acknowledgement(Acknowledgement {
            bytes: run.answers.concat(),
            media_type: "application/hl7-v2",
            extension: "hl7",
            positive: run.positive,
        });
    }
    Ok(())
}

struct Run<'c> {
    c: Composer<'c>,
    context: &'c Context,
    answers: Vec<Vec<u8>>,
    positive: bool,
    delimiters: Delimiters,
    /// Whether a start of a frame follows the last message: that message was broken off.
    cut: bool,
}

/// Start of an MLLP frame.
const FRAME_START: u8 = 0x0B;

/// Whether an input ends with the start of another frame.
fn is_cut(bytes: &[u8]) -> bool {
    bytes.iter().rev().find(|b| !matches!(b, b'\r' | b'\n')) == Some(&FRAME_START)
}

impl Run<'_> {
    /// A segment of a batch envelope: structural; a count that is wrong is told.
    fn envelope(&mut self, bytes: &[u8], start: usize, counted: &mut u32) {
        let Ok(mut message) = Message::parse_envelope(bytes, start, self.delimiters) else {
            return self.stray(start, start + bytes.len());
        };
        self.delimiters = *message.delimiters();
        let range = message.enter(&mut self.c.ledger);
        self.c.ledger.claim_rest(range, Outcome::Structural, "");
        let Some(segment) = message.segment_at(0) else { return };
        match &segment.name() {
            b"BHS" => *counted = 0,
            b"BTS" => {
                if let Some(said) = segment.leaf(1)
                    && said.text.parse::<u32>().is_ok_and(|n| n != *counted)
                {
                    self.c.issue_at(said.id, rules::BATCH_COUNT.issue());
                }
                *counted = 0;
            }
            _ => {}
        }
    }

    fn stray(&mut self, start: usize, end: usize) {
        let id = self.c.ledger.add(
            Place::Hl7 { segment: *b"???", occurrence: 1, field: 0, repetition: 1, component: 0, sub: 0 },
            Span::new(start, end),
        );
        self.c.ledger.claim(id, Outcome::Rejected, "a line outside any message");
        self.c.issue_at(id, rules::OUTSIDE.issue());
    }

    fn message(&mut self, bytes: &[u8], start: usize, number: u32, broken: bool) {
        let mut message = match Message::parse(bytes, start) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error, start, bytes.len(), number),
        };
        self.delimiters = *message.delimiters();
        let items = message.enter(&mut self.c.ledger);
        let context = self.context;
        let env = Env {
            message: &message,
            zone: &context.zone,
            sender: &context.sender.code,
            number,
            received: context.received,
            nulls: message.has_null(),
        };
        let before = self.c.issues().len();
        form_faults(&mut self.c, &env);
        let header = Header::read(&message);
        let refusal = match header {
            _ if broken => Some(frame_broken()),
            Ok(header) => translate(&mut self.c, &env, &header, items.clone()).err(),
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = &refusal {
            self.c.abandon();
            self.c.ledger.overrule(items.clone(), Outcome::Rejected, refusal.text);
            self.c.issue(env.breach(refusal.rule, refusal.item));
        }
        let errors = match refusal {
            Some(_) => Vec::new(),
            None => self
                .c
                .issues()
                .iter()
                .skip(before)
                .filter(|i| i.severity >= Severity::Error)
                .map(fault)
                .collect(),
        };
        let told = match refusal {
            Some(_) => None,
            None => self.share(&message, items),
        };
        self.answer(Some(&message), &Verdict { refusal, errors, told }, number);
    }

    /// Tells how much of what the message says of care was not translated, where that is much. Returns the sentence for
    /// the acknowledgement.
    fn share(&mut self, message: &Message<'_>, items: std::ops::Range<ItemId>) -> Option<String> {
        self.c.settle();
        let share = account::share(&self.c.ledger, message, items)?;
        let mut issue = rules::UNSUPPORTED_SHARE.issue();
        issue.position = message.segment_at(0).and_then(|s| message.position(s.all().items().start));
        self.c.issue(issue);
        Some(share)
    }

    /// A message that can't be read at all is one rejected item.
    fn unreadable(&mut self, error: ParseError, start: usize, len: usize, number: u32) {
        let id = self.c.ledger.add(
            Place::Hl7 { segment: *b"MSH", occurrence: 1, field: 0, repetition: 1, component: 0, sub: 0 },
            Span::new(start, start + len),
        );
        let (text, condition) = match error {
            ParseError::NoHeader | ParseError::Delimiters => {
                ("MSH-1 and MSH-2 declare no usable delimiters", ("102", "Data type error"))
            }
            ParseError::TooLong => {
                ("the message is longer than this exchange reads", ("207", "Application internal error"))
            }
            ParseError::Charset => {
                ("the character set in MSH-18 is not read", ("103", "Table value not found"))
            }
        };
        self.c.ledger.claim(id, Outcome::Rejected, text);
        self.c.issue_at(id, rules::UNREADABLE.with(text));
        let rule = &rules::UNREADABLE;
        let refusal = Refusal { code: "AR", condition, location: ("MSH", 0), rule, text, item: None };
        self.answer(None, &Verdict { refusal: Some(refusal), errors: Vec::new(), told: None }, number);
    }

    fn answer(&mut self, message: Option<&Message<'_>>, verdict: &Verdict, number: u32) {
        self.positive &= verdict.positive();
        if self.answers.len() >= ACKNOWLEDGEMENTS_MAX {
            return;
        }
        let control = message.and_then(|m| m.segment_at(0)).and_then(|s| s.leaf(10)).map_or("", |l| l.text);
        let key = self.c.id("Acknowledgement", &format!("{number}|{control}"));
        self.answers.extend(acknowledge(message, verdict, self.context, &key));
    }
}

/// An error of a message that was taken in part, as ERR wants it: `OBX[2]-5.5` becomes OBX, 2, 5.
fn fault(issue: &Issue) -> Fault {
    let path = issue.position.as_ref().map_or("", |p| p.path.as_str());
    let path = path.rsplit(", ").next().unwrap_or(path);
    let (segment, rest) = path.split_once('-').unwrap_or((path, ""));
    let (name, occurrence) = match segment.split_once('[') {
        Some((name, n)) => (name, n.trim_end_matches(']').parse().unwrap_or(1)),
        None => (segment, 1),
    };
    let field: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Fault {
        location: (name.to_owned(), occurrence, field.parse().unwrap_or(0)),
        condition: match issue.code {
            IssueCode::Required => ("101", "Required field missing"),
            IssueCode::Value => ("102", "Data type error"),
            IssueCode::CodeInvalid => ("103", "Table value not found"),
            _ => ("207", "Application internal error"),
        },
        text: "the item was not taken; the rest of the message was",
    }
}

/// The refusal of a message whose frame was broken.
fn frame_broken() -> Refusal {
    Refusal {
        code: "AE",
        condition: ("102", "Data type error"),
        location: ("MSH", 0),
        rule: &rules::FRAME_BROKEN,
        text: rules::FRAME_BROKEN.text,
        item: None,
    }
}

/// Issues about the form of the message.
fn form_faults(c: &mut Composer<'_>, env: &Env<'_>) {
    for fault in env.message.faults() {
        let item = fault.value.map(|index| env.message.item(index));
        let rule = match fault.kind {
            FaultKind::NoSegment => rules::LINE_ALONE,
            FaultKind::Continued => rules::LINE_CONTINUED,
            FaultKind::SeparatorKept => rules::SEPARATOR_KEPT,
            FaultKind::TooMany => rules::PARTS_TOO_MANY,
            FaultKind::CharsetGuessed => rules::CHARSET_GUESSED,
            FaultKind::CharsetDoubtful => rules::CHARSET_DOUBTFUL,
            FaultKind::UnknownEscape => rules::ESCAPE_UNKNOWN,
            FaultKind::ControlDropped => causeway_core::common::CONTROL_CHARACTER,
        };
        c.issue(env.breach(&rule, item));
    }
    let goes_on = env.message.segments().filter(|s| matches!(&s.name(), b"MSH" | b"DSC")).find_map(|s| {
        let field = if &s.name() == b"MSH" { 14 } else { 1 };
        s.leaf(field)
    });
    if let Some(leaf) = goes_on {
        c.issue(env.breach(&rules::GOES_ON, Some(leaf.id)));
    }
}

/// One message into one bundle.
fn translate(
    c: &mut Composer<'_>,
    env: &Env<'_>,
    header: &Header<'_>,
    items: std::ops::Range<ItemId>,
) -> Result<(), Refusal> {
    let segments: Vec<Segment<'_>> = env.message.segments().collect();
    let first_pid = segments.iter().position(|s| &s.name() == b"PID");
    if first_pid.is_none() {
        without_patient(header)?;
    }
    few_patients(&segments)?;
    c.begin(header.control.text);
    let mut ctx = Ctx::new(c, *env);
    let about = body(&mut ctx, header, &segments, first_pid.unwrap_or(segments.len()));
    let evn = segments.iter().copied().find(|s| &s.name() == b"EVN");
    event::event(&mut ctx, header, evn, &about);
    let said = evn.and_then(|evn| evn.leaf(1));
    if let Some(other) = said.filter(|event| !event.text.eq_ignore_ascii_case(header.trigger)) {
        ctx.tell(&rules::EVENT_DIFFERS, Some(other.id));
    }
    if !header.is_supported() {
        ctx.tell(&rules::TYPE_PARTIAL, header.decided.0.map(|l| l.id));
    }
    if header.msh.comp(11, 1).is_some_and(|l| l.text != "P") {
        ctx.tell(&rules::NOT_PRODUCTION, header.msh.comp(11, 1).map(|l| l.id));
    }
    let recipient = header.msh.comp(6, 1);
    let label = if env.number > 0 { format!("message {}", env.number) } else { "message 1".to_owned() };
    let w = c.writer();
    w.mapped(header.decided);
    w.decides(header.control, "the ids of what the message makes; it is in the acknowledgement");
    w.decides(recipient, "for whom the bundle is");
    // Segments of the sender's own have a place where the site's own tables give them one.
    for segment in segments.iter().filter(|s| s.name().first() == Some(&b'Z')) {
        segment.all().leaves().for_each(|leaf| c.offer(leaf));
    }
    c.end(label, header.event(), recipient.map(|l| l.text.to_owned()));
    account::rest(c, env, &segments, items);
    Ok(())
}
