//! Adult Social Care Client Level Data, Release 2, as a council exports it: one row an event, many people in a file.

use jiff::civil::{Date, DateTime, date};

use crate::Message;
use crate::journey::{Event, Journey, Kind};
use crate::people::{COUNCIL, Person, Sex};

/// The fifty headings.
pub const HEADINGS: [&str; 50] = [
    "LA Code",
    "Reporting Period Start Date",
    "Reporting Period End Date",
    "NHS Number",
    "LA Person Unique Identifier",
    "First Name",
    "Last Name",
    "GP Practice Name",
    "GP Practice Code",
    "Gender",
    "Ethnicity",
    "Date of Birth",
    "Date of Death",
    "Client Type",
    "Primary Support Reason",
    "Postcode",
    "Accommodation Status",
    "Employment Status",
    "Has Unpaid Carer",
    "Autism Spectrum Disorder (ASD)",
    "Visual Impairment",
    "Hearing Impairment",
    "Dementia",
    "Client Funding Status",
    "Event Type",
    "Event Reference",
    "Event Start Date",
    "Event End Date",
    "Event Description",
    "Event Outcome",
    "Request: Route of Access",
    "Assessment Type",
    "Eligible Needs Identified",
    "Method of Assessment",
    "Total Hrs Caring per week",
    "No. of adults being cared for",
    "Adult 1 Linked Person_ID",
    "Adult 2 Linked Person_ID",
    "Adult 3 Linked Person_ID",
    "Service Type",
    "Service Component",
    "Delivery Mechanism",
    "Provider CQC Location Name",
    "Provider CQC Location ID",
    "Review Reason",
    "Review Outcomes Achieved",
    "Method of Review",
    "Unit Cost",
    "Cost Frequency (Unit Type)",
    "Planned units per week",
];

fn day(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// A row as cells by heading.
struct Row([String; 50]);

impl Row {
    fn set(&mut self, heading: &str, value: impl Into<String>) {
        if let Some(at) = HEADINGS.iter().position(|h| *h == heading) {
            self.0[at] = value.into();
        }
    }
}

/// A quarterly file about people and their journeys: twelve months up to `period_end`.
pub fn file(people: &[(&Person, &Journey)], period_end: Date) -> Message {
    let mut out = HEADINGS.map(quoted).join(",");
    out.push_str("\r\n");
    for (person, journey) in people {
        for event in &journey.events {
            if event.at().date() > period_end {
                continue;
            }
            if let Some(row) = row(person, journey, event, period_end) {
                out.push_str(&row.0.map(|c| quoted(&c)).join(","));
                out.push_str("\r\n");
            }
        }
    }
    let sent: DateTime = period_end.tomorrow().unwrap_or(period_end).at(7, 0, 0, 0);
    Message {
        format: "client-level-data",
        name: format!("cld-{}.csv", period_end.strftime("%Y-%m-%d")),
        title: "The council's Client Level Data".to_owned(),
        sender: COUNCIL,
        media_type: "text/csv",
        at: sent,
        bytes: out.into_bytes(),
    }
}

fn row(person: &Person, journey: &Journey, event: &Event, period_end: Date) -> Option<Row> {
    let mut row = person_cells(person, journey, period_end);
    match event {
        Event::Request { on, route, outcome } => {
            head(&mut row, "Request", *on, Some(*on), outcome);
            row.set("Request: Route of Access", *route);
        }
        Event::Assessment { from, to, kind, description, outcome } => {
            head(&mut row, "Assessment", *from, Some(*to), outcome);
            row.set("Assessment Type", *kind);
            row.set("Event Description", *description);
            row.set(
                "Method of Assessment",
                if journey.kind == Kind::Carer { "Carer only" } else { "Service user only" },
            );
        }
        Event::Service { from, to, kind, component, provider, outcome } => {
            head(&mut row, "Service", *from, to.filter(|to| *to <= period_end), outcome);
            row.set("Service Type", *kind);
            row.set("Service Component", *component);
            row.set("Delivery Mechanism", "CASSR commissioned support");
            row.set("Client Funding Status", "Joint client and social care funded");
            if let Some(provider) = provider {
                row.set("Provider CQC Location Name", provider.name);
                row.set("Provider CQC Location ID", provider.code);
            }
        }
        Event::Review { on, reason, outcome } => {
            head(&mut row, "Review", *on, Some(*on), outcome);
            row.set("Review Reason", *reason);
            row.set("Review Outcomes Achieved", "Partially achieved");
            row.set("Method of Review", "Service user and carer");
            row.set("Client Funding Status", "Fully social care funded");
        }
        _ => return None,
    }
    Some(row)
}

fn head(row: &mut Row, kind: &str, start: Date, end: Option<Date>, outcome: &str) {
    row.set("Event Type", kind);
    row.set("Event Start Date", day(start));
    row.set("Event End Date", end.map(day).unwrap_or_default());
    row.set("Event Outcome", outcome);
}

fn person_cells(person: &Person, journey: &Journey, period_end: Date) -> Row {
    let start = date(period_end.year() - 1, period_end.month(), 1);
    let mut row = Row(std::array::from_fn(|_| String::new()));
    row.set("LA Code", COUNCIL.code);
    row.set("Reporting Period Start Date", day(start));
    row.set("Reporting Period End Date", day(period_end));
    row.set("NHS Number", &person.nhs_number);
    row.set("LA Person Unique Identifier", &person.council_number);
    row.set("First Name", &person.given);
    row.set("Last Name", &person.family);
    row.set("GP Practice Name", person.practice.name);
    row.set("GP Practice Code", person.practice.code);
    row.set("Gender", if person.sex == Sex::Female { "Female" } else { "Male" });
    row.set("Ethnicity", "White: English, Welsh, Scottish, Northern Irish or British");
    row.set("Date of Birth", day(person.born));
    let carer = journey.kind == Kind::Carer;
    row.set("Client Type", if carer { "Unpaid carer" } else { "Service user" });
    row.set("Primary Support Reason", journey.support_reason);
    row.set("Postcode", &person.postcode);
    let home = match journey.kind {
        Kind::CareHome => "Registered care home",
        Kind::SupportedLiving => "Supported accommodation, supported lodgings or supported group home",
        _ => "Owner occupier or shared ownership scheme",
    };
    row.set("Accommodation Status", home);
    if journey.kind == Kind::SupportedLiving {
        row.set("Employment Status", "Not in paid employment: Voluntary work only");
    }
    row.set("Has Unpaid Carer", if carer { "Unknown" } else { "Yes" });
    if carer {
        row.set("No. of adults being cared for", "1");
        row.set("Adult 1 Linked Person_ID", journey.cares_for.clone().unwrap_or_default());
    }
    row
}
