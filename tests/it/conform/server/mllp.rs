//! An HL7 v2 receiver over MLLP: a message in a frame, an acknowledgement in a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Control;

const START: u8 = 0x0b;
const END: [u8; 2] = [0x1c, 0x0d];

pub async fn serve(control: Arc<Control>, listener: TcpListener) {
    let dead = Arc::new(AtomicBool::new(false));
    while let Ok((stream, _)) = listener.accept().await {
        if dead.load(Ordering::Relaxed) {
            drop(stream);
            continue;
        }
        tokio::spawn(connection(control.clone(), stream, dead.clone()));
    }
}

async fn connection(control: Arc<Control>, mut stream: TcpStream, dead: Arc<AtomicBool>) {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            if !kept.is_empty() && control.bad("mllp-dies") {
                dead.store(true, Ordering::Relaxed);
            }
            return;
        }
        if control.bad("mllp-one-packet") {
            kept.clear();
        }
        kept.extend_from_slice(&buffer[..read]);
        let mut answers = Vec::new();
        while let Some(end) = kept.windows(2).position(|w| w == END) {
            let block: Vec<u8> = kept.drain(..end + 2).collect();
            // What stands before the start of a block is no part of it.
            if let Some(start) = block.iter().position(|b| *b == START)
                && let Some(answer) = control.acknowledge_hl7(&block[start + 1..end])
            {
                answers.push(answer);
            }
            if control.bad("mllp-second-lost") {
                kept.clear();
            }
        }
        if control.bad("mllp-out-of-order") {
            answers.reverse();
        }
        for answer in answers {
            let mut frame = Vec::new();
            if !control.bad("mllp-bare-answer") {
                frame.push(START);
            }
            frame.extend_from_slice(answer.as_bytes());
            frame.extend_from_slice(&END);
            if stream.write_all(&frame).await.is_err() {
                return;
            }
        }
    }
}

impl Control {
    fn acknowledge_hl7(&self, block: &[u8]) -> Option<String> {
        if self.bad("mllp-silent") {
            return None;
        }
        let text = String::from_utf8_lossy(block).into_owned();
        let header = text.split('\r').next().unwrap_or_default();
        let field = |n: usize| header.split('|').nth(n - 1).unwrap_or_default();
        let good = header.starts_with("MSH|^~\\&|") && !field(9).is_empty() && !field(10).is_empty();
        let code = match (
            good || self.bad("mllp-nonsense-taken"),
            field(15) == "AL" && !self.bad("mllp-enhanced-ignored"),
        ) {
            (true, true) => "CA",
            (true, false) => "AA",
            (false, true) => "CR",
            (false, false) => "AR",
        };
        let id = if self.bad("mllp-other-id") { "another" } else { field(10) };
        let (from, to) = match self.bad("mllp-not-swapped") {
            true => ([field(3), field(4)], [field(5), field(6)]),
            false => ([field(5), field(6)], [field(3), field(4)]),
        };
        let version = if self.bad("mllp-version-echo") { "2.1" } else { field(12) };
        let event = field(9).split('^').nth(1).unwrap_or_default();
        Some(format!(
            "MSH|^~\\&|{}|{}|{}|{}|20260102030405||ACK^{event}|A{id}|P|{version}\rMSA|{code}|{id}\r",
            from[0], from[1], to[0], to[1]
        ))
    }
}
