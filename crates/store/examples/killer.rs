//! Rounds of kill -9: a child accepts with sixteen producers and prints each acknowledged id; the parent kills
//! it, opens the data and checks that every acknowledged message is there, byte for byte.
//!
//! `killer DIR ROUNDS`: prints acked, lost, corrupt, reopen times. `killer child DIR ROUND`: the child.
//! `killer check DIR < ids`: checks ids that came from elsewhere (a power-cut test). `normal` as a last word
//! opens with synchronous=NORMAL, the control that a power cut must show to lose messages.
#![allow(clippy::print_stdout, missing_docs)]

use causeway_exchange::{
    Accept, Accepting, Audit, Contents, Effects, Inbox, InboxQuery, MessageId, NewMessage, NewWork, Payload,
    WorkKind,
};
use causeway_store::{Options, Store};
use jiff::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a message.
const MESSAGE: usize = 5_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let flush = words.last() != Some(&"normal");
    match words.as_slice() {
        ["child", directory, round, ..] => child(directory, round, flush),
        ["check", directory, ..] => {
            let ids: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
            println!("{}", check(directory, &ids));
        }
        [directory, rounds, ..] => parent(directory, rounds.parse().unwrap_or(1), flush),
        _ => println!("killer DIR ROUNDS | child DIR ROUND | check DIR < ids"),
    }
}

fn open(directory: &str, flush: bool) -> Store {
    Store::open(Options { reserve: 1, flush, ..Options::new(directory) }).expect("opens")
}

fn content(id: &str) -> Vec<u8> {
    id.bytes().cycle().take(MESSAGE).collect()
}

fn child(directory: &str, round: &str, flush: bool) {
    let store = open(directory, flush);
    std::thread::scope(|scope| {
        for producer in 0..16 {
            let store = &store;
            scope.spawn(move || {
                for n in 0u64.. {
                    let id = format!("R{round}-{producer}-{n}");
                    let mut message = NewMessage::new(MessageId::new(&id).expect("an id"), "A99990", "mesh");
                    message.mailbox_to = Some("B".to_owned());
                    message.inbox = true;
                    let effects =
                        Effects { work: vec![NewWork::new(WorkKind::Translate, "")], ..Effects::default() };
                    let one = Accept { message, payload: Payload::Bytes(content(&id)), key: None, effects };
                    store.accept(one, Timestamp::now()).expect("accepts");
                    // One write, so that lines of several threads don't mix.
                    let _ = std::io::stdout().lock().write_all(format!("{id}\n").as_bytes());
                }
            });
        }
    });
}

/// What became of acknowledged ids.
fn check(directory: &str, acked: &[String]) -> String {
    let start = Instant::now();
    let store = open(directory, true);
    let opened = start.elapsed();
    let (mut lost, mut corrupt) = (0u64, 0u64);
    for id in acked {
        match MessageId::new(id).and_then(|id| store.content(&id, u64::MAX)) {
            Ok(read) if read.bytes == content(id) => {}
            Ok(_) => corrupt += 1,
            Err(_) => lost += 1,
        }
    }
    let query = InboxQuery { mailbox: "B".to_owned(), after: None, limit: 1, filter: None };
    let waiting = store.inbox(&query).expect("a page").waiting;
    let audit = store.verify_audit().expect("reads the chain");
    format!(
        "acked {} lost {lost} corrupt {corrupt} waiting {waiting} audit break {:?} reopened in {opened:?}",
        acked.len(),
        audit.broken_at
    )
}

fn parent(directory: &str, rounds: u32, flush: bool) {
    let mut acked: Vec<String> = Vec::new();
    for round in 0..rounds {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["child", directory, &round.to_string()]);
        if !flush {
            command.arg("normal");
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
        // Not the same moment each time.
        std::thread::sleep(Duration::from_millis(400 + u64::from(round * 37 % 200)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        acked.extend(reader.join().expect("no panic"));
        let start = Instant::now();
        drop(open(directory, flush));
        println!("round {round}: acked {} in all, open again in {:?}", acked.len(), start.elapsed());
    }
    println!("{}", check(directory, &acked));
}
