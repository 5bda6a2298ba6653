//! The tables of an extract: their columns, and how a heading row is told from data.

use std::ops::Range;

use causeway_core::{Issue, IssueCode, ItemId, Leaf, Outline, Place, Severity};

use causeway_adapter::table::bare;

use crate::records::Record;

/// A table of the extract. Source: table and column names as a London council's production code reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `dm_persons`
    Persons,
    /// `dm_addresses`
    Addresses,
    /// `dm_telephone_numbers`
    Telephones,
    /// `dm_visits`
    Visits,
    /// `case_notes`
    Notes,
    /// `workers`
    Workers,
    /// `dm_personal_relationships`, with the description and category of its type beside it
    Relationships,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 7] = [
        Table::Persons,
        Table::Addresses,
        Table::Telephones,
        Table::Visits,
        Table::Notes,
        Table::Workers,
        Table::Relationships,
    ];

    /// Name of the table in the council's database.
    pub fn name(self) -> &'static str {
        match self {
            Table::Persons => "dm_persons",
            Table::Addresses => "dm_addresses",
            Table::Telephones => "dm_telephone_numbers",
            Table::Visits => "dm_visits",
            Table::Notes => "case_notes",
            Table::Workers => "workers",
            Table::Relationships => "dm_personal_relationships",
        }
    }

    /// Its columns; the first ones, as many as [`Table::needed`] says, can't be missed.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Persons => &[
                "person_id",
                "context_flag",
                "restricted",
                "full_name",
                "title",
                "first_name",
                "last_name",
                "nhs_id",
                "date_of_birth",
                "gender",
                "nationality",
                "email_address",
                "person_id_legacy",
            ],
            Table::Addresses => &[
                "ref_addresses_people_id",
                "person_id",
                "ref_address_id",
                "end_date",
                "is_contact_address",
                "is_display_address",
                "address",
                "post_code",
                "unique_id",
            ],
            Table::Telephones => {
                &["telephone_number_id", "person_id", "telephone_number", "telephone_number_type"]
            }
            Table::Visits => &[
                "visit_id",
                "person_id",
                "visit_type",
                "planned_datetime",
                "actual_datetime",
                "reason_not_planned",
                "reason_visit_not_made",
                "seen_alone_flag",
                "completed_flag",
                "org_id",
                "worker_id",
                "cp_registration_id",
                "cp_visit_schedule_step_id",
                "cp_visit_schedule_days",
                "cp_visit_on_time",
            ],
            Table::Notes => &[
                "id",
                "person_id",
                "note_type",
                "title",
                "created_on",
                "created_by",
                "last_updated_by",
                "note",
            ],
            Table::Workers => &[
                "id",
                "system_user_id",
                "first_names",
                "last_names",
                "email_address",
                "accessible",
                "context_code",
            ],
            Table::Relationships => &[
                "personal_relationship_id",
                "person_id",
                "other_person_id",
                "description",
                "family_category",
            ],
        }
    }

    /// The column of its own id.
    pub fn key(self) -> &'static str {
        match self {
            Table::Persons => "person_id",
            Table::Addresses => "ref_addresses_people_id",
            Table::Telephones => "telephone_number_id",
            Table::Visits => "visit_id",
            Table::Notes | Table::Workers => "id",
            Table::Relationships => "personal_relationship_id",
        }
    }

    /// How many of its columns can't be missed: they tell the table.
    fn needed(self) -> usize {
        match self {
            Table::Persons | Table::Notes | Table::Relationships => 3,
            Table::Addresses | Table::Telephones | Table::Visits | Table::Workers => 2,
        }
    }
}

/// A heading row that was understood: the table, and the column at each place.
#[derive(Debug)]
pub struct Heading {
    /// The table.
    pub table: Table,
    /// Number of the heading row.
    pub row: u32,
    /// Column at each place, by its number in [`Table::columns`]; [`OWN`] where it is one of the site's own.
    pub places: Vec<u16>,
    /// The site's own columns: place and name.
    pub own: Vec<(usize, String)>,
}

/// The number of a column that no table has, and a local map names.
pub const OWN: u16 = u16::MAX;

/// Whether a local map names a column of a table.
pub type Named<'n> = &'n dyn Fn(Table, &str) -> bool;

/// How many cells that name columns make a row a heading: a value such as "title" alone makes none.
pub const HEADING_CELLS: usize = 2;

/// Whether a cell names a column of any table.
pub fn names_a_column(text: &str) -> bool {
    if text.len() > 64 {
        return false;
    }
    let name = bare(text).to_ascii_lowercase();
    Table::ALL.into_iter().any(|table| table.columns().contains(&name.as_str()))
}

/// Whether a record is meant as a heading.
fn is_heading(record: &Record<'_>) -> bool {
    let known = record.cells.iter().filter(|cell| names_a_column(&cell.text));
    known.take(HEADING_CELLS).count() == HEADING_CELLS
}

/// Reads a heading row; `None` where the record is none.
///
/// # Errors
/// A fatal issue where a column is not known (`named`: nor of the site's own) or occurs twice, or a column that can't be missed is missing: with
/// a heading in doubt, nobody knows what the cells below it are.
pub fn heading(record: &Record<'_>, row: u32, named: Named<'_>) -> Result<Option<Heading>, Issue> {
    if record.broken || !is_heading(record) {
        return Ok(None);
    }
    // A spreadsheet makes all rows as wide as the widest: blank cells at the end name no column.
    let named_cells =
        || record.cells.iter().map(|cell| (cell, bare(&cell.text))).filter(|(_, name)| !name.is_empty());
    let width = named_cells().next_back().map_or(0, |(cell, _)| usize::from(cell.column) + 1);
    let mut names = vec![String::new(); width];
    for (cell, name) in named_cells() {
        if let Some(place) = names.get_mut(usize::from(cell.column)) {
            *place = name.to_ascii_lowercase();
        }
    }
    let has = |column: &&str| names.iter().any(|name| name == column);
    let unclear =
        |text: String| Err(Issue::new(Severity::Fatal, IssueCode::Structure, "heading-unclear", text));
    let found = Table::ALL.into_iter().find(|table| table.columns().iter().take(table.needed()).all(&has));
    let Some(table) = found else {
        return unclear(format!("the heading in row {row} lacks a column that tells which table it is"));
    };
    let mut places = Vec::new();
    let mut own: Vec<(usize, String)> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        match (0..).zip(table.columns()).find(|(_, column)| *column == name).map(|(number, _)| number) {
            Some(column) if !places.contains(&column) => places.push(column),
            None if named(table, name) && !own.iter().any(|(_, other)| other == name) => {
                places.push(OWN);
                own.push((place, name.clone()));
            }
            _ => {
                return unclear(format!(
                    "the heading of {} in row {row} has a column that is not known or occurs twice",
                    table.name()
                ));
            }
        }
    }
    Ok(Some(Heading { table, row, places, own }))
}

/// One row of a table.
#[derive(Debug)]
pub struct Row<'a> {
    /// Its table.
    pub table: Table,
    /// Its items.
    pub items: Range<ItemId>,
    /// Its first item.
    pub first: ItemId,
    /// How many rows of its table before it have the same person and key.
    pub repeats: u32,
    cells: Vec<Value<'a>>,
}

/// What a cell of a row says.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its item.
    pub id: ItemId,
    /// Its column, by its number in [`Table::columns`]; [`OWN`] where it is one of the site's own.
    pub column: u16,
}

impl<'a> Value<'a> {
    fn leaf(&self) -> Leaf<'a> {
        Leaf { text: self.text, id: self.id }
    }
}

impl<'a> Row<'a> {
    /// A row with its cells by column number.
    pub fn new(table: Table, items: Range<ItemId>, cells: Vec<Value<'a>>) -> Self {
        Self { table, first: items.start, items, repeats: 0, cells }
    }

    /// The cell of a column, where it holds something.
    pub fn cell(&self, name: &str) -> Option<Leaf<'a>> {
        let column = self.table.columns().iter().position(|column| *column == name)?;
        self.cells.iter().find(|value| usize::from(value.column) == column).map(Value::leaf)
    }

    /// Cells of the site's own columns.
    pub fn own(&self) -> impl Iterator<Item = Leaf<'a>> {
        self.cells.iter().filter(|value| value.column == OWN).map(Value::leaf)
    }

    /// The text of a column, empty where it holds nothing.
    pub fn text(&self, name: &str) -> &'a str {
        self.cell(name).map_or("", |leaf| leaf.text)
    }

    /// Its key in the source: person and id, with a number where the source gives one id twice.
    pub fn key(&self) -> String {
        let mut key = format!("{}/{}", self.text("person_id"), self.text(self.table.key()));
        if self.repeats > 0 {
            key.push_str(&format!("|{}", self.repeats));
        }
        key
    }

    /// The item to point at for a column: its cell, or the row's first.
    pub fn at(&self, name: &str) -> ItemId {
        self.cell(name).map_or(self.first, |leaf| leaf.id)
    }
}

/// Names of the places of an extract.
#[derive(Debug)]
pub struct Names(pub Vec<Heading>);

impl Outline for Names {
    fn name(&self, place: Place) -> Option<String> {
        let Place::Cell { row, column } = place else { return None };
        let before = self.0.partition_point(|heading| heading.row <= row);
        let heading = before.checked_sub(1).and_then(|at| self.0.get(at));
        Some(match heading {
            None => format!("row {row}"),
            Some(heading) => {
                let table = heading.table;
                let place = usize::from(column);
                let own = || heading.own.iter().find(|(at, _)| *at == place).map(|(_, name)| name.as_str());
                let known =
                    heading.places.get(place).and_then(|c| table.columns().get(usize::from(*c))).copied();
                match known.or_else(own) {
                    Some(name) => format!("{} row {row}, {name}", table.name()),
                    None => format!("{} row {row}", table.name()),
                }
            }
        })
    }
}
