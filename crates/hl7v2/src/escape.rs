//! Escape sequences of ER7 text. Source: HL7 v2.5.1, 2.7 (and 2.7.6 for formatted text).

use causeway_core::text::Decoded;

use crate::Delimiters;

/// What resolving the escapes of a value did to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Highlighting, layout commands or control characters were dropped.
    pub dropped: bool,
    /// Control characters were dropped, or became line ends.
    pub controls: bool,
    /// An escape that is not known stayed as it was written.
    pub unknown: bool,
}

/// Appends a value with its escapes resolved.
pub fn unescape(raw: &str, delimiters: &Delimiters, out: &mut String) -> Effect {
    let mut effect = Effect::default();
    let escape = char::from(delimiters.escape);
    let mut rest = raw;
    while let Some(at) = rest.find(escape).filter(|_| delimiters.escape != 0) {
        plain(rest.get(..at).unwrap_or(""), out, &mut effect);
        let after = rest.get(at + 1..).unwrap_or("");
        let Some(end) = after.find(escape) else {
            // No closing character: the rest is text.
            effect.unknown = true;
            plain(rest.get(at..).unwrap_or(""), out, &mut effect);
            return effect;
        };
        let body = after.get(..end).unwrap_or("");
        if resolve(body, delimiters, out, &mut effect) {
            rest = after.get(end + 1..).unwrap_or("");
        } else {
            // Perhaps a stray escape character before a good escape: keep it and go on after it.
            effect.unknown = true;
            out.push(escape);
            rest = after;
        }
    }
    plain(rest, out, &mut effect);
    effect
}

/// Text without escapes: control characters that FHIR text may not hold are dropped; a new page, or a tabulator down
/// it, is a new line.
fn plain(text: &str, out: &mut String, effect: &mut Effect) {
    if text.bytes().all(|b| b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r')) {
        out.push_str(text);
        return;
    }
    (effect.dropped, effect.controls) = (true, true);
    out.extend(text.chars().filter_map(|c| match c {
        '\u{b}' | '\u{c}' => Some('\n'),
        c => (c >= ' ' || matches!(c, '\t' | '\n' | '\r')).then_some(c),
    }));
}

fn resolve(body: &str, delimiters: &Delimiters, out: &mut String, effect: &mut Effect) -> bool {
    match body {
        "F" => out.push(char::from(delimiters.field)),
        "S" => out.push(char::from(delimiters.component)),
        "R" => out.push(char::from(delimiters.repetition)),
        "E" => out.push(char::from(delimiters.escape)),
        "T" => out.push(if delimiters.subcomponent == 0 { '&' } else { char::from(delimiters.subcomponent) }),
        "H" | "N" => effect.dropped = true,
        _ => {
            if let Some(hex) = body.strip_prefix('X') {
                return hexadecimal(hex, out, effect);
            }
            return body.strip_prefix('.').is_some_and(|command| format(command, out, effect));
        }
    }
    true
}

fn hexadecimal(hex: &str, out: &mut String, effect: &mut Effect) -> bool {
    let digits: Option<Vec<u8>> = hex.bytes().map(|b| char::from(b).to_digit(16).map(|d| d as u8)).collect();
    let Some(digits) = digits.filter(|d| !d.is_empty() && d.len() % 2 == 0) else { return false };
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum: u8, d| sum << 4 | d)).collect();
    // Four digits that begin with two zeros are a character's number (HAPI's `\X000d\`), for no text holds NUL.
    if let [0, character] = bytes.as_slice() {
        plain(char::from(*character).encode_utf8(&mut [0; 4]), out, effect);
        return true;
    }
    // Python's hl7 writes a character's number too (`\X2013\`). As bytes it would be no text, or hold a control character.
    if let [high, low] = bytes.as_slice()
        && std::str::from_utf8(&bytes)
            .map_or(true, |text| text.bytes().any(|b| b < b' ' && !b.is_ascii_whitespace()))
        && let Some(character) =
            char::from_u32(u32::from(*high) << 8 | u32::from(*low)).filter(|c| !c.is_control())
    {
        out.push(character);
        return true;
    }
    plain(&Decoded::utf8_or_windows_1252(&bytes).text, out, effect);
    true
}

/// Formatting commands: line breaks and blanks are kept as such, the rest is layout.
fn format(command: &str, out: &mut String, effect: &mut Effect) -> bool {
    let name: String = command.chars().take(2).flat_map(char::to_lowercase).collect();
    let argument = command.get(2..).unwrap_or("").trim();
    let count = argument.trim_start_matches('+').parse::<usize>().ok();
    match name.as_str() {
        "br" if argument.is_empty() => out.push('\n'),
        "ce" if argument.is_empty() => out.push('\n'),
        "sp" => (0..count.unwrap_or(1).clamp(1, 20)).for_each(|_| out.push('\n')),
        "sk" => (0..count.unwrap_or(1).clamp(1, 80)).for_each(|_| out.push(' ')),
        "in" | "ti" if !argument.is_empty() => effect.dropped = true,
        "fi" | "nf" if argument.is_empty() => effect.dropped = true,
        _ => return false,
    }
    true
}

/// Writes text so that it can stand in a value.
pub fn escape(text: &str, delimiters: &Delimiters, out: &mut String) {
    for c in text.chars() {
        let code = match u8::try_from(c).unwrap_or(0) {
            0 => None,
            b if b == delimiters.field => Some("F"),
            b if b == delimiters.component => Some("S"),
            b if b == delimiters.repetition => Some("R"),
            b if b == delimiters.subcomponent => Some("T"),
            b if b == delimiters.escape => Some("E"),
            b'\r' | b'\n' => Some(".br"),
            _ => None,
        };
        match code {
            Some(code) => {
                let mark = char::from(delimiters.escape);
                out.push(mark);
                out.push_str(code);
                out.push(mark);
            }
            None => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> (String, Effect) {
        let mut out = String::new();
        let effect = unescape(raw, &Delimiters::default(), &mut out);
        (out, effect)
    }

    #[test]
    fn hexadecimal_escapes_are_bytes_or_the_number_of_a_character() {
        for (raw, text) in [
            (r"a\X2013\b", "a\u{2013}b"),
            (r"\X201c\no\X201d\", "\u{201c}no\u{201d}"),
            (r"\X20ac\5", "\u{20ac}5"),
            (r"\X00e9\", "\u{e9}"),
            (r"\XC3A9\", "\u{e9}"),
            (r"\XE9\", "\u{e9}"),
            (r"a\X0D0A\b", "a\r\nb"),
            (r"\X4142\", "AB"),
        ] {
            assert_eq!(read(raw).0, text, "{raw}");
        }
    }

    #[test]
    fn known_escapes() {
        assert_eq!(read(r"a\F\b\S\c\T\d\R\e\E\f").0, r"a|b^c&d~e\f");
        assert_eq!(read(r"one\.br\two\.sp2\three").0, "one\ntwo\n\nthree");
        assert_eq!(read(r"\XC3A9\\X41\\XE9\\X00e9\").0, "éAéé");
        assert_eq!(read(r"one\X000d\two\X000A\three"), ("one\rtwo\nthree".to_owned(), Effect::default()));
        let (text, effect) = read(r"\H\warning\N\ \.in+4\x");
        assert_eq!((text.as_str(), effect.dropped, effect.unknown), ("warning x", true, false));
    }

    #[test]
    fn what_is_no_escape_stays() {
        for raw in [r"C:\temp", r"\Q\", r"\X4\", r"\Xé\", r"\", r"\\", r"\.zz\", r"\X\"] {
            let (text, effect) = read(raw);
            assert_eq!(text, raw);
            assert!(effect.unknown, "{raw}");
        }
        assert_eq!(read(r"C:\dir T\T\B").0, r"C:\dir T&B");
    }

    #[test]
    fn there_and_back() {
        let text = "5^ ~ | & \\ line";
        let mut out = String::new();
        escape(text, &Delimiters::default(), &mut out);
        assert_eq!(read(&out).0, text);
    }
}
