//! Studies, goals, covers, history, and whatever was not done: what is not alike in R4.

use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Writer};
use causeway_json::Node;

use crate::part::{Flag, Part};
use crate::rules;

/// What was not done, the flag that says so, and R4's status for it. Source: HL7's version maps from R3.
const NOT_DONE: [(&str, &str, &str); 6] = [
    ("Immunization", "notGiven", "not-done"),
    ("Procedure", "notDone", "not-done"),
    ("Communication", "notDone", "not-done"),
    ("MedicationAdministration", "notGiven", "not-done"),
    ("MedicationDispense", "notDone", "declined"),
    ("FamilyMemberHistory", "notDone", "health-unknown"),
];

/// An element with code of its own. Whether it was one of these.
pub(crate) fn element<'t>(p: &Part<'_, 't>, w: &mut Writer, name: &str, node: Node<'t>) -> bool {
    match (p.stu3, name) {
        ("Goal", "status") => goal(p, w, node),
        ("Coverage", "grouping") => classes(w, node),
        ("Condition", "abatementBoolean") => abated(p, w, node),
        ("FamilyMemberHistory", "status") => not_done(p, w, node, "notDone", "health-unknown"),
        ("MedicationDispense", "status") => not_done(p, w, node, "notDone", "declined"),
        ("MedicationAdministration", "status") => not_done(p, w, node, "notGiven", "not-done"),
        ("FamilyMemberHistory" | "MedicationDispense", "notDone")
        | ("MedicationAdministration", "notGiven") => p.flagged(w, name, node),
        ("Medication", "package") => package(p, w, node),
        ("CarePlan", "author") => authors(p, w, node),
        (_, "definition") => definitions(p, w, node),
        // Written with the identifiers, or with the provision.
        ("ImagingStudy", "accession" | "uid") => {}
        ("Consent", _) if crate::consent::holds(name) || name == "sourceIdentifier" => {}
        _ => return false,
    }
    true
}

/// What such a resource gains.
pub(crate) fn additions(p: &Part<'_, '_>, w: &mut Writer) {
    // What was not done has a status, also where the source gives none.
    if p.node.get("status").is_none()
        && let Some((_, flag, status)) = NOT_DONE.iter().find(|(kind, ..)| *kind == p.stu3)
        && let Flag::NotDone(leaf) = p.flag(flag)
    {
        w.string("status", status, leaf);
    }
    if p.stu3 == "MedicationStatement"
        && p.node.get("status").is_none()
        && let Some(leaf) = p.node.leaf_of("taken").filter(|l| l.text.trim().eq_ignore_ascii_case("n"))
    {
        w.string("status", "not-taken", leaf);
    }
    if p.stu3 == "FamilyMemberHistory"
        && let Flag::NotDone(leaf) = p.flag("notDone")
    {
        w.issue(Some(leaf.id), rules::NOT_DONE_HISTORY.issue());
    }
    // A condition that is over is not active, whatever is not said of its status (R4, con-4).
    if p.stu3 == "Condition" && p.node.get("clinicalStatus").is_none() {
        let onset = p.node.leaf_of("onsetDateTime");
        let over = p
            .node
            .members()
            .find(|(name, node)| name.starts_with("abatement") && node.boolean() != Some(false))
            // What was left out because it is no end ends nothing. It was told where it stands.
            .filter(|(_, node)| !p.copy.left_out_end(&mut Writer::new(false), onset, node.leaf()));
        let error = p.node.string_of("verificationStatus") == Some("entered-in-error");
        if let Some((_, node)) = over.filter(|_| !error) {
            let inactive = Coding::new(causeway_fhir::systems::CONDITION_CLINICAL, "inactive", "Inactive");
            concept(w, "clinicalStatus", inactive, node.first_leaf());
        }
    }
}

/// A status that the STU3 flag for "not done" turns round: what was not given must not read as given.
fn not_done<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>, flag: &str, status: &str) {
    match p.flag(flag) {
        Flag::NotDone(leaf) if node.text() != "entered-in-error" => {
            w.string("status", status, leaf);
            let reason = "R4 has one status, and says by it that it was not done";
            w.claim(node.leaf(), causeway_core::Outcome::Structural, reason);
        }
        Flag::Unreadable if node.text() != "entered-in-error" => p.undecided(w, node),
        _ => p.copy.member(w, "status", node),
    }
}

/// The status of a goal: where it is in its life, and what has been achieved. Source: HL7's version map of Goal.
fn goal<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let Some(leaf) = node.leaf() else { return };
    let (life, achieved) = match leaf.text.trim() {
        "in-progress" => ("active", "in-progress"),
        "on-target" => ("active", "improving"),
        "ahead-of-target" => ("active", "improving"),
        "behind-target" => ("active", "worsening"),
        "sustaining" => ("active", "sustaining"),
        "achieved" => ("completed", "achieved"),
        _ => {
            p.copy.member(w, "lifecycleStatus", node);
            return;
        }
    };
    w.string("lifecycleStatus", life, leaf);
    let system = "http://terminology.hl7.org/CodeSystem/goal-achievement";
    w.object("achievementStatus", |w| {
        w.array("coding", |w| {
            w.element(|w| Coding::new(system, achieved, "").body(w, leaf));
        });
        w.leaf("text", leaf);
    });
}

/// Groups, plans and classes of a cover.
fn classes(w: &mut Writer, node: Node<'_>) {
    const KINDS: [(&str, &str); 6] = [
        ("group", "group"),
        ("subGroup", "subgroup"),
        ("plan", "plan"),
        ("subPlan", "subplan"),
        ("class", "class"),
        ("subClass", "subclass"),
    ];
    w.array("class", |w| {
        for (name, code) in KINDS {
            let (value, words) = (node.leaf_of(name), node.leaf_of(&format!("{name}Display")));
            let Some(first) = value.or(words) else { continue };
            w.element(|w| {
                let system = "http://terminology.hl7.org/CodeSystem/coverage-class";
                concept(w, "type", Coding::new(system, code, ""), ());
                w.leaf("value", first);
                w.leaf_opt("name", words.filter(|_| value.is_some()));
            });
        }
    });
}

/// That a condition is over, without a date.
fn abated(p: &Part<'_, '_>, w: &mut Writer, node: Node<'_>) {
    let Some(leaf) = node.leaf() else { return };
    match leaf.text.trim().to_ascii_lowercase().as_str() {
        "true" if matches!(p.node.string_of("clinicalStatus"), Some("active" | "recurrence" | "relapse")) => {
            // The notes tell it.
        }
        "true" => w.string("abatementString", "abated", leaf),
        "false" => w.claim(
            leaf,
            causeway_core::Outcome::Unsupported,
            "R4 says by its absence that nothing has ended",
        ),
        _ => {
            w.issue(Some(leaf.id), rules::VALUE_INVALID.issue());
            w.claim(leaf, causeway_core::Outcome::Unsupported, rules::VALUE_INVALID.text);
        }
    }
}

/// A package: R4 has its batch alone.
fn package<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    for (name, child) in node.members() {
        match name {
            "batch" => p.copy.member(w, "batch", child),
            _ => p.copy.without_place(w, child),
        }
    }
}

/// Authors of a plan: R4 has one, and contributors.
fn authors<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let list: Vec<Node<'t>> = if node.is_array() { node.elements().collect() } else { vec![node] };
    let Some((first, rest)) = list.split_first() else { return };
    p.copy.member(w, "author", *first);
    if !rest.is_empty() && p.node.get("contributor").is_none() {
        let copy = p.copy.within("contributor");
        w.array("contributor", |w| rest.iter().for_each(|one| copy.element(w, *one)));
    }
}

/// References to definitions: R4 has canonical URLs. One that is none is kept only in the original.
fn definitions<'t>(p: &Part<'_, 't>, w: &mut Writer, node: Node<'t>) {
    let list: Vec<Node<'t>> = if node.is_array() { node.elements().collect() } else { vec![node] };
    let absolute = |n: &Node<'t>| n.leaf_of("reference").filter(|l| l.text.contains("://"));
    if p.kind.elements.contains(&"instantiatesCanonical") {
        w.array("instantiatesCanonical", |w| {
            for leaf in list.iter().filter_map(absolute) {
                w.value(leaf.text, leaf);
            }
        });
    }
    let carried = p.kind.elements.contains(&"instantiatesCanonical");
    for other in list.iter().filter(|n| !carried || absolute(n).is_none()) {
        p.copy.without_place(w, *other);
    }
}

/// What R4 has among the identifiers of a study.
pub(crate) fn identifiers<'t>(p: &Part<'_, 't>, w: &mut Writer) {
    if p.stu3 != "ImagingStudy" {
        return;
    }
    if let Some(accession) = p.node.get("accession") {
        w.element(|w| {
            if accession.get("type").is_none() {
                let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
                concept(w, "type", Coding::new(system, "ACSN", "Accession ID"), ());
            }
            p.copy.within("identifier").body(w, accession);
        });
    }
    if let Some(uid) = p.node.leaf_of("uid") {
        w.element(|w| {
            w.fixed("system", "urn:dicom:uid");
            let text = uid.text.trim();
            match text.starts_with("urn:") {
                true => w.string("value", text, uid),
                false => w.string("value", &format!("urn:oid:{text}"), uid),
            }
        });
    }
}
