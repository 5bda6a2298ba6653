//! OBR with what stands below it: ServiceRequest, Specimen, Observations and DiagnosticReport.

use causeway_core::{ItemId, Leaf};
use causeway_fhir::{Coding, Ref, Writer};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{self, concept, concept_element};
use crate::datatypes::Ei;
use crate::document;
use crate::env::{Env, source_code};
use crate::maps;
use crate::observation::{self, About, Category};
use crate::orders::Order;
use crate::patient::Patient;
use crate::people::{Ctx, Who};

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
pub struct Within<'a> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// Control id of the message and number of the order in it, for orders without a number.
    pub fallback: String,
    /// Whether the message reports results (and not only orders).
    pub reports: bool,
}

/// Writes an order. Returns the report, or the request where nothing is reported.
pub fn order<'m>(ctx: &mut Ctx<'_, '_, 'm>, order: &Order<'m>, within: &Within<'_>) -> Ref {
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
    let request = request(ctx, order, within, (placer, filler), &key);
    let specimens = specimens(ctx, order, within, &key);
    if !within.reports && order.results.is_empty() {
        return request;
    }
    let category = category(obr, !specimens.is_empty());
    let about = About {
        patient: within.patient,
        encounter: within.encounter,
        specimen: Some(&specimens).filter(|s| s.len() == 1).and_then(|s| s.first()),
        obr: Some(obr),
        category,
        key: &key,
    };
    let (mut results, mut documents) = (Vec::new(), Vec::new());
    let keys = observation::keys(&order.results, about.key);
    for (result, key) in order.results.iter().zip(&keys) {
        if observation::is_document(result) {
            documents.push((document::result_document(ctx, result, &about, key), result.obx));
        } else {
            results.push(observation::observation(ctx, result, &about, key));
        }
    }
    let interpreters: Vec<Who> = obr.field(32).reps().filter_map(|part| interpreter(ctx, part)).collect();
    ctx.c.resource("DiagnosticReport", &key, |w| {
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
        w.array("resultsInterpreter", |w| {
            interpreters.iter().for_each(|who| w.reference_element(&who.target, &who.from))
        });
        w.array("specimen", |w| specimens.iter().for_each(|s| w.reference_element(s, ())));
        w.array("result", |w| results.iter().for_each(|r| w.reference_element(r, ())));
        presented(w, &documents);
    })
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

fn numbers(env: &Env<'_>, w: &mut Writer, placer: Option<Ei<'_>>, filler: Option<Ei<'_>>) {
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

fn request<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    order: &Order<'m>,
    within: &Within<'_>,
    (placer, filler): (Option<Ei<'m>>, Option<Ei<'m>>),
    key: &str,
) -> Ref {
    let env = ctx.env;
    let obr = order.obr;
    let requester =
        ctx.practitioner(obr.first(16)).or_else(|| order.orc.and_then(|orc| ctx.practitioner(orc.first(12))));
    ctx.c.resource("ServiceRequest", key, |w| {
        w.array("identifier", |w| numbers(&env, w, placer, filler));
        if let Some(group) = order.orc.and_then(|orc| Ei::read(orc.first(4))) {
            let (system, decided) = group.system(&env, "placer-group");
            w.object("requisition", |w| {
                w.string("system", &system, decided);
                w.leaf("value", group.id);
            });
        }
        let said = order.orc.and_then(|orc| orc.leaf(5));
        match said.and_then(|leaf| maps::ORDER_STATUS.lookup(leaf.text)) {
            Some(target) => w.string("status", target.code, said),
            None => {
                let done = obr.leaf(25).filter(|l| matches!(l.text, "F" | "C"));
                w.string("status", if done.is_some() { "completed" } else { "unknown" }, done);
                if let Some(leaf) = said {
                    codes::unknown_code(&env, w, leaf);
                    w.object("_status", |w| source_code(w, Some(leaf)));
                }
            }
        }
        w.fixed("intent", "order");
        priority(&env, w, obr);
        concept(&env, w, "code", obr.first(4), "OBR-4");
        w.reference("subject", &within.patient.target, ());
        if let Some(encounter) = within.encounter {
            w.reference("encounter", encounter, ());
        }
        env.date_time(w, "occurrenceDateTime", obr.leaf(6));
        env.date_time(w, "authoredOn", order.orc.and_then(|orc| orc.leaf(9)));
        if let Some(who) = &requester {
            w.reference("requester", &who.target, &who.from);
        }
        w.array("reasonCode", |w| {
            obr.field(31).reps().for_each(|part| concept_element(&env, w, part, "OBR-31"))
        });
        w.array("note", |w| {
            // Relevant clinical information (OBR-13), then the notes below OBR.
            if let Some(leaf) = obr.leaf(13) {
                w.element(|w| w.leaf("text", leaf));
            }
            for nte in &order.notes {
                let leaves: Vec<Leaf<'m>> = nte.field(3).leaves().collect();
                let text = leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("\n");
                w.element(|w| w.string("text", text.trim(), &leaves));
            }
        });
    })
}

/// OBR-5, or the sixth component of OBR-27. Source: HL7 table 0485 (and 0027 before).
fn priority(env: &Env<'_>, w: &mut Writer, obr: Segment<'_>) {
    let Some(leaf) = obr.leaf(5).or(obr.comp(27, 6)) else { return };
    let code = match leaf.text {
        "S" => "stat",
        "A" => "asap",
        "R" => "routine",
        "U" => "urgent",
        _ => {
            codes::unknown_code(env, w, leaf);
            w.object("_priority", |w| source_code(w, Some(leaf)));
            return;
        }
    };
    w.string("priority", code, leaf);
}

/// SPM, or OBR-14 and OBR-15 where there is none.
fn specimens<'m>(ctx: &mut Ctx<'_, '_, 'm>, order: &Order<'m>, within: &Within<'_>, key: &str) -> Vec<Ref> {
    let env = ctx.env;
    let obr = order.obr;
    if order.specimens.is_empty() {
        let source = obr.first(15);
        let kind = source.comp(1);
        if !kind.says() && obr.leaf(14).is_none() {
            return Vec::new();
        }
        let target = ctx.c.resource("Specimen", &format!("{key}|specimen"), |w| {
            w.object("type", |w| source_type(&env, w, kind));
            w.reference("subject", &within.patient.target, ());
            env.date_time(w, "receivedTime", obr.leaf(14));
            w.object("collection", |w| {
                env.date_time(w, "collectedDateTime", obr.leaf(7));
                w.object("bodySite", |w| source_type(&env, w, source.comp(4)));
            });
        });
        return vec![target];
    }
    let mut found = Vec::new();
    for spm in order.specimens.iter().copied() {
        let assigned = Ei::read_sub(spm.first(2).comp(2)).or(Ei::read_sub(spm.first(2).comp(1)));
        let own = assigned
            .map_or_else(|| format!("{key}|specimen|{}", found.len() + 1), |ei| ei.key(&env, "specimen"));
        let own = format!("{own}|{key}");
        found.push(ctx.c.resource("Specimen", &own, |w| specimen_body(&env, w, spm, within)));
    }
    found
}

/// SPS.1 and SPS.4: a coded element in subcomponents.
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

fn specimen_body(env: &Env<'_>, w: &mut Writer, spm: Segment<'_>, within: &Within<'_>) {
    w.array("identifier", |w| {
        for half in [2, 1] {
            if let Some(ei) = Ei::read_sub(spm.first(2).comp(half)) {
                ei.write(env, w, Some(if half == 1 { "PLAC" } else { "FILL" }), "specimen");
            }
        }
    });
    concept(env, w, "type", spm.first(4), "SPM-4");
    w.reference("subject", &within.patient.target, ());
    env.date_time(w, "receivedTime", spm.leaf(18));
    w.object("collection", |w| {
        let taken = spm.first(17);
        match (taken.comp(1).leaf(), taken.comp(2).leaf()) {
            (start, Some(end)) => env.period(w, "collectedPeriod", start, Some(end)),
            (start, None) => env.date_time(w, "collectedDateTime", start),
        }
        concept(env, w, "method", spm.first(7), "SPM-7");
        concept(env, w, "bodySite", spm.first(8), "SPM-8");
    });
    w.array("condition", |w| spm.field(24).reps().for_each(|part| concept_element(env, w, part, "SPM-24")));
    w.array("note", |w| {
        if let Some(leaf) = spm.leaf(14) {
            w.element(|w| w.leaf("text", leaf));
        }
    });
}

/// NDL: a person in subcomponents of the first component (or plain components before 2.5).
fn interpreter<'m>(ctx: &mut Ctx<'_, '_, 'm>, part: Part<'m>) -> Option<Who> {
    let person = part.comp(1);
    if person.subcomp(2).leaf().is_none() && part.comp(2).leaf().is_some() {
        return ctx.practitioner(part);
    }
    ctx.practitioner_sub(person)
}
