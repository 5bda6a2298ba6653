//! The person of a transaction: what it states of them, and no more. An amendment states what changed.

use causeway_adapter::Composer;
use causeway_core::{Leaf, NhsNumber};
use causeway_edifact::View;
use causeway_fhir::types::{self, Verification, extension, nhs_number, stated_nhs_number};
use causeway_fhir::{Ref, Writer};

use crate::codes::{
    ADDRESS_LINE, BIRTH_PLACE, DRUGS_DISPENSED, GP_CODE, HA_CIPHER, RESIDENTIAL_INSTITUTE, SEX,
    SOURCE_DELETED, unknown_code,
};
use crate::limits::ADDRESS_LINES;
use crate::rules;
use crate::transaction::{Head, Transaction, Value, moment};

/// What the source writes for a value that it removes.
const REMOVED: &str = "%";
/// What stands for a house that has no name.
const NO_HOUSE_NAME: &str = "?";

/// Writes the patient. `key` is what names them where they have no number.
pub(crate) fn write(c: &mut Composer<'_>, head: &Head<'_>, t: &Transaction<'_>, key: &str) -> Ref {
    let (zone, received) = (c.context.zone.clone(), c.context.received);
    let key = match t.person().map(|p| (p, NhsNumber::parse(p.leaf.text))) {
        Some((_, Ok(number))) => format!("nhs-number|{}", number.as_str()),
        Some((person, Err(_))) => format!("person|{}", person.text()),
        None => format!("transaction|{key}"),
    };
    c.resource("Patient", &key, |w| {
        w.array("extension", |w| extensions(w, t));
        w.array("identifier", |w| identifier(w, t));
        w.array("name", |w| {
            if let Some(pna) = t.find(b"PNA", "PAT") {
                w.element(|w| {
                    let inside = w.mark();
                    name(w, pna);
                    if w.wrote_since(inside) {
                        w.mapped(pna.get(1, 1));
                    }
                });
            }
            if let Some(pna) = t.find(b"PNA", "PER") {
                w.element(|w| previous_name(w, pna));
            }
        });
        if let Some(sex) = t.value(b"PDI", "", (1, 1)) {
            gender(w, sex.leaf);
        }
        if let Some(dtm) = t.find(b"DTM", "329") {
            match moment(dtm, &zone) {
                Ok(Some(born)) => {
                    let future = dtm.get(1, 2).is_some_and(|leaf| {
                        causeway_adapter::birth::is_in_future(w, received, &born.when, leaf)
                    });
                    match future {
                        true => w.mapped(&[dtm.get(1, 1), dtm.get(1, 3)][..]),
                        false => w.date("birthDate", &born.when, born.from),
                    }
                }
                Ok(None) => {}
                Err(at) => {
                    if at.text.trim() != REMOVED {
                        w.issue(Some(at.id), rules::BIRTH_INVALID.issue());
                        types::source_text(w, "birthDate", at);
                    }
                }
            }
        }
        w.array("address", |w| {
            if let Some(nad) = t.find(b"NAD", "PAT") {
                address(w, nad);
            }
            if let Some(nad) = t.find(b"NAD", "PER") {
                previous_address(w, nad);
            }
        });
        w.array("generalPractitioner", |w| {
            if let Some(gp) = t.value(b"NAD", "GP", (2, 1)) {
                w.element(|w| logical(w, "Practitioner", GP_CODE, &gp));
            }
        });
        if let Some(authority) = head.authority() {
            w.object("managingOrganization", |w| logical(w, "Organization", HA_CIPHER, &authority));
        }
    })
}

/// The content of a reference by identifier.
pub(crate) fn logical(w: &mut Writer, kind: &str, system: &str, value: &Value<'_>) {
    w.fixed("type", kind);
    w.object("identifier", |w| types::identifier_body(w, system, value.text(), value.from()));
}

/// The person's number (OPI): an NHS number if it passes the check, else it is kept as stated. Registration knows
/// numbers of older kinds, such as `ABCD/12/3`. No segment says that a number was traced.
fn identifier(w: &mut Writer, t: &Transaction<'_>) {
    let Some(view) = t.find(b"PNA", "PAT") else { return };
    let Some(person) = t.person() else { return };
    let from = (view.get(1, 1), view.get(2, 2));
    if let Ok(number) = NhsNumber::parse(person.leaf.text) {
        nhs_number(w, number, person.leaf, from.0, Verification::PresentNotTraced, ());
    } else {
        w.issue(Some(person.leaf.id), rules::NUMBER_NOT_VALID.issue());
        w.element(|w| stated_nhs_number(w, person.leaf, from.0));
    }
}

fn name(w: &mut Writer, pna: View<'_>) {
    use crate::transaction::name_part;
    let kept = |part| name_part(pna, part).filter(|v| v.text() != REMOVED);
    if let Some(family) = kept("SU") {
        w.string("family", family.text(), family.from());
    }
    w.array("given", |w| {
        for given in ["FO", "MI", "FS"].into_iter().filter_map(kept) {
            w.value(given.text(), given.from());
        }
    });
    w.array("prefix", |w| {
        if let Some(title) = kept("TI") {
            w.value(title.text(), title.from());
        }
    });
}

/// The name that the person had before. A number beside it is told by the transaction.
fn previous_name(w: &mut Writer, pna: View<'_>) {
    let before = w.mark();
    w.string("use", "old", pna.get(1, 1));
    let inside = w.mark();
    name(w, pna);
    if !w.wrote_since(inside) {
        w.rollback(before);
    }
}

fn gender(w: &mut Writer, sex: Leaf<'_>) {
    match SEX.lookup(sex.text.trim()) {
        Some(target) => w.string("gender", target.code, sex),
        None if sex.text.trim() == REMOVED => {}
        None => {
            types::unmapped_code(w, "gender", "unknown", sex);
            unknown_code(w, sex);
        }
    }
}

/// The lines by their places: house name, number and road, locality, post town, county; and the postcode.
fn address(w: &mut Writer, nad: View<'_>) {
    w.element(|w| {
        let line = |at: u8| nad.get(3, at).filter(|l| !l.is_blank() && l.text.trim() != REMOVED);
        let mut places = Vec::new();
        w.array("line", |w| {
            for at in 1..=3 {
                let Some(leaf) = line(at) else { continue };
                if at == 1 && leaf.text.trim() == NO_HOUSE_NAME {
                    w.mapped(leaf);
                } else {
                    w.value(leaf.text.trim(), leaf);
                    places.push((at, leaf));
                }
            }
        });
        // Where a line is empty, the others say which they are.
        if places.iter().zip(1..).any(|((at, _), natural)| *at != natural) {
            w.array("_line", |w| {
                for (at, leaf) in &places {
                    w.element(|w| {
                        w.array("extension", |w| {
                            extension(w, ADDRESS_LINE, |w| {
                                w.number("valuePositiveInt", &at.to_string(), *leaf)
                            });
                        });
                    });
                }
            });
        }
        w.leaf_opt("city", line(4));
        w.leaf_opt("district", line(5));
        w.leaf_opt("postalCode", nad.get(8, 1).filter(|l| l.text.trim() != REMOVED));
        // The qualifier is what makes it the person's address.
        w.mapped(nad.get(1, 1));
    });
}

/// The address before: empty lines are left out of it, so a line's place does not say what it is.
fn previous_address(w: &mut Writer, nad: View<'_>) {
    w.element(|w| {
        let before = w.mark();
        w.string("use", "old", nad.get(1, 1));
        let lines: Vec<_> = nad.element(3).map(|(_, leaf)| leaf).filter(|l| !l.is_blank()).collect();
        if lines.is_empty() && nad.get(8, 1).is_none() {
            w.rollback(before);
            return;
        }
        w.array("line", |w| {
            for leaf in &lines {
                w.value(leaf.text.trim(), *leaf);
            }
        });
        w.leaf_opt("postalCode", nad.get(8, 1));
    });
}

fn extensions(w: &mut Writer, t: &Transaction<'_>) {
    if let Some(place) = t.value(b"LOC", "950", (2, 1)) {
        extension(w, BIRTH_PLACE, |w| {
            w.object("valueAddress", |w| w.string("text", place.text(), place.from()));
        });
    }
    if let Some(marker) = t.value(b"HEA", "DM", (2, 1)) {
        let drugs = match marker.text() {
            "Y" => Some(true),
            "N" | REMOVED => Some(false),
            _ => None,
        };
        match drugs {
            Some(value) => {
                extension(w, DRUGS_DISPENSED, |w| w.boolean("valueBoolean", value, marker.from()));
            }
            None => unknown_code(w, marker.leaf),
        }
    }
    if let Some(institute) = t.value(b"NAD", "RIC", (2, 1)).filter(|v| v.text() != REMOVED) {
        extension(w, RESIDENTIAL_INSTITUTE, |w| {
            w.string("valueString", institute.text(), institute.from());
        });
    }
    for (path, value) in removed(t) {
        let told = extension(w, SOURCE_DELETED, |w| w.string("valueString", &path, value.from()));
        if told {
            w.issue(Some(value.leaf.id), rules::VALUE_REMOVED.issue());
        }
    }
}

/// What a transaction removes: the path of the element, and the item that says so.
fn removed<'s>(t: &Transaction<'s>) -> Vec<(String, Value<'s>)> {
    let mut found: Vec<(String, Value<'s>)> = Vec::new();
    let mut take = |path: String, value: Option<Value<'s>>| {
        if let Some(value) = value.filter(|v| v.text() == REMOVED) {
            found.push((path, value));
        }
    };
    for (who, at) in [("PAT", 0), ("PER", 1)] {
        for (part, path) in
            [("SU", "family"), ("FO", "given[0]"), ("MI", "given[1]"), ("FS", "given[2]"), ("TI", "prefix")]
        {
            take(format!("Patient.name[{at}].{path}"), t.name_part(who, part));
        }
    }
    for line in 1..=ADDRESS_LINES as u8 {
        let path = match line {
            4 => "city".to_owned(),
            5 => "district".to_owned(),
            _ => format!("line[{}]", line - 1),
        };
        take(format!("Patient.address[0].{path}"), t.value(b"NAD", "PAT", (3, line)));
    }
    take("Patient.address[0].postalCode".to_owned(), t.value(b"NAD", "PAT", (8, 1)));
    take("Patient.gender".to_owned(), t.value(b"PDI", "", (1, 1)));
    take("Patient.birthDate".to_owned(), t.value(b"DTM", "329", (1, 2)));
    take("Patient.extension(ResidentialInstituteCode)".to_owned(), t.value(b"NAD", "RIC", (2, 1)));
    found
}
