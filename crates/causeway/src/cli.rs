//! The command line.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use causeway_adapter::Context;
use causeway_core::{Issue, IssueCode, Severity};
use causeway_host::tls;
use causeway_service::state::Adapters;
use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::process::{EXIT_REFUSED, EXIT_UNREADABLE, EXIT_USAGE, print, runtime};
use crate::{
    ADAPTERS, against, bench, check, client, conform, demo, detect, doctor, evidence, explain, extract,
    generate, init, input, isolated, keep, migrate, notes, policy, process, rebuild, remote, retention,
    serve, serving, translate, translator,
};

/// Exchange of health and social-care records: translates what NHS and social-care systems really send into FHIR
/// R4 UK Core, accounts for every source item, and exchanges it through one broker.
#[derive(Parser, Debug)]
#[command(name = "causeway", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Translate files to FHIR R4 UK Core; say what became of every source item.
    Translate(Translate),
    /// Show a message and its FHIR side by side, item by item.
    Explain(Explain),
    /// Write a practice's answer to a message that asks whether the person is known (ITK3 business response).
    Respond(Respond),
    /// Hold FHIR documents to R4, UK Core and the packages given; say what to mend.
    Check(check::CheckArgs),
    /// Hold an endpoint, this exchange's or anybody's, to a conformance suite.
    Conform(Box<conform::ConformArgs>),
    /// Put a run's evidence into a folder to take away; verify or compare such folders.
    Evidence(evidence::EvidenceArgs),
    /// List the formats that are read and written.
    Adapters(AdaptersArgs),
    /// Tell one invented woman's autumn through the real doors, and leave pages open.
    Demo(DemoArgs),
    /// Make a first configuration: an organisation, its token and mailboxes; and say what to do next.
    Init(init::InitArgs),
    /// Run the exchange: doors, record, pages.
    Serve(serving::ServeArgs),
    /// Send a file to a running exchange and wait for its translation.
    Send(SendArgs),
    /// List the messages of a running exchange.
    Messages(MessagesArgs),
    /// Show one message of a running exchange with its whole timeline.
    Message(MessageArgs),
    /// Ask an exchange or a translator whether it is well: 0 it is, 1 it is not.
    Health(HealthArgs),
    /// Write invented people, their journeys and their messages in every format, with what is expected of each.
    Generate(GenerateArgs),
    /// Read everything that is kept and say what is not as it was written.
    Verify(keep::verify::VerifyArgs),
    /// Make the record anew from the messages.
    RebuildRecord(rebuild::RebuildArgs),
    /// Say which messages' content is due to be deleted; delete it; put holds on messages.
    Retention(retention::RetentionArgs),
    /// Erase a message that was sent by mistake, and what the record has of it.
    Erase(retention::EraseArgs),
    /// Copy messages, record and audit trail, also while the exchange runs.
    Backup(keep::backup::BackupArgs),
    /// Put a copy in place, in an empty folder.
    Restore(keep::backup::RestoreArgs),
    /// Move the exchange from its embedded engine to PostgreSQL; verified, goes on after a kill.
    Migrate(migrate::MigrateArgs),
    /// Check whether accepted means durable on this machine's disk.
    Doctor(DoctorArgs),
    /// The writer that `doctor` kills.
    #[command(hide = true)]
    DoctorWriter(DoctorWriterArgs),
    /// Measure translation, durable accept and the whole path on this machine.
    Bench(BenchArgs),
    /// Check, explain and compare policy sets of the access decision.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Make an extract for research or planning: an approved project, everybody's choices, de-identified.
    Extract(Box<extract::ExtractArgs>),
    /// Run the adapters as a service of their own, for `serve --translator`.
    Translator(TranslatorArgs),
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// End when the story is told.
    #[arg(long)]
    no_pages: bool,
    /// Print a summary that a script can read, and end.
    #[arg(long)]
    json: bool,
    /// Keep the data here; otherwise it goes away with the process.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the pages.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

/// Arguments of `translate`.
#[derive(Args, Debug)]
#[command(
    after_help = "For an input STEM.xxx it writes STEM.r4.json (or STEM.1.r4.json, STEM.2.r4.json … where one input \
gives several bundles), STEM.ledger.json, STEM.issues.json and STEM.ack.xxx where the format has an acknowledgement; with --to, STEM.to-NAME and \
STEM.to-NAME.left-behind.json for each bundle. \
Inputs of one STEM keep their ending, or their folder, in the name, and the summary says so.\n\n\
Exit: 0 all translated, 1 something was rejected (the rest is written), 2 wrong call, 3 nothing could be read."
)]
pub struct Translate {
    /// Files, or folders with files in them.
    #[arg(required = true, value_name = "FILE-OR-FOLDER")]
    paths: Vec<PathBuf>,
    /// Write the results here; without it a summary is printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: How,
    /// Record in the ledger which FHIR paths each item went to.
    #[arg(long)]
    explain: bool,
    /// Write each bundle in this format too (see `causeway adapters`), with the list of what it has no place for.
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
}

/// How to translate.
#[derive(Args, Debug)]
pub struct How {
    /// The format, by its name in `causeway adapters`; detected where not given.
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// Who sent it: an ODS, CQC location or CASSR code, or SYSTEM|CODE.
    #[arg(long, value_name = "CODE")]
    sender: Option<String>,
    /// Switch on an adapter's option (see its README), as often as needed.
    #[arg(long = "option", value_name = "NAME")]
    options: Vec<String>,
    /// A local map: what codes, Z-segments and extra columns of the sender mean (docs/guides/local-maps.md), as often as needed.
    #[arg(long = "map", value_name = "FILE")]
    maps: Vec<PathBuf>,
}

impl How {
    /// The local maps, read and judged.
    ///
    /// # Errors
    /// What is wrong with them, a line each.
    fn local(&self) -> Result<Option<causeway_adapter::local::Local>, String> {
        let lines = |faults: Vec<(usize, causeway_local::Fault)>| {
            faults.iter().map(|(_, fault)| fault.to_string()).collect::<Vec<_>>().join("\n")
        };
        let maps = causeway_service::local::read(&self.maps).map_err(lines)?;
        let sender = input::sender(self.sender.as_deref()).code;
        for map in maps.maps() {
            if !map.senders().iter().any(|code| code.eq_ignore_ascii_case(&sender)) {
                let senders = map.senders().join(", ");
                print(&format!("{} is for {senders}, not for {sender} (--sender)\n", map.label()));
            }
        }
        Ok(maps.shared())
    }
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// The message.
    #[arg(value_name = "FILE")]
    path: PathBuf,
    #[command(flatten)]
    how: How,
    /// Print the FHIR bundles too.
    #[arg(long)]
    bundles: bool,
}

/// Arguments of `respond`.
#[derive(Args, Debug)]
#[command(after_help = "The answer is printed; it goes back by the way that the message came.\n\n\
Exit: 0 written; 2 wrong call, or a message that can't be read or asks for none.")]
pub struct Respond {
    /// The message: ITK3, in XML or JSON.
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// 30001 the person is known, 30002 not known, 30003 no longer registered, 30004 known and recently deceased.
    #[arg(long, value_name = "CODE")]
    code: String,
    /// The practice that answers: its ODS code.
    #[arg(long, value_name = "CODE")]
    from: String,
}

/// Arguments of `adapters`.
#[derive(Args, Debug)]
pub struct AdaptersArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Which exchange, and who asks.
#[derive(Args, Debug)]
pub struct Where {
    /// Address of the exchange.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8780", env = "CAUSEWAY_SERVER")]
    server: String,
    /// Code of the organisation that asks.
    #[arg(long, value_name = "CODE", env = "CAUSEWAY_SENDER")]
    sender: Option<String>,
    /// Its bearer token.
    #[arg(long, value_name = "TOKEN", env = "CAUSEWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File with its bearer token.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TOKEN_FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
}

/// Arguments of `send`.
#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct SendArgs {
    #[command(subcommand)]
    what: Option<SendWhat>,
    /// The message.
    #[arg(value_name = "FILE", required = true)]
    path: Option<PathBuf>,
    #[command(flatten)]
    exchange: Where,
    /// Media type; that of the format detected unless given.
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// Key under which a retry gets the first answer again.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// What else may be sent.
#[derive(Subcommand, Debug)]
pub enum SendWhat {
    /// Write a care note and send it as a care provider's record.
    CareNote(Box<CareNoteArgs>),
    /// Send care notes from a table (CSV), a row each.
    CareNotes(Box<CareNotesArgs>),
}

/// Arguments of `send care-note`.
#[derive(Args, Debug)]
pub struct CareNoteArgs {
    #[command(flatten)]
    note: notes::NoteArgs,
    #[command(flatten)]
    exchange: Where,
}

/// Arguments of `send care-notes`.
#[derive(Args, Debug)]
pub struct CareNotesArgs {
    #[command(flatten)]
    notes: notes::NotesArgs,
    #[command(flatten)]
    exchange: Where,
}

/// Arguments of `messages`.
#[derive(Args, Debug)]
pub struct MessagesArgs {
    #[command(flatten)]
    exchange: Where,
    /// What failed, why, and what to do.
    #[arg(long, conflicts_with_all = ["state", "of", "number", "person", "since", "until"])]
    failed: bool,
    /// Only those in this state.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this sender.
    #[arg(long, value_name = "CODE")]
    of: Option<String>,
    /// Only those with this number: control id, interchange number, or the sender's own id.
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Only those about the person with this NHS number.
    #[arg(long, value_name = "NHS-NUMBER", conflicts_with_all = ["state", "of", "number", "since", "until"])]
    person: Option<String>,
    /// Only those received on this day or later.
    #[arg(long, value_name = "2026-11-28")]
    since: Option<String>,
    /// Only those received on this day or earlier.
    #[arg(long, value_name = "2026-11-28")]
    until: Option<String>,
    /// At most so many (25, up to 500).
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `message`.
#[derive(Args, Debug)]
pub struct MessageArgs {
    /// Its id.
    id: String,
    #[command(flatten)]
    exchange: Where,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `health`.
#[derive(Args, Debug)]
pub struct HealthArgs {
    /// Its address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8780", env = "CAUSEWAY_SERVER")]
    server: String,
}

/// Arguments of `generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// Invented people.
    #[arg(long, default_value_t = 100)]
    people: usize,
    /// Seed: the same seed writes the same files.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Folder whose disk is checked.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// Rounds of killing a writer without warning.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Rounds of cutting the power of a disk in a file (needs root); 0 leaves it out.
    #[arg(long, default_value_t = 3)]
    cuts: u32,
}

/// Arguments of the hidden writer.
#[derive(Args, Debug)]
pub struct DoctorWriterArgs {
    directory: PathBuf,
    round: u32,
    #[arg(long)]
    no_flush: bool,
}

/// Arguments of `bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Messages sent per number of connections.
    #[arg(long, default_value_t = 2000)]
    messages: usize,
    /// Invented people behind the translation figures.
    #[arg(long, default_value_t = 200)]
    people: usize,
    /// Seconds of each figure of the table of durable accepts; 0 leaves it out.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Send the people's FHIR to this FHIR R4 server instead (ours or anybody's), then read their whole records.
    #[arg(long, value_name = "URL")]
    against: Option<String>,
    /// With `--against`: a header of each request, such as 'Authorization: Bearer …'.
    #[arg(long, value_name = "'NAME: VALUE'", requires = "against")]
    header: Vec<String>,
    /// With `--against`: requests side by side.
    #[arg(long, default_value_t = 8, requires = "against")]
    connections: usize,
}

/// Arguments of `translator`.
#[derive(Args, Debug)]
pub struct TranslatorArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8790", env = "CAUSEWAY_LISTEN")]
    listen: String,
    /// File with a secret that the broker must show (`serve --translator-secret-file`); made where it is not there.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TRANSLATOR_SECRET_FILE")]
    secret_file: Option<PathBuf>,
    /// PEM file with the certificate that the broker is shown: then TLS is spoken.
    #[arg(long, value_name = "FILE", requires = "key", env = "CAUSEWAY_TRANSLATOR_CERTIFICATE")]
    certificate: Option<PathBuf>,
    /// PEM file with its private key.
    #[arg(long, value_name = "FILE", requires = "certificate", env = "CAUSEWAY_TRANSLATOR_KEY")]
    key: Option<PathBuf>,
    /// PEM file with the authority whose certificate the broker must show (mutual TLS).
    #[arg(long, value_name = "FILE", requires = "certificate", env = "CAUSEWAY_TRANSLATOR_CLIENT_CA")]
    client_ca: Option<PathBuf>,
    /// Listen on an address that other machines reach without asking for a secret or a certificate.
    #[arg(long)]
    without_secret: bool,
    /// Read one request from standard input, answer on standard output, and end (the broker does this by itself, for a
    /// message that may have killed its process).
    #[arg(long)]
    once: bool,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    main_with(ADAPTERS)
}

/// Runs the command line; `serve` and `translator` with these adapters.
pub fn main_with(adapters: Adapters) -> ExitCode {
    match run(Cli::parse().command, adapters) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "causeway: {message}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn run(command: Command, adapters: Adapters) -> Result<u8, String> {
    match command {
        Command::Translate(args) => run_translate(&args),
        Command::Explain(args) => run_explain(&args),
        Command::Respond(args) => run_respond(&args),
        Command::Check(args) => check::run(&args),
        Command::Conform(args) => conform::run(&args),
        Command::Evidence(args) => evidence::run(args, runtime),
        Command::Adapters(args) => {
            print(&adapters_text(args.json));
            Ok(0)
        }
        Command::Demo(args) => {
            let options = demo::Options {
                no_pages: args.no_pages,
                json: args.json,
                data: args.data,
                listen: args.listen,
                pack: Some(evidence::archive),
            };
            process::start_process(false);
            runtime()?.block_on(demo::run(options)).map(|complete| if complete { 0 } else { EXIT_REFUSED })
        }
        Command::Serve(args) => serving::run(&args, adapters),
        Command::Init(args) => init::run(&args),
        Command::Send(args) => run_send(&args),
        Command::Messages(args) => {
            let listing = exchange(&args.exchange)?;
            let wanted = client::Wanted {
                state: args.state,
                sender: args.of,
                number: args.number,
                person: args.person,
                since: args.since,
                until: args.until,
                limit: args.limit,
            };
            print(&client_runtime()?.block_on(async {
                match args.failed {
                    true => listing.failed(args.limit, args.json).await,
                    false => listing.messages(&wanted, args.json).await,
                }
            })?);
            Ok(0)
        }
        Command::Message(args) => {
            print(&client_runtime()?.block_on(exchange(&args.exchange)?.message(&args.id, args.json))?);
            Ok(0)
        }
        Command::Health(args) => {
            let (good, text) = client_runtime()?.block_on(client::health(&args.server))?;
            print(&text);
            Ok(if good { 0 } else { EXIT_REFUSED })
        }
        Command::Generate(args) => {
            let count = generate::run(args.people, args.seed, &args.out)?;
            print(&format!("{count} messages about {} people in {}\n", args.people, args.out.display()));
            Ok(0)
        }
        Command::Verify(args) => keep::verify::run(&args),
        Command::RebuildRecord(args) => {
            process::start_process(false);
            rebuild::run(&args, adapters)
        }
        Command::Retention(args) => {
            process::start_process(false);
            retention::run(&args, adapters, runtime)
        }
        Command::Erase(args) => {
            process::start_process(false);
            retention::erase(&args, adapters)
        }
        Command::Backup(args) => keep::backup::run(&args),
        Command::Restore(args) => keep::backup::restore(&args),
        Command::Migrate(args) => {
            process::start_process(false);
            migrate::run(&args)
        }
        Command::Doctor(args) => {
            let checks = doctor::Checks { folder: args.data, kills: args.kills, cuts: args.cuts };
            doctor::run(&checks).map(|good| if good { 0 } else { EXIT_REFUSED })
        }
        Command::DoctorWriter(args) => {
            doctor::writer(&args.directory, args.round, !args.no_flush).map(|()| 0)
        }
        Command::Bench(args) => {
            process::start_process(false);
            if let Some(base) = args.against {
                let (people, connections) = (args.people, args.connections);
                let target = against::Target { base, headers: args.header, people, connections };
                runtime()?.block_on(against::run(target))?;
                return Ok(0);
            }
            let options =
                bench::Options { messages: args.messages, people: args.people, seconds: args.seconds };
            runtime()?.block_on(bench::run(options))?;
            Ok(0)
        }
        Command::Policy(command) => policy::run(&command),
        Command::Extract(args) => extract::run(&args),
        Command::Translator(args) => {
            if args.once {
                return isolated::once(adapters).map(|()| 0);
            }
            process::keep_files_private();
            process::start_process(true);
            let secret = args.secret_file.as_deref().map(remote::secret_made).transpose()?;
            if secret.is_none()
                && args.client_ca.is_none()
                && !args.without_secret
                && !causeway_service::exposure::is_loopback(&args.listen)
            {
                return Err(format!(
                    "{} is reached from other machines: give --secret-file FILE or --client-ca FILE, or --without-secret if that is meant",
                    args.listen
                ));
            }
            let tls = args.certificate.zip(args.key).map(|(certificate, key)| tls::Settings {
                certificate,
                key,
                client_ca: args.client_ca,
                // Who only asks whether it is well shows none: `translate` is what needs it.
                client_required: false,
                mllp: false,
            });
            let asked = translator::Asked { secret, tls };
            let serving = translator::run(adapters, &args.listen, asked, serve::asked_to_end());
            runtime()?.block_on(serving).map_err(|e| format!("{}: {e}", args.listen))?;
            Ok(0)
        }
    }
}

fn client_runtime() -> Result<tokio::runtime::Runtime, String> {
    process::start_process(false);
    runtime()
}

fn exchange(at: &Where) -> Result<client::Exchange, String> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok::<_, String>(text.trim().to_owned())
    };
    let token = at.token_file.as_ref().map(read).transpose()?.or_else(|| at.token.clone());
    Ok(client::Exchange { server: at.server.clone(), sender: at.sender.clone(), token })
}

fn run_send(args: &SendArgs) -> Result<u8, String> {
    let sent = match &args.what {
        None => return run_send_file(args),
        Some(SendWhat::CareNote(args)) => {
            client_runtime()?.block_on(notes::send_one(&args.note, &exchange(&args.exchange)?))
        }
        Some(SendWhat::CareNotes(args)) => {
            client_runtime()?.block_on(notes::send_table(&args.notes, &exchange(&args.exchange)?))
        }
    };
    let (text, good) = sent?;
    print(&text);
    Ok(if good { 0 } else { EXIT_REFUSED })
}

fn run_send_file(args: &SendArgs) -> Result<u8, String> {
    let path = args.path.as_ref().ok_or("which file?")?;
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let detected = detect::choose(ADAPTERS, None, &bytes)
        .ok()
        .and_then(|(a, _)| a.format().media_types.first().copied());
    let media_type = args.media_type.as_deref().or(detected).unwrap_or("application/octet-stream");
    let sending = exchange(&args.exchange)?;
    let (text, good) = client_runtime()?.block_on(sending.send(path, media_type, args.key.as_deref()))?;
    print(&text);
    Ok(if good { 0 } else { EXIT_REFUSED })
}

fn run_translate(args: &Translate) -> Result<u8, String> {
    let inputs = input::find(&args.paths)?;
    if inputs.is_empty() {
        return Err("no files there".to_owned());
    }
    let to = args.to.as_deref().map(translate::writer).transpose()?;
    let local = args.how.local()?;
    let mut run = Run {
        args,
        to,
        local,
        parts: translate::Parts::default(),
        named: HashSet::new(),
        read: 0,
        refused: 0,
    };
    for one in &inputs {
        let bytes = std::fs::read(&one.path).map_err(|e| format!("{}: {e}", one.path.display()))?;
        match detect::choose(ADAPTERS, args.how.format.as_deref(), &bytes) {
            Ok((adapter, version)) => {
                if run.parts.keep(adapter, &bytes, &one.stem, &one.path) {
                    continue;
                }
                run.translate(adapter, version, &bytes, one)?;
            }
            Err(found @ detect::NotFound::Name(_)) => return Err(found.to_string()),
            Err(found) => run.unrecognised(&found, &bytes, one)?,
        }
    }
    run.join()?;
    Ok(match (run.read, run.refused) {
        (0, _) => EXIT_UNREADABLE,
        (_, 0) => 0,
        _ => EXIT_REFUSED,
    })
}

struct Run<'a> {
    args: &'a Translate,
    /// The format that each bundle is written in too.
    to: Option<&'static dyn causeway_adapter::Adapter>,
    /// The site's own tables.
    local: Option<causeway_adapter::local::Local>,
    parts: translate::Parts,
    /// Where outputs of this run have gone.
    named: HashSet<PathBuf>,
    read: usize,
    refused: usize,
}

impl Run<'_> {
    /// Where the outputs of an input go: never where those of another have gone, even if nothing in their paths tells
    /// the two apart.
    fn base(&mut self, one: &input::Input) -> Option<PathBuf> {
        let wanted = self.args.out.as_ref()?.join(&one.stem);
        let mut base = wanted.clone();
        let mut number = 1;
        while !self.named.insert(base.clone()) {
            number += 1;
            let mut name = wanted.file_name().unwrap_or_default().to_os_string();
            name.push(format!("-{number}"));
            base = wanted.with_file_name(name);
        }
        Some(base)
    }

    fn translate(
        &mut self,
        adapter: &'static dyn causeway_adapter::Adapter,
        version: String,
        bytes: &[u8],
        one: &input::Input,
    ) -> Result<(), String> {
        let mut context = input::context(&one.path, bytes, input::sender(self.args.how.sender.as_deref()));
        context.explain = self.args.explain;
        context.options.clone_from(&self.args.how.options);
        context.local.clone_from(&self.local);
        let base = self.base(one);
        let report = translate::one(adapter, version, bytes, &context, base.as_deref(), self.to)
            .map_err(|e| format!("{}: {e}", one.path.display()))?;
        self.count(&report, one, base.as_deref());
        Ok(())
    }

    fn unrecognised(
        &mut self,
        why: &detect::NotFound,
        bytes: &[u8],
        one: &input::Input,
    ) -> Result<(), String> {
        let text = match why {
            detect::NotFound::Unrecognised => causeway_adapter::wrapped::why(bytes).map(str::to_owned),
            _ => None,
        };
        let text = text.unwrap_or_else(|| why.to_string());
        let issue = Issue::new(Severity::Fatal, IssueCode::NotSupported, "format-not-recognised", text);
        let base = self.base(one);
        let report = translate::unrecognised(bytes, base.as_deref(), issue)
            .map_err(|e| format!("{}: {e}", one.path.display()))?;
        self.count(&report, one, base.as_deref());
        Ok(())
    }

    fn count(&mut self, report: &translate::Report, one: &input::Input, base: Option<&Path>) {
        self.read += usize::from(!report.unreadable);
        self.refused += usize::from(report.rejected());
        print(&translate::summary(&one.path.display().to_string(), report));
        if let (Some(base), Some(out)) = (base, &self.args.out)
            && let Ok(name) = base.strip_prefix(out)
            && (one.apart || name != one.stem)
        {
            print(&format!("  written as {}\n", name.display()));
        }
    }

    fn join(&mut self) -> Result<(), String> {
        for (name, joined) in std::mem::take(&mut self.parts).join(ADAPTERS) {
            match joined {
                Ok((bytes, stem, path)) => {
                    let one = input::Input { path, stem, apart: false };
                    if let Ok((adapter, version)) = detect::choose(ADAPTERS, Some(&name), &bytes) {
                        self.translate(adapter, version, &bytes, &one)?;
                    }
                }
                Err(missing) => {
                    self.refused += 1;
                    print(&format!(
                        "{name}: a message of several parts waits for {} more\n",
                        missing.len().max(1)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn run_explain(args: &Explain) -> Result<u8, String> {
    let bytes = std::fs::read(&args.path).map_err(|e| format!("{}: {e}", args.path.display()))?;
    let (adapter, version) =
        detect::choose(ADAPTERS, args.how.format.as_deref(), &bytes).map_err(|why| why.to_string())?;
    let mut context = input::context(&args.path, &bytes, input::sender(args.how.sender.as_deref()));
    context.explain = true;
    context.options.clone_from(&args.how.options);
    context.local = args.how.local()?;
    let translation = causeway_adapter::translate(adapter, &bytes, &context);
    print(&format!("{} {version}\n\n", adapter.format().title));
    print(&explain::text(&explain::lines(&bytes, &translation)));
    let mut issues = translation.issues.clone();
    let room = crate::checked::room(bytes.len());
    issues.extend(translation.outputs.iter().flat_map(|output| crate::checked::issues(&output.json, room)));
    for issue in &issues {
        let at = issue.position.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
        print(&format!("{} [{}]{at}: {}\n", issue.severity.code(), issue.rule, issue.text));
    }
    if args.bundles {
        print(&explain::bundles(&translation));
    }
    let broken = issues.len() > translation.issues.len();
    Ok(match (translation.unreadable, translation.rejected() || broken) {
        (true, _) => EXIT_UNREADABLE,
        (_, true) => EXIT_REFUSED,
        _ => 0,
    })
}

fn run_respond(args: &Respond) -> Result<u8, String> {
    let bytes = std::fs::read(&args.path).map_err(|e| format!("{}: {e}", args.path.display()))?;
    let practice = input::sender(Some(&args.from));
    let context = Context::new(practice, jiff::Timestamp::now(), input::original_name(&bytes));
    match causeway_adapter_transfer_of_care::respond(&bytes, &args.code, &context) {
        Ok(answer) => {
            print(&String::from_utf8_lossy(&answer.bytes));
            Ok(0)
        }
        Err(issue) => Err(format!("{} [{}]", issue.text, issue.rule)),
    }
}

fn adapters_text(as_json: bool) -> String {
    if as_json {
        let list: Vec<_> = ADAPTERS
            .iter()
            .map(|a| {
                json!({"name": a.name(), "title": a.format().title, "sector": a.format().sector.words(), "summary": a.format().summary,
                    "versions": a.format().versions, "mediaTypes": a.format().media_types, "encodes": a.encodes(), "writtenAs": a.written().0,
                    "maps": a.maps().iter().map(|m| m.name).collect::<Vec<_>>()})
            })
            .collect();
        return format!("{}\n", serde_json::to_string_pretty(&list).unwrap_or_default());
    }
    let mut out = String::new();
    let mut sector = None;
    for a in ADAPTERS {
        if sector != Some(a.format().sector) {
            out.push_str(&format!("{}\n", a.format().sector.words()));
            sector = Some(a.format().sector);
        }
        let ways = causeway_adapter::ways(*a);
        out.push_str(&format!(
            "  {:24} {} ({ways} {})\n",
            a.name(),
            a.format().title,
            a.format().versions.join(", ")
        ));
        out.push_str(&format!("  {:24} {}\n", "", a.format().summary));
    }
    out
}
