//! `causeway verify`: whether everything kept is as it was written, and where not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_broker::evidence::{self, Damage};
use causeway_exchange::{NewAudit, Reading};
use causeway_postgres::Postgres;
use causeway_record::{MessageTold, Record, applied_digest};
use causeway_seal::{Finding, Key};
use causeway_store::{Options, Store};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::exchange::{Exchange, configured};
use super::{KEY, POINTERS, RECORD, RESTORE, files_of, remove, said};
use crate::process::{EXIT_REFUSED, print};

/// What to do where the record does not hold what was taken into it.
const REBUILD: &str =
    "stop the exchange and make the record anew from the messages (causeway rebuild-record --data DIR)";
/// Findings of one kind named one by one.
const NAMED: usize = 20;

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Reads everything: each page of the databases against its seal, the audit trail entry by entry against its \
seals, each content against its digest, and the record against the exchange. A running exchange is not disturbed. Messages in \
PostgreSQL have digests and the chain of the audit trail, and no seals: the server's own checksums stand for those.\n\n\
Exit: 0 all is as it was written, 1 something is not (each line says where and what to do), 2 wrong call."
)]
pub struct VerifyArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The exchange's configuration, where it is not in that folder: it says which engine has the messages.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Accept the data as they are and seal them anew, for this reason: it is written into the audit trail. The exchange
    /// must not be running.
    #[arg(long, value_name = "REASON")]
    reseal: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(args: &VerifyArgs) -> Result<u8, String> {
    let exchange = Exchange::of(&args.data, &configured(&args.data, args.config.as_deref())?)?;
    if let Exchange::Postgres(..) = &exchange {
        // That a server can't be reached says nothing of what it keeps.
        exchange.read().map_err(|e| exchange.failed(&args.data, &e))?;
    }
    if let Some(reason) = &args.reseal {
        reseal(&args.data, &exchange, reason)?;
    }
    let mut found = examine(&args.data, &exchange);
    // What was found before and nobody has dealt with. (What is found again is told once.)
    let remembered = evidence::Evidence::read(&args.data).known().0;
    let head = exchange.read().and_then(|reader| reader.audit_head());
    let (entries, head) = head.unwrap_or_else(|error| {
        found.push(Finding::new("audit trail", format!("its head can't be read: {error}"), RESTORE));
        (0, "unreadable".to_owned())
    });
    let known: BTreeSet<String> = found.iter().map(|one| one.place.clone()).collect();
    for one in remembered.into_iter().filter(|one| !known.contains(&one.place)) {
        let what = format!("{} (found {}; look at it, then --reseal or restore)", one.what, one.found_at);
        found.push(Finding::new(one.place, what, ""));
    }
    if args.json {
        let list: Vec<_> =
            found.iter().map(|f| json!({"place": f.place, "what": f.what, "advice": f.advice})).collect();
        let all =
            json!({"good": found.is_empty(), "findings": list, "audit": {"entries": entries, "head": head}});
        print(&format!("{all:#}\n"));
    } else {
        for one in &found {
            print(&format!("{one}\n"));
        }
        let advice: BTreeSet<&str> = found.iter().map(|f| f.advice).filter(|a| !a.is_empty()).collect();
        for one in advice {
            print(&format!("What to do: {one}\n"));
        }
        let result = if found.is_empty() {
            "all is as it was written".to_owned()
        } else {
            format!("{} findings", found.len())
        };
        print(&format!("{result}; audit trail: {entries} entries, head {head}\n"));
    }
    Ok(if found.is_empty() { 0 } else { EXIT_REFUSED })
}

/// Examines a data directory and its exchange. What can't be read at all is a finding too.
pub(crate) fn examine(data: &Path, exchange: &Exchange) -> Vec<Finding> {
    let mut found = Vec::new();
    match Key::read(data) {
        Ok(None) => {
            let advice = "put the key back from where it is kept; data that never had one get one when the exchange starts";
            found.push(Finding::new(KEY, "the key of the seals is missing", advice));
        }
        Ok(Some(_)) => {}
        Err(error) => {
            found.push(Finding::new(KEY, error.to_string(), "put the key back from where it is kept"))
        }
    }
    let unreadable = |place: &str, error: &dyn std::fmt::Display, advice| {
        Finding::new(place, format!("can't be read: {error}"), advice)
    };
    match exchange.examine() {
        Ok(more) => found.extend(more),
        Err(error) => found.push(unreadable(&exchange.name(), &error, RESTORE)),
    }
    match causeway_record::examine(&data.join(RECORD)) {
        Ok(more) => {
            let damaged = !more.is_empty();
            found.extend(more);
            if !damaged {
                let told = || causeway_record::told(&data.join(RECORD)).map_err(|e| e.to_string());
                match together(exchange, &told) {
                    Ok(more) => found.extend(more),
                    Err(error) => found.push(unreadable("exchange and record", &error, RESTORE)),
                }
            }
        }
        Err(error) => found.push(unreadable(RECORD, &error, REBUILD)),
    }
    found.extend(pointers(data));
    found
}

/// The pointers that others made.
fn pointers(data: &Path) -> Vec<Finding> {
    match causeway_locator::examine(&data.join(POINTERS)) {
        Ok(wrong) => wrong.into_iter().map(|what| Finding::new(POINTERS, what, RESTORE)).collect(),
        Err(error) => vec![Finding::new(POINTERS, error.to_string(), RESTORE)],
    }
}

/// What the record holds, read when it is asked for.
type Told<'a> = &'a dyn Fn() -> Result<Vec<MessageTold>, String>;

/// The exchange against the record. Both may be written meanwhile: what differs is looked at again.
fn together(exchange: &Exchange, told: Told<'_>) -> Result<Vec<Finding>, String> {
    let reader = exchange.read().map_err(|e| e.to_string())?;
    let mut found = compare(&*reader, told)?;
    for _ in 0..LOOKS {
        if found.is_empty() {
            break;
        }
        std::thread::sleep(PAUSE);
        let again = compare(&*reader, told)?;
        found.retain(|one| again.contains(one));
    }
    Ok(found)
}

/// Times that a difference is looked at again.
const LOOKS: usize = 2;
/// Pause between two looks.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// What was taken into the record against what the record holds, both ways. The exchange's list is read first: what is on
/// it is in the record.
fn compare(exchange: &dyn Reading, told: Told<'_>) -> Result<Vec<Finding>, String> {
    let said = |e: causeway_exchange::EngineError| e.to_string();
    let recorded = exchange.recorded().map_err(said)?;
    let told = told()?;
    let in_record: BTreeMap<&str, &MessageTold> =
        told.iter().map(|one| (one.message.as_str(), one)).collect();
    let (mut missing, mut other, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let erased = recorded.iter().filter(|m| m.erased && in_record.contains_key(m.id.as_str()));
    let erased: Vec<String> = erased.map(|m| m.id.clone()).collect();
    for message in recorded.into_iter().filter(|m| !m.pending && m.present) {
        let Some(held) = in_record.get(message.id.as_str()) else {
            missing.push(message.id);
            continue;
        };
        if !message.in_pieces {
            let outputs = match exchange.outputs(&message.id) {
                Ok(outputs) => outputs,
                // Said already of the content itself.
                Err(causeway_exchange::EngineError::Corrupt(_)) => continue,
                Err(error) => return Err(error.to_string()),
            };
            let outputs: Vec<&[u8]> = outputs.iter().map(Vec::as_slice).collect();
            if !held.applied.contains(&applied_digest(&outputs)) {
                other.push(message.id);
            }
        }
    }
    let ids = exchange.ids().map_err(said)?;
    unknown.extend(told.iter().filter(|one| !ids.contains(&one.message)).map(|one| one.message.clone()));
    let mut found = Vec::new();
    let mut tell = |list: Vec<String>, what: &str, advice: &'static str| {
        for id in list.iter().take(NAMED) {
            found.push(Finding::new(format!("message {id}"), what, advice));
        }
        if list.len() > NAMED {
            found.push(Finding::new("messages", format!("{} more: {what}", list.len() - NAMED), advice));
        }
    };
    tell(erased, "was erased and is still in the record", REBUILD);
    tell(missing, "was taken into the record and is not in it", REBUILD);
    tell(other, "the record was made of another translation than the one that is kept", REBUILD);
    tell(unknown, "is in the record and not in the exchange", RESTORE);
    Ok(found)
}

/// What a finding is for the running exchange.
fn damage(found: Vec<Finding>) -> Vec<Damage> {
    let one = |f: Finding| Damage {
        place: f.place,
        what: f.what,
        advice: f.advice.to_owned(),
        found_at: Timestamp::now(),
    };
    found.into_iter().map(one).collect()
}

/// What the exchange was found to be when it was opened.
pub fn at_open(store: Option<&Store>, record: &Record) -> Vec<Damage> {
    let exchange = store.map(Store::found_at_open).unwrap_or_default();
    damage(exchange.iter().chain(record.found_at_open()).cloned().collect())
}

/// How a running exchange examines itself.
pub(crate) fn examiner(
    data: &Path,
    exchange: Exchange,
    store: Option<Arc<Store>>,
    record: Arc<Record>,
) -> evidence::Examine {
    let data = data.to_owned();
    Arc::new(move || {
        let unreadable = |place: &str, error: &dyn std::fmt::Display, advice| {
            vec![Finding::new(place, format!("can't be read: {error}"), advice)]
        };
        let mut found = record.examine().unwrap_or_else(|error| unreadable(RECORD, &error, REBUILD));
        let compared = together(&exchange, &|| record.messages().map_err(|e| e.to_string()));
        let examined = store.as_ref().map_or_else(|| exchange.examine(), |store| store.examine());
        match (examined, compared) {
            // A server that is away for a while says nothing of what it keeps: looked at again the next day.
            (Err(error), _) if store.is_none() && error.is_transient() => {
                tracing::warn!(%error, "the messages could not be examined");
            }
            (Ok(_), Err(error)) if store.is_none() => {
                tracing::warn!(error, "messages and record could not be compared");
            }
            (examined, compared) => {
                found.extend(examined.unwrap_or_else(|error| unreadable(&exchange.name(), &error, RESTORE)));
                found.extend(
                    compared.unwrap_or_else(|error| unreadable("exchange and record", &error, RESTORE)),
                );
            }
        }
        found.extend(pointers(&data));
        damage(found)
    })
}

/// Seals the data as they are.
fn reseal(data: &Path, exchange: &Exchange, reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err("--reseal needs a reason".to_owned());
    }
    let failed = |e: causeway_exchange::EngineError| exchange.failed(data, &e);
    match exchange {
        Exchange::Embedded(folder) => causeway_store::forget_seals(folder).map_err(failed)?,
        Exchange::Postgres(options, _) => {
            let alone = causeway_postgres::Options { alone: true, reseal: true, ..options.clone() };
            Postgres::open(alone).map(drop).map_err(failed)?;
        }
    }
    if let Some(seals) = files_of(&data.join(RECORD)).last() {
        remove(seals)?;
    }
    super::seal_key(data).map_err(|e| said(data, &e))?;
    match exchange {
        Exchange::Embedded(folder) => {
            let store = Store::open(Options { reseal: true, ..Options::new(folder) }).map_err(failed)?;
            store.resealed("operator", reason, Timestamp::now()).map_err(failed)?;
        }
        Exchange::Postgres(..) => {
            let entry = NewAudit {
                actor: "operator".to_owned(),
                action: "resealed".to_owned(),
                entity: "record".to_owned(),
                detail: reason.to_owned(),
            };
            exchange
                .write()
                .and_then(|engine| engine.audit(vec![entry], Timestamp::now()))
                .map_err(failed)?;
        }
    }
    drop(Record::open(data.join(RECORD)).map_err(|e| said(data, &e))?);
    evidence::forget(data).map_err(|e| said(data, &e))
}
