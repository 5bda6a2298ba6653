//! Patient, RelatedPerson, and the organisations around them.

use causeway_core::{Leaf, Outcome};
use causeway_fhir::types::{self, Verification};
use causeway_fhir::{Coding, Ref, Writer, systems};

use crate::columns::Column;
use crate::file::{Coded, File, Row};
use crate::person::{Person, Role};
use crate::{terms, values};

/// The council as an Organization.
pub fn council(file: &mut File<'_>, row: &Row<'_>, person: &Person) -> Ref {
    let leaf = row.cell(Column::LaCode);
    file.c.once("Organization", &format!("cassr/{}", person.la_code), |w| {
        w.array("identifier", |w| {
            w.element(|w| types::identifier_body(w, systems::CASSR, &person.la_code, leaf));
        });
    })
}

/// Who the person of a bundle is, as the resource that events refer to. A carer known by association becomes
/// RelatedPerson only; an unpaid carer who is supported becomes both.
pub fn person(file: &mut File<'_>, row: &Row<'_>, person: &Person, council: &Ref) -> Option<Ref> {
    let links = related(file, row, person);
    if person.role == Role::Association {
        return None;
    }
    let practice = practice(file, row, person);
    let gender = Person::coded_again(row, Column::Gender, &values::GENDER);
    Some(file.c.resource("Patient", &person.key, |w| {
        w.array("extension", |w| {
            ethnicity(w, row);
            gender_text(w, gender);
        });
        w.array("identifier", |w| {
            let leaf = row.cell(Column::NhsNumber);
            match person.nhs {
                // CLD asserts a number and says nothing of a trace: 02, never 01.
                Some(nhs) => types::nhs_number_told(w, nhs, leaf, Verification::PresentNotTraced, ()),
                None => stated_number(w, leaf),
            }
            council_id(w, row, person);
        });
        name(w, row);
        if let Some((gender, target)) = gender.and_then(|gender| Some((gender, gender.target?))) {
            w.string("gender", target.code, gender.leaf);
        }
        if let (Some(born), Some(leaf)) = (person.born, row.cell(Column::Born)) {
            w.date("birthDate", &born, leaf);
        }
        if let (Some(died), Some(leaf)) = (person.died, row.cell(Column::Died)) {
            w.date_time("deceasedDateTime", &died, leaf);
        }
        address(w, row);
        w.array("generalPractitioner", |w| {
            w.element(|w| match &practice {
                Some(practice) => w.reference_body(practice, ()),
                None => w.leaf_opt("display", row.cell(Column::GpName)),
            });
        });
        w.reference("managingOrganization", council, row.cell(Column::LaCode));
        w.array("link", |w| {
            for link in &links {
                w.element(|w| {
                    w.reference("other", link, ());
                    w.fixed("type", "seealso");
                });
            }
        });
    }))
}

/// A number that is no NHS number; the row's reading has told it.
fn stated_number(w: &mut Writer, leaf: Option<Leaf<'_>>) {
    if let Some(leaf) = leaf {
        w.element(|w| types::stated_nhs_number(w, leaf, ()));
    }
}

fn ethnicity(w: &mut Writer, row: &Row<'_>) {
    let Some(found) = Person::coded_again(row, Column::Ethnicity, &values::ETHNICITY) else { return };
    types::extension(w, &types::ukcore_extension("EthnicCategory"), |w| {
        w.object("valueCodeableConcept", |w| found.body(w, None));
    });
}

/// A gender that no code expresses: R4 demands a code where the element is written, so the words stand beside it.
fn gender_text(w: &mut Writer, gender: Option<Coded<'_>>) {
    if let Some(gender) = gender.filter(|gender| gender.target.is_none()) {
        types::extension(w, terms::GENDER_TEXT, |w| w.leaf("valueString", gender.leaf));
    }
}

fn council_id(w: &mut Writer, row: &Row<'_>, person: &Person) {
    if let Some(id) = row.cell(Column::LaPersonId).filter(|_| person.own_id) {
        types::identifier(w, &person.id_system, id);
    }
}

fn name(w: &mut Writer, row: &Row<'_>) {
    let (first, last) = (row.cell(Column::FirstName), row.cell(Column::LastName));
    if first.is_none() && last.is_none() {
        return;
    }
    w.array("name", |w| {
        w.element(|w| {
            w.fixed("use", "official");
            w.leaf_opt("family", last);
            if let Some(first) = first {
                w.array("given", |w| w.value(first.text, first));
            }
        });
    });
}

fn address(w: &mut Writer, row: &Row<'_>) {
    w.array("address", |w| {
        w.element(|w| w.leaf_opt("postalCode", row.cell(Column::Postcode)));
    });
}

fn practice(file: &mut File<'_>, row: &Row<'_>, person: &Person) -> Option<Ref> {
    let (code, leaf) = (person.practice.as_ref()?, row.cell(Column::GpCode)?);
    Some(file.c.once("Organization", &format!("ods/{}", code.as_str()), |w| {
        w.array("identifier", |w| {
            w.element(|w| types::identifier_body(w, systems::ODS_ORGANISATION, code.as_str(), leaf));
        });
        w.leaf_opt("name", row.cell(Column::GpName));
    }))
}

/// One RelatedPerson for each person that a carer cares for.
fn related(file: &mut File<'_>, row: &Row<'_>, person: &Person) -> Vec<Ref> {
    let links = person.links(row);
    if person.role == Role::ServiceUser {
        return Vec::new();
    }
    let mut written = Vec::new();
    for link in &links {
        written.push(related_person(file, row, person, Some(*link)));
    }
    if written.is_empty() && person.role == Role::Association {
        written.push(related_person(file, row, person, None));
    }
    written
}

fn related_person(file: &mut File<'_>, row: &Row<'_>, person: &Person, link: Option<Leaf<'_>>) -> Ref {
    let whom = link.map_or("", |link| link.text);
    let mut key = format!("{}|carer-of|{whom}", person.key);
    while file.c.has("RelatedPerson", &key) {
        key.push_str("|again");
    }
    let association = person.role == Role::Association;
    let gender = Person::coded_again(row, Column::Gender, &values::GENDER).filter(|_| association);
    let client = Person::coded_again(row, Column::ClientType, &values::CLIENT_TYPE);
    file.c.resource("RelatedPerson", &key, |w| {
        if association {
            w.array("extension", |w| {
                gender_text(w, gender);
                reporting_period(w, row, person);
                if let Some(client) = &client {
                    client.extension(w, terms::CLIENT_TYPE);
                }
            });
        }
        w.array("identifier", |w| {
            let leaf = row.cell(Column::NhsNumber);
            match person.nhs {
                // UK Core allows the verification status on a Patient's number only.
                Some(nhs) => {
                    w.element(|w| types::identifier_body(w, systems::NHS_NUMBER, nhs.as_str(), leaf));
                }
                None => stated_number(w, leaf),
            }
            council_id(w, row, person);
        });
        match link {
            Some(link) => {
                types::reference_by_identifier(w, "patient", "Patient", &person.id_system, link.text, link)
            }
            None => {
                w.object("patient", |w| types::data_absent(w, "unknown", ()));
            }
        }
        w.array("relationship", |w| {
            let carer = Coding::new(terms::RELATIONSHIP_ROLE, "Carer", "Carer of patient");
            types::concept_element(w, carer, row.cell(Column::ClientType));
        });
        name(w, row);
        if let Some((gender, target)) = gender.and_then(|gender| Some((gender, gender.target?))) {
            w.string("gender", target.code, gender.leaf);
        }
        if association {
            if let (Some(born), Some(leaf)) = (person.born, row.cell(Column::Born)) {
                w.date("birthDate", &born, leaf);
            }
            address(w, row);
        }
    })
}

/// The extension that holds the reporting period.
pub fn reporting_period(w: &mut Writer, row: &Row<'_>, person: &Person) {
    types::extension(w, terms::REPORTING_PERIOD, |w| period(w, "valuePeriod", row, person));
}

/// The reporting period under a key.
pub fn period(w: &mut Writer, key: &str, row: &Row<'_>, person: &Person) {
    types::period(
        w,
        key,
        person.period.0.zip(row.cell(Column::PeriodStart)),
        person.period.1.zip(row.cell(Column::PeriodEnd)),
    );
}

/// Cells about the person of a carer known by association, for whom there is no record that could hold them.
pub fn leave_association(file: &mut File<'_>, row: &Row<'_>) {
    for column in [
        Column::SupportReason,
        Column::Accommodation,
        Column::Employment,
        Column::HasCarer,
        Column::Autism,
        Column::Visual,
        Column::Hearing,
        Column::Dementia,
        Column::HoursCaring,
        Column::CaredFor,
    ] {
        let fate = (Outcome::Unsupported, "a carer known by association has no record that could hold it");
        file.claim(row.cell(column), fate);
    }
}
