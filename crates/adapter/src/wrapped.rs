//! What an input is that no adapter reads, where its first bytes say it: in words that whoever sent it can act on.

/// Why nobody reads an input that is packed, in another character set, or no message at all; `None` where that can't be
/// seen. The sentences hold nothing of the input.
///
/// Source: RFC 1952 (gzip), the ZIP application note (4.3.7), ISO 32000-1 (7.5.2), Unicode 15 (2.6).
pub fn why(input: &[u8]) -> Option<&'static str> {
    let start = input.trim_ascii_start();
    let begins =
        |word: &str| start.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word.as_bytes()));
    // Letters of ASCII with a NUL before or behind each.
    let wide = |pair: [u8; 2]| (pair[0] == 0) != (pair[1] == 0) && pair[0].max(pair[1]).is_ascii();
    let is_wide =
        |bytes: &[u8]| bytes.len() >= 8 && bytes.chunks_exact(2).take(8).all(|two| wide([two[0], two[1]]));
    match input {
        [0x1f, 0x8b, ..] => Some(
            "the content is packed with gzip and does not say so; send it unpacked, or with Content-Encoding: gzip; it is kept",
        ),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(
            "the content is a ZIP archive, as office files are too; send the message itself, a table as CSV; it is kept",
        ),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the text is in UTF-16; send it in UTF-8; it is kept"),
        _ if is_wide(input) => Some("the text is in UTF-16; send it in UTF-8; it is kept"),
        _ if input.starts_with(b"%PDF-") => Some(
            "the content is a PDF, which no adapter reads by itself; send the message that it belongs to; it is kept",
        ),
        _ if begins("<!doctype html") || begins("<html") => Some(
            "the content is a web page, as a server answers that asks to sign in or failed; send the message itself; it is kept",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::why;

    #[test]
    fn what_can_be_seen_is_said_and_nothing_else() {
        let wide: Vec<u8> = "MSH|^~".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (input, word) in [
            (&b"\x1f\x8b\x08"[..], "gzip"),
            (b"PK\x03\x04", "ZIP"),
            (b"\xff\xfeM\0", "UTF-16"),
            (&wide, "UTF-16"),
            (b"%PDF-1.7", "PDF"),
            (b" \r\n<!DOCTYPE HTML><html>", "web page"),
        ] {
            assert!(why(input).is_some_and(|text| text.contains(word)), "{word}");
        }
        for input in [&b""[..], b"MSH|^~\\&|", b"P", b"PKZ", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(why(input), None);
        }
    }
}
