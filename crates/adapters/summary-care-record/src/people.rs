//! Patient, authors, informants and performers.

use causeway_adapter::Composer;
use causeway_core::{Leaf, NhsNumber, NhsNumberError};
use causeway_fhir::types::{Verification, invalid_nhs_number, nhs_number};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::{codes, hl7, write};
use causeway_hl7v3::party::{contacts, human_name};

/// The NHS number of an element with `id` children: the item, and whether it can be believed.
pub(crate) fn number<'d>(
    holder: Element<'d>,
) -> Option<(Leaf<'d>, Leaf<'d>, Result<NhsNumber, NhsNumberError>)> {
    holder.children_named("id").find_map(|id| {
        let root = id.attribute("root").filter(|r| r.text.trim() == codes::NHS_NUMBER_OID)?;
        let value = id.attribute("extension")?;
        Some((root, value, NhsNumber::parse(value.text)))
    })
}

/// What a patient is known by.
pub(crate) enum Number<'d> {
    /// An NHS number.
    Nhs(NhsNumber),
    /// What stands in its place and is none, and why it is none.
    Other(Leaf<'d>, NhsNumberError),
}

/// Writes `Patient`: the summary knows no more than the number.
pub(crate) fn patient(
    c: &mut Composer<'_>,
    holder: Element<'_>,
    number: &Number<'_>,
    from: (Leaf<'_>, Leaf<'_>),
) -> Ref {
    let key = match number {
        Number::Nhs(number) => number.as_str().to_owned(),
        Number::Other(value, _) => format!("not an NHS number|{}", value.text.trim()),
    };
    c.resource("Patient", &key, |w| {
        w.array("identifier", |w| match number {
            Number::Nhs(number) => nhs_number(w, *number, from.1, from.0, Verification::PresentNotTraced, ()),
            Number::Other(value, error) => {
                w.element(|w| invalid_nhs_number(w, *value, from.0, *error));
            }
        });
        let parts = holder.child("patientPerson").or_else(|| holder.child("patientPatient"));
        let Some(person) = parts else { return };
        w.array("name", |w| {
            for name in person.children_named("name") {
                w.element(|w| human_name(w, name));
            }
        });
    })
}

/// Somebody who took part: what a participant or an author refers to.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// A role, a person's relation, or a device.
    pub target: Ref,
}

impl Agent {
    fn of(target: Ref) -> Option<Self> {
        Some(Self { target })
    }
}

/// Whether an element of an author, informant or performer names somebody.
fn is_agent(name: &str) -> bool {
    name.contains("Agent") || name == "participantNonAgentRole"
}

/// The agent of an author, informant or performer. `place` tells agents without an id apart. `directly`: whether
/// an organisation may be referred to itself, without a role.
pub(crate) fn agent(
    c: &mut Composer<'_>,
    participation: Element<'_>,
    patient: Option<&Ref>,
    place: &str,
    directly: bool,
) -> Option<Agent> {
    let element = participation.children().find(|e| is_agent(e.name()))?;
    let place = format!("{place}|{}", participation.index());
    if element.name() == "participantNonAgentRole" {
        return Agent::of(related(c, element, patient, &place));
    }
    let suffix = element.name().rsplit('.').next().unwrap_or_default();
    if suffix.starts_with("AgentDevice") {
        return device(c, element, &place);
    }
    let alone = child_of(element, &PERSONS).is_none() && element.child("code").is_none();
    if alone && directly {
        return Agent::of(organisation(c, element, &place)?);
    }
    Agent::of(role(c, element, &place))
}

fn child_of<'d>(element: Element<'d>, names: &[&str]) -> Option<Element<'d>> {
    names.iter().find_map(|name| element.child(name))
}

const PERSONS: [&str; 4] = ["agentPersonSDS", "agentPerson", "representedPersonSDS", "representedPerson"];
const ORGANISATIONS: [&str; 6] = [
    "agentOrganizationSDS",
    "agentOrganization",
    "agentOrgSDS",
    "agentOrg",
    "representedOrganizationSDS",
    "representedOrganization",
];

/// Extension of the first id of an element: SDS calls it by that everywhere.
fn sds_id<'d>(element: Element<'d>) -> Option<(Leaf<'d>, Leaf<'d>)> {
    element.children_named("id").find_map(|id| Some((id.attribute("root")?, id.attribute("extension")?)))
}

/// Key of somebody: the id that SDS issued, else the place in the message.
fn key(element: Element<'_>, place: &str) -> String {
    match sds_id(element) {
        Some((root, value)) => format!("{}|{}", root.text.trim(), value.text.trim()),
        None => place.to_owned(),
    }
}

fn role(c: &mut Composer<'_>, agent: Element<'_>, place: &str) -> Ref {
    let practitioner = child_of(agent, &PERSONS).map(|person| practitioner(c, person, place));
    let organisation = organisation(c, agent, place);
    let key = match sds_id(agent) {
        Some((root, value)) => format!("{}|{}", root.text.trim(), value.text.trim()),
        None => match (child_of(agent, &PERSONS), child_of(agent, &ORGANISATIONS)) {
            // An organisation of the directory that authors is the same author every time.
            (None, Some(o)) if sds_id(o).is_some() && agent.child("code").is_none() => key(o, place),
            _ => place.to_owned(),
        },
    };
    if c.has("PractitionerRole", &key) {
        let target = c.reference("PractitionerRole", &key);
        c.writer().mapped(sds_id(agent));
        return target;
    }
    c.resource("PractitionerRole", &key, |w| {
        write::identifiers(w, &[agent]);
        if let Some(practitioner) = &practitioner {
            w.reference("practitioner", practitioner, ());
        }
        if let Some(organisation) = &organisation {
            w.reference("organization", organisation, ());
        }
        write::code_list(w, "code", &[agent.child("code")]);
    })
}

fn practitioner(c: &mut Composer<'_>, person: Element<'_>, place: &str) -> Ref {
    let key = key(person, place);
    if c.has("Practitioner", &key) {
        return repeated(c, "Practitioner", &key, person);
    }
    c.resource("Practitioner", &key, |w| {
        write::identifiers(w, &[person]);
        w.array("name", |w| {
            for name in person.children_named("name") {
                w.element(|w| human_name(w, name));
            }
        });
    })
}

/// A later mention of somebody whom the directory's id names: the id is carried by the reference, the rest was
/// said before.
fn repeated(c: &mut Composer<'_>, kind: &'static str, key: &str, element: Element<'_>) -> Ref {
    c.writer().mapped(sds_id(element));
    c.reference(kind, key)
}

fn organisation(c: &mut Composer<'_>, agent: Element<'_>, place: &str) -> Option<Ref> {
    let own = child_of(agent, &ORGANISATIONS);
    let contact = agent.child("addr").is_some() || agent.child("telecom").is_some();
    if own.is_none() && !contact {
        return None;
    }
    let key = own.map_or_else(|| place.to_owned(), |o| key(o, place));
    if c.has("Organization", &key) {
        return Some(repeated(c, "Organization", &key, own?));
    }
    Some(c.resource("Organization", &key, |w| {
        w.array("identifier", |w| {
            for id in own.into_iter().flat_map(|o| o.children_named("id")) {
                w.element(|w| organisation_id(w, id));
            }
        });
        write::code_list(w, "type", &[own.and_then(|o| o.child("code"))]);
        let name = own.and_then(|o| o.child("name")).and_then(Element::text).filter(|n| !n.is_blank());
        match (name, own.and_then(sds_id)) {
            (Some(name), _) => w.leaf("name", name),
            // An organisation has a name or an identifier (R4 org-1); here only its address is known.
            (None, None) => {
                w.object("_name", write::absent);
            }
            _ => {}
        }
        let holders: Vec<Element<'_>> = own.into_iter().chain([agent]).collect();
        contacts(w, &holders, false);
    }))
}

fn organisation_id(w: &mut Writer, id: Element<'_>) {
    match (id.attribute("root"), id.attribute("extension")) {
        (Some(root), Some(value)) if root.text.trim() == codes::ODS_OID && !value.is_blank() => {
            w.string("system", systems::ODS_ORGANISATION, root);
            w.leaf("value", value);
        }
        _ => write::identifier_body(w, id),
    }
}

fn related(c: &mut Composer<'_>, element: Element<'_>, patient: Option<&Ref>, place: &str) -> Ref {
    c.resource("RelatedPerson", place, |w| {
        match patient {
            Some(patient) => w.reference("patient", patient, ()),
            None => {
                w.object("patient", write::absent);
            }
        }
        write::code_list(w, "relationship", &[element.child("code")]);
        let person = child_of(element, &["playingNonAgentPerson", "playingPerson"]);
        w.array("name", |w| {
            for name in person.into_iter().flat_map(|p| p.children_named("name")) {
                w.element(|w| human_name(w, name));
            }
        });
        contacts(w, &[element], true);
    })
}

/// A system that authored: the device, its owner, and the owner's role as the author.
fn device(c: &mut Composer<'_>, agent: Element<'_>, place: &str) -> Option<Agent> {
    let organisation = organisation(c, agent, place);
    let own = child_of(agent, &["agentDeviceSDS", "agentDevice"]);
    let device = c.resource("Device", place, |w| {
        let holders: Vec<Element<'_>> = own.into_iter().chain([agent]).collect();
        write::identifiers(w, &holders);
        w.leaf_opt("modelNumber", own.and_then(|o| o.child("manufacturerModelName")).and_then(Element::text));
        w.array("deviceName", |w| {
            if let Some(name) = own.and_then(|o| o.child("name")).and_then(Element::text) {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "other");
                });
            }
        });
        write::code(w, "type", own.and_then(|o| o.child("code")));
        w.array("version", |w| {
            if let Some(version) = own.and_then(|o| o.child("softwareName")).and_then(Element::text) {
                w.element(|w| w.leaf("value", version));
            }
        });
        if let Some(organisation) = &organisation {
            w.reference("owner", organisation, ());
        }
        w.array("note", |w| {
            if let Some(text) = own.and_then(|o| o.child("desc")).and_then(Element::text) {
                w.element(|w| w.leaf("text", text));
            }
        });
    });
    let Some(organisation) = organisation else { return Some(Agent { target: device }) };
    let key = format!("{place}|owner");
    let target = c.resource("PractitionerRole", &key, |w| w.reference("organization", &organisation, ()));
    Agent::of(target)
}

/// Key of an entry, or of a summary: its GUID, else where it stands.
pub(crate) fn record_key(element: Element<'_>) -> String {
    hl7::guid(element).map_or_else(|| format!("element {}", element.index()), |id| hl7::key(id.text))
}
