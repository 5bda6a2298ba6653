//! NHS003 pathology reports as a laboratory sends them to the general practice.

use jiff::ToSpan;
use jiff::civil::DateTime;

use crate::Message;
use crate::journey::{Event, ResultLine};
use crate::people::{LABORATORY, Person, Sex};

/// Escapes what EDIFACT would read as syntax; letters that character set B lacks lose their accents, as
/// laboratories write them.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            'â' => 'a',
            'Â' => 'A',
            other => other,
        };
        if matches!(c, '?' | '\'' | '+' | ':') {
            out.push('?');
        }
        out.push(c);
    }
    out
}

/// The messages that an event causes: a report goes out an hour after it is ready. A correction goes out as a
/// report of its own.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    match event {
        Event::Results { at, collected, report, lines, corrects } => {
            vec![report_message(person, *at + 1.hour(), *collected, report, (lines, *corrects))]
        }
        _ => Vec::new(),
    }
}

fn report_message(
    person: &Person,
    at: DateTime,
    collected: DateTime,
    report: &str,
    (lines, corrects): (&[ResultLine], bool),
) -> Message {
    let reference = format!("{:08}", person.number * 2 + usize::from(corrects));
    let segments = segments(person, (at, collected), report, lines, corrects);
    let mut out = format!(
        "UNB+UNOB:2+{}:ZZ+{}:ZZ+{}:{}+{reference}++MEDRPT++1'",
        LABORATORY.code,
        person.practice.code,
        at.strftime("%y%m%d"),
        at.strftime("%H%M"),
    );
    out.push_str("UNH+1+MEDRPT:0:1:RT:NHS003'");
    for segment in &segments {
        out.push_str(segment);
        out.push('\'');
    }
    out.push_str(&format!("UNT+{}+1'UNZ+1+{reference}'", segments.len() + 2));
    let (name, title) = match corrects {
        false => ("nhs003.edi", "Blood results to the general practice"),
        true => ("nhs003-corrected.edi", "The corrected result to the general practice"),
    };
    Message {
        format: "edifact-pathology",
        name: format!("{:05}-{name}", person.number),
        title: title.to_owned(),
        sender: LABORATORY,
        media_type: "application/edifact",
        at,
        bytes: out.into_bytes(),
    }
}

fn segments(
    person: &Person,
    (at, collected): (DateTime, DateTime),
    report: &str,
    lines: &[ResultLine],
    corrects: bool,
) -> Vec<String> {
    let sex = match person.sex {
        Sex::Female => "2",
        Sex::Male => "1",
    };
    let minute = at.strftime("%Y%m%d%H%M");
    let taken = collected.strftime("%Y%m%d%H%M");
    let status = if corrects { "CO" } else { "FI" };
    let mut out = vec![
        "BGM+LSR".to_owned(),
        format!("DTM+137:{minute}:203"),
        "S01+01".to_owned(),
        format!("NAD+PO+G9990401:900++{}", text("DR SORREL")),
        "SPR+PRO".to_owned(),
        "S01+01".to_owned(),
        "NAD+MR+G9990401:900++DR SORREL".to_owned(),
        "SPR+PRO".to_owned(),
        "S01+01".to_owned(),
        format!("NAD+MR+{}:901++{}", person.practice.code, text(person.practice.name)),
        "SPR+ORG".to_owned(),
        "S01+01".to_owned(),
        "NAD+SLA+++Clinical chemistry".to_owned(),
        "SPR+DPT".to_owned(),
        "S01+01".to_owned(),
        format!("NAD+SLA+{}:901++{}", LABORATORY.code, text(LABORATORY.name)),
        "SPR+ORG".to_owned(),
        "S02+02".to_owned(),
        "GIS+N".to_owned(),
        format!("RFF+SRI:{report}"),
        format!("STS++{status}"),
        format!("DTM+ISR:{minute}:203"),
        "S06+06".to_owned(),
        format!("ADR++US:{}:{}++{}", text(&person.street), text(person.town), person.postcode),
        format!("RFF+SSI:{}", person.hospital_number),
        "S07+07".to_owned(),
        format!(
            "PNA+PAT+{}:OPI+++SU:{}+FO:{}+TI:{}+MI:{}",
            person.nhs_number,
            text(&person.family.to_uppercase()),
            text(&person.given.to_uppercase()),
            person.title.to_uppercase(),
            text(&person.middle.to_uppercase()),
        ),
        format!("DTM+329:{}:102", person.born.strftime("%Y%m%d")),
        format!("PDI+{sex}"),
        "S10+10".to_owned(),
        "CIN+UN".to_owned(),
        "FTX+CID+++Fall at home".to_owned(),
        "S16+16".to_owned(),
        "SEQ++1".to_owned(),
        "SPC+TSP+:::Venous blood".to_owned(),
        format!("RFF+STI:{report}A"),
        format!("DTM+SCO:{taken}:203"),
        "GIS+N".to_owned(),
        "INV+MQ+:::BLOOD TESTS".to_owned(),
        "SEQ++1".to_owned(),
        format!("STS++{status}"),
        "RFF+ASL:1".to_owned(),
    ];
    for line in lines {
        let flag = match line.flag {
            "H" => "+HI",
            "L" => "+LO",
            _ => "",
        };
        let corrected = corrects && line.read == "44I5.";
        out.push("GIS+N".to_owned());
        out.push(format!("INV+MQ+{}:911::{}", line.read, text(line.name)));
        out.push(format!("RSL+NV+{}++:::{}{flag}", line.value, text(line.unit)));
        out.push(format!("STS++{}", if corrected { "CO" } else { "FI" }));
        if corrected {
            out.push("FTX+RIT+++The first sample was diluted?: measured again".to_owned());
        }
        out.push("RFF+ARL:1".to_owned());
        out.push("S20+20".to_owned());
        out.push(format!("RND+U+{}+{}", line.range.0, line.range.1));
    }
    out
}
