//! OBR with what stands below it: ServiceRequest, Specimen, Observations and DiagnosticReport.

use std::collections::HashMap;

use causeway_core::{ItemId, Leaf};
use causeway_fhir::{Coding, Ref, Writer};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{self, concept_element};
use crate::datatypes::Ei;
use crate::env::{Env, source_code};
use crate::limits::PARENTS_MAX;
use crate::maps;
use crate::observation::{self, About, Category};
use crate::orders::Order;
use crate::patient::Patient;
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

/// What an order belongs to.
pub struct Within<'a, 'm> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// Control id of the message and number of the order in it, for orders without a number.
    pub fallback: String,
    /// Whether what stands below an order reports on it; else it belongs to the order: questions that it answers.
    pub reports: bool,
    /// Whether the message reports results, so that an order without any is a report too.
    pub results: bool,
    /// Notes below specimens, by the number of their segment.
    pub notes: &'a HashMap<usize, Vec<Segment<'m>>>,
}

/// The orders of a message that were written: what later ones may follow.
#[derive(Default)]
pub struct Family<'m> {
    requests: Vec<Ref>,
    /// Place of an order's request, by its numbers: the last one counts.
    by_number: HashMap<&'m str, usize>,
    /// Results by their code, each with the place of its order.
    by_code: HashMap<&'m str, Vec<(usize, Ref, Segment<'m>)>>,
}

impl<'m> Family<'m> {
    fn add(&mut self, parts: &request::Parts<'m>, request: Ref, results: Vec<(Ref, Segment<'m>)>) {
        let at = self.requests.len();
        self.requests.push(request);
        for ei in [parts.placer, parts.filler].into_iter().flatten() {
            self.by_number.insert(ei.id.text, at);
        }
        for (target, obx) in results {
            if let Some(code) = obx.first(3).leaves().next() {
                self.by_code.entry(code.text).or_default().push((at, target, obx));
            }
        }
    }

    /// The request of the order that has this number.
    pub fn request(&self, number: Ei<'m>) -> Option<Ref> {
        self.requests.get(*self.by_number.get(number.id.text)?).cloned()
    }

    /// The result that OBR-26 names by code and sub-id: in the order that OBR-29 names, else the last one.
    fn result(&self, obr: Segment<'m>) -> Option<(Ref, Vec<ItemId>)> {
        let (code, sub) = (obr.comp(26, 1)?, obr.comp(26, 2));
        let parent = obr.first(29);
        let halves = [Ei::read_sub(parent.comp(1)), Ei::read_sub(parent.comp(2))];
        let named = halves.into_iter().flatten().find_map(|ei| self.by_number.get(ei.id.text)).copied();
        let alike = self.by_code.get(code.text)?.iter().rev().take(PARENTS_MAX);
        let fits = |(_, _, obx): &&(usize, Ref, Segment<'m>)| {
            sub.is_none_or(|sub| obx.leaf(4).is_some_and(|own| own.text == sub.text))
        };
        let mut fitting = alike.filter(fits).peekable();
        let last = fitting.peek().map(|(_, target, _)| target.clone());
        let own = fitting.find(|(at, _, _)| Some(*at) == named).map(|(_, target, _)| target.clone());
        let from = [Some(code), sub].into_iter().flatten().map(|l| l.id).collect();
        own.or(last).map(|target| (target, from))
    }
}

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
        family.add(&parts, target.clone(), answers.results);
        return target;
    }
    let request = request::request(ctx, order, within, &parts, (&basis, &meta), None, &key);
    request::event(ctx, order, &request, &key);
    let specimens = specimen::specimens(ctx, order, within, &key);
    if !within.results && order.results.is_empty() {
        family.add(&parts, request.clone(), Vec::new());
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
    family.add(&parts, request, written.results);
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

pub fn numbers(env: &Env<'_>, w: &mut Writer, placer: Option<Ei<'_>>, filler: Option<Ei<'_>>) {
    if let Some(ei) = filler {
        ei.write(env, w, Some("FILL"), "filler");
    }
    if let Some(ei) = placer {
        ei.write(env, w, Some("PLAC"), "placer");
    }
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
    match maps::REPORT_STATUS.lookup(leaf.text) {
        Some(target) if target.code == "final" && !corrected.is_empty() => {
            w.string("status", "corrected", leaf)
        }
        Some(target) => w.string("status", target.code, leaf),
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
