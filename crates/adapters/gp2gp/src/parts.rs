//! Messages of many parts. A record of more than 5 MB, or one with attachments, comes as a main message and
//! COPC messages with the rest. A broker collects them in any order; together they become one MIME entity.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causeway_adapter::{Composer, Part};
use causeway_core::{Issue, IssueCode, ItemId, Ledger, Outcome, Outline, Place, Position, Severity, Span};
use causeway_mime::ebxml::{self, Envelope, Reference};
use causeway_mime::{self as mime, MimePart};

use crate::attachment::{Attachment, Attachments};
use crate::limits;

/// A message ready to be translated.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub payload: &'a [u8],
    /// Where the payload begins in the input.
    pub offset: usize,
    attachments: Vec<Carried<'a>>,
    /// The envelope's own item, where it decides anything.
    envelope: Option<ItemId>,
}

#[derive(Debug)]
struct Carried<'a> {
    part: MimePart<'a>,
    file_name: String,
    document: String,
    compressed: bool,
    headers: ItemId,
    body: ItemId,
}

/// Finds payload and attachments in an input and enters those parts that are not the payload's own.
pub(crate) fn open<'a>(input: &'a [u8], ledger: &mut Ledger) -> Result<Message<'a>, Issue> {
    if is_json(input) {
        let text = "the message is a part in a wrapper: it is translated once its parts are put together";
        let issue = Issue::new(Severity::Fatal, IssueCode::NotSupported, "part-not-assembled", text);
        return Err(issue.at(Position::new("/", Span::new(0, 1))));
    }
    if !mime::is_mime(input) {
        return Ok(Message { payload: input, offset: 0, attachments: Vec::new(), envelope: None });
    }
    let parts = mime::split(input);
    let refuse = |text: &'static str| {
        let issue = Issue::new(Severity::Fatal, IssueCode::Structure, "mime-structure", text);
        issue.at(Position::new("/", Span::new(0, input.len().min(1))))
    };
    let payload =
        parts.iter().position(is_payload).ok_or_else(|| refuse("the MIME message has no HL7 part"))?;
    let envelope = parts.iter().find_map(|p| ebxml::read(p.body).map(|e| (e, *p)));
    let mut message = Message {
        payload: parts.get(payload).map_or(&[], |p| p.body),
        offset: parts.get(payload).map_or(0, |p| p.body_at),
        attachments: Vec::new(),
        envelope: None,
    };
    if let Some((_, part)) = &envelope {
        let span = Span::new(part.body_at, part.body_at + part.body.len());
        message.envelope = Some(ledger.add(Place::Cell { row: 1, column: 0 }, span));
    }
    let mut named = false;
    for (number, part) in parts.iter().enumerate() {
        let is_envelope = envelope.as_ref().is_some_and(|(_, e)| e.body_at == part.body_at);
        if number == payload || is_envelope {
            continue;
        }
        let carried = carry(part, number, envelope.as_ref().map(|(e, _)| e), ledger, &mut named);
        message.attachments.push(carried);
    }
    if let Some(item) = message.envelope {
        let outcome = if named { Outcome::Mapped } else { Outcome::Structural };
        ledger.claim(item, outcome, "");
    }
    Ok(message)
}

/// An attachment with its name: its own, or else the manifest's.
fn carry<'a>(
    part: &MimePart<'a>,
    number: usize,
    envelope: Option<&Envelope>,
    ledger: &mut Ledger,
    named: &mut bool,
) -> Carried<'a> {
    let row = u32::try_from(number + 1).unwrap_or(u32::MAX);
    let span = Span::new(part.headers_at, part.headers_at + part.headers.len());
    let headers = ledger.add(Place::Cell { row, column: 1 }, span);
    let span = Span::new(part.body_at, part.body_at + part.body.len());
    let body = ledger.add(Place::Cell { row, column: 2 }, span);
    let own = part.parameter("Content-Disposition", "filename").unwrap_or("");
    let mut carried = Carried {
        part: *part,
        file_name: own.to_owned(),
        document: part.header("X-Document-ID").unwrap_or("").to_owned(),
        compressed: false,
        headers,
        body,
    };
    let found = envelope.and_then(|e| e.references.iter().find(|r| !r.cid.is_empty() && r.cid == part.id()));
    let Some(found) = found else { return carried };
    if own.is_empty() {
        *named = true;
        carried.file_name.clone_from(&found.file_name);
    }
    if carried.document.is_empty() && !found.document.is_empty() {
        *named = true;
        carried.document.clone_from(&found.document);
    }
    *named |= found.compressed;
    carried.compressed = found.compressed;
    carried
}

fn is_payload(part: &MimePart<'_>) -> bool {
    let head = part.body.get(..part.body.len().min(limits::DETECT_BYTES)).unwrap_or_default();
    let xml =
        head.iter().find(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF)) == Some(&b'<');
    let has = |name: &[u8]| head.windows(name.len()).any(|w| w == name);
    xml && !has(b"MessageHeader") && (has(b"RCMR_IN03") || has(b"EhrExtract"))
}

/// Names of the places of a MIME message.
#[derive(Debug)]
struct Places {
    payload: Option<Arc<dyn Outline>>,
}

impl Outline for Places {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Cell { row, column: 0 } => Some(format!("MIME part {row}")),
            Place::Cell { row, column: 1 } => Some(format!("MIME part {row}, headers")),
            Place::Cell { row, .. } => Some(format!("MIME part {row}, body")),
            other => self.payload.as_ref().and_then(|p| p.name(other)),
        }
    }
}

/// Gives names to the places of the envelope beside those of the payload.
pub(crate) fn name_places(message: &Message<'_>, ledger: &mut Ledger) {
    if message.envelope.is_none() && message.attachments.is_empty() {
        return;
    }
    let payload = ledger.outline().cloned();
    ledger.set_outline(Arc::new(Places { payload }));
}

/// The attachments, decoded, by document id and file name.
pub(crate) fn attachments<'d>(message: &'d Message<'_>, c: &mut Composer<'_>) -> Attachments<'d> {
    let mut out = Attachments::new();
    for carried in &message.attachments {
        let mut bytes = from_base64(carried.part.body);
        if carried.compressed {
            bytes = inflate(&bytes).unwrap_or(bytes);
        }
        let size = bytes.len();
        let data = (size <= limits::ATTACHMENT_BYTES_MAX).then(|| STANDARD.encode(&bytes));
        if data.is_none() {
            let text = format!("the attachment is larger than {} bytes", limits::ATTACHMENT_BYTES_MAX);
            c.issue_at(
                carried.body,
                Issue::new(Severity::Warning, IssueCode::TooLong, "attachment-too-long", text),
            );
        }
        let content_type =
            carried.part.header("Content-Type").unwrap_or("").split(';').next().unwrap_or("").trim();
        let attachment =
            Arc::new(Attachment { data, size, items: [carried.headers, carried.body], content_type });
        for key in [carried.document.trim_start_matches('_').to_ascii_uppercase(), carried.file_name.clone()]
        {
            if !key.is_empty() {
                out.insert(key, attachment.clone());
            }
        }
    }
    out
}

/// Decodes base64 with line breaks; what is none stays as it is.
fn from_base64(text: &[u8]) -> Vec<u8> {
    let text_alone = compact(text);
    match STANDARD.decode(&text_alone) {
        Ok(bytes) if !text_alone.is_empty() => bytes,
        _ => text.to_vec(),
    }
}

/// Base64 without line breaks, also those that a sender writes with a backslash.
fn compact(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|b| !b.is_ascii_whitespace() && *b != b'\\').collect()
}

/// Gzip, up to the limit of an attachment.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let limit = limits::ATTACHMENT_BYTES_MAX as u64 + 1;
    flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut out).ok()?;
    Some(out)
}

fn is_json(input: &[u8]) -> bool {
    let start = input.iter().find(|b| !b.is_ascii_whitespace());
    start == Some(&b'{')
}

/// One message of a conversation, taken apart.
struct Piece {
    envelope: Envelope,
    raw_envelope: Vec<u8>,
    payload: Vec<u8>,
    /// Bodies of its attachments, in the manifest's order, with what each says of itself.
    bodies: Vec<(Vec<u8>, Reference)>,
}

/// Reads a message in its wrapper: MIME, or the JSON form of the national adaptor's queue.
fn piece(input: &[u8]) -> Option<Piece> {
    if is_json(input) { json_piece(input) } else { mime_piece(input) }
}

fn json_piece(input: &[u8]) -> Option<Piece> {
    let value: serde_json::Value = serde_json::from_slice(input).ok()?;
    let raw = value.get("ebXML")?.as_str()?;
    let envelope = ebxml::read(raw.trim().as_bytes())?;
    let payload = value.get("payload").and_then(|p| p.as_str()).unwrap_or("").as_bytes().to_vec();
    let mut bodies = Vec::new();
    for attachment in value.get("attachments").and_then(|a| a.as_array()).into_iter().flatten() {
        let text = |key: &str| attachment.get(key).and_then(|v| v.as_str()).unwrap_or("");
        let mut reference = ebxml::describe(text("description"));
        if reference.content_type.is_empty() {
            reference.content_type = text("content_type").to_owned();
        }
        bodies.push((text("payload").as_bytes().to_vec(), reference));
    }
    Some(Piece { envelope, raw_envelope: raw.as_bytes().to_vec(), payload, bodies })
}

fn mime_piece(input: &[u8]) -> Option<Piece> {
    if !mime::is_mime(input) {
        return None;
    }
    let parts = mime::split(input);
    let (at, envelope) = parts.iter().enumerate().find_map(|(n, p)| ebxml::read(p.body).map(|e| (n, e)))?;
    let raw_envelope = parts.get(at)?.body.to_vec();
    let payload_id =
        envelope.references.iter().find(|r| r.payload).map(|r| r.cid.clone()).unwrap_or_default();
    let is_main = |n: usize, p: &MimePart<'_>| {
        n != at && (is_payload(p) || (!payload_id.is_empty() && p.id() == payload_id))
    };
    let mut payload = Vec::new();
    let mut bodies = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        if number == at {
            continue;
        }
        if payload.is_empty() && is_main(number, part) {
            payload = part.body.to_vec();
            continue;
        }
        let found = envelope.references.iter().find(|r| !r.cid.is_empty() && r.cid == part.id());
        let mut reference = found.cloned().unwrap_or_default();
        if let Some(name) = part.parameter("Content-Disposition", "filename") {
            reference.file_name = name.to_owned();
        }
        bodies.push((part.body.to_vec(), reference));
    }
    Some(Piece { envelope, raw_envelope, payload, bodies })
}

/// Whether an input is a part: a message in a wrapper that announces others, or that others belong to.
pub(crate) fn part(input: &[u8]) -> Option<Part> {
    let piece = piece(input)?;
    let envelope = &piece.envelope;
    // Systems write the same id in capitals here and in small letters there.
    let announced = envelope.references.iter().filter(|r| !r.mid.is_empty());
    let awaits: Vec<String> = announced.map(|r| r.mid.to_ascii_uppercase()).collect();
    // A part of the extract that comes beside it in one message is to be put back in too.
    let skeleton = envelope.references.iter().any(|r| r.skeleton);
    let whole = !is_json(input) && awaits.is_empty() && envelope.action.starts_with("RCMR_") && !skeleton;
    if whole || envelope.conversation.is_empty() {
        return None;
    }
    Some(Part {
        group: envelope.conversation.to_ascii_uppercase(),
        id: envelope.message.to_ascii_uppercase(),
        awaits,
    })
}

/// Puts the messages of a conversation together.
pub(crate) fn join(parts: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Vec<String>> {
    let pieces: HashMap<String, Piece> = parts
        .iter()
        .take(limits::PARTS_MAX)
        .filter_map(|(id, bytes)| piece(bytes).map(|p| (id.to_ascii_uppercase(), p)))
        .collect();
    let main = pieces
        .iter()
        .filter(|(_, p)| p.envelope.action.starts_with("RCMR_"))
        .min_by_key(|(id, _)| id.as_str())
        .map(|(_, p)| p);
    let Some(main) = main else { return Err(vec!["RCMR_IN030000".to_owned()]) };
    let mut missing = Vec::new();
    let mut carried = Vec::new();
    let references = &main.envelope.references;
    let mut own: Vec<Option<&(Vec<u8>, Reference)>> = main.bodies.iter().map(Some).collect();
    for reference in references.iter().filter(|r| !r.payload) {
        let mut bodies = Vec::new();
        let said = if reference.mid.is_empty() {
            let Some((body, own_words)) = body_of(reference, references, &mut own) else { continue };
            bodies.push(body.clone());
            merge(reference, own_words)
        } else {
            let mut seen = HashSet::new();
            let mut words = Reference::default();
            collect(&pieces, &reference.mid, &mut seen, (&mut bodies, &mut words), &mut missing);
            // What the part says of its attachment counts too; the name is the first message's.
            let own = Reference { file_name: String::new(), ..words };
            merge(reference, &own)
        };
        carried.push((said, bodies));
    }
    for (body, words) in own.into_iter().flatten() {
        carried.push((words.clone(), vec![body.clone()]));
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        missing.dedup();
        return Err(missing);
    }
    Ok(assemble(main, carried))
}

/// The attachment that an entry of the manifest means: by its content id, else by its file's name, else the next that no entry
/// names, for in the wrappers attachments stand in the manifest's order.
fn body_of<'p>(
    reference: &Reference,
    manifest: &[Reference],
    own: &mut [Option<&'p (Vec<u8>, Reference)>],
) -> Option<&'p (Vec<u8>, Reference)> {
    let same = |a: &str, b: &str| !a.is_empty() && a == b;
    let by_id = |said: &Reference, r: &Reference| same(&said.cid, &r.cid);
    let by_name = |said: &Reference, r: &Reference| same(&said.file_name, &r.file_name);
    let nobody = |said: &Reference| !manifest.iter().any(|r| by_id(said, r) || by_name(said, r));
    let find =
        |is: &dyn Fn(&Reference) -> bool| own.iter().position(|one| one.is_some_and(|(_, said)| is(said)));
    let at = find(&|said| by_id(said, reference))
        .or_else(|| find(&|said| said.cid.is_empty() && by_name(said, reference)))
        .or_else(|| find(&|said| nobody(said)))?;
    own.get_mut(at)?.take()
}

/// What the manifest and the attachment itself say of it. The attachment knows its own name best.
fn merge(manifest: &Reference, own: &Reference) -> Reference {
    let pick = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { a.to_owned() };
    Reference {
        file_name: pick(&own.file_name, &manifest.file_name),
        content_type: pick(&own.content_type, &manifest.content_type),
        compressed: own.compressed || manifest.compressed,
        skeleton: own.skeleton || manifest.skeleton,
        ..manifest.clone()
    }
}

/// The bodies that a message id stands for: its own attachments, then those of the messages it announces.
fn collect(
    pieces: &HashMap<String, Piece>,
    id: &str,
    seen: &mut HashSet<String>,
    (bodies, words): (&mut Vec<Vec<u8>>, &mut Reference),
    missing: &mut Vec<String>,
) {
    let mut todo = vec![id.to_ascii_uppercase()];
    while let Some(id) = todo.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let Some(piece) = pieces.get(&id) else {
            missing.push(id);
            continue;
        };
        bodies.extend(piece.bodies.iter().map(|(body, _)| body.clone()));
        let own = piece.envelope.references.iter().filter(|r| r.mid.is_empty() && !r.payload);
        for said in own.chain(piece.bodies.iter().map(|(_, said)| said)) {
            *words = merge(words, said);
        }
        let announced = piece.envelope.references.iter().filter(|r| !r.mid.is_empty());
        let mut announced: Vec<String> = announced.map(|r| r.mid.to_ascii_uppercase()).collect();
        announced.reverse();
        todo.extend(announced);
    }
}

/// Bytes of an attachment that came in one or more pieces.
fn content(bodies: &[Vec<u8>], compressed: bool) -> Vec<u8> {
    let compact =
        |text: &[u8]| text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>();
    let texts: Vec<Vec<u8>> = bodies.iter().map(|b| compact(b)).collect();
    let each: Result<Vec<Vec<u8>>, _> = texts.iter().map(|t| STANDARD.decode(t)).collect();
    let bytes = match each {
        Ok(decoded) => decoded.concat(),
        // Cut anywhere in the base64 text: only the whole of it decodes.
        Err(_) => STANDARD.decode(texts.concat()).unwrap_or_else(|_| bodies.concat()),
    };
    match compressed {
        true => inflate(&bytes).unwrap_or(bytes),
        false => bytes,
    }
}

fn assemble(main: &Piece, carried: Vec<(Reference, Vec<Vec<u8>>)>) -> Vec<u8> {
    let xml = |id: &str| {
        vec![format!("Content-ID: <{id}>"), "Content-Type: application/xml; charset=UTF-8".to_owned()]
    };
    let mut payload = main.payload.clone();
    let mut parts = Vec::new();
    for (number, (reference, bodies)) in carried.iter().enumerate() {
        let bytes = content(bodies, reference.compressed);
        if reference.skeleton {
            payload = crate::skeleton::fill(&payload, &reference.document, &bytes);
            continue;
        }
        let clean = |t: &str| t.replace(['"', '\r', '\n', ';'], "_");
        let kind = if reference.content_type.is_empty() {
            "application/octet-stream"
        } else {
            &reference.content_type
        };
        let headers = vec![
            format!("Content-ID: <attachment-{number}>"),
            format!("Content-Type: {}", clean(kind)),
            format!("X-Document-ID: {}", clean(&reference.document)),
            format!("Content-Disposition: attachment; filename=\"{}\"", clean(&reference.file_name)),
            "Content-Transfer-Encoding: base64".to_owned(),
        ];
        parts.push((headers, STANDARD.encode(&bytes).into_bytes()));
    }
    let mut all = vec![(xml("ebxml"), main.raw_envelope.clone()), (xml("payload"), payload)];
    all.append(&mut parts);
    mime::write("causeway-gp2gp", &all)
}
