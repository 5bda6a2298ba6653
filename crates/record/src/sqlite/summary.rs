//! Reading what the page of a person shows. What is read is bounded whatever is stored: of each part the newest, turned
//! into tellings one by one.

use std::collections::{HashMap, HashSet};

use causeway_core::{Sector, Telling as Sends};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::facts::keys::Times;
use crate::facts::related::Related;
use crate::facts::telling;
use crate::facts::{self, Telling};
use crate::model::{ExpectedSource, Key, Notice, SourceSummary, Version};
use crate::outline::Place;
use crate::sections::HEADINGS;
use crate::summary::{self, Change, Part, Show, Summary, SummaryQuery};
use crate::{demographics, describe, limits, reference};

use super::text::Text;
use super::{people, person, read};

/// The summary of a person; `None` where there is none.
pub(crate) fn summary(
    db: &Connection,
    id: &str,
    query: &SummaryQuery,
    show: Show<'_>,
) -> Result<Option<Summary>> {
    let Some(pid) = people::pid_of_id(db, id)? else { return Ok(None) };
    let patients = people::members(db, pid)?;
    let counts = match show {
        None => counts(db, &patients)?,
        Some(show) => visible(db, &patients, show)?,
    };
    let mut related = Related::new();
    let mut gaps = emptied_lists(db, &patients, show)?;
    let mut parts = Vec::new();
    for heading in HEADINGS.iter().filter(|h| query.part.is_empty() || h.code == query.part) {
        let most =
            if query.part.is_empty() { limits::part_read(heading.code) } else { limits::PART_READ_ALONE };
        let (rows, older) = rows(db, &patients, heading.code, query.before, most)?;
        let tellings = tellings(db, rows, &mut related, show)?;
        let read = tellings.len() as u64;
        parts.push(Part {
            code: heading.code,
            title: heading.title,
            social_care: heading.social_care,
            total: counts.get(heading.code).copied().unwrap_or(0),
            read,
            older,
            facts: facts::join(tellings, &query.today),
        });
    }
    overall_gaps(db, &patients, &query.expected, &mut gaps)?;
    let sources = sources(db, &patients)?;
    gaps.extend(sources.iter().flat_map(|s| s.notices.iter().cloned()));
    let mut unique = HashSet::new();
    gaps.retain(|n| unique.insert((n.code.clone(), n.text.clone())));
    let changes = match query.since {
        Some(since) => changes(db, &patients, since.as_microsecond(), &mut related, show)?,
        None => Vec::new(),
    };
    let results = parts.iter().find(|p| p.code == "results").map(|p| p.facts.as_slice()).unwrap_or_default();
    Ok(Some(Summary {
        person: people::person_id(db, pid)?,
        safety: summary::safety(&parts),
        tests: summary::tests(results),
        timeline: summary::timeline(&parts),
        parts,
        changes,
        sources,
        gaps,
    }))
}

/// How many resources stand in each part.
fn counts(db: &Connection, patients: &[String]) -> Result<HashMap<String, u64>> {
    let mut list = db.prepare_cached(
        "SELECT part, count(*) FROM resource INDEXED BY resource_part
         WHERE patient=?1 AND state='told' AND withdrawn=0 AND part<>'' GROUP BY part",
    )?;
    let mut out = HashMap::new();
    for patient in patients {
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            *out.entry(row.get(0)?).or_insert(0) += read::count_at(row, 1)?;
        }
    }
    Ok(out)
}

/// How many of each part the reader may see: what is withheld must not be counted.
fn visible(
    db: &Connection,
    patients: &[String],
    show: &dyn Fn(Value) -> Option<Value>,
) -> Result<HashMap<String, u64>> {
    let mut list = db.prepare_cached(
        "SELECT part, type, id FROM resource INDEXED BY resource_part
         WHERE patient=?1 AND state='told' AND withdrawn=0 AND part<>''",
    )?;
    let mut out = HashMap::new();
    for patient in patients {
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            let (kind, id): (String, String) = (row.get(1)?, row.get(2)?);
            if show(json!({"resourceType": kind, "id": id})).is_some() {
                *out.entry(row.get(0)?).or_insert(0) += 1;
            }
        }
    }
    Ok(out)
}

/// A version as the reader may see it.
fn seen(version: Version, show: Show<'_>) -> Option<Version> {
    match show {
        None => Some(version),
        Some(show) => {
            let Version { resource, .. } = version;
            let resource = show(resource)?;
            Some(Version { resource, key: version.key, source: version.source, ..version })
        }
    }
}

/// The newest rows of a part, not more than `most`, and where the older ones begin.
fn rows(
    db: &Connection,
    patients: &[String],
    part: &str,
    before: Option<i64>,
    most: usize,
) -> Result<(Vec<i64>, Option<i64>)> {
    let mut list = db.prepare_cached(
        "SELECT low, rid FROM resource INDEXED BY resource_part
         WHERE patient=?1 AND state='told' AND withdrawn=0 AND part=?2 AND low<?3 ORDER BY low DESC, rid DESC LIMIT ?4",
    )?;
    let before = before.unwrap_or(i64::MAX);
    let mut all: Vec<(i64, i64)> = Vec::new();
    for patient in patients {
        let found = list.query_map(params![patient, part, before, most as i64 + 1], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        all.extend(found.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    all.sort_unstable_by_key(|(low, rid)| (std::cmp::Reverse(*low), *rid));
    if all.len() <= most {
        return Ok((all.into_iter().map(|(_, rid)| rid).collect(), None));
    }
    // What shares its time with the first left out stays together with it, so that a page loses nothing; where all of a
    // page have one time they are given whole.
    let cut = all.get(most).map_or(i64::MIN, |(low, _)| *low);
    let older: Vec<i64> = all.iter().take(most).filter(|(low, _)| *low > cut).map(|(_, rid)| *rid).collect();
    if older.is_empty() {
        return Ok((all.into_iter().take(most).map(|(_, rid)| rid).collect(), Some(cut)));
    }
    Ok((older, Some(cut + 1)))
}

/// The tellings of rows, one resource in memory at a time.
fn tellings(db: &Connection, rows: Vec<i64>, related: &mut Related, show: Show<'_>) -> Result<Vec<Telling>> {
    let mut elsewhere = db.prepare_cached("SELECT elsewhere FROM resource WHERE rid=?1")?;
    let mut out = Vec::new();
    let mut earlier = 0;
    for rid in rows {
        let Some(version) = seen(read::by_rid(db, rid)?, show) else { continue };
        let Some(map) = version.resource.as_object() else { continue };
        look_up(db, map, related, show)?;
        let time: String = elsewhere.query_row([rid], |row| row.get(0))?;
        let Some(mut telling) = telling::telling(&version, &time, related) else { continue };
        if version.version > 1 && earlier < limits::EARLIER_MAX {
            earlier += 1;
            telling.earlier = earlier_values(db, rid, &version, &telling)?;
        }
        out.push(telling);
    }
    Ok(out)
}

/// What earlier versions said, where it was something else.
fn earlier_values(db: &Connection, rid: i64, version: &Version, now: &Telling) -> Result<Vec<String>> {
    let mut list = db.prepare_cached(
        "SELECT content FROM version WHERE rid=?1 AND version<?2 AND state='told' AND content IS NOT NULL
         ORDER BY version DESC LIMIT ?3",
    )?;
    let contents = list
        .query_map(params![rid, version.version, limits::EARLIER_SHOWN as i64], |row| row.get::<_, Text>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let standing = (now.detail.clone(), now.status.clone());
    let about = |map: &Map<String, Value>| (map.get("code").cloned(), demographics::labels(map));
    let same = version.resource.as_object().map(about);
    let mut out: Vec<String> = Vec::new();
    for content in contents {
        let map: Map<String, Value> = serde_json::from_str(&content.0)?;
        // What was about something else then, or confidential, is for the history and not for this line.
        if same.as_ref() != Some(&about(&map)) {
            continue;
        }
        let then = (describe::detail(&map), describe::status(&map));
        let text = if then.0.is_empty() { then.1.clone() } else { then.0.clone() };
        if then != standing && !text.is_empty() && !out.contains(&text) {
            out.push(text);
        }
    }
    Ok(out)
}

/// Types that others refer to for a name.
const NAMED: &[&str] =
    &["Medication", "Practitioner", "PractitionerRole", "Organization", "Location", "Device"];

/// Reads what a resource refers to for a name.
fn look_up(db: &Connection, map: &Map<String, Value>, related: &mut Related, show: Show<'_>) -> Result<()> {
    let mut found = Vec::new();
    for value in map.values() {
        read::references(value, &mut found);
    }
    for key in found {
        let reference = key.reference();
        if !NAMED.contains(&key.kind.as_str())
            || related.contains_key(&reference)
            || related.len() >= limits::RELATED_MAX
        {
            continue;
        }
        let resource = read::current(db, &key.kind, &key.id)?.and_then(|v| seen(v, show)).map(|v| v.resource);
        let mut resource = match resource {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        // A role has its name from its practitioner.
        if key.kind == "PractitionerRole"
            && let Some(practitioner) =
                resource.get("practitioner").and_then(|p| p.get("reference")).and_then(Value::as_str)
            && let Some(key) = reference::key_of(practitioner)
            && let Some(version) = read::current(db, &key.kind, &key.id)?.and_then(|v| seen(v, show))
            && let Some(name) = version.resource.get("name")
        {
            resource.insert("name".to_owned(), name.clone());
        }
        related.insert(reference, resource);
    }
    Ok(())
}

/// What changed since a time, the newest first.
fn changes(
    db: &Connection,
    patients: &[String],
    since: i64,
    related: &mut Related,
    show: Show<'_>,
) -> Result<Vec<Change>> {
    let mut list = db.prepare_cached(
        "SELECT updated, rid, state, withdrawn, part FROM resource INDEXED BY resource_part
           WHERE patient=?1 AND state='told' AND withdrawn=0 AND part<>'' AND updated>=?2
         UNION ALL
         SELECT updated, rid, state, withdrawn, part FROM resource INDEXED BY resource_ended
           WHERE patient=?1 AND (state<>'told' OR withdrawn=1) AND updated>=?2
         ORDER BY 1 DESC, 2 LIMIT ?3",
    )?;
    let mut all: Vec<(Timestamp, i64, String, bool, String)> = Vec::new();
    for patient in patients {
        let rows = list.query_map(params![patient, since, limits::CHANGES_MAX as i64], |r| {
            Ok((read::time(r, 0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
        })?;
        all.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    all.sort_unstable_by_key(|(at, rid, ..)| (std::cmp::Reverse(*at), *rid));
    all.truncate(limits::CHANGES_MAX);
    let mut out = Vec::new();
    for (at, rid, state, withdrawn, part) in all {
        let Some(version) = seen(read::by_rid(db, rid)?, show) else { continue };
        let Some(map) = version.resource.as_object() else { continue };
        look_up(db, map, related, show)?;
        let Some(part) = HEADINGS.iter().find(|h| h.code == part) else { continue };
        let Some(telling) = telling::telling(&version, "", related) else { continue };
        out.push(Change {
            at,
            kind: match (state.as_str(), withdrawn, version.version) {
                ("told", true, _) => "withdrawn",
                ("told", false, 1) => "new",
                ("told", false, _) => "changed",
                _ => "ended",
            },
            title: summary::in_line(&telling),
            part: part.code,
            source: version.source.clone(),
            key: version.key.clone(),
        });
    }
    Ok(out)
}

/// Lists that a source left empty for a reason, such as withheld.
fn emptied_lists(db: &Connection, patients: &[String], show: Show<'_>) -> Result<Vec<Notice>> {
    let mut list = db.prepare_cached(
        "SELECT rid FROM resource INDEXED BY resource_patient
         WHERE patient=?1 AND type='List' AND state='told' AND withdrawn=0 ORDER BY rid DESC LIMIT ?2",
    )?;
    let mut out = Vec::new();
    for patient in patients {
        let rows = list.query_map(params![patient, limits::LISTS_READ as i64], |row| row.get::<_, i64>(0))?;
        for rid in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            out.extend(seen(read::by_rid(db, rid)?, show).as_ref().and_then(emptied));
        }
    }
    Ok(out)
}

fn emptied(version: &Version) -> Option<Notice> {
    let map = version.resource.as_object()?;
    let code = crate::paths::first_text(map, &["emptyReason.coding.code"]);
    let text = match code {
        "withheld" => "a source withholds a list of this person",
        "notasked" => "a source has not asked for what a list of this person would hold",
        "unavailable" => "a source has a list of this person but it was not available",
        "closed" => "a source has closed a list of this person",
        "notstarted" => "a source has not begun a list of this person",
        _ => return None,
    };
    Some(Notice { code: format!("list-{code}"), text: format!("{text} ({})", version.source.organisation) })
}

fn overall_gaps(
    db: &Connection,
    patients: &[String],
    expected: &[ExpectedSource],
    gaps: &mut Vec<Notice>,
) -> Result<()> {
    for source in expected {
        if !person::has_told(db, patients, &source.organisation_code, &source.system)? {
            gaps.push(Notice {
                code: "source-silent".to_owned(),
                text: format!("{} is connected but has told nothing of this person", source.organisation),
            });
        }
    }
    let hidden = read::withdrawn(db, patients)?;
    if hidden > 0 {
        gaps.push(Notice {
            code: "withdrawn".to_owned(),
            text: format!(
                "{hidden} entries were withdrawn by their source and are shown only with their history"
            ),
        });
    }
    Ok(())
}

/// Every source of these Patients, the latest heard first.
fn sources(db: &Connection, patients: &[String]) -> Result<Vec<SourceSummary>> {
    let mut list = db.prepare_cached(
        "SELECT s.code, s.system, m.name, s.adapter, m.received, m.id, s.sector, s.telling, m.mid, s.source
         FROM resource r INDEXED BY resource_patient JOIN mention n ON n.rid=r.rid JOIN message m ON m.mid=n.mid
         JOIN source s ON s.source=m.source WHERE r.patient=?1
         GROUP BY m.mid",
    )?;
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM resource INDEXED BY resource_patient WHERE patient=?1 AND source=?2 AND state='told' AND withdrawn=0",
    )?;
    let mut notices = db.prepare_cached(
        "SELECT DISTINCT n.code, n.text FROM notice n JOIN message m ON m.mid=n.mid
         WHERE n.patient=?1 AND m.source=?2 AND (?3 IS NULL OR n.mid=?3) ORDER BY 1, 2",
    )?;
    let mut latest: HashMap<i64, (i64, SourceSummary)> = HashMap::new();
    for patient in patients {
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            let (mid, source): (i64, i64) = (row.get(8)?, row.get(9)?);
            let label = read::source_of(row, 0)?;
            let is_newer =
                latest.get(&source).is_none_or(|(_, known)| known.latest.received <= label.received);
            if is_newer {
                let summary = SourceSummary { latest: label, resources: 0, notices: Vec::new() };
                latest.insert(source, (mid, summary));
            }
        }
    }
    let mut out = Vec::new();
    for (source, (mid, mut summary)) in latest {
        for patient in patients {
            summary.resources +=
                count.query_row(rusqlite::params![patient, source], |row| read::count_at(row, 0))?;
            // A whole record replaces what an older one announced; other messages add to each other.
            let only = (summary.latest.telling == Sends::Whole).then_some(mid);
            let rows = notices.query_map(rusqlite::params![patient, source, only], |row| {
                Ok(Notice { code: row.get(0)?, text: row.get(1)? })
            })?;
            for notice in rows {
                let notice = notice?;
                if !summary.notices.contains(&notice) {
                    summary.notices.push(notice);
                }
            }
        }
        out.push(summary);
    }
    out.sort_by(|a, b| {
        let key = |s: &SourceSummary| {
            (
                std::cmp::Reverse(s.latest.received),
                s.latest.organisation_code.clone(),
                s.latest.system.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    Ok(out)
}

/// Places every resource that is known anew: after a change of the rules, or of a database of before.
pub(crate) fn place_all(db: &Connection) -> Result<()> {
    let mut people = db.prepare("SELECT DISTINCT patient FROM resource")?;
    let patients = people.query_map([], |r| r.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut list = db.prepare(
        "SELECT r.rid, r.type, r.id, s.sector, v.content FROM resource r JOIN source s ON s.source=r.source
         JOIN version v ON v.rid=r.rid AND v.version=r.version
         WHERE r.patient=?1 AND v.content IS NOT NULL",
    )?;
    for patient in patients {
        let mut rows = list.query([&patient])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let key = Key::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?);
            let sector = Sector::of(&row.get::<_, String>(3)?).unwrap_or(Sector::Health);
            let map: Map<String, Value> = serde_json::from_str(&row.get::<_, Text>(4)?.0)?;
            all.push((row.get::<_, i64>(0)?, key, sector, map));
        }
        let times = Times::of(all.iter().map(|(_, key, _, map)| (key, map)));
        for (rid, key, sector, map) in &all {
            let place = Place::of(key, map, *sector, &times);
            db.prepare_cached("UPDATE resource SET part=?2, low=?3, elsewhere=?4 WHERE rid=?1")?
                .execute(params![rid, place.part, place.low, place.elsewhere])?;
        }
    }
    Ok(())
}
