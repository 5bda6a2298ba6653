//! Bytes to text, with the way back to the byte offsets.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};

/// A decoded input: its text, and how offsets in the text lead back to bytes of the input.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// Name of the character set that was used, as IANA writes it.
    pub charset: &'static str,
    /// Whether the text had to be guessed: it was not valid in the character set that was expected.
    pub guessed: bool,
    /// Bytes cut off the front (a byte order mark).
    skipped: usize,
    /// Text offsets of characters that are longer in the text than in the input, with the running surplus.
    wider: Vec<(usize, usize)>,
}

impl<'a> Decoded<'a> {
    /// Reads UTF-8, or, where the bytes are not UTF-8, Windows-1252 (a superset of ISO 8859-1 in all that
    /// is printed; what NHS feeds really send).
    pub fn utf8_or_windows_1252(bytes: &'a [u8]) -> Self {
        let (body, skipped) = match bytes {
            [0xEF, 0xBB, 0xBF, rest @ ..] => (rest, 3),
            _ => (bytes, 0),
        };
        match std::str::from_utf8(body) {
            Ok(text) => Self {
                text: Cow::Borrowed(text),
                charset: "UTF-8",
                guessed: false,
                skipped,
                wider: Vec::new(),
            },
            Err(_) => Self::single_byte(body, skipped, WINDOWS_1252, true),
        }
    }

    /// Reads a single-byte character set that the message itself declares, such as ISO 8859-1.
    pub fn windows_1252(bytes: &'a [u8]) -> Self {
        Self::single_byte(bytes, 0, WINDOWS_1252, false)
    }

    fn single_byte(body: &'a [u8], skipped: usize, set: &'static Encoding, guessed: bool) -> Self {
        let mut text = String::with_capacity(body.len() + body.len() / 8);
        let mut wider = Vec::new();
        let mut surplus = 0;
        for run in body.chunk_by(|a, b| a.is_ascii() == b.is_ascii()) {
            if run.first().is_some_and(u8::is_ascii) {
                text.push_str(std::str::from_utf8(run).unwrap_or_default());
                continue;
            }
            for byte in run {
                let one = [*byte];
                let (decoded, _) = set.decode_without_bom_handling(&one);
                text.push_str(&decoded);
                surplus += decoded.len().saturating_sub(1);
                wider.push((text.len(), surplus));
            }
        }
        Self { text: Cow::Owned(text), charset: "windows-1252", guessed, skipped, wider }
    }

    /// The offset in the input of an offset in the text.
    pub fn source_offset(&self, offset: usize) -> usize {
        let before = self.wider.partition_point(|(end, _)| *end <= offset);
        let surplus = before.checked_sub(1).and_then(|i| self.wider.get(i)).map_or(0, |(_, s)| *s);
        self.skipped + offset.saturating_sub(surplus)
    }
}

/// Offset of the first byte that a JSON string can't hold as it is: below U+0020, a quotation mark or a backslash. Eight bytes
/// are looked at together.
#[inline]
pub fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let mut chunks = bytes.chunks_exact(8);
    let mut offset = 0;
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        let word = u64::from_le_bytes(eight);
        // "Some byte is less than n" and "some byte is zero". A borrow goes upwards only, so the lowest mark is always true;
        // the high bit of the byte itself is masked out, so that no byte above 0x7F is marked.
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5C);
        let quote = quote.wrapping_sub(ONES) & !quote;
        let slash = slash.wrapping_sub(ONES) & !slash;
        let marks = (below | quote | slash) & HIGH;
        if marks != 0 {
            return Some(offset + (marks.trailing_zeros() / 8) as usize);
        }
        offset += 8;
    }
    chunks.remainder().iter().position(|b| needs_escape(*b)).map(|at| offset + at)
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// As [`str::trim`]: most text has nothing to cut off, which its first and last byte tell.
#[inline]
pub fn trim(text: &str) -> &str {
    let plain = |byte: Option<&u8>| byte.is_some_and(|b| matches!(b, 0x21..=0x7E));
    match plain(text.as_bytes().first()) && plain(text.as_bytes().last()) {
        true => text,
        false => text.trim(),
    }
}

/// A text without any white space: base64 as it stands in lines.
pub fn without_blanks(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !bytes.is_ascii() || memchr::memchr3(b'\t', 0x0B, 0x0C, bytes).is_some() {
        return Cow::Owned(text.split_whitespace().collect());
    }
    let mut blanks = memchr::memchr3_iter(b' ', b'\n', b'\r', bytes);
    let Some(first) = blanks.next() else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(text.get(..first).unwrap_or(""));
    let mut from = first + 1;
    for at in blanks {
        out.push_str(text.get(from..at).unwrap_or(""));
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    Cow::Owned(out)
}

/// A cell of a table without the blanks and the NULs with which exports of fixed width fill it up.
pub fn unpadded(cell: &str) -> &str {
    cell.trim_matches(|c: char| c == '\0' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_to_escape_is_found_wherever_it_stands() {
        for byte in (0..=0x7F_u8).chain([0x80, 0xA2, 0xDC, 0xFF]) {
            for at in 0..17 {
                for other in [b'x', 0x80, 0xFF, 0x21, 0x23, 0x5D] {
                    let mut bytes = [other; 17];
                    bytes[at] = byte;
                    assert_eq!(first_escaped(&bytes), needs_escape(byte).then_some(at), "{byte} at {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_left_without_blanks_is_what_the_language_leaves() {
        let texts = [
            "",
            " ",
            "abcd",
            "ab\r\ncd\n",
            " a  b",
            "a\tb",
            "a\u{b}b c",
            "é \u{a0}a",
            "a\u{85}b",
            "a\u{1c}b",
        ];
        for text in texts {
            assert_eq!(without_blanks(text), text.split_whitespace().collect::<String>(), "{text:?}");
        }
    }

    #[test]
    fn trimming_is_that_of_the_language() {
        for text in
            ["", " ", "a", " a", "a ", "é", "\u{a0}a", "a\u{3000}", "\u{7f}a\u{7f}", "a b", "\u{85}", "\ta\n"]
        {
            assert_eq!(trim(text), text.trim(), "{text:?}");
        }
    }

    #[test]
    fn offsets_lead_back_to_the_bytes() {
        let bytes = b"A\xE9B\x80C";
        let decoded = Decoded::utf8_or_windows_1252(bytes);
        assert_eq!(decoded.text, "A\u{e9}B\u{20ac}C");
        assert!(decoded.guessed);
        let c = decoded.text.find('C').unwrap();
        assert_eq!(bytes[decoded.source_offset(c)], b'C');
        let b = decoded.text.find('B').unwrap();
        assert_eq!(bytes[decoded.source_offset(b)], b'B');
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_counted() {
        let decoded = Decoded::utf8_or_windows_1252(b"\xEF\xBB\xBFabc");
        assert_eq!(decoded.text, "abc");
        assert_eq!(decoded.source_offset(1), 4);
    }
}
