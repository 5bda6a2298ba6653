//! One input: its messages, each on its own; the account of what is left; the answer.

use causeway_adapter::{Acknowledgement, Composer, Context, Sink};
use causeway_core::{Issue, IssueCode, ItemId, Outcome, Place, Severity, Span};
use causeway_fhir::Ref;
use causeway_hl7v2::{Delimiters, FaultKind, Message, ParseError, Piece, Segment, pieces};

use crate::ack::{Fault, Verdict, acknowledge};
use crate::appointment;
use crate::clinical;
use crate::document;
use crate::encounter;
use crate::env::Env;
use crate::event;
use crate::header::{Header, Refusal};
use crate::limits::ACKNOWLEDGEMENTS_MAX;
use crate::observation::{self, About};
use crate::orders;
use crate::patient::{self, Patient};
use crate::people::Ctx;
use crate::related;
use crate::report::{self, Within};
use crate::value;

/// Translates an input. See [`causeway_adapter::Adapter::translate`].
///
/// # Errors
/// An issue where the input holds no message at all.
pub fn input(name: &'static str, bytes: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
    let found: Vec<Piece> = pieces(bytes).collect();
    let messages = found.iter().filter(|p| matches!(p, Piece::Message(_))).count();
    if messages == 0 {
        let text = "the input holds no HL7 v2 message: no line begins with MSH and its delimiters";
        let issue = Issue::new(Severity::Fatal, IssueCode::Structure, "msh-missing", text);
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
    };
    let mut number = 0;
    let mut counted = 0;
    for piece in found {
        match piece {
            Piece::Message(range) => {
                number += 1;
                counted += 1;
                let start = range.start;
                run.message(bytes.get(range).unwrap_or_default(), start, if batch { number } else { 0 });
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
                    let text = "the batch does not hold as many messages as its trailer counts";
                    self.c.issue_at(
                        said.id,
                        Issue::new(Severity::Warning, IssueCode::Incomplete, "batch-count", text),
                    );
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
        let text = "a line stands outside any message; it belongs to nobody and was not translated";
        self.c
            .issue_at(id, Issue::new(Severity::Error, IssueCode::Structure, "segment-outside-message", text));
    }

    fn message(&mut self, bytes: &[u8], start: usize, number: u32) {
        let mut message = match Message::parse(bytes, start) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error, start, bytes.len(), number),
        };
        self.delimiters = *message.delimiters();
        let items = message.enter(&mut self.c.ledger);
        let context = self.context;
        let env = Env { message: &message, zone: &context.zone, sender: &context.sender.code, number };
        let before = self.c.issues().len();
        form_faults(&mut self.c, &env);
        let refusal = match Header::read(&message) {
            Ok(header) => translate(&mut self.c, &env, &header, items.clone()).err(),
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = &refusal {
            self.c.abandon();
            self.c.ledger.overrule(items.clone(), Outcome::Rejected, refusal.text);
            self.c.issue(env.issue(Severity::Error, refusal.issue, refusal.rule, refusal.text, refusal.item));
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
        self.answer(Some(&message), &Verdict { refusal, errors }, number);
    }

    /// A message that can't be read at all is one rejected item.
    fn unreadable(&mut self, error: ParseError, start: usize, len: usize, number: u32) {
        let id = self.c.ledger.add(
            Place::Hl7 { segment: *b"MSH", occurrence: 1, field: 0, repetition: 1, component: 0, sub: 0 },
            Span::new(start, start + len),
        );
        let (text, code, condition) = match error {
            ParseError::NoHeader | ParseError::Delimiters => (
                "MSH-1 and MSH-2 declare no usable delimiters",
                IssueCode::Structure,
                ("102", "Data type error"),
            ),
            ParseError::TooLong => (
                "the message is longer than this exchange reads",
                IssueCode::TooLong,
                ("207", "Application internal error"),
            ),
            ParseError::Charset => (
                "the character set in MSH-18 is not read",
                IssueCode::NotSupported,
                ("103", "Table value not found"),
            ),
        };
        self.c.ledger.claim(id, Outcome::Rejected, text);
        self.c.issue_at(id, Issue::new(Severity::Error, code, "message-unreadable", text));
        let refusal = Refusal {
            code: "AR",
            condition,
            location: ("MSH", 0),
            issue: code,
            rule: "message-unreadable",
            text,
            item: None,
        };
        self.answer(None, &Verdict { refusal: Some(refusal), errors: Vec::new() }, number);
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

/// Issues about the form of the message.
fn form_faults(c: &mut Composer<'_>, env: &Env<'_>) {
    for fault in env.message.faults() {
        let item = fault.value.map(|index| env.message.item(index));
        let (code, rule, text) = match fault.kind {
            FaultKind::NoSegment => (
                IssueCode::Structure,
                "line-without-segment",
                "a line of the message has no segment name; it was not translated",
            ),
            FaultKind::TooMany => {
                (IssueCode::TooLong, "parts-too-many", "a segment has more parts than are told apart")
            }
            FaultKind::CharsetGuessed => (
                IssueCode::Value,
                "charset-guessed",
                "the text is not valid in its character set; it was read as Windows-1252",
            ),
            FaultKind::CharsetDoubtful => (
                IssueCode::Conflict,
                "charset-doubtful",
                "MSH-18 declares a single-byte character set and the text looks like UTF-8; the declaration was followed",
            ),
            FaultKind::UnknownEscape => (
                IssueCode::Value,
                "escape-unknown",
                "an escape sequence is not known; it was kept as it was sent",
            ),
        };
        c.issue(env.issue(Severity::Warning, code, rule, text, item));
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
    c.begin(header.control.text);
    let mut ctx = Ctx::new(c, *env);
    let about = body(&mut ctx, header, &segments, first_pid.unwrap_or(segments.len()));
    let evn = segments.iter().copied().find(|s| &s.name() == b"EVN");
    event::event(&mut ctx, header, evn, &about);
    if !header.is_supported() {
        let text = "this type of message is not translated as a whole; patient, visit, results and contacts were read";
        ctx.warn(header.decided.0.map(|l| l.id), IssueCode::NotSupported, "message-type-partial", text);
    }
    if header.msh.comp(11, 1).is_some_and(|l| l.text != "P") {
        let text = "MSH-11 says that this is not a production message";
        ctx.warn(header.msh.comp(11, 1).map(|l| l.id), IssueCode::Informational, "not-production", text);
    }
    let recipient = header.msh.comp(6, 1);
    let label = if env.number > 0 { format!("message {}", env.number) } else { "message 1".to_owned() };
    let w = c.writer();
    w.mapped((header.decided, header.control));
    w.mapped(recipient);
    c.end(label, header.event(), recipient.map(|l| l.text.to_owned()));
    rest(c, env, &segments, items);
    Ok(())
}

/// A message without PID: an appointment is still one; anything else that needs a patient is refused.
fn without_patient(header: &Header<'_>) -> Result<(), Refusal> {
    if header.kind == "SIU" {
        return Ok(());
    }
    if header.needs_patient() {
        return Err(Refusal {
            code: "AE",
            condition: ("100", "Segment sequence error"),
            location: ("PID", 0),
            issue: IssueCode::Required,
            rule: "pid-missing",
            text: "the message has no PID segment, so it says nothing about anybody",
            item: header.decided.0.map(|l| l.id),
        });
    }
    Err(Refusal {
        code: "AR",
        condition: ("200", "Unsupported message type"),
        location: ("MSH", 9),
        issue: IssueCode::NotSupported,
        rule: "message-type-unsupported",
        text: "this type of message is not translated",
        item: header.decided.0.map(|l| l.id),
    })
}

/// Every patient of the message, then the appointment. Returns what the event is about.
fn body<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    header: &Header<'m>,
    segments: &[Segment<'m>],
    first_pid: usize,
) -> Vec<Ref> {
    let mut starts: Vec<usize> =
        segments.iter().enumerate().filter(|(_, s)| &s.name() == b"PID").map(|(at, _)| at).collect();
    starts.push(segments.len());
    let sources = appointment::Sources::collect(if header.kind == "SIU" { segments } else { &[] });
    let appointment_key = sources.sch.map(|sch| appointment::key(&ctx.env, sch, header));
    let appointment = appointment_key.as_ref().map(|key| ctx.c.reference("Appointment", key));
    let evn = segments.iter().take(first_pid).copied().find(|s| &s.name() == b"EVN");
    let mut about = Vec::new();
    let mut patients = Vec::new();
    for (number, pair) in starts.windows(2).enumerate() {
        let (from, to) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
        let group = Group {
            header,
            evn,
            segments: segments.get(from..to).unwrap_or_default(),
            number,
            appointment: appointment.as_ref(),
        };
        patients.push(group.write(ctx, &mut about));
    }
    if let Some(key) = appointment_key {
        about.extend(appointment::appointment(ctx, header, &sources, &key, &patients));
    }
    about
}

/// One PID with all that follows it.
struct Group<'g, 'm> {
    header: &'g Header<'m>,
    evn: Option<Segment<'m>>,
    segments: &'g [Segment<'m>],
    number: usize,
    appointment: Option<&'g Ref>,
}

impl<'m> Group<'_, 'm> {
    fn one(&self, name: &[u8; 3]) -> Option<Segment<'m>> {
        self.segments.iter().copied().find(|s| &s.name() == name)
    }

    fn all(&self, name: &'static [u8; 3]) -> impl Iterator<Item = Segment<'m>> {
        self.segments.iter().copied().filter(move |s| &s.name() == name)
    }

    fn write(&self, ctx: &mut Ctx<'_, '_, 'm>, about: &mut Vec<Ref>) -> Ref {
        let patient = self.patient(ctx);
        about.push(patient.target.clone());
        for nk1 in self.all(b"NK1") {
            related::related(ctx, nk1, &patient);
        }
        for al1 in self.all(b"AL1") {
            clinical::allergy(ctx, al1, &patient);
        }
        let encounter = self.encounter(ctx, &patient);
        let encounter = encounter.map(|(_, target)| target);
        about.extend(encounter.clone());
        self.results(ctx, &patient, encounter.as_ref(), about);
        patient.target
    }

    fn patient(&self, ctx: &mut Ctx<'_, '_, 'm>) -> Patient {
        let visit = self.segments.iter().position(|s| &s.name() == b"PV1").unwrap_or(self.segments.len());
        let merges =
            self.header.kind == "ADT" && matches!(self.header.trigger, "A18" | "A34" | "A36" | "A40");
        let deleted = self.header.kind == "ADT" && self.header.trigger == "A29";
        if deleted {
            patient::deleted_issue(ctx);
        }
        let Some(pid) = self.one(b"PID") else {
            // A group begins with its PID; this can't be reached, and costs nothing to survive.
            let target = ctx.c.reference("Patient", self.header.control.text);
            return Patient { target, key: self.header.control.text.to_owned() };
        };
        let from = patient::Sources {
            pid,
            pd1: self.one(b"PD1"),
            roles: self.segments.iter().take(visit).copied().filter(|s| &s.name() == b"ROL").collect(),
            restrictions: self.all(b"ARV").collect(),
            mrg: self.one(b"MRG").filter(|_| merges),
            deleted,
        };
        patient::patient(ctx, &from, &format!("message|{}|{}", self.header.control.text, self.number))
    }

    /// Diagnoses, procedures and the encounter that they belong to.
    fn encounter(&self, ctx: &mut Ctx<'_, '_, 'm>, patient: &Patient) -> Option<(String, Ref)> {
        let sources = self.one(b"PV1").map(|pv1| encounter::Sources {
            header: *self.header,
            pv1,
            pv2: self.one(b"PV2"),
            evn: self.evn,
        });
        let key = sources.as_ref().and_then(|from| encounter::key(&ctx.env, from, patient));
        let reserved = key.map(|key| (key.clone(), ctx.c.reference("Encounter", &key)));
        // A second group with the same visit would be a second resource: its reference is taken when written.
        let reserved = reserved.filter(|(key, _)| !ctx.c.has("Encounter", key));
        let mut diagnoses = Vec::new();
        for dg1 in self.all(b"DG1") {
            diagnoses.extend(clinical::diagnosis(ctx, dg1, patient, reserved.as_ref()));
        }
        for pr1 in self.all(b"PR1") {
            clinical::procedure(ctx, pr1, patient, reserved.as_ref());
        }
        let from = sources.as_ref()?;
        let Some((key, _)) = reserved else {
            ctx.c.writer().mapped(from.pv1.leaf(2));
            return None;
        };
        let target = encounter::encounter(ctx, from, &key, patient, &diagnoses, self.appointment);
        if self.header.kind == "ADT"
            && matches!(self.header.trigger, "A11" | "A12" | "A13" | "A23" | "A27" | "A38")
        {
            encounter::cancelled_issue(ctx, self.header.decided.1);
        }
        Some((key, target))
    }

    fn results(
        &self,
        ctx: &mut Ctx<'_, '_, 'm>,
        patient: &Patient,
        encounter: Option<&Ref>,
        about: &mut Vec<Ref>,
    ) {
        let grouped = orders::group(self.segments, self.header.kind == "MDM");
        let reports = matches!(self.header.kind, "ORU" | "OUL" | "ORF");
        let control = self.header.control.text;
        for (at, order) in grouped.orders.iter().enumerate() {
            let fallback = format!("{control}|order|{}|{at}", self.number);
            let within = Within { patient, encounter, fallback, reports };
            about.push(report::order(ctx, order, &within));
        }
        for (at, (txa, results)) in grouped.documents.iter().enumerate() {
            let fallback = format!("{control}|document|{}|{at}", self.number);
            let within = Within { patient, encounter, fallback, reports };
            about.push(document::document(ctx, *txa, results, &within, self.header.trigger));
        }
        let key = format!("{}|{control}|{}", patient.key, self.number);
        let loose = About { patient, encounter, specimen: None, obr: None, category: None, key: &key };
        let keys = observation::keys(&grouped.loose, &key);
        for (result, key) in grouped.loose.iter().zip(&keys) {
            if observation::is_document(result) {
                document::result_document(ctx, result, &loose, key);
            } else {
                observation::observation(ctx, result, &loose, key);
            }
        }
    }
}

/// What is left: set ids and envelope are structural, the rest is said to be unsupported, segment by segment.
fn rest(c: &mut Composer<'_>, env: &Env<'_>, segments: &[Segment<'_>], items: std::ops::Range<ItemId>) {
    let mut named: Vec<[u8; 3]> = Vec::new();
    for segment in segments.iter().copied() {
        let name = segment.name();
        for item in structural(segment) {
            c.ledger.claim(item, Outcome::Structural, "");
        }
        for (_, whole, item) in segment.all().nulls() {
            if !whole {
                // Its field is written whole, without this part: that says the same.
                c.ledger.claim(item, Outcome::Mapped, "");
            }
        }
        let range = segment.all().items();
        let read = c.ledger.items().get(range.start as usize..range.end as usize).unwrap_or_default();
        let untouched = read.iter().all(|i| matches!(i.outcome, Outcome::Unexplained | Outcome::Structural));
        let left = read.iter().any(|i| i.outcome == Outcome::Unexplained);
        let reason = if name.first() == Some(&b'Z') {
            "a segment of the sender's own (Z-segment), kept only in the original"
        } else if untouched {
            "this segment is not translated, kept only in the original"
        } else {
            "this item has no place in what is written, kept only in the original"
        };
        if untouched && left && !named.contains(&name) && named.len() < 100 {
            named.push(name);
            let first = segment.all().leaves().next().map(|l| l.id);
            let text = "a segment is not translated; it is kept only in the original";
            c.issue(env.issue(
                Severity::Information,
                IssueCode::NotSupported,
                "segment-unsupported",
                text,
                first,
            ));
        }
        c.ledger.claim_rest(range, Outcome::Unsupported, reason);
    }
    for item in env.message.simplified() {
        let mapped = c.ledger.items().get(item as usize).is_some_and(|i| i.outcome == Outcome::Mapped);
        if mapped {
            c.ledger.claim(
                item,
                Outcome::MappedWithLoss,
                "highlighting, layout or control characters were dropped",
            );
        }
    }
    c.ledger.claim_rest(items, Outcome::Unsupported, "kept only in the original");
}

/// Items that say nothing of a person: set ids, types of text values, the envelope.
fn structural(segment: Segment<'_>) -> Vec<ItemId> {
    let mut found: Vec<ItemId> = Vec::new();
    let mut field = |n: u16| found.extend(segment.field(n).items());
    match &segment.name() {
        b"MSH" => [3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21].into_iter().for_each(field),
        b"SFT" | b"DSC" => found.extend(segment.all().items()),
        b"EVN" | b"PID" | b"NK1" | b"AL1" | b"DG1" | b"PR1" | b"OBR" | b"NTE" | b"PV1" | b"IN1" | b"GT1"
        | b"SPM" | b"TXA" | b"RGS" | b"AIS" | b"AIG" | b"AIL" | b"AIP" | b"TQ1" | b"DB1" | b"IAM"
        | b"CON" => field(1),
        b"OBX" => {
            field(1);
            if segment.leaf(2).is_some_and(|l| value::is_text(l.text)) || !segment.field(5).says() {
                field(2);
            }
        }
        _ => {}
    }
    if &segment.name() == b"MSH" {
        found.extend(segment.first(9).comp(3).items());
    }
    found
}
