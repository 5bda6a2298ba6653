//! A load generator that costs little: requests made beforehand, on connections that stay open. The floors that a
//! rate is compared with are here too: raw flushes, and the least that keeps a queue in SQLite.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rusqlite::Connection;
use tokio::sync::oneshot;

/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 5_120;
/// Most messages in one commit of the bare writer, as in the engine.
const BATCH: usize = 256;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Answers in a second, and how long they took.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    /// Per second.
    pub per_second: f64,
    times: Vec<f64>,
}

impl Rate {
    /// From the seconds that each took and the seconds of the whole.
    pub fn of(mut times: Vec<f64>, seconds: f64) -> Self {
        times.sort_by(f64::total_cmp);
        Self { per_second: times.len() as f64 / seconds, times }
    }

    /// Several turns as one.
    pub fn together(turns: Vec<Self>) -> Self {
        let seconds: f64 = turns.iter().map(|t| t.times.len() as f64 / t.per_second).sum();
        Self::of(turns.into_iter().flat_map(|t| t.times).collect(), seconds)
    }

    /// Milliseconds within which this share was answered.
    pub fn within(&self, share: f64) -> f64 {
        let at = ((self.times.len() as f64 * share) as usize).min(self.times.len().saturating_sub(1));
        self.times.get(at).copied().unwrap_or(0.0) * 1e3
    }
}

/// Bytes that don't compress, different for each number.
pub fn noise(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut out = Vec::with_capacity(MESSAGE_BYTES + 8);
    while out.len() < MESSAGE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(MESSAGE_BYTES);
    out
}

/// One request of the HTTP door, ready to be written.
pub fn request(media_type: &str, sender: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nCauseway-Sender: {sender}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A connection that stays open.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    piece: [u8; 4096],
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn connect(address: std::net::SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), piece: [0; 4096] })
    }

    /// Sends a request and waits for the answer's end; its status.
    ///
    /// # Errors
    /// Where the connection ends or the answer is not one with a length.
    pub fn send(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        loop {
            if let Some((status, whole)) = answer(&self.buffer)
                && self.buffer.len() >= whole
            {
                return Ok(status);
            }
            let read = self.stream.read(&mut self.piece)?;
            self.buffer.extend_from_slice(self.piece.get(..read).unwrap_or_default());
            if read == 0 || self.buffer.len() > ANSWER_BYTES_MAX {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Status and bytes in all of an answer whose header is there.
fn answer(bytes: &[u8]) -> Option<(u16, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let header = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let status = header.split(' ').nth(1)?.parse().ok()?;
    let length = header
        .lines()
        .filter_map(|l| l.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())?;
    Some((status, end + 4 + length))
}

/// Sends over so many connections for so long; every answer must be a success. Each connection has a thread of its own,
/// as each caller of the bare writer has.
///
/// # Errors
/// The first answer that is none.
pub async fn over_http(
    address: std::net::SocketAddr,
    connections: u64,
    time: Duration,
) -> Result<Rate, String> {
    let sent = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let times: Result<Vec<Vec<f64>>, String> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..connections)
                .map(|connection| scope.spawn(move || one_connection(address, connection, started, time)))
                .collect();
            all.into_iter()
                .map(|t| t.join().map_err(|_| "a connection's thread failed".to_owned())?)
                .collect()
        });
        Ok(Rate::of(times?.concat(), started.elapsed().as_secs_f64()))
    });
    sent.await.map_err(|e| e.to_string())?
}

fn one_connection(
    address: std::net::SocketAddr,
    connection: u64,
    started: Instant,
    time: Duration,
) -> Result<Vec<f64>, String> {
    let mut client = Client::connect(address).map_err(|e| e.to_string())?;
    let mut times = Vec::new();
    while started.elapsed() < time {
        let number = connection << 40 | times.len() as u64;
        let request = request("application/octet-stream", "ZV801", &noise(number));
        let begun = Instant::now();
        let status = client.send(&request).map_err(|e| e.to_string())?;
        if !(200..300).contains(&status) {
            return Err(format!("answered {status}"));
        }
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// Runs threads that each do one durable write after the other.
pub fn in_threads(threads: u64, time: Duration, one: &(dyn Fn(u64, u64) + Sync)) -> Rate {
    let started = Instant::now();
    let times = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut times = Vec::new();
                    while started.elapsed() < time {
                        let begun = Instant::now();
                        one(thread, thread << 40 | times.len() as u64);
                        times.push(begun.elapsed().as_secs_f64());
                    }
                    times
                })
            })
            .collect();
        all.into_iter().flat_map(|t| t.join().unwrap_or_default()).collect()
    });
    Rate::of(times, started.elapsed().as_secs_f64())
}

/// Raw write and flush, each thread in a file of its own.
///
/// # Errors
/// Where a file can't be made.
pub fn raw(folder: &Path, threads: u64, time: Duration) -> Result<Rate, String> {
    let made: std::io::Result<Vec<File>> =
        (0..threads).map(|n| File::create(folder.join(format!("raw{n}")))).collect();
    let files = made.map_err(|e| e.to_string())?;
    Ok(in_threads(threads, time, &|thread, number| {
        if let Some(mut file) = usize::try_from(thread).ok().and_then(|t| files.get(t)) {
            drop(file.write_all(&noise(number)).and_then(|()| file.sync_data()));
        }
    }))
}

type Done = Box<dyn FnOnce(bool) + Send>;

/// The least that keeps a queue in SQLite: one table with a unique id, one event row, group commit.
#[derive(Clone, Debug)]
pub struct Bare(SyncSender<Row>);

struct Row {
    number: u64,
    payload: Bytes,
    done: Done,
}

impl Bare {
    /// Starts its thread.
    ///
    /// # Errors
    /// Where the database can't be made.
    pub fn start(path: &Path) -> Result<Self, String> {
        let conn = Connection::open(path).map_err(|e| e.to_string())?;
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8192;
             CREATE TABLE m(seq INTEGER PRIMARY KEY, id TEXT UNIQUE, payload BLOB);
             CREATE TABLE e(seq INTEGER PRIMARY KEY, m INTEGER, kind TEXT);",
        )
        .map_err(|e| e.to_string())?;
        let (queue, rows) = sync_channel(4_096);
        std::thread::spawn(move || {
            while let Ok(first) = rows.recv() {
                let batch = std::iter::once(first).chain(rows.try_iter().take(BATCH - 1)).collect();
                write(&conn, batch);
            }
        });
        Ok(Self(queue))
    }

    /// Queues a row; `done` is called after its commit.
    fn submit(&self, number: u64, payload: Bytes, done: Done) {
        drop(self.0.send(Row { number, payload, done }));
    }

    /// Writes and waits for the commit.
    pub fn write(&self, number: u64) {
        let (done, wait): (_, Receiver<bool>) = sync_channel(1);
        let tell = Box::new(move |good| {
            let _ = done.send(good);
        });
        self.submit(number, Bytes::from(noise(number)), tell);
        let _ = wait.recv();
    }
}

fn write(conn: &Connection, batch: Vec<Row>) {
    let written = (|| {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for row in &batch {
            conn.prepare_cached("INSERT INTO m(id, payload) VALUES (?1, ?2)")?
                .execute((format!("M{}", row.number), row.payload.as_ref()))?;
            conn.prepare_cached("INSERT INTO e(m, kind) VALUES (?1, 'accepted')")?
                .execute([conn.last_insert_rowid()])?;
        }
        conn.execute_batch("COMMIT")
    })();
    for row in batch {
        (row.done)(written.is_ok());
    }
}

/// The bare writer behind the same HTTP library as the exchange, and nothing else: what HTTP itself leaves.
pub fn bare_door(bare: Bare) -> Router {
    async fn take(State(state): State<Arc<(Bare, std::sync::atomic::AtomicU64)>>, body: Bytes) -> StatusCode {
        let number = state.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (send, receive) = oneshot::channel();
        let tell = Box::new(move |good| {
            let _ = send.send(good);
        });
        state.0.submit(number, body, tell);
        if receive.await == Ok(true) { StatusCode::ACCEPTED } else { StatusCode::INTERNAL_SERVER_ERROR }
    }
    let state = Arc::new((bare, std::sync::atomic::AtomicU64::new(0)));
    Router::new().route("/messages", post(take)).with_state(state)
}

#[cfg(test)]
mod tests {
    use super::{Bare, Client, answer, bare_door, request};

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let whole = b"HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(answer(whole), Some((202, whole.len())));
        assert_eq!(answer(b"HTTP/1.1 202 Accepted\r\ncontent-le"), None);
    }

    #[tokio::test]
    async fn the_bare_door_takes_a_message() {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Bare::start(&folder.path().join("bare.db")).expect("starts");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, bare_door(bare)).await });
        let asked = tokio::task::spawn_blocking(move || {
            let mut client = Client::connect(address).expect("connects");
            for _ in 0..2 {
                assert_eq!(client.send(&request("text/plain", "ZV801", b"x")).expect("answers"), 202);
            }
        });
        asked.await.expect("no panic");
    }
}
