//! Coded values: CE, CWE, CNE, IS, ID.

use std::borrow::Cow;

use causeway_core::Leaf;
use causeway_fhir::systems::{self, HL7_V2_TABLE};
use causeway_fhir::types::stated_code;
use causeway_fhir::{Coding, Writer};
use causeway_hl7v2::Part;
use causeway_terminology::{Map, Target};

use crate::env::Env;
use crate::limits::CODE_CHARS_MAX;
use crate::maps;
use crate::rules;

/// Whether a text can stand as a FHIR `code`: no blanks at its ends, only single ones within, and short.
pub fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= CODE_CHARS_MAX
        && text.split(' ').all(|word| !word.is_empty() && !word.chars().any(char::is_whitespace))
}

/// Whether the name of an authority or a coding system is a URI, as newer senders write it.
pub fn is_uri(name: &str) -> bool {
    (name.starts_with("http://") || name.starts_with("https://") || name.starts_with("urn:"))
        && !name.contains(char::is_whitespace)
}

/// The URI of a coding system that HL7 names in the third component; an unknown name is the sender's own.
pub fn coding_system<'a>(env: &Env<'_>, name: &str) -> Cow<'a, str> {
    let upper = name.to_ascii_uppercase();
    if let Some(target) = maps::CODING_SYSTEMS.lookup(&upper) {
        return Cow::Borrowed(target.system);
    }
    if let Some(number) =
        upper.strip_prefix("HL7").filter(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()))
    {
        return Cow::Owned(format!("{HL7_V2_TABLE}{number}"));
    }
    if systems::is_oid(name) {
        return systems::of_oid(name);
    }
    if is_uri(name) {
        return Cow::Owned(name.to_owned());
    }
    Cow::Owned(env.local(name))
}

/// Whether the name of a coding system means SNOMED CT.
pub fn is_snomed(name: &str) -> bool {
    maps::CODING_SYSTEMS.lookup(&name.to_ascii_uppercase()).is_some_and(|t| t.system == systems::SNOMED)
}

/// The content of a `CodeableConcept` from a CE or CWE: both codings and the text. A code without a coding
/// system is the sender's own, in a system named after the field; `field` is that name.
pub fn concept_body(env: &Env<'_>, w: &mut Writer, part: Part<'_>, field: &str) {
    concept_by_method(env, w, part, None, field);
}

/// As [`concept_body`]; `method` names the coding system where the code itself does not (DG1-2, PR1-2).
pub fn concept_by_method(
    env: &Env<'_>,
    w: &mut Writer,
    part: Part<'_>,
    method: Option<Leaf<'_>>,
    field: &str,
) {
    let comp = |n| part.comp(n).leaf();
    let before = w.mark();
    w.array("coding", |w| {
        coding(env, w, [comp(1), comp(2), comp(3).or(method), comp(7)], field);
        coding(env, w, [comp(4), comp(5), comp(6), comp(8)], field);
        // The second alternate of version 2.7.
        coding(env, w, [comp(10), comp(11), comp(12), comp(13)], field);
    });
    let coded = w.wrote_since(before);
    match (comp(9), coded) {
        (Some(original), _) => w.leaf("text", original),
        (None, true) => {}
        (None, false) => {
            let id = comp(1);
            match (comp(2).or(comp(5)), id) {
                (Some(text), _) => w.leaf("text", text),
                (None, Some(id)) => w.leaf("text", id),
                (None, None) => {}
            }
        }
    }
}

/// One coding of a CE or CWE within an open array: code, words, name of the system, version.
pub fn coding(
    env: &Env<'_>,
    w: &mut Writer,
    [id, text, system, version]: [Option<Leaf<'_>>; 4],
    field: &str,
) {
    let Some(id) = id.filter(|id| is_code(id.text)) else { return };
    // A first component with blanks and no coding system is words, not a code.
    if system.is_none() && id.text.contains(' ') && text.is_none() {
        return;
    }
    w.element(|w| {
        match system {
            Some(name) => stated_code(w, &coding_system(env, name.text), name, id),
            None => {
                w.fixed("system", &env.local(field));
                w.leaf("code", id);
            }
        }
        w.leaf_opt("version", version);
        w.leaf_opt("display", text);
    });
}

/// A `CodeableConcept` under a key.
pub fn concept(env: &Env<'_>, w: &mut Writer, key: &str, part: Part<'_>, field: &str) {
    if part.says() {
        w.object(key, |w| concept_body(env, w, part, field));
    }
}

/// A `CodeableConcept` within an array.
pub fn concept_element(env: &Env<'_>, w: &mut Writer, part: Part<'_>, field: &str) {
    if part.says() {
        w.element(|w| concept_body(env, w, part, field));
    }
}

/// The content of a `CodeableConcept` by a mapping table; a code that is not in it stays the source's own
/// words, with an issue. Returns whether the table knew it.
pub fn mapped_body(env: &Env<'_>, w: &mut Writer, map: &Map, part: Part<'_>, field: &str) -> bool {
    let Some(code) = part.comp(1).leaf() else {
        concept_body(env, w, part, field);
        return false;
    };
    match row(env, w, map, code) {
        Some(target) => {
            w.array("coding", |w| {
                w.element(|w| Coding::new(target.system, target.code, target.display).body(w, code));
            });
            w.leaf_opt("text", part.comp(9).leaf().or(part.comp(2).leaf()));
            true
        }
        None => {
            unknown_code(env, w, code);
            concept_body(env, w, part, field);
            false
        }
    }
}

/// The issue of a code that is not in its table.
pub fn unknown_code(env: &Env<'_>, w: &mut Writer, code: Leaf<'_>) {
    env.tell(w, &rules::CODE_UNKNOWN, code.id);
}

/// A code that is not in its table and whose element has no place for another: it is kept with the name of the item,
/// within an open extension array.
pub fn unknown_value(env: &Env<'_>, w: &mut Writer, name: &str, code: Leaf<'_>) {
    unknown_code(env, w, code);
    crate::env::source_value(w, name, Some(code));
}

/// An indicator that the person or the visit is protected: `Y` is a label of the resource and written there, `N`
/// says that there is none, and anything else must not pass for it.
pub fn protection(env: &Env<'_>, w: &mut Writer, name: &str, leaf: Option<Leaf<'_>>) {
    match leaf {
        Some(leaf) if leaf.text == "N" => w.mapped(leaf),
        Some(leaf) if leaf.text != "Y" => unknown_value(env, w, name, leaf),
        _ => {}
    }
}

/// The row of a code in its table. One in another letter case is the same code, and told: a table has no two that differ
/// in it alone.
pub fn row<'t>(env: &Env<'_>, w: &mut Writer, map: &'t Map, leaf: Leaf<'_>) -> Option<&'t Target> {
    map.lookup(leaf.text).or_else(|| {
        let found = map.lookup(&leaf.text.to_ascii_uppercase())?;
        env.tell(w, &rules::CODE_CASE, leaf.id);
        Some(found)
    })
}

/// A person's sex (HL7 table 0001). What the table does not know is `unknown`, with the source's own code beside it.
pub fn gender(env: &Env<'_>, w: &mut Writer, leaf: Option<Leaf<'_>>) {
    let Some(leaf) = leaf else { return };
    match row(env, w, &maps::GENDER, leaf) {
        Some(target) => w.string("gender", target.code, leaf),
        None => {
            unknown_code(env, w, leaf);
            causeway_fhir::types::unmapped_code(w, "gender", "unknown", leaf);
        }
    }
}

/// What a coded value is known by in a key: its code, else its words.
pub fn words<'m>(part: Part<'m>) -> &'m str {
    part.comp(1).leaf().or(part.comp(2).leaf()).map_or("", |l| l.text)
}
