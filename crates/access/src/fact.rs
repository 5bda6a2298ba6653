//! What is told of a person, resource by resource, and what each refers to.

use std::cell::OnceCell;
use std::collections::HashSet;

use causeway_record::{RecordError, TextEntry};
use serde_json::Value;

use crate::content::names;
use crate::labels::{self, Labels};
use crate::restricted::Restricted;
use crate::words::Words;
use crate::{references, sections};

/// One resource of the person's record, with what the record knows of it.
#[derive(Debug)]
pub struct Fact<'a> {
    /// `Type/id`.
    pub(crate) key: String,
    pub(crate) section: &'static str,
    /// Message that told it.
    pub(crate) message: String,
    held: Held<'a>,
}

#[derive(Debug)]
enum Held<'a> {
    /// The resource as it stands.
    Whole(&'a Value),
    /// One in whose text nothing of the policy set is marked, so that it has no label; made a value where that is needed.
    Plain(&'a TextEntry, OnceCell<Value>),
}

impl<'a> Fact<'a> {
    /// A resource as it stands, with the adapter that translated it and the message that told it.
    pub fn of(resource: &'a Value, adapter: &str, message: &str) -> Self {
        let section = sections::section_of(resource, adapter);
        Self { key: key(resource), section, message: message.to_owned(), held: Held::Whole(resource) }
    }

    /// A resource in whose text no mark of the policy set is.
    pub(crate) fn plain(entry: &'a TextEntry, section: &'static str, message: String) -> Self {
        Self { key: entry.key.reference(), section, message, held: Held::Plain(entry, OnceCell::new()) }
    }

    pub(crate) fn kind(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }

    pub(crate) fn value(&self) -> Result<&Value, RecordError> {
        match &self.held {
            Held::Whole(value) => Ok(value),
            Held::Plain(entry, read) => match read.get() {
                Some(value) => Ok(value),
                None => {
                    let value = entry.value()?;
                    Ok(read.get_or_init(|| value))
                }
            },
        }
    }

    pub(crate) fn labels(&self, restricted: &Restricted) -> Labels {
        match &self.held {
            Held::Whole(value) => labels::of(value, restricted),
            Held::Plain(..) => Labels::new(),
        }
    }

    /// Its references to others of the person's record, but for the person.
    pub(crate) fn links<'k>(&self, known: &HashSet<&'k str>) -> Result<Vec<Link<'k>>, RecordError> {
        let mut out = Vec::new();
        let mut add = |by: &str, reference: &str| {
            if let Some(to) = known.get(local(reference)) {
                out.push(Link { about: ABOUT.contains(&by), holds: HOLDS.contains(&by), to });
            }
        };
        match &self.held {
            Held::Whole(value) => references::of(value, PERSON, &mut add),
            Held::Plain(entry, _) => references::in_text(&entry.text, PERSON, &mut add)?,
        }
        Ok(out)
    }

    /// Whether a text in it names one of these, its narratives aside; `beyond_terms`: whether they are more than the restricted
    /// terms of the policy set.
    pub(crate) fn names(&self, words: &Words, beyond_terms: bool) -> Result<bool, RecordError> {
        if let Held::Plain(entry, _) = &self.held {
            // What is packed in an attachment, or written otherwise than it is, is not to be seen in the text.
            let text = &entry.text;
            let packed = text.contains("\"data\":");
            let named = beyond_terms && (text.contains('\\') || words.are_in(text));
            if !packed && !named {
                return Ok(false);
            }
        }
        Ok(names(self.value()?, words))
    }
}

/// `Type/id` of a resource.
pub fn key(resource: &Value) -> String {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    format!("{}/{}", text("resourceType"), text("id"))
}

/// Elements by which a resource says what it is about: what refers to a withheld item by one of them is withheld too.
const ABOUT: &[&str] = &[
    "reasonReference",
    "basedOn",
    "partOf",
    "derivedFrom",
    "focus",
    "evidence",
    "indication",
    "detail",
    "replaces",
    "priorPrescription",
    "authorizingPrescription",
    "request",
    "follows",
    "encounter",
    "context",
    "specimen",
    "relatesTo",
    "supportingInformation",
    "supportingInfo",
    "investigation",
    "problem",
    "outcomeReference",
    "complication",
    "complicationDetail",
    "dueTo",
    "manifestation",
];

/// Elements of a container by which it holds others.
const HOLDS: &[&str] = &[
    "entry",
    "section",
    "target",
    "result",
    "activity",
    "participant",
    "content",
    "diagnosis",
    "related",
    "member",
    "addresses",
    "goal",
    "finding",
    "problem",
    "imagingStudy",
    "media",
    "contained",
    "account",
    "referralRequest",
    "what",
    "entity",
    "focus",
    "supportingInfo",
    "item",
    "hasMember",
    "specimen",
    "condition",
    "location",
    "reasonReference",
];

/// Elements that say whose record it is: everything refers to the person.
const PERSON: &[&str] = &["subject", "patient", "beneficiary"];

/// A reference from one resource to another of the person's record.
pub(crate) struct Link<'a> {
    /// Whether the element that holds it says what the resource is about.
    pub about: bool,
    /// Whether a container holds others by that element.
    pub holds: bool,
    /// `Type/id`.
    pub to: &'a str,
}

/// `Type/id` of a relative or absolute reference, without a version.
pub(crate) fn local(reference: &str) -> &str {
    let reference = reference.split("/_history/").next().unwrap_or_default();
    let mut cuts = reference.rmatch_indices('/').map(|(at, _)| at);
    cuts.next();
    match cuts.next() {
        Some(at) => reference.get(at + 1..).unwrap_or(reference),
        None => reference,
    }
}
