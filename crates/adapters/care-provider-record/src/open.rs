//! A record that is being written: its person, its provider, and which gates are open.

use causeway_adapter::{Composer, Meta};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_fhir::{Ref, Writer, systems};
use causeway_json::Node;

use crate::bind::{Gate, Section};
use crate::item::In;
use crate::sections::legal::SILENT_DEFAULTS;
use crate::{checks, write};

/// A record that is being written.
pub struct Record<'r, 't, 'c> {
    /// The composer.
    pub c: &'r mut Composer<'c>,
    /// The whole record.
    pub root: In<'t>,
    /// The person's Patient.
    pub patient: Ref,
    /// The provider's Organization.
    pub provider: Option<Ref>,
    /// Identifier system of the record's items.
    pub system: String,
}

/// The provider's own code: what its identifiers hang on.
pub fn provider_code(root: In<'_>) -> Option<Leaf<'_>> {
    root.leaf("provider.cqcLocationId").or_else(|| root.leaf("provider.odsCode"))
}

impl Record<'_, '_, '_> {
    /// Writes an item as its section says. `more` adds elements of its own.
    pub fn write(
        &mut self,
        section: &'static Section,
        item: In<'_>,
        part: &str,
        more: impl FnOnce(&mut Writer),
    ) -> Ref {
        // An item's id is unique within its record at most: two people of one home may both have an `IR-1`.
        let key = match item.leaf("recordUid") {
            Some(uid) => format!("{}|{}|{}{part}", self.patient.id, section.path, uid.text),
            None => format!("{}{part}|{}", self.patient.id, item.node.pointer()),
        };
        let meta = label(section.restricted);
        let patient = self.patient.clone();
        let context = self.c.context;
        let system = self.system.clone();
        self.c.resource_with(section.resource, &key, &meta, |w| {
            write::item(w, item, section, write::Env { zone: &context.zone, system: &system });
            if !section.subject.is_empty() {
                w.reference(section.subject, &patient, ());
            }
            more(w);
        })
    }

    /// Whether an option of the feed opens a gate.
    pub fn is_open(&self, gate: Gate) -> bool {
        match gate {
            Gate::Open => true,
            Gate::Legal => self.c.context.enabled("legal-items"),
            Gate::Safeguarding => self.c.context.enabled("safeguarding-items"),
        }
    }

    /// Holds back everything at a path, with one issue.
    pub fn withhold(&mut self, path: &str, why: &'static str) {
        let Some(found) = self.root.get(path) else { return };
        let mut leaves = Vec::new();
        for (name, member) in found.node.members() {
            // A box that is not ticked is no decision to hold back.
            let silent = SILENT_DEFAULTS.contains(&name) && !checks::is_yes(member.text());
            leaves.extend(member.leaves().filter(|_| !silent));
        }
        leaves.extend(found.node.elements().flat_map(Node::leaves));
        if leaves.is_empty() {
            return;
        }
        self.c.claim(leaves, Outcome::Withheld, why);
        let issue = Issue::new(Severity::Information, IssueCode::Suppressed, "withheld-by-option", why);
        self.c.issue(issue.at(found.node.position()));
    }
}

/// `meta` with the label "restricted" where it is called for.
pub fn label(restricted: bool) -> Meta<'static> {
    let mut meta = Meta::default();
    if restricted {
        meta.security.push((systems::CONFIDENTIALITY, "R", "restricted", Vec::new()));
    }
    meta
}
