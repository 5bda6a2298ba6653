//! An adapter of a made-up line format, so that the service can be tested without any real one.
//!
//! `LINE|version`, then records that begin with `PAT|number|family|given|born|gender`, followed by
//! `OBS|date|what|value`, `CARE|date|what`, `TO|code`, `NOTE|anything` (not carried), `BAD|why` (refused),
//! `HELD|what` (withheld), `LAX|what` (makes a resource that breaks R4), `RAW|text` (an output of just this text),
//! `PANIC`. `PART|group|id|awaited…` as the second line makes the input a part.

use causeway_adapter::{
    Acknowledgement, Adapter, Composer, Confidence, Context, Detection, Format, Meta, Output, Part, Profile,
    Sector, Sink, Telling,
};
use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Outcome, Place, Severity, Span, When};
use causeway_fhir::types::{self, Verification};
use causeway_fhir::{Ref, Writer, systems};
use std::sync::Arc;

#[derive(Debug)]
pub struct Lines;

/// The list that a binary would give.
pub static ADAPTERS: &[&dyn Adapter] = &[&Lines, &causeway_adapter_fhir_r4::FhirR4];

struct Line<'a> {
    fields: Vec<Leaf<'a>>,
    first: u32,
}

impl<'a> Line<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.fields.get(at).map_or("", |l| l.text)
    }
    fn leaf(&self, at: usize) -> Leaf<'a> {
        self.fields.get(at).copied().unwrap_or(Leaf { text: "", id: u32::MAX })
    }
}

fn read<'a>(text: &'a str, composer: &mut Composer<'_>) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut offset = 0;
    for (row, raw) in (1..).zip(text.split('\n')) {
        let mut fields = Vec::new();
        let mut at = offset;
        let first = composer.ledger.next_id();
        for (column, field) in (0..).zip(raw.split('|')) {
            if !field.is_empty() {
                let id = composer.ledger.add(Place::Cell { row, column }, Span::new(at, at + field.len()));
                if column == 0 {
                    composer.ledger.claim(id, Outcome::Structural, "record type");
                }
                fields.push(Leaf { text: field, id });
            } else {
                fields.push(Leaf { text: "", id: u32::MAX });
            }
            at += field.len() + 1;
        }
        offset += raw.len() + 1;
        lines.push(Line { fields, first });
    }
    lines
}

fn patient(composer: &mut Composer<'_>, line: &Line<'_>) -> Ref {
    let key = line.text(1).to_owned();
    composer.resource("Patient", &key, |w| {
        w.array("identifier", |w| match NhsNumber::parse(line.text(1)) {
            Ok(number) => types::nhs_number(w, number, line.leaf(1), (), Verification::PresentNotTraced, ()),
            Err(_) => types::identifier(w, "https://line.example/Id", line.leaf(1)),
        });
        w.array("name", |w| {
            w.element(|w| {
                w.fixed("use", "official");
                w.leaf("family", line.leaf(2));
                w.array("given", |w| w.value(line.text(3), line.leaf(3)));
            });
        });
        w.leaf("gender", line.leaf(5));
        if let Ok(born) = When::iso(line.text(4), &causeway_core::london()) {
            w.date("birthDate", &born, line.leaf(4));
        }
    })
}

fn observation(composer: &mut Composer<'_>, line: &Line<'_>, of: &Ref, status: Option<&str>) {
    let key = format!("{}|{}|{}", of.id, line.text(1), line.text(2));
    let meta = Meta { profile: Profile::None, ..Meta::default() };
    composer.resource_with("Observation", &key, &meta, |w: &mut Writer| {
        if let Some(status) = status {
            w.fixed("status", status);
        }
        types::concept_text(w, "code", line.leaf(2));
        w.reference("subject", of, ());
        if let Ok(when) = When::iso(line.text(1), &causeway_core::london()) {
            w.date_time("effectiveDateTime", &when, line.leaf(1));
        }
        w.leaf("valueString", line.leaf(3));
    });
}

fn care(composer: &mut Composer<'_>, line: &Line<'_>, of: &Ref) {
    let key = format!("{}|{}|{}", of.id, line.text(1), line.text(2));
    let organisation = composer.context.sender.code.clone();
    composer.resource("EpisodeOfCare", &key, |w| {
        w.fixed("status", "active");
        w.array("type", |w| {
            w.element(|w| w.leaf("text", line.leaf(2)));
        });
        w.reference("patient", of, ());
        w.object("managingOrganization", |w| {
            w.object("identifier", |w| {
                w.fixed("system", systems::ODS_ORGANISATION);
                w.fixed("value", &organisation);
            });
        });
        let start = When::iso(line.text(1), &causeway_core::london()).ok().map(|at| (at, line.leaf(1)));
        types::period(w, "period", start, None::<(When, ())>);
    });
}

fn issue(
    composer: &mut Composer<'_>,
    line: &Line<'_>,
    severity: Severity,
    code: IssueCode,
    rule: &'static str,
    text: &'static str,
) {
    let at = line.fields.get(1).or(line.fields.first()).map_or(0, |l| l.id);
    composer.issue_at(at, Issue::new(severity, code, rule, text));
}

/// The format.
pub const FORMAT: Format = Format {
    name: "lines",
    title: "Line format",
    summary: "Councils of a made-up country, for tests.",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["1", "2"],
    media_types: &["text/x-lines"],
    extensions: &["lines"],
};

impl Adapter for Lines {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    /// The format has no number of its own; this one serves the tests.
    fn control_id(&self, input: &[u8]) -> Option<String> {
        Some(format!("LINES-{}", input.len()))
    }

    /// Each record stands for itself, so a long input may be kept in pieces.
    fn streams(&self) -> bool {
        true
    }
    fn detect(&self, input: &[u8]) -> Detection {
        match input.strip_prefix(b"LINE|") {
            Some(rest) => {
                Detection::is(Confidence::Certain, String::from_utf8_lossy(rest.get(..1).unwrap_or_default()))
            }
            None => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let Ok(text) = std::str::from_utf8(input) else {
            return Err(Issue::new(
                Severity::Fatal,
                IssueCode::Structure,
                "not-text",
                "the input is not text",
            ));
        };
        let mut composer = Composer::new("lines", context);
        let headings: Vec<String> =
            ["type", "first", "second", "third", "fourth", "fifth"].map(String::from).into();
        composer.ledger.set_outline(Arc::new(headings));
        let lines = read(text, &mut composer);
        let mut person = None;
        let mut recipient = None;
        let mut raw = Vec::new();
        let mut records = 0;
        for line in &lines {
            let end = line.first + line.fields.len() as u32;
            match (line.text(0), &person) {
                ("PAT", _) => {
                    if person.is_some() {
                        composer.end(format!("record {records}"), "PAT", recipient.take());
                    }
                    records += 1;
                    composer.begin(line.text(1));
                    person = Some(patient(&mut composer, line));
                }
                ("OBS", Some(of)) => observation(&mut composer, line, of, Some("final")),
                ("LAX", Some(of)) => observation(&mut composer, line, of, None),
                ("CARE", Some(of)) => care(&mut composer, line, of),
                ("RAW", _) => {
                    let (json, label) = (line.text(1).as_bytes().to_vec(), "raw".to_owned());
                    let (id, event) = (String::new(), String::new());
                    raw.push(Output { json, id, label, event, recipient: None, resources: 0 });
                    composer.claim(line.leaf(1), Outcome::Mapped, "");
                }
                ("TO", _) => {
                    recipient = Some(line.text(1).to_owned());
                    composer.claim(line.leaf(1), Outcome::Mapped, "");
                }
                ("HELD", _) => {
                    composer.claim(line.leaf(1), Outcome::Withheld, "the source asked for it");
                    issue(
                        &mut composer,
                        line,
                        Severity::Warning,
                        IssueCode::Suppressed,
                        "confidential-items",
                        "items were held back because the source asked for it",
                    );
                }
                ("BAD", _) => {
                    composer.ledger.overrule(
                        line.first..end,
                        Outcome::Rejected,
                        "the source says that it is bad",
                    );
                    issue(
                        &mut composer,
                        line,
                        Severity::Error,
                        IssueCode::Value,
                        "bad-line",
                        "the line is bad",
                    );
                }
                ("PANIC", _) => panic!("the test asked for it"),
                _ => composer.ledger.claim_rest(line.first..end, Outcome::Unsupported, "no place for it"),
            }
        }
        if person.is_some() {
            composer.end(format!("record {records}"), "PAT", recipient.take());
        }
        let all = composer.ledger.next_id();
        composer.flush_rest(all);
        composer.flush(sink);
        raw.into_iter().for_each(|output| sink.output(output));
        sink.acknowledgement(Acknowledgement {
            bytes: format!("ACK|{records}\n").into_bytes(),
            media_type: "text/x-lines",
            extension: "lines",
            positive: true,
        });
        Ok(())
    }

    fn part(&self, input: &[u8]) -> Option<Part> {
        let text = std::str::from_utf8(input).ok()?;
        let mut fields = text.lines().nth(1)?.strip_prefix("PART|")?.split('|').map(str::to_owned);
        Some(Part { group: fields.next()?, id: fields.next()?, awaits: fields.collect() })
    }

    fn join(&self, parts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
        let mut awaited = Vec::new();
        let mut whole = b"LINE|1".to_vec();
        let mut sorted: Vec<&(String, Vec<u8>)> = parts.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, bytes) in sorted {
            awaited.extend(self.part(bytes).into_iter().flat_map(|p| p.awaits));
            for line in String::from_utf8_lossy(bytes).lines().skip(2) {
                whole.push(b'\n');
                whole.extend_from_slice(line.as_bytes());
            }
        }
        awaited.retain(|id| !parts.iter().any(|(have, _)| have == id));
        if awaited.is_empty() && parts.iter().any(|(id, _)| id == "1") { Ok(whole) } else { Err(awaited) }
    }
}

/// What nothing claimed was not carried.
trait FlushRest {
    fn flush_rest(&mut self, all: u32);
}

impl FlushRest for Composer<'_> {
    fn flush_rest(&mut self, all: u32) {
        self.ledger.claim_rest(0..all, Outcome::Unsupported, "no place for it");
    }
}
