//! The number by which a sender knows its message, found without reading the message: what a person looks for who asks
//! "where is my message 4117?". It is found also in what can't be translated.

/// Bytes of an input in which the number is looked for.
const HEAD_BYTES: usize = 64 * 1024;
/// Characters of a number that are kept; longer ones are not numbers that people look for.
pub const CHARS_MAX: usize = 128;

/// The number as kept: trimmed, of printable characters, not too long. `None` otherwise.
pub fn tidy(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let good = !text.is_empty() && text.chars().count() <= CHARS_MAX && !text.chars().any(char::is_control);
    good.then(|| text.to_owned())
}

fn head(input: &[u8]) -> &[u8] {
    input.get(..HEAD_BYTES).unwrap_or(input)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// An attribute of the first XML element of a name, without prefix: `<id root="…"/>` of an HL7 v3 message.
pub fn xml_attribute(input: &[u8], element: &str, attribute: &str) -> Option<String> {
    let mut rest = head(input);
    let open = format!("<{element}");
    while let Some(at) = find(rest, open.as_bytes()) {
        rest = rest.get(at + open.len()..)?;
        if !rest.first().is_some_and(u8::is_ascii_whitespace) {
            continue;
        }
        let tag = rest.get(..rest.iter().position(|b| *b == b'>')?)?;
        let name = format!("{attribute}=");
        let value = tag.get(find(tag, name.as_bytes())? + name.len()..)?;
        let quote = value.first().filter(|q| matches!(q, b'"' | b'\''))?;
        let value = value.get(1..)?;
        return tidy(value.get(..value.iter().position(|b| b == quote)?)?);
    }
    None
}

/// The text of the first XML element of a name, without prefix.
pub fn xml_text(input: &[u8], element: &str) -> Option<String> {
    let head = head(input);
    let open = format!("<{element}>");
    let value = head.get(find(head, open.as_bytes())? + open.len()..)?;
    tidy(value.get(..value.iter().position(|b| *b == b'<')?)?)
}

/// The text under a key of the outermost JSON object.
pub fn json_text(input: &[u8], key: &str) -> Option<String> {
    let input = head(input);
    let (mut depth, mut at) = (0usize, 0usize);
    let mut last: Option<&[u8]> = None;
    while let Some(byte) = input.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at + 1;
                at = start;
                while *input.get(at)? != b'"' {
                    at += if input.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                let text = input.get(start..at)?;
                if depth == 1 && last == Some(key.as_bytes()) {
                    return tidy(text);
                }
                last = Some(text);
            }
            // A key is followed by a colon, and what follows is its value; a comma ends both.
            b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => last = None,
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_xml() {
        let found = |text: &str| xml_attribute(text.as_bytes(), "id", "root");
        assert_eq!(found("<a><idx root='1'/><id root=\"AB-1\"/><id root='2'/></a>").as_deref(), Some("AB-1"));
        assert_eq!(found("<a><id extension='1'/></a>"), None);
        assert_eq!(found("<a><id root=\"\"/></a>"), None);
        assert_eq!(found("<a><id root=\"1"), None);
        assert_eq!(xml_text(b"<mrq><ref>7</ref></mrq>", "ref").as_deref(), Some("7"));
    }

    #[test]
    fn of_json() {
        let found = |text: &str| json_text(text.as_bytes(), "id");
        assert_eq!(found(r#"{"meta": {"id": "no"}, "id" : "yes"}"#).as_deref(), Some("yes"));
        assert_eq!(found(r#"{"name": "id", "x": "no"}"#), None);
        assert_eq!(found(r#"{"id": 7, "x": "no"}"#), None);
        assert_eq!(found(r#"{"a": "\"id\"", "id": "b"}"#).as_deref(), Some("b"));
        assert_eq!(found(r#"{"id": "open"#), None);
        assert_eq!(found(&format!(r#"{{"id": "{}"}}"#, "x".repeat(CHARS_MAX + 1))), None);
    }
}
