//! The patient, and prescribers in their roles.

use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, address, human_name, list, telecom, text};
use serde_json::Value;

use super::Order;
use super::parts::{act, concept, ods, ods_id, unknown_kind, utc};
use crate::codes::{NMC, PROFESSIONAL, oid};

impl Order<'_> {
    pub(super) fn person(&self) -> Tag {
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
    pub(super) fn agent(&self, reference: &Value, number: usize) -> Option<Tag> {
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
