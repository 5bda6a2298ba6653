//! What R4 has no element for, second values of a choice, one value where R4 has a list and a list where it has one, words where
//! it has a data type: never written as if they were FHIR. An element of an earlier version that says that something was not done
//! becomes the status that says so.

use causeway_adapter::Rule;
use causeway_core::{Leaf, Outcome};
use causeway_fhir::systems::{self, CAUSEWAY};
use causeway_fhir::types::DATA_ABSENT_REASON;
use causeway_json::{Kind, Node};
use causeway_profile::schema::{Field, Shape, TypeRef};
use serde_json::{Map, Value, json};

use crate::rules;

/// Values of one element that are kept beside it in extensions, each of which takes a hundred times its bytes of memory.
const BESIDE_MAX: usize = 1_000;

/// Elements of DSTU2 and STU3 by which something was not done, with R4's element and what it says then. Source: HL7's version
/// maps from R2 and R3.
const NOT_DONE: [(&str, &[&str], &str, &str); 8] = [
    ("Immunization", &["notGiven", "wasNotGiven"], "status", "not-done"),
    ("Procedure", &["notDone", "notPerformed"], "status", "not-done"),
    ("Communication", &["notDone"], "status", "not-done"),
    ("MedicationAdministration", &["notGiven", "wasNotGiven"], "status", "not-done"),
    ("MedicationDispense", &["notDone"], "status", "declined"),
    ("MedicationStatement", &["taken", "wasNotTaken"], "status", "not-taken"),
    ("FamilyMemberHistory", &["notDone"], "status", "health-unknown"),
    ("CarePlan.activity.detail", &["prohibited"], "doNotPerform", "true"),
];

/// Elements of STU3 that R4 calls otherwise and takes as they are. Source: HL7's version maps from R3.
const RENAMED: [(&str, &str, &str); 10] = [
    ("MedicationAdministration", "reasonNotGiven", "statusReason"),
    ("MedicationAdministration", "prescription", "request"),
    ("MedicationStatement", "reasonNotTaken", "statusReason"),
    ("Procedure", "notDoneReason", "statusReason"),
    ("Communication", "notDoneReason", "statusReason"),
    ("AllergyIntolerance", "assertedDate", "recordedDate"),
    ("Condition", "assertedDate", "recordedDate"),
    ("Observation", "comment", "note"),
    ("Goal", "status", "lifecycleStatus"),
    ("Observation", "context", "encounter"),
];

/// R4's name for an element of STU3, where an object has no such element yet.
fn renamed(ty: TypeRef, key: &str, has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let found = RENAMED.iter().find(|(name, from, _)| *name == ty.name() && *from == key);
    found.map(|(_, _, to)| *to).filter(|to| !has(to))
}

/// The code system of a status that STU3 has as a code, and R4 as a concept.
fn status_system(owner: TypeRef, key: &str) -> Option<&'static str> {
    Some(match (owner.name(), key) {
        ("Condition", "clinicalStatus") => systems::CONDITION_CLINICAL,
        ("Condition", "verificationStatus") => systems::CONDITION_VERIFICATION,
        ("AllergyIntolerance", "clinicalStatus") => systems::ALLERGY_CLINICAL,
        ("AllergyIntolerance", "verificationStatus") => systems::ALLERGY_VERIFICATION,
        _ => return None,
    })
}

/// What an object's elements forbid each other (con-4, con-5, ait-2, obs-6): the elements that go, and what is told.
fn forbidden(
    ty: TypeRef,
    code: impl Fn(&str) -> String,
    has: impl Fn(&str) -> bool,
) -> Vec<(&'static str, Rule)> {
    const ENDS: [&str; 5] =
        ["abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString"];
    const VALUES: [&str; 11] = [
        "valueQuantity",
        "valueCodeableConcept",
        "valueString",
        "valueBoolean",
        "valueInteger",
        "valueRange",
        "valueRatio",
        "valueSampledData",
        "valueTime",
        "valueDateTime",
        "valuePeriod",
    ];
    let mut found = Vec::new();
    if ty.name() == "Observation" && has("dataAbsentReason") && VALUES.into_iter().any(&has) {
        found.push(("dataAbsentReason", rules::ABSENT_BESIDE));
    }
    if !matches!(ty.name(), "Condition" | "AllergyIntolerance") {
        return found;
    }
    let is_error = code("verificationStatus") == "entered-in-error";
    if is_error && has("clinicalStatus") {
        found.push(("clinicalStatus", rules::STATUS_OF_ERROR));
    } else if matches!(code("clinicalStatus").as_str(), "active" | "recurrence" | "relapse") {
        found.extend(ENDS.into_iter().filter(|end| has(end)).map(|end| (end, rules::ABATED_ACTIVE)));
    }
    found
}

/// R4's element for what an element says was not done.
fn not_done(ty: TypeRef, key: &str) -> Option<(&'static str, &'static str)> {
    let found = NOT_DONE.iter().find(|(name, keys, ..)| *name == ty.name() && keys.contains(&key));
    found.map(|(_, _, element, code)| (*element, *code))
}

/// What such an element decides about the status.
enum Decided {
    /// That it says that something was not done.
    NotDone,
    /// Nothing: it stands as it is.
    Stands,
    /// That it is not known, for the element can't be read.
    Unknown,
    /// Nothing, though the element can't be read: the status says that all of it was entered in error.
    StandsUnread,
}

/// What the words of such an element decide beside a status as it came.
fn decided(key: &str, words: &str, status: &str) -> Decided {
    let is_error = status.trim().eq_ignore_ascii_case("entered-in-error");
    // A JSON `null` says nothing.
    let said = if words == "null" { Some(false) } else { causeway_stu3::says_not_done(key, words) };
    match said {
        Some(true) if !is_error => Decided::NotDone,
        Some(_) => Decided::Stands,
        None if is_error => Decided::StandsUnread,
        None => Decided::Unknown,
    }
}

/// A status that may be the opposite of what happened is not known.
fn undecided(object: &mut Map<String, Value>, ty: TypeRef, element: &str) {
    if element != "status" {
        return;
    }
    object.shift_remove(element);
    if ty.field(element).is_some_and(|field| field.allows("unknown")) {
        object.insert(element.to_owned(), json!("unknown"));
    } else {
        let absent = json!({"extension": [{"url": DATA_ABSENT_REASON, "valueCode": "unknown"}]});
        object.insert("_status".to_owned(), absent);
    }
}

/// Whether R4 has an element of this name there.
fn is_known(ty: TypeRef, key: &str) -> bool {
    key == "resourceType"
        || crate::xml::is_foreign(key)
        || ty.field(key.strip_prefix('_').unwrap_or(key)).is_some()
}

/// The names of an object's members that are values of a choice of which there is another, in the order of the source, each
/// with whether it stands. A boolean gives way to a value that says more; one that denies it stands against it, and neither is
/// written.
fn choices<'k>(ty: TypeRef, members: impl Iterator<Item = (&'k str, Option<bool>)>) -> Vec<(&'k str, bool)> {
    let mut all: Vec<(&str, &str, Option<bool>)> = Vec::new();
    for (key, boolean) in members {
        if let Some(choice) = ty.field(key).and_then(|field| field.choice()) {
            all.push((choice, key, boolean));
        }
    }
    let mut found = Vec::new();
    for (choice, key, boolean) in &all {
        let of = || all.iter().filter(|(other, ..)| other == choice);
        if of().count() < 2 {
            continue;
        }
        let denied = of().any(|(_, _, boolean)| *boolean == Some(false));
        let first = of().find(|(_, _, boolean)| boolean.is_none()).or_else(|| of().next());
        let stands = !denied && boolean.is_none() && first.is_some_and(|(_, other, _)| other == key);
        found.push((*key, stands));
    }
    found
}

/// Words in the place of a data type, as the type takes them.
fn of_words(owner: TypeRef, key: &str, field: Field, words: &str) -> Option<Value> {
    let code = words.trim().to_ascii_lowercase();
    if let Some(system) = status_system(owner, key).filter(|_| field.allows(&code)) {
        return Some(json!({"coding": [{"system": system, "code": code}]}));
    }
    let is_address =
        |words: &str| words.starts_with(['#', '/']) || words.contains('/') || words.starts_with("urn:");
    match field.ty().name() {
        "CodeableConcept" | "Annotation" | "HumanName" | "Address" => Some(json!({"text": words})),
        "Reference" if is_address(words) && !words.contains(' ') => Some(json!({"reference": words})),
        "Reference" => Some(json!({"display": words})),
        _ => None,
    }
}

/// Puts one value into a list or takes it out of one, and words into the data type that holds them; whether there was anything.
fn reshape(object: &mut Map<String, Value>, ty: TypeRef) -> bool {
    let mut changed = false;
    let mut more = Vec::new();
    for (key, value) in object.iter_mut() {
        let Some(field) = ty.field(key).filter(|_| key != "resourceType") else { continue };
        let words = |value: &Value| {
            let text =
                value.as_str().filter(|text| !text.trim().is_empty() && field.shape() == Shape::Object)?;
            of_words(ty, key, field, text)
        };
        if let Value::Array(list) = value {
            for (one, typed) in list.iter_mut().filter_map(|one| words(one).map(|typed| (one, typed))) {
                *one = typed;
                changed = true;
            }
        } else if let Some(typed) = words(value) {
            *value = typed;
            changed = true;
        }
        let fits = value.is_array() == field.repeats() || value.is_null();
        if fits {
            continue;
        }
        changed = true;
        *value = match value.take() {
            Value::Array(list) => {
                let mut all = list.into_iter();
                let first = all.next().unwrap_or(Value::Null);
                all.take(BESIDE_MAX).for_each(|other| plain(&other, key, &mut more));
                first
            }
            one => Value::Array(vec![one]),
        };
    }
    if changed {
        object.retain(|_, value| !value.is_null());
    }
    if ty.field("extension").is_some() {
        more.into_iter().for_each(|(item, text)| beside(object, &item, "String", Value::String(text)));
    }
    changed
}

/// What [`reshape`] changes about a member, for the account.
fn reshaped<'t>(owner: TypeRef, child: Node<'t>, field: Field, found: &mut Vec<Told<'t>>) {
    let repaired =
        |node: Node<'t>| node.first_leaf().map(|leaf| (leaf, Some(rules::VALUE_REPAIRED), Outcome::Mapped));
    let typed = |node: Node<'t>| {
        let words = node.string().filter(|text| !text.trim().is_empty() && field.shape() == Shape::Object);
        words.and_then(|text| of_words(owner, child.name(), field, text)).is_some()
    };
    for one in child.elements().chain((!child.is_array()).then_some(child)).filter(|one| typed(*one)) {
        found.extend(repaired(one));
    }
    if child.is_array() == field.repeats() || child.kind() == Kind::Null {
        return;
    }
    found.extend(repaired(child));
    for (number, more) in child.elements().skip(1).enumerate() {
        let is_beyond = number >= BESIDE_MAX;
        let kept = owner.field("extension").is_some() && !is_beyond;
        for (at, leaf) in more.leaves().enumerate() {
            let told = match (at, is_beyond) {
                (0, false) => Some(rules::ONCE),
                (0, true) if number == BESIDE_MAX => Some(rules::MANY_BESIDE),
                _ => None,
            };
            found.push((leaf, told, if kept { Outcome::MappedWithLoss } else { Outcome::Unsupported }));
        }
    }
}

/// Takes what R4 has no element for out of an object, and second values of a choice into an extension; whether there was any.
pub(crate) fn mend(object: &mut Map<String, Value>, ty: TypeRef) -> bool {
    let names: Vec<(String, &str)> = object
        .keys()
        .filter(|key| !is_known(ty, key))
        .filter_map(|key| Some((key.clone(), renamed(ty, key, |to| object.contains_key(to))?)))
        .collect();
    for (from, to) in &names {
        if let Some(value) = object.shift_remove(from) {
            object.insert((*to).to_owned(), value);
        }
    }
    let blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let before = object.len();
    object.retain(|_, value| !blank(value));
    let reshaped = reshape(object, ty) | !names.is_empty() | (object.len() < before);
    let told = forbidden(ty, |key| code_of(object.get(key)), |key| object.contains_key(key));
    for (key, rule) in &told {
        let value = object.shift_remove(*key);
        if let (Some(value), true) = (value, rule.id != rules::STATUS_OF_ERROR.id) {
            beside(object, key, key.strip_prefix("abatement").unwrap_or("CodeableConcept"), value);
        }
    }
    let reshaped = reshaped | !told.is_empty();
    let strays: Vec<String> = object.keys().filter(|key| !is_known(ty, key)).cloned().collect();
    let said = object.iter().map(|(key, value)| (key.as_str(), value.as_bool()));
    let seconds: Vec<String> =
        choices(ty, said).into_iter().filter(|(_, stands)| !stands).map(|(key, _)| key.to_owned()).collect();
    for key in &strays {
        let value = object.shift_remove(key);
        if let Some(why) = value.as_ref().and_then(|value| reason_of(ty, key, value)) {
            object.entry("statusReason").or_insert(why);
        }
        if let Some(value) =
            value.as_ref().filter(|_| not_done(ty, key).is_none() && ty.field("extension").is_some())
        {
            let mut found = Vec::new();
            plain(value, key, &mut found);
            found.truncate(BESIDE_MAX);
            found.into_iter().for_each(|(item, text)| beside(object, &item, "String", Value::String(text)));
        }
        let words = match value {
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
            None => continue,
        };
        let Some((element, code)) = not_done(ty, key) else { continue };
        match decided(key, &words, &code_of(object.get(element))) {
            Decided::NotDone => {
                let value = if code == "true" { json!(true) } else { json!(code) };
                object.insert(element.to_owned(), value);
            }
            Decided::Unknown => undecided(object, ty, element),
            Decided::Stands | Decided::StandsUnread => {}
        }
    }
    // UK Core wants to know why a vaccination was not given.
    let was_not_done = strays.iter().any(|key| not_done(ty, key).is_some())
        && object.get("status") == Some(&json!("not-done"));
    if was_not_done && ty.name() == "Immunization" {
        let unknown =
            json!({"coding": [{"system": systems::DATA_ABSENT, "code": "unknown", "display": "Unknown"}]});
        object.entry("statusReason").or_insert(unknown);
    }
    for key in &seconds {
        let choice = ty.field(key).and_then(|field| field.choice()).unwrap_or_default();
        let Some(value) = object.shift_remove(key) else { continue };
        beside(object, key, key.strip_prefix(choice).unwrap_or(key), value);
    }
    reshaped || !strays.is_empty() || !seconds.is_empty()
}

/// Why a vaccination was not given, as STU3 has it within its explanation.
fn reason_of(ty: TypeRef, key: &str, explanation: &Value) -> Option<Value> {
    let is_explained = ty.name() == "Immunization" && key == "explanation";
    explanation["reasonNotGiven"].get(0).filter(|_| is_explained).cloned()
}

/// Keeps a value in an extension of its object, under the name that the source gives it.
fn beside(object: &mut Map<String, Value>, item: &str, kind: &str, value: Value) {
    let kept = json!({"url": format!("{CAUSEWAY}/StructureDefinition/source-value"), "extension": [
        {"url": "item", "valueString": item},
        {"url": "value", (format!("value{kind}")): value},
    ]});
    match object.get_mut("extension").and_then(Value::as_array_mut) {
        Some(list) => list.push(kept),
        None => {
            object.insert("extension".to_owned(), json!([kept]));
        }
    }
}

/// The plain values below a value, each with its name from there.
fn plain(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| plain(value, &format!("{name}.{key}"), found))
        }
        Value::Array(list) => list.iter().for_each(|value| plain(value, name, found)),
        Value::Null => {}
        Value::String(text) if text.trim().is_empty() => {}
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        other => found.push((name.to_owned(), other.to_string())),
    }
}

/// The code of a status, as a concept or still as a code.
fn code_of(status: Option<&Value>) -> String {
    let code = status.and_then(|s| s.as_str().or_else(|| s["coding"][0]["code"].as_str()));
    code.unwrap_or_default().trim().to_ascii_lowercase()
}

/// An item that [`mend`] changes something about, with what is told of it and said in the account.
pub(crate) type Told<'t> = (Leaf<'t>, Option<Rule>, Outcome);

/// What [`mend`] changes, for the account.
pub(crate) fn mended<'t>(node: Node<'t>, ty: TypeRef, found: &mut Vec<Told<'t>>) {
    for (key, child) in node.members().filter(|(key, _)| !is_known(ty, key)) {
        if renamed(ty, key, |to| node.get(to).is_some()).is_some() {
            let first = child.first_leaf();
            found.extend(first.map(|leaf| (leaf, Some(rules::VALUE_REPAIRED), Outcome::Mapped)));
            continue;
        }
        let flag = child.leaf().and_then(|leaf| not_done(ty, key).map(|(element, _)| (element, leaf)));
        let of_status = |leaf: Leaf<'t>, element: &str| {
            let status = node.leaf_of(element);
            (leaf, decided(key, leaf.text, status.map_or("", |status| status.text)), status)
        };
        match flag.map(|(element, leaf)| of_status(leaf, element)) {
            Some((leaf, Decided::NotDone, status)) => {
                found.push((leaf, Some(rules::NOT_DONE), Outcome::Mapped));
                found.extend(status.map(|leaf| (leaf, None, Outcome::Unsupported)));
            }
            Some((leaf, Decided::Unknown, status)) => {
                found.push((leaf, Some(rules::FLAG_UNREADABLE), Outcome::Decides));
                found.extend(status.map(|leaf| (leaf, None, Outcome::Unsupported)));
            }
            Some((leaf, Decided::Stands, _)) => found.push((leaf, None, Outcome::Decides)),
            Some((leaf, Decided::StandsUnread, _)) => {
                found.push((leaf, Some(rules::FLAG_UNREADABLE), Outcome::Decides));
            }
            None => {
                let leaves = child.leaves().filter(|leaf| !leaf.is_blank()).enumerate();
                let has_extension = ty.field("extension").is_some();
                found.extend(leaves.map(|(at, leaf)| {
                    let told = match at {
                        0 => Some(rules::NO_PLACE),
                        BESIDE_MAX => Some(rules::MANY_BESIDE),
                        _ => None,
                    };
                    let kept = has_extension && at < BESIDE_MAX;
                    (leaf, told, if kept { Outcome::MappedWithLoss } else { Outcome::Unsupported })
                }));
            }
        }
    }
    for (key, child) in node.members().filter(|(key, _)| *key != "resourceType") {
        if let Some(field) = ty.field(key) {
            reshaped(ty, child, field, found);
        }
    }
    let code = |key: &str| {
        let status = node.get(key);
        let coding = status.and_then(|s| s.get("coding")).and_then(|c| c.elements().next());
        let code = status.and_then(Node::string).or_else(|| coding.and_then(|c| c.string_of("code")));
        code.unwrap_or_default().trim().to_ascii_lowercase()
    };
    for (key, rule) in forbidden(ty, code, |key| node.get(key).is_some()) {
        let kept = rule.id != rules::STATUS_OF_ERROR.id;
        let outcome = if kept { Outcome::MappedWithLoss } else { Outcome::Unsupported };
        for (at, leaf) in node.get(key).into_iter().flat_map(Node::leaves).enumerate() {
            found.push((leaf, (at == 0).then_some(rule), outcome));
        }
    }
    let said = node.members().map(|(key, child)| (key, boolean(child)));
    for (key, stands) in choices(ty, said) {
        let first = node.get(key).and_then(|child| child.first_leaf());
        found.extend(
            first.filter(|_| !stands).map(|leaf| (leaf, Some(rules::CHOICE_TWICE), Outcome::MappedWithLoss)),
        );
    }
}

fn boolean(node: Node<'_>) -> Option<bool> {
    match node.kind() {
        Kind::True => Some(true),
        Kind::False => Some(false),
        _ => None,
    }
}
