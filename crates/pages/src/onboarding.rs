//! `/onboarding`: each provider's gates, suites, must-support elements and history; a run is started here, and what it found
//! is read here. Runs go to the addresses that the operator's configuration names, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{Form, Path as Segment, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use causeway_access::caller::{Caller, same_origin};
use causeway_broker::state::Shared;
use causeway_conformance::suite::{self, CaseResult, End, Exception, Run, RunFormat};
use causeway_exchange::NewAudit;
use causeway_host::problem::{Answer, Problem};
use jiff::civil::Date;
use serde::Deserialize;

use super::limits::{ONBOARDING_RUNS_AT_A_TIME, ONBOARDING_SHOWN_MAX};
use super::{Frame, render};

/// A provider who is to be connected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// What it must have before it is connected.
    #[serde(default, rename = "gate")]
    pub gates: Vec<Gate>,
    /// What its endpoints are held to.
    #[serde(default, rename = "suite")]
    pub suites: Vec<Held>,
    /// Approved exceptions from the must-support rule.
    #[serde(default, rename = "exception")]
    pub exceptions: Vec<Exception>,
}

/// Something that a provider must have: an assessment, an agreement, an approval. The operator says so; nothing here checks it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// What it is, such as `DSPT` or `Data sharing agreement`.
    pub name: String,
    /// Who met it or approved it; absent while it is open.
    #[serde(default)]
    pub met_by: Option<String>,
    /// The last day for which it holds (`2027-06-30`).
    #[serde(default)]
    pub until: Option<Date>,
}

/// A suite and the endpoint that is held to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Name of the suite.
    pub name: String,
    /// Address of the endpoint; of a suite for clients where the client is waited for (`https://0.0.0.0:8700`).
    pub url: String,
    /// Settings of the suite.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// File with the bearer token that the provider gave for tests.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Seed of ids and of the story; by the clock unless given, and 1 where the provider must know the story beforehand.
    #[serde(default)]
    pub seed: Option<u64>,
    /// PEM file with the authority that signed the endpoint's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// PEM file with the certificate and key that the endpoint is shown.
    #[serde(default)]
    pub client_certificate: Option<PathBuf>,
    /// Of a suite for clients: PEM file with the certificate and key with which the client is waited for.
    #[serde(default)]
    pub listen_certificate: Option<PathBuf>,
    /// Of a suite for clients: PEM file with the authority whose certificate the client must present.
    #[serde(default)]
    pub listen_ca: Option<PathBuf>,
}

/// Takes what is to be said to the tester while a run goes on.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Runs a suite against a provider's endpoint and keeps the run in the folder; may take minutes. The error is a sentence.
pub type Start = dyn Fn(&Provider, &Held, &Path, Tell) -> Result<(), String> + Send + Sync;

/// What became of an order for a run.
#[derive(Clone, Debug)]
enum Order {
    /// What the tester was told to do first, and last.
    UnderWay(Vec<String>),
    Failed(String),
}

/// What the board works with.
pub struct Board {
    providers: Vec<Provider>,
    folder: PathBuf,
    start: Box<Start>,
    orders: Mutex<BTreeMap<(usize, usize), Order>>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("providers", &self.providers.len()).finish_non_exhaustive()
    }
}

impl Board {
    /// A board of these providers, whose runs are kept in this folder.
    pub fn new(providers: Vec<Provider>, folder: PathBuf, start: Box<Start>) -> Self {
        Self { providers, folder, start, orders: Mutex::default() }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, BTreeMap<(usize, usize), Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runs that are kept: name of the file and the run, the newest first. What is no run is passed over.
    fn runs(&self) -> Vec<(String, Run)> {
        let mut runs = Vec::new();
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return runs };
        for path in entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json"))
        {
            let Some(name) = path.file_stem().map(|n| n.to_string_lossy().into_owned()) else { continue };
            match std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                Some(run) => runs.push((name, run)),
                None => tracing::warn!(run = name, "a kept conformance run can't be read"),
            }
        }
        runs.sort_by(|(a, x), (b, y)| y.at.cmp(&x.at).then_with(|| b.cmp(a)));
        runs
    }

    /// Begins a run on a thread of its own, unless it is under way or too many are.
    fn begin(self: &Arc<Self>, key: (usize, usize)) -> Answer<()> {
        let mut orders = self.orders();
        let under_way = orders.values().filter(|o| matches!(o, Order::UnderWay(_))).count();
        if matches!(orders.get(&key), Some(Order::UnderWay(_))) {
            return Ok(());
        }
        if under_way >= ONBOARDING_RUNS_AT_A_TIME {
            let text = "as many runs are under way as may be; try again when one has ended";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "runs-at-a-time", text));
        }
        orders.insert(key, Order::UnderWay(Vec::new()));
        drop(orders);
        let board = self.clone();
        let begun = std::thread::Builder::new().name("conformance".to_owned()).spawn(move || {
            let provider = &board.providers[key.0];
            let teller = board.clone();
            let tell: Tell = Arc::new(move |what| {
                if let Some(Order::UnderWay(told)) = teller.orders().get_mut(&key) {
                    told.truncate(1);
                    told.push(what.to_owned());
                }
            });
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                (board.start)(provider, &provider.suites[key.1], &board.folder, tell)
            }));
            let why = match ended {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(_) => Some("the run broke off".to_owned()),
            };
            let mut orders = board.orders();
            match why {
                Some(why) => orders.insert(key, Order::Failed(why)),
                None => orders.remove(&key),
            };
        });
        if begun.is_err() {
            self.orders().remove(&key);
            return Err(Problem::internal());
        }
        Ok(())
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/onboarding", get(page).post(start)).route("/onboarding/{run}", get(one))
}

struct GateRow {
    name: String,
    word: &'static str,
    text: String,
}

struct SuiteRow {
    provider: usize,
    suite: usize,
    name: String,
    url: String,
    /// Name and time of the last run; empty where there is none.
    run: String,
    at: String,
    word: &'static str,
    verdict: String,
    since: Vec<String>,
    must_support: String,
    broken: Vec<Broken>,
    earlier: Vec<(String, String, String)>,
    under_way: bool,
    /// What the tester is to do while the run is under way.
    told: Vec<String>,
    /// True where the suite waits for a client.
    waits: bool,
    failed: String,
}

struct Broken {
    word: &'static str,
    title: String,
    found: Vec<String>,
    mend: String,
    rule: String,
}

struct ProviderRow {
    name: String,
    gates: Vec<GateRow>,
    suites: Vec<SuiteRow>,
}

#[derive(Template)]
#[template(path = "onboarding.html")]
struct Page {
    frame: Frame,
    providers: Vec<ProviderRow>,
}

fn gate(gate: &Gate, today: Date) -> GateRow {
    let until = gate.until.map(|day| day.strftime("%-d %B %Y").to_string());
    let (word, text) = match (&gate.met_by, gate.until) {
        (None, _) => ("open", "nobody has said that it is met".to_owned()),
        (Some(by), Some(day)) if day < today => {
            ("ran out", format!("held until {}, as {by} said", until.unwrap_or_default()))
        }
        (Some(by), Some(_)) => ("met", format!("until {}, as {by} said", until.unwrap_or_default())),
        (Some(by), None) => ("met", format!("as {by} said, without an end")),
    };
    GateRow { name: gate.name.clone(), word, text }
}

fn broken(case: &CaseResult) -> Broken {
    Broken {
        word: case.end.word(),
        title: case.title.clone(),
        found: case.found.iter().take(ONBOARDING_SHOWN_MAX).cloned().collect(),
        mend: case.mend.clone(),
        rule: format!("{} ({}): {}", case.rule, case.level, case.source),
    }
}

/// How a run ended, in a word that the style knows.
fn word(run: &Run) -> &'static str {
    if run.passed() { "passed" } else { "failed" }
}

fn suite_row(board: &Board, runs: &[(String, Run)], at: (usize, usize)) -> SuiteRow {
    let provider = &board.providers[at.0];
    let held = &provider.suites[at.1];
    let own = |run: &Run| {
        run.provider.as_deref() == Some(provider.name.as_str())
            && run.suite == held.name
            && run.endpoint.trim_end_matches('/') == held.url.trim_end_matches('/')
    };
    let mut own_runs = runs.iter().filter(|(_, run)| own(run));
    let (last, before) = (own_runs.next(), own_runs.clone().next());
    let order = board.orders().get(&at).cloned();
    let known = suite::builtin(&held.name).ok();
    let mut row = SuiteRow {
        provider: at.0,
        suite: at.1,
        name: known.as_ref().map_or_else(|| held.name.clone(), |s| s.title.clone()),
        url: suite::mask(&held.url),
        run: String::new(),
        at: String::new(),
        word: "not run",
        verdict: String::new(),
        since: Vec::new(),
        must_support: String::new(),
        broken: Vec::new(),
        earlier: own_runs
            .take(ONBOARDING_SHOWN_MAX)
            .map(|(name, run)| (name.clone(), run.at.clone(), suite::verdict(run)))
            .collect(),
        under_way: matches!(order, Some(Order::UnderWay(_))),
        told: match &order {
            Some(Order::UnderWay(told)) => told.clone(),
            _ => Vec::new(),
        },
        waits: known.is_some_and(|s| s.listens.is_some()),
        failed: match order {
            Some(Order::Failed(why)) => why,
            _ => String::new(),
        },
    };
    let Some((name, run)) = last else { return row };
    row.run.clone_from(name);
    row.at.clone_from(&run.at);
    row.word = word(run);
    row.verdict = suite::verdict(run);
    row.must_support = suite::summary(&run.must_support).unwrap_or_default();
    let wrong = run.cases.iter().filter(|c| matches!(c.end, End::Failed | End::Warned));
    row.broken = wrong.take(ONBOARDING_SHOWN_MAX).map(broken).collect();
    if let Some((_, before)) = before {
        let changes = suite::compare(before, run);
        row.since = changes
            .iter()
            .take(ONBOARDING_SHOWN_MAX)
            .map(|(id, change)| format!("{id}: {}", suite::words(change)))
            .collect();
        if row.since.is_empty() {
            row.since.push("nothing differs".to_owned());
        }
    }
    row
}

async fn page(State(state): State<Shared>, caller: Caller, board: Option<Extension<Arc<Board>>>) -> Answer {
    caller.require_operator()?;
    let frame = Frame::new("Onboarding board", "");
    let Some(Extension(board)) = board else { return render(&Page { frame, providers: Vec::new() }) };
    let today = jiff::tz::TimeZone::UTC.to_datetime(state.clock.now()).date();
    let rows = tokio::task::spawn_blocking(move || {
        let runs = board.runs();
        let providers = board.providers.iter().enumerate().map(|(number, provider)| ProviderRow {
            name: provider.name.clone(),
            gates: provider.gates.iter().map(|g| gate(g, today)).collect(),
            suites: (0..provider.suites.len()).map(|s| suite_row(&board, &runs, (number, s))).collect(),
        });
        providers.collect()
    });
    render(&Page { frame, providers: rows.await.map_err(|_| Problem::internal())? })
}

/// Which run is to be started.
#[derive(Deserialize)]
struct Asked {
    provider: usize,
    suite: usize,
}

async fn start(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    board: Option<Extension<Arc<Board>>>,
    Form(asked): Form<Asked>,
) -> Answer {
    caller.require_operator()?;
    same_origin(&headers)?;
    let Some(Extension(board)) = board else { return Err(Problem::not_found("provider")) };
    let provider = board.providers.get(asked.provider).ok_or_else(|| Problem::not_found("provider"))?;
    let held = provider.suites.get(asked.suite).ok_or_else(|| Problem::not_found("suite"))?;
    let entry = NewAudit {
        actor: caller.organisation.code.clone(),
        action: "conformance-run".to_owned(),
        entity: format!("provider/{}", provider.name),
        detail: held.name.clone(),
    };
    state.gate.audit(entry).await?;
    board.begin((asked.provider, asked.suite))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/onboarding"))]).into_response())
}

/// The form of a run's report; the page where nothing is said.
#[derive(Deserialize)]
struct Shape {
    form: Option<String>,
}

struct MustSupport {
    profile: String,
    element: String,
    seen: String,
}

struct Section {
    heading: &'static str,
    cases: Vec<Case>,
}

struct Case {
    id: String,
    broken: Broken,
    exchanges: Vec<String>,
}

#[derive(Template)]
#[template(path = "onboarding-run.html")]
struct RunPage {
    frame: Frame,
    name: String,
    run: Run,
    word: &'static str,
    verdict: String,
    sections: Vec<Section>,
    summary: String,
    must_support: Vec<MustSupport>,
}

async fn one(
    caller: Caller,
    board: Option<Extension<Arc<Board>>>,
    Segment(name): Segment<String>,
    Query(shape): Query<Shape>,
) -> Answer {
    caller.require_operator()?;
    let missing = || Problem::not_found("run");
    let Some(Extension(board)) = board else { return Err(missing()) };
    // The name is a file's: it is found among those that are there, never made into a path.
    let wanted = name.clone();
    let found = tokio::task::spawn_blocking(move || board.runs().into_iter().find(|(own, _)| *own == wanted));
    let (_, run) = found.await.map_err(|_| Problem::internal())?.ok_or_else(missing)?;
    if let Some(form) = shape.form {
        let format = RunFormat::of(&form).ok_or_else(|| {
            let allowed: BTreeSet<&str> = RunFormat::NAMES.into();
            let allowed: Vec<&str> = allowed.into_iter().collect();
            Problem::invalid("form", format!("no such form; there are {}", allowed.join(", ")))
        })?;
        let media = match format {
            RunFormat::Junit => "application/xml",
            RunFormat::TestReport => "application/fhir+json",
            RunFormat::Badge => "image/svg+xml",
            RunFormat::Json => "application/json",
            RunFormat::Text | RunFormat::Html => "text/plain; charset=utf-8",
        };
        let text =
            suite::render(&run, None, if format == RunFormat::Html { RunFormat::Text } else { format });
        return Ok(([(header::CONTENT_TYPE, media)], text).into_response());
    }
    let headings = [
        (End::Failed, "Broken: must be mended"),
        (End::Warned, "Should be mended"),
        (End::Noted, "Could be better"),
        (End::NotRun, "Not tested, and why"),
        (End::Passed, "As it should be"),
    ];
    let section = |(end, heading): (End, &'static str)| {
        let cases = run.cases.iter().filter(|c| c.end == end);
        let cases = cases.map(|case| Case {
            id: case.id.clone(),
            broken: broken(case),
            exchanges: case
                .exchanges
                .iter()
                .filter(|_| !matches!(end, End::Passed | End::NotRun))
                .map(|e| format!("{} → {}", e.asked, e.answered))
                .collect(),
        });
        Section { heading, cases: cases.collect() }
    };
    let sections = headings.into_iter().map(section).filter(|s| !s.cases.is_empty()).collect();
    let of = |e: &suite::Element| MustSupport {
        profile: e.profile.clone(),
        element: e.element.clone(),
        seen: suite::seen(e),
    };
    render(&RunPage {
        frame: Frame::new(run.title.clone(), ""),
        name,
        word: word(&run),
        verdict: suite::verdict(&run),
        sections,
        summary: suite::summary(&run.must_support).unwrap_or_default(),
        must_support: run.must_support.iter().map(of).collect(),
        run,
    })
}
