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

mod condition;
mod people;
mod query;
mod searchset;
mod statement;
mod values;

use rusqlite::Connection;

use self::condition::condition;
use self::query::{Include, Query, SortBy, SortKey, refuse};
use self::statement::{count, page, page_of};
use super::view::View;
use crate::error::Result;
use crate::model::{SearchOptions, SearchPage};
use crate::parameters::split;
use crate::params::{self, Kind};
use crate::{limits, reference};

pub(crate) use self::condition::matches;

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

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;

    use super::statement::filter;
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
