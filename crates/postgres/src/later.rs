//! Rows that are written later within their transaction, many with one statement: a batch of accepts is then a few statements and
//! not some for each. Whatever else is said to the server is said after them, so nobody sees the difference.
//!
//! A row waits only where the server can't refuse it, for a refusal would take the whole batch with it.

use crate::fault::{Result, db};
use causeway_exchange::EngineError;
use postgres::types::ToSql;
use postgres::{Client, Statement};

/// A value of a column.
pub(crate) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(bool),
    Bytes(Option<Vec<u8>>),
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }

    pub(crate) fn maybe(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }

    pub(crate) fn number(number: i64) -> Self {
        Self::Number(Some(number))
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_owned()))
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(Some(text)) => text.len(),
            Self::Bytes(Some(bytes)) => bytes.len(),
            _ => 8,
        }
    }
}

/// A table whose rows may be written later.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    Message,
    Part,
    Idempotency,
    Audit,
    Event,
    Work,
}

/// How many there are.
const TABLES: usize = 6;

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// Text that no index has: it may be long.
    LongText,
    Number,
    Flag,
    Bytes,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Text | Self::LongText => "text",
            Self::Number => "bigint",
            Self::Flag => "boolean",
            Self::Bytes => "bytea",
        }
    }

    /// A column's values as one parameter.
    fn column<'r>(self, rows: &'r [Values], at: usize) -> Box<dyn ToSql + Sync + 'r> {
        let cells = rows.iter().map(|row| row.get(at));
        match self {
            Self::Text | Self::LongText => Box::new(
                cells
                    .map(|cell| match cell {
                        Some(Cell::Text(text)) => text.as_deref(),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            ),
            Self::Number => Box::new(
                cells
                    .map(|cell| match cell {
                        Some(Cell::Number(number)) => *number,
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            ),
            Self::Flag => Box::new(
                cells
                    .map(|cell| match cell {
                        Some(Cell::Flag(flag)) => Some(*flag),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            ),
            Self::Bytes => Box::new(
                cells
                    .map(|cell| match cell {
                        Some(Cell::Bytes(bytes)) => bytes.as_deref(),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            ),
        }
    }

    const fn holds(self, cell: &Cell) -> bool {
        matches!(
            (self, cell),
            (Self::Text | Self::LongText, Cell::Text(_))
                | (Self::Number, Cell::Number(_))
                | (Self::Flag, Cell::Flag(_))
                | (Self::Bytes, Cell::Bytes(_))
        )
    }
}

impl Table {
    /// Name, and columns with what they hold.
    const fn columns(self) -> (&'static str, &'static [(&'static str, Kind)]) {
        use Kind::{Bytes, Flag, LongText, Number, Text};
        match self {
            Self::Message => (
                "message",
                &[
                    ("seq", Number),
                    ("id", Text),
                    ("kind", Text),
                    ("state", Text),
                    ("waiting", Number),
                    ("inbox", Flag),
                    ("sender", Text),
                    ("door", Text),
                    ("mailbox_from", Text),
                    ("mailbox_to", Text),
                    ("workflow", Text),
                    ("local_id", Text),
                    ("correlation_id", Text),
                    ("person_key", Text),
                    ("linked", Text),
                    ("received_at", Number),
                    ("changed_at", Number),
                    ("expires_at", Number),
                    ("size", Number),
                    ("sha256", Bytes),
                    ("chunks", Number),
                    ("present", Number),
                    ("rest", LongText),
                    ("accepted_event", Number),
                ],
            ),
            Self::Part => (
                "part",
                &[
                    ("owner", Number),
                    ("place", Number),
                    ("number", Number),
                    ("role", Text),
                    ("name", Text),
                    ("media_type", Text),
                    ("sha256", Bytes),
                    ("size", Number),
                    ("bytes", Bytes),
                ],
            ),
            Self::Idempotency => (
                "idempotency",
                &[
                    ("sender", Text),
                    ("request_id", Text),
                    ("owner", Number),
                    ("message", Text),
                    ("sha256", Bytes),
                    ("at", Number),
                    ("status", Number),
                    ("media_type", Text),
                    ("body", Bytes),
                ],
            ),
            Self::Audit => (
                "audit",
                &[
                    ("seq", Number),
                    ("at", Number),
                    ("actor", Text),
                    ("action", Text),
                    ("entity", Text),
                    ("detail", LongText),
                    ("previous", Bytes),
                    ("hash", Bytes),
                    ("seal", Bytes),
                ],
            ),
            Self::Event => (
                "event",
                &[
                    ("owner", Number),
                    ("seq", Number),
                    ("at", Number),
                    ("kind", Text),
                    ("actor", Text),
                    ("detail", LongText),
                ],
            ),
            Self::Work => (
                "work",
                &[
                    ("id", Number),
                    ("owner", Number),
                    ("kind", Text),
                    ("destination", Text),
                    ("order_key", Text),
                    ("state", Text),
                    ("not_before", Number),
                    ("token", Number),
                    ("attempts", Number),
                    ("replay", Flag),
                    ("queued_at", Number),
                    ("detail", LongText),
                ],
            ),
        }
    }

    const ALL: [Self; TABLES] =
        [Self::Message, Self::Part, Self::Idempotency, Self::Audit, Self::Event, Self::Work];

    /// The statement that inserts rows, given column by column.
    fn insert(self) -> String {
        let (name, columns) = self.columns();
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let numbered = columns.iter().enumerate();
        let arrays: Vec<String> =
            numbered.map(|(at, (_, kind))| format!("${}::{}[]", at + 1, kind.word())).collect();
        format!("INSERT INTO {name}({}) SELECT * FROM unnest({})", names.join(","), arrays.join(","))
    }

    /// Whether the server can't refuse a row: no text has a character that it does not keep, and none that an index may have is
    /// too long for one.
    fn takes(self, row: &[Cell]) -> bool {
        let (_, columns) = self.columns();
        row.len() == columns.len()
            && row.iter().zip(columns).all(|(cell, (_, kind))| match cell {
                Cell::Text(Some(text)) if kind.holds(cell) => {
                    !text.contains('\0') && (text.len() <= INDEXED_BYTES || matches!(kind, Kind::LongText))
                }
                _ => kind.holds(cell),
            })
    }
}

/// The values of a table's columns.
pub(crate) type Values = Vec<Cell>;

/// Bytes of text that fit into any index, three of them together too.
const INDEXED_BYTES: usize = 512;
/// Bytes of a row that waits; a larger one is written at once.
const ROW_BYTES: usize = 64 * 1024;
/// Bytes of all rows that wait.
const WAITING_BYTES: usize = 8 * 1024 * 1024;

/// What waits on one connection.
#[derive(Default)]
pub(crate) struct Later {
    rows: [Vec<Values>; TABLES],
    bytes: usize,
    statements: [Option<Statement>; TABLES],
    request: Option<Request>,
}

/// A request of a batch.
struct Request {
    /// How many rows waited when it began.
    before: [usize; TABLES],
    /// Whether it is undone alone where it fails.
    apart: bool,
    /// Whether it has said anything to the server.
    spoke: bool,
}

/// What is to be said to the server, in order.
pub(crate) enum Due {
    Rows(Table, Vec<Values>),
    Words(&'static str),
}

/// What becomes of a row.
pub(crate) enum Place {
    /// It waits.
    Waits,
    /// It waits, and there are enough.
    Full,
    /// It is to be written at once, after what waits.
    AtOnce(Values),
}

impl Later {
    /// A request of a batch begins. `apart`: it is undone alone where it fails.
    pub(crate) fn begin(&mut self, apart: bool) {
        self.request = Some(Request { before: self.waiting(), apart, spoke: false });
    }

    /// It ends, with what is to be said for it. Where it is not kept, nothing of it is left; one that is not apart must not have
    /// said anything then.
    pub(crate) fn end(&mut self, kept: bool) -> Option<&'static str> {
        let Request { before, apart, spoke } = self.request.take()?;
        let marked = apart && spoke;
        if !kept {
            // What waited before was written when it first spoke.
            for (rows, before) in self.rows.iter_mut().zip(before) {
                rows.truncate(if marked { 0 } else { before });
            }
        }
        match (marked, kept) {
            (false, _) => None,
            (true, true) => Some("RELEASE SAVEPOINT request"),
            (true, false) => Some("ROLLBACK TO SAVEPOINT request; RELEASE SAVEPOINT request"),
        }
    }

    /// Whatever waits is not written: the transaction is undone.
    pub(crate) fn forget(&mut self) {
        self.rows.iter_mut().for_each(Vec::clear);
        self.bytes = 0;
        self.request = None;
    }

    /// Takes a row.
    pub(crate) fn put(&mut self, table: Table, row: Values) -> Place {
        let bytes = row.iter().map(Cell::len).sum::<usize>();
        if bytes > ROW_BYTES || !table.takes(&row) {
            return Place::AtOnce(row);
        }
        if let Some(rows) = self.rows.get_mut(table as usize) {
            rows.push(row);
        }
        self.bytes += bytes;
        if self.bytes > WAITING_BYTES { Place::Full } else { Place::Waits }
    }

    /// What is to be said before anything else is.
    pub(crate) fn due(&mut self) -> Vec<Due> {
        let mut due = Vec::new();
        if let Some(Request { before, apart, spoke: spoke @ false }) = &mut self.request {
            *spoke = true;
            if *apart {
                let before = *before;
                self.take(before, &mut due);
                due.push(Due::Words("SAVEPOINT request"));
            }
        }
        self.take(self.waiting(), &mut due);
        self.bytes = 0;
        due
    }

    fn waiting(&self) -> [usize; TABLES] {
        self.rows.each_ref().map(Vec::len)
    }

    /// Takes the first of the rows that wait, so many of each table.
    fn take(&mut self, counts: [usize; TABLES], due: &mut Vec<Due>) {
        for ((table, rows), count) in Table::ALL.into_iter().zip(&mut self.rows).zip(counts) {
            if count > 0 {
                due.push(Due::Rows(table, rows.drain(..count).collect()));
            }
        }
    }

    /// Writes rows. How many.
    pub(crate) fn write(&mut self, client: &mut Client, table: Table, rows: &[Values]) -> Result<u64> {
        let place = self.statements.get_mut(table as usize).ok_or(EngineError::Corrupt("table"))?;
        let statement = match place {
            Some(statement) => statement,
            None => place.insert(client.prepare(&table.insert()).map_err(|e| db(&e))?),
        };
        let columns: Vec<Box<dyn ToSql + Sync + '_>> =
            table.columns().1.iter().enumerate().map(|(at, (_, kind))| kind.column(rows, at)).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| &**column as _).collect();
        client.execute(statement, &parameters).map_err(|e| db(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_takes_each_column_at_once() {
        assert_eq!(
            Table::Event.insert(),
            "INSERT INTO event(owner,seq,at,kind,actor,detail) \
             SELECT * FROM unnest($1::bigint[],$2::bigint[],$3::bigint[],$4::text[],$5::text[],$6::text[])"
        );
    }

    #[test]
    fn what_the_server_may_refuse_does_not_wait() {
        let event = |actor: &str, detail: &str| {
            let (one, at) = (Cell::number(1), Cell::number(2));
            vec![one, Cell::number(1), at, Cell::text("k"), Cell::text(actor), Cell::text(detail)]
        };
        let cases = [
            (event("a", "d"), true),
            (event("a", &"d".repeat(5_000)), true),
            (event(&"a".repeat(5_000), "d"), false),
            (event("a\0", "d"), false),
            (event("a", "d\0"), false),
            (event("a", "d").into_iter().take(5).collect(), false),
            (event("a", "d").into_iter().rev().collect(), false),
        ];
        for (number, (row, takes)) in cases.into_iter().enumerate() {
            assert_eq!(Table::Event.takes(&row), takes, "case {number}");
        }
    }
}
