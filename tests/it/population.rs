//! A small population through everything; the example `population` does it with thousands.

use causeway_record::Record;
use causeway_tests::population::Run;

/// People of the test.
const PEOPLE: usize = 60;

#[test]
fn every_persons_sources_join_and_every_defect_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let run = Run::of(7, PEOPLE, &record);
    assert_eq!(run.fault_count, 0, "{}", run.summary());
    assert!(run.grouped > 0 && run.defects > 40, "{}", run.summary());
}
