//! Facts against the generated truth set, a small part of it; `tests/long/truth_set.sh` takes 2,000 people.

use causeway_record::Record;
use causeway_tests::truth::Judged;

/// People of the test.
const PEOPLE: usize = 25;

#[test]
fn what_is_one_thing_is_joined_what_is_two_is_not_and_every_disagreement_is_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let record = Record::open(folder.path().join("record.sqlite")).expect("a record");
    let judged = Judged::of(7, PEOPLE, &record);
    assert_eq!(judged.formats.len(), 7, "{}", judged.summary());
    assert!(judged.holds(), "{}", judged.summary());
}
