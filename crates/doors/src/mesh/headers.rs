//! The `Mex-…` headers: read and checked on the way in, written on the way out.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use causeway_exchange::{Message, MessageKind, NewMessage};
use jiff::Timestamp;

use super::Mesh;
use super::refusal::Refusal;

/// Key of a message's header: the linked message of a report, as given.
pub(super) const LINKED: &str = "mex-linkedmsgid";
/// Key of a message's header: phase in which an error happened.
pub(super) const STATUS_EVENT: &str = "mex-statusevent";
const ENCRYPTED: &str = "mex-content-encrypted";
const COMPRESSED: &str = "mex-content-compressed";
/// Key of a message's header: its texts came in ISO 8859-1 and go out so.
const LATIN1: &str = "mex-latin1";

/// The headers of a message that is sent.
#[derive(Debug, Default)]
pub(super) struct Mex {
    pub(super) to: String,
    pub(super) workflow: String,
    pub(super) chunk_range: String,
    pub(super) content_encoding: Option<String>,
    local_id: Option<String>,
    partner_id: Option<String>,
    subject: Option<String>,
    file_name: Option<String>,
    checksum: Option<String>,
    content_type: Option<String>,
    encrypted: bool,
    compressed: bool,
    latin1: bool,
}

/// Reads header values, all in one way: UTF-8 where they are, else ISO 8859-1.
struct Reader<'h> {
    headers: &'h HeaderMap,
    latin1: bool,
}

impl Reader<'_> {
    /// A header's value; `None` where it is missing or empty.
    fn text(&mut self, name: &'static str, most: usize) -> Result<Option<String>, Refusal> {
        let Some(value) = self.headers.get(name) else { return Ok(None) };
        let bytes = value.as_bytes();
        let text = std::str::from_utf8(bytes).map_or_else(
            |_| {
                self.latin1 = true;
                bytes.iter().copied().map(char::from).collect()
            },
            str::to_owned,
        );
        if text.chars().count() > most {
            return Err(Refusal::field(name, "is too long"));
        }
        if text.chars().any(|c| c < ' ') {
            return Err(malformed());
        }
        Ok(Some(text).filter(|t| !t.is_empty()))
    }

    fn flag(&mut self, name: &'static str) -> Result<bool, Refusal> {
        let text = self.text(name, 20)?.unwrap_or_default();
        Ok(matches!(text.trim().to_ascii_lowercase().as_str(), "y" | "yes" | "t" | "true" | "on" | "1"))
    }
}

fn malformed() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "TRANSFER", "06", "MalformedControlFile")
}

fn is_url(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

impl Mex {
    /// Reads and checks the headers of a message.
    ///
    /// # Errors
    /// 400 for a missing, too long or malformed header, 422 for another content encoding than gzip.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut read = Reader { headers, latin1: false };
        let to = read.text("mex-to", 100)?;
        let workflow = read.text("mex-workflowid", 300)?;
        let mut mex = Self {
            chunk_range: read.text("mex-chunk-range", 20)?.unwrap_or_default(),
            subject: read.text("mex-subject", 500)?,
            local_id: read.text("mex-localid", 300)?,
            partner_id: read.text("mex-partnerid", 500)?,
            file_name: read.text("mex-filename", 300)?,
            encrypted: read.flag(ENCRYPTED)?,
            compressed: read.flag(COMPRESSED)?,
            checksum: read.text("mex-content-checksum", 100)?,
            content_type: read.text("mex-content-type", 100)?.or(read.text("content-type", 300)?),
            content_encoding: encoding(headers)?,
            ..Self::default()
        };
        mex.latin1 = read.latin1;
        if headers.get("mex-to").is_none() {
            return Err(Refusal { event: "SEND", code: "08", ..Refusal::field("mex-to", "TO_DTS missing") });
        }
        mex.to = to.unwrap_or_default().trim().to_uppercase();
        mex.workflow = workflow
            .map(|w| w.trim().to_owned())
            .filter(|w| !w.is_empty())
            .ok_or_else(|| Refusal::field("mex-workflowid", "is missing"))?;
        let checksum = mex.checksum.as_deref().unwrap_or_default();
        if is_url(&mex.to) || is_url(&mex.workflow) || is_url(checksum) {
            return Err(malformed());
        }
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b':' | b'-' | b'/');
        if !checksum.bytes().all(ok) {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "SEND",
                "Invalid checksum",
                "Invalid checksum",
            ));
        }
        if mex.to.is_empty() {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "SEND", "08", "TO_DTS missing"));
        }
        if !matches!(mex.content_encoding.as_deref(), None | Some("gzip")) {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "SEND",
                "UnsupportedContentEncoding",
                "Unsupported content encoding",
            ));
        }
        Ok(mex)
    }

    /// Puts them into a message.
    pub(super) fn describe(self, message: &mut NewMessage) {
        message.mailbox_to = Some(self.to);
        message.workflow = Some(self.workflow);
        message.local_id = self.local_id;
        message.partner_id = self.partner_id;
        message.subject = self.subject;
        message.file_name = self.file_name;
        message.media_type = self.content_type;
        message.content_encoding = self.content_encoding;
        message.sender_checksum = self.checksum;
        for (key, set) in [(ENCRYPTED, self.encrypted), (COMPRESSED, self.compressed), (LATIN1, self.latin1)]
        {
            if set {
                message.headers.insert(key.to_owned(), "Y".to_owned());
            }
        }
    }
}

/// `Content-Encoding` in small letters; `None` where nothing is encoded.
///
/// # Errors
/// 400 where it isn't text.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::field("content-encoding", "is not readable"))?;
    Ok(Some(text.trim().to_ascii_lowercase()).filter(|t| !t.is_empty() && t != "identity"))
}

/// Number and total of a chunk range, for the request of chunk `wanted`. An empty one is that of a message that
/// comes whole.
pub(super) fn chunk_range(text: &str, wanted: u32) -> Option<u32> {
    let text = text.trim();
    if text.is_empty() {
        return (wanted == 1).then_some(1);
    }
    let (number, total) = text.split_once(':')?;
    let (number, total): (u32, u32) = (number.trim().parse().ok()?, total.trim().parse().ok()?);
    (number == wanted && 0 < number && number <= total && total <= causeway_exchange::limits::MAX_CHUNKS)
        .then_some(total)
}

/// Whether a flag of a message is set.
pub(super) fn is_encrypted(message: &Message) -> bool {
    message.new.headers.contains_key(ENCRYPTED)
}

/// Whether its content was compressed by the sending application.
pub(super) fn is_compressed(message: &Message) -> bool {
    message.new.headers.contains_key(COMPRESSED)
}

/// What went wrong with a message, or what a report says.
pub(super) struct Failure<'m> {
    pub(super) event: &'m str,
    pub(super) code: &'m str,
    pub(super) text: &'m str,
    pub(super) linked: Option<&'m str>,
}

/// What went wrong with a message, if anything did.
pub(super) fn failure(message: &Message) -> Option<Failure<'_>> {
    let (code, text) = message.failure.as_ref()?;
    let headers = &message.new.headers;
    let linked = headers.get(LINKED).map(String::as_str);
    let report = message.new.kind == MessageKind::Report;
    Some(Failure {
        event: headers.get(STATUS_EVENT).map_or("SEND", String::as_str),
        code,
        text,
        linked: linked.or(report.then_some(message.new.linked.as_ref()).flatten().map(|l| l.as_str())),
    })
}

/// A file name where the sender gave none.
pub(super) fn file_name(message: &Message) -> String {
    message.new.file_name.clone().unwrap_or_else(|| format!("{}.dat", message.new.id))
}

/// `yyyyMMddHHmmss` in UTC.
pub(super) fn compact(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

/// The headers of one chunk of a message. Empty ones are left out.
pub(super) fn of_message(message: &Message, chunk: u32) -> HeaderMap {
    let new = &message.new;
    let report = new.kind == MessageKind::Report;
    let mut out = Writer { headers: HeaderMap::new(), latin1: new.headers.contains_key(LATIN1) };
    out.text("mex-from", new.mailbox_from.as_deref());
    out.text("mex-to", new.mailbox_to.as_deref());
    out.text("mex-workflowid", new.workflow.as_deref());
    out.text("mex-chunk-range", Some(&format!("{chunk}:{}", message.chunks)));
    out.text("mex-total-chunks", Some(&message.chunks.to_string()));
    out.text("mex-addresstype", Some("ALL"));
    out.text("mex-localid", new.local_id.as_deref());
    out.text("mex-partnerid", new.partner_id.as_deref());
    out.text("mex-filename", Some(&file_name(message)));
    out.text("mex-subject", new.subject.as_deref());
    out.text("mex-version", Some("1.0"));
    out.text("mex-messagetype", Some(if report { "REPORT" } else { "DATA" }));
    out.text("mex-messageid", Some(new.id.as_str()));
    out.text("mex-statustimestamp", Some(&compact(message.received_at)));
    match failure(message) {
        Some(failure) => {
            out.text("mex-linkedmsgid", failure.linked);
            out.text("mex-statuscode", Some(failure.code));
            out.text("mex-statusevent", Some(failure.event));
            out.text("mex-statusdescription", Some(failure.text));
            out.text("mex-statussuccess", Some("ERROR"));
        }
        None if report => out.text("mex-statussuccess", Some("ERROR")),
        None => {
            out.text("mex-statuscode", Some("00"));
            out.text("mex-statusevent", Some("TRANSFER"));
            out.text("mex-statusdescription", Some("Transferred to recipient mailbox"));
            out.text("mex-statussuccess", Some("SUCCESS"));
        }
    }
    out.text(COMPRESSED, is_compressed(message).then_some("Y"));
    out.text(ENCRYPTED, is_encrypted(message).then_some("Y"));
    out.text("mex-content-checksum", new.sender_checksum.as_deref());
    out.text("mex-content-type", new.media_type.as_deref());
    if !report {
        out.text("content-encoding", new.content_encoding.as_deref());
    }
    let changed = message.changed_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    out.text("last-modified", Some(&changed));
    out.headers
}

struct Writer {
    headers: HeaderMap,
    latin1: bool,
}

impl Writer {
    fn text(&mut self, name: &'static str, value: Option<&str>) {
        let Some(value) = value.filter(|v| !v.is_empty()) else { return };
        let bytes = if self.latin1 {
            value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
        } else {
            value.as_bytes().to_vec()
        };
        // A value that came in by another door may hold what no header can; it is left out.
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The word for a message's state: what the sandbox's administrator said, else the exchange's.
pub(super) fn status(mesh: &Mesh, message: &Message) -> &'static str {
    let revived = mesh.revived.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    revived.get(&message.new.id).map_or(message.state.mesh_word(), |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &[u8])]) -> Result<Mex, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert("mex-to", HeaderValue::from_static("b1"));
        headers.insert("mex-workflowid", HeaderValue::from_static("W"));
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_bytes(value).expect("a header value"));
        }
        Mex::of(&headers)
    }

    #[test]
    fn what_is_malformed() {
        assert_eq!(of(&[]).expect("good").to, "B1");
        for (name, value, status) in [
            ("mex-to", &b""[..], 400),
            ("mex-to", b"https://x", 400),
            ("mex-workflowid", b"HTTP://x", 400),
            ("mex-workflowid", b"a\tb", 400),
            ("mex-subject", b"a\tb", 400),
            ("mex-content-checksum", b"`#!", 400),
            ("mex-chunk-range", b"111111111111:1111111111", 400),
            ("content-encoding", b"br", 422),
        ] {
            assert_eq!(of(&[(name, value)]).expect_err(name).status.as_u16(), status, "{name}");
        }
        assert!(of(&[("content-encoding", b"GZIP"), ("mex-content-checksum", b"sha256: ab/c-1")]).is_ok());
    }

    #[test]
    fn other_letters_come_out_as_they_went_in() {
        for bytes in [&b"Gr\xfc\xdfe"[..], "Grüße".as_bytes()] {
            let mex = of(&[("mex-subject", bytes)]).expect("good");
            let id = causeway_exchange::MessageId::new("M1").expect("an id");
            let mut new = NewMessage::new(id, "A", "mesh");
            mex.describe(&mut new);
            let mut out = Writer { headers: HeaderMap::new(), latin1: new.headers.contains_key(LATIN1) };
            out.text("mex-subject", new.subject.as_deref());
            assert_eq!(out.headers.get("mex-subject").map(HeaderValue::as_bytes), Some(bytes));
        }
    }

    #[test]
    fn chunk_ranges() {
        for (text, wanted, total) in [
            ("", 1, Some(1)),
            ("", 2, None),
            ("1:3", 1, Some(3)),
            (" 2 : 3 ", 2, Some(3)),
            ("2:3", 1, None),
            ("4:3", 4, None),
            ("0:3", 0, None),
            ("1", 1, None),
            ("1:2:3", 1, None),
            ("a:b", 1, None),
            ("1:4000000000", 1, None),
        ] {
            assert_eq!(chunk_range(text, wanted), total, "{text}");
        }
    }
}
