//! What one translation changes: what is kept, told, counted and done next.

use std::io::Read;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use causeway_adapter::{Adapter, Context, Detection, Sink as _, budget, common, isolation, render, too_long};
use causeway_core::limits::INPUT_BYTES_MAX;
use causeway_core::{Issue, IssueCode, Ledger, Outcome, Place, Severity, Span};
use causeway_exchange::message::Checksum;
use causeway_exchange::{
    Effects, EngineError, Message, NewAudit, NewEvent, NewWork, State, StoredOutput, Translation,
    TranslationDigests, TranslationSummary, WorkKind,
};
use causeway_host::hex;
use causeway_record::Prepared;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::collect::{Broken, Collect, Job};
use super::route::{self, Outgoing, Tell};
use super::{RECORD, RECORD_PIECES, SPREAD};
use crate::answered::Answered;
use crate::handed::Handing;
use crate::state::AppState;
use crate::traces::{Fact, Step};
use crate::words::count;

/// What is translated.
pub(super) enum Input<'a> {
    /// All of it, in memory.
    Whole(&'a [u8]),
    /// A stream, for an adapter that streams.
    Stream(&'a mut dyn Read),
    /// Nothing: a door has translated it, within the same budget.
    Answered(Box<Answered>),
}

/// Everything that a translation changes.
pub(super) struct Made {
    pub(super) effects: Effects,
    /// Digests of the persons it is about, as far as they are noted.
    pub(super) persons: Vec<String>,
}

/// Why there is no translation: the program failed, and not the input.
pub(super) enum Unmade {
    /// An adapter in another process could not be reached.
    Unanswered,
    /// The process of an adapter died while it worked on this and perhaps on others.
    Interrupted(&'static str),
    /// A process that worked on this alone died.
    Died(&'static str),
    /// It was broken off.
    Broken(Broken),
}

/// Runs the adapter. Whether nothing could be read at all.
fn run_adapter(
    job: &Job<'_>,
    context: &Context,
    input: Input<'_>,
    collect: &mut Collect<'_>,
) -> Result<bool, Unmade> {
    let (result, size) = match input {
        Input::Whole(bytes) if bytes.len() > INPUT_BYTES_MAX => (Err(too_long()), bytes.len()),
        Input::Whole(bytes) => {
            let limit = job.state.config.limits.translation_bytes;
            let made = budget::within(job.adapter, bytes, limit).and_then(|()| {
                let _place = job.state.room.enter(budget::estimate(job.adapter, bytes));
                job.adapter.translate(bytes, context, collect)
            });
            (made, bytes.len())
        }
        Input::Answered(answered) => {
            take_over(answered.translation, collect);
            (Ok(()), 0)
        }
        Input::Stream(reader) => {
            let size = usize::try_from(job.message.size).unwrap_or(usize::MAX);
            (job.adapter.stream(reader, context, collect), size)
        }
    };
    if let Some(broken) = job.gate.broken() {
        return Err(Unmade::Broken(broken));
    }
    let Err(issue) = result else { return Ok(false) };
    if issue.code == IssueCode::Exception {
        return Err(match issue.rule {
            isolation::INTERRUPTED => Unmade::Interrupted(isolation::INTERRUPTED_TEXT),
            isolation::DIED => Unmade::Died(isolation::DIED_TEXT),
            _ => Unmade::Unanswered,
        });
    }
    // Where nothing could be read, the whole input is one rejected item: even then the account adds up.
    if collect.items() == 0 {
        let mut ledger = Ledger::new();
        let id = ledger.add(Place::Whole, Span::new(0, size));
        ledger.claim(id, Outcome::Rejected, "the input could not be read");
        collect.ledger(ledger);
    }
    collect.note(issue, true);
    Ok(true)
}

/// How a translation ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing could be read.
    Unreadable,
    /// Every record was refused: nothing came out.
    Refused,
    /// Some records or items were refused.
    Partly,
    /// Nothing was refused.
    Whole,
}

impl End {
    /// The word of the metrics.
    const fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Partly => "partly",
            Self::Whole => "whole",
        }
    }

    /// The event on the message's timeline.
    const fn event(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Partly | Self::Whole => "translated",
        }
    }

    const fn state(self) -> State {
        match self {
            Self::Unreadable | Self::Refused => State::Error,
            Self::Partly | Self::Whole => State::Translated,
        }
    }

    /// Code and words of the failure: of an input that can't be read the last issue, of records that are refused the first.
    fn failure(self, issues: &[Issue]) -> Option<(String, String)> {
        let (code, issue) = match self {
            Self::Unreadable => {
                let last = issues.last();
                let rules = [common::TOO_COSTLY.id, common::TOO_DENSE.id];
                let costly = last.is_some_and(|i| rules.contains(&i.rule));
                (if costly { common::TOO_COSTLY.id } else { "unreadable" }, last)
            }
            Self::Refused => ("all-refused", issues.iter().find(|i| i.severity >= Severity::Error)),
            Self::Partly | Self::Whole => return None,
        };
        Some((code.to_owned(), issue.map_or_else(String::new, |i| i.text.to_string())))
    }
}

/// What a door translated, as the adapter would have given it.
fn take_over(translation: causeway_adapter::Translation, collect: &mut Collect<'_>) {
    for output in translation.outputs {
        collect.output(output);
    }
    for issue in translation.issues {
        collect.issue(issue);
    }
    collect.ledger(translation.ledger);
    if let Some(acknowledgement) = translation.acknowledgement {
        collect.acknowledgement(acknowledgement);
    }
}

/// Everything that a translation of this input changes.
pub(super) fn effects(job: &Job<'_>, detection: &Detection, input: Input<'_>) -> Result<Made, Unmade> {
    let (state, message, adapter) = (job.state, job.message, job.adapter);
    let context = state.context(&message.new.sender, message.received_at, &message.new.id, false);
    let elsewhere = match &input {
        Input::Answered(answered) => answered.took,
        _ => Duration::ZERO,
    };
    let (started, began) = (Instant::now(), state.clock.now());
    let mut made = Collect::new(job);
    let result = run_adapter(job, &context, input, &mut made);
    let took = elsewhere + started.elapsed().saturating_sub(made.spent);
    let unreadable = match result {
        Ok(unreadable) => unreadable,
        Err(unmade) => {
            state.counters.translation(adapter.name(), "failed", took);
            let facts = [Fact::Adapter(adapter.name()), Fact::End("failed")];
            state.trace(&message.new.id, Step::Translate, began, true, &facts);
            return Err(unmade);
        }
    };
    let (items, pages) = made.finish();
    // The last piece may have failed too.
    if let Some(broken) = job.gate.broken() {
        return Err(Unmade::Broken(broken));
    }
    let rejected = made.refused > 0 || made.totals.of(Outcome::Rejected) > 0;
    let end = match (unreadable, rejected, made.count) {
        (true, ..) => End::Unreadable,
        (false, true, 0) => End::Refused,
        (false, true, _) => End::Partly,
        (false, false, _) => End::Whole,
    };
    state.counters.translation(adapter.name(), end.word(), took);
    let bundles = Fact::Bundles(made.count);
    let facts = [Fact::Adapter(adapter.name()), Fact::End(end.word()), Fact::Bytes(message.size), bundles];
    state.trace(&message.new.id, Step::Translate, began, end.state() == State::Error, &facts);
    if let (Some(traces), Some(times)) = (state.traces(), made.checking) {
        traces.tell(&message.new.id, Step::Check, times, made.checked.errors > 0, &[bundles]);
    }
    let summary = summary(state, adapter, unreadable, &made);
    let mut effects =
        Effects { events: events(adapter, detection, end, &made, &summary), ..Effects::default() };
    effects.audit.push(translated_audit(adapter, message, &made, &summary));
    effects.state = Some(end.state());
    effects.failure = end.failure(&made.issues);
    effects.person_key = single(&made.checked.persons);
    let routing = state.clock.now();
    work(job, &mut made, &mut effects).map_err(broken)?;
    state.trace(&message.new.id, Step::Route, routing, false, &[Fact::Together(effects.work.len())]);
    let acknowledgement = made.acknowledgement.take().map(|ack| StoredOutput {
        name: format!("acknowledgement.{}", ack.extension),
        media_type: ack.media_type.to_owned(),
        bytes: ack.bytes,
    });
    if let Some(acknowledgement) = &acknowledgement {
        route::acknowledge(message, acknowledgement, &mut effects).map_err(broken)?;
    }
    let outcome = issues(&mut made);
    let read = made.read.take();
    let translation = Translation {
        adapter: adapter.name().to_owned(),
        format: format!("{} {}", adapter.format().title, detection.version).trim_end().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ledger: ledger(&made, &items, pages),
        issues: outcome.to_string().into_bytes(),
        outputs: made.entries.drain(..).map(|entry| entry.output).collect(),
        acknowledgement,
        summary,
        pieces: std::mem::take(&mut made.pieces),
    };
    hand_over(job, read, &translation, &outcome, std::mem::take(&mut made.each_digest));
    effects.translation = Some(translation);
    Ok(Made { effects, persons: std::mem::take(&mut made.checked.persons) })
}

/// Hands the bundles to the record as they were read. The digests are of the bundles.
fn hand_over(
    job: &Job<'_>,
    read: Option<Vec<Value>>,
    translation: &Translation,
    outcome: &Value,
    outputs: Vec<Checksum>,
) {
    let whole = |read: &Vec<Value>| {
        !read.is_empty() && read.len() == translation.outputs.len() && read.len() == outputs.len()
    };
    let Some(read) = read.filter(whole) else { return };
    let bundles: Vec<&[u8]> = translation.outputs.iter().map(|o| o.bytes.as_slice()).collect();
    // Where the program fails on them, it is for the record to find: the translation is kept.
    let source = super::record::source_told(job.state, job.message, translation, outcome);
    let prepare = || Prepared::of_read(read, &bundles).outlined(source.sector);
    if let Ok(prepared) = catch_unwind(prepare) {
        let issues = Sha256::digest(&translation.issues).into();
        let handing = Handing {
            prepared,
            source,
            digests: TranslationDigests { outputs, issues },
            bytes: bundles.iter().map(|b| b.len()).sum(),
        };
        job.state.handed.put(&job.message.new.id, handing);
    }
}

/// What is to be done with the bundles: the record, and where routes say. Those in pieces are worked on a few at a
/// time.
fn work(job: &Job<'_>, made: &mut Collect<'_>, effects: &mut Effects) -> Result<(), EngineError> {
    if made.count == 0 {
        return Ok(());
    }
    let key = single(&made.checked.persons);
    if made.is_in_pieces() {
        effects.work.push(NewWork::new(WorkKind::Record, RECORD_PIECES));
        if made.routed {
            effects.work.push(NewWork::new(WorkKind::Translate, SPREAD));
        }
        return Ok(());
    }
    let mut work = NewWork::new(WorkKind::Record, RECORD);
    work.order_key.clone_from(&key);
    effects.work.push(work);
    let mut out =
        Outgoing { state: job.state, message: job.message, key: key.as_deref(), effects, tell: Tell::Each };
    out.all(job.routes, job.adapter.name(), 0, &made.entries)
}

fn broken(error: EngineError) -> Unmade {
    Unmade::Broken(Broken::Failed(error))
}

/// Room for what stands before a ledger's items.
const LEDGER_HEAD_BYTES: usize = 512;

/// The ledger as JSON, as [`render::ledger_json`] has it. Where its items are in pieces, it says in how many.
fn ledger(made: &Collect<'_>, items: &[u8], pages: usize) -> Vec<u8> {
    let totals = render::totals_json(&made.totals);
    let unexplained = made.totals.of(Outcome::Unexplained);
    let mut text = Vec::with_capacity(items.len() + LEDGER_HEAD_BYTES);
    text.extend_from_slice(format!("{{\"totals\":{totals},\"unexplained\":{unexplained},").as_bytes());
    if pages > 0 {
        text.extend_from_slice(format!("\"pages\":{pages},").as_bytes());
    }
    text.extend_from_slice(b"\"items\":[");
    text.extend_from_slice(items);
    text.extend_from_slice(b"]}");
    text
}

/// The adapter's issues and the check's, as an OperationOutcome.
fn issues(made: &mut Collect<'_>) -> Value {
    let mut outcome = render::outcome_of(&made.issues, made.issues_dropped, &made.totals);
    if !made.checked.issues.is_empty()
        && let Some(list) = outcome["issue"].as_array_mut()
    {
        list.retain(|issue| issue["details"]["coding"][0]["code"] != "all-ok");
        list.append(&mut made.checked.issues);
    }
    outcome
}

/// The key under which work about exactly one person keeps its order.
pub(super) fn single(persons: &[String]) -> Option<String> {
    match persons {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn summary(
    state: &AppState,
    adapter: &'static dyn Adapter,
    unreadable: bool,
    made: &Collect<'_>,
) -> TranslationSummary {
    for outcome in Outcome::ALL {
        state.counters.items(adapter.name(), outcome.word(), made.totals.of(outcome));
    }
    TranslationSummary {
        records: made.count + u64::from(unreadable),
        rejected: made.refused,
        items: made.totals.total(),
        mapped: made.totals.of(Outcome::Mapped),
        telling: made.totals.total() - made.totals.of(Outcome::Structural),
        carried: [Outcome::Mapped, Outcome::MappedWithLoss, Outcome::Decides]
            .into_iter()
            .map(|outcome| made.totals.of(outcome))
            .sum(),
        unexplained: made.totals.of(Outcome::Unexplained),
        errors: made.refused + made.checked.errors,
        warnings: made.warnings + made.checked.warnings,
    }
}

fn events(
    adapter: &dyn Adapter,
    detection: &Detection,
    end: End,
    made: &Collect<'_>,
    summary: &TranslationSummary,
) -> Vec<NewEvent> {
    let totals = &made.totals;
    let parts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|o| totals.of(*o) > 0)
        .map(|o| format!("{} {}", totals.of(o), o.word()))
        .collect();
    let detail = format!(
        "{} {}: {}, {} ({}), {}, {}",
        adapter.format().title,
        detection.version,
        count(made.count, "bundle"),
        count(totals.total(), "source item"),
        parts.join(", "),
        count(summary.errors, "error"),
        count(summary.warnings, "warning"),
    );
    let mut events = vec![NewEvent::new(end.event(), adapter.name(), &detail)];
    if made.checked.marked > 0 {
        let detail = format!(
            "{} marked, for breaking a rule of FHIR R4; nothing was dropped",
            count(made.checked.marked, "resource")
        );
        events.push(NewEvent::new("check-failed", "causeway", &detail));
    }
    events
}

fn translated_audit(
    adapter: &dyn Adapter,
    message: &Message,
    made: &Collect<'_>,
    summary: &TranslationSummary,
) -> NewAudit {
    // One digest over all outputs proves later which translation was current; a list could be a million long.
    let detail: Value = json!({
        "adapter": adapter.name(),
        "program": env!("CARGO_PKG_VERSION"),
        "original": hex(&message.sha256),
        "outputs": made.count,
        "outputsDigest": hex(&made.digest()),
        "items": summary.items,
        "unexplained": summary.unexplained,
    });
    NewAudit {
        actor: "causeway".to_owned(),
        action: "message-translated".to_owned(),
        entity: message.new.id.to_string(),
        detail: detail.to_string(),
    }
}
