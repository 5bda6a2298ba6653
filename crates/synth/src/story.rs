//! The story of the demonstration: the autumn of one invented woman of 84 who lives with frailty.

use jiff::civil::{date, datetime};

use crate::journey::{Event, Journey, Kind, ResultLine, gp_records, reablement};
use crate::people::{Contact, HOSPITALS, PRACTICES, Person, Sex};

/// Edith Larkspur, who has never lived.
pub fn edith() -> (Person, Journey) {
    let person = Person {
        number: 71_002,
        nhs_number: "9990000018".to_owned(),
        family: "Larkspur".to_owned(),
        given: "Edith".to_owned(),
        middle: "Mary".to_owned(),
        title: "Mrs",
        sex: Sex::Female,
        born: date(1942, 3, 9),
        street: "14 Heron Close".to_owned(),
        town: "Ashmarsh",
        postcode: "ZZ99 3VZ".to_owned(),
        phone: "01632 960114".to_owned(),
        practice: PRACTICES[0],
        hospital: HOSPITALS[0],
        hospital_number: "H4071002".to_owned(),
        council_number: "4471002".to_owned(),
        care_home: None,
        next_of_kin: Contact {
            family: "Larkspur".to_owned(),
            given: "Hazel".to_owned(),
            relationship: "Daughter",
            phone: "01632 960187".to_owned(),
        },
    };
    let admitted = datetime(2026, 9, 14, 5, 12, 0, 0);
    let mut events = vec![
        Event::Alarm { at: datetime(2026, 9, 14, 3, 40, 12, 0), device: "0005" },
        Event::Admission { at: admitted, reason: ("S72.0", "Fracture of neck of femur"), ward: "BEECH" },
        Event::Results {
            at: datetime(2026, 9, 14, 8, 30, 0, 0),
            collected: datetime(2026, 9, 14, 5, 45, 0, 0),
            report: "L2071002".to_owned(),
            lines: first_blood(),
            corrects: false,
        },
        Event::Results {
            at: datetime(2026, 9, 14, 11, 5, 0, 0),
            collected: datetime(2026, 9, 14, 5, 45, 0, 0),
            report: "L2071002".to_owned(),
            lines: corrected_blood(),
            corrects: true,
        },
        Event::Discharge { at: datetime(2026, 9, 28, 14, 30, 0, 0), admitted, destination: "19" },
    ];
    events.extend(reablement(date(2026, 9, 28), true));
    gp_records(&mut events);
    let journey = Journey {
        kind: Kind::FallToReablement,
        events,
        support_reason: "Physical support: Personal care support",
        cares_for: None,
    };
    (person, journey)
}

fn line(
    (read, name): (&'static str, &'static str),
    value: &str,
    unit: &'static str,
    range: (&'static str, &'static str),
    flag: &'static str,
) -> ResultLine {
    ResultLine { read, name, value: value.to_owned(), unit, range, flag }
}

fn first_blood() -> Vec<ResultLine> {
    vec![
        line(("423..", "Haemoglobin estimation"), "104", "g/L", ("115", "165"), "L"),
        line(("42H..", "Total white cell count"), "12.40", "10*9/L", ("4.0", "11.0"), "H"),
        line(("44I5.", "Serum sodium level"), "128", "mmol/L", ("133", "146"), "L"),
        line(("44I4.", "Serum potassium level"), "4.1", "mmol/L", ("3.5", "5.3"), ""),
        line(("44J3.", "Serum creatinine level"), "96", "umol/L", ("45", "84"), "H"),
    ]
}

/// The laboratory found that the sodium had been measured in a diluted sample.
fn corrected_blood() -> Vec<ResultLine> {
    let mut lines = first_blood();
    lines[2] = line(("44I5.", "Serum sodium level"), "134", "mmol/L", ("133", "146"), "");
    lines
}
