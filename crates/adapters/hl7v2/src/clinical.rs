//! AL1, DG1, PR1: allergies, diagnoses, procedures.

use causeway_core::Leaf;
use causeway_fhir::types::{concept_fixed, extension, reference_by_identifier};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::{Part, Segment};
use causeway_terminology::Target;

use crate::codes::{concept, concept_element};
use crate::datatypes::Ei;
use crate::env::{Env, absent, source_code_element};
use crate::maps;
use crate::note;
use crate::orders::Grouped;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::rules;

/// Writes an allergy. Source: v2-to-FHIR, AL1; an AL1 states what holds now, so it is active.
pub fn allergy<'m>(ctx: &mut Ctx<'_, '_, 'm>, al1: Segment<'m>, patient: &Patient, grouped: &Grouped<'m>) {
    let env = ctx.env;
    let notes = notes(ctx, grouped, al1);
    let code = al1.first(3);
    if !code.says() {
        return;
    }
    let words = crate::codes::words(code);
    ctx.c.resource("AllergyIntolerance", &format!("{}|{words}", patient.key), |w| {
        let since = w.mark();
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
        concept_fixed(w, "clinicalStatus", Coding::new(systems::ALLERGY_CLINICAL, "active", "Active"));
        w.array("category", |w| {
            if let Some(category) = category {
                w.value(category, kind);
            }
        });
        match none_known(code) {
            Some((target, said)) => no_allergy(&env, w, code, target, said),
            None => {
                tell_denied(&env, w, code);
                concept(&env, w, "code", code, "AL1-3");
            }
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
        w.array("note", |w| note::elements(&env, w, &notes));
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
            env.leftover_fields(w, since, al1, &[2, 3, 4]);
        });
    });
}

/// The notes below a segment.
fn notes<'m>(ctx: &mut Ctx<'_, '_, 'm>, grouped: &Grouped<'m>, segment: Segment<'m>) -> Vec<note::Note<'m>> {
    grouped.below.get(&segment.index()).map_or(Vec::new(), |list| note::prepare(ctx, list))
}

/// Writes the allergy or intolerance of an IAM. Source: v2-to-FHIR, IAM; HL7 tables 0127, 0128, 0436, 0438.
pub fn adverse<'m>(ctx: &mut Ctx<'_, '_, 'm>, iam: Segment<'m>, patient: &Patient, grouped: &Grouped<'m>) {
    let env = ctx.env;
    let code = iam.first(3);
    if !code.says() {
        return;
    }
    let notes = notes(ctx, grouped, iam);
    let asserter = ctx.practitioner(iam.first(18));
    let number = Ei::read(iam.first(7));
    let words = number.map_or_else(|| crate::codes::words(code).to_owned(), |ei| ei.key(&env, "allergy"));
    ctx.c.resource("AllergyIntolerance", &format!("{}|{words}", patient.key), |w| {
        let since = w.mark();
        w.array("identifier", |w| number.iter().for_each(|ei| ei.write(&env, w, None, "allergy")));
        let status = iam.comp(17, 1);
        let gone = iam.comp(6, 1).filter(|l| l.text == "D");
        let verified = match (gone, status.map(|s| s.text)) {
            (Some(_), _) | (_, Some("E")) => Some(("entered-in-error", "Entered in Error")),
            (_, Some("C")) => Some(("confirmed", "Confirmed")),
            (_, Some("P" | "S" | "U")) => Some(("unconfirmed", "Unconfirmed")),
            (_, Some("D")) => Some(("refuted", "Refuted")),
            _ => None,
        };
        let decided = status.filter(|s| matches!(s.text, "E" | "C" | "P" | "S" | "U" | "D")).or(gone);
        match verified {
            // An entry in error has no clinical status (ait-2).
            Some(("entered-in-error", _)) => {}
            Some(("refuted", _)) => {
                concept_fixed(
                    w,
                    "clinicalStatus",
                    Coding::new(systems::ALLERGY_CLINICAL, "inactive", "Inactive"),
                );
            }
            _ => {
                concept_fixed(w, "clinicalStatus", Coding::new(systems::ALLERGY_CLINICAL, "active", "Active"))
            }
        }
        if let Some((code, display)) = verified {
            let coding = Coding::new(systems::ALLERGY_VERIFICATION, code, display);
            causeway_fhir::types::concept(w, "verificationStatus", coding, (decided, gone));
        }
        let kind = iam.comp(9, 1);
        match kind.map(|k| k.text) {
            Some("AL") => w.string("type", "allergy", kind),
            Some("IN") => w.string("type", "intolerance", kind),
            _ => {}
        }
        let category = iam.comp(2, 1);
        w.array("category", |w| match category.map(|c| c.text) {
            Some("DA") => w.value("medication", category),
            Some("FA") => w.value("food", category),
            Some("EA" | "LA" | "PA" | "AA") => w.value("environment", category),
            _ => {}
        });
        match none_known(code) {
            Some((target, said)) => no_allergy(&env, w, code, target, said),
            None => {
                tell_denied(&env, w, code);
                concept(&env, w, "code", code, "IAM-3");
            }
        }
        w.reference("patient", &patient.target, ());
        match iam.leaf(11) {
            Some(onset) => env.date_time(w, "onsetDateTime", Some(onset)),
            None => w.string("onsetString", iam.leaf(12).map_or("", |l| l.text), iam.leaf(12)),
        }
        env.date_time(w, "recordedDate", iam.leaf(20).or(iam.leaf(13)));
        if let Some(who) = &asserter {
            w.reference("asserter", &who.target, &who.from);
        }
        let severity = iam.comp(4, 1);
        let known = match severity.map(|s| s.text) {
            Some("SV") => Some("severe"),
            Some("MO") => Some("moderate"),
            Some("MI") => Some("mild"),
            _ => None,
        };
        w.array("note", |w| note::elements(&env, w, &notes));
        w.array("reaction", |w| {
            w.element(|w| {
                let reactions = iam.field(5).says();
                if !reactions && known.is_none() {
                    return;
                }
                w.array("manifestation", |w| {
                    for part in iam.field(5).reps().filter(|part| part.says()) {
                        w.element(|w| w.string("text", &part.text(), part));
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
        w.array("extension", |w| {
            env.deletions(w, iam);
            env.leftover_fields(w, since, iam, &[2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19]);
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

/// Tells of words that may deny the allergy that they name (`Denies penicillin allergy`): nobody may take them for certain.
fn tell_denied(env: &Env<'_>, w: &mut Writer, code: Part<'_>) {
    let denies = |text: &str| {
        let first = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        matches!(
            first.as_str(),
            "NO" | "NOT" | "NIL" | "NONE" | "DENIES" | "DENIED" | "NEVER" | "?" | "QUERY" | "UNKNOWN"
        )
    };
    let words = [code.comp(2).leaf(), code.comp(1).leaf()].into_iter().flatten().find(|l| denies(l.text));
    if let Some(leaf) = words {
        env.tell(w, &rules::ALLERGY_DENIED, leaf.id);
    }
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
    env.tell(w, &rules::NO_ALLERGY, said.id);
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
    grouped: &Grouped<'m>,
) -> Option<Diagnosis<'m>> {
    let env = ctx.env;
    let notes = notes(ctx, grouped, dg1);
    let code = dg1.first(3);
    if !code.says() && !dg1.field(4).says() {
        return None;
    }
    let asserters: Vec<Who> = dg1.field(16).reps().filter_map(|part| ctx.practitioner(part)).collect();
    let asserter = asserters.first();
    let words = |n| crate::codes::words(dg1.first(n));
    let within = encounter.map_or(patient.key.as_str(), |(key, _)| key.as_str());
    let key = format!("{within}|{}|{}|{}", words(3), words(4), words(6));
    let target = ctx.c.resource("Condition", &key, |w| {
        let since = w.mark();
        let deleted = dg1.leaf(21).filter(|l| l.text == "D");
        let extensions = |w: &mut Writer| {
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
            if let Some(parent) = Ei::read(dg1.first(22)) {
                extension(w, "http://hl7.org/fhir/StructureDefinition/condition-dueTo", |w| {
                    let (system, decided) = parent.system(&env, "diagnosis");
                    let from = (parent.id, decided);
                    reference_by_identifier(w, "valueReference", "Condition", &system, parent.id.text, from);
                });
            }
            env.deletions(w, dg1);
            env.leftover_fields(w, since, dg1, &[2, 3, 4, 6, 7, 16, 17, 18, 19, 20, 21, 22, 26]);
            for who in asserters.iter().skip(1) {
                extension(w, &format!("{}/StructureDefinition/further-asserter", systems::CAUSEWAY), |w| {
                    w.reference("valueReference", &who.target, &who.from);
                });
            }
        };
        w.array("identifier", |w| {
            if let Some(ei) = crate::datatypes::Ei::read(dg1.first(20)) {
                ei.write(&env, w, None, "diagnosis");
            }
        });
        let verification = match dg1.leaf(6) {
            _ if deleted.is_some() => deleted.map(|l| ("entered-in-error", "Entered in Error", l)),
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
        env.date_time(w, "recordedDate", dg1.leaf(19));
        if let Some(who) = asserter {
            w.reference("asserter", &who.target, &who.from);
        }
        w.array("note", |w| note::elements(&env, w, &notes));
        w.array("extension", extensions);
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
            let field = format!("{name}-3");
            // Version 2.3 names the coding system in the second field; later ones keep it for that.
            let method = segment.leaf(2).filter(|_| code.comp(3).leaf().is_none());
            crate::codes::concept_by_method(env, w, code, method, &field);
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
    grouped: &Grouped<'m>,
    roles: &[Segment<'m>],
) {
    let env = ctx.env;
    let notes = notes(ctx, grouped, pr1);
    let roles = crate::care_team::read(ctx, roles);
    let place = ctx.place(pr1.first(23));
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
    let number = Ei::read(pr1.first(19));
    ctx.c.resource("Procedure", &key, |w| {
        let since = w.mark();
        w.array("identifier", |w| number.iter().for_each(|ei| ei.write(&env, w, None, "procedure")));
        if let Some(parent) = Ei::read(pr1.first(25)) {
            let (system, decided) = parent.system(&env, "procedure");
            w.array("partOf", |w| {
                w.element(|w| {
                    w.fixed("type", "Procedure");
                    w.object("identifier", |w| {
                        w.string("system", &system, decided);
                        w.leaf("value", parent.id);
                    });
                });
            });
        }
        // PR1-20 `D` takes the procedure back.
        match pr1.leaf(20).filter(|l| l.text == "D") {
            Some(gone) => w.string("status", "entered-in-error", gone),
            None => w.fixed("status", "completed"),
        }
        concept(&env, w, "category", pr1.first(6), "PR1-6");
        described(&env, w, pr1);
        w.reference("subject", &patient.target, ());
        if let Some((_, encounter)) = encounter {
            w.reference("encounter", encounter, ());
        }
        performed(&env, w, pr1);
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
            roles.iter().for_each(|role| role.write(&env, w, None, "actor"));
        });
        if let Some(place) = &place {
            w.reference("location", &place.target, &place.from);
        }
        w.array("reasonCode", |w| concept_element(&env, w, pr1.first(15), "PR1-15"));
        w.array("note", |w| note::elements(&env, w, &notes));
        w.array("extension", |w| {
            env.deletions(w, pr1);
            // Modifiers, anaesthesia and tissue have no element of their own.
            env.leftover_fields(
                w,
                since,
                pr1,
                &[2, 3, 4, 6, 7, 9, 10, 13, 14, 15, 16, 18, 19, 20, 21, 22, 24, 25],
            );
        });
    });
}

/// PR1-5 with the minutes of PR1-7: a period, where the time is exact enough to have an end.
fn performed(env: &Env<'_>, w: &mut Writer, pr1: Segment<'_>) {
    let minutes =
        pr1.leaf(7).and_then(|l| l.text.parse::<u32>().ok().map(|n| (l, n))).filter(|(_, n)| *n > 0);
    let start = pr1.leaf(5);
    let end = start.zip(minutes).and_then(|(leaf, (_, minutes))| {
        let when = env.when_silently(leaf)?;
        crate::appointment::later(&when, minutes)
    });
    match (start, minutes, end) {
        (Some(start), Some((length, _)), Some(end)) => {
            w.object("performedPeriod", |w| {
                env.date_time(w, "start", Some(start));
                w.string("end", &end, (start, length));
            });
        }
        _ => env.date_time(w, "performedDateTime", start),
    }
}
