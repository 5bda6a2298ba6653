//! Journeys printed as messages, one module a format.

pub mod care_act_assessment;
pub mod care_provider_record;
pub mod careconnect;
pub mod client_level_data;
pub mod council_case_extract;
pub mod discharge_notice;
pub mod edifact_pathology;
pub mod eps;
pub mod gp2gp;
pub mod hl7v2;
pub mod itk_cda;
pub mod nhais;
pub mod personal_readings;
pub mod summary_care_record;
pub mod telecare_alarm;
pub mod transfer_of_care;

use jiff::civil::DateTime;
use uuid::Uuid;

use crate::{Journey, Message, Organisation, Person};

/// Every message of a journey that concerns one person alone, in the order of sending. Files about many people
/// ([`client_level_data::file`], [`council_case_extract::file`]) are printed by their own modules.
pub fn messages(person: &Person, journey: &Journey) -> Vec<Message> {
    let mut messages = Vec::new();
    for event in &journey.events {
        messages.extend(telecare_alarm::of_event(person, event));
        messages.extend(hl7v2::of_event(person, event));
        messages.extend(edifact_pathology::of_event(person, event));
        messages.extend(discharge_notice::of_event(person, event));
        messages.extend(careconnect::of_event(person, journey, event));
        messages.extend(summary_care_record::of_event(person, journey, event));
        messages.extend(gp2gp::of_event(person, journey, event));
        messages.extend(care_provider_record::of_event(person, event));
        messages.extend(care_act_assessment::of_event(person, journey, event));
        messages.extend(itk_cda::of_event(person, event));
        messages.extend(transfer_of_care::of_event(person, journey, event));
        messages.extend(eps::of_event(person, journey, event));
        messages.extend(nhais::of_event(person, event));
        messages.extend(personal_readings::of_event(person, event));
    }
    messages.sort_by_key(|m| m.at);
    messages
}

/// A message; `what` is the file name without the person's number.
pub(crate) fn message(
    person: &Person,
    (format, media_type): (&'static str, &'static str),
    (what, title): (&str, &str),
    (sender, at): (Organisation, DateTime),
    text: String,
) -> Message {
    Message {
        format,
        name: format!("{:05}-{what}", person.number),
        title: title.to_owned(),
        sender,
        media_type,
        at,
        bytes: text.into_bytes(),
    }
}

/// Escapes what XML would read as markup, in text and in attributes between double quotation marks.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An id that follows from what it names: the same wherever and whenever it is printed.
pub(crate) fn uuid(person: &Person, what: &str) -> Uuid {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://synth.causeway.example");
    Uuid::new_v5(&namespace, format!("{}|{}|{what}", person.nhs_number, person.number).as_bytes())
}

/// The same in capitals, as HL7 v3 messages of the NHS write it.
fn guid(person: &Person, what: &str) -> String {
    uuid(person, what).to_string().to_uppercase()
}

/// A local time of London with its offset: `2026-09-14T05:45:00+01:00`.
pub(crate) fn offset(at: DateTime) -> String {
    let zoned = causeway_core::london().to_zoned_datetime(at);
    zoned.map_or_else(
        |_| format!("{}Z", at.strftime("%Y-%m-%dT%H:%M:%S")),
        |zoned| zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    )
}
