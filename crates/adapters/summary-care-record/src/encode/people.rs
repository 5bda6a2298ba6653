//! Who wrote, told or did something.

use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, address, concept, human_name, id, list, telecom, text, time_tag};
use causeway_hl7v3::bundle::Bundle;
use serde_json::Value;

use crate::codes::{GUID, MODE_EXTENSION, ODS_OID, ROLE_PROFILE, oid};

fn named(name: &str, class: &str) -> Tag {
    Tag::new(name).with("classCode", class).with("determinerCode", "INSTANCE")
}

/// The one identifier of a system, as `id`.
fn id_of(resource: &Value, system: &str) -> Option<Tag> {
    list(resource, "identifier").iter().find(|i| i["system"] == *system).and_then(|i| id("id", i, GUID, oid))
}

/// The ODS code of an organisation that the directory knows, else what else it is called by.
fn organisation_ids(resource: &Value) -> Vec<Tag> {
    let one = |i: &Value| match text(i, "system") {
        systems::ODS_ORGANISATION => {
            Some(Tag::new("id").with("root", ODS_OID).with("extension", text(i, "value")))
        }
        _ => id("id", i, GUID, oid),
    };
    list(resource, "identifier").iter().filter_map(one).collect()
}

/// An organisation under `STEM`, or `STEMSDS` where the directory knows it.
fn organisation(stem: &str, resource: &Value) -> Tag {
    let ids = organisation_ids(resource);
    let name = Tag::of_text("name", resource["name"].as_str());
    if !ids.is_empty() {
        return named(&format!("{stem}SDS"), "ORG").children(ids).children(name);
    }
    named(stem, "ORG").children(concept("code", &resource["type"][0], oid)).children(name)
}

/// The organisation that a system belongs to: one that the directory knows has its code alone.
fn owner(resource: &Value) -> Tag {
    let ids = organisation_ids(resource);
    if !ids.is_empty() && !resource["name"].is_string() {
        return named("representedOrganizationSDS", "ORG").children(ids);
    }
    named("representedOrganization", "ORG")
        .children(ids)
        .children(concept("code", &resource["type"][0], oid))
        .children(Tag::of_text("name", resource["name"].as_str()))
        .children(telecoms(resource))
        .children(addresses(resource))
}

fn addresses(resource: &Value) -> Vec<Tag> {
    list(resource, "address").iter().map(address).filter(|a| !a.is_empty()).collect()
}

fn telecoms(resource: &Value) -> Vec<Tag> {
    list(resource, "telecom").iter().filter_map(telecom).collect()
}

fn name_of(resource: &Value) -> Option<Tag> {
    list(resource, "name").first().map(human_name)
}

/// An organisation as author. `None` where no directory knows it.
pub(super) fn practice(index: &Bundle<'_>, reference: &Value) -> Option<Tag> {
    let (_, resource) = index.find(reference)?;
    let resource = match text(resource, "resourceType") {
        "PractitionerRole" => index.find(&resource["organization"])?.1,
        "Organization" => resource,
        _ => return None,
    };
    let known = list(resource, "identifier").iter().any(|i| i["system"] == systems::ODS_ORGANISATION);
    known.then(|| alone(resource))
}

fn alone(resource: &Value) -> Tag {
    match organisation_ids(resource).is_empty() {
        false => Tag::new("UKCT_MT160017UK01.AgentOrgSDS")
            .with("classCode", "AGNT")
            .child(organisation("agentOrganization", resource)),
        true => Tag::new("UKCT_MT160017UK01.AgentOrg")
            .with("classCode", "AGNT")
            .children(addresses(resource))
            .children(telecoms(resource))
            .child(organisation("agentOrganization", resource)),
    }
}

/// The agent that a reference leads to.
pub(super) fn agent(index: &Bundle<'_>, reference: &Value) -> Option<Tag> {
    let (_, resource) = index.find(reference)?;
    match text(resource, "resourceType") {
        "PractitionerRole" => role(index, resource),
        "Practitioner" => Some(person(&Value::Null, resource, None)),
        "Organization" => Some(alone(resource)),
        "Device" => Some(device(index, resource)),
        "RelatedPerson" => Some(related(resource)),
        _ => None,
    }
}

fn role(index: &Bundle<'_>, role: &Value) -> Option<Tag> {
    let organisation = index.find(&role["organization"]).map(|(_, r)| r);
    match (index.find(&role["practitioner"]), organisation) {
        (Some((_, who)), organisation) => Some(person(role, who, organisation)),
        // A system that wrote stands as the role of its owner.
        (None, Some(owner)) if role["code"].is_null() => {
            let mut devices = index.of("Device").filter(|(_, d)| {
                index.find(&d["owner"]).is_some_and(|(_, other)| std::ptr::eq(other, owner))
            });
            Some(devices.next().map_or_else(|| alone(owner), |(_, d)| device(index, d)))
        }
        (None, Some(owner)) => Some(
            Tag::new("UKCT_MT160017UK01.AgentOrg")
                .with("classCode", "AGNT")
                .children(concept("code", &role["code"][0], oid))
                .children(addresses(owner))
                .children(telecoms(owner))
                .child(self::organisation("agentOrganization", owner)),
        ),
        (None, None) => None,
    }
}

/// Somebody in a role: as the directory knows them, or by words.
fn person(role: &Value, who: &Value, of: Option<&Value>) -> Tag {
    let (profile, user) = (id_of(role, ROLE_PROFILE), id_of(who, systems::SDS_USER));
    if let (Some(profile), Some(user), None) = (&profile, &user, of) {
        let own = named("agentPersonSDS", "PSN").child(user.clone()).children(name_of(who));
        let agent = Tag::new("UKCT_MT160018UK01.AgentPersonSDS").with("classCode", "AGNT");
        return agent.child(profile.clone()).child(own);
    }
    let ids = list(role, "identifier").iter().filter_map(|i| id("id", i, GUID, oid));
    let contacts = of.map(|o| (addresses(o), telecoms(o))).unwrap_or_default();
    let own = match user {
        Some(user) => named("representedPersonSDS", "PSN").child(user).children(name_of(who)),
        None => named("agentPerson", "PSN").children(name_of(who)),
    };
    let organisation = of
        .filter(|o| o["name"].is_string() || !organisation_ids(o).is_empty())
        .map(|o| organisation("representedOrganization", o));
    let agent = Tag::new("UKCT_MT160018UK01.AgentPerson")
        .with("classCode", "AGNT")
        .children(ids)
        .children(concept("code", &role["code"][0], oid))
        .children(contacts.0)
        .children(contacts.1);
    // The schema has a person before the organisation, and one of the directory after it.
    let before = own.xml().starts_with("<agentPerson");
    match before {
        true => agent.child(own).children(organisation),
        false => agent.children(organisation).child(own),
    }
}

fn device(index: &Bundle<'_>, device: &Value) -> Tag {
    let ids: Vec<Tag> = list(device, "identifier").iter().filter_map(|i| id("id", i, GUID, oid)).collect();
    let guid = |tag: &&Tag| !tag.xml().contains("extension");
    let words = |name: &str, value: &Value| Tag::of_text(name, value.as_str());
    let own = named("agentDevice", "DEV")
        .children(ids.iter().filter(|t| !guid(t)).cloned())
        .children(concept("code", &device["type"], oid))
        .children(words("name", &device["deviceName"][0]["name"]))
        .children(words("desc", &device["note"][0]["text"]))
        .children(words("manufacturerModelName", &device["modelNumber"]))
        .children(words("softwareName", &device["version"][0]["value"]));
    let owner = index.find(&device["owner"]).map(|(_, o)| self::owner(o));
    Tag::new("UKCT_MT120601UK02.AgentDevice")
        .with("classCode", "AGNT")
        .children(ids.iter().filter(guid).cloned())
        .child(own)
        .children(owner)
}

fn related(resource: &Value) -> Tag {
    let own = name_of(resource).map(|name| named("playingNonAgentPerson", "PSN").child(name));
    Tag::new("participantNonAgentRole")
        .with("classCode", "ROL")
        .children(concept("code", &resource["relationship"][0], oid))
        .children(addresses(resource))
        .children(telecoms(resource))
        .children(own)
}

/// Author, informant and performers of an entry: those of the encounter that holds who said it.
pub(super) fn participants(index: &Bundle<'_>, visit: &Value) -> Vec<Tag> {
    let mut found = Vec::new();
    for (name, kind) in [("author", "AUT"), ("informant", "INF"), ("performer", "PRF")] {
        for part in list(visit, "participant") {
            let codes = list(part, "type").iter().flat_map(|t| list(t, "coding"));
            if !codes.into_iter().any(|c| c["code"] == *kind) {
                continue;
            }
            let Some(agent) = agent(index, &part["individual"]) else { continue };
            let mode = list(part, "extension").iter().find(|e| e["url"] == *MODE_EXTENSION);
            let mode = mode.and_then(|e| concept("modeCode", &e["valueCodeableConcept"], oid));
            let time = time_tag("time", text(&part["period"], "start"));
            let tag = Tag::new(name).with("typeCode", kind).with("contextControlCode", "OP");
            let unknown = || Tag::new("time").with("nullFlavor", "UNK");
            found.push(tag.child(time.unwrap_or_else(unknown)).children(mode).child(agent));
        }
    }
    found
}
