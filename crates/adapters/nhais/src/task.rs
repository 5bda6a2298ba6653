//! The transaction itself: a Task with its parameters within.
//!
//! The parameters have the names that NHS Digital's adaptor gives them, so that a system that speaks to it can read
//! them here; they stand within the Task because Parameters can't be kept by themselves (FHIR R4).

use causeway_adapter::Composer;
use causeway_core::Leaf;
use causeway_edifact::View;
use causeway_fhir::types::{identifier_body, reference_by_identifier};
use causeway_fhir::{Ref, Writer};

use crate::codes::{HA_CIPHER, TRADING_PARTNER, TRANSACTION, TRANSACTION_NUMBER, TRANSACTION_SYSTEM};
use crate::rules;
use crate::transaction::{Head, Moment, Transaction, Value, moment};

/// Who sends and who receives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parties<'s> {
    /// The practice's trading partner code: UNB's recipient of what the authority sends, else its sender.
    pub practice: Option<Leaf<'s>>,
}

/// A parameter and where its value stands.
type Parameter = (&'static str, &'static [u8; 3], &'static str, (u8, u8));

/// Parameters that are one value: name, tag, qualifier, data element and component.
pub(crate) const VALUES: &[Parameter] = &[
    ("acceptanceCode", b"HEA", "ACD", (2, 1)),
    ("acceptanceType", b"HEA", "ATP", (2, 1)),
    ("deductionReasonCode", b"GIS", "", (1, 1)),
    ("fp69ReasonCode", b"HEA", "FRN", (2, 1)),
    ("previousGpName", b"NAD", "PGP", (4, 1)),
    ("previousHaCipher", b"NAD", "PFH", (2, 1)),
    ("newHaCipher", b"NAD", "NFH", (2, 1)),
];

/// Parameters that are a date: name and qualifier of DTM.
pub(crate) const DATES: &[(&str, &str)] = &[
    ("acceptanceDate", "956"),
    ("dateOfUkEntry", "957"),
    ("dateOfUkExit", "958"),
    ("dateOfDeduction", "961"),
    ("fp69ExpiryDate", "962"),
];

/// Whether the practice is the sender: kinds G1 and so on.
pub(crate) fn from_practice(kind: &str) -> bool {
    kind.starts_with('G')
}

/// Writes the Task.
pub(crate) fn write(
    c: &mut Composer<'_>,
    (head, t): (&Head<'_>, &Transaction<'_>),
    kind: Leaf<'_>,
    parties: Parties<'_>,
    (patient, key): (Option<&Ref>, &str),
) {
    let zone = c.context.zone.clone();
    let Some(row) = TRANSACTION.row(kind.text.trim()) else { return };
    let qualifier = head.find(b"RFF", "950").and_then(|v| v.get(1, 1));
    c.resource("Task", key, |w| {
        w.array("contained", |w| {
            w.element(|w| {
                w.fixed("resourceType", "Parameters");
                w.fixed("id", "parameters");
                w.array("parameter", |w| parameters(w, t, parties, &zone));
            });
        });
        w.array("identifier", |w| {
            if let Some(number) = t.number() {
                w.element(|w| identifier_body(w, TRANSACTION_NUMBER, number.text(), number.from()));
            }
        });
        w.fixed("status", row.code);
        w.fixed("intent", "order");
        w.object("code", |w| {
            w.array("coding", |w| {
                w.element(|w| {
                    w.fixed("system", TRANSACTION_SYSTEM);
                    w.string("code", kind.text.trim(), (kind, qualifier));
                });
            });
            w.fixed("text", title(kind.text.trim()));
        });
        if let Some(patient) = patient {
            w.reference("for", patient, ());
        }
        if let Some(dtm) = head.find(b"DTM", "137") {
            match moment(dtm, &zone) {
                Ok(Some(at)) => authored(w, &at),
                Ok(None) => {}
                Err(at) => w.issue(Some(at.id), rules::DATE_LEFT_OUT.issue()),
            }
        }
        let authority = head.authority().map(|a| ("Organization", HA_CIPHER, a));
        let practice = parties.practice.map(|leaf| Value { leaf, qualifier: None });
        let practice = practice.map(|p| ("Organization", TRADING_PARTNER, p));
        let sides = match from_practice(kind.text.trim()) {
            true => [("requester", practice), ("owner", authority)],
            false => [("requester", authority), ("owner", practice)],
        };
        for (name, side) in sides {
            if let Some((of, system, value)) = side {
                reference_by_identifier(w, name, of, system, value.text(), value.from());
            }
        }
        w.array("input", |w| {
            w.element(|w| {
                w.object("type", |w| w.fixed("text", "parameters of the transaction"));
                w.object("valueReference", |w| w.fixed("reference", "#parameters"));
            });
        });
    });
}

/// Words of a kind of transaction, from the table.
fn title(kind: &str) -> &'static str {
    match kind {
        "G1" => "Acceptance",
        "G2" => "Amendment by the practice",
        "G3" => "Removal (out of area)",
        "G5" => "Deduction request",
        "F1" => "Amendment by the authority",
        "F2" => "Deduction",
        "F3" => "Rejection (wrong authority)",
        "F4" => "Approval",
        "F8" => "Close of quarter notification",
        "F9" => "FP69 prior notification",
        "F10" => "FP69 flag removal",
        "F11" => "Deduction request rejection",
        _ => "Registration",
    }
}

fn authored(w: &mut Writer, at: &Moment<'_>) {
    if at.when.doubt().is_some() {
        w.issue(at.from[1].map(|l| l.id), rules::LOCAL_TIME.issue());
    }
    w.date_time("authoredOn", &at.when, at.from);
}

fn parameters(w: &mut Writer, t: &Transaction<'_>, parties: Parties<'_>, zone: &jiff::tz::TimeZone) {
    if let Some(practice) = parties.practice {
        parameter(w, "gpTradingPartnerCode", |w| w.leaf("valueString", practice));
    }
    for (name, tag, qualifier, at) in VALUES {
        if let Some(value) = t.value(tag, qualifier, *at) {
            parameter(w, name, |w| w.string("valueString", value.text(), value.from()));
        }
    }
    for (name, qualifier) in DATES {
        let Some(dtm) = t.find(b"DTM", qualifier) else { continue };
        match moment(dtm, zone) {
            Ok(Some(date)) => parameter(w, name, |w| w.date("valueDate", &date.when, date.from)),
            Ok(None) => {}
            Err(at) => w.issue(Some(at.id), rules::DATE_LEFT_OUT.issue()),
        }
    }
    if let Some(ftx) = t.find(b"FTX", "RGI") {
        let (text, from) = free_text(&ftx);
        parameter(w, "freeText", |w| w.string("valueString", &text, (from, ftx.get(1, 1))));
    }
    if let Some(number) = t.value(b"PNA", "PER", (2, 1)) {
        w.issue(Some(number.leaf.id), rules::NUMBER_AMENDED.issue());
        parameter(w, "amendedNhsNumber", |w| w.string("valueString", number.text(), number.from()));
    }
}

fn parameter(w: &mut Writer, name: &str, f: impl FnOnce(&mut Writer)) {
    let before = w.mark();
    w.element(|w| {
        w.fixed("name", name);
        let inside = w.mark();
        f(w);
        if !w.wrote_since(inside) {
            w.rollback(before);
        }
    });
}

/// The lines of a free text (FTX C108), joined by line feeds.
pub(crate) fn free_text<'s>(ftx: &View<'s>) -> (String, Vec<Leaf<'s>>) {
    let lines: Vec<_> = ftx.element(4).map(|(_, leaf)| leaf).filter(|l| !l.is_blank()).collect();
    let text: Vec<&str> = lines.iter().map(|l| l.text.trim()).collect();
    (text.join("\n"), lines)
}
