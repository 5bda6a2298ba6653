//! The coded entries of a summary: which there are, and the resource that each becomes.

use causeway_adapter::{Composer, Meta, Profile};
use causeway_core::{IssueCode, Outcome};
use causeway_fhir::{Coding, Ref, systems};
use causeway_xml::Element;

use crate::codes::ACT;
use crate::hl7;
use crate::parts::{Entry, Participant, Parts, Scope, write_participants};
use crate::{clinical, medicine, people, rules, write};

/// The resource types that entries become, so that names from the table are static.
const KINDS: [&str; 8] = [
    "AllergyIntolerance",
    "Communication",
    "Condition",
    "Encounter",
    "MedicationAdministration",
    "MedicationRequest",
    "Observation",
    "Procedure",
];

/// What an act becomes: by its name, else by its class. The flag says that its name is not known.
fn kind(act: Element<'_>, name: &str) -> (Option<&'static str>, bool) {
    if let Some(row) = ACT.row(name) {
        return (KINDS.iter().copied().find(|k| *k == row.code), false);
    }
    let class = act.attribute("classCode").map_or("", |c| c.text.trim());
    let kind = match class {
        "OBS" => Some("Observation"),
        "PROC" => Some("Procedure"),
        "DOC" | "INFRM" => Some("Communication"),
        "ENC" => Some("Encounter"),
        "CON" | "CNOD" => Some("Condition"),
        _ => None,
    };
    (kind, true)
}

/// Every coded entry below an element, in source order.
pub(crate) fn find<'d>(root: Element<'d>) -> Vec<Entry<'d>> {
    let mut found = Vec::new();
    for group in root.descendants().chain([root]).filter(|e| e.name() == "pertinentCREType") {
        for holder in group.children_named("component") {
            let act = holder.children().find(|e| !matches!(e.name(), "templateId" | "seperatableInd"));
            let Some(act) = act else { continue };
            let name = act.name().rsplit('.').next().unwrap_or_default();
            let kind = kind(act, name).0;
            found.push(Entry { act, holder, category: group.child("code"), name, kind, target: None });
        }
    }
    found
}

/// Makes the references of all entries, then writes the entries.
pub(crate) fn write(c: &mut Composer<'_>, scope: &mut Scope, entries: &mut [Entry<'_>]) {
    for entry in entries.iter() {
        let (Some(kind), Some(id)) = (entry.kind, hl7::guid(entry.act)) else { continue };
        let key = hl7::key(id.text);
        let target = c.reference(kind, &key);
        scope.targets.entry(key).or_insert(target);
    }
    for entry in entries.iter_mut() {
        entry.target = one(c, scope, entry);
    }
}

fn one(c: &mut Composer<'_>, scope: &mut Scope, entry: &Entry<'_>) -> Option<Ref> {
    let act = entry.act;
    let (kind, unknown) = kind(act, entry.name);
    let first = act.items().start;
    if unknown {
        let text = "the act is not one that GP summaries are known to hold; its class decided what it became";
        c.issue_at(first, write::warning(IssueCode::NotSupported, "act-unknown", text));
    }
    let Some(kind) = kind else {
        let text = "the act has no place in FHIR here; it was kept only in the original";
        c.issue_at(first, write::warning(IssueCode::NotSupported, "act-not-translated", text));
        return None;
    };
    if unknown {
        c.claim(act.attribute("classCode"), Outcome::Mapped, "");
    }
    let negation = hl7::negated(act).or_else(|| hl7::negated(entry.holder));
    if let Some(negation) = negation.filter(|_| !matches!(kind, "Condition" | "AllergyIntolerance")) {
        let text = "the entry is negated, which FHIR can't say of this kind of entry; it was refused";
        let mut issue = write::warning(IssueCode::BusinessRule, "entry-negated", text);
        issue.severity = causeway_core::Severity::Error;
        c.issue_at(negation.id, issue);
        c.ledger.overrule(entry.holder.items(), Outcome::Rejected, "the entry is negated");
        c.ledger.claim_rest(entry.holder.items(), Outcome::Rejected, "the entry is negated");
        return None;
    }
    if let Some(mood) = hl7::not_happened(act).filter(|_| kind != "MedicationRequest") {
        c.issue_at(mood.id, rules::ENTRY_NOT_HAPPENED.issue());
        c.ledger.overrule(entry.holder.items(), Outcome::Rejected, "what it states has not happened");
        c.ledger.claim_rest(entry.holder.items(), Outcome::Rejected, "what it states has not happened");
        return None;
    }
    if let Some(bad) = act.child("effectiveTime").and_then(|t| hl7::unreadable(t, &scope.zone)) {
        let text = "the time is no date; the entry was carried without it";
        c.issue_at(bad.id, write::warning(IssueCode::Value, "time-invalid", text));
    }
    let key = scope.key(c, kind, act);
    let scope = &*scope;
    let parts = Parts {
        entry,
        scope,
        negation,
        effective: hl7::effective(act, &scope.zone),
        encounter: if kind == "Encounter" { None } else { encounter(c, scope, act, &key) },
    };
    let url = write::profile(kind);
    let meta = Meta { profile: profile(kind, &url), security: markings(entry) };
    let participants = if kind == "Encounter" { participants(c, scope, act, &key) } else { Vec::new() };
    Some(c.resource_with(kind, &key, &meta, |w| match kind {
        "Condition" => clinical::condition(w, &parts),
        "AllergyIntolerance" => clinical::allergy(w, &parts),
        "MedicationRequest" => medicine::request(w, &parts),
        "MedicationAdministration" => medicine::administration(w, &parts),
        "Procedure" => clinical::procedure(w, &parts),
        "Communication" => clinical::communication(w, &parts),
        "Encounter" => clinical::care_event(w, &parts, &participants),
        _ => clinical::observation(w, &parts),
    }))
}

fn profile<'a>(kind: &str, url: &'a str) -> Profile<'a> {
    match kind {
        "Communication" => Profile::Url(url),
        _ => Profile::Default,
    }
}

/// A confidentiality label of an act, never lost.
pub(crate) fn markings<'d>(entry: &Entry<'d>) -> Vec<(&'d str, &'d str, &'d str, Vec<u32>)> {
    confidentiality(entry.act)
}

/// `confidentialityCode` as security labels.
pub(crate) fn confidentiality<'d>(act: Element<'d>) -> Vec<(&'d str, &'d str, &'d str, Vec<u32>)> {
    act.children_named("confidentialityCode")
        .filter_map(|code| {
            let leaf = code.attribute("code")?;
            let display = code.attribute("displayName");
            let words = display.map_or("", |d| d.text);
            let from = [Some(leaf), display].into_iter().flatten().map(|l| l.id).collect();
            // NOPAT is an act code; everything else in this element is of the confidentiality system.
            let system = match leaf.text.trim() {
                "NOPAT" => systems::ACT_CODE,
                _ => systems::CONFIDENTIALITY,
            };
            Some((system, leaf.text.trim(), words, from))
        })
        .collect()
}

/// Authors, informants and performers of an act.
fn participants<'d>(
    c: &mut Composer<'_>,
    scope: &Scope,
    act: Element<'d>,
    key: &str,
) -> Vec<Participant<'d>> {
    let mut found = Vec::new();
    for (name, code) in [
        ("author", ("AUT", "author")),
        ("informant", ("INF", "informant")),
        ("performer", ("PRF", "performer")),
    ] {
        for part in act.children_named(name) {
            let Some(agent) = people::agent(c, part, scope.patient.as_ref(), key, false) else { continue };
            found.push(Participant {
                target: agent.target,
                code,
                time: hl7::time(part.child("time"), &scope.zone),
                mode: part.child("modeCode"),
            });
        }
    }
    found
}

/// The encounter that holds who said or did what an entry states, as the Summary Care Record FHIR API has it.
fn encounter(c: &mut Composer<'_>, scope: &Scope, act: Element<'_>, key: &str) -> Option<Ref> {
    let participants = participants(c, scope, act, key);
    if participants.is_empty() {
        return None;
    }
    let key = format!("{key}|encounter");
    Some(c.resource("Encounter", &key, |w| {
        w.fixed("status", "finished");
        w.object("class", |w| Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ()));
        if let Some(patient) = &scope.patient {
            w.reference("subject", patient, ());
        }
        write_participants(w, &participants);
    }))
}
