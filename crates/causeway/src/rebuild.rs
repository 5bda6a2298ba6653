//! `causeway rebuild-record`: the record made anew from the messages that the exchange keeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_broker::evidence;
use causeway_broker::pipeline::follow;
use causeway_exchange::{NewAudit, Recorded};
use causeway_record::Record;
use causeway_service::config::Config;
use causeway_service::state::Adapters;
use clap::Args;

use crate::catch_up::{Stopped, settle, tells_erased};
use crate::keep::exchange::{Exchange, configured};
use crate::keep::{RECORD, files_of, remove, said};
use crate::opening::{Opened, open_with};
use crate::process::{EXIT_REFUSED, print};

/// Who has it made, in the audit trail.
const ACTOR: &str = "operator";
/// File of the new record until it has all; then it takes the place of the other.
const NEW: &str = "record.sqlite.new";
/// File of the record that was there.
const BEFORE: &str = "record.sqlite.before";

/// Arguments of `rebuild-record`.
#[derive(Args, Debug)]
#[command(
    after_help = "Takes the translations of all messages that were in the record into a new one, in the order in which they were \
taken in; nothing is ordered or delivered again. It takes the place of the file that is there when it has them all, and that one \
is kept beside it as record.sqlite.before. The exchange must not be running. A run that was killed has changed nothing; with --go-on \
the next one keeps what it had made.\n\n\
What people decided about who is who is kept with the exchange and carried over; the decisions of the old file are listed where it \
can still be read, for those of before the exchange kept them.\n\n\
Exit: 0 made, 1 made but not all could be taken in, 2 wrong call."
)]
pub struct RebuildArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The exchange's configuration: names of organisations come from it.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// Make it also where messages have no content any more (retention, erasure): what they told is not in the new record.
    #[arg(long)]
    without_them: bool,
    /// Go on with the new record that a killed run has begun.
    #[arg(long)]
    go_on: bool,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(args: &RebuildArgs, adapters: Adapters) -> Result<u8, String> {
    let data = &args.data;
    let mut config = configured(data, args.config.as_deref())?;
    config.data_directory.clone_from(data);
    let exchange = Exchange::of(data, &config)?;
    let recorded =
        exchange.read().and_then(|reader| reader.recorded()).map_err(|e| exchange.failed(data, &e))?;
    may_lose(&recorded, args.without_them)?;
    make(config, adapters, Old::Keep { go_on: args.go_on })
}

/// What becomes of the record that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// It is kept beside the new one.
    Keep {
        /// What a killed run has made of the new one stays.
        go_on: bool,
    },
    /// It is deleted first, with what was kept of it before: something in it must not stay.
    Delete,
}

/// Whether a new record would lack what messages told that have no content any more: an error that says so, unless they
/// may be left out. Those that were erased are meant to be left out.
pub(crate) fn may_lose(recorded: &[Recorded], without_them: bool) -> Result<(), String> {
    let gone = recorded.iter().filter(|m| !m.present && !m.erased).count();
    if gone == 0 || without_them {
        return Ok(());
    }
    Err(format!(
        "{gone} messages that are in the record have no content any more, and a new record would not have what they told: put \
         a backup in place (causeway restore), or go on with --without-them"
    ))
}

/// Makes the record anew.
pub(crate) fn make(config: Config, adapters: Adapters, old: Old) -> Result<u8, String> {
    let data = &config.data_directory.clone();
    let exchange = Exchange::of(data, &config)?;
    let failed = |e| exchange.failed(data, &e);
    // Held by another process, the exchange must not lose its record from under it.
    exchange.idle().map_err(failed)?;
    let (path, new, before) = (data.join(RECORD), data.join(NEW), data.join(BEFORE));
    if path.exists() {
        decisions(&path);
    }
    if old != (Old::Keep { go_on: true }) {
        remove_all(&new)?;
    }
    if old == Old::Delete {
        remove_all(&path)?;
        remove_all(&before)?;
    }
    let record = Arc::new(Record::open(&new).map_err(|e| said(data, &e))?);
    let Opened { state, record, .. } = open_with(config, adapters, record)?;
    // Asked for now that nobody else writes.
    let recorded = exchange.read().and_then(|reader| reader.recorded()).map_err(failed)?;
    if tells_erased(&record, &recorded).map_err(|e| said(data, &e))? {
        return Err(format!(
            "{NEW} tells what was erased since it was begun: make it from the beginning (without --go-on)"
        ));
    }
    let told = record.messages().map_err(|e| said(data, &e))?;
    let told: BTreeSet<&str> = told.iter().map(|one| one.message.as_str()).collect();
    let gone = recorded.iter().filter(|m| !m.present).count();
    let wanted: Vec<Recorded> = recorded
        .into_iter()
        // What is to be done on the record yet is done when the exchange runs.
        .filter(|m| m.present && !m.pending && !told.contains(m.id.as_str()))
        .collect();
    let entry = NewAudit {
        actor: ACTOR.to_owned(),
        action: "record-rebuilt".to_owned(),
        entity: "record".to_owned(),
        detail: format!("{} messages", wanted.len()),
    };
    state.engine.audit(vec![entry], state.clock.now()).map_err(failed)?;
    let taken = follow::take_in(&state, &wanted, &|ids| follow::kept(&state, ids), &|_| ())
        .map_err(|e| Stopped::from(e).words())?;
    let (decided, undecided) = settle(&state, &record)?;
    // Both are closed before the file goes where it belongs.
    drop((state, record));
    if path.exists() {
        move_all(&path, &before)?;
    }
    move_all(&new, &path)?;
    evidence::forget_record(data).map_err(|e| said(data, &e))?;
    print(&format!("{} messages taken into a new record", taken.applied));
    if !told.is_empty() {
        print(&format!("; {} were in it from an earlier run", told.len()));
    }
    if decided > 0 {
        print(&format!("; {decided} decisions about identity carried over"));
    }
    if undecided > 0 {
        print(&format!("; {undecided} are about Patients that it does not have"));
    }
    if gone > 0 {
        print(&format!("; {gone} have no content any more (retention, erasure) and are not in it"));
    }
    if taken.refused > 0 {
        print(&format!("; {} could not be taken in: causeway verify names them", taken.refused));
    }
    print("\n");
    Ok(if taken.refused == 0 { 0 } else { EXIT_REFUSED })
}

fn remove_all(database: &Path) -> Result<(), String> {
    files_of(database).iter().try_for_each(|file| remove(file))
}

/// Puts the files of a database in the place of another's.
fn move_all(from: &Path, to: &Path) -> Result<(), String> {
    for (from, to) in files_of(from).iter().zip(files_of(to)) {
        remove(&to)?;
        if from.exists() {
            fs::rename(from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
        }
    }
    Ok(())
}

/// Deletes a record that tells what must not stay, for a new one to be made of what the exchange keeps.
///
/// # Errors
/// A file can't be deleted.
pub(crate) fn delete(data: &Path) -> Result<(), String> {
    remove_all(&data.join(RECORD))?;
    evidence::forget_record(data).map_err(|e| said(data, &e))
}

/// Lists what people decided in a record.
fn decisions(path: &Path) {
    let list = causeway_record::decisions_of_people(path).unwrap_or_else(|error| {
        print(&format!("What people decided in the old record can't be read ({error}): they decide again what they remember.\n"));
        Vec::new()
    });
    if !list.is_empty() {
        print(
            "Decided by people (what is not carried over, as the exchange kept none of it then, is to be decided again):\n",
        );
    }
    for line in list {
        print(&format!("  {line}\n"));
    }
}
