//! A translation that is asked for and answered between two processes: as JSON, the input and what is written in base64.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use causeway_adapter::local::Local;
use causeway_adapter::{Acknowledgement, Adapter, Context, Output, Sender, Sink, Translation};
use causeway_core::{Issue, IssueCode, Ledger, Outcome, Outline, Place, Position, Severity, Span};
use serde::{Deserialize, Serialize};

/// Sentences (reasons and rules) that one process learns from another. They are fixed in the adapters' code, so a
/// few hundred; more means that something is wrong, and the rest read as "see the original's issues".
const SENTENCES_MAX: usize = 10_000;

/// Seconds after which a translation that was sent away is given up; the work item is then tried again.
pub(crate) const TRANSLATE_SECONDS_MAX: u64 = 120;

/// A context on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub struct WireContext {
    received: String,
    zone: Option<String>,
    sender: [String; 3],
    namespace: String,
    original: String,
    explain: bool,
    options: Vec<String>,
    /// The site's own tables, where some are for this message.
    #[serde(default)]
    local: Option<String>,
}

/// A request to translate.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The adapter's name.
    pub adapter: String,
    context: WireContext,
    input: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireOutput {
    json: String,
    id: String,
    label: String,
    event: String,
    recipient: Option<String>,
    resources: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireIssue {
    severity: String,
    code: String,
    rule: String,
    at: Option<(String, u32, u32)>,
    text: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireItem(String, u32, u32, String, String);

/// A translation on the wire.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    outputs: Vec<WireOutput>,
    issues: Vec<WireIssue>,
    items: Vec<WireItem>,
    paths: Vec<(u32, String)>,
    acknowledgement: Option<(String, String, String, bool)>,
    unreadable: bool,
}

impl Request {
    /// To translate an input with the adapter of this name.
    pub fn of(adapter: &str, input: &[u8], context: &Context) -> Self {
        Self {
            adapter: adapter.to_owned(),
            context: WireContext::of(context, adapter),
            input: BASE64.encode(input),
        }
    }
}

impl WireContext {
    fn of(context: &Context, adapter: &str) -> Self {
        let local = context.local.as_ref().filter(|local| local.0.concern(&context.sender, adapter));
        let Sender { system, code, name } = context.sender.clone();
        Self {
            received: context.received.to_string(),
            zone: context.zone.iana_name().map(str::to_owned),
            sender: [system, code, name],
            namespace: context.namespace.to_string(),
            original: context.original.clone(),
            explain: context.explain,
            options: context.options.clone(),
            local: local.map(|local| local.0.carried()),
        }
    }

    fn context(self) -> Option<Context> {
        let [system, code, name] = self.sender;
        let mut context =
            Context::new(Sender { system, code, name }, self.received.parse().ok()?, self.original);
        if let Some(zone) = self.zone {
            context.zone = jiff::tz::TimeZone::get(&zone).ok()?;
        }
        context.namespace = self.namespace.parse().ok()?;
        context.explain = self.explain;
        context.options = self.options;
        context.local = match self.local {
            Some(text) => Some(local_maps(text)?),
            None => None,
        };
        Some(context)
    }
}

/// The site's own tables that came with a request. They are read once for as long as they stay the same.
fn local_maps(text: String) -> Option<Local> {
    static LAST: Mutex<Option<(String, Local)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, maps)) = last.as_ref()
        && *known == text
    {
        return Some(maps.clone());
    }
    let maps = causeway_local::Maps::of_carried(&text).ok()?.shared()?;
    *last = Some((text, maps.clone()));
    Some(maps)
}

/// Translates what a request asks for; `None` where the request names no adapter or can't be read.
pub fn answer(adapters: &'static [&'static dyn Adapter], request: Request) -> Option<Reply> {
    let adapter = adapters.iter().find(|a| a.name() == request.adapter)?;
    let input = BASE64.decode(request.input).ok()?;
    let context = request.context.context()?;
    Some(Reply::of(causeway_adapter::translate(*adapter, &input, &context)))
}

impl Reply {
    fn of(translation: Translation) -> Self {
        let ledger = &translation.ledger;
        let items = ledger
            .items()
            .iter()
            .map(|item| {
                let at = item.place.render(ledger.outline());
                let (start, end) = (item.span.start, item.span.end);
                WireItem(at, start, end, item.outcome.word().to_owned(), ledger.reason_of(item).to_owned())
            })
            .collect();
        let paths = ledger.paths().iter().map(|(item, path)| (*item, path.to_string())).collect();
        Self {
            items,
            paths,
            outputs: translation.outputs.into_iter().map(WireOutput::of).collect(),
            issues: translation.issues.iter().map(WireIssue::of).collect(),
            acknowledgement: translation.acknowledgement.map(|a| {
                (BASE64.encode(a.bytes), a.media_type.to_owned(), a.extension.to_owned(), a.positive)
            }),
            unreadable: translation.unreadable,
        }
    }

    /// Gives what was translated to a sink, as the adapter would have given it here.
    ///
    /// # Errors
    /// Where the input was unreadable.
    pub fn pour(self, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut ledger = Ledger::new();
        let mut words = Vec::new();
        for (number, WireItem(at, start, end, outcome, reason)) in self.items.into_iter().enumerate() {
            words.push(at);
            let id = ledger.add(Place::Node(number as u32), Span { start, end });
            let outcome = Outcome::ALL.into_iter().find(|o| o.word() == outcome).unwrap_or_default();
            ledger.claim(id, outcome, sentence(&reason));
        }
        ledger.set_outline(Arc::new(Words(words)));
        for (item, path) in self.paths {
            ledger.trace(item, &path);
        }
        for o in self.outputs {
            sink.output(Output {
                json: o.json.into_bytes(),
                id: o.id,
                label: o.label,
                event: o.event,
                recipient: o.recipient,
                resources: o.resources,
            });
        }
        let mut issues: Vec<Issue> = self.issues.into_iter().map(WireIssue::issue).collect();
        let last = if self.unreadable { issues.pop() } else { None };
        for issue in issues {
            sink.issue(issue);
        }
        sink.ledger(ledger);
        if let Some((bytes, media_type, extension, positive)) = self.acknowledgement {
            let bytes = BASE64.decode(bytes).unwrap_or_default();
            let (media_type, extension) = (sentence(&media_type), sentence(&extension));
            sink.acknowledgement(Acknowledgement { bytes, media_type, extension, positive });
        }
        last.map_or(Ok(()), Err)
    }
}

impl WireOutput {
    fn of(output: Output) -> Self {
        Self {
            json: String::from_utf8(output.json).unwrap_or_default(),
            id: output.id,
            label: output.label,
            event: output.event,
            recipient: output.recipient,
            resources: output.resources,
        }
    }
}

impl WireIssue {
    fn of(issue: &Issue) -> Self {
        Self {
            severity: issue.severity.code().to_owned(),
            code: issue.code.code().to_owned(),
            rule: issue.rule.to_owned(),
            at: issue.position.as_ref().map(|p| (p.path.clone(), p.span.start, p.span.end)),
            text: issue.text.to_string(),
        }
    }

    fn issue(self) -> Issue {
        const SEVERITIES: [Severity; 4] =
            [Severity::Information, Severity::Warning, Severity::Error, Severity::Fatal];
        const CODES: [IssueCode; 14] = [
            IssueCode::Structure,
            IssueCode::Required,
            IssueCode::Value,
            IssueCode::BusinessRule,
            IssueCode::CodeInvalid,
            IssueCode::NotSupported,
            IssueCode::TooLong,
            IssueCode::Duplicate,
            IssueCode::Conflict,
            IssueCode::Suppressed,
            IssueCode::NotFound,
            IssueCode::Incomplete,
            IssueCode::Informational,
            IssueCode::Exception,
        ];
        let severity = SEVERITIES.into_iter().find(|s| s.code() == self.severity).unwrap_or(Severity::Error);
        let code = CODES.into_iter().find(|c| c.code() == self.code).unwrap_or(IssueCode::Exception);
        let issue = Issue::new(severity, code, sentence(&self.rule), self.text);
        match self.at {
            Some((path, start, end)) => issue.at(Position::new(path, Span { start, end })),
            None => issue,
        }
    }
}

/// A fixed sentence of another process, kept once for the life of this one.
fn sentence(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    if text.is_empty() {
        return "";
    }
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = known.get_or_insert_with(HashSet::new);
    if let Some(found) = known.get(text) {
        return found;
    }
    if known.len() >= SENTENCES_MAX {
        return "see the issues of the message";
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(kept);
    kept
}

/// Places of a ledger that came over the wire, already in words.
#[derive(Debug)]
struct Words(Vec<String>);

impl Outline for Words {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Node(node) => self.0.get(node as usize).cloned(),
            _ => None,
        }
    }
}
