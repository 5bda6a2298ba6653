//! Patient, people who took part, and organisations.

use causeway_adapter::Composer;
use causeway_core::{Leaf, NhsNumber};
use causeway_fhir::types::{
    Verification, extension, invalid_nhs_number, nhs_number, second_nhs_number, ukcore_extension,
    unmapped_code,
};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v3::party::{address_body, contacts, telecom_body};
use causeway_hl7v3::{Time, time, when};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::{GENDER, LOCAL_ID, NHS_UNVERIFIED, NHS_VERIFIED, system};
use crate::scope::{Agent, Scope};
use crate::{rules, write};

/// The birth time of a patient that is no date.
pub(crate) fn bad_birth<'d>(role: Element<'d>, zone: &TimeZone) -> Option<Leaf<'d>> {
    let leaf = role.path(&["patient", "birthTime"])?.attribute("value")?;
    (!leaf.is_blank() && when(leaf.text.trim(), zone).is_none()).then_some(leaf)
}

/// What the id of a patient is.
enum Number<'d> {
    /// An NHS number and how far it was verified.
    Nhs(NhsNumber, Verification),
    /// Called one, and none.
    Stated(causeway_core::NhsNumberError),
    /// An organisation's own.
    Local,
    /// Nothing.
    Absent(std::marker::PhantomData<&'d ()>),
}

fn number<'d>(id: Element<'d>) -> Number<'d> {
    let (Some(root), Some(value)) = (id.attribute("root"), id.attribute("extension")) else {
        return Number::Absent(std::marker::PhantomData);
    };
    let status = match root.text.trim() {
        NHS_VERIFIED => Verification::Verified,
        NHS_UNVERIFIED => Verification::PresentNotTraced,
        _ => return Number::Local,
    };
    match NhsNumber::parse(value.text) {
        Ok(number) => Number::Nhs(number, status),
        Err(error) => Number::Stated(error),
    }
}

/// Writes `Patient`.
pub(crate) fn patient(c: &mut Composer<'_>, role: Element<'_>, document: &str, zone: &TimeZone) -> Ref {
    let ids: Vec<_> = role.children_named("id").map(|id| (id, number(id))).collect();
    let own = ids.iter().find_map(|(_, n)| match n {
        Number::Nhs(number, _) => Some(number.as_str().to_owned()),
        _ => None,
    });
    let local = ids.iter().find_map(|(id, n)| match n {
        Number::Local => Some(format!(
            "{}|{}|{}",
            id.attribute("root")?.text.trim(),
            id.attribute("assigningAuthorityName").map_or("", |a| a.text.trim()),
            id.attribute("extension").filter(|e| !e.is_blank())?.text.trim()
        )),
        _ => None,
    });
    let key = own.or(local).unwrap_or_else(|| format!("patient of {document}"));
    let practice = role.child("providerOrganization").map(|o| organisation(c, o, None, document));
    let person = role.child("patient");
    let received = c.context.received;
    c.resource("Patient", &key, |w| {
        w.array("extension", |w| {
            if let Some(person) = person {
                extensions(w, person);
            }
        });
        w.array("identifier", |w| {
            let mut first = None;
            for (id, number) in &ids {
                identifier(w, *id, number, &mut first);
            }
        });
        if let Some(person) = person {
            w.array("name", |w| {
                for name in person.children_named("name") {
                    w.element(|w| human_name(w, name));
                }
            });
        }
        w.array("telecom", |w| telecoms(w, role));
        if let Some(person) = person {
            gender(w, person);
            if let Some(time) = time(person.child("birthTime"), zone)
                && !causeway_adapter::birth::is_in_future(w, received, &time.when, time.leaf)
            {
                w.date("birthDate", &time.when, time.leaf);
                birth_time(w, &time);
            }
        }
        w.array("address", |w| addresses(w, role));
        if let Some(person) = person {
            write::code(w, "maritalStatus", person.child("maritalStatusCode"));
            w.array("contact", |w| guardians(w, person));
            w.array("communication", |w| {
                for language in person.children_named("languageCommunication") {
                    communication(w, language);
                }
            });
        }
        w.array("generalPractitioner", |w| {
            if let Some(practice) = &practice {
                w.reference_element(practice, ());
            }
        });
    })
}

/// The time of day of a birth, which `birthDate` has no room for.
fn birth_time(w: &mut Writer, time: &Time<'_>) {
    if time.when.precision() <= causeway_core::Precision::Day {
        return;
    }
    w.object("_birthDate", |w| {
        w.array("extension", |w| {
            extension(w, "http://hl7.org/fhir/StructureDefinition/patient-birthTime", |w| {
                w.date_time("valueDateTime", &time.when, time.leaf);
            });
        });
    });
}

fn identifier(w: &mut Writer, id: Element<'_>, number: &Number<'_>, first: &mut Option<NhsNumber>) {
    let (root, value) = (id.attribute("root"), id.attribute("extension"));
    match (number, value) {
        (Number::Nhs(number, status), Some(value)) => match *first.get_or_insert(*number) {
            known if known != *number => second_nhs_number(w, value, root),
            _ => nhs_number(w, *number, value, root, *status, root),
        },
        (Number::Stated(error), Some(value)) => {
            w.element(|w| invalid_nhs_number(w, value, root, *error));
        }
        (Number::Local, Some(value)) if !value.is_blank() => {
            let authority = id.attribute("assigningAuthorityName").filter(|a| !a.is_blank());
            w.element(|w| {
                match (root, authority) {
                    // Local identifiers of all systems share one OID: whose it is says the authority.
                    (Some(root), Some(authority)) if root.text.trim() == LOCAL_ID => {
                        let organisation = authority.text.trim().split(':').next().unwrap_or_default();
                        w.string("system", &systems::local(organisation, "patient"), (root, authority));
                    }
                    (Some(root), _) => {
                        if let Some(uri) = system(root.text.trim()) {
                            w.string("system", &uri, root);
                        }
                    }
                    (None, _) => {}
                }
                w.leaf("value", value);
                if let Some(authority) = authority {
                    w.object("assigner", |w| w.leaf("display", authority));
                }
            });
        }
        _ => {}
    }
}

fn extensions(w: &mut Writer, person: Element<'_>) {
    let ethnic = person.children_named("ethnicGroupCode").next();
    if let Some(code) = ethnic {
        extension(w, &ukcore_extension("EthnicCategory"), |w| {
            write::code(w, "valueCodeableConcept", Some(code));
        });
    }
    if let Some(code) = person.child("religiousAffiliationCode") {
        extension(w, "http://hl7.org/fhir/StructureDefinition/patient-religion", |w| {
            write::code(w, "valueCodeableConcept", Some(code));
        });
    }
    if let Some(place) = person.path(&["birthplace", "place"]) {
        extension(w, "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", |w| {
            w.object("valueAddress", |w| match place.child("addr") {
                Some(address) => address_with_use(w, address),
                None => w.leaf_opt("text", place.child("name").and_then(Element::text)),
            });
        });
    }
}

fn gender(w: &mut Writer, person: Element<'_>) {
    let Some(leaf) = person.child("administrativeGenderCode").and_then(|g| g.attribute("code")) else {
        return;
    };
    match GENDER.lookup(leaf.text.trim()) {
        Some(target) => w.string("gender", target.code, leaf),
        None => {
            w.issue(Some(leaf.id), rules::GENDER.issue());
            unmapped_code(w, "gender", "unknown", leaf);
        }
    }
}

fn guardians(w: &mut Writer, person: Element<'_>) {
    for guardian in person.children_named("guardian") {
        let who = guardian.child("guardianPerson").or_else(|| guardian.child("guardianOrganization"));
        w.element(|w| {
            w.array("relationship", |w| {
                w.element(|w| match guardian.child("code") {
                    Some(code) => write::code_body(w, code),
                    None => w.fixed("text", "guardian"),
                });
            });
            if let Some(name) = who.and_then(|p| p.child("name")) {
                w.object("name", |w| human_name(w, name));
            }
            w.array("telecom", |w| telecoms(w, guardian));
            if let Some(address) = guardian.child("addr") {
                w.object("address", |w| address_with_use(w, address));
            }
        });
    }
}

fn communication(w: &mut Writer, part: Element<'_>) {
    let Some(code) = part.child("languageCode").and_then(|l| l.attribute("code")).filter(|l| !l.is_blank())
    else {
        return;
    };
    w.element(|w| {
        w.array("extension", |w| {
            let proficiency = part.child("proficiencyLevelCode").and_then(|p| p.attribute("code"));
            let mode = part.child("modeCode").and_then(|m| m.attribute("code"));
            if proficiency.is_none() && mode.is_none() {
                return;
            }
            w.element(|w| {
                w.array("extension", |w| {
                    for (url, leaf, list) in [
                        (
                            "level",
                            proficiency,
                            "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityProficiency",
                        ),
                        ("type", mode, "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode"),
                    ] {
                        if let Some(leaf) = leaf {
                            extension(w, url, |w| {
                                w.object("valueCoding", |w| {
                                    Coding::new(list, leaf.text.trim(), "").body(w, leaf)
                                });
                            });
                        }
                    }
                });
                w.fixed("url", "http://hl7.org/fhir/StructureDefinition/patient-proficiency");
            });
        });
        w.object("language", |w| {
            w.array("coding", |w| {
                w.element(|w| Coding::new(systems::BCP_47, code.text.trim(), "").body(w, code));
            });
        });
        let preferred = part.child("preferenceInd").and_then(|p| p.attribute("value"));
        if let Some(leaf) = preferred.filter(|l| matches!(l.text.trim(), "true" | "false")) {
            w.boolean("preferred", leaf.text.trim() == "true", leaf);
        }
    });
}

/// The content of a `HumanName`. All texts are kept: names are written in pieces, or as one text.
pub(crate) fn human_name(w: &mut Writer, name: Element<'_>) {
    causeway_hl7v3::party::human_name(w, name);
}

/// `telecom` of a person: an emergency contact number is still a number of hers.
fn telecoms(w: &mut Writer, holder: Element<'_>) {
    for telecom in holder.children_named("telecom") {
        let Some(value) = telecom.attribute("value").filter(|v| !v.is_blank()) else { continue };
        w.element(|w| telecom_body(w, value, telecom.attribute("use"), true));
    }
}

fn addresses(w: &mut Writer, holder: Element<'_>) {
    for address in holder.children_named("addr") {
        w.element(|w| address_with_use(w, address));
    }
}

/// An address of a person: `H` and `HP` home, `TMP` temporary, `PHYS` where she is, `PST` for letters.
pub(crate) fn address_with_use(w: &mut Writer, address: Element<'_>) {
    if let Some(leaf) = address.attribute("use") {
        match leaf.text.trim() {
            "H" | "HP" => w.string("use", "home", leaf),
            "TMP" => w.string("use", "temp", leaf),
            "PHYS" => w.string("type", "physical", leaf),
            "PST" => w.string("type", "postal", leaf),
            _ => {}
        }
    }
    address_body(w, address);
}

const ROLES: [&str; 10] = [
    "assignedAuthor",
    "assignedEntity",
    "assignedPerson",
    "intendedRecipient",
    "associatedEntity",
    "relatedEntity",
    "participantRole",
    "informationRecipient",
    "assignedCustodian",
    "specimenRole",
];

const ORGANISATIONS: [&str; 4] =
    ["representedOrganization", "receivedOrganization", "scopingOrganization", "scopingEntity"];

const PERSONS: [&str; 6] = [
    "assignedPerson",
    "informationRecipient",
    "associatedPerson",
    "relatedPerson",
    "playingEntity",
    "person",
];

fn child_of<'d>(element: Element<'d>, names: &[&str]) -> Option<Element<'d>> {
    names.iter().find_map(|name| element.child(name))
}

/// The first id that is one: a code of a directory, or a number.
fn own_id<'d>(element: Element<'d>) -> Option<(Leaf<'d>, Leaf<'d>)> {
    element
        .children_named("id")
        .find_map(|id| Some((id.attribute("root")?, id.attribute("extension").filter(|e| !e.is_blank())?)))
}

/// The person, organisation or device of a participation.
pub(crate) fn agent<'d>(c: &mut Composer<'_>, scope: &Scope<'d>, part: Element<'d>) -> Option<Agent<'d>> {
    let role = part.children().find(|e| ROLES.contains(&e.name()))?;
    let target = match role.name() {
        "relatedEntity" => related(c, scope, part, role),
        "specimenRole" => return None,
        _ => professional(c, scope, role)?,
    };
    Some(Agent { target, time: time(part.child("time"), &scope.zone), part })
}

/// A person in a role, or an organisation where no person is named.
fn professional(c: &mut Composer<'_>, scope: &Scope<'_>, role: Element<'_>) -> Option<Ref> {
    let device = child_of(role, &["assignedAuthoringDevice", "playingDevice"]);
    if let Some(device) = device {
        return Some(self::device(c, scope, device));
    }
    let person = child_of(role, &PERSONS).filter(|p| !p.items().is_empty());
    let contact = role.child("telecom").is_some() || role.child("addr").is_some();
    let organisation = child_of(role, &ORGANISATIONS).map(|o| organisation(c, o, None, &scope.key));
    let id = own_id(role);
    let place = format!("{}|{}", scope.key, role.index());
    if person.is_none() && role.child("code").is_none() && id.is_none() && !contact {
        return organisation;
    }
    // A number without a person is the organisation's own way of naming a place or service.
    let key = id
        .map_or_else(|| place.clone(), |(r, v)| format!("{}|{}|{}", r.text.trim(), v.text.trim(), scope.key));
    let practitioner = person.map(|person| {
        c.resource("Practitioner", &format!("{place}|person"), |w| {
            w.array("name", |w| {
                for name in person.children_named("name") {
                    w.element(|w| human_name(w, name));
                }
            });
        })
    });
    if c.has("PractitionerRole", &key) {
        let target = c.reference("PractitionerRole", &key);
        if practitioner.is_none() {
            c.writer().mapped(id);
            return Some(target);
        }
    }
    let key = if c.has("PractitionerRole", &key) { place } else { key };
    Some(c.resource("PractitionerRole", &key, |w| {
        write::identifiers(w, role);
        if let Some(practitioner) = &practitioner {
            w.reference("practitioner", practitioner, ());
        }
        if let Some(organisation) = &organisation {
            w.reference("organization", organisation, ());
        }
        write::code_list(w, "code", role.child("code"));
        w.array("telecom", |w| telecoms(w, role));
        // R4 has no address of a role: it is the address of where she works.
        if role.child("addr").is_some() {
            w.array("location", |w| {
                for address in role.children_named("addr") {
                    let (text, items) = address.text_content();
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    w.element(|w| w.string("display", &text, items));
                }
            });
        }
    }))
}

fn device(c: &mut Composer<'_>, scope: &Scope<'_>, device: Element<'_>) -> Ref {
    let key = format!("{}|device|{}", scope.key, device.index());
    let words = |name: &str| {
        let part = device.child(name)?;
        part.text().or_else(|| part.attribute("displayName"))
    };
    c.resource("Device", &key, |w| {
        w.array("deviceName", |w| {
            if let Some(name) = words("manufacturerModelName") {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "model-name");
                });
            }
        });
        write::code(w, "type", device.child("code"));
        w.array("version", |w| {
            if let Some(version) = words("softwareName") {
                w.element(|w| w.leaf("value", version));
            }
        });
    })
}

/// Somebody who is related to the patient: an informant, or a contact.
fn related(c: &mut Composer<'_>, scope: &Scope<'_>, part: Element<'_>, role: Element<'_>) -> Ref {
    let key = format!("{}|related|{}", scope.key, part.index());
    c.resource("RelatedPerson", &key, |w| {
        write::identifiers(w, role);
        w.reference("patient", &scope.patient, ());
        write::code_list(w, "relationship", role.child("code"));
        w.array("name", |w| {
            for name in role.child("relatedPerson").into_iter().flat_map(|p| p.children_named("name")) {
                w.element(|w| human_name(w, name));
            }
        });
        w.array("telecom", |w| telecoms(w, role));
        w.array("address", |w| addresses(w, role));
        if let causeway_hl7v3::Effective::Between(start, end) =
            causeway_hl7v3::interval(role.child("effectiveTime"), &scope.zone)
        {
            causeway_hl7v3::write::period(w, "period", start, end);
        }
    })
}

/// An organisation: by its code everywhere the same, else of this document.
pub(crate) fn organisation(
    c: &mut Composer<'_>,
    organisation: Element<'_>,
    extra: Option<Element<'_>>,
    document: &str,
) -> Ref {
    let id = own_id(organisation);
    let name = organisation.children_named("name").find_map(Element::text).filter(|n| !n.is_blank());
    let named = name.map_or("", |n| n.text.trim());
    let place = format!("{document}|organisation|{}", organisation.index());
    // The same code under two names stays two: which of them is right can't be told here.
    let key = id.map_or(place, |(r, v)| format!("{}|{}|{named}", r.text.trim(), v.text.trim()));
    let whole = organisation.child("asOrganizationPartOf").and_then(|p| child_of(p, &["wholeOrganization"]));
    if c.has("Organization", &key) {
        c.writer().mapped((id, name));
        return c.reference("Organization", &key);
    }
    let parent = whole.map(|w| self::organisation(c, w, None, document));
    c.resource("Organization", &key, |w| {
        write::identifiers(w, organisation);
        write::code_list(w, "type", organisation.child("standardIndustryClassCode"));
        match (name, id) {
            (Some(name), _) => w.leaf("name", name),
            (None, None) => {
                w.object("_name", write::absent);
            }
            _ => {}
        }
        let holders: Vec<Element<'_>> = std::iter::once(organisation).chain(extra).collect();
        contacts(w, &holders, false);
        if let Some(parent) = &parent {
            w.reference("partOf", parent, ());
        }
    })
}
