//! OBX as Observation.

use causeway_fhir::types::concept_element;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::Segment;

use crate::codes::{self, concept, mapped_body};
use crate::env::{Env, source_code};
use crate::maps;
use crate::orders::Result;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::value;

/// What an observation is about.
pub struct About<'a, 'm> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// The specimen, where there is exactly one.
    pub specimen: Option<&'a Ref>,
    /// OBR, whose time of observation stands in for OBX-14.
    pub obr: Option<Segment<'m>>,
    /// Category code, where it is known.
    pub category: Option<Category<'m>>,
    /// What the key of each observation begins with.
    pub key: &'a str,
}

/// A category of observations and the item that said so.
#[derive(Clone, Copy)]
pub struct Category<'m> {
    /// Code of the FHIR code system.
    pub code: &'static str,
    /// Its words.
    pub display: &'static str,
    /// What decided it.
    pub from: Option<causeway_core::Leaf<'m>>,
}

/// Whether a result is a document and not a value.
pub fn is_document(result: &Result<'_>) -> bool {
    result.obx.leaf(2).is_some_and(|k| k.text == "ED")
        || (result.obx.leaf(2).is_some_and(|k| k.text == "RP") && result.obx.comp(5, 1).is_some())
}

/// Keys of the results below one order: code and sub-id, numbered where several share them.
pub fn keys(results: &[Result<'_>], prefix: &str) -> Vec<String> {
    let mut seen: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    let mut one = |result: &Result<'_>| {
        let code = result.obx.first(3);
        let id = code.comp(1).leaf().or(code.leaves().next()).map_or("", |l| l.text);
        let sub = result.obx.leaf(4).map_or("", |l| l.text);
        let base = format!("{prefix}|{id}|{sub}");
        let count = seen.entry(base.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { base } else { format!("{base}|{count}") }
    };
    results.iter().map(&mut one).collect()
}

/// Writes one result.
pub fn observation<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    result: &Result<'m>,
    about: &About<'_, 'm>,
    key: &str,
) -> Ref {
    let env = ctx.env;
    let obx = result.obx;
    let mut performers: Vec<Who> = obx.field(16).reps().filter_map(|part| ctx.practitioner(part)).collect();
    performers.extend(ctx.organisation(obx.first(23), false));
    ctx.c.resource("Observation", key, |w| {
        // The sub-id is a part of the key.
        w.mapped(obx.leaf(4));
        w.array("extension", |w| {
            if !value::is_quantity(obx) {
                // A unit beside a value that is no number.
                crate::env::source_value(w, "OBX-6", obx.comp(6, 2).or(obx.comp(6, 1)));
            }
            env.deletions(w, obx);
        });
        status(&env, w, obx);
        w.array("category", |w| {
            if let Some(category) = about.category {
                concept_element(
                    w,
                    Coding::new(systems::OBSERVATION_CATEGORY, category.code, category.display),
                    category.from,
                );
            }
        });
        code(&env, w, obx);
        w.reference("subject", &about.patient.target, ());
        if let Some(encounter) = about.encounter {
            w.reference("encounter", encounter, ());
        }
        match obx.leaf(14) {
            Some(at) => env.date_time(w, "effectiveDateTime", Some(at)),
            None => effective(&env, w, about.obr),
        }
        performed_by(w, obx, &performers);
        let repeats = obx.field(5).reps().count() > 1;
        let is_text = value::is_text(obx.leaf(2).map_or("", |k| k.text));
        if repeats && is_text {
            value::lines(w, obx.field(5));
        } else if !repeats && !is_document(result) {
            value::value(&env, w, obx, obx.first(5));
        }
        interpretation(&env, w, obx);
        notes(w, &result.notes);
        concept(&env, w, "method", obx.first(17), "OBX-17");
        if let Some(specimen) = about.specimen {
            w.reference("specimen", specimen, ());
        }
        value::reference_range(&env, w, obx);
        if repeats && !is_text {
            // Several values of one code: components, for an observation has only one value.
            w.array("component", |w| {
                for part in obx.field(5).reps().filter(|part| part.says()) {
                    w.element(|w| {
                        code(&env, w, obx);
                        value::value(&env, w, obx, part);
                    });
                }
            });
        }
    })
}

/// OBX-16 and OBX-23, and the words of OBX-15.
fn performed_by(w: &mut Writer, obx: Segment<'_>, performers: &[Who]) {
    w.array("performer", |w| {
        performers.iter().for_each(|who| w.reference_element(&who.target, &who.from));
        let producer = obx.first(15);
        if let Some(words) = producer.comp(2).leaf().or(producer.comp(1).leaf()) {
            w.element(|w| w.leaf("display", words));
        }
    });
}

fn code(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    let part = obx.first(3);
    w.object("code", |w| {
        if part.says() {
            codes::concept_body(env, w, part, "OBX-3");
        } else {
            w.fixed("text", "not stated");
        }
    });
}

/// `Observation.status` is required: an absent OBX-11, or a code that is not known, is "unknown".
fn status(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    let Some(leaf) = obx.leaf(11) else { return w.fixed("status", "unknown") };
    match maps::OBSERVATION_STATUS.lookup(leaf.text) {
        Some(target) => w.string("status", target.code, leaf),
        None => {
            codes::unknown_code(env, w, leaf);
            w.fixed("status", "unknown");
            w.object("_status", |w| source_code(w, Some(leaf)));
        }
    }
}

/// OBR-7 and OBR-8.
pub fn effective(env: &Env<'_>, w: &mut Writer, obr: Option<Segment<'_>>) {
    let Some(obr) = obr else { return };
    match (obr.leaf(7), obr.leaf(8)) {
        (start, Some(end)) => env.period(w, "effectivePeriod", start, Some(end)),
        (start, None) => env.date_time(w, "effectiveDateTime", start),
    }
}

fn interpretation(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    w.array("interpretation", |w| {
        for part in obx.field(8).reps().filter(|part| part.says()) {
            w.element(|w| {
                mapped_body(env, w, &maps::ABNORMAL_FLAG, part, "OBX-8");
            });
        }
    });
}

/// NTE-3, each segment a note. The words of one segment are its repetitions, line by line.
pub fn notes(w: &mut Writer, notes: &[Segment<'_>]) {
    w.array("note", |w| {
        for nte in notes {
            let leaves: Vec<_> = nte.field(3).leaves().collect();
            let text = leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("\n");
            w.element(|w| w.string("text", text.trim(), &leaves));
        }
    });
}
