//! The MLLP door over real sockets, with the HL7 v2 adapter behind it.

use std::collections::HashSet;
use std::sync::Arc;

use causeway_exchange::{Contents, MessageQuery};
use causeway_hl7v2::mllp::{Decoder, encode};
use causeway_record::Record;
use causeway_service::config::Config;
use causeway_service::mllp::{Settings, serve};
use causeway_service::state::{AppState, Shared};
use causeway_store::{Options, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

struct Door {
    state: Shared,
    store: Arc<Store>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

async fn door() -> Door {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Store::open(Options::new(folder.path().join("exchange"))).expect("a store"));
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let config = Config { open: true, data_directory: folder.path().to_path_buf(), ..Config::default() };
    let state = AppState::new(config, store.clone(), Arc::new(record), causeway::ADAPTERS).expect("a state");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings =
        Settings { listen: address.to_string(), sender: "ZV801".to_owned(), format: "hl7v2".to_owned() };
    let stop = CancellationToken::new();
    tokio::spawn(serve(state.clone(), stop.clone(), listener, settings, None));
    Door { state, store, address, stop, _folder: folder }
}

fn message(number: usize, version: &str, conditions: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|PAS|ZV801|X|Y|20261012194500||ADT^A01|C{number:05}|P|{version}|||{conditions}\rEVN|A01|20261012194500\r\
         PID|1||H1^^^ZV801^PI||Larkspur^Edith||19420309|F\rPV1|1|I|BEECH|||||||||||||||||V1\r"
    )
    .into_bytes()
}

async fn exchange(address: std::net::SocketAddr, frames: &[Vec<u8>]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let mut out = Vec::new();
    frames.iter().for_each(|frame| encode(frame, &mut out));
    let (mut reader, mut writer) = stream.split();
    let mut answers = Vec::new();
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    let reading = async {
        while answers.len() < frames.len() {
            match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(length) => decoder.extend(&buffer[..length]),
            }
            while let Ok(Some(answer)) = decoder.frame() {
                answers.push(String::from_utf8_lossy(&answer).into_owned());
            }
        }
    };
    let writing = writer.write_all(&out);
    let (written, ()) = tokio::join!(writing, reading);
    written.expect("writes");
    answers
}

fn accepted(state: &Shared) -> usize {
    state.engine.search(&MessageQuery { limit: 1000, ..MessageQuery::default() }).expect("messages").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_messages_are_answered_in_order_after_they_are_durable() {
    let door = door().await;
    let frames: Vec<_> = (0..300).map(|n| message(n, "2.4", "")).collect();
    let answers = exchange(door.address, &frames).await;
    assert_eq!(answers.len(), 300);
    for (number, answer) in answers.iter().enumerate() {
        assert!(answer.contains(&format!("MSA|AA|C{number:05}")), "{answer}");
    }
    assert_eq!(accepted(&door.state), 300);
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_again_are_the_same_message() {
    let door = door().await;
    let frames = vec![message(1, "2.4", ""), message(1, "2.4", ""), message(1, "2.4", "")];
    let answers = exchange(door.address, &frames).await;
    assert_eq!(answers.iter().collect::<HashSet<_>>().len(), 1, "{answers:?}");
    assert_eq!(accepted(&door.state), 1);
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn enhanced_mode_gets_a_commit_acknowledgement() {
    let door = door().await;
    let answers = exchange(door.address, &[message(7, "2.5.1", "AL|NE")]).await;
    assert!(answers[0].contains("MSA|CA|C00007"), "{answers:?}");
    door.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_kept_and_refused() {
    let door = door().await;
    let answers = exchange(door.address, &[b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01||P|2.4\r".to_vec()]).await;
    assert!(answers[0].contains("MSA|AR") || answers[0].contains("MSA|AE"), "{answers:?}");
    assert_eq!(accepted(&door.state), 1);
    door.stop.cancel();
}

/// Contents of the messages that a door has taken, in order of their text.
fn kept(door: &Door) -> Vec<String> {
    let found = door.state.engine.search(&MessageQuery { limit: 1000, ..MessageQuery::default() });
    let content =
        |m: &causeway_exchange::Message| door.store.content(&m.new.id, 1000).expect("content").bytes;
    let mut kept: Vec<String> =
        found.expect("messages").iter().map(|m| String::from_utf8(content(m)).expect("text")).collect();
    kept.sort();
    kept
}

/// Framing bytes within a message: nothing of it vanishes behind an acknowledgement that all is well.
#[tokio::test(flavor = "multi_thread")]
async fn what_framing_bytes_cut_off_is_kept_and_found() {
    let whole = String::from_utf8(message(1, "2.4", "")).expect("text");
    for (byte, answers) in [("\x0b", &["MSA|AE|C00001"][..]), ("\x1c", &["MSA|AA|C00001"])] {
        let door = door().await;
        let broken = whole.replace("Larkspur", &format!("Lark{byte}spur"));
        let found = raw(door.address, format!("\x0b{broken}\x1c\r").as_bytes()).await;
        assert!(answers.iter().all(|a| found.contains(a)), "{found}");
        assert_eq!(kept(&door), [broken], "whole, as it came");
        door.stop.cancel();
    }
    // An end byte after which nothing had arrived yet ends the frame; what follows is a message in error, findable.
    let door = door().await;
    let found = raw(door.address, format!("\x0b{whole}\x1c\rHouse^Nan||19300101|F\r").as_bytes()).await;
    assert!(found.contains("MSA|AA|C00001"), "{found}");
    assert_eq!(kept(&door), ["House^Nan||19300101|F\r".to_owned(), whole.clone()]);
    // A message without a start byte is taken as one, and noise is none.
    let other = whole.replace("C00001", "C00002");
    let found = raw(door.address, format!("{other}\x1c\r").as_bytes()).await;
    assert!(found.contains("MSA|AA|C00002"), "{found}");
    assert_eq!(raw(door.address, b"GET / HTTP/1.1\r\n\r\n").await, "");
    assert_eq!(kept(&door).len(), 3);
    door.stop.cancel();
}

/// The rest of a message whose end byte came alone is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_byte_within_a_message_that_comes_in_portions_is_none() {
    let whole = String::from_utf8(message(1, "2.4", "")).expect("text");
    let door = door().await;
    let broken = whole.replace("Larkspur", "Lark\x1cspur");
    let (head, rest) = broken.split_once("spur").expect("two parts");
    let mut stream = TcpStream::connect(door.address).await.expect("connects");
    stream.set_nodelay(true).expect("no delay");
    for part in [format!("\x0b{head}"), "sp".to_owned(), format!("ur{rest}\x1c\r")] {
        stream.write_all(part.as_bytes()).await.expect("writes");
        stream.flush().await.expect("flushes");
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.expect("ends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("reads");
    assert_eq!(kept(&door), [broken], "whole, as it came");
    door.stop.cancel();
}

/// Sends these bytes, says that no more come, and reads until the door closes.
async fn raw(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(bytes).await.expect("writes");
    stream.shutdown().await.expect("ends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("reads");
    String::from_utf8(answer).expect("text")
}
