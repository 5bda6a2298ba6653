//! Journeys printed as messages, one module a format.

pub mod client_level_data;
pub mod edifact_pathology;
pub mod hl7v2;

use crate::{Journey, Message, Person};

/// Every message of a journey that concerns one person alone, in the order of sending. Files about many people
/// (Client Level Data) are printed by their own modules.
pub fn messages(person: &Person, journey: &Journey) -> Vec<Message> {
    let mut messages = Vec::new();
    for event in &journey.events {
        messages.extend(hl7v2::of_event(person, event));
        messages.extend(edifact_pathology::of_event(person, event));
    }
    messages
}
