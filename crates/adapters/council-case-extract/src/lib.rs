#![doc = include_str!("../README.md")]

use causeway_adapter::{
    Adapter, Composer, Confidence, Context, Detection, Format, Sector, Sink, Telling, table,
};
use causeway_core::{Issue, Outcome};

mod events;
mod extract;
pub mod limits;
mod person;
mod records;
pub mod rules;
mod tables;

use extract::Extract;
use tables::Table;

/// The adapter for extracts of a council's case-management system.
#[derive(Clone, Copy, Debug, Default)]
pub struct CouncilCaseExtract;

/// The format.
pub const FORMAT: Format = Format {
    name: "council-case-extract",
    title: "Council case-management extract",
    summary: "Tables of a council's case-management system: people, addresses, visits, notes, relationships.",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["Mosaic-shaped tables"],
    media_types: &["text/csv"],
    extensions: &["csv"],
};

impl Adapter for CouncilCaseExtract {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let head = input.get(..limits::HEAD_BYTES.min(input.len())).unwrap_or_default();
        if causeway_adapter::head::is_no_table(head) {
            return Detection::no();
        }
        let records = records::read(head);
        let first = records.iter().find(|record| !record.is_blank());
        match first.map(|record| tables::heading(record, 1, &|_, _| false)) {
            Some(Ok(Some(heading))) => Detection::is(Confidence::Certain, heading.table.name()),
            // What is such an extract but for its shape is told what is wrong with it.
            Some(Err(_)) => Detection::is(Confidence::Possible, ""),
            _ if table::hint(head, tables::names_a_column, tables::HEADING_CELLS).is_some() => {
                Detection::is(Confidence::Possible, "")
            }
            _ => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut records = records::read(input);
        let mut c = Composer::new(self.name(), context);
        let head = input.get(..limits::HEAD_BYTES.min(input.len())).unwrap_or_default();
        let rows = extract::rows(&mut c, head, &mut records)?;
        let extract = Extract::join(&mut c, rows);
        let mut written = 0;
        for person in extract.people.iter().filter(|person| person.refused.is_none()) {
            let Some(row) = extract.rows.get(person.row) else { continue };
            c.begin(row.text("person_id"));
            if let Some(patient) = person::write(&mut c, &extract, person) {
                for row in person.rows.iter().filter_map(|at| extract.rows.get(*at)) {
                    match row.table {
                        Table::Visits => events::visit(&mut c, &extract, row, &patient),
                        Table::Notes => events::note(&mut c, &extract, row, &patient),
                        Table::Relationships => events::relationship(&mut c, &extract, row, &patient),
                        _ => {}
                    }
                }
            }
            for row in std::iter::once(row).chain(person.rows.iter().filter_map(|at| extract.rows.get(*at))) {
                row.own().for_each(|leaf| c.offer(leaf));
            }
            written += usize::from(c.end(format!("person {}", written + 1), "record", None));
            c.hand_over(sink);
        }
        let all = 0..c.ledger.next_id();
        c.ledger.claim_rest(
            all,
            Outcome::Unsupported,
            "no place was found for this cell, or nothing published names it",
        );
        c.flush(sink);
        Ok(())
    }
}
