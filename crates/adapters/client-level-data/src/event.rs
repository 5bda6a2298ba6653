//! The event of a row: which kind, when, with which outcome, and what DHSC's rules demand of it.

use causeway_core::{Leaf, Outcome, When};
use causeway_fhir::{Writer, types};

use crate::columns::Column;
use crate::demographics::reporting_period;
use crate::file::{Coded, Fate, File, MAPPED, Row};
use crate::limits::ADULT_YEARS;
use crate::person::{Person, Role};
use crate::rules;
use crate::{terms, values};

/// The four kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request for support.
    Request,
    /// An assessment.
    Assessment,
    /// A service.
    Service,
    /// A review.
    Review,
}

impl Kind {
    /// All kinds, in the order of the bits in [`crate::group::Group::kinds`].
    pub const ALL: [Kind; 4] = [Kind::Request, Kind::Assessment, Kind::Service, Kind::Review];

    /// The word of the specification.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Request => "Request",
            Kind::Assessment => "Assessment",
            Kind::Service => "Service",
            Kind::Review => "Review",
        }
    }

    /// The kind of a code in the table `event-type`.
    pub fn of(code: &str) -> Option<Self> {
        Some(match code {
            "REQ" => Kind::Request,
            "ASS" => Kind::Assessment,
            "SER" => Kind::Service,
            "REV" => Kind::Review,
            _ => return None,
        })
    }
}

/// Columns that belong to one kind of event.
const BELONGING: [(Column, Kind); 17] = [
    (Column::Route, Kind::Request),
    (Column::AssessmentType, Kind::Assessment),
    (Column::EligibleNeeds, Kind::Assessment),
    (Column::AssessmentMethod, Kind::Assessment),
    (Column::ServiceType, Kind::Service),
    (Column::Component, Kind::Service),
    (Column::Delivery, Kind::Service),
    (Column::ProviderName, Kind::Service),
    (Column::ProviderId, Kind::Service),
    (Column::ReviewReason, Kind::Review),
    (Column::OutcomesAchieved, Kind::Review),
    (Column::ReviewMethod, Kind::Review),
    (Column::UnitCost, Kind::Service),
    (Column::CostFrequency, Kind::Service),
    (Column::PlannedUnits, Kind::Service),
    // Not bound to a kind; listed so that a carer known by association loses them too.
    (Column::EventReference, Kind::Request),
    (Column::Description, Kind::Request),
];

/// How many of [`BELONGING`] are bound to a kind.
const BOUND: usize = 15;

/// An event that was read.
#[derive(Debug)]
pub struct Event<'a> {
    /// Kind.
    pub kind: Kind,
    /// Business key: council, person, kind, start, role and what distinguishes events of the kind; it has no
    /// end date, so that a service that ends later stays the same service.
    pub key: String,
    /// First day.
    pub start: Option<(When, Leaf<'a>)>,
    /// Last day, where it is not before the first.
    pub end: Option<(When, Leaf<'a>)>,
    /// Outcome.
    pub outcome: Option<Coded<'a>>,
    /// Role in which the person is supported.
    pub client: Option<Coded<'a>>,
    /// Who pays.
    pub funding: Option<Coded<'a>>,
    /// Route, assessment type, service component or review reason.
    pub main: Option<Coded<'a>>,
    /// Service type.
    pub category: Option<Coded<'a>>,
    /// Local words.
    pub description: Option<Leaf<'a>>,
    /// Local reference; not a key.
    pub reference: Option<Leaf<'a>>,
}

impl<'a> Event<'a> {
    /// Reads the event of a row and tells what is wrong with it.
    pub fn read(file: &mut File<'_>, row: &Row<'a>, person: &Person, kind: Kind) -> Self {
        let (start, end) = dates(file, row, person, kind);
        let outcome = file.coded(row, Column::Outcome, &values::OUTCOME);
        let (column, codes) = match kind {
            Kind::Request => (Column::Route, &values::ROUTE),
            Kind::Assessment => (Column::AssessmentType, &values::ASSESSMENT_TYPE),
            Kind::Service => (Column::Component, &values::COMPONENT),
            Kind::Review => (Column::ReviewReason, &values::REVIEW_REASON),
        };
        let main = file.coded(row, column, codes);
        let category = match kind {
            Kind::Service => file.coded(row, Column::ServiceType, &values::SERVICE_TYPE),
            _ => None,
        };
        let mut event = Self {
            kind,
            key: String::new(),
            start,
            end,
            outcome,
            client: Person::coded_again(row, Column::ClientType, &values::CLIENT_TYPE),
            funding: file.coded(row, Column::Funding, &values::FUNDING),
            main,
            category,
            description: row.cell(Column::Description),
            reference: row.cell(Column::EventReference),
        };
        event.demand(file, row, person);
        event.leave_foreign(file, row);
        event.key = event.business_key(person);
        let count = file.census.event(&event.key);
        if count > 1 {
            file.tell(row, Column::EventType, &rules::EVENT_REPEATED);
            event.key.push_str(&format!("|{count}"));
        }
        event
    }

    /// Source: DHSC's "unique event", with meanings in place of raw values, so that the same event has the
    /// same key in both releases.
    fn business_key(&self, person: &Person) -> String {
        let mut key = String::with_capacity(64);
        key.push_str(&person.key);
        key.push('|');
        key.push_str(self.kind.word());
        key.push('|');
        if let Some((day, _)) = self.start {
            key.push_str(&day.fhir_date());
        }
        for part in [self.client, self.main, self.category] {
            key.push('|');
            key.push_str(part.map_or("", |part| part.key()));
        }
        key
    }

    /// Whether it is a financial assessment.
    pub fn is_financial(&self) -> bool {
        self.kind == Kind::Assessment && self.main.is_some_and(|main| main.is("FIN"))
    }

    fn demand(&self, file: &mut File<'_>, row: &Row<'_>, person: &Person) {
        let mut wanted: Vec<Column> = vec![Column::EventStart, Column::Accommodation, Column::HasCarer];
        if !self.is_financial() {
            wanted.push(Column::Outcome);
        }
        match self.kind {
            Kind::Request => wanted.push(Column::Route),
            Kind::Assessment if self.is_financial() => wanted.push(Column::AssessmentType),
            Kind::Assessment => wanted.extend([Column::AssessmentType, Column::AssessmentMethod]),
            Kind::Service => wanted.extend([Column::ServiceType, Column::Component]),
            Kind::Review => {
                wanted.extend([Column::ReviewReason, Column::ReviewMethod]);
                if self.main.is_some_and(|main| main.is("PLA")) {
                    wanted.push(Column::OutcomesAchieved);
                }
            }
        }
        let paid = matches!(self.kind, Kind::Service | Kind::Review) || self.is_financial();
        if person.role == Role::ServiceUser && paid {
            wanted.push(Column::Funding);
        }
        for column in wanted {
            file.demand(row, column);
        }
        if self.kind != Kind::Request && row.cell(Column::SupportReason).is_none() {
            file.tell(row, Column::SupportReason, &rules::REASON_MISSING);
        }
    }

    /// Cells that belong to another kind of event go nowhere.
    fn leave_foreign(&self, file: &mut File<'_>, row: &Row<'_>) {
        for (column, kind) in BELONGING.into_iter().take(BOUND) {
            if kind != self.kind
                && let Some(leaf) = row.cell(column)
            {
                file.tell(row, column, &rules::NOT_APPLICABLE);
                file.claim(
                    Some(leaf),
                    (Outcome::Unsupported, "the column does not belong to this type of event"),
                );
            }
        }
    }

    /// Extensions that every kind of event has.
    pub fn extensions(&self, w: &mut Writer, row: &Row<'_>, person: &Person) {
        reporting_period(w, row, person);
        for (value, url) in [
            (self.client, terms::CLIENT_TYPE),
            (self.outcome, terms::OUTCOME),
            (self.funding, terms::FUNDING),
        ] {
            if let Some(value) = value {
                value.extension(w, url);
            }
        }
    }

    /// The local reference as a secondary identifier.
    pub fn identifiers(&self, w: &mut Writer, person: &Person) {
        let Some(reference) = self.reference else { return };
        w.array("identifier", |w| {
            w.element(|w| {
                w.fixed("use", "old");
                let system = format!("{}/Id/la/{}/event", causeway_fhir::systems::CAUSEWAY, person.la_code);
                types::identifier_body(w, &system, reference.text, reference);
            });
        });
    }

    /// First and last day under a key.
    pub fn period(&self, w: &mut Writer, key: &str) {
        types::period(w, key, self.start, self.end);
    }
}

/// Ends of an event.
type Ends<'a> = (Option<(When, Leaf<'a>)>, Option<(When, Leaf<'a>)>);

fn dates<'a>(file: &mut File<'_>, row: &Row<'a>, person: &Person, kind: Kind) -> Ends<'a> {
    let mut read = |column| {
        let cell = file.date(row, column)?;
        if cell.fate != MAPPED {
            file.claim(Some(cell.leaf), cell.fate);
        }
        cell.day.map(|day| (day, cell.leaf))
    };
    let (start, mut end) = (read(Column::EventStart), read(Column::EventEnd));
    if let (Some((from, _)), Some((to, leaf))) = (start, end)
        && to.ymd() < from.ymd()
    {
        file.tell(row, Column::EventEnd, &rules::END_BEFORE_START);
        file.claim(Some(leaf), (Outcome::Rejected, "before the event's start"));
        end = None;
    }
    if row.cell(Column::EventEnd).is_none() {
        if kind != Kind::Service {
            file.tell(row, Column::EventEnd, &rules::END_MISSING);
        } else if person.died.is_some() {
            file.tell(row, Column::EventEnd, &rules::OPEN_AFTER_DEATH);
        }
    }
    if let Some((day, _)) = start {
        let (_, month, mday) = day.ymd();
        if kind == Kind::Service && (month, mday) == (4, 1) {
            file.tell(row, Column::EventStart, &rules::START_RESET);
        }
        if person.age_on(day).is_some_and(|age| (0..ADULT_YEARS).contains(&age)) {
            file.tell(row, Column::EventStart, &rules::CHILD_AT_EVENT);
        }
    }
    (start, end)
}

/// A carer known by association has no events: their cells are refused, the person stays.
pub fn refuse_association(file: &mut File<'_>, row: &Row<'_>) {
    const WHY: Fate = (Outcome::Rejected, "a carer known by association has no events");
    let columns = BELONGING.into_iter().map(|(column, _)| column).chain([
        Column::EventType,
        Column::EventStart,
        Column::EventEnd,
        Column::Outcome,
        Column::Funding,
    ]);
    let mut told = false;
    for column in columns {
        if let Some(leaf) = row.cell(column) {
            if !std::mem::replace(&mut told, true) {
                let at = if row.cell(Column::EventType).is_some() { Column::EventType } else { column };
                file.tell(row, at, &rules::ASSOCIATION_EVENT);
            }
            file.claim(Some(leaf), WHY);
        }
    }
}
