//! Translation work: read, detect, translate, check, route, keep.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use causeway_adapter::render;
use causeway_core::{Issue, IssueCode, Severity};
use causeway_exchange::route::Routes;
use causeway_exchange::work::PROCESS_DIED;
use causeway_exchange::{
    Effects, EngineError, Lease, Message, NewEvent, NewWork, State, Translation, TranslationSummary, WorkKind,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::collect::{Broken, Gate, Gated, Job};
use super::made::{Input, Made, Unmade, effects};
use super::worker::{self, End};
use super::{STREAMED, content, detect, parts, route};
use crate::accept::FORMAT_HEADER;
use crate::limits::TRANSLATE_WINDOW_BYTES;
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
pub(super) fn batch(state: &Shared, pool: &Pool, leases: Vec<Lease>) {
    let routes = match route::table(state) {
        Ok(routes) => Arc::new(routes),
        Err(error) => {
            for lease in leases {
                let end = End::of(state, &error);
                worker::finish(state, &lease, end);
            }
            return;
        }
    };
    let mut window = Vec::new();
    let mut bytes = 0;
    for lease in leases {
        let message = match message(state, &lease) {
            Ok(message) => message,
            Err(end) => {
                worker::finish(state, &lease, end);
                continue;
            }
        };
        if !window.is_empty() && bytes + message.size > TRANSLATE_WINDOW_BYTES {
            run(state, pool, &routes, std::mem::take(&mut window));
            bytes = 0;
        }
        bytes += message.size;
        window.push((lease, message));
    }
    run(state, pool, &routes, window);
}

/// Translates one message that is streamed. It takes its time, so it has a worker of its own; where the service
/// stops meanwhile, it is translated anew at the next start.
pub(super) fn streamed(state: &Shared, lease: Lease, stop: &CancellationToken) {
    let found = message(state, &lease).and_then(|message| {
        let routes = route::table(state).map_err(|error| End::of(state, &error))?;
        Ok((message, routes))
    });
    let end = match found {
        Ok((message, routes)) => guarded(state, &routes, lease.clone(), &message, Some(stop)).1,
        Err(end) => end,
    };
    worker::finish(state, &lease, end);
}

fn message(state: &AppState, lease: &Lease) -> Result<Message, End> {
    match state.engine.message(&lease.item.message) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(End::park("not-found", "the message is not there")),
        Err(error) => Err(End::of(state, &error)),
    }
}

/// One message of a window, on its way to a thread.
struct Task {
    state: Shared,
    routes: Arc<Routes>,
    lease: Lease,
    message: Message,
    /// Place in its window.
    at: usize,
    done: Sender<(usize, (Lease, End))>,
}

/// The threads that translate side by side. They stay, for what a thread's allocator has warmed is lost with the thread.
pub(super) struct Pool {
    /// Where there is one thread only, the worker's own does it.
    tasks: Option<Sender<Task>>,
}

impl Pool {
    pub(super) fn start(threads: usize) -> Self {
        if threads < 2 {
            return Self { tasks: None };
        }
        let (sender, receiver) = channel::<Task>();
        let receiver = Arc::new(Mutex::new(receiver));
        let started = (0..threads).filter(|_| {
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name("translate-one".to_owned());
            thread.spawn(move || serve(&receiver)).is_ok()
        });
        // They end when the worker that has the pool does.
        let any = started.count() > 0;
        Self { tasks: any.then_some(sender) }
    }
}

fn serve(tasks: &Mutex<Receiver<Task>>) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { state, routes, lease, message, at, done }) = next else { return };
        let result = guarded(&state, &routes, lease, &message, None);
        // Nobody waits where the worker panicked; the lease runs out then.
        let _ = done.send((at, result));
    }
}

fn run(state: &Shared, pool: &Pool, routes: &Arc<Routes>, window: Vec<(Lease, Message)>) {
    let done: Vec<(Lease, End)> = match &pool.tasks {
        Some(tasks) if window.len() > 1 => {
            let (sender, results) = channel();
            for (at, (lease, message)) in window.into_iter().enumerate() {
                let (state, routes, done) = (state.clone(), Arc::clone(routes), sender.clone());
                if let Err(unsent) = tasks.send(Task { state, routes, lease, message, at, done }) {
                    let Task { state, routes, lease, message, at, done } = unsent.0;
                    let _ = done.send((at, guarded(&state, &routes, lease, &message, None)));
                }
            }
            drop(sender);
            let mut results: Vec<_> = results.into_iter().collect();
            results.sort_by_key(|(at, _)| *at);
            results.into_iter().map(|(_, result)| result).collect()
        }
        _ => {
            window.into_iter().map(|(lease, message)| guarded(state, routes, lease, &message, None)).collect()
        }
    };
    // Written in this order, so that what a person's messages ask for is queued in theirs.
    worker::finish_all(state, done);
}

fn guarded(
    state: &Shared,
    routes: &Routes,
    lease: Lease,
    message: &Message,
    stop: Option<&CancellationToken>,
) -> (Lease, End) {
    let done = catch_unwind(AssertUnwindSafe(|| translate(state, routes, &lease, message, stop)))
        .unwrap_or_else(|_| End::park("panic", "the program failed on this message; its content is kept"));
    tell(message, &done);
    (lease, if message.new.inbox { beside_the_inbox(done) } else { done })
}

/// Says in the log that a message was refused: which, whose and why.
fn tell(message: &Message, end: &End) {
    if let End::Done(effects) = end
        && effects.state == Some(State::Error)
    {
        let code = effects.failure.as_ref().map_or("", |(code, _)| code.as_str());
        tracing::warn!(message = %message.new.id, sender = message.new.sender, code, "message refused");
    }
}

/// With the number by which the sender knows the message, whatever became of it.
fn known_by(mut end: End, control_id: Option<String>) -> End {
    match &mut end {
        End::Done(effects) => effects.control_id = control_id,
        End::Failed(failure) => failure.effects.control_id = control_id,
        End::Left => {}
    }
    end
}

fn translate(
    state: &AppState,
    routes: &Routes,
    lease: &Lease,
    message: &Message,
    stop: Option<&CancellationToken>,
) -> End {
    let failed = |error| match error {
        EngineError::Invalid(what) => refused(state, message, rule_of(what), what),
        error => End::of(state, &error),
    };
    let limits = &state.config.limits;
    let mut source = match content::open(state, message, limits.message_bytes) {
        Ok(source) => source,
        Err(error) => return failed(error),
    };
    let hint = message.new.headers.get(FORMAT_HEADER).map(String::as_str);
    let detect = |input: &[u8]| detect::detect(state, input, message.new.media_type.as_deref(), hint);
    let mut input = Vec::new();
    // One byte more than may be held tells whether there is more.
    if let Err(error) = source.read_up_to(&mut input, limits.head_bytes + 1) {
        return failed(error);
    }
    let gate = Gate::new(stop);
    let job = |adapter| Job { state, routes, message, adapter, lease: Some(lease), gate: &gate };
    if input.len() as u64 > limits.head_bytes {
        if let Some((adapter, detection)) = detect(&input).filter(|(adapter, _)| adapter.streams()) {
            if lease.item.work.destination != STREAMED {
                let mut work = NewWork::new(WorkKind::Translate, STREAMED);
                work.replay = lease.item.work.replay;
                return End::Done(Box::new(Effects { work: vec![work], ..Effects::default() }));
            }
            let mut reader = Gated { gate: &gate, reader: input.as_slice().chain(source) };
            let control_id = adapter.control_id(&input);
            let made = effects(&job(adapter), &detection, Input::Stream(&mut reader));
            return known_by(end(state, message, made), control_id);
        }
        if let Err(error) = source.read_up_to(&mut input, limits.whole_bytes + 1) {
            return failed(error);
        }
        if input.len() as u64 > limits.whole_bytes {
            let text = format!(
                "a message of this format is translated in memory, up to limits.whole_bytes = {} bytes; it is kept",
                limits.whole_bytes
            );
            return End::park("too-large", &text);
        }
    }
    let Some((adapter, detection)) = detect(&input) else {
        let why = causeway_adapter::wrapped::why(&input);
        return refused(
            state,
            message,
            "unrecognised",
            why.unwrap_or("no adapter knows this format; the message is kept"),
        );
    };
    // What may have killed its process is translated where it can kill nothing else.
    let adapter = if lease.item.lost > 0 { state.isolated(adapter) } else { adapter };
    if let Some(part) = adapter.part(&input) {
        let work = parts::Work { state, routes, lease, message, adapter, detection: &detection };
        return known_by(work.take(&part), adapter.control_id(&input));
    }
    // A translation that was asked for again, or that killed a process, is made here.
    let first = lease.item.lost == 0 && !lease.item.work.replay;
    let input_made = match first.then(|| state.answers.take(&message.new.id)).flatten() {
        Some(answered) => Input::Answered(answered),
        None => Input::Whole(&input),
    };
    let made = effects(&job(adapter), &detection, input_made);
    known_by(end(state, message, made), adapter.control_id(&input))
}

/// The end of a message's translation, or why it has none.
fn end(state: &AppState, message: &Message, made: Result<Made, Unmade>) -> End {
    match made {
        Ok(made) => End::Done(Box::new(made.effects)),
        Err(Unmade::Unanswered) => End::await_service(state, "translator", "the translator did not answer"),
        Err(Unmade::Interrupted(text)) => End::suspect(text),
        Err(Unmade::Died(text)) => End::park(PROCESS_DIED, text),
        Err(Unmade::Broken(Broken::Stopped)) => End::released(state),
        Err(Unmade::Broken(Broken::Failed(EngineError::Invalid(what)))) => {
            refused(state, message, rule_of(what), what)
        }
        Err(Unmade::Broken(Broken::Failed(error))) => End::of(state, &error),
    }
}

/// The rule by which content is refused that can't be read.
fn rule_of(what: &'static str) -> &'static str {
    if what == content::UNPACKS_TOO_MUCH { "unpacks-too-much" } else { "unreadable" }
}

/// A message that can't be translated at all: kept, in state error, with an account of its one item.
fn refused(state: &AppState, message: &Message, rule: &'static str, text: &'static str) -> End {
    state.counters.translation("none", rule, std::time::Duration::ZERO);
    let issue = Issue::new(Severity::Fatal, IssueCode::NotSupported, rule, text);
    let ledger = json!({
        "totals": {"items": 1, "mapped": 0, "mapped-with-loss": 0, "decides": 0, "withheld": 0, "rejected": 1, "unsupported": 0,
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
