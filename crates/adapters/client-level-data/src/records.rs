//! Rows of a CSV stream with the source bytes of every cell. RFC 4180, with what councils really send: LF, CRLF
//! or CR as line end, a byte order mark, Windows-1252 in the midst of UTF-8.
//!
//! The `csv` crate gives positions of records and not of cells, which the account needs; tests hold this reader
//! to that crate's answers.

use std::io::Read;

use causeway_core::{Issue, IssueCode, Severity, Span};
use encoding_rs::WINDOWS_1252;

use crate::limits::{BUFFER_BYTES, COLUMNS_MAX, RECORD_BYTES_MAX};

/// One cell of the record at hand.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Bytes in the buffer, without the quotation marks around it.
    start: usize,
    end: usize,
    /// Bytes in the buffer, with them.
    raw_start: usize,
    raw_end: usize,
    /// Whether a quotation mark stands within, so that the text is not the bytes.
    escaped: bool,
    /// Where the text is in `scratch`, if it is not the bytes themselves.
    scratch: Option<(usize, usize)>,
}

/// What the reader came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record; its cells are at hand until the next call.
    Record,
    /// A line that can't be read as a record: too long, or a quotation mark is never closed.
    Broken,
    /// The end of the stream.
    End,
}

enum Scan {
    /// Offset one past the record, line end included.
    Done(usize),
    /// The buffer ends within the record.
    Open,
}

/// Reads records from a stream, holding no more than one buffer.
pub struct Records<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    /// Where the next record begins in the buffer.
    next: usize,
    /// Where the record at hand begins.
    record: usize,
    /// Offset in the source of the buffer's first byte.
    base: usize,
    ended: bool,
    cells: Vec<Cell>,
    scratch: String,
    span: Span,
    /// Whether the record at hand was not UTF-8 and was read as Windows-1252.
    pub guessed: bool,
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("offset", &(self.base + self.next)).finish()
    }
}

impl<'r> Records<'r> {
    /// A reader at the beginning of a stream.
    ///
    /// # Errors
    /// A fatal issue where the stream fails, is empty or is UTF-16.
    pub fn new(input: &'r mut dyn Read) -> Result<Self, Issue> {
        let mut records = Self {
            input,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            next: 0,
            record: 0,
            base: 0,
            ended: false,
            cells: Vec::with_capacity(64),
            scratch: String::new(),
            span: Span::default(),
            guessed: false,
        };
        records.fill()?;
        match records.buffer.as_slice() {
            [0xEF, 0xBB, 0xBF, ..] => records.next = 3,
            // With its byte order mark, or without: a heading begins with letters of ASCII.
            [0xFF, 0xFE, ..]
            | [0xFE, 0xFF, ..]
            | [0x20..=0x7E, 0, 0x20..=0x7E, 0, ..]
            | [0, 0x20..=0x7E, 0, 0x20..=0x7E, ..] => {
                return Err(Issue::new(
                    Severity::Fatal,
                    IssueCode::NotSupported,
                    "encoding-utf-16",
                    "the file is UTF-16; client level data is UTF-8 or Windows-1252",
                ));
            }
            _ => {}
        }
        Ok(records)
    }

    /// What is in the buffer now: before the first record is read, the head of the file.
    pub fn head(&self) -> &[u8] {
        &self.buffer
    }

    /// Sees to it that a whole record of the greatest length is in the buffer, or the stream's end.
    fn fill(&mut self) -> Result<(), Issue> {
        if self.ended || self.buffer.len() - self.next > RECORD_BYTES_MAX {
            return Ok(());
        }
        self.buffer.drain(..self.next);
        self.base += self.next;
        self.next = 0;
        let wanted = (BUFFER_BYTES - self.buffer.len()) as u64;
        let read = (&mut *self.input).take(wanted).read_to_end(&mut self.buffer).map_err(|_| {
            Issue::new(
                Severity::Fatal,
                IssueCode::Exception,
                "input-read",
                "the input could not be read to its end",
            )
        })?;
        self.ended = (read as u64) < wanted;
        Ok(())
    }

    /// Goes to the next record. Blank lines are records of one empty cell.
    ///
    /// # Errors
    /// A fatal issue where the stream fails.
    pub fn advance(&mut self) -> Result<Event, Issue> {
        self.fill()?;
        self.record = self.next;
        if self.next >= self.buffer.len() {
            return Ok(Event::End);
        }
        match self.scan() {
            Scan::Done(end) if end - self.record <= RECORD_BYTES_MAX => {
                let content = self.cells.last().map_or(self.record, |cell| cell.raw_end);
                self.span = Span::new(self.base + self.record, self.base + content);
                self.next = end;
                self.decode();
                Ok(Event::Record)
            }
            _ => {
                self.skip_line()?;
                Ok(Event::Broken)
            }
        }
    }

    /// Leaves the line at hand behind, however long it is: the next one may be sound.
    fn skip_line(&mut self) -> Result<(), Issue> {
        self.cells.clear();
        let start = self.base + self.record;
        loop {
            let rest = self.buffer.get(self.next..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
                let crlf = rest.get(at) == Some(&b'\r') && rest.get(at + 1) == Some(&b'\n');
                self.span = Span::new(start, self.base + self.next + at);
                self.next += at + if crlf { 2 } else { 1 };
                return Ok(());
            }
            self.next = self.buffer.len();
            self.fill()?;
            if self.next >= self.buffer.len() {
                self.span = Span::new(start, self.base + self.next);
                return Ok(());
            }
        }
    }

    /// Finds the cells of the record that begins at `self.record`.
    fn scan(&mut self) -> Scan {
        self.cells.clear();
        let bytes = self.buffer.as_slice();
        let mut at = self.record;
        loop {
            let raw_start = at;
            let (mut start, mut escaped) = (at, false);
            let mut closed = None;
            if bytes.get(at) == Some(&b'"') {
                start = at + 1;
                at = start;
                loop {
                    match bytes.get(at) {
                        None => return Scan::Open,
                        Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                            escaped = true;
                            at += 2;
                        }
                        Some(b'"') => break,
                        Some(_) => at += 1,
                    }
                }
                closed = Some(at);
                at += 1;
            }
            while bytes.get(at).is_some_and(|b| !matches!(b, b',' | b'\n' | b'\r')) {
                at += 1;
            }
            // Text after a closing quotation mark belongs to the cell, as other readers have it.
            let end = match closed {
                Some(quote) if quote + 1 == at => quote,
                Some(_) => {
                    escaped = true;
                    at
                }
                None => at,
            };
            if self.cells.len() < COLUMNS_MAX {
                self.cells.push(Cell { start, end, raw_start, raw_end: at, escaped, scratch: None });
            }
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'\r') => match bytes.get(at + 1) {
                    Some(b'\n') => return Scan::Done(at + 2),
                    None if !self.ended => return Scan::Open,
                    _ => return Scan::Done(at + 1),
                },
                Some(_) => return Scan::Done(at + 1),
                None if self.ended => return Scan::Done(at),
                None => return Scan::Open,
            }
        }
    }

    /// Makes text of the cells whose bytes are not their text.
    fn decode(&mut self) {
        self.scratch.clear();
        let line = self.buffer.get(self.record..self.next).unwrap_or_default();
        self.guessed = std::str::from_utf8(line).is_err();
        for cell in &mut self.cells {
            if !cell.escaped && !self.guessed {
                continue;
            }
            let bytes = self.buffer.get(cell.start..cell.end).unwrap_or_default();
            let text = match std::str::from_utf8(bytes) {
                Ok(text) => std::borrow::Cow::Borrowed(text),
                Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
            };
            let from = self.scratch.len();
            if cell.escaped {
                unescape(&text, &mut self.scratch);
            } else {
                self.scratch.push_str(&text);
            }
            cell.scratch = Some((from, self.scratch.len()));
        }
    }

    /// The record at hand for reading its cells: its bytes are checked once and not once for each cell.
    pub fn view(&self) -> View<'_> {
        let line = self.buffer.get(self.record..self.next).unwrap_or_default();
        View {
            cells: &self.cells,
            scratch: &self.scratch,
            line: std::str::from_utf8(line).unwrap_or(""),
            record: self.record,
            base: self.base,
        }
    }

    /// Number of cells of the record at hand.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Text of a cell, unquoted.
    pub fn text(&self, cell: usize) -> &str {
        let Some(cell) = self.cells.get(cell) else { return "" };
        match cell.scratch {
            Some((from, to)) => self.scratch.get(from..to).unwrap_or(""),
            None => {
                let bytes = self.buffer.get(cell.start..cell.end).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or("")
            }
        }
    }

    /// Source bytes of a cell, quotation marks included.
    pub fn cell_span(&self, cell: usize) -> Span {
        self.cells
            .get(cell)
            .map_or(Span::default(), |cell| Span::new(self.base + cell.raw_start, self.base + cell.raw_end))
    }

    /// Source bytes of the record at hand, or of the broken line, without its line end.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// One record with its text at hand.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    cells: &'a [Cell],
    scratch: &'a str,
    line: &'a str,
    record: usize,
    base: usize,
}

impl<'a> View<'a> {
    /// Text of a cell, unquoted.
    pub fn text(self, cell: usize) -> &'a str {
        let Some(cell) = self.cells.get(cell) else { return "" };
        match cell.scratch {
            Some((from, to)) => self.scratch.get(from..to).unwrap_or(""),
            None => self.line.get(cell.start - self.record..cell.end - self.record).unwrap_or(""),
        }
    }

    /// Source bytes of a cell, quotation marks included.
    pub fn span(self, cell: usize) -> Span {
        self.cells
            .get(cell)
            .map_or(Span::default(), |cell| Span::new(self.base + cell.raw_start, self.base + cell.raw_end))
    }
}

/// Doubled quotation marks become single ones; the closing one before trailing text goes.
fn unescape(text: &str, into: &mut String) {
    let mut open = true;
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        into.push_str(rest.get(..at).unwrap_or(""));
        let after = rest.get(at + 1..).unwrap_or("");
        match after.strip_prefix('"') {
            Some(next) if open => {
                into.push('"');
                rest = next;
            }
            _ if open => {
                open = false;
                rest = after;
            }
            _ => {
                into.push('"');
                rest = after;
            }
        }
    }
    into.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<Vec<String>> {
        let mut stream = input;
        let mut records = Records::new(&mut stream).unwrap();
        let mut rows = Vec::new();
        loop {
            match records.advance().unwrap() {
                Event::End => return rows,
                Event::Broken => rows.push(vec!["<broken>".to_owned()]),
                Event::Record => {
                    for cell in 0..records.len() {
                        assert!(records.cell_span(cell).end as usize <= input.len());
                    }
                    rows.push((0..records.len()).map(|c| records.text(c).to_owned()).collect());
                }
            }
        }
    }

    fn oracle(input: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
        reader
            .byte_records()
            .map(|r| r.unwrap().iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect())
            .collect()
    }

    #[test]
    fn it_reads_what_the_csv_crate_reads() {
        for input in [
            "a,b\nc,d\n",
            "a,b\r\nc,d",
            "a,b\rc,d\r",
            "\"a,1\",\"b\"\"x\"\n\"two\nlines\",z\n",
            "a,,\n,,\n",
            "\"a\"tail,b\n",
            "mid\"quote,b\n",
            "\"\",b\n",
        ] {
            assert_eq!(read(input.as_bytes()), oracle(input.as_bytes()), "{input:?}");
        }
    }

    #[test]
    fn random_input_reads_as_the_csv_crate_reads_it() {
        let mut random = causeway_adapter::contract::Random(7);
        let alphabet = b"ab,,\"\"\n\r ";
        for _ in 0..20_000 {
            let len = random.below(24);
            let mut input: Vec<u8> = (0..len).map(|_| alphabet[random.below(alphabet.len())]).collect();
            input.push(b'\n');
            let mine: Vec<_> = read(&input).into_iter().filter(|r| r != &[String::new()]).collect();
            if mine.iter().any(|r| r == &["<broken>"]) {
                continue;
            }
            let theirs: Vec<_> = oracle(&input).into_iter().filter(|r| r != &[String::new()]).collect();
            assert_eq!(mine, theirs, "{:?}", String::from_utf8_lossy(&input));
        }
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_costs_one_line() {
        assert_eq!(read(b"a,b\nc,\"d\ne,f\n"), [vec!["a", "b"], vec!["<broken>"], vec!["e", "f"]]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_broken_and_the_next_is_read() {
        let mut input = vec![b'x'; RECORD_BYTES_MAX * 9];
        input.extend_from_slice(b"\nc,d\n");
        assert_eq!(read(&input), [vec!["<broken>"], vec!["c", "d"]]);
    }

    #[test]
    fn windows_1252_keeps_the_spans_of_the_source() {
        let input = b"Ren\xE9e,b\n\xE2\x82\xAC,c\n";
        let mut stream = input.as_slice();
        let mut records = Records::new(&mut stream).unwrap();
        assert_eq!(records.advance().unwrap(), Event::Record);
        assert!(records.guessed);
        assert_eq!(records.text(0), "Renée");
        assert_eq!(records.cell_span(1).of(input), b"b");
        assert_eq!(records.advance().unwrap(), Event::Record);
        assert!(!records.guessed);
        assert_eq!(records.text(0), "€");
    }
}
