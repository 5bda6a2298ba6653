//! Extensions: renamed where UK Core has them, lifted where R4 has an element, kept as they are otherwise.

use causeway_core::{Leaf, Outcome, common};
use causeway_fhir::types::ukcore_extension;
use causeway_fhir::{Writer, systems};
use causeway_json::Node;

use crate::codes::{self, extension_name};
use crate::copy::Copier;

/// Extensions of a resource that become elements of R4, found before the resource is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lifted<'t> {
    pub prescription_type: Option<Node<'t>>,
    pub repeat: Option<Node<'t>>,
    pub status_reason: Option<Node<'t>>,
    pub encounter: Option<Node<'t>>,
    pub recorded: Option<Node<'t>>,
    pub allergy_end: Option<Node<'t>>,
    pub cancellation: Option<Node<'t>>,
    pub admission: Option<Node<'t>>,
}

impl<'t> Lifted<'t> {
    /// Those of a resource.
    pub fn of(resource: Node<'t>, stu3: &str) -> Self {
        let mut found = Self::default();
        for ext in resource.get("extension").into_iter().flat_map(Node::elements) {
            let url = ext.string_of("url").unwrap_or("");
            if !published(url) {
                continue;
            }
            let slot = match (stu3, extension_name(url)) {
                ("MedicationRequest", "PrescriptionType") => &mut found.prescription_type,
                ("MedicationRequest", "MedicationRepeatInformation") => &mut found.repeat,
                ("MedicationRequest", "MedicationStatusReason") => &mut found.status_reason,
                ("AllergyIntolerance", "encounter-associatedEncounter") => &mut found.encounter,
                ("Immunization", "DateRecorded") => &mut found.recorded,
                // UK Core has the end beside the clinical status; without one it stays where it is.
                ("AllergyIntolerance", "AllergyIntoleranceEnd")
                    if resource.get("clinicalStatus").is_some() =>
                {
                    &mut found.allergy_end
                }
                ("Appointment", "AppointmentCancellationReason") => &mut found.cancellation,
                // UK Core has it within the stay, once.
                ("Encounter", "AdmissionMethod") if takes_admission(resource) => &mut found.admission,
                _ => continue,
            };
            if slot.is_none() {
                *slot = Some(ext);
            }
        }
        found
    }

    /// Whether an extension is written elsewhere.
    fn holds(&self, ext: Node<'t>) -> bool {
        [
            self.prescription_type,
            self.repeat,
            self.status_reason,
            self.encounter,
            self.recorded,
            self.allergy_end,
            self.cancellation,
            self.admission,
        ]
        .iter()
        .flatten()
        .any(|held| held.index() == ext.index())
    }
}

/// Whether an encounter's stay has room for the method of admission.
fn takes_admission(encounter: Node<'_>) -> bool {
    let Some(stay) = encounter.get("hospitalization") else { return true };
    let mut held = stay.get("extension").into_iter().flat_map(Node::elements);
    stay.is_object()
        && !held.any(|e| e.string_of("url").is_some_and(|u| extension_name(u) == "AdmissionMethod"))
}

/// The extensions of an encounter's stay, with the method of admission that stands at the encounter.
pub(crate) fn of_stay<'t>(copy: Copier<'_, 't>, w: &mut Writer, own: Option<Node<'t>>, lifted: &Lifted<'t>) {
    let copy = copy.typed_as("Extension");
    w.array("extension", |w| {
        let held = own.into_iter().flat_map(Node::elements);
        held.chain(lifted.admission).for_each(|ext| one(copy, w, ext));
    });
}

fn published(url: &str) -> bool {
    ["https://fhir.nhs.uk/STU3/", "https://fhir.hl7.org.uk/STU3/", "http://hl7.org/fhir/StructureDefinition/"]
        .iter()
        .any(|root| url.starts_with(root))
}

/// The part of a complex extension by its relative URL.
pub(crate) fn part<'t>(ext: Node<'t>, url: &str) -> Option<Node<'t>> {
    ext.get("extension")?.elements().find(|e| e.string_of("url") == Some(url))
}

/// The value of an extension: `valueX`.
pub(crate) fn value<'t>(ext: Node<'t>) -> Option<Node<'t>> {
    ext.members().find(|(name, _)| name.starts_with("value")).map(|(_, node)| node)
}

/// Writes a list of extensions of a data type or backbone element.
pub(crate) fn list<'t>(copy: Copier<'_, 't>, w: &mut Writer, key: &str, list: Node<'t>) {
    let copy = copy.typed_as("Extension");
    w.array(key, |w| {
        for ext in list.elements() {
            one(copy, w, ext);
        }
    });
}

/// Writes the extensions of a resource but those that are lifted.
pub(crate) fn of_resource<'t>(copy: Copier<'_, 't>, w: &mut Writer, resource: Node<'t>, lifted: &Lifted<'t>) {
    let copy = copy.typed_as("Extension");
    w.array("extension", |w| {
        for ext in resource.get("extension").into_iter().flat_map(Node::elements) {
            if !lifted.holds(ext) {
                one(copy, w, ext);
            }
        }
        if let Some(sent) = resource
            .leaf_of("timestamp")
            .filter(|_| resource.string_of("resourceType") == Some("MessageHeader"))
        {
            if let Ok(when) = causeway_core::When::iso(sent.text.trim(), &causeway_core::london()) {
                w.tell_unlikely("sent", &when, &sent);
            }
            w.element(|w| {
                w.fixed(
                    "url",
                    "http://hl7.org/fhir/3.0/StructureDefinition/extension-MessageHeader.timestamp",
                );
                w.leaf("valueInstant", sent);
            });
        }
        if let Some(reason) = lifted.status_reason {
            status_change(copy, w, reason);
        }
        if let Some(repeat) = lifted.repeat {
            repeat_information(copy, w, repeat);
        }
    });
}

/// One extension.
fn one<'t>(copy: Copier<'_, 't>, w: &mut Writer, ext: Node<'t>) {
    let url = ext.leaf_of("url");
    if url.is_some_and(|url| causeway_profile::is_relative(url.text)) && !is_part(ext) {
        w.issue(url.map(|url| url.id), common::EXTENSION_RELATIVE.issue());
        w.claim(ext.leaves(), Outcome::Unsupported, common::EXTENSION_RELATIVE.text);
        return;
    }
    let target = url.and_then(|u| codes::extension_url(u.text)).filter(|_| fits(copy, ext));
    let name = target.and(url).map_or("", |u| extension_name(u.text));
    w.element(|w| {
        match (url, target) {
            (Some(url), Some(target)) => w.string("url", target, url),
            (Some(url), None) => w.string("url", url.text, url),
            _ => {}
        }
        match name {
            "coding-sctdescid" => description(copy, w, ext),
            "ListWarningCode" => coded(w, ext, "https://fhir.hl7.org.uk/CodeSystem/UKCore-ListWarningCode"),
            "DeliveryChannel" => coded(w, ext, "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeliveryChannel"),
            "MedicationChangeSummary" => change_summary(copy, w, ext),
            _ => rest(copy, w, ext),
        }
    });
}

/// Whether an extension is a part of another one: such have names, and no URL.
fn is_part(ext: Node<'_>) -> bool {
    let owner = ext.parent().and_then(Node::parent);
    let list = owner.and_then(Node::parent);
    list.is_some_and(|list| matches!(list.name(), "extension" | "modifierExtension"))
}

/// Whether UK Core's extension can hold what CareConnect's holds; where it can't, CareConnect's stays.
fn fits(copy: Copier<'_, '_>, ext: Node<'_>) -> bool {
    match extension_name(ext.string_of("url").unwrap_or("")) {
        "NHSCommunication" => part(ext, "language").is_some(),
        "AdmissionMethod" => ext.parent().and_then(Node::parent).is_some_and(|owner| {
            let first = || Lifted::of(owner, "Encounter").admission;
            let is_encounter = owner.string_of("resourceType") == Some("Encounter");
            owner.name() == "hospitalization"
                || is_encounter && first().is_some_and(|e| e.index() == ext.index())
        }),
        "ActualProblem" => {
            let reference = ext.get("valueReference").and_then(|r| r.string_of("reference"));
            let target = reference.and_then(|r| copy.record.find(r)).map(|e| e.stu3);
            target.is_none_or(|kind| {
                matches!(kind, "AllergyIntolerance" | "Condition" | "Observation" | "FamilyMemberHistory")
            })
        }
        _ => true,
    }
}

/// Everything of an extension but its URL.
fn rest<'t>(copy: Copier<'_, 't>, w: &mut Writer, ext: Node<'t>) {
    for (name, child) in ext.members().filter(|(name, _)| *name != "url") {
        copy.field(w, ext, name, child);
    }
}

/// A code that UK Core has as a concept.
fn coded(w: &mut Writer, ext: Node<'_>, system: &str) {
    if let Some(code) = ext.leaf_of("valueCode") {
        w.object("valueCodeableConcept", |w| {
            w.array("coding", |w| {
                w.element(|w| {
                    w.fixed("system", system);
                    w.leaf("code", code);
                });
            });
        });
        return;
    }
    // A later version has it as a concept already; every other shape is nothing that was published.
    if let Some(text) = value(ext).and_then(Node::leaf) {
        w.object("valueCodeableConcept", |w| w.leaf("text", text));
    }
}

/// The id and words of a SNOMED CT description.
fn description<'t>(copy: Copier<'_, 't>, w: &mut Writer, ext: Node<'t>) {
    w.array("extension", |w| {
        for part in ext.get("extension").into_iter().flat_map(Node::elements) {
            let id = part.leaf_of("valueId").or_else(|| part.leaf_of("valueString"));
            let is_id = part.string_of("url") == Some("descriptionId");
            w.element(|w| match id.filter(|_| is_id) {
                Some(id) => {
                    copy_url(w, part);
                    w.object("valueIdentifier", |w| {
                        w.fixed("system", systems::SNOMED);
                        w.leaf("value", id);
                    });
                }
                None => copy.body(w, part),
            });
        }
    });
}

fn copy_url(w: &mut Writer, ext: Node<'_>) {
    if let Some(url) = ext.leaf_of("url") {
        w.string("url", url.text, url);
    }
}

/// The status of a change becomes a Coding.
fn change_summary<'t>(copy: Copier<'_, 't>, w: &mut Writer, ext: Node<'t>) {
    w.array("extension", |w| {
        for part in ext.get("extension").into_iter().flat_map(Node::elements) {
            let status = part.leaf_of("valueCode").filter(|_| part.string_of("url") == Some("status"));
            w.element(|w| match status {
                Some(code) => {
                    copy_url(w, part);
                    w.object("valueCoding", |w| {
                        w.fixed("system", "https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationChangeStatus");
                        w.string("code", &code.text.trim().to_ascii_lowercase(), code);
                    });
                }
                None => indication(copy, w, part),
            });
        }
    });
}

/// A part of an extension.
fn indication<'t>(copy: Copier<'_, 't>, w: &mut Writer, part: Node<'t>) {
    for (name, child) in part.members() {
        copy.field(w, part, name, child);
    }
}

/// When the status changed: R4 has the reason as an element and no place for the date.
fn status_change<'t>(copy: Copier<'_, 't>, w: &mut Writer, reason: Node<'t>) {
    let keeps = |url: &str| url != "statusReason";
    kept(copy, w, reason, keeps);
}

/// What of the repeat information has no element: UK Core's extension where it has the part, CareConnect's own
/// where the count means something else (UK Core's leaves the first issue out).
fn repeat_information<'t>(copy: Copier<'_, 't>, w: &mut Writer, repeat: Node<'t>) {
    if let Some(expiry) = part(repeat, "authorisationExpiryDate") {
        w.element(|w| {
            w.array("extension", |w| copy.element(w, expiry));
            w.fixed("url", &ukcore_extension("MedicationRepeatInformation"));
        });
    }
    kept(copy, w, repeat, |url| {
        !matches!(url, "numberOfRepeatPrescriptionsAllowed" | "authorisationExpiryDate")
    });
}

/// An extension of CareConnect kept as it is, with the parts that `keeps` names.
fn kept<'t>(copy: Copier<'_, 't>, w: &mut Writer, ext: Node<'t>, keeps: impl Fn(&str) -> bool) {
    let parts = |e: &Node<'t>| keeps(e.string_of("url").unwrap_or(""));
    let list: Vec<Node<'t>> =
        ext.get("extension").into_iter().flat_map(Node::elements).filter(parts).collect();
    if list.is_empty() {
        return;
    }
    let url: Option<Leaf<'t>> = ext.leaf_of("url");
    w.element(|w| {
        w.array("extension", |w| {
            for part in list {
                copy.element(w, part);
            }
        });
        if let Some(url) = url {
            w.string("url", url.text, url);
        }
    });
}
