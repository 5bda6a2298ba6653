//! The numeric reply.

use causeway_adapter::Acknowledgement;
use causeway_core::Leaf;
use causeway_xml::escape_text;

/// `snu`, the status number of a reply (CLC/TS 50134-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: taken.
    Ok,
    /// 1: a field is too long.
    TooLong,
    /// 2: the format is invalid.
    InvalidFormat,
    /// 3: the content is wrong (an unknown code).
    WrongContent,
    /// 7: a mandatory tag is missing.
    MissingTag,
}

impl Status {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::TooLong => 1,
            Status::InvalidFormat => 2,
            Status::WrongContent => 3,
            Status::MissingTag => 7,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::TooLong => "Too long",
            Status::InvalidFormat => "Invalid format",
            Status::WrongContent => "Wrong data content",
            Status::MissingTag => "Mandatory tag missing",
        }
    }
}

/// The reply to a message; it names the message's reference where one could be read.
pub fn reply(reference: Option<Leaf<'_>>, status: Status) -> Acknowledgement {
    let reference =
        reference.map(|r| format!("<ref>{}</ref>", escape_text(r.text.trim()))).unwrap_or_default();
    let text = format!("<mrs>{reference}<snu>{}</snu><ste>{}</ste></mrs>", status.number(), status.words());
    Acknowledgement {
        bytes: text.into_bytes(),
        media_type: "application/scaip+xml",
        extension: "xml",
        positive: status == Status::Ok,
    }
}
