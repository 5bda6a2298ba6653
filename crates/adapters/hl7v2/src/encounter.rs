//! PV1, PV2: the visit.

use causeway_adapter::Meta;
use causeway_core::Leaf;
use causeway_fhir::types::{concept_body, extension, ukcore_extension};
use causeway_fhir::writer::Mark;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};
use causeway_terminology::Map;

use crate::care_team;
use crate::clinical::Diagnosis;
use crate::codes::{self, concept_element, mapped_body};
use crate::datatypes::{Cx, oid_type, system_of};
use crate::env::{Env, source_value};
use crate::header::Header;
use crate::maps;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::rules;
use crate::uk;

/// What an encounter is made of.
pub struct Sources<'m> {
    /// The header.
    pub header: Header<'m>,
    /// PV1.
    pub pv1: Segment<'m>,
    /// PV2, where there is one.
    pub pv2: Option<Segment<'m>>,
    /// EVN, where there is one.
    pub evn: Option<Segment<'m>>,
    /// ROL segments of the visit.
    pub roles: Vec<Segment<'m>>,
    /// Z-segments of the UK that speak of the visit.
    pub more: Vec<Segment<'m>>,
}

/// The key of the encounter: its visit number, else the patient with the time of admission, else the message.
/// `None` where the segment stands for no visit (class `N` and nothing else).
pub fn key<'m>(env: &Env<'m>, from: &Sources<'m>, patient: &Patient) -> Option<String> {
    let pv1 = from.pv1;
    let meaningful =
        pv1.all().leaves().count() > usize::from(pv1.field(1).says()) + pv1.field(2).leaves().count();
    let class = pv1.leaf(2).map_or("N", |l| l.text);
    if !meaningful && matches!(class, "N" | "U") {
        return None;
    }
    Some(match (pv1.field(19).reps().find_map(Cx::read), pv1.leaf(44)) {
        (Some(cx), _) => format!("{}|{}", system_of(env, cx.part.comp(4), "visit").0, cx.id.text),
        (None, Some(admitted)) => format!("{}|{}", patient.key, admitted.text),
        (None, None) => format!("{}|message|{}", patient.key, from.header.control.text),
    })
}

/// `Encounter.status` by what happened, and whether the end of the visit decides instead.
fn status(from: &Sources<'_>) -> (&'static str, bool) {
    match (from.header.kind, from.header.trigger) {
        (
            "ADT",
            "A01" | "A02" | "A04" | "A06" | "A07" | "A09" | "A12" | "A13" | "A16" | "A22" | "A25" | "A26",
        ) => ("in-progress", false),
        ("ADT", "A10") => ("arrived", false),
        ("ADT", "A03") => ("finished", false),
        ("ADT", "A05" | "A14") | ("SIU", _) => ("planned", true),
        ("ADT", "A11" | "A27" | "A38") => ("cancelled", false),
        ("ADT", "A21") => ("onleave", false),
        ("ADT", "A23") => ("entered-in-error", false),
        ("ADT", "A08") => ("in-progress", true),
        _ => ("unknown", true),
    }
}

struct Participant {
    role: (&'static str, &'static str),
    who: Who,
}

/// Writes the encounter under its key.
pub fn encounter<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    from: &Sources<'m>,
    key: &str,
    patient: &Patient,
    diagnoses: &[Diagnosis<'m>],
    appointment: Option<&Ref>,
) -> Ref {
    let env = ctx.env;
    let pv1 = from.pv1;
    let places = places(ctx, from);
    let people = participants(ctx, from);
    let roles = care_team::read(ctx, &from.roles);
    let protected = from.pv2.and_then(|pv2| pv2.leaf(22)).filter(|l| l.text == "Y");
    let mut meta = Meta::default();
    if let Some(leaf) = protected {
        meta.security.push((systems::CONFIDENTIALITY, "R", "restricted", vec![leaf.id]));
    }
    ctx.c.resource_with("Encounter", key, &meta, |w| {
        let since = w.mark();
        identifiers(&env, w, pv1);
        let (code, by_end) = status(from);
        match pv1.leaf(45).filter(|_| by_end) {
            Some(end) => w.string("status", "finished", end),
            None => w.fixed("status", code),
        }
        class(&env, w, pv1.first(2));
        kinds(&env, w, pv1);
        service_type(&env, w, pv1.first(10));
        if let Some(priority) = from.pv2.map(|pv2| pv2.first(25)).filter(|p| p.says()) {
            w.object("priority", |w| codes::concept_body(&env, w, priority, "PV2-25"));
        }
        w.reference("subject", &patient.target, ());
        w.array("participant", |w| {
            people.iter().for_each(|p| participant(w, p));
            roles.iter().for_each(|role| role.write(&env, w, Some("type"), "individual"));
        });
        if let Some(appointment) = appointment {
            w.array("appointment", |w| w.reference_element(appointment, ()));
        }
        period(&env, w, from);
        length(w, from);
        w.array("reasonCode", |w| {
            if let Some(pv2) = from.pv2 {
                concept_element(&env, w, pv2.first(3), "PV2-3");
                if let Some(words) = pv2.leaf(12) {
                    w.element(|w| w.leaf("text", words));
                }
            }
        });
        w.array("diagnosis", |w| diagnoses.iter().for_each(|d| d.write(w)));
        hospitalization(&env, w, pv1);
        w.array("location", |w| {
            for (status, who) in &places {
                w.element(|w| {
                    w.reference("location", &who.target, &who.from);
                    w.fixed("status", status);
                });
            }
        });
        w.array("extension", |w| extensions(&env, w, from, since));
    })
}

/// PV2-11, the length of the stay in days.
fn length(w: &mut Writer, from: &Sources<'_>) {
    let days = from.pv2.and_then(|pv2| pv2.leaf(11));
    let Some(days) = days.filter(|l| l.text.parse::<u16>().is_ok()) else { return };
    w.object("length", |w| {
        w.number("value", causeway_fhir::writer::decimal(days.text).as_deref().unwrap_or("0"), days);
        w.fixed("unit", "days");
        w.fixed("system", systems::UCUM);
        w.fixed("code", "d");
    });
}

fn places<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'m>) -> Vec<(&'static str, Who)> {
    let pv1 = from.pv1;
    // Assigned, prior, temporary, pending, prior temporary.
    let fields = [(3, "active"), (6, "completed"), (11, "active"), (42, "planned"), (43, "completed")];
    let mut found = Vec::new();
    for (field, status) in fields {
        let bed_status = pv1.leaf(40).filter(|_| field == 3);
        found.extend(ctx.place_of(pv1.first(field), bed_status).map(|who| (status, who)));
    }
    if let Some(pv2) = from.pv2 {
        found.extend(ctx.place(pv2.first(1)).map(|who| ("planned", who)));
    }
    found
}

fn participants<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'m>) -> Vec<Participant> {
    let pv1 = from.pv1;
    let roles = [
        (7, ("ATND", "attender")),
        (8, ("REF", "referrer")),
        (9, ("CON", "consultant")),
        (17, ("ADM", "admitter")),
        (52, ("PART", "Participation")),
    ];
    let mut found = Vec::new();
    for (field, role) in roles {
        for part in pv1.field(field).reps() {
            found.extend(ctx.practitioner(part).map(|who| Participant { role, who }));
        }
    }
    // Who referred the person for this visit.
    for part in from.pv2.into_iter().flat_map(|pv2| pv2.field(13).reps()) {
        let role = ("REF", "referrer");
        found.extend(ctx.practitioner(part).map(|who| Participant { role, who }));
    }
    found
}

fn participant(w: &mut Writer, participant: &Participant) {
    w.element(|w| {
        let (code, display) = participant.role;
        w.array("type", |w| {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
            w.element(|w| concept_body(w, Coding::new(system, code, display), ()));
        });
        w.reference("individual", &participant.who.target, &participant.who.from);
    });
}

/// Items of PV1 that have no element in FHIR R4 and are kept with their names: identifiers, places and people beyond
/// what is written, delivery of the visit, servicing facility. Charges, contracts and insurance are not.
const MORE_OF_PV1: &[u16] = &[3, 5, 6, 10, 11, 12, 13, 18, 19, 20, 37, 38, 39, 40, 41, 42, 43, 50, 53, 54];
/// Items of PV2 kept so: accommodation, planned dates, what the visit is about. Billing is not.
const MORE_OF_PV2: &[u16] = &[
    1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 14, 16, 17, 19, 20, 21, 24, 25, 26, 27, 33, 35, 36, 37, 38, 39, 40, 46,
    47, 48, 49, 50,
];

fn extensions<'m>(env: &Env<'m>, w: &mut Writer, from: &Sources<'m>, since: Mark) {
    let pv1 = from.pv1;
    let disposition = pv1.first(36);
    if disposition.says() && !is_destination(pv1) {
        extension(w, &ukcore_extension("DischargeMethod"), |w| {
            w.object("valueCodeableConcept", |w| {
                mapped_body(env, w, &maps::DISCHARGE_METHOD, disposition, "PV1-36");
            });
        });
    }
    env.deletions(w, pv1);
    if let Some(pv2) = from.pv2 {
        source_value(w, "PV2-8", pv2.leaf(8));
        source_value(w, "PV2-9", pv2.leaf(9));
        codes::protection(env, w, "PV2-22", pv2.leaf(22));
        arrival(env, w, pv2.first(38));
        env.deletions(w, pv2);
        env.leftover_fields(w, since, pv2, MORE_OF_PV2);
    }
    env.leftover_fields(w, since, pv1, MORE_OF_PV1);
    uk::extensions(env, w, since, &from.more);
}

/// PV2-38, how the person came. HL7 table 0430 holds single capitals; others are the sender's own.
fn arrival(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let Some(leaf) = part.comp(1).leaf() else { return };
    let known = matches!(leaf.text, "A" | "C" | "F" | "H" | "O" | "P" | "U");
    extension(w, "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival", |w| {
        w.object("valueCoding", |w| {
            let own = env.local("PV2-38");
            let system = if known { "http://terminology.hl7.org/CodeSystem/v2-0430" } else { own.as_str() };
            if codes::is_code(leaf.text) {
                Coding::new(system, leaf.text, "").body(w, leaf);
                w.leaf_opt("display", part.comp(2).leaf());
            } else {
                w.leaf("display", leaf);
            }
        });
    });
}

/// Whether PV1-36 holds a discharge destination (two digits) and not a method (one): the two code lists share
/// no code. PV1-37, where given, is the destination.
fn is_destination(pv1: Segment<'_>) -> bool {
    !pv1.field(37).says()
        && pv1.leaf(36).is_some_and(|l| maps::DISCHARGE_DESTINATION.lookup(l.text).is_some())
}

fn identifiers(env: &Env<'_>, w: &mut Writer, pv1: Segment<'_>) {
    w.array("identifier", |w| {
        for (field, kind) in [(19, Some("VN")), (50, None), (5, None)] {
            for cx in pv1.field(field).reps().filter_map(Cx::read) {
                let (system, decided) =
                    system_of(env, cx.part.comp(4), if field == 5 { "pre-admission" } else { "visit" });
                let said = cx.part.comp(5).leaf().filter(|_| field != 5);
                w.element(|w| {
                    w.object("type", |w| {
                        if let Some(kind) = kind {
                            let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
                            w.array("coding", |w| {
                                w.element(|w| Coding::new(system, kind, "").body(w, ()));
                            });
                        }
                        w.leaf_opt("text", said);
                    });
                    w.string("system", &system, decided);
                    w.leaf("value", cx.id);
                    oid_type(w, cx.part.comp(4));
                });
            }
        }
    });
}

/// `Encounter.class` is required: a class that is not in the table stays the sender's code, and an absent one
/// is said to be unknown.
fn class(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    w.object("class", |w| {
        let Some(leaf) = part.leaf() else {
            return Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ());
        };
        match maps::PATIENT_CLASS.lookup(leaf.text) {
            Some(target) => Coding::new(target.system, target.code, target.display).body(w, leaf),
            None => {
                codes::unknown_code(env, w, leaf);
                w.fixed("system", &env.local("patient-class"));
                if codes::is_code(leaf.text) { w.leaf("code", leaf) } else { w.leaf("display", leaf) }
            }
        }
    });
}

/// PV1-4, where it is no admission method, and PV1-18.
fn kinds(env: &Env<'_>, w: &mut Writer, pv1: Segment<'_>) {
    w.array("type", |w| {
        if let Some(leaf) = pv1.leaf(4).filter(|l| maps::ADMISSION_METHOD.lookup(l.text).is_none()) {
            codes::unknown_code(env, w, leaf);
            concept_element(env, w, pv1.first(4), "PV1-4");
        }
        concept_element(env, w, pv1.first(18), "PV1-18");
    });
}

fn service_type(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let Some(leaf) = part.leaf() else { return };
    w.object("serviceType", |w| match maps::TREATMENT_FUNCTION.lookup(leaf.text) {
        Some(target) => {
            w.array("coding", |w| {
                w.element(|w| Coding::new(target.system, target.code, target.display).body(w, leaf));
            });
            w.leaf_opt("text", part.comp(2).leaf());
        }
        None => {
            codes::unknown_code(env, w, leaf);
            codes::concept_body(env, w, part, "PV1-10");
        }
    });
}

/// EVN-6 says when the event happened: for an admission that is its start, for a discharge its end.
fn period(env: &Env<'_>, w: &mut Writer, from: &Sources<'_>) {
    let occurred = from.evn.and_then(|evn| evn.leaf(6));
    let (mut start, mut end) = (from.pv1.leaf(44), from.pv1.leaf(45));
    match from.header.trigger {
        "A01" | "A04" => start = start.or(occurred),
        "A03" => end = end.or(occurred),
        _ => {}
    }
    env.period(w, "period", start, end);
}

fn hospitalization(env: &Env<'_>, w: &mut Writer, pv1: Segment<'_>) {
    w.object("hospitalization", |w| {
        w.array("extension", |w| {
            if let Some((leaf, target)) =
                pv1.leaf(4).and_then(|l| maps::ADMISSION_METHOD.lookup(l.text).map(|t| (l, t)))
            {
                extension(w, &ukcore_extension("AdmissionMethod"), |w| {
                    w.object("valueCodeableConcept", |w| {
                        concept_body(w, Coding::new(target.system, target.code, target.display), leaf);
                    });
                });
            }
        });
        concept_by(env, w, "admitSource", &maps::ADMISSION_SOURCE, pv1.first(14), "PV1-14");
        if let Some(leaf) = pv1.leaf(13) {
            w.object("reAdmission", |w| {
                if leaf.text == "R" {
                    let system = "http://terminology.hl7.org/CodeSystem/v2-0092";
                    concept_body(w, Coding::new(system, "R", "Re-admission"), leaf);
                } else {
                    codes::concept_body(env, w, pv1.first(13), "PV1-13");
                }
            });
        }
        w.array("dietPreference", |w| concept_element(env, w, pv1.first(38), "PV1-38"));
        w.array("specialCourtesy", |w| {
            pv1.field(16).reps().for_each(|p| concept_element(env, w, p, "PV1-16"))
        });
        w.array("specialArrangement", |w| {
            pv1.field(15).reps().for_each(|p| concept_element(env, w, p, "PV1-15"));
        });
        let destination = if is_destination(pv1) { pv1.first(36) } else { pv1.first(37) };
        concept_by(env, w, "dischargeDisposition", &maps::DISCHARGE_DESTINATION, destination, "PV1-37");
    });
}

fn concept_by(env: &Env<'_>, w: &mut Writer, key: &str, map: &Map, part: Part<'_>, field: &str) {
    if part.says() {
        w.object(key, |w| {
            mapped_body(env, w, map, part, field);
        });
    }
}

/// The issue of an event that cancels a visit, for a person who reads the record.
pub fn cancelled_issue(ctx: &mut Ctx<'_, '_, '_>, decided: Option<Leaf<'_>>) {
    let issue = ctx.env.breach(&rules::EVENT_CANCELLED, decided.map(|l| l.id));
    ctx.c.issue(issue);
}
