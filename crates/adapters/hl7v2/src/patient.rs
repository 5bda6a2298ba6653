//! PID, PD1, ROL: the patient.

use causeway_adapter::Meta;
use causeway_core::{ItemId, Leaf, NhsNumber, When};
use causeway_fhir::types::{Verification, extension, ukcore_extension};
use causeway_fhir::writer::Mark;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{self, concept_body};
use crate::datatypes::{Cx, address_with, name, telecom};
use crate::env::{Env, source_code, source_value};
use crate::maps;
use crate::merge::{self, Merges};
use crate::people::{Ctx, Who, key_of, link};
use crate::rules;
use crate::uk;

const R4_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Everything of one patient group that the Patient resource is made of.
pub struct Sources<'s, 'm> {
    /// PID.
    pub pid: Segment<'m>,
    /// PD1, where there is one.
    pub pd1: Option<Segment<'m>>,
    /// ROL segments between PID and PV1.
    pub roles: Vec<Segment<'m>>,
    /// ARV: restrictions of access.
    pub restrictions: Vec<Segment<'m>>,
    /// MRG segments, where the event merges.
    pub merged: Vec<Segment<'m>>,
    /// What the message says of merges, where the event merges.
    pub merges: Option<&'s Merges>,
    /// Whether the event says that the person's record was deleted (A29).
    pub deleted: bool,
    /// The other patients that the event links with this one (A24), or parts from it (A37).
    pub links: Vec<Ref>,
    /// Whether the event parts them.
    pub unlinks: bool,
    /// Z-segments of the UK that speak of the person.
    pub more: Vec<Segment<'m>>,
}

/// A patient that was written.
pub struct Patient {
    /// The resource.
    pub target: Ref,
    /// Its key: what other keys begin with.
    pub key: String,
}

/// All identifiers of a PID: those of PID-3, and those of PID-2, 4 and 19. A number that nobody calls anything and that
/// passes the check of an NHS number is one where PID-3 has none: systems of version 2.3 send it there.
fn identifiers_of<'m>(pid: Segment<'m>) -> (Vec<Cx<'m>>, Vec<Cx<'m>>) {
    let ids: Vec<Cx<'m>> = pid.field(3).reps().filter_map(Cx::read).collect();
    let of = |field: u16| pid.field(field).reps().filter_map(Cx::read);
    let mut others: Vec<Cx<'m>> = [2, 4].into_iter().flat_map(of).collect();
    let known = ids.iter().chain(&others).any(|cx| cx.number().is_some());
    let mut national: Vec<Cx<'m>> = of(19).collect();
    if known {
        national.retain(|cx| {
            ids.iter().chain(&others).any(|other| other.number().is_some_and(|n| n.as_str() == digits(cx)))
        });
        national.iter_mut().for_each(|cx| {
            cx.by_shape();
        });
    } else {
        let mut found = false;
        for cx in national.iter_mut().chain(&mut others) {
            // One is enough: of a second one nobody knows what it is.
            found = found || cx.by_shape();
        }
        national.retain(|cx| cx.nhs);
    }
    others.extend(national);
    (ids, others)
}

/// The digits of an identifier.
fn digits(cx: &Cx<'_>) -> String {
    cx.id.text.chars().filter(char::is_ascii_digit).collect()
}

/// The key that the patient of a PID is known by.
pub fn key<'m>(env: &Env<'m>, pid: Segment<'m>) -> Option<String> {
    let (ids, others) = identifiers_of(pid);
    key_of(env, &ids).or_else(|| key_of(env, &others))
}

/// Writes the patient, and those it replaces where the event merges.
pub fn patient<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'_, 'm>, fallback: &str) -> Patient {
    let env = ctx.env;
    let pid = from.pid;
    let (ids, others) = identifiers_of(pid);
    let key = key_of(&env, &ids).or_else(|| key_of(&env, &others));
    if key.is_none() {
        let issue = env.breach(&rules::NO_IDENTIFIER, pid.all().leaves().next().map(|l| l.id));
        ctx.c.issue(issue);
    }
    let key = key.unwrap_or_else(|| fallback.to_owned());
    let carers = general_practitioners(ctx, from);
    if from.merges.is_some() && from.merged.is_empty() {
        let issue = env.breach(&rules::MERGE_NOBODY, pid.all().leaves().next().map(|l| l.id));
        ctx.c.issue(issue);
    }
    let old = from.merges.map_or(Vec::new(), |merges| merge::merged(ctx, &from.merged, merges, &key));
    let survivor =
        from.merges.and_then(|merges| merges.survivor(&key)).map(|s| ctx.c.reference("Patient", s));
    let meta = security(from);
    let target = ctx.c.resource_with("Patient", &key, &meta, |w| {
        let since = w.mark();
        identifiers(&env, w, pid, ids.iter().chain(&others));
        if from.deleted || survivor.is_some() {
            w.boolean("active", false, ());
        }
        w.array("name", |w| {
            pid.field(5).reps().for_each(|part| name(&env, w, part, None));
            pid.field(9).reps().for_each(|part| name(&env, w, part, None));
        });
        w.array("telecom", |w| {
            pid.field(13).reps().for_each(|part| telecom(&env, w, part, "home"));
            pid.field(14).reps().for_each(|part| telecom(&env, w, part, "work"));
            pid.field(40).reps().for_each(|part| telecom(&env, w, part, ""));
        });
        codes::gender(&env, w, pid.leaf(8));
        birth(&env, w, pid);
        deceased(&env, w, pid);
        w.array("address", |w| {
            // PID-12, the county of older versions, belongs to the first address.
            let county = pid.leaf(12);
            let reps = pid.field(11).reps().enumerate();
            reps.for_each(|(at, part)| address_with(&env, w, part, county.filter(|_| at == 0)));
        });
        let marital = pid.first(16);
        if marital.says() {
            w.object("maritalStatus", |w| {
                codes::mapped_body(&env, w, &maps::MARITAL_STATUS, marital, "marital-status");
            });
        }
        multiple_birth(&env, w, pid);
        communication(w, pid, 15);
        w.array("generalPractitioner", |w| {
            carers.iter().for_each(|who| {
                w.reference_element(&who.target, &who.from);
            });
        });
        w.array("link", |w| {
            old.iter().for_each(|old| link(w, &old.target, "replaces", &old.from));
            survivor.iter().for_each(|survivor| link(w, survivor, "replaced-by", &[]));
            if !from.unlinks {
                from.links.iter().for_each(|other| link(w, other, "seealso", &[]));
            }
        });
        extensions(&env, w, from, since);
    });
    for (old, merges) in old.iter().zip(std::iter::repeat(from.merges)) {
        merges.into_iter().for_each(|merges| merge::predecessor(ctx, old, merges, &target));
    }
    Patient { target, key }
}

fn security(from: &Sources<'_, '_>) -> Meta<'static> {
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
                    if number.is_some() && !cx.part.comp(4).says() && !cx.part.comp(5).says() {
                        env.tell(w, &rules::NHS_BY_SHAPE, cx.id.id);
                    }
                    cx.write(env, w, said);
                }
            }
        }
        // Account number, social security number and driving licence are identifiers of other kinds.
        pid.field(18).reps().filter_map(Cx::read).filter(|cx| !cx.nhs).for_each(|cx| cx.write(env, w, said));
        let national = pid.comp(19, 1).filter(|l| !causeway_core::identifier::names_nobody(l.text));
        // An NHS number there has been written above.
        let is_nhs = national.is_some_and(|leaf| {
            let (ids, others) = identifiers_of(pid);
            let same = |cx: &Cx<'_>| cx.number().is_some_and(|n| NhsNumber::parse(leaf.text) == Ok(n));
            ids.iter().chain(&others).any(same)
        });
        for (leaf, system) in [(national.filter(|_| !is_nhs), "pid-19"), (pid.comp(20, 1), "driving-licence")]
        {
            if let Some(leaf) = leaf {
                let part = pid.first(20);
                w.element(|w| {
                    causeway_fhir::types::identifier_body(w, &env.local(system), leaf.text, leaf);
                    if system == "driving-licence" {
                        env.period(w, "period", None, part.comp(3).leaf());
                        w.object("assigner", |w| w.leaf_opt("display", part.comp(2).leaf()));
                    }
                });
            }
        }
    });
}

/// The extensions of PID: those of UK Core, those of FHIR, and what was deleted.
fn extensions<'m>(env: &Env<'m>, w: &mut Writer, from: &Sources<'_, 'm>, since: Mark) {
    let pid = from.pid;
    w.array("extension", |w| {
        let ethnic = if pid.field(22).says() { pid.first(22) } else { pid.first(10) };
        if ethnic.says() {
            extension(w, &ukcore_extension("EthnicCategory"), |w| {
                w.object("valueCodeableConcept", |w| ethnic_category(env, w, ethnic));
            });
        }
        if let Some(leaf) = pid.comp(6, 1) {
            extension(w, &format!("{R4_EXTENSION}patient-mothersMaidenName"), |w| {
                w.leaf("valueString", leaf)
            });
        }
        if pid.first(17).says() {
            extension(w, &format!("{R4_EXTENSION}patient-religion"), |w| {
                w.object("valueCodeableConcept", |w| concept_body(env, w, pid.first(17), "religion"));
            });
        }
        if let Some(pd1) = from.pd1 {
            if pd1.first(6).says() {
                extension(w, &format!("{R4_EXTENSION}patient-disability"), |w| {
                    w.object("valueCodeableConcept", |w| concept_body(env, w, pd1.first(6), "PD1-6"));
                });
            }
            if let Some(leaf) = pd1.comp(14, 1) {
                extension(w, &format!("{R4_EXTENSION}patient-congregation"), |w| w.leaf("valueString", leaf));
            }
        }
        animal(env, w, pid);
        if let Some(leaf) = pid.leaf(23) {
            extension(w, &format!("{R4_EXTENSION}patient-birthPlace"), |w| {
                w.object("valueAddress", |w| w.leaf("text", leaf));
            });
        }
        for (field, url, name) in
            [(26, "patient-citizenship", "citizenship"), (28, "patient-nationality", "nationality")]
        {
            if pid.first(field).says() {
                w.element(|w| {
                    w.array("extension", |w| {
                        extension(w, "code", |w| {
                            w.object("valueCodeableConcept", |w| {
                                concept_body(env, w, pid.first(field), name)
                            });
                        });
                    });
                    w.fixed("url", &format!("{R4_EXTENSION}{url}"));
                });
            }
        }
        if let Some(language) =
            pid.comp(15, 1).filter(|l| maps::LANGUAGE.lookup(&l.text.to_ascii_uppercase()).is_none())
        {
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
            env.tell(w, &rules::DEATH_CONTRADICTED, item);
            source_value(w, "PID-29", pid.leaf(29));
            source_value(w, "PID-30", pid.leaf(30));
        }
        env.deletions(w, pid);
        env.leftover_fields(w, since, pid, MORE_OF_PID);
        if let Some(pd1) = from.pd1 {
            env.deletions(w, pd1);
            env.leftover_fields(w, since, pd1, MORE_OF_PD1);
        }
        for arv in &from.restrictions {
            env.leftover_fields(w, since, *arv, &[4, 5, 6]);
        }
        if from.unlinks && !from.links.is_empty() {
            let url = format!("{}/StructureDefinition/source-deleted", systems::CAUSEWAY);
            extension(w, &url, |w| w.fixed("valueString", "Patient.link(seealso)"));
        }
        uk::extensions(env, w, since, &from.more);
    });
}

/// Items of PID that have no element in FHIR R4 and are kept with their names: all identifiers and names, further
/// ethnic groups and languages, county, military status, update, identity unknown or unreliable, tribe.
const MORE_OF_PID: &[u16] =
    &[2, 3, 4, 6, 10, 12, 15, 16, 17, 18, 19, 20, 21, 22, 24, 26, 27, 28, 31, 32, 33, 34, 37, 38, 39];
/// Items of PD1 kept so: living arrangement and dependency, practice and practitioner, student, living will, donor,
/// duplicate, publicity, protection dates, advance directives, immunisation register, armed forces.
const MORE_OF_PD1: &[u16] = &[1, 2, 3, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21];

/// Species and breed: PID-35 and PID-36 say them of animals. Source: FHIR R4, patient-animal.
fn animal(env: &Env<'_>, w: &mut Writer, pid: Segment<'_>) {
    let (species, breed) = (pid.first(35), pid.first(36));
    if !species.says() {
        return;
    }
    w.element(|w| {
        w.array("extension", |w| {
            for (url, part, field) in [("species", species, "PID-35"), ("breed", breed, "PID-36")] {
                if part.says() {
                    extension(w, url, |w| {
                        w.object("valueCodeableConcept", |w| concept_body(env, w, part, field));
                    });
                }
            }
        });
        w.fixed("url", &format!("{R4_EXTENSION}patient-animal"));
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

/// The date of birth, where it is one; what it says of a time is left to the caller.
pub fn birth_date(env: &Env<'_>, w: &mut Writer, leaf: Option<Leaf<'_>>) -> Option<When> {
    let leaf = leaf?;
    let Some(when) = env.when(w, leaf) else {
        crate::env::source_text(w, "birthDate", leaf);
        return None;
    };
    if when.earliest() > env.received.as_second() {
        env.tell(w, &rules::BIRTH_FUTURE, leaf.id);
        crate::env::source_text(w, "birthDate", leaf);
        return None;
    }
    if let Some(rule) = causeway_adapter::birth::past_doubt(env.received, &when) {
        env.tell(w, rule, leaf.id);
    }
    w.string("birthDate", &when.fhir_date(), leaf);
    Some(when)
}

fn birth(env: &Env<'_>, w: &mut Writer, pid: Segment<'_>) {
    let Some(leaf) = pid.leaf(7) else { return };
    let Some(when) = birth_date(env, w, Some(leaf)) else { return };
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
        let born = pid.leaf(7).and_then(|leaf| env.when_silently(leaf));
        let dead = said.is_some_and(|said| said.text == "Y");
        if date.is_some_and(|leaf| !dead && causeway_adapter::birth::is_no_death(w, &when, leaf)) {
            if let Some(other) = said {
                codes::unknown_code(env, w, other);
            }
            return;
        }
        if let Some(leaf) = date {
            causeway_adapter::birth::tell_death(w, env.received, &when, born.as_ref(), leaf);
        }
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

/// The language in a field (PID-15, NK1-20) as the preferred one.
pub(crate) fn communication(w: &mut Writer, segment: Segment<'_>, field: u16) {
    let Some(leaf) = segment.comp(field, 1) else { return };
    let Some(target) = maps::LANGUAGE.lookup(&leaf.text.to_ascii_uppercase()) else { return };
    w.array("communication", |w| {
        w.element(|w| {
            w.object("language", |w| {
                w.array("coding", |w| {
                    w.element(|w| Coding::new(target.system, target.code, target.display).body(w, leaf));
                });
                w.leaf_opt("text", segment.comp(field, 2));
            });
            w.boolean("preferred", true, ());
        });
    });
}

/// PD1-3 (practice), PD1-4 (general practitioner) and ROL with the role PP.
fn general_practitioners<'m>(ctx: &mut Ctx<'_, '_, 'm>, from: &Sources<'_, 'm>) -> Vec<Who> {
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
            if let Some(mut who) = ctx.practitioner_at(part, Some(rol.first(11)).filter(|a| a.says())) {
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

/// The issue of a person whose record the source deleted.
pub fn deleted_issue(ctx: &mut Ctx<'_, '_, '_>) {
    let issue = ctx.env.breach(&rules::PERSON_DELETED, None);
    ctx.c.issue(issue);
}
