//! The statement of a search, and its pages.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use super::super::read;
use super::query::{Condition, Query, SortBy, SortKey, refuse};
use crate::error::Result;
use crate::limits;

/// The rows of these Patients that have one of these codes.
fn of_code(codes: &[(String, Option<String>)], patients: &[String], values: &mut Vec<Sql>) -> String {
    let marks = vec!["?"; patients.len()].join(",");
    let mut queries = Vec::new();
    for (code, system) in codes {
        let of_system = if system.is_some() { " AND x.system=?" } else { "" };
        queries
            .push(format!("SELECT x.rid FROM coded x WHERE x.patient IN ({marks}) AND x.code=?{of_system}"));
        values.extend(patients.iter().cloned().map(Sql::Text));
        values.extend(std::iter::once(code).chain(system).cloned().map(Sql::Text));
    }
    queries.join(" UNION ALL ")
}

/// FROM and WHERE of the query, with its values.
pub(super) fn filter(kind: &str, query: &Query) -> (String, Vec<Sql>) {
    let by_person = query.patients.is_some();
    let has_driver = query.conditions.iter().any(|c| c.driver.is_some());
    // The planner has no statistics: it is told which index to begin with, so that it never walks all
    // resources of a type where a person or a value is given.
    let people = query.patients.as_ref().map_or(0, Vec::len);
    let few = |c: &Condition| !c.codes.is_empty() && people * c.codes.len() <= limits::CODED_VALUES_MAX;
    let coded = query.conditions.iter().position(|c| by_person && few(c));
    let head = match (by_person, has_driver) {
        (true, _) if coded.is_some() => "FROM resource r WHERE +r.type=? AND +r.state='told'",
        (true, _) => "FROM resource r INDEXED BY resource_patient WHERE r.type=? AND r.state='told'",
        (false, true) => "FROM resource r WHERE +r.type=? AND +r.state='told'",
        (false, false) => "FROM resource r WHERE r.type=? AND r.state='told'",
    };
    let mut sql = head.to_owned();
    let mut values = vec![Sql::Text(kind.to_owned())];
    if !query.asks_status {
        sql.push_str(" AND r.withdrawn=0");
    }
    if let Some(patients) = &query.patients {
        let marks = vec!["?"; patients.len()].join(",");
        let plus = if coded.is_some() { "+" } else { "" };
        sql.push_str(&format!(" AND {plus}r.patient IN ({marks})"));
        values.extend(patients.iter().cloned().map(Sql::Text));
    }
    let can_drive = |weak: bool| query.conditions.iter().position(|c| c.driver.is_some() && c.weak == weak);
    let first = if by_person { None } else { can_drive(false).or_else(|| can_drive(true)) };
    for (number, condition) in query.conditions.iter().enumerate() {
        if let (true, Some(patients)) = (coded == Some(number), &query.patients) {
            sql.push_str(&format!(" AND r.rid IN ({})", of_code(&condition.codes, patients, &mut values)));
            continue;
        }
        match &condition.driver {
            Some(driver) if first == Some(number) => sql.push_str(&format!(" AND r.rid IN ({driver})")),
            _ => sql.push_str(&format!(" AND {}", condition.sql)),
        }
        values.extend(condition.values.iter().cloned());
    }
    if query.one_per_person {
        let first =
            format!("SELECT min(g.rid) FROM member g WHERE g.rid IN (SELECT r.rid {sql}) GROUP BY g.pid");
        sql = format!("FROM resource r WHERE r.rid IN ({first})");
    }
    (sql, values)
}

pub(super) fn count(db: &Connection, kind: &str, query: &Query) -> Result<u64> {
    if query.nobody() {
        return Ok(0);
    }
    let (from, values) = filter(kind, query);
    let mut find = db.prepare_cached(&format!("SELECT count(*) {from}"))?;
    Ok(find.query_row(params_from_iter(values), |row| read::count_at(row, 0))?)
}

/// Rows of one page, and the token of the next.
pub(super) fn page(db: &Connection, kind: &str, query: &Query) -> Result<(Vec<i64>, Option<String>)> {
    if query.nobody() {
        return Ok((Vec::new(), None));
    }
    let mut keys: Vec<&SortKey> = query.sort.iter().take_while(|k| k.by != SortBy::Rid).collect();
    let by_rid = SortKey {
        by: SortBy::Rid,
        descending: query.sort.get(keys.len()).or(query.sort.last()).is_some_and(|k| k.descending),
    };
    keys.push(&by_rid);
    let mut values = Vec::new();
    let columns: Vec<String> =
        keys.iter().enumerate().map(|(n, key)| format!("{} AS k{n}", column(key, &mut values))).collect();
    let (from, found) = filter(kind, query);
    values.extend(found);
    let mut sql = format!("SELECT * FROM (SELECT {} {from})", columns.join(", "));
    if let Some(after) = &query.page {
        if after.len() != keys.len() {
            return refuse("_page is not one that was given out");
        }
        sql.push_str(&format!(" WHERE {}", beyond(&keys, after, &mut values)));
    }
    let order: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(n, k)| format!("k{n} {}", if k.descending { "DESC" } else { "ASC" }))
        .collect();
    sql.push_str(&format!(" ORDER BY {} LIMIT ?", order.join(", ")));
    values.push(Sql::Integer(query.count as i64 + 1));
    let mut list = db.prepare_cached(&sql)?;
    let width = keys.len();
    let mut rows = list
        .query_map(params_from_iter(values), |row| (0..width).map(|n| row.get::<_, Sql>(n)).collect())?
        .collect::<rusqlite::Result<Vec<Vec<Sql>>>>()?;
    let more = rows.len() > query.count;
    rows.truncate(query.count);
    let next = rows.last().filter(|_| more).map(|keys| page_token(keys));
    let rid = |keys: &Vec<Sql>| match keys.last() {
        Some(Sql::Integer(rid)) => *rid,
        _ => 0,
    };
    Ok((rows.iter().map(rid).collect(), next))
}

/// What a key sorts by; resources without it come last, whichever way.
fn column(key: &SortKey, values: &mut Vec<Sql>) -> String {
    let (table, column, param, last) = match key.by {
        SortBy::Rid => return "r.rid".to_owned(),
        SortBy::Updated => return "r.updated".to_owned(),
        SortBy::Date(param) => {
            ("ix_date", "low", param, Sql::Integer(if key.descending { i64::MIN } else { i64::MAX }))
        }
        SortBy::Text(param) => {
            let last = if key.descending { "" } else { "\u{10FFFF}" };
            ("ix_string", "folded", param, Sql::Text(last.to_owned()))
        }
    };
    values.extend([Sql::Text(param.to_owned()), last]);
    format!("coalesce((SELECT min(d.{column}) FROM {table} d WHERE d.rid=r.rid AND d.param=?),?)")
}

/// Rows after the one with these keys, in the order of the keys.
fn beyond(keys: &[&SortKey], after: &[Sql], values: &mut Vec<Sql>) -> String {
    let mut tests = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        let mut test: Vec<String> = (0..n).map(|before| format!("k{before}=?")).collect();
        test.push(format!("k{n}{}?", if key.descending { "<" } else { ">" }));
        values.extend(after.iter().take(n + 1).cloned());
        tests.push(format!("({})", test.join(" AND ")));
    }
    format!("({})", tests.join(" OR "))
}

/// A page's token: the keys of the last row before it, numbers as they are, texts as `t` and hexadecimal digits.
pub(super) fn page_of(value: &str) -> Result<Vec<Sql>> {
    let key = |part: &str| match part.strip_prefix('t') {
        None => part.parse().ok().map(Sql::Integer),
        Some(hex) => {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
            String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok().map(Sql::Text)
        }
    };
    let keys: Option<Vec<Sql>> = value.split('.').map(key).collect();
    keys.map_or_else(|| refuse("_page is not one that was given out"), Ok)
}

fn page_token(keys: &[Sql]) -> String {
    let parts: Vec<String> = keys
        .iter()
        .map(|key| match key {
            Sql::Integer(number) => number.to_string(),
            Sql::Text(text) => text.bytes().fold("t".to_owned(), |out, b| format!("{out}{b:02x}")),
            _ => "0".to_owned(),
        })
        .collect();
    parts.join(".")
}
