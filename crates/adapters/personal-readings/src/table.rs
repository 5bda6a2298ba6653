//! Cells of a table of text with their bytes, and which of its rows are headings.

use std::borrow::Cow;

use causeway_core::Span;
use causeway_core::text::Decoded;

use crate::columns::{self, Column};
use crate::limits::{COUNTED_BYTES, HEAD_BYTES, PREAMBLE_ROWS, ROWS_MAX};

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

/// A table of text: the cells of all its rows, one after the other. Blank ones are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table<'a> {
    cells: Vec<Cell<'a>>,
    /// Where each row's cells end.
    ends: Vec<u32>,
}

impl<'a> Table<'a> {
    /// Rows, blank ones too.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Cells that are not blank.
    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Columns up to the last that holds anything.
    pub(crate) fn width(&self) -> usize {
        self.cells.iter().map(|cell| usize::from(cell.column) + 1).max().unwrap_or(0)
    }

    /// The cells of a row, from 0; none beyond the last.
    pub(crate) fn row(&self, row: usize) -> &[Cell<'a>] {
        let Some(end) = self.ends.get(row) else { return &[] };
        let before = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.cells.get(before as usize..*end as usize).unwrap_or_default()
    }

    /// The rows from this one on.
    pub(crate) fn rows_from(&self, row: usize) -> impl Iterator<Item = &[Cell<'a>]> {
        (row..self.len()).map(|row| self.row(row))
    }

    fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.cells.len()).unwrap_or(u32::MAX));
    }
}

/// Reads a table: cells parted by the separator that the heading uses, in quotation marks where they hold one. In so many rows
/// above the heading any separator parts them: whose readings they are was put there by somebody else than the meter. No more than
/// one row above [`ROWS_MAX`] is read.
pub(crate) fn read<'a>(source: &'a Decoded<'_>, separator: u8, above: usize) -> Table<'a> {
    let text = &*source.text;
    cut(text, separator, above, &|start, end| {
        Span::new(source.source_offset(start), source.source_offset(end))
    })
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

fn cut<'a>(source: &'a str, separator: u8, above: usize, span: &dyn Fn(usize, usize) -> Span) -> Table<'a> {
    let bytes = source.as_bytes();
    // Of a large file the separators are counted: lists that double hold what they had twice.
    let count = |mark: u8| match bytes.len() < COUNTED_BYTES {
        true => 0,
        false => memchr::memchr_iter(mark, bytes).count(),
    };
    let lines = count(b'\n');
    let mut table =
        Table { cells: Vec::with_capacity(count(separator) + lines), ends: Vec::with_capacity(lines + 1) };
    let mut at = 0;
    let mut column = 0u16;
    loop {
        let parts: &[u8] = if table.len() < above { &SEPARATORS } else { std::slice::from_ref(&separator) };
        let ends = |byte: &u8| parts.contains(byte) || matches!(byte, b'\n' | b'\r');
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
        let cell = Cell { text, span: span(start, at), column, unclosed };
        if cell.said().is_some() {
            table.cells.push(cell);
        }
        column = column.saturating_add(1);
        let end = bytes.get(at);
        if end.is_none_or(|byte| matches!(byte, b'\n' | b'\r')) {
            table.end_row();
            column = 0;
            if end.is_none() || table.len() > ROWS_MAX {
                return table;
            }
        }
        at += if end == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
    }
}

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
        let table = cut(head, separator, 0, &Span::new);
        let at = table.rows_from(0).take(PREAMBLE_ROWS).position(is_heading)?;
        Some((separator, at))
    })
}
