//! The answer to a search as a FHIR Bundle: matches, what is included, what must be said, links.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::error::Result;
use crate::model::{SearchOptions, SearchPage, Version};
use crate::{limits, params};

use super::super::{people, person, read};
use super::query::{Include, Query};

#[allow(clippy::too_many_arguments, reason = "the parts of one answer, used here only")]
pub(super) fn answer(
    db: &Connection,
    kind: &str,
    given: &[(String, String)],
    options: &SearchOptions,
    query: &Query,
    rows: Vec<i64>,
    next: Option<String>,
    total: Option<u64>,
) -> Result<SearchPage> {
    let mut entries = Vec::new();
    let mut matches = Vec::new();
    for rid in &rows {
        let version = read::by_rid(db, *rid)?;
        matches.push(version.key.clone());
        let mut entry = match of_person(db, query, &version)? {
            Some(one) => {
                let url = format!("{}/Patient/{}", options.base, one["id"].as_str().unwrap_or_default());
                let mut entry = json!({"fullUrl": url, "resource": null, "search": {"mode": "match"}});
                entry["resource"] = one;
                entry
            }
            None => read::entry(db, &options.base, version, "match")?,
        };
        query.view.apply(&mut entry["resource"]);
        entries.push(entry);
    }
    let mut said: Vec<(&str, &str, String)> = query
        .unknown
        .iter()
        .map(|name| {
            (
                "warning",
                "not-supported",
                format!("the parameter {name} is not supported and was left out of account"),
            )
        })
        .collect();
    if !included(db, &rows, &query.includes, options, &mut entries)? {
        said.push((
            "warning",
            "incomplete",
            "more resources would be included than can be given at once".to_owned(),
        ));
    }
    if !said.is_empty() {
        entries.push(read::outcome(&said));
    }
    let mut links = vec![json!({"relation": "self", "url": url(kind, given, options, query, None)})];
    if let Some(token) = &next {
        links.push(json!({"relation": "next", "url": url(kind, given, options, query, Some(token))}));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset"});
    if let Value::Object(map) = &mut bundle {
        if let Some(total) = total {
            map.insert("total".to_owned(), json!(total));
        }
        map.insert("link".to_owned(), Value::Array(links));
        if !entries.is_empty() {
            map.insert("entry".to_owned(), Value::Array(entries));
        }
    }
    Ok(SearchPage { bundle, next, total, matches })
}

/// The Patient of a person whom a search finds by one of her sources.
fn of_person(db: &Connection, query: &Query, version: &Version) -> Result<Option<Value>> {
    if !query.one_per_person {
        return Ok(None);
    }
    let Some(pid) = people::pid_of(db, &version.key.id)? else { return Ok(None) };
    let sources = person::sources(db, pid)?;
    let patients: Vec<Value> = sources.patients.into_iter().map(|v| v.resource).collect();
    Ok(crate::golden(&sources.person, &patients))
}

/// Adds what `_include` and `_revinclude` ask for; gives whether that is all of it.
fn included(
    db: &Connection,
    rows: &[i64],
    includes: &[Include],
    options: &SearchOptions,
    entries: &mut Vec<Value>,
) -> Result<bool> {
    let mut taken: std::collections::HashSet<i64> = rows.iter().copied().collect();
    let mut added = 0;
    for include in includes {
        for rid in rows {
            for found in follow(db, *rid, include)? {
                if !taken.insert(found) {
                    continue;
                }
                if added == limits::INCLUDES_MAX {
                    return Ok(false);
                }
                added += 1;
                entries.push(read::entry(db, &options.base, read::by_rid(db, found)?, "include")?);
            }
        }
    }
    Ok(true)
}

fn follow(db: &Connection, rid: i64, include: &Include) -> Result<Vec<i64>> {
    let to_patient = params::is_patient(&include.param);
    let sql = match (include.reverse, to_patient) {
        (false, true) => {
            "SELECT p.rid FROM resource r JOIN resource p ON p.type='Patient' AND p.id=r.patient
             WHERE r.rid=?1 AND r.type=?2 AND ?3<>'' AND p.state='told'"
        }
        (false, false) => {
            "SELECT t.rid FROM link i CROSS JOIN resource t ON t.rid=i.target AND t.state='told'
             WHERE i.rid=?1 AND i.param=?3 AND ?2=(SELECT r.type FROM resource r WHERE r.rid=?1) ORDER BY t.rid"
        }
        (true, true) => {
            "SELECT t.rid FROM resource r JOIN resource t INDEXED BY resource_patient ON t.patient=r.id AND t.type=?2
             WHERE r.rid=?1 AND r.type='Patient' AND ?3<>'' AND t.state='told' AND t.withdrawn=0 ORDER BY t.rid"
        }
        (true, false) => {
            "SELECT t.rid FROM (
               SELECT i.rid FROM ix_ref i WHERE i.target=?1 AND i.param=?3
               UNION SELECT y.rid FROM ix_target y WHERE ?3='target' AND y.block=?1>>6 AND ((y.mask >> (?1&63)) & 1)=1
             ) i JOIN resource t ON t.rid=i.rid AND t.type=?2 AND t.state='told' ORDER BY t.rid"
        }
    };
    let mut list = db.prepare_cached(sql)?;
    let rows = list.query_map(rusqlite::params![rid, include.kind, include.param], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The URL of this search with the parameters that were used, or of its next page.
fn url(
    kind: &str,
    given: &[(String, String)],
    options: &SearchOptions,
    query: &Query,
    next: Option<&str>,
) -> String {
    let kept =
        given.iter().filter(|(name, _)| !query.unknown.contains(name) && (next.is_none() || name != "_page"));
    read::url_of(&options.base, kind, kept, next)
}
