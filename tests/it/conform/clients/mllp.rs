//! A sender of HL7 v2 over MLLP: one message at a time, each until it is acknowledged.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Client, PAUSE};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an answer said.
#[derive(PartialEq)]
enum Said {
    Accepted,
    Refused,
    /// None came, or one that says nothing of this message.
    Nothing,
}

fn message(client: &Client, number: usize, attempt: usize) -> Vec<u8> {
    let id = match () {
        () if client.bad("sender-no-id") => String::new(),
        () if client.bad("sender-same-id") => "M1".to_owned(),
        () if client.bad("sender-new-id") => format!("M{number}A{attempt}"),
        () => format!("M{number}"),
    };
    let version = if client.bad("sender-no-version") { "" } else { "2.4" };
    let kind = if client.bad("sender-no-type") { "" } else { "ADT^A01" };
    let ward = if client.bad("sender-changes") { attempt } else { 0 };
    let end = if client.bad("sender-lf") { "\n" } else { "\r" };
    // Every third asks for an accept acknowledgement.
    let mode = if number.is_multiple_of(3) { "AL|NE" } else { "|" };
    let text = [
        format!(
            "MSH|^~\\&|PAS|RX1|HUB|TRUST|20260102030405||{kind}|{id}|P|{version}|||{mode}||UNICODE UTF-8"
        ),
        "EVN|A01|20260102030405".to_owned(),
        "PID|1||T1^^^RX1^MR||Zoë^Test||19510708|F".to_owned(),
        format!("PV1|1|I|W{ward}^R1^B1"),
    ];
    let text = text.join(end) + end;
    let mut bytes = match client.bad("sender-charset") {
        true => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        false => text.into_bytes(),
    };
    if !client.bad("sender-no-start") {
        bytes.insert(0, 0x0b);
    }
    bytes.push(0x1c);
    if !client.bad("sender-no-end") {
        bytes.push(b'\r');
    }
    if client.bad("sender-stray") {
        bytes.push(b'\n');
    }
    bytes
}

/// The control id of a message or, in segment MSA, of an answer.
fn field(text: &str, segment: &str, number: usize) -> String {
    let line = text.split('\r').find(|line| line.starts_with(segment)).unwrap_or_default();
    line.split('|').nth(number).unwrap_or_default().to_owned()
}

fn answer(client: &Client, stream: &mut TcpStream, id: &str, enhanced: bool) -> Said {
    let patience = if client.bad("sender-impatient") { Duration::from_millis(200) } else { PATIENCE };
    let until = Instant::now() + patience;
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while Instant::now() < until && !client.stopped() {
        let read = match stream.read(&mut buffer) {
            Ok(0) => {
                let half = client.bad("sender-half-answer") && !kept.is_empty();
                return if half { Said::Accepted } else { Said::Nothing };
            }
            Ok(read) => read,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                continue;
            }
            Err(_) => return Said::Nothing,
        };
        if client.bad("sender-one-read") {
            kept.clear();
        }
        kept.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&kept).into_owned();
        let end = match client.bad("sender-bare-answer") {
            true if text.contains("MSA|") && text.ends_with('\r') => Some(kept.len()),
            _ => kept.windows(2).position(|w| w == [0x1c, b'\r']),
        };
        let Some(end) = end else { continue };
        if kept.first() != Some(&0x0b) && !client.bad("sender-bare-answer") {
            kept.clear();
            continue;
        }
        let text = text.trim_start_matches('\u{b}');
        let (code, of) = (field(text, "MSA", 1), field(text, "MSA", 2));
        kept.drain(..(end + 2).min(kept.len()));
        if of != id && !client.bad("sender-any-answer") {
            continue;
        }
        match code.as_str() {
            "CA" if client.bad("sender-accept-only") => continue,
            "AA" => return Said::Accepted,
            "CA" if enhanced => return Said::Accepted,
            _ => return Said::Refused,
        }
    }
    Said::Nothing
}

pub fn run(client: &Client) {
    let mut connection: Option<TcpStream> = None;
    let (mut number, mut attempt) = (1, 0);
    while !client.stopped() {
        let Some(stream) = connection.as_mut() else {
            match TcpStream::connect(&client.at) {
                Ok(stream) => {
                    drop(stream.set_read_timeout(Some(PAUSE)));
                    connection = Some(stream);
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
            continue;
        };
        let bytes = message(client, number, attempt);
        let id = field(&String::from_utf8_lossy(&bytes), "\u{b}MSH", 9);
        attempt += 1;
        let sent = stream.write_all(&bytes);
        if client.bad("sender-does-not-wait") {
            drop(stream.write_all(&message(client, number + 1, 0)));
        }
        let said = match sent {
            Ok(()) => answer(client, stream, &id, number.is_multiple_of(3)),
            Err(_) => Said::Nothing,
        };
        let over = match said {
            Said::Accepted => true,
            Said::Refused if client.bad("sender-stops-at-error") => return,
            Said::Refused => !client.bad("sender-rejected-forever"),
            Said::Nothing => {
                connection = None;
                if client.bad("sender-gives-up") {
                    return;
                }
                client.bad("sender-forgets")
            }
        };
        if over {
            (number, attempt) = (number + 1, 0);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
