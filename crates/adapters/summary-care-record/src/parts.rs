//! What the writers of entries are given, and what entries of all kinds have in common.

use std::collections::HashMap;

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf};
use causeway_fhir::types::extension;
use causeway_fhir::{Coding, Ref, Writer, types};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes;
use crate::hl7::{self, Effective};
use crate::{people, write};

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
    pub fn key(&mut self, c: &mut Composer<'_>, kind: &'static str, act: Element<'_>) -> String {
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
    pub target: Ref,
    pub code: (&'static str, &'static str),
    pub time: Option<hl7::Time<'d>>,
    pub mode: Option<Element<'d>>,
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
