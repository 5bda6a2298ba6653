//! Reading HL7 v3 data types (ISO 21090's forerunner, NPfIT MIM): II, CD, TS, IVL_TS.

use causeway_core::Leaf;
use causeway_xml::Element;
pub(crate) use causeway_xml::hl7v3::{Effective, Time, guid, key, original_text, time, when};
use jiff::tz::TimeZone;

/// A child's `value` as a point in time.
pub(crate) fn child_time<'d>(parent: Element<'d>, name: &str, zone: &TimeZone) -> Option<Time<'d>> {
    time(parent.child(name), zone)
}

/// The `effectiveTime` of a statement: its centre, or its ends; nothing else.
pub(crate) fn interval<'d>(element: Option<Element<'d>>, zone: &TimeZone) -> Effective<'d> {
    let Some(element) = element else { return Effective::None };
    if let Some(time) = child_time(element, "center", zone).or_else(|| time(Some(element), zone)) {
        return Effective::At(time);
    }
    match (child_time(element, "low", zone), child_time(element, "high", zone)) {
        (None, None) => Effective::None,
        (low, high) => Effective::Between(low, high),
    }
}

/// Whether an element, or a part of it, states a time at all, readable or not.
pub(crate) fn states(element: Option<Element<'_>>) -> bool {
    let stated = |e: Element<'_>| e.attribute("value").is_some_and(|v| !v.is_blank());
    element.is_some_and(|e| stated(e) || e.children().any(stated))
}

/// The time of the first of several elements that states one. One that states a time that can't be read is not
/// replaced by another's.
pub(crate) fn first_time<'d>(elements: &[Option<Element<'d>>], zone: &TimeZone) -> Option<Time<'d>> {
    time(elements.iter().copied().find(|e| states(*e)).flatten(), zone)
}

/// When a statement was true: `effectiveTime`, else `availabilityTime`.
pub(crate) fn effective<'d>(statement: Element<'d>, zone: &TimeZone) -> Effective<'d> {
    let times = statement.child("effectiveTime");
    if states(times) {
        return interval(times, zone);
    }
    match child_time(statement, "availabilityTime", zone) {
        Some(time) => Effective::At(time),
        None => Effective::None,
    }
}

/// The `code` attribute of a child.
pub(crate) fn child_code<'d>(parent: Element<'d>, name: &str) -> Option<Leaf<'d>> {
    parent.child(name)?.attribute("code")
}

/// The words of a CD: what the author wrote, else the code's own.
pub(crate) fn words<'d>(code: Element<'d>) -> Option<Leaf<'d>> {
    original_text(code).or_else(|| code.attribute("displayName")).filter(|l| !l.is_blank())
}

/// A CD's own code and each of its translations.
pub(crate) fn codes<'d>(code: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    std::iter::once(code).chain(code.children_named("translation")).filter(|c| c.attribute("code").is_some())
}

/// Whether a CD says this code in this code system, itself or in a translation.
pub(crate) fn says(code: Element<'_>, system: &str, wanted: &[&str]) -> bool {
    codes(code).any(|c| {
        c.attribute("codeSystem").is_some_and(|s| s.text.trim() == system)
            && c.attribute("code").is_some_and(|c| wanted.contains(&c.text.trim()))
    })
}

/// What a SNOMED CT identifier is, by its partition digits (SNOMED CT Technical Implementation Guide, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sctid {
    Concept,
    Description,
    Other,
}

/// Reads the partition identifier: the two digits before the check digit.
pub(crate) fn sctid(code: &str) -> Sctid {
    let digits = (6..=18).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    let partition = code.len().checked_sub(3).and_then(|at| code.get(at..at + 2));
    match partition.filter(|_| digits) {
        Some("00" | "10") => Sctid::Concept,
        Some("01" | "11") => Sctid::Description,
        _ => Sctid::Other,
    }
}

/// Text as the author wrote it: the indentation that pretty-printing added to continued lines goes, relative
/// indentation (tables in laboratory comments) stays.
pub(crate) fn dedent(text: &str) -> String {
    let text = text.trim();
    if !text.contains('\n') {
        return text.to_owned();
    }
    let blank = |line: &str| line.trim().is_empty();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = text.lines().skip(1).filter(|l| !blank(l)).map(indent).min().unwrap_or(0);
    let lines = text.lines().enumerate().map(|(number, line)| {
        let line = if number == 0 { line } else { line.get(common..).unwrap_or("") };
        line.trim_end()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concepts_and_descriptions() {
        assert_eq!(sctid("22298006"), Sctid::Concept);
        assert_eq!(sctid("360300017"), Sctid::Description);
        assert_eq!(sctid("961281000006111"), Sctid::Description);
        assert_eq!(sctid("196411000000103"), Sctid::Concept);
        assert_eq!(sctid("G33..00"), Sctid::Other);
    }

    #[test]
    fn only_common_indentation_goes() {
        assert_eq!(dedent("a\n    b\n      c\n\n    d "), "a\nb\n  c\n\nd");
        assert_eq!(dedent("  one line "), "one line");
    }
}
