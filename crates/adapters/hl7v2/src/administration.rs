//! RXA of a message that is about medicines and not vaccinations (RAS O17) as MedicationAdministration: a dose that was refused
//! is no dose, and no vaccination. Source: v2-to-FHIR, RXA and RXR; HL7 table 0322.

use causeway_adapter::Meta;
use causeway_fhir::writer::decimal;
use causeway_fhir::{Ref, Writer, types};
use causeway_hl7v2::Segment;

use crate::about::About;
use crate::codes::{self, concept, concept_element};
use crate::datatypes::numbers;
use crate::env::{Env, source_code};
use crate::immunization::{UNKNOWN_AMOUNT, amount, left_over, numbers_of};
use crate::note;
use crate::observation;
use crate::orders::Vaccination;
use crate::patient::Patient;
use crate::people::Ctx;
use crate::request;
use crate::rules;

/// Writes what was given, or not, with what was observed of it.
pub fn administration<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    from: &Vaccination<'m>,
    (patient, encounter): (&Patient, Option<&Ref>),
    fallback: &str,
) -> Ref {
    let env = ctx.env;
    let rxa = from.rxa;
    let (placer, filler, own) = numbers_of(&env, from, fallback);
    let text = |field| rxa.leaf(field).map_or("", |l| l.text);
    let key = format!("{}|{own}|{}|{}|{}", patient.key, codes::words(rxa.first(5)), text(2), text(3));
    let meta: Meta<'m> = request::security(from.orc);
    let performers: Vec<_> = rxa.field(10).reps().filter_map(|part| ctx.practitioner(part)).collect();
    let notes = note::prepare(ctx, &from.notes);
    let target = ctx.c.resource_with("MedicationAdministration", &key, &meta, |w| {
        let since = w.mark();
        w.array("identifier", |w| numbers(&env, w, placer, filler));
        status(&env, w, rxa);
        w.object("medicationCodeableConcept", |w| match rxa.first(5).says() {
            true => codes::concept_body(&env, w, rxa.first(5), "RXA-5"),
            false => w.fixed("text", "not stated"),
        });
        w.reference("subject", &patient.target, ());
        if let Some(encounter) = encounter {
            w.reference("context", encounter, ());
        }
        match (rxa.leaf(3), rxa.leaf(4)) {
            (Some(start), Some(end)) if start.text != end.text => {
                env.period(w, "effectivePeriod", Some(start), Some(end));
            }
            (Some(at), same) => {
                env.date_time(w, "effectiveDateTime", Some(at));
                w.mapped(same);
            }
            (None, _) => {
                w.object("_effectiveDateTime", |w| types::data_absent(w, "unknown", ()));
            }
        }
        w.array("performer", |w| {
            for who in &performers {
                w.element(|w| w.reference("actor", &who.target, &who.from));
            }
        });
        w.array("reasonCode", |w| {
            rxa.field(19).reps().for_each(|part| concept_element(&env, w, part, "RXA-19"))
        });
        w.array("note", |w| note::elements(&env, w, &notes));
        w.object("dosage", |w| dosage(&env, w, from));
        w.array("extension", |w| left_over(&env, w, since, from));
    });
    let about = About { key: &key, part_of: Some(&target), meta, ..About::of(patient, encounter) };
    observation::results(ctx, &from.results, &about);
    target
}

/// RXA-20 and RXA-21, with the reason of RXA-18. What is not said to be given is not called so.
fn status(env: &Env<'_>, w: &mut Writer, rxa: Segment<'_>) {
    let said = rxa.leaf(20);
    let refused = rxa.first(18).says();
    match (rxa.leaf(21).filter(|l| l.text == "D"), said.map(|l| l.text)) {
        (Some(leaf), _) => w.string("status", "entered-in-error", leaf),
        (None, Some("CP")) => w.string("status", "completed", said),
        // Begun and not given to its end.
        (None, Some("PA")) => w.string("status", "stopped", said),
        (None, Some("RE" | "NA")) => w.string("status", "not-done", said),
        (None, None) if refused => w.fixed("status", "not-done"),
        (None, None) => w.fixed("status", "unknown"),
        (None, Some(_)) => {
            w.fixed("status", "unknown");
            if let Some(leaf) = said {
                codes::unknown_code(env, w, leaf);
            }
            w.object("_status", |w| source_code(w, said));
        }
    }
    w.array("statusReason", |w| {
        rxa.field(18).reps().for_each(|part| concept_element(env, w, part, "RXA-18"))
    });
}

/// RXA-6 with the unit of RXA-7, and RXR. R4 demands a dose or a rate (mad-1), so that a route alone stands in words.
fn dosage<'m>(env: &Env<'m>, w: &mut Writer, from: &Vaccination<'m>) {
    let rxa = from.rxa;
    let digits = rxa.leaf(6).filter(|l| l.text != UNKNOWN_AMOUNT).and_then(|l| Some((l, decimal(l.text)?)));
    if let Some(leaf) = rxa.leaf(6).filter(|l| l.text == UNKNOWN_AMOUNT) {
        env.tell(w, &rules::DOSE_UNKNOWN, leaf.id);
    }
    let Some((leaf, digits)) = digits else { return };
    if let Some(route) = from.route {
        concept(env, w, "site", route.first(2), "RXR-2");
        concept(env, w, "route", route.first(1), "RXR-1");
        concept(env, w, "method", route.first(4), "RXR-4");
    }
    amount(w, "dose", rxa, (&digits, leaf));
}
