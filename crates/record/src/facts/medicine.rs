//! Medicines: the same drug by the same kind of route, whatever the strength: plan, issue, administration and stop, in
//! the practice, the hospital, the summary and the home. That a source gives another strength or dose is the very thing a
//! reader must see side by side, so it does not part them; another route does (eye drops are no tablets).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::keys::words;
use super::{Rule, Standing, Telling, source_key};
use crate::paths::first_text;

pub(super) static RULE: Rule = Rule {
    kind: "medicine",
    keys,
    same,
    compare: &[("dose", doses_differ), ("state", super::unequal)],
    standing,
};

/// Days after which an issue alone no longer says that a medicine is taken.
const ISSUE_DAYS: i64 = 183;

/// Words of form and packing, no part of a drug's name.
const FORMS: &[&str] = &[
    "tablet",
    "tablets",
    "tab",
    "tabs",
    "capsule",
    "capsules",
    "cap",
    "caps",
    "oral",
    "solution",
    "suspension",
    "syrup",
    "liquid",
    "drops",
    "drop",
    "eye",
    "ear",
    "nasal",
    "spray",
    "inhaler",
    "evohaler",
    "accuhaler",
    "turbohaler",
    "cream",
    "ointment",
    "gel",
    "lotion",
    "patch",
    "patches",
    "injection",
    "injections",
    "pen",
    "cartridge",
    "prefilled",
    "pre",
    "filled",
    "suppositories",
    "suppository",
    "pessary",
    "pessaries",
    "sachet",
    "sachets",
    "powder",
    "granules",
    "modified",
    "release",
    "mr",
    "sr",
    "xl",
    "la",
    "gastro",
    "resistant",
    "ec",
    "dispersible",
    "effervescent",
    "chewable",
    "orodispersible",
    "caplets",
    "soluble",
    "dose",
    "unit",
    "free",
    "sugar",
    "breath",
    "actuated",
    "cfc",
    "dry",
    "transdermal",
    "scalp",
    "shampoo",
    "mouthwash",
    "enema",
    "foam",
    "nebuliser",
    "infusion",
    "vial",
    "ampoule",
];

/// Route by a word of the form.
const ROUTES: &[(&str, &[&str])] = &[
    ("eye", &["eye"]),
    ("ear", &["ear"]),
    ("nose", &["nasal"]),
    ("inhaled", &["inhaler", "evohaler", "accuhaler", "turbohaler", "nebuliser", "breath"]),
    ("skin", &["cream", "ointment", "gel", "lotion", "scalp", "shampoo"]),
    ("patch", &["patch", "patches", "transdermal"]),
    (
        "injected",
        &["injection", "injections", "pen", "cartridge", "prefilled", "infusion", "vial", "ampoule"],
    ),
    ("rectal", &["suppositories", "suppository", "enema"]),
    ("vaginal", &["pessary", "pessaries"]),
    (
        "mouth",
        &[
            "tablet",
            "tablets",
            "tab",
            "tabs",
            "capsule",
            "capsules",
            "cap",
            "caps",
            "oral",
            "syrup",
            "caplets",
            "sachet",
            "sachets",
            "suspension",
            "liquid",
            "dispersible",
            "effervescent",
            "orodispersible",
        ],
    ),
];

/// The drug's name without strength and form: what stands before the first number. Empty where nothing is left.
pub(super) fn drug(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        if number && kept.is_empty() {
            continue;
        }
        if number {
            break;
        }
        if !FORMS.contains(&word) && !UNITS.contains(&word) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// Units, which stand alone where a source writes `5 mg`.
const UNITS: &[&str] =
    &["mg", "g", "microgram", "micrograms", "mcg", "ml", "units", "unit", "percent", "nanogram", "nanograms"];

fn route(text: &str) -> &'static str {
    let has = |words: &[&str]| text.split(' ').any(|word| words.contains(&word));
    ROUTES.iter().find(|(_, words)| has(words)).map_or("", |(route, _)| route)
}

fn drugs(telling: &Telling) -> Vec<String> {
    let mut out: Vec<String> =
        telling.names.iter().filter_map(|n| n.strip_prefix("text ")).map(drug).collect();
    out.push(drug(&words(&telling.title)));
    out.retain(|d| !d.is_empty());
    out.sort();
    out.dedup();
    out
}

fn keys(telling: &Telling) -> Vec<String> {
    let codes = telling.names.iter().filter(|n| !n.starts_with("text ")).cloned();
    codes.chain(drugs(telling).into_iter().map(|d| format!("drug {d}"))).collect()
}

fn same(a: &Telling, b: &Telling) -> bool {
    let code = a.names.iter().any(|n| !n.starts_with("text ") && b.names.contains(n));
    let (x, y) = (drugs(a), drugs(b));
    let drug = x.iter().any(|d| y.contains(d));
    let (p, q) = (route_of(a), route_of(b));
    (code || drug) && (p.is_empty() || q.is_empty() || p == q)
}

fn route_of(telling: &Telling) -> &'static str {
    let by_title = route(&words(&telling.title));
    let told = || route(telling.aspects.get("route").map_or("", String::as_str));
    if by_title.is_empty() { told() } else { by_title }
}

pub(super) fn aspects(kind: &str, map: &Map<String, Value>, telling: &mut Telling) {
    let dosage = first_text(map, &["dosageInstruction.text", "dosage.text"]);
    let amount = quantity(map);
    let dose = if dosage.is_empty() { amount } else { dosage.to_owned() };
    let state = state(kind, map);
    // What is over says nothing of the dose now; a strength in the name does, where no dose is told.
    if state == "current" || state == "unclear" {
        let strength = strength(&clean(&telling.title));
        let whole = match (strength.is_empty(), dose.is_empty()) {
            (true, _) => dose.clone(),
            (_, true) => strength,
            _ => format!("{strength}, {dose}"),
        };
        telling.aspects.insert("dose", whole);
    }
    let route = first_text(
        map,
        &[
            "dosageInstruction.route.text",
            "dosageInstruction.route.coding.display",
            "dosage.route.text",
            "dosage.route.coding.display",
        ],
    );
    telling.aspects.insert("route", words(route));
    let until = first_text(
        map,
        &[
            "effectivePeriod.end",
            "dosageInstruction.timing.repeat.boundsPeriod.end",
            "dispenseRequest.validityPeriod.end",
        ],
    );
    telling.aspects.insert("until", until.to_owned());
    if matches!(state, "current" | "stopped") {
        telling.aspects.insert("state", state.to_owned());
    }
    state.clone_into(&mut telling.compared);
}

fn quantity(map: &Map<String, Value>) -> String {
    for element in ["dosageInstruction", "dosage"] {
        let list = match map.get(element) {
            Some(Value::Array(list)) => list.first(),
            one => one,
        };
        let dose = list.and_then(|d| {
            let rate = d.get("doseAndRate").and_then(Value::as_array).and_then(|r| r.first());
            rate.and_then(|r| r.get("doseQuantity")).or_else(|| d.get("dose"))
        });
        if let Some(dose) = dose.and_then(Value::as_object)
            && let Some(value) = dose.get("value")
        {
            return format!("{value} {}", first_text(dose, &["unit", "code"])).trim().to_owned();
        }
    }
    String::new()
}

/// What one telling says of now: `current`, `stopped`, `planned`, `issued`, `not issued`, `given`, `given in part`,
/// `not given`, `told` (of a dose or an issue, whose outcome is not said) or `unclear`.
fn state(kind: &str, map: &Map<String, Value>) -> &'static str {
    let status = first_text(map, &["status"]);
    if map.get("doNotPerform").and_then(Value::as_bool) == Some(true) {
        return "stopped";
    }
    match kind {
        // What is not said to have been given or handed out is not shown so.
        "MedicationAdministration" => {
            return match status {
                "completed" | "in-progress" => "given",
                "not-done" => "not given",
                "stopped" => "given in part",
                _ => "told",
            };
        }
        "MedicationDispense" => {
            return match status {
                "completed" => "issued",
                "declined" | "cancelled" | "stopped" => "not issued",
                _ => "told",
            };
        }
        _ => {}
    }
    let order =
        kind == "MedicationRequest" && first_text(map, &["intent"]) == "order" && map.contains_key("basedOn");
    match status {
        // That an issue is completed says that it was handed out, and not that the medicine was stopped.
        "active" | "completed" if order => "issued",
        "active" => "current",
        "completed" | "stopped" | "cancelled" | "ended" | "not-taken" => "stopped",
        "draft" | "intended" => "planned",
        _ => "unclear",
    }
}

/// What the sources together say. A source is asked for what it says of the medicine as such; issues and doses given say
/// something only where it says nothing else.
fn standing(tellings: &[Telling], today: &str) -> (Standing, String) {
    let mut by_source: BTreeMap<(&str, &str), Vec<&Telling>> = BTreeMap::new();
    for telling in tellings {
        by_source.entry(source_key(&telling.source)).or_default().push(telling);
    }
    // An organisation that speaks through several formats (its summary, its whole record) says now what it said last.
    let mut last: BTreeMap<&str, ((&str, &str), jiff::Timestamp)> = BTreeMap::new();
    for (source, all) in &by_source {
        let heard = all.iter().map(|t| t.source.received).max().unwrap_or_default();
        let speaks = all.iter().any(|t| matches!(t.compared.as_str(), "current" | "stopped"));
        let newest = last.get(source.0).is_none_or(|(_, before)| heard > *before);
        if speaks && newest {
            last.insert(source.0, (*source, heard));
        }
    }
    let mut said: Vec<Standing> = Vec::new();
    let mut weak = Standing::Told;
    for (source, all) in &by_source {
        if last.get(source.0).is_some_and(|(newest, _)| newest != source) {
            continue;
        }
        // What a source calls the person's medicine outweighs its single orders.
        let statements: Vec<&&Telling> = all.iter().filter(|t| t.key.kind == "MedicationStatement").collect();
        let asked: Vec<&&Telling> = if statements.is_empty() { all.iter().collect() } else { statements };
        let has = |state: &str| asked.iter().any(|t| t.compared == state);
        let ended = |t: &&&Telling| t.compared == "current" && is_over(t, today);
        if asked.iter().any(|t| t.compared == "current" && !is_over(t, today)) {
            said.push(Standing::Current);
        } else if has("unclear") || has("planned") || asked.iter().any(ended) {
            said.push(Standing::Unclear);
        } else if has("stopped") {
            said.push(Standing::Past);
        } else if all.iter().any(|t| is_recent(t, today)) {
            weak = Standing::Unclear;
        } else if weak == Standing::Told {
            weak = Standing::Past;
        }
    }
    match said.first() {
        None if weak == Standing::Unclear => (
            Standing::Unclear,
            "only issues or doses given are told, and no source says that it is taken now".to_owned(),
        ),
        None => (weak, String::new()),
        Some(Standing::Unclear) if said.iter().all(|s| *s == Standing::Unclear) => {
            (Standing::Unclear, "no source says clearly whether it is taken now".to_owned())
        }
        Some(first) if said.iter().all(|s| s == first) => (*first, String::new()),
        Some(_) => (Standing::Unclear, "the sources disagree whether it is taken now".to_owned()),
    }
}

fn is_over(telling: &Telling, today: &str) -> bool {
    telling.aspects.get("until").is_some_and(|end| !end.is_empty() && end.get(..10).unwrap_or(end) < today)
}

fn is_recent(telling: &Telling, today: &str) -> bool {
    let day = |text: &str| text.get(..10)?.parse::<jiff::civil::Date>().ok();
    match (telling.day.as_deref().and_then(day), day(today)) {
        (Some(then), Some(now)) => {
            i64::from(then.until(now).map(|s| s.get_days()).unwrap_or(0)) <= ISSUE_DAYS
        }
        _ => false,
    }
}

/// Text as a dose is read: lower case, letters, digits and the point of a decimal, one blank between words.
fn clean(text: &str) -> String {
    let text = text.to_lowercase().replace('½', " half ").replace("1/2", " half ");
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let mut out = String::with_capacity(text.len());
    for (n, c) in chars.iter().enumerate() {
        let point = *c == '.' && digit(n.checked_sub(1)) && digit(Some(n + 1));
        out.push(if c.is_alphanumeric() || point { *c } else { ' ' });
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The strength in a name: `5mg`, `500 microgram`.
fn strength(text: &str) -> String {
    let all: Vec<&str> = text.split(' ').collect();
    for (n, word) in all.iter().enumerate() {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let (number, unit) = word.split_at(end);
        if number.is_empty() {
            continue;
        }
        if UNITS.contains(&unit) {
            return format!("{number}{}", unit_of(unit));
        }
        if unit.is_empty()
            && let Some(next) = all.get(n + 1).filter(|next| UNITS.contains(next))
        {
            return format!("{number}{}", unit_of(next));
        }
    }
    String::new()
}

fn unit_of(unit: &str) -> &str {
    match unit {
        "micrograms" | "mcg" => "microgram",
        "unit" => "units",
        other => other,
    }
}

/// Words of how often, as times a day. The longer ones come first.
const OFTEN: &[(&str, &str)] = &[
    ("four times a day", "4"),
    ("four times daily", "4"),
    ("4 times a day", "4"),
    ("qds", "4"),
    ("qid", "4"),
    ("three times a day", "3"),
    ("three times daily", "3"),
    ("3 times a day", "3"),
    ("tds", "3"),
    ("tid", "3"),
    ("twice a day", "2"),
    ("twice daily", "2"),
    ("two times a day", "2"),
    ("2 times a day", "2"),
    ("bd", "2"),
    ("morning and night", "2"),
    ("morning and evening", "2"),
    ("morning and at night", "2"),
    ("12 hourly", "2"),
    ("once a day", "1"),
    ("once daily", "1"),
    ("every day", "1"),
    ("each day", "1"),
    ("one daily", "one 1"),
    ("1 daily", "1 1"),
    ("daily", "1"),
    ("a day", "1"),
    ("od", "1"),
    ("at night", "1"),
    ("each night", "1"),
    ("nocte", "1"),
    ("in the morning", "1"),
    ("each morning", "1"),
    ("every morning", "1"),
    ("mane", "1"),
    ("on", "1"),
    ("once a week", "w"),
    ("weekly", "w"),
    ("each week", "w"),
];

/// Number words of how many.
const COUNTS: &[(&str, f64)] =
    &[("half", 0.5), ("one", 1.0), ("two", 2.0), ("three", 3.0), ("four", 4.0), ("a", 1.0)];

/// A dose as it is compared: amount each time and times a day; `None` where it can't be read.
fn reading(dose: &str) -> Option<(Option<f64>, String, String)> {
    let text = format!(" {} ", clean(dose));
    let (strength_text, rest) = match dose.split_once(", ") {
        Some((first, rest)) if first.starts_with(|c: char| c.is_ascii_digit()) => {
            (strength(&clean(first)), format!(" {} ", clean(rest)))
        }
        _ => (strength(text.trim()), text.clone()),
    };
    let (phrase, often) = OFTEN.iter().find(|(phrase, _)| rest.contains(&format!(" {phrase} ")))?;
    let often = often.rsplit(' ').next().unwrap_or("").to_owned();
    let before = rest.split(&format!(" {phrase} ")).next().unwrap_or("");
    let mut count = None;
    for word in
        before.split(' ').chain((phrase.starts_with("one ") || phrase.starts_with("1 ")).then_some("one"))
    {
        let named = COUNTS.iter().find(|(w, _)| *w == word).map(|(_, n)| *n);
        let number = word.parse::<f64>().ok().filter(|n| *n <= 20.0);
        count = count.or(named).or(number);
    }
    Some((count, often, strength_text))
}

/// Whether two doses contradict: read where both can be read, else nothing is said.
fn doses_differ(a: &str, b: &str) -> bool {
    if clean(a) == clean(b) {
        return false;
    }
    let (first_a, first_b) = (strength(&clean(a)), strength(&clean(b)));
    match (reading(a), reading(b)) {
        (Some((count_a, often_a, strength_a)), Some((count_b, often_b, strength_b))) => {
            if often_a != often_b {
                return true;
            }
            match (amount(count_a, &strength_a), amount(count_b, &strength_b)) {
                (Some(x), Some(y)) => x != y,
                _ => matches!((count_a, count_b), (Some(x), Some(y)) if (x - y).abs() > f64::EPSILON),
            }
        }
        // Only the strengths can be compared.
        _ => !first_a.is_empty() && !first_b.is_empty() && first_a != first_b,
    }
}

/// Count times strength, in the strength's unit.
fn amount(count: Option<f64>, strength: &str) -> Option<String> {
    let end = strength.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = strength.split_at(end);
    let number: f64 = number.parse().ok()?;
    let (number, unit) = match unit {
        "g" => (number * 1000.0, "mg"),
        "microgram" => (number / 1000.0, "mg"),
        other => (number, other),
    };
    Some(format!("{:.4}{unit}", number * count.unwrap_or(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drug_is_its_name_without_strength_and_form() {
        let of = |text: &str| drug(&words(text));
        assert_eq!(of("Amlodipine 5mg tablets"), "amlodipine");
        assert_eq!(of("AMLODIPINE 10 mg Tab"), "amlodipine");
        assert_eq!(of("Amlodipine"), "amlodipine");
        assert_eq!(of("Insulin glargine 100units/ml solution for injection"), "insulin glargine");
        assert_eq!(of("Co-codamol 8mg/500mg tablets"), "co codamol");
        assert_eq!(of("Salbutamol 100micrograms/dose inhaler CFC free"), "salbutamol");
        assert_eq!(route(&words("Chloramphenicol 1% eye ointment")), "eye");
        assert_eq!(route(&words("Salbutamol 2mg tablets")), "mouth");
    }

    #[test]
    fn what_was_not_given_or_handed_out_is_not_shown_so() {
        let of = |kind: &str, status: &str| {
            let map = serde_json::json!({"status": status});
            state(kind, map.as_object().unwrap())
        };
        assert_eq!(of("MedicationAdministration", "completed"), "given");
        assert_eq!(of("MedicationAdministration", "not-done"), "not given");
        assert_eq!(of("MedicationAdministration", "stopped"), "given in part");
        assert_eq!(of("MedicationAdministration", "unknown"), "told");
        assert_eq!(of("MedicationDispense", "completed"), "issued");
        for status in ["declined", "cancelled", "stopped"] {
            assert_eq!(of("MedicationDispense", status), "not issued");
        }
        assert_eq!(of("MedicationDispense", "preparation"), "told");
    }

    #[test]
    fn doses_are_compared_by_what_they_come_to() {
        let same = [
            ("5mg, One to be taken each day", "5mg, 1 tablet once daily"),
            ("5mg, one daily", "10mg, half a tablet once a day"),
            ("2.5mg, one daily", "2.5 mg, ONE tablet OD"),
            ("500mg, Take one twice a day", "500mg, ONE TABLET TWICE A DAY WITH FOOD"),
            ("5mg", "5mg, take as directed"),
            ("Take as directed", "One daily"),
        ];
        for (a, b) in same {
            assert!(!doses_differ(a, b) && !doses_differ(b, a), "{a} | {b}");
        }
        let other = [
            ("5mg, one daily", "10mg, one daily"),
            ("500mg, one twice a day", "500mg, one three times a day"),
            ("5mg", "10mg"),
            ("2.5mg, one daily", "1.5mg, one daily"),
            ("75mg, one at night", "75mg, two at night"),
        ];
        for (a, b) in other {
            assert!(doses_differ(a, b) && doses_differ(b, a), "{a} | {b}");
        }
    }
}
