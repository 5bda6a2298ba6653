//! An extract, read and joined: people, and the rows that belong to each.

use std::collections::HashMap;
use std::sync::Arc;

use causeway_adapter::Composer;
use causeway_adapter::table::hint;
use causeway_core::identifier::{is_filler, is_scientific, point_zero};
use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Outcome, Place, Severity, When};

use crate::limits::{ROWS_MAX, ROWS_PER_PERSON_MAX};
use crate::records::Record;
use crate::rules::{self, Rule};
use crate::tables::{HEADING_CELLS, Heading, Names, Row, Table, Value, heading, names_a_column};

/// A person of the extract.
#[derive(Debug)]
pub struct Person {
    /// Number of its row.
    pub row: usize,
    /// Why the record is not published, if it is not.
    pub refused: Option<&'static Rule>,
    /// Whether another person of the extract has the same id, so that whose the other rows are can't be told.
    pub shared: bool,
    /// Numbers of the rows of other tables that belong to it, in source order.
    pub rows: Vec<usize>,
}

/// A joined extract.
#[derive(Debug, Default)]
pub struct Extract<'a> {
    /// All rows.
    pub rows: Vec<Row<'a>>,
    /// People in source order.
    pub people: Vec<Person>,
    /// People by id and by the id before a merge.
    by_id: HashMap<&'a str, usize>,
    /// People by NHS number.
    by_nhs: HashMap<NhsNumber, usize>,
    by_legacy: HashMap<&'a str, usize>,
    /// Workers by user id and by worker id.
    users: HashMap<&'a str, usize>,
    /// How often each id of a table was seen.
    seen: HashMap<(&'static str, &'a str, &'a str), u32>,
    workers: HashMap<&'a str, usize>,
}

fn fatal(rule: &'static str, text: impl Into<std::borrow::Cow<'static, str>>) -> Issue {
    Issue::new(Severity::Fatal, IssueCode::Structure, rule, text)
}

/// Enters all cells into the ledger and makes rows of them.
///
/// # Errors
/// A fatal issue where a heading is unclear, or there is none, or there are too many rows. `head` is the beginning of
/// the extract, where the reason is looked for.
pub fn rows<'a>(
    c: &mut Composer<'_>,
    head: &[u8],
    records: &'a mut [Record<'a>],
) -> Result<Vec<Row<'a>>, Issue> {
    if records.len() > ROWS_MAX {
        let text = format!("the extract has more than {ROWS_MAX} rows");
        return Err(Issue::new(Severity::Fatal, IssueCode::TooLong, "rows-too-many", text));
    }
    let mut headings: Vec<Heading> = Vec::new();
    let mut kinds = Vec::with_capacity(records.len());
    for (record, number) in records.iter().zip(1u32..) {
        let named = |table: Table, name: &str| c.is_named(&format!("{}.{name}", table.name()));
        match heading(record, number, &named)? {
            Some(found) => {
                headings.push(found);
                kinds.push(true);
            }
            None if headings.is_empty() && !record.is_blank() => {
                let none =
                    || fatal("heading-missing", "the extract does not begin with the heading of a table");
                return Err(hint(head, names_a_column, HEADING_CELLS).unwrap_or_else(none));
            }
            None => kinds.push(false),
        }
    }
    if headings.is_empty() {
        return Err(fatal("input-empty", "the extract is empty"));
    }
    let names = Arc::new(Names(headings));
    c.ledger.set_outline(names.clone());
    // Lists that double hold what they had twice.
    c.ledger.reserve(records.iter().map(|record| record.cells.len()).sum());
    let mut current = names.0.iter();
    let mut heading = None;
    let mut rows = Vec::with_capacity(records.len());
    let mut point_zero_told = false;
    for ((record, number), is_heading) in records.iter_mut().zip(1u32..).zip(kinds) {
        if is_heading {
            heading = current.next();
            for cell in &record.cells {
                let id = c.ledger.add(Place::Cell { row: number, column: cell.column }, cell.span);
                c.claim(id, Outcome::Structural, "");
            }
        } else if let Some(heading) = heading
            && !record.is_blank()
        {
            rows.extend(enter(c, record, number, heading, &mut point_zero_told));
        }
    }
    Ok(rows)
}

/// Whether a column holds whole numbers: ids and counts.
fn is_whole(column: &str) -> bool {
    column == "id" || column.ends_with("_id") || column.ends_with("_id_legacy") || column.ends_with("_days")
}

fn enter<'a>(
    c: &mut Composer<'_>,
    record: &'a mut Record<'a>,
    number: u32,
    heading: &Heading,
    point_zero_told: &mut bool,
) -> Option<Row<'a>> {
    let width = heading.places.len();
    let surplus = record.cells.last().is_some_and(|cell| usize::from(cell.column) >= width);
    if record.broken || usize::from(record.width) < width || surplus {
        let id = c.ledger.add(Place::Cell { row: number, column: u16::MAX }, record.span);
        c.claim(id, Outcome::Rejected, "the row could not be read");
        c.issue_at(id, if record.broken { rules::ROW_BROKEN } else { rules::ROW_CELLS }.issue());
        return None;
    }
    let first = c.ledger.next_id();
    let mut cells = Vec::with_capacity(record.cells.len());
    let guessed = record.guessed;
    for (text, span, column) in record.take_cells() {
        let Some(place) = heading.places.get(usize::from(column)) else { continue };
        let padded = text.trim();
        let id = c.ledger.add(Place::Cell { row: number, column }, span);
        let text = causeway_core::text::unpadded(padded);
        if text.len() < padded.len() {
            c.issue_at(id, causeway_core::common::CONTROL_CHARACTER.issue());
            if text.is_empty() {
                c.claim(id, Outcome::Structural, "the cell is filled up with NULs and says nothing");
                continue;
            }
        }
        let column = heading.table.columns().get(usize::from(*place)).copied().unwrap_or("");
        let is_id = (column != "nhs_id" && column.ends_with("_id")) || column == "telephone_number";
        if matches!(text, "NULL" | "N/A" | "#N/A") || (is_id && is_filler(text)) {
            c.claim(id, Outcome::Withheld, "the words stand for no value");
            if is_id {
                c.issue_at(id, causeway_core::common::IDENTIFIER_FILLER.issue());
            }
            continue;
        }
        // A number that identifies and has lost digits is somebody else's.
        if matches!(column, "unique_id" | "telephone_number") && is_scientific(text) {
            c.issue_at(id, causeway_core::common::IDENTIFIER_ROUNDED.issue());
            if column == "unique_id" {
                c.claim(id, Outcome::Withheld, "digits of the number are lost");
                continue;
            }
        }
        let text = match point_zero(text).filter(|_| is_whole(column)) {
            Some(digits) => {
                if !std::mem::replace(point_zero_told, true) {
                    c.issue_at(id, rules::POINT_ZERO.issue());
                }
                digits
            }
            None => text,
        };
        cells.push(Value { text, id, column: *place });
    }
    if guessed {
        c.issue_at(first, rules::CHARSET.issue());
    }
    Some(Row::new(heading.table, first..c.ledger.next_id(), cells))
}

impl<'a> Extract<'a> {
    /// Joins rows; those that can't be joined are refused and told.
    pub fn join(c: &mut Composer<'_>, rows: Vec<Row<'a>>) -> Self {
        let mut extract = Self { rows, ..Self::default() };
        for at in 0..extract.rows.len() {
            let Some(row) = extract.rows.get(at) else { continue };
            match row.table {
                Table::Persons => extract.person(c, at),
                Table::Workers => {
                    let (user, id) = (row.text("system_user_id"), row.text("id"));
                    extract.users.entry(user).or_insert(at);
                    extract.workers.entry(id).or_insert(at);
                }
                _ => {}
            }
        }
        for at in 0..extract.rows.len() {
            let Some(row) = extract.rows.get(at) else { continue };
            if !matches!(row.table, Table::Persons | Table::Workers) {
                extract.attach(c, at);
            }
        }
        extract
    }

    fn person(&mut self, c: &mut Composer<'_>, at: usize) {
        let Some(row) = self.rows.get(at) else { return };
        let id = row.text("person_id");
        let earlier = self.by_id.get(id).copied();
        let refused = if id.is_empty() {
            Some(("person_id", &rules::PERSON_ID))
        } else if is_scientific(id) {
            Some(("person_id", &rules::ID_ROUNDED))
        } else if let Some(number) = earlier {
            let first = self.people.get(number).and_then(|first| self.rows.get(first.row));
            match first.is_some_and(|first| are_two(first, row)) {
                true => {
                    if let Some(first) = self.people.get_mut(number) {
                        first.shared = true;
                    }
                    Some(("person_id", &rules::TWO_PEOPLE))
                }
                false => Some(("person_id", &rules::PERSON_TWICE)),
            }
        } else {
            match (row.text("restricted"), row.text("context_flag")) {
                ("N" | "n", "A" | "a") => None,
                (_, "C" | "c") => Some(("context_flag", &rules::CHILD)),
                ("Y" | "y", _) => Some(("restricted", &rules::RESTRICTED)),
                ("N" | "n", _) => Some(("context_flag", &rules::CONTEXT)),
                // What is not stated may be "yes": fail closed.
                _ => Some(("restricted", &rules::RESTRICTED_BLANK)),
            }
        };
        if let Some((column, rule)) = refused {
            c.issue_at(row.at(column), rule.issue());
            c.ledger.overrule(row.items.clone(), Outcome::Rejected, rule.text);
        }
        if id.is_empty() || earlier.is_some() || is_scientific(id) {
            return;
        }
        let number = self.people.len();
        if let Some((leaf, nhs)) =
            row.cell("nhs_id").and_then(|leaf| Some((leaf, NhsNumber::parse(leaf.text).ok()?)))
            && self.by_nhs.insert(nhs, number).is_some()
        {
            c.issue_at(leaf.id, rules::TWO_IDS.issue());
        }
        self.by_id.insert(id, number);
        if let Some(legacy) = row.cell("person_id_legacy") {
            self.by_legacy.entry(legacy.text).or_insert(number);
        }
        self.people.push(Person {
            row: at,
            refused: refused.map(|(_, rule)| rule),
            shared: false,
            rows: Vec::new(),
        });
    }

    fn attach(&mut self, c: &mut Composer<'_>, at: usize) {
        let Some(row) = self.rows.get(at) else { return };
        let refuse = |c: &mut Composer<'_>, rule: &Rule| {
            c.issue_at(row.at("person_id"), rule.issue());
            c.ledger.overrule(row.items.clone(), Outcome::Rejected, rule.text);
        };
        if is_scientific(row.text("person_id")) {
            refuse(c, &rules::ID_ROUNDED);
            return;
        }
        let Some((number, legacy)) = self.find(row.text("person_id")) else {
            refuse(c, if row.text("person_id").is_empty() { &rules::PERSON_ID } else { &rules::ORPHAN });
            return;
        };
        if legacy {
            c.issue_at(row.at("person_id"), rules::LEGACY.issue());
        }
        let Some(person) = self.people.get_mut(number) else { return };
        if let Some(rule) = person.refused {
            // Told once, at the person.
            c.ledger.overrule(row.items.clone(), Outcome::Rejected, rule.text);
        } else if person.shared {
            refuse(c, &rules::ID_SHARED);
        } else if person.rows.len() >= ROWS_PER_PERSON_MAX {
            refuse(c, &rules::TOO_MANY);
        } else {
            person.rows.push(at);
            let key = (row.table.name(), row.text("person_id"), row.text(row.table.key()));
            let count = self.seen.entry(key).or_insert(0);
            if *count > 0 {
                c.issue_at(row.at(row.table.key()), rules::ID_TWICE.issue());
            }
            let repeats = *count;
            *count += 1;
            if let Some(row) = self.rows.get_mut(at) {
                row.repeats = repeats;
            }
        }
    }

    /// The person of an id; whether the id is the one from before a merge.
    pub fn find(&self, id: &str) -> Option<(usize, bool)> {
        match self.by_id.get(id) {
            Some(number) => Some((*number, false)),
            None => self.by_legacy.get(id).map(|number| (*number, true)),
        }
    }

    /// The row of a worker by user id or worker id.
    pub fn worker(&self, id: &str) -> Option<&Row<'a>> {
        if id.is_empty() {
            return None;
        }
        self.users.get(id).or_else(|| self.workers.get(id)).and_then(|at| self.rows.get(*at))
    }
}

/// Whether two rows of persons tell of two people: at least two of name, gender, date of birth and NHS number differ.
fn are_two(one: &Row<'_>, other: &Row<'_>) -> bool {
    let plain = |row: &Row<'_>, column: &str| {
        let text = row.text(column).chars().filter(|c| c.is_alphanumeric());
        text.flat_map(char::to_lowercase).collect::<String>()
    };
    let name = |row: &Row<'_>| plain(row, "last_name") + &plain(row, "first_name");
    let differ = |one: String, other: String| !one.is_empty() && !other.is_empty() && one != other;
    let columns = ["gender", "date_of_birth", "nhs_id"];
    let differing = columns.iter().filter(|column| differ(plain(one, column), plain(other, column))).count();
    differing + usize::from(differ(name(one), name(other))) > 1
}

/// Reads a date cell; tells and refuses what is no date.
pub fn date(c: &mut Composer<'_>, leaf: Option<Leaf<'_>>) -> Option<When> {
    let leaf = leaf?;
    let zone = &c.context.zone;
    let when = When::british(leaf.text, zone).or_else(|_| When::iso(leaf.text, zone)).ok();
    let when = when.filter(|when| when.precision() >= causeway_core::Precision::Day);
    match when {
        None => {
            c.issue_at(leaf.id, rules::DATE.issue());
            c.claim(leaf, Outcome::Rejected, "no valid date");
            None
        }
        Some(when) if when.ymd() == (1900, 1, 1) => {
            c.issue_at(leaf.id, rules::DATE_FILLER.issue());
            c.claim(leaf, Outcome::Withheld, "1 January 1900 stands for no date");
            None
        }
        Some(when) => {
            if let Some(doubt) = when.doubt() {
                let issue = Issue::new(Severity::Warning, IssueCode::Value, "local-time-doubtful", doubt);
                c.issue_at(leaf.id, issue);
            }
            Some(when)
        }
    }
}
