//! What every coded entry has: its meaning, its time, who did it, what hangs on it.

use causeway_adapter::Composer;
use causeway_core::Leaf;
use causeway_fhir::{Ref, Writer};
use causeway_hl7v3::{Effective, interval, negated, unreadable};
use causeway_xml::Element;

use crate::people;
use crate::scope::Agent;
use crate::scope::Scope;
use crate::{rules, value, write};

/// What a statement is about, by the name of its template and the code of its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Allergy,
    Diagnosis,
    Immunisation,
    Permission,
    Anything,
}

/// SNOMED CT codes of PRSB headings, and LOINC's of sections, by what their entries state.
const HEADINGS: [(&str, About); 10] = [
    ("886921000000105", About::Allergy),
    ("48765-2", About::Allergy),
    ("887151000000100", About::Diagnosis),
    ("887191000000108", About::Diagnosis),
    ("11450-4", About::Diagnosis),
    ("29308-4", About::Diagnosis),
    ("1102181000000102", About::Immunisation),
    ("11369-6", About::Immunisation),
    ("887031000000108", About::Permission),
    ("1078911000000106", About::Permission),
];

/// What the name of a template says after `#`.
fn by_template<'d>(element: Element<'d>) -> Option<(About, Leaf<'d>)> {
    let (name, leaf) = element.children_named("templateId").find_map(|t| {
        let leaf = t.attribute("extension")?;
        Some((leaf.text.rsplit_once('#')?.1.to_ascii_lowercase(), leaf))
    })?;
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    let about = match () {
        () if has(&["allerg", "adversereaction", "propensity"]) => About::Allergy,
        () if has(&["diagnos", "problem", "condition"]) => About::Diagnosis,
        () if has(&["immuni", "vaccin"]) => About::Immunisation,
        () if has(&["permission"]) => About::Permission,
        () => return None,
    };
    Some((about, leaf))
}

/// What an entry of a section states, and the item of the template that decided it where the section would not have.
fn about<'d>(heading: About, element: Element<'d>) -> (About, Option<Leaf<'d>>) {
    match by_template(element) {
        Some((about, leaf)) => (about, (about != heading).then_some(leaf)),
        None => (heading, None),
    }
}

/// What the entries of a section state.
pub(crate) fn by_section(section: Element<'_>) -> About {
    heading(section.child("code").and_then(|c| c.attribute("code")).map_or("", |c| c.text.trim()))
}

/// What the entries under a heading state, by the heading's code.
pub(crate) fn heading(code: &str) -> About {
    HEADINGS.iter().find(|(heading, _)| *heading == code).map_or(About::Anything, |(_, about)| *about)
}

/// One statement while it is written.
pub(crate) struct Statement<'s, 'd> {
    pub scope: &'s Scope<'d>,
    pub element: Element<'d>,
    pub about: About,
    /// The item that decided what it is about, where it is not the section.
    pub decided: Option<Leaf<'d>>,
    pub key: String,
    pub effective: Effective<'d>,
    pub negated: Option<Leaf<'d>>,
    pub performers: Vec<Agent<'d>>,
    pub authors: Vec<Agent<'d>>,
    /// What hangs on it: resources of their own.
    pub parts: Vec<Ref>,
    /// Comments that hang on it.
    pub comments: Vec<Element<'d>>,
}

impl<'s, 'd> Statement<'s, 'd> {
    /// Reads what statements have alike, and writes the people.
    pub fn read(c: &mut Composer<'_>, scope: &'s Scope<'d>, section: About, element: Element<'d>) -> Self {
        let (about, decided) = about(section, element);
        if let Some(bad) = element.child("effectiveTime").and_then(|t| unreadable(t, &scope.zone)) {
            c.issue_at(bad.id, rules::TIME_INVALID.issue());
        }
        let people_of = |c: &mut Composer<'_>, names: &[&str]| {
            let parts = element.children().filter(|e| names.contains(&e.name()));
            parts.filter_map(|part| people::agent(c, scope, part)).collect::<Vec<_>>()
        };
        let performers = people_of(c, &["performer"]);
        let authors = people_of(c, &["author", "informant"]);
        Self {
            scope,
            element,
            about,
            decided,
            key: scope.part(element),
            effective: interval(element.children_named("effectiveTime").next(), &scope.zone),
            negated: negated(element),
            performers,
            authors,
            parts: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// Its mood: whether it happened (`EVN`), or is a wish, a plan, an order; empty where none of those.
    pub fn mood(&self) -> &'d str {
        let known = ["EVN", "RQO", "PRP", "INT", "PRMS", "APT", "ARQ", "GOL"];
        let stated = self.element.attribute("moodCode").map_or("EVN", |m| m.text.trim());
        if known.contains(&stated) { stated } else { "" }
    }

    /// Whether its mood says that it happened.
    pub fn happened(&self) -> bool {
        self.mood() == "EVN"
    }

    /// `identifier`.
    pub fn identifiers(&self, w: &mut Writer) {
        write::identifiers(w, self.element);
    }

    /// `note`: the statement's own text where it is in words, and comments.
    pub fn notes(&self, w: &mut Writer) {
        w.array("note", |w| {
            if let Some((text, items)) = value::text(self.element.child("text")) {
                write::note(w, &text, items);
            }
            for comment in &self.comments {
                if let Some((text, items)) = value::text(comment.child("text")) {
                    write::note(w, &text, items);
                }
            }
        });
    }

    /// People who did it, under a key, as elements of an array: an actor's reference each.
    pub fn actors(&self, w: &mut Writer, key: &str) {
        w.array(key, |w| {
            for agent in &self.performers {
                w.element(|w| w.reference("actor", &agent.target, ()));
            }
        });
    }

    /// Whoever says it, where R4 has one place for them.
    pub fn recorder(&self, w: &mut Writer, key: &str) {
        let person = |a: &&Agent<'_>| matches!(a.target.kind, "PractitionerRole" | "Practitioner");
        if let Some(agent) = self.authors.iter().chain(&self.performers).find(person) {
            w.reference(key, &agent.target, ());
        }
    }

    /// Resources that hang on it, of the kinds that an element allows.
    pub fn linked(&self, w: &mut Writer, key: &str, kinds: &[&str]) {
        w.array(key, |w| {
            for part in self.parts.iter().filter(|p| kinds.is_empty() || kinds.contains(&p.kind)) {
                w.reference_element(part, ());
            }
        });
    }
}
