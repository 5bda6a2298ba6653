//! SCAIP alarms as a telecare unit sends them: no person, no time, a controller's number.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use super::message;
use crate::people::{ALARM_CENTRE, Person};
use crate::{Event, Message};

const KIND: (&str, &str) = ("telecare-alarm", "application/scaip+xml");

/// The message that an event causes.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::Alarm { at, device } = event else { return Vec::new() };
    let (status, own, words, title) = match *device {
        "0003" => ("0010", "PT01", "Pendant", "A telecare pendant is pressed"),
        _ => ("0009", "FD01", "Fall detector, hall", "A telecare fall detector goes off"),
    };
    let text = format!(
        "<mrq><ref>{:X}A{}</ref><ver>01.00</ver><cid>{}</cid><dty>{device}</dty><mty>ME</mty><did>{own}</did>\
<dte>{words}</dte><crd>sip:{}@alarm.example</crd><stc>{status}</stc><pri>0</pri><lco>002</lco></mrq>",
        person.number,
        at.strftime("%m%d%H%M"),
        person.controller(),
        person.phone.replace(' ', ""),
    );
    vec![message(person, KIND, ("alarm.scaip", title), (ALARM_CENTRE, *at), text)]
}

/// The background of a day: a heartbeat every hour, which is answered and goes nowhere.
pub fn heartbeats(person: &Person, day: Date) -> Vec<Message> {
    let first: DateTime = day.at(0, (person.number % 60) as i8, 0, 0);
    (0..24i64)
        .map(|hour| {
            let text = format!(
                "<mrq><ref>{:X}H{hour}</ref><cid>{}</cid><dty>0003</dty><mty>PI</mty></mrq>",
                person.number,
                person.controller()
            );
            let name = format!("heartbeat-{hour:02}.scaip");
            message(person, KIND, (&name, "A heartbeat"), (ALARM_CENTRE, first + hour.hours()), text)
        })
        .collect()
}
