//! The seals of the audit trail, against somebody who may write the database and has not the key.

use crate::database::Database;
use causeway_exchange::engine::Audit as _;
use causeway_exchange::{AuditEntry, NewAudit};
use causeway_postgres::{Options, Postgres, Reader};
use causeway_seal::Key;
use jiff::Timestamp;
use postgres::Client;

const OURS: [u8; 32] = [7; 32];

fn entry(number: usize) -> NewAudit {
    NewAudit {
        actor: "ZZ901".to_owned(),
        action: "read".to_owned(),
        entity: format!("person {number}"),
        detail: String::new(),
    }
}

fn with(place: &Database, key: Option<[u8; 32]>) -> Options {
    Options { key: key.map(Key::new), ..place.options() }
}

/// A trail of ten entries that somebody wrote.
fn trail(place: &Database, key: Option<[u8; 32]>) {
    let engine = Postgres::open(with(place, key)).expect("opens");
    for number in 1..=10 {
        engine.audit(vec![entry(number)], Timestamp::now()).expect("written");
    }
}

/// Where the trail doesn't hold, as `causeway verify` finds it.
fn broken(place: &Database, key: Option<[u8; 32]>) -> Option<(u64, &'static str)> {
    let report = Reader::open(with(place, key)).expect("opens").verify().expect("verifies");
    report.audit.broken_at.map(|broken| (broken.seq, broken.why))
}

/// Writes the chain anew from an entry on, so that each hash is right, without the entry that tells most.
fn rewrite(client: &mut Client, from: i64) {
    let rows = client.query(
        "SELECT seq, at, actor, action, entity, detail, previous FROM audit WHERE seq >= $1 ORDER BY seq",
        &[&from],
    );
    let mut previous: Option<[u8; 32]> = None;
    for (place, row) in rows.expect("read").iter().enumerate() {
        let seq: i64 = row.get(0);
        let at = Timestamp::from_microsecond(row.get(1)).expect("a time");
        let entity = if place == 0 { "nobody".to_owned() } else { row.get(4) };
        let told = NewAudit { actor: row.get(2), action: row.get(3), entity, detail: row.get(5) };
        let before = previous.unwrap_or_else(|| row.get::<_, Vec<u8>>(6).try_into().expect("a digest"));
        let hash = AuditEntry::hash_of(seq.cast_unsigned(), at, &told, &before);
        client
            .execute(
                "UPDATE audit SET entity=$2, previous=$3, hash=$4 WHERE seq=$1",
                &[&seq, &told.entity, &&before[..], &&hash[..]],
            )
            .expect("rewritten");
        client.execute("UPDATE meta SET audit_hash=$1", &[&&hash[..]]).expect("rewritten");
        previous = Some(hash);
    }
}

/// Takes the end of the trail away and sets the head back.
fn cut(client: &mut Client) {
    client
        .batch_execute(
            "DELETE FROM audit WHERE seq > 8;
             UPDATE meta SET audit_seq = 8, audit_hash = (SELECT hash FROM audit WHERE seq = 8)",
        )
        .expect("cut");
}

#[test]
fn a_trail_written_anew_or_cut_off_is_found_at_its_row() {
    // The control: without a key nothing of it is found.
    for (key, found) in [(Some(OURS), true), (None, false)] {
        let Some(place) = Database::new() else { return };
        trail(&place, key);
        assert_eq!(broken(&place, key), None);
        rewrite(&mut place.client(), 4);
        let at = broken(&place, key);
        assert_eq!(at.map(|(seq, _)| seq), found.then_some(4), "{at:?}");

        let Some(place) = Database::new() else { return };
        trail(&place, key);
        cut(&mut place.client());
        let at = broken(&place, key);
        assert_eq!(at.map(|(seq, _)| seq), found.then_some(9), "{at:?}");
        // And nobody writes after it as if nothing had been.
        assert_eq!(Postgres::open(with(&place, key)).is_err(), found);

        // Seals that are taken away, with the trail, are missed.
        let Some(place) = Database::new() else { return };
        trail(&place, key);
        place
            .client()
            .batch_execute("UPDATE audit SET seal=NULL; UPDATE meta SET audit_seal=NULL")
            .expect("taken");
        assert_eq!(broken(&place, key).map(|(seq, _)| seq), found.then_some(1));
        assert_eq!(Postgres::open(with(&place, key)).is_err(), found);
    }
}

#[test]
fn a_broker_that_is_open_writes_nothing_after_a_head_that_it_did_not_seal() {
    for (key, found) in [(Some(OURS), true), (None, false)] {
        let Some(place) = Database::new() else { return };
        trail(&place, key);
        let engine = Postgres::open(with(&place, key)).expect("opens");
        cut(&mut place.client());
        let written = engine.audit(vec![entry(11)], Timestamp::now());
        assert_eq!(written.is_err(), found, "{written:?}");
    }
}

#[test]
fn a_trail_has_one_key_and_is_sealed_anew_when_a_person_says_so() {
    let Some(place) = Database::new() else { return };
    trail(&place, None);
    // There are entries of before there was a key.
    let error = Postgres::open(with(&place, Some(OURS))).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("--reseal"), "{error}");
    drop(Postgres::open(Options { reseal: true, ..with(&place, Some(OURS)) }).expect("sealed"));
    trail(&place, Some(OURS));
    assert_eq!(broken(&place, Some(OURS)), None);
    // Another key, and none.
    assert!(Postgres::open(with(&place, Some([8; 32]))).is_err());
    assert_eq!(broken(&place, Some([8; 32])).map(|(seq, _)| seq), Some(1));
    let error = Postgres::open(with(&place, None)).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("audit_key_file"), "{error}");
    assert!(Reader::open(with(&place, None)).is_err());
    assert!(Postgres::follow(with(&place, None)).is_err());
    // And back to none.
    drop(Postgres::open(Options { reseal: true, ..with(&place, None) }).expect("unsealed"));
    trail(&place, None);
    assert_eq!(broken(&place, None), None);
}
