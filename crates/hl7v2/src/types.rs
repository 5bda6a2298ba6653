//! Which separators divide which fields: in a text a component separator is a character, not a border.
//!
//! Senders forget to escape `10^9/L`, `A & B` and their like. A type that has no components (ST, TX, FT) or whose
//! components have no subcomponents (CE, XTN) says where such a character can divide nothing. Source: HL7 v2.5.1
//! chapter 2.A (data types) and the attribute tables of its segments; for fields that later versions made coded, the
//! later type.

/// How the values of a field may be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    /// At every level.
    Any,
    /// Into repetitions only: ST, TX, FT.
    Text,
    /// Not at all: a text that does not repeat.
    Line,
    /// Into components only: CE, CWE, XTN, EI.
    Flat,
    /// As [`Division::Flat`], and a separator within a power (`10^9/L`, `kg/m^2`) is a character.
    Unit,
    /// Components of these numbers (bit 1 for component 1) have subcomponents, the others have none: XPN, XCN, CX …
    Composite(u32),
    /// ED: components 2 to 4 have no subcomponents; the data in the fifth, which may be text, are not divided at all.
    Document,
    /// By the type in OBX-2.
    Value,
}

use Division::{Any, Composite, Document, Flat, Line, Text, Unit, Value};

const fn bits(components: &[u8]) -> u32 {
    let (mut mask, mut at) = (0, 0);
    while at < components.len() {
        mask |= 1 << components[at];
        at += 1;
    }
    mask
}

const XPN: Division = Composite(bits(&[1, 9, 10]));
const XCN: Division = Composite(bits(&[2, 9, 14, 16, 17, 22, 23]));
const CX: Division = Composite(bits(&[4, 6, 9, 10]));
const XAD: Division = Composite(bits(&[1, 12, 21]));
const XON: Division = Composite(bits(&[6, 8]));
/// The ward of `A&E^^^RZZ01` is one word.
const PL: Division = Composite(bits(&[4, 10, 11]));

/// How a field of a segment may be divided.
pub(crate) fn division(segment: [u8; 3], field: u16) -> Division {
    match (&segment, field) {
        (b"PID", 2..=4 | 18 | 21) | (b"NK1", 12 | 33) | (b"PV1", 5 | 19 | 50 | 54) | (b"MRG", 1..=6) => CX,
        (b"PID", 5 | 6 | 9) | (b"NK1", 2 | 26 | 30) | (b"MRG", 7) => XPN,
        (b"PID", 11)
        | (b"NK1", 4 | 32)
        | (b"ORC", 22 | 24)
        | (b"OBX", 24)
        | (b"SCH", 14 | 18)
        | (b"ROL", 11) => XAD,
        (b"PD1", 4)
        | (b"PV1", 7 | 8 | 9 | 17 | 52)
        | (b"ORC", 10 | 11 | 12 | 19)
        | (b"OBR", 10 | 16 | 28)
        | (b"OBX", 16 | 25)
        | (b"TXA", 5 | 9 | 10 | 11)
        | (b"ROL", 4)
        | (b"DG1", 16)
        | (b"PR1", 8 | 11 | 12)
        | (b"RXA", 10)
        | (b"AIP", 3)
        | (b"SCH", 12 | 16 | 20)
        | (b"NTE", 5) => XCN,
        (b"PD1", 3) | (b"NK1", 13) | (b"ORC", 21) | (b"OBX", 23) | (b"ROL", 14) => XON,
        (b"PID", 12 | 23)
        | (b"NK1", 10 | 11)
        | (b"AL1", 5)
        | (b"DG1", 4)
        | (b"PR1", 4)
        | (b"PV2", 12)
        | (b"RXA", 15)
        | (b"OBR", 13)
        | (b"TXA", 16 | 21 | 25)
        | (b"TQ1", 10 | 11) => Text,
        (b"NTE", 3) | (b"SPM", 14 | 25) | (b"IAM", 5) => Text,
        (b"OBX", 7) => Line,
        (b"OBX", 5) => Value,
        (b"OBX", 6) | (b"RXA", 7) => Unit,
        (b"PV1", 3 | 6 | 11 | 42 | 43) | (b"AIL", 3) | (b"ORC", 13) => PL,
        (b"MSH", 3..=6) | (b"EVN", 4 | 7) | (b"ORC" | b"OBR", 2 | 3) | (b"ORC", 4 | 16 | 17) => Flat,
        (b"PV1", 2 | 4 | 10 | 14..=16 | 18 | 36..=41) | (b"OBR", 18..=21) | (b"OBX", 18) => Flat,
        (b"AIL" | b"AIG", 4) | (b"AIG", 3) | (b"ROL", 3) | (b"DG1" | b"PR1", 6) | (b"TXA", 12 | 13) => Flat,
        (b"PID", 10 | 13 | 14 | 15 | 16 | 17 | 22 | 26 | 28 | 40)
        | (b"NK1", 3 | 5..=7 | 31 | 40 | 41)
        | (b"AL1", 2..=4)
        | (b"DG1", 3)
        | (b"PR1", 3)
        | (b"OBX", 3 | 8 | 17 | 20)
        | (b"OBR", 4 | 31 | 39)
        | (b"PV2", 3)
        | (b"SPM", 4 | 6..=9)
        | (b"SCH", 6..=8)
        | (b"AIS", 3)
        | (b"RXA", 5 | 9 | 18 | 19)
        | (b"TXA", 2)
        | (b"IAM", 2..=4) => Flat,
        _ => Any,
    }
}

/// How OBX-5 may be divided where OBX-2 names this type.
pub(crate) fn of_value(kind: &str) -> Division {
    match kind.trim() {
        // `10^9` as a number is no 10.
        "ST" | "TX" | "FT" | "NM" | "DT" | "TM" | "ID" | "IS" | "SI" => Text,
        "CE" | "CWE" | "CNE" | "CF" | "XTN" | "EI" => Flat,
        "ED" => Document,
        // The pointer, an address with its `&`, has no parts.
        "RP" => Composite(bits(&[2])),
        _ => Any,
    }
}

/// Whether the separator at an offset stands within a power: after `10`, `m` (metre and what ends with it) or `s`,
/// before a sign or not and one or two digits; or between the number and the metre of a body surface (`1.73^m^2`).
pub(crate) fn in_power(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let base = before.ends_with(b"10") || matches!(before.last(), Some(b'm' | b's'));
    let after = bytes.get(at + 1..).unwrap_or_default();
    if before.ends_with(b"1.73") && after.first() == Some(&b'm') {
        return true;
    }
    let after = after.strip_prefix(b"-").or(after.strip_prefix(b"+")).unwrap_or(after);
    let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
    base && matches!(digits, 1 | 2) && after.get(digits).is_none_or(|b| !b.is_ascii_alphanumeric())
}

/// Segments that HL7 defines (versions 2.1 to 2.8). A line that begins with three capitals and no such name, nor `Z`,
/// is the rest of a text: `NAD`, `MRI`, `CXR`.
const NAMES: &str = " ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO \
CER CM0 CM1 CM2 CNS CON CSP CSR CSS CTD CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR EDU EQL EQP EQU ERQ \
ERR EVN FAC FHS FT1 FTS GOL GP1 GP2 GT1 IAM IAR IIM ILT IN1 IN2 IN3 INV IPC IPR ISD ITM IVC IVT LAN LCC LCH LDP LOC \
LRL MCP MFA MFE MFI MRG MSA MSH NCK NDS NK1 NPU NSC NST NTE OBR OBX ODS ODT OH1 OH2 OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 \
OM7 OMC ORC ORG OVR PAC PCE PCR PD1 PDA PDC PEO PES PID PKG PM1 PMT PR1 PRA PRB PRC PRD PRT PSG PSH PSL PSS PTH PV1 \
PV2 PYE QAK QID QPD QRD QRF QRI RCP RDF RDT REL RF1 RFI RGS RGV RMI ROL RQ1 RQD RXA RXC RXD RXE RXG RXO RXR RXV SAC \
SCD SCH SCP SDD SFT SGH SGT SHP SID SLT SPM SPR STF STZ TCC TCD TQ1 TQ2 TXA UAC UB1 UB2 URD URS VAR VTQ VND ";

/// Segments that may stand without a single field. Names that are words of care as well (PID, ARV, PTH) are none.
const EMPTY: &str = " AIG AIL AIP AIS AL1 DB1 DG1 DSC EVN GT1 IN1 IN2 MRG NK1 NTE OBR OBX ORC PD1 PR1 PV1 PV2 RGS ROL \
RXA RXR SCH SFT SPM TQ1 TXA ";

fn listed(list: &str, name: [u8; 3]) -> bool {
    list.as_bytes().chunks_exact(4).any(|entry| entry.get(1..) == Some(&name))
}

/// Whether a segment may have this name.
pub(crate) fn is_name(name: [u8; 3]) -> bool {
    matches!(&name, b"OBX" | b"NTE" | b"OBR" | b"ORC" | b"PID" | b"PV1" | b"MSH" | b"EVN" | b"NK1")
        || name.first() == Some(&b'Z')
        || listed(NAMES, name)
}

/// Whether a line of nothing but this name is a segment.
pub(crate) fn may_be_empty(name: [u8; 3]) -> bool {
    name.first() == Some(&b'Z') || listed(EMPTY, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_names_of_three() {
        for list in [NAMES, EMPTY] {
            assert!(list.split(' ').all(|n| n.is_empty() || n.len() == 3), "{list}");
            assert!(
                list.split(' ')
                    .filter(|n| !n.is_empty())
                    .all(|n| listed(list, n.as_bytes().try_into().unwrap()))
            );
        }
        assert!(is_name(*b"OBX") && is_name(*b"ZU1") && !is_name(*b"NAD") && !may_be_empty(*b"PID"));
    }

    #[test]
    fn powers() {
        let at = |text: &str| in_power(text.as_bytes(), text.find('^').unwrap());
        for text in [
            "10^9/L",
            "x10^12/L",
            "kg/m^2",
            "mL/min/1.73m^2",
            "cells/mm^3",
            "10^-3",
            "m^2^L",
            "10^3 cells/uL",
        ] {
            assert!(at(text), "{text}");
        }
        for text in ["mmol/L^mmol/L^UCUM", "g^10^L", "m^metre^L", "10*9/L^x10", "%^percent", "m^123", "10^9L"]
        {
            assert!(!at(text), "{text}");
        }
    }
}
