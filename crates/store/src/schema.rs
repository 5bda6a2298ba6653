//! The tables, as numbered migrations kept in `PRAGMA user_version`.

use crate::fault::{Result, db};
use causeway_exchange::EngineError;
use rusqlite::Connection;

/// Migrations in order; number n (from 1) leads to version n. Never change one that was released.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6, V7];

/// Newest schema version that this program knows.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Version 1. Times are microseconds since 1970; digests are SHA-256.
const V1: &str = "
CREATE TABLE meta(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  high_water INTEGER NOT NULL,      -- highest time ever given
  token INTEGER NOT NULL,           -- last fencing token
  audit_seq INTEGER NOT NULL,       -- length of the audit chain
  audit_hash BLOB NOT NULL          -- its head
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, 0, zeroblob(32));

CREATE TABLE message(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  waiting INTEGER NOT NULL,         -- 1 in the inbox, 2 uploading, 0 neither
  inbox INTEGER NOT NULL,
  sender TEXT NOT NULL,
  door TEXT NOT NULL,
  mailbox_from TEXT,
  mailbox_to TEXT,
  workflow TEXT,
  local_id TEXT,
  correlation_id TEXT,
  person_key TEXT,
  linked TEXT,
  received_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  expires_at INTEGER,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  chunks INTEGER NOT NULL,
  present INTEGER NOT NULL,         -- chunks stored so far
  content_deleted_at INTEGER,
  failure_code TEXT,
  failure_text TEXT,
  rest TEXT NOT NULL                -- what is only passed through, as JSON
) STRICT;
CREATE INDEX message_waiting ON message(mailbox_to, seq, workflow, id) WHERE waiting = 1;
CREATE INDEX message_expiry ON message(expires_at) WHERE waiting > 0;
CREATE INDEX message_to ON message(mailbox_to, seq) WHERE mailbox_to IS NOT NULL;
CREATE INDEX message_from ON message(mailbox_from, seq) WHERE mailbox_from IS NOT NULL;
CREATE INDEX message_local ON message(local_id, seq) WHERE local_id IS NOT NULL;
CREATE INDEX message_linked ON message(linked) WHERE linked IS NOT NULL;
CREATE INDEX message_person ON message(person_key, seq) WHERE person_key IS NOT NULL;
CREATE INDEX message_content ON message(received_at) WHERE content_deleted_at IS NULL;

CREATE TABLE part(
  id INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,           -- message.seq
  role TEXT NOT NULL,               -- body, output, ledger, issues, acknowledgement
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  size INTEGER NOT NULL,
  bytes BLOB                        -- NULL: in the file named by sha256
) STRICT;
CREATE UNIQUE INDEX part_owner ON part(owner, role, number);
CREATE INDEX part_file ON part(sha256) WHERE bytes IS NULL;

CREATE TABLE translation(
  owner INTEGER PRIMARY KEY,
  adapter TEXT NOT NULL,
  format TEXT NOT NULL,
  version TEXT NOT NULL,
  summary TEXT NOT NULL
) STRICT;

CREATE TABLE event(
  seq INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX event_owner ON event(owner, seq);

CREATE TABLE work(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  destination TEXT NOT NULL,
  order_key TEXT,
  state TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  lease_until INTEGER,
  token INTEGER NOT NULL,
  worker TEXT,
  attempts INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  error_code TEXT,
  error_text TEXT,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX work_ready ON work(kind, not_before, id) WHERE state = 'ready';
CREATE INDEX work_ready_at ON work(kind, destination, not_before, id) WHERE state = 'ready';
CREATE INDEX work_leased ON work(kind, lease_until) WHERE state = 'leased';
CREATE INDEX work_parked ON work(id) WHERE state = 'parked';
CREATE INDEX work_lane ON work(kind, destination, order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX work_owner ON work(owner);

CREATE TABLE expectation(
  id INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  expected_from TEXT NOT NULL,
  reference TEXT NOT NULL,
  deadline INTEGER NOT NULL,
  outcome TEXT,
  settled_at INTEGER,
  code TEXT,
  overdue_since INTEGER,
  handled_by TEXT,
  handled_at INTEGER,
  note TEXT
) STRICT;
CREATE INDEX expectation_owner ON expectation(owner);
CREATE INDEX expectation_reference ON expectation(kind, reference);
CREATE INDEX expectation_open ON expectation(deadline) WHERE outcome IS NULL AND overdue_since IS NULL;
CREATE INDEX expectation_attention ON expectation(id)
  WHERE handled_at IS NULL AND (outcome = 'negative' OR (outcome IS NULL AND overdue_since IS NOT NULL));

CREATE TABLE idempotency(
  sender TEXT NOT NULL,
  request_id TEXT NOT NULL,
  owner INTEGER NOT NULL,
  message TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  at INTEGER NOT NULL,
  status INTEGER,
  media_type TEXT,
  body BLOB,
  PRIMARY KEY (sender, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_owner ON idempotency(owner);
CREATE INDEX idempotency_at ON idempotency(at);

CREATE TABLE once(
  scope TEXT NOT NULL,
  value TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (scope, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_until ON once(until);

CREATE TABLE config(
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  json TEXT,                        -- NULL: removed
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit(
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  entity TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_entity ON audit(entity, seq);
";

/// Version 2: fewer pages and statements for each accept. The writer numbers messages, events and work itself
/// (`AUTOINCREMENT` reads and writes a table of its own at every insert), a part's key is calculated from its owner
/// (`rows::part_key`), an event lies under its message, the acceptance is told by the message's own row, messages
/// that no longer wait have an index apart from the inbox's. Times rise with `seq`, so that expiry needs only the
/// oldest of each mailbox and retention only the oldest parts.
const V2: &str = "
ALTER TABLE meta ADD COLUMN message_seq INTEGER NOT NULL DEFAULT 0;  -- last number given to a message
ALTER TABLE meta ADD COLUMN event_seq INTEGER NOT NULL DEFAULT 0;    -- to an event
ALTER TABLE meta ADD COLUMN work_seq INTEGER NOT NULL DEFAULT 0;     -- to a work item
UPDATE meta SET
  message_seq = coalesce((SELECT seq FROM sqlite_sequence WHERE name='message'), 0),
  event_seq = coalesce((SELECT max(seq) FROM event), 0),
  work_seq = coalesce((SELECT seq FROM sqlite_sequence WHERE name='work'), 0);

CREATE TABLE message_2(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  waiting INTEGER NOT NULL,         -- 1 in the inbox, 2 uploading, 0 neither
  inbox INTEGER NOT NULL,
  sender TEXT NOT NULL,
  door TEXT NOT NULL,
  mailbox_from TEXT,
  mailbox_to TEXT,
  workflow TEXT,
  local_id TEXT,
  correlation_id TEXT,
  person_key TEXT,
  linked TEXT,
  received_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  expires_at INTEGER,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  chunks INTEGER NOT NULL,
  present INTEGER NOT NULL,         -- chunks stored so far
  content_deleted_at INTEGER,
  failure_code TEXT,
  failure_text TEXT,
  rest TEXT NOT NULL,               -- what is only passed through, as JSON
  accepted_event INTEGER            -- place of its acceptance among the events; NULL before, or where the event is a row
) STRICT;
INSERT INTO message_2 SELECT *, NULL FROM message;
DROP TABLE message;
ALTER TABLE message_2 RENAME TO message;
CREATE INDEX message_waiting ON message(mailbox_to, seq, workflow, id) WHERE waiting = 1;
CREATE INDEX message_upload ON message(expires_at) WHERE waiting = 2;
CREATE INDEX message_past ON message(mailbox_to, seq) WHERE mailbox_to IS NOT NULL AND waiting <> 1;
CREATE INDEX message_from ON message(mailbox_from, seq) WHERE mailbox_from IS NOT NULL;
CREATE INDEX message_local ON message(local_id, seq) WHERE local_id IS NOT NULL;
CREATE INDEX message_linked ON message(linked) WHERE linked IS NOT NULL;
CREATE INDEX message_person ON message(person_key, seq) WHERE person_key IS NOT NULL;

CREATE TABLE part_2(
  id INTEGER PRIMARY KEY,           -- rows::part_key(owner, role, number)
  owner INTEGER NOT NULL,
  role TEXT NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  size INTEGER NOT NULL,
  bytes BLOB
) STRICT;
INSERT INTO part_2 SELECT
  owner * 1048576 + CASE role WHEN 'body' THEN 0 WHEN 'acknowledgement' THEN 131072 WHEN 'issues' THEN 262144
    WHEN 'ledger' THEN 393216 ELSE 524288 END + number,
  owner, role, number, name, media_type, sha256, size, bytes FROM part;
DROP TABLE part;
ALTER TABLE part_2 RENAME TO part;
CREATE INDEX part_file ON part(sha256) WHERE bytes IS NULL;

CREATE TABLE event_2(
  owner INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO event_2 SELECT owner, seq, at, kind, actor, detail FROM event;
DROP TABLE event;
ALTER TABLE event_2 RENAME TO event;

CREATE TABLE work_2(
  id INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  kind TEXT NOT NULL,
  destination TEXT NOT NULL,
  order_key TEXT,
  state TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  lease_until INTEGER,
  token INTEGER NOT NULL,
  worker TEXT,
  attempts INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  error_code TEXT,
  error_text TEXT,
  detail TEXT NOT NULL
) STRICT;
INSERT INTO work_2 SELECT * FROM work;
DROP TABLE work;
ALTER TABLE work_2 RENAME TO work;
CREATE INDEX work_ready ON work(kind, not_before, id) WHERE state = 'ready';
CREATE INDEX work_ready_at ON work(kind, destination, not_before, id) WHERE state = 'ready' AND destination <> '';
CREATE INDEX work_leased ON work(kind, lease_until) WHERE state = 'leased';
CREATE INDEX work_parked ON work(id) WHERE state = 'parked';
CREATE INDEX work_lane ON work(kind, destination, order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX work_owner ON work(owner);
";

/// Version 3: the inboxes' order is kept in memory (`inbox`); the index only tells at open what waits, and grows at its
/// end.
const V3: &str = "
DROP INDEX message_waiting;
CREATE INDEX message_waiting ON message(seq, mailbox_to, workflow, id) WHERE waiting = 1;
";

/// Version 4: how often in a row a work item was given out and never came back.
const V4: &str = "
ALTER TABLE work ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;
";

/// Version 5: the number by which a sender knows its message, and what needs a person found without reading all.
const V5: &str = "
ALTER TABLE message ADD COLUMN control_id TEXT;
CREATE INDEX message_control ON message(control_id, seq) WHERE control_id IS NOT NULL;
CREATE INDEX message_failed ON message(state, seq) WHERE state = 'error' OR state = 'undeliverable';
";

/// Version 6: how often a work item failed for its own sake.
const V6: &str = "
ALTER TABLE work ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
";

/// Version 7: content in a row may be packed (`prepare::verified`); no table changes, but no earlier program reads it.
const V7: &str = "";

/// The version of the data.
pub(crate) fn version(conn: &Connection) -> Result<u32> {
    conn.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(|e| db(&e))
}

/// Brings the data to [`VERSION`], each step in its own transaction; refuses newer data.
pub(crate) fn migrate(conn: &mut Connection) -> Result<()> {
    let found = version(conn)?;
    if found > VERSION {
        return Err(EngineError::NewerSchema { found, known: VERSION });
    }
    for (number, sql) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let tx = conn.transaction().map_err(|e| db(&e))?;
        tx.execute_batch(sql).map_err(|e| db(&e))?;
        tx.pragma_update(None, "user_version", number).map_err(|e| db(&e))?;
        tx.commit().map_err(|e| db(&e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{V1, VERSION, migrate, version};
    use rusqlite::Connection;

    #[test]
    fn what_version_1_kept_is_kept() {
        let mut conn = Connection::open_in_memory().expect("opens");
        conn.execute_batch(V1).expect("version 1");
        conn.execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO message(id, kind, state, waiting, inbox, sender, door, mailbox_to, received_at, changed_at,
               expires_at, size, sha256, chunks, present, rest)
             VALUES ('M1', 'data', 'accepted', 1, 1, 'ZZ901', 'mesh', 'B', 5, 5, 9, 1, x'00', 1, 1, '{}'),
                    ('M2', 'data', 'accepted', 1, 1, 'ZZ901', 'mesh', 'B', 6, 6, 9, 1, x'00', 1, 1, '{}');
             DELETE FROM message WHERE id='M2';
             INSERT INTO part(owner, role, number, name, media_type, sha256, size, bytes)
             VALUES (1, 'ledger', 1, '', '', x'02', 1, x'02'), (1, 'body', 1, '', '', x'01', 1, x'01');
             INSERT INTO event(owner, at, kind, actor, detail) VALUES (1, 5, 'accepted', 'ZZ901', 'mesh');
             INSERT INTO work(owner, kind, destination, state, not_before, token, attempts, replay, queued_at, detail)
             VALUES (1, 'deliver', 'd', 'ready', 0, 0, 0, 0, 5, '');",
        )
        .expect("data of version 1");
        migrate(&mut conn).expect("migrates");
        assert_eq!(version(&conn), Ok(VERSION));
        let text = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, String>(0)).expect("a row");
        // Numbers that were given are not given again, not even that of a message that is gone.
        assert_eq!(text("SELECT message_seq || ' ' || event_seq || ' ' || work_seq FROM meta"), "2 1 1");
        assert_eq!(text("SELECT seq || id || mailbox_to || rest FROM message"), "1M1B{}");
        assert_eq!(
            text("SELECT group_concat(role || id || hex(bytes), ' ') FROM (SELECT * FROM part ORDER BY id)"),
            {
                let key = |role| crate::rows::part_key(1, role, 1).expect("a key");
                format!("body{}01 ledger{}02", key("body"), key("ledger"))
            }
        );
        assert_eq!(text("SELECT seq || kind || detail FROM event WHERE owner=1"), "1acceptedmesh");
        assert_eq!(text("SELECT id || destination FROM work"), "1d");
        assert_eq!(text("PRAGMA integrity_check"), "ok");
    }
}
