#![doc = include_str!("../README.md")]

mod apple;
pub mod limits;
mod open_mhealth;
mod rules;
mod table;
mod write;

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::{Issue, Leaf, NhsNumber, Outcome, Place, When};
use jiff::tz::TimeZone;
use table::{Cell, Column};

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
        let source = text(input);
        let (separator, heading) = table::heading(&source).ok_or_else(|| rules::HEADING.issue())?;
        let rows = table::read(&source, separator);
        if rows.len() > limits::ROWS_MAX {
            return Err(rules::ROWS.with(&limits::ROWS_MAX.to_string()));
        }
        let mut c = Composer::new(self.name(), context);
        file(&mut c, &rows, heading);
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

/// The text: UTF-8, else each byte a character, so that places stay; a byte order mark is a blank.
fn text(input: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(input) {
        Ok(text) if text.starts_with('\u{feff}') => {
            Cow::Owned(format!("   {}", text.get(3..).unwrap_or_default()))
        }
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(input.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect()),
    }
}

fn file(c: &mut Composer<'_>, rows: &[Vec<Cell<'_>>], heading: usize) {
    let columns: Vec<Option<Column>> =
        rows.get(heading).into_iter().flatten().map(|cell| table::column(cell.text.trim())).collect();
    // A heading that is not known may be anything; one that the site's own tables name is a heading.
    let named: Vec<bool> =
        rows.get(heading).into_iter().flatten().map(|cell| c.is_named(cell.text.trim())).collect();
    let names: Vec<String> = rows
        .get(heading)
        .into_iter()
        .flatten()
        .zip(columns.iter().zip(&named))
        .map(|(cell, known)| match known {
            (Some(column), _) => column.words(),
            (None, true) => cell.text.trim(),
            (None, false) => "another column",
        })
        .map(str::to_owned)
        .collect();
    c.ledger.set_outline(Arc::new(names));
    let owner = preamble(c, rows.get(..heading).unwrap_or_default());
    for (cell, column) in rows.get(heading).into_iter().flatten().zip(0u16..) {
        if cell.text.trim().is_empty() {
            continue;
        }
        let id = c.ledger.add(Place::Cell { row: heading as u32 + 1, column }, cell.span);
        match columns.get(usize::from(column)).copied().flatten() {
            Some(_) => c.claim(id, Outcome::Mapped, ""),
            None if named.get(usize::from(column)) == Some(&true) => c.claim(id, Outcome::Structural, ""),
            None => c.issue_at(id, rules::COLUMN.issue()),
        }
    }
    let zone = c.context.zone.clone();
    let mut people: Vec<(NhsNumber, Leaf<'_>, Vec<write::Row<'_>>)> = Vec::new();
    let mut told = false;
    for (row, number) in rows.iter().zip(1u32..).skip(heading + 1) {
        let first = c.ledger.next_id();
        let mut cells: Vec<(Column, Leaf<'_>)> = Vec::new();
        let mut extra: Vec<Leaf<'_>> = Vec::new();
        for (cell, column) in row.iter().zip(0u16..) {
            if cell.text.trim().is_empty() {
                continue;
            }
            let id = c.ledger.add(Place::Cell { row: number, column }, cell.span);
            if let Some(found) = columns.get(usize::from(column)).copied().flatten() {
                cells.push((found, Leaf { text: &cell.text, id }));
            } else {
                extra.push(Leaf { text: &cell.text, id });
            }
        }
        let items = first..c.ledger.next_id();
        if !cells.iter().any(|(column, _)| table::reads(*column)) {
            continue;
        }
        let read = person(&cells, owner).and_then(|who| Ok((who, moment(&cells, &zone)?)));
        match read {
            Ok(((number, leaf), (when, moment))) => {
                let row = write::Row { cells, extra, when, moment };
                match people.iter_mut().find(|(n, ..)| *n == number) {
                    Some((_, _, rows)) => {
                        rows.push(row);
                        write::decided(c, (leaf.id != owner.map_or(u32::MAX, |o| o.id)).then_some(leaf));
                    }
                    None => people.push((number, leaf, vec![row])),
                }
            }
            Err((rule, about)) => {
                // A file that nobody owns is told once, not row by row.
                let once = rule == rules::PERSON_ABSENT;
                if !(once && told) {
                    c.issue_at(about.map_or(items.start, |l| l.id), rule.issue());
                }
                told |= once;
                c.ledger.overrule(items.clone(), Outcome::Rejected, "the row was refused");
                c.ledger.claim_rest(items, Outcome::Rejected, "the row was refused");
            }
        }
    }
    for (at, (number, leaf, rows)) in people.iter().enumerate() {
        c.begin(number.as_str());
        let patient = write::patient(c, *number, *leaf);
        for row in rows {
            write::row(c, number.as_str(), &patient, row);
            row.extra.iter().for_each(|leaf| c.offer(*leaf));
        }
        c.end(format!("person {}", at + 1), "readings", None);
    }
}

/// Rows above the heading: a cell that says `NHS number`, and the number beside it.
fn preamble<'a>(c: &mut Composer<'_>, rows: &'a [Vec<Cell<'a>>]) -> Option<Leaf<'a>> {
    let mut owner = None;
    for (row, number) in rows.iter().zip(1u32..) {
        let mut named = false;
        for (cell, column) in row.iter().zip(0u16..) {
            if cell.text.trim().is_empty() {
                continue;
            }
            let id = c.ledger.add(Place::Cell { row: number, column }, cell.span);
            let label = table::column(cell.text.trim()) == Some(Column::NhsNumber);
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

/// When: one cell, or a date and a time. British or ISO; another order of day and month is refused, not guessed.
fn moment<'a>(cells: &[(Column, Leaf<'a>)], zone: &TimeZone) -> Result<(When, Vec<u32>), Refused<'a>> {
    let cell = |wanted| cells.iter().find(|(column, _)| *column == wanted).map(|(_, leaf)| *leaf);
    let day = cell(Column::Moment).or_else(|| cell(Column::Date)).ok_or((rules::TIME_ABSENT, None))?;
    let time = cell(Column::Time).filter(|_| cell(Column::Moment).is_none());
    let text = match time {
        Some(time) => format!("{} {}", day.text.trim(), time.text.trim()),
        None => day.text.trim().to_owned(),
    };
    let iso = When::iso(&text.replacen(' ', "T", 1), zone);
    let when = iso.or_else(|_| When::british(&text, zone)).map_err(|_| (rules::TIME_INVALID, Some(day)))?;
    Ok((when, std::iter::once(day.id).chain(time.map(|t| t.id)).collect()))
}
