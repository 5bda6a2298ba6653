//! Just as much of MIME (RFC 2045, 2046, 2387) as Spine messages need: `multipart/related` in, the same out.

use crate::limits;

/// One part, as offsets into the input.
#[derive(Clone, Copy, Debug)]
pub struct MimePart<'a> {
    /// Its headers, with their line ends.
    pub headers: &'a str,
    /// Where they begin in the input.
    pub headers_at: usize,
    /// Its body, as it stands (still encoded).
    pub body: &'a [u8],
    /// Where it begins in the input.
    pub body_at: usize,
}

impl<'a> MimePart<'a> {
    /// The value of a header, folded lines not joined (none of those read here is folded before its value).
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// A parameter of a header, such as `filename`.
    pub fn parameter(&self, header: &str, name: &str) -> Option<&'a str> {
        parameter(self.header(header)?, name)
    }

    /// `Content-ID` without its brackets.
    pub fn id(&self) -> &'a str {
        self.header("Content-ID").map_or("", |id| id.trim_matches(['<', '>']))
    }
}

fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Whether input looks like a MIME entity: a MIME header or a boundary at its start.
pub fn is_mime(input: &[u8]) -> bool {
    let head = input.get(..input.len().min(64)).unwrap_or_default().to_ascii_lowercase();
    head.starts_with(b"mime-version:") || head.starts_with(b"content-type:") || head.starts_with(b"--")
}

/// The parts of a multipart entity; empty where it has no readable boundary.
pub fn split(input: &[u8]) -> Vec<MimePart<'_>> {
    let Some(boundary) = boundary(input) else { return Vec::new() };
    let mark = [b"--", boundary.as_bytes()].concat();
    let mut starts = Vec::new();
    let mut line = 0;
    while line < input.len() && starts.len() <= limits::PARTS_MAX {
        let rest = input.get(line..).unwrap_or_default();
        let length = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
        if rest.starts_with(&mark) {
            starts.push((line, line + length));
        }
        line += length;
    }
    starts.windows(2).filter_map(|pair| part(input, pair[0].1, pair[1].0)).collect()
}

fn boundary(input: &[u8]) -> Option<String> {
    let head = input.get(..input.len().min(limits::HEAD_BYTES)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    if let Some(rest) = head.strip_prefix("--") {
        return Some(rest.lines().next()?.trim_end().to_owned()).filter(|b| !b.is_empty());
    }
    let at = head.to_ascii_lowercase().find("boundary=")?;
    let rest = head.get(at + "boundary=".len()..)?;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', '\r', '\n', ' ']).next()?,
    };
    Some(value.to_owned()).filter(|b| !b.is_empty())
}

fn part(input: &[u8], start: usize, end: usize) -> Option<MimePart<'_>> {
    let bytes = input.get(start..end)?;
    let (length, skip) = blank_line(bytes)?;
    let headers = std::str::from_utf8(bytes.get(..length)?).ok()?;
    let body_at = length + skip;
    let mut body = bytes.get(body_at..)?;
    // The line end before a boundary belongs to the boundary.
    body = body.strip_suffix(b"\n").unwrap_or(body);
    body = body.strip_suffix(b"\r").unwrap_or(body);
    Some(MimePart { headers, headers_at: start, body, body_at: start + body_at })
}

/// Length of the headers and of the blank line after them.
fn blank_line(bytes: &[u8]) -> Option<(usize, usize)> {
    if bytes.starts_with(b"\r\n") {
        return Some((0, 2));
    }
    if bytes.starts_with(b"\n") {
        return Some((0, 1));
    }
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get(at..)?;
        let length = rest.iter().position(|b| *b == b'\n')? + 1;
        at += length;
        let next = bytes.get(at..)?;
        if next.starts_with(b"\r\n") {
            return Some((at, 2));
        }
        if next.starts_with(b"\n") {
            return Some((at, 1));
        }
    }
    None
}

/// Writes a multipart entity from parts (headers without line ends, and body). The boundary is `mark` with a number that
/// occurs in no body.
pub fn write(mark: &str, parts: &[(Vec<String>, Vec<u8>)]) -> Vec<u8> {
    let occurs = |mark: &str| parts.iter().any(|(_, body)| contains(body, mark.as_bytes()));
    let boundary = (0..).map(|n| format!("{mark}-{n}")).find(|b| !occurs(&format!("--{b}")));
    let boundary = boundary.unwrap_or_default();
    let mut out = Vec::new();
    let head = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; type=\"text/xml\"; boundary=\"{boundary}\"\r\n\r\n"
    );
    out.extend_from_slice(head.as_bytes());
    for (headers, body) in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for header in headers {
            out.extend_from_slice(header.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let parts = vec![
            (vec!["Content-ID: <a>".to_owned()], b"<x/>".to_vec()),
            (
                vec!["Content-Disposition: attachment; filename=\"n.txt\"".to_owned()],
                b"--causeway-0\r\nline\n".to_vec(),
            ),
        ];
        let bytes = write("causeway", &parts);
        assert!(is_mime(&bytes));
        let read = split(&bytes);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].id(), read[0].body), ("a", b"<x/>".as_slice()));
        assert_eq!(read[1].parameter("Content-Disposition", "filename"), Some("n.txt"));
        assert_eq!(read[1].body, b"--causeway-0\r\nline\n");
        assert_eq!(bytes.get(read[0].body_at..read[0].body_at + 4), Some(b"<x/>".as_slice()));
    }

    #[test]
    fn no_boundary_no_parts() {
        assert!(split(b"MIME-Version: 1.0\r\n\r\nx").is_empty());
        assert!(split(b"--").is_empty());
    }
}
