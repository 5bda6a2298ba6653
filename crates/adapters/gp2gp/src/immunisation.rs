//! Vaccinations.

use causeway_adapter::{Composer, Profile};
use causeway_core::{Leaf, When};
use causeway_fhir::types::{Coding, concept_fixed, extension, ukcore_extension};
use causeway_fhir::{Ref, Writer};

use crate::annotation::{self, VaccineInfo};
use crate::extract::{Extract, Statement};
use crate::write::Note;
use crate::{confidentiality, hl7, write};

/// Writes one `Immunization`. What was done is coded in the source; which product was given is not.
pub(crate) fn immunisation(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let known = known(c, statement);
    c.resource_with("Immunization", &statement.key, &markings.meta(Profile::Default), |w| {
        w.array("extension", |w| {
            if let Some(code) = statement.element.child("code") {
                extension(w, &ukcore_extension("VaccinationProcedure"), |w| {
                    write::concept(w, "valueCodeableConcept", code, "record-entry");
                });
            }
        });
        write::identifiers(w, &x.ids, statement.element);
        body(w, x, statement, &known);
    });
}

/// Words of HL7 table 0443 for EP.
const ENTERING: &str = "Entering Provider (probably not the same as transcriptionist?)";

/// Place and maker that a vaccination's text names.
#[derive(Default)]
struct Known {
    place: Option<Ref>,
    maker: Option<Ref>,
}

fn known(c: &mut Composer<'_>, statement: &Statement<'_>) -> Known {
    let detail = annotation::texts(statement.element).find(|t| annotation::is_vaccine_detail(t.text));
    let Some(leaf) = detail else { return Known::default() };
    let info = annotation::vaccine(leaf.text);
    let mut known = Known::default();
    if !info.location.is_empty() {
        known.place = Some(c.once("Location", &format!("place {}", info.location), |w| {
            w.string("name", info.location, leaf);
        }));
    }
    if !info.manufacturer.is_empty() {
        known.maker = Some(c.once("Organization", &format!("maker {}", info.manufacturer), |w| {
            w.string("name", info.manufacturer, leaf);
        }));
    }
    known
}

fn body(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, known: &Known) {
    let texts: Vec<Leaf<'_>> = annotation::texts(statement.element).collect();
    let detail = texts.iter().copied().find(|t| annotation::is_vaccine_detail(t.text));
    let text = |leaf: Leaf<'_>| match statement.names.is_empty() {
        true => leaf.text.to_owned(),
        false => annotation::split_problem(leaf.text).0.to_owned(),
    };
    let detail_text = detail.map(text);
    let info = detail_text.as_deref().map(annotation::vaccine).unwrap_or_default();
    match x.nullified(statement) {
        Some(leaf) => w.string("status", "entered-in-error", leaf),
        None => w.fixed("status", "completed"),
    }
    let unknown = Coding::new("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown");
    concept_fixed(w, "vaccineCode", unknown);
    w.reference("patient", &x.patient, ());
    if let Some(encounter) = x.encounter(statement) {
        w.reference("encounter", encounter, ());
    }
    // Some senders state the end alone, which is the moment of entry too.
    let stated = hl7::effective(statement.element, &x.zone);
    let end = if let hl7::Effective::Between(None, end) = stated { end } else { None };
    let entered = || hl7::child_time(statement.element, "availabilityTime", &x.zone);
    match stated.start().or_else(|| end.and_then(|_| entered())).or(end) {
        Some(time) => write::moment(w, "occurrenceDateTime", time),
        // A word, for some readers demand the element itself.
        None => w.fixed("occurrenceString", "unknown"),
    }
    if let Some(entered) = x.entered(statement) {
        write::moment(w, "recorded", entered);
    }
    match (info.primary_source, detail) {
        (Some(primary), Some(leaf)) => w.boolean("primarySource", primary, leaf),
        // The giver's own record.
        _ => w.boolean("primarySource", true, ()),
    }
    if let Some(leaf) = detail {
        details(w, x, known, &info, leaf);
    }
    w.array("performer", |w| {
        let entered = x.participants(statement.element, "Participant", |t| t == "AUT");
        let given = x.performers(statement).into_iter().map(|p| (p, "AP", "Administering Provider"));
        let entered = entered.into_iter().map(|p| (p, "EP", ENTERING));
        for ((agent, id), code, words) in given.chain(entered) {
            if let Some(who) = agent.anyone() {
                w.element(|w| {
                    let system = "http://terminology.hl7.org/CodeSystem/v2-0443";
                    concept_fixed(w, "function", Coding::new(system, code, words));
                    w.reference("actor", who, id);
                });
            }
        }
    });
    let texts = texts.iter().map(|leaf| match detail {
        Some(detail) if detail.id == leaf.id => Note::part(*leaf, &info.rest),
        _ => Note::part(*leaf, &text(*leaf)),
    });
    let qualifiers = statement.element.child("code").into_iter().flat_map(crate::qualifier::valued);
    let notes: Vec<Note<'_>> = qualifiers.chain(texts).collect();
    write::notes(w, &notes);
}

fn details(w: &mut Writer, x: &Extract<'_>, known: &Known, info: &VaccineInfo<'_>, leaf: Leaf<'_>) {
    if let Some(place) = &known.place {
        w.reference("location", place, leaf);
    }
    if let Some(maker) = &known.maker {
        w.reference("manufacturer", maker, leaf);
    }
    w.string("lotNumber", info.batch, leaf);
    match expiry(info.expiration, x) {
        Some(date) => w.date("expirationDate", &date, leaf),
        None => {
            // Not a date in any form that is known: its words are kept.
            w.object("_expirationDate", |w| {
                w.array("extension", |w| {
                    extension(w, "http://hl7.org/fhir/StructureDefinition/rendered-value", |w| {
                        w.string("valueString", info.expiration, leaf);
                    });
                });
            });
        }
    }
    if !info.site.is_empty() {
        w.object("site", |w| w.string("text", info.site, leaf));
    }
    if !info.route.is_empty() {
        w.object("route", |w| w.string("text", info.route, leaf));
    }
    quantity(w, info.quantity, leaf);
}

fn quantity(w: &mut Writer, text: &str, leaf: Leaf<'_>) {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let Some(digits) = causeway_fhir::writer::decimal(number) else { return };
    w.object("doseQuantity", |w| {
        w.number("value", &digits, leaf);
        w.string("unit", unit.trim(), leaf);
    });
}

/// `2023`, `2023-01-02` or `21-Jun-2011`.
fn expiry(text: &str, x: &Extract<'_>) -> Option<When> {
    When::iso(text, &x.zone).or_else(|_| When::british(text, &x.zone)).ok()
}
