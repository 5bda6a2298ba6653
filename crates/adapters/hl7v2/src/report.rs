//! OBR with what stands below it: ServiceRequest, Specimen, Observations and DiagnosticReport.

use causeway_core::{ItemId, Leaf};
use causeway_fhir::{Coding, Ref, Writer};
use causeway_hl7v2::{Part, Segment};

use crate::about::{About, Category};
use crate::codes::{self, concept_element};
use crate::datatypes::{Ei, numbers};
use crate::env::{Env, source_code};
use crate::family::{Family, Within};
use crate::maps;
use crate::observation;
use crate::orders::Order;
use crate::people::{Ctx, Who};
use crate::request;
use crate::rules;
use crate::specimen;

/// Sections of HL7 table 0074 that are laboratories.
const LABORATORY: &[&str] = &[
    "LAB", "BG", "BLB", "CH", "CP", "HM", "ICU", "IMM", "MB", "MCB", "MYC", "SP", "SR", "TX", "VR", "GE",
    "CG", "PAT", "OSL",
];
/// Sections that take images.
const IMAGING: &[&str] =
    &["RAD", "RX", "CT", "NMR", "NMS", "RUS", "OUS", "VUS", "XRC", "CUS", "RC", "RT", "IMG", "EC"];
/// Codes that HL7's table 0074 holds.
const SECTIONS: &[&str] = &[
    "AU", "BG", "BLB", "CG", "CUS", "CTH", "CT", "CH", "CP", "EC", "EN", "GE", "HM", "ICU", "IMM", "LAB",
    "MB", "MCB", "MYC", "NMS", "NMR", "NRS", "OUS", "OT", "OTH", "OSL", "PAR", "PAT", "PHR", "PT", "PHY",
    "PF", "RAD", "RX", "RUS", "RC", "RT", "SR", "SP", "TX", "VUS", "VR", "XRC",
];

/// Writes an order. Returns the report, or the request where nothing is reported.
pub fn order<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    order: &Order<'m>,
    within: &Within<'_, 'm>,
    family: &mut Family<'m>,
) -> Ref {
    let env = ctx.env;
    let obr = order.obr;
    let of_orc = |field: u16| order.orc.and_then(|orc| Ei::read(orc.first(field)));
    let placer = Ei::read(obr.first(2)).or(of_orc(2));
    let filler = Ei::read(obr.first(3)).or(of_orc(3));
    let code: String =
        obr.first(4).comp(1).leaf().or(obr.first(4).leaves().next()).map_or("", |l| l.text).to_owned();
    let number = filler.map(|ei| ei.key(&env, "filler")).or_else(|| placer.map(|ei| ei.key(&env, "placer")));
    let key =
        format!("{}|{code}", number.unwrap_or_else(|| format!("{}|{}", within.patient.key, within.fallback)));
    let meta = request::security(order.orc);
    let parts =
        request::Parts { placer, filler, parent: family.result(obr).filter(|_| !order.results.is_empty()) };
    if parts.parent.is_none() && obr.field(26).says() {
        let issue = env.breach(&rules::PARENT_ABSENT, obr.first(26).leaves().next().map(|l| l.id));
        ctx.c.issue(issue);
    }
    let basis = request::basis(order, family);
    let mut about = About {
        obr: Some(obr),
        key: &key,
        derived_from: parts.parent.clone(),
        meta: meta.clone(),
        ..About::of(within.patient, within.encounter)
    };
    if !within.reports {
        let specimens = specimen::specimens(ctx, order, within, &key);
        about.specimen = Some(&specimens).filter(|s| s.len() == 1).and_then(|s| s.first());
        about.category = Some(Category { code: "survey", display: "Survey", from: None });
        // What an order asks and says of the patient is no finding of a laboratory.
        let answers = observation::results(ctx, &order.results, &about);
        let asked = request::Asked { specimens: &specimens, answers: &answers };
        let target = request::request(ctx, order, within, &parts, (&basis, &meta), Some(&asked), &key);
        request::event(ctx, order, &target, &key);
        family.add([parts.placer, parts.filler], target.clone(), answers.results);
        return target;
    }
    let request = request::request(ctx, order, within, &parts, (&basis, &meta), None, &key);
    request::event(ctx, order, &request, &key);
    let specimens = specimen::specimens(ctx, order, within, &key);
    if !within.results && order.results.is_empty() {
        family.add([parts.placer, parts.filler], request.clone(), Vec::new());
        return request;
    }
    about.category = category(obr, !specimens.is_empty());
    about.specimen = Some(&specimens).filter(|s| s.len() == 1).and_then(|s| s.first());
    let written = observation::results(ctx, &order.results, &about);
    let interpreters: Vec<Who> = obr.field(32).reps().filter_map(|part| interpreter(ctx, part)).collect();
    let mut helpers: Vec<(&'static str, Who)> = Vec::new();
    for (field, role) in [(34, "technician"), (35, "transcriptionist")] {
        helpers
            .extend(obr.field(field).reps().filter_map(|part| interpreter(ctx, part)).map(|who| (role, who)));
    }
    let target = ctx.c.resource_with("DiagnosticReport", &key, &meta, |w| {
        let since = w.mark();
        w.array("identifier", |w| numbers(&env, w, placer, filler));
        w.array("basedOn", |w| w.reference_element(&request, ()));
        status(&env, w, order);
        w.array("category", |w| section(&env, w, obr));
        report_code(&env, w, obr.first(4));
        w.reference("subject", &within.patient.target, ());
        if let Some(encounter) = within.encounter {
            w.reference("encounter", encounter, ());
        }
        observation::effective(&env, w, Some(obr));
        env.instant(w, "issued", obr.leaf(22));
        w.array("performer", |w| {
            for (role, who) in &helpers {
                w.element(|w| {
                    w.reference_body(&who.target, &who.from);
                    w.fixed("display", role);
                });
            }
        });
        w.array("resultsInterpreter", |w| {
            interpreters.iter().for_each(|who| w.reference_element(&who.target, &who.from))
        });
        w.array("specimen", |w| specimens.iter().for_each(|s| w.reference_element(s, ())));
        w.array("result", |w| written.results.iter().for_each(|(r, _)| w.reference_element(r, ())));
        presented(w, &written.documents);
        w.array("extension", |w| {
            env.deletions(w, obr);
            env.leftover_fields(w, since, obr, &[24, 32, 33, 34, 35]);
        });
    });
    family.add([parts.placer, parts.filler], request, written.results);
    target
}

/// The documents of a report: the form it is presented in, leading to the DocumentReference with the data.
fn presented(w: &mut Writer, documents: &[(Ref, Segment<'_>)]) {
    w.array("presentedForm", |w| {
        for (target, obx) in documents {
            w.element(|w| {
                w.fixed("url", &target.url());
                let title = obx.comp(3, 2).or(obx.comp(3, 1));
                w.leaf_opt("title", title);
            });
        }
    });
}

fn report_code(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    w.object("code", |w| {
        if part.says() {
            codes::concept_body(env, w, part, "OBR-4");
        } else {
            w.fixed("text", "not stated");
        }
    });
}

/// The status of a report: OBR-25, and where it is absent what all OBX-11 say together. A final report with a
/// corrected result is a corrected report.
fn status(env: &Env<'_>, w: &mut Writer, order: &Order<'_>) {
    let flags: Vec<Leaf<'_>> = order.results.iter().filter_map(|r| r.obx.leaf(11)).collect();
    let corrected: Vec<ItemId> = flags.iter().filter(|l| l.text == "C").map(|l| l.id).collect();
    let Some(leaf) = order.obr.leaf(25) else {
        return w.fixed("status", from_results(&flags, order.results.len()));
    };
    match codes::row(env, w, &maps::REPORT_STATUS, leaf) {
        Some(target) if target.code == "final" && !corrected.is_empty() => {
            w.string("status", "corrected", leaf)
        }
        Some(target) => {
            if target.code == "cancelled" && flags.iter().any(|flag| matches!(flag.text, "F" | "C")) {
                env.tell(w, &rules::REPORT_CONTRADICTED, leaf.id);
            }
            w.string("status", target.code, leaf);
        }
        None => {
            codes::unknown_code(env, w, leaf);
            w.fixed("status", "unknown");
            w.object("_status", |w| source_code(w, Some(leaf)));
        }
    }
}

fn from_results(flags: &[Leaf<'_>], results: usize) -> &'static str {
    let all = |set: &[&str]| flags.len() == results && flags.iter().all(|l| set.contains(&l.text));
    if flags.is_empty() {
        "unknown"
    } else if all(&["X", "N"]) {
        "cancelled"
    } else if all(&["D", "W"]) {
        "entered-in-error"
    } else if all(&["F", "U", "V", "X", "N", "D", "W"]) {
        "final"
    } else if all(&["F", "C", "U", "V", "X", "N", "D", "W"]) {
        "corrected"
    } else {
        "partial"
    }
}

/// OBR-24, as HL7 has it; a section that HL7's table does not know is the sender's own.
fn section(env: &Env<'_>, w: &mut Writer, obr: Segment<'_>) {
    let part = obr.first(24);
    match part.leaf().filter(|l| SECTIONS.contains(&l.text)) {
        Some(leaf) => {
            w.element(|w| {
                let system = "http://terminology.hl7.org/CodeSystem/v2-0074";
                causeway_fhir::types::concept_body(w, Coding::new(system, leaf.text, ""), leaf);
            });
        }
        None => concept_element(env, w, part, "OBR-24"),
    }
}

/// Laboratory or imaging, where OBR-24 says so or a specimen was taken.
fn category<'m>(obr: Segment<'m>, specimen: bool) -> Option<Category<'m>> {
    let section = obr.first(24).leaf();
    let is = |set: &[&str]| section.is_some_and(|l| set.contains(&l.text));
    if is(LABORATORY) {
        Some(Category { code: "laboratory", display: "Laboratory", from: None })
    } else if is(IMAGING) {
        Some(Category { code: "imaging", display: "Imaging", from: None })
    } else {
        (section.is_none() && specimen).then_some(Category {
            code: "laboratory",
            display: "Laboratory",
            from: None,
        })
    }
}

/// NDL: a person in subcomponents of the first component (or plain components before 2.5).
pub fn interpreter<'m>(ctx: &mut Ctx<'_, '_, 'm>, part: Part<'m>) -> Option<Who> {
    let person = part.comp(1);
    if person.subcomp(2).leaf().is_none() && part.comp(2).leaf().is_some() {
        return ctx.practitioner(part);
    }
    ctx.practitioner_sub(person)
}
