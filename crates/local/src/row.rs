//! A row of either table.

use std::collections::HashMap;

/// One row of a table: its cells by heading.
pub(crate) struct Row<'a> {
    cells: &'a csv::StringRecord,
    columns: &'a HashMap<String, usize>,
}

impl<'a> Row<'a> {
    /// The cells of a record, under these headings.
    pub(crate) fn new(cells: &'a csv::StringRecord, columns: &'a HashMap<String, usize>) -> Self {
        Self { cells, columns }
    }

    /// A cell without blanks around it; empty where the table has no such column.
    pub(crate) fn cell(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.cells.get(*at)).map_or("", str::trim)
    }
}
