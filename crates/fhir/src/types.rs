//! FHIR data types, written through [`Writer`]. Each function writes one value and nothing where there is
//! nothing to say.

use causeway_core::identifier::doubt;
use causeway_core::snomed;
use causeway_core::{
    Issue, IssueCode, Leaf, NhsNumber, NhsNumberError, Outcome, Severity, Sources, When, common,
};

use crate::profiles::UKCORE;
use crate::systems;
use crate::writer::Writer;

/// A code in a code system. `display` may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding<'a> {
    /// URI of the code system; empty where the source names none.
    pub system: &'a str,
    /// The code.
    pub code: &'a str,
    /// Its words, empty where not known.
    pub display: &'a str,
}

impl<'a> Coding<'a> {
    /// A coding.
    pub const fn new(system: &'a str, code: &'a str, display: &'a str) -> Self {
        Self { system, code, display }
    }

    /// Writes its content (within an open object).
    pub fn body(&self, w: &mut Writer, from: impl Sources) {
        if !self.system.is_empty() {
            w.fixed("system", self.system);
        }
        w.tell_lost(self.display, &from);
        w.string("code", self.code, from);
        if !self.display.is_empty() {
            w.fixed("display", self.display);
        }
    }
}

/// The `system` and `code` of a `Coding` as a source states them. What can be no code of SNOMED CT is not called one: it is
/// told and stands without the system.
pub fn stated_code(w: &mut Writer, system: &str, called: impl Sources, code: Leaf<'_>) {
    if let Some(rule) = snomed::doubt(system, code.text) {
        w.issue(Some(code.id), rule.issue());
    }
    if snomed::is_no_code(system, code.text) {
        w.lossy(&called, "the code can be none of this system, so it was not called one");
    } else if !system.is_empty() {
        w.string("system", system, called);
    }
    w.leaf("code", code);
}

/// `CodeableConcept` from one known coding, all of it derived from `from`.
pub fn concept(w: &mut Writer, key: &str, coding: Coding<'_>, from: impl Sources) {
    w.object(key, |w| concept_body(w, coding, from));
}

/// `CodeableConcept` from one known coding, within an array.
pub fn concept_element(w: &mut Writer, coding: Coding<'_>, from: impl Sources) {
    w.element(|w| concept_body(w, coding, from));
}

/// The content of a `CodeableConcept` with one coding.
pub fn concept_body(w: &mut Writer, coding: Coding<'_>, from: impl Sources) {
    w.array("coding", |w| {
        w.element(|w| coding.body(w, from));
    });
}

/// `CodeableConcept` that holds only the source's own words: what to do with a code that is not known.
pub fn concept_text(w: &mut Writer, key: &str, text: Leaf<'_>) {
    w.object(key, |w| w.leaf("text", text));
}

/// `CodeableConcept` of fixed content, said by the translation and not by a source item.
pub fn concept_fixed(w: &mut Writer, key: &str, coding: Coding<'_>) {
    w.object(key, |w| concept_body(w, coding, ()));
}

/// A `CodeableConcept` that says that nothing is known: some readers refuse a choice that says it by an extension alone.
pub fn unknown_concept(w: &mut Writer, key: &str) {
    concept_fixed(w, key, Coding::new(systems::DATA_ABSENT, "unknown", "Unknown"));
}

/// Extension: the source's own code beside an element whose binding has no place for it.
pub const SOURCE_CODE: &str = "https://fhir.causeway.example/StructureDefinition/source-code";

/// An element of type `code` that R4 binds to a list which has no equal of what the source says: `stands`, a code of
/// that list that claims nothing (`unknown`), with the source's own beside it. The extension alone, without a code, would
/// break a required binding.
pub fn unmapped_code(w: &mut Writer, key: &str, stands: &str, said: Leaf<'_>) {
    w.fixed(key, stands);
    w.object(&format!("_{key}"), |w| {
        w.array("extension", |w| {
            extension(w, SOURCE_CODE, |w| w.leaf("valueString", said));
        });
    });
}

/// Extension: what the source says where an element's type can't hold it.
pub const SOURCE_TEXT: &str = "https://fhir.causeway.example/StructureDefinition/source-text";

/// An element of a primitive type that has no value, only the source's text: a date that can't be read.
pub fn source_text(w: &mut Writer, key: &str, leaf: Leaf<'_>) {
    w.object(&format!("_{key}"), |w| {
        w.array("extension", |w| {
            extension(w, SOURCE_TEXT, |w| w.leaf("valueString", leaf));
        });
    });
    w.lossy(leaf, "the value can't be read as what it should be; its text was kept");
}

/// URL of the extension that says why a value is absent. Source: FHIR R4, data-absent-reason.
pub const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// An extension with a value that `f` writes; left out where `f` writes nothing.
pub fn extension(w: &mut Writer, url: &str, f: impl FnOnce(&mut Writer)) -> bool {
    let before = w.mark();
    let mut wrote = false;
    w.element(|w| {
        w.fixed("url", url);
        let inside = w.mark();
        f(w);
        wrote = w.wrote_since(inside);
    });
    if !wrote {
        w.rollback(before);
    }
    wrote
}

/// URL of a UK Core extension: `ukcore_extension("EthnicCategory")`.
pub fn ukcore_extension(name: &str) -> String {
    format!("{UKCORE}Extension-UKCore-{name}")
}

/// How far an NHS number has been verified, in UK Core's code system. Source: NHS Data Dictionary, NHS NUMBER
/// STATUS INDICATOR CODE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// 01: the sender says that it was traced and verified.
    Verified,
    /// 02: number present but not traced.
    PresentNotTraced,
    /// 03: trace required.
    TraceRequired,
    /// 04: trace attempted, no match or multiple match found.
    NoMatch,
    /// 05: trace needs to be resolved.
    NeedsResolving,
    /// 06: trace in progress.
    InProgress,
    /// 07: number not present and trace not required.
    NotPresent,
    /// 08: trace postponed (baby under six weeks old).
    Postponed,
}

impl Verification {
    /// From the two-digit code.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code.trim() {
            "01" | "1" => Self::Verified,
            "02" | "2" => Self::PresentNotTraced,
            "03" | "3" => Self::TraceRequired,
            "04" | "4" => Self::NoMatch,
            "05" | "5" => Self::NeedsResolving,
            "06" | "6" => Self::InProgress,
            "07" | "7" => Self::NotPresent,
            "08" | "8" => Self::Postponed,
            _ => return None,
        })
    }

    /// Code and words.
    pub fn coding(self) -> Coding<'static> {
        let (code, display) = match self {
            Self::Verified => ("01", "Number present and verified"),
            Self::PresentNotTraced => ("02", "Number present but not traced"),
            Self::TraceRequired => ("03", "Trace required"),
            Self::NoMatch => ("04", "Trace attempted - No match or multiple match found"),
            Self::NeedsResolving => {
                ("05", "Trace needs to be resolved - (NHS Number or patient detail conflict)")
            }
            Self::InProgress => ("06", "Trace in progress"),
            Self::NotPresent => ("07", "Number not present and trace not required"),
            Self::Postponed => ("08", "Trace postponed (baby under six weeks old)"),
        };
        Coding::new(systems::NHS_NUMBER_VERIFICATION, code, display)
    }
}

/// Tells that an NHS number was written with more than its digits, where it was.
pub fn tell_spaced(w: &mut Writer, value: Leaf<'_>) {
    if NhsNumber::is_spaced(value.text) {
        w.issue(Some(value.id), common::NHS_SPACED.issue());
    }
}

/// The NHS number as an element of `Patient.identifier`, with its verification status. A number that a source
/// merely asserts is "present but not traced" (02). `value` is the item that states it, `from` what else calls it one.
pub fn nhs_number(
    w: &mut Writer,
    number: NhsNumber,
    value: Leaf<'_>,
    from: impl Sources,
    status: Verification,
    status_from: impl Sources,
) {
    tell_spaced(w, value);
    nhs_number_told(w, number, (value, from), status, status_from);
}

/// As [`nhs_number`], where the adapter tells of the number's form itself.
pub fn nhs_number_told(
    w: &mut Writer,
    number: NhsNumber,
    from: impl Sources,
    status: Verification,
    status_from: impl Sources,
) {
    w.element(|w| {
        w.array("extension", |w| {
            extension(w, &ukcore_extension("NHSNumberVerificationStatus"), |w| {
                concept(w, "valueCodeableConcept", status.coding(), status_from);
            });
        });
        w.fixed("system", systems::NHS_NUMBER);
        w.string("value", number.as_str(), from);
    });
}

/// The content of an `Identifier` for what a source calls an NHS number and is none, with the warning that says
/// so. `called` is the item that calls it one, where the source has such an item.
///
/// Every adapter that goes on with such a person uses this, so that the value is never lost and never taken for an
/// NHS number. Its use is `temp`, because FHIR lets a reader take any other identifier as permanent and match by it.
pub fn invalid_nhs_number(w: &mut Writer, value: Leaf<'_>, called: impl Sources, error: NhsNumberError) {
    let rule = match error {
        NhsNumberError::Shape => common::NHS_SHAPE,
        NhsNumberError::CheckDigit => common::NHS_CHECK_DIGIT,
        NhsNumberError::Filler => common::NHS_FILLER,
    };
    w.issue(Some(value.id), rule.issue());
    stated_nhs_number(w, value, called);
}

/// An `Identifier` as an element of an array, for an NHS number that contradicts the one written before: FHIR has room for
/// one, and which of the two is the person's is for people to say. It is told.
pub fn second_nhs_number(w: &mut Writer, value: Leaf<'_>, called: impl Sources) {
    w.issue(Some(value.id), common::NHS_SECOND.issue());
    another_nhs_number(w, value, called);
}

/// As [`second_nhs_number`], where the warning has been given already.
pub fn another_nhs_number(w: &mut Writer, value: Leaf<'_>, called: impl Sources) {
    w.element(|w| {
        w.object("type", |w| w.string("text", "second NHS number as sent", called));
        w.leaf("value", value);
    });
}

/// As [`invalid_nhs_number`], where the warning has been given already.
pub fn stated_nhs_number(w: &mut Writer, value: Leaf<'_>, called: impl Sources) {
    if value.is_blank() {
        return;
    }
    w.fixed("use", "temp");
    w.object("type", |w| w.string("text", "NHS number as stated, not valid", called));
    w.fixed("system", systems::STATED_NHS_NUMBER);
    w.leaf("value", value);
}

/// The extension that says why an element has no value, within the element that has none. `code` is one of
/// [`systems::DATA_ABSENT`]: `unknown`, `not-asked` ….
pub fn data_absent(w: &mut Writer, code: &str, from: impl Sources) {
    w.array("extension", |w| {
        extension(w, DATA_ABSENT_REASON, |w| w.string("valueCode", code, from));
    });
}

/// An `Identifier` as an element of an array.
pub fn identifier(w: &mut Writer, system: &str, value: Leaf<'_>) {
    w.element(|w| identifier_body(w, system, value.text.trim(), value));
}

/// The content of an `Identifier`.
pub fn identifier_body(w: &mut Writer, system: &str, value: &str, from: impl Sources) {
    if value.is_empty() {
        return;
    }
    if !system.is_empty() {
        w.fixed("system", system);
    }
    tell_doubt(w, value, &from);
    w.string("value", value, from);
}

/// Tells of an identifier that is doubtful as it is written ([`doubt`]).
pub fn tell_doubt(w: &mut Writer, value: &str, from: &impl Sources) {
    if let Some(rule) = doubt(value) {
        let mut item = None;
        from.each(&mut |id| item = item.or(Some(id)));
        w.issue(item, rule.issue());
    }
}

/// A `Reference` to something outside the bundle that is known by an identifier (a logical reference).
pub fn reference_by_identifier(
    w: &mut Writer,
    key: &str,
    kind: &str,
    system: &str,
    value: &str,
    from: impl Sources,
) {
    if value.is_empty() {
        return;
    }
    w.object(key, |w| {
        w.fixed("type", kind);
        w.object("identifier", |w| identifier_body(w, system, value, from));
    });
}

/// Why the end of a period is not written, in the words of the issue: FHIR forbids an end before the start (`per-1`),
/// and a system's last day, or its first, stands for no end.
pub fn no_end(start: Option<&When>, end: &When) -> Option<Issue> {
    let issue = |rule, text: &'static str| Some(Issue::new(Severity::Warning, IssueCode::Value, rule, text));
    if end.is_sentinel() {
        return issue("end-sentinel", "the end is a day that systems write for no end; it was left out");
    }
    match start.is_some_and(|start| end.is_before(start)) {
        true => issue("period-reversed", "the end is before the start; the end was left out"),
        false => None,
    }
}

/// Tells why an end is not written and claims its items; whether that is so.
pub fn left_out_end(w: &mut Writer, start: Option<&When>, end: &When, from: &impl Sources) -> bool {
    let Some(issue) = no_end(start, end) else { return false };
    let mut first = None;
    from.each(&mut |item| first = first.or(Some(item)));
    w.issue(first, issue);
    w.claim(from, Outcome::Withheld, "no possible end, so it was held back");
    true
}

/// A `Period` under a key, from what is known of its ends. An end that can't be one is left out and told.
pub fn period(
    w: &mut Writer,
    key: &str,
    start: Option<(When, impl Sources)>,
    end: Option<(When, impl Sources)>,
) {
    let first = start.as_ref().map(|(when, _)| *when);
    let end = end.filter(|(when, from)| !left_out_end(w, first.as_ref(), when, from));
    w.object(key, |w| {
        if let Some((when, from)) = start {
            w.date_time("start", &when, from);
        }
        if let Some((when, from)) = end {
            w.date_time("end", &when, from);
        }
    });
}

/// `meta.security` label "restricted" or another of the v3 confidentiality codes, as an element.
pub fn security_label(w: &mut Writer, code: &str, from: impl Sources) {
    let display = match code {
        "N" => "normal",
        "R" => "restricted",
        "V" => "very restricted",
        _ => "",
    };
    w.element(|w| Coding::new(systems::CONFIDENTIALITY, code, display).body(w, from));
}
