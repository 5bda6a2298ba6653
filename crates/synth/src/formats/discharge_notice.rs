//! Notices between hospital and council about a discharge: the flat form of the data set.

use jiff::ToSpan;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::{message, offset};
use crate::people::{COUNCIL, Person, Sex};
use crate::{Event, Message};

const KIND: (&str, &str) = ("discharge-notice", "application/vnd.causeway.discharge-notice+json");

/// The notices that a discharge causes: the assessment notice two days before it, the council's acceptance, the
/// discharge notice on its morning.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::Discharge { at, admitted, .. } = event else { return Vec::new() };
    let assess = (at.date() - 2.days()).at(10, 5, 0, 0);
    let accept = (at.date() - 1.day()).at(9, 15, 0, 0);
    let discharge = at.date().at(8, 40, 0, 0);
    let asked = notice(person, "assessment", assess, *admitted, (at.date().to_string(), None));
    let gone = notice(person, "discharge", discharge, *admitted, (at.date().to_string(), Some(offset(*at))));
    let said = (person.hospital, assess);
    vec![
        print(person, ("assessment-notice.json", "The hospital asks the council to assess"), said, &asked),
        print(
            person,
            ("acceptance.json", "The council accepts the referral"),
            (COUNCIL, accept),
            &answer(person, accept),
        ),
        print(
            person,
            ("discharge-notice.json", "The hospital tells the council the day of discharge"),
            (person.hospital, discharge),
            &gone,
        ),
    ]
}

fn print(
    person: &Person,
    names: (&str, &str),
    sent: (crate::Organisation, DateTime),
    value: &Value,
) -> Message {
    message(person, KIND, names, sent, format!("{value:#}\n"))
}

fn referral(person: &Person) -> String {
    format!("REF-{}", person.hospital_number)
}

fn who(person: &Person) -> Value {
    json!({
        "nhsNumber": person.nhs_number,
        "nhsNumberStatus": "01",
        "hospitalId": person.hospital_number,
        "familyName": person.family,
        "givenName": person.given,
        "dateOfBirth": person.born.to_string(),
        "gender": if person.sex == Sex::Female { "female" } else { "male" },
        "address": {"lines": [person.street, person.town], "postcode": person.postcode},
        "phone": person.phone,
    })
}

fn notice(
    person: &Person,
    kind: &str,
    issued: DateTime,
    admitted: DateTime,
    (proposed, discharged): (String, Option<String>),
) -> Value {
    let mut value = json!({
        "format": "discharge-notice/0.1",
        "noticeType": kind,
        "noticeId": format!("N-{}-{kind}", person.hospital_number),
        "referralId": referral(person),
        "issued": offset(issued),
        "person": who(person),
        "hospital": {"siteCode": person.hospital.code, "name": person.hospital.name, "ward": "BEECH"},
        "council": {"name": COUNCIL.name, "team": "Hospital discharge team"},
        "leadClinician": {"name": "Dr Alison Wren", "role": "Consultant geriatrician"},
        "carer": {
            "name": format!("{} {}", person.next_of_kin.given, person.next_of_kin.family),
            "relationship": person.next_of_kin.relationship,
            "phone": person.next_of_kin.phone,
        },
        "admission": {
            "date": offset(admitted),
            "reason": "Fracture of neck of femur",
            "type": "emergency",
            "proposedDischargeDate": proposed,
        },
        "referral": {
            "reason": "Needs help with washing, dressing and stairs after a hip operation",
            "supportingInformation": "Lives alone; walks ten metres with a frame and one person",
        },
        "consultation": {"person": true, "carer": true},
        "continuingHealthcare": {"considered": true, "result": "not eligible"},
        "consent": {"given": true, "source": "person"},
    });
    if let (Some(at), Some(admission)) = (discharged, value["admission"].as_object_mut()) {
        admission.insert("dischargeDate".to_owned(), Value::from(at));
    }
    value
}

fn answer(person: &Person, issued: DateTime) -> Value {
    json!({
        "format": "discharge-notice/0.1",
        "noticeType": "accept",
        "noticeId": format!("N-{}-accept", person.hospital_number),
        "referralId": referral(person),
        "issued": offset(issued),
        "person": who(person),
        "hospital": {"siteCode": person.hospital.code, "name": person.hospital.name},
        "council": {"name": COUNCIL.name, "team": "Hospital discharge team"},
    })
}
