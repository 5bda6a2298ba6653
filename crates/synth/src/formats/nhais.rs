//! Registration at another practice (NHAIS, acceptance), with which the old practice's record is asked for.

use jiff::civil::DateTime;

use super::message;
use crate::journey::GpRecord;
use crate::people::{PRACTICES, Person, Sex};
use crate::{Event, Message};

const KIND: (&str, &str) = ("nhais", "application/edifact");
/// Days before the record is handed on.
const BEFORE: i64 = 3;

/// The acceptance of the new practice, some days before the record comes.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::GpRecord { at, form: GpRecord::Transfer } = event else { return Vec::new() };
    let at = at.saturating_sub(jiff::Span::new().days(BEFORE));
    // The next practice of the list is the new one.
    let here = PRACTICES.iter().position(|p| *p == person.practice).unwrap_or_default();
    let new = PRACTICES[(here + 1) % PRACTICES.len()];
    let names = ("registration.edi", "The new practice registers the person");
    vec![message(person, KIND, names, (new, at), acceptance(person, at))]
}

/// Capitals of the repertoire that these messages are written in; what has a meaning there is released.
fn capitals(text: &str) -> String {
    let plain = |c: char| match c {
        'â' => 'A',
        'ô' => 'O',
        other => other.to_ascii_uppercase(),
    };
    let mut out = String::new();
    for c in text.chars().map(plain) {
        if matches!(c, '\'' | '+' | ':' | '?') {
            out.push('?');
        }
        out.push(c);
    }
    out
}

fn acceptance(person: &Person, at: DateTime) -> String {
    let (day, time) = (at.strftime("%Y%m%d"), at.strftime("%Y%m%d%H%M"));
    let number = person.number + 1;
    let given = match person.middle.as_str() {
        "" => format!("FO:{}", capitals(&person.given)),
        middle => format!("FO:{}+MI:{}", capitals(&person.given), capitals(middle)),
    };
    let sex = if person.sex == Sex::Female { "2" } else { "1" };
    [
        format!("UNB+UNOA:2+TZV1+ZZ91+{}+{number:08}'", at.strftime("%y%m%d:%H%M")),
        format!("UNH+{number:08}+FHSREG:0:1:FH:FHS001'"),
        "BGM+++507'".to_owned(),
        "NAD+FHS+ZZ9:954'".to_owned(),
        format!("DTM+137:{time}:203'"),
        "RFF+950:G1'".to_owned(),
        "S01+1'".to_owned(),
        format!("RFF+TN:{number}'"),
        "NAD+GP+9990101,412:900'".to_owned(),
        "HEA+ACD+A:ZZZ'".to_owned(),
        "HEA+ATP+3:ZZZ'".to_owned(),
        format!("DTM+956:{day}:102'"),
        "S02+2'".to_owned(),
        format!(
            "PNA+PAT+{}:OPI+++SU:{}+{given}+TI:{}'",
            person.nhs_number,
            capitals(&person.family),
            capitals(person.title)
        ),
        format!("DTM+329:{}:102'", person.born.strftime("%Y%m%d")),
        format!("PDI+{sex}'"),
        format!(
            "NAD+PAT++:{}:{}:{}:+++++{}'",
            capitals(&person.street),
            "",
            capitals(person.town),
            capitals(&person.postcode)
        ),
        format!("UNT+17+{number:08}'"),
        format!("UNZ+1+{number:08}'"),
    ]
    .map(|segment| segment + "\n")
    .concat()
}
