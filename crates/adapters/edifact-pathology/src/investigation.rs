//! Investigations (INV): batteries and results become Observations.

use std::collections::{HashMap, HashSet};

use causeway_adapter::{Composer, Meta};
use std::borrow::Cow;

use causeway_core::{IssueCode, ItemId, Leaf, Outcome, common};
use causeway_edifact::View;
use causeway_fhir::writer::ordered;
use causeway_fhir::{Ref, Writer, systems, types};

use crate::codes::{
    COMPARATOR, Coded, decimal, interpretation, quantity, source_codes, status, unit, unknown_code, warning,
};
use crate::message::{self, Investigation, ReferenceRange, Report};
use crate::rules;
use crate::specimen::Specimens;

/// What every Observation of a report refers to.
pub(crate) struct Around<'a, 's> {
    pub report: &'a Report<'s>,
    pub reference: &'a str,
    pub patient: &'a Ref,
    pub performers: &'a [Ref],
    pub specimens: &'a Specimens<'s>,
    /// Decimal mark of the interchange.
    pub mark: u8,
}

/// How results hang together: which specimen each is of, and which battery it belongs to.
#[derive(Default)]
struct Links<'s> {
    /// For each investigation its specimen, with the items that say so.
    specimen: Vec<Option<(Ref, [Option<Leaf<'s>>; 3])>>,
    /// For each investigation the battery that it belongs to.
    parent: Vec<Option<usize>>,
    /// For each investigation its members, with the items that say so.
    members: Vec<Vec<(usize, [Option<Leaf<'s>>; 3])>>,
    /// References to a specimen or battery that is not there.
    dangling: HashSet<ItemId>,
}

/// Levels of batteries within batteries that a specimen is looked for.
const BATTERY_DEPTH_MAX: usize = 8;

/// Writes all Observations, in source order.
pub(crate) fn write(c: &mut Composer<'_>, around: &Around<'_, '_>) -> Vec<Ref> {
    let investigations = &around.report.investigations;
    let keys = keys(investigations, around.reference);
    let targets: Vec<Ref> = keys.iter().map(|key| c.reference("Observation", key)).collect();
    let links = links(c, around);
    for (index, investigation) in investigations.iter().enumerate() {
        let key = keys.get(index).map_or("", String::as_str);
        let sender = &c.context.sender.code;
        let Some(target) = targets.get(index).cloned() else { continue };
        c.resource_at(target, key, &Meta::default(), |w| {
            one(w, around, investigation, index, &links, &targets, sender);
        });
    }
    targets
}

/// The source's names of the investigations: the report, the code or words, and which of its namesakes it is.
fn keys(investigations: &[Investigation<'_>], reference: &str) -> Vec<String> {
    let mut seen: HashMap<&str, u32> = HashMap::with_capacity(investigations.len());
    let mut keys = Vec::with_capacity(investigations.len());
    for investigation in investigations {
        let code = investigation.inv.text(2, 1).trim();
        let name = if code.is_empty() { investigation.inv.text(2, 4).trim() } else { code };
        let count = seen.entry(name).or_default();
        *count += 1;
        keys.push(format!("{reference}|{name}|{count}"));
    }
    keys
}

fn links<'s>(c: &mut Composer<'_>, around: &Around<'_, 's>) -> Links<'s> {
    let investigations = &around.report.investigations;
    let mut numbered: HashMap<&str, (usize, Leaf<'s>)> = HashMap::new();
    for (index, investigation) in investigations.iter().enumerate() {
        if let Some(sequence) = investigation.sequence.filter(|l| !l.is_blank()) {
            if numbered.contains_key(sequence.text.trim()) {
                let text = "two investigations have the same sequence number; results belong to the first";
                let issue = warning(IssueCode::Duplicate, "investigation-sequence-repeated", text);
                c.issue_at(sequence.id, issue);
            } else {
                numbered.insert(sequence.text.trim(), (index, sequence));
            }
        }
    }
    let count = investigations.len();
    let mut links = Links {
        specimen: vec![None; count],
        parent: vec![None; count],
        members: vec![Vec::new(); count],
        dangling: HashSet::new(),
    };
    for (index, investigation) in investigations.iter().enumerate() {
        for rff in &investigation.references {
            let (qualifier, Some(value)) = (rff.get(1, 1), rff.get(1, 2)) else { continue };
            let wanted = value.text.trim();
            let found = match rff.text(1, 1).trim() {
                "ASL" => around.specimens.numbered(wanted).map(|(target, sequence)| {
                    let from = [qualifier, Some(value), Some(*sequence)];
                    set(&mut links.specimen, index, (target.clone(), from));
                }),
                "ARL" => {
                    numbered.get(wanted).filter(|(parent, _)| *parent != index).map(|(parent, sequence)| {
                        set(&mut links.parent, index, *parent);
                        if let Some(members) = links.members.get_mut(*parent) {
                            members.push((index, [qualifier, Some(value), Some(*sequence)]));
                        }
                    })
                }
                _ => continue,
            };
            if found.is_none() {
                links.dangling.insert(value.id);
                let text = "a result refers to a specimen or battery that the message does not hold";
                c.issue_at(value.id, warning(IssueCode::NotFound, "sequence-not-found", text));
            }
        }
    }
    links
}

fn set<T>(list: &mut [Option<T>], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = Some(value);
    }
}

impl<'s> Links<'s> {
    /// The specimen of a result: its own, or that of the battery it belongs to.
    fn specimen_of(&self, index: usize) -> Option<(&Ref, [Option<Leaf<'s>>; 3])> {
        let mut at = index;
        for _ in 0..BATTERY_DEPTH_MAX {
            if let Some(Some((target, from))) = self.specimen.get(at) {
                return Some((target, *from));
            }
            at = (*self.parent.get(at)?)?;
        }
        None
    }
}

fn one(
    w: &mut Writer,
    around: &Around<'_, '_>,
    investigation: &Investigation<'_>,
    index: usize,
    links: &Links<'_>,
    targets: &[Ref],
    sender: &str,
) {
    identifiers(w, investigation, &links.dangling, sender);
    let own = investigation.status.filter(|l| !l.is_blank());
    let whole = around.report.status.filter(|l| !matches!(l.text.trim(), "" | "UN"));
    status(w, own.or(whole));
    Coded::read(&investigation.inv, 2, 1).write(w, "code");
    w.reference("subject", around.patient, ());
    w.array("performer", |w| {
        for performer in around.performers {
            w.reference_element(performer, ());
        }
    });
    let text_is_value = value(w, investigation, around.mark);
    if let Some(leaf) = investigation.result.as_ref().and_then(|rsl| rsl.get(5, 1)) {
        interpretation(w, leaf);
    }
    w.array("note", |w| {
        for ftx in &investigation.texts {
            let kind = ftx.get(1, 1);
            match kind.map_or("", |l| l.text.trim()) {
                "CRR" => continue,
                "RIT" if text_is_value => continue,
                "RIT" => w.mapped(kind),
                _ => w.claim(kind, Outcome::Structural, ""),
            }
            let (text, from) = message::text(ftx);
            w.element(|w| w.string("text", &text, from));
        }
    });
    if let Some((specimen, from)) = links.specimen_of(index) {
        w.reference("specimen", specimen, from.as_slice());
    }
    w.array("referenceRange", |w| {
        for range in &investigation.ranges {
            w.element(|w| reference_range(w, range, around.mark));
        }
        for ftx in investigation.texts.iter().filter(|ftx| ftx.text(1, 1).trim() == "CRR") {
            let (text, from) = message::text(ftx);
            w.element(|w| w.string("text", &text, (from, ftx.get(1, 1))));
        }
    });
    w.array("hasMember", |w| {
        for (member, from) in links.members.get(index).into_iter().flatten() {
            if let Some(target) = targets.get(*member) {
                w.reference_element(target, from.as_slice());
            }
        }
    });
}

/// References other than those that link results (RFF with any other qualifier), and those that lead nowhere.
fn identifiers(w: &mut Writer, investigation: &Investigation<'_>, dangling: &HashSet<ItemId>, sender: &str) {
    w.array("identifier", |w| {
        for rff in &investigation.references {
            let (qualifier, Some(value)) = (rff.get(1, 1), rff.get(1, 2)) else { continue };
            let name = qualifier.map_or("", |l| l.text.trim());
            if matches!(name, "ASL" | "ARL") && !dangling.contains(&value.id) || value.is_blank() {
                continue;
            }
            w.element(|w| {
                let name = format!("result-{}", name.to_ascii_lowercase());
                w.string("system", &systems::local(sender, &name), qualifier);
                w.leaf("value", value);
            });
        }
    });
}

/// Writes `value[x]`: the result (RSL), or else the result's text (FTX+RIT). Returns whether the text was it.
fn value(w: &mut Writer, investigation: &Investigation<'_>, mark: u8) -> bool {
    if let Some(rsl) = &investigation.result
        && result(w, rsl, mark)
    {
        return false;
    }
    let mut text = String::new();
    let mut from = Vec::new();
    for ftx in investigation.texts.iter().filter(|ftx| ftx.text(1, 1).trim() == "RIT") {
        let (lines, leaves) = message::text(ftx);
        if !text.is_empty() && !lines.is_empty() {
            text.push('\n');
        }
        text.push_str(&lines);
        from.extend(leaves);
        from.extend(ftx.get(1, 1));
    }
    if !text.is_empty() {
        w.string("valueString", &text, from);
        return true;
    }
    if investigation.result.is_some() {
        let coding = types::Coding::new(systems::DATA_ABSENT, "unknown", "Unknown");
        types::concept_fixed(w, "dataAbsentReason", coding);
    }
    false
}

/// RSL: NV is a number with comparator and unit (or two numbers, a range), CV a code. `false` where it is empty.
fn result(w: &mut Writer, rsl: &View<'_>, mark: u8) -> bool {
    let kind = rsl.get(1, 1);
    let filled = |element: u8, component: u8| rsl.get(element, component).filter(|l| !l.is_blank());
    match kind.map_or("", |l| l.text.trim()) {
        "CV" => {
            let coded = Coded::read(rsl, 2, 3);
            if !coded.is_empty() {
                coded.write(w, "valueCodeableConcept");
                w.mapped(kind);
                return true;
            }
        }
        "NV" => {
            let Some(value) = filled(2, 1) else {
                w.claim(kind, Outcome::Structural, "");
                return false;
            };
            w.mapped(kind);
            numeric(w, rsl, value, filled(2, 2), filled(3, 1), mark);
            return true;
        }
        _ => {
            if let Some(kind) = kind {
                unknown_code(w, kind);
            }
        }
    }
    let Some(value) = filled(2, 1) else { return false };
    as_text(w, value, unit(rsl, 4), &[kind, filled(2, 2)]);
    true
}

fn numeric(
    w: &mut Writer,
    rsl: &View<'_>,
    value: Leaf<'_>,
    significance: Option<Leaf<'_>>,
    upper: Option<Leaf<'_>>,
    mark: u8,
) {
    let unit = unit(rsl, 4);
    let (inline, digits) = comparator_within(value.text.trim());
    let Some(number) = decimal(digits, mark) else {
        w.issue(Some(value.id), rules::VALUE_TYPE.issue());
        return as_text(w, value, unit, &[significance]);
    };
    let coded = significance.map(|leaf| (leaf, COMPARATOR.row(leaf.text.trim())));
    match (coded, inline, upper) {
        (None, None, Some(upper)) if decimal(upper.text, mark).is_some() => {
            let high = decimal(upper.text, mark).unwrap_or_default();
            if !ordered(&number, &high) {
                w.issue(Some(upper.id), common::RANGE_REVERSED.issue());
                let unit_text = unit.map_or(String::new(), |unit| format!(" {}", unit.text.trim()));
                let words = format!("{} - {}{unit_text}", value.text.trim(), upper.text.trim());
                return w.string("valueString", &words, ([value, upper], unit));
            }
            w.object("valueRange", |w| {
                w.object("low", |w| quantity(w, &number, value, unit));
                w.object("high", |w| quantity(w, &high, upper, unit));
            });
        }
        (None, None, _) => {
            w.object("valueQuantity", |w| quantity(w, &number, value, unit));
        }
        (None, Some(sign), _) => {
            w.object("valueQuantity", |w| {
                quantity(w, &number, value, unit);
                w.fixed("comparator", sign);
            });
        }
        (Some((leaf, Some(row))), None, _) => {
            w.object("valueQuantity", |w| {
                quantity(w, &number, value, unit);
                w.string("comparator", row.code, leaf);
                w.mapped(leaf);
            });
        }
        // A number whose comparator is not understood must not look like a plain number.
        (Some((leaf, _)), ..) => {
            as_text(w, value, unit, &[Some(leaf)]);
            unknown_code(w, leaf);
        }
    }
}

/// A comparator that stands within the value, as some laboratories write it.
fn comparator_within(text: &str) -> (Option<&'static str>, &str) {
    let signs = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];
    for (sign, code) in signs {
        if let Some(rest) = text.strip_prefix(sign) {
            return (Some(code), rest.trim_start());
        }
    }
    (None, text)
}

/// A value that is no number: its text with its unit; codes that are not understood beside it.
fn as_text(w: &mut Writer, value: Leaf<'_>, unit: Option<Leaf<'_>>, codes: &[Option<Leaf<'_>>]) {
    let text = match unit {
        Some(unit) => format!("{} {}", value.text.trim(), unit.text.trim()),
        None => value.text.trim().to_owned(),
    };
    w.string("valueString", &text, (value, unit));
    source_codes(w, "_valueString", codes);
}

/// RND with the population that it holds for (FTX+RPD). A limit that is no number makes the range a text.
fn reference_range(w: &mut Writer, range: &ReferenceRange<'_>, mark: u8) {
    let mut limited = false;
    if let Some(rnd) = &range.limits {
        w.claim(rnd.get(1, 1), Outcome::Structural, "");
        let filled = |element: u8| rnd.get(element, 1).filter(|l| !l.is_blank());
        let unit = unit(rnd, 4);
        let (low, high) = (filled(2), filled(3));
        let read = |limit: Option<Leaf<'_>>| limit.and_then(|l| decimal(l.text, mark).map(Cow::into_owned));
        let numbers = [low, high].into_iter().flatten().all(|l| decimal(l.text, mark).is_some());
        let reversed = read(low).zip(read(high)).is_some_and(|(low, high)| !ordered(&low, &high));
        if let Some(high) = high.filter(|_| reversed) {
            w.issue(Some(high.id), common::RANGE_REVERSED.issue());
        }
        let numbers = numbers && !reversed;
        limited = low.or(high).is_some();
        if numbers {
            for (key, limit) in [("low", low), ("high", high)] {
                if let Some((limit, digits)) = limit.and_then(|l| Some((l, decimal(l.text, mark)?))) {
                    w.object(key, |w| quantity(w, &digits, limit, unit));
                }
            }
        } else {
            let parts: Vec<Leaf<'_>> = [low, high].into_iter().flatten().collect();
            let limits: Vec<&str> = parts.iter().map(|l| l.text.trim()).collect();
            let mut text = limits.join(" - ");
            if let Some(unit) = unit {
                text.push(' ');
                text.push_str(unit.text.trim());
            }
            w.string("text", &text, (parts, unit));
        }
    }
    let mut population = String::new();
    let mut from = Vec::new();
    for ftx in &range.texts {
        let (text, leaves) = message::text(ftx);
        if !population.is_empty() {
            population.push('\n');
        }
        population.push_str(&text);
        from.extend(leaves);
        w.claim(ftx.get(1, 1), Outcome::Structural, "");
    }
    if limited {
        w.array("appliesTo", |w| {
            w.element(|w| w.string("text", &population, from));
        });
    } else {
        w.string("text", &population, from);
    }
}
