//! Data of every earlier version of the tables are brought up to date by the program that opens them.

use crate::database::Database;
use causeway_exchange::engine::{Accepting, Contents, Operation, Queue};
use causeway_exchange::{Accept, Effects, IdempotencyKey, MessageId, NewMessage, NewWork, Payload, WorkKind};
use causeway_postgres::Postgres;
use jiff::Timestamp;
use postgres::Client;

/// What takes each version back to the one before, the newest first. A new version needs a line here.
const BACK: [&str; 5] = [
    "ALTER TABLE audit DROP COLUMN seal; ALTER TABLE meta DROP COLUMN audit_seal",
    "DROP INDEX event_record",
    "ALTER TABLE meta DROP COLUMN reign",
    "ALTER TABLE work DROP COLUMN tries",
    "DROP INDEX message_failed; DROP INDEX message_control; ALTER TABLE message DROP COLUMN control_id",
];

/// Columns and indexes, in words.
fn shape(client: &mut Client) -> Vec<String> {
    let sql = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(' ' || column_default, '')
        FROM information_schema.columns WHERE table_schema = 'public'
      UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1";
    client.query(sql, &[]).expect("read").iter().map(|row| row.get(0)).collect()
}

#[test]
fn data_of_every_earlier_version_are_brought_up_to_date() {
    let Some(place) = Database::new() else { return };
    let (id, now) = (MessageId::new("KEPT-1").expect("an id"), Timestamp::now());
    let engine = Postgres::open(place.options()).expect("opens");
    let effects = Effects { work: vec![NewWork::new(WorkKind::Translate, "")], ..Effects::default() };
    let accept = Accept {
        message: NewMessage::new(id.clone(), "ZZ901", "http"),
        payload: Payload::Bytes(b"kept".to_vec()),
        key: Some(IdempotencyKey { sender: "ZZ901".to_owned(), request_id: "1".to_owned() }),
        effects,
    };
    engine.accept(accept, now).expect("accepted");
    drop(engine);
    let mut client = place.client();
    let newest: i64 = client.query_one("SELECT schema_version FROM meta", &[]).expect("read").get(0);
    assert_eq!(newest, BACK.len() as i64 + 1, "the way back of each version is known");
    let whole = shape(&mut client);
    for steps in 1..=BACK.len() {
        for sql in BACK.iter().take(steps) {
            client.batch_execute(sql).expect("taken back");
        }
        let version = newest - steps as i64;
        client.execute("UPDATE meta SET schema_version = $1", &[&version]).expect("marked");
        assert_ne!(shape(&mut client), whole, "version {version}");
        let engine = Postgres::open(place.options()).unwrap_or_else(|e| panic!("version {version}: {e}"));
        assert_eq!(shape(&mut client), whole, "version {version}");
        assert_eq!(engine.content(&id, 100).expect("there").bytes, b"kept", "version {version}");
        let report = engine.verify().expect("verifies");
        assert!(report.is_clean() && report.messages == 1, "version {version}: {:?}", report.corrupt);
    }
    let engine = Postgres::open(place.options()).expect("opens");
    let lease = jiff::SignedDuration::from_mins(1);
    let leases = engine.claim(WorkKind::Translate, None, "w", lease, 10, Timestamp::now()).expect("claims");
    assert_eq!(leases.len(), 1);
    engine.complete(&leases[0], Effects::default(), Timestamp::now()).expect("completes");
}
