//! Problems: a link set names a statement as a problem and gathers what belongs to it.

use std::collections::HashMap;

use causeway_adapter::{Composer, Profile};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity, common};
use causeway_fhir::types::{
    Coding, concept, concept_body, extension, left_out_end, no_end, ukcore_extension,
};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::annotation::{self, ProblemInfo};
use crate::extract::{Extract, Kind, Statement};
use crate::hl7::{self, Effective};
use crate::qualifier::significance;
use crate::role::Role;
use crate::write::Note;
use crate::{confidentiality, rules, write};

/// Extension for the end date of a problem whose status says that it has none.
const STATED_END: &str = "https://fhir.causeway.example/StructureDefinition/stated-end-date";

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

/// Notes at every entry that is a problem which link set makes it one.
pub(crate) fn note_entries(x: &mut Extract<'_>) {
    for number in 0..x.statements.len() {
        if x.statements[number].role != Role::Problem {
            continue;
        }
        let statement = &x.statements[number];
        let refs = component_refs(statement.element);
        let held: Vec<usize> =
            refs.iter().filter_map(|id| x.by_id.get(&hl7::key(id.text))).copied().collect();
        for held in held.into_iter().filter(|h| x.statements[*h].role == Role::Problem) {
            x.holders.entry(held).or_default().push(number);
        }
        let statement = &x.statements[number];
        let entry = named(x, statement).and_then(|found| match found.role {
            Role::ProblemName => best_entry(x, found, &refs).map(|(_, entry)| entry),
            _ => hl7::guid(found.element).and_then(|id| x.by_id.get(&hl7::key(id.text))).copied(),
        });
        if let Some(entry) = entry {
            x.statements[entry].noted.get_or_insert(number);
        }
    }
}

fn component_refs<'d>(link_set: Element<'d>) -> Vec<Leaf<'d>> {
    let refs = link_set.children_named("component").flat_map(|c| c.children_named("statementRef"));
    refs.filter_map(hl7::guid).collect()
}

/// Claims what makes a statement the mere name of a problem.
pub(crate) fn name(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let element = x.statements[number].element;
    let texts: Vec<Leaf<'_>> = annotation::texts(element).collect();
    c.writer().mapped((hl7::guid(element), texts));
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
        markings.add(&found.marks);
    }
    let text = found.and_then(|f| problem_text(f.element));
    let info = text.map(|(_, text)| annotation::problem_info(text)).unwrap_or_default();
    let leaf = text.map(|(leaf, _)| leaf);
    c.resource_with("Condition", &statement.key, &markings.meta(Profile::Default), |w| {
        w.array("extension", |w| extensions(w, x, names, statement, found, (&info, leaf)));
        write::identifiers(w, &x.ids, element);
        let error = x.nullified(statement).or_else(|| found.and_then(|f| x.nullified(f)));
        match error {
            Some(leaf) => {
                let system = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
                let error = Coding::new(system, "entered-in-error", "Entered in Error");
                concept(w, "verificationStatus", error, leaf);
            }
            None => clinical_status(w, x, element),
        }
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
        match (leaf, found) {
            (Some(leaf), _) => notes.push(Note::part(leaf, info.notes)),
            // Without a part of its own for the problem, the entry's text is the problem's.
            (None, Some(found)) => notes.extend(annotation::texts(found.element).map(Note::of)),
            _ => {}
        }
        write::notes(w, &notes);
    });
}

/// What the named statement's text says of the problem.
fn problem_text<'d>(element: Element<'d>) -> Option<(Leaf<'d>, &'d str)> {
    annotation::texts(element)
        .find_map(|leaf| annotation::split_problem(leaf.text).1.map(|text| (leaf, text)))
}

/// The end of a problem, where it has a possible one.
fn ended<'d>(x: &Extract<'d>, element: Element<'d>) -> Option<hl7::Time<'d>> {
    let interval = hl7::interval(element.child("effectiveTime"), &x.zone);
    let Effective::Between(start, Some(end)) = interval else { return None };
    Some(end).filter(|end| no_end(start.map(|s| s.when).as_ref(), &end.when).is_none())
}

/// Whether the status says that the problem is active.
fn is_active(element: Element<'_>) -> bool {
    element.child("code").and_then(|c| c.attribute("code")).is_some_and(|c| c.text.trim() == "394774009")
}

fn clinical_status(w: &mut Writer, x: &Extract<'_>, element: Element<'_>) {
    let end = ended(x, element);
    let Some(code) = element.child("code") else { return ended_status(w, end) };
    let leaf = code.attribute("code");
    let status = match leaf.map_or("", |l| l.text.trim()) {
        "394774009" => "active",
        "394775005" => "inactive",
        // Unspecified: the problem's end, or that it has none, says it.
        "394776006" if end.is_some() => "inactive",
        "394776006" => "active",
        _ => return ended_status(w, end),
    };
    w.object("clinicalStatus", |w| {
        concept_body(w, Coding::new(systems::CONDITION_CLINICAL, status, ""), leaf);
        w.leaf_opt("text", hl7::words(code));
    });
}

/// A problem that is over is not active, whatever is not said of its status (R4, con-4).
fn ended_status(w: &mut Writer, end: Option<hl7::Time<'_>>) {
    if let Some(end) = end {
        let inactive = Coding::new(systems::CONDITION_CLINICAL, "inactive", "");
        w.object("clinicalStatus", |w| concept_body(w, inactive, end.leaf));
    }
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
        (Some(start), _) if start.when.is_sentinel() => {
            w.issue(Some(start.leaf.id), common::START_SENTINEL.issue());
            w.claim(start.leaf, Outcome::Withheld, "no possible onset, so it was held back");
        }
        (Some(start), _) => write::moment(w, "onsetDateTime", start),
        // The source says that the onset is not known: the time of entry is not one.
        (None, Some(unknown)) => {
            // Said otherwise, the time of entry would stand in for it.
            if !hl7::states(times) && hl7::child_time(element, "availabilityTime", &x.zone).is_some() {
                w.mapped(unknown);
            }
        }
        (None, None) if hl7::states(times) => {}
        (None, None) => {
            if let Some(time) = hl7::child_time(element, "availabilityTime", &x.zone) {
                write::moment(w, "onsetDateTime", time);
            }
        }
    }
    if let Effective::Between(start, Some(end)) = interval
        && !left_out_end(w, start.map(|s| s.when).as_ref(), &end.when, &end.leaf)
        && !is_active(element)
    {
        write::moment(w, "abatementDateTime", end);
    }
    if let Some(time) = hl7::child_time(element, "availabilityTime", &x.zone) {
        write::moment(w, "recordedDate", time);
    }
}

fn people(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    let author = x.compositions[statement.composition].author.and_then(|a| x.agent(a));
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
    let refs = component_refs(element);
    let actual = actual_problem(x, found, &refs);
    if let Some((target, from)) = actual {
        // The profile allows only some kinds as the actual problem; others are related content.
        let name = match target.kind {
            "Observation" | "AllergyIntolerance" | "Condition" => "ActualProblem",
            _ => "RelatedClinicalContent",
        };
        extension(w, &ukcore_extension(name), |w| {
            w.reference("valueReference", target, (named, from));
        });
    } else {
        w.mapped(named.filter(|_| found.is_some()));
    }
    if let Some(end) = ended(x, element).filter(|_| is_active(element)) {
        w.issue(Some(end.leaf.id), rules::ACTIVE_ENDED.issue());
        extension(w, STATED_END, |w| write::moment(w, "valueDateTime", end));
    }
    if let Some((code, leaf)) = significance(element) {
        extension(w, &ukcore_extension("ProblemSignificance"), |w| w.string("valueCode", code, leaf));
    }
    let mut content: Vec<(&Ref, Leaf<'_>)> = Vec::new();
    for leaf in refs {
        let Some(target) = x.resource(leaf.text) else { continue };
        if actual.is_some_and(|(a, _)| a == target) {
            continue;
        }
        content.push((target, leaf));
        // A heading stands for what is within it.
        let heading = x.by_id.get(&hl7::key(leaf.text)).map(|n| &x.statements[*n]);
        w.mapped(heading.filter(|h| h.target.is_none()).and_then(|h| hl7::guid(h.element)));
    }
    for (target, leaf) in content {
        if target.kind == "Condition" {
            related(w, "child", target, leaf);
        } else {
            extension(w, &ukcore_extension("RelatedClinicalContent"), |w| {
                w.reference("valueReference", target, leaf);
            });
        }
    }
    held_by(w, x, statement);
    if let Some(leaf) = leaf {
        for words in &info.related {
            related_words(w, names, words, leaf);
        }
    }
    if let Some(found) = found {
        topic_content(w, x, statement, found, actual.map(|(target, _)| target));
        episode(w, found.element);
    }
}

/// What the consultation's topics of this problem hold, with the consultation and the topic themselves.
fn topic_content(
    w: &mut Writer,
    x: &Extract<'_>,
    statement: &Statement<'_>,
    found: &Statement<'_>,
    actual: Option<&Ref>,
) {
    let Some(own) = &statement.target else { return };
    let Some(code) = found.element.child("code").and_then(|c| c.attribute("code")) else { return };
    // Where several problems have the code, its topics can't be told apart.
    if x.problem_of_code(code.text.trim()) != Some(own) {
        return;
    }
    for topic in x.topics.get(code.text.trim()).into_iter().flatten() {
        let topic = &x.statements[*topic];
        let within = x.descendants(topic).into_iter().filter_map(|n| x.statements[n].target.as_ref());
        let entries = within.filter(|t| !matches!(t.kind, "List" | "Condition") && Some(*t) != actual);
        let around = x.encounter(topic).into_iter().chain(&topic.target);
        let from = topic.element.child("code").and_then(|c| c.attribute("code"));
        for target in around.chain(entries) {
            extension(w, &ukcore_extension("RelatedClinicalContent"), |w| {
                w.reference("valueReference", target, from);
            });
        }
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
    best_entry(x, found, refs)
        .and_then(|(leaf, entry)| x.statements[entry].target.as_ref().map(|target| (target, Some(leaf))))
}

/// The entry that a problem's name stands for, among those that its link set refers to.
fn best_entry<'l>(x: &Extract<'_>, name: &Statement<'_>, refs: &[Leaf<'l>]) -> Option<(Leaf<'l>, usize)> {
    let words = name.element.child("code").and_then(hl7::words).map_or("", |l| l.text.trim());
    let start = hl7::effective(name.element, &x.zone).start().map(|t| t.when.earliest());
    let candidates: Vec<(Leaf<'l>, usize)> =
        refs.iter().filter_map(|leaf| x.by_id.get(&hl7::key(leaf.text)).map(|n| (*leaf, *n))).collect();
    let same_words = |n: usize| {
        x.statements[n].element.child("code").is_some_and(|code| {
            let both = [hl7::original_text(code), code.attribute("displayName")];
            both.into_iter().flatten().any(|l| l.text.trim() == words)
        })
    };
    let same_time = |n: usize| {
        let element = x.statements[n].element;
        hl7::effective(element, &x.zone).start().map(|t| t.when.earliest()) == start
    };
    let kinds = |n: usize| matches!(x.statements[n].role, Role::Allergy | Role::Immunisation);
    candidates
        .iter()
        .find(|(_, n)| same_words(*n) && same_time(*n))
        .or_else(|| candidates.iter().find(|(_, n)| same_words(*n)))
        .or_else(|| candidates.iter().find(|(_, n)| kinds(*n)))
        .copied()
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

/// The problems that hold this one.
fn held_by(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    let own = hl7::guid(statement.element).map(|id| hl7::key(id.text));
    let number = own.and_then(|key| x.by_id.get(&key));
    for holder in number.and_then(|n| x.holders.get(n)).into_iter().flatten() {
        let holder = &x.statements[*holder];
        if let Some(target) = &holder.target {
            let refs = component_refs(holder.element);
            let from = refs.into_iter().find(|id| x.resource(id.text) == statement.target.as_ref());
            w.element(|w| {
                w.array("extension", |w| {
                    extension(w, "type", |w| w.string("valueCode", "parent", from));
                    extension(w, "target", |w| w.reference("valueReference", target, from));
                });
                w.fixed("url", &ukcore_extension("RelatedProblemHeader"));
            });
        }
    }
}

/// `Parent of X`, `Child of X`, `Sibling of X`: how this problem relates to one known by its words. The type
/// says what the other one is to this.
fn related_words(w: &mut Writer, names: &Names, words: &str, leaf: Leaf<'_>) {
    let (kind, name) = words.split_once(" of ").unwrap_or(("", words));
    let kind = match kind.trim() {
        "Parent" => "child",
        "Child" => "parent",
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
    for name in code.children_named("qualifier").filter_map(crate::qualifier::episodicity) {
        extension(w, &ukcore_extension("ConditionEpisode"), |w| {
            write::concept(w, "valueCodeableConcept", name, "");
        });
    }
}
