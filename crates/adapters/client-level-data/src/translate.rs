//! From the stream to bundles: row after row, in bounded memory.

use std::io::Read;

use causeway_adapter::{Composer, Context, Sink, table};
use causeway_core::identifier::{is_filler, point_zero};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Place, Severity, Span};

use crate::columns::{Column, HEADING_CELLS, Heading, names_a_column};
use crate::event::{self, Event, Kind};
use crate::file::{File, Row, WHOLE_ROW, is_null};
use crate::group::Group;
use crate::limits::{ROWS_MAX, ROWS_PER_BUNDLE_MAX, ROWS_PER_FLUSH};
use crate::person::{BLOCK, Person, Role};
use crate::records::{self, Records, View};
use crate::rules::{self, Rule};
use crate::{alert, demographics, outputs, shift, values};

/// The person of the rows at hand.
enum Current {
    /// No row yet.
    Nobody,
    /// A person whose rows are refused.
    Refused(Box<Person>),
    /// A person whose rows can be used and of whom nothing has been written yet.
    Known(Box<Person>),
    /// A person whose bundle is open.
    Open(Box<Group>),
}

/// Translates a stream.
///
/// # Errors
/// A fatal issue where the stream fails, is no client level data, or is beyond [`ROWS_MAX`].
pub fn stream(
    name: &'static str,
    input: &mut dyn Read,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), Issue> {
    let mut records = Records::new(input)?;
    let mut number = 1;
    while is_blank_record(&mut records)? {
        number += 1;
    }
    let mut composer = Composer::new(name, context);
    let cells = (0..records.len()).map(|cell| records.text(cell));
    let heading = Heading::read_for(cells, |cell| composer.is_named(cell));
    let heading = heading.map_err(|issue| {
        // The head of the file is still in the buffer after its first record.
        table::hint(records.head(), names_a_column, HEADING_CELLS).unwrap_or(issue)
    })?;
    for cell in 0..records.len() {
        if !records.text(cell).trim().is_empty() {
            let place = Place::Cell { row: number, column: cell as u16 };
            let id = composer.ledger.add(place, records.cell_span(cell));
            composer.ledger.claim(id, Outcome::Structural, "");
        }
    }
    let mut run = Run {
        file: File::new(composer, heading),
        current: Current::Nobody,
        block: String::new(),
        scratch: String::new(),
        rows_in_group: 0,
        rows_since_flush: 0,
    };
    run.rows(&mut records, number, sink)
}

/// Goes to the next record; whether it is blank. The end of the stream or a broken line here is an error: there
/// is no heading.
fn is_blank_record(records: &mut Records<'_>) -> Result<bool, Issue> {
    let none = |rule, text: &'static str| Err(Issue::new(Severity::Fatal, IssueCode::Structure, rule, text));
    match records.advance()? {
        records::Event::End => none("input-empty", "the file is empty"),
        records::Event::Broken => {
            none("heading-missing", "the first row is not a heading of client level data")
        }
        records::Event::Record => Ok((0..records.len()).all(|cell| records.text(cell).trim().is_empty())),
    }
}

struct Run<'c> {
    file: File<'c>,
    current: Current,
    /// Text of the person's columns in the rows at hand.
    block: String,
    scratch: String,
    rows_in_group: u32,
    rows_since_flush: u32,
}

impl Run<'_> {
    fn rows(&mut self, records: &mut Records<'_>, heading: u32, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut number = heading;
        loop {
            let event = records.advance()?;
            if event == records::Event::End {
                break;
            }
            number += 1;
            if number > ROWS_MAX {
                self.finish(sink);
                return Err(Issue::new(
                    Severity::Fatal,
                    IssueCode::TooLong,
                    "rows-too-many",
                    format!("the file has more than {ROWS_MAX} rows; the rest was not read"),
                ));
            }
            match event {
                records::Event::Broken => {
                    self.refuse_line(number, records.span(), WHOLE_ROW, &rules::ROW_BROKEN);
                }
                _ => self.record(records, number, sink),
            }
            // A file of nothing but refused rows must be handed over too.
            if self.rows_since_flush >= ROWS_PER_FLUSH && !matches!(self.current, Current::Open(_)) {
                self.flush(sink);
            }
        }
        self.finish(sink);
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        self.close();
        for link in self.file.census.absent() {
            let place = Place::Cell { row: link.row, column: link.column };
            self.file.tell_at(place, link.span, &rules::LINKED_ABSENT);
        }
        if self.file.census.limited {
            self.file.c.issue(rules::PEOPLE_MANY.issue());
        }
        self.flush(sink);
    }

    fn flush(&mut self, sink: &mut dyn Sink) {
        self.file.c.flush(sink);
        self.rows_since_flush = 0;
    }

    /// A line of which nothing can be used: one item for all of it. `column` is where the fault shows.
    fn refuse_line(&mut self, row: u32, span: Span, column: u16, rule: &Rule) {
        self.rows_since_flush += 1;
        let id = self.file.c.ledger.add(Place::Cell { row, column: WHOLE_ROW }, span);
        self.file.c.claim(id, Outcome::Rejected, "the row could not be read");
        self.file.tell_at(Place::Cell { row, column }, span, rule);
    }

    fn record(&mut self, records: &Records<'_>, number: u32, sink: &mut dyn Sink) {
        let heading = &self.file.heading;
        let beyond = heading.places.len()..records.len();
        let surplus = beyond.into_iter().any(|cell| !records.text(cell).trim().is_empty());
        if records.len() < heading.width() || surplus {
            let blank = (0..records.len()).all(|cell| records.text(cell).trim().is_empty());
            if !blank {
                self.refuse_line(number, records.span(), WHOLE_ROW, &rules::ROW_CELLS);
            }
            return;
        }
        let view = records.view();
        if is_heading_again(heading, view) {
            self.rows_since_flush += 1;
            let id = self.file.c.ledger.add(Place::Cell { row: number, column: WHOLE_ROW }, records.span());
            self.file.c.claim(id, Outcome::Structural, "");
            let place = Place::Cell { row: number, column: WHOLE_ROW };
            self.file.tell_at(place, records.span(), &rules::HEADING_AGAIN);
            return;
        }
        if let Some(place) = shift::first_moved(heading, view, records.len()) {
            self.refuse_line(number, records.span(), place as u16, &rules::ROW_SHIFTED);
            return;
        }
        let same = self.same_person(view);
        if !same || self.rows_in_group >= ROWS_PER_BUNDLE_MAX {
            // Items of the ledger are valid until it is handed over: before this row's are entered.
            self.close();
            if self.rows_since_flush >= ROWS_PER_FLUSH {
                self.flush(sink);
            }
        }
        self.rows_since_flush += 1;
        let Some(row) = enter(&mut self.file, view, records.span(), number) else { return };
        if records.guessed {
            self.file.tell_charset(number, row.span);
        }
        self.row(&row);
        // What nothing has claimed by now, and no writing claims, is in the original only.
        let rest = "no place was found for this cell";
        self.file.c.ledger.claim_rest(row.items.clone(), Outcome::Unsupported, rest);
    }

    /// Whether the person's columns are those of the rows before; remembers them.
    fn same_person(&mut self, view: View<'_>) -> bool {
        self.scratch.clear();
        for column in BLOCK {
            if let Some(place) = self.file.heading.at(column) {
                self.scratch.push_str(view.text(usize::from(place)).trim());
            }
            self.scratch.push('\u{1F}');
        }
        let same = self.scratch == self.block && !matches!(self.current, Current::Nobody);
        if !same {
            std::mem::swap(&mut self.scratch, &mut self.block);
        }
        same
    }

    fn close(&mut self) {
        self.rows_in_group = 0;
        let Current::Open(group) = std::mem::replace(&mut self.current, Current::Nobody) else { return };
        let label = match group.rows {
            (first, last) if first == last => format!("row {first}"),
            (first, last) => format!("rows {first}–{last}"),
        };
        let mut event = String::new();
        for kind in Kind::ALL {
            if group.kinds & (1 << (kind as u8)) != 0 {
                if !event.is_empty() {
                    event.push_str(", ");
                }
                event.push_str(kind.word());
            }
        }
        if event.is_empty() {
            event.push_str("Carer known by association");
        }
        self.file.c.end(label, event, None);
    }

    fn row(&mut self, row: &Row<'_>) {
        if let Some((rule, column)) = alert::find(row) {
            self.refuse(row, rule, column);
            return;
        }
        if matches!(self.current, Current::Nobody) {
            let person = Box::new(Person::read(&mut self.file, row));
            self.current =
                if person.refused.is_some() { Current::Refused(person) } else { Current::Known(person) };
        }
        let person = match &self.current {
            Current::Nobody => return,
            Current::Refused(person) => {
                let Some((rule, column)) = person.refused else { return };
                self.refuse(row, rule, column);
                return;
            }
            Current::Known(person) => person,
            Current::Open(group) => &group.person,
        };
        if person.role == Role::Association {
            self.association(row);
            return;
        }
        let Some(found) = self.file.coded(row, Column::EventType, &values::EVENT_TYPE) else {
            self.refuse(row, &rules::EVENT_TYPE_MISSING, Column::EventType);
            return;
        };
        let Some(kind) = found.target.and_then(|target| Kind::of(target.code)) else {
            self.refuse(row, &rules::EVENT_TYPE_UNKNOWN, Column::EventType);
            return;
        };
        let event = Event::read(&mut self.file, row, person, kind);
        let key = event.key.clone();
        let Some(group) = self.open(row, &key) else { return };
        // Out of the enum for as long as both it and the file are changed.
        let mut group = group;
        if let Some(patient) = group.patient.clone() {
            self.file.c.writer().mapped(found.leaf);
            outputs::write(&mut self.file, &mut group, row, &event, &patient);
        }
        self.current = Current::Open(group);
        self.rows_in_group += 1;
    }

    /// The open bundle of the person at hand, begun where it is not yet, with this row's cells of a person
    /// claimed. The caller puts it back.
    fn open(&mut self, row: &Row<'_>, key: &str) -> Option<Box<Group>> {
        match std::mem::replace(&mut self.current, Current::Nobody) {
            Current::Open(mut group) => {
                group.rows.1 = row.number;
                group.person.claim(&mut self.file, row, false);
                Some(group)
            }
            Current::Known(person) => {
                self.file.c.begin(key);
                let council = demographics::council(&mut self.file, row, &person);
                let patient = demographics::person(&mut self.file, row, &person, &council);
                person.claim(&mut self.file, row, true);
                Some(Box::new(Group::new(*person, council, patient, row.number)))
            }
            Current::Nobody | Current::Refused(_) => None,
        }
    }

    /// A row of a carer known by association.
    fn association(&mut self, row: &Row<'_>) {
        let key = match &self.current {
            Current::Known(person) => format!("{}|association", person.key),
            _ => String::new(),
        };
        let count = if key.is_empty() { 1 } else { self.file.census.event(&key) };
        let key = if count > 1 { format!("{key}|{count}") } else { key };
        event::refuse_association(&mut self.file, row);
        demographics::leave_association(&mut self.file, row);
        if let Some(group) = self.open(row, &key) {
            self.current = Current::Open(group);
            self.rows_in_group += 1;
        }
    }

    /// A row that is refused takes its items along; its neighbours go on.
    fn refuse(&mut self, row: &Row<'_>, rule: &'static Rule, column: Column) {
        self.file.tell(row, column, rule);
        self.file.c.ledger.overrule(row.items.clone(), Outcome::Rejected, rule.text);
    }
}

/// Whether a row repeats the heading, as files that were put together do: the cells of the columns that no row can do
/// without name them.
fn is_heading_again(heading: &Heading, view: View<'_>) -> bool {
    let names = |column: Column| {
        let cell = heading.at(column).map_or("", |place| view.text(usize::from(place)).trim());
        // Nearly every cell here begins with a digit or is short, and needs no look-up.
        cell.len() > 4 && !cell.starts_with(|c: char| c.is_ascii_digit()) && names_a_column(cell)
    };
    [Column::LaCode, Column::NhsNumber, Column::EventType].into_iter().all(names)
}

/// A cell of a column of whole numbers without the `.0` that a program wrote behind it.
fn whole(file: &mut File<'_>, column: Column, leaf: Leaf<'_>) -> Option<usize> {
    const WHOLE: [Column; 6] = [
        Column::LaCode,
        Column::LaPersonId,
        Column::Linked1,
        Column::Linked2,
        Column::Linked3,
        Column::CaredFor,
    ];
    let digits = point_zero(leaf.text).filter(|_| WHOLE.contains(&column))?;
    file.tell_point_zero(leaf.id);
    Some(digits.len())
}

/// Enters the cells of a record into the ledger. `None` where the row is blank.
fn enter<'a>(file: &mut File<'_>, view: View<'a>, span: Span, number: u32) -> Option<Row<'a>> {
    let first = file.c.ledger.next_id();
    let mut row = Row { number, span, items: first..first, cells: [None; Column::COUNT] };
    for cell in 0..file.heading.places.len() {
        let text = view.text(cell).trim();
        if text.is_empty() {
            continue;
        }
        let place = Place::Cell { row: number, column: cell as u16 };
        let id = file.c.ledger.add(place, view.span(cell));
        let Some(column) = file.heading.places.get(cell).copied().flatten() else {
            file.c.claim(id, Outcome::Unsupported, "the column is not of the specification");
            file.c.offer(Leaf { text, id });
            continue;
        };
        let padded = text;
        let text = causeway_core::text::unpadded(text);
        if text.len() < padded.len() {
            file.c.issue_at(id, causeway_core::common::CONTROL_CHARACTER.issue());
            if text.is_empty() {
                file.c.claim(id, Outcome::Structural, "the cell is filled up with NULs and says nothing");
                continue;
            }
        }
        let is_id =
            matches!(column, Column::LaPersonId | Column::Linked1 | Column::Linked2 | Column::Linked3);
        if is_null(text) || (is_id && is_filler(text)) {
            file.c.claim(id, Outcome::Withheld, "the words stand for no value");
            file.c.issue_at(id, rules::NULL_LITERAL.issue());
            continue;
        }
        if let Some(slot) = row.cells.get_mut(column as usize) {
            let leaf = Leaf { text, id };
            // The digits stand at the front of the text.
            let digits = whole(file, column, leaf).and_then(|len| text.get(..len));
            *slot = Some(leaf.with(digits.unwrap_or(text)));
        }
    }
    row.items = first..file.c.ledger.next_id();
    (!row.items.is_empty()).then_some(row)
}
