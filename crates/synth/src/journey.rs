//! What happens to an invented person, as dated events. Messages are printed from these and from nothing else,
//! so a discharge is the same discharge in every format.

use jiff::civil::{Date, DateTime, date};
use jiff::{Span, ToSpan};

use crate::people::{Organisation, Person};
use crate::random::Random;

/// The shape of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Fall, admission, results, discharge, reablement, home support.
    FallToReablement,
    /// A carer's assessment and respite; the cared-for is another person.
    Carer,
    /// Working age, learning disability, supported living, reviewed each year.
    SupportedLiving,
    /// A request that ends with information and advice.
    AdviceOnly,
    /// Equipment and nothing else.
    Equipment,
    /// A move into a care home.
    CareHome,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [
        Kind::FallToReablement,
        Kind::Carer,
        Kind::SupportedLiving,
        Kind::AdviceOnly,
        Kind::Equipment,
        Kind::CareHome,
    ];
}

/// One result of a laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultLine {
    /// Read v2 code, five bytes.
    pub read: &'static str,
    /// Name.
    pub name: &'static str,
    /// Value with the digits that the laboratory prints.
    pub value: String,
    /// Unit.
    pub unit: &'static str,
    /// Reference range.
    pub range: (&'static str, &'static str),
    /// `L`, `H` or empty.
    pub flag: &'static str,
}

/// Forms in which a general practice gives its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GpRecord {
    /// A hospital reads the structured record (GP Connect, CareConnect STU3).
    Read,
    /// The summary is uploaded to Spine (Summary Care Record).
    Summary,
    /// The whole record goes to another practice (GP2GP).
    Transfer,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A telecare pendant was pressed, or a fall detector went off.
    Alarm {
        /// When.
        at: DateTime,
        /// Device type code of SCAIP.
        device: &'static str,
    },
    /// Emergency admission.
    Admission {
        /// When.
        at: DateTime,
        /// ICD-10 code and words of the reason.
        reason: (&'static str, &'static str),
        /// Ward.
        ward: &'static str,
    },
    /// A pathology report.
    Results {
        /// When reported.
        at: DateTime,
        /// When the sample was taken: the time of the results in every format.
        collected: DateTime,
        /// Laboratory's report number.
        report: String,
        /// Lines.
        lines: Vec<ResultLine>,
        /// Whether it corrects an earlier report of this number.
        corrects: bool,
    },
    /// Discharge from hospital.
    Discharge {
        /// When.
        at: DateTime,
        /// When the stay began.
        admitted: DateTime,
        /// Destination code of the NHS Data Dictionary.
        destination: &'static str,
    },
    /// A request for support reached the council.
    Request {
        /// Day.
        on: Date,
        /// CLD route of access.
        route: &'static str,
        /// CLD outcome.
        outcome: &'static str,
    },
    /// An assessment by the council.
    Assessment {
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
        /// CLD assessment type.
        kind: &'static str,
        /// Local description.
        description: &'static str,
        /// CLD outcome.
        outcome: &'static str,
    },
    /// A service of the council.
    Service {
        /// First day.
        from: Date,
        /// Last day, where it has ended.
        to: Option<Date>,
        /// CLD service type.
        kind: &'static str,
        /// CLD component.
        component: &'static str,
        /// Who provides it.
        provider: Option<Organisation>,
        /// CLD outcome.
        outcome: &'static str,
    },
    /// The general practice's record is given to somebody.
    GpRecord {
        /// When.
        at: DateTime,
        /// In which form.
        form: GpRecord,
    },
    /// A review by the council.
    Review {
        /// Day.
        on: Date,
        /// CLD reason.
        reason: &'static str,
        /// CLD outcome.
        outcome: &'static str,
    },
}

impl Event {
    /// When it happened or began.
    pub fn at(&self) -> DateTime {
        match self {
            Event::Alarm { at, .. } | Event::Admission { at, .. } | Event::Results { at, .. } => *at,
            Event::Discharge { at, .. } | Event::GpRecord { at, .. } => *at,
            Event::Request { on, .. } | Event::Review { on, .. } => on.at(9, 0, 0, 0),
            Event::Assessment { from, .. } | Event::Service { from, .. } => from.at(9, 0, 0, 0),
        }
    }
}

/// A journey: a person, a shape, and what happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey {
    /// Shape.
    pub kind: Kind,
    /// Events by time.
    pub events: Vec<Event>,
    /// CLD primary support reason.
    pub support_reason: &'static str,
    /// For a carer: the council's number of the cared-for.
    pub cares_for: Option<String>,
}

fn days(count: i64) -> Span {
    count.days()
}

/// The journey of a person: shape and dates follow from the seed. Carers care for the person before them.
pub fn journey(seed: u64, person: &Person) -> Journey {
    let mut r = Random::new(seed ^ 0x1D1E, person.number as u64);
    let working_age = person.age_on(date(2026, 9, 1)) < 65;
    let kind = match (working_age, r.between(0, 9)) {
        (true, 0..=4) => Kind::SupportedLiving,
        (true, 5..=7) => Kind::Carer,
        (true, _) => Kind::AdviceOnly,
        (false, _) if person.care_home.is_some() => Kind::CareHome,
        (false, 0..=5) => Kind::FallToReablement,
        (false, 6) => Kind::Carer,
        (false, 7..=8) => Kind::Equipment,
        (false, _) => Kind::AdviceOnly,
    };
    let start = date(2026, r.between(4, 9) as i8, r.between(1, 28) as i8);
    let events = match kind {
        Kind::FallToReablement => fall(&mut r, start, person.number),
        Kind::Carer => carer(start),
        Kind::SupportedLiving => supported_living(start),
        Kind::AdviceOnly => vec![Event::Request {
            on: start,
            route: "Community or other route",
            outcome: "NFA: Information and advice or signposting",
        }],
        Kind::Equipment => equipment(start),
        Kind::CareHome => care_home(start, person.care_home),
    };
    let support_reason = match kind {
        Kind::SupportedLiving => "Learning disability support",
        Kind::Carer => "Social support: Support to unpaid carer",
        Kind::CareHome => "Support with memory and cognition",
        Kind::Equipment => "Physical support: Access and mobility only",
        _ => "Physical support: Personal care support",
    };
    let cares_for =
        (kind == Kind::Carer && person.number > 0).then(|| format!("{}", 4_400_000 + person.number - 1));
    Journey { kind, events, support_reason, cares_for }
}

fn fall(r: &mut Random, start: Date, number: usize) -> Vec<Event> {
    let alarm = start.at(r.between(0, 23) as i8, r.between(0, 59) as i8, r.between(0, 59) as i8, 0);
    let admitted = alarm + 90.minutes();
    let stay = r.between(3, 21);
    let home = start + days(stay);
    let mut events = vec![
        Event::Alarm { at: alarm, device: "0005" },
        Event::Admission { at: admitted, reason: ("S72.0", "Fracture of neck of femur"), ward: "BEECH" },
        Event::Results {
            at: admitted + 3.hours(),
            collected: admitted + 30.minutes(),
            report: format!("L{:07}", 2_000_000 + number),
            lines: blood(r),
            corrects: false,
        },
        Event::Discharge { at: home.at(14, 30, 0, 0), admitted, destination: "19" },
    ];
    events.extend(reablement(home, true));
    gp_records(&mut events);
    events
}

/// Adds when the general practice's record was given to somebody: read on admission, summed up after discharge,
/// handed on at the end.
pub fn gp_records(events: &mut Vec<Event>) {
    let mut given = Vec::new();
    for event in events.iter() {
        match event {
            Event::Admission { at, .. } => {
                given.push(Event::GpRecord { at: *at + 40.minutes(), form: GpRecord::Read });
            }
            Event::Discharge { at, .. } => {
                let at = (at.date() + days(1)).at(8, 15, 0, 0);
                given.push(Event::GpRecord { at, form: GpRecord::Summary });
            }
            _ => {}
        }
    }
    if let Some(last) = events.iter().map(|e| e.at().date()).max() {
        given.push(Event::GpRecord { at: (last + days(10)).at(11, 20, 0, 0), form: GpRecord::Transfer });
    }
    events.extend(given);
    events.sort_by_key(Event::at);
}

/// Blood count and kidney function with values that a fall in old age may show.
pub fn blood(r: &mut Random) -> Vec<ResultLine> {
    let tenth = |r: &mut Random, low: i64, high: i64| {
        let n = r.between(low, high);
        format!("{}.{}", n / 10, n % 10)
    };
    let flagged = |value: &str, low: f64, high: f64| match value.parse::<f64>() {
        Ok(v) if v < low => "L",
        Ok(v) if v > high => "H",
        _ => "",
    };
    let haemoglobin = r.between(88, 150).to_string();
    let white = tenth(r, 38, 160);
    let sodium = r.between(126, 146).to_string();
    let potassium = tenth(r, 32, 58);
    let creatinine = r.between(55, 190).to_string();
    vec![
        ResultLine {
            flag: flagged(&haemoglobin, 115.0, 165.0),
            read: "423..",
            name: "Haemoglobin estimation",
            value: haemoglobin,
            unit: "g/L",
            range: ("115", "165"),
        },
        ResultLine {
            flag: flagged(&white, 4.0, 11.0),
            read: "42H..",
            name: "Total white cell count",
            value: white,
            unit: "10*9/L",
            range: ("4.0", "11.0"),
        },
        ResultLine {
            flag: flagged(&sodium, 133.0, 146.0),
            read: "44I5.",
            name: "Serum sodium level",
            value: sodium,
            unit: "mmol/L",
            range: ("133", "146"),
        },
        ResultLine {
            flag: flagged(&potassium, 3.5, 5.3),
            read: "44I4.",
            name: "Serum potassium level",
            value: potassium,
            unit: "mmol/L",
            range: ("3.5", "5.3"),
        },
        ResultLine {
            flag: flagged(&creatinine, 45.0, 84.0),
            read: "44J3.",
            name: "Serum creatinine level",
            value: creatinine,
            unit: "umol/L",
            range: ("45", "84"),
        },
    ]
}

/// From the request on the day of discharge to long-term home support.
pub fn reablement(home: Date, needs_support_after: bool) -> Vec<Event> {
    let end = home + days(40);
    let mut events = vec![
        Event::Request {
            on: home + days(1),
            route: "Discharge from hospital",
            outcome: "Progress to assessment, review or reassessment",
        },
        Event::Assessment {
            from: home + days(2),
            to: home + days(3),
            kind: "Short term assessment",
            description: "Reablement assessment",
            outcome: "Progress to reablement/ST-Max",
        },
        Event::Service {
            from: home + days(4),
            to: Some(end),
            kind: "Short term support: ST-Max",
            component: "Reablement",
            provider: Some(crate::people::HOME_CARE),
            outcome: "Progress to support planning or services",
        },
    ];
    if needs_support_after {
        events.push(Event::Assessment {
            from: end,
            to: end + days(3),
            kind: "Long term assessment",
            description: "Care Act assessment",
            outcome: "Progress to support planning or services",
        });
        events.push(Event::Service {
            from: end + days(4),
            to: None,
            kind: "Long term support: Community",
            component: "Home support or domiciliary care",
            provider: Some(crate::people::HOME_CARE),
            outcome: "Continuation of support or services",
        });
    }
    events
}

fn carer(start: Date) -> Vec<Event> {
    vec![
        Event::Request {
            on: start,
            route: "Community or other route",
            outcome: "Progress to assessment, review or reassessment",
        },
        Event::Assessment {
            from: start + days(10),
            to: start + days(12),
            kind: "Long term assessment",
            description: "Carer's assessment",
            outcome: "Progress to support planning or services",
        },
        Event::Service {
            from: start + days(20),
            to: None,
            kind: "Unpaid carer support: Direct to unpaid carer",
            component: "Other unpaid carer support",
            provider: None,
            outcome: "Continuation of support or services",
        },
    ]
}

fn supported_living(start: Date) -> Vec<Event> {
    let summary = (start + days(1)).at(8, 15, 0, 0);
    vec![
        Event::Service {
            from: date(2023, 5, 1),
            to: None,
            kind: "Long term support: Community",
            component: "Community supported living",
            provider: Some(crate::people::HOME_CARE),
            outcome: "Continuation of support or services",
        },
        Event::Review {
            on: start,
            reason: "Planned: Review of long term support",
            outcome: "Continuation of support or services",
        },
        Event::GpRecord { at: summary, form: GpRecord::Summary },
    ]
}

fn equipment(start: Date) -> Vec<Event> {
    vec![
        Event::Request {
            on: start,
            route: "Community or other route",
            outcome: "Progress to support planning or services",
        },
        Event::Service {
            from: start + days(7),
            to: Some(start + days(7)),
            kind: "Short term support: Other short term",
            component: "Equipment",
            provider: None,
            outcome: "NFA: Support ended as planned",
        },
    ]
}

fn care_home(start: Date, home: Option<Organisation>) -> Vec<Event> {
    let mut events = vec![
        Event::Assessment {
            from: start,
            to: start + days(5),
            kind: "Long term assessment",
            description: "Care Act assessment",
            outcome: "Progress to support planning or services",
        },
        Event::Service {
            from: start + days(14),
            to: None,
            kind: "Long term support: Residential care",
            component: "Long term residential care",
            provider: home,
            outcome: "Continuation of support or services",
        },
    ];
    gp_records(&mut events);
    events
}

#[cfg(test)]
mod tests {

    use crate::people::population;

    #[test]
    fn events_are_in_order_and_repeat_with_the_seed() {
        for person in population(3, 300) {
            let journey = super::journey(3, &person);
            assert_eq!(journey, super::journey(3, &person));
            assert!(journey.events.windows(2).all(|w| w[0].at() <= w[1].at()), "{:?}", journey.kind);
        }
    }
}
