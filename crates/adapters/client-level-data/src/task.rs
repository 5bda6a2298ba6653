//! Assessments and reviews: Task, after Interweave's SocialCareAssessment.

use causeway_fhir::{Coding, Ref};

use crate::characteristics::{self, ELIGIBLE_NEEDS, OUTCOMES_ACHIEVED};
use crate::columns::Column;
use crate::event::{Event, Kind};
use crate::file::{File, Row};
use crate::group::Group;
use crate::person::Role;
use crate::{terms, values};

/// What kind of assessment it is. A long term assessment of a carer is a carer's assessment; a short term one
/// is of a kind only where its description says so in as many words.
fn code(event: &Event<'_>, role: Role) -> Option<Coding<'static>> {
    let of = |code, display| Some(Coding::new(terms::CS_ASSESSMENT_TYPE, code, display));
    if event.kind == Kind::Review {
        return of("REV", "Review");
    }
    let target = event.main?.target?;
    match target.code {
        "CN" if role == Role::Carer => of("CA", "Carer’s assessment"),
        "OTH" => {
            let words = event.description.map_or_else(String::new, |d| d.text.to_ascii_lowercase());
            if words.contains("occupational therapy") {
                of("OT", "Occupational therapy assessment")
            } else if words.contains("reablement") {
                of("RA", "Reablement assessment")
            } else {
                of("OTH", "Other assessment")
            }
        }
        code => of(code, target.display),
    }
}

/// Writes an assessment or a review with what it found.
pub fn write(
    file: &mut File<'_>,
    group: &Group,
    row: &Row<'_>,
    event: &Event<'_>,
    patient: &Ref,
    reason: Option<&Ref>,
) {
    let review = event.kind == Kind::Review;
    let method = if review { Column::ReviewMethod } else { Column::AssessmentMethod };
    let method = file.coded(row, method, &values::METHOD);
    let code = code(event, group.person.role);
    let written = file.c.resource("Task", &event.key, |w| {
        w.array("extension", |w| {
            event.extensions(w, row, &group.person);
            if let Some(method) = &method {
                method.extension(w, terms::METHOD);
            }
            if let Some(reason) = event.main.filter(|_| review) {
                reason.extension(w, terms::REVIEW_REASON);
            }
        });
        event.identifiers(w, &group.person);
        w.string(
            "status",
            if event.end.is_some() { "completed" } else { "in-progress" },
            event.end.map(|e| e.1),
        );
        w.fixed("intent", "plan");
        let kind = event.main.filter(|_| !review).map(|main| main.leaf);
        w.object("code", |w| {
            if let Some(code) = code {
                w.array("coding", |w| {
                    w.element(|w| code.body(w, kind));
                });
            }
            match (code, event.description, kind) {
                (Some(_), Some(description), _) => w.leaf("text", description),
                (_, _, Some(kind)) => w.leaf("text", kind),
                _ => {}
            }
        });
        if code.is_none() {
            w.leaf_opt("description", event.description);
        }
        w.reference("for", patient, ());
        event.period(w, "executionPeriod");
        if let Some((day, leaf)) = event.start {
            w.date_time("authoredOn", &day, leaf);
        }
        if let (Some(day), Some(leaf)) = (group.person.period.1, row.cell(Column::PeriodEnd)) {
            w.date_time("lastModified", &day, leaf);
        }
        w.reference("owner", &group.council, ());
        if let Some(reason) = reason {
            w.reference("reasonReference", reason, ());
        }
    });
    let (column, codes, coding) = if review {
        (Column::OutcomesAchieved, &values::OUTCOMES_ACHIEVED, OUTCOMES_ACHIEVED)
    } else {
        (Column::EligibleNeeds, &values::ELIGIBLE_NEEDS, ELIGIBLE_NEEDS)
    };
    if let Some(value) = file.coded(row, column, codes) {
        characteristics::about_event(file, group, event, coding, &value, &written, patient);
    }
}
