//! The person and the provider.

use causeway_core::{Leaf, NhsNumber, Outcome, When};
use causeway_fhir::types::{self, Verification, ukcore_extension};
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::bind::section;
use crate::item::In;
use crate::open::{Record, label, provider_code};
use crate::sections::people::{ETHNICITY, GENDER};
use crate::sections::whole::RECORD_CODE;
use crate::write::{self, Env};

/// R4's extension for gender identity.
pub const GENDER_IDENTITY: &str = "http://hl7.org/fhir/StructureDefinition/patient-genderIdentity";
/// R4's extension for the need of an interpreter.
pub const INTERPRETER: &str = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired";

/// Members of the subject that are sensitive: held back unless option `sensitive-items`.
pub const SENSITIVE: [(&str, Coding<'static>); 2] = [
    ("sexualOrientation", section("sexual-orientation", "Sexual orientation")),
    ("pregnancyStatus", section("pregnancy-status", "Pregnancy status")),
];

/// Whether the subject can be told from others: by a sound NHS number, or by name and date of birth.
pub fn identified(root: In<'_>) -> bool {
    number(root).is_some() || (root.has("subject.familyName") && root.has("subject.dateOfBirth"))
}

fn number(root: In<'_>) -> Option<NhsNumber> {
    NhsNumber::parse(root.leaf("subject.nhsNumber")?.text).ok()
}

/// A key of the person for a record without id.
pub fn key(root: In<'_>) -> String {
    let text = |path: &str| root.leaf(path).map_or("", |leaf| leaf.text);
    format!("{}|{}|{}", text("subject.nhsNumber"), text("subject.familyName"), text("subject.dateOfBirth"))
}

/// The provider as Organization.
pub fn provider(record: &mut Record<'_, '_, '_>, owner: &str) -> Option<Ref> {
    let provider = record.root.get("provider")?;
    provider_code(record.root)?;
    Some(record.c.resource("Organization", owner, |w| {
        w.array("identifier", |w| {
            if let Some(code) = provider.leaf("cqcLocationId") {
                types::identifier(w, systems::CQC_LOCATION, code);
            }
            if let Some(code) = provider.leaf("odsCode") {
                types::identifier(w, systems::ODS_ORGANISATION, code);
            }
        });
        w.leaf_opt("name", provider.leaf("name"));
        w.array("telecom", |w| contact_point(w, "phone", provider.leaf("telephone"), None));
    }))
}

/// The record itself: its id and version (MODS versioned record).
pub fn record(record: &mut Record<'_, '_, '_>, key: &str) {
    let root = record.root;
    let (patient, provider) = (record.patient.clone(), record.provider.clone());
    let context = record.c.context;
    let system = record.system.clone();
    record.c.resource("Basic", key, |w| {
        w.array("identifier", |w| {
            if let Some(uid) = root.leaf("recordUid") {
                types::identifier(w, &system, uid);
            }
        });
        w.array("extension", |w| {
            if let Some(version) = root.leaf("version") {
                write::version_extension(w, version);
            }
        });
        types::concept_fixed(w, "code", RECORD_CODE);
        w.reference("subject", &patient, ());
        if let Some(at) = root.leaf("recordedAt")
            && let Some(when) = write::when(w, at, Env { zone: &context.zone, system: &system })
        {
            w.date("created", &when, at);
        }
        if let Some(provider) = &provider {
            w.reference("author", provider, ());
        }
    });
}

/// The person as Patient.
pub fn patient(record: &mut Record<'_, '_, '_>, key: &str) {
    let Some(subject) = record.root.get("subject") else { return };
    let provider = record.provider.clone();
    let context = record.c.context;
    let owner = provider_code(record.root).map_or(context.sender.code.as_str(), |leaf| leaf.text);
    let own_system = systems::local(owner, "person");
    record.c.resource("Patient", key, |w| {
        let env = Env { zone: &context.zone, system: &own_system };
        w.array("extension", |w| extensions(w, subject));
        w.array("identifier", |w| identifiers(w, subject, &own_system));
        names(w, subject);
        w.array("telecom", |w| {
            for phone in subject.list("telephones") {
                contact_point(w, "phone", phone.leaf("number"), phone.leaf("use"));
            }
            for email in subject.list("emails") {
                contact_point(w, "email", email.leaf("address"), email.leaf("use"));
            }
        });
        if let Some(gender) = subject.leaf("gender")
            && let Some((_, code)) = GENDER.iter().find(|(own, _)| *own == gender.text)
        {
            w.string("gender", code, gender);
        }
        dates(w, subject, env, context.received);
        address(w, subject);
        if let Some(language) = subject.leaf("firstLanguage") {
            w.array("communication", |w| {
                w.element(|w| {
                    types::concept(w, "language", Coding::new(systems::BCP_47, language.text, ""), language);
                    w.boolean("preferred", true, ());
                });
            });
        }
        practice(w, subject);
        if let Some(provider) = &provider {
            w.reference("managingOrganization", provider, ());
        }
    });
    sensitive(record, subject);
}

fn extensions(w: &mut Writer, subject: In<'_>) {
    if let Some(code) = subject.leaf("ethnicity") {
        let display = ETHNICITY.display(code.text).unwrap_or_default();
        types::extension(w, &ukcore_extension("EthnicCategory"), |w| {
            types::concept(
                w,
                "valueCodeableConcept",
                Coding::new(ETHNICITY.system, code.text, display),
                code,
            );
        });
    }
    if let Some(religion) = subject.get("religion") {
        types::extension(w, &ukcore_extension("ReligiousAffiliation"), |w| {
            w.object("valueCodeableConcept", |w| write::concept(w, religion));
        });
    }
    if let Some(words) = subject.leaf("genderIdentity") {
        types::extension(w, GENDER_IDENTITY, |w| types::concept_text(w, "valueCodeableConcept", words));
    }
    if let Some(needed) = subject.leaf("interpreterRequired") {
        types::extension(w, INTERPRETER, |w| w.boolean("valueBoolean", needed.text == "true", needed));
    }
}

fn identifiers(w: &mut Writer, subject: In<'_>, own_system: &str) {
    if let Some(leaf) = subject.leaf("nhsNumber") {
        match NhsNumber::parse(leaf.text) {
            Ok(number) => types::nhs_number(w, number, leaf, (), Verification::PresentNotTraced, ()),
            Err(error) => {
                w.element(|w| types::invalid_nhs_number(w, leaf, (), error));
            }
        }
    }
    for other in subject.list("localIdentifiers") {
        if let Some(value) = other.leaf("value") {
            w.element(|w| {
                match other.leaf("system") {
                    Some(system) => w.leaf("system", system),
                    None => w.fixed("system", own_system),
                }
                types::tell_doubt(w, value.text, &value);
                w.leaf("value", value);
            });
        }
    }
}

fn names(w: &mut Writer, subject: In<'_>) {
    let named = ["familyName", "givenName", "middleNames", "title", "suffix"];
    w.array("name", |w| {
        w.element(|w| {
            // A use alone names nobody.
            if !named.iter().any(|name| subject.get(name).is_some()) {
                return;
            }
            w.fixed("use", "official");
            w.leaf_opt("family", subject.leaf("familyName"));
            w.array("given", |w| {
                for given in subject
                    .leaf("givenName")
                    .into_iter()
                    .chain(subject.list("middleNames").filter_map(|n| n.leaf("")))
                {
                    w.value(given.text.trim(), given);
                }
            });
            for (key, name) in [("prefix", "title"), ("suffix", "suffix")] {
                if let Some(part) = subject.leaf(name) {
                    w.array(key, |w| w.value(part.text.trim(), part));
                }
            }
        });
        if let Some(preferred) = subject.leaf("preferredName") {
            w.element(|w| {
                w.fixed("use", "usual");
                w.leaf("text", preferred);
            });
        }
    });
}

/// A contact point as an element; nothing where there is no value.
pub fn contact_point(w: &mut Writer, system: &str, value: Option<Leaf<'_>>, usage: Option<Leaf<'_>>) {
    let Some(value) = value else { return };
    w.element(|w| {
        w.fixed("system", system);
        w.leaf("value", value);
        w.leaf_opt("use", usage);
    });
}

fn dates(w: &mut Writer, subject: In<'_>, env: Env<'_>, received: jiff::Timestamp) {
    if let Some(born) = subject.leaf("dateOfBirth")
        && let Some(when) = write::when(w, born, env)
        && !causeway_adapter::birth::is_in_future(w, received, &when, born)
    {
        w.date("birthDate", &when, born);
    }
    if let Some(died) = subject.leaf("dateOfDeath")
        && let Some(when) = write::when(w, died, env)
        && !causeway_adapter::birth::is_no_death(w, &when, died)
    {
        let born = subject.leaf("dateOfBirth").and_then(|born| When::iso(born.text, env.zone).ok());
        causeway_adapter::birth::tell_death(w, received, &when, born.as_ref(), died);
        w.date_time("deceasedDateTime", &when, died);
    }
}

fn address(w: &mut Writer, subject: In<'_>) {
    let Some(address) = subject.get("address") else { return };
    w.array("address", |w| {
        w.element(|w| {
            w.array("line", |w| {
                for name in ["line1", "line2", "line3", "line4", "line5"] {
                    if let Some(line) = address.leaf(name) {
                        w.value(line.text.trim(), line);
                    }
                }
            });
            w.leaf_opt("postalCode", address.leaf("postcode"));
        });
    });
}

fn practice(w: &mut Writer, subject: In<'_>) {
    let (code, name, doctor) =
        (subject.leaf("gpPracticeCode"), subject.leaf("gpPracticeName"), subject.leaf("gpName"));
    w.array("generalPractitioner", |w| {
        w.element(|w| {
            if code.is_some() || name.is_some() {
                w.fixed("type", "Organization");
            }
            if let Some(code) = code {
                w.object("identifier", |w| {
                    types::identifier_body(w, systems::ODS_ORGANISATION, code.text, code)
                });
            }
            w.leaf_opt("display", name);
        });
        if let Some(doctor) = doctor {
            w.element(|w| {
                w.fixed("type", "Practitioner");
                w.leaf("display", doctor);
            });
        }
    });
}

/// Sensitive statements: with option `sensitive-items` as restricted Observations, immigration status never.
fn sensitive(record: &mut Record<'_, '_, '_>, subject: In<'_>) {
    if let Some(status) = subject.leaf("immigrationStatus") {
        record.c.claim(status, Outcome::Withheld, "immigration status is never passed on");
    }
    let open = record.c.context.enabled("sensitive-items");
    let patient = record.patient.clone();
    for (name, code) in SENSITIVE {
        let Some(value) = subject.leaf(name) else { continue };
        if !open {
            record.c.claim(
                value,
                Outcome::Withheld,
                "sensitive statements are passed on only with option sensitive-items",
            );
            continue;
        }
        let key = format!("{}|{name}", patient.id);
        record.c.resource_with("Observation", &key, &label(true), |w| {
            w.fixed("status", "final");
            types::concept_fixed(w, "code", code);
            w.reference("subject", &patient, ());
            w.leaf("valueString", value);
        });
    }
}
