//! A Client Level Data file of many rows through a server of its own, from the door to the record: how fast, and with
//! how much memory.
//!
//! ```text
//! cargo build --release && cargo run --release -p causeway --example large_file -- ROWS [FOLDER]
//! ```
//!
//! The server is a process of its own (the binary beside this one), so that its memory is its own: `VmHWM` is the most
//! that it ever held. The folder must be empty; it is left as it is at the end. Without one a temporary folder is used.

#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use causeway_synth::formats::client_level_data;
use causeway_synth::journey::journey;
use causeway_synth::people::population;
use serde_json::Value;

/// People whose rows are made at a time.
const PEOPLE_AT_ONCE: usize = 2_000;
/// People there are: about the numbers of the range for tests.
const PEOPLE_MAX: usize = 900_000;
/// Milliseconds between two looks at the message.
const LOOK_MS: u64 = 500;

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(20_000);
    let temporary = tempfile::tempdir().map_err(|e| e.to_string())?;
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    run(rows, &folder).map_err(|e| e.to_string())
}

fn run(rows: usize, folder: &Path) -> io::Result<()> {
    let file = folder.join("cld.csv");
    let rows = generate(rows, &file)?;
    let size = std::fs::metadata(&file)?.len();
    println!("{rows} rows, {} MB", size / 1_000_000);
    let mut server = Server::start(&folder.join("data"))?;
    println!("server at rest: {} MB at most so far", server.most_memory() / 1000);
    let begun = Instant::now();
    let id = server.send(&file, size)?;
    let told = |what: &str, begun: Instant, server: &Server| {
        let seconds = begun.elapsed().as_secs_f64();
        let rate = rows as f64 / seconds;
        let most = server.most_memory() / 1000;
        println!("{what} after {seconds:.1} s ({rate:.0} rows/s); {most} MB at most so far");
    };
    told("accepted", begun, &server);
    let message = server.until(&id, "translated")?;
    told("translated, checked and stored", begun, &server);
    let translation = &message["translation"];
    println!("  {} bundles, ledger {}", translation["bundleCount"], translation["ledger"]);
    let message = server.until(&id, "recorded")?;
    told("in the record", begun, &server);
    for event in message["timeline"].as_array().into_iter().flatten() {
        if event["event"] == "recorded" {
            println!("  {}", event["detail"].as_str().unwrap_or_default());
        }
    }
    for path in ["", "/ledger", "/bundles", "/issues", "/bundles/1"] {
        let asked = Instant::now();
        let answer = server.get(&format!("/messages/{id}{path}"))?;
        let took = asked.elapsed().as_secs_f64() * 1e3;
        println!("GET /messages/…{path}: {} bytes in {took:.0} ms", answer.len());
    }
    told("read by its pages", begun, &server);
    Ok(())
}

/// Writes a file of about so many rows; how many it has.
fn generate(rows: usize, path: &Path) -> io::Result<usize> {
    let mut out = BufWriter::new(File::create(path)?);
    let people = population(1, PEOPLE_MAX.min(rows));
    let mut written = 0;
    for (number, some) in people.chunks(PEOPLE_AT_ONCE).enumerate() {
        let journeys: Vec<_> = some.iter().map(|person| journey(1, person)).collect();
        let pairs: Vec<_> = some.iter().zip(&journeys).collect();
        let bytes = client_level_data::file(&pairs, jiff::civil::date(2026, 12, 31)).bytes;
        let lines = bytes.split_inclusive(|b| *b == b'\n').skip(usize::from(number > 0));
        for line in lines {
            if written > rows {
                return out.flush().map(|()| rows);
            }
            out.write_all(line)?;
            written += 1;
        }
    }
    out.flush()?;
    Ok(written - 1)
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> io::Result<Self> {
        let own = std::env::current_exe()?;
        let release = own.parent().and_then(Path::parent).ok_or(io::ErrorKind::NotFound)?;
        let mut child = Command::new(release.join("causeway"))
            .args(["serve", "--open", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().to_owned();
        Ok(Self { child, address })
    }

    /// The most memory that it ever held, in kB.
    fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    fn ask(&self, head: &str, body: &mut dyn Read) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        let host = &self.address;
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: application/json\r\n"
        )?;
        if head.starts_with("GET") {
            stream.write_all(b"\r\n")?;
        }
        io::copy(body, &mut stream)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0);
        Ok(answer.split_off(at + 4))
    }

    fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        self.ask(&format!("GET {path}"), &mut io::empty())
    }

    fn send(&self, path: &Path, size: u64) -> io::Result<String> {
        let head =
            format!("Content-Type: text/csv\r\nCauseway-Sender: ZZ901\r\nContent-Length: {size}\r\n\r\n");
        let mut body = head.as_bytes().chain(File::open(path)?);
        let answer: Value = serde_json::from_slice(&self.ask("POST /messages", &mut body)?)?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| io::Error::other(answer.to_string()))
    }

    /// Waits until an event is on the message's timeline.
    fn until(&mut self, id: &str, event: &str) -> io::Result<Value> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("the server ended: {status}")));
            }
            let message: Value = serde_json::from_slice(&self.get(&format!("/messages/{id}"))?)?;
            let mut events = message["timeline"].as_array().into_iter().flatten().map(|e| &e["event"]);
            if events.any(|e| e == event || e == "work-parked") {
                return Ok(message);
            }
            std::thread::sleep(Duration::from_millis(LOOK_MS));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
