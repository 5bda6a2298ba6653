//! Observations: findings, values, groups of them, blood pressures, comments.

use causeway_adapter::{Composer, Profile};
use causeway_core::{Leaf, Outcome};
use causeway_fhir::types::{Coding, concept_element, concept_fixed, extension};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::annotation;
use crate::codes::{COMMENT, INTERPRETATION};
use crate::comment::comment_note;
use crate::confidentiality;
use crate::extract::{Extract, Kind, Statement};
use crate::hl7::{self, Effective};
use crate::qualifier::{episodicity, valued};
use crate::role::Role;
use crate::rules;
use crate::write::{self, Note};

/// Writes one `Observation` of a finding or value.
pub(crate) fn observation(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let focus = relative(c, x, number);
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let mut notes = observation_notes(x, statement);
    c.resource_with("Observation", &statement.key, &markings.meta(Profile::Default), |w| {
        head(w, x, statement);
        category(w, x, number);
        if let Some(code) = statement.element.child("code") {
            write::concept(w, "code", code, "record-entry");
        } else {
            concept_fixed(w, "code", COMMENT);
        }
        subject(w, x, statement, focus.as_ref());
        when_and_who(w, x, statement);
        if let Some(specimen) = specimen_of(x, number) {
            w.reference("specimen", specimen, ());
        }
        value(w, statement.element);
        stated_interpretation(w, statement.element, &mut notes);
        write::notes(w, &notes);
    });
}

/// `identifier` and `status`.
fn head(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    write::identifiers(w, &x.ids, statement.element);
    if let Some(error) = x.nullified(statement) {
        w.string("status", "entered-in-error", error);
        return;
    }
    if let Some((status, from)) = report_status(x, statement) {
        w.string("status", status, from);
        return;
    }
    let status = hl7::child_code(statement.element, "statusCode");
    let word = match status.map_or("COMPLETE", |s| s.text.trim()).to_ascii_uppercase().as_str() {
        "COMPLETE" | "COMPLETED" | "NORMAL" => "final",
        "ACTIVE" => "preliminary",
        "CANCELLED" | "ABORTED" => "cancelled",
        "NEW" | "HELD" | "SUSPENDED" => "registered",
        _ => {
            w.issue(status.map(|s| s.id), rules::STATUS.issue());
            "unknown"
        }
    };
    w.string("status", word, status);
}

/// What lies within a laboratory report is a laboratory observation.
fn category(w: &mut Writer, x: &Extract<'_>, number: usize) {
    if !crate::assign::in_laboratory(x, number) {
        return;
    }
    w.array("category", |w| {
        let laboratory = Coding::new(systems::OBSERVATION_CATEGORY, "laboratory", "Laboratory");
        concept_element(w, laboratory, ());
    });
}

/// A result has the status that its report states.
fn report_status<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Option<(&'static str, Leaf<'d>)> {
    let mut at = statement.parent;
    while let Some(parent) = at {
        let parent = &x.statements[parent];
        if parent.role == Role::Report {
            let (status, leaf) = crate::comment::stated_status(x, parent)?;
            return Some((if status == "partial" { "preliminary" } else { status }, leaf));
        }
        at = parent.parent;
    }
    None
}

fn subject(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, focus: Option<&Ref>) {
    w.reference("subject", &x.patient, ());
    w.array("focus", |w| {
        if let Some(focus) = focus {
            w.reference_element(focus, ());
        }
    });
    if let Some(encounter) = x.encounter(statement) {
        w.reference("encounter", encounter, ());
    }
}

fn when_and_who(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    write::effective(w, "effective", hl7::effective(statement.element, &x.zone));
    write::instant(w, "issued", issued(x, statement), &x.zone);
    w.array("performer", |w| {
        for (agent, id) in x.performers(statement) {
            if let Some(who) = agent.anyone() {
                w.reference_element(who, id);
            }
        }
    });
}

/// When a result was issued: with its report; another entry, when it was made.
fn issued<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Option<hl7::Time<'d>> {
    let mut at = statement.parent;
    while let Some(parent) = at {
        let parent = &x.statements[parent];
        if parent.role == Role::Report {
            return hl7::child_time(parent.element, "availabilityTime", &x.zone);
        }
        at = parent.parent;
    }
    x.entered(statement)
}

/// A relative whom the finding is about (family history), as a `RelatedPerson`.
fn relative(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) -> Option<Ref> {
    let statement = &x.statements[number];
    let code = statement.element.path(&["subject", "personalRelationship", "code"])?;
    hl7::codes(code).next()?;
    let markings = confidentiality::of_statement(x, number);
    let meta = markings.meta(Profile::None);
    Some(c.resource_with("RelatedPerson", &statement.key, &meta, |w| {
        w.reference("patient", &x.patient, ());
        w.array("relationship", |w| {
            write::concept_element(w, code, "");
        });
    }))
}

/// The texts beside an observation. What its text says of a problem goes to the problem.
fn observation_notes<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Vec<Note<'d>> {
    let mut notes = qualifier_notes(x, statement);
    for leaf in annotation::texts(statement.element) {
        if statement.names.is_empty() {
            notes.push(Note::of(leaf));
        } else {
            notes.push(Note::part(leaf, annotation::split_problem(leaf.text).0));
        }
    }
    if statement.role == Role::SelfReferral {
        notes.extend(priority(statement.element));
        notes.extend(statement.element.child("text").and_then(|t| t.text()).map(Note::of));
    }
    if let Some(parent) = statement.parent.filter(|p| x.statements[*p].role == Role::Cluster) {
        notes.extend(folded_notes(x, &x.statements[parent]));
    }
    notes
}

/// What the source codes beside an entry and an observation has no element for, in the words that senders
/// use where they write it as text: significance and episodicity of a problem, the relative concerned.
pub(crate) fn qualifier_notes<'d>(x: &Extract<'d>, statement: &Statement<'d>) -> Vec<Note<'d>> {
    let mut notes = Vec::new();
    let mut note = |label: &str, words: &str, leaf: Leaf<'d>| {
        notes.push(Note { text: format!("{label} : {words}"), leaf, time: None, also: None });
    };
    let code = statement.element.child("code");
    // A request's qualifiers are no episodicity.
    let of_problem = code.filter(|_| statement.role != Role::SelfReferral).into_iter();
    let qualifiers = of_problem.flat_map(|c| c.children_named("qualifier"));
    let episodes: Vec<_> = qualifiers.filter_map(episodicity).filter_map(hl7::words).collect();
    if let (Some(link_set), false) = (statement.names.first(), episodes.is_empty())
        && let Some((significance, leaf)) = crate::qualifier::significance(x.statements[*link_set].element)
    {
        note("Significance", if significance == "major" { "Major" } else { "Minor" }, leaf);
    }
    for words in episodes {
        note("Episodicity", words.text.trim(), words);
    }
    let relative = statement.element.path(&["subject", "personalRelationship", "code"]);
    if let Some(words) = relative.and_then(hl7::words) {
        note("Family member", words.text.trim(), words);
    }
    notes.extend(code.into_iter().flat_map(valued));
    notes
}

/// How urgent a request is, where its resource has no element for that: the words, else the code.
fn priority<'d>(statement: Element<'d>) -> Option<Note<'d>> {
    let code = hl7::child_code(statement, "priorityCode");
    let said = statement.child("priorityCode").and_then(hl7::words).or(code)?;
    Some(Note::part(said, &format!("Priority: {}", said.text.trim())))
}

/// The comments that were folded into a statement.
pub(crate) fn folded_notes<'d>(x: &Extract<'d>, holder: &Statement<'d>) -> Vec<Note<'d>> {
    let children = holder.children.iter().map(|n| &x.statements[*n]);
    let comments =
        children.filter(|s| s.role == Role::Note || s.kind == Kind::Narrative && s.target.is_none());
    comments.filter_map(|s| comment_note(x, s)).collect()
}

/// The specimen that a result was made on: the one that the result lies within.
fn specimen_of<'x>(x: &'x Extract<'_>, number: usize) -> Option<&'x Ref> {
    let mut at = x.statements[number].parent;
    while let Some(parent) = at {
        let statement = &x.statements[parent];
        if statement.role == Role::Specimen {
            return statement.target.as_ref();
        }
        at = statement.parent;
    }
    None
}

/// `value[x]`, `interpretation`, `referenceRange` of a statement.
pub(crate) fn value(w: &mut Writer, statement: Element<'_>) {
    let value = statement.child("value");
    if let Some(value) = value {
        value_body(w, value, statement.child("uncertaintyCode"));
    }
    if let Some(code) = statement.child("interpretationCode") {
        interpretation(w, code);
    }
    w.array("referenceRange", |w| {
        for range in statement.children_named("referenceRange") {
            if let Some(range) = range.child("referenceInterpretationRange") {
                // A range's limits are in the unit of the value that they belong to.
                let unit = value.map(|v| bound(v).map_or(v, |b| b.end));
                w.element(|w| causeway_hl7v3::write::reference_range(w, range, unit));
            }
        }
    });
}

fn value_body(w: &mut Writer, value: Element<'_>, uncertainty: Option<Element<'_>>) {
    let kind = value.attribute("type");
    if let Some(low_or_high) = bound(value) {
        low_or_high.write(w, uncertainty);
        return;
    }
    match kind.map_or("", |k| k.text.rsplit(':').next().unwrap_or("").trim()) {
        "IVL_PQ" => {
            let (low, high) = (value.child("low"), value.child("high"));
            w.mapped(kind);
            if causeway_hl7v3::write::reversed(w, low, high) {
                return;
            }
            w.object("valueRange", |w| {
                for (key, end) in [("low", low), ("high", high)] {
                    if let Some(end) = end {
                        w.object(key, |w| write::quantity(w, end, ("", None), None));
                    }
                }
            });
        }
        "CD" | "CV" | "CE" => {
            w.mapped(kind);
            write::concept(w, "valueCodeableConcept", value, "");
        }
        "PQ" | "" if write::is_number(value) => {
            w.mapped(kind);
            w.object("valueQuantity", |w| {
                uncertain(w, uncertainty);
                write::quantity(w, value, ("", None), None);
            });
        }
        _ => {
            let text = value.text().or_else(|| value.attribute("value"));
            let Some(text) = text.filter(|t| !t.is_blank()) else { return };
            // A number that can't be read as one keeps its unit: without it, it is another result.
            let unit = value.attribute("unit").filter(|u| !matches!(u.text.trim(), "" | "1"));
            if kind.is_some_and(|k| k.text.ends_with("PQ")) {
                w.issue(Some(text.id), rules::VALUE_TEXT.issue());
            }
            let words = hl7::dedent(text.text);
            match unit {
                Some(unit) => w.string("valueString", &format!("{words} {}", unit.text.trim()), (text, unit)),
                None => w.string("valueString", &words, text),
            }
        }
    }
}

/// One end of an interval: a value that is above or below it.
struct Bound<'d> {
    end: Element<'d>,
    comparator: &'static str,
    inclusive: Option<Leaf<'d>>,
}

fn bound<'d>(value: Element<'d>) -> Option<Bound<'d>> {
    let usable = |name: &str| value.child(name).filter(|e| write::is_number(*e));
    let (end, over) = match (usable("low"), usable("high")) {
        (Some(low), None) => (low, true),
        (None, Some(high)) => (high, false),
        _ => return None,
    };
    let inclusive = end.attribute("inclusive");
    let comparator = match (over, inclusive.is_none_or(|i| i.text.trim() != "false")) {
        (true, true) => ">=",
        (true, false) => ">",
        (false, true) => "<=",
        (false, false) => "<",
    };
    // That a limit is inclusive is what it is unless the message says otherwise.
    let inclusive = inclusive.filter(|i| i.text.trim() == "false");
    Some(Bound { end, comparator, inclusive })
}

impl Bound<'_> {
    fn write(&self, w: &mut Writer, uncertainty: Option<Element<'_>>) {
        w.object("valueQuantity", |w| {
            uncertain(w, uncertainty);
            write::quantity(w, self.end, (self.comparator, self.inclusive), None);
        });
    }
}

/// `uncertaintyCode` U: the value is an approximation.
fn uncertain(w: &mut Writer, uncertainty: Option<Element<'_>>) {
    let Some(code) = uncertainty.and_then(|u| u.attribute("code")).filter(|c| c.text.trim() == "U") else {
        return;
    };
    w.array("extension", |w| {
        extension(
            w,
            "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ValueApproximation-1",
            |w| w.boolean("valueBoolean", true, code),
        );
    });
}

const INTERPRETATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// A line that states an interpretation in one word (`Interpretation(s): Abnormal`): its code and words, and the text
/// without the line.
fn plain_interpretation(text: &str) -> Option<(&'static str, &'static str, String)> {
    let stated = |line: &str| {
        let rest = line.trim().strip_prefix("Interpretation")?;
        let word = rest.strip_prefix("(s)").unwrap_or(rest).strip_prefix(':')?.trim().trim_end_matches('.');
        let words = [("A", "Abnormal"), ("N", "Normal"), ("H", "High"), ("L", "Low")];
        words.into_iter().find(|(_, words)| words.eq_ignore_ascii_case(word))
    };
    let (code, words) = text.lines().find_map(stated)?;
    let line = text.lines().position(|line| stated(line).is_some())?;
    let rest: Vec<&str> = text.lines().enumerate().filter(|(at, _)| *at != line).map(|(_, l)| l).collect();
    Some((code, words, rest.join("\n").trim().to_owned()))
}

/// An interpretation that a text states in so many words (`Interpretation: HI - Above high reference limit`), where
/// it is not coded: it moves from the note to its own element.
fn stated_interpretation(w: &mut Writer, statement: Element<'_>, notes: &mut [Note<'_>]) {
    if statement.child("interpretationCode").is_some() {
        return;
    }
    for note in notes.iter_mut() {
        if let Some((code, words, rest)) = plain_interpretation(&note.text) {
            w.array("interpretation", |w| {
                w.element(|w| {
                    w.array("coding", |w| {
                        w.element(|w| Coding::new(INTERPRETATION_SYSTEM, code, words).body(w, note.leaf));
                    });
                });
            });
            note.text = rest;
            return;
        }
    }
    for note in notes {
        let Some(rest) = note.text.strip_prefix("Interpretation: ") else { continue };
        let Some((code, rest)) = rest.split_once(" - ") else { continue };
        let Some(target) = INTERPRETATION.lookup(code) else { continue };
        let Some(after) = rest.strip_prefix(target.source_display) else { continue };
        let leaf = note.leaf;
        w.array("interpretation", |w| {
            w.element(|w| {
                w.array("coding", |w| {
                    w.element(|w| {
                        w.fixed("system", target.system);
                        w.string("code", target.code, leaf);
                        w.fixed("display", target.display);
                    });
                });
                w.string("text", &format!("{code} - {}", target.source_display), leaf);
            });
        });
        note.text = after.trim().to_owned();
        return;
    }
}

fn interpretation(w: &mut Writer, code: Element<'_>) {
    w.array("interpretation", |w| {
        w.element(|w| {
            if let Some(leaf) = code.attribute("code") {
                w.array("coding", |w| {
                    if let Some(target) = INTERPRETATION.lookup(leaf.text.trim()) {
                        w.element(|w| {
                            w.fixed("system", target.system);
                            w.string("code", target.code, leaf);
                            w.fixed("display", target.display);
                        });
                    }
                    w.element(|w| {
                        if let Some(system) = code.attribute("codeSystem") {
                            w.string("system", &systems::of_oid(system.text.trim()), system);
                        }
                        w.leaf("code", leaf);
                        w.leaf_opt("display", code.attribute("displayName"));
                    });
                });
            }
            w.leaf_opt("text", hl7::words(code));
        });
    });
}

/// Writes a group of observations.
pub(crate) fn group(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let notes = folded_notes(x, statement);
    c.resource_with("Observation", &statement.key, &markings.meta(Profile::Default), |w| {
        head(w, x, statement);
        category(w, x, number);
        match statement.element.child("code") {
            Some(code) => {
                write::concept(w, "code", code, "record-entry");
            }
            None => concept_fixed(w, "code", COMMENT),
        }
        subject(w, x, statement, None);
        when_and_who(w, x, statement);
        if let Some(specimen) = specimen_of(x, number) {
            w.reference("specimen", specimen, ());
        }
        write::notes(w, &notes);
        w.array("hasMember", |w| {
            for target in members(x, statement) {
                w.reference_element(target, ());
            }
        });
    });
}

/// The observations within a group, through clusters. Other resources can't be members in FHIR: they are in
/// the same consultation.
fn members<'x>(x: &'x Extract<'_>, statement: &Statement<'_>) -> Vec<&'x Ref> {
    let mut out = Vec::new();
    for child in &statement.children {
        let child = &x.statements[*child];
        match &child.target {
            Some(target) if target.kind == "Observation" => out.push(target),
            None if child.role == Role::Cluster => out.extend(members(x, child)),
            _ => {}
        }
    }
    out
}

/// Writes a blood pressure: one observation with two components.
pub(crate) fn blood_pressure(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let mut notes = folded_notes(x, statement);
    let parts: Vec<&Statement<'_>> =
        statement.children.iter().map(|n| &x.statements[*n]).filter(|s| s.role == Role::Component).collect();
    for part in &parts {
        notes.extend(annotation::texts(part.element).map(Note::of));
    }
    c.resource_with("Observation", &statement.key, &markings.meta(Profile::Default), |w| {
        head(w, x, statement);
        match statement.element.child("code") {
            Some(code) => {
                write::concept(w, "code", code, "record-entry");
            }
            None => concept_fixed(w, "code", COMMENT),
        }
        subject(w, x, statement, None);
        let element = statement.element;
        let own = ["effectiveTime", "availabilityTime"].iter().any(|t| hl7::states(element.child(t)));
        let stating = if own { Some(element) } else { parts.first().map(|p| p.element) };
        let time = stating.map_or(Effective::None, |e| hl7::effective(e, &x.zone));
        write::effective(w, "effective", time);
        write::instant(w, "issued", issued(x, statement), &x.zone);
        w.array("performer", |w| {
            for (agent, id) in x.performers(statement) {
                if let Some(who) = agent.anyone() {
                    w.reference_element(who, id);
                }
            }
        });
        let absent = absent_measurements(&parts, &mut notes);
        write::notes(w, &notes);
        w.array("component", |w| {
            for part in &parts {
                w.element(|w| component(w, part.element, &absent));
            }
        });
    });
}

/// Labels of a comment that says why one of the two values is absent (national adaptor).
const ABSENT: [&str; 2] = ["Systolic Measurement Absent: ", "Diastolic Measurement Absent: "];

/// Takes out of comments why a systolic and a diastolic value are absent.
fn absent_measurements<'d>(parts: &[&Statement<'d>], notes: &mut [Note<'d>]) -> [Option<Note<'d>>; 2] {
    let lacks = |diastolic: bool| {
        parts.iter().any(|p| {
            let code = p.element.child("code");
            p.element.child("value").is_none() && code.is_some_and(crate::assign::is_diastolic) == diastolic
        })
    };
    let lacking = [lacks(false), lacks(true)];
    if lacking == [false, false] {
        return [None, None];
    }
    let mut found = [None, None];
    for note in notes {
        let sections = annotation::sections(&note.text, &ABSENT);
        let mut rest = annotation::labelled(&sections, "").to_owned();
        for ((label, slot), lacking) in ABSENT.iter().zip(&mut found).zip(lacking) {
            let text = annotation::labelled(&sections, label);
            if !lacking {
                rest.push_str(if text.is_empty() { "" } else { label });
                rest.push_str(text);
                continue;
            }
            let (reason, after) = text.split_once([' ', ',', '\n']).unwrap_or((text, ""));
            if !reason.is_empty() {
                *slot = Some(Note::part(note.leaf, reason));
                rest.push_str(after);
            }
        }
        note.text = rest;
    }
    found
}

fn component(w: &mut Writer, part: Element<'_>, absent: &[Option<Note<'_>>; 2]) {
    // A component has no identifier; its id within the resource keeps the source's.
    if let Some(id) = hl7::guid(part) {
        w.leaf("id", id);
    }
    let code = part.child("code");
    if let Some(code) = code {
        write::concept(w, "code", code, "");
    }
    value(w, part);
    let diastolic = code.is_some_and(crate::assign::is_diastolic);
    let reason = if diastolic { &absent[1] } else { &absent[0] };
    if let Some(reason) = reason.as_ref().filter(|_| part.child("value").is_none()) {
        w.object("dataAbsentReason", |w| {
            if reason.text.eq_ignore_ascii_case("unknown") {
                w.array("coding", |w| {
                    w.element(|w| {
                        Coding::new(systems::DATA_ABSENT, "unknown", "Unknown").body(w, reason.leaf)
                    });
                });
            }
            w.string("text", &reason.text, reason.leaf);
        });
    }
}

/// First words of a line that one sender puts before a quick note: what kind of note it is.
const QUICK_NOTE: &str = "Quick Note Clinical Purpose:";

/// Writes a comment of its own.
pub(crate) fn comment(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    let mut purpose = None;
    let note = comment_note(x, statement).map(|mut note| {
        // The observation itself has this time.
        note.time = None;
        if let Some((first, rest)) = note.text.split_once('\n').filter(|(f, _)| f.starts_with(QUICK_NOTE)) {
            purpose = Some((first.trim_end().to_owned(), note.leaf));
            note.text = rest.trim().to_owned();
        }
        note
    });
    c.resource_with("Observation", &statement.key, &markings.meta(Profile::Default), |w| {
        head(w, x, statement);
        if let Some((purpose, leaf)) = &purpose {
            w.array("category", |w| {
                w.element(|w| w.string("text", purpose, *leaf));
            });
        }
        concept_fixed(w, "code", COMMENT);
        subject(w, x, statement, None);
        when_and_who(w, x, statement);
        write::notes(w, note.as_slice());
    });
}

/// Claims what a cluster says beside the result that stands for it.
pub(crate) fn cluster(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let element = x.statements[number].element;
    let own = ["id", "code", "statusCode", "effectiveTime", "availabilityTime"];
    for part in element.children().filter(|p| own.contains(&p.name())) {
        let items: Vec<_> = part.items().collect();
        c.claim(items, Outcome::Unsupported, "the heading around a single result; the result stands for it");
    }
    c.writer().mapped(element.attribute("classCode"));
}
