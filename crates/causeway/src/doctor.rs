//! `causeway doctor`: does "accepted" mean durable on this machine? Measures the flush, kills a writer without
//! warning, and, where it may (root, with `mkfs.ext4` and loop mounts), cuts the power of a disk in a file.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use causeway_exchange::{
    Accept, Accepting, Audit, Contents, Effects, Inbox, InboxQuery, MessageId, NewMessage, Operation, Payload,
};
use causeway_store::{Options, Store};
use jiff::Timestamp;

use crate::process::print;

/// How much to check.
#[derive(Clone, Debug)]
pub struct Checks {
    /// Folder whose disk is checked.
    pub folder: PathBuf,
    /// Rounds of killing the writer.
    pub kills: u32,
    /// Rounds of cutting the power; 0 leaves it out.
    pub cuts: u32,
}

/// Bytes of a message that the writer accepts.
const MESSAGE_BYTES: usize = 5_000;
/// Mailbox of the writer's messages.
const MAILBOX: &str = "DOCTOR";
/// Messages of one page of it.
const PAGE: usize = 5_000;
/// Producers of the writer.
const PRODUCERS: usize = 16;
/// Megabytes of the disk in a file.
const IMAGE_MB: u64 = 192;
/// A flush faster than this is answered by a cache; whether that cache survives a power cut is for its maker to say.
const CACHED_FLUSH_US: u64 = 60;
/// Free bytes below which a person should look.
const FREE_BYTES_WANTED: u64 = 1024 * 1024 * 1024;

/// Runs the checks and prints what was found. Whether accepted means durable here, as far as could be shown.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(checks: &Checks) -> Result<bool, String> {
    std::fs::create_dir_all(&checks.folder).map_err(|e| format!("{}: {e}", checks.folder.display()))?;
    let folder = tempfile::Builder::new()
        .prefix("doctor-")
        .tempdir_in(&checks.folder)
        .map_err(|e| format!("{}: {e}", checks.folder.display()))?;
    let durability = space_and_flush(folder.path())?;
    clock();
    let killed = kills(folder.path(), checks.kills)?;
    let cut = power_cuts(folder.path(), checks.cuts)?;
    let good = durability && killed && cut.unwrap_or(true);
    print(match (good, cut) {
        (true, Some(_)) => "\nAccepted means durable here: nothing was lost to kills or power cuts.\n",
        (true, None) => "\nAccepted survives the end of the process here. Power cuts were not tried.\n",
        (false, _) => "\nAccepted does not mean durable here. See above.\n",
    });
    Ok(good)
}

fn space_and_flush(folder: &Path) -> Result<bool, String> {
    let store = Store::open(Options::new(folder.join("flush"))).map_err(|e| e.to_string())?;
    let durability = store.durability();
    let metrics = store.metrics().map_err(|e| e.to_string())?;
    let mut times = Vec::new();
    let mut file = std::fs::File::create(folder.join("probe")).map_err(|e| e.to_string())?;
    for _ in 0..200 {
        let started = Instant::now();
        file.write_all(&[1; MESSAGE_BYTES]).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        times.push(started.elapsed().as_micros());
    }
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    print(&format!("engine      {}, {}\n", durability.engine, durability.mode));
    print(&format!("flush       p50 {p50} µs, p99 {p99} µs\n"));
    if u64::try_from(p50).unwrap_or(u64::MAX) < CACHED_FLUSH_US {
        print("            so fast that a cache answers: durable only if that cache outlives a power cut\n");
    }
    let enough = metrics.free_bytes > FREE_BYTES_WANTED;
    let word = if enough { "" } else { " (little)" };
    print(&format!(
        "free space  {} MB{word}, {} MB kept in reserve\n",
        metrics.free_bytes >> 20,
        metrics.reserve_bytes >> 20
    ));
    Ok(durability.durable)
}

fn clock() {
    let (before, started) = (Timestamp::now(), Instant::now());
    std::thread::sleep(Duration::from_millis(200));
    let drift = Timestamp::now().duration_since(before).as_secs_f64() - started.elapsed().as_secs_f64();
    let word = if drift.abs() < 0.05 { "runs evenly" } else { "jumped while it was watched" };
    print(&format!("clock       {} UTC, {word}\n", before.strftime("%Y-%m-%d %H:%M:%S")));
}

fn open(directory: &Path, flush: bool) -> Result<Store, String> {
    let usual = Options::new(directory);
    // Copying the log back flushes it, so the control without flush must not copy, or it loses nothing by chance.
    let checkpoint_pages = if flush { usual.checkpoint_pages } else { u32::MAX };
    Store::open(Options { reserve: 1, flush, checkpoint_pages, ..usual }).map_err(|e| e.to_string())
}

fn content(id: &str) -> Vec<u8> {
    id.bytes().cycle().take(MESSAGE_BYTES).collect()
}

/// The writer: accepts as fast as it can and prints the id of each message that it may call accepted.
///
/// # Errors
/// Where the store can't be opened or refuses.
pub fn writer(directory: &Path, round: u32, flush: bool) -> Result<(), String> {
    let store = open(directory, flush)?;
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let store = &store;
                scope.spawn(move || produce(store, round, producer))
            })
            .collect();
        producers
            .into_iter()
            .try_for_each(|p| p.join().unwrap_or_else(|_| Err("a producer failed".to_owned())))
    })
}

fn produce(store: &Store, round: u32, producer: usize) -> Result<(), String> {
    for n in 0u64.. {
        let id = format!("R{round}-{producer}-{n}");
        let name = MessageId::new(&id).map_err(|e| e.to_string())?;
        let mut message = NewMessage::new(name, "ZZ901", "doctor");
        message.mailbox_to = Some(MAILBOX.to_owned());
        message.inbox = true;
        let one =
            Accept { message, payload: Payload::Bytes(content(&id)), key: None, effects: Effects::default() };
        store.accept(one, Timestamp::now()).map_err(|e| e.to_string())?;
        // One write, so that the lines of several producers don't mix.
        std::io::stdout().lock().write_all(format!("{id}\n").as_bytes()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

struct Round {
    accepted: usize,
    lost: usize,
    corrupt: usize,
    /// In the inbox more than once.
    double: usize,
}

impl Round {
    const NONE: Self = Self { accepted: 0, lost: 0, corrupt: 0, double: 0 };

    fn is_good(&self) -> bool {
        self.lost + self.corrupt + self.double == 0
    }

    fn words(&self) -> String {
        let Self { accepted, lost, corrupt, double } = self;
        format!("{accepted} accepted, {lost} lost, {corrupt} corrupt, {double} double")
    }
}

fn check(directory: &Path, accepted: &[String]) -> Result<Round, String> {
    let store = open(directory, true)?;
    let mut round = Round { accepted: accepted.len(), ..Round::NONE };
    for id in accepted {
        match MessageId::new(id).and_then(|id| store.content(&id, u64::MAX)) {
            Ok(read) if read.bytes == content(id) => {}
            Ok(_) => round.corrupt += 1,
            Err(_) => round.lost += 1,
        }
    }
    let audit = store.verify_audit().map_err(|e| e.to_string())?;
    if audit.broken_at.is_some() {
        round.corrupt += 1;
    }
    round.double = doubles(&store)?;
    Ok(round)
}

/// Ids that the inbox tells more than once.
fn doubles(store: &Store) -> Result<usize, String> {
    let mut seen = HashSet::new();
    let mut double = 0;
    let mut query = InboxQuery { mailbox: MAILBOX.to_owned(), after: None, limit: PAGE, filter: None };
    loop {
        let page = store.inbox(&query).map_err(|e| e.to_string())?;
        double += page.entries.into_iter().filter(|e| !seen.insert(e.id.to_string())).count();
        query.after = page.next;
        if query.after.is_none() {
            return Ok(double);
        }
    }
}

struct Writing {
    child: std::process::Child,
    lines: std::thread::JoinHandle<Vec<String>>,
}

fn start(directory: &Path, round: u32, flush: bool) -> Result<Writing, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg("doctor-writer").arg(directory).arg(round.to_string());
    if !flush {
        command.arg("--no-flush");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let stdout = child.stdout.take().ok_or("the writer has no output")?;
    let lines = std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect());
    Ok(Writing { child, lines })
}

impl Writing {
    fn kill(mut self) -> Result<Vec<String>, String> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(|e| e.to_string())?;
        self.lines.join().map_err(|_| "the writer's output could not be read".to_owned())
    }
}

/// A different moment in each round.
fn moment(round: u32) -> Duration {
    Duration::from_millis(300 + u64::from(round * 37 % 200))
}

fn kills(folder: &Path, rounds: u32) -> Result<bool, String> {
    let directory = folder.join("kill");
    let mut accepted = Vec::new();
    for round in 0..rounds {
        let writing = start(&directory, round, true)?;
        std::thread::sleep(moment(round));
        accepted.extend(writing.kill()?);
    }
    if rounds == 0 {
        return Ok(true);
    }
    let result = check(&directory, &accepted)?;
    print(&format!("kill -9     {rounds} rounds, {}\n", result.words()));
    Ok(result.is_good())
}

/// Cuts the power of a disk in a file: stops the writer, takes the ids it called accepted, copies the file (what
/// the disk holds; what only the page cache of the mounted file system had is not in it), mounts the copy, and
/// compares. It models a power cut with an honest disk. `None` where this can't be done here.
fn power_cuts(folder: &Path, rounds: u32) -> Result<Option<bool>, String> {
    if rounds == 0 {
        return Ok(None);
    }
    if !may_mount(folder) {
        print("power cut   not tried: it needs root, mkfs.ext4 and loop mounts\n");
        return Ok(None);
    }
    let durable = cut_rounds(folder, rounds, true)?;
    let control = cut_rounds(folder, rounds.min(5), false)?;
    print(&format!("power cut   {rounds} rounds, {}\n", durable.words()));
    print(&format!(
        "            control without flush: {} accepted, {} lost{}\n",
        control.accepted,
        control.lost,
        if control.lost == 0 { " (the method shows nothing on this machine)" } else { ", as it must" }
    ));
    Ok(Some(durable.is_good()))
}

fn tool(name: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    let status = Command::new(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|s| s.success())
}

fn image(path: &Path) -> bool {
    let made = std::fs::File::create(path).and_then(|f| f.set_len(IMAGE_MB << 20)).is_ok();
    made && tool("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), path.as_os_str()])
}

fn mount(image: &Path, at: &Path) -> bool {
    drop(std::fs::create_dir_all(at));
    tool("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()])
}

fn unmount(at: &Path) {
    tool("umount", &[at.as_os_str()]);
}

fn may_mount(folder: &Path) -> bool {
    let (file, at) = (folder.join("try.img"), folder.join("try"));
    let good = image(&file) && mount(&file, &at);
    unmount(&at);
    drop(std::fs::remove_file(&file));
    good
}

fn cut_rounds(folder: &Path, rounds: u32, flush: bool) -> Result<Round, String> {
    let mut sum = Round::NONE;
    for round in 0..rounds {
        let result = cut(folder, round, flush)?;
        sum.accepted += result.accepted;
        sum.lost += result.lost;
        sum.corrupt += result.corrupt;
        sum.double += result.double;
    }
    Ok(sum)
}

fn cut(folder: &Path, round: u32, flush: bool) -> Result<Round, String> {
    let (disk, copy) = (folder.join("disk.img"), folder.join("copy.img"));
    let (live, after) = (folder.join("live"), folder.join("after"));
    if !image(&disk) || !mount(&disk, &live) {
        return Err("the disk in a file could not be mounted".to_owned());
    }
    let writing = start(&live.join("data"), round, flush)?;
    std::thread::sleep(moment(round) * 2);
    let process = writing.child.id().to_string();
    tool("kill", &["-STOP".as_ref(), process.as_ref()]);
    // What was printed before the stop is in the pipe and read; nothing more is called accepted.
    std::thread::sleep(Duration::from_millis(50));
    std::fs::copy(&disk, &copy).map_err(|e| e.to_string())?;
    let accepted = writing.kill()?;
    unmount(&live);
    let result = if mount(&copy, &after) {
        check(&after.join("data"), &accepted)
    } else {
        Err("the copy could not be mounted".to_owned())
    };
    unmount(&after);
    drop((std::fs::remove_file(&disk), std::fs::remove_file(&copy)));
    result
}
