//! Patient, people who took part, and organisations.

use std::collections::HashSet;

use causeway_fhir::systems;
use causeway_fhir::types::ukcore_extension;
use causeway_hl7v3::build::{Tag, address, concept, human_name, id, interval, list, telecom, text};
use serde_json::Value;

use super::Bundle;
use crate::codes::{GUID, LOCAL_ID, NHS_UNVERIFIED, NHS_VERIFIED, oid};

/// Names of a role's elements: the role, its person, its organisation.
#[derive(Clone, Copy)]
pub(super) struct Role(pub &'static str, pub &'static str, pub &'static str);

pub(super) const AUTHOR: Role = Role("assignedAuthor", "assignedPerson", "representedOrganization");
pub(super) const ENTITY: Role = Role("assignedEntity", "assignedPerson", "representedOrganization");
pub(super) const RECIPIENT: Role = Role("intendedRecipient", "informationRecipient", "receivedOrganization");
pub(super) const ASSOCIATED: Role = Role("associatedEntity", "associatedPerson", "scopingOrganization");

/// Who was named already: a second time the id alone says who it is.
#[derive(Default)]
pub(super) struct People {
    named: HashSet<usize>,
}

fn extension<'v>(resource: &'v Value, url: &str) -> Option<&'v Value> {
    list(resource, "extension").iter().find(|e| e["url"] == *url)
}

/// A local identifier by the organisation that issued it.
fn local(identifier: &Value) -> Option<Tag> {
    let rest = text(identifier, "system").strip_prefix(systems::CAUSEWAY)?.strip_prefix("/Id/local/")?;
    let (organisation, "patient") = rest.split_once('/')? else { return None };
    let authority = text(&identifier["assigner"], "display");
    let authority = if authority.is_empty() { organisation } else { authority };
    let tag = Tag::new("id").with("root", LOCAL_ID).with("extension", text(identifier, "value"));
    Some(tag.with("assigningAuthorityName", authority))
}

fn patient_ids(patient: &Value) -> Vec<Tag> {
    let one = |identifier: &Value| {
        let verified = ukcore_extension("NHSNumberVerificationStatus");
        let status = extension(identifier, &verified)
            .map_or("", |e| text(&e["valueCodeableConcept"]["coding"][0], "code"));
        match text(identifier, "system") {
            systems::NHS_NUMBER | systems::STATED_NHS_NUMBER => {
                let root = if status == "01" { NHS_VERIFIED } else { NHS_UNVERIFIED };
                Some(Tag::new("id").with("root", root).with("extension", text(identifier, "value")))
            }
            _ => local(identifier).or_else(|| id("id", identifier, GUID, oid)),
        }
    };
    list(patient, "identifier").iter().filter_map(one).collect()
}

fn addresses(holder: &Value) -> impl Iterator<Item = Tag> {
    list(holder, "address").iter().map(address).filter(|a| !a.is_empty())
}

fn telecoms(holder: &Value) -> impl Iterator<Item = Tag> {
    list(holder, "telecom").iter().filter_map(telecom)
}

/// `recordTarget`.
pub(super) fn patient(patient: &Value, index: &Bundle<'_>, people: &mut People) -> Tag {
    const GENDER: &str = "2.16.840.1.113883.2.1.3.2.4.16.25";
    let gender = match text(patient, "gender") {
        "male" => ("1", "Male"),
        "female" => ("2", "Female"),
        "other" => ("UN", "Undifferentiated"),
        "unknown" => ("0", "Not known"),
        _ => ("", ""),
    };
    let coded = |name: &str, url: &str| concept(name, &extension(patient, url)?["valueCodeableConcept"], oid);
    let gender = (!gender.0.is_empty()).then(|| {
        let tag = Tag::new("administrativeGenderCode").with("code", gender.0);
        tag.with("codeSystem", GENDER).with("displayName", gender.1)
    });
    let birth =
        extension(&patient["_birthDate"], "http://hl7.org/fhir/StructureDefinition/patient-birthTime");
    let birth = birth.map_or(text(patient, "birthDate"), |e| text(e, "valueDateTime"));
    let place = extension(patient, "http://hl7.org/fhir/StructureDefinition/patient-birthPlace")
        .map(|e| Tag::new("birthplace").child(Tag::new("place").child(address(&e["valueAddress"]))));
    let guardians = list(patient, "contact").iter().map(|contact| {
        let name = contact.get("name").map(|name| Tag::new("guardianPerson").child(human_name(name)));
        Tag::new("guardian")
            .children(concept("code", &contact["relationship"][0], oid))
            .children(contact.get("address").map(address))
            .children(telecoms(contact))
            .children(name)
    });
    let person = Tag::new("patient")
        .with("classCode", "PSN")
        .with("determinerCode", "INSTANCE")
        .children(list(patient, "name").iter().map(human_name))
        .children(gender)
        .children(causeway_hl7v3::build::time_tag("birthTime", birth))
        .children(concept("maritalStatusCode", &patient["maritalStatus"], oid))
        .children(coded(
            "religiousAffiliationCode",
            "http://hl7.org/fhir/StructureDefinition/patient-religion",
        ))
        .children(coded("ethnicGroupCode", &ukcore_extension("EthnicCategory")))
        .children(guardians)
        .children(place)
        .children(list(patient, "communication").iter().filter_map(communication));
    let practice = list(patient, "generalPractitioner").iter().filter_map(|r| index.find(r));
    let practice = practice.filter(|(_, r)| r["resourceType"] == "Organization");
    let practice: Vec<Tag> =
        practice.take(1).map(|(n, r)| people.organisation("providerOrganization", n, r, index)).collect();
    let role = Tag::new("patientRole")
        .with("classCode", "PAT")
        .children(patient_ids(patient))
        .children(addresses(patient))
        .children(telecoms(patient))
        .child(person)
        .children(practice);
    Tag::new("recordTarget").with("typeCode", "RCT").child(role)
}

fn communication(part: &Value) -> Option<Tag> {
    let language = list(&part["language"], "coding").iter().find(|c| c["system"] == systems::BCP_47)?;
    let proficiency = extension(part, "http://hl7.org/fhir/StructureDefinition/patient-proficiency");
    let coded = |name: &str, url: &str, list: &str| {
        let code = text(&extension(proficiency?, url)?["valueCoding"], "code");
        Some(Tag::new(name).with("code", code).with("codeSystem", list))
    };
    let preferred = part["preferred"].as_bool();
    let preferred = preferred.map(|p| Tag::new("preferenceInd").with("value", &p.to_string()));
    Some(
        Tag::new("languageCommunication")
            .child(Tag::new("languageCode").with("code", text(language, "code")))
            .children(coded("modeCode", "type", "2.16.840.1.113883.5.60"))
            .children(coded("proficiencyLevelCode", "level", "2.16.840.1.113883.5.61"))
            .children(preferred),
    )
}

impl People {
    /// Ids by which a document can name a role or an organisation again; its own id where it has none.
    fn ids(resource: &Value) -> Vec<Tag> {
        let mut found: Vec<Tag> =
            list(resource, "identifier").iter().filter_map(|one| id("id", one, GUID, oid)).collect();
        let named = list(resource, "identifier").iter().any(|one| {
            one["system"] != GUID && !text(one, "value").is_empty() && oid(text(one, "system")).is_some()
        });
        if !named && !text(resource, "id").is_empty() {
            found.push(Tag::new("id").with("root", LOCAL_ID).with("extension", text(resource, "id")));
        }
        found
    }

    /// An organisation.
    pub(super) fn organisation(
        &mut self,
        name: &str,
        number: usize,
        resource: &Value,
        index: &Bundle<'_>,
    ) -> Tag {
        let tag = Tag::new(name)
            .with("classCode", "ORG")
            .with("determinerCode", "INSTANCE")
            .children(Self::ids(resource))
            .children(Tag::of_text("name", resource["name"].as_str()));
        if !self.named.insert(number) {
            return tag;
        }
        let parent = index.find(&resource["partOf"]).filter(|(n, _)| !self.named.contains(n));
        let parent = parent.map(|(n, r)| {
            Tag::new("asOrganizationPartOf").child(self.organisation("wholeOrganization", n, r, index))
        });
        tag.children(telecoms(resource))
            .children(addresses(resource))
            .children(concept("standardIndustryClassCode", &resource["type"][0], oid))
            .children(parent)
    }

    /// The role of whom a reference leads to; `None` where a document has no such role.
    pub(super) fn role(&mut self, reference: &Value, role: Role, index: &Bundle<'_>) -> Option<Tag> {
        let (number, resource) = index.find(reference)?;
        let tag = Tag::new(role.0).with("classCode", "ASSIGNED");
        let person = |who: &Value| {
            let names = list(who, "name").iter().map(human_name);
            Tag::new(role.1).with("classCode", "PSN").with("determinerCode", "INSTANCE").children(names)
        };
        Some(match text(resource, "resourceType") {
            "PractitionerRole" => {
                let tag = tag.children(Self::ids(resource));
                if !self.named.insert(number) {
                    return Some(tag);
                }
                let who = index.find(&resource["practitioner"]).map(|(_, who)| person(who));
                let organisation = index.find(&resource["organization"]);
                let places = list(resource, "location").iter().filter_map(|l| l["display"].as_str());
                tag.children(concept("code", &resource["code"][0], oid))
                    .children(places.map(|place| Tag::new("addr").text(place)))
                    .children(telecoms(resource))
                    .children(who)
                    .children(organisation.map(|(n, o)| self.organisation(role.2, n, o, index)))
            }
            "Practitioner" => {
                let tag = tag.children(Self::ids(resource));
                if !self.named.insert(number) {
                    return Some(tag);
                }
                tag.children(addresses(resource)).children(telecoms(resource)).child(person(resource))
            }
            "Organization" => {
                let ids = (role.0 != RECIPIENT.0).then(|| Tag::new("id").with("nullFlavor", "NI"));
                tag.children(ids).child(self.organisation(role.2, number, resource, index))
            }
            "Device" if role.0 == AUTHOR.0 => tag.child(Tag::new("id").with("nullFlavor", "NI")).child(
                Tag::new("assignedAuthoringDevice")
                    .children(concept("code", &resource["type"], oid))
                    .children(Tag::of_text(
                        "manufacturerModelName",
                        resource["deviceName"][0]["name"].as_str(),
                    ))
                    .children(Tag::of_text("softwareName", resource["version"][0]["value"].as_str())),
            ),
            _ => return None,
        })
    }

    /// Somebody who is related to the patient.
    pub(super) fn related(&mut self, reference: &Value, index: &Bundle<'_>) -> Option<Tag> {
        let (_, resource) = index.find(reference).filter(|(_, r)| r["resourceType"] == "RelatedPerson")?;
        let names: Vec<Tag> = list(resource, "name").iter().map(human_name).collect();
        let person = (!names.is_empty()).then(|| Tag::new("relatedPerson").children(names));
        Some(
            Tag::new("relatedEntity")
                .with("classCode", "PRS")
                .children(concept("code", &resource["relationship"][0], oid))
                .children(addresses(resource))
                .children(telecoms(resource))
                .children(interval("effectiveTime", &resource["period"]))
                .children(person),
        )
    }
}
