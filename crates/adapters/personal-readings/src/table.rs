//! Cells of a table of text with their bytes, and which of its rows are headings.

use std::borrow::Cow;

use causeway_core::Span;
use causeway_core::limits::COUNTED_BYTES;
use causeway_core::text::Decoded;

use crate::columns::{self, Column};
use crate::limits::{HEAD_BYTES, PREAMBLE_ROWS, ROWS_MAX};

/// One cell that is not blank.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub span: Span,
    /// Its column, from 0.
    pub column: u16,
    /// Whether it begins with a quotation mark that nothing closes: what follows may be other cells.
    pub unclosed: bool,
}

impl Cell<'_> {
    /// What it says; `None` where it is blank.
    pub(crate) fn said(&self) -> Option<&str> {
        let text = causeway_core::text::unpadded(&self.text);
        (!text.is_empty()).then_some(text)
    }
}

/// A table of text. Where its rows begin is kept, and their cells are cut out when they are asked for: a long file is not held
/// twice.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    text: &'a str,
    /// What the text was read from; none where its places are not asked for.
    source: Option<&'a Decoded<'a>>,
    separator: u8,
    /// Rows whose cells any separator parts.
    above: usize,
    /// Where each row begins.
    starts: Vec<u32>,
    cells: usize,
    width: usize,
}

impl<'a> Table<'a> {
    fn of(text: &'a str, source: Option<&'a Decoded<'a>>, separator: u8, above: usize) -> Self {
        // Of a large file the lines are counted: a list that doubles holds what it had twice.
        let lines = match text.len() < COUNTED_BYTES {
            true => 0,
            false => memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1,
        };
        let starts = Vec::with_capacity(lines.min(ROWS_MAX + 1));
        let mut table = Self { text, source, separator, above, starts, cells: 0, width: 0 };
        let mut at = 0;
        loop {
            table.starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            let (mut cells, mut width) = (0, 0);
            let next = table.cut(table.len() - 1, at, |cell| {
                cells += 1;
                width = usize::from(cell.column) + 1;
            });
            table.cells += cells;
            table.width = table.width.max(width);
            match next {
                Some(next) if table.len() <= ROWS_MAX => at = next,
                _ => return table,
            }
        }
    }

    /// Rows, blank ones too.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Cells that are not blank.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    /// Columns up to the last that holds anything.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The cells of a row, from 0, but blank ones; none beyond the last row.
    pub(crate) fn row(&self, row: usize) -> Vec<Cell<'a>> {
        let mut cells = Vec::new();
        if let Some(start) = self.starts.get(row) {
            self.cut(row, *start as usize, |cell| cells.push(cell));
        }
        cells
    }

    /// The rows from this one on.
    pub(crate) fn rows_from(&self, row: usize) -> impl Iterator<Item = Vec<Cell<'a>>> {
        (row..self.len()).map(|row| self.row(row))
    }

    fn span(&self, start: usize, end: usize) -> Span {
        match self.source {
            Some(source) => Span::new(source.source_offset(start), source.source_offset(end)),
            None => Span::new(start, end),
        }
    }

    /// Cuts the row that begins at a byte into its cells, and gives those that are not blank; where the next row begins, if there
    /// is one.
    fn cut(&self, row: usize, start: usize, mut give: impl FnMut(Cell<'a>)) -> Option<usize> {
        let (source, bytes) = (self.text, self.text.as_bytes());
        let parts: &[u8] = if row < self.above { &SEPARATORS } else { std::slice::from_ref(&self.separator) };
        let ends = |byte: &u8| parts.contains(byte) || matches!(byte, b'\n' | b'\r');
        let mut at = start;
        let mut column = 0u16;
        loop {
            let start = at;
            let quoted = bytes.get(at) == Some(&b'"');
            let mut unclosed = false;
            let text = if quoted {
                at += 1;
                let from = at;
                loop {
                    match (bytes.get(at), bytes.get(at + 1)) {
                        (Some(b'"'), Some(b'"')) => at += 2,
                        (Some(b'"'), _) => break,
                        (None, _) => {
                            unclosed = true;
                            break;
                        }
                        _ => at += 1,
                    }
                }
                let inner = source.get(from..at.min(bytes.len())).unwrap_or_default();
                at = (at + 1).min(bytes.len());
                let after = at;
                while bytes.get(at).is_some_and(|b| !ends(b)) {
                    at += 1;
                }
                let rest = source.get(after..at).unwrap_or_default();
                match (inner.contains("\"\""), rest.trim().is_empty()) {
                    (false, true) => Cow::Borrowed(inner),
                    (true, true) => Cow::Owned(inner.replace("\"\"", "\"")),
                    (_, false) => Cow::Owned(inner.replace("\"\"", "\"") + rest),
                }
            } else {
                while bytes.get(at).is_some_and(|b| !ends(b)) {
                    at += 1;
                }
                Cow::Borrowed(source.get(start..at).unwrap_or_default())
            };
            let cell = Cell { text, span: self.span(start, at), column, unclosed };
            if cell.said().is_some() {
                give(cell);
            }
            column = column.saturating_add(1);
            let end = *bytes.get(at)?;
            let next = at + if end == b'\r' && bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
            if matches!(end, b'\n' | b'\r') {
                return Some(next);
            }
            at = next;
        }
    }
}

/// Reads a table: cells parted by the separator that the heading uses, in quotation marks where they hold one. In so many rows
/// above the heading any separator parts them: whose readings they are was put there by somebody else than the meter. No more than
/// one row above [`ROWS_MAX`] is read.
pub(crate) fn read<'a>(source: &'a Decoded<'a>, separator: u8, above: usize) -> Table<'a> {
    Table::of(&source.text, Some(source), separator, above)
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The columns that a row names, each at its place.
pub(crate) fn columns(row: &[Cell<'_>]) -> Vec<Option<Column>> {
    let named = row.iter().map(|cell| (cell, columns::column(causeway_adapter::table::bare(&cell.text))));
    placed(named.collect())
}

/// What is said of the cells of a row, each at its place; nothing of a blank one.
pub(crate) fn placed<T: Clone + Default>(row: Vec<(&Cell<'_>, T)>) -> Vec<T> {
    let width = row.last().map_or(0, |(cell, _)| usize::from(cell.column) + 1);
    let mut all = vec![T::default(); width];
    for (cell, said) in row {
        if let Some(place) = all.get_mut(usize::from(cell.column)) {
            *place = said;
        }
    }
    all
}

/// Whether a row is a heading: a time and a reading.
pub(crate) fn is_heading(row: &[Cell<'_>]) -> bool {
    let columns = columns(row);
    let has = |what: fn(Column) -> bool| columns.iter().flatten().any(|c| what(*c));
    // A column of results is one of readings only beside what a meter says of them: a laboratory has results too.
    let results = has(|c| c == Column::Result)
        && has(|c| c == Column::Unit)
        && has(|c| matches!(c, Column::Mark(_) | Column::Control));
    has(|c| matches!(c, Column::Moment(_) | Column::Date(_))) && (results || has(Column::reads))
}

/// The separator of a file's heading, with the number of the heading's row; `None` where no row is one.
pub(crate) fn heading(source: &str) -> Option<(u8, usize)> {
    let head = source.get(..source.floor_char_boundary(HEAD_BYTES)).unwrap_or(source);
    SEPARATORS.into_iter().find_map(|separator| {
        let table = Table::of(head, None, separator, 0);
        let at = table.rows_from(0).take(PREAMBLE_ROWS).position(|row| is_heading(&row))?;
        Some((separator, at))
    })
}
