//! The patient, the author's practice and the directory of agents.

use std::collections::HashMap;

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, OdsCode, Severity};
use causeway_fhir::types::{Verification, invalid_nhs_number, nhs_number, second_nhs_number};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::{GMP_OID, NHS_NUMBER_OID, PRACTICE_OID};
use crate::extract::{Agent, Extract, patient_key};
use crate::{hl7, write};
use causeway_hl7v3::party::human_name;

/// OID of ODS codes as the Spine uses them.
const ODS_OID: &str = "1.2.826.0.1285.0.1.10";

/// Writes `Patient`: the extract knows no more of it than its number.
pub(crate) fn patient(c: &mut Composer<'_>, x: &Extract<'_>) {
    let patient = x.element.path(&["recordTarget", "patient"]);
    let mut markings = crate::confidentiality::Markings::default();
    markings.add(&x.marks);
    c.resource_with("Patient", &patient_key(x.element), &markings.meta(Profile::Default), |w| {
        w.array("identifier", |w| {
            let mut first = None;
            for id in patient.into_iter().flat_map(|p| p.children_named("id")) {
                patient_identifier(w, id, &mut first);
            }
        });
        if let Some((author, from)) = &x.author {
            w.reference("managingOrganization", author, from);
        }
    });
}

fn patient_identifier(w: &mut Writer, id: Element<'_>, first: &mut Option<NhsNumber>) {
    let (Some(root), Some(value)) = (id.attribute("root"), id.attribute("extension")) else { return };
    if value.is_blank() {
        return;
    }
    let official = root.text.trim() == NHS_NUMBER_OID;
    match NhsNumber::parse(value.text) {
        Ok(number) if official => {
            match *first {
                None => nhs_number(w, number, value, root, Verification::PresentNotTraced, ()),
                Some(known) if known == number => w.mapped((root, value)),
                Some(_) => second_nhs_number(w, value, root),
            }
            first.get_or_insert(number);
            return;
        }
        Err(error) if official => {
            w.element(|w| invalid_nhs_number(w, value, root, error));
            return;
        }
        _ => {
            let issue = Issue::new(
                Severity::Warning,
                IssueCode::Required,
                "nhs-number-absent",
                "the patient's identifier is not an NHS number; it was kept under the root that the message gives",
            );
            w.issue(Some(value.id), issue);
        }
    }
    w.element(|w| {
        w.string("system", &systems::of_oid(root.text.trim()), root);
        w.leaf("value", value);
    });
}

/// Finds the organisation that authored the extract in the directory, or writes one of its code alone.
pub(crate) fn author<'d>(c: &mut Composer<'_>, x: &mut Extract<'d>, organisations: &Organisations) {
    let id = x.element.path(&["author", "AgentOrgSDS", "agentOrganizationSDS", "id"]);
    let Some(code) = id.and_then(|i| i.attribute("extension")).filter(|e| !e.is_blank()) else { return };
    let ods = code.text.trim().to_ascii_uppercase();
    if let Some(known) = organisations.by_code.get(&ods) {
        x.author = Some((known.clone(), vec![code]));
        return;
    }
    let root = id.and_then(|i| i.attribute("root"));
    let written = c.once("Organization", &format!("ods {ods}"), |w| {
        w.array("identifier", |w| {
            w.element(|w| organisation_code(w, root, code));
        });
    });
    x.author = Some((written, Vec::new()));
}

/// The ODS code of the practice that the extract is for.
pub(crate) fn recipient<'d>(x: &Extract<'d>) -> Option<Leaf<'d>> {
    let id = x.element.path(&["destination", "AgentOrgSDS", "agentOrganizationSDS", "id"])?;
    id.attribute("extension").filter(|e| !e.is_blank())
}

fn organisation_code(w: &mut Writer, root: Option<Leaf<'_>>, code: Leaf<'_>) {
    match root.map_or("", |r| r.text.trim()) {
        ODS_OID | PRACTICE_OID => match OdsCode::parse(code.text) {
            Some(ods) => {
                w.string("system", systems::ODS_ORGANISATION, root);
                w.string("value", ods.as_str(), code);
                return;
            }
            None => w.string("system", &format!("urn:oid:{}", root.map_or("", |r| r.text.trim())), root),
        },
        "" => {}
        other => w.string("system", &systems::of_oid(other), root),
    }
    w.leaf("value", code);
}

/// Organisations of the directory, by what is said of them and by code.
#[derive(Default)]
pub(crate) struct Organisations {
    by_content: HashMap<String, Ref>,
    by_code: HashMap<String, Ref>,
    pub by_name: HashMap<String, Ref>,
}

/// Writes the agents: `Practitioner`, `Organization`, and `PractitionerRole` where both are known. Organisations
/// of which the directory says the same are one.
pub(crate) fn agents<'d>(c: &mut Composer<'_>, x: &mut Extract<'d>) -> Organisations {
    let mut organisations = Organisations::default();
    for of_persons in [false, true] {
        for folder in x.folders.clone() {
            for agent in crate::extract::directory_agents(folder) {
                let Some(id) = hl7::guid(agent) else { continue };
                let key = hl7::key(id.text);
                let person = agent.child("agentPerson").is_some();
                if person != of_persons || x.agents.contains_key(&key) {
                    continue;
                }
                let written = write_agent(c, x, agent, &key, &mut organisations);
                x.agents.insert(key, written);
            }
        }
    }
    organisations
}

/// All that is said of an organisation, and the items that say it.
fn content<'d>(organisation: Element<'d>) -> (String, Vec<Leaf<'d>>) {
    let mut text = String::new();
    let mut items = Vec::new();
    for part in std::iter::once(organisation).chain(organisation.descendants()) {
        let structural = |name: &str| matches!(name, "classCode" | "determinerCode" | "typeCode");
        let attributes = part.attributes().filter(|(name, _)| !structural(name)).map(|(_, leaf)| leaf);
        for leaf in attributes.chain(part.text()) {
            text.push_str(part.name());
            text.push('=');
            text.push_str(leaf.text.trim());
            text.push('|');
            items.push(leaf);
        }
    }
    (text, items)
}

fn organisation_of<'d>(
    c: &mut Composer<'_>,
    x: &Extract<'d>,
    agent: Element<'d>,
    organisation: Element<'d>,
    key: &str,
    organisations: &mut Organisations,
) -> (Ref, Vec<Leaf<'d>>) {
    let (said, items) = content(organisation);
    let own = agent.child("agentPerson").is_none();
    if let Some(known) = organisations.by_content.get(&said).filter(|_| !own && !said.is_empty()) {
        return (known.clone(), items);
    }
    let written = write_organisation(c, x, agent, organisation, key, own);
    organisations.by_content.entry(said).or_insert_with(|| written.clone());
    for id in organisation.children_named("id") {
        if let Some(code) = id.attribute("extension").and_then(|e| OdsCode::parse(e.text)) {
            organisations.by_code.entry(code.as_str().to_owned()).or_insert_with(|| written.clone());
        }
    }
    if let Some(name) = organisation.child("name").and_then(|n| n.text()) {
        organisations.by_name.entry(name.text.trim().to_owned()).or_insert_with(|| written.clone());
    }
    (written, Vec::new())
}

fn write_agent<'d>(
    c: &mut Composer<'_>,
    x: &Extract<'d>,
    agent: Element<'d>,
    key: &str,
    organisations: &mut Organisations,
) -> Agent {
    let person = agent.child("agentPerson");
    let organisation = agent.child("representedOrganization").or_else(|| agent.child("agentOrganization"));
    let mut out = Agent::default();
    let mut said = Vec::new();
    if let Some(organisation) = organisation {
        let (target, items) = organisation_of(c, x, agent, organisation, key, organisations);
        out.organisation = Some(target);
        said = items;
    }
    if let Some(person) = person {
        out.person = Some(c.resource("Practitioner", key, |w| {
            w.array("identifier", |w| agent_identifiers(w, x, agent));
            if let Some(name) = person.child("name") {
                w.array("name", |w| {
                    w.element(|w| human_name(w, name));
                });
            }
        }));
    }
    let code = agent.child("code").filter(|_| person.is_some());
    if out.organisation.is_some() || code.is_some() {
        let (person, organisation) = (out.person.clone(), out.organisation.clone());
        out.role = Some(c.resource("PractitionerRole", key, |w| {
            if let Some(person) = &person {
                w.reference("practitioner", person, ());
            }
            if let Some(organisation) = &organisation {
                w.reference("organization", organisation, said);
            }
            if let Some(code) = code {
                w.array("code", |w| {
                    write::concept_element(w, code, "");
                });
            }
        }));
    }
    out
}

fn agent_identifiers(w: &mut Writer, x: &Extract<'_>, agent: Element<'_>) {
    for id in agent.children_named("id") {
        let (Some(root), extension) = (id.attribute("root"), id.attribute("extension")) else { continue };
        w.element(|w| match extension.filter(|e| !e.is_blank()) {
            Some(value) if root.text.trim() == GMP_OID => {
                w.string("system", systems::GMP_NUMBER, root);
                w.leaf("value", value);
            }
            Some(value) => organisation_code(w, Some(root), value),
            None if !root.is_blank() => {
                w.fixed("system", &x.ids);
                w.leaf("value", root);
            }
            None => {}
        });
    }
}

fn write_organisation(
    c: &mut Composer<'_>,
    x: &Extract<'_>,
    agent: Element<'_>,
    organisation: Element<'_>,
    key: &str,
    with_ids: bool,
) -> Ref {
    c.resource("Organization", key, |w| {
        w.array("identifier", |w| {
            if with_ids {
                agent_identifiers(w, x, agent);
            }
            for id in organisation.children_named("id") {
                let (root, code) = (id.attribute("root"), id.attribute("extension"));
                w.element(|w| match (root, code) {
                    (root, Some(code)) if !code.is_blank() => organisation_code(w, root, code),
                    (Some(root), None) if !root.is_blank() => {
                        w.fixed("system", &x.ids);
                        w.leaf("value", root);
                    }
                    _ => {}
                });
            }
        });
        let own = agent.child("code").filter(|_| with_ids);
        w.array("type", |w| {
            for code in organisation.child("code").into_iter().chain(own) {
                write::concept_element(w, code, "");
            }
        });
        w.leaf_opt("name", organisation.child("name").and_then(|n| n.text()));
        contact(w, organisation, &x.zone);
    })
}

/// `telecom` and `address` of an organisation or place.
pub(crate) fn contact(w: &mut Writer, holder: Element<'_>, zone: &TimeZone) {
    telecoms(w, holder, zone);
    w.array("address", |w| {
        for address in holder.children_named("addr") {
            w.element(|w| address_body(w, address, zone));
        }
    });
}

/// `telecom`.
pub(crate) fn telecoms(w: &mut Writer, holder: Element<'_>, zone: &TimeZone) {
    w.array("telecom", |w| {
        for telecom in holder.children_named("telecom") {
            let Some(value) = telecom.attribute("value").filter(|v| !v.is_blank()) else { continue };
            w.element(|w| {
                telecom_body(w, value, telecom.attribute("use"));
                usable(w, telecom, zone);
            });
        }
    });
}

fn telecom_body(w: &mut Writer, value: Leaf<'_>, usage: Option<Leaf<'_>>) {
    let text = value.text.trim();
    let (system, number) = match text.split_once(':') {
        Some(("tel", number)) => ("phone", number),
        Some(("mailto", number)) => ("email", number),
        Some(("fax", number)) => ("fax", number),
        _ => ("other", text),
    };
    w.string("system", system, value);
    w.string("value", number.trim(), value);
    if let Some(usage) = usage.filter(|u| u.text.trim() == "WP") {
        w.string("use", "work", usage);
    }
}

/// When a telecom or an address can be used.
fn usable(w: &mut Writer, of: Element<'_>, zone: &TimeZone) {
    match hl7::interval(of.child("useablePeriod"), zone) {
        hl7::Effective::Between(start, end) => write::period(w, "period", start, end),
        hl7::Effective::At(start) => write::period(w, "period", Some(start), None),
        hl7::Effective::None => {}
    }
}

pub(crate) fn address_body(w: &mut Writer, address: Element<'_>, zone: &TimeZone) {
    usable(w, address, zone);
    if let Some(usage) = address.attribute("use").filter(|u| u.text.trim() == "WP") {
        w.string("use", "work", usage);
    }
    w.array("line", |w| {
        for line in address.children_named("streetAddressLine").filter_map(|l| l.text()) {
            w.value(line.text.trim(), line);
        }
    });
    for (part, key) in [("city", "city"), ("county", "district"), ("country", "country")] {
        w.leaf_opt(key, address.child(part).and_then(|p| p.text()));
    }
    w.leaf_opt("postalCode", address.child("postalCode").and_then(|p| p.text()));
    w.leaf_opt("text", address.text());
}
