//! `causeway retention` and `causeway erase`: data that end.

use std::path::{Path, PathBuf};

use causeway_exchange::{Configuration as _, EngineError, HOLD, HOLD_ALL, MessageId, Operation as _};
use causeway_service::config::Config;
use causeway_service::state::Adapters;
use causeway_store::{Options, Reader, Store};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::keep::{EXCHANGE, embedded, said};
use crate::process::print;
use crate::rebuild;

/// Who does it, in the audit trail.
const ACTOR: &str = "operator";
/// Messages listed one by one.
const LISTED: usize = 20;

/// Arguments of `retention`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --apply this only says what would be deleted. A running exchange deletes by itself, once a minute, by \
retention.messages_days of its configuration; --apply is for one that does not run.\n\n\
A message's content and translation are deleted; its facts, timeline and audit entries stay, and the record keeps what it told. \
Nothing is deleted that something waits for, or that a hold is on."
)]
pub struct RetentionArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The exchange's configuration.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// Days that a message's content is kept, in place of the configuration's.
    #[arg(long, value_name = "DAYS")]
    messages_days: Option<u32>,
    /// Delete what is due.
    #[arg(long, conflicts_with_all = ["hold", "release"])]
    apply: bool,
    /// Say what is due (this is what happens without --apply).
    #[arg(long, conflicts_with = "apply")]
    dry_run: bool,
    /// Put a hold on a message, by its id, or on all of them (`*`): it is neither deleted nor erased.
    #[arg(long, value_name = "ID", requires = "reason")]
    hold: Option<String>,
    /// Take the hold off.
    #[arg(long, value_name = "ID", conflicts_with = "hold", requires = "reason")]
    release: Option<String>,
    /// Why, for the audit trail. Nothing of a person, please.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Arguments of `erase`.
#[derive(Args, Debug)]
#[command(
    after_help = "For what was sent by mistake. The message, its copies in mailboxes and its replies lose content, translation, \
numbers and names; a tombstone stays, with the reason on its timeline and in the audit trail. What receivers have fetched is \
with them. The record is then made anew without it, as rebuild-record does; the old file is deleted, not kept. The exchange must \
not be running.\n\nExit: 0 erased, 1 erased but the record is not whole, 2 not erased."
)]
pub struct EraseArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The exchange's configuration: names of organisations in the record come from it.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// The message's id.
    #[arg(long, value_name = "ID")]
    message: String,
    /// Why, for timeline and audit trail. Nothing of a person, please.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Go on where the record can't be made anew whole, because other messages have no content any more: what they told is
    /// not in the new record.
    #[arg(long)]
    without_them: bool,
}

/// A configuration of a file; without one the defaults.
pub(crate) fn config(path: Option<&Path>) -> Result<Config, String> {
    match path {
        None => Ok(Config::default()),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            Config::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
        }
    }
}

fn open(data: &Path) -> Result<Store, String> {
    Store::open(Options::new(data.join(EXCHANGE))).map_err(|e| said(data, &e))
}

/// Runs `retention`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(args: &RetentionArgs) -> Result<u8, String> {
    let data = &args.data;
    let exchange = embedded(data)?;
    let now = Timestamp::now();
    let reason = args.reason.as_deref().unwrap_or_default();
    if let Some(key) = args.hold.as_ref().or(args.release.as_ref()) {
        let document =
            args.hold.as_ref().map(|_| json!({"reason": reason, "since": now.to_string()}).to_string());
        return hold(data, key, document.as_deref(), now);
    }
    let configured = config(args.config.as_deref())?.retention.messages_days;
    let days = args.messages_days.unwrap_or(configured);
    let keep = SignedDuration::from_hours(24 * i64::from(days));
    let before = now.checked_sub(keep).map_err(|_| "so many days are before time began".to_owned())?;
    let reader = Reader::open(&exchange).map_err(|e| said(data, &e))?;
    let due = reader.due(before).map_err(|e| said(data, &e))?;
    let holds = reader.holds().map_err(|e| said(data, &e))?;
    drop(reader);
    print(&format!(
        "content of messages is kept {days} days: {} are due (received before {before}); {} are on hold, {} are waited for\n",
        due.messages.len(),
        due.held,
        due.waiting
    ));
    for (key, document) in holds {
        print(&format!("hold on {}: {document}\n", if key == HOLD_ALL { "all messages" } else { &key }));
    }
    for (id, at) in due.messages.iter().take(LISTED) {
        let at = Timestamp::from_microsecond(*at).unwrap_or_default();
        print(&format!("  {id} received {at}\n"));
    }
    if let Some(more) = due.messages.len().checked_sub(LISTED).filter(|n| *n > 0) {
        print(&format!("  and {more} more\n"));
    }
    if !args.apply {
        print("nothing was deleted; --apply deletes\n");
        return Ok(0);
    }
    let store = open(data)?;
    let mut deleted = 0;
    loop {
        match store.purge(keep, now).map_err(|e| said(data, &e))? {
            0 => break,
            count => deleted += count,
        }
    }
    print(&format!("{deleted} deleted\n"));
    Ok(0)
}

fn hold(data: &Path, key: &str, document: Option<&str>, now: Timestamp) -> Result<u8, String> {
    use causeway_exchange::Facts as _;
    let store = open(data)?;
    if key != HOLD_ALL {
        let id = MessageId::new(key).map_err(|e| e.to_string())?;
        store
            .message(&id)
            .and_then(|m| m.ok_or(EngineError::NotFound("message")))
            .map_err(|e| said(data, &e))?;
    }
    store.put_config(HOLD, key, document, None, ACTOR, now).map_err(|e| said(data, &e))?;
    print(if document.is_some() { "the hold is on\n" } else { "the hold is off\n" });
    Ok(0)
}

/// Runs `erase`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn erase(
    args: &EraseArgs,
    adapters: Adapters,
    runtime: fn() -> Result<tokio::runtime::Runtime, String>,
) -> Result<u8, String> {
    let data = &args.data;
    let exchange = embedded(data)?;
    if args.reason.trim().is_empty() {
        return Err("--reason is empty".to_owned());
    }
    let mut config = config(args.config.as_deref())?;
    config.data_directory.clone_from(data);
    let id = MessageId::new(&args.message).map_err(|e| e.to_string())?;
    let recorded =
        Reader::open(&exchange).and_then(|reader| reader.recorded()).map_err(|e| said(data, &e))?;
    let in_record = recorded.iter().any(|m| m.id == args.message);
    if in_record {
        rebuild::may_lose(&recorded, args.without_them)?;
    }
    let store = open(data)?;
    let erased = store.erase(&id, ACTOR, &args.reason, Timestamp::now()).map_err(|e| said(data, &e))?;
    drop(store);
    print(&format!("erased: {}\n", erased.join(", ")));
    let in_record = in_record || recorded.iter().any(|m| erased.contains(&m.id));
    if in_record { rebuild::make(config, adapters, runtime, rebuild::Old::Delete) } else { Ok(0) }
}
