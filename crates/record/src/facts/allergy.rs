//! Allergies: the same substance, whenever it was told. A person is allergic to it or is not; when a source wrote it down
//! does not make it another allergy. "None known" is a fact of its own, and so is silence.

use serde_json::{Map, Value};

use super::keys::{NO_KNOWN_ALLERGY, words};
use super::{Rule, Standing, Telling, unequal};
use crate::paths::{first_text, walk};

pub(super) static RULE: Rule = Rule {
    kind: "allergy",
    keys,
    same: |_, _| true,
    compare: &[("status", unequal), ("severity", unequal), ("reaction", reactions_differ)],
    standing,
};

/// What is said around the substance.
const AROUND: &[&str] = &[
    "adverse",
    "reaction",
    "reactions",
    "to",
    "allergy",
    "allergic",
    "allergies",
    "intolerance",
    "intolerant",
    "hypersensitivity",
    "propensity",
    "drug",
    "food",
    "substance",
    "product",
    "containing",
    "class",
    "of",
    "antibiotic",
    "antibacterial",
    "h",
    "o",
    "history",
    "due",
    "and",
    "or",
];

/// Words by which a source says that there is none, where it has no code for it.
const NONE_KNOWN: &[&str] = &["no known", "nil known", "none known", "nka", "nkda", "no allergies"];

fn keys(telling: &Telling) -> Vec<String> {
    if telling.compared == NONE {
        return vec!["none known".to_owned()];
    }
    let mut out = Vec::new();
    for name in &telling.names {
        match name.strip_prefix("text ") {
            Some(text) => out.push(substance(text)),
            None => out.push(name.clone()),
        }
    }
    if out.is_empty() {
        out.push(substance(&words(&telling.title)));
    }
    out.retain(|key| !key.is_empty());
    out
}

/// Mark of a telling that there is none.
const NONE: &str = "none";

fn substance(text: &str) -> String {
    let kept: Vec<String> = text
        .split(' ')
        .filter(|word| !AROUND.contains(word))
        .map(|word| {
            let singular = word.strip_suffix('s').filter(|w| w.len() > 2 && !w.ends_with(['s', 'u', 'i']));
            singular.unwrap_or(word).to_owned()
        })
        .collect();
    kept.join(" ")
}

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    let mut none = false;
    walk(map, "code.coding.code", &mut |v| {
        none |= v.as_str().is_some_and(|code| NO_KNOWN_ALLERGY.contains(&code));
    });
    let title = words(&telling.title);
    none |= NONE_KNOWN.iter().any(|text| title == *text || title.starts_with(&format!("{text} ")));
    telling.compared = if none { NONE.to_owned() } else { String::new() };
    let verified = first_text(map, &["verificationStatus.coding.code"]);
    let clinical = first_text(map, &["clinicalStatus.coding.code"]);
    let status = if verified == "refuted" { verified } else { clinical };
    telling.aspects.insert("status", status.to_owned());
    let severity = match first_text(map, &["reaction.severity"]) {
        "" => match first_text(map, &["criticality"]) {
            "unable-to-assess" => "",
            other => other,
        },
        told => told,
    };
    let severity = match severity {
        "high" | "severe" => "severe",
        "low" | "mild" => "mild",
        other => other,
    };
    telling.aspects.insert("severity", severity.to_owned());
    let mut reactions: Vec<String> = Vec::new();
    for path in ["reaction.manifestation.text", "reaction.manifestation.coding.display"] {
        walk(map, path, &mut |v| {
            let text = v.as_str().unwrap_or("").to_lowercase();
            if !text.is_empty() && !reactions.contains(&text) {
                reactions.push(text);
            }
        });
        if !reactions.is_empty() {
            break;
        }
    }
    telling.aspects.insert("reaction", reactions.join(", "));
}

/// Whether no reaction that one tells is told by the other.
fn reactions_differ(a: &str, b: &str) -> bool {
    !a.split(", ").any(|x| b.split(", ").any(|y| x.contains(y) || y.contains(x)))
}

fn standing(tellings: &[Telling], _: &str) -> (Standing, String) {
    if tellings.iter().all(|t| t.compared == NONE) {
        return (Standing::NoneKnown, String::new());
    }
    let of = |t: &Telling| match t.aspects.get("status").map_or("", String::as_str) {
        "refuted" => Standing::Refuted,
        "inactive" | "resolved" => Standing::Past,
        _ => Standing::Current,
    };
    let all: Vec<Standing> = tellings.iter().map(of).collect();
    match all.first() {
        Some(first) if all.iter().all(|s| s == first) => (*first, String::new()),
        // An allergy that any source still holds to be true is warned of.
        _ => (Standing::Unclear, "the sources disagree whether it still holds".to_owned()),
    }
}
