//! A prescription: one MedicationRequest for each item, and what the patient is told with it.

use causeway_adapter::Composer;
use causeway_core::{ItemId, Leaf};
use causeway_fhir::types::{Coding, extension, identifier_body, ukcore_extension};
use causeway_fhir::{Ref, Writer};
use causeway_xml::Element;

use crate::codes::{NHS_EXTENSION, ORDER_ITEM, ORDER_NUMBER, PRESCRIPTION, TREATMENT};
use crate::instructions::{self, Instructions};
use crate::limits::LISTED_MAX;
use crate::people::{self, People};
use crate::refusal::Refusal;
use crate::rules;
use crate::write::{
    coding_extension, concept, date_time, guid, guid_identifier, moment, part, parts, quantity, repeats,
    value,
};
use causeway_core::prescription::is_prescription_id;

/// The ids of a prescription.
#[derive(Clone, Debug)]
pub(crate) struct Ids<'d> {
    /// Long form: a GUID.
    pub long: Option<(String, Leaf<'d>)>,
    /// Short form.
    pub short: Leaf<'d>,
}

impl<'d> Ids<'d> {
    /// Of an element that carries the short form (`id` of a prescription, `value` of a reference to one).
    pub(crate) fn check(element: Element<'d>) -> Result<Leaf<'d>, Refusal> {
        let Some(short) = element.attribute("extension").filter(|l| !l.is_blank()) else {
            return Err(Refusal::missing("the prescription's id", element));
        };
        if !is_prescription_id(short.text.trim()) {
            return Err(Refusal { issue: rules::PRESCRIPTION_ID.issue(), at: Some(short.id) });
        }
        Ok(short)
    }

    /// `groupIdentifier`: the short form, and the long one as NHS Digital's extension.
    pub(crate) fn group(&self, w: &mut Writer, key: &str) {
        w.object(key, |w| {
            w.array("extension", |w| {
                if let Some((long, leaf)) = &self.long {
                    extension(w, &format!("{NHS_EXTENSION}DM-PrescriptionId"), |w| {
                        w.object("valueIdentifier", |w| identifier_body(w, PRESCRIPTION, long, *leaf));
                    });
                }
            });
            identifier_body(w, ORDER_NUMBER, self.short.text.trim(), self.short);
        });
    }
}

/// What all items of a prescription share.
struct Shared<'r, 'd> {
    act: Element<'d>,
    ids: &'r Ids<'d>,
    patient: &'r Ref,
    author: Option<&'r Ref>,
    responsible: Option<&'r Ref>,
}

/// Translates a prescription; the nominated dispenser's code.
pub(crate) fn translate(c: &mut Composer<'_>, record: Element<'_>) -> Result<Option<String>, Refusal> {
    let act =
        part(record, "pertinentPrescription").ok_or_else(|| Refusal::missing("the prescription", record))?;
    let target =
        record.path(&["recordTarget", "Patient"]).ok_or_else(|| Refusal::missing("the patient", record))?;
    let id = act.children_named("id").find(|id| id.attribute("extension").is_some());
    let short = Ids::check(id.ok_or_else(|| Refusal::missing("the prescription's id", act))?)?;
    let ids = Ids { long: guid(act), short };
    let items: Vec<Element<'_>> = parts(act, "pertinentLineItem").collect();
    if items.is_empty() {
        return Err(Refusal::missing("an item", act));
    }
    for item in &items {
        if item.path(&PRODUCT).is_none() {
            return Err(Refusal::missing("the medicine of an item", *item));
        }
    }
    let key = ids.long.as_ref().map_or_else(|| short.text.trim().to_owned(), |(long, _)| long.clone());
    c.begin(&key);
    let patient = people::patient(c, target, &key);
    let mut people = People::default();
    let agents: Vec<Element<'_>> =
        ["author", "responsibleParty"].iter().filter_map(|name| act.path(&[name, "AgentPerson"])).collect();
    let roles = people.roles(c, &agents);
    let responsible = roles.get(1).filter(|second| roles.first() != Some(second));
    let shared = Shared { act, ids: &ids, patient: &patient, author: roles.first(), responsible };
    for (number, item) in items.iter().enumerate() {
        self::item(c, &shared, *item, &format!("{key}|{number}"));
    }
    let performer = act.path(&["performer", "AgentOrgSDS", "agentOrganizationSDS", "id"]);
    Ok(performer
        .and_then(|id| id.attribute("extension"))
        .map(|l| l.text.trim().to_owned())
        .filter(|t| !t.is_empty()))
}

const PRODUCT: [&str; 4] = ["product", "manufacturedProduct", "manufacturedRequestedMaterial", "code"];

fn item(c: &mut Composer<'_>, shared: &Shared<'_, '_>, item: Element<'_>, place: &str) {
    let key = guid(item).map_or_else(|| place.to_owned(), |(id, _)| id);
    let said =
        value(item, "pertinentAdditionalInstructions").and_then(Element::text).filter(|t| !t.is_blank());
    let read = said.map(|leaf| (leaf, instructions::read(leaf.text)));
    let told = match &read {
        Some((leaf, Some(found))) => Some((*leaf, found)),
        _ => None,
    };
    let act = shared.act;
    c.resource("MedicationRequest", &key, |w| {
        w.array("extension", |w| {
            coding_extension(w, "DM-PrescriptionType", value(act, "pertinentPrescriptionType"));
            people::responsible(w, shared.responsible);
            let review = value(act, "pertinentReviewDate");
            if let Some(date) = moment(w, review) {
                w.element(|w| {
                    w.array("extension", |w| {
                        extension(w, "authorisationExpiryDate", |w| {
                            w.date_time("valueDateTime", &date.when, date.leaf)
                        });
                    });
                    w.fixed("url", &ukcore_extension("MedicationRepeatInformation"));
                });
            }
            // Which issue it is, where it is not the first.
            let numbered = [item, act].into_iter().find(|e| repeats(*e).is_some());
            match numbered.and_then(|e| Some((e, repeats(e)?.0?))) {
                Some((_, (0, low))) => w.mapped(low),
                Some((numbered, _)) => crate::write::repeat_information(w, numbered),
                None => {}
            }
            for endorsement in parts(item, "pertinentPrescriberEndorsement").filter_map(|e| e.child("value"))
            {
                extension(w, &format!("{NHS_EXTENSION}DM-PrescriptionEndorsement"), |w| {
                    concept(w, "valueCodeableConcept", Some(endorsement));
                });
            }
            if let Some((leaf, words)) = told.and_then(|(leaf, t)| Some((leaf, t.quantity_words?))) {
                w.element(|w| {
                    w.array("extension", |w| {
                        extension(w, "quantityWords", |w| w.string("valueString", words, leaf));
                    });
                    w.fixed("url", &format!("{NHS_EXTENSION}DM-ControlledDrug"));
                });
            }
        });
        w.array("identifier", |w| {
            w.element(|w| guid_identifier(w, ORDER_ITEM, guid(item)));
        });
        w.fixed("status", "active");
        let repeating = repeats(item).is_some() || repeats(act).is_some();
        let treatment = value(act, "pertinentPrescriptionTreatmentType").and_then(|v| v.attribute("code"));
        let intent = match treatment.map(|t| t.text.trim()) {
            Some("0003") => "original-order",
            // An issue of a repeat prescription that says which of how many it is.
            Some("0002") if repeating => "instance-order",
            _ => "order",
        };
        w.string("intent", intent, treatment);
        category(w, value(act, "pertinentPrescriptionType").and_then(|v| v.attribute("code")));
        concept(w, "medicationCodeableConcept", item.path(&PRODUCT));
        w.reference("subject", shared.patient, ());
        let time = act.path(&["author", "time"]);
        date_time(w, "authoredOn", time);
        if let Some(author) = shared.author {
            w.reference("requester", author, ());
        }
        shared.ids.group(w, "groupIdentifier");
        if let Some(code) = treatment {
            match TREATMENT.lookup(code.text.trim()) {
                Some(target) => {
                    let coding = Coding::new(target.system, target.code, target.display);
                    causeway_fhir::types::concept(w, "courseOfTherapyType", coding, code);
                }
                None => {
                    w.object("courseOfTherapyType", |w| w.leaf("text", code));
                    w.issue(Some(code.id), rules::TREATMENT_UNKNOWN.issue());
                }
            }
        }
        notes(w, read.as_ref());
        w.array("dosageInstruction", |w| {
            for dosage in parts(item, "pertinentDosageInstructions").filter_map(|d| d.child("value")?.text())
            {
                w.element(|w| w.leaf("text", dosage));
            }
        });
        dispense_request(w, shared, item);
        // UK Core requires it; the message says nothing of it.
        w.object("substitution", |w| {
            w.object("allowedCodeableConcept", |w| w.fixed("text", "not stated"));
        });
    });
    if let Some((leaf, found)) = told {
        communication(c, shared, (leaf, found), &key);
    }
}

/// Notes of the prescriber to the dispenser: what of the instructions is for nobody else.
fn notes(w: &mut Writer, read: Option<&(Leaf<'_>, Option<Instructions<'_>>)>) {
    let Some((leaf, found)) = read else { return };
    w.array("note", |w| match found {
        Some(found) if !found.notes.is_empty() => {
            w.element(|w| w.string("text", &found.notes.join("\n"), *leaf));
        }
        Some(_) => {}
        None => {
            w.element(|w| w.leaf("text", *leaf));
            w.issue(Some(leaf.id), rules::LISTED_TOO_MANY.with(&LISTED_MAX.to_string()));
        }
    });
}

/// Where the medicine is to be taken, which the type of the prescription says: 01 and 10 are NHS Digital's primary care
/// and outpatient community prescribers.
fn category(w: &mut Writer, kind: Option<Leaf<'_>>) {
    let Some(kind) = kind else { return };
    let (code, display) = match kind.text.trim().get(..2) {
        Some("01") => ("community", "Community"),
        Some("10") => ("outpatient", "Outpatient"),
        _ => return,
    };
    w.array("category", |w| {
        let system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
        causeway_fhir::types::concept_element(w, Coding::new(system, code, display), kind);
    });
}

fn dispense_request(w: &mut Writer, shared: &Shared<'_, '_>, item: Element<'_>) {
    let act = shared.act;
    w.object("dispenseRequest", |w| {
        w.array("extension", |w| {
            coding_extension(w, "DM-PerformerSiteType", value(act, "pertinentDispensingSitePreference"));
        });
        let supply = part(act, "daysSupply");
        w.object("validityPeriod", |w| {
            let effective = supply.and_then(|s| s.child("effectiveTime"));
            let start = moment(w, effective.and_then(|e| e.child("low")));
            if let Some(start) = start {
                w.date_time("start", &start.when, start.leaf);
            }
            if let Some(end) = moment(w, effective.and_then(|e| e.child("high")))
                && !causeway_fhir::types::left_out_end(
                    w,
                    start.map(|s| s.when).as_ref(),
                    &end.when,
                    &end.leaf,
                )
            {
                w.date_time("end", &end.when, end.leaf);
            }
        });
        if let Some((_, high)) = repeats(item).or_else(|| repeats(act)) {
            w.number("numberOfRepeatsAllowed", &high.0.to_string(), high.1);
        }
        quantity(w, "quantity", item.path(&["component", "lineItemQuantity", "quantity"]));
        let width = supply.and_then(|s| s.path(&["expectedUseTime", "width"]));
        if let Some((days, leaf)) = width
            .and_then(|x| x.attribute("value"))
            .and_then(|l| Some((l.text.trim().parse::<u32>().ok()?, l)))
            && let Some(unit) = width.and_then(|x| x.attribute("unit")).filter(|u| u.text.trim() == "d")
        {
            w.object("expectedSupplyDuration", |w| {
                w.number("value", &days.to_string(), leaf);
                w.string("unit", "day", unit);
                w.fixed("system", causeway_fhir::systems::UCUM);
                w.fixed("code", "d");
            });
        } else if let Some(leaf) = width.and_then(|x| x.attribute("unit").or(x.attribute("value"))) {
            w.issue(Some(leaf.id), rules::SUPPLY_DURATION.issue());
        }
        people::by_code(w, "performer", act.path(&["performer", "AgentOrgSDS", "agentOrganizationSDS"]));
    });
}

/// What the patient is told with the medicine, and the list of medicines that they may order again.
fn communication(
    c: &mut Composer<'_>,
    shared: &Shared<'_, '_>,
    (leaf, told): (Leaf<'_>, &Instructions<'_>),
    key: &str,
) {
    let patient = shared.patient;
    let from: ItemId = leaf.id;
    let list = (!told.medicines.is_empty()).then(|| {
        c.resource("List", key, |w| {
            w.fixed("status", "current");
            w.fixed("mode", "snapshot");
            w.object("code", |w| w.fixed("text", "Repeat Medications"));
            w.reference("subject", patient, ());
            w.array("entry", |w| {
                for medicine in &told.medicines {
                    w.element(|w| {
                        w.object("item", |w| w.string("display", medicine, from));
                    });
                }
            });
        })
    });
    if list.is_none() && told.patient.is_empty() {
        return;
    }
    c.resource("CommunicationRequest", key, |w| {
        w.fixed("status", "unknown");
        w.reference("subject", patient, ());
        w.array("payload", |w| {
            for words in &told.patient {
                w.element(|w| w.string("contentString", words, from));
            }
            if let Some(list) = &list {
                w.element(|w| w.reference("contentReference", list, ()));
            }
        });
        if let Some(author) = shared.author {
            w.reference("requester", author, ());
        }
        w.array("recipient", |w| w.reference_element(patient, ()));
    });
}
