//! Values of observations: ANY, by its `xsi:type`, else by its form.

use causeway_core::Sources;
use causeway_fhir::Writer;
use causeway_fhir::writer::decimal;
use causeway_hl7v3::write::{moment, period, quantity, reversed};
use causeway_hl7v3::{Effective, interval, time};
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::{rules, write};

/// Writes `value[x]`. Whether there was one.
pub(crate) fn write(w: &mut Writer, value: Element<'_>, zone: &TimeZone) -> bool {
    let stated = value.attribute("type").map_or("", |t| t.text.trim().rsplit(':').next().unwrap_or_default());
    let kind = if stated.is_empty() { form(value) } else { stated };
    let before = w.mark();
    match kind {
        "CD" | "CE" | "CV" | "CO" | "CS" => {
            write::code(w, "valueCodeableConcept", Some(value));
        }
        "PQ" | "REAL" | "MO" => {
            w.object("valueQuantity", |w| quantity(w, value, ("", None), None));
        }
        "INT" => match value.attribute("value").and_then(|v| Some((decimal(v.text)?, v))) {
            Some((digits, leaf)) if !digits.contains('.') && digits.len() < 10 => {
                w.number("valueInteger", &digits, leaf);
            }
            other => {
                if let Some((digits, leaf)) = other {
                    w.object("valueQuantity", |w| w.number("value", &digits, leaf));
                }
            }
        },
        "BL" => {
            if let Some(leaf) = value.attribute("value").filter(|l| matches!(l.text.trim(), "true" | "false"))
            {
                w.boolean("valueBoolean", leaf.text.trim() == "true", leaf);
            }
        }
        "TS" => {
            if let Some(time) = time(Some(value), zone) {
                moment(w, "valueDateTime", time);
            }
        }
        "IVL_TS" => match interval(Some(value), zone) {
            Effective::At(time) => moment(w, "valueDateTime", time),
            Effective::Between(start, end) => period(w, "valuePeriod", start, end),
            Effective::None => {}
        },
        "IVL_PQ" | "IVL_INT" => range(w, value),
        "RTO" | "RTO_PQ_PQ" | "RTO_INT_INT" => {
            w.object("valueRatio", |w| {
                for name in ["numerator", "denominator"] {
                    if let Some(part) = value.child(name) {
                        w.object(name, |w| quantity(w, part, ("", None), None));
                    }
                }
            });
        }
        "ST" | "ED" | "SC" | "" => words(w, value),
        _ => {
            if let Some(item) = value.items().next() {
                w.issue(Some(item), rules::VALUE_KIND.issue());
            }
            words(w, value);
        }
    }
    let wrote = w.wrote_since(before);
    // Words are words whatever they are called; every other kind decides how the value is written.
    if wrote && !matches!(kind, "ST" | "ED" | "SC") {
        w.mapped(value.attribute("type"));
    }
    wrote
}

fn form(value: Element<'_>) -> &'static str {
    match () {
        () if value.attribute("code").is_some() => "CD",
        () if value.child("low").is_some() || value.child("high").is_some() => "IVL_PQ",
        () if value.attribute("value").is_some_and(|v| decimal(v.text).is_some()) => "PQ",
        () => "ST",
    }
}

fn words(w: &mut Writer, value: Element<'_>) {
    let (text, items) = value.text_content();
    match text.trim().is_empty() {
        false => w.string("valueString", text.trim(), items),
        true => {
            if let Some(leaf) = value.attribute("value") {
                w.leaf("valueString", leaf);
            }
        }
    }
}

fn range(w: &mut Writer, value: Element<'_>) {
    let (low, high) = (value.child("low"), value.child("high"));
    let has = |e: Option<Element<'_>>| e.is_some_and(|e| e.attribute("value").is_some());
    match (has(low), has(high)) {
        (true, true) if reversed(w, low, high) => {}
        (true, true) => {
            w.object("valueRange", |w| {
                for (name, part) in [("low", low), ("high", high)] {
                    if let Some(part) = part {
                        w.object(name, |w| quantity(w, part, ("", None), None));
                    }
                }
            });
        }
        (true, false) => bound(w, low, ">=", ">"),
        (false, true) => bound(w, high, "<=", "<"),
        (false, false) => {}
    }
}

/// One end alone is a comparison; `inclusive="false"` says that the end itself is out.
fn bound(w: &mut Writer, part: Option<Element<'_>>, with: &str, without: &str) {
    let Some(part) = part else { return };
    let exclusive = part.attribute("inclusive").filter(|i| i.text.trim() == "false");
    let sign = if exclusive.is_some() { without } else { with };
    w.object("valueQuantity", |w| quantity(w, part, (sign, exclusive), None));
}

/// Words of a text element (ED), with the items they came from.
pub(crate) fn text(element: Option<Element<'_>>) -> Option<(String, Vec<u32>)> {
    let (text, items) = element?.text_content();
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some((text, items))
}

/// Writes a text under a key where there is one.
pub(crate) fn string(w: &mut Writer, key: &str, found: Option<(String, impl Sources)>) {
    if let Some((text, items)) = found {
        w.string(key, &text, items);
    }
}
