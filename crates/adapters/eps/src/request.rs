//! Requests about a prescription, and their answers: release, return, withdrawal, cancellation. Each is a Task. It says
//! what was asked; what the prescription is after it, only the Spine says.

use causeway_adapter::Composer;
use causeway_core::Leaf;
use causeway_fhir::types::identifier_body;
use causeway_fhir::{Ref, Writer};
use causeway_xml::Element;

use crate::codes::{ORDER_ITEM, ORDER_NUMBER};
use crate::people::{self, People};
use crate::prescription::Ids;
use crate::refusal::Refusal;
use crate::write::{concept, date_time, guid, guid_identifier, part, value};

/// The kind of a request: code, words and status of the Task.
fn kind(name: &str) -> (&'static str, &'static str, &'static str) {
    match name {
        "PatientPrescriptionReleaseRequest" => ("release", "Release of a prescription", "requested"),
        "NominatedPrescriptionReleaseRequest" => {
            ("nominated-release", "Release of nominated prescriptions", "requested")
        }
        "CancellationRequest" => ("cancel", "Cancellation of an item of a prescription", "requested"),
        "CancellationResponse" => ("cancel-response", "Answer to a cancellation", "completed"),
        "DispenseProposalReturn" | "PrescriptionReturn" => {
            ("return", "Return of a prescription to the Spine", "requested")
        }
        "PrescriptionReleaseReject" => ("release-reject", "Rejection of a release", "rejected"),
        _ => ("withdraw", "Withdrawal of a dispense notification", "requested"),
    }
}

/// Observations that say why, or what came of it.
const REASONS: [&str; 6] = [
    "pertinentCancellationReason",
    "pertinentReturnReason",
    "pertinentRejectionReason",
    "pertinentWithdrawReason",
    "pertinentWithdrawalReason",
    "pertinentResponse",
];

/// Answers of the Spine by which the item is cancelled (0001), or will be (0004); every other one is a refusal.
/// Source: NHS Digital, cancellation responses.
const CANCELLED: [&str; 2] = ["0001", "0004"];

/// Translates a request or an answer.
pub(crate) fn translate(c: &mut Composer<'_>, record: Element<'_>) -> Result<Option<String>, Refusal> {
    let name = record.name();
    let short = match value(record, "pertinentPrescriptionID") {
        Some(id) => Some(Ids::check(id)?),
        None if name == "NominatedPrescriptionReleaseRequest" => None,
        None if name == "PrescriptionReleaseReject" || name == "DispenseProposalReturn" => None,
        None => return Err(Refusal::missing("the prescription's id", record)),
    };
    let item = part(record, "pertinentLineItemRef").and_then(guid);
    let cancels = name == "CancellationRequest";
    let target = record.path(&["recordTarget", "Patient"]);
    if cancels && target.is_none() {
        return Err(Refusal::missing("the patient", record));
    }
    let long = [
        "pertinentOriginalPrescriptionRef",
        "priorOriginalPrescriptionRef",
        "priorPrescriptionReleaseResponseRef",
    ]
    .iter()
    .find_map(|name| part(record, name).and_then(guid));
    let key = match (guid(record), short) {
        (Some((id, _)), _) => id,
        (None, Some(short)) => format!("{name}|{}", short.text.trim()),
        _ => return Err(Refusal::missing("an id", record)),
    };
    c.begin(&key);
    let patient = target.map(|t| people::patient(c, t, &key));
    let agents: Vec<Element<'_>> = ["author", "responsibleParty"]
        .iter()
        .filter_map(|name| record.path(&[name, "AgentPerson"]))
        .collect();
    let roles = People::default().roles(c, &agents);
    let reason = REASONS.iter().find_map(|name| part(record, name));
    let ids = short.map(|short| Ids { long, short });
    let asked = Asked { record, item, patient: patient.as_ref(), roles: &roles, reason, ids: ids.as_ref() };
    c.resource("Task", &key, |w| asked.write(w));
    Ok(None)
}

struct Asked<'r, 'd> {
    record: Element<'d>,
    item: Option<(String, Leaf<'d>)>,
    patient: Option<&'r Ref>,
    roles: &'r [Ref],
    reason: Option<Element<'d>>,
    ids: Option<&'r Ids<'d>>,
}

impl Asked<'_, '_> {
    fn write(&self, w: &mut Writer) {
        let (code, words, status) = kind(self.record.name());
        let reason = self.reason.and_then(|r| r.child("value"));
        let contained = self.patient.is_some() && self.item.is_some();
        w.array("contained", |w| {
            if let (true, Some(patient)) = (contained, self.patient) {
                w.element(|w| self.order(w, patient));
            }
        });
        w.array("identifier", |w| {
            w.element(|w| guid_identifier(w, "https://tools.ietf.org/html/rfc4122", guid(self.record)));
        });
        if let Some(ids) = self.ids {
            let short = ids.short;
            w.object("groupIdentifier", |w| identifier_body(w, ORDER_NUMBER, short.text.trim(), short));
        }
        let answer = reason.and_then(|r| r.attribute("code")).filter(|_| code == "cancel-response");
        match answer {
            Some(answer) if !CANCELLED.contains(&answer.text.trim()) => {
                w.string("status", "rejected", answer)
            }
            Some(answer) => w.string("status", status, answer),
            None => w.fixed("status", status),
        }
        if !self.cancels() {
            w.object("statusReason", |w| self.reason_body(w));
        }
        w.fixed("intent", "order");
        w.object("code", |w| {
            w.array("coding", |w| {
                w.element(|w| {
                    w.fixed("system", "https://fhir.causeway.example/CodeSystem/eps-request");
                    w.fixed("code", code);
                });
            });
            w.fixed("text", words);
        });
        w.object("focus", |w| {
            if contained {
                w.fixed("reference", "#order");
            } else if self.item.is_some() {
                w.fixed("type", "MedicationRequest");
                w.object("identifier", |w| guid_identifier(w, ORDER_ITEM, self.item.clone()));
            }
        });
        if let Some(patient) = self.patient {
            w.reference("for", patient, ());
        }
        date_time(w, "authoredOn", self.record.child("effectiveTime"));
        if let Some(role) = self.roles.first() {
            w.reference("requester", role, ());
        }
        if self.cancels() {
            w.object("reasonCode", |w| self.reason_body(w));
        }
        w.array("input", |w| {
            if let Some(long) = self.ids.and_then(|ids| ids.long.clone()) {
                w.element(|w| {
                    w.object("type", |w| w.fixed("text", "prescription"));
                    w.object("valueIdentifier", |w| {
                        guid_identifier(w, crate::codes::PRESCRIPTION, Some(long))
                    });
                });
            }
            if let Some(other) = self.roles.get(1).filter(|r| self.roles.first() != Some(r)) {
                w.element(|w| {
                    w.object("type", |w| w.fixed("text", "responsible party"));
                    w.reference("valueReference", other, ());
                });
            }
        });
    }

    fn cancels(&self) -> bool {
        self.record.name() == "CancellationRequest"
    }

    fn reason_body(&self, w: &mut Writer) {
        let Some(reason) = self.reason else { return };
        if let Some(code) = reason.child("value") {
            w.array("coding", |w| {
                w.element(|w| crate::write::coding_body(w, code));
            });
        }
        w.leaf_opt("text", reason.child("text").and_then(Element::text).filter(|t| !t.is_blank()));
    }

    /// The item as the request wants it. It stands within the Task, so that it does not replace the order before the
    /// Spine has answered.
    fn order(&self, w: &mut Writer, patient: &Ref) {
        w.fixed("resourceType", "MedicationRequest");
        w.fixed("id", "order");
        w.array("identifier", |w| {
            w.element(|w| guid_identifier(w, ORDER_ITEM, self.item.clone()));
        });
        w.fixed("status", if self.cancels() { "cancelled" } else { "unknown" });
        if self.cancels() {
            let reason = self.reason.and_then(|r| r.child("value"));
            concept(w, "statusReason", reason);
        }
        w.fixed("intent", "order");
        w.object("medicationCodeableConcept", |w| w.fixed("text", "the item that the identifier names"));
        w.reference("subject", patient, ());
        if let Some(role) = self.roles.first() {
            w.reference("requester", role, ());
        }
        if let Some(ids) = self.ids {
            ids.group(w, "groupIdentifier");
        }
    }
}
