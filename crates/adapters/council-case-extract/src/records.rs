//! Records of a CSV text in memory, with the source bytes of every cell (RFC 4180; LF, CRLF or CR; UTF-8 with
//! Windows-1252 in its midst).

use std::borrow::Cow;

use causeway_core::Span;
use causeway_core::limits::COUNTED_BYTES;
use encoding_rs::WINDOWS_1252;

use crate::limits::{CELLS_MAX, RECORD_BYTES_MAX, ROWS_MAX};

/// One cell that says something.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// Its text, unquoted.
    pub text: Cow<'a, str>,
    /// Its bytes, quotation marks included.
    pub span: Span,
    /// Its column, from 0.
    pub column: u16,
}

/// One record, or a line that can't be read as one.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Its cells that are not blank; none where the line is broken.
    pub cells: Vec<Cell<'a>>,
    /// How many cells it has, blank ones included.
    pub width: u16,
    /// Texts of cells that were taken out and don't stand in the input as they are.
    made: Vec<String>,
    /// Its bytes without the line end.
    pub span: Span,
    /// Whether it can't be read: too long, or a quotation mark is never closed.
    pub broken: bool,
    /// Whether it was read as Windows-1252.
    pub guessed: bool,
}

impl<'a> Record<'a> {
    /// Takes its cells out, so that their room is free for what is made of them. What does not stand in the input as it is
    /// stays here.
    pub fn take_cells(&'a mut self) -> impl Iterator<Item = (&'a str, Span, u16)> {
        let mut cells = std::mem::take(&mut self.cells);
        let made = |cell: &mut Cell<'a>| match &mut cell.text {
            Cow::Owned(text) => Some(std::mem::take(text)),
            Cow::Borrowed(_) => None,
        };
        self.made = cells.iter_mut().filter_map(made).collect();
        let mut made = self.made.iter();
        cells.into_iter().map(move |cell| {
            let text = match cell.text {
                Cow::Borrowed(text) => text,
                Cow::Owned(_) => made.next().map_or("", String::as_str),
            };
            (text, cell.span, cell.column)
        })
    }

    /// Whether there is nothing but blanks.
    pub fn is_blank(&self) -> bool {
        !self.broken && self.cells.is_empty()
    }
}

/// Reads all records.
pub fn read(input: &[u8]) -> Vec<Record<'_>> {
    let mut at = if input.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
    // A list that doubles holds what it had twice.
    let lines = if input.len() < COUNTED_BYTES { 0 } else { memchr::memchr_iter(b'\n', input).count() + 1 };
    let mut records = Vec::with_capacity(lines.min(ROWS_MAX));
    let mut raw = Vec::new();
    while at < input.len() {
        let (record, next) = one(input, at, &mut raw).unwrap_or_else(|| broken(input, at));
        records.push(record);
        at = next;
    }
    records
}

/// A line on which something is wrong: it alone is given up.
fn broken(input: &[u8], start: usize) -> (Record<'_>, usize) {
    let rest = input.get(start..).unwrap_or_default();
    let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).map_or(input.len(), |at| start + at);
    let record = Record {
        cells: Vec::new(),
        width: 0,
        made: Vec::new(),
        span: Span::new(start, end),
        broken: true,
        guessed: false,
    };
    (record, line_end(input, end))
}

fn line_end(input: &[u8], end: usize) -> usize {
    match (input.get(end), input.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => end + 2,
        (Some(_), _) => end + 1,
        (None, _) => end,
    }
}

/// One record; `raw` is room for its cells, used again for the next: start, end and closing quotation mark.
fn one<'i>(
    input: &'i [u8],
    start: usize,
    raw: &mut Vec<(usize, usize, Option<usize>)>,
) -> Option<(Record<'i>, usize)> {
    let mut at = start;
    raw.clear();
    let limit = input.len().min(start.saturating_add(RECORD_BYTES_MAX));
    loop {
        let first = at;
        let mut quotes = None;
        if input.get(at) == Some(&b'"') {
            at += 1;
            loop {
                if at >= limit {
                    return None;
                }
                match (input.get(at), input.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), _) => break,
                    _ => at += 1,
                }
            }
            quotes = Some(at);
            at += 1;
        }
        while at < limit && !matches!(input.get(at), Some(b',' | b'\n' | b'\r')) {
            at += 1;
        }
        if at >= limit && limit < input.len() {
            return None;
        }
        if raw.len() < CELLS_MAX {
            raw.push((first, at, quotes));
        }
        if input.get(at) == Some(&b',') {
            at += 1;
        } else {
            break;
        }
    }
    let line = input.get(start..at).unwrap_or_default();
    let guessed = std::str::from_utf8(line).is_err();
    let mut cells = Vec::with_capacity(raw.iter().filter(|(from, to, _)| from < to).count());
    for ((from, to, quotes), column) in raw.iter().zip(0u16..) {
        let (text, span) = (text(input, *from, *to, *quotes), Span::new(*from, *to));
        if !text.trim().is_empty() {
            cells.push(Cell { text, span, column });
        }
    }
    let width = u16::try_from(raw.len()).unwrap_or(u16::MAX);
    let record =
        Record { cells, width, made: Vec::new(), span: Span::new(start, at), broken: false, guessed };
    Some((record, line_end(input, at)))
}

/// The text of the cell at these bytes, without its quotation marks; `quotes` is where the closing one stands.
fn text(input: &[u8], from: usize, to: usize, quotes: Option<usize>) -> Cow<'_, str> {
    let decode = |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
    };
    let Some(quote) = quotes else {
        return decode(input.get(from..to).unwrap_or_default());
    };
    let inside = decode(input.get(from + 1..quote).unwrap_or_default());
    let tail = decode(input.get(quote + 1..to).unwrap_or_default());
    if inside.contains('"') || !tail.is_empty() {
        Cow::Owned(inside.replace("\"\"", "\"") + &tail)
    } else {
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_input_reads_as_the_csv_crate_reads_it() {
        let mut random = causeway_adapter::contract::Random(11);
        let alphabet = b"ab,,\"\"\n\r ";
        for _ in 0..20_000 {
            let len = random.below(24);
            let mut input: Vec<u8> = (0..len).map(|_| alphabet[random.below(alphabet.len())]).collect();
            input.push(b'\n');
            let mine = read(&input);
            if mine.iter().any(|r| r.broken) {
                continue;
            }
            let mine: Vec<Vec<String>> = mine
                .iter()
                .map(|r| {
                    let mut cells = vec![String::new(); r.width.into()];
                    for cell in &r.cells {
                        cells[usize::from(cell.column)] = cell.text.clone().into_owned();
                    }
                    cells
                })
                .filter(|r: &Vec<String>| r != &[String::new()])
                .collect();
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input.as_slice());
            let theirs: Vec<Vec<String>> = reader
                .records()
                .map(|r| {
                    r.unwrap().iter().map(|c| if c.trim().is_empty() { "" } else { c }.to_owned()).collect()
                })
                .filter(|r: &Vec<String>| r != &[String::new()])
                .collect();
            assert_eq!(mine, theirs, "{:?}", String::from_utf8_lossy(&input));
        }
    }

    #[test]
    fn an_open_quotation_mark_costs_one_line() {
        let records = read(b"a,\"b\nc,d\n");
        assert!(records[0].broken);
        assert_eq!(records[1].cells[1].text, "d");
    }
}
