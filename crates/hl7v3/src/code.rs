//! Identifiers, codes and text: II, CD, ED.

use causeway_core::Leaf;
use causeway_xml::Element;

/// OID of SNOMED CT.
pub const SNOMED_OID: &str = "2.16.840.1.113883.2.1.3.2.4.15";

/// The first `id` that is a GUID: `root` without `extension`.
pub fn guid<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element
        .children_named("id")
        .filter(|id| id.attribute("extension").is_none())
        .find_map(|id| id.attribute("root"))
        .filter(|root| !root.is_blank())
}

/// Ids are compared in upper case.
pub fn key(id: &str) -> String {
    id.trim().to_ascii_uppercase()
}

/// `originalText` of a CD.
pub fn original_text<'d>(code: Element<'d>) -> Option<Leaf<'d>> {
    code.child("originalText").and_then(|t| t.text())
}

/// Whether an element says that it is negated.
pub fn negated<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element.attribute("negationInd").filter(|l| matches!(l.text.trim(), "true" | "1"))
}

/// Moods of an act that has not happened: a plan, a wish, an order, a promise, an aim, a rule. Source: HL7 v3 ActMood.
const NOT_HAPPENED: [&str; 14] = [
    "INT", "RQO", "ORD", "PRP", "RMD", "PRMS", "APT", "ARQ", "GOL", "DEF", "OPT", "EXPEC", "SLOT", "EVN.CRT",
];

/// The mood of an element that says that what it states has not happened.
pub fn not_happened<'d>(element: Element<'d>) -> Option<Leaf<'d>> {
    element.attribute("moodCode").filter(|l| NOT_HAPPENED.contains(&l.text.trim()))
}

/// The `code` attribute of a child.
pub fn child_code<'d>(parent: Element<'d>, name: &str) -> Option<Leaf<'d>> {
    parent.child(name)?.attribute("code")
}

/// The words of a CD: what the author wrote, else the code's own.
pub fn words<'d>(code: Element<'d>) -> Option<Leaf<'d>> {
    original_text(code).or_else(|| code.attribute("displayName")).filter(|l| !l.is_blank())
}

/// A CD's own code and each of its translations.
pub fn codes<'d>(code: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    std::iter::once(code).chain(code.children_named("translation")).filter(|c| c.attribute("code").is_some())
}

/// Whether a CD says this code in this code system, itself or in a translation.
pub fn says(code: Element<'_>, system: &str, wanted: &[&str]) -> bool {
    codes(code).any(|c| {
        c.attribute("codeSystem").is_some_and(|s| s.text.trim() == system)
            && c.attribute("code").is_some_and(|c| wanted.contains(&c.text.trim()))
    })
}

/// What a SNOMED CT identifier is, by its partition digits (SNOMED CT Technical Implementation Guide, 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sctid {
    /// A concept.
    Concept,
    /// A description: a way of saying a concept.
    Description,
    /// Neither, or no identifier of SNOMED CT.
    Other,
}

/// Reads the partition identifier: the two digits before the check digit.
pub fn sctid(code: &str) -> Sctid {
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
pub fn dedent(text: &str) -> String {
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
