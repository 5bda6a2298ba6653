//! `causeway bench`: how fast the whole path is on this machine, beside the floors of the same run.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use causeway_exchange::{MessageQuery, State, WorkQuery, WorkState};
use causeway_service::config::Config;
use causeway_synth::formats::{client_level_data, messages};
use causeway_synth::journey::journey;
use causeway_synth::{Message, population};
use tokio::task::JoinSet;

use crate::process::print;
use crate::{ADAPTERS, load, serve};

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Messages sent per number of connections.
    pub messages: usize,
    /// Invented people behind the messages.
    pub people: usize,
    /// Seconds of each figure of the table of durable accepts; 0 leaves it out.
    pub seconds: u64,
}

/// Seconds that each translation measurement takes at least.
const MEASURE_SECONDS: f64 = 0.5;

/// People that a load is made from at most.
const PEOPLE_MAX: usize = 200_000;

/// Longest turn of one column of the table of accepts.
const ACCEPT_TURN: Duration = Duration::from_secs(1);

/// Bytes of one write of the flush floor: about one message.
const FLUSH_BYTES: usize = 5 * 1024;

/// Pairs of runs with and without poison; an odd number, so that there is a middle one.
const POISON_ROUNDS: usize = 7;

/// Runs all measurements and prints them.
///
/// # Errors
/// A sentence that says what could not be done.
pub async fn run(options: Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    print("All figures are of this machine and this run; compare only within it.\n\n");
    if options.seconds > 0 {
        accepts(folder.path(), Duration::from_secs(options.seconds)).await?;
    }
    if options.messages == 0 {
        return Ok(());
    }
    translate(options.people);
    let flush = flush_rate(folder.path()).map_err(|e| format!("flush floor: {e}"))?;
    print(&format!(
        "\nFlush floor: {flush:.0} writes of 5 kB per second, each flushed, one after the other\n"
    ));
    let load = journeys(options);
    print("\nThe whole path over HTTP: accepted, translated, kept in the record\n");
    for connections in [1, 16, 64] {
        path(folder.path(), &load, connections).await?;
    }
    poison(folder.path(), &load).await
}

/// Durable accepts of 5 kB through the HTTP door, beside the floors of the same run. The translation workers do
/// not run: their work is queued with each accept, as always, and stays there.
async fn accepts(folder: &Path, time: Duration) -> Result<(), String> {
    print(
        "Durable accepts of 5 kB messages, per second (p99 in ms). All columns share the cores with their client.\n\
         raw: write and fdatasync, a file for each thread. bare: SQLite with group commit, one table and one event\n\
         row, called by threads. bare HTTP: the same behind POST with the same HTTP library and nothing else.\n\n",
    );
    print(&format!(
        "  {:>11}  {:>16} {:>16} {:>16} {:>16}  {:>8} {:>9}\n",
        "connections", "raw", "bare", "bare HTTP", "POST /messages", "to bare", "to b. HTTP"
    ));
    for connections in [1, 16, 64] {
        let place = folder.join(format!("accepts{connections}"));
        std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
        let bare = load::Bare::start(&place.join("bare.db"))?;
        let http = load::Bare::start(&place.join("bare-http.db"))?;
        let http = Door::open(load::bare_door(http), None).await?;
        let ready = serve::prepare(config(place.join("data")), ADAPTERS).await?;
        let ours = Door::open(ready.service.router(), Some(ready.state)).await?;
        let mut rates: [Vec<load::Rate>; 4] = Default::default();
        // By turns: what else the machine does falls on all.
        let turn = time.min(ACCEPT_TURN);
        for number in 0..time.as_secs().div_ceil(turn.as_secs().max(1)) {
            let first = number << 32;
            rates[0].push(load::raw(&place, connections, turn)?);
            rates[1].push(load::in_threads(connections, turn, &|_, number| bare.write(first + number)));
            rates[2].push(load::over_http(http.address, connections, turn).await?);
            rates[3].push(load::over_http(ours.address, connections, turn).await?);
        }
        http.close().await?;
        ours.close().await?;
        let [raw, floor, http, ours] = rates.map(load::Rate::together);
        let show = |rate: &load::Rate| format!("{:.0} ({:.1})", rate.per_second, rate.within(0.99));
        print(&format!(
            "  {connections:>11}  {:>16} {:>16} {:>16} {:>16}  {:>7.0}% {:>8.0}%\n",
            show(&raw),
            show(&floor),
            show(&http),
            show(&ours),
            100.0 * ours.per_second / floor.per_second,
            100.0 * ours.per_second / http.per_second,
        ));
        drop(std::fs::remove_dir_all(&place));
    }
    print("\n");
    Ok(())
}

/// A router that is served on a port of its own.
struct Door {
    address: SocketAddr,
    stop: tokio_util::sync::CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Door {
    /// With the exchange's own accept loop where there is a state.
    async fn open(router: axum::Router, state: Option<causeway_service::Shared>) -> Result<Self, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let stop = tokio_util::sync::CancellationToken::new();
        let ending = stop.clone();
        let server = match state {
            Some(state) => {
                let (bounds, counters) = (state.config.limits.bounds(), state.counters.clone());
                tokio::spawn(async move {
                    causeway_service::server::run(bounds, counters, listener, router, None, ending).await;
                    Ok(())
                })
            }
            None => {
                let serving = axum::serve(listener, router);
                tokio::spawn(async move { serving.with_graceful_shutdown(ending.cancelled_owned()).await })
            }
        };
        Ok(Self { address, stop, server })
    }

    async fn close(self) -> Result<(), String> {
        self.stop.cancel();
        self.server.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}

fn config(data_directory: PathBuf) -> Config {
    Config { listen: "127.0.0.1:0".to_owned(), data_directory, open: true, ..Config::default() }
}

/// The whole path with one message in a hundred that no adapter can read, beside the same without: good traffic must
/// keep its rate, and every bad one must be kept aside with its cause.
async fn poison(folder: &Path, good: &[Message]) -> Result<(), String> {
    let mut mixed = Vec::with_capacity(good.len() + good.len() / 100);
    for (number, message) in good.iter().enumerate() {
        mixed.push(message.clone());
        if number % 100 == 50 {
            let mut bad = message.clone();
            bad.bytes = load::noise(number as u64);
            mixed.push(bad);
        }
    }
    let bad = mixed.len() - good.len();
    // In turns, and the second of a pair first in the next: what else the machine does falls on both.
    let (mut clean, mut dirty, mut aside) = (Vec::new(), Vec::new(), 0);
    for round in 0..POISON_ROUNDS {
        for poisoned in [round % 2 == 1, round % 2 == 0] {
            let place = folder.join(format!("poison{round}{poisoned}"));
            let (run, parked) = whole(&place, if poisoned { &mixed } else { good }, 16).await?;
            drop(std::fs::remove_dir_all(&place));
            // Of good messages nothing may be kept aside, so this counts the bad ones.
            aside += if poisoned { parked } else { 0 };
            if poisoned { &mut dirty } else { &mut clean }.push(good.len() as f64 / run.through);
        }
    }
    let shares: Vec<f64> = clean.iter().zip(&dirty).map(|(c, d)| 100.0 * d / c).collect();
    let median = |all: &[f64]| {
        let mut all = all.to_vec();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    print(&format!(
        "\nPoison: {bad} unreadable messages among {} good ones, {POISON_ROUNDS} pairs of runs: good ones {:.0}/s, without \
         poison {:.0}/s (medians; {:.0} % in the median pair, {:.0} to {:.0}); kept aside with a cause {aside} of {}\n",
        good.len(),
        median(&dirty),
        median(&clean),
        median(&shares),
        shares.iter().copied().fold(f64::INFINITY, f64::min),
        shares.iter().copied().fold(0.0, f64::max),
        bad * POISON_ROUNDS,
    ));
    Ok(())
}

fn journeys(options: Options) -> Vec<Message> {
    let mut all = Vec::new();
    for person in population(11, PEOPLE_MAX) {
        all.extend(messages(&person, &journey(11, &person)));
        if all.len() >= options.messages {
            break;
        }
    }
    all.truncate(options.messages);
    all
}

/// Translation alone, one core, by format.
fn translate(people: usize) {
    let persons: Vec<_> = population(5, people).into_iter().map(|p| (journey(5, &p), p)).collect();
    let mut by_format: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (journey, person) in &persons {
        for message in messages(person, journey) {
            by_format.entry(message.format).or_default().push(message.bytes);
        }
    }
    let pairs: Vec<_> = persons.iter().map(|(j, p)| (p, j)).collect();
    let file = client_level_data::file(&pairs, jiff::civil::date(2026, 12, 31));
    by_format.entry(file.format).or_default().push(file.bytes);
    print("Translation with the ledger on, one core\n");
    print(&format!(
        "  {:22} {:>9} {:>12} {:>12} {:>10}\n",
        "format", "bytes", "µs/message", "messages/s", "MB/s"
    ));
    for adapter in ADAPTERS {
        let Some(inputs) = by_format.get(adapter.name()) else { continue };
        let context = causeway_adapter::Context::new(
            crate::input::sender(Some("ZV801")),
            jiff::Timestamp::UNIX_EPOCH,
            "urn:uuid:00000000-0000-5000-8000-000000000000",
        );
        let started = Instant::now();
        let (mut count, mut bytes) = (0usize, 0usize);
        while started.elapsed().as_secs_f64() < MEASURE_SECONDS {
            for input in inputs {
                let done = causeway_adapter::translate(*adapter, input, &context);
                bytes += input.len();
                count += 1;
                std::hint::black_box(done.outputs.len());
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let per = seconds / count as f64;
        print(&format!(
            "  {:22} {:>9} {:>12.1} {:>12.0} {:>10.1}\n",
            adapter.name(),
            bytes / count,
            per * 1e6,
            1.0 / per,
            bytes as f64 / seconds / 1e6,
        ));
    }
}

fn flush_rate(folder: &Path) -> std::io::Result<f64> {
    let mut file = std::fs::File::create(folder.join("flush"))?;
    let block = vec![7u8; FLUSH_BYTES];
    let started = Instant::now();
    let mut writes = 0;
    while started.elapsed() < Duration::from_secs(2) {
        file.write_all(&block)?;
        file.sync_data()?;
        writes += 1;
    }
    Ok(f64::from(writes) / started.elapsed().as_secs_f64())
}

/// Accept and the whole path over HTTP.
async fn path(folder: &Path, load: &[Message], connections: usize) -> Result<(), String> {
    let (run, _) = whole(&folder.join(format!("c{connections}")), load, connections).await?;
    print(&format!(
        "{connections:>3} connections: {:.0} durable accepts/s (p50 {:.1} ms, p99 {:.1} ms); {:.0} messages/s through to the record\n",
        run.accepted.per_second,
        run.accepted.within(0.5),
        run.accepted.within(0.99),
        load.len() as f64 / run.through,
    ));
    Ok(())
}

/// One run of the whole path.
struct Run {
    accepted: load::Rate,
    /// Seconds until nothing was left to do.
    through: f64,
}

/// Sends all messages to an exchange of their own and waits until nothing is left to do; how many are parked,
/// or in error, with a cause.
async fn whole(data: &Path, load: &[Message], connections: usize) -> Result<(Run, u64), String> {
    let ready = serve::prepare(config(data.to_owned()), ADAPTERS).await?;
    let state = ready.state.clone();
    let address = ready.address;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(ready.run(async move {
        drop(stopped.await);
    }));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for part in load.chunks(load.len().div_ceil(connections).max(1)) {
        let part = part.to_vec();
        tasks.spawn_blocking(move || send_all(address, part));
    }
    let mut times = Vec::new();
    while let Some(part) = tasks.join_next().await {
        times.extend(part.map_err(|e| e.to_string())??);
    }
    let accepted = started.elapsed().as_secs_f64();
    loop {
        let metrics = state.engine.metrics().map_err(|e| e.to_string())?;
        if metrics.queues.iter().all(|q| q.ready + q.waiting + q.leased == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let through = started.elapsed().as_secs_f64();
    let query = WorkQuery { state: Some(WorkState::Parked), limit: usize::MAX, ..WorkQuery::default() };
    let parked = state.engine.work(&query).map_err(|e| e.to_string())?;
    let parked = parked.iter().filter(|w| w.last_error.is_some()).count() as u64;
    let query = MessageQuery { state: Some(State::Error), limit: usize::MAX, ..MessageQuery::default() };
    let refused = state.engine.search(&query).map_err(|e| e.to_string())?;
    let parked = parked + refused.iter().filter(|m| m.failure.is_some()).count() as u64;
    // Fails only where the server has ended by itself.
    let _ = stop.send(());
    server.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    Ok((Run { accepted: load::Rate::of(times, accepted), through }, parked))
}

fn send_all(address: SocketAddr, part: Vec<Message>) -> Result<Vec<f64>, String> {
    let mut client = load::Client::connect(address).map_err(|e| e.to_string())?;
    let mut times = Vec::with_capacity(part.len());
    for message in part {
        let request = load::request(message.media_type, message.sender.code, &message.bytes);
        let started = Instant::now();
        let status = client.send(&request).map_err(|e| e.to_string())?;
        if !(200..300).contains(&status) {
            return Err(format!("{}: {status}", message.name));
        }
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}
