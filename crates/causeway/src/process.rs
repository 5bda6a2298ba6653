//! What a command needs of its process: runtime, logs, output, exit codes, a client of this machine's own servers.

use std::io::{self, Write as _};
use std::time::Duration;

/// Something was refused; the rest was done.
pub const EXIT_REFUSED: u8 = 1;
/// The call was wrong.
pub const EXIT_USAGE: u8 = 2;
/// Nothing could be read.
pub const EXIT_UNREADABLE: u8 = 3;

/// A runtime for what is asynchronous.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    // A thread for what blocks is made now and stays: where the system makes no more, work waits for this one, where it
    // would fail without any.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(THREADS_STAY)
        .build()
        .map_err(|e| e.to_string())?;
    drop(runtime.spawn_blocking(|| {}));
    Ok(runtime)
}

/// How long an idle thread stays: longer than a process runs.
const THREADS_STAY: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Tells the user something beside the output, on standard error.
pub fn note(text: &str) {
    let _ = write!(io::stderr(), "causeway: {text}");
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// A client that talks to this machine alone.
///
/// # Errors
/// Where none can be made.
pub fn client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|e| e.to_string())
}

/// Files that this process makes are its owner's alone.
pub fn keep_files_private() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Sets the one crypto provider and the logs: JSON lines on standard error.
pub fn start_process(verbose: bool) {
    start_logs(verbose, false);
}

/// The same; with lines for people where `human` says so.
pub fn start_logs(verbose: bool, human: bool) {
    // Fails only where it was set before, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    // A panic's own text may quote what it choked on.
    causeway_service::panics::tell_place_only();
    let level = if verbose { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("CAUSEWAY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match human {
        true => logs.compact().with_ansi(false).with_target(false).try_init(),
        false => logs.json().try_init(),
    };
    // Fails only where logs were started before, which is as good.
    drop(started);
}
