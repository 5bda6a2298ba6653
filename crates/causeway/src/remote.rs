//! Adapters in a process of their own: `causeway translator` translates, `causeway serve --translator URL` sends it
//! each input. Detection and the joining of parts are cheap and stay with the broker; translation is what may be
//! slow or hungry, and what is scaled out.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causeway_adapter::{Adapter, Context, Detection, Encoded, Format, Part, Sink, isolation};
use causeway_core::Issue;
use causeway_terminology::Map;
use serde_json::Value;

use crate::isolated;
use crate::wire::{Reply, Request, TRANSLATE_SECONDS_MAX};

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

/// What a translator is shown and whom it is believed to be.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The secret that it asks for.
    pub secret: Option<String>,
    /// PEM file with the authority that signed its certificate.
    pub authority: Option<PathBuf>,
    /// PEM files with the certificate that it asks for, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Shown {
    fn authorities(&self) -> Result<Vec<reqwest::Certificate>, String> {
        let Some(file) = &self.authority else { return Ok(Vec::new()) };
        let pem = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| format!("{}: no certificates are in it", file.display()))
    }

    fn identity(&self) -> Result<Option<reqwest::Identity>, String> {
        let Some((certificate, key)) = &self.identity else { return Ok(None) };
        let mut pem = Vec::new();
        for file in [certificate, key] {
            pem.extend(std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?);
            pem.push(b'\n');
        }
        let identity = reqwest::Identity::from_pem(&pem);
        identity.map(Some).map_err(|_| {
            format!("{} and {}: no certificate with its key", certificate.display(), key.display())
        })
    }
}

/// The same adapters, translating at a URL. They live as long as the process.
///
/// # Errors
/// Where no HTTP client can be made: a file can't be read, or an https address has no authority.
pub fn adapters(
    local: &'static [&'static dyn Adapter],
    url: &str,
    shown: &Shown,
    runtime: &tokio::runtime::Handle,
) -> Result<Elsewhere, String> {
    if url.starts_with("https:") && shown.authority.is_none() {
        return Err(format!("{url}: give the authority of its certificate (--translator-ca FILE)"));
    }
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only(shown.authorities()?);
    if let Some(identity) = shown.identity()? {
        builder = builder.identity(identity);
    }
    let client = builder
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        // Before the translator ends an idle connection: a request must not meet its end.
        .pool_idle_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(TRANSLATE_SECONDS_MAX))
        .build()
        .map_err(|e| e.to_string())?;
    let url = format!("{}/translate", url.trim_end_matches('/'));
    let turn = Arc::new(RwLock::new(()));
    let leg = |alone| Leg::Shared {
        url: url.clone(),
        client: client.clone(),
        secret: shown.secret.clone(),
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
        let request = Request::of(self.local.name(), input, context);
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
        self.ask(input, context)?.pour(sink)
    }
}
