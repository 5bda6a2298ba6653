//! What every listener does alike, whatever it speaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use causeway_adapter::{Adapter, Context, Detection, Format, Sink};
use causeway_core::Issue;
use causeway_record::Record;
use causeway_service::app::Service;
use causeway_service::config::Config;
use causeway_service::{AppState, mllp, scaip};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::line_adapter::Lines;
use crate::support::*;

/// A protocol: its name, and a whole message.
const PROTOCOLS: [(&str, &[u8]); 3] = [
    ("HTTP", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("MLLP", b"\x0bLINE|1\x1c\r"),
    ("SCAIP", b"<mrq><cha>01</cha></mrq>"),
];

async fn answered(stream: &mut TcpStream, message: &[u8], patience: Duration) -> bool {
    if stream.write_all(message).await.is_err() {
        return false;
    }
    let mut room = [0; 4096];
    let read = tokio::time::timeout(patience, stream.read(&mut room)).await;
    read.is_ok_and(|read| read.is_ok_and(|length| length > 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listener_takes_no_more_than_its_room_and_drains_at_the_end() {
    for (protocol, message) in PROTOCOLS {
        let world = World::new();
        let mut config = open_config();
        config.limits.connections = 1;
        config.limits.drain_seconds = 5;
        let state = world.state(config);
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut address: SocketAddr = socket.local_addr().unwrap();
        let (sender, format, listen) = ("ZZ901".to_owned(), "lines".to_owned(), String::new());
        let service = Service::new(state.clone());
        let service = match protocol {
            "MLLP" => {
                let door = mllp::Settings { listen, sender, format };
                service.task(move |state, stop| mllp::serve(state, stop, socket, door, None))
            }
            "SCAIP" => {
                let door = scaip::Settings { listen, sender, format, tls: None };
                service.task(move |state, stop| scaip::serve(state, stop, socket, door, None))
            }
            _ => service,
        };
        let server = causeway_service::testing::TestServer::start_service(state, service).await.unwrap();
        if protocol == "HTTP" {
            address = server.address();
        }
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(
            answered(&mut first, message, Duration::from_secs(20)).await,
            "{protocol}: the first is served"
        );
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(
            !answered(&mut second, message, Duration::from_millis(500)).await,
            "{protocol}: there is room for one"
        );
        drop(first);
        // What it sent before waits for it.
        let mut room = [0; 4096];
        let late = tokio::time::timeout(Duration::from_secs(60), second.read(&mut room)).await;
        assert!(late.is_ok_and(|read| read.is_ok_and(|n| n > 0)), "{protocol}: served when there is room");
        // A full house notices the shutdown, closes the socket and lets go of what is open.
        let stopped = tokio::time::timeout(Duration::from_secs(30), server.stop()).await;
        assert!(stopped.is_ok_and(|end| end.is_ok()), "{protocol}: stops");
        let ended = tokio::time::timeout(Duration::from_secs(60), async {
            while second.read(&mut room).await.is_ok_and(|n| n > 0) {}
        });
        assert!(ended.await.is_ok(), "{protocol}: the open connection ends");
        assert!(TcpStream::connect(address).await.is_err(), "{protocol}: nobody listens any more");
    }
}

/// The line format, with a count of its translations.
struct Counted;

static TRANSLATED: AtomicUsize = AtomicUsize::new(0);

impl Adapter for Counted {
    fn format(&self) -> &'static Format {
        Lines.format()
    }

    fn detect(&self, input: &[u8]) -> Detection {
        Lines.detect(input)
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        TRANSLATED.fetch_add(1, Ordering::Relaxed);
        Lines.translate(input, context, sink)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_translation_of_an_mllp_answer_is_the_one_that_is_kept() {
    const FRAMES: u64 = 60;
    let world = World::new();
    let config = Config { data_directory: world.directory.clone(), ..open_config() };
    let record = Arc::new(Record::open(world.directory.join("record.db")).unwrap());
    let state = AppState::new(config, world.engine(), record, &[&Counted]).unwrap();
    let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, format) = ("ZZ901".to_owned(), "lines".to_owned());
    let door = mllp::Settings { listen: String::new(), sender, format };
    let service =
        Service::new(state.clone()).task(move |state, stop| mllp::serve(state, stop, socket, door, None));
    let server = causeway_service::testing::TestServer::start_service(state.clone(), service).await.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..FRAMES {
        let frame = format!("\x0bLINE|1\nPAT|9990000018|Quillfeather|Agnes{number}|1942|female\x1c\r");
        assert!(answered(&mut stream, frame.as_bytes(), Duration::from_secs(60)).await, "frame {number}");
    }
    let started = Instant::now();
    let kept = || state.counters.translations().values().map(|h| h.count).sum::<u64>();
    while kept() < FRAMES {
        assert!(started.elapsed() < Duration::from_secs(90), "{} of {FRAMES} kept", kept());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Once each; a worker that waits too long on a busy machine translates itself.
    let translated = TRANSLATED.load(Ordering::Relaxed) as u64;
    assert!((FRAMES..FRAMES * 2).contains(&translated), "{translated} translations of {FRAMES} frames");
    server.stop().await.unwrap();
}
