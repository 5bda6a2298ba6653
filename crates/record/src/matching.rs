//! Whether two Patients may be one person.

use rusqlite::{Connection, OptionalExtension};

use crate::error::Result;

/// What says that two Patients are one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// A source merged them, or a user did.
    Together,
    /// The same valid NHS number.
    Number,
    /// A superseded NHS number.
    OldNumber,
    /// The same local identifier.
    Local,
}

impl Basis {
    pub(crate) fn of_rank(rank: i64) -> Self {
        match rank {
            1 => Basis::Together,
            2 => Basis::Number,
            3 => Basis::OldNumber,
            _ => Basis::Local,
        }
    }

    /// What is asked of a pair that has nothing in common itself but would become one person through others:
    /// that it does not contradict itself.
    pub(crate) fn weaker(self) -> Self {
        match self {
            Basis::Together => Basis::Together,
            _ => Basis::Local,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Basis::Together => "source-merge",
            Basis::Number => "same-nhs-number",
            Basis::OldNumber => "superseded-nhs-number",
            Basis::Local => "same-local-identifier",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Basis::Together => "the source says that one Patient replaces the other",
            Basis::Number => "both Patients have the same valid NHS number and nothing contradicts it",
            Basis::OldNumber => {
                "one Patient has the other's NHS number as a superseded one; date of birth and family name agree"
            }
            Basis::Local => "both Patients have the same local identifier and nothing contradicts it",
        }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Join,
    /// Reason and sentence.
    Refuse(&'static str, &'static str),
}

/// The strongest thing that two Patients have in common.
pub(crate) fn shared_basis(db: &Connection, a: &str, b: &str) -> Result<Option<Basis>> {
    let mut find = db.prepare_cached(
        "SELECT min(rank) FROM (
           SELECT 1 AS rank FROM together WHERE patient=?1 AND other=?2
           UNION ALL
           SELECT CASE WHEN x.kind='local' THEN 4 WHEN x.kind='nhs' AND y.kind='nhs' THEN 2 ELSE 3 END
           FROM identity x JOIN identity y ON y.patient=?2 AND y.value=x.value AND y.system=x.system
           WHERE x.patient=?1)",
    )?;
    let rank: Option<i64> = find.query_row([a, b], |row| row.get(0))?;
    Ok(rank.map(Basis::of_rank))
}

struct Known {
    birth_date: String,
    families: String,
    replaced: bool,
}

fn known(db: &Connection, patient: &str) -> Result<Option<Known>> {
    let mut find =
        db.prepare_cached("SELECT birth_date, families, replaced_by<>'' FROM member WHERE patient=?1")?;
    Ok(find
        .query_row([patient], |r| {
            Ok(Known { birth_date: r.get(0)?, families: r.get(1)?, replaced: r.get(2)? })
        })
        .optional()?)
}

/// Whether two Patients with this in common may be one person.
pub(crate) fn judge(db: &Connection, a: &str, b: &str, basis: Basis) -> Result<Verdict> {
    if basis == Basis::Together {
        return Ok(Verdict::Join);
    }
    let (Some(one), Some(two)) = (known(db, a)?, known(db, b)?) else { return Ok(Verdict::Join) };
    let born_apart = !one.birth_date.is_empty()
        && !two.birth_date.is_empty()
        && !one.birth_date.starts_with(&two.birth_date)
        && !two.birth_date.starts_with(&one.birth_date);
    let named_apart =
        !one.families.is_empty() && !two.families.is_empty() && !shares_line(&one.families, &two.families);
    if born_apart && named_apart {
        return Ok(Verdict::Refuse(
            "demographics-contradict",
            "an identifier is the same but date of birth and family name contradict each other",
        ));
    }
    match basis {
        Basis::OldNumber => {
            let agree = one.birth_date.len() == 10
                && one.birth_date == two.birth_date
                && shares_line(&one.families, &two.families);
            if !agree {
                return Ok(Verdict::Refuse(
                    "superseded-number-not-confirmed",
                    "one Patient has the other's NHS number as a superseded one but date of birth and family name do not confirm it",
                ));
            }
        }
        Basis::Local if !one.replaced && !two.replaced && numbers_differ(db, a, b)? => {
            return Ok(Verdict::Refuse(
                "nhs-numbers-differ",
                "a local identifier is the same or leads to the same person but the NHS numbers differ",
            ));
        }
        _ => {}
    }
    Ok(Verdict::Join)
}

fn shares_line(a: &str, b: &str) -> bool {
    a.split('\n').any(|x| !x.is_empty() && b.split('\n').any(|y| x == y))
}

/// Whether both have NHS numbers and none, old ones included, is the other's.
fn numbers_differ(db: &Connection, a: &str, b: &str) -> Result<bool> {
    let mut list =
        db.prepare_cached("SELECT value, kind FROM identity WHERE patient=?1 AND kind IN ('nhs','old-nhs')")?;
    let mut numbers = |patient: &str| -> Result<Vec<(String, String)>> {
        let rows = list.query_map([patient], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let (x, y) = (numbers(a)?, numbers(b)?);
    let current = |n: &[(String, String)]| n.iter().any(|(_, kind)| kind == "nhs");
    Ok(current(&x) && current(&y) && !x.iter().any(|(v, _)| y.iter().any(|(w, _)| v == w)))
}
