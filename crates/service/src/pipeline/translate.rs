//! Translation work: read, detect, translate, check, route, keep.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use causeway_adapter::{Adapter, Detection, render};
use causeway_core::{Issue, IssueCode, Outcome, Severity};
use causeway_exchange::route::Routes;
use causeway_exchange::{
    Effects, Lease, Message, NewAudit, NewEvent, NewWork, State, StoredOutput, Translation,
    TranslationSummary, WorkKind,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::check::Checked;
use super::worker::{self, End};
use super::{RECORD, content, detect, parts, route};
use crate::config::hex;
use crate::doors::http::FORMAT_HEADER;
use crate::limits::WINDOW_BYTES;
use crate::pages::words::count;
use crate::state::{AppState, Shared};

/// An end for a message that a recipient collects: where it stands is the recipient's to say. A translation that fails
/// must not take it out of the inbox, nor one that comes late undo the acknowledgement.
fn beside_the_inbox(mut end: End) -> End {
    if let End::Done(effects) = &mut end {
        (effects.state, effects.failure) = (None, None);
    }
    end
}

/// Translates the leased messages: the work of the processor side by side, the ends written together (they
/// share flushes) in the order in which the messages were accepted.
pub(super) fn batch(state: &Shared, leases: Vec<Lease>) {
    let routes = route::table(state);
    let mut window = Vec::new();
    let mut bytes = 0;
    for lease in leases {
        let message = match state.engine.message(&lease.item.message) {
            Ok(Some(message)) => message,
            Ok(None) => {
                worker::finish(state, &lease, End::park("not-found", "the message is not there"));
                continue;
            }
            Err(error) => {
                let end = End::of(state, &lease, &error);
                worker::finish(state, &lease, end);
                continue;
            }
        };
        if !window.is_empty() && bytes + message.size > WINDOW_BYTES {
            run(state, &routes, std::mem::take(&mut window));
            bytes = 0;
        }
        bytes += message.size;
        window.push((lease, message));
    }
    run(state, &routes, window);
}

fn run(state: &Shared, routes: &Routes, window: Vec<(Lease, Message)>) {
    let threads = state.config.limits.translate_workers.min(window.len());
    let done: Vec<(Lease, End)> = if threads < 2 {
        window.into_iter().map(|(lease, message)| guarded(state, routes, lease, &message)).collect()
    } else {
        let queue = Mutex::new(window.into_iter().enumerate());
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((at, (lease, message))) = next else { return };
                        let result = guarded(state, routes, lease, &message);
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    };
    // Written in this order, so that what a person's messages ask for is queued in theirs.
    worker::finish_all(state, done);
}

fn guarded(state: &Shared, routes: &Routes, lease: Lease, message: &Message) -> (Lease, End) {
    let done = catch_unwind(AssertUnwindSafe(|| translate(state, routes, &lease, message)))
        .unwrap_or_else(|_| End::park("panic", "the program failed on this message; its content is kept"));
    (lease, if message.new.inbox { beside_the_inbox(done) } else { done })
}

fn translate(state: &AppState, routes: &Routes, lease: &Lease, message: &Message) -> End {
    let input = match content::read(state, message) {
        Ok(content) => content.bytes,
        Err(causeway_exchange::EngineError::Invalid(what)) => {
            return refused(state, message, "unreadable", what);
        }
        Err(error) => return End::of(state, lease, &error),
    };
    let hint = message.new.headers.get(FORMAT_HEADER).map(String::as_str);
    let found = detect::detect(state, &input, message.new.media_type.as_deref(), hint);
    let Some((adapter, detection)) = found else {
        return refused(state, message, "unrecognised", "no adapter knows this format; the message is kept");
    };
    if let Some(part) = adapter.part(&input) {
        let work = parts::Work { state, routes, lease, message, adapter, detection: &detection };
        return work.take(&part);
    }
    match effects(state, routes, message, adapter, &detection, &input) {
        Some((effects, _)) => End::Done(Box::new(effects)),
        None => End::await_service(state, "translator", "the translator did not answer"),
    }
}

/// A message that can't be translated at all: kept, in state error, with an account of its one item.
fn refused(state: &AppState, message: &Message, rule: &'static str, text: &'static str) -> End {
    state.counters.translation("none", rule, std::time::Duration::ZERO);
    let issue = Issue::new(Severity::Fatal, IssueCode::NotSupported, rule, text);
    let ledger = json!({
        "totals": {"items": 1, "mapped": 0, "mapped-with-loss": 0, "withheld": 0, "rejected": 1, "unsupported": 0,
                   "structural": 0, "unexplained": 0},
        "unexplained": 0,
        "items": [{"at": "the whole input", "bytes": [0, message.size], "outcome": "rejected", "reason": text}],
    });
    let translation = Translation {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ledger: ledger.to_string().into_bytes(),
        issues: render::operation_outcome([&issue], 0).to_string().into_bytes(),
        summary: TranslationSummary {
            records: 1,
            rejected: 1,
            items: 1,
            errors: 1,
            ..TranslationSummary::default()
        },
        ..Translation::default()
    };
    End::Done(Box::new(Effects {
        state: Some(State::Error),
        failure: Some((rule.to_owned(), text.to_owned())),
        translation: Some(translation),
        events: vec![NewEvent::new(rule, "causeway", text)],
        ..Effects::default()
    }))
}

/// Everything that a translation of this input changes, and the digests of the persons it is about. `None` where
/// the program failed and not the input (an adapter in another process could not be reached): try again.
pub(super) fn effects(
    state: &AppState,
    routes: &Routes,
    message: &Message,
    adapter: &'static dyn Adapter,
    detection: &Detection,
    input: &[u8],
) -> Option<(Effects, Vec<String>)> {
    let context = state.context(&message.new.sender, message.received_at, &message.new.id, false);
    let started = Instant::now();
    let mut made = causeway_adapter::translate(adapter, input, &context);
    let took = started.elapsed();
    if made.unreadable && made.issues.last().is_some_and(|i| i.code == IssueCode::Exception) {
        state.counters.translation(adapter.name(), "failed", took);
        return None;
    }
    let end = if made.unreadable {
        "unreadable"
    } else if made.rejected() {
        "partly"
    } else {
        "whole"
    };
    state.counters.translation(adapter.name(), end, took);

    let mut checked = Checked::default();
    let mut outputs = Vec::with_capacity(made.outputs.len());
    for (number, output) in made.outputs.iter_mut().enumerate() {
        let bytes = checked.bundle(state, number, std::mem::take(&mut output.json));
        let name =
            if output.label.is_empty() { format!("bundle {}", number + 1) } else { output.label.clone() };
        outputs.push(StoredOutput { name, media_type: crate::fhir::MEDIA_TYPE.to_owned(), bytes });
    }
    let summary = summary(state, adapter, &made, &checked);
    let mut effects =
        Effects { events: events(adapter, detection, &made, &checked, &summary), ..Effects::default() };
    effects.audit.push(translated_audit(adapter, message, &outputs, &summary));
    effects.state = Some(if made.unreadable { State::Error } else { State::Translated });
    if made.unreadable {
        let text = made.issues.last().map_or_else(String::new, |i| i.text.to_string());
        effects.failure = Some(("unreadable".to_owned(), text));
    }
    if !outputs.is_empty() {
        let mut work = NewWork::new(WorkKind::Record, RECORD);
        work.order_key = single(&checked.persons);
        effects.work.push(work);
        route::deliveries(state, routes, message, adapter, &made, &outputs, &checked.persons, &mut effects);
    }
    let acknowledgement = made.acknowledgement.map(|ack| StoredOutput {
        name: format!("acknowledgement.{}", ack.extension),
        media_type: ack.media_type.to_owned(),
        bytes: ack.bytes,
    });
    if let Some(acknowledgement) = &acknowledgement {
        route::acknowledge(message, acknowledgement, &mut effects);
    }
    let mut outcome = render::operation_outcome(&made.issues, made.issues_dropped);
    if !checked.issues.is_empty()
        && let Some(list) = outcome["issue"].as_array_mut()
    {
        if made.issues.is_empty() && made.issues_dropped == 0 {
            list.clear();
        }
        list.append(&mut checked.issues);
    }
    effects.translation = Some(Translation {
        adapter: adapter.name().to_owned(),
        format: format!("{} {}", adapter.title(), detection.version).trim_end().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        outputs,
        ledger: render::ledger_json(&made.ledger).to_string().into_bytes(),
        issues: outcome.to_string().into_bytes(),
        acknowledgement,
        summary,
    });
    Some((effects, checked.persons))
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
    made: &causeway_adapter::Translation,
    checked: &Checked,
) -> TranslationSummary {
    let totals = made.ledger.totals();
    for outcome in Outcome::ALL {
        state.counters.items(adapter.name(), outcome.word(), totals.of(outcome));
    }
    let of = |least: Severity, most: Severity| {
        made.issues.iter().filter(|i| i.severity >= least && i.severity <= most).count() as u64
    };
    let rejected = of(Severity::Error, Severity::Fatal);
    TranslationSummary {
        records: made.outputs.len() as u64 + u64::from(made.unreadable),
        rejected,
        items: totals.total(),
        mapped: totals.of(Outcome::Mapped),
        unexplained: totals.of(Outcome::Unexplained),
        errors: rejected + checked.errors,
        warnings: of(Severity::Warning, Severity::Warning) + checked.warnings,
    }
}

fn events(
    adapter: &dyn Adapter,
    detection: &Detection,
    made: &causeway_adapter::Translation,
    checked: &Checked,
    summary: &TranslationSummary,
) -> Vec<NewEvent> {
    let totals = made.ledger.totals();
    let parts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|o| totals.of(*o) > 0)
        .map(|o| format!("{} {}", totals.of(o), o.word()))
        .collect();
    let kind = if made.unreadable { "unreadable" } else { "translated" };
    let detail = format!(
        "{} {}: {}, {} ({}), {}, {}",
        adapter.title(),
        detection.version,
        count(made.outputs.len() as u64, "bundle"),
        count(totals.total(), "source item"),
        parts.join(", "),
        count(summary.errors, "error"),
        count(summary.warnings, "warning"),
    );
    let mut events = vec![NewEvent::new(kind, adapter.name(), &detail)];
    if checked.marked > 0 {
        let detail = format!(
            "{} marked, for breaking a rule of FHIR R4; nothing was dropped",
            count(checked.marked, "resource")
        );
        events.push(NewEvent::new("check-failed", "causeway", &detail));
    }
    events
}

fn translated_audit(
    adapter: &dyn Adapter,
    message: &Message,
    outputs: &[StoredOutput],
    summary: &TranslationSummary,
) -> NewAudit {
    // One digest over all outputs proves later which translation was current; a list could be a million long.
    let mut all = Sha256::new();
    for output in outputs {
        all.update(Sha256::digest(&output.bytes));
    }
    let detail: Value = json!({
        "adapter": adapter.name(),
        "program": env!("CARGO_PKG_VERSION"),
        "original": hex(&message.sha256),
        "outputs": outputs.len(),
        "outputsDigest": hex(&all.finalize()),
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
