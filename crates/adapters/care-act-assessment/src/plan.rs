//! Care plans: CarePlan, with a ServiceRequest for each component and a Goal for each outcome aimed at.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::types;
use causeway_fhir::{Coding, Ref, Writer};
use causeway_json::shape::token;
use causeway_json::{Kind, Node};
use causeway_terminology::Map;
use jiff::tz::TimeZone;

use crate::assessment::{completed, consent, previous, reviews};
use crate::parts::{self, leaf, value, values};

/// Statuses of a plan as statuses of a CarePlan and its requests.
pub static STATUS: Map = Map::new("care-act-plan-status", include_str!("../maps/plan-status.csv"));
/// Statuses of a plan as life cycle of its goals.
pub static GOAL_STATUS: Map = Map::new("care-act-goal-status", include_str!("../maps/goal-status.csv"));
/// Outcomes of the Care Act.
pub static OUTCOME: Map = Map::new("care-act-outcome", include_str!("../maps/outcome.csv"));

const DOCUMENT: &str = "https://fhir.causeway.example/CodeSystem/care-act-document";

/// Writes a plan.
pub fn write(record: Node<'_>, c: &mut Composer<'_>) {
    let key = parts::key(value(record, "identifier"));
    let zone = c.context.zone.clone();
    let status = leaf(record, "status");
    let (mut requests, mut goals) = (Vec::new(), Vec::new());
    for (number, component) in values(record, "careComponent").into_iter().enumerate() {
        let key = format!("{key}|{number}");
        goals.extend(goal(record, component, c, &key, status));
        requests.push(request(record, component, c, &key, status, &zone));
    }
    let plan = c.resource("CarePlan", &key, |w| plan(w, record, &requests, &goals, &zone));
    consent(record, c, &key, &plan, &zone);
}

fn plan(w: &mut Writer, record: Node<'_>, requests: &[Ref], goals: &[Ref], zone: &TimeZone) {
    w.array("extension", |w| {
        parts::episodes(w, record);
        parts::detail(w, "capacityToCompleteAssessment", record);
        parts::detail(w, "advocateRequired", record);
        reviews(w, record);
    });
    parts::identifiers(w, record, false);
    w.array("replaces", |w| {
        for id in previous(record) {
            w.element(|w| parts::reference_body(w, "CarePlan", id));
        }
    });
    plan_status(w, leaf(record, "status"), true);
    w.fixed("intent", "plan");
    w.array("category", |w| {
        types::concept_element(w, Coding::new(DOCUMENT, "care-plan", "Care plan"), ());
    });
    parts::reference(w, "subject", "Patient", value(record, "personId"));
    completed(w, "created", record, zone);
    parts::reference(w, "author", "Practitioner", value(record, "professionalId"));
    w.array("supportingInfo", |w| {
        if let Some(assessment) = value(record, "assessmentId") {
            w.element(|w| parts::reference_body(w, "QuestionnaireResponse", assessment));
        }
    });
    w.array("goal", |w| goals.iter().for_each(|goal| w.reference_element(goal, ())));
    w.array("activity", |w| {
        for request in requests {
            w.element(|w| w.reference("reference", request, ()));
        }
    });
    if let Some(status) = leaf(record, "status").filter(|s| s.text == "ended") {
        w.array("note", |w| {
            w.element(|w| w.string("text", "status in the source: ended", status));
        });
    }
}

/// FHIR has no `ended`: the plan is written as completed and a note says what the source said.
fn plan_status(w: &mut Writer, status: Option<Leaf<'_>>, tell: bool) {
    let Some(status) = status else { return };
    if tell && status.text == "ended" {
        let text = "FHIR has no status ended; completed was written, and a note keeps the source's word";
        w.issue(
            Some(status.id),
            Issue::new(Severity::Information, IssueCode::CodeInvalid, "status-ended", text),
        );
    }
    w.string("status", STATUS.lookup(&token(status.text)).map_or("unknown", |t| t.code), status);
}

fn goal(
    record: Node<'_>,
    component: Node<'_>,
    c: &mut Composer<'_>,
    key: &str,
    status: Option<Leaf<'_>>,
) -> Option<Ref> {
    let outcome = leaf(value(component, "activity")?, "outcome")?;
    let life = GOAL_STATUS.lookup(&token(status?.text))?.code;
    Some(c.resource("Goal", key, |w| {
        w.string("lifecycleStatus", life, status);
        w.object("description", |w| parts::coded(w, &OUTCOME, outcome));
        parts::reference(w, "subject", "Patient", value(record, "personId"));
    }))
}

fn request(
    record: Node<'_>,
    component: Node<'_>,
    c: &mut Composer<'_>,
    key: &str,
    status: Option<Leaf<'_>>,
    zone: &TimeZone,
) -> Ref {
    let activity = value(component, "activity");
    c.resource("ServiceRequest", key, |w| {
        w.array("extension", |w| {
            if let Some(activity) = activity {
                parts::detail(w, "directPayment", activity);
            }
            let frequency = value(component, "time").and_then(|time| time.get("frequency"));
            if let Some(other) = frequency.filter(|f| f.leaf().is_none() && !is_timing(*f)) {
                parts::details_below(w, "frequency", other);
            }
        });
        plan_status(w, status, false);
        w.fixed("intent", "plan");
        w.object("code", |w| w.leaf_opt("text", activity.and_then(|a| leaf(a, "activityDescription"))));
        parts::reference(w, "subject", "Patient", value(record, "personId"));
        if let Some(time) = value(component, "time") {
            w.object("occurrenceTiming", |w| timing(w, time, zone));
        }
        w.array("performer", |w| {
            for actor in values(component, "actor") {
                w.element(|w| performer(w, actor));
            }
        });
        if let Some(outcome) = activity.and_then(|a| leaf(a, "outcome")) {
            w.array("reasonCode", |w| {
                w.element(|w| parts::coded(w, &OUTCOME, outcome));
            });
        }
    })
}

fn performer(w: &mut Writer, actor: Node<'_>) {
    let kind = leaf(actor, "actorType");
    let resource = match kind.map(|k| token(k.text)).as_deref() {
        Some("self") => "Patient",
        Some("family" | "friend" | "otherunpaidcarer") => "RelatedPerson",
        Some("professionalservices") => "HealthcareService",
        _ => "",
    };
    if let Some(id) = value(actor, "actorId") {
        parts::reference_body(w, resource, id);
    }
    w.leaf_opt("display", kind);
}

/// Bounds from start and end; the frequency as FHIR Timing where it is one, or its words. Another object goes along as
/// details of the request.
fn timing(w: &mut Writer, time: Node<'_>, zone: &TimeZone) {
    let frequency = time.get("frequency");
    let repeat = frequency.filter(|f| is_timing(*f)).and_then(|f| f.get("repeat"));
    w.object("repeat", |w| {
        let (start, end) = (leaf(time, "startDateTime"), leaf(time, "endDateTime"));
        w.object("boundsPeriod", |w| {
            for (key, at) in [("start", start), ("end", end)] {
                if let Some(at) = at
                    && let Some(when) = parts::when(w, at, zone)
                {
                    w.date_time(key, &when, at);
                }
            }
        });
        if let Some(repeat) = repeat {
            repetition(w, repeat);
        }
    });
    if let Some(words) = frequency.and_then(Node::leaf) {
        w.object("code", |w| w.leaf("text", words));
    }
}

/// Whether a frequency is a FHIR Timing of which every member can be written.
fn is_timing(frequency: Node<'_>) -> bool {
    let sound = |name: &str, value: Node<'_>| {
        let text = value.text();
        let number = value.kind() == Kind::Number && !text.starts_with('-');
        match name {
            "frequency" => number && text != "0" && text.bytes().all(|b| b.is_ascii_digit()),
            "period" => number,
            "periodUnit" => matches!(text, "s" | "min" | "h" | "d" | "wk" | "mo" | "a"),
            "dayOfWeek" => value.is_array() && value.elements().all(|day| is_day(day.text())),
            _ => false,
        }
    };
    let repeat = frequency.get("repeat");
    frequency.members().all(|(name, _)| name == "repeat" || name.starts_with('@'))
        && repeat.is_some_and(|r| r.is_object() && r.members().all(|(name, value)| sound(name, value)))
        && repeat.is_some_and(|r| r.get("period").is_some() == r.get("periodUnit").is_some())
}

fn is_day(text: &str) -> bool {
    matches!(text, "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")
}

/// Members of a Timing's repeat: see [`is_timing`].
fn repetition(w: &mut Writer, repeat: Node<'_>) {
    for name in ["frequency", "period"] {
        if let Some(number) = repeat.leaf_of(name) {
            w.number(name, number.text, number);
        }
    }
    w.leaf_opt("periodUnit", repeat.leaf_of("periodUnit"));
    w.array("dayOfWeek", |w| {
        for day in repeat.get("dayOfWeek").into_iter().flat_map(Node::elements).filter_map(Node::leaf) {
            w.value(day.text, day);
        }
    });
}
