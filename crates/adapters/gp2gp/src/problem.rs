//! Problems: a link set names a statement as a problem and gathers what belongs to it.

use std::collections::HashMap;

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::types::{Coding, concept, concept_fixed, extension, ukcore_extension};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::annotation::{self, ProblemInfo};
use crate::codes::SNOMED_OID;
use crate::extract::{Extract, Kind, Statement};
use crate::hl7::{self, Effective};
use crate::role::Role;
use crate::write::Note;
use crate::{confidentiality, write};

/// Problems by their words, where the words name one problem only.
pub(crate) type Names = HashMap<String, Option<Ref>>;

/// Finds the words of every problem.
pub(crate) fn names(x: &Extract<'_>) -> Names {
    let mut names = Names::new();
    for statement in x.statements.iter().filter(|s| s.role == Role::Problem) {
        let Some(target) = &statement.target else { continue };
        let Some(words) = named(x, statement).and_then(|n| problem_code(n.element)).and_then(hl7::words)
        else {
            continue;
        };
        names
            .entry(words.text.trim().to_owned())
            .and_modify(|found| *found = None)
            .or_insert_with(|| Some(target.clone()));
    }
    names
}

fn named<'x, 'd>(x: &'x Extract<'d>, link_set: &Statement<'d>) -> Option<&'x Statement<'d>> {
    let id = link_set.element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid)?;
    x.by_id.get(&hl7::key(id.text)).map(|n| &x.statements[*n])
}

/// The code of a statement, or for a medicine that of what is given.
fn problem_code<'d>(element: Element<'d>) -> Option<Element<'d>> {
    element
        .child("code")
        .or_else(|| element.path(&["consumable", "manufacturedProduct", "manufacturedMaterial", "code"]))
}

/// Writes one `Condition`.
pub(crate) fn problem(c: &mut Composer<'_>, x: &Extract<'_>, names: &Names, number: usize) {
    let statement = &x.statements[number];
    let element = statement.element;
    let id = element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid);
    let found = named(x, statement);
    if found.is_none()
        && let Some(id) = id
    {
        let issue = Issue::new(
            Severity::Warning,
            IssueCode::NotFound,
            "problem-name-not-found",
            "the link set names a statement that is not in the extract, so the problem has no code",
        );
        c.issue_at(id.id, issue);
    }
    let mut markings = confidentiality::of_statement(x, number);
    if let Some(found) = found {
        markings.add(found.element);
    }
    let text = found.and_then(|f| problem_text(f.element));
    let info = text.map(|(_, text)| annotation::problem_info(text)).unwrap_or_default();
    let leaf = text.map(|(leaf, _)| leaf);
    c.resource_with("Condition", &statement.key, &markings.meta(Profile::Default), |w| {
        w.array("extension", |w| extensions(w, x, names, statement, found, (&info, leaf)));
        write::identifiers(w, &x.ids, element);
        clinical_status(w, element);
        concept_fixed(
            w,
            "verificationStatus",
            Coding::new(systems::CONDITION_VERIFICATION, "unconfirmed", "Unconfirmed"),
        );
        w.array("category", |w| {
            w.element(|w| {
                w.array("coding", |w| {
                    w.element(|w| {
                        Coding::new(systems::CONDITION_CATEGORY, "problem-list-item", "Problem List Item")
                            .body(w, ());
                    });
                });
            });
        });
        if let Some(code) = found.and_then(|f| problem_code(f.element)) {
            write::concept(w, "code", code, "record-entry");
        }
        w.reference("subject", &x.patient, ());
        encounter(w, x, statement, found);
        dates(w, x, element);
        people(w, x, statement);
        let mut notes = Vec::new();
        if let Some(leaf) = leaf.filter(|_| !info.notes.is_empty()) {
            notes.push(Note::part(leaf, info.notes));
        }
        write::notes(w, &notes);
    });
}

/// What the named statement's text says of the problem.
fn problem_text<'d>(element: Element<'d>) -> Option<(Leaf<'d>, &'d str)> {
    annotation::texts(element)
        .find_map(|leaf| annotation::split_problem(leaf.text).1.map(|text| (leaf, text)))
}

fn clinical_status(w: &mut Writer, element: Element<'_>) {
    let Some(code) = element.child("code") else { return };
    let leaf = code.attribute("code");
    let status = match leaf.map_or("", |l| l.text.trim()) {
        "394774009" => "active",
        "394775005" => "inactive",
        _ => return,
    };
    concept(w, "clinicalStatus", Coding::new(systems::CONDITION_CLINICAL, status, ""), leaf);
}

fn encounter(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>, found: Option<&Statement<'_>>) {
    // The consultation that the link set stands in, or else the one in which the problem was entered.
    let own = x.encounter(statement);
    if let Some(encounter) =
        own.or_else(|| found.and_then(|f| x.compositions[f.composition].encounter.as_ref()))
    {
        w.reference("encounter", encounter, ());
    }
}

fn dates(w: &mut Writer, x: &Extract<'_>, element: Element<'_>) {
    let times = element.child("effectiveTime");
    let interval = hl7::interval(times, &x.zone);
    let unknown = times
        .into_iter()
        .flat_map(Element::children)
        .filter(|t| matches!(t.name(), "low" | "center"))
        .find_map(|t| t.attribute("nullFlavor").filter(|n| n.text.trim() == "UNK"));
    match (interval.start(), unknown) {
        (Some(start), _) => write::moment(w, "onsetDateTime", start),
        // The source says that the onset is not known: the time of entry is not one.
        (None, Some(unknown)) => w.mapped(unknown),
        (None, None) => {
            if let Some(time) = hl7::child_time(element, "availabilityTime", &x.zone) {
                write::moment(w, "onsetDateTime", time);
            }
        }
    }
    if let Effective::Between(_, Some(end)) = interval {
        write::moment(w, "abatementDateTime", end);
    }
    if let Some(time) = hl7::child_time(element, "availabilityTime", &x.zone) {
        write::moment(w, "recordedDate", time);
    }
}

fn people(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    let author = x.compositions[statement.composition].element.child("author").and_then(|a| x.agent(a));
    if let Some((agent, id)) = author
        && let Some(who) = agent.individual()
    {
        w.reference("recorder", who, id);
    }
    if let Some((agent, id)) = x.performers(statement).into_iter().next()
        && let Some(who) = agent.individual()
    {
        w.reference("asserter", who, id);
    }
}

fn extensions(
    w: &mut Writer,
    x: &Extract<'_>,
    names: &Names,
    statement: &Statement<'_>,
    found: Option<&Statement<'_>>,
    (info, leaf): (&ProblemInfo<'_>, Option<Leaf<'_>>),
) {
    let element = statement.element;
    let named = element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid);
    let refs: Vec<Leaf<'_>> = element
        .children_named("component")
        .flat_map(|c| c.children_named("statementRef"))
        .filter_map(hl7::guid)
        .collect();
    let actual = actual_problem(x, found, &refs);
    if let Some((target, from)) = actual {
        extension(w, &ukcore_extension("ActualProblem"), |w| {
            w.reference("valueReference", target, (named, from));
        });
    } else {
        w.mapped(named.filter(|_| found.is_some()));
    }
    significance(w, element);
    let mut content: Vec<(&Ref, Leaf<'_>)> = Vec::new();
    for leaf in refs {
        let Some(target) = x.resource(leaf.text) else { continue };
        if actual.is_some_and(|(a, _)| a == target) {
            continue;
        }
        content.push((target, leaf));
    }
    for (target, leaf) in content {
        if target.kind == "Condition" {
            related(w, "", target, leaf);
        } else {
            extension(w, &ukcore_extension("RelatedClinicalContent"), |w| {
                w.reference("valueReference", target, leaf);
            });
        }
    }
    if let Some(leaf) = leaf {
        for words in &info.related {
            related_words(w, names, words, leaf);
        }
    }
    if let Some(found) = found {
        episode(w, found.element);
    }
}

/// The entry that is the problem: the named statement, or where that only repeats a name, the first statement
/// of the link set with the same words, else the first that is no observation.
fn actual_problem<'x, 'l>(
    x: &'x Extract<'_>,
    found: Option<&'x Statement<'_>>,
    refs: &[Leaf<'l>],
) -> Option<(&'x Ref, Option<Leaf<'l>>)> {
    let found = found?;
    if found.role != Role::ProblemName {
        let target = match found.kind {
            Kind::Medication => hl7::guid(found.element).and_then(|id| x.resource(id.text)),
            _ => found.target.as_ref(),
        };
        return target.map(|target| (target, None));
    }
    let words = found.element.child("code").and_then(hl7::words).map_or("", |l| l.text.trim());
    let start = hl7::effective(found.element, &x.zone).start().map(|t| t.when.earliest());
    let candidates: Vec<(&Leaf<'l>, &Statement<'_>)> = refs
        .iter()
        .filter_map(|leaf| x.by_id.get(&hl7::key(leaf.text)).map(|n| (leaf, &x.statements[*n])))
        .collect();
    let same_words = |s: &Statement<'_>| {
        s.element.child("code").is_some_and(|code| {
            [hl7::original_text(code), code.attribute("displayName")]
                .into_iter()
                .flatten()
                .any(|l| l.text.trim() == words)
        })
    };
    let same_time =
        |s: &Statement<'_>| hl7::effective(s.element, &x.zone).start().map(|t| t.when.earliest()) == start;
    let best = candidates
        .iter()
        .find(|(_, s)| same_words(s) && same_time(s))
        .or_else(|| candidates.iter().find(|(_, s)| same_words(s)))
        .or_else(|| candidates.iter().find(|(_, s)| matches!(s.role, Role::Allergy | Role::Immunisation)));
    best.and_then(|(leaf, s)| s.target.as_ref().map(|target| (target, Some(**leaf))))
}

fn significance(w: &mut Writer, element: Element<'_>) {
    let names = element.path(&["code"]).into_iter().flat_map(|c| c.children_named("qualifier"));
    let codes = names
        .filter_map(|q| q.child("name"))
        .filter(|n| n.attribute("codeSystem").is_none_or(|s| s.text.trim() == SNOMED_OID));
    for leaf in codes.filter_map(|n| n.attribute("code")) {
        let code = match leaf.text.trim() {
            "386134007" => "major",
            _ => "minor",
        };
        extension(w, &ukcore_extension("ProblemSignificance"), |w| w.string("valueCode", code, leaf));
        return;
    }
}

fn related(w: &mut Writer, kind: &str, target: &Ref, leaf: Leaf<'_>) {
    w.element(|w| {
        w.array("extension", |w| {
            if !kind.is_empty() {
                extension(w, "type", |w| w.string("valueCode", kind, leaf));
            }
            extension(w, "target", |w| w.reference("valueReference", target, leaf));
        });
        w.fixed("url", &ukcore_extension("RelatedProblemHeader"));
    });
}

/// `Parent of X`, `Child of X`, `Sibling of X`: how this problem relates to one known by its words.
fn related_words(w: &mut Writer, names: &Names, words: &str, leaf: Leaf<'_>) {
    let (kind, name) = words.split_once(" of ").unwrap_or(("", words));
    let kind = match kind.trim() {
        "Parent" => "parent",
        "Child" => "child",
        "Sibling" => "sibling",
        _ => "",
    };
    let name = if kind.is_empty() { words } else { name };
    if let Some(Some(target)) = names.get(name.trim()) {
        related(w, kind, target, leaf);
        return;
    }
    w.element(|w| {
        w.array("extension", |w| {
            if !kind.is_empty() {
                extension(w, "type", |w| w.string("valueCode", kind, leaf));
            }
            extension(w, "target", |w| {
                w.object("valueReference", |w| w.string("display", name.trim(), leaf));
            });
        });
        w.fixed("url", &ukcore_extension("RelatedProblemHeader"));
    });
}

/// Episodicity, which senders put as a qualifier on the named statement's code.
fn episode(w: &mut Writer, named: Element<'_>) {
    let Some(code) = problem_code(named) else { return };
    for name in code.children_named("qualifier").filter_map(|q| q.child("name")) {
        extension(w, &ukcore_extension("ConditionEpisode"), |w| {
            write::concept(w, "valueCodeableConcept", name, "");
        });
    }
}
