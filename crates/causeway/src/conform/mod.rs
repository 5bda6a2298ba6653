//! `causeway conform`: holds an endpoint, ours or anybody's, to a suite.

mod credentials;
mod listener;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use causeway_conformance::suite::{self, Plan, Run, RunFormat, Suite};
use causeway_service::pages::onboarding::{Board, Held, Provider, Tell};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

pub use credentials::Credentials;
pub use wire::Outside;

use crate::process::{EXIT_REFUSED, EXIT_UNREADABLE, print};

/// Folder of the data directory with the runs of the onboarding board.
const BOARD_FOLDER: &str = "onboarding";
/// Seconds that a run of the onboarding board waits for an answer.
const BOARD_TIMEOUT_SECONDS: u64 = 30;

/// Arguments of `conform`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit: 0 no rule that SHALL be kept was found broken, 1 one was, 2 wrong call, 3 nothing could be tried.\n\n\
A report holds no content of an answer but what breaks a rule; ten digits that may be an NHS number are masked."
)]
pub struct ConformArgs {
    /// Name of a suite (see --list), or a folder with a suite.toml.
    #[arg(required_unless_present = "list", value_name = "SUITE")]
    suite: Option<String>,
    /// Address of the endpoint: http(s)://…, for MLLP mllp://host:port; of a suite for clients where to wait for one.
    #[arg(required_unless_present_any = ["list", "print", "settings"], value_name = "URL")]
    url: Option<String>,
    /// List the suites.
    #[arg(long)]
    list: bool,
    /// List the settings and the cases of the suite.
    #[arg(long)]
    settings: bool,
    /// Print a file that the suite sends, filled with the settings and the seed.
    #[arg(long, value_name = "FILE")]
    print: Option<String>,
    /// A setting, as often as needed.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// A setting whose value is in a file: JSON, or NDJSON as a list.
    #[arg(long, value_name = "NAME=FILE")]
    set_file: Vec<String>,
    /// Run the cases whose ids begin so, as often as needed.
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    #[command(flatten)]
    credentials: Credentials,
    /// After the cases send so many mutated requests.
    #[arg(long, value_name = "N")]
    fuzz: Option<u64>,
    /// Seed of ids and mutations: the same seed sends the same. By the clock unless given.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "text", value_parser = PossibleValuesParser::new(RunFormat::NAMES))]
    format: String,
    /// Write the report here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the run as JSON here, to compare a later one with.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Say what differs from an earlier run that was saved.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Keep the run and its page in this folder, and make the onboarding board (index.html) of all that are kept there.
    #[arg(long, value_name = "FOLDER")]
    board: Option<PathBuf>,
    /// Whose endpoint it is, for the board.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Approved exceptions from the must-support rule: TOML with [[exception]] profile, element, reason, approved_by.
    #[arg(long, value_name = "FILE")]
    exceptions: Option<PathBuf>,
    /// Seconds that an answer is waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// Runs the command.
///
/// # Errors
/// Where the call is wrong, or a file can't be read or written.
pub fn run(args: &ConformArgs) -> Result<u8, String> {
    if args.list {
        for name in suite::names() {
            let suite = suite::builtin(name).map_err(|e| e.to_string())?;
            print(&format!("{name:18} {} ({} cases)\n", suite.title, suite.cases.len()));
        }
        return Ok(0);
    }
    let suite = open(args.suite.as_deref().unwrap_or_default())?;
    if args.settings {
        print(&settings_text(&suite));
        return Ok(0);
    }
    let seed = args.seed.unwrap_or_else(by_clock);
    let plan = Plan {
        endpoint: args.url.clone().unwrap_or_default().trim_end_matches('/').to_owned(),
        settings: settings(args, &suite)?,
        seed: seed.to_string(),
        only: args.only.clone(),
        fuzz: args.fuzz.map(|count| (count, seed)),
        tool: format!("causeway {}", env!("CARGO_PKG_VERSION")),
        provider: args.provider.clone(),
        exceptions: args.exceptions.as_deref().map(exceptions).transpose()?.unwrap_or_default(),
    };
    if let Some(file) = &args.print {
        print(&suite::fill_file(&suite, &plan, file, jiff::Timestamp::now().as_second())?);
        return Ok(0);
    }
    crate::process::start_process(false);
    let told = |at| {
        crate::process::note(&format!("waiting for the client at {at}; point it here and let it send\n"))
    };
    let note: Tell = Arc::new(|what: &str| crate::process::note(&format!("{what}\n")));
    let run = listening(&suite, &plan, &args.credentials, Duration::from_secs(args.timeout), note, told)?;
    report(args, &run)
}

/// Runs a suite against an endpoint, or waits at that address for the client that is under test.
///
/// # Errors
/// Where the credentials or the address can't be used.
pub fn against(
    suite: &Suite,
    plan: &Plan,
    credentials: &Credentials,
    timeout: Duration,
) -> Result<Run, String> {
    listening(suite, plan, credentials, timeout, Arc::new(|_: &str| ()), |_| ())
}

/// As [`against`]; `ready` is told where a client under test is waited for, and `tell` what the tester is to do.
///
/// # Errors
/// As [`against`].
pub fn listening<T>(
    suite: &Suite,
    plan: &Plan,
    credentials: &Credentials,
    timeout: Duration,
    tell: Tell,
    ready: impl FnOnce(std::net::SocketAddr) -> T,
) -> Result<Run, String> {
    // Fails only where it was set before, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let client = credentials.client(&plan.endpoint)?;
    let runtime = crate::process::runtime()?;
    let authorization = runtime.block_on(credentials.authorization(&client, &plan.endpoint))?;
    let listens = suite.listens.is_some();
    let tls = if listens { None } else { credentials.tls()? };
    let endpoint = if listens { "http://" } else { plan.endpoint.as_str() };
    let mut outside = Outside::new(endpoint, client, authorization, tls, timeout)?;
    // What `ready` gives lives as long as the run.
    let _kept = match suite.listens {
        Some(kind) => Some(ready(outside.listen(&plan.endpoint, kind, credentials.listen_tls()?, tell)?)),
        None => None,
    };
    let run = suite::run(suite, plan, &mut outside);
    // A client that waits for an answer is let go before it is asked to end.
    drop(outside);
    Ok(run)
}

/// The onboarding board of these providers, whose runs are kept with the data.
///
/// # Errors
/// Where a suite is not there, or does not know a setting.
pub fn board(providers: Vec<Provider>, data: &Path) -> Result<Board, String> {
    for provider in &providers {
        for held in &provider.suites {
            let suite = open(&held.name).map_err(|e| format!("provider {}: {e}", provider.name))?;
            if let Some(name) = held.settings.keys().find(|name| suite.setting(name).is_none()) {
                return Err(format!(
                    "provider {}: the suite {} has no setting {name}",
                    provider.name, suite.name
                ));
            }
        }
    }
    let start = |provider: &Provider, held: &Held, folder: &Path, tell: Tell| {
        let suite = open(&held.name)?;
        // A client sends a story that it was given before, so the seed is one that both know.
        let story = suite.listens.is_some() && suite.files.contains_key("story.json");
        let seed = held.seed.unwrap_or_else(|| if story { 1 } else { by_clock() });
        let plan = Plan {
            endpoint: held.url.trim_end_matches('/').to_owned(),
            settings: held.settings.clone(),
            seed: seed.to_string(),
            tool: format!("causeway {}", env!("CARGO_PKG_VERSION")),
            provider: Some(provider.name.clone()),
            exceptions: provider.exceptions.clone(),
            ..Plan::default()
        };
        let credentials = Credentials::of_board(held);
        let first = tell.clone();
        let ready = |at: std::net::SocketAddr| {
            let name = &suite.name;
            let sends = if story {
                format!(" this story: causeway conform {name} --print story.json --seed {seed}")
            } else {
                String::new()
            };
            first(&format!("point the client at {at} and let it send{sends}"));
        };
        let timeout = Duration::from_secs(BOARD_TIMEOUT_SECONDS);
        let run = listening(&suite, &plan, &credentials, timeout, tell, ready)?;
        keep(folder, &run)
    };
    Ok(Board::new(providers, data.join(BOARD_FOLDER), Box::new(start)))
}

fn report(args: &ConformArgs, run: &Run) -> Result<u8, String> {
    let written =
        |path: &Path, text: &str| std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()));
    let changes = match &args.compare {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let old: Run = serde_json::from_str(&text)
                .map_err(|e| format!("{}: no run that --save wrote: {e}", path.display()))?;
            if old.suite != run.suite {
                return Err(format!("{}: a run of {}", path.display(), old.suite));
            }
            Some(suite::compare(&old, run))
        }
        None => None,
    };
    if let Some(path) = &args.save {
        written(path, &suite::render(run, None, RunFormat::Json))?;
    }
    if let Some(folder) = &args.board {
        keep(folder, run)?;
    }
    let format = RunFormat::of(&args.format).unwrap_or_default();
    let text = suite::render(run, changes.as_deref(), format);
    match &args.out {
        Some(path) => {
            written(path, &text)?;
            let broken = run.count(suite::End::Failed);
            print(&format!("{}: {broken} broken, {} cases\n", path.display(), run.cases.len()));
        }
        None => print(&text),
    }
    let tried = run.cases.iter().any(|c| c.end != suite::End::NotRun);
    Ok(match (tried, run.count(suite::End::Failed)) {
        (false, _) => EXIT_UNREADABLE,
        (true, 0) => 0,
        (true, _) => EXIT_REFUSED,
    })
}

/// Keeps a run in the board's folder, and makes the board anew of all runs that are there.
///
/// # Errors
/// Where a file can't be written, or one of the folder's is no run.
pub fn keep(folder: &Path, run: &Run) -> Result<(), String> {
    let said = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    std::fs::create_dir_all(folder).map_err(|e| said(folder, &e))?;
    let plain = |text: &str| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>()
    };
    let provider = run.provider.as_deref().unwrap_or(&run.endpoint);
    // Two runs of one second are two runs.
    let name = (1..)
        .map(|number| format!("{}-{}-{}-{number}", plain(provider), plain(&run.suite), plain(&run.at)))
        .find(|name| !folder.join(format!("{name}.json")).exists())
        .unwrap_or_default();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| said(&path, &e))
    };
    write(&format!("{name}.json"), &suite::render(run, None, RunFormat::Json))?;
    write(&format!("{name}.html"), &suite::render(run, None, RunFormat::Html))?;
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| said(folder, &e))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "json") {
            let text = std::fs::read_to_string(&path).map_err(|e| said(&path, &e))?;
            let run: Run = serde_json::from_str(&text).map_err(|e| said(&path, &e))?;
            let page = path.with_extension("html");
            kept.push((run, page.file_name().unwrap_or_default().to_string_lossy().into_owned()));
        }
    }
    write("index.html", &suite::board(&kept))
}

/// Approved exceptions of a file.
fn exceptions(path: &Path) -> Result<Vec<suite::Exception>, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        exception: Vec<suite::Exception>,
    }
    let said = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| said(&e))?;
    toml::from_str::<File>(&text).map(|file| file.exception).map_err(|e| said(&e))
}

fn by_clock() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// A suite by name, or of a folder.
///
/// # Errors
/// Where there is none, or it can't be read.
pub fn open(name: &str) -> Result<Suite, String> {
    let folder = Path::new(name);
    if !folder.is_dir() {
        return suite::builtin(name).map_err(|e| e.to_string());
    }
    let mut files = BTreeMap::new();
    let mut toml = None;
    for entry in std::fs::read_dir(folder).map_err(|e| format!("{name}: {e}"))?.flatten() {
        let path = entry.path();
        if !path.is_file() {
            continue;
        }
        let file = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        match file.as_str() {
            "suite.toml" => toml = Some(text),
            _ => drop(files.insert(file, text)),
        }
    }
    let toml = toml.ok_or_else(|| format!("{name}: there is no suite.toml"))?;
    Suite::read(&toml, files).map_err(|e| format!("{name}/suite.toml: {e}"))
}

fn settings(args: &ConformArgs, suite: &Suite) -> Result<BTreeMap<String, String>, String> {
    let mut given = BTreeMap::new();
    let split = |text: &str| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("{text}: not of the form NAME=VALUE"))?;
        if suite.setting(name).is_none() {
            return Err(format!("the suite {} has no setting {name}; see --settings", suite.name));
        }
        Ok((name.to_owned(), value.to_owned()))
    };
    for text in &args.set {
        let (name, value) = split(text)?;
        given.insert(name, value);
    }
    for text in &args.set_file {
        let (name, path) = split(text)?;
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        given.insert(name, whole(&text));
    }
    Ok(given)
}

/// NDJSON as a Bundle-like list; everything else as it is.
fn whole(text: &str) -> String {
    if serde_json::from_str::<Value>(text).is_ok_and(|v| v.is_object()) {
        return text.to_owned();
    }
    let list: Vec<Value> = match serde_json::from_str::<Vec<Value>>(text) {
        Ok(list) => list,
        Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    };
    if list.is_empty() {
        return text.to_owned();
    }
    let entries: Vec<Value> = list.into_iter().map(|r| serde_json::json!({"resource": r})).collect();
    serde_json::json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string()
}

fn settings_text(suite: &Suite) -> String {
    let mut out = format!("{} ({} {})\n\n{}\n\n", suite.title, suite.name, suite.version, suite.about.trim());
    for setting in &suite.settings {
        let default = match (&setting.default, setting.secret) {
            (Some(_), true) => " [a default is set]".to_owned(),
            (Some(default), false) if !default.is_empty() => format!(" [{default}]"),
            _ => String::new(),
        };
        out.push_str(&format!("  --set {}=…  {}{default}\n", setting.name, setting.about));
    }
    out.push('\n');
    for case in &suite.cases {
        out.push_str(&format!("  {:24} {:6} {}\n", case.id, case.level.word(), case.title));
    }
    let files: Vec<&str> = suite.files.keys().map(String::as_str).collect();
    if !files.is_empty() {
        out.push_str(&format!("\n  files (--print): {}\n", files.join(", ")));
    }
    out
}
