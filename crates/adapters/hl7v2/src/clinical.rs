//! AL1, DG1, PR1: allergies, diagnoses, procedures.

use causeway_core::Leaf;
use causeway_fhir::types::{concept_fixed, extension};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};
use causeway_terminology::Target;

use crate::codes::{concept, concept_element};
use crate::env::{Env, absent, source_code_element};
use crate::maps;
use crate::patient::Patient;
use crate::people::Ctx;

/// Writes an allergy. Source: v2-to-FHIR, AL1; an AL1 states what holds now, so it is active.
pub fn allergy<'m>(ctx: &mut Ctx<'_, '_, 'm>, al1: Segment<'m>, patient: &Patient) {
    let env = ctx.env;
    let code = al1.first(3);
    if !code.says() {
        return;
    }
    let words = crate::codes::words(code);
    ctx.c.resource("AllergyIntolerance", &format!("{}|{words}", patient.key), |w| {
        let kind = al1.comp(2, 1);
        let category = kind.and_then(|k| match k.text {
            "DA" => Some("medication"),
            "FA" => Some("food"),
            "EA" | "LA" | "PA" | "AA" => Some("environment"),
            _ => None,
        });
        let severity = al1.comp(4, 1);
        let known = severity.and_then(|s| match s.text {
            "SV" => Some("severe"),
            "MO" => Some("moderate"),
            "MI" => Some("mild"),
            _ => None,
        });
        w.array("extension", |w| {
            // HL7 table 0127: MA and MC, miscellaneous, have no category; 0128: U says that it is not known.
            for (name, leaf, silent) in [
                ("AL1-2", kind.filter(|_| category.is_none()), &["MA", "MC"][..]),
                ("AL1-4", severity.filter(|_| known.is_none()), &["U"]),
            ] {
                match leaf {
                    Some(leaf) if !silent.contains(&leaf.text) => {
                        crate::codes::unknown_value(&env, w, name, leaf);
                    }
                    leaf => crate::env::source_value(w, name, leaf),
                }
            }
            env.deletions(w, al1);
        });
        concept_fixed(w, "clinicalStatus", Coding::new(systems::ALLERGY_CLINICAL, "active", "Active"));
        w.array("category", |w| {
            if let Some(category) = category {
                w.value(category, kind);
            }
        });
        match none_known(code) {
            Some((target, said)) => no_allergy(&env, w, code, target, said),
            None => concept(&env, w, "code", code, "AL1-3"),
        }
        w.reference("patient", &patient.target, ());
        env.date_time(w, "onsetDateTime", al1.leaf(6));
        w.array("reaction", |w| {
            w.element(|w| {
                let reactions = al1.field(5).says();
                if !reactions && known.is_none() {
                    return;
                }
                w.array("manifestation", |w| {
                    for part in al1.field(5).reps() {
                        w.element(|w| {
                            if let Some(leaf) = part.leaf() {
                                w.leaf("text", leaf);
                            }
                        });
                    }
                    if !reactions {
                        w.element(|w| absent(w, "unknown"));
                    }
                });
                if let Some(code) = known {
                    w.string("severity", code, severity);
                }
            });
        });
    });
}

/// What an AL1-3 means that names no substance and says that no allergy is known, with the item that says so: written as
/// any other code, it would count as an allergy. A code of SNOMED CT says it by itself.
fn none_known<'m>(code: Part<'m>) -> Option<(&'static Target, Leaf<'m>)> {
    let comp = |n| code.comp(n).leaf();
    if comp(3).is_some_and(|system| crate::codes::is_snomed(system.text)) {
        return None;
    }
    let meaning = |leaf: Leaf<'m>| {
        let words = leaf.text.trim().trim_end_matches('.').to_ascii_uppercase();
        maps::NO_KNOWN_ALLERGY.lookup(&words).map(|target| (target, leaf))
    };
    [comp(2), comp(1)].into_iter().flatten().find_map(meaning)
}

/// The code of such an entry: SNOMED CT's, beside the sender's own code and words.
fn no_allergy(env: &Env<'_>, w: &mut Writer, code: Part<'_>, target: &Target, said: Leaf<'_>) {
    let comp = |n| code.comp(n).leaf();
    w.object("code", |w| {
        w.array("coding", |w| {
            w.element(|w| Coding::new(target.system, target.code, target.display).body(w, said));
            crate::codes::coding(env, w, [comp(1), comp(2), comp(3), comp(7)], "AL1-3");
        });
        w.leaf_opt("text", comp(2).or(comp(1)));
    });
    let text = "the entry says that no allergy is known; it names no substance, and its code says so";
    env.inform(w, said.id, "no-known-allergy", text);
}

/// A diagnosis that was written: the resource, and what the encounter says of it.
pub struct Diagnosis<'m> {
    /// The Condition.
    pub target: Ref,
    segment: Segment<'m>,
}

impl Diagnosis<'_> {
    /// As an element of `Encounter.diagnosis`.
    pub fn write(&self, w: &mut Writer) {
        w.element(|w| {
            w.reference("condition", &self.target, ());
            let kind = self.segment.leaf(6).filter(|k| k.text == "A");
            if let Some(kind) = kind {
                let system = "http://terminology.hl7.org/CodeSystem/diagnosis-role";
                w.object("use", |w| {
                    causeway_fhir::types::concept_body(
                        w,
                        Coding::new(system, "AD", "Admission diagnosis"),
                        kind,
                    );
                });
            }
            let rank = self.segment.leaf(15).filter(|l| l.text.parse::<u16>().is_ok_and(|n| n > 0));
            if let Some(rank) = rank {
                w.number("rank", rank.text.trim_start_matches('0'), rank);
            }
        });
    }
}

/// Writes a diagnosis as a Condition of the encounter.
pub fn diagnosis<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    dg1: Segment<'m>,
    patient: &Patient,
    encounter: Option<&(String, Ref)>,
) -> Option<Diagnosis<'m>> {
    let env = ctx.env;
    let code = dg1.first(3);
    if !code.says() && !dg1.field(4).says() {
        return None;
    }
    let asserter = ctx.practitioner(dg1.first(16));
    let words = |n| crate::codes::words(dg1.first(n));
    let within = encounter.map_or(patient.key.as_str(), |(key, _)| key.as_str());
    let key = format!("{within}|{}|{}|{}", words(3), words(4), words(6));
    let target = ctx.c.resource("Condition", &key, |w| {
        w.array("extension", |w| {
            if let Some(when) = dg1.leaf(5).and_then(|leaf| env.when(w, leaf).map(|when| (when, leaf))) {
                extension(w, "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", |w| {
                    w.date_time("valueDateTime", &when.0, when.1);
                });
            } else {
                crate::env::source_value(w, "DG1-5", dg1.leaf(5));
            }
            if let Some(kind) = dg1.leaf(6).filter(|k| !matches!(k.text, "A" | "W" | "F")) {
                crate::codes::unknown_code(&env, w, kind);
                source_code_element(w, kind);
            }
        });
        w.array("identifier", |w| {
            if let Some(ei) = crate::datatypes::Ei::read(dg1.first(20)) {
                ei.write(&env, w, None, "diagnosis");
            }
        });
        let verification = match dg1.leaf(6) {
            Some(kind) if kind.text == "F" => Some(("confirmed", "Confirmed", kind)),
            Some(kind) if matches!(kind.text, "A" | "W") => Some(("provisional", "Provisional", kind)),
            _ => None,
        };
        if let Some((code, display, kind)) = verification {
            causeway_fhir::types::concept(
                w,
                "verificationStatus",
                Coding::new(systems::CONDITION_VERIFICATION, code, display),
                kind,
            );
        }
        w.array("category", |w| {
            let coding =
                Coding::new(systems::CONDITION_CATEGORY, "encounter-diagnosis", "Encounter Diagnosis");
            causeway_fhir::types::concept_element(w, coding, ());
        });
        described(&env, w, dg1);
        w.reference("subject", &patient.target, ());
        if let Some((_, encounter)) = encounter {
            w.reference("encounter", encounter, ());
        }
        if let Some(who) = &asserter {
            w.reference("asserter", &who.target, &who.from);
        }
    });
    Some(Diagnosis { target, segment: dg1 })
}

/// Code (field 3) and words (field 4) of a DG1 or PR1 as `code`.
fn described(env: &crate::env::Env<'_>, w: &mut Writer, segment: Segment<'_>) {
    let code = segment.first(3);
    let name = String::from_utf8_lossy(&segment.name()).into_owned();
    w.object("code", |w| {
        let said_text = code.comp(9).leaf().is_some() || (code.comp(1).leaf().is_none() && code.says());
        if code.says() {
            crate::codes::concept_body(env, w, code, &format!("{name}-3"));
        }
        let words = segment.leaf(4).filter(|_| !said_text);
        let coded = code.comp(1).leaf().is_some_and(|l| crate::codes::is_code(l.text));
        let bare = code.comp(1).leaf().is_some_and(|l| l.text.contains(' '))
            && code.comp(3).leaf().is_none()
            && code.comp(2).leaf().is_none();
        if words.is_some() && (!code.says() || (coded && !bare)) {
            w.leaf_opt("text", words);
        }
    });
}

/// Writes a procedure. PR1 lists what was done, so it is completed.
pub fn procedure<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    pr1: Segment<'m>,
    patient: &Patient,
    encounter: Option<&(String, Ref)>,
) {
    let env = ctx.env;
    if !pr1.first(3).says() && !pr1.field(4).says() {
        return;
    }
    let mut performers = Vec::new();
    for field in [8, 11, 12] {
        for part in pr1.field(field).reps() {
            performers.extend(ctx.practitioner(part).map(|who| (field, who)));
        }
    }
    let words = |n| crate::codes::words(pr1.first(n));
    let within = encounter.map_or(patient.key.as_str(), |(key, _)| key.as_str());
    let key = format!("{within}|{}|{}|{}", words(3), words(4), words(5));
    ctx.c.resource("Procedure", &key, |w| {
        w.fixed("status", "completed");
        described(&env, w, pr1);
        w.reference("subject", &patient.target, ());
        if let Some((_, encounter)) = encounter {
            w.reference("encounter", encounter, ());
        }
        env.date_time(w, "performedDateTime", pr1.leaf(5));
        w.array("performer", |w| {
            for (field, who) in &performers {
                let role = match field {
                    8 => "anaesthetist",
                    11 => "surgeon",
                    _ => "procedure practitioner",
                };
                w.element(|w| {
                    w.object("function", |w| w.fixed("text", role));
                    w.reference("actor", &who.target, &who.from);
                });
            }
        });
        w.array("reasonCode", |w| concept_element(&env, w, pr1.first(15), "PR1-15"));
    });
}
