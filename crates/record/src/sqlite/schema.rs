//! The tables, as numbered migrations kept in `PRAGMA user_version`.

use std::collections::HashMap;

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::error::{RecordError, Result};
use crate::identity;
use crate::model::Key;
use crate::outline::rows::links as reference_rows;
use crate::outline::tags;
use crate::tables::Tables;

use super::labels::Labels;
use super::{index, links, summary, text};

/// Migrations in order; number n (from 1) leads to version n. Never change one that was released.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4, V5, V6, V7, V8, V9, V10];

/// Newest schema version that this program knows.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Version 1. Times are microseconds since 1970.
const V1: &str = "
CREATE TABLE source(
  source INTEGER PRIMARY KEY,
  system TEXT NOT NULL,             -- identifier system of the organisation's code
  code TEXT NOT NULL,
  adapter TEXT NOT NULL,
  UNIQUE(system, code, adapter)
) STRICT;

CREATE TABLE message(
  mid INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  source INTEGER NOT NULL,
  name TEXT NOT NULL,               -- of the organisation, as the message was received
  received INTEGER NOT NULL,
  UNIQUE(id, source)
) STRICT;

CREATE TABLE notice(                -- what readers must be told about a message
  mid INTEGER NOT NULL,
  patient TEXT NOT NULL,
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(patient, mid, code, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE applied(               -- what was applied: message and SHA-256 of its bundles
  mid INTEGER NOT NULL,
  digest BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(mid, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE resource(
  rid INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  source INTEGER NOT NULL,
  patient TEXT NOT NULL,            -- id of the Patient that it is about; empty where none
  version INTEGER NOT NULL,         -- the one that stands
  last INTEGER NOT NULL,            -- the highest
  state TEXT NOT NULL,              -- of the version that stands
  withdrawn INTEGER NOT NULL,       -- 1: entered in error or a cancelled result, shown only with history
  updated INTEGER NOT NULL,         -- when the version that stands was taken in
  UNIQUE(type, id)
) STRICT;
CREATE INDEX resource_patient ON resource(patient, type, rid);
CREATE INDEX resource_id ON resource(id);
CREATE INDEX resource_list ON resource(type, rid) WHERE state = 'told';

CREATE TABLE version(
  rid INTEGER NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  mid INTEGER NOT NULL,
  digest BLOB,                      -- of the content without its volatile parts
  content TEXT,                     -- NULL: superseded or deleted
  PRIMARY KEY(rid, version)
) STRICT;

CREATE TABLE mention(               -- every message that told or confirmed a resource
  rid INTEGER NOT NULL,
  mid INTEGER NOT NULL,
  PRIMARY KEY(rid, mid)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot(              -- the latest whole record that a source sent of a Patient
  source INTEGER NOT NULL,
  patient TEXT NOT NULL,
  mid INTEGER NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY(source, patient)
) STRICT, WITHOUT ROWID;

CREATE TABLE ix_token(
  rid INTEGER NOT NULL, param TEXT NOT NULL, code TEXT NOT NULL, system TEXT NOT NULL,
  PRIMARY KEY(rid, param, code, system)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_token_code ON ix_token(code, param, rid);

CREATE TABLE ix_date(
  rid INTEGER NOT NULL, param TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
  PRIMARY KEY(rid, param, low, high)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_date_low ON ix_date(param, low, rid);

CREATE TABLE ix_string(
  rid INTEGER NOT NULL, param TEXT NOT NULL, folded TEXT NOT NULL, exact TEXT NOT NULL,
  PRIMARY KEY(rid, param, folded, exact)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_string_folded ON ix_string(param, folded, rid);

CREATE TABLE ix_ref(
  rid INTEGER NOT NULL, param TEXT NOT NULL, target TEXT NOT NULL,
  PRIMARY KEY(rid, param, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_ref_target ON ix_ref(target, param, rid);

CREATE TABLE fact(                  -- keys under which the same fact from another source is recognised
  rid INTEGER NOT NULL,
  key BLOB NOT NULL,                -- digest of kind, code or text, day, value, unit
  patient TEXT NOT NULL,
  minute INTEGER,                   -- where told to the minute: minutes since 1970
  PRIMARY KEY(rid, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_key ON fact(patient, key, rid);

CREATE TABLE person(
  pid INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  merged_into INTEGER               -- pid; NULL while it stands
) STRICT;

CREATE TABLE member(
  patient TEXT PRIMARY KEY,
  pid INTEGER NOT NULL,
  rid INTEGER NOT NULL,
  replaced_by TEXT NOT NULL,        -- id of the Patient that its source merged it into; empty where none
  birth_date TEXT NOT NULL,         -- as told, empty where none
  families TEXT NOT NULL            -- family names, folded, with a line feed between
) STRICT, WITHOUT ROWID;
CREATE INDEX member_pid ON member(pid, patient);

CREATE TABLE identity(              -- identifiers by which Patients are joined
  patient TEXT NOT NULL,
  kind TEXT NOT NULL,               -- nhs, old-nhs, local
  system TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(patient, kind, system, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_value ON identity(value, system, kind, patient);

CREATE TABLE apart(                 -- pairs that a user declared to be different people; both orders are kept
  patient TEXT NOT NULL,
  other TEXT NOT NULL,
  PRIMARY KEY(patient, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE together(              -- pairs that a source's merge or a user declared to be one; both orders
  patient TEXT NOT NULL,
  other TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY(patient, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE decision(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  person TEXT NOT NULL,
  other TEXT NOT NULL,
  patient TEXT NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  actor TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;
CREATE INDEX decision_person ON decision(person, number);
CREATE INDEX decision_other ON decision(other, number) WHERE other <> '';

CREATE TABLE review(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  patient TEXT NOT NULL,
  other_patient TEXT NOT NULL,
  message TEXT NOT NULL,
  closed INTEGER,
  outcome TEXT NOT NULL,
  UNIQUE(reason, patient, other_patient)
) STRICT;
CREATE INDEX review_open ON review(number) WHERE closed IS NULL;
CREATE INDEX review_patient ON review(patient);
CREATE INDEX review_other ON review(other_patient);
";

/// Version 2: what is told of a Patient by identifier alone and waits for one.
const V2: &str = "
CREATE TABLE awaiting(
  rid INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,               -- nhs, old-nhs, local
  system TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE INDEX awaiting_value ON awaiting(value, system, kind);
";

/// Version 3: persons by name are found without looking at every Patient.
const V3: &str = "
CREATE INDEX member_rid ON member(rid);
";

/// Version 4: what the format of a source says of its messages; before, the adapter's name stood for it.
const V4: &str = "
ALTER TABLE source ADD COLUMN sector TEXT NOT NULL DEFAULT 'health';   -- causeway_core::Sector
ALTER TABLE source ADD COLUMN telling TEXT NOT NULL DEFAULT 'event';   -- causeway_core::Telling
UPDATE source SET sector = 'social-care' WHERE adapter IN ('care-act-assessment', 'care-provider-record',
  'client-level-data', 'council-case-extract', 'discharge-notice', 'telecare-alarm');
UPDATE source SET telling = 'whole' WHERE adapter = 'gp2gp';
UPDATE source SET telling = 'delta' WHERE adapter = 'hl7v2';
";

/// Version 5: more of a Patient is compared; two whom a source told under one id are kept as two; the event's time; what
/// the page of a person reads without looking at the rest.
const V5: &str = "
ALTER TABLE member ADD COLUMN givens TEXT NOT NULL DEFAULT '';    -- folded, with a line feed between
ALTER TABLE member ADD COLUMN sex TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN postcode TEXT NOT NULL DEFAULT '';
ALTER TABLE member ADD COLUMN look TEXT NOT NULL DEFAULT '';      -- first family and given name
CREATE INDEX member_born ON member(birth_date);
CREATE INDEX member_look ON member(look);
ALTER TABLE review ADD COLUMN score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE version ADD COLUMN event INTEGER;                      -- when it happened, as the message says
CREATE TABLE alias(                 -- Patients that one source told under one id though they are two people
  patient TEXT NOT NULL,            -- the id as told
  alias TEXT NOT NULL,              -- the id that the record gave to the other
  used INTEGER NOT NULL,            -- event's time of the latest message about this one
  PRIMARY KEY(patient, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_alias ON alias(alias);
";

/// Version 6: a page reads the newest of each part and counts the rest. Facts are joined when they are read, so that no
/// keys are kept.
const V6: &str = "
DROP TABLE fact;
ALTER TABLE resource ADD COLUMN part TEXT NOT NULL DEFAULT '';       -- of the record; empty: no entry of its own
ALTER TABLE resource ADD COLUMN low INTEGER NOT NULL DEFAULT -9223372036854775808;  -- beginning of its date
ALTER TABLE resource ADD COLUMN elsewhere TEXT NOT NULL DEFAULT '';  -- its date, where a specimen or report tells it
CREATE INDEX resource_part ON resource(patient, part, low, updated) WHERE state = 'told' AND withdrawn = 0;
CREATE INDEX resource_ended ON resource(patient, updated) WHERE state <> 'told' OR withdrawn = 1;
";

/// Version 7: fewer and nearer pages for each resource: one index by id instead of two, sets of labels and references by
/// number (see [`super::labels`], [`super::links`]). A row of `resource` never goes while anything refers to its number.
const V7: &str = "
CREATE TABLE resource_new(
  rid INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  source INTEGER NOT NULL,
  patient TEXT NOT NULL,            -- id of the Patient that it is about; empty where none
  version INTEGER NOT NULL,         -- the one that stands
  last INTEGER NOT NULL,            -- the highest
  state TEXT NOT NULL,              -- of the version that stands
  withdrawn INTEGER NOT NULL,       -- 1: entered in error or a cancelled result, shown only with history
  updated INTEGER NOT NULL,         -- when the version that stands was taken in
  part TEXT NOT NULL,               -- of the record; empty: no entry of its own
  low INTEGER NOT NULL,             -- beginning of its date
  elsewhere TEXT NOT NULL,          -- its date, where a specimen or report tells it
  labels INTEGER NOT NULL,          -- set of its tags; 0: none
  UNIQUE(id, type)
) STRICT;
INSERT INTO resource_new SELECT rid, type, id, source, patient, version, last, state, withdrawn, updated, part, low,
  elsewhere, 0 FROM resource;
DROP TABLE resource;
ALTER TABLE resource_new RENAME TO resource;
CREATE INDEX resource_patient ON resource(patient, type, rid);
CREATE INDEX resource_list ON resource(type, rid) WHERE state = 'told';
CREATE INDEX resource_part ON resource(patient, part, low, updated) WHERE state = 'told' AND withdrawn = 0;
CREATE INDEX resource_ended ON resource(patient, updated) WHERE state <> 'told' OR withdrawn = 1;
CREATE INDEX resource_labels ON resource(labels);

CREATE TABLE label_set(
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE       -- SHA-256 of its labels
) STRICT;
CREATE TABLE label(
  number INTEGER NOT NULL, param TEXT NOT NULL, code TEXT NOT NULL, system TEXT NOT NULL,
  PRIMARY KEY(number, param, code, system)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_code ON label(code, param, number);
DELETE FROM ix_token WHERE param IN ('_tag', '_profile', '_source');   -- of the last two nothing was ever asked

CREATE TABLE unmet(                 -- what is referred to and not known as a resource
  number INTEGER PRIMARY KEY,
  target TEXT NOT NULL UNIQUE       -- type and id, or the reference's text
) STRICT;
DROP TABLE ix_ref;
CREATE TABLE ix_ref(
  rid INTEGER NOT NULL, param TEXT NOT NULL,
  target INTEGER NOT NULL,          -- rid, or the negative number of a row of unmet
  PRIMARY KEY(rid, param, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_ref_target ON ix_ref(target, param, rid);
CREATE TABLE ix_target(             -- targets of a Provenance, 64 a row
  rid INTEGER NOT NULL, block INTEGER NOT NULL, mask INTEGER NOT NULL,
  PRIMARY KEY(rid, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_target_block ON ix_target(block, rid, mask);
CREATE TABLE bit(n INTEGER PRIMARY KEY) STRICT;
WITH RECURSIVE count(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM count WHERE n<63) INSERT INTO bit SELECT n FROM count;
";

/// Version 8: whom a message told of is found by the message, for the entry that says that it was read.
const V8: &str = "
CREATE TABLE concerned(             -- a row for each Patient whom a message told of
  mid INTEGER NOT NULL, patient TEXT NOT NULL,
  PRIMARY KEY(mid, patient)
) STRICT, WITHOUT ROWID;
INSERT INTO concerned SELECT DISTINCT n.mid, r.patient FROM mention n JOIN resource r ON r.rid = n.rid WHERE r.patient <> '';
";

/// Version 9: what a person has of a code is found without looking at the rest of the person.
const V9: &str = "
CREATE TABLE coded(                 -- rows of ix_token of the parameter `code`, by person
  patient TEXT NOT NULL, code TEXT NOT NULL, rid INTEGER NOT NULL, system TEXT NOT NULL,
  PRIMARY KEY(patient, code, rid, system)
) STRICT, WITHOUT ROWID;
INSERT INTO coded SELECT r.patient, x.code, x.rid, x.system FROM ix_token x JOIN resource r ON r.rid=x.rid
  WHERE x.param='code' AND r.patient<>'';
";

/// Version 10: texts of resources are packed (see [`super::text`]). The order of the rows is that in which they were taken
/// in, so each keeps its number.
const V10: &str = "
CREATE TABLE version_packed(
  rid INTEGER NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  at INTEGER NOT NULL,
  mid INTEGER NOT NULL,
  digest BLOB,                      -- of the content without its volatile parts
  content BLOB,                     -- text, packed where that is smaller; NULL: superseded or deleted
  event INTEGER,                    -- when it happened, as the message says
  PRIMARY KEY(rid, version)
) STRICT;
INSERT INTO version_packed(rowid, rid, version, state, at, mid, digest, content, event)
  SELECT rowid, rid, version, state, at, mid, digest, packed(content), event FROM version ORDER BY rowid;
DROP TABLE version;
ALTER TABLE version_packed RENAME TO version;
";

/// Sets a connection up and brings the schema to the newest version.
pub(crate) fn migrate(db: &mut Connection) -> Result<()> {
    let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(RecordError::Schema { found, known: VERSION });
    }
    text::function(db)?;
    for (number, sql) in (1u32..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let tx = db.transaction()?;
        tx.execute_batch(sql)?;
        if number == 7 {
            tx.execute_batch(links::VIEW)?;
        }
        if found > 0 {
            match number {
                5 => compare_more(&tx)?,
                6 => summary::place_all(&tx)?,
                7 => number_all(&tx)?,
                _ => {}
            }
        }
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

/// Writes labels and references of everything that stands as version 7 keeps them.
fn number_all(db: &Connection) -> Result<()> {
    let mut list = db.prepare(
        "SELECT r.rid, r.type, r.id, v.content FROM resource r JOIN version v ON v.rid=r.rid AND v.version=r.version
         WHERE r.state='told' AND v.content IS NOT NULL ORDER BY r.rid",
    )?;
    let mut rows = list.query([])?;
    let mut update = db.prepare("UPDATE resource SET labels=?2 WHERE rid=?1")?;
    let mut labels = Labels::default();
    while let Some(row) = rows.next()? {
        let (rid, key) =
            (row.get::<_, i64>(0)?, Key::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?));
        let map: Map<String, Value> =
            serde_json::from_str(row.get_ref(3)?.as_str().map_err(|_| RecordError::Damaged)?)?;
        let set = labels.number(db, tags(&map))?;
        update.execute([rid, set])?;
        // Made anew for each: what it remembers would grow with the record.
        index::Writer::new(db, HashMap::new())?.write(rid, "", &reference_rows(&key.kind, &map))?;
    }
    Ok(())
}

/// Fills what version 5 compares of the Patients that are known.
fn compare_more(db: &Connection) -> Result<()> {
    let mut list = db.prepare(
        "SELECT m.patient, m.rid, v.content FROM member m JOIN resource r ON r.rid=m.rid
         JOIN version v ON v.rid=r.rid AND v.version=r.version WHERE v.content IS NOT NULL",
    )?;
    let mut rows = list.query([])?;
    while let Some(row) = rows.next()? {
        let (patient, rid, content): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let map: Map<String, Value> = serde_json::from_str(&content)?;
        let known = identity::known_of(&map, &identity::identifiers_of(&map));
        db.keep_known(&patient, rid, &known, None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SearchOptions;
    use serde_json::json;

    /// A record as version 6 of the schema kept it: an Observation with its performer, tags and Provenance.
    fn of_version_6() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        for sql in [V1, V2, V3, V4, V5, V6] {
            db.execute_batch(sql).unwrap();
        }
        db.execute_batch(
            "INSERT INTO source(source, system, code, adapter) VALUES(1, 's', 'c', 'hl7v2');
             INSERT INTO message(mid, id, source, name, received) VALUES(1, 'm', 1, '', 0);
             PRAGMA user_version=6;",
        )
        .unwrap();
        let meta = json!({"source": "urn:message:1", "tag": [{"system": "urn:t", "code": "hospital"}], "profile": ["urn:p"]});
        let all = [
            json!({"resourceType": "Observation", "id": "o", "meta": meta, "status": "final",
                "performer": [{"reference": "Organization/x"}, {"reference": "Organization/nowhere"}]}),
            json!({"resourceType": "Organization", "id": "x", "meta": meta}),
            json!({"resourceType": "Provenance", "id": "v", "meta": {"source": "urn:message:2"},
                "target": [{"reference": "Observation/o"}, {"reference": "Organization/x"}, {"reference": "Device/later"}]}),
        ];
        for (rid, resource) in (1_i64..).zip(&all) {
            let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
            db.execute(
                "INSERT INTO resource(rid, type, id, source, patient, version, last, state, withdrawn, updated)
                 VALUES(?1,?2,?3,1,'p',1,1,'told',0,0)",
                rusqlite::params![rid, kind, id],
            )
            .unwrap();
            db.execute(
                "INSERT INTO version(rid, version, state, at, mid, content) VALUES(?1,1,'told',0,1,?2)",
                rusqlite::params![rid, resource.to_string()],
            )
            .unwrap();
            for tag in ["_tag", "status"] {
                db.execute("INSERT INTO ix_token VALUES(?1,?2,'final','')", rusqlite::params![rid, tag])
                    .unwrap();
            }
        }
        db.execute("INSERT INTO ix_token VALUES(1,'code','sodium','urn:c')", []).unwrap();
        db
    }

    #[test]
    fn a_record_of_version_6_is_found_by_what_it_was_found_by() {
        let mut db = of_version_6();
        migrate(&mut db).unwrap();
        crate::sqlite::search_functions(&db).unwrap();
        let found = |kind: &str, query: &[(&str, &str)]| -> Vec<String> {
            let given: Vec<_> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let page = super::super::search::search(&db, kind, &given, &SearchOptions::default()).unwrap();
            let entries = page.bundle["entry"].as_array().cloned().unwrap_or_default();
            let id = |e: &Value| e["resource"]["id"].as_str().unwrap_or_default().to_owned();
            entries.iter().map(id).collect()
        };
        for (kind, query, expected) in [
            ("Observation", &[("_tag", "urn:t|hospital")][..], &["o"][..]),
            ("Observation", &[("_tag", "urn:t|other")], &[]),
            ("Observation", &[("_tag", "final")], &[]),
            ("Observation", &[("status", "final")], &["o"]),
            ("Observation", &[("_tag:not", "hospital"), ("status", "final")], &[]),
            ("Observation", &[("_profile", "urn:p"), ("_source", "urn:message:1")], &["o"]),
            ("Provenance", &[("_source", "urn:message:2"), ("_tag:missing", "true")], &["v"]),
            ("Observation", &[("performer", "Organization/x")], &["o"]),
            ("Observation", &[("performer", "nowhere")], &["o"]),
            ("Observation", &[("performer", "Organization/y")], &[]),
            ("Observation", &[("patient", "p"), ("code", "urn:c|sodium")], &["o"]),
            ("Observation", &[("patient", "p"), ("code", "potassium,sodium"), ("status", "final")], &["o"]),
            ("Observation", &[("patient", "p"), ("code", "urn:other|sodium")], &[]),
            ("Observation", &[("patient", "other"), ("code", "sodium")], &[]),
            ("Provenance", &[("target", "Observation/o")], &["v"]),
            ("Provenance", &[("target", "Device/later")], &["v"]),
            ("Provenance", &[("target", "Provenance/v")], &[]),
            ("Provenance", &[("target:missing", "false"), ("_source", "urn:message:2")], &["v"]),
            ("Observation", &[("_has:Provenance:target:_source", "urn:message:2")], &["o"]),
            ("Provenance", &[("target:Observation.status", "final")], &["v"]),
            ("Observation", &[("performer:Organization._tag", "hospital")], &["o"]),
            ("Observation", &[("_tag", "hospital"), ("_include", "Observation:performer")], &["o", "x"]),
            ("Observation", &[("_tag", "hospital"), ("_revinclude", "Provenance:target")], &["o", "v"]),
            (
                "Provenance",
                &[("_source", "urn:message:2"), ("_include", "Provenance:target")],
                &["v", "o", "x"],
            ),
        ] {
            assert_eq!(found(kind, query), expected, "{kind} {query:?}");
        }
        let scan = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(scan("SELECT count(*) FROM ix_token WHERE param LIKE '\\_%' ESCAPE '\\'"), 0);
        assert_eq!(scan("SELECT count(*) FROM unmet"), 2);
        // Packed, and the same text; in the order in which they were taken in.
        assert_eq!(
            scan("SELECT count(*) FROM version WHERE typeof(content)<>'blob' OR length(content)>=200"),
            0
        );
        assert_eq!(scan("SELECT count(*) FROM version WHERE rowid<>rid"), 0);
        let text: text::Text =
            db.query_row("SELECT content FROM version WHERE rid=1", [], |row| row.get(0)).unwrap();
        let said: Value = serde_json::from_str(&text.0).unwrap();
        assert_eq!(said["performer"][1]["reference"], "Organization/nowhere");
        assert_eq!(scan("PRAGMA user_version"), i64::from(VERSION));
    }
}
