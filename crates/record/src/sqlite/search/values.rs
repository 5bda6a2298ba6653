//! Conditions that an index answers: tokens, dates, texts, references.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use super::super::{index, links};
use super::query::{Condition, Query, refuse};
use crate::error::Result;
use crate::params::{self, Param};
use crate::paths::fold;
use crate::{dates, reference};

/// A condition that holds where any alternative does. `driver` is the part of a `SELECT rid` before WHERE.
pub(super) fn any(
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

pub(super) fn token(
    query: &mut Query,
    param: &Param,
    modifier: &str,
    alternatives: &[String],
) -> Result<bool> {
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

pub(super) fn date(
    query: &mut Query,
    param: &Param,
    modifier: &str,
    alternatives: &[String],
) -> Result<bool> {
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
pub(super) fn compare_date(text: &str, low: &str, high: &str) -> Result<(String, Vec<Sql>)> {
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

pub(super) fn text(
    query: &mut Query,
    param: &Param,
    modifier: &str,
    alternatives: &[String],
) -> Result<bool> {
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

pub(super) fn reference(
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
