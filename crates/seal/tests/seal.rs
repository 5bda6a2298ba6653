//! Seals over real databases: every flipped byte is found or does no harm; other programs that only look do no harm.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use causeway_seal::{Chain, Key, Pages, check};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

struct Folder {
    _folder: tempfile::TempDir,
    database: PathBuf,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().expect("a folder");
    Folder { database: folder.path().join("data.db"), _folder: folder }
}

fn open(database: &Path) -> Connection {
    let conn = Connection::open(database).expect("opens");
    conn.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(())).expect("a log");
    conn.query_row("PRAGMA wal_autocheckpoint=0", [], |_| Ok(())).expect("set");
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("set");
    conn.execute_batch("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text TEXT)").expect("a table");
    conn
}

fn frames(conn: &Connection) -> Option<u32> {
    conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |r| r.get(1)).ok()
}

fn write(conn: &Connection, from: i64, to: i64) {
    for n in from..to {
        let text = format!("value {n} ").repeat(40);
        conn.execute("INSERT OR REPLACE INTO t VALUES (?1, ?2)", (n, text)).expect("written");
    }
}

fn all(database: &Path) -> Vec<(i64, String)> {
    let conn = Connection::open(database).expect("opens");
    let mut list = conn.prepare("SELECT id, text FROM t ORDER BY id").expect("prepared");
    list.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).and_then(Iterator::collect).unwrap_or_default()
}

fn key() -> Key {
    Key::new([7; 32])
}

/// A database with pages in the file and pages in the log, closed.
fn made(database: &Path) {
    let conn = open(database);
    let file = File::open(database).expect("a file");
    let pages = Pages::open(database, &file, key(), || frames(&conn)).expect("seals");
    write(&conn, 0, 400);
    {
        let held = pages.hold(|| frames(&conn)).expect("sealed");
        assert!(held.frames() > 0);
        conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).expect("copied");
    }
    write(&conn, 300, 500);
    pages.keep_up(|| frames(&conn)).expect("sealed");
    assert_eq!(pages.check(&file, || frames(&conn)).expect("read"), Vec::<u32>::new());
}

fn copy(from: &Path, to: &Path) {
    for ending in ["", "-wal", "-seal"] {
        let (mut a, mut b) = (from.as_os_str().to_owned(), to.as_os_str().to_owned());
        a.push(ending);
        b.push(ending);
        fs::copy(a, b).expect("copied");
    }
}

#[test]
fn every_flipped_byte_is_found_or_harmless() {
    let good = folder();
    made(&good.database);
    let found = check(&good.database, &key()).expect("read").expect("sealed");
    assert!(found.is_clean() && found.pages > 20, "{found:?}");
    let fresh = folder();
    copy(&good.database, &fresh.database);
    let expected = all(&fresh.database);
    assert_eq!(expected.len(), 500);
    let (mut silent, mut seed) = (0, 0x9e37_79b9_u64);
    let mut next = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for round in 0..300 {
        let other = folder();
        copy(&good.database, &other.database);
        let mut path = other.database.as_os_str().to_owned();
        path.push(["", "-wal", "-seal"][round % 3]);
        let mut bytes = fs::read(&path).expect("read");
        let at = next(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << next(8);
        fs::write(&path, bytes).expect("written");
        if check(&other.database, &key()).is_ok_and(|found| found.is_some_and(|f| f.is_clean())) {
            silent += 1;
            assert!(all(&other.database) == expected, "byte {at} of {path:?}");
        }
    }
    assert!(silent < 200, "{silent} of 300 were not found");
}

#[test]
fn one_that_looks_and_copies_the_log_does_no_harm_and_one_that_writes_is_found() {
    let place = folder();
    made(&place.database);
    // Another program opens the data and closes them again, which copies the log into the database.
    assert_eq!(all(&place.database).len(), 500);
    assert!(check(&place.database, &key()).expect("read").expect("sealed").is_clean());
    let other = Connection::open(&place.database).expect("opens");
    other.execute("UPDATE t SET text='something else' WHERE id=77", []).expect("changed");
    drop(other);
    let found = check(&place.database, &key()).expect("read").expect("sealed");
    assert!(!found.wrong.is_empty());
    // And with a key of their own they can't make a seal of it.
    assert!(check(&place.database, &Key::new([8; 32])).is_err());
}

#[test]
fn a_log_that_is_cut_or_gone_is_found() {
    let good = folder();
    made(&good.database);
    for cut in [true, false] {
        let other = folder();
        copy(&good.database, &other.database);
        let mut log = other.database.as_os_str().to_owned();
        log.push("-wal");
        if cut {
            let length = fs::metadata(&log).expect("a log").len();
            File::options().write(true).open(&log).and_then(|f| f.set_len(length / 20)).expect("cut");
        } else {
            fs::remove_file(&log).expect("removed");
        }
        assert!(!check(&other.database, &key()).expect("read").expect("sealed").is_clean());
    }
}

#[test]
fn seals_are_carried_on_after_a_restart() {
    let place = folder();
    for round in 0..4 {
        made(&place.database);
        assert!(check(&place.database, &key()).expect("read").expect("sealed").is_clean(), "round {round}");
    }
}

#[test]
fn a_new_chain_is_found_at_its_first_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit-seal");
    let mut chain = Chain::make(&path, key()).expect("made");
    chain.seal(&[[1; 32], [2; 32]]).expect("sealed");
    chain.seal(&[[3; 32]]).expect("sealed");
    let chain = Chain::read(&path, key()).expect("read").expect("there");
    assert_eq!(chain.sealed(), 3);
    assert!(chain.holds(2, &[2; 32]).expect("read") && !chain.holds(2, &[3; 32]).expect("read"));
    assert!(!chain.holds(1, &[2; 32]).expect("read"), "a place is part of what is sealed");
    let other = Chain::read(&path, Key::new([8; 32])).expect("read").expect("there");
    assert!(!other.holds(1, &[1; 32]).expect("read"));
}

#[test]
fn a_key_is_made_once_and_only_its_user_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Key::read(folder.path()).expect("read").is_none());
    let first = Key::read_or_make(folder.path()).expect("made");
    let second = Key::read_or_make(folder.path()).expect("read");
    assert_eq!(first.sum(*b"text", 1, b"x"), second.sum(*b"text", 1, b"x"));
    let path = folder.path().join(causeway_seal::KEY_FILE);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(Key::of_database(&folder.path().join("exchange/causeway.db")).expect("read").is_some());
    fs::write(&path, "no key").expect("written");
    assert!(Key::read(folder.path()).is_err());
}
