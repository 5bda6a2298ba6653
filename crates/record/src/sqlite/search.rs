//! FHIR search: parameters into SQL. Where the person is named, the person's own rows drive the query and
//! the index tables are asked per row, so that the cost follows that person's data and nobody else's.
//!
//! Parameters: those of `params.rs`, `_id`, `_lastUpdated`, `_count`, `_sort` (`date` and other dates of the
//! type, `_lastUpdated`, `_id`, each also descending), `_page`, `_include`, `_revinclude`, `_summary=count`,
//! `_total`, `patient.identifier` and `subject.identifier`. Modifiers: `:exact`, `:contains` (text), `:not`
//! (token), `:missing`, `:identifier` (patient, subject), `:Patient` (reference). `ge` and `le` also find a
//! range that only touches the value's (a stay that ended on that day); `ap` means that the ranges meet.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use crate::error::{RecordError, Result};
use crate::model::{SearchOptions, SearchPage};
use crate::params::{self, Kind, Param};
use crate::paths::fold;
use crate::{bundle, dates, limits};

use super::{people, read, searchset};

/// A search as understood.
#[derive(Debug, Default)]
pub(crate) struct Query {
    conditions: Vec<Condition>,
    /// Patients that it is limited to; `None` where it names no person.
    patients: Option<Vec<String>>,
    /// Whether it asks for statuses, and so also for what was withdrawn.
    asks_status: bool,
    count: usize,
    sort: Sort,
    page: Option<(i64, i64)>,
    pub includes: Vec<Include>,
    only_count: bool,
    total: Option<bool>,
    pub unknown: Vec<String>,
}

impl Query {
    /// Whether it is limited to people of whom none is known.
    fn nobody(&self) -> bool {
        self.patients.as_ref().is_some_and(Vec::is_empty)
    }
}

/// A condition, as SQL that holds for `r`, and, where it can, as a query that gives `rid`s by itself.
#[derive(Debug)]
struct Condition {
    sql: String,
    values: Vec<Sql>,
    /// The same as `SELECT rid …`.
    driver: Option<String>,
    /// Whether it holds for a large part of all resources, and so is a bad beginning.
    weak: bool,
}

#[derive(Debug, Default)]
struct Sort {
    /// `rid`, `updated` or the name of a date parameter.
    by: String,
    descending: bool,
}

#[derive(Debug)]
pub(crate) struct Include {
    pub kind: String,
    pub param: String,
    pub reverse: bool,
}

fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(RecordError::Search(text.into()))
}

/// Answers a search.
pub(crate) fn search(
    db: &Connection,
    kind: &str,
    given: &[(String, String)],
    options: &SearchOptions,
) -> Result<SearchPage> {
    if !bundle::is_type(kind) {
        return refuse("not a resource type");
    }
    if given.len() > limits::PARAMS_MAX {
        return refuse("too many parameters");
    }
    let query = understand(db, kind, given)?;
    if options.strict && !query.unknown.is_empty() {
        return refuse(format!("unknown parameter {}", query.unknown.join(", ")));
    }
    let wants_total = query.only_count || query.total.unwrap_or(query.patients.is_some());
    let total = if wants_total { Some(count(db, kind, &query)?) } else { None };
    let (rows, next) = if query.only_count { (Vec::new(), None) } else { page(db, kind, &query)? };
    searchset::answer(db, kind, given, options, &query, rows, next, total)
}

fn understand(db: &Connection, kind: &str, given: &[(String, String)]) -> Result<Query> {
    let mut query = Query { count: limits::PAGE_DEFAULT, ..Query::default() };
    query.sort.by = "rid".to_owned();
    for (name, value) in given {
        let (base, modifier) =
            name.split_once(':').map_or((name.as_str(), ""), |(base, modifier)| (base, modifier));
        let known = match base {
            "_count" => {
                query.count = match value.parse::<usize>() {
                    Ok(count) => count.min(limits::PAGE_MAX),
                    Err(_) => return refuse("_count is not a number"),
                };
                if query.count == 0 {
                    query.only_count = true;
                }
                true
            }
            "_summary" => {
                query.only_count |= value == "count";
                matches!(value.as_str(), "count" | "false")
            }
            "_total" => {
                query.total = Some(value != "none");
                true
            }
            "_format" | "_pretty" => true,
            "_sort" => sort(kind, value, &mut query.sort),
            "_page" => {
                query.page = Some(page_of(value)?);
                true
            }
            "_include" | "_revinclude" => include(value, base == "_revinclude", &mut query.includes),
            _ => condition(db, kind, base, modifier, value, &mut query)?,
        };
        if !known {
            query.unknown.push(name.clone());
        }
    }
    Ok(query)
}

fn sort(kind: &str, value: &str, sort: &mut Sort) -> bool {
    let first = value.split(',').next().unwrap_or("");
    let (name, descending) = first.strip_prefix('-').map_or((first, false), |name| (name, true));
    let by = match name {
        "_id" => "rid",
        "_lastUpdated" => "updated",
        name => match params::find(kind, name) {
            Some(param) if param.kind == Kind::Date => param.name,
            _ => return false,
        },
    };
    *sort = Sort { by: by.to_owned(), descending };
    !value.contains(',')
}

fn page_of(value: &str) -> Result<(i64, i64)> {
    let (key, rid) = value.split_once('.').unwrap_or(("", ""));
    match (key.parse(), rid.parse()) {
        (Ok(key), Ok(rid)) => Ok((key, rid)),
        _ => refuse("_page is not one that was given out"),
    }
}

fn include(value: &str, reverse: bool, out: &mut Vec<Include>) -> bool {
    let mut parts = value.split(':');
    let (kind, param) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let known = bundle::is_type(kind) && params::find(kind, param).is_some_and(|p| p.kind == Kind::Reference);
    if known {
        out.push(Include { kind: kind.to_owned(), param: param.to_owned(), reverse });
    }
    known
}

/// Takes one condition in; gives whether it is known.
fn condition(
    db: &Connection,
    kind: &str,
    base: &str,
    modifier: &str,
    value: &str,
    query: &mut Query,
) -> Result<bool> {
    let alternatives: Vec<String> = split(value);
    if alternatives.len() > limits::ALTERNATIVES_MAX {
        return refuse("too many alternatives");
    }
    match base {
        "_id" => {
            any(query, &alternatives, "r.id=?", |v| Ok(vec![Sql::Text(v.to_owned())]), None)?;
            return Ok(modifier.is_empty());
        }
        "_lastUpdated" => {
            for text in &alternatives {
                let (sql, values) = compare_date(text, "r.updated", "r.updated")?;
                query.conditions.push(Condition { sql, values, driver: None, weak: true });
            }
            return Ok(modifier.is_empty());
        }
        _ => {}
    }
    let chained = base.split_once('.');
    let person_by_identifier = match chained {
        Some((param, "identifier")) => params::is_patient(param),
        _ => params::is_patient(base) && modifier == "identifier",
    };
    if person_by_identifier && kind != "Patient" {
        narrow(query, patients_with(db, &alternatives)?);
        return Ok(true);
    }
    let Some(param) = params::find(kind, base) else { return Ok(false) };
    if params::is_patient(base) && matches!(modifier, "" | "Patient") {
        narrow(query, persons_of(db, &alternatives)?);
        return Ok(true);
    }
    query.asks_status |= base == "status" || base == "verification-status";
    if modifier == "missing" {
        let table = table(param.kind);
        let not = if value == "true" { "NOT " } else { "" };
        let sql = format!("{not}EXISTS(SELECT 1 FROM {table} x WHERE x.rid=r.rid AND x.param=?)");
        let values = vec![Sql::Text(param.name.to_owned())];
        query.conditions.push(Condition { sql, values, driver: None, weak: true });
        return Ok(true);
    }
    match param.kind {
        Kind::Token => token(query, param, modifier, &alternatives),
        Kind::Date => date(query, param, modifier, &alternatives),
        Kind::Text => text(query, param, modifier, &alternatives),
        Kind::Reference => reference(query, param, modifier, &alternatives),
    }
}

fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "ix_token",
        Kind::Date => "ix_date",
        Kind::Text => "ix_string",
        Kind::Reference => "ix_ref",
    }
}

/// Alternatives between commas; `\,` is a comma of the value (FHIR search, escaping).
fn split(value: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let last = out.last_mut();
        match (c, last) {
            (',', _) => out.push(String::new()),
            ('\\', Some(last)) => last.extend(chars.next()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    out
}

/// Limits the query to these Patients as well.
fn narrow(query: &mut Query, patients: Vec<String>) {
    query.patients = Some(match query.patients.take() {
        None => patients,
        Some(before) => before.into_iter().filter(|p| patients.contains(p)).collect(),
    });
}

/// All Patients of the persons of these Patients.
fn persons_of(db: &Connection, references: &[String]) -> Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for reference in references {
        let id = bundle::key_of(reference).map_or_else(|| reference.clone(), |key| key.id);
        let found = match people::pid_of(db, &id)? {
            Some(pid) => people::members(db, pid)?,
            None => vec![id],
        };
        out.extend(found.into_iter().filter(|p| !out.contains(p)).collect::<Vec<_>>());
    }
    Ok(out)
}

/// All Patients of the persons who have one of these identifiers.
fn patients_with(db: &Connection, tokens: &[String]) -> Result<Vec<String>> {
    let mut find = db.prepare_cached(
        "SELECT r.id FROM ix_token i JOIN resource r ON r.rid=i.rid
         WHERE i.code=?1 AND i.param='identifier' AND (?2 IS NULL OR i.system=?2) AND r.type='Patient'
         ORDER BY r.rid LIMIT ?3",
    )?;
    let mut out = Vec::new();
    for token in tokens {
        let (system, code) = match token.split_once('|') {
            Some((system, code)) => (Some(system), code),
            None => (None, token.as_str()),
        };
        let rows =
            find.query_map(rusqlite::params![code, system, limits::MEMBERS_MAX as i64], |row| row.get(0))?;
        out.extend(rows.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    persons_of(db, &out)
}

/// A condition that holds where any alternative does. `driver` is the part of a `SELECT rid` before WHERE.
fn any(
    query: &mut Query,
    alternatives: &[String],
    test: &str,
    values: impl Fn(&str) -> Result<Vec<Sql>>,
    driver: Option<&str>,
) -> Result<()> {
    let mut all = Vec::new();
    for alternative in alternatives {
        all.extend(values(alternative)?);
    }
    let tests = vec![test; alternatives.len()].join(" OR ");
    let (sql, driver) = match driver {
        None => (format!("({tests})"), None),
        Some(from) => (
            format!("EXISTS(SELECT 1 FROM {from} x WHERE x.rid=r.rid AND ({tests}))"),
            Some(format!("SELECT x.rid FROM {from} x WHERE {tests}")),
        ),
    };
    query.conditions.push(Condition { sql, values: all, driver, weak: false });
    Ok(())
}

/// Token parameters whose values a large part of all resources share.
const WEAK: &[&str] =
    &["gender", "active", "status", "category", "intent", "class", "_tag", "clinical-status"];

fn token(query: &mut Query, param: &Param, modifier: &str, alternatives: &[String]) -> Result<bool> {
    let mut tests = Vec::new();
    let mut values = Vec::new();
    for alternative in alternatives {
        values.push(Sql::Text(param.name.to_owned()));
        match alternative.split_once('|') {
            None => {
                tests.push("(x.param=? AND x.code=?)");
                values.push(Sql::Text(alternative.clone()));
            }
            Some((system, "")) => {
                tests.push("(x.param=? AND x.system=?)");
                values.push(Sql::Text(system.to_owned()));
            }
            Some((system, code)) => {
                tests.push("(x.param=? AND x.system=? AND x.code=?)");
                values.push(Sql::Text(system.to_owned()));
                values.push(Sql::Text(code.to_owned()));
            }
        }
    }
    let tests_sql = tests.join(" OR ");
    let (not, driver) = match modifier {
        "" => {
            let whole_system = alternatives.iter().any(|a| a.ends_with('|'));
            let driver = format!("SELECT x.rid FROM ix_token x WHERE {tests_sql}");
            ("", (!whole_system).then_some(driver))
        }
        "not" => ("NOT ", None),
        _ => return Ok(false),
    };
    let sql = format!("{not}EXISTS(SELECT 1 FROM ix_token x WHERE x.rid=r.rid AND ({tests_sql}))");
    let weak = WEAK.contains(&param.name);
    query.conditions.push(Condition { sql, values, driver, weak });
    Ok(true)
}

fn date(query: &mut Query, param: &Param, modifier: &str, alternatives: &[String]) -> Result<bool> {
    if !modifier.is_empty() {
        return Ok(false);
    }
    let mut tests = Vec::new();
    let mut values = Vec::new();
    for alternative in alternatives {
        let (sql, found) = compare_date(alternative, "x.low", "x.high")?;
        tests.push(format!("(x.param=? AND {sql})"));
        values.push(Sql::Text(param.name.to_owned()));
        values.extend(found);
    }
    let tests = tests.join(" OR ");
    let sql = format!("EXISTS(SELECT 1 FROM ix_date x WHERE x.rid=r.rid AND ({tests}))");
    let driver = Some(format!("SELECT x.rid FROM ix_date x WHERE {tests}"));
    let weak = !alternatives.iter().all(|a| a.starts_with(|c: char| c.is_ascii_digit()));
    query.conditions.push(Condition { sql, values, driver, weak });
    Ok(true)
}

/// The comparison that a date with its prefix asks for (FHIR R4, search, date), for a range in two columns.
fn compare_date(text: &str, low: &str, high: &str) -> Result<(String, Vec<Sql>)> {
    let at = text.bytes().take_while(u8::is_ascii_lowercase).count();
    let (prefix, date) = text.split_at_checked(at).unwrap_or(("", text));
    // A `+` of an offset that was not encoded arrives as a blank.
    let Some((from, to)) = dates::range(&date.replace(' ', "+")) else { return refuse("not a date") };
    let (sql, values) = match prefix {
        "" | "eq" => (format!("({low}>=? AND {high}<=?)"), vec![from, to]),
        "ne" => (format!("NOT ({low}>=? AND {high}<=?)"), vec![from, to]),
        "gt" => (format!("{high}>?"), vec![to]),
        "lt" => (format!("{low}<?"), vec![from]),
        "ge" => (format!("{high}>=?"), vec![from]),
        "le" => (format!("{low}<=?"), vec![to]),
        "sa" => (format!("{low}>?"), vec![to]),
        "eb" => (format!("{high}<?"), vec![from]),
        "ap" => (format!("({low}<=? AND {high}>=?)"), vec![to, from]),
        _ => return refuse("not a prefix of a date"),
    };
    Ok((sql, values.into_iter().map(Sql::Integer).collect()))
}

fn text(query: &mut Query, param: &Param, modifier: &str, alternatives: &[String]) -> Result<bool> {
    let name = || Sql::Text(param.name.to_owned());
    match modifier {
        "" => any(
            query,
            alternatives,
            "(x.param=? AND x.folded>=? AND x.folded<?)",
            |v| {
                let low = fold(v);
                let high = format!("{low}\u{10FFFF}");
                Ok(vec![name(), Sql::Text(low), Sql::Text(high)])
            },
            Some("ix_string"),
        )?,
        "exact" => any(
            query,
            alternatives,
            "(x.param=? AND x.folded=? AND x.exact=?)",
            |v| Ok(vec![name(), Sql::Text(fold(v)), Sql::Text(v.to_owned())]),
            Some("ix_string"),
        )?,
        "contains" => any(
            query,
            alternatives,
            "(x.param=? AND instr(x.folded,?)>0)",
            |v| Ok(vec![name(), Sql::Text(fold(v))]),
            Some("ix_string"),
        )?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn reference(query: &mut Query, param: &Param, modifier: &str, alternatives: &[String]) -> Result<bool> {
    if !modifier.is_empty() && !bundle::is_type(modifier) {
        return Ok(false);
    }
    let name = || Sql::Text(param.name.to_owned());
    let mut tests = Vec::new();
    let mut values = Vec::new();
    let mut bare = false;
    for alternative in alternatives {
        values.push(name());
        match (bundle::key_of(alternative), modifier) {
            (Some(key), _) => {
                tests.push("(x.param=? AND x.target=?)");
                values.push(Sql::Text(key.reference()));
            }
            (None, "") => {
                // An id without a type: any type.
                bare = true;
                tests.push("(x.param=? AND substr(x.target, instr(x.target,'/')+1)=?)");
                values.push(Sql::Text(alternative.clone()));
            }
            (None, kind) => {
                tests.push("(x.param=? AND x.target=?)");
                values.push(Sql::Text(format!("{kind}/{alternative}")));
            }
        }
    }
    let tests = tests.join(" OR ");
    let sql = format!("EXISTS(SELECT 1 FROM ix_ref x WHERE x.rid=r.rid AND ({tests}))");
    let driver = (!bare).then(|| format!("SELECT x.rid FROM ix_ref x WHERE {tests}"));
    query.conditions.push(Condition { sql, values, driver, weak: false });
    Ok(true)
}

/// FROM and WHERE of the query, with its values.
fn filter(kind: &str, query: &Query) -> (String, Vec<Sql>) {
    let by_person = query.patients.is_some();
    let has_driver = query.conditions.iter().any(|c| c.driver.is_some());
    // The planner has no statistics: it is told which index to begin with, so that it never walks all
    // resources of a type where a person or a value is given.
    let head = match (by_person, has_driver) {
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
        sql.push_str(&format!(" AND r.patient IN ({marks})"));
        values.extend(patients.iter().cloned().map(Sql::Text));
    }
    let can_drive = |weak: bool| query.conditions.iter().position(|c| c.driver.is_some() && c.weak == weak);
    let first = if by_person { None } else { can_drive(false).or_else(|| can_drive(true)) };
    for (number, condition) in query.conditions.iter().enumerate() {
        match &condition.driver {
            Some(driver) if first == Some(number) => sql.push_str(&format!(" AND r.rid IN ({driver})")),
            _ => sql.push_str(&format!(" AND {}", condition.sql)),
        }
        values.extend(condition.values.iter().cloned());
    }
    (sql, values)
}

fn count(db: &Connection, kind: &str, query: &Query) -> Result<u64> {
    if query.nobody() {
        return Ok(0);
    }
    let (from, values) = filter(kind, query);
    let mut find = db.prepare_cached(&format!("SELECT count(*) {from}"))?;
    Ok(find.query_row(params_from_iter(values), |row| read::count_at(row, 0))?)
}

/// Rows of one page, and the token of the next.
fn page(db: &Connection, kind: &str, query: &Query) -> Result<(Vec<i64>, Option<String>)> {
    if query.nobody() {
        return Ok((Vec::new(), None));
    }
    let (from, values) = filter(kind, query);
    // Resources without the date that is sorted by come last, whichever way.
    let last = if query.sort.descending { i64::MIN } else { i64::MAX };
    let mut all = Vec::new();
    let key = match query.sort.by.as_str() {
        "rid" => "0".to_owned(),
        "updated" => "r.updated".to_owned(),
        param => {
            all.push(Sql::Text(param.to_owned()));
            all.push(Sql::Integer(last));
            "coalesce((SELECT min(d.low) FROM ix_date d WHERE d.rid=r.rid AND d.param=?),?)".to_owned()
        }
    };
    all.extend(values);
    let (order, beyond) = if query.sort.descending { ("DESC", "<") } else { ("ASC", ">") };
    let mut sql = format!("SELECT k, rid FROM (SELECT {key} AS k, r.rid AS rid {from})");
    if query.sort.by == "rid" {
        sql = format!("SELECT 0, r.rid {from}");
        if let Some((_, rid)) = query.page {
            sql.push_str(&format!(" AND r.rid{beyond}?"));
            all.push(Sql::Integer(rid));
        }
        sql.push_str(&format!(" ORDER BY r.rid {order} LIMIT ?"));
    } else {
        if let Some((key, rid)) = query.page {
            sql.push_str(&format!(" WHERE (k{beyond}? OR (k=? AND rid{beyond}?))"));
            all.extend([Sql::Integer(key), Sql::Integer(key), Sql::Integer(rid)]);
        }
        sql.push_str(&format!(" ORDER BY k {order}, rid {order} LIMIT ?"));
    }
    all.push(Sql::Integer(query.count as i64 + 1));
    let mut list = db.prepare_cached(&sql)?;
    let mut rows = list
        .query_map(params_from_iter(all), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > query.count;
    rows.truncate(query.count);
    let next = match rows.last() {
        Some((key, rid)) if more => Some(format!("{key}.{rid}")),
        _ => None,
    };
    Ok((rows.into_iter().map(|(_, rid)| rid).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps by which SQLite would answer.
    fn plan(db: &Connection, kind: &str, query: &Query) -> Vec<String> {
        let (from, values) = filter(kind, query);
        let sql = format!("EXPLAIN QUERY PLAN SELECT r.rid {from} ORDER BY r.rid LIMIT 50");
        let mut list = db.prepare(&sql).unwrap();
        let rows = list.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn no_search_walks_over_other_people() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::sqlite::schema::migrate(&mut db).unwrap();
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("Observation", &[("patient", "p1")]),
            (
                "Observation",
                &[("patient", "p1,p2"), ("code", "a|b,c"), ("date", "ge2025"), ("status:not", "final")],
            ),
            (
                "DiagnosticReport",
                &[("patient", "p1"), ("result", "Observation/x"), ("_lastUpdated", "ge2025")],
            ),
            ("Patient", &[("identifier", "a|b")]),
            ("Patient", &[("family", "a"), ("birthdate", "1941-02-03")]),
            ("Patient", &[("birthdate", "1941-02-03"), ("gender", "female")]),
            ("Condition", &[("encounter", "Encounter/x")]),
            ("Observation", &[("_id", "x")]),
        ];
        for (kind, given) in cases {
            let given: Vec<(String, String)> =
                given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let query = understand(&db, kind, &given).unwrap();
            assert!(query.unknown.is_empty(), "{given:?}");
            let steps = plan(&db, kind, &query);
            assert!(!steps.iter().any(|s| s.starts_with("SCAN")), "{given:?}: {steps:?}");
            let walks_type = |s: &String| s.contains("resource_list");
            assert!(!steps.iter().any(walks_type), "{given:?}: {steps:?}");
        }
    }
}
