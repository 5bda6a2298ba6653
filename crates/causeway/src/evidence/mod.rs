//! `causeway evidence`: what an assessor takes away from a run, verified on any machine without a network.

mod collect;
pub mod manifest;
mod papers;

use std::path::{Path, PathBuf};

use causeway_exchange::Engine;
use causeway_service::pages::results;
use clap::{Args, Subcommand};

use crate::demo;
use crate::process::{EXIT_REFUSED, print};

/// Arguments of `evidence`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Two packs of one data directory are the same to the byte. A pack of a run with failures is made all the same and \
says so on its first page.\n\nExit: 0 all went well, 1 the run had failures (evidence), the pack was changed (verify), the packs differ \
(diff), 2 wrong call."
)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// Folder to write the pack to: empty, or not there yet.
    #[arg(long, value_name = "FOLDER", required = true)]
    out: Option<PathBuf>,
    /// Data directory of an exchange that is not running now; without it the demonstration is run first.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Results of tests to put in: JUnit, FHIR TestReport or what the test programs print, as often as needed.
    #[arg(long, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// Ed25519 private key to sign with (PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` makes it).
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What to do with packs.
#[derive(Subcommand, Debug)]
enum What {
    /// Hold a pack to its manifest, its audit chain to itself, its signature to a key. No network.
    Verify {
        /// The pack.
        folder: PathBuf,
        /// Ed25519 public key that must have signed it (PEM, as `openssl pkey -pubout` writes it).
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Say which files of two packs differ.
    Diff {
        /// The older pack.
        old: PathBuf,
        /// The newer pack.
        new: PathBuf,
    },
}

/// The pack of a running exchange as one archive, with the results of tests that its operator put there.
///
/// # Errors
/// A sentence that says what could not be read.
pub fn archive(engine: &dyn Engine, data: &Path) -> Result<Vec<u8>, String> {
    let folder = data.join(results::FOLDER);
    let mut given: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    given.sort();
    let collected = collect::gather(engine, data, &given)?;
    manifest::archive(&collected.files, collected.failures.is_empty())
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(
    args: EvidenceArgs,
    runtime: impl FnOnce() -> Result<tokio::runtime::Runtime, String>,
) -> Result<u8, String> {
    match args.what {
        Some(What::Verify { folder, key }) => {
            let verified = manifest::verify(&folder, key.as_deref())?;
            verified.notes.iter().for_each(|note| print(&format!("{note}\n")));
            verified.faults.iter().for_each(|fault| print(&format!("CHANGED  {fault}\n")));
            let good = verified.faults.is_empty();
            print(if good { "The pack is as it was made.\n" } else { "The pack is not as it was made.\n" });
            Ok(if good { 0 } else { EXIT_REFUSED })
        }
        Some(What::Diff { old, new }) => {
            let lines = manifest::diff(&old, &new)?;
            lines.iter().for_each(|line| print(&format!("{line}\n")));
            Ok(if lines.is_empty() { 0 } else { EXIT_REFUSED })
        }
        None => {
            let out = args.out.ok_or("say where to write the pack: --out FOLDER")?;
            let told = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
            let data = match args.data {
                Some(data) => data,
                None => {
                    let data = told.path().join("demo");
                    let options = demo::Options {
                        no_pages: true,
                        json: false,
                        data: Some(data.clone()),
                        listen: Some("127.0.0.1:0".to_owned()),
                        pack: None,
                    };
                    crate::process::start_process(false);
                    runtime()?.block_on(demo::run(options))?;
                    data
                }
            };
            let collected = collect::collect(&data, &args.results)?;
            let good = collected.failures.is_empty();
            let root = manifest::write(&out, &collected.files, good, args.key.as_deref())?;
            let verdict = match collected.failures.len() {
                0 => "no failures".to_owned(),
                1 => "1 failure, on its first page".to_owned(),
                n => format!("{n} failures, on its first page"),
            };
            print(&format!(
                "Evidence in {}: {} files, {verdict}.\nManifest: {root}\nVerify: causeway evidence verify {}\n",
                out.display(),
                collected.files.len(),
                out.display()
            ));
            Ok(if good { 0 } else { EXIT_REFUSED })
        }
    }
}
