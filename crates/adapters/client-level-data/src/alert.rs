//! Rows that must not be in client level data: safeguarding, deprivation of liberty, mental capacity and Mental
//! Health Act assessments. Source: CLD guidance; such rows carry what this exchange was never meant to get.

use crate::columns::Column;
use crate::file::Row;
use crate::rules::{self, Rule};

/// Columns whose words are looked at. Review reasons are not: an unplanned review after a safeguarding concern
/// is a valid reason.
const COLUMNS: [Column; 3] = [Column::Description, Column::AssessmentType, Column::EventType];

/// The rule that a row breaks by its words, and where.
pub fn find(row: &Row<'_>) -> Option<(&'static Rule, Column)> {
    COLUMNS.into_iter().find_map(|column| {
        let leaf = row.cell(column)?;
        words(leaf.text).map(|rule| (rule, column))
    })
}

fn words(text: &str) -> Option<&'static Rule> {
    let tokens = || text.split(|c: char| !c.is_ascii_alphanumeric());
    // Words first: they are what every description has to be searched for, and most have none of them.
    let word = |wanted: &[&str]| tokens().any(|token| wanted.iter().any(|w| token.eq_ignore_ascii_case(w)));
    if !tokens().any(suspicious) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("safeguard") && !has("liberty") || has("section 42") || word(&["s42"]) {
        return Some(&rules::SAFEGUARDING);
    }
    if has("deprivation of liberty")
        || has("liberty protection")
        || has("liberty safeguard")
        || word(&["dols", "dol", "lps"])
    {
        return Some(&rules::DOLS);
    }
    if has("mental capacity") || has("capacity assessment") || word(&["mca"]) {
        return Some(&rules::CAPACITY);
    }
    // After-care under section 117 is support that the council gives, and belongs here.
    let after_care = word(&["117", "s117"]);
    if (has("mental health act") || word(&["mha", "amhp"])) && !after_care {
        return Some(&rules::MHA);
    }
    None
}

/// Whether a word occurs in anything that [`words`] looks for.
fn suspicious(token: &str) -> bool {
    const WHOLE: [&str; 10] =
        ["section", "s42", "dols", "dol", "lps", "mca", "mha", "amhp", "liberty", "capacity"];
    let starts = |part: &str| token.get(..part.len()).is_some_and(|head| head.eq_ignore_ascii_case(part));
    matches!(token.len(), 3..=8) && WHOLE.iter().any(|w| token.eq_ignore_ascii_case(w))
        || token.as_bytes().windows(9).any(|part| part.eq_ignore_ascii_case(b"safeguard"))
        || starts("health")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_there() {
        for (text, rule) in [
            ("Safeguarding enquiry", Some("alert-safeguarding")),
            ("S42 strategy meeting", Some("alert-safeguarding")),
            ("DoLS assessment", Some("alert-deprivation-of-liberty")),
            ("Deprivation of Liberty Safeguards review", Some("alert-deprivation-of-liberty")),
            ("MCA - finances", Some("alert-mental-capacity")),
            ("AMHP assessment under MHA", Some("alert-mental-health-act")),
            ("Section 117 aftercare (MHA)", None),
            ("Mental health support review", None),
            ("Bathing assessment", None),
            ("Dolphin pool", None),
        ] {
            assert_eq!(words(text).map(|r| r.id), rule, "{text}");
        }
    }
}
