//! `causeway retention` and `causeway erase`: data that end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use causeway_broker::retain;
use causeway_exchange::{EngineError, HOLD, HOLD_ALL, MessageId};
use causeway_service::config::Retention;
use causeway_service::state::Adapters;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::keep::exchange::{Exchange, configured};
use crate::keep::{RECORD, said};
use crate::process::print;
use crate::{opening, rebuild};

/// Who does it, in the audit trail.
const ACTOR: &str = "operator";
/// Messages listed one by one.
const LISTED: usize = 20;

/// Arguments of `retention`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --apply this only says what would be deleted. A running exchange deletes by itself, by the table retention \
of its configuration; --apply is for one that does not run. With messages in PostgreSQL a hold may be put on and off beside a \
running exchange.\n\n\
messages_days: a message's content and translation are deleted; its facts, timeline and audit entries stay, and the record keeps \
what it told.\n\
record_days: the record of a person of whom no message told anything for so long is deleted, with all its versions.\n\
audit_days: entries of the audit trail are deleted; the rest goes on from the hash of the last one that went.\n\n\
Nothing is deleted that something waits for, or that a hold is on. Who has a hold on one message keeps the record of whom it \
told of, and the whole audit trail."
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
    /// Days after the last message about a person after which the person's record ends, in place of the configuration's.
    #[arg(long, value_name = "DAYS")]
    record_days: Option<u32>,
    /// Days that entries of the audit trail are kept, in place of the configuration's.
    #[arg(long, value_name = "DAYS")]
    audit_days: Option<u32>,
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
with them. With messages in PostgreSQL the old rows leave the server's files when it vacuums, and every other broker \
makes its record anew before it answers; stop those that wait as well. The record is then made anew without it, as rebuild-record does; the old file is deleted, not kept. The exchange must \
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

/// Runs `retention`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(
    args: &RetentionArgs,
    adapters: Adapters,
    runtime: fn() -> Result<tokio::runtime::Runtime, String>,
) -> Result<u8, String> {
    let data = &args.data;
    let config = configured(data, args.config.as_deref())?;
    let exchange = Exchange::of(data, &config)?;
    let now = Timestamp::now();
    let reason = args.reason.as_deref().unwrap_or_default();
    if let Some(key) = args.hold.as_ref().or(args.release.as_ref()) {
        let document =
            args.hold.as_ref().map(|_| json!({"reason": reason, "since": now.to_string()}).to_string());
        return hold(data, &exchange, key, document.as_deref(), now);
    }
    let mut config = config;
    config.data_directory.clone_from(data);
    let policy = &mut config.retention;
    policy.messages_days = args.messages_days.unwrap_or(policy.messages_days);
    policy.record_days = args.record_days.unwrap_or(policy.record_days);
    policy.audit_days = args.audit_days.unwrap_or(policy.audit_days);
    if let Some(wrong) = policy.wrong() {
        return Err(wrong);
    }
    let keep = SignedDuration::from_hours(24 * i64::from(policy.messages_days));
    say_due(data, &exchange, policy, keep, now)?;
    if !args.apply {
        print("nothing was deleted; --apply deletes\n");
        return Ok(0);
    }
    let policy = policy.clone();
    let failed = |e: EngineError| exchange.failed(data, &e);
    exchange.idle().map_err(failed)?;
    let engine = exchange.write().map_err(failed)?;
    let mut deleted = 0;
    loop {
        match engine.purge(keep, now).map_err(failed)? {
            0 => break,
            count => deleted += count,
        }
    }
    drop(engine);
    let ended = runtime()?.block_on(async {
        let state = opening::open(config, adapters)?;
        state.blocking(move |state| retain::end(state, &policy, now)).await.map_err(|e| e.text)
    })?;
    print(&format!(
        "{deleted} messages, {} records of persons, {} facts without a person and {} entries of the audit trail deleted\n",
        ended.records, ended.waited, ended.audit
    ));
    Ok(0)
}

/// Says what is due.
fn say_due(
    data: &Path,
    exchange: &Exchange,
    policy: &Retention,
    keep: SignedDuration,
    now: Timestamp,
) -> Result<(), String> {
    let before = now.checked_sub(keep).map_err(|_| "so many days are before time began".to_owned())?;
    let failed = |e: EngineError| exchange.failed(data, &e);
    let reader = exchange.read().map_err(failed)?;
    let due = reader.due(before).map_err(failed)?;
    let holds = reader.holds().map_err(failed)?;
    print(&format!(
        "content of messages is kept {} days: {} are due (received before {before}); {} are on hold, {} are waited for\n",
        policy.messages_days,
        due.messages.len(),
        due.held,
        due.waiting
    ));
    say_some(due.messages.iter().map(|(id, at)| {
        let at = Timestamp::from_microsecond(*at).unwrap_or_default();
        format!("{id} received {at}")
    }));
    match Retention::before(policy.record_days, now).filter(|_| policy.record_days > 0) {
        None => print("records of persons are kept for ever (retention.record_days)\n"),
        Some(before) => {
            let keys: BTreeSet<String> = holds.iter().map(|(key, _)| key.clone()).collect();
            let mut due =
                causeway_record::due(&data.join(RECORD), before, &keys).map_err(|e| said(data, &e))?;
            if keys.contains(HOLD_ALL) {
                due.held += u64::try_from(due.persons.len() + due.waited.len()).unwrap_or(u64::MAX);
                due.persons.clear();
                due.waited.clear();
            }
            print(&format!(
                "records of persons are kept {} days after the last message: {} are due (nothing told since {before}), and {} facts \
                 whose person did not become known; {} are on hold\n",
                policy.record_days,
                due.persons.len(),
                due.waited.len(),
                due.held
            ));
            say_some(due.persons.iter().map(|p| format!("person {} last told of {}", p.person, p.last)));
            say_some(due.waited.iter().map(|f| format!("{}/{} last told {}", f.kind, f.id, f.last)));
        }
    }
    match Retention::before(policy.audit_days, now).filter(|_| policy.audit_days > 0) {
        None => print("the audit trail is kept for ever (retention.audit_days)\n"),
        Some(before) => {
            let (count, held) = reader.audit_due(before).map_err(failed)?;
            let held = if held { "; a hold keeps them all" } else { "" };
            let days = policy.audit_days;
            print(&format!(
                "the audit trail is kept {days} days: {count} entries are due (written before {before}){held}\n"
            ));
        }
    }
    for (key, document) in holds {
        print(&format!("hold on {}: {document}\n", if key == HOLD_ALL { "all messages" } else { &key }));
    }
    Ok(())
}

/// The first of a list, one a line, and how many more there are.
fn say_some(all: impl ExactSizeIterator<Item = String>) {
    let more = all.len().saturating_sub(LISTED);
    for one in all.take(LISTED) {
        print(&format!("  {one}\n"));
    }
    if more > 0 {
        print(&format!("  and {more} more\n"));
    }
}

fn hold(
    data: &Path,
    exchange: &Exchange,
    key: &str,
    document: Option<&str>,
    now: Timestamp,
) -> Result<u8, String> {
    let failed = |e: EngineError| exchange.failed(data, &e);
    let engine = exchange.write().map_err(failed)?;
    if key != HOLD_ALL {
        let id = MessageId::new(key).map_err(|e| e.to_string())?;
        engine.message(&id).and_then(|m| m.ok_or(EngineError::NotFound("message"))).map_err(failed)?;
    }
    engine.put_config(HOLD, key, document, None, ACTOR, now).map_err(failed)?;
    print(if document.is_some() { "the hold is on\n" } else { "the hold is off\n" });
    Ok(0)
}

/// Runs `erase`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn erase(args: &EraseArgs, adapters: Adapters) -> Result<u8, String> {
    let data = &args.data;
    if args.reason.trim().is_empty() {
        return Err("--reason is empty".to_owned());
    }
    let mut config = configured(data, args.config.as_deref())?;
    config.data_directory.clone_from(data);
    let exchange = Exchange::of(data, &config)?;
    let id = MessageId::new(&args.message).map_err(|e| e.to_string())?;
    let failed = |e: EngineError| exchange.failed(data, &e);
    let recorded = exchange.read().and_then(|reader| reader.recorded()).map_err(failed)?;
    let in_record = recorded.iter().any(|m| m.id == args.message);
    if in_record {
        rebuild::may_lose(&recorded, args.without_them)?;
    }
    let erased = exchange.erase(&id, ACTOR, &args.reason, Timestamp::now()).map_err(failed)?;
    print(&format!("erased: {}\n", erased.join(", ")));
    let in_record = in_record || recorded.iter().any(|m| erased.contains(&m.id));
    if in_record { rebuild::make(config, adapters, rebuild::Old::Delete) } else { Ok(0) }
}
