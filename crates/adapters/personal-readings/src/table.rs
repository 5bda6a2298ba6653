//! Cells of a table of text with their bytes, and which of its rows are headings.

use std::borrow::Cow;

use causeway_core::Span;
use causeway_core::text::Decoded;

use crate::columns::{self, Column};
use crate::limits::{HEAD_BYTES, PREAMBLE_ROWS, ROWS_MAX};

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub span: Span,
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

/// Reads a table: cells parted by the separator that the heading uses, in quotation marks where they hold one. In so many rows
/// above the heading any separator parts them: whose readings they are was put there by somebody else than the meter. No more than
/// one row above [`ROWS_MAX`] is read.
pub(crate) fn read<'a>(source: &'a Decoded<'_>, separator: u8, above: usize) -> Vec<Vec<Cell<'a>>> {
    let text = &*source.text;
    cut(text, separator, above, &|start, end| {
        Span::new(source.source_offset(start), source.source_offset(end))
    })
}

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

fn cut<'a>(
    source: &'a str,
    separator: u8,
    above: usize,
    span: &dyn Fn(usize, usize) -> Span,
) -> Vec<Vec<Cell<'a>>> {
    let bytes = source.as_bytes();
    let mut rows = vec![Vec::new()];
    let mut at = 0;
    loop {
        let parts: &[u8] = if rows.len() <= above { &SEPARATORS } else { std::slice::from_ref(&separator) };
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
        let is_last = bytes.get(at).is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
        if let Some(row) = rows.last_mut() {
            // A blank line is a row of no cells.
            if !(row.is_empty() && is_last && start == at) {
                row.push(Cell { text, span: span(start, at), unclosed });
            }
            if is_last {
                row.shrink_to_fit();
            }
        }
        if rows.len() > ROWS_MAX {
            return rows;
        }
        match bytes.get(at) {
            None => return rows,
            Some(b'\r') => {
                at += if bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
                rows.push(Vec::new());
            }
            Some(b'\n') => {
                at += 1;
                rows.push(Vec::new());
            }
            Some(_) => at += 1,
        }
    }
}

/// The columns that a row names.
pub(crate) fn columns(row: &[Cell<'_>]) -> Vec<Option<Column>> {
    row.iter().map(|cell| columns::column(causeway_adapter::table::bare(&cell.text))).collect()
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
        let rows = cut(head, separator, 0, &Span::new);
        let at = rows.iter().take(PREAMBLE_ROWS).position(|row| is_heading(row))?;
        Some((separator, at))
    })
}
