//! FHIR search: parameters into SQL. Where the person is named, the person's own rows drive the query and
//! the index tables are asked per row, so that the cost follows that person's data and nobody else's.
//!
//! Parameters are R4's (`parameters.rs`): those of `params.rs` from an index, the others evaluated over the resource.
//! Chains (`subject:Patient.name`, `encounter.type`) and `_has` become queries within the query. Results: `_count`,
//! `_sort` by several, `_page`, `_include`, `_revinclude`, `_elements`, `_summary`, `_total`.
//!
//! What would be left out and so answer about other people is refused: an unknown modifier, a chain that can't be
//! followed, an unknown parameter where nothing else says whom or what is meant (R4, search, "Modifiers"). `ge` and `le`
//! also find a range that only touches the value's (a stay that ended on that day); `ap` means that the ranges meet.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};

use crate::error::{RecordError, Result};
use crate::model::{SearchOptions, SearchPage};
use crate::parameters::{self, Definition, split};
use crate::params::{self, Comparison, Kind, Param};
use crate::paths::fold;
use crate::{dates, limits, reference};

use super::view::View;
use super::{index, links, people, read, searchset};

/// A search as understood.
#[derive(Debug, Default)]
pub(crate) struct Query {
    conditions: Vec<Condition>,
    /// Patients that it is limited to; `None` where it names no person.
    patients: Option<Vec<String>>,
    /// Whether it asks for statuses, and so also for what was withdrawn.
    asks_status: bool,
    count: usize,
    sort: Vec<SortKey>,
    page: Option<Vec<Sql>>,
    pub view: View,
    pub includes: Vec<Include>,
    only_count: bool,
    total: Option<bool>,
    pub unknown: Vec<String>,
    /// Whether of each person's Patients one is found, for all of them.
    pub one_per_person: bool,
    /// Whether Patients are asked for by ids that sources gave.
    by_source: bool,
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
    /// Where it is answered of a person by `coded`: the code and perhaps the system of each alternative.
    codes: Vec<(String, Option<String>)>,
}

/// What the answer is ordered by; last of all by `rid`.
#[derive(Debug)]
struct SortKey {
    by: SortBy,
    descending: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum SortBy {
    Rid,
    Updated,
    Date(&'static str),
    Text(&'static str),
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
    if !reference::is_type(kind) {
        return refuse("not a resource type");
    }
    if given.len() > limits::PARAMS_MAX {
        return refuse("too many parameters");
    }
    let mut query = understand(db, kind, given)?;
    // Who asks by the id of one source's Patient means that one.
    query.one_per_person = kind == "Patient" && !options.each_source && !query.by_source;
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
    for (name, value) in given {
        if name.matches('.').count() + name.matches("_has:").count() > limits::CHAIN_STEPS_MAX {
            return refuse(format!("a chain has {} steps at most", limits::CHAIN_STEPS_MAX));
        }
        if !control(kind, name, value, &mut query)? && !condition(db, kind, name, value, &mut query)? {
            query.unknown.push(name.clone());
        }
    }
    let narrowed = query.patients.is_some() || query.conditions.iter().any(|c| c.driver.is_some() && !c.weak);
    if let Some(name) = query.unknown.iter().find(|name| !narrowed && !name.starts_with('_')) {
        return refuse(format!(
            "unknown parameter {name}; without it this search would answer about everyone"
        ));
    }
    Ok(query)
}

/// Takes in what says how to answer rather than what to find; gives whether it is that.
fn control(kind: &str, name: &str, value: &str, query: &mut Query) -> Result<bool> {
    let (base, modifier) = name.split_once(':').unwrap_or((name, ""));
    match base {
        "_count" => {
            query.count = match value.parse::<usize>() {
                Ok(count) => count.min(limits::PAGE_MAX),
                Err(_) => return refuse("_count is not a number"),
            };
            query.only_count |= query.count == 0;
        }
        "_summary" if value == "count" => query.only_count = true,
        "_summary" => match View::summary(value) {
            Some(view) => query.view = view,
            None => return refuse("_summary is none of true, false, text, data, count"),
        },
        "_elements" => query.view = View::elements(&split(value)),
        "_total" => match value {
            "none" => query.total = Some(false),
            "estimate" | "accurate" => query.total = Some(true),
            _ => return refuse("_total is none of none, estimate, accurate"),
        },
        // What Aidbox calls it, and fhirpy's `count()` sends to every server.
        "_totalMethod" => match value {
            "none" => query.total = Some(false),
            "count" | "estimate" => query.total = Some(true),
            _ => return refuse("_totalMethod is none of none, estimate, count"),
        },
        "_format" | "_pretty" => {}
        "_sort" => {
            if !sort(kind, value, &mut query.sort) {
                query.unknown.push(name.to_owned());
            }
            return Ok(true);
        }
        "_page" => query.page = Some(page_of(value)?),
        "_include" | "_revinclude" => {
            if !modifier.is_empty() || !include(value, base == "_revinclude", &mut query.includes) {
                query.unknown.push(name.to_owned());
            }
            return Ok(true);
        }
        _ => return Ok(false),
    }
    if modifier.is_empty() { Ok(true) } else { refuse(format!("{base} takes no modifier")) }
}

fn sort(kind: &str, value: &str, sort: &mut Vec<SortKey>) -> bool {
    for key in value.split(',') {
        let (name, descending) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
        let by = match name {
            "_id" => SortBy::Rid,
            "_lastUpdated" => SortBy::Updated,
            name => match params::find(kind, name).map(|p| (p.kind, p.name)) {
                Some((Kind::Date, name)) => SortBy::Date(name),
                Some((Kind::Text, name)) => SortBy::Text(name),
                _ => return false,
            },
        };
        sort.push(SortKey { by, descending });
    }
    sort.len() <= limits::SORT_KEYS_MAX
}

/// A page's token: the keys of the last row before it, numbers as they are, texts as `t` and hexadecimal digits.
fn page_of(value: &str) -> Result<Vec<Sql>> {
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

fn include(value: &str, reverse: bool, out: &mut Vec<Include>) -> bool {
    let mut parts = value.split(':');
    let (kind, param) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let known =
        reference::is_type(kind) && params::find(kind, param).is_some_and(|p| p.kind == Kind::Reference);
    if known {
        out.push(Include { kind: kind.to_owned(), param: param.to_owned(), reverse });
    }
    known
}

/// Takes one condition in; gives whether it is known.
fn condition(db: &Connection, kind: &str, name: &str, value: &str, query: &mut Query) -> Result<bool> {
    if let Some(rest) = name.strip_prefix("_has:") {
        return has(db, kind, rest, value, query).map(|()| true);
    }
    if let Some((first, rest)) = name.split_once('.') {
        return chain(db, kind, first, rest, value, query).map(|()| true);
    }
    let (base, modifier) = name.split_once(':').unwrap_or((name, ""));
    let alternatives: Vec<String> = split(value);
    if alternatives.len() > limits::ALTERNATIVES_MAX {
        return refuse("too many alternatives");
    }
    let indexed = params::find(kind, base);
    let defined = parameters::find(kind, base);
    match base {
        "_id" | "_lastUpdated" if !modifier.is_empty() => return refuse(format!("{base} takes no modifier")),
        "_id" => {
            let mut ids = Vec::new();
            for id in alternatives {
                match people::pid_of_id(db, &id)? {
                    Some(pid) if kind == "Patient" => ids.extend(people::members(db, pid)?),
                    _ => {
                        query.by_source = true;
                        ids.push(id);
                    }
                }
            }
            let alternatives = ids;
            any(query, &alternatives, "r.id=?", |v| Ok(vec![Sql::Text(v.to_owned())]), None)?;
            return Ok(true);
        }
        "_lastUpdated" => {
            for text in &alternatives {
                let (sql, values) = compare_date(text, "r.updated", "r.updated")?;
                query.conditions.push(Condition { sql, values, driver: None, weak: true, codes: Vec::new() });
            }
            return Ok(true);
        }
        _ if base.starts_with('_') && defined.is_none() && indexed.is_none() => {
            return refuse(format!("{base} is not supported"));
        }
        _ if indexed.is_none() && defined.is_none() => return Ok(false),
        _ => {}
    }
    let comparison =
        defined.map_or_else(|| indexed.map_or(Comparison::Token, |p| p.kind.comparison()), |d| d.kind);
    if !comparison.takes(modifier) {
        return refuse(format!("the modifier {modifier} of {base} is not supported"));
    }
    query.asks_status |= base == "status" || base == "verification-status";
    if modifier == "missing" {
        return missing(kind, base, value, indexed, defined, query).map(|()| true);
    }
    if params::is_patient(base) && kind != "Patient" {
        match modifier {
            "" | "Patient" => narrow(query, persons_of(db, &alternatives)?),
            "identifier" => narrow(query, patients_with(db, &alternatives)?),
            // A resource of a person is about no device and no group.
            _ => narrow(query, Vec::new()),
        }
        return Ok(true);
    }
    // An index answers where it is kept of the same elements and knows the modifier.
    let same = |param: &&Param| defined.is_none_or(|d| d.kind == param.kind.comparison());
    let taken = match indexed.filter(same) {
        None => false,
        Some(param) => match param.kind {
            Kind::Token => token(query, param, modifier, &alternatives)?,
            Kind::Date => date(query, param, modifier, &alternatives)?,
            Kind::Text => text(query, param, modifier, &alternatives)?,
            Kind::Reference => reference(db, query, param, modifier, &alternatives)?,
        },
    };
    if !taken {
        if defined.is_none() {
            return refuse(format!("the modifier {modifier} of {base} is not supported"));
        }
        well_formed(comparison, &alternatives)?;
        evaluated(query, kind, base, modifier, value);
    }
    Ok(true)
}

/// Refuses what can't be a value of the parameter.
fn well_formed(comparison: Comparison, alternatives: &[String]) -> Result<()> {
    let number = |text: &str| {
        let (_, digits) = crate::compare::prefixed(text);
        digits.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
            && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))
    };
    for text in alternatives {
        match comparison {
            Comparison::Number if !number(text) => return refuse("not a number"),
            Comparison::Quantity if !number(text.split('|').next().unwrap_or("")) => {
                return refuse("not a quantity: number|system|code");
            }
            Comparison::Date => drop(compare_date(text, "0", "0")?),
            Comparison::Composite if !text.contains('$') => return refuse("not a composite value: a$b"),
            _ => {}
        }
    }
    Ok(())
}

/// A condition that is evaluated over the resource itself ([`crate::parameters`]).
fn evaluated(query: &mut Query, kind: &str, base: &str, modifier: &str, value: &str) {
    let sql =
        "fhir_match((SELECT v.content FROM version v WHERE v.rid=r.rid AND v.version=r.version),?,?,?,?)";
    let values = [kind, base, modifier, value].map(|text| Sql::Text(text.to_owned())).to_vec();
    query.conditions.push(Condition {
        sql: sql.to_owned(),
        values,
        driver: None,
        weak: true,
        codes: Vec::new(),
    });
}

/// What [`evaluated`] asks: type, parameter, modifier and value over the content of a resource.
pub(crate) fn matches(content: &str, kind: &str, base: &str, modifier: &str, value: &str) -> bool {
    let Some(definition) = parameters::find(kind, base) else { return false };
    let Ok(resource) = serde_json::from_str(content) else { return false };
    definition.holds(&resource, modifier, &split(value))
}

fn missing(
    kind: &str,
    base: &str,
    value: &str,
    indexed: Option<&'static Param>,
    defined: Option<&'static Definition>,
    query: &mut Query,
) -> Result<()> {
    let absent = match value {
        "true" => true,
        "false" => false,
        _ => return refuse("missing is true or false"),
    };
    let (sql, values) = match indexed {
        _ if params::is_patient(base) => {
            (if absent { "r.patient=''" } else { "r.patient<>''" }.to_owned(), Vec::new())
        }
        Some(param) if params::is_label(param.name) => {
            let not = if absent { "NOT " } else { "" };
            let sql = format!("r.labels {not}IN (SELECT x.number FROM label x WHERE x.param=?)");
            (sql, vec![Sql::Text(param.name.to_owned())])
        }
        Some(param) if defined.is_none_or(|d| d.kind == param.kind.comparison()) => {
            let (table, not) = (table(param.kind), if absent { "NOT " } else { "" });
            let sql = format!("{not}EXISTS(SELECT 1 FROM {table} x WHERE x.rid=r.rid AND x.param=?)");
            (sql, vec![Sql::Text(param.name.to_owned())])
        }
        _ => {
            evaluated(query, kind, base, "missing", value);
            return Ok(());
        }
    };
    query.conditions.push(Condition { sql, values, driver: None, weak: true, codes: Vec::new() });
    Ok(())
}

/// `first.rest=value`: what `first` leads to meets `rest=value`. Other people are never an answer: a chain that can't be
/// followed is refused.
fn chain(db: &Connection, kind: &str, first: &str, rest: &str, value: &str, query: &mut Query) -> Result<()> {
    let (param, target) =
        first.split_once(':').map_or((first, None), |(param, target)| (param, Some(target)));
    let indexed = params::find(kind, param).filter(|p| p.kind == Kind::Reference);
    let to_patient = params::is_patient(param) && kind != "Patient";
    if indexed.is_none() && !to_patient {
        return refuse(format!("a chain over {param} is not supported"));
    }
    let may = parameters::targets_of(kind, param);
    let targets: Vec<&str> = match target {
        Some(target) if !parameters::is_r4_type(target) || !(may.is_empty() || may.contains(&target)) => {
            return refuse(format!("{param} does not lead to {target}"));
        }
        Some(target) => vec![target],
        None if to_patient => vec!["Patient"],
        None if may.is_empty() => return refuse(format!("say the type: {param}:Type.{rest}")),
        None => may.to_vec(),
    };
    if to_patient {
        if targets != ["Patient"] {
            narrow(query, Vec::new());
            return Ok(());
        }
        if rest == "identifier" {
            narrow(query, patients_with(db, &split(value))?);
            return Ok(());
        }
    }
    let mut inner = String::new();
    let mut values = Vec::new();
    for target in targets {
        let base = rest.split(['.', ':']).next().unwrap_or(rest);
        if parameters::find(target, base).is_none() && params::find(target, base).is_none() && base != "_has"
        {
            continue;
        }
        let (from, found) = within(db, target, rest, value)?;
        let select = if to_patient { "r.id" } else { "r.rid" };
        inner.push_str(if inner.is_empty() { "" } else { " UNION ALL " });
        inner.push_str(&format!("SELECT {select} {from}"));
        values.extend(found);
    }
    if inner.is_empty() {
        return refuse(format!("{rest} is no parameter of what {param} leads to"));
    }
    let (sql, driver) = if to_patient {
        // All that the sources of that person tell.
        let of = format!(
            "SELECT b.patient FROM member a JOIN member b ON b.pid=a.pid WHERE a.patient IN ({inner})"
        );
        let driver =
            format!("SELECT q.rid FROM resource q INDEXED BY resource_patient WHERE q.patient IN ({of})");
        (format!("r.patient IN ({of})"), driver)
    } else {
        let driver = referring(param, &inner, &mut values);
        (format!("r.rid IN ({driver})"), driver)
    };
    query.conditions.push(Condition { sql, values, driver: Some(driver), weak: false, codes: Vec::new() });
    Ok(())
}

/// `_has:Type:reference:rest=value`: a resource of that type leads here by that reference and meets `rest=value`.
fn has(db: &Connection, kind: &str, rest: &str, value: &str, query: &mut Query) -> Result<()> {
    let mut parts = rest.splitn(3, ':');
    let (Some(of), Some(link), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return refuse("_has is _has:Type:reference:parameter");
    };
    if !parameters::is_r4_type(of) {
        return refuse(format!("{of} is not a resource type"));
    }
    let (from, values) = within(db, of, rest, value)?;
    let (sql, driver, values) = if kind == "Patient" && params::is_patient(link) {
        let of = format!("SELECT r.patient {from}");
        let driver = format!("SELECT q.rid FROM resource q WHERE q.type='Patient' AND q.id IN ({of})");
        (format!("r.id IN ({of})"), driver, values)
    } else if params::find(of, link).is_some_and(|p| p.kind == Kind::Reference) {
        let driver =
            format!("SELECT x.target FROM link x WHERE x.param=? AND x.rid IN (SELECT r.rid {from})");
        let values = std::iter::once(Sql::Text(link.to_owned())).chain(values).collect();
        (format!("r.rid IN ({driver})"), driver, values)
    } else {
        return refuse(format!("{link} is no reference of {of} that can be followed"));
    };
    query.conditions.push(Condition { sql, values, driver: Some(driver), weak: false, codes: Vec::new() });
    Ok(())
}

/// A query for the rows that refer, by a parameter, to one of the numbers that a query gives as `rid`; its values are put
/// before and after those of that query.
fn referring(param: &str, targets: &str, values: &mut Vec<Sql>) -> String {
    let of_targets = values.clone();
    values.insert(0, Sql::Text(param.to_owned()));
    let mut sql = format!("SELECT x.rid FROM ix_ref x WHERE x.param=? AND x.target IN ({targets})");
    if param == links::TARGET {
        let within = links::in_set("i.rid");
        sql.push_str(&format!(
            " UNION ALL SELECT y.rid FROM ({targets}) i CROSS JOIN ix_target y ON {within}"
        ));
        values.extend(of_targets);
    }
    sql
}

/// FROM and WHERE of a search within a search.
fn within(db: &Connection, kind: &str, name: &str, value: &str) -> Result<(String, Vec<Sql>)> {
    let mut query = Query::default();
    if !condition(db, kind, name, value, &mut query)? {
        return refuse(format!("{name} is no parameter of {kind}"));
    }
    if query.nobody() {
        return Ok(("FROM resource r WHERE 0".to_owned(), Vec::new()));
    }
    Ok(filter(kind, &query))
}

fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "ix_token",
        Kind::Date => "ix_date",
        Kind::Text => "ix_string",
        Kind::Reference => "link",
    }
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
        let id = reference::key_of(reference).map_or_else(|| reference.clone(), |key| key.id);
        let found = match people::whose(db, &id)? {
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
    query.conditions.push(Condition { sql, values: all, driver, weak: false, codes: Vec::new() });
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
    if params::is_label(param.name) {
        let not = match modifier {
            "" => "",
            "not" => "NOT ",
            _ => return Ok(false),
        };
        let sets = format!("SELECT x.number FROM label x WHERE {tests_sql}");
        let driver =
            not.is_empty().then(|| format!("SELECT q.rid FROM resource q WHERE q.labels IN ({sets})"));
        query.conditions.push(Condition {
            sql: format!("r.labels {not}IN ({sets})"),
            values,
            driver,
            weak: true,
            codes: Vec::new(),
        });
        return Ok(true);
    }
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
    let coded = param.name == index::CODE && driver.is_some();
    let codes = alternatives.iter().filter(|_| coded).map(|a| match a.split_once('|') {
        Some((system, code)) => (code.to_owned(), Some(system.to_owned())),
        None => (a.clone(), None),
    });
    query.conditions.push(Condition { codes: codes.collect(), sql, values, driver, weak });
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
    query.conditions.push(Condition { sql, values, driver, weak, codes: Vec::new() });
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

fn reference(
    db: &Connection,
    query: &mut Query,
    param: &Param,
    modifier: &str,
    alternatives: &[String],
) -> Result<bool> {
    if !modifier.is_empty() && !reference::is_type(modifier) {
        return Ok(false);
    }
    let mut numbers = Vec::new();
    for alternative in alternatives {
        match (reference::key_of(alternative), modifier) {
            (Some(_), _) => numbers.extend(links::number(db, alternative)?),
            // An id without a type: any type.
            (None, "") => numbers.extend(links::numbers_of_id(db, alternative)?),
            (None, kind) => numbers.extend(links::number(db, &format!("{kind}/{alternative}"))?),
        }
    }
    if numbers.is_empty() {
        // No resource has it.
        numbers.push(0);
    }
    let mut values = Vec::new();
    let mut queries = Vec::new();
    for number in numbers {
        queries.push("SELECT x.rid FROM ix_ref x WHERE x.param=? AND x.target=?".to_owned());
        values.extend([Sql::Text(param.name.to_owned()), Sql::Integer(number)]);
        if param.name == links::TARGET && number > 0 {
            queries.push(format!("SELECT y.rid FROM ix_target y WHERE {}", links::in_set("?")));
            values.extend([Sql::Integer(number), Sql::Integer(number)]);
        }
    }
    let driver = queries.join(" UNION ALL ");
    query.conditions.push(Condition {
        sql: format!("r.rid IN ({driver})"),
        values,
        driver: Some(driver),
        weak: false,
        codes: Vec::new(),
    });
    Ok(true)
}

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
fn filter(kind: &str, query: &Query) -> (String, Vec<Sql>) {
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
