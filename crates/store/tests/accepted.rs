//! Breaks of the audit trail that a person has accepted: they stay told, the exchange is no longer red for them, and what is done
//! to the trail afterwards is found again.

use std::path::{Path, PathBuf};

use causeway_exchange::message::Checksum;
use causeway_exchange::{Audit, AuditEntry, NewAudit, Operation};
use causeway_seal::Key;
use causeway_store::{Options, Store};
use jiff::Timestamp;
use rusqlite::Connection;

/// A data directory with a key beside it, removed in the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("causeway-accepted-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn exchange(&self) -> PathBuf {
        self.0.join("exchange")
    }

    /// What is found to be damaged.
    fn found(&self) -> Vec<String> {
        let found = causeway_store::examine(&self.exchange()).expect("it can be read");
        found.iter().map(ToString::to_string).collect()
    }

    fn open(&self) -> Store {
        Store::open(Options { reserve: 1, ..Options::new(self.exchange()) }).expect("opens")
    }

    fn connection(&self) -> Connection {
        Connection::open(self.exchange().join("causeway.db")).expect("opens")
    }

    fn edit(&self, sql: &str) {
        self.connection().execute_batch(sql).expect("changed");
    }

    /// What `causeway verify --reseal` does.
    fn reseal(&self, reason: &str) {
        causeway_store::forget_seals(&self.exchange()).expect("forgotten");
        let options = Options { reserve: 1, reseal: true, ..Options::new(self.exchange()) };
        let store = Store::open(options).expect("opens");
        store.resealed("operator", reason, Timestamp::UNIX_EPOCH).expect("written");
    }

    fn copy(&self, name: &str) -> Self {
        fn folder(from: &Path, to: &Path) {
            std::fs::create_dir_all(to).expect("a folder");
            for entry in std::fs::read_dir(from).expect("a list") {
                let from = entry.expect("an entry").path();
                let to = to.join(from.file_name().expect("a name"));
                if from.is_dir() {
                    folder(&from, &to);
                } else {
                    std::fs::copy(&from, &to).expect("copied");
                }
            }
        }
        let copy = Self::new(name);
        folder(&self.0, &copy.0);
        copy
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn entry(number: u64) -> NewAudit {
    NewAudit {
        actor: format!("actor {number}"),
        action: "seen".to_owned(),
        entity: "Patient/1".to_owned(),
        detail: String::new(),
    }
}

/// A trail of thirty entries.
fn trail(name: &str) -> Place {
    let place = Place::new(name);
    Key::read_or_make(&place.0).expect("a key");
    let store = place.open();
    store.audit((1..=30).map(entry).collect(), Timestamp::UNIX_EPOCH).expect("written");
    drop(store);
    assert_eq!(place.found(), Vec::<String>::new());
    place
}

#[test]
fn ig_17_accepted_breaks_stay_told_and_new_ones_are_found() {
    let place = trail("breaks");
    place.edit(
        "UPDATE audit SET actor='somebody else' WHERE seq=7; DELETE FROM audit WHERE seq IN (9, 10);
         DELETE FROM audit WHERE seq>20",
    );
    assert!(place.found().iter().any(|f| f.contains("audit entry")), "{:?}", place.found());
    place.reseal("told to the board");
    assert_eq!(place.found(), Vec::<String>::new());
    // After a start the trail goes on, sealed.
    let store = place.open();
    assert!(store.found_at_open().is_empty(), "{:?}", store.found_at_open());
    store.audit(vec![entry(40)], Timestamp::UNIX_EPOCH).expect("written");
    assert_eq!(store.verify().expect("read").audit.broken_at, None);
    drop(store);
    assert_eq!(place.found(), Vec::<String>::new());
    let detail: String = place
        .connection()
        .query_row("SELECT detail FROM audit WHERE action='evidence-resealed'", [], |r| r.get(0))
        .expect("an entry");
    let detail: serde_json::Value = serde_json::from_str(&detail).expect("JSON");
    assert_eq!(detail["reason"], "told to the board");
    let broken = detail["broken"].as_array().expect("breaks");
    let ranges: Vec<_> = broken.iter().map(|b| (b["from"].as_u64(), b["to"].as_u64())).collect();
    assert_eq!(ranges, [(Some(7), Some(7)), (Some(9), Some(10)), (Some(21), Some(30))]);

    // What was accepted is changed once more, another entry is, and one that was missing comes back.
    for (name, sql, told) in [
        ("again", "UPDATE audit SET actor='somebody else again' WHERE seq=7", "audit entry 7:"),
        ("other", "UPDATE audit SET actor='somebody else' WHERE seq=12", "audit entry 12:"),
        (
            "back",
            "INSERT INTO audit SELECT 9, at, actor, action, entity, detail, previous, hash FROM audit WHERE seq=8",
            "audit entry 9:",
        ),
        ("said", "UPDATE audit SET detail='all was well' WHERE action='evidence-resealed'", "audit entry 7:"),
    ] {
        let copy = place.copy(name);
        copy.edit(sql);
        let found = copy.found();
        assert!(found.iter().any(|f| f.contains(told)), "{sql}: {found:?}");
    }
}

#[test]
fn nobody_without_the_key_says_that_a_break_was_accepted() {
    let place = trail("forged");
    let conn = place.connection();
    conn.execute("UPDATE audit SET actor='somebody else' WHERE seq=7", []).expect("changed");
    let previous: Checksum =
        conn.query_row("SELECT previous FROM audit WHERE seq=7", [], |r| r.get(0)).expect("an entry");
    let edited = NewAudit { actor: "somebody else".to_owned(), ..entry(7) };
    let is = AuditEntry::hash_of(7, Timestamp::UNIX_EPOCH, &edited, &previous);
    let is: String = is.iter().map(|byte| format!("{byte:02x}")).collect();
    let detail = serde_json::json!({"reason": "none", "seal": "0".repeat(32),
        "broken": [{"from": 7, "to": 7, "is": is}]});
    let forged = NewAudit {
        actor: "operator".to_owned(),
        action: "evidence-resealed".to_owned(),
        entity: "exchange".to_owned(),
        detail: detail.to_string(),
    };
    let last: Checksum = conn.query_row("SELECT audit_hash FROM meta", [], |r| r.get(0)).expect("a head");
    let hash = AuditEntry::hash_of(31, Timestamp::UNIX_EPOCH, &forged, &last);
    conn.execute(
        "INSERT INTO audit(seq, at, actor, action, entity, detail, previous, hash) VALUES(31, 0, ?1, ?2, ?3, ?4, ?5, ?6)",
        (&forged.actor, &forged.action, &forged.entity, &forged.detail, last, hash),
    )
    .expect("written");
    conn.execute("UPDATE meta SET audit_seq=31, audit_hash=?1", [hash]).expect("changed");
    drop(conn);
    assert!(place.found().iter().any(|f| f.contains("audit entry 7:")), "{:?}", place.found());
    // After a start the forged entry is sealed like one that a crash left without; what it says is not believed.
    drop(place.open());
    assert!(place.found().iter().any(|f| f.contains("audit entry 7:")), "{:?}", place.found());
}

#[test]
fn where_nothing_is_broken_the_entry_says_the_reason_alone() {
    let place = trail("whole");
    place.reseal("moved to another disk");
    assert_eq!(place.found(), Vec::<String>::new());
    let detail: String = place
        .connection()
        .query_row("SELECT detail FROM audit WHERE action='evidence-resealed'", [], |r| r.get(0))
        .expect("an entry");
    assert_eq!(detail, "moved to another disk");
}
