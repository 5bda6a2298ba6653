//! RXA with ORC, RXR and OBX as Immunization (VXU V04). Source: v2-to-FHIR, RXA, RXR; HL7 tables 0322, 0323, NIP001.

use causeway_adapter::Meta;
use causeway_core::Leaf;
use causeway_fhir::types::concept_body as fixed_body;
use causeway_fhir::writer::{Mark, decimal};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::Segment;
use causeway_terminology::ucum::ucum;

use crate::about::About;
use crate::codes::{self, concept, concept_element};
use crate::datatypes::Ei;
use crate::datatypes::numbers;
use crate::env::{Env, source_code};
use crate::note;
use crate::observation;
use crate::orders::Vaccination;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::request;
use crate::rules;

/// The amount that says that the amount is not known.
pub const UNKNOWN_AMOUNT: &str = "999";

/// Items of RXA that have no element in FHIR R4 and are kept with their names.
const MORE_OF_RXA: &[u16] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
];

/// Writes a vaccination with what was observed of it.
pub fn immunization<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    from: &Vaccination<'m>,
    (patient, encounter): (&Patient, Option<&Ref>),
    fallback: &str,
) -> Ref {
    let env = ctx.env;
    let rxa = from.rxa;
    let (placer, filler, own) = numbers_of(&env, from, fallback);
    let key = format!(
        "{}|{own}|{}|{}",
        patient.key,
        codes::words(rxa.first(5)),
        rxa.leaf(3).map_or("", |l| l.text)
    );
    let meta: Meta<'m> = request::security(from.orc);
    let mut performers: Vec<(&'static str, Who)> = Vec::new();
    performers.extend(rxa.field(10).reps().filter_map(|part| ctx.practitioner(part)).map(|who| ("AP", who)));
    if let Some(orc) = from.orc {
        performers.extend(ctx.practitioner(orc.first(12)).map(|who| ("OP", who)));
    }
    let maker = rxa.first(17);
    let maker = organisation(ctx, maker);
    // RXA-11 is a place in version 2.5.1; RXA-27 in later ones.
    let place = [27, 11].into_iter().find_map(|field| ctx.place(rxa.first(field)));
    let notes = note::prepare(ctx, &from.notes);
    let target = ctx.c.resource_with("Immunization", &key, &meta, |w| {
        let since = w.mark();
        w.array("identifier", |w| numbers(&env, w, placer, filler));
        let refused = status(&env, w, rxa);
        if refused && rxa.first(18).says() {
            concept(&env, w, "statusReason", rxa.first(18), "RXA-18");
        } else if refused {
            // UK Core asks for a reason.
            causeway_fhir::types::unknown_concept(w, "statusReason");
        }
        w.object("vaccineCode", |w| {
            if rxa.first(5).says() {
                codes::concept_body(&env, w, rxa.first(5), "RXA-5");
            } else {
                w.fixed("text", "not stated");
            }
        });
        w.reference("patient", &patient.target, ());
        if let Some(encounter) = encounter {
            w.reference("encounter", encounter, ());
        }
        match rxa.leaf(3) {
            Some(at) => env.date_time(w, "occurrenceDateTime", Some(at)),
            // A word, for some readers demand the element itself.
            None => w.fixed("occurrenceString", "unknown"),
        }
        env.date_time(w, "recorded", rxa.leaf(22).or(from.orc.and_then(|orc| orc.leaf(9))));
        source(&env, w, rxa);
        if let Some(place) = &place {
            w.reference("location", &place.target, &place.from);
        }
        if let Some(maker) = &maker {
            w.reference("manufacturer", &maker.target, &maker.from);
        }
        w.leaf_opt("lotNumber", rxa.leaf(15));
        env.date(w, "expirationDate", rxa.leaf(16));
        if let Some(route) = from.route {
            concept(&env, w, "site", route.first(2), "RXR-2");
            concept(&env, w, "route", route.first(1), "RXR-1");
        }
        dose(&env, w, rxa);
        w.array("performer", |w| {
            for (code, who) in &performers {
                w.element(|w| {
                    let system = "http://terminology.hl7.org/CodeSystem/v2-0443";
                    w.object("function", |w| fixed_body(w, Coding::new(system, code, ""), ()));
                    w.reference("actor", &who.target, &who.from);
                });
            }
        });
        w.array("note", |w| note::elements(&env, w, &notes));
        w.array("reasonCode", |w| {
            rxa.field(19).reps().for_each(|part| concept_element(&env, w, part, "RXA-19"))
        });
        w.array("extension", |w| left_over(&env, w, since, from));
    });
    let about = About { key: &key, part_of: Some(&target), meta, ..About::of(patient, encounter) };
    observation::results(ctx, &from.results, &about);
    target
}

/// The order's numbers of the placer and of the filler, and what a dose is known by: the filler's, else the placer's, else `fallback`.
pub(crate) fn numbers_of<'m>(
    env: &Env<'m>,
    from: &Vaccination<'m>,
    fallback: &str,
) -> (Option<Ei<'m>>, Option<Ei<'m>>, String) {
    let of_orc = |field: u16| from.orc.and_then(|orc| Ei::read(orc.first(field)));
    let (placer, filler) = (of_orc(2), of_orc(3));
    let number = filler.map(|ei| ei.key(env, "filler")).or_else(|| placer.map(|ei| ei.key(env, "placer")));
    (placer, filler, number.unwrap_or_else(|| fallback.to_owned()))
}

/// An amount, the digits of RXA-6, with the unit of RXA-7.
pub(crate) fn amount(w: &mut Writer, key: &str, rxa: Segment<'_>, (digits, leaf): (&str, Leaf<'_>)) {
    let (code, words) = (rxa.comp(7, 1), rxa.comp(7, 2));
    w.object(key, |w| {
        w.number("value", digits, leaf);
        w.leaf_opt("unit", words.or(code));
        if let Some((code, known)) = code.and_then(|c| ucum(c.text).map(|known| (c, known))) {
            w.fixed("system", systems::UCUM);
            w.string("code", known, code);
        }
    });
}

/// What of RXA, RXR and ORC has no element in FHIR R4, kept with its names: after all that was mapped since the mark.
pub(crate) fn left_over<'m>(env: &Env<'m>, w: &mut Writer, since: Mark, from: &Vaccination<'m>) {
    const RXR: &[u16] = &[1, 2, 3, 4, 5, 6];
    const ORC: &[u16] = &[1, 2, 3, 5, 9, 10, 11, 12, 13, 16, 17, 21, 22, 23, 24, 28, 29];
    env.deletions(w, from.rxa);
    env.leftover_fields(w, since, from.rxa, MORE_OF_RXA);
    for (segment, fields) in [(from.route, RXR), (from.orc, ORC)] {
        if let Some(segment) = segment {
            env.leftover_fields(w, since, segment, fields);
        }
    }
}

/// RXA-17 (a coded maker) as an organisation.
fn organisation<'m>(ctx: &mut Ctx<'_, '_, 'm>, part: causeway_hl7v2::Part<'m>) -> Option<Who> {
    let (id, name) = (part.comp(1).leaf(), part.comp(2).leaf());
    let known = name.or(id)?;
    let env = ctx.env;
    let system = part.comp(3).leaf();
    let leaves: Vec<Leaf<'m>> = [id, name, system].into_iter().flatten().collect();
    let from = leaves.iter().map(|l| l.id).collect();
    let key = format!("maker|{}", leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("|"));
    let target = ctx.c.once("Organization", &key, |w| {
        w.array("identifier", |w| {
            if let (Some(id), Some(_)) = (id, name) {
                w.element(|w| {
                    match system {
                        Some(system) => w.string("system", &codes::coding_system(&env, system.text), system),
                        None => w.fixed("system", &env.local("RXA-17")),
                    }
                    w.leaf("value", id);
                });
            }
        });
        w.leaf("name", known);
    });
    Some(Who { target, from })
}

/// RXA-20 and RXA-21. Returns whether the vaccine was not given.
fn status(env: &Env<'_>, w: &mut Writer, rxa: Segment<'_>) -> bool {
    if let Some(leaf) = rxa.leaf(21).filter(|l| l.text == "D") {
        w.string("status", "entered-in-error", leaf);
        return false;
    }
    let said = rxa.leaf(20);
    // The code for *no vaccine administered* (CVX 998) says so whatever RXA-20 says.
    let none = rxa.comp(5, 1).filter(|l| l.text == "998" && rxa.comp(5, 3).is_some_and(|s| s.text == "CVX"));
    if let Some(none) = none {
        w.string("status", "not-done", (none, said));
        return true;
    }
    match said.map(|l| l.text) {
        Some("CP" | "PA") => w.string("status", "completed", said),
        Some("RE" | "NA") => w.string("status", "not-done", said),
        // A reason for which it was refused says that it was not given.
        None if rxa.first(18).says() => w.fixed("status", "not-done"),
        None => w.fixed("status", "completed"),
        Some(_) => {
            if let Some(leaf) = said {
                codes::unknown_code(env, w, leaf);
            }
            // Neither given nor not given: R4 has no code for that, so the element has no value.
            w.object("_status", |w| source_code(w, said));
        }
    }
    if let Some(leaf) = said.filter(|l| l.text == "PA") {
        // Given in part: the dose may be repeated.
        w.boolean("isSubpotent", true, leaf);
        w.array("subpotentReason", |w| {
            w.element(|w| w.fixed("text", "partially administered"));
        });
    }
    matches!(said.map(|l| l.text), Some("RE" | "NA")) || (said.is_none() && rxa.first(18).says())
}

/// RXA-9: `00` says that this is the primary source, `01` to `08` that it is told of from elsewhere (table NIP001).
fn source(env: &Env<'_>, w: &mut Writer, rxa: Segment<'_>) {
    let part = rxa.first(9);
    let Some(leaf) = part.comp(1).leaf() else { return };
    match leaf.text {
        "00" => w.boolean("primarySource", true, leaf),
        "01" | "02" | "03" | "04" | "05" | "06" | "07" | "08" => {
            w.boolean("primarySource", false, leaf);
            concept(env, w, "reportOrigin", part, "RXA-9");
        }
        _ => {}
    }
}

/// RXA-6 with the unit of RXA-7; 999 says that the amount is not known.
fn dose(env: &Env<'_>, w: &mut Writer, rxa: Segment<'_>) {
    let Some(leaf) = rxa.leaf(6) else { return };
    if leaf.text == UNKNOWN_AMOUNT {
        return env.tell(w, &rules::DOSE_UNKNOWN, leaf.id);
    }
    let Some(digits) = decimal(leaf.text) else { return };
    amount(w, "doseQuantity", rxa, (&digits, leaf));
}
