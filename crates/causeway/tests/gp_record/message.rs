//! A whole GP record of an invented person, sent as a message of five parts: the main message with one small
//! attachment of its own, an index of an attachment cut in two, its two pieces, and a piece of the extract itself
//! that was taken out (skeleton).

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_adapter::Adapter;
use causeway_synth::formats::gp2gp;
use causeway_synth::{edith, journey::Journey, people::Person};
use serde_json::{Value, json};

/// Stands for the conversation's id until the message is sent, as in the corpus.
const CONVERSATION: &str = "{{conversationId}}";

const MAIN: &str = "7B1E0000-0000-4000-8000-000000000001";
pub const INDEX: &str = "7B1E0000-0000-4000-8000-000000000002";
pub const FIRST: &str = "7B1E0000-0000-4000-8000-000000000003";
const SECOND: &str = "7B1E0000-0000-4000-8000-000000000004";
const SKELETON: &str = "7B1E0000-0000-4000-8000-000000000005";
const SMALL: &str = "7B1E0000-0000-4000-8000-00000000000A";
const LARGE: &str = "7B1E0000-0000-4000-8000-00000000000B";
const TAKEN_OUT: &str = "7B1E0000-0000-4000-8000-00000000000C";

/// Bytes of the attachment that comes in two pieces.
pub fn letter() -> Vec<u8> {
    (0..500_u32).flat_map(|n| format!("line {n} of an invented letter\n").into_bytes()).collect()
}

pub fn gp2gp_adapter() -> &'static dyn Adapter {
    causeway::ADAPTERS.iter().copied().find(|a| a.name() == "gp2gp").expect("the adapter")
}

/// A person's whole record as one message.
pub fn extract(person: &Person, journey: &Journey, bytes: usize) -> String {
    let at = jiff::civil::datetime(2026, 11, 2, 9, 0, 0, 0);
    String::from_utf8(gp2gp::extract(person, journey, at, bytes).bytes).expect("text")
}

/// The record with the first composition that holds each of these words, and no other: what is done hundreds of
/// times need not be long.
pub fn short(whole: &str, words: &[&str]) -> String {
    let (open, close) = ("<component typeCode=\"COMP\"><ehrComposition", "</ehrComposition></component>");
    let start = whole.find(open).expect("a composition");
    let end = whole.rfind(close).expect("its end") + close.len();
    let compositions: Vec<&str> = whole[start..end].split_inclusive(close).collect();
    let kept: Vec<&str> =
        words.iter().filter_map(|w| compositions.iter().find(|c| c.contains(w)).copied()).collect();
    format!("{}{}{}", &whole[..start], kept.concat(), &whole[end..])
}

fn document(id: &str, name: &str) -> String {
    let statement = format!("7B1E0000-0000-4000-8000-1{}", &id[25..]);
    format!(
        "<component typeCode=\"COMP\" contextConductionInd=\"true\"><NarrativeStatement classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{statement}\"/><text>Letter</text><statusCode code=\"COMPLETE\"/><availabilityTime value=\"20240312103000\"/><reference typeCode=\"REFR\"><referredToExternalDocument classCode=\"DOC\" moodCode=\"EVN\"><id root=\"{id}\"/><text mediaType=\"text/plain\"><reference value=\"file://localhost/{name}\"/></text></referredToExternalDocument></reference></NarrativeStatement></component>"
    )
}

/// The record with its two documents, and the first observation of it.
fn record() -> (String, String) {
    let (person, journey) = edith();
    let words = ["LinkSet", "ehrSupplyAuthorise", "Batch Number", "Laboratory reporting"];
    let whole = short(&extract(&person, &journey, 0), &words);
    let documents = document(SMALL, "small.txt") + &document(LARGE, "large.txt");
    let whole = whole.replacen("</ehrComposition>", &(documents + "</ehrComposition>"), 1);
    let (open, close) = ("<ObservationStatement", "</ObservationStatement>");
    let start = whole.find(open).expect("an observation");
    let end = start + whole[start..].find(close).expect("its end") + close.len();
    let taken = whole[start..end].to_owned();
    (whole, taken)
}

/// The record as one message, without its attachments.
pub fn unsplit() -> Vec<u8> {
    record().0.into_bytes()
}

fn envelope(message: &str, action: &str, references: &str) -> String {
    format!(
        "<SOAP:Envelope xmlns:SOAP=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:eb=\"http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:hl7ebxml=\"urn:hl7-org:transport/ebxml/DSTUv1.0\"><SOAP:Header><eb:MessageHeader><eb:ConversationId>{CONVERSATION}</eb:ConversationId><eb:Service>urn:nhs:names:services:gp2gp</eb:Service><eb:Action>{action}</eb:Action><eb:MessageData><eb:MessageId>{message}</eb:MessageId></eb:MessageData></eb:MessageHeader></SOAP:Header><SOAP:Body><eb:Manifest><eb:Reference xlink:href=\"cid:hl7\"><eb:Description>HL7 payload</eb:Description><hl7ebxml:Payload style=\"HL7\"/></eb:Reference>{references}</eb:Manifest></SOAP:Body></SOAP:Envelope>"
    )
}

fn reference(document: &str, to: &str, description: &str) -> String {
    format!(
        "<eb:Reference eb:id=\"_{document}\" xlink:href=\"{to}\"><eb:Description>{description}</eb:Description></eb:Reference>"
    )
}

fn part(envelope: String, payload: &str, attachments: &[Value]) -> String {
    json!({"ebXML": envelope, "payload": payload, "attachments": attachments}).to_string()
}

fn copc(id: &str, references: &str, attachments: &[Value]) -> String {
    let payload =
        format!("<COPC_IN000001UK01 xmlns=\"urn:hl7-org:v3\"><id root=\"{id}\"/></COPC_IN000001UK01>");
    part(envelope(id, "COPC_IN000001UK01", references), &payload, attachments)
}

fn said(name: &str, kind: &str, more: &str) -> String {
    format!("Filename=\"{name}\" ContentType={kind} Compressed=No LargeAttachment=No OriginalBase64=No{more}")
}

/// The five parts, the main message first.
pub fn own() -> Vec<String> {
    let (whole, taken) = record();
    let reference_to_taken = document(TAKEN_OUT, "piece.xml");
    let inner = reference_to_taken.find("<NarrativeStatement").expect("a statement");
    let inner = reference_to_taken[inner..].trim_end_matches("</component>");
    let payload = whole.replacen(&taken, inner, 1);
    let attached = |name: &str, kind: &str, text: String| json!({"content_type": kind, "is_base64": "true", "description": said(name, kind, ""), "payload": text});
    let small = attached("small.txt", "text/plain", STANDARD.encode("a small letter"));
    // Cut where neither piece is base64 of its own.
    let large = STANDARD.encode(letter());
    let (one, two) = large.split_at(4_001);
    let manifest = [
        reference(SMALL, "cid:small", &said("small.txt", "text/plain", "")),
        reference(LARGE, &format!("mid:{}", INDEX.to_lowercase()), &said("large.txt", "text/plain", "")),
        reference(
            TAKEN_OUT,
            &format!("mid:{SKELETON}"),
            &said("piece.xml", "text/xml", " X-GP2GP-Skeleton: Yes"),
        ),
    ];
    let index = reference("1", &format!("mid:{FIRST}"), "piece 1")
        + &reference("2", &format!("mid:{SECOND}"), "piece 2");
    vec![
        part(envelope(MAIN, "RCMR_IN030000UK06", &manifest.concat()), &payload, &[small]),
        copc(INDEX, &index, &[]),
        copc(FIRST, "", &[attached("large.txt", "text/plain", one.to_owned())]),
        copc(SECOND, "", &[attached("large.txt", "text/plain", two.to_owned())]),
        copc(SKELETON, "", &[attached("piece.xml", "text/xml", STANDARD.encode(&taken))]),
    ]
}

/// A message of several parts: its name, and the parts with placeholders.
pub type Scenario = (String, Vec<String>);

/// The large messages of the corpus; none where it is absent, which is said aloud.
pub fn corpus() -> Vec<Scenario> {
    let Some(folder) = corpora() else { return Vec::new() };
    let sorted = |folder: PathBuf| {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        paths.sort();
        paths
    };
    sorted(folder.join("gp2gp/in/large-message"))
        .into_iter()
        .map(|scenario| {
            let name = scenario.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let parts =
                sorted(scenario).iter().map(|p| std::fs::read_to_string(p).expect("a part")).collect();
            (name, parts)
        })
        .collect()
}

/// The corpora; `None` where they are absent.
#[allow(clippy::print_stderr, reason = "what is skipped must be seen")]
pub fn corpora() -> Option<PathBuf> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("CAUSEWAY_CORPORA").map_or(default, PathBuf::from);
    if folder.join("gp2gp/in").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: the corpus is not there; CAUSEWAY_CORPORA names its folder ({})", folder.display());
    None
}

/// A part as it is sent in one conversation.
pub fn filled(part: &str, conversation: &str) -> Vec<u8> {
    part.replace(CONVERSATION, conversation).replace("{{nhsNumber}}", "9990000026").into_bytes()
}
