//! `causeway bench`: how fast the whole path is on this machine, beside the floors of the same run.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_service::config::Config;
use causeway_synth::formats::{client_level_data, messages};
use causeway_synth::journey::journey;
use causeway_synth::{Message, population};
use tokio::task::JoinSet;

use crate::cli::print;
use crate::{ADAPTERS, serve};

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Messages sent per number of connections.
    pub messages: usize,
    /// Invented people behind the messages.
    pub people: usize,
}

/// Seconds that each translation measurement takes at least.
const MEASURE_SECONDS: f64 = 0.5;

/// Bytes of one write of the flush floor: about one message.
const FLUSH_BYTES: usize = 5 * 1024;

/// Runs all measurements and prints them.
///
/// # Errors
/// A sentence that says what could not be done.
pub async fn run(options: Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    print("All figures are of this machine and this run; compare only within it.\n\n");
    translate(options.people);
    let flush = flush_rate(folder.path()).map_err(|e| format!("flush floor: {e}"))?;
    print(&format!(
        "\nFlush floor: {flush:.0} writes of 5 kB per second, each flushed, one after the other\n"
    ));
    let load = load(options);
    for connections in [1, 16] {
        path(folder.path(), &load, connections).await?;
    }
    Ok(())
}

fn load(options: Options) -> Vec<Message> {
    let mut all = Vec::new();
    for person in population(11, usize::MAX.min(200_000)) {
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
    let config = Config {
        listen: "127.0.0.1:0".to_owned(),
        data_directory: folder.join(format!("c{connections}")),
        open: true,
        ..Config::default()
    };
    let ready = serve::prepare(config, ADAPTERS).await?;
    let state = ready.state.clone();
    let base = format!("http://{}", ready.address);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(ready.run(async move {
        drop(stopped.await);
    }));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for part in load.chunks(load.len().div_ceil(connections).max(1)) {
        tasks.spawn(send_all(base.clone(), part.to_vec()));
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
    let whole = started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied()
    };
    print(&format!(
        "{connections:>3} connections: {:.0} durable accepts/s (p50 {:.1} ms, p99 {:.1} ms); {:.0} messages/s through to the record\n",
        load.len() as f64 / accepted,
        at(0.5).unwrap_or(0.0) * 1e3,
        at(0.99).unwrap_or(0.0) * 1e3,
        load.len() as f64 / whole,
    ));
    // Fails only where the server has ended by itself.
    let _ = stop.send(());
    server.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

async fn send_all(base: String, part: Vec<Message>) -> Result<Vec<f64>, String> {
    let client = crate::demo::client()?;
    let mut times = Vec::with_capacity(part.len());
    for message in part {
        let started = Instant::now();
        let answer = client
            .post(format!("{base}/messages"))
            .header("Content-Type", message.media_type)
            .header("Causeway-Sender", message.sender.code)
            .body(message.bytes)
            .send()
            .await
            .map_err(|e| e.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", message.name, answer.status()));
        }
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}
