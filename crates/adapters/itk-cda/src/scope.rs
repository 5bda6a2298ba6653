//! What every part of a document needs to know, and what the header and the entries have in common.

use causeway_adapter::{Meta, Profile};
use causeway_core::ItemId;
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v3::write::moment;
use causeway_hl7v3::{Time, guid};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::codes::CONSENT;
use crate::write;

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

/// Somebody who took part.
#[derive(Clone, Debug)]
pub(crate) struct Agent<'d> {
    pub target: Ref,
    pub time: Option<Time<'d>>,
    /// `typeCode` and `functionCode`.
    pub part: Element<'d>,
}
