//! Visits, case notes, relationships and the workers that they name.

use causeway_adapter::Composer;
use causeway_core::{Leaf, Outcome};
use causeway_fhir::{Ref, Writer, types};

use crate::extract::{Extract, date};
use crate::person::{self, system};
use crate::rules;
use crate::tables::Row;

/// R4's extension: why a planned encounter did not take place.
const REASON_CANCELLED: &str = "http://hl7.org/fhir/StructureDefinition/encounter-reasonCancelled";

fn absent(w: &mut Writer, key: &str, why: &str) {
    w.object(key, |w| types::data_absent(w, why, ()));
}

/// A worker as Practitioner, where the extract has one of this id.
fn worker(c: &mut Composer<'_>, extract: &Extract<'_>, id: Option<Leaf<'_>>) -> Option<Ref> {
    let row = extract.worker(id?.text)?;
    let (users, workers) = (system(c, "user"), system(c, "worker"));
    let key = format!("{}/{}", row.text("id"), row.text("system_user_id"));
    Some(c.once("Practitioner", &key, |w| {
        w.array("identifier", |w| {
            for (system, column) in [(&users, "system_user_id"), (&workers, "id")] {
                if let Some(leaf) = row.cell(column) {
                    types::identifier(w, system, leaf);
                }
            }
        });
        w.array("name", |w| {
            w.element(|w| {
                w.leaf_opt("family", row.cell("last_names"));
                if let Some(first) = row.cell("first_names") {
                    w.array("given", |w| w.value(first.text, first));
                }
            });
        });
        w.array("telecom", |w| person::email(w, row));
    }))
}

/// A reference to a worker: to the resource where there is one, else by id.
fn worker_reference(w: &mut Writer, key: &str, who: Option<&Ref>, id: Leaf<'_>, system: &str) {
    match who {
        Some(who) => w.reference(key, who, id),
        None => types::reference_by_identifier(w, key, "Practitioner", system, id.text, id),
    }
}

/// A visit as Encounter. Child-protection columns have no business in an extract of adults.
pub fn visit(c: &mut Composer<'_>, extract: &Extract<'_>, row: &Row<'_>, patient: &Ref) {
    for column in
        ["cp_registration_id", "cp_visit_schedule_step_id", "cp_visit_schedule_days", "cp_visit_on_time"]
    {
        c.claim(row.cell(column), Outcome::Withheld, "child protection is not part of an adult's record");
    }
    let planned = date(c, row.cell("planned_datetime")).zip(row.cell("planned_datetime"));
    let actual = date(c, row.cell("actual_datetime")).zip(row.cell("actual_datetime"));
    if let Some((when, leaf)) = actual
        && when.ymd() > causeway_core::likely::last_day(c.context.received)
    {
        c.issue_at(leaf.id, causeway_core::common::DATE_IN_FUTURE.issue());
    }
    let who = worker(c, extract, row.cell("worker_id"));
    let (visits, workers, organisations) =
        (system(c, "visit"), system(c, "worker"), system(c, "organisation"));
    let flag = person::yes(row.text("completed_flag"));
    let not_made = row.cell("reason_visit_not_made");
    if let (None, Some(leaf)) = (flag, row.cell("completed_flag")) {
        c.issue_at(leaf.id, rules::FLAG.issue());
    }
    // A visit that was made for one column and not for another: nobody may take it that the person was seen.
    let conflict = not_made.filter(|_| flag == Some(true) || actual.is_some());
    if let Some(leaf) = conflict {
        c.issue_at(leaf.id, rules::VISIT_CONFLICT.issue());
    }
    let completed = flag == Some(true) && conflict.is_none();
    let status = match (flag, actual.is_some(), not_made.is_some()) {
        _ if completed => "finished",
        (Some(false), false, true) => "cancelled",
        (Some(false), false, false) => "planned",
        _ => "unknown",
    };
    c.resource("Encounter", &row.key(), |w| {
        w.array("extension", |w| {
            let Some(reason) = not_made else { return };
            types::extension(w, REASON_CANCELLED, |w| types::concept_text(w, "valueCodeableConcept", reason));
        });
        w.array("identifier", |w| {
            if let Some(id) = row.cell("visit_id") {
                types::identifier(w, &visits, id);
            }
        });
        let decided = (row.cell("completed_flag").filter(|_| completed), actual.map(|a| a.1));
        w.string("status", status, decided);
        w.decides(row.cell("completed_flag").filter(|_| !completed), "that the visit is not finished");
        if let (Some((when, leaf)), Some(_)) = (planned, actual) {
            w.array("statusHistory", |w| {
                w.element(|w| {
                    w.fixed("status", "planned");
                    w.object("period", |w| w.date_time("start", &when, leaf));
                });
            });
        }
        // The extract does not say what class of encounter a visit is.
        absent(w, "class", "unknown");
        if let Some(kind) = row.cell("visit_type") {
            w.array("type", |w| {
                w.element(|w| w.leaf("text", kind));
            });
        }
        w.reference("subject", patient, row.cell("person_id"));
        if let Some(id) = row.cell("worker_id") {
            w.array("participant", |w| {
                w.element(|w| worker_reference(w, "individual", who.as_ref(), id, &workers));
            });
        }
        w.object("period", |w| {
            if let Some((when, leaf)) = actual.or(planned) {
                w.date_time("start", &when, leaf);
            }
        });
        if let Some(id) = row.cell("org_id") {
            let key = "serviceProvider";
            types::reference_by_identifier(w, key, "Organization", &organisations, id.text, id);
        }
    });
}

/// A case note as DocumentReference: what is known of it, and not its text.
pub fn note(c: &mut Composer<'_>, extract: &Extract<'_>, row: &Row<'_>, patient: &Ref) {
    let why = "the text of a case note is held back: it may quote other people";
    c.claim(row.cell("note"), Outcome::Withheld, why);
    let created = date(c, row.cell("created_on")).zip(row.cell("created_on"));
    let who = worker(c, extract, row.cell("created_by"));
    let (notes, users) = (system(c, "case-note"), system(c, "user"));
    c.resource("DocumentReference", &row.key(), |w| {
        w.array("identifier", |w| {
            if let Some(id) = row.cell("id") {
                types::identifier(w, &notes, id);
            }
        });
        w.fixed("status", "current");
        if let Some(kind) = row.cell("note_type") {
            types::concept_text(w, "type", kind);
        }
        w.reference("subject", patient, row.cell("person_id"));
        let instant = created.filter(|(when, leaf)| w.instant("date", when, *leaf));
        if let Some(id) = row.cell("created_by") {
            w.array("author", |w| {
                w.element(|w| match &who {
                    Some(who) => w.reference_body(who, id),
                    None => {
                        w.fixed("type", "Practitioner");
                        w.object("identifier", |w| types::identifier_body(w, &users, id.text, id));
                    }
                });
            });
        }
        w.array("content", |w| {
            w.element(|w| {
                w.object("attachment", |w| {
                    types::data_absent(w, "masked", ());
                    w.leaf_opt("title", row.cell("title"));
                });
            });
        });
        if let (Some((when, leaf)), None) = (created, &instant) {
            w.object("context", |w| {
                w.object("period", |w| w.date_time("start", &when, leaf));
            });
        }
    });
}

/// A relationship as RelatedPerson. The other person's name is given only where their own record is published.
pub fn relationship(c: &mut Composer<'_>, extract: &Extract<'_>, row: &Row<'_>, patient: &Ref) {
    let Some(other_id) = row.cell("other_person_id") else { return };
    if other_id.text == row.text("person_id") {
        c.issue_at(other_id.id, rules::SELF_RELATED.issue());
        c.ledger.overrule(row.items.clone(), Outcome::Rejected, rules::SELF_RELATED.text);
        return;
    }
    let other = match extract.find(other_id.text).and_then(|(number, _)| extract.people.get(number)) {
        None => {
            c.issue_at(other_id.id, rules::OTHER_ABSENT.issue());
            None
        }
        Some(other) if other.refused.is_some() => {
            // Even the number of a person who is not published would say that they are known to the council.
            c.issue_at(other_id.id, rules::OTHER_WITHHELD.issue());
            c.ledger.overrule(row.items.clone(), Outcome::Withheld, rules::OTHER_WITHHELD.text);
            return;
        }
        Some(other) => extract.rows.get(other.row),
    };
    let (people, relationships) = (system(c, "person"), system(c, "relationship"));
    c.resource("RelatedPerson", &row.key(), |w| {
        w.array("identifier", |w| {
            types::identifier(w, &people, other_id);
            if let Some(id) = row.cell("personal_relationship_id") {
                types::identifier(w, &relationships, id);
            }
        });
        w.reference("patient", patient, row.cell("person_id"));
        w.array("relationship", |w| {
            for column in ["description", "family_category"] {
                if let Some(leaf) = row.cell(column) {
                    w.element(|w| w.leaf("text", leaf));
                }
            }
        });
        if let Some(other) = other {
            person::name(w, other, false);
        }
    });
}
