//! One clinical document: its header, and the `Composition` that holds its text.

use causeway_adapter::{Composer, Meta, Profile};
use causeway_core::{ItemId, Leaf};
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v3::write::moment;
use causeway_hl7v3::{Time, guid, time, when};
use causeway_mime::itk::Envelope;
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::{CONSENT, GUID};
use crate::message::Refusal;
use crate::people::{self, Agent};
use crate::{encounter, rules, section, write};

/// What every part of a document needs to know.
#[derive(Debug)]
pub(crate) struct Scope<'d> {
    pub root: Element<'d>,
    pub zone: TimeZone,
    /// Key of the document: what makes the keys of its parts its own.
    pub key: String,
    pub patient: Ref,
    pub encounter: Option<Ref>,
    pub custodian: Option<Ref>,
    pub written: Option<Time<'d>>,
    pub authors: Vec<Agent<'d>>,
    /// `confidentialityCode` of the document.
    pub security: Vec<Label<'d>>,
}

/// A security label: system, code, display, items.
pub(crate) type Label<'d> = (&'d str, &'d str, &'d str, Vec<ItemId>);

impl<'d> Scope<'d> {
    /// The `meta` of a clinical resource: the document's marking, and the statement's own.
    pub fn meta(&self, statement: Option<Element<'d>>) -> Meta<'d> {
        let own = statement.map(confidentiality).unwrap_or_default();
        Meta { profile: Profile::Default, security: [self.security.clone(), own].concat() }
    }

    /// The key of a part: its own id, else its place in the document.
    pub fn part(&self, element: Element<'_>) -> String {
        match guid(element) {
            Some(id) => format!("{}|{}", self.key, causeway_hl7v3::key(id.text)),
            None => format!("{}|{}", self.key, element.index()),
        }
    }

    /// `subject` and `encounter`.
    pub fn about(&self, w: &mut Writer, subject: &str) {
        w.reference(subject, &self.patient, ());
        if let Some(encounter) = &self.encounter {
            w.reference("encounter", encounter, ());
        }
    }
}

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

/// `confidentialityCode` as security labels.
pub(crate) fn confidentiality<'d>(element: Element<'d>) -> Vec<Label<'d>> {
    element
        .children_named("confidentialityCode")
        .filter_map(|code| {
            let leaf = code.attribute("code").filter(|l| !l.is_blank())?;
            let display = code.attribute("displayName");
            let items = [Some(leaf), display].into_iter().flatten().map(|l| l.id).collect();
            let system = match leaf.text.trim() {
                "NOPAT" => systems::ACT_CODE,
                _ => systems::CONFIDENTIALITY,
            };
            Some((system, leaf.text.trim(), display.map_or("", |d| d.text.trim()), items))
        })
        .collect()
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

/// The content of `Consent`, from a consent of the header or a permission among the entries.
pub(crate) fn consent_body(
    w: &mut Writer,
    scope: &Scope<'_>,
    statement: Element<'_>,
    what: Option<Element<'_>>,
) {
    write::identifiers(w, statement);
    let status = statement.child("statusCode").and_then(|s| s.attribute("code"));
    match status {
        Some(leaf) if leaf.text.trim() == "nullified" => w.string("status", "entered-in-error", leaf),
        Some(leaf) if matches!(leaf.text.trim(), "aborted" | "cancelled" | "obsolete") => {
            w.string("status", "inactive", leaf);
        }
        _ => w.fixed("status", "active"),
    }
    let coding = causeway_fhir::Coding::new(
        "http://terminology.hl7.org/CodeSystem/consentscope",
        "patient-privacy",
        "Privacy Consent",
    );
    causeway_fhir::types::concept_fixed(w, "scope", coding);
    write::code_list(w, "category", statement.child("code"));
    w.reference("patient", &scope.patient, ());
    if let Some(time) = scope.written {
        moment(w, "dateTime", time);
    }
    w.array("organization", |w| {
        if let Some(custodian) = &scope.custodian {
            w.reference_element(custodian, ());
        }
    });
    // R4 demands the policy: the words of the consent are all that a document says of it.
    w.object("policyRule", |w| match what.and_then(causeway_hl7v3::words) {
        Some(words) => w.leaf("text", words),
        None => w.fixed("text", "as the code of the consent says"),
    });
    let known = what.into_iter().flat_map(causeway_hl7v3::codes).find_map(|part| {
        let leaf = part.attribute("code")?;
        Some((CONSENT.lookup(leaf.text.trim())?.code, leaf))
    });
    w.object("provision", |w| {
        if let Some((code, leaf)) = known {
            w.string("type", code, leaf);
        }
        if let causeway_hl7v3::Effective::Between(start, end) =
            causeway_hl7v3::interval(statement.child("effectiveTime"), &scope.zone)
        {
            causeway_hl7v3::write::period(w, "period", start, end);
        }
        if let Some(what) = what {
            w.array("code", |w| {
                w.element(|w| write::code_body(w, what));
            });
        }
    });
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
