//! From bytes to bundles: envelope, framing, one bundle for each message, and the acknowledgement.

use causeway_adapter::{Acknowledgement, Composer, Context, Sink};
use causeway_core::text::Decoded;
use causeway_core::{Issue, IssueCode, ItemId, Outcome, Severity};
use causeway_edifact::{Interchange, Message, Source, View, group};

use crate::acknowledgement::{self, Verdict};
use crate::codes::warning;
use crate::message;
use crate::report;
use crate::rules;
use crate::validate::{self, Refusal};

/// The adapter's name.
pub(crate) const NAME: &str = "edifact-pathology";

fn fatal(code: IssueCode, rule: &'static str, text: impl Into<std::borrow::Cow<'static, str>>) -> Issue {
    Issue::new(Severity::Fatal, code, rule, text)
}

/// Translates an input.
pub(crate) fn translate(input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
    let decoded = Decoded::utf8_or_windows_1252(input);
    let mut source = Source::read(&decoded)
        .map_err(|error| fatal(IssueCode::Structure, "unreadable", error.to_string()))?;
    let interchanges = group(&mut source);
    if interchanges.iter().all(|i| i.header.is_none() && i.messages.is_empty()) {
        let text = "the input holds no EDIFACT interchange and no message";
        return Err(fatal(IssueCode::Structure, "no-message", text));
    }
    let charset = charset(&source, &interchanges, &decoded)?;
    let mut c = Composer::new(NAME, context);
    source.enter(&mut c.ledger);
    if let Some((at, issue)) = charset {
        raise(&mut c, source.view(at).and_then(|v| v.first()), issue);
    }
    if let Some((at, _)) = source.first_wrapped() {
        c.issue_at(at, rules::LINE_END.issue());
    }
    for unb in interchanges.iter().filter_map(|i| i.header).filter_map(|at| source.view(at)) {
        if let Some(leaf) = unb.get(11, 1).filter(|leaf| leaf.text == "1") {
            c.issue_at(leaf.id, rules::TEST.issue());
        }
    }
    service_segments(&mut c, &source);
    let mut answer = String::new();
    let mut positive = true;
    for interchange in &interchanges {
        let outcome = one(&mut c, &source, interchange, sink);
        let header = interchange.header.and_then(|at| source.view(at));
        if let Some(unb) = header.filter(acknowledgement::wanted) {
            let number = reference_number(&c, &unb);
            positive &= acknowledgement::write(&mut answer, &unb, &outcome, context, number);
        }
    }
    c.flush(sink);
    if !answer.is_empty() {
        sink.acknowledgement(Acknowledgement {
            bytes: answer.into_bytes(),
            media_type: "application/edifact",
            extension: "edi",
            positive,
        });
    }
    Ok(())
}

fn raise(c: &mut Composer<'_>, at: Option<ItemId>, issue: Issue) {
    match at {
        Some(item) => c.issue_at(item, issue),
        None => c.issue(issue),
    }
}

/// A number for the acknowledgement of an interchange whose own reference is none.
fn reference_number(c: &Composer<'_>, unb: &View<'_>) -> u32 {
    let key: Vec<&str> = unb.leaves().map(|l| l.text).collect();
    let id = c.id("NHSACK", &key.join("|"));
    let digits = id.get(..7).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    digits.unwrap_or_default().max(1)
}

/// Whether the text is in the character set that UNB declares. UNOA and UNOB are subsets of ASCII, UNOC is
/// ISO 8859-1; laboratories send UTF-8 under the same names, which can be told by its shape.
fn charset(
    source: &Source<'_>,
    interchanges: &[Interchange],
    decoded: &Decoded<'_>,
) -> Result<Option<(usize, Issue)>, Issue> {
    if decoded.text.is_ascii() {
        return Ok(None);
    }
    for at in interchanges.iter().filter_map(|i| i.header) {
        let declared = source.view(at).map_or("", |unb| unb.text(1, 1));
        let other = ["UNOD", "UNOE", "UNOF", "UNOG", "UNOH", "UNOI", "UNOJ", "UNOK"].contains(&declared);
        if other {
            let text = "the interchange is in a character set that is not read";
            return Err(fatal(IssueCode::NotSupported, "character-set", text));
        }
        if !decoded.guessed && matches!(declared, "UNOA" | "UNOB" | "UNOC") {
            let text = "the text is UTF-8, which is not what the interchange declares; it was read as UTF-8";
            return Ok(Some((at, warning(IssueCode::Conflict, "character-set-differs", text))));
        }
    }
    Ok(None)
}

/// UNA, UNG and UNE are envelope, wherever they stand.
fn service_segments(c: &mut Composer<'_>, source: &Source<'_>) {
    for view in (0..source.segments.len()).filter_map(|at| source.view(at)) {
        if matches!(view.tag, b"UNA" | b"UNG" | b"UNE") {
            c.ledger.claim_rest(view.items(), Outcome::Structural, "");
        }
    }
}

/// Translates the messages of one interchange and says what to answer.
fn one(
    c: &mut Composer<'_>,
    source: &Source<'_>,
    interchange: &Interchange,
    sink: &mut dyn Sink,
) -> acknowledgement::Outcome {
    let broken = envelope(c, source, interchange);
    let mut verdicts = Vec::new();
    let mut framed = false;
    for message in &interchange.messages {
        let refusal = match broken {
            Some(refusal) => Some(refusal),
            None => match framing(source, message) {
                Err(refusal) => Some(refusal),
                Ok(()) => {
                    framed = true;
                    translate_message(c, source, message).err()
                }
            },
        };
        if let Some(refusal) = refusal {
            refuse(c, source, message, refusal, broken.is_some());
        }
        c.hand_over(sink);
        let unh = source.view(message.header);
        verdicts.push(Verdict {
            reference: unh.map_or("", |unh| unh.text(1, 1)).to_owned(),
            refused: refusal.map(|r| r.text),
        });
    }
    if broken.is_some() || verdicts.is_empty() {
        acknowledgement::Outcome::Interchange
    } else if framed {
        acknowledgement::Outcome::Verdicts(verdicts)
    } else {
        acknowledgement::Outcome::Messages
    }
}

/// Checks UNB and UNZ, claims them, and tells of segments outside every message. Where the references of UNB and
/// UNZ differ, the two are not of one interchange, and nothing between them is trusted.
fn envelope(c: &mut Composer<'_>, source: &Source<'_>, interchange: &Interchange) -> Option<Refusal> {
    let unb = interchange.header.and_then(|at| source.view(at));
    let unz = interchange.trailer.and_then(|at| source.view(at));
    for view in [unb, unz].into_iter().flatten() {
        c.ledger.claim_rest(view.items(), Outcome::Structural, "");
    }
    for view in interchange.loose.iter().filter_map(|at| source.view(*at)) {
        c.ledger.claim_rest(view.items(), Outcome::Rejected, "the segment stands outside every message");
        let text = "a segment stands outside every message; it was not translated";
        let issue = Issue::new(Severity::Error, IssueCode::Structure, "segment-outside-message", text);
        raise(c, view.first(), issue);
    }
    let mut broken = None;
    if let (Some(unb), Some(unz)) = (unb, unz)
        && unb.text(5, 1).trim() != unz.text(2, 1).trim()
    {
        broken = Some(Refusal::new(
            IssueCode::Conflict,
            "interchange-reference-differs",
            "UNB and UNZ do not have the same interchange reference",
            unz.get(2, 1).map(|l| l.id).or(unz.first()),
        ));
    } else if interchange.messages.is_empty() && unb.is_some() {
        let text = "the interchange holds no message";
        let at = unb.and_then(|v| v.first());
        broken = Some(Refusal::new(IssueCode::Required, "interchange-empty", text, at));
    }
    if let Some(refusal) = broken {
        raise(c, refusal.at, refusal.issue());
    }
    match (unb, unz) {
        (Some(unb), None) => {
            let text = "the interchange has no end (UNZ); messages after its last one may be missing";
            raise(c, unb.first(), warning(IssueCode::Incomplete, "interchange-end-missing", text));
        }
        (None, Some(unz)) => {
            let text = "the interchange has an end (UNZ) and no beginning (UNB)";
            raise(c, unz.first(), warning(IssueCode::Structure, "interchange-header-missing", text));
        }
        _ => {}
    }
    if let Some(stated) = unz.and_then(|unz| unz.get(1, 1))
        && stated.text.trim().parse() != Ok(interchange.messages.len())
    {
        let text = "UNZ counts another number of messages than the interchange holds";
        c.issue_at(stated.id, warning(IssueCode::Conflict, "message-count-differs", text));
    }
    broken
}

/// Whether a message is whole: ended by its own UNT, without a faulty segment.
fn framing(source: &Source<'_>, message: &Message) -> Result<(), Refusal> {
    let unh = source.view(message.header);
    let at = unh.as_ref().and_then(View::first);
    let refuse = |code, rule, text, at| Err(Refusal::new(code, rule, text, at));
    let Some(unt) = message.trailer.and_then(|at| source.view(at)) else {
        let text = "the message has no end (UNT)";
        return refuse(IssueCode::Incomplete, "message-end-missing", text, at);
    };
    if unh.map_or("", |unh| unh.text(1, 1)).trim() != unt.text(2, 1).trim() {
        let text = "UNH and UNT do not have the same message reference";
        let at = unt.get(2, 1).map(|l| l.id).or(unt.first()).or(at);
        return refuse(IssueCode::Conflict, "message-reference-differs", text, at);
    }
    let within = message.header..message.trailer.unwrap_or(message.body.end);
    let start = source.faults.partition_point(|fault| fault.segment < within.start);
    if let Some(fault) = source.faults.get(start).filter(|fault| within.contains(&fault.segment)) {
        let at = source.view(fault.segment).and_then(|v| v.first()).or(at);
        let text = "a segment of the message breaks the syntax";
        return refuse(IssueCode::Structure, "segment-syntax", text, at);
    }
    Ok(())
}

/// Takes the items of a refused message along, and tells why unless the envelope already has.
fn refuse(c: &mut Composer<'_>, source: &Source<'_>, message: &Message, refusal: Refusal, told: bool) {
    c.ledger.overrule(message::items(source, message), Outcome::Rejected, refusal.text);
    if !told {
        raise(c, refusal.at, refusal.issue());
    }
}

fn translate_message(c: &mut Composer<'_>, source: &Source<'_>, message: &Message) -> Result<(), Refusal> {
    validate::size(source, message)?;
    let report = message::read(source, message);
    validate::check(&report)?;
    let Some(reference) = report.identifier() else { return Ok(()) };
    let number = source.view(message.header).map_or("", |unh| unh.text(1, 1)).trim();
    c.begin(&format!("{}|{number}", reference.text.trim()));
    report.claim_structural(&mut |id, outcome| c.ledger.claim(id, outcome, ""));
    let recipient = report::write(c, &report, reference, number, source.separators.decimal);
    let variant = report.variant.map_or("", |l| l.text);
    c.end(format!("message {}", message.number), variant, recipient);
    count(c, source, message);
    leftover(c, &report);
    Ok(())
}

/// UNT counts segments; a laboratory that miscounts is told of, and its message taken: the content is there.
fn count(c: &mut Composer<'_>, source: &Source<'_>, message: &Message) {
    let unt = message.trailer.and_then(|at| source.view(at));
    if let Some(stated) = unt.and_then(|unt| unt.get(1, 1))
        && stated.text.trim().parse() != Ok(message.count())
    {
        let text = "UNT counts another number of segments than the message holds";
        c.issue_at(stated.id, warning(IssueCode::Conflict, "segment-count-differs", text));
    }
}

/// What no resource took stays in the original, and a person is told once for the message.
fn leftover(c: &mut Composer<'_>, report: &message::Report<'_>) {
    let items = c.ledger.items();
    let open = |id: &ItemId| items.get(*id as usize).is_some_and(|i| i.outcome == Outcome::Unexplained);
    let first = report.items.clone().find(open);
    c.ledger.claim_rest(
        report.items.clone(),
        Outcome::Unsupported,
        "FHIR has no place for it here: kept in the original only",
    );
    if let Some(first) = first {
        let text = "some details of the message have no place in FHIR; the ledger lists them, the first of them is here";
        c.issue_at(
            first,
            Issue::new(Severity::Information, IssueCode::NotSupported, "kept-in-original", text),
        );
    }
}
