//! `causeway init`: a first configuration that works, with an organisation, its token and mailboxes; and the words that say
//! what to do next.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use causeway_service::config::{CodeSystem, Config, DEFAULTS};
use clap::Args;
use sha2::{Digest, Sha256};

use crate::process::print;

/// The configuration's file in a data directory.
pub const CONFIG: &str = "causeway.toml";
/// The file with the organisation's token.
pub const TOKEN: &str = "token";
/// The file with an invented message.
pub const MESSAGE: &str = "first-message.hl7";
/// The exchange's own mailbox: what is sent there is translated.
const OWN_MAILBOX: &str = "CAUSEWAY";
/// Ports tried first: HTTP and MLLP.
const PORTS: (u16, u16) = (8780, 2575);
/// Bytes of a token, password or key.
const SECRET_BYTES: usize = 32;

/// Arguments of `init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Folder for the configuration and the data; made where it is not there.
    #[arg(value_name = "DIR", default_value = "causeway-data")]
    directory: PathBuf,
    /// Code of your organisation: ODS, CQC location or CASSR code.
    #[arg(long, value_name = "CODE", default_value = DEFAULT_CODE)]
    organisation: String,
    /// Its name.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    name: String,
}

const DEFAULT_CODE: &str = "ZZ901";
const DEFAULT_NAME: &str = "My organisation";

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    directory: PathBuf,
    code: String,
    listen: String,
    mllp: String,
    mailbox: String,
}

/// Runs `init`.
///
/// # Errors
/// A sentence that says what could not be made.
pub fn run(args: &InitArgs) -> Result<u8, String> {
    let made = make(&args.directory, &args.organisation, &args.name, None)?;
    print(&made.words(false));
    Ok(0)
}

/// The first configuration of `serve` in an empty folder; `listen` is that of the command line, where it says one.
///
/// # Errors
/// As [`run`].
pub fn first(directory: &Path, listen: Option<&str>) -> Result<Made, String> {
    make(directory, DEFAULT_CODE, DEFAULT_NAME, listen)
}

/// A new secret, in hexadecimal.
///
/// # Errors
/// Where the system gives no randomness.
pub fn secret() -> Result<String, String> {
    let mut bytes = [0u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| "no randomness can be had".to_owned())?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// An address of this machine at the usual port, or at a free one where that is taken.
fn address(port: u16) -> Result<String, String> {
    let bind = |port| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)));
    let listener = bind(port).or_else(|_| bind(0)).map_err(|e| format!("no port can be had: {e}"))?;
    listener.local_addr().map(|a| a.to_string()).map_err(|e| e.to_string())
}

/// Writes a new file that only its owner may read.
///
/// # Errors
/// Where it is there already or can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| format!("{}: {e}", path.display()))
}

fn make(directory: &Path, code: &str, name: &str, listen: Option<&str>) -> Result<Made, String> {
    crate::process::keep_files_private();
    let (system, code) = CodeSystem::of(code)
        .ok_or_else(|| format!("{code} is no ODS, CQC location or CASSR code; an example: {DEFAULT_CODE}"))?;
    let said = |e: std::io::Error| format!("{}: {e}", directory.display());
    std::fs::create_dir_all(directory).map_err(said)?;
    let directory = directory.canonicalize().map_err(said)?;
    for file in [CONFIG, TOKEN, MESSAGE] {
        let path = directory.join(file);
        if path.exists() {
            return Err(format!("{} is there already; nothing was changed", path.display()));
        }
    }
    let listen = listen.map_or_else(|| address(PORTS.0), |l| Ok(l.to_owned()))?;
    let mllp = address(PORTS.1)?;
    let mailbox = format!("{}OT001", code.replace('-', ""));
    let made = Made { directory, code, listen, mllp, mailbox };
    let token = secret()?;
    let text = made.configuration(system, name, &token)?;
    // What is written must start.
    Config::parse(&text).map_err(|e| e.to_string())?;
    write(&made.directory.join(TOKEN), format!("{token}\n").as_bytes())?;
    write(&made.directory.join(MESSAGE), &first_message()?)?;
    write(&made.directory.join(CONFIG), text.as_bytes())?;
    Ok(made)
}

/// An invented admission.
fn first_message() -> Result<Vec<u8>, String> {
    let (person, journey) = causeway_synth::edith();
    let all = causeway_synth::formats::messages(&person, &journey);
    all.into_iter().find(|m| m.format == "hl7v2").map(|m| m.bytes).ok_or_else(|| "no message".to_owned())
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Made {
    fn configuration(&self, system: CodeSystem, name: &str, token: &str) -> Result<String, String> {
        let data = self.directory.to_str().ok_or("the folder's name is no UTF-8")?;
        let (code, mailbox) = (&self.code, &self.mailbox);
        let system = match system {
            CodeSystem::Ods => "ods",
            CodeSystem::Cqc => "cqc",
            CodeSystem::Cassr => "cassr",
        };
        let digest = Sha256::digest(token.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let defaults = Config::default();
        let mut text = DEFAULTS
            .replacen(
                &format!("listen = \"{}\"", defaults.listen),
                &format!("listen = {}", quoted(&self.listen)),
                1,
            )
            .replacen("data_directory = \"causeway-data\"", &format!("data_directory = {}", quoted(data)), 1);
        let _ = write!(
            text,
            "
# ---- Made by `causeway init`: change it as you need ----

# The organisation that runs this exchange. It signs in with the token in the file `{TOKEN}`; only its digest is here.
[[organisation]]
code = {code}
system = \"{system}\"
name = {name}
token_sha256 = \"{digest}\"
operator = true
mailbox = \"{mailbox}\"

# HL7 v2 from its systems.
[[mllp]]
listen = \"{mllp}\"
sender = {code}

# Its mailbox, and the exchange's own: what is sent to {OWN_MAILBOX} is translated.
[mesh]
shared_key = \"{key}\"

[[mesh.mailbox]]
id = \"{mailbox}\"
password = \"{password}\"
ods_code = {code}
name = {name}

[[mesh.mailbox]]
id = \"{OWN_MAILBOX}\"
password = \"{own}\"
name = \"The exchange\"
broker = true

# What was sent with this workflow comes back translated, into the mailbox above.
[[route]]
id = \"translated-to-our-mailbox\"
when = {{ workflow = [\"TRANSLATE\"] }}
to = [{{ kind = \"mailbox\", mailbox = \"{mailbox}\" }}]
",
            code = quoted(code),
            name = quoted(name),
            mllp = self.mllp,
            key = secret()?,
            password = secret()?,
            own = secret()?,
        );
        Ok(text)
    }

    /// What was made, and what to do next; every command works as it is printed. `running`: the exchange has just been
    /// started and `address` is where.
    pub fn words(&self, running: bool) -> String {
        let (code, program) = (&self.code, program());
        let path = |name: &str| shell(&self.directory.join(name).to_string_lossy());
        let (token, message) = (path(TOKEN), path(MESSAGE));
        let data = shell(&self.directory.to_string_lossy());
        let base = format!("http://{}", self.listen);
        let server = match self.listen == Config::default().listen {
            true => String::new(),
            false => format!(" --server {base}"),
        };
        let mut out = format!(
            "Made in {data}:
  {CONFIG}      the configuration, every key with its comment
  {TOKEN}              the secret by which {code} signs in; only you can read it
  {MESSAGE}  an invented admission to try it with

"
        );
        if !running {
            let _ = write!(out, "Start the exchange:\n  {program} serve --data {data}\n\n");
        }
        let _ = write!(
            out,
            "Send the first message, from another terminal:
  curl -sS -H \"Authorization: Bearer $(cat {token})\" -H 'Content-Type: application/hl7-v2' -H 'Prefer: respond-sync' --data-binary @{message} {base}/messages

See what became of it:
  {program} messages --token-file {token}{server}
or in a browser at {base}/messages/ (user name {code}, password: what is in {token})

HL7 v2 over MLLP is taken at {mllp}, MESH at {base}/messageexchange (mailbox {mailbox}; its password and the
shared key are in {CONFIG}). When you change {CONFIG}:
  {program} serve --data {data} --check
",
            mllp = self.mllp,
            mailbox = self.mailbox,
        );
        out
    }

    /// Says where the exchange really listens, where it was to find a port of its own.
    pub fn listens_at(&mut self, address: SocketAddr) {
        self.listen = address.to_string();
    }
}

/// A word as a shell takes it.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How this program was called.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') { shell(&called) } else { "causeway".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(shell("/tmp/a-b.c"), "/tmp/a-b.c");
        assert_eq!(shell("/tmp/my data/it's"), r"'/tmp/my data/it'\''s'");
    }

    #[test]
    fn nothing_is_overwritten_and_a_wrong_code_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let made = make(folder.path(), "zz902", "Said \"so\"", Some("127.0.0.1:0")).unwrap();
        let text = std::fs::read_to_string(folder.path().join(CONFIG)).unwrap();
        let config = Config::parse(&text).unwrap();
        assert_eq!((made.code.as_str(), config.organisations[0].name.as_str()), ("ZZ902", "Said \"so\""));
        let again = make(folder.path(), "ZZ902", "x", None).unwrap_err();
        assert!(again.contains("there already"), "{again}");
        assert_eq!(std::fs::read_to_string(folder.path().join(CONFIG)).unwrap(), text);
        assert!(make(&folder.path().join("b"), "no code", "x", None).unwrap_err().contains("CQC"));
    }
}
