//! ORC and OBR as ServiceRequest, and who entered, verified and acted on it as a Provenance.

use causeway_adapter::{Meta, Profile};
use causeway_core::{ItemId, Leaf};
use causeway_fhir::types::extension;
use causeway_fhir::writer::Mark;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{self, concept, concept_element};
use crate::datatypes::{Ei, numbers};
use crate::env::{Env, source_code};
use crate::family::{Family, Within};
use crate::maps;
use crate::note;
use crate::observation::Written;
use crate::orders::Order;
use crate::people::{Contacts, Ctx, Who};

/// What is known of an order before it is written.
pub struct Parts<'m> {
    /// The placer's number.
    pub placer: Option<Ei<'m>>,
    /// The filler's number.
    pub filler: Option<Ei<'m>>,
    /// The result that the order follows, with the items that say so.
    pub parent: Option<(Ref, Vec<ItemId>)>,
}

/// What an order brings with it.
pub struct Asked<'a, 'm> {
    /// Specimens.
    pub specimens: &'a [Ref],
    /// Answers to the questions that were asked at order entry.
    pub answers: &'a Written<'m>,
}

/// What a request is based on: an order of the message, or the numbers of one outside it.
pub enum Basis<'m> {
    /// It is in the message; the items that name it.
    Here(Ref, Vec<ItemId>),
    /// It is not: its number with the name of the system that stands in where none is named.
    Number(Ei<'m>, &'static str),
}

/// The parent order: OBR-29, and ORC-8 before it.
pub fn basis<'m>(order: &Order<'m>, family: &Family<'m>) -> Vec<Basis<'m>> {
    let fields = [order.orc.map(|orc| orc.first(8)), Some(order.obr.first(29))];
    let Some(part) = fields.into_iter().flatten().rfind(|part| part.says()) else { return Vec::new() };
    let halves = [Ei::read_sub(part.comp(1)), Ei::read_sub(part.comp(2))];
    for ei in halves.into_iter().flatten() {
        if let Some(target) = family.request(ei) {
            return vec![Basis::Here(target, vec![ei.id.id])];
        }
    }
    let named = [(halves.first().copied().flatten(), "placer"), (halves.get(1).copied().flatten(), "filler")];
    named.into_iter().filter_map(|(ei, name)| ei.map(|ei| Basis::Number(ei, name))).collect()
}

/// ORC-28 as security labels: HL7 table 0177. What is neither usual nor unrestricted is restricted, whatever the reason.
pub fn security(orc: Option<Segment<'_>>) -> Meta<'_> {
    let mut meta = Meta::default();
    let Some(leaf) = orc.and_then(|orc| orc.comp(28, 1)) else { return meta };
    let label = match leaf.text {
        "V" => ("V", "very restricted"),
        "U" | "UWM" => ("N", "normal"),
        _ => ("R", "restricted"),
    };
    meta.security.push((systems::CONFIDENTIALITY, label.0, label.1, vec![leaf.id]));
    let known = matches!(leaf.text, "AID" | "EMP" | "ETH" | "HIV" | "PSY" | "R" | "U" | "UWM" | "V" | "VIP");
    if known {
        let system = "http://terminology.hl7.org/CodeSystem/v2-0177";
        meta.security.push((system, leaf.text, "", vec![leaf.id]));
    }
    meta
}

/// Writes the request of an order.
pub fn request<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    order: &Order<'m>,
    within: &Within<'_, 'm>,
    parts: &Parts<'m>,
    (basis, meta): (&[Basis<'m>], &Meta<'m>),
    asked: Option<&Asked<'_, 'm>>,
    key: &str,
) -> Ref {
    let env = ctx.env;
    let obr = order.obr;
    let requester = requester(ctx, order, key);
    let copies: Vec<Who> = obr.field(28).reps().filter_map(|part| ctx.practitioner(part)).collect();
    let notes = note::prepare(ctx, &order.notes);
    ctx.c.resource_with("ServiceRequest", key, meta, |w| {
        let since = w.mark();
        w.array("identifier", |w| {
            numbers(&env, w, parts.placer, parts.filler);
            let alternate = Ei::read(obr.first(53)).or(order.orc.and_then(|orc| Ei::read(orc.first(33))));
            alternate.iter().for_each(|ei| ei.write(&env, w, Some("PLAC"), "alternate-placer"));
        });
        w.array("basedOn", |w| based_on(&env, w, basis));
        requisition(&env, w, order);
        status(&env, w, order);
        intent(w, obr);
        priority(&env, w, order);
        concept(&env, w, "code", obr.first(4), "OBR-4");
        w.array("orderDetail", |w| {
            for field in [46, 47] {
                let name = if field == 46 { "OBR-46" } else { "OBR-47" };
                obr.field(field).reps().for_each(|part| concept_element(&env, w, part, name));
            }
        });
        w.reference("subject", &within.patient.target, ());
        if let Some(encounter) = within.encounter {
            w.reference("encounter", encounter, ());
        }
        occurrence(&env, w, order);
        env.date_time(w, "authoredOn", order.orc.and_then(|orc| orc.leaf(9)));
        if let Some(who) = &requester {
            w.reference("requester", &who.target, &who.from);
        }
        w.array("locationCode", |w| {
            if let Some(orc) = order.orc {
                concept_element(&env, w, orc.first(29), "ORC-29");
            }
        });
        w.array("reasonCode", |w| {
            obr.field(31).reps().for_each(|part| concept_element(&env, w, part, "OBR-31"))
        });
        if let Some(asked) = asked {
            w.array("supportingInfo", |w| {
                let all = asked.answers.results.iter().chain(&asked.answers.documents);
                all.for_each(|(target, _)| w.reference_element(target, ()));
            });
            w.array("specimen", |w| asked.specimens.iter().for_each(|s| w.reference_element(s, ())));
        }
        w.array("note", |w| {
            // Relevant clinical information (OBR-13), then the notes below ORC and OBR.
            for part in obr.field(13).reps().filter(|part| part.says()) {
                w.element(|w| w.string("text", &part.text(), part));
            }
            note::elements(&env, w, &notes);
        });
        let reported = within.reports && (within.results || !order.results.is_empty());
        extensions(&env, w, order, since, &copies, (parts, reported));
    })
}

fn based_on(env: &Env<'_>, w: &mut Writer, basis: &[Basis<'_>]) {
    for one in basis {
        match one {
            Basis::Here(target, from) => w.reference_element(target, from),
            Basis::Number(ei, name) => {
                let (system, decided) = ei.system(env, name);
                w.element(|w| {
                    w.fixed("type", "ServiceRequest");
                    w.object("identifier", |w| {
                        w.string("system", &system, decided);
                        w.leaf("value", ei.id);
                    });
                });
            }
        }
    }
}

/// ORC-4, a group of orders: an EI, or (from version 2.7 on) two of them.
fn requisition(env: &Env<'_>, w: &mut Writer, order: &Order<'_>) {
    let Some(part) = order.orc.map(|orc| orc.first(4)) else { return };
    let pair =
        part.comp(1).subcomp(2).leaf().is_some() || (part.comp(1).leaf().is_none() && part.comp(2).says());
    let group = if pair { Ei::read_sub(part.comp(1)).or(Ei::read_sub(part.comp(2))) } else { Ei::read(part) };
    let Some(group) = group else { return };
    let (system, decided) = group.system(env, "placer-group");
    w.object("requisition", |w| {
        w.string("system", &system, decided);
        w.leaf("value", group.id);
    });
}

/// Codes of table 0119 that say nothing of an order's state by themselves.
const KNOWN_CONTROLS: [&str; 26] = [
    "AF", "CN", "DE", "DF", "FU", "LI", "MC", "NR", "OF", "OP", "OR", "PR", "PY", "RE", "RF", "RO", "RQ",
    "RR", "RU", "SC", "SR", "SS", "UA", "UC", "UF", "UN",
];

/// ORC-5; where it is absent what ORC-1 asks for; else what OBR-25 says of the result.
fn status(env: &Env<'_>, w: &mut Writer, order: &Order<'_>) {
    let said = order.orc.and_then(|orc| orc.leaf(5));
    if let Some(target) = said.and_then(|leaf| maps::ORDER_STATUS.lookup(leaf.text)) {
        return w.string("status", target.code, said);
    }
    let control = order.orc.and_then(|orc| orc.leaf(1)).filter(|_| said.is_none());
    let asked = match control.map(|l| l.text) {
        Some("NW" | "XO" | "RP" | "PA" | "CH" | "SN" | "NA" | "OK" | "XR" | "RL" | "OE") => Some("active"),
        Some("CA" | "OC" | "CR" | "DC" | "OD" | "DR") => Some("revoked"),
        Some("HD" | "OH" | "HR") => Some("on-hold"),
        _ => None,
    };
    if let Some(code) = asked {
        return w.string("status", code, control);
    }
    let done = order.obr.leaf(25).filter(|l| matches!(l.text, "F" | "C"));
    w.string("status", if done.is_some() { "completed" } else { "unknown" }, done);
    // What ORC-1 asks for in a word of no table may be a stop; what only answers an order says nothing of its state.
    let unknown = control.filter(|l| !KNOWN_CONTROLS.contains(&l.text));
    if let Some(leaf) = said.or(unknown) {
        codes::unknown_code(env, w, leaf);
        w.object("_status", |w| source_code(w, Some(leaf)));
    }
}

/// OBR-11 `G`: the order was made because of a result.
fn intent(w: &mut Writer, obr: Segment<'_>) {
    match obr.leaf(11).filter(|l| l.text == "G") {
        Some(leaf) => w.string("intent", "reflex-order", leaf),
        None => w.fixed("intent", "order"),
    }
}

/// TQ1-9, OBR-5, or the sixth component of ORC-7 and OBR-27. Source: HL7 table 0485 (and 0027 before).
fn priority(env: &Env<'_>, w: &mut Writer, order: &Order<'_>) {
    let orc = order.orc.and_then(|orc| orc.comp(7, 6));
    let tq1 = order.timing.and_then(|tq1| tq1.comp(9, 1));
    let Some(leaf) = tq1.or(order.obr.leaf(5)).or(orc).or(order.obr.comp(27, 6)) else { return };
    let code = match leaf.text {
        "S" => "stat",
        "A" => "asap",
        "R" => "routine",
        "U" => "urgent",
        _ => {
            // R4's list has no code for what is not known, and an absent one means routine: the words stay in an extension.
            return codes::unknown_code(env, w, leaf);
        }
    };
    w.string("priority", code, leaf);
}

/// When it is to be done: TQ1, ORC-7 or OBR-27 (interval, duration, start, end, words), else OBR-6.
fn occurrence(env: &Env<'_>, w: &mut Writer, order: &Order<'_>) {
    let quantity = [order.orc.map(|orc| orc.first(7)), Some(order.obr.first(27))];
    let quantity = quantity.into_iter().flatten().find(|part| part.says());
    let comp = |n| quantity.and_then(|part: Part<'_>| part.comp(n).leaf());
    let tq1 = |field: u16| order.timing.and_then(|tq1| tq1.leaf(field));
    let start = tq1(7).or(comp(4)).or(order.obr.leaf(6));
    let end = tq1(8).or(comp(5));
    let mut words: Vec<Leaf<'_>> = quantity
        .map(|part| [2, 3, 7, 8, 9, 10, 11].into_iter().flat_map(|n| part.comp(n).leaves()).collect())
        .unwrap_or_default();
    if let Some(tq1) = order.timing {
        words.extend([3, 4, 5, 6, 10, 11].into_iter().flat_map(|n| tq1.field(n).leaves()));
    }
    if words.is_empty() {
        return match (start, end) {
            (start, Some(end)) => env.period(w, "occurrencePeriod", start, Some(end)),
            (start, None) => env.date_time(w, "occurrenceDateTime", start),
        };
    }
    let text = words.iter().map(|l| l.text).collect::<Vec<_>>().join(" ");
    w.object("occurrenceTiming", |w| {
        w.object("repeat", |w| env.period(w, "boundsPeriod", start, end));
        w.object("code", |w| w.string("text", &text, &words));
    });
}

/// OBR-16 or ORC-12; with the organisation of ORC-21 a role in it.
fn requester<'m>(ctx: &mut Ctx<'_, '_, 'm>, order: &Order<'m>, key: &str) -> Option<Who> {
    let address = order.orc.map(|orc| orc.first(24)).filter(|part| part.says());
    let person = ctx
        .practitioner_at(order.obr.first(16), address)
        .or_else(|| order.orc.and_then(|orc| ctx.practitioner_at(orc.first(12), address)));
    let Some(orc) = order.orc.filter(|orc| orc.field(21).says()) else { return person };
    let contacts =
        Contacts { addresses: orc.field(22).reps().collect(), telecoms: orc.field(23).reps().collect() };
    let Some(organisation) = ctx.organisation_at(orc.first(21), true, &contacts) else { return person };
    let target = ctx.c.resource("PractitionerRole", &format!("{key}|requester"), |w| {
        if let Some(person) = &person {
            w.reference("practitioner", &person.target, &person.from);
        }
        w.reference("organization", &organisation.target, &organisation.from);
    });
    let from = person.map_or(Vec::new(), |who| who.from);
    Some(Who { target, from })
}

/// Items of ORC that have no element in FHIR R4 and are kept with their names.
const MORE_OF_ORC: &[u16] = &[
    1, 2, 3, 4, 6, 7, 8, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33,
    34, 35, 36, 37, 38,
];
/// Items of OBR kept so: numbers and codes beyond what is written, danger, callback, fields of placer and filler, copies,
/// transport, follow-up. Charges are not.
const MORE_OF_OBR: &[u16] = &[
    2, 3, 4, 5, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 26, 27, 28, 29, 30, 31, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,
];
/// OBR items that the specimen takes where there is one.
const OF_SPECIMEN: &[u16] = &[9, 10, 12, 14, 15, 39];

fn extensions<'m>(
    env: &Env<'m>,
    w: &mut Writer,
    order: &Order<'m>,
    since: Mark,
    copies: &[Who],
    (parts, reported): (&Parts<'m>, bool),
) {
    let obr = order.obr;
    w.array("extension", |w| {
        if let Some(orc) = order.orc {
            if orc.first(16).says() {
                extension(w, "http://hl7.org/fhir/StructureDefinition/request-statusReason", |w| {
                    concept(env, w, "valueCodeableConcept", orc.first(16), "ORC-16");
                });
            }
            // Numbers that OBR repeats say nothing new.
            for (mine, theirs) in [(2, 2), (3, 3)] {
                let (a, b) = (orc.first(mine), obr.first(theirs));
                if a.says() && a.text() == b.text() {
                    w.mapped(a);
                }
            }
            if orc.first(12).says() && orc.first(12).text() == obr.first(16).text() {
                w.mapped(orc.first(12));
            }
            env.deletions(w, orc);
            env.leftover_fields(w, since, orc, MORE_OF_ORC);
        }
        for who in copies {
            extension(w, &format!("{}/StructureDefinition/copy-to", systems::CAUSEWAY), |w| {
                w.reference("valueReference", &who.target, &who.from);
            });
        }
        let has_specimen = crate::specimen::is_written(order);
        let mut fields = MORE_OF_OBR.to_vec();
        if !reported {
            fields.extend([22, 24, 25, 32, 33, 34, 35]);
        }
        fields.retain(|f| !(has_specimen && OF_SPECIMEN.contains(f)));
        // What names the parent result is said by the results that follow it.
        w.mapped(parts.parent.iter().map(|(_, from)| from).collect::<Vec<_>>());
        env.leftover_fields(w, since, obr, &fields);
        if let Some(tq1) = order.timing {
            env.leftover_fields(w, since, tq1, &[2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14]);
        }
    });
}

/// Who entered (ORC-10), verified (ORC-11) and acted on (ORC-19) an order, where it says so.
pub fn event<'m>(ctx: &mut Ctx<'_, '_, 'm>, order: &Order<'m>, target: &Ref, key: &str) {
    let Some(orc) = order.orc else { return };
    let mut agents: Vec<(&'static str, Who)> = Vec::new();
    for (field, role) in [(10, "enterer"), (11, "verifier"), (19, "performer")] {
        agents
            .extend(orc.field(field).reps().filter_map(|part| ctx.practitioner(part)).map(|who| (role, who)));
    }
    if agents.is_empty() {
        return;
    }
    let env = ctx.env;
    let meta = Meta { profile: Profile::None, ..Meta::default() };
    let received = ctx.c.context.received.to_string();
    ctx.c.resource_with("Provenance", &format!("order|{key}"), &meta, |w| {
        w.array("target", |w| w.reference_element(target, ()));
        let at = orc.leaf(9).and_then(|leaf| env.when_silently(leaf));
        if !at.is_some_and(|when| w.instant("recorded", &when, orc.leaf(9))) {
            w.fixed("recorded", &received);
        }
        w.object("activity", |w| match orc.leaf(1) {
            Some(control) if codes::is_code(control.text) => {
                w.array("coding", |w| {
                    w.element(|w| {
                        Coding::new("http://terminology.hl7.org/CodeSystem/v2-0119", control.text, "")
                            .body(w, control);
                    });
                });
            }
            _ => w.fixed("text", "order"),
        });
        w.array("agent", |w| {
            for (role, who) in &agents {
                w.element(|w| {
                    crate::event::kind(w, role);
                    w.reference("who", &who.target, &who.from);
                });
            }
        });
    });
}
