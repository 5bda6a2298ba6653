//! Entities: in both directions.

use std::borrow::Cow;

use crate::error::Fault;

/// The character that a reference (without `&` and `;`) stands for.
pub(crate) fn resolve(name: &str) -> Result<char, Fault> {
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    let number = name.strip_prefix('#').ok_or(Fault::Entity)?;
    let code = match number.strip_prefix('x') {
        Some(hex) if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16)
        }
        None if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => number.parse(),
        _ => return Err(Fault::Character),
    };
    let char = code.ok().and_then(char::from_u32).ok_or(Fault::Character)?;
    let allowed = matches!(char, '\t' | '\n' | '\r' | '\u{20}'..) && !matches!(char, '\u{FFFE}' | '\u{FFFF}');
    if allowed { Ok(char) } else { Err(Fault::Character) }
}

/// An attribute's value: references resolved, white space characters become blanks (XML 1.0, 3.3.3). On failure
/// the offset within the value is given.
pub(crate) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, (Fault, usize)> {
    if !raw.bytes().any(|b| b == b'&' || b == b'<' || b < 0x20) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\n', '\r']) {
        out.push_str(rest.get(..at).unwrap_or(""));
        let here = raw.len() - rest.len() + at;
        let tail = rest.get(at..).unwrap_or("");
        if let Some(after) = tail.strip_prefix('&') {
            let (name, after) = after.split_once(';').ok_or((Fault::Syntax, here))?;
            out.push(resolve(name).map_err(|fault| (fault, here))?);
            rest = after;
        } else if tail.starts_with('<') {
            return Err((Fault::Attribute, here));
        } else {
            rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..)).unwrap_or("");
            out.push(' ');
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Appends text with line ends as XML demands: `\r\n` and `\r` become `\n`.
pub(crate) fn push_lines(out: &mut String, raw: &str) {
    let mut rest = raw;
    while let Some(at) = rest.find('\r') {
        out.push_str(rest.get(..at).unwrap_or(""));
        out.push('\n');
        let tail = rest.get(at + 1..).unwrap_or("");
        rest = tail.strip_prefix('\n').unwrap_or(tail);
    }
    out.push_str(rest);
}

/// Text for XML content.
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, &['&', '<', '>'])
}

/// Text for an attribute within double quotation marks.
pub fn escape_attribute(text: &str) -> Cow<'_, str> {
    escape(text, &['&', '<', '>', '"', '\n', '\r', '\t'])
}

fn escape<'a>(text: &'a str, special: &[char]) -> Cow<'a, str> {
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if special.contains(&'"') => out.push_str("&quot;"),
            '\n' | '\r' | '\t' if special.contains(&char) => {
                out.push_str(&format!("&#{};", char as u32));
            }
            _ => out.push(char),
        }
    }
    Cow::Owned(out)
}
