//! Objects that name a member twice, which a JSON tree can't show: it keeps the last and loses the other.

use crate::limits::MAX_DUPLICATES;
use crate::report::{About, Finding, Report, Severity};
use std::borrow::Cow;

/// Adds an error for each object that has a member twice, of a text in which there is one.
pub(crate) fn report(json: &[u8], report: &mut Report) {
    let found = find(json, MAX_DUPLICATES);
    let mut errors: Vec<Finding> = Vec::new();
    errors.resize_with(found.len(), || Finding {
        severity: Severity::Error,
        path: String::new(),
        rule: "r4/duplicate-member".to_owned(),
        text: String::new(),
        about: About::Nothing,
        place: None,
    });
    crate::places::settle(json, &found, &mut errors);
    for mut error in errors {
        let line = error.place.map_or(0, |p| p.line);
        error.text =
            format!("the object that ends in line {line} has a member twice, and only the last was read");
        report.push(error);
    }
    report.settle();
}

/// Below this many members every pair is compared; above it they are sorted.
const FEW: usize = 16;

/// The byte position of the end of each object that has a member twice, at most `limit` of them.
///
/// The text must have been read as JSON before; [`crate::tree`] says whether there are any.
pub(crate) fn find(json: &[u8], limit: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut names: Vec<Cow<'_, [u8]>> = Vec::new();
    // For each open object or list: where its names start.
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'{' | b'[' => open.push(names.len()),
            b'}' | b']' => {
                let start = open.pop().unwrap_or(0);
                if *byte == b'}' && found.len() < limit && repeats(names.get_mut(start..).unwrap_or_default())
                {
                    found.push(at);
                }
                names.truncate(start);
            }
            b'"' => {
                let end = string_end(json, at + 1);
                let colon = json.get(end + 1..).unwrap_or_default().iter().find(|b| !b.is_ascii_whitespace());
                if colon == Some(&b':') {
                    names.push(name(json.get(at..=end).unwrap_or_default()));
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The position of the quote that ends a string.
fn string_end(json: &[u8], mut at: usize) -> usize {
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// A name without its quotes and escapes.
fn name(quoted: &[u8]) -> Cow<'_, [u8]> {
    if quoted.contains(&b'\\')
        && let Ok(name) = serde_json::from_slice::<String>(quoted)
    {
        return Cow::Owned(name.into_bytes());
    }
    Cow::Borrowed(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
}

fn repeats(names: &mut [Cow<'_, [u8]>]) -> bool {
    if names.len() <= FEW {
        return names.iter().enumerate().any(|(n, name)| names.iter().skip(n + 1).any(|other| other == name));
    }
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn twice_is_found_at_its_own_level_only() {
        assert_eq!(find(br#"{"a":1,"b":{"a":"a"},"c":[{"a":1},{"a":2}]}"#, 9), Vec::<usize>::new());
        assert_eq!(find(br#"{"a":1,"b":[{"x" : 1,"x":"\"x"}],"c":"a"}"#, 9), [30]);
        assert_eq!(find(br#"{"a":1,"\u0061":2}"#, 9), [17], "one name in two spellings");
        let many: Vec<String> = (0..40).map(|n| format!("\"k{}\":1", n % 39)).collect();
        assert_eq!(find(format!("{{{}}}", many.join(",")).as_bytes(), 9).len(), 1);
        assert!(find(b"\"\\", 9).is_empty() && find(b"{\"", 9).is_empty() && find(b"]}", 9).is_empty());
    }
}
