//! Adapters in a process of their own: `causeway translator` translates, `causeway serve --translator URL` sends it
//! each input. Detection and the joining of parts are cheap and stay with the broker; translation is what may be
//! slow or hungry, and what is scaled out.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use causeway_adapter::local::Local;
use causeway_adapter::{
    Acknowledgement, Adapter, Context, Detection, Encoded, Format, Output, Part, Sender, Sink, Translation,
    isolation,
};
use causeway_core::{Issue, IssueCode, Ledger, Outcome, Outline, Place, Position, Severity, Span};
use causeway_terminology::Map;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::isolated;

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
                WireItem(at, start, end, item.outcome.word().to_owned(), item.reason.to_owned())
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

/// An adapter whose translation happens in another process.
pub struct Remote {
    local: &'static dyn Adapter,
    leg: Leg,
}

/// How the other process is reached.
#[derive(Clone)]
enum Leg {
    /// A translator that works for others too. A suspect goes `alone`: it holds the lock for itself, so that nothing
    /// else is under way from this broker when it ends its translator.
    Shared {
        url: String,
        client: reqwest::Client,
        secret: Option<String>,
        runtime: tokio::runtime::Handle,
        turn: Arc<RwLock<()>>,
        alone: bool,
    },
    /// A process made for this one translation.
    Own,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.local.name())
    }
}

/// Adapters that translate in another process.
#[derive(Clone, Copy)]
pub struct Elsewhere {
    /// For every message.
    pub all: &'static [&'static dyn Adapter],
    /// For one that may have ended the process it was translated in: nothing else is harmed if it does again.
    pub suspects: &'static [&'static dyn Adapter],
}

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elsewhere({} adapters)", self.all.len())
    }
}

/// The secret in a file, without blanks around it.
///
/// # Errors
/// Where the file can't be read or is empty.
pub fn secret(file: &std::path::Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let text = text.trim();
    if text.is_empty() { Err(format!("{}: it is empty", file.display())) } else { Ok(text.to_owned()) }
}

/// The same, made where the file is not there: a translator and its broker that share a folder need no hand for it.
///
/// # Errors
/// As [`secret`], and where it can't be made.
pub fn secret_made(file: &std::path::Path) -> Result<String, String> {
    if !file.try_exists().unwrap_or(true) {
        crate::init::write(file, format!("{}\n", crate::init::secret()?).as_bytes())?;
    }
    secret(file)
}

/// The same adapters, translating at a URL, with the secret that it asks for. They live as long as the process.
///
/// # Errors
/// Where no HTTP client can be made.
pub fn adapters(
    local: &'static [&'static dyn Adapter],
    url: &str,
    secret: Option<&str>,
    runtime: &tokio::runtime::Handle,
) -> Result<Elsewhere, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(TRANSLATE_SECONDS_MAX))
        .build()
        .map_err(|e| e.to_string())?;
    let url = format!("{}/translate", url.trim_end_matches('/'));
    let turn = Arc::new(RwLock::new(()));
    let leg = |alone| Leg::Shared {
        url: url.clone(),
        client: client.clone(),
        secret: secret.map(str::to_owned),
        runtime: runtime.clone(),
        turn: turn.clone(),
        alone,
    };
    Ok(Elsewhere { all: reached(local, &leg(false)), suspects: reached(local, &leg(true)) })
}

/// The same adapters, each translation in a process of its own (`causeway translator --once`).
pub fn isolated(local: &'static [&'static dyn Adapter]) -> &'static [&'static dyn Adapter] {
    reached(local, &Leg::Own)
}

fn reached(local: &'static [&'static dyn Adapter], leg: &Leg) -> &'static [&'static dyn Adapter] {
    let remote = local.iter().map(|adapter| {
        let remote = Remote { local: *adapter, leg: leg.clone() };
        &*Box::leak(Box::new(remote)) as &'static dyn Adapter
    });
    Box::leak(remote.collect::<Vec<_>>().into_boxed_slice())
}

/// Bytes of a translator's answer.
const REPLY_BYTES_MAX: usize = 1 << 30;

/// A translator's answer; `None` where it is none, or too large.
async fn read(mut response: reqwest::Response) -> Result<Option<Reply>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if bytes.len() + piece.len() > REPLY_BYTES_MAX {
            tracing::error!(limit = REPLY_BYTES_MAX, "the translator's answer is too large");
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    let reply = serde_json::from_slice(&bytes);
    if reply.is_err() {
        tracing::error!("the translator's answer is none");
    }
    Ok(reply.ok())
}

impl Remote {
    fn ask(&self, input: &[u8], context: &Context) -> Result<Reply, Issue> {
        let request = Request {
            adapter: self.local.name().to_owned(),
            context: WireContext::of(context, self.local.name()),
            input: BASE64.encode(input),
        };
        match &self.leg {
            Leg::Own => isolated::ask(&request).ok_or_else(isolation::died),
            Leg::Shared { url, client, secret, runtime, turn, alone } => {
                let post = || {
                    let mut sent = client.post(url).json(&request);
                    if let Some(secret) = secret {
                        sent = sent.bearer_auth(secret);
                    }
                    // Workers are plain threads, so waiting here holds up nothing else.
                    runtime.block_on(async { read(sent.send().await?.error_for_status()?).await })
                };
                let answer: Result<Option<Reply>, reqwest::Error> = if *alone {
                    let _turn = turn.write().unwrap_or_else(PoisonError::into_inner);
                    post()
                } else {
                    let _turn = turn.read().unwrap_or_else(PoisonError::into_inner);
                    post()
                };
                // What is no answer, or too large for one, ends as a translator does that died of the message.
                let answer = answer.map(|reply| {
                    reply.ok_or_else(|| if *alone { isolation::died() } else { isolation::interrupted() })
                });
                answer.unwrap_or_else(|error| {
                    Err(match (error.is_connect(), *alone) {
                        // Nothing was sent: it is away, and no message is the cause.
                        (true, _) => isolation::away(),
                        (false, false) => isolation::interrupted(),
                        (false, true) => isolation::died(),
                    })
                })
            }
        }
    }
}

impl Adapter for Remote {
    fn format(&self) -> &'static Format {
        self.local.format()
    }
    fn detect(&self, input: &[u8]) -> Detection {
        self.local.detect(input)
    }
    fn maps(&self) -> &'static [&'static Map] {
        self.local.maps()
    }
    fn options(&self) -> &'static [&'static str] {
        self.local.options()
    }
    fn control_id(&self, input: &[u8]) -> Option<String> {
        self.local.control_id(input)
    }
    fn part(&self, input: &[u8]) -> Option<Part> {
        self.local.part(input)
    }
    fn join(&self, parts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
        self.local.join(parts)
    }
    fn encodes(&self) -> bool {
        self.local.encodes()
    }
    fn written(&self) -> (&'static str, &'static str) {
        self.local.written()
    }
    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        self.local.encode(bundle, context)
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let reply = self.ask(input, context)?;
        let mut ledger = Ledger::new();
        let mut words = Vec::new();
        for (number, WireItem(at, start, end, outcome, reason)) in reply.items.into_iter().enumerate() {
            words.push(at);
            let id = ledger.add(Place::Node(number as u32), Span { start, end });
            let outcome = Outcome::ALL.into_iter().find(|o| o.word() == outcome).unwrap_or_default();
            ledger.claim(id, outcome, sentence(&reason));
        }
        ledger.set_outline(Arc::new(Words(words)));
        for (item, path) in reply.paths {
            ledger.trace(item, &path);
        }
        for o in reply.outputs {
            sink.output(Output {
                json: o.json.into_bytes(),
                id: o.id,
                label: o.label,
                event: o.event,
                recipient: o.recipient,
                resources: o.resources,
            });
        }
        let mut issues: Vec<Issue> = reply.issues.into_iter().map(WireIssue::issue).collect();
        let last = if reply.unreadable { issues.pop() } else { None };
        for issue in issues {
            sink.issue(issue);
        }
        sink.ledger(ledger);
        if let Some((bytes, media_type, extension, positive)) = reply.acknowledgement {
            let bytes = BASE64.decode(bytes).unwrap_or_default();
            let (media_type, extension) = (sentence(&media_type), sentence(&extension));
            sink.acknowledgement(Acknowledgement { bytes, media_type, extension, positive });
        }
        last.map_or(Ok(()), Err)
    }
}
