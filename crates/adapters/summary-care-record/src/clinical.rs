//! Diagnoses, problems, allergies, observations, procedures, communications and care events.

use causeway_core::{IssueCode, Leaf, Outcome};
use causeway_fhir::types::concept;
use causeway_fhir::{Coding, Writer, systems};
use causeway_xml::Element;

use crate::codes::{CLINICAL_STATUS, EVENT_STATUS, OBSERVATION_STATUS};
use crate::hl7::Effective;
use crate::parts::{Participant, Parts, write_participants};
use crate::{rules, write};

/// The status of an act, where it states one.
fn status<'d>(act: Element<'d>) -> Option<Leaf<'d>> {
    act.child("statusCode")?.attribute("code").filter(|l| !l.is_blank())
}

/// `clinicalStatus` and `verificationStatus` of a condition or an allergy.
fn statuses(w: &mut Writer, p: &Parts<'_, '_>, clinical: &str, verification: &str) {
    let status = status(p.entry.act);
    if let Some(leaf) = status.filter(|s| s.text.trim() == "nullified") {
        let coding = Coding::new(verification, "entered-in-error", "Entered in Error");
        concept(w, "verificationStatus", coding, (leaf, p.negation));
        return;
    }
    if let Some(negation) = p.negation {
        concept(w, "verificationStatus", Coding::new(verification, "refuted", "Refuted"), negation);
        // A status of "active" beside it would be read as an allergy; R4 wants one all the same (ait-1).
        if clinical == systems::ALLERGY_CLINICAL {
            concept(w, "clinicalStatus", Coding::new(clinical, "inactive", "Inactive"), negation);
        }
        return;
    }
    let Some(leaf) = status else { return };
    match CLINICAL_STATUS.row(leaf.text.trim()) {
        Some(row) if !row.code.is_empty() => {
            concept(w, "clinicalStatus", Coding::new(clinical, row.code, row.display), leaf);
        }
        Some(_) => {}
        None => write::unknown_status(w, leaf),
    }
}

/// The end of what an entry states; one that is none ends nothing, and is told.
fn end<'d>(w: &mut Writer, p: &Parts<'_, 'd>) -> Option<crate::hl7::Time<'d>> {
    let (start, end) = (p.effective.start(), p.effective.end()?);
    let is_none = causeway_fhir::types::left_out_end(w, start.map(|s| s.when).as_ref(), &end.when, &end.leaf);
    (!is_none).then_some(end)
}

/// `Condition`: a diagnosis or a problem.
pub(crate) fn condition(w: &mut Writer, p: &Parts<'_, '_>) {
    p.head(w, "subject");
    statuses(w, p, systems::CONDITION_CLINICAL, systems::CONDITION_VERIFICATION);
    p.category(w);
    write::code(w, "code", p.entry.act.child("code"));
    p.said_in(w, "encounter");
    if let Some(time) = p.effective.start() {
        write::moment(w, "onsetDateTime", time);
    }
    // Only what is not active can have ended (R4 con-4).
    let ended = status(p.entry.act).is_some_and(|s| s.text.trim() == "completed");
    if let Some(time) = end(w, p) {
        if ended {
            write::moment(w, "abatementDateTime", time);
        } else {
            let text = "an end is stated of what is stated to be active; the end was not carried";
            w.issue(Some(time.leaf.id), write::warning(IssueCode::Conflict, "end-of-active", text));
        }
    }
    w.array("evidence", |w| {
        w.element(|w| {
            w.array("detail", |w| p.link_elements(w));
        });
    });
    p.notes(w);
}

/// `AllergyIntolerance`.
pub(crate) fn allergy(w: &mut Writer, p: &Parts<'_, '_>) {
    p.head(w, "patient");
    let act = p.entry.act;
    let end = end(w, p);
    let nullified = status(act).is_some_and(|s| s.text.trim() == "nullified");
    match (p.negation, nullified) {
        (None, false) => holds(w, status(act), end),
        _ => {
            statuses(w, p, systems::ALLERGY_CLINICAL, systems::ALLERGY_VERIFICATION);
            if let Some(time) = end {
                w.array("extension", |w| allergy_end(w, time));
            }
        }
    }
    write::code(w, "code", act.child("code"));
    p.said_in(w, "encounter");
    if let Some(time) = p.effective.start() {
        write::moment(w, "onsetDateTime", time);
    }
    p.notes(w);
}

/// `clinicalStatus` of an allergy that is neither denied nor an error: R4 demands one (ait-1). UK Core has the end beside it.
fn holds(w: &mut Writer, status: Option<Leaf<'_>>, end: Option<crate::hl7::Time<'_>>) {
    let row =
        status.and_then(|leaf| CLINICAL_STATUS.row(leaf.text.trim())).filter(|row| !row.code.is_empty());
    let (code, display) = match (row, end) {
        // The act of recording is complete; an allergy that a summary lists without an end is held to last.
        (Some(row), None) if row.code == "inactive" => ("active", "Active"),
        (Some(row), _) => (row.code, row.display),
        (None, Some(_)) => ("inactive", "Inactive"),
        // One that reads as over could do harm.
        (None, None) => ("active", "Active"),
    };
    w.object("clinicalStatus", |w| {
        if let Some(time) = end {
            w.array("extension", |w| allergy_end(w, time));
        }
        w.array("coding", |w| {
            w.element(|w| {
                Coding::new(systems::ALLERGY_CLINICAL, code, display)
                    .body(w, status.filter(|_| row.is_some()));
            });
        });
    });
    if row.is_some() {
        return;
    }
    let unconfirmed = Coding::new(systems::ALLERGY_VERIFICATION, "unconfirmed", "Unconfirmed");
    concept(w, "verificationStatus", unconfirmed, ());
    if let Some(leaf) = status {
        w.issue(Some(leaf.id), rules::ALLERGY_STATUS.issue());
        w.claim(leaf, Outcome::Unsupported, "says neither that the allergy holds nor that it is over");
    }
}

fn allergy_end(w: &mut Writer, time: crate::hl7::Time<'_>) {
    w.element(|w| {
        w.array("extension", |w| {
            w.element(|w| {
                w.fixed("url", "endDate");
                write::moment(w, "valueDateTime", time);
            });
        });
        w.fixed("url", &write::ukcore("AllergyIntoleranceEnd"));
    });
}

/// `Observation`.
pub(crate) fn observation(w: &mut Writer, p: &Parts<'_, '_>) {
    let act = p.entry.act;
    p.head_optional(w);
    write::status(w, &OBSERVATION_STATUS, act, "unknown");
    p.category(w);
    write::code(w, "code", act.child("code"));
    p.said_in(w, "encounter");
    match p.effective {
        Effective::Between(start, end) => write::period(w, "effectivePeriod", start, end),
        other => write::effective(w, "effective", other),
    }
    if let Some(found) = act.child("value") {
        value(w, found);
    }
    write::code_list(w, "interpretation", &[act.child("interpretationCode")]);
    w.array("referenceRange", |w| {
        for range in act.children_named("referenceRange").filter_map(|r| r.child("referenceReferenceValue")) {
            w.element(|w| write::reference_range(w, range, act.child("value")));
        }
    });
    w.array("derivedFrom", |w| p.link_elements(w));
    w.array("component", |w| {
        for part in components(act) {
            w.element(|w| {
                write::code(w, "code", part.child("code"));
                if let Some(found) = part.child("value") {
                    value(w, found);
                }
                write::code_list(w, "interpretation", &[part.child("interpretationCode")]);
            });
        }
    });
    p.notes(w);
}

/// Parts of an observation that have a code and a value of their own, such as the two pressures.
fn components<'d>(act: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    act.children()
        .filter(|c| c.name().starts_with("component"))
        .flat_map(Element::descendants)
        .filter(|e| e.child("code").is_some() && e.child("value").is_some())
}

fn value(w: &mut Writer, value: Element<'_>) {
    if value.attribute("value").is_some() || value.child("translation").is_some() {
        let before = w.mark();
        if write::quantity(w, "valueQuantity", value) {
            return;
        }
        w.rollback(before);
    }
    if value.attribute("code").is_some() {
        write::code(w, "valueCodeableConcept", Some(value));
        return;
    }
    let (text, items) = value.text_content();
    w.string("valueString", text.trim(), items);
}

/// `Procedure`: a treatment, an investigation, an administrative procedure.
pub(crate) fn procedure(w: &mut Writer, p: &Parts<'_, '_>) {
    p.head(w, "subject");
    write::status(w, &EVENT_STATUS, p.entry.act, "unknown");
    write::code(w, "category", p.entry.category);
    write::code(w, "code", p.entry.act.child("code"));
    p.said_in(w, "encounter");
    write::effective(w, "performed", p.effective);
    w.array("reasonReference", |w| p.link_elements(w));
    p.notes(w);
}

/// `Communication`: documentation, correspondence, advice.
pub(crate) fn communication(w: &mut Writer, p: &Parts<'_, '_>) {
    p.head_optional(w);
    write::status(w, &EVENT_STATUS, p.entry.act, "unknown");
    p.category(w);
    write::code(w, "topic", p.entry.act.child("code"));
    p.said_in(w, "encounter");
    if let Some(time) = p.effective.start() {
        write::moment(w, "sent", time);
    }
    w.array("about", |w| p.link_elements(w));
    p.notes(w);
}

/// `Encounter`: a care event.
pub(crate) fn care_event(w: &mut Writer, p: &Parts<'_, '_>, participants: &[Participant<'_>]) {
    p.head_optional(w);
    let act = p.entry.act;
    match status(act) {
        Some(leaf) if leaf.text.trim() == "nullified" => w.string("status", "entered-in-error", leaf),
        Some(leaf) if leaf.text.trim() == "cancelled" => w.string("status", "cancelled", leaf),
        _ => w.fixed("status", "finished"),
    }
    w.object("class", |w| Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ()));
    write::code_list(w, "type", &[act.child("code")]);
    if p.entry.category.is_some() {
        write::code(w, "serviceType", p.entry.category);
    }
    match p.effective {
        Effective::At(time) => write::period(w, "period", Some(time), None),
        Effective::Between(start, end) => write::period(w, "period", start, end),
        Effective::None => {}
    }
    write_participants(w, participants);
}
