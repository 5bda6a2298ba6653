//! Apple Health's export: XML, mostly in a ZIP, read as a stream in bounded memory.
//!
//! An export lists the two parts of a blood pressure at the top level and once more within a Correlation; its own document
//! type says so. Each is taken once: parts at the top level wait for their Correlation, and what waits in vain is paired
//! by time and source.

mod archive;
mod pressure;
pub(crate) mod reading;

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use causeway_adapter::{Composer, Context, Sink};
use causeway_core::text::Decoded;
use causeway_core::{Issue, Leaf, NhsNumber, Outcome, Place, Span};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::limits::{
    ELEMENT_BYTES, EXPORT_BYTES, NESTED_MAX, PREAMBLE_BYTES, RECORDS_PER_BUNDLE, RECORDS_PER_FLUSH,
};
use crate::{columns, kinds, rules, table};
use archive::{Archive, ENTRY};
use pressure::Pressures;
use reading::Reading;

/// Attributes of an element, by the numbers of their columns in the account.
const COLUMNS: [&str; 10] = [
    "type",
    "sourceName",
    "sourceVersion",
    "device",
    "unit",
    "creationDate",
    "startDate",
    "endDate",
    "value",
    "text of the element",
];
const TYPE: u16 = 0;
const TEXT: u16 = 9;
/// Other attributes are numbered.
const OTHERS: u16 = 32;

/// What an input begins with, after a line that says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Zip,
    Xml,
}

/// Whether an input is an export: the line with the person's number, if there is one, and what follows it.
pub(crate) fn form(head: &[u8]) -> Option<Form> {
    let (_, rest) = line(head);
    if rest.starts_with(ENTRY) {
        let has = |what: &[u8]| rest.windows(what.len()).take(4096).any(|w| w == what);
        return (has(b"apple_health_export") || has(b"export.xml")).then_some(Form::Zip);
    }
    let start = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    let starts = start.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or_default();
    let start = start.get(starts..).unwrap_or_default();
    let has = |what: &[u8]| start.windows(what.len()).any(|w| w == what);
    (start.starts_with(b"<") && (has(b"<HealthData") || has(b"<!DOCTYPE HealthData"))).then_some(Form::Xml)
}

/// A first line of text, and what follows it.
pub(crate) fn line(head: &[u8]) -> (&[u8], &[u8]) {
    let text = head.get(..head.len().min(PREAMBLE_BYTES)).unwrap_or_default();
    let end = text.iter().position(|b| *b == b'\n');
    match end {
        Some(end) if !text.starts_with(b"<") && !text.starts_with(b"PK") => {
            (head.get(..=end).unwrap_or_default(), head.get(end + 1..).unwrap_or_default())
        }
        _ => (&[], head),
    }
}

/// Translates an export.
///
/// # Errors
/// Where it does not say whose it is, is no archive or XML, or is larger than an export may be.
pub(crate) fn stream(
    name: &'static str,
    input: &mut dyn Read,
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), Issue> {
    let mut input = BufReader::with_capacity(256 * 1024, input);
    let head = input.fill_buf().map_err(|_| causeway_adapter::common::INPUT_READ.issue())?;
    let first = line(head).0.to_vec();
    input.consume(first.len());
    let mut c = Composer::new(name, context);
    let names: Vec<String> = COLUMNS
        .iter()
        .map(|name| (*name).to_owned())
        .chain((1..=OTHERS).map(|n| format!("attribute {n}")))
        .collect();
    c.ledger.set_outline(Arc::new(names));
    let person = person(&mut c, &first)?;
    let mut run = Run {
        c,
        person,
        born: None,
        unread: None,
        sex: None,
        row: 1,
        open: 0,
        since: 0,
        bundles: 0,
        pressures: Pressures::default(),
        told: HashSet::new(),
    };
    let head = input.fill_buf().map_err(|_| causeway_adapter::common::INPUT_READ.issue())?;
    if !head.starts_with(ENTRY) {
        run.document(input, first.len() as u64, sink)?;
        run.finish(sink);
        return Ok(());
    }
    let mut archive = Archive::new(input);
    loop {
        let next = archive.next(|_, entry| {
            let mut entry = BufReader::with_capacity(256 * 1024, entry);
            let begins = entry.fill_buf().is_ok_and(|head| form(head) == Some(Form::Xml));
            begins.then(|| run.document(entry, 0, sink))
        });
        match next {
            Ok(Some(Some(done))) => {
                done?;
                run.finish(sink);
                return Ok(());
            }
            Ok(Some(None)) => {}
            Ok(None) => return Err(rules::EXPORT_ABSENT.issue()),
            Err(_) => return Err(rules::ARCHIVE_BROKEN.issue()),
        }
    }
}

/// The first line: a cell that says `NHS number`, and the number beside it.
pub(crate) fn person(c: &mut Composer<'_>, line: &[u8]) -> Result<NhsNumber, Issue> {
    let text = Decoded::utf8_or_windows_1252(line.trim_ascii_end());
    let table = table::read(&text, b',', 0);
    let mut number = None;
    let mut named = false;
    for cell in table.row(0) {
        let id = c.ledger.add(Place::Cell { row: 1, column: cell.column }, cell.span);
        c.claim(id, Outcome::Mapped, "");
        if named && number.is_none() {
            number = Some((cell.text.trim().to_owned(), id));
        }
        named = columns::column(cell.text.trim()) == Some(columns::Column::NhsNumber);
    }
    let Some((number, id)) = number else { return Err(rules::PERSON_ABSENT.issue()) };
    NhsNumber::parse(&number).map_err(|_| {
        let position = c.ledger.position(id);
        let mut issue = rules::PERSON_INVALID.issue();
        issue.position = position;
        issue
    })
}

/// A value of an element: its column, its text with entities resolved, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Value {
    column: u16,
    text: Box<str>,
    span: Span,
}

/// An element with its values.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    row: u32,
    values: Vec<Value>,
}

impl Record {
    fn get(&self, name: &str) -> &str {
        let column = COLUMNS.iter().position(|c| *c == name);
        let found = self.values.iter().find(|v| Some(usize::from(v.column)) == column);
        found.map_or("", |v| v.text.trim())
    }

    /// Enters its values into the account.
    fn enter(&self, c: &mut Composer<'_>) -> Vec<Leaf<'_>> {
        self.values
            .iter()
            .map(|v| Leaf {
                text: &v.text,
                id: c.ledger.add(Place::Cell { row: self.row, column: v.column }, v.span),
            })
            .collect()
    }

    fn leaf<'l>(&self, leaves: &[Leaf<'l>], name: &str) -> Option<Leaf<'l>> {
        let column = COLUMNS.iter().position(|c| *c == name)?;
        let at = self.values.iter().position(|v| usize::from(v.column) == column)?;
        leaves.get(at).copied().filter(|l| !l.is_blank())
    }
}

/// A source that gives no more than so many bytes until it is told to go on: one tag can't fill the memory.
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an element is too long"));
        }
        let left = self.left;
        self.inner.fill_buf().map(|bytes| bytes.get(..bytes.len().min(left)).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.left -= count.min(self.left);
        self.inner.consume(count);
    }
}

pub(super) struct Run<'c> {
    c: Composer<'c>,
    person: NhsNumber,
    born: Option<String>,
    /// What stands in the place of the date of birth and can't be one.
    unread: Option<String>,
    sex: Option<&'static str>,
    /// Number of the element, the first line being 1.
    row: u32,
    /// Readings in the open bundle; 0 where none is open.
    open: usize,
    /// Elements since the account was handed over.
    since: usize,
    bundles: usize,
    pressures: Pressures,
    /// Types of records that have no place, each told once.
    told: HashSet<String>,
}

impl Run<'_> {
    /// Reads the document. What breaks off is told, and what stood before it is kept.
    fn document(&mut self, source: impl BufRead, base: u64, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut reader = Reader::from_reader(Bounded { inner: source, left: ELEMENT_BYTES });
        let mut buffer = Vec::new();
        let mut nested: Option<(Record, Vec<Record>)> = None;
        let mut depth = 0usize;
        loop {
            buffer.clear();
            reader.get_mut().left = ELEMENT_BYTES;
            let before = base + reader.buffer_position();
            if before > EXPORT_BYTES {
                return Err(rules::EXPORT_LONG.with(&(EXPORT_BYTES >> 30).to_string()));
            }
            let event = match reader.read_event_into(&mut buffer) {
                Ok(event) => event,
                Err(_) => {
                    self.breaks_off(before);
                    break;
                }
            };
            match event {
                Event::Start(start) => {
                    depth += 1;
                    if start.name().as_ref() == "Correlation" && nested.is_none() && depth == 2 {
                        nested = self.record(&start, before).map(|record| (record, Vec::new()));
                    } else {
                        self.element(&start, before, &mut nested, depth);
                    }
                }
                Event::Empty(start) => self.element(&start, before, &mut nested, depth + 1),
                Event::End(end) => {
                    depth = depth.saturating_sub(1);
                    if end.name().as_ref() == "Correlation"
                        && depth == 1
                        && let Some((correlation, records)) = nested.take()
                    {
                        self.correlation(&correlation, records);
                    }
                }
                Event::Text(text) => {
                    let text: &str = &text;
                    if !text.bytes().all(|b| b.is_ascii_whitespace()) {
                        self.row += 1;
                        let span = span(before, text.len());
                        let id = self.c.ledger.add(Place::Cell { row: self.row, column: TEXT }, span);
                        self.c.claim(id, Outcome::Unsupported, "text beside the records");
                    }
                }
                Event::Eof => {
                    if depth > 0 {
                        self.breaks_off(before);
                    }
                    break;
                }
                // The document type lists elements and names no entity that is used.
                _ => {}
            }
            if self.since >= RECORDS_PER_FLUSH || self.open >= RECORDS_PER_BUNDLE {
                self.hand_over(sink);
            }
        }
        if let Some((correlation, records)) = nested.take() {
            self.correlation(&correlation, records);
        }
        Ok(())
    }

    fn breaks_off(&mut self, at: u64) {
        let id = self.c.ledger.add(Place::Cell { row: self.row + 1, column: TYPE }, span(at, 0));
        self.c.claim(id, Outcome::Rejected, "the export breaks off, or is no XML from here on");
        self.c.issue_at(id, rules::BREAKS_OFF.issue());
    }

    /// An element: a record that is a reading, one of a correlation, or something else.
    fn element(
        &mut self,
        start: &BytesStart<'_>,
        before: u64,
        nested: &mut Option<(Record, Vec<Record>)>,
        depth: usize,
    ) {
        let name = start.name();
        match name.as_ref() {
            "Me" => return self.me(start, before),
            "ExportDate" => return self.export_date(start, before),
            _ => {}
        }
        let kind = (name.as_ref() == "Record").then(|| attribute(start, "type")).flatten();
        if let (Some((_, records)), true) = (nested.as_mut(), kind.is_some())
            && records.len() < NESTED_MAX
        {
            if let Some(record) = self.record(start, before)
                && let Some((_, records)) = nested.as_mut()
            {
                records.push(record);
            }
            return;
        }
        let reading = kind.as_deref().and_then(kinds::kind).filter(|_| depth == 2);
        let Some(kind) = reading else {
            if let Some(kind) = kind {
                self.tell_once(&kind, start, before);
            }
            return self.unsupported(start, before);
        };
        let Some(record) = self.record(start, before) else { return };
        if matches!(kind, kinds::Kind::Systolic | kinds::Kind::Diastolic) {
            if let Some(full) = self.pressures.wait(record) {
                self.write_pressures(full);
            }
            return;
        }
        self.begin();
        match Reading::read(&record, kind, &self.c.context.zone) {
            Ok(reading) => reading.write(&mut self.c, self.person.as_str()),
            Err(rule) => self.refuse(&record, &rule),
        }
        self.open += 1;
    }

    /// The values of an element; `None`, and all of it rejected, where one of them can't be read.
    fn record(&mut self, start: &BytesStart<'_>, before: u64) -> Option<Record> {
        self.row += 1;
        self.since += 1;
        let content: &str = start;
        let mut record = Record { row: self.row, values: Vec::with_capacity(9) };
        let mut others = 0;
        let mut sound = true;
        for attribute in start.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                sound = false;
                break;
            };
            let column = column(attribute.key.as_ref(), &mut others);
            let raw: &str = &attribute.value;
            let at = offset(content, raw).unwrap_or_default() as u64;
            let text = quick_xml::escape::unescape(raw).ok();
            sound &= text.is_some();
            record.values.push(Value {
                column,
                text: text.unwrap_or_default().into(),
                span: span(before + 1 + at, raw.len()),
            });
        }
        if sound {
            return Some(record);
        }
        self.refuse(&record, &rules::ELEMENT_BROKEN);
        None
    }

    fn refuse(&mut self, record: &Record, rule: &causeway_adapter::Rule) {
        let ids: Vec<u32> = record.enter(&mut self.c).iter().map(|l| l.id).collect();
        if ids.is_empty() {
            let id = self.c.ledger.add(Place::Cell { row: record.row, column: TYPE }, Span::default());
            self.c.ledger.claim(id, Outcome::Rejected, "the record was refused");
        }
        for id in &ids {
            self.c.ledger.claim(*id, Outcome::Rejected, "the record was refused");
        }
        self.c.issue_at(ids.first().copied().unwrap_or_default(), rule.issue());
    }

    /// Enters an element that is no reading.
    fn unsupported(&mut self, start: &BytesStart<'_>, before: u64) {
        self.row += 1;
        self.since += 1;
        let content: &str = start;
        let mut others = 0;
        for attribute in start.attributes().with_checks(false).flatten() {
            let column = column(attribute.key.as_ref(), &mut others);
            let raw: &str = &attribute.value;
            if raw.bytes().all(|b| b.is_ascii_whitespace()) {
                continue;
            }
            let at = offset(content, raw).unwrap_or_default() as u64;
            let id =
                self.c.ledger.add(Place::Cell { row: self.row, column }, span(before + 1 + at, raw.len()));
            self.c.ledger.claim(
                id,
                Outcome::Unsupported,
                "no reading that is taken; kept only in the original",
            );
        }
    }

    /// Tells once of each type of record that has no place.
    fn tell_once(&mut self, kind: &str, start: &BytesStart<'_>, before: u64) {
        const TYPES_MAX: usize = 500;
        if self.told.len() >= TYPES_MAX || self.told.contains(kind) {
            return;
        }
        self.told.insert(kind.to_owned());
        // The item is entered with the element: its place is said beforehand.
        let mut issue = rules::KIND_UNKNOWN.issue();
        let content: &str = start;
        let path = format!("row {}, {}", self.row + 1, COLUMNS[usize::from(TYPE)]);
        issue.position = Some(causeway_core::Position::new(path, span(before, content.len())));
        self.c.issue(issue);
    }

    /// When the export was made: nothing is taken from it, and one that can't be is told, for its readings may be dated so too.
    fn export_date(&mut self, start: &BytesStart<'_>, before: u64) {
        let id = self.c.ledger.next_id();
        self.unsupported(start, before);
        let Some(text) = attribute(start, "value").filter(|text| !text.trim().is_empty()) else { return };
        let received = self.c.context.received.as_second();
        if reading::time(&text, &self.c.context.zone).is_none_or(|made| made.earliest() > received) {
            self.c.issue_at(id, rules::EXPORT_DATE.issue());
        }
    }

    /// The person's date of birth and sex.
    fn me(&mut self, start: &BytesStart<'_>, before: u64) {
        let born = attribute(start, "HKCharacteristicTypeIdentifierDateOfBirth");
        let sex = attribute(start, "HKCharacteristicTypeIdentifierBiologicalSex");
        let (row, first) = (self.row, self.c.ledger.next_id());
        self.unsupported(start, before);
        debug_assert!(self.row > row);
        let is_date = |text: &str| {
            causeway_core::When::iso(text, &self.c.context.zone).is_ok_and(|w| {
                w.precision() == causeway_core::Precision::Day
                    && w.earliest() <= self.c.context.received.as_second()
            })
        };
        if let Some(wrong) = born.as_deref().filter(|b| !b.trim().is_empty() && !is_date(b)) {
            let mut issue = rules::BIRTH.issue();
            let content: &str = start;
            let at = content.find(wrong).unwrap_or_default() as u64;
            let path = format!("row {}, date of birth", self.row);
            issue.position = Some(causeway_core::Position::new(path, span(before + 1 + at, wrong.len())));
            self.c.issue(issue);
        }
        let unread = born.clone().filter(|b| !b.trim().is_empty() && !is_date(b));
        let born = born.filter(|b| is_date(b));
        let sex = match sex.as_deref() {
            Some("HKBiologicalSexFemale") => Some("female"),
            Some("HKBiologicalSexMale") => Some("male"),
            Some("HKBiologicalSexOther") => Some("other"),
            _ => None,
        };
        let mut at = first;
        for attribute in start.attributes().with_checks(false).flatten() {
            if attribute.value.bytes().all(|b| b.is_ascii_whitespace()) {
                continue;
            }
            let taken = match attribute.key.as_ref() {
                "HKCharacteristicTypeIdentifierDateOfBirth" => born.is_some(),
                "HKCharacteristicTypeIdentifierBiologicalSex" => sex.is_some(),
                _ => false,
            };
            if taken {
                self.c.ledger.claim(at, Outcome::Mapped, "");
            } else if unread.is_some()
                && attribute.key.as_ref() == "HKCharacteristicTypeIdentifierDateOfBirth"
            {
                self.c.ledger.claim(
                    at,
                    Outcome::MappedWithLoss,
                    "no date that can be meant; its text was kept",
                );
            }
            at += 1;
        }
        self.born = born;
        self.unread = unread;
        self.sex = sex;
    }

    /// A correlation: a blood pressure takes its two parts, and their twins at the top level.
    fn correlation(&mut self, correlation: &Record, records: Vec<Record>) {
        let pressure = correlation.get("type") == "HKCorrelationTypeIdentifierBloodPressure";
        let kinds: Vec<Option<kinds::Kind>> = records.iter().map(|r| kinds::kind(r.get("type"))).collect();
        let is = |kind| kinds.iter().filter(|k| **k == Some(kind)).count() == 1;
        let same = |name: &str| records.first().map(|r| r.get(name)) == records.last().map(|r| r.get(name));
        let together = ["startDate", "endDate", "sourceName"].iter().all(|name| same(name));
        if pressure
            && records.len() == 2
            && together
            && is(kinds::Kind::Systolic)
            && is(kinds::Kind::Diastolic)
        {
            let taken = self.pressures.take(correlation, records);
            return self.write_pressures(vec![taken]);
        }
        // A pressure in a group that is no pair is a reading of its own, or says what one at the top level says.
        let mut others = vec![correlation.clone()];
        for (record, kind) in records.into_iter().zip(kinds) {
            if !matches!(kind, Some(kinds::Kind::Systolic | kinds::Kind::Diastolic)) {
                others.push(record);
            } else if let Some(full) = self.pressures.wait(record) {
                self.write_pressures(full);
            }
        }
        for record in &others {
            for leaf in record.enter(&mut self.c) {
                let why = "a group of records that is no reading; kept only in the original";
                self.c.ledger.claim(leaf.id, Outcome::Unsupported, why);
            }
        }
    }

    fn write_pressures(&mut self, found: Vec<pressure::Pressure>) {
        for pressure in found {
            self.begin();
            if let Err((rule, records)) = pressure.write(&mut self.c, self.person.as_str()) {
                records.iter().for_each(|record| self.refuse(record, &rule));
            }
            self.open += 1;
        }
    }

    /// Opens a bundle with the person, where none is open.
    fn begin(&mut self) {
        if self.open > 0 {
            return;
        }
        self.bundles += 1;
        self.c.begin(&format!("{}|export|{}", self.person.as_str(), self.bundles));
        reading::patient(&mut self.c, self.person, (self.born.as_deref(), self.unread.as_deref()), self.sex);
    }

    fn close(&mut self) {
        if self.open > 0 {
            self.c.end(format!("readings {}", self.bundles), "readings", None);
            self.open = 0;
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        // Handed over in parts, for there may be many of them.
        let mut left = self.pressures.rest();
        while !left.is_empty() {
            let some: Vec<_> = left.drain(..left.len().min(RECORDS_PER_BUNDLE)).collect();
            self.write_pressures(some);
            self.hand_over(sink);
        }
        self.hand_over(sink);
    }

    /// Hands over what is finished. What no reading took of a record says what another item says, or has no place.
    fn hand_over(&mut self, sink: &mut dyn Sink) {
        self.close();
        let all = 0..self.c.ledger.next_id();
        self.c.ledger.claim_rest(
            all,
            Outcome::Unsupported,
            "has no place beside the reading; kept only in the original",
        );
        self.c.flush(sink);
        self.since = 0;
    }
}

/// The value of an attribute as it stands.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut all = start.attributes();
    let found = all.with_checks(false).flatten().find(|a| a.key.as_ref() == name);
    found.map(|a| a.value.into_owned())
}

/// Where a part of a slice begins in it.
/// The column of an attribute; one without a name of its own is counted among the others of its element.
fn column(key: &str, others: &mut u16) -> u16 {
    COLUMNS.iter().position(|c| *c == key).map_or_else(
        || {
            *others = (*others + 1).min(OTHERS);
            COLUMNS.len() as u16 + *others - 1
        },
        |n| n as u16,
    )
}

fn offset(whole: &str, part: &str) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize).filter(|at| *at <= whole.len())
}

fn span(at: u64, length: usize) -> Span {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    Span::new(at, at.saturating_add(length))
}
