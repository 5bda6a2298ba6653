#![doc = include_str!("../README.md")]

mod about;
mod account;
mod ack;
mod administration;
mod appointment;
mod body;
mod care_team;
mod clinical;
mod codes;
mod datatypes;
mod document;
mod encode;
mod encounter;
mod env;
mod event;
mod family;
mod header;
mod immunization;
pub mod limits;
pub mod maps;
mod merge;
mod note;
mod observation;
mod orders;
mod patient;
mod people;
mod related;
mod report;
mod request;
pub mod rules;
mod specimen;
mod translate;
mod uk;
mod value;

use causeway_adapter::{
    Adapter, Confidence, Context, Detection, Encoded, Format, Rule, Sector, Sink, Telling,
};
use causeway_core::Issue;
use causeway_hl7v2::{Delimiters, Piece, pieces};
use causeway_terminology::Map;
use serde_json::Value;

/// HL7 version 2 as UK hospitals send it.
#[derive(Clone, Copy, Debug)]
pub struct Hl7v2;

/// The format.
pub const FORMAT: Format = Format {
    name: "hl7v2",
    title: "HL7 version 2",
    summary: "Hospital systems: admissions, transfers, discharges, appointments, results and documents",
    sector: Sector::Health,
    telling: Telling::Delta,
    versions: &["2.3", "2.3.1", "2.4", "2.5", "2.5.1"],
    media_types: &["application/hl7-v2", "x-application/hl7-v2+er7", "text/hl7v2"],
    extensions: &["hl7", "er7"],
};

impl Adapter for Hl7v2 {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        control_id(input)
    }

    fn detect(&self, input: &[u8]) -> Detection {
        let Some(first) = pieces(input).next() else { return Detection::no() };
        match first {
            Piece::Message(range) => {
                let bytes = input.get(range).unwrap_or_default();
                match Delimiters::read(bytes) {
                    Some(delimiters) => Detection::is(Confidence::Certain, version(bytes, &delimiters)),
                    None => Detection::is(Confidence::Possible, ""),
                }
            }
            Piece::Envelope(_) => Detection::is(Confidence::Certain, "batch"),
            Piece::Stray(_) => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        translate::input(self.name(), input, context, sink)
    }

    fn rules(&self) -> &'static [&'static [Rule]] {
        &[rules::ALL]
    }

    fn maps(&self) -> &'static [&'static Map] {
        maps::ALL
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }
}

/// BHS-11 or FHS-11 of a batch, else MSH-10 of the first message.
fn control_id(input: &[u8]) -> Option<String> {
    let bytes = |range: std::ops::Range<usize>| input.get(range).unwrap_or_default();
    let of = |line: &[u8], number: usize| {
        let line = line.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
        let separator = *line.get(3)?;
        // The separator is the first field, so a field's number is that of the pieces between separators, less one.
        line.split(|b| *b == separator).nth(number - 1).and_then(causeway_adapter::control_id::tidy)
    };
    pieces(input).take(3).find_map(|piece| match piece {
        Piece::Envelope(range) => of(bytes(range), 11),
        Piece::Message(range) => of(bytes(range), 10),
        Piece::Stray(_) => None,
    })
}

/// Version and type as MSH states them: `2.4 ADT^A01`.
fn version(bytes: &[u8], delimiters: &Delimiters) -> String {
    let line = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let field = |n: usize| line.split(|b| *b == delimiters.field).nth(n).unwrap_or_default();
    let words = |n: usize, parts: usize| {
        let part = |b: &[u8]| {
            b.iter()
                .filter(|b| b.is_ascii_alphanumeric() || **b == b'.')
                .take(8)
                .map(|b| char::from(*b))
                .collect::<String>()
        };
        field(n).split(|b| *b == delimiters.component).take(parts).map(part).collect::<Vec<_>>().join("^")
    };
    format!("{} {}", words(11, 1), words(8, 2)).trim().to_owned()
}
