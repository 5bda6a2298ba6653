//! A small population through everything; the example `population` does it with thousands.

use causeway_record::Record;
use causeway_synth::formats::{gp2gp, telecare_alarm};
use causeway_synth::{Message, edith};
use causeway_tests::population::{Run, context};
use jiff::civil::date;

/// People of the test.
const PEOPLE: usize = 60;
/// Formats that the generator prints.
const FORMATS: usize = 16;

#[test]
fn every_persons_sources_join_and_every_defect_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let run = Run::of(7, PEOPLE, &record);
    assert_eq!(run.fault_count, 0, "{}", run.summary());
    assert_eq!(run.formats.len(), FORMATS, "{}", run.summary());
    assert_eq!(run.defects, causeway_synth::defects::all().len() as u64, "{}", run.summary());
    assert!(run.warnings.is_empty(), "a right message causes a warning\n{}", run.summary());
    assert!(run.grouped > 0, "{}", run.summary());
}

fn translate(message: &Message) -> causeway_adapter::Translation {
    let adapter = causeway::ADAPTERS.iter().find(|a| a.name() == message.format).expect("an adapter");
    causeway_adapter::translate(*adapter, &message.bytes, &context(message))
}

#[test]
fn gp_extracts_have_the_size_that_is_asked_for() {
    let (person, journey) = edith();
    for bytes in [100_000, 1_000_000] {
        let message = gp2gp::extract(&person, &journey, date(2026, 11, 21).at(11, 20, 0, 0), bytes);
        assert!((bytes..bytes + 10_000).contains(&message.bytes.len()), "{}", message.bytes.len());
        let translation = translate(&message);
        assert!(translation.issues.is_empty() && translation.outputs.len() == 1);
    }
}

#[test]
fn a_day_of_heartbeats_is_answered_and_goes_nowhere() {
    let (person, _) = edith();
    let beats = telecare_alarm::heartbeats(&person, date(2026, 9, 14));
    assert_eq!(beats.len(), 24);
    for beat in beats {
        let translation = translate(&beat);
        assert!(translation.outputs.is_empty() && translation.issues.is_empty());
        assert!(translation.acknowledgement.is_some_and(|a| a.positive));
    }
}
