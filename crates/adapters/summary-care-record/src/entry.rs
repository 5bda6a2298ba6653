//! The coded entries of a summary: which there are, and the resource that each becomes.

use std::collections::HashMap;

use causeway_adapter::{Composer, Meta, Profile};
use causeway_core::{IssueCode, Leaf, Outcome};
use causeway_fhir::types::extension;
use causeway_fhir::{Coding, Ref, Writer, systems, types};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::{self, ACT};
use crate::hl7::{self, Effective};
use crate::{clinical, medicine, people, write};

/// One coded entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'d> {
    /// The act.
    pub act: Element<'d>,
    /// `component` that holds it, where negation may stand.
    pub holder: Element<'d>,
    /// Code of the category that it is filed under.
    pub category: Option<Element<'d>>,
    /// Name of the act without its model's: `CurrentRepeatMedication`.
    pub name: &'d str,
    /// Resource that it becomes; `None` where it becomes none.
    pub kind: Option<&'static str>,
    /// Where it was written.
    pub target: Option<Ref>,
}

/// What entries need to know of their summary.
#[derive(Debug)]
pub(crate) struct Scope {
    pub zone: TimeZone,
    pub patient: Option<Ref>,
    /// Entries by GUID, so that one can refer to another.
    pub targets: HashMap<String, Ref>,
    /// How many entries of a kind had this id.
    pub seen: HashMap<(&'static str, String), usize>,
}

impl Scope {
    /// Key of an entry. Two of a kind with one id are two entries: the second is told apart, and told.
    fn key(&mut self, c: &mut Composer<'_>, kind: &'static str, act: Element<'_>) -> String {
        let key = people::record_key(act);
        let times = self.seen.entry((kind, key.clone())).or_insert(0);
        *times += 1;
        if *times == 1 {
            return key;
        }
        let text = "two entries of a kind have the same id; both were kept, and references lead to the first";
        let issue = write::warning(IssueCode::Duplicate, "source-id-repeated", text);
        c.issue_at(hl7::guid(act).map_or(act.items().start, |id| id.id), issue);
        format!("{key}#{times}")
    }
}

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

/// What the writers of entries need.
pub(crate) struct Parts<'e, 'd> {
    pub entry: &'e Entry<'d>,
    pub scope: &'e Scope,
    pub negation: Option<Leaf<'d>>,
    pub effective: Effective<'d>,
    pub encounter: Option<Ref>,
}

impl<'d> Parts<'_, 'd> {
    /// Identifier, and the patient under a key; for callers that go on with the rest.
    pub fn head(&self, w: &mut Writer, patient: &str) {
        write::identifiers(w, &[self.entry.act]);
        match &self.scope.patient {
            Some(target) => w.reference(patient, target, ()),
            None => {
                w.object(patient, write::absent);
            }
        }
    }

    /// As [`Parts::head`], for resources that may have no subject.
    pub fn head_optional(&self, w: &mut Writer) {
        write::identifiers(w, &[self.entry.act]);
        if let Some(target) = &self.scope.patient {
            w.reference("subject", target, ());
        }
    }

    /// The encounter that holds who said it, under a key.
    pub fn said_in(&self, w: &mut Writer, key: &str) {
        if let Some(encounter) = &self.encounter {
            w.reference(key, encounter, ());
        }
    }

    /// `category` from the code that the entry is filed under.
    pub fn category(&self, w: &mut Writer) {
        write::code_list(w, "category", &[self.entry.category]);
    }

    /// `note` from all that the act says beside its code.
    pub fn notes(&self, w: &mut Writer) {
        w.array("note", |w| {
            for qualifier in self.entry.act.children_named("code").flat_map(|c| c.children_named("qualifier"))
            {
                w.element(|w| qualifier_note(w, qualifier));
            }
            for detail in details(self.entry.act) {
                w.element(|w| detail_note(w, detail));
            }
            if let Some(text) = self.entry.act.child("text").and_then(Element::text) {
                w.element(|w| w.leaf("text", text));
            }
        });
    }

    /// Other entries that this one names by their id, with the id.
    pub fn links(&self) -> Vec<(Leaf<'d>, Option<&Ref>)> {
        let acts = self.entry.act.children().filter(|c| {
            c.name().starts_with("pertinentInformation") || matches!(c.name(), "reason" | "sourceOf")
        });
        acts.flat_map(Element::children)
            .filter(|e| !matches!(e.name(), "templateId" | "seperatableInd"))
            .filter(|e| e.child("value").is_none())
            .filter_map(hl7::guid)
            .map(|id| (id, self.scope.targets.get(&hl7::key(id.text))))
            .collect()
    }

    /// References to the other entries, as elements of an array; one that is not there is told.
    pub fn link_elements(&self, w: &mut Writer) {
        for (id, target) in self.links() {
            match target {
                Some(target) => w.reference_element(target, id),
                None => self.missing(w, id),
            }
        }
    }

    /// The issue of an entry that is named and absent.
    pub fn missing(&self, w: &mut Writer, id: Leaf<'_>) {
        let text = "the entry that is referred to is not in the summary";
        w.issue(Some(id.id), write::warning(IssueCode::NotFound, "entry-not-found", text));
    }
}

/// Statements about an entry: elements within `pertinentInformation` that hold a value.
pub(crate) fn details<'d>(act: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    act.children()
        .filter(|c| c.name().starts_with("pertinentInformation"))
        .flat_map(Element::children)
        .filter(|e| e.child("value").is_some() && e.name() != "pertinentDosageInstructions")
}

/// A statement about an entry as a note. Supporting text stands alone; everything else says what it is.
fn detail_note(w: &mut Writer, detail: Element<'_>) {
    let Some(value) = detail.child("value") else { return };
    let (text, mut items) = value.text_content();
    let coded = value.attribute("displayName").or_else(|| value.attribute("code"));
    let amount = value.attribute("value").map(|v| (v, value.attribute("unit")));
    let text = match (text.trim().is_empty(), coded, amount) {
        (false, _, _) => text,
        (true, Some(leaf), _) => {
            items.push(leaf.id);
            leaf.text.to_owned()
        }
        (true, None, Some((amount, unit))) => {
            items.extend([Some(amount), unit].into_iter().flatten().map(|l| l.id));
            [amount.text, unit.map_or("", |u| u.text)].join(" ")
        }
        _ => return,
    };
    let label = detail.child("code");
    let supporting = label.and_then(|l| l.attribute("code")).filter(|c| c.text.trim() == "SupportingText");
    let labelled = label.and_then(|l| l.attribute("displayName"));
    w.mapped(supporting.and_then(|code| labelled.map(|_| code)));
    match labelled.filter(|_| supporting.is_none()) {
        Some(label) => {
            items.push(label.id);
            w.string("text", &format!("{}: {}", label.text.trim(), text.trim()), items);
        }
        None => w.string("text", text.trim(), items),
    }
}

/// A qualifier of a code, such as whose history it is.
fn qualifier_note(w: &mut Writer, qualifier: Element<'_>) {
    let words = |name: &str| {
        let part = qualifier.child(name)?;
        part.attribute("displayName").or_else(|| part.attribute("code"))
    };
    if let Some(value) = words("value") {
        let name = words("name");
        let label = name.map_or("qualifier", |n| n.text.trim());
        w.string("text", &format!("{label}: {}", value.text.trim()), (name, value));
    }
}

/// A participant of an encounter.
pub(crate) struct Participant<'d> {
    target: Ref,
    code: (&'static str, &'static str),
    time: Option<hl7::Time<'d>>,
    mode: Option<Element<'d>>,
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

/// `participant`.
pub(crate) fn write_participants(w: &mut Writer, participants: &[Participant<'_>]) {
    w.array("participant", |w| {
        for part in participants {
            w.element(|w| participant(w, part));
        }
    });
}

fn participant(w: &mut Writer, part: &Participant<'_>) {
    if let Some(mode) = part.mode {
        w.array("extension", |w| {
            extension(w, codes::MODE_EXTENSION, |w| {
                write::code(w, "valueCodeableConcept", Some(mode));
            });
        });
    }
    w.array("type", |w| {
        types::concept_element(w, Coding::new(codes::PARTICIPATION, part.code.0, part.code.1), ());
    });
    write::period(w, "period", part.time, None);
    w.reference("individual", &part.target, ());
}
