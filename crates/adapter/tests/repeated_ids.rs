//! Records of one source that share an id stay apart, however many there are.
#![allow(missing_docs)]

use std::collections::HashSet;

use causeway_adapter::{Composer, Context, Sender};

/// So many that looking through all the ids given before, each time anew, would take minutes.
const RECORDS: usize = 20_000;

fn context() -> Context {
    let sender = Sender {
        system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        code: "ZZ901".to_owned(),
        name: String::new(),
    };
    Context::new(sender, jiff::Timestamp::UNIX_EPOCH, "urn:uuid:00000000-0000-5000-8000-000000000000")
}

#[test]
fn ten_thousands_of_records_with_one_id_are_written_in_linear_time() {
    let context = context();
    let mut c = Composer::new("test", &context);
    c.begin("bundle");
    let ids: HashSet<String> =
        (0..RECORDS).map(|_| c.resource("Observation", "same", |w| w.fixed("status", "final")).id).collect();
    assert_eq!(ids.len(), RECORDS);
}

#[test]
fn what_was_taken_back_gives_its_id_free() {
    let context = context();
    let mut c = Composer::new("test", &context);
    c.begin("bundle");
    let write = |c: &mut Composer<'_>| c.resource("Observation", "same", |w| w.fixed("status", "final")).id;
    write(&mut c);
    let before = c.checkpoint();
    let second = write(&mut c);
    c.undo_to(before);
    assert_eq!(write(&mut c), second);
}
