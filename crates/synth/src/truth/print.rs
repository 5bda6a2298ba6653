//! What hospital, home and community nurses tell of the truth set, printed.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::{Entry, Kin, Told};
use crate::formats::care_provider_record::subject;
use crate::formats::hl7v2::{header, message as hl7, pid, pv1, text};
use crate::formats::{message, offset, uuid};
use crate::people::{HOME_CARE, Organisation};
use crate::{Message, Person, Sex};

const NURSES: Organisation = Organisation { scheme: "ods", code: "ZN601", name: "Vale Community Nurses" };

/// An admission with allergies, diagnoses and the people around her.
pub(super) fn admission(person: &Person, told: &Told, at: DateTime) -> Message {
    let id = format!("TA01{}", person.number);
    let stamp = at.strftime("%Y%m%d%H%M%S");
    let mut body =
        vec![header(person, at, "ADT^A01^ADT_A01", &id), format!("EVN|A01|{stamp}\r"), pid(person)];
    for (kin, n) in told.kin.iter().zip(1..) {
        body.push(format!(
            "NK1|{n}|{}^{}^^^MX|{}^{}||{}\r",
            text(&kin.family),
            text(&kin.given),
            kin.relation.0,
            kin.relation.2,
            kin.phone
        ));
    }
    body.push(pv1(person, "BEECH", at, None));
    for (allergy, n) in told.allergies.iter().zip(1..) {
        let severity = if allergy.severity == "severe" { "SV" } else { "MI" };
        let day = allergy.date.replace('-', "");
        body.push(format!("AL1|{n}|DA|^{}|{severity}|Rash|{day}\r", text(&allergy.text)));
    }
    for (condition, n) in told.conditions.iter().zip(1..) {
        let day = condition.date.replace('-', "");
        body.push(format!("DG1|{n}||^{}||{day}|A\r", text(&condition.text)));
    }
    hl7(person, "truth-a01.hl7", "Admission", at, &body)
}

/// Vaccinations that the hospital's clinic gave.
pub(super) fn vaccinations(person: &Person, given: &[Entry], at: DateTime) -> Message {
    let id = format!("TVX{}", person.number);
    let mut body = vec![header(person, at, "VXU^V04^VXU_V04", &id), pid(person)];
    for (entry, n) in given.iter().zip(1..) {
        let day = entry.date.replace('-', "");
        let coded = match entry.code {
            "" => format!("^{}", text(&entry.text)),
            code => format!("{code}^{}^SCT", text(&entry.text)),
        };
        body.push(format!("ORC|RE|TV{}{n}^SAIS|TV{}{n}F^SAIS\r", person.number, person.number));
        body.push(format!(
            "RXA|0|1|{day}1000||{coded}|0.5|mL^mL^UCUM||||||||{}|||||{}|A\r",
            entry.detail, entry.status
        ));
    }
    hl7(person, "truth-v04.hl7", "Vaccinations", at, &body)
}

/// The record of a home care provider.
pub(super) fn home(person: &Person, told: &Told, at: DateTime) -> Message {
    let uid = |what: &str, n: usize| format!("{what}-{n}-{}", person.number);
    let each = |all: &[Entry], what: &str, print: &dyn Fn(&Entry, Value) -> Value| -> Vec<Value> {
        let start = |n: usize| json!({"recordUid": uid(what, n), "version": 1});
        all.iter().enumerate().map(|(n, entry)| print(entry, start(n))).collect()
    };
    let allergies = each(&told.allergies, "TAL", &|e, mut v| {
        v["agent"] = json!({"text": e.text});
        v["clinicalStatus"] = json!(e.status);
        v["reaction"] = json!({"manifestation": {"text": "Rash"}, "severity": e.severity});
        v
    });
    let conditions = each(&told.conditions, "TCO", &|e, mut v| {
        v["condition"] = json!({"text": e.text});
        v["clinicalStatus"] = json!(e.status);
        v["onset"] = json!(e.date);
        v
    });
    let medications = each(&told.medicines, "TME", &|e, mut v| {
        v["medication"] = json!({"text": e.text});
        v["status"] = json!(e.status);
        v["dosage"] = json!(e.detail);
        v["startDate"] = json!(e.date);
        v
    });
    let given = each(&told.given, "TMA", &|e, mut v| {
        v["medication"] = json!({"text": e.text});
        v["status"] = json!(e.status);
        v["dateTime"] = json!(e.date);
        v["dose"] = json!(e.detail);
        v
    });
    let contact = |(n, kin): (usize, &Kin)| {
        json!({
            "recordUid": uid("TPC", n), "version": 1, "name": format!("{} {}", kin.given, kin.family),
            "relationshipCode": kin.relation.1, "relationship": kin.relation.2, "telephone": kin.phone,
        })
    };
    let contacts: Vec<Value> = told.kin.iter().enumerate().map(contact).collect();
    let value = json!({
        "$schema": "https://fhir.causeway.example/schema/dscr-record-0.1.json",
        "recordUid": format!("truth-{}", person.number),
        "version": 1,
        "recordedAt": offset(at),
        "provider": {"cqcLocationId": HOME_CARE.code, "name": HOME_CARE.name},
        "subject": subject(person),
        "personalContacts": contacts,
        "conditions": conditions,
        "allergies": allergies,
        "medications": medications,
        "medicationAdministrations": given,
    });
    let kind = ("care-provider-record", "application/vnd.causeway.dscr-record+json");
    message(person, kind, ("truth-home.json", "The home's record"), (HOME_CARE, at), format!("{value:#}\n"))
}

/// A FHIR R4 transaction of community nurses.
pub(super) fn nurses(person: &Person, told: &Told, at: DateTime) -> Message {
    let url = |what: &str| format!("urn:uuid:{}", uuid(person, &format!("truth {what}")));
    let about = json!({"reference": url("patient")});
    let coded = |entry: &Entry| match entry.code {
        "" => json!({"text": entry.text}),
        code => json!({
            "coding": [{"system": "http://snomed.info/sct", "code": code, "display": entry.text}], "text": entry.text,
        }),
    };
    let status = |system: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]});
    let mut entries: Vec<(String, Value)> = vec![(
        "patient".to_owned(),
        json!({
            "resourceType": "Patient",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": person.nhs_number}],
            "name": [{"use": "official", "family": person.family, "given": [person.given]}],
            "gender": if person.sex == Sex::Female { "female" } else { "male" },
            "birthDate": person.born.to_string(),
        }),
    )];
    let mut add = |what: String, value: Value| entries.push((what, value));
    for (n, entry) in told.allergies.iter().enumerate() {
        add(
            format!("allergy {n}"),
            json!({
                "resourceType": "AllergyIntolerance", "patient": about, "code": coded(entry),
                "clinicalStatus": status("allergyintolerance-clinical", entry.status),
                "recordedDate": entry.date,
                "reaction": [{"manifestation": [{"text": "Rash"}], "severity": entry.severity}],
            }),
        );
    }
    for (n, entry) in told.conditions.iter().enumerate() {
        add(
            format!("condition {n}"),
            json!({
                "resourceType": "Condition", "subject": about, "code": coded(entry), "onsetDateTime": entry.date,
                "category": [status("condition-category", "problem-list-item")],
                "clinicalStatus": status("condition-clinical", entry.status),
            }),
        );
    }
    for (n, entry) in told.medicines.iter().enumerate() {
        add(
            format!("medicine {n}"),
            json!({
                "resourceType": "MedicationStatement", "subject": about, "status": entry.status,
                "medicationCodeableConcept": {"text": entry.text}, "effectivePeriod": {"start": entry.date},
                "dosage": [{"text": entry.detail}],
            }),
        );
    }
    for (n, entry) in told.immunisations.iter().enumerate() {
        add(
            format!("immunisation {n}"),
            json!({
                "resourceType": "Immunization", "patient": about, "status": entry.status,
                "vaccineCode": {"text": entry.text}, "occurrenceDateTime": entry.date, "lotNumber": entry.detail,
            }),
        );
    }
    for (n, kin) in told.kin.iter().enumerate() {
        add(
            format!("kin {n}"),
            json!({
                "resourceType": "RelatedPerson", "patient": about,
                "name": [{"family": kin.family, "given": [kin.given]}],
                "relationship": [{
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": kin.relation.1}],
                    "text": kin.relation.2,
                }],
                "telecom": [{"system": "phone", "value": kin.phone}],
            }),
        );
    }
    let entry: Vec<Value> = entries
        .into_iter()
        .map(|(what, resource)| {
            let kind = resource["resourceType"].clone();
            json!({"fullUrl": url(&what), "resource": resource, "request": {"method": "POST", "url": kind}})
        })
        .collect();
    let value = json!({"resourceType": "Bundle", "type": "transaction", "entry": entry});
    let kind = ("fhir-r4", "application/fhir+json; fhirVersion=4.0");
    message(person, kind, ("truth-nurses.json", "The nurses' record"), (NURSES, at), format!("{value:#}\n"))
}
