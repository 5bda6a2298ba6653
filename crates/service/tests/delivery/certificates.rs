//! Client certificates that stand for organisations.

use std::path::Path;
use std::sync::Arc;

use causeway_hl7v2::mllp::encode;
use causeway_service::Config;
use causeway_service::app::Service;
use causeway_service::host::hex;
use causeway_service::mllp::{self, Settings};
use causeway_service::scaip;
use causeway_service::testing::TestServer;
use causeway_service::tls;
use rustls_pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::hardening::{authority, settings};
use crate::messaging::{OURS, bars, referral};
use crate::support::*;

/// Certificates of ZZ901 (known by its fingerprint), ZZ902 (by its common name) and of somebody else.
fn world() -> (World, Config) {
    let world = World::new();
    let authority = authority();
    std::fs::write(world.directory.join("ca.pem"), &authority.pem).unwrap();
    authority.issue(&world.directory, "server");
    let first = authority.issue_named(&world.directory, "first", "client.zz901.example");
    authority.issue_named(&world.directory, "second", "client.zz902.example");
    authority.issue_named(&world.directory, "other", "client.zz903.example");
    let mut config = closed_config();
    config.tls = Some(settings(&world.directory, true));
    let digest = hex(&Sha256::digest(&first));
    let colons: Vec<&str> = (0..32).map(|at| &digest[at * 2..at * 2 + 2]).collect();
    config.organisations[1].certificate_sha256 = Some(colons.join(":").to_uppercase());
    config.organisations[2].certificate_name = Some("client.zz902.example".to_owned());
    config.organisations[2].token_sha256 = None;
    config.messaging.services = vec![OURS.to_owned()];
    config.validate().unwrap();
    (world, config)
}

async fn connect(
    address: std::net::SocketAddr,
    directory: &Path,
    who: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let (certificate, key) = (directory.join(format!("{who}.pem")), directory.join(format!("{who}-key.pem")));
    let config = tls::client_config(&directory.join("ca.pem"), Some((&certificate, &key))).unwrap();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn ask(
    server: &TestServer,
    directory: &Path,
    who: &str,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut stream = connect(server.address(), directory, who).await.unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    parse(&raw)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_stands_for_its_organisation_and_for_no_other() {
    let (world, config) = world();
    let server = world.serve(config).await;
    let directory = &world.directory;
    let (first, second, operator) = ("Bearer token-901", "Bearer token-902", "Bearer token-900");
    let lines = ("Content-Type", "text/x-lines");
    for (who, token, named, status, sender) in [
        ("first", None, None, 202, "ZZ901"),
        ("first", None, Some("zz901"), 202, "ZZ901"),
        ("first", Some(first), None, 202, "ZZ901"),
        ("first", None, Some("ZZ902"), 403, ""),
        ("first", Some(operator), None, 403, ""),
        ("first", Some(operator), Some("ZZ901"), 403, ""),
        ("first", Some("Bearer wrong"), None, 401, ""),
        ("second", None, None, 202, "ZZ902"),
        // Of nobody's: a token decides, as without certificates, but for who names a certificate: a token alone is not enough.
        // That of ZZ902 was taken away.
        ("other", None, None, 401, ""),
        ("other", None, Some("ZZ901"), 401, ""),
        ("other", Some(first), None, 403, ""),
        ("other", Some(operator), None, 202, "ZZ900"),
        ("other", Some(second), None, 401, ""),
    ] {
        let mut headers = vec![lines];
        headers.extend(token.map(|t| ("Authorization", t)));
        headers.extend(named.map(|n| ("Causeway-Sender", n)));
        let reply = ask(&server, directory, who, "POST /messages", &headers, AGNES).await;
        assert_eq!(reply.status, status, "{who} {token:?} {named:?}: {}", reply.text());
        if status == 202 {
            let id = reply.json()["id"].as_str().unwrap().to_owned();
            let message = server.state.engine.message(&causeway_exchange::MessageId::new(&id).unwrap());
            assert_eq!(message.unwrap().unwrap().new.sender, sender, "{who} {token:?} {named:?}");
        }
    }
    // Every other door and page asks in the same way.
    let list =
        ask(&server, directory, "second", "GET /messages", &[("Accept", "application/json")], "").await;
    assert_eq!(
        (list.status, list.json()["messages"].as_array().map(Vec::len)),
        (200, Some(1)),
        "its own only"
    );
    assert_eq!(ask(&server, directory, "first", "GET /parked", &[], "").await.status, 403, "no operator");
    for (who, status) in [("first", 200), ("second", 403), ("other", 401)] {
        let headers = bars(7, OURS);
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let reply =
            ask(&server, directory, who, "POST /fhir/$process-message", &headers, &referral(who)).await;
        assert_eq!(reply.status, status, "{who}: {}", reply.text());
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mllp_listener_takes_its_organisations_certificate_only() {
    let (world, config) = world();
    let state = world.state(config.clone());
    let mut service = Service::new(state.clone());
    let mut addresses = Vec::new();
    // ZZ901 names a certificate, ZZ900 names none.
    for sender in ["ZZ901", "ZZ900"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        let door = Settings { listen: String::new(), sender: sender.to_owned(), format: "lines".to_owned() };
        let wrap = tls::wrap(config.tls.as_ref().unwrap()).unwrap();
        service = service.task(move |state, stop| mllp::serve(state, stop, listener, door, Some(wrap)));
    }
    let server = TestServer::start_service(state, service).await.unwrap();
    for (at, who, taken) in [
        (0, "first", true),
        (0, "second", false),
        (0, "other", false),
        (1, "first", false),
        (1, "second", false),
        (1, "other", true),
    ] {
        let mut stream = connect(addresses[at], &world.directory, who).await.unwrap();
        let mut frame = Vec::new();
        encode(format!("{AGNES}{at}{who}").as_bytes(), &mut frame);
        let mut answer = vec![0; 64];
        let read = match stream.write_all(&frame).await {
            Ok(()) => stream.read(&mut answer).await.unwrap_or(0),
            Err(_) => 0,
        };
        assert_eq!(read > 0, taken, "{who} at listener {at}");
    }
    assert_eq!(server.state.engine.metrics().unwrap().accepted, 2);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaip_listener_takes_its_organisations_certificate_only() {
    let (world, config) = world();
    let state = world.state(config.clone());
    let mut service = Service::new(state.clone());
    let mut addresses = Vec::new();
    // ZZ901 names a certificate, ZZ900 names none.
    for sender in ["ZZ901", "ZZ900"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        let (listen, format) = (String::new(), "lines".to_owned());
        let door = scaip::Settings { listen, sender: sender.to_owned(), format, tls: None };
        let wrap = tls::wrap(config.tls.as_ref().unwrap()).unwrap();
        service = service.task(move |state, stop| scaip::serve(state, stop, listener, door, Some(wrap)));
    }
    let server = TestServer::start_service(state, service).await.unwrap();
    for (at, who, taken) in [
        (0, "first", true),
        (0, "second", false),
        (0, "other", false),
        (1, "first", false),
        (1, "second", false),
        (1, "other", true),
    ] {
        let mut stream = connect(addresses[at], &world.directory, who).await.unwrap();
        let mut answer = vec![0; 64];
        let read = match stream.write_all(b"<mrq><cha>01</cha></mrq>").await {
            Ok(()) => stream.read(&mut answer).await.unwrap_or(0),
            Err(_) => 0,
        };
        assert_eq!(read > 0, taken, "{who} at listener {at}");
    }
    server.stop().await.unwrap();
}
