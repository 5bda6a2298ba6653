//! What a person measures at home with a meter, as its program exports it.

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::message;
use crate::people::{ALARM_CENTRE, Person};
use crate::random::Random;
use crate::{Event, Message};

const KIND: (&str, &str) = ("personal-readings", "text/csv");
/// Mornings of which a file tells.
const MORNINGS: i64 = 7;

/// The readings of the first week of reablement, which the telecare centre takes from the meter.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::Service { from, component: "Reablement", .. } = event else { return Vec::new() };
    let sent = (*from + MORNINGS.days()).at(18, 0, 0, 0);
    let names = ("home-readings.csv", "The person measures her blood pressure at home");
    vec![message(person, KIND, names, (ALARM_CENTRE, sent), file(person, from.at(7, 30, 0, 0)))]
}

fn file(person: &Person, first: DateTime) -> String {
    let mut r = Random::new(0xB100D, person.number as u64);
    let mut out = format!(
        "NHS number,{}\nDate,Time,Systolic (mmHg),Diastolic (mmHg),Pulse (bpm),Irregular heartbeat,Device\n",
        person.nhs_number
    );
    for day in 0..MORNINGS {
        let at = first + day.days() + r.between(0, 40).minutes();
        out.push_str(&format!(
            "{},{},{},{},{},-,Bracken 300\n",
            at.strftime("%d/%m/%Y"),
            at.strftime("%H:%M"),
            r.between(118, 168),
            r.between(62, 96),
            r.between(58, 92)
        ));
    }
    out
}
