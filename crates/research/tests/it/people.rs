//! An invented population: names of a list, numbers of the 999 range, choices by a plan.

use causeway_access::PolicySet;
use causeway_access::choices::{Change, Choice, Choices};
use causeway_research::{Approval, Dates, Held, LegalBasis, PersonRecord, Project, Requester, Tier};
use jiff::civil::{Date, date};
use serde_json::{Value, json};

pub const SCT: &str = "http://snomed.info/sct";
pub const TODAY: Date = date(2026, 11, 29);

/// An NHS number of the 999 range with its check digit.
pub fn nhs_number(n: u64) -> String {
    (n * 11..)
        .map(|serial| format!("999{:06}", serial % 1_000_000))
        .find_map(|head| {
            let sum: u64 = head.bytes().zip((2..=10).rev()).map(|(b, w)| u64::from(b - b'0') * w).sum();
            match 11 - sum % 11 {
                11 => Some(format!("{head}0")),
                10 => None,
                check => Some(format!("{head}{check}")),
            }
        })
        .expect("a number")
}

pub fn choices(on: &[Choice]) -> Choices {
    let at = "2026-11-01T09:00:00Z".parse().expect("a time");
    let change = |choice: &Choice| Change { choice: *choice, on: true, at, source: "test".to_owned() };
    Choices { history: on.iter().map(change).collect() }
}

pub fn held(gp_held: bool, resource: Value) -> Held {
    Held { resource, gp_held }
}

/// A code that the built-in policy restricts.
pub fn restricted_code() -> (String, String) {
    let policies = PolicySet::shared().expect("the built-in set");
    let member = policies.restricted.members().first().expect("a member").clone();
    (member.system, member.code)
}

const FAMILIES: &[&str] = &["Ashworthy", "Birkenthwaite", "Cragdale", "Dunnockfield", "Elmstead-Hale"];
const GIVEN: &[&str] = &["Persephone", "Bartholomew", "Clementina", "Thaddeus"];
const STREETS: &[&str] = &["Larkspur Terrace", "Quarrybank Row", "Thistledown Avenue"];

/// A person with a GP's and a council's item; every tenth has a restricted item with an appointment for it.
pub fn person(n: u64, on: &[Choice]) -> PersonRecord {
    let pick = |list: &[&'static str], n: u64| list[usize::try_from(n).unwrap_or(0) % list.len()];
    let (family, given) = (pick(FAMILIES, n / 7), pick(GIVEN, n));
    let number = nhs_number(n);
    let id = |kind: &str| format!("src-{kind}-{n}-0af3");
    let (year, month, day) = (1936 + n % 85, 1 + n % 12, 1 + n % 28);
    let subject =
        json!({"reference": format!("Patient/{}", id("p")), "display": format!("{given} {family}")});
    let patient = json!({
        "resourceType": "Patient", "id": id("p"),
        "meta": {"source": format!("urn:causeway:message:m-{n}-77ce"), "versionId": "1"},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number},
                       {"system": "https://council.example/case", "value": format!("CASE-{n:05}")}],
        "name": [{"family": family, "given": [given], "text": format!("{given} {family}")}],
        "telecom": [{"system": "phone", "value": format!("01632 96{:04}", n % 10_000)}],
        "gender": if n.is_multiple_of(2) { "female" } else { "male" },
        "birthDate": format!("{year:04}-{month:02}-{day:02}"),
        "address": [{"line": [format!("{} {}", n % 90 + 1, pick(STREETS, n))], "city": "Nettlebridge",
                     "postalCode": format!("ZZ{} {}AA", n % 3 + 1, n % 10)}],
        "text": {"status": "generated", "div": format!("<div>{given} {family}, {number}</div>")},
        "generalPractitioner": [{"reference": "Organization/org-1", "display": "Nettlebridge Surgery"}],
    });
    let code = ["73211009", "38341003", "195967001"][usize::try_from(n % 3).unwrap_or(0)];
    let day_of = |d: u64| format!("2026-{month:02}-{:02}", 1 + d % 28);
    let condition = json!({
        "resourceType": "Condition", "id": id("c"), "subject": subject,
        "meta": {"source": format!("urn:causeway:message:m-{n}-77ce"), "versionId": "1"},
        "code": {"coding": [{"system": SCT, "code": code, "display": "as the practice calls it"},
                            {"system": "https://practice.example/local", "code": format!("LOC{n:06}")}],
                 "text": format!("{given} says it began at home")},
        "onsetDateTime": day_of(n), "note": [{"text": format!("Spoke to {given} {family} on {}", day_of(n))}],
    });
    let observation = json!({
        "resourceType": "Observation", "id": id("o"), "status": "final", "subject": subject,
        "meta": {"source": format!("urn:causeway:message:m-{n}-18ab"), "versionId": "1"},
        "identifier": [{"system": "https://council.example/visit", "value": format!("VISIT-{n:05}")}],
        "code": {"coding": [{"system": SCT, "code": "27113001"}]},
        "effectiveDateTime": format!("{}T10:15:00+00:00", day_of(n + 1)),
        "valueQuantity": {"value": 50 + n % 40, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        "encounter": {"reference": format!("Encounter/{}", id("e"))},
    });
    let encounter = json!({
        "resourceType": "Encounter", "id": id("e"), "status": "finished", "subject": subject,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "period": {"start": day_of(n + 1)},
    });
    let document = json!({
        "resourceType": "DocumentReference", "id": id("d"), "subject": subject,
        "content": [{"attachment": {"contentType": "text/plain", "title": format!("letter-{n}-{family}.txt"),
                                    "data": "U3BvbnRhbmVvdXM="}}],
    });
    let mut resources = vec![
        held(false, patient),
        held(true, condition),
        held(false, observation),
        held(false, encounter),
        held(false, document),
    ];
    if n.is_multiple_of(10) {
        let (system, code) = restricted_code();
        resources.push(held(
            false,
            json!({"resourceType": "Condition", "id": id("r"), "subject": subject,
                   "code": {"coding": [{"system": system, "code": code}]}}),
        ));
        resources.push(held(
            false,
            json!({"resourceType": "Procedure", "id": id("x"), "status": "completed", "subject": subject,
                   "code": {"coding": [{"system": SCT, "code": "185349003"}]},
                   "reasonReference": [{"reference": format!("Condition/{}", id("r"))}]}),
        ));
    }
    PersonRecord { key: format!("person-{n}"), choices: choices(on), consent: None, resources }
}

pub fn project(tier: Tier) -> Project {
    let approval =
        |by: &str, role: &str| Approval { by: by.to_owned(), role: role.to_owned(), on: date(2026, 11, 1) };
    Project {
        id: "falls-2026".to_owned(),
        title: "Falls after discharge".to_owned(),
        why: "To learn who falls after leaving hospital, so that help comes earlier".to_owned(),
        purpose: "HRESCH".to_owned(),
        legal_basis: LegalBasis::None,
        requester: Requester {
            name: "Imogen Farrowgate".to_owned(),
            organisation: "University of Nettlebridge".to_owned(),
            role: "R1860".to_owned(),
            code: String::new(),
        },
        tier,
        cohort: String::new(),
        views: Vec::new(),
        elements: Vec::new(),
        omop: Vec::new(),
        noise: None,
        dates: Dates::Month,
        smallest: 5,
        approvals: vec![approval("Odette Marlow", "R5105"), approval("Rufus Penhale", "R0001")],
        expires: date(2027, 3, 31),
    }
}
