//! The people and organisations of a notice as FHIR.

use causeway_adapter::{Composer, birth};
use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Severity, When};
use causeway_fhir::types::{self, Verification};
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::notice::{Notice, Party, Person};

/// Key of the person: the hospital's number, else the NHS number, else the referral.
pub fn key(notice: &Notice<'_>, record: &str) -> String {
    let person = &notice.person;
    let own = person.hospital_id.or(person.nhs_number).map(|l| l.text.to_owned());
    own.unwrap_or_else(|| format!("of {record}"))
}

/// Writes the person.
pub fn patient(notice: &Notice<'_>, key: &str, c: &mut Composer<'_>) -> Ref {
    let person = &notice.person;
    let sender = c.context.sender.code.clone();
    let (zone, received) = (c.context.zone.clone(), c.context.received);
    let born = day(person.born, &zone, c);
    let gender = gender(person.gender);
    c.resource("Patient", key, |w| {
        w.array("extension", |w| interpreter(w, person));
        w.array("identifier", |w| identifiers(w, person, &sender));
        w.array("name", |w| {
            w.element(|w| {
                w.leaf_opt("family", person.family);
                w.array("given", |w| person.given.iter().for_each(|g| w.value(g.text.trim(), *g)));
            });
        });
        w.array("telecom", |w| contact_points(w, person.phone, person.email));
        match gender {
            Some((leaf, code)) => w.string("gender", code, leaf),
            None => {
                if let Some(leaf) = person.gender {
                    w.issue(Some(leaf.id), crate::rules::GENDER_UNKNOWN.issue());
                    types::unmapped_code(w, "gender", "unknown", leaf);
                }
            }
        }
        if let Some((when, leaf)) = born
            && !birth::is_in_future(w, received, &when, leaf)
        {
            w.date("birthDate", &when, leaf);
        }
        w.array("address", |w| {
            w.element(|w| {
                w.array("line", |w| person.lines.iter().for_each(|l| w.value(l.text.trim(), *l)));
                w.leaf_opt("postalCode", person.postcode);
            });
        });
        w.array("communication", |w| {
            if let Some(language) = person.language {
                spoken(w, language);
            }
        });
    })
}

/// A language that a person speaks: FHIR demands a BCP 47 tag, so words that are not known are told and not written.
fn spoken(w: &mut Writer, language: Leaf<'_>) {
    let tag = match language.text {
        "English" => Some("en"),
        "Welsh" => Some("cy"),
        "Polish" => Some("pl"),
        "Punjabi" => Some("pa"),
        "Urdu" => Some("ur"),
        "Bengali" => Some("bn"),
        "Gujarati" => Some("gu"),
        code if (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase()) => Some(code),
        _ => None,
    };
    let Some(tag) = tag else {
        let text = "the language is neither a BCP 47 tag nor among the names that are known";
        return unknown(w, Some(language), "language-unknown", text);
    };
    w.element(|w| {
        w.object("language", |w| {
            w.array("coding", |w| {
                w.element(|w| Coding::new(systems::BCP_47, tag, "").body(w, language));
            });
            if tag != language.text {
                w.leaf("text", language);
            }
        });
    });
}

/// A code that is not known is lost from its element, and told: `Patient.gender` has no place for words.
fn unknown(w: &mut Writer, leaf: Option<Leaf<'_>>, rule: &'static str, text: &'static str) {
    if let Some(leaf) = leaf {
        w.issue(Some(leaf.id), Issue::new(Severity::Warning, IssueCode::CodeInvalid, rule, text));
        w.claim(leaf, causeway_core::Outcome::Rejected, "the code is not known");
    }
}

fn gender(leaf: Option<Leaf<'_>>) -> Option<(Leaf<'_>, &'static str)> {
    let leaf = leaf?;
    let code = match leaf.text.to_ascii_lowercase().as_str() {
        "male" | "m" => "male",
        "female" | "f" => "female",
        "other" => "other",
        "unknown" => "unknown",
        _ => return None,
    };
    Some((leaf, code))
}

fn interpreter(w: &mut Writer, person: &Person<'_>) {
    if let Some(leaf) = person.interpreter {
        let url = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired";
        types::extension(w, url, |w| w.boolean("valueBoolean", leaf.text == "true", leaf));
    }
}

fn identifiers(w: &mut Writer, person: &Person<'_>, sender: &str) {
    if let Some(leaf) = person.nhs_number {
        let status = person.nhs_number_status.and_then(|s| Verification::from_code(s.text).map(|v| (s, v)));
        match NhsNumber::parse(leaf.text) {
            Ok(number) => match status {
                Some((from, status)) => types::nhs_number(w, number, leaf, (), status, from),
                None => types::nhs_number(w, number, leaf, (), Verification::PresentNotTraced, ()),
            },
            Err(error) => {
                w.element(|w| types::invalid_nhs_number(w, leaf, (), error));
            }
        }
        if let Some(leaf) = person.nhs_number_status.filter(|_| status.is_none()) {
            let text = "the status of the NHS number is none of 01 to 08";
            w.issue(
                Some(leaf.id),
                Issue::new(Severity::Warning, IssueCode::CodeInvalid, "nhs-number-status", text),
            );
        }
    }
    if let Some(own) = person.hospital_id {
        match person.hospital_system.filter(|s| s.text.contains(':')) {
            Some(system) => {
                w.element(|w| types::identifier_body(w, system.text, own.text.trim(), (own, system)));
            }
            None => types::identifier(w, &systems::local(sender, "patient"), own),
        }
    }
}

/// Telephone and electronic mail as `ContactPoint`s.
pub fn contact_points(w: &mut Writer, phone: Option<Leaf<'_>>, email: Option<Leaf<'_>>) {
    for (system, leaf) in [("phone", phone), ("email", email)] {
        if let Some(leaf) = leaf {
            w.element(|w| {
                w.fixed("system", system);
                w.leaf("value", leaf);
            });
        }
    }
}

/// A date, or nothing and an issue.
pub fn day<'t>(
    leaf: Option<Leaf<'t>>,
    zone: &jiff::tz::TimeZone,
    c: &mut Composer<'_>,
) -> Option<(When, Leaf<'t>)> {
    let leaf = leaf?;
    match When::iso(leaf.text, zone) {
        Ok(when) => {
            if let Some(doubt) = when.doubt() {
                c.issue_at(
                    leaf.id,
                    Issue::new(Severity::Warning, IssueCode::Value, "local-time-doubtful", doubt),
                );
            }
            Some((when, leaf))
        }
        Err(error) => {
            c.issue_at(
                leaf.id,
                Issue::new(Severity::Warning, IssueCode::Value, "bad-format", error.to_string()),
            );
            c.claim(leaf, causeway_core::Outcome::Rejected, "the date or time can't be read");
            None
        }
    }
}

/// An organisation with its ODS code.
pub fn organisation(party: &Party<'_>, fallback: &str, c: &mut Composer<'_>) -> Option<Ref> {
    if party.code.is_none() && party.name.is_none() {
        return None;
    }
    let key = party.code.or(party.name).map_or(fallback, |l| l.text).to_owned();
    Some(c.once("Organization", &key, |w| {
        w.array("identifier", |w| {
            if let Some(code) = party.code {
                types::identifier(w, systems::ODS_ORGANISATION, code);
            }
        });
        w.leaf_opt("name", party.name);
        w.array("telecom", |w| contact_points(w, party.phone, party.email));
    }))
}

/// A practitioner with the role they have here.
pub fn professional(party: &Party<'_>, role: &str, record: &str, c: &mut Composer<'_>) -> Option<Ref> {
    if party.is_empty() {
        return None;
    }
    let key = format!("{role} of {record}");
    Some(c.resource("Practitioner", &key, |w| {
        w.array("identifier", |w| {
            if let Some(code) = party.code {
                types::identifier(w, systems::SDS_USER, code);
            }
        });
        w.array("name", |w| {
            w.element(|w| w.leaf_opt("text", party.name));
        });
        w.array("telecom", |w| contact_points(w, party.phone, party.email));
    }))
}

/// The carer.
pub fn carer(party: &Party<'_>, patient: &Ref, record: &str, c: &mut Composer<'_>) {
    if party.is_empty() {
        return;
    }
    let role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    c.resource("RelatedPerson", &format!("carer of {record}"), |w| {
        w.reference("patient", patient, ());
        w.array("relationship", |w| {
            types::concept_element(
                w,
                Coding::new(role, "_PersonalRelationshipRoleType", "PersonalRelationshipRoleType"),
                (),
            );
            if let Some(part) = party.part {
                w.element(|w| w.leaf("text", part));
            }
        });
        w.array("name", |w| {
            w.element(|w| w.leaf_opt("text", party.name));
        });
        w.array("telecom", |w| contact_points(w, party.phone, party.email));
    });
}
