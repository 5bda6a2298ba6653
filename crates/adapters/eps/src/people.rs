//! The patient, prescribers, dispensers and their organisations.

use std::collections::HashMap;

use causeway_adapter::Composer;
use causeway_core::{Leaf, NhsNumber};
use causeway_fhir::types::{
    Verification, extension, nhs_number, reference_by_identifier, source_text, stated_nhs_number,
    unmapped_code,
};
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v3::party::{contacts, human_name};
use causeway_hl7v3::write::identifier_body;
use causeway_xml::Element;

use crate::codes::{NHS_EXTENSION, NMC, PROFESSIONAL, SEX};
use crate::{codes, rules, write};

/// Who has been written into the open bundle: key and what was said of them.
#[derive(Debug, Default)]
pub(crate) struct People {
    said: HashMap<String, String>,
}

/// Root of NHS numbers.
const NHS_NUMBER: &str = "2.16.840.1.113883.2.1.4.1";

/// The item that states the patient's number.
pub(crate) fn number<'d>(patient: Element<'d>) -> Option<(Leaf<'d>, Leaf<'d>)> {
    let id = patient.children_named("id").find(|id| {
        id.attribute("root").is_some_and(|r| r.text.trim() == NHS_NUMBER)
            && id.attribute("extension").is_some()
    })?;
    let value = id.attribute("extension").filter(|v| !v.is_blank())?;
    Some((value, id.attribute("root")?))
}

/// Writes the patient.
pub(crate) fn patient(c: &mut Composer<'_>, holder: Element<'_>, fallback: &str) -> Ref {
    let stated = number(holder);
    let key = match stated.map(|(value, _)| (value, NhsNumber::parse(value.text))) {
        Some((_, Ok(number))) => number.as_str().to_owned(),
        Some((value, Err(_))) => format!("not an NHS number|{}", value.text.trim()),
        None => format!("message|{fallback}"),
    };
    let received = c.context.received;
    c.resource("Patient", &key, |w| {
        w.array("identifier", |w| {
            let Some((value, root)) = stated else { return };
            match NhsNumber::parse(value.text) {
                Ok(number) => nhs_number(w, number, value, root, Verification::PresentNotTraced, ()),
                Err(_) => {
                    w.issue(Some(value.id), rules::NUMBER_NOT_VALID.issue());
                    w.element(|w| stated_nhs_number(w, value, root));
                }
            }
        });
        let person = holder.child("patientPerson");
        w.array("name", |w| {
            for name in person.into_iter().flat_map(|p| p.children_named("name")) {
                w.element(|w| patient_name(w, name));
            }
        });
        if let Some(sex) = person.and_then(|p| p.child("administrativeGenderCode")?.attribute("code")) {
            match SEX.lookup(sex.text.trim()) {
                Some(target) => w.string("gender", target.code, sex),
                None => {
                    w.issue(Some(sex.id), rules::CODE_UNKNOWN.issue());
                    unmapped_code(w, "gender", "unknown", sex);
                }
            }
        }
        let born = person.and_then(|p| p.child("birthTime"));
        match (write::moment(w, born), born.and_then(|b| b.attribute("value"))) {
            (Some(born), _) if !causeway_adapter::birth::is_in_future(w, received, &born.when, born.leaf) => {
                w.date("birthDate", &born.when, born.leaf);
            }
            (None, Some(stated)) if !stated.is_blank() => source_text(w, "birthDate", stated),
            _ => {}
        }
        w.array("address", |w| {
            for address in holder.children_named("addr") {
                w.element(|w| {
                    if let Some(usage) = address.attribute("use").filter(|u| u.text.trim() == "H") {
                        w.string("use", "home", usage);
                    }
                    causeway_hl7v3::party::address_body(w, address);
                });
            }
        });
        w.array("generalPractitioner", |w| {
            let provider = holder.descendants().find(|e| e.name() == "healthCareProvider");
            if let Some(id) = provider.and_then(|p| p.child("id"))
                && let (Some(root), Some(value)) = (id.attribute("root"), id.attribute("extension"))
                && !value.is_blank()
            {
                w.element(|w| {
                    w.fixed("type", "Organization");
                    w.object("identifier", |w| {
                        w.string("system", &systems::of_oid(root.text.trim()), root);
                        w.leaf("value", value);
                    });
                });
            }
        });
    })
}

/// `L` is the name that the Spine calls usual.
fn patient_name(w: &mut Writer, name: Element<'_>) {
    match name.attribute("use").filter(|u| u.text.trim() == "L") {
        None => human_name(w, name),
        Some(usage) => {
            w.string("use", "usual", usage);
            w.leaf_opt("text", name.text());
            w.leaf_opt("family", name.child("family").and_then(Element::text));
            for part in ["given", "prefix", "suffix"] {
                w.array(part, |w| {
                    for text in name.children_named(part).filter_map(Element::text) {
                        w.value(text.text.trim(), text);
                    }
                });
            }
        }
    }
}

/// Every item that an element says of somebody, but for the ids of a person, with the names of its element and, where it is one, of
/// its attribute. Codes of organisations say that there is none.
fn each_item<'d>(element: Element<'d>, mut each: impl FnMut(&'d str, &'d str, Leaf<'d>)) {
    for part in std::iter::once(element).chain(element.descendants()) {
        let parent = part.parent().map_or("", Element::name);
        if part.name() == "id" && parent == "agentPerson" || part.name() == "code" && parent != "AgentPerson"
        {
            continue;
        }
        for (name, leaf) in part.attributes().filter(|(n, _)| !crate::account::GRAMMAR.contains(n)) {
            each(part.name(), name, leaf);
        }
        if let Some(text) = part.text() {
            each(part.name(), "", text);
        }
    }
}

/// The items of [`each_item`].
fn items<'d>(element: Element<'d>) -> Vec<Leaf<'d>> {
    let mut all = Vec::new();
    each_item(element, |_, _, leaf| all.push(leaf));
    all
}

/// What an element says, to compare.
fn words(element: Element<'_>) -> String {
    let mut all = String::new();
    each_item(element, |part, name, leaf| {
        [part, "@", name, "=", leaf.text.trim(), "\n"].into_iter().for_each(|text| all.push_str(text));
    });
    all
}

/// Root and extension of the first id that has both.
fn sds<'d>(element: Element<'d>) -> Option<(Leaf<'d>, Leaf<'d>)> {
    let both =
        |id: Element<'d>| Some((id.attribute("root")?, id.attribute("extension").filter(|e| !e.is_blank())?));
    element.children_named("id").find_map(both)
}

impl People {
    /// The roles of a participation's agents. `agents` are all of them that may be one person with several codes: a
    /// prescriber is stated as author and again as responsible party, each with another code.
    pub(crate) fn roles(&mut self, c: &mut Composer<'_>, agents: &[Element<'_>]) -> Vec<Ref> {
        let mut out: Vec<Ref> = Vec::new();
        let mut groups: Vec<(String, Vec<Element<'_>>)> = Vec::new();
        for agent in agents {
            let said = words(*agent);
            match groups.iter_mut().find(|(words, _)| *words == said) {
                Some((_, group)) => group.push(*agent),
                None => groups.push((said, vec![*agent])),
            }
        }
        for agent in agents {
            let place = groups.iter().position(|(_, group)| group.contains(agent)).unwrap_or_default();
            let Some((said, group)) = groups.get(place) else { continue };
            let own = sds(*agent)
                .map_or_else(String::new, |(root, id)| format!("{}|{}", root.text.trim(), id.text.trim()));
            let key = if place == 0 { own } else { format!("{own}|{place}") };
            if group.first() == Some(agent) {
                out.push(self.role(c, group, &key, said));
            } else {
                out.push(c.reference("PractitionerRole", &key));
                // Said before: a change here makes it somebody else.
                c.writer().mapped(items(*agent));
            }
        }
        out
    }

    fn role(&mut self, c: &mut Composer<'_>, group: &[Element<'_>], key: &str, said: &str) -> Ref {
        let Some(agent) = group.first().copied() else { return c.reference("PractitionerRole", key) };
        if c.has("PractitionerRole", key) && self.said.get(key).is_some_and(|s| s == said) {
            return c.reference("PractitionerRole", key);
        }
        self.said.insert(key.to_owned(), said.to_owned());
        let organisation = agent.child("representedOrganization").map(|o| self.organisation(c, o));
        let people: Vec<Element<'_>> = group.iter().filter_map(|a| a.child("agentPerson")).collect();
        let practitioner = people.first().map(|first| {
            c.resource("Practitioner", key, |w| {
                let mut seen = Vec::new();
                w.array("identifier", |w| {
                    for id in people.iter().flat_map(|p| p.children_named("id")) {
                        let text =
                            (id.attribute("root").map(|l| l.text), id.attribute("extension").map(|l| l.text));
                        if seen.contains(&text) {
                            w.mapped([id.attribute("root"), id.attribute("extension")]);
                            continue;
                        }
                        seen.push(text);
                        w.element(|w| person_id(w, id));
                    }
                });
                w.array("name", |w| {
                    for name in first.children_named("name") {
                        w.element(|w| human_name(w, name));
                    }
                });
            })
        });
        c.resource("PractitionerRole", key, |w| {
            w.array("identifier", |w| {
                for id in agent.children_named("id") {
                    w.element(|w| identifier_body(w, "urn:ietf:rfc:3986", codes::system, id));
                }
            });
            if let Some(practitioner) = &practitioner {
                w.reference("practitioner", practitioner, ());
            }
            if let Some(organisation) = &organisation {
                w.reference("organization", organisation, ());
            }
            w.array("code", |w| {
                if let Some(code) = agent.child("code") {
                    w.element(|w| write::concept_body(w, code));
                }
            });
            contacts_of_role(w, agent);
        })
    }

    /// Writes an organisation once; one that is said otherwise the second time is another resource.
    pub(crate) fn organisation(&mut self, c: &mut Composer<'_>, element: Element<'_>) -> Ref {
        let said = words(element);
        let own = sds(element).map_or_else(
            || format!("place|{}", element.index()),
            |(root, id)| format!("{}|{}", root.text.trim(), id.text.trim()),
        );
        let mut key = own.clone();
        let mut number = 1;
        while let Some(before) = self.said.get(&format!("Organization|{key}")) {
            if *before == said {
                c.writer().mapped(items(element));
                return c.reference("Organization", &key);
            }
            number += 1;
            key = format!("{own}|{number}");
        }
        self.said.insert(format!("Organization|{key}"), said);
        c.resource("Organization", &key, |w| {
            w.array("identifier", |w| {
                for id in element.children_named("id") {
                    w.element(|w| identifier_body(w, "urn:ietf:rfc:3986", codes::system, id));
                }
            });
            w.leaf_opt("name", element.child("name").and_then(Element::text));
            contacts(w, &[element], false);
            let parent = element.path(&["healthCareProviderLicense", "Organization"]);
            if let Some((parent, (root, id))) = parent.and_then(|p| Some((p, sds(p)?))) {
                w.object("partOf", |w| {
                    w.fixed("type", "Organization");
                    w.object("identifier", |w| {
                        w.string("system", &systems::of_oid(root.text.trim()), root);
                        w.leaf("value", id);
                    });
                    w.leaf_opt("display", parent.child("name").and_then(Element::text));
                });
            }
        })
    }
}

fn contacts_of_role(w: &mut Writer, agent: Element<'_>) {
    w.array("telecom", |w| {
        for telecom in agent.children_named("telecom") {
            let Some(value) = telecom.attribute("value").filter(|v| !v.is_blank()) else { continue };
            w.element(|w| causeway_hl7v3::party::telecom_body(w, value, telecom.attribute("use"), false));
        }
    });
}

/// A person's id. Codes of professional bodies all have one root; only the form of the nursing council's is its own.
fn person_id(w: &mut Writer, id: Element<'_>) {
    let (root, value) = (id.attribute("root"), id.attribute("extension"));
    match (root, value) {
        (Some(root), Some(value)) if root.text.trim() == PROFESSIONAL && is_nmc_pin(value.text.trim()) => {
            w.string("system", NMC, root);
            w.leaf("value", value);
        }
        _ => identifier_body(w, "urn:ietf:rfc:3986", codes::system, id),
    }
}

/// Two digits, a letter, four digits, a letter. Source: Nursing and Midwifery Council, PIN.
fn is_nmc_pin(text: &str) -> bool {
    text.len() == 8
        && text.bytes().enumerate().all(|(at, b)| match at {
            2 | 7 => b.is_ascii_uppercase(),
            _ => b.is_ascii_digit(),
        })
}

/// A reference to an organisation by its ODS code.
pub(crate) fn by_code(w: &mut Writer, key: &str, organisation: Option<Element<'_>>) {
    let Some((root, id)) = organisation.and_then(sds) else { return };
    reference_by_identifier(
        w,
        key,
        "Organization",
        &systems::of_oid(root.text.trim()),
        id.text.trim(),
        (root, id),
    );
}

/// The responsible party, where it is not who asks.
pub(crate) fn responsible(w: &mut Writer, role: Option<&Ref>) {
    if let Some(role) = role {
        extension(w, &format!("{NHS_EXTENSION}DM-ResponsiblePractitioner"), |w| {
            w.reference("valueReference", role, ())
        });
    }
}
