//! PID, PD1, ROL: the patient. MRG: who the patient was.

use causeway_adapter::Meta;
use causeway_core::{IssueCode, ItemId, Leaf, NhsNumber, Severity};
use causeway_fhir::types::{Verification, extension, ukcore_extension};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{self, concept_body};
use crate::datatypes::{Cx, address, name, telecom};
use crate::env::{Env, source_code, source_value};
use crate::maps;
use crate::people::{Ctx, Who};

const R4_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Everything of one patient group that the Patient resource is made of.
pub struct Sources<'m> {
    /// PID.
    pub pid: Segment<'m>,
    /// PD1, where there is one.
    pub pd1: Option<Segment<'m>>,
    /// ROL segments between PID and PV1.
    pub roles: Vec<Segment<'m>>,
    /// ARV: restrictions of access.
    pub restrictions: Vec<Segment<'m>>,
    /// MRG, where the event merges.
    pub mrg: Option<Segment<'m>>,
    /// Whether the event says that the person's record was deleted (A29).
    pub deleted: bool,
}

/// A patient that was written.
pub struct Patient {
    /// The resource.
    pub target: Ref,
    /// Its key: what other keys begin with.
    pub key: String,
}

/// The key of a patient: the local hospital number, else the NHS number, else what the caller gives.
fn key_of<'m>(env: &Env<'m>, ids: &[Cx<'m>]) -> Option<String> {
    ids.iter()
        .find(|cx| !cx.nhs)
        .or_else(|| ids.iter().find(|cx| cx.number().is_some()))
        .map(|cx| cx.key(env))
}

/// Writes the patient, and the one it replaces where the event merges.
pub fn patient<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'m>, fallback: &str) -> Patient {
    let env = ctx.env;
    let pid = from.pid;
    let ids: Vec<Cx<'m>> = pid.field(3).reps().filter_map(Cx::read).collect();
    let alternate = [2, 4].into_iter().flat_map(|field| pid.field(field).reps()).filter_map(Cx::read);
    let alternate: Vec<Cx<'m>> = alternate.collect();
    let key = key_of(&env, &ids).or_else(|| key_of(&env, &alternate));
    if key.is_none() {
        let text = "the patient has no identifier; what later messages say can't be joined to this";
        ctx.warn(
            pid.all().leaves().next().map(|l| l.id),
            IssueCode::Required,
            "patient-identifier-missing",
            text,
        );
    }
    let key = key.unwrap_or_else(|| fallback.to_owned());
    let carers = general_practitioners(ctx, from);
    let old = from.mrg.and_then(|mrg| merged(ctx, mrg, &key));
    let meta = security(from);
    let target = ctx.c.resource_with("Patient", &key, &meta, |w| {
        extensions(&env, w, from);
        identifiers(&env, w, pid, ids.iter().chain(&alternate));
        if from.deleted {
            w.boolean("active", false, ());
        }
        w.array("name", |w| {
            pid.field(5).reps().for_each(|part| name(&env, w, part, None));
            pid.field(9).reps().for_each(|part| name(&env, w, part, None));
        });
        w.array("telecom", |w| {
            pid.field(13).reps().for_each(|part| telecom(&env, w, part, "home"));
            pid.field(14).reps().for_each(|part| telecom(&env, w, part, "work"));
        });
        codes::mapped_code(&env, w, "gender", &maps::GENDER, pid.leaf(8));
        birth(&env, w, pid);
        deceased(&env, w, pid);
        w.array("address", |w| pid.field(11).reps().for_each(|part| address(&env, w, part)));
        let marital = pid.first(16);
        if marital.says() {
            w.object("maritalStatus", |w| {
                codes::mapped_body(&env, w, &maps::MARITAL_STATUS, marital, "marital-status");
            });
        }
        multiple_birth(&env, w, pid);
        communication(w, pid);
        w.array("generalPractitioner", |w| {
            carers.iter().for_each(|who| {
                w.reference_element(&who.target, &who.from);
            });
        });
        w.array("link", |w| {
            if let Some(old) = &old {
                link(w, &old.target, "replaces", &old.from);
            }
        });
    });
    if let (Some(old), Some(mrg)) = (old, from.mrg) {
        predecessor(ctx, mrg, &old.key, &target);
    }
    Patient { target, key }
}

fn security(from: &Sources<'_>) -> Meta<'static> {
    let mut items: Vec<ItemId> = Vec::new();
    let protection = from.pd1.and_then(|pd1| pd1.leaf(12)).filter(|l| l.text == "Y");
    items.extend(protection.map(|l| l.id));
    let mut restricted = !items.is_empty();
    for arv in &from.restrictions {
        // ARV-2 `D` takes a restriction away; every other one restricts.
        if arv.leaf(2).is_none_or(|l| l.text != "D") {
            restricted |= arv.leaf(3).is_some();
        }
    }
    let mut meta = Meta::default();
    if restricted {
        meta.security.push((systems::CONFIDENTIALITY, "R", "restricted", items));
    }
    meta
}

fn identifiers<'m, 'i>(env: &Env<'m>, w: &mut Writer, pid: Segment<'m>, ids: impl Iterator<Item = &'i Cx<'m>>)
where
    'm: 'i,
{
    let said = pid
        .leaf(32)
        .and_then(|l| Verification::from_code(l.text).filter(|_| l.text.len() == 2).map(|v| (v, l)));
    w.array("identifier", |w| {
        let mut first: Option<NhsNumber> = None;
        for cx in ids {
            match (cx.number(), first) {
                (Some(number), Some(known)) if number == known => w.mapped(cx.id),
                (Some(_), Some(_)) => cx.second(env, w),
                (number, _) => {
                    first = first.or(number);
                    cx.write(env, w, said);
                }
            }
        }
        // Account number, social security number and driving licence are identifiers of other kinds.
        pid.field(18).reps().filter_map(Cx::read).filter(|cx| !cx.nhs).for_each(|cx| cx.write(env, w, said));
        for (field, system) in [(19, "pid-19"), (20, "driving-licence")] {
            if let Some(leaf) = pid.comp(field, 1) {
                causeway_fhir::types::identifier(w, &env.local(system), leaf);
            }
        }
    });
}

/// The extensions of PID: those of UK Core, those of FHIR, and what was deleted.
fn extensions(env: &Env<'_>, w: &mut Writer, from: &Sources<'_>) {
    let pid = from.pid;
    w.array("extension", |w| {
        let ethnic = if pid.field(22).says() { pid.first(22) } else { pid.first(10) };
        if ethnic.says() {
            extension(w, &ukcore_extension("EthnicCategory"), |w| {
                w.object("valueCodeableConcept", |w| ethnic_category(env, w, ethnic));
            });
        }
        if let Some(leaf) = pid.comp(6, 1) {
            extension(w, &format!("{R4_EXTENSION}patient-mothersMaidenName"), |w| w.leaf("valueString", leaf));
        }
        if pid.first(17).says() {
            extension(w, &format!("{R4_EXTENSION}patient-religion"), |w| {
                w.object("valueCodeableConcept", |w| concept_body(env, w, pid.first(17), "religion"));
            });
        }
        if let Some(leaf) = pid.leaf(23) {
            extension(w, &format!("{R4_EXTENSION}patient-birthPlace"), |w| {
                w.object("valueAddress", |w| w.leaf("text", leaf));
            });
        }
        for (field, url, name) in [(26, "patient-citizenship", "citizenship"), (28, "patient-nationality", "nationality")] {
            if pid.first(field).says() {
                w.element(|w| {
                    w.array("extension", |w| {
                        extension(w, "code", |w| {
                            w.object("valueCodeableConcept", |w| concept_body(env, w, pid.first(field), name));
                        });
                    });
                    w.fixed("url", &format!("{R4_EXTENSION}{url}"));
                });
            }
        }
        if let Some(language) = pid.comp(15, 1).filter(|l| maps::LANGUAGE.lookup(&l.text.to_ascii_uppercase()).is_none()) {
            codes::unknown_code(env, w, language);
            source_value(w, "PID-15", Some(language));
        }
        codes::protection(env, w, "PD1-12", from.pd1.and_then(|pd1| pd1.leaf(12)));
        for arv in &from.restrictions {
            source_value(w, "ARV-2", arv.leaf(2));
            source_value(w, "ARV-3", arv.leaf(3));
        }
        source_value(w, "PID-25", pid.leaf(25).filter(|l| birth_order(*l).is_none()));
        if death_contradicts(pid) {
            let item = pid.leaf(30).map_or(0, |l| l.id);
            let text = "a date of death stands beside an indicator that says the patient is alive; neither was believed";
            env.warn(w, item, IssueCode::Conflict, "death-contradicted", text);
            source_value(w, "PID-29", pid.leaf(29));
            source_value(w, "PID-30", pid.leaf(30));
        }
        env.deletions(w, pid);
        if let Some(pd1) = from.pd1 {
            env.deletions(w, pd1);
        }
    });
}

/// A code of the NHS Data Dictionary only where no other coding system is named: the letters of the American
/// table mean other things.
fn ethnic_category(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let system = part.comp(3).leaf();
    let ours = system.is_none_or(|s| s.text.to_ascii_uppercase().contains("NHS"));
    match part
        .comp(1)
        .leaf()
        .filter(|_| ours)
        .and_then(|l| maps::ETHNIC_CATEGORY.lookup(l.text).map(|t| (l, t)))
    {
        Some((leaf, target)) => {
            w.array("coding", |w| {
                w.element(|w| {
                    Coding::new(target.system, target.code, target.display).body(w, (leaf, system))
                });
            });
            w.leaf_opt("text", part.comp(2).leaf());
        }
        None => {
            if let Some(leaf) = part.comp(1).leaf() {
                codes::unknown_code(env, w, leaf);
            }
            concept_body(env, w, part, "ethnic-category");
        }
    }
}

fn birth(env: &Env<'_>, w: &mut Writer, pid: Segment<'_>) {
    let Some(leaf) = pid.leaf(7) else { return };
    let Some(when) = env.when(w, leaf) else {
        return crate::env::source_text(w, "birthDate", leaf);
    };
    w.string("birthDate", &when.fhir_date(), leaf);
    if when.precision() <= causeway_core::Precision::Day {
        return;
    }
    if when.is_midnight() || when.lossy().is_some() {
        w.lossy(leaf, "a time of birth of midnight, or without minutes, was not carried");
        return;
    }
    w.object("_birthDate", |w| {
        w.array("extension", |w| {
            extension(w, &format!("{R4_EXTENSION}patient-birthTime"), |w| {
                w.date_time("valueDateTime", &when, leaf)
            });
        });
    });
}

fn death_contradicts(pid: Segment<'_>) -> bool {
    pid.leaf(29).is_some() && pid.leaf(30).is_some_and(|l| l.text == "N")
}

fn deceased(env: &Env<'_>, w: &mut Writer, pid: Segment<'_>) {
    let (date, said) = (pid.leaf(29), pid.leaf(30));
    if death_contradicts(pid) {
        return;
    }
    if let Some(when) = date.and_then(|leaf| env.when(w, leaf)) {
        w.date_time("deceasedDateTime", &when, date);
        match said {
            Some(yes) if yes.text == "Y" => w.mapped(yes),
            Some(other) => {
                codes::unknown_code(env, w, other);
                w.object("_deceasedDateTime", |w| source_code(w, Some(other)));
            }
            None => {}
        }
        return;
    }
    match said.map(|l| l.text) {
        Some("Y") => w.boolean("deceasedBoolean", true, said),
        Some("N") => w.boolean("deceasedBoolean", false, said),
        _ => {
            if let Some(leaf) = date {
                crate::env::source_text(w, "deceasedDateTime", leaf);
            } else if let Some(leaf) = said {
                codes::unknown_code(env, w, leaf);
                w.object("_deceasedBoolean", |w| source_code(w, Some(leaf)));
            }
        }
    }
}

fn birth_order(leaf: Leaf<'_>) -> Option<u8> {
    leaf.text.parse::<u8>().ok().filter(|n| (1..=20).contains(n))
}

fn multiple_birth(env: &Env<'_>, w: &mut Writer, pid: Segment<'_>) {
    let order = pid.leaf(25).filter(|l| birth_order(*l).is_some());
    match (order, pid.leaf(24)) {
        (Some(order), _) => w.number("multipleBirthInteger", order.text.trim_start_matches('0'), order),
        (None, Some(said)) => match said.text {
            "Y" => w.boolean("multipleBirthBoolean", true, said),
            "N" => w.boolean("multipleBirthBoolean", false, said),
            _ => {
                codes::unknown_code(env, w, said);
                w.object("_multipleBirthBoolean", |w| source_code(w, Some(said)));
            }
        },
        (None, None) => {}
    }
}

fn communication(w: &mut Writer, pid: Segment<'_>) {
    let Some(leaf) = pid.comp(15, 1) else { return };
    let Some(target) = maps::LANGUAGE.lookup(&leaf.text.to_ascii_uppercase()) else { return };
    w.array("communication", |w| {
        w.element(|w| {
            w.object("language", |w| {
                w.array("coding", |w| {
                    w.element(|w| Coding::new(target.system, target.code, target.display).body(w, leaf));
                });
                w.leaf_opt("text", pid.comp(15, 2));
            });
            w.boolean("preferred", true, ());
        });
    });
}

/// PD1-3 (practice), PD1-4 (general practitioner) and ROL with the role PP.
fn general_practitioners<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'m>) -> Vec<Who> {
    let mut found = Vec::new();
    if let Some(pd1) = from.pd1 {
        for part in pd1.field(3).reps() {
            found.extend(ctx.organisation(part, true));
        }
        for part in pd1.field(4).reps() {
            found.extend(ctx.practitioner(part));
        }
    }
    for rol in &from.roles {
        let role = rol.comp(3, 1).filter(|l| matches!(l.text, "PP" | "GP"));
        let Some(role) = role.filter(|_| rol.leaf(2).is_none_or(|l| l.text != "DE")) else { continue };
        for part in rol.field(4).reps() {
            if let Some(mut who) = ctx.practitioner(part) {
                who.from.push(role.id);
                found.push(who);
            }
        }
    }
    // One reference each, however often the message says so.
    let mut unique: Vec<Who> = Vec::new();
    for who in found {
        match unique.iter_mut().find(|known| known.target == who.target) {
            Some(known) => known.from.extend(who.from),
            None => unique.push(who),
        }
    }
    unique
}

struct Old {
    target: Ref,
    key: String,
    from: Vec<ItemId>,
}

/// The patient that MRG-1 names; `None`, with an issue, where it is the survivor itself or nobody.
fn merged<'m>(ctx: &mut Ctx<'_, '_, 'm>, mrg: Segment<'m>, survivor: &str) -> Option<Old> {
    let ids: Vec<Cx<'m>> =
        [1, 4].into_iter().flat_map(|f| mrg.field(f).reps()).filter_map(Cx::read).collect();
    let found = key_of(&ctx.env, &ids).filter(|key| key != survivor);
    let Some(key) = found else {
        let item = mrg.all().leaves().next().map(|l| l.id);
        let text = "the record that is merged away is not named, or is the surviving one; nothing was merged";
        ctx.warn(item, IssueCode::BusinessRule, "merge-without-predecessor", text);
        return None;
    };
    let target = ctx.c.reference("Patient", &key);
    let from = ids.iter().map(|cx| cx.id.id).collect();
    Some(Old { target, key, from })
}

fn predecessor<'m>(ctx: &mut Ctx<'_, '_, 'm>, mrg: Segment<'m>, key: &str, survivor: &Ref) {
    let env = ctx.env;
    ctx.c.resource("Patient", key, |w| {
        w.array("identifier", |w| {
            let ids = [1, 4].into_iter().flat_map(|f| mrg.field(f).reps()).filter_map(Cx::read);
            ids.for_each(|cx| cx.write(&env, w, None));
        });
        w.boolean("active", false, ());
        w.array("name", |w| mrg.field(7).reps().for_each(|part| name(&env, w, part, None)));
        w.array("link", |w| link(w, survivor, "replaced-by", &[]));
    });
}

fn link(w: &mut Writer, other: &Ref, kind: &str, from: &[ItemId]) {
    w.element(|w| {
        w.reference("other", other, from);
        w.fixed("type", kind);
    });
}

/// The issue of a person whose record the source deleted.
pub fn deleted_issue(ctx: &mut Ctx<'_, '_, '_>) {
    let text = "the source deleted this person's record; the patient was written as inactive, nothing else was removed";
    let issue = ctx.env.issue(Severity::Warning, IssueCode::Informational, "person-deleted", text, None);
    ctx.c.issue(issue);
}
