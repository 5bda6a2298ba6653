//! Care notes in a table (CSV), a row each. Pure. A row that can't be taken is told with its row and column; its
//! neighbours go on.

use causeway_core::text::Decoded;
use jiff::civil::DateTime;

use super::limits::{CELLS_MAX, FILE_BYTES_MAX, ROWS_MAX};
use super::note::{CareNote, FIELDS, Fault, Field, Raw, check};

/// Columns that a table must have.
const NEEDED: [&str; 5] = ["home_cqc_id", "date", "kind", "note", "written_by"];

/// One row with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number as spreadsheets count: the header is 1.
    pub number: usize,
    /// The note, or what is wrong in which column.
    pub note: Result<CareNote, Vec<Fault>>,
}

/// Why a whole table is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Nothing in it.
    #[error("the file has no rows: the first row must name the columns")]
    Empty,
    /// A spreadsheet and not a CSV file.
    #[error("this is a spreadsheet file; save it as CSV (comma separated) and send that")]
    Spreadsheet,
    /// Too many bytes.
    #[error("the file is larger than {} kB", FILE_BYTES_MAX / 1024)]
    TooLarge,
    /// Too many rows.
    #[error("the file has more than {ROWS_MAX} notes; send them in several files")]
    TooLong,
    /// A column that must be there is not.
    #[error("row 1: the column {0} is missing; take the column names from the template")]
    Missing(&'static str),
    /// A column that is not known.
    #[error("row 1, column {0}: there is no such column; take the column names from the template")]
    Unknown(usize),
    /// A column twice.
    #[error("row 1: the column {0} is there twice")]
    Twice(&'static str),
}

/// Reads a table.
///
/// # Errors
/// [`TableError`], where no row can be taken.
pub fn read(bytes: &[u8], now: DateTime) -> Result<Vec<Row>, TableError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(TableError::TooLarge);
    }
    // An XLSX file is a ZIP archive, an XLS file begins as every old Office file.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(TableError::Spreadsheet);
    }
    let decoded = Decoded::utf8_or_windows_1252(bytes);
    let text = decoded.text.trim_start_matches('\u{feff}');
    let mut cells = Cells { rest: text, separator: separator(text), number: 0 };
    let header = cells.next().filter(|r| r.cells.iter().any(|c| !c.trim().is_empty()));
    let columns = columns(&header.ok_or(TableError::Empty)?.cells)?;
    let mut rows = Vec::new();
    for row in cells {
        let blank = row.cells.iter().all(|c| c.trim().is_empty());
        // Rows that begin with # are help.
        if blank || row.cells.first().is_some_and(|c| c.trim_start().starts_with('#')) {
            continue;
        }
        if rows.len() == ROWS_MAX {
            return Err(TableError::TooLong);
        }
        rows.push(Row { number: row.number, note: note(&row, &columns, now) });
    }
    Ok(rows)
}

fn columns(header: &[String]) -> Result<Vec<Option<&'static Field>>, TableError> {
    let mut columns: Vec<Option<&'static Field>> = Vec::new();
    for (number, cell) in (1..).zip(header) {
        let name = cell.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        if name.is_empty() {
            columns.push(None);
            continue;
        }
        let known = FIELDS.iter().find(|f| f.name == name);
        let known = known.ok_or(TableError::Unknown(number))?;
        if columns.contains(&Some(known)) {
            return Err(TableError::Twice(known.name));
        }
        columns.push(Some(known));
    }
    for needed in NEEDED {
        if !columns.iter().flatten().any(|f| f.name == needed) {
            return Err(TableError::Missing(needed));
        }
    }
    Ok(columns)
}

fn note(row: &Cut, columns: &[Option<&'static Field>], now: DateTime) -> Result<CareNote, Vec<Fault>> {
    let fault = |field: &'static str, text: &str| Err(vec![Fault { field, text: text.to_owned() }]);
    if row.open_quote {
        return fault(
            "note",
            "A quotation mark is opened and not closed; the rest of the file was read as this cell",
        );
    }
    let mut raw = Raw::default();
    for (at, cell) in row.cells.iter().enumerate() {
        match columns.get(at).copied().flatten() {
            Some(field) => raw.set(field.name, cell),
            None if cell.trim().is_empty() => {}
            None => {
                return fault(
                    "note",
                    "The row has more cells than there are columns; put text with commas into quotation marks",
                );
            }
        }
    }
    check(&raw, now)
}

/// What separates the cells: what the header has most of, of comma, semicolon and tab.
fn separator(text: &str) -> char {
    let header = text.lines().next().unwrap_or_default();
    [',', ';', '\t'].into_iter().rev().max_by_key(|c| header.matches(*c).count()).unwrap_or(',')
}

/// Rows cut into cells (RFC 4180; a quotation mark in a cell is written twice).
struct Cells<'t> {
    rest: &'t str,
    separator: char,
    number: usize,
}

struct Cut {
    number: usize,
    cells: Vec<String>,
    open_quote: bool,
}

impl Iterator for Cells<'_> {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let mut cut = Cut { number: self.number, cells: Vec::new(), open_quote: false };
        let mut cell = String::new();
        let mut quoted = false;
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if cell.trim().is_empty() => {
                    cell.clear();
                    quoted = true;
                }
                '\n' | '\r' if !quoted => {
                    end = at + 1;
                    if c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
                        end += 1;
                    }
                    break;
                }
                c if c == self.separator && !quoted => {
                    if cut.cells.len() < CELLS_MAX {
                        cut.cells.push(std::mem::take(&mut cell));
                    }
                }
                c => cell.push(c),
            }
        }
        cut.cells.push(cell);
        cut.open_quote = quoted;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Some(cut)
    }
}

/// The template: the columns, a row of help and a row with an example. Rows that begin with `#` are not notes.
pub fn template() -> String {
    let quoted = |cell: String| format!("\"{}\"", cell.replace('"', "\"\""));
    let row = |cell: &dyn Fn(&Field) -> &'static str, mark: &str| {
        let cells: Vec<String> = FIELDS
            .iter()
            .enumerate()
            .map(|(at, field)| quoted(format!("{}{}", if at == 0 { mark } else { "" }, cell(field))))
            .collect();
        format!("{}\r\n", cells.join(","))
    };
    let header: Vec<&str> = FIELDS.iter().map(|f| f.name).collect();
    format!("{}\r\n{}{}", header.join(","), row(&|f| f.help, "# "), row(&|f| f.example, "# "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime {
        jiff::civil::datetime(2026, 11, 24, 12, 0, 0, 0)
    }

    const HEADER: &str = "nhs_number,home_cqc_id,date,kind,note,written_by";

    fn rows(body: &str) -> Vec<(usize, Vec<&'static str>)> {
        read(format!("{HEADER}\r\n{body}").as_bytes(), now())
            .unwrap()
            .into_iter()
            .map(|r| {
                (r.number, r.note.map_or_else(|f| f.into_iter().map(|f| f.field).collect(), |_| Vec::new()))
            })
            .collect()
    }

    #[test]
    fn the_template_is_a_table_without_notes() {
        assert_eq!(read(template().as_bytes(), now()), Ok(Vec::new()));
        let filled = format!("{}{}", template(), template().lines().nth(2).unwrap().replacen("# ", "", 1));
        let filled = filled.replace("24/11/2026\",\"14:30", "24/11/2026\",\"09:30");
        let rows = read(filled.as_bytes(), now()).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].number, 4);
        assert!(rows[0].note.is_ok(), "{:?}", rows[0].note);
    }

    #[test]
    fn a_bad_row_leaves_its_neighbours_alone() {
        let good = "9990000018,1-9990000101,1/11/2026,daily,\"Ate, slept\nand \"\"sang\"\"\",Jo";
        let table = format!("{good}\r\n9990000019,x,1/11/2026,daily,Text,Jo\r\n,,,,,\r\n\r\n{good} Two\r\n");
        assert_eq!(rows(&table), [(2, vec![]), (3, vec!["nhs_number", "home_cqc_id"]), (6, vec![])]);
        assert_eq!(rows("9990000018,1-9990000101,1/11/2026,daily,a,b,c"), [(2, vec!["note"])]);
        assert_eq!(rows("9990000018,1-9990000101,1/11/2026,daily,\"open,Jo\nnext"), [(2, vec!["note"])]);
    }

    #[test]
    fn semicolons_tabs_marks_and_windows_text() {
        let table =
            format!("\u{feff}{}\n9990000018;1-9990000101;1/11/2026;mood;Gai;Jo", HEADER.replace(',', ";"));
        assert!(read(table.as_bytes(), now()).unwrap()[0].note.is_ok());
        let mut table = format!("{HEADER}\n9990000018,1-9990000101,1/11/2026,mood,caf").into_bytes();
        table.extend_from_slice(b"\xe9,Jo\n");
        let rows = read(&table, now()).unwrap();
        let json = rows[0].note.as_ref().unwrap().json.clone();
        assert!(String::from_utf8_lossy(&json).contains("café"));
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        assert_eq!(read(b"", now()), Err(TableError::Empty));
        assert_eq!(read(b"PK\x03\x04rest", now()), Err(TableError::Spreadsheet));
        assert_eq!(read(b"a,b\n", now()), Err(TableError::Unknown(1)));
        assert_eq!(read(b"note,note\n", now()), Err(TableError::Twice("note")));
        assert_eq!(read(b"note\n", now()), Err(TableError::Missing("home_cqc_id")));
        assert_eq!(read(&vec![b'a'; FILE_BYTES_MAX + 1], now()), Err(TableError::TooLarge));
        let row =
            format!("{HEADER}\n{}", "9990000018,1-9990000101,1/11/2026,daily,a,b\n".repeat(ROWS_MAX + 1));
        assert_eq!(read(row.as_bytes(), now()), Err(TableError::TooLong));
    }
}
