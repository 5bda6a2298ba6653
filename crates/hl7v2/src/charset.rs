//! The character set of a message.

use causeway_core::text::Decoded;

use crate::Delimiters;
use crate::fault::{Fault, FaultKind, ParseError};

/// MSH-18 decides; where it is absent, UTF-8 is expected, for ASCII is a part of it.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    delimiters: &Delimiters,
    faults: &mut Vec<Fault>,
) -> Result<Decoded<'a>, ParseError> {
    let line = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let is_message = line.starts_with(b"MSH");
    let field = line.split(|b| *b == delimiters.field).nth(17).filter(|_| is_message).unwrap_or_default();
    let first = field.split(|b| *b == delimiters.repetition || *b == delimiters.component).next();
    let declared = first.unwrap_or_default().trim_ascii().to_ascii_uppercase();
    let utf8 = |faults: &mut Vec<Fault>| {
        let decoded = Decoded::utf8_or_windows_1252(bytes);
        if decoded.guessed {
            faults.push(Fault { kind: FaultKind::CharsetGuessed, value: None });
        }
        decoded
    };
    match declared.as_slice() {
        b"8859/1" | b"8859/15" | b"ISO-8859-1" | b"ISO8859-1" | b"WINDOWS-1252" => {
            if bytes.is_ascii() {
                return Ok(utf8(faults));
            }
            if std::str::from_utf8(bytes).is_ok() {
                faults.push(Fault { kind: FaultKind::CharsetDoubtful, value: None });
            }
            Ok(Decoded::windows_1252(bytes))
        }
        b"UNICODE UTF-16" | b"UNICODE UTF-32" | b"ISO IR87" | b"ISO IR159" | b"GB 18030-2000" | b"BIG-5"
        | b"KS X 1001" | b"CNS 11643-1992" => Err(ParseError::Charset),
        _ => Ok(utf8(faults)),
    }
}
