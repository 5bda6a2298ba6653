//! Which acknowledgements a message should get, by when, and what the ones that come mean.
//!
//! Sources: ITK3 message distribution (response codes, `MUST inform an appropriate person` where an
//! acknowledgement is missing), HL7 v2 table 0008.

use crate::message::WorkflowFilter;
use crate::work::{AckKind, AckOutcome, NewExpectation};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// ITK3: handled, the only success of an infrastructure acknowledgement.
pub const ITK_HANDLED: &str = "20013";
/// ITK3: the same message was received before.
pub const ITK_DUPLICATE_MESSAGE: &str = "20007";
/// ITK3: the same document was received before, in another message.
pub const ITK_DUPLICATE_DOCUMENT: &str = "20008";

/// What an acknowledgement code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Which of the three acknowledgements it is.
    pub kind: AckKind,
    /// Positive or negative.
    pub outcome: AckOutcome,
    /// The receiver has it already: for the sender a success, nothing is sent again.
    pub duplicate: bool,
}

/// What an ITK3 response code says; `None` for one outside the ranges of the specification.
///
/// 10001 to 20015 are infrastructure codes, of which 20013 is the success and 20007 and 20008 mean that the
/// receiver has it already. 30001 (patient known) is the business success; 30002 (not known), 30003 (no longer
/// here) and 30004 (deceased) need a person.
#[must_use]
pub fn itk_meaning(code: &str) -> Option<Meaning> {
    let number: u32 = code.parse().ok().filter(|_| code.len() == 5)?;
    let duplicate = code == ITK_DUPLICATE_MESSAGE || code == ITK_DUPLICATE_DOCUMENT;
    let (kind, good) = match number {
        10_001..=20_015 => (AckKind::Infrastructure, duplicate || code == ITK_HANDLED),
        30_001..=30_004 => (AckKind::Business, number == 30_001),
        _ => return None,
    };
    Some(Meaning { kind, outcome: outcome(good), duplicate })
}

/// What an HL7 v2 acknowledgement code (MSA-1, table 0008) says.
#[must_use]
pub fn hl7_meaning(code: &str) -> Option<Meaning> {
    let (kind, good) = match code {
        "CA" => (AckKind::Transport, true),
        "CE" | "CR" => (AckKind::Transport, false),
        "AA" => (AckKind::Infrastructure, true),
        "AE" | "AR" => (AckKind::Infrastructure, false),
        _ => return None,
    };
    Some(Meaning { kind, outcome: outcome(good), duplicate: false })
}

const fn outcome(good: bool) -> AckOutcome {
    if good { AckOutcome::Positive } else { AckOutcome::Negative }
}

/// Deadlines of one workflow. An acknowledgement without one isn't expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Watch {
    /// Workflows, in the MESH filter grammar.
    pub workflow: String,
    /// Minutes until the transport acknowledgement is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport_minutes: Option<u32>,
    /// Minutes until the infrastructure acknowledgement is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure_minutes: Option<u32>,
    /// Minutes until the business acknowledgement is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_minutes: Option<u32>,
}

/// Which acknowledgements the sender asked for (`InfAckRequested`, `BusAckRequested`; HL7 MSH-15 and MSH-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requested {
    /// An infrastructure acknowledgement.
    pub infrastructure: bool,
    /// A business acknowledgement.
    pub business: bool,
}

/// Deadlines as data; the first entry whose workflow matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watches(pub Vec<Watch>);

impl Watches {
    /// What is to be expected of a message sent at `now` to `from`, whose acknowledgements will refer to it as
    /// `reference`. Transport is watched wherever it has a deadline; the others also have to be asked for.
    #[must_use]
    pub fn expectations(
        &self,
        workflow: &str,
        requested: Requested,
        from: &str,
        reference: &str,
        now: Timestamp,
    ) -> Vec<NewExpectation> {
        let Some(watch) = self.0.iter().find(|w| WorkflowFilter::parse(&w.workflow).matches(workflow)) else {
            return Vec::new();
        };
        [
            (AckKind::Transport, watch.transport_minutes),
            (AckKind::Infrastructure, watch.infrastructure_minutes.filter(|_| requested.infrastructure)),
            (AckKind::Business, watch.business_minutes.filter(|_| requested.business)),
        ]
        .into_iter()
        .filter_map(|(kind, minutes)| {
            let wait = SignedDuration::from_mins(i64::from(minutes?));
            let deadline = now.checked_add(wait).unwrap_or(Timestamp::MAX);
            Some(NewExpectation { kind, from: from.to_owned(), reference: reference.to_owned(), deadline })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Requested, Watches, hl7_meaning, itk_meaning};
    use crate::work::{AckKind, AckOutcome};
    use jiff::Timestamp;

    #[test]
    fn itk_codes() {
        use AckKind::{Business, Infrastructure};
        use AckOutcome::{Negative, Positive};
        for (code, kind, outcome, duplicate) in [
            ("20013", Infrastructure, Positive, false),
            ("20007", Infrastructure, Positive, true),
            ("20008", Infrastructure, Positive, true),
            ("20015", Infrastructure, Negative, false),
            ("10001", Infrastructure, Negative, false),
            ("30001", Business, Positive, false),
            ("30002", Business, Negative, false),
            ("30004", Business, Negative, false),
        ] {
            let meaning = itk_meaning(code).expect(code);
            assert_eq!(
                (meaning.kind, meaning.outcome, meaning.duplicate),
                (kind, outcome, duplicate),
                "{code}"
            );
        }
        for code in ["", "20016", "30005", "+2001", "020013", "x"] {
            assert_eq!(itk_meaning(code), None, "{code}");
        }
    }

    #[test]
    fn hl7_codes() {
        assert_eq!(hl7_meaning("AA").map(|m| m.outcome), Some(AckOutcome::Positive));
        assert_eq!(
            hl7_meaning("CR").map(|m| (m.kind, m.outcome)),
            Some((AckKind::Transport, AckOutcome::Negative))
        );
        assert_eq!(hl7_meaning("aa"), None);
    }

    #[test]
    fn deadlines_by_workflow() {
        let watches: Watches = serde_json::from_str(
            r#"[{"workflow": "GPFED*", "transportMinutes": 10, "infrastructureMinutes": 60, "businessMinutes": 2880},
                {"workflow": "*", "transportMinutes": 5}]"#,
        )
        .expect("watches");
        let now = Timestamp::UNIX_EPOCH;
        let asked = Requested { infrastructure: false, business: true };
        let due = watches.expectations("GPFED_CONSULT_REPORT", asked, "B", "R", now);
        assert_eq!(
            due.iter().map(|e| (e.kind, e.deadline.as_second())).collect::<Vec<_>>(),
            [(AckKind::Transport, 600), (AckKind::Business, 172_800)]
        );
        assert_eq!(watches.expectations("OTHER", asked, "B", "R", now).len(), 1);
        assert!(Watches::default().expectations("X", asked, "B", "R", now).is_empty());
        assert!(serde_json::from_str::<Watches>(r#"[{"workflow": "A", "transport": 1}]"#).is_err());
    }
}
