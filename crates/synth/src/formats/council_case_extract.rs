//! The joined CSV extract of a council's case-management system: many people in a file.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};

use crate::people::{COUNCIL, Person, Sex};
use crate::{Event, Journey, Message};

const PERSONS: &str = "person_id,full_name,title,first_name,last_name,nhs_id,date_of_birth,context_flag,gender,nationality,email_address,person_id_legacy,restricted";
const ADDRESSES: &str = "ref_addresses_people_id,ref_address_id,person_id,end_date,is_contact_address,is_display_address,address,post_code,unique_id";
const TELEPHONES: &str = "telephone_number_id,telephone_number,telephone_number_type,person_id";
const VISITS: &str = "visit_id,person_id,visit_type,planned_datetime,actual_datetime,reason_not_planned,reason_visit_not_made,seen_alone_flag,completed_flag,org_id,worker_id,cp_registration_id,cp_visit_schedule_step_id,cp_visit_schedule_days,cp_visit_on_time";
const NOTES: &str = "id,person_id,note_type,title,created_on,created_by,last_updated_by,note";
const WORKERS: &str = "id,first_names,last_names,system_user_id,email_address,accessible,context_code";
const RELATIONSHIPS: &str = "personal_relationship_id,person_id,other_person_id,description,family_category";

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn day(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}

fn given(person: &Person) -> String {
    format!("{} {}", person.given, person.middle).trim().to_owned()
}

/// The extract of a day about people and their journeys, all tables one after the other.
pub fn file(people: &[(&Person, &Journey)], at: DateTime) -> Message {
    let mut tables =
        [PERSONS, ADDRESSES, TELEPHONES, VISITS, NOTES, WORKERS, RELATIONSHIPS].map(String::from);
    tables.iter_mut().for_each(|table| table.push_str("\r\n"));
    let [persons, addresses, telephones, visits, notes, workers, relationships] = &mut tables;
    workers.push_str("501,Imogen,Vale,ivale,ivale@council.invalid,Y,A\r\n");
    let known: HashMap<&str, ()> = people.iter().map(|(p, _)| (p.council_number.as_str(), ())).collect();
    for (person, journey) in people {
        person_row(persons, person);
        let (id, number) = (&person.council_number, person.number);
        let address = quoted(&format!("{}, {}", person.street, person.town));
        line(addresses, &format!("81{number:05},91{number:05},{id},,Y,Y,{address},{},", person.postcode));
        line(telephones, &format!("71{number:05},{},Home,{id}", person.phone));
        rows_of_journey((visits, notes), person, journey, at);
        if let Some(other) = journey.cares_for.as_deref().filter(|id| known.contains_key(id)) {
            line(relationships, &format!("31{number:05},{id},{other},Cares for,Other"));
        }
    }
    Message {
        format: "council-case-extract",
        name: format!("case-extract-{}.csv", at.strftime("%Y%m%d")),
        title: "The council's case-management extract".to_owned(),
        sender: COUNCIL,
        media_type: "text/csv",
        at,
        bytes: tables.concat().into_bytes(),
    }
}

fn line(table: &mut String, cells: &str) {
    // Writing to a text never fails.
    let _ = write!(table, "{cells}\r\n");
}

fn person_row(table: &mut String, person: &Person) {
    let full = format!("{} {}", given(person), person.family);
    let gender = if person.sex == Sex::Female { "F" } else { "M" };
    line(
        table,
        &format!(
            "{},{},{},{},{},{},{},A,{gender},British,,,N",
            person.council_number,
            quoted(&full),
            person.title,
            quoted(&given(person)),
            quoted(&person.family),
            person.nhs_number,
            day(person.born),
        ),
    );
}

/// Visits for assessments and reviews, and a note of each, as far as they have happened.
fn rows_of_journey(
    (visits, notes): (&mut String, &mut String),
    person: &Person,
    journey: &Journey,
    at: DateTime,
) {
    let dated = journey.events.iter().filter_map(|event| match event {
        Event::Assessment { from, description, .. } => Some((*from, *description)),
        Event::Review { on, .. } => Some((*on, "Review")),
        _ => None,
    });
    for ((on, what), count) in dated.filter(|(on, _)| *on <= at.date()).zip(0..) {
        let (id, number) = (&person.council_number, person.number * 10 + count);
        line(
            visits,
            &format!("61{number:06},{id},{what} visit,{0} 10:00,{0} 10:20,,,,Y,ORG7,501,,,,", day(on)),
        );
        line(
            notes,
            &format!(
                "41{number:06},{id},Visit,{what},{} 16:05,ivale,ivale,\"Seen at home, \"\"as before\"\"\"",
                day(on)
            ),
        );
    }
}
