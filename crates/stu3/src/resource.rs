//! Writes one resource: its elements by their rules, and what it gains or loses beside them.

use causeway_adapter::{Composer, Meta, Profile};
use causeway_core::{ItemId, NhsNumber, Outcome};
use causeway_fhir::types::{invalid_nhs_number, second_nhs_number, tell_spaced};
use causeway_fhir::{Writer, systems};
use causeway_json::Node;

use crate::copy::Copier;
use crate::copy::extension::{Lifted, of_resource};
use crate::elements::{Rule, rule};
use crate::kinds;
use crate::part::Part;
use crate::record::{Entry, nhs_numbers};
use crate::{clinical, consent, document, medicine, rules};

/// Writes the resource of an entry.
pub(crate) fn write(c: &mut Composer<'_>, copy: Copier<'_, '_>, entry: &Entry<'_>) {
    let Some((kind, target)) = kinds::of(entry.stu3).zip(entry.target.clone()) else {
        let reason = "a resource of this type is not carried; kept only in the original";
        c.claim(entry.resource.leaves(), Outcome::Unsupported, reason);
        return;
    };
    let meta = Meta { profile: Profile::Default, security: security(entry.resource) };
    let part = Part {
        copy,
        node: entry.resource,
        stu3: entry.stu3,
        kind,
        lifted: Lifted::of(entry.resource, entry.stu3),
        document: entry.document,
    };
    let about = entry.resource.leaf_of("resourceType").or_else(|| entry.resource.first_leaf());
    let copy = Copier { about: about.map(|l| l.id), ..copy };
    let part = Part { copy: copy.typed_as(kind.name), ..part };
    c.resource_at(target, &entry.key, &meta, |w| {
        w.mapped(entry.resource.leaf_of("resourceType"));
        w.decides(entry.resource.leaf_of("id"), "the id of what is made");
        part.body(w);
    });
}

type Label<'t> = (&'t str, &'t str, &'t str, Vec<ItemId>);

/// `meta.security`: never lost. Its systems are those of R4 already, or moved.
fn security<'t>(resource: Node<'t>) -> Vec<Label<'t>> {
    let labels = resource.get("meta").and_then(|m| m.get("security"));
    labels
        .into_iter()
        .flat_map(Node::elements)
        .map(|label| {
            let system = label.string_of("system").unwrap_or("");
            let system = match system {
                "http://hl7.org/fhir/v3/Confidentiality" => systems::CONFIDENTIALITY,
                "http://hl7.org/fhir/v3/ActCode" => systems::ACT_CODE,
                other => other,
            };
            let text = |name| label.string_of(name).unwrap_or("");
            (system, text("code"), text("display"), label.leaves().map(|l| l.id).collect())
        })
        .collect()
}

impl<'t> Part<'_, 't> {
    fn body(&self, w: &mut Writer) {
        let start = w.bytes().len();
        self.contained(w);
        of_resource(self.copy, w, self.node, &self.lifted);
        self.identifiers(w);
        for (name, node) in self.node.members() {
            if name == "deceasedDateTime" && self.copy.is_no_death(w, self.node, node) {
                continue;
            }
            if name != "birthDate" || !self.copy.born_in_future(w, self.node, node) {
                self.element(w, name, node);
            }
        }
        self.notes(w);
        self.additions(w);
        self.copy.complete(w, start);
        self.meta(w);
    }

    fn element(&self, w: &mut Writer, name: &str, node: Node<'t>) {
        match rule(self.stu3, name) {
            Rule::Same => self.placed(w, name, name, node),
            Rule::Name(to) => self.placed(w, to, name, node),
            Rule::Unwrap(to, part) => self.copy.unwrapped(w, to, node, part),
            Rule::First(to) => self.copy.member(w, to, node),
            Rule::Own => {
                let _ = medicine::element(self, w, name, node)
                    || clinical::element(self, w, name, node)
                    || crate::imaging::element(self, w, name, node)
                    || document::element(self, w, name, node);
            }
            Rule::Lost(reason) => self.copy.lost(w, node, reason),
            Rule::Note => {}
        }
    }

    /// An element under its R4 name, as a list where R4 repeats it and as the first of a list where it does not.
    fn placed(&self, w: &mut Writer, key: &str, name: &str, node: Node<'t>) {
        if name == "text" || name == "modifierExtension" || name == "language" {
            self.copy.field(w, self.node, name, node);
            return;
        }
        if self.abatement_contradicts(name) {
            return;
        }
        if name == "dataAbsentReason" && self.stu3 == "Observation" && self.has_value() {
            w.issue(node.first_leaf().map(|l| l.id), rules::ABSENT_BESIDE.issue());
            self.copy.lost(w, node, rules::ABSENT_BESIDE.text);
            return;
        }
        // An end that is none ends nothing.
        if self.stu3 == "Condition"
            && name == "abatementDateTime"
            && self.copy.left_out_end(w, self.node.leaf_of("onsetDateTime"), node.leaf())
        {
            return;
        }
        let bare = key.strip_prefix('_').unwrap_or(key);
        if key == "note" {
            return;
        }
        if !self.kind.elements.contains(&bare) {
            self.copy.without_place(w, node);
            return;
        }
        self.copy.member(w, key, node);
    }

    /// Whether an observation states a value (R4, obs-6: then no reason why it has none).
    fn has_value(&self) -> bool {
        self.node.members().any(|(name, node)| name.starts_with("value") && !node.is_null())
    }

    /// Whether an element says that a condition is over whose status says that it is not (R4, con-4).
    fn abatement_contradicts(&self, name: &str) -> bool {
        self.stu3 == "Condition"
            && name.starts_with("abatement")
            && self.node.leaf_of(name).is_none_or(|l| name != "abatementBoolean" || l.text.trim() != "false")
            && matches!(self.node.string_of("clinicalStatus"), Some("active" | "recurrence" | "relapse"))
    }

    /// Notes, and texts that become notes, in source order.
    fn notes(&self, w: &mut Writer) {
        if !self.kind.elements.contains(&"note") {
            return;
        }
        w.array("note", |w| {
            for (name, node) in self.node.members() {
                match rule(self.stu3, name) {
                    Rule::Note => {
                        if let Some(leaf) = node.leaf() {
                            w.element(|w| w.string("text", leaf.text, leaf));
                        }
                    }
                    _ if name == "note" => {
                        let copy = self.copy.within("note");
                        match node.is_array() {
                            true => node.elements().for_each(|n| copy.element(w, n)),
                            false => copy.element(w, node),
                        }
                    }
                    _ if self.abatement_contradicts(name) => {
                        w.issue(node.first_leaf().map(|l| l.id), rules::ABATED_ACTIVE.issue());
                        let leaves = node.leaves();
                        let said: Vec<&str> = leaves.clone().map(|l| l.text).collect();
                        let text = format!("Stated end, beside an active status: {}", said.join(" "));
                        w.element(|w| w.string("text", &text, leaves));
                    }
                    _ => {}
                }
            }
        });
    }

    /// `identifier`: the sender's, and the id by which the sender's system knows the resource.
    fn identifiers(&self, w: &mut Writer) {
        if !self.kind.elements.contains(&"identifier") {
            return;
        }
        let own = self.node.get("identifier");
        let single = !self.kind.lists.contains(&"identifier");
        let list: Vec<Node<'t>> = match own {
            Some(list) if list.is_array() => list.elements().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let id = self.node.leaf_of("id");
        let told =
            id.is_some_and(|id| list.iter().any(|i| i.string_of("value").is_some_and(|v| same(v, id.text))));
        let numbers: Vec<u32> = match self.stu3 {
            "Patient" => nhs_numbers(self.node).map(Node::index).collect(),
            _ => Vec::new(),
        };
        if single {
            if let Some(first) = list.first().copied().or(self.document) {
                self.copy.member(w, "identifier", first);
            } else if let Some(id) = id {
                w.object("identifier", |w| self.local_id(w, id));
            }
            return;
        }
        let mut first = None;
        w.array("identifier", |w| {
            for identifier in &list {
                let number = identifier.get("value").filter(|v| numbers.binary_search(&v.index()).is_ok());
                let copy = self.copy.within("identifier");
                if let Some((leaf, nhs)) =
                    number.and_then(|n| Some((n.leaf()?, NhsNumber::parse(n.text()).ok()?)))
                    && *first.get_or_insert(nhs) != nhs
                {
                    second_nhs_number(w, leaf, identifier.leaf_of("system"));
                    for (_, other) in
                        identifier.members().filter(|(name, _)| !matches!(*name, "value" | "system"))
                    {
                        self.copy.lost(w, other, "said of a second NHS number; kept only in the original");
                    }
                    continue;
                }
                w.element(|w| match number {
                    Some(number) => self.nhs_number(w, *identifier, number),
                    None => copy.body(w, *identifier),
                });
            }
            crate::imaging::identifiers(self, w);
            if let Some(id) = id.filter(|_| !told) {
                w.element(|w| self.local_id(w, id));
            }
        });
    }

    fn local_id(&self, w: &mut Writer, id: causeway_core::Leaf<'t>) {
        w.fixed("system", &systems::local(self.copy.sender, self.stu3));
        causeway_fhir::types::tell_doubt(w, id.text, &id);
        w.leaf("value", id);
    }

    /// An NHS number as the source states it; a placeholder is not called one.
    fn nhs_number(&self, w: &mut Writer, identifier: Node<'t>, number: Node<'t>) {
        let Some(leaf) = number.leaf() else { return };
        let error = match causeway_core::NhsNumber::parse(number.text()) {
            Ok(digits) => {
                tell_spaced(w, leaf);
                if number.kind() == causeway_json::Kind::Number {
                    w.issue(Some(leaf.id), rules::VALUE_REPAIRED.issue());
                }
                for (name, child) in identifier.members() {
                    match name {
                        "value" => w.string("value", digits.as_str(), leaf),
                        _ => self.copy.within("identifier").field(w, identifier, name, child),
                    }
                }
                return;
            }
            Err(error) => error,
        };
        invalid_nhs_number(w, leaf, identifier.leaf_of("system"), error);
        let reason = "said of a number that is a placeholder; kept only in the original";
        for (name, node) in identifier.members().filter(|(name, _)| *name != "value") {
            if name != "system" {
                self.copy.lost(w, node, reason);
            }
        }
    }

    /// Resources within the resource.
    fn contained(&self, w: &mut Writer) {
        w.array("contained", |w| {
            for inner in self.node.get("contained").into_iter().flat_map(Node::elements) {
                let stu3 = inner.string_of("resourceType").unwrap_or("");
                let Some(kind) = kinds::of(stu3) else {
                    self.copy.lost(w, inner, "a resource of this type is not carried; kept in the original");
                    continue;
                };
                let part = Part {
                    copy: self.copy.typed_as(kind.name),
                    node: inner,
                    stu3,
                    kind,
                    lifted: Lifted::of(inner, stu3),
                    document: None,
                };
                w.element(|w| {
                    w.string("resourceType", kind.name, inner.leaf_of("resourceType"));
                    w.leaf_opt("id", inner.leaf_of("id"));
                    if inner.get("contained").is_none() {
                        part.inner(w);
                    }
                });
            }
        });
    }

    fn inner(&self, w: &mut Writer) {
        let start = w.bytes().len();
        of_resource(self.copy, w, self.node, &self.lifted);
        if let Some(own) = self.node.get("identifier").filter(|_| self.kind.elements.contains(&"identifier"))
        {
            self.placed(w, "identifier", "identifier", own);
        }
        for (name, node) in self.node.members() {
            self.element(w, name, node);
        }
        self.notes(w);
        self.additions(w);
        self.copy.complete(w, start);
        self.meta(w);
    }

    /// What R4 or UK Core demands or has as an element, and STU3 had elsewhere.
    fn additions(&self, w: &mut Writer) {
        medicine::additions(self, w);
        clinical::additions(self, w);
        document::additions(self, w);
        crate::imaging::additions(self, w);
        if self.stu3 == "Consent" {
            consent::additions(self, w);
        }
    }

    /// `meta` is the exchange's own; what the sender's said of its own copy stays in the original.
    fn meta(&self, w: &mut Writer) {
        let Some(meta) = self.node.get("meta") else { return };
        if let Some(profile) = meta.get("profile") {
            w.claim(profile.leaves(), Outcome::Structural, "");
        }
        for name in ["versionId", "lastUpdated", "tag"] {
            if let Some(node) = meta.get(name) {
                self.copy.lost(w, node, "said of the sender's own copy; kept only in the original");
            }
        }
    }
}

/// Whether an identifier's value is the resource's id: the same but for case and hyphens.
fn same(value: &str, id: &str) -> bool {
    let plain =
        |t: &str| t.bytes().filter(|b| *b != b'-').map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
    plain(value) == plain(id)
}
