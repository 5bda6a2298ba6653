//! Mapping tables and how their codes are written.

use std::borrow::Cow;

use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_edifact::View;
use causeway_fhir::{Writer, systems, types};
use causeway_terminology::Map;

use crate::limits::NAME_PART_CHARS;

/// Status of a report or a result (STS).
pub(crate) static STATUS: Map = Map::new("medrpt-status", include_str!("../maps/status.csv"));
/// How a result deviates (RSL 7857).
pub(crate) static INTERPRETATION: Map =
    Map::new("medrpt-deviating-result", include_str!("../maps/interpretation.csv"));
/// Significance of a measured value (6321).
pub(crate) static COMPARATOR: Map = Map::new("medrpt-comparator", include_str!("../maps/comparator.csv"));
/// Code lists of investigations, results and specimens (1131).
pub(crate) static CODE_LIST: Map = Map::new("medrpt-code-list", include_str!("../maps/code-list.csv"));
/// Code lists of parties (1131).
pub(crate) static PARTY_CODE_LIST: Map =
    Map::new("medrpt-party-code-list", include_str!("../maps/party-code-list.csv"));
/// Sex of the person (PDI).
pub(crate) static SEX: Map = Map::new("medrpt-sex", include_str!("../maps/sex.csv"));
/// Fasting status (SPC+FS).
pub(crate) static FASTING: Map = Map::new("medrpt-fasting", include_str!("../maps/fasting.csv"));

/// All tables.
pub(crate) static ALL: [&Map; 7] =
    [&STATUS, &INTERPRETATION, &COMPARATOR, &CODE_LIST, &PARTY_CODE_LIST, &SEX, &FASTING];

/// A warning.
pub(crate) fn warning(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Warning, code, rule, text)
}

/// Raises that a code is in no table.
pub(crate) fn unknown_code(w: &mut Writer, leaf: Leaf<'_>) {
    w.issue(
        Some(leaf.id),
        warning(
            IssueCode::CodeInvalid,
            "code-unknown",
            "a code is in no table of this format; it was kept as it stands",
        ),
    );
}

/// Writes codes that FHIR's required binding does not allow, as extensions of the element beside it.
pub(crate) fn source_codes(w: &mut Writer, element: &str, codes: &[Option<Leaf<'_>>]) {
    w.object(element, |w| {
        w.array("extension", |w| {
            for leaf in codes.iter().flatten().filter(|leaf| !leaf.is_blank()) {
                w.element(|w| {
                    w.fixed("url", types::SOURCE_CODE);
                    w.leaf("valueString", *leaf);
                });
            }
        });
    });
}

/// Writes `status` from STS; `unknown` where there is none or the code is in no table.
pub(crate) fn status(w: &mut Writer, sts: Option<Leaf<'_>>) {
    match sts.map(|leaf| (leaf, STATUS.lookup(leaf.text.trim()))) {
        Some((leaf, Some(target))) => w.string("status", target.code, leaf),
        Some((leaf, None)) => {
            w.fixed("status", "unknown");
            source_codes(w, "_status", &[Some(leaf)]);
            unknown_code(w, leaf);
        }
        None => w.fixed("status", "unknown"),
    }
}

/// Joins the parts of a name or description that the sender had to cut: a full part goes on in the next one
/// without a blank, another one with it.
pub(crate) fn joined_parts<'s>(parts: impl Iterator<Item = (u8, Leaf<'s>)>) -> (Cow<'s, str>, Vec<Leaf<'s>>) {
    let mut text = Cow::Borrowed("");
    let mut leaves: Vec<Leaf<'s>> = Vec::new();
    for (_, leaf) in parts.filter(|(_, leaf)| !leaf.is_blank()) {
        match leaves.last() {
            None => text = Cow::Borrowed(leaf.text.trim()),
            Some(before) => {
                let full = before.text.chars().count() >= NAME_PART_CHARS && !before.text.ends_with(' ');
                if !full {
                    text.to_mut().push(' ');
                }
                text.to_mut().push_str(if full { leaf.text.trim_end() } else { leaf.text.trim() });
            }
        }
        leaves.push(leaf);
    }
    (text, leaves)
}

/// A code with its list and its words, as INV, RSL, SPC and CIN have it: four components in a row.
#[derive(Debug)]
pub(crate) struct Coded<'s> {
    pub code: Option<Leaf<'s>>,
    pub list: Option<Leaf<'s>>,
    pub words: Cow<'s, str>,
    pub words_from: Vec<Leaf<'s>>,
}

impl<'s> Coded<'s> {
    /// Reads code, list, agency and words from a data element, the code being component `first`.
    pub(crate) fn read(view: &View<'s>, element: u8, first: u8) -> Self {
        let filled = |at: u8| view.get(element, at).filter(|l| !l.is_blank());
        let words = view.element(element).filter(|(at, _)| *at >= first.saturating_add(3));
        let (words, words_from) = joined_parts(words);
        Self { code: filled(first), list: filled(first.saturating_add(1)), words, words_from }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.code.is_none() && self.words.is_empty()
    }

    /// Writes it as a `CodeableConcept`. A code of an unknown list is refused: only the words are kept.
    pub(crate) fn write(&self, w: &mut Writer, key: &str) {
        w.object(key, |w| self.body(w));
    }

    /// Writes the content of a `CodeableConcept`.
    pub(crate) fn body(&self, w: &mut Writer) {
        let known = self.list.map(|list| (list, CODE_LIST.row(list.text.trim())));
        match (self.code, known) {
            (Some(code), Some((list, None))) => {
                let why = "the code is of a list that this format does not know";
                w.claim((code, list), Outcome::Rejected, why);
                w.issue(
                    Some(list.id),
                    Issue::new(
                        Severity::Error,
                        IssueCode::CodeInvalid,
                        "code-list-unknown",
                        "a code is of a list that this format does not know, so the code was refused; its words were kept",
                    ),
                );
                w.string("text", &self.words, &self.words_from);
            }
            (Some(code), known) => w_coding(w, code, known, self),
            (None, _) => w.string("text", &self.words, &self.words_from),
        }
    }
}

fn w_coding(
    w: &mut Writer,
    code: Leaf<'_>,
    known: Option<(Leaf<'_>, Option<&causeway_terminology::Target>)>,
    coded: &Coded<'_>,
) {
    w.array("coding", |w| {
        w.element(|w| {
            match known {
                Some((list, Some(target))) if !target.system.is_empty() => {
                    causeway_fhir::types::stated_code(w, target.system, list, code);
                }
                // The list has no URI: saying none, and keeping its number where it can be found again.
                Some((list, _)) => {
                    w.array("extension", |w| {
                        w.element(|w| {
                            w.fixed("url", types::SOURCE_CODE);
                            w.leaf("valueString", list);
                        });
                    });
                }
                None => w.issue(
                    Some(code.id),
                    warning(
                        IssueCode::CodeInvalid,
                        "code-list-missing",
                        "a code does not say of which list it is; it was kept without a system",
                    ),
                ),
            }
            if known.is_none_or(|(_, target)| target.is_none_or(|target| target.system.is_empty())) {
                w.leaf("code", code);
            }
            w.string("display", &coded.words, &coded.words_from);
        });
    });
}

/// Writes `interpretation` from RSL 7857.
pub(crate) fn interpretation(w: &mut Writer, leaf: Leaf<'_>) {
    if leaf.is_blank() {
        return;
    }
    let code = leaf.text.trim();
    w.array("interpretation", |w| match (INTERPRETATION.lookup(code), INTERPRETATION.row(code)) {
        (Some(target), _) => {
            types::concept_element(w, types::Coding::new(target.system, target.code, target.display), leaf)
        }
        (None, Some(row)) => {
            types::concept_element(w, types::Coding::new(DEVIATING_RESULT, code, row.source_display), leaf)
        }
        (None, None) => {
            w.element(|w| w.leaf("text", leaf));
            unknown_code(w, leaf);
        }
    });
}

/// The source's own code system of deviating results, for codes that HL7 has no equal of.
const DEVIATING_RESULT: &str = "https://fhir.causeway.example/CodeSystem/medrpt-deviating-result";

/// Writes the elements of a `Quantity` but for its comparator: value, unit as text, and UCUM where the unit's
/// spelling is certain.
pub(crate) fn quantity(w: &mut Writer, digits: &str, value: Leaf<'_>, unit: Option<Leaf<'_>>) {
    w.number("value", digits, value);
    if let Some(unit) = unit {
        w.leaf("unit", unit);
        if let Some(code) = causeway_terminology::ucum::ucum(unit.text) {
            w.fixed("system", systems::UCUM);
            w.string("code", code, unit);
        }
    }
}

/// The unit of a C-composite: its words (component 4), or its code (component 1).
pub(crate) fn unit<'s>(view: &View<'s>, element: u8) -> Option<Leaf<'s>> {
    let filled = |at: u8| view.get(element, at).filter(|l| !l.is_blank());
    filled(4).or_else(|| filled(1))
}

/// A decimal as the interchange writes it, as JSON has it.
pub(crate) fn decimal(text: &str, mark: u8) -> Option<Cow<'_, str>> {
    if mark == b',' && text.contains(',') {
        let dotted = text.replace(',', ".");
        return causeway_fhir::writer::decimal(&dotted).map(|d| d.into_owned().into());
    }
    causeway_fhir::writer::decimal(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_cut_at_35_characters_are_put_together() {
        let leaf = |text| (1, Leaf { text, id: 0 });
        let parts = [leaf("Southern Bowel Cancer Screening Pro"), leaf("gramme Hub"), leaf("West")];
        assert_eq!(joined_parts(parts.into_iter()).0, "Southern Bowel Cancer Screening Programme Hub West");
        assert_eq!(joined_parts([leaf("MERE WOOD"), leaf("SURGERY")].into_iter()).0, "MERE WOOD SURGERY");
    }

    #[test]
    fn decimal_marks() {
        assert_eq!(decimal("4,10", b',').as_deref(), Some("4.10"));
        assert_eq!(decimal("4,10", b'.'), None);
        assert_eq!(decimal("-0.5", b'.').as_deref(), Some("-0.5"));
    }
}
