//! What a council records of a person beside events: Observations, and the support reason. None of it is a
//! diagnosis, and none becomes one.

use causeway_core::{Leaf, Outcome};
use causeway_fhir::{Coding, Ref, Writer, systems, types};

use crate::census::TRACKED;
use crate::columns::Column;
use crate::demographics::period;
use crate::event::Event;
use crate::file::{Coded, File, Row};
use crate::group::Group;
use crate::limits::CARED_FOR_MAX;
use crate::person::{Person, Role};
use crate::rules::{self, Rule};
use crate::terms;
use crate::values::{self, Codes};

/// One characteristic.
struct Kind {
    column: Column,
    codes: &'static Codes,
    coding: Coding<'static>,
    /// A tick-box that a reader might take for a diagnosis.
    tick_box: bool,
    conflict: &'static Rule,
}

const fn coding(code: &'static str, display: &'static str) -> Coding<'static> {
    Coding::new(terms::CS_CHARACTERISTIC, code, display)
}

const HOURS: Coding<'static> = coding("hours-caring", "Total hours of caring per week");
const CARED_FOR: Coding<'static> = coding("adults-cared-for", "Number of adults being cared for");
/// Eligibility decision of an assessment.
pub const ELIGIBLE_NEEDS: Coding<'static> =
    coding("eligible-needs", "Eligible needs identified by an assessment");
/// Outcomes achieved according to a review.
pub const OUTCOMES_ACHIEVED: Coding<'static> =
    coding("outcomes-achieved", "Outcomes achieved according to a review");

static KINDS: [Kind; TRACKED] = [
    Kind {
        column: Column::Accommodation,
        codes: &values::ACCOMMODATION,
        coding: coding("accommodation-status", "Accommodation status"),
        tick_box: false,
        conflict: &rules::ACCOMMODATION_CONFLICT,
    },
    Kind {
        column: Column::HasCarer,
        codes: &values::YES_NO,
        coding: coding("has-unpaid-carer", "Has an unpaid carer"),
        tick_box: false,
        conflict: &rules::CARER_CONFLICT,
    },
    Kind {
        column: Column::Employment,
        codes: &values::EMPLOYMENT,
        coding: coding("employment-status", "Employment status"),
        tick_box: false,
        conflict: &rules::CHARACTERISTIC_CONFLICT,
    },
    Kind {
        column: Column::Autism,
        codes: &values::YES_NO,
        coding: coding("autism", "Autism spectrum, council-recorded characteristic"),
        tick_box: true,
        conflict: &rules::CHARACTERISTIC_CONFLICT,
    },
    Kind {
        column: Column::Visual,
        codes: &values::VISUAL,
        coding: coding("visual-impairment", "Visual impairment, council-recorded characteristic"),
        tick_box: true,
        conflict: &rules::CHARACTERISTIC_CONFLICT,
    },
    Kind {
        column: Column::Hearing,
        codes: &values::HEARING,
        coding: coding("hearing-impairment", "Hearing impairment, council-recorded characteristic"),
        tick_box: true,
        conflict: &rules::CHARACTERISTIC_CONFLICT,
    },
    Kind {
        column: Column::Dementia,
        codes: &values::YES_NO,
        coding: coding("dementia", "Dementia, council-recorded characteristic"),
        tick_box: true,
        conflict: &rules::CHARACTERISTIC_CONFLICT,
    },
];

/// Writes the characteristics of a row that its bundle does not hold yet.
pub fn write(file: &mut File<'_>, group: &mut Group, row: &Row<'_>, patient: &Ref) {
    for (kind, which) in KINDS.iter().zip(0..) {
        let Some(leaf) = row.cell(kind.column) else { continue };
        if group.known(kind.column, leaf) {
            file.claim(Some(leaf), crate::file::MAPPED);
            continue;
        }
        let Some(value) = file.coded(row, kind.column, kind.codes) else { continue };
        let mut key = characteristic_key(&group.person, kind.coding.code);
        if file.census.characteristic(&group.person.key, which, value.index) {
            file.tell(row, kind.column, kind.conflict);
            key.push('|');
            key.push_str(value.key());
        }
        let write_value = |w: &mut Writer| value.concept(w, "valueCodeableConcept");
        observation(
            file,
            row,
            group,
            patient,
            &Observed { key, coding: kind.coding, tick_box: kind.tick_box },
            write_value,
        );
        group.note(kind.column, leaf);
    }
    hours(file, group, row, patient);
    cared_for(file, group, row, patient);
}

fn characteristic_key(person: &Person, code: &str) -> String {
    let end = person.period.1.map_or_else(String::new, |end| end.fhir_date());
    format!("{}|{code}|{end}", person.key)
}

struct Observed {
    key: String,
    coding: Coding<'static>,
    tick_box: bool,
}

fn observation(
    file: &mut File<'_>,
    row: &Row<'_>,
    group: &Group,
    patient: &Ref,
    observed: &Observed,
    value: impl FnOnce(&mut Writer),
) {
    let mut key = std::borrow::Cow::Borrowed(observed.key.as_str());
    while file.c.has("Observation", &key) {
        key.to_mut().push_str("|again");
    }
    file.c.resource("Observation", &key, |w| {
        observation_head(w, observed.coding);
        w.reference("subject", patient, ());
        period(w, "effectivePeriod", row, &group.person);
        w.array("performer", |w| w.reference_element(&group.council, ()));
        value(w);
        if observed.tick_box {
            w.array("note", |w| {
                w.element(|w| w.fixed("text", "Council-recorded characteristic; not a diagnosis."));
            });
        }
    });
}

/// Status, category and code of an Observation.
fn observation_head(w: &mut Writer, coding: Coding<'static>) {
    w.fixed("status", "final");
    w.array("category", |w| {
        let social = Coding::new(systems::OBSERVATION_CATEGORY, "social-history", "Social History");
        types::concept_element(w, social, ());
    });
    types::concept_fixed(w, "code", coding);
}

/// Hours of caring a week: the bands are not published in full, so their words are the value.
fn hours(file: &mut File<'_>, group: &mut Group, row: &Row<'_>, patient: &Ref) {
    let Some(leaf) = for_carers(file, group, row, Column::HoursCaring) else { return };
    let observed =
        Observed { key: characteristic_key(&group.person, HOURS.code), coding: HOURS, tick_box: false };
    observation(file, row, group, patient, &observed, |w| {
        types::concept_text(w, "valueCodeableConcept", leaf)
    });
    group.note(Column::HoursCaring, leaf);
}

fn cared_for(file: &mut File<'_>, group: &mut Group, row: &Row<'_>, patient: &Ref) {
    let Some(leaf) = for_carers(file, group, row, Column::CaredFor) else { return };
    let number = Some(leaf.text)
        .filter(|text| text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse::<u32>().ok())
        .filter(|number| *number <= CARED_FOR_MAX);
    let Some(number) = number else {
        file.tell(row, Column::CaredFor, &rules::COST_FORM);
        file.claim(Some(leaf), (Outcome::Rejected, "not a number of people"));
        return;
    };
    let observed = Observed {
        key: characteristic_key(&group.person, CARED_FOR.code),
        coding: CARED_FOR,
        tick_box: false,
    };
    observation(file, row, group, patient, &observed, |w| {
        w.number("valueInteger", &number.to_string(), leaf);
    });
    group.note(Column::CaredFor, leaf);
}

/// A cell that only carers have, where it is still to be written.
fn for_carers<'a>(file: &mut File<'_>, group: &Group, row: &Row<'a>, column: Column) -> Option<Leaf<'a>> {
    let leaf = row.cell(column)?;
    if group.person.role == Role::ServiceUser {
        file.tell(row, column, &rules::NOT_APPLICABLE);
        file.claim(
            Some(leaf),
            (Outcome::Unsupported, "the column belongs to carers, and the person is none"),
        );
        return None;
    }
    if group.known(column, leaf) {
        file.claim(Some(leaf), crate::file::MAPPED);
        return None;
    }
    Some(leaf)
}

/// Writes an Observation about an event (its focus).
pub fn about_event(
    file: &mut File<'_>,
    group: &Group,
    event: &Event<'_>,
    coding: Coding<'static>,
    value: &Coded<'_>,
    focus: &Ref,
    patient: &Ref,
) {
    let key = format!("{}|{}", event.key, coding.code);
    file.c.resource("Observation", &key, |w| {
        observation_head(w, coding);
        w.reference("subject", patient, ());
        w.array("focus", |w| w.reference_element(focus, ()));
        if let Some((day, leaf)) = event.end.or(event.start) {
            w.date_time("effectiveDateTime", &day, leaf);
        }
        w.array("performer", |w| w.reference_element(&group.council, ()));
        value.concept(w, "valueCodeableConcept");
    });
}

/// The support reason of a row as a Condition, once for each reason in a bundle. Its period starts with the
/// first event of the bundle that gives it.
pub fn support_reason(
    file: &mut File<'_>,
    group: &mut Group,
    event: &Event<'_>,
    reason: Option<Coded<'_>>,
    patient: &Ref,
) -> Option<Ref> {
    let reason = reason?;
    if let Some(known) = group.reason(reason.key()) {
        file.claim(Some(reason.leaf), crate::file::MAPPED);
        return Some(known);
    }
    let key = format!("{}|support-reason|{}", group.person.key, reason.key());
    let written = file.c.resource("Condition", &key, |w| {
        w.array("extension", |w| {
            types::extension(w, terms::REASON_PERIOD, |w| {
                if let Some((day, leaf)) = event.start {
                    w.object("valuePeriod", |w| w.date_time("start", &day, leaf));
                }
            });
            types::extension(w, terms::PRIMARY_REASON, |w| w.boolean("valueBoolean", true, ()));
        });
        types::concept_fixed(
            w,
            "clinicalStatus",
            Coding::new(systems::CONDITION_CLINICAL, "active", "Active"),
        );
        w.object("code", |w| reason.body(w, None));
        w.reference("subject", patient, ());
    });
    group.note_reason(reason.key(), &written);
    Some(written)
}
