//! People around the person: the same name, and nothing against it, or the same telephone and a name that can be
//! theirs. A household shares a telephone, so a number alone joins nobody.

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Telling, told, unequal};
use crate::describe;
use crate::matching::is_form_of;
use crate::paths::{first_text, walk};

pub(super) static RULE: Rule = Rule {
    kind: "contact",
    keys,
    same,
    compare: &[("relationship", relations_differ), ("telephone", telephones_differ), ("address", unequal)],
    standing: told,
};

/// Titles that are no part of a name.
const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "rev", "mx"];

fn name_words(telling: &Telling) -> Vec<String> {
    telling.compared.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn keys(telling: &Telling) -> Vec<String> {
    let mut out: Vec<String> = telling
        .aspects
        .get("telephone")
        .map(|all| all.split(", ").filter(|t| !t.is_empty()).map(|t| format!("tel {}", digits(t))).collect())
        .unwrap_or_default();
    if let Some(family) = name_words(telling).last() {
        out.push(format!("family {family}"));
    }
    out
}

/// The last nine digits: `+44 1632` and `01632` are one number.
fn digits(text: &str) -> String {
    let all: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    all.iter().skip(all.len().saturating_sub(9)).collect()
}

fn same(a: &Telling, b: &Telling) -> bool {
    let (x, y) = (name_words(a), name_words(b));
    let (Some((family_a, given_a)), Some((family_b, given_b))) = (x.split_last(), y.split_last()) else {
        return false;
    };
    if family_a != family_b {
        return false;
    }
    match (given_a.first(), given_b.first()) {
        (Some(p), Some(q)) if p == q => !relations_exclude(a, b),
        // A short form or an initial is the same person where the relationship or the telephone says so.
        (Some(p), Some(q)) if is_form_of(p, q) => {
            !relations_exclude(a, b) && (shares_telephone(a, b) || same_relation(a, b))
        }
        (None, _) | (_, None) => same_relation(a, b) && shares_telephone(a, b),
        _ => false,
    }
}

fn shares_telephone(a: &Telling, b: &Telling) -> bool {
    let of = |t: &Telling| -> Vec<String> {
        t.aspects.get("telephone").map(|all| all.split(", ").map(digits).collect()).unwrap_or_default()
    };
    of(a).iter().any(|x| !x.is_empty() && of(b).contains(x))
}

fn relation(t: &Telling) -> &str {
    t.aspects.get("relationship").map_or("", String::as_str)
}

fn same_relation(a: &Telling, b: &Telling) -> bool {
    !relation(a).is_empty() && group(relation(a)) == group(relation(b))
}

/// Father and son can bear one name.
fn relations_exclude(a: &Telling, b: &Telling) -> bool {
    let (x, y) = (group(relation(a)), group(relation(b)));
    let exact = ["parent", "child", "partner", "sibling", "grandchild", "neighbour"];
    x != y && exact.contains(&x) && exact.contains(&y) && !shares_telephone(a, b)
}

/// A relationship in the words that are compared.
fn group(text: &str) -> &str {
    let text = text.trim();
    match text {
        "daughter" | "son" | "child" | "natural child" | "dau" | "dauc" | "natural daughter"
        | "natural son" => "child",
        "mother" | "father" | "parent" => "parent",
        "wife" | "husband" | "spouse" | "partner" | "domestic partner" | "civil partner" => "partner",
        "brother" | "sister" | "sibling" => "sibling",
        "grandson" | "granddaughter" | "grandchild" => "grandchild",
        "neighbor" | "neighbour" => "neighbour",
        other => other,
    }
}

fn relations_differ(a: &str, b: &str) -> bool {
    // A role such as next of kin says nothing against a kinship.
    let kin = ["parent", "child", "partner", "sibling", "grandchild", "neighbour", "friend"];
    let (x, y) = (group(a), group(b));
    x != y && kin.contains(&x) && kin.contains(&y)
        || (a != b && x == y && ["son", "daughter"].contains(&a) && ["son", "daughter"].contains(&b))
}

fn telephones_differ(a: &str, b: &str) -> bool {
    !a.split(", ").any(|x| b.split(", ").any(|y| digits(x) == digits(y)))
}

pub(super) fn aspects(map: &Map<String, Value>, telling: &mut Telling) {
    let name = words(&describe::name(map));
    let name: Vec<&str> = name.split(' ').filter(|w| !TITLES.contains(w)).collect();
    telling.compared = name.join(" ");
    let relation =
        first_text(map, &["relationship.text", "relationship.coding.display", "relationship.coding.code"]);
    telling.aspects.insert("relationship", relation.to_lowercase());
    let mut telephones: Vec<String> = Vec::new();
    for telecom in map.get("telecom").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| telecom.get(name).and_then(Value::as_str).unwrap_or("");
        if text("system") == "phone" && !text("value").is_empty() {
            telephones.push(text("value").to_owned());
        }
    }
    telling.aspects.insert("telephone", telephones.join(", "));
    let mut postcode = String::new();
    walk(map, "address.postalCode", &mut |v| postcode = words(v.as_str().unwrap_or("")).replace(' ', ""));
    telling.aspects.insert("address", postcode);
}
