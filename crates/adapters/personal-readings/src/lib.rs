#![doc = include_str!("../README.md")]

mod apple;
mod columns;
mod kinds;
pub mod limits;
mod moment;
mod open_mhealth;
mod rules;
mod table;
mod write;

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::text::Decoded;
use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Outcome, Place, Severity, When};
use columns::{Column, Order};
use jiff::tz::TimeZone;
use kinds::Kind;
use table::{Cell, Table};

/// Readings that people take themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct PersonalReadings;

/// The format.
pub const FORMAT: Format = Format {
    name: "personal-readings",
    title: "A person's own readings (Apple Health, form or meter)",
    summary: "Blood pressure, weight, glucose, pulse, temperature and mood that a person takes at home",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &[
        "CSV with a heading",
        "Apple Health export (ZIP or XML)",
        "Open mHealth and IEEE 1752 data points",
    ],
    media_types: &["text/csv", "application/zip", "application/xml", "application/json"],
    extensions: &["csv", "zip", "xml", "json"],
};

impl Adapter for PersonalReadings {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn rules(&self) -> &'static [&'static [Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..limits::HEAD_BYTES.min(input.len())).unwrap_or_default();
        match apple::form(head) {
            Some(apple::Form::Zip) => return Detection::is(Confidence::Certain, "Apple Health export (ZIP)"),
            Some(apple::Form::Xml) => return Detection::is(Confidence::Certain, "Apple Health export (XML)"),
            None => {}
        }
        if open_mhealth::is_form(head) {
            return Detection::is(Confidence::Certain, "Open mHealth or IEEE 1752");
        }
        if causeway_adapter::head::is_no_table(head) {
            return Detection::no();
        }
        match table::heading(&String::from_utf8_lossy(head)) {
            Some(_) => Detection::is(Confidence::Likely, "CSV"),
            None => Detection::no(),
        }
    }

    fn streams(&self) -> bool {
        true
    }

    fn stream(&self, input: &mut dyn Read, context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let read = |_| causeway_adapter::common::INPUT_READ.issue();
        let mut head = Vec::new();
        input.take(limits::HEAD_BYTES as u64).read_to_end(&mut head).map_err(read)?;
        if apple::form(&head).is_some() {
            return apple::stream(self.name(), &mut head.as_slice().chain(input), context, sink);
        }
        let limit = causeway_core::limits::INPUT_BYTES_MAX as u64;
        input.take(limit).read_to_end(&mut head).map_err(read)?;
        if head.len() as u64 > limit {
            return Err(causeway_adapter::too_long());
        }
        self.translate(&head, context, sink)
    }

    fn translate(&self, mut input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let head = input.get(..limits::HEAD_BYTES.min(input.len())).unwrap_or_default();
        if apple::form(head).is_some() {
            return apple::stream(self.name(), &mut input, context, sink);
        }
        if open_mhealth::is_form(head) {
            return open_mhealth::translate(self.name(), input, context, sink);
        }
        let source = Decoded::utf8_or_windows_1252(input);
        let (separator, heading) = table::heading(&source.text).ok_or_else(|| rules::HEADING.issue())?;
        let table = table::read(&source, separator, heading);
        if table.len() > limits::ROWS_MAX {
            return Err(rules::ROWS.with(&limits::ROWS_MAX.to_string()));
        }
        let mut c = Composer::new(self.name(), context);
        file(&mut c, &table, heading, sink);
        let all = 0..c.ledger.next_id();
        c.ledger.claim_rest(
            all,
            Outcome::Unsupported,
            "not a reading that is known; kept only in the original",
        );
        c.flush(sink);
        Ok(())
    }
}

/// Columns of the table that a heading begins. A file may hold several, one below the other.
struct Heading {
    columns: Vec<Option<Column>>,
    /// A heading that is not known may be anything; one that the site's own tables name is a heading.
    named: Vec<bool>,
}

impl Heading {
    fn of(c: &Composer<'_>, row: &[Cell<'_>]) -> Self {
        let named = row.iter().map(|cell| (cell, c.is_named(cell.text.trim()))).collect();
        Self { columns: table::columns(row), named: table::placed(named) }
    }

    fn column(&self, at: u16) -> Option<Column> {
        self.columns.get(usize::from(at)).copied().flatten()
    }

    /// Names of the columns, for the places of the account.
    fn words<'r>(&self, row: &'r [Cell<'_>]) -> Vec<&'r str> {
        let mut words = vec!["another column"; self.columns.len()];
        for cell in row {
            let Some(word) = words.get_mut(usize::from(cell.column)) else { continue };
            match self.column(cell.column) {
                Some(column) => *word = Column::words(column),
                None if self.named.get(usize::from(cell.column)) == Some(&true) => *word = cell.text.trim(),
                None => {}
            }
        }
        words
    }

    /// Enters the cells of the heading itself.
    fn enter(&self, c: &mut Composer<'_>, row: &[Cell<'_>], number: u32) {
        for cell in row {
            let column = cell.column;
            let id = c.ledger.add(Place::Cell { row: number, column }, cell.span);
            match self.column(column) {
                Some(_) => c.claim(id, Outcome::Mapped, ""),
                None if self.named.get(usize::from(column)) == Some(&true) => {
                    c.claim(id, Outcome::Structural, "");
                }
                None => c.issue_at(id, rules::COLUMN.issue()),
            }
        }
    }
}

/// A row of somebody's readings. What it says is read again when it is written: a long file is not held twice.
struct Found {
    /// Its place among the rows.
    row: u32,
    /// Its first item.
    item: u32,
    /// Its heading's place among the headings.
    heading: u32,
}

/// What the cells of a row say.
struct Said<'a> {
    cells: Vec<(Column, Leaf<'a>)>,
    /// Cells of columns that are not known.
    extra: Vec<Leaf<'a>>,
    /// Items of what a meter writes where it has nothing.
    nothing: Vec<u32>,
    unclosed: Option<Leaf<'a>>,
}

impl<'a> Said<'a> {
    /// Of a row under a heading; its items are numbered from `item`.
    fn of(heading: &Heading, row: &'a [Cell<'a>], item: u32) -> Self {
        let mut all = Self { cells: Vec::new(), extra: Vec::new(), nothing: Vec::new(), unclosed: None };
        let told = row.iter().filter_map(|cell| Some((cell, cell.said()?)));
        for ((cell, said), id) in told.zip(item..) {
            let leaf = Leaf { text: &cell.text, id };
            if cell.unclosed {
                all.unclosed = Some(leaf);
            }
            match heading.column(cell.column) {
                Some(_) if said.bytes().all(|b| b == b'-') => all.nothing.push(id),
                Some(found) => all.cells.push((found, leaf)),
                None => all.extra.push(leaf),
            }
        }
        all
    }
}

fn file(c: &mut Composer<'_>, table: &Table<'_>, first: usize, sink: &mut dyn Sink) {
    let heading_row = &table.row(first);
    let heading = Heading::of(c, heading_row);
    let mut names: Vec<String> = heading.words(heading_row).into_iter().map(str::to_owned).collect();
    for row in table.rows_from(first + 1).filter(|row| table::is_heading(row)) {
        for (word, at) in Heading::of(c, &row).words(&row).into_iter().zip(0..) {
            match names.get_mut(at) {
                Some(name) if name.split(" or ").any(|n| n == word) => {}
                Some(name) => *name = format!("{name} or {word}"),
                None => names.push(word.to_owned()),
            }
        }
    }
    names.resize(names.len().max(table.width()), "another column".to_owned());
    c.ledger.set_outline(Arc::new(names));
    c.ledger.reserve(table.cells());
    let above: Vec<_> = table.rows_from(0).take(first).collect();
    let owner = preamble(c, &above);
    heading.enter(c, heading_row, first as u32 + 1);
    let mut headings = vec![heading];
    let exchanged = moment_first(table, first);
    let zone = c.context.zone.clone();
    let mut people: Vec<(NhsNumber, Vec<Found>)> = Vec::new();
    let mut known: HashMap<NhsNumber, usize> = HashMap::new();
    let mut told: Vec<Rule> = Vec::new();
    for ((place, number), row) in (0u32..).zip(1u32..).skip(first + 1).zip(table.rows_from(first + 1)) {
        if table::is_heading(&row) {
            let heading = Heading::of(c, &row);
            heading.enter(c, &row, number);
            headings.push(heading);
            continue;
        }
        let start = c.ledger.next_id();
        for cell in &row {
            c.ledger.add(Place::Cell { row: number, column: cell.column }, cell.span);
        }
        let under = u32::try_from(headings.len() - 1).unwrap_or(u32::MAX);
        let Some(heading) = headings.last() else { return };
        let Said { mut cells, nothing, unclosed, .. } = Said::of(heading, &row, start);
        for id in nothing {
            c.claim(id, Outcome::Decides, "that there is no reading");
        }
        let items = start..c.ledger.next_id();
        if !cells.iter().any(|(column, _)| column.reads() || *column == Column::Result) {
            continue;
        }
        if let Err((rule, leaf)) = kind_of_row(&mut cells) {
            // What is no reading of the person is told once of each kind.
            if !told.contains(&rule) {
                c.issue_at(leaf.id, rule.issue());
                told.push(rule);
            }
            continue;
        }
        let read = match unclosed {
            Some(leaf) => Err((rules::UNCLOSED, Some(leaf))),
            None => person(&cells, owner).and_then(|who| Ok((who, moment(&cells, exchanged, &zone)?))),
        };
        match read {
            Ok(((number, leaf), (when, moment))) => {
                if let (Some(doubt), Some(at)) = (when.doubt(), moment.first()) {
                    c.issue_at(
                        *at,
                        Issue::new(Severity::Warning, IssueCode::Value, "local-time-doubtful", doubt),
                    );
                }
                let row = Found { row: place, item: start, heading: under };
                match known.get(&number).and_then(|at| people.get_mut(*at)) {
                    Some((_, found)) => {
                        found.push(row);
                        let own = (leaf.id != owner.map_or(u32::MAX, |o| o.id)).then_some(leaf);
                        c.writer().mapped(own);
                    }
                    None => {
                        known.insert(number, people.len());
                        people.push((number, vec![row]));
                    }
                }
            }
            Err((rule, about)) => {
                // A file that nobody owns is told once, not row by row.
                let again = rule == rules::PERSON_ABSENT && told.contains(&rule);
                if !again {
                    c.issue_at(about.map_or(items.start, |l| l.id), rule.issue());
                }
                if !told.contains(&rule) {
                    told.push(rule);
                }
                c.ledger.overrule(items.clone(), Outcome::Rejected, "the row was refused");
                c.ledger.claim_rest(items, Outcome::Rejected, "the row was refused");
            }
        }
    }
    for (at, (number, found)) in people.iter().enumerate() {
        let said = found.first().and_then(|one| {
            Some((headings.get(one.heading as usize)?, table.row(one.row as usize), one.item))
        });
        let Some((heading, row, item)) = said else { continue };
        let cells = Said::of(heading, &row, item).cells;
        let Ok((_, leaf)) = person(&cells, owner) else { continue };
        for (part, some) in found.chunks(limits::ROWS_PER_BUNDLE).enumerate() {
            let first = part * limits::ROWS_PER_BUNDLE + 1;
            match part {
                0 => c.begin(number.as_str()),
                _ => c.begin(&format!("{}|{part}", number.as_str())),
            }
            let patient = write::patient(c, *number, leaf);
            for one in some {
                let Some(heading) = headings.get(one.heading as usize) else { continue };
                let row = table.row(one.row as usize);
                let Said { mut cells, extra, .. } = Said::of(heading, &row, one.item);
                let Ok(decided_by) = kind_of_row(&mut cells) else { continue };
                let Ok((when, moment)) = moment(&cells, exchanged, &zone) else { continue };
                write::row(c, number.as_str(), &patient, &write::Row { cells, when, moment, decided_by });
                extra.iter().for_each(|leaf| c.offer(*leaf));
            }
            let from = if part == 0 { String::new() } else { format!(", rows from {first}") };
            c.end(format!("person {}{from}", at + 1), "readings", None);
            c.hand_over(sink);
        }
    }
}

/// Whether a time of the file can only be read with its month first, below a heading that doesn't say so. Then the others,
/// too, may have it first.
fn moment_first(table: &Table<'_>, heading: usize) -> bool {
    let mut columns: Vec<Option<Column>> = Vec::new();
    table.rows_from(heading).any(|row| {
        if table::is_heading(&row) {
            columns = table::columns(&row);
            return false;
        }
        row.iter().any(|cell| {
            let column = columns.get(usize::from(cell.column)).copied().flatten();
            matches!(column, Some(Column::Moment(Order::Unsaid) | Column::Date(Order::Unsaid)))
                && moment::is_month_first(&cell.text)
        })
    })
}

/// What the cells of a row say of its kind: readings of a sensor are told from those of blood. The items that said so.
///
/// # Errors
/// With the rule where the row is no reading of the person.
fn kind_of_row<'a>(cells: &mut [(Column, Leaf<'a>)]) -> Result<Vec<Leaf<'a>>, (Rule, Leaf<'a>)> {
    let cell = |wanted| cells.iter().find(|(column, _)| *column == wanted).map(|(_, leaf)| *leaf);
    let no = |text: &str| matches!(text.trim().to_ascii_lowercase().as_str(), "no" | "0" | "false" | "n");
    let (event, control) = (cell(Column::Event), cell(Column::Control));
    if let Some(control) = control.filter(|c| !no(c.text)) {
        return Err((rules::CONTROL, control));
    }
    let decided: Vec<_> =
        [event, control, cell(Column::Zone), cell(Column::Unit)].into_iter().flatten().collect();
    // The words of Dexcom's Clarity: what the sensor estimated, and what the person put in from a drop of blood.
    match event.map(|e| (e, e.text.trim().to_ascii_lowercase())) {
        Some((_, kind)) if kind == "egv" => {
            for (column, _) in cells.iter_mut() {
                if let Column::Reading(kind @ Kind::Glucose, _) = column {
                    *kind = Kind::SensorGlucose;
                }
            }
        }
        Some((_, kind)) if kind == "calibration" => {}
        Some((event, _)) => return Err((rules::KIND_UNKNOWN, event)),
        None => {}
    }
    Ok(decided)
}

/// Rows above the heading: a cell that says `NHS number`, and the number beside it.
fn preamble<'a>(c: &mut Composer<'_>, above: &'a [Vec<Cell<'a>>]) -> Option<Leaf<'a>> {
    let mut owner = None;
    for (row, number) in above.iter().zip(1u32..) {
        let mut named = false;
        for cell in row {
            let id = c.ledger.add(Place::Cell { row: number, column: cell.column }, cell.span);
            let label = columns::column(causeway_adapter::table::bare(&cell.text)) == Some(Column::NhsNumber);
            if label {
                c.claim(id, Outcome::Mapped, "");
            } else if named && owner.is_none() {
                owner = Some(Leaf { text: &cell.text, id });
            }
            named = label;
        }
    }
    owner
}

type Refused<'a> = (Rule, Option<Leaf<'a>>);

fn person<'a>(
    cells: &[(Column, Leaf<'a>)],
    owner: Option<Leaf<'a>>,
) -> Result<(NhsNumber, Leaf<'a>), Refused<'a>> {
    let own = cells.iter().find(|(column, _)| *column == Column::NhsNumber).map(|(_, leaf)| *leaf);
    let leaf = own.or(owner).ok_or((rules::PERSON_ABSENT, None))?;
    match NhsNumber::parse(leaf.text) {
        Ok(number) => Ok((number, leaf)),
        Err(_) => Err((rules::PERSON_INVALID, Some(leaf))),
    }
}

/// When: one cell, or a date and a time; the items that say it. What can't be told for certain is refused, not guessed.
fn moment<'a>(
    cells: &[(Column, Leaf<'a>)],
    exchanged: bool,
    zone: &TimeZone,
) -> Result<(When, Vec<u32>), Refused<'a>> {
    let day = |is: fn(Column) -> Option<(Order, bool)>| {
        cells.iter().find_map(|(column, leaf)| Some((is(*column)?, *leaf)))
    };
    let moment = day(|column| match column {
        Column::Moment(order) => Some((order, true)),
        _ => None,
    });
    let date = || {
        day(|column| match column {
            Column::Date(order) => Some((order, false)),
            _ => None,
        })
    };
    let ((order, whole), day) = moment.or_else(date).ok_or((rules::TIME_ABSENT, None))?;
    let cell = |wanted| cells.iter().find(|(column, _)| *column == wanted).map(|(_, leaf)| *leaf);
    let time = cell(Column::Time).filter(|_| !whole);
    let own = match cell(Column::Zone) {
        Some(said) => Some(moment::zone(said.text).ok_or((rules::ZONE, Some(said)))?),
        None => None,
    };
    let zone = own.as_ref().unwrap_or(zone);
    let when = moment::read(day.text, time.map(|t| t.text), order, exchanged, zone);
    let when = when.map_err(|why| match why {
        moment::Unread::NoTime => (rules::TIME_INVALID, Some(day)),
        moment::Unread::EitherOrder => (rules::TIME_ORDER, Some(day)),
    })?;
    Ok((when, std::iter::once(day.id).chain(time.map(|t| t.id)).collect()))
}
