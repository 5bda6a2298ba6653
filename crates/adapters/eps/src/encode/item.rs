//! One item of a prescription: medicine, amount, dose, and what is said beside them.

use causeway_core::Issue;
use causeway_hl7v3::build::{Tag, list, text};
use serde_json::Value;

use super::Order;
use super::parts::{
    act, coded, concept, extension, of_nhs, resources, said, snomed, template, upper, utc_digits,
};
use crate::codes::{NHS_EXTENSION, ORDER_ITEM, oid};
use crate::rules;

impl Order<'_> {
    /// One item, and its id.
    pub(super) fn item(
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

/// Which issue of how many: counted from one, where FHIR counts the repeats.
pub(super) fn repeats(r: &Value) -> Option<Tag> {
    let said =
        of_nhs(r, "EPS-RepeatInformation").or_else(|| of_nhs(&r["basedOn"][0], "EPS-RepeatInformation"));
    let of = |name: &str| said.and_then(|e| extension(e, name)?["valueInteger"].as_u64());
    let allowed = r["dispenseRequest"]["numberOfRepeatsAllowed"].as_u64().or(of("numberOfRepeatsAllowed"))?;
    let end = |name: &str, repeats: u64| Tag::new(name).with("value", &repeats.saturating_add(1).to_string());
    let low = end("low", of("numberOfRepeatsIssued").unwrap_or(0));
    Some(Tag::new("repeatNumber").child(low).child(end("high", allowed)))
}

/// How long the supply lasts, and from when to when.
pub(super) fn days_supply(request: &Value) -> Option<Tag> {
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
