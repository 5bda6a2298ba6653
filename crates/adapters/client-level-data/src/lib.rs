#![doc = include_str!("../README.md")]

use std::io::Read;

use causeway_adapter::{Adapter, Confidence, Context, Detection, Format, Sector, Sink, Telling};
use causeway_core::Issue;
use causeway_terminology::Map;

mod alert;
mod census;
mod characteristics;
mod columns;
mod contact;
mod dates;
mod demographics;
mod event;
mod file;
mod group;
pub mod limits;
mod outputs;
mod person;
mod records;
pub mod rules;
mod service;
mod shift;
mod task;
pub mod terms;
mod translate;
pub mod values;

/// The adapter for Adult Social Care Client Level Data.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientLevelData;

/// The format.
pub const FORMAT: Format = Format {
    name: "client-level-data",
    title: "Adult Social Care Client Level Data",
    summary: "Councils send their requests, assessments, services and reviews of adults each quarter.",
    sector: Sector::SocialCare,
    telling: Telling::Event,
    versions: &["Release 1", "Release 2"],
    media_types: &["text/csv"],
    extensions: &["csv"],
};

impl Adapter for ClientLevelData {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn options(&self) -> &'static [&'static str] {
        &["cld-costs", "cld-release-1", "cld-release-2"]
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL]
    }

    fn detect(&self, input: &[u8]) -> Detection {
        detect(input)
    }

    fn translate(&self, mut input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        translate::stream(self.name(), &mut input, context, sink)
    }

    fn streams(&self) -> bool {
        true
    }

    fn stream(&self, input: &mut dyn Read, context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        translate::stream(self.name(), input, context, sink)
    }

    fn maps(&self) -> &'static [&'static Map] {
        values::ALL
    }
}

/// By the heading row, and the release by the first row.
fn detect(input: &[u8]) -> Detection {
    let mut head = input.get(..limits::RECORD_BYTES_MAX.min(input.len())).unwrap_or_default();
    if causeway_adapter::head::is_no_table(head) {
        return Detection::no();
    }
    let start = head;
    // What is client level data but for its shape, or for a column, is told what is wrong with it.
    let nearly = |cells: usize| {
        let hint = || causeway_adapter::table::hint(start, columns::names_a_column, columns::HEADING_CELLS);
        match cells >= columns::HEADING_CELLS || hint().is_some() {
            true => Detection::is(Confidence::Possible, ""),
            false => Detection::no(),
        }
    };
    let Ok(mut records) = records::Records::new(&mut head) else { return nearly(0) };
    if !matches!(records.advance(), Ok(records::Event::Record)) {
        return nearly(0);
    }
    let Ok(heading) = columns::Heading::read((0..records.len()).map(|cell| records.text(cell))) else {
        return nearly(
            (0..records.len()).filter(|cell| columns::names_a_column(records.text(*cell))).count(),
        );
    };
    let mut version = "";
    if matches!(records.advance(), Ok(records::Event::Record)) {
        let place = heading.at(columns::Column::ClientType).map(usize::from).unwrap_or_default();
        if let values::Found::Exact(value) = values::CLIENT_TYPE.find(records.text(place).trim()) {
            version = match value.releases {
                values::Releases::One => "Release 1",
                values::Releases::Two => "Release 2",
                values::Releases::Both => "",
            };
        }
    }
    Detection::is(Confidence::Certain, version)
}
