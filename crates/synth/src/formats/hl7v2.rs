//! HL7 v2.4 as a hospital sends it: A01, A03, and the results that it shows its wards (ORU R01).

use jiff::civil::DateTime;

use crate::journey::{Event, ResultLine};
use crate::people::{Person, Sex};
use crate::{Message, people};

fn stamp(at: DateTime) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

/// Escapes what HL7 v2 would read as delimiters.
pub(crate) fn text(text: &str) -> String {
    text.replace('\\', "\\E\\")
        .replace('|', "\\F\\")
        .replace('^', "\\S\\")
        .replace('&', "\\T\\")
        .replace('~', "\\R\\")
}

pub(crate) fn header(person: &Person, at: DateTime, kind: &str, id: &str) -> String {
    let sent = stamp(at);
    format!(
        "MSH|^~\\&|PAS|{}|CAUSEWAY|EXCHANGE|{sent}||{kind}|{id}|P|2.4|||AL|NE|GBR|UNICODE UTF-8|EN\r",
        person.hospital.code
    )
}

pub(crate) fn pid(person: &Person) -> String {
    let sex = match person.sex {
        Sex::Female => "F",
        Sex::Male => "M",
    };
    format!(
        "PID|1||{}^^^NHS^NH~{}^^^{}^PI||{}^{}^{}^^{}||{}|{sex}|||{}^^{}^^{}^^H||{}\r",
        person.nhs_number,
        person.hospital_number,
        person.hospital.code,
        text(&person.family),
        text(&person.given),
        text(&person.middle),
        person.title,
        person.born.strftime("%Y%m%d"),
        text(&person.street),
        person.town,
        person.postcode,
        person.phone,
    )
}

fn pd1(person: &Person) -> String {
    format!("PD1|||{}^^{}||||||\r", text(person.practice.name), person.practice.code)
}

fn nk1(person: &Person) -> String {
    let kin = &person.next_of_kin;
    let relationship = match kin.relationship {
        "Spouse" => "SPO",
        "Neighbour" => "NBR",
        _ => "CHD",
    };
    format!("NK1|1|{}^{}|{relationship}||{}\r", text(&kin.family), text(&kin.given), kin.phone)
}

fn visit(person: &Person) -> String {
    format!("V{}", person.hospital_number.trim_start_matches('H'))
}

pub(crate) fn pv1(
    person: &Person,
    ward: &str,
    admitted: DateTime,
    discharge: Option<(&str, DateTime)>,
) -> String {
    let (method, destination, left) = match discharge {
        Some((destination, at)) => ("1", destination, stamp(at)),
        None => ("", "", String::new()),
    };
    let mut fields = vec![String::new(); 46];
    fields[1] = "1".to_owned();
    fields[2] = "I".to_owned();
    fields[3] = format!("{ward}^BAY2^BED4^{}", person.hospital.code);
    fields[4] = "21".to_owned();
    fields[7] = "C9990001^Wren^Alison^^^Dr".to_owned();
    fields[10] = "430".to_owned();
    fields[14] = "19".to_owned();
    fields[19] = visit(person);
    fields[36] = method.to_owned();
    fields[37] = destination.to_owned();
    fields[44] = stamp(admitted);
    fields[45] = left;
    format!("PV1{}\r", fields[1..].iter().map(|f| format!("|{f}")).collect::<String>().trim_end_matches('|'))
}

/// The messages that an event causes.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    match event {
        Event::Admission { at, reason, ward } => {
            let id = format!("A01{}{}", person.number, stamp(*at));
            let body = [
                header(person, *at, "ADT^A01^ADT_A01", &id),
                format!("EVN|A01|{}\r", stamp(*at)),
                pid(person),
                pd1(person),
                nk1(person),
                pv1(person, ward, *at, None),
                format!("DG1|1||{}^{}^I10|||A\r", reason.0, reason.1),
            ];
            vec![message(person, "adt-a01.hl7", "Emergency admission after a fall", *at, &body)]
        }
        Event::Discharge { at, admitted, destination } => {
            let id = format!("A03{}{}", person.number, stamp(*at));
            let body = [
                header(person, *at, "ADT^A03^ADT_A03", &id),
                format!("EVN|A03|{}\r", stamp(*at)),
                pid(person),
                pd1(person),
                nk1(person),
                pv1(person, "BEECH", *admitted, Some((destination, *at))),
            ];
            vec![message(person, "adt-a03.hl7", "Discharge home", *at, &body)]
        }
        Event::Results { at, collected, report, lines, corrects } => {
            vec![results(person, (*at, *collected), report, lines, *corrects)]
        }
        _ => Vec::new(),
    }
}

fn results(
    person: &Person,
    (at, collected): (DateTime, DateTime),
    report: &str,
    lines: &[ResultLine],
    corrects: bool,
) -> Message {
    let status = if corrects { "C" } else { "F" };
    let id = format!("R01{}{}", person.number, stamp(at));
    let mut body = vec![
        header(person, at, "ORU^R01^ORU_R01", &id),
        pid(person),
        pv1(person, "BEECH", at, None),
        format!("ORC|RE|{report}|{report}^{}\r", people::LABORATORY.code),
        format!(
            "OBR|1|{report}|{report}^{}|BLOOD^Blood tests^L|||{}|||||||||C9990001^Wren^Alison^^^Dr||||||{}||CH|{status}\r",
            people::LABORATORY.code,
            stamp(collected),
            stamp(at)
        ),
    ];
    for (line, number) in lines.iter().zip(1..) {
        // Only the line that the correction is about is marked as corrected.
        let own = if corrects && line.read == "44I5." { "C" } else { "F" };
        body.push(format!(
            "OBX|{number}|NM|{}^{}^RC||{}|{}|{}-{}|{}|||{own}|||{}\r",
            line.read,
            line.name,
            line.value,
            line.unit,
            line.range.0,
            line.range.1,
            line.flag,
            stamp(collected)
        ));
    }
    let (name, title) = match corrects {
        false => ("oru-r01.hl7", "Blood results on the ward"),
        true => ("oru-r01-corrected.hl7", "A corrected blood result"),
    };
    message(person, name, title, at, &body)
}

pub(crate) fn message(person: &Person, name: &str, title: &str, at: DateTime, body: &[String]) -> Message {
    Message {
        format: "hl7v2",
        name: format!("{:05}-{name}", person.number),
        title: title.to_owned(),
        sender: person.hospital,
        media_type: "x-application/hl7-v2+er7",
        at,
        bytes: body.concat().into_bytes(),
    }
}
