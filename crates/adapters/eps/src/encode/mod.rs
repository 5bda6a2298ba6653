//! FHIR R4 as a prescription order (`ParentPrescription`): the record that a prescriber signs. The wrapper that carries it over
//! the Spine names the two systems, which a bundle doesn't know, and is put around it where it is sent.
//!
//! A prescription is written whole or not at all: each item has to be read again in its sense. What else is not told is found by
//! reading the order again ([`causeway_adapter::read_back`]). Sources: HL7 v3 PORX_MT132004UK31; NHS Digital's EPS FHIR API.

mod item;
mod parts;
mod people;

use std::collections::HashSet;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::prescription::is_prescription_id;
use causeway_core::{Issue, NhsNumber};
use causeway_fhir::systems;
use causeway_fhir::types::ukcore_extension;
use causeway_hl7v3::build::{Tag, list, text};
use serde_json::Value;
use uuid::Uuid;

use self::item::{days_supply, repeats};
use self::parts::{act, coded, extension, ods_id, of_nhs, resources, said, snomed, template, upper, utc};
use crate::codes::{ORDER_NUMBER, PRESCRIPTION, TREATMENT};
use crate::{Eps, rules};

/// Items of one prescription. Source: EPS, dispensing messages.
const ITEMS_MAX: usize = 4;
/// Codes of treatment types.
const ACUTE: &str = "0001";
const REPEAT_DISPENSING: &str = "0003";

/// What of a bundle belongs to the order.
struct Order<'b> {
    bundle: &'b Value,
    patient: &'b Value,
    items: Vec<&'b Value>,
    /// Whether it has acute items and repeat items. The Spine knows such a prescription as acute.
    mixed: bool,
}

/// Writes a bundle as one prescription order.
///
/// # Errors
/// Where it is no prescription of one patient with its id, type and prescriber, or can't be said whole.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let order = Order::of(bundle)?;
    let bytes = order.write(context)?.xml().into_bytes();
    let again = translate(&Eps, &bytes, &Context { explain: false, ..context.clone() });
    let read: Vec<Value> =
        again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
    if again.unreadable || read.len() != 1 {
        return Err(rules::WRITE_UNREADABLE.issue());
    }
    let found = read_back::compare(bundle, &read);
    let turned = match order.mixed {
        true => read_back::compare(&order.as_acute(), &read).turned,
        false => found.turned.clone(),
    };
    let numbers: HashSet<usize> = list(bundle, "entry")
        .iter()
        .enumerate()
        .filter(|(_, e)| order.items.iter().any(|item| std::ptr::eq(*item, &e["resource"])))
        .map(|(n, _)| n)
        .collect();
    if turned.iter().any(|n| numbers.contains(n)) {
        return Err(rules::WRITE_SENSE.issue());
    }
    Ok(Encoded { bytes, media_type: "application/xml", left_behind: found.issues(Eps.format().title) })
}

impl<'b> Order<'b> {
    /// # Errors
    /// Where the bundle holds no order, or not one.
    fn of(bundle: &'b Value) -> Result<Self, Issue> {
        let missing = |what: &str| rules::WRITE_MISSING.with(what);
        let mut patients = resources(bundle, "Patient");
        let (Some(patient), None) = (patients.next(), patients.next()) else {
            return Err(missing("exactly one patient"));
        };
        let own = list(patient, "identifier").iter().find(|i| i["system"] == systems::NHS_NUMBER);
        if own.is_none_or(|i| NhsNumber::parse(text(i, "value")).is_err()) {
            return Err(missing("the patient's NHS number"));
        }
        let is_order = |r: &&Value| {
            matches!(text(r, "intent"), "order" | "original-order" | "instance-order")
                && r["status"] == "active"
        };
        let all: Vec<&Value> =
            resources(bundle, "MedicationRequest").filter(|r| r["groupIdentifier"].is_object()).collect();
        if all.iter().any(|r| !is_order(r) || r["doNotPerform"] == true) {
            return Err(rules::WRITE_SENSE.issue());
        }
        let Some(first) = all.first() else { return Err(missing("an item with the prescription's id")) };
        let short = text(&first["groupIdentifier"], "value");
        if first["groupIdentifier"]["system"] != *ORDER_NUMBER || !is_prescription_id(short) {
            return Err(rules::PRESCRIPTION_ID.issue());
        }
        let same = |name: &str| all.iter().all(|r| r[name] == first[name]);
        let is = |r: &Value, course: &str| {
            list(&r["courseOfTherapyType"], "coding").iter().any(|c| c["code"] == *course)
        };
        let mixed = !same("courseOfTherapyType") && all.iter().all(|r| is(r, "acute") || is(r, "continuous"));
        if !["groupIdentifier", "requester", "authoredOn"].iter().all(|name| same(name))
            || !(mixed || same("courseOfTherapyType"))
        {
            return Err(rules::WRITE_SEVERAL.issue());
        }
        if all.len() > ITEMS_MAX {
            return Err(rules::WRITE_ITEMS.with(&ITEMS_MAX.to_string()));
        }
        Ok(Self { bundle, patient, items: all, mixed })
    }

    /// The bundle as an acute prescription tells it: which of its items are repeats is not said.
    fn as_acute(&self) -> Value {
        let mut stated = self.bundle.clone();
        for entry in stated["entry"].as_array_mut().into_iter().flatten() {
            let resource = &mut entry["resource"];
            if resource["resourceType"] == "MedicationRequest" && resource["intent"].is_string() {
                resource["intent"] = Value::from("order");
            }
        }
        stated
    }

    /// The resource that a reference leads to.
    fn find(&self, reference: &Value) -> Option<&'b Value> {
        let to = reference["reference"].as_str()?;
        let found = list(self.bundle, "entry").iter().find(|e| {
            let r = &e["resource"];
            e["fullUrl"] == *to
                || to.split_once('/').is_some_and(|(kind, id)| r["resourceType"] == *kind && r["id"] == *id)
        });
        found.map(|e| &e["resource"])
    }

    /// When it was written: as the item says, else when the prescriber signed it.
    fn written(&self, item: &'b Value) -> Option<&'b str> {
        let signed = || resources(self.bundle, "Provenance").find_map(|p| p["signature"][0]["when"].as_str());
        item["authoredOn"].as_str().or_else(signed)
    }

    /// # Errors
    /// What a prescription can't do without.
    fn write(&self, context: &Context) -> Result<Tag, Issue> {
        let missing = |what: &str| rules::WRITE_MISSING.with(what);
        let first = self.items.first().copied().unwrap_or(&Value::Null);
        let group = &first["groupIdentifier"];
        let own = |name: &str| {
            let key = [&context.sender.code, "|eps|", name, "|", text(group, "value")].concat();
            upper(&Uuid::new_v5(&context.namespace, key.as_bytes()).hyphenated().to_string())
        };
        let long = of_nhs(group, "DM-PrescriptionId").map(|e| &e["valueIdentifier"]);
        let long = long.filter(|i| i["system"] == *PRESCRIPTION).map(|i| upper(text(i, "value")));
        let course = list(&first["courseOfTherapyType"], "coding");
        let kinds = TREATMENT.codes().find(|(_, target)| course.iter().any(|c| c["code"] == *target.code));
        let treatment = kinds.map(|(treatment, _)| if self.mixed { ACUTE } else { treatment });
        let treatment =
            treatment.ok_or_else(|| missing("the kind of treatment (acute, repeat, repeat dispensing)"))?;
        let kind = of_nhs(first, "DM-PrescriptionType").and_then(|e| coded("value", &e["valueCoding"]));
        let kind = kind.ok_or_else(|| missing("the type of prescription"))?;
        let author = self.agent(&first["requester"], 0).ok_or_else(|| missing("the prescriber"))?;
        let responsible = of_nhs(first, "DM-ResponsiblePractitioner");
        let responsible = match responsible {
            Some(other) => self.agent(&other["valueReference"], 0),
            None => self.agent(&first["requester"], 1),
        };
        let written = self.written(first).ok_or_else(|| missing("when it was written"))?;
        let signed = utc("time", written).ok_or_else(|| missing("when it was written"))?;
        // Only what is dispensed again and again says how long a supply lasts.
        let lasts =
            (treatment == REPEAT_DISPENSING).then(|| days_supply(&first["dispenseRequest"])).flatten();
        let repeating = treatment != ACUTE;
        let dispenser = &first["dispenseRequest"]["performer"]["identifier"];
        let dispenser = (dispenser["system"] == systems::ODS_ORGANISATION).then(|| {
            let agent =
                Tag::new("agentOrganizationSDS").with("classCode", "ORG").with("determinerCode", "INSTANCE");
            let agent = Tag::new("AgentOrgSDS")
                .with("classCode", "AGNT")
                .child(agent.child(ods_id(text(dispenser, "value"))));
            Tag::new("performer").with("typeCode", "PRF").with("contextControlCode", "OP").child(agent)
        });
        let review = extension(first, &ukcore_extension("MedicationRepeatInformation"))
            .and_then(|e| extension(e, "authorisationExpiryDate"))
            .and_then(|e| utc("value", text(e, "valueDateTime")));
        let site = of_nhs(&first["dispenseRequest"], "DM-PerformerSiteType");
        let site = site.and_then(|e| coded("value", &e["valueCoding"]));
        let items: Vec<(String, Tag)> = self
            .items
            .iter()
            .enumerate()
            .map(|(n, item)| self.item(item, (n, repeating), &own))
            .collect::<Result<_, _>>()?;
        let part =
            |name: &str, typed: &str| Tag::new(name).with("typeCode", typed).with("contextControlCode", "OP");
        let prescription = act("pertinentPrescription", "SBADM", "RQO")
            .child(Tag::new("id").with("root", &long.unwrap_or_else(|| own("prescription"))))
            .child(
                Tag::new("id")
                    .with("root", "2.16.840.1.113883.2.1.3.2.4.18.8")
                    .with("extension", text(group, "value")),
            )
            .child(snomed("225426007", "Administration of therapeutic substance (procedure)"))
            .child(Tag::new("effectiveTime").with("nullFlavor", "NA"))
            .children(repeating.then(|| repeats(first)).flatten())
            .children(dispenser)
            .child(
                part("author", "AUT")
                    .child(signed)
                    .child(Tag::new("signatureText").with("nullFlavor", "NA"))
                    .child(author),
            )
            .children(responsible.map(|agent| part("responsibleParty", "RESP").child(agent)))
            .children(lasts)
            .children(review.map(|value| said("pertinentInformation7", "pertinentReviewDate", "RD", value)))
            .child(said(
                "pertinentInformation5",
                "pertinentPrescriptionTreatmentType",
                "PTT",
                Tag::new("value")
                    .with("code", treatment)
                    .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.16.36"),
            ))
            .children(
                site.map(|v| said("pertinentInformation1", "pertinentDispensingSitePreference", "DSP", v)),
            )
            .children(items.iter().map(|(_, item)| item.clone()))
            .child(said(
                "pertinentInformation8",
                "pertinentTokenIssued",
                "TI",
                Tag::new("value").with("value", "false"),
            ))
            .child(said("pertinentInformation4", "pertinentPrescriptionType", "PT", kind));
        let refs = items.iter().map(|(id, _)| {
            let to = act("actRef", "SBADM", "RQO").child(Tag::new("id").with("root", id));
            Tag::new("component").with("typeCode", "COMP").child(to)
        });
        let category = act("pertinentCareRecordElementCategory", "CATEGORY", "EVN")
            .child(snomed("185361000000102", "Medication - care record element (record artifact)"))
            .children(refs);
        Ok(act("ParentPrescription", "INFO", "EVN")
            .with("xmlns", "urn:hl7-org:v3")
            .child(Tag::new("id").with("root", &own("message")))
            .child(snomed("163501000000109", "Prescription - FocusActOrEvent (record artifact)"))
            .children(utc("effectiveTime", written))
            .child(
                Tag::new("typeId")
                    .with("root", "2.16.840.1.113883.2.1.3.2.4.18.7")
                    .with("extension", "PORX_MT132004UK31"),
            )
            .child(Tag::new("recordTarget").with("typeCode", "RCT").child(self.person()))
            .child(
                Tag::new("pertinentInformation1")
                    .with("typeCode", "PERT")
                    .with("contextConductionInd", "true")
                    .child(template("pertinentInformation"))
                    .child(prescription),
            )
            .child(
                Tag::new("pertinentInformation2")
                    .with("typeCode", "PERT")
                    .child(template("pertinentInformation1"))
                    .child(category),
            ))
    }
}
