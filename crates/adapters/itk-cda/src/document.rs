//! One clinical document: its header, and the `Composition` that holds its text.

use causeway_adapter::Composer;
use causeway_core::Leaf;
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v3::write::moment;
use causeway_hl7v3::{Time, time, when};
use causeway_mime::itk::Envelope;
use causeway_xml::Element;

use crate::codes::GUID;
use crate::people;
use crate::refusal::Refusal;
use crate::scope::{Scope, confidentiality, consent_body};
use crate::{encounter, rules, section, write};

/// What a document is called: its own id.
pub(crate) fn key(root: Element<'_>) -> Option<String> {
    id(root).map(|(root, extension)| match extension {
        Some(extension) => format!("{}|{}", root.text.trim(), extension.text.trim()),
        None => causeway_hl7v3::key(root.text),
    })
}

fn id<'d>(root: Element<'d>) -> Option<(Leaf<'d>, Option<Leaf<'d>>)> {
    let id = root.children_named("id").find(|i| i.attribute("root").is_some_and(|r| !r.is_blank()))?;
    Some((id.attribute("root")?, id.attribute("extension").filter(|e| !e.is_blank())))
}

/// Translates one document into the open bundle. Returns what kind of document it is, in words of this project.
///
/// # Errors
/// Where it can't be told from another, or whom it concerns.
pub(crate) fn translate<'d>(
    c: &mut Composer<'_>,
    root: Element<'d>,
    envelope: Option<Envelope<'d>>,
) -> Result<&'static str, Refusal> {
    let zone = c.context.zone.clone();
    let about = |e: Element<'_>| e.items().next();
    let Some(key) = key(root) else {
        return Err(Refusal { issue: rules::ID_ABSENT.issue(), about: about(root) });
    };
    let stated = root.child("effectiveTime").and_then(|t| t.attribute("value")).filter(|l| !l.is_blank());
    if let Some(bad) = stated.filter(|l| when(l.text.trim(), &zone).is_none()) {
        return Err(Refusal { issue: rules::DATE_INVALID.issue(), about: Some(bad.id) });
    }
    let mut targets = root.children_named("recordTarget");
    let holder = targets.next().and_then(|t| t.child("patientRole"));
    let Some(holder) = holder else {
        return Err(Refusal { issue: rules::PATIENT_ABSENT.issue(), about: about(root) });
    };
    if let Some(second) = targets.next() {
        return Err(Refusal { issue: rules::PATIENT_REPEATED.issue(), about: about(second) });
    }
    if let Some(bad) = people::bad_birth(holder, &zone) {
        return Err(Refusal { issue: rules::BIRTH_INVALID.issue(), about: Some(bad.id) });
    }
    let patient = people::patient(c, holder, &key, &zone);
    let mut scope = Scope {
        root,
        zone: zone.clone(),
        patient,
        encounter: None,
        custodian: None,
        written: time(root.child("effectiveTime"), &zone),
        authors: Vec::new(),
        security: confidentiality(root),
        key,
    };
    let custodian = root.path(&["custodian", "assignedCustodian", "representedCustodianOrganization"]);
    scope.custodian = custodian.map(|o| people::organisation(c, o, None, &scope.key));
    for part in root.children_named("author") {
        scope.authors.extend(people::agent(c, &scope, part));
    }
    let encountered = encounter::translate(c, &scope, envelope);
    scope.encounter = encountered.as_ref().map(|e| e.target.clone());
    consents(c, &scope);
    let written = section::translate(c, &scope);
    let referral = encounter::referral(c, &scope, encountered.as_ref());
    composition(c, &scope, &written, referral.as_ref(), encountered.as_ref());
    let called = root.child("messageType").and_then(|m| m.attribute("extension"));
    c.writer().decides(called, "what the document is called in lists");
    Ok(kind(root))
}

/// What a document is called in the list of messages.
fn kind(root: Element<'_>) -> &'static str {
    let said = |name: &str| {
        let title = root.child("title").and_then(Element::text).map_or("", |t| t.text);
        let display = root.child("code").and_then(|c| c.attribute("displayName")).map_or("", |d| d.text);
        [title, display].iter().any(|t| t.to_ascii_lowercase().contains(name))
    };
    let type_of = root.child("messageType").and_then(|m| m.attribute("extension")).map_or("", |e| e.text);
    match () {
        () if type_of.starts_with("POCD_MT200001") => "NHS 111 report",
        () if said("ambulance") => "ambulance handover",
        () if said("discharge") => "discharge summary",
        () if said("outpatient") => "outpatient letter",
        () if said("111") => "NHS 111 report",
        () => "clinical document",
    }
}

/// Whether a document takes back an earlier one, and the item that says so.
fn nullified<'d>(root: Element<'d>) -> Option<Leaf<'d>> {
    let says = |l: &Leaf<'_>| l.text.to_ascii_lowercase().contains("nullif");
    let code = root.child("code").and_then(|c| c.attribute("displayName")).filter(says);
    code.or_else(|| root.child("title").and_then(Element::text).filter(says))
}

/// `Consent`: what the patient agreed to, as the header says it.
fn consents(c: &mut Composer<'_>, scope: &Scope<'_>) {
    for consent in scope.root.children_named("authorization").filter_map(|a| a.child("consent")) {
        let code = consent.child("code");
        let key = scope.part(consent);
        c.resource_with("Consent", &key, &scope.meta(None), |w| consent_body(w, scope, consent, code));
    }
}

fn composition(
    c: &mut Composer<'_>,
    scope: &Scope<'_>,
    written: &section::Written<'_>,
    referral: Option<&Ref>,
    encountered: Option<&encounter::Encountered>,
) {
    let root = scope.root;
    let attesters = attesters(c, scope);
    let recipients = encountered.map(|e| e.recipients.as_slice()).unwrap_or_default();
    let taken_back = nullified(root);
    if let Some(leaf) = taken_back {
        c.issue_at(leaf.id, rules::NULLIFIED.issue());
    }
    c.resource_with("Composition", &scope.key.clone(), &scope.meta(None), |w| {
        encounter::write_recipients(w, recipients);
        if let Some((id, extension)) = id(root) {
            w.object("identifier", |w| match extension {
                Some(extension) => {
                    w.string("system", &causeway_fhir::systems::of_oid(id.text.trim()), id);
                    w.leaf("value", extension);
                }
                None => {
                    w.fixed("system", GUID);
                    w.leaf("value", id);
                }
            });
        }
        match taken_back {
            Some(leaf) => w.string("status", "entered-in-error", leaf),
            None => w.fixed("status", "final"),
        }
        if !write::code(w, "type", root.child("code")) {
            w.object("type", write::absent);
        }
        scope.about(w, "subject");
        match scope.written {
            Some(time) => moment(w, "date", time),
            None => {
                w.object("_date", write::absent);
            }
        }
        w.array("author", |w| {
            for author in &scope.authors {
                w.reference_element(&author.target, ());
            }
            if scope.authors.is_empty() {
                w.element(write::absent);
            }
        });
        match root.child("title").and_then(Element::text).filter(|t| !t.is_blank()) {
            Some(title) => w.leaf("title", title),
            None => w.fixed("title", "Clinical document"),
        }
        w.array("attester", |w| {
            for (mode, time, who) in &attesters {
                w.element(|w| {
                    w.fixed("mode", mode);
                    if let Some(time) = time {
                        moment(w, "time", *time);
                    }
                    w.reference("party", who, ());
                });
            }
        });
        if let Some(custodian) = &scope.custodian {
            w.reference("custodian", custodian, ());
        }
        w.array("relatesTo", |w| {
            related(w, root);
        });
        events(w, scope);
        section::write(w, written, referral);
    });
}

/// Earlier documents that this one replaces, appends to or was made from; and the set that it is a version of.
fn related(w: &mut Writer, root: Element<'_>) {
    for relation in root.children_named("relatedDocument") {
        let code = relation.attribute("typeCode");
        let word = match code.map_or("RPLC", |c| c.text.trim()) {
            "APND" => "appends",
            "XFRM" => "transforms",
            "RPLC" => "replaces",
            _ => continue,
        };
        let Some(parent) = relation.child("parentDocument") else { continue };
        let Some((id, extension)) = id(parent) else { continue };
        w.element(|w| {
            w.string("code", word, code);
            w.object("targetIdentifier", |w| match extension {
                Some(extension) => {
                    w.string("system", &systems::of_oid(id.text.trim()), id);
                    w.leaf("value", extension);
                }
                None => {
                    w.fixed("system", GUID);
                    w.leaf("value", id);
                }
            });
        });
    }
}

/// What the document is a document of.
fn events(w: &mut Writer, scope: &Scope<'_>) {
    let of = scope.root.children_named("documentationOf").filter_map(|d| d.child("serviceEvent"));
    w.array("event", |w| {
        for event in of {
            w.element(|w| {
                write::code_list(w, "code", event.child("code"));
                match causeway_hl7v3::interval(event.child("effectiveTime"), &scope.zone) {
                    causeway_hl7v3::Effective::At(time) => {
                        causeway_hl7v3::write::period(w, "period", Some(time), None);
                    }
                    causeway_hl7v3::Effective::Between(start, end) => {
                        causeway_hl7v3::write::period(w, "period", start, end);
                    }
                    causeway_hl7v3::Effective::None => {}
                }
            });
        }
    });
}

type Attester<'d> = (&'static str, Option<Time<'d>>, Ref);

fn attesters<'d>(c: &mut Composer<'_>, scope: &Scope<'d>) -> Vec<Attester<'d>> {
    let mut found = Vec::new();
    for (name, mode) in [("authenticator", "professional"), ("legalAuthenticator", "legal")] {
        for part in scope.root.children_named(name) {
            if let Some(agent) = people::agent(c, scope, part) {
                found.push((mode, agent.time, agent.target));
            }
        }
    }
    found
}
