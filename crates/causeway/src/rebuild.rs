//! `causeway rebuild-record`: the record made anew from the messages that the exchange keeps.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_broker::evidence;
use causeway_broker::pipeline::{self, RECORD_PIECES};
use causeway_exchange::limits::MAX_SEARCH_PAGE;
use causeway_exchange::{
    EngineError, MessageId, NewAudit, NewWork, Recorded, WorkKind, WorkQuery, WorkState,
};
use causeway_service::config::Config;
use causeway_service::state::{Adapters, Shared};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::catch_up::settle;
use crate::keep::exchange::{Exchange, configured};
use crate::keep::{RECORD, files_of, remove, said};
use crate::opening::{Opened, open_both};
use crate::process::{EXIT_REFUSED, print};

/// Who orders the work, on each message's timeline.
const ACTOR: &str = "operator";
/// Why, there.
const REASON: &str = "the record is made anew";
/// Pause between two looks at what is left.
const LOOK: Duration = Duration::from_millis(50);

/// Arguments of `rebuild-record`.
#[derive(Args, Debug)]
#[command(
    after_help = "Takes the translations of all messages that were in the record into a new one, in the order in which they were \
taken in. The file that was there is kept beside it as record.sqlite.before. The exchange must not be running. A run that was \
killed goes on when the exchange, or this command with --go-on, is started again.\n\n\
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
    /// Order nothing anew; do what an earlier run has left.
    #[arg(long)]
    go_on: bool,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(
    args: &RebuildArgs,
    adapters: Adapters,
    runtime: fn() -> Result<tokio::runtime::Runtime, String>,
) -> Result<u8, String> {
    let data = &args.data;
    let mut config = configured(data, args.config.as_deref())?;
    config.data_directory.clone_from(data);
    let exchange = Exchange::of(data, &config)?;
    let recorded =
        exchange.read().and_then(|reader| reader.recorded()).map_err(|e| exchange.failed(data, &e))?;
    if args.go_on {
        return make(config, adapters, runtime, Old::GoOn);
    }
    may_lose(&recorded, args.without_them)?;
    make(config, adapters, runtime, Old::Keep)
}

/// What becomes of the record that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// It is kept beside the new one.
    Keep,
    /// It is deleted: something in it must not stay.
    Delete,
    /// It is the new one, which an earlier run has begun.
    GoOn,
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
pub(crate) fn make(
    config: Config,
    adapters: Adapters,
    runtime: fn() -> Result<tokio::runtime::Runtime, String>,
    old: Old,
) -> Result<u8, String> {
    let data = &config.data_directory.clone();
    let exchange = Exchange::of(data, &config)?;
    let recorded =
        exchange.read().and_then(|reader| reader.recorded()).map_err(|e| exchange.failed(data, &e))?;
    let gone = recorded.iter().filter(|m| !m.present).count();
    if old != Old::GoOn {
        // Held by another process, the exchange must not lose its record from under it.
        exchange.idle().map_err(|e| exchange.failed(data, &e))?;
        set_aside(data, old)?;
    }
    let runtime = runtime()?;
    let (done, parked, (decided, undecided)) = runtime.block_on(async {
        let Opened { state, record, .. } = open_both(config, adapters)?;
        let wanted: Vec<&Recorded> = match old {
            Old::GoOn => Vec::new(),
            Old::Keep | Old::Delete => recorded.iter().collect(),
        };
        let wanted: Vec<&Recorded> = wanted.into_iter().filter(|m| m.present && !m.pending).collect();
        let entry = NewAudit {
            actor: ACTOR.to_owned(),
            action: "record-rebuilt".to_owned(),
            entity: "record".to_owned(),
            detail: format!("{} messages", wanted.len()),
        };
        state.engine.audit(vec![entry], state.clock.now()).map_err(|e| said(data, &e))?;
        let parked = order(&state, &wanted).await.map_err(|e| said(data, &e))?;
        let settled = settle(&state, &record)?;
        Ok::<_, String>((wanted.len(), parked, settled))
    })?;
    evidence::forget_record(data).map_err(|e| said(data, &e))?;
    print(&format!("{done} messages taken into a new record"));
    if decided > 0 {
        print(&format!("; {decided} decisions about identity carried over"));
    }
    if undecided > 0 {
        print(&format!("; {undecided} are about Patients that it does not have"));
    }
    if gone > 0 {
        print(&format!("; {gone} have no content any more (retention, erasure) and are not in it"));
    }
    if parked > 0 {
        print(&format!("; {parked} could not be taken in: see the parked work of each"));
    }
    print("\n");
    Ok(if parked == 0 { 0 } else { EXIT_REFUSED })
}

/// Orders messages to be taken into the record again, in order, and waits until all that is to be done on the record is done: an
/// exchange that is started after this was killed goes on with the orders. How much could not be done and is parked.
async fn order(state: &Shared, wanted: &[&Recorded]) -> Result<usize, EngineError> {
    let one = |message: &&Recorded| {
        let destination = if message.in_pieces { RECORD_PIECES } else { pipeline::RECORD };
        Ok((MessageId::new(&message.id)?, vec![NewWork::new(WorkKind::Record, destination)]))
    };
    let orders = wanted.iter().map(one).collect::<Result<_, EngineError>>()?;
    state.engine.replay_all(orders, ACTOR, REASON, state.clock.now())?;
    let stop = CancellationToken::new();
    let workers = pipeline::start_record(state, &stop);
    let parked = loop {
        state.signals.all();
        tokio::time::sleep(LOOK).await;
        let (left, parked) = left(state)?;
        if left == 0 {
            break parked;
        }
    };
    stop.cancel();
    state.signals.all();
    let joined = tokio::task::spawn_blocking(move || workers.join()).await;
    joined.map_err(|e| EngineError::Storage(e.to_string()))?;
    Ok(parked)
}

/// How much work on the record is to be done yet, and how much of it is parked.
fn left(state: &Shared) -> Result<(usize, usize), EngineError> {
    let (mut left, mut parked) = (0, 0);
    let mut query =
        WorkQuery { kind: Some(WorkKind::Record), limit: MAX_SEARCH_PAGE, ..WorkQuery::default() };
    loop {
        let page = state.engine.work(&query)?;
        for item in &page {
            *(if item.state == WorkState::Parked { &mut parked } else { &mut left }) += 1;
        }
        if page.len() < MAX_SEARCH_PAGE {
            return Ok((left, parked));
        }
        query.after = page.last().map(|item| item.id);
    }
}

/// Deletes a record that tells what must not stay, for a new one to be made of what the exchange keeps.
///
/// # Errors
/// A file can't be deleted.
pub(crate) fn delete(data: &Path) -> Result<(), String> {
    files_of(&data.join(RECORD)).iter().try_for_each(|file| remove(file))?;
    evidence::forget_record(data).map_err(|e| said(data, &e))
}

/// Keeps the old record beside the new one, or deletes it, and lists what people decided in it.
fn set_aside(data: &Path, old: Old) -> Result<(), String> {
    let path = data.join(RECORD);
    if path.exists() {
        decisions(&path);
    }
    let kept = data.join(format!("{RECORD}.before"));
    for (from, to) in files_of(&path).iter().zip(files_of(&kept)) {
        remove(&to)?;
        if old == Old::Delete {
            remove(from)?;
        } else if from.exists() {
            fs::rename(from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
        }
    }
    Ok(())
}

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
