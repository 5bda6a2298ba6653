//! OBX as Observation.

use causeway_core::Leaf;
use causeway_fhir::types::{concept_element, reference_by_identifier};
use causeway_fhir::writer::Mark;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::Segment;

use crate::about::About;
use crate::codes::{self, concept, mapped_body};
use crate::datatypes::Ei;
use crate::document;
use crate::env::{Env, source_code};
use crate::maps;
use crate::note;
use crate::orders::{Result, is_document};
use crate::people::{Contacts, Ctx, Who};
use crate::rules;
use crate::value;

/// Results that were written.
#[derive(Default)]
pub struct Written<'m> {
    /// Observations with their OBX.
    pub results: Vec<(Ref, Segment<'m>)>,
    /// Documents with their OBX.
    pub documents: Vec<(Ref, Segment<'m>)>,
}

/// Keys of the results below one order: code and sub-id, numbered where several share them.
struct Keys<'r, 'm> {
    results: &'r [Result<'m>],
    prefix: &'r str,
    /// Of each result, the how manyth of its code and sub-id it is.
    numbers: Vec<u32>,
}

impl<'r, 'm> Keys<'r, 'm> {
    fn of(results: &'r [Result<'m>], prefix: &'r str) -> Self {
        let mut seen: std::collections::HashMap<(&str, &str), u32> = std::collections::HashMap::new();
        let mut number = |result: &Result<'m>| {
            let count = seen.entry(Self::parts(result)).or_insert(0);
            *count += 1;
            *count
        };
        Self { results, prefix, numbers: results.iter().map(&mut number).collect() }
    }

    fn parts(result: &Result<'m>) -> (&'m str, &'m str) {
        let code = result.obx.first(3);
        let id = code.comp(1).leaf().or(code.leaves().next()).map_or("", |l| l.text);
        (id, result.obx.leaf(4).map_or("", |l| l.text))
    }

    fn get(&self, at: usize) -> Option<String> {
        let (result, number) = (self.results.get(at)?, self.numbers.get(at)?);
        let (id, sub) = Self::parts(result);
        let base = format!("{}|{id}|{sub}", self.prefix);
        Some(if *number == 1 { base } else { format!("{base}|{number}") })
    }
}

/// Which results belong to which by OBX-4: for each one the number of the result that heads its group. Those of one
/// sub-id belong to the first of them, where that names a thing (an organism) and is no number; `1.2` belongs to `1`.
/// Source: HL7 v2.5.1, 7.4.2.4.
fn heads(results: &[Result<'_>]) -> Vec<Option<usize>> {
    let mut first: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (at, result) in results.iter().enumerate() {
        first.entry(result.obx.leaf(4).map_or("", |l| l.text)).or_insert(at);
    }
    let several = first.keys().filter(|sub| !sub.is_empty()).count() > 1;
    let may_head = |at: usize| {
        let kind = results.get(at).and_then(|r| r.obx.leaf(2)).map_or("", |k| k.text);
        matches!(kind, "CE" | "CWE" | "CNE" | "CF") || (several && matches!(kind, "ST" | "TX" | "IS" | "FT"))
    };
    let code =
        |at: usize| results.get(at).and_then(|r| r.obx.first(3).leaves().next()).map_or("", |l| l.text);
    let mut found = Vec::with_capacity(results.len());
    for (at, result) in results.iter().enumerate() {
        let mine = result.obx.leaf(4).map_or("", |l| l.text);
        let above = mine.rsplit_once('.').and_then(|(above, _)| first.get(above)).copied();
        let same =
            first.get(mine).copied().filter(|head| *head != at && code(*head) != code(at) && may_head(*head));
        found.push(above.or(same).filter(|head| !mine.is_empty() && *head != at));
    }
    found
}

/// What stands where a text would have its status, one field on: the text holds a field separator that is not escaped.
fn shifted(obx: Segment<'_>) -> Option<Leaf<'_>> {
    let is_text = obx.leaf(2).is_some_and(|kind| matches!(kind.text, "TX" | "FT" | "ST"));
    let status = obx.leaf(12).filter(|_| is_text && !obx.field(11).says());
    status.filter(|leaf| matches!(leaf.text, "C" | "D" | "F" | "I" | "N" | "P" | "R" | "S" | "U" | "W" | "X"))
}

/// The code of a coded result (an organism) that comes again, where another code comes again too (what was tested on each).
fn loose<'m>(results: &[Result<'m>]) -> Option<Leaf<'m>> {
    let code = |result: &Result<'m>| result.obx.first(3).leaves().next();
    let mut seen: std::collections::HashMap<&str, bool> = std::collections::HashMap::new();
    let (mut coded, mut others) = (None, false);
    for result in results {
        let Some(leaf) = code(result) else { continue };
        let Some(again) = seen.get_mut(leaf.text) else {
            seen.insert(leaf.text, false);
            continue;
        };
        if std::mem::replace(again, true) {
            continue;
        }
        match result.obx.leaf(2).map(|kind| kind.text) {
            Some("CE" | "CWE" | "CNE") if coded.is_none() => coded = Some(leaf),
            _ => others = true,
        }
    }
    coded.filter(|_| others)
}

/// Writes results: values as observations, documents as such; what OBX-4 groups is joined.
pub fn results<'m>(ctx: &mut Ctx<'_, '_, 'm>, results: &[Result<'m>], about: &About<'_, 'm>) -> Written<'m> {
    let mut written = Written::default();
    let keys = Keys::of(results, about.key);
    for result in results {
        if let Some(leaf) = shifted(result.obx) {
            let issue = ctx.env.breach(&rules::FIELDS_SHIFTED, Some(leaf.id));
            ctx.c.issue(issue);
        }
    }
    let grouped = results.iter().any(|r| r.obx.leaf(4).is_some());
    if let Some(loose) = loose(results).filter(|_| !grouped) {
        let issue = ctx.env.breach(&rules::RESULTS_LOOSE, Some(loose.id));
        ctx.c.issue(issue);
    }
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); if grouped { results.len() } else { 0 }];
    for (member, head) in grouped.then(|| heads(results)).into_iter().flatten().enumerate() {
        if let Some(list) = head.and_then(|head| below.get_mut(head)) {
            list.push(member);
        }
    }
    let mut refs: Vec<Option<Ref>> = vec![None; if grouped { results.len() } else { 0 }];
    for (at, result) in results.iter().enumerate() {
        let Some(key) = &keys.get(at) else { continue };
        if is_document(result) {
            written.documents.push((document::result_document(ctx, result, about, key), result.obx));
            continue;
        }
        let mut members = Vec::new();
        for member in below.get(at).into_iter().flatten().copied() {
            let Some(other) = results.get(member).filter(|o| !is_document(o)) else { continue };
            let target = match refs.get(member).cloned().flatten() {
                Some(target) => Some(target),
                None => keys
                    .get(member)
                    .filter(|k| !ctx.c.has("Observation", k))
                    .map(|k| ctx.c.reference("Observation", &k)),
            };
            members.extend(target.map(|target| (target, other.obx)));
        }
        let target = observation(ctx, result, about, key, &members);
        if let Some(slot) = refs.get_mut(at) {
            *slot = Some(target.clone());
        }
        written.results.push((target, result.obx));
    }
    written
}

/// Writes one result. `members` are the results that it heads.
fn observation<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    result: &Result<'m>,
    about: &About<'_, 'm>,
    key: &str,
    members: &[(Ref, Segment<'m>)],
) -> Ref {
    let env = ctx.env;
    let obx = result.obx;
    let mut performers: Vec<Who> = obx.field(16).reps().filter_map(|part| ctx.practitioner(part)).collect();
    let contacts = Contacts { addresses: obx.field(24).reps().collect(), telecoms: Vec::new() };
    performers.extend(ctx.organisation_at(obx.first(23), false, &contacts));
    performers.extend(ctx.practitioner(obx.first(25)));
    let notes = note::prepare(ctx, &result.notes);
    ctx.c.resource_with("Observation", key, &about.meta, |w| {
        let since = w.mark();
        w.array("identifier", |w| {
            for part in obx.field(21).reps() {
                Ei::read(part).iter().for_each(|ei| ei.write(&env, w, None, "observation"));
            }
        });
        if let Some(whole) = about.part_of {
            w.array("partOf", |w| w.reference_element(whole, ()));
        }
        status(&env, w, obx);
        w.array("category", |w| {
            if let Some(category) = about.category {
                concept_element(
                    w,
                    Coding::new(systems::OBSERVATION_CATEGORY, category.code, category.display),
                    category.from,
                );
            }
        });
        code(&env, w, obx);
        w.reference("subject", &about.patient.target, ());
        if let Some(encounter) = about.encounter {
            w.reference("encounter", encounter, ());
        }
        match obx.leaf(14) {
            Some(at) => env.date_time(w, "effectiveDateTime", Some(at)),
            None => effective(&env, w, about.obr),
        }
        performed_by(w, obx, &performers);
        let repeats = obx.field(5).reps().count() > 1;
        let is_text = value::is_text(obx.leaf(2).map_or("", |k| k.text));
        let is_about = value::about(&env, w, obx);
        match (repeats, is_text) {
            _ if is_about => {}
            (true, true) => value::lines(&env, w, obx.field(5)),
            (true, false) => {}
            (false, _) => value::value(&env, w, obx, obx.first(5)),
        }
        interpretation(&env, w, obx);
        w.array("note", |w| note::elements(&env, w, &notes));
        let sites: Vec<_> = obx.field(20).reps().collect();
        if let Some(site) = sites.first() {
            concept(&env, w, "bodySite", *site, "OBX-20");
        }
        concept(&env, w, "method", obx.first(17), "OBX-17");
        if let Some(specimen) = about.specimen {
            w.reference("specimen", specimen, ());
        }
        if let Some(device) = Ei::read(obx.first(18)) {
            let (system, decided) = device.system(&env, "device");
            let from = (device.id, decided);
            reference_by_identifier(w, "device", "Device", &system, device.id.text, from);
        }
        value::reference_range(&env, w, obx);
        w.array("hasMember", |w| {
            for (target, member) in members {
                w.reference_element(target, (obx.leaf(4), member.leaf(4)));
            }
        });
        if let Some((parent, from)) = &about.derived_from {
            w.array("derivedFrom", |w| w.reference_element(parent, from));
        }
        if repeats && !is_text && !is_about {
            // Several values of one code: components, for an observation has only one value.
            w.array("component", |w| {
                for part in obx.field(5).reps().filter(|part| part.says()) {
                    w.element(|w| {
                        code(&env, w, obx);
                        value::value(&env, w, obx, part);
                    });
                }
            });
        }
        extensions(&env, w, obx, since);
    })
}

/// Items of OBX that have no element in FHIR R4 and are kept with their names: sub-id, parts of values and units beyond
/// what is written, probability, nature of the test, dates of ranges and analysis, access checks, producer, mood, the
/// laboratory's address and director where no element takes them, types and sources of version 2.8.
const MORE_OF_OBX: &[u16] =
    &[3, 5, 6, 7, 8, 9, 10, 12, 13, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33];

fn extensions(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>, since: Mark) {
    w.array("extension", |w| {
        // A sub-id is read by people too: which organism, which sample.
        crate::env::source_value(w, "OBX-4", obx.leaf(4));
        if !value::is_quantity(obx) {
            // A unit beside a value that is no number.
            let unit = obx.comp(6, 2).or(obx.comp(6, 1));
            let written = unit.is_some_and(|u| w.claimed(since, u.id..u.id + 1).contains(&true));
            crate::env::source_value(w, "OBX-6", unit.filter(|_| !written));
        }
        env.deletions(w, obx);
        env.leftover_fields(w, since, obx, MORE_OF_OBX);
    });
}

/// OBX-16, OBX-23 and OBX-25, and the words of OBX-15.
fn performed_by(w: &mut Writer, obx: Segment<'_>, performers: &[Who]) {
    w.array("performer", |w| {
        performers.iter().for_each(|who| w.reference_element(&who.target, &who.from));
        let producer = obx.first(15);
        if let Some(words) = producer.comp(2).leaf().or(producer.comp(1).leaf()) {
            w.element(|w| w.leaf("display", words));
        }
    });
}

fn code(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    let part = obx.first(3);
    w.object("code", |w| {
        if part.says() {
            codes::concept_body(env, w, part, "OBX-3");
        } else {
            w.fixed("text", "not stated");
        }
    });
}

/// `Observation.status` is required: an absent OBX-11, or a code that is not known, is "unknown".
fn status(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    let Some(leaf) = obx.leaf(11) else { return w.fixed("status", "unknown") };
    match codes::row(env, w, &maps::OBSERVATION_STATUS, leaf) {
        Some(target) => w.string("status", target.code, leaf),
        None => {
            codes::unknown_code(env, w, leaf);
            w.fixed("status", "unknown");
            w.object("_status", |w| source_code(w, Some(leaf)));
        }
    }
}

/// OBR-7 and OBR-8.
pub fn effective(env: &Env<'_>, w: &mut Writer, obr: Option<Segment<'_>>) {
    let Some(obr) = obr else { return };
    match (obr.leaf(7), obr.leaf(8)) {
        (start, Some(end)) => env.period(w, "effectivePeriod", start, Some(end)),
        (start, None) => env.date_time(w, "effectiveDateTime", start),
    }
}

fn interpretation(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>) {
    w.array("interpretation", |w| {
        for part in obx.field(8).reps().filter(|part| part.says()) {
            w.element(|w| {
                mapped_body(env, w, &maps::ABNORMAL_FLAG, part, "OBX-8");
            });
        }
    });
}
