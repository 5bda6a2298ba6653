//! What a message must have to be translated at all. Each rule refuses this message and no other.

use causeway_core::{Issue, IssueCode, ItemId, Severity};
use causeway_edifact::{Message, Source, View};

use crate::codes::CODE_LIST;
use crate::limits::GROUPS_MAX;
use crate::message::Report;

/// Why a message is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub code: IssueCode,
    pub rule: &'static str,
    /// A fixed sentence, also the text of the NHSACK.
    pub text: &'static str,
    /// The item at fault.
    pub at: Option<ItemId>,
}

impl Refusal {
    pub(crate) fn new(code: IssueCode, rule: &'static str, text: &'static str, at: Option<ItemId>) -> Self {
        Self { code, rule, text, at }
    }

    /// The issue of it.
    pub(crate) fn issue(self) -> Issue {
        Issue::new(Severity::Error, self.code, self.rule, self.text)
    }
}

/// Checks that a report has no more parts than anybody sends: each takes many times the memory of its few bytes.
pub(crate) fn size(source: &Source<'_>, message: &Message) -> Result<(), Refusal> {
    let segments = message.body.clone().filter_map(|index| source.view(index));
    let mut groups = segments.filter(|view| matches!(view.tag, b"S01" | b"S16" | b"S20" | b"INV"));
    match groups.nth(GROUPS_MAX) {
        None => Ok(()),
        Some(view) => Err(Refusal::new(
            IssueCode::TooLong,
            "report-too-large",
            "the report has more than ten thousand parties, specimens, investigations and ranges",
            view.first(),
        )),
    }
}

/// Checks a report.
pub(crate) fn check(report: &Report<'_>) -> Result<(), Refusal> {
    let required = |rule, text, at: Option<ItemId>| {
        Err(Refusal::new(IssueCode::Required, rule, text, at.or(report.head)))
    };
    // The association code alone does not make a report: an order (ORDERS) names the same one.
    let kind = report.kind.map_or("", |l| l.text.trim());
    let variant = report.variant.map_or("", |l| l.text.trim());
    // Imaging departments also send their reports (NHS002) as a type of its own.
    if kind != "MEDRPT" && (kind, variant) != ("NHSRSR", "NHS002") {
        return Err(Refusal::new(
            IssueCode::NotSupported,
            "message-type",
            "the message is no report (MEDRPT) but of another type; other types are not read",
            report.kind.map(|l| l.id).or(report.head),
        ));
    }
    if !matches!(variant, "NHS002" | "NHS003" | "NHS004") {
        return Err(Refusal::new(
            IssueCode::NotSupported,
            "message-type",
            "the message is not a MEDRPT of NHS002, NHS003 or NHS004",
            report.variant.map(|l| l.id).or(report.head),
        ));
    }
    if !report.has_report_section {
        return required("report-section-missing", "the message has no report details (S02)", None);
    }
    if report.identifier().is_none() {
        return required("report-reference-missing", "the report has no reference (RFF+SRI)", None);
    }
    if let Some(party) = report.parties.iter().find(|p| p.nad.as_ref().is_none_or(says_nobody)) {
        let at = party.nad.as_ref().and_then(View::first);
        return required("party-details-missing", "a party (NAD) has neither identifier nor name", at);
    }
    let Some(person) = report.person.as_ref() else {
        return required("patient-missing", "the message has no patient name segment (PNA)", None);
    };
    if !(2..=10)
        .any(|element| person.components.iter().any(|c| c.element == element && !c.text.trim().is_empty()))
    {
        return required(
            "patient-details-missing",
            "the patient has neither identifier nor name",
            person.first(),
        );
    }
    if report.investigations.is_empty() {
        return required("investigation-missing", "the message reports no investigation", None);
    }
    report.investigations.iter().try_for_each(|i| investigation(variant, &i.inv, i.result.as_ref()))
}

fn says_nobody(nad: &View<'_>) -> bool {
    !nad.components.iter().any(|c| matches!(c.element, 2 | 4) && !c.text.trim().is_empty())
}

/// NHS003 and NHS004 demand words beside every code: receiving systems show them, and file by the code. NHS002
/// allows the code alone.
fn investigation(variant: &str, inv: &View<'_>, rsl: Option<&View<'_>>) -> Result<(), Refusal> {
    let refuse = |rule, text, at| Err(Refusal::new(IssueCode::Required, rule, text, at));
    let words_needed = variant != "NHS002";
    let (code, words) = (code_of(inv, 2, 1), has_words(inv, 2, 1));
    if code.is_none() && !words {
        let text = "an investigation (INV) has neither code nor description";
        return refuse("investigation-empty", text, inv.first());
    }
    if !words && (words_needed || !list_known(inv, 2, 1)) {
        let text = "an investigation (INV) has no description";
        return refuse("investigation-text-missing", text, code);
    }
    if let Some(rsl) = rsl.filter(|rsl| rsl.text(1, 1) == "CV") {
        let (code, words) = (code_of(rsl, 2, 3), has_words(rsl, 2, 3));
        if code.is_none() && !words {
            let text = "a coded result (RSL) has neither code nor description";
            return refuse("result-empty", text, rsl.first());
        }
        if code.is_some() && !words && (words_needed || !list_known(rsl, 2, 3)) {
            let text = "a coded result (RSL) has no description";
            return refuse("result-text-missing", text, code);
        }
    }
    Ok(())
}

/// The code of a coded element whose first component is `first`; see [`crate::codes::Coded`].
fn code_of(view: &View<'_>, element: u8, first: u8) -> Option<ItemId> {
    view.get(element, first).filter(|l| !l.is_blank()).map(|l| l.id)
}

fn has_words(view: &View<'_>, element: u8, first: u8) -> bool {
    view.element(element).any(|(at, leaf)| at >= first.saturating_add(3) && !leaf.is_blank())
}

/// Whether the code is of a list that this format knows, or names none.
fn list_known(view: &View<'_>, element: u8, first: u8) -> bool {
    let list = view.text(element, first.saturating_add(1)).trim();
    list.is_empty() || CODE_LIST.row(list).is_some()
}
