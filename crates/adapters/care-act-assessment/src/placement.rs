//! Placements of looked-after children: the whole form as a restricted QuestionnaireResponse. Quality assurance is not
//! meant to leave the authority that recorded it, and does not.

use causeway_adapter::{Composer, Meta};
use causeway_core::Outcome;
use causeway_fhir::types;
use causeway_fhir::{Writer, systems};
use causeway_json::{Kind, Node};

use crate::limits;
use crate::parts::{leaf, values};

const QUALITY: &str = "the standard keeps quality assurance within the authority that recorded it";

/// Writes a placement.
pub fn write(record: Node<'_>, c: &mut Composer<'_>) {
    let (child, id) = (leaf(record, "childId"), leaf(record, "placementId"));
    let sender = c.context.sender.code.clone();
    let key = match id {
        Some(id) => id.text.to_owned(),
        None => format!("{}|{}", child.map_or("", |l| l.text), record.string_of("@id").unwrap_or("")),
    };
    let mut meta = Meta::default();
    meta.security.push((systems::CONFIDENTIALITY, "R", "restricted", Vec::new()));
    if let Some(quality) = record.get("qualityAssurance") {
        for leaf in quality.leaves() {
            c.claim(leaf, Outcome::Withheld, QUALITY);
        }
    }
    c.resource_with("QuestionnaireResponse", &key, &meta, |w| {
        if let Some(id) = id {
            w.object("identifier", |w| {
                types::identifier_body(w, &systems::local(&sender, "placement"), id.text.trim(), id)
            });
        }
        w.fixed("status", "completed");
        if let Some(child) = child {
            let system = systems::local(&sender, "child");
            types::reference_by_identifier(w, "subject", "Patient", &system, child.text.trim(), child);
        }
        w.array("item", |w| {
            for (name, member) in record.members() {
                let own = matches!(name, "childId" | "placementId" | "qualityAssurance");
                if !own && !name.starts_with('@') {
                    item(w, record, name, member, name, 0);
                }
            }
        });
    });
}

/// A property as an item: an object with items below it, values as answers.
fn item(w: &mut Writer, owner: Node<'_>, name: &str, member: Node<'_>, path: &str, depth: usize) {
    if depth > limits::PLACEMENT_DEPTH_MAX {
        return;
    }
    w.element(|w| {
        let before = w.mark();
        w.fixed("linkId", path);
        w.fixed("text", &words(name));
        let inside = w.mark();
        if member.is_object() {
            w.array("item", |w| {
                for (below, value) in member.members() {
                    if !below.starts_with('@') {
                        item(w, member, below, value, &format!("{path}.{below}"), depth + 1);
                    }
                }
            });
        } else {
            w.array("answer", |w| values(owner, name).into_iter().for_each(|value| answer(w, value)));
        }
        if !w.wrote_since(inside) {
            w.rollback(before);
        }
    });
}

/// A property's name as a person reads it: `outOfLAReason` is "Out of LA reason".
fn words(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (at, letter) in letters.iter().copied().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
        let after = letters.get(at + 1).copied();
        let capital = letter.is_uppercase();
        let starts =
            capital && before.is_some_and(|b| !b.is_uppercase() || after.is_some_and(|a| a.is_lowercase()));
        if starts {
            out.push(' ');
        }
        // Capitals beside each other are an abbreviation, and stay.
        let lone = !before.is_some_and(|c| c.is_uppercase()) && !after.is_some_and(|c| c.is_uppercase())
            || after.is_some_and(|c| c.is_lowercase());
        match (at, capital && lone) {
            (0, _) => out.extend(letter.to_uppercase()),
            (_, true) => out.extend(letter.to_lowercase()),
            _ => out.push(letter),
        }
    }
    out
}

fn answer(w: &mut Writer, value: Node<'_>) {
    let Some(leaf) = value.leaf() else { return };
    w.element(|w| match value.kind() {
        Kind::Number => w.number("valueDecimal", leaf.text, leaf),
        Kind::True | Kind::False => w.boolean("valueBoolean", leaf.text == "true", leaf),
        _ => w.leaf("valueString", leaf),
    });
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_are_read_as_words() {
        for (name, expected) in [
            ("isPreferredLocationLocal", "Is preferred location local"),
            ("outOfLAReason", "Out of LA reason"),
            ("providerURN", "Provider URN"),
            ("pets", "Pets"),
        ] {
            assert_eq!(words(name), expected);
        }
    }
}
