//! A broker on PostgreSQL and its turn. One works; each other one waits in its process: its record follows the exchange, so that it
//! has little to take in when its turn comes, and its door says that it waits and shows nothing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use causeway_broker::person;
use causeway_exchange::{Configuration as _, EngineError, Operation as _};
use causeway_host::counters::Counters;
use causeway_postgres::{Options, Place, Postgres, is_taken};
use causeway_record::Record;
use causeway_service::config::{self, Config};
use causeway_service::state::{Adapters, AppState, Shared};
use causeway_service::{Problem, delivery, host, server, tls};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::catch_up::{Followed, Step, Stopped};
use crate::keep::RECORD;
use crate::opening::{Opened, on_postgres};
use crate::process::print;
use crate::{keep, rebuild};

/// Pause between two looks at what is new, and at whose turn it is.
const LOOK: Duration = Duration::from_millis(250);
/// How long the lock of the working broker must be free before another takes it, where the server is the same all the time: one
/// that lost its connection alone asks for work each second, and is back by then.
const FREE: Duration = Duration::from_secs(2);
/// The same after the server changed or was away: the working broker looks for the new leader as this one does, and may find it
/// later (each host that says nothing is tried for three seconds). It keeps its turn, for taking over is never without a pause.
const FREE_AFTER_CHANGE: Duration = Duration::from_secs(8);
/// How long a change of the server counts as one.
const CHANGE_COUNTS: Duration = Duration::from_secs(60);
/// Seconds after which somebody who was sent away may ask again.
const ASK_AGAIN_SECONDS: u64 = 1;

/// What the door says.
#[derive(Debug)]
struct Board {
    /// Messages that the record lacks.
    behind: AtomicU64,
    /// Whether its turn has come and it takes in what is left.
    begins: AtomicBool,
    /// Why it can't follow at the moment; empty where it does.
    trouble: Mutex<String>,
}

impl Board {
    fn new() -> Self {
        let trouble = Mutex::new("it has not looked yet".to_owned());
        Self { behind: AtomicU64::new(0), begins: AtomicBool::new(false), trouble }
    }

    /// Says what is the matter, once for as long as it is the same.
    fn tell(&self, trouble: &str) {
        let mut known = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != trouble {
            if trouble.is_empty() {
                tracing::info!("this broker follows the exchange");
            } else {
                tracing::warn!(trouble, "this broker waits and can't follow the exchange for now");
            }
            trouble.clone_into(&mut known);
        }
    }

    fn health(&self) -> Value {
        let behind = self.behind.load(Ordering::Relaxed);
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let begins = self.begins.load(Ordering::Relaxed);
        let reason = match (begins, trouble.as_str()) {
            (true, _) => format!("its turn has come: {behind} messages are taken into its record first"),
            (_, "") => format!("another broker works; this one follows it, {behind} messages behind"),
            (_, why) => format!("another broker works, and this one can't follow it for now: {why}"),
        };
        json!({
            "status": if begins { "begins" } else { "waiting" },
            "accepting": false,
            "follows": !begins && trouble.is_empty(),
            "behind": behind,
            "reason": reason,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// Answers `/health`, and sends everybody else away.
fn door(board: Arc<Board>, tls: bool) -> Router {
    let away = || async {
        let text = "this broker waits while another one works: ask that one";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "transient", "waiting", text);
        problem.after(ASK_AGAIN_SECONDS)
    };
    let health = |State(board): State<Arc<Board>>| async move {
        (StatusCode::SERVICE_UNAVAILABLE, Json(board.health()))
    };
    let sealed = middleware::map_response(move |mut response: Response| async move {
        host::browser::seal(&mut response, tls);
        response
    });
    Router::new()
        .route("/health", get(health))
        .fallback(move || async move { away().await.into_response() })
        .layer(sealed)
        .with_state(board)
}

/// What is kept from the wait to the turn.
#[derive(Default)]
struct Following {
    record: Option<Arc<Record>>,
    followed: Followed,
}

impl Following {
    fn record(&mut self, data: &Path) -> Result<Arc<Record>, String> {
        if let Some(record) = &self.record {
            return Ok(Arc::clone(record));
        }
        let record = Arc::new(Record::open(data.join(RECORD)).map_err(|e| keep::said(data, &e))?);
        self.record = Some(Arc::clone(&record));
        Ok(record)
    }

    /// Deletes the record, which tells what was erased, for a new one: nobody else may have it open. Not where a new one would
    /// lack what messages told that have no content any more.
    fn anew(&mut self, engine: &Postgres, data: &Path) -> Result<(), Stopped> {
        let lost = rebuild::may_lose(&engine.recorded()?, false);
        lost.map_err(|why| {
            Stopped::ForGood(format!(
                "{RECORD} still tells what was erased from the exchange, and is not made anew: {why}"
            ))
        })?;
        tracing::warn!("the record tells what was erased from the exchange: it is deleted and made anew");
        *self = Self::default();
        rebuild::delete(data).map_err(Stopped::ForGood)
    }
}

/// Opens exchange and record when it is this broker's turn, and answers at the socket until then. The record has then all that the
/// exchange says is in it. `check` is given the names of the endpoints kept in the exchange.
///
/// # Errors
/// A sentence that says what could not be done. That another broker works is none.
pub(crate) async fn opened(
    config: &Config,
    settings: &config::Postgres,
    adapters: Adapters,
    check: &dyn Fn(&[String]) -> Result<(), String>,
    socket: &std::net::TcpListener,
) -> Result<Opened, String> {
    let options = keep::exchange::postgres_options(settings)?;
    let place = settings.connection_file.display().to_string();
    let board = Arc::new(Board::new());
    let mut following = Following::default();
    let mut waits: Option<CancellationToken> = None;
    let ended = CancellationToken::new();
    // Whoever waits for this may stop waiting: the process is asked to end.
    let _ends = ended.clone().drop_guard();
    loop {
        let given = (config.clone(), options.clone(), Arc::clone(&board));
        let begun = tokio::task::spawn_blocking(move || {
            let begun = begin(&given.0, given.1, adapters, &mut following, &given.2);
            (begun, following)
        });
        let (begun, kept) = begun.await.map_err(|e| e.to_string())?;
        following = kept;
        match begun {
            Ok(opened) => {
                if let Some(stop) = waits {
                    stop.cancel();
                }
                return Ok(opened);
            }
            Err(Refused::Taken) => {}
            // While it waits, a server that is away is no reason to end.
            Err(Refused::Stopped(Stopped::ForNow(why))) if waits.is_some() => board.tell(&why),
            Err(Refused::Stopped(why)) => return Err(format!("{place}: {}", why.words())),
        }
        board.begins.store(false, Ordering::Relaxed);
        if waits.is_none() {
            let options = options.clone();
            let names = tokio::task::spawn_blocking(move || {
                Postgres::follow(options).and_then(|engine| engine.configs(delivery::config::DOCUMENT))
            });
            // What is wrong is told now, not when the other broker is gone.
            if let Ok(kept) = names.await.map_err(|e| e.to_string())? {
                check(&kept.into_iter().map(|(name, ..)| name).collect::<Vec<_>>())?;
            }
            waits = Some(answer(config, socket, Arc::clone(&board))?);
        }
        let given = (config.clone(), options.clone(), Arc::clone(&board), ended.clone());
        let waited = tokio::task::spawn_blocking(move || {
            let waited = until_its_turn(&given.0, &given.1, adapters, &mut following, &given.2, &given.3);
            (waited, following)
        });
        let (waited, kept) = waited.await.map_err(|e| e.to_string())?;
        following = kept;
        waited?;
    }
}

/// Answers at the door until the token is cancelled.
fn answer(
    config: &Config,
    socket: &std::net::TcpListener,
    board: Arc<Board>,
) -> Result<CancellationToken, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", config.listen);
    let listener = socket.try_clone().and_then(tokio::net::TcpListener::from_std).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let wrap = config.tls.as_ref().map(tls::wrap).transpose().map_err(|e| e.to_string())?;
    let stop = CancellationToken::new();
    let router = door(board, wrap.is_some());
    let (bounds, counters) = (config.limits.bounds(), Arc::new(Counters::default()));
    tokio::spawn(server::run(bounds, counters, listener, router, wrap, stop.clone()));
    tracing::info!(%address, "another broker works on this database; this one waits and follows");
    print(&format!("waiting on http://{address}\n"));
    Ok(stop)
}

/// Why it can't begin.
enum Refused {
    /// Another broker works.
    Taken,
    Stopped(Stopped),
}

impl From<Stopped> for Refused {
    fn from(why: Stopped) -> Self {
        Self::Stopped(why)
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        Self::Stopped(error.into())
    }
}

/// Takes the database over, where nobody has it, and brings the record up to date.
fn begin(
    config: &Config,
    options: Options,
    adapters: Adapters,
    following: &mut Following,
    board: &Board,
) -> Result<Opened, Refused> {
    let data = &config.data_directory;
    let for_good = |why: String| Refused::Stopped(Stopped::ForGood(why));
    let engine = match Postgres::open(Options { alone: true, ..options }) {
        Ok(engine) => Arc::new(engine),
        Err(error) if is_taken(&error) => return Err(Refused::Taken),
        Err(error) => return Err(error.into()),
    };
    board.begins.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    loop {
        // From here on no other broker writes: what the exchange says now is all that it will say.
        let record = following.record(data).map_err(for_good)?;
        let opened = on_postgres(config.clone(), adapters, &engine, record.clone()).map_err(for_good)?;
        let behind = |count| board.behind.store(count, Ordering::Relaxed);
        match following.followed.step(&opened.state, &engine, &record, &behind)? {
            Step::Here(_) => {
                let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(took_ms, "this broker works on the database; its record is up to date");
                return Ok(opened);
            }
            Step::Anew => {
                drop((opened, record));
                following.anew(&engine, data)?;
            }
        }
    }
}

/// Whose turn it is, as far as one who waits can see.
#[derive(Default)]
struct Watch {
    /// The server, by timeline and start.
    server: Option<(String, i64)>,
    /// When it last changed or was away.
    changed: Option<Instant>,
    /// Since when the lock of the working broker is free.
    free: Option<Instant>,
}

impl Watch {
    fn away(&mut self, now: Instant) {
        self.changed = Some(now);
        self.free = None;
    }

    /// Whether it is this broker's turn.
    fn sees(&mut self, place: &Place, now: Instant) -> bool {
        let server = Some((place.timeline.clone(), place.started));
        if self.server.is_some() && self.server != server {
            self.away(now);
        }
        self.server = server;
        if !place.vacant {
            self.free = None;
            return false;
        }
        let since = *self.free.get_or_insert(now);
        let changed = self.changed.is_some_and(|at| now.duration_since(at) < CHANGE_COUNTS);
        now.duration_since(since) >= if changed { FREE_AFTER_CHANGE } else { FREE }
    }
}

/// Follows until it is this broker's turn, or might be where that can't be seen.
fn until_its_turn(
    config: &Config,
    options: &Options,
    adapters: Adapters,
    following: &mut Following,
    board: &Board,
    ended: &CancellationToken,
) -> Result<(), String> {
    let data = &config.data_directory;
    let mut watch = Watch::default();
    let mut side: Option<(Arc<Postgres>, Option<Shared>)> = None;
    while !ended.is_cancelled() {
        let looked = match &mut side {
            Some((engine, state)) => look(config, adapters, engine, state, following, board),
            None => match Postgres::follow(options.clone()) {
                Ok(engine) => {
                    side = Some((Arc::new(engine), None));
                    continue;
                }
                Err(error) if error.is_transient() => Err(error.into()),
                // Tables that are not there yet, or of another version: to be looked at again by opening them.
                Err(error) => {
                    board.tell(&error.to_string());
                    std::thread::sleep(FREE);
                    return Ok(());
                }
            },
        };
        match looked {
            Ok(Looked::At(place)) => {
                if watch.sees(&place, Instant::now()) {
                    return Ok(());
                }
            }
            Ok(Looked::Anew) => {
                if let Some((engine, state)) = &mut side {
                    *state = None;
                    match following.anew(engine, data) {
                        Ok(()) => {}
                        Err(Stopped::ForNow(why)) => board.tell(&why),
                        Err(Stopped::ForGood(why)) => return Err(why),
                    }
                }
            }
            Err(Stopped::ForNow(why)) => {
                watch.away(Instant::now());
                board.tell(&why);
            }
            Err(Stopped::ForGood(why)) => return Err(why),
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// What one look gave.
enum Looked {
    At(Place),
    /// The record is to be made anew.
    Anew,
}

/// Takes in what is new.
fn look(
    config: &Config,
    adapters: Adapters,
    engine: &Arc<Postgres>,
    state: &mut Option<Shared>,
    following: &mut Following,
    board: &Board,
) -> Result<Looked, Stopped> {
    let data = &config.data_directory;
    if !data.join(person::FILE).exists() {
        // One made here would be another than the working broker's.
        board.tell("person.key of the other broker is missing in its folder");
        return Ok(Looked::At(engine.place(0)?));
    }
    let record = following.record(data).map_err(Stopped::ForGood)?;
    let state = match state {
        Some(state) => state,
        None => state.insert(AppState::new(config.clone(), engine.clone(), Arc::clone(&record), adapters)?),
    };
    let behind = |count| board.behind.store(count, Ordering::Relaxed);
    let step = following.followed.step(state, engine, &record, &behind)?;
    board.tell("");
    Ok(match step {
        Step::Here(place) => Looked::At(place),
        Step::Anew => Looked::Anew,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(timeline: &str, vacant: bool) -> Place {
        Place { event: 1, timeline: timeline.to_owned(), started: 1, vacant, behind: 0 }
    }

    #[test]
    fn the_working_broker_keeps_its_turn_while_the_leader_changes() {
        let begun = Instant::now();
        // Milliseconds since the beginning, what is seen (`None`: the server is away), whether it is this broker's turn.
        type Seen = (u64, Option<(&'static str, bool)>, bool);
        let cases: [(&str, &[Seen]); 4] = [
            ("it works", &[(0, Some(("1", false)), false), (90_000, Some(("1", false)), false)]),
            (
                "it is gone",
                &[
                    (0, Some(("1", false)), false),
                    (100, Some(("1", true)), false),
                    (2_100, Some(("1", true)), true),
                ],
            ),
            (
                "it lost its connection and is back",
                &[
                    (0, Some(("1", true)), false),
                    (1_900, Some(("1", false)), false),
                    (2_200, Some(("1", true)), false),
                ],
            ),
            (
                "the leader changed",
                &[
                    (0, Some(("1", false)), false),
                    (250, None, false),
                    (20_000, Some(("2", true)), false),
                    (27_900, Some(("2", true)), false),
                    (28_000, Some(("2", true)), true),
                ],
            ),
        ];
        for (what, seen) in cases {
            let mut watch = Watch::default();
            for (at, sees, turn) in seen {
                let now = begun + Duration::from_millis(*at);
                let its = match sees {
                    Some((timeline, vacant)) => watch.sees(&place(timeline, *vacant), now),
                    None => {
                        watch.away(now);
                        false
                    }
                };
                assert_eq!(its, *turn, "{what}, {at} ms");
            }
        }
    }
}
