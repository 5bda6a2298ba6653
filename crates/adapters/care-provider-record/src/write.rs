//! Writes an item as its table says.

use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity, When};
use causeway_fhir::{Coding, Writer, systems, types};
use causeway_json::Kind as Json;
use causeway_terminology::ucum;
use jiff::tz::TimeZone;

use crate::bind::{Bind, DETAIL, Kind, NOTE_KIND, RECORD_VERSION, Section};
use crate::item::In;

/// What writing needs besides the item.
#[derive(Clone, Copy, Debug)]
pub struct Env<'e> {
    /// Zone of local times.
    pub zone: &'e TimeZone,
    /// Identifier system of items.
    pub system: &'e str,
}

/// Writes identifier, version and every bound member of an item.
pub fn item(w: &mut Writer, from: In<'_>, section: &Section, env: Env<'_>) {
    item_with(w, from, section, env, |_| {});
}

/// The same, with more extensions.
pub fn item_with(
    w: &mut Writer,
    from: In<'_>,
    section: &Section,
    env: Env<'_>,
    more: impl FnOnce(&mut Writer),
) {
    identifier(w, from, section.resource, env);
    w.array("extension", |w| {
        if let Some(version) = from.leaf("version").filter(|_| section.resource != "Task") {
            version_extension(w, version);
        }
        for bind in section.binds {
            extension(w, from, bind, env);
        }
        more(w);
    });
    w.array("note", |w| {
        for bind in section.binds.iter().filter(|b| matches!(b.kind, Kind::Note)) {
            notes(w, from, bind.from);
        }
    });
    let rest: Vec<Bind> = section
        .binds
        .iter()
        .filter(|b| {
            !matches!(
                b.kind,
                Kind::Note | Kind::Detail | Kind::DetailDate | Kind::Extension(..) | Kind::FixedExtension(..)
            )
        })
        .copied()
        .collect();
    members(w, from, &rest, 0, env);
}

/// The version of an item (MODS versioned record).
pub fn version_extension(w: &mut Writer, version: Leaf<'_>) {
    let digits = version.text.split('.').next().unwrap_or("1");
    types::extension(w, RECORD_VERSION, |w| w.number("valuePositiveInt", digits, version));
}

fn identifier(w: &mut Writer, from: In<'_>, resource: &str, env: Env<'_>) {
    let Some(uid) = from.leaf("recordUid").filter(|_| resource != "Task") else { return };
    if resource == "AdverseEvent" {
        w.object("identifier", |w| types::identifier_body(w, env.system, uid.text.trim(), uid));
    } else if resource != "RelatedPerson" {
        w.array("identifier", |w| types::identifier(w, env.system, uid));
    }
}

fn extension(w: &mut Writer, from: In<'_>, bind: &Bind, env: Env<'_>) {
    match bind.kind {
        Kind::Detail | Kind::DetailDate => {
            let Some(found) = from.get(bind.from) else { return };
            if found.node.is_array() {
                for element in from.list(bind.from) {
                    detail(w, bind, element, env);
                }
            } else {
                detail(w, bind, found, env);
            }
        }
        Kind::Extension(url, codes) => {
            for code in from.list(bind.from).filter_map(|c| c.leaf("")) {
                let display = codes.display(code.text).unwrap_or_default();
                types::extension(w, url, |w| {
                    types::concept(
                        w,
                        "valueCodeableConcept",
                        Coding::new(codes.system, code.text, display),
                        code,
                    );
                });
            }
        }
        Kind::FixedExtension(url, coding) => {
            types::extension(w, url, |w| types::concept_fixed(w, "valueCodeableConcept", *coding));
        }
        _ => {}
    }
}

fn detail(w: &mut Writer, bind: &Bind, value: In<'_>, env: Env<'_>) {
    if !value.has("") {
        return;
    }
    let start = w.mark();
    let mut wrote = false;
    w.element(|w| {
        w.fixed("url", DETAIL);
        w.array("extension", |w| {
            w.element(|w| {
                w.fixed("url", "name");
                w.fixed("valueCode", bind.from);
            });
            wrote = types::extension(w, "value", |w| match (value.node.kind(), value.leaf("")) {
                (Json::Object, _) => {
                    w.object("valueCodeableConcept", |w| concept(w, value));
                }
                (_, Some(leaf)) if matches!(bind.kind, Kind::DetailDate) => {
                    if let Some(when) = when(w, leaf, env) {
                        w.date_time("valueDateTime", &when, leaf);
                    }
                }
                (Json::Number, Some(leaf)) => w.number("valueDecimal", leaf.text, leaf),
                (Json::True | Json::False, Some(leaf)) => {
                    w.boolean("valueBoolean", leaf.text == "true", leaf)
                }
                (_, Some(leaf)) => w.leaf("valueString", leaf),
                _ => {}
            });
        });
    });
    if !wrote {
        w.rollback(start);
    }
}

fn notes(w: &mut Writer, from: In<'_>, name: &str) {
    let mut one = |leaf: Leaf<'_>| {
        w.element(|w| {
            w.array("extension", |w| {
                types::extension(w, NOTE_KIND, |w| w.fixed("valueCode", name));
            });
            w.leaf("text", leaf);
        });
    };
    match from.get(name) {
        Some(found) if found.node.is_array() => from.list(name).filter_map(|e| e.leaf("")).for_each(&mut one),
        Some(found) => found.leaf("").into_iter().for_each(&mut one),
        None => {}
    }
}

/// The head of a path: name, and what is in brackets after it.
fn head(to: &str, depth: usize) -> (&str, Option<&str>, bool) {
    let (mut start, mut at, mut inside) = (0, 0, false);
    let mut level = 0;
    let bytes = to.as_bytes();
    let mut bracket = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => {
                inside = true;
                bracket = bracket.or(Some(at));
            }
            b']' => inside = false,
            b'.' if !inside => {
                if level == depth {
                    break;
                }
                level += 1;
                (start, bracket) = (at + 1, None);
            }
            _ => {}
        }
        at += 1;
    }
    if level < depth {
        return ("", None, false);
    }
    let part = |from: usize, end: usize| to.get(from..end).unwrap_or("");
    match bracket {
        Some(open) => (part(start, open), Some(part(open + 1, at).trim_end_matches(']')), at < bytes.len()),
        None => (part(start, at), None, at < bytes.len()),
    }
}

/// The segments of a path; a dot within brackets does not part.
pub fn split(path: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    path.split(move |c| {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        c == '.' && !inside
    })
}

/// Members of one level: binds that share their next name are one object or one array. The recursion is as deep as the
/// longest path of the tables.
fn members(w: &mut Writer, from: In<'_>, binds: &[Bind], depth: usize, env: Env<'_>) {
    let mut at = 0;
    while let Some(first) = binds.get(at) {
        let (name, selector, more) = head(first.to, depth);
        let same = |b: &&Bind| head(b.to, depth).0 == name;
        let run = binds.get(at..).unwrap_or_default().iter().take_while(same).count().max(1);
        let group = binds.get(at..at + run).unwrap_or_default();
        at += run;
        if !more {
            for bind in group {
                terminal(w, from, bind, name, selector, env);
            }
            continue;
        }
        if !group.iter().any(|b| is_present(from, b)) {
            continue;
        }
        if selector.is_none() {
            w.object(name, |w| members(w, from, group, depth + 1, env));
            continue;
        }
        w.array(name, |w| {
            for part in group.chunk_by(|a, b| head(a.to, depth).1 == head(b.to, depth).1) {
                if !part.iter().any(|b| is_present(from, b)) {
                    continue;
                }
                w.element(|w| {
                    let selector = part.first().and_then(|b| head(b.to, depth).1).unwrap_or("");
                    if let Some((key, value)) = selector.split_once('=') {
                        w.fixed(key, value);
                    }
                    members(w, from, part, depth + 1, env);
                });
            }
        });
    }
}

fn is_present(from: In<'_>, bind: &Bind) -> bool {
    match bind.kind {
        Kind::Fixed(_) => true,
        Kind::FixedCode(_) | Kind::FixedIf(_) if !bind.from.is_empty() => false,
        _ => from.has(bind.from),
    }
}

fn terminal(w: &mut Writer, from: In<'_>, bind: &Bind, name: &str, selector: Option<&str>, env: Env<'_>) {
    if selector.is_some() {
        let wanted = is_present(from, bind) || matches!(bind.kind, Kind::FixedCode(_));
        if wanted {
            w.array(name, |w| {
                w.element(|w| in_element(w, from, bind, env));
            });
        }
        return;
    }
    match bind.kind {
        Kind::Fixed(text) => w.fixed(name, text),
        Kind::FixedIf(text) => {
            if from.has(bind.from) {
                w.fixed(name, text);
            }
        }
        Kind::Concepts => {
            w.array(name, |w| {
                for element in from.list(bind.from) {
                    w.element(|w| concept(w, element));
                }
            });
        }
        Kind::Displays => {
            w.array(name, |w| {
                for leaf in from.list(bind.from).filter_map(|e| e.leaf("")) {
                    w.element(|w| w.leaf("display", leaf));
                }
            });
        }
        Kind::CodeOr(other) => match from.leaf(bind.from) {
            Some(leaf) => w.leaf(name, leaf),
            None => w.fixed(name, other),
        },
        Kind::FixedCode(coding) if bind.from.is_empty() || from.has(bind.from) => {
            types::concept_fixed(w, name, *coding);
        }
        Kind::ConceptOr(coding) if !from.has(bind.from) => types::concept_fixed(w, name, *coding),
        Kind::Concept
        | Kind::ConceptOr(_)
        | Kind::ConceptText
        | Kind::Listed(_)
        | Kind::System(_)
        | Kind::Display => {
            w.object(name, |w| in_element(w, from, bind, env));
        }
        _ => primitive(w, from, bind, name, env),
    }
}

fn primitive(w: &mut Writer, from: In<'_>, bind: &Bind, name: &str, env: Env<'_>) {
    let Some(leaf) = from.leaf(bind.from) else { return };
    match bind.kind {
        Kind::Text => w.leaf(name, leaf),
        Kind::Number => w.number(name, leaf.text, leaf),
        Kind::UnitCode => {
            let words = bind.from.strip_suffix("Code").is_some_and(|words| from.has(words));
            ucum::stated_unit(w, leaf, words, ());
        }
        Kind::Date => {
            if let Some(when) = when(w, leaf, env) {
                w.date(name, &when, leaf);
            }
        }
        Kind::DateTime => {
            if let Some(when) = when(w, leaf, env) {
                w.date_time(name, &when, leaf);
            }
        }
        _ => {}
    }
}

/// The content of an object for kinds that are one.
fn in_element(w: &mut Writer, from: In<'_>, bind: &Bind, _env: Env<'_>) {
    let leaf = from.leaf(bind.from);
    match (bind.kind, leaf) {
        (Kind::Concept | Kind::ConceptOr(_), _) => {
            if let Some(found) = from.get(bind.from) {
                concept(w, found);
            }
        }
        (Kind::FixedCode(coding), _) => types::concept_body(w, *coding, ()),
        (Kind::ConceptText, Some(leaf)) => w.leaf("text", leaf),
        (Kind::Display, Some(leaf)) => w.leaf("display", leaf),
        (Kind::Listed(codes), Some(leaf)) => {
            let display = codes.display(leaf.text).unwrap_or_default();
            types::concept_body(w, Coding::new(codes.system, leaf.text, display), leaf);
        }
        (Kind::System(system), Some(leaf)) => {
            types::concept_body(w, Coding::new(system, leaf.text, ""), leaf)
        }
        _ => {}
    }
}

/// The content of a CodeableConcept from a coded value. Where no system is named it is SNOMED CT, as PRSB has it.
pub fn concept(w: &mut Writer, coded: In<'_>) {
    if let Some(code) = coded.leaf("code") {
        w.array("coding", |w| {
            w.element(|w| {
                let url = match coded.leaf("system") {
                    Some(system) if system.text.trim_end_matches('/') == "https://snomed.info/sct" => {
                        w.issue(Some(system.id), Issue::new(
                            Severity::Information,
                            IssueCode::Value,
                            "snomed-system-url",
                            "the system of SNOMED CT is http://snomed.info/sct; the address with https was put right",
                        ));
                        systems::SNOMED
                    }
                    Some(system) => system.text.trim(),
                    None => systems::SNOMED,
                };
                types::stated_code(w, url, coded.leaf("system"), code);
                w.leaf_opt("display", coded.leaf("display"));
            });
        });
        w.leaf_opt("text", coded.leaf("text"));
        return;
    }
    // A display without a code says what a text says.
    match (coded.leaf("text"), coded.leaf("display")) {
        (Some(text), Some(display)) => {
            w.string("text", &format!("{} ({})", text.text, display.text), (text, display))
        }
        (text, display) => w.leaf_opt("text", text.or(display)),
    }
    if let Some(system) = coded.leaf("system") {
        w.claim(system, Outcome::Unsupported, "a system without a code says nothing");
    }
}

/// Reads a point in time and says what is doubtful about it. One that does not exist is refused alone.
pub fn when(w: &mut Writer, leaf: Leaf<'_>, env: Env<'_>) -> Option<When> {
    let Ok(when) = When::iso(leaf.text, env.zone) else {
        let text = "there is no such date or time";
        w.issue(Some(leaf.id), Issue::new(Severity::Error, IssueCode::Value, "date-impossible", text));
        w.claim(leaf, Outcome::Rejected, text);
        return None;
    };
    if let Some(doubt) = when.doubt() {
        w.issue(Some(leaf.id), Issue::new(Severity::Warning, IssueCode::Value, "local-time-doubtful", doubt));
    } else if matches!(when.offset(), causeway_core::Offset::Assumed(_)) {
        let text = "the time has no offset; that of the United Kingdom was taken";
        w.issue(Some(leaf.id), Issue::new(Severity::Information, IssueCode::Value, "offset-assumed", text));
    }
    Some(when)
}
