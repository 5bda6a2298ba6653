//! FHIR R4 as a prescription order (`ParentPrescription`): the record that a prescriber signs. The wrapper that carries it over
//! the Spine names the two systems, which a bundle doesn't know, and is put around it where it is sent.
//!
//! A prescription is written whole or not at all: each item has to be read again in its sense. What else is not told is found by
//! reading the order again ([`causeway_adapter::read_back`]). Sources: HL7 v3 PORX_MT132004UK31; NHS Digital's EPS FHIR API.

use std::collections::HashSet;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::{Issue, NhsNumber};
use causeway_fhir::systems;
use causeway_fhir::types::ukcore_extension;
use causeway_hl7v3::build::{Tag, address, human_name, list, telecom, text, time};
use serde_json::Value;
use uuid::Uuid;

use crate::codes::{
    NHS_EXTENSION, NMC, ODS_ROOT, ORDER_ITEM, ORDER_NUMBER, PRESCRIPTION, PROFESSIONAL, TREATMENT, oid,
};
use crate::{Eps, codes, rules};

/// Items of one prescription. Source: EPS, dispensing messages.
const ITEMS_MAX: usize = 4;
/// Codes of treatment types.
const ACUTE: &str = "0001";
const REPEAT_DISPENSING: &str = "0003";
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
/// Kinds of what is said about a prescription.
const PERTINENT: &str = "2.16.840.1.113883.2.1.3.2.4.17.30";

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

fn resources<'b>(bundle: &'b Value, kind: &'b str) -> impl Iterator<Item = &'b Value> {
    list(bundle, "entry").iter().map(|e| &e["resource"]).filter(move |r| r["resourceType"] == *kind)
}

fn extension<'v>(value: &'v Value, url: &str) -> Option<&'v Value> {
    list(value, "extension").iter().find(|e| e["url"] == *url)
}

fn of_nhs<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    extension(value, &format!("{NHS_EXTENSION}{name}"))
}

/// A code of a coding with the OID of its system.
fn coded(name: &str, coding: &Value) -> Option<Tag> {
    let (code, system) = (text(coding, "code"), oid(text(coding, "system"))?);
    let tag = Tag::new(name).with("code", code).with("codeSystem", system);
    (!code.is_empty()).then(|| tag.with("displayName", text(coding, "display")))
}

/// The first coding of a concept that can be written.
fn concept(name: &str, concept: &Value) -> Option<Tag> {
    let tag = list(concept, "coding").iter().find_map(|c| coded(name, c));
    let words = Tag::of_text("originalText", concept["text"].as_str());
    match tag {
        Some(tag) => Some(tag.children(words)),
        None => words.map(|words| Tag::new(name).with("nullFlavor", "NI").child(words)),
    }
}

fn act(name: &str, class: &str, mood: &str) -> Tag {
    Tag::new(name).with("classCode", class).with("moodCode", mood)
}

/// Something said about a prescription or an item: relation, act, kind, value.
fn said(relation: &str, name: &str, kind: &str, value: Tag) -> Tag {
    let code = Tag::new("code").with("code", kind).with("codeSystem", PERTINENT);
    Tag::new(relation)
        .with("typeCode", "PERT")
        .with("contextConductionInd", "true")
        .child(Tag::new("seperatableInd").with("value", "false"))
        .child(act(name, "OBS", "EVN").child(code).child(value))
}

fn template(name: &str) -> Tag {
    Tag::new("templateId")
        .with("root", "2.16.840.1.113883.2.1.3.2.4.18.2")
        .with("extension", &format!("CSAB_RM-NPfITUK10.{name}"))
}

fn snomed(code: &str, words: &str) -> Tag {
    Tag::new("code").with("code", code).with("codeSystem", SNOMED).with("displayName", words)
}

/// A time without an offset, which these messages state in UTC.
fn utc(name: &str, fhir: &str) -> Option<Tag> {
    Some(Tag::new(name).with("value", &utc_digits(fhir)?))
}

fn utc_digits(fhir: &str) -> Option<String> {
    match fhir.parse::<jiff::Timestamp>() {
        Ok(at) => Some(at.strftime("%Y%m%d%H%M%S").to_string()),
        Err(_) => time(fhir),
    }
}

fn ods_id(code: &str) -> Tag {
    Tag::new("id").with("root", ODS_ROOT).with("extension", code)
}

fn ods(resource: &Value) -> Option<&str> {
    let own = list(resource, "identifier").iter().find(|i| i["system"] == systems::ODS_ORGANISATION)?;
    own["value"].as_str()
}

/// No code says what kind of organisation it is.
fn unknown_kind() -> Tag {
    Tag::new("code").with("code", "999").with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.94")
}

fn upper(guid: &str) -> String {
    guid.to_ascii_uppercase()
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
        if first["groupIdentifier"]["system"] != *ORDER_NUMBER || !codes::is_prescription_id(short) {
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

    fn person(&self) -> Tag {
        let patient = self.patient;
        let number = list(patient, "identifier").iter().find(|i| i["system"] == systems::NHS_NUMBER);
        let number = number.map(|i| {
            Tag::new("id").with("root", "2.16.840.1.113883.2.1.4.1").with("extension", text(i, "value"))
        });
        let names = list(patient, "name").iter().map(|name| {
            // `L` is the name that the Spine calls usual.
            let mut name = name.clone();
            name["use"] = Value::from(if name["use"] == "usual" { "official" } else { "" });
            human_name(&name)
        });
        let sex = match text(patient, "gender") {
            "male" => "1",
            "female" => "2",
            "unknown" => "0",
            "other" => "9",
            _ => "",
        };
        let sex = (!sex.is_empty()).then(|| {
            Tag::new("administrativeGenderCode")
                .with("code", sex)
                .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.16.25")
        });
        let practice = list(patient, "generalPractitioner").iter().find_map(|gp| {
            ods_of(gp).map(str::to_owned).or_else(|| self.find(gp).and_then(ods).map(str::to_owned))
        });
        let practice = practice.map(|code| {
            let provider = Tag::new("healthCareProvider").with("classCode", "PROV").child(ods_id(&code));
            let provision = act("patientCareProvision", "PCPR", "EVN")
                .child(
                    Tag::new("code")
                        .with("code", "1")
                        .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.37"),
                )
                .child(Tag::new("responsibleParty").with("typeCode", "RESP").child(provider));
            let of = Tag::new("subjectOf").with("typeCode", "SBJ").child(provision);
            Tag::new("playedProviderPatient").with("classCode", "PAT").child(of)
        });
        let person = Tag::new("patientPerson")
            .with("classCode", "PSN")
            .with("determinerCode", "INSTANCE")
            .children(names)
            .children(sex)
            .children(utc("birthTime", text(patient, "birthDate")))
            .children(practice);
        let homes = list(patient, "address").iter().map(address).filter(|a| !a.is_empty());
        Tag::new("Patient").with("classCode", "PAT").children(number).children(homes).child(person)
    }

    /// A prescriber in a role, with one of the codes of the person: the first as author, another as responsible party.
    fn agent(&self, reference: &Value, number: usize) -> Option<Tag> {
        let role = self.find(reference).filter(|r| r["resourceType"] == "PractitionerRole")?;
        let who = self.find(&role["practitioner"])?;
        let codes = list(who, "identifier");
        let code = codes.get(number).or(codes.first()).and_then(person_id);
        let ids = list(role, "identifier").iter().filter_map(|i| {
            Some(Tag::new("id").with("root", oid(text(i, "system"))?).with("extension", text(i, "value")))
        });
        let person = Tag::new("agentPerson")
            .with("classCode", "PSN")
            .with("determinerCode", "INSTANCE")
            .children(code)
            .children(list(who, "name").iter().map(human_name));
        let organisation = self.find(&role["organization"]).map(organisation);
        Some(
            Tag::new("AgentPerson")
                .with("classCode", "AGNT")
                .children(ids)
                .children(concept("code", &role["code"][0]))
                .children(list(role, "telecom").iter().filter_map(telecom))
                .child(person)
                .children(organisation),
        )
    }

    /// One item, and its id.
    fn item(
        &self,
        r: &Value,
        (number, repeating): (usize, bool),
        own: &dyn Fn(&str) -> String,
    ) -> Result<(String, Tag), Issue> {
        let id = list(r, "identifier").iter().find(|i| i["system"] == *ORDER_ITEM);
        let id = id.map_or_else(|| own(&format!("item {number}")), |i| upper(text(i, "value")));
        let referred = self.find(&r["medicationReference"]).map(|m| &m["code"]);
        let medicine = Some(&r["medicationCodeableConcept"]).filter(|c| c.is_object()).or(referred);
        let medicine = medicine.and_then(|c| list(c, "coding").iter().find_map(|c| coded("code", c)));
        let medicine = medicine.ok_or_else(|| rules::WRITE_MISSING.with("the code of a medicine"))?;
        let material = Tag::new("manufacturedRequestedMaterial")
            .with("classCode", "MMAT")
            .with("determinerCode", "KIND")
            .child(medicine);
        let product = Tag::new("manufacturedProduct").with("classCode", "MANU").child(material);
        let amount = amount(&r["dispenseRequest"]["quantity"]).map(|quantity| {
            let supply = act("lineItemQuantity", "SPLY", "RQO");
            let supply =
                supply.child(snomed("373784005", "Dispensing medication (procedure)")).child(quantity);
            Tag::new("component")
                .with("typeCode", "COMP")
                .child(Tag::new("seperatableInd").with("value", "false"))
                .child(supply)
        });
        let words = self.instructions(r, number);
        let words = (!words.is_empty()).then(|| {
            said(
                "pertinentInformation1",
                "pertinentAdditionalInstructions",
                "AI",
                Tag::new("value").text(&words),
            )
        });
        let url = format!("{NHS_EXTENSION}DM-PrescriptionEndorsement");
        let endorsements = list(r, "extension").iter().filter(|e| e["url"] == *url).filter_map(|e| {
            let value = concept("value", &e["valueCodeableConcept"])?;
            Some(said("pertinentInformation3", "pertinentPrescriberEndorsement", "PE", value))
        });
        let doses = list(r, "dosageInstruction").iter().filter_map(|d| d["text"].as_str()).map(|dose| {
            said("pertinentInformation2", "pertinentDosageInstructions", "DI", Tag::new("value").text(dose))
        });
        let item = act("pertinentLineItem", "SBADM", "RQO")
            .child(Tag::new("id").with("root", &id))
            .child(snomed("225426007", "Administration of therapeutic substance (procedure)"))
            .child(Tag::new("effectiveTime").with("nullFlavor", "NA"))
            .children(repeating.then(|| repeats(r)).flatten())
            .child(
                Tag::new("product").with("typeCode", "PRD").with("contextControlCode", "OP").child(product),
            )
            .children(amount)
            .children(words)
            .children(endorsements)
            .children(doses);
        let relation = Tag::new("pertinentInformation2")
            .with("typeCode", "PERT")
            .with("contextConductionInd", "true")
            .with("inversionInd", "false")
            .with("negationInd", "false")
            .child(Tag::new("seperatableInd").with("value", "true"))
            .child(template("sourceOf2"))
            .child(item);
        Ok((id, relation))
    }

    /// The text of an item's additional instructions: what the patient is told stands with the first item.
    fn instructions(&self, r: &Value, number: usize) -> String {
        let mut out = String::new();
        if number == 0 {
            let told: Vec<&Value> = resources(self.bundle, "CommunicationRequest").collect();
            let payloads: Vec<&Value> = told.iter().flat_map(|c| list(c, "payload")).collect();
            for other in payloads.iter().filter_map(|p| self.find(&p["contentReference"])) {
                for medicine in list(other, "entry").iter().filter_map(|e| e["item"]["display"].as_str()) {
                    out.push_str(&format!("<medication>{medicine}</medication>"));
                }
            }
            for words in payloads.iter().filter_map(|p| p["contentString"].as_str()) {
                out.push_str(&format!("<patientInfo>{words}</patientInfo>"));
            }
        }
        let drug = of_nhs(r, "DM-ControlledDrug").and_then(|e| extension(e, "quantityWords"));
        let drug = drug.map(|e| format!("CD: {}", text(e, "valueString")));
        let notes = list(r, "note").iter().filter_map(|n| n["text"].as_str()).map(str::to_owned);
        let lines: Vec<String> = drug.into_iter().chain(notes).collect();
        out + &lines.join("\n")
    }
}

/// The ODS code that a reference itself states.
fn ods_of(reference: &Value) -> Option<&str> {
    let own = &reference["identifier"];
    own["value"].as_str().filter(|_| own["system"] == systems::ODS_ORGANISATION)
}

/// The code of a person: one that a professional body gave has one root for all.
fn person_id(identifier: &Value) -> Option<Tag> {
    let root = match text(identifier, "system") {
        NMC | systems::GMC_NUMBER | systems::GMP_NUMBER => PROFESSIONAL,
        other => oid(other)?,
    };
    Some(Tag::new("id").with("root", root).with("extension", text(identifier, "value")))
}

fn organisation(r: &Value) -> Tag {
    let named = |name: &str| Tag::new(name).with("classCode", "ORG").with("determinerCode", "INSTANCE");
    let parent = ods_of(&r["partOf"]).map(|code| {
        let parent = named("Organization").child(ods_id(code)).child(unknown_kind());
        let parent = parent.children(Tag::of_text("name", r["partOf"]["display"].as_str()));
        Tag::new("healthCareProviderLicense").with("classCode", "PROV").child(parent)
    });
    let ids = list(r, "identifier").iter().filter_map(|i| {
        Some(Tag::new("id").with("root", oid(text(i, "system"))?).with("extension", text(i, "value")))
    });
    named("representedOrganization")
        .children(ids)
        .child(unknown_kind())
        .children(Tag::of_text("name", r["name"].as_str()))
        .children(list(r, "telecom").iter().filter_map(telecom))
        .children(list(r, "address").iter().map(address).filter(|a| !a.is_empty()))
        .children(parent)
}

/// Which issue of how many: counted from one, where FHIR counts the repeats.
fn repeats(r: &Value) -> Option<Tag> {
    let said =
        of_nhs(r, "EPS-RepeatInformation").or_else(|| of_nhs(&r["basedOn"][0], "EPS-RepeatInformation"));
    let of = |name: &str| said.and_then(|e| extension(e, name)?["valueInteger"].as_u64());
    let allowed = r["dispenseRequest"]["numberOfRepeatsAllowed"].as_u64().or(of("numberOfRepeatsAllowed"))?;
    let end = |name: &str, repeats: u64| Tag::new(name).with("value", &repeats.saturating_add(1).to_string());
    let low = end("low", of("numberOfRepeatsIssued").unwrap_or(0));
    Some(Tag::new("repeatNumber").child(low).child(end("high", allowed)))
}

/// How long the supply lasts, and from when to when.
fn days_supply(request: &Value) -> Option<Tag> {
    let span = [("low", "start"), ("high", "end")];
    // Days, as the Spine has them.
    let day = |v3: &str, fhir: &str| {
        let digits = utc_digits(text(&request["validityPeriod"], fhir))?;
        Some(Tag::new(v3).with("value", digits.get(..8).unwrap_or(&digits)))
    };
    let span = span.iter().filter_map(|(v3, fhir)| day(v3, fhir));
    let span = Tag::new("effectiveTime").children(span);
    let days = &request["expectedSupplyDuration"];
    let days = (days["code"] == "d" && days["value"].is_u64()).then(|| {
        let width = Tag::new("width").with("unit", "d").with("value", &days["value"].to_string());
        Tag::new("expectedUseTime").child(width)
    });
    if span.is_empty() && days.is_none() {
        return None;
    }
    let supply = act("daysSupply", "SPLY", "RQO")
        .child(snomed("373784005", "Dispensing medication (procedure)"))
        .children((!span.is_empty()).then_some(span))
        .children(days);
    Some(
        Tag::new("component1")
            .with("typeCode", "COMP")
            .child(Tag::new("seperatableInd").with("value", "true"))
            .child(supply),
    )
}

/// An amount as the author wrote it, with its unit in SNOMED CT where it has one.
fn amount(quantity: &Value) -> Option<Tag> {
    let digits = quantity.get("value").filter(|v| v.is_number())?.to_string();
    let tag = Tag::new("quantity").with("value", &digits);
    let Some(system) = oid(text(quantity, "system")).filter(|_| !text(quantity, "code").is_empty()) else {
        let unit = text(quantity, "unit");
        return Some(tag.with("unit", if unit.is_empty() { "1" } else { unit }));
    };
    let written = Tag::new("translation")
        .with("value", &digits)
        .with("code", text(quantity, "code"))
        .with("codeSystem", system)
        .with("displayName", text(quantity, "unit"));
    Some(tag.with("unit", "1").child(written))
}
