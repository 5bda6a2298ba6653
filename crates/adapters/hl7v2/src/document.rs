//! Documents: TXA with its text (MDM), and results that are documents (ORU with ED or RP).

use causeway_core::Leaf;
use causeway_fhir::types::{extension, reference_by_identifier};
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v2::Segment;

use crate::about::About;
use crate::codes::{self, concept};
use crate::datatypes::Ei;
use crate::env::{Env, absent, source_code};
use crate::maps;
use crate::orders::Result;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::value;

/// What a document belongs to.
pub struct Within<'a> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// Control id of the message and number of the document in it, for documents without a number.
    pub fallback: String,
}

/// A result that is a document: a DocumentReference of the report.
pub fn result_document<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    result: &Result<'m>,
    about: &About<'_, 'm>,
    key: &str,
) -> Ref {
    let env = ctx.env;
    let obx = result.obx;
    let authors: Vec<Who> = obx.field(16).reps().filter_map(|part| ctx.practitioner(part)).collect();
    ctx.c.resource_with("DocumentReference", key, &about.meta, |w| {
        let since = w.mark();
        let flag = obx.leaf(11);
        let (status, doc_status) = match flag.map(|l| l.text) {
            Some("D" | "W" | "X") => ("entered-in-error", None),
            Some("F" | "U" | "V") => ("current", Some("final")),
            Some("C" | "A" | "B") => ("current", Some("amended")),
            Some("P" | "R" | "S" | "I") => ("current", Some("preliminary")),
            _ => ("current", None),
        };
        w.string("status", status, flag);
        match (doc_status, flag) {
            (Some(code), _) => w.string("docStatus", code, flag),
            (None, Some(leaf)) if status == "current" => {
                // No code of R4's list says that it is not known: it stays in an extension of the resource.
                codes::unknown_code(&env, w, leaf);
            }
            _ => {}
        }
        concept(&env, w, "type", obx.first(3), "OBX-3");
        w.reference("subject", &about.patient.target, ());
        let at = obx.leaf(14).or(about.obr.and_then(|obr| obr.leaf(22)));
        env.instant(w, "date", at);
        w.array("author", |w| authors.iter().for_each(|who| w.reference_element(&who.target, &who.from)));
        description(w, &result.notes);
        w.array("content", |w| {
            for part in obx.field(5).reps() {
                w.element(|w| {
                    w.object("attachment", |w| value::attachment(&env, w, obx, part));
                });
            }
            if !obx.field(5).says() {
                w.element(|w| {
                    w.object("attachment", |w| absent(w, "unknown"));
                });
            }
        });
        w.object("context", |w| {
            if let Some(encounter) = about.encounter {
                w.array("encounter", |w| w.reference_element(encounter, ()));
            }
        });
        w.array("extension", |w| {
            env.deletions(w, obx);
            env.leftover_fields(
                w,
                since,
                obx,
                &[3, 4, 5, 6, 7, 8, 11, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25],
            );
        });
    })
}

fn description(w: &mut Writer, segments: &[Segment<'_>]) {
    let leaves: Vec<Leaf<'_>> = segments.iter().flat_map(|nte| nte.field(3).leaves()).collect();
    let parts = segments.iter().flat_map(|nte| nte.field(3).reps());
    let text = parts.map(causeway_hl7v2::Part::text).collect::<Vec<_>>().join("\n");
    w.string("description", text.trim(), &leaves);
}

/// A document as TXA describes it, with the OBX after it as its content.
pub fn document<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    txa: Segment<'m>,
    results: &[Result<'m>],
    within: &Within<'_>,
    trigger: &str,
) -> Ref {
    let env = ctx.env;
    let number = Ei::read(txa.first(12));
    let key = number.map_or_else(|| within.fallback.clone(), |ei| ei.key(&env, "document"));
    let mut authors: Vec<Who> = Vec::new();
    for field in [9, 5] {
        for who in txa.field(field).reps().filter_map(|part| ctx.practitioner(part)) {
            match authors.iter_mut().find(|known| known.target == who.target) {
                Some(known) => known.from.extend(who.from),
                None => authors.push(who),
            }
        }
    }
    // Who signed (TXA-22) stands before who was to sign (TXA-10); FHIR has room for one.
    let mut signers: Vec<Who> = Vec::new();
    for field in [22, 10] {
        signers.extend(txa.field(field).reps().filter_map(|part| ctx.practitioner(part)));
    }
    let typist: Vec<Who> = txa.field(11).reps().filter_map(|part| ctx.practitioner(part)).collect();
    ctx.c.resource("DocumentReference", &key, |w| {
        let since = w.mark();
        if let Some(ei) = number {
            let (system, decided) = ei.system(&env, "document");
            w.object("masterIdentifier", |w| {
                w.string("system", &system, decided);
                w.leaf("value", ei.id);
            });
        }
        w.array("identifier", |w| {
            if let Some(name) = txa.leaf(16) {
                causeway_fhir::types::identifier(w, &env.local("document-file"), name);
            }
        });
        statuses(&env, w, txa, trigger);
        kind(&env, w, txa);
        w.reference("subject", &within.patient.target, ());
        let at = [6, 8, 7, 4].into_iter().find_map(|f| txa.leaf(f).filter(|l| value::is_instant(&env, *l)));
        env.instant(w, "date", at);
        w.array("author", |w| authors.iter().for_each(|who| w.reference_element(&who.target, &who.from)));
        if let Some((first, others)) = signers.split_first() {
            let same =
                others.iter().filter(|who| who.target == first.target).flat_map(|who| who.from.clone());
            let from: Vec<_> = first.from.iter().copied().chain(same).collect();
            w.reference("authenticator", &first.target, &from);
        }
        replaces(&env, w, txa, trigger);
        w.leaf_opt("description", txa.leaf(25));
        confidentiality(&env, w, txa.leaf(18));
        content(&env, w, txa, results);
        w.object("context", |w| {
            if let Some(encounter) = within.encounter {
                w.array("encounter", |w| w.reference_element(encounter, ()));
            }
            env.period(w, "period", txa.leaf(4).filter(|l| Some(l.id) != at.map(|a| a.id)), None);
            w.array("related", |w| {
                for (field, name) in [(14, "placer"), (15, "filler")] {
                    if let Some(ei) = Ei::read(txa.first(field)) {
                        let (system, decided) = ei.system(&env, name);
                        w.element(|w| {
                            w.fixed("type", "ServiceRequest");
                            w.object("identifier", |w| {
                                w.string("system", &system, decided);
                                w.leaf("value", ei.id);
                            });
                        });
                    }
                }
            });
        });
        w.array("extension", |w| {
            let others =
                signers.iter().skip(1).filter(|who| signers.first().is_some_and(|f| f.target != who.target));
            for (name, who) in
                others.map(|who| ("signer", who)).chain(typist.iter().map(|who| ("typist", who)))
            {
                extension(w, &format!("{}/StructureDefinition/document-{name}", systems::CAUSEWAY), |w| {
                    w.reference("valueReference", &who.target, &who.from);
                });
            }
            env.deletions(w, txa);
            env.leftover_fields(w, since, txa, MORE_OF_TXA);
        });
    })
}

/// Items of TXA that have no element in FHIR R4 and are kept with their names: presentation, further times, recipients,
/// numbers and places of storage.
const MORE_OF_TXA: &[u16] = &[3, 4, 6, 7, 8, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28];

/// TXA-19 (availability) is the status of the reference, TXA-17 (completion) that of the document.
fn statuses(env: &Env<'_>, w: &mut Writer, txa: Segment<'_>, trigger: &str) {
    let availability = txa.leaf(19);
    let status = match (trigger, availability.map(|l| l.text)) {
        ("T11", _) | (_, Some("CA")) => "entered-in-error",
        (_, Some("OB")) => "superseded",
        _ => "current",
    };
    let known = availability.filter(|l| matches!(l.text, "AV" | "CA" | "OB"));
    w.string("status", status, known);
    if let Some(leaf) = availability.filter(|_| known.is_none()) {
        // UN, unavailable, is in HL7 table 0273 and says nothing of the reference.
        if leaf.text != "UN" {
            codes::unknown_code(env, w, leaf);
        }
        w.object("_status", |w| source_code(w, Some(leaf)));
    }
    if let Some(leaf) = txa.leaf(17) {
        match maps::DOCUMENT_STATUS.lookup(leaf.text) {
            Some(target) => w.string("docStatus", target.code, leaf),
            // R4's list has no code for what is not known: it stays with the other items of TXA.
            None => codes::unknown_code(env, w, leaf),
        }
    }
}

/// TXA-2. A code of HL7 table 0270 without a coding system is still the sender's own: the table is a proposal.
fn kind(env: &Env<'_>, w: &mut Writer, txa: Segment<'_>) {
    concept(env, w, "type", txa.first(2), "TXA-2");
}

fn replaces(env: &Env<'_>, w: &mut Writer, txa: Segment<'_>, trigger: &str) {
    let Some(parent) = Ei::read(txa.first(13)) else { return };
    let code = match trigger {
        "T10" => "replaces",
        _ => "appends",
    };
    let (system, decided) = parent.system(env, "document");
    w.array("relatesTo", |w| {
        w.element(|w| {
            w.fixed("code", code);
            reference_by_identifier(
                w,
                "target",
                "DocumentReference",
                &system,
                parent.id.text,
                (parent.id, decided),
            );
        });
    });
}

/// TXA-18: usual, restricted, very restricted. Source: HL7 table 0272.
fn confidentiality(env: &Env<'_>, w: &mut Writer, leaf: Option<Leaf<'_>>) {
    let Some(leaf) = leaf else { return };
    w.array("securityLabel", |w| {
        w.element(|w| {
            let label = match leaf.text {
                "U" | "UC" => Some(("N", "normal")),
                "R" | "RE" => Some(("R", "restricted")),
                "V" | "VR" => Some(("V", "very restricted")),
                _ => None,
            };
            match label {
                Some((code, display)) => causeway_fhir::types::concept_body(
                    w,
                    causeway_fhir::Coding::new(systems::CONFIDENTIALITY, code, display),
                    leaf,
                ),
                None => {
                    codes::unknown_code(env, w, leaf);
                    w.leaf("text", leaf);
                }
            }
        });
    });
}

/// Each ED or RP is an attachment of its own; texts together are one, line by line.
fn content(env: &Env<'_>, w: &mut Writer, txa: Segment<'_>, results: &[Result<'_>]) {
    w.array("content", |w| {
        let before = w.mark();
        let mut lines: Vec<String> = Vec::new();
        let mut leaves = Vec::new();
        for result in results {
            if crate::orders::is_document(result) {
                for part in result.obx.field(5).reps() {
                    w.element(|w| {
                        w.object("attachment", |w| {
                            value::attachment(env, w, result.obx, part);
                            w.leaf_opt("title", result.obx.comp(3, 2).filter(|_| titled(result.obx)));
                        });
                    });
                }
            } else {
                for part in result.obx.field(5).reps() {
                    lines.push(part.text());
                    leaves.extend(part.leaves());
                }
            }
            for nte in &result.notes {
                lines.extend(nte.field(3).reps().map(causeway_hl7v2::Part::text));
                leaves.extend(nte.field(3).leaves());
            }
        }
        if !leaves.is_empty() {
            w.element(|w| {
                w.object("attachment", |w| {
                    w.fixed("contentType", "text/plain; charset=UTF-8");
                    w.string("data", &value::base64(lines.join("\n").as_bytes()), &leaves);
                    let title = results.iter().find_map(|r| r.obx.comp(3, 2));
                    w.leaf_opt("title", title.or(txa.leaf(25)));
                });
            });
        }
        if !w.wrote_since(before) {
            w.element(|w| {
                w.object("attachment", |w| absent(w, "unknown"));
            });
        }
    });
}

/// Whether the media type says all, and leaves the title free.
fn titled(obx: Segment<'_>) -> bool {
    let narrow = obx.comp(5, 3).map_or(String::new(), |l| l.text.to_ascii_lowercase());
    matches!(
        narrow.as_str(),
        "pdf" | "jpeg" | "jpg" | "png" | "tiff" | "tif" | "gif" | "rtf" | "html" | "xml"
    )
}
