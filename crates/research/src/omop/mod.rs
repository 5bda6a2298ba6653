//! The record as tables of the OMOP Common Data Model 5.4.
//!
//! Each event is a row with the standard concept that its code maps to by the user's vocabularies, and the code as source
//! value; a code that maps to nothing has concept 0 and is counted. The domain of the concept decides the table, as the
//! model has it; without a concept the resource's type does. What did not happen, was refuted or entered in error has no
//! row: the tables can't say *not*. What has no row is counted by reason.

mod vocabulary;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::omop_tables::{OmopField, OmopTable, TABLES};
pub use vocabulary::{Concept, Domain, Mapped, Vocabulary};

use crate::deidentify::Key;
use crate::rows::Cell;
use crate::table::FieldKind;

/// `32817` EHR: the type concept of all that comes from a record.
const FROM_RECORD: i64 = 32_817;
/// No concept is known.
const UNKNOWN: i64 = 0;
/// `cdm_version_concept_id` of CDM 5.4.
pub(crate) const CDM_VERSION: i64 = 756_265;

/// What the tables came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Rows whose code maps to no standard concept, by table.
    pub unmapped: BTreeMap<String, u64>,
    /// Resources without a row, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Dates told by month or year, which stand as the first day of it.
    pub first_day_of_period: u64,
}

impl Tally {
    /// Adds what others came to.
    pub(crate) fn add(&mut self, other: &Self) {
        let maps = [
            (&mut self.rows, &other.rows),
            (&mut self.unmapped, &other.unmapped),
            (&mut self.left_out, &other.left_out),
        ];
        for (counts, more) in maps {
            for (what, count) in more {
                *counts.entry(what.clone()).or_default() += count;
            }
        }
        self.first_day_of_period += other.first_day_of_period;
    }
}

fn add(counts: &mut BTreeMap<String, u64>, what: &str) {
    *counts.entry(what.to_owned()).or_default() += 1;
}

/// A row of the table with this number in [`TABLES`].
pub(crate) type Placed = (usize, Vec<Cell>);

/// Makes rows of one person's resources.
#[derive(Debug)]
pub(crate) struct Mapper<'m> {
    pub vocabulary: &'m Vocabulary,
    pub key: &'m Key,
    pub project: &'m str,
}

/// An event that is about to be a row.
struct Event<'e> {
    resource: &'e Value,
    kind: &'e str,
    id: &'e str,
    person: i64,
    /// Where it goes without a concept.
    usual: Domain,
    code: Option<&'e Value>,
    start: When,
    end: Option<When>,
    visit: Option<i64>,
}

/// A date, and the time where one was told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct When {
    date: String,
    time: Option<String>,
    /// Whether the source had the day.
    day: bool,
}

impl When {
    /// Of a FHIR date, dateTime or instant. A month or year stands as its first day, as the model's conventions have it.
    fn of(text: &str) -> Option<Self> {
        let (date, day) = match text.len() {
            4 => (format!("{text}-01-01"), false),
            7 => (format!("{text}-01"), false),
            _ => (text.get(..10)?.to_owned(), true),
        };
        date.parse::<jiff::civil::Date>().ok()?;
        let time = text.get(..19).filter(|t| t.parse::<jiff::civil::DateTime>().is_ok());
        Some(Self { date, day, time: time.map(str::to_owned) })
    }
}

fn text<'v>(value: &'v Value, at: &str) -> Option<&'v str> {
    value.pointer(at).and_then(Value::as_str)
}

/// The first of these elements that holds a date.
fn when(resource: &Value, places: &[&str]) -> Option<When> {
    places.iter().find_map(|at| text(resource, at)).and_then(When::of)
}

fn number(value: &Value, at: &str) -> Cell {
    match value.pointer(at) {
        Some(Value::Number(number)) => Cell::Decimal(number.to_string()),
        _ => Cell::Null,
    }
}

fn opt_text(value: Option<&str>) -> Cell {
    value.map_or(Cell::Null, |text| Cell::Text(text.to_owned()))
}

/// Why a resource is no event that happened; none where it is one.
fn not_so(kind: &str, resource: &Value) -> Option<&'static str> {
    let status = text(resource, "/status").unwrap_or_default();
    let codes = |at: &str| {
        let codings = resource.pointer(at).and_then(Value::as_array);
        codings.into_iter().flatten().filter_map(|c| text(c, "/code")).collect::<Vec<_>>()
    };
    let verification = codes("/verificationStatus/coding");
    match status {
        "entered-in-error" => return Some("entered in error"),
        "not-done" | "not-taken" => return Some("did not happen"),
        "cancelled" | "draft" | "planned" | "preparation" | "declined" => return Some("did not happen"),
        _ => {}
    }
    if verification.contains(&"entered-in-error") {
        return Some("entered in error");
    }
    if verification.contains(&"refuted") {
        return Some("refuted");
    }
    let negated = |name: &str| resource.get(name).and_then(Value::as_bool) == Some(true);
    (kind == "MedicationRequest" && negated("doNotPerform")).then_some("did not happen")
}

impl Mapper<'_> {
    fn id(&self, kind: &str, id: &str) -> i64 {
        // 53 bits: exact as a double too. Never 0, which means unknown.
        let mark = self.key.mark(self.project, &format!("omop/{kind}/{id}")) >> 11;
        i64::try_from(mark).unwrap_or_default().max(1)
    }

    /// All rows of a person; none where the person has no year of birth, which the model asks for.
    pub fn rows(&self, resources: &[Value], tally: &mut Tally) -> Vec<Placed> {
        let kind_of = |r: &Value| text(r, "/resourceType").unwrap_or_default().to_owned();
        let patient = resources.iter().find(|r| kind_of(r) == "Patient");
        let id = patient.and_then(|p| text(p, "/id")).unwrap_or_default();
        let year = patient.and_then(|p| text(p, "/birthDate")?.get(..4)?.parse::<i64>().ok());
        let (Some(patient), Some(year)) = (patient, year) else {
            add(&mut tally.left_out, "person without a year of birth");
            return Vec::new();
        };
        let person = self.id("person", id);
        let by_id: HashMap<String, &Value> = resources
            .iter()
            .map(|r| (format!("{}/{}", kind_of(r), text(r, "/id").unwrap_or_default()), r))
            .collect();
        let mut rows = vec![Self::person(patient, person, year)];
        let mut visits = HashMap::new();
        for resource in resources.iter().filter(|r| kind_of(r) == "Encounter") {
            if let Some((id, row)) = self.visit(resource, person, tally) {
                visits.insert(format!("Encounter/{}", text(resource, "/id").unwrap_or_default()), id);
                rows.push(row);
            }
        }
        for resource in resources {
            let kind = kind_of(resource);
            if matches!(kind.as_str(), "Patient" | "Encounter" | "Medication") {
                continue;
            }
            match self.event(&kind, resource, person, &by_id, &visits) {
                Ok(event) => self.place(&event, tally, &mut rows),
                Err(reason) => add(&mut tally.left_out, reason),
            }
        }
        if let Some(death) = Self::death(patient, person, tally) {
            rows.push(death);
        }
        rows.extend(self.period(&rows, person, id));
        for (table, _) in &rows {
            if let Some(table) = TABLES.get(*table) {
                add(&mut tally.rows, table.name);
            }
        }
        rows
    }

    fn person(patient: &Value, person: i64, year: i64) -> Placed {
        let sex = text(patient, "/gender");
        let concept = match sex {
            Some("male") => 8507,
            Some("female") => 8532,
            _ => UNKNOWN,
        };
        let mut row = Row::of("person");
        row.set("person_id", person);
        row.set("gender_concept_id", concept);
        row.set("year_of_birth", year);
        row.set("race_concept_id", UNKNOWN);
        row.set("ethnicity_concept_id", UNKNOWN);
        row.put("gender_source_value", opt_text(sex));
        // A birth date that leaves whole (only with names does it) keeps month and day.
        let born = text(patient, "/birthDate").unwrap_or_default();
        for (field, from, to) in [("month_of_birth", 5, 7), ("day_of_birth", 8, 10)] {
            if let Some(part) = born.get(from..to).and_then(|p| p.parse::<i64>().ok()) {
                row.set(field, part);
            }
        }
        row.placed()
    }

    fn visit(&self, encounter: &Value, person: i64, tally: &mut Tally) -> Option<(i64, Placed)> {
        if let Some(reason) = not_so("Encounter", encounter) {
            add(&mut tally.left_out, reason);
            return None;
        }
        let Some(start) = when(encounter, &["/period/start", "/period/end"]) else {
            add(&mut tally.left_out, "no date");
            return None;
        };
        // A visit that has not ended, or whose end nobody told, ends on the day that it is known of.
        let end = when(encounter, &["/period/end"]).unwrap_or_else(|| start.clone());
        let class = text(encounter, "/class/code");
        let concept = match class {
            Some("IMP" | "ACUTE" | "NONAC") => 9201,
            Some("AMB") => 9202,
            Some("EMER") => 9203,
            Some("HH") => 581_476,
            _ => UNKNOWN,
        };
        if concept == UNKNOWN {
            add(&mut tally.unmapped, "visit_occurrence");
        }
        let id = self.id("visit_occurrence", text(encounter, "/id").unwrap_or_default());
        let mut row = Row::of("visit_occurrence");
        row.set("visit_occurrence_id", id);
        row.set("person_id", person);
        row.set("visit_concept_id", concept);
        row.when("visit_start", Some(&start), tally);
        row.when("visit_end", Some(&end), tally);
        row.set("visit_type_concept_id", FROM_RECORD);
        row.put("visit_source_value", opt_text(class));
        Some((id, row.placed()))
    }

    fn event<'e>(
        &self,
        kind: &'e str,
        resource: &'e Value,
        person: i64,
        by_id: &HashMap<String, &'e Value>,
        visits: &HashMap<String, i64>,
    ) -> Result<Event<'e>, &'static str> {
        if let Some(reason) = not_so(kind, resource) {
            return Err(reason);
        }
        let medicine = || {
            let named = resource.get("medicationCodeableConcept");
            let held = || by_id.get(text(resource, "/medicationReference/reference")?)?.get("code");
            named.or_else(held)
        };
        let code = resource.get("code");
        let onset = &["/onsetDateTime", "/onsetPeriod/start", "/recordedDate"][..];
        let (usual, code, start, end): (_, _, &[&str], &[&str]) = match kind {
            "Condition" => (Domain::Condition, code, onset, &["/abatementDateTime", "/abatementPeriod/end"]),
            "AllergyIntolerance" => (Domain::Observation, code, onset, &[]),
            "Procedure" => (
                Domain::Procedure,
                code,
                &["/performedDateTime", "/performedPeriod/start"],
                &["/performedPeriod/end"],
            ),
            "Immunization" => (Domain::Drug, resource.get("vaccineCode"), &["/occurrenceDateTime"], &[]),
            "MedicationRequest" => (Domain::Drug, medicine(), &["/authoredOn"], &[]),
            "MedicationStatement" => (
                Domain::Drug,
                medicine(),
                &["/effectiveDateTime", "/effectivePeriod/start", "/dateAsserted"],
                &["/effectivePeriod/end"],
            ),
            "MedicationAdministration" => (
                Domain::Drug,
                medicine(),
                &["/effectiveDateTime", "/effectivePeriod/start"],
                &["/effectivePeriod/end"],
            ),
            "MedicationDispense" => (Domain::Drug, medicine(), &["/whenHandedOver", "/whenPrepared"], &[]),
            "Observation" => {
                let measured = resource.get("valueQuantity").is_some();
                let usual = if measured { Domain::Measurement } else { Domain::Observation };
                (
                    usual,
                    code,
                    &["/effectiveDateTime", "/effectivePeriod/start", "/effectiveInstant", "/issued"],
                    &[],
                )
            }
            _ => return Err("no table for it"),
        };
        let start = when(resource, start).ok_or("no date")?;
        let coded = code
            .and_then(|c| c.get("coding")?.as_array())
            .is_some_and(|list| list.iter().any(|coding| text(coding, "/code").is_some()));
        if !coded {
            return Err("no code");
        }
        let visit = ["/encounter/reference", "/context/reference"].iter().find_map(|at| text(resource, at));
        Ok(Event {
            resource,
            kind,
            id: text(resource, "/id").unwrap_or_default(),
            person,
            usual,
            code,
            start,
            end: when(resource, end),
            visit: visit.and_then(|reference| visits.get(reference)).copied(),
        })
    }

    /// The best of a concept's codings: one that maps to a standard concept, else one that is known, else the first.
    fn coding<'c>(&self, concept: &'c Value) -> Option<(&'c str, Mapped)> {
        let codings = concept.get("coding").and_then(Value::as_array)?;
        let mut best: Option<(&str, Mapped)> = None;
        for coding in codings {
            let (Some(system), Some(code)) = (text(coding, "/system"), text(coding, "/code")) else {
                continue;
            };
            let mapped = self.vocabulary.map(system, code);
            let rank = |m: &Mapped| (!m.standard.is_empty(), m.source != UNKNOWN);
            if best.as_ref().is_none_or(|(_, held)| rank(&mapped) > rank(held)) {
                best = Some((code, mapped));
            }
        }
        best
    }

    fn unit(&self, quantity: &Value) -> (i64, Option<String>) {
        let (system, code) = (text(quantity, "/system"), text(quantity, "/code"));
        let mapped = system.zip(code).map(|(system, code)| self.vocabulary.map(system, code));
        let standard = mapped.and_then(|m| m.standard.first().map(|c| c.id));
        (standard.unwrap_or(UNKNOWN), code.map(str::to_owned))
    }

    /// A row for each standard concept of an event.
    fn place(&self, event: &Event<'_>, tally: &mut Tally, rows: &mut Vec<Placed>) {
        let Some((source_code, mapped)) = event.code.and_then(|code| self.coding(code)) else {
            add(&mut tally.left_out, "no code");
            return;
        };
        let mut targets: Vec<(i64, Domain)> = mapped.standard.iter().map(|c| (c.id, c.domain)).collect();
        let unmapped = targets.is_empty();
        if unmapped {
            targets.push((UNKNOWN, event.usual));
        }
        for (concept, domain) in targets {
            let (table, stem) = match domain {
                Domain::Condition => ("condition_occurrence", "condition"),
                Domain::Drug => ("drug_exposure", "drug"),
                Domain::Procedure => ("procedure_occurrence", "procedure"),
                Domain::Measurement => ("measurement", "measurement"),
                Domain::Observation => ("observation", "observation"),
            };
            if unmapped {
                add(&mut tally.unmapped, table);
            }
            let mut row = Row::of(table);
            let own = format!("{}/{}/{concept}", event.kind, event.id);
            row.set(&format!("{table}_id"), self.id(table, &own));
            row.set("person_id", event.person);
            row.set(&format!("{stem}_concept_id"), concept);
            row.put(&format!("{stem}_source_value"), Cell::Text(source_code.to_owned()));
            row.set(&format!("{stem}_source_concept_id"), mapped.source);
            row.set(&format!("{stem}_type_concept_id"), FROM_RECORD);
            if let Some(visit) = event.visit {
                row.set("visit_occurrence_id", visit);
            }
            let dates = match domain {
                Domain::Condition => "condition_start",
                Domain::Drug => "drug_exposure_start",
                _ => stem,
            };
            row.when(dates, Some(&event.start), tally);
            match domain {
                Domain::Condition => row.when("condition_end", event.end.as_ref(), tally),
                Domain::Procedure => row.when("procedure_end", event.end.as_ref(), tally),
                Domain::Drug => self.drug(event, &mut row, tally),
                Domain::Measurement | Domain::Observation => self.value(event, domain, &mut row),
            }
            rows.push(row.placed());
        }
    }

    fn drug(&self, event: &Event<'_>, row: &mut Row, tally: &mut Tally) {
        let days = ["/dispenseRequest/expectedSupplyDuration", "/daysSupply"].iter().find_map(|at| {
            let duration = event.resource.pointer(at)?;
            let in_days = matches!(text(duration, "/code"), Some("d"));
            in_days.then(|| duration.get("value")?.as_i64()).flatten().filter(|d| (0..=3650).contains(d))
        });
        let supplied = days.and_then(|days| {
            let date: jiff::civil::Date = event.start.date.parse().ok()?;
            // The first day counts.
            let last = date.checked_add(jiff::Span::new().days((days - 1).max(0))).ok()?;
            Some(When { date: last.to_string(), time: None, day: event.start.day })
        });
        // Without an end the model takes the day of the start.
        let end =
            event.end.clone().or(supplied).unwrap_or_else(|| When { time: None, ..event.start.clone() });
        row.when("drug_exposure_end", Some(&end), tally);
        if let Some(told) = &event.end {
            row.put("verbatim_end_date", Cell::Text(told.date.clone()));
        }
        if let Some(days) = days {
            row.set("days_supply", days);
        }
        for at in ["/dispenseRequest/quantity/value", "/quantity/value"] {
            if let cell @ Cell::Decimal(_) = number(event.resource, at) {
                row.put("quantity", cell);
                break;
            }
        }
        if let Some(refills) =
            event.resource.pointer("/dispenseRequest/numberOfRepeatsAllowed").and_then(Value::as_i64)
        {
            row.set("refills", refills);
        }
        let route = ["/dosageInstruction/0/route", "/dosage/0/route", "/dosage/route", "/route"];
        if let Some((code, mapped)) = route.iter().find_map(|at| self.coding(event.resource.pointer(at)?)) {
            row.set("route_concept_id", mapped.standard.first().map_or(UNKNOWN, |c| c.id));
            row.put("route_source_value", Cell::Text(code.to_owned()));
        }
    }

    fn value(&self, event: &Event<'_>, domain: Domain, row: &mut Row) {
        if let Some(quantity) = event.resource.get("valueQuantity") {
            row.put("value_as_number", number(quantity, "/value"));
            let (unit, code) = self.unit(quantity);
            row.set("unit_concept_id", unit);
            row.put("unit_source_value", opt_text(code.as_deref()));
            if domain == Domain::Measurement {
                let operator = match text(quantity, "/comparator") {
                    Some("<") => Some(4_171_756),
                    Some("<=") => Some(4_171_754),
                    Some(">=") => Some(4_171_755),
                    Some(">") => Some(4_172_704),
                    _ => None,
                };
                if let Some(operator) = operator {
                    row.set("operator_concept_id", operator);
                }
            } else if let Some(comparator) = text(quantity, "/comparator") {
                // An observation has no place for "less than": the number alone would say another thing.
                row.put("value_as_number", Cell::Null);
                let number = quantity.get("value").map(Value::to_string).unwrap_or_default();
                row.put("value_source_value", Cell::Text(format!("{comparator}{number}")));
            }
        }
        for name in ["valueInteger", "valueDecimal"] {
            if let cell @ Cell::Decimal(_) = number(event.resource, &format!("/{name}")) {
                row.put("value_as_number", cell);
            }
        }
        if let Some(concept) = event.resource.get("valueCodeableConcept")
            && let Some((code, mapped)) = self.coding(concept)
        {
            row.set("value_as_concept_id", mapped.standard.first().map_or(UNKNOWN, |c| c.id));
            row.put("value_source_value", Cell::Text(code.to_owned()));
        }
        if domain == Domain::Observation
            && let Some(value) = event.resource.get("valueBoolean").and_then(Value::as_bool)
        {
            row.put("value_as_string", Cell::Text(value.to_string()));
        }
        if domain == Domain::Measurement {
            row.put("range_low", number(event.resource, "/referenceRange/0/low/value"));
            row.put("range_high", number(event.resource, "/referenceRange/0/high/value"));
        }
    }

    fn death(patient: &Value, person: i64, tally: &mut Tally) -> Option<Placed> {
        let Some(died) = text(patient, "/deceasedDateTime").and_then(When::of) else {
            if patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true) {
                add(&mut tally.left_out, "death without a date");
            }
            return None;
        };
        let mut row = Row::of("death");
        row.set("person_id", person);
        row.when("death", Some(&died), tally);
        row.set("death_type_concept_id", FROM_RECORD);
        Some(row.placed())
    }

    /// From the first event to the last: the time in which the record says something of the person.
    fn period(&self, rows: &[Placed], person: i64, id: &str) -> Option<Placed> {
        let dates = rows.iter().flat_map(|(table, cells)| {
            let fields = TABLES.get(*table).map_or(&[][..], |t| t.fields);
            fields.iter().zip(cells).filter_map(|(field, cell)| match cell {
                Cell::Text(date) if field.kind == FieldKind::Date => Some(date.as_str()),
                _ => None,
            })
        });
        let (first, last) = (dates.clone().min()?, dates.max()?);
        let mut row = Row::of("observation_period");
        row.set("observation_period_id", self.id("observation_period", id));
        row.set("person_id", person);
        row.put("observation_period_start_date", Cell::Text(first.to_owned()));
        row.put("observation_period_end_date", Cell::Text(last.to_owned()));
        row.set("period_type_concept_id", FROM_RECORD);
        Some(row.placed())
    }
}

/// A row that is being filled.
struct Row {
    table: usize,
    cells: Vec<Cell>,
}

impl Row {
    fn of(name: &str) -> Self {
        let table = TABLES.iter().position(|t| t.name == name).unwrap_or_default();
        Self { table, cells: vec![Cell::Null; TABLES.get(table).map_or(0, |t| t.fields.len())] }
    }

    /// Sets a field; one that the table does not have is a mistake of this module.
    fn put(&mut self, name: &str, cell: Cell) {
        let fields = TABLES.get(self.table).map_or(&[][..], |t| t.fields);
        let at = fields.iter().position(|f| f.name == name);
        debug_assert!(at.is_some(), "no field {name}");
        if let Some(place) = at.and_then(|at| self.cells.get_mut(at)) {
            *place = cell;
        }
    }

    fn set(&mut self, name: &str, value: i64) {
        self.put(name, Cell::Integer(value));
    }

    /// Sets `STEM_date` and, where a time was told, `STEM_datetime`.
    fn when(&mut self, stem: &str, when: Option<&When>, tally: &mut Tally) {
        let Some(when) = when else { return };
        tally.first_day_of_period += u64::from(!when.day);
        self.put(&format!("{stem}_date"), Cell::Text(when.date.clone()));
        if let Some(time) = &when.time {
            self.put(&format!("{stem}_datetime"), Cell::Text(time.clone()));
        }
    }

    fn placed(self) -> Placed {
        (self.table, self.cells)
    }
}
