//! The encounter that a document documents, where it took place, who was there, and to whom the patient is sent.

use causeway_adapter::Composer;
use causeway_fhir::types::{concept_element, extension};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v3::write::{moment, period};
use causeway_hl7v3::{Effective, interval, time};
use causeway_mime::itk::Envelope;
use causeway_xml::Element;

use crate::codes::PARTICIPATION;
use crate::people;
use crate::scope::Agent;
use crate::scope::Scope;
use crate::write;

/// What the header gave.
#[derive(Debug)]
pub(crate) struct Encountered {
    pub target: Ref,
    /// To whom the document, or the patient, is sent.
    pub recipients: Vec<Ref>,
}

/// Somebody's part in the encounter.
struct Participant<'d> {
    agent: Agent<'d>,
    code: (&'static str, &'static str),
}

/// Writes `Encounter`, even where the header has no `encompassingEncounter`: whom the author met, and when, is said
/// there all the same.
pub(crate) fn translate<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    _envelope: Option<Envelope<'d>>,
) -> Option<Encountered> {
    let recipients = recipients(c, scope);
    let element = scope.root.path(&["componentOf", "encompassingEncounter"]);
    let others = participants(c, scope, element);
    let element = element.or_else(|| (!others.is_empty()).then_some(scope.root))?;
    let own = element.name() == "encompassingEncounter";
    let places = if own { places(c, scope, element) } else { Vec::new() };
    let key = match own.then(|| id(element)).flatten() {
        Some(id) => format!("encounter|{id}"),
        None => format!("{}|encounter", scope.key),
    };
    let target = c.resource_with("Encounter", &key, &scope.meta(None), |w| {
        if own {
            write::identifiers(w, element);
        }
        let span = if own { interval(element.child("effectiveTime"), &scope.zone) } else { Effective::None };
        match span {
            Effective::Between(Some(_), None) => w.fixed("status", "in-progress"),
            Effective::None => w.fixed("status", "unknown"),
            _ => w.fixed("status", "finished"),
        }
        w.object("class", |w| Coding::new(systems::NULL_FLAVOR, "UNK", "unknown").body(w, ()));
        if own {
            write::code_list(w, "type", element.child("code"));
        }
        w.reference("subject", &scope.patient, ());
        w.array("participant", |w| {
            for part in &others {
                w.element(|w| participant(w, part));
            }
        });
        match span {
            Effective::At(time) => period(w, "period", Some(time), None),
            Effective::Between(start, end) => period(w, "period", start, end),
            Effective::None => {}
        }
        if let Some(code) = element.child("dischargeDispositionCode").filter(|_| own) {
            w.object("hospitalization", |w| {
                write::code(w, "dischargeDisposition", Some(code));
            });
        }
        w.array("location", |w| {
            for place in &places {
                w.element(|w| w.reference("location", place, ()));
            }
        });
        if let Some(custodian) = &scope.custodian {
            w.reference("serviceProvider", custodian, ());
        }
    });
    Some(Encountered { target, recipients })
}

/// The ids by which the sender calls the encounter.
fn id(element: Element<'_>) -> Option<String> {
    element.children_named("id").find_map(|id| {
        let root = id.attribute("root")?.text.trim().to_owned();
        let extension = id.attribute("extension").map_or("", |e| e.text.trim());
        Some(format!("{root}|{extension}"))
    })
}

fn participant(w: &mut Writer, part: &Participant<'_>) {
    w.array("type", |w| {
        let said = part.agent.part.attribute("typeCode").filter(|_| kind_of(part.agent.part).is_some());
        concept_element(w, Coding::new(PARTICIPATION, part.code.0, part.code.1), said);
        write_function(w, part.agent.part);
    });
    if let Some(time) = part.agent.time {
        period(w, "period", Some(time), None);
    }
    w.reference("individual", &part.agent.target, ());
}

/// `functionCode` beside the kind of participation.
fn write_function(w: &mut Writer, part: Element<'_>) {
    if let Some(code) = part.child("functionCode") {
        w.element(|w| write::code_body(w, code));
    }
}

fn participants<'d>(
    c: &mut Composer<'_>,
    scope: &Scope<'d>,
    element: Option<Element<'d>>,
) -> Vec<Participant<'d>> {
    let mut found: Vec<Participant<'d>> = Vec::new();
    // An organisation or a device can take no part in an encounter (R4).
    let mut add = |agent: Agent<'d>, code| {
        if matches!(agent.target.kind, "PractitionerRole" | "Practitioner" | "RelatedPerson") {
            found.push(Participant { agent, code });
        }
    };
    for author in &scope.authors {
        add(author.clone(), ("AUT", "author (originator)"));
    }
    for (name, code) in [
        ("dataEnterer", ("ENT", "data entry person")),
        ("informant", ("INF", "informant")),
        ("participant", ("PART", "Participation")),
    ] {
        for part in scope.root.children_named(name) {
            if let Some(agent) = people::agent(c, scope, part) {
                let code = kind_of(part).unwrap_or(code);
                add(agent, code);
            }
        }
    }
    let Some(element) = element else { return found };
    for (name, code) in
        [("responsibleParty", ("ATND", "attender")), ("encounterParticipant", ("PPRF", "primary performer"))]
    {
        for part in element.children_named(name) {
            if let Some(agent) = people::agent(c, scope, part) {
                let code = kind_of(part).unwrap_or(code);
                add(agent, code);
            }
        }
    }
    found
}

/// The kind of participation by `typeCode`, where R4's list of them has it.
fn kind_of(part: Element<'_>) -> Option<(&'static str, &'static str)> {
    let code = part.attribute("typeCode")?;
    Some(match code.text.trim() {
        "REFT" => ("REFT", "referred to"),
        "REFB" => ("REFB", "referrer"),
        "ADM" => ("ADM", "admitter"),
        "ATND" => ("ATND", "attender"),
        "CON" => ("CON", "consultant"),
        "DIS" => ("DIS", "discharger"),
        "ESC" => ("ESC", "escort"),
        "CALLBCK" => ("CALLBCK", "callback contact"),
        "NOT" => ("NOT", "ugent notification contact"),
        _ => return None,
    })
}

/// `Location` of the encounter.
fn places(c: &mut Composer<'_>, scope: &Scope<'_>, element: Element<'_>) -> Vec<Ref> {
    let mut found = Vec::new();
    for facility in element.children_named("location").filter_map(|l| l.child("healthCareFacility")) {
        let place = facility.child("location");
        let provider = facility
            .child("serviceProviderOrganization")
            .map(|o| people::organisation(c, o, None, &scope.key));
        let key = format!("{}|location|{}", scope.key, facility.index());
        let checkpoint = c.checkpoint();
        let mut wrote = false;
        let target = c.resource("Location", &key, |w| {
            let before = w.mark();
            write::identifiers(w, facility);
            let name = place.and_then(|p| p.child("name")).and_then(Element::text).filter(|n| !n.is_blank());
            w.leaf_opt("name", name);
            write::code_list(w, "type", facility.child("code"));
            if let Some(address) = place.and_then(|p| p.child("addr")) {
                w.object("address", |w| people::address_with_use(w, address));
            }
            wrote = w.wrote_since(before) || provider.is_some();
            if let Some(provider) = &provider {
                w.reference("managingOrganization", provider, ());
            }
        });
        match wrote {
            true => found.push(target),
            false => c.undo_to(checkpoint),
        }
    }
    found
}

/// Whom the document is addressed to, and in a report of NHS 111 the service that the patient is sent to.
fn recipients(c: &mut Composer<'_>, scope: &Scope<'_>) -> Vec<Ref> {
    let mut found = Vec::new();
    for part in scope.root.children_named("informationRecipient") {
        if let Some(agent) = people::agent(c, scope, part) {
            let twice = found.contains(&agent.target);
            if !twice {
                found.push(agent.target);
            }
        }
    }
    found
}

/// The disposition as a request: what the patient is to do or have done, and by whom. `None` where none is stated.
pub(crate) fn referral(
    c: &mut Composer<'_>,
    scope: &Scope<'_>,
    encountered: Option<&Encountered>,
) -> Option<Ref> {
    let element = scope.root.path(&["componentOf", "encompassingEncounter"])?;
    let code = element.child("dischargeDispositionCode").filter(|c| c.attribute("code").is_some())?;
    let key = format!("{}|disposition", scope.key);
    Some(c.resource_with("ServiceRequest", &key, &scope.meta(None), |w| {
        w.fixed("status", "active");
        w.fixed("intent", "plan");
        write::code(w, "code", Some(code));
        scope.about(w, "subject");
        if let Some(time) = time(scope.root.child("effectiveTime"), &scope.zone) {
            moment(w, "authoredOn", time);
        }
        if let Some(author) = scope.authors.first() {
            w.reference("requester", &author.target, ());
        }
        w.array("performer", |w| {
            for recipient in encountered.map(|e| e.recipients.as_slice()).unwrap_or_default() {
                w.reference_element(recipient, ());
            }
        });
    }))
}

/// URL of the extension of a composition that says to whom it was sent.
pub(crate) const RECIPIENT: &str = "https://fhir.causeway.example/StructureDefinition/information-recipient";

/// `extension` of a composition: its recipients.
pub(crate) fn write_recipients(w: &mut Writer, recipients: &[Ref]) {
    w.array("extension", |w| {
        for recipient in recipients {
            extension(w, RECIPIENT, |w| w.reference("valueReference", recipient, ()));
        }
    });
}
