//! SPM, or what OBR says of a specimen, as Specimen.

use causeway_fhir::writer::decimal;
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};
use causeway_terminology::ucum::ucum;

use crate::codes::{self, concept, concept_element};
use crate::datatypes::{Cx, Ei, system_of};
use crate::env::Env;
use crate::family::Within;
use crate::note::{self, Note};
use crate::orders::Order;
use crate::people::{Ctx, Who};

/// Whether an order has a specimen.
pub fn is_written(order: &Order<'_>) -> bool {
    !order.specimens.is_empty() || order.obr.first(15).comp(1).says() || order.obr.leaf(14).is_some()
}

/// SPM, or OBR-14 and OBR-15 where there is none.
pub fn specimens<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    order: &Order<'m>,
    within: &Within<'_, 'm>,
    key: &str,
) -> Vec<Ref> {
    if !is_written(order) {
        return Vec::new();
    }
    let env = ctx.env;
    let obr = order.obr;
    let collector = ctx.practitioner(obr.first(10));
    if order.specimens.is_empty() {
        let source = obr.first(15);
        let target = ctx.c.resource("Specimen", &format!("{key}|specimen"), |w| {
            let since = w.mark();
            w.object("type", |w| source_type(&env, w, source.comp(1)));
            w.reference("subject", &within.patient.target, ());
            env.date_time(w, "receivedTime", obr.leaf(14));
            w.object("collection", |w| {
                collected_by(w, collector.as_ref());
                observation_time(&env, w, obr);
                amount(w, "quantity", obr.first(9));
                w.object("method", |w| source_type(&env, w, source.comp(6)));
                w.object("bodySite", |w| source_type(&env, w, source.comp(4)));
            });
            w.array("container", |w| {
                w.element(|w| {
                    w.object("additiveCodeableConcept", |w| source_type(&env, w, source.comp(2)));
                });
            });
            w.array("note", |w| comment(w, obr));
            w.array("extension", |w| env.leftover_fields(w, since, obr, &[9, 10, 12, 15, 39]));
        });
        return vec![target];
    }
    let mut found = Vec::new();
    for (at, spm) in order.specimens.iter().copied().enumerate() {
        let assigned = Ei::read_sub(spm.first(2).comp(2)).or(Ei::read_sub(spm.first(2).comp(1)));
        let own = assigned
            .map_or_else(|| format!("{key}|specimen|{}", found.len() + 1), |ei| ei.key(&env, "specimen"));
        let own = format!("{own}|{key}");
        let notes = within.notes.get(&spm.index()).map_or(Vec::new(), |list| note::prepare(ctx, list));
        let more = More { obr, collector: collector.as_ref(), first: at == 0, notes: &notes };
        found.push(ctx.c.resource("Specimen", &own, |w| specimen(&env, w, spm, within, &more)));
    }
    found
}

/// What OBR says of the specimens, and the notes of one.
struct More<'a, 'm> {
    obr: Segment<'m>,
    collector: Option<&'a Who>,
    /// Whether it is the first: what OBR says of no particular one is written there.
    first: bool,
    notes: &'a [Note<'m>],
}

fn collected_by(w: &mut Writer, collector: Option<&Who>) {
    if let Some(who) = collector {
        w.reference("collector", &who.target, &who.from);
    }
}

/// OBR-7 and OBR-8: of a specimen the time at which it was taken.
fn observation_time(env: &Env<'_>, w: &mut Writer, obr: Segment<'_>) {
    match (obr.leaf(7), obr.leaf(8)) {
        (start, Some(end)) => env.period(w, "collectedPeriod", start, Some(end)),
        (start, None) => env.date_time(w, "collectedDateTime", start),
    }
}

/// OBR-39, the collector's comment.
fn comment(w: &mut Writer, obr: Segment<'_>) {
    for part in obr.field(39).reps() {
        let words = part.comp(9).leaf().or(part.comp(2).leaf()).or(part.comp(1).leaf());
        if let Some(words) = words {
            w.element(|w| w.leaf("text", words));
        }
    }
}

/// A quantity with its unit (CQ): what is no number is left to the caller.
fn amount(w: &mut Writer, key: &str, part: Part<'_>) {
    let Some((leaf, digits)) = part.comp(1).leaf().and_then(|l| decimal(l.text).map(|d| (l, d))) else {
        return;
    };
    let (code, words) = (part.comp(2).subcomp(1).leaf(), part.comp(2).subcomp(2).leaf());
    w.object(key, |w| {
        w.number("value", &digits, leaf);
        w.leaf_opt("unit", words.or(code));
        if let Some((code, known)) = code.and_then(|c| ucum(c.text).map(|known| (c, known))) {
            w.fixed("system", systems::UCUM);
            w.string("code", known, code);
        }
    });
}

/// SPS.1 and its like: a coded element in subcomponents.
fn source_type(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let sub = |n| part.subcomp(n).leaf();
    let (id, words, system) = (sub(1), sub(2), sub(3));
    if let Some(id) = id.filter(|l| codes::is_code(l.text)) {
        w.array("coding", |w| {
            w.element(|w| {
                match system {
                    Some(system) => w.string("system", &codes::coding_system(env, system.text), system),
                    None => w.fixed("system", &env.local("OBR-15")),
                }
                w.leaf("code", id);
            });
        });
        w.leaf_opt("text", words);
    } else {
        w.leaf_opt("text", words.or(id));
    }
}

/// Items of SPM that have no element in FHIR R4 and are kept with their names.
const MORE_OF_SPM: &[u16] = &[
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35,
];

fn specimen<'m>(
    env: &Env<'m>,
    w: &mut Writer,
    spm: Segment<'m>,
    within: &Within<'_, 'm>,
    more: &More<'_, 'm>,
) {
    let since = w.mark();
    w.array("identifier", |w| {
        for half in [2, 1] {
            if let Some(ei) = Ei::read_sub(spm.first(2).comp(half)) {
                ei.write(env, w, Some(if half == 1 { "PLAC" } else { "FILL" }), "specimen");
            }
        }
        spm.field(31).reps().filter_map(Cx::read).for_each(|cx| cx.write(env, w, None));
        Ei::read(spm.first(32)).iter().for_each(|ei| ei.write(env, w, None, "shipment"));
    });
    if let Some(cx) = Cx::read(spm.first(30)) {
        let (system, decided) = system_of(env, cx.part.comp(4), "accession");
        w.object("accessionIdentifier", |w| {
            w.string("system", &system, decided);
            w.leaf("value", cx.id);
        });
    }
    // SPM-20, whether there is any left.
    match spm.leaf(20) {
        Some(leaf) if leaf.text == "Y" => w.string("status", "available", leaf),
        Some(leaf) if leaf.text == "N" => w.string("status", "unavailable", leaf),
        _ => {}
    }
    concept(env, w, "type", spm.first(4), "SPM-4");
    w.reference("subject", &within.patient.target, ());
    env.date_time(w, "receivedTime", spm.leaf(18));
    w.array("parent", |w| {
        for part in spm.field(3).reps() {
            for half in [2, 1] {
                let Some(ei) = Ei::read_sub(part.comp(half)) else { continue };
                let (system, decided) = ei.system(env, "specimen");
                w.element(|w| {
                    w.fixed("type", "Specimen");
                    w.object("identifier", |w| {
                        w.string("system", &system, decided);
                        w.leaf("value", ei.id);
                    });
                });
            }
        }
    });
    w.object("collection", |w| {
        collected_by(w, more.collector);
        let taken = spm.first(17);
        match (taken.comp(1).leaf(), taken.comp(2).leaf()) {
            (start, Some(end)) => env.period(w, "collectedPeriod", start, Some(end)),
            (start, None) => env.date_time(w, "collectedDateTime", start),
        }
        let own = spm.first(12);
        amount(w, "quantity", if own.says() || !more.first { own } else { more.obr.first(9) });
        concept(env, w, "method", spm.first(7), "SPM-7");
        concept(env, w, "bodySite", spm.first(8), "SPM-8");
    });
    w.array("container", |w| {
        w.element(|w| {
            concept(env, w, "type", spm.first(27), "SPM-27");
            concept(env, w, "additiveCodeableConcept", spm.first(6), "SPM-6");
        });
    });
    w.array("condition", |w| spm.field(24).reps().for_each(|part| concept_element(env, w, part, "SPM-24")));
    w.array("note", |w| {
        for part in spm.field(14).reps().filter(|part| part.says()) {
            w.element(|w| w.string("text", &part.text(), part));
        }
        if more.first {
            comment(w, more.obr);
        }
        note::elements(env, w, more.notes);
    });
    w.array("extension", |w| {
        env.deletions(w, spm);
        env.leftover_fields(w, since, spm, MORE_OF_SPM);
        if more.first {
            env.leftover_fields(w, since, more.obr, &[9, 10, 12, 14, 15, 39]);
        }
    });
}
