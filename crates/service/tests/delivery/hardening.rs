//! TLS, rates, limits.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use causeway_hl7v2::mllp::{Decoder, encode};
use causeway_service::app::Service;
use causeway_service::mllp::{self, Settings};
use causeway_service::testing::TestServer;
use causeway_service::tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::messaging::{OURS, bars, post, referral};
use crate::receiver::*;
use crate::support::*;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

pub fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

impl Authority {
    /// Writes a certificate for localhost and its key.
    pub fn issue(&self, directory: &Path, name: &str) -> Vec<u8> {
        self.issue_named(directory, name, "localhost")
    }

    /// The same, with this common name of its subject.
    pub fn issue_named(&self, directory: &Path, name: &str, common: &str) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(directory.join(format!("{name}-key.pem")), key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    }
}

pub fn settings(directory: &Path, client_ca: bool) -> tls::Settings {
    tls::Settings {
        certificate: directory.join("server.pem"),
        key: directory.join("server-key.pem"),
        client_ca: client_ca.then(|| directory.join("ca.pem")),
        client_required: true,
        mllp: false,
    }
}

/// One request over TLS; gives the server's certificate and the answer.
async fn secure(server: &TestServer, directory: &Path, client: bool) -> std::io::Result<(Vec<u8>, Reply)> {
    let (certificate, key) = (directory.join("client.pem"), directory.join("client-key.pem"));
    let identity = client.then_some((certificate.as_path(), key.as_path()));
    let config = tls::client_config(&directory.join("ca.pem"), identity).unwrap();
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let seen = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    Ok((seen, parse(&raw)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_door_speaks_tls_and_takes_new_certificates() {
    let world = World::new();
    let authority = authority();
    std::fs::write(world.directory.join("ca.pem"), &authority.pem).unwrap();
    let first = authority.issue(&world.directory, "server");
    let mut config = open_config();
    config.tls = Some(settings(&world.directory, false));
    config.limits.header_read_seconds = 1;
    let server = world.serve(config).await;
    let (seen, reply) = secure(&server, &world.directory, false).await.unwrap();
    assert_eq!((seen, reply.status), (first.clone(), 200));
    // Plain HTTP gets nothing, and who never says hello is cut off.
    assert_eq!(get(&server, "/health").await.status, 0);
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let started = Instant::now();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(60), silent.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(900) && rest.is_empty());

    // A broken file changes nothing; a new one comes into force without a restart.
    std::fs::write(world.directory.join("server.pem"), "half of a certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(secure(&server, &world.directory, false).await.unwrap().0, first);
    let second = authority.issue(&world.directory, "server");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(secure(&server, &world.directory, false).await.unwrap().0, second);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_asked_for_where_set() {
    let world = World::new();
    let authority = authority();
    std::fs::write(world.directory.join("ca.pem"), &authority.pem).unwrap();
    authority.issue(&world.directory, "server");
    authority.issue(&world.directory, "client");
    let mut config = open_config();
    config.tls = Some(settings(&world.directory, true));
    let server = world.serve(config).await;
    assert_eq!(secure(&server, &world.directory, true).await.unwrap().1.status, 200);
    let without = secure(&server, &world.directory, false).await;
    assert!(without.is_err() || without.unwrap().1.status == 0);
    // One of another authority is no better than none.
    self::authority().issue(&world.directory, "client");
    let other = secure(&server, &world.directory, true).await;
    assert!(other.is_err() || other.unwrap().1.status == 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mllp_in_and_out_within_tls() {
    let world = World::new();
    let authority = authority();
    let directory = &world.directory;
    std::fs::write(directory.join("ca.pem"), &authority.pem).unwrap();
    authority.issue(directory, "server");
    authority.issue(directory, "client");
    let wrap = tls::wrap(&settings(directory, true)).unwrap();
    // Out: a receiver within TLS that acknowledges everything.
    let receiver = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let receiving = wrap.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = receiver.accept().await.unwrap();
            let Ok((mut stream, certificate)) = receiving(stream).await else { continue };
            assert!(certificate.is_some());
            let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 4096]);
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                decoder.extend(&buffer[..length]);
                while let Ok(Some(_)) = decoder.frame() {
                    let mut out = Vec::new();
                    encode(b"MSH|^~\\&|R|R|C|C|20260101||ACK|1|P|2.4\rMSA|AA|\r", &mut out);
                    stream.write_all(&out).await.unwrap();
                }
            }
        }
    });
    let target = endpoint(
        json!({"name": "r", "kind": "mllp", "address": format!("mllps://localhost:{port}"),
        "ca": directory.join("ca.pem"), "certificate": directory.join("client.pem"), "key": directory.join("client-key.pem"),
        "send": "original"}),
    );
    let state = world.state(with_endpoints(open_config(), vec![target]));
    // In.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Settings { listen: String::new(), sender: "ZZ901".to_owned(), format: "lines".to_owned() };
    let service = Service::new(state.clone())
        .task(move |state, stop| mllp::serve(state, stop, listener, door, Some(wrap)));
    let server = TestServer::start_service(state, service).await.unwrap();
    let config = tls::client_config(
        &directory.join("ca.pem"),
        Some((&directory.join("client.pem"), &directory.join("client-key.pem"))),
    );
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config.unwrap())).connect(name, stream).await.unwrap();
    let mut frame = Vec::new();
    encode(AGNES.as_bytes(), &mut frame);
    stream.write_all(&frame).await.unwrap();
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].windows(5).any(|w| w == b"ACK|1"));
    let id = get(&server, "/messages").await.json()["messages"][0]["id"].as_str().unwrap().to_owned();
    until(&server, &id, "delivered").await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_each_organisations_own_at_every_door() {
    let world = World::new();
    let mut config = open_config();
    config.messaging.services = vec![OURS.to_owned()];
    config.limits.rate_per_second = 1;
    config.limits.rate_burst = 3;
    let server = world.serve(config).await;
    let mut throttled = 0;
    for number in 0..5 {
        let reply = post(&server, &bars(number, OURS), &referral(&number.to_string())).await;
        if reply.status == 429 {
            throttled += 1;
            assert!(reply.header("retry-after").is_some());
            let coding = &reply.json()["issue"][0]["details"]["coding"][0];
            assert_eq!(coding["code"], "SEND_TOO_MANY_REQUESTS");
        }
    }
    assert!(throttled >= 1, "the fourth and fifth are too many");
    let headers = [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ901")];
    assert_eq!(call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await.status, 429);
    let headers = [("Content-Type", "text/x-lines"), ("Causeway-Sender", "ZZ902")];
    assert_eq!(call(&server, "POST", "/messages", &headers, AGNES.as_bytes()).await.status, 202);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_long_or_drip_are_refused_and_nothing_is_accepted() {
    let world = World::new();
    let mut config = open_config();
    config.messaging.services = vec![OURS.to_owned()];
    config.limits.message_bytes = 10_000;
    config.limits.body_idle_seconds = 6;
    let server = world.serve(config).await;
    let long = referral(&"x".repeat(20_000));
    assert_eq!(post(&server, &bars(1, OURS), &long).await.status, 400);
    // A hundred slow senders, one byte at a time, don't keep an honest one waiting.
    let mut slow = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let mut head =
            "POST /fhir/$process-message HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n".to_owned();
        for (name, value) in bars(100 + number, OURS) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{{").as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let started = Instant::now();
    assert_eq!(post(&server, &bars(2, OURS), &referral("x")).await.status, 200);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    for stream in &mut slow {
        drop(stream.write_all(b" ").await);
    }
    let mut refused = 0;
    for mut stream in slow {
        let mut raw = vec![0; 12];
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_exact(&mut raw)).await.unwrap();
        refused += u32::from(read.is_ok() && raw.starts_with(b"HTTP/1.1 408"));
    }
    assert_eq!(refused, 100, "the whole body has its time, not each byte");
    assert_eq!(get(&server, "/messages").await.json()["messages"].as_array().unwrap().len(), 1);
    server.stop().await.unwrap();
}
