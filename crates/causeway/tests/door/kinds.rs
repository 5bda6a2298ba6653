//! Kinds of faults that strangers' messages found, through every door by which a message comes in, and out again by the
//! FHIR door: what must be in the record, what must not, and what must be told. (`docs/cases.md` is their table.)

use std::io::Write;
use std::time::{Duration, Instant};

use causeway_exchange::{Message, State};
use causeway_hl7v2::mllp::encode;
use causeway_service::mesh::{AuthMode, Mailbox, MeshConfig, Mode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::world::{World, open};

const SENDER: &str = "ZV801";

/// What comes in: the kind, the message type, segments after MSH with `{id}` for the person's number; what is read: the
/// resource type, what its JSON holds, what it does not; and the rules told.
struct Kind {
    name: &'static str,
    event: &'static str,
    segments: &'static str,
    read: &'static str,
    holds: &'static [&'static str],
    lacks: &'static [&'static str],
    told: &'static [&'static str],
}

const PID: &str = "PID|1||{id}^^^AVH^PI||LARKSPUR^EDITH||19420309|2\r";
const RESULT: &str =
    "PID|1||{id}^^^AVH^PI||LARKSPUR^EDITH||19420309|2\rOBR|1||R{id}|GLU^Glucose^L|||20261001\r";

const KINDS: &[Kind] = &[
    Kind {
        name: "a unit with its power of ten",
        event: "ORU^R01",
        segments: "{result}OBX|1|NM|X^Y^L||5.2|x10^9/L|||||F\r",
        read: "Observation",
        holds: &[r#""unit":"x10^9/L""#, r#""code":"10*9/L""#],
        lacks: &[r#""unit":"9/L""#],
        told: &["separator-in-text"],
    },
    Kind {
        name: "a unit in superscript",
        event: "ORU^R01",
        segments: "{result}OBX|1|NM|X^Y^L||5.2|×10⁹/L|||||F\r",
        read: "Observation",
        holds: &[r#""unit":"×10⁹/L""#, r#""code":"10*9/L""#],
        lacks: &[],
        told: &[],
    },
    Kind {
        name: "parts of a number",
        event: "ORU^R01",
        segments: "{result}OBX|1|SN|X^Y^L||^5^^6|mmol/L|||||F\r",
        read: "Observation",
        holds: &[r#""valueString":"5 6 mmol/L""#],
        lacks: &["\"56"],
        told: &["value-type"],
    },
    Kind {
        name: "a line end in a text",
        event: "ORU^R01",
        segments: "{result}OBX|1|TX|X^Y^L||Chest\nNAD\nUrgent CT advised.||||||F\r",
        read: "Observation",
        holds: &[r"Chest\nNAD\nUrgent CT advised.", r#""status":"final""#],
        lacks: &[],
        told: &[],
    },
    Kind {
        name: "separators in a text",
        event: "ORU^R01",
        segments: "{result}OBX|1|ST|X^Y^L||Wellness & Co ^ A||||||F\r",
        read: "Observation",
        holds: &[r#""valueString":"Wellness & Co ^ A""#],
        lacks: &[],
        told: &["separator-in-text"],
    },
    Kind {
        name: "a birth after the message",
        event: "ADT^A28",
        segments: "PID|1||{id}^^^AVH^PI||LARKSPUR^EDITH||20420309|2\r",
        read: "Patient",
        holds: &["source-text", "20420309"],
        lacks: &[r#""birthDate":"2042"#],
        told: &["birth-date-in-future"],
    },
    Kind {
        name: "a sex in no table",
        event: "ADT^A28",
        segments: "PID|1||{id}^^^AVH^PI||LARKSPUR^EDITH||19420309|Q\r",
        read: "Patient",
        holds: &[r#""gender":"unknown""#, r#""valueString":"Q""#],
        lacks: &[],
        told: &["code-unknown"],
    },
    Kind {
        name: "a deletion in a component",
        event: "ADT^A31",
        segments: "PID|1||{id}^^^AVH^PI||LARKSPUR^EDITH^\"\"||19420309|2\r",
        read: "Patient",
        holds: &["LARKSPUR"],
        lacks: &[r#"\"\""#],
        told: &["deleted-by-source"],
    },
    Kind {
        name: "an identifier that a spreadsheet rounded",
        event: "ADT^A28",
        segments: "PID|1||{id}^^^AVH^PI~4.47E+06^^^OLD^PI||LARKSPUR^EDITH||19420309|2\r",
        read: "Patient",
        holds: &["LARKSPUR"],
        lacks: &[r#"/OLD","value":"4.47E+06""#],
        told: &["identifier-rounded"],
    },
    Kind {
        name: "blanks that do not show in an NHS number",
        event: "ADT^A28",
        segments: "PID|1||{id}^^^AVH^PI~\u{200e}999\u{a0}000\u{a0}0034^^^NHS^NH||LARKSPUR^EDITH||19420309|2\r",
        read: "Patient",
        holds: &[r#""value":"9990000034""#],
        lacks: &["number-not-valid"],
        told: &["nhs-number-spaced"],
    },
    Kind {
        name: "a dose that was refused",
        event: "VXU^V04",
        segments: "{pid}ORC|RE||V{id}\rRXA|0|1|20261001|20261001|39114911000001105^Flu^SCT|999||||||||||||00^Refused^NIP002||RE\r",
        read: "Immunization",
        holds: &[r#""status":"not-done""#],
        lacks: &[r#""status":"completed""#],
        told: &[],
    },
    Kind {
        name: "a coding method in a field of its own",
        event: "ADT^A01",
        segments: "{pid}PV1|1|I\rDG1|1|I10|I21.9|AMI|20261001|F\r",
        read: "Condition",
        holds: &["http://hl7.org/fhir/sid/icd-10", "I21.9"],
        lacks: &[],
        told: &[],
    },
];

impl Kind {
    fn message(&self, id: &str) -> String {
        let body = self.segments.replace("{result}", RESULT).replace("{pid}", PID).replace("{id}", id);
        let event = self.event;
        format!(
            "MSH|^~\\&|PAS|{SENDER}|TIE|ZZ902|20261102120000||{event}|C{id}|P|2.4|||||GBR|UNICODE UTF-8\r{body}"
        )
    }
}

fn mesh() -> MeshConfig {
    let mailbox = |id: &str, ods: &str, broker| Mailbox {
        id: id.to_owned(),
        name: id.to_owned(),
        ods_code: ods.to_owned(),
        broker,
        ..Mailbox::default()
    };
    MeshConfig {
        mode: Mode::Sandbox,
        auth: AuthMode::None,
        mailboxes: vec![mailbox("SENDER", SENDER, false), mailbox("OWN", "ZZ902", true)],
        ..MeshConfig::default()
    }
}

/// The message whose control id this is, once it was translated or refused.
async fn settled(world: &World, id: &str) -> Message {
    let mine = |world: &World| {
        world.messages().into_iter().find(|m| {
            matches!(m.state, State::Translated | State::Error)
                && String::from_utf8_lossy(&world.content(&m.new.id)).contains(&format!("|C{id}|"))
        })
    };
    world.until(id, |world| mine(world).is_some()).await;
    mine(world).expect("it was there")
}

async fn by_http(world: &World, message: &str) {
    world.send(SENDER, "application/hl7-v2", message.as_bytes().to_vec()).await;
}

async fn by_mllp(address: std::net::SocketAddr, message: &str) {
    let mut frame = Vec::new();
    encode(message.as_bytes(), &mut frame);
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(&frame).await.expect("writes");
    stream.shutdown().await.expect("ends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("reads");
    assert!(String::from_utf8_lossy(&answer).contains("MSA|A"), "{answer:?}");
}

async fn by_mesh(world: &World, message: &str) {
    let request = world.client.post(world.server.url("/messageexchange/SENDER/outbox"));
    let request =
        request.header("Mex-From", "SENDER").header("Mex-To", "OWN").header("Mex-WorkflowID", "ADT");
    let request = request.header("Authorization", "NHSMESH SENDER:nonce:1:202611021200:hash");
    let answer = request.body(message.as_bytes().to_vec()).send().await.expect("an answer");
    assert_eq!(answer.status(), 202, "{:?}", answer.text().await);
}

/// What the FHIR door gives of a person once it is there, as text.
async fn record(world: &World, kind: &str, id: &str) -> (usize, String) {
    let start = Instant::now();
    loop {
        let found = read(world, kind, id).await;
        if found.0 > 0 || start.elapsed() > Duration::from_secs(90) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn read(world: &World, kind: &str, id: &str) -> (usize, String) {
    let of = if kind == "Patient" { "identifier" } else { "patient.identifier" };
    let system = format!("https%3A%2F%2Ffhir.causeway.example%2FId%2Flocal%2F{SENDER}%2FAVH");
    let request = world.client.get(world.server.url(&format!("/fhir/{kind}?{of}={system}%7C{id}")));
    let request = request.header("Causeway-Sender", SENDER).header("Accept", "application/fhir+json");
    let found: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    let resources: Vec<&Value> =
        entries.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == kind).collect();
    (resources.len(), resources.iter().map(ToString::to_string).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_right_through_every_door() {
    let world = World::with_mesh(open(), mesh()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings = causeway_service::mllp::Settings {
        listen: address.to_string(),
        sender: SENDER.to_owned(),
        format: "hl7v2".to_owned(),
    };
    let stop = CancellationToken::new();
    tokio::spawn(causeway_service::mllp::serve(world.state.clone(), stop.clone(), listener, settings, None));
    let mut wrong = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        for door in ["http", "mllp", "mesh"] {
            let id = format!("{}{number:03}", door.to_uppercase());
            let message = kind.message(&id);
            match door {
                "http" => by_http(&world, &message).await,
                "mllp" => by_mllp(address, &message).await,
                _ => by_mesh(&world, &message).await,
            }
            let at = format!("{door}: {}", kind.name);
            let settled = settled(&world, &id).await;
            if settled.state != State::Translated || settled.new.door != door {
                wrong.push(format!("{at}: {:?} by {}", settled.state, settled.new.door));
            }
            let (count, json) = record(&world, kind.read, &id).await;
            if count != 1 {
                wrong.push(format!("{at}: {count} of {}", kind.read));
            }
            wrong.extend(
                kind.holds.iter().filter(|t| !json.contains(**t)).map(|t| format!("{at}: lacks {t}: {json}")),
            );
            wrong.extend(kind.lacks.iter().filter(|t| json.contains(**t)).map(|t| format!("{at}: has {t}")));
            let issues = world.json(&format!("/messages/{}/issues", settled.new.id)).await.to_string();
            wrong.extend(
                kind.told.iter().filter(|t| !issues.contains(**t)).map(|t| format!("{at}: {t} is not told")),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    stop.cancel();
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).expect("packs");
    packer.finish().expect("packs")
}

/// A name, what becomes of the message, headers, and words of the refusal (none: it is read).
type Case = (&'static str, fn(&str) -> Vec<u8>, &'static [(&'static str, &'static str)], &'static str);

/// What stands around a message: read, or refused with words that its sender can act on.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_around_a_message_is_read_or_said() {
    let world = World::new(open()).await;
    let kind = &KINDS[6];
    let utf16 = |text: &str| -> Vec<u8> {
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    let plain: fn(&str) -> Vec<u8> = |m| m.as_bytes().to_vec();
    let cases: [Case; 16] = [
        ("line feeds", |m| m.replace('\r', "\n").into_bytes(), &[], ""),
        ("both line ends", |m| m.replace('\r', "\r\n").into_bytes(), &[], ""),
        ("a byte order mark", |m| format!("\u{feff}{m}").into_bytes(), &[], ""),
        ("blank lines before", |m| format!("\r\n\r\n{m}").into_bytes(), &[], ""),
        ("a frame", |m| format!("\u{b}{m}\u{1c}\r").into_bytes(), &[], ""),
        ("NUL behind", |m| format!("{m}\0\0").into_bytes(), &[], ""),
        ("another media type", plain, &[("Content-Type", "application/json")], ""),
        ("a table's media type", plain, &[("Content-Type", "text/csv")], ""),
        ("packed and said", |m| packed(m.as_bytes()), &[("Content-Encoding", "gzip")], ""),
        ("packed and not said", |m| packed(m.as_bytes()), &[], "gzip"),
        ("said to be packed", plain, &[("Content-Encoding", "gzip")], "gzip"),
        ("cut when packed", |m| packed(m.as_bytes())[..40].to_vec(), &[("Content-Encoding", "gzip")], "gzip"),
        ("a ZIP archive", |_| b"PK\x03\x04\x14\0\0\0invented".to_vec(), &[], "ZIP"),
        ("a PDF", |_| b"%PDF-1.4 invented".to_vec(), &[], "PDF"),
        ("a web page", |_| b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec(), &[], "web page"),
        ("nothing known", |_| b"hello".to_vec(), &[], "no adapter knows this format"),
    ];
    let mut wrong = Vec::new();
    for (number, (name, body, headers, refused)) in cases.iter().enumerate() {
        let message = kind.message(&format!("AROUND{number:03}"));
        let request = world.client.post(world.server.url("/messages")).header("Causeway-Sender", SENDER);
        let mut request = request.header("Prefer", "respond-sync").body(body(&message));
        for (header, value) in *headers {
            request = request.header(*header, *value);
        }
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let failure = answer["failure"]["text"].as_str().unwrap_or_default();
        let state = answer["state"].as_str().unwrap_or_default();
        let right = match refused.is_empty() {
            true => state == "translated" && answer["translation"]["errors"] == 0,
            false => state == "error" && failure.contains(refused),
        };
        if !right {
            wrong.push(format!("{name}: {state}, {failure}"));
        }
    }
    // The same in UTF-16, which no format here is written in.
    let answer = world.send(SENDER, "application/hl7-v2", utf16(&kind.message("WIDE"))).await;
    if !answer["failure"]["text"].as_str().unwrap_or_default().contains("UTF-16") {
        wrong.push(format!("UTF-16: {:?}", answer["failure"]));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A message of which nothing comes out reads "refused", with why, and not "translated".
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_every_record_is_refused_says_so() {
    let world = World::new(open()).await;
    let child = include_str!("../../../../fixtures/client-level-data/child/input.csv");
    let (heading, rows) = child.split_once('\n').expect("rows");
    let grown: Vec<&str> = rows.lines().filter(|row| row.contains("Edith")).collect();
    let minors: Vec<&str> = rows.lines().filter(|row| !row.contains("Edith")).collect();
    let table = |rows: &[&str]| format!("{heading}\n{}\n", rows.join("\n"));
    let cases = [
        ("text/csv", table(&minors), "error"),
        ("text/csv", table(&[grown.clone(), minors].concat()), "translated"),
        ("text/csv", table(&grown), "translated"),
        ("application/hl7-v2", KINDS[6].message("X").replace("PID|", "ZID|"), "error"),
    ];
    let mut wrong = Vec::new();
    for (number, (media_type, text, state)) in cases.iter().enumerate() {
        let answer = world.send("Z998", media_type, text.clone().into_bytes()).await;
        let said = answer["failure"]["code"].as_str().unwrap_or_default();
        let expected = if *state == "error" { "all-refused" } else { "" };
        if answer["state"] != *state || said != expected {
            wrong.push(format!("{number}: {answer}"));
        }
        let page = world.page(&format!("/messages/{}", answer["id"].as_str().unwrap_or_default())).await;
        if page.contains("Every record of it was refused") != (*state == "error") {
            wrong.push(format!("{number}: the page says something else"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
