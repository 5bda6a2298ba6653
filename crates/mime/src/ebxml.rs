//! The ebXML envelope of Spine: which conversation, which message, and what its manifest announces.

use causeway_core::Ledger;
use causeway_xml::{Document, decode};

/// One reference of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Content id of a part of the same message.
    pub cid: String,
    /// Id of another message that carries it.
    pub mid: String,
    /// Id of the document that it is.
    pub document: String,
    /// Name of its file.
    pub file_name: String,
    /// Its media type, as the description says.
    pub content_type: String,
    /// Whether it is packed with gzip.
    pub compressed: bool,
    /// Whether it holds the part of the extract that was taken out of the payload.
    pub skeleton: bool,
    /// Whether it is the HL7 payload itself.
    pub payload: bool,
}

/// An envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Conversation id.
    pub conversation: String,
    /// Message id.
    pub message: String,
    /// Interaction id.
    pub action: String,
    /// The manifest.
    pub references: Vec<Reference>,
}

/// Reads an envelope; `None` where it is none.
pub fn read(bytes: &[u8]) -> Option<Envelope> {
    let decoded = decode(bytes).ok()?;
    let mut ledger = Ledger::new();
    let document = Document::parse(&decoded, &mut ledger).ok()?;
    let root = document.root();
    if root.name() != "Envelope" {
        return None;
    }
    let mut envelope = Envelope::default();
    for element in root.descendants() {
        let text = || element.text().map_or("", |t| t.text.trim()).to_owned();
        match element.name() {
            "ConversationId" => envelope.conversation = text(),
            "MessageId" => envelope.message = text(),
            "Action" => envelope.action = text(),
            "Reference" => {
                let href = element.attribute("href").map_or("", |h| h.text.trim());
                let description = element.child("Description").and_then(|d| d.text()).map_or("", |t| t.text);
                let mut reference = describe(description);
                reference.cid = href.strip_prefix("cid:").unwrap_or("").to_owned();
                reference.mid = href.strip_prefix("mid:").unwrap_or("").to_owned();
                reference.document = element.attribute("id").map_or("", |i| i.text.trim()).to_owned();
                reference.payload = element.child("Payload").is_some();
                envelope.references.push(reference);
            }
            _ => {}
        }
    }
    Some(envelope)
}

/// Reads the description of an attachment: `Filename="…" ContentType=… Compressed=… …`, or the name alone.
pub fn describe(text: &str) -> Reference {
    let text = text.trim();
    let mut reference = Reference::default();
    let Some(at) = text.find("Filename=") else {
        reference.file_name = text.to_owned();
        return reference;
    };
    let rest = text.get(at + "Filename=".len()..).unwrap_or("");
    reference.file_name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or("").to_owned(),
        None => rest.split_whitespace().next().unwrap_or("").to_owned(),
    };
    let says = |key: &str| {
        let at = text.find(key)? + key.len();
        // Senders put quotation marks around the value, or around key and value, and other marks between.
        let value = text.get(at..)?.trim_start_matches([':', '=', ' ', '"', '\'']);
        value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',' | '<')).next()
    };
    reference.content_type = says("ContentType=").unwrap_or("").to_owned();
    let yes = |key: &str| says(key).is_some_and(|v| v.eq_ignore_ascii_case("yes"));
    reference.compressed = yes("Compressed=");
    reference.skeleton = yes("X-GP2GP-Skeleton");
    reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        let r =
            describe("\n Filename=\"a b.txt\" ContentType=text/plain Compressed=Yes X-GP2GP-Skeleton: Yes ");
        assert_eq!((r.file_name.as_str(), r.content_type.as_str()), ("a b.txt", "text/plain"));
        assert!(r.compressed && r.skeleton);
        for words in [
            "Filename=\"a.xml\" ContentType=application/xml Compressed=No DomainData=\"X-GP2GP-Skeleton: Yes\"",
            "Filename=\"a.xml\" DomainData=\"X-GP2GP-Skeleton:Yes;X-Other: 1\" ContentType=\"application/xml\"",
            "Filename=\"a.xml\" X-GP2GP-Skeleton=\"yes\"",
        ] {
            let r = describe(words);
            assert!(r.skeleton && !r.compressed, "{words}");
        }
        assert!(!describe("Filename=\"a\" DomainData=\"X-GP2GP-Skeleton: No\"").skeleton);
        assert_eq!(describe("TEST.TXT").file_name, "TEST.TXT");
    }

    #[test]
    fn manifests() {
        let e = read(b"<s:Envelope xmlns:s='s' xmlns:e='e'><e:ConversationId>C</e:ConversationId><e:MessageId>M</e:MessageId><e:Reference xlink:href='mid:X' e:id='D'><e:Description>n</e:Description></e:Reference></s:Envelope>").unwrap();
        assert_eq!((e.conversation.as_str(), e.message.as_str()), ("C", "M"));
        assert_eq!((e.references[0].mid.as_str(), e.references[0].document.as_str()), ("X", "D"));
        assert!(read(b"<a/>").is_none());
    }
}
