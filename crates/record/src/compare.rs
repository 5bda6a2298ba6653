//! One value of a resource against one search value (FHIR R4, search, 3.1.1.4).

use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::dates;
use crate::params::Comparison;
use crate::paths::fold;
use crate::reference::key_of;

/// Whether a value meets a search value.
pub(crate) fn one(kind: Comparison, value: &Value, modifier: &str, wanted: &str) -> bool {
    match kind {
        Comparison::Token => token(value, modifier, wanted),
        Comparison::Date => date(value, wanted),
        Comparison::Text => text(value, modifier, wanted),
        Comparison::Reference => reference(value, modifier, wanted),
        Comparison::Uri => uri(value, modifier, wanted),
        Comparison::Number => number(value, wanted),
        Comparison::Quantity => quantity(value, wanted),
        Comparison::Composite => false,
    }
}

/// A prefix of two letters and the rest; `eq` where there is none.
pub(crate) fn prefixed(text: &str) -> (&str, &str) {
    match text.split_at_checked(2) {
        Some((prefix @ ("eq" | "ne" | "gt" | "lt" | "ge" | "le" | "sa" | "eb" | "ap"), rest)) => {
            (prefix, rest)
        }
        _ => ("eq", text),
    }
}

fn codings(value: &Value) -> Vec<(&str, &str)> {
    match value {
        Value::String(code) => vec![("", code.as_str())],
        Value::Bool(flag) => vec![("", if *flag { "true" } else { "false" })],
        Value::Object(map) => {
            let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or("");
            if let Some(list) = map.get("coding").and_then(Value::as_array) {
                return list.iter().flat_map(codings).collect();
            }
            if map.contains_key("code") {
                return vec![(text("system"), text("code"))];
            }
            if map.contains_key("value") {
                return vec![(text("system"), text("value"))];
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn token(value: &Value, modifier: &str, wanted: &str) -> bool {
    match modifier {
        "text" => {
            let wanted = fold(wanted);
            words_of_token(value).iter().any(|words| fold(words).contains(&wanted))
        }
        "of-type" => {
            let mut parts = wanted.splitn(3, '|');
            let (system, code, own) = (parts.next(), parts.next(), parts.next());
            own.is_some()
                && value["value"].as_str() == own
                && codings(&value["type"]).iter().any(|(s, c)| Some(*s) == system && Some(*c) == code)
        }
        _ => {
            // A code without a system of its own (`code`, `boolean`, ContactPoint) has the one of its binding.
            let plain = !value.is_object() || value.get("use").is_some() && value.get("type").is_none();
            codings(value).iter().any(|(system, code)| match wanted.split_once('|') {
                None => code.eq_ignore_ascii_case(wanted),
                Some(("", own)) => *code == own && system.is_empty(),
                Some((of, "")) => *system == of,
                Some((of, own)) => *code == own && (*system == of || plain && system.is_empty()),
            })
        }
    }
}

fn words_of_token(value: &Value) -> Vec<&str> {
    let mut out: Vec<&str> = ["text", "display"].iter().filter_map(|n| value[*n].as_str()).collect();
    out.extend(value["type"]["text"].as_str());
    out.extend(value["coding"].as_array().into_iter().flatten().filter_map(|c| c["display"].as_str()));
    out
}

/// Whether a range in microseconds meets a date with its prefix.
pub(crate) fn date(value: &Value, wanted: &str) -> bool {
    let (prefix, text) = prefixed(wanted);
    let Some((from, to)) = dates::range(&text.replace(' ', "+")) else { return false };
    let Some((low, high)) = dates::range_of(value) else { return false };
    match prefix {
        "ne" => !(low >= from && high <= to),
        "gt" => high > to,
        "lt" => low < from,
        "ge" => high >= from,
        "le" => low <= to,
        "sa" => low > to,
        "eb" => high < from,
        "ap" => low <= to && high >= from,
        _ => low >= from && high <= to,
    }
}

/// Every text in a value: a name or an address counts with each of its parts.
fn strings<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(list) => list.iter().for_each(|v| strings(v, out)),
        Value::Object(map) => {
            let parts = map
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "use" | "type" | "system" | "extension"));
            parts.filter(|(name, _)| !name.starts_with('_')).for_each(|(_, v)| strings(v, out));
        }
        _ => {}
    }
}

fn text(value: &Value, modifier: &str, wanted: &str) -> bool {
    let mut found = Vec::new();
    strings(value, &mut found);
    let folded = fold(wanted);
    found.iter().any(|text| match modifier {
        "exact" => *text == wanted,
        "contains" => fold(text).contains(&folded),
        _ => fold(text).starts_with(&folded),
    })
}

fn reference(value: &Value, modifier: &str, wanted: &str) -> bool {
    if modifier == "identifier" {
        return token(&value["identifier"], "", wanted);
    }
    let Some(reference) = value.as_str().or_else(|| value["reference"].as_str()) else { return false };
    // A canonical is found with and without its version.
    if value.is_string() {
        return reference == wanted || reference.split_once('|').is_some_and(|(url, _)| url == wanted);
    }
    match (key_of(reference), key_of(wanted), modifier) {
        (Some(own), Some(asked), _) => own == asked,
        (Some(own), None, "") => own.id == wanted,
        (Some(own), None, kind) => own.kind == kind && own.id == wanted,
        (None, ..) => reference == wanted,
    }
}

fn uri(value: &Value, modifier: &str, wanted: &str) -> bool {
    let Some(own) = value.as_str() else { return false };
    match modifier {
        "below" => own.starts_with(wanted),
        "above" => wanted.starts_with(own),
        _ => own == wanted,
    }
}

/// A number as written stands for the range that its digits leave open: 100 for 99.5 to 100.5, 1e2 for 50 to 150.
fn implicit_range(text: &str) -> Option<(Decimal, Decimal, Decimal)> {
    let value = decimal(text)?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let shift = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(places).ok()?)?;
    let mut half = Decimal::new(5, 1);
    for _ in 0..shift.unsigned_abs().min(27) {
        half = if shift > 0 { half.checked_mul(Decimal::TEN)? } else { half.checked_div(Decimal::TEN)? };
    }
    Some((value, value.checked_sub(half)?, value.checked_add(half)?))
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

fn compare_number(own: Decimal, wanted: &str) -> bool {
    let (prefix, text) = prefixed(wanted);
    let Some((value, low, high)) = implicit_range(text) else { return false };
    let near = (value.abs() / Decimal::TEN).max(Decimal::ZERO);
    match prefix {
        "ne" => own < low || own >= high,
        "gt" | "sa" => own > value,
        "lt" | "eb" => own < value,
        "ge" => own >= value,
        "le" => own <= value,
        "ap" => own >= value - near && own <= value + near,
        _ => own >= low && own < high,
    }
}

fn number(value: &Value, wanted: &str) -> bool {
    let own = value.as_number().map(ToString::to_string).and_then(|n| decimal(&n));
    own.is_some_and(|own| compare_number(own, wanted))
}

fn quantity(value: &Value, wanted: &str) -> bool {
    let mut parts = wanted.split('|');
    let (asked, system, code) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let unit = |name: &str| value[name].as_str().unwrap_or_default();
    let fits = match (system, code) {
        ("", "") => true,
        ("", code) => unit("code") == code || unit("unit") == code,
        (system, code) => unit("system") == system && unit("code") == code,
    };
    // What is above or below a limit of measurement has no one value.
    let bounded = match (value["comparator"].as_str(), prefixed(asked).0) {
        (None, _) | (Some("<" | "<="), "lt" | "le") | (Some(">" | ">="), "gt" | "ge") => true,
        (Some(_), _) => false,
    };
    fits && bounded && number(&value["value"], asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_meet_search_values_as_r4_says() {
        use Comparison::{Date, Number, Quantity, Reference, Text, Token, Uri};
        let mmol =
            json!({"value": 5.4, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"});
        let low = json!({"value": 5, "comparator": "<", "unit": "mg/L"});
        let concept = json!({"coding": [{"system": "s", "code": "c", "display": "Fracture of hip"}], "text": "Broken hip"});
        let nhs = json!({"system": "n", "value": "1", "type": {"coding": [{"system": "t", "code": "NH"}]}});
        for (kind, value, modifier, wanted, expected) in [
            (Quantity, &mmol, "", "5.4", true),
            (Quantity, &mmol, "", "5", true),
            (Quantity, &mmol, "", "5.0", false),
            (Quantity, &mmol, "", "gt5.4", false),
            (Quantity, &mmol, "", "ge5.4||mmol/L", true),
            (Quantity, &mmol, "", "5.4|http://unitsofmeasure.org|mmol/L", true),
            (Quantity, &mmol, "", "5.4|http://unitsofmeasure.org|mg/dL", false),
            (Quantity, &mmol, "", "ap5", true),
            (Quantity, &mmol, "", "nonsense", false),
            (Quantity, &low, "", "5", false),
            (Quantity, &low, "", "lt10", true),
            (Number, &json!(100), "", "1e2", true),
            (Number, &json!(0.8), "", "ne0.8", false),
            (Token, &concept, "", "s|c", true),
            (Token, &concept, "", "|c", false),
            (Token, &concept, "", "s|", true),
            (Token, &concept, "text", "broken", true),
            (Token, &concept, "text", "of hip", true),
            (Token, &concept, "text", "wrist", false),
            (Token, &nhs, "of-type", "t|NH|1", true),
            (Token, &nhs, "of-type", "t|XX|1", false),
            (Token, &json!(true), "", "true", true),
            (Text, &json!({"family": "Ångström", "given": ["Ann"]}), "", "ann", true),
            (Text, &json!({"family": "Ångström", "use": "official"}), "contains", "official", false),
            (Text, &json!("Ann"), "exact", "ann", false),
            (Reference, &json!({"reference": "Patient/1"}), "", "http://x/Patient/1", true),
            (Reference, &json!({"reference": "Patient/1"}), "Group", "1", false),
            (Reference, &json!("http://q|2"), "", "http://q", true),
            (Reference, &json!({"identifier": {"system": "a", "value": "b"}}), "identifier", "a|b", true),
            (Uri, &json!("http://a/b"), "below", "http://a", true),
            (Uri, &json!("http://a"), "above", "http://a/b", true),
            (Date, &json!("2025-06-01"), "", "ge2025-06", true),
            (Date, &json!({"start": "2025-06-01"}), "", "sa2025-05-31", true),
        ] {
            assert_eq!(one(kind, value, modifier, wanted), expected, "{kind:?} {modifier} {wanted}");
        }
    }
}
