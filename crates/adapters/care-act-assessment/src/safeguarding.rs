//! Organisations, services, professionals; episodes and life events, which are restricted.

use causeway_adapter::{Composer, Meta};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity, When};
use causeway_fhir::types;
use causeway_fhir::{Coding, Writer, systems};
use causeway_json::Node;
use causeway_json::shape::token;
use causeway_terminology::Map;

use crate::parts::{self, leaf, leaves, value, values};

/// Types of organisations.
pub static ORGANISATION_TYPE: Map =
    Map::new("mais-organisation-type", include_str!("../maps/organisation-type.csv"));
/// Types of services.
pub static SERVICE_TYPE: Map = Map::new("mais-service-type", include_str!("../maps/service-type.csv"));
/// Types of episodes.
pub static EPISODE_TYPE: Map = Map::new("mais-episode-type", include_str!("../maps/episode-type.csv"));
/// Types of life events.
pub static EVENT_TYPE: Map = Map::new("mais-event-type", include_str!("../maps/event-type.csv"));

const FINDINGS_CLOSED: &str = "findings are passed on only with option safeguarding-items";
const EVENT_CLOSED: &str = "life events are passed on only with option safeguarding-items";

fn restricted() -> Meta<'static> {
    let mut meta = Meta::default();
    meta.security.push((systems::CONFIDENTIALITY, "R", "restricted", Vec::new()));
    meta
}

fn concepts(w: &mut Writer, key: &str, map: &Map, codes: &[Leaf<'_>]) {
    w.array(key, |w| {
        for code in codes {
            w.element(|w| parts::coded(w, map, *code));
        }
    });
}

/// An organisation.
pub fn organisation(record: Node<'_>, c: &mut Composer<'_>) {
    c.resource("Organization", &parts::key(value(record, "identifier")), |w| {
        w.array("extension", |w| {
            parts::detail_identifiers(w, "relatedProfessional", record);
            parts::detail_identifiers(w, "relatedService", record);
        });
        parts::identifiers(w, record, false);
        if let Some(active) = leaf(record, "active") {
            w.boolean("active", active.text == "true", active);
        }
        concepts(w, "type", &ORGANISATION_TYPE, &leaves(record, "type"));
        w.leaf_opt("name", leaf(record, "name"));
        w.array("alias", |w| {
            leaves(record, "alias").into_iter().for_each(|alias| w.value(alias.text.trim(), alias))
        });
        parts::telecom(w, record);
        parts::addresses(w, record);
    });
}

/// A service.
pub fn service(record: Node<'_>, c: &mut Composer<'_>) {
    c.resource("HealthcareService", &parts::key(value(record, "identifier")), |w| {
        w.array("extension", |w| {
            parts::detail(w, "alias", record);
            parts::detail(w, "costFrequency", record);
            parts::detail(w, "delivery", record);
            parts::detail_identifiers(w, "relatedProfessional", record);
            for id in values(record, "relatedOrganisation").into_iter().skip(1) {
                parts::detail_identifier(w, "relatedOrganisation", id);
            }
            for address in values(record, "address") {
                parts::details_below(w, "address", address);
            }
        });
        parts::identifiers(w, record, false);
        if let Some(active) = leaf(record, "active") {
            w.boolean("active", active.text == "true", active);
        }
        parts::reference(w, "providedBy", "Organization", value(record, "relatedOrganisation"));
        concepts(w, "type", &SERVICE_TYPE, &leaves(record, "type"));
        w.leaf_opt("name", leaf(record, "name"));
        parts::telecom(w, record);
    });
}

/// A professional: the person, and their role.
pub fn professional(record: Node<'_>, c: &mut Composer<'_>) {
    let key = parts::key(value(record, "identifier"));
    let practitioner = c.resource("Practitioner", &key, |w| {
        parts::identifiers(w, record, false);
        if let Some(working) = leaf(record, "workingStatus") {
            w.boolean("active", working.text == "true", working);
        }
        w.array("name", |w| values(record, "name").into_iter().for_each(|name| parts::human_name(w, name)));
        parts::telecom(w, record);
    });
    c.resource("PractitionerRole", &key, |w| {
        w.array("extension", |w| {
            for id in values(record, "relatedOrganisation").into_iter().skip(1) {
                parts::detail_identifier(w, "relatedOrganisation", id);
            }
        });
        w.reference("practitioner", &practitioner, ());
        parts::reference(w, "organization", "Organization", value(record, "relatedOrganisation"));
        w.array("code", |w| {
            for role in leaves(record, "role") {
                w.element(|w| w.leaf("text", role));
            }
        });
        w.array("healthcareService", |w| {
            for id in values(record, "relatedService") {
                w.element(|w| parts::reference_body(w, "HealthcareService", id));
            }
        });
    });
}

/// The person whom an episode or event concerns: the one involved as subject, or else the first.
fn subject<'t>(record: Node<'t>) -> Option<Node<'t>> {
    let people = values(record, "subjectPerson");
    let is_subject = |p: &&Node<'t>| leaf(**p, "involvement").is_some_and(|i| i.text.trim() == "SBJ");
    people.iter().find(is_subject).or(people.first()).copied()
}

fn people_details(w: &mut Writer, record: Node<'_>) {
    let own = subject(record).map(Node::index);
    for person in values(record, "subjectPerson") {
        if Some(person.index()) != own {
            parts::detail_identifiers(w, "person", person);
        }
        parts::detail(w, "involvement", person);
    }
    for professional in values(record, "relatedProfessional") {
        parts::detail_identifiers(w, "professional", professional);
        parts::detail(w, "involvement", professional);
    }
    parts::detail_identifiers(w, "relatedService", record);
    parts::detail(w, "location", record);
    for time in values(record, "timeInformation") {
        if let Some(frequency) = time.get("frequency") {
            parts::details_below(w, "frequency", frequency);
        }
    }
    for time in values(record, "timeInformation").into_iter().skip(1) {
        parts::detail(w, "startDateTime", time);
        parts::detail(w, "endDateTime", time);
    }
}

fn period(w: &mut Writer, record: Node<'_>, c: &jiff::tz::TimeZone) {
    let Some(time) = value(record, "timeInformation") else { return };
    w.object("period", |w| {
        for (key, name) in [("start", "startDateTime"), ("end", "endDateTime")] {
            if let Some(at) = leaf(time, name)
                && let Some(when) = parts::when(w, at, c)
            {
                w.date_time(key, &when, at);
            }
        }
    });
}

/// An episode of a service, restricted.
pub fn episode(record: Node<'_>, c: &mut Composer<'_>) {
    let key = parts::key(value(record, "identifier"));
    let zone = c.context.zone.clone();
    let received = c.context.received.as_second();
    let person = subject(record).and_then(|s| value(s, "person"));
    c.resource_with("EpisodeOfCare", &key, &restricted(), |w| {
        w.array("extension", |w| {
            people_details(w, record);
            parts::detail(w, "episodeOutcome", record);
            parts::detail(w, "outcome", record);
        });
        parts::identifiers(w, record, false);
        let end = value(record, "timeInformation").and_then(|time| leaf(time, "endDateTime"));
        let ended =
            end.and_then(|at| When::iso(at.text, &zone).ok()).is_some_and(|at| at.earliest() <= received);
        w.fixed("status", if ended { "finished" } else { "active" });
        concepts(w, "type", &EPISODE_TYPE, &leaves(record, "type"));
        parts::reference(w, "patient", "Patient", person);
        period(w, record, &zone);
    });
    let open = c.context.enabled("safeguarding-items");
    for (number, finding) in values(record, "finding").into_iter().enumerate() {
        if open {
            write_finding(finding, c, &format!("{key}|{number}"), person);
        } else {
            withhold(finding, c, FINDINGS_CLOSED);
        }
    }
}

fn withhold(node: Node<'_>, c: &mut Composer<'_>, why: &'static str) {
    for leaf in node.leaves() {
        c.claim(leaf, Outcome::Withheld, why);
    }
    let issue = Issue::new(Severity::Information, IssueCode::Suppressed, "withheld-by-option", why);
    c.issue(issue.at(node.position()));
}

fn write_finding(finding: Node<'_>, c: &mut Composer<'_>, key: &str, person: Option<Node<'_>>) {
    let zone = c.context.zone.clone();
    for (number, observation) in values(finding, "observation").into_iter().enumerate() {
        c.resource_with("Observation", &format!("{key}|o{number}"), &restricted(), |w| {
            w.fixed("status", "final");
            w.object("code", |w| w.leaf_opt("text", leaf(observation, "type")));
            parts::reference(w, "subject", "Patient", person);
            w.object("effectivePeriod", |w| {
                for (key, name) in [("start", "startDate"), ("end", "endDate")] {
                    if let Some(at) = leaf(observation, name)
                        && let Some(when) = parts::when(w, at, &zone)
                    {
                        w.date_time(key, &when, at);
                    }
                }
            });
        });
    }
    for (number, measurement) in values(finding, "measurement").into_iter().enumerate() {
        c.resource_with("Observation", &format!("{key}|m{number}"), &restricted(), |w| {
            w.fixed("status", "final");
            w.object("code", |w| w.leaf_opt("text", leaf(measurement, "type")));
            parts::reference(w, "subject", "Patient", person);
            w.object("valueQuantity", |w| {
                if let Some(number) = leaf(measurement, "value") {
                    w.number("value", number.text, number);
                }
                w.leaf_opt("unit", leaf(measurement, "unit"));
            });
        });
    }
    for (number, text) in leaves(finding, "text").into_iter().enumerate() {
        c.resource_with("Observation", &format!("{key}|t{number}"), &restricted(), |w| {
            w.fixed("status", "final");
            w.object("code", |w| w.fixed("text", "Finding"));
            parts::reference(w, "subject", "Patient", person);
            w.leaf("valueString", text);
        });
    }
}

/// A life event: a restricted Flag, where an option lets it pass.
pub fn life_event(record: Node<'_>, c: &mut Composer<'_>) -> bool {
    if !c.context.enabled("safeguarding-items") {
        withhold(record, c, EVENT_CLOSED);
        return false;
    }
    let zone = c.context.zone.clone();
    let person = subject(record).and_then(|s| value(s, "person"));
    c.resource_with("Flag", &parts::key(value(record, "identifier")), &restricted(), |w| {
        w.array("extension", |w| people_details(w, record));
        parts::identifiers(w, record, false);
        w.fixed("status", "active");
        let codes = leaves(record, "type");
        w.array("category", |w| {
            let system = "https://fhir.causeway.example/CodeSystem/care-act-document";
            types::concept_element(w, Coding::new(system, "life-event", "Life event"), ());
        });
        w.object("code", |w| {
            w.array("coding", |w| {
                for code in &codes {
                    if let Some(target) = EVENT_TYPE.lookup(&token(code.text)) {
                        w.element(|w| Coding::new(target.system, target.code, target.display).body(w, *code));
                    }
                }
            });
        });
        parts::reference(w, "subject", "Patient", person);
        period(w, record, &zone);
    });
    true
}
