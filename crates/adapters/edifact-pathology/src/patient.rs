//! The patient (S06, S07): identifiers, name, birth, sex, address.

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf, NhsNumber, Outcome};
use causeway_edifact::View;
use causeway_fhir::types::{self, Verification};
use causeway_fhir::{Ref, Writer, systems};

use crate::codes::{SEX, unknown_code, warning};
use crate::message::Report;
use crate::moment::{self, Moment, Stated};
use crate::rules;

/// Writes the patient.
pub(crate) fn write(c: &mut Composer<'_>, report: &Report<'_>, reference: &str) -> Ref {
    let sender = c.context.sender.code.clone();
    let (zone, received) = (c.context.zone.clone(), c.context.received);
    let key = key(report, reference);
    c.resource("Patient", &key, |w| {
        w.array("identifier", |w| {
            if let Some(person) = &report.person {
                official(w, person, &sender);
            }
            for rff in &report.subject_references {
                local(w, rff.get(1, 1), rff.get(1, 2), &sender);
            }
        });
        if let Some(person) = &report.person {
            // PNA-1 is PAT, the patient, in a message that knows no other person.
            w.claim(person.get(1, 1), Outcome::Structural, "");
            name(w, person);
        }
        if let Some(sex) = report.sex {
            gender(w, sex);
        }
        if let Some(dtm) = &report.birth {
            birth(w, dtm, &zone, received);
        }
        w.array("address", |w| {
            for adr in &report.addresses {
                address(w, adr);
            }
        });
    })
}

/// A date of birth; what can't be one, or is after the day of receipt, is kept as its source's text.
fn birth(w: &mut Writer, dtm: &View<'_>, zone: &jiff::tz::TimeZone, received: jiff::Timestamp) {
    let Some(leaf) = dtm.get(1, 2).filter(|leaf| !leaf.is_blank()) else { return };
    match moment::read(w, dtm, zone) {
        None => {}
        Some(Stated { moment: Moment::Unread, from }) => moment::unread(w, "birthDate", from),
        Some(Stated { moment: Moment::Span(..), from }) => {
            w.issue(Some(leaf.id), rules::DATE_INVALID.issue());
            moment::unread(w, "birthDate", from);
        }
        Some(Stated { moment: Moment::At(when), from }) => {
            if causeway_adapter::birth::is_in_future(w, received, &when, leaf) {
                w.lossy(from, "a date of birth after the day of receipt is none; its text was kept");
            } else {
                w.date("birthDate", &when, from);
            }
        }
    }
}

/// What the source calls the patient: NHS number, the laboratory's own identifier, or nothing beyond this report.
fn key(report: &Report<'_>, reference: &str) -> String {
    let official = report.person.as_ref().and_then(|p| p.get(2, 1)).filter(|l| !l.is_blank());
    let local = report.subject_references.iter().find_map(|rff| rff.get(1, 2)).filter(|l| !l.is_blank());
    match (official.map(|l| NhsNumber::parse(l.text)), official, local) {
        (Some(Ok(number)), ..) => format!("nhs-number|{}", number.as_str()),
        (_, _, Some(local)) => format!("subject|{}", local.text.trim()),
        (_, Some(official), _) => format!("person|{}", official.text.trim()),
        _ => format!("report|{reference}"),
    }
}

/// PNA-2: the official identifier (OPI) is an NHS number if it passes the check; else it is kept as stated. The message says nothing of tracing, so a number is "present but not traced".
fn official(w: &mut Writer, person: &View<'_>, sender: &str) {
    let Some(value) = person.get(2, 1).filter(|l| !l.is_blank()) else { return };
    let qualifier = person.get(2, 2);
    if qualifier.is_some_and(|q| q.text.trim() == "OPI") {
        match NhsNumber::parse(value.text) {
            Ok(number) => {
                types::nhs_number(w, number, value, qualifier, Verification::PresentNotTraced, ());
            }
            Err(error) => {
                w.element(|w| types::invalid_nhs_number(w, value, qualifier, error));
            }
        }
        return;
    }
    local(w, qualifier, Some(value), sender);
}

fn local(w: &mut Writer, qualifier: Option<Leaf<'_>>, value: Option<Leaf<'_>>, sender: &str) {
    let Some(value) = value.filter(|l| !l.is_blank()) else { return };
    w.element(|w| {
        let name = format!("patient-{}", qualifier.map_or("", |l| l.text.trim()).to_ascii_lowercase());
        w.string("system", &systems::local(sender, &name), qualifier);
        w.leaf("value", value);
    });
}

/// PNA name components: SU surname, FO forename, MI middle name or initial, TI title.
fn name(w: &mut Writer, person: &View<'_>) {
    let parts: Vec<_> = (3..=12u8)
        .filter_map(|element| Some((person.get(element, 1), person.get(element, 2)?)))
        .filter(|(_, value)| !value.is_blank())
        .collect();
    let of = |wanted: &'static [&'static str]| {
        parts.iter().filter(move |(qualifier, _)| qualifier.is_some_and(|q| wanted.contains(&q.text.trim())))
    };
    w.array("name", |w| {
        w.element(|w| {
            let surnames: Vec<_> = of(&["SU"]).collect();
            let family: Vec<&str> = surnames.iter().map(|(_, value)| value.text.trim()).collect();
            let from: Vec<_> = surnames.iter().map(|(q, value)| (*q, *value)).collect();
            w.string("family", &family.join(" "), from);
            w.array("given", |w| {
                for (qualifier, value) in of(&["FO", "MI"]) {
                    w.value(value.text.trim(), (*qualifier, *value));
                }
            });
            w.array("prefix", |w| {
                for (qualifier, value) in of(&["TI"]) {
                    w.value(value.text.trim(), (*qualifier, *value));
                }
            });
        });
    });
    for (qualifier, value) in &parts {
        if !qualifier.is_some_and(|q| matches!(q.text.trim(), "SU" | "FO" | "MI" | "TI")) {
            w.issue(
                Some(value.id),
                warning(
                    IssueCode::NotSupported,
                    "name-part-unknown",
                    "a part of the patient's name is of a kind that this format does not know; it was not carried",
                ),
            );
        }
    }
}

fn gender(w: &mut Writer, sex: Leaf<'_>) {
    match SEX.lookup(sex.text.trim()) {
        Some(target) => w.string("gender", target.code, sex),
        None if sex.is_blank() => {}
        None => {
            types::unmapped_code(w, "gender", "unknown", sex);
            unknown_code(w, sex);
        }
    }
}

/// ADR-2 holds the lines of an unstructured address after its first component, ADR-4 the postcode.
fn address(w: &mut Writer, adr: &View<'_>) {
    w.element(|w| {
        w.array("line", |w| {
            for (_, line) in adr.element(2).filter(|(at, line)| *at > 1 && !line.is_blank()) {
                w.value(line.text.trim(), line);
            }
        });
        w.leaf_opt("postalCode", adr.get(4, 1));
        w.leaf_opt("country", adr.get(5, 1));
    });
    w.claim(adr.get(2, 1), Outcome::Structural, "");
}
