//! Allergies, conditions, immunisations, observations, reports, requests, procedures, family history.

use causeway_core::{IssueCode, Leaf, Outcome};
use causeway_fhir::types::{concept, ukcore_extension, unknown_concept};
use causeway_fhir::{Coding, Writer};
use causeway_json::Node;
use causeway_terminology::{Map, Target};

use crate::codes::{
    ALLERGY_CLINICAL, ALLERGY_VERIFICATION, CLINICAL_STATUS, EVENT_STATUS, REQUEST_STATUS,
    VERIFICATION_STATUS, extension_name,
};
use crate::copy::extension::value;
use crate::copy::warning;
use crate::part::{Flag, Part};
use crate::rules;

/// An element with code of its own. Whether it was one of these.
pub(crate) fn element<'t>(p: &Part<'_, 't>, w: &mut Writer, name: &str, node: Node<'t>) -> bool {
    match (p.stu3, name) {
        // An allergy that was entered in error has no clinical status (R4, ait-2), nor has such a condition (con-5).
        ("AllergyIntolerance" | "Condition", "clinicalStatus")
            if p.node.string_of("verificationStatus") == Some("entered-in-error") =>
        {
            w.issue(node.leaf().map(|l| l.id), rules::STATUS_OF_ERROR.issue());
            w.claim(
                node.leaves(),
                Outcome::Withheld,
                "it was entered in error, and R4 allows no clinical status beside that",
            );
        }
        ("AllergyIntolerance", "clinicalStatus") => {
            if p.lifted.allergy_end.is_none() {
                coded(p, w, name, &ALLERGY_CLINICAL, node);
            }
        }
        ("AllergyIntolerance", "verificationStatus") => coded(p, w, name, &ALLERGY_VERIFICATION, node),
        ("Condition", "clinicalStatus") => coded(p, w, name, &CLINICAL_STATUS, node),
        ("Condition", "verificationStatus") => coded(p, w, name, &VERIFICATION_STATUS, node),
        ("Immunization", "status") => immunisation_status(p, w, node),
        ("Immunization", "notGiven") => p.flagged(w, name, node),
        ("Immunization", "vaccineCode") => vaccine(p, w, Some(node)),
        ("Immunization", "practitioner") => performers(p, w, "performer", node, "function"),
        ("Immunization", "explanation") => explanation(p, w, node),
        ("Immunization", "vaccinationProtocol") => protocols(p, w, node),
        ("FamilyMemberHistory", "gender") => gender(w, node),
        ("Observation", "related") => related(p, w, node),
        ("Observation", "component") => components(p, w, node),
        ("DiagnosticReport", "performer") => report_performers(p, w, node),
        ("ProcedureRequest" | "ReferralRequest", "status") => status(w, &REQUEST_STATUS, node),
        ("Procedure" | "Communication", "status") => event_status(p, w, node),
        ("Procedure" | "Communication", "notDone") => p.flagged(w, name, node),
        ("Procedure", "performer") => performers(p, w, "performer", node, "function"),
        _ => return false,
    }
    true
}

/// What such a resource gains.
pub(crate) fn additions(p: &Part<'_, '_>, w: &mut Writer) {
    match p.stu3 {
        "AllergyIntolerance" => {
            if let Some(ext) = p.lifted.encounter {
                w.mapped(ext.leaf_of("url"));
                if let Some(target) = value(ext) {
                    p.copy.member(w, "encounter", target);
                }
            }
            // UK Core demands what the allergy is to. That R4 demands a clinical status too (ait-1) can't be met where the source
            // states none: its list has no code for what is not known.
            if p.node.get("code").is_none() {
                unknown_concept(w, "code");
                w.issue(p.copy.about, rules::REQUIRED_UNKNOWN.issue());
            }
            if let Some(end) = p.lifted.allergy_end {
                ended(p, w, end);
            }
        }
        "Immunization" => {
            if let Some(ext) = p.lifted.recorded {
                w.mapped(ext.leaf_of("url"));
                if let Some(time) = value(ext).filter(|_| p.node.get("recorded").is_none()) {
                    p.copy.member(w, "recorded", time);
                }
            }
            // UK Core demands a reason of what was not done (ukcore-imm-001).
            let reason = p.node.get("explanation").and_then(|e| e.get("reasonNotGiven"));
            if matches!(p.flag("notGiven"), Flag::NotDone(_)) && reason.is_none() {
                unknown_concept(w, "statusReason");
                w.issue(p.copy.about, rules::REQUIRED_UNKNOWN.issue());
            }
            if p.node.get("date").is_none() {
                w.fixed("occurrenceString", "unknown");
            }
            if p.node.get("vaccineCode").is_none() {
                vaccine(p, w, None);
            }
        }
        _ => {}
    }
}

/// The clinical status of an allergy that ended: UK Core has the end beside it.
fn ended<'t>(p: &Part<'_, 't>, w: &mut Writer, end: Node<'t>) {
    w.object("clinicalStatus", |w| {
        w.array("extension", |w| {
            w.element(|w| {
                if let Some(inner) = end.get("extension") {
                    p.copy.field(w, end, "extension", inner);
                }
                if let Some(url) = end.leaf_of("url") {
                    w.string("url", &ukcore_extension("AllergyIntoleranceEnd"), url);
                }
            });
        });
        if let Some(status) = p.node.get("clinicalStatus") {
            w.array("coding", |w| coding(w, &ALLERGY_CLINICAL, status));
        }
    });
}

fn coding(w: &mut Writer, map: &Map, node: Node<'_>) {
    if let Some((leaf, target)) = node.leaf().and_then(|l| Some((l, map.lookup(l.text)?))) {
        w.element(|w| Coding::new(target.system, target.code, target.display).body(w, leaf));
    }
}

/// A flat status as a concept; a code that R4 does not have is left out and told.
fn coded<'t>(p: &Part<'_, 't>, w: &mut Writer, key: &str, map: &Map, node: Node<'t>) {
    let Some(leaf) = node.leaf() else {
        // Against STU3, but as R4 has it already.
        p.copy.member(w, key, node);
        return;
    };
    match status_of(w, map, leaf) {
        Some(target) => {
            concept(w, key, Coding::new(target.system, target.code, target.display), leaf);
        }
        None => {
            let text = "R4 has no such status; the element was left out";
            w.issue(Some(leaf.id), warning(IssueCode::CodeInvalid, "status-unknown", text));
            w.claim(leaf, Outcome::Unsupported, "R4 has no such status; kept only in the original");
        }
    }
}

/// The row of a status: one in other capitals, or with blanks around it, is that status, and is told.
fn status_of<'m>(w: &mut Writer, map: &'m Map, leaf: Leaf<'_>) -> Option<&'m Target> {
    map.lookup(leaf.text).or_else(|| {
        let target = map.lookup(&leaf.text.trim().to_ascii_lowercase())?;
        w.issue(Some(leaf.id), rules::VALUE_REPAIRED.issue());
        Some(target)
    })
}

/// A status by a table; one that is not in it becomes "unknown", which every one of these lists has.
fn status(w: &mut Writer, map: &Map, node: Node<'_>) {
    let Some(leaf) = node.leaf() else { return };
    match status_of(w, map, leaf) {
        Some(target) => w.string("status", target.code, leaf),
        None => {
            let text = "the status is not in STU3's list; it was carried as not known";
            w.issue(Some(leaf.id), warning(IssueCode::CodeInvalid, "status-unknown", text));
            w.string("status", "unknown", leaf);
        }
    }
}

fn immunisation_status<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let Some(leaf) = node.leaf() else { return };
    match p.flag("notGiven") {
        Flag::NotDone(flag) if leaf.text != "entered-in-error" => {
            w.string("status", "not-done", flag);
            w.claim(leaf, Outcome::Structural, "");
        }
        Flag::Unreadable if leaf.text != "entered-in-error" => p.undecided(w, node),
        _ => p.copy.member(w, "status", node),
    }
}

/// GP Connect says in an extension what was given and leaves the product `UNK`: the procedure's words go beside it,
/// or a reader of the vaccine's name would see "unknown".
fn vaccine<'t>(p: &Part<'_, 't>, w: &mut Writer, code: Option<Node<'t>>) {
    let named = code.is_some_and(|code| {
        let known = |c: Node<'_>| {
            !c.string_of("system").is_some_and(|system| system.ends_with("NullFlavor"))
                && c.string_of("display").is_some()
        };
        code.get("text").is_some() || code.get("coding").into_iter().flat_map(Node::elements).any(known)
    });
    let procedure =
        p.node.get("extension").into_iter().flat_map(Node::elements).find(|ext| {
            ext.string_of("url").is_some_and(|url| extension_name(url) == "VaccinationProcedure")
        });
    let words = procedure.and_then(value).and_then(wording).filter(|_| !named);
    w.object("vaccineCode", |w| {
        if let Some(code) = code {
            p.copy.within("vaccineCode").body(w, code);
        }
        w.leaf_opt("text", words);
    });
}

/// The words of a concept: its text, else those of the coding that the user chose, else of the first.
fn wording(concept: Node<'_>) -> Option<causeway_core::Leaf<'_>> {
    let displays = || concept.get("coding").into_iter().flat_map(Node::elements);
    let chosen = displays().filter(|c| c.get("userSelected").and_then(Node::boolean) == Some(true));
    let mut shown = chosen.chain(displays()).filter_map(|c| c.leaf_of("display"));
    concept.leaf_of("text").or_else(|| shown.next())
}

fn event_status<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    match p.flag("notDone") {
        Flag::NotDone(flag) if node.text() != "entered-in-error" => {
            w.string("status", "not-done", flag);
            w.claim(node.leaf(), Outcome::Structural, "");
        }
        Flag::Unreadable if node.text() != "entered-in-error" => p.undecided(w, node),
        _ => status(w, &EVENT_STATUS, node),
    }
}

/// Performers whose `role` has another name.
fn performers<'t>(p: &Part<'_, 't>, w: &mut Writer, key: &str, node: Node<'t>, role: &str) {
    let copy = p.copy.within(key);
    w.array(key, |w| {
        for performer in node.elements() {
            w.element(|w| {
                let start = w.bytes().len();
                for (name, child) in performer.members() {
                    copy.field(w, performer, if name == "role" { role } else { name }, child);
                }
                copy.complete(w, start);
            });
        }
    });
}

/// Performers of a report: R4 has the references alone.
fn report_performers<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("performer", |w| {
        for performer in node.elements() {
            let actor = performer.get("actor").unwrap_or(performer);
            w.element(|w| p.copy.typed_as("Reference").body(w, actor));
        }
    });
    for role in node.elements().filter_map(|performer| performer.get("role")) {
        p.copy.lost(w, role, "R4 has no role of a report's performer; kept only in the original");
    }
}

fn explanation<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    if let Some(reasons) = node.get("reason") {
        p.copy.member(w, "reasonCode", reasons);
    }
    let mut refusals = node.get("reasonNotGiven").into_iter().flat_map(Node::elements);
    if let Some(first) = refusals.next() {
        p.copy.member(w, "statusReason", first);
    }
    for more in refusals {
        p.copy.lost(w, more, "R4 has one reason for not giving; the others are kept only in the original");
    }
}

fn protocols<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let copy = p.copy.within("protocolApplied");
    w.array("protocolApplied", |w| {
        for protocol in node.elements() {
            w.element(|w| {
                for (name, child) in protocol.members() {
                    match name {
                        "doseSequence" => copy.member(w, "doseNumberPositiveInt", child),
                        "seriesDoses" => copy.member(w, "seriesDosesPositiveInt", child),
                        "series" | "authority" | "targetDisease" | "extension" | "id" => {
                            copy.field(w, protocol, name, child);
                        }
                        // That a dose does not count is another history.
                        "doseStatus" | "doseStatusReason" if !counts(protocol) => {
                            p.copy.without_place(w, child)
                        }
                        _ => p.copy.lost(
                            w,
                            child,
                            "R4 has no such element of a protocol; kept only in the original",
                        ),
                    }
                }
                if protocol.get("doseSequence").is_none() {
                    w.fixed("doseNumberString", "unknown");
                }
            });
        }
    });
}

/// Whether a dose counts, as far as the protocol says (HL7, vaccination-protocol-dose-status).
fn counts(protocol: Node<'_>) -> bool {
    let said = protocol
        .get("doseStatus")
        .into_iter()
        .flat_map(|status| status.get("coding"))
        .flat_map(Node::elements);
    let mut codes = said.filter_map(|coding| coding.string_of("code"));
    protocol.get("doseStatus").is_none() || codes.any(|code| code.trim().eq_ignore_ascii_case("count"))
}

fn gender(w: &mut Writer, node: Node<'_>) {
    if let Some(leaf) = node.leaf() {
        let system = "http://hl7.org/fhir/administrative-gender";
        concept(w, "sex", Coding::new(system, leaf.text, ""), leaf);
    }
}

/// What an observation is related to, by the kind of relation.
fn related<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    const KINDS: [(&str, &str); 2] = [("has-member", "hasMember"), ("derived-from", "derivedFrom")];
    for (kind, key) in KINDS {
        w.array(key, |w| {
            for relation in node.elements() {
                let own = relation.string_of("type").unwrap_or("has-member");
                if own == kind {
                    w.mapped(relation.leaf_of("type"));
                    if let Some(target) = relation.get("target") {
                        p.copy.typed_as("Reference").element(w, target);
                    }
                }
            }
        });
    }
    for relation in node.elements() {
        let own = relation.string_of("type").unwrap_or("has-member");
        if !KINDS.iter().any(|(kind, _)| *kind == own) {
            let text = "R4 has no such relation between observations; it was kept only in the original";
            let at = relation.leaf_of("type").map(|l| l.id);
            w.issue(at, warning(IssueCode::NotSupported, "relation-not-carried", text));
        }
    }
}

fn components<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    w.array("component", |w| {
        for component in node.elements() {
            w.element(|w| p.copy.within("component").body(w, component));
        }
    });
}
