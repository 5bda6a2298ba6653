//! One parameter as a condition: of an index, of a chain (`subject:Patient.name`), of `_has`, or evaluated over the resource.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::super::{links, people as persons};
use super::people::{narrow, patients_with, persons_of};
use super::query::{Condition, Query, refuse};
use super::statement::filter;
use super::values::{any, compare_date, date, reference, text, token};
use crate::error::Result;
use crate::limits;
use crate::parameters::{self, Definition, split};
use crate::params::{self, Comparison, Kind, Param};

/// Takes one condition in; gives whether it is known.
pub(super) fn condition(
    db: &Connection,
    kind: &str,
    name: &str,
    value: &str,
    query: &mut Query,
) -> Result<bool> {
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
                match persons::pid_of_id(db, &id)? {
                    Some(pid) if kind == "Patient" => ids.extend(persons::members(db, pid)?),
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
