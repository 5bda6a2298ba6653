//! What tables of text have in common, whichever format: why the heading of one was not found, in words that whoever
//! made the file can act on.

use causeway_core::{Issue, IssueCode, Severity, common};

/// Lines at the head of a file among which a heading is looked for.
const LINES_MAX: usize = 40;

/// Bytes at the head of a file in which a heading is looked for.
const HEAD_BYTES: usize = 16 * 1024;

/// A heading cell without what a spreadsheet or an editor leaves around it: blanks of any script, quotation marks, a
/// byte order mark, also one that was read as Windows-1252 and written again.
pub fn bare(cell: &str) -> &str {
    let around = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\u{feff}' | '\u{200b}'..='\u{200f}')
    };
    let cell = cell.trim_matches(around);
    cell.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(cell).trim_matches(around)
}

/// Why a table whose cells are parted by commas, and whose heading is in the first row, is not found at the head of a
/// file; `None` where nothing of it is there. `known` says whether a cell names a column, `needed` how many such cells
/// make a heading.
pub fn hint(head: &[u8], known: impl Fn(&str) -> bool, needed: usize) -> Option<Issue> {
    let head = head.get(..HEAD_BYTES.min(head.len())).unwrap_or_default();
    if let Some(text) = utf16(head) {
        let cells = |line: &str| line.split([',', ';', '\t', '|']).filter(|cell| known(bare(cell))).count();
        return text
            .lines()
            .take(LINES_MAX)
            .any(|line| cells(line) >= needed)
            .then(|| common::HEADING_CHARSET.issue());
    }
    let text = String::from_utf8_lossy(head);
    let line_end = if text.contains('\n') { '\n' } else { '\r' };
    let mut separator_line = false;
    for (line, number) in text.split(line_end).take(LINES_MAX).zip(1u32..) {
        let start = bare(line).to_ascii_lowercase();
        if start.starts_with("sep=") {
            separator_line = true;
            continue;
        }
        for (sign, name) in [(',', ""), (';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")] {
            if line.split(sign).filter(|cell| known(bare(cell))).count() < needed {
                continue;
            }
            let mut wrong = Vec::new();
            if separator_line {
                wrong.push(
                    "a line sep= stands above the heading, which only a spreadsheet reads; take it out"
                        .to_owned(),
                );
            } else if number > 1 {
                wrong.push(format!("the heading is in row {number}; take out what stands above it"));
            }
            if !name.is_empty() {
                wrong.push(format!("cells are separated by {name}; save the file with commas between them"));
            }
            let text = wrong.join("; ");
            let rule = match (name.is_empty(), separator_line) {
                (false, _) => "heading-separator",
                (true, true) => "heading-separator-line",
                (true, false) => "heading-not-first",
            };
            return (!text.is_empty()).then(|| Issue::new(Severity::Fatal, IssueCode::Structure, rule, text));
        }
    }
    None
}

/// The text of a file in UTF-16, which spreadsheet programs write as "Unicode text" (with a byte order mark).
fn utf16(head: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match head.get(..2)? {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = head[2..].chunks_exact(2).map(|two| unit([two[0], two[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        hint(text.as_bytes(), |cell| matches!(cell, "id" | "name" | "born"), 2)
            .map(|i| format!("{}: {}", i.rule, i.text))
    }

    #[test]
    fn what_a_council_can_act_on() {
        assert_eq!(told("id,name,born\n1,A,2"), None);
        assert_eq!(told("one,two\n1,2"), None);
        let commas = "save the file with commas between them";
        assert_eq!(
            told("id;\"name\";born\n"),
            Some(format!("heading-separator: cells are separated by semicolons; {commas}"))
        );
        assert_eq!(
            told("id\tname\n"),
            Some(format!("heading-separator: cells are separated by tabs; {commas}"))
        );
        assert_eq!(
            told("\u{feff}A title,,\n,,\n id ,\u{a0}name,born\n"),
            Some("heading-not-first: the heading is in row 3; take out what stands above it".to_owned())
        );
        assert!(
            told("\"sep=,\"\r\nid,name\r\n")
                .is_some_and(|t| t.starts_with("heading-separator-line: a line sep="))
        );
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = "\u{feff}id\tname\tborn\r\n1\tA\t2".encode_utf16().flat_map(unit).collect();
            let issue = hint(&bytes, |cell| matches!(cell, "id" | "name" | "born"), 2);
            assert_eq!(issue.map(|i| i.rule), Some("heading-charset"));
        }
        assert!(told("sep=;\nid;name\n").is_some_and(|t| t.contains("sep=") && t.contains("semicolons")));
    }
}
