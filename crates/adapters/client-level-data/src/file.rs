//! The state of one file's translation, and how cells are read: text, value sets, dates, numbers.

use std::ops::Range;
use std::sync::Arc;

use causeway_adapter::Composer;
use causeway_core::{ItemId, Leaf, Outcome, Outline, Place, Position, Span, When};
use causeway_fhir::{Coding, Writer, types};
use causeway_terminology::{Relationship, Target};

use crate::census::{Census, OTHER_VALUE};
use crate::columns::{Column, Heading};
use crate::dates::{self, Form};
use crate::rules::{self, Rule};
use crate::values::{Codes, Found, Releases};

/// What becomes of a cell, with the reason where there must be one.
pub type Fate = (Outcome, &'static str);

/// It reaches the output.
pub const MAPPED: Fate = (Outcome::Mapped, "");

/// Names of the places of a file; a place beyond the heading stands for the whole row.
#[derive(Debug)]
pub struct Names(pub Vec<String>);

impl Outline for Names {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Cell { row, column } => Some(match self.0.get(usize::from(column)) {
                Some(heading) => format!("row {row}, {heading}"),
                None if column == WHOLE_ROW => format!("row {row}"),
                None => format!("row {row}, column {}", usize::from(column) + 1),
            }),
            _ => None,
        }
    }
}

/// Column number that stands for a whole row.
pub const WHOLE_ROW: u16 = u16::MAX;

/// One row: its cells by column, blanks cut off, words for "no value" left out.
#[derive(Debug)]
pub struct Row<'a> {
    /// Number as a person counts it; the heading is 1.
    pub number: u32,
    /// Its bytes.
    pub span: Span,
    /// Its items.
    pub items: Range<ItemId>,
    /// Its cells.
    pub cells: [Option<Leaf<'a>>; Column::COUNT],
}

impl<'a> Row<'a> {
    /// The cell of a column, where it holds something.
    pub fn cell(&self, column: Column) -> Option<Leaf<'a>> {
        self.cells.get(column as usize).copied().flatten()
    }
}

/// A cell that was looked up in a value set.
#[derive(Clone, Copy, Debug)]
pub struct Coded<'a> {
    /// The cell.
    pub leaf: Leaf<'a>,
    /// What it means; `None` where its words are all there is.
    pub target: Option<&'static Target>,
    /// Number of the meaning within its set, [`OTHER_VALUE`] where it is not in it.
    pub index: u8,
}

impl<'a> Coded<'a> {
    /// The code, or the words.
    pub fn key(&self) -> &'a str {
        self.target.map_or(self.leaf.text, |target| target.code)
    }

    /// Whether the value has this code.
    pub fn is(&self, code: &str) -> bool {
        self.target.is_some_and(|target| target.code == code)
    }

    /// Writes the content of a `CodeableConcept`: the coding, and the source's words where the coding says
    /// less than they do or is absent. `words` are other words of the source that belong to it.
    pub fn body(&self, w: &mut Writer, words: Option<Leaf<'_>>) {
        let Some(target) = self.target else {
            w.leaf("text", self.leaf);
            return;
        };
        w.array("coding", |w| {
            w.element(|w| Coding::new(target.system, target.code, target.display).body(w, self.leaf));
        });
        match words {
            Some(words) => w.leaf("text", words),
            None if target.relationship != Relationship::Equivalent => w.leaf("text", self.leaf),
            None => {}
        }
    }

    /// Writes a `CodeableConcept` under a key.
    pub fn concept(&self, w: &mut Writer, key: &str) {
        w.object(key, |w| self.body(w, None));
    }

    /// Writes an extension with it.
    pub fn extension(&self, w: &mut Writer, url: &str) {
        types::extension(w, url, |w| self.concept(w, "valueCodeableConcept"));
    }
}

/// A date cell that was read.
#[derive(Clone, Copy, Debug)]
pub struct DateCell<'a> {
    /// The cell.
    pub leaf: Leaf<'a>,
    /// The day; `None` where it is not translated.
    pub day: Option<When>,
    /// What becomes of the cell.
    pub fate: Fate,
}

/// The translation of one file.
pub struct File<'c> {
    /// Writes the bundles and keeps the account.
    pub c: Composer<'c>,
    /// Which column stands where.
    pub heading: Heading,
    /// Names of the places.
    pub names: Arc<dyn Outline>,
    /// Memory across rows.
    pub census: Census,
    release: Option<Releases>,
    declared: bool,
    mixed_told: u64,
    date_form: Option<Form>,
    date_mixed_told: bool,
    charset_told: bool,
    point_zero_told: bool,
    /// Day of receipt.
    pub today: Option<When>,
}

impl<'c> File<'c> {
    /// A file whose heading was read. The options `cld-release-1` and `cld-release-2` declare its release.
    pub fn new(mut c: Composer<'c>, mut heading: Heading) -> Self {
        let names: Arc<dyn Outline> = Arc::new(Names(std::mem::take(&mut heading.names)));
        c.ledger.set_outline(names.clone());
        let declared = if c.context.enabled("cld-release-1") {
            Some(Releases::One)
        } else if c.context.enabled("cld-release-2") {
            Some(Releases::Two)
        } else {
            None
        };
        let received = c.context.zone.to_datetime(c.context.received).date();
        let today = When::day(received.year(), received.month() as u8, received.day() as u8).ok();
        for issue in heading.issues.drain(..) {
            c.issue(issue.at(Position::new("the heading", Span::default())));
        }
        Self {
            c,
            heading,
            names,
            census: Census::default(),
            release: declared,
            declared: declared.is_some(),
            mixed_told: 0,
            date_form: None,
            date_mixed_told: false,
            charset_told: false,
            point_zero_told: false,
            today,
        }
    }

    /// Tells a breach at a cell, or where the cell would stand.
    pub fn tell(&mut self, row: &Row<'_>, column: Column, rule: &Rule) {
        match row.cell(column) {
            Some(leaf) => self.c.issue_at(leaf.id, rule.issue()),
            None => {
                let place = self.heading.at(column).map_or(
                    Place::Cell { row: row.number, column: WHOLE_ROW },
                    |column| Place::Cell { row: row.number, column },
                );
                self.tell_at(place, row.span, rule);
            }
        }
    }

    /// Tells a breach at a place.
    pub fn tell_at(&mut self, place: Place, span: Span, rule: &Rule) {
        let position = Position::new(place.render(Some(&self.names)), span);
        self.c.issue(rule.issue().at(position));
    }

    /// Tells that a mandatory cell is blank.
    pub fn demand(&mut self, row: &Row<'_>, column: Column) {
        if row.cell(column).is_none() && self.heading.at(column).is_some() {
            self.tell(row, column, &rules::MANDATORY);
        }
    }

    /// Tells once for each file that bytes had to be read as Windows-1252.
    pub fn tell_charset(&mut self, row: u32, span: Span) {
        if !std::mem::replace(&mut self.charset_told, true) {
            self.tell_at(Place::Cell { row, column: WHOLE_ROW }, span, &rules::CHARSET);
        }
    }

    /// Tells once for each file that whole numbers are written as decimals.
    pub fn tell_point_zero(&mut self, item: ItemId) {
        if !std::mem::replace(&mut self.point_zero_told, true) {
            self.c.issue_at(item, rules::POINT_ZERO.issue());
        }
    }

    /// Source bytes of an item of the batch at hand.
    pub fn span_of(&self, item: ItemId) -> Span {
        self.c.ledger.items().get(item as usize).map_or(Span::default(), |item| item.span)
    }

    /// Claims a fate for a cell.
    pub fn claim(&mut self, leaf: Option<Leaf<'_>>, fate: Fate) {
        self.c.claim(leaf, fate.0, fate.1);
    }

    /// Looks a cell up in a value set and tells what is wrong with it.
    pub fn coded<'a>(&mut self, row: &Row<'a>, column: Column, codes: &'static Codes) -> Option<Coded<'a>> {
        let leaf = row.cell(column)?;
        let value = match codes.find(leaf.text) {
            Found::Exact(value) => {
                if value.releases != Releases::Both {
                    self.note_release(row, column, value.releases);
                }
                value
            }
            Found::CaseOnly(value) => {
                self.tell(row, column, &rules::CASE_ONLY);
                value
            }
            Found::Unknown => {
                self.tell(row, column, &rules::VALUE_UNKNOWN);
                return Some(Coded { leaf, target: None, index: OTHER_VALUE });
            }
        };
        if value.target.is_none() {
            self.tell(row, column, &rules::VALUE_UNKNOWN);
        }
        Some(Coded { leaf, target: value.target, index: value.index })
    }

    fn note_release(&mut self, row: &Row<'_>, column: Column, releases: Releases) {
        match self.release {
            None => self.release = Some(releases),
            Some(release) if release == releases => {}
            Some(_) if self.declared => {
                let one = releases == Releases::One;
                self.tell(row, column, if one { &rules::RELEASE_1_VALUE } else { &rules::RELEASE_2_VALUE });
            }
            Some(_) => {
                let bit = 1u64 << (column as u64);
                if self.mixed_told & bit == 0 {
                    self.mixed_told |= bit;
                    self.tell(row, column, &rules::RELEASE_MIXED);
                }
            }
        }
    }

    /// Reads a date cell and tells what is wrong with it.
    pub fn date<'a>(&mut self, row: &Row<'a>, column: Column) -> Option<DateCell<'a>> {
        let leaf = row.cell(column)?;
        let Ok(dated) = dates::read(leaf.text) else {
            self.tell(row, column, &rules::DATE_INVALID);
            return Some(DateCell { leaf, day: None, fate: (Outcome::Rejected, "no valid date") });
        };
        if dated.day.ymd() == (1900, 1, 1) {
            self.tell(row, column, &rules::DATE_FILLER);
            let fate = (Outcome::Withheld, "1 January 1900 stands for no date");
            return Some(DateCell { leaf, day: None, fate });
        }
        if dated.form == Form::Serial {
            self.tell(row, column, &rules::DATE_SERIAL);
        } else if *self.date_form.get_or_insert(dated.form) != dated.form && !self.date_mixed_told {
            self.date_mixed_told = true;
            self.tell(row, column, &rules::DATE_MIXED);
        }
        let mut fate = MAPPED;
        if dated.timed {
            self.tell(row, column, &rules::DATE_TIMED);
            fate = (Outcome::MappedWithLoss, "the time of day was not carried");
        }
        Some(DateCell { leaf, day: Some(dated.day), fate })
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("census", &self.census.len()).finish()
    }
}

/// Whether a text stands for "no value". `Null` and `NA` are also surnames, so only the capitals that database
/// exports write count, and spreadsheets' error words.
pub fn is_null(text: &str) -> bool {
    matches!(text, "NULL" | "N/A" | "n/a" | "#N/A" | "NaN" | "(null)" | "<NULL>")
}
