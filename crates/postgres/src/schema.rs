//! The tables, as numbered migrations. The number of the last one is kept in `meta`.

use crate::conn::{Conn, get, p};
use crate::fault::Result;
use causeway_exchange::EngineError;

/// Migrations in order; number n (from 1) leads to version n. Never change one that was released.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6];

/// Newest schema version that this program knows.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Held while a broker migrates, so that two that start together do it once. Any number that nothing else in
/// the database uses.
const MIGRATION_LOCK: i64 = 0x6361_7573_6577;

/// All tables, in the order in which a backup is written and restored.
pub(crate) const TABLES: [&str; 14] = [
    "meta",
    "message",
    "part",
    "content_head",
    "content",
    "translation",
    "event",
    "work",
    "expectation",
    "idempotency",
    "once",
    "config",
    "audit",
    "mailbox",
];

/// Version 1. Times are microseconds since 1970; digests are SHA-256. `meta` has one row; whoever holds it writes.
const V1: &str = "
CREATE TABLE meta(
  id BIGINT PRIMARY KEY CHECK (id = 1),
  schema_version BIGINT NOT NULL,
  high_water BIGINT NOT NULL,       -- highest time ever given
  token BIGINT NOT NULL,            -- last fencing token
  audit_seq BIGINT NOT NULL,        -- length of the audit chain
  audit_hash BYTEA NOT NULL,        -- its head
  message_seq BIGINT NOT NULL,      -- last number given to a message
  event_seq BIGINT NOT NULL,        -- to an event
  work_seq BIGINT NOT NULL,         -- to a work item
  expectation_seq BIGINT NOT NULL   -- to an expectation
) WITH (fillfactor = 10);
INSERT INTO meta VALUES (1, 1, 0, 0, 0, decode(repeat('00', 32), 'hex'), 0, 0, 0, 0);

CREATE TABLE message(
  seq BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  waiting BIGINT NOT NULL,          -- 1 in the inbox, 2 uploading, 0 neither
  inbox BOOLEAN NOT NULL,
  sender TEXT NOT NULL,
  door TEXT NOT NULL,
  mailbox_from TEXT,
  mailbox_to TEXT,
  workflow TEXT,
  local_id TEXT,
  correlation_id TEXT,
  person_key TEXT,
  linked TEXT,
  received_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  acknowledged_at BIGINT,
  expires_at BIGINT,
  size BIGINT NOT NULL,
  sha256 BYTEA NOT NULL,
  chunks BIGINT NOT NULL,
  present BIGINT NOT NULL,          -- chunks stored so far
  content_deleted_at BIGINT,
  failure_code TEXT,
  failure_text TEXT,
  rest TEXT NOT NULL,               -- what is only passed through, as JSON
  accepted_event BIGINT             -- place of its acceptance among the events
);
CREATE INDEX message_waiting ON message(mailbox_to, seq) WHERE waiting = 1;
CREATE INDEX message_expiry ON message(expires_at) WHERE waiting > 0;
CREATE INDEX message_to ON message(mailbox_to, seq) WHERE mailbox_to IS NOT NULL;
CREATE INDEX message_from ON message(mailbox_from, seq) WHERE mailbox_from IS NOT NULL;
CREATE INDEX message_local ON message(local_id, seq) WHERE local_id IS NOT NULL;
CREATE INDEX message_linked ON message(linked) WHERE linked IS NOT NULL;
CREATE INDEX message_person ON message(person_key, seq) WHERE person_key IS NOT NULL;
CREATE INDEX message_content ON message(received_at) WHERE content_deleted_at IS NULL AND waiting = 0;

CREATE TABLE part(
  owner BIGINT NOT NULL,            -- message.seq
  place BIGINT NOT NULL,            -- which kind of part, in the order of roles
  number BIGINT NOT NULL,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  size BIGINT NOT NULL,
  bytes BYTEA,                      -- NULL: in content
  PRIMARY KEY (owner, place, number)
);
ALTER TABLE part ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX part_content ON part(sha256) WHERE bytes IS NULL;

CREATE TABLE content_head(
  sha256 BYTEA PRIMARY KEY,
  id BIGINT NOT NULL UNIQUE,
  size BIGINT NOT NULL,
  staged_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE SEQUENCE content_id;
CREATE TABLE content(
  id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  PRIMARY KEY (id, number)
);
ALTER TABLE content ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE translation(
  owner BIGINT PRIMARY KEY,
  adapter TEXT NOT NULL,
  format TEXT NOT NULL,
  version TEXT NOT NULL,
  summary TEXT NOT NULL
);

CREATE TABLE event(
  owner BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (owner, seq)
);

CREATE TABLE work(
  id BIGINT PRIMARY KEY,
  owner BIGINT NOT NULL,
  kind TEXT NOT NULL,
  destination TEXT NOT NULL,
  order_key TEXT,
  state TEXT NOT NULL,
  not_before BIGINT NOT NULL,
  lease_until BIGINT,
  token BIGINT NOT NULL,
  worker TEXT,
  attempts BIGINT NOT NULL,
  lost BIGINT NOT NULL DEFAULT 0,
  replay BOOLEAN NOT NULL,
  queued_at BIGINT NOT NULL,
  error_code TEXT,
  error_text TEXT,
  detail TEXT NOT NULL
);
CREATE INDEX work_ready ON work(kind, not_before, id) WHERE state = 'ready';
CREATE INDEX work_ready_at ON work(kind, destination, not_before, id) WHERE state = 'ready';
CREATE INDEX work_leased ON work(kind, lease_until) WHERE state = 'leased';
CREATE INDEX work_parked ON work(id) WHERE state = 'parked';
CREATE INDEX work_lane ON work(kind, destination, order_key, id) WHERE order_key IS NOT NULL;
CREATE INDEX work_owner ON work(owner);

CREATE TABLE expectation(
  id BIGINT PRIMARY KEY,
  owner BIGINT NOT NULL,
  kind TEXT NOT NULL,
  expected_from TEXT NOT NULL,
  reference TEXT NOT NULL,
  deadline BIGINT NOT NULL,
  outcome TEXT,
  settled_at BIGINT,
  code TEXT,
  overdue_since BIGINT,
  handled_by TEXT,
  handled_at BIGINT,
  note TEXT
);
CREATE INDEX expectation_owner ON expectation(owner);
CREATE INDEX expectation_reference ON expectation(kind, reference);
CREATE INDEX expectation_open ON expectation(deadline) WHERE outcome IS NULL AND overdue_since IS NULL;
CREATE INDEX expectation_attention ON expectation(id)
  WHERE handled_at IS NULL AND (outcome = 'negative' OR (outcome IS NULL AND overdue_since IS NOT NULL));

CREATE TABLE idempotency(
  sender TEXT NOT NULL,
  request_id TEXT NOT NULL,
  owner BIGINT NOT NULL,
  message TEXT NOT NULL,
  sha256 BYTEA NOT NULL,
  at BIGINT NOT NULL,
  status BIGINT,
  media_type TEXT,
  body BYTEA,
  PRIMARY KEY (sender, request_id)
);
CREATE INDEX idempotency_owner ON idempotency(owner);
CREATE INDEX idempotency_at ON idempotency(at);

CREATE TABLE once(
  scope TEXT NOT NULL,
  value TEXT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (scope, value)
);
CREATE INDEX once_until ON once(until);

CREATE TABLE config(
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  version BIGINT NOT NULL,
  json TEXT,                        -- NULL: removed
  PRIMARY KEY (kind, key)
);

CREATE TABLE audit(
  seq BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  entity TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous BYTEA NOT NULL,
  hash BYTEA NOT NULL
);
CREATE INDEX audit_entity ON audit(entity, seq);

CREATE TABLE mailbox(
  name TEXT PRIMARY KEY,
  waiting BIGINT NOT NULL           -- messages in its inbox: a page need not count them
) WITH (fillfactor = 50);
";

/// Version 2: the number by which a sender knows its message, and what needs a person found without reading all.
const V2: &str = "
ALTER TABLE message ADD COLUMN control_id TEXT;
CREATE INDEX message_control ON message(control_id, seq) WHERE control_id IS NOT NULL;
CREATE INDEX message_failed ON message(state, seq) WHERE state = 'error' OR state = 'undeliverable';
";

/// The version of the data; 0 where there is none.
pub(crate) fn version(conn: &mut Conn) -> Result<u32> {
    let there = conn.first("SELECT to_regclass('meta') IS NOT NULL", p![], |r| get::<bool>(r, 0))?;
    if there != Some(true) {
        return Ok(0);
    }
    let found = conn.first("SELECT schema_version FROM meta", p![], |r| get::<i64>(r, 0))?.unwrap_or(0);
    u32::try_from(found).map_err(|_| EngineError::Corrupt("schema version"))
}

/// Version 3: how often a work item failed for its own sake.
const V3: &str = "
ALTER TABLE work ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
";

/// Version 4: which of the brokers that were alone on the database, one after the other, is.
const V4: &str = "
ALTER TABLE meta ADD COLUMN reign BIGINT NOT NULL DEFAULT 0;
";

/// Version 5: what a broker that follows another asks for again and again, found without reading all events.
const V5: &str = "
CREATE INDEX event_record ON event(seq) WHERE kind IN ('recorded', 'erased');
";

/// Version 6: keyed digests of the entries of the audit trail, and of its head.
const V6: &str = "
ALTER TABLE audit ADD COLUMN seal BYTEA;
ALTER TABLE meta ADD COLUMN audit_seal BYTEA;
";

/// Brings the data to [`VERSION`] in one transaction; refuses newer data.
pub(crate) fn migrate(conn: &mut Conn) -> Result<()> {
    migrate_to(conn, VERSION)
}

/// Brings the data to an earlier version, or [`VERSION`]; refuses newer data.
pub(crate) fn migrate_to(conn: &mut Conn, wanted: u32) -> Result<()> {
    conn.transaction(|conn| {
        conn.run("SELECT pg_advisory_xact_lock($1)", p![MIGRATION_LOCK])?;
        let found = version(conn)?;
        // The data there, or a backup, is of a program that came after this one.
        for (found, known) in [(wanted, VERSION), (found, wanted)] {
            if found > known {
                return Err(EngineError::NewerSchema { found, known });
            }
        }
        for (number, sql) in (1i64..).zip(MIGRATIONS).take(wanted as usize).skip(found as usize) {
            conn.batch(sql)?;
            conn.run("UPDATE meta SET schema_version = $1", p![number])?;
        }
        Ok(())
    })
}
