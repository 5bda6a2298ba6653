//! MSH: which message this is, and how it wants to be answered.

use causeway_adapter::Rule;
use causeway_core::{ItemId, Leaf};
use causeway_hl7v2::{Message, Segment};

use crate::rules;

/// What MSH says.
#[derive(Clone, Copy)]
pub struct Header<'m> {
    /// MSH itself.
    pub msh: Segment<'m>,
    /// Message type: `ADT`.
    pub kind: &'m str,
    /// Trigger event: `A01`; empty where neither MSH-9 nor EVN-1 names one.
    pub trigger: &'m str,
    /// Items that decided type and event.
    pub decided: (Option<Leaf<'m>>, Option<Leaf<'m>>),
    /// MSH-10.
    pub control: Leaf<'m>,
}

/// Why a message is refused, with the code of HL7 table 0357 for its acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Acknowledgement: `AE` or `AR`.
    pub code: &'static str,
    /// Code of HL7 table 0357 with its words.
    pub condition: (&'static str, &'static str),
    /// Segment and field that ERR names.
    pub location: (&'static str, u16),
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// The sentence: the rule's, or for a message that can't be read the reason.
    pub text: &'static str,
    /// The item, where there is one.
    pub item: Option<ItemId>,
}

/// "Required field missing" and its like, for a message that can't be taken.
const REQUIRED: (&str, &str) = ("101", "Required field missing");

impl<'m> Header<'m> {
    /// Reads MSH.
    ///
    /// # Errors
    /// [`Refusal`] where type or control id are missing, or the version is none of version 2.
    pub fn read(message: &'m Message<'m>) -> Result<Self, Refusal> {
        let refuse = |code, condition, field, rule: &'static Rule, item: Option<Leaf<'_>>| Refusal {
            code,
            condition,
            location: ("MSH", field),
            rule,
            text: rule.text,
            item: item.map(|l| l.id),
        };
        let first = message.segment_at(0).filter(|s| &s.name() == b"MSH");
        let Some(msh) = first else {
            return Err(refuse("AR", ("100", "Segment sequence error"), 0, &rules::HEADER_MISSING, None));
        };
        let version = msh.comp(12, 1);
        if let Some(leaf) = version.filter(|l| !l.text.starts_with("2.")) {
            return Err(refuse("AR", ("203", "Unsupported version id"), 12, &rules::VERSION, Some(leaf)));
        }
        let Some(kind) = msh.comp(9, 1) else {
            return Err(refuse("AR", REQUIRED, 9, &rules::TYPE_MISSING, None));
        };
        let Some(control) = msh.leaf(10) else {
            return Err(refuse("AR", REQUIRED, 10, &rules::CONTROL_MISSING, None));
        };
        let evn = message.segments().find(|s| &s.name() == b"EVN").and_then(|s| s.leaf(1));
        let trigger = msh.comp(9, 2).or(evn);
        let decided = (Some(kind), trigger);
        Ok(Self { msh, kind: kind.text, trigger: trigger.map_or("", |l| l.text), decided, control })
    }

    /// `ADT^A01`.
    pub fn event(&self) -> String {
        if self.trigger.is_empty() { self.kind.to_owned() } else { format!("{}^{}", self.kind, self.trigger) }
    }

    /// Whether this type of message is about a patient and can't be read without PID.
    pub fn needs_patient(&self) -> bool {
        matches!(
            self.kind,
            "ADT"
                | "ORU"
                | "OUL"
                | "MDM"
                | "ORM"
                | "OML"
                | "OMG"
                | "OMP"
                | "OMN"
                | "OMS"
                | "OMI"
                | "OMD"
                | "VXU"
        )
    }

    /// Whether type and event are among those that are translated in full.
    pub fn is_supported(&self) -> bool {
        match self.kind {
            "ADT" => matches!(
                self.trigger,
                "A01"
                    | "A02"
                    | "A03"
                    | "A04"
                    | "A05"
                    | "A06"
                    | "A07"
                    | "A08"
                    | "A09"
                    | "A10"
                    | "A11"
                    | "A12"
                    | "A13"
                    | "A14"
                    | "A15"
                    | "A16"
                    | "A17"
                    | "A18"
                    | "A21"
                    | "A22"
                    | "A23"
                    | "A24"
                    | "A25"
                    | "A26"
                    | "A27"
                    | "A28"
                    | "A29"
                    | "A30"
                    | "A31"
                    | "A34"
                    | "A36"
                    | "A37"
                    | "A38"
                    | "A39"
                    | "A40"
                    | "A46"
                    | "A47"
                    | "A54"
                    | "A55"
                    | "A60"
            ),
            "SIU" => matches!(self.trigger, "S12" | "S13" | "S14" | "S15" | "S16" | "S17" | "S26"),
            "ORU" => matches!(self.trigger, "R01" | ""),
            "ORM" => matches!(self.trigger, "O01" | ""),
            "OML" => matches!(self.trigger, "O21" | "O33" | "O35"),
            "OMG" => matches!(self.trigger, "O19"),
            "VXU" => matches!(self.trigger, "V04"),
            "MDM" => matches!(self.trigger, "T01" | "T02" | "T04" | "T06" | "T08" | "T10" | "T11"),
            _ => false,
        }
    }
}
