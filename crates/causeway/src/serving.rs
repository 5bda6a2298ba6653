//! The command `serve`: which configuration, whether it holds, and the words at start and end.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use causeway_service::check;
use causeway_service::config::{self, Config};
use causeway_service::exposure;
use causeway_service::finding::Finding;
use causeway_service::local;
use causeway_service::state::Adapters;
use clap::{Args, ValueEnum};

use crate::process::{EXIT_REFUSED, print, runtime};
use crate::remote::{self, Elsewhere};
use crate::{init, serve};

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Configuration file; without it, causeway.toml in the data directory, and where that is empty a first one is made.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// Keep messages, record and audit here.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: Option<PathBuf>,
    /// Address of the HTTP door.
    #[arg(long, value_name = "ADDRESS:PORT", env = "CAUSEWAY_LISTEN")]
    listen: Option<String>,
    /// Demonstration mode: senders name themselves and need no token. Never with real data.
    #[arg(long)]
    open: bool,
    /// Let the translator at this address do the translating (`causeway translator`).
    #[arg(long, value_name = "URL", env = "CAUSEWAY_TRANSLATOR")]
    translator: Option<String>,
    /// File with the secret that the translator asks for.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TRANSLATOR_SECRET_FILE", requires = "translator")]
    translator_secret_file: Option<PathBuf>,
    /// PEM file with the authority that signed the translator's certificate, for an https address.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TRANSLATOR_CA", requires = "translator")]
    translator_ca: Option<PathBuf>,
    /// PEM file with the certificate that the translator asks for (mutual TLS).
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TRANSLATOR_CERTIFICATE", requires = "translator_key")]
    translator_certificate: Option<PathBuf>,
    /// PEM file with its private key.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_TRANSLATOR_KEY", requires = "translator_certificate")]
    translator_key: Option<PathBuf>,
    /// Print the configuration with every key and its comment, and end.
    #[arg(long)]
    print_config: bool,
    /// Say what is wrong with the configuration, and end: 0 nothing, 1 something.
    #[arg(long)]
    check: bool,
    /// Form of the log on standard error.
    #[arg(long, value_name = "FORM", default_value = "auto", env = "CAUSEWAY_LOG_FORM")]
    log: LogForm,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// For people where standard error is a terminal, else JSON.
    #[default]
    Auto,
    /// Lines for people.
    Human,
    /// A JSON object a line.
    Json,
}

impl LogForm {
    /// Whether lines are for people.
    pub fn is_human(self) -> bool {
        match self {
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Human => true,
            Self::Json => false,
        }
    }
}

/// A configuration and where it is from.
struct Given {
    config: Config,
    /// Its file and text; `None` where there is no file.
    file: Option<(PathBuf, String)>,
    /// What was made, where this is the first start in an empty folder.
    made: Option<init::Made>,
    /// What is wrong with the local maps.
    local: Vec<Finding>,
}

/// Whether a folder is not there or has nothing in it.
fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

fn given(args: &ServeArgs) -> Result<Given, String> {
    let data = args.data.clone().unwrap_or_else(|| Config::default().data_directory);
    let mut made = None;
    let path = match &args.config {
        Some(path) => Some(path.clone()),
        None => {
            let own = data.join(init::CONFIG);
            if !args.open && !args.check && is_empty(&data) {
                made = Some(init::first(&data, args.listen.as_deref())?);
            }
            // A folder that can't be looked into is told when it is opened.
            own.try_exists().unwrap_or(false).then_some(own)
        }
    };
    let mut file = None;
    let mut config = match path {
        None => Config::default(),
        Some(path) => {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let parsed = Config::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            file = Some((path, text));
            parsed
        }
    };
    if let Some(data) = &args.data {
        config.data_directory.clone_from(data);
    }
    if let Some(listen) = &args.listen {
        config.listen.clone_from(listen);
    }
    config.open |= args.open;
    Ok(Given { config, file, made, local: Vec::new() })
}

impl Given {
    fn findings(&self, adapters: Adapters, endpoints: &[String]) -> Vec<Finding> {
        let mut all = check::findings(&self.config, adapters, endpoints);
        all.extend(check::missing_files(&self.config));
        all.extend(self.local.iter().cloned());
        all.extend(exposure::refused(&self.config, self.file.as_ref().map(|(path, _)| path.as_path())));
        all
    }

    fn words(&self, findings: &[Finding]) -> String {
        let file = self.file.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
        let lines: Vec<String> = findings.iter().map(|f| f.words(file)).collect();
        lines.join("\n")
    }
}

/// Runs `serve`.
///
/// # Errors
/// A sentence that says why it can't be served.
pub fn run(args: &ServeArgs, adapters: Adapters) -> Result<u8, String> {
    if args.print_config {
        print(config::DEFAULTS);
        return Ok(0);
    }
    crate::process::keep_files_private();
    let mut given = given(args)?;
    given.local = local::load(&mut given.config, adapters);
    if args.check {
        return Ok(checked(&given, adapters));
    }
    crate::process::start_logs(true, args.log.is_human());
    let shown = remote::Shown {
        secret: args.translator_secret_file.as_deref().map(remote::secret).transpose()?,
        authority: args.translator_ca.clone(),
        identity: args.translator_certificate.clone().zip(args.translator_key.clone()),
    };
    runtime()?.block_on(async {
        let Elsewhere { all, suspects } = match &args.translator {
            None => Elsewhere { all: adapters, suspects: remote::isolated(adapters) },
            Some(url) => {
                remote::adapters(adapters, url, &shown, &tokio::runtime::Handle::current())?
            }
        };
        let findings = |endpoints: &[String]| match given.findings(adapters, endpoints) {
            wrong if wrong.is_empty() => Ok(()),
            wrong => Err(format!("the configuration can't be served:\n{}", given.words(&wrong))),
        };
        let mut end = Box::pin(serve::asked_to_end());
        let ready = tokio::select! {
            biased;
            // A broker may wait its turn for months.
            () = &mut end => return Ok(()),
            ready = serve::prepare_checked(given.config.clone(), all, &findings) => ready?,
        };
        let ready = ready.packing(crate::evidence::archive);
        ready.state.isolate_with(suspects);
        print(&format!("listening on http://{}\n", ready.address));
        for warning in &ready.state.config.warnings {
            tracing::warn!("{warning}");
        }
        match &mut given.made {
            Some(made) => {
                made.listens_at(ready.address);
                print(&format!("\n{}", made.words(true)));
            }
            None if given.config.organisations.is_empty() && !given.config.open => print(
                "No organisation is set up, so nobody can sign in: `causeway init DIR` makes a first configuration.\n",
            ),
            None => {}
        }
        ready.run(end).await.map_err(|e| e.to_string())
    })?;
    print("stopped\n");
    Ok(0)
}

fn checked(given: &Given, adapters: Adapters) -> u8 {
    let findings = given.findings(adapters, &[]);
    let config = &given.config;
    for warning in exposure::dangers(config, given.file.as_ref().map(|(path, _)| path.as_path())) {
        print(&format!("warning: {}: {}\n", warning.place, warning.text));
    }
    if !findings.is_empty() {
        print(&format!("{}\n", given.words(&findings)));
        return EXIT_REFUSED;
    }
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let mailboxes = config.mesh.as_ref().map_or(0, |m| m.mailboxes.len());
    print(&format!(
        "good: {}, {}, {}, {}, {}\n",
        count(config.organisations.len(), "organisation"),
        if mailboxes == 1 { "1 mailbox".to_owned() } else { format!("{mailboxes} mailboxes") },
        count(config.routes.len(), "route"),
        count(config.endpoints.len(), "endpoint"),
        count(config.local_maps.len(), "local map"),
    ));
    0
}
