//! Writes the sections of a record in their order.

use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Outcome, Severity, When};
use causeway_fhir::{Ref, Writer, systems, types};

use crate::bind::{Gate, Section};
use crate::item::In;
use crate::open::{Record, label};
use crate::sections::{LISTS, documents, legal, notes, people, plans};
use crate::write;

const LEGAL_CLOSED: &str = "legal information is passed on only with option legal-items";
const SAFEGUARDING_CLOSED: &str = "safeguarding concerns are passed on only with option safeguarding-items";
const INCIDENT_CLOSED: &str = "free text of incidents is passed on only with option incident-text";

/// Extension (R4): the goal that a request serves.
pub const PERTAINS_TO_GOAL: &str = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal";

/// Writes every section but About me.
pub fn sections(record: &mut Record<'_, '_, '_>) {
    if !record.is_open(Gate::Legal) {
        record.withhold("legal", LEGAL_CLOSED);
    }
    if !record.is_open(Gate::Safeguarding) {
        record.withhold("safeguarding", SAFEGUARDING_CLOSED);
    }
    for section in LISTS {
        if record.is_open(section.gate) {
            for item in record.root.list(section.path) {
                one(record, section, item);
            }
        }
    }
    for item in record.root.list("professionalContacts") {
        professional(record, item);
    }
    requirements(record);
    incidents(record);
    plan(record);
    contingencies(record);
    for item in record.root.list("additionalPlans") {
        let written = record.write(&plans::ADDITIONALS, item, "", |_| {});
        review(record, item, &written);
    }
    for item in record.root.list("documents") {
        record.write(&documents::DOCUMENTS, item, "", |_| {});
    }
    if record.is_open(Gate::Legal) {
        affirmed(record);
    }
}

fn one(record: &mut Record<'_, '_, '_>, section: &'static Section, item: In<'_>) {
    let provider = record.provider.clone();
    let received = record.c.context.received.as_second();
    let zone = record.c.context.zone.clone();
    let system = record.system.clone();
    let written = record.write(section, item, "", |w| match section.resource {
        "RelatedPerson" => related(w, item, &system),
        "Flag" if section.gate != Gate::Open => flag_status(w, item, received, &zone),
        "EpisodeOfCare" => {
            if !item.has("status") {
                episode_status(w, item, received, &zone);
            }
            if let Some(provider) = &provider {
                w.reference("managingOrganization", provider, ());
            }
        }
        _ => {}
    });
    if let Some(document) = item.get("document").filter(|_| section.gate == Gate::Legal) {
        file(record, document, Some(&written), "legal-document", true);
    }
    if section.path == legal::DEPRIVATION_OF_LIBERTY.path
        && let Some(status) = item.leaf("applicationStatus")
        && !matches!(status.text.trim().to_ascii_lowercase().as_str(), "requested" | "authorised")
    {
        let text = "the status is neither requested nor authorised; it was kept as text";
        record
            .c
            .issue_at(status.id, Issue::new(Severity::Warning, IssueCode::CodeInvalid, "dols-status", text));
    }
}

fn related(w: &mut Writer, item: In<'_>, system: &str) {
    w.array("identifier", |w| {
        if let Some(number) = item.leaf("nhsNumber") {
            match NhsNumber::parse(number.text) {
                // UK Core has the verification status for Patient alone.
                Ok(sound) => {
                    types::tell_spaced(w, number);
                    w.element(|w| types::identifier_body(w, systems::NHS_NUMBER, sound.as_str(), number));
                }
                Err(error) => {
                    w.element(|w| types::invalid_nhs_number(w, number, (), error));
                }
            }
        }
        if let Some(uid) = item.leaf("recordUid") {
            types::identifier(w, system, uid);
        }
    });
}

/// The status of a legal or safeguarding flag: inactive once its end has passed.
fn flag_status(w: &mut Writer, item: In<'_>, received: i64, zone: &jiff::tz::TimeZone) {
    let end = item.leaf("endDate").or(item.leaf("endedDateTime"));
    let over = end.filter(|leaf| When::iso(leaf.text, zone).is_ok_and(|when| when.earliest() <= received));
    w.string("status", if over.is_some() { "inactive" } else { "active" }, over);
}

/// The status of a service that states none: from its dates and the time of receipt.
fn episode_status(w: &mut Writer, item: In<'_>, received: i64, zone: &jiff::tz::TimeZone) {
    let at = |name: &str| {
        item.leaf(name).and_then(|leaf| Some((leaf, When::iso(leaf.text, zone).ok()?.earliest())))
    };
    let (code, from): (&str, Option<Leaf<'_>>) = match (at("startDate"), at("endDate")) {
        (_, Some((leaf, end))) if end <= received => ("finished", Some(leaf)),
        (Some((leaf, start)), _) if start > received => ("planned", Some(leaf)),
        _ => ("active", None),
    };
    w.string("status", code, from);
    let text = "the service states no status; it was taken from its dates";
    let about = item.leaf("description").map(|leaf| leaf.id);
    w.issue(about, Issue::new(Severity::Information, IssueCode::Informational, "status-from-dates", text));
}

/// A professional contact: the name as Practitioner, the rest as PractitionerRole.
fn professional(record: &mut Record<'_, '_, '_>, item: In<'_>) -> Ref {
    let key = match item.leaf("recordUid") {
        Some(uid) => format!("{}|{}", record.patient.id, uid.text),
        None => format!("{}|{}", record.patient.id, item.node.pointer()),
    };
    let practitioner = record.c.resource("Practitioner", &key, |w| {
        w.array("name", |w| {
            if let Some(name) = item.leaf("name") {
                w.element(|w| w.leaf("text", name));
            }
        });
    });
    record.write(&people::PROFESSIONAL_CONTACTS, item, "", |w| w.reference("practitioner", &practitioner, ()))
}

fn requirements(record: &mut Record<'_, '_, '_>) {
    for item in record.root.list("individualRequirements") {
        let kind = item.leaf("kind");
        if kind.is_none_or(|kind| kind.text != "reasonable-adjustment") {
            record.write(&notes::REQUIREMENTS, item, "", |_| {});
            continue;
        }
        record.write(&notes::ADJUSTMENTS, item, "", |w| {
            if !item.has("status") {
                w.fixed("status", "active");
                let text = "the reasonable adjustment states no status; it was taken to hold";
                let issue =
                    Issue::new(Severity::Information, IssueCode::Informational, "status-assumed", text);
                w.issue(kind.map(|kind| kind.id), issue);
            }
        });
    }
}

/// Incidents: with harm as AdverseEvent. Free text about people is held back unless an option lets it pass.
fn incidents(record: &mut Record<'_, '_, '_>) {
    let open = record.c.context.enabled("incident-text");
    for item in record.root.list("incidents") {
        let harm = item.leaf("harm").is_some_and(|harm| harm.text == "true");
        let section = if harm { &notes::HARM_INCIDENTS } else { &notes::INCIDENTS };
        if open {
            record.write(section, item, "", |_| {});
            continue;
        }
        let mut hidden = item.refused().clone();
        let mut held = false;
        for name in notes::INCIDENT_TEXTS {
            if let Some(text) = item.get(name) {
                hidden.insert(text.node);
                record.c.claim(text.node.leaves(), Outcome::Withheld, INCIDENT_CLOSED);
                held = true;
            }
        }
        record.write(section, In::new(item.node, &hidden), "", |_| {});
        if held {
            let issue = Issue::new(
                Severity::Information,
                IssueCode::Suppressed,
                "withheld-by-option",
                INCIDENT_CLOSED,
            );
            record.c.issue(issue.at(item.node.position()));
        }
    }
}

/// Needs with goals and actions, and the plan that holds them together.
fn plan(record: &mut Record<'_, '_, '_>) {
    let (mut conditions, mut goals, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    for need in record.root.list("needs") {
        let condition = record.write(&plans::NEEDS, need, "", |_| {});
        for goal in need.list("goals") {
            let written = record.write(&plans::GOALS, goal, "", |w| {
                w.array("addresses", |w| w.reference_element(&condition, ()));
            });
            for action in goal.list("actions") {
                actions.push(write_action(record, action, Some(&written)));
            }
            goals.push(written);
        }
        conditions.push(condition);
    }
    let Some(plan) = record.root.get("carePlan") else { return };
    let strengths: Vec<Ref> =
        plan.list("strengths").map(|strength| write_strength(record, strength)).collect();
    let written = record.write(&plans::CARE_PLAN, plan, "", |w| {
        for (key, targets) in [("addresses", &conditions), ("supportingInfo", &strengths), ("goal", &goals)] {
            w.array(key, |w| targets.iter().for_each(|target| w.reference_element(target, ())));
        }
        activities(w, &actions);
    });
    review(record, plan, &written);
}

fn activities(w: &mut Writer, actions: &[Ref]) {
    w.array("activity", |w| {
        for action in actions {
            w.element(|w| w.reference("reference", action, ()));
        }
    });
}

fn write_action(record: &mut Record<'_, '_, '_>, action: In<'_>, goal: Option<&Ref>) -> Ref {
    let key = match action.leaf("recordUid") {
        Some(uid) => format!("{}|actions|{}", record.patient.id, uid.text),
        None => format!("{}|{}", record.patient.id, action.node.pointer()),
    };
    let (patient, context, system) = (record.patient.clone(), record.c.context, record.system.clone());
    record.c.resource("ServiceRequest", &key, |w| {
        let env = write::Env { zone: &context.zone, system: &system };
        write::item_with(w, action, &plans::ACTIONS, env, |w| {
            if let Some(goal) = goal {
                types::extension(w, PERTAINS_TO_GOAL, |w| w.reference("valueReference", goal, ()));
            }
        });
        w.reference("subject", &patient, ());
    })
}

fn write_strength(record: &mut Record<'_, '_, '_>, strength: In<'_>) -> Ref {
    let key = format!("{}|{}", record.patient.id, strength.node.pointer());
    let patient = record.patient.clone();
    record.c.resource("Observation", &key, |w| {
        w.fixed("status", "final");
        types::concept_fixed(w, "code", plans::STRENGTH_CODE);
        w.reference("subject", &patient, ());
        w.object("valueCodeableConcept", |w| write::concept(w, strength));
    })
}

fn contingencies(record: &mut Record<'_, '_, '_>) {
    for item in record.root.list("contingencyPlans") {
        let actions: Vec<Ref> = item
            .list("whatShouldHappen")
            .map(|what| {
                let key = format!("{}|{}", record.patient.id, what.node.pointer());
                let patient = record.patient.clone();
                record.c.resource("ServiceRequest", &key, |w| {
                    w.fixed("status", "unknown");
                    w.fixed("intent", "plan");
                    w.object("code", |w| write::concept(w, what));
                    w.reference("subject", &patient, ());
                })
            })
            .collect();
        let people: Vec<Ref> = item.list("whoToContact").map(|who| professional(record, who)).collect();
        let written = record.write(&plans::CONTINGENCIES, item, "", |w| {
            w.array("contributor", |w| people.iter().for_each(|who| w.reference_element(who, ())));
            activities(w, &actions);
        });
        review(record, item, &written);
    }
}

/// The planned review of a plan as Task.
fn review(record: &mut Record<'_, '_, '_>, plan: In<'_>, written: &Ref) {
    if plan.has("review") {
        record.write(&plans::REVIEWS, plan, "|review", |w| w.reference("focus", written, ()));
    }
}

/// A file that belongs to something: as DocumentReference with a category of ours.
pub fn file(
    record: &mut Record<'_, '_, '_>,
    document: In<'_>,
    of: Option<&Ref>,
    category: &'static str,
    restricted: bool,
) {
    let key = format!("{}|{}", record.patient.id, document.node.pointer());
    let (patient, context, system) = (record.patient.clone(), record.c.context, record.system.clone());
    record.c.resource_with("DocumentReference", &key, &label(restricted), |w| {
        let env = write::Env { zone: &context.zone, system: &system };
        write::item(w, document, &documents::DOCUMENTS, env);
        w.reference("subject", &patient, ());
        w.array("category", |w| {
            types::concept_element(w, crate::bind::section(category, file_words(category)), ());
        });
        if let Some(of) = of {
            w.object("context", |w| {
                w.array("related", |w| w.reference_element(of, ()));
            });
        }
    });
}

fn file_words(category: &str) -> &'static str {
    if category == "about-me" { "About Me" } else { "Legal document" }
}

/// Tick boxes of the legal section that say yes: a flag that says no more than that.
fn affirmed(record: &mut Record<'_, '_, '_>) {
    let codes = [legal::CPR_CODE, legal::CAPACITY_CODE, legal::LPA_CODE, legal::DOLS_CODE];
    for (name, code) in legal::SILENT_DEFAULTS.into_iter().zip(codes) {
        let Some(leaf) = record.root.leaf(&format!("legal.{name}")) else { continue };
        if !crate::checks::is_yes(leaf.text) {
            continue;
        }
        let key = format!("{}|legal.{name}", record.patient.id);
        let patient = record.patient.clone();
        record.c.resource_with("Flag", &key, &label(true), |w| {
            w.fixed("status", "active");
            w.array("category", |w| types::concept_element(w, code, ()));
            w.object("code", |w| {
                w.string("text", "ticked in the sending system, without date or author", leaf);
            });
            w.reference("subject", &patient, ());
        });
        let text = "the box is ticked without a date or an author: ask the provider for the decision itself";
        record.c.issue_at(
            leaf.id,
            Issue::new(Severity::Warning, IssueCode::Incomplete, "decision-without-detail", text),
        );
    }
}
