//! Specimens (S16).

use std::collections::HashMap;

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf, Outcome};
use causeway_edifact::View;
use causeway_fhir::{Ref, Writer, systems, types};

use crate::codes::{Coded, FASTING, decimal, quantity, unit, unknown_code, warning};
use crate::message::{self, Report, Specimen};
use crate::moment::{self, Moment, Stated};

/// Specimens by the sequence number that results refer to.
#[derive(Debug, Default)]
pub(crate) struct Specimens<'s> {
    by_sequence: HashMap<&'s str, (Ref, Leaf<'s>)>,
    /// All, in source order.
    pub all: Vec<Ref>,
}

impl<'s> Specimens<'s> {
    /// The specimen with a sequence number, and the item that numbers it.
    pub(crate) fn numbered(&self, sequence: &str) -> Option<&(Ref, Leaf<'s>)> {
        self.by_sequence.get(sequence.trim())
    }
}

/// Writes the specimens.
pub(crate) fn write<'s>(
    c: &mut Composer<'_>,
    report: &Report<'s>,
    reference: &str,
    patient: &Ref,
    mark: u8,
) -> Specimens<'s> {
    let mut written = Specimens::default();
    for (index, specimen) in report.specimens.iter().enumerate() {
        let accession = accession(specimen);
        let key = match accession.and_then(|rff| rff.get(1, 2)) {
            Some(number) => format!("{reference}|{}", number.text.trim()),
            None => format!("{reference}|specimen {}", index + 1),
        };
        let target = one(c, specimen, &key, patient, mark);
        written.all.push(target.clone());
        let Some(sequence) = specimen.sequence.filter(|l| !l.is_blank()) else { continue };
        if written.by_sequence.contains_key(sequence.text.trim()) {
            let text = "two specimens have the same sequence number; results refer to the first";
            c.issue_at(sequence.id, warning(IssueCode::Duplicate, "specimen-sequence-repeated", text));
        } else {
            written.by_sequence.insert(sequence.text.trim(), (target, sequence));
        }
    }
    written
}

/// The laboratory's own number of the specimen (RFF+STI).
fn accession<'v, 's>(specimen: &'v Specimen<'s>) -> Option<&'v View<'s>> {
    specimen.references.iter().find(|rff| rff.text(1, 1).trim() == "STI" && !rff.text(1, 2).trim().is_empty())
}

fn one(c: &mut Composer<'_>, specimen: &Specimen<'_>, key: &str, patient: &Ref, mark: u8) -> Ref {
    let sender = c.context.sender.code.clone();
    let zone = c.context.zone.clone();
    c.resource("Specimen", key, |w| {
        let accession = accession(specimen);
        w.array("identifier", |w| {
            for rff in &specimen.references {
                if !accession.is_some_and(|a| std::ptr::eq(a, rff)) {
                    w.element(|w| identifier(w, rff, &sender));
                }
            }
        });
        if let Some(rff) = accession {
            w.object("accessionIdentifier", |w| identifier(w, rff, &sender));
        }
        let types: Vec<_> = of(specimen, "TSP").collect();
        if let Some(spc) = types.first() {
            Coded::read(spc, 2, 1).write(w, "type");
            w.mapped(spc.get(1, 1));
        }
        w.reference("subject", patient, ());
        let times = times(w, specimen, &zone);
        if let Some(received) = &times.received {
            moment::date_time(w, "receivedTime", received);
        }
        w.object("collection", |w| collection(w, specimen, times.collected.as_ref(), mark));
        w.array("note", |w| {
            for spc in types.iter().skip(1) {
                let coded = Coded::read(spc, 2, 1);
                let code = coded.code.map_or("", |l| l.text.trim());
                let note = [code, &*coded.words].join(" ");
                w.element(|w| w.string("text", note.trim(), (coded.code, &coded.words_from)));
                let what = "a specimen has one type in FHIR; a further one was kept as a note";
                w.lossy((coded.code, &coded.words_from), what);
                w.mapped(spc.get(1, 1));
            }
            for ftx in &specimen.notes {
                let (text, from) = message::text(ftx);
                w.element(|w| w.string("text", &text, from));
            }
        });
        leftovers(w, specimen);
    })
}

fn of<'v, 's>(specimen: &'v Specimen<'s>, kind: &'static str) -> impl Iterator<Item = &'v View<'s>> {
    specimen.characteristics.iter().filter(move |spc| spc.text(1, 1).trim() == kind)
}

fn identifier(w: &mut Writer, rff: &View<'_>, sender: &str) {
    let Some(value) = rff.get(1, 2).filter(|l| !l.is_blank()) else { return };
    let qualifier = rff.get(1, 1);
    let name = format!("specimen-{}", qualifier.map_or("", |l| l.text.trim()).to_ascii_lowercase());
    w.string("system", &systems::local(sender, &name), qualifier);
    w.leaf("value", value);
}

#[derive(Default)]
struct Times<'s> {
    collected: Option<Stated<'s>>,
    received: Option<Stated<'s>>,
}

/// DTM+SCO collection, DTM+SRI receipt. Another kind, or a second of the same, is told of.
fn times<'s>(w: &mut Writer, specimen: &Specimen<'s>, zone: &jiff::tz::TimeZone) -> Times<'s> {
    let mut times = Times::default();
    for dtm in &specimen.times {
        let place = match dtm.text(1, 1).trim() {
            "SCO" if times.collected.is_none() => &mut times.collected,
            "SRI" if times.received.is_none() => &mut times.received,
            _ => {
                let text = "a date of a specimen is of an unknown kind or given twice; it was not carried";
                let issue = warning(IssueCode::NotSupported, "specimen-date-unknown", text);
                w.issue(dtm.first(), issue);
                continue;
            }
        };
        *place = moment::read(w, dtm, zone);
    }
    times
}

fn collection(w: &mut Writer, specimen: &Specimen<'_>, collected: Option<&Stated<'_>>, mark: u8) {
    match collected.map(|stated| (stated.moment, stated.from)) {
        Some((Moment::At(when), from)) => w.date_time("collectedDateTime", &when, from),
        Some((Moment::Span(start, end), from)) => {
            types::period(w, "collectedPeriod", Some((start, from)), Some((end, from)));
        }
        Some((Moment::Unread, from)) => moment::unread(w, "collectedDateTime", from),
        None => {}
    }
    let volume = specimen.quantities.iter().find(|qty| qty.text(1, 1).trim() == "SVO");
    if let Some((qty, value)) = volume.and_then(|qty| Some((qty, qty.get(1, 2)?))) {
        match decimal(value.text, mark) {
            Some(digits) => {
                w.object("quantity", |w| quantity(w, &digits, value, unit(qty, 2)));
                w.mapped(qty.get(1, 1));
            }
            None => w.issue(
                Some(value.id),
                warning(IssueCode::Value, "quantity-invalid", "a quantity is no number; it was not carried"),
            ),
        }
    }
    let mut fasting = of(specimen, "FS");
    if let Some((spc, leaf)) = fasting.next().and_then(|spc| Some((spc, spc.get(2, 1)?))) {
        w.object("fastingStatusCodeableConcept", |w| match FASTING.lookup(leaf.text.trim()) {
            Some(target) => {
                types::concept_body(w, types::Coding::new(target.system, target.code, target.display), leaf);
            }
            None => {
                w.leaf("text", leaf);
                unknown_code(w, leaf);
            }
        });
        w.mapped(spc.get(1, 1));
    }
}

/// Tells of characteristics and quantities that have no place; claims qualifiers of free text.
fn leftovers(w: &mut Writer, specimen: &Specimen<'_>) {
    let known = |spc: &&View<'_>| !matches!(spc.text(1, 1).trim(), "TSP" | "FS");
    let second_fasting = of(specimen, "FS").skip(1);
    let other_quantities = specimen.quantities.iter().filter(|qty| qty.text(1, 1).trim() != "SVO");
    let second_volume = specimen.quantities.iter().filter(|qty| qty.text(1, 1).trim() == "SVO").skip(1);
    for view in specimen
        .characteristics
        .iter()
        .filter(known)
        .chain(second_fasting)
        .chain(other_quantities)
        .chain(second_volume)
    {
        let text = "a characteristic or quantity of a specimen has no place in FHIR; it was not carried";
        w.issue(view.first(), warning(IssueCode::NotSupported, "specimen-detail-unknown", text));
    }
    for ftx in &specimen.notes {
        w.claim(ftx.get(1, 1), Outcome::Structural, "");
    }
}
