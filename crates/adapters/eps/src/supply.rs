//! What a dispenser supplied: dispense notifications and claims.

use causeway_adapter::Composer;
use causeway_fhir::types::{Coding, extension, identifier_body};
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v3::code::negated;
use causeway_xml::Element;

use crate::codes::{DISPENSE_ITEM, ITEM_STATUS, NHS_CODES, NHS_EXTENSION, ORDER_ITEM};
use crate::people::{self, People};
use crate::prescription::Ids;
use crate::refusal::Refusal;
use crate::rules;
use crate::write::{
    coding_body, coding_extension, concept, concept_body, date_time, guid, guid_identifier, part, parts,
    quantity, repeat_information, value,
};

const MATERIAL: [&str; 4] =
    ["product", "suppliedManufacturedProduct", "manufacturedSuppliedMaterial", "code"];
const REQUESTED: [&str; 4] =
    ["consumable", "requestedManufacturedProduct", "manufacturedRequestedMaterial", "code"];

/// What notification and claim have alike.
struct Supply<'d> {
    record: Element<'d>,
    header: Element<'d>,
    items: Vec<Element<'d>>,
    ids: Ids<'d>,
    patient: Option<Element<'d>>,
    agents: Vec<Element<'d>>,
}

fn read<'d>(record: Element<'d>) -> Result<Supply<'d>, Refusal> {
    let header =
        part(record, "pertinentSupplyHeader").ok_or_else(|| Refusal::missing("what was supplied", record))?;
    let id = value(header, "pertinentPrescriptionID")
        .ok_or_else(|| Refusal::missing("the prescription's id", header))?;
    let short = Ids::check(id)?;
    let long = part(header, "priorOriginalPrescriptionRef").and_then(guid);
    let items: Vec<Element<'d>> = parts(header, "pertinentSuppliedLineItem").collect();
    if items.is_empty() {
        return Err(Refusal::missing("an item", header));
    }
    let agents =
        ["author", "legalAuthenticator"].iter().filter_map(|name| header.path(&[name, "AgentPerson"]));
    Ok(Supply {
        record,
        header,
        items,
        ids: Ids { long, short },
        patient: record
            .path(&["recordTarget", "Patient"])
            .or_else(|| record.path(&["recordTarget", "patient"])),
        agents: agents.collect(),
    })
}

impl<'d> Supply<'d> {
    fn key(&self) -> String {
        guid(self.record).map_or_else(|| self.ids.short.text.trim().to_owned(), |(id, _)| id)
    }

    /// What names the record, and whom it is for.
    fn carried(&self, c: &mut Composer<'_>) {
        let to = self.record.path(&["primaryInformationRecipient", "AgentOrg", "agentOrganization", "id"]);
        let own = guid(self.record).map(|(_, leaf)| leaf);
        let w = c.writer();
        w.decides(own, "the ids of what the message makes");
        w.decides(to.and_then(|id| id.attribute("extension")), "for whom the bundle is");
    }

    fn recipient(&self) -> Option<String> {
        let id = self.record.path(&["primaryInformationRecipient", "AgentOrg", "agentOrganization", "id"])?;
        Some(id.attribute("extension")?.text.trim().to_owned()).filter(|t| !t.is_empty())
    }
}

/// Translates a dispense notification: one MedicationDispense for each quantity supplied.
pub(crate) fn notification(c: &mut Composer<'_>, record: Element<'_>) -> Result<Option<String>, Refusal> {
    let supply = read(record)?;
    let target = supply.patient.ok_or_else(|| Refusal::missing("the patient", record))?;
    let key = supply.key();
    c.begin(&key);
    supply.carried(c);
    let patient = people::patient(c, target, &key);
    let roles = People::default().roles(c, &supply.agents);
    for (number, item) in supply.items.iter().enumerate() {
        let quantities: Vec<Option<Element<'_>>> =
            match parts(*item, "suppliedLineItemQuantity").map(Some).collect::<Vec<_>>() {
                found if found.is_empty() => vec![None],
                found => found,
            };
        for (part, supplied) in quantities.into_iter().enumerate() {
            let own = guid(*item).map_or_else(|| format!("{key}|{number}"), |(id, _)| id);
            let own = if part == 0 { own } else { format!("{own}|{part}") };
            dispense(c, &supply, (*item, supplied), (&patient, roles.first()), &own);
        }
    }
    Ok(supply.recipient())
}

fn dispense(
    c: &mut Composer<'_>,
    supply: &Supply<'_>,
    (item, supplied): (Element<'_>, Option<Element<'_>>),
    (patient, performer): (&Ref, Option<&Ref>),
    key: &str,
) {
    c.resource("MedicationDispense", key, |w| {
        w.array("contained", |w| {
            w.element(|w| order(w, supply, item, patient));
        });
        w.array("extension", |w| {
            coding_extension(
                w,
                "EPS-TaskBusinessStatus",
                value(supply.header, "pertinentPrescriptionStatus"),
            );
            repeat_information(w, item);
        });
        w.array("identifier", |w| {
            w.element(|w| guid_identifier(w, DISPENSE_ITEM, guid(item)));
        });
        let state = value(item, "pertinentItemStatus");
        status(w, state);
        concept(w, "statusReasonCodeableConcept", value(item, "pertinentNonDispensingReason"));
        let medicine = supplied.and_then(|s| s.path(&MATERIAL)).or_else(|| item.path(&REQUESTED));
        if !concept(w, "medicationCodeableConcept", medicine) {
            w.object("medicationCodeableConcept", |w| w.fixed("text", "not stated"));
        }
        w.reference("subject", patient, ());
        w.array("performer", |w| {
            if let Some(performer) = performer {
                w.element(|w| w.reference("actor", performer, ()));
            }
        });
        w.array("authorizingPrescription", |w| {
            w.element(|w| w.fixed("reference", "#order"));
        });
        concept(w, "type", state);
        quantity(w, "quantity", supplied.and_then(|s| s.child("quantity")));
        date_time(w, "whenHandedOver", supply.record.child("effectiveTime"));
        w.array("dosageInstruction", |w| {
            let told = supplied.and_then(|s| value(s, "pertinentSupplyInstructions"));
            if let Some(text) = told.and_then(Element::text) {
                w.element(|w| w.leaf("text", text));
            }
        });
    });
}

fn status(w: &mut Writer, state: Option<Element<'_>>) {
    let code = state.and_then(|s| s.attribute("code")).filter(|c| !c.is_blank());
    match code.map(|code| (code, ITEM_STATUS.lookup(code.text.trim()))) {
        Some((code, Some(target))) => w.string("status", target.code, code),
        Some((code, None)) => {
            w.fixed("status", "unknown");
            w.issue(Some(code.id), rules::CODE_UNKNOWN.issue());
        }
        None => w.fixed("status", "unknown"),
    }
}

/// What of the order the notification repeats. It stands within the dispense, so that it is not taken for the order.
fn order(w: &mut Writer, supply: &Supply<'_>, item: Element<'_>, patient: &Ref) {
    w.fixed("resourceType", "MedicationRequest");
    w.fixed("id", "order");
    w.array("identifier", |w| {
        let prior = part(item, "priorOriginalItemRef").and_then(guid);
        w.element(|w| guid_identifier(w, ORDER_ITEM, prior));
    });
    w.fixed("status", "unknown");
    w.fixed("intent", "order");
    if !concept(w, "medicationCodeableConcept", item.path(&REQUESTED)) {
        w.object("medicationCodeableConcept", |w| w.fixed("text", "not stated"));
    }
    w.reference("subject", patient, ());
    supply.ids.group(w, "groupIdentifier");
    w.object("dispenseRequest", |w| {
        quantity(w, "quantity", part(item, "supplyRequest").and_then(|s| s.child("quantity")));
    });
}

/// Translates a claim.
pub(crate) fn claim(c: &mut Composer<'_>, record: Element<'_>) -> Result<Option<String>, Refusal> {
    let supply = read(record)?;
    let key = supply.key();
    c.begin(&key);
    supply.carried(c);
    let patient = supply.patient.map(|target| people::patient(c, target, &key));
    let mut people = People::default();
    let roles = people.roles(c, &supply.agents);
    let payer = record.path(&["primaryInformationRecipient", "AgentOrg", "agentOrganization"]);
    c.resource("Claim", &key, |w| {
        w.array("identifier", |w| {
            w.element(|w| guid_identifier(w, "https://tools.ietf.org/html/rfc4122", guid(record)));
        });
        w.fixed("status", "active");
        w.object("type", |w| fixed_coding(w, "http://terminology.hl7.org/CodeSystem/claim-type", "pharmacy"));
        w.fixed("use", "claim");
        match &patient {
            Some(patient) => w.reference("patient", patient, ()),
            // A claim names the prescription and not the patient.
            None => {
                w.object("patient", |w| causeway_fhir::types::data_absent(w, "unknown", ()));
            }
        }
        let before = w.mark();
        date_time(w, "created", record.child("effectiveTime"));
        if !w.wrote_since(before) {
            w.object("_created", |w| causeway_fhir::types::data_absent(w, "unknown", ()));
        }
        match roles.first() {
            Some(role) => w.reference("provider", role, ()),
            None => {
                w.object("provider", |w| causeway_fhir::types::data_absent(w, "unknown", ()));
            }
        }
        w.object("priority", |w| {
            fixed_coding(w, "http://terminology.hl7.org/CodeSystem/processpriority", "normal")
        });
        w.object("prescription", |w| {
            w.array("extension", |w| {
                w.element(|w| {
                    w.array("extension", |w| {
                        let short = supply.ids.short;
                        extension(w, "shortForm", |w| {
                            w.object("valueIdentifier", |w| {
                                identifier_body(w, crate::codes::ORDER_NUMBER, short.text.trim(), short);
                            });
                        });
                        if let Some((long, leaf)) = &supply.ids.long {
                            extension(w, "UUID", |w| {
                                w.object("valueIdentifier", |w| {
                                    identifier_body(w, crate::codes::PRESCRIPTION, long, *leaf);
                                });
                            });
                        }
                    });
                    w.fixed("url", &format!("{NHS_EXTENSION}DM-GroupIdentifier"));
                });
            });
        });
        w.array("insurance", |w| {
            w.element(|w| {
                w.number("sequence", "1", ());
                w.boolean("focal", true, ());
                let mark = w.mark();
                w.object("coverage", |w| payer_body(w, payer));
                if !w.wrote_since(mark) {
                    w.object("coverage", |w| causeway_fhir::types::data_absent(w, "unknown", ()));
                }
            });
        });
        w.array("item", |w| {
            w.element(|w| whole(w, &supply));
        });
    });
    Ok(supply.recipient())
}

fn payer_body(w: &mut Writer, payer: Option<Element<'_>>) {
    let Some(payer) = payer else { return };
    let id = payer.child("id");
    let both =
        id.and_then(|id| Some((id.attribute("root")?, id.attribute("extension").filter(|e| !e.is_blank())?)));
    if let Some((root, value)) = both {
        w.object("identifier", |w| {
            w.string("system", &systems::of_oid(root.text.trim()), root);
            w.leaf("value", value);
        });
    }
    w.leaf_opt("display", payer.child("name").and_then(Element::text));
}

fn fixed_coding(w: &mut Writer, system: &str, code: &str) {
    w.array("coding", |w| {
        w.element(|w| Coding::new(system, code, "").body(w, ()));
    });
}

/// The prescription as one item of the claim, with its medicines as details.
fn whole(w: &mut Writer, supply: &Supply<'_>) {
    w.array("extension", |w| {
        coding_extension(w, "EPS-TaskBusinessStatus", value(supply.header, "pertinentPrescriptionStatus"));
        repeat_information(w, supply.header);
    });
    w.number("sequence", "1", ());
    w.object("productOrService", |w| fixed_coding(w, systems::SNOMED, "16076005"));
    let exempt = part(supply.record, "coveringChargeExempt");
    w.array("programCode", |w| {
        if let Some(exemption) = exempt.and_then(|e| e.child("value")) {
            w.element(|w| concept_body(w, exemption));
        }
        if let Some(evidence) = exempt.and_then(|e| e.path(&["authorization", "authorizingEvidenceSeen"])) {
            let unseen = negated(evidence);
            let code = if unseen.is_some() { "no-evidence-seen" } else { "evidence-seen" };
            let system = format!("{NHS_CODES}DM-exemption-evidence");
            w.element(|w| {
                w.array("coding", |w| {
                    w.element(|w| Coding::new(&system, code, "").body(w, evidence.attribute("negationInd")));
                });
            });
        }
    });
    w.array("detail", |w| {
        for (number, item) in (1u32..).zip(&supply.items) {
            w.element(|w| detail(w, *item, number));
        }
    });
}

/// An item, and what was supplied of it.
fn detail(w: &mut Writer, item: Element<'_>, number: u32) {
    let supplied: Vec<Element<'_>> = parts(item, "suppliedLineItemQuantity").collect();
    let first = supplied.first().copied();
    w.array("extension", |w| {
        extension(w, &format!("{NHS_EXTENSION}ClaimSequenceIdentifier"), |w| {
            w.object("valueIdentifier", |w| {
                guid_identifier(w, "https://fhir.nhs.uk/Id/claim-sequence-identifier", guid(item));
            });
        });
        extension(w, &format!("{NHS_EXTENSION}ClaimMedicationRequestReference"), |w| {
            w.object("valueReference", |w| {
                w.object("identifier", |w| {
                    guid_identifier(w, ORDER_ITEM, part(item, "priorOriginalItemRef").and_then(guid));
                });
            });
        });
        repeat_information(w, item);
    });
    w.number("sequence", &number.to_string(), ());
    let medicine = first.and_then(|s| s.path(&MATERIAL)).or_else(|| item.path(&REQUESTED));
    if !concept(w, "productOrService", medicine) {
        w.object("productOrService", |w| w.fixed("text", "not stated"));
    }
    w.array("modifier", |w| {
        for name in ["pertinentItemStatus", "pertinentNonDispensingReason"] {
            if let Some(state) = value(item, name) {
                w.element(|w| concept_body(w, state));
            }
        }
    });
    w.array("programCode", |w| {
        for supplied in &supplied {
            if let Some(paid) = value(*supplied, "pertinentChargePayment").and_then(|v| v.attribute("value"))
            {
                let code = match paid.text.trim() {
                    "true" => "paid-once",
                    "false" => "not-paid",
                    _ => {
                        w.issue(Some(paid.id), rules::CODE_UNKNOWN.issue());
                        continue;
                    }
                };
                let system = format!("{NHS_CODES}DM-prescription-charge");
                w.element(|w| {
                    w.array("coding", |w| {
                        w.element(|w| Coding::new(&system, code, "").body(w, paid));
                    });
                });
            }
            for endorsement in parts(*supplied, "pertinentDispensingEndorsement") {
                if let Some(code) = endorsement.child("value") {
                    w.element(|w| {
                        w.array("coding", |w| {
                            w.element(|w| coding_body(w, code));
                        });
                        w.leaf_opt("text", endorsement.child("text").and_then(Element::text));
                    });
                }
            }
        }
    });
    if let [one] = supplied.as_slice() {
        quantity(w, "quantity", one.child("quantity"));
    }
    w.array("subDetail", |w| {
        for (number, supplied) in (1u32..).zip(&supplied) {
            w.element(|w| {
                w.number("sequence", &number.to_string(), ());
                if !concept(w, "productOrService", supplied.path(&MATERIAL)) {
                    w.object("productOrService", |w| w.fixed("text", "not stated"));
                }
                quantity(w, "quantity", supplied.child("quantity"));
            });
        }
    });
}
