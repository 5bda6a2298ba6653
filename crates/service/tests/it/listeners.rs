//! What every listener does alike, whatever it speaks.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_service::app::Service;
use causeway_service::{mllp, scaip};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

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
