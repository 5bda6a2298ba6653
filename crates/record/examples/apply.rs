//! Cost of taking translated messages into the record: `cargo run --release -p causeway-record --example apply --
//! FOLDER [WINDOW]`, with a folder that `causeway translate --out FOLDER` wrote and messages a transaction (256).
//!
//! Time depends on what else the machine does; processor time and bytes written to files hardly do (Linux).
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use causeway_core::{Sector, Telling};
use causeway_record::{Delivery, Record, Result, SourceMessage};
use jiff::Timestamp;
use serde_json::Value;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages a transaction, where none are given.
const WINDOW: usize = 256;

/// Folder and stem of a message.
type Name = (PathBuf, String);

/// The bundles of each message: `STEM.r4.json`, or `STEM.1.r4.json` and so on, of a folder of its own.
fn messages(folder: &Path) -> std::io::Result<BTreeMap<Name, BTreeMap<u32, Vec<u8>>>> {
    let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(stem) = name.strip_suffix(".r4.json") {
                let numbered = stem.rsplit_once('.').and_then(|(stem, n)| Some((stem, n.parse().ok()?)));
                let (stem, number) = numbered.unwrap_or((stem, 0));
                let bundles = all.entry((folder.clone(), stem.to_owned())).or_default();
                bundles.insert(number, std::fs::read(path)?);
            }
        }
    }
    Ok(all)
}

/// A message of the adapter whose name its folder has.
fn source(number: usize, folder: &Path, stem: &str) -> SourceMessage {
    let adapter = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    SourceMessage {
        message: format!("{number:08}-{stem}"),
        sender_code: format!("ZZ-{adapter}"),
        sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".into(),
        sender_name: String::new(),
        sector: Sector::Health,
        telling: match adapter.as_str() {
            "gp2gp" => Telling::Whole,
            "hl7v2" => Telling::Delta,
            _ => Telling::Event,
        },
        adapter,
        received: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_700_000_000 + number as i64),
        partial: false,
        notices: Vec::new(),
    }
}

/// Seconds of processor time, in the program and in the kernel for it.
fn processor() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let seconds = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default() / 100.0;
    (seconds(11), seconds(12))
}

/// Bytes handed to the kernel to be written.
fn written() -> f64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("wchar: "));
    line.and_then(|n| n.parse().ok()).unwrap_or_default()
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| ".".to_owned()));
    let window = args.next().and_then(|n| n.parse().ok()).unwrap_or(WINDOW);
    let all = messages(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let place = std::env::temp_dir().join(format!("causeway-record-apply-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap_or_default();
    let path = place.join("record.db");
    let record = Record::open(&path)?;
    let sources: Vec<_> = all.keys().enumerate().map(|(n, (folder, stem))| source(n, folder, stem)).collect();
    let bundles: Vec<Vec<&[u8]>> = all.values().map(|m| m.values().map(Vec::as_slice).collect()).collect();
    let deliveries: Vec<_> =
        bundles.iter().zip(&sources).map(|(bundles, source)| Delivery { bundles, source }).collect();
    let (started, (user, kernel), wrote) = (Instant::now(), processor(), written());
    let mut refused = 0;
    for window in deliveries.chunks(window) {
        refused += record.apply_many(window, Timestamp::UNIX_EPOCH)?.iter().filter(|r| r.is_err()).count();
    }
    let (wall, (user_end, kernel_end)) = (started.elapsed().as_secs_f64(), processor());
    let figures = record.figures()?;
    drop(record);
    let wrote = written() - wrote;
    let file = std::fs::metadata(&path).map(|m| m.len() as f64).unwrap_or_default();
    std::fs::remove_dir_all(&place).unwrap_or_default();
    let entries = |bundle: &&[u8]| {
        let bundle: Value = serde_json::from_slice(bundle).unwrap_or_default();
        bundle["entry"].as_array().map_or(0, Vec::len)
    };
    let told = bundles.iter().flatten().map(entries).sum::<usize>() as f64;
    println!(
        "{} messages ({refused} refused), {told} resources told, {window} messages a transaction",
        all.len()
    );
    println!(
        "  {:.0} resources/s; a resource: {:.1} µs processor time ({:.1} of it in the kernel), {:.0} B written, {:.0} B of disk",
        told / wall,
        (user_end - user + kernel_end - kernel) * 1e6 / told,
        (kernel_end - kernel) * 1e6 / told,
        wrote / told,
        file / told,
    );
    println!("  {figures:?}");
    Ok(())
}
