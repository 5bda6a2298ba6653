//! The digital social care record of a home or a home care provider, in versions over the journey.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};
use serde_json::{Value, json};

use super::{message, offset};
use crate::people::{ALARM_CENTRE, Organisation, Person, Sex};
use crate::random::Random;
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("care-provider-record", "application/vnd.causeway.dscr-record+json");
const CONTROLLER: &str = "https://fhir.causeway.example/Id/telecare-controller";
const RECORDED_BY: &str = "Priya Tamworth";

/// The versions of the record that a service causes: on admission to it, and three weeks later with the daily
/// notes and a change in mobility.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::Service { from, component, provider: Some(provider), .. } = event else { return Vec::new() };
    let Some(stay) = Stay::of(component) else { return Vec::new() };
    // A service of earlier years is told by a record of today.
    let since = *from;
    let told =
        if from.year() < 2026 { date(2026, 3, 1) + ((person.number % 28) as i64).days() } else { *from };
    let (first, later) = (told.at(15, 0, 0, 0), (told + 21.days()).at(18, 30, 0, 0));
    let sender = *provider;
    let file = format!("record-{}", stay.word);
    let print = |version: u32, at: DateTime, title: &str| {
        let value = record(person, sender, (&stay, since, told), version);
        let name = format!("{file}-v{version}.json");
        message(person, KIND, (&name, title), (sender, at), format!("{value:#}\n"))
    };
    let mut messages = vec![print(1, first, &format!("{} opens its record", sender.name))];
    if stay.word != "home-support" {
        messages.push(print(
            2,
            later,
            &format!("{}: three weeks of notes, and a change in mobility", sender.name),
        ));
    }
    messages
}

/// The record by which an alarm receiving centre tells, weeks before the first alarm of a journey, whose controller it
/// looks after: without it an alarm belongs to nobody and is answered with 5. `None` where nothing raises an alarm.
pub fn telecare_registration(person: &Person, journey: &Journey) -> Option<Message> {
    let alarm = journey.events.iter().find_map(|event| match event {
        Event::Alarm { at, .. } => Some(*at),
        _ => None,
    })?;
    let installed = alarm.date() - TELECARE_DAYS_BEFORE.days();
    let at = installed.at(16, 0, 0, 0);
    let value = json!({
        "$schema": "https://fhir.causeway.example/schema/dscr-record-0.1.json",
        "recordUid": format!("telecare-{}", person.number),
        "version": 1,
        "recordedAt": offset(at),
        "provider": {"odsCode": ALARM_CENTRE.code, "name": ALARM_CENTRE.name},
        "subject": subject(person),
        "services": [{
            "recordUid": format!("SV-telecare-{}", person.number), "version": 1,
            "description": "Telecare: pendant and fall detector", "status": "active",
            "startDate": installed.to_string(),
        }],
    });
    let title = format!("{} installs telecare and registers its controller", ALARM_CENTRE.name);
    let name = ("record-telecare-v1.json", title.as_str());
    Some(message(person, KIND, name, (ALARM_CENTRE, at), format!("{value:#}\n")))
}

/// Days from the installation of a telecare unit to the first alarm.
const TELECARE_DAYS_BEFORE: i64 = 30;

/// What kind of service a record is about.
struct Stay {
    word: &'static str,
    description: &'static str,
    before: &'static str,
    after: &'static str,
}

impl Stay {
    fn of(component: &str) -> Option<Self> {
        Some(match component {
            "Reablement" => Self {
                word: "reablement",
                description: "Reablement at home, three calls a day",
                before: "Walks ten metres with a frame and one carer",
                after: "Walks to the kitchen with a stick, alone",
            },
            "Home support or domiciliary care" => Self {
                word: "home-support",
                description: "Home support, one call each morning",
                before: "Walks indoors with a stick",
                after: "Walks indoors with a stick",
            },
            "Long term residential care" => Self {
                word: "residential",
                description: "Residential care, permanent",
                before: "Walks with a frame, needs one carer on the stairs",
                after: "Needs two carers to stand since a chest infection",
            },
            "Community supported living" => Self {
                word: "supported-living",
                description: "Supported living, shared house",
                before: "Walks unaided, needs company on busy roads",
                after: "Walks unaided, crosses at the lights alone",
            },
            _ => return None,
        })
    }
}

/// An item's uid: unique at the provider, as MODS has it, and the same in every version of the record.
fn uid(person: &Person, stay: &Stay, item: &str) -> String {
    format!("{item}-{}-{}", stay.word, person.number)
}

fn by() -> Value {
    json!({"name": RECORDED_BY, "role": "Senior carer"})
}

fn record(
    person: &Person,
    provider: Organisation,
    (stay, since, told): (&Stay, Date, Date),
    version: u32,
) -> Value {
    let start = since.to_string();
    let mut value = json!({
        "$schema": "https://fhir.causeway.example/schema/dscr-record-0.1.json",
        "recordUid": format!("{}-{}", stay.word, person.number),
        "version": version,
        "recordedAt": offset(told.at(14, 30, 0, 0)),
        "provider": {"cqcLocationId": provider.code, "name": provider.name},
        "subject": subject(person),
        "aboutMe": about_me(person, stay, told),
        "personalContacts": contacts(person, stay),
        "risks": [{
            "recordUid": uid(person, stay, "RK-1"), "version": 1, "category": "accidents",
            "risk": {"code": "129839007", "display": "At risk for falls"},
            "startDate": start, "triggers": ["Getting up in the dark"],
            "mitigation": "Night light, clear floor, pendant within reach", "recordedBy": by(),
        }],
        "services": [{
            "recordUid": uid(person, stay, "SV-1"), "version": 1, "description": stay.description, "status": "active",
            "startDate": start, "fundingSource": "Ashmarsh Council",
        }],
        "individualRequirements": [{
            "recordUid": uid(person, stay, "IR-1"), "version": version, "kind": "mobility",
            "requirement": {"text": if version == 1 { stay.before } else { stay.after }},
            "date": if version == 1 { told.to_string() } else { (told + 20.days()).to_string() },
            "recordedBy": by(),
        }],
    });
    if version > 1 {
        value["recordedAt"] = Value::from(offset((told + 21.days()).at(18, 0, 0, 0)));
        value["dailyNotes"] = Value::from(daily_notes(person, stay, told));
    }
    value
}

pub(crate) fn subject(person: &Person) -> Value {
    let mut subject = json!({
        "nhsNumber": person.nhs_number,
        "localIdentifiers": [{"system": CONTROLLER, "value": person.controller()}],
        "familyName": person.family,
        "givenName": person.given,
        "title": person.title,
        "dateOfBirth": person.born.to_string(),
        "gender": if person.sex == Sex::Female { "2" } else { "1" },
        "address": {"line1": person.street, "line2": person.town, "postcode": person.postcode},
        "telephones": [{"number": person.phone, "use": "home"}],
        "gpPracticeCode": person.practice.code,
        "gpPracticeName": person.practice.name,
    });
    if !person.middle.is_empty() {
        subject["middleNames"] = json!([person.middle]);
    }
    subject
}

fn about_me(person: &Person, stay: &Stay, told: Date) -> Value {
    let mut r = Random::new(0xAB07, person.number as u64);
    let important = ["My garden", "My dog Bracken", "Cricket on the radio", "Chapel on Sundays"];
    let worth =
        ["I was a bus conductor for thirty years", "I taught infants", "I built boats", "I keep bees"];
    json!({
        "recordUid": uid(person, stay, "AM-1"),
        "version": 1,
        "mostImportant": format!("{}, and that {} rings on Sundays.", r.of(&important), person.next_of_kin.given),
        "importantPeople": format!("{}, {}.", person.next_of_kin.given, relationship(person)),
        "howICommunicate": "Speak clearly, and give me time to answer.",
        "wellness": "On a good day I sing. If I go quiet, something hurts.",
        "doAndDoNot": "Please do knock. Please don't call me dear.",
        "howToSupport": "Let me wash my own face; help me with stockings.",
        "alsoWorthKnowing": format!("{}.", r.of(&worth)),
        "supportedToWriteBy": format!("{} {}", person.next_of_kin.given, person.next_of_kin.family),
        "lastUpdated": offset(told.at(11, 0, 0, 0)),
    })
}

fn relationship(person: &Person) -> String {
    match person.next_of_kin.relationship {
        "Neighbour" => "my neighbour".to_owned(),
        other => format!("my {}", other.to_lowercase()),
    }
}

fn contacts(person: &Person, stay: &Stay) -> Value {
    let kin = &person.next_of_kin;
    let code = match kin.relationship {
        "Daughter" => "DAUC",
        "Son" => "SONC",
        "Spouse" => "SPS",
        _ => "NBOR",
    };
    json!([{
        "recordUid": uid(person, stay, "PC-1"), "version": 1,
        "name": format!("{} {}", kin.given, kin.family),
        "relationshipCode": code, "relationship": kin.relationship,
        "roles": ["NOK"], "telephone": kin.phone,
    }])
}

/// A note each day, and a weight each week.
fn daily_notes(person: &Person, stay: &Stay, told: Date) -> Vec<Value> {
    let mut r = Random::new(0xDA11, person.number as u64);
    let texts = [
        "Ate well and asked for marmalade.",
        "Slept through; a little stiff in the morning.",
        "Low in mood after the telephone call, better by tea.",
        "Walked to the gate and back with one carer.",
        "Refused lunch, took soup at four.",
    ];
    let mut notes = Vec::new();
    let mut weight = r.between(480, 780);
    for day in 0..20i64 {
        let at = (told + day.days()).at(8, 10, 0, 0);
        notes.push(json!({
            "recordUid": uid(person, stay, &format!("DN-{day}")), "version": 1, "dateTime": offset(at),
            "topic": {"text": "Morning"}, "text": r.of(&texts), "recordedBy": by(),
        }));
        if day % 7 == 0 {
            weight -= r.between(0, 6);
            let value: Value =
                serde_json::from_str(&format!("{}.{}", weight / 10, weight % 10)).unwrap_or_default();
            notes.push(json!({
                "recordUid": uid(person, stay, &format!("WT-{day}")), "version": 1, "dateTime": offset(at + 20.minutes()),
                "topic": {"code": "27113001", "display": "Body weight"},
                "measurement": {"value": value, "unit": "kg", "unitCode": "kg"},
            }));
        }
    }
    notes
}
