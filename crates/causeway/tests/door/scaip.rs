//! Alarms over real sockets.

use std::time::Duration;

use causeway_service::config::Config;
use causeway_service::scaip::{Settings, serve};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::world::{World, open, state_in};

const KNOWN: &str = "<mrq><ref>A1</ref><cid>4471002</cid><dty>0005</dty><stc>0010</stc></mrq>";

struct Door {
    world: World,
    address: std::net::SocketAddr,
    stop: CancellationToken,
}

async fn door(config: Config) -> Door {
    let world = World::new(config).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings = Settings {
        listen: address.to_string(),
        sender: "ZT901".to_owned(),
        format: "telecare-alarm".to_owned(),
        tls: None,
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve(world.state.clone(), stop.clone(), listener, settings, None));
    Door { world, address, stop }
}

/// The home care provider's record says which unit is hers.
async fn resident(world: &World) {
    let record = r#"{"$schema":"https://fhir.causeway.example/schema/dscr-record-0.1.json","recordUid":"r1","version":1,
        "provider":{"cqcLocationId":"1-9990000201","name":"Steady Steps Home Care"},
        "subject":{"nhsNumber":"9990000018","familyName":"Larkspur","givenName":"Edith","dateOfBirth":"1942-03-09",
        "address":{"line1":"14 Heron Close","postcode":"ZZ99 3VZ"},
        "localIdentifiers":[{"system":"https://fhir.causeway.example/Id/telecare-controller","value":"4471002"}]}}"#;
    let answer = world.send("1-9990000201", "application/json", record.as_bytes().to_vec()).await;
    assert_eq!(answer["translation"]["errors"], 0, "{answer:#}");
    let known = |w: &World| w.state.behind().0.figures().is_ok_and(|f| f.persons > 0);
    world.until("she is in the record", known).await;
}

async fn talk(address: std::net::SocketAddr, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.expect("writes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.shutdown().await.expect("ends");
    let mut answers = String::new();
    drop(tokio::time::timeout(Duration::from_secs(60), stream.read_to_string(&mut answers)).await);
    answers
}

fn kept(door: &Door) -> usize {
    door.world.messages().iter().filter(|m| m.new.door.starts_with("scaip")).count()
}

fn numbers(answers: &str) -> Vec<&str> {
    answers.split("<snu>").skip(1).filter_map(|a| a.split('<').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_kept_and_answered_each_in_turn() {
    let door = door(open()).await;
    resident(&door.world).await;
    let second = KNOWN.replace("A1", "A2");
    let (half, rest) = second.split_at(20);
    let answers =
        talk(door.address, &[KNOWN, "\n", half, rest, "<mrq><mty>PI</mty><ref>H1</ref></mrq>"]).await;
    assert_eq!(numbers(&answers), ["0", "0", "0"], "{answers}");
    for reference in ["<ref>A1</ref>", "<ref>A2</ref>", "<ref>H1</ref>"] {
        assert!(answers.contains(reference), "{answers}");
    }
    assert_eq!(kept(&door), 2, "a heartbeat is answered and not kept");
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_gets_its_number() {
    let door = door(open()).await;
    resident(&door.world).await;
    for (message, number) in [
        ("<mrq><ref>B1</ref><cid>4471002</cid></mrq>", "7"),
        ("<mrq><ref>B2</ref><cid>4471002</cid><dty>0099</dty></mrq>", "3"),
        ("<mrq><ref>B3</ref><cid>4471002<dty>0005</dty></mrq>", "2"),
        ("<mrq><ref>B4</ref><cid>4471002</cid><dty>0005</dty>", "2"),
        ("<!DOCTYPE mrq [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><mrq><cid>&a;</cid></mrq>", "2"),
        ("no XML at all", "2"),
        ("<mrq><ref>B5</ref><cid>999</cid><dty>0005</dty></mrq>", "5"),
        ("<scaip><ref>B6</ref><cid>4471002</cid><dty>0003</dty></scaip>", "0"),
    ] {
        let answers = talk(door.address, &[message]).await;
        assert_eq!(numbers(&answers), [number], "{message}: {answers}");
    }
    assert_eq!(kept(&door), 8, "what is refused is kept too");
    let long = format!("<mrq><ite>{}", "x".repeat(200_000));
    assert_eq!(numbers(&talk(door.address, &[&long]).await), ["1"]);
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retransmission_is_the_same_message_and_a_new_press_is_not() {
    let door = door(open()).await;
    resident(&door.world).await;
    let first = talk(door.address, &[KNOWN]).await;
    assert_eq!(talk(door.address, &[KNOWN]).await, first);
    assert_eq!(kept(&door), 1);
    door.world.state.clock.advance(SignedDuration::from_hours(23)).expect("test mode");
    assert_eq!(talk(door.address, &[KNOWN]).await, first);
    assert_eq!(kept(&door), 1);

    let bare = "<mrq><cid>4471002</cid><dty>0003</dty></mrq>";
    talk(door.address, &[bare]).await;
    talk(door.address, &[bare]).await;
    assert_eq!(kept(&door), 2);
    door.world.state.clock.advance(SignedDuration::from_mins(10)).expect("test mode");
    talk(door.address, &[bare]).await;
    assert_eq!(kept(&door), 3, "without a reference, ten minutes later, it is another alarm");
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_as_well() {
    let door = door(open()).await;
    resident(&door.world).await;
    let post = |body: &'static str| {
        let request = door.world.client.post(door.world.server.url("/scaip")).body(body);
        async move {
            let answer = request.header("Causeway-Sender", "ZT901").send().await.expect("an answer");
            let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
            (answer.status().as_u16(), kind, answer.text().await.expect("text"))
        }
    };
    let (status, kind, reply) = post(KNOWN).await;
    assert_eq!((status, kind.as_str()), (200, "application/scaip+xml"));
    assert_eq!(numbers(&reply), ["0"]);
    assert_eq!(numbers(&post("<mrq><mty>PI</mty></mrq>").await.2), ["0"]);
    assert_eq!(numbers(&post("nothing").await.2), ["2"]);
    assert_eq!(kept(&door), 2);
    let unnamed =
        door.world.client.post(door.world.server.url("/scaip")).body(KNOWN).send().await.expect("an answer");
    assert_eq!(unnamed.status(), 400);
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_too_fast_is_told_busy() {
    let mut config = open();
    (config.limits.rate_per_second, config.limits.rate_burst) = (1, 3);
    let door = door(config).await;
    let pulses = "<mrq><mty>PI</mty></mrq>".repeat(6);
    let answers = talk(door.address, &[&pulses]).await;
    assert_eq!(numbers(&answers), ["0", "0", "0", "6", "6", "6"]);
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_kept_the_unit_is_told_to_hold() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder");
    drop(state_in(open(), folder.path(), None));
    let state = state_in(open(), folder.path(), Some(u64::MAX));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings = Settings {
        listen: address.to_string(),
        sender: "ZT901".to_owned(),
        format: "telecare-alarm".to_owned(),
        tls: None,
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve(state, stop.clone(), listener, settings, None));
    let answers = talk(address, &[KNOWN]).await;
    assert_eq!(numbers(&answers), ["4"], "{answers}");
    assert!(answers.contains("<ref>A1</ref>"));
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn within_tls() {
    use std::sync::Arc;

    use causeway_service::tls;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    let world = World::new(open()).await;
    resident(&world).await;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let tls = tls::Settings { certificate, key, client_ca: None, client_required: false, mllp: false };
    let wrap = tls::wrap(&tls).expect("TLS");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings = Settings {
        listen: address.to_string(),
        sender: "ZT901".to_owned(),
        format: "telecare-alarm".to_owned(),
        tls: Some(tls),
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve(world.state.clone(), stop.clone(), listener, settings, Some(wrap)));

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("an authority");
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("connects");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.expect("TLS");
    stream.write_all(KNOWN.as_bytes()).await.expect("writes");
    let mut answer = vec![0; 200];
    let length = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await;
    let length = length.expect("in time").expect("an answer");
    assert_eq!(numbers(&String::from_utf8_lossy(&answer[..length])), ["0"]);

    let plain = talk(address, &[KNOWN]).await;
    assert!(!plain.contains("<snu>"), "plain text gets no reply");
    stop.cancel();
}
