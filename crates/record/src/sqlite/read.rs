//! Reading resources, their versions, their origins, and everything of a person.

use causeway_core::address;
use causeway_core::{Sector, Telling};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use crate::error::{RecordError, Result};
use crate::model::{Figures, HistoryPage, HistoryQuery, Key, Origin, Source, Version, VersionState};
use crate::reference::key_of;
use crate::{golden, limits};

use super::people;
use super::text::Text;

/// Columns of [`version_of`]; the version that gives the content is the newest that has one.
const VERSION_COLUMNS: &str = "r.type, r.id, v.version, v.state, v.at,
  coalesce(v.content, (SELECT c.content FROM version c WHERE c.rid=v.rid AND c.version<v.version
    AND c.state='told' AND c.content IS NOT NULL ORDER BY c.version DESC LIMIT 1)),
  s.code, s.system, m.name, s.adapter, m.received, m.id, s.sector, s.telling";

/// Joins of [`VERSION_COLUMNS`].
const VERSION_TABLES: &str = "resource r JOIN version v ON v.rid=r.rid
  JOIN message m ON m.mid=v.mid JOIN source s ON s.source=m.source";

/// A time in a column, in microseconds; one that can be no time is damage and is not taken for another.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let microseconds = row.get(column)?;
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, microseconds))
}

/// A count in a column.
pub(crate) fn count_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

/// A source from eight columns: code, system, name, adapter, received, message, sector, telling.
pub(crate) fn source_of(row: &Row<'_>, from: usize) -> rusqlite::Result<Source> {
    let code: String = row.get(from)?;
    let name: String = row.get(from + 2)?;
    Ok(Source {
        organisation: if name.is_empty() { code.clone() } else { name },
        organisation_code: code,
        organisation_system: row.get(from + 1)?,
        system: row.get(from + 3)?,
        received: time(row, from + 4)?,
        message: row.get(from + 5)?,
        sector: Sector::of(&row.get::<_, String>(from + 6)?).unwrap_or(Sector::Health),
        telling: Telling::of(&row.get::<_, String>(from + 7)?).unwrap_or(Telling::Event),
    })
}

fn version_of(row: &Row<'_>) -> rusqlite::Result<(Version, Option<String>)> {
    let state: String = row.get(3)?;
    let version = Version {
        key: Key { kind: row.get(0)?, id: row.get(1)? },
        version: row.get(2)?,
        state: VersionState::of(&state),
        at: time(row, 4)?,
        resource: Value::Null,
        source: source_of(row, 6)?,
    };
    Ok((version, row.get::<_, Option<Text>>(5)?.map(|text| text.0)))
}

/// Puts the content in, with the version and time that the record gives it.
fn with_content((mut version, content): (Version, Option<String>)) -> Result<Version> {
    let mut map: Map<String, Value> = match content {
        Some(text) => serde_json::from_str(&text)?,
        // Its time was over: no text of it is kept (`super::ending`).
        None if version.state == VersionState::Deleted => {
            let Key { kind, id } = &version.key;
            [("resourceType", kind), ("id", id)].map(|(n, v)| (n.to_owned(), json!(v))).into_iter().collect()
        }
        None => return Err(RecordError::Damaged),
    };
    if let Value::Object(meta) = map.entry("meta").or_insert_with(|| Value::Object(Map::new())) {
        meta.insert("versionId".to_owned(), Value::String(version.version.to_string()));
        meta.insert("lastUpdated".to_owned(), Value::String(version.at.to_string()));
    }
    version.resource = Value::Object(map);
    Ok(version)
}

/// The version that stands.
pub(crate) fn current(db: &Connection, kind: &str, id: &str) -> Result<Option<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {VERSION_TABLES} WHERE r.type=?1 AND r.id=?2 AND v.version=r.version"
    );
    db.prepare_cached(&sql)?.query_row([kind, id], version_of).optional()?.map(with_content).transpose()
}

/// The version that stands, by row.
pub(crate) fn by_rid(db: &Connection, rid: i64) -> Result<Version> {
    let sql =
        format!("SELECT {VERSION_COLUMNS} FROM {VERSION_TABLES} WHERE r.rid=?1 AND v.version=r.version");
    with_content(db.prepare_cached(&sql)?.query_row([rid], version_of)?)
}

/// One version.
pub(crate) fn version(db: &Connection, kind: &str, id: &str, version: u32) -> Result<Option<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {VERSION_TABLES} WHERE r.type=?1 AND r.id=?2 AND v.version=?3"
    );
    db.prepare_cached(&sql)?
        .query_row(params![kind, id, version], version_of)
        .optional()?
        .map(with_content)
        .transpose()
}

/// All versions, newest first.
pub(crate) fn history(db: &Connection, kind: &str, id: &str) -> Result<Vec<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM {VERSION_TABLES} WHERE r.type=?1 AND r.id=?2 ORDER BY v.version DESC"
    );
    let mut list = db.prepare_cached(&sql)?;
    let rows = list.query_map([kind, id], version_of)?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(with_content).collect()
}

/// All versions as a Bundle.
pub(crate) fn history_bundle(db: &Connection, kind: &str, id: &str, base: &str) -> Result<Option<Value>> {
    let versions = history(db, kind, id)?;
    if versions.is_empty() {
        return Ok(None);
    }
    let entries: Vec<Value> = versions.into_iter().map(|v| history_entry(v, base)).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "history", "total": entries.len()});
    bundle["entry"] = Value::Array(entries);
    Ok(Some(bundle))
}

/// A version as an entry of a history: what made it, and what was answered.
fn history_entry(v: Version, base: &str) -> Value {
    let url = v.key.reference();
    let modified = v.at.to_string();
    let etag = format!("W/\"{}\"", v.version);
    if matches!(v.state, VersionState::Superseded | VersionState::Deleted) {
        return json!({"fullUrl": format!("{base}/{url}"), "request": {"method": "DELETE", "url": url},
            "response": {"status": "204", "etag": etag, "lastModified": modified}});
    }
    let status = if v.version == 1 { "201" } else { "200" };
    let mut entry = json!({"fullUrl": format!("{base}/{url}"), "resource": null,
        "request": {"method": "PUT", "url": url},
        "response": {"status": status, "etag": etag, "lastModified": modified}});
    entry["resource"] = v.resource;
    entry
}

/// Versions of a type, or of all, newest first. A version's row number grows with the time at which it was taken in.
pub(crate) fn history_of_all(db: &Connection, query: &HistoryQuery, base: &str) -> Result<HistoryPage> {
    let count = if query.count == 0 { limits::PAGE_DEFAULT } else { query.count.min(limits::PAGE_MAX) };
    let sql = format!(
        "SELECT {VERSION_COLUMNS}, v.rowid FROM version v CROSS JOIN resource r ON r.rid=v.rid
           JOIN message m ON m.mid=v.mid JOIN source s ON s.source=m.source
         WHERE v.rowid<?1 AND v.at>=?2 AND (?3='' OR r.type=?3) ORDER BY v.rowid DESC LIMIT ?4"
    );
    let since = query.since.map_or(i64::MIN, Timestamp::as_microsecond);
    let before = query.before.unwrap_or(i64::MAX);
    let mut list = db.prepare_cached(&sql)?;
    let mut rows = list
        .query_map(params![before, since, query.kind, count as i64 + 1], |row| {
            Ok((version_of(row)?, row.get::<_, i64>(14)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > count;
    rows.truncate(count);
    let next = rows.last().map(|(_, row)| *row).filter(|_| more);
    let mut entries = Vec::with_capacity(rows.len());
    for (row, _) in rows {
        entries.push(history_entry(with_content(row)?, base));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "history"});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    Ok(HistoryPage { bundle, next })
}

/// A Patient with the link to the one of its person.
pub(crate) fn referred(db: &Connection, version: Option<Version>) -> Result<Option<Version>> {
    let Some(mut version) = version else { return Ok(None) };
    if version.key.kind == "Patient"
        && let Some(person) = people::person_of(db, &version.key.id)?
    {
        golden::refer(&mut version.resource, &person);
    }
    Ok(Some(version))
}

/// Messages that told or confirmed a resource.
pub(crate) fn origin(db: &Connection, kind: &str, id: &str) -> Result<Vec<Origin>> {
    let mut list = db.prepare_cached(
        "SELECT s.code, s.system, m.name, s.adapter, m.received, m.id, s.sector, s.telling,
           (SELECT max(v.version) FROM version v WHERE v.rid=r.rid AND v.mid=m.mid) AS made,
           EXISTS(SELECT 1 FROM version v WHERE v.rid=r.rid AND v.version=r.version AND v.mid=m.mid) AS stands
         FROM resource r JOIN mention n ON n.rid=r.rid JOIN message m ON m.mid=n.mid
         JOIN source s ON s.source=m.source
         WHERE r.type=?1 AND r.id=?2 ORDER BY stands DESC, m.received DESC, m.mid DESC",
    )?;
    let rows =
        list.query_map([kind, id], |row| Ok(Origin { source: source_of(row, 0)?, version: row.get(8)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Types with how many stand.
pub(crate) fn types(db: &Connection) -> Result<Vec<(String, u64)>> {
    let mut list =
        db.prepare_cached("SELECT type, count(*) FROM resource WHERE state='told' GROUP BY type")?;
    let rows = list.query_map([], |row| Ok((row.get(0)?, count_at(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Figures of the whole.
pub(crate) fn figures(db: &Connection) -> Result<Figures> {
    let count = |sql: &str| db.query_row(sql, [], |row| count_at(row, 0));
    Ok(Figures {
        persons: count("SELECT count(*) FROM person WHERE merged_into IS NULL")?,
        resources: count("SELECT count(*) FROM resource")?,
        versions: count("SELECT count(*) FROM version")?,
        messages: count("SELECT count(*) FROM message")?,
        reviews: count("SELECT count(*) FROM review WHERE closed IS NULL")?,
    })
}

/// Rows of all that stands about these Patients, and whether there is more than the limit.
pub(crate) fn rows_of(db: &Connection, patients: &[String], most: usize) -> Result<(Vec<i64>, bool)> {
    let mut list = db.prepare_cached(
        "SELECT rid FROM resource INDEXED BY resource_patient
         WHERE patient=?1 AND state='told' AND withdrawn=0 ORDER BY rid LIMIT ?2",
    )?;
    let mut out = Vec::new();
    for patient in patients {
        let room = (most + 1).saturating_sub(out.len());
        let rows = list.query_map(params![patient, room as i64], |row| row.get::<_, i64>(0))?;
        out.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    let more = out.len() > most;
    out.truncate(most);
    Ok((out, more))
}

/// How many resources about these Patients are shown only with their history.
pub(crate) fn withdrawn(db: &Connection, patients: &[String]) -> Result<u64> {
    let mut count =
        db.prepare_cached("SELECT count(*) FROM resource INDEXED BY resource_patient WHERE patient=?1 AND state='told' AND withdrawn=1")?;
    let mut total = 0;
    for patient in patients {
        total += count.query_row([patient], |row| count_at(row, 0))?;
    }
    Ok(total)
}

/// Every reference in a resource. The depth is bounded by the JSON reader's limit.
pub(crate) fn references(value: &Value, out: &mut Vec<Key>) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| references(v, out)),
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == "reference" => out.extend(key_of(text)),
                    other => references(other, out),
                }
            }
        }
        _ => {}
    }
}

/// A URL with parameters, and the token of a page.
pub(crate) fn url_of<'p>(
    base: &str,
    path: &str,
    kept: impl Iterator<Item = &'p (String, String)>,
    next: Option<&str>,
) -> String {
    let next = next.map(|token| ("_page", token));
    let all = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain(next);
    address::with_query(&format!("{base}/{path}"), all)
}

/// An entry of a searchset.
pub(crate) fn entry(db: &Connection, base: &str, version: Version, mode: &str) -> Result<Value> {
    let url = format!("{base}/{}", version.key.reference());
    let resource = referred(db, Some(version))?.map(|v| v.resource).unwrap_or_default();
    // Moved in: `json!` would copy the resource.
    let mut entry = json!({"fullUrl": url, "resource": null, "search": {"mode": mode}});
    entry["resource"] = resource;
    Ok(entry)
}

/// An OperationOutcome as an entry: severity, code and text of each issue.
pub(crate) fn outcome(issues: &[(&str, &str, String)]) -> Value {
    let issues: Vec<Value> = issues
        .iter()
        .map(|(severity, code, text)| {
            json!({"severity": severity, "code": code, "details": {"text": text}, "diagnostics": text})
        })
        .collect();
    json!({"resource": {"resourceType": "OperationOutcome", "issue": issues}, "search": {"mode": "outcome"}})
}
